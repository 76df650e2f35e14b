/* SPDX-License-Identifier: MIT */
/*
 * Radix page tables of 512-entry, 4 KiB tables: x86-64 guest tables, EPT and VT-d second level
 * differ only in which bits mean what, so a format is data. Maintenance (map, unmap, find) is
 * functional and untimed; a timed walk is made by whoever walks, entry by entry, with
 * vs_radix_entry.
 *
 * Sources: Intel SDM 3A 4.5 (4-level paging), 3C 28.3 (EPT); VT-d specification 9.8 (second-stage
 * entries).
 */
#ifndef VIRTSIM_RADIX_H
#define VIRTSIM_RADIX_H

#include "virtsim/phys.h"
#include "virtsim/status.h"

#define VS_RADIX_LEVELS 5u
#define VS_RADIX_ADDRESS 0x000ffffffffff000u /* bits 51:12 of an entry */

struct vs_radix_format {
    uint64_t present;    /* any of these bits set: the entry is present */
    uint64_t write;      /* permission to write */
    uint64_t execute;    /* permission to execute; 0: see no_execute */
    uint64_t no_execute; /* set bit forbids execution */
    uint64_t user;       /* 0: no such distinction */
    uint64_t leaf;       /* at levels 2 and 3: this entry maps a page */
    uint64_t accessed, dirty, global;
    uint64_t table_flags; /* of entries that point to a table */
    unsigned levels;
};

extern const struct vs_radix_format vs_radix_x86_64, vs_radix_ept, vs_radix_vtd;

/* Shift of a page mapped at a level: 1 = 4K, 2 = 2M, 3 = 1G. */
static inline unsigned vs_radix_shift(unsigned level)
{
    return 12u + 9u * (level - 1u);
}
/* Where the entry for `address` lies in a table of `level`. */
static inline vs_hpa vs_radix_entry(uint64_t table, unsigned level, uint64_t address)
{
    vs_hpa at = {table + ((address >> vs_radix_shift(level)) & 511u) * 8u};
    return at;
}
static inline bool vs_radix_is_leaf(const struct vs_radix_format *f, unsigned level, uint64_t entry)
{
    return level == 1 || (level <= 3 && (entry & f->leaf) != 0);
}

/* Gives a zeroed 4 KiB table. `value` is what an entry that points to it holds, `table` where its
 * bytes are in host-physical memory (they differ in a guest's own tables). */
struct vs_radix_alloc {
    void *ctx;
    bool (*table)(void *ctx, uint64_t *value, uint64_t *table);
    /* entry value -> host-physical address of the table; NULL = the same */
    uint64_t (*locate)(void *ctx, uint64_t value);
};

/* Maps one page; tables in between are made. VS_E_CONFIG when something larger or smaller is mapped
 * there already or an address is not aligned, VS_E_NOMEM when no table is left. root is
 * host-physical. */
enum vs_status vs_radix_map(struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                            uint64_t from, uint64_t to, unsigned page_shift, uint64_t flags,
                            const struct vs_radix_alloc *alloc);
/* The leaf entry of `address`: its place and level; false when there is none. */
bool vs_radix_find(const struct vs_phys *p, const struct vs_radix_format *f, uint64_t root,
                   uint64_t address, const struct vs_radix_alloc *alloc, vs_hpa *at,
                   unsigned *level);

#endif
