/* SPDX-License-Identifier: MIT */
/* Any bytes as a recording, and any bytes as the contents of its one block, frame and sums made
 * good. */
#include "../sim/recording/format.h"
#include "../sim/recording/recording.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void play(const uint8_t *data, size_t size)
{
    char err[1200] = "";
    struct vs_recording *r = vs_recording_open_memory(data, size, err, sizeof err);
    must(r || err[0]);
    for (unsigned v = 0; r && v < vs_recording_vcpus(r); v++) {
        struct vs_guest_source s;
        struct vs_request q;
        struct vs_reply reply = {0, 0, 0};
        vs_recording_source(r, v, &s);
        for (unsigned i = 0; i < 10000; i++) {
            s.next(s.ctx, &reply, &q);
            reply.value = q.address * 3u;
            if (q.kind == VS_REQ_ERROR || q.kind == VS_REQ_END) {
                must((q.kind == VS_REQ_ERROR) == (s.error(s.ctx)[0] != 0));
                break;
            }
        }
    }
    vs_recording_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[1u << 16];
    play(data, size);
    if (size > 4096) {
        return 0;
    }
    struct vs_vst_header h = {{'V', 'S', 'T', '1'}, VS_VST_VERSION, 1, 0, 1, 0};
    uint8_t *at = file + sizeof h + sizeof(struct vs_vst_block);
    size_t n = ZSTD_compress(at, sizeof file - 1024, data, size, 1);
    struct vs_vst_block b = {0, (uint32_t)size, (uint32_t)size, (uint32_t)n, XXH64(data, size, 0)},
                        end = {VS_VST_END, 0, 0, 0, 1};
    memcpy(file, &h, sizeof h);
    memcpy(file + sizeof h, &b, sizeof b);
    memcpy(at + n, &end, sizeof end);
    play(file, (size_t)(at - file) + n + sizeof end);
    return 0;
}
