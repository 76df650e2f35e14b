/* SPDX-License-Identifier: MIT */
/* Laws of non-maskable interrupts that one vCPU sends to another: SDM 3A 6.7, 3C 26.2 (virtual
 * NMIs, NMI-window exiting). */
#define TEST_NAME "nmi"
#include "machine/test_run.h"

#define SET(...)                                                                                   \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define WITHOUT_POSTING                                                                            \
    "vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0"
#define NMI "cpu:wrmsr(0x830, 0x400) " /* ICR: to vCPU 0, delivery mode 4 */

static uint64_t exits(const struct run *r, const char *actor, const char *name)
{
    return op(r, actor, named(name))->n;
}

static uint64_t taken(const struct run *r)
{
    return op(r, "vcpu0/guest", VS_OP_NMI)->n;
}

static uint64_t asked(const struct run *r)
{
    return counter(r, "vcpu0/host", "hypervisor.nmi_windows");
}

/* vCPU 0 does `mine`; vCPU 1 sends one, whose handlers are cold, and then as `theirs` says. */
#define PAIR(mine, theirs)                                                                         \
    "guest(function(cpu) " mine " for _ = 1, 8000 do cpu:compute(500) end end)\n"                  \
    "guest(function(cpu) cpu:compute(20000) " NMI "cpu:compute(200000) " theirs " end)\n"

static const char *const machines[] = {NULL, "skylake_sp_xen", "skylake_sp_native"};
enum { MACHINES = sizeof machines / sizeof machines[0] };

/* SDM 3A 6.7: RFLAGS.IF and the task priority do not hold it back. */
static void test_rflags_if_and_tpr_do_not_mask_it(void **state)
{
    static const char masked[] =
        PAIR("cpu:cli() cpu:write_cr(8, 15)", "for _ = 1, 2 do " NMI "cpu:compute(50000) end");
    (void)state;
    for (int i = 0; i < MACHINES; i++) {
        struct run r;
        machine = machines[i];
        good(&r, masked, NONE);
        assert_int_equal(taken(&r), 3);
        assert_int_equal(op(&r, "vcpu0/guest", VS_OP_IRQ)->n, 0);
        if (i < 2) {
            assert_int_equal(exits(&r, "vcpu0/host", "exit.external_interrupt"), 3);
            assert_int_equal(asked(&r), 0);
        }
        done(&r);
    }
    machine = NULL;
}

/* 26.2, NMI-window exiting: what comes while another one's handler runs goes in behind its IRET,
 * by one exit for the window. */
static void test_one_that_comes_during_another_ones_handler_waits_for_the_window(void **state)
{
    static const char twice[] = PAIR("", "for _ = 1, 10 do " NMI NMI "cpu:compute(100000) end");
    const char *const *const sets[] = {NONE, SET(WITHOUT_POSTING), SET("paging.mode=shadow")};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct run r;
        machine = machines[i % 2];
        good(&r, twice, sets[i / 2]);
        assert_int_equal(taken(&r), 21);
        assert_int_equal(counter(&r, "vcpu0/host", "hypervisor.nmis"), 21);
        assert_int_equal(exits(&r, "vcpu0/host", "exit.nmi_window"), 10);
        assert_int_equal(asked(&r), 10);
        done(&r);
    }
    machine = NULL;
}

/* 3A 6.7.1: one is latched behind the one whose handler runs; a third one is lost. */
static void test_a_third_one_is_lost(void **state)
{
    static const char sent_at_once[] = "guest(function(cpu) cpu:compute(4000000) end)\n"
                                       "guest(function(cpu) cpu:compute(20000) " NMI " end)\n"
                                       "guest(function(cpu) cpu:compute(20000) " NMI " end)\n"
                                       "guest(function(cpu) cpu:compute(20000) " NMI " end)\n"
                                       "guest(function(cpu) cpu:compute(20000) " NMI " end)\n";
    struct run r;
    (void)state;
    good(&r, sent_at_once, NONE);
    assert_int_equal(taken(&r), 2);
    done(&r);
}

/* SDM 2, HLT: an NMI ends it, enabled interrupts or not; what RFLAGS.IF masks does not. */
static void test_it_ends_a_halt_with_interrupts_disabled(void **state)
{
    static const char halts[] =
        "guest(function(cpu) for i = 1, 3 do cpu:cli() cpu:hlt()\n"
        "  if cpu:interrupts() ~= i then error('woken by another one') end end end)\n"
        "guest(function(cpu) for _ = 1, 3 do cpu:compute(500000) cpu:ipi(0) "
        "cpu:compute(500000) " NMI "  end end)\n";
    const char *const *const sets[] = {NONE, SET(WITHOUT_POSTING),
                                       SET("vmcs.control.hlt_exiting=0", WITHOUT_POSTING)};
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct run r;
        machine = i < 3 ? NULL : machines[i - 2];
        good(&r, halts, i < 3 ? sets[i] : NONE);
        assert_int_equal(taken(&r), 3);
        assert_int_equal(op(&r, "vcpu0/guest", VS_OP_IRQ)->n, 0);
        done(&r);
    }
    machine = NULL;
}

/* Two that have come while the vCPU slept: one entry carries the first and asks for the window. */
static void test_one_entry_carries_one_and_asks_for_the_next(void **state)
{
    static const char both[] = "guest(function(cpu) cpu:cli() cpu:hlt() cpu:compute(2000000)\n"
                               "  if cpu:interrupts() ~= 2 then error('lost') end end)\n"
                               "guest(function(cpu) cpu:compute(2000000) " NMI NMI " end)\n";
    struct run r;
    (void)state;
    good(&r, both, SET("hypervisor.halt_poll_ns=0"));
    assert_int_equal(taken(&r), 2);
    assert_int_equal(asked(&r), 1);
    assert_int_equal(exits(&r, "vcpu0/host", "exit.nmi_window"), 1);
    done(&r);
}

/* What it sends to itself the entry of that exit carries. */
static void test_one_to_itself_goes_in_with_the_exit_of_its_sending(void **state)
{
    struct run r;
    (void)state;
    good(&r,
         "guest(function(cpu) cpu:compute(1000) for i = 1, 4 do " NMI "cpu:compute(1)\n"
         "  if cpu:interrupts() ~= i then error('not taken') end end end)\n",
         NONE);
    assert_int_equal(taken(&r), 4);
    assert_int_equal(exits(&r, "vcpu0/host", "exit.wrmsr"), 4);
    assert_int_equal(exits(&r, "vcpu0/host", "exit.external_interrupt"), 0);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rflags_if_and_tpr_do_not_mask_it),
        cmocka_unit_test(test_one_that_comes_during_another_ones_handler_waits_for_the_window),
        cmocka_unit_test(test_a_third_one_is_lost),
        cmocka_unit_test(test_it_ends_a_halt_with_interrupts_disabled),
        cmocka_unit_test(test_one_entry_carries_one_and_asks_for_the_next),
        cmocka_unit_test(test_one_to_itself_goes_in_with_the_exit_of_its_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
