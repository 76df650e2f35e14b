/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_EPT_IMPL_H
#define VIRTSIM_MODEL_EPT_IMPL_H

#include "ept/ept.h"

/* Arm: bit 55 says which root translates an address. */
static inline bool vs__ept_upper(const struct vs_ept *e, uint64_t gva)
{
    return e->guest.kind == VS_RADIX_STAGE1 && (gva >> 55 & 1u);
}

/* log2 of what one piece of the table that an entry of `level` points to translates, a piece being
 * as large as the second dimension's smallest page (ept.piece). */
static inline unsigned vs__ept_piece_shift(const struct vs_radix_format *f, unsigned level,
                                           unsigned piece)
{
    return vs_radix_level_shift(f, level - 1u) + piece - 3u;
}

/* Flags of TLB payloads; the first is what the core's inline path looks at. */
#define VS__WRITE VS_L1_WRITE /* writes may pass: allowed, and dirty is set in both dimensions */
#define VS__WRITABLE 2u       /* allowed; dirty may still have to be set */
#define VS__EXECUTE 4u
#define VS__GLOBAL 8u
#define VS__READ 16u
#define VS__GUEST_SHIFT                                                                            \
    5u /* bits 9:5: log2 of the guest's page - 12: INVLPG drops all its pieces */
#define VS__FLAGS 0xfffu

/* Keys: page number | (log2 of the page - 12) << 45 | context << 52. 57-bit addresses have 45-bit
 * page numbers. */
#define VS__SIZE_SHIFT 45u
#define VS__PAGE_MASK ((1ull << VS__SIZE_SHIFT) - 1u)

/* The key of a page of a size under a tag. */
static inline uint64_t vs__ept_key(uint64_t address, unsigned shift, uint32_t tag)
{
    return ((address >> shift) & VS__PAGE_MASK) | (uint64_t)(shift - 12u) << VS__SIZE_SHIFT |
           (uint64_t)tag << VS_L1_CONTEXT_SHIFT;
}

/* The number under which the second-level TLB keeps a page: with an exclusive-or index its lowest
 * bits take in as many above them. Its own inverse. */
static inline uint64_t vs__ept_fold(const struct vs_ept *e, uint64_t key)
{
    return key ^ ((key & VS__PAGE_MASK) >> e->l2_set_bits & e->l2_fold);
}
/* The key in a second-level table, some of whose sizes share an index. */
static inline uint64_t vs__ept_second_key(const struct vs_ept *e, const struct vs_settab *t,
                                          uint64_t address, unsigned shift, uint32_t tag)
{
    uint64_t key = vs__ept_key(address, shift, tag);
    return t == &e->l2 ? vs__ept_fold(e, key) : key;
}

/* As what the second-level TLBs hold a page of 1 << shift: log2 of the pieces, 0: not at all. */
static inline unsigned vs__ept_held(const struct vs_ept *e, unsigned shift)
{
    if (vs_likely(shift < 21u) || (shift >= 30u && e->cfg.l2_1g_place == VS_EPT_1G_OWN)) {
        return shift;
    }
    shift = shift >= 30u && e->cfg.l2_1g_place == VS_EPT_1G_PIECES ? 21u : shift;
    return e->cfg.l2_large ? shift : 0;
}
/* The same of the fetches' own. */
static inline unsigned vs__ept_fetch_held(const struct vs_ept *e, unsigned shift)
{
    shift = shift >= 30u ? 21u : shift;
    return shift < 21u || e->cfg.l2i_large ? shift : 0;
}
/* Which of them holds such pieces. */
static inline struct vs_settab *vs__ept_second(struct vs_ept *e, unsigned held)
{
    return held >= 30u && e->cfg.l2_1g_place == VS_EPT_1G_OWN ? &e->l2_1g : &e->l2;
}

/* ept_hints.c: NULL when there is no memory for them, and nothing is foretold. */
struct vs_ept_hints *vs__ept_hints_create(void);
/* After a walk of gva through the tables. */
void vs__ept_hints_learn(struct vs_ept *e, uint64_t gva);
void vs__ept_announce(void *ctx, const uint64_t *gva, uint32_t n);
void vs__ept_foretell(void *ctx, vs_gva at);
uint32_t vs__ept_expect(void *ctx, vs_gva at, uint64_t hpa[VS_EXPECTED]);

/* Why a translation failed. */
enum vs__ept_why { VS__ABSENT, VS__MALFORMED, VS__DENIED, VS__UNUSED /* Arm: access flag */ };

/* For which access a second-dimension translation is made. */
struct vs_ept_access {
    enum vs_ref ref; /* of the guest */
    bool final;      /* false: to an entry of the guest's own tables */
    bool update;     /* to set a flag in that entry */
    uint64_t gva;
};

/* Only an entry that did not permit the access can be there already: reads fill what has missed,
 * as long as everything may be read. */
static inline void vs__ept_put(struct vs_ept *e, struct vs_settab *t, uint64_t key,
                               uint64_t payload, bool may_be_there)
{
    e->unreadable = e->unreadable || !(payload & VS__READ);
    if (may_be_there || e->unreadable) {
        (void)vs_settab_fill(t, key, payload, NULL, NULL);
    } else {
        vs_settab_put(t, key, payload);
    }
}

/* ept_context.c: the first global page of the present VPID: it gets a tag; false: none is left. */
bool vs__ept_globals_begin(struct vs_ept *e);
/* Under which tag a TLB holds a page. */
static inline uint32_t vs__ept_tag_of(struct vs_ept *e, uint64_t payload)
{
    if (vs_likely(!(payload & VS__GLOBAL))) {
        return e->tag_now;
    }
    return e->data->globals || vs__ept_globals_begin(e) ? e->tag_global : e->tag_now;
}

/* ept.verify: counts whether an untimed lookup of the tables agrees with a walk's result. */
void vs__ept_verify(struct vs_ept *e, uint64_t gva, const struct vs_translation *out);

/* Into both TLB levels: flags are VS__*, frame the host-physical base of the page. */
void vs__ept_fill(struct vs_ept *e, enum vs_ref ref, uint64_t gva, uint64_t frame, unsigned shift,
                  uint64_t flags);
/* walk.c: the formats in use. True when the walk gave an address. */
bool vs__ept_walk_tables(struct vs_ept *e, struct vs_txn *t, uint64_t gva, enum vs_ref ref,
                         struct vs_translation *out);

/* ept_prefetch.c: whether the buffer holds the page; and the walk of the next one. */
bool vs__ept_prefetched(struct vs_ept *e, struct vs_txn *t, uint64_t gva, enum vs_ref ref,
                        struct vs_translation *out);
void vs__ept_prefetch_next(struct vs_ept *e, const struct vs_txn *t, uint64_t gva, unsigned shift);

/* ept_fault.c. All return false. level counts from the page. raw: the entries' bits that all of
 * them have set. need: VS_RIGHT_* that were asked for. */
bool vs__ept_first_fault(struct vs_ept *e, struct vs_translation *out, uint64_t gva,
                         enum vs_ref ref, const struct vs_radix_format *f, unsigned level,
                         enum vs__ept_why why);
bool vs__ept_second_fault(struct vs_ept *e, struct vs_translation *out,
                          const struct vs_ept_access *a, uint64_t gpa,
                          const struct vs_radix_format *f, unsigned level, enum vs__ept_why why,
                          uint64_t raw, uint64_t need);
/* Every translation goes, by no instruction: the tags are used up. */
void vs__ept_empty(struct vs_ept *e);
bool vs__ept_no_memory(struct vs_translation *out, uint64_t gva, uint64_t hpa);
/* Page-modification logging of one page; false: the log is full, which is an exit. */
bool vs__ept_log(struct vs_ept *e, struct vs_txn *t, uint64_t gpa, const struct vs_ept_access *a,
                 bool dirty, struct vs_translation *out);
/* ept_context.c: what a fault drops (SDM 3A 4.10.4.1, 3C 28.4.3.1). */
void vs__ept_forget_linear(struct vs_ept *e, uint64_t gva);
void vs__ept_forget_physical(struct vs_ept *e, uint64_t gpa);

#endif
