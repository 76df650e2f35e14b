/* SPDX-License-Identifier: MIT */
/* Laws of receive-side scaling, and of several pairs of queues of one function. */
#include "test_sriov_nic.h"

#define IP(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* Microsoft, "Verifying the RSS Hash Calculation"; Intel 82599 datasheet, 7.1.2.8.3. */
static const struct vector {
    struct vs_nic_flow flow;
    uint32_t addresses, with_ports;
} suite[] = {
    {{IP(66, 9, 149, 187), IP(161, 142, 100, 80), 2794, 1766}, 0x323e8fc2, 0x51ccc178},
    {{IP(199, 92, 111, 2), IP(65, 69, 140, 83), 14230, 4739}, 0xd718262a, 0xc626b0ea},
    {{IP(24, 19, 198, 95), IP(12, 22, 207, 184), 12898, 38024}, 0xd2d0a5de, 0x5c2b394a},
    {{IP(38, 27, 205, 30), IP(209, 142, 163, 6), 48228, 2217}, 0x82989176, 0xafc7327f},
    {{IP(153, 39, 163, 191), IP(202, 188, 127, 2), 44251, 1303}, 0x5d1809c5, 0x10e828a2},
};
#define VECTORS (sizeof suite / sizeof suite[0])

static int two_queues(void **state)
{
    return setup_with(state, 2, 2);
}

static int four_queues(void **state)
{
    return setup_with(state, 1, 4);
}

static void the_hash_is_that_of_the_published_vectors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VECTORS; i++) {
        struct vs_nic_flow flow = suite[i].flow;
        assert_int_equal(vs_nic_hash(&flow), suite[i].with_ports);
        flow.from_port = flow.to_port = 0;
        assert_int_equal(vs_nic_hash(&flow), suite[i].addresses);
    }
}

/* 128 entries: the last 7 bits; a driver that spreads over n queues fills them in turn. */
static void the_last_bits_of_the_hash_choose_an_entry_of_the_table(void **state)
{
    static const uint32_t entry[VECTORS] = {120, 106, 74, 127, 34};
    struct world *w = *state;
    for (uint32_t n = 1; n <= 4; n++) {
        vs_nic_spread(&w->nic, 0, n);
        for (unsigned i = 0; i < VECTORS; i++) {
            assert_int_equal(vs_nic_steer(&w->nic, 0, suite[i].with_ports), entry[i] % n);
        }
    }
    vs_nic_spread(&w->nic, 0, 3);
    w->nic.cfg.rss_entries = 64;
    assert_int_equal(vs_nic_steer(&w->nic, 0, suite[0].with_ports), (120 - 64) % 3);
}

static void a_functions_queues_are_its_own(void **state)
{
    struct world *w = *state;
    vs_nic_spread(&w->nic, 1, 2);
    assert_int_equal(vs_nic_steer(&w->nic, 1, 0), 2);
    assert_int_equal(vs_nic_steer(&w->nic, 1, 1), 3);
}

/* The others' interrupts, a moment ago, hold none of its own back. */
static void each_queue_has_its_vector_and_its_moderation(void **state)
{
    struct world *w = *state;
    for (uint32_t q = 0; q < 4; q++) {
        give(w, q, 0);
        uint64_t due = packet(w, q, 64, w->nic.rx.now_ps);
        assert_int_equal(due, w->nic.rx.now_ps);
        (void)vs_nic_interrupts(&w->nic, (vs_ps){due});
        assert_int_equal(w->interrupts, q + 1u);
        assert_int_equal(w->told[q], q);
        assert_int_equal(w->interrupted[q], w->nic.fn[q / 2u].requester);
        assert_int_equal(vs_nic_rx_ready(&w->nic, q, (vs_ps){UINT64_MAX}), 1);
    }
}

static void a_packet_for_a_queue_without_buffers_is_lost_whatever_the_others_have(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 1, 64, (vs_ps){0}), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_unclaimed], 1);
}

/* Function 0 has both queues full, function 1 one: each sends every other frame. */
static void several_queues_are_no_larger_share(void **state)
{
    struct world *w = *state;
    const struct vs_nic_queue *q = w->nic.queue;
    for (uint32_t slot = 0; slot < 6; slot++) {
        send(w, 0, slot, 64, 0);
        send(w, 1, slot, 64, 0);
        send(w, 2, slot, 64, 0);
    }
    uint64_t at = 0;
    while (w->nic.count[VS_CNT_nic_tx_packets] < 8) {
        at = vs_nic_tx_step(&w->nic, (vs_ps){at});
    }
    assert_int_equal(q[0].tx.head, 2);
    assert_int_equal(q[1].tx.head, 2);
    assert_int_equal(q[2].tx.head, 4);
}

static void a_malformed_frame_stops_its_queue_alone(void **state)
{
    struct world *w = *state;
    w->tx[0][0][0] = BUFFER;
    w->tx[0][0][1] = 0;
    vs_nic_tx_doorbell(&w->nic, 0, 1, (vs_ps){0}, NULL);
    send(w, 1, 0, 64, 0);
    transmit(w, 0);
    assert_true(w->nic.queue[0].stopped);
    assert_false(w->nic.queue[1].stopped);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 1);
}

static void a_reset_of_the_function_empties_all_its_queues(void **state)
{
    struct world *w = *state;
    for (uint32_t q = 0; q < 3; q++) {
        give(w, q, 0);
        send(w, q, 0, 64, 0);
    }
    struct vs_function_port port = vs_nic_function_port(&w->nic, 0);
    assert_int_equal(port.bar_read(port.ctx, 0, 4, 4, (vs_ps){0}), 1); /* the second queue's tail */
    port.reset(port.ctx, (vs_ps){0});
    for (uint32_t q = 0; q < 3; q++) {
        assert_int_equal(w->nic.queue[q].tx.tail, q == 2);
        assert_int_equal(w->nic.queue[q].rx.ready, q == 2);
    }
}

#define LAW(f, with) cmocka_unit_test_setup_teardown(f, with, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_that_of_the_published_vectors),
        LAW(the_last_bits_of_the_hash_choose_an_entry_of_the_table, four_queues),
        LAW(a_functions_queues_are_its_own, two_queues),
        LAW(each_queue_has_its_vector_and_its_moderation, two_queues),
        LAW(a_packet_for_a_queue_without_buffers_is_lost_whatever_the_others_have, two_queues),
        LAW(several_queues_are_no_larger_share, two_queues),
        LAW(a_malformed_frame_stops_its_queue_alone, two_queues),
        LAW(a_reset_of_the_function_empties_all_its_queues, two_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
