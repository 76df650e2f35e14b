/* SPDX-License-Identifier: MIT */
/* What a message suggests for a name that nobody knows. */
#include "virtsim/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"ept.l1_dtlb_4k.entries",
                                    "ept.l1_dtlb_2m.entries",
                                    "ept.l1_dtlb_2m.ways",
                                    "ept.l2_tlb.entries",
                                    "ept.l2_tlb.ways",
                                    "guest.page_size",
                                    "skylake_sp_kvm",
                                    "skylake_sp_native",
                                    "exit.cpuid",
                                    "exit.hlt",
                                    "workload.footprint",
                                    "workload.count",
                                    "machines"};
#define N (sizeof names / sizeof names[0])

static void says(const char *word, const char *want)
{
    char out[VS_SUGGEST];
    vs_suggest(word, names, N, "none", out, sizeof out);
    assert_string_equal(out, want);
}

static void test_names_that_begin_like_the_word_come_first(void **state)
{
    (void)state;
    says("skylake", "did you mean 'skylake_sp_kvm' or 'skylake_sp_native'?");
    says("SkyLake-SP-KVM", "did you mean 'skylake_sp_kvm'?");
    says("machine", "did you mean 'machines'?");
    says("ept.l1_dtlb_2m", "did you mean 'ept.l1_dtlb_2m.ways' or 'ept.l1_dtlb_2m.entries'?");
}

static void test_names_that_share_the_words_parts_come_before_a_typo(void **state)
{
    (void)state;
    says("ept.l1_dtlb.entries",
         "did you mean 'ept.l1_dtlb_4k.entries' or 'ept.l1_dtlb_2m.entries'?");
    says("ept.l2_tlb.entrys", "did you mean 'ept.l2_tlb.entries'?");
    says("workload.foo", "did you mean 'workload.footprint'?");
    says("workload.bytes", "did you mean 'workload.count' or 'workload.footprint'?");
    says("page_size", "did you mean 'guest.page_size'?");
    says("skylake_kvm", "did you mean 'skylake_sp_kvm'?");
}

static void test_a_typo_is_found_by_its_distance(void **state)
{
    (void)state;
    says("exit.cupid", "did you mean 'exit.cpuid'?");
    says("mahcines", "did you mean 'machines'?");
}

static void test_what_is_like_nothing_is_not_guessed_at(void **state)
{
    (void)state;
    says("zzzz", "none");
    says("", "none");
    says("nic.ring", "none");
    char out[VS_SUGGEST];
    static const char *const few[] = {"left", "right"};
    assert_string_equal(vs_suggest("up", few, 2, NULL, out, sizeof out),
                        "known: 'left' or 'right'");
    assert_string_equal(vs_suggest("up", NULL, 0, NULL, out, sizeof out), "none is known");
}

static void test_many_as_good_names_are_counted_not_listed(void **state)
{
    (void)state;
    static const char *const many[] = {"x.a", "x.b", "x.c", "x.d", "x.e", "x.f", "x.g"};
    char out[VS_SUGGEST];
    vs_suggest("x.", many, 7, "none", out, sizeof out);
    assert_string_equal(out, "did you mean 'x.a', 'x.b', 'x.c', 'x.d', 'x.e' or one of 2 more?");
    char tiny[12];
    vs_suggest("x.", many, 7, "none", tiny, sizeof tiny); /* cut, not overrun */
    assert_int_equal(strlen(tiny), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_begin_like_the_word_come_first),
        cmocka_unit_test(test_names_that_share_the_words_parts_come_before_a_typo),
        cmocka_unit_test(test_a_typo_is_found_by_its_distance),
        cmocka_unit_test(test_what_is_like_nothing_is_not_guessed_at),
        cmocka_unit_test(test_many_as_good_names_are_counted_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
