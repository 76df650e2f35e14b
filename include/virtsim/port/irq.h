/* SPDX-License-Identifier: MIT */
/* Interrupt controllers, as whoever raises an interrupt reaches them. */
#ifndef VIRTSIM_PORT_IRQ_H
#define VIRTSIM_PORT_IRQ_H

#include "virtsim/ledger.h"

/* Towards an interrupt controller: a physical vector for a physical CPU at t->now. */
struct vs_irq_port {
    void *ctx;
    void (*raise)(void *ctx, struct vs_txn *t, uint32_t apic_id, uint8_t vector);
};

#endif
