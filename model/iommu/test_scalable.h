/* SPDX-License-Identifier: MIT */
/* What the tests of scalable mode share: a unit in that mode, PASIDs' entries and first-level
 * tables, and requests with a PASID. */
#ifndef VS_TEST_SCALABLE_H
#define VS_TEST_SCALABLE_H

#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 5u
#define PASID 70u /* the second entry of the directory */
#define IOVA 0x40201000u
#define FRAME 0x2000000u /* behind the tables */
#define USER_RW 7u       /* P, R/W, U/S */

static uint64_t page(struct iommu_machine *m)
{
    uint64_t at;
    assert_true(iommu_machine_table(m, &at, &at));
    return at;
}

static void start(struct iommu_machine *m, bool caches)
{
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    c.mode = 1;
    if (!caches) {
        c.pwc_l4 = c.pwc_l3 = c.pwc_l2 = 0;
    }
    assert_true(iommu_machine_start(m, &c));
}

/* A PASID's entry; what there is none of is made: roots of domain DOMAIN. */
static uint64_t attach(struct iommu_machine *m, uint16_t requester, uint32_t pasid,
                       enum vs_iommu_type type, uint64_t first)
{
    vs_hpa table[3] = {{page(m)}, {page(m)}, {page(m)}};
    struct vs_iommu_pasid what = {.type = type,
                                  .domain = DOMAIN,
                                  .first = {first},
                                  .second = {IOMMU_SECOND + DOMAIN * 4096u}};
    vs_iommu_attach_pasid(&m->iommu, requester, pasid, &what, table);
    return first;
}

/* A first-level table whose entries hold host-physical addresses, or guest-physical ones that the
 * second level maps to themselves. */
static void first(struct iommu_machine *m, uint64_t root, uint64_t from, uint64_t to,
                  unsigned shift, uint64_t flags)
{
    struct vs_radix_alloc alloc = {.ctx = m, .table = iommu_machine_table};
    assert_int_equal(vs_radix_map(m->phys, &vs_radix_x86_64, root, from, to, shift, flags, &alloc),
                     VS_OK);
}

static bool ask(struct iommu_machine *m, uint32_t pasid, uint64_t at, bool write, uint64_t *out)
{
    vs_hpa to = {0};
    bool good = vs_iommu_translate(&m->iommu, &m->t, DEVICE, pasid, (vs_iova){at}, write, &to);
    *out = to.v;
    return good;
}

/* The reason of the fault that the request ends in, and its PASID. */
static unsigned reason(struct iommu_machine *m, uint32_t pasid, uint64_t at, bool write)
{
    uint64_t out;
    m->iommu.n_faults = 0;
    assert_false(ask(m, pasid, at, write, &out));
    assert_int_equal(m->iommu.n_faults, 1);
    assert_int_equal(m->iommu.fault[0].pasid, pasid);
    return m->iommu.fault[0].reason;
}

/* Entries of DEVICE's path, by what stands in memory. */
static uint64_t context_at(struct iommu_machine *m)
{
    return (vs_phys_read64(m->phys, (vs_hpa){IOMMU_ROOT + 16}) & VS_RADIX_ADDRESS) +
           (DEVICE & 0x7fu) * 32u;
}

static uint64_t directory_at(struct iommu_machine *m)
{
    return (vs_phys_read64(m->phys, (vs_hpa){context_at(m)}) & VS_RADIX_ADDRESS) + PASID / 64u * 8u;
}

static uint64_t entry_at(struct iommu_machine *m)
{
    return (vs_phys_read64(m->phys, (vs_hpa){directory_at(m)}) & VS_RADIX_ADDRESS) +
           PASID % 64u * 64u;
}

#endif
