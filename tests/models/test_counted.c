/* SPDX-License-Identifier: MIT */
/* Counting hits and pricing them later leaves the same books as charging every access. */
#include "cpu/cpu.h"
#include "effort.h"
#include "fake_mmu.h"
#include "memory/memory.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct vs_ledger *ledger;
    struct vs_memory memory;
    struct vs_memory_core core;
    struct vs_cpu cpu;
    struct fake_mmu mmu;
    struct vs_txn txn;
};

static struct rig *rig_create(bool exact, const char *variant, unsigned page, uint64_t policy)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    struct vs_memory_config m;
    struct vs_cpu_config c;
    vs_defaults(&vs_memory_desc, &m);
    vs_defaults(&vs_cpu_desc, &c);
    m.l2_size = 256 * 1024;
    m.llc_size = 11 * 64 * 1024;
    m.l1d_policy = policy;
    c.ipc = 1300; /* does not divide the clock: the remainder is carried */
    r->ledger = vs_ledger_create(1);
    uint16_t actor = vs_ledger_actor(r->ledger, "vcpu0/guest");
    assert_int_equal(
        vs_memory_init(&r->memory, &m, r->ledger, vs_clock_mhz(c.mhz), NULL, 1ull << 36, 1), VS_OK);
    assert_true(vs_memory_use(&r->memory, variant));
    assert_int_equal(vs_cpu_init(&r->cpu, &c, r->ledger), VS_OK);
    assert_int_equal(vs_memory_core_init(&r->core, &r->memory, &r->cpu.data, &r->cpu.fetch), VS_OK);
    assert_int_equal(fake_mmu_init(&r->mmu, r->ledger, &r->cpu.data, &r->cpu.fetch, 64, 512, page),
                     VS_OK);
    r->mmu.offset = 1ull << 30;
    struct vs_mmu_port port = fake_mmu_port(&r->mmu);
    vs_cpu_attach(&r->cpu, &port);
    struct vs_fast_port fast = {.lines = vs_memory_fast_port(&r->core)};
    (void)vs_cpu_attach_fast(&r->cpu, &fast);
    r->cpu.exact = exact;
    if (exact) {
        r->cpu.data.fast = r->cpu.fetch.fast = false;
    }
    vs_ps zero = {0};
    vs_txn_begin(&r->txn, r->ledger, actor, zero);
    vs_cpu_begin(&r->cpu, &r->txn);
    return r;
}

static void rig_destroy(struct rig *r)
{
    if (r->txn.depth) {
        vs_txn_end(&r->txn);
    }
    assert_int_equal(vs_ledger_unbalanced(r->ledger, NULL, 0), 0);
    vs_cpu_free(&r->cpu);
    vs_memory_core_free(&r->core);
    vs_memory_free(&r->memory);
    fake_mmu_free(&r->mmu);
    vs_ledger_destroy(r->ledger);
    free(r);
}

struct book {
    uint64_t n, total, parts, part_n, children, child_n, median, low, high;
};
struct books {
    struct book op[VS_OPS];
    size_t n_accounts;
};

static void take(void *ctx, const struct vs_op_acc *a)
{
    struct books *b = ctx;
    struct book *o = &b->op[a->op];
    *o = (struct book){.n = a->n,
                       .total = a->total_ps,
                       .median = vs_hist_quantile(a->hist, 500),
                       .low = a->min_ps,
                       .high = a->max_ps};
    for (size_t i = 0; i < b->n_accounts; i++) { /* order matters: a checksum of every account */
        o->parts = o->parts * 31u + a->work[i].ps;
        o->part_n = o->part_n * 31u + a->work[i].n;
    }
    for (uint32_t i = 0; i < a->n_child; i++) {
        o->children += a->child[i].ps * (a->child[i].op->op + 1u);
        o->child_n += a->child[i].n * (a->child[i].op->op + 1u);
    }
}

static void assert_same_books(struct rig *a, struct rig *b)
{
    struct books x, y;
    memset(&x, 0, sizeof x);
    memset(&y, 0, sizeof y);
    assert_int_equal(vs_now(&a->txn).v, vs_now(&b->txn).v);
    vs_txn_end(&a->txn);
    vs_txn_end(&b->txn);
    x.n_accounts = y.n_accounts = vs_ledger_n_accounts(a->ledger);
    vs_ledger_each(a->ledger, take, &x);
    vs_ledger_each(b->ledger, take, &y);
    assert_true(x.op[VS_OP_TIMELINE].total > 0);
    assert_memory_equal(&x, &y, sizeof x);
    assert_memory_equal(a->core.counts, b->core.counts, sizeof a->core.counts);
    assert_memory_equal(a->cpu.counts, b->cpu.counts, sizeof a->cpu.counts);
    assert_int_equal(a->mmu.hits, b->mmu.hits);
    assert_int_equal(a->mmu.misses, b->mmu.misses);
    assert_int_equal(a->mmu.second_hits, b->mmu.second_hits);
    assert_int_equal(a->mmu.walks, b->mmu.walks);
}

static const vs_gva heap = {1ull << 40};
static const vs_ps forever = {UINT64_MAX};

static enum vs_status make(struct vs_cpu_bulk *b, const struct vs_cpu *c, int kind, uint64_t bytes,
                           uint64_t count)
{
    enum vs_ref ref = kind % 2 ? VS_REF_WRITE : VS_REF_READ;
    switch (kind / 2) {
    case 0:
        return vs_bulk_stride(b, c, ref, heap, bytes, 8, count);
    case 1:
        return vs_bulk_stride(b, c, ref, heap, bytes, 64, count);
    case 2:
        return vs_bulk_stride(b, c, ref, heap, bytes, 24, count);
    case 3:
        return vs_bulk_random(b, c, ref, heap, bytes, count, 5);
    case 4:
        return vs_bulk_zipf(b, c, ref, heap, bytes, 4096, 0.99, count, 5);
    case 5:
        return vs_bulk_chase(b, c, heap, bytes, 64, count, 5);
    case 6:
        return vs_bulk_stride(b, c, VS_REF_FETCH, heap, bytes, 16, count);
    case 7:
        return vs_bulk_stride(b, c, ref, heap, bytes, 20, count); /* straddles lines */
    default:
        return vs_bulk_stream(b, c, heap, bytes, count);
    }
}
enum { KINDS = 18 };

static void counted_prices_equal_single_charges_for_every_pattern(void **state)
{
    (void)state;
    static const uint64_t size[] = {4096, 40000, 300000, 8u << 20};
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
            struct rig *r[2];
            for (int i = 0; i < 2; i++) {
                r[i] = rig_create(i, "plain", s == 3 ? VS_L1_LARGE : VS_L1_SMALL, VS_POLICY_LRU);
                struct vs_cpu_bulk b;
                assert_int_equal(make(&b, &r[i]->cpu, kind, size[s], 20000), VS_OK);
                assert_int_equal(vs_cpu_bulk_run(&r[i]->cpu, &b, forever), VS_CPU_DONE);
                assert_int_equal(b.done, 20000);
                vs_bulk_free(&b);
            }
            assert_same_books(r[0], r[1]);
            rig_destroy(r[0]);
            rig_destroy(r[1]);
        }
    }
}

/* Cutting a run at many horizons, with operations opened in between, changes no total. */
static void horizons_and_operations_in_between_change_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig *r[2];
        for (int i = 0; i < 2; i++) {
            r[i] = rig_create(i, "plain", VS_L1_SMALL, VS_POLICY_LRU);
            struct vs_cpu_bulk b;
            assert_int_equal(make(&b, &r[i]->cpu, kind, 100000, 5000), VS_OK);
            uint64_t until = 0, step = 0, started = 0;
            for (;;) {
                vs_ps horizon = {until += 1000 + 7919 * (step++ % 13u)};
                uint64_t done = b.done;
                enum vs_cpu_stop stop = vs_cpu_bulk_run(&r[i]->cpu, &b, horizon);
                if (stop == VS_CPU_DONE) {
                    break;
                }
                assert_int_equal(stop, VS_CPU_HORIZON);
                assert_true(vs_cpu_now_ps(&r[i]->cpu) >=
                            horizon.v); /* it stops at the first access at or past it */
                if (done != b.done) {
                    started++;
                }
                if (step % 5u == 0) {
                    vs_open(&r[i]->txn, VS_OP_HANDLER_CPU_ID);
                    vs_cpu_instructions(&r[i]->cpu, 3);
                    vs_close(&r[i]->txn);
                }
            }
            assert_true(started > 50);
            vs_bulk_free(&b);
        }
        assert_same_books(r[0], r[1]);
        rig_destroy(r[0]);
        rig_destroy(r[1]);
    }
}

static void all_variants_of_the_path_agree(void **state)
{
    (void)state;
    for (uint32_t v = VS_MEMORY_VARIANTS - 1u; v--;) { /* those not every host has come last */
        for (int kind = 0; kind < KINDS; kind++) {
            struct rig *r[2];
            for (int i = 0; i < 2; i++) {
                r[i] = rig_create(false, "plain", VS_L1_SMALL, VS_POLICY_LRU);
                if (i && !vs_memory_use(&r[i]->memory, vs_memory_variant[v])) {
                    skip();
                }
                struct vs_cpu_bulk b;
                assert_int_equal(make(&b, &r[i]->cpu, kind, 3u << 20, effort(50000)), VS_OK);
                assert_int_equal(vs_cpu_bulk_run(&r[i]->cpu, &b, forever), VS_CPU_DONE);
                vs_bulk_free(&b);
            }
            assert_same_books(r[0], r[1]);
            rig_destroy(r[0]);
            rig_destroy(r[1]);
        }
    }
}

static void policies_without_a_fast_path_agree_with_single_charges(void **state)
{
    (void)state;
    for (uint64_t policy = VS_POLICY_TREE_PLRU; policy <= VS_POLICY_FIFO; policy++) {
        struct rig *r[2];
        for (int i = 0; i < 2; i++) {
            r[i] = rig_create(i, "plain", VS_L1_SMALL, policy);
            struct vs_cpu_bulk b;
            assert_int_equal(make(&b, &r[i]->cpu, 6, 100000, 30000), VS_OK);
            assert_int_equal(vs_cpu_bulk_run(&r[i]->cpu, &b, forever), VS_CPU_DONE);
        }
        assert_same_books(r[0], r[1]);
        rig_destroy(r[0]);
        rig_destroy(r[1]);
    }
}

/* A fault leaves the access undone; it is issued again and counted once. */
static void a_faulting_access_is_squashed_and_reissued(void **state)
{
    (void)state;
    struct rig *r = rig_create(false, "plain", VS_L1_SMALL, VS_POLICY_LRU);
    struct vs_cpu_bulk b;
    assert_int_equal(vs_bulk_stride(&b, &r->cpu, VS_REF_WRITE, heap, 16 * 4096, 64, 1024), VS_OK);
    r->mmu.faults_from = heap.v + 3 * 4096;
    r->mmu.faults_to = heap.v + 5 * 4096;
    uint64_t faults = 0;
    while (vs_cpu_bulk_run(&r->cpu, &b, forever) == VS_CPU_FAULT) {
        assert_int_equal(r->cpu.fault.fault, VS_FAULT_EPT_VIOLATION);
        assert_int_equal(r->cpu.fault.gva.v, r->mmu.faults_from);
        r->mmu.faults_from += 4096; /* the handler mapped one page */
        faults++;
    }
    assert_int_equal(faults, 2);
    assert_int_equal(b.done, 1024);
    vs_txn_settle(&r->txn);
    assert_int_equal(r->cpu.count[VS_CNT_cpu_stores], 1024);
    assert_int_equal(r->cpu.count[VS_CNT_cpu_faults], 2);
    const struct vs_op_acc *store = r->txn.by_op[VS_OP_ACCESS_STORE];
    assert_int_equal(store->n, 1024);
    assert_int_equal(store->open_ops, 0);
    const struct vs_op_acc *faulted = r->txn.by_op[VS_OP_ACCESS_FAULTED];
    assert_int_equal(faulted->n, 2);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_prices_equal_single_charges_for_every_pattern),
        cmocka_unit_test(horizons_and_operations_in_between_change_nothing),
        cmocka_unit_test(all_variants_of_the_path_agree),
        cmocka_unit_test(policies_without_a_fast_path_agree_with_single_charges),
        cmocka_unit_test(a_faulting_access_is_squashed_and_reissued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
