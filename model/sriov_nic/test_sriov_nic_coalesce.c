/* SPDX-License-Identifier: MIT */
/* Laws of receive coalescing (82599 datasheet, 7.11): what becomes one large packet, how its
 * descriptors say so, and when it ends. */
#include "test_sriov_nic.h"

#define TIMEOUT_PS 32000000u

static int coalescing(void **state)
{
    (void)setup(state);
    struct world *w = *state;
    w->nic.cfg.lro = 1;
    w->nic.cfg.lro_buffers = 4;
    w->nic.cfg.lro_timeout_ns = TIMEOUT_PS / 1000u;
    w->nic.cfg.rx_buffer = 65536;
    give(w, 0, 0);
    return 0;
}

/* A segment of so many bytes of data, carried by the engine. */
static void segment(struct world *w, uint32_t stream, uint32_t data)
{
    uint64_t in = vs_nic_rx_segment(&w->nic, 0, stream, data + 12u, (vs_ps){w->nic.rx.now_ps});
    assert_true(in != VS_NIC_NEVER);
    carry(w, in);
}

static uint32_t ready(struct world *w)
{
    return vs_nic_rx_ready(&w->nic, 0, (vs_ps){UINT64_MAX - 1u});
}

static void assert_descriptor(const struct world *w, uint32_t slot, uint32_t bytes, uint64_t more,
                              uint32_t segments)
{
    uint64_t word = w->rx[0][slot][1];
    assert_int_equal((uint32_t)word, bytes);
    assert_int_equal(word >> 32 & VS_NIC_DD, VS_NIC_DD);
    assert_int_equal(word >> 32 & VS_NIC_MORE, more);
    assert_int_equal(word >> (32 + VS_NIC_SEGMENT_SHIFT), segments);
}

static void segments_become_one_packet_with_the_headers_of_the_first(void **state)
{
    struct world *w = *state;
    segment(w, 1, 100);
    assert_int_equal(w->written, VS_NIC_TCP_HEADERS + 100);
    segment(w, 1, 100);
    assert_int_equal(w->written, 100);
    segment(w, 1, 80);
    assert_int_equal(ready(w), 0);
    assert_int_equal(w->write_backs, 0);
    (void)vs_nic_flush(&w->nic, (vs_ps){vs_nic_flush_due(&w->nic)});
    assert_int_equal(w->write_backs, 1);
    assert_descriptor(w, 0, VS_NIC_TCP_HEADERS + 280, 0, 3);
    assert_int_equal(ready(w), 3);
    read_packets(w, 0, 1, (vs_ps){2 * TIMEOUT_PS}); /* one packet for the driver */
    assert_int_equal(ready(w), 0);
    assert_int_equal(w->nic.count[VS_CNT_nic_lro_packets], 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_lro_segments], 2);
}

static void a_segment_is_said_in_the_descriptor_where_it_ends(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 4; i++) {
        segment(w, 1, 1000);
    }
    (void)vs_nic_flush(&w->nic, (vs_ps){TIMEOUT_PS * 2u});
    assert_descriptor(w, 0, VS_NIC_BUFFER, VS_NIC_MORE, 1);
    assert_descriptor(w, 1, VS_NIC_TCP_HEADERS + 4000 - VS_NIC_BUFFER, 0, 3);
}

static void it_ends_at_its_time_and_not_before(void **state)
{
    struct world *w = *state;
    segment(w, 1, 100);
    uint64_t due = vs_nic_flush_due(&w->nic);
    assert_true(due >= TIMEOUT_PS);
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){due - 1u}), due);
    assert_int_equal(ready(w), 0);
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){due}), VS_NIC_NEVER);
    assert_int_equal(ready(w), 1);
}

static void another_connections_segment_ends_it(void **state)
{
    struct world *w = *state;
    segment(w, 1, 100);
    segment(w, 2, 100);
    assert_int_equal(ready(w), 1);
    assert_descriptor(w, 0, VS_NIC_TCP_HEADERS + 100, 0, 1);
    segment(w, 2, 100);
    assert_int_equal(ready(w), 1);
}

static void one_without_data_ends_it_and_is_seen_itself(void **state)
{
    struct world *w = *state;
    segment(w, 1, 100);
    segment(w, 1, 0); /* an acknowledgement alone */
    assert_int_equal(ready(w), 2);
    assert_descriptor(w, 1, VS_NIC_TCP_HEADERS, 0, 0);
    segment(w, 1, 100);
    (void)packet(w, 0, 64, w->nic.rx.now_ps); /* a datagram */
    assert_int_equal(ready(w), 4);
    read_packets(w, 0, 4, (vs_ps){w->nic.rx.now_ps});
    assert_int_equal(ready(w), 0);
}

static void it_has_so_many_buffers_at_most(void **state)
{
    struct world *w = *state;
    w->nic.cfg.lro_buffers = 2;
    segment(w, 1, 2000);
    segment(w, 1, 2000); /* 4054 of 4096 bytes */
    assert_int_equal(ready(w), 0);
    segment(w, 1, 42);
    assert_int_equal(ready(w), 0);
    segment(w, 1, 1);
    assert_int_equal(ready(w), 3);
    assert_descriptor(w, 1, VS_NIC_BUFFER, 0, 3); /* of the first, six bytes */
}

static void an_interrupt_finds_all_segments_that_came_before_it(void **state)
{
    struct world *w = *state;
    (void)packet(w, 0, 64, 0);
    segment(w, 1, 100);
    (void)vs_nic_interrupts(&w->nic, (vs_ps){w->nic.rx.now_ps});
    assert_int_equal(w->interrupts, 1);
    assert_int_equal(ready(w), 2);
}

static void the_last_descriptor_is_not_waited_with(void **state)
{
    struct world *w = *state;
    w->nic.cfg.lro_buffers = RING;
    for (unsigned i = 0; i < 7; i++) {
        segment(w, 1, 2000); /* seven buffers of 2048, which 14,054 bytes do not fill */
    }
    assert_int_equal(ready(w), 0);
    segment(w, 1, 2000); /* dropped: there is no eighth */
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_int_equal(ready(w), 7);
}

/* However small they are: a driver that does not read is found out by their number, too. */
static void a_ring_holds_as_many_segments_as_it_has_descriptors(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < RING; i++) {
        segment(w, 1, 1);
    }
    assert_int_equal(ready(w), 0);
    segment(w, 1, 1);
    assert_int_equal(w->nic.count[VS_CNT_nic_rx_dropped], 1);
    assert_int_equal(ready(w), RING);
    read_packets(w, 0, 1, (vs_ps){w->nic.rx.now_ps});
    segment(w, 1, 1);
    (void)vs_nic_flush(&w->nic, (vs_ps){TIMEOUT_PS * 2u});
    assert_int_equal(ready(w), 1);
}

static void a_reset_forgets_it(void **state)
{
    struct world *w = *state;
    segment(w, 1, 100);
    struct vs_function_port port = vs_nic_function_port(&w->nic, 0);
    port.reset(port.ctx, (vs_ps){w->nic.rx.now_ps});
    assert_int_equal(vs_nic_flush(&w->nic, (vs_ps){UINT64_MAX - 1u}), VS_NIC_NEVER);
    assert_int_equal(w->write_backs, 0);
    assert_int_equal(ready(w), 0);
}

static void without_it_each_segment_is_a_packet(void **state)
{
    struct world *w = *state;
    w->nic.cfg.lro = 0;
    segment(w, 1, 100);
    segment(w, 1, 100);
    assert_int_equal(ready(w), 2);
    assert_descriptor(w, 1, VS_NIC_TCP_HEADERS + 100, 0, 0);
    read_packets(w, 0, 1, (vs_ps){w->nic.rx.now_ps});
    assert_int_equal(ready(w), 1);
}

#define LAW(f) cmocka_unit_test_setup_teardown(f, coalescing, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(segments_become_one_packet_with_the_headers_of_the_first),
        LAW(a_segment_is_said_in_the_descriptor_where_it_ends),
        LAW(it_ends_at_its_time_and_not_before),
        LAW(another_connections_segment_ends_it),
        LAW(one_without_data_ends_it_and_is_seen_itself),
        LAW(it_has_so_many_buffers_at_most),
        LAW(an_interrupt_finds_all_segments_that_came_before_it),
        LAW(the_last_descriptor_is_not_waited_with),
        LAW(a_ring_holds_as_many_segments_as_it_has_descriptors),
        LAW(a_reset_forgets_it),
        LAW(without_it_each_segment_is_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
