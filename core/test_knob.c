/* SPDX-License-Identifier: MIT */
/* Laws of the knob store and the histogram. */
#include "virtsim/hist.h"
#include "virtsim/knob.h"
#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct toy {
    uint64_t entries, policy, latency, on;
};
static const struct vs_knob_desc knobs[] = {
    {"toy.tlb.entries", VS_KNOB_NUM, 64, 1, 1536, "entries", NULL, VS_GRADE_documented, "manual",
     "", offsetof(struct toy, entries)},
    {"toy.tlb.policy", VS_KNOB_CHOICE, 0, 0, 255, "choice", "lru|random|fifo", VS_GRADE_assumed,
     "guess", "", offsetof(struct toy, policy)},
    {"toy.tlb.latency", VS_KNOB_PS, 7, 0, 1000000, "ps", NULL, VS_GRADE_measured, "table 3", "",
     offsetof(struct toy, latency)},
    {"toy.tlb.on", VS_KNOB_FLAG, 1, 0, 1, "flag", NULL, VS_GRADE_assumed, "guess", "",
     offsetof(struct toy, on)},
};
static const struct vs_component_desc toy = {"toy", knobs, 4, NULL, 0, NULL, 0, sizeof(struct toy)};
static const struct vs_component_desc *const all[] = {&toy};

static void test_numbers_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"1536", 1536},        {"0x600", 1536},
                {"4K", 4096},          {"4KiB", 4096},
                {"3M", 3u << 20},      {"1GB", 1u << 30},
                {"1.5M", 1572864},     {"1e6", 1000000},
                {"2GiB", 1ull << 31},  {"18446744073709551615", UINT64_MAX},
                {"0100M", 100u << 20}, {"08", 8},
                {"010", 10},           {"00", 0},
                {"0X1f", 31}};
    static const char *const bad[] = {
        "", "-1", "4Q", "x", "1.3", "0x", "1e30", "4 K", "0x1g", "00x10", "18446744073709551616"};
    uint64_t v;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(vs_parse_number(good[i].text, &v));
        assert_int_equal(v, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(vs_parse_number(bad[i], &v));
    }
}

static void test_every_mistake_of_a_request_is_reported_with_what_would_be_right(void **state)
{
    (void)state;
    struct vs_knobs *k = vs_knobs_create(all, 1);
    struct vs_errors e = {NULL, 0};
    struct vs_origin cli = {VS_RANK_CLI, "--set", "command line", VS_GRADE_assumed};
    assert_int_equal(vs_knobs_set(k, "toy.tlb.entris", "1", &cli, &e), VS_E_UNKNOWN);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.entries", "1537", &cli, &e), VS_E_BOUNDS);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.policy", "plru", &cli, &e), VS_E_INPUT);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.entries", "1536", &cli, &e), VS_OK);
    assert_int_equal(e.n, 3);
    assert_non_null(strstr(e.text[0], "did you mean 'toy.tlb.entries'"));
    assert_non_null(strstr(e.text[1], "1..1536"));
    assert_non_null(strstr(e.text[2], "lru|random|fifo"));
    vs_errors_free(&e);
    vs_knobs_destroy(k);
}

static void test_a_lower_rank_never_overwrites_a_higher_one(void **state)
{
    (void)state;
    struct vs_knobs *k = vs_knobs_create(all, 1);
    struct vs_origin cli = {VS_RANK_CLI, "--set", "command line", VS_GRADE_assumed};
    struct vs_origin machine = {VS_RANK_MACHINE, "machine m", "datasheet", VS_GRADE_documented};
    assert_int_equal(vs_knobs_set(k, "toy.tlb.latency", "2ns", &cli, NULL), VS_OK);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.latency", "3", &machine, NULL), VS_OK);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.policy", "fifo", &machine, NULL), VS_OK);
    struct toy cfg;
    vs_knobs_load(k, &toy, &cfg);
    assert_int_equal(cfg.latency, 2000);
    assert_int_equal(cfg.policy, 2);
    assert_int_equal(cfg.entries, 64);
    const struct vs_knob *knob = vs_knobs_find(k, "toy.tlb.policy");
    assert_string_equal(knob->source, "datasheet");
    assert_int_equal(knob->grade, VS_GRADE_documented);
    char text[32];
    assert_string_equal(vs_knob_text(knob, text, sizeof text), "fifo");
    vs_knobs_destroy(k);
}

static void set(struct vs_knobs *k, const char *path, const char *text, enum vs_status want)
{
    struct vs_origin cli = {VS_RANK_CLI, "--set", "command line", VS_GRADE_assumed};
    struct vs_errors e = {NULL, 0};
    assert_int_equal(vs_knobs_set(k, path, text, &cli, &e), want);
    assert_int_equal(e.n, want != VS_OK);
    vs_errors_free(&e);
}

static void test_bounds_belong_to_the_range_and_the_last_of_equals_wins(void **state)
{
    (void)state;
    struct vs_knobs *k = vs_knobs_create(all, 1);
    const struct vs_knob *entries = vs_knobs_find(k, "toy.tlb.entries"),
                         *latency = vs_knobs_find(k, "toy.tlb.latency"),
                         *policy = vs_knobs_find(k, "toy.tlb.policy");
    set(k, "toy.tlb.entries", "1536", VS_OK);
    set(k, "toy.tlb.entries", "1", VS_OK);
    assert_int_equal(entries->value, 1);
    set(k, "toy.tlb.entries", "0", VS_E_BOUNDS);
    assert_int_equal(entries->value, 1);
    set(k, "toy.tlb.latency", "1us", VS_OK);
    assert_int_equal(latency->value, 1000000);
    set(k, "toy.tlb.latency", "0.5ns", VS_OK);
    assert_int_equal(latency->value, 500);
    set(k, "toy.tlb.latency", "0.5ps", VS_E_INPUT);
    set(k, "toy.tlb.policy", "random", VS_OK);
    assert_int_equal(policy->value, 1);
    set(k, "toy.tlb.policy", "fif", VS_E_INPUT); /* a part of a name is none */
    set(k, "toy.tlb.policy", "fifos", VS_E_INPUT);
    set(k, "toy.tlb.policy", "", VS_E_INPUT);
    assert_int_equal(policy->value, 1);
    vs_knobs_destroy(k);
}

/* A value without a source of its own stays as well known as the declaration says. */
static void test_a_grade_goes_with_the_source_that_was_given(void **state)
{
    (void)state;
    struct vs_knobs *k = vs_knobs_create(all, 1);
    struct vs_errors e = {NULL, 0};
    struct vs_origin silent = {VS_RANK_CLI, "--set", NULL, VS_GRADE_derived},
                     cited = {VS_RANK_CLI, "--set", "datasheet", VS_GRADE_derived};
    const struct vs_knob *latency = vs_knobs_find(k, "toy.tlb.latency");
    assert_int_equal(vs_knobs_set(k, "toy.tlb.latency", "8", &silent, &e), VS_OK);
    assert_int_equal(latency->grade, VS_GRADE_measured);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.latency", "8", &cited, &e), VS_OK);
    assert_int_equal(latency->grade, VS_GRADE_derived);
    vs_knobs_destroy(k);
}

static void test_a_component_is_loaded_with_what_was_set_and_defaults_elsewhere(void **state)
{
    (void)state;
    struct vs_knobs *k = vs_knobs_create(all, 1), *none = vs_knobs_create(all, 0);
    struct toy config;
    set(k, "toy.tlb.entries", "128", VS_OK);
    memset(&config, 0xff, sizeof config);
    vs_knobs_load(k, &toy, &config);
    assert_int_equal(config.entries, 128);
    assert_int_equal(config.latency, 7);
    memset(&config, 0xff, sizeof config);
    vs_knobs_load(none, &toy, &config); /* a store that knows nothing of it */
    assert_int_equal(config.entries, 64);
    assert_int_equal(config.on, 1);
    vs_knobs_destroy(none);
    vs_knobs_destroy(k);
}

static void test_a_path_exists_once(void **state)
{
    (void)state;
    static const struct vs_knob_desc twice = {
        "toy.tlb.on", VS_KNOB_FLAG, 0, 0, 1, "flag", NULL, VS_GRADE_assumed, "guess", "", 0};
    struct vs_knobs *k = vs_knobs_create(all, 1);
    assert_int_equal(vs_knobs_add(k, &twice), VS_E_CONFIG);
    assert_int_equal(vs_knobs_count(k), 4);
    vs_knobs_destroy(k);
}

static void test_added_knobs_stand_in_the_order_of_paths(void **state)
{
    (void)state;
    static const struct vs_knob_desc added[] = {
        {"toy.tlb.m", VS_KNOB_FLAG, 1, 0, 1, "flag", NULL, VS_GRADE_assumed, "guess", "", 0},
        {"a.first", VS_KNOB_FLAG, 1, 0, 1, "flag", NULL, VS_GRADE_assumed, "guess", "", 0},
        {"z.last", VS_KNOB_FLAG, 1, 0, 1, "flag", NULL, VS_GRADE_assumed, "guess", "", 0}};
    struct vs_knobs *k = vs_knobs_create(all, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vs_knobs_add(k, &added[i]), VS_OK);
    }
    assert_int_equal(vs_knobs_count(k), 7);
    for (size_t i = 1; i < vs_knobs_count(k); i++) {
        assert_true(strcmp(vs_knobs_at(k, i - 1)->desc->path, vs_knobs_at(k, i)->desc->path) < 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(vs_knobs_find(k, added[i].path)->desc, &added[i]);
    }
    vs_knobs_destroy(k);
}

/* A component that a machine has several of: what is set for one, for all, and at which rank. */
static void test_one_instance_has_what_is_set_for_it_unless_a_higher_rank_sets_all(void **state)
{
    (void)state;
    static const char *const several[] = {"toy", NULL}, *const none[] = {NULL};
    struct vs_errors e = {NULL, 0};
    struct vs_origin machine = {VS_RANK_MACHINE, "machine", NULL, VS_GRADE_assumed},
                     run = {VS_RANK_CLI, "--set", NULL, VS_GRADE_assumed};
    struct vs_knobs *k = vs_knobs_create(all, 1), *copy = vs_knobs_create(all, 1);
    struct toy c;
    assert_int_equal(vs_knobs_set(k, "toy1.tlb.entries", "9", &run, &e), VS_E_UNKNOWN);
    vs_knobs_numbered(several);
    assert_int_equal(vs_knobs_set(k, "toy1.tlb.entries", "9999", &run, &e), VS_E_BOUNDS);
    assert_int_equal(vs_knobs_set(k, "toy1.tlb.entry", "9", &run, &e), VS_E_UNKNOWN);
    assert_int_equal(vs_knobs_set(k, "toy12.tlb.entries", "9", &run, &e), VS_E_UNKNOWN);
    vs_errors_free(&e);
    assert_int_equal(vs_knobs_set(k, "toy1.tlb.entries", "9", &machine, &e), VS_OK);
    assert_int_equal(vs_knobs_set(k, "toy.tlb.latency", "5", &machine, &e), VS_OK);
    assert_int_equal(vs_knobs_copy(copy, k), VS_OK);
    for (unsigned i = 0; i < 2; i++) { /* the store, and its copy */
        vs_knobs_load_instance(i ? copy : k, &toy, 1, &c);
        assert_int_equal(c.entries, 9);
        assert_int_equal(c.latency, 5);
        vs_knobs_load_instance(i ? copy : k, &toy, 0, &c);
        assert_int_equal(c.entries, 64);
        vs_knobs_load(i ? copy : k, &toy, &c);
        assert_int_equal(c.entries, 64);
    }
    assert_int_equal(vs_knobs_set(k, "toy.tlb.entries", "17", &run, &e), VS_OK);
    vs_knobs_load_instance(k, &toy, 1, &c);
    assert_int_equal(c.entries, 17);
    assert_int_equal(vs_knobs_set(k, "toy1.tlb.entries", "3", &run, &e), VS_OK);
    vs_knobs_load_instance(k, &toy, 1, &c);
    assert_int_equal(c.entries, 3);
    assert_int_equal(e.n, 0);
    vs_knobs_numbered(none);
    vs_knobs_destroy(k);
    vs_knobs_destroy(copy);
}

static void test_quantiles_are_within_one_per_cent(void **state)
{
    (void)state;
    struct vs_hist *h = vs_hist_create();
    for (uint64_t v = 1; v <= 1000000; v++) {
        vs_hist_add(h, v, 1);
    }
    for (uint32_t q = 1; q < 1000; q++) {
        double want = q * 1000.0, got = (double)vs_hist_quantile(h, q);
        assert_true(got > want * 0.99 && got < want * 1.01);
    }
    vs_hist_destroy(h);
}

static void test_every_value_falls_into_the_bucket_whose_bounds_hold_it(void **state)
{
    (void)state;
    struct vs_rng r;
    vs_rng_seed(&r, 1, 2);
    for (int i = 0; i < 200000; i++) {
        uint64_t v = vs_rng_next(&r) >> (vs_rng_next(&r) & 63);
        uint32_t b = vs_hist_bucket(v);
        assert_true(b < VS_HIST_BUCKETS);
        assert_true(vs_hist_low(b) <= v);
        assert_true(b + 1 == VS_HIST_BUCKETS || v < vs_hist_low(b + 1));
    }
}

static void test_values_counted_by_the_caller_are_the_same_as_added_ones(void **state)
{
    (void)state;
    struct vs_rng r;
    vs_rng_seed(&r, 3, 4);
    struct vs_hist *one = vs_hist_create(), *many = vs_hist_create();
    unsigned counted = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t least = vs_rng_next(&r) >> (1 + vs_rng_below(&r, 63));
        uint64_t most = least + (least >> vs_rng_below(&r, 8));
        uint64_t values[] = {least, least + (most - least) / 2, most};
        struct vs_hist_octave o = vs_hist_octave_of(many, most);
        assert_true(o.least <= most && most <= o.most && o.counter);
        bool together = vs_hist_bucket(least) / VS_HIST_SUB == vs_hist_bucket(most) / VS_HIST_SUB;
        assert_true((least >= o.least) == together);
        counted += together;
        for (int k = 0; k < 3; k++) {
            vs_hist_add(one, values[k], 1);
            if (together) {
                o.counter[values[k] >> o.shift & (VS_HIST_SUB - 1)]++;
                many->n++;
            } else {
                vs_hist_add(many, values[k], 1);
            }
        }
    }
    assert_true(counted > 1000 && counted < 20000);
    for (uint32_t o = 0; o < VS_HIST_BUCKETS / VS_HIST_SUB; o++) {
        assert_true(!one->octave[o] == !many->octave[o]);
        assert_true(!one->octave[o] ||
                    !memcmp(one->octave[o], many->octave[o], VS_HIST_SUB * sizeof *one->octave[o]));
    }
    assert_int_equal(one->n, many->n);
    vs_hist_destroy(one);
    vs_hist_destroy(many);
}

/* Below 128 ps every value has a bucket of its own, so that quantiles are those of the values. */
static void test_a_quantile_is_the_least_value_with_that_share_at_or_below_it(void **state)
{
    (void)state;
    struct vs_rng r;
    vs_rng_seed(&r, 5, 6);
    struct vs_hist *h = vs_hist_create();
    for (int round = 0; round < 200; round++) {
        uint64_t count[VS_HIST_SUB] = {0}, n = 1 + vs_rng_below(&r, 40);
        vs_hist_clear(h);
        assert_int_equal(h->n, 0);
        assert_int_equal(vs_hist_quantile(h, 500), 0);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t v = vs_rng_below(&r, VS_HIST_SUB);
            count[v]++;
            vs_hist_add(h, v, 1);
        }
        for (uint32_t q = 1; q <= 1000; q += 37) {
            uint64_t v = 0, below = count[0];
            while (below * 1000u < n * q) {
                below += count[++v];
            }
            assert_int_equal(vs_hist_quantile(h, q), v);
        }
    }
    vs_hist_destroy(h);
}

static void test_a_bucket_is_reported_as_its_middle(void **state)
{
    (void)state;
    for (uint32_t b = 0; b + 1 < VS_HIST_BUCKETS; b++) {
        uint64_t low = vs_hist_low(b), width = vs_hist_low(b + 1) - low;
        assert_int_equal(vs_hist_mid(b), low + width / 2u);
    }
}

/* Outputs of Blackman and Vigna's reference code: splitmix64 from 1234567, xoshiro256** from the
 * state 1, 2, 3, 4. */
static void test_random_numbers_are_those_of_the_published_generators(void **state)
{
    (void)state;
    static const uint64_t split[] = {6457827717110365317u, 3203168211198807973u,
                                     9817491932198370423u, 4593380528125082431u,
                                     16408922859458223821u},
                          star[] = {11520u,
                                    0u,
                                    1509978240u,
                                    1215971899390074240u,
                                    1216172134540287360u,
                                    607988272756665600u,
                                    16172922978634559625u,
                                    8476171486693032832u,
                                    10595114339597558777u,
                                    2904607092377533576u};
    uint64_t x = 1234567;
    struct vs_rng r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof split / sizeof split[0]; i++) {
        assert_int_equal(vs_splitmix(&x), split[i]);
    }
    for (size_t i = 0; i < sizeof star / sizeof star[0]; i++) {
        assert_int_equal(vs_rng_next(&r), star[i]);
    }
}

static void test_units_and_bounded_numbers_fill_their_range_evenly(void **state)
{
    (void)state;
    struct vs_rng r;
    vs_rng_seed(&r, 7, 8);
    unsigned eighth[8] = {0}, below[8] = {0};
    for (int i = 0; i < 80000; i++) {
        eighth[(unsigned)(vs_rng_unit(&r) * 8)]++;
        below[vs_rng_below(&r, 8)]++;
    }
    for (int k = 0; k < 8; k++) {
        assert_in_range(eighth[k], 9500, 10500);
        assert_in_range(below[k], 9500, 10500);
    }
}

static void test_streams_of_one_seed_differ_and_repeat(void **state)
{
    (void)state;
    struct vs_rng a, b, c;
    vs_rng_seed(&a, 1, 0);
    vs_rng_seed(&b, 1, 0);
    vs_rng_seed(&c, 1, 1);
    uint64_t x = vs_rng_next(&a);
    assert_int_equal(x, vs_rng_next(&b));
    assert_int_not_equal(x, vs_rng_next(&c));
    for (int i = 0; i < 1000; i++) {
        assert_true(vs_rng_below(&a, 10) < 10);
        double u = vs_rng_unit(&a);
        assert_true(u >= 0 && u < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_read_as_people_write_them),
        cmocka_unit_test(test_every_mistake_of_a_request_is_reported_with_what_would_be_right),
        cmocka_unit_test(test_a_lower_rank_never_overwrites_a_higher_one),
        cmocka_unit_test(test_bounds_belong_to_the_range_and_the_last_of_equals_wins),
        cmocka_unit_test(test_a_grade_goes_with_the_source_that_was_given),
        cmocka_unit_test(test_a_component_is_loaded_with_what_was_set_and_defaults_elsewhere),
        cmocka_unit_test(test_a_path_exists_once),
        cmocka_unit_test(test_added_knobs_stand_in_the_order_of_paths),
        cmocka_unit_test(test_one_instance_has_what_is_set_for_it_unless_a_higher_rank_sets_all),
        cmocka_unit_test(test_quantiles_are_within_one_per_cent),
        cmocka_unit_test(test_a_quantile_is_the_least_value_with_that_share_at_or_below_it),
        cmocka_unit_test(test_a_bucket_is_reported_as_its_middle),
        cmocka_unit_test(test_random_numbers_are_those_of_the_published_generators),
        cmocka_unit_test(test_units_and_bounded_numbers_fill_their_range_evenly),
        cmocka_unit_test(test_every_value_falls_into_the_bucket_whose_bounds_hold_it),
        cmocka_unit_test(test_values_counted_by_the_caller_are_the_same_as_added_ones),
        cmocka_unit_test(test_streams_of_one_seed_differ_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
