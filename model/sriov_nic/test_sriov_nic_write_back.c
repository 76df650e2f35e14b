/* SPDX-License-Identifier: MIT */
/* Laws of how a device says what it has done: descriptors in bursts, or how far a queue has sent.
 */
#include "test_sriov_nic.h"

#define ITR_PS (ITR_NS * 1000u)

static int by_four(void **state)
{
    (void)setup(state);
    struct world *w = *state;
    w->nic.cfg.write_back_rx = w->nic.cfg.write_back_tx = 4;
    return 0;
}

static int by_head(void **state)
{
    (void)setup(state);
    struct world *w = *state;
    w->nic.cfg.write_back_head = 1;
    return 0;
}

static bool done(uint64_t ring[RING][2], uint32_t slot)
{
    return ring[slot][1] >> 32 & VS_NIC_DD;
}

static uint32_t ready(struct world *w, uint64_t at)
{
    return vs_nic_rx_ready(&w->nic, 0, (vs_ps){at});
}

/* The first one's interrupt goes at once; the next four are kept until there are four. */
static void received_descriptors_go_back_when_they_are_enough(void **state)
{
    struct world *w = *state;
    w->nic.queue[0].itr_ps = 1000000000;
    give(w, 0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        (void)packet(w, 0, 64, 0);
        assert_false(done(w->rx[0], i));
        assert_int_equal(ready(w, UINT64_MAX - 1u), 0);
    }
    (void)packet(w, 0, 64, 0);
    assert_int_equal(w->write_backs, 1);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(done(w->rx[0], i));
        assert_int_equal((uint32_t)w->rx[0][i][1], 64 + VS_NIC_HEADERS);
    }
    assert_int_equal(ready(w, UINT64_MAX - 1u), 4);
    assert_int_equal(vs_nic_flush_due(&w->nic) == VS_NIC_NEVER ||
                         vs_nic_flush(&w->nic, (vs_ps){vs_nic_flush_due(&w->nic)}) == VS_NIC_NEVER,
                     true);
    assert_int_equal(w->write_backs, 1);
}

static void what_is_kept_goes_back_when_the_interval_ends(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    (void)packet(w, 0, 64, 0);
    uint64_t due = vs_nic_flush_due(&w->nic);
    assert_true(due >= w->nic.rx.now_ps + ITR_PS);
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){due - 1u}), due);
    assert_false(done(w->rx[0], 0));
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){due}), VS_NIC_NEVER);
    assert_true(done(w->rx[0], 0));
    assert_int_equal(ready(w, due), 0); /* it is on its way */
    assert_int_equal(ready(w, due + DMA_PS), 1);
}

static void an_interrupt_finds_all_that_came_before_it(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    uint64_t due = packet(w, 0, 64, 0);
    assert_false(done(w->rx[0], 0));
    (void)vs_nic_interrupts(&w->nic, (vs_ps){due});
    assert_int_equal(w->interrupts, 1);
    assert_true(done(w->rx[0], 0));
    read_packets(w, 0, 1, (vs_ps){due + 10000});
    const struct vs_op_acc *rx = vs_ledger_acc(w->ledger, w->nic.queue[0].actor, VS_OP_PACKET_RX);
    assert_int_equal(rx->n, 1);
}

/* Eight frames in a ring of eight, two bursts; what is left of a third goes when the interval ends,
 * and the ring's end cuts a burst in two. */
static void sent_descriptors_go_back_together(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < 6; i++) {
        send(w, 0, i, 64, 0);
    }
    transmit(w, 0);
    assert_int_equal(w->write_backs, 1);
    assert_true(done(w->tx[0], 3));
    assert_false(done(w->tx[0], 4));
    uint64_t at = vs_nic_flush(&w->nic, (vs_ps){vs_nic_flush_due(&w->nic)}); /* the first burst's */
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){at - 1u}), at);
    assert_false(done(w->tx[0], 4));
    (void)vs_nic_flush(&w->nic, (vs_ps){at});
    assert_true(done(w->tx[0], 5));
    assert_int_equal(w->write_backs, 2);
    memset(w->tx[0], 0, sizeof w->tx[0]);
    for (uint32_t i = 6; i < 10; i++) {
        send(w, 0, i % RING, 64, at);
    }
    transmit(w, at);
    assert_int_equal(w->write_backs, 4);
    assert_true(done(w->tx[0], 7) && done(w->tx[0], 0) && done(w->tx[0], 1));
}

static void the_word_behind_the_ring_says_how_far_the_queue_has_sent(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < 7; i++) {
        send(w, 0, i, 64, 0);
    }
    transmit(w, 0);
    assert_int_equal(w->sent[0], 7);
    assert_int_equal(w->write_backs, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_false(done(w->tx[0], i));
    }
    send(w, 0, 7, 64, w->nic.tx.now_ps);
    transmit(w, w->nic.tx.now_ps);
    assert_int_equal(w->sent[0], 0);
}

static void a_reset_forgets_what_is_kept(void **state)
{
    struct world *w = *state;
    give(w, 0, 0);
    (void)packet(w, 0, 64, 0);
    struct vs_function_port port = vs_nic_function_port(&w->nic, 0);
    port.reset(port.ctx, (vs_ps){w->nic.rx.now_ps});
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){UINT64_MAX - 1u}), VS_NIC_NEVER);
    assert_int_equal(w->write_backs, 0);
}

#define LAW(f, with) cmocka_unit_test_setup_teardown(f, with, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(received_descriptors_go_back_when_they_are_enough, by_four),
        LAW(what_is_kept_goes_back_when_the_interval_ends, by_four),
        LAW(an_interrupt_finds_all_that_came_before_it, by_four),
        LAW(sent_descriptors_go_back_together, by_four),
        LAW(the_word_behind_the_ring_says_how_far_the_queue_has_sent, by_head),
        LAW(a_reset_forgets_what_is_kept, by_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
