/* SPDX-License-Identifier: MIT */
/*
 * A VT-d unit over 64 MiB of memory with root, context and second-level tables, an interrupt
 * remapping table and an invalidation queue; its memory port counts what it reads.
 */
#ifndef VIRTSIM_TESTS_IOMMU_MACHINE_H
#define VIRTSIM_TESTS_IOMMU_MACHINE_H

#include "iommu/iommu.h"
#include "virtsim/knob.h"

#include <string.h>

#define IOMMU_ROOT 0x10000u
#define IOMMU_CONTEXTS 0x11000u
#define IOMMU_IRT 0x12000u
#define IOMMU_QUEUE 0x13000u
#define IOMMU_SECOND 0x14000u /* roots of domain d at + d pages */
#define IOMMU_TABLES 0x100000u
#define IOMMU_BYTES (64ull << 20)
#define IOMMU_LOAD_PS 10000u /* of each load by the unit */

struct iommu_machine {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_iommu iommu;
    struct vs_dma_port dma;
    struct vs_msi_port msi;
    uint64_t next_table, loads, stores;
    uint64_t raised, apic, vector;
    uint16_t account;
};

static inline uint64_t iommu_machine_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct iommu_machine *m = ctx;
    vs_ps d = {IOMMU_LOAD_PS};
    vs_charge(t, m->iommu.account, d);
    m->loads++;
    return vs_phys_read64(m->phys, at);
}
static inline void iommu_machine_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct iommu_machine *m = ctx;
    (void)t;
    m->stores++;
    vs_phys_write64(m->phys, at, value);
}
static inline void iommu_machine_touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    (void)ctx;
    (void)t;
    (void)at;
    (void)ref;
}
static inline void iommu_machine_read(void *ctx, struct vs_txn *t, vs_hpa at, void *buf, size_t n)
{
    struct iommu_machine *m = ctx;
    (void)t;
    vs_phys_read(m->phys, at, buf, n);
}
static inline void iommu_machine_write(void *ctx, struct vs_txn *t, vs_hpa at, const void *buf,
                                       size_t n)
{
    struct iommu_machine *m = ctx;
    (void)t;
    vs_phys_write(m->phys, at, buf, n);
}
static inline void iommu_machine_raise(void *ctx, struct vs_txn *t, uint32_t apic_id,
                                       uint8_t vector)
{
    struct iommu_machine *m = ctx;
    (void)t;
    m->raised++;
    m->apic = apic_id;
    m->vector = vector;
}
static inline bool iommu_machine_table(void *ctx, uint64_t *value, uint64_t *table)
{
    struct iommu_machine *m = ctx;
    *value = *table = m->next_table;
    m->next_table += 4096;
    return m->next_table <= IOMMU_BYTES / 2u;
}

static inline bool iommu_machine_start(struct iommu_machine *m, const struct vs_iommu_config *c)
{
    memset(m, 0, sizeof *m);
    m->ledger = vs_ledger_create(1);
    m->phys = vs_phys_create(IOMMU_BYTES);
    m->next_table = IOMMU_TABLES;
    if (!m->ledger || !m->phys) {
        return false;
    }
    struct vs_mem_port mem = {
        m, iommu_machine_load, iommu_machine_store, iommu_machine_touch, NULL, NULL};
    struct vs_dma_mem_port dma = {m, iommu_machine_read, iommu_machine_write};
    struct vs_message_port irq = {m, iommu_machine_raise};
    if (vs_iommu_init(&m->iommu, c, m->ledger, m->phys, &mem, &dma, &irq, 1) != VS_OK) {
        return false;
    }
    vs_hpa root = {IOMMU_ROOT}, irt = {IOMMU_IRT}, queue = {IOMMU_QUEUE};
    vs_iommu_set_tables(&m->iommu, root, irt, 256, queue);
    vs_ps zero = {0};
    vs_txn_begin(&m->t, m->ledger, vs_ledger_actor(m->ledger, "device"), zero);
    m->dma = vs_iommu_dma_port(&m->iommu);
    m->msi = vs_iommu_msi_port(&m->iommu);
    return true;
}

static inline void iommu_machine_stop(struct iommu_machine *m)
{
    vs_txn_end(&m->t);
    vs_iommu_free(&m->iommu);
    vs_phys_destroy(m->phys);
    vs_ledger_destroy(m->ledger);
}

/* The requester translates through the tables of its domain from now on. */
static inline void iommu_machine_attach(struct iommu_machine *m, uint16_t requester,
                                        uint16_t domain)
{
    vs_hpa second = {IOMMU_SECOND + domain * 4096u}, context = {IOMMU_CONTEXTS};
    vs_iommu_attach(&m->iommu, requester, domain, second, context);
}

/* flags: bit 0 read, bit 1 write. */
static inline enum vs_status iommu_machine_map(struct iommu_machine *m, uint16_t domain,
                                               uint64_t iova, uint64_t to, unsigned shift,
                                               unsigned flags)
{
    struct vs_radix_alloc alloc = {.ctx = m, .table = iommu_machine_table};
    return vs_radix_map(m->phys, &vs_radix_vtd, IOMMU_SECOND + domain * 4096u, iova, to, shift,
                        flags, &alloc);
}

#endif
