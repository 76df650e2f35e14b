/* SPDX-License-Identifier: MIT */
/* Laws of the out-of-order window: what overlaps, what cannot, and that the line stays a sum. Its
 * many lines are the laws of one structure, which share their machines. */
#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REGION (16ull << 20)
#define LATENCY 100000u /* of every DRAM access here, in ps */

static const vs_gva heap = {GUEST_MACHINE_BASE};
static const vs_ps forever = {UINT64_MAX};

/* Behind L1 only DRAM of one latency; entering the window takes no time. */
static struct guest_machine_config plain(uint64_t window, uint64_t mshrs)
{
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.window = window;
    c.cpu.load_queue = 4096;
    c.cpu.mshrs = mshrs;
    c.cpu.issue_width = 0;
    c.cpu.bulk_instructions = 0;
    c.memory.l2_size = c.memory.llc_size = 0;
    c.memory.dram_row_hit = c.memory.dram_row_miss = c.memory.dram_row_conflict = LATENCY;
    return c;
}

static struct guest_machine *create(const struct guest_machine_config *c)
{
    struct guest_machine *g = calloc(1, sizeof *g);
    assert_non_null(g);
    assert_true(guest_machine_make(g, REGION, c));
    return g;
}

static void destroy(struct guest_machine *g)
{
    vs_txn_settle(&g->t);
    uint64_t now = g->t.now_ps;
    struct vs_ledger *l = g->ledger;
    const struct vs_op_acc *line = g->t.frame[0].acc;
    vs_txn_end(&g->t);
    assert_int_equal(line->total_ps, now); /* the stack is as high as the time */
    char why[200] = "";
    assert_int_equal(vs_ledger_unbalanced(l, why, sizeof why), 0);
    vs_txn_begin(&g->t, l, g->t.actor, (vs_ps){now}); /* for guest_machine_free to end */
    guest_machine_free(g);
    free(g);
}

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
            assert_int_equal(misses(4096, 4096, m, n), (n + m - 1) / m * LATENCY);
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
    run(g, pattern, 20000, step);
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

/* A bulk of strides, whose accesses to one line and lines of one page are taken together, and the
 * same with spans, where each is booked by itself. Same books. */
static void assert_same_books(const struct guest_machine_config *c, bool write, uint64_t bytes,
                              uint64_t stride, uint64_t n)
{
    struct guest_machine *g[2];
    struct vs_op_acc *a[2];
    uint64_t now[2];
    for (int alone = 0; alone < 2; alone++) {
        g[alone] = create(c);
        vs_ledger_sample(g[alone]->ledger, (uint32_t)alone);
        struct vs_cpu_bulk b;
        assert_int_equal(vs_bulk_stride(&b, &g[alone]->cpu, write ? VS_REF_WRITE : VS_REF_READ,
                                        heap, bytes, stride, n),
                         VS_OK);
        assert_int_equal(vs_cpu_bulk_run(&g[alone]->cpu, &b, forever), VS_CPU_DONE);
        now[alone] = vs_now(&g[alone]->t).v;
        a[alone] = vs_ledger_acc(g[alone]->ledger, g[alone]->t.actor,
                                 write ? VS_OP_ACCESS_STORE : VS_OP_ACCESS_LOAD);
    }
    assert_int_equal(now[0], now[1]);
    assert_int_equal(a[0]->n, a[1]->n);
    assert_int_equal(a[0]->total_ps, a[1]->total_ps);
    assert_int_equal(a[0]->min_ps, a[1]->min_ps);
    assert_int_equal(a[0]->max_ps, a[1]->max_ps);
    for (uint32_t q = 1; q < 1000; q++) {
        assert_int_equal(vs_hist_quantile(a[0]->hist, q), vs_hist_quantile(a[1]->hist, q));
    }
    for (size_t k = 0; k < vs_ledger_n_accounts(g[0]->ledger); k++) {
        assert_int_equal(a[0]->work[k].n, a[1]->work[k].n);
        assert_int_equal(a[0]->work[k].ps, a[1]->work[k].ps);
        assert_int_equal(g[0]->t.acc->exposed[k].n, g[1]->t.acc->exposed[k].n);
        assert_int_equal(g[0]->t.acc->exposed[k].ps, g[1]->t.acc->exposed[k].ps);
        assert_int_equal(g[0]->t.acc->work[k].n, g[1]->t.acc->work[k].n);
        assert_int_equal(g[0]->t.acc->work[k].ps, g[1]->t.acc->work[k].ps);
    }
    assert_memory_equal(g[0]->cpu.counts, g[1]->cpu.counts, sizeof g[0]->cpu.counts);
    assert_memory_equal(g[0]->core.counts, g[1]->core.counts, sizeof g[0]->core.counts);
    assert_memory_equal(g[0]->ept.counts, g[1]->ept.counts, sizeof g[0]->ept.counts);
    destroy(g[0]);
    destroy(g[1]);
}

static void accesses_taken_together_are_the_same(void **state)
{
    (void)state;
    static const uint64_t window[] = {1, 2, 7, 64, 224, 64, 224, 224, 64, 9, 64, 224, 224, 64},
                          stride[] = {8, 8, 8, 8, 8, 64, 128, 24, 4096, 40, 8, 16, 16, 24};
    for (int i = 0; i < 14; i++) {
        bool cached = i >= 10 && i < 12; /* lines stay, translations do not: only walks wait */
        struct guest_machine_config c = guest_machine_defaults();
        c.cpu.window = window[i];
        c.cpu.bulk_instructions = i < 5 ? 1 + window[i] % 2 : (uint64_t)i % 3u;
        c.cpu.ipc = 1300;
        c.memory.l1d_ways = i < 12 ? c.memory.l1d_ways : 1;
        c.memory.l1d_size = i < 12 ? c.memory.l1d_size : 1024; /* 16 lines, no more */
        c.ept.d4k_entries = cached ? 2 : c.ept.d4k_entries;
        c.ept.d4k_ways = cached ? 0 : c.ept.d4k_ways;
        c.ept.l2_entries = cached ? 0 : c.ept.l2_entries;
        c.ept.d4k_latency = (uint64_t)i % 4u;
        c.ept.d2m_latency = 4; /* of no page here, but a miss waits for it */
        c.ept.store_entries = i % 2 ? 16 : 0;
        c.ept.store_latency = 5;
        for (int write = 0; write < 2; write++) {
            assert_same_books(&c, write, cached ? 12288 : 300000, stride[i], 80000);
        }
    }
}

/* Whatever a stream is short of: entries, load buffers, MSHRs, bandwidth of instructions. */
static void streams_taken_together_are_the_same(void **state)
{
    (void)state;
    static const uint64_t ipc[] = {250, 1000, 2000, 4000, 1300}, stride[] = {8, 16, 32, 64, 192},
                          size[] = {30000, 300000, 1200000};
    struct vs_rng r;
    vs_rng_seed(&r, 5, 6);
    for (int i = 0; i < 120; i++) {
        struct guest_machine_config c = guest_machine_defaults();
        c.cpu.window = 1u + vs_rng_below(&r, 300);
        c.cpu.load_queue = 1u + vs_rng_below(&r, 100);
        c.cpu.mshrs = 1u + vs_rng_below(&r, 16);
        c.cpu.ipc = ipc[vs_rng_below(&r, 5)];
        c.cpu.bulk_instructions = vs_rng_below(&r, 4);
        c.memory.l2_size = vs_rng_below(&r, 2) ? 65536 : c.memory.l2_size;
        c.memory.l2_ways = 16;
        c.memory.l2_latency = vs_rng_below(&r, 4) ? c.memory.l2_latency : 0; /* no slower than L1 */
        c.ept.d4k_latency = vs_rng_below(&r, 3);
        c.ept.l2_entries = vs_rng_below(&r, 3) ? c.ept.l2_entries : 0; /* walks again and again */
        assert_same_books(&c, vs_rng_below(&r, 3) == 0, size[vs_rng_below(&r, 3)],
                          stride[vs_rng_below(&r, 5)], 10000);
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

/* An operation on the line begins when all that entered before it has completed. */
static void an_operation_on_the_line_begins_after_older_loads(void **state)
{
    (void)state;
    struct guest_machine_config c = plain(64, 64);
    c.cpu.translation = 0;
    struct guest_machine *g = create(&c);
    assert_int_equal(vs_cpu_access(&g->cpu, heap, 8, VS_REF_READ), VS_CPU_DONE);
    assert_true(vs_cpu_now_ps(&g->cpu) < LATENCY);
    vs_open(&g->t, VS_OP_EXIT_CPUID);
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
        cmocka_unit_test(accesses_taken_together_are_the_same),
        cmocka_unit_test(streams_taken_together_are_the_same),
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
        cmocka_unit_test(an_operation_on_the_line_begins_after_older_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
