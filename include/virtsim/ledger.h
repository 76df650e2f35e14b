/* SPDX-License-Identifier: MIT */
/*
 * The ledger: the only place where simulated time moves. A model charges named accounts of the
 * transaction it serves; the transaction's clock is the sum of its charges.
 *
 * Three verbs move time: vs_charge (work), vs_wait_until (the exposed part of something that
 * overlaps), vs_acquire (contention for slots). Each names its account.
 *
 * An operation is opened and closed on a transaction. A charge is booked once, in the innermost
 * open operation; at close the parent records the child's total. So for every (actor, op):
 * total = sum of its parts + sum of its children. The outermost operation of an agent is its
 * time line; it ends where the agent's clock ends.
 *
 * Cost: a charge is two adds into accumulator[open operation][account] and one to the clock.
 */
#ifndef VIRTSIM_LEDGER_H
#define VIRTSIM_LEDGER_H

#include "virtsim/def.h"
#include "virtsim/hist.h"
#include "virtsim/status.h"

enum vs_op {
#define VS_OP(e, name, text) VS_OP_##e,
#include "virtsim/ops.def"
#undef VS_OP
    VS_OP_N /* exits follow, which architectures register (op.h) */
};
#define VS_OPS 288u /* operations, at most */
size_t vs_op_count(void);
const char *vs_op_name(enum vs_op op);
const char *vs_op_text(enum vs_op op);
bool vs_op_parse(const char *name, enum vs_op *out);

#define VS_TXN_DEPTH 24u /* operations nest at most this deep */

struct vs_part {
    uint64_t n, ps;
};

struct vs_child {
    struct vs_op_acc *op;
    uint64_t n, ps;
};

/* Everything booked for one (actor, operation). */
struct vs_op_acc {
    uint64_t n, total_ps, min_ps, max_ps;
    uint64_t open_ops;       /* still open at a cut or at the end: timed, not counted in n */
    struct vs_part *work;    /* [ledger->n_accounts] */
    struct vs_part *exposed; /* [ledger->n_accounts] */
    struct vs_child *child;
    uint32_t n_child, cap_child;
    struct vs_hist *hist;
    struct vs_sampler *sampler; /* NULL unless spans are asked for */
    struct vs_site_seen *seen;  /* what is booked by place already (site.h); NULL: nothing */
    uint16_t actor;
    uint16_t op;
};

/* A recording of charges, for exposure (whoever waits for this work) and for sampled spans. */
struct vs_tape_entry {
    uint64_t start_ps, ps;
    uint16_t account;
    uint16_t depth;
};
struct vs_tape {
    struct vs_tape_entry *e;
    size_t n, cap;
};

struct vs_frame {
    struct vs_op_acc *acc;
    uint64_t start_ps;
    struct vs_span *span; /* being sampled */
};

/* A transaction: one agent's clock and its stack of open operations. */
struct vs_txn {
    uint64_t now_ps;
    struct vs_op_acc *acc;                       /* of the innermost open operation */
    struct vs_op_acc **by_op;                    /* current actor's accumulators, by enum vs_op */
    struct vs_tape *tape;                        /* NULL = nobody listens */
    void (*settle)(void *ctx, struct vs_txn *t); /* prices counted hits; NULL = none pending ever */
    void *settle_ctx;
    struct vs_site *site; /* where in its program it is (site.h); NULL: nobody keeps that */
    struct vs_ledger *ledger;
    uint32_t depth;
    uint16_t actor;
    bool any_order;  /* what was put off may be priced behind charges that come after it */
    uint32_t prefix; /* of a device's request: its TLP prefix (port/pasid.h); 0: none */
    struct vs_frame frame[VS_TXN_DEPTH];
};

struct vs_ledger;

struct vs_ledger *vs_ledger_create(uint64_t seed);
void vs_ledger_destroy(struct vs_ledger *l);

/* Registers a component's accounts; returns the id of its account 0. Same desc twice: same base.
 * All components register before the first actor is used for charging. */
uint16_t vs_ledger_accounts(struct vs_ledger *l, const struct vs_component_desc *c);
/* Registers (or finds) an actor by name: "vcpu0/guest". */
uint16_t vs_ledger_actor(struct vs_ledger *l, const char *name);
/* Registers one instance's counter array (length c->n_counters, owned by the component). */
void vs_ledger_counters(struct vs_ledger *l, uint16_t actor, const struct vs_component_desc *c,
                        const uint64_t *values);
/* The accumulator of (actor, op), made on first use. */
struct vs_op_acc *vs_ledger_acc(struct vs_ledger *l, uint16_t actor, enum vs_op op);

/* Starts a transaction: a time line of `actor` (op timeline) beginning at `start`. */
void vs_txn_begin(struct vs_txn *t, struct vs_ledger *l, uint16_t actor, vs_ps start);
/* Ends it: settles and closes every open operation as open_ops, and the time line itself. */
void vs_txn_end(struct vs_txn *t);
/* A transaction without a time line: its operations overlap those of a line, which books the part
 * it waits for (vs_expose). Its owner may set its clock between operations. Nothing to end. */
void vs_txn_beside(struct vs_txn *t, struct vs_ledger *l, uint16_t actor);
/* Whoever works from now on (guest or host of a vCPU). Settles first. */
void vs_txn_actor(struct vs_txn *t, uint16_t actor);

/* Books what was put off, before anything depends on the clock. */
static inline void vs_txn_settle(struct vs_txn *t)
{
    if (t->settle) {
        t->settle(t->settle_ctx, t);
    }
}

/* Reads the clock; counted hits are priced first. */
static inline vs_ps vs_now(struct vs_txn *t)
{
    vs_txn_settle(t);
    vs_ps now = {t->now_ps};
    return now;
}

void vs__open_seldom(struct vs_txn *t, enum vs_op op); /* the first of its kind, or sampled */
/* Begins an operation in a transaction; vs_close ends it. */
static inline void vs_open(struct vs_txn *t, enum vs_op op)
{
    vs_txn_settle(t);
    struct vs_op_acc *a = t->by_op[op];
    if (vs_unlikely(!a || a->sampler || t->depth >= VS_TXN_DEPTH)) {
        vs__open_seldom(t, op);
        return;
    }
    struct vs_frame *f = &t->frame[t->depth++];
    f->acc = t->acc = a;
    f->start_ps = t->now_ps;
    f->span = NULL;
}
vs_ps vs_close(struct vs_txn *t); /* returns the operation's duration */

/* Some of what an operation has booked. */
#define VS_BOOKED_PARTS 24u
struct vs_booked {
    uint32_t n_parts;
    struct {
        uint16_t account;
        uint64_t n, ps;
    } part[VS_BOOKED_PARTS];
    struct vs_op_acc *child; /* NULL: none */
    uint64_t n_children, child_ps;
};
void vs_booked_part(struct vs_booked *b, uint16_t account, vs_ps d);
/* Ends the innermost operation as one of another kind, which is what it turned out to be (an access
 * that faulted). `b` is all that it has booked, and goes with it. Returns its duration. */
vs_ps vs_close_as(struct vs_txn *t, enum vs_op op, const struct vs_booked *b);

void vs__tape_grow(struct vs_tape *tape);
/* Appends a charge to a tape. */
static inline void vs__tape_add(struct vs_tape *tape, uint64_t start_ps, uint64_t ps,
                                uint16_t account, uint32_t depth)
{
    if (vs_unlikely(tape->n == tape->cap)) {
        vs__tape_grow(tape);
    }
    tape->e[tape->n++] = (struct vs_tape_entry){start_ps, ps, account, (uint16_t)depth};
}

/* Work: `n` equal charges at once cost the same as n single ones. */
static inline void vs_charge_n(struct vs_txn *t, uint16_t account, uint64_t n, vs_ps total)
{
    struct vs_part *p = &t->acc->work[account];
    p->n += n;
    p->ps += total.v;
    if (vs_unlikely(t->tape != NULL)) {
        vs__tape_add(t->tape, t->now_ps, total.v, account, t->depth);
    }
    t->now_ps += total.v;
}
/* Charges time to an account, and moves the transaction's clock. */
static inline void vs_charge(struct vs_txn *t, uint16_t account, vs_ps d)
{
    vs_charge_n(t, account, 1, d);
}

/* Somebody keeps the order of charges, or what was put off says itself when it is priced. */
static inline bool vs_txn_ordered(const struct vs_txn *t)
{
    return !t->any_order || t->tape || t->site;
}
/* Charges time to an account beside what was put off in the same operation: sums are the same in
 * any order, so that this is priced only where somebody keeps the order. */
static inline void vs_charge_beside(struct vs_txn *t, uint16_t account, vs_ps d)
{
    if (vs_unlikely(vs_txn_ordered(t))) {
        vs_txn_settle(t);
    }
    vs_charge(t, account, d);
}
/* An operation that is one charge and holds no other, beside what was put off before it. */
void vs_once(struct vs_txn *t, enum vs_op op, uint16_t account, vs_ps d);

/* Charges that are made one behind the other each time: planned once (those of n 0 are left out),
 * made together. */
struct vs_charge_plan {
    uint64_t n, ps;
    uint16_t account;
};
/* Appends a charge to a plan, and returns how many it has now. */
static inline uint32_t vs_charge_plan_add(struct vs_charge_plan *plan, uint32_t used,
                                          uint16_t account, uint64_t n, vs_ps total)
{
    if (n) {
        plan[used++] = (struct vs_charge_plan){n, total.v, account};
    }
    return used;
}
/* Charges everything in a plan. */
static inline void vs_charge_planned(struct vs_txn *t, const struct vs_charge_plan *plan,
                                     uint32_t used)
{
    struct vs_part *work = t->acc->work;
    uint64_t sum = 0;
    if (vs_unlikely(t->tape != NULL)) {
        for (const struct vs_charge_plan *i = plan, *end = plan + used; i != end; i++) {
            vs_charge_n(t, i->account, i->n, (vs_ps){i->ps});
        }
        return;
    }
    for (const struct vs_charge_plan *i = plan, *end = plan + used; i != end; i++) {
        work[i->account].n += i->n;
        work[i->account].ps += i->ps;
        sum += i->ps;
    }
    t->now_ps += sum;
}

/* The exposed part of something that overlaps: nothing when `when` has passed. Returns the wait. */
static inline vs_ps vs_wait_until(struct vs_txn *t, uint16_t account, vs_ps when)
{
    vs_ps d = {when.v > t->now_ps ? when.v - t->now_ps : 0};
    if (d.v) {
        vs_charge_n(t, account, 1, d);
    }
    return d;
}

/* Slots of a shared resource, reached in time order. */
struct vs_slots {
    uint64_t *busy_until_ps; /* [n] */
    uint32_t *next, *prev;   /* [n + 1] a ring through them by when they are free, then by number;
                                entry n closes it */
    uint32_t n;
};
enum vs_status vs_slots_init(struct vs_slots *s, uint32_t n);
void vs_slots_free(struct vs_slots *s);
/* Waits (booked under `account`) for the earliest free slot and returns its index; the holder says
 * with vs_release until when it is busy. */
uint32_t vs_acquire(struct vs_txn *t, uint16_t account, struct vs_slots *s);
void vs__slots_order(struct vs_slots *s, uint32_t slot); /* its time has changed */
static inline void vs_release(struct vs_slots *s, uint32_t slot, vs_ps at)
{
    s->busy_until_ps[slot] = at.v;
    if (s->n > 1u) {
        vs__slots_order(s, slot);
    }
}

/* Waits until `when` for work recorded on `tape`: each recorded charge books its overlap with the
 * wait as exposed; what no charge covers goes to `gap`. Tiles exactly. */
void vs_expose(struct vs_txn *t, const struct vs_tape *tape, uint16_t gap, vs_ps when);
/* The same without settling, for a settler whose clock, `from`, is ahead of t's by what it has yet
 * to charge: sums are the same in any order, so t must not have a tape. */
void vs_expose_ahead(struct vs_txn *t, const struct vs_tape *tape, uint64_t from, uint16_t gap,
                     vs_ps when);

/* Books `n` operations of `each` ps that happened inside the innermost open operation without being
 * opened one by one (counted hits). Does not move the clock: parts do (vs_count_part). */
void vs_count_op(struct vs_txn *t, struct vs_op_acc *acc, uint64_t n, vs_ps each);
/* The same for operations of different lengths, which the caller adds to the histogram. */
void vs_count_ops(struct vs_txn *t, struct vs_op_acc *acc, uint64_t n, uint64_t sum_ps,
                  uint64_t least_ps, uint64_t most_ps);
/* Parts and children booked for `from` belong to `to`. */
void vs_count_move(struct vs_op_acc *from, struct vs_op_acc *to, const struct vs_booked *b);
/* One part of such operations; moves the clock by n x each. */
static inline void vs_count_part(struct vs_txn *t, struct vs_op_acc *acc, uint16_t account,
                                 uint64_t n, vs_ps each)
{
    acc->work[account].n += n;
    acc->work[account].ps += n * each.v;
    if (vs_unlikely(t->tape != NULL)) {
        vs__tape_add(t->tape, t->now_ps, n * each.v, account, t->depth + 1);
    }
    t->now_ps += n * each.v;
}

/* A journey (packet, block request): its own clock through several agents; its parts are kept with
 * it and booked when it ends, so what is still under way at the end of a run is only counted. They
 * are kept as they come, and those of one account become one when there is no more room. */
#define VS_JOURNEY_PARTS 48u  /* of different accounts */
#define VS_JOURNEY_PIECES 80u /* as they come */
struct vs_journey {
    uint64_t start_ps, now_ps;
    uint32_t n;
    struct vs_journey_piece {
        uint64_t what; /* account, VS_JOURNEY_EXPOSED, and how many, times VS_JOURNEY_ONE */
        uint64_t ps;
    } piece[VS_JOURNEY_PIECES];
};
#define VS_JOURNEY_EXPOSED 0x10000u
#define VS_JOURNEY_ONE (1ull << 32)
void vs_journey_begin(struct vs_journey *j, vs_ps start);
void vs_journey_charge(struct vs_journey *j, uint16_t account, vs_ps d);   /* work of its own  */
void vs_journey_wait(struct vs_journey *j, uint16_t account, vs_ps until); /* named resource   */
void vs_journey_expose(struct vs_journey *j, const struct vs_tape *tape, uint16_t gap, vs_ps until);
void vs_journey_end(struct vs_journey *j, struct vs_op_acc *acc);
void vs_journey_open(struct vs_op_acc *acc); /* still under way at the end of the run */

void vs_tape_clear(struct vs_tape *tape);
void vs_tape_free(struct vs_tape *tape);

/* Region of interest starts here: all books and counters start again at zero, time lines at their
 * present clock. Operations open at the cut are dropped; their rest is booked as sim.cut. */
void vs_ledger_cut(struct vs_ledger *l);
/* When the region of interest began: the latest clock at the last cut, 0 without one. Journeys that
 * began before it are for their owner to drop. */
uint64_t vs_ledger_cut_ps(const struct vs_ledger *l);

/* Reading the books (results writer, explain, tests). */
const char *vs_ledger_actor_name(const struct vs_ledger *l, uint16_t actor);
size_t vs_ledger_n_accounts(const struct vs_ledger *l);
const struct vs_account_desc *vs_ledger_account(const struct vs_ledger *l, uint16_t account);
/* All accumulators with anything in them, ordered by actor name then op. */
typedef void vs_acc_visitor(void *ctx, const struct vs_op_acc *acc);
void vs_ledger_each(const struct vs_ledger *l, vs_acc_visitor *visit, void *ctx);
/* All counters since the last cut. */
typedef void vs_counter_visitor(void *ctx, const char *actor, const struct vs_counter_desc *c,
                                uint64_t value);
void vs_ledger_each_counter(const struct vs_ledger *l, vs_counter_visitor *visit, void *ctx);
/* Operations whose total differs from parts + children, or whose mean lies outside what single ones
 * took: 0 always, or `why` says which. */
size_t vs_ledger_unbalanced(const struct vs_ledger *l, char *why, size_t bytes);

/* Sampling: keep the first n of each operation and a seeded reservoir of n more. */
void vs_ledger_sample(struct vs_ledger *l, uint32_t n);
/* What a sampled operation says of itself besides its time: an exit's code and information. */
#define VS_NOTES 12u
#define VS_NOTE_TEXT 96u
struct vs_note {
    const char *name; /* as its manual calls it */
    uint64_t value;
    char text[VS_NOTE_TEXT]; /* what the value means, in words; "" nothing more */
};
struct vs_span {
    uint64_t ordinal, start_ps, total_ps;
    size_t mark; /* where its charges begin on the transaction's tape */
    bool own_tape;
    uint32_t n_notes;
    struct vs_note *note; /* [VS_NOTES], made with the first one */
    struct vs_tape tape;
};
/* The innermost open operation is kept as a span, and vs_txn_note has an effect. */
static inline bool vs_txn_sampled(const struct vs_txn *t)
{
    return t->depth && t->frame[t->depth - 1u].span;
}
/* Adds notes to that span; nothing where it is not kept, or has VS_NOTES already. */
void vs_txn_note(struct vs_txn *t, const struct vs_note *notes, unsigned n);
typedef void vs_span_visitor(void *ctx, const struct vs_op_acc *acc, const struct vs_span *s);
void vs_ledger_each_span(const struct vs_ledger *l, vs_span_visitor *visit, void *ctx);

#endif
