/* SPDX-License-Identifier: MIT */
#include "memory/path.h"

#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME memory
#define VS_DEF_FILE "memory/memory.def"
#include "virtsim/def_tables.h"

/* `inside`: the line table of a struct vs_l1, used when the shape allows. */
static enum vs_status cache_init(struct vs_memory_cache *k, const struct vs_memory *m,
                                 uint64_t size, uint64_t ways, uint64_t policy, uint64_t hash_bits,
                                 uint64_t slices, struct vs_linetab *inside, uint64_t stream)
{
    memset(k, 0, sizeof *k);
    uint32_t entries = (uint32_t)(size >> m->line_shift), w = ways ? (uint32_t)ways : entries;
    k->present = entries != 0;
    k->hashed = k->present && (hash_bits || slices > 1u);
    if (k->hashed) {
        k->hash_bits = (uint32_t)hash_bits;
        k->set_bits = (uint32_t)__builtin_ctzll(entries / w / slices);
        k->by_slices = vs_divider_of(slices);
    }
    if (k->present && policy == VS_POLICY_LRU && entries % w == 0 &&
        vs_linetab_fits(entries, w, m->max_line)) {
        k->lines = inside ? inside : &k->own;
        return vs_linetab_init(k->lines, entries, w);
    }
    return vs_settab_init(&k->wide, entries, (uint32_t)ways, (enum vs_policy)policy,
                          m->seed * 31u + stream);
}

/* Frees a cache. */
static void cache_free(struct vs_memory_cache *k)
{
    if (k->lines) {
        vs_linetab_free(k->lines);
    } else {
        vs_settab_free(&k->wide);
    }
    memset(k, 0, sizeof *k);
}

/* Empties a cache. */
static void cache_clear(struct vs_memory_cache *k)
{
    if (k->lines) {
        vs_linetab_clear(k->lines);
    } else {
        vs_settab_clear(&k->wide);
    }
}

bool vs__memory_drop_wide(struct vs_memory_cache *k, uint64_t line, bool *dirty)
{
    const uint64_t *flags = vs_settab_peek(&k->wide, line);
    *dirty = *dirty || (flags && (*flags & VS_LINE_DIRTY));
    return vs_settab_drop(&k->wide, line);
}

void vs__memory_soil(struct vs_memory_cache *k, uint64_t line)
{
    line = vs__memory_key(k, line);
    uint32_t *tag = k->lines ? vs_linetab_peek(k->lines, line) : NULL;
    uint64_t *flags = !k->lines && k->present ? vs_settab_peek(&k->wide, line) : NULL;
    if (tag) {
        *tag |= VS_LINE_DIRTY;
    } else if (flags) {
        *flags |= VS_LINE_DIRTY;
    }
}

bool vs__memory_elsewhere(const struct vs_memory *m, const struct vs_memory_core *c, uint64_t line)
{
    for (uint32_t i = 0; i < m->n_cores; i++) {
        if (m->core[i] != c && vs__memory_has(&m->core[i]->l2, line)) {
            return true;
        }
    }
    return false;
}

bool vs__memory_look_wide(struct vs_memory_cache *k, uint64_t line, uint32_t flags,
                          uint64_t *victim, uint32_t *victim_flags)
{
    uint64_t *p = vs_settab_find(&k->wide, line), payload = 0;
    if (p) {
        *p |= flags;
        return true;
    }
    if (vs_settab_fill_absent(&k->wide, line, flags, victim, &payload)) {
        *victim_flags = (uint32_t)payload;
    }
    return false;
}

const char *const vs_memory_variant[VS_MEMORY_VARIANTS] = {"avx2", "plain"};

bool vs_memory_use(struct vs_memory *m, const char *variant)
{
    const struct vs__memory_path *p = NULL;
#if defined(__x86_64__)
    if (!strcmp(variant, "avx2") && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("bmi2")) {
        p = vs__memory_path_avx2;
    }
#endif
    if (!strcmp(variant, "plain")) {
        p = vs__memory_path_plain;
    }
    if (!p) {
        return false;
    }
    p += m->special;
    m->access = p->access;
    m->run = p->run;
    m->walker_load = p->walker_load;
    m->into_llc = p->into_llc;
    m->hit_llc = p->hit_llc;
    m->snoop_out = p->snoop_out;
    m->into_l2 = p->into_l2;
    m->gathered = p->gathered;
    return true;
}

enum vs_status vs_memory_init(struct vs_memory *m, const struct vs_memory_config *cfg,
                              struct vs_ledger *ledger, struct vs_clock clock, struct vs_phys *phys,
                              uint64_t max_address, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    if (!vs__memory_power_of_two(cfg->line)) {
        return VS_E_CONFIG;
    }
    m->cfg = *cfg;
    m->ledger = ledger;
    m->phys = phys;
    m->seed = seed;
    m->account = vs_ledger_accounts(ledger, &vs_memory_desc);
    m->line_shift = (uint32_t)__builtin_ctzll(cfg->line);
    m->max_line = max_address >> m->line_shift;
    m->flush_ps = cfg->l1d_flush * clock.period_ps;
    m->flush_line_ps = cfg->l1d_flush_line * clock.period_ps;
    uint64_t price[VS_MEM_LEVELS] = {cfg->l1d_latency * clock.period_ps,
                                     cfg->l2_latency * clock.period_ps,
                                     cfg->llc_latency * clock.period_ps,
                                     cfg->dram_row_hit,
                                     cfg->dram_row_miss,
                                     cfg->dram_row_conflict,
                                     cfg->dram_row_hit + cfg->remote_latency,
                                     cfg->dram_row_miss + cfg->remote_latency,
                                     cfg->dram_row_conflict + cfg->remote_latency,
                                     (cfg->l2_latency + cfg->l1d_refill) * clock.period_ps,
                                     (cfg->llc_latency + cfg->l1d_refill) * clock.period_ps};
    m->near_lines = UINT64_MAX;
    memcpy(m->ps[0], price, sizeof price);
    memcpy(m->ps[1], price, sizeof price);
    m->ps[1][VS_MEM_L1] = cfg->l1i_latency * clock.period_ps;
    m->by_channels = vs_divider_of(cfg->dram_channels);
    m->by_banks = vs_divider_of(cfg->dram_banks);
    m->by_row_lines =
        vs_divider_of(cfg->dram_row >> m->line_shift ? cfg->dram_row >> m->line_shift : 1u);
    m->special = cfg->l2_hash || cfg->llc_hash || cfg->llc_slices > 1u || cfg->llc_fill ||
                 cfg->l2_prefetch || cfg->l1d_refill;
    uint64_t l1_lines = cfg->l1d_size >> m->line_shift;
    m->by_l1_sets = vs_divider_of(cfg->l1d_ways && l1_lines ? l1_lines / cfg->l1d_ways : 1u);
    uint32_t v = 0;
    while (v < VS_MEMORY_VARIANTS && !vs_memory_use(m, vs_memory_variant[v])) {
        v++;
    }
    size_t banks = 2u * cfg->dram_channels * cfg->dram_banks;
    m->open_row = malloc(banks * sizeof *m->open_row);
    enum vs_status s = cache_init(&m->llc, m, cfg->llc_size, cfg->llc_ways, cfg->llc_policy,
                                  cfg->llc_hash, cfg->llc_slices, NULL, 1);
    if (!m->open_row || s != VS_OK) {
        vs_memory_free(m);
        return s != VS_OK ? s : VS_E_NOMEM;
    }
    memset(m->open_row, 0xff, banks * sizeof *m->open_row);
    return VS_OK;
}

void vs_memory_place(struct vs_memory *m, uint64_t bytes, uint64_t node)
{
    m->near_lines = m->cfg.nodes > 1u ? (bytes >> m->line_shift) / m->cfg.nodes : UINT64_MAX;
    m->near_line = m->cfg.nodes > 1u ? node * m->near_lines : 0;
}

void vs_memory_free(struct vs_memory *m)
{
    cache_free(&m->llc);
    free(m->open_row);
    memset(m, 0, sizeof *m);
}

void vs_memory_clear(struct vs_memory *m)
{
    cache_clear(&m->llc);
    memset(m->open_row, 0xff, 2u * m->by_channels.n * m->by_banks.n * sizeof *m->open_row);
    for (uint32_t i = 0; i < m->n_cores; i++) {
        cache_clear(&m->core[i]->l1[0]);
        cache_clear(&m->core[i]->l1[1]);
        cache_clear(&m->core[i]->l2);
    }
}

uint64_t vs_memory_flush_l1d(struct vs_memory_core *c, struct vs_txn *t)
{
    struct vs_memory *m = c->memory;
    struct vs_memory_cache *k = &c->l1[0];
    uint64_t held = 0, written = 0;
    vs_txn_settle(t);
    if (k->lines) {
        const struct vs_linetab *l = k->lines;
        for (uint64_t set = 0; set < l->by_sets.n; set++) {
            for (uint32_t way = 0; way < l->ways; way++) {
                uint32_t tag = l->tag[set * l->stride + way];
                held += tag != 0;
                if (tag & VS_LINE_DIRTY && m->cfg.writeback) {
                    written++;
                    m->into_l2(m, c, c->count, vs_linetab_line(l, tag, set));
                }
            }
        }
        vs_linetab_clear(k->lines);
    } else { /* other policies keep no order in which lines could be named: they go unwritten */
        vs_settab_clear(&k->wide);
    }
    c->count[VS_CNT_memory_l1_writebacks] += written;
    c->count[VS_CNT_memory_l1_flushes]++;
    vs_ps took = {m->flush_ps + written * m->flush_line_ps};
    vs_charge(t, (uint16_t)(m->account + VS_ACC_memory_l1d_flush), took);
    return held;
}

/* ---- a core's side ---- */

/* Accesses a line, and says which level had it. */
static uint32_t core_access(void *ctx, uint64_t line, enum vs_ref ref)
{
    struct vs_memory_core *c = ctx;
    return c->memory->access(c->memory, c, c->count, line, ref, VS_MEM_L1);
}

/* The first level of this core, or the level in its place, has the line. */
static void core_soil(void *ctx, uint64_t line)
{
    struct vs_memory_core *c = ctx;
    vs__memory_soil(c->l1[0].present ? &c->l1[0] : c->l2.present ? &c->l2 : &c->memory->llc, line);
}

/* Accesses a run of lines, and says which level had each. */
static void core_run(void *ctx, uint64_t line, uint32_t n, uint64_t step, enum vs_ref ref,
                     uint8_t level[VS_LINE_RUN], uint64_t answered[VS_LINE_LEVELS])
{
    struct vs_memory_core *c = ctx;
    c->memory->run(c->memory, c, line, n, step, ref, level, answered);
}

/* Hints to the host that a line is about to be accessed. */
static void core_prefetch(void *ctx, uint64_t line)
{
    const struct vs_memory_core *c = ctx;
    vs__memory_announce(c->memory, c, line);
}

/* The list to note lines in, or NULL where lines cannot be noted. */
static struct vs_gather *core_gather(void *ctx, enum vs_ref own)
{
    struct vs_memory_core *c = ctx;
    struct vs_memory *m = c->memory;
    bool can = m->gathered && vs__memory_apart(m, c, false) && m->cfg.walker_entry == VS_MEM_L1;
    c->gather.own_ref = (uint8_t)own;
    c->gather.n = c->gather.n_own = 0;
    return can ? &c->gather : NULL;
}

/* Accesses the noted lines. */
static void core_gathered(void *ctx)
{
    struct vs_memory_core *c = ctx;
    c->memory->gathered(c->memory, c);
}

/* One look without victims going anywhere: cachegrind's caches write nothing back. */
static bool look_alone(struct vs_memory_cache *k, uint64_t line)
{
    uint64_t victim;
    uint32_t flags;
    if (!k->lines) {
        return vs__memory_look_wide(k, line, 0, &victim, &flags);
    }
    struct vs_linetab *t = k->lines;
    uint64_t set;
    uint32_t tag = vs_linetab_tag(t, line, &set), *way = t->tag + set * t->stride, w = 0;
    while (w < t->ways && (way[w] | VS_LINE_FLAGS) != (tag | VS_LINE_FLAGS)) {
        w++;
    }
    bool hit = w < t->ways;
    tag = hit ? way[w] : tag; /* its flags stay */
    for (w = hit ? w : t->ways - 1u; w; w--) {
        way[w] = way[w - 1u];
    }
    way[0] = tag;
    return hit;
}

/* Both lines are looked up at each level that the access reaches; one reference, one miss at most.
 */
static uint32_t core_straddle(void *ctx, uint64_t line, enum vs_ref ref)
{
    struct vs_memory_core *c = ctx;
    struct vs_memory *m = c->memory;
    struct vs_memory_cache *level[3] = {&c->l1[ref == VS_REF_FETCH], &c->l2, &m->llc};
    for (uint32_t i = 0; i < 3; i++) {
        if (level[i]->present) {
            bool hit = look_alone(level[i], line);
            hit = look_alone(level[i], line + 1u) && hit;
            c->count[(uint32_t)VS_CNT_memory_l1_read_hits + 8u * i + 2u * ref + !hit]++;
            if (hit) {
                return i;
            }
        }
    }
    return vs__memory_dram(m, c->count, line);
}

/* Connects a core's first level with its side of the caches. */
static void lines_fill(struct vs_memory_core *c, struct vs_l1 *l1, bool fetch)
{
    const struct vs_memory *m = c->memory;
    l1->line_shift = m->line_shift;
    l1->lines =
        (struct vs_line_port){.ctx = c, .access = core_access, .soil = core_soil, .run = core_run};
    l1->lines.straddle = m->cfg.straddle == VS_MEM_STRADDLE_CACHEGRIND ? core_straddle : NULL;
    for (uint32_t i = 0; i < VS_MEM_LEVELS; i++) {
        static const uint16_t account[VS_MEM_LEVELS] = {
            VS_ACC_memory_l1_hit,        VS_ACC_memory_l2_hit,
            VS_ACC_memory_llc_hit,       VS_ACC_memory_dram_row_hit,
            VS_ACC_memory_dram_row_miss, VS_ACC_memory_dram_row_conflict,
            VS_ACC_memory_remote,        VS_ACC_memory_remote,
            VS_ACC_memory_remote,        VS_ACC_memory_l2_refill,
            VS_ACC_memory_llc_refill};
        l1->lines.account[i] =
            (uint16_t)(m->account +
                       (fetch && i == 0 ? (uint16_t)VS_ACC_memory_l1i_hit : account[i]));
        l1->lines.ps[i] = m->ps[fetch][i];
    }
}

enum vs_status vs_memory_core_init(struct vs_memory_core *c, struct vs_memory *m,
                                   struct vs_l1 *data, struct vs_l1 *fetch)
{
    memset(c, 0, sizeof *c);
    if (m->n_cores == VS_MEMORY_CORES) {
        return VS_E_CONFIG;
    }
    c->memory = m;
    c->books = c->counts;
    c->refilled = UINT64_MAX;
    c->data = data;
    c->fetch = fetch;
    const struct vs_memory_config *cfg = &m->cfg;
    uint64_t stream = 10u * (m->n_cores + 1u);
    enum vs_status s = cache_init(&c->l1[0], m, cfg->l1d_size, cfg->l1d_ways, cfg->l1d_policy, 0, 1,
                                  &data->cache, stream);
    s = s != VS_OK ? s
                   : cache_init(&c->l1[1], m, cfg->l1i_size, cfg->l1i_ways, cfg->l1i_policy, 0, 1,
                                &fetch->cache, stream + 1u);
    s = s != VS_OK ? s
                   : cache_init(&c->l2, m, cfg->l2_size, cfg->l2_ways, cfg->l2_policy, cfg->l2_hash,
                                1, NULL, stream + 2u);
    if (s != VS_OK) {
        return s;
    }
    lines_fill(c, data, false);
    lines_fill(c, fetch, true);
    vs_memory_core_world(c, false);
    m->core[m->n_cores++] = c;
    return VS_OK;
}

struct vs_fast_lines vs_memory_fast_port(struct vs_memory_core *c)
{
    return (struct vs_fast_lines){
        .ctx = c, .prefetch = core_prefetch, .gather = core_gather, .gathered = core_gathered};
}

void vs_memory_core_free(struct vs_memory_core *c)
{
    cache_free(&c->l1[0]);
    cache_free(&c->l1[1]);
    cache_free(&c->l2);
}

void vs_memory_core_world(struct vs_memory_core *c, bool host)
{
    c->count = c->books[host];
    for (uint32_t ref = 0; ref < 3u; ref++) {
        uint64_t *hits = &c->count[(uint32_t)VS_CNT_memory_l1_read_hits + 2u * ref];
        c->data->cache_hits[ref] = hits;
        c->fetch->cache_hits[ref] = hits;
    }
}

/* ---- timed ports ---- */

/* One reference; account: whose time it is, MEMORYS for the account of the level that answers. */
#define MEMORYS UINT32_MAX

/* Accesses a line and charges it to an account. */
static void book_on(struct vs_memory_core *c, struct vs_txn *t, vs_hpa at, uint32_t ref,
                    uint32_t entry, uint32_t account)
{
    struct vs_memory *m = c->memory;
    uint32_t level = m->access(m, c, c->count, at.v >> m->line_shift, ref, entry);
    const struct vs_l1 *side = ref == VS_REF_FETCH ? c->fetch : c->data;
    vs_ps d = {side->lines.ps[level]};
    vs_charge(t, account == MEMORYS ? side->lines.account[level] : (uint16_t)account, d);
}

/* Accesses a line and charges it to the level that had it. */
static void book(struct vs_memory_core *c, struct vs_txn *t, vs_hpa at, uint32_t ref,
                 uint32_t entry)
{
    book_on(c, t, at, ref, entry, MEMORYS);
}

/* Loads a word for the core's software. */
static uint64_t core_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct vs_memory_core *c = ctx;
    book(c, t, at, VS_REF_READ, VS_MEM_L1);
    return c->memory->phys ? vs_phys_read64(c->memory->phys, at) : 0;
}
/* Stores a word for the core's software. */
static void core_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct vs_memory_core *c = ctx;
    book(c, t, at, VS_REF_WRITE, VS_MEM_L1);
    if (c->memory->phys) {
        vs_phys_write64(c->memory->phys, at, value);
    }
}
/* Accesses a line for the core's software. */
static void core_touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    book(ctx, t, at, ref, VS_MEM_L1);
}

/* Lines that hit L1 are taken at once, as the core takes them (cpu/fast/touches.c); a tape wants
 * each charge at its place. */
static inline void touches(struct vs_memory_core *c, struct vs_txn *t, vs_hpa at, uint64_t bytes,
                           enum vs_ref ref, uint32_t account)
{
    struct vs_linetab *l1 = c->l1[ref == VS_REF_FETCH].lines;
    const struct vs_l1 *side = ref == VS_REF_FETCH ? c->fetch : c->data;
    bool together = l1 && !t->tape && c->memory->cfg.line == VS_TOUCH_BYTES;
    uint64_t left = (bytes + VS_TOUCH_BYTES - 1u) / VS_TOUCH_BYTES;
    for (; left; left--, at.v += VS_TOUCH_BYTES) {
        if (together) {
            uint64_t hits = vs_linetab_hits(l1, at.v / VS_TOUCH_BYTES, (uint32_t)left,
                                            ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0u);
            vs_ps d = {hits * side->lines.ps[VS_MEM_L1]};
            c->count[(uint32_t)VS_CNT_memory_l1_read_hits + 2u * ref] += hits;
            vs_charge_n(t, account == MEMORYS ? side->lines.account[VS_MEM_L1] : (uint16_t)account,
                        hits, d);
            left -= hits;
            at.v += hits * VS_TOUCH_BYTES;
            if (!left) {
                return;
            }
        }
        book_on(c, t, at, ref, VS_MEM_L1, account);
    }
}

/* Accesses a range for the core's software. */
static void core_touches(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t bytes, enum vs_ref ref)
{
    touches(ctx, t, at, bytes, ref, MEMORYS);
}
/* Accesses a range on an account of the caller's. */
static void core_touches_on(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t bytes, enum vs_ref ref,
                            uint16_t account)
{
    touches(ctx, t, at, bytes, ref, account);
}

/* Stores an entry for the walker. */
static void walker_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct vs_memory_core *c = ctx;
    book(c, t, at, VS_MEM_REF_WALK_WRITE, (uint32_t)c->memory->cfg.walker_entry);
    vs_phys_write64(c->memory->phys, at, value);
}
/* Accesses a line from where the walker enters the caches. */
static void walker_book(struct vs_memory_core *c, struct vs_txn *t, vs_hpa at, enum vs_ref ref,
                        uint32_t account)
{
    book_on(c, t, at, ref == VS_REF_WRITE ? VS_MEM_REF_WALK_WRITE : VS_MEM_REF_WALK,
            (uint32_t)c->memory->cfg.walker_entry, account);
}
/* Accesses a line for the walker. */
static void walker_touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    walker_book(ctx, t, at, ref, MEMORYS);
}
/* Accesses a range for the walker on an account of the caller's. */
static void walker_touches_on(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t bytes,
                              enum vs_ref ref, uint16_t account)
{
    for (uint64_t end = at.v + bytes; at.v < end; at.v += VS_TOUCH_BYTES) {
        walker_book(ctx, t, at, ref, account);
    }
}

struct vs_mem_port vs_memory_core_port(struct vs_memory_core *c)
{
    return (struct vs_mem_port){c,          core_load,    core_store,
                                core_touch, core_touches, core_touches_on};
}

struct vs_mem_port vs_memory_walker_port(struct vs_memory_core *c)
{
    return (struct vs_mem_port){c,    c->memory->walker_load, walker_store, walker_touch,
                                NULL, walker_touches_on};
}
