/* SPDX-License-Identifier: MIT */
/*
 * A random world for two translations: formats, geometry, tables of both dimensions with
 * permissions and reserved bits, the walker's memory, and software that changes the tables.
 */
#ifndef VIRTSIM_TEST_EPT_RANDOM_H
#define VIRTSIM_TEST_EPT_RANDOM_H

#include "ept/ept.h"
#include "slow_translate.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define SECOND_TABLES (16 * MIB) /* host-physical places, apart from each other */
#define HOST_TABLES (256 * MIB)
#define FRAMES (1 * GIB) /* frames used lie in the 11 GiB from here */
#define PHYS (13 * GIB)
#define TABLES_A_LEVEL 6u
#define TABLES (TABLES_A_LEVEL * 5u)
#define STEPS 2000u
#define PHYSICAL_BITS 46u

struct world {
    struct vs_rng rng;
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_phys *phys;
    struct vs_ept_config cfg;
    struct vs_ept ept;
    struct vs_l1 data, fetch;
    struct vs_mmu_port port;
    struct slow slow;
    struct slow_answer answer, ahead; /* ahead: of the page a prefetch has walked to */
    struct slow_answer other;         /* in the VPID's other PCID */
    bool virtual;
    const struct pair *pair;
    struct slow_format g, n;
    uint64_t guest_table[TABLES]; /* (guest-)physical addresses, by level */
    uint64_t second_table[TABLES];
    struct slow_context context;  /* of the fast one, too */
    uint64_t cr3[2][2];           /* by VPID, PCID */
    struct slow_flag stored[128]; /* flags set by the access in hand */
    unsigned n_stored;
    uint64_t recent[4];
    /* probabilities in 1/1000 */
    unsigned leaf, absent, denied, reserved;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return vs_rng_below(&w->rng, n);
}
static bool chance(struct world *w, unsigned per_mille)
{
    return below(w, 1000) < per_mille;
}

/* ---- the walker's memory ---- */

static uint64_t load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct world *w = ctx;
    (void)t;
    return vs_phys_read64(w->phys, at);
}

static void store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct world *w = ctx;
    uint64_t old = vs_phys_read64(w->phys, at);
    (void)t;
    assert_true(w->n_stored < 128);
    w->stored[w->n_stored++] = (struct slow_flag){at.v, value & ~old, old & ~value};
    vs_phys_write64(w->phys, at, value);
}

/* ---- tables ---- */

/* A page of a level: eight places 1 GiB apart, and a few close to each of them. */
static uint64_t random_frame(struct world *w, const struct slow_format *f, unsigned level)
{
    uint64_t at = FRAMES + below(w, 8) * GIB;
    at += level <= 2 && f->levels > 1 ? below(w, 3) << slow_shift(f, 2) : 0;
    return at + (level == 1 ? below(w, 4) << f->granule : 0);
}

/* Guest-physical memory: like the host's frames, but from 0. */
static uint64_t random_guest_frame(struct world *w, unsigned level)
{
    uint64_t at = random_frame(w, &w->g, level);
    return w->virtual ? at - FRAMES : at;
}

static uint64_t guest_root(struct world *w)
{
    return w->guest_table[TABLES_A_LEVEL * (w->g.levels - 1) + below(w, TABLES_A_LEVEL)];
}
static uint64_t second_root(struct world *w, unsigned which)
{
    return w->virtual ? w->second_table[TABLES_A_LEVEL * (w->n.levels - 1) + which] : 0;
}

static uint64_t random_reserved(struct world *w, unsigned level, bool leaf)
{
    switch (below(w, 3)) {
    case 0:
        return 1ull << (PHYSICAL_BITS + below(w, 52 - PHYSICAL_BITS));
    case 1:
        return leaf && level > 1 ? 1ull << (13 + below(w, 9 * (level - 1) - 1)) : 1ull << 7;
    default:
        return 1ull << below(w, 12);
    }
}

static uint64_t x86_value(struct world *w, bool leaf, unsigned level)
{
    uint64_t v = chance(w, w->absent) ? 0 : 1;
    v |= chance(w, w->denied) ? 0 : 2;
    v |= chance(w, w->denied) ? 0 : 4;
    v |= chance(w, w->denied) ? 1ull << 63 : 0;
    v |= below(w, 4) << 5;
    v |= leaf && level > 1 ? 1u << 7 : 0;
    return v | (leaf && chance(w, 300) ? 1u << 8 : 0);
}

static uint64_t ept_value(struct world *w, bool leaf, unsigned level)
{
    uint64_t v = leaf ? 6u << 3 : 0;
    if (!chance(w, w->absent)) {
        v |= 1 | (chance(w, w->denied) ? 0 : 2) | (chance(w, w->denied) ? 0 : 4);
        v ^= chance(w, w->denied / 4) ? 1 : 0;
    }
    return v | below(w, 4) << 8 | (leaf && level > 1 ? 1u << 7 : 0);
}

static uint64_t arm_value(struct world *w, bool leaf, unsigned level, bool stage2)
{
    uint64_t v = chance(w, w->absent) ? 0 : 1;
    v |= !leaf || level == 1 ? 2 : 0;
    v ^= chance(w, w->reserved) ? 2 : 0;
    v |= chance(w, w->reserved) ? 1ull << (PHYSICAL_BITS + below(w, 48 - PHYSICAL_BITS)) : 0;
    if (!leaf) {
        return v | (stage2 || !chance(w, w->denied) ? 0 : (1 + below(w, 7)) << 60);
    }
    v |= chance(w, w->denied) ? below(w, 4) << 6 : stage2 ? 3u << 6 : 1u << 6;
    v |= chance(w, w->denied) ? 1ull << 54 : 0;
    v |= chance(w, 500) ? 1ull << 51 : 0;
    return v | (chance(w, 100) ? 0 : 1u << 10) | (chance(w, 300) ? 0 : 1u << 11);
}

static uint64_t value(struct world *w, const struct slow_format *f, unsigned level)
{
    bool guest = f == &w->g, leaf = level == 1 || (level <= 3 && chance(w, w->leaf));
    const uint64_t *tables = guest ? w->guest_table : w->second_table;
    leaf = leaf && (f->granule == 12 || level <= 2);
    uint64_t v = !leaf   ? tables[below(w, TABLES_A_LEVEL) + TABLES_A_LEVEL * (level - 2)]
                 : guest ? random_guest_frame(w, level)
                         : random_frame(w, f, level);
    if (!leaf && guest && chance(w, 20)) {
        v = tables[below(w, TABLES_A_LEVEL * f->levels)]; /* a loop, or another level's */
    }
    switch (f->kind) {
    case SLOW_EPT:
        v |= ept_value(w, leaf, level);
        break;
    case SLOW_X86:
    case SLOW_NPT:
        v |= x86_value(w, leaf, level);
        break;
    case SLOW_ARM_S1:
    case SLOW_ARM_S2:
        return v | arm_value(w, leaf, level, f->kind == SLOW_ARM_S2);
    }
    return v ^ (chance(w, w->reserved) ? random_reserved(w, level, leaf) : 0);
}

/* Which entries of a table are ever used: the guest's, few; the second dimension's, those of frames
 * in use. */
static unsigned guest_slot(struct world *w, unsigned level)
{
    if (level == w->g.levels) {
        return w->g.kind == SLOW_X86 ? (unsigned)below(w, 3) * 255u : (unsigned)below(w, 2);
    }
    return (unsigned)below(w, level == 1 ? 4 : level == 2 ? 3 : 2);
}
static uint64_t index_of(const struct slow_format *f, unsigned level, uint64_t address)
{
    unsigned shift = slow_shift(f, level);
    unsigned width = level == f->levels ? f->input_bits - shift : f->granule - 3u;
    return address >> shift & ((1ull << width) - 1);
}
static uint64_t second_slot(struct world *w, unsigned level)
{
    return index_of(&w->n, level, random_guest_frame(w, 1) + below(w, 4) * 4096);
}

/* Host-physical place of guest-physical memory by the tables as they are; 0 when there is none. */
static uint64_t backing(struct world *w, uint64_t gpa)
{
    uint64_t table = w->context.eptp;
    if (!w->virtual) {
        return gpa;
    }
    for (unsigned level = w->n.levels; level > 0; level--) {
        vs_hpa at = {table + index_of(&w->n, level, gpa) * 8};
        struct slow_entry e = slow_decode(&w->n, level, vs_phys_read64(w->phys, at));
        if (!e.present || e.bad) {
            return 0;
        }
        if (e.leaf) {
            uint64_t low = (1ull << slow_shift(&w->n, level)) - 1;
            return (e.next & ~low) | (gpa & low);
        }
        table = e.next;
    }
    return 0;
}

static void change_guest(struct world *w)
{
    unsigned level = (unsigned)below(w, w->g.levels) + 1;
    uint64_t table = w->guest_table[below(w, TABLES_A_LEVEL) + TABLES_A_LEVEL * (level - 1)],
             at = backing(w, table + guest_slot(w, level) * 8u);
    if (at >= FRAMES || (at && !w->virtual)) {
        slow_write(&w->slow, at, value(w, &w->g, level));
    }
}

static void change_second(struct world *w)
{
    unsigned level = (unsigned)below(w, w->n.levels) + 1;
    uint64_t table = w->second_table[below(w, TABLES_A_LEVEL) + TABLES_A_LEVEL * (level - 1)];
    slow_write(&w->slow, table + second_slot(w, level) * 8u, value(w, &w->n, level));
}

static void write_all(struct world *w)
{
    vs_hpa at;
    for (unsigned i = 0; i < TABLES_A_LEVEL * w->n.levels && w->virtual; i++) {
        unsigned level = i / TABLES_A_LEVEL + 1;
        for (unsigned k = 0; k < 64; k++) {
            at.v = w->second_table[i] + second_slot(w, level) * 8u;
            vs_phys_write64(w->phys, at, value(w, &w->n, level));
        }
    }
    for (unsigned which = 0; which < (w->virtual ? 2u : 1u); which++) {
        w->context.eptp = second_root(w, which);
        for (unsigned i = 0; i < TABLES_A_LEVEL * w->g.levels; i++) {
            unsigned level = i / TABLES_A_LEVEL + 1;
            for (unsigned k = 0; k < 16; k++) {
                at.v = backing(w, w->guest_table[i] + guest_slot(w, level) * 8u);
                if (at.v) {
                    vs_phys_write64(w->phys, at, value(w, &w->g, level));
                }
            }
        }
    }
}

/* ---- formats ---- */

/* What can stand beside what: kind and shape of both dimensions. */
static const struct pair {
    const char *name;
    enum slow_kind guest, second;
    unsigned levels, second_levels;                           /* x86 */
    unsigned granule, t0sz, second_granule, second_t0sz, sl0; /* Arm */
} pairs[] = {
    {"x86-64 under EPT", SLOW_X86, SLOW_EPT, 4, 4, 0, 0, 0, 0, 0},
    {"5 levels under EPT", SLOW_X86, SLOW_EPT, 5, 4, 0, 0, 0, 0, 0},
    {"5 levels under 5", SLOW_X86, SLOW_EPT, 5, 5, 0, 0, 0, 0, 0},
    {"nested paging", SLOW_X86, SLOW_NPT, 4, 4, 0, 0, 0, 0, 0},
    {"5 levels under nested paging of 5", SLOW_X86, SLOW_NPT, 5, 5, 0, 0, 0, 0, 0},
    {"Arm 4K under 4K", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 12, 16, 12, 24, 1},
    {"Arm 4K under 16 root tables", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 12, 25, 12, 30, 0},
    {"Arm 16K under 4K", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 14, 16, 12, 24, 1},
    {"Arm 64K under 4K", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 16, 22, 12, 21, 1},
    {"Arm 64K under 64K", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 16, 16, 16, 16, 2},
    {"Arm 4K under 16K", SLOW_ARM_S1, SLOW_ARM_S2, 0, 0, 12, 16, 14, 27, 1},
};

static struct slow_format shape(const struct vs_radix_format *f, enum slow_kind kind, bool ad)
{
    return (struct slow_format){kind,          f->levels, f->granule, f->input_bits,
                                PHYSICAL_BITS, ad,        true,       f->upper_reserved != 0};
}

static void choose_formats(struct world *w, struct vs_radix_format *g, struct vs_radix_format *n)
{
    struct vs_errors errors = {NULL, 0};
    w->pair = &pairs[chance(w, 300) ? 0 : below(w, sizeof pairs / sizeof pairs[0])];
    if (w->pair->guest == SLOW_X86) {
        *g = w->pair->levels == 5 ? vs_radix_x86_64_la57 : vs_radix_x86_64;
        *n = w->pair->second == SLOW_NPT
                 ? w->pair->second_levels == 5 ? vs_radix_x86_64_la57 : vs_radix_x86_64
             : w->pair->second_levels == 5 ? vs_radix_ept5
                                           : vs_radix_ept;
        if (w->pair->second == SLOW_NPT) { /* an AMD processor, natively too */
            vs_radix_amd(g);
            vs_radix_amd(n);
        }
    } else {
        vs_radix_arm(g, 1, w->pair->granule, w->pair->t0sz, 0, &errors);
        vs_radix_arm(n, 2, w->pair->second_granule, w->pair->second_t0sz, w->pair->sl0, &errors);
        assert_int_equal(errors.n, 0);
    }
    w->g = shape(g, w->pair->guest, w->cfg.guest_ad != 0);
    w->n = shape(n, w->pair->second, w->cfg.ept_ad != 0);
}

/* ---- a world ---- */

static uint64_t entries(struct world *w)
{
    static const uint64_t n[] = {0, 1, 4, 16, 64};
    return n[below(w, 5)];
}

static void random_geometry(struct world *w)
{
    struct vs_ept_config *c = &w->cfg;
    vs_defaults(&vs_ept_desc, c);
#define TABLE(name) {&c->name##_entries, &c->name##_ways, &c->name##_policy}
#define WALK(name)                                                                                 \
    {                                                                                              \
        &c->name, &c->name##_ways, &c->name##_policy                                               \
    }
    uint64_t *table[][3] = {TABLE(d4k),   TABLE(d2m),   TABLE(d1g),   TABLE(store),  TABLE(i4k),
                            TABLE(i2m),   TABLE(l2),    TABLE(l2_1g), TABLE(nested), TABLE(l2i),
                            WALK(gpml5e), WALK(gpml4e), WALK(gpdpte), WALK(gpde),    WALK(npml5e),
                            WALK(npml4e), WALK(npdpte), WALK(npde)};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        *table[i][0] = entries(w);
        *table[i][1] = below(w, 2);
        *table[i][2] = below(w, 4);
    }
    if (c->l2_ways == 1 && !(c->l2_entries & (c->l2_entries - 1u))) {
        c->l2_index = below(w, 2);
    }
    c->d4k_entries += !c->d4k_entries;
    c->i4k_entries += !c->i4k_entries;
    c->d_shared = below(w, 2);
    c->i_shared = below(w, 2);
    c->l2_1g_place = below(w, 3);
    c->l2_large = c->l2_1g_place != VS_EPT_1G_OWN || below(w, 2);
    c->l2i_large = below(w, 2);
    c->line_entries = chance(w, 300) ? 16 : 0;
    c->line_policy = below(w, 4);
    c->ept_ad = below(w, 2);
    c->guest_ad = below(w, 2);
    c->tags = chance(w, 200) ? 4 + below(w, 6) : 1024;
}

static void set_context(struct world *w, uint16_t vpid, uint16_t pcid, uint64_t eptp)
{
    struct vs_ept_context c = {vpid, pcid, w->cr3[vpid & 1][pcid], eptp, 0};
    w->context = (struct slow_context){vpid, pcid, c.cr3, eptp};
    vs_ept_context(&w->ept, &c);
}

static void start(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    vs_rng_seed(&w->rng, seed, 1);
    static const unsigned rare[] = {0, 0, 2, 30};
    w->virtual = chance(w, 750);
    w->leaf = (unsigned)below(w, 4) * 250;
    w->absent = rare[below(w, 4)];
    w->denied = 4 * rare[below(w, 4)];
    w->reserved = rare[below(w, 4)] / 2;
    w->ledger = vs_ledger_create(1);
    w->phys = vs_phys_create(PHYS);
    random_geometry(w);
    struct vs_radix_format g, n;
    choose_formats(w, &g, &n);
    for (unsigned i = 0; i < TABLES; i++) {
        w->guest_table[i] = w->virtual ? random_guest_frame(w, 1)
                                       : HOST_TABLES + (uint64_t)i * 0x10000u;
        w->second_table[i] = SECOND_TABLES + (uint64_t)i * 0x100000u;
    }
    write_all(w);
    struct vs_mem_port mem = {w, load, store, NULL, NULL, NULL};
    struct vs_clock clock = {500};
    assert_int_equal(
        vs_ept_init(&w->ept, &w->cfg, w->ledger, clock, w->phys, &mem, &w->data, &w->fetch, seed),
        VS_OK);
    vs_ept_formats(&w->ept, &g, &n);
    w->port = vs_ept_mmu_port(&w->ept);
    slow_init(&w->slow, w->phys, w->g, w->n);
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned p = 0; p < 2; p++) {
            w->cr3[v][p] = guest_root(w);
        }
    }
    vs_ps zero = {0};
    vs_txn_begin(&w->t, w->ledger, vs_ledger_actor(w->ledger, "vcpu0"), zero);
    set_context(w, 1, 0, second_root(w, 0));
    if (chance(w, 200)) {
        vs_ept_prefetcher(&w->ept, w->ledger, vs_ledger_actor(w->ledger, "prefetch"), zero);
    }
}

static void stop(struct world *w)
{
    char why[200];
    vs_txn_end(&w->t);
    vs_ept_prefetcher_end(&w->ept);
    assert_int_equal(vs_ledger_unbalanced(w->ledger, why, sizeof why), 0);
    vs_ept_free(&w->ept);
    vs_phys_destroy(w->phys);
    vs_ledger_destroy(w->ledger);
}

#endif
