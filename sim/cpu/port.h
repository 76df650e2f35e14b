/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU starts in rooms above its own: the guest's kernel, its hypervisor, the program it
 * runs. sim/machine hands these in when a machine is made.
 */
#ifndef VIRTSIM_SIM_CPU_PORT_H
#define VIRTSIM_SIM_CPU_PORT_H

#include "cpu/cpu.h"
#include "virtsim/trap.h"

struct vs_platform;
struct vs_vcpu;
struct vs_translation;
struct vs_exit;
struct vs_hv_exit;

/* What became of an access that faulted. */
enum vs_fault_end {
    VS__FAULT_STOP,  /* the run failed */
    VS__FAULT_AGAIN, /* it is issued again */
    VS__FAULT_DONE,  /* it was carried out without the core */
    VS__FAULT_GUEST  /* the hypervisor hands it to the guest */
};

/* The guest's kernel. */
struct vs_guest_port {
    /* A page fault that is the guest's own. */
    enum vs_fault_end (*page_fault)(struct vs_vcpu *v, const struct vs_translation *f);
    /* Before a walk of a trace whose first touches are free (vs_cpu.before_walk; ctx is the vCPU):
     * the page is given a frame, and the frame a page of the host, as if both had been there
     * always. */
    void (*touch_free)(void *ctx, vs_gva at);
    /* An interrupt was delivered: its handler, with the end of interrupt. */
    void (*interrupt)(struct vs_vcpu *v, uint8_t vector);
    /* A non-maskable one was delivered: its handler, to its IRET. */
    void (*nmi)(struct vs_vcpu *v);
    /* It waits for its device until `until_ps` (VS_FOR_DEVICE): books what for. */
    void (*waited)(struct vs_vcpu *v, uint64_t until_ps);
};

/* What the hypervisor's part of a trap works on, while its exit lasts. */
struct vs_host_work {
    struct vs_vcpu *v;
    const struct vs_trap *trap;
    const struct vs_translation *fault; /* withheld: that of the second dimension */
    /* work_of sets them where the trap must leave the guest: what it is, and what needs that */
    const char *needed, *by;
};

/* How the log of written pages is read (vs_hv_exit.log). */
struct vs_log_reading {
    struct vs_vcpu *v;
    bool full; /* the exit is that of a full log */
};

/* The hypervisor. */
struct vs_host_port {
    /* What it does for this trap besides the program of its reason; false: nothing. The work's ctx
     * is w. */
    bool (*work_of)(struct vs_host_work *w, struct vs_handling *how);
    /* The same for a fault of the second dimension at a page that is there and lacks a right;
     * false: it is not there. */
    bool (*withheld)(struct vs_host_work *w, struct vs_handling *how);
    /* Shadow paging: the exit of a page fault; f->error_code becomes what the guest sees. */
    enum vs_fault_end (*page_fault)(struct vs_vcpu *v, struct vs_translation *f);
    /* A guest hypervisor's guest was left: true when that is the guest hypervisor's affair, which
     * has handled it and entered its guest again, or the run has failed. */
    bool (*nested_exit)(struct vs_vcpu *v, const struct vs_exit *exit, struct vs_hv_exit *what);
    /* The hypervisor there has a guest that halts: when something is due, and what it does then. */
    uint64_t (*nested_wake_ps)(const struct vs_vcpu *v);
    void (*nested_awake)(struct vs_vcpu *v, uint64_t now_ps);
    /* The vCPU slept in the host, and something of its guest hypervisor's has come: in the end of
     * the halt; and instead of entering the guest, false: it is entered. */
    void (*nested_wakes)(struct vs_vcpu *v, uint64_t now_ps);
    bool (*nested_woken)(struct vs_vcpu *v);
    /* An INIT resets its guest, or a start-up IPI starts it: it writes the state of that. */
    void (*nested_startup)(struct vs_vcpu *v, bool start);
    /* The guest has switched to another second dimension by itself. */
    void (*switched)(struct vs_vcpu *v);
    /* The processor's log is read; ctx is a struct vs_log_reading. */
    void (*read_log)(void *ctx, struct vs_txn *t);
    /* Flushes wait for the next entry (n_shots, all_shots, flush_due): this is it. */
    void (*before_entry)(struct vs_vcpu *v);
    /* It has its processor again, which another thread had. */
    void (*comes_back)(struct vs_vcpu *v);
    /* The time has come at which it wanted to stop this vCPU (host_ps). */
    void (*due)(struct vs_vcpu *v, uint64_t now_ps);
};

/* A translator, for what the processor does for a guest that it executes itself. */
struct vs_translator_port {
    /* One access inside one page of the guest's, or one instruction that is fetched; FAULT: the
     * core has the fault. NULL: the kernel's code alone is translated, for which there are code and
     * instructions, with an account; all else is the processor's. */
    enum vs_cpu_stop (*access)(struct vs_vcpu *v, vs_gva at, uint32_t bytes, enum vs_ref ref,
                               bool modifies);
    /* All code in [at, at + bytes) is executed once. *done: how much of it. */
    enum vs_cpu_stop (*code)(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t *done);
    /* n instructions, without what they access; placed: code() has executed their blocks. */
    void (*instructions)(struct vs_vcpu *v, uint16_t account, uint64_t n, bool placed);
    /* How many of the host's n of them become, about. */
    uint64_t (*becomes)(const struct vs_vcpu *v, uint64_t n);
    /* An exception is delivered. */
    void (*exception)(struct vs_vcpu *v);
};

/* The program of a vCPU, and the run around it. */
struct vs_program_port {
    /* Its next piece, up to v->horizon; v->busy stays set while there is more of the request. */
    void (*run)(struct vs_vcpu *v);
    /* Until when its present piece, if nothing interrupts it, touches nothing that others could
     * see, nor sees anything of theirs; 0: it may at once. That much of it, n rounds of the core's
     * instruction clock, is done. */
    uint64_t (*alone_ps)(const struct vs_vcpu *v);
    void (*pass)(struct vs_vcpu *v, uint64_t n);
    /* The vCPU goes away: what the program holds is given back. */
    void (*close)(struct vs_vcpu *v);
    /* vCPU 0 has come to this time: epochs that have passed are sampled. */
    void (*passed)(struct vs_platform *p, uint64_t now_ps);
    /* The program has ended or failed. */
    void (*ended)(struct vs_vcpu *v);
};

#endif
