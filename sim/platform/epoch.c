/* SPDX-License-Identifier: MIT */
/* Counters over simulated time: their growth within each epoch, sampled when vCPU 0 passes its end.
 */
#include "vcpu.h"

#include <stdlib.h>
#include <string.h>

struct sampler {
    struct vs_platform *p;
    size_t at;
};

static void sample(void *ctx, const char *actor, const struct vs_counter_desc *c, uint64_t value)
{
    struct sampler *s = ctx;
    struct vs_platform *p = s->p;
    size_t i = s->at++;
    if (i >= p->n_epoch_last) {
        uint64_t *grown = realloc(p->epoch_last, (i + 1) * sizeof *grown);
        if (!grown) {
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
            return;
        }
        p->epochs = grown;
        p->cap_epochs = cap;
    }
    p->epochs[p->n_epochs++] = (struct vs_epoch_sample){p->epoch, p->epoch_end_ps, growth,
                                                        vs_ledger_actor(p->ledger, actor), c};
}

static void sample_all(struct vs_platform *p)
{
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        vs_txn_settle(&p->vcpu[i].txn); /* counted hits are counters, too */
    }
    struct sampler s = {p, 0};
    vs_ledger_each_counter(p->ledger, sample, &s);
}

void vs__platform_epochs(struct vs_platform *p, uint64_t now_ps)
{
    while (p->options.epoch_ps && now_ps >= p->epoch_end_ps) {
        sample_all(p);
        p->epoch++;
        p->epoch_end_ps += p->options.epoch_ps;
    }
}

/* What is left of the last epoch ends with the run, so that the epochs add up to the counters. */
void vs__platform_epochs_end(struct vs_platform *p)
{
    if (p->options.epoch_ps) {
        vs__platform_epochs(p, p->end_ps);
        p->epoch_end_ps = p->end_ps;
        sample_all(p);
    }
}

void vs__platform_epochs_restart(struct vs_platform *p)
{
    p->n_epochs = 0;
    p->epoch = 0;
    p->epoch_end_ps = p->roi_ps + p->options.epoch_ps;
    if (p->n_epoch_last) {
        memset(p->epoch_last, 0, p->n_epoch_last * sizeof *p->epoch_last);
    }
}
