/* SPDX-License-Identifier: MIT */
/* Laws of the instructions that drop translations, as guests execute them. */
#define TEST_NAME "invalidate"
#include "machine/test_run.h"

static uint64_t walks(const char *script, const char *set)
{
    struct run r;
    good(&r, script, (const char *const[]){set, NULL});
    uint64_t n = counter(&r, "vcpu0/guest", "ept.walks");
    done(&r);
    return n;
}

/* A page and a global one are loaded, then `what` happens, then they are loaded again. */
static uint64_t again(const char *what, const char *set)
{
    char script[1200];
    snprintf(
        script, sizeof script,
        "guest(function(cpu)\n"
        "  local page, kernel = cpu:map { bytes = 4096 }, cpu:map { bytes = 4096, global = true }\n"
        "  cpu:load(page) cpu:load(kernel)\n"
        "  cpu:mark('roi')\n"
        "  %s\n"
        "  cpu:load(page) cpu:load(kernel) end)\n",
        what);
    return walks(script, set);
}

static const char ept[] = "paging.mode=ept";

static void test_each_instruction_drops_what_the_manual_says(void **state)
{
    (void)state;
    const struct {
        const char *machine, *what;
        uint64_t walks;
    } c[] = {
        {NULL, "", 0},
        {NULL, "cpu:invlpg(page)", 1},
        {NULL, "cpu:invlpg(kernel)", 1},
        {NULL, "cpu:invpcid { type = 0, address = page }", 1},
        {NULL, "cpu:invpcid { type = 0, address = kernel }", 0},
        {NULL, "cpu:invpcid { type = 0, pcid = 1, address = page }", 0},
        {NULL, "cpu:invpcid { type = 1 }", 1},
        {NULL, "cpu:invpcid { type = 1, pcid = 3 }", 0},
        {NULL, "cpu:invpcid { type = 2 }", 2},
        {NULL, "cpu:invpcid { type = 3 }", 1},
        {NULL, "cpu:write_cr(3)", 1},
        {NULL, "cpu:write_cr(3, 1 << 63)", 0},
        {NULL, "cpu:write_cr(3, '0x8000000000000000')", 0},
        {NULL, "cpu:write_cr(4)", 0},
        {NULL, "cpu:write_cr(4, 0x20670)", 2},  /* PGE 1 -> 0 */
        {NULL, "cpu:write_cr(4, 0x6f0)", 2},    /* PCIDE 1 -> 0 */
        {NULL, "cpu:write_cr(4, 0x1206f0)", 2}, /* SMEP 0 -> 1: of the PCID, global ones too */
        {NULL, "cpu:write_cr(4, 0x206f4)", 0},  /* TSD */
        {NULL, "cpu:write_cr(4, 0x20670) cpu:load(kernel) cpu:write_cr(3)", 3}, /* not global now */
        {NULL, "local o = cpu:process() cpu:switch(o, 'flush') cpu:switch(0, 'keep')", 0},
        {"neoverse_n1_kvm", "cpu:tlbi('vae1', { address = page })", 1},
        {"neoverse_n1_kvm", "cpu:tlbi('vale1is', { address = kernel })", 1},
        {"neoverse_n1_kvm", "cpu:tlbi('vae1', { address = page, asid = 4 })", 0},
        {"neoverse_n1_kvm", "cpu:tlbi('vaale1', { address = page })", 1},
        {"neoverse_n1_kvm", "cpu:tlbi('aside1is', { asid = 0 })", 1},
        {"neoverse_n1_kvm", "cpu:tlbi('vmalle1')", 2},
        {"neoverse_n1_native", "cpu:tlbi('vmalle1is')", 2},
        {"neoverse_n1_native", "cpu:tlbi('alle1')", 0},
        {"zen3_milan_kvm", "cpu:invlpga { address = page, asid = 1 }", 1},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        machine = c[i].machine;
        uint64_t n = again(c[i].what, machine ? "sim.quantum=0" : ept);
        if (n != c[i].walks) {
            fail_msg("%s: %llu walks, not %llu", c[i].what, (unsigned long long)n,
                     (unsigned long long)c[i].walks);
        }
    }
    machine = NULL;
}

/* Shadow entries do not carry G (KVM's make_spte), and INVVPID knows no PCID. */
static void test_under_shadow_paging_no_page_is_global(void **state)
{
    (void)state;
    const struct {
        const char *what;
        uint64_t walks;
    } c[] = {
        {"", 0},
        {"cpu:write_cr(3)", 2},
        {"cpu:write_cr(3, 1 << 63)", 0},
        {"cpu:invlpg(page)", 1},
        {"cpu:invpcid { type = 3 }", 2},
        {"cpu:write_cr(4, 0x20670)", 2},
        {"local o = cpu:process() cpu:switch(o, 'flush') cpu:switch(0, 'keep')", 2},
    };
    static const char *const machines[] = {NULL, "zen3_milan_kvm"};
    for (size_t i = 0; i < 2u * sizeof c / sizeof c[0]; i++) {
        machine = machines[i % 2];
        uint64_t n = again(c[i / 2].what, "paging.mode=shadow");
        if (n != c[i / 2].walks) {
            fail_msg("%s: %llu walks, not %llu", c[i / 2].what, (unsigned long long)n,
                     (unsigned long long)c[i / 2].walks);
        }
    }
    machine = NULL;
}

/* By the hypervisor, in its exit: INVVPID, or TLB_CONTROL of the VMRUN that follows. */
static void test_under_shadow_paging_mov_to_cr3_drops_by_what_the_hypervisor_has(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local p = cpu:map { bytes = 4096 } cpu:load(p) cpu:mark('roi')\n"
        "  for i = 1, 10 do cpu:write_cr(3) end end)\n";
    struct run r;
    good(&r, script, (const char *const[]){"paging.mode=shadow", NULL});
    assert_int_equal(op(&r, "vcpu0/host", named("exit.cr_access"))->n, 10);
    assert_int_equal(part(&r, op(&r, "vcpu0/host", VS_OP_INVALIDATE), "vmcs.instruction.invvpid").n,
                     10);
    assert_int_equal(op(&r, "vcpu0/guest", VS_OP_INVALIDATE)->n, 0);
    assert_int_equal(part(&r, op(&r, "vcpu0/host", VS_OP_INVALIDATE), "ept.invalidate_context").n,
                     0);
    done(&r);
    machine = "zen3_milan_kvm";
    good(&r, script, (const char *const[]){"paging.mode=shadow", NULL});
    assert_int_equal(counter(&r, "vcpu0/host", "svm.flushes"), 10);
    assert_int_equal(part(&r, op(&r, "vcpu0/host", named("exit.cr_write")), "svm.entry.tlb").n, 10);
    assert_int_equal(op(&r, "vcpu0/guest", VS_OP_INVALIDATE)->n, 0);
    assert_int_equal(op(&r, "vcpu0/host", VS_OP_INVALIDATE)->n, 0);
    machine = NULL;
    done(&r);
}

static void test_invpcid_exits_where_invlpg_does(void **state)
{
    (void)state;
    static const char script[] = "guest(function(cpu) cpu:invpcid { type = 2 } end)\n";
    struct run r;
    good(&r, script, NONE);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.invpcid"))->n, 0);
    assert_int_equal(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "instruction.invpcid").n, 1);
    done(&r);
    good(&r, script, (const char *const[]){"vmcs.control.invlpg_exiting=1", NULL});
    assert_int_equal(op(&r, "vcpu0/host", named("exit.invpcid"))->n, 1);
    assert_int_equal(op(&r, "vcpu0/host", VS_OP_HANDLER_INVALIDATE)->n, 1);
    assert_int_equal(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "instruction.invpcid").n, 0);
    done(&r);
}

static void test_a_tlbi_leaves_the_guest_where_hcr_el2_says_so(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) cpu:tlbi('vmalle1') cpu:tlbi('vmalle1is') end)\n";
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r, script, NONE);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.sys64.tlbi"))->n, 0);
    /* HCR_EL2.FB: both wait for every core */
    assert_int_equal(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "instruction.dsb_shareable").n, 2);
    done(&r);
    good(&r, script, (const char *const[]){"el2.force_broadcast=0", NULL});
    assert_int_equal(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "instruction.dsb_shareable").n, 1);
    done(&r);
    good(&r, script, (const char *const[]){"el2.trap.tlbi=1", NULL});
    assert_int_equal(op(&r, "vcpu0/host", named("exit.sys64.tlbi"))->n, 2);
    assert_int_equal(counter(&r, "vcpu0", "os.tlbi"), 2);
    machine = NULL;
    done(&r);
}

static void test_arm_kernels_invalidate_by_tlbi_and_wait_once(void **state)
{
    (void)state;
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r,
         "guest(function(cpu) local a = cpu:map { bytes = '64KiB' } local b = cpu:map { bytes = "
         "'4MiB' } cpu:unmap(a) cpu:unmap(b) end)\n",
         NONE);
    assert_int_equal(counter(&r, "vcpu0", "os.tlbi"), 16 + 1); /* addresses; one ASID */
    const struct vs_op_acc *line = op(&r, "vcpu0", VS_OP_TIMELINE);
    assert_int_equal(part(&r, line, "instruction.dsb").n, 4);
    assert_int_equal(part(&r, line, "instruction.dsb_shareable").n, 2);
    assert_int_equal(part(&r, line, "instruction.invlpg").n, 0);
    assert_int_equal(part(&r, line, "instruction.mov_cr").n, 0);
    machine = NULL;
    done(&r);
}

static void test_shadow_paging_flushes_by_invvpid(void **state)
{
    (void)state;
    struct run r;
    good(&r,
         "guest(function(cpu) local a = cpu:map { bytes = 4096 } cpu:load(a) cpu:invlpg(a) "
         "cpu:invpcid { type = 0, address = a } cpu:invpcid { type = 2 } cpu:write_cr(4, 0x20670) "
         "end)\n",
         (const char *const[]){"paging.mode=shadow", NULL});
    const struct vs_op_acc *a = op(&r, "vcpu0/host", VS_OP_INVALIDATE);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.invlpg"))->n, 1);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.invpcid"))->n, 2);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.cr_access"))->n, 1);
    assert_true(part(&r, a, "vmcs.instruction.invvpid").n >= 4);
    assert_int_equal(part(&r, a, "vmcs.instruction.invvpid").n, a->n);
    assert_int_equal(part(&r, a, "ept.invalidate_context").n, 0);
    done(&r);
}

/* A round of the dirty log takes rights away. */
static void test_rights_of_the_second_dimension_are_dropped_by_its_own_instructions(void **state)
{
    (void)state;
    static const char rounds[] =
        "guest(function(cpu) local a = cpu:map { bytes = '16KiB' } cpu:dirty_log() cpu:store(a)\n"
        "  cpu:dirty_log() cpu:store(a) cpu:dirty_log() end)\n";
    const char *const log[] = {"host.dirty_log.method=write_protect", NULL};
    struct run r;
    good(&r, rounds, log);
    const struct vs_op_acc *a = op(&r, "vcpu0/host", VS_OP_INVALIDATE);
    assert_int_equal(part(&r, a, "vmcs.instruction.invept").n, 3);
    assert_int_equal(part(&r, a, "ept.invalidate_context").n, 0);
    done(&r);
    machine = "neoverse_n1_kvm";
    good(&r, rounds, log);
    assert_int_equal(counter(&r, "vcpu0", "os.tlbi"), 3);
    machine = NULL;
    done(&r);
}

static void test_what_an_instruction_is_not_ends_the_run_with_one_message(void **state)
{
    (void)state;
    const struct {
        const char *machine, *what, *why;
    } c[] = {
        {NULL, "cpu:tlbi('vmalle1')", "tlbi is Arm's; this machine is Intel's"},
        {NULL, "cpu:invlpga { address = 4096 }", "invlpga is AMD's; this machine is Intel's"},
        {"zen2_rome_native", "cpu:invlpga { address = 4096 }", "paging.mode = npt"},
        {NULL, "cpu:invpcid { type = 4 }", "type must be 0..3"},
        {NULL, "cpu:invpcid { type = 0 }", "needs an address"},
        {NULL, "cpu:write_cr(3, 1 << 50)", "reserved bits 0x4000000000000"},
        {NULL, "cpu:write_cr(4, 0x20650)", "PAE is clear"},
        {NULL, "cpu:write_cr(4, 1 << 40)", "bits 63:32"},
        {NULL, "cpu:write_cr(4, 0x6f0) cpu:write_cr(3, 1 << 63)", "bit 63 needs CR4.PCIDE"},
        {NULL, "cpu:write_cr(4, 0x6f0) cpu:invpcid { type = 1, pcid = 2 }", "#GP"},
        {NULL, "cpu:map { bytes = 4096, backing = 'touch', global = true }", "a kernel"},
        {"neoverse_n1_kvm", "cpu:invpcid { type = 2 }", "invpcid is x86's; this machine is Arm's"},
        {"neoverse_n1_kvm", "cpu:tlbi('alle1is')", "EL2's"},
        {"neoverse_n1_kvm", "cpu:tlbi('vae1')", "takes an address"},
        {"neoverse_n1_kvm", "cpu:tlbi('vmalle1', { asid = 1 })", "no asid"},
        {"neoverse_n1_kvm", "cpu:tlbi('vae3')", "must be one of"}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        char script[200];
        snprintf(script, sizeof script, "guest(function(cpu) %s end)\n", c[i].what);
        machine = c[i].machine;
        run(&r, script, NONE);
        assert_int_not_equal(r.status, VS_OK);
        assert_int_equal(r.errors.n, 1);
        if (!strstr(r.errors.text[0], c[i].why)) {
            fail_msg("%s: %s", c[i].what, r.errors.text[0]);
        }
        done(&r);
    }
    machine = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_instruction_drops_what_the_manual_says),
        cmocka_unit_test(test_under_shadow_paging_no_page_is_global),
        cmocka_unit_test(test_under_shadow_paging_mov_to_cr3_drops_by_what_the_hypervisor_has),
        cmocka_unit_test(test_invpcid_exits_where_invlpg_does),
        cmocka_unit_test(test_a_tlbi_leaves_the_guest_where_hcr_el2_says_so),
        cmocka_unit_test(test_arm_kernels_invalidate_by_tlbi_and_wait_once),
        cmocka_unit_test(test_shadow_paging_flushes_by_invvpid),
        cmocka_unit_test(test_rights_of_the_second_dimension_are_dropped_by_its_own_instructions),
        cmocka_unit_test(test_what_an_instruction_is_not_ends_the_run_with_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
