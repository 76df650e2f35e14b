/* SPDX-License-Identifier: MIT */
/*
 * Laws of the trace readers: what is in the file arrives, whatever the container; what is damaged
 * is named, and everything before it arrives. Damage and container tests: test_trace_damage.c.
 */
#define _GNU_SOURCE

#include "test_trace.h"

#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

/* --- whole traces against independent counts ---------------------------------------------------
 */

/* counted by workloads/traces/oracle.py */
static void own_trace_has_its_counts(void **state)
{
    static const uint64_t n[4] = {1223180, 311156, 112542, 25};
    char path[1024];
    (void)state;
    source_path(path, sizeof path, "workloads/traces/rowindex.lackey.zst");
    expect_counts(path, "lackey", n);
}

/* --- lackey ------------------------------------------------------------------------------------
 */

static void lackey_line_is_accepted_exactly_within_the_grammar(void **state)
{
    static const struct {
        const char *line;
        bool ok;
    } rows[] = {
        {"I  004014f0,2\n", true},
        {" L 004014f0,1\n", true},
        {" S 004014f0,9\n", true},
        {" M 004014f0,10\n", true},
        {" S 004014f0,512\n", true},
        {" S 004014f0,513\n", false},
        {" S 004014f0,0\n", false},
        {" S 004014f0,08\n", true},
        {" S 004014f0,99999999999999999999\n", false},
        {" S 004014f0,\n", false},
        {" L 1ffeffff78,8\n", true},
        {" L 04014f0,8\n", true}, /* 7 digits */
        {" L 0123456789abcdef,8\n", true},
        {" L 00123456789abcdef,8\n", false}, /* 17 digits */
        {" L 004014F0,8\n", true},
        {" L 0x4014f0,8\n", true},
        {" L 0040:4f0,8\n", false}, /* ':' follows '9' */
        {" L 0040/4f0,8\n", false}, /* '/' precedes '0' */
        {" L 0040`4f0,8\n", false}, /* '`' precedes 'a' */
        {" L 0040g4f0,8\n", false}, /* 'g' follows 'f' */
        {" L 0040\261"
         "4f0,8\n",
         false},
        {" L ffffffffffffffff,1\n", true},
        {" L ffffffffffffffff,2\n", false},
        {" L fffffffffffffff8,8\n", true},
        {" L fffffffffffffff9,8\n", false},
        {"I 004014f0,2\n", true},
        {" I 004014f0,2\n", true},
        {"L  004014f0,2\n", true},
        {" X 004014f0,2\n", false},
        {" L 004014f0,2\r\n", true},
        {" L 004014f0,2 \n", true},
        {"SB 004014f0\n", true},
        {"SB 004014f0,2\n", false},
        {"SB \n", false},
        {"==12== anything\n", true},
        {"==12==\n", true},
        {"--12-- warning\n", true},
        {"++12++ more\n", true},
        {"**12** of the program\n", true},
        {">>==12== of a valgrind in a valgrind\n", true},
        {"==00:00:01:02.345 12== with a time stamp\n", true},
        {"=-12=- x\n", false},
        {"--12== x\n", false},
        {" L 4,8\n", true},
        {" L ,8\n", false},
        {" L 004014f0,2\r", true},
        {" \t\n", true},
        {"L004014f0,2\n", false},
        {" LL 004014f0,2\n", false},
        {"==12= x\n", false},
        {"==== x\n", false},
        {"==x== x\n", false},
        {"\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "I  00401000,4\n%sI  00401004,4\n", rows[i].line);
        struct counts c = count(open_text(text, "lackey"));
        close_last();
        if ((c.end == 0) != rows[i].ok)
            fail_msg("%s", rows[i].line);
        assert_true(c.kind[VS_TRACE_FETCH] >= 1);
    }
}

static void lackey_values_arrive_in_order(void **state)
{
    struct vs_trace_rec r[8];
    (void)state;
    struct vs_trace *t = open_text("==7== Lackey, an example Valgrind tool\n"
                                   "SB 00401000\n"
                                   "I  00401000,4\n L 1ffeffff78,8\n"
                                   "==7== in between\n"
                                   " S 89abcdef,16\n M fedcba9876543210,512\n==7== \n",
                                   NULL);
    assert_int_equal(vs_trace_read(t, r, 8), 4);
    assert_rec(r[0], VS_TRACE_FETCH, 0x401000, 4);
    assert_rec(r[1], VS_TRACE_LOAD, 0x1ffeffff78, 8);
    assert_rec(r[2], VS_TRACE_STORE, 0x89abcdef, 16);
    assert_rec(r[3], VS_TRACE_MODIFY, 0xfedcba9876543210, 512);
    assert_int_equal(vs_trace_read(t, r, 8), 0);
    assert_int_equal(vs_trace_info(t).foreign, 0);
    close_last();
}

static void garbage_line_is_named_by_line_record_and_offset(void **state)
{
    struct vs_trace_rec r[8];
    (void)state;
    struct vs_trace *t = open_text("==7== banner\nI  00401000,4\nhello\nI  00401004,4\n", NULL);
    assert_int_equal(vs_trace_read(t, r, 8), 1);
    assert_int_equal(vs_trace_read(t, r, 8), -1);
    assert_contains(vs_trace_error(t), "line 3 at byte offset 27");
    assert_contains(vs_trace_error(t), "record 2");
    assert_contains(vs_trace_error(t), "\"hello\"");
    assert_contains(vs_trace_error(t), "lackey-mixed");
    assert_int_equal(vs_trace_read(t, r, 8), -1); /* it stays so */
    close_last();
}

static void foreign_lines_are_skipped_and_counted_only_when_asked(void **state)
{
    static const char text[] = "warming up\nI  00401000,4\nhello\n L 00402000,8\n==7== end\n";
    struct vs_trace_rec r[8];
    char err[1024];
    (void)state;
    struct vs_trace *t = open_text(text, "lackey-mixed");
    assert_int_equal(vs_trace_read(t, r, 8), 2);
    assert_int_equal(vs_trace_read(t, r, 8), 0);
    assert_int_equal(vs_trace_info(t).foreign, 2);
    close_last();
    assert_null(vs_trace_open_memory(text, sizeof text - 1, NULL, err, sizeof err));
    assert_contains(err, "--trace-format lackey-mixed");
}

/* Lines of many lengths over several buffers, against a parse by the C library. */
static void records_do_not_depend_on_where_buffers_end(void **state)
{
    static const size_t steps[] = {1, 2, 3, 63, 64, 65, 4096};
    size_t size;
    size_t n;
    char *text = make_lackey(60000, &size, &n);
    struct vs_trace_rec *want = calloc(n, sizeof *want);
    struct vs_trace_rec *got = calloc(n + 1, sizeof *got);
    size_t k = 0;
    (void)state;
    for (const char *line = text; *line;) {
        static const char letters[] = "ILSM";
        char letter;
        if (sscanf(line, " %c %" SCNx64 ",%" SCNu16, &letter, &want[k].addr, &want[k].size) == 3)
            want[k++].kind = (uint8_t)(strchr(letters, letter) - letters);
        line = strchr(line, '\n');
        assert_non_null(line);
        line++;
    }
    assert_int_equal(k, n);
    assert_true(size > 3 * 256 * 1024);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct vs_trace *t = open_bytes(text, size, NULL);
        size_t got_n = 0;
        long r;
        while ((r = vs_trace_read(t, got + got_n,
                                  n + 1 - got_n < steps[s] ? n + 1 - got_n : steps[s])) > 0)
            got_n += (size_t)r;
        assert_int_equal(r, 0);
        assert_int_equal(got_n, n);
        for (size_t i = 0; i < n; i++)
            assert_rec(got[i], want[i].kind, want[i].addr, want[i].size);
        close_last();
    }
    free(got);
    free(want);
    free(text);
}

static void line_may_be_as_long_as_the_buffer_and_no_longer(void **state)
{
    enum { longest = 256 * 1024 };
    (void)state;
    for (size_t length = longest; length <= longest + 1; length++) {
        static char text[longest + 64];
        int n = sprintf(text, "I  00401000,4\n");
        memset(text + n, 'x', length);
        for (int i = 0; i < 6; i++)
            text[n + i] = "==7== "[i];
        text[(size_t)n + length - 1] = '\n';
        struct counts c = count(open_bytes(text, (size_t)n + length, NULL));
        assert_int_equal(c.end, length <= longest ? 0 : -1);
        close_last();
    }
}

/* --- ChampSim ----------------------------------------------------------------------------------
 */

static void champsim_instruction_is_fetch_then_loads_then_stores(void **state)
{
    struct vs_trace_rec r[20];
    uint8_t raw[128];
    (void)state;
    champsim_record(raw, 0x401000, (uint64_t[4]){0, 0x1111, 0, 0x2222}, (uint64_t[2]){0, 0x3333});
    champsim_record(raw + 64, 0x401005, (uint64_t[4]){1, 2, 3, 4}, (uint64_t[2]){5, 6});
    for (size_t step = 1; step <= 20; step++) {
        struct vs_trace *t = open_bytes(raw, sizeof raw, NULL);
        long n = 0;
        for (long got;
             (got = vs_trace_read(t, r + n, step < 20 - (size_t)n ? step : 20 - (size_t)n)) > 0;)
            n += got;
        assert_int_equal(n, 11);
        assert_rec(r[0], VS_TRACE_FETCH, 0x401000, 1);
        assert_rec(r[1], VS_TRACE_LOAD, 0x1111, 8);
        assert_rec(r[2], VS_TRACE_LOAD, 0x2222, 8);
        assert_rec(r[3], VS_TRACE_STORE, 0x3333, 8);
        assert_rec(r[4], VS_TRACE_FETCH, 0x401005, 1);
        for (unsigned i = 0; i < 6; i++)
            assert_rec(r[5 + i], i < 4 ? VS_TRACE_LOAD : VS_TRACE_STORE, 1 + i, 8);
        close_last();
    }
}

static void impossible_champsim_record_is_named(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *text;
    } rows[] = {{8, 2, "is_branch"}, {9, 2, "branch_taken"}, {8, 1, NULL}, {9, 1, NULL}};
    struct vs_trace_rec r[20];
    uint8_t raw[128];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        champsim_record(raw, 0x401000, (uint64_t[4]){0}, (uint64_t[2]){0});
        champsim_record(raw + 64, 0x401005, (uint64_t[4]){0}, (uint64_t[2]){0});
        raw[64 + rows[i].at] = rows[i].value;
        struct vs_trace *t = open_bytes(raw, sizeof raw, "champsim");
        assert_int_equal(vs_trace_read(t, r, 20), rows[i].text ? 1 : 2);
        assert_int_equal(vs_trace_read(t, r, 20), rows[i].text ? -1 : 0);
        if (rows[i].text) {
            assert_contains(vs_trace_error(t), "instruction record 2 at byte offset 64");
            assert_contains(vs_trace_error(t), rows[i].text);
        }
        close_last();
    }
}

static void cloudsuite_records_are_read_when_named(void **state)
{
    struct vs_trace_rec r[20];
    uint8_t raw[192] = {0};
    char err[1024];
    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t words[8] = {0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24};
        put64(raw + 96 * i, 0x401000 + i);
        memcpy(raw + 96 * i + 24, words, sizeof words);
    }
    struct vs_trace *t = open_bytes(raw, sizeof raw, "champsim-cloudsuite");
    assert_int_equal(vs_trace_read(t, r, 20), 18);
    assert_rec(r[0], VS_TRACE_FETCH, 0x401000, 1);
    assert_rec(r[1], VS_TRACE_LOAD, 0x21, 8);
    assert_rec(r[8], VS_TRACE_STORE, 0x14, 8);
    assert_rec(r[9], VS_TRACE_FETCH, 0x401001, 1);
    close_last();
    raw[8] = 7; /* no record of any kind any more */
    assert_null(vs_trace_open_memory(raw, sizeof raw, NULL, err, sizeof err));
    assert_contains(err, "not recognised");
}

/* --- din ---------------------------------------------------------------------------------------
 */

static void din_labels_are_read_write_fetch_of_four_bytes(void **state)
{
    struct vs_trace_rec r[8];
    (void)state;
    struct vs_trace *t = open_text("2 400100\n0\t 7fffE8 tail is ignored\n\n1 0x10\r\n2 0", NULL);
    assert_string_equal(vs_trace_info(t).format, "din");
    assert_int_equal(vs_trace_read(t, r, 8), 4);
    assert_rec(r[0], VS_TRACE_FETCH, 0x400100, 4);
    assert_rec(r[1], VS_TRACE_LOAD, 0x7fffe8, 4);
    assert_rec(r[2], VS_TRACE_STORE, 0x10, 4);
    assert_rec(r[3], VS_TRACE_FETCH, 0, 4);
    assert_int_equal(vs_trace_read(t, r, 8), 0);
    close_last();
    t = open_text("2 400100\n2 400104\n3 0\n", "din");
    assert_int_equal(vs_trace_read(t, r, 8), 2);
    assert_int_equal(vs_trace_read(t, r, 8), -1);
    assert_contains(vs_trace_error(t), "line 3 at byte offset 18");
    close_last();
}

/* --- standard input, provenance, memory --------------------------------------------------------
 */

/* Standard input becomes a pipe into which a child writes data, repeat times. */
static pid_t feed_stdin(const void *data, size_t size, int repeat)
{
    int p[2];
    assert_int_equal(pipe(p), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(p[0]);
        for (; repeat > 0; repeat--)
            for (size_t done = 0; done < size;) {
                ssize_t n = write(p[1], (const char *)data + done, size - done);
                if (n <= 0)
                    _exit(1);
                done += (size_t)n;
            }
        _exit(0);
    }
    close(p[1]);
    assert_int_equal(dup2(p[0], STDIN_FILENO), STDIN_FILENO);
    close(p[0]);
    return child;
}

static void standard_input_reads_like_the_file(void **state)
{
    size_t size;
    size_t n;
    char err[1024] = "";
    char *text = make_lackey(30000, &size, &n);
    uint64_t hash[2];
    (void)state;
    struct vs_trace *t = open_bytes(text, size, NULL);
    count(t);
    hash[0] = vs_trace_info(t).xxh64;
    close_last();
    pid_t child = feed_stdin(text, size, 1);
    t = vs_trace_open("-", NULL, err, sizeof err);
    assert_string_equal(err, "");
    struct counts c = count(t);
    assert_int_equal(c.end, 0);
    assert_int_equal(vs_trace_info(t).records, n);
    assert_int_equal(vs_trace_info(t).bytes_total, 0);
    assert_int_equal(vs_trace_info(t).bytes_read, size);
    hash[1] = vs_trace_info(t).xxh64;
    vs_trace_close(t);
    waitpid(child, NULL, 0);
    assert_true(hash[0] == hash[1]);
    assert_true(hash[0] == XXH64(text, size, 0));
    free(text);
}

/* The same prefix asked for in other portions, through any container: same bytes, same hash. */
static void hash_covers_the_bytes_read_whatever_the_portions(void **state)
{
    struct vs_trace_rec r[1000];
    size_t size;
    size_t n;
    char *text = make_lackey(60000, &size, &n);
    (void)state;
    struct vs_trace *t = open_bytes(text, size, NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vs_trace_read(t, r, 1), 1);
    struct vs_trace_info one = vs_trace_info(t);
    close_last();
    t = open_bytes(text, size, NULL);
    assert_int_equal(vs_trace_read(t, r, 1000), 1000);
    struct vs_trace_info many = vs_trace_info(t);
    close_last();
    assert_true(one.bytes_read < size);
    assert_int_equal(one.bytes_read, many.bytes_read);
    assert_true(one.xxh64 == many.xxh64);
    assert_true(one.xxh64 == XXH64(text, one.bytes_read, 0));
    free(text);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void memory_does_not_grow_with_the_trace(void **state)
{
    enum { repeat = 40 };
    static struct vs_trace_rec r[4096];
    size_t size;
    size_t n;
    char *text = make_lackey(60000, &size, &n);
    (void)state;
    for (int codec = 0; codec < N_CODECS; codec++) {
        char err[1024] = "";
        size_t packed_size;
        uint8_t *packed = compress_as(codec, text, size, &packed_size);
        pid_t child = feed_stdin(packed, packed_size, repeat);
        struct vs_trace *t = vs_trace_open("-", NULL, err, sizeof err);
        assert_string_equal(err, "");
        uint64_t total = 0;
        long early = 0;
        for (long got; (got = vs_trace_read(t, r, 4096)) > 0;) {
            total += (uint64_t)got;
            if (early == 0 && total > 2 * n)
                early = resident_kib();
        }
        long late = resident_kib();
        assert_string_equal(vs_trace_error(t), "");
        assert_int_equal(total, n * repeat); /* 40 MB of text */
        assert_true(late - early < 2048);
        vs_trace_close(t);
        waitpid(child, NULL, 0);
        free(packed);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_trace_has_its_counts),
        cmocka_unit_test(lackey_line_is_accepted_exactly_within_the_grammar),
        cmocka_unit_test(lackey_values_arrive_in_order),
        cmocka_unit_test(garbage_line_is_named_by_line_record_and_offset),
        cmocka_unit_test(foreign_lines_are_skipped_and_counted_only_when_asked),
        cmocka_unit_test(records_do_not_depend_on_where_buffers_end),
        cmocka_unit_test(line_may_be_as_long_as_the_buffer_and_no_longer),
        cmocka_unit_test(champsim_instruction_is_fetch_then_loads_then_stores),
        cmocka_unit_test(impossible_champsim_record_is_named),
        cmocka_unit_test(cloudsuite_records_are_read_when_named),
        cmocka_unit_test(din_labels_are_read_write_fetch_of_four_bytes),
        cmocka_unit_test(standard_input_reads_like_the_file),
        cmocka_unit_test(hash_covers_the_bytes_read_whatever_the_portions),
        cmocka_unit_test(memory_does_not_grow_with_the_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
