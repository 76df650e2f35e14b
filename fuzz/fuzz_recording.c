/* SPDX-License-Identifier: MIT */
/* Any bytes as a recording, as the contents of its one block, as the fields of each request that
 * there is, and as its text; frame and sums made good. */
#include "../sim/recording/format.h"
#include "../sim/recording/recording.h"

#include <stdlib.h>
#include <string.h>
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
        struct vs_reply reply = {.value = 0};
        vs_recording_source(r, v, 0, &s);
        for (unsigned i = 0; i < 10000; i++) {
            s.next(s.ctx, &reply, &q);
            reply.value = q.address * 3u;
            if (q.kind == VS_REQ_ERROR || q.kind == VS_REQ_END) {
                must((q.kind == VS_REQ_ERROR) == (s.error(s.ctx)[0] != 0));
                break;
            }
        }
    }
    unsigned machine[VS_VST_VCPUS];
    if (r) {
        (void)vs_recording_asks(r, VS_REQ_END);
        vs_recording_machines(r, machine);
    }
    vs_recording_close(r);
}

/* A file of one vCPU with this text and these bytes as its only block. */
static void play_whole(const uint8_t *text, size_t text_size, const uint8_t *data, size_t size)
{
    static uint8_t file[1u << 16];
    struct vs_vst_header h = {{'V', 'S', 'T', '1'}, VS_VST_VERSION, 1, (uint32_t)text_size, 1, 0};
    uint8_t *head = file + sizeof h + text_size, *at = head + sizeof(struct vs_vst_block);
    if (text_size) {
        memcpy(file + sizeof h, text, text_size);
    }
    h.xxh64 = vs_vst_header_sum(&h, (const char *)file + sizeof h);
    size_t n = ZSTD_compress(at, sizeof file - 8192, data, size, 1);
    struct vs_vst_block b = {0, (uint32_t)size, (uint32_t)size, (uint32_t)n, 0},
                        end = {VS_VST_END, 1, 0, VS_VST_OTHERS >> 32, 0};
    end.xxh64 = vs_vst_end_sum(1, &end);
    b.xxh64 = vs_vst_block_sum(0, &b, at);
    memcpy(file, &h, sizeof h);
    memcpy(head, &b, sizeof b);
    memcpy(at + n, &end, sizeof end);
    play(file, (size_t)(at - file) + n + sizeof end);
}

/* The rest of the input as the fields of one request, which its first byte chooses; then the end.
 */
static void play_request(const uint8_t *data, size_t size)
{
    static const uint8_t codes[] = {
#define VS_REQUEST(code, ...) (code),
#define VS_HIDDEN(code, ...) (code),
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"
    };
    uint8_t block[4100] = {codes[data[0] % sizeof codes]};
    memcpy(block + 1, data + 1, size - 1u);
    block[size] = VS_REQ_END;
    play_whole(NULL, 0, block, size + 1u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t ended[] = {VS_REQ_END};
    play(data, size);
    if (size <= 4096) {
        play_whole(NULL, 0, data, size);
        play_whole(data, size, ended, sizeof ended);
    }
    if (size && size <= 4096) {
        play_request(data, size);
    }
    return 0;
}
