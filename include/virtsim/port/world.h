/* SPDX-License-Identifier: MIT */
/*
 * The world port: whether a trap leaves the guest, and the two switches. One for each architecture
 * (model/vmcs, model/svm, model/el2).
 *
 * The life of an exit, which runs under the host's actor from its first picosecond to its last:
 *
 *   if (w->leaves(w->ctx, t, &trap, &exit)) {
 *       vs_txn_actor(t, host);
 *       vs_open(t, exit.op);
 *       w->leave(w->ctx, t, &exit);
 *       ... the handler of trap.kind ...
 *       w->enter(w->ctx, t);                 the guest's actor runs
 *       vs_close(t);
 *   }
 *
 * t NULL: untimed. What the handler reads and writes goes through the state port (port/state.h),
 * an event to be injected and the wish for an interrupt window among it.
 */
#ifndef VIRTSIM_PORT_WORLD_H
#define VIRTSIM_PORT_WORLD_H

#include "virtsim/trap.h"

#define VS_EXIT_WORDS 10u

/* An exit that is decided. `own` is the architecture's: nobody else reads it. */
struct vs_exit {
    enum vs_op op;
    enum vs_trap_kind trap;
    vs_gpa gpa;
    vs_gva gva;
    uint8_t length;
    bool undecoded; /* the processor does not say which operands the instruction has */
    uint64_t own[VS_EXIT_WORDS];
};

/* What of a vCPU's translations goes. */
enum vs_world_flush {
    VS_WORLD_PAGE,   /* of its own tag, one linear address */
    VS_WORLD_TAG,    /* of its own tag */
    VS_WORLD_SECOND, /* what the second dimension gave, too */
};

struct vs_world_port {
    void *ctx;
    /* Does it leave the guest? Looking that up may take time (bitmaps in memory). Fills *exit. */
    bool (*leaves)(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit);
    /* The way out and the way in. False: the processor cannot; `why` says it. */
    bool (*leave)(void *ctx, struct vs_txn *t, const struct vs_exit *exit);
    bool (*enter)(void *ctx, struct vs_txn *t);
    void (*why)(void *ctx, char *out, size_t bytes);
    /* The hypervisor drops translations as its processor has it: at once, or at the next entry.
     * False: the architecture has no instruction for this, the caller has to. NULL: none. */
    bool (*flush_tag)(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at);
    /* The guest masks interrupts, or ends that; the instruction behind that end has executed. */
    void (*mask)(void *ctx, bool masked);
    void (*unshadow)(void *ctx);
    /* The guest's handler of a non-maskable interrupt returns (IRET): others are held back no more.
     * NULL: guests get none here. */
    void (*nmi_returns)(void *ctx);
    /* The guest takes the non-maskable interrupt that its processor holds for it
     * (VS_STATE_VIRTUAL_NMI), if nothing holds that back now. NULL: its processor holds none, and
     * each is injected. */
    bool (*nmi_takes)(void *ctx);
    /* The clock as the guest reads it without an exit. */
    uint64_t (*clock)(void *ctx, uint64_t host);
    /* After `leave`: what the exit says in the architecture's own registers and fields. How many,
     * at most VS_NOTES. */
    unsigned (*says)(void *ctx, const struct vs_exit *exit, struct vs_note *out);
    /* The vCPU becomes the one that its processor has loaded, which was another's; its guest is
     * left. NULL: there is nothing to load. */
    void (*load)(void *ctx, struct vs_txn *t);
    /* The guest's task priority is this now, where the processor keeps one for it; NULL: nowhere.
     */
    void (*priority)(void *ctx, uint8_t tpr);
    /* When the processor's own timer stops the guest, as the last entry has loaded it. NULL: it has
     * none. */
    vs_ps (*stops)(void *ctx);
    /* The vCPU's thread has its processor, or sleeps, where the hypervisor tells the processors of
     * others, which send interrupts to it; NULL: nobody is told. */
    void (*running)(void *ctx, struct vs_txn *t, bool on);
    /* The guest executes an instruction of virtualization (VS_X86_*) that did not leave it. False:
     * its processor has none there. *held: interrupts of the guest are held from now on. NULL: no
     * such instruction can stay in a guest. */
    bool (*execute)(void *ctx, struct vs_txn *t, uint8_t x86, bool *held);
    /* Entry `index` of the list of second dimensions that the guest may switch to leads to the one
     * with this root from now on; where the entry lies. NULL: there is no such list. */
    vs_hpa (*view)(void *ctx, unsigned index, uint64_t root);
    /* Root of the second dimension that the guest has now, as it has switched. */
    uint64_t (*viewed)(void *ctx);
    /* With this access to a model-specific register the guest begins to use some that the processor
     * is to move at each exit and entry: the hypervisor tells it the next one. False: there is
     * none, or none more. t NULL: it only asks. NULL: its processor is told of none. */
    bool (*lists)(void *ctx, struct vs_txn *t, const struct vs_trap *trap);
};

#endif
