/* SPDX-License-Identifier: MIT */
/*
 * A guest's driver asks the host's by its function's mailbox: Linux ixgbevf, mbx.c and vf.c
 * (ixgbevf_write_msg_read_ack). It takes the buffer, writes the message, and looks for its receipt
 * and for the answer until they are there, in a loop between.
 */
#include "net.h"

#include "guest/guest.h"

#define MOST 2000u /* looks for an answer: IXGBE_VF_MBX_INIT_TIMEOUT */

/* The order of the request's words. */
enum what { RESET, MAC, VLAN, NO_VLAN, MTU, API, LINK, WHATS };

/* Of each: its message, and how many words the driver writes and reads. */
static const struct {
    uint32_t first;
    unsigned words, answer;
} messages[] = {
    [RESET] = {VS_NIC_MAIL_RESET, 1, 4}, /* with the address: IXGBE_VF_PERMADDR_MSG_LEN */
    [MAC] = {VS_NIC_MAIL_MAC, 3, 3},      [VLAN] = {VS_NIC_MAIL_VLAN | VS_NIC_MAIL_ADD, 2, 2},
    [NO_VLAN] = {VS_NIC_MAIL_VLAN, 2, 2}, [MTU] = {VS_NIC_MAIL_LPE, 2, 2},
    [API] = {VS_NIC_MAIL_API, 3, 3},      [LINK] = {VS_NIC_MAIL_LINK, 2, 2},
};

/* ---- a request ---- */

/* Whether such a request can be made here; else the run fails and says why. */
static bool may(struct vs_vcpu *v)
{
    const bool has = v->p->net && v->p->net->nic_config.has_mailbox;
    const struct vs_request *r = &v->request;
    struct vs_net *net =
        guest_vf_heard(v, "mailbox", has,
                       "a virtual function of this adapter has none (nic.has.mailbox); take one "
                       "that has, such as nic = \"i82599\" in a machine's file");
    if (!net) {
        return false;
    }
    if (r->a >= WHATS || r->count >> 48) { /* a recording's */
        vcpu_fail(v, "mailbox: no such request");
        return false;
    }
    return net->use(v, "mailbox");
}

/* The message's words. */
static void message(const struct vs_request *r, uint32_t words[VS_NIC_MAIL_WORDS])
{
    enum what what = (enum what)r->a;
    uint64_t ethernet = VS_NIC_ETHERNET + 4u; /* with the frame check */
    words[0] = messages[what].first;
    words[1] = (uint32_t)(what == MTU ? r->count + ethernet : r->count);
    words[2] = (uint32_t)(r->count >> 32);
}

/* Takes the buffer, writes the message and says so; false: the other side has the buffer. */
static bool ask(struct vs_vcpu *v)
{
    uint32_t words[VS_NIC_MAIL_WORDS] = {0};
    message(&v->request, words);
    guest_vf_put(v, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU);
    if (!(guest_vf_get(v, VS_NIC_VFMAILBOX) & VS_NIC_MAIL_VFU)) {
        return false;
    }
    (void)guest_vf_get(v, VS_NIC_VFMAILBOX); /* what was there of older messages is gone */
    (void)guest_vf_get(v, VS_NIC_VFMAILBOX);
    for (unsigned i = 0; i < messages[v->request.a].words; i++) {
        guest_vf_put(v, VS_NIC_VFMBMEM + 4u * i, words[i]);
    }
    guest_vf_put(v, VS_NIC_VFMAILBOX, VS_NIC_MAIL_REQ);
    return true;
}

/* Takes the buffer, reads the answer and says so; the answer's first word. */
static uint32_t read_answer(struct vs_vcpu *v)
{
    guest_vf_put(v, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU);
    (void)guest_vf_get(v, VS_NIC_VFMAILBOX);
    uint32_t first = guest_vf_get(v, VS_NIC_VFMBMEM);
    for (unsigned i = 1; i < messages[v->request.a].answer; i++) {
        (void)guest_vf_get(v, VS_NIC_VFMBMEM + 4u * i);
    }
    guest_vf_put(v, VS_NIC_VFMAILBOX, VS_NIC_MAIL_ACK);
    return first;
}

/* The request is over. */
static void end(struct vs_vcpu *v, struct vs_driver *d, uint64_t how)
{
    d->mail.step = VS_MAIL_NONE;
    guest_vf_answered(v, how);
}

void guest_vf_mailbox(struct vs_vcpu *v)
{
    if (!v->begun && !may(v)) {
        return;
    }
    struct vs_driver *d = &v->p->net->driver[v->index];
    v->busy = true;
    if (d->mail.step == VS_MAIL_NONE) {
        vs_txn_settle(&v->txn);
        vs_open(&v->txn, VS_OP_NIC_MAILBOX);
        if (!ask(v)) {
            end(v, d, 2u);
            return;
        }
        d->mail.step = VS_MAIL_ASKED;
        d->mail.looked = 0;
        d->mail.bits = 0;
        vcpu_yield(v); /* the host may act before the driver looks */
        return;
    }
    d->mail.bits |= guest_vf_get(v, VS_NIC_VFMAILBOX);
    if (d->mail.step == VS_MAIL_ASKED && d->mail.bits & VS_NIC_MAIL_PFACK) {
        d->mail.step = VS_MAIL_TAKEN;
        d->mail.looked = 0;
        d->mail.bits |= guest_vf_get(v, VS_NIC_VFMAILBOX);
    }
    if (d->mail.step == VS_MAIL_TAKEN && d->mail.bits & VS_NIC_MAIL_PFSTS) {
        end(v, d, read_answer(v) & VS_NIC_MAIL_DONE ? 1u : 0);
    } else if (++d->mail.looked == MOST) {
        end(v, d, 2u);
    } else {
        uint64_t us = v->p->net->nic_config.mailbox_us;
        vcpu_wait_device(v, vcpu_now_ps(v) + us * 1000000u);
    }
}

void guest_vf_mailbox_waited(struct vs_vcpu *v, uint64_t until_ps)
{
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->net->nic.account + VS_ACC_nic_mailbox_poll),
                  (vs_ps){until_ps});
}
