/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise */
#include "virtsim/linetab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINETAB_ALIGN 64u
#define HUGE_PAGE (2u << 20)

/* Zeroed. Sets of a large cache are visited at random: huge pages keep the host's TLB out of it. */
static void *linetab_memory(size_t bytes)
{
    if (bytes < HUGE_PAGE / 2u) {
        return calloc(1, bytes);
    }
    size_t whole = (bytes + HUGE_PAGE - 1u) / HUGE_PAGE * HUGE_PAGE;
    void *at = aligned_alloc(HUGE_PAGE, whole);
    if (at) {
        (void)madvise(at, whole, MADV_HUGEPAGE);
        memset(at, 0, bytes);
    }
    return at;
}

enum vs_status vs_linetab_init(struct vs_linetab *c, uint32_t entries, uint32_t ways)
{
    memset(c, 0, sizeof *c);
    if (ways == 0 || ways > VS_LINETAB_MAX_WAYS || entries == 0 || entries % ways) {
        return VS_E_CONFIG;
    }
    c->ways = ways;
    c->stride = (ways + 7u) & ~7u;
    c->by_sets = vs_divider_of(entries / ways);
    size_t bytes = c->by_sets.n * c->stride * sizeof *c->tag;
    c->base = linetab_memory(bytes + LINETAB_ALIGN);
    if (!c->base) {
        return VS_E_NOMEM;
    }
    uintptr_t at = ((uintptr_t)c->base + LINETAB_ALIGN - 1u) & ~(uintptr_t)(LINETAB_ALIGN - 1u);
    c->tag = (uint32_t *)at;
    return VS_OK;
}

void vs_linetab_free(struct vs_linetab *c)
{
    free(c->base);
    memset(c, 0, sizeof *c);
}

void vs_linetab_clear(struct vs_linetab *c)
{
    memset(c->tag, 0, c->by_sets.n * c->stride * sizeof *c->tag);
}

uint32_t *vs_linetab_peek(const struct vs_linetab *c, uint64_t line)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set), *first = c->tag + set * c->stride;
    for (uint32_t w = 0; w < c->ways; w++) {
        if ((first[w] | VS_LINE_FLAGS) == (tag | VS_LINE_FLAGS)) {
            return first + w;
        }
    }
    return NULL;
}

bool vs_linetab_drop(struct vs_linetab *c, uint64_t line, bool *dirty)
{
    uint32_t *t = vs_linetab_peek(c, line);
    *dirty = t && (*t & VS_LINE_DIRTY);
    if (!t) {
        return false;
    }
    uint64_t set;
    (void)vs_linetab_tag(c, line, &set);
    uint32_t *end = c->tag + set * c->stride + c->ways - 1u;
    for (; t < end; t++) {
        t[0] = t[1];
    }
    *end = 0;
    return true;
}
