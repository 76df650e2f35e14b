/* SPDX-License-Identifier: MIT */
/* What transitions move: state that a capability brings, MSR lists, the context behind the TLBs,
 * and the account that each class of fields is booked to. */
#include "vmcs/test_vmcs.h"

static const struct vs_vmx_event cpuid = {.kind = VS_EV_CPUID, .length = 2};

static void leave(struct fixture *f)
{
    struct vs_vmx_exit_info info;
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
}

/* SDM 3C 27.3.1: what an entry may load or an exit clear is saved by every exit of a processor that
 * can, whatever the controls say: else the next entry would load what was before. */
static void test_state_that_entries_can_load_is_saved_by_every_exit(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned entry, exit; /* control bits that bring it */
        unsigned field;
    } rows[] = {{16, 23, VS_VMCS_AT_GUEST_BNDCFGS},   {18, 25, VS_VMCS_AT_GUEST_RTIT_CTL},
                {20, 64, VS_VMCS_AT_GUEST_S_CET},     {20, 64, VS_VMCS_AT_GUEST_SSP},
                {20, 64, VS_VMCS_AT_GUEST_SSP_TABLE}, {22, 64, VS_VMCS_AT_GUEST_PKRS}};
    const uint64_t cap_entry = f->config.cap_entry, cap_exit = f->config.cap_exit;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned by_exit = 0; by_exit < 2; by_exit++) {
            unsigned bit = by_exit ? rows[i].exit : rows[i].entry;
            if (bit == 64) {
                continue; /* no exit control clears it */
            }
            for (unsigned has = 0; has < 2; has++) {
                f->config.cap_entry = cap_entry;
                f->config.cap_exit = cap_exit;
                *(by_exit ? &f->config.cap_exit : &f->config.cap_entry) |= (uint64_t)has
                                                                           << (32 + bit);
                boot(f);
                vs_vmx_put(&f->x, rows[i].field, 0x1000);
                assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
                f->x.live[rows[i].field] = 0x2000;
                leave(f);
                assert_int_equal(vs_vmx_get(&f->x, rows[i].field), has ? 0x2000 : 0x1000);
            }
        }
    }
}

static void test_an_entry_loads_what_its_controls_name(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned bit, field;
    } rows[] = {{2, VS_VMCS_AT_GUEST_DEBUGCTL}, {13, VS_VMCS_AT_GUEST_PERF_GLOBAL_CTRL},
                {14, VS_VMCS_AT_GUEST_PAT},     {15, VS_VMCS_AT_GUEST_EFER},
                {16, VS_VMCS_AT_GUEST_BNDCFGS}, {18, VS_VMCS_AT_GUEST_RTIT_CTL},
                {20, VS_VMCS_AT_GUEST_S_CET},   {22, VS_VMCS_AT_GUEST_PKRS}};
    f->config.cap_entry |= UINT64_C(0x00ffffff) << 32;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned on = 0; on < 2; on++) {
            boot(f);
            uint64_t word = read_field(f, VS_VMCS_ENTRY_CONTROLS), bit = UINT64_C(1) << rows[i].bit;
            write_field(f, VS_VMCS_ENTRY_CONTROLS, on ? word | bit : word & ~bit);
            f->x.live[rows[i].field] = 0x7777;
            assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
            assert_int_equal(f->x.live[rows[i].field] != 0x7777, on);
        }
    }
}

static void test_pml_and_timer_are_saved_with_their_controls(void **state)
{
    struct fixture *f = *state;
    f->config.cap_proc2 |= VS_PROC2_PML << 32;
    for (unsigned on = 0; on < 2; on++) {
        f->config.control_pml = on;
        f->config.control_preemption_timer = 1;
        f->config.control_save_preemption_timer = on;
        boot(f);
        write_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER, 500);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        f->x.live[VS_VMCS_AT_GUEST_PML_INDEX] = 77;
        f->x.live[VS_VMCS_AT_GUEST_PREEMPTION_TIMER] = 300;
        leave(f);
        assert_int_equal(vs_vmx_get(&f->x, VS_VMCS_AT_GUEST_PML_INDEX), on ? 77 : 511);
        assert_int_equal(read_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER), on ? 300 : 500);
    }
}

/* ---- lists -------------------------------------------------------------------------------------
 */

enum list { STORE, LOAD, ENTRY };

/* What becomes of a transition whose list holds this one entry. */
static enum vs_vmx_result with_list(struct fixture *f, enum list list, uint64_t head)
{
    static const uint64_t at[] = {STORE_AT, LOAD_AT, ENTRY_AT};
    static const uint32_t count[] = {VS_VMCS_EXIT_MSR_STORE_COUNT, VS_VMCS_EXIT_MSR_LOAD_COUNT,
                                     VS_VMCS_ENTRY_MSR_LOAD_COUNT};
    struct vs_vmx_exit_info info;
    boot(f);
    vs_phys_write64(f->phys, (vs_hpa){at[list]}, head);
    write_field(f, count[list], 1);
    enum vs_vmx_result r = vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH);
    if (r != VS_VMX_OK || list == ENTRY) {
        return r;
    }
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    return vs_vmx_exit(&f->x, NULL, &info);
}

/* SDM 3C 26.4, 27.4, 27.6; KVM's nested_vmx_load_msr_check and nested_vmx_store_msr_check refuse
 * the same. FS and GS base may be stored, but come from the host area alone. */
static void test_lists_refuse_what_the_manual_refuses_in_their_direction(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t head;
        bool store, load; /* allowed */
    } rows[] = {{0xc0000082, true, true},  {0x7ff, true, true},
                {0x900, true, true},       {0xc0000100, true, false},
                {0xc0000101, true, false}, {0x9b, true, false},
                {0x9e, false, false},      {0x800, false, false},
                {0x8ff, false, false},     {UINT64_C(1) << 32 | 0xc0000082, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(with_list(f, STORE, rows[i].head),
                         rows[i].store ? VS_VMX_OK : VS_VMX_ABORT);
        assert_int_equal(with_list(f, LOAD, rows[i].head), rows[i].load ? VS_VMX_OK : VS_VMX_ABORT);
        assert_int_equal(with_list(f, ENTRY, rows[i].head),
                         rows[i].load ? VS_VMX_OK : VS_VMX_ENTRY_FAILED);
    }
}

static void test_a_failed_entry_whose_way_back_fails_is_an_abort(void **state)
{
    struct fixture *f = *state;
    vs_phys_write64(f->phys, (vs_hpa){ENTRY_AT}, 0xc0000100);
    vs_phys_write64(f->phys, (vs_hpa){LOAD_AT}, 0xc0000100);
    write_field(f, VS_VMCS_ENTRY_MSR_LOAD_COUNT, 1);
    write_field(f, VS_VMCS_EXIT_MSR_LOAD_COUNT, 1);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_ABORT);
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){VMCS_AT}) >> 32, VS_ABORT_LOAD_MSR);
}

/* ---- flushes ---- */

static void test_a_flush_of_a_transition_is_counted(void **state)
{
    struct fixture *f = *state;
    f->config.control_vpid = 0;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    leave(f);
    assert_int_equal(f->x.count[VS_CNT_vmcs_flushes], 2);
}

/* An error code of the event whose delivery was interrupted is there when its bit says so. */
static void test_a_vectoring_code_is_recorded_when_the_event_has_one(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    for (unsigned has = 0; has < 2; has++) {
        struct vs_vmx_event e = {.kind = VS_EV_EPT_VIOLATION,
                                 .vectoring = has ? 0x80000b0e : 0x80000306,
                                 .vectoring_error = 4};
        boot(f);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        assert_true(vs_vmx_intercept(&f->x, NULL, &e, &info));
        assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
        assert_int_equal(read_field(f, VS_VMCS_IDT_VECTORING_ERROR), has ? 4 : 0);
    }
}

/* README: host, guest saved and guest loaded as it counts them, with all controls off. */
static void test_each_class_of_fields_is_booked_to_its_account(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    all_controls(f, false);
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    vs_txn_actor(&f->t, f->host);
    vs_open(&f->t, vs_vmx_exit_op(VS_EXIT_CPUID));
    assert_true(vs_vmx_intercept(&f->x, &f->t, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    (void)vs_close(&f->t);
    const struct vs_part *w =
        vs_ledger_acc(f->ledger, f->host, vs_vmx_exit_op(VS_EXIT_CPUID))->work + f->x.base;
    static const struct {
        unsigned account;
        uint64_t n;
    } rows[] = {{VS_ACC_vmcs_exit_save_segments, 32},
                {VS_ACC_vmcs_exit_save_descriptors, 4},
                {VS_ACC_vmcs_exit_save_control_registers, 3},
                {VS_ACC_vmcs_exit_save_flow, 6},
                {VS_ACC_vmcs_exit_save_msrs, 3},
                {VS_ACC_vmcs_exit_load_segments, 10},
                {VS_ACC_vmcs_exit_load_descriptors, 2},
                {VS_ACC_vmcs_exit_load_control_registers, 3},
                {VS_ACC_vmcs_exit_load_flow, 2},
                {VS_ACC_vmcs_exit_load_msrs, 3},
                {VS_ACC_vmcs_entry_load_segments, 32},
                {VS_ACC_vmcs_entry_load_descriptors, 4},
                {VS_ACC_vmcs_entry_load_control_registers, 3},
                {VS_ACC_vmcs_entry_load_flow, 6},
                {VS_ACC_vmcs_entry_load_msrs, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(w[rows[i].account].n, rows[i].n);
    }
}

/* What handlers read and write is the architecture's own field in neutral words. */
static void test_the_state_port_speaks_of_fields_in_neutral_words(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_vmx_state_port(&f->x);
    uint64_t v = 0;
    VS_PUT(&f->x, PROC_CONTROLS, VS_PROC_HLT);
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_WINDOW));
    assert_int_equal(VS_GET(&f->x, PROC_CONTROLS), VS_PROC_HLT | VS_PROC_INTERRUPT_WINDOW);
    assert_true(p.read(p.ctx, NULL, VS_STATE_CONTROLS, &v) && v == VS_CONTROLS_WINDOW);
    VS_PUT(&f->x, GUEST_INTERRUPT_STATUS, 0x5030);
    assert_true(p.write(p.ctx, NULL, VS_STATE_VIRTUAL_INTR, 0x41));
    assert_int_equal(VS_GET(&f->x, GUEST_INTERRUPT_STATUS), 0x5041); /* SVI stays */
    assert_true(p.read(p.ctx, NULL, VS_STATE_VIRTUAL_INTR, &v) && v == 0x41);
    uint64_t fault = VS_EVENT_VALID | VS_EVENT_EXCEPTION | VS_EVENT_ERROR | 14u;
    assert_true(p.write(p.ctx, NULL, VS_STATE_ENTRY_INTR, fault));
    assert_int_equal(VS_GET(&f->x, ENTRY_INTERRUPTION_INFO), 0x80000b0e);
    assert_true(p.read(p.ctx, NULL, VS_STATE_ENTRY_INTR, &v) && v == fault);
    VS_PUT(&f->x, GUEST_INTERRUPTIBILITY, 9); /* by STI; by NMI */
    assert_true(p.read(p.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &v) && v == (1 | VS_BLOCKS_NMI));
    /* an NMI to be injected (table 25-17), and its window beside that of interrupts */
    assert_true(p.write(p.ctx, NULL, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | VS_EVENT_NMI | 2));
    assert_int_equal(VS_GET(&f->x, ENTRY_INTERRUPTION_INFO), 0x80000202);
    assert_true(
        p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_WINDOW | VS_CONTROLS_NMI_WINDOW));
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_NMI_WINDOW));
    assert_false(VS_GET(&f->x, PROC_CONTROLS) & VS_PROC_INTERRUPT_WINDOW);
    assert_true(VS_GET(&f->x, PROC_CONTROLS) & VS_PROC_NMI_WINDOW);
    assert_true(p.read(p.ctx, NULL, VS_STATE_CONTROLS, &v) && v == VS_CONTROLS_NMI_WINDOW);
}

/* Fields that are read together are what they are one by one, and as dear; on a tape, which lists
 * charges, each has its own. */
static void test_fields_read_together_are_read_as_one_by_one(void **state)
{
    struct fixture *f = *state;
    static const uint8_t what[] = {VS_STATE_REASON, VS_STATE_PC, VS_STATE_INTERRUPTIBILITY,
                                   VS_STATE_CONTROLS, VS_STATE_ENTRY_INTR};
    struct vs_state_port p = vs_vmx_state_port(&f->x);
    const uint64_t *count = &f->x.count[VS_CNT_vmcs_vmreads];
    VS_PUT(&f->x, EXIT_REASON, 10);
    VS_PUT(&f->x, GUEST_RIP, 0x401000);
    VS_PUT(&f->x, GUEST_INTERRUPTIBILITY, 9);
    VS_PUT(&f->x, PROC_CONTROLS, VS_PROC_INTERRUPT_WINDOW);
    VS_PUT(&f->x, ENTRY_INTERRUPTION_INFO, 0x80000b0e);
    for (int taped = 0; taped < 2; taped++) {
        struct vs_tape tape = {NULL, 0, 0};
        uint64_t one[VS_STATE_N] = {0}, all[VS_STATE_N] = {0};
        f->t.tape = taped ? &tape : NULL;
        uint64_t before = f->t.now_ps, reads = *count;
        for (size_t i = 0; i < sizeof what; i++) {
            assert_true(p.read(p.ctx, &f->t, (enum vs_state)what[i], &one[what[i]]));
        }
        uint64_t took = f->t.now_ps - before, made = *count - reads;
        assert_true(took && made == sizeof what);
        before = f->t.now_ps;
        reads = *count;
        p.read_all(p.ctx, &f->t, what, sizeof what, all);
        assert_memory_equal(one, all, sizeof one);
        assert_int_equal(f->t.now_ps - before, took);
        assert_int_equal(*count - reads, made);
        assert_int_equal(tape.n, taped ? 2 * sizeof what : 0);
        f->t.tape = NULL;
        vs_tape_free(&tape);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_state_port_speaks_of_fields_in_neutral_words,
                                        setup, teardown),
        T(test_fields_read_together_are_read_as_one_by_one),
        T(test_state_that_entries_can_load_is_saved_by_every_exit),
        T(test_an_entry_loads_what_its_controls_name),
        T(test_pml_and_timer_are_saved_with_their_controls),
        T(test_lists_refuse_what_the_manual_refuses_in_their_direction),
        T(test_a_failed_entry_whose_way_back_fails_is_an_abort),
        T(test_a_flush_of_a_transition_is_counted),
        T(test_a_vectoring_code_is_recorded_when_the_event_has_one),
        T(test_each_class_of_fields_is_booked_to_its_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
