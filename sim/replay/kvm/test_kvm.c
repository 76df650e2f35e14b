/* SPDX-License-Identifier: MIT */
/* Laws of traces of exits: what every printer's line says, whose exits they are, which exit and
 * entry are a pair, what of a file that is not whole is told. */
#include "replay/kvm/kvm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The exits of a text. */
static struct vs_kvm_exits read_text(const char *text)
{
    struct vs_kvm_exits e;
    char err[400] = "";
    assert_int_equal(vs_kvm_read_memory(text, strlen(text), &e, err, sizeof err), VS_OK);
    assert_string_equal(err, "");
    return e;
}

#define US UINT64_C(1000000)

static void test_every_printer_tells_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
        int64_t thread, vcpu;
        enum vs_kvm_vendor vendor;
    } rows[] = {
        {"     qemu-91      [000] d..1.     5.000100: kvm_exit: vcpu 3 reason CPUID rip 0x1 info1 "
         "0x0 info2 "
         "0x0 intr_info 0x80000b0e error_code 0x0\n"
         "     qemu-91      [000] d..1.     5.000107: kvm_entry: vcpu 3, rip 0x3\n"
         "     qemu-91      [000] d..1.     5.000200: kvm_exit: vcpu 3 reason MSR_WRITE rip 0x1 "
         "info1 0x0\n",
         "CPUID", 91, 3, VS_KVM_INTEL},
        {" CPU 5/KVM-2137779 [006] .... 75982.000100: kvm_exit: reason npf rip 0x1 info 200000006 "
         "20000\n"
         " CPU 5/KVM-2137779 [007] d...+ 75982.000107: kvm_entry: vcpu 5\n",
         "npf", 2137779, 5, VS_KVM_AMD},
        {"cpus=1\n"
         "       a [1] b-109   [000]    21.000100: kvm_exit:             reason EXIT_NPF rip "
         "0x1000 f+0x1 info "
         "200000006 20000\n"
         "       a [1] b-109   [000]    21.000107: kvm_entry:             vcpu 0 rip 0x1000\n",
         "npf", 109, 0, VS_KVM_AMD},
        {"vmm2_sta-109     0.....    21.000100: kvm_exit:             reason EXIT_IOIO rip 0x1 "
         "info 800211 2\n"
         "vmm2_sta-109     0d..1.    21.000107: kvm_entry:             vcpu 0 rip 0x1000\n",
         "io", 109, 0, VS_KVM_AMD},
        {"   v-109   [000]  21.000100: kvm_exit:  exit_reason=1024 guest_rip=0x1 isa=2 "
         "info1=0x0000000200000006 "
         "info2=0x0000000000020000 vcpu_id=2\n"
         "   v-109   [000]  21.000107: kvm_entry:  vcpu_id=2 rip=0x1000 immediate_exit=0\n",
         "npf", 109, 2, VS_KVM_AMD},
        {"     CPU 0/KVM    93 [000]     7.000100000:      kvm:kvm_exit: vcpu 0 reason PF excp rip "
         "0x1 info1 0x0\n"
         "     CPU 0/KVM    93 [000]     7.000107000:      kvm:kvm_entry: vcpu 0, rip 0x1000\n",
         "PF excp", 93, 0, VS_KVM_AMD},
        {"    [001]   770.000100:    kvm:kvm_exit: vcpu 4 reason HLT rip 0x1 info1 0x0 info2 0x0\n"
         "    [001]   770.000107:    kvm:kvm_entry: vcpu 4, rip 0x100146\n"
         "    [001]   770.000300:    kvm:kvm_exit: vcpu 4 reason EPT_VIOLATION rip 0x1 info1 "
         "0x182\n",
         "HLT", -1, 4, VS_KVM_INTEL},
        {"  kvm-vcpu-0-88776   [001] ...1.  6076.000100: kvm_exit: TRAP: HSR_EC: 0x0018 (SYS64), "
         "PC: 0x1\n"
         "  kvm-vcpu-0-88776   [001] d..1.  6076.000107: kvm_entry: PC: 0x0000000080528a6c\n",
         "SYS64", 88776, -1, VS_KVM_ARM},
        {"  vmm-86 (-----) [000] .....    28.000100: kvm_exit: IRQ: HSR_EC: 0x0000 (UNKNOWN), PC: "
         "0x1\n"
         "  vmm-86 (   86) [000] d....    28.000107: kvm_entry: PC: 0x0000000040000014\n",
         "IRQ", 86, -1, VS_KVM_ARM},
        {"  vmm-86   [000]    28.000100: kvm_exit:     ret=2 esr_ec=36 vcpu_pc=0x40000014\n"
         "  vmm-86   [000]    28.000107: kvm_entry:    vcpu_pc=0x40000014\n",
         "DABT_LOW", 86, -1, VS_KVM_ARM},
        {"  vmm-86   [000]    28.000100: kvm_exit:     ret=0 esr_ec=0 vcpu_pc=0x40000014\n"
         "  vmm-86   [000]    28.000107: kvm_entry:    vcpu_pc=0x40000014\n",
         "IRQ", 86, -1, VS_KVM_ARM},
        {"  qemu-sy-91      0d..1.  100us : kvm_exit: vcpu 3 reason CPUID rip 0x1 info1 0x0\n"
         "  qemu-sy-91      0d..1.  107us+: kvm_entry: vcpu 3, rip 0x3\n"
         "  qemu-sy-91      0d..1.  207us!: kvm_exit: vcpu 3 reason RDPMC rip 0x1 info1 0x0\n"
         "  qemu-sy-91      0d..1.  208us : kvm_exit: vcpu 3 reason MSR_WRITE rip 0x1 info1 0x0\n",
         "CPUID", 91, 3, VS_KVM_INTEL},
        {"  q-91 [010]  33.000100: kvm_exit:    CAN'T FIND FIELD \"rip\"<CANT FIND FIELD "
         "exit_code>vcpu 7 reason npf rip 0x1 info1 0x6 info2 0x1\n"
         "  q-91 [010]  33.000107: kvm_entry:   vcpu 7\n",
         "npf", 91, 7, VS_KVM_AMD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_kvm_exits e = read_text(rows[i].text);
        assert_int_equal(e.vendor, rows[i].vendor);
        assert_int_equal(e.n_threads, 1);
        assert_true(e.thread[0].id == rows[i].thread);
        assert_true(e.thread[0].vcpu == rows[i].vcpu);
        assert_non_null(e.thread[0].exit[0].reason);
        assert_string_equal(e.thread[0].exit[0].reason->name, rows[i].name);
        assert_true(e.thread[0].exit[0].handler_ps == 7 * US);
        assert_int_equal(e.foreign + e.unknown + e.losses, 0);
        vs_kvm_free(&e);
    }
}

static void test_line_ends_of_every_system_are_the_same(void **state)
{
    (void)state;
    struct vs_kvm_exits e =
        read_text(" q-9 [000] d..1. 1.000001: kvm_exit: reason HLT rip 0x1 info 0 0\r\n"
                  " q-9 [000] d..1. 1.000004: kvm_entry: vcpu 0\r\n"
                  " q-9 [000] d..1. 1.000005: kvm_exit: reason EPT_MISCONFIG rip 0x1 info 0 0\r\n");
    assert_int_equal(e.exits, 2);
    assert_true(e.thread[0].exit[0].handler_ps == 3 * US);
    assert_true(e.thread[0].exit[1].guest_ps == 1 * US);
    assert_true(e.thread[0].exit[1].handler_ps == VS_KVM_UNKNOWN);
    vs_kvm_free(&e);
}

static void test_whose_exits_they_are_follows_from_names_not_from_letters(void **state)
{
    (void)state;
    static const struct {
        const char *names[3];
        enum vs_kvm_vendor vendor;
        bool either;
    } rows[] = {{{"CPUID", "NPF", "HLT"}, VS_KVM_AMD, false},
                {{"cpuid", "ept_violation", "hlt"}, VS_KVM_INTEL, false},
                {{"cpuid", "hlt", "rdtsc"}, VS_KVM_INTEL, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[600] = "";
        for (unsigned k = 0; k < 3; k++) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n,
                     " q-9 [000] d..1. 1.00000%u: kvm_exit: vcpu 0 reason %s rip 0x1 info1 0x0\n",
                     k, rows[i].names[k]);
        }
        struct vs_kvm_exits e = read_text(text);
        assert_int_equal(e.vendor, rows[i].vendor);
        assert_int_equal(e.either, rows[i].either);
        for (unsigned k = 0; k < 3; k++) {
            assert_non_null(e.thread[0].exit[k].reason);
            assert_int_equal(e.thread[0].exit[k].reason->vendor, rows[i].vendor);
        }
        vs_kvm_free(&e);
    }
}

static void test_two_sides_of_a_loss_are_no_pair(void **state)
{
    (void)state;
    static const struct {
        const char *mark;
        bool pair;
    } rows[] = {{"", true},
                {"CPU:0 [LOST 17 EVENTS]\n", false},
                {"CPU:1 [LOST 17 EVENTS]\n", true},
                {"CPU 0 [17 EVENTS DROPPED]\n", false},
                {"CPU 2 [17 EVENTS DROPPED]\n", true},
                {"[17 EVENTS DROPPED]\n", false},
                {"Processed 1 events and lost 3 chunks!\n", false},
                {"  swapper 0 [000] 1.000002: PERF_RECORD_LOST: lost 5\n", false},
                {"  CPU 3/KVM 77 [000] 1.000002: PERF_RECORD_LOST lost 5\n", false},
                {"  CPU 0/KVM 77 [003] 1.000002: PERF_RECORD_LOST lost 5\n", true},
                {"  swapper 0 [000] 1.000002: PERF_RECORD_LOST_SAMPLES lost 5\n", false},
                {"##### CPU 0 buffer started ####\n", false},
                {"##### CPU 3 buffer started ####\n", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 " q-9 [000] d..1. 1.000001: kvm_exit: reason HLT rip 0x1 info 0 0\n%s"
                 " q-9 [000] d..1. 1.000004: kvm_entry: vcpu 0\n"
                 " q-9 [000] d..1. 1.000009: kvm_exit: reason CR_ACCESS rip 0x1 info 0 0\n",
                 rows[i].mark);
        struct vs_kvm_exits e = read_text(text);
        assert_int_equal(e.exits, 2);
        assert_int_equal(e.losses, *rows[i].mark != 0);
        assert_int_equal(e.thread[0].exit[0].handler_ps != VS_KVM_UNKNOWN, rows[i].pair);
        assert_true(e.thread[0].exit[1].guest_ps == 5 * US);
        vs_kvm_free(&e);
    }
}

static void test_a_thread_that_moved_keeps_its_pair(void **state)
{
    (void)state;
    struct vs_kvm_exits e =
        read_text(" q-9 [000] d..1. 1.000001: kvm_exit: reason HLT rip 0x1 info 0 0\n"
                  " p-8 [001] d..1. 1.000002: kvm_exit: reason CR_ACCESS rip 0x1 info 0 0\n"
                  " q-9 [002] d..1. 1.000004: kvm_entry: vcpu 0\n"
                  " p-8 [001] d..1. 1.000009: kvm_entry: vcpu 0\n");
    assert_int_equal(e.n_threads, 2); /* of one number in two machines */
    assert_true(e.thread[0].exit[0].handler_ps == 3 * US);
    assert_true(e.thread[1].exit[0].handler_ps == 7 * US);
    vs_kvm_free(&e);
}

static void test_nested_events_are_not_exits_again(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(
        " q-9 [0] .... 1.000001: kvm_exit: reason VMRESUME rip 0x1 info 0 0\n"
        " q-9 [0] .... 1.000002: kvm_nested_vmexit: rip 1 reason CPUID info1 0 info2 0 int_info 0 "
        "int_info_err 0\n"
        " q-9 [0] .... 1.000003: kvm_nested_vmexit_inject: reason CPUID info1 0 info2 0\n"
        " q-9 [0] .... 1.000004: kvm_entry: vcpu 0\n");
    assert_int_equal(e.exits, 1);
    assert_true(e.thread[0].exit[0].handler_ps == 3 * US);
    vs_kvm_free(&e);
}

static void test_what_exits_say_of_their_operands(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(
        " q-9 [0] .... 1.000001: kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0x710048 "
        "info2 0x0\n"
        " q-9 [0] .... 1.000002: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000003: kvm_exit: vcpu 0 reason MSR_WRITE rip 0x1 info1 0x0 info2 0x0\n"
        " q-9 [0] .... 1.000004: kvm_msr: msr_write 6e0 = 0x1234\n"
        " q-9 [0] .... 1.000005: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000006: kvm_exit: vcpu 0 reason EPT_VIOLATION rip 0x1 info1 0x182 info2 "
        "0x0\n"
        " q-9 [0] .... 1.000007: kvm_page_fault: vcpu 0 rip 0x1 address 0x0000000002594fe0 "
        "error_code "
        "0x182\n"
        " q-9 [0] .... 1.000008: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000009: kvm_exit: vcpu 0 reason EPT_MISCONFIG rip 0x1 info1 0x0 info2 "
        "0x0\n"
        " q-9 [0] .... 1.000010: kvm_mmio: mmio write len 4 gpa 0xd0000008 val 0xd\n"
        " q-9 [0] .... 1.000011: kvm_userspace_exit: reason KVM_EXIT_MMIO (6)\n"
        " q-9 [0] .... 1.000012: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000013: kvm_exit: vcpu 0 reason 0x57 rip 0x1 info1 0x0 info2 0x0\n"
        " q-9 [0] .... 1.000014: kvm_exit: reason UNKNOWN (140) rip 0x1 info 0 0\n");
    const struct vs_kvm_exit *x = e.thread[0].exit;
    assert_int_equal(e.exits, 6);
    assert_int_equal(x[0].what, 0x71);
    assert_false(x[0].write);
    assert_int_equal(x[0].size, 1);
    assert_int_equal(x[1].what, 0x6e0);
    assert_true(x[2].address == 0x2594fe0 && x[2].write && !x[2].device);
    assert_true(x[3].address == 0xd0000008 && x[3].write && x[3].device && x[3].user);
    assert_null(x[4].reason);
    assert_int_equal(x[4].number, 0x57);
    assert_int_equal(x[5].number, 140);
    assert_string_equal(vs_kvm_op(&x[4]), "");
    vs_kvm_free(&e);
}

static void test_a_write_that_was_an_event_is_one(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(
        " q-9 [0] .... 1.000001: kvm_exit: vcpu 0 reason EPT_MISCONFIG rip 0x1 info1 0x0\n"
        " q-9 [0] .... 1.000002: kvm_fast_mmio: fast mmio at gpa 0xfe003000\n"
        " q-9 [0] .... 1.000003: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000004: kvm_exit: vcpu 0 reason EPT_MISCONFIG rip 0x1 info1 0x0\n"
        " q-9 [0] .... 1.000005: kvm_fast_mmio: gpa=0xfe003004\n");
    const struct vs_kvm_exit *x = e.thread[0].exit;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(x[i].address == 0xfe003000u + 4u * i);
        assert_true(x[i].write && x[i].device && x[i].signals && !x[i].user);
    }
    vs_kvm_free(&e);
}

static void test_raw_fields_say_what_text_says(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(
        " q-9 [0] 1.000001: kvm_exit: ret=2 esr_ec=36 vcpu_pc=0x401000\n"
        " q-9 [0] 1.000002: kvm_guest_fault: vcpu_pc=0x401000 hsr=2449473606 hxfar=0xffff0018 "
        "ipa=0x80000000\n"
        " q-9 [0] 1.000003: kvm_exit: ret=2 esr_ec=24 vcpu_pc=0x401000\n"
        " q-9 [0] 1.000004: kvm_sys_access: vcpu_pc=0x401000 is_write=1 name=X Op0=3 Op1=0 CRn=4 "
        "CRm=6 Op2=0\n"
        " q-9 [0] 1.000005: kvm_exit: ret=2 esr_ec=22 vcpu_pc=0x401000\n"
        " q-9 [0] 1.000006: kvm_hvc_arm64: vcpu_pc=0x401000 r0=0x84000003 imm=0\n"
        " q-9 [0] 1.000007: kvm_exit: ret=2 esr_ec=1 vcpu_pc=0x401000\n"
        " q-9 [0] 1.000008: kvm_wfx_arm64: vcpu_pc=0x401000 is_wfe=1\n");
    const struct vs_kvm_exit *x = e.thread[0].exit;
    assert_int_equal(e.exits, 4);
    assert_true(x[0].address == 0x80000018 && x[0].write);
    assert_true(x[1].write && x[1].what == VS_SYSREG(3u, 0u, 4u, 6u, 0u));
    assert_true(x[2].known && x[2].what == 0x84000003u);
    assert_int_equal(x[3].trap, VS_TRAP_PAUSE);
    vs_kvm_free(&e);
}

static void test_a_name_that_is_not_known_is_reported_as_it_stands(void **state)
{
    (void)state;
    struct vs_kvm_exits e =
        read_text(" q-9 [0] .... 1.000001: kvm_exit: vcpu 0 reason NEW_ONE rip 0x1 info1 0x0\n"
                  " q-9 [0] .... 1.000002: kvm_exit: vcpu 0 reason ANOTHER rip 0x1 info1 0x0\n"
                  " q-9 [0] .... 1.000003: kvm_exit: vcpu 0 reason NEW_ONE rip 0x1 info1 0x0\n"
                  " q-9 [0] .... 1.000004: kvm_exit: vcpu 0 reason npf rip 0x1 info1 0x0\n");
    const struct vs_kvm_exit *x = e.thread[0].exit;
    char number[24];
    assert_string_equal(vs_kvm_exit_name(&x[0], number, sizeof number), "NEW_ONE");
    assert_string_equal(vs_kvm_exit_name(&x[1], number, sizeof number), "ANOTHER");
    assert_ptr_equal(x[0].name, x[2].name);
    assert_string_equal(vs_kvm_op(&x[0]), "");
    vs_kvm_free(&e);
}

static void test_bytes_that_are_no_text_are_lines_that_are_no_events(void **state)
{
    (void)state;
    static const char text[] = " q-9 [0] .... 1.000001: kvm_exit: reason VMCALL rip 0x1\n"
                               "\0\1\377 and more\n";
    struct vs_kvm_exits e;
    char err[400] = "";
    assert_int_equal(vs_kvm_read_memory(text, sizeof text - 1, &e, err, sizeof err), VS_OK);
    assert_int_equal(e.exits, 1);
    assert_int_equal(e.foreign, 1);
    assert_int_equal(e.first_foreign, 2);
    vs_kvm_free(&e);
}

static void test_what_cannot_be_read_is_counted_with_its_line(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text("what is this\n"
                                      " q-9 [0] .... 1.000001: kvm_exit: nothing known\n"
                                      " q-9 [0] .... 1.000002: kvm_exit: reason VMCALL rip 0x1\n"
                                      " q-9 [0] .... 1.000003: kvm_en");
    assert_int_equal(e.exits, 1);
    assert_int_equal(e.unknown, 1);
    assert_int_equal(e.first_unknown, 2);
    assert_int_equal(e.foreign, 2);
    assert_int_equal(e.first_foreign, 1);
    assert_true(e.cut);
    vs_kvm_free(&e);
}

static void test_ticks_of_a_counter_are_no_time(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(" q-9 [0] .... 123456: kvm_exit: reason VMCALL rip 0x1\n"
                                      " q-9 [0] .... 223456: kvm_entry: vcpu 0\n");
    assert_true(e.ticks);
    assert_true(e.thread[0].exit[0].handler_ps == VS_KVM_UNKNOWN);
    vs_kvm_free(&e);
}

static void test_files_without_exits_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {{"", "no event kvm_exit"},
                {" q-9 [0] .... 1.000002: kvm_entry: vcpu 0\n", "no event kvm_exit"},
                {" q-9 [0] .... 1.000002: kvm_exit: SEPC:0x1, SCAUSE:0x8, STVAL:0x0\n", "RISC-V"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_kvm_exits e;
        char err[400] = "";
        assert_int_equal(
            vs_kvm_read_memory(rows[i].text, strlen(rows[i].text), &e, err, sizeof err),
            VS_E_INPUT);
        assert_non_null(strstr(err, rows[i].says));
        vs_kvm_free(&e);
    }
}

/* The requests of a thread's source, in order; how many. */
static unsigned requests(const struct vs_kvm_thread *t, struct vs_request *out, unsigned room)
{
    struct vs_kvm_source *s = vs_kvm_source_create(t);
    struct vs_guest_source source;
    unsigned n = 0;
    assert_non_null(s);
    vs_kvm_source(s, &source);
    do {
        assert_true(n < room);
        source.next(source.ctx, NULL, &out[n]);
    } while (out[n++].kind != VS_REQ_END);
    vs_kvm_source_destroy(s);
    return n - 1u;
}

static void test_a_page_that_faults_again_is_new_again(void **state)
{
    (void)state;
    struct vs_kvm_exits e = read_text(
        " q-9 [0] .... 1.000001: kvm_exit: vcpu 0 reason npf rip 0x1 info1 0x6 info2 0x20000\n"
        " q-9 [0] .... 1.000003: kvm_entry: vcpu 0\n"
        " q-9 [0] .... 1.000007: kvm_exit: vcpu 0 reason npf rip 0x1 info1 0x6 info2 0x21000\n"
        " q-9 [0] .... 1.000008: kvm_exit: vcpu 0 reason npf rip 0x1 info1 0x6 info2 0x20000\n"
        " q-9 [0] .... 1.000009: kvm_exit: vcpu 0 reason hlt rip 0x1 info1 0x0 info2 0x0\n"
        " q-9 [0] .... 1.000019: kvm_entry: vcpu 0\n");
    struct vs_request q[16];
    unsigned n = requests(&e.thread[0], q, 16);
    static const enum vs_req kinds[] = {VS_REQ_MAP, VS_REQ_ACCESS, VS_REQ_ELAPSE, VS_REQ_ACCESS,
                                        VS_REQ_MAP, VS_REQ_ACCESS, VS_REQ_SLEEP};
    assert_int_equal(n, sizeof kinds / sizeof kinds[0]);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(q[i].kind, kinds[i]);
    }
    assert_true(q[3].address == q[1].address + 0x1000);
    assert_true(q[5].address == q[4].address + 0x20000 && q[4].address != q[0].address);
    assert_true(q[1].op == VS_REQ_STORE);
    assert_true(q[2].ps == 4 * US);
    assert_true(q[6].ps == 10 * US);
    vs_kvm_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_printer_tells_the_same),
        cmocka_unit_test(test_line_ends_of_every_system_are_the_same),
        cmocka_unit_test(test_whose_exits_they_are_follows_from_names_not_from_letters),
        cmocka_unit_test(test_two_sides_of_a_loss_are_no_pair),
        cmocka_unit_test(test_a_thread_that_moved_keeps_its_pair),
        cmocka_unit_test(test_nested_events_are_not_exits_again),
        cmocka_unit_test(test_what_exits_say_of_their_operands),
        cmocka_unit_test(test_a_write_that_was_an_event_is_one),
        cmocka_unit_test(test_raw_fields_say_what_text_says),
        cmocka_unit_test(test_a_name_that_is_not_known_is_reported_as_it_stands),
        cmocka_unit_test(test_bytes_that_are_no_text_are_lines_that_are_no_events),
        cmocka_unit_test(test_what_cannot_be_read_is_counted_with_its_line),
        cmocka_unit_test(test_ticks_of_a_counter_are_no_time),
        cmocka_unit_test(test_files_without_exits_are_refused),
        cmocka_unit_test(test_a_page_that_faults_again_is_new_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
