/* SPDX-License-Identifier: MIT */
/*
 * String stores. The processor works on a string line by line and lets the lines overlap, whatever
 * order they complete in; it is the one thing that overlaps where accesses otherwise block. Each
 * line is a store of its own, beside the time line, as in the window. Other stores of the actor are
 * on the line, so that these have an actor of their own: "vcpu0/host/string".
 */
#include "cpu/window.h"

#include <stdio.h>

/* Lines of one instruction enter as fast as they are stored, not as instructions are issued. */
void vs__string_pace(const struct vs_cpu *c, struct vs_cpu_window *w)
{
    uint64_t line = 1ull << c->data.line_shift, width = c->cfg.string_width;
    w->apart = true;
    w->by_width = vs_divider_of(width);
    w->issue_q = line * c->clock.period_ps / width;
    w->issue_r = line * c->clock.period_ps % width;
    w->issue_account = vs__window_account(c, VS_ACC_cpu_string);
}

/* The actor of the strings that the line's present actor stores. */
static uint16_t own_actor(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->string;
    uint16_t line = c->txn->actor;
    for (uint32_t i = 0; i < w->n_actors; i++) {
        if (w->actor[i].line == line) {
            return w->actor[i].own;
        }
    }
    char name[64];
    snprintf(name, sizeof name, "%s/string", vs_ledger_actor_name(c->ledger, line));
    uint16_t own = vs_ledger_actor(c->ledger, name);
    if (w->n_actors < 2u) {
        w->actor[w->n_actors].line = line;
        w->actor[w->n_actors++].own = own;
    }
    return own;
}

/* Stores line by line, as a core without a string window does. */
static enum vs_cpu_stop lines(struct vs_cpu *c, vs_gva at, uint64_t bytes, uint64_t *done)
{
    uint64_t line = 1ull << c->data.line_shift;
    for (*done = 0; *done < bytes; *done += line) {
        vs_gva next = {at.v + *done};
        if (vs_cpu_access(c, next, 8, VS_REF_WRITE) != VS_CPU_DONE) {
            return VS_CPU_FAULT;
        }
    }
    return VS_CPU_DONE;
}

enum vs_cpu_stop vs_cpu_store_string(struct vs_cpu *c, vs_gva at, uint64_t bytes, uint64_t *done)
{
    if (!c->string) { /* all accesses overlap, or none may */
        return lines(c, at, bytes, done);
    }
    vs_txn_settle(c->txn);
    void (*settle)(void *, struct vs_txn *) = c->txn->settle;
    bool depends = c->depends;
    c->window = c->string;
    c->depends = false;
    vs__window_begin(c, own_actor(c));
    enum vs_cpu_stop stop = lines(c, at, bytes, done);
    vs_txn_settle(c->txn);
    c->window = NULL;
    c->depends = depends;
    c->txn->settle = settle;
    return stop;
}
