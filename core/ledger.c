/* SPDX-License-Identifier: MIT */
/*
 * Booking: registration, transactions, operations, waits. A charge itself is inline in ledger.h.
 * Accumulators are made when an (actor, operation) pair is first used and never move, so that a
 * frame may point at one; only their part arrays grow when a component registers late.
 */
#include "ledger_impl.h"

#include "virtsim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The empty accumulator of an operation of an actor. */
static struct vs_op_acc *acc_create(const struct vs_ledger *l, uint16_t actor, enum vs_op op)
{
    struct vs_op_acc *a = calloc(1, sizeof *a);
    if (!a) {
        return NULL;
    }
    size_t n = l->n_accounts ? l->n_accounts : 1;
    a->work = calloc(n, sizeof *a->work);
    a->exposed = calloc(n, sizeof *a->exposed);
    a->hist = vs_hist_create();
    a->min_ps = UINT64_MAX;
    a->actor = actor;
    a->op = (uint16_t)op;
    return a;
}

/* Frees an accumulator; NULL is allowed. */
static void acc_destroy(struct vs_op_acc *a)
{
    if (a) {
        free(a->work);
        free(a->exposed);
        free(a->child);
        vs_hist_destroy(a->hist);
        vs__sampler_free(a->sampler);
        free(a->seen);
        free(a);
    }
}

/* An empty ledger; the seed decides which instances are sampled. */
struct vs_ledger *vs_ledger_create(uint64_t seed)
{
    struct vs_ledger *l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->seed = seed;
    l->sim_base = vs_ledger_accounts(l, &vs_sim_desc);
    l->void_acc = acc_create(l, UINT16_MAX, VS_OP_TIMELINE);
    return l;
}

/* Frees a ledger and everything booked in it; NULL is allowed. */
void vs_ledger_destroy(struct vs_ledger *l)
{
    if (!l) {
        return;
    }
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            acc_destroy(l->by_actor[a][o]);
        }
        free(l->by_actor[a]);
        free(l->actor[a]);
    }
    for (size_t i = 0; i < l->n_counters; i++) {
        free(l->counters[i].baseline);
    }
    acc_destroy(l->void_acc);
    vs__sites_free(l->sites);
    free(l->by_actor);
    free(l->actor);
    free(l->component);
    free(l->account);
    free(l->counters);
    free(l->txn);
    free(l);
}

/* Makes room for accounts that were declared after the accumulator was made. */
static void grow_parts(struct vs_op_acc *a, size_t from, size_t to)
{
    struct vs_part *w = realloc(a->work, to * sizeof *w);
    struct vs_part *x = realloc(a->exposed, to * sizeof *x);
    assert(w && x);
    a->work = w;
    a->exposed = x;
    memset(w + from, 0, (to - from) * sizeof *w);
    memset(x + from, 0, (to - from) * sizeof *x);
}

uint16_t vs_ledger_accounts(struct vs_ledger *l, const struct vs_component_desc *c)
{
    for (size_t i = 0; i < l->n_components; i++) {
        if (l->component[i].desc == c) {
            return l->component[i].base;
        }
    }
    size_t base = l->n_accounts, end = base + c->n_accounts;
    struct component_base *grown = realloc(l->component, (l->n_components + 1) * sizeof *grown);
    const struct vs_account_desc **acc = realloc(l->account, (end ? end : 1) * sizeof *acc);
    assert(grown && acc && end < UINT16_MAX);
    l->component = grown;
    l->account = acc;
    for (size_t i = 0; i < c->n_accounts; i++) {
        l->account[base + i] = &c->accounts[i];
    }
    l->n_accounts = end;
    l->component[l->n_components++] = (struct component_base){c, (uint16_t)base};
    if (end > base) {
        for (size_t a = 0; a < l->n_actors; a++) {
            for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
                if (l->by_actor[a][o]) {
                    grow_parts(l->by_actor[a][o], base, end);
                }
            }
        }
        if (l->void_acc) {
            grow_parts(l->void_acc, base, end);
        }
    }
    return (uint16_t)base;
}

uint16_t vs_ledger_actor(struct vs_ledger *l, const char *name)
{
    for (size_t i = 0; i < l->n_actors; i++) {
        if (!strcmp(l->actor[i], name)) {
            return (uint16_t)i;
        }
    }
    char **names = realloc(l->actor, (l->n_actors + 1) * sizeof *names);
    assert(names);
    l->actor = names;
    struct vs_op_acc ***rows = realloc(l->by_actor, (l->n_actors + 1) * sizeof *rows);
    assert(rows);
    l->by_actor = rows;
    size_t len = strlen(name) + 1;
    l->actor[l->n_actors] = memcpy(malloc(len), name, len);
    l->by_actor[l->n_actors] = calloc(VS_OPS, sizeof **rows);
    return (uint16_t)l->n_actors++;
}

void vs_ledger_counters(struct vs_ledger *l, uint16_t actor, const struct vs_component_desc *c,
                        const uint64_t *values)
{
    if (!c->n_counters) {
        return;
    }
    struct counter_set *grown = realloc(l->counters, (l->n_counters + 1) * sizeof *grown);
    assert(grown);
    l->counters = grown;
    l->counters[l->n_counters++] =
        (struct counter_set){c, values, calloc(c->n_counters, sizeof(uint64_t)), actor};
}

struct vs_op_acc *vs_ledger_acc(struct vs_ledger *l, uint16_t actor, enum vs_op op)
{
    struct vs_op_acc **slot = &l->by_actor[actor][op];
    if (!*slot) {
        *slot = acc_create(l, actor, op);
        assert(*slot);
        vs__sampler_attach(l, *slot);
    }
    return *slot;
}

void vs_txn_begin(struct vs_txn *t, struct vs_ledger *l, uint16_t actor, vs_ps start)
{
    memset(t, 0, sizeof *t);
    t->ledger = l;
    t->actor = actor;
    t->by_op = l->by_actor[actor];
    t->now_ps = start.v;
    t->acc = vs_ledger_acc(l, actor, VS_OP_TIMELINE);
    t->frame[0] = (struct vs_frame){t->acc, start.v, NULL};
    t->depth = 1;
    struct vs_txn **grown = realloc(l->txn, (l->n_txn + 1) * sizeof *grown);
    assert(grown);
    l->txn = grown;
    l->txn[l->n_txn++] = t;
}

void vs_txn_beside(struct vs_txn *t, struct vs_ledger *l, uint16_t actor)
{
    memset(t, 0, sizeof *t);
    t->ledger = l;
    t->actor = actor;
    t->by_op = l->by_actor[actor];
    t->acc = l->void_acc; /* no parent: nobody's children */
    t->frame[0] = (struct vs_frame){t->acc, 0, NULL};
    t->depth = 1;
}

/* The first of its kind that this operation holds. */
static __attribute__((noinline)) void child_new(struct vs_op_acc *parent, struct vs_op_acc *op,
                                                uint64_t n, uint64_t ps)
{
    if (parent->n_child == parent->cap_child) {
        uint32_t cap = parent->cap_child ? 2 * parent->cap_child : 4;
        struct vs_child *grown = realloc(parent->child, cap * sizeof *grown);
        assert(grown);
        parent->child = grown;
        parent->cap_child = cap;
    }
    parent->child[parent->n_child++] = (struct vs_child){op, n, ps};
}

/* An operation among those inside another one; NULL: it held none of its kind before. */
static vs_inlined struct vs_child *child_of(const struct vs_op_acc *parent,
                                            const struct vs_op_acc *op)
{
    for (uint32_t i = 0; i < parent->n_child; i++) { /* the first, mostly */
        if (parent->child[i].op == op) {
            return &parent->child[i];
        }
    }
    return NULL;
}

/* Adds operations inside another one to those that its caller has had. */
static vs_inlined void child_add(struct vs_op_acc *parent, struct vs_op_acc *op, uint64_t n,
                                 uint64_t ps)
{
    struct vs_child *child = child_of(parent, op);
    if (vs_likely(child != NULL)) {
        child->n += n;
        child->ps += ps;
        return;
    }
    child_new(parent, op, n, ps);
}

/* Adds n instances of the same length. */
static void acc_add(struct vs_op_acc *a, uint64_t n, uint64_t each)
{
    vs__acc_sum(a, n, n * each, each, each);
    vs_hist_add(a->hist, each, n);
}

void vs__open_seldom(struct vs_txn *t, enum vs_op op)
{
    assert(t->depth < VS_TXN_DEPTH);
    struct vs_op_acc *a = t->by_op[op];
    if (vs_unlikely(!a)) {
        a = vs_ledger_acc(t->ledger, t->actor, op);
    }
    struct vs_frame *f = &t->frame[t->depth++];
    f->acc = a;
    f->start_ps = t->now_ps;
    f->span = NULL;
    t->acc = a;
    if (vs_unlikely(a->sampler != NULL)) {
        vs__span_open(t->ledger, t, f);
    }
}

/* Pops the innermost frame and tells its parent; n is 0 for an operation that did not finish. */
static __attribute__((noinline)) uint64_t pop(struct vs_txn *t, uint64_t n)
{
    struct vs_frame *f = &t->frame[--t->depth];
    struct vs_op_acc *a = f->acc, *parent = t->frame[t->depth - 1].acc, *none = t->ledger->void_acc;
    uint64_t d = t->now_ps - f->start_ps;
    if (f->span) {
        vs__span_close(t, f);
    }
    if (a == none) {
        if (parent != none && d) {
            struct vs_part *p = &parent->work[t->ledger->sim_base + VS_ACC_sim_cut];
            p->n++;
            p->ps += d;
        }
    } else {
        if (n) {
            acc_add(a, 1, d);
        } else {
            a->total_ps += d;
            a->open_ops++;
        }
        if (parent != none) {
            child_add(parent, a, n, d);
        }
        if (vs_unlikely(t->site != NULL)) {
            vs__site_book(t->site, a);
        }
    }
    t->acc = parent;
    return d;
}

/* As nearly always: it was there before, its parent has held one of its kind, and nobody keeps
 * spans or places. Nothing is called for that. */
static inline vs_ps close_usual(struct vs_txn *t)
{
    struct vs_frame *f = &t->frame[t->depth - 1u];
    struct vs_op_acc *a = f->acc, *parent = f[-1].acc, *none = t->ledger->void_acc;
    vs_ps d = {t->now_ps - f->start_ps};
    uint64_t *bucket = vs_hist_at(a->hist, d.v);
    if (vs_unlikely(!bucket || f->span || a == none || t->site)) {
        return (vs_ps){pop(t, 1)};
    }
    if (parent != none) {
        struct vs_child *child = child_of(parent, a);
        if (vs_unlikely(!child)) {
            return (vs_ps){pop(t, 1)};
        }
        child->n++;
        child->ps += d.v;
    }
    ++*bucket;
    a->hist->n++;
    vs__acc_sum(a, 1, d.v, d.v, d.v);
    t->depth--;
    t->acc = parent;
    return d;
}

vs_ps vs_close(struct vs_txn *t)
{
    vs_txn_settle(t);
    assert(t->depth > 1);
    return close_usual(t);
}

void vs_booked_part(struct vs_booked *b, uint16_t account, vs_ps d)
{
    uint32_t i = 0;
    while (i < b->n_parts && b->part[i].account != account) {
        i++;
    }
    if (i == b->n_parts) {
        assert(i < VS_BOOKED_PARTS);
        b->part[b->n_parts++].account = account;
        b->part[i].n = b->part[i].ps = 0;
    }
    b->part[i].n++;
    b->part[i].ps += d.v;
}

/* Takes back booked operations inside another one. */
static void child_take(struct vs_op_acc *parent, const struct vs_booked *b)
{
    uint32_t i = 0;
    while (i < parent->n_child && parent->child[i].op != b->child) {
        i++;
    }
    assert(i < parent->n_child && parent->child[i].n >= b->n_children &&
           parent->child[i].ps >= b->child_ps);
    parent->child[i].n -= b->n_children;
    parent->child[i].ps -= b->child_ps;
    if (!parent->child[i].n && !parent->child[i].ps) {
        parent->child[i] = parent->child[--parent->n_child];
    }
}

void vs_count_move(struct vs_op_acc *from, struct vs_op_acc *to, const struct vs_booked *b)
{
    for (uint32_t i = 0; i < b->n_parts; i++) {
        struct vs_part *p = &from->work[b->part[i].account], *q = &to->work[b->part[i].account];
        assert(p->n >= b->part[i].n && p->ps >= b->part[i].ps);
        p->n -= b->part[i].n;
        p->ps -= b->part[i].ps;
        q->n += b->part[i].n;
        q->ps += b->part[i].ps;
    }
    if (b->child) {
        child_take(from, b);
        child_add(to, b->child, b->n_children, b->child_ps);
    }
}

/* The whole time of what was booked together. */
static uint64_t sum_of(const struct vs_booked *b)
{
    uint64_t ps = b->child_ps;
    for (uint32_t i = 0; i < b->n_parts; i++) {
        ps += b->part[i].ps;
    }
    return ps;
}

vs_ps vs_close_as(struct vs_txn *t, enum vs_op op, const struct vs_booked *b)
{
    vs_txn_settle(t);
    assert(t->depth > 1);
    struct vs_frame *f = &t->frame[t->depth - 1];
    struct vs_op_acc *to = vs_ledger_acc(t->ledger, t->actor, op);
    if (f->acc != t->ledger->void_acc) {
        uint64_t all = sum_of(b);
        assert(all == t->now_ps - f->start_ps);
        (void)all;
        vs_count_move(f->acc, to, b);
        if (f->span) {
            vs__span_move(t, f, to);
        }
        f->acc = to;
    }
    vs_ps d = {pop(t, 1)};
    return d;
}

void vs_txn_end(struct vs_txn *t)
{
    vs_txn_settle(t);
    while (t->depth > 1) {
        pop(t, 0);
    }
    if (t->site) {
        vs_site_time(t->site, t->now_ps);
    }
    acc_add(t->frame[0].acc, 1, t->now_ps - t->frame[0].start_ps);
    struct vs_ledger *l = t->ledger;
    for (size_t i = 0; i < l->n_txn; i++) {
        if (l->txn[i] == t) {
            memmove(&l->txn[i], &l->txn[i + 1], (l->n_txn - i - 1) * sizeof(struct vs_txn *));
            l->n_txn--;
            break;
        }
    }
    t->depth = 0;
}

void vs_txn_actor(struct vs_txn *t, uint16_t actor)
{
    vs_txn_settle(t);
    t->actor = actor;
    t->by_op = t->ledger->by_actor[actor];
}

enum vs_status vs_slots_init(struct vs_slots *s, uint32_t n)
{
    *s = (struct vs_slots){.n = n};
    if (!n) {
        return VS_E_CONFIG;
    }
    s->busy_until_ps = calloc(n, sizeof *s->busy_until_ps);
    s->next = calloc(n + 1u, sizeof *s->next);
    s->prev = calloc(n + 1u, sizeof *s->prev);
    if (!s->busy_until_ps || !s->next || !s->prev) {
        vs_slots_free(s);
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i <= n; i++) {
        s->next[i] = i == n ? 0 : i + 1u;
        s->prev[i] = i ? i - 1u : n;
    }
    return VS_OK;
}

void vs_slots_free(struct vs_slots *s)
{
    free(s->busy_until_ps);
    free(s->next);
    free(s->prev);
    *s = (struct vs_slots){.n = 0};
}

/* What is released is mostly busy for longer than all others: it is looked for from the end. */
void vs__slots_order(struct vs_slots *s, uint32_t slot)
{
    const uint64_t *busy = s->busy_until_ps, at = busy[slot];
    uint32_t *next = s->next, *prev = s->prev, before;
    next[prev[slot]] = next[slot];
    prev[next[slot]] = prev[slot];
    for (before = prev[s->n];
         before != s->n && (busy[before] > at || (busy[before] == at && before > slot));) {
        before = prev[before];
    }
    next[slot] = next[before];
    prev[slot] = before;
    prev[next[before]] = slot;
    next[before] = slot;
}

uint32_t vs_acquire(struct vs_txn *t, uint16_t account, struct vs_slots *s)
{
    uint32_t best = s->next[s->n];
    vs_ps free_at = {s->busy_until_ps[best]};
    vs_txn_settle(t);
    vs_wait_until(t, account, free_at);
    return best;
}

void vs_count_ops(struct vs_txn *t, struct vs_op_acc *acc, uint64_t n, uint64_t sum_ps,
                  uint64_t least_ps, uint64_t most_ps)
{
    if (n) {
        vs__acc_sum(acc, n, sum_ps, least_ps, most_ps);
        if (t->acc != t->ledger->void_acc) {
            child_add(t->acc, acc, n, sum_ps);
        }
        if (vs_unlikely(t->site != NULL)) {
            vs__site_book(t->site, acc);
        }
    }
}

/* vs_count_op where it is the first of its kind, or somebody keeps places. */
static __attribute__((noinline)) void count_seldom(struct vs_txn *t, struct vs_op_acc *acc,
                                                   uint64_t n, vs_ps each)
{
    if (n) {
        vs_hist_add(acc->hist, each.v, n);
        vs_count_ops(t, acc, n, n * each.v, each.v, each.v);
    }
}

void vs_count_op(struct vs_txn *t, struct vs_op_acc *acc, uint64_t n, vs_ps each)
{
    struct vs_op_acc *parent = t->acc;
    uint64_t *bucket = vs_hist_at(acc->hist, each.v);
    if (vs_unlikely(!n || !bucket || t->site)) {
        count_seldom(t, acc, n, each);
        return;
    }
    if (parent != t->ledger->void_acc) {
        struct vs_child *child = child_of(parent, acc);
        if (vs_unlikely(!child)) {
            count_seldom(t, acc, n, each);
            return;
        }
        child->n += n;
        child->ps += n * each.v;
    }
    *bucket += n;
    acc->hist->n += n;
    vs__acc_sum(acc, n, n * each.v, each.v, each.v);
}

void vs_once(struct vs_txn *t, enum vs_op op, uint16_t account, vs_ps d)
{
    struct vs_op_acc *a = t->by_op[op] ? t->by_op[op] : vs_ledger_acc(t->ledger, t->actor, op);
    if (vs_unlikely(vs_txn_ordered(t) || a->sampler)) {
        vs_open(t, op);
        vs_charge(t, account, d);
        vs_close(t);
        return;
    }
    vs_count_part(t, a, account, 1, d);
    vs_count_op(t, a, 1, d);
}

/* Empties an accumulator where the region of interest begins. */
static void acc_clear(struct vs_ledger *l, struct vs_op_acc *a)
{
    a->n = a->total_ps = a->max_ps = a->open_ops = 0;
    a->min_ps = UINT64_MAX;
    a->n_child = 0;
    memset(a->work, 0, l->n_accounts * sizeof *a->work);
    memset(a->exposed, 0, l->n_accounts * sizeof *a->exposed);
    vs_hist_clear(a->hist);
    vs__sampler_reset(l, a);
}

void vs_ledger_cut(struct vs_ledger *l)
{
    for (size_t i = 0; i < l->n_txn; i++) {
        struct vs_txn *t = l->txn[i];
        vs_txn_settle(t);
        l->cut_ps = t->now_ps > l->cut_ps ? t->now_ps : l->cut_ps;
        for (uint32_t d = 0; d < t->depth; d++) {
            if (t->frame[d].span) {
                vs__span_close(t, &t->frame[d]);
            }
            t->frame[d].start_ps = t->now_ps;
            if (d) {
                t->frame[d].acc = l->void_acc;
            }
        }
        t->acc = t->frame[t->depth - 1].acc;
    }
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            if (l->by_actor[a][o]) {
                acc_clear(l, l->by_actor[a][o]);
            }
        }
    }
    vs__sites_cut(l);
    for (size_t i = 0; i < l->n_counters; i++) {
        struct counter_set *c = &l->counters[i];
        memcpy(c->baseline, c->values, c->desc->n_counters * sizeof *c->baseline);
    }
}

uint64_t vs_ledger_cut_ps(const struct vs_ledger *l)
{
    return l->cut_ps;
}
