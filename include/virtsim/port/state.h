/* SPDX-License-Identifier: MIT */
/*
 * The state port: what a hypervisor's handler reads and writes of its vCPU. The time is that of the
 * architecture's own way: a VMREAD, a load of a line of the VMCB, a word that software has saved.
 * What an architecture does not have takes no time and reads 0.
 */
#ifndef VIRTSIM_PORT_STATE_H
#define VIRTSIM_PORT_STATE_H

#include "virtsim/ledger.h"

enum vs_state {
    VS_STATE_NONE,      /* ends a list */
    VS_STATE_REASON,    /* exit reason, EXITCODE, ESR_EL2.EC: read first at every exit */
    VS_STATE_VECTORING, /* the event whose delivery was interrupted */
    VS_STATE_SYNDROME,  /* exit qualification, EXITINFO1, ESR_EL2.ISS */
    VS_STATE_INTR_INFO, /* the event that left the guest */
    VS_STATE_FAULT_GPA, /* guest-physical address, EXITINFO2, HPFAR_EL2 */
    VS_STATE_FAULT_GVA, /* guest-linear address, FAR_EL2 */
    VS_STATE_LENGTH,    /* of the instruction: on AMD what nRIP says less RIP */
    VS_STATE_PC,
    VS_STATE_SP,
    VS_STATE_FLAGS,        /* RFLAGS, SPSR_EL2 */
    VS_STATE_CODE_SEGMENT, /* access rights of CS */
    VS_STATE_CR0,
    VS_STATE_CR3,
    VS_STATE_INTERRUPTIBILITY, /* VS_BLOCKS_*, or something else that holds interrupts back; 0 is
                                  written: no instruction does any more */
    VS_STATE_CONTROLS,         /* VS_CONTROLS_* */
    VS_STATE_ENTRY_INTR,       /* the event that the next entry carries: VS_EVENT_* */
    VS_STATE_ENTRY_ERROR,      /* its error code */
    VS_STATE_VIRTUAL_NMI,  /* a non-maskable interrupt that the processor itself is to deliver */
    VS_STATE_VIRTUAL_INTR, /* highest vector that the processor itself is to deliver */
    VS_STATE_LOG_INDEX,    /* of the log of written pages */
    VS_STATE_TIMER,        /* what is left on the timer that stops the guest */
    VS_STATE_SPIN,         /* how long a loop of PAUSE may last: PLE_Window, the filter's count */
    VS_STATE_THRESHOLD,    /* class of priority below which a TPR that falls leaves the guest */
    VS_STATE_OPERANDS,     /* which registers and memory the instruction names */
    VS_STATE_N
};

#define VS_CONTROLS_WINDOW 1u     /* leave the guest as soon as it can take an interrupt */
#define VS_CONTROLS_NMI_WINDOW 2u /* the same of a non-maskable one */

#define VS_BLOCKS_SHADOW 1u /* of VS_STATE_INTERRUPTIBILITY: the instruction before, STI, does */
#define VS_BLOCKS_NMI                                                                              \
    8u /* of VS_STATE_INTERRUPTIBILITY: the handler of an NMI holds others back                    \
        */

#define VS_EVENT_VALID (1u << 31)
#define VS_EVENT_EXCEPTION (1u << 8) /* else an external interrupt */
#define VS_EVENT_ERROR (1u << 9)     /* it has an error code */
#define VS_EVENT_NMI (1u << 10)      /* a non-maskable interrupt, and no external one */
#define VS_EVENT_VECTOR 0xffu

struct vs_state_port {
    void *ctx;
    /* False: the processor refuses (VMfail). */
    bool (*read)(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value);
    bool (*write)(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value);
    /* n fields, one after the other, as `read` reads them; value: by enum vs_state, 0 where it
     * refuses. NULL: one by one */
    void (*read_all)(void *ctx, struct vs_txn *t, const uint8_t *what, unsigned n, uint64_t *value);
    bool apart; /* neither touches memory: state is in registers, or kept on the die */
};

#endif
