/* SPDX-License-Identifier: MIT */
/* Registers that only the MSR lists move: which the hypervisor lists, when, and what that costs. */
#include "test_vmcs.h"

#include "virtsim/trap.h"

/* The guest has left; the hypervisor lists what `kind` of this MSR asks for. How many it was. */
static unsigned listed(struct fixture *f, enum vs_trap_kind kind, uint32_t msr, uint64_t value)
{
    struct vs_trap trap = {.kind = kind, .number = msr, .value = value};
    const struct vs_vmx_exit_info info = {.reason = VS_EXIT_WRMSR};
    struct vs_world_port w = vs_vmx_world(&f->x);
    unsigned n = 0;
    if (!w.lists || !w.lists(w.ctx, NULL, &trap)) {
        return 0;
    }
    if (f->x.in_guest) {
        assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
        vs_txn_actor(&f->t, f->host);
    }
    while (w.lists(w.ctx, &f->t, &trap)) {
        n++;
    }
    return n;
}

static void again(struct fixture *f, uint64_t use, uint64_t records)
{
    f->config.list_use = use;
    f->config.branch_records = records;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_LAUNCH), VS_VMX_OK);
}

static uint64_t field(struct fixture *f, uint32_t which)
{
    uint64_t v = 0;
    assert_int_equal(vs_vmx_read(&f->x, NULL, which, &v), VS_VMX_OK);
    return v;
}

/* SDM 3B 18.4: 32 records with information, or 16 without; filter, top, and two of the last
 * interrupt. */
static void test_the_first_recorded_branch_lists_every_register_of_the_part(void **state)
{
    struct fixture *f = *state;
    const uint64_t parts[][2] = {{32, 4 + 3 * 32}, {16, 4 + 2 * 16}, {0, 0}};
    for (unsigned i = 0; i < 3; i++) {
        again(f, 1, parts[i][0]);
        assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 2), 0); /* BTF alone */
        assert_int_equal(listed(f, VS_TRAP_MSR_READ, 0x1d9, 1), 0);
        assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1), parts[i][1]);
        assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1), 0); /* once */
        if (parts[i][1]) {
            assert_int_equal(field(f, VS_VMCS_EXIT_MSR_STORE_COUNT), parts[i][1]);
            assert_int_equal(field(f, VS_VMCS_ENTRY_MSR_LOAD_COUNT), parts[i][1]);
            assert_int_equal(field(f, VS_VMCS_EXIT_MSR_LOAD_COUNT), 0);
        }
    }
    again(f, 0, 32);
    assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1), 0); /* KVM's are empty */
}

/* 26.4, 27.4: the lists are carried out in order, entry by entry, and the same area is read. */
static void test_listed_registers_cost_a_store_and_a_load_each_round_trip(void **state)
{
    struct fixture *f = *state;
    again(f, 1, 16);
    const struct vs_vmx_exit_info info = {.reason = VS_EXIT_CPUID};
    uint64_t took[2];
    for (unsigned i = 0; i < 2; i++) {
        vs_txn_actor(&f->t, f->guest);
        uint64_t t0 = vs_now(&f->t).v;
        assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
        vs_txn_actor(&f->t, f->host);
        took[i] = vs_now(&f->t).v - t0;
        if (!i) {
            assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1), 36);
        }
        t0 = vs_now(&f->t).v;
        assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
        took[i] += i ? vs_now(&f->t).v - t0 : 0;
    }
    assert_int_equal(f->x.count[VS_CNT_vmcs_msr_entries], 36 + 36 + 36); /* in, out, in */
    for (uint32_t i = 1; i < 36; i++) {                                  /* sorted, as Xen's */
        uint64_t one = vs_phys_read64(f->phys, (vs_hpa){STORE_AT + 16u * (i - 1)});
        assert_true(one < vs_phys_read64(f->phys, (vs_hpa){STORE_AT + 16u * i}));
    }
    assert_true(took[1] > took[0] + 36u * 400u * (f->config.msr_store + f->config.msr_load));
}

/* 25.6.9: bits of the bitmap are cleared for what is moved, and for nothing beside it. */
static void test_a_listed_register_exits_no_more(void **state)
{
    struct fixture *f = *state;
    f->config.control_use_msr_bitmaps = 1;
    again(f, 1, 16);
    unsigned char bits[4096];
    memset(bits, 0xff, sizeof bits);
    vs_phys_write(f->phys, (vs_hpa){MSR_BITMAP_AT}, bits, sizeof bits);
    (void)listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    const struct {
        uint32_t msr;
        bool exits;
    } rows[] = {{0x1c7, true},  {0x1c8, false}, {0x1c9, false}, {0x1ca, true},  {0x1d9, true},
                {0x1de, false}, {0x67f, true},  {0x680, false}, {0x68f, false}, {0x690, true},
                {0x6c0, false}, {0x6cf, false}, {0x6d0, true},  {0xdc0, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned write = 0; write < 2; write++) {
            struct vs_vmx_exit_info info;
            struct vs_vmx_event e = {.kind = write ? VS_EV_WRMSR : VS_EV_RDMSR,
                                     .number = rows[i].msr};
            assert_int_equal(vs_vmx_intercept(&f->x, NULL, &e, &info), rows[i].exits);
        }
    }
}

/* vpmu: the first access to a counter lists the switch of all of them, for guest and host. */
static void test_a_counter_lists_the_global_control_for_both(void **state)
{
    struct fixture *f = *state;
    again(f, 1, 32);
    assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x38f, 1), 0); /* vpmu is off */
    again(f, 2, 32);
    assert_int_equal(listed(f, VS_TRAP_MSR_READ, 0x174, 0), 0);
    assert_int_equal(listed(f, VS_TRAP_MSR_READ, 0x186, 0), 1);
    assert_int_equal(field(f, VS_VMCS_EXIT_MSR_LOAD_COUNT), 1);
    assert_int_equal(field(f, VS_VMCS_EXIT_MSR_STORE_COUNT), 1);
    assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x38f, 1), 0);
    assert_int_equal(listed(f, VS_TRAP_MSR_WRITE, 0x1d9, 1), 100); /* around it */
    assert_int_equal(field(f, VS_VMCS_ENTRY_MSR_LOAD_COUNT), 101);
    /* What the guest had is loaded by the entry, 0 by the exit. */
    assert_int_equal(vs_vmx_msr_set(&f->x, 0x38f, 0), VS_OK);
    for (unsigned i = 0; i < 101; i++) {
        if (vs_phys_read64(f->phys, (vs_hpa){STORE_AT + 16u * i}) == 0x38f) {
            vs_phys_write64(f->phys, (vs_hpa){STORE_AT + 16u * i + 8}, 0x7);
        }
    }
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(vs_vmx_msr(&f->x, 0x38f), 7);
    const struct vs_vmx_exit_info info = {.reason = VS_EXIT_CPUID};
    assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
    assert_int_equal(vs_vmx_msr(&f->x, 0x38f), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_first_recorded_branch_lists_every_register_of_the_part),
        T(test_listed_registers_cost_a_store_and_a_load_each_round_trip),
        T(test_a_listed_register_exits_no_more),
        T(test_a_counter_lists_the_global_control_for_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
