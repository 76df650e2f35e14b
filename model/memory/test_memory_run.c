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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_run_does_what_its_accesses_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
