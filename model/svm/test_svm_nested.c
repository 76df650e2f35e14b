/* SPDX-License-Identifier: MIT */
/* The three VMCBs of a guest hypervisor, as KVM moves fields between them (Linux 6.1,
 * arch/x86/kvm/svm/nested.c), and whose an exit is (APM volume 2, 15.9 to 15.11). */
#include "test_svm.h"

#include "svm/svm_nested.h"
#include "virtsim/x86.h"

#define VMCB01 0x18000u
#define VMCB12 0x1f000u
#define MSRPM12 0x0u

struct nest {
    struct fixture *f;
    struct vs_svm_nested n;
    struct vs_nested_port port;
};

static const struct vs_svm_nested_pages p02 = {{VMCB}, {HOST}, {MSRPM}, {IOPM}, 0x50000};
static const struct vs_svm_nested_pages p01 = {{VMCB01}, {0x19000}, {0x1a000}, {0x1c000}, 0x60000};
static const struct vs_svm_nested_pages p12 = {{VMCB12}, {0x5000}, {MSRPM12}, {0x2000}, 0x70000};

static bool try_begin(struct nest *x, struct fixture *f)
{
    struct vs_svm_wiring w = f->s.wire;
    memset(x, 0, sizeof *x);
    x->f = f;
    vs_svm_init(&f->s, &f->config, &w);
    vs_defaults(&vs_svm_nested_desc, &x->n.config);
    x->port = vs_svm_nested_port(&x->n);
    return vs_svm_nested_setup(&x->n, &f->s, f->host, &p01, &p12, &p02, 5, 0x1234000);
}

static void begin(struct nest *x, void **state)
{
    assert_true(try_begin(x, *state));
}

static uint64_t at(const struct nest *x, uint64_t vmcb, uint64_t offset)
{
    return vs_phys_read64(x->f->phys, (vs_hpa){vmcb + offset});
}

static void set(const struct nest *x, uint64_t vmcb, uint64_t offset, uint64_t value)
{
    vs_phys_write64(x->f->phys, (vs_hpa){vmcb + offset}, value);
}

/* L2 leaves by this trap, and L1 wants the exit. */
static bool wanted(struct nest *x, struct vs_trap trap)
{
    struct vs_world_port w = vs_svm_world(&x->f->s);
    struct vs_exit exit;
    return w.leaves(w.ctx, &x->f->t, &trap, &exit) &&
           x->port.wants(x->port.ctx, &x->f->t, &trap, &exit);
}

/* An exit of L2 that L1 gets, up to L1's first instruction. */
static void reflect(struct nest *x)
{
    vs_svm_exit(&x->f->s, &x->f->t, VS_SVM_CPUID, 0, 0, 2);
    x->port.save(x->port.ctx, &x->f->t);
    x->port.leave(x->port.ctx, &x->f->t);
    assert_true(vs_svm_enter(&x->f->s, &x->f->t));
}

/* And L1's VMRUN. */
static bool vmrun(struct nest *x)
{
    vs_svm_exit(&x->f->s, &x->f->t, VS_SVM_VMRUN, 0, 0, 3);
    if (!x->port.check(x->port.ctx, &x->f->t)) {
        return false;
    }
    x->port.merge(x->port.ctx, &x->f->t);
    return vs_svm_enter(&x->f->s, &x->f->t);
}

static void test_what_either_asks_for_is_intercepted(void **state)
{
    struct nest x;
    begin(&x, state);
    for (uint64_t word = 0; word < 24; word += 8) {
        uint64_t both = at(&x, VMCB01, word) | at(&x, VMCB12, word);
        assert_true((at(&x, VMCB, word) | 1u << 17) == (both | 1u << 17)); /* VMMCALL apart */
    }
    reflect(&x);
    set(&x, VMCB12, 0x00c, at(&x, VMCB12, 0x00c) | 1u << 14); /* RDTSC, which L0 lets pass */
    assert_true(vmrun(&x));
    assert_true(at(&x, VMCB, 0x00c) >> 14 & 1u);
    assert_true(wanted(&x, (struct vs_trap){.kind = VS_TRAP_TIMESTAMP, .length = 2}));
}

static void test_vmmcall_of_l2_is_no_exit_of_l0s(void **state)
{
    struct nest x;
    begin(&x, state);
    reflect(&x);
    set(&x, VMCB12, 0x010, at(&x, VMCB12, 0x010) & ~UINT64_C(2));
    assert_true(vmrun(&x));
    assert_true(at(&x, VMCB01, 0x010) & 2u);
    assert_false(wanted(&x, (struct vs_trap){.kind = VS_TRAP_HYPERCALL, .length = 3}));
    assert_false(at(&x, VMCB, 0x010) & 2u);
}

static void test_physical_events_and_the_hosts_exceptions_stay_with_l0(void **state)
{
    struct nest x;
    begin(&x, state);
    assert_true(wanted(&x, (struct vs_trap){.kind = VS_TRAP_CPU_ID, .length = 2}));
    assert_false(wanted(&x, (struct vs_trap){.kind = VS_TRAP_INTERRUPT, .number = 0xfd}));
    assert_false(wanted(&x, (struct vs_trap){.kind = VS_TRAP_NMI}));
    assert_false(wanted(&x, (struct vs_trap){.kind = VS_TRAP_STAGE2_FAULT}));
    assert_false(wanted(&x, (struct vs_trap){.kind = VS_TRAP_EXCEPTION, .number = 6}));
    assert_int_equal(x.n.count[VS_CNT_svm_nested_exits], 5);
}

/* The maps are joined where L0's has a clear bit, and L1's says whose an access is. */
static void test_an_msr_that_l1_wants_exits_though_l0_lets_it_pass(void **state)
{
    struct nest x;
    begin(&x, state);
    struct vs_trap gs = {.kind = VS_TRAP_MSR_READ, .number = 0xc0000102u, .length = 2};
    assert_false(wanted(&x, gs));
    reflect(&x);
    uint64_t byte = 0x800 + 0x102 / 4u, own = at(&x, MSRPM12, byte);
    set(&x, MSRPM12, byte, own | 1u << (0x102 % 4u * 2u));
    assert_true(vmrun(&x));
    assert_true(wanted(&x, gs));
    assert_true(x.n.count[VS_CNT_svm_nested_joined] > 0);
    assert_true(at(&x, 0x1a000, byte) == own); /* L0's own is as it was */
}

static void test_an_exit_brings_vmcb12_up_to_date(void **state)
{
    struct nest x;
    begin(&x, state);
    set(&x, VMCB, 0x578, 0x7777);
    set(&x, VMCB, 0x640, 0x8888);
    vs_svm_exit(&x.f->s, &x.f->t, VS_SVM_CPUID, 0x11, 0x22, 2);
    x.port.save(x.port.ctx, &x.f->t);
    assert_int_equal(at(&x, VMCB12, 0x070), 0x72);
    assert_int_equal(at(&x, VMCB12, 0x078), 0x11);
    assert_int_equal(at(&x, VMCB12, 0x080), 0x22);
    assert_int_equal(at(&x, VMCB12, 0x578), 0x7777);
    assert_int_equal(at(&x, VMCB12, 0x0c8), 0x7779);
    assert_int_equal(at(&x, VMCB12, 0x640), 0x8888);
    assert_true(at(&x, VMCB12, 0x0b0) == 0x70000); /* its own control is its own */
    x.port.leave(x.port.ctx, &x.f->t);
    assert_int_equal(x.f->s.vmcb.v, VMCB01);
    assert_false(at(&x, VMCB01, 0x060) & VS_SVM_V_GIF); /* #VMEXIT clears L1's flag */
}

/* 15.13.1: #VMEXIT(INTR) has no vector; the interrupt stays pending. */
static void test_an_interrupt_of_l1s_is_an_exit_of_no_processor(void **state)
{
    struct nest x;
    begin(&x, state);
    assert_true(x.port.keeps_pending);
    vs_svm_exit(&x.f->s, &x.f->t, VS_SVM_IOIO, 0x11, 0x22, 1);
    x.port.becomes(x.port.ctx, VS_TRAP_INTERRUPT, 0xec);
    x.port.save(x.port.ctx, &x.f->t);
    assert_int_equal(at(&x, VMCB12, 0x070), VS_SVM_INTR);
    assert_int_equal(at(&x, VMCB12, 0x078), 0);
    assert_int_equal(at(&x, VMCB12, 0x080), 0);
    assert_int_equal(x.n.count[VS_CNT_svm_nested_events], 1);
    x.port.leave(x.port.ctx, &x.f->t);
    assert_true(vs_svm_enter(&x.f->s, &x.f->t));
    assert_true(vmrun(&x));
    reflect(&x); /* and the next one is the processor's again */
    assert_int_equal(at(&x, VMCB12, 0x070), VS_SVM_CPUID);
}

static void test_an_entry_copies_what_vmcb12_says_has_changed(void **state)
{
    struct nest x;
    begin(&x, state);
    reflect(&x);
    set(&x, VMCB12, 0x418, 0x4444); /* CS base; SEG is clean */
    set(&x, VMCB12, 0x578, 0x9999);
    assert_true(vmrun(&x));
    assert_int_equal(x.n.count[VS_CNT_svm_nested_clean], 3);
    assert_int_equal(at(&x, VMCB, 0x578), 0x9999);
    assert_int_equal(at(&x, VMCB, 0x418), 0);
    reflect(&x);
    set(&x, VMCB12, 0x418, 0x4444);
    set(&x, VMCB12, 0x0c0, at(&x, VMCB12, 0x0c0) & ~(UINT64_C(1) << VS_SVM_CLEAN_SEG));
    assert_true(vmrun(&x));
    assert_int_equal(at(&x, VMCB, 0x418), 0x4444);
}

static void test_addresses_and_offsets_of_vmcb02(void **state)
{
    struct nest x;
    begin(&x, state);
    assert_true(at(&x, VMCB, 0x0b0) == 0x50000); /* the shadow of L1's tables */
    assert_true(at(&x, VMCB, 0x550) == 0x1234000);
    reflect(&x);
    set(&x, VMCB12, 0x050, 1000);
    set(&x, VMCB01, 0x050, 24);
    set(&x, VMCB12, 0x0a8, 0x80000041u);
    assert_true(vmrun(&x));
    assert_int_equal(at(&x, VMCB, 0x050), 1024);
    assert_int_equal(at(&x, VMCB, 0x0a8), 0x80000041u); /* what L1 injects */
}

/* They share an ASID: each change between them drops it. */
static void test_each_change_between_l1_and_l2_flushes(void **state)
{
    struct nest x;
    begin(&x, state);
    for (uint64_t i = 1; i <= 3; i++) {
        reflect(&x);
        assert_int_equal(x.f->s.count[VS_CNT_svm_flushes], 2 * i - 1);
        assert_int_equal(x.f->asid, 5);
        assert_true(vmrun(&x));
        assert_int_equal(x.f->s.count[VS_CNT_svm_flushes], 2 * i);
    }
}

static void test_a_vmcb12_that_breaks_a_rule_is_refused_by_it(void **state)
{
    struct nest x;
    char why[160];
    begin(&x, state);
    reflect(&x);
    set(&x, VMCB12, 0x058, 0);
    assert_false(vmrun(&x));
    x.port.why(x.port.ctx, why, sizeof why);
    assert_non_null(strstr(why, "ASID is equal to zero"));
    assert_int_equal(x.f->s.vmcb.v, VMCB01);
    set(&x, VMCB12, 0x058, 5u | UINT64_C(3) << 32);
    assert_false(x.port.check(x.port.ctx, NULL));
    x.port.why(x.port.ctx, why, sizeof why);
    assert_non_null(strstr(why, "FLUSHBYASID"));
}

/* 15.33: what L1's processor virtualizes it executes; the rest leaves it. */
static void test_instructions_of_l1_leave_it_where_they_are_not_virtualized(void **state)
{
    struct fixture *f = *state;
    for (unsigned has = 0; has < 2; has++) {
        struct nest x;
        f->config.vgif = f->config.vls = has;
        assert_true(try_begin(&x, f));
        reflect(&x);
        struct vs_world_port w = vs_svm_world(&f->s);
        for (unsigned entry = 0; entry < 2; entry++) {
            struct vs_nested_step step;
            struct vs_exit exit;
            unsigned n = 0;
            for (; x.port.around(x.port.ctx, entry, n, &step); n++) {
                assert_true(w.leaves(w.ctx, &f->t, &step.trap, &exit) == !has);
            }
            assert_int_equal(n, entry ? 2 : 3);
        }
        struct vs_trap entry = x.port.entry_trap(x.port.ctx);
        struct vs_exit exit;
        assert_true(w.leaves(w.ctx, &f->t, &entry, &exit));
    }
}

static void test_vmload_and_vmsave_move_twelve_registers(void **state)
{
    struct nest x;
    begin(&x, state);
    reflect(&x);
    static const uint64_t moved[] = {0x440, 0x450, 0x470, 0x490, 0x600, 0x608,
                                     0x610, 0x618, 0x620, 0x628, 0x630, 0x638};
    struct vs_trap load = {.x86 = VS_X86_VMLOAD}, save = {.x86 = VS_X86_VMSAVE};
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        set(&x, VMCB12, moved[i], 0x100 + i);
        set(&x, VMCB01, moved[i], 0x200 + i);
    }
    x.port.carry_out(x.port.ctx, &x.f->t, &load);
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        assert_int_equal(at(&x, VMCB01, moved[i]), 0x100 + i);
        set(&x, VMCB01, moved[i], 0x300 + i);
    }
    x.port.carry_out(x.port.ctx, &x.f->t, &save);
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        assert_int_equal(at(&x, VMCB12, moved[i]), 0x300 + i);
    }
}

/* L1 writes VMCB12's EVENTINJ: its KVM intercepts IRET there (svm_inject_nmi), and so does VMCB02.
 */
static void test_iret_behind_an_nmi_of_l2s_is_l1s_exit(void **state)
{
    struct nest x;
    uint64_t value = VS_EVENT_VALID | VS_EVENT_NMI, blocked = 0;
    struct vs_trap iret = {.kind = VS_TRAP_INTERRUPT_RETURN, .length = 2};
    begin(&x, state);
    assert_false(wanted(&x, iret));
    reflect(&x);
    x.port.emulate(x.port.ctx, &x.f->t, VS_STATE_ENTRY_INTR, true, &value);
    x.port.emulate(x.port.ctx, &x.f->t, VS_STATE_INTERRUPTIBILITY, false, &blocked);
    assert_true(blocked & VS_BLOCKS_NMI);
    assert_false(x.f->s.nmi_masked); /* L0 has injected none into L1 */
    assert_true(vmrun(&x));
    assert_int_equal(at(&x, VMCB, 0x0a8), 0x80000200);
    assert_true(wanted(&x, iret));
    vs_svm_nmi_returns(&x.f->s);
    reflect(&x);
    x.port.emulate(x.port.ctx, &x.f->t, VS_STATE_INTERRUPTIBILITY, false, &blocked);
    assert_false(blocked & VS_BLOCKS_NMI);
}

/* #DB of the step past it, which L0 intercepts: db_interception, svm_check_nested_events. */
static void test_an_exception_that_both_intercept_is_l1s_by_an_event(void **state)
{
    struct nest x;
    struct vs_world_port w = vs_svm_world(&((struct fixture *)*state)->s);
    struct vs_exit exit;
    begin(&x, state);
    reflect(&x);
    set(&x, VMCB12, 0x570, at(&x, VMCB12, 0x570) | 1u << 8); /* RFLAGS.TF */
    assert_true(vmrun(&x));
    static const struct vs_trap step = {.kind = VS_TRAP_NMI_WINDOW};
    assert_true(w.leaves(w.ctx, &x.f->t, &step, &exit));
    assert_false(x.port.wants(x.port.ctx, &x.f->t, &step, &exit));
    assert_true(x.port.queues(x.port.ctx, &exit));
    vs_svm_exit(&x.f->s, &x.f->t, (uint32_t)exit.own[0], 0, 0, 0);
    x.port.becomes(x.port.ctx, VS_TRAP_NMI_WINDOW, 0);
    x.port.save(x.port.ctx, &x.f->t);
    assert_int_equal(at(&x, VMCB12, 0x070), 0x41);
    exit.own[0] = VS_SVM_EXCEPTION + 18u;
    assert_false(x.port.queues(x.port.ctx, &exit)); /* a machine check is L0's */
    exit.own[0] = VS_SVM_EXCEPTION + 3u;
    assert_false(x.port.queues(x.port.ctx, &exit)); /* L0 does not intercept #BP */
}

/* 15.21.10; nested_vnmi_enabled: pending and blocking are VMCB12's, there and back. */
static void test_virtual_nmis_of_l2_are_vmcb12s(void **state)
{
    struct fixture *f = *state;
    struct nest x;
    uint64_t one = 1;
    f->config.vnmi = 1;
    begin(&x, state);
    reflect(&x);
    x.port.emulate(x.port.ctx, &f->t, VS_STATE_VIRTUAL_NMI, true, &one);
    assert_true(at(&x, VMCB12, 0x060) & 1u << 11);
    assert_false(at(&x, VMCB01, 0x060) & 1u << 11);
    assert_true(vmrun(&x));
    assert_true(vs_svm_nmi_takes(&f->s));
    assert_false(vs_svm_nmi_takes(&f->s));
    reflect(&x);
    assert_int_equal(at(&x, VMCB12, 0x060) >> 11 & 3u, 2); /* blocking, none pending */
    set(&x, VMCB12, 0x060, at(&x, VMCB12, 0x060) & ~(UINT64_C(1) << 26));
    assert_true(vmrun(&x));
    assert_false(at(&x, VMCB, 0x060) & UINT64_C(1) << 26); /* L1 does without them */
}

/* svm_vcpu_reset of L1: events and windows of VMCB12 are gone, and every group is to be loaded. */
static void test_an_init_leaves_l2_without_events(void **state)
{
    struct nest x;
    struct vs_nested_step step;
    uint64_t nmi = VS_EVENT_VALID | VS_EVENT_NMI, window = VS_CONTROLS_WINDOW;
    struct vs_trap iret = {.kind = VS_TRAP_INTERRUPT_RETURN, .length = 2};
    begin(&x, state);
    reflect(&x);
    set(&x, VMCB12, 0x570, at(&x, VMCB12, 0x570) | 1u << 9);
    x.port.emulate(x.port.ctx, &x.f->t, VS_STATE_ENTRY_INTR, true, &nmi);
    x.port.emulate(x.port.ctx, &x.f->t, VS_STATE_CONTROLS, true, &window);
    assert_false(x.port.resets(x.port.ctx, &x.f->t, false, 0, &step));
    assert_int_equal(at(&x, VMCB12, 0x0c0), 0);
    assert_int_equal(x.f->s.vmcb.v, VMCB01);
    assert_true(vmrun(&x));
    assert_int_equal(at(&x, VMCB, 0x0a8) >> 31 & 1u, 0);
    assert_false(x.f->s.rflags & 1u << 9);
    assert_false(wanted(&x, iret));
    assert_false(x.f->s.int_ctl & 1u << 8); /* V_IRQ */
    reflect(&x);
    uint64_t clean = at(&x, VMCB12, 0x0c0);
    assert_false(x.port.resets(x.port.ctx, &x.f->t, true, 0, &step));
    assert_int_equal(at(&x, VMCB12, 0x0c0), clean & ~(1u << VS_SVM_CLEAN_SEG)); /* CS */
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_what_either_asks_for_is_intercepted),
        LAW(test_vmmcall_of_l2_is_no_exit_of_l0s),
        LAW(test_physical_events_and_the_hosts_exceptions_stay_with_l0),
        LAW(test_an_msr_that_l1_wants_exits_though_l0_lets_it_pass),
        LAW(test_an_exit_brings_vmcb12_up_to_date),
        LAW(test_an_interrupt_of_l1s_is_an_exit_of_no_processor),
        LAW(test_an_entry_copies_what_vmcb12_says_has_changed),
        LAW(test_addresses_and_offsets_of_vmcb02),
        LAW(test_each_change_between_l1_and_l2_flushes),
        LAW(test_a_vmcb12_that_breaks_a_rule_is_refused_by_it),
        LAW(test_instructions_of_l1_leave_it_where_they_are_not_virtualized),
        LAW(test_vmload_and_vmsave_move_twelve_registers),
        LAW(test_iret_behind_an_nmi_of_l2s_is_l1s_exit),
        LAW(test_an_exception_that_both_intercept_is_l1s_by_an_event),
        LAW(test_virtual_nmis_of_l2_are_vmcb12s),
        LAW(test_an_init_leaves_l2_without_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
