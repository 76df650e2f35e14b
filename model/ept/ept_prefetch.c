/* SPDX-License-Identifier: MIT */
/*
 * Next-page prefetch. After a walk the second walker translates the page that follows, on its own
 * time line, into a buffer beside the TLBs. A miss to that page waits for what is left of the walk
 * and takes the entry. A prefetch that faults is forgotten: it was nobody's access.
 */
#include "ept_impl.h"

void vs_ept_prefetcher(struct vs_ept *e, struct vs_ledger *ledger, uint16_t actor, vs_ps start)
{
    vs_txn_begin(&e->prefetch.txn, ledger, actor, start);
    e->prefetch.on = true;
}

void vs_ept_prefetcher_end(struct vs_ept *e)
{
    if (e->prefetch.on) {
        vs_txn_end(&e->prefetch.txn);
        e->prefetch.on = false;
    }
}

/* The right that an access needs. */
static uint64_t right_of(enum vs_ref ref)
{
    return ref == VS_REF_READ ? VS__READ : ref == VS_REF_WRITE ? VS__WRITE : VS__EXECUTE;
}

bool vs__ept_prefetched(struct vs_ept *e, struct vs_txn *t, uint64_t gva, enum vs_ref ref,
                        struct vs_translation *out)
{
    struct vs_ept_prefetch *p = &e->prefetch;
    if (!p->full || p->tag != e->tag_now || gva >> p->shift != p->gva >> p->shift ||
        !(p->flags & right_of(ref))) {
        return false;
    }
    vs_ps ready = {p->txn.now_ps};
    (void)vs_wait_until(t, (uint16_t)(e->account + VS_ACC_ept_prefetch_wait), ready);
    vs__ept_fill(e, ref, gva, p->frame, p->shift, p->flags);
    out->hpa.v = p->frame | (gva & ((1ull << p->shift) - 1u));
    out->page_shift = p->shift;
    p->full = false;
    e->count[VS_CNT_ept_prefetch_hits]++;
    return true;
}

void vs__ept_prefetch_next(struct vs_ept *e, const struct vs_txn *t, uint64_t gva, unsigned shift)
{
    struct vs_ept_prefetch *p = &e->prefetch;
    struct vs_translation unused = {.fault = VS_FAULT_NONE};
    uint64_t next = ((gva >> shift) + 1u) << shift;
    unsigned held = vs__ept_held(e, shift);
    if (held && vs_settab_peek(vs__ept_second(e, held), vs__ept_key(next, held, e->tag_now))) {
        return;
    }
    if (p->txn.now_ps > t->now_ps) {
        e->count[VS_CNT_ept_prefetch_busy]++;
        return;
    }
    vs_ps now = {t->now_ps};
    (void)vs_wait_until(&p->txn, (uint16_t)(e->account + VS_ACC_ept_prefetch_idle), now);
    e->count[VS_CNT_ept_prefetches]++;
    p->gva = next;
    p->tag = e->tag_now;
    p->full = false; /* vs__ept_fill says when the walk has found something */
    p->running = true;
    vs_open(&p->txn, VS_OP_WALK);
    (void)vs__ept_walk_tables(e, &p->txn, next, VS_REF_READ, &unused);
    vs_close(&p->txn);
    p->running = false;
}
