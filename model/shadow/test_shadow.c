/* SPDX-License-Identifier: MIT */
/*
 * Laws of shadow paging under random edits and accesses: what a processor finds by walking the
 * shadow is compared with a slow walk of the guest's tables. With unsync an answer may be as old as
 * that vCPU's last INVLPG or MOV to CR3; with trap never.
 */
#include "effort.h"
#include "shadow/test_shadow_guest.h"

static void random_edit(struct cpu *c)
{
    struct machine *m = c->m;
    uint64_t what = vs_rng_below(&m->rng, 10), w = vs_rng_below(&m->rng, 2) * 2u;
    uint64_t slot = vs_rng_below(&m->rng, 6);
    if (what < 7) { /* a page: its frame may be one that holds a table */
        uint64_t gfn = vs_rng_below(&m->rng, 8) ? 512u + vs_rng_below(&m->rng, 600)
                                                : 16u + vs_rng_below(&m->rng, 14);
        uint64_t at = m->l1[vs_rng_below(&m->rng, TABLES)] + vs_rng_below(&m->rng, 8) * 3u * 8u;
        edit(c, at, vs_rng_below(&m->rng, 4) ? gfn << 12 | 5u | w : 0);
    } else {
        uint64_t value = m->l1[vs_rng_below(&m->rng, TABLES)] | 5u | w;
        value = what == 8   ? (1u + vs_rng_below(&m->rng, 7)) << 21 | 0x85u | w
                : what == 9 ? 0
                            : value;
        edit(c, m->l2[vs_rng_below(&m->rng, ROOTS)] + slot * 8u, value);
    }
}

static bool remembers_much(const struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus * ROOTS * PAGES; i++) {
        if (m->cpu[i / PAGES / ROOTS].n_old[i / PAGES % ROOTS][i % PAGES] >= HISTORY - 1u) {
            return true;
        }
    }
    return false;
}

static void run(unsigned cpus, uint64_t sync, bool large, uint64_t pages, uint64_t seed,
                uint64_t steps)
{
    struct machine *m = malloc(sizeof *m);
    assert_non_null(m);
    start_many(m, cpus, sync, large, pages, seed);
    for (uint64_t step = 0; step < steps; step++) {
        uint64_t what = vs_rng_below(&m->rng, 100);
        unsigned k = (unsigned)vs_rng_below(&m->rng, PAGES);
        struct cpu *c = &m->cpu[vs_rng_below(&m->rng, cpus)];
        if (remembers_much(m)) {
            for (unsigned i = 0; i < cpus * ROOTS; i++) {
                switch_to(&m->cpu[i / ROOTS], i % ROOTS, false);
            }
        } else if (what < 20) {
            random_edit(c);
        } else if (what < 26) {
            vs_gva at = {va_of(k)};
            vs_shadow_invlpg(&c->s, NULL, at);
            forget(c, c->root, k);
        } else if (what < 28) {
            switch_to(c, (unsigned)vs_rng_below(&m->rng, ROOTS), vs_rng_below(&m->rng, 2) != 0);
        } else {
            check(c, k, vs_rng_below(&m->rng, 3) == 0);
        }
    }
    assert_true(m->checked > steps / 2);
    assert_int_equal(m->elsewhere != 0, cpus > 1);
    if (!sync) {
        assert_int_equal(m->stale, 0);
        for (unsigned i = 0; i < cpus; i++) {
            assert_int_equal(m->cpu[i].s.count[VS_CNT_shadow_unsyncs], 0);
        }
    }
    stop(m);
    free(m);
}

static uint64_t cases(void)
{
    return effort(200000);
}

static void test_every_access_of_a_trapping_guest_is_what_its_tables_say(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(1, 0, seed & 1u, seed < 6 ? 64 : 20, seed, cases() / 24u);
    }
}

static void test_unsync_shows_nothing_older_than_the_last_invalidation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(1, 1, seed & 1u, seed < 6 ? 64 : 20, seed, cases() / 24u);
    }
}

/* What one vCPU's store takes away no other one's TLB may keep. */
static void test_vcpus_that_share_trapping_tables_see_what_the_tables_say(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(2u + seed % 2u, 0, seed & 1u, seed < 6 ? 64 : 24, seed, cases() / 48u);
    }
}

static void
test_vcpus_that_share_tables_out_of_sync_see_nothing_older_than_their_own_invalidation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        run(2u + seed % 2u, 1, seed & 1u, seed < 6 ? 64 : 24, seed, cases() / 48u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_access_of_a_trapping_guest_is_what_its_tables_say),
        cmocka_unit_test(test_unsync_shows_nothing_older_than_the_last_invalidation),
        cmocka_unit_test(test_vcpus_that_share_trapping_tables_see_what_the_tables_say),
        cmocka_unit_test(
            test_vcpus_that_share_tables_out_of_sync_see_nothing_older_than_their_own_invalidation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
