/* SPDX-License-Identifier: MIT */
#include "ats/ats.h"

#include "virtsim/radix.h"

#include <string.h>

#define VS_DEF_NAME ats
#define VS_DEF_FILE "ats/ats.def"
#include "virtsim/def_tables.h"

#define PAGE 4096u
#define READ_OK 1u
#define WRITE_OK 2u
#define EXECUTE_OK 4u
#define PROCESS (1u << 16)        /* of whom a key is: of an address space, whose number follows */
#define PAGES ((1ull << 45) - 1u) /* of a key: page numbers of 57-bit addresses */

/* Reports everything in a configuration that cannot be. */
void vs_ats_check(const struct vs_ats_config *c, struct vs_errors *errors)
{
    if (c->ways && c->entries % c->ways) {
        vs_error(errors, "ats.tlb.entries = %llu is not a multiple of ats.tlb.ways = %llu",
                 (unsigned long long)c->entries, (unsigned long long)c->ways);
    }
}

/* Makes a device TLB in front of a link. */
enum vs_status vs_ats_init(struct vs_ats *a, const struct vs_ats_config *c,
                           struct vs_ledger *ledger, const struct vs_ats_link *link,
                           const struct vs_upstream_port *plain)
{
    memset(a, 0, sizeof *a);
    a->cfg = *c;
    a->account = vs_ledger_accounts(ledger, &vs_ats_desc);
    a->link = *link;
    a->plain = *plain;
    return c->enabled
               ? vs_settab_init(&a->tlb, (uint32_t)c->entries, (uint32_t)c->ways, VS_POLICY_LRU, 1)
               : VS_OK;
}

/* Frees a device TLB. */
void vs_ats_free(struct vs_ats *a)
{
    vs_settab_free(&a->tlb);
}

/* By whose it is, level and page of that level's size. */
static uint64_t key_of(uint32_t owner, unsigned level, uint64_t at)
{
    return (at >> vs_radix_shift(level) & PAGES) | (uint64_t)(level - 1u) << 45 |
           (uint64_t)owner << 47;
}

/* Whether an entry is a process's. */
static bool of_process(void *ctx, uint64_t key, uint64_t payload)
{
    (void)ctx;
    (void)payload;
    return key >> 47 & PROCESS;
}

/* Whose translations a request goes by: its function's, or those of a PASID, whose number is given
 * when it is met first. Before numbers are used again, what had them is dropped. */
static uint32_t owner_of(struct vs_ats *a, uint16_t requester, uint32_t prefix)
{
    prefix &=
        ~VS_PASID_EXECUTE; /* to execute is a right, privileged mode a translation of its own */
    if (vs_likely(!prefix)) {
        return requester;
    }
    for (uint32_t k = 0; k < a->n_spaces; k++) {
        if (a->space[k].prefix == prefix && a->space[k].requester == requester) {
            return PROCESS | k;
        }
    }
    if (a->n_spaces == VS_ATS_SPACES) {
        (void)vs_settab_drop_if(&a->tlb, of_process, NULL);
        a->n_spaces = 0;
    }
    a->space[a->n_spaces] = (struct vs_ats_space){requester, prefix};
    return PROCESS | a->n_spaces++;
}

/* Finds a translation of any page size. */
static uint64_t *find(struct vs_ats *a, uint32_t owner, uint64_t at, unsigned *level)
{
    for (unsigned l = 1; l <= 3; l++) {
        uint64_t *hit =
            l == 1 || a->large[l] ? vs_settab_find(&a->tlb, key_of(owner, l, at)) : NULL;
        if (hit) {
            *level = l;
            return hit;
        }
    }
    return NULL;
}

/* Asks the agent once; false: the device may not do that. */
static bool granted(struct vs_ats *a, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                    struct vs_ats_answer *answer)
{
    return a->link.translate(a->link.ctx, t, requester, at, write, answer) &&
           (write ? answer->write : answer->read) &&
           (!(t->prefix & VS_PASID_EXECUTE) || answer->execute);
}

/* Asks for the page to be there; false: it is not, or the device asks for none. */
static bool present(struct vs_ats *a, struct vs_txn *t, uint16_t requester, vs_iova at, bool write)
{
    if (!a->cfg.page_requests) {
        return false;
    }
    a->count[VS_CNT_ats_page_requests]++;
    bool there = a->link.request_page(a->link.ctx, t, requester, at, write) == VS_PAGE_SUCCESS;
    a->count[VS_CNT_ats_page_invalid] += !there;
    return there;
}

/* Asks the agent, and keeps what it says; false: the device may not do that. */
static bool ask(struct vs_ats *a, struct vs_txn *t, uint16_t requester, uint64_t at, bool write,
                uint64_t *entry, unsigned *level)
{
    struct vs_ats_answer answer = {.shift = 12};
    a->count[VS_CNT_ats_misses]++;
    vs_iova iova = {at};
    bool good =
        granted(a, t, requester, iova, write, &answer) ||
        (present(a, t, requester, iova, write) && granted(a, t, requester, iova, write, &answer));
    if (!good) {
        a->count[VS_CNT_ats_refused]++;
        return false;
    }
    *level = answer.shift >= 30 ? 3 : answer.shift >= 21 ? 2 : 1;
    *entry = answer.page | (answer.read ? READ_OK : 0) | (answer.write ? WRITE_OK : 0) |
             (answer.execute ? EXECUTE_OK : 0);
    a->large[*level] = true;
    (void)vs_settab_fill(&a->tlb, key_of(owner_of(a, requester, t->prefix), *level, at), *entry,
                         NULL, NULL);
    return true;
}

/* Where an address is; false: nowhere that the device may do this. */
static bool translate(struct vs_ats *a, struct vs_txn *t, uint16_t requester, uint64_t at,
                      bool write, vs_hpa *out)
{
    unsigned level = 1;
    uint64_t entry;
    vs_ps lookup = {a->cfg.latency};
    if (lookup.v) {
        vs_charge(t, (uint16_t)(a->account + VS_ACC_ats_lookup), lookup);
    }
    const uint64_t *hit = find(a, owner_of(a, requester, t->prefix), at, &level);
    uint64_t needs = (write ? WRITE_OK : READ_OK) | (t->prefix & VS_PASID_EXECUTE ? EXECUTE_OK : 0);
    if (hit && (*hit & needs) == needs) {
        a->count[VS_CNT_ats_hits]++;
        entry = *hit;
    } else if (!ask(a, t, requester, at, write, &entry, &level)) {
        return false;
    }
    uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
    out->v = (entry & VS_RADIX_ADDRESS & ~low) | (at & low);
    return true;
}

/* A transfer, page by page: the next piece is asked for when the link has taken the one before. */
static bool transfer(struct vs_ats *a, struct vs_txn *t, uint16_t requester, uint64_t at, void *to,
                     const void *from, bool write, size_t bytes, uint64_t *taken_ps)
{
    uint64_t last = t->now_ps;
    *taken_ps = t->now_ps;
    for (size_t piece; bytes; bytes -= piece, at += piece) {
        vs_hpa where;
        size_t room = PAGE - (size_t)(at & (PAGE - 1u));
        piece = bytes < room ? bytes : room;
        t->now_ps = *taken_ps;
        uint32_t prefix = t->prefix;
        bool good = translate(a, t, requester, at, write, &where);
        t->prefix = 0; /* a translated request has none (6.20.1) */
        good =
            good && (write ? a->link.write(a->link.ctx, t, requester, where, from, piece, taken_ps)
                           : a->link.read(a->link.ctx, t, requester, where, to, piece, taken_ps));
        t->prefix = prefix;
        if (!good) {
            *taken_ps = *taken_ps > t->now_ps ? *taken_ps : t->now_ps;
            return false;
        }
        last = t->now_ps > last ? t->now_ps : last;
        to = to ? (char *)to + piece : NULL;
        from = from ? (const char *)from + piece : NULL;
    }
    t->now_ps = last;
    a->busy_ps = last > a->busy_ps ? last : a->busy_ps;
    return true;
}

/* Without services a function's requests are translated on their way. */
static bool off(const struct vs_ats *a, uint16_t requester)
{
    return a->on && !a->on(a->on_ctx, requester);
}

/* Reads for a function: through the device TLB if it may use it. */
static bool port_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes, uint64_t *taken_ps)
{
    const struct vs_ats *a = ctx;
    if (off(a, requester)) {
        return a->plain.read(a->plain.ctx, t, requester, at, buf, bytes, taken_ps);
    }
    return transfer(ctx, t, requester, at.v, buf, NULL, false, bytes, taken_ps);
}

/* Writes for a function: through the device TLB if it may use it. */
static bool port_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes, uint64_t *taken_ps)
{
    const struct vs_ats *a = ctx;
    if (off(a, requester)) {
        return a->plain.write(a->plain.ctx, t, requester, at, buf, bytes, taken_ps);
    }
    return transfer(ctx, t, requester, at.v, NULL, buf, true, bytes, taken_ps);
}

/* Sends an interrupt message, which no device TLB translates. */
static enum vs_msi_result port_message(void *ctx, struct vs_txn *t, uint16_t requester,
                                       uint64_t address, uint32_t data)
{
    struct vs_ats *a = ctx;
    return a->plain.message(a->plain.ctx, t, requester, address, data);
}

struct vs_upstream_port vs_ats_upstream(struct vs_ats *a)
{
    struct vs_upstream_port p = a->plain;
    if (a->cfg.enabled) {
        p.ctx = a;
        p.read = port_read;
        p.write = port_write;
        p.message = port_message;
    }
    return p;
}

struct scope {
    const struct vs_ats *a;
    uint16_t requester;
    bool all, global; /* everything of the function's; of every PASID of it */
    uint32_t prefix;
    unsigned order;
    uint64_t page;
};

/* Whether an entry's owner is whom an invalidation means: the function without a PASID, one PASID
 * of it, in either mode, or all of them (10.3.8). */
static bool of_owner(const struct scope *s, uint32_t owner)
{
    if (!(owner & PROCESS)) {
        return owner == s->requester && (s->all || !s->prefix);
    }
    const struct vs_ats_space *g = &s->a->space[owner & (PROCESS - 1u)];
    return g->requester == s->requester &&
           (s->all || (s->prefix && (s->global || !((g->prefix ^ s->prefix) & VS_PASID_MASK))));
}

/* Whether an entry, of whatever size, and the pages of an invalidation overlap. */
static bool in_pages(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    (void)payload;
    unsigned size = 9u * (unsigned)(key >> 45 & 3u), most = s->order > size ? s->order : size;
    uint64_t page = (key & PAGES) << size;
    return of_owner(s, (uint32_t)(key >> 47)) && (most > 51u || page >> most == s->page >> most);
}

void vs_ats_invalidate(struct vs_ats *a, struct vs_txn *t, uint16_t requester, vs_iova at,
                       unsigned order)
{
    struct scope s = {.a = a,
                      .requester = requester,
                      .global = (order & VS_INVALIDATE_GLOBAL) != 0,
                      .prefix = t->prefix,
                      .order = order & ~VS_INVALIDATE_GLOBAL,
                      .page = at.v >> 12};
    vs_ps busy = {a->busy_ps}, drop = {a->cfg.drop};
    a->count[VS_CNT_ats_invalidations]++;
    if (a->cfg.enabled) {
        a->count[VS_CNT_ats_dropped] += vs_settab_drop_if(&a->tlb, in_pages, &s);
    }
    vs_charge(t, (uint16_t)(a->account + VS_ACC_ats_drop), drop);
    vs_wait_until(t, (uint16_t)(a->account + VS_ACC_ats_in_use), busy);
}

void vs_ats_reset(struct vs_ats *a, uint16_t requester)
{
    struct scope s = {.a = a, .requester = requester, .all = true, .order = 52};
    if (a->cfg.enabled) {
        (void)vs_settab_drop_if(&a->tlb, in_pages, &s);
    }
}
