/* SPDX-License-Identifier: MIT */
/*
 * Law of runs of touches, by a core and by what works on physical addresses, and of a handler's
 * steps, which are runs of touches and instructions: they book, count and leave behind what their
 * touches do one by one, whatever the caches, TLBs and policies are and whoever listens, in pages
 * of one address space and in those that all share.
 */
#include "same_books.h"

#define REGION (1ull << 20) /* behind it nothing is mapped: touches there fault */
#define STEPS 250

static uint64_t one_of(struct vs_rng *rng, const uint64_t *of, uint64_t n)
{
    return of[vs_rng_below(rng, n)];
}

/* Half the time what machines have, which the fast way takes, and sometimes another policy. */
static uint64_t policy(struct vs_rng *rng)
{
    return vs_rng_below(rng, 8) ? (uint64_t)VS_POLICY_LRU : vs_rng_below(rng, 4);
}

/* Caches small enough that a few pages do not fit, and TLBs of few pages. */
static struct guest_machine_config any(struct vs_rng *rng)
{
    static const uint64_t ways[] = {1, 4, 8, 8, 12, 16, 20}, sets[] = {1, 8, 16, 24, 64},
                          entries[] = {4, 8, 32};
    struct guest_machine_config c = guest_machine_defaults();
    c.memory.line = vs_rng_below(rng, 6) ? 64 : 128;
    c.memory.l1d_ways = one_of(rng, ways, 7);
    c.memory.l1i_ways = one_of(rng, ways, 7);
    c.memory.l1d_size = c.memory.l1d_ways * one_of(rng, sets, 5) * c.memory.line;
    c.memory.l1i_size = c.memory.l1i_ways * one_of(rng, sets, 5) * c.memory.line;
    c.memory.l2_ways = one_of(rng, ways, 7);
    c.memory.l2_size = c.memory.l2_ways * 64u * c.memory.line;
    c.memory.llc_ways = one_of(rng, ways, 7);
    c.memory.llc_size = c.memory.llc_ways * 128u * c.memory.line;
    c.memory.l1d_policy = policy(rng);
    c.memory.l1i_policy = policy(rng);
    c.memory.writeback = vs_rng_below(rng, 8) != 0;
    switch (vs_rng_below(rng, 8)) {
    case 0:
        c.memory.llc_inclusive = 1;
        break;
    case 6:
    case 7: /* what misses drives lines out of the first levels */
        c.memory.llc_inclusive = 1;
        c.memory.llc_size = c.memory.llc_ways * 16u * c.memory.line;
        c.memory.l2_size = c.memory.l2_ways * 8u * c.memory.line;
        break;
    case 1:
        c.memory.llc_fill = 1;
        break;
    case 2:
        c.memory.l2_prefetch = 1;
        break;
    case 3:
        c.memory.l1d_refill = 3;
        break;
    default:
        break;
    }
    c.ept.d4k_ways = c.ept.i4k_ways = 4;
    c.ept.d4k_entries = one_of(rng, entries, 3);
    c.ept.i4k_entries = one_of(rng, entries, 3);
    c.ept.d4k_policy = policy(rng);
    c.ept.i4k_policy = policy(rng);
    c.ept.store_entries = vs_rng_below(rng, 3) ? 0 : 8;
    c.ept.store_ways = c.ept.store_entries ? 4 : c.ept.store_ways;
    c.cpu.ipc = 1300;
    c.cpu.window = vs_rng_below(rng, 8) ? 0 : 20;
    c.shared = vs_rng_below(rng, 2) != 0;
    return c;
}

static void assert_same_table(const struct vs_settab *a, const struct vs_settab *b)
{
    size_t n = a->entries;
    assert_int_equal(n, b->entries);
    if (!n) {
        return;
    }
    assert_memory_equal(a->tag, b->tag, n * sizeof *a->tag);
    for (size_t i = 0; i < n; i++) {
        assert_true(a->tag[i] == VS_SETTAB_EMPTY || a->payload[i] == b->payload[i]);
    }
    assert_memory_equal(&a->rng, &b->rng, sizeof a->rng);
    assert_int_equal(a->newest, b->newest);
    if (a->tree) {
        assert_memory_equal(a->tree, b->tree, a->by_sets.n * a->tree_words * sizeof *a->tree);
    }
    if (a->listed) {
        assert_memory_equal(a->next, b->next, (a->ways + 1u) * sizeof *a->next);
    }
}

static void assert_same_cache(const struct vs_memory_cache *a, const struct vs_memory_cache *b)
{
    assert_int_equal(a->lines != NULL, b->lines != NULL);
    if (a->lines) {
        const struct vs_linetab *t = a->lines;
        assert_memory_equal(t->tag, b->lines->tag, t->by_sets.n * t->stride * sizeof *t->tag);
    } else if (a->present) {
        assert_same_table(&a->wide, &b->wide);
    }
}

static void assert_same_state(const struct guest_machine *a, const struct guest_machine *b)
{
    assert_same_cache(&a->core.l1[0], &b->core.l1[0]);
    assert_same_cache(&a->core.l1[1], &b->core.l1[1]);
    assert_same_cache(&a->core.l2, &b->core.l2);
    assert_same_cache(&a->memory.llc, &b->memory.llc);
    const struct vs_memory *m = &a->memory;
    assert_memory_equal(m->open_row, b->memory.open_row,
                        2u * m->by_channels.n * m->by_banks.n * sizeof *m->open_row);
    assert_int_equal(a->core.refilled, b->core.refilled);
    assert_memory_equal(a->core.seen, b->core.seen, sizeof a->core.seen);
    for (uint32_t side = 0; side < 2; side++) {
        const struct vs_l1 *x = side ? &a->cpu.fetch : &a->cpu.data,
                           *y = side ? &b->cpu.fetch : &b->cpu.data;
        for (uint32_t i = 0; i <= x->stores; i++) {
            assert_int_equal(x->tlb[i].last, y->tlb[i].last);
            assert_int_equal(x->tlb[i].last_table, y->tlb[i].last_table);
            for (uint32_t k = 0; k < VS_L1_SIZES; k++) {
                assert_same_table(&x->tlb[i].table[k], &y->tlb[i].table[k]);
            }
        }
    }
    assert_same_table(&a->ept.l2, &b->ept.l2);
    assert_same_table(&a->ept.l2i, &b->ept.l2i);
}

/* A few steps as a handler has them: code, data that is read and written beside it, instructions;
 * some have only one of them. */
#define MOST_STEPS 4u
struct steps {
    struct vs_core_step step[MOST_STEPS];
    struct vs_core_run run[3u * MOST_STEPS];
    size_t n;
};

static void some_steps(struct vs_rng *rng, const uint64_t *hot, uint64_t n_hot, uint16_t account,
                       struct steps *out)
{
    struct vs_core_run *r = out->run;
    uint64_t end[2] = {GUEST_MACHINE_BASE, GUEST_MACHINE_BASE}; /* of data, of code, so far */
    out->n = 1u + vs_rng_below(rng, MOST_STEPS);
    for (size_t i = 0; i < out->n; i++) {
        struct vs_core_step *s = &out->step[i];
        uint64_t at = GUEST_MACHINE_BASE + one_of(rng, hot, n_hot) + vs_rng_below(rng, 3) * 0x300u;
        *s = (struct vs_core_step){.run = r, .account = account};
        for (uint32_t ref = 0; ref < 3u; ref++) {
            uint32_t n = (uint32_t)vs_rng_below(rng, n_hot == 1 ? 8 : 24);
            if (n && vs_rng_below(rng, 4)) {
                uint64_t *last = &end[ref == VS_REF_FETCH];
                at = vs_rng_below(rng, 2) ? at : *last; /* half of them go on */
                *r++ = (struct vs_core_run){at, n, ref};
                *last = at + n * 64u;
                at += n_hot == 1 || vs_rng_below(rng, 3) ? n * 64u : 0x1000u;
            }
        }
        s->n_runs = (uint32_t)(r - s->run);
        s->instructions = vs_rng_below(rng, 3) ? vs_rng_below(rng, 500) : 0;
    }
}

/* How many batches were made at once. */
static uint32_t batches;
static bool (*fast_batch)(struct vs_cpu *c, const struct vs_batch *b);
static bool count_batch(struct vs_cpu *c, const struct vs_batch *b)
{
    bool made = fast_batch(c, b);
    batches += made;
    return made;
}

/* Joined to a batch where nobody looks, as a program joins them. */
static void make_batch(const struct vs_core_port *core, struct vs_txn *t, const struct steps *s)
{
    struct vs_batch b;
    bool joined = core->unwatched(core->ctx) && vs_batch_make(&b, s->step, s->n);
    if (joined) {
        core->batch(core->ctx, t, &b);
        vs_batch_free(&b);
    } else {
        vs_core_steps(core, t, s->step, s->n);
    }
}

/* A kernel's run of touches, which goes on behind what faults; `together` or one by one. */
static void touch_on(struct vs_cpu *c, vs_gva at, uint64_t bytes, enum vs_ref ref, bool together)
{
    const uint64_t step = VS_TOUCH_BYTES;
    for (uint64_t done = 0, more; done < bytes; done += more) {
        vs_gva from = {at.v + done};
        if (together) {
            enum vs_cpu_stop stop = vs_cpu_touches(c, from, bytes - done, step, ref, &more);
            more += stop == VS_CPU_FAULT ? step : 0;
        } else {
            (void)vs_cpu_access(c, from, 8, ref);
            more = step;
        }
    }
}

/* Another address space of the same tables: what is not shared has to be translated anew. */
static void switch_space(struct guest_machine *g, uint64_t pcid)
{
    struct vs_ept_context to = {1, (uint16_t)pcid, g->space.cr3, g->vm.ept_root, 0};
    vs_ept_context(&g->ept, &to);
}

/* Some of what a transition and a handler do, on both machines: the first in runs, the second touch
 * by touch. */
static void step(struct guest_machine *g, struct vs_rng *rng)
{
    static const uint64_t hot[] = {0x0, 0x5000, 0x5f80, 0x9040, 0x20000, 0x41f3};
    uint64_t at = one_of(rng, hot, 6), bytes = vs_rng_below(rng, 3000),
             kind = vs_rng_below(rng, 20);
    struct steps steps;
    /* half of them lie in one page */
    some_steps(rng, hot, vs_rng_below(rng, 2) ? 6 : 1, g[0].cpu.account, &steps);
    enum vs_ref ref = (enum vs_ref)vs_rng_below(rng, 3);
    if (vs_rng_below(rng, 3) == 0) {
        at = vs_rng_below(rng, REGION + 0x1000); /* anywhere, and sometimes behind the end */
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct vs_core_port core = vs_cpu_core_port(&g[i].cpu);
        struct vs_mem_port mem = vs_memory_core_port(&g[i].core);
        vs_gva va = {GUEST_MACHINE_BASE + at};
        vs_hpa pa = {(4u << 20) + at};
        if (i == 1) {
            core.steps = NULL; /* then it is made of touches (port/core.h, port/mem.h) */
            core.touches = NULL;
            mem.touches = NULL;
        }
        if (kind == 0) {
            core.instructions(core.ctx, &g[i].t, bytes);
        } else if (kind == 1) {
            core.touch(core.ctx, &g[i].t, va, ref);
        } else if (kind == 2) {
            vs_txn_settle(&g[i].t);
            vs_mem_touches(&mem, &g[i].t, pa, bytes, ref);
        } else if (kind == 4 || kind == 5 || kind == 6) {
            vs_core_steps(&core, &g[i].t, steps.step, steps.n);
        } else if (kind > 16) {
            touch_on(&g[i].cpu, va, bytes, ref, i == 0);
        } else if (kind == 16) {
            switch_space(&g[i], bytes & 1u);
        } else if (kind > 11) {
            if (i == 0) {
                make_batch(&core, &g[i].t, &steps);
            } else {
                vs_core_steps(&core, &g[i].t, steps.step, steps.n);
            }
        } else if (kind == 3) {
            (void)vs_close(&g[i].t);
            vs_open(&g[i].t, VS_OP_IRQ);
        } else {
            vs_core_touches(&core, &g[i].t, va, bytes, ref);
        }
    }
    assert_int_equal(vs_cpu_now_ps(&g[0].cpu), vs_cpu_now_ps(&g[1].cpu));
}

/* Nobody, spans of each operation, a tape, every access charged by itself. */
enum listener { NOBODY, SPANS, TAPE, EXACT, LISTENERS };

static void count_span(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    uint64_t *sum = ctx;
    *sum = *sum * 31u + s->ordinal + s->start_ps + s->total_ps + a->op;
    for (size_t i = 0; i < s->tape.n; i++) {
        *sum = *sum * 31u + s->tape.e[i].ps + s->tape.e[i].account + s->tape.e[i].depth;
    }
}

static void both_ways(struct vs_rng *rng, enum listener who)
{
    static struct guest_machine g[2];
    static struct vs_tape tape[2];
    struct guest_machine_config cfg = any(rng);
    uint64_t spans[2] = {0, 0};
    for (uint32_t i = 0; i < 2; i++) {
        cfg.one_by_one = i == 1u;
        assert_true(guest_machine_make(&g[i], REGION, &cfg));
        if (who == SPANS) {
            vs_ledger_sample(g[i].ledger, 4);
        }
        g[i].cpu.exact = who == EXACT;
        if (g[i].cpu.fast_batch) {
            fast_batch = g[i].cpu.fast_batch;
            g[i].cpu.fast_batch = count_batch;
        }
        tape[i] = (struct vs_tape){NULL, 0, 0};
        g[i].t.tape = who == TAPE ? &tape[i] : NULL;
        vs_open(&g[i].t, VS_OP_IRQ);
    }
    for (int i = 0; i < STEPS; i++) {
        step(g, rng);
    }
    for (uint32_t i = 0; i < 2; i++) {
        (void)vs_close(&g[i].t);
        vs_ledger_each_span(g[i].ledger, count_span, &spans[i]);
        g[i].t.tape = NULL;
    }
    assert_same_state(&g[0], &g[1]);
    assert_same_books(&g[0], &g[1]);
    assert_int_equal(spans[0], spans[1]);
    assert_true(who != SPANS || spans[0] != 0);
    assert_int_equal(tape[0].n, tape[1].n);
    if (tape[0].n) {
        for (size_t i = 0; i < tape[0].n; i++) { /* field by field: entries have gaps */
            const struct vs_tape_entry *x = &tape[0].e[i], *y = &tape[1].e[i];
            assert_true(x->start_ps == y->start_ps && x->ps == y->ps && x->account == y->account);
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        vs_tape_free(&tape[i]);
        guest_machine_free(&g[i]);
    }
}

static void a_run_of_touches_does_what_its_touches_do(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 31, 0);
    for (uint32_t i = 0; i < 320; i++) {
        both_ways(&rng, i % 2u ? NOBODY : (enum listener)(i / 2u % LISTENERS));
    }
    assert_true(batches > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_of_touches_does_what_its_touches_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
