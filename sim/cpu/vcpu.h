/* SPDX-License-Identifier: MIT */
/*
 * One vCPU of the platform: takes requests from its guest source and carries them out on its core,
 * leaving the guest where the VMCS says so. An agent of the kernel (kernel.h).
 */
#ifndef VIRTSIM_SIM_CPU_VCPU_H
#define VIRTSIM_SIM_CPU_VCPU_H

#include "machine/platform_impl.h"

/* Agent step, see kernel.h. */
uint64_t vs__vcpu_step(void *ctx, uint64_t now_ps, uint64_t horizon_ps);

/* exits.c: the guest did something at the present instruction, or something happened to it. True
 * when it was left for that (and entered again). `how` says what the handler does besides its
 * program; NULL: nothing. */
bool vs__vcpu_trap(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how);
/* The same, and the exit may stay open, the guest left, until vs__vcpu_release: then *hold. */
bool vs__vcpu_trap_hold(struct vs_vcpu *v, const struct vs_trap *trap,
                        const struct vs_handling *how, bool *hold);
void vs__vcpu_release(struct vs_vcpu *v);
/* The same for what leaves the guest whatever the processor's controls say. */
void vs__vcpu_trap_always(struct vs_vcpu *v, const struct vs_trap *trap,
                          const struct vs_handling *how);
/* An interrupt of the host's own stops the guest for this work. */
void vs__vcpu_kick(struct vs_vcpu *v, void (*work)(void *ctx, struct vs_txn *t), void *ctx);
/* Interrupts that are due: exits, injections, posted ones. */
void vs__vcpu_interrupts(struct vs_vcpu *v);
/* The guest executes HLT, or has nothing to run: false when it sleeps (the step ends). */
void vs__vcpu_halt(struct vs_vcpu *v);

/* fault.c: what stopped the core; false when the run failed (v->failed). The access is issued again
 * unless it was carried out without the core (v->emulated: a device, a table under shadow paging).
 */
bool vs__vcpu_fault(struct vs_vcpu *v);
/* Runs `instructions` spread over code and data of a routine of the current world. */
void vs__vcpu_routine(struct vs_vcpu *v, uint64_t instructions, vs_gva code, uint64_t code_bytes,
                      vs_gva data, uint64_t data_bytes);

/* edit.c: one access of the guest's kernel, faults and all. */
bool vs__vcpu_reach(struct vs_vcpu *v, uint64_t at, enum vs_ref ref);
/* The kernel clears a page or a table by one string store; it may take EPT violations. */
void vs__vcpu_clear(struct vs_vcpu *v, uint64_t at, uint64_t bytes);
/* A new page is cleared through the kernel's map. */
void vs__edit_clear(struct vs_vcpu *v, uint64_t gva, uint64_t bytes);
/* What the kernel stores to give gva the entry that it has now; tables made since `begin` are
 * cleared and entered too. */
void vs__edit_begin(const struct vs_vcpu *v, uint64_t *tables);
void vs__edit_entry(struct vs_vcpu *v, uint64_t gva, uint64_t tables_before);

/* shadow.c. The controls shadow paging needs; the tables of one vCPU. */
void vs__vcpu_shadow_controls(struct vs_vmcs_config *c);
enum vs_status vs__vcpu_shadow_make(struct vs_vcpu *v, const struct vs_shadow_config *c,
                                    struct vs_errors *errors);
/* Exits of a page fault (error_code becomes what the guest sees), MOV to CR3, INVLPG, INVPCID, and
 * an access to a device. */
enum vs_shadow_result vs__vcpu_shadow_fault(struct vs_vcpu *v, struct vs_translation *f);
bool vs__vcpu_shadow_cr3(struct vs_vcpu *v, const struct vs_trap *trap, bool keep);
void vs__vcpu_shadow_invlpg(struct vs_vcpu *v, uint64_t at);
void vs__vcpu_shadow_invpcid(struct vs_vcpu *v, const struct vs_trap *trap);
void vs__vcpu_shadow_cr4(struct vs_vcpu *v);
void vs__vcpu_shadow_mmio(struct vs_vcpu *v, uint64_t at);

/* dirty.c: the dirty log. */
enum vs_status vs__dirty_make(struct vs_host *h, struct vs_platform *p);
void vs__dirty_start(struct vs_vcpu *v);
/* The processor's log is read (vs_hv_exit.log). */
struct vs_log_reading {
    struct vs_vcpu *v;
    bool full; /* the exit is that of a full log */
};
void vs__dirty_flush(void *ctx, struct vs_txn *t);
/* host_ps has come: a round, or another vCPU's. */
void vs__dirty_due(struct vs_vcpu *v, uint64_t now_ps);
/* A page was written or may be: its bit, at no time. */
void vs__dirty_set(struct vs_host *h, uint64_t gpa);
/* A round now; how many pages were written since the one before. The first one begins the log. */
uint64_t vs__dirty_round(struct vs_vcpu *v);
/* The page may be written from now on: it is marked, in time when t is not NULL. */
void vs__dirty_mark(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa);
/* No vCPU of the machine translates with what it has cached: timed on this one, which is in its
 * host; the others are kicked. */
void vs__dirty_drop(struct vs_vcpu *v, struct vs_txn *t);

/* host.c: a fault of the second dimension at a page that is there and lacks a right: *how is what
 * its handler does, with `w`, which lasts as long. False when the page is not there. */
struct vs_withheld {
    struct vs_vcpu *v;
    const struct vs_translation *fault;
};
bool vs__host_withheld(struct vs_vcpu *v, const struct vs_translation *f, struct vs_withheld *w,
                       struct vs_handling *how);
/* The page around gpa has the smallest size; false: host memory is exhausted. */
bool vs__host_split(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa);
/* Somebody outside takes rights to (or gives back) the pages of [at, at + bytes). */
void vs__host_protect(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t rights);
/* Host memory as its kernel sees it, in the handler's time; instructions of its code. */
void vs__host_touch(struct vs_vcpu *v, struct vs_txn *t, uint64_t hpa, enum vs_ref ref);
void vs__host_run(struct vs_vcpu *v, struct vs_txn *t, uint64_t code, uint64_t code_bytes,
                  uint64_t instructions);
struct vs_host *vs__host_of(const struct vs_vcpu *v);

/* The run cannot go on; the message names the vCPU. */
void vs__vcpu_fail(struct vs_vcpu *v, const char *format, ...) VS_PRINTF(2, 3);
/* The same where the guest asks for more than the machine was given: a wrong request. */
void vs__vcpu_refuse(struct vs_vcpu *v, const char *format, ...) VS_PRINTF(2, 3);

/* world.c. The world switch of this machine: VMX, SVM under nested paging, EL2 under stage 2.
 * Whether a trap leaves the guest, and what the exit then says. */
bool vs__vcpu_intercepts(struct vs_vcpu *v, const struct vs_trap *trap,
                         struct vs_vmx_exit_info *info);
/* What an exit says that leaves the guest whatever the controls say. */
void vs__vcpu_exit_of(const struct vs_trap *trap, struct vs_vmx_exit_info *info);
enum vs_vmx_result vs__vcpu_leave(struct vs_vcpu *v, const struct vs_vmx_exit_info *info);
enum vs_vmx_result vs__vcpu_resume(struct vs_vcpu *v);
bool vs__vcpu_svm_setup(struct vs_vcpu *v);

#endif
