/* SPDX-License-Identifier: MIT */
#include "virtsim/leftover.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A signal handler reads these: a path is whole before its owner is set. */
static char paths[VS_LEFTOVERS][4200];
static volatile pid_t owner[VS_LEFTOVERS]; /* 0: the place is free */

/* Places of a parent's files are its own: a child that was forked does not take them. */
bool vs_leftover(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; n < sizeof paths[0] && i < VS_LEFTOVERS; i++) {
        if (!owner[i]) {
            memcpy(paths[i], path, n + 1);
            atomic_signal_fence(memory_order_release);
            owner[i] = getpid();
            return true;
        }
    }
    return false;
}

/* Forgets the file of this name that this process made. */
void vs_leftover_done(const char *path)
{
    for (size_t i = 0; i < VS_LEFTOVERS; i++) {
        if (owner[i] == getpid() && !strcmp(paths[i], path)) {
            owner[i] = 0;
        }
    }
}

/* Only unlink, rmdir and getpid, which a signal handler may call. */
void vs_leftover_remove(void)
{
    for (size_t i = VS_LEFTOVERS; i-- > 0;) { /* a folder was noted before what is in it */
        if (owner[i] && owner[i] == getpid() && unlink(paths[i])) {
            (void)rmdir(paths[i]);
        }
    }
}
