/* SPDX-License-Identifier: MIT */
/*
 * Amounts by place. Each accumulator of the ledger remembers what of it is booked by place already
 * (`seen`), so that what is new since then is a difference, and sums stay those of the ledger
 * whatever is booked in between.
 */
#include "site_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The name of a kind of place. */
const char *vs_site_kind_name(enum vs_site_kind kind)
{
    static const char *const name[] = {"page", "region", "ip"};
    return name[kind];
}

/* What an accumulator had when it was looked at last. */
struct vs_site_seen {
    uint64_t n, ps;
    struct vs_part account[VS_SITE_ACCOUNTS];
};

enum vs_status vs_ledger_sites(struct vs_ledger *l, uint32_t limit, const uint16_t *accounts,
                               size_t n)
{
    struct vs_sites *s = calloc(1, sizeof *s);
    assert(n <= VS_SITE_ACCOUNTS && !l->sites);
    if (!s) {
        return VS_E_NOMEM;
    }
    s->limit = limit;
    s->n_accounts = n;
    memcpy(s->account, accounts, n * sizeof *accounts);
    l->sites = s;
    enum vs_status st = VS_OK;
    for (unsigned k = 0; k < VS_SITE_KINDS && !st; k++) {
        st = vs__held_init(&s->held[k], limit);
    }
    vs__regions_init(&s->regions);
    return st;
}

void vs__sites_free(struct vs_sites *s)
{
    if (!s) {
        return;
    }
    for (unsigned k = 0; k < VS_SITE_KINDS; k++) {
        vs__held_free(&s->held[k]);
    }
    vs__regions_free(&s->regions);
    for (size_t i = 0; i < s->n_lines; i++) {
        free(s->line[i]);
    }
    free(s->line);
    free(s);
}

static const struct vs_site_at nowhere = {VS_SITE_NONE, VS_SITE_NONE, VS_SITE_NONE};

enum vs_status vs_site_begin(struct vs_txn *t)
{
    struct vs_sites *s = t->ledger->sites;
    struct vs_site **lines = realloc(s->line, (s->n_lines + 1u) * sizeof(struct vs_site *));
    struct vs_site *site = calloc(1, sizeof *site);
    s->line = lines ? lines : s->line;
    if (!lines || !site) {
        free(site);
        return VS_E_NOMEM;
    }
    *site =
        (struct vs_site){.at = nowhere, .since_ps = t->now_ps, .line = t->frame[0].acc, .sites = s};
    s->line[s->n_lines++] = site;
    t->site = site;
    return VS_OK;
}

/* ---- what is booked ---- */

/* The places that `at` is, of every kind. */
static void look_up(struct vs_site *s)
{
    struct vs_sites *all = s->sites;
    const struct vs_site_at *at = &s->at;
    bool none = at->address == VS_SITE_NONE;
    uint64_t page = none ? VS_SITE_NONE : at->address >> VS_SITE_PAGE_SHIFT << VS_SITE_PAGE_SHIFT;
    uint64_t region =
        none ? VS_SITE_NONE : vs__region_of(all, &all->regions, at->space, at->address);
    s->place[VS_SITE_PAGE] = vs__held_at(&all->held[VS_SITE_PAGE], at->space, page);
    s->place[VS_SITE_REGION] = vs__held_at(&all->held[VS_SITE_REGION], at->space, region);
    s->place[VS_SITE_IP] = vs__held_at(&all->held[VS_SITE_IP], at->space, at->ip);
    s->known = true;
}

/* Of every kind alike. */
static void add(struct vs_site *s, uint32_t item, uint64_t n, uint64_t ps)
{
    struct vs_sites *all = s->sites;
    if (!s->known || s->looked_up != all->generation) {
        look_up(s);
        s->looked_up = all->generation;
    }
    for (unsigned k = 0; k < VS_SITE_KINDS; k++) {
        vs__held_add(&all->held[k], s->place[k], item, n, ps);
    }
    for (unsigned k = 0; k < VS_SITE_KINDS; k++) {
        if (all->held[k].n >= 2u * all->limit) {
            vs__held_prune(&all->held[k], all->limit);
            all->generation++;
        }
    }
}

/* What has been seen of an operation's places, made at its first use. */
static struct vs_site_seen *seen_of(struct vs_op_acc *acc)
{
    if (!acc->seen) {
        acc->seen = calloc(1, sizeof *acc->seen);
        assert(acc->seen);
    }
    return acc->seen;
}

void vs__site_book(struct vs_site *s, struct vs_op_acc *acc)
{
    struct vs_site_seen *seen = seen_of(acc);
    uint64_t n = acc->n - seen->n, ps = acc->total_ps - seen->ps;
    if (n || ps) {
        seen->n = acc->n;
        seen->ps = acc->total_ps;
        add(s, VS__ITEM(acc->actor, acc->op, false), n, ps);
    }
    for (size_t i = 0; i < s->sites->n_accounts; i++) {
        uint16_t account = s->sites->account[i];
        const struct vs_part *now = &acc->work[account];
        struct vs_part *was = &seen->account[i];
        if (now->ps != was->ps || now->n != was->n) {
            add(s, VS__ITEM(acc->actor, account, true), now->n - was->n, now->ps - was->ps);
            *was = *now;
        }
    }
}

void vs_site_time(struct vs_site *s, uint64_t now_ps)
{
    uint64_t ps = now_ps - s->since_ps;
    if (ps) {
        s->since_ps = now_ps;
        seen_of(s->line)->ps += ps;
        add(s, VS__ITEM(s->line->actor, VS_OP_TIMELINE, false), 0, ps);
    }
}

void vs_site_move(struct vs_site *s, const struct vs_site_at *to, uint64_t now_ps)
{
    vs_site_time(s, now_ps);
    s->known = false;
    s->at = *to;
}

void vs_site_region(struct vs_site *s, uint64_t space, uint64_t at, uint64_t bytes)
{
    vs__region_fix(&s->sites->regions, space, at, at + bytes);
    s->sites->generation++;
}

/* ---- the whole ---- */

/* Visits every accumulator of a ledger. */
static void each_acc(struct vs_ledger *l, void (*visit)(struct vs_site *s, struct vs_op_acc *acc),
                     struct vs_site *s)
{
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0; o < vs_op_count(); o++) {
            if (l->by_actor[a][o]) {
                visit(s, l->by_actor[a][o]);
            }
        }
    }
}

/* Forgets what has been seen of an operation's places. */
static void forget(struct vs_site *s, struct vs_op_acc *acc)
{
    (void)s;
    if (acc->seen) {
        memset(acc->seen, 0, sizeof *acc->seen);
    }
}

void vs__sites_cut(struct vs_ledger *l)
{
    struct vs_sites *s = l->sites;
    if (!s) {
        return;
    }
    each_acc(l, forget, NULL);
    for (unsigned k = 0; k < VS_SITE_KINDS; k++) {
        vs__held_clear(&s->held[k]);
    }
    s->generation++;
    for (size_t i = 0; i < l->n_txn; i++) {
        if (l->txn[i]->site) {
            l->txn[i]->site->since_ps = l->txn[i]->now_ps;
        }
    }
}

void vs_sites_end(struct vs_ledger *l)
{
    struct vs_site rest = {.at = nowhere, .sites = l->sites};
    if (l->sites) {
        each_acc(l, vs__site_book, &rest);
        for (unsigned k = 0; k < VS_SITE_KINDS; k++) {
            vs__held_prune(&l->sites->held[k], l->sites->limit);
        }
        l->sites->generation++;
    }
}

struct visit {
    const struct vs_sites *sites;
    enum vs_site_kind kind;
    vs_site_visitor *visit;
    void *ctx;
};

/* Hands one operation of a place to the visitor as a row. */
static void visit_item(const struct visit *v, const struct vs__place *p, const struct vs__item *i,
                       bool other, uint64_t lacks_ps)
{
    struct vs_site_row row = {.kind = v->kind,
                              .other = other,
                              .space = p->space,
                              .at = p->at,
                              .end = p->at,
                              .actor = VS__ITEM_ACTOR(i->what),
                              .what = VS__ITEM_WHAT(i->what),
                              .account = VS__ITEM_ACCOUNT(i->what),
                              .n = i->n,
                              .ps = i->ps,
                              .lacks_ps = lacks_ps};
    if (v->kind == VS_SITE_REGION && !other && p->at != VS_SITE_NONE) {
        vs__region_bounds(&v->sites->regions, p->at, &row.at, &row.end);
    }
    v->visit(v->ctx, &row);
}

void vs_ledger_each_site(const struct vs_ledger *l, vs_site_visitor *visit, void *ctx)
{
    struct visit v = {l->sites, VS_SITE_PAGE, visit, ctx};
    for (unsigned k = 0; l->sites && k < VS_SITE_KINDS; k++) {
        const struct vs__held *h = &l->sites->held[k];
        v.kind = (enum vs_site_kind)k;
        for (uint32_t p = 0; p < h->n; p++) {
            for (uint32_t i = 0; i < h->place[p].n; i++) {
                visit_item(&v, &h->place[p], &h->place[p].item[i], false, 0);
            }
        }
        for (uint32_t i = 0; i < h->other.n; i++) {
            const struct vs__item *lacks = vs__item_of(&h->lacks, h->other.item[i].what);
            visit_item(&v, &h->other, &h->other.item[i], true, lacks ? lacks->ps : 0);
        }
    }
}
