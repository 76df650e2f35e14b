/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts of a device, and what they become. */
#ifndef VIRTSIM_PORT_MSI_H
#define VIRTSIM_PORT_MSI_H

#include "virtsim/ledger.h"

/* What became of a message-signalled interrupt. */
enum vs_msi_result { VS_MSI_DELIVERED, VS_MSI_POSTED, VS_MSI_POSTED_SILENT, VS_MSI_BLOCKED };

/* A device's MSI write: through interrupt remapping to an interrupt controller. */
struct vs_msi_port {
    void *ctx;
    enum vs_msi_result (*write)(void *ctx, struct vs_txn *t, uint16_t requester, uint64_t address,
                                uint32_t data);
};

/* Towards an interrupt controller (irq.h): a physical vector for a physical CPU at t->now. */
struct vs_message_port {
    void *ctx;
    void (*raise)(void *ctx, struct vs_txn *t, uint32_t apic_id, uint8_t vector);
};

#endif
