/* SPDX-License-Identifier: MIT */
/* Laws of the VMCB, its vectors and the world switch. */
#include "svm/svm.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VMCB 0x10000u
#define HOST 0x11000u
#define IOPM 0x12000u
#define MSRPM 0x16000u
#define PS 400u /* of a cycle */

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_svm_config config;
    struct vs_svm s;
    uint16_t guest, host;
    uint64_t reads[0x20], writes[0x20]; /* touches by page */
    uint64_t flushes, last_at;
    enum vs_flush what;
    uint16_t asid;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    assert_true(at.v >> 12 < 0x20);
    (ref == VS_REF_WRITE ? f->writes : f->reads)[at.v >> 12]++;
    f->last_at = at.v;
}

static uint64_t flush(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid, uint16_t pcid,
                      uint64_t eptp, vs_gva at)
{
    struct fixture *f = ctx;
    (void)t, (void)pcid, (void)eptp, (void)at;
    f->flushes++;
    f->what = what;
    f->asid = vpid;
    return 0;
}

static void boot(struct fixture *f)
{
    struct vs_svm_wiring w = {.ledger = f->ledger,
                              .clock = {PS},
                              .phys = f->phys,
                              .mem = {.ctx = f, .touch = touch},
                              .tlb = {.ctx = f, .flush = flush},
                              .guest_actor = f->guest};
    vs_svm_init(&f->s, &f->config, &w);
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                 0x50000);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(1u << 20);
    uint16_t line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_defaults(&vs_svm_desc, &f->config);
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
    vs_phys_destroy(f->phys);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static uint64_t vmcb64(struct fixture *f, uint64_t offset)
{
    uint64_t v;
    vs_phys_read(f->phys, (vs_hpa){VMCB + offset}, &v, sizeof v);
    return v;
}

static void test_a_clear_bit_of_the_vectors_keeps_the_guest_running(void **state)
{
    struct fixture *f = *state;
    uint64_t *const knob[] = {&f->config.intercept_cpuid, &f->config.intercept_hlt,
                              &f->config.intercept_io, &f->config.intercept_msr,
                              &f->config.intercept_vmmcall};
    static const uint32_t code[] = {0x72, 0x78, 0x7b, 0x7c, 0x81};
    for (size_t i = 0; i < 5; i++) {
        assert_true(vs_svm_intercepts(&f->s, NULL, code[i], 0));
        assert_true(vmcb64(f, 0x00c) >> (code[i] - 0x60u) & 1u);
        *knob[i] = 0;
        boot(f);
        assert_false(vs_svm_intercepts(&f->s, NULL, code[i], 0));
        *knob[i] = 1;
        boot(f);
    }
    /* the vectors in memory decide, not the knobs */
    uint64_t none = 0;
    vs_phys_write(f->phys, (vs_hpa){VMCB + 0x00c}, &none, sizeof none);
    assert_false(vs_svm_intercepts(&f->s, NULL, VS_SVM_CPUID, 0));
    assert_true(vs_svm_intercepts(&f->s, NULL, VS_SVM_NPF, 0)); /* no vector has a bit for it */
}

static bool bit(struct fixture *f, unsigned code)
{
    return vmcb64(f, code / 64u * 8u) >> code % 64u & 1u;
}

/* Linux arch/x86/kvm/svm/svm.c, init_vmcb: nested paging spares the guest these exits. */
static void test_without_nested_paging_the_vmcb_asks_for_what_shadow_tables_need(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t code;
        unsigned bit; /* of the VMCB's first bytes, APM volume 2, table B-1 */
    } shadow[] = {{VS_SVM_READ_CR0 + 3, 3},
                  {VS_SVM_WRITE_CR0 + 3, 16 + 3},
                  {VS_SVM_EXCEPTION + 14, 8 * 8 + 14},
                  {VS_SVM_INVLPG, 12 * 8 + 25}};
    for (int nested = 0; nested < 2; nested++) {
        vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                     nested ? 0x50000 : 0);
        assert_int_equal(vmcb64(f, 0x090), nested);
        assert_int_equal(vmcb64(f, 0x0b0), nested ? 0x50000 : 0);
        for (size_t i = 0; i < sizeof shadow / sizeof shadow[0]; i++) {
            assert_int_equal(bit(f, shadow[i].bit), !nested);
            assert_int_equal(vs_svm_intercepts(&f->s, NULL, shadow[i].code, 0), !nested);
        }
        assert_true(bit(f, 8 * 8 + 6)); /* #UD either way */
        assert_true(vs_svm_intercepts(&f->s, NULL, VS_SVM_WRITE_CR0 + 4, 0));
        assert_false(vs_svm_intercepts(&f->s, NULL, VS_SVM_EXCEPTION + 13, 0));
    }
}

/* What a user asks for by name sets the bit of the VMCB, and no other. */
static void test_with_nested_paging_these_exits_can_be_asked_for(void **state)
{
    struct fixture *f = *state;
    const struct {
        bool *asked;
        uint32_t code;
        unsigned bit;
    } law[] = {{&f->s.wire.cr3_store, VS_SVM_READ_CR0 + 3, 3},
               {&f->s.wire.cr3_load, VS_SVM_WRITE_CR0 + 3, 16 + 3},
               {&f->s.wire.invlpg, VS_SVM_INVLPG, 12 * 8 + 25}};
    for (size_t i = 0; i < 3; i++) {
        *law[i].asked = true;
        vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                     0x50000);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(bit(f, law[k].bit), k == i);
            assert_int_equal(vs_svm_intercepts(&f->s, NULL, law[k].code, 0), k == i);
        }
        *law[i].asked = false;
    }
}

static void test_the_permission_maps_are_read_where_the_manual_puts_them(void **state)
{
    struct fixture *f = *state;
    /* MSRs: two bits each, ranges from 0, 0xc0000000 and 0xc0010000 in 2 KiB each; ports: a bit */
    static const struct {
        uint32_t code, number;
        uint64_t at;
    } want[] = {{VS_SVM_MSR, 0x1b, MSRPM},
                {VS_SVM_MSR, 0x1fff, MSRPM + 0x7f8},
                {VS_SVM_MSR, 0xc0000080, MSRPM + 0x820},
                {VS_SVM_MSR, 0xc0010117, MSRPM + 0x1040},
                {VS_SVM_IOIO, 0x40, IOPM + 8},
                {VS_SVM_IOIO, 0xffff, IOPM + 0x1ff8}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(vs_svm_intercepts(&f->s, &f->t, want[i].code, want[i].number));
        assert_int_equal(f->last_at, want[i].at);
    }
    f->last_at = 0;
    assert_true(vs_svm_intercepts(&f->s, &f->t, VS_SVM_CPUID, 0));
    assert_int_equal(f->last_at, 0); /* CPUID has no map */
}

static void test_an_exit_records_its_code_and_touches_its_lines(void **state)
{
    struct fixture *f = *state;
    vs_svm_exit(&f->s, &f->t, VS_SVM_NPF, 0x100000007, 0xabc000);
    assert_int_equal(vmcb64(f, 0x070), 0x400);
    assert_true(vmcb64(f, 0x078) == 0x100000007);
    assert_int_equal(vmcb64(f, 0x080), 0xabc000);
    /* state 0x400-0x67f: ten lines; control from 0x40 on: three */
    assert_int_equal(f->writes[VMCB >> 12], 13);
    assert_int_equal(f->reads[VMCB >> 12], 0);
    assert_int_equal(f->reads[HOST >> 12], 16);
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(f->reads[VMCB >> 12], 14); /* the same ten, and all four of control */
    assert_int_equal(f->writes[HOST >> 12], 16);
    assert_int_equal(f->s.count[VS_CNT_svm_exits], 1);
    assert_int_equal(f->s.count[VS_CNT_svm_entries], 1);
}

static void test_every_knob_of_time_is_paid_as_often_as_its_part_happens(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t at;
        uint64_t times;
    } knob[] = {{offsetof(struct vs_svm_config, exit_detect), 1},
                {offsetof(struct vs_svm_config, entry_begin), 1},
                {offsetof(struct vs_svm_config, entry_fetch), 1},
                {offsetof(struct vs_svm_config, vmload), 3},
                {offsetof(struct vs_svm_config, gif), 2},
                {offsetof(struct vs_svm_config, field_save), 32 + 6 + 12},
                {offsetof(struct vs_svm_config, field_load), 8 + 24 + 28},
                {offsetof(struct vs_svm_config, field_load_cr), 4 + 4}};
    uint64_t before = 0;
    for (size_t i = 0; i <= sizeof knob / sizeof knob[0]; i++) {
        if (i) {
            *(uint64_t *)(void *)((char *)&f->s.config + knob[i - 1].at) += 1;
        }
        uint64_t start = vs_now(&f->t).v;
        vs_txn_actor(&f->t, f->host);
        vs_svm_exit(&f->s, &f->t, VS_SVM_CPUID, 0, 0);
        vs_svm_enter(&f->s, &f->t);
        uint64_t cycles = (vs_now(&f->t).v - start) / PS;
        if (i) {
            assert_int_equal(cycles - before, knob[i - 1].times);
        }
        before = cycles;
    }
}

/* APM volume 2, 15.16.1: 0 nothing, 1 everything, 3 this ASID, 7 its non-global entries. */
static void test_tlb_control_drops_an_asid_or_everything(void **state)
{
    struct fixture *f = *state;
    static const uint64_t encoded[] = {0, 3, 1, 7};
    static const enum vs_flush what[] = {0, VS_FLUSH_ASID, VS_FLUSH_ASIDS, VS_FLUSH_ASID_NONGLOBAL};
    for (uint64_t i = 0; i < 4; i++) {
        f->config.tlb_control = i;
        boot(f);
        f->flushes = 0;
        assert_true(vmcb64(f, 0x058) == (5u | encoded[i] << 32));
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(f->flushes, i != 0);
        uint64_t from = vs_now(&f->t).v, more = 7;
        vs_svm_enter(&f->s, &f->t);
        uint64_t took = vs_now(&f->t).v - from;
        f->s.config.tlb_flush += more;
        from += took;
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(vs_now(&f->t).v - from, took + (i ? more * PS : 0));
        if (i) {
            assert_int_equal(f->what, what[i]);
            assert_int_equal(f->asid, 5);
        }
    }
}

/* KVM's svm_flush_tlb_asid; afterwards tlb_ctl is TLB_CONTROL_DO_NOTHING again. */
static void test_a_flush_asked_for_once_is_the_next_vmruns(void **state)
{
    struct fixture *f = *state;
    uint64_t start = vs_now(&f->t).v;
    vs_svm_enter(&f->s, &f->t);
    uint64_t plain = vs_now(&f->t).v - start;
    f->flushes = 0;
    vs_svm_flush_asid(&f->s, NULL);
    assert_int_equal(f->flushes, 0);
    assert_true(vmcb64(f, 0x058) == (5u | 3ull << 32));
    start = vs_now(&f->t).v;
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(vs_now(&f->t).v - start, plain + f->s.config.tlb_flush * PS);
    assert_int_equal(f->flushes, 1);
    assert_int_equal(f->what, VS_FLUSH_ASID);
    assert_true(vmcb64(f, 0x058) == 5u);
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(f->flushes, 1);
}

static bool value_read(void *ctx, struct vs_txn *t, uint32_t field, uint64_t *value)
{
    (void)ctx;
    assert_null(t); /* VMX's own price is not paid */
    *value = field;
    return true;
}
static bool value_write(void *ctx, struct vs_txn *t, uint32_t field, uint64_t value)
{
    (void)ctx, (void)field, (void)value;
    assert_null(t);
    return true;
}

static void test_handlers_load_and_store_the_vmcb(void **state)
{
    struct fixture *f = *state;
    struct vs_vmcs_port values = {NULL, value_read, value_write},
                        port = vs_svm_port(&f->s, &values);
    uint64_t v = 0;
    assert_true(port.vmread(port.ctx, &f->t, 0x681e, &v)); /* RIP */
    assert_int_equal(v, 0x681e);
    assert_int_equal(f->last_at, VMCB + 0x578);
    assert_true(port.vmwrite(port.ctx, &f->t, 0x4016, 0)); /* EVENTINJ */
    assert_int_equal(f->last_at, VMCB + 0x0a8);
    f->last_at = 0;
    assert_true(port.vmread(port.ctx, NULL, 0x681e, &v)); /* untimed */
    assert_int_equal(f->last_at, 0);
}

/* APM volume 2, table B-1: what KVM's init_vmcb asks of every guest, with the exits that knobs can
 * turn off; no other bit is set. */
static void test_the_vectors_ask_for_these_exits_and_no_others(void **state)
{
    struct fixture *f = *state;
    /* CR0 and CR4 read; CR0, CR4 and CR8 written; #DB, #UD, #AC, #MC */
    assert_true(vmcb64(f, 0x000) == 0x01110011u);
    assert_true((vmcb64(f, 0x008) & 0xffffffffu) == 0x00060042u);
    /* INTR, NMI, VINTR, RDTSC, CPUID, PAUSE, HLT, IOIO, MSR, shutdown */
    assert_true((vmcb64(f, 0x00c) & 0xffffffffu) == 0x99844013u);
    /* VMMCALL, WBINVD, XSETBV */
    assert_true((vmcb64(f, 0x010) & 0xffffffffu) == 0x00002202u);
    assert_int_equal(f->s.count[VS_CNT_svm_not_intercepted], 0);
    assert_false(vs_svm_intercepts(&f->s, NULL, VS_SVM_EXCEPTION + 13, 0));
    assert_int_equal(f->s.count[VS_CNT_svm_not_intercepted], 1);
}

/* A hypervisor that drops everything at each entry has nothing to ask for once. */
static void test_a_flush_of_one_asid_is_part_of_a_flush_of_all(void **state)
{
    struct fixture *f = *state;
    f->config.tlb_control = 2; /* everything */
    boot(f);
    vs_svm_flush_asid(&f->s, NULL);
    assert_true(vmcb64(f, 0x058) == (5u | 1ull << 32));
    for (uint64_t i = 1; i <= 2; i++) {
        vs_svm_enter(&f->s, &f->t);
        assert_int_equal(f->what, VS_FLUSH_ASIDS);
        assert_int_equal(f->flushes, i);
        assert_int_equal(f->s.count[VS_CNT_svm_flushes], i);
    }
}

static void test_what_follows_an_entry_is_the_guests(void **state)
{
    struct fixture *f = *state;
    vs_svm_enter(&f->s, &f->t);
    assert_int_equal(f->t.actor, f->guest);
    assert_int_equal(f->s.count[VS_CNT_svm_flushes], f->flushes);
}

/* APM volume 2, tables B-1 and B-2. */
static void test_each_field_is_where_the_manual_puts_it(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t field; /* VMX encoding */
        uint64_t offset;
    } rows[] = {{0x2400, 0x080}, {0x4016, 0x0a8}, {0x4018, 0x0a8}, {0x4402, 0x070},
                {0x4404, 0x088}, {0x4408, 0x088}, {0x440c, 0x0c8}, {0x4816, 0x410},
                {0x4824, 0x068}, {0x6400, 0x078}, {0x6802, 0x550}, {0x681c, 0x5d8},
                {0x681e, 0x578}, {0x6820, 0x570}, {0x0810, 0x060}};
    struct vs_vmcs_port values = {NULL, value_read, value_write},
                        port = vs_svm_port(&f->s, &values);
    uint64_t v;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(port.vmread(port.ctx, &f->t, rows[i].field, &v));
        assert_int_equal(f->last_at, VMCB + rows[i].offset);
        assert_int_equal(f->s.count[VS_CNT_svm_fields], i + 1);
    }
    f->last_at = 0;
    assert_true(port.vmread(port.ctx, &f->t, 0x6c00, &v)); /* the host's CR0 is not there */
    assert_int_equal(f->last_at, 0);
    assert_int_equal(f->s.count[VS_CNT_svm_fields], sizeof rows / sizeof rows[0]);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_clear_bit_of_the_vectors_keeps_the_guest_running),
        LAW(test_without_nested_paging_the_vmcb_asks_for_what_shadow_tables_need),
        LAW(test_the_permission_maps_are_read_where_the_manual_puts_them),
        LAW(test_an_exit_records_its_code_and_touches_its_lines),
        LAW(test_every_knob_of_time_is_paid_as_often_as_its_part_happens),
        LAW(test_with_nested_paging_these_exits_can_be_asked_for),
        LAW(test_tlb_control_drops_an_asid_or_everything),
        LAW(test_a_flush_asked_for_once_is_the_next_vmruns),
        LAW(test_handlers_load_and_store_the_vmcb),
        LAW(test_the_vectors_ask_for_these_exits_and_no_others),
        LAW(test_a_flush_of_one_asid_is_part_of_a_flush_of_all),
        LAW(test_what_follows_an_entry_is_the_guests),
        LAW(test_each_field_is_where_the_manual_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
