/* SPDX-License-Identifier: MIT */
/* A device's way to the host: its reads, writes and interrupt messages over the link. */
#ifndef VIRTSIM_PORT_UPSTREAM_H
#define VIRTSIM_PORT_UPSTREAM_H

#include "virtsim/port/msi.h"
#include "virtsim/units.h"

#include <stddef.h>

/* Each call serves a transaction beside the device's time line (vs_txn_beside): its clock says when
 * the device asks, and afterwards when a read's last byte is in the device, or when a write or a
 * message has reached its end. *taken_ps says when the link has taken what was to be sent: the
 * device goes on then, posted writes are nothing that it waits for. Transfers are asked for in the
 * order of time. False: the host blocked it, and no byte has moved that a packet of it named. */
struct vs_upstream_port {
    void *ctx;
    bool (*read)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                 size_t bytes, uint64_t *taken_ps);
    bool (*write)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                  size_t bytes, uint64_t *taken_ps);
    enum vs_msi_result (*message)(void *ctx, struct vs_txn *t, uint16_t requester, uint64_t address,
                                  uint32_t data);
    /* Whether this vector of the function may be sent now; else it is kept until it is unmasked.
     * NULL: it always may. */
    bool (*fires)(void *ctx, uint16_t requester, uint32_t vector);
    void *fires_ctx;
};

#endif
