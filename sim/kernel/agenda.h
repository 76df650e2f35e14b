/* SPDX-License-Identifier: MIT */
/*
 * Which agent is next: the order that both kernels keep. An agent is due at the earlier of two
 * times: the one it asked for when it last ran, and the one somebody woke it for. Of those that are
 * due first, the one that was added first goes first; each goes once for a time, however often it
 * was woken for it.
 *
 * Where all that is due for a while is agents that each do something on their own, they go in
 * turns, and what they do repeats itself: sooner or later all clocks stand to each other as they
 * have stood before. Then whole rounds of that are passed over: who is due when is what it would be
 * had all steps been made.
 */
#ifndef VIRTSIM_SIM_KERNEL_AGENDA_H
#define VIRTSIM_SIM_KERNEL_AGENDA_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When an agent is due. */
struct vs_due {
    uint64_t own_ps; /* what its last step asked for */
    uint64_t woken_ps;
    const struct vs_pace *pace;
    void *ctx;
    /* when it was looked at last: whether the agent was on its own, due when, and until when */
    bool alone;
    uint64_t seen_ps, until_ps;
};

struct vs_agenda {
    struct vs_due *due; /* of agent i */
    unsigned n, room;
    bool looking;         /* nobody has done anything but on his own since then */
    unsigned turns, most; /* since that; until it is looked at anew */
};

/* One agent more, due at 0; false: no memory. */
bool vs_agenda_add(struct vs_agenda *a, const struct vs_agent *agent);
/* Has the agent called at `at_ps`, or earlier if it is woken for an earlier time already. */
void vs_agenda_wake(struct vs_agenda *a, unsigned agent, uint64_t at_ps);
/* When the agent is due; VS_NEVER: when it is woken. */
static inline uint64_t vs_agenda_due(const struct vs_agenda *a, unsigned agent)
{
    const struct vs_due *d = &a->due[agent];
    return d->own_ps < d->woken_ps ? d->own_ps : d->woken_ps;
}
/* Before the next one is asked for: passes over what agents do on their own, if all clocks stand as
 * they have stood before. */
void vs_agenda_pass(struct vs_agenda *a);
/* The agent that is next, and when; VS_NEVER: nobody. */
static inline unsigned vs_agenda_first(const struct vs_agenda *a, uint64_t *at_ps)
{
    unsigned first = 0;
    *at_ps = VS_NEVER;
    for (unsigned i = 0; i < a->n; i++) {
        uint64_t due = vs_agenda_due(a, i);
        if (due < *at_ps) {
            *at_ps = due;
            first = i;
        }
    }
    return first;
}
/* The agent is about to run at `now_ps`: returns the next time at which any agent is due, its
 * horizon. */
static inline uint64_t vs_agenda_begin(struct vs_agenda *a, unsigned agent, uint64_t now_ps)
{
    struct vs_due *d = &a->due[agent];
    a->looking = a->looking && d->alone;
    d->own_ps = VS_NEVER; /* asked for anew when the step ends */
    d->woken_ps = d->woken_ps > now_ps ? d->woken_ps : VS_NEVER;
    uint64_t horizon;
    (void)vs_agenda_first(a, &horizon);
    return horizon;
}
/* Its step has returned the time of its next one. */
static inline void vs_agenda_end(struct vs_agenda *a, unsigned agent, uint64_t next_ps)
{
    a->due[agent].own_ps = next_ps;
}
/* Gives the memory back. */
void vs_agenda_free(struct vs_agenda *a);

#ifdef __cplusplus
}
#endif

#endif
