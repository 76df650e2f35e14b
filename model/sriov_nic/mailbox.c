/* SPDX-License-Identifier: MIT */
/*
 * The mailbox of each virtual function, as an 82599 has it: sixteen words that its driver and the
 * physical function's share, whose buffer belongs to one of them at a time, a bit for a message and
 * one for its acknowledgement each way. Offsets and bits of the virtual side: Linux ixgbevf mbx.h;
 * of the physical one: ixgbe_mbx.h. A side sees what the other one has written from the time on
 * when it was there.
 */
#include "nic_impl.h"

/* Bits that a read clears: a bit is in force from its time on. */
static uint32_t once(uint64_t *since_ps, uint32_t bit, vs_ps at)
{
    bool is = *since_ps <= at.v;
    *since_ps = is ? VS_NIC_NEVER : *since_ps;
    return is ? bit : 0;
}

void vs__nic_mailbox_reset(struct vs_nic_mailbox *m)
{
    *m = (struct vs_nic_mailbox){.request_ps = VS_NIC_NEVER,
                                 .received_ps = VS_NIC_NEVER,
                                 .message_ps = VS_NIC_NEVER,
                                 .acknowledged_ps = VS_NIC_NEVER};
}

/* The physical function's vector for everything but queues is told that somebody has written. */
static void tell(struct vs_nic *n, vs_ps at)
{
    struct vs_nic_function *f = &n->fn[vs_nic_physical(n)];
    n->count[VS_CNT_nic_mail]++;
    if (n->n_all == n->n_fn || !n->mail_address ||
        (n->link.fires && !n->link.fires(n->link.fires_ctx, f->requester, n->pairs))) {
        return;
    }
    struct vs_txn *t = vs__nic_dma(n, f, at.v);
    vs_open(t, VS_OP_MSI);
    n->link.message(n->link.ctx, t, f->requester, n->mail_address, n->mail_data);
    vs_close(t);
}

uint32_t vs_nic_mailbox_read(struct vs_nic *n, uint32_t vf, uint64_t offset, vs_ps at)
{
    struct vs_nic_mailbox *m = &n->fn[vf].mailbox;
    if (offset == VS_NIC_VFMAILBOX) {
        uint32_t bits = once(&m->message_ps, VS_NIC_MAIL_PFSTS, at);
        bits |= once(&m->acknowledged_ps, VS_NIC_MAIL_PFACK, at);
        return bits | (m->owner == VS_NIC_MAIL_OF_VF ? VS_NIC_MAIL_VFU : 0) |
               (m->owner == VS_NIC_MAIL_OF_PF ? VS_NIC_MAIL_PFU : 0);
    }
    return m->word[(offset - VS_NIC_VFMBMEM) / 4u % VS_NIC_MAIL_WORDS];
}

void vs_nic_mailbox_write(struct vs_nic *n, uint32_t vf, uint64_t offset, uint32_t value, vs_ps at)
{
    struct vs_nic_mailbox *m = &n->fn[vf].mailbox;
    if (offset != VS_NIC_VFMAILBOX) {
        if (m->owner == VS_NIC_MAIL_OF_VF) { /* what is not its own it cannot change */
            m->word[(offset - VS_NIC_VFMBMEM) / 4u % VS_NIC_MAIL_WORDS] = value;
        }
        return;
    }
    if (value & VS_NIC_MAIL_VFU) {
        m->owner = m->owner == VS_NIC_MAIL_OF_PF ? VS_NIC_MAIL_OF_PF : VS_NIC_MAIL_OF_VF;
    } else if (m->owner == VS_NIC_MAIL_OF_VF) {
        m->owner = VS_NIC_MAIL_FREE;
    }
    m->request_ps = value & VS_NIC_MAIL_REQ && at.v < m->request_ps ? at.v : m->request_ps;
    m->received_ps = value & VS_NIC_MAIL_ACK && at.v < m->received_ps ? at.v : m->received_ps;
    if (value & (VS_NIC_MAIL_REQ | VS_NIC_MAIL_ACK)) {
        tell(n, at);
    }
}

bool vs_nic_mail_take(struct vs_nic *n, uint32_t vf, bool acknowledgement, vs_ps at)
{
    struct vs_nic_mailbox *m = &n->fn[vf].mailbox;
    return once(acknowledgement ? &m->received_ps : &m->request_ps, 1u, at) != 0;
}

bool vs_nic_mail_lock(struct vs_nic *n, uint32_t vf)
{
    struct vs_nic_mailbox *m = &n->fn[vf].mailbox;
    m->owner = m->owner == VS_NIC_MAIL_OF_VF ? VS_NIC_MAIL_OF_VF : VS_NIC_MAIL_OF_PF;
    return m->owner == VS_NIC_MAIL_OF_PF;
}

void vs_nic_mail_release(struct vs_nic *n, uint32_t vf, bool message, vs_ps at)
{
    struct vs_nic_mailbox *m = &n->fn[vf].mailbox;
    m->owner = VS_NIC_MAIL_FREE;
    if (message) {
        m->message_ps = at.v;
    } else {
        m->acknowledged_ps = at.v;
    }
}

void vs_nic_mail_vector(struct vs_nic *n, uint64_t address, uint32_t data)
{
    n->mail_address = address;
    n->mail_data = data;
}
