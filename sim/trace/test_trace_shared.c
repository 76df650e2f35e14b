/* SPDX-License-Identifier: MIT */
/* Whole traces against counts that were taken without these readers. The longer ones are in the
 * folder beside the project. */
#define _GNU_SOURCE

#include "test_trace.h"

/* Where the trace is: among the project's own, or beside it; false: nowhere. */
static bool trace_path(char *dst, size_t size, const char *file)
{
    const char *shared = getenv("VIRTSIM_SHARED");
    const char *const dir[] = {VS_SOURCE_DIR "/tests", shared ? shared : VS_SHARED_DIR,
                               VS_SOURCE_DIR "/workloads"};
    for (size_t i = 0; i < sizeof dir / sizeof dir[0]; i++) {
        snprintf(dst, size, "%s/traces/%s%s", dir[i], i < 2 ? "mem/" : "", file);
        FILE *f = fopen(dst, "rb");
        if (f) {
            fclose(f);
            return true;
        }
    }
    return false;
}

static void traces_have_the_documented_counts(void **state)
{
    static const struct {
        const char *file;
        const char *format;
        uint64_t n[4]; /* I L S M */
    } rows[] = {
        {"rowindex.lackey.zst", "lackey", {1223180, 311156, 112542, 25}},
        {"straddle.lackey.zst", "lackey", {50905, 11762, 5816, 91}},
        {"chase.lackey.zst", "lackey", {827512, 204262, 2477, 31}},
        {"bbsort.lackey.zst", "lackey", {6482676, 1685004, 1053635, 17281}},
        {"sqlq.lackey.zst", "lackey", {10771153, 3080487, 1579569, 69240}},
        {"straddle.champsimtrace.xz", "champsim", {50905, 11853, 5907, 0}},
        {"sqlite_first300k.champsimtrace.xz", "champsim", {300000, 77802, 28276, 0}},
    };
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[1024];
        if (trace_path(path, sizeof path, rows[i].file)) {
            expect_counts(path, rows[i].format, rows[i].n);
            found++;
        }
    }
    assert_true(found >= 4); /* those that the project carries */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_have_the_documented_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
