/* SPDX-License-Identifier: MIT */
/* Structures whose misses can be told for every size by one pass (virtsim/stack.h): what they are
 * called, how large they are, who counts them. */
#ifndef VIRTSIM_SIM_MACHINE_WATCH_H
#define VIRTSIM_SIM_MACHINE_WATCH_H

#include "virtsim/stack.h"

struct vs_platform;
struct vs_hwthread;

/* Its knobs are NAME.ways, NAME.policy, and NAME.entries or (bytes) NAME.size. */
struct vs_watched {
    const char *name;
    bool bytes;         /* of memory.line each */
    const char *hits;   /* counters, with blanks between; tables beside it may count there too */
    const char *misses; /* all other lookups */
    bool late; /* some hits are counted later than they are found: one pass alone is not trusted */
    /* a knob that, not being 0, gives its entries to another structure; NULL: none does */
    const char *moved, *where;
};
const struct vs_watched *vs_watch_structures(size_t *n);

/* That a run watches one, and for which numbers of sets. */
struct vs_watch_wanted {
    const struct vs_watched *what;
    uint64_t sets[VS_WATCH_SETS];
    size_t n;
};

/* A core's memory, or translation, is made: its structure is watched, if it is the one. False: no
 * memory, or there is no such structure. */
bool machine_watch_memory(struct vs_hwthread *hw);
bool machine_watch_ept(struct vs_hwthread *hw);
void machine_watch_cut(struct vs_platform *p);
void machine_watch_free(struct vs_platform *p);

#endif
