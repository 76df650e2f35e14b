/* SPDX-License-Identifier: MIT */
/* The far end of an adapter's wire. Any function may be NULL: nobody is there. */
#ifndef VIRTSIM_PORT_WIRE_H
#define VIRTSIM_PORT_WIRE_H

#include <stdint.h>

struct vs_wire_port {
    void *ctx;
    /* A frame of this queue of the adapter's has left, its last bit at `last_ps`; called in the
     * order of time. */
    void (*frame)(void *ctx, uint32_t queue, uint64_t bytes, uint64_t last_ps);
    /* A packet for this queue was lost at `at_ps`, on the wire or in the adapter. */
    void (*lost)(void *ctx, uint32_t queue, uint64_t at_ps);
};

#endif
