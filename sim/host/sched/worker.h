/* SPDX-License-Identifier: MIT */
/* A thread of the host's kernel beside the vCPUs. */
#ifndef VIRTSIM_SIM_HOST_SCHED_WORKER_H
#define VIRTSIM_SIM_HOST_SCHED_WORKER_H

#include "cpu/vcpu.h"

struct vs_worker;

/* The device whose interrupts wake it, and which it polls then until nothing is there. */
struct vs_worker_device {
    void *ctx;
    bool (*piece)(void *ctx, struct vs_worker *w); /* one thing done; true: there is more */
};

struct vs_worker {
    struct vs_thread thread;
    struct vs_txn txn;
    struct vs_hypervisor hv; /* programs run in one */
    struct vs_core_own own;
    uint64_t wake_ps; /* when it is woken next */
    uint64_t left;    /* pieces that it has still to do */
    struct vs_worker_device device;
    uint64_t last_ps;     /* the device's last interrupt */
    struct vs_tape trail; /* what it was about, for the device's journeys */
};

/* Worker `number` of the machine, on this processor; it begins asleep. */
enum vs_status host_worker_make(struct vs_worker *w, struct vs_hwthread *hw, unsigned number,
                                const struct vs_hypervisor_config *c);
/* From now on it is woken by this device, not by time; an interrupt of the device's is there. */
void host_worker_serve(struct vs_worker *w, const struct vs_worker_device *device);
void host_worker_interrupt(struct vs_worker *w, uint64_t at_ps);
/* Gives back what it holds. */
void host_worker_free(struct vs_worker *w);

#endif
