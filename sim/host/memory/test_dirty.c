/* SPDX-License-Identifier: MIT */
/* Laws of the dirty log: what is written is found, by either method, and at which price. */
#define TEST_NAME "dirty"
#include "machine/test_run.h"

#define PML "host.dirty_log.method=pml", "vmcs.cap.proc2=0x27fff00000000"
#define PROTECT "host.dirty_log.method=write_protect"
#define BEGIN                                                                                      \
    "guest(function(cpu) local n = 1200 local m = cpu:map { bytes = n * 4096, page = '4K' }\n"     \
    "local function write(k) cpu:stride { region = m, stride = 4096, bytes = k * 4096, "           \
    "op = 'store' } end\n"                                                                         \
    "write(n) if cpu:dirty_log() ~= 0 then error('the round that begins the log finds nothing') "  \
    "end\n"

static const char *const methods[2][4] = {{PML, "ept.verify=1", NULL},
                                          {PROTECT, "ept.verify=1", NULL}};

static uint64_t exits(const struct run *r, enum vs_op o)
{
    return op(r, "vcpu0/host", o)->n;
}

static void test_a_page_written_in_every_round_is_found_in_every_round(void **state)
{
    (void)state;
    static const char script[] =
        BEGIN "write(n) local first = cpu:dirty_log()\n"
              "if first < n or first > n + 16 then error('found ' .. first) end\n"
              "for i = 1, 3 do write(n) write(n) local f = cpu:dirty_log()\n"
              "if f ~= first then error('then ' .. f) end end end)";
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, script, methods[i]);
        uint64_t pages = counter(&r, "vm0", "host.dirty_log.pages");
        assert_int_equal(counter(&r, "vm0", "host.dirty_log.rounds"), 4);
        assert_int_equal(counter(&r, "vcpu0/guest", "ept.walk.disagreements"), 0);
        /* 512 pages an exit, the rest is read at the round's own; or one page an exit */
        assert_int_equal(exits(&r, named("exit.pml_full")), i ? 0 : 4 * ((pages / 4 - 1) / 512));
        assert_int_equal(exits(&r, named("exit.ept_violation")), i ? pages : 0);
        assert_int_equal(counter(&r, "vm0", "host.dirty_log.write_faults"), i ? pages : 0);
        assert_int_equal(counter(&r, "vm0", "host.dirty_log.entries"), i ? 0 : pages);
        assert_int_equal(op(&r, "vcpu0/host", VS_OP_DIRTY_LOG_ROUND)->n, 5);
        done(&r);
    }
}

static void test_a_page_that_is_not_written_is_not_found(void **state)
{
    (void)state;
    static const char script[] =
        BEGIN "write(100) local tables = cpu:dirty_log() - 100\n"
              "if tables < 0 or tables > 16 then error(tables) end\n"
              "if cpu:dirty_log() > tables then error('nothing was written') end\n"
              "cpu:stride { region = m, stride = 4096 } local read = cpu:dirty_log()\n"
              "if read > 16 then error('read, not written: ' .. read) end\n"
              "write(100) if cpu:dirty_log() ~= 100 + tables then error('written again') end end)";
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, script, methods[i]);
        done(&r);
    }
}

static void test_larger_pages_are_split_so_that_small_ones_are_told_apart(void **state)
{
    (void)state;
    static const char script[] = BEGIN
        "write(3) local f = cpu:dirty_log() if f < 3 or f > 10 then error(f) end\n"
        "local new = cpu:map { bytes = '8MiB', backing = 'host_touch' } cpu:store(new, 4096 * 77)\n"
        "local after = cpu:dirty_log() if after < 1 or after > 30 then error(after) end end)";
    static const char *const size[] = {"host.page_size=2M", "host.page_size=1G",
                                       "host.page_size=thp"};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            struct run r;
            const char *sets[] = {methods[i][0], i ? "ept.verify=1" : methods[i][1], size[k], NULL};
            good(&r, script, sets);
            assert_true(counter(&r, "vm0", "host.dirty_log.splits") > 0);
            assert_true(counter(&r, "vm0", "host.pages.large") > 0);
            done(&r);
        }
    }
}

static void test_what_another_vcpu_writes_is_found_too(void **state)
{
    (void)state;
    static const char script[] =
        "guest { vcpu = 0, run = function(cpu) cpu:dirty_log() local sum = 0\n"
        "for i = 1, 20 do cpu:wait { us = 100 } sum = sum + cpu:dirty_log() end\n"
        "if sum < 2400 then error('found only ' .. sum) end end }\n"
        "guest { vcpu = 1, run = function(cpu) local m = cpu:map { bytes = 1200 * 4096, page = "
        "'4K' }\n"
        "for i = 1, 2 do cpu:wait { us = 420 }\n"
        "cpu:stride { region = m, stride = 4096, op = 'store' } end cpu:wait { us = 400 } end }";
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, script, methods[i]);
        done(&r);
    }
}

/* Each vCPU leaves its guest once for the other's round, when it is in it. */
static void test_a_round_stops_every_vcpu_of_the_machine(void **state)
{
    (void)state;
    static const char script[] =
        "guest { vcpu = 0, run = function(cpu) for i = 1, 10 do cpu:compute(100000) "
        "cpu:dirty_log() end end }\n"
        "guest { vcpu = 1, run = function(cpu) cpu:compute(20000000) end }";
    for (int vms = 0; vms < 2; vms++) {
        struct run r;
        good(&r, script, (const char *[]){PROTECT, vms ? "guest.vms=each" : "guest.vms=one", NULL});
        assert_int_equal(op(&r, "vcpu1/host", named("exit.external_interrupt"))->n, vms ? 0 : 10);
        assert_int_equal(op(&r, "vcpu1/host", VS_OP_INVALIDATE)->n, vms ? 0 : 10);
        done(&r);
    }
}

static void test_rounds_come_by_themselves_after_an_interval(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local m = cpu:map { bytes = 64 * 4096, page = '4K' }\n"
        "for i = 1, 40 do cpu:stride { region = m, stride = 4096, op = 'store' } "
        "cpu:compute(100000) end end)";
    for (int i = 0; i < 2; i++) {
        struct run r;
        const char *sets[] = {methods[i][0], methods[i][1], "host.dirty_log.interval=100",
                              "guest.memory=64MiB", NULL};
        good(&r, script, sets);
        uint64_t rounds = counter(&r, "vm0", "host.dirty_log.rounds");
        uint64_t us = counter(&r, "vcpu0", "sim.line") / 1000000u;
        assert_true(rounds >= 3 && rounds <= us / 100);
        assert_true(counter(&r, "vm0", "host.dirty_log.pages") >= (rounds - 1) * 64);
        done(&r);
    }
}

static void test_other_second_dimensions_are_write_protected(void **state)
{
    (void)state;
    static const char script[] = BEGIN "for i = 1, 3 do write(n) local f = cpu:dirty_log()\n"
                                       "if f < n or f > n + 16 then error(f) end end end)";
    struct run r;
    good(&r, script,
         (const char *[]){PROTECT, "paging.mode=npt", "cpu.vendor=amd", "ept.verify=1", NULL});
    assert_true(exits(&r, VS_OP_HANDLER_STAGE2_FAULT) >= 3600);
    done(&r);
    good(&r, script,
         (const char *[]){PROTECT, "paging.mode=stage2", "cpu.vendor=arm", "guest.format=arm",
                          "ept.verify=1", NULL});
    assert_true(exits(&r, VS_OP_HANDLER_STAGE2_FAULT) >= 3600);
    done(&r);
}

static void test_without_a_log_rounds_cost_nothing(void **state)
{
    (void)state;
    struct run r;
    good(&r, "guest(function(cpu) cpu:dirty_log() end)", (const char *[]){NULL});
    assert_int_equal(counter(&r, "vcpu0", "sim.line"), 0);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_written_in_every_round_is_found_in_every_round),
        cmocka_unit_test(test_a_page_that_is_not_written_is_not_found),
        cmocka_unit_test(test_larger_pages_are_split_so_that_small_ones_are_told_apart),
        cmocka_unit_test(test_what_another_vcpu_writes_is_found_too),
        cmocka_unit_test(test_a_round_stops_every_vcpu_of_the_machine),
        cmocka_unit_test(test_rounds_come_by_themselves_after_an_interval),
        cmocka_unit_test(test_other_second_dimensions_are_write_protected),
        cmocka_unit_test(test_without_a_log_rounds_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
