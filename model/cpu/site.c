/* SPDX-License-Identifier: MIT */
/* Where in its program the core is. Accesses are taken one by one, and what they have counted is
 * priced before the place changes. */
#include "cpu/window.h"

#include <stdlib.h>

void vs_cpu_one_by_one(struct vs_cpu *c)
{
    c->data.fast = c->fetch.fast = false;
    c->exact = !c->window; /* in the window they are counted as ever, one by one */
}

/* Where each slot's access is, too. */
static enum vs_status keep(struct vs_cpu *c, struct vs_cpu_window *w)
{
    w->beside.site = c->txn->site;
    w->where = malloc((w->mask + 1u) * sizeof *w->where);
    for (uint64_t i = 0; w->where && i <= w->mask; i++) {
        w->where[i] = c->txn->site->at;
    }
    return w->where ? VS_OK : VS_E_NOMEM;
}

enum vs_status vs_cpu_keep_sites(struct vs_cpu *c)
{
    enum vs_status st = vs_site_begin(c->txn);
    if (!st) {
        vs_cpu_one_by_one(c);
    }
    st = st || !c->window ? st : keep(c, c->window);
    return st || !c->string ? st : keep(c, c->string);
}

/* What has been counted is charged; the clock stays where it is. */
static void price(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    if (!w) {
        vs_txn_settle(c->txn);
        return;
    }
    bool before = w->settling;
    w->settling = true;
    vs__window_actor(c);
    vs__window_advance(c);
    for (uint32_t ref = 0; ref < VS_REF_FETCH; ref++) {
        if (vs__cpu_counted(c, ref)) {
            vs__cpu_settle_ref(c, &w->beside, ref);
        }
    }
    w->settling = before;
}

/* Moves to another place of the program, and prices what was done at the last one. */
static void move(struct vs_cpu *c, const struct vs_site_at *to)
{
    price(c);
    vs_site_move(c->txn->site, to, vs_cpu_now_ps(c));
}

/* The program is on its own: no handler runs. */
static bool outside(const struct vs_cpu *c)
{
    return c->txn->depth == 1u;
}

/* Moves to the place of an access. */
void vs__cpu_enter_site(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    if (outside(c)) {
        struct vs_site_at to = c->txn->site->at;
        to.address = gva;
        to.ip = ref == VS_REF_FETCH ? gva : to.ip;
        move(c, &to);
    }
}

/* Moves away from the place of an access. */
void vs__cpu_leave_site(struct vs_cpu *c)
{
    if (outside(c)) {
        struct vs_site_at to = c->txn->site->at;
        to.address = VS_SITE_NONE;
        move(c, &to);
    }
}

void vs_cpu_leave(struct vs_cpu *c, uint64_t space)
{
    if (outside(c)) {
        struct vs_site_at to = {space, VS_SITE_NONE, c->txn->site->at.ip};
        move(c, &to);
    }
}
