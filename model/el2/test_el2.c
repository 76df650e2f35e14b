/* SPDX-License-Identifier: MIT */
/* Laws of the entry to EL2 and the return. */
#include "el2/el2.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PS 400u /* of a cycle */
#define VCPU 0x10000u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_el2_config config;
    struct vs_el2 e;
    uint16_t guest, host;
    uint64_t reads, writes, last;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    assert_true(at.v >= VCPU && at.v < VCPU + 0x1000u);
    f->reads += ref == VS_REF_READ;
    f->writes += ref == VS_REF_WRITE;
    f->last = at.v;
}

static void boot(struct fixture *f)
{
    struct vs_el2_wiring w = {.ledger = f->ledger,
                              .clock = {PS},
                              .mem = {.ctx = f, .touch = touch},
                              .guest_actor = f->guest};
    vs_el2_init(&f->e, &f->config, &w, (vs_hpa){VCPU});
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ledger = vs_ledger_create(1);
    uint16_t line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_defaults(&vs_el2_desc, &f->config);
    boot(f);
    vs_ps zero = {0};
    vs_txn_begin(&f->t, f->ledger, line, zero);
    vs_txn_actor(&f->t, f->host);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vs_txn_end(&f->t);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, NULL, 0), 0);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static void test_hcr_decides_what_leaves_the_guest(void **state)
{
    struct fixture *f = *state;
    assert_true(vs_el2_traps(&f->e, VS_EL2_WFX, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_SYS64, true));
    f->config.trap_wfi = f->config.trap_id = 0;
    boot(f);
    assert_false(vs_el2_traps(&f->e, VS_EL2_WFX, false));
    assert_false(vs_el2_traps(&f->e, VS_EL2_SYS64, true));
    assert_int_equal(f->e.count[VS_CNT_el2_not_trapped], 2);
    /* no bit keeps these in the guest while stage 2 is on */
    assert_true(vs_el2_traps(&f->e, VS_EL2_HVC64, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_DABT_LOW, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_IRQ, false));
}

static void test_the_syndrome_says_what_happened(void **state)
{
    struct fixture *f = *state;
    vs_el2_exit(&f->e, NULL, VS_EL2_DABT_LOW, 0x12345678);
    assert_int_equal(f->e.esr >> 26, 0x24);
    assert_int_equal(f->e.hpfar, 0x123450);
    vs_el2_exit(&f->e, NULL, VS_EL2_IRQ, 0); /* an interrupt leaves the syndrome alone */
    assert_int_equal(f->e.esr >> 26, 0x24);
    vs_el2_exit(&f->e, NULL, VS_EL2_HVC64, 0);
    assert_int_equal(f->e.esr >> 26, 0x16);
}

static void test_registers_move_through_the_lines_of_the_vcpu(void **state)
{
    struct fixture *f = *state;
    vs_el2_exit(&f->e, &f->t, VS_EL2_HVC64, 0);
    assert_int_equal(f->writes, 4 + 1); /* 31 registers, the fault information */
    assert_int_equal(f->reads, 2);      /* the host's 12 */
    vs_el2_enter(&f->e, &f->t);
    assert_int_equal(f->reads, 2 + 4);
    assert_int_equal(f->writes, 5 + 2);
}

static void test_every_knob_of_time_is_paid_as_often_as_its_part_happens(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t at;
        uint64_t times;
    } knob[] = {{offsetof(struct vs_el2_config, exception), 1},
                {offsetof(struct vs_el2_config, eret), 1},
                {offsetof(struct vs_el2_config, store_pair), 2 * (16 + 6)},
                {offsetof(struct vs_el2_config, system), 16 + 14}};
    uint64_t before = 0;
    for (size_t i = 0; i <= sizeof knob / sizeof knob[0]; i++) {
        if (i) {
            *(uint64_t *)(void *)((char *)&f->e.config + knob[i - 1].at) += 1;
        }
        uint64_t start = vs_now(&f->t).v;
        vs_txn_actor(&f->t, f->host);
        vs_el2_exit(&f->e, &f->t, VS_EL2_HVC64, 0);
        vs_el2_enter(&f->e, &f->t);
        uint64_t cycles = (vs_now(&f->t).v - start) / PS;
        assert_true(!i || cycles - before == knob[i - 1].times);
        before = cycles;
    }
}

/* Arm ARM, HCR_EL2: VM 0, IMO 4, FB 9, TWI 13, TID3 18, TTLB 25, E2H 34. */
static void test_each_knob_is_its_bit_of_hcr(void **state)
{
    struct fixture *f = *state;
    uint64_t *const knob[] = {&f->config.force_broadcast, &f->config.trap_wfi, &f->config.trap_id,
                              &f->config.trap_tlbi};
    static const unsigned bit[] = {9, 13, 18, 25};
    for (unsigned i = 0; i <= 4; i++) {
        for (unsigned k = 0; k < 4; k++) {
            *knob[k] = k == i;
        }
        boot(f);
        assert_true(f->e.hcr ==
                    (1ull << 0 | 1ull << 4 | 1ull << 34 | (i < 4 ? 1ull << bit[i] : 0)));
        assert_int_equal(vs_el2_traps_tlbi(&f->e), i == 3);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_WFX, false), i == 1);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, true), i == 2);
        /* other system registers than those of identification are no business of TID3 */
        assert_true(vs_el2_traps(&f->e, VS_EL2_SYS64, false));
    }
}

static void test_an_exception_of_a_32_bit_instruction_says_so(void **state)
{
    struct fixture *f = *state;
    vs_el2_exit(&f->e, NULL, VS_EL2_HVC64, 0);
    assert_true(f->e.esr == (0x16ull << 26 | 1u << 25)); /* EC, IL */
}

static bool value_read(void *ctx, struct vs_txn *t, uint32_t field, uint64_t *value)
{
    (void)ctx, (void)t;
    *value = field;
    return true;
}

static void test_registers_and_fault_information_are_in_lines_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct vs_vmcs_port values = {NULL, value_read, NULL}, port = vs_el2_port(&f->e, &values);
    static const uint32_t registers[] = {0x6800, 0x681e}, fault[] = {0x4402, 0x6400, 0x67ff};
    uint64_t v, line[2];
    for (size_t i = 0; i < 2; i++) {
        assert_true(port.vmread(port.ctx, &f->t, registers[i], &v));
        line[0] = i ? line[0] : f->last;
        assert_int_equal(f->last, line[0]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(port.vmread(port.ctx, &f->t, fault[i], &v));
        line[1] = i ? line[1] : f->last;
        assert_int_equal(f->last, line[1]);
    }
    assert_true(line[0] / 64 != line[1] / 64);
    assert_int_equal(f->e.count[VS_CNT_el2_fields], 5);
}

static void test_what_follows_an_entry_is_the_guests(void **state)
{
    struct fixture *f = *state;
    vs_el2_enter(&f->e, &f->t);
    assert_int_equal(f->t.actor, f->guest);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_hcr_decides_what_leaves_the_guest),
        LAW(test_the_syndrome_says_what_happened),
        LAW(test_registers_move_through_the_lines_of_the_vcpu),
        LAW(test_every_knob_of_time_is_paid_as_often_as_its_part_happens),
        LAW(test_each_knob_is_its_bit_of_hcr),
        LAW(test_an_exception_of_a_32_bit_instruction_says_so),
        LAW(test_registers_and_fault_information_are_in_lines_of_their_own),
        LAW(test_what_follows_an_entry_is_the_guests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
