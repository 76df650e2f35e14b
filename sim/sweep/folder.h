/* SPDX-License-Identifier: MIT */
/*
 * The workers' folder beside the database, "FILE.sweep-XXXXXX". A lock on a file in it says that
 * its owner lives; the lock goes with the last process that has it, however that ends.
 */
#ifndef VIRTSIM_SIM_SWEEP_FOLDER_H
#define VIRTSIM_SIM_SWEEP_FOLDER_H

#include <stdbool.h>

struct vs_sweep_folder {
    char path[4150];
    int lock; /* -1: there is none */
};

/* False: it cannot be made. */
bool vs_sweep_folder_make(struct vs_sweep_folder *f, const char *db_path);
/* With all that is in it. */
void vs_sweep_folder_remove(struct vs_sweep_folder *f);
/* Folders of this database whose owner is dead: a killed sweep removes none. */
void vs_sweep_folder_clear(const char *db_path);

#endif
