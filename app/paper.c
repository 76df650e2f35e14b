/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "paper.h"

#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#define USUAL_WIDTH 80u
#define LEAST_WIDTH 20u

static pid_t pager;
static bool terminal_before_pager;

/* Says whether a person reads the output. */
static bool on_terminal(void)
{
    return pager ? terminal_before_pager : isatty(STDOUT_FILENO) != 0;
}

size_t paper_width(void)
{
    static size_t width;
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (width) {
        return width;
    }
    long asked = columns ? strtol(columns, NULL, 10) : 0;
    if (asked > 0) {
        width = (size_t)asked;
    } else if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
        width = size.ws_col;
    } else {
        width = USUAL_WIDTH;
    }
    width = width < LEAST_WIDTH ? LEAST_WIDTH : width;
    return width;
}

bool paper_unicode(void)
{
    static int known = -1;
    if (known < 0) {
        /* the program itself stays in the C locale: what a script computes depends on no locale */
        locale_t theirs = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
        if (theirs) {
            known = !strcmp(nl_langinfo_l(CODESET, theirs), "UTF-8");
            freelocale(theirs);
        } else { /* one that is not installed: its name says it */
            const char *name = getenv("LC_ALL");
            name = name && *name ? name : getenv("LC_CTYPE");
            name = name && *name ? name : getenv("LANG");
            known = name && (strcasestr(name, "UTF-8") || strcasestr(name, "UTF8"));
        }
    }
    return known;
}

/* The locale in which libc knows the width of any character; 0: it has none. */
static locale_t unicode(void)
{
    static locale_t made;
    static bool tried;
    if (!tried) {
        made = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        tried = true;
    }
    return made;
}

/* The character at `text`: how many bytes it has, and columns. */
static size_t character(const char *text, size_t *columns)
{
    *columns = 1;
    if (!((unsigned char)*text & 0x80)) {
        return 1;
    }
    locale_t before = unicode() ? uselocale(unicode()) : (locale_t)0;
    mbstate_t state = {0};
    wchar_t c = 0;
    size_t bytes = mbrtowc(&c, text, strlen(text), &state);
    if (bytes == (size_t)-1 || bytes == (size_t)-2 || !bytes) {
        bytes = 1;
    } else {
        int width = wcwidth(c);
        *columns = width < 0 ? 1 : (size_t)width;
    }
    if (before) {
        (void)uselocale(before);
    }
    return bytes;
}

size_t paper_columns(const char *text)
{
    size_t all = 0, one;
    while (*text) {
        text += character(text, &one);
        all += one;
    }
    return all;
}

size_t paper_fold(const char *text, size_t columns, const char **next)
{
    size_t at = 0, used = 0, blank = 0, punctuation = 0;
    while (text[at]) {
        size_t one, bytes = character(text + at, &one);
        if (used + one > columns && at) {
            break;
        }
        blank = text[at] == ' ' && at ? at : blank;
        at += bytes;
        used += one;
        punctuation = strchr("._-/:;,|=([", text[at - 1]) ? at : punctuation;
    }
    size_t cut = !text[at] || text[at] == ' ' ? at : blank ? blank : punctuation ? punctuation : at;
    *next = text + cut + strspn(text + cut, " ");
    return cut;
}

/* Columns of a sentence: in a file or a pipe it is one line, so that it can be searched for. */
static size_t prose_width(void)
{
    const char *columns = getenv("COLUMNS");
    bool asked = columns && strtol(columns, NULL, 10) > 0;
    return asked || on_terminal() ? paper_width() : SIZE_MAX;
}

void paper_line(const char *text)
{
    char *shown = strdup(paper_text(text));
    const char *next = shown ? shown : text;
    do {
        const char *line = next;
        size_t n = paper_fold(line, prose_width(), &next);
        if (line[n] && line[n] != ' ') { /* a path longer than the paper stays whole */
            n += strcspn(line + n, " ");
            next = line + n + strspn(line + n, " ");
        }
        printf("%.*s\n", (int)n, line);
    } while (*next);
    free(shown);
}

void paper_printf(const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) >= 0) {
        paper_line(line);
        free(line);
    }
    va_end(arguments);
}

const char *paper_text(const char *text)
{
    static char *ascii;
    bool plain = true;
    for (const char *c = text; *c && plain; c++) {
        plain = !((unsigned char)*c & 0x80);
    }
    if (plain || paper_unicode()) {
        return text;
    }
    size_t left = strlen(text), room = 4 * left + 1;
    char *grown = realloc(ascii, room);
    iconv_t how = grown ? iconv_open("ASCII//TRANSLIT", "UTF-8") : (iconv_t)-1;
    if (!grown || how == (iconv_t)-1) {
        ascii = grown ? grown : ascii;
        return text;
    }
    ascii = grown;
    char *in = (char *)(size_t)text, *out = ascii;
    if (iconv(how, &in, &left, &out, &room) == (size_t)-1) {
        /* no text at all: what there is, its foreign bytes as '?' */
        for (; left && room > 1; left--, room--, in++) {
            *out++ = (unsigned char)*in & 0x80 ? '?' : *in;
        }
    }
    *out = '\0';
    iconv_close(how);
    return ascii;
}

const char *paper_bold(bool on)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    bool coloured = on_terminal() && !(none && *none) && term && *term && strcmp(term, "dumb") != 0;
    return !coloured ? "" : on ? "\033[1m" : "\033[m";
}

/* less, where there is one. */
static const char *usual_pager(void)
{
    char file[4200];
    for (const char *at = getenv("PATH"); at && *at;) {
        size_t n = strcspn(at, ":");
        snprintf(file, sizeof file, "%.*s/less", (int)n, at);
        if (!access(file, X_OK)) {
            return "less";
        }
        at += n + (at[n] == ':');
    }
    return "";
}

void paper_page(void)
{
    const char *command = getenv("VIRTSIM_PAGER");
    command = command ? command : getenv("PAGER");
    command = command ? command : usual_pager();
    int ends[2];
    if (pager || !isatty(STDOUT_FILENO) || !*command || !strcmp(command, "cat")) {
        return;
    }
    (void)paper_width(); /* of the terminal: stdout is a pipe soon */
    fflush(stdout);
    if (pipe(ends)) {
        return;
    }
    pid_t child = fork();
    if (!child) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("LESS", "FRX", 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (child > 0) {
        terminal_before_pager = true;
        pager = child;
        (void)signal(SIGINT, SIG_IGN); /* it is the pager's from now on */
        dup2(ends[1], STDOUT_FILENO);
    }
    close(ends[0]);
    close(ends[1]);
}

void paper_end(void)
{
    if (pager) {
        while (waitpid(pager, NULL, 0) < 0 && errno == EINTR) {
        }
        pager = 0;
    }
}
