/* SPDX-License-Identifier: MIT */
/* VMRUN: what it refuses (AMD APM volume 2, 15.5.1, 15.20), and what it takes from the processor's
 * copy of the VMCB (15.15). */
#include "test_svm.h"

static void put(struct fixture *f, uint64_t offset, uint64_t value)
{
    vs_phys_write64(f->phys, (vs_hpa){VMCB + offset}, value);
}

/* A VMCB that nobody has written yet. */
static void fresh(struct fixture *f)
{
    for (uint64_t at = 0; at < 0x1000; at += 8) {
        put(f, at, 0);
    }
    boot(f);
}

/* APM volume 3, VMRUN: rAX that is not at 4 KiB, or beyond physical memory, is #GP; no VMCB says
 * anything of it. */
static void test_vmrun_of_an_address_that_is_no_page_is_a_protection_fault(void **state)
{
    struct fixture *f = *state;
    for (unsigned bit = 0; bit <= 12; bit++) {
        fresh(f);
        struct vs_world_port w = vs_svm_world(&f->s);
        const uint64_t code = vmcb64(f, 0x070);
        f->s.vmcb.v = bit < 12 ? VMCB + (UINT64_C(1) << bit) : UINT64_C(1) << 48;
        char why[200];
        assert_false(w.enter(w.ctx, NULL));
        w.why(w.ctx, why, sizeof why);
        assert_non_null(strstr(why, "#GP"));
        assert_false(f->s.in_guest);
        assert_int_equal(f->s.count[VS_CNT_svm_invalid], 0);
        f->s.vmcb.v = VMCB;
        assert_true(vmcb64(f, 0x070) == code);
        assert_true(w.enter(w.ctx, NULL));
    }
}

/* One VMRUN and the #VMEXIT after it, under the host's actor: cycles of the VMRUN. */
static uint64_t vmrun(struct fixture *f)
{
    vs_txn_actor(&f->t, f->host);
    uint64_t start = vs_now(&f->t).v;
    assert_true(vs_svm_enter(&f->s, &f->t));
    uint64_t took = (vs_now(&f->t).v - start) / PS;
    vs_txn_actor(&f->t, f->host);
    vs_svm_exit(&f->s, &f->t, VS_SVM_CPUID, 0, 0, 2);
    return took;
}

static void test_vmrun_of_an_illegal_state_is_vmexit_invalid(void **state)
{
    struct fixture *f = *state;
    const uint64_t cr0 = 0x80050033, cr4 = 0x6f0, efer = 0x1d01, event = 1u << 31;
    const struct {
        uint64_t offset, value;
        const char *rule; /* NULL: legal */
    } law[] = {
        {0x4d0, efer & ~(1ull << 12), "EFER.SVME is zero"},
        {0x558, cr0 | 1u << 29, "CR0.CD is zero and CR0.NW is set"},
        {0x558, cr0 | 1ull << 32, "CR0[63:32] are not zero"},
        {0x550, 1ull << 52, "an MBZ bit of CR3 is set"},
        {0x548, cr4 | 1u << 15, "an MBZ bit of CR4 is set"},
        {0x568, 1ull << 32, "DR6[63:32] are not zero"},
        {0x560, 1ull << 63, "DR7[63:32] are not zero"},
        {0x4d0, efer | 1u << 9, "an MBZ bit of EFER is set"},
        {0x548, cr4 & ~0x20ull, "EFER.LME and CR0.PG are set and CR4.PAE is zero"},
        {0x558, cr0 & ~1ull, "EFER.LME and CR0.PG are set and CR0.PE is zero"},
        {0x410, 0x10 | 0xe9bull << 16, "EFER.LME, CR0.PG, CR4.PAE, CS.L and CS.D are all set"},
        {0x010, 0x6e7e, "the VMRUN intercept bit is clear"},
        {0x048, (1ull << 48) - 0x1000,
         "the MSR permission map extends beyond the largest physical address"},
        {0x040, (1ull << 48) - 0x2000,
         "the I/O permission map extends beyond the largest physical address"},
        {0x0a8, event | 1u << 8 | 0x40, "illegal event injection"}, /* a reserved type */
        {0x0a8, event | 7u << 8 | 0x40, "illegal event injection"},
        {0x0a8, event | 3u << 8 | 2, "illegal event injection"}, /* the NMI's vector */
        {0x0a8, event | 3u << 8 | 32, "illegal event injection"},
        {0x058, 0, "ASID is equal to zero"},
        {0x548, cr4 | 1u << 23, NULL}, /* CR0.WP is set */
        /* legal */
        {0x558, cr0 | 3u << 29, NULL},                  /* CD and NW */
        {0x558, cr0 | 1u << 30, NULL},                  /* CD alone */
        {0x410, 0x10 | 0xc9bull << 16, NULL},           /* CS.D without CS.L */
        {0x048, (1ull << 48) - 0x2000, NULL},           /* the last two pages */
        {0x0a8, 3u << 8 | 32, NULL},                    /* not valid */
        {0x0a8, event | 0x40, NULL},                    /* INTR */
        {0x0a8, event | 2u << 8, NULL},                 /* NMI */
        {0x0a8, event | 3u << 8 | 1u << 11 | 14, NULL}, /* #PF */
        {0x0a8, event | 4u << 8 | 0x80, NULL},          /* INT n */
        {0x550, 0x12345000, NULL},
    };
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        fresh(f);
        put(f, law[i].offset, law[i].value);
        struct vs_world_port w = vs_svm_world(&f->s);
        assert_int_equal(w.enter(w.ctx, NULL), !law[i].rule);
        assert_int_equal(f->s.in_guest, !law[i].rule);
        assert_int_equal(f->s.count[VS_CNT_svm_invalid], law[i].rule != NULL);
        if (law[i].rule) {
            char why[160];
            w.why(w.ctx, why, sizeof why);
            assert_non_null(strstr(why, "VMEXIT_INVALID"));
            assert_non_null(strstr(why, law[i].rule));
            assert_true(vmcb64(f, 0x070) == UINT64_MAX);
        }
    }
    /* paged real mode: PG without PE is legal where long mode is not enabled (15.19) */
    fresh(f);
    put(f, 0x4d0, 1u << 12);
    put(f, 0x558, cr0 & ~1ull);
    assert_true(vs_svm_enter(&f->s, NULL));
}

/* 15.15.1: a set bit lets VMRUN skip the load, a clear one is always honoured. */
static void test_clean_bits_change_what_vmrun_costs_and_not_what_the_guest_is(void **state)
{
    struct fixture *f = *state;
    (void)vmrun(f); /* the first one loads all */
    uint64_t clean = vmrun(f);
    for (unsigned g = 0; g < VS_SVM_GROUPS; g++) {
        bool always = VS_SVM_ALWAYS_DIRTY >> g & 1u;
        bool off = g == VS_SVM_CLEAN_LBR || g == VS_SVM_CLEAN_AVIC; /* test_svm_avic.c */
        vs_svm_dirty(&f->s, (enum vs_svm_group)g);
        uint64_t took = vmrun(f);
        assert_true(always || off ? took == clean : took > clean);
        assert_true(vmrun(f) == clean); /* once */
    }
    put(f, 0x0c0, 0);
    uint64_t all = vmrun(f), c = f->s.config.field_load;
    assert_int_equal(all - clean, (8 + 2 + 1 + 3 + 2 + 4 + 17) * c + 4 * f->s.config.field_load_cr);
    /* a processor without the feature reads no clean bits */
    f->config.vmcb_clean = 0;
    boot(f);
    (void)vmrun(f);
    assert_int_equal(vmrun(f), all);
    assert_int_equal(f->s.count[VS_CNT_svm_clean], 0);
}

/* 15.15.2: the hypervisor clears the bit of what it changes; else the copy may be used, and is. */
static void test_what_is_clean_comes_from_the_processors_copy(void **state)
{
    struct fixture *f = *state;
    (void)vmrun(f);
    assert_true(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    put(f, 0x008, vmcb64(f, 0x008) & ~(1ull << (32 + 18)));
    put(f, 0x050, 1000); /* TSC offset: the same group */
    struct vs_world_port w = vs_svm_world(&f->s);
    (void)vmrun(f);
    assert_true(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    assert_int_equal(w.clock(w.ctx, 5), 5);
    vs_svm_dirty(&f->s, VS_SVM_CLEAN_INTERCEPTS);
    (void)vmrun(f);
    assert_false(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    assert_int_equal(w.clock(w.ctx, 5), 1005);
    /* RFLAGS has no bit: it is loaded always */
    put(f, 0x570, 2);
    assert_true(vs_svm_enter(&f->s, NULL));
    assert_int_equal(f->s.rflags, 2);
    /* another VMCB is not the one that the copy is of */
    for (uint64_t at = 0; at < 0x1000; at += 8) {
        vs_phys_write64(f->phys, (vs_hpa){0x1a000 + at}, vmcb64(f, at));
    }
    f->s.vmcb.v = 0x1a000;
    vs_phys_write64(f->phys, (vs_hpa){0x1a0c0}, VS_SVM_ALL_CLEAN);
    vs_phys_write64(f->phys, (vs_hpa){0x1a050}, 7);
    assert_true(vs_svm_enter(&f->s, NULL));
    assert_int_equal(w.clock(w.ctx, 5), 12);
}

/* Linux arch/x86/kvm/svm/svm.h: VMCB_ALWAYS_DIRTY_MASK, vmcb_mark_dirty. */
static void test_kvm_marks_what_it_changes(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    static const struct {
        enum vs_state what;
        unsigned group;
    } law[] = {{VS_STATE_CONTROLS, VS_SVM_CLEAN_INTERCEPTS},
               {VS_STATE_SPIN, VS_SVM_CLEAN_INTERCEPTS},
               {VS_STATE_CR3, VS_SVM_CLEAN_CR},
               {VS_STATE_CODE_SEGMENT, VS_SVM_CLEAN_SEG}};
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        (void)vmrun(f);
        assert_int_equal(vmcb64(f, 0x0c0), VS_SVM_ALL_CLEAN & ~VS_SVM_ALWAYS_DIRTY);
        assert_true(p.write(p.ctx, NULL, law[i].what, 0));
        assert_int_equal(vmcb64(f, 0x0c0) >> law[i].group & 1u, 0);
        boot(f);
    }
    (void)vmrun(f); /* what no bit stands for */
    assert_true(p.write(p.ctx, NULL, VS_STATE_PC, 0x1000));
    assert_true(p.write(p.ctx, NULL, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | 0x40));
    assert_int_equal(vmcb64(f, 0x0c0), VS_SVM_ALL_CLEAN & ~VS_SVM_ALWAYS_DIRTY);
}

/* 15.17, table 15-10: virtual interrupts are held pending while GIF is clear. */
static void test_a_virtual_interrupt_waits_for_gif(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    f->config.vgif = 0; /* with it they wait for the guest's: test_svm_gif.c */
    boot(f);
    assert_true(f->s.gif);
    (void)vmrun(f);
    assert_true(f->s.gif); /* STGI behind the exit */
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_WINDOW));
    assert_true(vs_svm_enter(&f->s, NULL));
    assert_true(vs_svm_window(&f->s));
    f->s.gif = false;
    assert_false(vs_svm_window(&f->s));
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_vmrun_of_an_address_that_is_no_page_is_a_protection_fault),
        LAW(test_vmrun_of_an_illegal_state_is_vmexit_invalid),
        LAW(test_clean_bits_change_what_vmrun_costs_and_not_what_the_guest_is),
        LAW(test_what_is_clean_comes_from_the_processors_copy),
        LAW(test_kvm_marks_what_it_changes),
        LAW(test_a_virtual_interrupt_waits_for_gif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
