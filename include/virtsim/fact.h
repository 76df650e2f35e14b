/* SPDX-License-Identifier: MIT */
/*
 * Facts: what an architecture or a machine has, counted or measured in the code that simulates it
 * (its tables, the sizes of its structures, the rules it checks by), so that no number of them is
 * typed a second time. `virtsim list facts` prints them, the table `fact` of the database has those
 * of every run's machine.
 */
#ifndef VIRTSIM_FACT_H
#define VIRTSIM_FACT_H

#include <stdint.h>

struct vs_fact {
    const char *name; /* "vmx.instructions" */
    uint64_t value;
    const char *unit;   /* "instructions" */
    const char *of;     /* whose it is: an architecture, as its manual calls it, or "machine" */
    const char *source; /* what it was counted in, and the manual that says so */
};

/* Takes facts one after the other; their texts stay. */
struct vs_facts {
    void *ctx;
    void (*take)(void *ctx, const struct vs_fact *fact);
};

/* Hands over one fact. */
static inline void vs_fact(const struct vs_facts *to, const char *of, const char *name,
                           uint64_t value, const char *unit, const char *source)
{
    struct vs_fact fact = {name, value, unit, of, source};
    to->take(to->ctx, &fact);
}

#endif
