/* SPDX-License-Identifier: MIT */
/* AVIC: what it carries out, what it leaves by its two exits, what it reads and writes of memory.
 */
#include "test_svm.h"

#include "virtsim/x2apic.h"

#define TABLE 0x1a000u
#define BACKING(id) (0x1b000u + (id)*0x1000u)
#define PAGE(at) ((at) >> 12)
#define RUNNING (UINT64_C(1) << 62)

/* A guest with AVIC, number 0; vCPU 1 is its neighbour, there is no other. */
static struct fixture *avic(void **state, bool x2apic)
{
    struct fixture *f = *state;
    f->config.avic = 1;
    f->config.x2avic = x2apic;
    boot(f);
    struct vs_svm_avic pages = {.backing = {BACKING(0)},
                                .physical = {TABLE},
                                .logical = {0x19000},
                                .id = 0,
                                .last = 3,
                                .x2apic = x2apic};
    vs_svm_avic_setup(&f->s, &pages);
    vs_phys_write64(f->phys, (vs_hpa){TABLE + 8}, UINT64_C(1) << 63 | RUNNING | BACKING(1) | 1u);
    assert_true(vs_svm_enter(&f->s, NULL));
    return f;
}

/* The write of ICR: whether it leaves, and EXITINFO2. */
static bool sends(struct fixture *f, uint64_t icr, uint64_t *info2)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_trap t = {.kind = VS_TRAP_MSR_WRITE,
                        .number = VS_X2APIC_MSR(VS_APIC_ICR),
                        .value = icr,
                        .write = true,
                        .length = 2};
    struct vs_exit exit;
    bool left = w.leaves(w.ctx, &f->t, &t, &exit);
    if (left) {
        assert_string_equal(vs_op_name(exit.op), "exit.avic_incomplete_ipi");
        assert_true(w.leave(w.ctx, NULL, &exit));
        assert_int_equal(vmcb64(f, VS_VMCB_EXITCODE), VS_SVM_AVIC_INCOMPLETE_IPI);
        assert_int_equal(vmcb64(f, VS_VMCB_EXITINFO1), icr);
        *info2 = vmcb64(f, VS_VMCB_EXITINFO2);
        assert_true(w.enter(w.ctx, NULL));
    }
    return left;
}

static void test_an_ipi_to_a_running_vcpu_is_a_request_and_a_doorbell(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t info;
    assert_false(sends(f, 0x41 | UINT64_C(1) << 32, &info));
    assert_int_equal(f->s.count[VS_CNT_svm_doorbells], 1);
    assert_int_equal(f->reads[PAGE(TABLE)], 1);
    assert_int_equal(f->writes[PAGE(BACKING(1))], 1);
}

static void test_a_target_that_sleeps_has_its_request_and_the_sender_leaves(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t info = 0;
    vs_phys_write64(f->phys, (vs_hpa){TABLE + 8}, UINT64_C(1) << 63 | BACKING(1) | 1u);
    assert_true(sends(f, 0x41 | UINT64_C(1) << 32, &info));
    assert_int_equal(info, UINT64_C(1) << 32 | 1u);
    assert_int_equal(f->writes[PAGE(BACKING(1))], 1);
    assert_int_equal(f->s.count[VS_CNT_svm_doorbells], 0);
}

static void test_what_no_target_can_have_leaves_and_says_why(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t info = 0;
    assert_true(sends(f, 0x41 | 4u << 8, &info)); /* an NMI is none of AVIC's types */
    assert_int_equal(info >> 32, 0);
    assert_true(sends(f, 0x41 | UINT64_C(2) << 32, &info)); /* no valid entry */
    assert_int_equal(info >> 32, 2);
    assert_true(sends(f, 0x41 | UINT64_C(9) << 32, &info)); /* beyond the table */
    assert_int_equal(info >> 32, 2);
    assert_true(sends(f, 0x0f | UINT64_C(1) << 32, &info)); /* no APIC takes such a vector */
    assert_int_equal(info >> 32, 4);
}

static void test_a_broadcast_is_for_the_entries_there_are(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t info;
    assert_false(sends(f, 0x41 | 3u << 18, &info)); /* all but itself */
    assert_int_equal(f->s.count[VS_CNT_svm_doorbells], 1);
    assert_false(sends(f, 0x41 | 1u << 18, &info)); /* to itself rings no doorbell */
    assert_int_equal(f->s.count[VS_CNT_svm_doorbells], 1);
}

/* The exit of an access to a register; NULL: there is none. */
static const char *accessed(struct fixture *f, uint32_t reg, bool write)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_trap t = {.kind = write ? VS_TRAP_MSR_WRITE : VS_TRAP_MSR_READ,
                        .number = VS_X2APIC_MSR(reg),
                        .write = write,
                        .length = 2};
    struct vs_exit exit;
    return w.leaves(w.ctx, NULL, &t, &exit) ? vs_op_name(exit.op) : NULL;
}

static void test_each_register_is_carried_out_followed_or_refused(void **state)
{
    struct fixture *f = avic(state, true);
    static const struct {
        uint32_t reg;
        bool write;
        const char *exit;
    } all[] = {{VS_APIC_TPR, true, NULL},
               {VS_APIC_EOI, true, NULL},
               {VS_APIC_ICR, false, NULL},
               {VS_APIC_ISR, false, NULL},
               {VS_APIC_SVR, true, "exit.avic_noaccel.write"},
               {VS_APIC_LVT_ERROR, true, "exit.avic_noaccel.write"},
               {VS_APIC_INITIAL_COUNT, true, "exit.avic_noaccel.write"},
               {VS_APIC_DIVIDE, true, "exit.avic_noaccel.write"},
               {VS_APIC_CURRENT_COUNT, false, "exit.avic_noaccel.fault"},
               {VS_APIC_LVT_TIMER, true, "exit.msr.write"}, /* KVM's map does not pass these */
               {VS_APIC_SELF_IPI, true, "exit.msr.write"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *got = accessed(f, all[i].reg, all[i].write);
        assert_int_equal(got != NULL, all[i].exit != NULL);
        if (got) {
            assert_string_equal(got, all[i].exit);
        }
    }
}

static void test_without_avic_every_register_is_an_msr_that_exits(void **state)
{
    struct fixture *f = *state;
    assert_true(vs_svm_enter(&f->s, NULL));
    assert_string_equal(accessed(f, VS_APIC_EOI, true), "exit.msr.write");
    assert_string_equal(accessed(f, VS_APIC_ICR, true), "exit.msr.write");
}

/* In xAPIC mode the same registers are a page; MSRs are none of AVIC's. */
static void test_in_xapic_mode_the_page_is_virtualized(void **state)
{
    struct fixture *f = avic(state, false);
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_exit exit;
    struct vs_trap icr = {.kind = VS_TRAP_APIC_WRITE,
                          .number = VS_APIC_OFFSET(VS_APIC_ICR),
                          .value = 0x41 | UINT64_C(1) << 32};
    assert_false(w.leaves(w.ctx, NULL, &icr, &exit));
    vs_phys_write64(f->phys, (vs_hpa){TABLE + 8}, UINT64_C(1) << 63 | BACKING(1) | 1u);
    assert_true(w.leaves(w.ctx, NULL, &icr, &exit));
    assert_string_equal(accessed(f, VS_APIC_EOI, true), "exit.msr.write");
}

static void test_the_hypervisor_says_who_runs_in_the_table(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t writes = f->writes[PAGE(TABLE)];
    vs_svm_avic_running(&f->s, &f->t, false);
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){TABLE}), UINT64_C(1) << 63 | BACKING(0));
    vs_svm_avic_running(&f->s, &f->t, true);
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){TABLE}),
                     UINT64_C(1) << 63 | RUNNING | BACKING(0));
    assert_int_equal(f->writes[PAGE(TABLE)], writes + 2);
}

/* APM volume 2, 15.15.3: bit 11 of VMCB clean is AVIC's, bit 10 that of the last branches. */
static void test_avic_and_last_branches_have_their_bits_of_vmcb_clean(void **state)
{
    struct fixture *f = avic(state, true);
    uint64_t clean = f->s.count[VS_CNT_svm_clean];
    vs_svm_exit(&f->s, NULL, VS_SVM_HLT, 0, 0, 1);
    assert_true(vs_svm_enter(&f->s, &f->t));
    uint64_t with = f->s.count[VS_CNT_svm_clean] - clean;
    vs_svm_exit(&f->s, NULL, VS_SVM_HLT, 0, 0, 1);
    vs_svm_dirty(&f->s, VS_SVM_CLEAN_AVIC);
    assert_true(vs_svm_enter(&f->s, &f->t));
    assert_int_equal(f->s.count[VS_CNT_svm_clean] - clean - with, with - 1);
    assert_int_equal(VS_SVM_CLEAN_LBR, 10);
    assert_int_equal(VS_SVM_CLEAN_AVIC, 11);
}

/* Time of an exit and the entry behind it. */
static uint64_t round_trip(struct fixture *f)
{
    boot(f);
    assert_true(vs_svm_enter(&f->s, NULL));
    uint64_t from = vs_now(&f->t).v;
    vs_svm_exit(&f->s, &f->t, VS_SVM_HLT, 0, 0, 1);
    assert_true(vs_svm_enter(&f->s, &f->t));
    vs_txn_settle(&f->t);
    return vs_now(&f->t).v - from;
}

static void test_last_branches_move_five_registers_each_way(void **state)
{
    struct fixture *f = *state;
    uint64_t without = round_trip(f);
    f->config.lbr = 1;
    const struct vs_svm_config *c = &f->config;
    /* saved and loaded of the guest, saved and loaded of the host; clean in the VMCB: not loaded */
    assert_int_equal(round_trip(f) - without, 5 * (2 * c->field_save + c->field_load) * PS);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_an_ipi_to_a_running_vcpu_is_a_request_and_a_doorbell),
        LAW(test_a_target_that_sleeps_has_its_request_and_the_sender_leaves),
        LAW(test_what_no_target_can_have_leaves_and_says_why),
        LAW(test_a_broadcast_is_for_the_entries_there_are),
        LAW(test_each_register_is_carried_out_followed_or_refused),
        LAW(test_without_avic_every_register_is_an_msr_that_exits),
        LAW(test_in_xapic_mode_the_page_is_virtualized),
        LAW(test_the_hypervisor_says_who_runs_in_the_table),
        LAW(test_avic_and_last_branches_have_their_bits_of_vmcb_clean),
        LAW(test_last_branches_move_five_registers_each_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
