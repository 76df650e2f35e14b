/* SPDX-License-Identifier: MIT */
/*
 * A guest's driver asks the host's by its function's admin queue: Linux iavf, iavf_adminq.c and
 * iavf_virtchnl.c. It writes the message into a buffer and a descriptor into its ring, tells the
 * device of it, and sleeps until an interrupt says that something has come; then it looks at the
 * other ring. A reset it waits for by looking at registers, every 5 and 10 ms.
 */
#include "net.h"

#include "guest/guest.h"

#include <string.h>

#define N VS__NET_ADMIN_RING
#define MS 1000000000u
#define LATE_PS (2500ull * MS) /* iavf_main.c: msecs_to_jiffies(2500); 500 looks take as long */
#define DETECT_PS (5ull * MS)  /* usleep_range(5000, 10000) */
#define RESET_PS (10ull * MS)  /* IAVF_RESET_WAIT_MS */
#define NOBODY 255u            /* has answered */

/* The order of the request's words. */
enum what {
    VERSION,
    RESET,
    RESOURCES,
    QUEUES,
    IRQ_MAP,
    ENABLE,
    DISABLE,
    ADD,
    DEL,
    REQUEST,
    OPCODE,
    WHATS
};

static const uint32_t op_of[WHATS] = {
    [VERSION] = VS_VIRTCHNL_VERSION,
    [RESET] = VS_VIRTCHNL_RESET_VF,
    [RESOURCES] = VS_VIRTCHNL_GET_VF_RESOURCES,
    [QUEUES] = VS_VIRTCHNL_CONFIG_VSI_QUEUES,
    [IRQ_MAP] = VS_VIRTCHNL_CONFIG_IRQ_MAP,
    [ENABLE] = VS_VIRTCHNL_ENABLE_QUEUES,
    [DISABLE] = VS_VIRTCHNL_DISABLE_QUEUES,
    [ADD] = VS_VIRTCHNL_ADD_ETH_ADDR,
    [DEL] = VS_VIRTCHNL_DEL_ETH_ADDR,
    [REQUEST] = VS_VIRTCHNL_REQUEST_QUEUES,
};

/* ---- memory ---- */

/* Bytes of a page of the driver's are stored, as the device will read them. */
static void store(struct vs_vcpu *v, uint64_t offset, const void *bytes, uint64_t size)
{
    uint64_t at = v->p->net->driver[v->index].admin.at + offset, gpa, hpa;
    if (vs_space_locate(&v->space, at, &gpa, &hpa)) {
        vs_phys_write(v->p->phys, (vs_hpa){hpa}, bytes, size);
    }
    guest_touches(v, at, size, VS_REF_WRITE);
}

/* And loaded. */
static void load(struct vs_vcpu *v, uint64_t offset, void *bytes, uint64_t size)
{
    uint64_t at = v->p->net->driver[v->index].admin.at + offset, gpa, hpa;
    guest_touches(v, at, size, VS_REF_READ);
    if (vs_space_locate(&v->space, at, &gpa, &hpa)) {
        vs_phys_read(v->p->phys, (vs_hpa){hpa}, bytes, size);
    }
}

/* Where a descriptor lies: two rings in the first page. */
static uint64_t descriptor_at(bool sends, uint32_t slot)
{
    return ((sends ? 0 : N) + slot) * sizeof(struct vs_nic_aq_descriptor);
}

/* Where the buffer of a descriptor lies. */
static uint64_t buffer_at(bool sends, uint32_t slot)
{
    return (1ull + (sends ? 0 : N) + slot) * VS_NIC_AQ_BUFFER;
}

/* A descriptor with its buffer's address. */
static void write_descriptor(struct vs_vcpu *v, bool sends, uint32_t slot,
                             struct vs_nic_aq_descriptor d)
{
    uint64_t buffer = v->p->net->driver[v->index].admin.base + buffer_at(sends, slot);
    if (d.bytes) {
        d.flags |= (uint16_t)(VS_NIC_AQ_BUF | (d.bytes > VS_NIC_AQ_LARGE ? VS_NIC_AQ_LB : 0));
        d.addr_high = (uint32_t)(buffer >> 32);
        d.addr_low = (uint32_t)buffer;
    }
    store(v, descriptor_at(sends, slot), &d, sizeof d);
}

/* A free buffer for what comes. */
static void offer(struct vs_vcpu *v, uint32_t slot)
{
    write_descriptor(v, false, slot, (struct vs_nic_aq_descriptor){.bytes = VS_NIC_AQ_BUFFER});
}

/* iavf_init_adminq: both rings, their registers. */
static void open_queues(struct vs_vcpu *v, struct vs_driver *d)
{
    uint64_t send = d->admin.base, receive = send + descriptor_at(false, 0);
    for (uint32_t i = 0; i < N; i++) {
        offer(v, i);
    }
    guest_vf_put(v, VS_NIC_ATQH, 0);
    guest_vf_put(v, VS_NIC_ATQT, 0);
    guest_vf_put(v, VS_NIC_ATQLEN, N | VS_NIC_AQ_ENABLE);
    guest_vf_put(v, VS_NIC_ATQBAL, (uint32_t)send);
    guest_vf_put(v, VS_NIC_ATQBAH, (uint32_t)(send >> 32));
    (void)guest_vf_get(v, VS_NIC_ATQBAL);
    guest_vf_put(v, VS_NIC_ARQH, 0);
    guest_vf_put(v, VS_NIC_ARQT, 0);
    guest_vf_put(v, VS_NIC_ARQLEN, N | VS_NIC_AQ_ENABLE);
    guest_vf_put(v, VS_NIC_ARQBAL, (uint32_t)receive);
    guest_vf_put(v, VS_NIC_ARQBAH, (uint32_t)(receive >> 32));
    guest_vf_put(v, VS_NIC_ARQT, N - 1u);
    (void)guest_vf_get(v, VS_NIC_ARQBAL);
    d->admin.tail = d->admin.next = 0;
    d->admin.open = true;
}

/* ---- a request ---- */

/* Whether such a request can be made here; else the run fails and says why. */
static bool may(struct vs_vcpu *v)
{
    const bool has = v->p->net && v->p->net->nic_config.has_virtchnl;
    const struct vs_request *r = &v->request;
    struct vs_net *net =
        guest_vf_heard(v, "virtchnl", has,
                       "functions of this adapter have no admin queues (nic.has.virtchnl); take "
                       "one that has, such as nic = \"x710\" in a machine's file");
    if (!net) {
        return false;
    }
    const struct vs_driver *d = &net->driver[v->index];
    if (d->queue % net->nic.pairs) {
        vcpu_refuse(v,
                    "virtchnl: vCPU %u has pair %u of its function's queues; the one with the "
                    "first of them asks for the function",
                    v->index, d->queue % net->nic.pairs);
    } else if (v->process_now) {
        vcpu_fail(v,
                  "virtchnl in address space %u: the driver's memory is in address space 0; "
                  "cpu:switch(0) first",
                  v->process_now);
    } else if (r->a >= WHATS || r->count >> 48 || r->bytes > VS_NIC_AQ_BUFFER || r->b >> 16) {
        vcpu_fail(v, "virtchnl: no such request"); /* a recording's */
    } else if (net->use(v, "virtchnl")) {
        bool room = net->admin(v);
        if (!room) {
            vcpu_refuse(v, "virtchnl: admin queues do not fit into guest.memory or host.memory; "
                           "give the machine more");
        }
        return room;
    }
    return false;
}

/* The owner of the queues, as messages name it: what the request says, or the function's own. */
static uint16_t vsi(const struct vs_vcpu *v)
{
    return (uint16_t)(v->request.b ? v->request.b : v->p->net->driver[v->index].vf + 1u);
}

/* One pair of queues as CONFIG_VSI_QUEUES describes it. */
static struct vs_virtchnl_pair pair(const struct vs_vcpu *v, uint16_t queue)
{
    const struct vs_net *net = v->p->net;
    uint32_t number = net->driver[v->index].queue + queue;
    uint16_t ring = (uint16_t)net->nic_config.ring;
    struct vs_virtchnl_pair p = {.tx = {.vsi = vsi(v), .queue = queue, .ring = ring},
                                 .rx = {.vsi = vsi(v),
                                        .queue = queue,
                                        .ring = ring,
                                        .buffer = VS__NET_BUFFER,
                                        .longest = VS_NIC_FRAME}};
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        if (net->driver[i].queue == number) {
            p.tx.base = net->driver[i].tx_base;
            p.rx.base = net->driver[i].rx_base;
        }
    }
    return p;
}

/* CONFIG_VSI_QUEUES and CONFIG_IRQ_MAP: so many elements behind a head; the message's bytes. */
static uint32_t elements(const struct vs_vcpu *v, unsigned char *bytes, uint32_t most)
{
    bool queues = v->request.a == QUEUES;
    uint32_t n = v->request.count ? (uint32_t)v->request.count : most,
             head = queues ? sizeof(struct vs_virtchnl_queues) : sizeof(uint16_t),
             each = queues ? sizeof(struct vs_virtchnl_pair) : sizeof(struct vs_virtchnl_vector),
             room = (VS_NIC_AQ_BUFFER - vs_virtchnl_bytes(head, each, 0)) / each;
    n = n < room ? n : room;
    uint16_t own = vsi(v), count = (uint16_t)n;
    memcpy(bytes, queues ? &own : &count, 2);
    memcpy(bytes + 2, &count, queues ? 2 : 0);
    for (uint32_t i = 0; i < n; i++) {
        struct vs_virtchnl_pair p = pair(v, (uint16_t)i);
        /* vectors of queues first, that of the admin queue last */
        bool last = i + 1u == n;
        uint16_t bit = (uint16_t)(last || i > 15u ? 0 : 1u << i);
        struct vs_virtchnl_vector one = {own, (uint16_t)(last ? 0 : i + 1u), bit, bit, 0, 1};
        memcpy(bytes + head + i * each, queues ? (const void *)&p : &one, each);
    }
    return vs_virtchnl_bytes(head, each, n);
}

/* The message that the request describes; its bytes. */
static uint32_t message(const struct vs_vcpu *v, const struct vs_driver *d, unsigned char *bytes)
{
    const struct vs_request *r = &v->request;
    uint32_t pairs = d->admin.pairs ? d->admin.pairs : v->p->net->nic.pairs;
    uint32_t all = r->count ? (uint32_t)r->count : (1u << (pairs < 16u ? pairs : 16u)) - 1u;
    struct vs_virtchnl_version version = {VS_VIRTCHNL_MAJOR, (uint32_t)r->count};
    struct vs_virtchnl_select select = {vsi(v), 0, all, all};
    struct vs_virtchnl_addresses list = {vsi(v), 1};
    uint16_t wanted = (uint16_t)(r->count ? r->count : pairs);
    switch ((enum what)r->a) {
    case VERSION:
        memcpy(bytes, &version, sizeof version);
        return sizeof version;
    case RESOURCES:
        bytes[0] = 1; /* VIRTCHNL_VF_OFFLOAD_L2 */
        return d->admin.minor ? 4u : 0;
    case QUEUES:
        return elements(v, bytes, pairs);
    case IRQ_MAP:
        return elements(v, bytes, pairs + 1u);
    case ENABLE:
    case DISABLE:
        memcpy(bytes, &select, sizeof select);
        return sizeof select;
    case ADD:
    case DEL:
        memcpy(bytes, &list, sizeof list);
        vs_nic_mac_bytes(bytes + sizeof list, r->count);
        return vs_virtchnl_bytes(sizeof list, sizeof(struct vs_virtchnl_address), 1);
    case REQUEST:
        memcpy(bytes, &wanted, sizeof wanted);
        return sizeof wanted;
    default:
        return 0;
    }
}

/* iavf_asq_send_command: the message is sent. */
static void ask(struct vs_vcpu *v, struct vs_driver *d)
{
    const struct vs_request *r = &v->request;
    unsigned char bytes[VS_NIC_AQ_BUFFER] = {0};
    uint32_t size = message(v, d, bytes), slot = d->admin.tail;
    size = r->bytes ? (uint32_t)r->bytes : size;
    d->admin.op = r->a == OPCODE ? (uint32_t)r->count : op_of[r->a];
    (void)guest_vf_get(v, VS_NIC_ATQH); /* is it alive; which descriptors are done */
    (void)guest_vf_get(v, VS_NIC_ATQH);
    if (size) {
        store(v, buffer_at(true, slot), bytes, size);
    }
    write_descriptor(
        v, true, slot,
        (struct vs_nic_aq_descriptor){.flags = (uint16_t)(VS_NIC_AQ_SI | (size ? VS_NIC_AQ_RD : 0)),
                                      .opcode = VS_NIC_AQ_TO_PF,
                                      .bytes = (uint16_t)size,
                                      .cookie_high = d->admin.op});
    d->admin.tail = (slot + 1u) % N;
    guest_vf_put(v, VS_NIC_ATQT, d->admin.tail);
}

/* ---- the answer ---- */

/* The vCPU sleeps until an interrupt, or that time. */
static void sleep_until(struct vs_vcpu *v, uint64_t until_ps)
{
    struct guest_work w = {0};
    vs_txn_settle(&v->txn);
    v->timer_armed = true;
    v->timer_ps = until_ps;
    (void)guest_run(v, GUEST_IDLE, &w);
}

/* The request is over. */
static void end(struct vs_vcpu *v, struct vs_driver *d, uint64_t how)
{
    v->timer_armed = false;
    d->admin.step = VS_ADMIN_NONE;
    guest_vf_answered(v, how);
}

/* What the host says unasked. */
static void event(struct vs_driver *d, const unsigned char *bytes)
{
    struct vs_virtchnl_event e;
    memcpy(&e, bytes, sizeof e);
    d->admin.up = e.event == VS_VIRTCHNL_LINK_CHANGE ? e.up != 0 : d->admin.up;
    d->admin.step = e.event == VS_VIRTCHNL_RESET_IMPENDING ? VS_ADMIN_DETECT : d->admin.step;
}

/* The answer is there: what the driver keeps of it; its status. */
static uint64_t keep(const struct vs_vcpu *v, struct vs_driver *d,
                     const struct vs_nic_aq_descriptor *a, const unsigned char *bytes)
{
    struct vs_virtchnl_resource r;
    if (!a->cookie_low && d->admin.op == VS_VIRTCHNL_VERSION) {
        d->admin.minor = (uint32_t)v->request.count;
    }
    if (!a->cookie_low && d->admin.op == VS_VIRTCHNL_GET_VF_RESOURCES) {
        memcpy(&r, bytes, sizeof r);
        d->admin.pairs = r.pairs;
    }
    return (uint64_t) - (int64_t)(int32_t)a->cookie_low;
}

/* iavf_clean_arq_element: takes the next message; true: it is the answer, whose status is *how. */
static bool take(struct vs_vcpu *v, struct vs_driver *d, uint64_t *how)
{
    struct vs_nic_aq_descriptor a = {0};
    unsigned char bytes[VS_NIC_AQ_BUFFER] = {0};
    uint32_t slot = d->admin.next;
    load(v, descriptor_at(false, slot), &a, sizeof a);
    a.bytes = a.bytes < VS_NIC_AQ_BUFFER ? a.bytes : VS_NIC_AQ_BUFFER;
    if (a.bytes) {
        load(v, buffer_at(false, slot), bytes, a.bytes);
    }
    offer(v, slot);
    guest_vf_put(v, VS_NIC_ARQT, slot);
    d->admin.next = (slot + 1u) % N;
    if (a.cookie_high == VS_VIRTCHNL_EVENT && a.bytes) {
        event(d, bytes);
        return false;
    }
    *how = keep(v, d, &a, bytes);
    return a.cookie_high == d->admin.op;
}

/* Looks how far a reset is: its queues are gone, then it says that it is over. */
static void look_at_reset(struct vs_vcpu *v, struct vs_driver *d)
{
    uint64_t now = vcpu_now_ps(v);
    if (v->timer_armed && now < v->timer_ps) { /* something else has woken it */
        sleep_until(v, v->timer_ps);
        return;
    }
    if (d->admin.step == VS_ADMIN_DETECT && !(guest_vf_get(v, VS_NIC_ARQLEN) & VS_NIC_AQ_ENABLE)) {
        d->admin.step = VS_ADMIN_RESET;
    }
    if (d->admin.step == VS_ADMIN_RESET && guest_vf_get(v, VS_NIC_RSTAT) == VS_NIC_VF_ACTIVE) {
        d->admin.open = d->admin.up = false;
        d->admin.minor = d->admin.pairs = 0;
        end(v, d, 0);
    } else if (now >= d->admin.late_ps) {
        end(v, d, NOBODY);
    } else {
        sleep_until(v, now + (d->admin.step == VS_ADMIN_RESET ? RESET_PS : DETECT_PS));
    }
}

/* Looks at what has come, as much as the ring holds. */
static void look(struct vs_vcpu *v, struct vs_driver *d)
{
    uint64_t how = 0;
    for (uint32_t i = 0; i < N && guest_vf_get(v, VS_NIC_ARQH) != d->admin.next; i++) {
        if (take(v, d, &how)) {
            end(v, d, how);
            return;
        }
        if (d->admin.step == VS_ADMIN_DETECT) {
            sleep_until(v, vcpu_now_ps(v) + DETECT_PS);
            return;
        }
    }
    if (vcpu_now_ps(v) >= d->admin.late_ps) {
        end(v, d, NOBODY);
    } else {
        sleep_until(v, d->admin.late_ps);
    }
}

void guest_vf_virtchnl(struct vs_vcpu *v)
{
    if (!v->begun && !may(v)) {
        return;
    }
    struct vs_driver *d = &v->p->net->driver[v->index];
    v->busy = true;
    if (d->admin.step == VS_ADMIN_ASKED) {
        look(v, d);
        return;
    }
    if (d->admin.step != VS_ADMIN_NONE) {
        look_at_reset(v, d);
        return;
    }
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_NIC_VIRTCHNL);
    if (!d->admin.open || !(guest_vf_get(v, VS_NIC_ARQLEN) & VS_NIC_AQ_ENABLE)) {
        open_queues(v, d);
    }
    ask(v, d);
    bool reset = d->admin.op == VS_VIRTCHNL_RESET_VF && !v->request.bytes;
    d->admin.step = reset ? VS_ADMIN_DETECT : VS_ADMIN_ASKED;
    d->admin.late_ps = vcpu_now_ps(v) + LATE_PS;
    sleep_until(v, reset ? vcpu_now_ps(v) + DETECT_PS : d->admin.late_ps);
}
