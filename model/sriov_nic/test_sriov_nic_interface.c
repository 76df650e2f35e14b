/* SPDX-License-Identifier: MIT */
/* Laws of pools (VMDq) and of the guests' interfaces that the host serves. Intel 82599 datasheet
 * 7.1.3 (pool selection in virtualization) and 7.10.3 (packet switching). */
#include "test_sriov_nic.h"

#include "virtsim/rng.h"

#define INTERFACES 4u
#define POOLS 2u /* of the first two interfaces; the physical function's queue is the third */

static int setup_pools(void **state)
{
    return setup_rings(state, INTERFACES, 1, VS_NIC_NOBODY, POOLS, POOLS + 1u);
}

/* A frame is in a queue's arrivals so often. */
static unsigned times(const struct world *w, uint32_t queue)
{
    unsigned n = 0;
    for (uint32_t k = 0; k < w->nic.n_arrivals; k++) {
        n += w->nic.arrival[(w->nic.arrival_first + k) % w->nic.arrivals].queue == queue;
    }
    return n;
}

/* 7.10.3.3, 7.10.3.5: a frame from the wire goes to the pool whose address and VLAN it bears; what
 * is an interface's without a pool, to the physical function; everybody's, to each of them once. */
static void the_adapter_sorts_by_address_and_vlan(void **state)
{
    struct world *w = *state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 9, 1);
    w->nic.cfg.rx_buffer = 1u << 20;
    for (uint32_t i = 0; i <= POOLS; i++) {
        w->nic.queue[i].rx.ready = true;
    }
    for (unsigned trial = 0; trial < 2000; trial++) {
        uint16_t port[POOLS + 1u] = {0};
        uint32_t to = (uint32_t)(vs_rng_next(&rng) % (INTERFACES + 2u));
        for (uint32_t i = 0; i < POOLS; i++) {
            port[i] = (uint16_t)(vs_rng_next(&rng) % 3u);
            vs_nic_policy(&w->nic, i, port[i], true);
        }
        bool all = to == INTERFACES + 1u;
        struct vs_nic_header h = {all ? VS_NIC_BROADCAST : vs_nic_mac(to), VS_NIC_FAR,
                                  (uint16_t)(vs_rng_next(&rng) % 3u)};
        w->nic.n_arrivals = 0;
        w->nic.rx_buffered = 0;
        (void)vs_nic_rx_frame(&w->nic, &h, 64, (vs_ps){trial * 1000000u});
        for (uint32_t i = 0; i <= POOLS; i++) {
            bool whose = i < POOLS ? to == i : to >= POOLS && to < INTERFACES;
            assert_int_equal(times(w, i), (all || whose) && h.vlan == port[i]);
        }
    }
    w->nic.n_arrivals = 0;
}

/* 7.10.3.4: between pools of the adapter the wire has no part (PFDTXGSWC.LBE), and a pool sends
 * under no other address than its own (PFVFSPOOF). */
static void pools_reach_each_other_by_the_adapter(void **state)
{
    struct world *w = *state;
    struct vs_nic_header h = {vs_nic_mac(1), vs_nic_mac(0), 0};
    give(w, 1, 0);
    vs_nic_policy(&w->nic, 0, 0, true);
    for (unsigned spoofs = 0; spoofs < 2; spoofs++) {
        h.from = vs_nic_mac(spoofs ? 3 : 0);
        vs_nic_write_header(w->header, &h);
        w->tx[0][spoofs][0] = BUFFER;
        w->tx[0][spoofs][1] = (uint64_t)VS_NIC_ADDRESSED << 32 | 106u;
        vs_nic_tx_doorbell(&w->nic, 0, spoofs + 1u, (vs_ps){1000}, NULL);
        transmit(w, 1000);
        assert_int_equal(w->nic.count[VS_CNT_nic_switched], 1);
        assert_int_equal(w->nic.count[VS_CNT_nic_spoofed], spoofs);
        assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 0);
    }
    w->nic.n_arrivals = 0;
}

/* Each pool's interrupt is the physical function's, with a message of its own. */
static void a_pool_interrupts_the_host(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i <= POOLS; i++) {
        give(w, i, 0);
        uint64_t due = packet(w, i, 64, 1000000u * (i + 1u));
        (void)vs_nic_interrupts(&w->nic, (vs_ps){due});
        assert_int_equal(w->nic.count[VS_CNT_nic_interrupts], i + 1u);
        assert_int_equal(w->interrupted[i], PF);
        assert_int_equal(w->told[i], i);
        vs_nic_rx_done(&w->nic, i, INTERFACES, (vs_ps){due});
    }
}

/* What a frame's journey takes is from its first bit to when the guest has read it, whoever carries
 * it on the way. */
static void a_journey_goes_on_in_the_guests_ring(void **state)
{
    struct world *w = *state;
    uint64_t at = 5000000, read = 90000000;
    uint32_t interface = 1, queue = vs_nic_interface_queue(&w->nic, interface);
    give(w, interface, 0);
    (void)packet(w, interface, 64, at);
    struct vs_nic_delivery how = {.seen_ps = read / 2u, .at = {read / 2u + 10u}};
    assert_true(vs_nic_rx_waits(&w->nic, interface));
    vs_nic_rx_deliver(&w->nic, interface, interface, &how);
    vs_nic_rx_done(&w->nic, interface, INTERFACES, how.at);
    assert_false(vs_nic_rx_waits(&w->nic, interface));
    assert_int_equal(vs_nic_rx_ready(&w->nic, interface, (vs_ps){read}), 0);
    assert_int_equal(vs_nic_rx_ready(&w->nic, queue, (vs_ps){how.seen_ps - 1u}), 0);
    assert_int_equal(vs_nic_rx_ready(&w->nic, queue, (vs_ps){how.seen_ps}), 1);
    vs_nic_rx_read(&w->nic, queue, (vs_ps){read}, NULL);
    const struct vs_op_acc *acc =
        vs_ledger_acc(w->ledger, w->nic.queue[queue].actor, VS_OP_PACKET_RX);
    assert_int_equal(acc->n, 1);
    assert_int_equal(acc->total_ps, read - at);
}

/* A frame that the host carries from one guest to another ends one journey and begins another. */
static void the_hosts_bridge_ends_one_journey_and_begins_another(void **state)
{
    struct world *w = *state;
    uint32_t from = vs_nic_interface_queue(&w->nic, 2), to = vs_nic_interface_queue(&w->nic, 3);
    struct vs_nic_delivery how = {.seen_ps = 4000, .at = {5000}};
    vs_nic_tx_begin(&w->nic, from, 0, (vs_ps){1000});
    vs_nic_tx_offered(&w->nic, from, 1, (vs_ps){2000}, NULL);
    w->nic.queue[from].tx.head = 1;
    vs_nic_tx_deliver(&w->nic, 2, 0, 3, &how);
    vs_nic_rx_read(&w->nic, to, (vs_ps){9000}, NULL);
    const struct vs_op_acc *sent =
                               vs_ledger_acc(w->ledger, w->nic.queue[from].actor, VS_OP_PACKET_TX),
                           *got = vs_ledger_acc(w->ledger, w->nic.queue[to].actor, VS_OP_PACKET_RX);
    assert_int_equal(sent->total_ps, 4000);
    assert_int_equal(got->total_ps, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_adapter_sorts_by_address_and_vlan, setup_pools,
                                        teardown),
        cmocka_unit_test_setup_teardown(pools_reach_each_other_by_the_adapter, setup_pools,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pool_interrupts_the_host, setup_pools, teardown),
        cmocka_unit_test_setup_teardown(a_journey_goes_on_in_the_guests_ring, setup_pools,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_hosts_bridge_ends_one_journey_and_begins_another,
                                        setup_pools, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
