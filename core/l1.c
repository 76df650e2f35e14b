/* SPDX-License-Identifier: MIT */
/* What of the first level is seldom: out of the way of the inline path. */
#include "virtsim/l1.h"

const uint64_t *vs__l1_newest_odd(const struct vs_l1 *l, const struct vs_settab *s, uint64_t key)
{
    const uint64_t *p = vs_l1_newest_of(s, key);
    return !p && l->globals ? vs_l1_newest_of(s, key ^ l->context ^ l->global_context) : p;
}
