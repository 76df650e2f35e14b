/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU is about and since when, kept for a packet that lies in memory until the vCPU has
 * read it: the packet's journey exposes it. Whoever follows a vCPU gives it a trail; without one
 * nothing is kept.
 */
#ifndef VIRTSIM_SIM_CPU_TRAIL_H
#define VIRTSIM_SIM_CPU_TRAIL_H

#include "virtsim/ledger.h"

enum vs_about {
    VS_ABOUT_PROGRAM,   /* whatever nobody names */
    VS_ABOUT_RECEIVE,   /* its driver reads packets */
    VS_ABOUT_INTERRUPT, /* one is delivered and handled */
    VS_ABOUT_EXIT,      /* the guest is left, and the hypervisor handles why */
    VS_ABOUT_ENTRY,     /* the guest is entered */
    VS_ABOUT_WAKE,      /* a halt is over: up to the entry */
    VS_ABOUT_HALTED,    /* nothing to run, and nothing is on its way to it */
    VS_ABOUT_MESSAGE,   /* likewise, but that an interrupt's message is on its way */
    VS_ABOUT_THROUGH,   /* and what delivery without the hypervisor adds to that (the ITS) */
    VS_ABOUT_READY,     /* another thread has its processor */
    VS_ABOUT_N
};

#define VS_TRAIL 64u /* pieces that are kept apart */

struct vs_trail {
    struct vs_tape tape;          /* what it was about, up to since_ps */
    uint16_t account[VS_ABOUT_N]; /* of each */
    uint64_t since_ps;
    enum vs_about now, base; /* base: what it goes on with after an exit */
};

/* From `at_ps` on it is about something else. */
static inline void vs_trail_turn(struct vs_trail *t, enum vs_about next, uint64_t at_ps)
{
    if (at_ps > t->since_ps) {
        if (t->tape.n == VS_TRAIL) { /* nobody has received for long: it was about other things */
            struct vs_tape_entry *first = t->tape.e;
            *first = (struct vs_tape_entry){first->start_ps, t->since_ps - first->start_ps,
                                            t->account[VS_ABOUT_PROGRAM], 0};
            t->tape.n = 1;
        }
        vs__tape_add(&t->tape, t->since_ps, at_ps - t->since_ps, t->account[t->now], 0);
        t->since_ps = at_ps;
    }
    t->now = next;
}

#endif
