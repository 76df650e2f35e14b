/* SPDX-License-Identifier: MIT */
/* What `explain` prints: an exit by phases in the order of time, anything else as a tree. */
#ifndef VIRTSIM_APP_EXPLAIN_PRINT_H
#define VIRTSIM_APP_EXPLAIN_PRINT_H

#include "explain/phase.h"
#include "out.h"

/* One machine's answer. */
struct answer {
    struct vs_tree tree;
    struct vs_phases phases; /* of an exit: `phased` */
    struct vs_tree picture;  /* the phases and their parts, as a tree of two levels */
    bool phased, cold;       /* cold: of the first exit, with nothing of it in a cache */
    char machine[64];
    double period_ps; /* of its core clock */
    char says[1000];  /* what its first kept operation says besides its time; "" nothing */
};

/* Fills says. */
void answer_says(struct answer *a, struct vs_db *db, int64_t run);

/* Fills phases and picture from the tree; rows of less than 1 % are put together. */
enum vs_status answer_phases(struct answer *a, struct vs_db *db, int64_t run, bool by_size);
void answer_free(struct answer *a);

/* sentences: each part is followed by what its account is. */
void explain_print_phases(const struct answer *a, bool sentences);
/* Two machines side by side, phase by phase. */
void explain_print_both(const struct answer a[2], bool parts);
void explain_print_tree(const struct answer *a);
/* by_phase: rows of kinds phase and phase_part, where there are phases; otherwise the tree's. */
void explain_print_rows(const struct answer *a, size_t n, bool by_phase, enum out_format format);

#endif
