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

/* What the last walk of a page touched, kept beside the model to prefetch the next one: never read
 * for a result. Slot = page number modulo VS__HINTS; stale ones only waste a prefetch. */
#define VS__HINTS (1ull << 20)
struct vs_ept_hint {
    uint32_t page;        /* low bits of the guest's page number; with frame 0: empty */
    uint32_t guest_entry; /* host-physical / 64 of the line with the guest's leaf entry */
    uint32_t slat_entry;  /* and of the one with the nested leaf entry; 0 = none */
    uint32_t frame;       /* host-physical / 4096 */
};
/* For each 2 MiB of guest addresses, the line with the nested leaf entry of their last table. */
#define VS__TABLE_HINTS (1ull << 14)
static inline uint32_t *vs__ept_table_hint(const struct vs_ept *e, uint64_t gva)
{
    return (uint32_t *)(void *)(e->hint + VS__HINTS) + (gva >> 21 & (VS__TABLE_HINTS - 1u));
}
static inline struct vs_ept_hint *vs__ept_hint(const struct vs_ept *e, uint64_t gva)
{
    return &e->hint[gva >> 12 & (VS__HINTS - 1u)];
}
/* The table of hints, backed as it is used; NULL: none, and nothing is foretold. */
struct vs_ept_hint *vs__ept_hints_create(void);
void vs__ept_hints_destroy(struct vs_ept_hint *hint);

bool vs__ept_probe(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out);
void vs__ept_walk(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                  struct vs_translation *out);

#endif
