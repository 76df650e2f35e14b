/* SPDX-License-Identifier: MIT */
/* Reading the books, and the law they obey. */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vs_ledger_actor_name(const struct vs_ledger *l, uint16_t actor)
{
    return actor < l->n_actors ? l->actor[actor] : "?";
}

size_t vs_ledger_n_accounts(const struct vs_ledger *l)
{
    return l->n_accounts;
}

const struct vs_account_desc *vs_ledger_account(const struct vs_ledger *l, uint16_t account)
{
    return l->account[account];
}

/* Says whether anything was booked in an accumulator. */
static bool is_used(const struct vs_op_acc *a)
{
    return a && (a->n || a->total_ps || a->open_ops);
}

void vs_ledger_each(const struct vs_ledger *l, vs_acc_visitor *visit, void *ctx)
{
    /* few actors: pick the next name each time */
    const char *last = NULL;
    for (size_t k = 0; k < l->n_actors; k++) {
        size_t next = l->n_actors;
        for (size_t a = 0; a < l->n_actors; a++) {
            if ((!last || strcmp(l->actor[a], last) > 0) &&
                (next == l->n_actors || strcmp(l->actor[a], l->actor[next]) < 0)) {
                next = a;
            }
        }
        if (next == l->n_actors) {
            return;
        }
        last = l->actor[next];
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            if (is_used(l->by_actor[next][o])) {
                visit(ctx, l->by_actor[next][o]);
            }
        }
    }
}

void vs_ledger_each_counter(const struct vs_ledger *l, vs_counter_visitor *visit, void *ctx)
{
    for (size_t i = 0; i < l->n_counters; i++) {
        const struct counter_set *c = &l->counters[i];
        for (size_t j = 0; j < c->desc->n_counters; j++) {
            visit(ctx, l->actor[c->actor], &c->desc->counters[j], c->values[j] - c->baseline[j]);
        }
    }
}

/* The time of all parts and all operations inside; it has to be the total. */
static uint64_t parts_and_children(const struct vs_ledger *l, const struct vs_op_acc *a)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n_accounts; i++) {
        sum += a->work[i].ps + a->exposed[i].ps;
    }
    for (uint32_t i = 0; i < a->n_child; i++) {
        sum += a->child[i].ps;
    }
    return sum;
}

/* Operations that all ended have a mean between the shortest and the longest. */
static bool is_mean_possible(const struct vs_op_acc *a)
{
    return a->open_ops || !a->n ||
           (a->total_ps / a->n >= a->min_ps && a->total_ps / a->n <= a->max_ps);
}

size_t vs_ledger_unbalanced(const struct vs_ledger *l, char *why, size_t bytes)
{
    size_t bad = 0;
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            const struct vs_op_acc *acc = l->by_actor[a][o];
            if (!acc) {
                continue;
            }
            uint64_t sum = parts_and_children(l, acc);
            if (sum != acc->total_ps && !bad++ && why) {
                snprintf(why, bytes,
                         "%s %s: total %" PRIu64 " ps, parts and children %" PRIu64 " ps",
                         l->actor[a], vs_op_name((enum vs_op)o), acc->total_ps, sum);
            } else if (sum == acc->total_ps && !is_mean_possible(acc) && !bad++ && why) {
                snprintf(why, bytes,
                         "%s %s: %" PRIu64 " of %" PRIu64 " to %" PRIu64
                         " ps each cannot take %" PRIu64 " ps",
                         l->actor[a], vs_op_name((enum vs_op)o), acc->n, acc->min_ps, acc->max_ps,
                         acc->total_ps);
            }
        }
    }
    return bad;
}
