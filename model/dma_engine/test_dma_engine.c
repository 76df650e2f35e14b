/* SPDX-License-Identifier: MIT */
/* Laws of the engine: where it goes, how many are under way, how far apart. */
#include "dma_engine/dma_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READ_PS 500000u
#define WRITE_PS 200000u
#define BASE 0x10000000u

struct world {
    struct vs_ledger *ledger;
    struct vs_dma_engine engine;
    unsigned reads, writes;
    uint64_t asked[4096], at[4096];
    unsigned n, under_way_most;
    uint64_t until[4096];
};

static const struct vs_account_desc accounts[] = {{"fake.way", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, accounts, 1, NULL, 0, 0};

static void seen(struct world *w, struct vs_txn *t, enum vs_op op, uint64_t at, uint64_t ps)
{
    uint16_t account = vs_ledger_accounts(w->ledger, &fake);
    unsigned under_way = 1;
    w->asked[w->n] = t->now_ps;
    w->at[w->n] = at;
    for (unsigned i = 0; i < w->n; i++) {
        under_way += w->until[i] > t->now_ps;
    }
    w->under_way_most = under_way > w->under_way_most ? under_way : w->under_way_most;
    vs_ps d = {ps};
    vs_open(t, op);
    vs_charge(t, account, d);
    vs_close(t);
    w->until[w->n++] = t->now_ps;
}

static bool link_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes, uint64_t *taken_ps)
{
    struct world *w = ctx;
    (void)buf;
    (void)bytes;
    assert_int_equal(requester, 0x310);
    *taken_ps = t->now_ps;
    w->reads++;
    seen(w, t, VS_OP_DMA_READ, at.v, READ_PS);
    return true;
}

static bool link_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes, uint64_t *taken_ps)
{
    struct world *w = ctx;
    (void)buf;
    (void)bytes;
    (void)requester;
    *taken_ps = t->now_ps + 1000;
    w->writes++;
    seen(w, t, VS_OP_DMA_WRITE, at.v, WRITE_PS);
    return true;
}

static void make(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->ledger = vs_ledger_create(1);
    assert_non_null(w->ledger);
    (void)vs_ledger_accounts(w->ledger, &fake);
    struct vs_dma_engine_config c = {11600, 14600, 100} /* 18000 and 21000 with 64 bytes */;
    struct vs_upstream_port link = {.ctx = w, .read = link_read, .write = link_write};
    vs_dma_engine_init(&w->engine, &c, w->ledger, &link);
}

static struct vs_dma_job usual(void)
{
    return (struct vs_dma_job){.requester = 0x310,
                               .at = BASE,
                               .window = 4096,
                               .bytes = 64,
                               .unit = 64,
                               .count = 1000,
                               .outstanding = 1};
}

static void run(struct world *w, struct vs_dma_job *job)
{
    vs_ps at = {1000};
    vs_dma_engine_begin(&w->engine, job, at, 7);
    uint64_t until = 0;
    while (!vs_dma_engine_run(&w->engine, job, until)) {
        assert_true(job->next_ps > until); /* what it says it waits for lies ahead */
        until = job->next_ps;
    }
    assert_int_equal(w->n, job->count);
}

static void so_many_are_under_way_and_no_more(void **state)
{
    (void)state;
    for (unsigned outstanding = 1; outstanding <= 64; outstanding *= 4) {
        struct world w;
        make(&w);
        struct vs_dma_job job = usual();
        job.outstanding = outstanding;
        run(&w, &job);
        unsigned most = READ_PS / 18000 + 1; /* what its own distance allows */
        assert_int_equal(w.under_way_most, outstanding < most ? outstanding : most);
        if (outstanding == 1) {
            assert_int_equal(job.last_ps, 1000 + job.count * (uint64_t)READ_PS);
        }
        vs_ledger_destroy(w.ledger);
    }
}

static void transfers_stay_in_the_window_and_reach_all_of_it(void **state)
{
    (void)state;
    for (unsigned random = 0; random < 2; random++) {
        struct world w;
        make(&w);
        struct vs_dma_job job = usual();
        job.random = random;
        job.offset = 3;
        bool reached[64] = {false};
        run(&w, &job);
        for (unsigned i = 0; i < w.n; i++) {
            assert_true(w.at[i] >= BASE && w.at[i] + 64 <= BASE + 4096);
            assert_int_equal((w.at[i] - BASE) % 64, 3);
            reached[(w.at[i] - BASE) / 64] = true;
            assert_true(random || (w.at[i] - BASE) / 64 == i % 63);
        }
        for (unsigned i = 0; i < 63; i++) { /* the last one would reach beyond it */
            assert_true(reached[i]);
        }
        vs_ledger_destroy(w.ledger);
    }
}

static void transfers_keep_their_distance(void **state)
{
    (void)state;
    for (unsigned op = VS_DMA_READ; op <= VS_DMA_BOTH; op++) {
        for (uint64_t interval = 0; interval <= 50000; interval += 50000) {
            struct world w;
            make(&w);
            struct vs_dma_job job = usual();
            job.op = (enum vs_dma_op)op;
            job.outstanding = 1024;
            job.interval_ps = interval;
            run(&w, &job);
            for (unsigned i = 1; i < w.n; i++) {
                bool write = op == VS_DMA_WRITE || (op == VS_DMA_BOTH && !(i & 1u));
                assert_int_equal(w.asked[i] - w.asked[i - 1], interval ? interval
                                                              : write  ? 21000
                                                                       : 18000);
            }
            assert_int_equal(w.writes, op == VS_DMA_READ ? 0 : op == VS_DMA_WRITE ? 1000 : 500);
            assert_int_equal(w.engine.count[VS_CNT_dma_engine_bytes], 64000);
            vs_ledger_destroy(w.ledger);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_are_under_way_and_no_more),
        cmocka_unit_test(transfers_stay_in_the_window_and_reach_all_of_it),
        cmocka_unit_test(transfers_keep_their_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
