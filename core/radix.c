/* SPDX-License-Identifier: MIT */
#include "virtsim/radix.h"

/* SDM 3A table 4-15 ff: P, R/W, U/S, A, D, PS, G, XD. */
const struct vs_radix_format vs_radix_x86_64 = {.present = 1,
                                                .write = 2,
                                                .no_execute = 1ull << 63,
                                                .user = 4,
                                                .leaf = 1u << 7,
                                                .accessed = 1u << 5,
                                                .dirty = 1u << 6,
                                                .global = 1u << 8,
                                                .table_flags = 7,
                                                .levels = 4};
/* SDM 3C tables 28-1 ff: R, W, X, bit 7 leaf, bit 8 accessed, bit 9 dirty. */
const struct vs_radix_format vs_radix_ept = {.present = 7,
                                             .write = 2,
                                             .execute = 4,
                                             .leaf = 1u << 7,
                                             .accessed = 1u << 8,
                                             .dirty = 1u << 9,
                                             .table_flags = 7,
                                             .levels = 4};
/* VT-d 9.8: R, W, bit 7 leaf. */
const struct vs_radix_format vs_radix_vtd = {
    .present = 3, .write = 2, .leaf = 1u << 7, .table_flags = 3, .levels = 4};

static uint64_t locate(const struct vs_radix_alloc *a, uint64_t entry)
{
    uint64_t value = entry & VS_RADIX_ADDRESS;
    return a && a->locate ? a->locate(a->ctx, value) : value;
}

enum vs_status vs_radix_map(struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                            uint64_t from, uint64_t to, unsigned page_shift, uint64_t flags,
                            const struct vs_radix_alloc *alloc)
{
    unsigned target = (page_shift - 12u) / 9u + 1u;
    uint64_t low = (1ull << page_shift) - 1u, table = root;
    if (page_shift < 12 || (page_shift - 12u) % 9u || target > 3 || (from & low) || (to & low)) {
        return VS_E_CONFIG;
    }
    for (unsigned level = f->levels; level > target; level--) {
        vs_hpa at = vs_radix_entry(table, level, from);
        uint64_t e = vs_phys_read64(p, at), value, bytes;
        if (!(e & f->present)) {
            if (!alloc->table(alloc->ctx, &value, &bytes)) {
                return VS_E_NOMEM;
            }
            vs_phys_write64(p, at, value | f->table_flags);
            table = bytes;
        } else if (vs_radix_is_leaf(f, level, e)) {
            return VS_E_CONFIG;
        } else {
            table = locate(alloc, e);
        }
    }
    vs_hpa at = vs_radix_entry(table, target, from);
    uint64_t old = vs_phys_read64(p, at);
    if ((old & f->present) && target > 1 && !(old & f->leaf)) {
        return VS_E_CONFIG; /* smaller pages are mapped below */
    }
    vs_phys_write64(p, at, to | flags | (target > 1 ? f->leaf : 0));
    return VS_OK;
}

bool vs_radix_find(const struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                   uint64_t address, const struct vs_radix_alloc *alloc, vs_hpa *at,
                   unsigned *level)
{
    uint64_t table = root;
    for (unsigned l = f->levels; l > 0; l--) {
        *at = vs_radix_entry(table, l, address);
        *level = l;
        uint64_t e = vs_phys_read64(p, *at);
        if (!(e & f->present)) {
            return false;
        }
        if (vs_radix_is_leaf(f, l, e)) {
            return true;
        }
        table = locate(alloc, e);
    }
    return false;
}
