/* SPDX-License-Identifier: MIT */
#include "recording/format.h"

#include <stddef.h>
#include <xxhash.h>

/* Codes never change; new ones go to the end. docs/recordings.md lists them. */
const struct vs_vst_kind vs_vst_kinds[] = {
    {VS_REQ_END, NULL},           /* 0 is not used */
    {VS_REQ_END, ""},             /* 1 */
    {VS_REQ_MAP, "FBakgxv"},      /* 2 */
    {VS_REQ_UNMAP, "AB"},         /* 3 */
    {VS_REQ_PROTECT, "ABa"},      /* 4 */
    {VS_REQ_ACCESS, "ABod"},      /* 5 */
    {VS_REQ_BULK, "ABCoPstabw"},  /* 6 */
    {VS_REQ_TRACE, "WR"},         /* 7 */
    {VS_REQ_COMPUTE, "C"},        /* 8 */
    {VS_REQ_CPUID, "ab"},         /* 9 */
    {VS_REQ_HLT, ""},             /* 10 */
    {VS_REQ_PAUSE, ""},           /* 11 */
    {VS_REQ_RDTSC, "v"},          /* 12 */
    {VS_REQ_RDMSR, "av"},         /* 13 */
    {VS_REQ_WRMSR, "ab"},         /* 14 */
    {VS_REQ_IN, "aBv"},           /* 15 */
    {VS_REQ_OUT, "aBb"},          /* 16 */
    {VS_REQ_HYPERCALL, "ab"},     /* 17 */
    {VS_REQ_CR_WRITE, "ab"},      /* 18 */
    {VS_REQ_INVLPG, "A"},         /* 19 */
    {VS_REQ_MMIO, "FBo"},         /* 20 */
    {VS_REQ_IPI, "ab"},           /* 21 */
    {VS_REQ_SEND, "BC"},          /* 22 */
    {VS_REQ_RECV, "Cpv"},         /* 23 */
    {VS_REQ_WAIT, "p"},           /* 24 */
    {VS_REQ_PROCESS, "v"},        /* 25 */
    {VS_REQ_SWITCH, "ab"},        /* 26 */
    {VS_REQ_MARK, "n"},           /* 27 */
    {VS_REQ_TABLES, "T"},         /* 28 */
    {VS_REQ_PLACE, "Fa"},         /* 29 */
    {VS_REQ_DIRTY_LOG, "v"},      /* 30 */
    {VS_REQ_HOST_PROTECT, "ABa"}, /* 31 */
    {VS_REQ_INVPCID, "abA"},      /* 32 */
    {VS_REQ_INVLPGA, "Aa"},       /* 33 */
    {VS_REQ_TLBI, "abA"},         /* 34 */
    {VS_REQ_CLI, ""},             /* 35 */
    {VS_REQ_STI, ""},             /* 36 */
    {VS_REQ_TIMER, "p"},          /* 37 */
    {VS_REQ_TURN, "ab"},          /* 38 */
    {VS_REQ_TOGETHER, "ab"},      /* 39 */
};
const unsigned vs_vst_n_kinds = sizeof vs_vst_kinds / sizeof vs_vst_kinds[0];

uint64_t vs_vst_header_sum(const struct vs_vst_header *h, const char *text)
{
    uint64_t seed = XXH64(h, offsetof(struct vs_vst_header, xxh64), 0);
    return XXH64(text, h->text_bytes, seed);
}

uint64_t vs_vst_block_sum(uint64_t number, const struct vs_vst_block *b, const void *stored)
{
    uint64_t seed = XXH64(b, offsetof(struct vs_vst_block, xxh64), number);
    return XXH64(stored, b->stored_bytes, seed);
}
