/* SPDX-License-Identifier: MIT */
/*
 * A guest hypervisor, L1, between the host's, L0, and the machine's program, L2
 * (hypervisor.nesting): what a vCPU has of it besides its own. sim/machine makes it,
 * sim/host/nested runs it.
 */
#ifndef VIRTSIM_SIM_CPU_NESTED_H
#define VIRTSIM_SIM_CPU_NESTED_H

#include "vcpu.h"

#include "ept/ept.h"
#include "ept/space.h"
#include "hypervisor/hypervisor.h"
#include "virtsim/port/nested.h"

/* What the vCPUs of a machine share of it. */
struct vs_nested_memory {
    struct vs_vm vm;       /* its memory, in which L2's lies: EPT01 */
    struct vs_vm ept12;    /* L2's memory as L1 maps it: its leaves are L1-physical */
    struct vs_space space; /* its kernel's address space, of that memory */
};

struct vs_nested {
    struct vs_nested_port port; /* its control structures, of the processor's architecture */
    struct vs_hypervisor hv;    /* its programs, which run in L0's guest */
    struct vs_nested_memory *memory;
    struct vs_ept_context context; /* what the processor translates with while it runs */
    uint16_t actor;                /* vcpuN/l1 */
    uint64_t walked; /* L2-physical address that L0 looks up in EPT12: host_nested_exit sets it */
    bool own_timer;  /* its own local APIC's timer has its guest's deadline: host/nested, the expiry
                      */
    uint64_t until_ps;     /* of a halt of a trace of exits: when it ends; 0: an event ends it */
    uint64_t own_timer_ps; /* that deadline */
    bool timer_holds;      /* 12's preemption timer has one */
    bool halts;            /* it has put its vCPU's thread to sleep, and its processor has halted */
    bool runs; /* L0's guest is L1, not L2: host_nested_exit sets it; the entry that L1 asks for */
};

/* The hypervisor whose guest the vCPU's program is. */
static inline struct vs_hypervisor *vcpu_hv(struct vs_vcpu *v)
{
    return v->nested ? &v->nested->hv : &v->hv;
}

/* L1's processor, which runs this vCPU, polls for what comes to its guest, and needs no message. */
static inline bool vcpu_nested_polls(const struct vs_vcpu *v)
{
    return vs_thread_waits_for(&v->thread, VS_FOR_NESTED) && !v->nested->halts;
}

/* What has come by that vector is a device's. A guest hypervisor has the device's interrupt itself,
 * whatever its guest is doing, and makes it one of its guest's. */
static inline bool vcpu_nested_device(const struct vs_vcpu *v, uint8_t vector)
{
    const struct vs_arrival *a = &v->flight[vector];
    return v->nested && a->sent_ps && (a->of_device || a->in_descriptor);
}

/* What is not simulated there ends the run; false: the vCPU runs no guest's guest. */
static inline bool vcpu_nested_lacks(struct vs_vcpu *v, const char *what)
{
    if (v->nested) {
        vcpu_refuse(v,
                    "%s of a guest hypervisor's guest are not simulated: with "
                    "hypervisor.nesting = 0 the same program runs in a guest",
                    what);
    }
    return v->nested != NULL;
}

#endif
