/* SPDX-License-Identifier: MIT */
/* Laws of replaying: which part of a trace is measured, and for a recorded system which mappings
 * are made before which access, what its own tables said, and when its events come. */
#include "virtsim/request.h"
#include "replay/replay.h"
#include "replay/system.h"
#include "trace/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- parts of a trace --------------------------------------------------------------------------
 */

#define LINES 20u

/* Fetches from 1000h on, one a line. */
static struct vs_replay *open_lines(char path[], uint64_t skip, uint64_t limit, uint64_t warmup)
{
    char err[1024] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (unsigned i = 0; i < LINES; i++) {
        fprintf(f, "I  %08x,4\n", 0x1000 + i);
    }
    assert_int_equal(fclose(f), 0);
    struct vs_trace *t = vs_trace_open(path, "lackey", err, sizeof err);
    assert_string_equal(err, "");
    struct vs_parts_wanted wanted = {{skip, false}, {warmup, false}, {limit, false}};
    struct vs_replay *r = vs_replay_create(t, path, &wanted);
    assert_non_null(r);
    vs_replay_lane(r, 0, NULL);
    return r;
}

static void test_warmup_then_a_mark_then_as_many_as_the_limit(void **state)
{
    (void)state;
    static const struct {
        uint64_t skip, limit, warmup, want;
    } rows[] = {{0, 0, 0, 20}, {2, 4, 3, 4},  {2, 4, 0, 4},  {0, 20, 0, 20},
                {0, 0, 19, 1}, {19, 0, 0, 1}, {15, 0, 4, 1}, {0, 1, 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[] = "/tmp/virtsim-replay-XXXXXX";
        struct vs_replay *r = open_lines(path, rows[i].skip, rows[i].limit, rows[i].warmup);
        struct vs_guest_source source;
        struct vs_request q;
        vs_replay_source(r, 0, 0, &source);
        uint64_t seen = 0, marks = 0, before = 0;
        for (;;) {
            source.next(source.ctx, NULL, &q);
            if (q.kind == VS_REQ_MARK) {
                assert_string_equal(q.name, "roi");
                before = seen;
                marks++;
                continue;
            }
            if (q.kind != VS_REQ_TRACE) {
                break;
            }
            for (size_t k = 0; k < q.n_records; k++) {
                assert_int_equal(q.records[k].addr, 0x1000 + rows[i].skip + seen++);
            }
        }
        assert_int_equal(q.kind, VS_REQ_END);
        assert_int_equal(marks, rows[i].warmup != 0);
        assert_int_equal(before, rows[i].warmup);
        assert_int_equal(seen - before, rows[i].want);
        vs_replay_destroy(r);
        (void)unlink(path);
    }
}

static void test_a_trace_with_nothing_left_to_measure_says_so(void **state)
{
    (void)state;
    static const struct {
        uint64_t skip, warmup;
        const char *says;
    } rows[] = {
        {20, 0, "none"}, {25, 0, "5 more"}, {0, 20, "none"}, {0, 25, "20 of 25"}, {10, 10, "none"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[] = "/tmp/virtsim-replay-XXXXXX";
        struct vs_replay *r = open_lines(path, rows[i].skip, 0, rows[i].warmup);
        struct vs_guest_source source;
        struct vs_request q;
        vs_replay_source(r, 0, 0, &source);
        do {
            source.next(source.ctx, NULL, &q);
        } while (q.kind == VS_REQ_TRACE || q.kind == VS_REQ_MARK);
        assert_int_equal(q.kind, VS_REQ_ERROR);
        assert_non_null(strstr(source.error(source.ctx), rows[i].says));
        vs_replay_destroy(r);
        (void)unlink(path);
    }
}

/* ---- a recorded system -------------------------------------------------------------------------
 */

#define USER 0x7000u               /* page 7, entry by entry through index 0 of each table */
#define KERNEL 0xffff800000001000u /* page 1 of the upper half */
#define PHYSICAL 0x123000u

static struct vs_recorded_table table[7];

static void entry(unsigned t, unsigned index, uint64_t value)
{
    memcpy(table[t].bytes + index * 8u, &value, 8);
}

/* 6000h to 9000h in the lower half, of which 7000h may not be written; 1000h in the upper half. */
static struct vs_recorded_tables recorded(void)
{
    memset(table, 0, sizeof table);
    for (unsigned t = 0; t < 7; t++) {
        table[t].at = 0x1000u * (t + 1u);
    }
    entry(0, 0, 0x2007);
    entry(1, 0, 0x3007);
    entry(2, 0, 0x4007);
    entry(3, 6, PHYSICAL - 0x1000 + 7);
    entry(3, 7, PHYSICAL + 5);
    entry(3, 8, PHYSICAL + 0x1000 + 7);
    entry(0, 256, 0x5003);
    entry(4, 0, 0x6003);
    entry(5, 0, 0x7003);
    entry(6, 1, 0x9003);
    return (struct vs_recorded_tables){0x1000, 1u << 24, 7, table};
}

static struct vs_trace_rec record(uint8_t kind, uint64_t at, uint64_t physical)
{
    return (struct vs_trace_rec){.addr = at,
                                 .physical = physical,
                                 .gap = 3,
                                 .size = 8,
                                 .kind = kind,
                                 .flags = VS_TRACE_PHYSICAL};
}

static size_t next(struct vs_system *s, struct vs_trace_rec *r, size_t n, struct vs_request *q)
{
    memset(q, 0, sizeof *q);
    return vs_system_next(s, r, n, q);
}

static void expect_place(struct vs_system *s, struct vs_trace_rec *r, size_t n, uint64_t at,
                         uint64_t physical)
{
    struct vs_request q;
    assert_int_equal(next(s, r, n, &q), 0);
    assert_int_equal(q.kind, VS_REQ_PLACE);
    assert_true(q.address == at && q.a == physical);
}

static void expect_trace(struct vs_system *s, struct vs_trace_rec *r, size_t n, size_t want)
{
    struct vs_request q;
    assert_int_equal(next(s, r, n, &q), want);
    assert_int_equal(q.kind, VS_REQ_TRACE);
    assert_int_equal(q.n_records, want);
    assert_ptr_equal(q.records, r);
}

static void test_a_page_is_placed_once_before_its_first_access(void **state)
{
    (void)state;
    struct vs_system *s = vs_system_create(NULL);
    assert_false(vs_system_pending(s));
    struct vs_trace_rec r[] = {
        record(VS_TRACE_LOAD, 0x1008, 0x5008), record(VS_TRACE_STORE, 0x1010, 0x5010),
        record(VS_TRACE_LOAD, 0x2000, 0x6000), record(VS_TRACE_LOAD, 0x1000, 0x5000)};
    expect_place(s, r, 4, 0x1008, 0x5008);
    expect_trace(s, r, 4, 2); /* up to the one whose page is not there */
    expect_place(s, r + 2, 2, 0x2000, 0x6000);
    expect_trace(s, r + 2, 2, 2);
    struct vs_trace_rec moved = record(VS_TRACE_LOAD, 0x1000, 0x7000);
    expect_place(s, &moved, 1, 0x1000, 0x7000);
    expect_trace(s, &moved, 1, 1);
    vs_system_destroy(s);
}

static void test_many_pages_are_known_as_long_as_the_replay_lasts(void **state)
{
    (void)state;
    enum { PAGES = 20000 };
    struct vs_system *s = vs_system_create(NULL);
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < PAGES; i++) {
            uint64_t at = (i * 7919 + (i & 1u) * 0xffff800000000ull) << 12;
            struct vs_trace_rec r = record(VS_TRACE_STORE, at, (i + 1) << 12);
            if (!round) {
                expect_place(s, &r, 1, at, (i + 1) << 12);
            }
            expect_trace(s, &r, 1, 1);
        }
    }
    vs_system_destroy(s);
}

/* The recorded tables serve an access that they map where it went, and permit. */
static void test_a_recorded_mapping_is_used_where_it_gives_and_allows_the_access(void **state)
{
    (void)state;
    struct vs_recorded_tables t = recorded();
    struct vs_system *s = vs_system_create(&t);
    struct vs_request q;
    assert_true(vs_system_pending(s));
    struct vs_trace_rec load = record(VS_TRACE_LOAD, USER, PHYSICAL),
                        store = record(VS_TRACE_STORE, USER, PHYSICAL),
                        modify = record(VS_TRACE_MODIFY, USER, PHYSICAL),
                        free_store = record(VS_TRACE_STORE, USER + 0x1000, PHYSICAL + 0x1000),
                        kernel = record(VS_TRACE_LOAD, KERNEL, 0x9000);
    assert_int_equal(next(s, &load, 1, &q), 0);
    assert_int_equal(q.kind, VS_REQ_TABLES); /* before anything else */
    assert_ptr_equal(q.tables, &t);
    assert_false(vs_system_pending(s));
    expect_trace(s, &load, 1, 1);
    expect_trace(s, &free_store, 1, 1);
    expect_trace(s, &kernel, 1, 1);
    expect_place(s, &modify, 1, USER, PHYSICAL); /* read-only */
    expect_trace(s, &modify, 1, 1);
    expect_trace(s, &store, 1, 1); /* by now it is writable */
    vs_system_destroy(s);
}

static void test_what_the_recorded_tables_say_is_counted_by_half(void **state)
{
    (void)state;
    struct vs_recorded_tables t = recorded();
    struct vs_system *s = vs_system_create(&t);
    struct vs_request q;
    struct vs_trace_rec r[] = {record(VS_TRACE_LOAD, USER, PHYSICAL),
                               record(VS_TRACE_LOAD, USER + 8, PHYSICAL + 8),
                               record(VS_TRACE_LOAD, KERNEL, 0x9000)},
                        differs = record(VS_TRACE_LOAD, USER + 0x1000, 0x777000),
                        absent = record(VS_TRACE_LOAD, KERNEL + 0x1000, 0x888000);
    (void)next(s, r, 3, &q); /* the tables */
    assert_int_equal(next(s, r, 3, &q), 3);
    static const uint64_t match[2 * VS_WALK_N] = {1, 0, 0, 2, 0, 0},
                                    differ[2 * VS_WALK_N] = {0, 0, 0, 0, 1, 0},
                                    none[2 * VS_WALK_N] = {0, 0, 1, 0, 0, 0};
    assert_memory_equal(q.walks, match, sizeof match);
    expect_place(s, &differs, 1, USER + 0x1000, 0x777000);
    assert_int_equal(next(s, &differs, 1, &q), 1);
    assert_memory_equal(q.walks, differ, sizeof differ);
    expect_place(s, &absent, 1, KERNEL + 0x1000, 0x888000);
    assert_int_equal(next(s, &absent, 1, &q), 1);
    assert_memory_equal(q.walks, none, sizeof none);
    /* a device register is no access to memory, wherever its page is */
    struct vs_trace_rec device = record(VS_TRACE_LOAD, KERNEL, 0x9000);
    device.flags |= VS_TRACE_MMIO;
    static const uint64_t nothing[2 * VS_WALK_N] = {0};
    assert_int_equal(next(s, &device, 1, &q), 1);
    assert_memory_equal(q.walks, nothing, sizeof nothing);
    vs_system_destroy(s);
}

/* The instructions before an event are carried out first; then it comes, alone. */
static void test_an_event_follows_the_instructions_before_it(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind, flags;
        enum vs_req want;
        enum vs_req_op op;
    } rows[] = {{VS_TRACE_MOV_CR3, 0, VS_REQ_CR_WRITE, 0},
                {VS_TRACE_INVLPG, 0, VS_REQ_INVLPG, 0},
                {VS_TRACE_MARK, 0, VS_REQ_MARK, 0},
                {VS_TRACE_LOAD, VS_TRACE_MMIO, VS_REQ_MMIO, VS_REQ_LOAD},
                {VS_TRACE_STORE, VS_TRACE_MMIO, VS_REQ_MMIO, VS_REQ_STORE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_system *s = vs_system_create(NULL);
        struct vs_request q;
        struct vs_trace_rec r[] = {
            {.addr = 0x1000, .gap = 1, .size = 8, .kind = VS_TRACE_LOAD},
            {.addr = 0xfee000b0, .gap = 7, .size = 4, .kind = rows[i].kind, .flags = rows[i].flags},
            {.addr = 0x2000, .gap = 1, .size = 8, .kind = VS_TRACE_LOAD}};
        expect_trace(s, r, 3, 2);
        assert_int_equal(r[1].kind, VS_TRACE_INSTRUCTIONS);
        assert_int_equal(r[1].gap, 7);
        assert_true(vs_system_pending(s));
        assert_int_equal(next(s, r + 2, 1, &q), 0);
        assert_int_equal(q.kind, rows[i].want);
        if (rows[i].want == VS_REQ_CR_WRITE) {
            assert_int_equal(q.a, 3);
        } else if (rows[i].want == VS_REQ_MARK) {
            assert_string_equal(q.name, "recorded");
        } else if (rows[i].want == VS_REQ_MMIO) {
            assert_int_equal(q.address, 0xfee000b0);
            assert_int_equal(q.op, rows[i].op);
        }
        assert_false(vs_system_pending(s));
        expect_trace(s, r + 2, 1, 1);
        vs_system_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warmup_then_a_mark_then_as_many_as_the_limit),
        cmocka_unit_test(test_a_trace_with_nothing_left_to_measure_says_so),
        cmocka_unit_test(test_a_page_is_placed_once_before_its_first_access),
        cmocka_unit_test(test_many_pages_are_known_as_long_as_the_replay_lasts),
        cmocka_unit_test(test_a_recorded_mapping_is_used_where_it_gives_and_allows_the_access),
        cmocka_unit_test(test_what_the_recorded_tables_say_is_counted_by_half),
        cmocka_unit_test(test_an_event_follows_the_instructions_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
