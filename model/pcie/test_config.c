/* SPDX-License-Identifier: MIT */
/* Laws of the configuration space, each with the section that states it. PCI is the PCI Local Bus
 * Specification 3.0, PCIe the PCI Express Base Specification 3.0, SRIOV the Single Root I/O
 * Virtualization specification 1.1. */
#include "pcie/device.h"
#include "virtsim/port/pasid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define REQUESTER 0x0300u
#define RESET_PS 100000000000u
#define BASE 0x90000000u /* register 2 has 32 bits */
#define NUM_VFS 0x110u
#define VF_CONTROL 0x108u
#define VF_BAR 0x124u
#define DEVCTL 0x48u
#define FLR 0x8000u
#define MSIX_CONTROL 0x82u

struct fake {
    unsigned resets, sent;
    uint32_t vector;
    uint64_t at_ps;
};

struct fixture {
    struct vs_pci_device d;
    struct fake fake;
    char why[160];
};

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, vs_ps at)
{
    (void)ctx;
    (void)bytes;
    (void)at;
    return 0x1000u * bar + offset;
}

static void reset(void *ctx, vs_ps at)
{
    struct fake *f = ctx;
    f->resets++;
    f->at_ps = at.v;
}

static void sent(void *ctx, const struct vs_pci_function *f, uint32_t vector, vs_ps at)
{
    struct fake *x = ctx;
    (void)f;
    x->sent++;
    x->vector = vector;
    x->at_ps = at.v;
}

static void port(void *ctx, uint32_t function, struct vs_function_port *out)
{
    (void)function;
    *out = (struct vs_function_port){ctx, bar_read, NULL, reset};
}

static struct vs_pci_identity physical(void)
{
    return (struct vs_pci_identity){
        .vendor = 0x8086,
        .device = 0x1572,
        .class_code = 0x020000,
        .bar = {[0] = {.bytes = 1u << 23, .wide = true, .prefetch = true},
                [2] = {.bytes = 4096},
                [3] = {.bytes = 32768, .wide = true, .prefetch = true}},
        .vectors = 129,
        .msix_bar = 3,
        .pending = 0x1000,
        .mps = 256,
        .mrrs = 512,
        .generation = 3,
        .width = 8,
        .sriov = {.total = 128,
                  .initial = 128,
                  .first = 16,
                  .stride = 1,
                  .device = 0x154c,
                  .bar = {[0] = {.bytes = 65536, .wide = true, .prefetch = true},
                          [3] = {.bytes = 16384, .wide = true, .prefetch = true}}}};
}

static struct vs_pci_identity virtual_one(void)
{
    return (struct vs_pci_identity){.vectors = 5,
                                    .msix_bar = 3,
                                    .pending = 0x2000,
                                    .mps = 256,
                                    .mrrs = 512,
                                    .generation = 3,
                                    .width = 8,
                                    .virtual_function = true};
}

static void make(struct fixture *f, uint32_t vfs)
{
    struct vs_pci_identity pf = physical(), vf = virtual_one();
    memset(f, 0, sizeof *f);
    assert_int_equal(vs_pci_device_init(&f->d, &pf, &vf, REQUESTER, RESET_PS, port, &f->fake),
                     VS_OK);
    static const struct vs_pci_places none;
    struct vs_pci_places at = vs_pci_layout(&pf, &none, BASE);
    vs_pci_device_place(&f->d, &at, vfs);
    for (uint32_t i = 0; i < f->d.n; i++) {
        f->d.fn[i].send = sent;
        f->d.fn[i].send_ctx = &f->fake;
    }
}

static uint64_t rd(const struct fixture *f, uint32_t function, unsigned offset, unsigned bytes)
{
    return vs_pci_device_read(&f->d, function, offset, bytes, (vs_ps){0});
}

static const char *wr(struct fixture *f, uint32_t function, unsigned offset, unsigned bytes,
                      uint64_t value)
{
    return vs_pci_device_write(&f->d, function, offset, bytes, value, (vs_ps){0}, f->why,
                               sizeof f->why);
}

static void pci_6_2_5_1_a_register_of_all_ones_says_its_size(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    assert_null(wr(&f, 0, 0x04, 2, 0)); /* memory is disabled meanwhile */
    assert_null(wr(&f, 0, 0x18, 4, UINT32_MAX));
    assert_int_equal(rd(&f, 0, 0x18, 4), 0xfffff000u); /* 4 KiB, 32 bits */
    assert_null(wr(&f, 0, 0x10, 4, UINT32_MAX));
    assert_null(wr(&f, 0, 0x14, 4, UINT32_MAX));
    assert_int_equal(rd(&f, 0, 0x10, 4), 0xff80000cu); /* 8 MiB, 64 bits, prefetchable */
    assert_int_equal(rd(&f, 0, 0x14, 4), UINT32_MAX);
    assert_null(wr(&f, 0, 0x24, 4, UINT32_MAX)); /* the upper half of register 4 */
    assert_null(wr(&f, 0, 0x34, 4, UINT32_MAX));
    assert_int_equal(rd(&f, 0, 0x34, 1), 0x40); /* read-only */
    vs_pci_device_free(&f.d);
}

static void pci_6_2_5_1_registers_that_would_overlap_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t at, bytes;
    make(&f, 4);
    assert_true(vs_pci_window(&f.d.fn[0], &f.d.fn[0], 0, 2, &at, &bytes));
    assert_int_equal(bytes, 4096);
    uint64_t before = rd(&f, 0, 0x20, 4);
    const char *why = wr(&f, 0, 0x1c, 4, at & UINT32_MAX); /* register 3 where register 2 is */
    assert_non_null(why);
    assert_non_null(strstr(why, "BAR 3"));
    assert_non_null(strstr(why, "BAR 2"));
    assert_int_equal(rd(&f, 0, 0x20, 4), before);
    assert_null(wr(&f, 0, 0x04, 2, 4)); /* nobody claims anything while memory is disabled */
    assert_null(wr(&f, 0, 0x1c, 4, at & UINT32_MAX));
    assert_non_null(wr(&f, 0, 0x04, 2, 6));
    assert_int_equal(rd(&f, 0, 0x04, 2), 4);
    vs_pci_device_free(&f.d);
}

static void pci_6_7_the_list_of_capabilities_ends_and_names_each_once(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    for (uint32_t fn = 0; fn < 2; fn++) {
        unsigned at = (unsigned)rd(&f, fn, 0x34, 1), seen = 0;
        for (unsigned n = 0; at; at = (unsigned)rd(&f, fn, at + 1u, 1)) {
            assert_true(++n < 8);
            seen |= rd(&f, fn, at, 1) == 0x10 ? 1u : rd(&f, fn, at, 1) == 0x11 ? 2u : 4u;
        }
        assert_int_equal(seen, 3);
    }
    assert_int_equal(rd(&f, 0, 0x100, 4) & 0xffffu, 0x10); /* SR-IOV */
    assert_int_equal(rd(&f, 1, 0x100, 4), 0);              /* a virtual function has none */
    assert_int_equal(rd(&f, 0, MSIX_CONTROL, 2), 128);     /* one less than its vectors */
    vs_pci_device_free(&f.d);
}

static void pcie_7_8_4_sizes_and_link_are_in_the_express_capability(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    assert_int_equal(rd(&f, 0, DEVCTL, 2), 1u << 5 | 2u << 12); /* 256 and 512 bytes */
    assert_int_equal(rd(&f, 0, 0x52, 2), 3u | 8u << 4);
    vs_pci_device_free(&f.d);
}

static void sriov_3_3_virtual_functions_come_with_numvfs_and_go_with_it(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 0);
    assert_int_equal(rd(&f, 1, 0, 4), UINT32_MAX);
    assert_int_equal(rd(&f, 1, 0x04, 2), 0xffff); /* nobody answers */
    assert_null(wr(&f, 0, NUM_VFS, 2, 128));
    assert_null(wr(&f, 0, VF_CONTROL, 2, 9));
    assert_int_equal(rd(&f, 128, 0, 4), UINT32_MAX); /* 3.4.1: vendor and device of a VF */
    assert_int_equal(rd(&f, 128, 0x06, 2), 0x10);    /* but it answers */
    assert_int_equal(rd(&f, 129, 0x06, 2), 0xffff);
    assert_int_equal(f.d.fn[128].requester, REQUESTER + 16 + 127); /* 3.3.9, 3.3.10 */
    assert_null(wr(&f, 0, NUM_VFS, 2, 4)); /* 3.3.7: not while they are enabled */
    assert_int_equal(rd(&f, 0, NUM_VFS, 2), 128);
    assert_null(wr(&f, 128, 0x04, 2, 4));
    assert_null(wr(&f, 0, VF_CONTROL, 2, 0));
    assert_int_equal(rd(&f, 128, 0x06, 2), 0xffff);
    assert_null(wr(&f, 0, VF_CONTROL, 2, 9));
    assert_int_equal(rd(&f, 128, 0x04, 2), 0); /* they begin anew */
    vs_pci_device_free(&f.d);
}

static void sriov_3_3_7_more_than_totalvfs_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 0);
    const char *why = wr(&f, 0, NUM_VFS, 2, 129);
    assert_non_null(why);
    assert_non_null(strstr(why, "NumVFs = 129, but TotalVFs = 128"));
    assert_int_equal(rd(&f, 0, NUM_VFS, 2), 0);
    assert_null(wr(&f, 0, NUM_VFS, 2, 128));
    vs_pci_device_free(&f.d);
}

static void sriov_2_1_1_1_memory_of_virtual_functions_lies_in_a_row(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t first, at, bytes, offset;
    uint32_t function;
    unsigned bar;
    make(&f, 128);
    assert_true(vs_pci_window(&f.d.fn[1], &f.d.fn[0], 0, 3, &first, &bytes));
    assert_true(vs_pci_window(&f.d.fn[8], &f.d.fn[0], 7, 3, &at, &bytes));
    assert_int_equal(at, first + 7 * 16384);
    assert_true(vs_pci_device_claims(&f.d, at + 20, &function, &bar, &offset));
    assert_int_equal(function, 8);
    assert_int_equal(bar, 3);
    assert_int_equal(offset, 20);
    assert_true(vs_pci_device_claims(&f.d, first + 128 * 16384 - 1, &function, &bar, &offset));
    assert_int_equal(function, 128);
    assert_false(vs_pci_device_claims(&f.d, first + 128 * 16384, &function, &bar, &offset));
    assert_int_equal(rd(&f, 1, 0x10, 4), 0); /* 3.4.1.11: their own registers are read-only 0 */
    assert_null(wr(&f, 1, 0x10, 4, UINT32_MAX));
    assert_int_equal(rd(&f, 1, 0x10, 4), 0);
    assert_null(wr(&f, 0, VF_CONTROL, 2, 1)); /* 3.3.3.4: VF MSE enables them, not their command */
    assert_false(vs_pci_device_claims(&f.d, at, &function, &bar, &offset));
    assert_null(wr(&f, 0, VF_BAR, 4, UINT32_MAX)); /* and says its size as any other does */
    assert_int_equal(rd(&f, 0, VF_BAR, 4), 0xffff000cu);
    vs_pci_device_free(&f.d);
}

/* The address of a vector's control word. */
static uint64_t control(uint32_t vector)
{
    return 16u * vector + 12u;
}

static void pci_6_8_2_9_a_masked_vector_is_pending_and_sent_at_unmask(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    struct vs_pci_function *vf = &f.d.fn[1];
    assert_int_equal(vs_pci_bar_read(vf, 3, control(2), 4, (vs_ps){0}), 1); /* masked at reset */
    assert_false(vs_msix_fire(vf, 2)); /* 6.8.2.3: disabled, nothing is sent or kept */
    assert_false(vs_msix_pending(vf, 2));
    assert_null(wr(&f, 1, MSIX_CONTROL, 2, 0x8000));
    assert_false(vs_msix_fire(vf, 2));
    assert_false(vs_msix_fire(vf, 2)); /* once pending, it stays one */
    assert_int_equal(vs_pci_bar_read(vf, 3, 0x2000, 8, (vs_ps){0}), 1u << 2);
    vs_pci_bar_write(vf, 3, 0x2000, 8, 0, (vs_ps){0}); /* pending bits are read-only */
    assert_int_equal(vs_pci_bar_read(vf, 3, 0x2000, 8, (vs_ps){0}), 1u << 2);
    vs_pci_bar_write(vf, 3, control(1), 4, 0, (vs_ps){5});
    assert_int_equal(f.fake.sent, 0); /* another vector's mask */
    vs_pci_bar_write(vf, 3, control(2), 4, 0, (vs_ps){7});
    assert_int_equal(f.fake.sent, 1);
    assert_int_equal(f.fake.vector, 2);
    assert_int_equal(f.fake.at_ps, 7);
    assert_int_equal(vs_pci_bar_read(vf, 3, 0x2000, 8, (vs_ps){0}), 0);
    assert_true(vs_msix_fire(vf, 2));
    vs_pci_device_free(&f.d);
}

static void pci_6_8_2_3_the_function_mask_covers_all_vectors(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    struct vs_pci_function *vf = &f.d.fn[1];
    vs_pci_bar_write(vf, 3, control(0), 4, 0, (vs_ps){0});
    vs_pci_bar_write(vf, 3, control(4), 4, 0, (vs_ps){0});
    assert_null(wr(&f, 1, MSIX_CONTROL, 2, 0xc000));
    assert_false(vs_msix_fire(vf, 0));
    assert_false(vs_msix_fire(vf, 4));
    assert_int_equal(vs_pci_bar_read(vf, 3, 0x2000, 8, (vs_ps){0}), 0x11);
    assert_null(wr(&f, 1, MSIX_CONTROL, 2, 0x8000));
    assert_int_equal(f.fake.sent, 2);
    assert_false(vs_msix_fire(vf, 5)); /* beyond the table */
    vs_pci_device_free(&f.d);
}

static void pci_6_8_2_an_entry_holds_address_and_data(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    struct vs_pci_function *vf = &f.d.fn[1];
    vs_pci_bar_write(vf, 3, 16, 4, 0xfee00013u, (vs_ps){0}); /* whole dwords: bits 1:0 are 0 */
    vs_pci_bar_write(vf, 3, 24, 4, 0x41, (vs_ps){0});
    assert_int_equal(vf->msix[1].address, 0xfee00010u);
    assert_int_equal(vf->msix[1].data, 0x41);
    assert_int_equal(vs_pci_bar_read(vf, 3, 24, 4, (vs_ps){0}), 0x41);
    assert_int_equal(vs_pci_bar_read(vf, 3, 0x3000, 4, (vs_ps){0}), 0x6000); /* else the device's */
    vs_pci_device_free(&f.d);
}

static void pcie_6_6_2_a_function_level_reset_takes_its_time_and_forgets(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    assert_null(wr(&f, 1, 0x04, 2, 4));
    assert_null(wr(&f, 1, MSIX_CONTROL, 2, 0x8000));
    assert_null(vs_pci_device_write(&f.d, 1, DEVCTL, 2, FLR, (vs_ps){1000}, f.why, sizeof f.why));
    assert_int_equal(f.fake.resets, 1);
    assert_int_equal(f.fake.at_ps, 1000);
    assert_int_equal(vs_pci_device_read(&f.d, 1, 0x06, 2, (vs_ps){1000 + RESET_PS - 1}), 0xffff);
    assert_int_equal(vs_pci_device_read(&f.d, 1, 0x06, 2, (vs_ps){1000 + RESET_PS}), 0x10);
    assert_int_equal(vs_pci_device_read(&f.d, 1, 0x04, 2, (vs_ps){1000 + RESET_PS}), 0);
    assert_false(vs_pci_master(&f.d.fn[1]));
    assert_int_equal(vs_pci_device_read(&f.d, 1, DEVCTL, 2, (vs_ps){1000 + RESET_PS}),
                     1u << 5 | 2u << 12);   /* it reads as 0, and is done */
    assert_true(vs_pci_master(&f.d.fn[2])); /* others go on */
    assert_int_equal(vs_pci_device_read(&f.d, 0, 0x06, 2, (vs_ps){1000}), 0x10);
    vs_pci_device_free(&f.d);
}

static void sriov_2_2_3_a_reset_of_the_physical_function_ends_its_virtual_ones(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, 4);
    assert_null(wr(&f, 0, DEVCTL, 2, FLR));
    assert_int_equal(f.fake.resets, 1 + 4);
    assert_int_equal(vs_pci_device_read(&f.d, 1, 0x06, 2, (vs_ps){RESET_PS}), 0xffff);
    assert_int_equal(vs_pci_device_read(&f.d, 0, NUM_VFS, 2, (vs_ps){RESET_PS}), 0);
    vs_pci_device_free(&f.d);
}

static void what_no_function_can_be_is_said(void **state)
{
    (void)state;
    struct vs_errors e = {0};
    struct vs_pci_identity id = physical();
    vs_pci_check(&id, &e);
    assert_int_equal(e.n, 0);
    id.bar[2].bytes = 4095;
    id.pending = 0x800; /* within the table of 129 entries */
    id.sriov.initial = 129;
    vs_pci_check(&id, &e);
    assert_int_equal(e.n, 3);
    vs_errors_free(&e);
}

/* SR-IOV 1.1, 2.1.1.1: the memory of TotalVFs functions lies in a row; PCI 6.2.5.1: each register's
 * at a multiple of its size. What is not stated goes where nothing is. */
static void registers_lie_apart_wherever_some_are_stated(void **state)
{
    (void)state;
    struct vs_pci_identity pf = physical();
    const struct vs_pci_places none = {{0}, {0}};
    struct vs_pci_places all = vs_pci_layout(&pf, &none, BASE), stated;
    for (unsigned i = 0; i < 2u * VS_PCI_BARS; i++) {
        struct vs_errors e = {0};
        uint64_t *at = i < VS_PCI_BARS ? &stated.pf[i] : &stated.vf[i - VS_PCI_BARS],
                 bytes = (i < VS_PCI_BARS ? pf.bar : pf.sriov.bar)[i % VS_PCI_BARS].bytes;
        if (!bytes) {
            continue;
        }
        stated = none;
        *at = (BASE + (8u << 20)) & ~(bytes - 1u); /* where the others would go */
        stated = vs_pci_layout(&pf, &stated, BASE);
        vs_pci_places_check(&pf, &stated, BASE, &e);
        assert_int_equal(e.n, 0);
        stated = all;
        *at = i ? all.pf[0] & ~(bytes - 1u) : all.vf[0] & ~(bytes - 1u);
        vs_pci_places_check(&pf, &stated, BASE, &e);
        assert_true(e.n > 0);
        vs_errors_free(&e);
    }
}

static void sriov_2_1_1_1_each_virtual_function_has_pages_of_its_own(void **state)
{
    (void)state;
    struct vs_errors e = {0};
    struct vs_pci_identity id = physical();
    id.sriov.bar[0].bytes = 4096;
    vs_pci_check(&id, &e);
    assert_int_equal(e.n, 0);
    id.sriov.bar[0].bytes = 2048;
    vs_pci_check(&id, &e);
    assert_int_equal(e.n, 1);
    vs_errors_free(&e);
}

/* ATS: behind SR-IOV, or where extended capabilities begin; off after a reset; the unit is the
 * physical function's. */
static void services_told(void *ctx, const struct vs_pci_function *f)
{
    (void)f;
    ++*(unsigned *)ctx;
}
static void pcie_10_5_1_translation_services_are_a_capability_with_an_enable_bit(void **state)
{
    (void)state;
    for (unsigned vf = 0; vf < 2; vf++) {
        struct vs_pci_identity id = vf ? virtual_one() : physical();
        struct vs_pci_function f;
        struct vs_function_port none = {0};
        unsigned told = 0, at = 0x100;
        id.ats = true;
        assert_int_equal(vs_pci_init(&f, &id, 8, &none), VS_OK);
        f.services = services_told;
        f.send_ctx = &told;
        while ((vs_pci_read(&f, at, 4, (vs_ps){0}) & 0xffffu) != 0x000f) { /* as software looks */
            at = (unsigned)(vs_pci_read(&f, at, 4, (vs_ps){0}) >> 20);
            assert_true(at);
        }
        assert_int_equal(at, vs_pci_ats_at(&f));
        assert_int_equal(vs_pci_read(&f, at, 4, (vs_ps){0}) >> 16, 1); /* version 1, the last */
        assert_false(vs_pci_ats(&f));
        assert_true(vs_pci_write(&f, at + 6u, 2, 0xffff, (vs_ps){0}, 0));
        assert_int_equal(vs_pci_read(&f, at + 6u, 2, (vs_ps){0}), vf ? 0x8000 : 0x801f);
        assert_true(vs_pci_ats(&f));
        assert_true(vs_pci_write(&f, at + 6u, 2, 0x8001, (vs_ps){0}, 0));
        assert_int_equal(told, 1); /* of the enable bit alone */
        assert_true(vs_pci_write(&f, at + 6u, 2, 0, (vs_ps){0}, 0));
        assert_int_equal(told, 2);
        assert_true(vs_pci_write(&f, at + 6u, 2, 0x8000, (vs_ps){0}, 0));
        vs_pci_reset(&f, (vs_ps){0}, 0);
        assert_false(vs_pci_ats(&f));
        vs_pci_free(&f);
    }
    struct vs_pci_identity without = virtual_one();
    struct vs_pci_function f;
    struct vs_function_port none = {0};
    assert_int_equal(vs_pci_init(&f, &without, 8, &none), VS_OK);
    assert_int_equal(vs_pci_read(&f, 0x100, 4, (vs_ps){0}), 0);
    vs_pci_free(&f);
}

/* Each extended capability is in the list once, whichever there are. */
static void pcie_7_6_3_extended_capabilities_form_a_list(void **state)
{
    (void)state;
    for (unsigned have = 1; have < 16; have++) {
        struct vs_pci_function f;
        struct vs_pci_identity id = physical();
        struct vs_function_port none = {0};
        unsigned want = 0, seen = 0;
        id.sriov.total = have & 1u ? 128 : 0;
        id.ats = have & 2u;
        id.page_requests = have & 4u ? 512 : 0;
        id.pasid_width = have & 8u ? 20 : 0;
        want |= have & 1u ? 1u << 0x10 : 0;
        want |= have & 2u ? 1u << 0x0f : 0;
        want |= have & 4u ? 1u << 0x13 : 0;
        want |= have & 8u ? 1u << 0x1b : 0;
        assert_int_equal(vs_pci_init(&f, &id, REQUESTER, &none), VS_OK);
        for (unsigned at = 0x100; at;) {
            uint32_t header = (uint32_t)vs_pci_read(&f, at, 4, (vs_ps){0});
            assert_int_equal(header >> 16 & 15u, 1);
            assert_false(seen >> (header & 31u) & 1u);
            seen |= 1u << (header & 31u);
            at = header >> 20;
        }
        assert_int_equal(seen, want);
        vs_pci_free(&f);
    }
}

static void pcie_7_8_8_enable_bits_and_width_decide_what_requests_carry(void **state)
{
    static const struct {
        uint64_t control;
        uint32_t pasid;
        bool privileged, execute, may;
    } law[] = {{0, 1, false, false, false},
               {1, 1, false, false, true},
               {1, 0xffff, false, false, true},
               {1, 0x10000, false, false, false}, /* beyond 16 bits */
               {1, 1, true, false, false},
               {5, 1, true, false, true},
               {5, 1, true, true, false},
               {7, 1, true, true, false}}; /* to execute is not supported: the bit stays 0 */
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct vs_pci_function f;
        struct vs_pci_identity id = physical();
        struct vs_function_port none = {0};
        id.pasid_width = 16;
        id.pasid_privileged = true;
        assert_int_equal(vs_pci_init(&f, &id, REQUESTER, &none), VS_OK);
        unsigned at = vs_pci_pasid_at(&f);
        assert_int_equal(vs_pci_read(&f, at + 4u, 2, (vs_ps){0}), 16u << 8 | 4u);
        assert_true(vs_pci_write(&f, at + 6u, 2, law[k].control, (vs_ps){0}, RESET_PS));
        assert_int_equal(
            vs_pci_may_prefix(&f, vs_pasid_prefix(law[k].pasid, law[k].privileged, law[k].execute)),
            law[k].may);
        vs_pci_free(&f);
    }
}

static void pcie_10_5_2_the_page_request_capability_says_what_there_is(void **state)
{
    struct vs_pci_function f;
    struct vs_pci_identity id = physical();
    struct vs_function_port none = {0};
    (void)state;
    id.page_requests = 64;
    id.pasid_width = 16;
    assert_int_equal(vs_pci_init(&f, &id, REQUESTER, &none), VS_OK);
    unsigned at = vs_pci_pri_at(&f);
    assert_int_equal(vs_pci_read(&f, at + 8u, 4, (vs_ps){0}), 64);
    assert_int_equal(vs_pci_read(&f, at + 6u, 2, (vs_ps){0}), 0x8100); /* Stopped, PASID required */
    assert_true(vs_pci_write(&f, at + 4u, 2, 1, (vs_ps){0}, RESET_PS));
    assert_int_equal(vs_pci_read(&f, at + 6u, 2, (vs_ps){0}), 0x8000);
    assert_true(vs_pci_write(&f, at + 4u, 2, 3, (vs_ps){0}, RESET_PS)); /* Reset reads as 0 */
    assert_int_equal(vs_pci_read(&f, at + 4u, 4, (vs_ps){0}), 0x80000001u);
    vs_pci_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pci_6_2_5_1_a_register_of_all_ones_says_its_size),
        cmocka_unit_test(pci_6_2_5_1_registers_that_would_overlap_are_refused),
        cmocka_unit_test(pci_6_7_the_list_of_capabilities_ends_and_names_each_once),
        cmocka_unit_test(pcie_7_8_4_sizes_and_link_are_in_the_express_capability),
        cmocka_unit_test(sriov_3_3_virtual_functions_come_with_numvfs_and_go_with_it),
        cmocka_unit_test(sriov_3_3_7_more_than_totalvfs_is_refused),
        cmocka_unit_test(sriov_2_1_1_1_memory_of_virtual_functions_lies_in_a_row),
        cmocka_unit_test(pci_6_8_2_9_a_masked_vector_is_pending_and_sent_at_unmask),
        cmocka_unit_test(pci_6_8_2_3_the_function_mask_covers_all_vectors),
        cmocka_unit_test(pci_6_8_2_an_entry_holds_address_and_data),
        cmocka_unit_test(pcie_6_6_2_a_function_level_reset_takes_its_time_and_forgets),
        cmocka_unit_test(sriov_2_2_3_a_reset_of_the_physical_function_ends_its_virtual_ones),
        cmocka_unit_test(pcie_7_6_3_extended_capabilities_form_a_list),
        cmocka_unit_test(pcie_7_8_8_enable_bits_and_width_decide_what_requests_carry),
        cmocka_unit_test(pcie_10_5_2_the_page_request_capability_says_what_there_is),
        cmocka_unit_test(pcie_10_5_1_translation_services_are_a_capability_with_an_enable_bit),
        cmocka_unit_test(what_no_function_can_be_is_said),
        cmocka_unit_test(registers_lie_apart_wherever_some_are_stated),
        cmocka_unit_test(sriov_2_1_1_1_each_virtual_function_has_pages_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
