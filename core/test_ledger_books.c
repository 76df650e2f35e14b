/* SPDX-License-Identifier: MIT */
/* Laws of what is read from the books: after a cut, of tapes and journeys, of sampled spans. */
#include "test_ledger.h"

#include "virtsim/rng.h"

#include <stdio.h>

static void charge_one(struct fixture *f, enum vs_op op, uint64_t d)
{
    vs_open(&f->t, op);
    vs_charge(&f->t, acc(f, A), (vs_ps){d});
    vs_close(&f->t);
}

/* ---- operations and their parents ---- */

static void test_an_unfinished_child_is_no_number_of_its_parents(void **state)
{
    struct fixture *f = *state;
    vs_open(&f->t, VS_OP_HANDLER_HALT);
    charge_one(f, VS_OP_WALK, 4);
    vs_open(&f->t, VS_OP_WALK);
    vs_charge(&f->t, acc(f, A), (vs_ps){10});
    vs_txn_end(&f->t);
    const struct vs_op_acc *hlt = vs_ledger_acc(f->l, f->actor, VS_OP_HANDLER_HALT);
    assert_int_equal(hlt->n_child, 1);
    assert_int_equal(hlt->child[0].n, 1); /* the one that ended */
    assert_int_equal(hlt->child[0].ps, 14);
}

static void test_what_turns_out_to_be_another_operation_takes_its_charges_along(void **state)
{
    struct fixture *f = *state;
    struct vs_booked b = {.n_parts = 0};
    vs_open(&f->t, VS_OP_ACCESS_LOAD);
    vs_charge(&f->t, acc(f, A), (vs_ps){5});
    vs_charge(&f->t, acc(f, A), (vs_ps){5});
    vs_charge(&f->t, acc(f, B), (vs_ps){1});
    vs_booked_part(&b, acc(f, A), (vs_ps){5});
    vs_booked_part(&b, acc(f, A), (vs_ps){5});
    vs_booked_part(&b, acc(f, B), (vs_ps){1});
    assert_int_equal(vs_close_as(&f->t, VS_OP_ACCESS_FAULTED, &b).v, 11);
    const struct vs_op_acc *load = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD),
                           *faulted = vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_FAULTED);
    assert_int_equal(load->work[acc(f, A)].n, 0);
    assert_int_equal(load->work[acc(f, A)].ps, 0);
    assert_int_equal(faulted->work[acc(f, A)].n, 2);
    assert_int_equal(faulted->work[acc(f, A)].ps, 10);
    assert_int_equal(faulted->work[acc(f, B)].n, 1);
    assert_int_equal(load->n, 0);
    assert_int_equal(faulted->n, 1);
}

/* ---- a cut ---- */

static void value_is(void *ctx, const char *actor, const struct vs_counter_desc *c, uint64_t value)
{
    (void)c;
    assert_string_equal(actor, "vcpu0/guest");
    *(uint64_t *)ctx = value;
}

static void test_nothing_before_a_cut_is_in_the_books_after_it(void **state)
{
    struct fixture *f = *state;
    struct vs_tape tape = {NULL, 0, 0};
    uint64_t hits = 0;
    vs_ledger_sample(f->l, 2);
    f->hits[0] = 41;
    vs_open(&f->t, VS_OP_HANDLER_CPU_ID);
    charge_one(f, VS_OP_WALK, 3);
    vs__tape_add(&tape, vs_now(&f->t).v, 4, acc(f, B), 1);
    vs_expose(&f->t, &tape, acc(f, QUEUE), (vs_ps){f->t.now_ps + 6});
    vs_close(&f->t);
    vs_ledger_cut(f->l);
    f->hits[0] += 2;
    vs_open(&f->t, VS_OP_HANDLER_CPU_ID);
    vs_charge(&f->t, acc(f, A), (vs_ps){1000});
    vs_close(&f->t);
    const struct vs_op_acc *exit = vs_ledger_acc(f->l, f->actor, VS_OP_HANDLER_CPU_ID);
    assert_int_equal(exit->n, 1);
    assert_int_equal(exit->n_child, 0);
    assert_int_equal(exit->exposed[acc(f, B)].n, 0);
    assert_int_equal(exit->exposed[acc(f, B)].ps, 0);
    assert_int_equal(exit->min_ps, 1000);
    assert_int_equal(exit->hist->n, 1);
    assert_true(vs_hist_quantile(exit->hist, 1) > 900);
    vs_ledger_each_counter(f->l, value_is, &hits);
    assert_int_equal(hits, 2);
    vs_tape_free(&tape);
}

static void first_span(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    uint64_t *start = ctx;
    if (a->op == VS_OP_WALK && s->ordinal == 0) {
        *start = s->start_ps;
    }
}

static void test_sampling_begins_again_at_a_cut(void **state)
{
    struct fixture *f = *state;
    uint64_t start = 0;
    vs_ledger_sample(f->l, 1);
    charge_one(f, VS_OP_WALK, 3);
    vs_ledger_cut(f->l);
    charge_one(f, VS_OP_WALK, 5);
    vs_ledger_each_span(f->l, first_span, &start);
    assert_int_equal(start, 103);
}

static void test_a_region_begins_when_the_last_of_its_lines_does(void **state)
{
    struct fixture *f = *state;
    struct vs_txn other;
    vs_txn_begin(&other, f->l, vs_ledger_actor(f->l, "vcpu1"), (vs_ps){40});
    vs_ledger_cut(f->l); /* lines at 100 and at 40 */
    assert_int_equal(vs_ledger_cut_ps(f->l), 100);
    vs_txn_end(&other);
}

/* ---- reading ---- */

struct seen {
    char text[200];
    const struct vs_ledger *l;
};

static void note(void *ctx, const struct vs_op_acc *a)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%s:%s ", vs_ledger_actor_name(s->l, a->actor),
             vs_op_name((enum vs_op)a->op));
}

static void test_books_are_read_by_actors_name_and_operation_whoever_came_first(void **state)
{
    struct fixture *f = *state;
    struct seen s = {"", f->l};
    uint16_t late = vs_ledger_actor(f->l, "iommu0");
    vs_txn_actor(&f->t, f->host);
    charge_one(f, VS_OP_WALK, 1);
    vs_txn_actor(&f->t, late);
    charge_one(f, VS_OP_WALK, 1);
    vs_txn_actor(&f->t, f->actor);
    charge_one(f, VS_OP_WALK, 1);
    charge_one(f, VS_OP_ACCESS_LOAD, 1);
    vs_journey_open(vs_ledger_acc(f->l, f->host, VS_OP_PACKET_RX)); /* counted, without time */
    vs_txn_end(&f->t);
    vs_ledger_each(f->l, note, &s);
    assert_string_equal(s.text, "iommu0:walk vcpu0:timeline vcpu0/guest:access.load "
                                "vcpu0/guest:walk vcpu0/host:walk vcpu0/host:packet.rx ");
}

static void test_a_mean_outside_what_single_operations_took_does_not_balance(void **state)
{
    struct fixture *f = *state;
    char why[200] = "";
    charge_one(f, VS_OP_WALK, 10);
    charge_one(f, VS_OP_WALK, 20);
    struct vs_op_acc *w = vs_ledger_acc(f->l, f->actor, VS_OP_WALK);
    vs_txn_end(&f->t);
    assert_int_equal(vs_ledger_unbalanced(f->l, why, sizeof why), 0);
    w->max_ps = 14; /* the mean is 15 */
    assert_int_equal(vs_ledger_unbalanced(f->l, why, sizeof why), 1);
    assert_non_null(strstr(why, "walk"));
    w->max_ps = 20;
    w->min_ps = 16;
    assert_int_equal(vs_ledger_unbalanced(f->l, why, sizeof why), 1);
    w->min_ps = 10;
}

/* ---- tapes and journeys ---- */

static void test_what_ends_as_the_wait_begins_or_begins_as_it_ends_is_no_part_of_it(void **state)
{
    struct fixture *f = *state;
    struct vs_tape tape = {NULL, 0, 0};
    vs__tape_add(&tape, 90, 10, acc(f, A), 1);
    vs__tape_add(&tape, 120, 5, acc(f, B), 1);
    vs_open(&f->t, VS_OP_DMA_READ);
    vs_expose(&f->t, &tape, acc(f, QUEUE), (vs_ps){120});
    vs_close(&f->t);
    const struct vs_op_acc *d = vs_ledger_acc(f->l, f->actor, VS_OP_DMA_READ);
    assert_int_equal(d->exposed[acc(f, A)].n, 0);
    assert_int_equal(d->exposed[acc(f, B)].n, 0);
    assert_int_equal(d->exposed[acc(f, QUEUE)].n, 1);
    assert_int_equal(d->exposed[acc(f, QUEUE)].ps, 20);
    vs_tape_free(&tape);
}

static void test_a_tape_hears_waits_and_counted_work_like_any_charge(void **state)
{
    struct fixture *f = *state;
    struct vs_tape engine = {NULL, 0, 0}, tape = {NULL, 0, 0};
    vs__tape_add(&engine, 100, 7, acc(f, A), 1);
    f->t.tape = &tape;
    vs_expose(&f->t, &engine, acc(f, QUEUE), (vs_ps){110});
    vs_count_part(&f->t, vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD), acc(f, B), 4,
                  (vs_ps){5});
    vs_count_op(&f->t, vs_ledger_acc(f->l, f->actor, VS_OP_ACCESS_LOAD), 4, (vs_ps){5});
    f->t.tape = NULL;
    const struct vs_tape_entry want[] = {{100, 7, acc(f, A), 1},
                                         {107, 3, acc(f, QUEUE), 1},
                                         {110, 20, acc(f, B), 2}}; /* one deeper: an operation's */
    assert_int_equal(tape.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tape.e[i].start_ps, want[i].start_ps);
        assert_int_equal(tape.e[i].ps, want[i].ps);
        assert_int_equal(tape.e[i].account, want[i].account);
        assert_int_equal(tape.e[i].depth, want[i].depth);
    }
    vs_tape_free(&engine);
    vs_tape_free(&tape);
}

static void test_a_journeys_parts_keep_number_and_kind(void **state)
{
    struct fixture *f = *state;
    struct vs_op_acc *rx = vs_ledger_acc(f->l, f->actor, VS_OP_PACKET_RX);
    struct vs_tape tape = {NULL, 0, 0};
    struct vs_journey j;
    vs__tape_add(&tape, 30, 10, acc(f, A), 1);
    vs_journey_begin(&j, (vs_ps){10});
    vs_journey_charge(&j, acc(f, A), (vs_ps){5});
    vs_journey_charge(&j, acc(f, A), (vs_ps){15});
    vs_journey_expose(&j, &tape, acc(f, QUEUE), (vs_ps){40});
    vs_journey_end(&j, rx);
    vs_journey_begin(&j, (vs_ps){100});
    vs_journey_charge(&j, acc(f, A), (vs_ps){50});
    vs_journey_end(&j, rx);
    assert_int_equal(rx->work[acc(f, A)].n, 3);
    assert_int_equal(rx->work[acc(f, A)].ps, 70);
    assert_int_equal(rx->exposed[acc(f, A)].n, 1);
    assert_int_equal(rx->exposed[acc(f, A)].ps, 10);
    assert_int_equal(rx->min_ps, 30);
    assert_int_equal(rx->max_ps, 50);
    assert_int_equal(rx->hist->n, 2);
    vs_tape_free(&tape);
}

/* Whichever accounts, in whatever order, and however many charges: few enough to be kept as they
 * come, or so many that those of one account become one. */
static void test_a_journey_books_each_charge_once(void **state)
{
    struct vs_rng rng;
    (void)state;
    vs_rng_seed(&rng, 5, 0);
    for (int round = 0; round < 200; round++) {
        static const uint16_t account[] = {0, 1, 2, 31, 32, 33, 63, 64, 96, 97, 127, 160};
        uint64_t n[2][161] = {{0}}, sum[2][161] = {{0}}, now = 10;
        struct vs_part work[161] = {{0, 0}}, exposes[161] = {{0, 0}};
        struct vs_op_acc acc = {.work = work, .exposed = exposes, .hist = vs_hist_create()};
        struct vs_tape tape = {NULL, 0, 0};
        struct vs_journey j;
        vs_journey_begin(&j, (vs_ps){now});
        for (uint64_t i = 0, all = vs_rng_below(&rng, 400); i < all; i++) {
            uint16_t a = account[vs_rng_below(&rng, sizeof account / sizeof *account)];
            bool exposed = vs_rng_below(&rng, 2);
            uint64_t d = 1u + vs_rng_below(&rng, 9);
            if (exposed) {
                vs_tape_clear(&tape);
                vs__tape_add(&tape, now, d, a, 1);
                vs_journey_expose(&j, &tape, 0, (vs_ps){now + d});
            } else {
                vs_journey_charge(&j, a, (vs_ps){d});
            }
            n[exposed][a]++;
            sum[exposed][a] += d;
            now += d;
        }
        assert_int_equal(j.now_ps, now);
        vs_journey_end(&j, &acc);
        assert_int_equal(acc.n, 1);
        assert_int_equal(acc.total_ps, now - 10);
        for (unsigned i = 0; i < 161; i++) {
            assert_int_equal(work[i].n, n[0][i]);
            assert_int_equal(work[i].ps, sum[0][i]);
            assert_int_equal(exposes[i].n, n[1][i]);
            assert_int_equal(exposes[i].ps, sum[1][i]);
        }
        vs_hist_destroy(acc.hist);
        vs_tape_free(&tape);
    }
}

/* A tape with gaps, overlaps and charges of no length is exposed alike where there is room for all
 * of its pieces and where there may be none. */
static void test_a_tape_is_exposed_alike_in_an_empty_and_a_full_journey(void **state)
{
    struct vs_rng rng;
    (void)state;
    vs_rng_seed(&rng, 6, 0);
    for (int round = 0; round < 2000; round++) {
        struct vs_part work[2][8] = {{{0, 0}}}, exposes[2][8] = {{{0, 0}}};
        struct vs_tape tape = {NULL, 0, 0};
        struct vs_journey j[2];
        uint64_t at = vs_rng_below(&rng, 20), from = 10, until = vs_rng_below(&rng, 120);
        for (uint64_t i = vs_rng_below(&rng, 20); i; i--) {
            uint64_t d = vs_rng_below(&rng, 6), back = vs_rng_below(&rng, 8) == 0;
            vs__tape_add(&tape, at, d, (uint16_t)vs_rng_below(&rng, 7), 1);
            at += vs_rng_below(&rng, 4) ? d : d + vs_rng_below(&rng, 5);
            at -= back && at ? 1u : 0;
        }
        for (int full = 0; full < 2; full++) {
            struct vs_op_acc acc = {
                .work = work[full], .exposed = exposes[full], .hist = vs_hist_create()};
            vs_journey_begin(&j[full], (vs_ps){from});
            for (uint32_t i = 0; full && i + 1u < VS_JOURNEY_PIECES; i++) {
                vs_journey_charge(&j[full], 7, (vs_ps){0});
            }
            vs_journey_expose(&j[full], &tape, 7, (vs_ps){until});
            assert_int_equal(j[full].now_ps, until > from ? until : from);
            vs_journey_end(&j[full], &acc);
            vs_hist_destroy(acc.hist);
        }
        assert_memory_equal(exposes[0], exposes[1], sizeof exposes[0]);
        vs_tape_free(&tape);
    }
}

/* ---- spans ---- */

struct spans {
    enum vs_op op;
    uint64_t n, ordinal[8], start[8], total[8], sum[8];
};

static void collect(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    struct spans *k = ctx;
    if (a->op != k->op) {
        return;
    }
    assert_true(k->n < 8);
    k->ordinal[k->n] = s->ordinal;
    k->start[k->n] = s->start_ps;
    k->total[k->n] = s->total_ps;
    k->sum[k->n] = 0;
    for (size_t i = 0; i < s->tape.n; i++) {
        k->sum[k->n] += s->tape.e[i].ps;
    }
    k->n++;
}

/* Of three operations one slot keeps the first; the reservoir's keeps the second or the third, each
 * for about half of the seeds. */
static void test_every_later_operation_is_as_likely_to_be_kept(void **state)
{
    (void)state;
    unsigned second = 0, third = 0;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        struct fixture f = {.l = vs_ledger_create(seed)};
        struct spans k = {.op = VS_OP_WALK};
        f.base = vs_ledger_accounts(f.l, &toy);
        vs_txn_begin(&f.t, f.l, vs_ledger_actor(f.l, "vcpu0"), (vs_ps){0});
        vs_ledger_sample(f.l, 1);
        for (int i = 0; i < 3; i++) {
            charge_one(&f, VS_OP_WALK, 1);
        }
        vs_ledger_each_span(f.l, collect, &k);
        assert_int_equal(k.n, 2);
        assert_int_equal(k.ordinal[0], 0);
        second += k.ordinal[1] == 1;
        third += k.ordinal[1] == 2;
        vs_txn_end(&f.t);
        vs_ledger_destroy(f.l);
    }
    assert_int_equal(second + third, 64);
    assert_in_range(second, 20, 44); /* three standard deviations are 12 */
}

static void test_an_operation_inside_one_of_its_kind_leaves_the_outer_span_alone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 32; seed++) {
        struct fixture f = {.l = vs_ledger_create(seed)};
        struct spans k = {.op = VS_OP_WALK};
        f.base = vs_ledger_accounts(f.l, &toy);
        vs_txn_begin(&f.t, f.l, vs_ledger_actor(f.l, "vcpu0"), (vs_ps){0});
        vs_ledger_sample(f.l, 1);
        charge_one(&f, VS_OP_WALK, 1);
        vs_open(&f.t, VS_OP_WALK); /* the reservoir's first */
        vs_charge(&f.t, acc(&f, A), (vs_ps){5});
        charge_one(&f, VS_OP_WALK, 3);
        vs_charge(&f.t, acc(&f, A), (vs_ps){2});
        vs_close(&f.t);
        vs_ledger_each_span(f.l, collect, &k);
        assert_int_equal(k.n, 2);
        assert_int_equal(k.ordinal[1], 1);
        assert_int_equal(k.start[1], 1);
        assert_int_equal(k.total[1], 10);
        assert_int_equal(k.sum[1], 10);
        vs_txn_end(&f.t);
        vs_ledger_destroy(f.l);
    }
}

static void test_an_operation_that_turned_out_another_gives_its_place_back(void **state)
{
    struct fixture *f = *state;
    struct spans loads = {.op = VS_OP_ACCESS_LOAD}, faulted = {.op = VS_OP_ACCESS_FAULTED};
    vs_ledger_sample(f->l, 1);
    for (uint64_t i = 0; i < 2; i++) {
        struct vs_booked b = {.n_parts = 0};
        vs_open(&f->t, VS_OP_ACCESS_LOAD);
        vs_charge(&f->t, acc(f, A), (vs_ps){7 + i});
        vs_booked_part(&b, acc(f, A), (vs_ps){7 + i});
        vs_close_as(&f->t, VS_OP_ACCESS_FAULTED, &b);
    }
    charge_one(f, VS_OP_ACCESS_LOAD, 3);
    vs_ledger_each_span(f->l, collect, &loads);
    vs_ledger_each_span(f->l, collect, &faulted);
    assert_int_equal(loads.n, 1);
    assert_int_equal(loads.ordinal[0], 0);
    assert_int_equal(loads.sum[0], 3);
    assert_int_equal(faulted.n, 2);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(faulted.ordinal[i], i);
        assert_int_equal(faulted.total[i], 7 + i);
        assert_int_equal(faulted.sum[i], 7 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(test_an_unfinished_child_is_no_number_of_its_parents),
        LAW(test_what_turns_out_to_be_another_operation_takes_its_charges_along),
        LAW(test_nothing_before_a_cut_is_in_the_books_after_it),
        LAW(test_sampling_begins_again_at_a_cut),
        LAW(test_a_region_begins_when_the_last_of_its_lines_does),
        LAW(test_books_are_read_by_actors_name_and_operation_whoever_came_first),
        LAW(test_a_mean_outside_what_single_operations_took_does_not_balance),
        LAW(test_what_ends_as_the_wait_begins_or_begins_as_it_ends_is_no_part_of_it),
        LAW(test_a_tape_hears_waits_and_counted_work_like_any_charge),
        LAW(test_a_journeys_parts_keep_number_and_kind),
        cmocka_unit_test(test_a_journey_books_each_charge_once),
        cmocka_unit_test(test_a_tape_is_exposed_alike_in_an_empty_and_a_full_journey),
        cmocka_unit_test(test_every_later_operation_is_as_likely_to_be_kept),
        cmocka_unit_test(test_an_operation_inside_one_of_its_kind_leaves_the_outer_span_alone),
        LAW(test_an_operation_that_turned_out_another_gives_its_place_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
