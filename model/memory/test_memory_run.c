/* SPDX-License-Identifier: MIT */
/* Law of a run of lines: whatever the caches are and whatever the host's vector unit, it does what
 * its accesses do one by one without one. */
#include "effort.h"
#include "memory/test_memory.h"

static uint64_t one_of(struct vs_rng *rng, const uint64_t *of, uint64_t n)
{
    return of[vs_rng_below(rng, n)];
}

/* Small caches of every shape the path knows, and of shapes that it takes line by line. */
static struct vs_memory_config any(struct vs_rng *rng)
{
    static const uint64_t ways[] = {1, 3, 8, 11, 16, 20}, sets[] = {1, 4, 5, 8, 64},
                          channels[] = {1, 2, 3, 6};
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    cfg.l1d_ways = cfg.l1i_ways = one_of(rng, ways, 6);
    cfg.l1d_size = cfg.l1i_size = cfg.l1d_ways * one_of(rng, sets, 5) * LINE;
    cfg.l2_ways = one_of(rng, ways, 6);
    cfg.l2_size = cfg.l2_ways * one_of(rng, sets, 5) * LINE;
    cfg.llc_ways = one_of(rng, ways, 6);
    cfg.llc_size = cfg.llc_ways * one_of(rng, sets, 5) * LINE;
    cfg.dram_channels = one_of(rng, channels, 4);
    cfg.dram_banks = 4;
    cfg.dram_row = 512;
    cfg.dram_page = vs_rng_below(rng, 4) == 0;
    cfg.nodes = vs_rng_below(rng, 4) == 0 ? 2 : 1;
    switch (vs_rng_below(rng, 12)) { /* mostly the usual */
    case 0:
        cfg.llc_inclusive = 1;
        break;
    case 1:
        cfg.writeback = 0;
        break;
    case 2:
        cfg.l2_policy = VS_POLICY_TREE_PLRU;
        break;
    case 3:
        cfg.llc_fill = 1;
        break;
    case 4:
        cfg.llc_size = 0;
        break;
    case 5:
        cfg.l2_size = 0;
        break;
    case 6:
        cfg.l1d_size = cfg.l1i_size = 0;
        break;
    default:
        break;
    }
    return cfg;
}

static void assert_same(const struct rig *a, const struct rig *b, const uint8_t *x,
                        const uint8_t *y, uint32_t n)
{
    assert_memory_equal(x, y, n);
    for (int core = 0; core < 2; core++) {
        assert_memory_equal(a->core[core].counts, b->core[core].counts,
                            sizeof a->core[core].counts);
    }
}

static void runs_and_accesses(struct vs_rng *rng, const char *variant)
{
    struct vs_memory_config cfg = any(rng);
    struct rig *a = rig_create(&cfg, variant), *b = rig_create(&cfg, "plain");
    if (cfg.nodes > 1) {
        vs_memory_place(&a->memory, 1u << 21, 0);
        vs_memory_place(&b->memory, 1u << 21, 0);
    }
    for (int i = 0; i < 300; i++) {
        enum vs_ref ref = (enum vs_ref)vs_rng_below(rng, 3);
        uint32_t n = 1u + (uint32_t)vs_rng_below(rng, VS_LINE_RUN);
        uint64_t line = (1u << 14) - 300u + vs_rng_below(rng, 400),
                 step = vs_rng_below(rng, 3) ? 1u : vs_rng_below(rng, 9),
                 core = vs_rng_below(rng, 2);
        uint8_t x[VS_LINE_RUN], y[VS_LINE_RUN];
        uint64_t answered[VS_LINE_LEVELS] = {0}, levels[VS_LINE_LEVELS] = {0};
        const struct vs_line_port *p = &a->side[core][ref == VS_REF_FETCH].lines;
        if (vs_rng_below(rng, 4)) {
            p->run(p->ctx, line, n, step, ref, x, answered);
        } else {
            for (uint32_t k = 0; k < n; k++) {
                x[k] = (uint8_t)load(a, (int)core, line + k * step, ref);
                answered[x[k]]++;
            }
        }
        for (uint32_t k = 0; k < n; k++) {
            y[k] = (uint8_t)load(b, (int)core, line + k * step, ref);
            levels[y[k]]++;
        }
        assert_same(a, b, x, y, n);
        assert_memory_equal(answered, levels, sizeof levels);
    }
    rig_destroy(a);
    rig_destroy(b);
}

static void test_a_run_does_what_its_accesses_do(void **state)
{
    (void)state;
    for (size_t v = 0; v < VS_MEMORY_VARIANTS; v++) {
        struct vs_rng rng;
        vs_rng_seed(&rng, 7, v);
        for (uint64_t i = effort(300); i; i--) {
            runs_and_accesses(&rng, vs_memory_variant[v]);
        }
    }
}

/* A device's write of a line that the LLC holds, in one search and in two: whether it holds it. */
static bool hits(struct rig *r, uint64_t line, bool at_once)
{
    struct vs_memory *m = &r->memory;
    uint64_t *count = r->core[0].count;
    if (at_once) {
        return m->hit_llc(m, count, line);
    }
    bool there = vs__memory_has(&m->llc, line);
    if (there) {
        m->into_llc(m, count, line);
    }
    return there;
}

/* A line leaves all cores, at once and cache by cache: whether one had it dirty. */
static bool leaves(struct rig *r, uint64_t line, uint64_t *dropped, bool at_once)
{
    bool dirty = false;
    if (at_once) {
        return r->memory.snoop_out(&r->memory, line, dropped);
    }
    for (int core = 0; core < 2; core++) {
        struct vs_memory_core *c = &r->core[core];
        bool data = vs__memory_drop(&c->l1[0], line, &dirty),
             code = vs__memory_drop(&c->l1[1], line, &dirty),
             second = vs__memory_drop(&c->l2, line, &dirty);
        *dropped += data || code || second;
    }
    return dirty;
}

static void writes_of_devices(struct vs_rng *rng, const char *variant)
{
    struct vs_memory_config cfg = any(rng);
    uint64_t sets = cfg.llc_size / cfg.llc_ways / LINE;
    cfg.llc_hash = sets > 1u && vs__memory_power_of_two(sets) && vs_rng_below(rng, 2);
    struct rig *a = rig_create(&cfg, variant), *b = rig_create(&cfg, "plain");
    for (int i = 0; i < 600; i++) {
        enum vs_ref ref = (enum vs_ref)vs_rng_below(rng, 3);
        uint64_t line = vs_rng_below(rng, 300), dropped[2] = {0, 0};
        int core = (int)vs_rng_below(rng, 2);
        switch (vs_rng_below(rng, 4)) {
        case 0:
            assert_int_equal(hits(a, line, true), hits(b, line, false));
            break;
        case 1:
            assert_int_equal(leaves(a, line, &dropped[0], true),
                             leaves(b, line, &dropped[1], false));
            assert_int_equal(dropped[0], dropped[1]);
            break;
        default:
            assert_int_equal(load(a, core, line, ref), load(b, core, line, ref));
            break;
        }
        assert_memory_equal(a->core[core].counts, b->core[core].counts,
                            sizeof a->core[core].counts);
    }
    rig_destroy(a);
    rig_destroy(b);
}

static void test_a_device_writes_in_one_search_what_it_does_in_two(void **state)
{
    (void)state;
    for (size_t v = 0; v < VS_MEMORY_VARIANTS; v++) {
        struct vs_rng rng;
        vs_rng_seed(&rng, 8, v);
        for (uint64_t i = effort(300); i; i--) {
            writes_of_devices(&rng, vs_memory_variant[v]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_does_what_its_accesses_do),
        cmocka_unit_test(test_a_device_writes_in_one_search_what_it_does_in_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
