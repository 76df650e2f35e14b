/* SPDX-License-Identifier: MIT */
/* Laws of rights: those a guest gives its own pages, and those that are withheld below it. */
#define TEST_NAME "rights"
#include "machine/test_run.h"

#define NATIVE "paging.mode=native"
#define ARM "paging.mode=stage2", "cpu.vendor=arm", "guest.format=arm"

static const char *const mode[] = {"none", "r", "rw", "rx", "rwx", "x"};
static const unsigned rights[] = {0, 1, 3, 5, 7, 4};
static const char *const name_of[] = {"load", "store", "fetch"};

/* The guest ends with a message that holds this text. */
static void ends(const char *script, const char *const *sets, const char *text)
{
    struct run r;
    run(&r, script, sets);
    assert_int_not_equal(r.status, VS_OK);
    if (!strstr(r.errors.text[0], text)) {
        fail_msg("'%s' does not say '%s'", r.errors.text[0], text);
    }
    done(&r);
}

static void test_an_access_that_the_guest_forbids_is_its_page_fault(void **state)
{
    (void)state;
    static const char *const ept[] = {NULL}, *const native[] = {NATIVE, NULL},
                             *const shadow[] = {"paging.mode=shadow", NULL};
    const char *const *where[] = {ept, native, shadow};
    for (size_t w = 0; w < 3; w++) {
        for (size_t m = 0; m < 5; m++) {
            for (unsigned a = 0; a < 3; a++) {
                char script[400], code[40];
                snprintf(script, sizeof script,
                         "guest(function(cpu) local m = cpu:map { bytes = 65536 }\n"
                         "cpu:store(m, 4096) cpu:protect(m:address() + 4096, 4096, '%s') "
                         "cpu:store(m, 0)\ncpu:%s(m, 4096) end)",
                         mode[m], name_of[a]);
                struct run r;
                if (rights[m] >> a & 1u) {
                    good(&r, script, where[w]);
                    done(&r);
                    continue;
                }
                /* P when the page is present, W/R, U/S, I/D */
                snprintf(code, sizeof code, "#PF, error code 0x%x",
                         (m ? 1u : 0u) | (a == 1 ? 2u : 0u) | 4u | (a == 2 ? 16u : 0u));
                ends(script, where[w], code);
            }
        }
    }
}

static void test_rights_that_come_back_bring_the_same_page(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local m = cpu:map { bytes = '4MiB' }\n"
        "cpu:stride { region = m, stride = 4096, op = 'store' }\n"
        "cpu:protect(m, 'none') cpu:protect(m:address() + 8192, 4096, 'rw') cpu:store(m, 8192)\n"
        "cpu:protect(m, 'rw') cpu:stride { region = m, stride = 4096, op = 'store' }\n"
        "cpu:protect(m, 'none') cpu:unmap(m) end)";
    static const char *const size[] = {"guest.page_size=4K", "guest.page_size=thp"};
    static const char *const paging[] = {NATIVE, "paging.mode=ept", "paging.mode=shadow"};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            struct run r;
            good(&r, script, (const char *[]){size[i], paging[k], "ept.verify=1", NULL});
            assert_int_equal(counter(&r, "vcpu0/guest", "ept.walk.disagreements"), 0);
            assert_int_equal(counter(&r, "vcpu0", "os.page_faults"), 0);
            assert_int_equal(counter(&r, "vcpu0", "os.thp.splits"), i);
            done(&r);
        }
    }
}

static void test_execute_only_is_arms_and_not_x86s(void **state)
{
    (void)state;
#define ONLY(what)                                                                                 \
    "guest(function(cpu) local m = cpu:map { bytes = 4096 } cpu:protect(m, 'x') cpu:" what         \
    "(m) end)"
    struct run r;
    ends(ONLY("fetch"), (const char *[]){NULL}, "protection keys");
    good(&r, ONLY("fetch"), (const char *[]){ARM, NULL});
    done(&r);
    ends(ONLY("load"), (const char *[]){ARM, NULL}, "permission fault, ESR_EL1.ISS 0xf");
    ends(ONLY("store"), (const char *[]){ARM, NULL}, "permission fault, ESR_EL1.ISS 0x4f");
}

/* SDM 3C table 28-7: what was asked for, what the entry allowed; bits 7 and 8: a linear address
 * was being used, for the access itself. The page is let go after it was seen once. */
static void test_a_right_withheld_below_exits_once_and_says_which(void **state)
{
    (void)state;
    for (size_t m = 0; m < 6; m++) {
        for (unsigned a = 0; a < 3; a++) {
            char script[700];
            unsigned denied = !(rights[m] >> a & 1u);
            snprintf(
                script, sizeof script,
                "guest(function(cpu) local m = cpu:map { bytes = 65536, page = '4K' } "
                "cpu:store(m, 4096)\n"
                "cpu:host_protect(m:address() + 4096, 4096, '%s') cpu:%s(m, 0) cpu:%s(m, 8192)\n"
                "if cpu:violations() ~= 0 then error('another page') end\n"
                "cpu:%s(m, 4096) cpu:store(m, 4096) cpu:compute(1)\n"
                "local n, q, at = cpu:violations()\n"
                "if %u == 1 and (n ~= 1 or q ~= %u or at %% 4096 ~= 0) then error(n .. ' ' .. q)"
                " end end)",
                mode[m], name_of[a], name_of[a], name_of[a], denied,
                1u << a | rights[m] << 3 | 3u << 7);
            struct run r;
            good(&r, script, (const char *[]){"ept.verify=1", NULL});
            uint64_t seen = counter(&r, "vm0", "host.protect.violations");
            assert_int_equal(op(&r, "vcpu0/host", named("exit.ept_violation"))->n, seen);
            /* the store after it is denied too where only that right was missing */
            assert_int_equal(seen, denied || !(rights[m] & 2u));
            assert_int_equal(counter(&r, "vcpu0/host", "hypervisor.user_exits"), seen);
            assert_int_equal(counter(&r, "vcpu0/guest", "ept.walk.disagreements"), 0);
            done(&r);
        }
    }
}

static void test_a_part_of_a_large_page_can_be_withheld(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local m = cpu:map { bytes = '4MiB' }\n"
        "cpu:host_protect(m:address() + 4096, 8192, 'r') cpu:store(m, 0) cpu:load(m, 4096)\n"
        "if cpu:violations() ~= 0 then error('too much') end cpu:store(m, 4096) cpu:store(m, 8192) "
        "cpu:compute(1)\nif cpu:violations() ~= 2 then error('too little') end\n"
        "cpu:host_protect(m, 'none') cpu:host_protect(m, 'rwx') cpu:store(m, 12288)\n"
        "cpu:compute(1) if cpu:violations() ~= 2 then error('not given back') end end)";
    static const char *const page[] = {"2M", "4K", "thp"};
    for (int g = 0; g < 3; g++) {
        for (int h = 0; h < 3; h++) {
            char guest[40], host[40];
            struct run r;
            snprintf(guest, sizeof guest, "guest.page_size=%s", page[g]);
            snprintf(host, sizeof host, "host.page_size=%s", page[h]);
            good(&r, script, (const char *[]){guest, host, "ept.verify=1", NULL});
            assert_int_equal(counter(&r, "vcpu0/guest", "ept.walk.disagreements"), 0);
            done(&r);
        }
    }
}

static void test_other_second_dimensions_withhold_too(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local m = cpu:map { bytes = 65536, page = '4K' } cpu:store(m)\n"
        "cpu:host_protect(m, 'r') cpu:load(m) cpu:store(m) cpu:compute(1)\n"
        "if cpu:violations() ~= 1 then error('store') end\n"
        "cpu:host_protect(m, 'none') cpu:load(m) cpu:compute(1)\n"
        "if cpu:violations() ~= 2 then error('load') end end)";
    struct run r;
    good(&r, script, (const char *[]){"paging.mode=npt", "cpu.vendor=amd", NULL});
    done(&r);
    good(&r, script, (const char *[]){ARM, NULL});
    done(&r);
    good(&r, script, (const char *[]){ARM, "host.granule=64K", "host.page_size=64K", NULL});
    done(&r);
}

static void test_the_log_and_somebody_outside_do_not_take_each_others_accesses(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu) local m = cpu:map { bytes = 65536, page = '4K' }\n"
        "cpu:stride { region = m, stride = 4096, op = 'store' } cpu:dirty_log()\n"
        "cpu:host_protect(m:address(), 4096, 'rw') cpu:store(m) cpu:compute(1)\n"
        "if cpu:violations() ~= 0 then error('the log took it') end\n"
        "cpu:host_protect(m:address() + 4096, 4096, 'r') cpu:store(m, 4096) cpu:compute(1)\n"
        "if cpu:violations() ~= 1 then error('somebody outside took it') end\n"
        "local f = cpu:dirty_log() if f < 2 or f > 9 then error(f) end\n"
        "cpu:store(m) cpu:store(m, 4096) local g = cpu:dirty_log() if g < 2 or g > 9 then error(g) "
        "end cpu:fetch(m) cpu:compute(1)\n"
        "if cpu:violations() ~= 2 then error('fetch') end end)";
    static const char *const sets[2][3] = {
        {"host.dirty_log.method=write_protect", NULL},
        {"host.dirty_log.method=pml", "vmcs.cap.proc2=0x27fff00000000", NULL}};
    for (int i = 0; i < 2; i++) {
        struct run r;
        good(&r, script, sets[i]);
        done(&r);
    }
}

static void test_what_cannot_be_withheld_is_refused(void **state)
{
    (void)state;
#define TAKE(how)                                                                                  \
    "guest(function(cpu) local m = cpu:map { bytes = 4096 } cpu:host_protect(m, '" how "') end)"
    ends(TAKE("r"), (const char *[]){NATIVE, NULL}, "second dimension");
    ends(TAKE("r"), (const char *[]){"paging.mode=shadow", NULL}, "second dimension");
    ends(TAKE("x"), (const char *[]){"ept.execute_only=0", NULL}, "ept.execute_only");
    ends(TAKE("x"), (const char *[]){"paging.mode=npt", "cpu.vendor=amd", NULL},
         "nested page tables");
    ends("guest(function(cpu) cpu:host_protect(4096, 4096, 'r') end)", (const char *[]){NULL},
         "mapped no memory");
    ends(TAKE("w"), (const char *[]){NULL}, "none|r|rw|rx|rwx|x");
}

/* Linux's PMD: one entry of the last level but one, 32M over 16K tables and 512M over 64K. */
static void test_transparent_large_pages_are_those_of_the_granule(void **state)
{
    (void)state;
    static const char script[] =
        "guest(function(cpu, p) local large = %u * 1048576\n"
        "  local heap = cpu:map { bytes = 2 * large + 65536, backing = 'touch' }\n"
        "  for at = 0, 2 * large, large / 2 do cpu:store(heap, at) end\n"
        "  cpu:protect(heap:address() + 65536, 65536, 'r')\n"
        "  cpu:load(heap, 65536) cpu:store(heap, 131072) cpu:store(heap, large)\n"
        "  local now = cpu:map { bytes = large }\n"
        "  cpu:unmap(now) end)\n";
    const struct {
        const char *machine, *granule;
        unsigned mib, shift;
    } c[] = {{"neoverse_n1_kvm", "guest.granule=4K", 2, 21},
             {"neoverse_n1_kvm", "guest.granule=16K", 32, 25},
             {"neoverse_n1_native", "guest.granule=16K", 32, 25},
             {"neoverse_n1_kvm", "guest.granule=64K", 512, 29},
             {NULL, "guest.granule=4K", 2, 21}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        char text[800];
        struct run r;
        snprintf(text, sizeof text, script, c[i].mib);
        machine = c[i].machine;
        good(&r, text,
             (const char *const[]){"guest.page_size=thp", c[i].granule,
                                   "guest.zero_page.clear.taken=0", "ept.verify=1", NULL});
        const uint64_t got[] = {counter(&r, "vcpu0", "os.page_faults"),
                                counter(&r, "vcpu0", "os.thp.pages"),
                                counter(&r, "vcpu0", "os.thp.splits"),
                                counter(&r, "vcpu0/guest", "ept.walk.disagreements")};
        if (got[0] != 3 || got[1] != 3 || got[2] != 1 || got[3]) {
            fail_msg("%s %s: %u faults, %u large, %u split", machine, c[i].granule,
                     (unsigned)got[0], (unsigned)got[1], (unsigned)got[2]);
        }
        done(&r);
        if (machine && strstr(machine, "native")) {
            continue; /* a device without an IOMMU wants a large page */
        }
        good(&r, text,
             (const char *const[]){"guest.page_size=thp", c[i].granule,
                                   "guest.zero_page.clear.taken=0", "guest.fragmentation=100",
                                   NULL});
        assert_int_equal(counter(&r, "vcpu0", "os.thp.pages"), 0);
        done(&r);
    }
    machine = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_access_that_the_guest_forbids_is_its_page_fault),
        cmocka_unit_test(test_rights_that_come_back_bring_the_same_page),
        cmocka_unit_test(test_execute_only_is_arms_and_not_x86s),
        cmocka_unit_test(test_a_right_withheld_below_exits_once_and_says_which),
        cmocka_unit_test(test_a_part_of_a_large_page_can_be_withheld),
        cmocka_unit_test(test_other_second_dimensions_withhold_too),
        cmocka_unit_test(test_the_log_and_somebody_outside_do_not_take_each_others_accesses),
        cmocka_unit_test(test_what_cannot_be_withheld_is_refused),
        cmocka_unit_test(test_transparent_large_pages_are_those_of_the_granule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
