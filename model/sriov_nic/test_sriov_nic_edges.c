/* SPDX-License-Identifier: MIT */
/* Laws of the adapter at its edges: the ring's end, the region's beginning, what a descriptor and a
 * planned interrupt say. */
#include "test_sriov_nic.h"

/* Whatever the head is, one DMA reads no descriptor beyond the ring's end, and the rest comes next.
 */
static void a_batch_ends_with_the_ring(void **state)
{
    struct world *w = *state;
    uint32_t slot = 0;
    uint64_t at = 0;
    for (unsigned packets = 1; packets < RING; packets++) { /* heads 0, 1, 3, 6, 2, 7, 5 */
        for (unsigned i = 0; i < packets; i++, slot = (slot + 1) % RING) {
            send(w, 0, slot, 64, at);
        }
        transmit(w, at);
        at = w->nic.tx.now_ps;
        assert_int_equal(w->nic.queue[0].tx.head, slot);
        assert_false(w->crossed);
    }
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], RING * (RING - 1) / 2);
}

/* What began before the region of interest is no packet of it. */
static void a_packet_from_before_the_cut_is_not_measured(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    assert_int_not_equal(packet(w, 0, 64, 0), VS_NIC_NEVER);
    vs_ledger_cut(w->ledger);
    uint64_t cut = vs_ledger_cut_ps(w->ledger);
    assert_true(cut > 0);
    assert_int_not_equal(packet(w, 0, 64, cut), VS_NIC_NEVER);
    uint64_t at = w->nic.rx.now_ps;
    assert_int_equal(vs_nic_rx_ready(&w->nic, 0, (vs_ps){UINT64_MAX}), 2);
    read_packets(w, 0, 2, (vs_ps){at});
    assert_int_equal(vs_ledger_acc(w->ledger, w->nic.fn[0].actor, VS_OP_PACKET_RX)->n, 1);
}

/* A packet that comes while an interrupt is planned is announced by that one. */
static void a_planned_interrupt_is_not_put_off_by_another_packet(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    uint64_t due = packet(w, 0, 64, 0);
    assert_int_equal(packet(w, 0, 64, w->nic.rx.now_ps), due);
    assert_int_equal(vs_nic_interrupt_due(&w->nic), due);
    assert_int_equal(vs_nic_interrupts(&w->nic, (vs_ps){w->nic.rx.now_ps}), VS_NIC_NEVER);
    assert_int_equal(w->interrupts, 1);
}

/* The whole frame is written, and its descriptor says so. */
static void a_received_frame_is_written_with_its_headers(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    w->rx[0][0][1] = 0xffffffffu; /* as the driver left it */
    assert_int_not_equal(packet(w, 0, 100, 0), VS_NIC_NEVER);
    assert_int_equal(w->written, 100 + VS_NIC_HEADERS);
    assert_int_equal((uint32_t)w->rx[0][0][1], 100 + VS_NIC_HEADERS);
    assert_int_equal(w->rx[0][0][1] >> 32, VS_NIC_DD);
}

static void every_packet_pays_the_switch_and_the_engine_once(void **state)
{
    struct world *w = *state;
    uint64_t at = 0;
    give(w, 0, 0);
    assert_int_equal(receive(w, 0, 3, &at), 3);
    const struct vs_part *work = w->nic.rx.frame[0].acc->work + w->nic.account;
    assert_int_equal(work[VS_ACC_nic_switching].n, 3);
    assert_int_equal(work[VS_ACC_nic_switching].ps, 3 * 30);
    assert_int_equal(work[VS_ACC_nic_engine].n, 3);
    assert_int_equal(work[VS_ACC_nic_engine].ps, 3 * 60);
}

/* What it had fetched before it was stopped is not what the driver gives it afterwards. */
static void a_stopped_queue_fetches_its_descriptors_anew(void **state)
{
    struct world *w = *state;
    w->blocked_from = BUFFER;
    w->blocked_to = UINT64_MAX;
    for (uint32_t slot = 0; slot < 3; slot++) {
        send(w, 0, slot, 64, 0);
    }
    transmit(w, 0);
    assert_true(w->nic.queue[0].stopped);
    assert_int_equal(w->fetches, 1);
    w->blocked_from = w->blocked_to = 0;
    send(w, 0, w->nic.queue[0].tx.head, 128, w->nic.tx.now_ps);
    transmit(w, w->nic.tx.now_ps);
    assert_int_equal(w->fetches, 2);
    assert_int_equal(w->nic.count[VS_CNT_nic_tx_packets], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_ends_with_the_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(a_packet_from_before_the_cut_is_not_measured, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_planned_interrupt_is_not_put_off_by_another_packet, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_received_frame_is_written_with_its_headers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_packet_pays_the_switch_and_the_engine_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stopped_queue_fetches_its_descriptors_anew, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
