/* SPDX-License-Identifier: MIT */
/* A thread of the host's kernel beside the vCPUs. */
#ifndef VIRTSIM_SIM_HOST_SCHED_WORKER_H
#define VIRTSIM_SIM_HOST_SCHED_WORKER_H

#include "cpu/vcpu.h"

struct vs_worker {
    struct vs_thread thread;
    struct vs_txn txn;
    struct vs_hypervisor hv; /* programs run in one */
    struct vs_core_own own;
    uint64_t wake_ps; /* when it is woken next */
    uint64_t left;    /* pieces that it has still to do */
};

/* Worker `number` of the machine, on this processor; it begins asleep. */
enum vs_status host_worker_make(struct vs_worker *w, struct vs_hwthread *hw, unsigned number,
                                const struct vs_hypervisor_config *c);
/* Gives back what it holds. */
void host_worker_free(struct vs_worker *w);

#endif
