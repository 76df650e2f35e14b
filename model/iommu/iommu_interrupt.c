/* SPDX-License-Identifier: MIT */
/* Interrupt remapping and posting (VT-d 5.1, 5.2): a remappable MSI names an entry; the entry
 * decides. */
#include "iommu_impl.h"

#define IRTE_PRESENT 1ull
#define IRTE_POSTED (1ull << 15)
#define IRTE_SILENT 2ull /* FPD */
#define IRTE_URGENT (1ull << 14)
/* of a remapped entry: 14:12 and 31:24, and above the source; of a posted one 7:2, 13:12 and 37:24,
 * and 31:20 above the source */
#define REMAPPED_RESERVED 0xff007000ull
#define REMAPPED_RESERVED_HIGH (~0ull << 20)
#define POSTED_RESERVED 0x3fff0030fcull
#define POSTED_RESERVED_HIGH 0xfff00000ull
#define PI_CONTROL 32u
#define PI_ON 1ull
#define PI_SN 2ull

/* The address of half an entry of the remapping table. */
static vs_hpa entry_at(const struct vs_iommu *i, uint32_t index, unsigned half)
{
    vs_hpa h = {i->irt + index * 16u + half * 8u};
    return h;
}

void vs_iommu_route(struct vs_iommu *i, uint32_t index, uint16_t requester, uint32_t apic_id,
                    uint8_t vector, vs_hpa descriptor)
{
    uint64_t low, high = requester | 1u << 18; /* SVT 01: verify the whole source id */
    if (descriptor.v) {
        low = IRTE_PRESENT | IRTE_POSTED | (uint64_t)vector << 16 |
              (descriptor.v & 0xffffffc0u) << 32;
        high |= descriptor.v >> 32 << 32;
    } else {
        low = IRTE_PRESENT | (uint64_t)vector << 16 | (uint64_t)apic_id << 32;
    }
    vs_phys_write64(i->phys, entry_at(i, index, 0), low);
    vs_phys_write64(i->phys, entry_at(i, index, 1), high);
}

void vs_iommu_msi(uint32_t index, uint64_t *address, uint32_t *data)
{
    /* bits 19:5 handle 14:0, bit 4 remappable format, bit 2 handle 15 */
    *address = 0xfee00000u | (uint64_t)(index & 0x7fffu) << 5 | 1u << 4 | (index >> 15 & 1u) << 2;
    *data = 0;
}

/* Counts an interrupt that is blocked, and records why. */
static enum vs_msi_result refused(struct vs_iommu *i, uint32_t index, uint16_t requester,
                                  unsigned reason, bool silent)
{
    i->count[VS_CNT_iommu_irq_faults]++;
    if (!silent) {
        vs__iommu_record(i, index, requester, reason, true);
    }
    return VS_MSI_BLOCKED;
}

/* Source verification by SVT and SQ: all of the id, but for some bits of the function's number, or
 * a range of buses. */
static bool source_fits(uint64_t high, uint16_t requester)
{
    static const uint16_t ignored[] = {0, 4, 6, 7};
    unsigned bus = requester >> 8;
    switch (high >> 18 & 3u) {
    case 0:
        return true;
    case 1:
        return !((requester ^ (high & 0xffffu)) & ~(unsigned)ignored[high >> 16 & 3u] & 0xffffu);
    case 2:
        return bus >= (high >> 8 & 255u) && bus <= (high & 255u);
    default:
        return false;
    }
}

/* What is wrong with an entry; 0: nothing. */
static unsigned entry_fault(uint64_t low, uint64_t high)
{
    bool posted = (low & IRTE_POSTED) != 0;
    if (!(low & IRTE_PRESENT)) {
        return VS_IOMMU_IRTE_NOT_PRESENT;
    }
    bool reserved = posted ? low & POSTED_RESERVED || high & POSTED_RESERVED_HIGH
                           : low & REMAPPED_RESERVED || high & REMAPPED_RESERVED_HIGH;
    return reserved || (high >> 18 & 3u) == 3u ? VS_IOMMU_IRTE_RESERVED : 0;
}

/* Sets PIR and ON in the descriptor; says whether the notification is to be sent: an urgent one
 * also where it is suppressed (SN). */
static bool post(struct vs_iommu *i, struct vs_txn *t, uint64_t descriptor, uint8_t vector,
                 bool urgent, uint64_t *control)
{
    vs_hpa word = {descriptor + (vector >> 6) * 8u}, at = {descriptor + PI_CONTROL};
    uint64_t pir = i->mem.load(i->mem.ctx, t, word);
    i->mem.store(i->mem.ctx, t, word, pir | 1ull << (vector & 63u));
    *control = vs_phys_read64(i->phys, at); /* the same line, the same atomic update */
    bool notify = !(*control & (urgent ? PI_ON : PI_ON | PI_SN));
    if (notify) {
        vs_phys_write64(i->phys, at, *control | PI_ON);
    }
    return notify;
}

/* Takes a function's interrupt message, and remaps it. */
static enum vs_msi_result write_msi(void *ctx, struct vs_txn *t, uint16_t requester,
                                    uint64_t address, uint32_t data)
{
    struct vs_iommu *i = ctx;
    bool compatible = !(address & 1u << 4);
    if (i->cfg.remap && compatible && !i->cfg.compatibility) {
        return refused(i, 0, requester, VS_IOMMU_COMPATIBILITY, false);
    }
    if (!i->cfg.remap || compatible) { /* destination in the address, vector in the data */
        i->irq.raise(i->irq.ctx, t, (uint32_t)(address >> 12) & 255u, (uint8_t)data);
        return VS_MSI_DELIVERED;
    }
    uint32_t index = (uint32_t)(address >> 5 & 0x7fffu) | (uint32_t)(address >> 2 & 1u) << 15;
    index += address & 8u ? data & 0xffffu : 0;
    vs__iommu_charge(i, t, VS_ACC_iommu_iec, i->cfg.iec_latency);
    if (index >= i->irt_entries) {
        return refused(i, index, requester, VS_IOMMU_IRTE_INDEX, false);
    }
    uint64_t low, high;
    const uint64_t *hit = vs_settab_find(&i->iec[0], index),
                   *other = vs_settab_find(&i->iec[1], index);
    if (hit && other) {
        i->count[VS_CNT_iommu_iec_hits]++;
        low = *hit;
        high = *other;
    } else {
        i->count[VS_CNT_iommu_iec_misses]++;
        low = i->mem.load(i->mem.ctx, t, entry_at(i, index, 0));
        high = vs_phys_read64(i->phys, entry_at(i, index, 1)); /* the same 16-byte read */
        if (low & IRTE_PRESENT) {
            (void)vs_settab_fill(&i->iec[0], index, low, NULL, NULL);
            (void)vs_settab_fill(&i->iec[1], index, high, NULL, NULL);
        }
    }
    unsigned reason = entry_fault(low, high);
    reason = reason || source_fits(high, requester) ? reason : VS_IOMMU_IRTE_SOURCE;
    if (reason) {
        return refused(i, index, requester, reason, (low & IRTE_SILENT) != 0);
    }
    uint8_t vector = (uint8_t)(low >> 16);
    if (low & IRTE_POSTED) {
        uint64_t control, descriptor = (low >> 32 & 0xffffffc0u) | high >> 32 << 32;
        i->count[VS_CNT_iommu_posted]++;
        if (!post(i, t, descriptor, vector, (low & IRTE_URGENT) != 0, &control)) {
            return VS_MSI_POSTED_SILENT;
        }
        i->irq.raise(i->irq.ctx, t, (uint32_t)(control >> 32), (uint8_t)(control >> 16));
        return VS_MSI_POSTED;
    }
    i->count[VS_CNT_iommu_remapped]++;
    i->irq.raise(i->irq.ctx, t, (uint32_t)(low >> 32), vector);
    return VS_MSI_DELIVERED;
}

struct vs_msi_port vs_iommu_msi_port(struct vs_iommu *i)
{
    return (struct vs_msi_port){i, write_msi};
}
