/* SPDX-License-Identifier: MIT */
/* What the tests of translation share: memory that counts, one page mapped, one translator. */
#ifndef VIRTSIM_TEST_EPT_H
#define VIRTSIM_TEST_EPT_H

#include "ept/ept.h"
#include "ept/space.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (1ull << 30)
#define VA 0x40000000ull /* aligned for every page size */

/* Memory that counts: every load and store takes one nanosecond. */
struct counting_memory {
    struct vs_phys *phys;
    uint64_t loads, stores;
    uint16_t account;
};

static const struct vs_account_desc fake_accounts[] = {{"fake.memory", "", false, ""},
                                                       {NULL, NULL, false, NULL}};
static const struct vs_component_desc fake = {"fake", NULL, 0, fake_accounts, 1, NULL, 0, 0};

static inline uint64_t counted_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct counting_memory *m = ctx;
    vs_ps ns = {1000};
    m->loads++;
    vs_charge(t, m->account, ns);
    return vs_phys_read64(m->phys, at);
}

static inline void counted_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct counting_memory *m = ctx;
    vs_ps ns = {1000};
    m->stores++;
    vs_charge(t, m->account, ns);
    vs_phys_write64(m->phys, at, value);
}

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_phys *phys;
    struct vs_frames host;
    struct vs_vm vm;
    struct vs_space space;
    struct vs_ept_config cfg;
    struct vs_ept ept;
    struct vs_l1 data, fetch;
    struct counting_memory memory;
    struct vs_ept_context context;
    struct vs_mmu_port port;
};

static inline void everything_off(struct vs_ept_config *c)
{
    vs_defaults(&vs_ept_desc, c);
    c->l2_entries = c->l2_1g_entries = c->nested_entries = 0;
    c->gpml4e = c->gpdpte = c->gpde = c->npml4e = c->npdpte = c->npde = 0;
    c->l2_ways = c->l2_1g_ways = c->nested_ways = 0;
}

/* guest and host pages by shift; host 0 = native. */
static inline void start_formats(struct fixture *f, const struct vs_ept_config *cfg,
                                 const struct vs_radix_format *g, const struct vs_radix_format *n,
                                 unsigned guest, unsigned host)
{
    memset(f, 0, sizeof *f);
    f->cfg = *cfg;
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(64 * GIB);
    assert_int_equal(vs_frames_init(&f->host, GIB, 60 * GIB, VS_FRAMES_RANDOM, 3), VS_OK);
    if (host) {
        assert_int_equal(
            vs_vm_init_format(&f->vm, n, f->phys, &f->host, 16 * GIB, host, VS_FRAMES_RANDOM, 4),
            VS_OK);
    }
    assert_int_equal(vs_space_init_format(&f->space, g, f->phys, host ? &f->vm : NULL, &f->host),
                     VS_OK);
    assert_int_equal(vs_space_touch(&f->space, VA, guest, true, true), VS_OK);
    f->memory.phys = f->phys;
    f->memory.account = vs_ledger_accounts(f->ledger, &fake);
    struct vs_mem_port mem = {&f->memory, counted_load, counted_store, NULL, NULL, NULL};
    struct vs_clock clock = {500};
    assert_int_equal(
        vs_ept_init(&f->ept, &f->cfg, f->ledger, clock, f->phys, &mem, &f->data, &f->fetch, 1),
        VS_OK);
    vs_ept_formats(&f->ept, g, n);
    f->context =
        (struct vs_ept_context){host ? 1 : 0, 0, f->space.cr3, host ? f->vm.ept_root : 0, 0};
    vs_ept_context(&f->ept, &f->context);
    f->port = vs_ept_mmu_port(&f->ept);
    vs_ps zero = {0};
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "vcpu0"), zero);
}

static inline void start(struct fixture *f, const struct vs_ept_config *cfg, unsigned guest,
                         unsigned host)
{
    start_formats(f, cfg, &vs_radix_x86_64, &vs_radix_ept, guest, host);
}

static inline void stop(struct fixture *f)
{
    char why[200];
    vs_txn_end(&f->t);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, why, sizeof why), 0);
    vs_ept_free(&f->ept);
    vs_vm_free(&f->vm);
    vs_frames_free(&f->host);
    vs_phys_destroy(f->phys);
    vs_ledger_destroy(f->ledger);
}

static inline struct vs_translation walk(struct fixture *f, uint64_t at, enum vs_ref ref)
{
    struct vs_translation out;
    vs_gva a = {at};
    memset(&out, 0, sizeof out);
    f->port.walk(f->port.ctx, &f->t, a, ref, &out);
    return out;
}

static inline bool probe(struct fixture *f, uint64_t at, enum vs_ref ref)
{
    struct vs_translation out;
    vs_gva a = {at};
    return f->port.probe(f->port.ctx, a, ref, &out);
}

static inline uint64_t references(struct fixture *f, uint64_t at)
{
    f->memory.loads = 0;
    assert_int_equal(walk(f, at, VS_REF_READ).fault, VS_FAULT_NONE);
    return f->memory.loads;
}

static inline struct vs_radix_format arm(unsigned stage, unsigned granule, unsigned t0sz,
                                         unsigned sl0)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_radix_format f;
    vs_radix_arm(&f, stage, granule, t0sz, sl0, &errors);
    assert_int_equal(errors.n, 0);
    return f;
}

#endif
