/* SPDX-License-Identifier: MIT */
/* What invalidations and faults drop. */
#include "ept_impl.h"

#define FIRST_LEVEL 4u /* for data, stores, fetches; the last has no entries */
#define CONTEXT ((uint64_t)(VS_EPT_CONTEXTS - 1u) << VS_L1_CONTEXT_SHIFT)

/* ---- what faults drop ---- */

/* Drops one address from the first level under a tag. */
static void forget_linear(struct vs_ept *e, uint64_t gva, uint32_t tag)
{
    for (unsigned i = 0; i < FIRST_LEVEL; i++) {
        struct vs_l1 *l = i & 2u ? e->fetch : e->data;
        struct vs_l1_tlb *t = &l->tlb[i & 1u];
        uint64_t context = (uint64_t)tag << VS_L1_CONTEXT_SHIFT;
        for (unsigned k = 0; k < VS_L1_SIZES; k++) {
            (void)vs_settab_drop(&t->table[t->table_of[k]],
                                 (vs_l1_key(l, t, gva, k) & ~CONTEXT) | context);
        }
    }
    for (uint32_t m = e->sizes; m; m &= m - 1u) {
        unsigned shift = 12u + (unsigned)__builtin_ctz(m);
        struct vs_settab *t = vs__ept_second(e, shift);
        (void)vs_settab_drop(t, vs__ept_second_key(e, t, gva, shift, tag));
    }
    for (uint32_t m = e->fetch_sizes; m; m &= m - 1u) {
        unsigned shift = 12u + (unsigned)__builtin_ctz(m);
        (void)vs_settab_drop(&e->l2i, vs__ept_key(gva, shift, tag));
    }
    unsigned levels =
        e->upper.levels > e->guest.levels ? e->upper.levels : e->guest.levels; /* of both halves */
    for (unsigned level = 2; level <= levels; level++) {
        unsigned shift = vs_radix_level_shift(&e->guest, level);
        (void)vs_settab_drop(&e->gpwc[level], vs__ept_key(gva, shift, tag));
        if (e->piece) {
            shift = vs__ept_piece_shift(&e->guest, level, e->piece);
            (void)vs_settab_drop(&e->gpwc[level], vs__ept_key(gva, shift, tag));
        }
    }
}

void vs__ept_forget_linear(struct vs_ept *e, uint64_t gva)
{
    e->prefetch.full = false;
    for (uint32_t i = 0; i < e->n_tags; i++) { /* of every EP4TA */
        const struct vs_ept_tag *t = &e->tag[i];
        if (t->vpid == e->now.vpid && (t->global || t->pcid == e->now.pcid)) {
            forget_linear(e, gva, i);
        }
    }
}

void vs__ept_forget_physical(struct vs_ept *e, uint64_t gpa)
{
    for (uint32_t m = e->nested_sizes; m; m &= m - 1u) {
        unsigned shift = 12u + (unsigned)__builtin_ctz(m);
        (void)vs_settab_drop(&e->nested, vs__ept_key(gpa, shift, e->tag_nested));
    }
    for (unsigned level = 2; level <= e->second.levels; level++) {
        (void)vs_settab_drop(
            &e->npwc[level],
            vs__ept_key(gpa, vs_radix_level_shift(&e->second, level), e->tag_nested));
    }
}

/* ---- invalidations ---- */

struct scope {
    const struct vs_ept *e;
    bool any_vpid, any_pcid; /* which address spaces */
    bool guests;             /* any_vpid: but VPID 0 */
    bool globals;            /* global entries of these spaces too */
    bool globals_of_all;     /* and those of every PCID of the VPID */
    bool page;               /* one page only */
    bool combined;           /* by EP4TA instead: of s.eptp, 0 = of every one */
    uint16_t vpid, pcid;
    uint64_t eptp, address;
    const struct vs_l1_tlb *first; /* keys are vs_l1_key; NULL: vs__ept_key */
};

/* The tag in a key. */
static const struct vs_ept_tag *tag_in(const struct scope *s, uint64_t key)
{
    return &s->e->tag[(key >> VS_L1_CONTEXT_SHIFT) & (VS_EPT_CONTEXTS - 1u)];
}

/* Says whether an invalidation covers what a tag stands for. */
static bool in_scope(const struct scope *s, const struct vs_ept_tag *t, bool global)
{
    if (s->combined) {
        return t->eptp != 0 && (!s->eptp || t->eptp == s->eptp);
    }
    if (s->any_vpid ? s->guests && !t->vpid : t->vpid != s->vpid) {
        return false;
    }
    if (t->global || (global && s->globals_of_all)) {
        return s->globals; /* a scope with these is one of every PCID */
    }
    return (s->any_pcid || t->pcid == s->pcid) && (s->globals || !global);
}

/* Whether an entry is of the guest's page that holds the address: a page may be in several pieces,
 * and all of them go (SDM 3A 4.10.4.1). */
static bool same_page(const struct scope *s, uint64_t key, unsigned page)
{
    unsigned shift = s->first ? s->first->shift[key >> VS_L1_SIZE_SHIFT]
                              : 12u + (unsigned)(key >> VS__SIZE_SHIFT & 31u);
    uint64_t address = (key & VS__PAGE_MASK) << shift;
    return ((address ^ s->address) & ((VS__PAGE_MASK << 12) | 0xfffu)) >> page == 0;
}

/* Says whether a linear translation goes. */
static bool drop_linear(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    return in_scope(s, tag_in(s, key), (payload & VS__GLOBAL) != 0) &&
           (!s->page || same_page(s, key, 12u + (unsigned)(payload >> VS__GUEST_SHIFT & 31u)));
}

/* Says whether an entry of the second level goes. */
static bool drop_second(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    return drop_linear(ctx, vs__ept_fold(s->e, key), payload);
}

/* Walk caches do not tell global entries: an address or context drops all of its space. */
static bool drop_walk(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    (void)payload;
    return in_scope(s, tag_in(s, key), false);
}

/* Says whether a translation of guest-physical addresses goes. */
static bool drop_physical_page(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    (void)payload;
    return in_scope(s, tag_in(s, key), false) &&
           same_page(s, key, 12u + (unsigned)(key >> VS__SIZE_SHIFT & 31u));
}

/* Drops linear translations in scope, and counts them. */
static uint64_t sweep_linear(struct vs_ept *e, struct scope *s, bool walk_caches)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < FIRST_LEVEL; i++) {
        struct vs_l1_tlb *t = &(i & 2u ? e->fetch : e->data)->tlb[i & 1u];
        s->first = t;
        for (unsigned k = 0; k < VS_L1_SIZES; k++) {
            n += vs_settab_drop_if(&t->table[k], drop_linear, s);
        }
    }
    s->first = NULL;
    n += vs_settab_drop_if(&e->l2, drop_second, s);
    n += vs_settab_drop_if(&e->l2_1g, drop_linear, s);
    n += vs_settab_drop_if(&e->l2i, drop_linear, s);
    for (unsigned level = 2; level < VS_EPT_LEVELS && walk_caches; level++) {
        n += vs_settab_drop_if(&e->gpwc[level], drop_walk, s);
    }
    return n;
}

/* Drops guest-physical translations in scope, and counts them. */
static uint64_t sweep_physical(struct vs_ept *e, struct scope *s, bool walk_caches)
{
    uint64_t n = vs_settab_drop_if(&e->nested, s->page ? drop_physical_page : drop_walk, s);
    for (unsigned level = 2; level < VS_EPT_LEVELS && walk_caches; level++) {
        n += vs_settab_drop_if(&e->npwc[level], drop_walk, s);
    }
    return n;
}

/* Counts an invalidation and charges its instruction. */
static void account(struct vs_ept *e, struct vs_txn *t, bool page)
{
    e->count[VS_CNT_ept_invalidations]++;
    if (t) {
        vs_ps d = {page ? e->invlpg_ps : e->flush_ps};
        vs_open(t, VS_OP_INVALIDATE);
        vs_charge(t,
                  (uint16_t)(e->account + (page ? VS_ACC_ept_invalidate_address
                                                : VS_ACC_ept_invalidate_context)),
                  d);
        vs_close(t);
    }
}

/* What an invalidation of such a scope drops; no instruction is counted for it. *page: its scope is
 * one page. */
static uint64_t drop(struct vs_ept *e, enum vs_flush what, uint16_t vpid, uint16_t pcid,
                     uint64_t eptp, vs_gva at, bool *page)
{
    struct scope s = {
        .e = e, .vpid = vpid, .pcid = pcid, .eptp = eptp & VS_RADIX_ADDRESS, .address = at.v};
    bool linear = true, physical = false, walk_caches = true;
    switch (what) {
    case VS_FLUSH_ALL_VPIDS:
        s.guests = true; /* fall through */
    case VS_FLUSH_ALL:
        s.any_vpid = s.any_pcid = s.globals = true;
        break;
    case VS_FLUSH_VPID_LAST_LEVEL:
        walk_caches = false; /* fall through */
    case VS_FLUSH_VPID_ADDRESS:
        s.page = true; /* fall through */
    case VS_FLUSH_VPID:
        s.any_pcid = s.globals = true;
        break;
    case VS_FLUSH_VPID_NONGLOBAL:
        s.any_pcid = true;
        break;
    case VS_FLUSH_LAST_LEVEL:
        walk_caches = false; /* fall through */
    case VS_FLUSH_ADDRESS:
        s.page = s.globals = s.globals_of_all = true;
        break;
    case VS_FLUSH_PCID_ADDRESS:
        s.page = true; /* fall through */
    case VS_FLUSH_PCID:
        break;
    case VS_FLUSH_EPT_LAST_LEVEL:
        walk_caches = false; /* fall through */
    case VS_FLUSH_EPT_ADDRESS:
        s.page = true;
        linear = false; /* fall through */
    case VS_FLUSH_EPT:
        s.combined = physical = true;
        break;
    case VS_FLUSH_ASIDS:
        s.any_vpid = true; /* fall through */
    case VS_FLUSH_ASID:
        s.globals = true;         /* fall through */
    case VS_FLUSH_ASID_NONGLOBAL: /* entries of the second dimension are not global */
        s.any_pcid = physical = true;
        break;
    }
    uint64_t n = linear ? sweep_linear(e, &s, walk_caches) : 0;
    n += physical ? sweep_physical(e, &s, walk_caches) : 0;
    n += e->prefetch.full;
    e->prefetch.full = false;
    e->count[VS_CNT_ept_dropped] += n;
    *page = s.page;
    return n;
}

uint64_t vs_ept_flush(struct vs_ept *e, struct vs_txn *t, enum vs_flush what, uint16_t vpid,
                      uint16_t pcid, uint64_t eptp, vs_gva at)
{
    bool page;
    uint64_t n = drop(e, what, vpid, pcid, eptp, at, &page);
    account(e, t, page);
    return n;
}

void vs__ept_empty(struct vs_ept *e)
{
    bool page;
    (void)drop(e, VS_FLUSH_ALL, 0, 0, 0, (vs_gva){0}, &page);
    (void)drop(e, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0}, &page);
}

uint64_t vs_ept_invlpg(struct vs_ept *e, struct vs_txn *t, vs_gva at)
{
    return vs_ept_flush(e, t, VS_FLUSH_ADDRESS, e->now.vpid, e->now.pcid, 0, at);
}

uint64_t vs_ept_mov_cr3(struct vs_ept *e, struct vs_txn *t, uint16_t pcid, bool keep)
{
    return keep ? 0 : vs_ept_flush(e, t, VS_FLUSH_PCID, e->now.vpid, pcid, 0, (vs_gva){0});
}

/* SDM 2A, INVPCID: types 0 to 3. */
uint64_t vs_ept_invpcid(struct vs_ept *e, struct vs_txn *t, unsigned type, uint16_t pcid, vs_gva at)
{
    static const enum vs_flush what[] = {VS_FLUSH_PCID_ADDRESS, VS_FLUSH_PCID, VS_FLUSH_VPID,
                                         VS_FLUSH_VPID_NONGLOBAL};
    return vs_ept_flush(e, t, what[type & 3u], e->now.vpid, pcid, 0, at);
}

/* APM volume 3, INVLPGA: a page of one ASID, which is the tag that VPID is here. */
uint64_t vs_ept_invlpga(struct vs_ept *e, struct vs_txn *t, uint16_t asid, vs_gva at)
{
    return vs_ept_flush(e, t, VS_FLUSH_VPID_ADDRESS, asid, 0, 0, at);
}

/* Arm ARM, TLBI: VMID is the tag that VPID is here, ASID that of PCID, VTTBR stands for EP4TA. */
uint64_t vs_ept_tlbi_in(struct vs_ept *e, struct vs_txn *t, enum vs_tlbi form,
                        const struct vs_ept_context *c, uint64_t address)
{
    static const enum vs_flush what[] = {
        [VS_TLBI_VAE1] = VS_FLUSH_ADDRESS,        [VS_TLBI_VALE1] = VS_FLUSH_LAST_LEVEL,
        [VS_TLBI_VAAE1] = VS_FLUSH_VPID_ADDRESS,  [VS_TLBI_VAALE1] = VS_FLUSH_VPID_LAST_LEVEL,
        [VS_TLBI_ASIDE1] = VS_FLUSH_PCID,         [VS_TLBI_VMALLE1] = VS_FLUSH_VPID,
        [VS_TLBI_IPAS2E1] = VS_FLUSH_EPT_ADDRESS, [VS_TLBI_IPAS2LE1] = VS_FLUSH_EPT_LAST_LEVEL,
        [VS_TLBI_VMALLS12E1] = VS_FLUSH_VPID,     [VS_TLBI_ALLE1] = VS_FLUSH_ALL_VPIDS,
    };
    vs_gva at = {address}, none = {0};
    bool page, second = form == VS_TLBI_IPAS2E1 || form == VS_TLBI_IPAS2LE1;
    if (second && !c->eptp) {
        account(e, t, true); /* EL2 has no stage 2 of its own */
        return 0;
    }
    uint64_t n = vs_ept_flush(e, t, what[form], c->vpid, c->pcid, c->eptp, at);
    if (form == VS_TLBI_VMALLS12E1 && c->eptp) { /* both stages: the machine's stage 2 as well */
        n += drop(e, VS_FLUSH_EPT, 0, 0, c->eptp, none, &page);
    }
    if (form == VS_TLBI_ALLE1) {
        n += drop(e, VS_FLUSH_EPT, 0, 0, 0, none, &page);
    }
    return n;
}

uint64_t vs_ept_tlbi(struct vs_ept *e, struct vs_txn *t, enum vs_tlbi form, uint16_t asid,
                     uint64_t address)
{
    struct vs_ept_context c = e->now;
    c.pcid = asid;
    return vs_ept_tlbi_in(e, t, form, &c, address);
}
