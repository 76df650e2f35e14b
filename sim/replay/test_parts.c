/* SPDX-License-Identifier: MIT */
/* Laws of the parts of a trace: a part is as long as was asked for, ends between two instructions,
 * and what it holds does not depend on the blocks that the records come in. */
#include "replay/parts.h"
#include "trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 400u

/* A trace of instructions with 0 to 3 data records each; `alone` data records before the first. */
static size_t program(struct vs_trace_rec *rec, size_t alone, unsigned seed)
{
    size_t n = 0;
    while (n < alone) {
        rec[n++] = (struct vs_trace_rec){.size = 8, .kind = VS_TRACE_LOAD};
    }
    for (unsigned i = 0; n + 4 < MOST; i++) {
        rec[n++] = (struct vs_trace_rec){.size = 4, .kind = VS_TRACE_FETCH};
        seed = seed * 1103515245u + 12345u;
        for (unsigned k = seed >> 16 & 3u; k; k--) {
            rec[n++] = (struct vs_trace_rec){.size = 8, .kind = VS_TRACE_STORE};
        }
    }
    return n;
}

struct seen {
    size_t n[4];              /* records of each part */
    uint64_t instructions[4]; /* and instructions that begin in it */
    struct vs_parts parts;
};

/* Takes all records in blocks of this many. */
static struct seen take(struct vs_trace_rec *rec, size_t n, size_t block,
                        const struct vs_parts_wanted *wanted)
{
    struct seen s;
    memset(&s, 0, sizeof s);
    vs_parts_begin(&s.parts, wanted);
    for (size_t from = 0; from < n && s.parts.part < VS_PART_OVER; from += block) {
        size_t have = n - from < block ? n - from : block;
        for (size_t at = 0; at < have && s.parts.part < VS_PART_OVER;) {
            bool ends;
            uint32_t split;
            enum vs_replay_part part = s.parts.part;
            size_t k = vs_parts_take(&s.parts, rec + from + at, have - at, &ends, &split);
            for (size_t i = 0; i < k; i++) {
                const struct vs_trace_rec *r = &rec[from + at + i];
                s.instructions[part] += r->kind == VS_TRACE_FETCH ? 1u : r->gap;
            }
            s.n[part] += k;
            s.instructions[part] += split;
            at += k;
            assert_true(ends || at == have);
            if (ends) {
                vs_parts_next(&s.parts);
            }
        }
    }
    return s;
}

static const size_t blocks[] = {1, 2, 3, 7, 64, MOST};

static void test_an_amount_of_records_finishes_its_instruction(void **state)
{
    (void)state;
    struct vs_trace_rec rec[MOST];
    for (unsigned seed = 1; seed < 20; seed++) {
        size_t n = program(rec, seed % 3, seed);
        for (uint64_t want = 1; want < 60; want++) {
            struct vs_parts_wanted w = {{want, false}, {want + 1, false}, {want + 2, false}};
            size_t end[4] = {0};
            for (unsigned part = 0; part < 3; part++) {
                end[part + 1] = end[part] + want + part;
                while (end[part + 1] > seed % 3 && rec[end[part + 1]].kind != VS_TRACE_FETCH) {
                    end[part + 1]++;
                }
            }
            for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
                struct seen s = take(rec, n, blocks[b], &w);
                for (unsigned part = 0; part < 3; part++) {
                    assert_int_equal(s.n[part], end[part + 1] - end[part]);
                }
                assert_int_equal(s.parts.part, VS_PART_OVER);
            }
        }
    }
}

static void test_without_instructions_an_amount_of_records_is_exact(void **state)
{
    (void)state;
    struct vs_trace_rec rec[100];
    for (size_t i = 0; i < 100; i++) {
        rec[i] = (struct vs_trace_rec){.size = 8, .kind = VS_TRACE_LOAD};
    }
    for (uint64_t want = 1; want < 33; want++) {
        struct vs_parts_wanted w = {{want, false}, {want, false}, {want, false}};
        struct seen s = take(rec, 100, 7, &w);
        for (unsigned part = 0; part < 3; part++) {
            assert_int_equal(s.n[part], want);
        }
    }
}

static void test_an_amount_of_instructions_is_exact(void **state)
{
    (void)state;
    struct vs_trace_rec rec[MOST];
    for (unsigned seed = 1; seed < 20; seed++) {
        for (uint64_t want = 1; want < 30; want++) {
            size_t n = program(rec, seed % 3, seed);
            struct vs_parts_wanted w = {{want, true}, {want + 1, true}, {want + 2, true}};
            for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
                struct seen s = take(rec, n, blocks[b], &w);
                for (unsigned part = 0; part < 3; part++) {
                    assert_int_equal(s.instructions[part], want + part);
                }
                assert_int_equal(rec[s.n[0]].kind, VS_TRACE_FETCH);
            }
        }
    }
}

/* Records of a whole system stand for several instructions each: those are divided. */
static void test_instructions_between_two_records_are_divided(void **state)
{
    (void)state;
    for (uint64_t want = 1; want < 50; want++) {
        struct vs_trace_rec rec[60];
        for (size_t i = 0; i < 60; i++) { /* 7 instructions, the last of them with two records */
            rec[i] = (struct vs_trace_rec){.size = 8, .kind = VS_TRACE_LOAD, .gap = i & 1u ? 0 : 7};
        }
        struct vs_parts_wanted w = {{want, true}, {want, true}, {want, true}};
        struct seen s = take(rec, 60, 60, &w);
        for (unsigned part = 0; part < 3; part++) {
            assert_int_equal(s.instructions[part], want);
        }
        assert_int_equal(s.n[0], 2u * (want / 7u));
    }
}

static void test_a_trace_that_is_too_short_says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        struct vs_parts_wanted wanted;
        const char *says; /* NULL: nothing is wrong */
    } rows[] = {{{{0}, {0}, {0}}, NULL},
                {{{0}, {0}, {5, false}}, NULL},
                {{{25, false}, {0}, {0}}, "5 more records were to be skipped"},
                {{{20, false}, {0}, {0}}, "none of its records"},
                {{{0}, {25, false}, {0}}, "20 of 25 warm-up records"},
                {{{10, false}, {10, false}, {0}}, "none of its records"},
                {{{5, true}, {0}, {0}}, "it has no instructions"},
                {{{0}, {5, true}, {0}}, "it has no instructions"},
                {{{0}, {0}, {5, true}}, "--limit 5i counts instructions; it has no"}};
    struct vs_trace_rec rec[20];
    for (size_t i = 0; i < 20; i++) {
        rec[i] = (struct vs_trace_rec){.size = 8, .kind = VS_TRACE_LOAD};
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char err[600] = "";
        struct seen s = take(rec, 20, 20, &rows[i].wanted);
        bool good = s.parts.part == VS_PART_OVER || vs_parts_end(&s.parts, "t.lk", err, sizeof err);
        assert_int_equal(good, !rows[i].says);
        if (rows[i].says && !strstr(err, rows[i].says)) {
            fail_msg("row %zu: %s", i, err);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_amount_of_records_finishes_its_instruction),
        cmocka_unit_test(test_without_instructions_an_amount_of_records_is_exact),
        cmocka_unit_test(test_an_amount_of_instructions_is_exact),
        cmocka_unit_test(test_instructions_between_two_records_are_divided),
        cmocka_unit_test(test_a_trace_that_is_too_short_says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
