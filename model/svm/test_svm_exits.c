/* SPDX-License-Identifier: MIT */
/* What a #VMEXIT says and whether it happens: EXITCODE, EXITINFO1 and 2, nRIP, the vectors and the
 * maps (AMD APM volume 2, 15.7 to 15.12, 15.25.6). */
#include "test_svm.h"

#include "virtsim/x86.h"

#define RIP 0x401000u

/* The guest runs at RIP and traps; true: it was left, and the VMCB says why. */
static bool trapped(struct fixture *f, struct vs_trap trap)
{
    struct vs_world_port w = vs_svm_world(&f->s);
    struct vs_state_port p = vs_svm_state_port(&f->s);
    struct vs_exit exit;
    assert_true(p.write(p.ctx, NULL, VS_STATE_PC, RIP));
    assert_true(w.enter(w.ctx, NULL));
    return w.leaves(w.ctx, NULL, &trap, &exit) && w.leave(w.ctx, NULL, &exit);
}

/* 15.10.2, figure 15-2. */
static void test_an_intercepted_port_says_its_number_size_direction_and_what_follows(void **state)
{
    struct fixture *f = *state;
    for (uint32_t size = 1; size <= 4; size *= 2) {
        for (int form = 0; form < 8; form++) {
            bool out = form & 1, string = form & 2, rep = form & 4;
            assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_PIO,
                                                    .number = 0x3f8,
                                                    .size = size,
                                                    .write = out,
                                                    .string = string,
                                                    .rep = rep,
                                                    .length = 2}));
            uint64_t info = vmcb64(f, 0x078);
            assert_int_equal(vmcb64(f, 0x070), 0x7b);
            assert_int_equal(info & 1u, !out);        /* TYPE: 1 is IN */
            assert_int_equal(info >> 1 & 1u, 0);      /* reserved */
            assert_int_equal(info >> 2 & 1u, string); /* STR */
            assert_int_equal(info >> 3 & 1u, rep);    /* REP */
            assert_int_equal(info >> 4 & 7u, size);   /* SZ8, SZ16, SZ32 */
            assert_int_equal(info >> 7 & 7u, 4);      /* A64 */
            assert_int_equal(info >> 10 & 7u,
                             string && out ? 3 : 0); /* SEG: DS of OUTS, ES of INS */
            assert_int_equal(info >> 13 & 7u, 0);
            assert_int_equal(info >> 16, 0x3f8);
            assert_int_equal(vmcb64(f, 0x080), RIP + 2); /* EXITINFO2 */
            assert_int_equal(vmcb64(f, 0x0c8), RIP + 2); /* nRIP */
        }
    }
}

/* 15.11; 15.8.1, table 15-2; 15.8.3; Linux arch/x86/kvm/svm/svm.c, invpcid_interception. */
static void test_each_instruction_says_what_the_manual_has_it_say(void **state)
{
    struct fixture *f = *state;
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5, 0);
    static const struct {
        struct vs_trap trap;
        uint64_t code, one, two;
    } law[] = {
        {{.kind = VS_TRAP_MSR_READ, .number = 0x1b, .length = 2}, 0x7c, 0, 0},
        {{.kind = VS_TRAP_MSR_WRITE, .number = 0x1b, .length = 2}, 0x7c, 1, 0},
        {{.kind = VS_TRAP_CONTROL_REGISTER, .number = 4, .write = true, .gpr = 11, .length = 3},
         0x14,
         1ull << 63 | 11,
         0},
        {{.kind = VS_TRAP_CONTROL_REGISTER, .number = 3, .gpr = 2, .length = 3},
         0x03,
         1ull << 63 | 2,
         0},
        {{.kind = VS_TRAP_INVALIDATE, .gva = {0x7000}, .length = 3}, 0x79, 0x7000, 0},
        {{.kind = VS_TRAP_INVALIDATE, .scope = VS_TRAP_PAGE_OF_TAG, .gva = {0x7000}, .length = 3},
         0x7a,
         0,
         0}, /* the address is in rAX */
        {{.kind = VS_TRAP_INVALIDATE,
          .scope = VS_TRAP_CONTEXT,
          .number = 3,
          .gva = {0x7000},
          .operand = {0xffff1000},
          .length = 9},
         0xa2,
         0xffff1000,
         3},
        {{.kind = VS_TRAP_CPU_ID, .length = 2}, 0x72, 0, 0},
        {{.kind = VS_TRAP_HYPERCALL, .length = 3}, 0x81, 0, 0},
    };
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        assert_true(trapped(f, law[i].trap));
        assert_int_equal(vmcb64(f, 0x070), law[i].code);
        assert_true(vmcb64(f, 0x078) == law[i].one);
        assert_true(vmcb64(f, 0x080) == law[i].two);
        assert_int_equal(vmcb64(f, 0x0c8), RIP + law[i].trap.length);
    }
    /* 15.12.15; what is no instruction's has no nRIP (15.7.1) */
    assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_EXCEPTION,
                                            .number = 14,
                                            .has_error = true,
                                            .error_code = 6,
                                            .gva = {0x1234}}));
    assert_int_equal(vmcb64(f, 0x070), 0x4e);
    assert_int_equal(vmcb64(f, 0x078), 6);
    assert_int_equal(vmcb64(f, 0x080), 0x1234);
    assert_int_equal(vmcb64(f, 0x0c8), 0);
}

/* 15.25.6: the error code and the guest-physical address as they are. */
static void test_a_nested_page_fault_says_the_error_code_and_the_whole_address(void **state)
{
    struct fixture *f = *state;
    assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_STAGE2_FAULT,
                                            .syndrome = 1ull << 32 | 6,
                                            .gpa = {0x12345678}}));
    assert_int_equal(vmcb64(f, 0x070), 0x400);
    assert_true(vmcb64(f, 0x078) == (1ull << 32 | 6));
    assert_int_equal(vmcb64(f, 0x080), 0x12345678);
    assert_int_equal(vmcb64(f, 0x0c8), 0);
}

/* 15.8: CPUID Fn8000_000A EDX[7]. */
static void test_without_decode_assists_operands_are_not_said(void **state)
{
    struct fixture *f = *state;
    f->config.decode_assists = 0;
    f->config.intercept_invlpg = 1;
    boot(f);
    assert_true(trapped(
        f,
        (struct vs_trap){.kind = VS_TRAP_CONTROL_REGISTER, .number = 4, .write = true, .gpr = 11}));
    assert_int_equal(vmcb64(f, 0x078), 0);
    assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_INVALIDATE, .gva = {0x7000}}));
    assert_int_equal(vmcb64(f, 0x078), 0);
}

/* Table 15-7; Linux arch/x86/kvm/svm/svm.c, svm_set_cr0: where the guest's CR0 is the processor's,
 * the selective intercept alone is left. */
static void test_a_write_of_cr0_exits_where_more_than_ts_and_mp_changes(void **state)
{
    struct fixture *f = *state;
    const uint64_t cr0 = 0x80050033;
    static const struct {
        uint64_t flip;
        bool exits;
    } law[] = {{0, false},       {1u << 3, false},           {1u << 1, false},
               {1u << 16, true}, {1u << 3 | 1u << 18, true}, {1u << 1 | 1u << 3, false}};
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        boot(f);
        struct vs_trap write = {.kind = VS_TRAP_CONTROL_REGISTER,
                                .write = true,
                                .value = cr0 ^ law[i].flip,
                                .length = 3};
        assert_int_equal(trapped(f, write), law[i].exits);
        if (law[i].exits) {
            assert_int_equal(vmcb64(f, 0x070), 0x65);
            assert_true(vmcb64(f, 0x558) == (cr0 ^ law[i].flip)); /* what its handler leaves */
            assert_false(trapped(f, write));                      /* now it is that */
        }
    }
    /* the other intercept takes every write, and has priority */
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5, 0);
    assert_true(trapped(
        f, (struct vs_trap){.kind = VS_TRAP_CONTROL_REGISTER, .write = true, .value = cr0}));
    assert_int_equal(vmcb64(f, 0x070), 0x10);
}

/* Linux arch/x86/kvm/svm/svm.c, svm_recalc_msr_intercepts. */
static void test_kvm_passes_the_msrs_of_system_calls_and_segments(void **state)
{
    struct fixture *f = *state;
    static const uint32_t passed[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
                                      0xc0000101, 0xc0000102, 0x174,      0x175,      0x176},
                          taken[] = {0x1b, 0x10, 0x277, 0xc0000080, 0xc0010015, 0x4b564d00};
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        assert_false(vs_svm_intercepts_msr(&f->s, NULL, passed[i], false));
        assert_false(vs_svm_intercepts_msr(&f->s, NULL, passed[i], true));
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        assert_true(vs_svm_intercepts_msr(&f->s, NULL, taken[i], false));
        assert_true(vs_svm_intercepts_msr(&f->s, NULL, taken[i], true));
    }
    assert_true(vs_svm_intercepts_msr(&f->s, NULL, 0x49, false)); /* PRED_CMD: no reads */
    assert_false(vs_svm_intercepts_msr(&f->s, NULL, 0x49, true));
}

/* 15.10.1: any of the ports that an access covers. */
static void test_an_access_over_several_ports_is_decided_by_each_of_them(void **state)
{
    struct fixture *f = *state;
    uint8_t none = 0, one = 1u << 3;
    vs_phys_write(f->phys, (vs_hpa){IOPM + 0x80 / 8}, &none, 1);
    assert_false(vs_svm_intercepts_io(&f->s, NULL, 0x80, 4));
    vs_phys_write(f->phys, (vs_hpa){IOPM + 0x80 / 8}, &one, 1); /* port 0x83 */
    assert_false(vs_svm_intercepts_io(&f->s, NULL, 0x80, 2));
    assert_true(vs_svm_intercepts_io(&f->s, NULL, 0x80, 4));
    assert_true(vs_svm_intercepts_io(&f->s, NULL, 0x82, 2));
}

/* Appendix C: reads and writes of a register have codes and operations of their own; CLTS is a
 * write of CR0. */
static void test_reads_and_writes_of_registers_are_different_exits(void **state)
{
    struct fixture *f = *state;
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5, 0);
    static const struct {
        struct vs_trap trap;
        uint64_t code;
        const char *name;
    } law[] = {
        {{.kind = VS_TRAP_CONTROL_REGISTER, .number = 4}, 0x04, "exit.cr_read"},
        {{.kind = VS_TRAP_CONTROL_REGISTER, .number = 4, .write = true}, 0x14, "exit.cr_write"},
        {{.kind = VS_TRAP_CONTROL_REGISTER, .x86 = VS_X86_CLTS}, 0x10, "exit.cr_write"},
        {{.kind = VS_TRAP_DEBUG_REGISTER, .x86 = VS_X86_MOV_FROM_DR, .number = 6},
         0x26,
         "exit.dr_read"},
        {{.kind = VS_TRAP_DEBUG_REGISTER, .x86 = VS_X86_MOV_TO_DR, .number = 7, .write = true},
         0x37,
         "exit.dr_write"},
    };
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct vs_world_port w = vs_svm_world(&f->s);
        struct vs_exit exit;
        assert_true(w.enter(w.ctx, NULL));
        assert_true(w.leaves(w.ctx, NULL, &law[i].trap, &exit));
        assert_true(w.leave(w.ctx, NULL, &exit));
        assert_int_equal(vmcb64(f, 0x070), law[i].code);
        assert_string_equal(vs_op_name(exit.op), law[i].name);
    }
}

/* 15.9: each has a bit of its own in the vectors; those of VMX are invalid opcodes here, which exit
 * where the exception's bit is set. */
static void test_instructions_exit_by_their_own_codes(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum vs_x86 x86;
        enum vs_trap_kind kind;
        uint64_t code;
    } law[] = {
        {VS_X86_RDPMC, VS_TRAP_COUNTER, 0x6f},        {VS_X86_INVD, VS_TRAP_CACHES, 0x76},
        {VS_X86_WBINVD, VS_TRAP_CACHES, 0x89},        {VS_X86_MONITOR, VS_TRAP_MONITOR, 0x8a},
        {VS_X86_MWAIT, VS_TRAP_MONITOR, 0x8b},        {VS_X86_XSETBV, VS_TRAP_XSETBV, 0x8d},
        {VS_X86_VMRUN, VS_TRAP_UNDEFINED, 0x80},      {VS_X86_VMLOAD, VS_TRAP_UNDEFINED, 0x82},
        {VS_X86_VMSAVE, VS_TRAP_UNDEFINED, 0x83},     {VS_X86_STGI, VS_TRAP_UNDEFINED, 0x84},
        {VS_X86_CLGI, VS_TRAP_UNDEFINED, 0x85},       {VS_X86_SKINIT, VS_TRAP_UNDEFINED, 0x86},
        {VS_X86_RDPRU, VS_TRAP_UNDEFINED, 0x8e},      {VS_X86_VMREAD, VS_TRAP_UNDEFINED, 0x46},
        {VS_X86_TRIPLE_FAULT, VS_TRAP_SHUTDOWN, 0x7f}};
    f->config.vgif = f->config.vls = 0; /* virtualized they do not exit: test_svm_gif.c */
    boot(f);
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct vs_trap t = {.kind = law[i].kind, .x86 = (uint8_t)law[i].x86, .length = 3};
        assert_true(trapped(f, t));
        assert_int_equal(vmcb64(f, 0x070), law[i].code);
        uint8_t vector = 0; /* and with its bit clear the guest carries on */
        uint64_t at = VMCB + law[i].code / 8u;
        vs_phys_read(f->phys, (vs_hpa){at}, &vector, 1);
        vector &= (uint8_t) ~(1u << law[i].code % 8u);
        vs_phys_write(f->phys, (vs_hpa){at}, &vector, 1);
        vs_svm_dirty(&f->s, VS_SVM_CLEAN_INTERCEPTS);
        if (law[i].code != 0x80) { /* without VMRUN's no guest runs */
            assert_false(trapped(f, t));
        }
        boot(f);
    }
    struct vs_trap random = {.kind = VS_TRAP_UNDEFINED, .x86 = VS_X86_RDRAND, .length = 4};
    assert_false(trapped(f, random)); /* there is no intercept of it */
}

/* 15.7.2: the exit says which event it kept from its guest, and the hypervisor injects it again. */
static void test_an_exit_during_a_delivery_says_of_which_event(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_svm_state_port(&f->s);
    uint64_t event = 0;
    assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_STAGE2_FAULT, .vectoring = 0x60}));
    assert_int_equal(vmcb64(f, 0x088), 0x80000060);
    assert_true(p.read(p.ctx, NULL, VS_STATE_VECTORING, &event));
    assert_int_equal(event & (VS_EVENT_VALID | VS_EVENT_VECTOR), VS_EVENT_VALID | 0x60);
    assert_true(p.write(p.ctx, NULL, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | 0x60));
    assert_int_equal(vmcb64(f, 0x0a8), 0x80000060);
    assert_true(trapped(f, (struct vs_trap){.kind = VS_TRAP_STAGE2_FAULT}));
    assert_int_equal(vmcb64(f, 0x088), 0);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_an_intercepted_port_says_its_number_size_direction_and_what_follows),
        LAW(test_each_instruction_says_what_the_manual_has_it_say),
        LAW(test_a_nested_page_fault_says_the_error_code_and_the_whole_address),
        LAW(test_without_decode_assists_operands_are_not_said),
        LAW(test_a_write_of_cr0_exits_where_more_than_ts_and_mp_changes),
        LAW(test_kvm_passes_the_msrs_of_system_calls_and_segments),
        LAW(test_an_access_over_several_ports_is_decided_by_each_of_them),
        LAW(test_reads_and_writes_of_registers_are_different_exits),
        LAW(test_instructions_exit_by_their_own_codes),
        LAW(test_an_exit_during_a_delivery_says_of_which_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
