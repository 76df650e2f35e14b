/* SPDX-License-Identifier: MIT */
/* A pair of the adapter's queues that a driver of the host's has: its rings and buffers lie in the
 * host's memory, and a thread of the host's kernel works on them. */
#ifndef VIRTSIM_SIM_MACHINE_HOST_QUEUE_H
#define VIRTSIM_SIM_MACHINE_HOST_QUEUE_H

#include "host/sched/worker.h"
#include "machine_impl.h"

struct machine_host_queue {
    struct vs_net *net;
    struct vs_worker *worker;
    uint32_t number;     /* of all of the adapter's */
    uint64_t ring[2];    /* host-physical: received, sent */
    uint64_t *buffer[2]; /* of each descriptor; NULL: they are others' */
    uint32_t rx_next, rx_tail, tx_tail, tx_clean;
};

/* Makes its rings, with buffers of its own or without any; false: the host has no memory. */
bool machine_host_queue_make(struct machine_host_queue *q, bool receives_own, bool sends_own);
void machine_host_queue_free(struct machine_host_queue *q);
/* Before the run begins all receive buffers are the adapter's. */
void machine_host_queue_begin(struct machine_host_queue *q);

/* Adds which of the programs the machine's hypervisor does not have that this knob needs; without
 * them its host is what `lacks` says. */
void machine_host_needs(const struct vs_net *net, const char *const *programs, size_t n,
                        const char *knob, const char *lacks, struct vs_errors *errors);

/* Registers of the adapter's physical function: so many are read, one after the other, until the
 * last one is there; so many are written, posted: when the device has the last one. */
void machine_host_reads(struct vs_net *net, struct vs_worker *w, unsigned n);
vs_ps machine_host_writes(struct vs_net *net, struct vs_worker *w, unsigned n);
/* References to the host's memory, by its kernel's direct map. */
void machine_host_touch(struct vs_worker *w, uint64_t hpa, uint64_t bytes, enum vs_ref ref);
/* Writes a descriptor for a buffer at `at`; looks at one: what the adapter has written there. */
void machine_host_give(struct machine_host_queue *q, bool sends, uint32_t slot, uint64_t at,
                       uint64_t word);
uint64_t machine_host_look(const struct machine_host_queue *q, bool sends, uint32_t slot);
/* What the frame in a buffer begins with. */
struct vs_nic_header machine_host_header(const struct vs_net *net, uint64_t hpa);
/* A posted write of a tail register; when the device has it. */
vs_ps machine_host_doorbell(struct machine_host_queue *q);
/* Buffers of what was read go back into the ring, so many at a time that a doorbell is shared. */
void machine_host_refill(struct machine_host_queue *q);
/* Slots of the transmit ring that are free, when those that were sent are taken back. */
uint32_t machine_host_room(struct machine_host_queue *q, uint32_t wanted);
/* The adapter is told of what is in the transmit ring. */
void machine_host_announce(struct machine_host_queue *q);

#endif
