/* SPDX-License-Identifier: MIT */
/*
 * The nested port: what the host's hypervisor, L0, does with the control structures of a guest
 * hypervisor, L1, and of its guest, L2. Three of them: 01 runs L1, 12 is the one that L1 keeps for
 * L2 and that no processor loads, 02 runs L2 and is made of both (VMCS01, VMCS12, VMCS02 in KVM).
 *
 * One exit of L2 that L1 asked for:
 *
 *   wants    12's controls ask for it       save      02's state and exit become 12's
 *   leave    01 is current, with the host state of 12; publish: its shadow has what L1 may read
 *   ... L1 runs: each read and write of 12 is access_trap, carried out by `emulate` ...
 *   entry_trap, collect: what L1 wrote to the shadow; check    12 as an entry checks it       merge
 * 02 is current, made of 12 and 01
 *
 * t NULL: untimed.
 */
#ifndef VIRTSIM_PORT_NESTED_H
#define VIRTSIM_PORT_NESTED_H

#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

/* An instruction of L1's around an exit of its guest or before its entry. */
struct vs_nested_step {
    struct vs_trap trap;
    bool quick; /* L0 answers it before its run loop */
};

struct vs_nested_port {
    void *ctx;
    /* L2's exit, of this trap, is one that L1 wants and L0 does not keep for itself. Untimed, it
     * is not counted either. */
    bool (*wants)(void *ctx, struct vs_txn *t, const struct vs_trap *trap,
                  const struct vs_exit *exit);
    /* It is one of L0's own that L0 makes one of L1's: an exception that both intercept. NULL:
     * there is none. */
    bool (*queues)(void *ctx, const struct vs_exit *exit);
    void (*save)(void *ctx, struct vs_txn *t);
    /* What the next `save` hands on is no exit of the processor's: a physical interrupt of L1's
     * with that vector (VS_TRAP_INTERRUPT), the end of its timer (VS_TRAP_TIMER), or what L0 has
     * queued. */
    void (*becomes)(void *ctx, enum vs_trap_kind trap, uint8_t vector);
    void (*leave)(void *ctx, struct vs_txn *t);
    /* Where the processor answers some of L1's accesses from a shadow of 12 (`shadows`): 12's
     * fields go there before L1 runs, and come back at its entry. */
    void (*publish)(void *ctx, struct vs_txn *t);
    void (*collect)(void *ctx, struct vs_txn *t);
    /* False: L1's entry fails, `why` says it. */
    bool (*check)(void *ctx, struct vs_txn *t);
    void (*merge)(void *ctx, struct vs_txn *t);
    void (*why)(void *ctx, char *out, size_t bytes);
    /* The instructions of L1: of an access to its guest's state, of the entry. */
    struct vs_trap (*access_trap)(void *ctx, enum vs_state what, bool write);
    struct vs_trap (*entry_trap)(void *ctx);
    /* L0 carries out such an access; of a write *value is what is written. */
    void (*emulate)(void *ctx, struct vs_txn *t, enum vs_state what, bool write, uint64_t *value);
    /* The same of one that did not exit: the processor carries it out. */
    void (*shadowed)(void *ctx, struct vs_txn *t, enum vs_state what, bool write, uint64_t *value);
    /* An exit of L2 for an interrupt of L1's does not take it: it stays pending, and L1 takes it
     * when it lets interrupts in: SVM. */
    bool keeps_pending;
    bool shadows;
    bool timer;       /* 12 asks for the timer that stops L2: L0 keeps that by one of its own */
    bool guest_timer; /* L2's timer is one of the processor's: L1 keeps none for it while it runs */
    /* Where 12 is in L1's memory, without an instruction for it, access_trap is NULL: L1's accesses
     * are `shadowed`, loads and stores. Then L1 executes these instructions behind an exit of L2,
     * or before its entry (`entry`), besides that one: the i-th; false: there is none. NULL: none
     * at all. L0 carries out one that exits, and the processor one that does not: by `executes`,
     * NULL: by the world's port. */
    bool (*around)(void *ctx, bool entry, unsigned i, struct vs_nested_step *out);
    void (*carry_out)(void *ctx, struct vs_txn *t, const struct vs_trap *trap);
    void (*executes)(void *ctx, struct vs_txn *t, const struct vs_trap *trap);
    /* The i-th instruction by which L1 resets the state that 12 has of its guest, for an INIT, or
     * sets it for a start-up IPI (`start`): `carry_out` or `executes` is its effect; false: there
     * is none. Where 12 is memory it stores there instead, and there is none. NULL: its
     * architecture has no INIT. */
    bool (*resets)(void *ctx, struct vs_txn *t, bool start, unsigned i, struct vs_nested_step *out);
    /* What L1's own switch moves between registers and memory, before these or behind them. NULL:
     * its processor does, or nothing. */
    void (*moves)(void *ctx, struct vs_txn *t, bool entry);
};

#endif
