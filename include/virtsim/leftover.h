/* SPDX-License-Identifier: MIT */
/*
 * Files that are worth nothing before they are whole, such as FILE.part. Who makes one says so, and
 * says when it is whole or gone; whatever ends the process in between, a signal or the last resort
 * of a watchdog, removes those that are left. A child removes what it made itself, not what its
 * parent makes.
 */
#ifndef VIRTSIM_LEFTOVER_H
#define VIRTSIM_LEFTOVER_H

#include <stdbool.h>

#define VS_LEFTOVERS 16u /* of one process at a time */

/* Notes a file that is about to be made, or the folder that was made for it, before the file;
 * false: its path is too long or there are too many. */
bool vs_leftover(const char *path);
/* It is whole, renamed or removed. */
void vs_leftover_done(const char *path);
/* Removes what this process has left; async-signal-safe. */
void vs_leftover_remove(void);

#endif
