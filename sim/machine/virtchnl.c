/* SPDX-License-Identifier: MIT */
/*
 * The host's driver answers what drivers of virtual functions ask by their admin queues: Linux
 * i40e, i40e_virtchnl_pf.c and i40e_adminq.c as of version 5.9. It takes each message out of its
 * own queue, checks length and ids, does what it may, and sends the answer; a function of which it
 * has refused more than ten messages in a row is not listened to any more until it is reset. Its
 * thread does what Linux does in the service task.
 */
#include "host_queue.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES VS_NIC_AQ_MOST  /* I40E_AQ_LEN */
#define BUFFERS (ENTRIES * 32u) /* where they begin, behind the ring */
#define FRAME 21u               /* log2: a ring and its buffers */
#define REFUSED 10u             /* I40E_DEFAULT_NUM_INVALID_MSGS_ALLOWED */
#define ADDRESSES 18u           /* I40E_VC_MAX_MAC_ADDR_PER_VF, broadcast among them */
#define RESET_PS 10000000000u   /* i40e_reset_vf: a look after 10 ms at the earliest */
#define AGAIN_PS 50000000u      /* i40e_asq_send_command: udelay(50) */
#define VECTORS 5u              /* of a function, at least: num_msix_vectors_vf */
#define MULTICAST (1ull << 40)

/* Of a function, as i40e's struct i40e_vf. */
struct of_function {
    uint32_t major, minor; /* of the language that it says it speaks */
    uint32_t pairs;        /* of queues that it has */
    uint32_t refused;      /* messages, in a row */
    uint32_t resets;
    bool disabled;
};

/* A message, and what is answered. */
struct message {
    uint32_t vf, op, bytes;
    union {
        unsigned char raw[VS_NIC_AQ_BUFFER];
        uint16_t half[VS_NIC_AQ_BUFFER / 2u];
        struct vs_virtchnl_version version;
        struct vs_virtchnl_resource resource;
        struct vs_virtchnl_select select;
    } u;
};

struct machine_virtchnl {
    struct vs_net *net;
    struct vs_worker *worker;
    struct of_function *of;
    uint64_t ring[2]; /* received, sent: with their buffers; 0: not made */
    uint32_t next, tail;
    uint64_t busy_ps; /* it waits until then, and looks again */
    /* the firmware is about what this message asks for, by the command in this slot */
    bool ordered;
    uint32_t slot;
    struct message asked;
};

/* ---- registers and queues ---- */

/* A register of its admin queues is written; the device has it then. */
static void put(struct machine_virtchnl *m, uint64_t offset, uint32_t value)
{
    struct vs_nic *n = &m->net->nic;
    vs_ps there = machine_host_writes(m->net, m->worker, 1);
    vs_nic_admin_write(n, vs_nic_physical(n), offset, value, there);
}

/* One is read. */
static uint32_t get(struct machine_virtchnl *m, uint64_t offset)
{
    struct vs_nic *n = &m->net->nic;
    machine_host_reads(m->net, m->worker, 1);
    return vs_nic_admin_read(n, vs_nic_physical(n), offset, vs_now(&m->worker->txn));
}

/* Where a descriptor of a ring lies. */
static uint64_t descriptor_at(const struct machine_virtchnl *m, bool sends, uint32_t slot)
{
    return m->ring[sends] + slot * 32ull;
}

/* Where the buffer of a descriptor lies. */
static uint64_t buffer_at(const struct machine_virtchnl *m, bool sends, uint32_t slot)
{
    return m->ring[sends] + BUFFERS + slot * (uint64_t)VS_NIC_AQ_BUFFER;
}

/* A free buffer's descriptor in the ring of what comes. */
static void offer(struct machine_virtchnl *m, uint32_t slot)
{
    uint64_t buffer = buffer_at(m, false, slot);
    struct vs_nic_aq_descriptor d = {.flags = VS_NIC_AQ_BUF | VS_NIC_AQ_LB,
                                     .bytes = VS_NIC_AQ_BUFFER,
                                     .addr_high = (uint32_t)(buffer >> 32),
                                     .addr_low = (uint32_t)buffer};
    vs_phys_write(m->net->p->phys, (vs_hpa){descriptor_at(m, false, slot)}, &d, sizeof d);
}

/* The firmware is given a command; its slot. */
static uint32_t post(struct machine_virtchnl *m, struct vs_nic_aq_descriptor *d, const void *bytes)
{
    struct vs_phys *phys = m->net->p->phys;
    uint32_t slot = m->tail;
    uint64_t buffer = buffer_at(m, true, slot);
    (void)get(m, VS_NIC_ATQH); /* is it alive; which descriptors are done */
    (void)get(m, VS_NIC_ATQH);
    d->flags = VS_NIC_AQ_SI;
    if (d->bytes) {
        d->flags |= (uint16_t)(VS_NIC_AQ_BUF | VS_NIC_AQ_RD |
                               (d->bytes > VS_NIC_AQ_LARGE ? VS_NIC_AQ_LB : 0));
        d->addr_high = (uint32_t)(buffer >> 32);
        d->addr_low = (uint32_t)buffer;
        machine_host_touch(m->worker, buffer, d->bytes, VS_REF_WRITE);
        vs_phys_write(phys, (vs_hpa){buffer}, bytes, d->bytes);
    }
    machine_host_touch(m->worker, descriptor_at(m, true, slot), sizeof *d, VS_REF_WRITE);
    vs_phys_write(phys, (vs_hpa){descriptor_at(m, true, slot)}, d, sizeof *d);
    m->tail = (slot + 1u) % ENTRIES;
    put(m, VS_NIC_ATQT, m->tail);
    return slot;
}

/* A message to a function's driver; the command's slot. */
static uint32_t tell(struct machine_virtchnl *m, uint32_t vf, uint32_t op, int status,
                     const void *bytes, uint32_t size)
{
    struct vs_nic_aq_descriptor d = {.opcode = VS_NIC_AQ_TO_VF,
                                     .bytes = (uint16_t)size,
                                     .cookie_high = op,
                                     .cookie_low = (uint32_t)status,
                                     .param0 = vf};
    return post(m, &d, bytes);
}

/* The firmware is to add or remove a message's addresses; the driver looks every 50 us whether it
 * has, and does nothing else meanwhile. */
static void order(struct machine_virtchnl *m, const struct message *q, uint16_t opcode)
{
    struct vs_nic_aq_macvlan list[VS_NIC_AQ_ADDRESSES];
    uint32_t count = q->u.half[1];
    struct vs_nic_aq_descriptor d = {
        .opcode = opcode, .bytes = (uint16_t)(count * sizeof *list), .param0 = count | q->vf << 16};
    for (uint32_t i = 0; i < count; i++) {
        list[i] =
            (struct vs_nic_aq_macvlan){.flags = VS_NIC_AQ_PERFECT_MATCH | VS_NIC_AQ_IGNORE_VLAN};
        memcpy(list[i].mac, q->u.raw + 4u + i * sizeof(struct vs_virtchnl_address), 6);
    }
    m->ordered = true;
    m->slot = post(m, &d, list);
    m->asked = *q;
}

/* ---- what is asked for ---- */

/* The number by which a function's driver names its queues' owner (VSI). */
static uint16_t vsi_of(uint32_t vf)
{
    return (uint16_t)(vf + 1u);
}

/* The message has elements of that size behind its head, as many as the head counts, in its `at`th
 * half word. */
static bool counted(const struct message *q, uint32_t head, uint32_t each, uint32_t at)
{
    uint32_t n = q->bytes >= vs_virtchnl_bytes(head, each, 0) ? q->u.half[at] : 0;
    return n && q->bytes == vs_virtchnl_bytes(head, each, n);
}

/* virtchnl_vc_validate_vf_msg: the operation is one that a virtual function may ask for, and its
 * message as long as it says; of operations that this driver does not have nobody looks at it. */
static bool valid(const struct of_function *of, const struct message *q)
{
    switch (q->op) {
    case VS_VIRTCHNL_VERSION:
        return q->bytes == sizeof(struct vs_virtchnl_version);
    case VS_VIRTCHNL_RESET_VF:
        return !q->bytes;
    case VS_VIRTCHNL_GET_VF_RESOURCES:
        return q->bytes == (of->major == 1u && of->minor == 1u ? 4u : 0);
    case VS_VIRTCHNL_CONFIG_VSI_QUEUES:
        return counted(q, sizeof(struct vs_virtchnl_queues), sizeof(struct vs_virtchnl_pair), 1);
    case VS_VIRTCHNL_CONFIG_IRQ_MAP:
        return counted(q, sizeof(uint16_t), sizeof(struct vs_virtchnl_vector), 0);
    case VS_VIRTCHNL_ENABLE_QUEUES:
    case VS_VIRTCHNL_DISABLE_QUEUES:
        return q->bytes == sizeof(struct vs_virtchnl_select);
    case VS_VIRTCHNL_ADD_ETH_ADDR:
    case VS_VIRTCHNL_DEL_ETH_ADDR:
        return counted(q, sizeof(struct vs_virtchnl_addresses), sizeof(struct vs_virtchnl_address),
                       1);
    case VS_VIRTCHNL_REQUEST_QUEUES:
        return q->bytes == 2u;
    default: /* 16 to 19: reserved, and what only the host says */
        return q->op && q->op <= VS_VIRTCHNL_LAST && (q->op < 16u || q->op > 19u);
    }
}

/* Its version, and the answer. */
static void version(struct machine_virtchnl *m, struct message *q)
{
    struct of_function *of = &m->of[q->vf];
    of->major = q->u.version.major;
    of->minor = q->u.version.minor;
    bool first = of->major == 1u && !of->minor;
    q->u.version = (struct vs_virtchnl_version){VS_VIRTCHNL_MAJOR, first ? 0 : VS_VIRTCHNL_MINOR};
}

/* What the function has. */
static void resources(const struct machine_virtchnl *m, struct message *q)
{
    const struct vs_nic *n = &m->net->nic;
    uint32_t pairs = m->of[q->vf].pairs;
    uint16_t vectors = (uint16_t)(n->pairs < VECTORS ? VECTORS : n->pairs + 1u);
    q->u.resource = (struct vs_virtchnl_resource){.vsis = 1,
                                                  .pairs = (uint16_t)pairs,
                                                  .vectors = vectors,
                                                  .capabilities = 1u, /* OFFLOAD_L2 */
                                                  .vsi = vsi_of(q->vf),
                                                  .vsi_pairs = (uint16_t)pairs,
                                                  .vsi_type = 6u};
    vs_nic_mac_bytes(q->u.resource.mac, n->fn[q->vf].mac);
    q->bytes = sizeof q->u.resource;
}

/* A pair's description is of the function's own, and what the adapter can. */
static bool good_pair(const struct machine_virtchnl *m, const struct message *q,
                      const struct vs_virtchnl_pair *p)
{
    uint16_t own = vsi_of(q->vf);
    uint64_t ring = m->net->nic_config.ring;
    return p->tx.queue < m->of[q->vf].pairs && p->tx.vsi == own && p->rx.vsi == own &&
           p->rx.queue == p->tx.queue && p->rx.buffer <= 16u * 1024u - 128u &&
           p->rx.longest < 16u * 1024u && p->rx.longest >= 64u && p->tx.ring == ring &&
           p->rx.ring == ring;
}

/* Its queues' rings are where it says. */
static int configure(struct machine_virtchnl *m, const struct message *q)
{
    struct vs_nic *n = &m->net->nic;
    uint32_t pairs = q->u.half[1];
    if (q->u.half[0] != vsi_of(q->vf) || pairs > VS_VIRTCHNL_QUEUES) {
        return VS_VIRTCHNL_ERR_PARAM;
    }
    for (uint32_t i = 0; i < pairs; i++) {
        struct vs_virtchnl_pair p;
        memcpy(&p, q->u.raw + sizeof(struct vs_virtchnl_queues) + i * sizeof p, sizeof p);
        if (!good_pair(m, q, &p)) {
            return VS_VIRTCHNL_ERR_PARAM;
        }
        vs_nic_rings(n, q->vf * n->pairs + p.tx.queue, p.tx.base, p.rx.base);
        (void)machine_host_writes(m->net, m->worker, 1);
        machine_host_reads(m->net, m->worker, 1);
    }
    return 0;
}

/* Which of its vectors announces which of its queues. */
static int map(struct machine_virtchnl *m, const struct message *q)
{
    struct vs_nic *n = &m->net->nic;
    uint32_t count = q->u.half[0], most = n->pairs < VECTORS ? VECTORS : n->pairs + 1u;
    if (count > most) {
        return VS_VIRTCHNL_ERR_PARAM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vs_virtchnl_vector v;
        memcpy(&v, q->u.raw + 2u + i * sizeof v, sizeof v);
        if (v.vector >= most || v.vsi != vsi_of(q->vf) ||
            (uint32_t)(v.rx | v.tx) >> m->of[q->vf].pairs) {
            return VS_VIRTCHNL_ERR_PARAM;
        }
        for (uint32_t k = 0; k < m->of[q->vf].pairs; k++) {
            if (v.rx >> k & 1u) {
                vs_nic_map_vector(n, q->vf * n->pairs + k, v.vector);
            }
        }
        (void)machine_host_writes(m->net, m->worker,
                                  1u + (unsigned)__builtin_popcount((uint32_t)v.rx << 16 | v.tx));
        machine_host_reads(m->net, m->worker, 1);
    }
    return 0;
}

/* Queues are enabled or disabled; registers as i40e_control_rx_q and i40e_control_tx_q have them.
 */
static int control(struct machine_virtchnl *m, const struct message *q, bool on)
{
    struct vs_nic *n = &m->net->nic;
    const struct vs_virtchnl_select *s = &q->u.select;
    uint32_t pairs = m->of[q->vf].pairs;
    if (s->vsi != vsi_of(q->vf) || (!s->rx && !s->tx) || s->rx >> VS_VIRTCHNL_QUEUES ||
        s->tx >> VS_VIRTCHNL_QUEUES) {
        return VS_VIRTCHNL_ERR_PARAM;
    }
    for (uint32_t k = 0; k < pairs; k++) { /* others of the 16 are not the function's */
        uint32_t queue = q->vf * n->pairs + k, rx = s->rx >> k & 1u, tx = s->tx >> k & 1u;
        machine_host_reads(m->net, m->worker, 2u * rx + 3u * tx);
        (void)machine_host_writes(m->net, m->worker, rx + 3u * tx);
        if (rx) {
            vs_nic_switch_queue(n, queue, false, on);
        }
        if (tx) {
            vs_nic_switch_queue(n, queue, true, on);
        }
    }
    return 0;
}

/* i40e_check_vf_permission: whether the function may have these addresses. */
static int permitted(const struct machine_virtchnl *m, const struct message *q, uint64_t mac,
                     uint32_t *count)
{
    const struct vs_nic *n = &m->net->nic;
    bool trusted = m->net->nic_config.trusted != 0;
    uint32_t with = vs_nic_admin_addresses(n, q->vf, mac);
    if (!mac || mac == VS_NIC_BROADCAST) {
        return VS_VIRTCHNL_BAD_ADDRESS;
    }
    if (!trusted && !(mac & MULTICAST) && mac != n->fn[q->vf].mac) {
        return VS_VIRTCHNL_EPERM; /* the host has chosen its address */
    }
    *count = with ? *count + 1u : *count;
    return !trusted && with && with + *count > ADDRESSES ? VS_VIRTCHNL_EPERM : 0;
}

/* Whether addresses of stations may be added or removed; how, if not. */
static int addresses(const struct machine_virtchnl *m, const struct message *q, bool add)
{
    uint32_t more = 0, count = q->u.half[1];
    int status =
        q->u.half[0] == vsi_of(q->vf) && count <= VS_NIC_AQ_ADDRESSES ? 0 : VS_VIRTCHNL_ERR_PARAM;
    for (uint32_t i = 0; i < count && !status; i++) {
        struct vs_virtchnl_address a;
        memcpy(&a, q->u.raw + sizeof(struct vs_virtchnl_addresses) + i * sizeof a, sizeof a);
        uint64_t mac = vs_nic_mac_of(a.mac);
        bool has = !vs_nic_admin_addresses(&m->net->nic, q->vf, mac),
             own = mac == m->net->nic.fn[q->vf].mac; /* it stays */
        status = add ? permitted(m, q, mac, &more) : !has || own ? VS_VIRTCHNL_BAD_ADDRESS : 0;
    }
    return status;
}

/* ---- the driver ---- */

/* What it knows of a function that has just been made or reset. */
static void forget(struct machine_virtchnl *m, uint32_t vf, uint32_t pairs)
{
    m->of[vf] =
        (struct of_function){.pairs = pairs, .resets = vs_nic_admin_resets(&m->net->nic, vf)};
}

/* i40e_reset_vf: everything of the function's stops, and the driver looks after 10 ms whether that
 * is over. */
static void reset(struct machine_virtchnl *m, uint32_t vf, uint32_t pairs)
{
    struct vs_nic *n = &m->net->nic;
    machine_host_reads(m->net, m->worker, 3);
    vs_ps there = machine_host_writes(m->net, m->worker, 2);
    machine_pci_silence(m->net, vf, there);
    for (uint32_t k = 0; k < n->pairs; k++) {
        vs_nic_switch_queue(n, vf * n->pairs + k, false, false);
        vs_nic_switch_queue(n, vf * n->pairs + k, true, false);
        vs_nic_map_vector(n, vf * n->pairs + k, UINT32_MAX);
    }
    m->busy_ps = there.v + RESET_PS;
    vs_nic_admin_resetting(n, vf, (vs_ps){m->busy_ps});
    forget(m, vf, pairs);
}

/* Says how the link is. */
static void tell_link(struct machine_virtchnl *m, uint32_t vf)
{
    uint64_t gbps = m->net->nic_config.gbps; /* VIRTCHNL_LINK_SPEED_10GB, _25GB, _40GB */
    uint32_t speed = gbps == 10u ? 1u << 3 : gbps == 25u ? 1u << 6 : gbps == 40u ? 1u << 4 : 0;
    struct vs_virtchnl_event e = {.event = VS_VIRTCHNL_LINK_CHANGE, .speed = speed, .up = 1};
    (void)tell(m, vf, VS_VIRTCHNL_EVENT, 0, &e, sizeof e);
}

/* Another number of queues: none are left beyond those that the function was made with; true: that
 * is granted, and it is told that it will be reset. The firmware, who carries out resets, too, has
 * sent that before. */
static bool request_queues(struct machine_virtchnl *m, struct message *q)
{
    uint32_t pairs = q->u.half[0];
    if (!pairs || pairs > m->net->nic.pairs) {
        q->u.half[0] = (uint16_t)m->net->nic.pairs;
        return false;
    }
    struct vs_virtchnl_event e = {.event = VS_VIRTCHNL_RESET_IMPENDING,
                                  .severity = VS_VIRTCHNL_CERTAIN_DOOM};
    m->slot = tell(m, q->vf, VS_VIRTCHNL_EVENT, 0, &e, sizeof e);
    m->ordered = true;
    m->asked = *q;
    return true;
}

/* i40e_vc_send_msg_to_vf: the answer; whom it has to refuse too often it does not listen to. */
static void answer(struct machine_virtchnl *m, const struct message *q, int status, uint32_t bytes)
{
    struct vs_nic *n = &m->net->nic;
    struct of_function *of = &m->of[q->vf];
    of->refused = status ? of->refused + 1u : 0;
    n->count[VS_CNT_nic_mail_refused] += status != 0;
    if (of->refused > REFUSED) {
        of->disabled = true;
        n->count[VS_CNT_nic_vf_disabled]++;
    }
    (void)tell(m, q->vf, q->op, status, q->u.raw, bytes);
}

/* Does what a message asks for that is as it should be, and answers. */
static void carry_out(struct machine_virtchnl *m, struct message *q)
{
    int status = 0;
    uint32_t bytes = 0;
    switch (q->op) {
    case VS_VIRTCHNL_VERSION:
        version(m, q);
        bytes = q->bytes;
        break;
    case VS_VIRTCHNL_RESET_VF: /* which is not answered */
        reset(m, q->vf, m->of[q->vf].pairs);
        return;
    case VS_VIRTCHNL_GET_VF_RESOURCES:
        resources(m, q);
        answer(m, q, 0, q->bytes);
        tell_link(m, q->vf);
        return;
    case VS_VIRTCHNL_CONFIG_VSI_QUEUES:
        status = configure(m, q);
        break;
    case VS_VIRTCHNL_CONFIG_IRQ_MAP:
        status = map(m, q);
        break;
    case VS_VIRTCHNL_ENABLE_QUEUES:
    case VS_VIRTCHNL_DISABLE_QUEUES:
        status = control(m, q, q->op == VS_VIRTCHNL_ENABLE_QUEUES);
        break;
    case VS_VIRTCHNL_ADD_ETH_ADDR:
    case VS_VIRTCHNL_DEL_ETH_ADDR:
        status = addresses(m, q, q->op == VS_VIRTCHNL_ADD_ETH_ADDR);
        if (!status) { /* the answer comes when the firmware has done it */
            order(m, q,
                  q->op == VS_VIRTCHNL_ADD_ETH_ADDR ? VS_NIC_AQ_ADD_MACVLAN
                                                    : VS_NIC_AQ_REMOVE_MACVLAN);
            return;
        }
        break;
    case VS_VIRTCHNL_REQUEST_QUEUES:
        if (request_queues(m, q)) {
            return;
        }
        bytes = 2u;
        break;
    default:
        status = VS_VIRTCHNL_NOT_SUPPORTED;
    }
    answer(m, q, status, bytes);
}

/* If the firmware has done what it was asked for, the message that it was for is answered, or its
 * function reset. */
static void finish(struct machine_virtchnl *m)
{
    uint64_t at = descriptor_at(m, true, m->slot);
    struct vs_nic_aq_descriptor d;
    if (get(m, VS_NIC_ATQH) != m->tail) {
        m->busy_ps = vs_now(&m->worker->txn).v + AGAIN_PS;
        return;
    }
    machine_host_touch(m->worker, at, sizeof d, VS_REF_READ);
    vs_phys_read(m->net->p->phys, (vs_hpa){at}, &d, sizeof d);
    m->ordered = false;
    if (m->asked.op == VS_VIRTCHNL_REQUEST_QUEUES) {
        reset(m, m->asked.vf, m->asked.u.half[0]);
    } else {
        answer(m, &m->asked, d.result ? VS_VIRTCHNL_ERR_PARAM : 0, 0);
    }
}

/* i40e_vc_process_vf_msg: a message of a function's. */
static void process(struct machine_virtchnl *m, struct message *q)
{
    struct of_function *of = &m->of[q->vf];
    if (of->resets != vs_nic_admin_resets(&m->net->nic, q->vf)) { /* by its own driver */
        forget(m, q->vf, m->net->nic.pairs);
    }
    vs_hv_kernel(&m->worker->hv, &m->worker->txn, VS_HV_ENTRY_HOST_VIRTCHNL);
    if (of->disabled) {
        return;
    }
    if (valid(of, q)) {
        carry_out(m, q);
    } else {
        answer(m, q, VS_VIRTCHNL_ERR_PARAM, 0);
    }
}

/* i40e_clean_arq_element: takes the next message; false: there is none. */
static bool take(struct machine_virtchnl *m)
{
    struct vs_phys *phys = m->net->p->phys;
    uint32_t slot = m->next;
    struct vs_nic_aq_descriptor d;
    struct message q = {0};
    if (get(m, VS_NIC_ARQH) == slot) {
        return false;
    }
    machine_host_touch(m->worker, descriptor_at(m, false, slot), sizeof d, VS_REF_READ);
    vs_phys_read(phys, (vs_hpa){descriptor_at(m, false, slot)}, &d, sizeof d);
    q.vf = d.result;
    q.op = d.cookie_high;
    q.bytes = d.bytes;
    if (d.bytes) {
        machine_host_touch(m->worker, buffer_at(m, false, slot), d.bytes, VS_REF_READ);
        vs_phys_read(phys, (vs_hpa){buffer_at(m, false, slot)}, q.u.raw, d.bytes);
    }
    offer(m, slot);
    machine_host_touch(m->worker, descriptor_at(m, false, slot), sizeof d, VS_REF_WRITE);
    put(m, VS_NIC_ARQT, slot);
    m->next = (slot + 1u) % ENTRIES;
    process(m, &q);
    return true;
}

uint64_t machine_virtchnl_task(struct machine_virtchnl *m)
{
    struct vs_worker *w = m->worker;
    uint64_t now = vs_now(&w->txn).v;
    if (!m->ring[0] || m->busy_ps > now) {
        return m->busy_ps > now ? m->busy_ps : 0;
    }
    vs_open(&w->txn, VS_OP_HOST_VIRTCHNL);
    machine_host_reads(m->net, w, 4); /* the interrupt's causes, both queues' errors */
    (void)machine_host_writes(m->net, w, 1);
    do {
        if (m->ordered) {
            finish(m);
        }
    } while (m->busy_ps <= now && take(m));
    machine_host_reads(m->net, w, 2); /* the cause is enabled again */
    (void)machine_host_writes(m->net, w, 1);
    vs_close(&w->txn);
    return m->busy_ps > now ? m->busy_ps : 0;
}

bool machine_virtchnl_begin(struct machine_virtchnl *m)
{
    struct vs_net *net = m->net;
    struct vs_nic *n = &net->nic;
    struct vs_frames *frames = &net->p->node_frames[net->node[0]];
    uint32_t fn = vs_nic_physical(n);
    static const uint64_t low[2] = {VS_NIC_ARQBAL, VS_NIC_ATQBAL},
                          high[2] = {VS_NIC_ARQBAH, VS_NIC_ATQBAH},
                          length[2] = {VS_NIC_ARQLEN, VS_NIC_ATQLEN};
    for (unsigned i = 0; i < 2u && !m->ring[1]; i++) { /* as when it was loaded */
        if (!vs_frames_alloc(frames, FRAME, &m->ring[i])) {
            m->ring[0] = m->ring[1] = 0;
            return false;
        }
        vs_nic_admin_write(n, fn, low[i], (uint32_t)m->ring[i], (vs_ps){0});
        vs_nic_admin_write(n, fn, high[i], (uint32_t)(m->ring[i] >> 32), (vs_ps){0});
        vs_nic_admin_write(n, fn, length[i], ENTRIES | VS_NIC_AQ_ENABLE, (vs_ps){0});
        for (uint32_t k = 0; !i && k < ENTRIES - 1u; k++) {
            offer(m, k);
        }
        if (!i) {
            vs_nic_admin_write(n, fn, VS_NIC_ARQT, ENTRIES - 1u, (vs_ps){0});
        }
    }
    return true;
}

struct machine_virtchnl *machine_virtchnl_make(struct vs_net *net, struct vs_worker *worker)
{
    struct machine_virtchnl *m = calloc(1, sizeof *m);
    if (m) {
        m->net = net;
        m->worker = worker;
        m->of = calloc(net->nic.n_fn, sizeof *m->of);
    }
    if (!m || !m->of) {
        free(m);
        return NULL;
    }
    for (uint32_t i = 0; i < net->nic.n_fn; i++) {
        forget(m, i, net->nic.pairs);
    }
    return m;
}

void machine_virtchnl_free(struct machine_virtchnl *m)
{
    if (m) {
        free(m->of);
        free(m);
    }
}
