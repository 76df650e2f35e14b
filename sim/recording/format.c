/* SPDX-License-Identifier: MIT */
#include "recording/format.h"

#include <stddef.h>
#include <xxhash.h>

/* Sparse where a code is not used. */
const struct vs_vst_kind vs_vst_kinds[] = {
#define VS_REQUEST(code, NAME, name, fields, ...) [code] = {VS_REQ_##NAME, fields},
#define VS_HIDDEN(code, NAME, name, fields, ...) [code] = {VS_REQ_##NAME, fields},
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"
};
const unsigned vs_vst_n_kinds = sizeof vs_vst_kinds / sizeof vs_vst_kinds[0];

uint64_t vs_vst_header_sum(const struct vs_vst_header *h, const char *text)
{
    uint64_t seed = XXH64(h, offsetof(struct vs_vst_header, xxh64), 0);
    return XXH64(text, h->text_bytes, seed);
}

uint64_t vs_vst_end_sum(uint64_t blocks, const struct vs_vst_block *end)
{
    return XXH64(end, offsetof(struct vs_vst_block, xxh64), blocks);
}

uint64_t vs_vst_block_sum(uint64_t number, const struct vs_vst_block *b, const void *stored)
{
    uint64_t seed = XXH64(b, offsetof(struct vs_vst_block, xxh64), number);
    return XXH64(stored, b->stored_bytes, seed);
}
