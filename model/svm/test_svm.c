/* SPDX-License-Identifier: MIT */
/* Laws of the VMCB, its vectors and the world switch. */
#include "test_svm.h"

static void test_a_clear_bit_of_the_vectors_keeps_the_guest_running(void **state)
{
    struct fixture *f = *state;
    uint64_t *const knob[] = {&f->config.intercept_cpuid, &f->config.intercept_hlt,
                              &f->config.intercept_io, &f->config.intercept_msr,
                              &f->config.intercept_vmmcall};
    static const uint32_t code[] = {0x72, 0x78, 0x7b, 0x7c, 0x81};
    for (size_t i = 0; i < 5; i++) {
        assert_true(vs_svm_intercepts(&f->s, code[i]));
        assert_true(vmcb64(f, 0x00c) >> (code[i] - 0x60u) & 1u);
        *knob[i] = 0;
        boot(f);
        assert_false(vs_svm_intercepts(&f->s, code[i]));
        *knob[i] = 1;
        boot(f);
    }
    /* what VMRUN has loaded of the vectors in memory decides, not the knobs */
    uint64_t none = 1u; /* of vector 4 VMRUN, which must be set */
    none <<= 32;
    vs_phys_write(f->phys, (vs_hpa){VMCB + 0x00c}, &none, sizeof none);
    assert_true(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    assert_true(vs_svm_enter(&f->s, NULL));
    assert_false(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    assert_true(vs_svm_intercepts(&f->s, VS_SVM_NPF)); /* no vector has a bit for it */
}

static bool bit(struct fixture *f, unsigned code)
{
    return vmcb64(f, code / 64u * 8u) >> code % 64u & 1u;
}

/* Linux arch/x86/kvm/svm/svm.c, init_vmcb: nested paging spares the guest these exits. */
static void test_without_nested_paging_the_vmcb_asks_for_what_shadow_tables_need(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t code;
        unsigned bit; /* of the VMCB's first bytes, APM volume 2, table B-1 */
    } shadow[] = {{VS_SVM_READ_CR0, 0},
                  {VS_SVM_WRITE_CR0, 16},
                  {VS_SVM_READ_CR0 + 3, 3},
                  {VS_SVM_WRITE_CR0 + 3, 16 + 3},
                  {VS_SVM_EXCEPTION + 14, 8 * 8 + 14},
                  {VS_SVM_INVLPG, 12 * 8 + 25}};
    for (int nested = 0; nested < 2; nested++) {
        vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                     nested ? 0x50000 : 0);
        assert_int_equal(vmcb64(f, 0x090), nested);
        assert_int_equal(vmcb64(f, 0x0b0), nested ? 0x50000 : 0);
        for (size_t i = 0; i < sizeof shadow / sizeof shadow[0]; i++) {
            assert_int_equal(bit(f, shadow[i].bit), !nested);
            assert_int_equal(vs_svm_intercepts(&f->s, shadow[i].code), !nested);
        }
        assert_true(bit(f, 8 * 8 + 6)); /* #UD either way */
        assert_true(vs_svm_intercepts(&f->s, VS_SVM_WRITE_CR0 + 4));
        assert_false(vs_svm_intercepts(&f->s, VS_SVM_EXCEPTION + 13));
    }
}

/* What a user asks for by name sets the bit of the VMCB, and no other. */
static void test_with_nested_paging_these_exits_can_be_asked_for(void **state)
{
    struct fixture *f = *state;
    const struct {
        uint64_t *asked;
        uint32_t code;
        unsigned bit;
    } law[] = {{&f->s.config.intercept_rdtsc, VS_SVM_RDTSC, 12 * 8 + 14},
               {&f->s.config.intercept_cr3_write, VS_SVM_WRITE_CR0 + 3, 16 + 3},
               {&f->s.config.intercept_invlpg, VS_SVM_INVLPG, 12 * 8 + 25}};
    for (size_t i = 0; i < 3; i++) {
        *law[i].asked = 1;
        vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                     0x50000);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(bit(f, law[k].bit), k == i);
            assert_int_equal(vs_svm_intercepts(&f->s, law[k].code), k == i);
        }
        *law[i].asked = 0;
    }
}

static void test_the_permission_maps_are_read_where_the_manual_puts_them(void **state)
{
    struct fixture *f = *state;
    /* MSRs: two bits each, ranges from 0, 0xc0000000 and 0xc0010000 in 2 KiB each; ports: a bit */
    static const struct {
        uint32_t code, number;
        uint64_t at;
    } want[] = {{VS_SVM_MSR, 0x1b, MSRPM},
                {VS_SVM_MSR, 0x1fff, MSRPM + 0x7f8},
                {VS_SVM_MSR, 0xc0000080, MSRPM + 0x820},
                {VS_SVM_MSR, 0xc0010117, MSRPM + 0x1040},
                {VS_SVM_IOIO, 0x40, IOPM + 8},
                {VS_SVM_IOIO, 0xffff, IOPM + 0x1ff8}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(want[i].code == VS_SVM_MSR
                        ? vs_svm_intercepts_msr(&f->s, &f->t, want[i].number, false)
                        : vs_svm_intercepts_io(&f->s, &f->t, want[i].number, 1));
        assert_int_equal(f->last_at, want[i].at);
    }
    f->last_at = 0;
    assert_true(vs_svm_intercepts(&f->s, VS_SVM_CPUID));
    assert_int_equal(f->last_at, 0); /* CPUID has no map */
}

static void test_an_exit_records_its_code_and_touches_its_lines(void **state)
{
    struct fixture *f = *state;
    vs_svm_exit(&f->s, &f->t, VS_SVM_NPF, 0x100000007, 0xabc000, 2);
    assert_int_equal(vmcb64(f, 0x070), 0x400);
    assert_true(vmcb64(f, 0x078) == 0x100000007);
    assert_int_equal(vmcb64(f, 0x080), 0xabc000);
    /* state 0x400-0x67f: ten lines; control from 0x40 on: three */
    assert_int_equal(f->writes[VMCB >> 12], 13);
    assert_int_equal(f->reads[VMCB >> 12], 0);
    assert_int_equal(f->reads[HOST >> 12], 16);
    vs_svm_enter(&f->s, &f->t);
    /* all is clean but V_TPR and CR2: of control three lines, of state those of RIP, RSP, CR2 */
    assert_int_equal(f->reads[VMCB >> 12], 6);
    assert_int_equal(f->writes[HOST >> 12], 16);
    assert_int_equal(f->s.count[VS_CNT_svm_exits], 1);
    assert_int_equal(f->s.count[VS_CNT_svm_entries], 1);
}

static void test_every_knob_of_time_is_paid_as_often_as_its_part_happens(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t at;
        uint64_t times;
    } knob[] = {{offsetof(struct vs_svm_config, unexplained), 1},
                {offsetof(struct vs_svm_config, entry_fetch), 1},
                {offsetof(struct vs_svm_config, vmload), 3},
                {offsetof(struct vs_svm_config, gif), 2},
                {offsetof(struct vs_svm_config, field_save), 32 + 6 + 12},
                {offsetof(struct vs_svm_config, field_load), 8 + (1 + 9) + (1 + 4)},
                {offsetof(struct vs_svm_config, field_load_cr), 4}};
    uint64_t before = 0;
    for (size_t i = 0; i <= sizeof knob / sizeof knob[0]; i++) {
        if (i) {
            *(uint64_t *)(void *)((char *)&f->s.config + knob[i - 1].at) += 1;
        }
        uint64_t start = vs_now(&f->t).v;
        vs_txn_actor(&f->t, f->host);
        vs_svm_exit(&f->s, &f->t, VS_SVM_CPUID, 0, 0, 2);
        vs_svm_enter(&f->s, &f->t);
        uint64_t cycles = (vs_now(&f->t).v - start) / PS;
        if (i) {
            assert_int_equal(cycles - before, knob[i - 1].times);
        }
        before = cycles;
    }
}

/* APM volume 2, 15.16.1: 0 nothing, 1 everything, 3 this ASID, 7 its non-global entries. */
static void test_tlb_control_drops_an_asid_or_everything(void **state)
{
    struct fixture *f = *state;
    static const uint64_t encoded[] = {0, 3, 1, 7};
    static const enum vs_flush what[] = {0, VS_FLUSH_ASID, VS_FLUSH_ASIDS, VS_FLUSH_ASID_NONGLOBAL};
    for (uint64_t i = 0; i < 4; i++) {
        f->config.tlb_control = i;
        boot(f);
        f->flushes = 0;
        assert_true(vmcb64(f, 0x058) == (5u | encoded[i] << 32));
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(f->flushes, i != 0);
        uint64_t from = vs_now(&f->t).v, more = 7;
        vs_svm_enter(&f->s, &f->t);
        uint64_t took = vs_now(&f->t).v - from;
        f->s.config.tlb_flush += more;
        from += took;
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(vs_now(&f->t).v - from, took + (i ? more * PS : 0));
        if (i) {
            assert_int_equal(f->what, what[i]);
            assert_int_equal(f->asid, 5);
        }
    }
}

/* KVM's svm_flush_tlb_asid; afterwards tlb_ctl is TLB_CONTROL_DO_NOTHING again. */
static void test_a_flush_asked_for_once_is_the_next_vmruns(void **state)
{
    struct fixture *f = *state;
    uint64_t start = vs_now(&f->t).v;
    vs_svm_enter(&f->s, &f->t);
    uint64_t plain = vs_now(&f->t).v - start;
    f->flushes = 0;
    vs_svm_flush_asid(&f->s, NULL);
    assert_int_equal(f->flushes, 0);
    assert_true(vmcb64(f, 0x058) == (5u | 3ull << 32));
    start = vs_now(&f->t).v;
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(vs_now(&f->t).v - start, plain + f->s.config.tlb_flush * PS);
    assert_int_equal(f->flushes, 1);
    assert_int_equal(f->what, VS_FLUSH_ASID);
    assert_true(vmcb64(f, 0x058) == 5u);
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(f->flushes, 1);
}

static void test_handlers_load_and_store_the_vmcb(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port port = vs_svm_state_port(&f->s);
    uint64_t v = 0;
    assert_true(port.write(port.ctx, NULL, VS_STATE_PC, 0x1234));
    assert_true(port.read(port.ctx, &f->t, VS_STATE_PC, &v)); /* RIP */
    assert_int_equal(v, 0x1234);
    assert_int_equal(f->last_at, VMCB + 0x578);
    assert_true(port.write(port.ctx, &f->t, VS_STATE_ENTRY_INTR, 0)); /* EVENTINJ */
    assert_int_equal(f->last_at, VMCB + 0x0a8);
    f->last_at = 0;
    assert_true(port.read(port.ctx, NULL, VS_STATE_PC, &v)); /* untimed */
    assert_int_equal(f->last_at, 0);
}

/* APM volume 2, table B-1: what KVM's init_vmcb asks of every guest, with the exits that knobs can
 * turn off; no other bit is set. */
static void test_the_vectors_ask_for_these_exits_and_no_others(void **state)
{
    struct fixture *f = *state;
    /* CR4 read and written, debug registers 0 to 7 likewise; #DB, #UD, #AC, #MC */
    assert_true(vmcb64(f, 0x000) == 0x00ff00ff00100010u);
    assert_true((vmcb64(f, 0x008) & 0xffffffffu) == 0x00060042u);
    /* INTR, NMI, SMI, selective CR0, RDPMC, CPUID, RSM, INVD, PAUSE, HLT, INVLPGA, IOIO, MSR, task
     * switch, shutdown */
    assert_true((vmcb64(f, 0x00c) & 0xffffffffu) == 0xbdcc8027u);
    /* VMRUN, VMMCALL, SKINIT, WBINVD, MONITOR, MWAIT, XSETBV, RDPRU; VMLOAD to CLGI are
     * virtualized; vector 5: nothing under nested paging */
    assert_true(vmcb64(f, 0x010) == 0x00006e43u);
    assert_int_equal(f->s.count[VS_CNT_svm_not_intercepted], 0);
    assert_false(vs_svm_intercepts(&f->s, VS_SVM_EXCEPTION + 13));
    assert_int_equal(f->s.count[VS_CNT_svm_not_intercepted], 1);
}

/* A hypervisor that drops everything at each entry has nothing to ask for once. */
static void test_a_flush_of_one_asid_is_part_of_a_flush_of_all(void **state)
{
    struct fixture *f = *state;
    f->config.tlb_control = 2; /* everything */
    boot(f);
    vs_svm_flush_asid(&f->s, NULL);
    assert_true(vmcb64(f, 0x058) == (5u | 1ull << 32));
    for (uint64_t i = 1; i <= 2; i++) {
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(f->what, VS_FLUSH_ASIDS);
        assert_int_equal(f->flushes, i);
        assert_int_equal(f->s.count[VS_CNT_svm_flushes], i);
    }
}

static void test_what_follows_an_entry_is_the_guests(void **state)
{
    struct fixture *f = *state;
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(f->t.actor, f->guest);
    assert_int_equal(f->s.count[VS_CNT_svm_flushes], f->flushes);
}

/* APM volume 2, tables B-1 and B-2. */
static void test_each_field_is_where_the_manual_puts_it(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum vs_state field;
        uint64_t offset;
    } rows[] = {{VS_STATE_FAULT_GPA, 0x080},
                {VS_STATE_ENTRY_INTR, 0x0a8},
                {VS_STATE_ENTRY_ERROR, 0x0a8},
                {VS_STATE_REASON, 0x070},
                {VS_STATE_INTR_INFO, 0x088},
                {VS_STATE_VECTORING, 0x088},
                {VS_STATE_LENGTH, 0x0c8},
                {VS_STATE_CODE_SEGMENT, 0x410},
                {VS_STATE_INTERRUPTIBILITY, 0x068},
                {VS_STATE_SYNDROME, 0x078},
                {VS_STATE_CR3, 0x550},
                {VS_STATE_SP, 0x5d8},
                {VS_STATE_PC, 0x578},
                {VS_STATE_FLAGS, 0x570}};
    struct vs_state_port port = vs_svm_state_port(&f->s);
    uint64_t v;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(port.read(port.ctx, &f->t, rows[i].field, &v));
        assert_int_equal(f->last_at, VMCB + rows[i].offset);
        assert_int_equal(f->s.count[VS_CNT_svm_fields], i + 1);
    }
    f->last_at = 0;
    assert_true(port.read(port.ctx, &f->t, VS_STATE_LOG_INDEX, &v)); /* Intel's alone */
    assert_int_equal(f->last_at, 0);
    assert_int_equal(f->s.count[VS_CNT_svm_fields], sizeof rows / sizeof rows[0]);
}

/* APM volume 2, 15.11: MSRs in no range always exit; the map's bits are the hypervisor's. */
static void test_msrs_exit_as_their_bits_of_the_map_say(void **state)
{
    struct fixture *f = *state;
    assert_false(vs_svm_intercepts_msr(&f->s, &f->t, 0xc0000101, false)); /* GS base: KVM passes */
    assert_false(vs_svm_intercepts_msr(&f->s, &f->t, 0xc0000101, true));
    assert_true(vs_svm_intercepts_msr(&f->s, &f->t, 0x4b564d00, false)); /* a paravirtual one */
    uint64_t word;
    vs_hpa at = {MSRPM + 0x1b / 32 * 8}; /* two bits an MSR: read, then write */
    vs_phys_read(f->phys, at, &word, sizeof word);
    word &= ~(1ull << 2 * 0x1b % 64);
    vs_phys_write(f->phys, at, &word, sizeof word);
    assert_false(vs_svm_intercepts_msr(&f->s, &f->t, 0x1b, false));
    assert_true(vs_svm_intercepts_msr(&f->s, &f->t, 0x1b, true));
    f->config.intercept_msr = 0;
    boot(f);
    assert_false(vs_svm_intercepts_msr(&f->s, &f->t, 0x4b564d00, true));
}

/* APM volume 2, 15.14.4. */
static void test_the_pause_filter_lets_a_loop_exit_once_its_count_is_used_up(void **state)
{
    struct fixture *f = *state;
    f->config.pause_count = 3;
    f->config.pause_threshold = 100;
    boot(f);
    assert_true(vs_svm_enter(&f->s, NULL));
    uint64_t now = 1000; /* long after the one before: the count is loaded */
    for (int i = 0; i < 1 + 3; i++) {
        assert_false(vs_svm_intercepts_pause(&f->s, now += 100));
    }
    assert_true(vs_svm_intercepts_pause(&f->s, now += 100));
    for (int i = 0; i < 9; i++) { /* further apart: no loop, and the count is whole again */
        assert_false(vs_svm_intercepts_pause(&f->s, now += 101));
    }
    for (int i = 0; i < 3; i++) {
        assert_false(vs_svm_intercepts_pause(&f->s, now += 1));
    }
    assert_true(vs_svm_intercepts_pause(&f->s, now += 1));
    f->config.pause_count = 0;
    boot(f);
    assert_true(vs_svm_intercepts_pause(&f->s, now += 1000));
    f->config.intercept_pause = 0;
    boot(f);
    assert_false(vs_svm_intercepts_pause(&f->s, now += 1));
}

/* A virtual interrupt that the guest masks is the window: its intercept comes when it can be taken.
 */
static void test_a_virtual_interrupt_exits_when_the_guest_can_take_it(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_state_port p = vs_svm_state_port(&f->s);
    const struct vs_trap window = {.kind = VS_TRAP_INTERRUPT_WINDOW};
    struct vs_exit exit;
    assert_true(w.enter(w.ctx, NULL));
    w.mask(w.ctx, true);
    assert_false(w.leaves(w.ctx, NULL, &window, &exit)); /* nobody asked */
    vs_svm_exit(&f->s, NULL, VS_SVM_INTR, 0, 0, 0);
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, VS_CONTROLS_WINDOW));
    assert_true(vmcb64(f, 0x060) >> 8 & 1u); /* V_IRQ */
    assert_true(bit(f, VS_SVM_VINTR));
    assert_true(w.enter(w.ctx, NULL));
    assert_false(w.leaves(w.ctx, NULL, &window, &exit)); /* RFLAGS.IF is clear */
    w.mask(w.ctx, false);
    assert_false(w.leaves(w.ctx, NULL, &window, &exit)); /* the instruction behind STI */
    w.unshadow(w.ctx);
    assert_true(w.leaves(w.ctx, NULL, &window, &exit));
    assert_string_equal(vs_op_name(exit.op), "exit.vintr");
    assert_true(w.leave(w.ctx, NULL, &exit));
    assert_true(p.write(p.ctx, NULL, VS_STATE_CONTROLS, 0));
    assert_false(bit(f, VS_SVM_VINTR));
    assert_false(vmcb64(f, 0x060) >> 8 & 1u);
}

/* APM volume 2, 15.7.1: nRIP is the next instruction; a fault has none. */
static void test_the_length_of_an_instruction_is_what_nrip_says(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t v;
    assert_true(p.write(p.ctx, NULL, VS_STATE_PC, 0x1000));
    vs_svm_exit(&f->s, NULL, VS_SVM_CPUID, 0, 0, 2);
    assert_int_equal(vmcb64(f, 0x0c8), 0x1002);
    assert_true(p.read(p.ctx, NULL, VS_STATE_LENGTH, &v) && v == 2);
    vs_svm_exit(&f->s, NULL, VS_SVM_NPF, 0, 0, 0);
    assert_true(p.read(p.ctx, NULL, VS_STATE_LENGTH, &v) && v == 0);
}

/* APM volume 2, 15.5.1. */
static void test_asid_0_is_the_hosts_and_no_guest_runs_with_it(void **state)
{
    struct fixture *f = *state;
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 0,
                 0x50000);
    assert_false(vs_svm_enter(&f->s, NULL));
    assert_int_equal(f->s.count[VS_CNT_svm_entries], 0);
}

/* What Intel alone has leaves no guest here. */
static void test_traps_of_other_architectures_are_none(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_exit exit;
    static const enum vs_trap_kind kind[] = {VS_TRAP_APIC_ACCESS, VS_TRAP_APIC_WRITE, VS_TRAP_EOI,
                                             VS_TRAP_TIMER, VS_TRAP_LOG_FULL};
    assert_true(w.enter(w.ctx, NULL));
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
        struct vs_trap t = {.kind = kind[i]};
        assert_false(w.leaves(w.ctx, NULL, &t, &exit));
    }
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_clear_bit_of_the_vectors_keeps_the_guest_running),
        LAW(test_without_nested_paging_the_vmcb_asks_for_what_shadow_tables_need),
        LAW(test_with_nested_paging_these_exits_can_be_asked_for),
        LAW(test_the_permission_maps_are_read_where_the_manual_puts_them),
        LAW(test_an_exit_records_its_code_and_touches_its_lines),
        LAW(test_every_knob_of_time_is_paid_as_often_as_its_part_happens),
        LAW(test_tlb_control_drops_an_asid_or_everything),
        LAW(test_a_flush_asked_for_once_is_the_next_vmruns),
        LAW(test_handlers_load_and_store_the_vmcb),
        LAW(test_the_vectors_ask_for_these_exits_and_no_others),
        LAW(test_a_flush_of_one_asid_is_part_of_a_flush_of_all),
        LAW(test_what_follows_an_entry_is_the_guests),
        LAW(test_each_field_is_where_the_manual_puts_it),
        LAW(test_msrs_exit_as_their_bits_of_the_map_say),
        LAW(test_the_pause_filter_lets_a_loop_exit_once_its_count_is_used_up),
        LAW(test_a_virtual_interrupt_exits_when_the_guest_can_take_it),
        LAW(test_the_length_of_an_instruction_is_what_nrip_says),
        LAW(test_asid_0_is_the_hosts_and_no_guest_runs_with_it),
        LAW(test_traps_of_other_architectures_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
