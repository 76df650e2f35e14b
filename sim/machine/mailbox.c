/* SPDX-License-Identifier: MIT */
/*
 * The host's driver answers what drivers of virtual functions ask by their mailboxes: Linux ixgbe,
 * ixgbe_sriov.c (ixgbe_msg_task, ixgbe_rcv_msg_from_vf). It looks at every function's bits, takes
 * a message word by word over the link, judges it by what the host's administrator has set, and
 * writes the answer back. Its thread does what Linux does in the interrupt's handler.
 */
#include "host_queue.h"

#include <stdlib.h>

#define LOOKS 3u      /* registers of each function that are read to know what there is */
#define FILTERED 63u  /* VLANs of all functions: entries of VLVF but the first */
#define LONGEST 1518u /* frame of a physical function whose MTU is 1500, check included */
#define NEWEST 5u     /* version of the language: ixgbe_mbox_api_14 */
#define SOLARIS 1u    /* ixgbe_mbox_api_20, which ixgbe does not speak */
#define LINK_ASKED 3u /* ixgbe_mbox_api_12 is the first that has it */
#define MULTICAST (1ull << 40)

/* Of a function, as ixgbe's struct vf_data_storage. */
struct of_function {
    bool clear_to_send;
    uint32_t api;
};

struct machine_mail {
    struct vs_net *net;
    struct vs_worker *worker;
    struct of_function *of;
    uint8_t members[VS_NIC_VLANS]; /* functions that have asked for each VLAN */
    unsigned vlans;                /* that have any */
};

/* ---- registers ---- */

/* Registers are read, one after the other. */
static void reads(const struct machine_mail *m, unsigned n)
{
    machine_host_reads(m->net, m->worker, n);
}

/* Registers are written, posted; when the device has the last one. */
static vs_ps writes(const struct machine_mail *m, unsigned n)
{
    return machine_host_writes(m->net, m->worker, n);
}

/* ---- what is asked for ---- */

/* Registers that the handler of each kind reads: counted in ixgbe_sriov.c and ixgbe_common.c. A
 * reset goes through all of VLVFB and each queue's control, a VLAN is searched for in VLVF. */
static unsigned looks(const struct machine_mail *m, uint32_t kind)
{
    return kind == VS_NIC_MAIL_RESET  ? 71u + m->net->nic.pairs
           : kind == VS_NIC_MAIL_VLAN ? 65u
           : kind == VS_NIC_MAIL_MAC  ? 2u
           : kind == VS_NIC_MAIL_LPE  ? 2u
                                      : 0;
}

/* Is in the VLAN, or no more; false: there is no room in the filter. */
static bool join(struct machine_mail *m, uint32_t vf, uint16_t vlan, bool in)
{
    struct vs_nic *n = &m->net->nic;
    bool was = n->fn[vf].vlans[vlan / 8u] >> vlan % 8u & 1u;
    if (in == was) {
        return true;
    }
    if (in && !m->members[vlan] && m->vlans == FILTERED) {
        return false;
    }
    m->members[vlan] = (uint8_t)(in ? m->members[vlan] + 1u : m->members[vlan] - 1u);
    m->vlans += in && m->members[vlan] == 1u;
    m->vlans -= !in && !m->members[vlan];
    vs_nic_vlan(n, vf, vlan, in);
    return true;
}

/* A function's driver begins: as the host has set it, and nothing else. */
static void begin(struct machine_mail *m, uint32_t vf)
{
    struct vs_nic_function *f = &m->net->nic.fn[vf];
    for (unsigned v = 1; v < VS_NIC_VLANS; v++) {
        (void)join(m, vf, (uint16_t)v, false);
    }
    f->mac = vs_nic_mac(vf);
    f->deaf = false;
    m->of[vf] = (struct of_function){.clear_to_send = true};
}

/* An address that the function may have: one station's, and not another one than the host has
 * given it, unless the host trusts it. */
static bool take_address(const struct machine_mail *m, uint32_t vf, uint64_t mac)
{
    struct vs_nic_function *f = &m->net->nic.fn[vf];
    if (!mac || mac & MULTICAST || (!m->net->nic_config.trusted && mac != vs_nic_mac(vf))) {
        return false;
    }
    f->mac = mac;
    return true;
}

/* Whether what the message asks for is granted; then it is done. */
static bool grant(struct machine_mail *m, uint32_t vf, const uint32_t *word)
{
    struct vs_nic_function *f = &m->net->nic.fn[vf];
    switch (word[0] & 0xffffu) {
    case VS_NIC_MAIL_RESET:
        begin(m, vf);
        return true;
    case VS_NIC_MAIL_MAC:
        return take_address(m, vf, (uint64_t)(word[2] & 0xffffu) << 32 | word[1]);
    case VS_NIC_MAIL_VLAN: /* that of its port is the host's */
        return !f->port_vlan &&
               (!(word[1] % VS_NIC_VLANS) ||
                join(m, vf, (uint16_t)(word[1] % VS_NIC_VLANS), (word[0] & VS_NIC_MAIL_ADD) != 0));
    case VS_NIC_MAIL_LPE: /* an 82599 has no longer frames beside a host's short ones */
        f->deaf = word[1] > LONGEST;
        return !f->deaf;
    case VS_NIC_MAIL_API:
        m->of[vf].api = word[1] <= NEWEST && word[1] != SOLARIS ? word[1] : m->of[vf].api;
        return m->of[vf].api == word[1];
    case VS_NIC_MAIL_LINK:
        return m->of[vf].api >= LINK_ASKED;
    default:
        return false;
    }
}

/* ---- the driver ---- */

/* Takes a message and answers it. */
static void answer(struct machine_mail *m, uint32_t vf)
{
    struct vs_worker *w = m->worker;
    struct vs_nic *n = &m->net->nic;
    uint32_t *word = n->fn[vf].mailbox.word, kind = word[0] & 0xffffu;
    (void)writes(m, 1);
    reads(m, 1);
    if (!vs_nic_mail_lock(n, vf)) { /* its driver has taken the buffer again: nothing to read */
        return;
    }
    reads(m, VS_NIC_MAIL_WORDS);
    vs_nic_mail_release(n, vf, false, writes(m, 1));
    if (word[0] & (VS_NIC_MAIL_DONE | VS_NIC_MAIL_REFUSED)) {
        return; /* an answer of its own, which was processed */
    }
    reads(m, 1); /* IXGBE_WRITE_FLUSH */
    bool may = m->of[vf].clear_to_send || kind == VS_NIC_MAIL_RESET;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_MAILBOX);
    if (may) {
        reads(m, looks(m, kind));
    }
    bool granted = may && grant(m, vf, word);
    n->count[VS_CNT_nic_mail_refused] += !granted;
    (void)writes(m, 1);
    reads(m, 3);
    if (vs_nic_mail_lock(n, vf)) {
        word[0] |= (granted ? VS_NIC_MAIL_DONE : VS_NIC_MAIL_REFUSED) |
                   (may ? VS_NIC_MAIL_CLEAR_TO_SEND : 0);
        vs_nic_mail_release(n, vf, true, writes(m, (may ? VS_NIC_MAIL_WORDS : 1u) + 1u));
    }
}

void machine_mail_task(struct machine_mail *m)
{
    struct vs_worker *w = m->worker;
    struct vs_nic *n = &m->net->nic;
    vs_open(&w->txn, VS_OP_HOST_MAILBOX);
    for (uint32_t vf = 0; vf < n->n_fn; vf++) {
        reads(m, LOOKS);
        if (vs_nic_mail_take(n, vf, false, vs_now(&w->txn))) {
            (void)writes(m, 1); /* the bit is cleared */
            answer(m, vf);
        }
        if (vs_nic_mail_take(n, vf, true, vs_now(&w->txn))) {
            (void)writes(m, 1);
        }
    }
    vs_close(&w->txn);
}

struct machine_mail *machine_mail_make(struct vs_net *net, struct vs_worker *worker)
{
    struct machine_mail *m = calloc(1, sizeof *m);
    if (m) {
        m->net = net;
        m->worker = worker;
        m->of = calloc(net->nic.n_fn, sizeof *m->of);
    }
    if (m && !m->of) {
        free(m);
        m = NULL;
    }
    return m;
}

void machine_mail_free(struct machine_mail *m)
{
    if (m) {
        free(m->of);
        free(m);
    }
}
