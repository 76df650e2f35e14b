/* SPDX-License-Identifier: MIT */
/* The structures as the configuration describes them: size, policy and price of each. */
#include "ept_impl.h"

#include <stdlib.h>
#include <string.h>

/* One structure as its knobs describe it. */
struct geometry {
    uint64_t entries, ways, policy, latency;
    unsigned account;
};
#define GEOMETRY(c, name, account)                                                                 \
    {                                                                                              \
        (c)->name##_entries, (c)->name##_ways, (c)->name##_policy, (c)->name##_latency, account    \
    }
#define WALK_CACHE(c, name, account)                                                               \
    {                                                                                              \
        (c)->name, (c)->name##_ways, (c)->name##_policy, (c)->name##_latency, account              \
    }

/* Makes a table, which may have no entries. */
static enum vs_status table(struct vs_settab *t, uint64_t entries, uint64_t ways, uint64_t policy,
                            uint64_t seed)
{
    return vs_settab_init(t, (uint32_t)entries, entries ? (uint32_t)ways : 0,
                          (enum vs_policy)policy, seed);
}

/* Makes a table of a geometry. */
static enum vs_status make(struct vs_settab *t, const struct geometry *g, uint64_t seed)
{
    return table(t, g->entries, g->ways, g->policy, seed);
}

/* What a lookup in a table costs, and the account for it. */
static struct vs_lookup lookup_of(const struct vs_ept *e, const struct geometry *g)
{
    return (struct vs_lookup){(uint16_t)(e->account + g->account),
                              {g->entries ? g->latency * e->clock.period_ps : 0}};
}

/* Both are looked up at one time: it takes as long as the slower, the later one among equals. */
static void beside(struct vs_lookup *a, struct vs_lookup b)
{
    *a = b.ps.v >= a->ps.v ? b : *a;
}

/* Makes the tables of one first-level TLB by page size. */
static enum vs_status first_level_of(struct vs_ept *e, struct vs_l1_tlb *t, struct geometry *g,
                                     bool shared, uint64_t seed)
{
    enum vs_status s = VS_OK;
    vs_l1_share(t, shared);
    t->held = 0;
    t->lookup[VS_L1_SIZES] = (struct vs_lookup){0, {0}};
    for (unsigned k = VS_L1_SIZES; k--;) {
        t->held |= (uint8_t)((g[k].entries != 0) << k);
        g[k].entries = k && shared ? 0 : g[k].entries;
        s = s ? s : make(&t->table[k], &g[k], seed + k);
        t->lookup[k] = lookup_of(e, &g[k]);
        beside(&t->lookup[VS_L1_SIZES], t->lookup[k]);
    }
    return s;
}

/* Makes the first level for loads, stores and fetches. */
static enum vs_status first_level(struct vs_ept *e, uint64_t seed)
{
    const struct vs_ept_config *c = &e->cfg;
    struct geometry data[] = {GEOMETRY(c, d4k, VS_ACC_ept_dtlb_4k),
                              GEOMETRY(c, d2m, VS_ACC_ept_dtlb_2m),
                              GEOMETRY(c, d1g, VS_ACC_ept_dtlb_1g)},
                    stores[] = {GEOMETRY(c, store, VS_ACC_ept_dtlb_store),
                                GEOMETRY(c, store, VS_ACC_ept_dtlb_store),
                                GEOMETRY(c, store, VS_ACC_ept_dtlb_store)},
                    fetch[] = {GEOMETRY(c, i4k, VS_ACC_ept_itlb_4k),
                               GEOMETRY(c, i2m, VS_ACC_ept_itlb_2m),
                               {0}},
                    none[VS_L1_SIZES] = {{0}};
    e->data->stores = c->store_entries != 0;
    e->fetch->stores = 0;
    enum vs_status s = first_level_of(e, &e->data->tlb[0], data, c->d_shared, seed + 1);
    s = s ? s : first_level_of(e, &e->fetch->tlb[0], fetch, c->i_shared, seed + 4);
    s = s ? s : first_level_of(e, &e->data->tlb[1], stores, true, seed + 40);
    return s ? s : first_level_of(e, &e->fetch->tlb[1], none, true, seed);
}

/* Whether the ways make three groups, each of a power of two, if that is what the policy wants. */
static bool groups_fit(const struct geometry *g)
{
    uint64_t n = g->ways ? g->ways : g->entries, each = n / 3u;
    return g->policy != VS_POLICY_MRU3_PLRU || !n || (n % 3u == 0 && !(each & (each - 1u)));
}

/* Makes the second level. */
static enum vs_status second_level(struct vs_ept *e, uint64_t seed)
{
    const struct vs_ept_config *c = &e->cfg;
    struct geometry l2 = GEOMETRY(c, l2, VS_ACC_ept_l2_tlb),
                    l2_1g = GEOMETRY(c, l2_1g, VS_ACC_ept_l2_tlb_1g),
                    l2i = GEOMETRY(c, l2i, VS_ACC_ept_l2_itlb);
    l2_1g.entries = c->l2_1g_place == VS_EPT_1G_OWN ? l2_1g.entries : 0;
    l2.policy = groups_fit(&l2) ? l2.policy : VS_POLICY_TREE_PLRU;
    l2i.policy = groups_fit(&l2i) ? l2i.policy : VS_POLICY_TREE_PLRU;
    enum vs_status s = make(&e->l2, &l2, seed + 7);
    uint64_t sets = c->l2_entries && c->l2_ways ? c->l2_entries / c->l2_ways : 1u;
    bool folds = c->l2_index == VS_EPT_INDEX_XOR && !(sets & (sets - 1u));
    e->l2_fold = folds ? sets - 1u : 0;
    e->l2_set_bits = (uint32_t)__builtin_ctzll(sets);
    s = s ? s : make(&e->l2_1g, &l2_1g, seed + 8);
    s = s ? s : make(&e->l2i, &l2i, seed + 31);
    e->probed[0] = lookup_of(e, &l2);
    e->probed[1] = e->probe_miss = lookup_of(e, &l2_1g);
    beside(&e->probe_miss, e->probed[0]);
    e->probed[2] = lookup_of(e, &l2i);
    e->fetch_miss = l2i.entries ? e->probed[2] : e->probe_miss;
    return s;
}

/* By level; 0 and 1 are none. */
static void walk_geometry(const struct vs_ept_config *c, struct geometry guest[VS_EPT_LEVELS],
                          struct geometry nested[VS_EPT_LEVELS])
{
    const struct geometry g[] = {{0},
                                 {0},
                                 WALK_CACHE(c, gpde, VS_ACC_ept_guest_pwc_l2),
                                 WALK_CACHE(c, gpdpte, VS_ACC_ept_guest_pwc_l3),
                                 WALK_CACHE(c, gpml4e, VS_ACC_ept_guest_pwc_l4),
                                 WALK_CACHE(c, gpml5e, VS_ACC_ept_guest_pwc_l5)},
                          n[] = {{0},
                                 {0},
                                 WALK_CACHE(c, npde, VS_ACC_ept_nested_pwc_l2),
                                 WALK_CACHE(c, npdpte, VS_ACC_ept_nested_pwc_l3),
                                 WALK_CACHE(c, npml4e, VS_ACC_ept_nested_pwc_l4),
                                 WALK_CACHE(c, npml5e, VS_ACC_ept_nested_pwc_l5)};
    memcpy(guest, g, sizeof g);
    memcpy(nested, n, sizeof n);
}

/* Makes the caches of both dimensions' upper levels. */
static enum vs_status walk_caches(struct vs_ept *e, uint64_t seed)
{
    struct geometry guest[VS_EPT_LEVELS], nested[VS_EPT_LEVELS];
    enum vs_status s = VS_OK;
    walk_geometry(&e->cfg, guest, nested);
    for (unsigned level = 2; level < VS_EPT_LEVELS; level++) {
        s = s ? s : make(&e->gpwc[level], &guest[level], seed + 10 + level);
        s = s ? s : make(&e->npwc[level], &nested[level], seed + 20 + level);
    }
    return s;
}

/* An entry is known to be the deepest when the levels below have missed: the slowest of them and of
 * its own level is waited for. Whether the format has any of these levels. */
static bool walk_lookups(const struct vs_ept *e, const struct geometry *g, unsigned levels,
                         struct vs_lookup *lookup)
{
    struct vs_lookup all = {0, {0}};
    bool any = false;
    for (unsigned level = 2; level <= levels; level++) {
        if (g[level].entries) {
            any = true;
            beside(&all, lookup_of(e, &g[level]));
        }
        lookup[level] = all;
    }
    lookup[levels + 1u] = all;
    return any;
}

/* The pages of the granule; of two granules those of the smaller, with larger ones in pieces. */
static void first_level_sizes(struct vs_ept *e)
{
    unsigned granule = e->guest.granule, second = e->second.granule;
    bool two = e->second.kind == VS_RADIX_STAGE2;
    granule = two && second < granule ? second : granule;
    for (unsigned i = 0; i < 2u; i++) {
        vs_l1_sizes(&e->data->tlb[i], granule, 2u * granule - 3u, 30);
        vs_l1_sizes(&e->fetch->tlb[i], granule, 2u * granule - 3u, 30);
    }
}

void vs_ept_formats(struct vs_ept *e, const struct vs_radix_format *guest,
                    const struct vs_radix_format *second)
{
    unsigned bits = (unsigned)e->cfg.physical_bits;
    e->guest = *guest;
    e->second = *second;
    e->mbec = second->kind == VS_RADIX_EPT_KIND && second->execute != 4u;
    e->usual = guest->kind == VS_RADIX_X86 && guest->levels == 4 &&
               second->kind == VS_RADIX_EPT_KIND && second->levels == 4 && !e->mbec;
    for (unsigned level = 1; level < VS_EPT_LEVELS; level++) {
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            e->guest_reserved[leaf][level] = vs_radix_reserved(guest, level, leaf, bits);
            e->nested_reserved[leaf][level] = vs_radix_reserved(second, level, leaf, bits);
        }
    }
    first_level_sizes(e);
    e->piece =
        second->kind == VS_RADIX_STAGE2 && second->granule < guest->granule ? second->granule : 0;
    struct geometry g[VS_EPT_LEVELS], n[VS_EPT_LEVELS];
    walk_geometry(&e->cfg, g, n);
    e->gpwc_any = walk_lookups(e, g, guest->levels, e->gpwc_lookup[0]);
    e->npwc_any = walk_lookups(e, n, second->levels, e->npwc_lookup);
    vs_ept_upper(e, guest);
}

void vs_ept_upper(struct vs_ept *e, const struct vs_radix_format *upper)
{
    struct geometry g[VS_EPT_LEVELS], n[VS_EPT_LEVELS];
    e->upper = *upper;
    walk_geometry(&e->cfg, g, n);
    e->gpwc_any |= walk_lookups(e, g, upper->levels, e->gpwc_lookup[1]);
}

enum vs_status vs_ept_init(struct vs_ept *e, const struct vs_ept_config *c,
                           struct vs_ledger *ledger, struct vs_clock clock, struct vs_phys *phys,
                           const struct vs_mem_port *mem, struct vs_l1 *data, struct vs_l1 *fetch,
                           uint64_t seed)
{
    memset(e, 0, sizeof *e);
    e->cfg = *c;
    e->account = vs_ledger_accounts(ledger, &vs_ept_desc);
    uint64_t period = clock.period_ps;
    e->lines_ps = c->line_latency * period;
    e->nested_ps = c->nested_latency * period;
    e->start_ps = c->walk_start * period;
    e->invlpg_ps = c->invlpg * period;
    e->flush_ps = c->flush * period;
    e->clock = clock;
    e->phys = phys;
    e->mem = *mem;
    e->data = data;
    e->fetch = fetch;
    e->books = e->counts;
    e->count = e->books[0];
    struct vs_radix_format guest = vs_radix_x86_64, second = vs_radix_ept;
    struct vs_errors told = {NULL, 0}; /* by vs_ept_check */
    vs_ept_formats_of(c, &guest, &second, &told);
    vs_errors_free(&told);
    vs_ept_formats(e, &guest, &second);
    if (c->guest_format) {
        struct vs_radix_format upper;
        vs_ept_upper_of(c, &upper);
        vs_ept_upper(e, &upper);
    }
    e->memory_end = UINT64_MAX;
    enum vs_status s = first_level(e, seed);
    s = s ? s : second_level(e, seed);
    s = s ? s : table(&e->nested, c->nested_entries, c->nested_ways, c->nested_policy, seed + 9);
    s = s ? s : walk_caches(e, seed);
    s = s ? s : table(&e->lines, c->line_entries, c->line_ways, c->line_policy, seed + 30);
    vs_ept_world(e, false);
    struct vs_ept_context none = {0, 0, 0, 0, 0};
    vs_ept_context(e, &none);
    return s;
}

void vs_ept_free(struct vs_ept *e)
{
    for (unsigned k = 0; k < VS_L1_SIZES && e->data; k++) {
        for (unsigned i = 0; i < 2u; i++) {
            vs_settab_free(&e->data->tlb[i].table[k]);
            vs_settab_free(&e->fetch->tlb[i].table[k]);
        }
    }
    free(e->hints);
    e->hints = NULL;
    vs_slots_free(&e->walker);
    vs_slots_free(&e->queue);
    vs_settab_free(&e->l2);
    vs_settab_free(&e->l2_1g);
    vs_settab_free(&e->l2i);
    vs_settab_free(&e->nested);
    vs_settab_free(&e->lines);
    for (unsigned level = 2; level < VS_EPT_LEVELS; level++) {
        vs_settab_free(&e->gpwc[level]);
        vs_settab_free(&e->npwc[level]);
    }
}
