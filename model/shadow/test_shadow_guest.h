/* SPDX-License-Identifier: MIT */
/*
 * A small guest of one or several vCPUs that edits its own tables at all levels and accesses
 * memory, and a processor with a TLB that walks the shadow of them. Beside it a slow walk of the
 * guest's tables, and what a vCPU may still see of them since its last INVLPG or MOV to CR3.
 */
#ifndef VIRTSIM_TEST_SHADOW_GUEST_H
#define VIRTSIM_TEST_SHADOW_GUEST_H

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

static inline uint64_t hpa_of(const struct machine *m, uint64_t gpa)
{
    uint64_t gfn = gpa >> 12;
    return HOST + (m->large ? gpa : ((gfn * 2731u % FRAMES) << 12 | (gpa & 0xfffu)));
}

static inline bool host(void *ctx, struct vs_txn *t, uint64_t gpa, bool back, uint64_t *hpa,
                        unsigned *shift)
{
    const struct machine *m = ((const struct cpu *)ctx)->m;
    (void)t;
    (void)back;
    *hpa = hpa_of(m, gpa);
    *shift = m->large ? 21 : 12;
    return gpa < (uint64_t)FRAMES << 12;
}

static inline void flush(void *ctx, struct vs_txn *t, enum vs_shadow_flush what, vs_gva at)
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

static inline uint64_t load(const struct machine *m, uint64_t gpa)
{
    return vs_phys_read64(m->phys, (vs_hpa){hpa_of(m, gpa)});
}

static inline void poke(const struct machine *m, uint64_t gpa, uint64_t value)
{
    vs_phys_write64(m->phys, (vs_hpa){hpa_of(m, gpa)}, value);
}

/* The second, plain translation. */
static inline struct answer slow(const struct machine *m, unsigned root, uint64_t gva)
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

static inline uint64_t va_of(unsigned k)
{
    /* pages of four level-1 slots and of one level-2 slot beyond them */
    return VA + (k % 6u) * 0x200000u + (k / 6u) * 0x3000u;
}

static inline bool same(struct answer a, struct answer b)
{
    return a.gfn == b.gfn && a.write == b.write;
}

/* What a vCPU may still see: everything its tables have said since its last invalidation. */
static inline void remember(struct machine *m)
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

static inline void forget(struct cpu *c, unsigned r, unsigned k)
{
    c->n_old[r][k] = 1;
    c->old[r][k][0] = slow(c->m, r, va_of(k));
}

/* The processor: TLB, then a walk of the shadow. */
static inline bool hardware(struct cpu *cpu, uint64_t gva, bool write, uint64_t *hpa,
                            bool *writable)
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

static inline enum outcome reach(struct cpu *c, uint64_t gva, bool write, uint64_t *hpa)
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
static inline void edit(struct cpu *c, uint64_t gpa, uint64_t value)
{
    struct machine *m = c->m;
    uint64_t hpa = 0;
    enum outcome o = reach(c, DIRECT + gpa, true, &hpa);
    assert_int_not_equal(o, FAULT);
    assert_true(o == EMULATED || hpa == (hpa_of(m, gpa) & ~0xfffull));
    poke(m, gpa, value);
    remember(m);
}

static inline void check(struct cpu *c, unsigned k, bool write)
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

static inline uint64_t table(struct machine *m)
{
    return m->next_table++ << 12;
}

static inline void start_many(struct machine *m, unsigned cpus, uint64_t sync, bool large,
                              uint64_t pages, uint64_t seed)
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

static inline void start(struct machine *m, uint64_t sync, bool large, uint64_t pages,
                         uint64_t seed)
{
    start_many(m, 1, sync, large, pages, seed);
}

static inline void stop(struct machine *m)
{
    vs_shadow_mmu_free(&m->mmu);
    vs_frames_free(&m->frames);
    vs_phys_destroy(m->phys);
}

static inline void switch_to(struct cpu *c, unsigned root, bool keep)
{
    c->root = root;
    assert_true(vs_shadow_cr3(&c->s, NULL, c->m->cr3[root], keep));
    for (unsigned k = 0; k < PAGES && !keep; k++) {
        forget(c, root, k);
    }
}

#endif
