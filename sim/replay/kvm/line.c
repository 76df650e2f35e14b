/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* strcasestr */
#include "replay/kvm/line.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A digit, whatever the locale. */
static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A blank between columns. */
static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first character behind blanks. */
static char *skip(char *p)
{
    while (blank(*p)) {
        p++;
    }
    return p;
}

/* A name of an event, perhaps "system:name", that a colon ends: where that colon is; NULL: none. */
static char *event_end(char *p)
{
    char *begin = p;
    bool letter = false;
    for (; isalnum((unsigned char)*p) || *p == '_' || *p == '-' || *p == ':'; p++) {
        letter = letter || !digit(*p);
        if (*p == ':' && (blank(p[1]) || !p[1])) {
            return letter && p > begin ? p : NULL;
        }
    }
    return NULL;
}

/* Where the digits of a time end that stands before this colon: "1.5:", and of ftrace's latency
 * format "5us:", "5us :", "5us+:". */
static char *time_end(char *text, char *colon)
{
    char *p = colon;
    while (p > text && strchr(" +!#*@$", p[-1])) {
        p--;
    }
    return p - text >= 2 && !strncmp(p - 2, "us", 2) ? p - 2 : colon;
}

/* A time before the colon at `colon`: where it begins; NULL: what stands there is none. */
static char *time_begin(char *text, char *colon)
{
    char *end = time_end(text, colon), *p = end;
    unsigned dots = 0;
    while (p > text && (digit(p[-1]) || p[-1] == '.')) {
        dots += *--p == '.';
    }
    bool begins = p == text || blank(p[-1]) || strchr("+!#*@$", p[-1]);
    return p < end && digit(*p) && dots < 2u && begins ? p : NULL;
}

/* Seconds with up to twelve decimals, or microseconds with their unit, as picoseconds; without
 * either, ticks. */
static void read_time(const char *p, struct vs_kvm_line *out)
{
    char *end;
    uint64_t whole = strtoull(p, &end, 10), part = 0, unit = UINT64_C(1000000000000);
    bool seconds = *end == '.', micro = *end == 'u';
    out->timed = seconds || micro;
    out->ticks = whole;
    if (micro) {
        out->ps = whole * UINT64_C(1000000);
    } else if (seconds) {
        for (end++; digit(*end) && unit > 1u; end++) {
            unit /= 10u;
            part += unit * (uint64_t)(*end - '0');
        }
        out->ps = whole * UINT64_C(1000000000000) + part;
    }
}

/* The digits that end at `end`, which begin behind `begin` or a '-', '/' or blank; -1: none. */
static int64_t trailing_number(const char *begin, const char *end)
{
    const char *p = end;
    while (p > begin && digit(p[-1])) {
        p--;
    }
    bool apart = p == begin || strchr("-/ \t(", p[-1]);
    return p < end && end - p < 19 && apart ? strtoll(p, NULL, 10) : -1;
}

/* The end of what stands before `end`, blanks and a "(tgid)" or "(-----)" left out. */
static const char *before(const char *begin, const char *end)
{
    while (end > begin && blank(end[-1])) {
        end--;
    }
    if (end > begin && end[-1] == ')') {
        const char *open = end - 1;
        while (open > begin && *open != '(') {
            open--;
        }
        bool group = *open == '(' && open > begin && blank(open[-1]);
        for (const char *p = open + 1; group && p < end - 1; p++) {
            group = digit(*p) || *p == '-' || *p == ' ';
        }
        if (group) {
            for (end = open; end > begin && blank(end[-1]);) {
                end--;
            }
        }
    }
    return end;
}

/* The last "[003]" before `end`: where it begins; NULL: there is none. */
static const char *last_bracket(const char *begin, const char *end)
{
    const char *open = NULL;
    for (const char *p = begin; p < end; p++) {
        const char *close = p + 1;
        while (close < end && digit(*close)) {
            close++;
        }
        if (*p == '[' && close > p + 1 && close < end && *close == ']') {
            open = p;
        }
    }
    return open;
}

/* Thread and processor from the columns before the time: "[003]" among them, or, in trace-cmd's
 * latency format, the processor and its flags as one word, "3d..1.". */
static void read_columns(const char *begin, const char *end, struct vs_kvm_line *out)
{
    const char *open = last_bracket(begin, end);
    if (open) {
        out->cpu = (int)strtol(open + 1, NULL, 10);
        out->thread = trailing_number(begin, before(begin, open));
        return;
    }
    const char *last = end;
    while (last > begin && (blank(last[-1]) || strchr("+!#*@$", last[-1]))) {
        last--;
    }
    const char *word = last;
    while (word > begin && !blank(word[-1])) {
        word--;
    }
    const char *flags = word;
    while (flags < last && digit(*flags)) {
        flags++;
    }
    if (flags > word && last - flags >= 4) {
        out->cpu = (int)strtol(word, NULL, 10);
        out->thread = trailing_number(begin, before(begin, word));
    } else {
        out->thread = trailing_number(begin, before(begin, last));
    }
}

/* The processor of a line that is no event: of a column "[003]", which perf prints behind a
 * command's name that may be "CPU 0/KVM"; else a number behind "CPU", whatever stands between
 * ("CPU:3", "CPU 3", "cpu=3"); -1: there is none. */
static int processor_of(const char *text)
{
    const char *column = last_bracket(text, text + strlen(text));
    if (column) {
        return (int)strtol(column + 1, NULL, 10);
    }
    const char *p = strcasestr(text, "cpu");
    if (!p) {
        return -1;
    }
    p += 3;
    p += strspn(p, " :=#[");
    return digit(*p) ? (int)strtol(p, NULL, 10) : -1;
}

/* The line says that events are missing: "CPU:3 [LOST 17 EVENTS]" of ftrace, "[17 EVENTS DROPPED]"
 * of trace-cmd, perf's "PERF_RECORD_LOST" and "lost 17 events", a buffer that begins later than the
 * others. */
static bool is_loss(const char *text)
{
    return strcasestr(text, "LOST") || strcasestr(text, "DROPPED") || strcasestr(text, "overrun") ||
           (strstr(text, "buffer started") && strstr(text, "CPU"));
}

/* An event's line: its parts. */
static bool read_event(char *text, struct vs_kvm_line *out)
{
    for (char *colon = text; (colon = strchr(colon, ':')); colon++) {
        char *time = time_begin(text, colon), *name, *end;
        if (!time || !blank(colon[1])) {
            continue;
        }
        name = skip(colon + 1);
        char *period = name; /* perf script may print how often the event was counted */
        while (digit(*period)) {
            period++;
        }
        name = period > name && blank(*period) ? skip(period) : name;
        end = event_end(name);
        if (!end) {
            continue;
        }
        read_time(time, out);
        read_columns(text, time, out);
        char *system = memchr(name, ':', (size_t)(end - name));
        *end = 0;
        out->event = system ? system + 1 : name;
        out->payload = end[1] ? skip(end + 1) : end;
        return true;
    }
    return false;
}

enum vs_kvm_line_kind vs_kvm_line(char *text, struct vs_kvm_line *out)
{
    *out = (struct vs_kvm_line){.thread = -1, .cpu = -1, .event = "", .payload = ""};
    if (read_event(text, out)) {
        return strstr(out->event, "LOST") ? VS_KVM_LOST : VS_KVM_EVENT;
    }
    char *p = skip(text);
    if (*p != '#' || strstr(p, "#### CPU")) {
        if (is_loss(p)) {
            out->cpu = processor_of(p);
            return VS_KVM_LOST;
        }
    }
    bool heading = !strncmp(p, "cpus=", 5) || !strncmp(p, "version", 7) ||
                   (!strncmp(p, "CPU ", 4) && strstr(p, "is empty"));
    return !*p || *p == '#' || heading ? VS_KVM_NOTE : VS_KVM_FOREIGN;
}
