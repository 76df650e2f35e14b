/* SPDX-License-Identifier: MIT */
/*
 * The path of a translation: second-level TLB (probe), then the walk: guest walk caches, for each
 * guest entry its nested translation (nested TLB, nested walk caches, EPT entries), accessed and
 * dirty flags, permissions, fill.
 *
 * Keys: page number | size << 36 | context << 40. Payload of a TLB entry: frame | flags below.
 */
#include "ept_impl.h"

#include <string.h>

#define VS_DEF_NAME ept
#define VS_DEF_FILE "ept/ept.def"
#include "virtsim/def_tables.h"

static inline __attribute__((always_inline)) void charge(const struct vs_ept *e, struct vs_txn *t,
                                                         unsigned account, uint64_t ps)
{
    if (ps) {
        vs_ps d = {ps};
        vs_charge(t, (uint16_t)(e->account + account), d);
    }
}

/* ---- probe: L1 of the other sizes was looked up by the core; here the second level ---- */

/* Only an entry that did not permit the access can be there already: reads fill what has missed. */
static void put(struct vs_settab *t, uint64_t key, uint64_t payload, bool may_be_there)
{
    if (may_be_there) {
        (void)vs_settab_fill(t, key, payload, NULL, NULL);
    } else {
        vs_settab_put(t, key, payload);
    }
}

static void fill_l1(struct vs_ept *e, enum vs_ref ref, uint64_t gva, uint64_t payload,
                    unsigned shift)
{
    struct vs_l1 *l = ref == VS_REF_FETCH ? e->fetch : e->data;
    unsigned k = (shift - 12u) / 9u;
    if (!l->tlb[k].entries &&
        k) { /* no first-level table for this size: the 4K one holds its pieces */
        k = 0;
        payload = (payload & VS__FLAGS) |
                  ((payload & VS_RADIX_ADDRESS) + (gva & ((1ull << shift) - 1u) & ~0xfffull));
    }
    put(&l->tlb[k], (gva >> vs_l1_shift[k]) | l->context, payload, ref != VS_REF_READ);
}

static bool allowed(uint64_t payload, enum vs_ref ref)
{
    return ref == VS_REF_READ || (payload & (ref == VS_REF_WRITE ? VS__WRITE : VS__EXECUTE)) != 0;
}

bool vs__ept_probe(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out)
{
    struct vs_ept *e = ctx;
    static const unsigned shifts[] = {12, 21, 30};
    for (unsigned i = 0; i < 3; i++) {
        struct vs_settab *t = i == 2 ? &e->l2_1g : &e->l2;
        if (!(e->sizes & 1u << i)) {
            continue;
        }
        const uint64_t *p = vs_settab_find(t, vs__ept_key(at.v, shifts[i], e->tag_now));
        if (p && allowed(*p, ref)) {
            e->count[VS_CNT_ept_l2_hits]++;
            fill_l1(e, ref, at.v, *p, shifts[i]);
            out->hpa.v = (*p & VS_RADIX_ADDRESS) | (at.v & ((1ull << shifts[i]) - 1u));
            out->page_shift = shifts[i];
            out->fault = VS_FAULT_NONE;
            return true;
        }
    }
    if (e->l2.entries || e->l2_1g.entries) {
        e->count[VS_CNT_ept_l2_misses]++;
    }
    return false;
}

/* ---- the nested dimension ---- */

/* Why a nested translation was made: the flags of the exit qualification depend on it. */
struct access {
    enum vs_ref ref; /* of the guest's access */
    bool final;      /* false: of an entry of the guest's own tables */
    uint64_t gva;
};

static bool violation(struct vs_ept *e, struct vs_translation *out, const struct access *a,
                      uint64_t gpa, uint64_t permissions)
{
    bool table = !a->final;
    /* with accessed and dirty flags, a reference to the guest's tables counts as a write, too */
    uint64_t q = table ? (e->cfg.ept_ad ? 3u : 1u) : 1u << a->ref;
    e->count[VS_CNT_ept_violations]++;
    out->fault = VS_FAULT_EPT_VIOLATION;
    out->gpa.v = gpa;
    out->gva.v = a->gva;
    out->qualification = q | (permissions & 7u) << 3 | 1u << 7 | (table ? 0u : 1u << 8);
    return false;
}

static bool misconfigured(uint64_t entry, unsigned level)
{
    bool leaf = vs_radix_is_leaf(&vs_radix_ept, level, entry);
    unsigned type = (unsigned)(entry >> 3) & 7u;
    if ((entry & 3u) == 2u) {
        return true; /* writable but not readable */
    }
    if (leaf) {
        uint64_t low = ((1ull << vs_radix_shift(level)) - 1u) & ~0xfffull;
        return type == 2 || type == 3 || type == 7 || (entry & low) != 0;
    }
    return (entry & 0xf8u) !=
           0; /* bits 6:3 of a non-leaf are reserved; bit 7 below level 4 made a leaf */
}

static bool bad_entry(struct vs_ept *e, struct vs_translation *out, const struct access *a,
                      uint64_t gpa)
{
    e->count[VS_CNT_ept_misconfigs]++;
    out->fault = VS_FAULT_EPT_MISCONFIG;
    out->gpa.v = gpa;
    out->gva.v = a->gva;
    out->qualification = 0;
    return false;
}

/* Sets a flag in an entry that lacks it, with a timed store. */
static uint64_t set_flags(struct vs_ept *e, struct vs_txn *t, vs_hpa at, uint64_t entry,
                          uint64_t flags)
{
    if ((entry & flags) != flags) {
        entry |= flags;
        e->mem.store(e->mem.ctx, t, at, entry);
        e->count[VS_CNT_ept_ad_updates]++;
    }
    return entry;
}

/* Deepest cached entry on the way to `address`: its level and the table it points to. */
static inline unsigned pwc_find(struct vs_settab *pwc, uint64_t address, uint32_t tag,
                                uint64_t *table)
{
    for (unsigned level = 2; level <= 4; level++) {
        if (pwc[level].used) {
            const uint64_t *p =
                vs_settab_find(&pwc[level], vs__ept_key(address, vs_radix_shift(level), tag));
            if (p) {
                *table = *p;
                return level;
            }
        }
    }
    return 5;
}

static inline bool pwc_any(const struct vs_settab *pwc)
{
    return pwc[2].entries || pwc[3].entries || pwc[4].entries;
}

struct nested {
    uint64_t frame; /* host-physical base of the page */
    unsigned shift;
    uint64_t flags; /* VS__WRITE (allowed and marked dirty), VS__WRITABLE, VS__EXECUTE */
};

static bool nested_hit(struct vs_ept *e, uint64_t gpa, bool write, struct nested *n)
{
    for (unsigned shift = 12; shift <= 30; shift += 9) {
        if (!(e->nested_sizes & 1u << (shift - 12u) / 9u)) {
            continue;
        }
        const uint64_t *p = vs_settab_find(&e->nested, vs__ept_key(gpa, shift, e->tag_nested));
        if (p && (!write || (*p & VS__WRITE))) {
            *n = (struct nested){*p & VS_RADIX_ADDRESS, shift, *p & VS__FLAGS};
            return true;
        }
    }
    return false;
}

/* gpa -> n, walking the EPT where nothing is cached. */
static bool nested_translate(struct vs_ept *e, struct vs_txn *t, uint64_t gpa,
                             const struct access *a, struct nested *n, struct vs_translation *out)
{
    /* the guest's tables are written when their own accessed flags are; EPT's D follows the access
     */
    bool write = a->final ? a->ref == VS_REF_WRITE : e->cfg.ept_ad != 0;
    if (e->nested.entries) {
        charge(e, t, VS_ACC_ept_nested_tlb, e->nested_ps);
        if (nested_hit(e, gpa, write, n)) {
            e->count[VS_CNT_ept_nested_hits]++;
            return a->ref != VS_REF_FETCH || !a->final || (n->flags & VS__EXECUTE) ||
                   violation(e, out, a, gpa, 3);
        }
        e->count[VS_CNT_ept_nested_misses]++;
    }
    uint64_t table = e->now.eptp & VS_RADIX_ADDRESS, permissions = 7;
    unsigned level = 5;
    if (pwc_any(e->npwc)) {
        charge(e, t, VS_ACC_ept_pwc, e->pwc_ps);
        level = pwc_find(e->npwc, gpa, e->tag_nested, &table);
        e->count[level == 5   ? VS_CNT_ept_npwc_misses
                 : level == 4 ? VS_CNT_ept_npwc_l4
                 : level == 3 ? VS_CNT_ept_npwc_l3
                              : VS_CNT_ept_npwc_l2]++;
        permissions = level == 5 ? 7 : table & 7u;
        table &= VS_RADIX_ADDRESS;
    }
    uint64_t accessed = e->cfg.ept_ad ? vs_radix_ept.accessed : 0;
    while (--level > 0) {
        vs_hpa at = vs_radix_entry(table, level, gpa);
        uint64_t entry = e->mem.load(e->mem.ctx, t, at);
        e->count[VS_CNT_ept_refs_nested]++;
        if (level > 1 && (entry & (0xffu | accessed)) == (7u | accessed)) {
            /* the usual table entry: all rights, visited before, nothing reserved set */
            table = entry & VS_RADIX_ADDRESS;
            if (e->npwc[level].entries) { /* pwc_find has missed on it */
                vs_settab_put(&e->npwc[level],
                              vs__ept_key(gpa, vs_radix_shift(level), e->tag_nested),
                              table | permissions);
            }
            continue;
        }
        if (!(entry & 7u)) {
            return violation(e, out, a, gpa, 0);
        }
        if (misconfigured(entry, level)) {
            return bad_entry(e, out, a, gpa);
        }
        permissions &= entry & 7u;
        bool leaf = vs_radix_is_leaf(&vs_radix_ept, level, entry);
        uint64_t need = a->final ? 1ull << a->ref : write ? 3u : 1u;
        if (leaf && (permissions & need) != need) {
            return violation(e, out, a, gpa, permissions);
        }
        if (e->cfg.ept_ad) {
            entry = set_flags(e, t, at, entry,
                              vs_radix_ept.accessed | (leaf && write ? vs_radix_ept.dirty : 0));
        }
        if (leaf) {
            *(a->final ? &e->slat_leaf : &e->table_leaf) = at.v;
            unsigned shift = vs_radix_shift(level);
            bool dirty = !e->cfg.ept_ad || (entry & vs_radix_ept.dirty);
            n->frame = entry & VS_RADIX_ADDRESS & ~((1ull << shift) - 1u);
            n->shift = shift;
            n->flags = (permissions & 2u ? VS__WRITABLE | (dirty ? VS__WRITE : 0) : 0) |
                       (permissions & 4u ? VS__EXECUTE : 0);
            if (e->nested.entries) {
                e->nested_sizes |= 1u << (shift - 12u) / 9u;
                put(&e->nested, vs__ept_key(gpa, shift, e->tag_nested), n->frame | n->flags, write);
            }
            return true;
        }
        table = entry & VS_RADIX_ADDRESS;
        if (e->npwc[level].entries) { /* pwc_find has missed on it */
            vs_settab_put(&e->npwc[level], vs__ept_key(gpa, vs_radix_shift(level), e->tag_nested),
                          table | permissions);
        }
    }
    return false; /* unreachable: level 1 is always a leaf */
}

/* ---- the guest dimension ---- */

static bool page_fault(struct vs_ept *e, struct vs_translation *out, uint64_t gva, enum vs_ref ref,
                       bool present)
{
    e->count[VS_CNT_ept_page_faults]++;
    out->fault = VS_FAULT_PAGE;
    out->gva.v = gva;
    /* P, W/R, U/S (programs run in user mode), I/D */
    out->error_code = (uint32_t)(present ? 1u : 0u) | (ref == VS_REF_WRITE ? 2u : 0u) | 4u |
                      (ref == VS_REF_FETCH ? 16u : 0u);
    return false;
}

/* Host-physical base of a guest table. */
static bool locate_table(struct vs_ept *e, struct vs_txn *t, uint64_t value, const struct access *a,
                         uint64_t *table, struct vs_translation *out)
{
    struct nested n;
    if (!e->now.eptp) {
        *table = value;
        return true;
    }
    if (!nested_translate(e, t, value, a, &n, out)) {
        return false;
    }
    *table = n.frame + (value & ((1ull << n.shift) - 1u));
    return true;
}

static void fill(struct vs_ept *e, enum vs_ref ref, uint64_t gva, uint64_t frame, unsigned shift,
                 uint64_t flags)
{
    struct vs_settab *t = shift == 30 ? &e->l2_1g : &e->l2;
    if (t->entries) {
        e->sizes |= 1u << (shift - 12u) / 9u;
        put(t, vs__ept_key(gva, shift, e->tag_now), frame | flags, ref != VS_REF_READ);
    }
    fill_l1(e, ref, gva, frame | flags, shift);
}

static bool finish(struct vs_ept *e, struct vs_txn *t, uint64_t gva, uint64_t gpa,
                   unsigned guest_shift, uint64_t flags, enum vs_ref ref,
                   struct vs_translation *out)
{
    struct nested n = {.frame = gpa & ~((1ull << guest_shift) - 1u),
                       .shift = guest_shift,
                       .flags = VS__WRITE | VS__WRITABLE | VS__EXECUTE};
    struct access a = {ref, true, gva};
    if (e->now.eptp && !nested_translate(e, t, gpa, &a, &n, out)) {
        return false;
    }
    /* a combined mapping is as large as the smaller of the two pages */
    unsigned shift = n.shift < guest_shift ? n.shift : guest_shift;
    uint64_t low = (1ull << shift) - 1u;
    uint64_t hpa = n.frame + (gpa & ((1ull << n.shift) - 1u));
    /* executable, writable: both dimensions; global: the guest's word */
    flags &= n.flags | VS__GLOBAL;
    fill(e, ref, gva, hpa & ~low, shift, flags);
    out->hpa.v = hpa;
    out->page_shift = shift;
    out->fault = VS_FAULT_NONE;
    return true;
}

static bool walk(struct vs_ept *e, struct vs_txn *t, uint64_t gva, enum vs_ref ref,
                 struct vs_translation *out)
{
    const struct vs_radix_format *f = &vs_radix_x86_64;
    struct access a = {ref, false, gva};
    uint64_t table = 0, permissions = f->write;
    unsigned level = 5;
    charge(e, t, VS_ACC_ept_walk_start, e->start_ps);
    if ((uint64_t)((int64_t)(gva << 16) >> 16) != gva) {
        return page_fault(e, out, gva, ref,
                          false); /* non-canonical: #GP in hardware, never mapped here */
    }
    if (pwc_any(e->gpwc)) {
        charge(e, t, VS_ACC_ept_pwc, e->pwc_ps);
        level = pwc_find(e->gpwc, gva, e->tag_now, &table);
        e->count[level == 5   ? VS_CNT_ept_gpwc_misses
                 : level == 4 ? VS_CNT_ept_gpwc_l4
                 : level == 3 ? VS_CNT_ept_gpwc_l3
                              : VS_CNT_ept_gpwc_l2]++;
        permissions = level == 5 ? f->write : table & f->write;
        table &= VS_RADIX_ADDRESS;
    }
    if (level == 5 && !locate_table(e, t, e->now.cr3 & VS_RADIX_ADDRESS, &a, &table, out)) {
        return false;
    }
    bool no_execute = false;
    while (--level > 0) {
        vs_hpa at = vs_radix_entry(table, level, gva);
        uint64_t entry = e->mem.load(e->mem.ctx, t, at);
        e->count[VS_CNT_ept_refs_guest]++;
        if (!(entry & f->present)) {
            return page_fault(e, out, gva, ref, false);
        }
        permissions &= entry;
        no_execute = no_execute || (entry & f->no_execute);
        bool leaf = vs_radix_is_leaf(f, level, entry);
        if (leaf && ((ref == VS_REF_WRITE && !(permissions & f->write)) ||
                     (ref == VS_REF_FETCH && no_execute))) {
            return page_fault(e, out, gva, ref, true);
        }
        entry =
            set_flags(e, t, at, entry, f->accessed | (leaf && ref == VS_REF_WRITE ? f->dirty : 0));
        if (leaf) {
            e->guest_leaf = at.v;
            unsigned shift = vs_radix_shift(level);
            uint64_t low = (1ull << shift) - 1u;
            uint64_t flags =
                (permissions & f->write ? VS__WRITABLE | (entry & f->dirty ? VS__WRITE : 0) : 0) |
                (no_execute ? 0 : VS__EXECUTE) | (entry & f->global ? VS__GLOBAL : 0);
            return finish(e, t, gva, (entry & VS_RADIX_ADDRESS & ~low) | (gva & low), shift, flags,
                          ref, out);
        }
        if (!locate_table(e, t, entry & VS_RADIX_ADDRESS, &a, &table, out)) {
            return false;
        }
        if (e->gpwc[level].entries && !no_execute) {
            vs_settab_put(&e->gpwc[level], vs__ept_key(gva, vs_radix_shift(level), e->tag_now),
                          table | (permissions & f->write));
        }
    }
    return false;
}

/* ---- hints ---- */

static void announce(void *ctx, vs_gva at)
{
    const struct vs_ept *e = ctx;
    vs_prefetch(vs__ept_hint(e, at.v));
    vs_settab_prefetch(&e->l2, vs__ept_key(at.v, 12, e->tag_now));
}

static uint32_t foretell(void *ctx, vs_gva at, uint64_t hpa[VS_FORETOLD])
{
    const struct vs_ept *e = ctx;
    const struct vs_ept_hint *h = vs__ept_hint(e, at.v);
    if (!h->frame || h->page != (uint32_t)(at.v >> 12)) {
        return 0;
    }
    uint32_t n = 0;
    hpa[n++] = (uint64_t)h->frame << 12 | (at.v & 0xfffu);
    const uint64_t *p = vs_settab_peek_first(&e->l2, vs__ept_key(at.v, 12, e->tag_now));
    if (!p) {
        uint32_t entry[3] = {h->guest_entry, h->slat_entry, *vs__ept_table_hint(e, at.v)};
        for (uint32_t i = 0; i < 3u && entry[i]; i++) {
            vs_hpa line = {(uint64_t)entry[i] << 6};
            vs_phys_prefetch(e->phys, line);
            hpa[n++] = line.v;
        }
    }
    return n;
}

static void remember(const struct vs_ept *e, uint64_t gva, const struct vs_translation *out)
{
    *vs__ept_hint(e, gva) = (struct vs_ept_hint){
        (uint32_t)(gva >> 12), (uint32_t)(e->guest_leaf >> 6),
        e->now.eptp ? (uint32_t)(e->slat_leaf >> 6) : 0, (uint32_t)(out->hpa.v >> 12)};
    *vs__ept_table_hint(e, gva) = e->now.eptp ? (uint32_t)(e->table_leaf >> 6) : 0;
}

void vs__ept_walk(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                  struct vs_translation *out)
{
    struct vs_ept *e = ctx;
    memset(out, 0, sizeof *out);
    charge(e, t, VS_ACC_ept_l2_tlb, e->l2_ps);
    vs_open(t, VS_OP_WALK);
    e->count[VS_CNT_ept_walks]++;
    if (walk(e, t, at.v, ref, out) && e->hint) {
        remember(e, at.v, out);
    }
    vs_close(t);
}

struct vs_mmu_port vs_ept_mmu_port(struct vs_ept *e)
{
    return (struct vs_mmu_port){.ctx = e,
                                .probe = vs__ept_probe,
                                .walk = vs__ept_walk,
                                .announce = e->hint ? announce : NULL,
                                .foretell = e->hint ? foretell : NULL,
                                .probe_account = (uint16_t)(e->account + VS_ACC_ept_l2_tlb),
                                .probe_ps = {e->l2_ps}};
}
