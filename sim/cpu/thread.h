/* SPDX-License-Identifier: MIT */
/*
 * A thread: what a processor runs, and what it waits for. Waiting is the state of its top frame.
 * One is pushed by whatever has to wait; while there is any, nothing of the thread's program runs.
 * Several lie on each other where a wait is interrupted by another: a vCPU that spins for
 * acknowledgements loses its processor.
 */
#ifndef VIRTSIM_SIM_CPU_THREAD_H
#define VIRTSIM_SIM_CPU_THREAD_H

#include "virtsim/units.h"

#include <assert.h>

enum vs_wait_for {
    VS_FOR_EVENT,   /* it has halted: an interrupt, or a flush that it is to take part in */
    VS_FOR_ANSWERS, /* in its guest: acknowledgements of its shootdown */
    VS_FOR_TURN,    /* in its guest: other vCPUs of a replay */
    VS_FOR_LEAVING, /* in an exit: the vCPUs that it has kicked leave their guest */
};

struct vs_wait {
    enum vs_wait_for what;
    bool in_exit; /* its guest is left: the exit is open until the wait is over */
    uint64_t since_ps;
};

#define VS_WAITS 4u /* deeper than any thread's get */

struct vs_thread {
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

static inline void vs_thread_push(struct vs_thread *t, struct vs_wait wait)
{
    assert(t->depth < VS_WAITS);
    t->wait[t->depth++] = wait;
    t->deepest = t->depth > t->deepest ? t->depth : t->deepest;
}

static inline struct vs_wait vs_thread_pop(struct vs_thread *t)
{
    assert(t->depth);
    return t->wait[--t->depth];
}

#endif
