/* SPDX-License-Identifier: MIT */
/*
 * Radix page tables. x86-64 tables of 4 and 5 levels (also AMD's nested ones), EPT, VT-d second
 * level and Arm's VMSAv8-64 stages 1 and 2 differ only in which bits mean what and how many bits a
 * level resolves, so a format is data. Maintenance (map, unmap, find) is functional and untimed; a
 * timed walk is made by whoever walks, entry by entry.
 *
 * Levels are counted from the page: 1 holds pages, whatever a manual calls it (Arm's level 3).
 *
 * Sources: Intel SDM 3A 4.5 (4- and 5-level paging), 3C 28.3 (EPT); VT-d specification 9.8
 * (second-stage entries); AMD APM volume 2, 5.3 and 15.25 (nested paging); Arm ARM, VMSAv8-64
 * descriptor formats and the pseudocode AArch64.TranslationTableWalk (start levels, concatenation).
 */
#ifndef VIRTSIM_RADIX_H
#define VIRTSIM_RADIX_H

#include "virtsim/phys.h"
#include "virtsim/status.h"

#define VS_RADIX_LEVELS 5u
#define VS_RADIX_ADDRESS 0x000ffffffffff000u /* bits 51:12 of an x86 entry */

enum vs_radix_kind {
    VS_RADIX_X86,
    VS_RADIX_EPT_KIND,
    VS_RADIX_VTD,
    VS_RADIX_STAGE1,
    VS_RADIX_STAGE2
};

struct vs_radix_format {
    uint64_t present;    /* any of these bits set: the entry is present */
    uint64_t write;      /* permission to write; Arm: see vs_radix_rights */
    uint64_t execute;    /* permission to execute; 0: see no_execute */
    uint64_t no_execute; /* set bit forbids execution */
    uint64_t user;       /* 0: no such distinction */
    uint64_t leaf;       /* above level 1, up to max_leaf: an entry maps a page when this bit */
    uint64_t leaf_value; /*   equals this */
    uint64_t page;       /* bits a present entry of level 1 must have */
    uint64_t accessed, dirty, global;
    uint64_t address;        /* of a table or page in an entry */
    uint64_t table_flags;    /* of entries that point to a table */
    uint64_t upper_reserved; /* x86, above level 3: must be 0 besides; see vs_radix_amd */
    uint32_t levels, max_leaf;
    uint32_t granule;    /* log2 of a table's bytes */
    uint32_t stride;     /* bits a level resolves */
    uint32_t input_bits; /* of an address; the top level resolves what is left, and may be several
                          * tables in a row (Arm stage 2) */
    enum vs_radix_kind kind;
};

/* As initializers, so that a walk can be compiled for one of them. SDM 3A table 4-15 ff: P, R/W,
 * U/S, A, D, PS, G, XD. */
#define VS_RADIX_X86_64(n_levels)                                                                  \
    {                                                                                              \
        .present = 1, .write = 2, .no_execute = 1ull << 63, .user = 4, .leaf = 1u << 7,            \
        .leaf_value = 1u << 7, .page = 1, .accessed = 1u << 5, .dirty = 1u << 6,                   \
        .global = 1u << 8, .address = VS_RADIX_ADDRESS, .table_flags = 7, .levels = (n_levels),    \
        .max_leaf = 3, .granule = 12, .stride = 9, .input_bits = 12 + 9 * (n_levels),              \
        .kind = VS_RADIX_X86                                                                       \
    }
/* SDM 3C tables 28-1 ff: R, W, X, bit 7 leaf, bit 8 accessed, bit 9 dirty. */
#define VS_RADIX_EPT(n_levels)                                                                     \
    {                                                                                              \
        .present = 7, .write = 2, .execute = 4, .leaf = 1u << 7, .leaf_value = 1u << 7,            \
        .accessed = 1u << 8, .dirty = 1u << 9, .address = VS_RADIX_ADDRESS, .table_flags = 7,      \
        .levels = (n_levels), .max_leaf = 3, .granule = 12, .stride = 9,                           \
        .input_bits = 12 + 9 * (n_levels), .kind = VS_RADIX_EPT_KIND                               \
    }

extern const struct vs_radix_format vs_radix_x86_64, vs_radix_x86_64_la57, vs_radix_ept,
    vs_radix_ept5, vs_radix_vtd;

/* An x86-64 format as AMD reads it: bit 8, the global bit of pages, must be 0 in entries of level 4
 * and above (APM volume 2, 5.3.3; Linux arch/x86/kvm/mmu/mmu.c, nonleaf_bit8_rsvd). Intel ignores
 * it there. */
static inline void vs_radix_amd(struct vs_radix_format *f)
{
    f->upper_reserved = 1u << 8;
}

/* Arm: the format of stage 1 or 2 with tables of 1 << granule bytes and addresses of 64 - t0sz
 * bits. sl0 is VTCR_EL2.SL0 and of stage 2 only. A combination that hardware does not have is an
 * error that says what would be right. */
void vs_radix_arm(struct vs_radix_format *f, unsigned stage, unsigned granule, unsigned t0sz,
                  unsigned sl0, struct vs_errors *errors);
/* Stage 2: whether a processor with physical addresses of so many bits may begin at this level; an
 * error says what it would need (Arm ARM, AArch64.S2InvalidSL). */
void vs_radix_arm_start(const struct vs_radix_format *f, unsigned physical_bits,
                        struct vs_errors *errors);
/* How many tables of the start level lie in a row at the root: 1, or 2 to 16 in stage 2. */
static inline unsigned vs_radix_roots(const struct vs_radix_format *f)
{
    unsigned bits = f->input_bits - f->granule - (f->levels - 1u) * f->stride;
    return bits > f->stride ? 1u << (bits - f->stride) : 1u;
}

/* Shift of a page mapped at a level: 1 = 4K, 2 = 2M, 3 = 1G, in tables of 512 entries. */
static inline unsigned vs_radix_shift(unsigned level)
{
    return 12u + 9u * (level - 1u);
}
/* Where the entry for `address` lies in a table of `level`, of 512 entries. */
static inline vs_hpa vs_radix_entry(uint64_t table, unsigned level, uint64_t address)
{
    vs_hpa at = {table + ((address >> vs_radix_shift(level)) & 511u) * 8u};
    return at;
}
/* The same for any format. */
static inline unsigned vs_radix_level_shift(const struct vs_radix_format *f, unsigned level)
{
    return f->granule + f->stride * (level - 1u);
}
/* The offset in a table of the entry that serves an address. */
static inline uint64_t vs_radix_offset(const struct vs_radix_format *f, unsigned level,
                                       uint64_t address)
{
    unsigned shift = vs_radix_level_shift(f, level);
    unsigned bits = level == f->levels ? f->input_bits - shift : f->stride;
    return ((address >> shift) & ((1ull << bits) - 1u)) * 8u;
}
/* Whether the format can translate an address: x86's is canonical, the others' has nothing above
 * input_bits (Arm's upper half is a format of its own, of what is left below its ones). */
static inline bool vs_radix_reaches(const struct vs_radix_format *f, uint64_t address)
{
    unsigned unused = 64u - f->input_bits;
    return f->kind == VS_RADIX_X86 ? (uint64_t)((int64_t)(address << unused) >> unused) == address
                                   : address >> f->input_bits == 0;
}
/* Whether a present entry maps a page. */
static inline bool vs_radix_is_leaf(const struct vs_radix_format *f, unsigned level, uint64_t entry)
{
    return level == 1 || (level <= f->max_leaf && (entry & f->leaf) == f->leaf_value);
}

/* What an entry allows programs (x86: user mode, Arm: EL0), in one set of bits for all formats; a
 * translation allows what all its entries do. */
#define VS_RIGHT_READ 1u
#define VS_RIGHT_WRITE 2u
#define VS_RIGHT_EXECUTE 4u
#define VS_RIGHTS 7u
uint64_t vs_radix_arm_rights(const struct vs_radix_format *f, bool leaf, uint64_t entry);
/* The rights that an entry gives, in the same bits for every format. */
static inline uint64_t vs_radix_rights(const struct vs_radix_format *f, bool leaf, uint64_t entry)
{
    switch (f->kind) {
    case VS_RADIX_X86: /* U/S, R/W, XD */
        return ((entry >> 2) & 1u) | (entry & 2u) | (~entry >> 63) << 2;
    case VS_RADIX_EPT_KIND: /* R, W, X; user's X has a bit of its own with mode-based control */
        return (entry & 3u) | (entry & f->execute ? VS_RIGHT_EXECUTE : 0u);
    case VS_RADIX_VTD:
        return entry & 3u;
    default:
        return vs_radix_arm_rights(f, leaf, entry);
    }
}
/* The flags a leaf needs that grants these rights to programs. The accessed flag is set in Arm's,
 * whose kernels set it themselves. */
uint64_t vs_radix_leaf_flags(const struct vs_radix_format *f, uint64_t rights);
/* The same of a page that every address space has: x86's G set, Arm's nG clear. */
uint64_t vs_radix_global(const struct vs_radix_format *f, uint64_t flags);
/* A leaf with exactly these rights for programs; none: it is not present and keeps its address, so
 * that giving them back makes it what it was (vs_radix_held). */
uint64_t vs_radix_with(const struct vs_radix_format *f, uint64_t entry, uint64_t rights);
/* Whether the format can say so: writing without reading nowhere, execution without reading not in
 * x86's own tables. */
bool vs_radix_can(const struct vs_radix_format *f, uint64_t rights);
/* Not present, but still somebody's: a page whose rights were all taken. */
static inline bool vs_radix_held(const struct vs_radix_format *f, uint64_t entry)
{
    return entry != 0 && !(entry & f->present);
}
/* The largest page the format has that is not larger than wanted. */
unsigned vs_radix_fit(const struct vs_radix_format *f, unsigned page_shift);
/* Bits that must be 0 in an entry when addresses have physical_bits. */
uint64_t vs_radix_reserved(const struct vs_radix_format *f, unsigned level, bool leaf,
                           unsigned physical_bits);

/* Gives a zeroed 4 KiB table. `value` is what an entry that points to it holds, `table` where its
 * bytes are in host-physical memory (they differ in a guest's own tables). Formats with larger
 * tables ask for `granule` bytes through the same function. */
struct vs_radix_alloc {
    void *ctx;
    bool (*table)(void *ctx, uint64_t *value, uint64_t *table);
    /* entry value -> host-physical address of the table; NULL = the same */
    uint64_t (*locate)(void *ctx, uint64_t value);
    /* what an entry that points to the root would hold; needed with locate by formats whose tables
     * are larger than 4 KiB, since these may lie in several pages of the host */
    uint64_t root_value;
};

/* Maps one page; tables in between are made. VS_E_CONFIG when something larger or smaller is mapped
 * there already, an address is not aligned or the format has no pages of this size, VS_E_NOMEM when
 * no table is left, VS_E_BOUNDS when the format has no room for the address or an entry would lie
 * where no memory is. root is host-physical. */
enum vs_status vs_radix_map(struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                            uint64_t from, uint64_t to, unsigned page_shift, uint64_t flags,
                            const struct vs_radix_alloc *alloc);
/* The leaf entry of `address`: its place and level; false when there is none. */
bool vs_radix_find(const struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                   uint64_t address, const struct vs_radix_alloc *alloc, vs_hpa *at,
                   unsigned *level);

#endif
