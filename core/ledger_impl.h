/* SPDX-License-Identifier: MIT */
/* Inside of the ledger, shared by ledger.c (booking), ledger_read.c and ledger_span.c. */
#ifndef VIRTSIM_CORE_LEDGER_IMPL_H
#define VIRTSIM_CORE_LEDGER_IMPL_H

#include "virtsim/ledger.h"
#include "virtsim/rng.h"
#include "virtsim/site.h"

struct counter_set {
    const struct vs_component_desc *desc;
    const uint64_t *values;
    uint64_t *baseline;
    uint16_t actor;
};

struct component_base {
    const struct vs_component_desc *desc;
    uint16_t base;
};

struct vs_ledger {
    char **actor;
    struct vs_op_acc ***by_actor; /* [actor][op], rows made with the actor */
    size_t n_actors;
    struct component_base *component;
    size_t n_components;
    const struct vs_account_desc **account;
    size_t n_accounts;
    struct counter_set *counters;
    size_t n_counters;
    struct vs_txn **txn; /* begun and not ended */
    size_t n_txn;
    struct vs_op_acc *void_acc; /* takes what a cut dropped */
    struct vs_sites *sites;     /* NULL unless places are asked for */
    uint64_t seed, cut_ps;
    uint32_t spans; /* asked for per operation, twice: first and reservoir */
    uint16_t sim_base;
};

struct vs_sampler {
    struct vs_rng rng;
    uint64_t seen;
    uint32_t n; /* slots: n first ones, then n of the reservoir */
    struct vs_span *slot;
};

/* Adds n instances, of which the sum and both extremes are known; these seldom change. */
static inline void vs__acc_sum(struct vs_op_acc *a, uint64_t n, uint64_t sum, uint64_t least,
                               uint64_t most)
{
    a->n += n;
    a->total_ps += sum;
    if (vs_unlikely(least < a->min_ps)) {
        a->min_ps = least;
    }
    if (vs_unlikely(most > a->max_ps)) {
        a->max_ps = most;
    }
}

/* The region of interest begins: what is kept by place, too. */
void vs__sites_cut(struct vs_ledger *l);
void vs__sites_free(struct vs_sites *s);
void vs__span_open(struct vs_ledger *l, struct vs_txn *t, struct vs_frame *f);
void vs__span_close(struct vs_txn *t, struct vs_frame *f);
/* The open span of *f is one of another operation, if that keeps spans and has room. */
void vs__span_move(struct vs_txn *t, struct vs_frame *f, struct vs_op_acc *to);
void vs__sampler_attach(struct vs_ledger *l, struct vs_op_acc *acc);
void vs__sampler_free(struct vs_sampler *s);
void vs__sampler_reset(struct vs_ledger *l, struct vs_op_acc *acc);

#endif
