/* SPDX-License-Identifier: MIT */
/*
 * The out-of-order window (cpu.window). Accesses enter in program order, run beside each other, and
 * leave in order; the core's clock is that of entry. It stops only where the window or the load
 * queue is full: then the wait is booked as what the oldest access was doing meanwhile, so that the
 * time line stays an exact sum. Operations are booked with their own length, beside the line.
 */
#ifndef VIRTSIM_MODEL_CPU_WINDOW_H
#define VIRTSIM_MODEL_CPU_WINDOW_H

#include "cpu/access.h"

/* An access that is not complete. One that completes no later than an older one needs no slot: it
 * cannot leave before that. */
struct vs_window_slot {
    uint64_t done_ps, entry, access;
    struct vs_tape tape; /* what it does when */
};

struct vs_window_walk {
    uint64_t page, done_ps;
    unsigned shift;
};

/* A line on its way to L1; from done_ps on, free. */
struct vs_window_mshr {
    uint64_t done_ps, line;
};

/* k accesses in a row, each of q + r / base ps, `carry` left from before: when each begins after
 * the first, and what they take. */
#define VS_WINDOW_ROW 64u
struct vs_window_row {
    uint32_t k;
    uint64_t carry, q, r, base;
    uint64_t sum, took, carried, after[VS_WINDOW_ROW];
};

struct vs_cpu_window {
    struct vs_txn beside; /* operations of accesses */
    struct vs_window_slot *ring;
    uint64_t head, tail, mask;
    uint64_t entries, accesses; /* that have entered */
    uint64_t done_ps;           /* when all of them will have completed */
    uint64_t last_ps;           /* when the last data access will */
    uint64_t size, queue;
    uint64_t issue_q, issue_r, carry; /* ps of one entry: q + r / width */
    struct vs_divider by_width, by_ipc;
    uint64_t issued, issued_ps; /* not yet charged */
    uint16_t issue_account;
    struct vs_window_mshr *mshr; /* a ring, by completion */
    uint32_t mshrs, first;       /* how many, and the one that is free first */
    uint64_t lines_until_ps;
    struct vs_window_walk *walk;
    uint64_t walks, walks_mask, walks_until_ps, walks_over; /* over: so many, and all before */
    uint64_t again, again_until_ps; /* squashed entries, and when their lines will be there */
    uint64_t reissued, reissued_ps; /* not yet charged */
    struct vs_window_row row;
    struct vs_site_at *where; /* of each slot; NULL: not kept */
    bool settling;
    /* Strings alone: an actor of its own for each actor of the line, whose other accesses are on
     * that line. */
    bool apart;
    struct {
        uint16_t line, own;
    } actor[2]; /* of guest and host */
    uint32_t n_actors;
};

enum vs_status vs__window_create(const struct vs_cpu *c, struct vs_cpu_window **out, uint64_t size,
                                 uint64_t queue);
void vs__window_destroy(struct vs_cpu_window **w);
/* Operations beside the line are booked for `actor`. */
void vs__window_begin(struct vs_cpu *c, uint16_t actor);
/* What string stores overlap in: how fast they enter, once the length of a line is known. */
void vs__string_pace(const struct vs_cpu *c, struct vs_cpu_window *w);
/* One access that enters by itself, of any size. False: fault; the clock stands where it was found
 * and everything older has completed. */
bool vs__window_one(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref);
/* The same as one of instructions that are counted apart. */
bool vs__window_access(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref);
/* The same for data, part by part. */
bool vs__window_booked(struct vs_cpu *c, uint64_t gva, uint32_t bytes, uint32_t ref);
/* What the TLBs and the walker do for an access that no cache holds; the line waits for it. */
bool vs__window_translate(struct vs_cpu *c, uint64_t gva, uint32_t ref);
/* It takes its share of the width at which accesses enter, when no instruction is counted for it.
 */
void vs__window_issue(struct vs_cpu *c);
void vs__window_interrupt(struct vs_cpu *c);
void vs__window_instructions(struct vs_cpu *c, uint64_t n);

/* ---- shared by its files ---- */

/* Brings the line's clock to the moment of entry, and waits for nothing. */
void vs__window_advance(struct vs_cpu *c);

/* What a line costs an access that knows its address at `at`. */
struct vs_window_fill {
    uint64_t wait_ps, ps;
    uint32_t level;
    bool merged; /* it waited for a line that was on its way, not for an MSHR */
};
/* `level` has answered. Merges are not counted. */
struct vs_window_fill vs__window_fill(struct vs_cpu *c, const struct vs_l1 *l, uint64_t line,
                                      uint32_t ref, uint32_t level, uint64_t at);
/* When the walk of that page that is under way at `at`, or later than that, ends; `at` where there
 * is none. Walks that were over when the clock of entry reached its present time do not count. */
uint64_t vs__window_walked(struct vs_cpu *c, uint64_t gva, uint64_t at);
/* Waits until there is room for one access. */
void vs__window_room_wait(struct vs_cpu *c);

static const enum vs_op vs__window_op[3] = {VS_OP_ACCESS_LOAD, VS_OP_ACCESS_STORE,
                                            VS_OP_ACCESS_FETCH};

/* An account of the core. */
static inline uint16_t vs__window_account(const struct vs_cpu *c, unsigned which)
{
    return (uint16_t)(c->account + which);
}

/* The account of a wait for a line: its own request, or another's that it joined. */
static inline uint16_t vs__window_wait_account(const struct vs_cpu *c,
                                               const struct vs_window_fill *f)
{
    return vs__window_account(c, f->merged ? VS_ACC_cpu_mshr_merge : VS_ACC_cpu_mshr_wait);
}

/* What has completed leaves, in order. */
static inline void vs__window_leave(struct vs_cpu_window *w, uint64_t now_ps)
{
    uint64_t head = w->head, tail = w->tail;
    while (head != tail && w->ring[head & w->mask].done_ps <= now_ps) {
        head++;
    }
    w->head = head;
}

/* Whether so many entries find room at once; true may be missed, never false. */
static inline bool vs__window_roomy(const struct vs_cpu *c, uint64_t wanted, bool access)
{
    const struct vs_cpu_window *w = c->window;
    const struct vs_window_slot *s = &w->ring[w->head & w->mask];
    return w->head == w->tail
               ? wanted <= w->size
               : s->done_ps > vs_cpu_now_ps(c) && s->entry + w->size >= w->entries + wanted &&
                     (!access || w->accesses - s->access < w->queue);
}

/* Waits until the window has room for one more. */
static inline void vs__window_room(struct vs_cpu *c)
{
    vs__window_leave(c->window, vs_cpu_now_ps(c));
    if (!vs__window_roomy(c, 1, true)) {
        vs__window_room_wait(c);
    }
}

/* The MSHR that is free first takes a line: mostly it is now the last to be free. */
static inline void vs__window_take(struct vs_cpu_window *w, uint64_t line, uint64_t done_ps)
{
    uint32_t i = w->first;
    w->first = i + 1u == w->mshrs ? 0 : i + 1u;
    while (i != w->first) {
        uint32_t before = i ? i - 1u : w->mshrs - 1u;
        if (w->mshr[before].done_ps <= done_ps) {
            break;
        }
        w->mshr[i] = w->mshr[before];
        i = before;
    }
    w->mshr[i] = (struct vs_window_mshr){done_ps, line};
    w->lines_until_ps = done_ps > w->lines_until_ps ? done_ps : w->lines_until_ps;
}
/* A data access that knows its address at `at` asks for a line, which takes ps: how long for an
 * MSHR. */
static inline uint64_t vs__window_ask(struct vs_cpu *c, struct vs_cpu_window *w, uint64_t line,
                                      uint64_t at, uint64_t ps)
{
    uint64_t free_ps = w->mshr[w->first].done_ps, wait = free_ps > at ? free_ps - at : 0;
    c->count[VS_CNT_cpu_mshr_waits] += wait != 0;
    vs__window_take(w, line, at + wait + ps);
    return wait;
}

/* Books work beside the core for whoever the core works for now. */
static inline void vs__window_actor(struct vs_cpu *c)
{
    struct vs_txn *x = &c->window->beside;
    if (c->window->apart) {
        return; /* as it was begun */
    }
    x->actor = c->txn->actor;
    x->by_op = c->txn->by_op;
}

/* The access in this slot is where the program is now. */
static inline void vs__window_at(struct vs_cpu *c, const struct vs_window_slot *s)
{
    if (vs_unlikely(c->window->where != NULL)) {
        c->window->where[s - c->window->ring] = c->txn->site->at;
    }
}

/* The line is going to wait for an access in a slot: its time so far is where the program is. */
static inline void vs__window_waits(struct vs_cpu *c)
{
    if (vs_unlikely(c->window->where != NULL)) {
        vs_site_time(c->txn->site, vs_cpu_now_ps(c));
    }
}

/* It has waited for the access in this slot: that is where its time went. */
static inline void vs__window_waited(struct vs_cpu *c, const struct vs_window_slot *s)
{
    if (vs_unlikely(c->window->where != NULL)) {
        struct vs_site_at now = c->txn->site->at;
        vs_site_move(c->txn->site, &c->window->where[s - c->window->ring], c->txn->site->since_ps);
        vs_site_move(c->txn->site, &now, vs_cpu_now_ps(c));
    }
}

/* Appends a wait to a tape, if it took time. */
static inline void vs__window_note(struct vs_tape *t, uint64_t *at, uint16_t acc, uint64_t ps)
{
    if (ps) {
        t->e[t->n++] = (struct vs_tape_entry){*at, ps, acc, 1};
        *at += ps;
    }
}

/* The youngest access completes at done_ps: what it did is on the tape of the slot at the tail. */
static inline void vs__window_entered(struct vs_cpu_window *w, uint64_t done_ps, uint32_t ref)
{
    w->last_ps = ref == VS_REF_FETCH ? w->last_ps : done_ps;
    if (done_ps > w->done_ps) {
        struct vs_window_slot *s = &w->ring[w->tail & w->mask];
        w->done_ps = done_ps;
        s->done_ps = done_ps;
        s->entry = w->entries;
        s->access = w->accesses;
        w->tail++;
    }
    w->entries++;
    w->accesses++;
}

#endif
