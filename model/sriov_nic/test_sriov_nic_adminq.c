/* SPDX-License-Identifier: MIT */
/* Laws of admin queues: Linux iavf_adminq.c and iavf_adminq_cmd.h, i40e_adminq_cmd.h. */
#include "test_sriov_nic.h"

#define MEMORY 0x80000u
#define FIRMWARE 5000u
#define VF0 0u
#define PHYSICAL 3u
#define SEND(fn) ((fn)*0x20000u) /* a ring of a function, and 4 KiB behind it its buffers */
#define RECEIVE(fn) (SEND(fn) + 0x10000u)
#define ENTRIES 8u

/* The host's memory, and the messages that came. */
struct host {
    struct world *w;
    unsigned char bytes[MEMORY];
    uint64_t blocked;
};

static bool host_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes, uint64_t *taken_ps)
{
    struct host *h = ctx;
    bool good = seen(h->w, t, requester, at.v) && at.v != h->blocked && at.v + bytes <= MEMORY;
    *taken_ps = t->now_ps;
    if (good) {
        memcpy(buf, h->bytes + at.v, bytes);
    }
    return good;
}

static bool host_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes, uint64_t *taken_ps)
{
    struct host *h = ctx;
    bool good = seen(h->w, t, requester, at.v) && at.v != h->blocked && at.v + bytes <= MEMORY;
    *taken_ps = t->now_ps;
    if (good) {
        memcpy(h->bytes + at.v, buf, bytes);
    }
    return good;
}

static enum vs_msi_result host_message(void *ctx, struct vs_txn *t, uint16_t requester,
                                       uint64_t address, uint32_t data)
{
    struct host *h = ctx;
    return link_message(h->w, t, requester, address, data);
}

static void put(struct host *h, uint32_t fn, uint64_t offset, uint32_t value, uint64_t at)
{
    vs_nic_admin_write(&h->w->nic, fn, offset, value, (vs_ps){at});
}

static uint32_t get(struct host *h, uint32_t fn, uint64_t offset, uint64_t at)
{
    return vs_nic_admin_read(&h->w->nic, fn, offset, (vs_ps){at});
}

static struct vs_nic_aq_descriptor *descriptor_of(struct host *h, uint64_t ring, uint32_t slot)
{
    return (struct vs_nic_aq_descriptor *)(void *)(h->bytes + ring) + slot;
}

/* Both rings of a function, so many buffers of so many bytes given. */
static void open_rings(struct host *h, uint32_t fn, uint32_t buffers, uint16_t bytes)
{
    put(h, fn, VS_NIC_ATQBAL, SEND(fn), 0);
    put(h, fn, VS_NIC_ATQLEN, ENTRIES | VS_NIC_AQ_ENABLE, 0);
    put(h, fn, VS_NIC_ARQBAL, RECEIVE(fn), 0);
    put(h, fn, VS_NIC_ARQLEN, ENTRIES | VS_NIC_AQ_ENABLE, 0);
    for (uint32_t i = 0; i < buffers; i++) {
        *descriptor_of(h, RECEIVE(fn), i) = (struct vs_nic_aq_descriptor){
            .flags = VS_NIC_AQ_BUF, .bytes = bytes, .addr_low = RECEIVE(fn) + 0x1000u * (i + 1u)};
    }
    put(h, fn, VS_NIC_ARQT, buffers, 0);
}

/* The next command of a function's, with so many bytes of a buffer, is in its ring and told of. */
static struct vs_nic_aq_descriptor *command(struct host *h, uint32_t fn, uint16_t opcode,
                                            uint16_t bytes, uint64_t at)
{
    uint32_t slot = get(h, fn, VS_NIC_ATQT, at);
    struct vs_nic_aq_descriptor *d = descriptor_of(h, SEND(fn), slot);
    *d =
        (struct vs_nic_aq_descriptor){.flags = (uint16_t)(bytes ? VS_NIC_AQ_BUF | VS_NIC_AQ_RD : 0),
                                      .opcode = opcode,
                                      .bytes = bytes,
                                      .cookie_high = 77,
                                      .cookie_low = 78,
                                      .addr_low = SEND(fn) + 0x1000u * (slot + 1u)};
    put(h, fn, VS_NIC_ATQT, (slot + 1u) % ENTRIES, at);
    return d;
}

/* All that the firmware has before it; when it was about the last. */
static uint64_t carry_out(struct host *h)
{
    uint64_t at = 0;
    for (uint64_t due = vs_nic_admin_due(&h->w->nic); due != VS_NIC_NEVER;
         due = vs_nic_admin_step(&h->w->nic, (vs_ps){due})) {
        at = due;
    }
    return at;
}

/* A message lies in the receiver's buffer, its descriptor says from whom, and both heads move when
 * the firmware has done that, not before. */
static void a_message_comes_whole_and_in_time(void **state)
{
    struct host *h = *state;
    memcpy(h->bytes + SEND(VF0) + 0x1000u, "virtual", 8);
    struct vs_nic_aq_descriptor *d = command(h, VF0, VS_NIC_AQ_TO_PF, 8, 1000);
    assert_int_equal(vs_nic_admin_due(&h->w->nic), 1000 + FIRMWARE);
    assert_int_equal(vs_nic_admin_step(&h->w->nic, (vs_ps){999 + FIRMWARE}), 1000 + FIRMWARE);
    assert_int_equal(d->flags & VS_NIC_AQ_DD, 0);
    uint64_t at = carry_out(h);
    struct vs_nic_aq_descriptor *r = descriptor_of(h, RECEIVE(PHYSICAL), 0);
    assert_int_equal(r->flags & (VS_NIC_AQ_DD | VS_NIC_AQ_CMP), VS_NIC_AQ_DD | VS_NIC_AQ_CMP);
    assert_int_equal(r->opcode, VS_NIC_AQ_TO_PF);
    assert_int_equal(r->bytes, 8);
    assert_int_equal(r->result, VF0);
    assert_int_equal(r->cookie_high, 77);
    assert_int_equal(r->cookie_low, 78);
    assert_string_equal((char *)h->bytes + r->addr_low, "virtual");
    assert_int_equal(d->flags & VS_NIC_AQ_DD, VS_NIC_AQ_DD);
    assert_int_equal(d->result, 0);
    assert_int_equal(get(h, PHYSICAL, VS_NIC_ARQH, at), 0); /* DMAs come behind it */
    assert_int_equal(get(h, PHYSICAL, VS_NIC_ARQH, at + 5u * DMA_PS), 1);
    assert_int_equal(get(h, VF0, VS_NIC_ATQH, at + 5u * DMA_PS), 0);
    assert_int_equal(get(h, VF0, VS_NIC_ATQH, at + 7u * DMA_PS), 1);
    assert_int_equal(h->w->messages, 1);
    assert_int_equal(h->w->interrupted[0], PF);
    assert_int_equal(h->w->told[0], 0x41);
}

/* A virtual function talks to the physical one alone, which talks to those that there are. */
static void who_may_what(void **state)
{
    struct host *h = *state;
    struct vs_nic_aq_descriptor *d = command(h, 1, VS_NIC_AQ_TO_VF, 0, 0),
                                *e = command(h, 1, VS_NIC_AQ_ADD_MACVLAN, 16, 0),
                                *f = command(h, PHYSICAL, VS_NIC_AQ_TO_VF, 0, 0),
                                *g = command(h, PHYSICAL, VS_NIC_AQ_TO_VF, 0, 0);
    f->param0 = 3;
    g->param0 = 2;
    carry_out(h);
    assert_int_equal(d->result, VS_NIC_AQ_ENOSYS);
    assert_int_equal(d->flags & VS_NIC_AQ_ERR, VS_NIC_AQ_ERR);
    assert_int_equal(e->result, VS_NIC_AQ_ENOSYS);
    assert_int_equal(f->result, VS_NIC_AQ_EINVAL);
    assert_int_equal(g->result, VS_NIC_AQ_OK);
    assert_int_equal(get(h, 2, VS_NIC_ARQH, 1000000), 1);
    assert_int_equal(h->w->nic.count[VS_CNT_nic_admin_failed], 3);
}

/* A message that its receiver has no buffer for, or none so long, is not carried; nor is one that
 * does not say that it is long. */
static void buffers_have_ends(void **state)
{
    struct host *h = *state;
    struct vs_nic_aq_descriptor *d = command(h, 2, VS_NIC_AQ_TO_PF, 600, 0);
    carry_out(h);
    assert_int_equal(d->result, VS_NIC_AQ_EINVAL);
    d = command(h, 2, VS_NIC_AQ_TO_PF, 600, 0);
    d->flags |= VS_NIC_AQ_LB;
    carry_out(h);
    assert_int_equal(d->result, VS_NIC_AQ_E2BIG);
    for (unsigned i = 0; i < 3; i++) { /* of which it has given two */
        d = command(h, 2, VS_NIC_AQ_TO_PF, 4, 0);
        carry_out(h);
    }
    assert_int_equal(d->result, VS_NIC_AQ_EAGAIN);
    assert_int_equal(get(h, PHYSICAL, VS_NIC_ARQLEN, 0) & VS_NIC_AQ_OVERFLOW, VS_NIC_AQ_OVERFLOW);
    put(h, PHYSICAL, VS_NIC_ARQLEN, 0, 0);
    d = command(h, 2, VS_NIC_AQ_TO_PF, 4, 0);
    carry_out(h);
    assert_int_equal(d->result, VS_NIC_AQ_ENXIO);
}

/* A ring that the IOMMU does not let it read stops, and other functions go on. */
static void a_blocked_ring_stops(void **state)
{
    struct host *h = *state;
    h->blocked = SEND(VF0);
    (void)command(h, VF0, VS_NIC_AQ_TO_PF, 0, 0);
    struct vs_nic_aq_descriptor *d = command(h, 1, VS_NIC_AQ_TO_PF, 0, 0);
    carry_out(h);
    assert_int_equal(get(h, VF0, VS_NIC_ATQLEN, 0), ENTRIES | VS_NIC_AQ_CRITICAL);
    assert_int_equal(h->w->nic.count[VS_CNT_nic_blocked], 1);
    assert_int_equal(d->flags & VS_NIC_AQ_DD, VS_NIC_AQ_DD);
}

/* The firmware is about one command at a time, in the order of their doorbells. */
static void one_at_a_time(void **state)
{
    struct host *h = *state;
    (void)command(h, 1, VS_NIC_AQ_SHUTDOWN, 0, 100);
    (void)command(h, VF0, VS_NIC_AQ_SHUTDOWN, 0, 200);
    assert_int_equal(carry_out(h), 100 + FIRMWARE + 2u * DMA_PS + FIRMWARE);
    assert_int_equal(get(h, 1, VS_NIC_ATQH, 100 + FIRMWARE + 2u * DMA_PS), 1);
    assert_int_equal(get(h, VF0, VS_NIC_ATQH, 100 + FIRMWARE + 2u * DMA_PS), 0);
}

/* A reset takes the queues and the addresses away, and lasts as long as the physical function's
 * driver says. */
static void a_reset_takes_all_away(void **state)
{
    struct host *h = *state;
    struct vs_function_port f = vs_nic_function_port(&h->w->nic, 1);
    struct vs_nic_aq_macvlan one = {.mac = {2, 0, 0, 0, 0, 0x99}};
    memcpy(h->bytes + SEND(PHYSICAL) + 0x1000u, &one, sizeof one);
    struct vs_nic_aq_descriptor *d = command(h, PHYSICAL, VS_NIC_AQ_ADD_MACVLAN, 16, 0);
    d->param0 = 1u | 1u << 16;
    carry_out(h);
    assert_int_equal(d->result, 0);
    assert_int_equal(vs_nic_admin_addresses(&h->w->nic, 1, 0x020000000099ull), 0);
    assert_int_equal(vs_nic_admin_addresses(&h->w->nic, 1, 0x020000000098ull), 3);
    give(h->w, 1, 0);
    struct vs_nic_header to = {0x020000000099ull, VS_NIC_FAR, 0};
    assert_int_not_equal(vs_nic_rx_frame(&h->w->nic, &to, 64, (vs_ps){0}), VS_NIC_NEVER);
    vs_nic_admin_resetting(&h->w->nic, 1, (vs_ps){9000});
    f.reset(f.ctx, (vs_ps){100});
    assert_int_equal(f.bar_read(f.ctx, 0, VS_NIC_RSTAT, 4, (vs_ps){8999}), 0);
    assert_int_equal(f.bar_read(f.ctx, 0, VS_NIC_RSTAT, 4, (vs_ps){9000}), VS_NIC_VF_ACTIVE);
    assert_int_equal(f.bar_read(f.ctx, 0, VS_NIC_ARQLEN, 4, (vs_ps){9000}), 0);
    assert_int_equal(vs_nic_admin_resets(&h->w->nic, 1), 1);
    assert_int_equal(vs_nic_rx_frame(&h->w->nic, &to, 64, (vs_ps){0}), VS_NIC_NEVER);
}

/* A queue that is off gets and sends nothing until it is on again, and the next doorbell tells of
 * all that is in the ring; one without a vector interrupts nobody. */
static void queues_are_switched(void **state)
{
    struct host *h = *state;
    struct vs_nic *n = &h->w->nic;
    vs_nic_switch_queue(n, 1, false, false);
    give(h->w, 1, 0);
    assert_int_equal(vs_nic_rx_arrive(n, 1, 64, (vs_ps){0}), VS_NIC_NEVER);
    vs_nic_switch_queue(n, 1, false, true);
    assert_int_not_equal(vs_nic_rx_arrive(n, 1, 64, (vs_ps){0}), VS_NIC_NEVER);
    vs_nic_switch_queue(n, 0, true, false);
    vs_nic_tx_doorbell(n, 0, 1, (vs_ps){0}, NULL);
    assert_int_equal(n->queue[0].tx.tail, 0);
    vs_nic_switch_queue(n, 0, true, true);
    vs_nic_tx_doorbell(n, 0, 2, (vs_ps){0}, NULL);
    assert_int_equal(n->queue[0].tx.tail, 2);
    vs_nic_tx_doorbell(n, 0, 0, (vs_ps){0}, NULL); /* nothing goes out here */
    vs_nic_map_vector(n, 1, 2);
    assert_int_equal(n->queue[1].vector, VS_NIC_NO_VECTOR);
    vs_nic_map_vector(n, 1, 1);
    assert_int_equal(n->queue[1].vector, 0);
    vs_nic_map_vector(n, 1, 0);
    assert_int_equal(n->queue[1].vector, 1);
}

/* Three virtual functions and the physical one, each with both rings; two buffers of 512 bytes. */
static int setup_admin(void **state)
{
    int bad = setup_as(state, 3, 1, VS_NIC_SINK);
    struct world *w = *state;
    struct host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->w = w;
    h->blocked = UINT64_MAX;
    w->nic.cfg.has_virtchnl = 1;
    w->nic.cfg.firmware = FIRMWARE;
    w->nic.link = (struct vs_upstream_port){
        .ctx = h, .read = host_read, .write = host_write, .message = host_message};
    vs_nic_mail_vector(&w->nic, 0xfee00000u, 0x41);
    for (uint32_t fn = 0; fn < 4; fn++) {
        open_rings(h, fn, 2, 512);
    }
    *state = h;
    return bad;
}

static int teardown_admin(void **state)
{
    struct host *h = *state;
    *state = h->w;
    free(h);
    return teardown(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_admin, teardown_admin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_whole_and_in_time),
        TEST(who_may_what),
        TEST(buffers_have_ends),
        TEST(a_blocked_ring_stops),
        TEST(one_at_a_time),
        TEST(a_reset_takes_all_away),
        TEST(queues_are_switched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
