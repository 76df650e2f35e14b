/* SPDX-License-Identifier: MIT */
/* The path of a DMA: context, IOTLB, walk, memory; what is blocked is recorded. */
#include "iommu_impl.h"

#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME iommu
#define VS_DEF_FILE "iommu/iommu.def"
#include "virtsim/def_tables.h"

#define WIDTH_48 2u /* address width of a context entry: 4 levels */
#define FPD 2u      /* fault processing disable, of a context entry */
#define WRITE_OK 2u
#define READ_OK 1u
#define ROOT_RESERVED                                                                              \
    0xffeull /* bits 11:1 of a root entry's low half; the high half is reserved                    \
              */
#define CONTEXT_RESERVED_LOW 0xff0ull /* bits 11:4 */
#define CONTEXT_RESERVED_HIGH (~0xffffffull | 1u << 7)
#define SPAN 16u /* pages that one request is translated for at once */

/* Reports everything in a configuration that cannot be. */
void vs_iommu_check(const struct vs_iommu_config *c, struct vs_errors *errors)
{
    if (c->iotlb_ways && c->iotlb_entries % c->iotlb_ways) {
        vs_error(errors, "iommu.iotlb.entries = %llu is not a multiple of iommu.iotlb.ways = %llu",
                 (unsigned long long)c->iotlb_entries, (unsigned long long)c->iotlb_ways);
    }
}

/* Makes an IOMMU with empty caches. */
enum vs_status vs_iommu_init(struct vs_iommu *i, const struct vs_iommu_config *c,
                             struct vs_ledger *ledger, struct vs_phys *phys,
                             const struct vs_mem_port *mem, const struct vs_dma_mem_port *dma,
                             const struct vs_message_port *irq, uint64_t seed)
{
    memset(i, 0, sizeof *i);
    i->cfg = *c;
    i->account = vs_ledger_accounts(ledger, &vs_iommu_desc);
    i->phys = phys;
    i->mem = *mem;
    i->dma = *dma;
    i->irq = *irq;
    enum vs_status s = vs_settab_init(&i->iotlb, (uint32_t)c->iotlb_entries,
                                      c->iotlb_entries ? (uint32_t)c->iotlb_ways : 0,
                                      (enum vs_policy)c->iotlb_policy, seed);
    s = s ? s : vs_settab_init(&i->context, (uint32_t)c->context_entries, 0, VS_POLICY_LRU, seed);
    if (c->mode) {
        for (unsigned half = 0; half < 2; half++) {
            s = s ? s
                  : vs_settab_init(&i->pasid[half], (uint32_t)c->pasid_entries, 0, VS_POLICY_LRU,
                                   seed);
        }
        i->tag = calloc(VS_IOMMU_TAGS, sizeof *i->tag);
        s = s || i->tag ? s : VS_E_NOMEM;
    }
    for (unsigned half = 0; half < 2; half++) {
        s = s ? s : vs_settab_init(&i->iec[half], (uint32_t)c->iec_entries, 0, VS_POLICY_LRU, seed);
    }
    s = s ? s : vs_settab_init(&i->pwc[4], (uint32_t)c->pwc_l4, 0, VS_POLICY_LRU, seed);
    s = s ? s : vs_settab_init(&i->pwc[3], (uint32_t)c->pwc_l3, 0, VS_POLICY_LRU, seed);
    s = s ? s : vs_settab_init(&i->pwc[2], (uint32_t)c->pwc_l2, 0, VS_POLICY_LRU, seed);
    i->walking = calloc(c->walkers, sizeof *i->walking);
    s = s || i->walking ? s : VS_E_NOMEM;
    return s ? s : vs_slots_init(&i->walkers, (uint32_t)c->walkers);
}

/* Frees the IOMMU's caches. */
void vs_iommu_free(struct vs_iommu *i)
{
    vs_settab_free(&i->iotlb);
    vs_settab_free(&i->context);
    vs_settab_free(&i->pasid[0]);
    vs_settab_free(&i->pasid[1]);
    free(i->tag);
    vs_settab_free(&i->iec[0]);
    vs_settab_free(&i->iec[1]);
    for (unsigned level = 2; level <= 4; level++) {
        vs_settab_free(&i->pwc[level]);
    }
    vs_slots_free(&i->walkers);
    free(i->walking);
}

void vs_iommu_set_tables(struct vs_iommu *i, vs_hpa root, vs_hpa irt, uint32_t irt_entries,
                         vs_hpa queue)
{
    i->root = root.v;
    i->irt = irt.v;
    i->irt_entries = irt_entries;
    i->queue = queue.v;
}

/* A host-physical address. */
static vs_hpa hpa(uint64_t v)
{
    vs_hpa h = {v};
    return h;
}

void vs_iommu_attach(struct vs_iommu *i, uint16_t requester, uint16_t domain, vs_hpa second_level,
                     vs_hpa context_table)
{
    vs_hpa at = hpa(i->root + (requester >> 8) * 16u);
    uint64_t entry = vs_phys_read64(i->phys, at);
    if (!(entry & 1u)) {
        entry = context_table.v | 1u;
        vs_phys_write64(i->phys, at, entry);
    }
    uint64_t table = entry & VS_RADIX_ADDRESS, context = table + (requester & 255u) * 16u;
    /* translation type 00: second level; 10: pass-through */
    vs_phys_write64(i->phys, hpa(context), second_level.v | (second_level.v ? 0 : 2u << 2) | 1u);
    vs_phys_write64(i->phys, hpa(context + 8), WIDTH_48 | (uint64_t)domain << 8);
}

void vs__iommu_record(struct vs_iommu *i, uint64_t address, uint16_t requester, unsigned reason,
                      bool write)
{
    if (i->n_faults == VS_IOMMU_FAULTS) {
        i->fault_overflow = true; /* PFO: further faults are lost until software reads */
        return;
    }
    i->fault[i->n_faults++] = (struct vs_iommu_fault){address,
                                                      requester,
                                                      (uint8_t)reason,
                                                      write,
                                                      i->asked != 0,
                                                      (i->asked & VS_PASID_PRIVILEGED) != 0,
                                                      (i->asked & VS_PASID_EXECUTE) != 0,
                                                      vs__iommu_pasid(i->asked)};
}

__attribute__((noinline)) bool vs__iommu_blocked(struct vs_iommu *i, uint64_t address,
                                                 uint16_t requester, unsigned reason, bool write)
{
    if (i->quiet) {
        i->withheld = reason;
        return false;
    }
    i->count[VS_CNT_iommu_faults]++;
    if (!i->silent) {
        vs__iommu_record(i, address & ~0xfffull, requester, reason, write);
    }
    return false;
}

/* A 128-bit entry is one reference. */
static void load16(struct vs_iommu *i, struct vs_txn *t, uint64_t at, uint64_t *low, uint64_t *high)
{
    *low = i->mem.load(i->mem.ctx, t, hpa(at));
    *high = vs_phys_read64(i->phys, hpa(at + 8));
}

/* Says whether a table lies in memory. */
static bool in_memory(const struct vs_iommu *i, uint64_t table)
{
    return table < vs_phys_size(i->phys);
}

/* What is wrong with a present context entry; 0: nothing. */
static unsigned context_fault(const struct vs_iommu *i, uint64_t low, uint64_t high)
{
    unsigned type = (unsigned)(low >> 2) & 3u;
    if (low & CONTEXT_RESERVED_LOW || high & CONTEXT_RESERVED_HIGH) {
        return VS_IOMMU_CONTEXT_RESERVED;
    }
    if (type == 3u || (type != 2u && (high & 7u) != WIDTH_48)) {
        return VS_IOMMU_CONTEXT_INVALID;
    }
    return type != 2u && !in_memory(i, low & VS_RADIX_ADDRESS) ? VS_IOMMU_TABLE_POINTER : 0;
}

/* Whose a requester is, as the context cache has it. */
static vs_inlined bool find_context(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                                    uint64_t address, bool write, uint64_t *out)
{
    uint64_t low, high;
    vs__iommu_charge(i, t, VS_ACC_iommu_context, i->cfg.context_latency);
    const uint64_t *hit = vs_settab_find(&i->context, requester);
    if (hit) {
        i->count[VS_CNT_iommu_context_hits]++;
        *out = *hit;
        return true;
    }
    i->count[VS_CNT_iommu_context_misses]++;
    load16(i, t, i->root + (requester >> 8) * 16u, &low, &high);
    if (!(low & 1u)) {
        return vs__iommu_blocked(i, address, requester, VS_IOMMU_ROOT_NOT_PRESENT, write);
    }
    if (low & ROOT_RESERVED || high) {
        return vs__iommu_blocked(i, address, requester, VS_IOMMU_ROOT_RESERVED, write);
    }
    uint64_t table = low & VS_RADIX_ADDRESS;
    if (!in_memory(i, table)) {
        return vs__iommu_blocked(i, address, requester, VS_IOMMU_TABLE_POINTER, write);
    }
    load16(i, t, table + (requester & 255u) * 16u, &low, &high);
    if (!(low & 1u)) {
        return vs__iommu_blocked(i, address, requester, VS_IOMMU_CONTEXT_NOT_PRESENT, write);
    }
    unsigned reason = context_fault(i, low, high);
    if (reason) {
        i->silent = low & FPD;
        return vs__iommu_blocked(i, address, requester, reason, write);
    }
    *out = (high >> 8 & 0xffffu) << 40 | (low & FPD ? VS__IOMMU_SILENT : 0) |
           ((low >> 2 & 3u) == 1u ? VS__IOMMU_DEVICE_TLB : 0);
    *out |= (low >> 2 & 3u) == 2u ? VS__IOMMU_PASS_THROUGH : (low & VS_RADIX_ADDRESS) >> 12;
    (void)vs_settab_fill(&i->context, requester, *out, NULL, NULL);
    return true;
}

/* What is wrong with a present second-level entry; 0: nothing. */
static unsigned entry_fault(const struct vs_iommu *i, unsigned level, uint64_t entry)
{
    bool leaf = vs_radix_is_leaf(&vs_radix_vtd, level, entry);
    uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
    bool large = level > 1 && entry & 1u << 7;
    if (large &&
        (level > 3 || !i->cfg.superpages ||
         entry & VS_RADIX_ADDRESS & low)) { /* a large page where there is none, or askew */
        return VS_IOMMU_ENTRY_RESERVED;
    }
    return !leaf && !in_memory(i, entry & VS_RADIX_ADDRESS) ? VS_IOMMU_TABLE_POINTER : 0;
}

unsigned vs__iommu_begin_walk(struct vs_iommu *i, uint64_t tag, uint64_t address, uint64_t *table,
                              uint64_t *permissions)
{
    for (unsigned l = 2; l <= 4; l++) {
        const uint64_t *p =
            i->pwc[l].entries ? vs_settab_find(&i->pwc[l], vs__iommu_key(tag, l, address)) : NULL;
        if (p) {
            i->count[VS_CNT_iommu_pwc_hits]++;
            *table = *p & VS_RADIX_ADDRESS;
            *permissions = *p & VS__IOMMU_WAY;
            return l;
        }
    }
    return 5;
}

unsigned vs__iommu_walk_second(struct vs_iommu *i, struct vs_txn *t, uint64_t tag, uint64_t table,
                               uint64_t address, bool write, uint64_t *payload, unsigned *level)
{
    uint64_t permissions = 3;
    unsigned reason = 0, l = vs__iommu_begin_walk(i, tag, address, &table, &permissions);
    while (--l > 0 && !reason) {
        uint64_t entry = i->mem.load(i->mem.ctx, t, vs_radix_entry(table, l, address));
        i->count[VS_CNT_iommu_refs]++;
        permissions &= entry & 3u;
        reason = i->cfg.mode && !(entry & 3u) ? VS_IOMMU_SM_SECOND_NOT_PRESENT
                 : !(permissions & (write ? WRITE_OK : READ_OK))
                     ? (write ? VS_IOMMU_NO_WRITE : VS_IOMMU_NO_READ)
                     : entry_fault(i, l, entry);
        table = entry & VS_RADIX_ADDRESS;
        if (!reason && vs_radix_is_leaf(&vs_radix_vtd, l, entry)) {
            *payload = table | permissions | permissions << VS__IOMMU_SUPERVISOR_SHIFT |
                       (permissions & READ_OK ? VS__IOMMU_MAY_EXECUTE : 0);
            *level = l;
            break;
        }
        if (!reason && i->pwc[l].entries) {
            (void)vs_settab_fill(&i->pwc[l], vs__iommu_key(tag, l, address), table | permissions,
                                 NULL, NULL);
        }
    }
    return reason;
}

/* The number of a reason that both modes have, in this one. */
static unsigned reason_in(const struct vs_iommu *i, unsigned reason)
{
    static const uint8_t scalable[] = {[VS_IOMMU_BEYOND_WIDTH] = VS_IOMMU_SM_BEYOND,
                                       [VS_IOMMU_NO_WRITE] = VS_IOMMU_SM_NO_WRITE,
                                       [VS_IOMMU_NO_READ] = VS_IOMMU_SM_NO_READ,
                                       [VS_IOMMU_TABLE_POINTER] = VS_IOMMU_SM_SECOND_ACCESS,
                                       [VS_IOMMU_ENTRY_RESERVED] = VS_IOMMU_SM_SECOND_RESERVED};
    return i->cfg.mode && reason < sizeof scalable && scalable[reason] ? scalable[reason] : reason;
}

/* A walk on one of the walkers, which fills the IOTLB; the page's first address and its permissions
 * in *payload, its level in *level. */
static __attribute__((noinline)) bool walk(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                                           const struct vs__iommu_space *space, uint64_t address,
                                           bool write, uint64_t *payload, unsigned *level)
{
    uint64_t tag = vs__iommu_domain(space->context);
    uint32_t slot = vs_acquire(t, (uint16_t)(i->account + VS_ACC_iommu_walk_queue), &i->walkers);
    vs__iommu_charge(i, t, VS_ACC_iommu_walk, i->cfg.walk);
    unsigned reason = space->first
                          ? vs__iommu_walk_first(i, t, space, address, write, payload, level)
                          : vs__iommu_walk_second(i, t, tag, vs__iommu_root(space->context),
                                                  address, write, payload, level);
    if (reason) {
        i->silent = (space->context & VS__IOMMU_SILENT) != 0;
        vs__iommu_blocked(i, address, requester, reason_in(i, reason), write);
    } else {
        uint64_t key = vs__iommu_key(tag, *level, address);
        i->large[*level] = true;
        i->walking[slot] = key;
        (void)vs_settab_fill(&i->iotlb, key, *payload, NULL, NULL);
    }
    vs_ps now = {t->now_ps};
    vs_release(&i->walkers, slot, now);
    return !reason;
}

/* Another request's walk fills this entry: it is there when that walk ends. */
static __attribute__((noinline)) void await_walk(struct vs_iommu *i, struct vs_txn *t, uint64_t key)
{
    const struct vs_slots *s = &i->walkers;
    for (uint32_t w = 0; w < s->n; w++) {
        if (s->busy_until_ps[w] > t->now_ps && i->walking[w] == key) {
            vs_ps then = {s->busy_until_ps[w]};
            vs_wait_until(t, (uint16_t)(i->account + VS_ACC_iommu_walk_shared), then);
        }
    }
}

/* The last of all walks has not ended. */
static inline bool walks(const struct vs_iommu *i, const struct vs_txn *t)
{
    const struct vs_slots *s = &i->walkers;
    return s->busy_until_ps[s->prev[s->n]] > t->now_ps;
}

/* The IOTLB's entry for an address, of any page size; NULL: none. */
static vs_inlined const uint64_t *find_page(struct vs_iommu *i, struct vs_txn *t, uint64_t domain,
                                            uint64_t address, unsigned *level)
{
    for (unsigned l = 1; l <= 3; l++) {
        uint64_t key = vs__iommu_key(domain, l, address);
        const uint64_t *hit = l == 1 || i->large[l] ? vs_settab_find(&i->iotlb, key) : NULL;
        if (hit) {
            *level = l;
            if (walks(i, t)) {
                await_walk(i, t, key);
            }
            return hit;
        }
    }
    return NULL;
}

/* Legacy mode takes no request with PASID. */
static __attribute__((noinline)) bool no_pasids(struct vs_iommu *i, const struct vs_txn *t,
                                                uint16_t requester, uint64_t address, bool write)
{
    i->asked = t->prefix;
    (void)vs__iommu_blocked(i, address, requester, VS_IOMMU_LEGACY_PASID, write);
    i->asked = 0;
    return false;
}

/* Whose a request is; an address that no table can have is blocked here, too. */
static vs_inlined bool space_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                                uint32_t prefix, uint64_t address, bool write,
                                struct vs__iommu_space *space)
{
    space->first = 0;
    if (!i->cfg.mode) {
        return vs_unlikely(prefix) ? no_pasids(i, t, requester, address, write)
               : address >> 48
                   ? vs__iommu_blocked(i, address, requester, VS_IOMMU_BEYOND_WIDTH, write)
                   : find_context(i, t, requester, address, write, &space->context);
    }
    i->asked = prefix;
    unsigned reason = vs__iommu_find_space(i, t, requester, space);
    if (!reason &&
        (space->first ? !vs_radix_reaches(&vs_radix_x86_64, address) : address >> 48 != 0)) {
        reason = space->first                              ? VS_IOMMU_SM_NOT_CANONICAL
                 : space->context & VS__IOMMU_PASS_THROUGH ? VS_IOMMU_SM_HOST_BEYOND
                                                           : VS_IOMMU_SM_BEYOND;
        i->silent = (space->context & VS__IOMMU_SILENT) != 0;
    }
    return reason ? vs__iommu_blocked(i, address, requester, reason, write) : true;
}

bool vs__iommu_space_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint64_t address,
                        bool write, struct vs__iommu_space *space)
{
    return space_of(i, t, requester, t->prefix, address, write, space);
}

/* The page that an address is in, from the IOTLB or by a walk. */
static vs_inlined bool page_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                               uint32_t prefix, const struct vs__iommu_space *space,
                               uint64_t address, bool write, uint64_t *payload, unsigned *level)
{
    vs__iommu_charge(i, t, VS_ACC_iommu_iotlb, i->cfg.iotlb_latency);
    const uint64_t *hit = find_page(i, t, vs__iommu_domain(space->context), address, level);
    if (hit && vs__iommu_serves(*hit, prefix, write)) {
        i->count[VS_CNT_iommu_iotlb_hits]++;
        *payload = *hit;
        return true;
    }
    i->count[VS_CNT_iommu_iotlb_misses]++;
    return walk(i, t, requester, space, address, write, payload, level);
}

bool vs__iommu_page_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                       const struct vs__iommu_space *space, uint64_t address, bool write,
                       uint64_t *payload, unsigned *level)
{
    return page_of(i, t, requester, t->prefix, space, address, write, payload, level);
}

/* Translates an address within one page, of a request with this prefix, or records the fault. */
static vs_inlined bool translate(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                                 uint32_t prefix, uint64_t address, bool write, uint64_t *physical)
{
    struct vs__iommu_space space = {0};
    uint64_t payload = 0;
    if (!i->cfg.enabled) {
        *physical = address;
        return true;
    }
    vs_open(t, VS_OP_IOMMU_TRANSLATE);
    i->count[VS_CNT_iommu_requests]++;
    unsigned level = 1;
    i->silent = false;
    bool good = space_of(i, t, requester, prefix, address, write, &space);
    if (good && space.context & VS__IOMMU_PASS_THROUGH) {
        payload = address;
    } else if (good) {
        good = page_of(i, t, requester, prefix, &space, address, write, &payload, &level);
    }
    if (good) {
        uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
        *physical = (payload & VS_RADIX_ADDRESS & ~low) | (address & low);
    }
    vs_close(t);
    return good;
}

/* Translates for a process: seldom, and out of the way of what has no PASID. */
static __attribute__((noinline)) bool translate_pasid(struct vs_iommu *i, struct vs_txn *t,
                                                      uint16_t requester, uint64_t address,
                                                      bool write, uint64_t *physical)
{
    return translate(i, t, requester, t->prefix, address, write, physical);
}

/* Translates a request, whose prefix its transaction has. */
static vs_inlined bool translate_page(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                                      uint64_t address, bool write, uint64_t *physical)
{
    return vs_unlikely(t->prefix) ? translate_pasid(i, t, requester, address, write, physical)
                                  : translate(i, t, requester, 0, address, write, physical);
}

bool vs_iommu_translate(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint32_t pasid,
                        vs_iova at, bool write, vs_hpa *out)
{
    uint32_t had = t->prefix;
    t->prefix = pasid == VS_IOMMU_NO_PASID ? 0 : vs_pasid_prefix(pasid, false, false);
    bool good = translate_page(i, t, requester, at.v, write, &out->v);
    t->prefix = had;
    return good;
}

/* How many of the bytes left lie in the same page. */
static size_t piece(uint64_t at, size_t left)
{
    size_t to_page_end = 4096u - (size_t)(at & 0xfffu);
    return left < to_page_end ? left : to_page_end;
}

/* All pages of a span are translated before its first byte moves: a blocked DMA changes nothing. */
static bool translate_span(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint64_t at,
                           size_t bytes, bool write, uint64_t physical[SPAN])
{
    unsigned k = 0;
    for (size_t done = 0; done < bytes; done += piece(at + done, bytes - done)) {
        if (!translate_page(i, t, requester, at + done, write, &physical[k++])) {
            return false;
        }
    }
    return true;
}

/* How many of the bytes left are translated together. */
static size_t span(uint64_t at, size_t left)
{
    size_t most = SPAN * 4096u - (size_t)(at & 0xfffu);
    return left < most ? left : most;
}

/* Whether a transfer is some bytes of one page, as most are. */
static inline bool one_page(uint64_t at, size_t bytes)
{
    return bytes - 1u < 4096u - (size_t)(at & 0xfffu);
}

/* Reads more than a page holds. */
static __attribute__((noinline)) bool read_pages(void *ctx, struct vs_txn *t, uint16_t requester,
                                                 vs_iova at, void *buf, size_t bytes)
{
    struct vs_iommu *i = ctx;
    unsigned char *to = buf;
    for (size_t s; bytes; bytes -= s) {
        uint64_t physical[SPAN] = {0}, *p = physical;
        s = span(at.v, bytes);
        if (!translate_span(i, t, requester, at.v, s, false, physical)) {
            return false;
        }
        for (size_t done = 0, n; done < s; done += n, at.v += n) {
            n = piece(at.v, s - done);
            i->dma.read(i->dma.ctx, t, hpa(*p++), to, n);
            to = to ? to + n : NULL;
        }
    }
    return true;
}

/* Reads for a function at its own addresses. */
static bool dma_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                     size_t bytes)
{
    struct vs_iommu *i = ctx;
    uint64_t physical;
    if (vs_unlikely(!one_page(at.v, bytes))) {
        return read_pages(ctx, t, requester, at, buf, bytes);
    }
    if (!translate_page(i, t, requester, at.v, false, &physical)) {
        return false;
    }
    i->dma.read(i->dma.ctx, t, hpa(physical), buf, bytes);
    return true;
}

/* Writes more than a page holds. */
static __attribute__((noinline)) bool write_pages(void *ctx, struct vs_txn *t, uint16_t requester,
                                                  vs_iova at, const void *buf, size_t bytes)
{
    struct vs_iommu *i = ctx;
    const unsigned char *from = buf;
    for (size_t s; bytes; bytes -= s) {
        uint64_t physical[SPAN] = {0}, *p = physical;
        s = span(at.v, bytes);
        if (!translate_span(i, t, requester, at.v, s, true, physical)) {
            return false;
        }
        for (size_t done = 0, n; done < s; done += n, at.v += n) {
            n = piece(at.v, s - done);
            i->dma.write(i->dma.ctx, t, hpa(*p++), from, n);
            from = from ? from + n : NULL;
        }
    }
    return true;
}

/* Writes for a function at its own addresses. */
static bool dma_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                      size_t bytes)
{
    struct vs_iommu *i = ctx;
    uint64_t physical;
    if (vs_unlikely(!one_page(at.v, bytes))) {
        return write_pages(ctx, t, requester, at, buf, bytes);
    }
    if (!translate_page(i, t, requester, at.v, true, &physical)) {
        return false;
    }
    i->dma.write(i->dma.ctx, t, hpa(physical), buf, bytes);
    return true;
}

struct vs_dma_port vs_iommu_dma_port(struct vs_iommu *i)
{
    return (struct vs_dma_port){i, dma_read, dma_write};
}
