/* SPDX-License-Identifier: MIT */
/*
 * Scalable mode: who asks, by root, context and PASID tables (VT-d specification 3.x, 3.4.3 and 9.1
 * to 9.7; Linux drivers/iommu/intel/pasid.h and iommu.h have the same bits).
 *
 *   root entry      16 bytes a bus: a context table for device numbers below 16, one for the others
 *   context entry   32 bytes: the PASID directory, its size, the PASID of requests that have none
 *   directory       8 bytes for 64 PASIDs: a PASID table
 *   PASID entry     64 bytes: type of translation, domain, first- and second-level tables
 */
#include "iommu_impl.h"

#define PRESENT 1u
#define FPD 2u
#define POINTER_RESERVED 0xffcull /* bits 11:2 of a directory entry */
#define ROOT_RESERVED 0xffeull
#define CONTEXT_RESERVED 0x1e0ull            /* bits 8:5 */
#define CONTEXT_HIGH_RESERVED (~0x1fffffull) /* beyond RID_PASID and RID_PRIV */
#define DTE (1u << 2)
#define PASIDE (1u << 3)
#define PRE (1u << 4)
#define ENTRY_RESERVED 0xc00ull
#define WIDTH_48 2u
#define PASIDS_OF_ENTRY 64u
#define PASID_BITS VS_PASID_BITS
/* of a PASID entry's third word */
#define SRE 1u
#define ERE 2u
#define WPE 16u

/* What the context cache holds: the directory's page, its size, the PASID without one. */
#define CACHED_FPD (1ull << 36)
#define CACHED_PASIDE (1ull << 37)
#define CACHED_DTE (1ull << 41)
#define CACHED_PRE (1ull << 42)
#define CACHED_SIZE 38u
#define CACHED_RID 44u

/* A host-physical address. */
static vs_hpa hpa(uint64_t v)
{
    vs_hpa h = {v};
    return h;
}

/* Says whether a table lies in memory. */
static bool in_memory(const struct vs_iommu *i, uint64_t at)
{
    return at < vs_phys_size(i->phys);
}

/* An entry of several words lies in one line: one reference. */
static void load(struct vs_iommu *i, struct vs_txn *t, uint64_t at, unsigned words, uint64_t *out)
{
    out[0] = i->mem.load(i->mem.ctx, t, hpa(at));
    for (unsigned k = 1; k < words; k++) {
        out[k] = vs_phys_read64(i->phys, hpa(at + 8u * k));
    }
}

/* ---- tags ---- */

/* The number under which the IOTLB has a domain, or a PASID of it. Numbers that are gone are not
 * used again before all are: then the caches are emptied. */
static uint64_t tag_of(struct vs_iommu *i, uint16_t domain, uint32_t pasid, unsigned type)
{
    bool first = type == VS_IOMMU_FIRST || type == VS_IOMMU_NESTED;
    struct vs_iommu_tag want = {first ? pasid : 0, domain, first, type == VS_IOMMU_NESTED};
    for (uint32_t k = 0; k < i->n_tags; k++) {
        const struct vs_iommu_tag *g = &i->tag[k];
        if (g->domain == domain && g->pasid == want.pasid && g->first == first &&
            g->nested == want.nested) {
            return k;
        }
    }
    if (i->n_tags == VS_IOMMU_TAGS) {
        vs__iommu_empty(i);
        i->n_tags = 0;
    }
    i->tag[i->n_tags] = want;
    return i->n_tags++;
}

/* ---- tables ---- */

/* The context entry of a requester, as the context cache has it; 0, or the reason of a fault. */
static unsigned context_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint64_t *out)
{
    uint64_t w[4];
    vs__iommu_charge(i, t, VS_ACC_iommu_context, i->cfg.context_latency);
    const uint64_t *hit = vs_settab_find(&i->context, requester);
    if (hit) {
        i->count[VS_CNT_iommu_context_hits]++;
        *out = *hit;
        return 0;
    }
    i->count[VS_CNT_iommu_context_misses]++;
    load(i, t, i->root + (requester >> 8) * 16u + (requester & 0x80u ? 8u : 0), 1, w);
    if (!(w[0] & PRESENT)) {
        return VS_IOMMU_SM_ROOT_NOT_PRESENT;
    }
    if (w[0] & ROOT_RESERVED) {
        return VS_IOMMU_SM_ROOT_RESERVED;
    }
    uint64_t table = w[0] & VS_RADIX_ADDRESS;
    if (!in_memory(i, table)) {
        return VS_IOMMU_SM_CONTEXT_ACCESS;
    }
    load(i, t, table + (requester & 0x7fu) * 32u, 4, w);
    if (!(w[0] & PRESENT)) {
        return VS_IOMMU_SM_CONTEXT_NOT_PRESENT;
    }
    i->silent = w[0] & FPD;
    if (w[0] & CONTEXT_RESERVED || w[1] & CONTEXT_HIGH_RESERVED || w[2] || w[3]) {
        return VS_IOMMU_SM_CONTEXT_RESERVED;
    }
    if (w[0] & PRE && !(w[0] & DTE)) {
        return VS_IOMMU_SM_CONTEXT_INVALID;
    }
    *out = (w[0] & VS_RADIX_ADDRESS) >> 12 | (w[0] & FPD ? CACHED_FPD : 0) |
           (w[0] & PASIDE ? CACHED_PASIDE : 0) | (w[0] & DTE ? CACHED_DTE : 0) |
           (w[0] & PRE ? CACHED_PRE : 0) | (w[0] >> 9 & 7u) << CACHED_SIZE |
           (w[1] & ((1u << PASID_BITS) - 1u)) << CACHED_RID;
    (void)vs_settab_fill(&i->context, requester, *out, NULL, NULL);
    return 0;
}

/* What is wrong with a present PASID entry; 0: nothing. */
static unsigned entry_fault(const struct vs_iommu *i, const uint64_t w[8])
{
    unsigned type = (unsigned)(w[0] >> 6) & 7u;
    bool second = type == VS_IOMMU_SECOND || type == VS_IOMMU_NESTED,
         first = type == VS_IOMMU_FIRST || type == VS_IOMMU_NESTED;
    if (w[0] & ENTRY_RESERVED || w[3] || w[4] || w[5] || w[6] || w[7]) {
        return VS_IOMMU_SM_PASID_RESERVED;
    }
    if (!(second || first || type == VS_IOMMU_PASS) || (second && (w[0] >> 2 & 7u) != WIDTH_48) ||
        (first && w[2] >> 2 & 3u)) { /* four levels are what this unit has */
        return VS_IOMMU_SM_PASID_INVALID;
    }
    if (second && !in_memory(i, w[0] & VS_RADIX_ADDRESS)) {
        return VS_IOMMU_SM_SECOND_POINTER;
    }
    return type == VS_IOMMU_FIRST && !in_memory(i, w[2] & VS_RADIX_ADDRESS)
               ? VS_IOMMU_SM_FIRST_ROOT_ACCESS
               : 0;
}

/* What the PASID cache holds of an entry: in the shape of a legacy context, whose domain is a tag;
 * and the first level with the tag of the domain's second one. */
static void remember(struct vs_iommu *i, uint64_t key, const uint64_t w[8],
                     struct vs__iommu_space *out)
{
    unsigned type = (unsigned)(w[0] >> 6) & 7u;
    uint16_t domain = (uint16_t)w[1];
    uint32_t pasid = (uint32_t)key & ((1u << PASID_BITS) - 1u);
    uint64_t below = tag_of(i, domain, 0, VS_IOMMU_SECOND), tag = tag_of(i, domain, pasid, type);
    out->context = tag << 40 | (i->silent ? VS__IOMMU_SILENT : 0) |
                   (type == VS_IOMMU_PASS    ? VS__IOMMU_PASS_THROUGH
                    : type == VS_IOMMU_FIRST ? 0
                                             : (w[0] & VS_RADIX_ADDRESS) >> 12) |
                   (w[2] & SRE ? VS__IOMMU_SUPERVISOR : 0) | (w[2] & ERE ? VS__IOMMU_EXECUTE : 0) |
                   (w[2] & WPE ? VS__IOMMU_PROTECTED : 0);
    out->first = type == VS_IOMMU_FIRST || type == VS_IOMMU_NESTED
                     ? (w[2] & VS_RADIX_ADDRESS) >> 12 | below << 40 | VS__IOMMU_HAS_FIRST |
                           (type == VS_IOMMU_NESTED ? VS__IOMMU_NESTED_BIT : 0)
                     : 0;
    (void)vs_settab_fill(&i->pasid[0], key, out->context, NULL, NULL);
    (void)vs_settab_fill(&i->pasid[1], key, out->first, NULL, NULL);
}

/* The PASID's entry from its tables; 0, or the reason of a fault. */
static unsigned read_entry(struct vs_iommu *i, struct vs_txn *t, uint64_t directory, uint64_t key,
                           struct vs__iommu_space *out)
{
    uint64_t w[8];
    uint32_t pasid = (uint32_t)key & ((1u << PASID_BITS) - 1u);
    if (!in_memory(i, directory)) {
        return VS_IOMMU_SM_DIRECTORY_ACCESS;
    }
    load(i, t, directory + pasid / PASIDS_OF_ENTRY * 8u, 1, w);
    if (!(w[0] & PRESENT)) {
        return VS_IOMMU_SM_DIRECTORY_NOT_PRESENT;
    }
    i->silent = i->silent || w[0] & FPD;
    if (w[0] & POINTER_RESERVED) {
        return VS_IOMMU_SM_DIRECTORY_RESERVED;
    }
    if (!in_memory(i, w[0] & VS_RADIX_ADDRESS)) {
        return VS_IOMMU_SM_PASID_ACCESS;
    }
    load(i, t, (w[0] & VS_RADIX_ADDRESS) + pasid % PASIDS_OF_ENTRY * 64u, 8, w);
    if (!(w[0] & PRESENT)) {
        return VS_IOMMU_SM_PASID_NOT_PRESENT;
    }
    i->silent = i->silent || w[0] & FPD;
    unsigned reason = entry_fault(i, w);
    if (!reason) {
        remember(i, key, w, out);
    }
    return reason;
}

/* What the requester's context allows it besides. */
static uint64_t services(uint64_t context)
{
    return (context & CACHED_DTE ? VS__IOMMU_DEVICE_TLB : 0) |
           (context & CACHED_PRE ? VS__IOMMU_PAGE_REQUESTS : 0);
}

/* Whether a PASID's entry takes a request of this kind: as a supervisor's, or to execute. */
static unsigned kind_fault(uint32_t prefix, uint64_t entry)
{
    return prefix & VS_PASID_EXECUTE && !(entry & VS__IOMMU_EXECUTE) ? VS_IOMMU_SM_EXECUTE
           : prefix & VS_PASID_PRIVILEGED && !(entry & VS__IOMMU_SUPERVISOR)
               ? VS_IOMMU_SM_SUPERVISOR
               : 0;
}

unsigned vs__iommu_find_space(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                              struct vs__iommu_space *out)
{
    uint64_t context;
    uint32_t pasid = vs__iommu_pasid(t->prefix);
    unsigned reason = context_of(i, t, requester, &context);
    if (reason) {
        return reason;
    }
    bool own = pasid == VS_IOMMU_NO_PASID;
    i->silent = (context & CACHED_FPD) != 0;
    if (!own && !(context & CACHED_PASIDE)) {
        return VS_IOMMU_SM_NO_PASIDS;
    }
    uint32_t of_none = (uint32_t)(context >> CACHED_RID),
             entries = (uint32_t)(context >> CACHED_SIZE & 7u) + 7u;
    if (of_none >> entries >= PASIDS_OF_ENTRY) {
        return VS_IOMMU_SM_CONTEXT_INVALID;
    }
    if (pasid == of_none) {
        return VS_IOMMU_SM_RID_PASID;
    }
    pasid = own ? of_none : pasid;
    if (pasid >> entries >= PASIDS_OF_ENTRY) {
        return VS_IOMMU_SM_PASID_BEYOND;
    }
    uint64_t key = (uint64_t)requester << PASID_BITS | pasid;
    vs__iommu_charge(i, t, VS_ACC_iommu_pasid, i->cfg.pasid_latency);
    const uint64_t *hit = vs_settab_find(&i->pasid[0], key);
    if (hit) {
        i->count[VS_CNT_iommu_pasid_hits]++;
        out->context = *hit | services(context);
        out->first = *vs_settab_find(&i->pasid[1], key);
        i->silent = i->silent || *hit & VS__IOMMU_SILENT;
        return kind_fault(t->prefix, *hit);
    }
    i->count[VS_CNT_iommu_pasid_misses]++;
    reason = read_entry(i, t, (context & ((1ull << 36) - 1u)) << 12, key, out);
    out->context |= services(context);
    return reason ? reason : kind_fault(t->prefix, out->context);
}

/* ---- software's part ---- */

vs_hpa vs_iommu_entry_of_pasid(const struct vs_iommu *i, uint16_t requester, uint32_t pasid)
{
    vs_hpa at = hpa(i->root + (requester >> 8) * 16u + (requester & 0x80u ? 8u : 0));
    at = hpa((vs_phys_read64(i->phys, at) & VS_RADIX_ADDRESS) + (requester & 0x7fu) * 32u);
    at = hpa((vs_phys_read64(i->phys, at) & VS_RADIX_ADDRESS) + pasid / PASIDS_OF_ENTRY * 8u);
    return hpa((vs_phys_read64(i->phys, at) & VS_RADIX_ADDRESS) + pasid % PASIDS_OF_ENTRY * 64u);
}

void vs_iommu_write_entry(struct vs_phys *phys, vs_hpa at, const struct vs_iommu_pasid *what)
{
    vs_phys_write64(phys, hpa(at.v + 8), what->domain);
    vs_phys_write64(phys, hpa(at.v + 16),
                    what->first.v | (what->supervisor ? SRE : 0) | (what->execute ? ERE : 0) | WPE);
    vs_phys_write64(phys, at, what->second.v | (uint64_t)what->type << 6 | WIDTH_48 << 2 | PRESENT);
}

void vs_iommu_clear_entry(struct vs_phys *phys, vs_hpa at)
{
    for (unsigned word = 0; word < 8u; word++) {
        vs_phys_write64(phys, hpa(at.v + 8u * word), 0);
    }
}

void vs_iommu_attach_pasid(struct vs_iommu *i, uint16_t requester, uint32_t pasid,
                           const struct vs_iommu_pasid *what, const vs_hpa table[3])
{
    vs_hpa at = hpa(i->root + (requester >> 8) * 16u + (requester & 0x80u ? 8u : 0));
    uint64_t entry = vs_phys_read64(i->phys, at), next = 0;
    if (!(entry & PRESENT)) {
        entry = table[next++].v | PRESENT;
        vs_phys_write64(i->phys, at, entry);
    }
    at = hpa((entry & VS_RADIX_ADDRESS) + (requester & 0x7fu) * 32u);
    entry = vs_phys_read64(i->phys, at);
    if (!(entry & PRESENT)) { /* a directory of one page, PASID 0 for requests without one */
        entry = table[next++].v | 2u << 9 | PASIDE | PRESENT;
        vs_phys_write64(i->phys, at, entry);
    }
    at = hpa((entry & VS_RADIX_ADDRESS) + pasid / PASIDS_OF_ENTRY * 8u);
    entry = vs_phys_read64(i->phys, at);
    if (!(entry & PRESENT)) {
        entry = table[next].v | PRESENT;
        vs_phys_write64(i->phys, at, entry);
    }
    vs_iommu_write_entry(i->phys, vs_iommu_entry_of_pasid(i, requester, pasid), what);
}
