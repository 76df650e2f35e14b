/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

#define PWC(dimension, level, deeper)                                                              \
    {                                                                                              \
        "ept." dimension "_pwc.l" level, false, "ept." dimension "_pwc.l" level ".hits",           \
            deeper "ept." dimension "_pwc.misses", false, NULL, NULL                               \
    }
#define PWCS(dimension)                                                                            \
    PWC(dimension, "2",                                                                            \
        "ept." dimension "_pwc.l3.hits ept." dimension "_pwc.l4.hits ept." dimension               \
        "_pwc.l5.hits "),                                                                          \
        PWC(dimension, "3", "ept." dimension "_pwc.l4.hits ept." dimension "_pwc.l5.hits "),       \
        PWC(dimension, "4", "ept." dimension "_pwc.l5.hits "), PWC(dimension, "5", "")
#define CACHE(name)                                                                                \
    {                                                                                              \
        "memory." name, true,                                                                      \
            "memory." name ".read_hits memory." name ".write_hits memory." name                    \
            ".fetch_hits memory." name ".walk_hits",                                               \
            "memory." name ".read_misses memory." name ".write_misses memory." name                \
            ".fetch_misses memory." name ".walk_misses",                                           \
            false, NULL, NULL                                                                      \
    }

/* A table of one page size: the counters are of the level. */
#define OF_SIZE(name, level, late, moved, where)                                                   \
    {                                                                                              \
        name, false, level ".hits", level ".misses", late, moved, where                            \
    }
#define FIRST(name, level, moved, where) OF_SIZE(name, level, true, moved, where)
#define TLB(name) OF_SIZE(name, name, false, NULL, NULL)

static const struct vs_watched watched[] = {
    FIRST("ept.l1_dtlb_4k", "ept.l1_dtlb", NULL, NULL),
    FIRST("ept.l1_dtlb_2m", "ept.l1_dtlb", "ept.l1_dtlb.shared", "ept.l1_dtlb_4k"),
    FIRST("ept.l1_dtlb_1g", "ept.l1_dtlb", "ept.l1_dtlb.shared", "ept.l1_dtlb_4k"),
    FIRST("ept.l1_dtlb_store", "ept.l1_dtlb_store", NULL, NULL),
    FIRST("ept.l1_itlb_4k", "ept.l1_itlb", NULL, NULL),
    FIRST("ept.l1_itlb_2m", "ept.l1_itlb", "ept.l1_itlb.shared", "ept.l1_itlb_4k"),
    TLB("ept.l2_tlb"),
    OF_SIZE("ept.l2_tlb_1g", "ept.l2_tlb", false, "ept.l2_tlb_1g.place", "ept.l2_tlb"),
    TLB("ept.l2_itlb"),
    TLB("ept.nested_tlb"),
    TLB("ept.walk_lines"),
    PWCS("guest"),
    PWCS("nested"),
    CACHE("l1d"),
    CACHE("l1i"),
    CACHE("l2"),
    CACHE("llc"),
};

const struct vs_watched *vs_watch_structures(size_t *n)
{
    *n = sizeof watched / sizeof *watched;
    return watched;
}

/* A watched table and the counters of its hits, of guest and host. */
#define COUNTERS 8u
struct machine_watch {
    struct vs_watch *watch;
    const uint64_t *hit[2u * COUNTERS];
    size_t n;
};

/* Adds up the hits that the watched structure's counters know. */
static uint64_t hits(const void *ctx)
{
    const struct machine_watch *w = ctx;
    uint64_t sum = 0;
    for (size_t i = 0; i < w->n; i++) {
        sum += *w->hit[i];
    }
    return sum;
}

/* "a b c" has the word. */
static bool names(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += n) {
        if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' ')) {
            return true;
        }
    }
    return false;
}

/* Watches a structure, if it is there. */
static bool watch(struct vs_hwthread *hw, struct vs_settab *table,
                  const struct vs_component_desc *desc, const uint64_t *guest, const uint64_t *host)
{
    struct vs_platform *p = hw->p;
    const struct vs_watch_wanted *wanted = p->options.watch;
    struct machine_watch *w = &p->watch[hw->number];
    if (!table || !table->entries) {
        return false;
    }
    for (size_t i = 0; i < desc->n_counters; i++) {
        if (names(wanted->what->hits, desc->counters[i].path) && w->n + 2u <= 2u * COUNTERS) {
            w->hit[w->n++] = &guest[i];
            w->hit[w->n++] = &host[i];
        }
    }
    w->watch = vs_watch_create(wanted->sets, wanted->n, hits, w);
    if (w->watch) {
        vs_settab_watch(table, w->watch);
    }
    return w->watch != NULL;
}

/* Says whether the run wants a structure of this component watched. */
static bool begin(struct vs_hwthread *hw, const char *component)
{
    struct vs_platform *p = hw->p;
    if (!p->options.watch ||
        strncmp(p->options.watch->what->name, component, strlen(component)) != 0) {
        return false;
    }
    p->watch = p->watch ? p->watch : calloc(VS__VCPUS, sizeof *p->watch);
    return true;
}

/* Some processor's is watched already. */
static bool any(const struct vs_platform *p)
{
    bool found = false;
    for (unsigned i = 0; i < p->n_hwthreads; i++) {
        found = found || p->watch[i].watch;
    }
    return found;
}

bool machine_watch_memory(struct vs_hwthread *hw)
{
    bool shared;
    if (!begin(hw, "memory.")) {
        return true;
    }
    struct vs_settab *t =
        hw->p->watch ? vs_memory_watched(&hw->core, hw->p->options.watch->what->name, &shared)
                     : NULL;
    return t && ((shared && any(hw->p)) ||
                 watch(hw, t, &vs_memory_desc, hw->core.counts[0], hw->core.counts[1]));
}

bool machine_watch_ept(struct vs_hwthread *hw)
{
    return !begin(hw, "ept.") ||
           (hw->p->watch && watch(hw, vs_ept_table(&hw->ept, hw->p->options.watch->what->name),
                                  &vs_ept_desc, hw->ept.counts[0], hw->ept.counts[1]));
}

void machine_watch_cut(struct vs_platform *p)
{
    for (unsigned i = 0; p->watch && i < p->n_hwthreads; i++) {
        if (p->watch[i].watch) {
            vs_watch_cut(p->watch[i].watch);
        }
    }
}

void machine_watch_free(struct vs_platform *p)
{
    for (unsigned i = 0; p->watch && i < VS__VCPUS; i++) {
        vs_watch_free(p->watch[i].watch);
    }
    free(p->watch);
}

uint64_t *vs_platform_depths(struct vs_platform *p, size_t i, size_t *n)
{
    uint64_t *sum = NULL;
    *n = 0;
    for (unsigned k = 0; p->watch && k < p->n_hwthreads; k++) {
        size_t deep = 0;
        const uint64_t *depth =
            p->watch[k].watch ? vs_watch_depths(p->watch[k].watch, i, &deep) : NULL;
        uint64_t *grown = deep > *n ? realloc(sum, deep * sizeof *sum) : sum;
        if (deep > *n && !grown) {
            free(sum);
            return NULL;
        }
        sum = grown;
        for (; *n < deep; ++*n) {
            sum[*n] = 0;
        }
        for (size_t d = 0; d < deep; d++) {
            sum[d] += depth[d];
        }
    }
    return sum;
}
