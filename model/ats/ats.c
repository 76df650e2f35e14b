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
#define TRIES 8u                  /* that a device asks for one page before it gives up */
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
    enum vs_status s = VS_OK;
    if (c->enabled) {
        s = vs_settab_init(&a->tlb, (uint32_t)c->entries, (uint32_t)c->ways, VS_POLICY_LRU, 1);
    }
    if (c->enabled && c->page_requests) {
        uint32_t n = (uint32_t)c->page_requests;
        s = s ? s : vs_slots_init(&a->credits, n);
        s = s ? s : vs_slots_init(&a->groups, n < VS_PAGE_GROUPS ? n : VS_PAGE_GROUPS);
    }
    return s;
}

/* Frees a device TLB. */
void vs_ats_free(struct vs_ats *a)
{
    vs_settab_free(&a->tlb);
    vs_slots_free(&a->credits);
    vs_slots_free(&a->groups);
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

/* Whether the agent's answer allows the access. */
static bool grants(const struct vs_txn *t, bool write, const struct vs_ats_answer *answer)
{
    return (write ? answer->write : answer->read) &&
           (!(t->prefix & VS_PASID_EXECUTE) || answer->execute);
}

/* ---- page requests ---- */

/* A prefix as a response to it has it: mode and rights are reserved (10.4.2.2). */
static uint32_t answered(uint32_t prefix)
{
    return prefix & ~(VS_PASID_PRIVILEGED | VS_PASID_EXECUTE);
}

/* What an access needs of an entry. */
static uint64_t needs(const struct vs_txn *t, bool write)
{
    return (write ? WRITE_OK : READ_OK) | (t->prefix & VS_PASID_EXECUTE ? EXECUTE_OK : 0);
}

/* The page that was refused, and those behind it that the transfer will come to and the TLB has
 * not, as many as go into a group. */
static void gather(struct vs_ats *a, const struct vs_txn *t, uint64_t at, size_t bytes,
                   struct vs_page_group *g)
{
    uint64_t most = a->cfg.group < a->cfg.page_requests ? a->cfg.group : a->cfg.page_requests,
             page = at & ~(uint64_t)(PAGE - 1u), want = needs(t, g->write);
    unsigned level;
    g->n = 0;
    g->page[g->n++] = at;
    for (page += PAGE; g->n < most && page - at < bytes; page += PAGE) {
        const uint64_t *hit = find(a, owner_of(a, g->requester, t->prefix), page, &level);
        if (!hit || (*hit & want) != want) {
            g->page[g->n++] = page;
        }
    }
}

void vs_ats_sent(struct vs_ats *a, const struct vs_txn *t, uint16_t requester, uint16_t group,
                 bool last, bool awaited)
{
    a->count[VS_CNT_ats_page_requests]++;
    a->count[VS_CNT_ats_page_groups] += last;
    if (last) {
        a->group[group].asked = true;
        a->group[group].awaited = awaited;
        a->group[group].requester = requester;
        a->group[group].prefix = answered(t->prefix);
    }
}

/* What a response says of the interface, and for the counters. */
static void note(struct vs_ats *a, enum vs_page_response code)
{
    a->failed = a->failed || code == VS_PAGE_FAILURE;
    a->count[VS_CNT_ats_page_invalid] += code != VS_PAGE_SUCCESS;
}

/* Asks for pages to be there, when as many requests as the device may have under way leave room for
 * them; false: they are not, or the device asks for none. */
static bool present(struct vs_ats *a, struct vs_txn *t, struct vs_page_group *g, uint64_t at,
                    size_t bytes)
{
    uint32_t credit[VS_PAGE_GROUP];
    uint16_t wait = (uint16_t)(a->account + VS_ACC_ats_credit);
    if (!a->cfg.page_requests || a->failed) {
        return false;
    }
    gather(a, t, at, bytes, g);
    const unsigned n = g->n;
    vs_open(t, VS_OP_ATS_PAGE_REQUEST);
    for (unsigned k = 0; k < n; k++) {
        credit[k] = vs_acquire(t, wait, &a->credits);
        vs_release(&a->credits, credit[k], (vs_ps){UINT64_MAX});
    }
    g->index = (uint16_t)vs_acquire(t, wait, &a->groups);
    for (unsigned k = 0; k < n; k++) {
        vs_ats_sent(a, t, g->requester, g->index, k + 1u == n, true);
    }
    enum vs_page_response response = a->link.request_page(a->link.ctx, t, g);
    vs_close(t);
    a->group[g->index].asked = false;
    vs_ps now = {t->now_ps};
    for (unsigned k = 0; k < n; k++) {
        vs_release(&a->credits, credit[k], now);
    }
    vs_release(&a->groups, g->index, now);
    note(a, response);
    return response == VS_PAGE_SUCCESS;
}

bool vs_ats_respond(struct vs_ats *a, const struct vs_txn *t, uint16_t requester, uint16_t group,
                    enum vs_page_response code)
{
    bool expected = a->group[group].asked && a->group[group].requester == requester &&
                    a->group[group].prefix == t->prefix;
    if (expected) {
        a->group[group].asked = false;
        a->group[group].code = (uint8_t)code;
        a->group[group].at_ps = t->now_ps;
        if (!a->group[group].awaited) {
            note(a, code);
        }
    }
    a->count[VS_CNT_ats_page_unexpected] += !expected;
    return expected;
}

/* ---- translations ---- */

/* Asks the agent, and keeps what it says; false: the device may not do that. A page that is said to
 * be there and is not, as when the agent had no room for the request, is asked for again. */
static bool ask(struct vs_ats *a, struct vs_txn *t, uint16_t requester, uint64_t at, size_t bytes,
                bool write, uint64_t *entry, unsigned *level)
{
    struct vs_ats_answer answer = {.shift = 12};
    struct vs_page_group group = {.requester = requester, .write = write};
    vs_iova iova = {at};
    bool good = false, more = true;
    a->count[VS_CNT_ats_misses]++;
    for (unsigned tries = 0; !good && more && tries <= TRIES; tries++) {
        bool served = a->link.translate(a->link.ctx, t, requester, iova, write, &answer);
        good = served && grants(t, write, &answer);
        more = served && !good && tries < TRIES && present(a, t, &group, at, bytes);
    }
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

/* Where an address is, of a transfer of so many bytes from there on; false: nowhere that the device
 * may do this. */
static bool translate(struct vs_ats *a, struct vs_txn *t, uint16_t requester, uint64_t at,
                      size_t bytes, bool write, vs_hpa *out)
{
    unsigned level = 1;
    uint64_t entry;
    vs_ps lookup = {a->cfg.latency};
    if (lookup.v) {
        vs_charge(t, (uint16_t)(a->account + VS_ACC_ats_lookup), lookup);
    }
    const uint64_t *hit = find(a, owner_of(a, requester, t->prefix), at, &level);
    uint64_t want = needs(t, write);
    if (hit && (*hit & want) == want) {
        a->count[VS_CNT_ats_hits]++;
        entry = *hit;
    } else if (!ask(a, t, requester, at, bytes, write, &entry, &level)) {
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
        bool good = translate(a, t, requester, at, bytes, write, &where);
        t->prefix = 0; /* a translated request has none (10.1.3) */
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
    a->failed = false;
    if (a->cfg.enabled) {
        (void)vs_settab_drop_if(&a->tlb, in_pages, &s);
    }
}
