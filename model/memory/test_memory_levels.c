/* SPDX-License-Identifier: MIT */
/* Law of the levels: caches, whose lines are written back or vanish, inclusive or not, devices'
 * lines and open rows do what lists of lines do that are searched from end to end. */
#include "memory/test_memory.h"

#define MOST 512u
#define CORES 2u

/* The first line is the one that stays longest. */
struct list {
    uint64_t ways, sets, n;
    bool fifo;
    struct entry {
        uint64_t line;
        bool dirty, device;
    } of[MOST];
};

struct simple {
    const struct vs_memory_config *cfg;
    uint64_t bytes;
    bool limit; /* of devices' lines: an LLC of one large set has no ways to count */
    struct list l1[CORES][2], l2[CORES], llc;
    uint64_t open[2][8][8]; /* row + 1 */
    uint64_t counts[CORES + 1u][VS_CNT_memory_N], *count;
};

static void shape(struct list *c, uint64_t size, uint64_t ways, uint64_t policy)
{
    uint64_t lines = size / LINE;
    assert_true(lines <= MOST);
    c->ways = ways ? ways : lines;
    c->sets = lines ? lines / c->ways : 0;
    c->fifo = policy == VS_POLICY_FIFO;
    c->n = 0;
}

static struct entry *find(struct list *c, uint64_t line)
{
    for (uint64_t i = 0; i < c->n; i++) {
        if (c->of[i].line == line) {
            return &c->of[i];
        }
    }
    return NULL;
}

static void take_out(struct list *c, struct entry *e)
{
    memmove(e, e + 1, (size_t)(&c->of[c->n] - (e + 1)) * sizeof *e);
    c->n--;
}

static void put_first(struct list *c, struct entry e)
{
    memmove(c->of + 1, c->of, c->n * sizeof e);
    c->of[0] = e;
    c->n++;
}

/* True: it was there. Else it is now, and *gone is what had to leave, if *left. */
static bool use(struct list *c, uint64_t line, bool dirty, bool *left, struct entry *gone)
{
    struct entry *e = find(c, line);
    *left = false;
    if (e) {
        e->dirty = e->dirty || dirty;
        if (!c->fifo) {
            struct entry same = *e;
            take_out(c, e);
            put_first(c, same);
        }
        return true;
    }
    uint64_t held = 0;
    for (uint64_t i = 0; i < c->n; i++) {
        if (c->of[i].line % c->sets == line % c->sets) {
            held++;
            e = &c->of[i];
        }
    }
    if (held == c->ways) {
        *left = true;
        *gone = *e;
        take_out(c, e);
    }
    put_first(c, (struct entry){line, dirty, false});
    return false;
}

static bool drop(struct list *c, uint64_t line, bool *dirty)
{
    struct entry *e = find(c, line);
    if (!e) {
        return false;
    }
    *dirty = *dirty || e->dirty;
    take_out(c, e);
    return true;
}

static uint64_t snoop_out(struct simple *s, uint64_t line, bool *dirty)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CORES; i++) {
        bool in_data = drop(&s->l1[i][0], line, dirty), in_code = drop(&s->l1[i][1], line, dirty),
             in_l2 = drop(&s->l2[i], line, dirty);
        n += in_data || in_code || in_l2;
    }
    return n;
}

static uint32_t dram(struct simple *s, uint64_t line)
{
    const struct vs_memory_config *k = s->cfg;
    uint64_t channel = line % k->dram_channels,
             in_channel = line / k->dram_channels / (k->dram_row / LINE),
             bank = in_channel % k->dram_banks, row = in_channel / k->dram_banks + 1u;
    bool remote = line >= s->bytes / LINE / k->nodes; /* all live on the first node */
    uint64_t *open = &s->open[remote][channel][bank];
    uint32_t kind = *open == row ? 0 : *open ? 2u : 1u;
    *open = k->dram_page ? 0 : row;
    s->count[VS_CNT_memory_dram_row_hits + kind]++;
    s->count[VS_CNT_memory_dram_remote] += remote;
    return (remote ? VS_MEM_REMOTE : VS_MEM_ROW_HIT) + kind;
}

static void leaves_llc(struct simple *s, struct entry e)
{
    if (s->cfg->llc_inclusive) {
        s->count[VS_CNT_memory_back_invalidations] += snoop_out(s, e.line, &e.dirty);
    }
    s->count[VS_CNT_memory_llc_writebacks] += e.dirty && s->cfg->writeback;
}

static void write_down(struct simple *s, unsigned core, unsigned level, uint64_t line)
{
    struct entry gone;
    bool left;
    if (level == 1 && s->l2[core].sets) {
        if (!use(&s->l2[core], line, true, &left, &gone) && left && gone.dirty) {
            s->count[VS_CNT_memory_l2_writebacks]++;
            write_down(s, core, 2, gone.line);
        }
    } else if (!s->llc.sets) {
        leaves_llc(s, (struct entry){line, true, false});
    } else if (!use(&s->llc, line, true, &left, &gone) && left) {
        leaves_llc(s, gone);
    }
}

/* core == CORES: an agent without one. */
static uint32_t refer(struct simple *s, unsigned core, uint64_t line, uint32_t ref, unsigned entry)
{
    struct list *level[3] = {core < CORES ? &s->l1[core][ref == VS_REF_FETCH] : NULL,
                             core < CORES ? &s->l2[core] : NULL, &s->llc};
    bool dirty = ref == VS_REF_WRITE || ref == VS_MEM_REF_WALK_WRITE, left;
    uint32_t slot = 2u * (ref < VS_MEM_REF_WALK ? ref : (uint32_t)VS_MEM_REF_WALK);
    struct entry gone;
    for (unsigned i = entry; i < 3; i++) {
        if (level[i]->sets) {
            bool hit = use(level[i], line, dirty, &left, &gone);
            s->count[VS_CNT_memory_l1_read_hits + 8u * i + slot + !hit]++;
            if (hit) {
                return i;
            }
            dirty = false; /* where it was written it is */
            if (left && i == 2) {
                leaves_llc(s, gone);
            } else if (left && gone.dirty && s->cfg->writeback) {
                s->count[i ? VS_CNT_memory_l2_writebacks : VS_CNT_memory_l1_writebacks]++;
                write_down(s, core, i + 1u, gone.line);
            }
        }
    }
    return dram(s, line);
}

/* Both lines at each level that is reached; no victim goes anywhere. */
static uint32_t refer_to_two(struct simple *s, unsigned core, uint64_t line, uint32_t ref)
{
    struct list *level[3] = {&s->l1[core][ref == VS_REF_FETCH], &s->l2[core], &s->llc};
    struct entry gone;
    bool left;
    for (unsigned i = 0; i < 3; i++) {
        if (level[i]->sets) {
            bool first = use(level[i], line, false, &left, &gone),
                 second = use(level[i], line + 1u, false, &left, &gone);
            s->count[VS_CNT_memory_l1_read_hits + 8u * i + 2u * ref + !(first && second)]++;
            if (first && second) {
                return i;
            }
        }
    }
    return dram(s, line);
}

/* Among the lines that devices hold in this set, when there are as many as there may be, the one
 * that nobody used for longest leaves. */
static void make_room(struct simple *s, uint64_t line)
{
    struct entry *oldest = NULL;
    uint64_t n = 0;
    for (uint64_t i = 0; i < s->llc.n; i++) {
        struct entry *e = &s->llc.of[i];
        if (e->device && e->line % s->llc.sets == line % s->llc.sets) {
            oldest = e;
            n++;
        }
    }
    if (n >= s->cfg->ddio_ways) {
        struct entry gone = *oldest;
        take_out(&s->llc, oldest);
        leaves_llc(s, gone);
    }
}

static void device(struct simple *s, uint64_t line, bool write)
{
    bool there = find(&s->llc, line) != NULL, dirty = false;
    s->count[write ? VS_CNT_memory_dma_write_lines : VS_CNT_memory_dma_read_lines]++;
    for (unsigned i = 0; i < CORES && !write; i++) {
        there =
            there || find(&s->l1[i][0], line) || find(&s->l1[i][1], line) || find(&s->l2[i], line);
    }
    s->count[VS_CNT_memory_dma_llc_hits] += there;
    if (!write) {
        (void)(there ? 0 : dram(s, line));
        return;
    }
    s->count[VS_CNT_memory_dma_snoops] += snoop_out(s, line, &dirty);
    if (!s->cfg->ddio || !s->llc.sets) {
        (void)drop(&s->llc, line, &dirty);
        (void)dram(s, line);
        return;
    }
    if (!there && s->limit) {
        make_room(s, line);
    }
    write_down(s, 0, 2, line);
    s->llc.of[0].device = s->llc.of[0].device || !there;
}

static struct simple *simple_create(const struct vs_memory_config *cfg, uint64_t bytes)
{
    struct simple *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->cfg = cfg;
    s->bytes = bytes;
    for (unsigned i = 0; i < CORES; i++) {
        shape(&s->l1[i][0], cfg->l1d_size, cfg->l1d_ways, cfg->l1d_policy);
        shape(&s->l1[i][1], cfg->l1i_size, cfg->l1i_ways, cfg->l1i_policy);
        shape(&s->l2[i], cfg->l2_size, cfg->l2_ways, cfg->l2_policy);
    }
    shape(&s->llc, cfg->llc_size, cfg->llc_ways, cfg->llc_policy);
    return s;
}

static void empty(struct simple *s)
{
    for (unsigned i = 0; i < CORES; i++) {
        s->l1[i][0].n = s->l1[i][1].n = s->l2[i].n = 0;
    }
    s->llc.n = 0;
    memset(s->open, 0, sizeof s->open);
}

static void any_cache(struct vs_rng *rng, uint64_t *size, uint64_t *ways, uint64_t *policy,
                      uint64_t most)
{
    uint64_t sets = 1u + vs_rng_below(rng, most);
    *ways = 1u + vs_rng_below(rng, 9);
    *size = *ways * sets * LINE;
    *policy = vs_rng_below(rng, 3) ? VS_POLICY_LRU : VS_POLICY_FIFO;
    if (vs_rng_below(rng, 6) == 0) {
        *size = vs_rng_below(rng, 2) * 40u * LINE; /* one set, more ways than a line table has */
        *ways = 0;
    }
}

static struct vs_memory_config any(struct vs_rng *rng)
{
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    any_cache(rng, &cfg.l1d_size, &cfg.l1d_ways, &cfg.l1d_policy, 3);
    any_cache(rng, &cfg.l1i_size, &cfg.l1i_ways, &cfg.l1i_policy, 3);
    any_cache(rng, &cfg.l2_size, &cfg.l2_ways, &cfg.l2_policy, 6);
    any_cache(rng, &cfg.llc_size, &cfg.llc_ways, &cfg.llc_policy, 16);
    cfg.llc_inclusive = cfg.llc_size && vs_rng_below(rng, 2);
    cfg.writeback = vs_rng_below(rng, 3) != 0;
    cfg.straddle = !cfg.writeback;
    cfg.ddio = vs_rng_below(rng, 4) != 0;
    cfg.ddio_ways = 1u + vs_rng_below(rng, 3);
    cfg.dram_channels = 1u + vs_rng_below(rng, 3);
    cfg.dram_banks = 1u + vs_rng_below(rng, 3);
    cfg.dram_row = 256;
    cfg.dram_page = vs_rng_below(rng, 4) == 0;
    cfg.nodes = 1u + vs_rng_below(rng, 2);
    return cfg;
}

static void one(struct vs_rng *rng, const char *variant)
{
    struct vs_memory_config cfg = any(rng);
    const uint64_t lines = 160, bytes = lines * LINE;
    struct rig *r = rig_create(&cfg, variant);
    struct simple *s = simple_create(&cfg, bytes);
    struct vs_memory_dma d;
    struct vs_txn t;
    s->limit = r->memory.llc.lines || !r->memory.llc.wide.listed;
    vs_ps zero = {0};
    vs_memory_place(&r->memory, bytes, 0);
    vs_memory_dma_init(&d, &r->memory);
    struct vs_dma_mem_port dma = vs_memory_dma_port(&d);
    vs_txn_begin(&t, r->ledger, vs_ledger_actor(r->ledger, "device"), zero);
    for (int i = 0; i < 3000; i++) {
        uint64_t line = vs_rng_below(rng, lines - 1u);
        unsigned core = (unsigned)vs_rng_below(rng, CORES), what = (unsigned)vs_rng_below(rng, 16);
        enum vs_ref ref = (enum vs_ref)vs_rng_below(rng, 3);
        uint32_t got = 0, want = 0, walk = VS_MEM_REF_WALK + (uint32_t)vs_rng_below(rng, 2);
        struct vs_memory_core *c = &r->core[core];
        s->count = s->counts[core];
        if (what == 0) { /* a device */
            vs_hpa at = {line * LINE};
            s->count = s->counts[CORES];
            device(s, line, walk == VS_MEM_REF_WALK);
            if (walk == VS_MEM_REF_WALK) {
                dma.write(dma.ctx, &t, at, NULL, LINE);
            } else {
                dma.read(dma.ctx, &t, at, NULL, LINE);
            }
        } else if (what == 1) { /* its walker */
            s->count = s->counts[CORES];
            want = refer(s, CORES, line, walk, 2);
            got = r->memory.access(&r->memory, NULL, d.count, line, walk, VS_MEM_LLC);
        } else if (what == 2) {
            unsigned entry = (unsigned)vs_rng_below(rng, 3);
            want = refer(s, core, line, walk, entry);
            got = r->memory.access(&r->memory, c, c->count, line, walk, entry);
        } else if (what == 3 && cfg.straddle) {
            const struct vs_line_port *p = &r->side[core][ref == VS_REF_FETCH].lines;
            want = refer_to_two(s, core, line, ref);
            got = p->straddle(p->ctx, line, ref);
        } else if (what == 4 && i % 64 == 0) {
            empty(s);
            vs_memory_clear(&r->memory);
        } else {
            want = refer(s, core, line, ref, 0);
            got = load(r, (int)core, line, ref);
        }
        assert_int_equal(got, want);
    }
    vs_txn_end(&t);
    for (unsigned core = 0; core < CORES; core++) {
        assert_memory_equal(r->core[core].counts[0], s->counts[core], sizeof s->counts[core]);
    }
    assert_memory_equal(d.count, s->counts[CORES], sizeof s->counts[CORES]);
    rig_destroy(r);
    free(s);
}

static void test_levels_are_lists_of_lines(void **state)
{
    (void)state;
    for (size_t v = 0; v < VS_MEMORY_VARIANTS; v++) {
        struct vs_rng rng;
        vs_rng_seed(&rng, 11, v);
        for (int i = 0; i < 100; i++) {
            one(&rng, vs_memory_variant[v]);
        }
    }
}

static void test_each_side_and_each_way_to_dram_has_its_own_price(void **state)
{
    (void)state;
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    cfg.l1d_latency = 4;
    cfg.l1i_latency = 7;
    cfg.nodes = 2;
    cfg.remote_latency = 1234;
    struct rig *r = rig_create(&cfg, "plain");
    struct vs_mem_port port = vs_memory_core_port(&r->core[0]);
    struct vs_txn t;
    vs_ps zero = {0};
    vs_hpa at = {4096};
    vs_txn_begin(&t, r->ledger, vs_ledger_actor(r->ledger, "cpu"), zero);
    vs_open(&t, VS_OP_ACCESS_FETCH);
    const struct vs_part *w = t.acc->work + r->memory.account;
    for (int ref = 0; ref < 3; ref += 2) {
        port.touch(port.ctx, &t, at, (enum vs_ref)ref);
        uint64_t before = t.now_ps;
        port.touch(port.ctx, &t, at, (enum vs_ref)ref);
        assert_int_equal(t.now_ps - before, (ref == VS_REF_FETCH ? 7 : 4) * 500);
        assert_int_equal(w[VS_ACC_memory_l1_hit].n, 1);
        assert_int_equal(w[VS_ACC_memory_l1i_hit].n, ref == VS_REF_FETCH);
    }
    vs_close(&t);
    vs_txn_end(&t);
    for (unsigned fetch = 0; fetch < 2; fetch++) {
        for (unsigned row = 0; row < 3; row++) { /* hit, miss, conflict */
            const uint64_t *ps = r->side[0][fetch].lines.ps;
            assert_int_equal(ps[VS_MEM_REMOTE + row] - ps[VS_MEM_ROW_HIT + row], 1234);
        }
    }
    rig_destroy(r);
}

/* A device's lines overlap: it waits for the slowest, wherever that lies, and the others follow. */
static void test_a_dma_waits_for_its_slowest_line(void **state)
{
    (void)state;
    for (uint64_t near = 0; near < 3; near++) {
        struct vs_memory_config cfg;
        vs_defaults(&vs_memory_desc, &cfg);
        cfg.dma_line = 77;
        struct rig *r = rig_create(&cfg, "plain");
        struct vs_memory_dma d;
        struct vs_txn t;
        vs_ps zero = {0};
        vs_hpa at = {1u << 20};
        vs_memory_dma_init(&d, &r->memory);
        struct vs_dma_mem_port dma = vs_memory_dma_port(&d);
        for (uint64_t i = 0; i < 3; i++) { /* all but one are in the LLC */
            (void)(i == near ? 0 : load(r, 0, at.v / LINE + i, VS_REF_READ));
        }
        vs_txn_begin(&t, r->ledger, vs_ledger_actor(r->ledger, "device"), zero);
        memset(r->memory.open_row, 0xff, 2u * cfg.dram_channels * cfg.dram_banks * 8u);
        dma.read(dma.ctx, &t, at, NULL, 3u * LINE);
        assert_int_equal(t.now_ps, cfg.dram_row_miss + 2u * 77u);
        assert_int_equal(d.count[VS_CNT_memory_dma_llc_hits], 2);
        vs_txn_end(&t);
        rig_destroy(r);
    }
}

#define REMOTE_PS 77000u /* with it the LLC of another node is farther than the own memory */

/* What a device's transfer of one line takes from a node, on a machine of two; the LLC is the first
 * node's. */
static uint64_t line_from(uint64_t node, uint64_t at, bool cached, bool write, bool *allocated,
                          uint64_t *remote)
{
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    cfg.nodes = 2;
    cfg.remote_latency = REMOTE_PS;
    struct rig *r = rig_create(&cfg, "plain");
    struct vs_memory_dma d;
    struct vs_txn t;
    vs_hpa to = {at};
    vs_memory_place(&r->memory, 2u << 20, 0);
    vs_memory_dma_init(&d, &r->memory);
    vs_memory_dma_place(&d, node);
    struct vs_dma_mem_port dma = vs_memory_dma_port(&d);
    if (cached) {
        (void)load(r, 0, at / LINE, VS_REF_READ);
    }
    vs_txn_begin(&t, r->ledger, vs_ledger_actor(r->ledger, "device"), (vs_ps){0});
    memset(r->memory.open_row, 0xff, 2u * cfg.dram_channels * cfg.dram_banks * 8u);
    (write ? dma.write(dma.ctx, &t, to, NULL, LINE) : dma.read(dma.ctx, &t, to, NULL, LINE));
    uint64_t ps = t.now_ps;
    *allocated = vs__memory_has(&r->memory.llc, at / LINE);
    *remote = d.count[VS_CNT_memory_dram_remote];
    vs_txn_end(&t);
    rig_destroy(r);
    return ps;
}

/* Which way a device's line goes depends on its node, the memory's and the LLC's. */
static void test_a_devices_line_crosses_between_nodes(void **state)
{
    (void)state;
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    uint64_t dram = cfg.dram_row_miss, llc = cfg.llc_latency * 500u;
    const struct {
        uint64_t node, at;
        bool cached, write;
        uint64_t ps;
        bool allocated;
        uint64_t remote;
    } law[] = {
        {0, 4096, false, false, dram, false, 0},                          /* its own memory */
        {0, (1u << 20) + 4096, false, false, dram + REMOTE_PS, false, 1}, /* the other's */
        {1, 4096, false, false, dram + REMOTE_PS, false, 1},
        {1, (1u << 20) + 4096, false, false, dram, false, 0},
        {0, (1u << 20) + 4096, true, false, llc, true, 0}, /* in its node's LLC, of whatever node */
        {1, (1u << 20) + 4096, true, false, llc + REMOTE_PS, true, 0}, /* in the other node's */
        {0, 4096, false, true, llc, true, 0},              /* a write enters its node's LLC */
        {1, 4096, true, true, dram + REMOTE_PS, false, 1}, /* and leaves the other's */
        {1, (1u << 20) + 4096, true, true, dram, false, 0},
    };
    for (size_t i = 0; i < sizeof law / sizeof *law; i++) {
        bool allocated;
        uint64_t remote, ps = line_from(law[i].node, law[i].at, law[i].cached, law[i].write,
                                        &allocated, &remote);
        assert_int_equal(ps, law[i].ps);
        assert_int_equal(allocated, law[i].allocated);
        assert_int_equal(remote, law[i].remote);
    }
}

/* A walker's references enter where they are told; where that is not the core's own L1, they and
 * the core's are not gathered. */
static void test_a_walkers_references_enter_at_their_level(void **state)
{
    (void)state;
    for (uint64_t entry = VS_MEM_L1; entry <= VS_MEM_LLC; entry++) {
        struct vs_memory_config cfg;
        vs_defaults(&vs_memory_desc, &cfg);
        cfg.walker_entry = entry;
        struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
        r->memory.phys = vs_phys_create(1u << 20);
        struct vs_mem_port port = vs_memory_walker_port(&r->core[0]);
        struct vs_txn t;
        vs_ps zero = {0};
        vs_hpa at = {4096};
        vs_txn_begin(&t, r->ledger, vs_ledger_actor(r->ledger, "cpu"), zero);
        (void)port.load(port.ctx, &t, at);
        port.store(port.ctx, &t, at, 7);
        assert_int_equal(port.load(port.ctx, &t, at), 7);
        vs_txn_end(&t);
        for (uint64_t level = 0; level < 3; level++) {
            const uint64_t *n = &r->core[0].count[VS_CNT_memory_l1_walk_hits + 8u * level];
            assert_int_equal(n[0], level == entry ? 2 : 0);
            assert_int_equal(n[1], level >= entry);
        }
        struct vs_fast_lines p = vs_memory_fast_port(&r->core[0]);
        assert_int_equal(p.gather(p.ctx, VS_REF_READ) != NULL, entry == VS_MEM_L1);
        vs_phys_destroy(r->memory.phys);
        rig_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_are_lists_of_lines),
        cmocka_unit_test(test_each_side_and_each_way_to_dram_has_its_own_price),
        cmocka_unit_test(test_a_dma_waits_for_its_slowest_line),
        cmocka_unit_test(test_a_devices_line_crosses_between_nodes),
        cmocka_unit_test(test_a_walkers_references_enter_at_their_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
