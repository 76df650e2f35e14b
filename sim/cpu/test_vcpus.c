/* SPDX-License-Identifier: MIT */
/* Laws of several vCPUs in one run: interrupts between them, halting and waking, the host's tick,
 * running ahead. Each test writes its guest, runs it and reads the books. */
#define TEST_NAME "vcpus"
#include "machine/test_run.h"

#define NONE                                                                                       \
    (const char *const[])                                                                          \
    {                                                                                              \
        NULL                                                                                       \
    }
#define WITHOUT_POSTING                                                                            \
    (const char *const[])                                                                          \
    {                                                                                              \
        "vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0", NULL      \
    }

/* Two vCPUs that compute take turns instruction by instruction, so few interrupts make many steps.
 */
#define SENT "10"
#define N_SENT 10
/* vCPU 0 interrupts a vCPU that computes. */
static const char busy[] =
    "local over = false\n"
    "guest(function(cpu) for _ = 1, " SENT " do cpu:compute(100000) cpu:ipi(1) end "
    "cpu:compute(100000) over = true end)\n"
    "guest(function(cpu) while not over do cpu:compute(1000) end end)\n";
static const char pingpong[] =
    "local function await(cpu, n) while cpu:interrupts() < n do cpu:hlt() end end\n"
    "guest(function(cpu) for i = 1, " SENT " do cpu:ipi(1) await(cpu, i) end end)\n"
    "guest(function(cpu) for i = 1, " SENT " do await(cpu, i) cpu:ipi(0) end end)\n";

/* ---- interrupts between vCPUs ---- */

static void test_no_interrupt_is_taken_before_its_message_has_arrived(void **state)
{
    const char *const *const how[] = {NONE, WITHOUT_POSTING};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, busy, how[i]);
        const struct vs_op_acc *a = op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY);
        struct vs_part message = part(&r, a, "interrupt.message");
        assert_int_equal(a->n, N_SENT);
        assert_int_equal(message.n, N_SENT);
        assert_true(message.ps > 0);
        assert_true(a->min_ps >= message.ps / N_SENT);
        done(&r);
    }
}

static void test_a_posted_interrupt_leaves_its_receiver_in_the_guest(void **state)
{
    (void)state;
    struct run r;
    good(&r, busy, NONE);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.wrmsr"))->n,
                     N_SENT); /* the ICR is intercepted */
    assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, 0);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.wrmsr"))->n, 0);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, N_SENT);
    assert_int_equal(counter(&r, "vcpu1", "interrupt.posts"), N_SENT);
    done(&r);
}

static void test_what_a_device_posts_is_counted_like_what_a_vcpu_posts(void **state)
{
    (void)state;
    struct run r;
    good(&r, "guest(function(cpu) cpu:recv { count = 40 } end)", NONE);
    uint64_t posted = counter(&r, "iommu0", "iommu.interrupts_posted"),
             told = counter(&r, "vcpu0", "interrupt.notifications");
    assert_true(posted > 0);
    assert_int_equal(counter(&r, "vcpu0", "interrupt.posts"), posted);
    /* a notification for each processing, of those that it found ON already none */
    assert_true(told > 0 && told <= posted);
    assert_true(counter(&r, "vcpu0", "interrupt.posted_syncs") <= told);
    done(&r);
}

static void test_an_injected_interrupt_costs_its_receiver_two_exits(void **state)
{
    (void)state;
    struct run r;
    good(&r, busy, WITHOUT_POSTING);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.wrmsr"))->n, N_SENT);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, N_SENT);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.wrmsr"))->n, N_SENT); /* its EOI */
    assert_int_equal(counter(&r, "vcpu1/host", "hypervisor.injections"), N_SENT);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, N_SENT);
    done(&r);
}

static void test_bare_metal_sends_and_takes_interrupts_without_an_exit(void **state)
{
    (void)state;
    struct run r;
    good(&r, busy, (const char *const[]){"paging.mode=native", NULL});
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, N_SENT);
    const struct vs_op_acc *line = op(&r, "vcpu0", VS_OP_TIMELINE),
                           *guest = op(&r, "vcpu0/guest", named("exit.wrmsr"));
    assert_int_equal(guest->n, 0);
    assert_true(part(&r, line, "interrupt.icr").n + part(&r, line, "interrupt.icr").ps > 0);
    done(&r);
}

static void test_the_same_run_twice_gives_the_same_books(void **state)
{
    (void)state;
    uint64_t total[2], delivered[2];
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, pingpong, NONE);
        total[i] = op(&r, "vcpu1", VS_OP_TIMELINE)->total_ps;
        delivered[i] = op(&r, "vcpu0/apic", VS_OP_IRQ_DELIVERY)->total_ps;
        done(&r);
    }
    assert_int_equal(total[0], total[1]);
    assert_int_equal(delivered[0], delivered[1]);
}

/* ---- halting ---- */

static void test_hlt_sleeps_until_the_interrupt_and_no_longer(void **state)
{
    (void)state;
    struct run r;
    good(&r, pingpong, NONE);
    const struct vs_op_acc *a = op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY),
                           *halt = op(&r, "vcpu1/host", named("exit.hlt"));
    assert_int_equal(a->n, N_SENT);
    assert_int_equal(halt->n, N_SENT);
    const struct vs_op_acc *sleep = op(&r, "vcpu1/host", VS_OP_HALT_SLEEP),
                           *poll = op(&r, "vcpu1/host", VS_OP_HALT_POLL),
                           *wake = op(&r, "vcpu1/host", VS_OP_HALT_WAKE);
    assert_int_equal(wake->n, N_SENT);
    assert_true(sleep->n > 0 && part(&r, sleep, "host.parked").ps > 0);
    assert_true(part(&r, poll, "host.polling").ps == poll->total_ps);
    assert_int_equal(part(&r, halt, "host.parked").ps + part(&r, halt, "host.polling").ps, 0);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, N_SENT); /* nothing else woke it */
    done(&r);
}

static void test_a_halt_that_nothing_ends_is_an_error(void **state)
{
    (void)state;
    struct run r;
    run(&r, "guest(function(cpu) cpu:hlt() end)\n", NONE);
    assert_int_equal(r.status, VS_E_RUN);
    assert_non_null(strstr(r.errors.text[0], "never comes"));
    done(&r);
}

/* The first halts go past the polling time, which then has grown enough. */
static void test_polling_spares_the_sleep_of_halts_it_is_long_enough_for(void **state)
{
    (void)state;
    uint64_t took[2];
    static const char waits[] =
        "guest(function(cpu) for _ = 1, 40 do cpu:wait { us = 15 } end end)\n";
    const char *const *const how[] = {NONE,
                                      (const char *const[]){"hypervisor.halt_poll_ns=0", NULL}};
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, waits, how[i]);
        uint64_t polls = counter(&r, "vcpu0/host", "hypervisor.polls"),
                 blocks = counter(&r, "vcpu0/host", "hypervisor.blocks");
        assert_int_equal(polls + blocks, 40);
        assert_int_equal(i ? polls : blocks > 4, 0);
        took[i] = op(&r, "vcpu0", VS_OP_TIMELINE)->total_ps;
        done(&r);
    }
    assert_true(took[0] < took[1]);
}

/* ---- the host's tick ---- */

static void test_the_host_ticks_at_its_rate_and_not_while_the_vcpu_sleeps(void **state)
{
    (void)state;
    const char *const sets[] = {"host.tick_hz=10000", NULL};
    struct run r;
    good(&r, "guest(function(cpu) cpu:compute(4000000) end)\n", sets);
    uint64_t periods = op(&r, "vcpu0", VS_OP_TIMELINE)->total_ps / 100000000u,
             ticks = op(&r, "vcpu0/host", named("exit.external_interrupt"))->n;
    assert_true(periods > 5);
    assert_int_equal(ticks, periods);
    done(&r);
    good(&r, "guest(function(cpu) cpu:wait { us = 20050 } end)\n", sets);
    assert_true(op(&r, "vcpu0/host", named("exit.external_interrupt"))->n <= 1);
    done(&r);
}

/* ---- running ahead ---- */

static void test_without_a_quantum_nothing_is_booked_for_running_ahead(void **state)
{
    (void)state;
    struct run r;
    good(&r, busy, NONE);
    assert_int_equal(part(&r, op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY), "sim.quantum").ps, 0);
    done(&r);
}

static void test_what_a_quantum_delays_is_booked_and_bounded_by_it(void **state)
{
    (void)state;
    const uint64_t quantum = 5000000;
    struct run r;
    good(&r, busy, NONE);
    const struct vs_op_acc *a = op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY);
    uint64_t exact = a->total_ps, longest = a->max_ps;
    done(&r);
    good(&r, busy, (const char *const[]){"sim.quantum=5000000", NULL});
    a = op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY);
    uint64_t late = part(&r, a, "sim.quantum").ps;
    assert_int_equal(a->n, N_SENT);
    assert_true(late > 0);
    assert_true(a->max_ps <= longest + quantum + 1000000); /* and one request's overshoot */
    assert_true(a->total_ps - late <= exact + N_SENT * 100000u);
    done(&r);
}

/* ---- the end of a program ---- */

/* Both interrupts leave while vCPU 1 still runs; the first arrives when its program is over. */
static void test_interrupts_to_a_vcpu_whose_program_is_over_end_no_other_program(void **state)
{
    static const char script[] =
        "local over = false\n"
        "guest(function(cpu) local heap = cpu:map { bytes = 65536 }\n"
        "cpu:random { region = heap, count = 1000 } over = true cpu:ipi(1) cpu:ipi(1)\n"
        "cpu:random { region = heap, count = 20000 } end)\n"
        "guest(function(cpu) local heap = cpu:map { bytes = 65536 }\n"
        "while not over do cpu:random { region = heap, count = 100 } end end)\n";
    const char *const *const how[] = {NONE, WITHOUT_POSTING,
                                      (const char *const[]){"paging.mode=native", NULL},
                                      (const char *const[]){"cpu.window=32", NULL}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct run r;
        good(&r, script, how[i]);
        assert_int_equal(op(&r, "vcpu0/guest", VS_OP_ACCESS_LOAD)->n, 21000);
        done(&r);
    }
}

/* Processes of bare metal; guests of one VM share its EPT's lines. */
static void test_vcpus_that_share_nothing_do_not_depend_on_the_quantum(void **state)
{
    (void)state;
    static const char alone[] =
        "for i = 0, 1 do guest(function(cpu) local r = cpu:map { bytes = 65536 }\n"
        "for _ = 1, 20 do cpu:stride { region = r, count = 500 + 100 * i } cpu:cpuid() end end) "
        "end\n";
    uint64_t total[2][2];
    const char *const *const how[] = {
        (const char *const[]){"paging.mode=native", NULL},
        (const char *const[]){"paging.mode=native", "sim.quantum=1000000", NULL}};
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, alone, how[i]);
        total[i][0] = op(&r, "vcpu0", VS_OP_TIMELINE)->total_ps;
        total[i][1] = op(&r, "vcpu1", VS_OP_TIMELINE)->total_ps;
        done(&r);
    }
    assert_true(total[0][0] != total[0][1]);
    assert_int_equal(total[0][0], total[1][0]);
    assert_int_equal(total[0][1], total[1][1]);
}

/* ---- the cut ---- */

static void test_what_is_under_way_at_the_cut_is_not_booked(void **state)
{
    (void)state;
    struct run r;
    /* vCPU 1 is asleep when vCPU 0 begins the region; an interrupt is on its way to it */
    good(&r,
         "guest(function(cpu) cpu:compute(100000) cpu:ipi(1) cpu:mark('roi')\n"
         "cpu:compute(100000) cpu:ipi(1) end)\n"
         "guest(function(cpu) while cpu:interrupts() < 2 do cpu:hlt() end end)\n",
         NONE);
    assert_int_equal(op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY)->n, 1);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.hlt"))->n, 1);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, 2);
    assert_true(part(&r, op(&r, "vcpu1", VS_OP_TIMELINE), "sim.cut").ps > 0);
    assert_int_equal(op(&r, "vcpu1", VS_OP_TIMELINE)->total_ps, counter(&r, "vcpu1", "sim.line"));
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_interrupt_is_taken_before_its_message_has_arrived),
        cmocka_unit_test(test_a_posted_interrupt_leaves_its_receiver_in_the_guest),
        cmocka_unit_test(test_what_a_device_posts_is_counted_like_what_a_vcpu_posts),
        cmocka_unit_test(test_an_injected_interrupt_costs_its_receiver_two_exits),
        cmocka_unit_test(test_bare_metal_sends_and_takes_interrupts_without_an_exit),
        cmocka_unit_test(test_the_same_run_twice_gives_the_same_books),
        cmocka_unit_test(test_hlt_sleeps_until_the_interrupt_and_no_longer),
        cmocka_unit_test(test_a_halt_that_nothing_ends_is_an_error),
        cmocka_unit_test(test_polling_spares_the_sleep_of_halts_it_is_long_enough_for),
        cmocka_unit_test(test_the_host_ticks_at_its_rate_and_not_while_the_vcpu_sleeps),
        cmocka_unit_test(test_without_a_quantum_nothing_is_booked_for_running_ahead),
        cmocka_unit_test(test_what_a_quantum_delays_is_booked_and_bounded_by_it),
        cmocka_unit_test(test_what_is_under_way_at_the_cut_is_not_booked),
        cmocka_unit_test(test_interrupts_to_a_vcpu_whose_program_is_over_end_no_other_program),
        cmocka_unit_test(test_vcpus_that_share_nothing_do_not_depend_on_the_quantum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
