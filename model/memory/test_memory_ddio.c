/* SPDX-License-Identifier: MIT */
/* Laws of what devices write into the LLC: rings that its ways for devices hold never go to memory,
 * longer ones leak, cores keep the other ways, and a line that is there is written where it is. */
#include "memory/test_memory.h"

#define SLICES 3u
#define SETS (SLICES * 64u)
#define WAYS 11u
#define POLICIES 4u
#define AT(n) ((n)*4096ull * SETS) /* lines from which each set has its turn once */

static const uint64_t policies[POLICIES] = {VS_POLICY_LRU, VS_POLICY_FIFO, VS_POLICY_RANDOM,
                                            VS_POLICY_TREE_PLRU};

/* An LLC alone, and a device. */
struct llc {
    struct rig *rig;
    struct vs_memory_dma device;
    struct vs_txn txn;
};

static struct llc *make(uint64_t policy, uint64_t ways, uint64_t io_ways, uint64_t slices)
{
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    cfg.l1d_size = cfg.l1i_size = cfg.l2_size = 0;
    cfg.llc_ways = ways;
    cfg.llc_size = SETS * ways * LINE;
    cfg.llc_policy = policy;
    cfg.llc_slices = slices;
    cfg.ddio_ways = io_ways;
    struct llc *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->rig = rig_create(&cfg, vs_memory_variant[0]);
    vs_memory_dma_init(&l->device, &l->rig->memory);
    vs_txn_begin(&l->txn, l->rig->ledger, vs_ledger_actor(l->rig->ledger, "device"), (vs_ps){0});
    return l;
}

static void destroy(struct llc *l)
{
    vs_txn_end(&l->txn);
    rig_destroy(l->rig);
    free(l);
}

/* Lines that went to memory on behalf of devices and of the core. */
static uint64_t written(const struct llc *l)
{
    return l->device.count[VS_CNT_memory_llc_writebacks] +
           l->rig->core[0].count[VS_CNT_memory_llc_writebacks];
}

/* A device writes n lines, of which so many were there, and reads each, as a forwarded packet is.
 */
static uint64_t round_of(struct llc *l, uint64_t first, uint64_t n)
{
    struct vs_dma_mem_port dma = vs_memory_dma_port(&l->device);
    uint64_t hits = 0;
    for (uint64_t i = 0; i < n; i++) {
        vs_hpa at = {(first + i) * LINE};
        const uint64_t *count = &l->device.count[VS_CNT_memory_dma_llc_hits], before = *count;
        dma.write(dma.ctx, &l->txn, at, NULL, LINE);
        hits += *count - before;
        uint64_t then = *count;
        dma.read(dma.ctx, &l->txn, at, NULL, LINE);
        assert_int_equal(*count - then, 1); /* what was written last is there */
    }
    return hits;
}

static void test_a_ring_that_fits_into_the_ways_stays_out_of_memory(void **state)
{
    (void)state;
    for (size_t p = 0; p < POLICIES; p++) {
        for (uint64_t io = 1; io <= WAYS; io += 5) {
            struct llc *l = make(policies[p], WAYS, io, SLICES);
            assert_int_equal(round_of(l, AT(1), io * SETS), 0);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(round_of(l, AT(1), io * SETS), io * SETS);
            }
            assert_int_equal(written(l), 0);
            destroy(l);
        }
    }
}

/* One way's worth more than fits: under LRU and FIFO each write goes to memory, under the others a
 * part of them, whatever else of the LLC is free. */
static void test_a_longer_ring_leaks(void **state)
{
    (void)state;
    for (size_t p = 0; p < POLICIES; p++) {
        struct llc *l = make(policies[p], WAYS, 2, SLICES);
        bool by_age = policies[p] == VS_POLICY_LRU || policies[p] == VS_POLICY_FIFO;
        (void)round_of(l, AT(1), 3u * SETS);
        uint64_t before = written(l), hits = round_of(l, AT(1), 3u * SETS);
        assert_int_equal(hits + written(l) - before, 3u * SETS);
        assert_true(by_age ? hits == 0 : hits > 0 && hits < 2u * SETS);
        destroy(l);
    }
}

/* Of an LLC with more ways than the packed tables take, too. */
static void test_many_ways_are_limited_alike(void **state)
{
    (void)state;
    struct llc *l = make(VS_POLICY_LRU, 40, 2, 1);
    assert_null(l->rig->memory.llc.lines);
    (void)round_of(l, AT(1), 2u * SETS);
    assert_int_equal(round_of(l, AT(1), 2u * SETS), 2u * SETS);
    (void)round_of(l, AT(4), 3u * SETS);
    assert_int_equal(round_of(l, AT(4), 3u * SETS), 0);
    destroy(l);
}

static void test_cores_keep_the_other_ways(void **state)
{
    (void)state;
    struct llc *l = make(VS_POLICY_LRU, WAYS, 2, SLICES);
    for (uint64_t i = 0; i < (WAYS - 2u) * SETS; i++) {
        (void)load(l->rig, 0, i, VS_REF_READ);
    }
    for (uint64_t i = 1; i < 9; i++) { /* new lines all the time */
        (void)round_of(l, AT(i), 2u * SETS);
    }
    for (uint64_t i = 0; i < (WAYS - 2u) * SETS; i++) {
        assert_int_equal(load(l->rig, 0, i, VS_REF_READ), VS_MEM_LLC);
    }
    destroy(l);
}

/* What a core has brought is written in place, and takes none of the devices' ways; what a device
 * reads from memory takes none at all. */
static void test_lines_that_are_there_are_written_in_place(void **state)
{
    (void)state;
    for (size_t p = 0; p < POLICIES; p++) {
        struct llc *l = make(policies[p], WAYS, 1, SLICES);
        struct vs_dma_mem_port dma = vs_memory_dma_port(&l->device);
        for (uint64_t i = 0; i < 8u * SETS; i++) {
            (void)load(l->rig, 0, i, VS_REF_READ);
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(round_of(l, 0, 8u * SETS), 8u * SETS);
        }
        (void)round_of(l, AT(1), SETS);
        assert_int_equal(round_of(l, AT(1), SETS), SETS);
        for (uint64_t i = 0; i < 4u * SETS; i++) {
            dma.read(dma.ctx, &l->txn, (vs_hpa){((AT(4)) + i) * LINE}, NULL, LINE);
            assert_false(vs__memory_has(&l->rig->memory.llc, (AT(4)) + i));
        }
        assert_int_equal(round_of(l, AT(1), SETS), SETS);
        assert_int_equal(written(l), 0);
        destroy(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ring_that_fits_into_the_ways_stays_out_of_memory),
        cmocka_unit_test(test_a_longer_ring_leaks),
        cmocka_unit_test(test_many_ways_are_limited_alike),
        cmocka_unit_test(test_cores_keep_the_other_ways),
        cmocka_unit_test(test_lines_that_are_there_are_written_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
