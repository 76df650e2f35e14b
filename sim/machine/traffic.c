/* SPDX-License-Identifier: MIT */
/*
 * The other end of the adapter's wire: whoever sends to the machine's functions. Open loop: a
 * packet every interval, to one function after the other, whatever comes back. Closed loop: each
 * function has so many requests on their way, and the next one starts when an answer has arrived
 * and the other end's own time has passed. Of a stream it acknowledges every so many frames.
 */
#include "guest/drivers/net.h"

#include "machine_impl.h"

#include <stdlib.h>

#define RESEND_PS 1000000000u /* a request that nobody answers is sent again after 1 ms */

/* A request that is to start; they are kept in the order of time. */
struct due {
    uint64_t at_ps;
    uint32_t vf;
};

struct machine_traffic {
    struct vs_net *net;
    uint64_t interval_ps, delay_ps;
    uint32_t window, per_answer, acks;
    bool begun;
    uint64_t next_ps; /* open loop */
    uint32_t next_vf;
    struct due *due; /* closed loop: a queue that wraps */
    uint32_t first, n, room;
    uint32_t *under_way; /* requests, by function */
    uint32_t *unacked;   /* frames of a stream, by function */
};

/* Functions that have a vCPU. */
static unsigned functions(const struct vs_net *net)
{
    return net->p->n_vcpus < net->nic.n_fn ? net->p->n_vcpus : net->nic.n_fn;
}

/* Room for one more; false: there is no memory, and the run fails. */
static bool make_room(struct machine_traffic *t)
{
    if (t->n < t->room) {
        return true;
    }
    uint32_t room = t->room ? 2u * t->room : 64u;
    struct due *grown = calloc(room, sizeof *grown);
    for (uint32_t i = 0, from = t->first; grown && i < t->n; i++) {
        grown[i] = t->due[from];
        from = from + 1u == t->room ? 0 : from + 1u;
    }
    if (!grown) {
        vcpu_fail(&t->net->p->vcpu[0], "traffic: no memory for %u requests", room);
        return false;
    }
    free(t->due);
    t->due = grown;
    t->first = 0;
    t->room = room;
    return true;
}

/* One more request, behind those that start earlier. */
static void queue(struct machine_traffic *t, uint32_t vf, uint64_t at_ps)
{
    if (!make_room(t)) {
        return;
    }
    uint32_t i = t->n++;
    for (; i && t->due[(t->first + i - 1u) % t->room].at_ps > at_ps; i--) {
        t->due[(t->first + i) % t->room] = t->due[(t->first + i - 1u) % t->room];
    }
    t->due[(t->first + i) % t->room] = (struct due){at_ps, vf};
}

/* vs_wire_port.frame: of a closed loop it is an answer, of a stream one that may be acknowledged.
 */
static void frame(void *ctx, uint32_t vf, uint64_t bytes, uint64_t last_ps)
{
    struct machine_traffic *t = ctx;
    (void)bytes;
    if (t->acks && ++t->unacked[vf] == t->acks) {
        t->unacked[vf] = 0;
        queue(t, vf, last_ps + t->delay_ps);
    }
    for (uint32_t i = 0; i < t->per_answer && t->under_way[vf]; i++) {
        t->under_way[vf]--;
        queue(t, vf, last_ps + t->delay_ps);
    }
}

/* vs_wire_port.lost */
static void lost(void *ctx, uint32_t vf, uint64_t at_ps)
{
    struct machine_traffic *t = ctx;
    if (t->under_way[vf]) {
        t->under_way[vf]--;
        queue(t, vf, at_ps + RESEND_PS);
    }
}

enum vs_status machine_traffic_make(struct vs_net *net)
{
    const struct vs_nic_config *c = &net->nic_config;
    struct machine_traffic *t = net->traffic = calloc(1, sizeof *t);
    if (!t) {
        return VS_E_NOMEM;
    }
    *t = (struct machine_traffic){.net = net,
                                  .interval_ps = c->traffic_ns * 1000u,
                                  .delay_ps = c->traffic_delay_ns * 1000u,
                                  .window = c->traffic_ns ? 0 : (uint32_t)c->traffic_window,
                                  .per_answer = (uint32_t)c->traffic_per_answer,
                                  .acks = (uint32_t)c->traffic_acks,
                                  .under_way = calloc(net->nic.n_fn, sizeof *t->under_way),
                                  .unacked = calloc(net->nic.n_fn, sizeof *t->unacked)};
    if (t->window || t->acks) {
        net->nic.wire = (struct vs_wire_port){t, frame, lost};
    }
    return t->under_way && t->unacked ? VS_OK : VS_E_NOMEM;
}

void machine_traffic_free(struct vs_net *net)
{
    if (net->traffic) {
        free(net->traffic->due);
        free(net->traffic->under_way);
        free(net->traffic->unacked);
        free(net->traffic);
    }
}

void machine_traffic_begin(struct vs_net *net, unsigned vf, uint64_t now_ps)
{
    struct machine_traffic *t = net->traffic;
    for (uint32_t i = 0; i < t->window; i++) {
        queue(t, vf, now_ps + t->delay_ps);
    }
    if (!t->begun && t->interval_ps) {
        t->next_ps = now_ps + t->interval_ps;
    }
    t->begun = true;
    vs_kernel_wake(net->p->kernel, net->nic_agent, machine_traffic_next(net));
}

uint64_t machine_traffic_next(const struct vs_net *net)
{
    const struct machine_traffic *t = net->traffic;
    return t->n ? t->due[t->first].at_ps : t->begun && t->interval_ps ? t->next_ps : VS_NIC_NEVER;
}

/* The next packet of the open loop; it starts when the wire is free. */
static void send_open(struct machine_traffic *t, uint64_t now_ps)
{
    struct vs_nic *n = &t->net->nic;
    uint64_t next = now_ps + t->interval_ps;
    vs_nic_rx_arrive(n, t->next_vf, (uint32_t)n->cfg.traffic_bytes, (vs_ps){now_ps});
    t->next_vf = (t->next_vf + 1) % functions(t->net);
    t->next_ps = next > n->wire_rx_busy_ps ? next : n->wire_rx_busy_ps;
}

void machine_traffic_send(struct vs_net *net, uint64_t now_ps)
{
    struct machine_traffic *t = net->traffic;
    if (machine_traffic_next(net) > now_ps) {
        return;
    }
    if (!t->n) {
        send_open(t, now_ps);
        return;
    }
    struct due d = t->due[t->first];
    t->first = (t->first + 1u) % t->room;
    t->n--;
    t->under_way[d.vf] += t->window != 0;
    vs_nic_rx_arrive(&net->nic, d.vf, (uint32_t)net->nic_config.traffic_bytes, (vs_ps){now_ps});
}
