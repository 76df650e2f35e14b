/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "virtsim/ending.h"

#include "virtsim/leftover.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HOLDS 8

static const int ending[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,   SIGPIPE,
                             SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU};
#define N_ENDING (sizeof ending / sizeof ending[0])

static void (*volatile also_of[HOLDS])(void);
static volatile sig_atomic_t holds, came;
static bool watching;

/* The signal's own effect, as if nobody had caught it. */
static void take_effect(int number)
{
    sigset_t one;
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

/* Remembers the signal, and ends the process unless something holds the end back. */
static void on_signal(int number)
{
    int kept = errno;
    came = number;
    int held = holds;
    if (held > 0 && held <= HOLDS && also_of[held - 1]) {
        also_of[held - 1]();
    }
    if (!held) {
        vs_leftover_remove();
        take_effect(number);
    }
    errno = kept;
}

void vs_ending_watch(void)
{
    struct sigaction a, before;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < N_ENDING; i++) {
        sigaddset(&a.sa_mask, ending[i]);
    }
    for (size_t i = 0; i < N_ENDING; i++) {
        if (!sigaction(ending[i], NULL, &before) && before.sa_handler == SIG_DFL) {
            sigaction(ending[i], &a, NULL);
        }
    }
    signal(SIGXFSZ, SIG_IGN);
    watching = true;
}

void vs_ending_child(void)
{
    struct sigaction now;
    for (size_t i = 0; i < N_ENDING; i++) {
        if (!sigaction(ending[i], NULL, &now) && now.sa_handler == on_signal) {
            signal(ending[i], SIG_DFL);
        }
    }
    holds = 0;
    came = 0;
    watching = false;
}

void vs_ending_hold(void (*also)(void))
{
    int held = holds;
    if (held < HOLDS) {
        also_of[held] = also ? also : held ? also_of[held - 1] : NULL;
    }
    holds = held + 1;
}

int vs_ending_came(void)
{
    return came;
}

void vs_ending_release(void)
{
    int held = holds - 1;
    holds = held;
    if (!held && came && watching) {
        vs_leftover_remove();
        take_effect(came);
    }
}
