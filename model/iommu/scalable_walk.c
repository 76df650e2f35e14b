/* SPDX-License-Identifier: MIT */
/*
 * First-level and nested translation (VT-d specification 3.x, 3.6 and 3.8): the first level has the
 * format of a processor's own tables, with accessed and dirty bits that the unit sets; nested, its
 * tables and pages are at guest-physical addresses, each of which the second level translates.
 */
#include "iommu_impl.h"

#define PRESENT 1u
#define WRITABLE 2u
#define USER 4u
#define ACCESSED (1u << 5)
#define DIRTY (1u << 6)
#define EXECUTE_DISABLE (1ull << 63)
#define READ_OK 1u
#define WRITE_OK 2u

/* Says whether a table lies in memory. */
static bool in_memory(const struct vs_iommu *i, uint64_t table)
{
    return table < vs_phys_size(i->phys);
}

/* A walk of the first level, and what it knows at its present entry. */
struct nested_walk {
    struct vs_iommu *i;
    struct vs_txn *t;
    uint64_t below, root; /* of the second level: its tag, its root; root 0: there is none */
    bool write, nested;
    /* a supervisor's request, one that would execute, one that R/W forbids to write */
    bool supervisor, execute, guarded;
    bool unguarded; /* WPE is clear: R/W does not bind supervisors */
};

/* The host-physical page of a first-level table; 0, or the reason of a fault. */
static unsigned table_at(struct nested_walk *w, uint64_t gpa, bool root, uint64_t *table,
                         bool *writable)
{
    uint64_t payload;
    unsigned level;
    *table = gpa;
    *writable = true;
    if (!w->nested) {
        return in_memory(w->i, gpa) ? 0
               : root               ? VS_IOMMU_SM_FIRST_ROOT_ACCESS
                                    : VS_IOMMU_SM_FIRST_ACCESS;
    }
    if (gpa >> 48) {
        return VS_IOMMU_SM_NESTED_BEYOND;
    }
    unsigned reason =
        vs__iommu_walk_second(w->i, w->t, w->below, w->root, gpa, false, &payload, &level);
    if (reason == VS_IOMMU_NO_READ) {
        return root ? VS_IOMMU_SM_NESTED_ROOT_READ : VS_IOMMU_SM_NESTED_READ;
    }
    uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
    *table = (payload & VS_RADIX_ADDRESS & ~low) | (gpa & low);
    *writable = payload & WRITE_OK;
    return reason;
}

/* What is wrong with a first-level entry for this request; 0: nothing. */
static unsigned entry_fault(const struct nested_walk *w, unsigned level, bool leaf, uint64_t entry)
{
    uint64_t reserved = vs_radix_reserved(&vs_radix_x86_64, level, leaf, 52);
    return !(entry & PRESENT)                              ? VS_IOMMU_SM_FIRST_NOT_PRESENT
           : entry & reserved                              ? VS_IOMMU_SM_FIRST_RESERVED
           : !(entry & USER) && !w->supervisor             ? VS_IOMMU_SM_USER
           : w->write && w->guarded && !(entry & WRITABLE) ? VS_IOMMU_SM_NO_WRITE
           : w->execute && entry & EXECUTE_DISABLE         ? VS_IOMMU_SM_NO_EXECUTE
                                                           : 0;
}

/* Sets the entry's accessed bit, and a page's dirty bit when it is written; 0, or why not. */
static unsigned mark(struct nested_walk *w, vs_hpa at, bool leaf, bool writable, uint64_t *entry)
{
    uint64_t marks = ACCESSED | (leaf && w->write ? DIRTY : 0);
    if ((*entry & marks) == marks) {
        return 0;
    }
    if (!writable) {
        return VS_IOMMU_SM_NESTED_WRITE;
    }
    *entry |= marks;
    w->i->count[VS_CNT_iommu_marks]++;
    w->i->mem.store(w->i->mem.ctx, w->t, at, *entry);
    return 0;
}

/* What may be done with a page that all entries on the way together allow this: by a user, by a
 * supervisor, whose writes go by R/W where WPE says so, and to execute. A write goes through the
 * IOTLB once the page is marked dirty. */
static uint64_t rights_of(const struct nested_walk *w, uint64_t way, uint64_t entry)
{
    uint64_t user = way & VS__IOMMU_WAY_USER ? way & 3u : 0, supervisor = way & 3u;
    supervisor |= w->unguarded ? WRITE_OK : 0;
    uint64_t dirty = entry & DIRTY ? 3u : READ_OK;
    return (user & dirty) | (supervisor & dirty) << VS__IOMMU_SUPERVISOR_SHIFT |
           (way & VS__IOMMU_WAY_EXECUTE ? VS__IOMMU_MAY_EXECUTE : 0);
}

/* The page that a first-level leaf names: nested, where the second level has it, and no larger. */
static unsigned page_of(struct nested_walk *w, uint64_t address, uint64_t entry,
                        uint64_t permissions, uint64_t *payload, unsigned *level)
{
    uint64_t low = (1ull << vs_radix_shift(*level)) - 1u,
             page = (entry & VS_RADIX_ADDRESS & ~low) | (address & low),
             rights = rights_of(w, permissions, entry);
    if (w->nested) {
        uint64_t second = 0;
        unsigned size = *level, reason;
        if (page >> 48) {
            return VS_IOMMU_SM_NESTED_BEYOND;
        }
        reason =
            vs__iommu_walk_second(w->i, w->t, w->below, w->root, page, w->write, &second, &size);
        if (reason) {
            return reason;
        }
        uint64_t in = (1ull << vs_radix_shift(size)) - 1u;
        page = (second & VS_RADIX_ADDRESS & ~in) | (page & in);
        rights &=
            (second & 3u) | (second & 3u) << VS__IOMMU_SUPERVISOR_SHIFT | VS__IOMMU_MAY_EXECUTE;
        *level = size < *level ? size : *level;
    }
    *payload = (page & ~((1ull << vs_radix_shift(*level)) - 1u)) | rights;
    return 0;
}

unsigned vs__iommu_walk_first(struct vs_iommu *i, struct vs_txn *t,
                              const struct vs__iommu_space *space, uint64_t address, bool write,
                              uint64_t *payload, unsigned *level)
{
    struct nested_walk w = {.i = i,
                            .t = t,
                            .below = vs__iommu_domain(space->first),
                            .root = vs__iommu_root(space->context),
                            .write = write,
                            .nested = (space->first & VS__IOMMU_NESTED_BIT) != 0,
                            .supervisor = (t->prefix & VS_PASID_PRIVILEGED) != 0,
                            .execute = (t->prefix & VS_PASID_EXECUTE) != 0,
                            .unguarded = !(space->context & VS__IOMMU_PROTECTED)};
    w.guarded = !w.supervisor || !w.unguarded;
    uint64_t tag = vs__iommu_domain(space->context), table = 0, permissions = VS__IOMMU_WAY;
    bool writable = true;
    unsigned l = vs__iommu_begin_walk(i, tag, address, &table, &permissions), reason = 0;
    if (l > 4) {
        reason = table_at(&w, vs__iommu_root(space->first), true, &table, &writable);
    } else {
        writable = permissions & VS__IOMMU_TABLE_WRITABLE;
    }
    if (!reason) { /* what entries above have said already */
        reason = !(permissions & VS__IOMMU_WAY_USER) && !w.supervisor  ? VS_IOMMU_SM_USER
                 : write && w.guarded && !(permissions & WRITE_OK)     ? VS_IOMMU_SM_NO_WRITE
                 : w.execute && !(permissions & VS__IOMMU_WAY_EXECUTE) ? VS_IOMMU_SM_NO_EXECUTE
                                                                       : 0;
    }
    while (!reason && l > 1u) {
        l--;
        vs_hpa at = vs_radix_entry(table, l, address);
        uint64_t entry = i->mem.load(i->mem.ctx, t, at);
        bool leaf = vs_radix_is_leaf(&vs_radix_x86_64, l, entry);
        i->count[VS_CNT_iommu_first_refs]++;
        reason = entry_fault(&w, l, leaf, entry);
        reason = reason ? reason : mark(&w, at, leaf, writable, &entry);
        permissions &= READ_OK | (entry & WRITABLE) | (entry & USER ? VS__IOMMU_WAY_USER : 0) |
                       (entry & EXECUTE_DISABLE ? 0 : VS__IOMMU_WAY_EXECUTE);
        if (reason || leaf) {
            *level = l;
            return reason ? reason : page_of(&w, address, entry, permissions, payload, level);
        }
        reason = table_at(&w, entry & VS_RADIX_ADDRESS, false, &table, &writable);
        if (!reason && i->pwc[l].entries) {
            (void)vs_settab_fill(&i->pwc[l], vs__iommu_key(tag, l, address),
                                 table | permissions | (writable ? VS__IOMMU_TABLE_WRITABLE : 0),
                                 NULL, NULL);
        }
    }
    return reason;
}
