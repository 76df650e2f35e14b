/* SPDX-License-Identifier: MIT */
/* Laws of the counters of one run: every lookup is counted once, whatever happens in between. */
#define TEST_NAME "counts"
#include "machine/test_run.h"

static const char mixed[] =
    "guest(function(cpu)\n"
    "local heap = cpu:map { bytes = '16MiB' } local fresh = cpu:map { bytes = 65536, backing = "
    "'host_touch', page = '4K' }\n"
    "for i = 0, 15 do cpu:random { region = heap, count = 2000 } cpu:store(fresh, i * 4096)\n"
    "cpu:load(heap, 4096 * i + 4092, 8) cpu:cpuid() cpu:stride { region = heap, count = 300, "
    "op = 'store' } end end)\n";

static uint64_t lookups(const struct run *r, const char *actor, const char *table)
{
    char name[64];
    snprintf(name, sizeof name, "ept.%s.hits", table);
    uint64_t hits = counter(r, actor, name);
    snprintf(name, sizeof name, "ept.%s.misses", table);
    return hits + counter(r, actor, name);
}

static void test_an_access_is_one_lookup_also_when_it_faults_and_is_issued_again(void **state)
{
    (void)state;
    struct run r;
    good(&r, mixed, NONE);
    const char *const actor[] = {"vcpu0/guest", "vcpu0/host"};
    for (int i = 0; i < 2; i++) {
        const char *a = actor[i];
        uint64_t data = counter(&r, a, "cpu.loads") + counter(&r, a, "cpu.stores"),
                 dirty = counter(&r, a, "cpu.dirty_walks"),
                 straddles = counter(&r, a, "cpu.line_straddles"),
                 misses =
                     counter(&r, a, "ept.l1_dtlb.misses") + counter(&r, a, "ept.l1_itlb.misses");
        /* a lookup hits, misses, or finds a clean entry for a store and walks; the two halves of a
         * straddling access are looked up apart */
        assert_int_equal(lookups(&r, a, "l1_dtlb") + dirty, data + straddles);
        assert_int_equal(lookups(&r, a, "l1_itlb"), counter(&r, a, "cpu.fetches"));
        /* the second level is asked by what misses the first; walks that set a dirty flag, and
         * those that fault, ask nobody */
        assert_int_equal(lookups(&r, a, "l2_tlb"), misses);
        assert_int_equal(counter(&r, a, "ept.walks"), counter(&r, a, "ept.l2_tlb.misses") + dirty +
                                                          counter(&r, a, "cpu.faults"));
    }
    assert_int_equal(counter(&r, "vcpu0/guest", "ept.violations"), 16);
    assert_int_equal(counter(&r, "vcpu0/guest", "cpu.faults"), 16);
    done(&r);
}

/* Guest and host use the same virtual addresses for their kernels. */
static void test_guest_and_host_of_one_address_never_answer_for_each_other(void **state)
{
    (void)state;
    struct run r;
    good(&r, mixed, (const char *const[]){"ept.verify=1", NULL});
    const char *const actor[] = {"vcpu0/guest", "vcpu0/host"};
    for (int i = 0; i < 2; i++) {
        assert_true(counter(&r, actor[i], "ept.walk.verified") > 0);
        assert_int_equal(counter(&r, actor[i], "ept.walk.disagreements"), 0);
    }
    done(&r);
}

/* An operation is stopped there and goes on, from a place that divides nothing. */
static void test_the_region_of_interest_begins_at_any_access_of_an_operation(void **state)
{
    static const char *const script[] = {
        "guest(function(cpu) local heap = cpu:map { bytes = '1MiB' }\n"
        "cpu:random { region = heap, count = 20000 } end)\n",
        "guest(function(cpu) local heap = cpu:map { bytes = '1MiB' }\n"
        "cpu:zipf { region = heap, count = 20000, stride = 4096, theta = 0.9 } end)\n",
        "guest(function(cpu) local heap = cpu:map { bytes = '1MiB' }\n"
        "cpu:chase { region = heap, count = 20000, stride = 64 } end)\n"};
    static const uint64_t warmup[] = {1, 31, 40, 5000, 12345, 19999};
    (void)state;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 6; j++) {
            struct run r;
            run_warm(&r, script[i], NONE, warmup[j]);
            assert_int_equal(r.status, VS_OK);
            assert_int_equal(op(&r, "vcpu0/guest", VS_OP_ACCESS_LOAD)->n, 20000 - warmup[j]);
            done(&r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_access_is_one_lookup_also_when_it_faults_and_is_issued_again),
        cmocka_unit_test(test_the_region_of_interest_begins_at_any_access_of_an_operation),
        cmocka_unit_test(test_guest_and_host_of_one_address_never_answer_for_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
