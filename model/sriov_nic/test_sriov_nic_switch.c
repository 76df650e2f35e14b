/* SPDX-License-Identifier: MIT */
/* Laws of the adapter's switch, its filters, its rates and its segmentation. */
#include "test_sriov_nic.h"

#include "virtsim/rng.h"

#define SEGMENT 1000u

/* A frame with this header out of a function's slot. */
static void send_with(struct world *w, uint32_t vf, uint32_t slot, const struct vs_nic_header *h,
                      uint64_t at)
{
    vs_nic_write_header(w->header, h);
    w->tx[vf][slot][0] = BUFFER;
    w->tx[vf][slot][1] = (uint64_t)VS_NIC_ADDRESSED << 32 | 106u;
    vs_nic_tx_begin(&w->nic, vf, slot, (vs_ps){at});
    vs_nic_tx_doorbell(&w->nic, vf, (slot + 1) % RING, (vs_ps){at}, NULL);
    for (uint64_t next = at; next != VS_NIC_NEVER;) {
        next = vs_nic_tx_step(&w->nic, (vs_ps){next});
    }
}

/* A stream of so many bytes with its headers, by one descriptor. */
static void stream(struct world *w, uint32_t slot, uint32_t bytes, uint64_t at)
{
    w->tx[0][slot][0] = BUFFER;
    w->tx[0][slot][1] = (uint64_t)(SEGMENT << VS_NIC_SEGMENT_SHIFT) << 32 | bytes;
    vs_nic_tx_doorbell(&w->nic, 0, (slot + 1) % RING, (vs_ps){at}, NULL);
    for (uint64_t next = at; next != VS_NIC_NEVER;) {
        next = vs_nic_tx_step(&w->nic, (vs_ps){next});
    }
}

/* Whatever the policies, a frame from the wire is in the buffer once for each function whose
 * address and VLAN it bears, and for no other. */
static void a_function_gets_only_what_bears_its_address_and_vlan(void **state)
{
    struct world *w = *state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 7, 1);
    w->nic.cfg.rx_buffer = 1u << 20;
    for (unsigned trial = 0; trial < 2000; trial++) {
        uint16_t port[4], member[4];
        for (uint32_t i = 0; i < 4; i++) {
            port[i] = (uint16_t)(vs_rng_next(&rng) % 3u);
            member[i] = (uint16_t)(1u + vs_rng_next(&rng) % 3u);
            vs_nic_policy(&w->nic, i, port[i], true);
            vs_nic_vlan(&w->nic, i, member[i], true);
            w->nic.queue[i].rx.ready = true;
        }
        uint32_t to = (uint32_t)(vs_rng_next(&rng) % 6u);
        struct vs_nic_header h = {to == 5u ? VS_NIC_BROADCAST : vs_nic_mac(to), VS_NIC_FAR,
                                  (uint16_t)(vs_rng_next(&rng) % 4u)};
        w->nic.n_arrivals = 0;
        w->nic.rx_buffered = 0;
        uint64_t filtered = w->nic.count[VS_CNT_nic_filtered];
        uint64_t last = vs_nic_rx_frame(&w->nic, &h, 64, (vs_ps){trial * 1000000u});
        unsigned expected = 0, got = 0;
        for (uint32_t i = 0; i < 4; i++) {
            bool mine = (to == i || to == 5u) &&
                        (port[i] ? h.vlan == port[i] : !h.vlan || h.vlan == member[i]);
            unsigned n = 0;
            for (uint32_t k = 0; k < w->nic.n_arrivals; k++) {
                n += w->nic.arrival[(w->nic.arrival_first + k) % w->nic.arrivals].queue == i;
            }
            assert_int_equal(n, mine);
            expected += mine;
            got += n;
            vs_nic_vlan(&w->nic, i, member[i], false);
        }
        assert_int_equal(w->nic.n_arrivals, got);
        assert_int_equal(last == VS_NIC_NEVER, expected == 0);
        assert_int_equal(w->nic.count[VS_CNT_nic_filtered] - filtered, expected == 0);
    }
    w->nic.n_arrivals = 0;
}

/* Between functions the wire has no part, and the receiver's journey begins when the sender's ends.
 */
static void a_frame_to_another_function_does_not_reach_the_wire(void **state)
{
    struct world *w = *state;
    struct vs_nic_header h = {vs_nic_mac(2), vs_nic_mac(0), 0};
    give(w, 2, 0);
    send_with(w, 0, 0, &h, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 0);
    assert_int_equal(w->nic.wire_tx_busy_ps, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_switched], 1);
    assert_int_equal(w->nic.n_arrivals, 1);
    assert_int_equal(w->nic.arrival[w->nic.arrival_first].queue, 2);
    assert_int_equal(w->nic.arrival[w->nic.arrival_first].in_ps, w->nic.sent_ps);
    h.to = VS_NIC_FAR;
    send_with(w, 0, 1, &h, 10000000);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 1);
    assert_int_equal(w->nic.n_arrivals, 1);
    h.to = vs_nic_mac(2);
    w->nic.cfg.loopback = 0; /* the wire gets it, and nobody there sends it back */
    send_with(w, 0, 2, &h, 20000000);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 2);
    assert_int_equal(w->nic.n_arrivals, 1);
}

/* A function that is checked sends under its own address alone, and in a VLAN that it is in. */
static void a_frame_with_anothers_address_is_not_sent(void **state)
{
    struct world *w = *state;
    struct vs_nic_header h = {vs_nic_mac(2), vs_nic_mac(1), 0};
    give(w, 2, 0);
    vs_nic_policy(&w->nic, 0, 0, true);
    send_with(w, 0, 0, &h, 0);
    h.from = vs_nic_mac(0);
    h.vlan = 9;
    send_with(w, 0, 1, &h, 10000000);
    assert_int_equal(w->nic.count[VS_CNT_nic_spoofed], 2);
    assert_int_equal(w->nic.n_arrivals, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 0);
    vs_nic_vlan(&w->nic, 0, 9, true);
    send_with(w, 0, 2, &h, 20000000); /* it may; the receiver is not in that VLAN */
    assert_int_equal(w->nic.count[VS_CNT_nic_spoofed], 2);
    assert_int_equal(w->nic.count[VS_CNT_nic_filtered], 1);
    assert_int_equal(w->nic.n_arrivals, 0);
    vs_nic_vlan(&w->nic, 2, 9, true);
    send_with(w, 0, 3, &h, 30000000);
    assert_int_equal(w->nic.n_arrivals, 1);
    vs_nic_policy(&w->nic, 0, 0, false);
    h.from = vs_nic_mac(3);
    send_with(w, 0, 4, &h, 40000000); /* unchecked */
    assert_int_equal(w->nic.n_arrivals, 2);
}

/* A tag cannot leave the VLAN of the function's port. */
static void a_port_vlan_cannot_be_left(void **state)
{
    struct world *w = *state;
    struct vs_nic_header h = {vs_nic_mac(2), vs_nic_mac(0), 8};
    give(w, 2, 0);
    vs_nic_policy(&w->nic, 0, 7, true);
    vs_nic_policy(&w->nic, 2, 8, true);
    send_with(w, 0, 0, &h, 0);
    h.vlan = 0;
    send_with(w, 0, 1, &h, 10000000);
    assert_int_equal(w->nic.n_arrivals, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_spoofed], 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_filtered], 1);
    vs_nic_policy(&w->nic, 2, 7, true);
    send_with(w, 0, 2, &h, 20000000);
    assert_int_equal(w->nic.n_arrivals, 1);
}

/* As many frames as segments fill, the last one with what is left, each with its headers. */
static void a_stream_is_cut_at_its_segments(void **state)
{
    struct world *w = *state;
    uint64_t frames = 0, at = 0, busy = 0;
    static const struct {
        uint32_t payload, frames;
    } cases[] = {{1, 1}, {SEGMENT, 1}, {SEGMENT + 1, 2}, {3 * SEGMENT, 3}, {7 * SEGMENT - 1, 7}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t payload = cases[i].payload;
        at += 1000000000;
        stream(w, i, payload + VS_NIC_TCP_HEADERS, at);
        frames += cases[i].frames;
        assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], frames);
        for (uint32_t done = 0; done < payload; done += SEGMENT) {
            uint32_t one = payload - done < SEGMENT ? payload - done : SEGMENT;
            busy += vs_nic_wire_ps(&w->nic, one + VS_NIC_TCP_HEADERS - VS_NIC_HEADERS);
        }
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_segments], frames - sizeof cases / sizeof cases[0]);
    assert_true(w->nic.wire_tx_busy_ps >= at && busy > 0);
    assert_false(w->nic.queue[0].stopped);
}

/* What the adapter cannot cut stops its queue. */
static void a_stream_that_is_too_long_stops_its_queue(void **state)
{
    struct world *w = *state;
    stream(w, 0, VS_NIC_STREAM + VS_NIC_TCP_HEADERS, 0);
    assert_false(w->nic.queue[0].stopped);
    stream(w, 1, VS_NIC_STREAM + VS_NIC_TCP_HEADERS + 1u, 1000000000);
    assert_true(w->nic.queue[0].stopped);
    assert_int_equal(w->nic.count[VS_CNT_nic_malformed], 1);
}

/* The next frame goes when the rate lets it, not a picosecond before, and others do not wait. */
static void a_rate_lets_the_next_frame_go_at_its_time(void **state)
{
    struct world *w = *state;
    w->nic.cfg.rate_mbps = 100;
    send(w, 0, 0, 64, 0);
    send(w, 0, 1, 64, 0);
    send(w, 1, 0, 64, 0);
    while (w->nic.count[VS_CNT_nic_tx_packets] < 2) { /* one of each */
        (void)vs_nic_tx_step(&w->nic, (vs_ps){w->nic.tx.now_ps});
    }
    assert_int_equal(w->nic.queue[0].tx.head, 1);
    assert_int_equal(w->nic.queue[1].tx.head, 1);
    uint64_t free_ps = w->nic.fn[0].rate_free_ps;
    assert_true(free_ps >= (106u + VS_NIC_WIRE_OVERHEAD) * 8u * 1000000u / 100u);
    (void)vs_nic_tx_step(&w->nic, (vs_ps){free_ps - 1});
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 2);
    (void)vs_nic_tx_step(&w->nic, (vs_ps){free_ps});
    for (uint64_t at = free_ps; w->nic.count[VS_CNT_nic_tx_packets] < 3 && at < free_ps + 10000;
         at += 100) {
        (void)vs_nic_tx_step(&w->nic, (vs_ps){at});
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 3);
}

/* The physical function is an endpoint as the others are: what bears its address comes to it, with
 * the header that it bore, what it sends reaches who it is for, and no guest sends in its name. */
static void the_physical_function_is_an_endpoint(void **state)
{
    struct world *w = *state;
    struct vs_nic *n = &w->nic;
    const uint32_t host = vs_nic_physical_queue(n);
    assert_int_equal(host, 3);
    assert_int_equal(n->fn[3].requester, PF);
    n->queue[host].rx.ready = n->queue[1].rx.ready = true;
    struct vs_nic_header asks = {VS_NIC_PHYSICAL, vs_nic_mac(1), 0};
    send_with(w, 1, 0, &asks, 1000);
    assert_int_equal(n->n_arrivals, 1);
    const struct vs_nic_arrival *a = &n->arrival[n->arrival_first];
    assert_int_equal(a->queue, host);
    assert_true(a->addressed && a->header.from == vs_nic_mac(1));
    struct vs_nic_header answers = {vs_nic_mac(1), VS_NIC_PHYSICAL, 0};
    send_with(w, host, 0, &answers, 10000000);
    assert_int_equal(n->n_arrivals, 2);
    assert_int_equal(n->arrival[(n->arrival_first + 1u) % n->arrivals].queue, 1);
    assert_int_equal(n->count[VS_CNT_nic_switched], 2);
    assert_int_equal(n->count[VS_CNT_nic_tx_packets], 0); /* on the wire */
    struct vs_nic_header forged = {vs_nic_mac(1), VS_NIC_PHYSICAL, 0};
    n->fn[0].check_source = true;
    send_with(w, 0, 0, &forged, 20000000);
    assert_int_equal(n->count[VS_CNT_nic_spoofed], 1);
    assert_int_equal(n->n_arrivals, 2);
    n->n_arrivals = 0;
}

/* Where nobody drives it, its address is nobody's here: such a frame goes to the wire. */
static void without_a_driver_its_address_is_the_wires(void **state)
{
    struct world *w = *state;
    struct vs_nic_header h = {VS_NIC_PHYSICAL, vs_nic_mac(0), 0};
    send_with(w, 0, 0, &h, 1000);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_switched] + w->nic.count[VS_CNT_nic_filtered], 0);
}

/* With an internal switch, and the physical function behind three virtual ones. */
static int setup_host(void **state)
{
    int bad = setup_as(state, 3, 1, VS_NIC_ECHO);
    struct world *w = *state;
    w->nic.cfg.loopback = 1;
    w->nic.cfg.rx_buffer = 1u << 20;
    return bad;
}

/* With an internal switch. */
static int setup_switch(void **state)
{
    int bad = setup(state);
    struct world *w = *state;
    w->nic.cfg.loopback = 1;
    return bad;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_switch, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_function_gets_only_what_bears_its_address_and_vlan),
        TEST(a_frame_to_another_function_does_not_reach_the_wire),
        TEST(a_frame_with_anothers_address_is_not_sent),
        TEST(a_port_vlan_cannot_be_left),
        cmocka_unit_test_setup_teardown(the_physical_function_is_an_endpoint, setup_host, teardown),
        TEST(without_a_driver_its_address_is_the_wires),
        TEST(a_stream_is_cut_at_its_segments),
        TEST(a_stream_that_is_too_long_stops_its_queue),
        TEST(a_rate_lets_the_next_frame_go_at_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
