/* SPDX-License-Identifier: MIT */
/*
 * Machines have a few agents, one a vCPU and two a NIC: a table that is looked through is faster
 * than a heap, whose order among equals would have to be made up besides.
 */
#include "agenda.h"

#include <stdlib.h>

/* Looking at all agents costs about what a step does: so often, and less often where nothing comes
 * of it. */
#define TURNS 8u
#define TURNS_MOST 4096u

bool vs_agenda_add(struct vs_agenda *a, const struct vs_agent *agent)
{
    if (a->n == a->room) {
        unsigned room = a->room ? 2u * a->room : 8u;
        struct vs_due *due = realloc(a->due, room * sizeof *due);
        if (!due) {
            return false;
        }
        a->due = due;
        a->room = room;
    }
    a->due[a->n++] = (struct vs_due){.woken_ps = VS_NEVER, .pace = agent->pace, .ctx = agent->ctx};
    return true;
}

void vs_agenda_wake(struct vs_agenda *a, unsigned agent, uint64_t at_ps)
{
    struct vs_due *d = &a->due[agent];
    d->woken_ps = at_ps < d->woken_ps ? at_ps : d->woken_ps;
    a->looking = false;
}

/* Until when an agent is on its own; 0: it is not. each_ps: as vs_pace says. */
static uint64_t alone(const struct vs_due *d, uint64_t *each_ps)
{
    uint64_t until = d->pace && d->own_ps < d->woken_ps && d->own_ps != VS_NEVER
                         ? d->pace->alone(d->ctx, d->own_ps, each_ps)
                         : 0;
    until = until < d->woken_ps ? until : d->woken_ps;
    return until > d->own_ps ? until : 0;
}

/* Notes where all clocks stand, if everybody but one who does something later is on his own. */
static void look(struct vs_agenda *a)
{
    uint64_t until = VS_NEVER, latest = 0, each_ps;
    unsigned n = 0;
    for (unsigned i = 0; i < a->n && until > latest; i++) {
        struct vs_due *d = &a->due[i];
        d->seen_ps = d->own_ps;
        d->until_ps = alone(d, &each_ps);
        d->alone = d->until_ps != 0;
        uint64_t due = d->alone ? d->until_ps : vs_agenda_due(a, i);
        until = due < until ? due : until;
        latest = d->alone && d->own_ps > latest ? d->own_ps : latest;
        n += d->alone;
    }
    a->looking = n > 1u && until > latest; /* one alone goes to its horizon in one step */
    a->turns = 0;
}

/* By how much all clocks are ahead of where they were seen; 0: not all by the same. */
static uint64_t ahead(const struct vs_agenda *a)
{
    uint64_t by = 0;
    for (unsigned i = 0; i < a->n; i++) {
        const struct vs_due *d = &a->due[i];
        if (d->alone && d->own_ps - d->seen_ps != by) {
            if (by) {
                return 0;
            }
            by = d->own_ps - d->seen_ps;
        }
        if (d->alone && d->own_ps == d->seen_ps) {
            return 0;
        }
    }
    return by;
}

/* Whether it repeats itself, as nobody did anything else in between and those are whole rounds of
 * all; then: a round's time, and how often it does until somebody does something else. */
static bool repeats(const struct vs_agenda *a, uint64_t by_ps, uint64_t *each_ps, uint64_t *times)
{
    uint64_t until = VS_NEVER, latest = 0;
    *each_ps = *times = 0;
    for (unsigned i = 0; i < a->n; i++) {
        const struct vs_due *d = &a->due[i];
        uint64_t every = 0, own = d->alone ? alone(d, &every) : 0;
        if (d->alone &&
            (own != d->until_ps || !every || by_ps % every || (*each_ps && every != *each_ps))) {
            return false;
        }
        uint64_t due = d->alone ? own : vs_agenda_due(a, i);
        until = due < until ? due : until;
        *each_ps = d->alone ? every : *each_ps;
        latest = d->alone && d->own_ps > latest ? d->own_ps : latest;
    }
    *times = until > latest ? (until - 1u - latest) / by_ps : 0;
    return true;
}

void vs_agenda_pass(struct vs_agenda *a)
{
    if (!a->looking || a->turns >= a->most) {
        bool in_vain = a->looking;
        a->most = !in_vain ? TURNS : a->most < TURNS_MOST ? 2u * a->most : a->most;
        if (in_vain || ++a->turns >= TURNS) {
            look(a);
        }
        return;
    }
    a->turns++;
    uint64_t by = ahead(a), each, times;
    if (!by || !repeats(a, by, &each, &times)) {
        return;
    }
    for (unsigned i = 0; i < a->n && times; i++) {
        struct vs_due *d = &a->due[i];
        if (d->alone) {
            d->pace->pass(d->ctx, times * (by / each));
            d->own_ps += times * by;
        }
    }
    a->looking = false;
}

void vs_agenda_free(struct vs_agenda *a)
{
    free(a->due);
    *a = (struct vs_agenda){.n = 0};
}
