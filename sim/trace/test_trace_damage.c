/* SPDX-License-Identifier: MIT */
/* Laws of the trace readers, second half: containers, cuts at every byte, corruption, misuse. */
#define _GNU_SOURCE

#include "test_trace.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const codec_name[N_CODECS] = {"none", "zstd", "xz", "gzip"};

static const uint64_t prime = 0x9e3779b185ebca87;
static uint64_t drained; /* hash of the records that drain() read */

/* Reads to the end; the number of records, and in *end 0 or -1. -2 in *end: open failed. */
static size_t drain(const void *data, size_t size, const char *format, int *end, char err[1024])
{
    static struct vs_trace_rec r[512];
    size_t n = 0;
    long got;
    void *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    err[0] = 0;
    struct vs_trace *t = vs_trace_open_memory(copy, size, format, err, 1024);
    *end = -2;
    drained = 0;
    if (t) {
        while ((got = vs_trace_read(t, r, 512)) > 0) {
            n += (size_t)got;
            for (long i = 0; i < got; i++)
                drained = (drained ^ r[i].addr ^ r[i].size ^ (uint64_t)r[i].kind << 60) * prime;
        }
        *end = (int)got;
        snprintf(err, 1024, "%s", vs_trace_error(t));
        vs_trace_close(t);
    }
    free(copy);
    assert_true((*end == 0) == (err[0] == 0)); /* an error always has a message */
    return n;
}

static const char lackey_text[] = "==7== Lackey, an example Valgrind tool\n"
                                  "I  00401000,4\n L 1ffeffff78,8\n"
                                  "==7== between\n"
                                  " S 1ffeffff70,16\nSB 00401004\n M 00402000,4\n==7== \n";
static const char din_text[] = "2 400100\n0 7fffe8\n1 7fffe0\n2 400104\n";

static size_t make_champsim(uint8_t *raw, size_t instructions)
{
    for (size_t i = 0; i < instructions; i++)
        champsim_record(raw + 64 * i, 0x401000 + 4 * i, (uint64_t[4]){0x1000 + 8 * i},
                        (uint64_t[2]){i & 1 ? 0x2000 + 8 * i : 0});
    return 64 * instructions;
}

static void every_format_reads_the_same_through_every_container(void **state)
{
    static uint8_t raw[64 * 4];
    size_t raw_size = make_champsim(raw, 4);
    const struct {
        const char *format;
        const void *data;
        size_t size;
        size_t records;
    } rows[] = {{"lackey", lackey_text, sizeof lackey_text - 1, 4},
                {"champsim", raw, raw_size, 10},
                {"din", din_text, sizeof din_text - 1, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int codec = 0; codec < N_CODECS; codec++) {
            struct vs_trace_rec r[16];
            size_t size;
            uint8_t *packed = compress_as(codec, rows[i].data, rows[i].size, &size);
            struct vs_trace *t = open_bytes(packed, size, NULL);
            assert_int_equal(vs_trace_read(t, r, 16), rows[i].records);
            assert_int_equal(vs_trace_read(t, r, 16), 0);
            assert_string_equal(vs_trace_info(t).format, rows[i].format);
            assert_string_equal(vs_trace_info(t).compression, codec_name[codec]);
            assert_int_equal(vs_trace_info(t).bytes_read, size);
            close_last();
            free(packed);
        }
}

/* Frames, streams and members may follow one another, cut anywhere, even inside a record. */
static void concatenated_containers_are_one_trace(void **state)
{
    size_t total = sizeof lackey_text - 1;
    char err[1024];
    int end;
    (void)state;
    for (int codec = 1; codec < N_CODECS; codec++)
        for (size_t cut = 0; cut <= total; cut++) {
            size_t a_size;
            size_t b_size;
            uint8_t *a = compress_as(codec, lackey_text, cut, &a_size);
            uint8_t *b = compress_as(codec, lackey_text + cut, total - cut, &b_size);
            a = realloc(a, a_size + b_size);
            memcpy(a + a_size, b, b_size);
            assert_int_equal(drain(a, a_size + b_size, NULL, &end, err), 4);
            assert_int_equal(end, 0);
            free(a);
            free(b);
        }
}

static void skippable_zstd_frame_may_lead(void **state)
{
    static const uint8_t skippable[12] = {0x5e, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'v', 's', 'i', 'm'};
    uint8_t file[512];
    size_t size;
    char err[1024];
    int end;
    uint8_t *packed = compress_as(1, lackey_text, sizeof lackey_text - 1, &size);
    (void)state;
    memcpy(file, skippable, sizeof skippable);
    memcpy(file + sizeof skippable, packed, size);
    assert_int_equal(drain(file, sizeof skippable + size, NULL, &end, err), 4);
    assert_int_equal(end, 0);
    free(packed);
}

/* A cut passes exactly at a line end; every whole line before it counts. */
static void lackey_cut_at_any_byte_is_seen_unless_between_lines(void **state)
{
    char err[1024];
    int end;
    (void)state;
    for (size_t cut = 0; cut <= sizeof lackey_text - 1; cut++) {
        size_t want = 0;
        for (size_t i = 0; i < cut; i++)
            want += lackey_text[i] == ',' && memchr(lackey_text + i, '\n', cut - i) &&
                    lackey_text[i + 1] != ' ';
        bool whole = want > 0 && lackey_text[cut - 1] == '\n';
        size_t got = drain(lackey_text, cut, "lackey", &end, err);
        assert_int_equal(got, want);
        assert_int_equal(end, whole ? 0 : want > 0 ? -1 : -2);
        if (end == -1)
            assert_contains(err, "truncated: the trace ends inside the line");
    }
}

static void champsim_cut_passes_only_at_whole_records(void **state)
{
    static const size_t records_in[] = {0, 2, 5, 7};
    uint8_t raw[64 * 3];
    size_t size = make_champsim(raw, 3);
    char err[1024];
    char where[128];
    int end;
    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        size_t records = drain(raw, cut, "champsim", &end, err);
        assert_int_equal(records, records_in[cut / 64]);
        assert_int_equal(end, cut < 64 ? -2 : cut % 64 ? -1 : 0);
        if (end != 0 && cut > 0) {
            snprintf(where, sizeof where, "instruction record %zu at byte offset %zu", cut / 64 + 1,
                     cut / 64 * 64);
            assert_contains(err, where);
            snprintf(where, sizeof where, "truncated: %zu of its 64 bytes", cut % 64);
            assert_contains(err, where);
        }
    }
}

/* No proper beginning of a compressed file passes; the whole does. */
static void compressed_file_cut_at_any_byte_is_seen(void **state)
{
    size_t text_size;
    size_t n;
    char *text = make_lackey(300, &text_size, &n);
    char err[1024];
    int end;
    (void)state;
    for (int codec = 1; codec < N_CODECS; codec++) {
        size_t size;
        uint8_t *packed = compress_as(codec, text, text_size, &size);
        for (size_t cut = 0; cut <= size; cut++) {
            size_t got = drain(packed, cut, NULL, &end, err);
            assert_true(cut == size ? end == 0 && got == n : end != 0 && got <= n);
            if (cut > 6 && cut < size) { /* the longest magic has 6 bytes */
                assert_contains(err, "truncated");
                assert_contains(err, codec_name[codec]);
                assert_contains(err, "byte offset");
            }
        }
        free(packed);
    }
    free(text);
}

/* What precedes a cut arrives: a long stream that lacks its last byte loses no record. */
static void records_before_the_damage_are_delivered(void **state)
{
    size_t text_size;
    size_t n;
    char *text = make_lackey(60000, &text_size, &n);
    char err[1024];
    int end;
    (void)state;
    for (int codec = 1; codec < N_CODECS; codec++) {
        size_t size;
        uint8_t *packed = compress_as(codec, text, text_size, &size);
        assert_int_equal(drain(packed, size - 1, NULL, &end, err), n);
        assert_int_equal(end, -1);
        assert_true(drain(packed, size / 2, NULL, &end, err) > n / 10);
        assert_int_equal(end, -1);
        free(packed);
    }
    free(text);
}

static void flipped_bit_in_a_compressed_file_changes_no_record_unseen(void **state)
{
    size_t text_size;
    size_t n;
    char *text = make_lackey(300, &text_size, &n);
    char err[1024];
    int end;
    (void)state;
    for (int codec = 1; codec < N_CODECS; codec++) {
        size_t size;
        uint8_t *packed = compress_as(codec, text, text_size, &size);
        assert_int_equal(drain(packed, size, NULL, &end, err), n);
        uint64_t want = drained;
        size_t seen = 0;
        /* past the headers: gzip's holds a time stamp and a system, which may be anything */
        for (size_t at = 16; at < size; at++) {
            packed[at] ^= 0x10;
            drain(packed, size, NULL, &end, err);
            /* some bits mean nothing: then nothing may change */
            if (end == 0 && drained != want)
                fail_msg("%s: byte %zu of %zu", codec_name[codec], at, size);
            seen += end != 0;
            packed[at] ^= 0x10;
        }
        assert_true(seen > (size - 16) * 99 / 100);
        free(packed);
    }
    free(text);
}

static void garbage_after_the_last_frame_is_seen(void **state)
{
    char err[1024];
    int end;
    (void)state;
    for (int codec = 1; codec < N_CODECS; codec++) {
        size_t size;
        uint8_t *packed = compress_as(codec, lackey_text, sizeof lackey_text - 1, &size);
        packed = realloc(packed, size + 16);
        memset(packed + size, 'x', 16);
        assert_int_equal(drain(packed, size + 16, NULL, &end, err), 4);
        assert_int_equal(end, -1);
        assert_contains(err, "corrupt");
        free(packed);
    }
}

/* --- misuse: all of it known on opening --------------------------------------------------------
 */

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void what_cannot_be_a_trace_fails_on_opening(void **state)
{
    static char tar[1024] = "rows.champsim";
    static const char only_banner[] = "==7== Lackey, an example Valgrind tool\n==7== end\n";
    static const char stray[] = "hello world, this is no trace\n";
    snprintf(tar + 257, 8, "ustar");
    const struct {
        const void *data;
        size_t size;
        const char *format;
        const char *text;
    } rows[] = {
        {"", 0, NULL, "empty"},
        {"", 0, "lackey", "empty"},
        {"", 0, "champsim", "empty"},
        {stray, sizeof stray - 1, NULL, "not recognised as a trace: it begins with \"hello world,"},
        {stray, sizeof stray - 1, NULL, "known formats: lackey, "},
        {stray, sizeof stray - 1, "lackey", "line 1 at byte offset 0"},
        {stray, sizeof stray - 1, "lackey-mixed", "no record"},
        {stray, sizeof stray - 1, "champsim", "instruction record 1"},
        {only_banner, sizeof only_banner - 1, NULL, "--trace-mem=yes"},
        {tar, sizeof tar, NULL, "a tar archive"},
        {lackey_text, sizeof lackey_text - 1, "champsim", "the content looks like lackey"},
        {lackey_text, sizeof lackey_text - 1, "lacky", "unknown trace format \"lacky\""},
        {"PK\003\004....", 8, NULL, "zip stream is truncated"},
        {"BZh91AY", 7, NULL, "bzip2"},
        {"\x28\xb5\x2f\xfd", 4, NULL, "zstd stream is truncated"},
        {"\x28\xb5\x2f", 3, NULL, "not recognised"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char err[1024];
        int end;
        drain(rows[i].data, rows[i].size, rows[i].format, &end, err);
        assert_int_equal(end, -2);
        assert_contains(err, rows[i].text);
        assert_contains(err, "memory: "); /* the name of the file */
    }
    for (int codec = 1; codec < N_CODECS; codec++) {
        char err[1024];
        int end;
        size_t size;
        uint8_t *packed = compress_as(codec, "", 0, &size);
        drain(packed, size, NULL, &end, err);
        assert_int_equal(end, -2);
        assert_contains(err, "empty once decompressed");
        free(packed);
    }
}

static void files_are_judged_by_content_and_errors_name_them(void **state)
{
    char dir[] = "/tmp/vs_test_trace_XXXXXX";
    char path[128];
    char err[1024] = "";
    struct vs_trace_rec r[16];
    size_t size;
    uint8_t *packed = compress_as(2, lackey_text, sizeof lackey_text - 1, &size);
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/lies.champsim.zst", dir); /* xz of lackey text */
    write_file(path, packed, size);
    struct vs_trace *t = vs_trace_open(path, NULL, err, sizeof err);
    assert_string_equal(err, "");
    assert_int_equal(vs_trace_read(t, r, 16), 4);
    assert_string_equal(vs_trace_info(t).compression, "xz");
    assert_string_equal(vs_trace_info(t).format, "lackey");
    assert_int_equal(vs_trace_info(t).bytes_total, size);
    vs_trace_close(t);

    write_file(path, "", 0);
    assert_null(vs_trace_open(path, NULL, err, sizeof err));
    assert_contains(err, path);
    assert_contains(err, "empty");
    unlink(path);
    assert_null(vs_trace_open(path, NULL, err, sizeof err));
    assert_contains(err, path);
    assert_contains(err, "No such file");
    assert_null(vs_trace_open(dir, NULL, err, sizeof err));
    assert_contains(err, "is a directory");
    rmdir(dir);
    free(packed);
}

static void format_table_is_sound(void **state)
{
    size_t n;
    const struct vs_trace_format *f = vs_trace_formats(&n);
    (void)state;
    assert_true(n >= 4);
    for (size_t i = 0; i < n; i++) {
        assert_false(f[i].detect((const uint8_t *)"", 0, true));
        assert_true(strlen(f[i].description) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(f[i].name, f[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_reads_the_same_through_every_container),
        cmocka_unit_test(concatenated_containers_are_one_trace),
        cmocka_unit_test(skippable_zstd_frame_may_lead),
        cmocka_unit_test(lackey_cut_at_any_byte_is_seen_unless_between_lines),
        cmocka_unit_test(champsim_cut_passes_only_at_whole_records),
        cmocka_unit_test(compressed_file_cut_at_any_byte_is_seen),
        cmocka_unit_test(records_before_the_damage_are_delivered),
        cmocka_unit_test(flipped_bit_in_a_compressed_file_changes_no_record_unseen),
        cmocka_unit_test(garbage_after_the_last_frame_is_seen),
        cmocka_unit_test(what_cannot_be_a_trace_fails_on_opening),
        cmocka_unit_test(files_are_judged_by_content_and_errors_name_them),
        cmocka_unit_test(format_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
