/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise */
#include "virtsim/linetab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINETAB_ALIGN 64u
#define HUGE_PAGE (2u << 20)

/* Zeroed, for linetab_return. Sets of a large cache are visited at random: huge pages keep the
 * host's TLB out of it, and pages that are never visited are never cleared. */
static void *linetab_memory(size_t bytes, size_t *mapped)
{
    *mapped = 0;
    if (bytes < HUGE_PAGE / 2u) {
        return calloc(1, bytes);
    }
    size_t whole = (bytes + HUGE_PAGE - 1u) / HUGE_PAGE * HUGE_PAGE, more = whole + HUGE_PAGE;
    char *got = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) {
        return NULL;
    }
    /* what lies before and behind the aligned part is given back */
    size_t before = (HUGE_PAGE - ((uintptr_t)got & (HUGE_PAGE - 1u))) & (HUGE_PAGE - 1u);
    if (before) {
        (void)munmap(got, before);
    }
    (void)munmap(got + before + whole, more - before - whole);
    (void)madvise(got + before, whole, MADV_HUGEPAGE);
    *mapped = whole;
    return got + before;
}

/* Gives back what linetab_memory gave. */
static void linetab_return(void *at, size_t mapped)
{
    if (mapped) {
        (void)munmap(at, mapped);
    } else {
        free(at);
    }
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
    c->base = linetab_memory(bytes + LINETAB_ALIGN, &c->mapped);
    if (!c->base) {
        return VS_E_NOMEM;
    }
    uintptr_t at = ((uintptr_t)c->base + LINETAB_ALIGN - 1u) & ~(uintptr_t)(LINETAB_ALIGN - 1u);
    c->tag = (uint32_t *)at;
    uint32_t v = 0;
    while (!vs_linetab_use(c, vs_linetab_variant[v])) {
        v++;
    }
    return VS_OK;
}

void vs_linetab_free(struct vs_linetab *c)
{
    linetab_return(c->base, c->mapped);
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
