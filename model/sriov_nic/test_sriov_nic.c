/* SPDX-License-Identifier: MIT */
/* Laws of the adapter: rings, drops, moderation, the wire, who gets which requester id. */
#include "test_sriov_nic.h"

static void a_ring_of_n_descriptors_holds_one_less(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    give(w, 0, 0);
    assert_int_equal(receive(w, 0, RING - 1, &at), RING - 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 0);
    assert_int_equal(receive(w, 0, 1, &at), 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_int_equal(vs_nic_rx_ready(&w->nic, 0, (vs_ps){UINT64_MAX}), RING - 1);
}

static void without_a_descriptor_a_packet_is_dropped_and_announced_to_nobody(void **state)
{
    struct world *w = *state;
    vs_nic_rx_doorbell(&w->nic, 1, 0); /* its driver is there and has given it nothing */
    assert_int_equal(packet(w, 1, 64, 5), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_int_equal(vs_nic_interrupts(&w->nic, (vs_ps){100000000}), VS_NIC_NEVER);
    assert_int_equal(w->interrupts, 0);
}

static void rings_wrap(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    uint32_t read = 0;
    for (unsigned i = 0; i < 3 * RING; i++) {
        give(w, 0, read);
        assert_int_equal(receive(w, 0, 1, &at), 1);
        assert_true(w->rx[0][read][1] >> 32 & VS_NIC_DD);
        assert_int_equal((uint32_t)w->rx[0][read][1], 64 + VS_NIC_HEADERS);
        w->rx[0][read][1] = 0;
        read_packets(w, 0, 1, (vs_ps){at + 500000});
        read = (read + 1) % RING;
        send(w, 0, i % RING, 64, at);
        transmit(w, at);
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 3 * RING);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 3 * RING);
    uint16_t vf = w->nic.fn[0].actor;
    assert_int_equal(vs_ledger_acc(w->ledger, vf, VS_OP_PACKET_RX)->n, 3 * RING);
    assert_int_equal(vs_ledger_acc(w->ledger, vf, VS_OP_PACKET_TX)->n, 3 * RING);
}

static void descriptors_are_fetched_by_the_batch(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    give(w, 0, 0);
    assert_int_equal(receive(w, 0, BATCH, &at), BATCH);
    assert_int_equal(w->fetches, 1);
    assert_int_equal(receive(w, 0, 1, &at), 1);
    assert_int_equal(w->fetches, 2);
}

static void interrupts_keep_their_distance(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    uint64_t due = packet(w, 0, 64, 0);
    assert_int_equal(due, w->nic.rx.now_ps); /* the first one at once */
    assert_int_equal(vs_nic_interrupts(&w->nic, (vs_ps){due}), VS_NIC_NEVER);
    uint64_t sent = due, next = packet(w, 0, 64, w->nic.rx.now_ps);
    assert_int_equal(w->interrupts, 1);
    assert_true(w->nic.rx.now_ps < sent + ITR_NS * 1000u + MESSAGE_PS + 200000u);
    if (w->nic.rx.now_ps < sent + ITR_NS * 1000u) {
        assert_int_equal(next, sent + ITR_NS * 1000u);
    }
    assert_int_equal(vs_nic_interrupts(&w->nic, (vs_ps){next - 1}), next);
    assert_int_equal(w->interrupts, 1);
    assert_int_equal(vs_nic_interrupts(&w->nic, (vs_ps){next}), VS_NIC_NEVER);
    assert_int_equal(w->interrupts, 2);
}

static void moderation_holds_back_to_the_picosecond(void **state)
{
    struct world *w = *state;
    vs_nic_moderate(&w->nic, 0, 500000); /* longer than a packet takes */
    give(w, 0, 0);
    uint64_t first = packet(w, 0, 64, 0);
    vs_nic_interrupts(&w->nic, (vs_ps){first});
    uint64_t next = packet(w, 0, 64, w->nic.rx.now_ps);
    assert_int_equal(next, first + 500000u);
    assert_int_equal(w->nic.count[VS_CNT_nic_moderated], 1);
    /* one message serves the third packet too, and each packet waits for it */
    assert_int_equal(packet(w, 0, 64, w->nic.rx.now_ps), next);
    vs_nic_interrupts(&w->nic, (vs_ps){next - 1});
    assert_int_equal(w->messages, 1);
    vs_nic_interrupts(&w->nic, (vs_ps){next});
    assert_int_equal(w->messages, 2);
    read_packets(w, 0, 3, (vs_ps){next + 1000000});
    const struct vs_op_acc *rx = vs_ledger_acc(w->ledger, w->nic.fn[0].actor, VS_OP_PACKET_RX);
    assert_int_equal(rx->n, 3);
    assert_int_equal(rx->work[w->nic.account + VS_ACC_nic_wait_moderation].n, 2);
    /* one fetch; payload and write-back of three, which overlap; of two messages the first is there
     * before what it announces (this link keeps no order), the second served two */
    assert_int_equal(rx->exposed[w->account].ps, 4 * DMA_PS + 2 * MESSAGE_PS);
}

static void a_blocked_payload_is_a_drop_and_no_interrupt(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    give(w, 0, 0);
    w->blocked_from = BUFFER + 0x1000u; /* the second buffer */
    w->blocked_to = BUFFER + 0x2000u;
    assert_int_equal(receive(w, 0, 1, &at), 1);
    assert_int_equal(receive(w, 0, 1, &at), 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_blocked], 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_false(w->rx[0][1][1] >> 32 & VS_NIC_DD);
    /* what comes after it is whole: its journey begins when it came, not before */
    assert_int_equal(receive(w, 0, 1, &at), 1);
    read_packets(w, 0, 2, (vs_ps){at + 1000000});
    const struct vs_op_acc *rx = vs_ledger_acc(w->ledger, w->nic.fn[0].actor, VS_OP_PACKET_RX);
    assert_int_equal(rx->n, 2);
    assert_int_equal(rx->max_ps, 3000000); /* came at 1 us, read at 4 us */
    assert_int_equal(rx->min_ps, 1000000); /* came at 3 us */
}

static void a_blocked_transmit_stops_the_queue(void **state)
{
    struct world *w = *state;
    w->blocked_from = BUFFER;
    w->blocked_to = UINT64_MAX;
    send(w, 0, 0, 64, 0);
    transmit(w, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_blocked], 1);
    assert_true(w->nic.queue[0].stopped);
    assert_false(w->tx[0][0][1] >> 32 & VS_NIC_DD);
}

static void a_frame_has_a_least_length_and_a_gap(void **state)
{
    const struct world *w = *state;
    /* 60 bytes at least, then frame check 4, preamble 8, gap 12: 84 bytes, 67.2 ns at 10 Gb/s */
    assert_int_equal(vs_nic_wire_ps(&w->nic, 1), 67200);
    assert_int_equal(vs_nic_wire_ps(&w->nic, 18), 67200);
    assert_int_equal(vs_nic_wire_ps(&w->nic, 19), 68000);
    assert_int_equal(vs_nic_wire_ps(&w->nic, 64), 104000);
    assert_int_equal(vs_nic_wire_ps(&w->nic, 1472), 1230400);
}

static void the_wire_carries_one_frame_at_a_time(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}), 104000);
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}), 2u * 104000u);
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){208000}), 3u * 104000u);
    assert_int_equal(w->nic.wire_rx_busy_ps, 3u * 104000u);
}

/* The engine is never ahead of what has come and of what it has done: its time is the caller's. */
static void the_engine_waits_for_the_last_bit_and_carries_one_packet_at_a_time(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    uint64_t in = vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0});
    vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0});
    assert_int_equal(vs_nic_rx_step(&w->nic, (vs_ps){in - 1}), in);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 0);
    w->nic.cfg.engine = 200000; /* longer than the next one's bits take */
    uint64_t again = carry(w, in);
    assert_int_equal(again, w->nic.rx.now_ps);
    assert_true(again > in + 104000u);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 1);
    assert_int_equal(vs_nic_rx_step(&w->nic, (vs_ps){again - 1}), again);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 1);
    assert_int_equal(carry(w, again), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 2);
}

/* Payload and write-back are posted one after the other; a frame's descriptor is written back when
 * its bytes have been read, and the engine waits for neither. */
static void dmas_go_on_beside_the_engine(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    uint64_t at = vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}),
             there = vs_nic_rx_step(&w->nic, (vs_ps){at});
    assert_int_equal(w->n_requesters, 1); /* descriptors */
    assert_int_equal(there, at + DMA_PS);
    assert_int_equal(vs_nic_rx_step(&w->nic, (vs_ps){there}), VS_NIC_NEVER);
    assert_int_equal(w->n_requesters, 3);
    assert_int_equal(w->nic.rx.now_ps, there + 30 + 60); /* switch and engine, no DMA */
    assert_true(w->rx[0][0][1] >> 32 & VS_NIC_DD);
    /* seen when the write-back is there, not before */
    assert_int_equal(vs_nic_rx_ready(&w->nic, 0, (vs_ps){there + 90 + DMA_PS - 1}), 0);
    assert_int_equal(vs_nic_rx_ready(&w->nic, 0, (vs_ps){there + 90 + DMA_PS}), 1);
    send(w, 1, 0, 64, 0);
    send(w, 1, 1, 64, 0);
    w->n_requesters = 0;
    at = vs_nic_tx_step(&w->nic, (vs_ps){0}); /* descriptors */
    assert_int_equal(at, DMA_PS);
    at = vs_nic_tx_step(&w->nic, (vs_ps){at});
    assert_int_equal(at, DMA_PS + 60);
    at = vs_nic_tx_step(
        &w->nic, (vs_ps){at}); /* the second payload is asked for before the first is there */
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 2);
    assert_int_equal(w->n_requesters, 3);
    assert_false(w->tx[1][0][1] >> 32 & VS_NIC_DD);
    assert_int_equal(at, DMA_PS + 60 + DMA_PS);
    (void)vs_nic_tx_step(&w->nic, (vs_ps){at});
    assert_true(w->tx[1][0][1] >> 32 & VS_NIC_DD);
    assert_false(w->tx[1][1][1] >> 32 & VS_NIC_DD);
    transmit(w, at);
    assert_true(w->tx[1][1][1] >> 32 & VS_NIC_DD);
}

/* What the link does not take holds the engine, and it says so. */
static void a_link_that_takes_nothing_holds_the_engine(void **state)
{
    struct world *w = *state;
    w->taken_ps = 5000;
    give(w, 0, 0);
    uint64_t at = 0;
    assert_int_equal(receive(w, 0, 2, &at), 2);
    const struct vs_part *work = w->nic.rx.frame[0].acc->work + w->nic.account;
    assert_int_equal(work[VS_ACC_nic_wait_link].ps, 2 * 2 * 5000);
}

/* A frame takes as many buffers as it fills, and is one packet. */
static void a_jumbo_frame_takes_several_descriptors(void **state)
{
    struct world *w = *state;
    w->nic.cfg.rx_buffer = 20000;
    give(w, 0, 0);
    assert_int_not_equal(packet(w, 0, 9000, 0), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 1);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(w->rx[0][i][1] >> 32, VS_NIC_DD | (i < 4 ? VS_NIC_MORE : 0));
        assert_int_equal((uint32_t)w->rx[0][i][1], i < 4 ? 2048 : 9042 - 4 * 2048);
    }
    /* two descriptors are left: such a frame is dropped, a small one is not */
    assert_int_equal(packet(w, 0, 9000, 10000000), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_int_not_equal(packet(w, 0, 2006, 20000000), VS_NIC_NEVER);
    for (uint32_t i = 0; i < 5; i++) {
        w->tx[2][i][0] = BUFFER + i * 0x1000u;
        w->tx[2][i][1] =
            (uint64_t)(i < 4 ? VS_NIC_MORE : 0) << 32 | (i < 4 ? 2048 : 9042 - 4 * 2048);
    }
    vs_nic_tx_begin(&w->nic, 2, 0, (vs_ps){0});
    vs_nic_tx_doorbell(&w->nic, 2, 5, (vs_ps){0}, NULL);
    transmit(w, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 1);
    assert_int_equal(w->nic.wire_tx_busy_ps - vs_nic_wire_ps(&w->nic, 9000), w->nic.sent_ps);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(w->tx[2][i][1] >> 32 & VS_NIC_DD);
    }
}

/* Of two frames of three descriptors the first fetch brings four: the rest of the second is fetched
 * when its turn comes. */
static void a_frame_may_be_cut_by_a_fetch(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < 6; i++) {
        w->tx[2][i][0] = BUFFER + i * 0x1000u;
        w->tx[2][i][1] = (uint64_t)(i % 3 < 2 ? VS_NIC_MORE : 0) << 32 | 2048;
    }
    vs_nic_tx_begin(&w->nic, 2, 0, (vs_ps){0});
    vs_nic_tx_begin(&w->nic, 2, 3, (vs_ps){0});
    vs_nic_tx_doorbell(&w->nic, 2, 6, (vs_ps){0}, NULL);
    transmit(w, 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_malformed], 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 2);
}

/* A guest's driver may write anything: no length, too much, no end. Its queue stops, others go on.
 */
static void a_malformed_frame_stops_its_queue(void **state)
{
    static const uint64_t word[] = {0, 9725, (uint64_t)VS_NIC_MORE << 32 | 64, UINT32_MAX,
                                    (uint64_t)VS_NIC_MORE << 32 | UINT32_MAX};
    struct world *w = *state;
    for (unsigned i = 0; i < sizeof word / sizeof word[0]; i++) {
        struct vs_nic_queue *f = &w->nic.queue[1];
        uint32_t slot = f->tx.head;
        uint64_t at = w->nic.tx.now_ps;
        f->stopped = false;
        w->tx[1][slot][0] = BUFFER;
        w->tx[1][slot][1] = word[i];
        vs_nic_tx_doorbell(&w->nic, 1, (slot + 1) % RING, (vs_ps){at}, NULL);
        send(w, 2, i, 64, at);
        transmit(w, at);
        assert_true(f->stopped);
        assert_int_equal(w->nic.count[VS_CNT_nic_malformed], i + 1);
        assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], i + 1);
    }
}

static void what_the_receive_buffer_has_no_room_for_is_missed(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}) != VS_NIC_NEVER);
    }
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_missed], 1);
    /* its bits were on the wire all the same */
    assert_int_equal(w->nic.wire_rx_busy_ps, 4u * 104000u);
    carry(w, 104000);
    assert_true(vs_nic_rx_arrive(&w->nic, 0, 64, (vs_ps){0}) != VS_NIC_NEVER);
    uint64_t at = w->nic.rx.now_ps;
    while ((at = vs_nic_rx_step(&w->nic, (vs_ps){at})) != VS_NIC_NEVER) {
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_packets], 4);
    assert_int_equal(w->nic.rx_buffered, 0);
}

static void a_function_without_a_driver_receives_nothing(void **state)
{
    struct world *w = *state;
    assert_int_equal(vs_nic_rx_arrive(&w->nic, 1, 64, (vs_ps){0}), VS_NIC_NEVER);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_unclaimed], 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 0);
    assert_int_equal(w->nic.wire_rx_busy_ps, 104000);
}

/* What was read from memory lies in the transmit buffer: at most two frames here, so that the third
 * is read when the wire has carried the first. */
static void the_transmit_engine_stops_while_its_buffer_is_full(void **state)
{
    struct world *w = *state;
    w->nic.cfg.tx_buffer = VS_NIC_MAX_FRAME + 2u * 130u; /* frames as the wire sees them */
    for (uint32_t slot = 0; slot < 4; slot++) {
        send(w, 0, slot, 64, 0);
    }
    uint64_t at = 0;
    for (unsigned i = 0; i < 3; i++) { /* into an empty, a partly filled and a full buffer */
        at = send_next(w, at);
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 3);
    uint64_t room = w->nic.wire_tx_busy_ps - 2u * 104000u;
    assert_true(room > at);
    while (w->nic.n_write_backs) { /* they go on beside it */
        at = vs_nic_tx_step(&w->nic, (vs_ps){at});
    }
    assert_int_equal(at, room);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 3);
    assert_int_equal(vs_nic_tx_step(&w->nic, (vs_ps){room - 1}), room);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 3);
    transmit(w, room);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 4);
    const struct vs_op_acc *tx = vs_ledger_acc(w->ledger, w->nic.fn[0].actor, VS_OP_PACKET_TX);
    /* the third one until the first is on the wire, the fourth as long as the wire takes */
    assert_int_equal(tx->work[w->nic.account + VS_ACC_nic_wait_buffer].n, 2);
}

static void every_function_has_its_own_requester_id(void **state)
{
    struct world *w = *state;
    for (uint32_t vf = 0; vf < 4; vf++) {
        uint64_t at = vf * 10000000u;
        w->n_requesters = 0;
        give(w, vf, 0);
        assert_int_equal(receive(w, vf, 1, &at), 1);
        vs_nic_interrupts(&w->nic, (vs_ps){w->nic.rx.now_ps});
        assert_true(w->n_requesters >= 3);
        for (unsigned i = 0; i < w->n_requesters; i++) {
            assert_int_equal(w->requester[i], PF + 16 + 2 * vf);
        }
        assert_int_equal(w->interrupted[vf], PF + 16 + 2 * vf);
    }
}

static void functions_send_in_turn(void **state)
{
    struct world *w = *state;
    for (uint32_t slot = 0; slot < 3; slot++) {
        send(w, 0, slot, 64, 0);
        send(w, 2, slot, 64, 0);
    }
    uint64_t sent[4] = {0}, at = 0;
    for (unsigned i = 0; i < 6; i++) {
        at = send_next(w, at);
        assert_true(at != VS_NIC_NEVER);
        sent[0] = vs_ledger_acc(w->ledger, w->nic.fn[0].actor, VS_OP_PACKET_TX)->n;
        sent[2] = vs_ledger_acc(w->ledger, w->nic.fn[2].actor, VS_OP_PACKET_TX)->n;
        assert_int_equal(sent[0] + sent[2], i + 1);
        assert_true(sent[0] == sent[2] || sent[0] == sent[2] + 1);
    }
    transmit(w, at);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 6);
}

static void a_packet_under_way_at_the_end_is_only_counted(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    give(w, 3, 0);
    assert_int_equal(receive(w, 3, 2, &at), 2);
    read_packets(w, 3, 1, (vs_ps){at + 10});
    send(w, 3, 0, 64, at);
    vs_nic_end(&w->nic, (vs_ps){at + 20000000});
    uint16_t vf = w->nic.fn[3].actor;
    assert_int_equal(vs_ledger_acc(w->ledger, vf, VS_OP_PACKET_RX)->n, 1);
    assert_int_equal(vs_ledger_acc(w->ledger, vf, VS_OP_PACKET_RX)->open_ops, 1);
    assert_int_equal(vs_ledger_acc(w->ledger, vf, VS_OP_PACKET_TX)->open_ops, 1);
    char why[200];
    assert_int_equal(vs_ledger_unbalanced(w->ledger, why, sizeof why), 0);
}

static int after_its_own_end(void **state)
{
    struct world *w = *state;
    vs_nic_free(&w->nic);
    vs_ledger_destroy(w->ledger);
    free(w);
    return 0;
}

#define LAW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What the port's interface takes comes to a packet's time each way, and to no other's: packets
 * follow each other through it. */
static void the_interface_delays_and_does_not_serialize(void **state)
{
    struct world *w = *state;
    struct vs_nic *n = &w->nic;
    n->queue[0].rx.ready = true;
    uint64_t plain = vs_nic_rx_arrive(n, 0, 64, (vs_ps){0}), next = n->wire_rx_busy_ps;
    n->n_arrivals = 0;
    n->rx_buffered = 0;
    n->wire_rx_busy_ps = 0;
    n->cfg.interface = 600000;
    assert_int_equal(vs_nic_rx_arrive(n, 0, 64, (vs_ps){0}), plain + 600000);
    assert_int_equal(n->wire_rx_busy_ps, next);
    n->n_arrivals = 0;
    n->rx_buffered = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(a_ring_of_n_descriptors_holds_one_less),
        LAW(without_a_descriptor_a_packet_is_dropped_and_announced_to_nobody),
        LAW(rings_wrap),
        LAW(the_interface_delays_and_does_not_serialize),
        LAW(descriptors_are_fetched_by_the_batch),
        LAW(interrupts_keep_their_distance),
        LAW(moderation_holds_back_to_the_picosecond),
        LAW(a_blocked_payload_is_a_drop_and_no_interrupt),
        LAW(a_blocked_transmit_stops_the_queue),
        LAW(a_frame_has_a_least_length_and_a_gap),
        LAW(the_wire_carries_one_frame_at_a_time),
        LAW(the_engine_waits_for_the_last_bit_and_carries_one_packet_at_a_time),
        LAW(dmas_go_on_beside_the_engine),
        LAW(a_link_that_takes_nothing_holds_the_engine),
        LAW(a_jumbo_frame_takes_several_descriptors),
        LAW(a_frame_may_be_cut_by_a_fetch),
        LAW(a_malformed_frame_stops_its_queue),
        LAW(what_the_receive_buffer_has_no_room_for_is_missed),
        LAW(a_function_without_a_driver_receives_nothing),
        LAW(the_transmit_engine_stops_while_its_buffer_is_full),
        LAW(every_function_has_its_own_requester_id),
        LAW(functions_send_in_turn),
        cmocka_unit_test_setup_teardown(a_packet_under_way_at_the_end_is_only_counted, setup,
                                        after_its_own_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
