/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "virtsim/host_clock.h"

#include <time.h>

/* Seconds of one of the system's clocks. */
static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double vs_host_seconds(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double vs_host_processor_seconds(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}
