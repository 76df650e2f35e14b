/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_EPT_IMPL_H
#define VIRTSIM_MODEL_EPT_IMPL_H

#include "ept/ept.h"

/* Flags of TLB payloads; the first is what the core's inline path looks at. */
#define VS__WRITE VS_L1_WRITE /* writes may pass: allowed, and dirty is set in both dimensions */
#define VS__WRITABLE 2u       /* allowed; dirty may still have to be set */
#define VS__EXECUTE 4u
#define VS__GLOBAL 8u
#define VS__FLAGS 0xfffu

#define VS__SIZE_SHIFT 36u
#define VS__PAGE_MASK ((1ull << VS__SIZE_SHIFT) - 1u)

/* 48-bit addresses have 36-bit page numbers; bits 36-39 tell the size. */
static inline uint64_t vs__ept_key(uint64_t address, unsigned shift, uint32_t tag)
{
    uint64_t size = (shift - 12u) / 9u;
    return ((address >> shift) & VS__PAGE_MASK) | size << VS__SIZE_SHIFT |
           (uint64_t)tag << VS_L1_CONTEXT_SHIFT;
}

bool vs__ept_probe(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out);
void vs__ept_walk(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                  struct vs_translation *out);

#endif
