/* SPDX-License-Identifier: MIT */
/* Laws of the local APIC and of the posted-interrupt descriptor. */
#include "apic/apic.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLOCK_PS 400u
#define LINE_PS 3000u
#define DESCRIPTOR 0x4000u
#define NOTIFY 0xf2u
#define WAKE_UP 0xf1u

/* Memory whose only cost is one price an access. */
struct fake_memory {
    struct vs_phys *phys;
    uint16_t account;
    uint64_t loads, stores;
};

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_apic_config config;
    struct vs_apic a;
    struct fake_memory memory;
    struct vs_mem_port port;
    uint16_t guest;
};

static const struct vs_account_desc fake_accounts[] = {{"fake.line", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, fake_accounts, 1, NULL, 0, 0};

static vs_hpa hpa(uint64_t v)
{
    vs_hpa h = {v};
    return h;
}

static uint64_t fake_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct fake_memory *m = ctx;
    m->loads++;
    vs_charge(t, m->account, (vs_ps){LINE_PS});
    return vs_phys_read64(m->phys, at);
}

static void fake_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct fake_memory *m = ctx;
    m->stores++;
    vs_charge(t, m->account, (vs_ps){LINE_PS});
    vs_phys_write64(m->phys, at, value);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vs_clock clock = {CLOCK_PS};
    vs_defaults(&vs_apic_desc, &f->config);
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(1u << 20);
    f->memory =
        (struct fake_memory){.phys = f->phys, .account = vs_ledger_accounts(f->ledger, &fake)};
    f->port = (struct vs_mem_port){&f->memory, fake_load, fake_store, NULL, NULL, NULL};
    vs_apic_init(&f->a, &f->config, f->ledger, clock, f->phys, hpa(DESCRIPTOR), NOTIFY);
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    vs_txn_begin(&f->t, f->ledger, f->guest, (vs_ps){0});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char why[200] = "";
    vs_txn_end(&f->t);
    if (vs_ledger_unbalanced(f->ledger, why, sizeof why)) {
        fail_msg("%s", why);
    }
    vs_ledger_destroy(f->ledger);
    vs_phys_destroy(f->phys);
    free(f);
    return 0;
}

static bool raise(struct fixture *f, uint8_t vector)
{
    return vs_apic_raise(&f->a, vector, (vs_ps){0});
}

static uint64_t deliver(struct fixture *f, uint8_t vector, enum vs_irq_how how)
{
    uint64_t start = vs_now(&f->t).v;
    vs_apic_deliver(&f->a, &f->t, vector, how);
    return vs_now(&f->t).v - start;
}

/* ---- local APIC ---- */

static void test_vectors_below_16_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(raise(f, 15));
    assert_int_equal(vs_apic_pending(&f->a), VS_APIC_NONE);
    assert_true(raise(f, 16));
    assert_int_equal(vs_apic_pending(&f->a), 16);
}

static void test_a_pending_vector_merges_with_itself(void **state)
{
    struct fixture *f = *state;
    assert_true(raise(f, 0x55));
    assert_false(raise(f, 0x55));
    deliver(f, 0x55, VS_IRQ_ACCEPTED);
    assert_true(raise(f, 0x55)); /* requested again while in service */
    assert_int_equal(f->a.count[VS_CNT_apic_raised], 3);
    assert_int_equal(f->a.count[VS_CNT_apic_merged], 1);
}

static void test_the_highest_of_any_two_vectors_is_pending(void **state)
{
    struct fixture *f = *state;
    for (unsigned low = 16; low < 255; low += 7) {
        for (unsigned high = low + 1; high < 256; high += 13) {
            f->a.irr[0] = f->a.irr[1] = f->a.irr[2] = f->a.irr[3] = 0;
            raise(f, (uint8_t)high);
            raise(f, (uint8_t)low);
            assert_int_equal(vs_apic_pending(&f->a), high);
            assert_int_equal(vs_apic_rvi(&f->a), high);
        }
    }
}

static void test_only_a_higher_class_interrupts_a_handler(void **state)
{
    struct fixture *f = *state;
    raise(f, 0x51);
    deliver(f, 0x51, VS_IRQ_ACCEPTED);
    assert_int_equal(vs_apic_svi(&f->a), 0x51);
    raise(f, 0x5f); /* same class: 14 vectors higher is not enough */
    assert_int_equal(vs_apic_pending(&f->a), VS_APIC_NONE);
    raise(f, 0x60);
    assert_int_equal(vs_apic_pending(&f->a), 0x60);
}

static void test_the_task_priority_holds_back_its_class_and_those_below(void **state)
{
    struct fixture *f = *state;
    raise(f, 0x8f);
    f->a.tpr = 0x80;
    assert_int_equal(vs_apic_pending(&f->a), VS_APIC_NONE);
    f->a.tpr = 0x7f;
    assert_int_equal(vs_apic_pending(&f->a), 0x8f);
}

static void test_processor_priority_is_the_higher_of_task_and_service(void **state)
{
    struct fixture *f = *state;
    f->a.tpr = 0x23;
    assert_int_equal(vs_apic_ppr(&f->a), 0x23);
    raise(f, 0x47);
    deliver(f, 0x47, VS_IRQ_ACCEPTED);
    assert_int_equal(vs_apic_ppr(&f->a), 0x40); /* the class alone */
    f->a.tpr = 0x45;
    assert_int_equal(vs_apic_ppr(&f->a), 0x45);
}

static void test_each_end_of_interrupt_clears_one_service_bit_highest_first(void **state)
{
    struct fixture *f = *state;
    const uint8_t nested[] = {0x31, 0x52, 0x93, 0xe4};
    for (int i = 0; i < 4; i++) {
        raise(f, nested[i]);
        assert_int_equal(vs_apic_pending(&f->a), nested[i]);
        deliver(f, nested[i], VS_IRQ_ACCEPTED);
    }
    for (int i = 3; i >= 0; i--) {
        assert_int_equal(vs_apic_svi(&f->a), nested[i]);
        assert_int_equal(vs_apic_eoi(&f->a, &f->t, false), nested[i]);
    }
    assert_int_equal(vs_apic_eoi(&f->a, &f->t, false), VS_APIC_NONE);
    assert_int_equal(vs_apic_svi(&f->a), 0);
}

static void test_what_was_held_back_follows_the_end_of_interrupt(void **state)
{
    struct fixture *f = *state;
    raise(f, 0x61);
    deliver(f, 0x61, VS_IRQ_ACCEPTED);
    raise(f, 0x41);
    assert_int_equal(vs_apic_pending(&f->a), VS_APIC_NONE);
    vs_apic_eoi(&f->a, &f->t, false);
    assert_int_equal(vs_apic_pending(&f->a), 0x41);
}

static void test_each_way_of_delivery_has_its_price(void **state)
{
    struct fixture *f = *state;
    raise(f, 0x41);
    assert_int_equal(deliver(f, 0x41, VS_IRQ_ACCEPTED), f->config.accept * CLOCK_PS);
    raise(f, 0x51);
    assert_int_equal(deliver(f, 0x51, VS_IRQ_EVALUATED), f->config.evaluate * CLOCK_PS);
    raise(f, 0x61);
    assert_int_equal(deliver(f, 0x61, VS_IRQ_INJECTED), 0); /* the entry paid */
    assert_int_equal(vs_apic_svi(&f->a), 0x61);
}

static void test_an_end_of_interrupt_that_exits_is_priced_by_its_exit(void **state)
{
    struct fixture *f = *state;
    raise(f, 0x41);
    deliver(f, 0x41, VS_IRQ_INJECTED);
    uint64_t start = vs_now(&f->t).v;
    assert_int_equal(vs_apic_eoi(&f->a, &f->t, true), 0x41);
    assert_int_equal(vs_now(&f->t).v, start);
    vs_apic_eoi(&f->a, &f->t, false);
    assert_int_equal(vs_now(&f->t).v - start, f->config.eoi_native * CLOCK_PS);
    f->a.cfg.mode = VS_APIC_XAPIC; /* a store to its page */
    start = vs_now(&f->t).v;
    vs_apic_eoi(&f->a, &f->t, false);
    assert_int_equal(vs_now(&f->t).v - start, f->config.xapic_native * CLOCK_PS);
}

/* ---- posted interrupts ---- */

static void test_the_descriptor_has_its_fields_where_the_manual_has_them(void **state)
{
    struct fixture *f = *state;
    vs_pi_notify(&f->a, NOTIFY, 0x12345678);
    assert_true(vs_pi_post(&f->a, 0xa7, (vs_ps){0}));
    vs_pi_suppress(&f->a, true);
    unsigned char b[64];
    vs_phys_read(f->phys, hpa(DESCRIPTOR), b, sizeof b);
    assert_int_equal(b[0xa7 / 8], 1u << (0xa7 % 8)); /* PIR 255:0 */
    assert_int_equal(b[32], 3);                      /* ON 256, SN 257 */
    assert_int_equal(b[34], NOTIFY);                 /* NV 279:272 */
    assert_int_equal(b[36] | b[37] << 8, 0x5678);    /* NDST 319:288 */
    assert_int_equal(b[38] | b[39] << 8, 0x1234);
    for (unsigned i = 0; i < 64; i++) {
        if (i != 0xa7 / 8 && i != 32 && i != 34 && (i < 36 || i > 39)) {
            assert_int_equal(b[i], 0);
        }
    }
}

static void test_a_second_post_before_the_sync_sends_no_second_notification(void **state)
{
    struct fixture *f = *state;
    assert_true(vs_pi_post(&f->a, 0x41, (vs_ps){0}));
    assert_false(vs_pi_post(&f->a, 0x42, (vs_ps){0}));
    assert_false(vs_pi_post(&f->a, 0x41, (vs_ps){0}));
    assert_int_equal(vs_pi_sync(&f->a, &f->t, &f->port), 2);
    assert_true(vs_pi_post(&f->a, 0x42, (vs_ps){0}));
    assert_int_equal(f->a.count[VS_CNT_apic_posts], 4);
    assert_int_equal(f->a.count[VS_CNT_apic_notifications], 2);
}

static void test_a_sync_moves_every_request_and_empties_the_descriptor(void **state)
{
    struct fixture *f = *state;
    for (unsigned v = 16; v < 256; v += 5) {
        vs_pi_post(&f->a, (uint8_t)v, (vs_ps){v});
    }
    assert_true(vs_pi_outstanding(&f->a));
    vs_pi_sync(&f->a, &f->t, &f->port);
    assert_false(vs_pi_outstanding(&f->a));
    for (unsigned v = 16; v < 256; v++) {
        assert_int_equal((f->a.irr[v >> 6] >> (v & 63)) & 1, (v - 16) % 5 == 0);
    }
    assert_int_equal(f->a.raised_ps[21], 21); /* when it was posted, not when it was moved */
    assert_int_equal(vs_pi_sync(&f->a, &f->t, &f->port), 0);
}

static void test_a_sync_costs_its_processing_and_the_descriptors_line(void **state)
{
    struct fixture *f = *state;
    vs_pi_post(&f->a, 0x41, (vs_ps){0});
    uint64_t start = vs_now(&f->t).v;
    vs_pi_sync(&f->a, &f->t, &f->port);
    assert_int_equal(vs_now(&f->t).v - start, f->config.pi_process * CLOCK_PS + 2 * LINE_PS);
    assert_int_equal(f->memory.loads, 1);
    assert_int_equal(f->memory.stores, 1);
}

static void test_suppression_silences_posts_until_it_ends(void **state)
{
    struct fixture *f = *state;
    vs_pi_suppress(&f->a, true);
    assert_false(vs_pi_post(&f->a, 0x41, (vs_ps){0}));
    assert_true(vs_pi_outstanding(&f->a)); /* silent, not lost */
    assert_true(vs_pi_suppress(&f->a, false));
    assert_false(vs_pi_post(&f->a, 0x42, (vs_ps){0})); /* that notification is under way */
    assert_int_equal(f->a.count[VS_CNT_apic_notifications], 1);
}

static void test_the_end_of_suppression_tells_nobody_what_was_told_or_not_posted(void **state)
{
    struct fixture *f = *state;
    vs_pi_suppress(&f->a, true);
    assert_false(vs_pi_suppress(&f->a, false));
    assert_true(vs_pi_post(&f->a, 0x41, (vs_ps){0}));
    vs_pi_suppress(&f->a, true);
    assert_false(vs_pi_suppress(&f->a, false));
}

/* SDM table 30-1: NV in bits 279:272, NDST in bits 319:288 of the descriptor. */
static uint64_t notification(const struct fixture *f)
{
    return vs_phys_read64(f->phys, hpa(DESCRIPTOR + 32)) >> 16;
}

static void test_the_notification_changes_its_vector_and_keeps_what_is_posted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(notification(f) & 0xffu, NOTIFY);
    vs_pi_post(&f->a, 0x41, (vs_ps){0});
    vs_pi_notify(&f->a, WAKE_UP, 7);
    assert_int_equal(notification(f) & 0xffu, WAKE_UP);
    assert_int_equal(notification(f) >> 16, 7);
    assert_true(vs_pi_outstanding(&f->a));
    assert_false(vs_pi_post(&f->a, 0x42, (vs_ps){0})); /* ON survived */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- times and accounts ---- */

/* What counts is when the vector became pending, however often it is raised after that. */
static void test_a_vector_is_as_old_as_its_first_raise(void **state)
{
    struct fixture *f = *state;
    assert_true(vs_apic_raise(&f->a, 0x41, (vs_ps){100}));
    assert_false(vs_apic_raise(&f->a, 0x41, (vs_ps){200}));
    assert_int_equal(f->a.raised_ps[0x41], 100);
    (void)deliver(f, 0x41, VS_IRQ_EVALUATED);
    assert_true(vs_apic_raise(&f->a, 0x41, (vs_ps){300}));
    assert_int_equal(f->a.raised_ps[0x41], 300);
    (void)vs_pi_post(&f->a, 0xc5, (vs_ps){400});
    (void)vs_pi_post(&f->a, 0xc5, (vs_ps){500});
    assert_int_equal(vs_pi_sync(&f->a, &f->t, &f->port), 1);
    assert_int_equal(f->a.raised_ps[0xc5], 400);
}

static void test_a_vector_in_any_word_of_the_descriptor_is_outstanding(void **state)
{
    struct fixture *f = *state;
    for (unsigned vector = 16; vector < 256; vector += 15) {
        assert_false(vs_pi_outstanding(&f->a));
        (void)vs_pi_post(&f->a, (uint8_t)vector, (vs_ps){0});
        assert_true(vs_pi_outstanding(&f->a));
        assert_int_equal(vs_pi_sync(&f->a, &f->t, &f->port), 1);
    }
}

/* VT-d 9.12: NV and NDST change; ON (bit 0) and SN (bit 1) are what they were. */
static void test_another_notification_leaves_the_flags_of_the_descriptor(void **state)
{
    struct fixture *f = *state;
    for (uint64_t flags = 0; flags < 4; flags++) {
        vs_phys_write64(f->phys, hpa(DESCRIPTOR + 32), (uint64_t)NOTIFY << 16 | flags);
        vs_pi_notify(&f->a, WAKE_UP, 0x1234);
        assert_true(vs_phys_read64(f->phys, hpa(DESCRIPTOR + 32)) ==
                    (0x1234ull << 32 | (uint64_t)WAKE_UP << 16 | flags));
    }
}

static struct vs_part part(const struct fixture *f, unsigned account)
{
    return f->t.acc->work[f->a.account + account];
}

static void test_each_way_of_delivery_is_booked_by_its_name(void **state)
{
    struct fixture *f = *state;
    (void)raise(f, 0x41);
    (void)raise(f, 0x51);
    (void)deliver(f, 0x41, VS_IRQ_ACCEPTED);
    assert_int_equal(part(f, VS_ACC_apic_accept).n, 1);
    assert_int_equal(part(f, VS_ACC_apic_evaluate).n, 0);
    (void)deliver(f, 0x51, VS_IRQ_EVALUATED);
    assert_int_equal(part(f, VS_ACC_apic_accept).n, 1);
    assert_int_equal(part(f, VS_ACC_apic_evaluate).n, 1);
    assert_int_equal(part(f, VS_ACC_apic_evaluate).ps, f->config.evaluate * CLOCK_PS);
}

/* An EOI that exits is the exit's time, in either mode of the APIC. */
static void test_an_eoi_that_exits_takes_no_time_of_its_own(void **state)
{
    struct fixture *f = *state;
    for (unsigned xapic = 0; xapic < 2; xapic++) {
        f->a.cfg.mode = xapic ? VS_APIC_XAPIC : f->config.mode;
        for (unsigned exits = 0; exits < 2; exits++) {
            (void)raise(f, 0x41);
            (void)deliver(f, 0x41, VS_IRQ_EVALUATED);
            uint64_t before = vs_now(&f->t).v;
            assert_int_equal(vs_apic_eoi(&f->a, &f->t, exits), 0x41);
            assert_int_equal(vs_now(&f->t).v == before, exits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_vectors_below_16_are_refused),
        T(test_a_pending_vector_merges_with_itself),
        T(test_the_highest_of_any_two_vectors_is_pending),
        T(test_only_a_higher_class_interrupts_a_handler),
        T(test_the_task_priority_holds_back_its_class_and_those_below),
        T(test_processor_priority_is_the_higher_of_task_and_service),
        T(test_each_end_of_interrupt_clears_one_service_bit_highest_first),
        T(test_what_was_held_back_follows_the_end_of_interrupt),
        T(test_each_way_of_delivery_has_its_price),
        T(test_an_end_of_interrupt_that_exits_is_priced_by_its_exit),
        T(test_the_descriptor_has_its_fields_where_the_manual_has_them),
        T(test_a_second_post_before_the_sync_sends_no_second_notification),
        T(test_a_sync_moves_every_request_and_empties_the_descriptor),
        T(test_a_sync_costs_its_processing_and_the_descriptors_line),
        T(test_suppression_silences_posts_until_it_ends),
        T(test_the_end_of_suppression_tells_nobody_what_was_told_or_not_posted),
        T(test_the_notification_changes_its_vector_and_keeps_what_is_posted),
        T(test_a_vector_is_as_old_as_its_first_raise),
        T(test_a_vector_in_any_word_of_the_descriptor_is_outstanding),
        T(test_another_notification_leaves_the_flags_of_the_descriptor),
        T(test_each_way_of_delivery_is_booked_by_its_name),
        T(test_an_eoi_that_exits_takes_no_time_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
