/* SPDX-License-Identifier: MIT */
/* VMCS01, VMCS12 and VMCS02: whose an exit is, and which fields move where. */
#include "test_vmcs.h"
#include "virtsim/x86.h"
#include "vmcs/vmcs_nested_impl.h"

#define VMCS12_AT 0x80000u
#define VMCS02_AT 0x81000u
#define SHADOW_AT 0x82000u
#define READS_AT 0x83000u
#define WRITES_AT 0x84000u
#define L1_CR3 0x90000u
#define L1_RIP 0x100000000u

static struct vs_vmx_nested nested;
static struct vs_nested_port port;

/* The processor has L1 in VMCS01 and runs L2. */
static void nest(struct fixture *f)
{
    struct vs_vmx_setup s01, s12;
    const struct vs_vmx_nested_pages pages = {VMCS02_AT, SHADOW_AT, READS_AT, WRITES_AT, EPTP};
    nested = (struct vs_vmx_nested){.config = nested.config};
    boot(f);
    s01 = s12 = f->setup;
    s01.guest_cr3 = L1_CR3;
    s01.vpid = 7;
    s12.vmcs.v = VMCS12_AT;
    s12.host_cr3 = L1_CR3;
    s12.host_rip = L1_RIP;
    assert_int_equal(vs_vmx_nested_setup(&nested, &f->x, &s01, &s12, &pages, 1), VS_VMX_OK);
    port = vs_vmx_nested_port(&nested);
}

static int setup_nested(void **state)
{
    int r = setup(state);
    nested.config = (struct vs_nested_config){.io_exiting = 1, .hlt_exiting = 1};
    nest(*state);
    return r;
}

/* L2 does this: it leaves, and whose that is. */
static bool left_for_l1(struct fixture *f, const struct vs_trap *trap)
{
    struct vs_world_port w = vs_vmx_world(&f->x);
    struct vs_exit exit;
    assert_true(w.leaves(w.ctx, &f->t, trap, &exit));
    assert_true(w.leave(w.ctx, &f->t, &exit));
    return port.wants(port.ctx, &f->t, trap, &exit);
}

static uint64_t of12(struct fixture *f, unsigned position)
{
    return vs_phys_read64(f->phys, vs_vmx_at(VMCS12_AT, position));
}

static void test_cpuid_is_always_the_guest_hypervisors(void **state)
{
    struct fixture *f = *state;
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    assert_true(left_for_l1(f, &cpuid));
    assert_int_equal(nested.count[VS_CNT_nested_exits], 1);
    port.save(port.ctx, &f->t);
    assert_int_equal(nested.count[VS_CNT_nested_reflected], 1);
}

static void test_an_exit_that_vmcs12_does_not_ask_for_is_the_hosts(void **state)
{
    struct fixture *f = *state;
    struct vs_trap in = {.kind = VS_TRAP_PIO, .number = 0x80, .size = 1, .length = 1};
    assert_true(left_for_l1(f, &in));
    nested.config.io_exiting = 0;
    nest(f);
    assert_false(left_for_l1(f, &in));
    assert_int_equal(nested.count[VS_CNT_nested_exits], 1);
    assert_int_equal(nested.count[VS_CNT_nested_reflected], 0);
}

/* SDM 3C 31.6: only the notification vector of the current VMCS delivers without an exit, and that
 * of VMCS02 is not the one by which interrupts are posted to the guest hypervisor
 * (prepare_vmcs02_constant_state). */
static void test_what_is_posted_to_the_guest_hypervisor_stops_its_guest(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_event notify = {.kind = VS_EV_EXTERNAL_INTERRUPT,
                                  .number = f->setup.posted_vector};
    struct vs_vmx_exit_info info;
    f->config.control_virtual_interrupt_delivery = f->config.control_posted_interrupts = 1;
    nest(f);
    assert_true(vs_vmx_get(&f->x, VS_VMCS_AT_PIN_CONTROLS) & VS_PIN_POSTED_INTERRUPTS);
    assert_true(vs_vmx_intercept(&f->x, NULL, &notify, &info));
    notify.number = 0xf0; /* POSTED_INTR_NESTED_VECTOR */
    assert_false(vs_vmx_intercept(&f->x, NULL, &notify, &info));
    assert_true(info.posted);
}

/* nested_vmx_l0_wants_exit, though VMCS12 asks for both. */
static void test_physical_interrupts_and_ept_violations_are_the_hosts(void **state)
{
    struct fixture *f = *state;
    struct vs_trap interrupt = {.kind = VS_TRAP_INTERRUPT, .number = 0x20},
                   fault = {.kind = VS_TRAP_STAGE2_FAULT, .gpa = {0x5000}};
    assert_true(of12(f, VS_VMCS_AT_PIN_CONTROLS) & VS_PIN_EXTERNAL_INTERRUPT);
    assert_false(left_for_l1(f, &interrupt));
    nest(f);
    assert_false(left_for_l1(f, &fault));
}

static void test_an_exits_state_and_information_reach_vmcs12(void **state)
{
    struct fixture *f = *state;
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    VS_LIVE(&f->x, GUEST_RIP) = 0x401234;
    VS_LIVE(&f->x, GUEST_RFLAGS) = 0x246;
    assert_true(left_for_l1(f, &cpuid));
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_GUEST_RIP), 0x401234);
    assert_int_equal(of12(f, VS_VMCS_AT_GUEST_RFLAGS), 0x246);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_REASON), VS_EXIT_CPUID);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_INSTRUCTION_LENGTH), 2);
    assert_int_equal(f->x.current, VMCS02_AT);
}

static void test_the_guest_hypervisor_begins_with_vmcs12s_host_state(void **state)
{
    struct fixture *f = *state;
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    assert_true(left_for_l1(f, &cpuid));
    port.save(port.ctx, &f->t);
    port.leave(port.ctx, &f->t);
    assert_int_equal(f->x.current, VMCS_AT);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(VS_LIVE(&f->x, GUEST_RIP), L1_RIP);
    assert_int_equal(VS_LIVE(&f->x, GUEST_CR3), L1_CR3);
    assert_int_equal(VS_LIVE(&f->x, GUEST_RFLAGS), 2);
    assert_int_equal(VS_LIVE(&f->x, GUEST_CS_RIGHTS), 0xa09b);
}

/* Of an event of L1's that came while L2 ran, VMCS12's exit information is the host's to make: the
 * vector where VMCS12 acknowledges interrupts on exit (SDM 3C 28.2.2), and no reason of VMCS02. */
static void test_an_event_of_the_guest_hypervisors_is_an_exit_of_no_processor(void **state)
{
    struct fixture *f = *state;
    struct vs_trap physical = {.kind = VS_TRAP_INTERRUPT, .number = 0xfd},
                   cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    assert_true(port.timer == ((of12(f, VS_VMCS_AT_PIN_CONTROLS) & VS_PIN_PREEMPTION_TIMER) != 0));
    assert_false(left_for_l1(f, &physical));
    port.becomes(port.ctx, VS_TRAP_INTERRUPT, 0xec);
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_REASON), VS_EXIT_EXTERNAL_INTERRUPT);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_INTERRUPTION_INFO), 0x800000ecu);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_QUALIFICATION), 0);
    assert_int_equal(nested.count[VS_CNT_nested_events], 1);
    nest(f);
    uint64_t exit = of12(f, VS_VMCS_AT_EXIT_CONTROLS) & ~(uint64_t)VS_EXIT_ACKNOWLEDGE;
    vs_phys_write64(f->phys, vs_vmx_at(VMCS12_AT, VS_VMCS_AT_EXIT_CONTROLS), exit);
    assert_false(left_for_l1(f, &physical));
    port.becomes(port.ctx, VS_TRAP_INTERRUPT, 0xec);
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_INTERRUPTION_INFO), 0);
    nest(f);
    assert_false(left_for_l1(f, &physical));
    port.becomes(port.ctx, VS_TRAP_TIMER, 0);
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_REASON), VS_EXIT_PREEMPTION_TIMER);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_INTERRUPTION_INFO), 0);
    nest(f); /* and the next one is the processor's again */
    assert_true(left_for_l1(f, &cpuid));
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_EXIT_REASON), VS_EXIT_CPUID);
}

static void test_a_halt_that_vmcs12_lets_pass_is_the_hosts(void **state)
{
    struct fixture *f = *state;
    struct vs_trap hlt = {.kind = VS_TRAP_HALT, .length = 1};
    assert_true(left_for_l1(f, &hlt));
    nested.config.hlt_exiting = 0;
    nest(f);
    assert_false(left_for_l1(f, &hlt));
}

/* From L2 into L1's handler and to before its entry. */
static void to_entry(struct fixture *f, uint64_t rip)
{
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2},
                   resume = port.entry_trap(port.ctx);
    struct vs_world_port w = vs_vmx_world(&f->x);
    struct vs_exit exit;
    assert_true(left_for_l1(f, &cpuid));
    port.save(port.ctx, &f->t);
    port.leave(port.ctx, &f->t);
    assert_true(w.enter(w.ctx, &f->t));
    struct vs_trap write = port.access_trap(port.ctx, VS_STATE_PC, true);
    assert_int_equal(write.value, VS_VMCS_GUEST_RIP);
    assert_true(w.leaves(w.ctx, &f->t, &write, &exit)); /* VMWRITE of L1: an exit to L0 */
    assert_true(w.leave(w.ctx, &f->t, &exit));
    port.emulate(port.ctx, &f->t, VS_STATE_PC, true, &rip);
    assert_true(w.enter(w.ctx, &f->t));
    assert_true(w.leaves(w.ctx, &f->t, &resume, &exit));
    assert_true(w.leave(w.ctx, &f->t, &exit));
}

static void test_an_entry_brings_what_the_guest_hypervisor_wrote(void **state)
{
    struct fixture *f = *state;
    to_entry(f, 0x400002);
    assert_true(port.check(port.ctx, &f->t));
    port.merge(port.ctx, &f->t);
    assert_int_equal(f->x.current, VMCS02_AT);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(VS_LIVE(&f->x, GUEST_RIP), 0x400002);
    assert_int_equal(nested.count[VS_CNT_nested_rare], 0); /* RIP is shadowed: VMCS12 is clean */
    assert_int_equal(nested.count[VS_CNT_nested_state_exits], 1);
}

static void test_a_field_that_is_not_shadowed_makes_the_next_merge_whole(void **state)
{
    struct fixture *f = *state;
    uint64_t window = 99;
    to_entry(f, 0x400002);
    port.emulate(port.ctx, &f->t, VS_STATE_SPIN, true, &window); /* PLE_Window */
    port.merge(port.ctx, &f->t);
    assert_int_equal(nested.count[VS_CNT_nested_rare], 1);
    port.merge(port.ctx, &f->t);
    assert_int_equal(nested.count[VS_CNT_nested_rare], 1);
}

static void test_vmcs12_is_checked_as_an_entry_checks_one(void **state)
{
    struct fixture *f = *state;
    char why[200];
    to_entry(f, 0x400002);
    vs_phys_write64(f->phys, vs_vmx_at(VMCS12_AT, VS_VMCS_AT_HOST_CR3), UINT64_MAX);
    assert_false(port.check(port.ctx, &f->t));
    assert_int_equal(nested.error, VS_VMXERR_ENTRY_HOST);
    port.why(port.ctx, why, sizeof why);
    assert_non_null(strstr(why, "VM-instruction error 8"));
    assert_int_equal(f->x.current, VMCS_AT);
}

/* prepare_vmcs02_early: what either asks for; ports always exit; of APICv VMCS12 alone decides. */
static void test_vmcs02_exits_for_what_either_asks_for(void **state)
{
    struct fixture *f = *state;
    uint64_t proc = VS_GET(&f->x, PROC_CONTROLS), proc2 = VS_GET(&f->x, PROC2_CONTROLS);
    assert_true(proc & VS_PROC_UNCONDITIONAL_IO);
    assert_false(proc & VS_PROC_IO_BITMAPS);
    assert_true(proc2 & VS_PROC2_PAUSE_LOOP); /* the host's: not offered to L1 */
    assert_false(of12(f, VS_VMCS_AT_PROC2_CONTROLS) & VS_PROC2_PAUSE_LOOP);
    uint64_t rdtsc = of12(f, VS_VMCS_AT_PROC_CONTROLS) | VS_PROC_RDTSC;
    to_entry(f, 0x400002);
    vs_phys_write64(f->phys, vs_vmx_at(VMCS12_AT, VS_VMCS_AT_PROC_CONTROLS), rdtsc);
    port.merge(port.ctx, &f->t);
    assert_true(VS_GET(&f->x, PROC_CONTROLS) & VS_PROC_RDTSC);
}

/* vmcs12_guest_cr4: a bit that L1 keeps for itself stays as L1 has it, whatever VMCS02 holds. */
static void test_bits_that_the_guest_hypervisor_owns_stay_its_own(void **state)
{
    struct fixture *f = *state;
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    uint64_t cr4 = of12(f, VS_VMCS_AT_GUEST_CR4) & ~VS_VMX_BIT(13);
    vs_phys_write64(f->phys, vs_vmx_at(VMCS12_AT, VS_VMCS_AT_GUEST_CR4), cr4);
    assert_true(left_for_l1(f, &cpuid));
    assert_true(VS_GET(&f->x, GUEST_CR4) & VS_VMX_BIT(13)); /* VMXE, which hardware wants */
    port.save(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_GUEST_CR4) & VS_VMX_BIT(13), 0);
}

/* L1 runs behind an exit of L2 for CPUID. */
static void to_hypervisor(struct fixture *f)
{
    struct vs_trap cpuid = {.kind = VS_TRAP_CPU_ID, .length = 2};
    assert_true(left_for_l1(f, &cpuid));
    port.save(port.ctx, &f->t);
    port.leave(port.ctx, &f->t);
    if (port.shadows) {
        port.publish(port.ctx, &f->t);
    }
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
}

/* Which of L1's accesses exit is the bitmaps' word, field by field: of vmcs_shadow_fields.h, and
 * where the processor has shadowing and may write any field of the shadow. */
static void test_accesses_of_shadowed_fields_do_not_exit(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum vs_state what;
        bool read, write; /* exits */
    } law[] = {{VS_STATE_REASON, false, true},       {VS_STATE_LENGTH, false, true},
               {VS_STATE_PC, false, false},          {VS_STATE_FLAGS, false, false},
               {VS_STATE_CODE_SEGMENT, false, true}, {VS_STATE_OPERANDS, true, true},
               {VS_STATE_SPIN, true, true},          {VS_STATE_FAULT_GPA, false, true}};
    for (int on = 0; on < 2; on++) {
        nested.config.vmcs_shadowing = (uint64_t)on;
        nest(f);
        to_hypervisor(f);
        struct vs_world_port w = vs_vmx_world(&f->x);
        struct vs_exit exit;
        for (size_t i = 0; i < sizeof law / sizeof *law; i++) {
            struct vs_trap read = port.access_trap(port.ctx, law[i].what, false),
                           write = port.access_trap(port.ctx, law[i].what, true);
            assert_int_equal(w.leaves(w.ctx, &f->t, &read, &exit), !on || law[i].read);
            assert_int_equal(w.leaves(w.ctx, &f->t, &write, &exit), !on || law[i].write);
        }
    }
}

static void test_a_part_without_shadowing_has_none(void **state)
{
    struct fixture *f = *state;
    nested.config.vmcs_shadowing = 1;
    nest(f);
    assert_true(nested.shadows);
    uint64_t misc = f->config.cap_misc;
    f->config.cap_misc &= ~(uint64_t)VS_MISC_WRITE_ANY;
    nest(f);
    assert_false(nested.shadows);
    f->config.cap_misc = misc;
    f->config.cap_proc2 &= ~(VS_PROC2_SHADOWING << 32);
    nest(f);
    assert_false(nested.shadows);
}

static void test_the_shadow_has_what_vmcs12_has_and_gives_it_back(void **state)
{
    struct fixture *f = *state;
    uint64_t value = 0, next = 0x401236;
    nested.config.vmcs_shadowing = 1;
    nest(f);
    VS_LIVE(&f->x, GUEST_RIP) = 0x401234;
    to_hypervisor(f);
    port.shadowed(port.ctx, &f->t, VS_STATE_PC, false, &value);
    assert_int_equal(value, 0x401234);
    port.shadowed(port.ctx, &f->t, VS_STATE_PC, true, &next);
    assert_int_equal(of12(f, VS_VMCS_AT_GUEST_RIP), 0x401234); /* not yet */
    struct vs_trap resume = port.entry_trap(port.ctx);
    struct vs_world_port w = vs_vmx_world(&f->x);
    struct vs_exit exit;
    assert_true(w.leaves(w.ctx, &f->t, &resume, &exit));
    assert_true(w.leave(w.ctx, &f->t, &exit));
    port.collect(port.ctx, &f->t);
    assert_int_equal(of12(f, VS_VMCS_AT_GUEST_RIP), 0x401236);
    assert_true(port.check(port.ctx, &f->t));
    port.merge(port.ctx, &f->t);
    assert_true(w.enter(w.ctx, &f->t));
    assert_int_equal(VS_LIVE(&f->x, GUEST_RIP), 0x401236);
    assert_int_equal(nested.count[VS_CNT_nested_shadowed], 2);
}

/* L1's VMWRITEs for an INIT of its guest's: after its entry L2 takes no interrupt, whichever of
 * them exit. */
static void test_an_init_leaves_l2_without_interrupts(void **state)
{
    struct fixture *f = *state;
    for (int on = 0; on < 2; on++) {
        struct vs_nested_step step;
        struct vs_exit exit;
        unsigned exits = 0, i = 0;
        nested.config.vmcs_shadowing = (uint64_t)on;
        nest(f);
        VS_LIVE(&f->x, GUEST_RFLAGS) |= 1u << 9;
        to_hypervisor(f);
        struct vs_world_port w = vs_vmx_world(&f->x);
        for (; port.resets(port.ctx, &f->t, false, i, &step); i++) {
            if (!w.leaves(w.ctx, &f->t, &step.trap, &exit)) {
                port.executes(port.ctx, &f->t, &step.trap);
                continue;
            }
            exits++;
            assert_true(w.leave(w.ctx, &f->t, &exit));
            port.carry_out(port.ctx, &f->t, &step.trap);
            assert_true(w.enter(w.ctx, &f->t));
        }
        assert_int_equal(i - exits, on ? 9 : 0);
        assert_true(i == 50 || i == 51); /* BNDCFGS is of some parts */
        assert_int_equal(of12(f, VS_VMCS_AT_GUEST_RFLAGS) >> 9 & 1u, on); /* that one: not yet */
        struct vs_trap resume = port.entry_trap(port.ctx);
        assert_true(w.leaves(w.ctx, &f->t, &resume, &exit));
        assert_true(w.leave(w.ctx, &f->t, &exit));
        if (on) {
            port.collect(port.ctx, &f->t);
        }
        assert_true(port.check(port.ctx, &f->t));
        port.merge(port.ctx, &f->t);
        assert_true(w.enter(w.ctx, &f->t));
        assert_false(VS_LIVE(&f->x, GUEST_RFLAGS) & 1u << 9);
        assert_int_equal(nested.count[VS_CNT_nested_rare], 1); /* it wrote what is not shadowed */
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_nested, teardown)
    const struct CMUnitTest tests[] = {
        T(test_cpuid_is_always_the_guest_hypervisors),
        T(test_an_exit_that_vmcs12_does_not_ask_for_is_the_hosts),
        T(test_physical_interrupts_and_ept_violations_are_the_hosts),
        T(test_what_is_posted_to_the_guest_hypervisor_stops_its_guest),
        T(test_an_exits_state_and_information_reach_vmcs12),
        T(test_the_guest_hypervisor_begins_with_vmcs12s_host_state),
        T(test_an_event_of_the_guest_hypervisors_is_an_exit_of_no_processor),
        T(test_a_halt_that_vmcs12_lets_pass_is_the_hosts),
        T(test_an_entry_brings_what_the_guest_hypervisor_wrote),
        T(test_a_field_that_is_not_shadowed_makes_the_next_merge_whole),
        T(test_vmcs12_is_checked_as_an_entry_checks_one),
        T(test_vmcs02_exits_for_what_either_asks_for),
        T(test_bits_that_the_guest_hypervisor_owns_stay_its_own),
        T(test_accesses_of_shadowed_fields_do_not_exit),
        T(test_a_part_without_shadowing_has_none),
        T(test_the_shadow_has_what_vmcs12_has_and_gives_it_back),
        T(test_an_init_leaves_l2_without_interrupts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
