/* SPDX-License-Identifier: MIT */
/*
 * Nothing is silent for long. On a terminal one line of stderr is written over; elsewhere there is
 * a line every ten seconds ($VIRTSIM_PROGRESS), so that what ends sooner says nothing.
 */
#ifndef VIRTSIM_APP_PROGRESS_H
#define VIRTSIM_APP_PROGRESS_H

#include "virtsim/units.h"

/* Says how far it is, when it is time to say so again. */
void progress(const char *format, ...) VS_PRINTF(1, 2);
/* "N of ALL WHAT, S s left", for progress callbacks of pools. */
void progress_of(size_t done, size_t all, const char *what, double seconds);
/* The same again, from whoever waits: what was said last, and for how long. */
void progress_waiting(void);
/* A simulation's callback; ctx: what is running, or NULL. */
int progress_callback(void *ctx, uint64_t now_ps, uint64_t accesses);
/* Takes the line off a terminal. */
void progress_clear(void);
/* A line is on the terminal, for a signal handler. */
bool progress_shown(void);
/* No progress at all. */
void progress_quiet(void);

#endif
