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
#define HIGH (1ull << 40) /* an address whose requests have a header of four dwords */

/* Memory behind the IOMMU: one price, and a switch that blocks. */
struct fake_host {
    uint16_t account;
    bool blocks;
    unsigned reads, writes, messages;
    uint16_t requester;
    uint64_t at, slow_ps; /* slow_ps: beyond MEMORY_PS */
};

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t, other;
    uint16_t device, second;
    struct vs_pcie link;
    struct fake_host host;
    uint64_t taken;
};

static const struct vs_account_desc accounts[] = {{"fake.memory", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, accounts, 1, NULL, 0, 0};

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
    vs_charge(t, h->account, (vs_ps){MEMORY_PS + h->slow_ps});
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
    vs_charge(t, h->account, (vs_ps){MEMORY_PS + h->slow_ps});
    return !h->blocks;
}

static enum vs_msi_result host_msi(void *ctx, struct vs_txn *t, uint16_t requester,
                                   uint64_t address, uint32_t data)
{
    struct fake_host *h = ctx;
    (void)t;
    (void)data;
    h->messages++;
    h->requester = requester;
    h->at = address;
    return VS_MSI_DELIVERED;
}

static struct vs_pcie_config usual(uint64_t generation, uint64_t width)
{
    return (struct vs_pcie_config){.generation = generation,
                                   .width = width,
                                   .mps = 256,
                                   .mrrs = 512,
                                   .rcb = 64,
                                   .tags = 32,
                                   .posted_headers = 64,
                                   .posted_data = 8192,
                                   .requests = 64,
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
    struct vs_msi_port msi = {&f->host, host_msi};
    assert_int_equal(vs_pcie_init(&f->link, c, f->ledger, &port, &msi), VS_OK);
    f->device = vs_ledger_actor(f->ledger, "device");
    f->second = vs_ledger_actor(f->ledger, "second");
    vs_txn_beside(&f->t, f->ledger, f->device);
    vs_txn_beside(&f->other, f->ledger, f->second);
}

static void end(struct fixture *f)
{
    char why[200];
    vs_pcie_free(&f->link);
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
    assert_int_equal(vs_pcie_write_bytes(&f.link, HIGH, 1), 4 + REQUEST);
    assert_int_equal(vs_pcie_write_bytes(&f.link, HIGH, 256), 256 + REQUEST);
    assert_int_equal(vs_pcie_write_bytes(&f.link, HIGH, 257), 260 + 2 * REQUEST);
    assert_int_equal(vs_pcie_write_bytes(&f.link, HIGH, 1500), 1500 + 6 * REQUEST);
    /* below 4 GiB addresses are a dword shorter */
    assert_int_equal(vs_pcie_write_bytes(&f.link, 0x1000, 1500), 1500 + 6 * (REQUEST - 4));
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 257, &f.taken));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 2);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 0);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_up], 260 + 2 * REQUEST);
    end(&f);
}

static void a_read_asks_by_mrrs_and_is_answered_by_mps(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    uint64_t up;
    (void)state;
    make(&f, &c);
    assert_int_equal(vs_pcie_read_bytes(&f.link, HIGH, 512, &up), 512 + 2 * COMPLETION);
    assert_int_equal(up, REQUEST);
    assert_int_equal(vs_pcie_read_bytes(&f.link, HIGH, 513, &up), 516 + 3 * COMPLETION);
    assert_int_equal(up, 2 * REQUEST);
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 513, &f.taken));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 2);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 3);
    /* the answer to the short request does not wait for that to the long one, nor it for that */
    assert_int_equal(f.host.reads, 2);
    assert_int_equal(vs_ledger_acc(f.ledger, f.device, VS_OP_DMA_READ)->n, 2);
    end(&f);
}

static void a_round_trip_is_the_sum_of_its_parts(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    uint64_t up, down;
    (void)state;
    make(&f, &c);
    down = vs_pcie_read_bytes(&f.link, HIGH, 64, &up);
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH + 0x1000), NULL, 64, &f.taken));
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
    c.dllp_bytes = 0;
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH + 0x1000), NULL, 64, &f.taken));
    assert_int_equal(f.t.now_ps, vs_pcie_ps(&f.link, 64 + REQUEST) + UP_PS + MEMORY_PS);
    assert_int_equal(vs_way_end(&f.link.down), 0);
    assert_int_equal(f.taken, 0); /* and the device goes on at once */
    end(&f);
}

static void one_direction_carries_one_packet_at_a_time(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1); /* slow: a write lasts longer than its way */
    (void)state;
    make(&f, &c);
    uint64_t first = vs_pcie_ps(&f.link, vs_pcie_write_bytes(&f.link, HIGH, 256));
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 256, &f.taken));
    assert_true(vs_pcie_write(&f.link, &f.other, 9, iova(HIGH), NULL, 256, &f.taken));
    assert_int_equal(part(&f, f.device, VS_OP_DMA_WRITE, VS_ACC_pcie_busy), 0);
    assert_int_equal(part(&f, f.second, VS_OP_DMA_WRITE, VS_ACC_pcie_busy), first);
    assert_int_equal(f.other.now_ps, 2 * first + UP_PS + MEMORY_PS);
    assert_int_equal(f.taken, first);
    end(&f);
}

static void the_other_direction_is_free(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1);
    (void)state;
    c.dllp_bytes = 0;
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 4096, &f.taken));
    uint64_t doorbell = vs_pcie_ps(&f.link, 4 + REQUEST);
    assert_int_equal(vs_pcie_doorbell(&f.link, (vs_ps){0}).v, doorbell + DOWN_PS);
    /* and a second doorbell follows the first */
    assert_int_equal(vs_pcie_doorbell(&f.link, (vs_ps){0}).v, 2 * doorbell + DOWN_PS);
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
        assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
        uint64_t last = vs_way_end(&f.link.up);
        f.other.now_ps = last - 1 + late;
        assert_true(vs_pcie_write(&f.link, &f.other, 9, iova(HIGH), NULL, 64, &f.taken));
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
    assert_false(
        vs_pcie_read(&f.link, &f.t, 0x105, iova(HIGH + 0x7000), buf, sizeof buf, &f.taken));
    assert_memory_equal(buf, before, sizeof buf);
    assert_int_equal(f.host.requester, 0x105);
    assert_int_equal(f.host.at, HIGH + 0x7000);
    /* the answer is one completion without data */
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 1);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_down], COMPLETION + DLLP);
    assert_false(
        vs_pcie_write(&f.link, &f.t, 0x105, iova(HIGH + 0x7000), buf, sizeof buf, &f.taken));
    f.host.blocks = false;
    assert_true(vs_pcie_read(&f.link, &f.t, 0x105, iova(HIGH + 0x7000), buf, sizeof buf, &f.taken));
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
    assert_int_equal(vs_pcie_write_bytes(&f.link, HIGH, 0), 4 + REQUEST);
    assert_int_equal(vs_pcie_read_bytes(&f.link, HIGH, 0, &up), 4 + COMPLETION);
    assert_int_equal(up, REQUEST);
    end(&f);
}

/* The completion is downstream's, the request upstream's: each is busy until its own last bit. */
static void a_completion_keeps_downstream_busy_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    c.dllp_bytes = 0;
    make(&f, &c);
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 512, &f.taken));
    assert_int_equal(vs_way_end(&f.link.down), f.t.now_ps - DOWN_PS);
    assert_int_equal(vs_way_end(&f.link.up), vs_pcie_ps(&f.link, REQUEST));
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
    assert_false(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 2048, &f.taken));
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_down], 1);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_down], COMPLETION + DLLP);
    end(&f);
}

static void a_message_is_a_small_posted_write(void **state)
{
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    (void)state;
    make(&f, &c);
    vs_open(&f.t, VS_OP_MSI);
    assert_int_equal(vs_pcie_message(&f.link, &f.t, 9, 0xfee00000, 0x31), VS_MSI_DELIVERED);
    vs_close(&f.t);
    assert_int_equal(f.t.now_ps, vs_pcie_ps(&f.link, 4 + REQUEST - 4) + UP_PS);
    assert_int_equal(f.link.count[VS_CNT_pcie_tlps_up], 1);
    assert_int_equal(f.host.reads + f.host.writes, 0);
    assert_int_equal(f.host.messages, 1);
    assert_int_equal(f.host.requester, 9);
    end(&f);
}

/* Whoever arrives first: a completion that lies ahead keeps no place for itself. */
static void a_doorbell_does_not_wait_for_a_completion_that_comes_later(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    make(&f, &c);
    f.host.slow_ps = 5000000;
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 512, &f.taken));
    uint64_t doorbell = vs_pcie_ps(&f.link, 4 + REQUEST);
    for (uint64_t at = 100000; at < 5000000; at += 700000) {
        assert_int_equal(vs_pcie_doorbell(&f.link, (vs_ps){at}).v, at + doorbell + DOWN_PS);
    }
    /* one that comes in the middle of it does */
    uint64_t end_ps = vs_way_end(&f.link.down);
    assert_int_equal(vs_pcie_doorbell(&f.link, (vs_ps){end_ps - 10}).v,
                     end_ps + doorbell + DOWN_PS);
    end(&f);
}

/* n tags: the read number n + 1 goes out when the first one is back. */
static void reads_are_outstanding_up_to_the_tags(void **state)
{
    (void)state;
    for (unsigned tags = 1; tags <= 8; tags *= 2) {
        struct fixture f;
        struct vs_pcie_config c = usual(3, 8);
        c.tags = tags;
        make(&f, &c);
        uint64_t first = 0;
        for (unsigned i = 0; i <= tags; i++) {
            f.t.now_ps = 0;
            assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
            first = i ? first : f.t.now_ps;
            assert_true(i < tags ? f.taken < first : f.taken == first);
        }
        assert_int_equal(vs_ledger_acc(f.ledger, f.device, VS_OP_DMA_READ)
                             ->work[f.link.account + VS_ACC_pcie_tags_busy]
                             .n,
                         1);
        end(&f);
    }
}

/* PCIe 2.1.1, 2.2.9: a request down, a completion with one dword up; a configuration request has a
 * header of three dwords and its write's completion no data. */
static void pcie_2_2_a_register_read_is_a_round_trip(void **state)
{
    static const struct {
        enum vs_pcie_ask what;
        unsigned bytes;
        uint64_t down, up;
    } law[] = {{VS_PCIE_READ, 1, REQUEST, COMPLETION + 4},
               {VS_PCIE_READ, 8, REQUEST, COMPLETION + 8},
               {VS_PCIE_CONFIG_READ, 2, REQUEST - 4, COMPLETION + 4},
               {VS_PCIE_CONFIG_WRITE, 4, REQUEST - 4 + 4, COMPLETION}};
    (void)state;
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct fixture f;
        struct vs_pcie_config c = usual(1, 1); /* 4 ns a byte */
        c.reg = 30000;
        make(&f, &c);
        f.t.now_ps = 1000;
        vs_ps there = vs_pcie_ask(&f.link, &f.t, law[i].what, law[i].bytes, 500);
        uint64_t arrives = 1000 + 500 + law[i].down * 4000 + DOWN_PS + 30000;
        assert_int_equal(there.v, arrives);
        assert_int_equal(f.t.now_ps, arrives + law[i].up * 4000 + UP_PS);
        end(&f);
    }
}

/* PCIe 2.4.1, table 2-39: a completion passes no posted request. */
static void pcie_2_4_1_a_register_read_brings_earlier_writes_with_it(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        struct fixture f;
        struct vs_pcie_config c = usual(3, 8);
        make(&f, &c);
        f.host.slow_ps = slow ? 5000000 : 0;
        assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
        uint64_t seen = f.t.now_ps;
        f.other.now_ps = f.taken;
        (void)vs_pcie_ask(&f.link, &f.other, VS_PCIE_READ, 4, 0);
        assert_true(slow ? f.other.now_ps == seen : f.other.now_ps > seen);
        end(&f);
    }
}

/* Writes are seen in the order they were sent, reads see what was written before, and a posted
 * write passes a read that takes long. */
static void posted_writes_pass_reads_and_nothing_passes_them(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    make(&f, &c);
    f.host.slow_ps = 1000000;
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
    uint64_t slow = f.t.now_ps;
    f.host.slow_ps = 0;
    f.other.now_ps = 1000;
    assert_true(vs_pcie_write(&f.link, &f.other, 8, iova(HIGH + 64), NULL, 64, &f.taken));
    assert_int_equal(f.other.now_ps, slow);
    f.other.now_ps = 2000;
    assert_true(vs_pcie_read(&f.link, &f.other, 8, iova(HIGH + 128), NULL, 64, &f.taken));
    assert_true(f.other.now_ps >= slow + MEMORY_PS + DOWN_PS);
    f.other.now_ps = 3000;
    vs_open(&f.other, VS_OP_MSI);
    (void)vs_pcie_message(&f.link, &f.other, 8, 0xfee00000, 0);
    vs_close(&f.other);
    assert_int_equal(f.other.now_ps, slow);
    end(&f);
    make(&f, &c);
    f.host.slow_ps = 1000000;
    assert_true(vs_pcie_read(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
    f.host.slow_ps = 0;
    f.other.now_ps = 1000;
    assert_true(vs_pcie_write(&f.link, &f.other, 8, iova(HIGH), NULL, 64, &f.taken));
    assert_true(f.other.now_ps < 1000000);
    end(&f);
}

/* The root port's buffer: one write more than it holds goes out when the first is through. */
static void writes_wait_for_credits(void **state)
{
    (void)state;
    for (unsigned headers = 1; headers <= 4; headers++) {
        struct fixture f;
        struct vs_pcie_config c = usual(3, 8);
        c.posted_headers = headers;
        make(&f, &c);
        for (unsigned i = 0; i <= headers; i++) {
            f.t.now_ps = 0;
            assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 64, &f.taken));
            assert_true(i < headers ? f.taken < UP_PS : f.taken >= UP_PS + MEMORY_PS + DOWN_PS);
        }
        end(&f);
    }
    struct fixture f;
    struct vs_pcie_config c = usual(3, 8);
    c.posted_data = 256; /* one packet's payload, less than the knob takes: a page goes through
                            packet by packet */
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 4096, &f.taken));
    assert_int_equal(f.host.writes, 16);
    assert_true(f.t.now_ps > 16 * (UP_PS + MEMORY_PS + DOWN_PS) - DOWN_PS);
    end(&f);
}

/* Acknowledgements and credits of one direction are bytes of the other. */
static void data_link_packets_load_the_other_direction(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_pcie_config c = usual(1, 1);
    c.dllp_bytes = 8;
    make(&f, &c);
    assert_true(vs_pcie_write(&f.link, &f.t, 8, iova(HIGH), NULL, 1024, &f.taken));
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_up], 1024 + 4 * REQUEST);
    assert_int_equal(f.link.count[VS_CNT_pcie_bytes_down], 4 * 8);
    uint64_t there = vs_pcie_ps(&f.link, 256 + REQUEST), dllp = vs_pcie_ps(&f.link, 8),
             doorbell = vs_pcie_ps(&f.link, 4 + REQUEST);
    assert_int_equal(vs_pcie_doorbell(&f.link, (vs_ps){there}).v,
                     there + dllp + doorbell + DOWN_PS);
    end(&f);
}

/* Register accesses and messages cross to the device's node, its transfers do not: where memory is
 * its port's business. */
static void what_a_processor_asks_crosses_to_the_devices_node(void **state)
{
    struct vs_pcie_config c = usual(3, 8);
    (void)state;
    uint64_t ps[2][4], taken;
    for (unsigned far = 0; far < 2; far++) {
        struct fixture f;
        make(&f, &c);
        vs_pcie_distance(&f.link, (vs_ps){far * 1000u});
        ps[far][0] = vs_pcie_doorbell(&f.link, (vs_ps){0}).v;
        (void)vs_pcie_ask(&f.link, &f.t, VS_PCIE_READ, 4, 0);
        ps[far][1] = f.t.now_ps;
        f.t.now_ps = 0;
        (void)vs_pcie_message(&f.link, &f.t, 8, 0xfee00000, 0);
        ps[far][2] = f.t.now_ps;
        f.other.now_ps = 1000000000; /* the link is idle again */
        (void)vs_pcie_read(&f.link, &f.other, 8, iova(HIGH), NULL, 64, &taken);
        ps[far][3] = f.other.now_ps;
        end(&f);
    }
    assert_int_equal(ps[1][0] - ps[0][0], 1000);
    assert_int_equal(ps[1][1] - ps[0][1], 2000); /* there and back */
    assert_int_equal(ps[1][2] - ps[0][2], 1000);
    assert_int_equal(ps[1][3], ps[0][3]);
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
        vs_pcie_check(&c, "pcie", &e);
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
        cmocka_unit_test(a_doorbell_does_not_wait_for_a_completion_that_comes_later),
        cmocka_unit_test(reads_are_outstanding_up_to_the_tags),
        cmocka_unit_test(posted_writes_pass_reads_and_nothing_passes_them),
        cmocka_unit_test(pcie_2_2_a_register_read_is_a_round_trip),
        cmocka_unit_test(pcie_2_4_1_a_register_read_brings_earlier_writes_with_it),
        cmocka_unit_test(writes_wait_for_credits),
        cmocka_unit_test(data_link_packets_load_the_other_direction),
        cmocka_unit_test(what_a_processor_asks_crosses_to_the_devices_node),
        cmocka_unit_test(sizes_are_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
