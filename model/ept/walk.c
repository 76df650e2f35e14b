/* SPDX-License-Identifier: MIT */
/* The walk, compiled for the pair of formats most machines have and for any pair. */
#include "ept_impl.h"

#define INLINE vs_inlined

/* Arm descriptors: DBM, AP[2] (stage 1: read-only), S2AP[1] (stage 2: writable), nG. */
#define ARM_DBM (1ull << 51)
#define ARM_AP2 (1ull << 7)
#define ARM_S2AP1 (1ull << 7)
#define ARM_NG (1ull << 11)

/* Charges time, unless it is none. */
static INLINE void charge(const struct vs_ept *e, struct vs_txn *t, unsigned account, uint64_t ps)
{
    if (ps) {
        vs_ps d = {ps};
        vs_charge(t, (uint16_t)(e->account + account), d);
    }
}

/* Charges a lookup, unless it costs nothing. */
static INLINE void look_up(struct vs_txn *t, const struct vs_lookup *k)
{
    if (k->ps.v) {
        vs_charge(t, k->account, k->ps);
    }
}

/* The walker's references to tables. */
static INLINE uint64_t load(struct vs_ept *e, struct vs_txn *t, vs_hpa at)
{
    if (!e->lines_noted) {
        return e->mem.load(e->mem.ctx, t, at);
    }
    vs_gather_note(e->lines_noted, at.v >> e->data->line_shift, false);
    return vs_phys_read64(e->phys, at);
}
/* Stores an entry, or notes its line where lines are gathered. */
static INLINE void store(struct vs_ept *e, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    if (!e->lines_noted) {
        e->mem.store(e->mem.ctx, t, at, value);
        return;
    }
    vs_gather_note(e->lines_noted, at.v >> e->data->line_shift, true);
    vs_phys_write64(e->phys, at, value);
}

static uint64_t vs__ept_line_load(struct vs_ept *e, struct vs_txn *t, vs_hpa at);

#include "walk.inc"

/* AMD's page walk cache holds lines of page tables, by host-physical address and of both
 * dimensions. What a line holds is read where it is: the cache moves time, not values. */
static uint64_t vs__ept_line_load(struct vs_ept *e, struct vs_txn *t, vs_hpa at)
{
    charge(e, t, VS_ACC_ept_lines, e->lines_ps);
    if (vs_settab_find(&e->lines, at.v >> VS_LINE_SHIFT)) {
        e->count[VS_CNT_ept_line_hits]++;
        return vs_phys_read64(e->phys, at);
    }
    e->count[VS_CNT_ept_line_misses]++;
    (void)vs_settab_fill_absent(&e->lines, at.v >> VS_LINE_SHIFT, 0, NULL, NULL);
    return load(e, t, at);
}

static const struct vs_radix_format x86_64 = VS_RADIX_X86_64(4), ept = VS_RADIX_EPT(4);

/* Translates an address of the guest under the EPT format. */
static bool nested_usual(struct vs_ept *e, struct vs_txn *t, uint64_t gpa,
                         const struct vs_ept_access *a, struct nested *r,
                         struct vs_translation *out)
{
    return nested_translate(e, t, &ept, true, gpa, a, r, out);
}

/* Translates an address of the guest under any format. */
static bool nested_any(struct vs_ept *e, struct vs_txn *t, uint64_t gpa,
                       const struct vs_ept_access *a, struct nested *r, struct vs_translation *out)
{
    return nested_translate(e, t, &e->second, false, gpa, a, r, out);
}

bool vs__ept_walk_tables(struct vs_ept *e, struct vs_txn *t, uint64_t gva, enum vs_ref ref,
                         struct vs_translation *out)
{
    if (vs_likely(e->usual)) {
        struct root root = {e->now.cr3, 0, 0, e->gpwc_lookup[0]};
        return walk_both(e, t, gva, ref, out, &x86_64, &ept, &root, nested_usual, true);
    }
    bool upper = vs__ept_upper(e, gva);
    struct root root = {upper ? e->now.upper : e->now.cr3, upper ? UINT64_MAX : 0, e->piece,
                        e->gpwc_lookup[upper]};
    return walk_both(e, t, gva, ref, out, upper ? &e->upper : &e->guest, &e->second, &root,
                     nested_any, false);
}
