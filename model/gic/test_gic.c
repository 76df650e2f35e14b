/* SPDX-License-Identifier: MIT */
/* Laws of Arm's interrupt controller; sections of Arm IHI 0069 where a law has one. */
#include "gic/gic.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLOCK_PS 333u
#define SYSTEM 4u
#define PPI VS_GIC_VIRTUAL_TIMER

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_gic_config config;
    struct vs_gic g;
    struct vs_irq_port port;
    uint64_t touches;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    (void)at;
    (void)ref;
    f->touches++;
}

static void make(struct fixture *f, bool virtual)
{
    struct vs_gic_wiring w = {.ledger = f->ledger,
                              .clock = {CLOCK_PS},
                              .virtual = virtual,
                              .system_cycles = SYSTEM,
                              .mem = {.ctx = f, .touch = touch},
                              .copies = {0x340}};
    vs_gic_init(&f->g, &f->config, &w);
    f->port = vs_gic_port(&f->g);
    f->port.mask(f->port.ctx, VS_GIC_MASK);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    vs_defaults(&vs_gic_desc, &f->config);
    f->ledger = vs_ledger_create(1);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "vcpu0/guest"), (vs_ps){0});
    make(f, false);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static bool raise(struct fixture *f, uint8_t intid)
{
    return f->port.raise(f->port.ctx, intid, (vs_ps){1});
}

/* The INTID that would be taken, or -1. */
static int next(struct fixture *f)
{
    uint8_t intid;
    return f->port.pending(f->port.ctx, &intid) ? intid : -1;
}

static void take(struct fixture *f, uint8_t intid)
{
    assert_int_equal(next(f), intid);
    f->port.deliver(f->port.ctx, &f->t, intid, VS_IRQ_ACCEPTED);
}

static void end(struct fixture *f, uint8_t intid)
{
    f->port.end(f->port.ctx, &f->t, intid, false);
}

static void enter(struct fixture *f)
{
    f->port.load(f->port.ctx, &f->t);
}

static void leave(struct fixture *f)
{
    f->port.save(f->port.ctx, &f->t);
}

/* ---- priorities: 4.8 ---- */

static void test_the_lowest_priority_value_comes_first(void **state)
{
    struct fixture *f = *state;
    for (int virtual = 0; virtual < 2; virtual ++) {
        make(f, virtual);
        vs_gic_prioritize(&f->g, 40, 0x80);
        vs_gic_prioritize(&f->g, 33, 0xc0);
        raise(f, 33);
        raise(f, 40);
        raise(f, 3); /* 0xa0 */
        if (virtual) {
            enter(f);
        }
        static const uint8_t order[] = {40, 3, 33};
        for (int i = 0; i < 3; i++) {
            take(f, order[i]);
            end(f, order[i]);
        }
        assert_int_equal(next(f), -1);
    }
}

static void test_the_mask_holds_back_its_own_priority_and_lower_ones(void **state)
{
    struct fixture *f = *state;
    raise(f, 3);
    f->port.mask(f->port.ctx, VS_GIC_PRIORITY);
    assert_int_equal(next(f), -1);
    f->port.mask(f->port.ctx, VS_GIC_PRIORITY + 8);
    assert_int_equal(next(f), 3);
    f->port.mask(f->port.ctx, 0); /* as reset has it */
    assert_int_equal(next(f), -1);
}

static void test_unimplemented_bits_of_a_priority_read_as_zero(void **state)
{
    struct fixture *f = *state;
    vs_gic_prioritize(&f->g, 40, 0x87);
    assert_int_equal(f->g.priority[40], 0x80);
}

static void test_only_a_higher_priority_preempts_what_runs(void **state)
{
    struct fixture *f = *state;
    for (int virtual = 0; virtual < 2; virtual ++) {
        make(f, virtual);
        vs_gic_prioritize(&f->g, 40, 0x80);
        raise(f, 3);
        raise(f, 4);
        if (virtual) {
            enter(f);
        }
        take(f, 3);
        assert_int_equal(vs_gic_running(&f->g), VS_GIC_PRIORITY);
        assert_int_equal(next(f), -1); /* 4 has the same */
        raise(f, 40);
        if (virtual) {
            leave(f);
            enter(f);
        }
        take(f, 40);
        assert_int_equal(vs_gic_running(&f->g), 0x80);
        end(f, 40); /* the highest active one ends: 3 runs again */
        assert_int_equal(vs_gic_running(&f->g), VS_GIC_PRIORITY);
        assert_int_equal(next(f), -1);
        end(f, 3);
        assert_int_equal(vs_gic_running(&f->g), VS_GIC_IDLE);
        take(f, 4);
    }
}

/* ---- states: 4.1.2 ---- */

static void test_an_active_interrupt_that_comes_again_waits_for_its_end(void **state)
{
    struct fixture *f = *state;
    assert_true(raise(f, 5));
    assert_false(raise(f, 5)); /* pending: one edge */
    take(f, 5);
    assert_true(raise(f, 5)); /* active and pending */
    assert_int_equal(next(f), -1);
    end(f, 5);
    take(f, 5);
    assert_int_equal(f->g.count[VS_CNT_gic_merged], 1);
}

static void test_a_list_register_goes_from_pending_to_active_to_invalid(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    raise(f, 5);
    enter(f);
    const uint64_t lr = 5 | (uint64_t)VS_GIC_PRIORITY << 48 | 1ull << 60;
    assert_true(f->g.lr[0] == (lr | 1ull << 62));
    take(f, 5);
    assert_true(f->g.lr[0] == (lr | 1ull << 63));
    end(f, 5);
    assert_true(f->g.lr[0] == lr);
    leave(f);
    enter(f);
    assert_int_equal(f->g.used, 0);
}

/* ICH_LR<n>_EL2.State 0b11: the end leaves it pending. */
static void test_what_comes_again_while_active_is_both_in_one_list_register(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    raise(f, 5);
    enter(f);
    take(f, 5);
    raise(f, 5);
    leave(f);
    enter(f);
    assert_int_equal(f->g.used, 1);
    assert_int_equal(f->g.lr[0] >> 62, 3);
    assert_int_equal(next(f), -1);
    end(f, 5);
    take(f, 5);
}

static void test_an_exit_and_an_entry_change_no_state(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    vs_gic_prioritize(&f->g, 40, 0x80);
    raise(f, 5);
    raise(f, 40);
    enter(f);
    take(f, 40);
    for (int i = 0; i < 3; i++) {
        leave(f);
        enter(f);
    }
    assert_int_equal(vs_gic_running(&f->g), 0x80);
    assert_int_equal(next(f), -1);
    end(f, 40);
    take(f, 5);
    end(f, 5);
    assert_int_equal(f->g.count[VS_CNT_gic_acknowledged], 2);
}

/* ---- list registers ---- */

static void test_what_arrives_in_a_guest_waits_for_the_next_entry(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    enter(f);
    assert_true(raise(f, 5));
    assert_int_equal(next(f), -1);
    leave(f);
    assert_int_equal(next(f), 5); /* a hypervisor sees that a halted vCPU is to wake */
    enter(f);
    take(f, 5);
}

static void test_no_more_interrupts_are_loaded_than_there_are_list_registers(void **state)
{
    struct fixture *f = *state;
    for (unsigned n = 2; n <= VS_GIC_LISTS; n++) {
        f->config.list_registers = n;
        make(f, true);
        vs_gic_prioritize(&f->g, 99, 0x80);
        for (unsigned i = 0; i < n; i++) {
            raise(f, (uint8_t)(40 + i));
        }
        raise(f, 99); /* the last to come, and first in priority */
        enter(f);
        assert_int_equal(f->g.used, n);
        assert_int_equal(f->g.count[VS_CNT_gic_no_room], 1);
        take(f, 99);
        end(f, 99);
        leave(f);
        enter(f); /* there is room now */
        for (unsigned i = 0; i < n; i++) {
            int intid = next(f);
            assert_true(intid >= 40);
            take(f, (uint8_t)intid);
            end(f, (uint8_t)intid);
        }
        assert_int_equal(next(f), -1);
        assert_int_equal(f->g.count[VS_CNT_gic_acknowledged], n + 1u);
    }
}

static void test_an_active_interrupt_keeps_its_list_register(void **state)
{
    struct fixture *f = *state;
    f->config.list_registers = 2;
    make(f, true);
    raise(f, 5);
    enter(f);
    take(f, 5);
    for (uint8_t i = 98; i < 100; i++) {
        vs_gic_prioritize(&f->g, i, 0x80);
        raise(f, i);
    }
    leave(f);
    enter(f);
    assert_int_equal(f->g.lr[0] & VS_LR_INTID, 5);
    end(f, 5);
    leave(f);
    enter(f);
    take(f, 98);
}

/* ICH_HCR_EL2 and a register for each interrupt; back: ICH_ELRSR_EL2, those that hold something are
 * read, all are cleared, ICH_HCR_EL2. Nothing at all where nothing is pending. */
static void test_each_access_to_a_list_register_costs_a_system_register(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    uint64_t from = vs_now(&f->t).v;
    enter(f);
    leave(f);
    assert_int_equal(vs_now(&f->t).v, from);
    for (unsigned n = 1; n <= 4; n++) {
        raise(f, (uint8_t)n);
        from = vs_now(&f->t).v;
        enter(f);
        assert_int_equal(vs_now(&f->t).v - from, (1 + n) * SYSTEM * CLOCK_PS);
        from = vs_now(&f->t).v;
        leave(f);
        assert_int_equal(vs_now(&f->t).v - from, (2 + 2 * n) * SYSTEM * CLOCK_PS);
    }
    enter(f);
    take(f, 1);
    end(f, 1);
    from = vs_now(&f->t).v;
    leave(f);
    assert_int_equal(vs_now(&f->t).v - from, (2 + 4 + 3) * SYSTEM * CLOCK_PS);
    assert_int_equal(f->g.count[VS_CNT_gic_list_writes], 1 + 2 + 3 + 4 + 4);
    assert_int_equal(f->g.count[VS_CNT_gic_list_reads], 1 + 2 + 3 + 4 + 3);
    assert_int_equal(f->touches, 2 * 5);
}

/* ICH_HCR_EL2.UIE and ICH_MISR_EL2.U: zero or one list register holds something. */
static void test_an_underflow_is_signalled_only_while_others_wait(void **state)
{
    struct fixture *f = *state;
    f->config.list_registers = 2;
    make(f, true);
    for (uint8_t i = 0; i < 3; i++) {
        raise(f, i);
    }
    enter(f);
    assert_false(f->port.maintenance(f->port.ctx));
    take(f, 0);
    assert_false(f->port.maintenance(f->port.ctx)); /* active is in use */
    end(f, 0);
    assert_true(f->port.maintenance(f->port.ctx));
    leave(f);
    assert_false(f->port.maintenance(f->port.ctx));
    enter(f); /* 1 and 2: nobody waits */
    take(f, 1);
    end(f, 1);
    assert_false(f->port.maintenance(f->port.ctx));
    assert_int_equal(f->g.count[VS_CNT_gic_underflows], 1);
}

/* ICH_LR<n>_EL2.HW: the end of the virtual interrupt deactivates the physical one. */
static void test_the_timers_physical_interrupt_is_held_until_the_guest_ends_it(void **state)
{
    struct fixture *f = *state;
    make(f, true);
    raise(f, 5);
    assert_false(f->port.held(f->port.ctx, 5));
    assert_true(raise(f, PPI));
    enter(f);
    assert_int_equal(f->g.lr[1] >> 32 & 0x3ff, PPI);
    assert_true(f->g.lr[1] & VS_LR_HW);
    assert_false(f->g.lr[0] & VS_LR_HW);
    take(f, 5);
    end(f, 5);
    assert_true(f->port.held(f->port.ctx, PPI));
    take(f, PPI);
    leave(f);
    enter(f);
    assert_int_equal(f->g.lr[0] >> 62, 2); /* never pending and active */
    assert_true(f->port.held(f->port.ctx, PPI));
    end(f, PPI);
    assert_false(f->port.held(f->port.ctx, PPI));
    assert_int_equal(f->g.count[VS_CNT_gic_deactivated], 1);
}

static void test_bare_metal_has_no_list_registers(void **state)
{
    struct fixture *f = *state;
    assert_null(f->port.load);
    assert_null(f->port.save);
    assert_null(f->port.held);
}

/* ---- SGIs: ICC_SGI1R_EL1 ---- */

static void test_an_sgi_reaches_the_processor_it_names(void **state)
{
    struct fixture *f = *state;
    for (unsigned to = 0; to < 64; to++) {
        uint64_t value = f->port.command(13, to);
        assert_int_equal(value >> 24 & 15, 13);
        for (unsigned cpu = 0; cpu < 64; cpu++) {
            assert_int_equal(f->port.reaches(value, 0, cpu), cpu == to);
        }
    }
}

static void test_an_sgis_target_list_is_one_cluster_and_irm_is_all_others(void **state)
{
    struct fixture *f = *state;
    for (unsigned cpu = 0; cpu < 64; cpu++) {
        /* TargetList 0 and 5 of Aff1 2; the same with RS 1: Aff0 16 to 31, which nobody is */
        assert_int_equal(f->port.reaches(2u << 16 | 0x21u, 0, cpu), cpu == 32 || cpu == 37);
        assert_false(f->port.reaches(1ull << 44 | 2u << 16 | 0x21u, 0, cpu));
        assert_int_equal(f->port.reaches(1ull << 40, 7, cpu), cpu != 7);
    }
}

/* ---- time ---- */

static void test_acknowledge_end_and_sgi_take_their_own_time(void **state)
{
    struct fixture *f = *state;
    const struct vs_gic_config *c = &f->config;
    raise(f, 5);
    uint64_t from = vs_now(&f->t).v;
    take(f, 5);
    assert_int_equal(vs_now(&f->t).v - from, (c->signal + c->acknowledge) * CLOCK_PS);
    from = vs_now(&f->t).v;
    end(f, 5);
    assert_int_equal(vs_now(&f->t).v - from, c->eoi * CLOCK_PS);
    from = vs_now(&f->t).v;
    f->port.send(f->port.ctx, &f->t);
    assert_int_equal(vs_now(&f->t).v - from, c->sgi * CLOCK_PS);
    assert_int_equal(f->port.message_ps, c->message * CLOCK_PS);
}

/* GICv4: a device's message is pending at the virtual CPU interface, whatever the list registers
 * hold; GICv4.1: SGIs, too. PPIs are software's always. */
static void test_the_its_delivers_what_its_version_can(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t direct;
        bool device, sgi;
    } law[] = {{0, false, false}, {1, true, false}, {2, true, true}};
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        f->config.direct = law[i].direct;
        make(f, true);
        f->port.load(f->port.ctx, NULL);
        assert_int_equal(f->port.post != NULL, law[i].direct != 0);
        for (uint8_t intid = 0; f->port.post && intid < 64u; intid += 16u) {
            bool mine = intid >= 32 ? law[i].device : intid < 16 && law[i].sgi;
            assert_int_equal(f->port.post(f->port.ctx, intid, (vs_ps){1}), mine);
            assert_int_equal(f->port.post_ps(f->port.ctx, intid) != 0, mine);
            assert_int_equal(next(f), mine ? intid : -1);
            if (mine) { /* neither has an active state: it can come again at once */
                f->port.deliver(f->port.ctx, &f->t, intid, VS_IRQ_EVALUATED);
                f->port.end(f->port.ctx, &f->t, intid, false);
                assert_int_equal(next(f), -1);
            }
        }
    }
}

static void test_what_is_delivered_directly_competes_by_priority(void **state)
{
    struct fixture *f = *state;
    f->config.direct = 2;
    make(f, true);
    vs_gic_prioritize(&f->g, 3, 0x80);
    (void)raise(f, 3);
    f->port.load(f->port.ctx, NULL);
    (void)f->port.post(f->port.ctx, 2, (vs_ps){1});
    assert_int_equal(next(f), 3);
    f->port.deliver(f->port.ctx, &f->t, 3, VS_IRQ_EVALUATED);
    assert_int_equal(next(f), -1); /* of lower priority than what runs */
    f->port.end(f->port.ctx, &f->t, 3, false);
    assert_int_equal(next(f), 2);
}

int main(void)
{
#define LAW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_the_lowest_priority_value_comes_first),
        LAW(test_the_mask_holds_back_its_own_priority_and_lower_ones),
        LAW(test_unimplemented_bits_of_a_priority_read_as_zero),
        LAW(test_only_a_higher_priority_preempts_what_runs),
        LAW(test_an_active_interrupt_that_comes_again_waits_for_its_end),
        LAW(test_a_list_register_goes_from_pending_to_active_to_invalid),
        LAW(test_what_comes_again_while_active_is_both_in_one_list_register),
        LAW(test_an_exit_and_an_entry_change_no_state),
        LAW(test_what_arrives_in_a_guest_waits_for_the_next_entry),
        LAW(test_no_more_interrupts_are_loaded_than_there_are_list_registers),
        LAW(test_an_active_interrupt_keeps_its_list_register),
        LAW(test_an_underflow_is_signalled_only_while_others_wait),
        LAW(test_each_access_to_a_list_register_costs_a_system_register),
        LAW(test_the_timers_physical_interrupt_is_held_until_the_guest_ends_it),
        LAW(test_bare_metal_has_no_list_registers),
        LAW(test_the_its_delivers_what_its_version_can),
        LAW(test_what_is_delivered_directly_competes_by_priority),
        LAW(test_an_sgi_reaches_the_processor_it_names),
        LAW(test_an_sgis_target_list_is_one_cluster_and_irm_is_all_others),
        LAW(test_acknowledge_end_and_sgi_take_their_own_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
