/* SPDX-License-Identifier: MIT */
/* Laws of translated blocks: how one is reached, what drops it, where a stream of instructions is
 * cut into blocks. */
#include "translator/translator.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAGE 4096u
#define GVA 0x40000000u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_translator_config config;
    struct vs_translator c;
    struct vs_txn t;
    uint64_t frames, host_instructions;
};

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
static bool place(void *ctx, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translator_place *out, struct vs_translation *fault)
{
    (void)ctx, (void)t, (void)bytes, (void)kernel, (void)fault;
    *out = (struct vs_translator_place){pc, pc - GVA};
    return true;
}
static uint64_t cache(void *ctx, uint64_t offset)
{
    (void)ctx;
    return offset;
}
static bool frame(void *ctx, uint64_t *hpa)
{
    struct fixture *f = ctx;
    *hpa = f->frames++ * PAGE;
    return true;
}
static void path(void *ctx, struct vs_txn *t, enum vs_translator_path p)
{
    (void)ctx, (void)t, (void)p;
}
static void rounds(void *ctx, struct vs_txn *t, enum vs_translator_path p, uint64_t n)
{
    (void)ctx, (void)t, (void)p, (void)n;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    vs_defaults(&vs_translator_desc, &f->config);
    vs_translator_register("tcg");
    f->ledger = vs_ledger_create(1);
    *state = f;
    return 0;
}

/* The translator as the configuration has it by now. */
static void boot(struct fixture *f)
{
    const struct vs_translator_wiring w = {.ledger = f->ledger,
                                           .mem = {.ctx = f, .touch = touch},
                                           .core = {.ctx = f, .touch = core_touch, .work = work},
                                           .ctx = f,
                                           .place = place,
                                           .cache = cache,
                                           .frame = frame,
                                           .path = path,
                                           .rounds = rounds};
    assert_int_equal(vs_translator_init(&f->c, &f->config, &w), VS_OK);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "vcpu0"), (vs_ps){0});
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->t.ledger) {
        vs_txn_end(&f->t);
    }
    assert_int_equal(vs_ledger_unbalanced(f->ledger, NULL, 0), 0);
    vs_translator_free(&f->c);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static uint64_t count(const struct fixture *f, unsigned counter)
{
    return f->c.count[counter];
}

static void run_block(struct fixture *f, uint64_t pc)
{
    struct vs_translation fault;
    assert_true(vs_translator_block(&f->c, &f->t, pc, 20, false, &fault));
}

static void test_a_loop_is_translated_once_and_chained(void **state)
{
    struct fixture *f = *state;
    boot(f);
    for (unsigned i = 0; i < 10u; i++) {
        run_block(f, GVA);
        run_block(f, GVA + 20u);
    }
    assert_int_equal(count(f, VS_CNT_translator_translated), 2);
    assert_int_equal(count(f, VS_CNT_translator_translated_instructions), 10);
    assert_int_equal(count(f, VS_CNT_translator_lookups), 3); /* each at first, and the way back */
    assert_int_equal(count(f, VS_CNT_translator_patched), 2);
    assert_int_equal(count(f, VS_CNT_translator_chained), 17);
    assert_int_equal(count(f, VS_CNT_translator_blocks), 20);
}

static void test_a_jump_out_of_the_page_is_looked_up_each_time(void **state)
{
    struct fixture *f = *state;
    boot(f);
    for (unsigned i = 0; i < 10u; i++) {
        run_block(f, GVA);
        run_block(f, GVA + PAGE);
    }
    assert_int_equal(count(f, VS_CNT_translator_chained), 0);
    assert_int_equal(count(f, VS_CNT_translator_lookups), 20);
    assert_int_equal(count(f, VS_CNT_translator_jump_hits), 18);
}

static void test_a_third_target_makes_the_branch_an_indirect_one(void **state)
{
    struct fixture *f = *state;
    boot(f);
    for (unsigned i = 0; i < 12u; i++) {
        run_block(f, GVA);
        run_block(f, GVA + 64u * (1u + i % 3u));
    }
    /* of the first block two are direct; all three go back to it directly */
    const uint64_t lookups = count(f, VS_CNT_translator_lookups);
    for (unsigned i = 0; i < 12u; i++) {
        run_block(f, GVA);
        run_block(f, GVA + 64u * (1u + i % 3u));
    }
    assert_int_equal(count(f, VS_CNT_translator_lookups) - lookups, 4);
}

static void test_without_chaining_each_block_is_looked_up(void **state)
{
    struct fixture *f = *state;
    f->config.chaining = 0;
    boot(f);
    for (unsigned i = 0; i < 10u; i++) {
        run_block(f, GVA);
    }
    assert_int_equal(count(f, VS_CNT_translator_lookups), 10);
}

static void test_a_flush_empties_the_jump_cache_and_not_the_table(void **state)
{
    struct fixture *f = *state;
    boot(f);
    run_block(f, GVA);
    vs_translator_forget(&f->c, &f->t);
    run_block(f, GVA + PAGE);
    run_block(f, GVA);
    assert_int_equal(count(f, VS_CNT_translator_translated), 2);
    assert_int_equal(count(f, VS_CNT_translator_table_hits), 1);
    vs_translator_forget_page(&f->c, &f->t, GVA);
    vs_translator_forget_page(&f->c, &f->t, GVA + PAGE);
    run_block(f, GVA + PAGE);
    run_block(f, GVA);
    assert_int_equal(count(f, VS_CNT_translator_table_hits), 3);
    vs_translator_forget_page(&f->c, &f->t, GVA);
    run_block(f, GVA + PAGE);
    assert_int_equal(count(f, VS_CNT_translator_table_hits), 3);
}

static void test_a_store_drops_the_blocks_whose_bytes_it_writes(void **state)
{
    struct fixture *f = *state;
    boot(f);
    run_block(f, GVA);
    run_block(f, GVA + 64u);
    vs_translator_written(&f->c, &f->t, 128u, 8); /* data in the same page */
    assert_int_equal(count(f, VS_CNT_translator_code_writes), 1);
    assert_int_equal(count(f, VS_CNT_translator_invalidated), 0);
    vs_translator_written(&f->c, &f->t, 76u, 8); /* its last bytes */
    assert_int_equal(count(f, VS_CNT_translator_invalidated), 1);
    run_block(f, GVA);
    run_block(f, GVA + 64u);
    assert_int_equal(count(f, VS_CNT_translator_translated), 3);
    vs_translator_written(&f->c, &f->t, 84u, 8); /* just behind them */
    assert_int_equal(count(f, VS_CNT_translator_invalidated), 1);
}

static void test_a_full_cache_is_emptied(void **state)
{
    struct fixture *f = *state;
    f->config.cache_bytes = 4u * (f->config.block_code + f->config.block_extra);
    boot(f);
    for (unsigned i = 0; i < 4u; i++) {
        run_block(f, GVA + 64u * i);
    }
    assert_int_equal(count(f, VS_CNT_translator_cache_flushes), 0);
    run_block(f, GVA + 256u);
    assert_int_equal(count(f, VS_CNT_translator_cache_flushes), 1);
    run_block(f, GVA);
    assert_int_equal(count(f, VS_CNT_translator_translated), 6);
}

static void test_fetched_instructions_are_blocks_between_jumps(void **state)
{
    struct fixture *f = *state;
    struct vs_translation fault;
    boot(f);
    for (unsigned round = 0; round < 5u; round++) { /* ten instructions and a jump back */
        for (unsigned i = 0; i < 10u; i++) {
            assert_true(vs_translator_fetch(&f->c, &f->t, GVA + 4u * i, 4, false, &fault));
        }
    }
    assert_int_equal(count(f, VS_CNT_translator_translated), 1);
    assert_int_equal(count(f, VS_CNT_translator_translated_instructions), 10);
    assert_int_equal(count(f, VS_CNT_translator_blocks), 5);
    assert_int_equal(count(f, VS_CNT_translator_chained), 3);
}

static void test_an_expansion_loses_no_tenth(void **state)
{
    struct fixture *f = *state;
    f->config.expansion = 33;
    boot(f);
    for (unsigned i = 0; i < 100u; i++) {
        vs_translator_instructions(&f->c, &f->t, 1, 1, false);
    }
    assert_int_equal(f->host_instructions, 330);
    assert_int_equal(count(f, VS_CNT_translator_instructions), 100);
}

static void test_every_block_of_a_page_has_its_jump_cache_entries_in_a_row(void **state)
{
    struct fixture *f = *state;
    boot(f);
    const uint64_t first = vs_translator_jump_index(&f->c, GVA + 5u * PAGE), row = 64;
    assert_int_equal(first % row, 0);
    for (unsigned at = 0; at < PAGE; at++) {
        const uint64_t index = vs_translator_jump_index(&f->c, GVA + 5u * PAGE + at);
        assert_true(index >= first && index < first + row);
    }
}

static void test_what_one_has_translated_another_finds(void **state)
{
    struct fixture *f = *state;
    struct vs_translator other;
    struct vs_translation fault;
    boot(f);
    struct vs_translator_wiring w = f->c.wire;
    w.shares = &f->c;
    assert_int_equal(vs_translator_init(&other, &f->config, &w), VS_OK);
    run_block(f, GVA);
    assert_true(vs_translator_block(&other, &f->t, GVA, 20, false, &fault));
    assert_int_equal(other.count[VS_CNT_translator_translated], 0);
    assert_int_equal(other.count[VS_CNT_translator_table_hits], 1);
    vs_translator_written(&other, &f->t, 0, 8); /* and what one drops, all lose */
    run_block(f, GVA);
    assert_int_equal(count(f, VS_CNT_translator_translated), 2);
    assert_true(vs_translator_block(&other, &f->t, GVA, 20, false, &fault));
    assert_int_equal(other.count[VS_CNT_translator_table_hits], 2);
    vs_translator_free(&other);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_loop_is_translated_once_and_chained),
        LAW(test_a_jump_out_of_the_page_is_looked_up_each_time),
        LAW(test_a_third_target_makes_the_branch_an_indirect_one),
        LAW(test_without_chaining_each_block_is_looked_up),
        LAW(test_a_flush_empties_the_jump_cache_and_not_the_table),
        LAW(test_a_store_drops_the_blocks_whose_bytes_it_writes),
        LAW(test_a_full_cache_is_emptied),
        LAW(test_what_one_has_translated_another_finds),
        LAW(test_fetched_instructions_are_blocks_between_jumps),
        LAW(test_an_expansion_loses_no_tenth),
        LAW(test_every_block_of_a_page_has_its_jump_cache_entries_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
