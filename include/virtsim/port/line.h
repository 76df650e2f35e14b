/* SPDX-License-Identifier: MIT */
/* Cache lines, as a core reaches them. */
#ifndef VIRTSIM_PORT_LINE_H
#define VIRTSIM_PORT_LINE_H

#include "virtsim/port/mem.h"

/* Lines as a core's hot loop sees them: `access` moves state and counters, not time, and says which
 * level answered; the caller books ps[level] on account[level]. hpa / line size = line. */
#define VS_LINE_LEVELS 16u
#define VS_LINE_RUN 64u
struct vs_line_port {
    void *ctx;
    uint32_t (*access)(void *ctx, uint64_t line, enum vs_ref ref);
    /* An access that touches `line` and `line + 1` as one reference with at most one miss (the rule
     * of cachegrind). NULL: the two lines are two references. */
    uint32_t (*straddle)(void *ctx, uint64_t line, enum vs_ref ref);
    /* A line that was just accessed is written, at no further reference: the write of an
     * instruction that modifies what it has loaded. */
    void (*soil)(void *ctx, uint64_t line);
    /* n <= VS_LINE_RUN accesses to line, line + step, ... in one call: which level answered each of
     * them, and how many each level, added to answered[]. The same as n calls of access. */
    void (*run)(void *ctx, uint64_t line, uint32_t n, uint64_t step, enum vs_ref ref,
                uint8_t level[VS_LINE_RUN], uint64_t answered[VS_LINE_LEVELS]);
    uint16_t account[VS_LINE_LEVELS];
    uint64_t ps[VS_LINE_LEVELS];
};

#endif
