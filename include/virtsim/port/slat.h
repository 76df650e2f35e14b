/* SPDX-License-Identifier: MIT */
/* Second-level mappings, as a hypervisor's memory management makes them. */
#ifndef VIRTSIM_PORT_SLAT_H
#define VIRTSIM_PORT_SLAT_H

#include "virtsim/ledger.h"

/* Frames and second-level mappings, as a hypervisor's memory management uses them. map backs the
 * host page around `at`, says which frame of which size it got, and returns false when host memory
 * is exhausted or `at` is no guest memory. */
struct vs_slat_port {
    void *ctx;
    bool (*map)(void *ctx, struct vs_txn *t, vs_gpa at, unsigned *page_shift, vs_hpa *frame);
    bool (*is_memory)(void *ctx, vs_gpa at);
    bool (*backed)(void *ctx, vs_gpa at); /* NULL: nobody maps more than is asked for */
    unsigned page_shift;                  /* groups are of pages of this size; 0: of any */
};

#endif
