/* SPDX-License-Identifier: MIT */
/*
 * One exit as a lecture tells it: its time in the order of time, grouped by what goes on. The tree
 * says how long each account took on average; the sampled spans of the same run (--spans) say when
 * its charges came, hence in which phase. So a phase's rows add up to the tree's total exactly, and
 * a memory reference counts in the phase that made it.
 */
#ifndef VIRTSIM_SIM_EXPLAIN_PHASE_H
#define VIRTSIM_SIM_EXPLAIN_PHASE_H

#include "explain/tree.h"

/* In the order of time; what they are called: vs_phase_name. */
enum vs_phase {
    VS_PHASE_EXIT,        /* the processor's microcode of the exit */
    VS_PHASE_SAVE,        /* guest state is saved, exit information written */
    VS_PHASE_LOAD_HOST,   /* host state is loaded, the host's first instruction fetched */
    VS_PHASE_STUB,        /* the hypervisor's assembly around the transition */
    VS_PHASE_MITIGATIONS, /* against speculation across the border */
    VS_PHASE_COMMON,      /* what every exit passes on its way in */
    VS_PHASE_DISPATCH,    /* finding the handler of the reason */
    VS_PHASE_REASON,      /* the handler itself */
    VS_PHASE_USER,        /* the way to user space, what it does there, and back */
    VS_PHASE_POLL,        /* the host polls for what ends a halt: its processor is busy */
    VS_PHASE_SLEEP,       /* the vCPU's thread is put to sleep, and sleeps */
    VS_PHASE_WAKE,        /* from the wake-up's interrupt until the vCPU runs on */
    VS_PHASE_OUT,         /* what every exit passes on its way out */
    VS_PHASE_CHECKS,      /* consistency checks of the entry */
    VS_PHASE_LOAD_GUEST,  /* guest state is loaded */
    VS_PHASE_ENTRY,       /* the processor's microcode of the entry */
    VS_PHASE_OTHER,       /* the operation is no exit, or the run kept no span of it */
    VS_PHASE_N
};
const char *vs_phase_name(enum vs_phase p);

/* One account's time in one phase. */
struct vs_phase_row {
    enum vs_phase phase;
    char account[96];
    const char *text; /* one sentence of it; "" where the account is not known any more */
    double ps, n;     /* per operation */
    bool exposed, graded;
    enum vs_evidence grade;
    char group[48];
};

struct vs_phases {
    struct vs_phase_row *row; /* by phase, then in order of time */
    size_t n;
    double ps[VS_PHASE_N];
    bool timed; /* spans gave the order; otherwise accounts stand where their phase is known */
};

/* Of a tree that vs_tree_build made of this run. */
enum vs_status vs_phases_build(struct vs_db *db, int64_t run, const struct vs_tree *t,
                               struct vs_phases *out);
void vs_phases_free(struct vs_phases *p);
/* The largest rows first within each phase, instead of the order of time. */
void vs_phases_by_size(struct vs_phases *p);
/* Puts rows below `share` of the total together at the end of their phase: as one row of the name
 * "N smaller parts". */
void vs_phases_fold(struct vs_phases *p, double share);

#endif
