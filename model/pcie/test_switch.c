/* SPDX-License-Identifier: MIT */
/* Laws of a switch between links and their root port: when a packet goes on, and who waits. */
#include "pcie/pcie.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UP_PS 200000u
#define DOWN_PS 150000u
#define SWITCH_PS 100000u
#define HIGH (1ull << 40)

static bool at_once(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                    size_t bytes)
{
    (void)ctx, (void)t, (void)requester, (void)at, (void)buf, (void)bytes;
    return true;
}
static bool stored_at_once(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at,
                           const void *buf, size_t bytes)
{
    (void)ctx, (void)t, (void)requester, (void)at, (void)buf, (void)bytes;
    return true;
}

/* Two links, the same but for their transactions, below one switch. */
struct fixture {
    struct vs_ledger *ledger;
    struct vs_pcie_config cfg;
    struct vs_pcie_switch above;
    struct vs_pcie link[2];
    struct vs_txn t[2];
};

static void make(struct fixture *f, uint64_t width, uint64_t switch_width, bool store)
{
    static const struct vs_msi_port no_msi;
    struct vs_dma_port host = {NULL, at_once, stored_at_once};
    memset(f, 0, sizeof *f);
    f->ledger = vs_ledger_create(1);
    vs_defaults(&vs_pcie_desc, &f->cfg);
    f->cfg.width = width;
    f->cfg.switch_width = switch_width;
    f->cfg.forwarding = store;
    f->cfg.switched = SWITCH_PS;
    f->cfg.upstream = UP_PS;
    f->cfg.downstream = DOWN_PS;
    f->cfg.dllp_bytes = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vs_pcie_init(&f->link[i], &f->cfg, f->ledger, &host, &no_msi), VS_OK);
        vs_pcie_below(&f->link[i], &f->above);
        vs_txn_beside(&f->t[i], f->ledger, vs_ledger_actor(f->ledger, i ? "second" : "first"));
    }
}

static void end(struct fixture *f)
{
    char why[200];
    vs_pcie_free(&f->link[0]);
    vs_pcie_free(&f->link[1]);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, why, sizeof why), 0);
    vs_ledger_destroy(f->ledger);
}

/* Picoseconds of so many bytes on so many lanes of the third generation, rounded up. */
static uint64_t lasts(uint64_t bytes, uint64_t width)
{
    return (bytes * 8000u * 130u + 8u * 128u * width - 1u) / (8u * 128u * width);
}

/* When a write of one packet is in memory. */
static uint64_t written(struct fixture *f, unsigned link, uint64_t at_ps, uint64_t bytes)
{
    uint64_t taken;
    f->t[link].now_ps = at_ps;
    assert_true(
        vs_pcie_write(&f->link[link], &f->t[link], 8, (vs_iova){HIGH}, NULL, bytes, &taken));
    return f->t[link].now_ps;
}

static void a_packet_that_is_stored_is_sent_twice(void **state)
{
    static const uint64_t width[][2] = {{8, 8}, {8, 16}, {16, 4}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        make(&f, width[i][0], width[i][1], true);
        assert_int_equal(written(&f, 0, 0, 256),
                         lasts(280, width[i][0]) + SWITCH_PS + lasts(280, width[i][1]) + UP_PS);
        end(&f);
    }
}

/* The header decides; a faster link waits, so that it does not run dry. */
static void a_packet_that_is_cut_through_follows_its_header(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 8, 8, false);
    assert_int_equal(written(&f, 0, 0, 256), lasts(280, 8) + SWITCH_PS + lasts(24, 8) + UP_PS);
    end(&f);
    make(&f, 16, 4, false); /* the slower one decides, behind the header on the faster one */
    assert_int_equal(written(&f, 0, 0, 256), lasts(24, 16) + SWITCH_PS + lasts(280, 4) + UP_PS);
    end(&f);
    make(&f, 4, 16, false); /* its end leaves no sooner than it has come */
    assert_int_equal(written(&f, 0, 0, 256), lasts(280, 4) + SWITCH_PS + UP_PS);
    end(&f);
}

static void links_share_what_is_above_the_switch(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 8, 8, true);
    uint64_t alone = written(&f, 0, 0, 256);
    assert_int_equal(written(&f, 1, 0, 256), alone + lasts(280, 8)); /* behind the other's */
    assert_int_equal(written(&f, 1, 10 * alone, 256), 11 * alone);   /* nobody is there */
    end(&f);
}

/* What follows on a link need not wait until what is before it has passed the switch. */
static void packets_follow_each_other_through_it(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 8, 16, true);
    uint64_t one = written(&f, 0, 0, 256);
    end(&f);
    make(&f, 8, 16, true);
    assert_int_equal(written(&f, 0, 0, 1024), one + 3 * lasts(280, 8));
    assert_int_equal(f.link[0].count[VS_CNT_pcie_forwarded], 4);
    end(&f);
}

/* A read passes it on both ways, and so does a register's. */
static void round_trips_pass_it_twice(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t taken;
    make(&f, 8, 8, true);
    assert_true(vs_pcie_read(&f.link[0], &f.t[0], 8, (vs_iova){HIGH}, NULL, 64, &taken));
    assert_int_equal(f.t[0].now_ps,
                     2 * lasts(24, 8) + 2 * lasts(84, 8) + 2 * SWITCH_PS + UP_PS + DOWN_PS);
    uint64_t before = f.t[1].now_ps = 1000000000u;
    (void)vs_pcie_ask(&f.link[1], &f.t[1], VS_PCIE_READ, 4, 0);
    assert_int_equal(f.t[1].now_ps - before, 2 * lasts(24, 8) + 2 * lasts(24, 8) + 2 * SWITCH_PS +
                                                 UP_PS + DOWN_PS + f.cfg.reg);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_that_is_stored_is_sent_twice),
        cmocka_unit_test(a_packet_that_is_cut_through_follows_its_header),
        cmocka_unit_test(links_share_what_is_above_the_switch),
        cmocka_unit_test(packets_follow_each_other_through_it),
        cmocka_unit_test(round_trips_pass_it_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
