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

/* One machine that a trace is replayed on. */
struct replayed {
    const struct geometry *geometry;
    uint64_t straddle;
    uint64_t got[9]; /* Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw */
    struct vs_ledger *ledger;
    struct vs_memory memory;
    struct vs_memory_core core;
    struct vs_cpu cpu;
    struct vs_txn txn;
};

static void begin(struct replayed *r)
{
    const struct geometry *g = r->geometry;
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
    m.straddle = r->straddle;
    c.translation = 0;
    vs_ps zero = {0};
    r->ledger = vs_ledger_create(1);
    assert_int_equal(
        vs_memory_init(&r->memory, &m, r->ledger, vs_clock_mhz(c.mhz), NULL, 1ull << 48, 1), VS_OK);
    assert_int_equal(vs_cpu_init(&r->cpu, &c, r->ledger), VS_OK);
    assert_int_equal(vs_memory_core_init(&r->core, &r->memory, &r->cpu.data, &r->cpu.fetch), VS_OK);
    vs_cpu_attach(&r->cpu, NULL);
    vs_txn_begin(&r->txn, r->ledger, vs_ledger_actor(r->ledger, "vcpu0/guest"), zero);
    vs_cpu_begin(&r->cpu, &r->txn);
}

static void end(struct replayed *r)
{
    static const int first[3] = {VS_REF_FETCH, VS_REF_READ, VS_REF_WRITE};
    vs_txn_settle(&r->txn);
    for (int i = 0; i < 3; i++) {
        const uint64_t *n = &r->core.count[VS_CNT_memory_l1_read_hits + 2 * first[i]];
        r->got[3 * i] = n[0] + n[1];
        r->got[3 * i + 1] = n[1];
        r->got[3 * i + 2] = r->core.count[VS_CNT_memory_llc_read_misses + 2 * first[i]];
    }
    vs_txn_end(&r->txn);
    assert_int_equal(vs_ledger_unbalanced(r->ledger, NULL, 0), 0);
    vs_cpu_free(&r->cpu);
    vs_memory_core_free(&r->core);
    vs_memory_free(&r->memory);
    vs_ledger_destroy(r->ledger);
}

/* Reading a trace costs as much as replaying it: it is read once for n machines. */
static bool replay(const char *name, struct replayed *on, size_t n)
{
    FILE *f = trace_open(name);
    if (!f) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        begin(&on[i]);
    }
    char line[256];
    while (fgets(line, sizeof line, f)) {
        char *rest;
        if (line[0] == '=' || (line[0] != 'I' && line[0] != ' ')) {
            continue;
        }
        vs_gva at = {strtoull(line + 3, &rest, 16)};
        uint32_t bytes = (uint32_t)strtoul(rest + 1, NULL, 10);
        enum vs_ref ref = line[0] == 'I'   ? VS_REF_FETCH
                          : line[1] == 'S' ? VS_REF_WRITE
                                           : VS_REF_READ;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(vs_cpu_access(&on[i].cpu, at, bytes, ref), VS_CPU_DONE);
        }
    }
    (void)pclose(f);
    for (size_t i = 0; i < n; i++) {
        end(&on[i]);
    }
    return true;
}

/* Traces of millions of references are for a full effort. */
static bool affordable(uint64_t references)
{
    return references < 1000000 || effort_percent() >= 100;
}

/* What cachegrind counts with each geometry, and what is counted with the first one when a
 * reference over two lines is two. */
static void miss_counts_equal_cachegrind_and_a_split_access_is_one_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *trace;
        uint64_t want[3][9];
        uint64_t split[9];
    } row[] = {
        {"straddle",
         {{50905, 526, 526, 11853, 4323, 1171, 5816, 198, 132},
          {50905, 538, 526, 11853, 4383, 1171, 5816, 210, 132},
          {50905, 1080, 913, 11853, 4647, 1291, 5816, 338, 251}},
         {0, 0, 0, 16018, 4387, 1172, 5879, 258, 132}},
        {"chase",
         {{827512, 528, 528, 204293, 200149, 149, 2477, 404, 404},
          {827512, 539, 528, 204293, 200218, 200139, 2477, 416, 404},
          {827512, 1079, 884, 204293, 200421, 200220, 2477, 561, 527}},
         {0}},
        {"bbsort",
         {{6482676, 850, 844, 1702285, 7332, 267, 1053635, 2761, 1918},
          {6482676, 923, 844, 1702285, 32877, 267, 1053635, 6680, 1918},
          {6482676, 236247, 1547, 1702285, 127203, 6525, 1053635, 57966, 4295}},
         {0, 0, 0, 1716327, 7866, 271, 1057191, 2767, 1923}},
        {"sqlq",
         {{10771153, 15737, 4399, 3149727, 5514, 727, 1579569, 3530, 2439},
          {10771153, 308472, 6301, 3149727, 189025, 1654, 1579569, 26140, 2575},
          {10771153, 1190920, 35503, 3149727, 453959, 16511, 1579569, 116043, 12093}},
         {11132686, 15877, 4443, 3154284, 5537, 740, 1582816, 3536, 2442}},
    };
    struct replayed *on = calloc(4, sizeof *on);
    assert_non_null(on);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        for (size_t g = 0; g < 4; g++) {
            memset(&on[g], 0, sizeof on[g]);
            on[g].geometry = &geometry[g % 3];
            on[g].straddle = g < 3 ? VS_MEM_STRADDLE_CACHEGRIND : VS_MEM_STRADDLE_SPLIT;
        }
        if (!affordable(row[i].want[0][0]) || !replay(row[i].trace, on, 4)) {
            continue;
        }
        for (size_t g = 0; g < 3; g++) {
            assert_memory_equal(on[g].got, row[i].want[g], sizeof on[g].got);
        }
        for (size_t k = 0; k < 9; k++) { /* 0: not known */
            if (row[i].split[k]) {
                assert_int_equal(on[3].got[k], row[i].split[k]);
            }
        }
    }
    free(on);
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
        cmocka_unit_test(miss_counts_equal_cachegrind_and_a_split_access_is_one_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
