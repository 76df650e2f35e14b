/* SPDX-License-Identifier: MIT */
#include "memory/memory.h"

#include <string.h>

struct vs_settab *vs_memory_watched(struct vs_memory_core *c, const char *name, bool *shared)
{
    struct vs_memory_cache *k = !strcmp(name, "memory.l1d")   ? &c->l1[0]
                                : !strcmp(name, "memory.l1i") ? &c->l1[1]
                                : !strcmp(name, "memory.l2")  ? &c->l2
                                : !strcmp(name, "memory.llc") ? &c->memory->llc
                                                              : NULL;
    *shared = k == &c->memory->llc;
    if (!k || !k->present) {
        return NULL;
    }
    if (k->lines) { /* the general table keeps the same lines */
        uint32_t ways = k->lines->ways, entries = (uint32_t)k->lines->by_sets.n * ways;
        vs_linetab_free(k->lines);
        k->lines = NULL;
        if (vs_settab_init(&k->wide, entries, ways, VS_POLICY_LRU, 0)) {
            return NULL;
        }
    }
    return &k->wide;
}
