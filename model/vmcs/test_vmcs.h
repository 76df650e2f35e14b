/* SPDX-License-Identifier: MIT */
/* One logical processor with memory and TLBs that only count, for the tests of this folder. */
#ifndef VIRTSIM_TEST_VMCS_H
#define VIRTSIM_TEST_VMCS_H

#include "virtsim/knob.h"
#include "vmcs/vmcs_impl.h"
#include "vmcs/vmcs_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define VMXON_AT 0x10000u
#define VMCS_AT 0x20000u
#define MSR_BITMAP_AT 0x30000u
#define IO_A_AT 0x31000u
#define IO_B_AT 0x32000u
#define APIC_AT 0x33000u
#define PI_AT 0x34000u
#define STORE_AT 0x35000u
#define LOAD_AT 0x36000u
#define ENTRY_AT 0x37000u
#define PML_AT 0x38000u
#define EPTP (UINT64_C(0x40000) | 3u << 3 | 6u)

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_vmcs_config config;
    struct vs_vmx x;
    struct vs_vmx_setup setup;
    uint16_t line, guest, host;
    uint64_t loads, stores, touches, writes, flushes; /* writes: those of the touches that write */
    enum vs_flush last_flush;
    uint16_t last_vpid;
};

static inline uint64_t fake_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct fixture *f = ctx;
    (void)t;
    f->loads++;
    return vs_phys_read64(f->phys, at);
}
static inline void fake_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct fixture *f = ctx;
    (void)t;
    f->stores++;
    vs_phys_write64(f->phys, at, value);
}
static inline void fake_touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t, (void)at;
    f->touches++;
    f->writes += ref == VS_REF_WRITE;
}
static inline uint64_t fake_flush(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid,
                                  uint16_t pcid, uint64_t eptp, vs_gva at)
{
    struct fixture *f = ctx;
    (void)t, (void)pcid, (void)eptp, (void)at;
    f->flushes++;
    f->last_flush = what;
    f->last_vpid = vpid;
    return 0;
}
/* Builds the processor anew from f->config; the VMCS is set up but not launched. */
static inline void boot(struct fixture *f)
{
    struct vs_vmx_wiring w = {f->ledger,       {400}, /* 2.5 GHz */
                              f->phys,         {f, fake_load, fake_store, fake_touch, NULL, NULL},
                              {f, fake_flush}, f->guest,
                              f->host};
    vs_vmx_register();
    assert_int_equal(vs_vmx_init(&f->x, &f->config, &w), VS_OK);
    struct vs_vmx_setup s = {.vmxon = {VMXON_AT},
                             .vmcs = {VMCS_AT},
                             .msr_bitmap = {MSR_BITMAP_AT},
                             .io_bitmap_a = {IO_A_AT},
                             .io_bitmap_b = {IO_B_AT},
                             .virtual_apic = {APIC_AT},
                             .posted_descriptor = {PI_AT},
                             .exit_store = {STORE_AT},
                             .exit_load = {LOAD_AT},
                             .entry_load = {ENTRY_AT},
                             .pml = {PML_AT},
                             .eptp = EPTP,
                             .vpid = 1,
                             .posted_vector = 0xf2,
                             .host_cr3 = 0x50000,
                             .host_rip = UINT64_C(0xffffffff81000000),
                             .guest_cr3 = 0x60000,
                             .guest_rip = 0x400000,
                             .guest_rsp = 0x7ff000};
    f->setup = s;
    assert_int_equal(vs_vmx_setup_default(&f->x, &f->setup), VS_VMX_OK);
}

static inline void all_controls(struct fixture *f, bool on)
{
#define VS_VMCS_CONTROL(name, word, bit, def, text) f->config.control_##name = on;
#include "vmcs/vmcs_controls.def"
#undef VS_VMCS_CONTROL
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(16u << 20);
    vs_defaults(&vs_vmcs_desc, &f->config);
    (void)vs_ledger_accounts(f->ledger, &vs_vmcs_desc);
    f->line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    boot(f);
    vs_txn_begin(&f->t, f->ledger, f->line, (vs_ps){0});
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char why[200];
    if (f->t.depth) {
        vs_txn_end(&f->t);
    }
    assert_int_equal(vs_ledger_unbalanced(f->ledger, why, sizeof why), 0);
    vs_ledger_destroy(f->ledger);
    vs_phys_destroy(f->phys);
    free(f);
    return 0;
}

static inline uint64_t read_field(struct fixture *f, uint32_t field)
{
    uint64_t v = 0;
    bool in_guest = f->x.in_guest; /* the test looks into the VMCS whoever runs */
    f->x.in_guest = false;
    assert_int_equal(vs_vmx_read(&f->x, NULL, field, &v), VS_VMX_OK);
    f->x.in_guest = in_guest;
    return v;
}
static inline void write_field(struct fixture *f, uint32_t field, uint64_t v)
{
    bool in_guest = f->x.in_guest;
    f->x.in_guest = false;
    assert_int_equal(vs_vmx_write(&f->x, NULL, field, v), VS_VMX_OK);
    f->x.in_guest = in_guest;
}

#endif
