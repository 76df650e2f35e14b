/* SPDX-License-Identifier: MIT */
/*
 * What a signal that ends the process leaves behind: nothing. It removes the files that are not
 * whole (leftover.h) and then takes its effect. A piece of work that must be undone in order (a
 * transaction, worker processes) holds signals back, asks now and then whether one came, undoes
 * itself and lets go.
 */
#ifndef VIRTSIM_ENDING_H
#define VIRTSIM_ENDING_H

/* Catches INT, TERM, HUP, QUIT, PIPE and the other signals that end a process from outside, unless
 * the process was started with them ignored; a file that grows too large becomes an error of
 * writing instead of a signal. Without this call a signal acts as ever. */
void vs_ending_watch(void);
/* In a forked child: signals act as ever. */
void vs_ending_child(void);

/* Until vs_ending_release a signal is only noted, and calls `also` (async-signal-safe, NULL: no);
 * holds may be nested, the innermost `also` counts. */
void vs_ending_hold(void (*also)(void));
/* The noted signal's number, 0: none came. */
int vs_ending_came(void);
/* Ends the hold; a signal that was noted takes its effect with the last one. */
void vs_ending_release(void);

#endif
