/* SPDX-License-Identifier: MIT */
/* Laws of the recordings' file: what was written is read, and nothing else is taken for it. */
#include "recording/format.h"
#include "recording/recording.h"
#include "trace/trace.h"
#include "trace/trace_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH VS_BUILD_DIR "/tests/test_recording.vst"
#define TEXT "machine=skylake_sp_kvm\nset=cpu.window=8\nset=guest.vms=each\nwarmup=3\nvm=1\nvm=2\n"
#define VCPUS 3u

/* ---- programs, and a recording of them ---- */

static const struct vs_trace_rec record[] = {
    {.addr = 0x7000, .size = 8, .kind = VS_TRACE_LOAD, .gap = 2},
    {.addr = 0x6ff8, .size = 4, .kind = VS_TRACE_STORE, .gap = 1}};
static const struct vs_request first[] = {
    {.kind = VS_REQ_MAP, .bytes = 65536, .page_shift = 12},
    {.kind = VS_REQ_BULK,
     .address = 0,
     .bytes = 65536,
     .count = 9,
     .pattern = VS_PATTERN_ZIPF,
     .theta = 0.9},
    {.kind = VS_REQ_ACCESS, .address = 64, .bytes = 8, .op = VS_REQ_STORE, .depends = true},
    {.kind = VS_REQ_IPI, .a = 1, .b = 0xfd},
    {.kind = VS_REQ_MARK, .name = "roi"},
    {.kind = VS_REQ_END}};
static const struct vs_request second[] = {
    {.kind = VS_REQ_COMPUTE, .count = 300},
    {.kind = VS_REQ_TRACE, .records = record, .n_records = 2},
    {.kind = VS_REQ_IPI, .a = 2, .b = 0xfd},
    {.kind = VS_REQ_END}};
static const struct vs_request third[] = {{.kind = VS_REQ_HLT}, {.kind = VS_REQ_END}};
static const struct vs_request *programs[VCPUS] = {first, second, third};
static uint64_t answer; /* to each of their requests */

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    const struct vs_request **at = ctx;
    (void)reply;
    *out = *(*at)++;
}

static const char *no_error(void *ctx)
{
    (void)ctx;
    return "";
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

/* Runs the programs, vCPU `stopped` (if there is one) up to before its end. */
static enum vs_status write_file(const char *text, unsigned stopped, struct vs_errors *errors)
{
    const struct vs_request *at[VCPUS];
    struct vs_reply reply = {.value = answer};
    struct vs_recorder *r = vs_recorder_create(PATH, VCPUS, 7, text, errors);
    assert_non_null(r);
    for (unsigned v = 0; v < VCPUS; v++) {
        struct vs_guest_source s = {&at[v], next, no_error, close_nothing, NULL};
        struct vs_request q = {.kind = VS_REQ_HLT};
        at[v] = programs[v];
        vs_recorder_wrap(r, v, &s);
        while (q.kind != VS_REQ_END && (v != stopped || at[v]->kind != VS_REQ_END)) {
            s.next(s.ctx, &reply, &q);
        }
    }
    enum vs_status st = vs_recorder_finish(r, errors);
    vs_recorder_free(r);
    return st;
}

static uint8_t *make(const char *text, size_t *size)
{
    struct vs_errors errors = {NULL, 0};
    assert_int_equal(write_file(text, VCPUS, &errors), VS_OK);
    FILE *f = fopen(PATH, "rb");
    uint8_t *bytes = malloc(65536);
    assert_non_null(f);
    *size = fread(bytes, 1, 65536, f);
    fclose(f);
    remove(PATH);
    return bytes;
}

static struct vs_recording *opened(const uint8_t *bytes, size_t size)
{
    char err[1200] = "";
    struct vs_recording *r = vs_recording_open_memory(bytes, size, err, sizeof err);
    if (!r) {
        fail_msg("%s", err);
    }
    return r;
}

static void refused(const uint8_t *bytes, size_t size, const char *word)
{
    char err[1200] = "";
    struct vs_recording *r = vs_recording_open_memory(bytes, size, err, sizeof err);
    if (r || !strstr(err, word)) {
        fail_msg("wanted '%s', got '%s'", word, r ? "a recording" : err);
    }
}

/* Checksums of the header, the blocks and the end are made good again; the end is one of the
 * header's version. */
static void mend(uint8_t *bytes)
{
    struct vs_vst_header h;
    uint64_t n = 0;
    memcpy(&h, bytes, sizeof h);
    h.xxh64 = vs_vst_header_sum(&h, (const char *)bytes + sizeof h);
    memcpy(bytes, &h, sizeof h);
    uint8_t *at = bytes + sizeof h + h.text_bytes;
    struct vs_vst_block b;
    for (; memcpy(&b, at, sizeof b), b.vcpu != VS_VST_END; n++) {
        b.xxh64 = vs_vst_block_sum(n, &b, at + sizeof b);
        memcpy(at, &b, sizeof b);
        at += sizeof b + b.stored_bytes;
    }
    if (h.version == VS_VST_OLDEST) {
        b.raw_bytes = b.stored_bytes = 0;
    }
    b.xxh64 = h.version == VS_VST_OLDEST ? n : vs_vst_end_sum(n, &b);
    memcpy(at, &b, sizeof b);
}

/* ---- laws ---- */

static void test_what_was_asked_is_asked_again(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size);
    struct vs_recording *r = opened(bytes, size);
    struct vs_reply reply = {.value = 0};
    char value[64];
    assert_int_equal(vs_recording_vcpus(r), VCPUS);
    assert_int_equal(vs_recording_seed(r), 7);
    assert_true(vs_recording_text(r, "set", 1, value, sizeof value));
    assert_string_equal(value, "guest.vms=each");
    for (unsigned v = 0; v < VCPUS; v++) {
        struct vs_guest_source s;
        struct vs_request q;
        vs_recording_source(r, v, 0, &s);
        for (const struct vs_request *p = programs[v];; p++) {
            s.next(s.ctx, &reply, &q);
            assert_int_equal(q.kind, p->kind);
            assert_int_equal(q.address, p->address);
            assert_int_equal(q.bytes, p->bytes);
            assert_int_equal(q.count, p->count);
            assert_int_equal(q.a, p->a);
            assert_int_equal(q.n_records, p->n_records);
            assert_true(q.theta == p->theta && q.depends == p->depends);
            if (q.kind == VS_REQ_END) {
                break;
            }
        }
    }
    vs_recording_close(r);
    free(bytes);
}

/* Nor does the reader of traces take it for one of its formats. */
static void test_no_bit_can_flip_unseen(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size);
    char err[1200];
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        err[0] = 0;
        struct vs_recording *r = vs_recording_open_memory(bytes, size, err, sizeof err);
        if (r || !err[0]) {
            fail_msg("bit %zu of byte %zu of %zu", bit % 8, bit / 8, size);
        }
        struct vs_trace *t =
            bit < 32 ? vs_trace_open_memory(bytes, size, NULL, err, sizeof err) : NULL;
        if (t) {
            fail_msg("read as %s", vs_trace_info(t).format);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    vs_recording_close(opened(bytes, size));
    free(bytes);
}

static void test_no_cut_goes_unseen(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size);
    for (size_t n = 0; n < size; n++) {
        refused(bytes, n, "cut short");
    }
    free(bytes);
}

static void test_blocks_keep_their_order(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size), *other = malloc(size);
    struct vs_vst_block a, b;
    size_t at = sizeof(struct vs_vst_header) + strlen(TEXT);
    memcpy(&a, bytes + at, sizeof a);
    size_t one = sizeof a + a.stored_bytes;
    memcpy(&b, bytes + at + one, sizeof b);
    size_t two = sizeof b + b.stored_bytes;
    memcpy(other, bytes, size);
    memcpy(other + at, bytes + at + one, two);
    memcpy(other + at + two, bytes + at, one);
    refused(other, size, "the checksum of the block");
    free(bytes);
    free(other);
}

static void test_an_interrupt_stays_within_its_recording(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size);
    struct vs_recording *r = opened(bytes, size);
    struct vs_reply reply = {.value = 0};
    for (unsigned v = 0; v < 2; v++) {
        struct vs_guest_source s;
        struct vs_request q;
        vs_recording_source(r, v, 40, &s);
        do {
            s.next(s.ctx, &reply, &q);
        } while (q.kind != VS_REQ_IPI && q.kind != VS_REQ_END);
        assert_int_equal(q.kind, VS_REQ_IPI);
        assert_int_equal(q.a, 40 + v + 1);
        assert_int_equal(q.b, 0xfd);
    }
    vs_recording_close(r);
    free(bytes);
}

/* As a script's can: times that add up past the clock's range are nothing that a program asks. */
static void test_a_wait_is_no_longer_than_a_programs(void **state)
{
    (void)state;
    static const struct vs_request waits[] = {{.kind = VS_REQ_WAIT, .ps = VS_WAIT_PS_MAX},
                                              {.kind = VS_REQ_WAIT, .ps = VS_WAIT_PS_MAX + 1},
                                              {.kind = VS_REQ_END}};
    size_t size;
    programs[2] = waits;
    uint8_t *bytes = make(TEXT, &size);
    programs[2] = third;
    struct vs_recording *r = opened(bytes, size);
    struct vs_reply reply = {.value = 0};
    struct vs_guest_source s;
    struct vs_request q;
    vs_recording_source(r, 2, 0, &s);
    s.next(s.ctx, &reply, &q);
    assert_int_equal(q.kind, VS_REQ_WAIT);
    assert_int_equal(q.ps, VS_WAIT_PS_MAX);
    s.next(s.ctx, &reply, &q);
    assert_int_equal(q.kind, VS_REQ_ERROR);
    assert_non_null(strstr(s.error(s.ctx), "more than two hours"));
    vs_recording_close(r);
    free(bytes);
}

/* Every request that has an address, a new one too: what stays where it is says so here. */
static bool stays(const struct vs_request *q)
{
    uint64_t form = q->kind == VS_REQ_TLBI ? q->a & (VS_REQ_TLBI_IS - 1u) : 0;
    return q->kind == VS_REQ_MAP /* asks for a place */ || q->kind == VS_REQ_MMIO /* physical */ ||
           q->kind == VS_REQ_PLACE /* the recorded tables' */ ||
           q->kind == VS_REQ_EXIT /* physical */ || q->kind == VS_REQ_DEVICE /* a device's */ ||
           q->kind == VS_REQ_BAR_READ || q->kind == VS_REQ_BAR_WRITE /* of a register's memory */ ||
           q->kind == VS_REQ_IOEVENTFD /* a device's, or a port */ || form == VS_REQ_IPAS2E1 ||
           form == VS_REQ_IPAS2LE1 /* physical */;
}

static bool has_address(const struct vs_vst_kind *k)
{
    return k->fields && strpbrk(k->fields, "AF");
}

static void test_addresses_move_along_with_their_region(void **state)
{
    (void)state;
    enum { was = 0x10000, is = 0x200000, bytes = 0x4000, inside = 0x1040 };
    struct vs_request q[160] = {{.kind = VS_REQ_MAP, .bytes = bytes}};
    size_t n = 1, size, moved = 0;
    for (unsigned i = 1; i < vs_vst_n_kinds; i++) {
        unsigned forms = vs_vst_kinds[i].kind == VS_REQ_TLBI ? 2u * VS_REQ_TLBI_IS : 1u;
        for (unsigned form = 0; form < forms && has_address(&vs_vst_kinds[i]); form++) {
            q[n++] = (struct vs_request){
                .kind = vs_vst_kinds[i].kind, .address = was + inside, .bytes = 8, .a = form};
        }
    }
    q[n++] = (struct vs_request){.kind = VS_REQ_ACCESS, .address = was + bytes, .bytes = 8};
    q[n].kind = VS_REQ_END;
    const struct vs_request *const kept = programs[0];
    programs[0] = q;
    answer = was;
    uint8_t *file = make(TEXT, &size);
    programs[0] = kept;
    answer = 0;
    struct vs_recording *r = opened(file, size);
    struct vs_guest_source s;
    struct vs_request got;
    struct vs_reply reply = {.value = is};
    vs_recording_source(r, 0, 0, &s);
    for (size_t i = 0; i < n; i++) {
        uint64_t want = q[i].address;
        if (i && i < n - 1u && !stays(&q[i])) {
            want += is - was;
            moved++;
        }
        s.next(s.ctx, &reply, &got);
        assert_int_equal(got.kind, q[i].kind);
        if (got.address != want) {
            fail_msg("request %d, form %" PRIu64 ": %" PRIx64 " instead of %" PRIx64, (int)got.kind,
                     got.a, got.address, want);
        }
        reply.value = got.kind == VS_REQ_MAP ? is : 0;
    }
    assert_true(moved > 8);
    vs_recording_close(r);
    free(file);
}

static void test_vcpus_know_the_machine_they_were_recorded_on(void **state)
{
    (void)state;
    size_t size;
    unsigned machine[VCPUS];
    uint8_t *bytes = make(TEXT, &size);
    struct vs_recording *r = opened(bytes, size);
    vs_recording_machines(r, machine);
    assert_int_equal(machine[0], 0);
    assert_int_equal(machine[1], 1);
    assert_int_equal(machine[2], 1);
    vs_recording_close(r);
    free(bytes);
    bytes = make("vm=1\nvm=1\n", &size);
    refused(bytes, size, "do not have its 3 vCPUs");
    free(bytes);
}

static void test_a_text_of_unknown_keys_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *word;
    } bad[] = {{"zet=cpu.window=8\n", "'zet=cpu.window=8'"},
               {"machyne=zen2_rome_kvm\n", "machyne"},
               {"machine\n", "'machine'"},
               {"warmup=many\n", "is not a number"},
               {"=x\n", "'=x'"},
               {"\n", "is not one of machine, set"},
               {"vm=0\nvm=3\n", "3 vCPUs"},
               {"vm=18446744073709551616\n", "is not a number"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t size;
        uint8_t *bytes = make(bad[i].text, &size);
        refused(bytes, size, bad[i].word);
        free(bytes);
    }
}

static void test_other_versions_are_refused_with_what_to_do(void **state)
{
    (void)state;
    for (uint8_t version = 0; version < 5; version++) {
        size_t size;
        uint8_t *bytes = make(TEXT, &size);
        bytes[4] = version;
        mend(bytes);
        if (version == VS_VST_VERSION || version == VS_VST_OLDEST) {
            vs_recording_close(opened(bytes, size));
        } else {
            refused(bytes, size, "record the run again");
        }
        free(bytes);
    }
}

/* The newer version says it at its end, the older one's blocks are looked through. */
static void test_what_its_programs_ask_for_is_known_before_they_run(void **state)
{
    (void)state;
    for (uint8_t version = VS_VST_OLDEST; version <= VS_VST_VERSION; version++) {
        size_t size;
        uint8_t *bytes = make(TEXT, &size);
        bytes[4] = version;
        mend(bytes);
        struct vs_recording *r = opened(bytes, size);
        for (unsigned code = 0; code < vs_recording_codes(); code++) {
            bool asked = false;
            for (unsigned v = 0; v < VCPUS; v++) {
                const struct vs_request *q = programs[v];
                while (q->kind != VS_REQ_END && q->kind != code) {
                    q++;
                }
                asked = asked || q->kind == code;
            }
            assert_int_equal(vs_recording_asks(r, (enum vs_req)code), asked);
        }
        vs_recording_close(r);
        free(bytes);
    }
}

static void test_a_program_without_its_end_is_not_recorded(void **state)
{
    (void)state;
    struct vs_errors errors = {NULL, 0};
    assert_int_equal(write_file(TEXT, 1, &errors), VS_E_RUN);
    assert_non_null(strstr(errors.text[0], "the program of vCPU 1 has not come to its end"));
    vs_errors_free(&errors);
    assert_null(fopen(PATH, "rb"));
}

/* Written by something else: the count of ended programs says it, or the program itself does. */
static void test_a_program_without_its_end_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(TEXT, &size);
    struct vs_reply reply = {.value = 0};
    bytes[size - sizeof(struct vs_vst_block) + 4] = 2;
    mend(bytes);
    refused(bytes, size, "2 of its 3 programs have their end");
    bytes[size - sizeof(struct vs_vst_block) + 4] = 3;
    size_t at = sizeof(struct vs_vst_header) + strlen(TEXT);
    bytes[at + 4]--; /* requests of the first block: its end is left out */
    mend(bytes);
    struct vs_recording *r = opened(bytes, size);
    struct vs_guest_source s;
    struct vs_request q;
    vs_recording_source(r, 0, 0, &s);
    do {
        s.next(s.ctx, &reply, &q);
    } while (q.kind != VS_REQ_ERROR && q.kind != VS_REQ_END);
    assert_int_equal(q.kind, VS_REQ_ERROR);
    assert_non_null(strstr(s.error(s.ctx), "the program of this vCPU has no end"));
    vs_recording_close(r);
    free(bytes);
}

/* Every request that a guest may make has its place in the format, and what comes new is refused
 * until it has one. */
static void test_a_request_without_a_code_is_refused(void **state)
{
    (void)state;
    for (unsigned code = 1; code < vs_vst_n_kinds; code++) {
        const struct vs_vst_kind *k = &vs_vst_kinds[code];
        assert_true(!k->fields || k->kind == (enum vs_req)code);
        /* each field has a letter that reader and writer know */
        for (const char *f = k->fields; f && *f; f++) {
            assert_non_null(strchr("AFBzCabcepstwoPkgdxnvWRT", *f));
        }
    }
    assert_false(vs_vst_has(VS_REQ_ERROR) || vs_vst_has(vs_vst_n_kinds));
    static const struct vs_request unknown[] = {{.kind = (enum vs_req)250}, {.kind = VS_REQ_END}};
    const struct vs_request *at = unknown;
    struct vs_errors errors = {NULL, 0};
    struct vs_recorder *r = vs_recorder_create(PATH, 1, 1, TEXT, &errors);
    assert_non_null(r);
    struct vs_guest_source s = {&at, next, no_error, close_nothing, NULL};
    vs_recorder_wrap(r, 0, &s);
    struct vs_reply reply = {.value = 0};
    struct vs_request q;
    s.next(s.ctx, &reply, &q);
    assert_int_equal(q.kind, VS_REQ_ERROR);
    assert_non_null(strstr(s.error(s.ctx), "no request of kind 250"));
    vs_recorder_free(r);
    vs_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_asked_is_asked_again),
        cmocka_unit_test(test_no_bit_can_flip_unseen),
        cmocka_unit_test(test_no_cut_goes_unseen),
        cmocka_unit_test(test_blocks_keep_their_order),
        cmocka_unit_test(test_an_interrupt_stays_within_its_recording),
        cmocka_unit_test(test_a_wait_is_no_longer_than_a_programs),
        cmocka_unit_test(test_addresses_move_along_with_their_region),
        cmocka_unit_test(test_vcpus_know_the_machine_they_were_recorded_on),
        cmocka_unit_test(test_a_text_of_unknown_keys_is_refused_by_name),
        cmocka_unit_test(test_other_versions_are_refused_with_what_to_do),
        cmocka_unit_test(test_what_its_programs_ask_for_is_known_before_they_run),
        cmocka_unit_test(test_a_program_without_its_end_is_not_recorded),
        cmocka_unit_test(test_a_program_without_its_end_is_refused),
        cmocka_unit_test(test_a_request_without_a_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
