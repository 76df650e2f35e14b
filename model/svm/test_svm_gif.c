/* SPDX-License-Identifier: MIT */
/* A guest's own global interrupt flag, and its VMLOAD and VMSAVE: AMD APM volume 2, 15.33. */
#include "test_svm.h"

#include "virtsim/x86.h"

#define V_GIF (UINT64_C(1) << 9)
#define V_GIF_ENABLE (UINT64_C(1) << 25)

/* Does this trap leave the guest? It is not left. */
static bool leaves(struct fixture *f, enum vs_trap_kind kind, uint8_t x86)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_trap trap = {.kind = kind, .x86 = x86, .number = 0x20};
    struct vs_exit exit;
    return w.leaves(w.ctx, &f->t, &trap, &exit);
}

/* The guest executes an instruction that was not intercepted; false: an invalid opcode. */
static bool executes(struct fixture *f, uint8_t x86, bool *held)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    return w.execute(w.ctx, &f->t, x86, held);
}

/* The hypervisor requests a virtual interrupt and its intercept, and enters. */
static void ask(struct fixture *f)
{
    struct vs_state_port p = vs_svm_state_port(&f->s);
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_WINDOW));
    assert_true(vs_svm_enter(&f->s, &f->t));
}

/* 15.33.2: the guest's flag holds virtual interrupts, and only those. */
static void test_a_clear_flag_of_the_guests_holds_virtual_interrupts_alone(void **state)
{
    struct fixture *f = *state;
    bool held = false;
    ask(f);
    assert_true(leaves(f, VS_TRAP_INTERRUPT_WINDOW, 0));
    assert_true(executes(f, VS_X86_CLGI, &held) && held);
    assert_false(leaves(f, VS_TRAP_INTERRUPT_WINDOW, 0));
    assert_true(leaves(f, VS_TRAP_INTERRUPT, 0)); /* INTR, NMI: the processor's own flag is set */
    assert_true(leaves(f, VS_TRAP_NMI, 0));
    assert_true(executes(f, VS_X86_STGI, &held) && !held);
    assert_true(leaves(f, VS_TRAP_INTERRUPT_WINDOW, 0));
}

/* The flag is V_GIF of the VMCB: #VMEXIT writes it, VMRUN loads it. */
static void test_the_guests_flag_is_the_vmcbs_between(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t blocked = 0;
    bool held;
    assert_true((vmcb64(f, 0x060) & (V_GIF | V_GIF_ENABLE)) == (V_GIF | V_GIF_ENABLE));
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_true(executes(f, VS_X86_CLGI, &held));
    assert_true(vmcb64(f, 0x060) & V_GIF);
    vs_svm_exit(&f->s, &f->t, VS_SVM_CPUID, 0, 0, 2);
    assert_false(vmcb64(f, 0x060) & V_GIF);
    assert_true(p.read(p.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &blocked));
    assert_true(blocked); /* what the hypervisor would inject now waits */
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(vs_svm_gif(&f->s));
}

/* Table 15-7 and 15.33: without their intercepts and without virtualization nothing executes. */
static void test_what_is_not_virtualized_is_intercepted(void **state)
{
    struct fixture *f = *state;
    static const uint8_t all[] = {VS_X86_CLGI, VS_X86_STGI, VS_X86_VMLOAD, VS_X86_VMSAVE};
    bool held;
    for (unsigned on = 0; on < 4; on++) {
        f->config.vgif = on & 1u;
        f->config.vls = on >> 1;
        boot(f);
        assert_true(vs_svm_enter(&f->s, &f->t));
        for (unsigned i = 0; i < sizeof all; i++) {
            bool here = i < 2 ? on & 1u : on >> 1;
            assert_true(leaves(f, VS_TRAP_UNDEFINED, all[i]) == !here);
            assert_true(executes(f, all[i], &held) == here);
        }
        assert_true(leaves(f, VS_TRAP_UNDEFINED, VS_X86_SKINIT));
        assert_false(executes(f, VS_X86_SKINIT, &held));
        assert_int_equal(vmcb64(f, 0x0b8), on >> 1 << 1);
    }
}

/* 15.33.1: with a VMCB without nested paging their addresses could not be translated. */
static void test_vmload_is_virtualized_under_nested_paging_alone(void **state)
{
    struct fixture *f = *state;
    bool held;
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5, 0);
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_int_equal(vmcb64(f, 0x0b8), 0);
    assert_true(leaves(f, VS_TRAP_UNDEFINED, VS_X86_VMLOAD));
    assert_false(executes(f, VS_X86_VMSAVE, &held));
}

/* They cost what they cost a hypervisor. */
static void test_an_executed_instruction_takes_its_time(void **state)
{
    struct fixture *f = *state;
    bool held;
    assert_true(vs_svm_enter(&f->s, &f->t));
    uint64_t at = vs_now(&f->t).v;
    assert_true(executes(f, VS_X86_VMLOAD, &held));
    assert_int_equal(vs_now(&f->t).v - at, f->config.vmload * PS);
    at = vs_now(&f->t).v;
    assert_true(executes(f, VS_X86_STGI, &held));
    assert_int_equal(vs_now(&f->t).v - at, f->config.gif * PS);
    assert_int_equal(f->s.count[VS_CNT_svm_executed], 2);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_clear_flag_of_the_guests_holds_virtual_interrupts_alone),
        LAW(test_the_guests_flag_is_the_vmcbs_between),
        LAW(test_what_is_not_virtualized_is_intercepted),
        LAW(test_vmload_is_virtualized_under_nested_paging_alone),
        LAW(test_an_executed_instruction_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
