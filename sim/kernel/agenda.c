/* SPDX-License-Identifier: MIT */
/*
 * Machines have a few agents, one a vCPU and two a NIC: a table that is looked through is faster
 * than a heap, whose order among equals would have to be made up besides.
 */
#include "agenda.h"

#include <stdlib.h>

bool vs_agenda_add(struct vs_agenda *a)
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
    a->due[a->n++] = (struct vs_due){0, VS_NEVER};
    return true;
}

void vs_agenda_wake(struct vs_agenda *a, unsigned agent, uint64_t at_ps)
{
    struct vs_due *d = &a->due[agent];
    d->woken_ps = at_ps < d->woken_ps ? at_ps : d->woken_ps;
}

uint64_t vs_agenda_due(const struct vs_agenda *a, unsigned agent)
{
    const struct vs_due *d = &a->due[agent];
    return d->own_ps < d->woken_ps ? d->own_ps : d->woken_ps;
}

unsigned vs_agenda_first(const struct vs_agenda *a, uint64_t *at_ps)
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

uint64_t vs_agenda_begin(struct vs_agenda *a, unsigned agent, uint64_t now_ps)
{
    struct vs_due *d = &a->due[agent];
    d->own_ps = VS_NEVER; /* asked for anew when the step ends */
    d->woken_ps = d->woken_ps > now_ps ? d->woken_ps : VS_NEVER;
    uint64_t horizon;
    (void)vs_agenda_first(a, &horizon);
    return horizon;
}

void vs_agenda_end(struct vs_agenda *a, unsigned agent, uint64_t next_ps)
{
    a->due[agent].own_ps = next_ps;
}

void vs_agenda_free(struct vs_agenda *a)
{
    free(a->due);
    *a = (struct vs_agenda){NULL, 0, 0};
}
