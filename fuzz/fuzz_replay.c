/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the records of a trace and as what is wanted of it. Beyond the sanitizers: every
 * record and every instruction lands in one part, in order; a part ends between two instructions;
 * and the blocks in which the records come change nothing.
 */
#include "../sim/replay/parts.h"
#include "../sim/trace/trace.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, HEAD = 7 };

struct sum {
    uint64_t records[4], instructions[4];
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t count(const struct vs_trace_rec *r)
{
    return r->kind == VS_TRACE_FETCH ? 1u : r->gap;
}

static struct sum take(const uint8_t *data, size_t n, const struct vs_parts_wanted *w, size_t block)
{
    static struct vs_trace_rec rec[MOST];
    struct vs_parts p;
    struct sum s = {{0}, {0}};
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        rec[i] = (struct vs_trace_rec){
            .addr = i, .size = 1, .kind = data[i] & 3u, .gap = (data[i] & 3u) ? data[i] >> 4 : 0};
        all += count(&rec[i]);
    }
    vs_parts_begin(&p, w);
    for (size_t from = 0; from < n && p.part < VS_PART_OVER; from += block) {
        size_t have = n - from < block ? n - from : block;
        for (size_t at = 0; at < have && p.part < VS_PART_OVER;) {
            bool ends;
            uint32_t split;
            enum vs_replay_part part = p.part;
            size_t k = vs_parts_take(&p, rec + from + at, have - at, &ends, &split);
            must(k <= have - at && (ends || at + k == have));
            for (size_t i = 0; i < k; i++)
                s.instructions[part] += count(&rec[from + at + i]);
            s.records[part] += k;
            s.instructions[part] += split;
            at += k;
            must(!ends || at == have || split || count(&rec[from + at]) || !p.begun);
            if (ends)
                vs_parts_next(&p);
        }
    }
    must(s.instructions[0] + s.instructions[1] + s.instructions[2] <= all);
    char err[600] = "";
    bool good = p.part == VS_PART_OVER || vs_parts_end(&p, "t", err, sizeof err);
    must(good == !*err);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD || size > MOST)
        return 0;
    struct vs_parts_wanted w = {{data[0] * 3u, data[3] & 1u},
                                {data[1] * 3u, (data[3] & 2u) != 0},
                                {data[2] * 3u, (data[3] & 4u) != 0}};
    struct sum a = take(data + HEAD, size - HEAD, &w, MOST);
    struct sum b = take(data + HEAD, size - HEAD, &w, data[4] + 1u);
    must(!memcmp(&a, &b, sizeof a));
    return 0;
}
