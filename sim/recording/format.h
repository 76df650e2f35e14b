/* SPDX-License-Identifier: MIT */
/* Between the writer and the reader of recordings: what is in the file. */
#ifndef VIRTSIM_SIM_RECORDING_FORMAT_H
#define VIRTSIM_SIM_RECORDING_FORMAT_H

#include "virtsim/request.h"

#define VS_VST_VERSION 3u
#define VS_VST_OLDEST                                                                              \
    2u /* that is read: its end does not say what it holds; 1 had no checksum of                   \
          header and text */
#define VS_VST_VCPUS 1024u
#define VS_VST_BLOCK (256u * 1024u)         /* a block is closed when it has grown to this */
#define VS_VST_BLOCK_MAX (1024u * 1048576u) /* more than any request takes */
#define VS_VST_TEXT_MAX 65536u
#define VS_VST_END 0xffffffffu /* in place of a vCPU: the last block's header */

struct vs_vst_header {
    char magic[4]; /* "VST1" */
    uint32_t version, n_vcpus, text_bytes;
    uint64_t seed;
    uint64_t xxh64; /* vs_vst_header_sum */
};

struct vs_vst_block {
    uint32_t vcpu, requests, raw_bytes, stored_bytes; /* stored: a zstd frame behind the header */
    uint64_t xxh64;                                   /* vs_vst_block_sum */
};

/* The last block's header: vcpu VS_VST_END, requests the programs that have ended (all of them); in
 * place of the sizes the codes that its blocks hold, as a set of bits (vs_vst_bit), the first 32 of
 * them in raw_bytes; vs_vst_end_sum. Of version 2: two 0, and the number of blocks as its sum. */

_Static_assert(sizeof(struct vs_vst_header) == 32 && sizeof(struct vs_vst_block) == 24,
               "the layout of the file");

/* Requests by their code in the file (request/requests.def), which is their kind too; fields NULL:
 * there is none of that code. Numbers are LEB128, the exponent of Zipf is 8 bytes. */
struct vs_vst_kind {
    enum vs_req kind;
    const char *fields;
};
/* XXH64 of the text, seeded with that of the header before its sum. */
uint64_t vs_vst_header_sum(const struct vs_vst_header *h, const char *text);
/* XXH64 of the frame, seeded with that of the header before its sum, seeded with the block's
 * number: a block that was moved is found too. */
uint64_t vs_vst_block_sum(uint64_t number, const struct vs_vst_block *b, const void *stored);

/* XXH64 of the end before its sum, seeded with the number of blocks. */
uint64_t vs_vst_end_sum(uint64_t blocks, const struct vs_vst_block *end);

#define VS_VST_OTHERS (UINT64_C(1) << 63) /* a code of 63 or more: the blocks tell which */
/* A code's bit in the set of the last block. */
static inline uint64_t vs_vst_bit(unsigned code)
{
    return code < 63u ? UINT64_C(1) << code : VS_VST_OTHERS;
}

extern const struct vs_vst_kind vs_vst_kinds[];
extern const unsigned vs_vst_n_kinds; /* codes are 1 .. n - 1 */

/* The format has a request of this code or kind. */
static inline bool vs_vst_has(uint64_t code)
{
    return code < vs_vst_n_kinds && vs_vst_kinds[code].fields;
}

#endif
