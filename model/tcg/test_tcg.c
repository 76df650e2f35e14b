/* SPDX-License-Identifier: MIT */
/* Laws of a translator: which access the software TLB answers, how its size follows its use. */
#include "tcg/tcg.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MEMORY (1u << 24)
#define TABLES 0x100000u /* of the guest: four, one behind the other */
#define PAGE 4096u
#define GVA 0x40000000u
#define MS 1000000000u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_tcg_config config;
    struct vs_tcg c;
    struct vs_txn t;
    uint64_t frames;
    uint64_t paths[VS_TCG_PATHS], host_instructions, stores, forgotten;
};

/* ---- the process around it ---- */

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    (void)ctx, (void)t, (void)at, (void)ref;
}
static void core_touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    (void)ctx, (void)t, (void)at, (void)ref;
}
static void work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    struct fixture *f = ctx;
    (void)t, (void)account;
    f->host_instructions += n;
}
static void tables(void *ctx, struct vs_tcg_tables *out)
{
    (void)ctx;
    *out = (struct vs_tcg_tables){&vs_radix_x86_64, TABLES, 0, 46};
}
static bool memory(void *ctx, uint64_t gpa)
{
    (void)ctx;
    return gpa < MEMORY / 2u;
}
static bool ram(void *ctx, struct vs_txn *t, uint64_t gpa, uint64_t *hva, uint64_t *hpa)
{
    (void)ctx, (void)t;
    *hva = *hpa = gpa;
    return true;
}
static void written(void *ctx, struct vs_txn *t, uint64_t gpa, uint32_t bytes)
{
    struct fixture *f = ctx;
    (void)t, (void)gpa, (void)bytes;
    f->stores++;
}
static void forget(void *ctx, struct vs_txn *t)
{
    struct fixture *f = ctx;
    (void)t;
    f->forgotten++;
}
static void forget_page(void *ctx, struct vs_txn *t, uint64_t gva)
{
    (void)ctx, (void)t, (void)gva;
}
static void leave_block(void *ctx)
{
    (void)ctx;
}
static bool frame(void *ctx, uint64_t *hpa)
{
    struct fixture *f = ctx;
    *hpa = MEMORY / 2u + f->frames++ % 1024u * PAGE;
    return true;
}
static void path(void *ctx, struct vs_txn *t, enum vs_tcg_path p)
{
    struct fixture *f = ctx;
    (void)t;
    f->paths[p]++;
}
static void rounds(void *ctx, struct vs_txn *t, enum vs_tcg_path p, uint64_t n)
{
    struct fixture *f = ctx;
    (void)t;
    f->paths[p] += n;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    vs_defaults(&vs_tcg_desc, &f->config);
    vs_tcg_register();
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(MEMORY);
    *state = f;
    return 0;
}

/* The translator as the configuration has it by now. */
static void boot(struct fixture *f)
{
    const struct vs_tcg_wiring w = {.ledger = f->ledger,
                                    .phys = f->phys,
                                    .mem = {.ctx = f, .touch = touch},
                                    .core = {.ctx = f, .touch = core_touch, .work = work},
                                    .ctx = f,
                                    .tables = tables,
                                    .memory = memory,
                                    .ram = ram,
                                    .frame = frame,
                                    .path = path,
                                    .rounds = rounds,
                                    .written = written,
                                    .forget = forget,
                                    .forget_page = forget_page,
                                    .leave_block = leave_block};
    assert_int_equal(vs_tcg_init(&f->c, &f->config, &w), VS_OK);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "vcpu0"), (vs_ps){0});
    for (unsigned level = 4; level > 1u; level--) {
        const uint64_t table = TABLES + (4u - level) * PAGE;
        vs_phys_write64(f->phys, vs_radix_entry(table, level, GVA), (table + PAGE) | 7u);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->t.ledger) {
        vs_txn_end(&f->t);
    }
    assert_int_equal(vs_ledger_unbalanced(f->ledger, NULL, 0), 0);
    vs_tcg_free(&f->c);
    vs_phys_destroy(f->phys);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static vs_hpa leaf(uint64_t gva)
{
    return vs_radix_entry(TABLES + 3u * PAGE, 1, gva);
}

/* The guest maps a page of its memory at gva. */
static void map(struct fixture *f, uint64_t gva, uint64_t gpa, uint64_t flags)
{
    vs_phys_write64(f->phys, leaf(gva), gpa | flags);
}

static uint64_t count(const struct fixture *f, unsigned counter)
{
    return f->c.count[counter];
}

static bool access(struct fixture *f, uint64_t gva, enum vs_ref ref, bool kernel,
                   struct vs_translation *fault)
{
    struct vs_tcg_place at;
    return vs_tcg_translate(&f->c, &f->t, gva, 8, ref, kernel, &at, fault);
}

/* ---- the software TLB ---- */

static void test_a_second_access_to_a_page_walks_nothing(void **state)
{
    struct fixture *f = *state;
    struct vs_translation fault;
    boot(f);
    map(f, GVA, 0x5000, 7);
    assert_true(access(f, GVA + 8u, VS_REF_READ, false, &fault));
    assert_int_equal(count(f, VS_CNT_tcg_walked), 4);
    assert_true(access(f, GVA + 16u, VS_REF_READ, false, &fault));
    assert_int_equal(count(f, VS_CNT_tcg_walked), 4);
    assert_int_equal(count(f, VS_CNT_tcg_hits), 1);
    assert_true(access(f, GVA, VS_REF_READ, true, &fault)); /* the kernel's table is another one */
    assert_int_equal(count(f, VS_CNT_tcg_fills), 2);
}

static void test_a_load_leaves_the_dirty_flag_for_the_first_store(void **state)
{
    struct fixture *f = *state;
    struct vs_translation fault;
    boot(f);
    map(f, GVA, 0x5000, 7);
    assert_true(access(f, GVA, VS_REF_READ, false, &fault));
    assert_int_equal(vs_phys_read64(f->phys, leaf(GVA)) & 0x60u, 0x20);
    assert_true(access(f, GVA, VS_REF_WRITE, false, &fault));
    assert_int_equal(vs_phys_read64(f->phys, leaf(GVA)) & 0x60u, 0x60);
    assert_int_equal(count(f, VS_CNT_tcg_fills), 2);
    assert_true(access(f, GVA, VS_REF_WRITE, false, &fault));
    assert_int_equal(count(f, VS_CNT_tcg_fills), 2);
}

static void test_faults_are_those_of_the_processor(void **state)
{
    struct fixture *f = *state;
    struct vs_translation fault;
    boot(f);
    assert_false(access(f, GVA, VS_REF_WRITE, false, &fault));
    assert_int_equal(fault.fault, VS_FAULT_PAGE);
    assert_int_equal(fault.error_code, 6); /* not present, a write, of a program */
    map(f, GVA, 0x5000, 5);
    assert_false(access(f, GVA, VS_REF_WRITE, false, &fault));
    assert_int_equal(fault.error_code, 7);
    map(f, GVA, 0x5000, 7u | 1ull << 50); /* beyond 46 bits of physical address */
    assert_false(access(f, GVA, VS_REF_READ, false, &fault));
    assert_int_equal(fault.error_code, 13);
    assert_false(access(f, 1ull << 60, VS_REF_READ, false, &fault));
    assert_int_equal(fault.fault, VS_FAULT_GENERAL_PROTECTION);
    map(f, GVA, MEMORY, 7); /* a device */
    assert_false(access(f, GVA, VS_REF_READ, false, &fault));
    assert_int_equal(fault.fault, VS_FAULT_EPT_MISCONFIG);
    assert_int_equal(fault.gpa.v, MEMORY);
}

static void test_a_victim_comes_back_in_exchange(void **state)
{
    struct fixture *f = *state;
    struct vs_tcg_tlb t;
    f->config.tlb_bits = f->config.tlb_least;
    assert_int_equal(vs_tcg_tlb_init(&t, &f->config), VS_OK);
    const uint64_t far = (uint64_t)PAGE << t.bits; /* the same entry again */
    (void)vs_tcg_tlb_put(&t, GVA, 0x1000, VS_RIGHTS, 12);
    (void)vs_tcg_tlb_put(&t, GVA + far, 0x2000, VS_RIGHTS, 12);
    assert_null(vs_tcg_tlb_find(&t, GVA, VS_RIGHT_READ));
    assert_int_equal(vs_tcg_tlb_victim(&t, GVA, VS_RIGHT_READ)->gpa, 0x1000);
    assert_non_null(vs_tcg_tlb_find(&t, GVA, VS_RIGHT_READ));
    assert_non_null(vs_tcg_tlb_victim(&t, GVA + far, VS_RIGHT_READ));
    for (unsigned i = 2; i < 11u;
         i++) { /* as many as there are victims, and one: it is the oldest */
        (void)vs_tcg_tlb_put(&t, GVA + i * far, 0, VS_RIGHTS, 12);
    }
    assert_null(vs_tcg_tlb_victim(&t, GVA + far, VS_RIGHT_READ));
    assert_non_null(vs_tcg_tlb_victim(&t, GVA + 9u * far, VS_RIGHT_READ));
    vs_tcg_tlb_free(&t);
}

/* Fills so many entries. */
static void use(struct vs_tcg_tlb *t, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        (void)vs_tcg_tlb_put(t, GVA + i * PAGE, 0, VS_RIGHTS, 12);
    }
}

static void test_a_flush_doubles_a_table_that_was_full(void **state)
{
    struct fixture *f = *state;
    struct vs_tcg_tlb t;
    assert_int_equal(vs_tcg_tlb_init(&t, &f->config), VS_OK);
    use(&t, 181); /* 70 percent of 256 */
    assert_int_equal(vs_tcg_tlb_flush(&t, 0), 0);
    use(&t, 182); /* 71 */
    assert_int_equal(vs_tcg_tlb_flush(&t, 0), 1);
    assert_int_equal(t.bits, 9);
    assert_null(vs_tcg_tlb_find(&t, GVA, VS_RIGHT_READ));
    use(&t, 100); /* 19 percent, which shrinks it at the end of a window and not before */
    assert_int_equal(vs_tcg_tlb_flush(&t, (uint64_t)100 * MS), 0);
    assert_int_equal(vs_tcg_tlb_flush(&t, (uint64_t)100 * MS + 1u), -1);
    assert_int_equal(t.bits, 8); /* 100 of 128 would be above 70 percent */
    vs_tcg_tlb_free(&t);
}

static void test_a_page_inside_a_large_one_flushes_everything(void **state)
{
    struct fixture *f = *state;
    struct vs_tcg_tlb t;
    assert_int_equal(vs_tcg_tlb_init(&t, &f->config), VS_OK);
    (void)vs_tcg_tlb_put(&t, GVA, 0, VS_RIGHTS, 12);
    assert_true(vs_tcg_tlb_flush_page(&t, GVA));
    assert_null(vs_tcg_tlb_find(&t, GVA, VS_RIGHT_READ));
    (void)vs_tcg_tlb_put(&t, GVA, 0, VS_RIGHTS, 21);
    assert_false(vs_tcg_tlb_flush_page(&t, GVA + (1u << 21) - 1u));
    assert_true(vs_tcg_tlb_flush_page(&t, GVA + (1u << 21)));
    (void)vs_tcg_tlb_put(&t, GVA + (1u << 21), 0, VS_RIGHTS, 21); /* one range for both */
    assert_false(vs_tcg_tlb_flush_page(&t, GVA + (1u << 21)));
    vs_tcg_tlb_free(&t);
}

static void test_a_flush_leaves_out_a_table_that_was_not_used(void **state)
{
    struct fixture *f = *state;
    struct vs_translation fault;
    boot(f);
    map(f, GVA, 0x5000, 7);
    assert_true(access(f, GVA, VS_REF_WRITE, false, &fault));
    assert_int_equal(f->stores, 1);
    vs_tcg_flush(&f->c, &f->t);
    assert_int_equal(count(f, VS_CNT_tcg_flushes), 1);
    assert_int_equal(count(f, VS_CNT_tcg_elided), 1); /* the kernel's */
    assert_int_equal(f->forgotten, 1);
    assert_true(access(f, GVA, VS_REF_READ, false, &fault));
    assert_int_equal(count(f, VS_CNT_tcg_fills), 2);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_second_access_to_a_page_walks_nothing),
        LAW(test_a_load_leaves_the_dirty_flag_for_the_first_store),
        LAW(test_faults_are_those_of_the_processor),
        LAW(test_a_victim_comes_back_in_exchange),
        LAW(test_a_flush_doubles_a_table_that_was_full),
        LAW(test_a_flush_leaves_out_a_table_that_was_not_used),
        LAW(test_a_page_inside_a_large_one_flushes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
