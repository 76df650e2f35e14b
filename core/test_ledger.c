/* SPDX-License-Identifier: MIT */
/* Laws of the books: what a charge, a wait, a child, a count, a cut and a journey may and may not
 * do. */
#include "test_ledger.h"

#include "virtsim/rng.h"
#include "virtsim/sim.h"

static void test_clock_is_the_sum_of_its_charges(void **state)
{
    struct fixture *f = *state;
    vs_open(&f->t, VS_OP_WALK);
    vs_charge(&f->t, acc(f, A), (vs_ps){5});
    vs_charge(&f->t, acc(f, B), (vs_ps){7});
    assert_int_equal(vs_now(&f->t).v, 112);
    assert_int_equal(vs_close(&f->t).v, 12);
    const struct vs_op_acc *w = vs_ledger_acc(f->l, f->actor, VS_OP_WALK);
    assert_int_equal(w->total_ps, 12);
    assert_int_equal(w->work[acc(f, A)].ps + w->work[acc(f, B)].ps, 12);
}

static void test_a_child_is_booked_once_and_its_parent_records_its_total(void **state)
{
    struct fixture *f = *state;
    vs_open(&f->t, VS_OP_ACCESS_LOAD);
    vs_charge(&f->t, acc(f, A), (vs_ps){1});
    vs_open(&f->t, VS_OP_WALK);
    vs_charge(&f->t, acc(f, A), (vs_ps){40});
    vs_close(&f->t);
    vs_close(&f->t);
    const struct vs_op_acc *load = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD);
    assert_int_equal(load->total_ps, 41);
    assert_int_equal(load->work[acc(f, A)].ps, 1);
    assert_int_equal(load->n_child, 1);
    assert_int_equal(load->child[0].ps, 40);
}

static void test_a_handler_is_another_actor_than_the_guest(void **state)
{
    struct fixture *f = *state;
    vs_open(&f->t, VS_OP_ACCESS_LOAD);
    vs_charge(&f->t, acc(f, A), (vs_ps){4});
    vs_close(&f->t);
    vs_txn_actor(&f->t, f->host);
    vs_open(&f->t, VS_OP_ACCESS_LOAD);
    vs_charge(&f->t, acc(f, A), (vs_ps){9});
    vs_close(&f->t);
    assert_int_equal(vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD)->total_ps, 4);
    assert_int_equal(vs_ledger_acc(f->l, f->host, VS_OP_ACCESS_LOAD)->total_ps, 9);
}

static void test_a_wait_is_free_once_its_time_has_passed_and_named_before(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_wait_until(&f->t, acc(f, QUEUE), (vs_ps){100}).v, 0);
    assert_int_equal(vs_wait_until(&f->t, acc(f, QUEUE), (vs_ps){101}).v, 1);
    const struct vs_op_acc *line = f->t.frame[0].acc;
    assert_int_equal(line->work[acc(f, QUEUE)].n, 1);
    assert_int_equal(line->work[acc(f, QUEUE)].ps, 1);
}

static void test_slots_make_the_next_one_wait_until_the_first_is_free(void **state)
{
    struct fixture *f = *state;
    struct vs_slots s;
    assert_int_equal(vs_slots_init(&s, 0), VS_E_CONFIG);
    assert_int_equal(vs_slots_init(&s, 2), VS_OK);
    vs_release(&s, vs_acquire(&f->t, acc(f, QUEUE), &s), (vs_ps){150});
    vs_release(&s, vs_acquire(&f->t, acc(f, QUEUE), &s), (vs_ps){130});
    assert_int_equal(f->t.now_ps, 100);
    uint32_t third = vs_acquire(&f->t, acc(f, QUEUE), &s);
    assert_int_equal(f->t.now_ps, 130);
    assert_int_equal(third, 1);
    vs_slots_free(&s);
}

/* Whatever holders say, and however many hold one at a time. */
static void test_the_slot_is_the_one_that_is_free_first_then_the_first(void **state)
{
    struct fixture *f = *state;
    struct vs_rng rng;
    struct vs_txn t; /* a device's, whose clock goes back, too */
    vs_txn_beside(&t, f->l, f->actor);
    vs_rng_seed(&rng, 61, 0);
    for (uint32_t n = 1; n < 40; n++) {
        struct vs_slots s;
        assert_int_equal(vs_slots_init(&s, n), VS_OK);
        for (int i = 0; i < 400; i++) {
            uint32_t first = 0;
            for (uint32_t k = 1; k < n; k++) {
                first = s.busy_until_ps[k] < s.busy_until_ps[first] ? k : first;
            }
            t.now_ps = vs_rng_below(&rng, 60);
            uint64_t busy = s.busy_until_ps[first], now = t.now_ps;
            assert_int_equal(vs_acquire(&t, acc(f, QUEUE), &s), first);
            assert_int_equal(t.now_ps, busy > now ? busy : now);
            uint32_t slot = vs_rng_below(&rng, 4) ? first : (uint32_t)vs_rng_below(&rng, n);
            vs_release(&s, slot, (vs_ps){vs_rng_below(&rng, 60)});
        }
        vs_slots_free(&s);
    }
}

static void test_counted_operations_equal_opened_ones(void **state)
{
    struct fixture *f = *state;
    struct vs_op_acc *one = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD);
    struct vs_op_acc *many = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_STORE);
    for (int i = 0; i < 1000; i++) {
        vs_open(&f->t, VS_OP_ACCESS_LOAD);
        vs_charge(&f->t, acc(f, A), (vs_ps){385});
        vs_close(&f->t);
    }
    vs_count_part(&f->t, many, acc(f, A), 1000, (vs_ps){385});
    vs_count_op(&f->t, many, 1000, (vs_ps){385});
    assert_int_equal(one->n, many->n);
    assert_int_equal(one->total_ps, many->total_ps);
    assert_int_equal(one->min_ps, many->min_ps);
    assert_int_equal(one->max_ps, many->max_ps);
    assert_memory_equal(&one->work[acc(f, A)], &many->work[acc(f, A)], sizeof one->work[0]);
    assert_int_equal(vs_hist_quantile(one->hist, 500), vs_hist_quantile(many->hist, 500));
    assert_int_equal(f->t.now_ps, 100 + 2000 * 385);
}

static void test_exposure_tiles_the_wait_exactly(void **state)
{
    struct fixture *f = *state;
    struct vs_tape tape = {NULL, 0, 0};
    /* an engine at work from 90 to 130, idle to 150, at work to 170 */
    vs__tape_add(&tape, 90, 40, acc(f, A), 1);
    vs__tape_add(&tape, 150, 20, acc(f, B), 1);
    vs_open(&f->t, VS_OP_DMA_READ);
    vs_expose(&f->t, &tape, acc(f, QUEUE), (vs_ps){160});
    assert_int_equal(vs_close(&f->t).v, 60);
    const struct vs_op_acc *d = vs_ledger_acc(f->l, f->actor, VS_OP_DMA_READ);
    assert_int_equal(d->exposed[acc(f, A)].ps, 30);
    assert_int_equal(d->exposed[acc(f, QUEUE)].ps, 20);
    assert_int_equal(d->exposed[acc(f, B)].ps, 10);
    assert_int_equal(d->work[acc(f, A)].ps, 0);
    vs_tape_free(&tape);
}

static void test_a_journey_books_only_when_it_ends(void **state)
{
    struct fixture *f = *state;
    struct vs_op_acc *rx = vs_ledger_acc(f->l, f->actor, VS_OP_PACKET_RX);
    struct vs_journey j, lost;
    vs_journey_begin(&j, (vs_ps){10});
    vs_journey_charge(&j, acc(f, A), (vs_ps){5});
    vs_journey_wait(&j, acc(f, QUEUE), (vs_ps){30});
    vs_journey_wait(&j, acc(f, QUEUE), (vs_ps){30});
    assert_int_equal(rx->n, 0);
    vs_journey_end(&j, rx);
    assert_int_equal(rx->total_ps, 20);
    assert_int_equal(rx->work[acc(f, QUEUE)].ps, 15);
    assert_int_equal(rx->work[acc(f, QUEUE)].n, 1);
    vs_journey_begin(&lost, (vs_ps){20});
    vs_journey_charge(&lost, acc(f, A), (vs_ps){5});
    vs_journey_open(rx);
    assert_int_equal(rx->n, 1);
    assert_int_equal(rx->total_ps, 20);
    assert_int_equal(rx->open_ops, 1);
}

static void test_a_cut_forgets_what_was_and_names_the_rest_of_what_was_under_way(void **state)
{
    struct fixture *f = *state;
    f->hits[0] = 41;
    vs_open(&f->t, VS_OP_HANDLER_CPU_ID);
    vs_charge(&f->t, acc(f, A), (vs_ps){10});
    vs_ledger_cut(f->l);
    vs_charge(&f->t, acc(f, A), (vs_ps){3});
    vs_open(&f->t, VS_OP_WALK);
    vs_charge(&f->t, acc(f, B), (vs_ps){4});
    vs_close(&f->t);
    vs_close(&f->t);
    vs_charge(&f->t, acc(f, A), (vs_ps){6});
    f->hits[0]++;
    const struct vs_op_acc *line = f->t.frame[0].acc,
                           *exit = vs_ledger_acc(f->l, f->actor, VS_OP_HANDLER_CPU_ID);
    assert_int_equal(exit->n, 0);
    assert_int_equal(exit->total_ps, 0);
    vs_txn_end(&f->t);
    assert_int_equal(line->total_ps, 13);
    assert_int_equal(line->work[vs_ledger_accounts(f->l, &vs_sim_desc) + VS_ACC_sim_cut].ps, 7);
    assert_int_equal(line->work[acc(f, A)].ps, 6);
}

static void test_what_is_open_at_the_end_is_timed_but_not_counted(void **state)
{
    struct fixture *f = *state;
    vs_open(&f->t, VS_OP_HANDLER_HALT);
    vs_charge(&f->t, acc(f, A), (vs_ps){10});
    vs_txn_end(&f->t);
    const struct vs_op_acc *hlt = vs_ledger_acc(f->l, f->actor, VS_OP_HANDLER_HALT);
    assert_int_equal(hlt->n, 0);
    assert_int_equal(hlt->open_ops, 1);
    assert_int_equal(hlt->total_ps, 10);
}

static void price(void *ctx, struct vs_txn *t)
{
    struct fixture *f = ctx;
    uint64_t n = f->hits[0];
    struct vs_op_acc *load = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD);
    if (!n) {
        return;
    }
    f->hits[0] = 0;
    vs_count_part(t, load, acc(f, A), n, (vs_ps){4});
    vs_count_op(t, load, n, (vs_ps){4});
}

static void test_counted_hits_are_priced_before_anything_reads_the_clock(void **state)
{
    struct fixture *f = *state;
    f->t.settle = price;
    f->t.settle_ctx = f;
    f->hits[0] = 3;
    assert_int_equal(vs_now(&f->t).v, 112);
    f->hits[0] = 2;
    vs_open(&f->t, VS_OP_WALK); /* the hits before it happened outside it */
    assert_int_equal(f->t.now_ps, 120);
    f->hits[0] = 1;
    assert_int_equal(vs_close(&f->t).v, 4);
    assert_int_equal(vs_ledger_acc(f->l, f->actor, VS_OP_WALK)->child[0].n, 1);
}

static void
test_what_is_charged_beside_counted_hits_leaves_them_until_the_order_matters(void **state)
{
    struct fixture *f = *state;
    struct vs_tape tape = {NULL, 0, 0};
    f->t.settle = price;
    f->t.settle_ctx = f;
    f->t.any_order = true;
    f->hits[0] = 3;
    vs_charge_beside(&f->t, acc(f, A), (vs_ps){10});
    vs_once(&f->t, VS_OP_WALK, acc(f, B), (vs_ps){7});
    assert_int_equal(f->hits[0], 3); /* nobody has priced them */
    assert_int_equal(vs_now(&f->t).v, 129);
    const struct vs_op_acc *walk = vs_ledger_acc(f->l, f->actor, VS_OP_WALK);
    assert_int_equal(walk->n, 1);
    assert_int_equal(walk->total_ps, 7);
    assert_int_equal(walk->work[acc(f, B)].ps, 7);
    assert_int_equal(f->t.acc->n_child, 2); /* the hits and this one: beside each other */
    f->t.tape = &tape;
    f->hits[0] = 1;
    vs_charge_beside(&f->t, acc(f, A), (vs_ps){10});
    assert_int_equal(f->hits[0], 0); /* a tape hears them where they were */
    assert_int_equal(tape.e[tape.n - 1u].start_ps, 133);
    f->hits[0] = 1;
    vs_once(&f->t, VS_OP_WALK, acc(f, B), (vs_ps){7});
    assert_int_equal(tape.e[tape.n - 1u].start_ps, 147);
    f->t.tape = NULL;
    f->t.any_order = false; /* whoever put them off says when they are priced */
    f->hits[0] = 1;
    vs_charge_beside(&f->t, acc(f, A), (vs_ps){10});
    assert_int_equal(f->hits[0], 0);
    vs_tape_free(&tape);
}

static void run_hundred(struct fixture *f)
{
    vs_ledger_sample(f->l, 2);
    for (uint64_t i = 1; i <= 100; i++) {
        vs_open(&f->t, VS_OP_ACCESS_LOAD);
        vs_charge(&f->t, acc(f, A), (vs_ps){i});
        vs_open(&f->t, VS_OP_WALK);
        vs_charge(&f->t, acc(f, B), (vs_ps){2 * i});
        vs_close(&f->t);
        vs_close(&f->t);
    }
}

/* Each span lists its own charges and no others. */
static void sum_span(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    size_t *n = ctx;
    uint64_t sum = 0;
    for (size_t i = 0; i < s->tape.n; i++) {
        sum += s->tape.e[i].ps;
    }
    assert_int_equal(sum, s->total_ps);
    assert_int_equal(s->total_ps, (a->op == VS_OP_WALK ? 2 : 3) * (s->ordinal + 1));
    ++*n;
}

static void test_spans_keep_the_first_ones_and_as_many_later_ones(void **state)
{
    struct fixture *f = *state;
    run_hundred(f);
    size_t n = 0;
    vs_ledger_each_span(f->l, sum_span, &n);
    assert_int_equal(n, 8); /* 2 operations x (2 first + 2 of the reservoir) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(test_clock_is_the_sum_of_its_charges),
        LAW(test_a_child_is_booked_once_and_its_parent_records_its_total),
        LAW(test_a_handler_is_another_actor_than_the_guest),
        LAW(test_a_wait_is_free_once_its_time_has_passed_and_named_before),
        LAW(test_slots_make_the_next_one_wait_until_the_first_is_free),
        LAW(test_the_slot_is_the_one_that_is_free_first_then_the_first),
        LAW(test_counted_operations_equal_opened_ones),
        LAW(test_exposure_tiles_the_wait_exactly),
        LAW(test_a_journey_books_only_when_it_ends),
        LAW(test_a_cut_forgets_what_was_and_names_the_rest_of_what_was_under_way),
        LAW(test_what_is_open_at_the_end_is_timed_but_not_counted),
        LAW(test_counted_hits_are_priced_before_anything_reads_the_clock),
        LAW(test_what_is_charged_beside_counted_hits_leaves_them_until_the_order_matters),
        LAW(test_spans_keep_the_first_ones_and_as_many_later_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
