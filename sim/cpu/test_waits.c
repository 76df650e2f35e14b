/* SPDX-License-Identifier: MIT */
/* Waiting is the state of a thread's top frame: how deep they lie, and that none is left. */
#include "machine/machine_impl.h"
#include "request/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MOST 8

/* A program: requests one after the other, then its end. */
struct guest {
    struct vs_request request[MOST];
    unsigned n, next;
};

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct guest *g = ctx;
    (void)reply;
    memset(out, 0, sizeof *out);
    out->kind = VS_REQ_END;
    if (g->next < g->n) {
        *out = g->request[g->next++];
    }
}

static const char *error(void *ctx)
{
    (void)ctx;
    return "";
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

static const struct vs_request halt = {.kind = VS_REQ_HLT},
                               ipi = {.kind = VS_REQ_IPI, .a = 1, .b = VS_REQ_IPI_USUAL},
                               doze = {.kind = VS_REQ_WAIT, .ps = 400000000},
                               think = {.kind = VS_REQ_COMPUTE, .count = 2000000},
                               map = {.kind = VS_REQ_MAP,
                                      .address = 0x10000000,
                                      .bytes = 8192,
                                      .fixed = true},
                               load = {.kind = VS_REQ_ACCESS, .address = 0x10000000, .bytes = 8},
                               unmap = {.kind = VS_REQ_UNMAP, .address = 0x10000000, .bytes = 8192};

struct depth {
    unsigned deepest[2];
    uint64_t kicks; /* for flushes of all vCPUs */
};

/* Two vCPUs run these programs to their ends, with these knobs. */
static struct depth run(struct guest *a, struct guest *b, const char *const *sets)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_run_options options = {.seed = 1};
    struct vs_platform *p;
    struct guest *g[2] = {a, b};
    struct depth d = {{0}, 0};
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    struct vs_knobs *knobs = vs_knobs_create(components, n);
    const struct vs_origin who = {VS_RANK_CLI, "test", "the test", VS_GRADE_assumed};
    for (; *sets; sets += 2) {
        assert_int_equal(vs_knobs_set(knobs, sets[0], sets[1], &who, &errors), VS_OK);
    }
    assert_int_equal(vs_platform_create(knobs, &options, 2, &p, &errors), VS_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct vs_guest_source source = {g[i], next, error, close_nothing, NULL};
        vs_platform_guest(p, i, &source);
    }
    if (vs_platform_run(p, &errors)) {
        fail_msg("%s", errors.text[0]);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(g[i]->next, g[i]->n);
        assert_int_equal(p->vcpu[i].thread.depth, 0);
        d.deepest[i] = p->vcpu[i].thread.deepest;
        d.kicks += p->vcpu[i].count[VS_CNT_vcpu_remote_kicks];
    }
    vs_platform_destroy(p);
    vs_knobs_destroy(knobs);
    vs_errors_free(&errors);
    return d;
}

static void test_a_halt_is_one_frame(void **state)
{
    struct guest a = {{think, ipi}, 2, 0}, b = {{halt}, 1, 0};
    (void)state;
    struct depth d = run(&a, &b, (const char *[]){NULL});
    assert_int_equal(d.deepest[0], 0);
    assert_int_equal(d.deepest[1], 1);
}

static void test_who_never_waits_has_none(void **state)
{
    struct guest a = {{think}, 1, 0}, b = {{think}, 1, 0};
    (void)state;
    struct depth d = run(&a, &b, (const char *[]){NULL});
    assert_int_equal(d.deepest[0], 0);
    assert_int_equal(d.deepest[1], 0);
}

/* It halts in its guest, which is no exit, and loses its processor: the halt goes on below. */
static void test_a_wait_that_loses_its_processor_has_a_frame_on_top(void **state)
{
    struct guest a = {{doze}, 1, 0}, b = {{think, think}, 2, 0};
    (void)state;
    struct depth d = run(&a, &b,
                         (const char *[]){"host.cpus", "1", "host.slice_us", "50",
                                          "vmcs.control.hlt_exiting", "0", NULL});
    assert_int_equal(d.deepest[0], 2);
    assert_int_equal(d.deepest[1], 1); /* it begins in the run queue, and is preempted */
}

/* In the exit of its halt it gives the processor up: there is nothing to be taken from it. */
static void test_a_halt_that_exits_stays_one_frame_where_the_processor_is_shared(void **state)
{
    struct guest a = {{doze}, 1, 0}, b = {{think, think}, 2, 0};
    (void)state;
    struct depth d = run(&a, &b, (const char *[]){"host.cpus", "1", "host.slice_us", "50", NULL});
    assert_int_equal(d.deepest[0], 1);
    assert_int_equal(d.deepest[1], 1);
}

/* Under shadow paging it takes rights in the middle of its kernel's path, from a vCPU that runs its
 * guest: it waits in one frame when the path is over, and the other one, who waits for nobody, in
 * none. Nothing else makes time pass for a vCPU than its own step, whose frames these are. */
static void test_a_flush_of_all_vcpus_is_one_frame_of_its_initiator(void **state)
{
    struct guest a = {{map, load, unmap, think}, 4, 0}, b = {{think}, 1, 0};
    static const char *const sync[] = {"trap", "unsync"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        a.next = b.next = 0;
        struct depth d = run(&a, &b,
                             (const char *[]){"paging.mode", "shadow", "guest.shootdown", "none",
                                              "shadow.sync", sync[i], NULL});
        assert_true(d.kicks > 0);
        assert_int_equal(d.deepest[0], 1);
        assert_int_equal(d.deepest[1], 0);
    }
}

/* First one, then the other, whose guest runs meanwhile: a frame each. */
static void test_two_that_flush_each_other_wait_in_a_frame_each(void **state)
{
    struct guest a = {{map, load, unmap, think, think}, 5, 0},
                 b = {{think, map, load, unmap}, 4, 0};
    (void)state;
    struct depth d = run(&a, &b,
                         (const char *[]){"paging.mode", "shadow", "guest.shootdown", "none",
                                          "shadow.sync", "trap", NULL});
    assert_int_equal(d.kicks, 2);
    assert_int_equal(d.deepest[0], 1);
    assert_int_equal(d.deepest[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_halt_is_one_frame),
        cmocka_unit_test(test_who_never_waits_has_none),
        cmocka_unit_test(test_a_wait_that_loses_its_processor_has_a_frame_on_top),
        cmocka_unit_test(test_a_flush_of_all_vcpus_is_one_frame_of_its_initiator),
        cmocka_unit_test(test_two_that_flush_each_other_wait_in_a_frame_each),
        cmocka_unit_test(test_a_halt_that_exits_stays_one_frame_where_the_processor_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
