/* SPDX-License-Identifier: MIT */
/* The kernel without SystemC: calls the agents in the agenda's order. Nothing but libc is needed.
 */
#include "agenda.h"
#include "functions.h"

#include <stdlib.h>

struct plain {
    struct vs_agenda agenda;
    struct vs_agent *agent;
    uint64_t now_ps;
    bool stopped;
};

/* A kernel without agents; NULL: no memory. */
static void *create(void)
{
    return calloc(1, sizeof(struct plain));
}

/* One agent more, called for the first time at 0. */
static bool add(void *kernel, const struct vs_agent *agent, unsigned *number)
{
    struct plain *k = kernel;
    struct vs_agent *more = realloc(k->agent, (k->agenda.n + 1u) * sizeof *more);
    if (!more) {
        return false;
    }
    k->agent = more;
    *number = k->agenda.n;
    more[*number] = *agent;
    return vs_agenda_add(&k->agenda, agent);
}

/* What has passed is now. */
static void wake(void *kernel, unsigned agent, uint64_t at_ps)
{
    struct plain *k = kernel;
    vs_agenda_wake(&k->agenda, agent, at_ps > k->now_ps ? at_ps : k->now_ps);
}

/* Steps agents until none is due or one of them stopped the kernel. */
static bool run(void *kernel, char *error, size_t bytes)
{
    struct plain *k = kernel;
    uint64_t at;
    (void)error;
    (void)bytes;
    for (unsigned i; !k->stopped;) {
        vs_agenda_pass(&k->agenda);
        i = vs_agenda_first(&k->agenda, &at);
        if (at == VS_NEVER) {
            break;
        }
        k->now_ps = at;
        uint64_t horizon = vs_agenda_begin(&k->agenda, i, at);
        uint64_t next = k->agent[i].step(k->agent[i].ctx, at, horizon);
        vs_agenda_end(&k->agenda, i, next > at ? next : at);
    }
    return true;
}

/* No agent is called again. */
static void stop(void *kernel)
{
    ((struct plain *)kernel)->stopped = true;
}

/* Gives the memory back. */
static void destroy(void *kernel)
{
    struct plain *k = kernel;
    vs_agenda_free(&k->agenda);
    free(k->agent);
    free(k);
}

const struct vs_kernel_functions vs_kernel_plain = {create, add, wake, run, stop, destroy};
