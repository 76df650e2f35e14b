/* SPDX-License-Identifier: MIT */
/* The caches, reduced by knobs to what cachegrind counts, give cachegrind's counts; per-line
 * counting gives the hardware-like ones. The longer traces are in the folder beside the project. */
#define _DEFAULT_SOURCE /* popen */
#include "cpu/cpu.h"
#include "effort.h"
#include "memory/memory.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct geometry {
    uint64_t i1[2], d1[2], ll[2], line;
};
static const struct geometry geometry[3] = {
    {{32768, 8}, {32768, 8}, {1048576, 16}, 64},
    {{16384, 4}, {8192, 2}, {262144, 8}, 64},
    {{4096, 1}, {4096, 1}, {65536, 4}, 32},
};

/* Of the project's own recordings, or of the folder beside it; NULL: it is not there. */
static FILE *trace_open(const char *name)
{
    char path[512], command[600];
    const char *shared = getenv("VIRTSIM_SHARED");
    (void)snprintf(path, sizeof path, VS_SOURCE_DIR "/tests/traces/mem/%s.lackey.zst", name);
    FILE *there = fopen(path, "rb");
    if (!there) {
        (void)snprintf(path, sizeof path, "%s/traces/mem/%s.lackey.zst",
                       shared ? shared : VS_SHARED_DIR, name);
        there = fopen(path, "rb");
    }
    if (!there) {
        return NULL;
    }
    (void)fclose(there);
    (void)snprintf(command, sizeof command, "zstd -dcq '%s'", path);
    return popen(command, "r");
}

/* Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw */
static bool replay(const char *name, const struct geometry *g, uint64_t straddle, uint64_t got[9])
{
    FILE *f = trace_open(name);
    if (!f) {
        return false;
    }
    struct vs_memory_config m;
    struct vs_cpu_config c;
    vs_defaults(&vs_memory_desc, &m);
    vs_defaults(&vs_cpu_desc, &c);
    m.line = g->line;
    m.l1i_size = g->i1[0];
    m.l1i_ways = g->i1[1];
    m.l1d_size = g->d1[0];
    m.l1d_ways = g->d1[1];
    m.l2_size = 0;
    m.llc_size = g->ll[0];
    m.llc_ways = g->ll[1];
    m.writeback = 0;
    m.straddle = straddle;
    c.translation = 0;
    struct vs_ledger *l = vs_ledger_create(1);
    struct vs_memory memory;
    struct vs_memory_core core;
    static struct vs_cpu cpu;
    struct vs_txn t;
    vs_ps zero = {0};
    assert_int_equal(vs_memory_init(&memory, &m, l, vs_clock_mhz(c.mhz), NULL, 1ull << 48, 1),
                     VS_OK);
    assert_int_equal(vs_cpu_init(&cpu, &c, l), VS_OK);
    assert_int_equal(vs_memory_core_init(&core, &memory, &cpu.data, &cpu.fetch), VS_OK);
    vs_cpu_attach(&cpu, NULL);
    vs_txn_begin(&t, l, vs_ledger_actor(l, "vcpu0/guest"), zero);
    vs_cpu_begin(&cpu, &t);
    char line[256];
    while (fgets(line, sizeof line, f)) {
        char *end;
        if (line[0] == '=' || (line[0] != 'I' && line[0] != ' ')) {
            continue;
        }
        vs_gva at = {strtoull(line + 3, &end, 16)};
        uint32_t bytes = (uint32_t)strtoul(end + 1, NULL, 10);
        enum vs_ref ref = line[0] == 'I'   ? VS_REF_FETCH
                          : line[1] == 'S' ? VS_REF_WRITE
                                           : VS_REF_READ;
        assert_int_equal(vs_cpu_access(&cpu, at, bytes, ref), VS_CPU_DONE);
    }
    (void)pclose(f);
    vs_txn_settle(&t);
    static const int first[3] = {VS_REF_FETCH, VS_REF_READ, VS_REF_WRITE};
    for (int i = 0; i < 3; i++) {
        const uint64_t *n = &core.count[VS_CNT_memory_l1_read_hits + 2 * first[i]];
        got[3 * i] = n[0] + n[1];
        got[3 * i + 1] = n[1];
        got[3 * i + 2] = core.count[VS_CNT_memory_llc_read_misses + 2 * first[i]];
    }
    vs_txn_end(&t);
    assert_int_equal(vs_ledger_unbalanced(l, NULL, 0), 0);
    vs_cpu_free(&cpu);
    vs_memory_core_free(&core);
    vs_memory_free(&memory);
    vs_ledger_destroy(l);
    return true;
}

/* Traces of millions of references are for a full effort. */
static bool affordable(uint64_t references)
{
    return references < 1000000 || effort_percent() >= 100;
}

static void miss_counts_equal_cachegrind(void **state)
{
    (void)state;
    static const struct {
        const char *trace;
        int g;
        uint64_t want[9];
    } row[] = {
        {"straddle", 0, {50905, 526, 526, 11853, 4323, 1171, 5816, 198, 132}},
        {"straddle", 1, {50905, 538, 526, 11853, 4383, 1171, 5816, 210, 132}},
        {"straddle", 2, {50905, 1080, 913, 11853, 4647, 1291, 5816, 338, 251}},
        {"chase", 0, {827512, 528, 528, 204293, 200149, 149, 2477, 404, 404}},
        {"chase", 1, {827512, 539, 528, 204293, 200218, 200139, 2477, 416, 404}},
        {"chase", 2, {827512, 1079, 884, 204293, 200421, 200220, 2477, 561, 527}},
        {"bbsort", 0, {6482676, 850, 844, 1702285, 7332, 267, 1053635, 2761, 1918}},
        {"bbsort", 1, {6482676, 923, 844, 1702285, 32877, 267, 1053635, 6680, 1918}},
        {"bbsort", 2, {6482676, 236247, 1547, 1702285, 127203, 6525, 1053635, 57966, 4295}},
        {"sqlq", 0, {10771153, 15737, 4399, 3149727, 5514, 727, 1579569, 3530, 2439}},
        {"sqlq", 1, {10771153, 308472, 6301, 3149727, 189025, 1654, 1579569, 26140, 2575}},
        {"sqlq", 2, {10771153, 1190920, 35503, 3149727, 453959, 16511, 1579569, 116043, 12093}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint64_t got[9];
        if (affordable(row[i].want[0]) &&
            replay(row[i].trace, &geometry[row[i].g], VS_MEM_STRADDLE_CACHEGRIND, got)) {
            assert_memory_equal(got, row[i].want, sizeof got);
        }
    }
}

static void a_split_access_is_one_reference_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *trace;
        uint64_t want[6]; /* data only */
    } row[] = {
        {"straddle", {16018, 4387, 1172, 5879, 258, 132}},
        {"bbsort", {1716327, 7866, 271, 1057191, 2767, 1923}},
        {"sqlq", {3154284, 5537, 740, 1582816, 3536, 2442}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint64_t got[9];
        if (!affordable(row[i].want[0]) ||
            !replay(row[i].trace, &geometry[0], VS_MEM_STRADDLE_SPLIT, got)) {
            continue;
        }
        assert_memory_equal(got + 3, row[i].want, sizeof row[i].want);
        if (!strcmp(row[i].trace, "sqlq")) {
            assert_int_equal(got[0], 11132686);
            assert_int_equal(got[1], 15877);
            assert_int_equal(got[2], 4443);
        }
    }
}

/* A zstd to read traces with. */
static bool traces_are_here(void)
{
    FILE *f = trace_open("straddle");
    bool some = f && fgetc(f) != EOF;
    if (f) {
        (void)pclose(f);
    }
    return some;
}

int main(void)
{
    if (!traces_are_here()) {
        return 77; /* skipped, and said so */
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(miss_counts_equal_cachegrind),
        cmocka_unit_test(a_split_access_is_one_reference_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
