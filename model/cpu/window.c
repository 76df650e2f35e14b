/* SPDX-License-Identifier: MIT */
/* The window in one file, a few lines longer than others: what enters, waits and leaves shares one
 * clock. */
#include "cpu/window.h"

/* ---- the clock of entry ---- */

/* Exposes a part that nothing hides. */
static void expose_part(struct vs_txn *t, uint64_t n, const struct vs_lookup *part)
{
    uint64_t ps = n * part->ps.v;
    if (ps) {
        t->acc->exposed[part->account].n += n;
        t->acc->exposed[part->account].ps += ps;
        if (t->tape) {
            vs__tape_add(t->tape, t->now_ps, ps, part->account, t->depth);
        }
        t->now_ps += ps;
    }
}

/* Hits of the front end were priced as they came: the line waits for each of them. */
static void expose_fetches(struct vs_cpu *c, struct vs_txn *t)
{
    const struct vs_l1 *l = &c->fetch;
    for (uint32_t tlb = 0; tlb < VS_CPU_TLB_KINDS; tlb++) {
        const struct vs_cpu_lookups *k = &c->lookups[VS_REF_FETCH][tlb];
        for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
            uint64_t n = c->pending[VS_REF_FETCH][tlb][level];
            if (tlb < VS_L1_SIZES && level == 0) {
                n += c->fast[VS_REF_FETCH][tlb];
            }
            for (uint32_t i = 0; n && i < k->n; i++) {
                expose_part(t, n, &k->part[i]);
            }
            struct vs_lookup line = {l->lines.account[level], {l->lines.ps[level]}};
            if (n) {
                expose_part(t, n, &line);
            }
        }
    }
}

/* Brings the line's clock to the moment of entry. */
void vs__window_advance(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    struct vs_txn *t = c->txn;
    c->pending_ps = 0;
    vs__cpu_settle_instructions(c, t);
    if (w->issued) {
        vs_ps d = {w->issued_ps};
        vs_charge_n(t, w->issue_account, w->issued, d);
        w->issued = w->issued_ps = 0;
    }
    if (w->reissued) {
        vs_ps d = {w->reissued_ps};
        vs_charge_n(t, vs__window_account(c, VS_ACC_cpu_reissue), w->reissued, d);
        w->reissued = w->reissued_ps = 0;
    }
    if (vs__cpu_counted(c, VS_REF_FETCH)) {
        expose_fetches(c, t);
        vs__window_actor(c);
        vs__cpu_settle_ref(c, &w->beside, VS_REF_FETCH);
    }
}

/* Waits for recorded work, which is not this line's. */
static void wait_for(struct vs_cpu *c, const struct vs_tape *tape, uint64_t until_ps)
{
    vs_ps until = {until_ps};
    bool before = c->window->settling;
    c->window->settling = true;
    vs__window_advance(c);
    vs_expose(c->txn, tape, vs__window_account(c, VS_ACC_cpu_order), until);
    c->window->settling = before;
}

/* The same for the access in a slot. */
static void wait_for_slot(struct vs_cpu *c, const struct vs_window_slot *s)
{
    vs__window_waits(c);
    wait_for(c, &s->tape, s->done_ps);
    vs__window_waited(c, s);
}

/* Waits for everything in the window. */
static void drain(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    for (; w->head != w->tail; w->head++) {
        wait_for_slot(c, &w->ring[w->head & w->mask]);
    }
}

/* Somebody reads the clock, an operation begins or ends on the line: all that has entered is to
 * complete first. */
static void settle(void *ctx, struct vs_txn *t)
{
    struct vs_cpu *c = ctx;
    struct vs_cpu_window *w = c->window;
    (void)t;
    if (w->settling) {
        return;
    }
    w->settling = true;
    vs__window_actor(c);
    vs__window_advance(c);
    for (uint32_t ref = 0; ref < VS_REF_FETCH; ref++) {
        if (vs__cpu_counted(c, ref)) {
            vs__cpu_settle_ref(c, &w->beside, ref);
        }
    }
    drain(c);
    w->settling = false;
}

void vs__window_begin(struct vs_cpu *c, uint16_t actor)
{
    vs_txn_beside(&c->window->beside, c->ledger, actor);
    c->window->beside.site = c->txn->site;
    c->txn->settle = settle;
}

/* How many entries there is room for: of `wanted`, at least one, after waiting where there is none.
 * `accesses` of them (0 or 1) take a place in the load queue. */
static uint64_t room(struct vs_cpu *c, uint64_t wanted, uint64_t accesses)
{
    struct vs_cpu_window *w = c->window;
    while (w->head != w->tail) {
        const struct vs_window_slot *s = &w->ring[w->head & w->mask];
        if (s->done_ps > vs_cpu_now_ps(c)) {
            uint64_t left = s->entry + w->size - w->entries;
            bool queue_full = accesses && w->accesses - s->access >= w->queue;
            if (left && !queue_full) {
                return left < wanted ? left : wanted;
            }
            c->count[left ? VS_CNT_cpu_queue_full : VS_CNT_cpu_window_full]++;
            if (c->txn->tape) {
                wait_for_slot(c, s);
            } else {
                vs_ps until = {s->done_ps};
                vs__window_waits(c);
                vs_expose_ahead(c->txn, &s->tape, vs_cpu_now_ps(c),
                                vs__window_account(c, VS_ACC_cpu_order), until);
                vs__window_waited(c, s);
            }
        }
        w->head++;
    }
    return wanted < w->size ? wanted : w->size;
}

void vs__window_room_wait(struct vs_cpu *c)
{
    (void)room(c, 1, 1);
}

void vs__window_instructions(struct vs_cpu *c, uint64_t n)
{
    while (n) {
        uint64_t k = c->window->head == c->window->tail ? n : room(c, n, 0);
        vs__cpu_instructions(c, k);
        c->window->entries += k;
        n -= k;
    }
}

/* ---- interrupts ---- */

void vs__window_interrupt(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    vs__window_leave(w, vs_cpu_now_ps(c));
    if (w->head == w->tail) {
        return;
    }
    const struct vs_window_slot *s = &w->ring[w->head & w->mask];
    wait_for_slot(c, s);
    vs__window_leave(w, c->txn->now_ps); /* what completed out of order leaves with it */
    if (w->head != w->tail) {
        s = &w->ring[w->head & w->mask];
        c->count[VS_CNT_cpu_squashed] += w->accesses - s->access;
        w->again += w->entries - s->entry;
        w->again_until_ps = w->done_ps;
        w->head = w->tail;
        w->done_ps = c->txn->now_ps;
    }
}

/* The program goes on: what was squashed enters first. Its lines and translations are there, or on
 * their way as before. */
static void enter_again(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    uint64_t n = w->again, width = c->cfg.issue_width, now = vs_cpu_now_ps(c);
    w->again = 0;
    if (w->again_until_ps > now) {
        struct vs_window_slot *s = &w->ring[w->tail++ & w->mask];
        s->tape.n = 1;
        s->tape.e[0] = (struct vs_tape_entry){now, w->again_until_ps - now,
                                              vs__window_account(c, VS_ACC_cpu_order), 1};
        s->done_ps = w->done_ps = w->again_until_ps;
        s->entry = w->entries;
        s->access = w->accesses;
        vs__window_at(c, s);
    }
    w->entries += n;
    if (width && w->size > 1u) {
        uint64_t ps = n * c->clock.period_ps / width;
        w->reissued += n;
        w->reissued_ps += ps;
        c->pending_ps += ps;
    }
}

/* ---- accesses ---- */

uint64_t vs__window_walked(struct vs_cpu *c, uint64_t gva, uint64_t at)
{
    struct vs_cpu_window *w = c->window;
    uint64_t kept = w->walks_mask + 1u, oldest = w->walks > kept ? w->walks - kept : 0,
             now = vs_cpu_now_ps(c);
    w->walks_over = w->walks_over > oldest ? w->walks_over : oldest;
    while (w->walks_over != w->walks && w->walk[w->walks_over & w->walks_mask].done_ps <= now) {
        w->walks_over++;
    }
    for (uint64_t i = w->walks; i > w->walks_over; i--) {
        const struct vs_window_walk *k = &w->walk[(i - 1u) & w->walks_mask];
        if (k->done_ps > at && gva >> k->shift == k->page) {
            return k->done_ps;
        }
    }
    return at;
}

/* When a line that is on its way at `at` arrives; `at`: it is not. */
static uint64_t arrives(const struct vs_cpu_window *w, uint64_t line, uint64_t at)
{
    for (uint32_t n = w->mshrs, i = w->first; n--; i = i + 1u == w->mshrs ? 0 : i + 1u) {
        if (w->mshr[i].line == line && w->mshr[i].done_ps > at) {
            return w->mshr[i].done_ps;
        }
    }
    return at;
}

struct vs_window_fill vs__window_fill(struct vs_cpu *c, const struct vs_l1 *l, uint64_t line,
                                      uint32_t ref, uint32_t level, uint64_t at)
{
    struct vs_cpu_window *w = c->window;
    struct vs_window_fill f = {.level = level, .ps = l->lines.ps[level]};
    if (f.level == 0) {
        if (w->lines_until_ps > at + f.ps && ref != VS_REF_FETCH) {
            f.wait_ps = arrives(w, line, at + f.ps) - at - f.ps;
            f.merged = f.wait_ps != 0;
        }
    } else if (ref != VS_REF_FETCH) {
        f.wait_ps = vs__window_ask(c, w, line, at, f.ps);
    }
    return f;
}

/* Asks for a line beside the core, and says when it comes. */
static struct vs_window_fill fetch_line(struct vs_cpu *c, struct vs_l1 *l, uint64_t hpa,
                                        uint32_t ref, uint64_t at)
{
    uint64_t line = hpa >> l->line_shift;
    uint32_t level = l->lines.access(l->lines.ctx, line, (enum vs_ref)ref);
    if (vs_unlikely(c->soils)) {
        l->lines.soil(l->lines.ctx, line);
    }
    struct vs_window_fill f = vs__window_fill(c, l, line, ref, level, at);
    c->count[VS_CNT_cpu_mshr_merges] += f.merged;
    return f;
}

/* Inside the open operation on w->beside. counted: an attempt before counted this lookup. False:
 * fault. */
static bool translate(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t ref, bool missed,
                      bool counted, uint64_t *hpa, struct vs_booked *attempt)
{
    struct vs_cpu_window *w = c->window;
    struct vs_txn *x = &w->beside;
    struct vs_translation out = {.fault = VS_FAULT_NONE};
    vs_gva at = {gva};
    unsigned shift;
    const uint32_t right = vs__cpu_right(c, ref);
    *hpa = gva;
    if (!c->cfg.translation) {
        return true;
    }
    struct vs_l1_tlb *tlb = vs_l1_tlb(l, right == VS_REF_WRITE);
    const struct vs_lookup *miss = &tlb->lookup[VS_L1_SIZES];
    if (missed) {
        vs__attempt_charge(attempt, x, miss);
    } else {
        const uint64_t *p = vs_l1_translate(l, tlb, gva, &shift);
        bool hit = p && (right != VS_REF_WRITE || (*p & VS_L1_WRITE));
        vs__attempt_charge(attempt, x, hit ? &tlb->lookup[tlb->last_table] : miss);
        if (hit) {
            vs__cpu_count_hits(tlb, !counted);
            *hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
        } else {
            c->missed = p == NULL;
            hit = c->mmu.probe(c->mmu.ctx, at, (enum vs_ref)right, &out);
            if (hit) {
                vs__cpu_count_miss(tlb);
                vs__attempt_charge(attempt, x, &c->mmu.probed[out.second]);
                *hpa = out.hpa.v;
            }
        }
        if (hit) {
            uint16_t merge = vs__window_account(c, VS_ACC_cpu_walk_merge);
            vs_ps ready = {vs__window_walked(c, gva, x->now_ps)};
            vs_ps waited = vs_wait_until(x, merge, ready);
            if (waited.v) {
                c->count[VS_CNT_cpu_walk_merges]++;
                vs__attempt_part(attempt, merge, waited);
            }
            return true;
        }
    }
    vs__cpu_announce_walk(c, at);
    c->mmu.walk(c->mmu.ctx, x, at, (enum vs_ref)right, &out);
    if (vs_unlikely(attempt != NULL)) {
        vs__attempt_walked(c, x, ref, &out, attempt);
    }
    if (out.fault != VS_FAULT_NONE) {
        c->fault = out;
        return false;
    }
    vs__cpu_count_walk(c, tlb);
    *hpa = out.hpa.v;
    w->walk[w->walks++ & w->walks_mask] =
        (struct vs_window_walk){gva >> out.page_shift, x->now_ps, out.page_shift};
    w->walks_until_ps = x->now_ps > w->walks_until_ps ? x->now_ps : w->walks_until_ps;
    return true;
}

/* The attempt faulted: taken where it retires, when everything older has completed. */
static void squash(struct vs_cpu *c, uint32_t ref, const struct vs_tape *tape,
                   const struct vs_booked *attempt)
{
    struct vs_txn *x = &c->window->beside;
    vs__cpu_squash(c, x, ref, attempt);
    x->tape = NULL;
    uint64_t done = x->now_ps; /* which fetches that are settled beside it move */
    vs_txn_settle(c->txn);
    wait_for(c, tape, done);
}

/* The line at hpa, for the access that is open on w->beside. */
static void book_line(struct vs_cpu *c, struct vs_l1 *l, uint64_t hpa, uint32_t ref)
{
    struct vs_txn *x = &c->window->beside;
    struct vs_window_fill f = fetch_line(c, l, hpa, ref, x->now_ps);
    vs_ps wait = {f.wait_ps}, d = {f.ps};
    if (wait.v) {
        vs_charge(x, vs__window_wait_account(c, &f), wait);
    }
    vs_charge(x, l->lines.account[f.level], d);
}

/* An access booked part by part, from `start`: a walk, several lines, or somebody wants the parts.
 * All lines are translated before the first is asked for. bytes 0: translated only. */
static bool booked(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t bytes, uint32_t ref,
                   bool missed, uint64_t start)
{
    struct vs_cpu_window *w = c->window;
    struct vs_txn *x = &w->beside;
    struct vs_window_slot *s = &w->ring[w->tail & w->mask];
    uint64_t line = 1ull << l->line_shift, end = gva + (bytes ? bytes : 1u), hpa, counted = 0,
             where[VS__PIECES];
    struct vs_booked sofar, *attempt = NULL;
    bool straddles = (gva & (line - 1u)) + bytes > line;
    if (vs_unlikely(straddles)) {
        sofar = (struct vs_booked){.n_parts = 0};
        attempt = &sofar;
        counted = vs__cpu_halfway(c, gva, ref);
    }
    vs__window_actor(c);
    x->now_ps = start;
    s->tape.n = 0;
    x->tape = &s->tape;
    vs_open(x, vs__window_op[ref]);
    for (uint64_t at = gva; at < end; at = (at & ~(line - 1u)) + line) {
        if (!translate(c, l, at, ref, missed, at < counted, &hpa, attempt)) {
            if (straddles) {
                vs__cpu_stop_halfway(c, gva, at > counted ? at : counted, ref);
            }
            squash(c, ref, &s->tape, attempt);
            return false;
        }
        missed = false;
        *vs__piece(where, gva, at) = hpa - (at & (VS__PIECE - 1u));
        if (l->lines.straddle && straddles) {
            break;
        }
    }
    if (l->lines.straddle && straddles) {
        uint32_t level = l->lines.straddle(
            l->lines.ctx, (where[0] + (gva & (VS__PIECE - 1u))) >> l->line_shift, (enum vs_ref)ref);
        vs_ps d = {l->lines.ps[level]};
        vs_charge(x, l->lines.account[level], d);
    } else if (bytes) {
        for (uint64_t at = gva; at < end; at = (at & ~(line - 1u)) + line) {
            book_line(c, l, *vs__piece(where, gva, at) + (at & (VS__PIECE - 1u)), ref);
        }
    }
    vs_close(x);
    x->tape = NULL;
    c->count[VS_CNT_cpu_loads + (int)ref]++;
    if (vs_unlikely(straddles)) {
        vs__cpu_count_straddle(c);
    }
    vs__window_entered(w, x->now_ps, ref);
    return true;
}

/* The line waits for it: only its own time is exposed, older accesses go on. It takes no entry. */
static bool booked_at_once(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t bytes,
                           uint32_t ref, bool missed)
{
    struct vs_cpu_window *w = c->window;
    (void)room(c, 1, 1); /* the slot at the tail is free */
    uint64_t tail = w->tail, done = w->done_ps, last = w->last_ps;
    const struct vs_window_slot *s = &w->ring[w->tail & w->mask];
    if (!booked(c, l, gva, bytes, ref, missed, vs_cpu_now_ps(c))) {
        return false;
    }
    w->tail = tail;
    w->done_ps = done;
    w->last_ps = last;
    w->entries--;
    w->accesses--;
    wait_for(c, &s->tape, w->beside.now_ps);
    return true;
}

bool vs__window_translate(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    return booked_at_once(c, vs__cpu_l1(c, ref), gva, 0, ref, false);
}

/* An access that found its translation but waited for something. */
static void book_waits(struct vs_cpu *c, struct vs_l1 *l, uint32_t ref, uint32_t tlb,
                       uint64_t walk_ps, const struct vs_window_fill *f)
{
    struct vs_txn *x = &c->window->beside;
    vs__window_actor(c);
    struct vs_op_acc *a = x->by_op[vs__window_op[ref]];
    a = a ? a : vs_ledger_acc(x->ledger, x->actor, vs__window_op[ref]);
    vs_ps walk = {walk_ps}, wait = {f->wait_ps}, line = {f->ps}, total = {walk_ps + f->wait_ps};
    total.v += c->price[ref][tlb][f->level];
    const struct vs_cpu_lookups *k = &c->lookups[ref][tlb];
    for (uint32_t i = 0; i < k->n; i++) {
        vs_count_part(x, a, k->part[i].account, 1, k->part[i].ps);
    }
    if (tlb < VS_L1_SIZES) {
        vs__cpu_count_hits(vs_l1_tlb(l, ref == VS_REF_WRITE), 1);
    }
    if (walk.v) {
        vs_count_part(x, a, vs__window_account(c, VS_ACC_cpu_walk_merge), 1, walk);
    }
    if (wait.v) {
        vs_count_part(x, a, vs__window_wait_account(c, f), 1, wait);
    }
    vs_count_part(x, a, l->lines.account[f->level], 1, line);
    vs_count_op(x, a, 1, total);
    c->count[VS_CNT_cpu_loads + (int)ref]++;
}

/* One data access inside one line whose start is known. False: fault. */
static bool one_line(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint32_t ref, uint64_t start)
{
    struct vs_cpu_window *w = c->window;
    uint64_t hpa = gva, at = start, walk_ps = 0;
    uint32_t tlb = VS_CPU_TLB_NONE;
    struct vs_tape *tape = &w->ring[w->tail & w->mask].tape;
    tape->n = 0;
    if (c->cfg.translation) {
        unsigned shift;
        struct vs_l1_tlb *first = vs_l1_tlb(l, ref == VS_REF_WRITE);
        const uint64_t *p = vs_l1_translate(l, first, gva, &shift);
        if (vs_likely(p && (ref != VS_REF_WRITE || (*p & VS_L1_WRITE)))) {
            tlb = first->last_table;
            hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
        } else {
            struct vs_translation out;
            vs_gva g = {gva};
            c->missed = p == NULL;
            if (!c->mmu.probe(c->mmu.ctx, g, (enum vs_ref)ref, &out)) {
                return booked(c, l, gva, 1, ref, true, start);
            }
            vs__cpu_count_miss(first);
            tlb = VS_CPU_TLB_SECOND + out.second;
            hpa = out.hpa.v;
        }
        const struct vs_cpu_lookups *k = &c->lookups[ref][tlb];
        for (uint32_t i = 0; i < k->n; i++) {
            vs__window_note(tape, &at, k->part[i].account, k->part[i].ps.v);
        }
        if (w->walks_until_ps > at) {
            walk_ps = vs__window_walked(c, gva, at) - at;
            c->count[VS_CNT_cpu_walk_merges] += walk_ps != 0;
            vs__window_note(tape, &at, vs__window_account(c, VS_ACC_cpu_walk_merge), walk_ps);
        }
    }
    struct vs_window_fill f = fetch_line(c, l, hpa, ref, at);
    if (vs_unlikely(walk_ps | f.wait_ps)) {
        vs__window_note(tape, &at, vs__window_wait_account(c, &f), f.wait_ps);
        book_waits(c, l, ref, tlb, walk_ps, &f);
    } else {
        vs__cpu_count(c, ref, tlb, f.level);
    }
    vs__window_note(tape, &at, l->lines.account[f.level], f.ps);
    vs__window_entered(w, at, ref);
    return true;
}

/* The front end waits for each line. */
static bool fetch(struct vs_cpu *c, uint64_t gva, uint32_t bytes)
{
    struct vs_l1 *l = &c->fetch;
    uint64_t hpa = gva;
    uint32_t line = 1u << l->line_shift, tlb = VS_CPU_TLB_NONE;
    bool missed = false;
    vs__cpu_at(c, gva, VS_REF_FETCH);
    if ((gva & (line - 1u)) + bytes <= line && !vs__cpu_listened(c, VS_REF_FETCH)) {
        if (c->cfg.translation) {
            unsigned shift;
            struct vs_l1_tlb *first = vs_l1_tlb(l, false);
            const uint64_t *p = vs_l1_translate(l, first, gva, &shift);
            if (p) {
                tlb = first->last_table;
                hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
            } else {
                struct vs_translation out;
                vs_gva g = {gva};
                c->missed = true;
                out.second = 0;
                missed = !c->mmu.probe(c->mmu.ctx, g, VS_REF_FETCH, &out);
                tlb = VS_CPU_TLB_SECOND + out.second;
                hpa = missed ? 0 : out.hpa.v;
                if (!missed) {
                    vs__cpu_count_miss(first);
                }
            }
        }
        if (!missed) {
            uint32_t level = l->lines.access(l->lines.ctx, hpa >> l->line_shift, VS_REF_FETCH);
            vs__cpu_count(c, VS_REF_FETCH, tlb, level);
            c->pending_ps += c->price[VS_REF_FETCH][tlb][level];
            return true;
        }
    }
    return booked_at_once(c, l, gva, bytes, VS_REF_FETCH, missed);
}

/* A data access begins: its slot is free. When it begins. */
static inline uint64_t begin_access(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    struct vs_cpu_window *w = c->window;
    if (vs_unlikely(w->again && c->count == c->books[0])) {
        enter_again(c); /* not before a hypervisor's handler */
    }
    (void)room(c, 1, 1);
    vs__cpu_at(c, gva, ref);
    vs__window_at(c, &w->ring[w->tail & w->mask]);
    uint64_t start = vs_cpu_now_ps(c);
    return c->depends && w->last_ps > start ? w->last_ps : start;
}

bool vs__window_access(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref)
{
    struct vs_cpu_window *w = c->window;
    struct vs_l1 *l = &c->data;
    uint32_t line = 1u << l->line_shift;
    if (ref == VS_REF_FETCH) {
        return fetch(c, gva, bytes);
    }
    uint64_t start = begin_access(c, gva, ref);
    if (vs_unlikely((gva & (line - 1u)) + bytes > line)) {
        return booked(c, l, gva, bytes, ref, false, start);
    }
    vs__window_actor(c);
    const struct vs_op_acc *a = w->beside.by_op[vs__window_op[ref]];
    if (vs_unlikely(a && a->sampler)) {
        return booked(c, l, gva, bytes, ref, false, start);
    }
    return one_line(c, l, gva, ref, start);
}

bool vs__window_booked(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref)
{
    uint64_t start = begin_access(c, gva, ref);
    return booked(c, &c->data, gva, bytes, ref, false, start);
}

void vs__window_issue(struct vs_cpu *c)
{
    struct vs_cpu_window *w = c->window;
    uint64_t ps = w->issue_q;
    w->carry += w->issue_r;
    if (w->carry && w->carry >= w->by_width.n) {
        w->carry -= w->by_width.n;
        ps++;
    }
    w->issued++;
    w->issued_ps += ps;
    c->pending_ps += ps;
}

bool vs__window_one(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref)
{
    uint32_t line = 1u << c->data.line_shift;
    if (ref == VS_REF_FETCH && (gva & (line - 1u)) + bytes <= line) {
        if (!vs__cpu_access_line(c, gva, ref)) {
            return false;
        }
        vs__cpu_left(c);
        return true;
    }
    if (!vs__window_access(c, gva, bytes, ref)) {
        return false;
    }
    if (ref != VS_REF_FETCH) {
        vs__window_issue(c);
    }
    vs__cpu_left(c);
    return true;
}
