/* SPDX-License-Identifier: MIT */
/*
 * Units and address spaces. One-member structs, so that mixing two of them does not compile.
 * Time is integer picoseconds; a clock is an integer period in ps, rounded once (vs_clock_mhz).
 * Inside a file raw integers carry the unit in their name (_ps, _bytes, _entries).
 */
#ifndef VIRTSIM_UNITS_H
#define VIRTSIM_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t v;
} vs_ps; /* a duration or an instant, picoseconds            */
typedef struct {
    uint64_t v;
} vs_cycles; /* a duration in periods of one component's clock   */
typedef struct {
    uint64_t v;
} vs_gva; /* guest virtual (native: the process's own virtual) */
typedef struct {
    uint64_t v;
} vs_gpa; /* guest physical                                   */
typedef struct {
    uint64_t v;
} vs_hpa; /* host physical                                    */
typedef struct {
    uint64_t v;
} vs_iova; /* what a device puts on the bus before translation */

/* A clock: period in ps. 2600 MHz -> 385 ps (384.6 rounded once; reported as a knob's effective
 * value). */
struct vs_clock {
    uint64_t period_ps;
};

/* The clock of a frequency, its period rounded to a picosecond. */
static inline struct vs_clock vs_clock_mhz(uint64_t mhz)
{
    struct vs_clock c = {mhz ? (1000000u + mhz / 2u) / mhz : 0u};
    return c;
}

/* The time of so many cycles. */
static inline vs_ps vs_clock_ps(struct vs_clock c, vs_cycles n)
{
    vs_ps t = {n.v * c.period_ps};
    return t;
}

#define VS_PAGE_4K_SHIFT 12u
#define VS_PAGE_2M_SHIFT 21u
#define VS_PAGE_1G_SHIFT 30u
#define VS_LINE_SHIFT 6u /* 64-byte lines wherever real page tables and rings live */

#if defined(__GNUC__)
#define vs_likely(x) __builtin_expect(!!(x), 1)
#define vs_unlikely(x) __builtin_expect(!!(x), 0)
#define VS_PRINTF(f, a) __attribute__((format(printf, f, a)))
/* What a hot path is made of becomes part of each of its variants. Not with sanitizers, whose
 * checks of every copy take most of the compiler's time. */
#if defined(VS_SANITIZED)
#define vs_inlined inline
#else
#define vs_inlined inline __attribute__((always_inline))
#endif
#else
#define vs_inlined inline
#define vs_likely(x) (x)
#define vs_unlikely(x) (x)
#define VS_PRINTF(f, a)
#endif

/* Brings a line of the host's memory. The empty asm keeps callers from being taken for functions
 * without effect, whose calls a compiler drops, and the hint with them. */
static inline void vs_prefetch(const void *at)
{
#if defined(__GNUC__)
    __builtin_prefetch(at);
    __asm__ volatile("");
#else
    (void)at;
#endif
}

#endif
