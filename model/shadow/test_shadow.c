/* SPDX-License-Identifier: MIT */
/*
 * Laws of shadow paging. A small guest of one or several vCPUs edits its own tables at all levels
 * and accesses memory; what a processor with a TLB finds by walking the shadow is compared with a
 * slow walk of the guest's tables. With unsync an answer may be as old as that vCPU's last INVLPG
 * or MOV to CR3; with trap never. Its many lines are the small guest and its processor, which every
 * law here needs.
 */
#include "effort.h"
#include "shadow/shadow.h"
#include "virtsim/knob.h"
#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 4096u /* of the guest: 16 MiB */
#define HOST (1ull << 24)
#define POOL (1ull << 26)
#define ROOTS 3u
#define TABLES 4u /* level-1 tables of the guest */
#define PAGES 48u
#define VA 0x40000000ull
#define DIRECT 0x8000000000ull
#define HISTORY 24u
#define CPUS 3u

struct answer {
    uint64_t gfn; /* + 1; 0 = fault */
    bool write;
};
struct cached {
    uint64_t page, hpa;
    bool write;
};
struct cpu {
    struct machine *m;
    struct vs_shadow s;
    unsigned root;
    struct cached tlb[ROOTS][512];
    struct answer old[ROOTS][PAGES][HISTORY];
    unsigned n_old[ROOTS][PAGES];
};
struct machine {
    struct vs_phys *phys;
    struct vs_frames frames;
    struct vs_shadow_mmu mmu;
    struct vs_rng rng;
    bool large; /* the host's pages are 2M */
    uint64_t cr3[ROOTS], l2[ROOTS], l1[TABLES], next_table;
    struct cpu cpu[CPUS];
    unsigned n_cpus;
    uint64_t checked, stale, elsewhere;
};

static uint64_t hpa_of(const struct machine *m, uint64_t gpa)
{
    uint64_t gfn = gpa >> 12;
    return HOST + (m->large ? gpa : ((gfn * 2731u % FRAMES) << 12 | (gpa & 0xfffu)));
}

static bool host(void *ctx, struct vs_txn *t, uint64_t gpa, bool back, uint64_t *hpa,
                 unsigned *shift)
{
    const struct machine *m = ((const struct cpu *)ctx)->m;
    (void)t;
    (void)back;
    *hpa = hpa_of(m, gpa);
    *shift = m->large ? 21 : 12;
    return gpa < (uint64_t)FRAMES << 12;
}

static void flush(void *ctx, struct vs_txn *t, enum vs_shadow_flush what, vs_gva at)
{
    struct cpu *c = ctx;
    struct machine *m = c->m;
    (void)t;
    for (unsigned o = 0; o < m->n_cpus; o++) {
        for (unsigned r = 0; r < ROOTS && (what == VS_SHADOW_FLUSH_MACHINE || &m->cpu[o] == c);
             r++) {
            for (unsigned i = 0; i < 512; i++) {
                struct cached *e = &m->cpu[o].tlb[r][i];
                if (what != VS_SHADOW_FLUSH_PAGE || e->page == (at.v >> 12) + 1u) {
                    m->elsewhere += e->page && &m->cpu[o] != c;
                    e->page = 0;
                }
            }
        }
    }
}

static uint64_t load(const struct machine *m, uint64_t gpa)
{
    return vs_phys_read64(m->phys, (vs_hpa){hpa_of(m, gpa)});
}

static void poke(const struct machine *m, uint64_t gpa, uint64_t value)
{
    vs_phys_write64(m->phys, (vs_hpa){hpa_of(m, gpa)}, value);
}

/* The second, plain translation. */
static struct answer slow(const struct machine *m, unsigned root, uint64_t gva)
{
    uint64_t table = m->cr3[root];
    bool write = true;
    for (unsigned level = 4; level; level--) {
        uint64_t e = load(m, table + vs_radix_offset(&vs_radix_x86_64, level, gva));
        if (!(e & 1u) || !(e & 4u)) {
            return (struct answer){0, false};
        }
        write = write && (e & 2u);
        table = e & VS_RADIX_ADDRESS;
        if (level == 1 || e & 0x80u) {
            uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
            return (struct answer){((table & ~low) | (gva & low)) / 4096u + 1u, write};
        }
    }
    return (struct answer){0, false};
}

static uint64_t va_of(unsigned k)
{
    /* pages of four level-1 slots and of one level-2 slot beyond them */
    return VA + (k % 6u) * 0x200000u + (k / 6u) * 0x3000u;
}

static bool same(struct answer a, struct answer b)
{
    return a.gfn == b.gfn && a.write == b.write;
}

/* What a vCPU may still see: everything its tables have said since its last invalidation. */
static void remember(struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus * ROOTS * PAGES; i++) {
        unsigned r = i / PAGES % ROOTS, k = i % PAGES;
        struct cpu *c = &m->cpu[i / PAGES / ROOTS];
        struct answer now = slow(m, r, va_of(k));
        unsigned *n = &c->n_old[r][k];
        if (!m->mmu.cfg.sync) {
            *n = 0;
        }
        if (!*n || !same(c->old[r][k][*n - 1u], now)) {
            *n -= *n == HISTORY; /* never reached: see run() */
            c->old[r][k][(*n)++] = now;
        }
    }
}

static void forget(struct cpu *c, unsigned r, unsigned k)
{
    c->n_old[r][k] = 1;
    c->old[r][k][0] = slow(c->m, r, va_of(k));
}

/* The processor: TLB, then a walk of the shadow. */
static bool hardware(struct cpu *cpu, uint64_t gva, bool write, uint64_t *hpa, bool *writable)
{
    struct cached *c = &cpu->tlb[cpu->root][(gva >> 12) * 2654435761u % 512u];
    if (c->page == (gva >> 12) + 1u && (!write || c->write)) {
        *hpa = c->hpa;
        *writable = c->write;
        return true;
    }
    uint64_t table = vs_shadow_root(&cpu->s), rights = VS_RIGHTS;
    for (unsigned level = 4; level; level--) {
        uint64_t e = vs_phys_read64(
            cpu->m->phys, (vs_hpa){table + vs_radix_offset(&vs_radix_x86_64, level, gva)});
        if (!(e & 1u)) {
            break;
        }
        rights &= vs_radix_rights(&vs_radix_x86_64, false, e);
        table = e & VS_RADIX_ADDRESS;
        if (level == 1 || e & 0x80u) {
            uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
            if (!(rights & 1u) || (write && !(rights & 2u))) {
                break;
            }
            assert_false(e & 0x100u); /* no shadow entry is global */
            *hpa = ((table & ~low) | (gva & low)) & ~0xfffull;
            *writable = (rights & 2u) != 0;
            *c = (struct cached){(gva >> 12) + 1u, *hpa, *writable};
            return true;
        }
    }
    if (c->page == (gva >> 12) + 1u) {
        c->page = 0; /* a fault drops it */
    }
    return false;
}

enum outcome { DONE, FAULT, EMULATED };

static enum outcome reach(struct cpu *c, uint64_t gva, bool write, uint64_t *hpa)
{
    bool writable = false;
    for (unsigned tries = 0; tries < 4; tries++) {
        if (hardware(c, gva, write, hpa, &writable)) {
            return DONE;
        }
        uint32_t error = (write ? 2u : 0u) | 4u;
        switch (vs_shadow_fault(&c->s, NULL, gva, &error)) {
        case VS_SHADOW_RETRY:
            break;
        case VS_SHADOW_INJECT:
            return FAULT;
        case VS_SHADOW_EMULATED:
            return EMULATED;
        default:
            fail_msg("no frames, or a device");
        }
    }
    fail_msg("the fault does not go away");
    return FAULT;
}

/* A store of the guest's kernel to one of its tables. */
static void edit(struct cpu *c, uint64_t gpa, uint64_t value)
{
    struct machine *m = c->m;
    uint64_t hpa = 0;
    enum outcome o = reach(c, DIRECT + gpa, true, &hpa);
    assert_int_not_equal(o, FAULT);
    assert_true(o == EMULATED || hpa == (hpa_of(m, gpa) & ~0xfffull));
    poke(m, gpa, value);
    remember(m);
}

static void check(struct cpu *c, unsigned k, bool write)
{
    struct machine *m = c->m;
    uint64_t hpa = 0, gva = va_of(k);
    struct answer now = slow(m, c->root, gva);
    enum outcome o = reach(c, gva, write, &hpa);
    m->checked++;
    if (o != DONE) { /* decided by a walk of the guest's tables as they are */
        assert_int_equal(o == FAULT, !now.gfn || (write && !now.write));
        return;
    }
    bool allowed = false;
    for (unsigned i = 0; i < c->n_old[c->root][k]; i++) {
        struct answer a = c->old[c->root][k][i];
        allowed = allowed || (a.gfn && (a.write || !write) &&
                              hpa == (hpa_of(m, (a.gfn - 1u) << 12) & ~0xfffull));
    }
    assert_true(allowed);
    m->stale += !now.gfn || hpa != (hpa_of(m, (now.gfn - 1u) << 12) & ~0xfffull);
}

static uint64_t table(struct machine *m)
{
    return m->next_table++ << 12;
}

static void start_many(struct machine *m, unsigned cpus, uint64_t sync, bool large, uint64_t pages,
                       uint64_t seed)
{
    struct vs_shadow_config c;
    memset(m, 0, sizeof *m);
    vs_defaults(&vs_shadow_desc, &c);
    c.sync = sync;
    c.pages = pages;
    c.roots = 2 + seed % 2;
    c.flood = seed % 3 ? 3 : 0;
    c.prefetch = seed % 4 ? 8 : 1;
    c.batch = (const uint64_t[]){1, 8, 512}[seed % 3];
    m->n_cpus = cpus;
    m->large = large;
    m->phys = vs_phys_create(1ull << 28);
    assert_int_equal(vs_frames_init(&m->frames, POOL, POOL, VS_FRAMES_CONTIGUOUS, 1), VS_OK);
    vs_rng_seed(&m->rng, seed, 1);
    struct vs_core_port core = {.ctx = NULL};
    struct vs_shadow_layout at = {0};
    assert_int_equal(vs_shadow_mmu_init(&m->mmu, &c, &vs_radix_x86_64, 46, m->phys, &m->frames,
                                        (uint64_t)FRAMES << 12, &at),
                     VS_OK);
    m->next_table = 16;
    uint64_t direct3 = table(m), direct2 = table(m);
    poke(m, direct3, direct2 | 7u);
    for (uint64_t i = 0; i < FRAMES / 512u; i++) {
        poke(m, direct2 + i * 8u, i << 21 | 0x87u);
    }
    for (unsigned i = 0; i < TABLES; i++) {
        m->l1[i] = table(m);
    }
    for (unsigned r = 0; r < ROOTS; r++) {
        uint64_t l3 = table(m);
        m->cr3[r] = table(m);
        m->l2[r] = table(m);
        poke(m, m->cr3[r] + (DIRECT >> 39) * 8u, direct3 | 7u);
        poke(m, m->cr3[r], l3 | 7u);
        poke(m, l3 + (VA >> 30) * 8u, m->l2[r] | 7u);
        for (unsigned i = 0; i < TABLES; i++) { /* level-1 tables are shared */
            poke(m, m->l2[r] + ((i + r) % 6u) * 8u, m->l1[i] | 7u);
        }
    }
    remember(m);
    for (unsigned i = 0; i < cpus; i++) {
        struct vs_shadow_port port = {&m->cpu[i], host, flush, NULL, NULL};
        m->cpu[i].m = m;
        vs_shadow_init(&m->cpu[i].s, &m->mmu, &core, &port);
        assert_true(vs_shadow_cr3(&m->cpu[i].s, NULL, m->cr3[0], false));
    }
}

static void start(struct machine *m, uint64_t sync, bool large, uint64_t pages, uint64_t seed)
{
    start_many(m, 1, sync, large, pages, seed);
}

static void stop(struct machine *m)
{
    vs_shadow_mmu_free(&m->mmu);
    vs_frames_free(&m->frames);
    vs_phys_destroy(m->phys);
}

static void switch_to(struct cpu *c, unsigned root, bool keep)
{
    c->root = root;
    assert_true(vs_shadow_cr3(&c->s, NULL, c->m->cr3[root], keep));
    for (unsigned k = 0; k < PAGES && !keep; k++) {
        forget(c, root, k);
    }
}

static void random_edit(struct cpu *c)
{
    struct machine *m = c->m;
    uint64_t what = vs_rng_below(&m->rng, 10), w = vs_rng_below(&m->rng, 2) * 2u;
    uint64_t slot = vs_rng_below(&m->rng, 6);
    if (what < 7) { /* a page: its frame may be one that holds a table */
        uint64_t gfn = vs_rng_below(&m->rng, 8) ? 512u + vs_rng_below(&m->rng, 600)
                                                : 16u + vs_rng_below(&m->rng, 14);
        uint64_t at = m->l1[vs_rng_below(&m->rng, TABLES)] + vs_rng_below(&m->rng, 8) * 3u * 8u;
        edit(c, at, vs_rng_below(&m->rng, 4) ? gfn << 12 | 5u | w : 0);
    } else {
        uint64_t value = m->l1[vs_rng_below(&m->rng, TABLES)] | 5u | w;
        value = what == 8   ? (1u + vs_rng_below(&m->rng, 7)) << 21 | 0x85u | w
                : what == 9 ? 0
                            : value;
        edit(c, m->l2[vs_rng_below(&m->rng, ROOTS)] + slot * 8u, value);
    }
}

static bool remembers_much(const struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus * ROOTS * PAGES; i++) {
        if (m->cpu[i / PAGES / ROOTS].n_old[i / PAGES % ROOTS][i % PAGES] >= HISTORY - 1u) {
            return true;
        }
    }
    return false;
}

static void run(unsigned cpus, uint64_t sync, bool large, uint64_t pages, uint64_t seed,
                uint64_t steps)
{
    struct machine *m = malloc(sizeof *m);
    assert_non_null(m);
    start_many(m, cpus, sync, large, pages, seed);
    for (uint64_t step = 0; step < steps; step++) {
        uint64_t what = vs_rng_below(&m->rng, 100);
        unsigned k = (unsigned)vs_rng_below(&m->rng, PAGES);
        struct cpu *c = &m->cpu[vs_rng_below(&m->rng, cpus)];
        if (remembers_much(m)) {
            for (unsigned i = 0; i < cpus * ROOTS; i++) {
                switch_to(&m->cpu[i / ROOTS], i % ROOTS, false);
            }
        } else if (what < 20) {
            random_edit(c);
        } else if (what < 26) {
            vs_gva at = {va_of(k)};
            vs_shadow_invlpg(&c->s, NULL, at);
            forget(c, c->root, k);
        } else if (what < 28) {
            switch_to(c, (unsigned)vs_rng_below(&m->rng, ROOTS), vs_rng_below(&m->rng, 2) != 0);
        } else {
            check(c, k, vs_rng_below(&m->rng, 3) == 0);
        }
    }
    assert_true(m->checked > steps / 2);
    assert_int_equal(m->elsewhere != 0, cpus > 1);
    if (!sync) {
        assert_int_equal(m->stale, 0);
        for (unsigned i = 0; i < cpus; i++) {
            assert_int_equal(m->cpu[i].s.count[VS_CNT_shadow_unsyncs], 0);
        }
    }
    stop(m);
    free(m);
}

static uint64_t cases(void)
{
    return effort(200000);
}

static void test_every_access_of_a_trapping_guest_is_what_its_tables_say(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(1, 0, seed & 1u, seed < 6 ? 64 : 20, seed, cases() / 24u);
    }
}

static void test_unsync_shows_nothing_older_than_the_last_invalidation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(1, 1, seed & 1u, seed < 6 ? 64 : 20, seed, cases() / 24u);
    }
}

/* What one vCPU's store takes away no other one's TLB may keep. */
static void test_vcpus_that_share_trapping_tables_see_what_the_tables_say(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(2u + seed % 2u, 0, seed & 1u, seed < 6 ? 64 : 24, seed, cases() / 48u);
    }
}

static void
test_vcpus_that_share_tables_out_of_sync_see_nothing_older_than_their_own_invalidation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(2u + seed % 2u, 1, seed & 1u, seed < 6 ? 64 : 24, seed, cases() / 48u);
    }
}

/* KVM finds shadow pages by guest frame, whichever vCPU made them. */
static void test_vcpus_of_one_address_space_share_its_shadow(void **state)
{
    (void)state;
    struct machine *m = malloc(sizeof *m);
    uint64_t hpa;
    assert_non_null(m);
    start_many(m, 2, 1, false, 64, 2); /* two roots are kept */
    poke(m, m->l1[0], 600ull << 12 | 7u);
    assert_int_equal(reach(&m->cpu[0], va_of(0), true, &hpa), DONE);
    assert_int_equal(vs_shadow_root(&m->cpu[0].s), vs_shadow_root(&m->cpu[1].s));
    assert_int_equal(reach(&m->cpu[1], va_of(0), true, &hpa), DONE);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_faults], 0);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_pages_made], 0);
    /* and a root that the other one uses outlives its eviction here */
    switch_to(&m->cpu[0], 1, false);
    switch_to(&m->cpu[0], 2, false);
    switch_to(&m->cpu[0], 1, false);
    switch_to(&m->cpu[0], 2, false);
    assert_true(m->cpu[0].s.count[VS_CNT_shadow_evicted] > 0);
    flush(&m->cpu[1], NULL, VS_SHADOW_FLUSH_VCPU, (vs_gva){0});
    assert_int_equal(reach(&m->cpu[1], va_of(0), true, &hpa), DONE);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_faults], 0);
    stop(m);
    free(m);
}

/* INVVPID and the ASID's flush know no PCID and no global pages. */
static void
test_a_mov_to_cr3_drops_every_translation_of_its_vcpu_and_keeps_them_when_asked(void **state)
{
    (void)state;
    struct machine *m = malloc(sizeof *m);
    uint64_t hpa;
    assert_non_null(m);
    start_many(m, 2, 1, false, 64, 1);
    poke(m, m->l1[0], 600ull << 12 | 0x107u); /* global */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(reach(&m->cpu[i], va_of(0), false, &hpa), DONE);
        assert_int_equal(m->cpu[i].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page,
                         (va_of(0) >> 12) + 1u);
    }
    switch_to(&m->cpu[0], 0, true);
    assert_int_not_equal(m->cpu[0].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    switch_to(&m->cpu[0], 1, false);
    assert_int_equal(m->cpu[0].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    assert_int_not_equal(m->cpu[1].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    stop(m);
    free(m);
}

static void test_a_page_is_read_only_until_its_first_write_sets_the_dirty_flag(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 0, false, 64, 1);
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    assert_int_equal(reach(&m.cpu[0], va_of(0), false, &hpa), DONE);
    assert_int_equal(load(&m, m.l1[0]) & 0x60u, 0x20u);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], 1);
    assert_int_equal(reach(&m.cpu[0], va_of(0), true, &hpa), DONE);
    assert_int_equal(load(&m, m.l1[0]) & 0x60u, 0x60u);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_dirty], 1);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], 2);
    stop(&m);
}

static void test_faults_end_when_the_guest_stands_still(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 2);
    for (unsigned k = 0; k < PAGES; k++) {
        uint64_t at = m.l1[k % TABLES] + k / 6u * 3u * 8u;
        poke(&m, at, (600ull + k) << 12 | 7u);
    }
    for (unsigned k = 0; k < PAGES; k++) {
        (void)reach(&m.cpu[0], va_of(k), true, &hpa);
    }
    uint64_t before = m.cpu[0].s.count[VS_CNT_shadow_hidden];
    flush(&m.cpu[0], NULL, VS_SHADOW_FLUSH_VCPU, (vs_gva){0}); /* TLB misses walk the shadow */
    for (unsigned k = 0; k < PAGES; k++) {
        (void)reach(&m.cpu[0], va_of(k), true, &hpa);
    }
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], before);
    stop(&m);
}

/* With trap each store to a table in use exits; with unsync one does until the next INVLPG. */
static void test_unsync_lets_stores_through_until_tables_are_brought_in_line(void **state)
{
    (void)state;
    for (uint64_t sync = 0; sync < 2; sync++) {
        struct machine m;
        uint64_t hpa;
        start(&m, sync, false, 64, 1);
        m.mmu.cfg.flood = 0;
        poke(&m, m.l1[0], 600ull << 12 | 7u);
        (void)reach(&m.cpu[0], va_of(0), true, &hpa);
        for (uint64_t i = 0; i < 10; i++) {
            edit(&m.cpu[0], m.l1[0] + 8u + i * 8u, (700u + i) << 12 | 7u);
        }
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_writes], sync ? 0 : 10);
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_unsyncs], sync);
        assert_true(vs_shadow_cr3(&m.cpu[0].s, NULL, m.cr3[0], false));
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_syncs], sync);
        edit(&m.cpu[0], m.l1[0] + 8u, 0);
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_unsyncs], sync * 2u);
        stop(&m);
    }
}

static void test_a_root_too_many_costs_its_shadow(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 2); /* two roots are kept */
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    uint64_t made = m.cpu[0].s.count[VS_CNT_shadow_pages_made];
    switch_to(&m.cpu[0], 1, false);
    switch_to(&m.cpu[0], 0, false);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_pages_made], made + 1u); /* the other's root */
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_evicted], 0);
    switch_to(&m.cpu[0], 1, false);
    switch_to(&m.cpu[0], 2, false);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_evicted], 1);
    switch_to(&m.cpu[0], 0, false);
    uint64_t faults = m.cpu[0].s.count[VS_CNT_shadow_hidden];
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], faults + 1u);
    stop(&m);
}

/* The upper table was zapped, so that INVLPG found no way to the table out of sync below it. */
static void test_an_invalidation_reaches_tables_whose_way_was_zapped(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 1);
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    poke(&m, m.l1[0] + 3u * 8u, 610ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(6), true, &hpa);
    edit(&m.cpu[0], m.l1[0], 601ull << 12 | 7u); /* out of sync */
    m.mmu.cfg.flood = 1;
    uint64_t l3 = load(&m, m.cr3[0]) & VS_RADIX_ADDRESS;
    edit(&m.cpu[0], l3 + 8u * 8u, 0); /* another entry of the level-3 table: its shadow goes */
    vs_gva at = {va_of(0)};
    vs_shadow_invlpg(&m.cpu[0].s, NULL, at);
    (void)reach(&m.cpu[0], va_of(6), false, &hpa); /* its neighbour leads there again */
    assert_int_equal(reach(&m.cpu[0], va_of(0), false, &hpa), DONE);
    assert_int_equal(hpa, hpa_of(&m, 601ull << 12));
    stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_access_of_a_trapping_guest_is_what_its_tables_say),
        cmocka_unit_test(test_unsync_shows_nothing_older_than_the_last_invalidation),
        cmocka_unit_test(test_vcpus_that_share_trapping_tables_see_what_the_tables_say),
        cmocka_unit_test(
            test_vcpus_that_share_tables_out_of_sync_see_nothing_older_than_their_own_invalidation),
        cmocka_unit_test(test_vcpus_of_one_address_space_share_its_shadow),
        cmocka_unit_test(
            test_a_mov_to_cr3_drops_every_translation_of_its_vcpu_and_keeps_them_when_asked),
        cmocka_unit_test(test_a_page_is_read_only_until_its_first_write_sets_the_dirty_flag),
        cmocka_unit_test(test_faults_end_when_the_guest_stands_still),
        cmocka_unit_test(test_unsync_lets_stores_through_until_tables_are_brought_in_line),
        cmocka_unit_test(test_a_root_too_many_costs_its_shadow),
        cmocka_unit_test(test_an_invalidation_reaches_tables_whose_way_was_zapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
