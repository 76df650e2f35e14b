/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "progress.h"

#include "virtsim/host_clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TERMINAL_S 0.2
#define LINES_S 10.0

static char said[400] = "working"; /* what was said last */
static double began, last;
static bool shown, quiet;

/* Seconds between two of them; VIRTSIM_PROGRESS says how many where there is no terminal. */
static double pause_s(void)
{
    const char *asked = getenv("VIRTSIM_PROGRESS");
    double s = asked ? strtod(asked, NULL) : 0;
    return isatty(STDERR_FILENO) ? TERMINAL_S : s > 0 ? s : LINES_S;
}

/* It is time to say something again; when that is asked for the first time the clock starts. */
static bool due(void)
{
    double t = vs_host_seconds();
    if (began <= 0) {
        began = last = t;
    }
    if (quiet || t - last < pause_s()) {
        return false;
    }
    last = t;
    return true;
}

/* Shows the progress: in place on a terminal, else as a line. */
static void say(const char *more)
{
    if (isatty(STDERR_FILENO)) {
        shown = true;
        fprintf(stderr, "\r\033[K%s%s", said, more);
    } else {
        fprintf(stderr, "virtsim: %s%s\n", said, more);
    }
    fflush(stderr);
}

void progress(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    if (due()) {
        say("");
    }
}

void progress_of(size_t done, size_t all, const char *what, double seconds)
{
    if (done) {
        progress("%zu of %zu %s, %.0f s left", done, all, what,
                 seconds / (double)done * (double)(all - done));
    } else {
        progress("0 of %zu %s", all, what);
    }
    if (done && done == all) {
        progress_clear();
        snprintf(said, sizeof said, "working");
    }
}

void progress_waiting(void)
{
    if (due()) {
        char more[40];
        snprintf(more, sizeof more, " (after %.0f s)", vs_host_seconds() - began);
        say(more);
    }
}

int progress_callback(void *ctx, uint64_t now_ps, uint64_t accesses)
{
    const char *what = ctx;
    progress("%s: %.3f ms simulated, %.1f M accesses", what ? what : "running",
             (double)now_ps * 1e-9, (double)accesses * 1e-6);
    return 0;
}

void progress_clear(void)
{
    if (shown) {
        fputs("\r\033[K", stderr);
        shown = false;
    }
}

bool progress_shown(void)
{
    return shown;
}

void progress_quiet(void)
{
    quiet = true;
}
