/* SPDX-License-Identifier: MIT */
/*
 * A thread: what a processor runs, and what it waits for. Waiting is the state of its top frame.
 * One is pushed by whatever has to wait; while there is any, nothing of the thread's program runs.
 * Several lie on each other where a wait is interrupted by another: a vCPU that spins for
 * acknowledgements loses its processor.
 */
#ifndef VIRTSIM_SIM_CPU_THREAD_H
#define VIRTSIM_SIM_CPU_THREAD_H

#include "virtsim/ledger.h"

#define VS_DEF_NAME sched
#define VS_DEF_FILE "cpu/sched.def"
#include "virtsim/def_types.h"

#include <assert.h>

enum vs_wait_for {
    VS_FOR_EVENT,   /* it has halted: an interrupt, or a flush that it is to take part in */
    VS_FOR_ANSWERS, /* in its guest: acknowledgements of its shootdown */
    VS_FOR_TURN,    /* in its guest: other vCPUs of a replay */
    VS_FOR_DEVICE,  /* in its guest: its driver looks again for room in a ring */
    VS_FOR_TIME,    /* in the exit of a recorded halt: until the recorded entry */
    VS_FOR_LEAVING, /* in an exit: the vCPUs that it has kicked leave their guest */
    VS_FOR_FLUSH,   /* outside of its guest: flushes of all vCPUs that it has made */
    VS_FOR_NESTED,  /* in its guest: the hypervisor there has nothing to run, as its guest halts */
    VS_FOR_PROCESSOR, /* another thread of its processor has that */
};

struct vs_wait {
    enum vs_wait_for what;
    bool in_exit;                /* its guest is left: the exit is open until the wait is over */
    uint64_t since_ps, until_ps; /* until_ps: of VS_FOR_TIME and VS_FOR_DEVICE */
};

#define VS_WAITS 4u /* deeper than any thread's get */

/* Where a thread is. */
enum vs_thread_place {
    VS_ON,     /* it has its processor */
    VS_READY,  /* it is in the run queue */
    VS_ASLEEP, /* it has given its processor up until an event */
    VS_OVER    /* its program has ended */
};

struct vs_hwthread;
struct vs_thread;

/* What a kind of thread does where several share a processor. */
struct vs_thread_kind {
    /* Runs up to the horizon; when it wants to run again. */
    uint64_t (*step)(struct vs_thread *t, uint64_t now_ps, uint64_t horizon_ps);
    /* Asleep: when an event is there, VS_NEVER; it was at `at_ps`, until then it slept. */
    uint64_t (*event_ps)(const struct vs_thread *t);
    void (*slept)(struct vs_thread *t, uint64_t at_ps);
    /* On its processor: whether it gives that up by itself; VS_NEVER: it does not, else when. What
     * that takes is charged, and it is asleep. */
    uint64_t (*gives_up_ps)(const struct vs_thread *t, uint64_t others_ps);
    void (*give_up)(struct vs_thread *t, uint64_t at_ps);
    /* It comes and goes: what of the core is its own. */
    void (*take)(struct vs_thread *t);
    void (*put)(struct vs_thread *t);
    /* It has its processor: another thread had it last; nobody had it just now. */
    void (*resume)(struct vs_thread *t, bool from_other, bool from_idle);
};

struct vs_thread {
    const struct vs_thread_kind *kind;
    void *owner; /* the vCPU, the worker */
    struct vs_hwthread *hw;
    struct vs_txn *txn;
    uint16_t line; /* the actor of its time line */
    bool slept;    /* an event has ended its sleep: sched.c sets it; when it has its processor */
    bool serves;   /* a device has woken it and is not done: it sets and clears that itself */
    enum vs_thread_place place;
    uint64_t ready_ps; /* since when it is ready */
    uint64_t ran_ps;   /* of the processor's time, for the order of the run queue */
    uint64_t steal_ps; /* that it was ready and did not run */
    uint64_t count[VS_CNT_sched_N];
    struct vs_wait wait[VS_WAITS];
    unsigned depth, deepest;
    uint64_t until_ps; /* how far the present step goes; 0: others go first, whom it has told
                          something */
};

/* The top frame; NULL: it waits for nothing. */
static inline const struct vs_wait *vs_thread_wait(const struct vs_thread *t)
{
    return t->depth ? &t->wait[t->depth - 1u] : NULL;
}

/* The same but for its processor: what it waits for whether it has that or not. */
static inline const struct vs_wait *vs_thread_own_wait(const struct vs_thread *t)
{
    const struct vs_wait *w = NULL;
    for (unsigned i = 0; i < t->depth; i++) {
        w = t->wait[i].what == VS_FOR_PROCESSOR ? w : &t->wait[i];
    }
    return w;
}

/* It waits for this, at whatever depth. */
static inline bool vs_thread_waits_for(const struct vs_thread *t, enum vs_wait_for what)
{
    bool found = false;
    for (unsigned i = 0; i < t->depth; i++) {
        found = found || t->wait[i].what == what;
    }
    return found;
}

/* Some wait of it lies in an exit. */
static inline bool vs_thread_in_exit(const struct vs_thread *t)
{
    bool found = false;
    for (unsigned i = 0; i < t->depth; i++) {
        found = found || t->wait[i].in_exit;
    }
    return found;
}

/* It waits for this, too, before what it waited for. */
static inline void vs_thread_push(struct vs_thread *t, struct vs_wait wait)
{
    assert(t->depth < VS_WAITS);
    t->wait[t->depth++] = wait;
    t->deepest = t->depth > t->deepest ? t->depth : t->deepest;
}

/* The top frame is over, and returned. */
static inline struct vs_wait vs_thread_pop(struct vs_thread *t)
{
    assert(t->depth);
    return t->wait[--t->depth];
}

#endif
