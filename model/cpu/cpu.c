/* SPDX-License-Identifier: MIT */
/* More lines than most files: a blocking access, from the first-level TLB to its booking, is one
 * path that the compiler sees whole. */
#include "cpu/access.h"
#include "cpu/window.h"

#include <assert.h>
#include <string.h>

#define VS_DEF_NAME cpu
#define VS_DEF_FILE "cpu/cpu.def"
#include "virtsim/def_tables.h"

static const enum vs_op op_of[3] = {VS_OP_ACCESS_LOAD, VS_OP_ACCESS_STORE, VS_OP_ACCESS_FETCH};

/* Reports a configuration that no core can have. */
void vs_cpu_check(const struct vs_cpu_config *cfg, struct vs_errors *errors)
{
    if (cfg->mhz == 0 || cfg->ipc == 0) {
        vs_error(errors, "cpu.clock.mhz and cpu.ipc must not be 0");
    }
}

/* The greatest one, by Euclid. */
static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Makes a core with its window, if it has one. */
enum vs_status vs_cpu_init(struct vs_cpu *c, const struct vs_cpu_config *cfg,
                           struct vs_ledger *ledger)
{
    memset(c, 0, sizeof *c);
    if (cfg->mhz == 0 || cfg->ipc == 0) {
        return VS_E_CONFIG;
    }
    c->cfg = *cfg;
    c->clock = vs_clock_mhz(cfg->mhz);
    c->ledger = ledger;
    c->account = vs_ledger_accounts(ledger, &vs_cpu_desc);
    c->instruction_account = (uint16_t)(c->account + VS_ACC_cpu_instruction);
    uint64_t one = c->clock.period_ps * 1000u; /* ps x ipc of one instruction */
    c->instruction_q = one / cfg->ipc;
    c->instruction_r = one % cfg->ipc;
    uint64_t common = common_divisor(one, cfg->ipc);
    c->round_n = cfg->ipc / common;
    c->round_ps = one / common;
    c->books = c->counts;
    c->count = c->books[0];
    if (cfg->window) {
        return vs__window_create(c, &c->window, cfg->window, cfg->load_queue);
    }
    return cfg->string_stores ? vs__window_create(c, &c->string, cfg->mshrs, cfg->mshrs) : VS_OK;
}

/* Frees a core's windows. */
void vs_cpu_free(struct vs_cpu *c)
{
    vs__window_destroy(&c->window);
    vs__window_destroy(&c->string);
}

/* What an access costs that was translated so, by the level that has its line. */
static void attach_kind(struct vs_cpu *c, uint32_t ref, uint32_t tlb)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    const struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    struct vs_cpu_lookups *k = &c->lookups[ref][tlb];
    k->n = tlb == VS_CPU_TLB_NONE ? 0 : tlb < VS_L1_SIZES ? 1 : 2;
    k->part[0] = t->lookup[tlb < VS_L1_SIZES ? tlb : VS_L1_SIZES];
    if (k->n == 2u) {
        k->part[1] = c->mmu.probed[tlb - VS_CPU_TLB_SECOND];
    }
    uint64_t lookups = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        lookups += k->part[i].ps.v;
    }
    for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
        uint64_t ps = lookups + l->lines.ps[level];
        c->price[ref][tlb][level] = ps;
        if (tlb < VS_L1_SIZES && ps > c->worst_ps[ref]) {
            c->worst_ps[ref] = ps;
        }
    }
}

/* Connects a core with its MMU and its caches. */
void vs_cpu_attach(struct vs_cpu *c, const struct vs_mmu_port *mmu)
{
    if (mmu) {
        c->mmu = *mmu;
    }
    for (uint32_t ref = 0; ref < 3u; ref++) {
        for (uint32_t tlb = 0; tlb < VS_CPU_TLB_KINDS; tlb++) {
            attach_kind(c, ref, tlb);
        }
    }
    if (c->cfg.translation) {
        vs_l1_ready(&c->data);
        vs_l1_ready(&c->fetch);
    } else {
        c->data.fast = c->fetch.fast = false;
    }
    if (c->string) {
        vs__string_pace(c, c->string);
    }
    if (c->window) {
        c->data.fast = false; /* even a hit has its place in the window */
    }
}

struct vs_op_acc *vs__cpu_acc(const struct vs_txn *t, uint32_t ref)
{
    struct vs_op_acc *a = t->by_op[op_of[ref]];
    return a ? a : vs_ledger_acc(t->ledger, t->actor, op_of[ref]);
}

/* n equal accesses: parts move the clock, then the operation itself is booked. */
static void price(struct vs_cpu *c, struct vs_txn *t, uint32_t ref, uint32_t tlb, uint32_t level,
                  uint64_t n)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    struct vs_op_acc *a = vs__cpu_acc(t, ref);
    vs_ps each = {c->price[ref][tlb][level]}, line = {l->lines.ps[level]};
    const struct vs_lookup *k = c->lookups[ref][tlb].part, *end = k + c->lookups[ref][tlb].n;
    if (tlb < VS_L1_SIZES) { /* one lookup, which hit */
        vs__cpu_count_hits(vs_l1_tlb(l, ref == VS_REF_WRITE), n);
        vs_count_part(t, a, k->account, n, k->ps);
        k = end;
    }
    for (; k != end; k++) {
        vs_count_part(t, a, k->account, n, k->ps);
    }
    vs_count_part(t, a, l->lines.account[level], n, line);
    vs_count_op(t, a, n, each);
    c->count[VS_CNT_cpu_loads + (int)ref] += n;
}

/* Something is counted that has yet to be priced: instructions, hits of the inline path, others.
 * Asked at every step of an exit, so the words stand side by side and no branch is between them. */
static inline bool anything(const struct vs_cpu *c)
{
    const uint64_t *f = &c->fast[0][0], *m = c->pending_mask;
    return (c->pending_instructions | m[0] | m[1] | m[2] | f[0] | f[1] | f[2] | f[3] | f[4] | f[5] |
            f[6] | f[7] | f[8]) != 0;
}
_Static_assert(3u * VS_L1_SIZES == 9u, "anything() looks at all of them");

void vs__cpu_settle_instructions(struct vs_cpu *c, struct vs_txn *t)
{
    if (c->pending_instructions) {
        vs_ps d = {c->pending_instruction_ps};
        c->count[VS_CNT_cpu_instructions] += c->pending_instructions;
        vs_charge_n(t, c->instruction_account, c->pending_instructions, d);
        c->pending_instructions = 0;
        c->pending_instruction_ps = 0;
    }
}

void vs__cpu_settle_ref(struct vs_cpu *c, struct vs_txn *t, uint32_t ref)
{
    const struct vs_l1 *l = vs__cpu_l1(c, ref);
    for (uint32_t k = 0; k < VS_L1_SIZES; k++) {
        uint64_t n = c->fast[ref][k];
        if (n) {
            c->fast[ref][k] = 0;
            if (l->cache_hits[ref]) {
                *l->cache_hits[ref] += n;
            }
            if (!(c->pending_mask[ref] & 1u)) { /* no others of this composition: at once */
                price(c, t, ref, k, 0, n);
                continue;
            }
            vs__cpu_count_n(c, ref, k, 0, n);
        }
    }
    const uint64_t levels = (1ull << VS_LINE_LEVELS) - 1u, kinds = c->pending_mask[ref] & ~levels;
    for (uint64_t mask = c->pending_mask[ref] & levels; mask; mask &= mask - 1u) {
        uint32_t level = (uint32_t)__builtin_ctzll(mask);
        for (uint64_t kind = kinds; kind; kind &= kind - 1u) {
            uint32_t tlb = (uint32_t)__builtin_ctzll(kind) - VS_LINE_LEVELS;
            uint64_t n = c->pending[ref][tlb][level];
            if (n) {
                c->pending[ref][tlb][level] = 0;
                price(c, t, ref, tlb, level, n);
            }
        }
    }
    c->pending_mask[ref] = 0;
}

/* Books everything that was put off. */
static __attribute__((noinline)) void settle_all(struct vs_cpu *c, struct vs_txn *t)
{
    c->pending_ps = 0;
    vs__cpu_settle_instructions(c, t);
    for (uint32_t ref = 0; ref < 3u; ref++) {
        if (vs__cpu_counted(c, ref)) {
            vs__cpu_settle_ref(c, t, ref);
        }
    }
}

/* Books what was put off, if there is anything. */
static void settle(void *ctx, struct vs_txn *t)
{
    struct vs_cpu *c = ctx;
    if (anything(c)) {
        settle_all(c, t);
    }
}

void vs_cpu_begin(struct vs_cpu *c, struct vs_txn *t)
{
    c->txn = t;
    t->settle = settle;
    t->settle_ctx = c;
    t->any_order = !c->window;
    if (c->window) {
        vs__window_begin(c, t->actor);
    }
}

void vs_cpu_world(struct vs_cpu *c, bool host)
{
    if (c->txn) {
        vs_txn_settle(c->txn);
    }
    c->count = c->books[host];
}

void vs_cpu_put(struct vs_cpu *c, struct vs_cpu_thread *t)
{
    vs_txn_settle(c->txn);
    c->txn->settle = NULL;
    t->halfway = c->halfway;
    t->depends = c->depends;
    t->before_walk = c->before_walk;
    t->before_walk_ctx = c->before_walk_ctx;
    if (c->window) {
        t->again = c->window->again;
        t->again_until_ps = c->window->again_until_ps;
    }
}

void vs_cpu_take(struct vs_cpu *c, struct vs_cpu_thread *t, struct vs_txn *txn)
{
    vs_cpu_begin(c, txn);
    c->books = t->counts;
    c->count = c->books[0];
    c->halfway = t->halfway;
    c->depends = t->depends;
    c->before_walk = t->before_walk;
    c->before_walk_ctx = t->before_walk_ctx;
    if (c->window) {
        c->window->again = t->again;
        c->window->again_until_ps = t->again_until_ps;
    }
}

/* Accesses a line and charges the level that had it. */
static void book_level(const struct vs_l1 *l, struct vs_txn *t, uint64_t hpa, uint32_t ref)
{
    uint32_t level = l->lines.access(l->lines.ctx, hpa >> l->line_shift, (enum vs_ref)ref);
    vs_ps d = {l->lines.ps[level]};
    vs_charge(t, l->lines.account[level], d);
}

/* The write of the load at hpa that modifies what it has loaded. */
static void soil(const struct vs_l1 *l, uint64_t hpa)
{
    l->lines.soil(l->lines.ctx, hpa >> l->line_shift);
}

void vs__cpu_count_walk(struct vs_cpu *c, const struct vs_l1_tlb *tlb)
{
    if (!c->missed) {
        c->count[VS_CNT_cpu_dirty_walks]++;
        return;
    }
    vs__cpu_count_miss(tlb);
    if (tlb->second_misses) {
        ++*tlb->second_misses;
    }
}

/* Translates inside an open access, booking what it costs. counted: an attempt before counted this
 * lookup. False: fault. */
static bool translate_booked(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t ref,
                             bool l1_missed, bool counted, uint64_t *hpa, struct vs_booked *attempt)
{
    struct vs_txn *t = c->txn;
    vs_gva at = {gva};
    unsigned shift;
    const uint32_t right = vs__cpu_right(c, ref);
    if (!c->cfg.translation) {
        *hpa = gva;
        return true;
    }
    struct vs_l1_tlb *tlb = vs_l1_tlb(l, right == VS_REF_WRITE);
    struct vs_translation out = {.fault = VS_FAULT_NONE};
    if (!l1_missed) {
        const uint64_t *p = vs_l1_translate(l, tlb, gva, &shift);
        if (p && (right != VS_REF_WRITE || (*p & VS_L1_WRITE))) {
            vs__attempt_charge(attempt, t, &tlb->lookup[tlb->last_table]);
            vs__cpu_count_hits(tlb, !counted);
            *hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
            return true;
        }
        c->missed = p == NULL;
    }
    vs__attempt_charge(attempt, t, &tlb->lookup[VS_L1_SIZES]);
    if (!l1_missed && c->mmu.probe(c->mmu.ctx, at, (enum vs_ref)right, &out)) {
        vs__cpu_count_miss(tlb);
        vs__attempt_charge(attempt, t, &c->mmu.probed[out.second]);
        *hpa = out.hpa.v;
        return true;
    }
    vs__cpu_announce_walk(c, at);
    c->mmu.walk(c->mmu.ctx, t, at, (enum vs_ref)right, &out);
    if (vs_unlikely(attempt != NULL)) {
        vs__attempt_walked(c, t, ref, &out, attempt);
    }
    if (out.fault != VS_FAULT_NONE) {
        c->fault = out;
        return false;
    }
    vs__cpu_count_walk(c, tlb);
    *hpa = out.hpa.v;
    return true;
}

void vs__attempt_walked(const struct vs_cpu *c, const struct vs_txn *t, uint32_t ref,
                        const struct vs_translation *walk, struct vs_booked *attempt)
{
    const struct vs_lookup beside[] = {c->mmu.missed[ref == VS_REF_FETCH],
                                       {c->mmu.queue_wait, walk->queued},
                                       {c->mmu.walker_wait, walk->waited}};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        if (beside[i].ps.v) {
            vs_booked_part(attempt, beside[i].account, beside[i].ps);
        }
    }
    attempt->child = vs_ledger_acc(t->ledger, t->actor, VS_OP_WALK);
    attempt->n_children++;
    attempt->child_ps += walk->walked.v;
}

void vs__attempt_single(const struct vs_cpu *c, const struct vs_txn *t, uint32_t ref,
                        const struct vs_l1_tlb *tlb, struct vs_booked *attempt)
{
    const struct vs_lookup *missed = &tlb->lookup[VS_L1_SIZES];
    *attempt = (struct vs_booked){.n_parts = 0};
    vs_booked_part(attempt, missed->account, missed->ps);
    vs__attempt_walked(c, t, ref, &c->fault, attempt);
}

void vs__cpu_squash(struct vs_cpu *c, struct vs_txn *t, uint32_t ref,
                    const struct vs_booked *attempt)
{
    struct vs_booked one;
    c->count[VS_CNT_cpu_faults]++;
    if (!attempt) {
        vs__attempt_single(
            c, t, ref, vs_l1_tlb(vs__cpu_l1(c, ref), vs__cpu_right(c, ref) == VS_REF_WRITE), &one);
        attempt = &one;
    }
    vs_close_as(t, VS_OP_ACCESS_FAULTED, attempt);
}

/* One access charged part by part. `l1_missed`: TLBs and second-level TLB have been asked already.
 */
static bool access_booked(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t ref,
                          bool l1_missed)
{
    uint64_t hpa;
    vs__cpu_at(c, gva, ref);
    vs_open(c->txn, op_of[ref]);
    if (!translate_booked(c, l, gva, ref, l1_missed, false, &hpa, NULL)) {
        vs__cpu_squash(c, c->txn, ref, NULL);
        return false;
    }
    book_level(l, c->txn, hpa, ref);
    if (c->soils) {
        soil(l, hpa);
    }
    vs_close(c->txn);
    c->count[VS_CNT_cpu_loads + (int)ref]++;
    vs__cpu_left(c);
    return true;
}

/* Everything but the inline hit. Known where this is called: soils, the load writes its line;
 * beyond: the inline path has looked, and `newest` is what it found. */
static inline __attribute__((always_inline)) bool rest(struct vs_cpu *c, uint64_t gva, uint32_t ref,
                                                       const bool soils, const bool beyond,
                                                       const uint64_t *newest)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    if (vs_unlikely(c->exact || c->window)) {
        return c->window ? vs__window_access(c, gva, 1, ref) : access_booked(c, l, gva, ref, false);
    }
    uint64_t hpa = gva;
    uint32_t tlb = VS_CPU_TLB_NONE;
    if (vs_likely(c->cfg.translation)) {
        unsigned shift;
        struct vs_l1_tlb *first = vs_l1_tlb(l, ref == VS_REF_WRITE);
        const uint64_t *p = newest;
        if (beyond && p) {
            shift = first->shift[first->last];
        } else {
            p = beyond ? vs_l1_translate_beyond(l, first, gva, &shift)
                       : vs_l1_translate(l, first, gva, &shift);
        }
        if (vs_likely(p && (ref != VS_REF_WRITE || (*p & VS_L1_WRITE)))) {
            tlb = first->last_table;
            hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
        } else {
            struct vs_translation out;
            vs_gva at = {gva};
            c->missed = p == NULL;
            if (!c->mmu.probe(c->mmu.ctx, at, (enum vs_ref)ref, &out)) {
                return access_booked(c, l, gva, ref, true);
            }
            vs__cpu_count_miss(first);
            tlb = VS_CPU_TLB_SECOND + out.second;
            hpa = out.hpa.v;
        }
    }
    uint32_t level = l->lines.access(l->lines.ctx, hpa >> l->line_shift, (enum vs_ref)ref);
    if (soils) {
        soil(l, hpa);
    }
    vs__cpu_count(c, ref, tlb, level);
    c->pending_ps += c->price[ref][tlb][level];
    return true;
}

bool vs__cpu_access_rest(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    return rest(c, gva, ref, false, false, NULL);
}

bool vs__cpu_access_beyond(struct vs_cpu *c, uint64_t gva, uint32_t ref, const uint64_t *newest)
{
    return rest(c, gva, ref, false, true, newest);
}

/* An access over the end of a line. Split: each line is a reference of its own, translated on its
 * own, all of them before the first is loaded: what faults has loaded nothing. Otherwise one
 * reference by the cache's rule, translated by its first byte. */
static bool access_straddling(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t bytes,
                              uint32_t ref)
{
    uint64_t hpa, line = 1ull << l->line_shift, end = gva + bytes, where[VS__PIECES],
                  counted = vs__cpu_halfway(c, gva, ref);
    struct vs_booked attempt = {.n_parts = 0};
    vs__cpu_at(c, gva, ref);
    vs_open(c->txn, op_of[ref]);
    for (uint64_t at = gva; at < end; at = (at & ~(line - 1u)) + line) {
        if (!translate_booked(c, l, at, ref, false, at < counted, &hpa, &attempt)) {
            vs__cpu_stop_halfway(c, gva, at > counted ? at : counted, ref);
            vs__cpu_squash(c, c->txn, ref, &attempt);
            return false;
        }
        *vs__piece(where, gva, at) = hpa - (at & (VS__PIECE - 1u));
        if (l->lines.straddle) {
            break;
        }
    }
    if (l->lines.straddle) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): set in the loop */
        uint64_t first = where[0] + (gva & (VS__PIECE - 1u));
        uint32_t level = l->lines.straddle(l->lines.ctx, first >> l->line_shift, (enum vs_ref)ref);
        vs_ps d = {l->lines.ps[level]};
        vs_charge(c->txn, l->lines.account[level], d);
    } else {
        for (uint64_t at = gva; at < end; at = (at & ~(line - 1u)) + line) {
            hpa = *vs__piece(where, gva, at) + (at & (VS__PIECE - 1u));
            book_level(l, c->txn, hpa, ref);
            if (c->soils) {
                soil(l, hpa);
            }
        }
    }
    vs_close(c->txn);
    c->count[VS_CNT_cpu_loads + (int)ref]++;
    vs__cpu_count_straddle(c);
    vs__cpu_left(c);
    return true;
}

enum vs_cpu_stop vs_cpu_access(struct vs_cpu *c, vs_gva at, uint32_t bytes, enum vs_ref ref)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    uint32_t line = 1u << l->line_shift;
    bool ok;
    assert(bytes <= VS_CPU_ACCESS_MAX);
    if (l->lines.straddle && bytes > line) {
        bytes = line; /* cachegrind cuts long accesses to one line's length */
    }
    if (vs_unlikely(c->window != NULL)) {
        ok = vs__window_one(c, at.v, bytes, ref);
    } else if (vs_unlikely((at.v & (line - 1u)) + bytes > line)) {
        ok = access_straddling(c, l, at.v, bytes, ref);
    } else if (vs_unlikely(vs__cpu_listened(c, ref))) {
        ok = access_booked(c, l, at.v, ref, false);
    } else {
        ok = vs__cpu_access_line(c, at.v, ref);
    }
    return ok ? VS_CPU_DONE : VS_CPU_FAULT;
}

#define TOUCH 8u /* bytes that a touch accesses */

enum vs_cpu_stop vs_cpu_touches(struct vs_cpu *c, vs_gva at, uint64_t bytes, uint64_t step,
                                enum vs_ref ref, uint64_t *done)
{
    const bool runs = c->fast_touches && step == VS_TOUCH_BYTES &&
                      (at.v & (VS_TOUCH_BYTES - 1u)) <= VS_TOUCH_BYTES - TOUCH;
    for (*done = 0; *done < bytes;) {
        uint64_t n = (bytes - *done + step - 1u) / step;
        n = runs ? c->fast_touches(c, at.v + *done, n, ref) : 0;
        if (!n) { /* which makes its page the newest entry */
            vs_gva gva = {at.v + *done};
            if (vs_cpu_access(c, gva, TOUCH, ref) == VS_CPU_FAULT) {
                return VS_CPU_FAULT;
            }
            n = 1;
        }
        *done += n * step;
    }
    return VS_CPU_DONE;
}

/* Whether the first-level TLB holds all of it with the right to write, and dirty: then a load is
 * translated as a store is. */
static bool writable(struct vs_cpu *c, uint64_t gva, uint32_t bytes)
{
    struct vs_l1 *l = &c->data;
    struct vs_l1_tlb *t = vs_l1_tlb(l, true);
    unsigned shift;
    if (t != vs_l1_tlb(l, false)) {
        return false; /* stores have a TLB of their own */
    }
    for (uint64_t at = gva + bytes - 1u;; at = gva) { /* the first byte's entry is asked last */
        const uint64_t *p = vs_l1_translate(l, t, at, &shift);
        if (!p || !(*p & VS_L1_WRITE)) {
            return false;
        }
        if (at >> shift == gva >> shift) {
            return true;
        }
    }
}

bool vs__cpu_modify(struct vs_cpu *c, uint64_t gva, uint32_t bytes)
{
    struct vs_l1 *l = &c->data;
    const uint32_t line = 1u << l->line_shift, ref = VS_REF_READ;
    bytes = l->lines.straddle && bytes > line ? line : bytes;
    const bool straddles = (gva & (line - 1u)) + bytes > line,
               usual = !c->cfg.translation || writable(c, gva, bytes);
    if (!c->window && usual && !straddles && !vs__cpu_listened(c, ref)) {
        const struct vs_l1_tlb *t = vs_l1_tlb(l, false); /* which is that of stores */
        if (vs_likely(l->fast) && vs_likely(vs_l1_hit(l, t, gva, true))) {
            c->fast[ref][t->last_table]++;
            c->pending_ps += c->price[ref][t->last_table][0];
            return true;
        }
        return rest(c, gva, ref, true, false, NULL);
    }
    c->modifies = !usual;
    c->soils = true;
    bool ok = c->window   ? usual ? vs__window_access(c, gva, bytes, ref)
                                  : vs__window_booked(c, gva, bytes, ref)
                : straddles ? access_straddling(c, l, gva, bytes, ref)
                          : access_booked(c, l, gva, ref, false);
    c->modifies = c->soils = false;
    return ok;
}

enum vs_cpu_stop vs_cpu_modify(struct vs_cpu *c, vs_gva at, uint32_t bytes)
{
    assert(bytes && bytes <= VS_CPU_ACCESS_MAX);
    if (!vs__cpu_modify(c, at.v, bytes)) {
        return VS_CPU_FAULT;
    }
    if (c->window) {
        vs__window_issue(c);
        vs__cpu_left(c);
    }
    return VS_CPU_DONE;
}

enum vs_cpu_stop vs_cpu_translate(struct vs_cpu *c, vs_gva at, enum vs_ref ref)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    uint64_t hpa;
    vs_txn_settle(c->txn);
    vs__cpu_at(c, at.v, (uint32_t)ref);
    if (c->window) { /* beside the line, as every access there */
        if (!vs__window_translate(c, at.v, (uint32_t)ref)) {
            return VS_CPU_FAULT;
        }
        vs__cpu_left(c);
        return VS_CPU_DONE;
    }
    vs_open(c->txn, op_of[ref]);
    if (!translate_booked(c, l, at.v, (uint32_t)ref, false, false, &hpa, NULL)) {
        vs__cpu_squash(c, c->txn, (uint32_t)ref, NULL);
        return VS_CPU_FAULT;
    }
    vs_close(c->txn);
    c->count[VS_CNT_cpu_loads + (int)ref]++;
    vs__cpu_left(c);
    return VS_CPU_DONE;
}

void vs_cpu_interrupt(struct vs_cpu *c)
{
    if (c->window) {
        vs__window_interrupt(c);
    }
}

void vs_cpu_instructions(struct vs_cpu *c, uint64_t n)
{
    if (c->window) {
        vs__window_instructions(c, n);
    } else {
        vs__cpu_instructions(c, n);
    }
    if (c->txn->tape) {
        vs_txn_settle(c->txn);
    }
}

/* Executes instructions of the software. */
static void port_instructions(void *ctx, struct vs_txn *t, uint64_t n)
{
    struct vs_cpu *c = ctx;
    (void)t; /* a core has one time line */
    vs_cpu_instructions(c, n);
}

/* Instructions that are pending are booked now. */
static void book_instructions(struct vs_cpu *c)
{
    c->pending_ps -= c->pending_instruction_ps;
    vs__cpu_settle_instructions(c, c->txn);
}

/* What is pending is the core's own; what is added goes to the caller's account at once. */
static void port_work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    struct vs_cpu *c = ctx;
    (void)t;
    book_instructions(c);
    c->instruction_account = account;
    vs_cpu_instructions(c, n);
    book_instructions(c);
    c->instruction_account = (uint16_t)(c->account + VS_ACC_cpu_instruction);
}

/* Accesses one line of the software. */
static void port_touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    struct vs_cpu *c = ctx;
    (void)t;
    (void)vs_cpu_access(c, at, 1, ref);
}

/* Accesses a range of the software, in leading hits where it can. */
static void port_touches(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes, enum vs_ref ref)
{
    struct vs_cpu *c = ctx;
    uint64_t n = (bytes + VS_TOUCH_BYTES - 1u) / VS_TOUCH_BYTES;
    for (uint64_t done; n; n -= done, at.v += done * VS_TOUCH_BYTES) {
        done = c->fast_touches ? c->fast_touches(c, at.v, n, ref) : 0;
        if (!done) { /* which makes its page the newest entry, unless it faults */
            port_touch(ctx, t, at, ref);
            done = 1;
        }
    }
}

/* Steps whose touches were made at once: nobody looks at the order, and no tape runs. */
static void work_at_once(struct vs_cpu *c, const struct vs_core_step *s, size_t n)
{
    struct vs_part *work = c->txn->acc->work;
    uint64_t sum = 0, took = 0;
    book_instructions(c);
    for (const struct vs_core_step *end = s + n; s != end; s++) {
        uint64_t ps = vs__cpu_instructions_ps(c, s->instructions);
        work[s->account].n += s->instructions;
        work[s->account].ps += ps;
        took += ps;
        sum += s->instructions;
    }
    c->txn->now_ps += took;
    c->count[VS_CNT_cpu_instructions] += sum;
}

/* Says whether nobody looks at single accesses. */
static bool port_unwatched(void *ctx)
{
    struct vs_cpu *c = ctx;
    return c->fast_unwatched && c->fast_unwatched(c);
}

/* Instructions are counted where they are executed and priced as they add up, so it changes nothing
 * that the touches of later steps come before them, unless somebody looks at the order. */
static void port_steps(void *ctx, struct vs_txn *t, const struct vs_core_step *s, size_t n)
{
    struct vs_cpu *c = ctx;
    const struct vs_core_step *last = &s[n - 1u];
    size_t runs = ((uintptr_t)last->run - (uintptr_t)s->run) / sizeof *s->run + last->n_runs;
    if (c->fast_runs && (runs ? c->fast_runs(c, s->run, runs) : port_unwatched(c))) {
        work_at_once(c, s, n);
        return;
    }
    for (const struct vs_core_step *end = s + n; s != end; s++) {
        for (uint32_t i = 0; i < s->n_runs; i++) {
            vs_gva at = {s->run[i].at};
            port_touches(c, t, at, (uint64_t)s->run[i].n * VS_TOUCH_BYTES,
                         (enum vs_ref)s->run[i].ref);
        }
        if (s->instructions) {
            port_work(c, t, s->account, s->instructions);
        }
    }
}

/* Executes a batch at once if all of it hits, else step by step. */
static void port_batch(void *ctx, struct vs_txn *t, const struct vs_batch *b)
{
    struct vs_cpu *c = ctx;
    if (c->fast_batch && c->fast_batch(c, b)) {
        work_at_once(c, b->step, b->n_steps);
    } else {
        port_steps(ctx, t, b->step, b->n_steps);
    }
}

/* Stores a string, beginning again where a page was missing. */
static void port_store_string(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes)
{
    struct vs_cpu *c = ctx;
    (void)t;
    for (uint64_t done = 0, n; done < bytes;) {
        vs_gva from = {at.v + done};
        bool faulted = vs_cpu_store_string(c, from, bytes - done, &n) == VS_CPU_FAULT;
        done += n + (faulted ? 1u << c->data.line_shift : 0);
    }
}

struct vs_core_port vs_cpu_core_port(struct vs_cpu *c)
{
    return (struct vs_core_port){
        c,         port_instructions, port_touch,     port_store_string, port_touches,
        port_work, port_steps,        port_unwatched, port_batch};
}
