/* SPDX-License-Identifier: MIT */
/*
 * Where frames go: out on the wire, cut into segments where the driver leaves that to the adapter,
 * or through the internal switch to other functions; and which functions a frame is for. A function
 * gets what bears its address, or everybody's, in a VLAN that it is in. What it sends has to bear
 * its own address (anti-spoofing) and a VLAN that it is in.
 */
#include "nic_impl.h"

void vs_nic_policy(struct vs_nic *n, uint32_t vf, uint16_t port_vlan, bool check_source)
{
    n->fn[vf].port_vlan = port_vlan;
    n->fn[vf].check_source = check_source;
}

void vs_nic_vlan(struct vs_nic *n, uint32_t vf, uint16_t vlan, bool in)
{
    uint8_t *byte = &n->fn[vf].vlans[vlan % VS_NIC_VLANS / 8u], bit = (uint8_t)(1u << vlan % 8u);
    *byte = (uint8_t)(in ? *byte | bit : *byte & ~bit);
}

/* Untagged frames are everybody's that has no VLAN of its port; others are for their members. */
static bool in_vlan(const struct vs_nic_function *f, uint16_t vlan)
{
    return f->port_vlan ? vlan == f->port_vlan
                        : !vlan || f->vlans[vlan % VS_NIC_VLANS / 8u] & 1u << vlan % 8u;
}

/* The address is that of a guest's interface that has no pool. */
static bool without_pool(const struct vs_nic *n, uint64_t mac)
{
    uint32_t interface = vs_nic_interface_of(n, mac);
    return interface >= n->n_fn && interface < n->n_interfaces;
}

/* The address is this function's; interfaces without a pool have the physical one. */
static bool has(const struct vs_nic *n, uint32_t vf, uint64_t mac)
{
    return vs__nic_has_address(&n->fn[vf], mac) || (vf == n->n_fn && without_pool(n, mac));
}

/* The frame is for this function. */
static bool accepts(const struct vs_nic *n, uint32_t vf, const struct vs_nic_header *h)
{
    return (h->to == VS_NIC_BROADCAST || has(n, vf, h->to)) && in_vlan(&n->fn[vf], h->vlan);
}

struct vs_nic_header vs_nic_read_header(const unsigned char *bytes)
{
    struct vs_nic_header h = {0, 0, 0};
    for (unsigned i = 0; i < 6; i++) {
        h.to = h.to << 8 | bytes[i];
        h.from = h.from << 8 | bytes[6 + i];
    }
    if (bytes[12] == 0x81 && bytes[13] == 0) {
        h.vlan = (uint16_t)(((unsigned)bytes[14] << 8 | bytes[15]) & (VS_NIC_VLANS - 1u));
    }
    return h;
}

void vs_nic_write_header(unsigned char bytes[VS_NIC_HEADER_BYTES], const struct vs_nic_header *h)
{
    for (unsigned i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)(h->to >> (40 - 8 * i));
        bytes[6 + i] = (unsigned char)(h->from >> (40 - 8 * i));
    }
    bytes[12] = h->vlan ? 0x81 : 0x08;
    bytes[13] = 0;
    bytes[14] = (unsigned char)(h->vlan >> 8);
    bytes[15] = (unsigned char)h->vlan;
    bytes[16] = 0x08;
    bytes[17] = 0;
}

/* The queue of the function that gets a frame of which only the Ethernet header is known: the
 * addresses' last four bytes are their hosts' in IPv4. */
static uint32_t of_addresses(const struct vs_nic *n, uint32_t vf, const struct vs_nic_header *h)
{
    struct vs_nic_flow flow = {(uint32_t)h->from, (uint32_t)h->to, 0, 0};
    return n->pairs == 1 ? vf : vs_nic_steer(n, vf, vs_nic_hash(&flow));
}

uint64_t vs_nic_rx_frame(struct vs_nic *n, const struct vs_nic_header *h, uint32_t payload,
                         vs_ps at)
{
    uint64_t first = at.v > n->wire_rx_busy_ps ? at.v : n->wire_rx_busy_ps, last = VS_NIC_NEVER,
             in = first + vs_nic_wire_ps(n, payload);
    n->wire_rx_busy_ps = in;
    for (uint32_t i = 0; i < n->n_all; i++) {
        if (accepts(n, i, h)) {
            struct vs_nic_arrival a = {
                first, in + n->cfg.interface, of_addresses(n, i, h), payload, 0, true, *h};
            uint64_t one = vs__nic_arrived(n, &a);
            last = one != VS_NIC_NEVER ? one : last;
        }
    }
    n->count[VS_CNT_nic_filtered] += last == VS_NIC_NEVER;
    return last;
}

/* The frame that a function has sent, to the functions it is for; true: the wire gets it, too. */
static bool switched(struct vs_nic *n, const struct vs_nic_function *f, struct vs_nic_header h,
                     uint32_t payload, uint64_t at_ps)
{
    bool local = false, tagged = h.vlan != 0, ours = false;
    uint32_t own = (uint32_t)(f - n->fn);
    if (f->check_source &&
        (!vs__nic_has_address(f, h.from) || (tagged && (f->port_vlan || !in_vlan(f, h.vlan))))) {
        n->count[VS_CNT_nic_spoofed]++;
        return false;
    }
    h.vlan = f->port_vlan ? f->port_vlan : h.vlan;
    for (uint32_t i = 0; n->cfg.loopback && i < n->n_all; i++) {
        ours = ours || has(n, i, h.to);
        if (i != own && accepts(n, i, &h)) {
            struct vs_nic_arrival a = {at_ps, at_ps, of_addresses(n, i, &h), payload, 0, true, h};
            n->count[VS_CNT_nic_switched]++;
            local = true;
            (void)vs__nic_arrived(n, &a);
        }
    }
    /* an address of a function's that is in another VLAN is nobody's on the wire either */
    n->count[VS_CNT_nic_filtered] += ours && !local;
    return !ours;
}

/* One frame of `bytes` that are there at `there_ps`, on the wire; when its last bit is. */
static uint64_t emit(struct vs_nic *n, struct vs_journey *j, uint64_t bytes, uint64_t there_ps)
{
    uint64_t start = there_ps > n->wire_tx_busy_ps ? there_ps : n->wire_tx_busy_ps,
             end = start + vs_nic_wire_ps(n, bytes > VS_NIC_HEADERS ? bytes - VS_NIC_HEADERS : 0);
    n->wire_tx_busy_ps = end;
    n->count[VS_CNT_nic_tx_packets]++;
    if (n->wire.frame) {
        n->wire.frame(n->wire.ctx, n->sender, bytes, end + n->cfg.interface);
    }
    if (j) {
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wire_busy), vs__nic_at(start));
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wire), vs__nic_at(end));
        vs__nic_through(n, j);
    }
    return end;
}

/* Since when the first `bytes` of it are in the adapter. */
static uint64_t there(const struct vs_nic_out *o, uint64_t bytes)
{
    uint32_t i = 0;
    while (i + 1u < o->n && o->piece[i].end < bytes) {
        i++;
    }
    return o->piece[i].there_ps;
}

/* The adapter makes its frames: headers of each, one after the other as their bytes come. */
static void segments(struct vs_nic *n, struct vs_journey *j, const struct vs_nic_out *o)
{
    uint64_t payload = o->bytes - vs__least(o->bytes, VS_NIC_TCP_HEADERS), made = n->tx.now_ps;
    for (uint64_t done = 0; done < payload; done += o->segment) {
        uint64_t bytes = vs__least(payload - done, o->segment),
                 at = there(o, VS_NIC_TCP_HEADERS + done + bytes);
        if (done) { /* the first one's is the packet's own */
            vs_charge(&n->tx, vs__nic_acc(n, VS_ACC_nic_engine), vs__nic_at(n->cfg.engine));
            n->count[VS_CNT_nic_segments]++;
            made = n->tx.now_ps;
        }
        (void)emit(n, j, VS_NIC_TCP_HEADERS + bytes, at > made ? at : made);
    }
}

void vs__nic_send_out(struct vs_nic *n, struct vs_nic_queue *q, struct vs_journey *j,
                      const struct vs_nic_out *o)
{
    bool wire = !o->addressed ||
                switched(n, q->fn, o->header, (uint32_t)(o->bytes - VS_NIC_HEADERS), n->sent_ps);
    if (wire && o->segment) {
        segments(n, j, o);
    } else if (wire) {
        (void)emit(n, j, o->bytes, n->sent_ps);
    }
    if (j) {
        vs__nic_finish(n, j, vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_TX));
    }
}
