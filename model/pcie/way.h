/* SPDX-License-Identifier: MIT */
/*
 * One direction of a link: when it carries something. A packet is granted the first time from its
 * own arrival on at which the direction is free for it, whatever was granted before for later: who
 * arrives first goes first, although callers learn of what lies ahead (a completion) early.
 */
#ifndef VIRTSIM_PCIE_WAY_H
#define VIRTSIM_PCIE_WAY_H

#include <stdint.h>

#define VS_WAY_SPANS 64u /* stretches it remembers; older ones are long past */

struct vs_way {
    struct vs_way_span {
        uint64_t from_ps, to_ps;
    } busy[2u * VS_WAY_SPANS]; /* n of them from `first` on, in order, apart from each other */
    uint32_t first, n;
};

uint64_t vs__way_among(struct vs_way *w, uint64_t at_ps, uint64_t ps);
/* Takes the direction for `ps`, from `at_ps` or the first time after it that is long enough; when
 * that begins. Mostly nothing was granted for later. */
static inline uint64_t vs_way_grant(struct vs_way *w, uint64_t at_ps, uint64_t ps)
{
    struct vs_way_span *end = &w->busy[w->first + w->n];
    if (!w->n || !ps || end[-1].to_ps > at_ps) {
        return vs__way_among(w, at_ps, ps);
    }
    if (end[-1].to_ps == at_ps) {
        end[-1].to_ps = at_ps + ps;
    } else if (end == w->busy + 2u * VS_WAY_SPANS) {
        return vs__way_among(w, at_ps, ps);
    } else {
        end->from_ps = at_ps;
        end->to_ps = at_ps + ps;
        uint32_t full = w->n == VS_WAY_SPANS; /* the oldest makes room for it */
        w->first += full;
        w->n += 1u - full;
    }
    return at_ps;
}
/* What was granted from `from_ps` on for `ps` ends at `to_ps` instead: what is left of it is free
 * again, or what is free behind it up to there is taken too. */
void vs_way_correct(struct vs_way *w, uint64_t from_ps, uint64_t ps, uint64_t to_ps);
/* From when on nothing is granted yet. */
static inline uint64_t vs_way_end(const struct vs_way *w)
{
    return w->n ? w->busy[w->first + w->n - 1u].to_ps : 0;
}

#endif
