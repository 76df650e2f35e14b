/* SPDX-License-Identifier: MIT */
/* Laws of interrupts that a guest masks, of its APIC's registers, and of a timer that fires while
 * it runs: what exits, by which reason, and when the guest takes what was sent to it. */
#define TEST_NAME "interrupts"
#include "machine/test_run.h"

#define SET(...)                                                                                   \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define WITHOUT_POSTING                                                                            \
    "vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0"

static uint64_t exits(const struct run *r, const char *actor, enum vs_op o)
{
    return op(r, actor, o)->n;
}

/* ---- masked ---- */

/* vCPU 0 sends `N` interrupts of different priority to vCPU 1, which has them masked meanwhile. */
#define MASKED_BY(n, number, unmask)                                                               \
    "local masked, sent = false, false\n"                                                          \
    "guest(function(cpu) while not masked do cpu:compute(100) end\n"                               \
    "  for i = 1, " #n " do cpu:ipi(1, " number ") cpu:compute(59999) end sent = true end)\n"      \
    "guest(function(cpu) cpu:compute(1000) cpu:cli() masked = true\n"                              \
    "  while not sent do cpu:compute(100) end cpu:compute(20000)\n"                                \
    "  if cpu:interrupts() ~= 0 then error('taken while masked') end\n"                            \
    "  " unmask "\n"                                                                               \
    "  cpu:compute(1000) end)\n"

#define MASKED(n, unmask) MASKED_BY(n, "0x30 + 16 * i", unmask)

static const char one[] = MASKED(1, "cpu:sti() cpu:compute(1)");
static const char one_sgi[] = MASKED_BY(1, "i", "cpu:sti() cpu:compute(1)");
static const char three[] = MASKED(3, "cpu:sti() cpu:compute(1)");

static void test_a_masked_interrupt_is_taken_after_sti_and_not_before(void **state)
{
    (void)state;
    const struct {
        const char *machine;
        const char *const *sets;
        uint64_t window, external;
    } c[] = {{NULL, SET(WITHOUT_POSTING), 1, 1},
             {NULL, NONE, 0, 0},
             {NULL, SET("vmcs.control.posted_interrupts=0"), 0, 1},
             {NULL, SET("paging.mode=shadow", WITHOUT_POSTING), 1, 1},
             {"skylake_sp_native", NONE, 0, 0},
             {"zen3_milan_kvm", NONE, 1, 1},
             {"zen3_milan_kvm", SET("paging.mode=shadow"), 1, 1},
             {"neoverse_n1_kvm", NONE, 0, 1}, /* list registers need no window */
             {"neoverse_n1_native", NONE, 0, 0}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        machine = c[i].machine;
        bool arm = c[i].machine && !strncmp(c[i].machine, "neoverse", 8);
        good(&r, arm ? one_sgi : one, c[i].sets);
        if (exits(&r, "vcpu1/guest", VS_OP_IRQ) != 1 ||
            exits(&r, "vcpu1/host", VS_OP_HANDLER_INTERRUPT_WINDOW) != c[i].window ||
            exits(&r, "vcpu1/host", VS_OP_HANDLER_INTERRUPT) != c[i].external) {
            fail_msg("%s, case %zu", machine, i);
        }
        /* it was pending for as long as it was masked */
        assert_true(part(&r, op(&r, arm ? "vcpu1/gic" : "vcpu1/apic", VS_OP_IRQ_DELIVERY),
                         arm ? "gic.pending" : "interrupt.pending")
                        .ps > 20000u * 100u);
        done(&r);
    }
    machine = NULL;
}

/* SDM 3C 26.2: at an instruction boundary with RFLAGS.IF = 1 and no blocking by STI. */
static void test_sti_blocks_until_the_instruction_after_it(void **state)
{
    (void)state;
    static const char shut[] = MASKED(1, "for _ = 1, 5 do cpu:sti() cpu:cli() end\n"
                                         "  if cpu:interrupts() ~= 0 then error('let in') end\n"
                                         "  cpu:sti() cpu:rdtsc() cpu:cli()\n"
                                         "  if cpu:interrupts() ~= 1 then error('kept out') end");
    const char *const *const how[] = {SET(WITHOUT_POSTING), NONE, SET("paging.mode=native")};
    for (int i = 0; i < 3; i++) {
        struct run r;
        good(&r, shut, how[i]);
        assert_int_equal(exits(&r, "vcpu1/guest", VS_OP_IRQ), 1);
        done(&r);
    }
}

/* KVM asks for the next window when it injects one of several. */
static void test_each_interrupt_but_those_posted_needs_a_window_of_its_own(void **state)
{
    (void)state;
    struct run r;
    good(&r, three, SET(WITHOUT_POSTING));
    assert_int_equal(exits(&r, "vcpu1/guest", VS_OP_IRQ), 3);
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.external_interrupt")), 3);
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.interrupt_window")), 3);
    assert_int_equal(counter(&r, "vcpu1/host", "hypervisor.injections"), 3);
    done(&r);
    good(&r, three, NONE);
    assert_int_equal(exits(&r, "vcpu1/guest", VS_OP_IRQ), 3);
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.interrupt_window")), 0);
    done(&r);
}

static void test_a_window_closes_when_it_is_used(void **state)
{
    (void)state;
    static const char twice[] = MASKED(1, "cpu:sti() cpu:compute(1) cpu:cli() cpu:compute(1000)\n"
                                          "  for _ = 1, 20 do cpu:sti() cpu:compute(10) cpu:cli() "
                                          "cpu:cpuid() end cpu:sti()");
    struct run r;
    good(&r, twice, SET(WITHOUT_POSTING));
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.interrupt_window")), 1);
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.cpuid")), 20);
    done(&r);
}

static void test_a_halt_with_interrupts_masked_is_an_error(void **state)
{
    (void)state;
    static const char *const halts[] = {"cpu:hlt()", "cpu:wait { us = 1 }"};
    for (int i = 0; i < 4; i++) {
        char script[100];
        struct run r;
        machine = i < 2 ? NULL : "skylake_sp_native";
        snprintf(script, sizeof script, "guest(function(cpu) cpu:cli() cpu:ipi(0) %s end)\n",
                 halts[i % 2]);
        run(&r, script, NONE);
        assert_int_equal(r.status, VS_E_RUN);
        assert_non_null(strstr(r.errors.text[0], "RFLAGS.IF"));
        done(&r);
    }
    machine = NULL;
}

/* Arm ARM, Wait for Interrupt: PSTATE.I does not matter. */
static void test_arms_wfi_ends_by_an_interrupt_that_is_masked(void **state)
{
    (void)state;
    static const char *const waits[] = {"cpu:ipi(0) cpu:hlt()", "cpu:wait { us = 1 }"};
    const struct {
        const char *machine;
        const char *const *sets;
    } on[] = {{"neoverse_n1_native", NONE}, {"neoverse_n1_kvm", NONE}};
    for (int i = 0; i < 4; i++) {
        char script[400];
        struct run r;
        machine = on[i / 2].machine;
        snprintf(script, sizeof script,
                 "guest(function(cpu) cpu:cli() %s\n"
                 "  if cpu:interrupts() ~= 0 then error('taken while masked') end\n"
                 "  cpu:sti() cpu:compute(1) cpu:compute(1)\n"
                 "  if cpu:interrupts() ~= 1 then error('not taken') end end)\n",
                 waits[i % 2]);
        good(&r, script, on[i / 2].sets);
        assert_int_equal(exits(&r, "vcpu0/guest", VS_OP_IRQ), 1);
        done(&r);
    }
    machine = NULL;
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r,
         "local asleep = false\n"
         "guest(function(cpu) cpu:cli() asleep = true cpu:hlt()\n"
         "  if cpu:interrupts() ~= 0 then error('taken while masked') end cpu:sti() cpu:compute(1) "
         "end)\n"
         "guest(function(cpu) while not asleep do cpu:compute(100) end cpu:compute(200000)\n"
         "  cpu:ipi(0) cpu:compute(1000) end)\n",
         NONE);
    assert_int_equal(exits(&r, "vcpu0/guest", VS_OP_IRQ), 1);
    assert_true(exits(&r, "vcpu0/host", named("exit.wfx.wfi")) > 0);
    done(&r);
    machine = NULL;
}

static void test_a_shootdown_waits_for_a_target_that_masks_interrupts(void **state)
{
    (void)state;
    static const char script[] =
        "local page, step = nil, 0\n"
        "guest(function(cpu) page = cpu:map { bytes = 4096 } cpu:store(page) step = 1\n"
        "  while step < 2 do cpu:compute(100) end\n"
        "  cpu:unmap(page) if step ~= 3 then error('did not wait') end end)\n"
        "guest { vcpu = 1, shares = 0, run = function(cpu)\n"
        "  while step < 1 do cpu:compute(100) end\n"
        "  cpu:load(page) cpu:cli() step = 2 cpu:compute(200000) step = 3 cpu:sti()\n"
        "  cpu:compute(1000) end }\n";
    const char *const *const how[] = {NONE, SET(WITHOUT_POSTING), SET("paging.mode=native")};
    for (int i = 0; i < 3; i++) {
        struct run r;
        good(&r, script, how[i]);
        assert_true(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "os.shootdown_wait").ps > 10000000u);
        done(&r);
    }
}

/* ---- registers of the APIC ---- */

#define SENT "5"
#define N_SENT 5
static const char sends[] =
    "local over = false\n"
    "guest(function(cpu) for _ = 1, " SENT " do cpu:compute(100000) cpu:ipi(1) end "
    "cpu:compute(100000) over = true end)\n"
    "guest(function(cpu) while not over do cpu:compute(1000) end end)\n";

/* SDM 3C 30.4.3.1: which offsets are virtualized; 30.4.3.2 and 30.4.3.3: what they exit for after
 * the store. The end of interrupt is at 0B0H, ICR at 300H and 310H, which Linux reads and writes.
 */
static void test_how_an_xapic_register_exits_is_up_to_three_controls(void **state)
{
    (void)state;
    const struct {
        const char *const *sets;
        uint64_t eoi_access, eoi_write, ipi_access, ipi_write;
    } c[] = {
        {SET("interrupt.apic=xapic", WITHOUT_POSTING,
             "vmcs.control.apic_register_virtualization=0"),
         N_SENT, 0, 3 * N_SENT, 0},
        {SET("interrupt.apic=xapic", WITHOUT_POSTING), 0, N_SENT, 0, N_SENT},
        {SET("interrupt.apic=xapic", "vmcs.control.apic_register_virtualization=0"), 0, 0,
         2 * N_SENT, N_SENT},
        {SET("interrupt.apic=xapic"), 0, 0, 0, N_SENT},
        {SET("interrupt.apic=x2apic"), 0, 0, 0, 0},
        {SET("interrupt.apic=xapic", "paging.mode=native"), 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        good(&r, sends, c[i].sets);
        const uint64_t got[] = {exits(&r, "vcpu1/host", named("exit.apic_access")),
                                exits(&r, "vcpu1/host", named("exit.apic_write")),
                                exits(&r, "vcpu0/host", named("exit.apic_access")),
                                exits(&r, "vcpu0/host", named("exit.apic_write"))};
        if (got[0] != c[i].eoi_access || got[1] != c[i].eoi_write || got[2] != c[i].ipi_access ||
            got[3] != c[i].ipi_write) {
            fail_msg("case %zu: %u %u %u %u", i, (unsigned)got[0], (unsigned)got[1],
                     (unsigned)got[2], (unsigned)got[3]);
        }
        assert_int_equal(exits(&r, "vcpu1/guest", VS_OP_IRQ), N_SENT);
        if (i != 4) {
            assert_int_equal(exits(&r, "vcpu0/host", named("exit.wrmsr")), 0);
            assert_int_equal(exits(&r, "vcpu1/host", named("exit.wrmsr")), 0);
        }
        done(&r);
    }
}

/* KVM's fasteoi: a MOV to EOI is not decoded; a write of ICR is. */
static void
test_an_apic_access_for_an_end_of_interrupt_is_cheaper_than_one_that_is_emulated(void **state)
{
    (void)state;
    struct run r;
    good(&r, sends,
         SET("interrupt.apic=xapic", WITHOUT_POSTING,
             "vmcs.control.apic_register_virtualization=0"));
    const struct vs_op_acc *eoi = op(&r, "vcpu1/host", named("exit.apic_access")),
                           *icr = op(&r, "vcpu0/host", named("exit.apic_access"));
    assert_true(eoi->total_ps / eoi->n < icr->total_ps / icr->n);
    done(&r);
}

static void test_other_vendors_have_no_xapic_here(void **state)
{
    (void)state;
    refused(sends, "zen3_milan_kvm", "interrupt.apic=xapic", "interrupt.apic");
    refused(sends, "neoverse_n1_kvm", "interrupt.apic=xapic", "interrupt.apic");
}

/* ---- a timer that fires while the guest runs ---- */

static const char timer[] =
    "guest(function(cpu) for i = 1, 10 do\n"
    "  local due = cpu:now_ns() + 50000\n"
    "  cpu:timer { us = 50 }\n"
    "  while cpu:interrupts() < i do cpu:compute(50) end\n"
    "  local late = cpu:now_ns() - due\n"
    "  if late < 0 or late > 30000 then error('fired ' .. late .. ' ns after it was due') end\n"
    "end end)\n";

static void test_a_timer_stops_the_guest_by_the_preemption_timer_or_the_hosts_own(void **state)
{
    (void)state;
    const struct {
        const char *machine;
        const char *const *sets;
        uint64_t preempted, interrupted;
    } c[] = {{NULL, SET("vmcs.control.preemption_timer=1"), 10, 0},
             {NULL, SET("vmcs.control.preemption_timer=1", WITHOUT_POSTING), 10, 0},
             {NULL, SET("vmcs.control.preemption_timer=0"), 0, 10},
             {NULL, SET("vmcs.control.preemption_timer=0", WITHOUT_POSTING), 0, 10},
             {"zen3_milan_kvm", NONE, 0, 10},
             {"neoverse_n1_kvm", NONE, 0, 10},
             {"skylake_sp_native", NONE, 0, 0}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        machine = c[i].machine;
        good(&r, timer, c[i].sets);
        if (exits(&r, "vcpu0/guest", VS_OP_IRQ) != 10 ||
            exits(&r, "vcpu0/host", VS_OP_HANDLER_TIMER) != c[i].preempted ||
            exits(&r, "vcpu0/host", VS_OP_HANDLER_INTERRUPT) != c[i].interrupted) {
            fail_msg("%s, case %zu", machine, i);
        }
        done(&r);
    }
    machine = NULL;
}

/* The value is written before each entry, and counts TSC >> IA32_VMX_MISC[4:0] (SDM 3C 26.5.1). */
static void test_an_armed_preemption_timer_costs_every_entry_a_vmwrite(void **state)
{
    (void)state;
    static const char cpuids[] = "guest(function(cpu) cpu:timer { us = 900 } cpu:mark('roi')\n"
                                 "  for i = 1, 100 do cpu:cpuid() end end)\n";
    uint64_t writes[2];
    for (unsigned i = 0; i < 2; i++) {
        struct run r;
        good(&r, cpuids,
             SET(i ? "vmcs.control.preemption_timer=1" : "vmcs.control.preemption_timer=0"));
        writes[i] = counter(&r, "vcpu0/host", "hypervisor.vmwrites");
        done(&r);
    }
    assert_int_equal(writes[1], writes[0] + 100);
}

static void test_no_wait_ends_early_for_the_preemption_timer(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) for i = 1, 20 do\n"
        "  local from, got = cpu:now_ns(), 0\n"
        "  if i % 2 == 0 then cpu:wait { us = 20 } else got = cpu:recv { timeout_ns = 20000 } end\n"
        "  local took = cpu:now_ns() - from\n"
        "  if got == 0 and took < 20000 then error('only ' .. took .. ' ns') end\n"
        "  cpu:compute(5000 * i) end end)\n";
    const char *const *const how[] = {SET("vmcs.control.preemption_timer=1"),
                                      SET("vmcs.control.preemption_timer=1", WITHOUT_POSTING),
                                      SET("vmcs.control.preemption_timer=0")};
    for (int i = 0; i < 3; i++) {
        struct run r;
        good(&r, script, how[i]);
        done(&r);
    }
}

static void test_a_timer_that_is_set_anew_or_to_nothing_does_not_fire(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) cpu:timer { us = 20 } cpu:timer { ns = 0 } cpu:compute(200000)\n"
        "  cpu:timer { us = 20 } cpu:timer { us = 900 } cpu:compute(200000) end)\n";
    struct run r;
    good(&r, script, NONE);
    assert_int_equal(exits(&r, "vcpu0/guest", VS_OP_IRQ), 0);
    assert_int_equal(exits(&r, "vcpu0/host", named("exit.wrmsr")), 4);
    done(&r);
}

/* ---- Arm's interrupt controller ---- */

/* KVM without GICv4.1: the SGI's register traps, each arrival stops its receiver; acknowledge and
 * end do not, nor does the timer's register. */
static void test_arms_interrupts_leave_their_guest_once(void **state)
{
    (void)state;
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r, sends, NONE);
    assert_int_equal(exits(&r, "vcpu0/host", named("exit.sys64.write")), N_SENT);
    assert_int_equal(exits(&r, "vcpu1/host", named("exit.irq")), N_SENT);
    assert_int_equal(counter(&r, "vcpu0/host", "el2.exits"), N_SENT);
    assert_int_equal(counter(&r, "vcpu1/host", "el2.exits"), N_SENT);
    assert_int_equal(exits(&r, "vcpu1/guest", VS_OP_IRQ), N_SENT);
    assert_int_equal(counter(&r, "vcpu1", "gic.acknowledged"), N_SENT);
    assert_int_equal(counter(&r, "vcpu1", "gic.ended"), N_SENT);
    assert_int_equal(counter(&r, "vcpu1", "gic.list_register_writes"), N_SENT);
    assert_int_equal(part(&r, op(&r, "vcpu1/host", named("exit.irq")), "gic.load").n, 2 * N_SENT);
    done(&r);
    good(&r, timer, NONE);
    assert_int_equal(counter(&r, "vcpu0/host", "el2.exits"), 10); /* exit.irq: its PPI */
    assert_int_equal(exits(&r, "vcpu0/host", named("exit.irq")), 10);
    assert_int_equal(counter(&r, "vcpu0", "gic.deactivated_physical"), 10);
    done(&r);
    machine = NULL;
}

/* It comes again when the guest has ended the first one, not while that is masked. */
static void test_arms_timer_stops_its_guest_once_for_each_end(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) cpu:cli()\n"
        "  for _ = 1, 5 do cpu:timer { us = 1 } cpu:compute(20000) end\n"
        "  if cpu:interrupts() ~= 0 then error('taken while masked') end\n"
        "  cpu:sti() cpu:compute(100000)\n"
        "  if cpu:interrupts() ~= 2 then error(cpu:interrupts()) end end)\n";
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r, script, NONE);
    assert_int_equal(exits(&r, "vcpu0/host", named("exit.irq")), 2);
    done(&r);
    machine = NULL;
}

static void test_interrupts_beyond_the_list_registers_come_by_maintenance_interrupts(void **state)
{
    (void)state;
    static const char six[] =
        MASKED_BY(6, "i", "cpu:sti() cpu:compute(20000) if cpu:interrupts() ~= 6 then error() end");
    const struct {
        const char *lists;
        uint64_t maintenance;
    } c[] = {{"gic.list_registers=2", 4}, {"gic.list_registers=4", 1}, {"gic.list_registers=6", 0}};
    machine = "neoverse_n1_kvm";
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        good(&r, six, SET(c[i].lists));
        assert_int_equal(counter(&r, "vcpu1", "gic.maintenance"), c[i].maintenance);
        assert_int_equal(exits(&r, "vcpu1/host", named("exit.irq")), 6 + c[i].maintenance);
        done(&r);
    }
    machine = NULL;
}

static void test_pstate_i_takes_effect_at_once(void **state)
{
    (void)state;
    static const char script[] =
        MASKED_BY(1, "i", "cpu:sti() cpu:cli() if cpu:interrupts() ~= 1 then error() end");
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r, script, NONE);
    done(&r);
    machine = NULL;
}

static void test_the_number_of_an_interrupt_is_the_architectures(void **state)
{
    (void)state;
    const struct {
        const char *machine, *script, *right;
    } c[] = {{"neoverse_n1_kvm", "guest(function(cpu) cpu:ipi(0, 16) end)\n", "SGIs, 0 to 15"},
             {"neoverse_n1_native", "guest(function(cpu) cpu:ipi(0, 0xef) end)\n", "SGIs, 0 to 15"},
             {"zen3_milan_kvm", "guest(function(cpu) cpu:ipi(0, 15) end)\n", "16 to 255"}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        machine = c[i].machine;
        run(&r, c[i].script, NONE);
        assert_int_equal(r.status, VS_E_BOUNDS);
        assert_non_null(strstr(r.errors.text[0], c[i].right));
        done(&r);
    }
    machine = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_masked_interrupt_is_taken_after_sti_and_not_before),
        cmocka_unit_test(test_sti_blocks_until_the_instruction_after_it),
        cmocka_unit_test(test_each_interrupt_but_those_posted_needs_a_window_of_its_own),
        cmocka_unit_test(test_a_window_closes_when_it_is_used),
        cmocka_unit_test(test_a_halt_with_interrupts_masked_is_an_error),
        cmocka_unit_test(test_arms_wfi_ends_by_an_interrupt_that_is_masked),
        cmocka_unit_test(test_a_shootdown_waits_for_a_target_that_masks_interrupts),
        cmocka_unit_test(test_how_an_xapic_register_exits_is_up_to_three_controls),
        cmocka_unit_test(
            test_an_apic_access_for_an_end_of_interrupt_is_cheaper_than_one_that_is_emulated),
        cmocka_unit_test(test_other_vendors_have_no_xapic_here),
        cmocka_unit_test(test_a_timer_stops_the_guest_by_the_preemption_timer_or_the_hosts_own),
        cmocka_unit_test(test_an_armed_preemption_timer_costs_every_entry_a_vmwrite),
        cmocka_unit_test(test_no_wait_ends_early_for_the_preemption_timer),
        cmocka_unit_test(test_arms_interrupts_leave_their_guest_once),
        cmocka_unit_test(test_arms_timer_stops_its_guest_once_for_each_end),
        cmocka_unit_test(test_interrupts_beyond_the_list_registers_come_by_maintenance_interrupts),
        cmocka_unit_test(test_pstate_i_takes_effect_at_once),
        cmocka_unit_test(test_the_number_of_an_interrupt_is_the_architectures),
        cmocka_unit_test(test_a_timer_that_is_set_anew_or_to_nothing_does_not_fire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
