/* SPDX-License-Identifier: MIT */
#include "dma_engine/dma_engine.h"

#include <string.h>

#define PAGE 4096u /* that job.page has addresses of */

#define VS_DEF_NAME dma_engine
#define VS_DEF_FILE "dma_engine/dma_engine.def"
#include "virtsim/def_tables.h"

/* Makes an engine behind a link. */
void vs_dma_engine_init(struct vs_dma_engine *e, const struct vs_dma_engine_config *c,
                        struct vs_ledger *ledger, const struct vs_upstream_port *link)
{
    memset(e, 0, sizeof *e);
    e->cfg = *c;
    e->link = *link;
    e->account = vs_ledger_accounts(ledger, &vs_dma_engine_desc);
    uint16_t actor = vs_ledger_actor(ledger, "nic0/engine");
    vs_txn_beside(&e->dma, ledger, actor);
    vs_ledger_counters(ledger, actor, &vs_dma_engine_desc, e->count);
}

void vs_dma_engine_begin(struct vs_dma_engine *e, struct vs_dma_job *job, vs_ps at, uint64_t seed)
{
    memset(e->busy_until_ps, 0, sizeof e->busy_until_ps);
    job->done = job->refused = 0;
    job->first_ps = job->next_ps = job->last_ps = at.v;
    vs_rng_seed(&job->rng, seed, 0);
}

/* Where the next transfer goes. */
static uint64_t place(struct vs_dma_job *job)
{
    uint64_t units = (job->window - job->offset - job->bytes) / job->unit + 1u,
             unit = job->random ? vs_rng_below(&job->rng, units) : job->done % units;
    return job->at + unit * job->unit + job->offset;
}

/* The first of so many that are under way to end. */
static uint64_t *earliest(struct vs_dma_engine *e, uint32_t outstanding)
{
    uint64_t *first = e->busy_until_ps;
    for (uint32_t i = 1; i < outstanding && *first; i++) {
        first = e->busy_until_ps[i] < *first ? &e->busy_until_ps[i] : first;
    }
    return first;
}

/* The transfer over the link; where its pages do not lie in a row, a piece of it after the other is
 * asked for. False: the host blocked some of it. */
static bool ask(struct vs_dma_engine *e, const struct vs_dma_job *job, bool write, uint64_t at,
                uint64_t *taken)
{
    struct vs_txn *t = &e->dma;
    bool good = true;
    uint64_t end = t->now_ps;
    for (uint64_t done = 0, piece; done < job->bytes; done += piece) {
        uint64_t in = (at + done) & (PAGE - 1u);
        piece = job->page && job->bytes - done > PAGE - in ? PAGE - in : job->bytes - done;
        vs_iova to = {job->page ? job->page[(at + done) / PAGE] + in : at + done};
        t->now_ps = *taken;
        good = (write ? e->link.write(e->link.ctx, t, job->requester, to, NULL, piece, taken)
                      : e->link.read(e->link.ctx, t, job->requester, to, NULL, piece, taken)) &&
               good;
        end = t->now_ps > end ? t->now_ps : end;
    }
    t->now_ps = end;
    return good;
}

/* One transfer is begun now; the slot is busy until it is over, the engine until its least distance
 * is. */
static void transfer(struct vs_dma_engine *e, struct vs_dma_job *job, uint64_t *slot,
                     uint64_t now_ps)
{
    uint64_t at = place(job);
    bool write = job->op == VS_DMA_WRITE || (job->op == VS_DMA_BOTH && (job->done & 1u));
    uint64_t taken = now_ps, gap = write ? e->cfg.write_interval : e->cfg.read_interval;
    struct vs_txn *t = &e->dma;
    t->now_ps = now_ps;
    bool good = ask(e, job, write, at, &taken);
    e->count[VS_CNT_dma_engine_transfers]++;
    e->count[VS_CNT_dma_engine_bytes] += good ? job->bytes : 0;
    e->count[VS_CNT_dma_engine_refused] += !good;
    job->refused += !good;
    *slot = write ? taken : t->now_ps; /* a posted write is over when the link has it */
    gap += job->bytes * e->cfg.byte;
    gap = gap > job->interval_ps ? gap : job->interval_ps;
    job->next_ps = now_ps + gap > taken ? now_ps + gap : taken;
    job->last_ps = t->now_ps > job->last_ps ? t->now_ps : job->last_ps;
    job->done++;
}

bool vs_dma_engine_run(struct vs_dma_engine *e, struct vs_dma_job *job, uint64_t until_ps)
{
    e->dma.prefix = job->prefix;
    while (job->done < job->count) {
        uint64_t *slot = earliest(e, job->outstanding);
        uint64_t now = *slot > job->next_ps ? *slot : job->next_ps;
        job->next_ps = now;
        if (now > until_ps) {
            e->dma.prefix = 0;
            return false;
        }
        transfer(e, job, slot, now);
    }
    e->dma.prefix = 0;
    e->count[VS_CNT_dma_engine_time] += (job->last_ps - job->first_ps) / 1000u;
    return true;
}
