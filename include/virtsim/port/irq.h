/* SPDX-License-Identifier: MIT */
/*
 * The interrupt port: one CPU's interrupt controller as whoever runs that CPU sees it. Interrupts
 * have the controller's own numbers: vectors of a local APIC, INTIDs of a GIC. Whether the CPU
 * masks interrupts (RFLAGS.IF, PSTATE.I) and whether an access leaves a guest is not known here.
 *
 * A function that a controller lacks is NULL: access without a page of registers; post, posted and
 * sync without a posted-interrupt descriptor; mask where nobody writes the priority mask; requested
 * and others where nobody asks for a window; read and write where registers are not MSRs; held,
 * save, load and maintenance without list registers.
 */
#ifndef VIRTSIM_PORT_IRQ_H
#define VIRTSIM_PORT_IRQ_H

#include "virtsim/port/mem.h"

/* Who delivers: the physical controller, the processor's virtual interface, an entry that carried
 * the interrupt and has paid for it. */
enum vs_irq_how { VS_IRQ_ACCEPTED, VS_IRQ_EVALUATED, VS_IRQ_INJECTED };

struct vs_irq_port {
    void *ctx;
    /* The interrupt reaches the controller at `at`; true: it was not pending before. */
    bool (*raise)(void *ctx, uint8_t number, vs_ps at);
    /* What an unmasked CPU would take now; false: nothing. */
    bool (*pending)(const void *ctx, uint8_t *number);
    /* The highest that has come, whatever the priority mask says; false: none. */
    bool (*requested)(const void *ctx, uint8_t *number);
    /* More than one interrupt is pending. */
    bool (*others)(const void *ctx);
    /* The CPU takes it: from pending to active. */
    void (*deliver)(void *ctx, struct vs_txn *t, uint8_t number, enum vs_irq_how how);
    /* Its handler has ended; `exits`: the write itself leaves the guest and has no time here. */
    void (*end)(void *ctx, struct vs_txn *t, uint8_t number, bool exits);
    /* An INIT: nothing is pending or in service any more. NULL where none comes. */
    void (*reset)(void *ctx);
    /* The priority mask is written: TPR, ICC_PMR_EL1. */
    void (*mask)(void *ctx, uint8_t priority);
    /* Its register of that number holds, or is written with, this value; NULL: it is done, else why
     * that is a fault. What a write does outside of the controller is the caller's. */
    const char *(*read)(void *ctx, uint32_t reg, uint64_t *value);
    const char *(*write)(void *ctx, uint32_t reg, uint64_t value);
    /* What the register that sends is written with, for one CPU; whether that value, written by CPU
     * `from`, reaches a CPU; and the write where it does not leave a guest. */
    uint64_t (*command)(uint8_t number, unsigned to);
    bool (*reaches)(uint64_t command, unsigned from, unsigned cpu);
    void (*send)(void *ctx, struct vs_txn *t);
    /* A memory-mapped register is read or written without an exit. */
    void (*access)(void *ctx, struct vs_txn *t);
    /* Without a hypervisor: into the descriptor, true when a notification is due; of a
     * list-register machine into the virtual processor's own table, true where it goes there, and
     * how much longer its message then takes (NULL: none is). The IOMMU has put one there itself.
     * What is in it becomes pending. */
    bool (*post)(void *ctx, uint8_t number, vs_ps at);
    uint64_t (*post_ps)(const void *ctx, uint8_t number);
    void (*posted)(void *ctx, bool notified);
    void (*sync)(void *ctx, struct vs_txn *t, const struct vs_mem_port *mem);
    /* The physical interrupt behind it is still active: it does not come again. */
    bool (*held)(const void *ctx, uint8_t number);
    /* The guest was left: its hypervisor reads the list registers back. It is to be entered: what
     * is pending or active goes into them. */
    void (*save)(void *ctx, struct vs_txn *t);
    void (*load)(void *ctx, struct vs_txn *t);
    /* The list registers are to be filled again, and the guest left for that; counts it. */
    bool (*maintenance)(void *ctx);
    uint64_t message_ps;     /* from a sender to the controller */
    uint16_t message, waits; /* accounts: of that, and of being pending */
    uint16_t through;        /* account: of what post_ps says */
    vs_hpa descriptor;       /* posted-interrupt descriptor; 0: none */
};

#endif
