/* SPDX-License-Identifier: MIT */
/* NMIs of a guest: EVENTINJ (AMD APM volume 2, 15.20), the intercept of IRET (15.9), and virtual
 * NMIs (15.21.10), of which V_NMI_PENDING and V_NMI_BLOCKING are bits 11 and 12 of the VMCB's
 * interrupt control. */
#include "test_svm.h"

#include "virtsim/x86.h"

#define PENDING (UINT64_C(1) << 11)
#define BLOCKING (UINT64_C(1) << 12)

/* Does the guest's IRET leave it? */
static bool iret_leaves(struct fixture *f)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_trap trap = {.kind = VS_TRAP_INTERRUPT_RETURN, .length = 2};
    struct vs_exit exit;
    return w.leaves(w.ctx, &f->t, &trap, &exit);
}

static bool write(struct fixture *f, enum vs_state what, uint64_t value)
{
    struct vs_state_port p = vs_svm_state_port(&f->s);
    return p.write(p.ctx, &f->t, what, value);
}

/* A part with virtual NMIs, whose guest is entered with one pending. */
static void enter_with_pending(struct fixture *f)
{
    f->config.vnmi = 1;
    boot(f);
    assert_true(write(f, VS_STATE_VIRTUAL_NMI, 1));
    assert_true(vs_svm_enter(&f->s, &f->t));
}

static void test_an_injected_nmi_is_an_event_of_type_2(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t event = 0;
    assert_true(write(f, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI));
    assert_int_equal(vmcb64(f, 0x0a8), 0x80000200);
    assert_true(p.read(p.ctx, NULL, VS_STATE_ENTRY_INTR, &event));
    assert_true(event == (VS_EVENT_VALID | VS_EVENT_NMI));
    assert_null(vs_svm_check(&f->s));
}

/* Bit 20 of the vectors' fourth word, which the next VMRUN has to load. */
static void test_iret_leaves_while_its_intercept_is_set(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t asked = 0;
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(iret_leaves(f));
    vs_svm_exit(&f->s, &f->t, VS_SVM_CPUID, 0, 0, 2);
    assert_true(write(f, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI));
    assert_true(vmcb64(f, 0x008) >> 32 >> 20 & 1u);
    assert_false(vmcb64(f, 0x0c0) & 1u << VS_SVM_CLEAN_INTERCEPTS);
    assert_true(p.read(p.ctx, NULL, VS_STATE_CONTROLS, &asked));
    assert_true(asked == VS_CONTROLS_NMI_WINDOW);
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_true(iret_leaves(f));
    vs_svm_exit(&f->s, &f->t, VS_SVM_IRET, 0, 0, 0);
    assert_int_equal(vmcb64(f, 0x070), 0x74);
    assert_true(write(f, VS_STATE_CONTROLS, 0));
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(iret_leaves(f));
}

static void test_a_virtual_nmi_blocks_the_next_one_until_iret(void **state)
{
    struct fixture *f = *state;
    enter_with_pending(f);
    assert_true(vs_svm_nmi_takes(&f->s));
    assert_true((f->s.int_ctl & (PENDING | BLOCKING)) == BLOCKING);
    vs_svm_exit(&f->s, &f->t, VS_SVM_INTR, 0, 0, 0); /* while its handler runs */
    assert_true((vmcb64(f, 0x060) & (PENDING | BLOCKING)) == BLOCKING);
    assert_true(write(f, VS_STATE_VIRTUAL_NMI, 1));
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(vs_svm_nmi_takes(&f->s));
    assert_false(iret_leaves(f));
    vs_svm_nmi_returns(&f->s);
    assert_true(vs_svm_nmi_takes(&f->s));
    vs_svm_nmi_returns(&f->s);
    assert_false(vs_svm_nmi_takes(&f->s));
}

static void test_a_virtual_nmi_waits_for_the_flag_and_the_shadow(void **state)
{
    struct fixture *f = *state;
    enter_with_pending(f);
    assert_true(vs_svm_execute(&f->s, &f->t, VS_X86_CLGI));
    assert_false(vs_svm_nmi_takes(&f->s));
    assert_true(vs_svm_execute(&f->s, &f->t, VS_X86_STGI));
    vs_svm_mask(&f->s, true);
    vs_svm_mask(&f->s, false); /* STI's shadow */
    assert_false(vs_svm_nmi_takes(&f->s));
    vs_svm_unshadow(&f->s);
    vs_svm_mask(&f->s, true); /* RFLAGS.IF masks none */
    assert_true(vs_svm_nmi_takes(&f->s));
}

static void test_an_injected_nmi_blocks_virtual_ones(void **state)
{
    struct fixture *f = *state;
    f->config.vnmi = 1;
    boot(f);
    assert_true(write(f, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI));
    assert_true(write(f, VS_STATE_VIRTUAL_NMI, 1));
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(vs_svm_nmi_takes(&f->s));
    vs_svm_nmi_returns(&f->s);
    assert_true(vs_svm_nmi_takes(&f->s));
}

/* svm_enable_nmi_window: an IRET that exits comes first; behind its exit the trap flag steps over
 * it, and leaves the guest by #DB. An interrupt window asked for meanwhile changes neither. */
static void test_the_window_is_an_iret_and_then_a_single_step(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_svm_world(&f->s);
    const struct vs_trap window = {.kind = VS_TRAP_NMI_WINDOW};
    struct vs_exit exit;
    assert_true(write(f, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI));
    assert_true(write(f, VS_STATE_CONTROLS, VS_CONTROLS_NMI_WINDOW | VS_CONTROLS_WINDOW));
    assert_false(vmcb64(f, 0x570) & 0x100); /* RFLAGS.TF */
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(w.leaves(w.ctx, &f->t, &window, &exit));
    assert_true(iret_leaves(f));
    vs_svm_exit(&f->s, &f->t, VS_SVM_IRET, 0, 0, 0);
    assert_true(write(f, VS_STATE_CONTROLS, 0));
    assert_true(write(f, VS_STATE_CONTROLS, VS_CONTROLS_NMI_WINDOW));
    assert_true(vmcb64(f, 0x570) & 0x100);
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(iret_leaves(f));
    w.nmi_returns(w.ctx);
    assert_true(w.leaves(w.ctx, &f->t, &window, &exit));
    assert_int_equal(exit.own[0], 0x41);
    vs_svm_exit(&f->s, &f->t, 0x41, 0, 0, 0);
    assert_true(write(f, VS_STATE_CONTROLS, 0));
    assert_false(vmcb64(f, 0x570) & 0x100);
}

/* KVM's own account of the handler that runs: from the injection to behind the IRET. */
static void test_an_injected_nmi_holds_the_next_one_until_iret(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t held = 0;
    assert_true(write(f, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI));
    assert_true(p.read(p.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &held));
    assert_true(held == VS_BLOCKS_NMI);
    vs_svm_nmi_returns(&f->s);
    assert_true(p.read(p.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &held));
    assert_true(held == 0);
}

static void test_a_part_without_them_has_none(void **state)
{
    struct fixture *f = *state;
    assert_null(vs_svm_world(&f->s).nmi_takes);
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_false(vs_svm_nmi_takes(&f->s));
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_an_injected_nmi_is_an_event_of_type_2),
        LAW(test_iret_leaves_while_its_intercept_is_set),
        LAW(test_a_virtual_nmi_blocks_the_next_one_until_iret),
        LAW(test_a_virtual_nmi_waits_for_the_flag_and_the_shadow),
        LAW(test_an_injected_nmi_blocks_virtual_ones),
        LAW(test_the_window_is_an_iret_and_then_a_single_step),
        LAW(test_an_injected_nmi_holds_the_next_one_until_iret),
        LAW(test_a_part_without_them_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
