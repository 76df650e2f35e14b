/* SPDX-License-Identifier: MIT */
/* Counters over simulated time: their growth within each epoch, sampled when vCPU 0 passes its end;
 * and the moments that guests name. */
#include "machine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 100000u /* of one run: some hundred counters are read at the end of each */

struct sampler {
    struct vs_platform *p;
    size_t at;
};

/* An epoch without some of its rows would not add up to the counters. */
static void no_memory(struct vs_platform *p)
{
    vcpu_fail(&p->vcpu[0],
              "--epoch %llu ps: not enough memory for the counters of epoch %llu; give a "
              "longer one",
              (unsigned long long)p->options.epoch_ps, (unsigned long long)p->epoch);
}

/* One counter's growth since the last epoch. */
static void sample(void *ctx, const char *actor, const struct vs_counter_desc *c, uint64_t value)
{
    struct sampler *s = ctx;
    struct vs_platform *p = s->p;
    size_t i = s->at++;
    if (i >= p->n_epoch_last) {
        uint64_t *grown = realloc(p->epoch_last, (i + 1) * sizeof *grown);
        if (!grown) {
            no_memory(p);
            return;
        }
        p->epoch_last = grown;
        p->epoch_last[i] = 0;
        p->n_epoch_last = i + 1;
    }
    uint64_t growth = value - p->epoch_last[i];
    p->epoch_last[i] = value;
    if (!growth) {
        return; /* rows that say nothing are not stored */
    }
    if (p->n_epochs == p->cap_epochs) {
        size_t cap = p->cap_epochs ? 2 * p->cap_epochs : 1024;
        struct vs_epoch_sample *grown = realloc(p->epochs, cap * sizeof *grown);
        if (!grown) {
            no_memory(p);
            return;
        }
        p->epochs = grown;
        p->cap_epochs = cap;
    }
    p->epochs[p->n_epochs++] = (struct vs_epoch_sample){p->epoch, p->epoch_end_ps, growth,
                                                        vs_ledger_actor(p->ledger, actor), c};
}

/* The growth of every counter, when an epoch ends. */
static void sample_all(struct vs_platform *p)
{
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        vs_txn_settle(&p->vcpu[i].txn); /* counted hits are counters, too */
    }
    struct sampler s = {p, 0};
    vs_ledger_each_counter(p->ledger, sample, &s);
}

void machine_epochs(struct vs_platform *p, uint64_t now_ps)
{
    if (!p->options.epoch_ps || now_ps < p->epoch_end_ps) {
        return;
    }
    if (++p->epochs_sampled > EPOCHS) {
        vcpu_refuse(&p->vcpu[0], "--epoch %llu ps: more than %u epochs; give a longer one",
                    (unsigned long long)p->options.epoch_ps, EPOCHS);
    }
    /* nothing happened in those between: they have no rows */
    sample_all(p);
    uint64_t passed = (now_ps - p->epoch_end_ps) / p->options.epoch_ps + 1u;
    p->epoch += passed;
    p->epoch_end_ps += passed * p->options.epoch_ps;
}

/* What is left of the last epoch ends with the run, so that the epochs add up to the counters. */
void machine_epochs_end(struct vs_platform *p)
{
    if (p->options.epoch_ps) {
        machine_epochs(p, p->end_ps);
        p->epoch_end_ps = p->end_ps;
        sample_all(p);
    }
}

void machine_epochs_restart(struct vs_platform *p)
{
    p->n_epochs = 0;
    p->epoch = 0;
    p->epochs_sampled = 0;
    p->epoch_end_ps = p->roi_ps + p->options.epoch_ps;
    if (p->n_epoch_last) {
        memset(p->epoch_last, 0, p->n_epoch_last * sizeof *p->epoch_last);
    }
}

/* ---- moments the guests name ---- */

void machine_mark(struct vs_vcpu *v, const char *name)
{
    struct vs_platform *p = v->p;
    for (size_t i = 0; i < p->n_marks; i++) {
        if (p->mark[i].actor == v->line && !strcmp(p->mark[i].name, name)) {
            p->mark[i].n++;
            return;
        }
    }
    if (p->n_marks == VS_MARKS) {
        vcpu_fail(v, "mark \"%s\": a run has at most %u different ones", name, VS_MARKS);
        return;
    }
    struct vs_mark_sample *m = &p->mark[p->n_marks++];
    *m = (struct vs_mark_sample){.first_ps = vs_now(&v->txn).v, .n = 1, .actor = v->line};
    snprintf(m->name, sizeof m->name, "%s", name);
}

/* The marks that vCPUs have set. */
const struct vs_mark_sample *vs_platform_marks(const struct vs_platform *p, size_t *n)
{
    *n = p->n_marks;
    return p->mark;
}
