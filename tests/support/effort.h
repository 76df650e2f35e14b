/* SPDX-License-Identifier: MIT */
/* How often a test of random cases or of a long trace repeats itself. The environment variable
 * VIRTSIM_TEST_EFFORT is a percentage; without it a plain build makes all of them and one with
 * sanitizers, where each costs ten to twenty times as much, a tenth. A test's own count is a full
 * effort's. */
#ifndef VIRTSIM_TESTS_EFFORT_H
#define VIRTSIM_TESTS_EFFORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define VS_TEST_EFFORT 10u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VS_TEST_EFFORT 10u
#endif
#endif
#ifndef VS_TEST_EFFORT
#define VS_TEST_EFFORT 100u
#endif

/* The percentage. */
static inline uint64_t effort_percent(void)
{
    const char *text = getenv("VIRTSIM_TEST_EFFORT");
    unsigned long n = text ? strtoul(text, NULL, 10) : VS_TEST_EFFORT;
    return n ? n : VS_TEST_EFFORT;
}

/* That part of `all` repetitions, one at least. */
static inline uint64_t effort(uint64_t all)
{
    uint64_t n = all * effort_percent() / 100u;
    return n ? n : 1u;
}

/* Is the k-th of a fixed list of cases among those that are made? At a tenth every tenth one. */
static inline bool effort_takes(uint64_t k)
{
    return k * effort_percent() % 100u < effort_percent();
}

#endif
