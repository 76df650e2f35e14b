/* SPDX-License-Identifier: MIT */
/* Laws of the out-of-order window: what overlaps, what cannot, and that the line stays a sum. */
#include "effort.h"
#include "models/window_machine.h"

/* The time of n accesses, each `stride` after the one before; the first page is warm. */
static uint64_t strided(struct guest_machine *g, uint64_t stride, uint64_t n)
{
    struct vs_cpu_bulk b;
    uint64_t start = vs_now(&g->t).v;
    assert_int_equal(vs_bulk_stride(&b, &g->cpu, VS_REF_READ, heap, REGION, stride, n), VS_OK);
    assert_int_equal(vs_cpu_bulk_run(&g->cpu, &b, forever), VS_CPU_DONE);
    return vs_now(&g->t).v - start;
}

static uint64_t misses(uint64_t window, uint64_t queue, uint64_t mshrs, uint64_t n)
{
    struct guest_machine_config c = plain(window, mshrs);
    c.cpu.load_queue = queue;
    c.cpu.translation = 0;
    struct guest_machine *g = create(&c);
    uint64_t t = strided(g, 4096, n);
    destroy(g);
    return t;
}

static void independent_misses_overlap_as_far_as_mshrs_reach(void **state)
{
    (void)state;
    for (uint64_t m = 1; m <= 12; m++) {
        for (uint64_t n = 1; n <= 40; n++) {
            if (effort_takes(m * 41 + n)) {
                assert_int_equal(misses(4096, 4096, m, n), (n + m - 1) / m * LATENCY);
            }
        }
    }
}

static void the_window_bounds_what_overlaps(void **state)
{
    (void)state;
    assert_int_equal(misses(16, 4096, 256, 16), LATENCY);
    assert_int_equal(misses(16, 4096, 256, 17), 2 * LATENCY);
    assert_int_equal(misses(16, 4096, 256, 160), 10 * LATENCY);
}

static void the_load_queue_bounds_what_overlaps(void **state)
{
    (void)state;
    assert_int_equal(misses(4096, 9, 256, 9), LATENCY);
    assert_int_equal(misses(4096, 9, 256, 10), 2 * LATENCY);
    assert_int_equal(misses(4096, 9, 4, 9), 3 * LATENCY);
}

/* Instructions take entries: 15 of them between accesses leave room for two in a window of 17. */
static void instructions_take_entries(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(17, 256);
    c.cpu.translation = 0;
    c.cpu.bulk_instructions = 15;
    c.cpu.ipc = 16000;
    struct guest_machine *g = create(&c);
    uint64_t base = 15 * g->cpu.instruction_q + 15;
    uint64_t t = strided(g, 4096, 8);
    assert_true(t >= 4 * LATENCY && t <= 4 * LATENCY + 8 * base);
    destroy(g);
}

enum { STRIDE, RANDOM, ZIPF, CHASE, STREAM, PATTERNS };

static void run(struct guest_machine *g, int pattern, uint64_t n, vs_ps step)
{
    struct vs_cpu_bulk b;
    uint64_t size = 3u << 20;
    enum vs_status s =
        pattern == STRIDE   ? vs_bulk_stride(&b, &g->cpu, VS_REF_WRITE, heap, size, 24, n)
        : pattern == RANDOM ? vs_bulk_random(&b, &g->cpu, VS_REF_READ, heap, size, n, 5)
        : pattern == ZIPF   ? vs_bulk_zipf(&b, &g->cpu, VS_REF_READ, heap, size, 4096, 0.9, n, 5)
        : pattern == CHASE  ? vs_bulk_chase(&b, &g->cpu, heap, size, 64, n, 5)
                            : vs_bulk_stream(&b, &g->cpu, heap, size, n);
    assert_int_equal(s, VS_OK);
    enum vs_cpu_stop stop;
    vs_ps until = step.v ? step : forever;
    while ((stop = vs_cpu_bulk_run(&g->cpu, &b, until)) != VS_CPU_DONE) {
        assert_int_equal(stop, VS_CPU_HORIZON);
        until.v = vs_cpu_now_ps(&g->cpu) + step.v;
    }
    vs_bulk_free(&b);
}

static uint64_t time_of(const struct guest_machine_config *c, int pattern, vs_ps step,
                        struct vs_op_acc *load)
{
    struct guest_machine *g = create(c);
    run(g, pattern, effort(20000), step);
    uint64_t t = vs_now(&g->t).v;
    if (load) {
        *load = *vs_ledger_acc(g->ledger, g->t.actor, VS_OP_ACCESS_LOAD);
    }
    destroy(g);
    return t;
}

static const vs_ps whole = {0};

/* One entry: the next access enters when the last has completed, as if it had blocked. */
static void a_window_of_one_blocks(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * PATTERNS; i++) {
        int pattern = i / 2;
        struct guest_machine_config c = guest_machine_defaults();
        c.cpu.bulk_instructions = (uint64_t)i % 2u;
        struct vs_op_acc blocking, one;
        uint64_t t = time_of(&c, pattern, whole, &blocking);
        c.cpu.window = 1;
        assert_int_equal(time_of(&c, pattern, whole, &one), t);
        assert_int_equal(one.n, blocking.n);
        assert_int_equal(one.total_ps, blocking.total_ps);
        assert_int_equal(one.max_ps, blocking.max_ps);
    }
}

static void a_chase_gains_nothing(void **state)
{
    (void)state;
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.bulk_instructions = 0;
    c.cpu.issue_width = 0;
    uint64_t t = time_of(&c, CHASE, whole, NULL);
    for (uint64_t w = 2; w <= 512; w *= 16) {
        c.cpu.window = w;
        assert_int_equal(time_of(&c, CHASE, whole, NULL), t);
    }
}

static void independent_accesses_gain(void **state)
{
    (void)state;
    struct guest_machine_config c = guest_machine_defaults();
    uint64_t t = time_of(&c, RANDOM, whole, NULL), last = t;
    for (uint64_t w = 4; w <= 256; w *= 4) {
        c.cpu.window = w;
        uint64_t now = time_of(&c, RANDOM, whole, NULL);
        assert_true(now <= last);
        last = now;
    }
    assert_true(2 * last < t);
}

/* Coming up for air, without anybody reading the clock, changes nothing. */
static void horizons_change_nothing(void **state)
{
    (void)state;
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.window = 64;
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        vs_ps step = {70001};
        assert_int_equal(time_of(&c, pattern, step, NULL), time_of(&c, pattern, whole, NULL));
    }
}

/* A bulk whose accesses wait for each other gains nothing either. */
static void strides_that_depend_are_a_chase(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(4096, 256);
    c.cpu.translation = 0;
    struct guest_machine *g = create(&c);
    g->cpu.depends = true;
    (void)strided(g, 4096, 1);
    assert_true(strided(g, 4096, 20) >= 19 * LATENCY);
    destroy(g);
}

/* A run that goes on after an interrupt begins with what was squashed, as single accesses do. */
static void what_was_squashed_enters_before_a_run(void **state)
{
    (void)state;
    uint64_t now[2], reissued[2];
    for (uint32_t alone = 0; alone < 2; alone++) {
        struct guest_machine_config c = plain(64, 4);
        c.cpu.issue_width = 1;
        struct guest_machine *g = create(&c);
        vs_ledger_sample(g->ledger, alone);
        struct vs_cpu_bulk b;
        vs_ps soon = {0};
        (void)strided(g, 64, 8);                                       /* the page */
        soon.v = vs_cpu_now_ps(&g->cpu) + 20 * g->cpu.clock.period_ps; /* half of them */
        assert_int_equal(
            vs_bulk_stride(&b, &g->cpu, VS_REF_READ, (vs_gva){heap.v + 1024}, 3072, 64, 40), VS_OK);
        assert_int_equal(vs_cpu_bulk_run(&g->cpu, &b, soon), VS_CPU_HORIZON);
        vs_cpu_interrupt(&g->cpu);
        assert_true(g->cpu.count[VS_CNT_cpu_squashed] > 0);
        assert_int_equal(vs_cpu_bulk_run(&g->cpu, &b, forever), VS_CPU_DONE);
        now[alone] = vs_now(&g->t).v;
        reissued[alone] = g->t.acc->work[g->cpu.account + VS_ACC_cpu_reissue].n;
        destroy(g);
    }
    assert_int_equal(now[0], now[1]);
    assert_int_equal(reissued[0], reissued[1]);
    assert_true(reissued[0] > 0);
}

/* Fetches over the end of a line between two loads: these overlap in a queue of two. */
static void fetches_take_no_place_of_loads(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 4);
    c.cpu.load_queue = 2;
    c.cpu.translation = 0;
    c.memory.l1i_latency = 0;
    struct guest_machine *g = create(&c);
    const vs_gva code = {heap.v + 60}, a = {heap.v + 4096}, b = {heap.v + 8192};
    assert_int_equal(vs_cpu_access(&g->cpu, code, 8, VS_REF_FETCH), VS_CPU_DONE);
    uint64_t from = vs_now(&g->t).v;
    assert_int_equal(vs_cpu_access(&g->cpu, a, 8, VS_REF_READ), VS_CPU_DONE);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(vs_cpu_access(&g->cpu, code, 8, VS_REF_FETCH), VS_CPU_DONE);
    }
    assert_int_equal(vs_cpu_access(&g->cpu, b, 8, VS_REF_READ), VS_CPU_DONE);
    assert_int_equal(vs_now(&g->t).v - from, LATENCY);
    destroy(g);
}

/* A bulk that is told of more accesses while it runs makes those that it would have made. */
static void a_count_that_grows_changes_no_address(void **state)
{
    (void)state;
    uint64_t now[2], counts[2][VS_CNT_memory_N];
    for (int grows = 0; grows < 2; grows++) {
        struct guest_machine_config c = guest_machine_defaults();
        struct guest_machine *g = create(&c);
        struct vs_cpu_bulk *b = calloc(1, sizeof *b);
        assert_non_null(b);
        assert_int_equal(
            vs_bulk_random(b, &g->cpu, VS_REF_READ, heap, REGION, grows ? 10 : 1000, 3), VS_OK);
        for (uint64_t more = grows ? 10 : 1000; more <= 1000; more += 99) {
            b->count = more;
            assert_int_equal(vs_cpu_bulk_run(&g->cpu, b, forever), VS_CPU_DONE);
        }
        now[grows] = vs_now(&g->t).v;
        memcpy(counts[grows], g->core.counts[0], sizeof counts[0]);
        vs_bulk_free(b);
        free(b);
        destroy(g);
    }
    assert_int_equal(now[0], now[1]);
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
}

/* Nothing enters at the horizon or after it, taken together or not: where nothing waits for room
 * the clock of entry is less than one access beyond. */
static void a_bulk_stops_at_its_horizon(void **state)
{
    (void)state;
    static const uint64_t stride[] = {8, 16, 64, 192};
    for (int i = 0; i < 4; i++) {
        struct guest_machine_config c = plain(4096, 256);
        c.cpu.issue_width = 1;
        struct guest_machine *g = create(&c);
        struct vs_cpu_bulk b;
        uint64_t period = g->cpu.clock.period_ps, stops = 0;
        (void)strided(g, 4096, 300); /* the pages */
        assert_int_equal(
            vs_bulk_stride(&b, &g->cpu, VS_REF_READ, heap, 300 * 4096, stride[i], 3000), VS_OK);
        vs_ps until = {vs_cpu_now_ps(&g->cpu) + 1};
        while (vs_cpu_bulk_run(&g->cpu, &b, until) == VS_CPU_HORIZON) {
            assert_true(vs_cpu_now_ps(&g->cpu) >= until.v);
            if (g->cpu.count[VS_CNT_cpu_queue_full] + g->cpu.count[VS_CNT_cpu_window_full] == 0) {
                assert_true(vs_cpu_now_ps(&g->cpu) < until.v + period);
                stops++;
            }
            until.v = vs_cpu_now_ps(&g->cpu) + 37 * period + 1;
        }
        assert_true(stops > 20);
        destroy(g);
    }
}

/* w walkers: the walks take at least a w-th of their sum, and little more when nothing else waits.
 */
static void walkers_work_side_by_side(void **state)
{
    (void)state;
    for (uint64_t w = 1; w <= 8; w *= 2) {
        struct guest_machine_config c = plain(4096, 256);
        c.ept.walkers = w;
        struct guest_machine *g = create(&c);
        uint64_t n = 512, t = strided(g, 3 * 4096, n);
        const struct vs_op_acc *walk = vs_ledger_acc(g->ledger, g->t.actor, VS_OP_WALK);
        assert_int_equal(walk->n, n);
        assert_true(t >= walk->total_ps / w);
        assert_true(t <= walk->total_ps / w + walk->max_ps + 2 * LATENCY);
        destroy(g);
    }
}

static void misses_to_one_line_are_one_fetch(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 2);
    c.cpu.translation = 0;
    struct guest_machine *g = create(&c);
    assert_int_equal(strided(g, 8, 8), LATENCY);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_mshr_merges], 7);
    assert_int_equal(g->core.count[VS_CNT_memory_l1_read_misses], 1);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_mshr_waits], 0);
    destroy(g);
}

/* Fetches end in another order than they began: the next one takes the place of what ends first. */
static void the_mshr_that_is_free_first_is_taken(void **state)
{
    (void)state;
    for (uint64_t before = 4; before <= 6; before++) { /* each of the three comes first */
        struct guest_machine_config c = plain(64, 3);
        c.cpu.translation = 0;
        c.memory.l1d_size = 4096;
        c.memory.l1d_ways = 1;
        c.memory.l2_size = 1u << 18;
        struct guest_machine *g = create(&c);
        const uint64_t near = g->cpu.data.lines.ps[VS_MEM_L2];
        assert_true(near < LATENCY);
        assert_int_equal(strided(g, 4096, before), 2 * LATENCY); /* all but the last: in L2 alone */
        uint64_t start = vs_now(&g->t).v;
        const uint64_t at[] = {64, 4096, 128, 192}; /* the second one comes from L2 */
        for (unsigned i = 0; i < 4; i++) {
            const vs_gva a = {heap.v + at[i]};
            assert_int_equal(vs_cpu_access(&g->cpu, a, 8, VS_REF_READ), VS_CPU_DONE);
        }
        assert_int_equal(vs_now(&g->t).v - start, near + LATENCY); /* the fourth waits for it */
        destroy(g);
    }
}

/* A line came, was pushed out and is on its way again: what counts is the fetch that is under way.
 */
static void a_line_fetched_again_is_waited_for_again(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 4);
    c.cpu.translation = 0;
    c.memory.l1d_size = 4096;
    c.memory.l1d_ways = 1;
    struct guest_machine *g = create(&c);
    const vs_gva other = {heap.v + 4096};
    assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
    assert_int_equal(vs_now(&g->t).v, LATENCY);
    assert_int_equal(vs_cpu_access(&g->cpu, other, 8, VS_REF_READ), VS_CPU_DONE);
    assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
    assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
    assert_int_equal(vs_now(&g->t).v, 2 * LATENCY);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_mshr_merges], 1);
    const struct vs_op_acc *load = vs_ledger_acc(g->ledger, g->t.actor, VS_OP_ACCESS_LOAD);
    assert_int_equal(load->total_ps, 4 * LATENCY);
    destroy(g);
}

static void misses_to_one_page_are_one_walk(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 64);
    struct guest_machine *g = create(&c);
    uint64_t t = strided(g, 64, 32);
    const struct vs_op_acc *walk = vs_ledger_acc(g->ledger, g->t.actor, VS_OP_WALK);
    assert_int_equal(walk->n, 1);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_walk_merges], 31);
    /* all wait for the one walk, then for their own lines at once */
    uint64_t probe = g->ept.probe_miss.ps.v;
    assert_int_equal(t, probe + walk->total_ps + LATENCY);
    destroy(g);
}

/* The access that faults is the oldest when the fault is taken; it is counted when it is issued
 * again, and later accesses to its page do not fault a second time. */
static void a_fault_is_taken_once_and_older_loads_complete(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 64);
    struct guest_machine *g = create(&c);
    struct vs_cpu_bulk b;
    vs_gva hole = {GUEST_MACHINE_BASE + REGION - 4096};
    assert_int_equal(vs_bulk_stride(&b, &g->cpu, VS_REF_READ, hole, 8192, 1024, 8), VS_OK);
    assert_int_equal(vs_cpu_bulk_run(&g->cpu, &b, forever), VS_CPU_FAULT);
    assert_int_equal(g->cpu.fault.fault, VS_FAULT_PAGE);
    assert_int_equal(b.done, 4);
    /* nothing is in flight: reading the clock finds nothing to wait for */
    uint64_t now = g->t.now_ps;
    assert_int_equal(vs_now(&g->t).v, now);
    const struct vs_op_acc *load = vs_ledger_acc(g->ledger, g->t.actor, VS_OP_ACCESS_LOAD);
    assert_int_equal(load->n, 4);
    assert_int_equal(load->open_ops, 0);
    assert_int_equal(vs_ledger_acc(g->ledger, g->t.actor, VS_OP_ACCESS_FAULTED)->n, 1);
    assert_true(now >= load->max_ps);
    assert_int_equal(vs_space_touch(&g->space, GUEST_MACHINE_BASE + REGION, 12, true, true), VS_OK);
    assert_int_equal(vs_cpu_bulk_run(&g->cpu, &b, forever), VS_CPU_DONE);
    vs_txn_settle(&g->t);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_faults], 1);
    assert_int_equal(g->cpu.count[VS_CNT_cpu_loads], 8);
    destroy(g);
}

/* Fetches that are counted and not yet booked are over: reading the clock first changes nothing. */
static void a_fault_does_not_wait_for_what_was_fetched(void **state)
{
    (void)state;
    uint64_t end[2];
    for (int read = 0; read < 2; read++) {
        struct guest_machine_config c = plain(64, 64);
        struct guest_machine *g = create(&c);
        vs_gva hole = {GUEST_MACHINE_BASE + REGION};
        for (uint64_t i = 0; i < 5; i++) {
            vs_gva code = {heap.v + i * 64};
            assert_int_equal(vs_cpu_access(&g->cpu, code, 4, VS_REF_FETCH), VS_CPU_DONE);
        }
        if (read) {
            (void)vs_now(&g->t);
        }
        assert_int_equal(vs_cpu_access(&g->cpu, hole, 8, VS_REF_READ), VS_CPU_FAULT);
        end[read] = vs_now(&g->t).v;
        destroy(g);
    }
    assert_int_equal(end[0], end[1]);
}

/* An operation on the line begins when all that entered before it has completed. */
static void an_operation_on_the_line_begins_after_older_loads(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 64);
    c.cpu.translation = 0;
    struct guest_machine *g = create(&c);
    assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
    assert_true(vs_cpu_now_ps(&g->cpu) < LATENCY);
    vs_open(&g->t, VS_OP_HANDLER_CPU_ID);
    assert_int_equal(g->t.now_ps, LATENCY);
    vs_close(&g->t);
    destroy(g);
}

/* Two MSHRs, six misses: the interrupt finds the first two at work. They complete, the other four
 * are squashed; when the program goes on they are on their way as before. */
static void an_interrupt_lets_the_oldest_complete_and_squashes_the_rest(void **state)
{
    (void)state;
    for (uint64_t handler = 0; handler <= 10; handler += 10) {
        struct guest_machine_config c = plain(64, 2);
        c.cpu.translation = 0;
        c.cpu.issue_width = 4;
        struct guest_machine *g = create(&c);
        for (uint64_t i = 0; i < 6; i++) {
            vs_gva at = {GUEST_MACHINE_BASE + i * 4096};
            assert_int_equal(vs_cpu_access(&g->cpu, at, 8, VS_REF_READ), VS_CPU_DONE);
        }
        uint64_t slot = g->cpu.clock.period_ps / 4;
        vs_cpu_interrupt(&g->cpu);
        assert_int_equal(vs_now(&g->t).v, LATENCY);
        uint64_t squashed = g->cpu.count[VS_CNT_cpu_squashed];
        assert_int_equal(squashed, 5); /* the second entered a slot later: it was not complete */
        vs_cpu_interrupt(&g->cpu);
        assert_int_equal(vs_now(&g->t).v, LATENCY);
        vs_ps work = {handler * LATENCY};
        vs_charge(&g->t, g->cpu.account, work);
        uint64_t before = g->t.now_ps;
        assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
        uint64_t after = vs_now(&g->t).v;
        if (handler) {
            assert_true(after >= before + 5 * slot);
            assert_true(after < before + 6 * (slot + 1) + LATENCY / 10);
        } else {
            assert_true(after >= 3 * LATENCY && after <= 3 * LATENCY + 6 * (slot + 1));
        }
        assert_int_equal(g->cpu.count[VS_CNT_cpu_loads], 7);
        destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_misses_overlap_as_far_as_mshrs_reach),
        cmocka_unit_test(the_window_bounds_what_overlaps),
        cmocka_unit_test(the_load_queue_bounds_what_overlaps),
        cmocka_unit_test(instructions_take_entries),
        cmocka_unit_test(a_window_of_one_blocks),
        cmocka_unit_test(a_chase_gains_nothing),
        cmocka_unit_test(independent_accesses_gain),
        cmocka_unit_test(horizons_change_nothing),
        cmocka_unit_test(a_bulk_stops_at_its_horizon),
        cmocka_unit_test(strides_that_depend_are_a_chase),
        cmocka_unit_test(a_count_that_grows_changes_no_address),
        cmocka_unit_test(what_was_squashed_enters_before_a_run),
        cmocka_unit_test(fetches_take_no_place_of_loads),
        cmocka_unit_test(walkers_work_side_by_side),
        cmocka_unit_test(misses_to_one_line_are_one_fetch),
        cmocka_unit_test(the_mshr_that_is_free_first_is_taken),
        cmocka_unit_test(a_line_fetched_again_is_waited_for_again),
        cmocka_unit_test(misses_to_one_page_are_one_walk),
        cmocka_unit_test(a_fault_is_taken_once_and_older_loads_complete),
        cmocka_unit_test(an_interrupt_lets_the_oldest_complete_and_squashes_the_rest),
        cmocka_unit_test(a_fault_does_not_wait_for_what_was_fetched),
        cmocka_unit_test(an_operation_on_the_line_begins_after_older_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
