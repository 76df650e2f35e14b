/* SPDX-License-Identifier: MIT */
/* Laws of an address space that several vCPUs share: what one takes away the others hold until they
 * are made to drop it, and what that costs by interrupt, by hypercall and by broadcast. Under
 * shadow paging the hypervisor makes them, whenever an entry of the shadow they share loses a
 * right. */
#define TEST_NAME "shootdown"
#include "machine/test_run.h"

#define ONE(setting)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        setting, NULL                                                                              \
    }

/* vCPU 0 maps a page, and goes on at step 2, which vCPU 1 makes when it has it. */
#define VCPU_0                                                                                     \
    "local page, step = nil, 0\n"                                                                  \
    "guest(function(cpu) page = cpu:map { bytes = 4096 } cpu:store(page) step = 1\n"               \
    "  while step < 2 do cpu:compute(100) end\n"
#define VCPU_1                                                                                     \
    "guest { vcpu = 1, shares = 0, run = function(cpu)\n"                                          \
    "  while step < 1 do cpu:compute(100) end cpu:load(page)\n"

/* vCPU 1 has loaded a page that vCPU 0 unmaps, and loads it again. */
static const char unmap[] =
    VCPU_0 "  cpu:unmap(page) step = 3\n"
           "  while step < 4 do cpu:compute(100) end end)\n" VCPU_1 "  step = 2\n"
           "  while step < 3 do cpu:compute(100) end\n"
           "  cpu:load(page) step = 4 end }\n";
/* The same; vCPU 1 is halted meanwhile. */
static const char idle[] =
    VCPU_0 "  cpu:wait { us = 300 }\n"
           "  cpu:unmap(page) step = 3 cpu:compute(100000) cpu:ipi(1) end)\n" VCPU_1 "  step = 2\n"
           "  while step < 3 do cpu:hlt() end\n"
           "  cpu:load(page) end }\n";

static const char *const by[] = {"guest.shootdown=ipi", "guest.shootdown=hypercall",
                                 "guest.shootdown=broadcast", "guest.shootdown=none"};

static void
test_after_unmap_and_shootdown_no_other_vcpu_holds_the_page_and_before_it_does(void **state)
{
    (void)state;
    const struct {
        const char *machine, *how;
        uint64_t faults;
    } c[] = {{NULL, by[0], 1},
             {NULL, by[1], 1},
             {NULL, by[3], 0},
             {"skylake_sp_native", by[0], 1},
             {"skylake_sp_native", by[3], 0},
             {"zen3_milan_kvm", by[0], 1},
             {"zen3_milan_kvm", by[1], 1},
             {"zen3_milan_kvm", by[3], 0},
             {"neoverse_n1_kvm", by[2], 1},
             {"neoverse_n1_native", by[0], 1},
             {"neoverse_n1_native", by[2], 1},
             {"neoverse_n1_native", by[3], 0}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct run r;
        machine = c[i].machine;
        good(&r, unmap, ONE(c[i].how));
        if (counter(&r, "vcpu1", "os.page_faults") != c[i].faults) {
            fail_msg("%s %s", c[i].machine, c[i].how);
        }
        done(&r);
    }
    machine = NULL;
}

static void test_an_interrupt_shootdown_waits_for_the_handler_of_each_target(void **state)
{
    (void)state;
    struct run r;
    good(&r, unmap, ONE(by[0]));
    assert_int_equal(counter(&r, "vcpu0", "os.shootdown.targets"), 1);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, 1);
    assert_int_equal(op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY)->n, 1);
    assert_int_equal(part(&r, op(&r, "vcpu1/guest", VS_OP_IRQ), "instruction.invlpg").n, 1);
    /* not before the message has arrived and the handler has begun */
    assert_true(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "os.shootdown_wait").ps >
                op(&r, "vcpu1/apic", VS_OP_IRQ_DELIVERY)->min_ps);
    done(&r);
}

static void test_a_hypercall_shootdown_is_one_exit_here_and_one_there(void **state)
{
    (void)state;
    struct run r;
    good(&r, unmap, ONE(by[1]));
    assert_int_equal(op(&r, "vcpu0/host", named("exit.vmcall"))->n, 1);
    assert_int_equal(op(&r, "vcpu0/host", named("exit.wrmsr"))->n, 0);
    assert_true(part(&r, op(&r, "vcpu0/host", named("exit.vmcall")), "host.kick_wait").ps > 0);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, 1);
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, 0);
    assert_int_equal(part(&r, op(&r, "vcpu1/host", VS_OP_INVALIDATE), "vmcs.instruction.invvpid").n,
                     1);
    done(&r);
}

static void test_a_hypercall_leaves_a_halted_vcpu_alone_until_it_is_entered(void **state)
{
    (void)state;
    struct run r;
    good(&r, idle, ONE(by[1]));
    assert_int_equal(counter(&r, "vcpu0", "host.shootdown.kicks"), 0);
    assert_int_equal(counter(&r, "vcpu0", "host.shootdown.deferred"), 1);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, 0);
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 1);
    done(&r);
    good(&r, idle, ONE(by[0])); /* an interrupt wakes it */
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 1);
    assert_int_equal(counter(&r, "vcpu1", "os.interrupts"), 2);
    done(&r);
}

static void test_a_halt_that_does_not_exit_is_kicked_and_goes_on(void **state)
{
    (void)state;
    struct run r;
    good(&r, idle, (const char *const[]){by[1], "vmcs.control.hlt_exiting=0", NULL});
    assert_int_equal(counter(&r, "vcpu0", "host.shootdown.kicks"), 1);
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 1);
    assert_int_equal(counter(&r, "vcpu1", "os.interrupts"), 1); /* the one at the end */
    done(&r);
}

static void test_broadcast_interrupts_nobody(void **state)
{
    (void)state;
    struct run r;
    machine = "neoverse_n1_kvm";
    good(&r, unmap, ONE(by[2]));
    assert_int_equal(op(&r, "vcpu1/guest", VS_OP_IRQ)->n, 0);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.irq"))->n, 0);
    assert_int_equal(counter(&r, "vcpu0", "os.tlbi"), 1);
    assert_true(counter(&r, "vcpu0", "os.tlbi.dropped_elsewhere") >= 1);
    assert_int_equal(part(&r, op(&r, "vcpu0", VS_OP_TIMELINE), "instruction.dsb_shareable").n, 1);
    machine = NULL;
    done(&r);
}

static void test_two_vcpus_that_shoot_at_each_other_both_end(void **state)
{
    (void)state;
    static const char both[] =
        "local function work(cpu) local p = cpu:map { bytes = \"16KiB\" }\n"
        "  for i = 1, 30 do cpu:protect(p, 16384, i % 2 == 1 and \"r\" or \"rw\") end end\n"
        "guest(work) guest { vcpu = 1, shares = 0, run = work }\n"
        "guest { vcpu = 2, shares = 1, run = work }\n";
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, both, ONE(by[i]));
        assert_true(counter(&r, "vcpu2", "os.shootdowns") > 20);
        done(&r);
        good(&r, both,
             (const char *const[]){by[i], "vmcs.control.posted_interrupts=0",
                                   "vmcs.control.virtual_interrupt_delivery=0", NULL});
        done(&r);
    }
}

static void test_a_vcpu_elsewhere_flushes_when_it_comes_back(void **state)
{
    (void)state;
    static const char away[] =
        VCPU_0 "  cpu:unmap(page) step = 3\n"
               "  while step < 4 do cpu:compute(100) end end)\n" VCPU_1
               "  local other = cpu:process() cpu:switch(other, \"keep\") step = 2\n"
               "  while step < 3 do cpu:compute(100) end\n"
               "  cpu:switch(0, \"keep\") cpu:load(page) step = 4 end }\n";
    struct run r;
    good(&r, away, NONE);
    assert_int_equal(counter(&r, "vcpu1", "os.interrupts"), 0);
    assert_int_equal(counter(&r, "vcpu1", "os.shootdown.at_switch"), 1);
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 1);
    done(&r);
}

static void test_what_one_vcpu_maps_all_of_them_use(void **state)
{
    (void)state;
    static const char shared[] =
        "local region, all\n"
        "guest(function(cpu) region = cpu:map { bytes = \"1MiB\", backing = \"touch\" }\n"
        "  cpu:stride { region = region, stride = 4096 } cpu:compute(1) all = true end)\n"
        "guest { vcpu = 1, shares = 0, run = function(cpu)\n"
        "  while not all do cpu:compute(1000) end\n"
        "  cpu:stride { region = region, stride = 4096 } end }\n";
    struct run r;
    good(&r, shared, NONE);
    assert_int_equal(counter(&r, "vcpu0", "os.page_faults"), 256);
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 0);
    done(&r);
}

/* ---- shadow paging ---- */

#define SHADOW(...)                                                                                \
    (const char *const[])                                                                          \
    {                                                                                              \
        "paging.mode=shadow", __VA_ARGS__, NULL                                                    \
    }

/* KVM flushes all vCPUs when a shadow entry loses a right, whatever the guest does about its own.
 */
static void test_under_shadow_paging_the_host_takes_what_a_guest_forgets_to(void **state)
{
    (void)state;
    static const char *const machines[] = {NULL, "zen3_milan_kvm"};
    static const char *const sync[] = {"shadow.sync=trap", "shadow.sync=unsync"};
    static const char *const how[] = {"guest.shootdown=ipi", "guest.shootdown=hypercall",
                                      "guest.shootdown=none"};
    for (unsigned i = 0; i < 12; i++) {
        struct run r;
        machine = machines[i / 6];
        good(&r, unmap, SHADOW(sync[i / 3 % 2], how[i % 3], "shadow.verify=1"));
        if (counter(&r, "vcpu1", "os.page_faults") != 1 ||
            counter(&r, "vcpu0", "host.remote_flushes") == 0 ||
            counter(&r, "vcpu0/host", "shadow.disagreements") ||
            counter(&r, "vcpu1/host", "shadow.disagreements")) {
            fail_msg("%s %s %s", machine, sync[i / 3 % 2], how[i % 3]);
        }
        done(&r);
    }
    machine = NULL;
}

static void test_a_remote_flush_stops_each_guest_that_runs_and_waits_until_it_has_left(void **state)
{
    (void)state;
    struct run r;
    good(&r, unmap, SHADOW("guest.shootdown=none", "shadow.sync=trap"));
    uint64_t kicks = counter(&r, "vcpu0", "host.remote_flush.kicks");
    assert_true(kicks > 0);
    assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, kicks);
    /* it waits outside of its guest, at least until the message has arrived there */
    const struct vs_op_acc *flush = op(&r, "vcpu0/host", VS_OP_REMOTE_FLUSH);
    struct vs_part wait = part(&r, flush, "host.kick_wait");
    assert_true(wait.n > 0 && wait.n <= kicks);
    assert_true(wait.ps / wait.n > 250u * 250u); /* interrupt.message, at 4 GHz or less */
    /* each flushes its own VPID before it enters again */
    assert_true(part(&r, op(&r, "vcpu1/host", VS_OP_INVALIDATE), "vmcs.instruction.invvpid").n >=
                kicks);
    done(&r);
}

static void test_a_remote_flush_leaves_a_halted_guest_alone_until_it_is_entered(void **state)
{
    (void)state;
    struct run r;
    good(&r, idle, SHADOW("guest.shootdown=none", "shadow.sync=trap"));
    assert_true(counter(&r, "vcpu0", "host.remote_flush.deferred") > 0);
    assert_int_equal(counter(&r, "vcpu1", "os.page_faults"), 1);
    done(&r);
}

static void test_vcpus_of_one_machine_fill_each_others_shadow(void **state)
{
    (void)state;
    static const char both[] =
        "local region, all\n"
        "guest(function(cpu) region = cpu:map { bytes = \"1MiB\" }\n"
        "  cpu:stride { region = region, stride = 4096, op = \"store\" } cpu:compute(1) all = true "
        "end)\n"
        "guest { vcpu = 1, shares = 0, run = function(cpu)\n"
        "  while not all do cpu:compute(1000) end\n"
        "  cpu:mark('roi') cpu:stride { region = region, stride = 4096, op = \"store\" } end }\n";
    struct run r;
    good(&r, both, SHADOW("shadow.verify=1"));
    assert_int_equal(counter(&r, "vcpu1/host", "shadow.faults"), 0);
    done(&r);
}

/* Each takes rights while the others do; whoever waits has left its guest. */
static void test_vcpus_that_edit_a_shared_shadow_all_end(void **state)
{
    (void)state;
    static const char three[] =
        "local function work(cpu) local p = cpu:map { bytes = \"16KiB\", backing = \"touch\" }\n"
        "  for i = 1, 20 do cpu:protect(p, 16384, i % 2 == 1 and \"r\" or \"rw\")\n"
        "    if i % 2 == 0 then cpu:store(p) end cpu:load(p, 8192) end\n"
        "  cpu:unmap(p) end\n"
        "guest(work) guest { vcpu = 1, shares = 0, run = work }\n"
        "guest { vcpu = 2, shares = 1, run = work }\n";
    static const char *const how[] = {"guest.shootdown=ipi", "guest.shootdown=hypercall",
                                      "guest.shootdown=none"};
    static const char *const sync[] = {"shadow.sync=trap", "shadow.sync=unsync"};
    for (unsigned i = 0; i < 6; i++) {
        struct run r;
        good(&r, three, SHADOW(how[i % 3], sync[i / 3], "shadow.verify=1"));
        uint64_t flushes = 0, bad = 0;
        for (unsigned v = 0; v < 3; v++) {
            char line[16], host[16];
            snprintf(line, sizeof line, "vcpu%u", v);
            snprintf(host, sizeof host, "vcpu%u/host", v);
            flushes += counter(&r, line, "host.remote_flushes");
            bad += counter(&r, host, "shadow.disagreements");
        }
        assert_true(flushes > 20);
        assert_int_equal(bad, 0);
        done(&r);
        good(&r, three,
             SHADOW(how[i % 3], sync[i / 3], "vmcs.control.hlt_exiting=0", "host.tick_hz=20000",
                    "vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0",
                    "shadow.pages=40"));
        done(&r);
    }
}

static void test_the_same_shared_shadow_twice_gives_the_same_books(void **state)
{
    (void)state;
    uint64_t total[2];
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, unmap, SHADOW("guest.shootdown=ipi"));
        total[i] = op(&r, "vcpu1", VS_OP_TIMELINE)->total_ps;
        done(&r);
    }
    assert_int_equal(total[0], total[1]);
}

static void test_what_no_machine_has_is_refused_before_the_run(void **state)
{
    (void)state;
    const struct {
        const char *machine, *set, *why;
    } c[] = {{NULL, "guest.shootdown=broadcast", "broadcast is Arm's"},
             {"skylake_sp_native", "guest.shootdown=hypercall", "needs a hypervisor"},
             {"neoverse_n1_kvm", "guest.shootdown=hypercall", "x86 guests"},
             {NULL, "guest.vms=each", "different machines"}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        refused(unmap, c[i].machine, c[i].set, c[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_after_unmap_and_shootdown_no_other_vcpu_holds_the_page_and_before_it_does),
        cmocka_unit_test(test_an_interrupt_shootdown_waits_for_the_handler_of_each_target),
        cmocka_unit_test(test_a_hypercall_shootdown_is_one_exit_here_and_one_there),
        cmocka_unit_test(test_a_hypercall_leaves_a_halted_vcpu_alone_until_it_is_entered),
        cmocka_unit_test(test_a_halt_that_does_not_exit_is_kicked_and_goes_on),
        cmocka_unit_test(test_broadcast_interrupts_nobody),
        cmocka_unit_test(test_two_vcpus_that_shoot_at_each_other_both_end),
        cmocka_unit_test(test_a_vcpu_elsewhere_flushes_when_it_comes_back),
        cmocka_unit_test(test_what_one_vcpu_maps_all_of_them_use),
        cmocka_unit_test(test_under_shadow_paging_the_host_takes_what_a_guest_forgets_to),
        cmocka_unit_test(
            test_a_remote_flush_stops_each_guest_that_runs_and_waits_until_it_has_left),
        cmocka_unit_test(test_a_remote_flush_leaves_a_halted_guest_alone_until_it_is_entered),
        cmocka_unit_test(test_vcpus_of_one_machine_fill_each_others_shadow),
        cmocka_unit_test(test_vcpus_that_edit_a_shared_shadow_all_end),
        cmocka_unit_test(test_the_same_shared_shadow_twice_gives_the_same_books),
        cmocka_unit_test(test_what_no_machine_has_is_refused_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
