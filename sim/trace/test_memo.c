/* SPDX-License-Identifier: MIT */
/* Laws of a kept trace: a reader cannot tell it from the file, and the file is decoded once. */
#define _GNU_SOURCE
#include "memo.h"
#include "test_trace.h"

#define BLOCK 4096u

static uint64_t sum_of(const struct vs_trace_rec *rec, size_t n, uint64_t sum)
{
    const unsigned char *at = (const unsigned char *)rec;
    for (size_t i = 0; i < n * sizeof *rec; i++) {
        sum = (sum ^ at[i]) * 0x100000001b3u;
    }
    return sum;
}

struct seen {
    uint64_t records, sum, hashes, bytes;
};

/* Reads at most `blocks` blocks. */
static struct seen read_blocks(const char *path, size_t n, size_t blocks)
{
    char err[1200];
    struct seen s = {0, 0xcbf29ce484222325u, 0, 0};
    struct vs_trace_rec *rec = malloc(n * sizeof *rec);
    struct vs_trace *t = vs_trace_open(path, NULL, err, sizeof err);
    long got;
    if (!t) {
        fail_msg("%s", err);
    }
    assert_string_equal(vs_trace_info(t).format, "lackey");
    while (blocks-- && (got = vs_trace_read(t, rec, n)) > 0) {
        struct vs_trace_info info = vs_trace_info(t);
        s.records += (uint64_t)got;
        s.sum = sum_of(rec, (size_t)got, s.sum);
        s.hashes = s.hashes * 31u + info.xxh64 + info.records;
        s.bytes = info.bytes_read;
        assert_string_equal(info.compression, "zstd");
    }
    vs_trace_close(t);
    free(rec);
    return s;
}

static void same(struct seen a, struct seen b)
{
    assert_int_equal(a.records, b.records);
    assert_true(a.sum == b.sum && a.hashes == b.hashes && a.bytes == b.bytes);
}

static void test_a_kept_trace_is_the_file_and_is_decoded_once(void **state)
{
    static const char path[] = VS_SOURCE_DIR "/tests/traces/mem/straddle.lackey.zst";
    (void)state;
    struct seen whole = read_blocks(path, BLOCK, SIZE_MAX), part = read_blocks(path, BLOCK, 3);
    struct seen other = read_blocks(path, 1000, SIZE_MAX);
    vs_trace_memo_begin();
    same(part, read_blocks(path, BLOCK, 3));
    assert_int_equal(vs_trace_memo_decoded(), part.records);
    same(part, read_blocks(path, BLOCK, 3));
    assert_int_equal(vs_trace_memo_decoded(), part.records); /* the second time nothing is */
    same(whole, read_blocks(path, BLOCK, SIZE_MAX));         /* beyond what is kept */
    assert_int_equal(vs_trace_memo_decoded(), whole.records);
    same(whole, read_blocks(path, BLOCK, SIZE_MAX));
    assert_int_equal(vs_trace_memo_decoded(), whole.records);
    same(other, read_blocks(path, 1000, SIZE_MAX)); /* in blocks of another size: from the file */
    same(whole, read_blocks(path, BLOCK, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kept_trace_is_the_file_and_is_decoded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
