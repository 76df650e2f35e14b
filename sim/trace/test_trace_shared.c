/* SPDX-License-Identifier: MIT */
/* Whole traces of the shared collection against counts that were taken without these readers;
 * skipped without it. */
#define _GNU_SOURCE

#include "test_trace.h"

/* False if the shared samples are not on this machine. */
static bool shared_path(char *dst, size_t size, const char *file)
{
    const char *dir = getenv("VIRTSIM_SHARED");
    if (!dir)
        dir = VS_SHARED_DIR;
    snprintf(dst, size, "%s/traces/mem/%s", dir, file);
    FILE *f = fopen(dst, "rb");
    if (f)
        fclose(f);
    return f != NULL;
}

static void shared_traces_have_the_documented_counts(void **state)
{
    static const struct {
        const char *file;
        const char *format;
        uint64_t n[4]; /* I L S M */
    } rows[] = {
        {"straddle.lackey.zst", "lackey", {50905, 11762, 5816, 91}},
        {"chase.lackey.zst", "lackey", {827512, 204262, 2477, 31}},
        {"bbsort.lackey.zst", "lackey", {6482676, 1685004, 1053635, 17281}},
        {"sqlq.lackey.zst", "lackey", {10771153, 3080487, 1579569, 69240}},
        {"straddle.champsimtrace.xz", "champsim", {50905, 11853, 5907, 0}},
        {"sqlite_first300k.champsimtrace.xz", "champsim", {300000, 77802, 28276, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[1024];
        assert_true(shared_path(path, sizeof path, rows[i].file));
        expect_counts(path, rows[i].format, rows[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_traces_have_the_documented_counts),
    };
    char path[1024];
    if (!shared_path(path, sizeof path, "straddle.lackey.zst")) {
        return 77; /* skipped, and said so */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
