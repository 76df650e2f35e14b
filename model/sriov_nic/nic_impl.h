/* SPDX-License-Identifier: MIT */
/* What the adapter's two engines share. */
#ifndef VIRTSIM_MODEL_NIC_IMPL_H
#define VIRTSIM_MODEL_NIC_IMPL_H

#include "sriov_nic/sriov_nic.h"

/* The time as a value of its type. */
static inline vs_ps vs__nic_at(uint64_t v)
{
    vs_ps p = {v};
    return p;
}

/* An account of the adapter's as the ledger numbers it. */
static inline uint16_t vs__nic_acc(const struct vs_nic *n, unsigned which)
{
    return (uint16_t)(n->account + which);
}

uint64_t vs__nic_frame_bytes(uint64_t payload);
uint64_t vs__nic_bits_ps(const struct vs_nic *n, uint64_t bytes);

/* Asks for descriptors that the device does not have and may have: whole batches ahead, and
 * whatever there is up to the `need` next ones; false: blocked. */
bool vs__nic_fetch(struct vs_nic *n, struct vs_nic_function *f, struct vs_nic_ring *r,
                   uint32_t need, uint64_t at_ps);
/* The i-th descriptor from the head on, of those that the device has or has asked for. */
static inline struct vs_nic_descriptor *vs__nic_cached(struct vs_nic_ring *r, uint32_t i)
{
    return &r->cache[(r->first + i) % VS_NIC_CACHED];
}
/* The next descriptor goes out of the device's cache; which slot of the ring it is. */
uint32_t vs__nic_take(struct vs_nic_ring *r, uint64_t word[2]);
/* write_back.c: a received packet's descriptor goes back at the DMA's time, or is kept. */
void vs__nic_received(struct vs_nic *n, struct vs_nic_queue *q, uint32_t slot, uint64_t word[2],
                      uint64_t *taken_ps);
/* The packet is in memory: kept descriptors go back if they are enough. */
void vs__nic_enough(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps);
/* A frame's descriptor is to go back when it has been read; and what is to go by `at_ps` does. */
static inline void vs__nic_sent(struct vs_nic *n, struct vs_nic_queue *q, uint32_t slot,
                                const uint64_t word[2], uint64_t at_ps)
{
    uint32_t i = (n->write_back_first + n->n_write_backs++) % VS_NIC_WRITE_BACKS;
    n->write_back[i] = (struct vs_nic_write_back){at_ps, {word[0], word[1]}, q, slot};
}
void vs__nic_write_backs(struct vs_nic *n, uint64_t at_ps);
/* Completions of the queue that have not been written back are dropped. */
void vs__nic_drop_write_backs(struct vs_nic *n, const struct vs_nic_queue *q);
/* What the queue's rings have kept goes back. */
void vs__nic_flush_queue(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps);
/* Who looks at the ring all the time sees its packets from now on. */
void vs__nic_tell_reader(const struct vs_nic *n, const struct vs_nic_queue *q, uint64_t at_ps);
/* A packet's journey ends; what began before the region of interest is not measured in it. */
void vs__nic_finish(const struct vs_nic *n, struct vs_journey *j, struct vs_op_acc *op);
/* A frame that is sent goes through the port's interface. */
static inline void vs__nic_through(const struct vs_nic *n, struct vs_journey *j)
{
    if (n->cfg.interface) {
        vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_interface), vs__nic_at(n->cfg.interface));
    }
}
/* The function's DMAs from `at_ps` on, with their parts recorded for journeys. */
struct vs_txn *vs__nic_dma(struct vs_nic *n, struct vs_nic_function *f, uint64_t at_ps);

#define VS__NIC_MOST 8u /* as an X710 has it */

/* A frame, or what several are made of, that is being read. */
struct vs_nic_out {
    uint64_t bytes;   /* with its headers */
    uint32_t segment; /* payload of each frame; 0: it is one */
    bool addressed;
    struct vs_nic_header header;
    uint32_t n; /* pieces: where they end, and since when they are in the adapter */
    struct {
        uint64_t end, there_ps;
    } piece[VS_NIC_OUT_PIECES];
};
/* The smaller of two numbers. */
static inline uint64_t vs__least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* It goes where it is to go, and its journey (NULL: it has none) ends. */
void vs__nic_send_out(struct vs_nic *n, struct vs_nic_queue *q, struct vs_journey *j,
                      const struct vs_nic_out *o);
/* A packet from the wire or from another function: in the buffer from its in_ps on, or
 * VS_NIC_NEVER. */
uint64_t vs__nic_arrived(struct vs_nic *n, const struct vs_nic_arrival *a);
/* An interrupt is due now, or when the function's moderation lets it; one that is due already
 * stays. */
void vs__nic_plan_interrupt(struct vs_nic *n, struct vs_nic_queue *q);

/* mailbox.c: nothing is in it, and nobody's. */
void vs__nic_mailbox_reset(struct vs_nic_mailbox *m);

/* adminq.c: its queues are as nobody has used them, and given back; whether an address is the
 * function's; what its reset register reads. */
void vs__nic_admin_reset(struct vs_nic_function *f);
void vs__nic_admin_free(struct vs_nic_function *f);
bool vs__nic_has_address(const struct vs_nic_function *f, uint64_t mac);
uint32_t vs__nic_reset_state(const struct vs_nic_function *f, vs_ps at);

/* coalesce.c: whether it is a segment that others may follow. */
bool vs__nic_joins(const struct vs_nic_arrival *a);
/* Ends the queue's aggregate where the packet cannot be part of it; descriptors that it takes. */
uint32_t vs__nic_make_way(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                          uint64_t at_ps);
/* Puts a segment behind those before it, or begins with it; false: blocked. */
bool vs__nic_join(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                  uint64_t *taken_ps);
/* The aggregate, if there is one, is given to software. */
void vs__nic_end_aggregate(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps);

#endif
