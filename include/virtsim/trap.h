/* SPDX-License-Identifier: MIT */
/*
 * Traps: what a guest does, or what happens to it, in words that every architecture shares, with
 * its operands; and what the handler of a trap is to know besides. Whether a trap leaves the guest,
 * under which name and with which syndrome, is the architecture's: port/world.h.
 */
#ifndef VIRTSIM_TRAP_H
#define VIRTSIM_TRAP_H

#include "virtsim/ledger.h"

enum vs_trap_kind {
#define VS_TRAP(e, name, text) VS_TRAP_##e,
#include "virtsim/traps.def"
#undef VS_TRAP
    VS_TRAP_N
};

/* An Arm system register as vs_trap.number: as MRS and MSR name it, Linux's sys_reg(). */
#define VS_SYSREG(op0, op1, crn, crm, op2)                                                         \
    ((op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)

/* Forms of VS_TRAP_INVALIDATE. */
enum vs_trap_scope {
    VS_TRAP_PAGE,       /* one page of the present address space, or what a TLBI says */
    VS_TRAP_CONTEXT,    /* INVPCID */
    VS_TRAP_PAGE_OF_TAG /* INVLPGA */
};

struct vs_trap {
    enum vs_trap_kind kind;
    uint32_t number;   /* of the MSR, port, control register, vector; offset in the APIC's page */
    uint32_t size;     /* of an access to a port, a device, memory: bytes; 0: not one register's */
    uint64_t value;    /* that is written; PAUSE: the time-stamp counter */
    vs_gva gva;        /* linear address of a fault, an invalidation, a page fault */
    vs_gva operand;    /* linear address of a memory operand: INVPCID's descriptor */
    vs_gpa gpa;        /* guest-physical address of a second-dimension fault */
    uint64_t device;   /* physical address of the device that an access is to */
    uint64_t syndrome; /* of a second-dimension fault, as the translation gives it in the format
                        * of its architecture (vs_translation.qualification) */
    uint32_t error_code;      /* of an exception */
    uint16_t immediate_value; /* of HVC and SMC */
    uint8_t length;           /* of the instruction, bytes; 0: no instruction caused it */
    uint8_t gpr;              /* register that holds the operand */
    uint8_t cpl;              /* privilege level, 0 = kernel */
    uint8_t scope;            /* enum vs_trap_scope of VS_TRAP_INVALIDATE */
    uint8_t x86;              /* which instruction of x86 (x86.def), 0: its kind says that */
    uint8_t vectoring;        /* interrupt whose delivery this interrupts; 0: none */
    bool owned; /* of a control register: a bit changes that the hypervisor keeps for itself */
    bool write; /* of a control register, a port (OUT), a device, the APIC's page */
    bool fetch; /* of a second-dimension fault: of an instruction */
    bool immediate, string, rep; /* forms of IN and OUT */
    bool has_error;              /* the exception has an error code */
    bool firmware;               /* of a hypercall: SMC, which is one to the firmware */
    bool recorded; /* of a trace of exits: it left its guest, whatever the controls are here */
    bool power;    /* of a halt: a call to the firmware, PSCI's CPU_SUSPEND or CPU_OFF */
    bool wide;     /* of floating point: SVE */
    bool event;    /* of a pause: WFE, which waits for an event */
};

struct vs_translation;

/* What a trap's handler is to know: an argument of the exit, which lasts as long as it does. */
struct vs_handling {
    /* What the hypervisor does besides the trap's program; NULL: nothing. */
    void (*work)(void *ctx, struct vs_txn *t);
    void *ctx;
    bool fast;      /* the short way of its program, if it has one */
    bool eventfd;   /* a write that the kernel turns into an event: user space is not asked */
    bool ask;       /* user space is asked, whatever the trap */
    bool device;    /* the access was to a device: it is emulated */
    bool more;      /* other interrupts are pending besides `inject`: the next window is theirs */
    bool nmi;       /* a non-maskable interrupt is offered, although the guest is in a handler */
    bool log_full;  /* the exit is that of a full log */
    uint8_t inject; /* vector that the entry is to carry; 0: none */
    /* Of a physical interrupt that is the guest's, or of what the host queues for it: the trap
     * (enum vs_trap_kind) as which a hypervisor in the guest gets it for its own guest; 0: nobody
     * there does. */
    uint8_t handed;
    const struct vs_translation *withheld; /* of a page that is there without that right, or NULL */
};

#endif
