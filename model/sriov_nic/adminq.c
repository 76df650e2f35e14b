/* SPDX-License-Identifier: MIT */
/*
 * The admin queues of each function, as an X710 has them: a ring of commands that its driver sends,
 * a ring of buffers into which it receives. The adapter's firmware reads a command's descriptor and
 * its buffer, does what it says, and writes the descriptor back. A virtual function may send
 * messages to the physical one, which may send them to any; a message is written into a buffer of
 * the receiver's, then the descriptor, and the receiver's vector for everything but queues is sent.
 * Descriptors, flags and results: Linux iavf_adminq_cmd.h and i40e_adminq_cmd.h; rings:
 * iavf_adminq.c.
 */
#include "nic_impl.h"

#include <stdlib.h>
#include <string.h>

/* A ring: its registers, and from when on each descriptor that is done can be seen. */
struct queue {
    uint32_t low, high, length, head, tail;
    uint64_t there_ps[VS_NIC_AQ_MOST];
};

struct vs_nic_admin {
    struct queue send, receive;
    uint64_t address[VS_NIC_AQ_ADDRESSES]; /* of stations, beside the function's own */
    uint32_t addresses;
    uint64_t rung_ps;  /* its driver has told the firmware of what waits in `send` */
    uint64_t reset_ps; /* its reset is over then */
    uint32_t resets;
};

/* Its queues, made when somebody first needs them; NULL: the simulator's memory is short. */
static struct vs_nic_admin *admin_of(struct vs_nic_function *f)
{
    f->admin = f->admin ? f->admin : calloc(1, sizeof *f->admin);
    return f->admin;
}

/* The descriptors of a ring; 0: it is not enabled, or longer than there can be. */
static uint32_t size_of(const struct queue *q)
{
    uint32_t n = q->length & VS_NIC_AQ_LENGTH;
    return q->length & VS_NIC_AQ_ENABLE && n <= VS_NIC_AQ_MOST ? n : 0;
}

/* Where the next descriptor lies, by the driver's addresses. */
static vs_iova at_head(const struct queue *q)
{
    return (vs_iova){((uint64_t)q->high << 32 | q->low) +
                     q->head * sizeof(struct vs_nic_aq_descriptor)};
}

/* The next descriptor is done, which can be seen from then on. */
static void advance(struct queue *q, uint64_t there_ps)
{
    uint32_t n = size_of(q);
    q->there_ps[q->head % VS_NIC_AQ_MOST] = there_ps;
    q->head = n ? (q->head + 1u) % n : 0;
}

/* The head register as it reads at that time. */
static uint32_t head_at(const struct queue *q, uint64_t at_ps)
{
    uint32_t n = size_of(q), head = q->head;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t before = (head + n - 1u) % n;
        if (q->there_ps[before] <= at_ps) {
            break;
        }
        head = before;
    }
    return head;
}

/* ---- what the firmware does ---- */

/* The function's vector for everything but its queues is sent; a virtual one's driver has given it
 * the message of its first queue. */
static void interrupt(struct vs_nic *n, struct vs_txn *t, uint32_t fn)
{
    struct vs_nic_function *f = &n->fn[fn];
    bool physical = fn == n->n_fn;
    uint64_t address = physical ? n->mail_address : f->queue->msi_address;
    uint32_t data = physical ? n->mail_data : f->queue->msi_data;
    if (!address || (n->link.fires && !n->link.fires(n->link.fires_ctx, f->requester, n->pairs))) {
        return;
    }
    vs_open(t, VS_OP_MSI);
    n->link.message(n->link.ctx, t, f->requester, address, data);
    vs_close(t);
}

/* A DMA of the firmware's, from the transaction's present time to its end; false: blocked. */
static bool move(struct vs_nic *n, struct vs_txn *t, const struct vs_nic_function *f, bool write,
                 vs_iova at, void *bytes, size_t size)
{
    uint64_t taken;
    bool good = write ? n->link.write(n->link.ctx, t, f->requester, at, bytes, size, &taken)
                      : n->link.read(n->link.ctx, t, f->requester, at, bytes, size, &taken);
    n->count[VS_CNT_nic_blocked] += !good;
    return good;
}

/* A message is put into the next buffer that this function's driver has given. */
static enum vs_nic_aq_result deliver(struct vs_nic *n, struct vs_txn *t, uint32_t to,
                                     const struct vs_nic_aq_descriptor *d, void *bytes)
{
    struct vs_nic_function *f = &n->fn[to];
    struct queue *q = f->admin ? &f->admin->receive : NULL;
    struct vs_nic_aq_descriptor own;
    if (!q || !size_of(q)) {
        return VS_NIC_AQ_ENXIO;
    }
    if (q->head == q->tail) {
        q->length |= VS_NIC_AQ_OVERFLOW;
        return VS_NIC_AQ_EAGAIN;
    }
    if (!move(n, t, f, false, at_head(q), &own, sizeof own)) {
        return VS_NIC_AQ_ENXIO;
    }
    if (own.bytes < d->bytes) {
        return VS_NIC_AQ_E2BIG;
    }
    vs_iova buffer = {(uint64_t)own.addr_high << 32 | own.addr_low};
    if (d->bytes && !move(n, t, f, true, buffer, bytes, d->bytes)) {
        return VS_NIC_AQ_ENXIO;
    }
    own.flags =
        (uint16_t)(VS_NIC_AQ_DD | VS_NIC_AQ_CMP | (own.flags & VS_NIC_AQ_LB) | VS_NIC_AQ_BUF);
    own.opcode = d->opcode;
    own.bytes = d->bytes;
    own.result = d->result;
    own.cookie_high = d->cookie_high;
    own.cookie_low = d->cookie_low;
    if (!move(n, t, f, true, at_head(q), &own, sizeof own)) {
        return VS_NIC_AQ_ENXIO;
    }
    advance(q, t->now_ps);
    n->count[VS_CNT_nic_admin]++;
    interrupt(n, t, to);
    return VS_NIC_AQ_OK;
}

/* The function has a further address, or no more. */
static enum vs_nic_aq_result address(struct vs_nic *n, uint32_t fn, uint64_t mac, bool add)
{
    struct vs_nic_admin *a = fn < n->n_fn ? admin_of(&n->fn[fn]) : NULL;
    if (!a || (add && mac == n->fn[fn].mac)) {
        return a ? VS_NIC_AQ_OK : VS_NIC_AQ_EINVAL;
    }
    for (uint32_t i = 0; i < a->addresses; i++) {
        if (a->address[i] == mac) {
            a->address[i] = add ? mac : a->address[--a->addresses];
            return VS_NIC_AQ_OK;
        }
    }
    if (!add || a->addresses == VS_NIC_AQ_ADDRESSES) {
        return add ? VS_NIC_AQ_ENOSPC : VS_NIC_AQ_EINVAL;
    }
    a->address[a->addresses++] = mac;
    return VS_NIC_AQ_OK;
}

/* All addresses of a command. */
static enum vs_nic_aq_result addresses(struct vs_nic *n, const struct vs_nic_aq_descriptor *d,
                                       const unsigned char *bytes)
{
    uint32_t count = d->param0 & 0xffffu, vf = d->param0 >> 16;
    enum vs_nic_aq_result r = VS_NIC_AQ_OK;
    if (count * sizeof(struct vs_nic_aq_macvlan) != d->bytes) {
        return VS_NIC_AQ_EINVAL;
    }
    for (uint32_t i = 0; i < count && !r; i++) {
        r = address(n, vf, vs_nic_mac_of(bytes + i * sizeof(struct vs_nic_aq_macvlan)),
                    d->opcode == VS_NIC_AQ_ADD_MACVLAN);
    }
    return r;
}

/* Carries out a command whose buffer is there. */
static enum vs_nic_aq_result command(struct vs_nic *n, struct vs_txn *t, uint32_t from,
                                     const struct vs_nic_aq_descriptor *d, unsigned char *bytes)
{
    struct vs_nic_aq_descriptor message = *d;
    bool physical = from == n->n_fn;
    message.result = 0;
    if (d->opcode == VS_NIC_AQ_SHUTDOWN) {
        return VS_NIC_AQ_OK;
    }
    if (d->opcode == VS_NIC_AQ_TO_PF && !physical) { /* from whom, it cannot say itself */
        message.result = (uint16_t)from;
        return n->n_all > n->n_fn ? deliver(n, t, n->n_fn, &message, bytes) : VS_NIC_AQ_ENXIO;
    }
    if (d->opcode == VS_NIC_AQ_TO_VF && physical) {
        return d->param0 < n->n_fn ? deliver(n, t, d->param0, &message, bytes) : VS_NIC_AQ_EINVAL;
    }
    bool macvlan = d->opcode == VS_NIC_AQ_ADD_MACVLAN || d->opcode == VS_NIC_AQ_REMOVE_MACVLAN;
    return macvlan && physical ? addresses(n, d, bytes) : VS_NIC_AQ_ENOSYS;
}

/* Reads the buffer of a command and carries it out. */
static enum vs_nic_aq_result with_buffer(struct vs_nic *n, struct vs_txn *t, uint32_t from,
                                         struct vs_nic_aq_descriptor *d)
{
    unsigned char bytes[VS_NIC_AQ_BUFFER] = {0};
    bool has = (d->flags & VS_NIC_AQ_BUF) != 0;
    d->bytes = has ? d->bytes : 0;
    if (d->bytes > VS_NIC_AQ_BUFFER || (d->bytes > VS_NIC_AQ_LARGE && !(d->flags & VS_NIC_AQ_LB)) ||
        (has && !(d->flags & VS_NIC_AQ_RD))) {
        return VS_NIC_AQ_EINVAL;
    }
    vs_iova at = {(uint64_t)d->addr_high << 32 | d->addr_low};
    if (d->bytes && !move(n, t, &n->fn[from], false, at, bytes, d->bytes)) {
        return VS_NIC_AQ_ENXIO;
    }
    return command(n, t, from, d, bytes);
}

/* Commands of this ring wait for the firmware. */
static bool waits(const struct queue *q)
{
    return q->head < size_of(q) && q->tail < size_of(q) && q->head != q->tail;
}

/* The function that has waited longest; NULL: none does. */
static struct vs_nic_function *first_in_line(const struct vs_nic *n)
{
    struct vs_nic_function *first = NULL;
    for (uint32_t i = 0; i < n->n_all; i++) {
        const struct vs_nic_admin *a = n->fn[i].admin;
        if (a && waits(&a->send) && (!first || a->rung_ps < first->admin->rung_ps)) {
            first = &n->fn[i];
        }
    }
    return first;
}

/* When the firmware will have been about the next command long enough to act. */
static void plan(struct vs_nic *n)
{
    const struct vs_nic_function *f = first_in_line(n);
    uint64_t from = f && f->admin->rung_ps > n->firmware_ps ? f->admin->rung_ps : n->firmware_ps;
    n->admin_due_ps = f ? from + n->cfg.firmware : VS_NIC_NEVER;
}

/* The next command of a function's, from its doorbell on; one that cannot be read or written back
 * stops its queue. */
static void serve(struct vs_nic *n, struct vs_nic_function *f)
{
    struct queue *q = &f->admin->send;
    struct vs_txn *t = vs__nic_dma(n, f, f->admin->rung_ps);
    struct vs_nic_aq_descriptor d;
    vs_iova at = at_head(q);
    t->tape = NULL;
    vs_open(t, VS_OP_NIC_ADMIN);
    vs_wait_until(t, vs__nic_acc(n, VS_ACC_nic_wait_firmware), vs__nic_at(n->firmware_ps));
    vs_charge(t, vs__nic_acc(n, VS_ACC_nic_firmware), vs__nic_at(n->cfg.firmware));
    bool good = move(n, t, f, false, at, &d, sizeof d);
    if (good) {
        d.result = (uint16_t)with_buffer(n, t, (uint32_t)(f - n->fn), &d);
        n->count[VS_CNT_nic_admin_failed] += d.result != 0;
        d.flags =
            (uint16_t)(d.flags | VS_NIC_AQ_DD | VS_NIC_AQ_CMP | (d.result ? VS_NIC_AQ_ERR : 0));
        good = move(n, t, f, true, at, &d, sizeof d);
    }
    n->firmware_ps = t->now_ps;
    vs_close(t);
    if (good) {
        advance(q, t->now_ps);
    } else {
        q->length = (q->length & ~VS_NIC_AQ_ENABLE) | VS_NIC_AQ_CRITICAL;
    }
}

uint64_t vs_nic_admin_step(struct vs_nic *n, vs_ps at)
{
    if (n->admin_due_ps <= at.v) {
        struct vs_nic_function *f = first_in_line(n);
        if (f) {
            serve(n, f);
        }
        plan(n);
    }
    return n->admin_due_ps;
}

/* ---- registers ---- */

enum { LOW, HIGH, LENGTH, HEAD, TAIL, REGISTERS };

/* Which register this is: of the ring that sends, then of the other; -1: none. */
static int number_of(uint64_t offset)
{
    static const uint32_t at[2 * REGISTERS] = {
        VS_NIC_ATQBAL, VS_NIC_ATQBAH, VS_NIC_ATQLEN, VS_NIC_ATQH, VS_NIC_ATQT,
        VS_NIC_ARQBAL, VS_NIC_ARQBAH, VS_NIC_ARQLEN, VS_NIC_ARQH, VS_NIC_ARQT};
    int i = 2 * REGISTERS - 1;
    while (i >= 0 && at[i] != offset) {
        i--;
    }
    return i;
}

/* That register. */
static uint32_t *register_of(struct vs_nic_admin *a, int number)
{
    struct queue *q = number < REGISTERS ? &a->send : &a->receive;
    uint32_t *r[REGISTERS] = {&q->low, &q->high, &q->length, &q->head, &q->tail};
    return r[number % REGISTERS];
}

uint32_t vs_nic_admin_read(const struct vs_nic *n, uint32_t fn, uint64_t offset, vs_ps at)
{
    struct vs_nic_admin *a = n->fn[fn].admin;
    int number = number_of(offset);
    return !a || number < 0        ? 0
           : offset == VS_NIC_ATQH ? head_at(&a->send, at.v)
           : offset == VS_NIC_ARQH ? head_at(&a->receive, at.v)
                                   : *register_of(a, number);
}

void vs_nic_admin_write(struct vs_nic *n, uint32_t fn, uint64_t offset, uint32_t value, vs_ps at)
{
    int number = number_of(offset);
    struct vs_nic_admin *a = number >= 0 && n->cfg.has_virtchnl ? admin_of(&n->fn[fn]) : NULL;
    if (!a) {
        return;
    }
    bool busy = waits(&a->send);
    *register_of(a, number) = value;
    if (offset == VS_NIC_ATQT && !busy && waits(&a->send)) {
        a->rung_ps = at.v;
        plan(n);
        if (n->firmware.rung) {
            n->firmware.rung(n->firmware.ctx, n->admin_due_ps);
        }
    }
}

/* ---- functions ---- */

void vs__nic_admin_reset(struct vs_nic_function *f)
{
    struct vs_nic_admin *a = f->admin;
    if (a) {
        *a = (struct vs_nic_admin){.resets = a->resets + 1u, .reset_ps = a->reset_ps};
    }
}

void vs__nic_admin_free(struct vs_nic_function *f)
{
    free(f->admin);
    f->admin = NULL;
}

bool vs__nic_has_address(const struct vs_nic_function *f, uint64_t mac)
{
    const struct vs_nic_admin *a = f->admin;
    for (uint32_t i = 0; a && i < a->addresses; i++) {
        if (a->address[i] == mac) {
            return true;
        }
    }
    return mac == f->mac;
}

uint32_t vs_nic_admin_addresses(const struct vs_nic *n, uint32_t vf, uint64_t mac)
{
    const struct vs_nic_admin *a = n->fn[vf].admin;
    return vs__nic_has_address(&n->fn[vf], mac) ? 0 : (a ? a->addresses : 0) + 2u;
}

uint32_t vs_nic_admin_resets(const struct vs_nic *n, uint32_t vf)
{
    return n->fn[vf].admin ? n->fn[vf].admin->resets : 0;
}

void vs_nic_admin_resetting(struct vs_nic *n, uint32_t vf, vs_ps until)
{
    struct vs_nic_admin *a = admin_of(&n->fn[vf]);
    if (a) {
        a->reset_ps = until.v;
    }
}

uint32_t vs__nic_reset_state(const struct vs_nic_function *f, vs_ps at)
{
    const struct vs_nic_admin *a = f->admin;
    return a && a->reset_ps     ? (at.v < a->reset_ps ? 0 : VS_NIC_VF_ACTIVE)
           : f->queue->rx.ready ? VS_NIC_VF_ACTIVE
                                : VS_NIC_RESET_COMPLETE;
}

void vs_nic_switch_queue(struct vs_nic *n, uint32_t queue, bool sends, bool on)
{
    struct vs_nic_queue *q = &n->queue[queue];
    q->off[sends] = !on;
    if (sends && !on) {
        q->tx.tail = q->tx.head;
        q->tx.cached = 0;
    } else if (!sends) {
        q->rx.ready = on && q->rx.tail != q->rx.head;
    }
}

void vs_nic_map_vector(struct vs_nic *n, uint32_t queue, uint32_t vector)
{
    struct vs_nic_queue *q = &n->queue[queue];
    q->vector = vector && vector <= n->pairs ? vector - 1u : vector ? VS_NIC_NO_VECTOR : n->pairs;
}
