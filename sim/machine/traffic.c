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

/* A request that is to start for a queue; they are kept in the order of time. */
struct due {
    uint64_t at_ps;
    uint32_t queue;
};

struct machine_traffic {
    struct vs_net *net;
    uint64_t interval_ps, delay_ps;
    uint32_t window, per_answer, acks;
    bool begun;
    uint64_t next_ps; /* open loop */
    uint32_t next_vf, flows;
    uint32_t *next_flow; /* by function */
    uint32_t *hash;      /* by function and flow */
    struct due *due;     /* closed loop: a queue that wraps */
    uint32_t first, n, room;
    uint32_t *under_way; /* requests, by queue */
    uint32_t *unacked;   /* frames of a stream, by queue */
};

/* Functions that somebody serves: virtual ones that have a vCPU, and the host's own; or guests'
 * interfaces. */
static unsigned functions(const struct vs_net *net)
{
    uint32_t has = net->nic.n_interfaces ? net->nic.n_interfaces : net->nic.n_fn;
    unsigned with = net->n_functions < has ? net->n_functions : has;
    return net->nic.n_interfaces ? with : with + (net->nic.n_all - net->nic.n_fn);
}

/* The number of the i-th of them: the host's own is the last one. */
static uint32_t function(const struct vs_net *net, uint32_t i)
{
    bool own = !net->nic.n_interfaces && net->nic.n_all > net->nic.n_fn && i + 1u == functions(net);
    return own ? vs_nic_physical(&net->nic) : i;
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
static void queue(struct machine_traffic *t, uint32_t number, uint64_t at_ps)
{
    if (!make_room(t)) {
        return;
    }
    uint32_t i = t->n++;
    for (; i && t->due[(t->first + i - 1u) % t->room].at_ps > at_ps; i--) {
        t->due[(t->first + i) % t->room] = t->due[(t->first + i - 1u) % t->room];
    }
    t->due[(t->first + i) % t->room] = (struct due){at_ps, number};
}

/* vs_wire_port.frame: of a closed loop it is an answer, of a stream one that may be acknowledged.
 */
static void frame(void *ctx, uint32_t number, uint64_t bytes, uint64_t last_ps)
{
    struct machine_traffic *t = ctx;
    (void)bytes;
    if (t->acks && ++t->unacked[number] == t->acks) {
        t->unacked[number] = 0;
        queue(t, number, last_ps + t->delay_ps);
    }
    for (uint32_t i = 0; i < t->per_answer && t->under_way[number]; i++) {
        t->under_way[number]--;
        queue(t, number, last_ps + t->delay_ps);
    }
}

/* vs_wire_port.lost */
static void lost(void *ctx, uint32_t number, uint64_t at_ps)
{
    struct machine_traffic *t = ctx;
    if (t->under_way[number]) {
        t->under_way[number]--;
        queue(t, number, at_ps + RESEND_PS);
    }
}

/* The queue that a packet of that flow comes to: its sender's address and port are its own. */
static uint32_t queue_of(const struct machine_traffic *t, uint32_t vf, uint32_t flow)
{
    return vs_nic_steer(&t->net->nic, vf, t->hash[vf * t->flows + flow]);
}

/* The function, or the interface, that a queue is of. */
static uint32_t owner(const struct vs_net *net, uint32_t number)
{
    return net->nic.n_interfaces ? number - net->nic.n_queues : number / net->nic.pairs;
}

/* Hashes of all flows: clients in 192.0.2.0/24 and their ports, functions in 198.51.100.0/24
 * (networks of RFC 5737), the port of an echo service. */
static void make_flows(struct machine_traffic *t, uint32_t functions)
{
    for (uint32_t i = 0; i < functions * t->flows; i++) {
        uint32_t flow = i % t->flows;
        struct vs_nic_flow f = {.from = 0xc0000201u,
                                .to = 0xc6336401u + i / t->flows,
                                .from_port = (uint16_t)(49152u + flow),
                                .to_port = 7};
        t->hash[i] = vs_nic_hash(&f);
    }
}

enum vs_status machine_traffic_make(struct vs_net *net)
{
    const struct vs_nic_config *c = &net->nic_config;
    struct machine_traffic *t = net->traffic = calloc(1, sizeof *t);
    uint32_t owners = net->nic.n_all + net->nic.n_interfaces,
             queues = net->nic.n_queues + net->nic.n_interfaces;
    if (!t) {
        return VS_E_NOMEM;
    }
    *t =
        (struct machine_traffic){.net = net,
                                 .interval_ps = c->traffic_ns * 1000u,
                                 .delay_ps = c->traffic_delay_ns * 1000u,
                                 .window = c->traffic_ns ? 0 : (uint32_t)c->traffic_window,
                                 .per_answer = (uint32_t)c->traffic_per_answer,
                                 .acks = (uint32_t)c->traffic_acks,
                                 .flows = (uint32_t)c->traffic_flows,
                                 .next_flow = calloc(owners, sizeof *t->next_flow),
                                 .hash = calloc((size_t)owners * c->traffic_flows, sizeof *t->hash),
                                 .under_way = calloc(queues, sizeof *t->under_way),
                                 .unacked = calloc(queues, sizeof *t->unacked)};
    if (t->window || t->acks) {
        net->nic.wire = (struct vs_wire_port){t, frame, lost};
    }
    if (!t->under_way || !t->unacked || !t->next_flow || !t->hash) {
        return VS_E_NOMEM;
    }
    make_flows(t, owners);
    return VS_OK;
}

void machine_traffic_free(struct vs_net *net)
{
    if (net->traffic) {
        free(net->traffic->due);
        free(net->traffic->under_way);
        free(net->traffic->unacked);
        free(net->traffic->next_flow);
        free(net->traffic->hash);
        free(net->traffic);
    }
}

void machine_traffic_begin(struct vs_net *net, uint32_t number, uint64_t now_ps)
{
    struct machine_traffic *t = net->traffic;
    for (uint32_t i = 0; i < t->window; i++) { /* of its function's, those that come to it */
        if (queue_of(t, owner(net, number), i % t->flows) == number) {
            queue(t, number, now_ps + t->delay_ps);
        }
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

/* A packet of that flow of the function's, for its queue. */
static void arrive(struct machine_traffic *t, uint32_t number, uint32_t vf, uint32_t flow,
                   uint64_t at_ps)
{
    struct vs_nic *n = &t->net->nic;
    uint32_t stream = n->cfg.traffic_tcp ? vf * t->flows + flow + 1u : 0;
    vs_nic_rx_segment(n, number, stream, (uint32_t)n->cfg.traffic_bytes, (vs_ps){at_ps});
}

/* The function's next flow, of those that come to the queue. */
static uint32_t flow_of(struct machine_traffic *t, uint32_t vf, uint32_t number)
{
    uint32_t *next = &t->next_flow[vf], flow = *next;
    for (uint32_t i = 0; i < t->flows; i++) {
        flow = *next;
        *next = flow + 1u < t->flows ? flow + 1u : 0;
        if (queue_of(t, vf, flow) == number) {
            break;
        }
    }
    return flow;
}

/* The next packet of the open loop; it starts when the wire is free. */
static void send_open(struct machine_traffic *t, uint64_t now_ps)
{
    struct vs_nic *n = &t->net->nic;
    uint64_t next = now_ps + t->interval_ps;
    uint32_t fn = function(t->net, t->next_vf), *flow = &t->next_flow[fn],
             number = queue_of(t, fn, *flow);
    arrive(t, number, fn, *flow, now_ps);
    *flow = *flow + 1u < t->flows ? *flow + 1u : 0;
    t->next_vf = (t->next_vf + 1) % functions(t->net);
    t->next_ps = next > n->wire_rx_busy_ps ? next : n->wire_rx_busy_ps;
}

void machine_traffic_send(struct vs_net *net, uint64_t now_ps)
{
    struct machine_traffic *t = net->traffic;
    if (!t->n) {
        send_open(t, now_ps);
        return;
    }
    struct due d = t->due[t->first];
    t->first = (t->first + 1u) % t->room;
    t->n--;
    t->under_way[d.queue] += t->window != 0;
    uint32_t vf = owner(net, d.queue);
    bool tcp = net->nic_config.traffic_tcp != 0;
    arrive(t, d.queue, vf, tcp ? flow_of(t, vf, d.queue) : 0, now_ps);
}
