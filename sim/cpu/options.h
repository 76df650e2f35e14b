/* SPDX-License-Identifier: MIT */
/* What a run of a machine is asked for besides its knobs, and what it says besides its books. */
#ifndef VIRTSIM_SIM_CPU_OPTIONS_H
#define VIRTSIM_SIM_CPU_OPTIONS_H

#include "virtsim/knob.h"
#include "virtsim/ledger.h"

struct vs_watch_wanted;

#define VS_RUN_VCPUS 1024u /* that can say whose address spaces they share */

struct vs_run_options {
    uint64_t seed;
    uint64_t
        warmup; /* accesses before the region of interest begins; 0 = none (or the guest's mark) */
    uint32_t spans;
    const struct vs_watch_wanted
        *watch;        /* a structure's hits at every size (machine/watch.h); NULL */
    uint32_t sites;    /* places of a program kept at most, of each kind; 0 = none */
    uint64_t epoch_ps; /* 0 = no counters over time */
    bool rehearse;     /* a guest ends with its first request that takes long, or after a thousand:
                          what it asks of the machine until there is found wrong */
    /* inputs that bring physical addresses; memory of the machine they were recorded on, 0 unknown
     */
    unsigned recorded;
    uint64_t recorded_memory;
    /* under guest.vms=each the virtual machine of each vCPU: 0, 1, ... without a gap; NULL: one
     * each
     */
    const unsigned *machine;
    /* by vCPU: 1 + the lower-numbered vCPU whose address spaces it shares; 0 = its own */
    uint8_t shares[VS_RUN_VCPUS];
    /* called now and then with simulated time and operations done; NULL = quiet. Non-zero return
     * stops the run. */
    int (*progress)(void *ctx, uint64_t now_ps, uint64_t accesses);
    void *progress_ctx;
};

struct vs_epoch_sample {
    uint64_t epoch, end_ps, value;
    uint16_t actor;
    const struct vs_counter_desc *counter;
};
/* What the guests' marks named, "roi" aside: first time and how often. */
#define VS_MARKS 256u
struct vs_mark_sample {
    char name[32];
    uint64_t first_ps, n;
    uint16_t actor;
};

#endif
