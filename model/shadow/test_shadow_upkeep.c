/* SPDX-License-Identifier: MIT */
/* Laws of upkeep: when tables come back in line, when they go, and what goes with them. */
#include "shadow/test_shadow.h"

/* Two address spaces: page 0 of each is mapped by a table of its own, page `SHARED` of both by one
 * that they share; the guest reaches its tables through large pages at `TABLES`. */
#define SHARED (2ull << 21)
#define TABLES (8ull << 21)
#define ROOT(k) (CR3 + (uint64_t)(k)*0x10000u)
#define OWN(k) (ROOT(k) + 0x3000u)
#define BOTH 0x80000ull
#define PAGE (1024ull << 12 | 0x67u)

static void begin(struct machine *m, uint64_t sync, uint64_t roots, uint64_t batch)
{
    start(m, 12, sync, 0);
    m->mmu.cfg.roots = roots;
    m->mmu.cfg.batch = batch;
    m->mmu.cfg.prefetch = 1;
    for (unsigned k = 0; k < 4; k++) {
        poke(m, ROOT(k), (ROOT(k) + 0x1000u) | 7u);
        poke(m, ROOT(k) + 0x1000u, (ROOT(k) + 0x2000u) | 7u);
        poke(m, ROOT(k) + 0x2000u, OWN(k) | 7u);
        poke(m, ROOT(k) + 0x2000u + 16u, BOTH | 7u);
        poke(m, ROOT(k) + 0x2000u + 64u, 0xe7u);
        for (unsigned i = 0; i < 16; i++) {
            poke(m, OWN(k) + i * 8u, PAGE + (16u * k + i) * 4096ull);
            poke(m, BOTH + i * 8u, PAGE + (100u + i) * 4096ull);
        }
    }
    assert_true(vs_shadow_cr3(&m->s, NULL, ROOT(0), false));
}

static enum vs_shadow_result fault(struct machine *m, uint64_t gva, bool write)
{
    uint32_t error = USER_ERROR | (write ? WRITE_ERROR : 0);
    return vs_shadow_fault(&m->s, NULL, gva, &error);
}

/* The third of three stores without a fault through the table between them. */
static void test_a_table_goes_at_the_store_that_floods_it(void **state)
{
    (void)state;
    for (unsigned used = 0; used < 2; used++) {
        struct machine m;
        begin(&m, 0, 4, 1);
        m.mmu.cfg.flood = 3;
        assert_int_equal(fault(&m, 0, true), VS_SHADOW_RETRY);
        for (uint64_t i = 1; i <= 3; i++) {
            if (used && i == 3) { /* the guest uses what the table maps */
                assert_int_equal(fault(&m, 4096 * 9, false), VS_SHADOW_RETRY);
            }
            assert_int_equal(m.s.count[VS_CNT_shadow_floods], 0);
            assert_int_equal(fault(&m, TABLES + OWN(0) + i * 8u, true), VS_SHADOW_EMULATED);
        }
        assert_int_equal(m.s.count[VS_CNT_shadow_floods], !used);
        stop(&m);
    }
}

static void test_invlpg_brings_the_group_around_its_page_in_line(void **state)
{
    (void)state;
    for (uint64_t batch = 1; batch <= 16; batch *= 4) {
        struct machine m;
        begin(&m, 1, 4, batch);
        for (uint64_t i = 0; i < 16; i++) {
            assert_int_equal(fault(&m, i << 12, true), VS_SHADOW_RETRY);
        }
        assert_int_equal(fault(&m, TABLES + OWN(0), true), VS_SHADOW_RETRY); /* out of sync */
        for (uint64_t i = 0; i < 16; i++) {
            poke(&m, OWN(0) + i * 8u, 0);
        }
        vs_shadow_invlpg(&m.s, NULL, (vs_gva){6u << 12});
        assert_int_equal(m.s.count[VS_CNT_shadow_compared], batch);
        assert_int_equal(m.s.count[VS_CNT_shadow_changed], batch);
        stop(&m);
    }
}

/* In line with stores again and again, a table is on the list of those out of sync but once. */
static void test_a_table_is_listed_once(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, 1, 4, 512);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(fault(&m, 0, true), VS_SHADOW_RETRY);
        assert_int_equal(fault(&m, TABLES + OWN(0), true), VS_SHADOW_RETRY);
        vs_shadow_invlpg(&m.s, NULL, (vs_gva){0});
        assert_int_equal(m.s.count[VS_CNT_shadow_syncs], i + 1);
        assert_int_equal(m.mmu.n_unsynced, 1);
    }
    stop(&m);
}

/* Both address spaces have their own table, and the shared one, out of sync. */
static void both_out_of_sync(struct machine *m)
{
    begin(m, 1, 4, 1);
    for (unsigned k = 0; k < 2; k++) {
        assert_true(vs_shadow_cr3(&m->s, NULL, ROOT(k), true));
        assert_int_equal(fault(m, 0, true), VS_SHADOW_RETRY);
        assert_int_equal(fault(m, SHARED, true), VS_SHADOW_RETRY);
    }
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(fault(m, TABLES + OWN(k), true), VS_SHADOW_RETRY);
    }
    assert_int_equal(fault(m, TABLES + BOTH, true), VS_SHADOW_RETRY);
    assert_int_equal(m->s.count[VS_CNT_shadow_unsyncs], 3);
    assert_int_equal(m->s.count[VS_CNT_shadow_syncs], 0);
    memset(m->flushed, 0, sizeof m->flushed);
}

static void test_a_mov_to_cr3_brings_in_line_what_its_root_leads_to(void **state)
{
    (void)state;
    struct machine m;
    both_out_of_sync(&m);
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(0), true)); /* kept, as it was */
    assert_int_equal(m.s.count[VS_CNT_shadow_syncs], 0);
    assert_int_equal(m.flushed[VS_SHADOW_FLUSH_VCPU] + m.flushed[VS_SHADOW_FLUSH_MACHINE], 0);
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(0), false));
    assert_int_equal(m.s.count[VS_CNT_shadow_syncs], 2);
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(1), false));
    assert_int_equal(m.s.count[VS_CNT_shadow_syncs], 3);
    stop(&m);
    /* a root that is new here is brought in line whatever bit 63 says */
    both_out_of_sync(&m);
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(2), true)); /* nothing below it is there yet */
    assert_int_equal(m.flushed[VS_SHADOW_FLUSH_VCPU] + m.flushed[VS_SHADOW_FLUSH_MACHINE], 1);
    struct vs_shadow other; /* a vCPU that finds the tables of another one */
    vs_shadow_init(&other, &m.mmu, &m.s.core, &m.s.port);
    assert_true(vs_shadow_cr3(&other, NULL, ROOT(0), true));
    assert_int_equal(other.count[VS_CNT_shadow_syncs], 2);
    stop(&m);
}

static void test_an_invalidation_of_all_brings_every_kept_root_in_line(void **state)
{
    (void)state;
    struct machine m;
    both_out_of_sync(&m);
    vs_shadow_invalidate(&m.s, NULL);
    assert_int_equal(m.s.count[VS_CNT_shadow_syncs], 3);
    stop(&m);
}

/* The root that goes takes the tables along that nothing else leads to, and no other. */
static void test_an_evicted_root_takes_its_own_tables_along(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, 1, 2, 1);
    uint32_t free_before = m.mmu.n_free;
    assert_int_equal(fault(&m, 0, true), VS_SHADOW_RETRY);
    assert_int_equal(fault(&m, SHARED, true), VS_SHADOW_RETRY);
    assert_int_equal(free_before - m.mmu.n_free, 4); /* of levels 3, 2 and 1 twice */
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(1), false));
    assert_int_equal(fault(&m, SHARED, true), VS_SHADOW_RETRY);
    uint64_t made = m.s.count[VS_CNT_shadow_pages_made];
    assert_int_equal(made, 1 + 4 + 1 + 2); /* its level 1 was there */
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(2), false));
    assert_int_equal(m.s.count[VS_CNT_shadow_evicted], 1);
    assert_int_equal(m.s.count[VS_CNT_shadow_pages_zapped], 1 + 3);
    assert_true(vs_shadow_cr3(&m.s, NULL, ROOT(1), false));
    uint64_t faults = m.s.count[VS_CNT_shadow_fills];
    assert_int_equal(fault(&m, SHARED + 4096, false), VS_SHADOW_RETRY);
    assert_int_equal(m.s.count[VS_CNT_shadow_fills], faults + 1);
    assert_int_equal(m.s.count[VS_CNT_shadow_pages_made], made + 1); /* the third one's root */
    stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_goes_at_the_store_that_floods_it),
        cmocka_unit_test(test_invlpg_brings_the_group_around_its_page_in_line),
        cmocka_unit_test(test_a_table_is_listed_once),
        cmocka_unit_test(test_a_mov_to_cr3_brings_in_line_what_its_root_leads_to),
        cmocka_unit_test(test_an_invalidation_of_all_brings_every_kept_root_in_line),
        cmocka_unit_test(test_an_evicted_root_takes_its_own_tables_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
