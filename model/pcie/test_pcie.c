/* SPDX-License-Identifier: MIT */
/* Laws of the link: closed forms of packets, bytes and picoseconds; who waits for whom. */
#include "pcie/pcie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY_PS 70000u
#define UP_PS 200000u
#define DOWN_PS 150000u
#define REQUEST 24u
#define COMPLETION 20u
#define DLLP 2u

/* Memory behind the IOMMU: one price, and a switch that blocks. */
struct fake_host {
    uint16_t account;
    bool blocks;
    unsigned reads, writes;
    uint16_t requester;
    uint64_t at;
};

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t, other;
    uint16_t device, second;
    struct vs_pcie link;
    struct fake_host host;
};

static const struct vs_account_desc accounts[] = {{"fake.memory", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, accounts, 1, NULL, 0, 0};

static vs_ps ps(uint64_t v)
{
    vs_ps p = {v};
    return p;
}

static vs_iova iova(uint64_t v)
{
    vs_iova a = {v};
    return a;
}

static bool host_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes)
{
    struct fake_host *h = ctx;
    h->reads++;
    h->requester = requester;
    h->at = at.v;
    vs_charge(t, h->account, ps(MEMORY_PS));
    if (!h->blocks && buf) {
        memset(buf, 0x5a, bytes);
    }
    return !h->blocks;
}

static bool host_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes)
{
    struct fake_host *h = ctx;
    (void)buf;
    (void)bytes;
    h->writes++;
    h->requester = requester;
    h->at = at.v;
    vs_charge(t, h->account, ps(MEMORY_PS));
    return !h->blocks;
}

static struct vs_pcie_config usual(uint64_t generation, uint64_t width)
{
    return (struct vs_pcie_config){.generation = generation,
                                   .width = width,
                                   .mps = 256,
                                   .mrrs = 512,
                                   .request_bytes = REQUEST,
                                   .completion_bytes = COMPLETION,
                                   .dllp_bytes = DLLP,
                                   .upstream = UP_PS,
                                   .downstream = DOWN_PS};
}

static void make(struct fixture *f, const struct vs_pcie_config *c)
{
    memset(f, 0, sizeof *f);
    f->ledger = vs_ledger_create(1);
    assert_non_null(f->ledger);
    f->host.account = vs_ledger_accounts(f->ledger, &fake);
    struct vs_dma_port port = {&f->host, host_read, host_write};
    vs_pcie_init(&f->link, c, f->ledger, &port);
    f->device = vs_ledger_actor(f->ledger, "device");
    f->second = vs_ledger_actor(f->ledger, "second");
    vs_txn_begin(&f->t, f->ledger, f->device, ps(0));
    vs_txn_begin(&f->other, f->ledger, f->second, ps(0));
}

static void end(struct fixture *f)
{
    char why[200];
    vs_txn_end(&f->t);
    vs_txn_end(&f->other);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, why, sizeof why), 0);
    vs_ledger_destroy(f->ledger);
}

static uint64_t part(struct fixture *f, uint16_t actor, enum vs_op op, unsigned account)
{
    return vs_ledger_acc(f->ledger, actor, op)->work[f->link.account + account].ps;
}

static void a_byte_takes_what_rate_and_encoding_say(void **state)
{
    /* n bytes that last a whole number of picoseconds: 8b/10b to 5 GT/s, then 128b/130b */
    static const struct {
        uint64_t generation, width, bytes, ps;
    } law[] = {
        {1, 1, 1, 4000},    {2, 1, 1, 2000},      {3, 1, 128, 130000}, {4, 1, 128, 65000},
        {5, 1, 128, 32500}, {1, 16, 4, 1000},     {3, 8, 128, 16250},  {3, 16, 1024, 65000},
        {5, 16, 256, 4063}, {4, 32, 4096, 65000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct fixture f;
        struct vs_pcie_config c = usual(law[i].generation, law[i].width);
        make(&f, &c);
        assert_int_equal(vs_pcie_ps(&f.link, law[i].bytes), law[i].ps);
        end(&f);
    }
}

static void a_write_has_a_header_for_every_payload_of_mps(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    (void)state;
    make(&f, &c);
    const uint64_t each = REQUEST + DLLP;
    assert_int_equal(vs_pcie_write_bytes(&f.link, 1), 1 + each);
    assert_int_equal(vs_pcie_write_bytes(&f.link, 256), 256 + each);
    assert_int_equal(vs_pcie_write_bytes(&f.link, 257), 257 + 2 * each);
    assert_int_equal(vs_pcie_write_bytes(&f.link, 1500), 1500 + 6 * each);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(0), NULL, 257));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 2);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 0);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_up], 257 + 2 * each);
    end(&f);
}

static void a_read_asks_by_mrrs_and_is_answered_by_mps(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    uint64_t up;
    (void)state;
    make(&f, &c);
    assert_int_equal(vs_pcie_read_bytes(&f.link, 512, &up), 512 + 2 * (COMPLETION + DLLP));
    assert_int_equal(up, REQUEST + DLLP);
    assert_int_equal(vs_pcie_read_bytes(&f.link, 513, &up), 513 + 3 * (COMPLETION + DLLP));
    assert_int_equal(up, 2 * (REQUEST + DLLP));
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(0), NULL, 513));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 2);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 3);
    end(&f);
}

static void a_round_trip_is_the_sum_of_its_parts(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    uint64_t up, down;
    (void)state;
    make(&f, &c);
    down = vs_pcie_read_bytes(&f.link, 64, &up);
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(0x1000), NULL, 64));
    uint64_t wire = vs_pcie_ps(&f.link, up) + vs_pcie_ps(&f.link, down);
    assert_int_equal(f.t.now_ps, wire + UP_PS + DOWN_PS + MEMORY_PS);
    assert_int_equal(part(&f, f.device, VS_OP_DMA_READ, VS_ACC_pcie_serialize), wire);
    assert_int_equal(part(&f, f.device, VS_OP_DMA_READ, VS_ACC_pcie_upstream), UP_PS);
    assert_int_equal(part(&f, f.device, VS_OP_DMA_READ, VS_ACC_pcie_downstream), DOWN_PS);
    assert_int_equal(part(&f, f.device, VS_OP_DMA_READ, VS_ACC_pcie_busy), 0);
    assert_int_equal(vs_ledger_acc(f.ledger, f.device, VS_OP_DMA_READ)->n, 1);
    end(&f);
}

static void a_posted_write_waits_for_no_completion(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    (void)state;
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(0x1000), NULL, 64));
    assert_int_equal(f.t.now_ps, vs_pcie_ps(&f.link, 64 + REQUEST + DLLP) + UP_PS + MEMORY_PS);
    assert_int_equal(f.link.down_busy_ps, 0);
    end(&f);
}

static void one_direction_carries_one_packet_at_a_time(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1); /* slow: a write lasts longer than its way */
    (void)state;
    make(&f, &c);
    uint64_t first = vs_pcie_ps(&f.link, vs_pcie_write_bytes(&f.link, 256));
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(0), NULL, 256));
    assert_true(vs_pcie_write(&f.link, &f.other, 9, iova(0), NULL, 256));
    assert_int_equal(part(&f, f.device, VS_OP_DMA_WRITE, VS_ACC_pcie_busy), 0);
    assert_int_equal(part(&f, f.second, VS_OP_DMA_WRITE, VS_ACC_pcie_busy), first);
    assert_int_equal(f.other.now_ps, 2 * first + UP_PS + MEMORY_PS);
    end(&f);
}

static void the_other_direction_is_free(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1);
    (void)state;
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(0), NULL, 4096));
    uint64_t doorbell = vs_pcie_ps(&f.link, 4 + REQUEST + DLLP);
    assert_int_equal(vs_pcie_doorbell(&f.link, ps(0)).v, doorbell + DOWN_PS);
    /* and a second doorbell follows the first */
    assert_int_equal(vs_pcie_doorbell(&f.link, ps(0)).v, 2 * doorbell + DOWN_PS);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 2);
    end(&f);
}

static void a_link_is_free_from_the_last_bit_on(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1);
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        make(&f, &c);
        assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(0), NULL, 64));
        uint64_t last = f.link.up_busy_ps;
        f.other.now_ps = 0;
        vs_wait_until(&f.other, (uint16_t)(f.link.account + VS_ACC_pcie_busy), ps(last - 1 + late));
        assert_true(vs_pcie_write(&f.link, &f.other, 9, iova(0), NULL, 64));
        assert_int_equal(part(&f, f.second, VS_OP_DMA_WRITE, VS_ACC_pcie_busy), 1 - late);
        end(&f);
    }
}

static void a_blocked_read_leaves_the_buffer_alone(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    unsigned char buf[64], before[64];
    (void)state;
    make(&f, &c);
    memset(buf, 0x11, sizeof buf);
    memcpy(before, buf, sizeof buf);
    f.host.blocks = true;
    assert_false(vs_pcie_read(&f.link, &f.t, 0x105, iova(0x7000), buf, sizeof buf));
    assert_memory_equal(buf, before, sizeof buf);
    assert_int_equal(f.host.requester, 0x105);
    assert_int_equal(f.host.at, 0x7000);
    /* the answer is one completion without data */
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 1);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_down], COMPLETION);
    assert_false(vs_pcie_write(&f.link, &f.t, 0x105, iova(0x7000), buf, sizeof buf));
    f.host.blocks = false;
    assert_true(vs_pcie_read(&f.link, &f.t, 0x105, iova(0x7000), buf, sizeof buf));
    assert_int_equal(buf[63], 0x5a);
    end(&f);
}

static void a_transfer_of_nothing_is_one_packet_all_the_same(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    uint64_t up;
    make(&f, &c);
    assert_int_equal(vs_pcie_write_bytes(&f.link, 0), REQUEST + DLLP);
    assert_int_equal(vs_pcie_read_bytes(&f.link, 0, &up), COMPLETION + DLLP);
    assert_int_equal(up, REQUEST + DLLP);
    end(&f);
}

/* The completion is downstream's, the request upstream's: each is busy until its own last bit. */
static void a_completion_keeps_downstream_busy_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    make(&f, &c);
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(0), NULL, 512));
    assert_int_equal(f.link.down_busy_ps, f.t.now_ps - DOWN_PS);
    assert_int_equal(f.link.up_busy_ps, vs_pcie_ps(&f.link, REQUEST + DLLP));
    end(&f);
}

/* However much was asked for: one completion that says so. */
static void a_blocked_read_is_answered_by_one_packet(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    make(&f, &c);
    f.host.blocks = true;
    assert_false(vs_pcie_read(&f.link, &f.t, 8, iova(0), NULL, 2048));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 1);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_down], COMPLETION);
    end(&f);
}

static void a_message_is_a_small_posted_write(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    (void)state;
    make(&f, &c);
    vs_pcie_message(&f.link, &f.t);
    assert_int_equal(f.t.now_ps, vs_pcie_ps(&f.link, 4 + REQUEST + DLLP) + UP_PS);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 1);
    assert_int_equal(f.host.reads + f.host.writes, 0);
    end(&f);
}

static void sizes_are_powers_of_two(void **state)
{
    static const struct {
        uint64_t mps, mrrs, width;
        size_t errors;
    } law[] = {
        {256, 512, 8, 0}, {384, 512, 8, 1}, {256, 768, 8, 1}, {256, 512, 12, 1}, {3, 3, 3, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct vs_errors e = {NULL, 0};
        struct vs_pcie_config c = usual(3, law[i].width);
        c.mps = law[i].mps;
        c.mrrs = law[i].mrrs;
        vs_pcie_check(&c, &e);
        assert_int_equal(e.n, law[i].errors);
        vs_errors_free(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_takes_what_rate_and_encoding_say),
        cmocka_unit_test(a_write_has_a_header_for_every_payload_of_mps),
        cmocka_unit_test(a_read_asks_by_mrrs_and_is_answered_by_mps),
        cmocka_unit_test(a_round_trip_is_the_sum_of_its_parts),
        cmocka_unit_test(a_posted_write_waits_for_no_completion),
        cmocka_unit_test(one_direction_carries_one_packet_at_a_time),
        cmocka_unit_test(the_other_direction_is_free),
        cmocka_unit_test(a_link_is_free_from_the_last_bit_on),
        cmocka_unit_test(a_blocked_read_leaves_the_buffer_alone),
        cmocka_unit_test(a_transfer_of_nothing_is_one_packet_all_the_same),
        cmocka_unit_test(a_completion_keeps_downstream_busy_and_nothing_else),
        cmocka_unit_test(a_blocked_read_is_answered_by_one_packet),
        cmocka_unit_test(a_message_is_a_small_posted_write),
        cmocka_unit_test(sizes_are_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
