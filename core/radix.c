/* SPDX-License-Identifier: MIT */
#include "virtsim/radix.h"

const struct vs_radix_format vs_radix_x86_64 = VS_RADIX_X86_64(4);
const struct vs_radix_format vs_radix_x86_64_la57 = VS_RADIX_X86_64(5);
const struct vs_radix_format vs_radix_ept = VS_RADIX_EPT(4);
const struct vs_radix_format vs_radix_ept5 = VS_RADIX_EPT(5);
/* VT-d 9.8: R, W, bit 7 leaf. */
const struct vs_radix_format vs_radix_vtd = {.present = 3,
                                             .write = 2,
                                             .leaf = 1u << 7,
                                             .leaf_value = 1u << 7,
                                             .address = VS_RADIX_ADDRESS,
                                             .table_flags = 3,
                                             .levels = 4,
                                             .max_leaf = 3,
                                             .granule = 12,
                                             .stride = 9,
                                             .input_bits = 48,
                                             .kind = VS_RADIX_VTD};

/* A walk down for maintenance: where the table in hand is, in its owner's terms and the host's. */
struct place {
    const struct vs_radix_alloc *alloc;
    const struct vs_radix_format *f;
    uint64_t value, table;
    bool scattered; /* tables larger than the host's pages */
};

/* The place where a walk begins. */
static struct place root_of(const struct vs_radix_alloc *a, const struct vs_radix_format *f,
                            uint64_t root)
{
    bool scattered = f->granule > 12 && a && a->locate;
    return (struct place){a, f, scattered ? a->root_value : root, root, scattered};
}

/* The address of the entry that serves an address at a level. */
static vs_hpa entry_of(const struct place *p, unsigned level, uint64_t address)
{
    uint64_t offset = vs_radix_offset(p->f, level, address);
    vs_hpa at = {p->scattered ? p->alloc->locate(p->alloc->ctx, p->value + offset)
                              : p->table + offset};
    return at;
}

/* Goes down to the table that an entry points to. */
static void descend(struct place *p, uint64_t entry)
{
    p->value = entry & p->f->address;
    p->table = p->scattered || !p->alloc || !p->alloc->locate
                   ? p->value
                   : p->alloc->locate(p->alloc->ctx, p->value);
}

/* An address with other bits above than the format resolves would alias another one. Nested tables
 * of x86's format have no negative addresses, the others' have. */
static bool in_range(const struct vs_radix_format *f, uint64_t address)
{
    return address >> f->input_bits == 0 || vs_radix_reaches(f, address);
}

/* The level whose pages have this size; 0: the format has none. */
static unsigned level_of(const struct vs_radix_format *f, unsigned page_shift)
{
    for (unsigned level = 1; level <= f->max_leaf && level <= f->levels; level++) {
        if (vs_radix_level_shift(f, level) == page_shift) {
            return level;
        }
    }
    return 0;
}

enum vs_status vs_radix_map(struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                            uint64_t from, uint64_t to, unsigned page_shift, uint64_t flags,
                            const struct vs_radix_alloc *alloc)
{
    unsigned target = level_of(f, page_shift);
    uint64_t low = (1ull << page_shift) - 1u;
    struct place place = root_of(alloc, f, root);
    if (!target || (from & low) || (to & low)) {
        return VS_E_CONFIG;
    }
    if (!in_range(f, from)) {
        return VS_E_BOUNDS;
    }
    for (unsigned level = f->levels; level > target; level--) {
        vs_hpa at = entry_of(&place, level, from);
        uint64_t e = vs_phys_read64(p, at), value, bytes;
        if (!vs_phys_holds(p, at)) {
            return VS_E_BOUNDS;
        }
        if (!(e & f->present)) {
            if (!alloc->table(alloc->ctx, &value, &bytes)) {
                return VS_E_NOMEM;
            }
            vs_phys_write64(p, at, value | f->table_flags);
            place.value = value;
            place.table = bytes;
        } else if (vs_radix_is_leaf(f, level, e)) {
            return VS_E_CONFIG;
        } else {
            descend(&place, e);
        }
    }
    vs_hpa at = entry_of(&place, target, from);
    uint64_t old = vs_phys_read64(p, at);
    if (!vs_phys_holds(p, at)) {
        return VS_E_BOUNDS;
    }
    if ((old & f->present) && target > 1 && !vs_radix_is_leaf(f, target, old)) {
        return VS_E_CONFIG; /* smaller pages are mapped below */
    }
    vs_phys_write64(p, at, to | flags | (target > 1 ? f->leaf_value : f->page));
    return VS_OK;
}

bool vs_radix_find(const struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                   uint64_t address, const struct vs_radix_alloc *alloc, vs_hpa *at,
                   unsigned *level)
{
    struct place place = root_of(alloc, f, root);
    if (!in_range(f, address)) {
        at->v = UINT64_MAX - 7u; /* where no memory is */
        *level = f->levels;
        return false;
    }
    for (unsigned l = f->levels; l > 0; l--) {
        *at = entry_of(&place, l, address);
        *level = l;
        uint64_t e = vs_phys_read64(p, *at);
        if (!(e & f->present)) {
            return false;
        }
        if (vs_radix_is_leaf(f, l, e)) {
            return true;
        }
        descend(&place, e);
    }
    return false;
}

/* The bits from high down to low; none when high is below low. */
static uint64_t span(unsigned high, unsigned low)
{
    return high < low ? 0 : ((2ull << high) - 1u) & ~((1ull << low) - 1u);
}

uint64_t vs_radix_reserved(const struct vs_radix_format *f, unsigned level, bool leaf,
                           unsigned physical_bits)
{
    unsigned shift = vs_radix_level_shift(f, level);
    uint64_t high = span(51, physical_bits);
    switch (f->kind) {
    case VS_RADIX_X86: /* SDM 3A table 4-15 ff: PS above level 3; below the page's own bits */
        return high | (level > 3 ? 1u << 7 | f->upper_reserved : leaf ? span(shift - 1u, 13) : 0);
    case VS_RADIX_EPT_KIND: /* SDM 3C 28.3.2 */
        return high | (level > 3 ? span(7, 3) : leaf ? span(shift - 1u, 12) : span(6, 3));
    case VS_RADIX_STAGE1: /* an Address size fault; other bits are RES0, and not looked at */
    case VS_RADIX_STAGE2:
        return f->address & high;
    default:
        return 0;
    }
}

uint64_t vs_radix_leaf_flags(const struct vs_radix_format *f, uint64_t rights)
{
    bool w = (rights & VS_RIGHT_WRITE) != 0, x = (rights & VS_RIGHT_EXECUTE) != 0;
    switch (f->kind) {
    case VS_RADIX_X86:
        return f->present | f->user | (w ? f->write : 0) | (x ? 0 : f->no_execute);
    case VS_RADIX_EPT_KIND:
        return 6u << 3 | (rights & 3u) | (rights & VS_RIGHT_EXECUTE ? 4u | f->execute : 0);
    case VS_RADIX_VTD:
        return rights & 3u;
    case VS_RADIX_STAGE1: /* valid, AttrIndx 0, AP[1] = EL0 too, AP[2] read-only, SH inner, nG */
        return 1u | 1u << 6 | (w ? 0 : 1u << 7) | 3u << 8 | f->accessed | 1u << 11 |
               (x ? 0 : 1ull << 54);
    case VS_RADIX_STAGE2: /* valid, MemAttr write-back, S2AP, SH inner */
        return 1u | 0xfu << 2 | (rights & 3u) << 6 | 3u << 8 | f->accessed | (x ? 0 : 2ull << 53);
    }
    return 0;
}

uint64_t vs_radix_global(const struct vs_radix_format *f, uint64_t flags)
{
    return f->kind == VS_RADIX_STAGE1 ? flags & ~(1ull << 11) : flags | f->global;
}

bool vs_radix_can(const struct vs_radix_format *f, uint64_t rights)
{
    bool data = (rights & VS_RIGHT_READ) != 0;
    return data || rights == 0 || (rights == VS_RIGHT_EXECUTE && f->kind != VS_RADIX_X86);
}

uint64_t vs_radix_with(const struct vs_radix_format *f, uint64_t entry, uint64_t rights)
{
    bool r = (rights & VS_RIGHT_READ) != 0, w = (rights & VS_RIGHT_WRITE) != 0,
         x = (rights & VS_RIGHT_EXECUTE) != 0;
    const uint64_t dbm = 1ull << 51;
    switch (f->kind) {
    case VS_RADIX_X86:
        entry &= ~(f->present | f->write | f->no_execute);
        return r ? entry | f->present | (w ? f->write : 0) | (x ? 0 : f->no_execute) : entry;
    case VS_RADIX_EPT_KIND:
        return (entry & ~(7u | f->execute)) | (rights & 3u) | (x ? 4u | f->execute : 0);
    case VS_RADIX_VTD:
        return (entry & ~3ull) | (rights & 3u);
    case VS_RADIX_STAGE1: /* AP[1] EL0 may read, AP[2] nobody may write, UXN */
        entry &= ~(1ull | 3u << 6 | dbm | 1ull << 54);
        return rights ? entry | 1u | (r ? 1u << 6 : 0) | (w ? 0 : 1u << 7) | (x ? 0 : 1ull << 54)
                      : entry;
    case VS_RADIX_STAGE2:
        entry &= ~(1ull | 3u << 6 | dbm | 3ull << 53);
        return rights ? entry | 1u | (rights & 3u) << 6 | (x ? 0 : 2ull << 53) : entry;
    }
    return entry;
}

unsigned vs_radix_fit(const struct vs_radix_format *f, unsigned page_shift)
{
    unsigned level = f->max_leaf < f->levels ? f->max_leaf : f->levels;
    while (level > 1 && vs_radix_level_shift(f, level) > page_shift) {
        level--;
    }
    return vs_radix_level_shift(f, level);
}
