/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d in legacy mode: root and context tables, second-level tables, IOTLB, context cache,
 * paging-structure caches, queued invalidation, fault recording, interrupt remapping and posting.
 * All tables are real, in host-physical memory, and are read through a timed port.
 *
 * Formats: VT-d specification 3.x: root entry 9.1, context entry 9.3, second-stage entries 9.8,
 * remapped and posted IRTE 9.10 and 9.11, invalidation descriptors 6.5.2, remappable MSI 5.1.2.
 * Fault reasons as in 7.1.3 (Linux drivers/iommu/intel/dmar.c lists the same).
 */
#ifndef VIRTSIM_IOMMU_H
#define VIRTSIM_IOMMU_H

#include "virtsim/phys.h"
#include "virtsim/port/dma.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/msi.h"
#include "virtsim/radix.h"
#include "virtsim/settab.h"

#define VS_DEF_NAME iommu
#define VS_DEF_FILE "iommu/iommu.def"
#include "virtsim/def_types.h"

#define VS_IOMMU_FAULTS 8u /* fault recording registers */

enum vs_iommu_reason {
    VS_IOMMU_ROOT_NOT_PRESENT = 1,
    VS_IOMMU_CONTEXT_NOT_PRESENT = 2,
    VS_IOMMU_CONTEXT_INVALID = 3,
    VS_IOMMU_BEYOND_WIDTH = 4,
    VS_IOMMU_NO_WRITE = 5,
    VS_IOMMU_NO_READ = 6,
    VS_IOMMU_TABLE_POINTER = 7, /* a table lies outside of memory */
    VS_IOMMU_ROOT_RESERVED = 0xa,
    VS_IOMMU_CONTEXT_RESERVED = 0xb,
    VS_IOMMU_ENTRY_RESERVED = 0xc,
    VS_IOMMU_IRTE_INDEX = 0x21,
    VS_IOMMU_IRTE_NOT_PRESENT = 0x22,
    VS_IOMMU_IRTE_RESERVED = 0x24,
    VS_IOMMU_COMPATIBILITY = 0x25,
    VS_IOMMU_IRTE_SOURCE = 0x26
};

struct vs_iommu_fault {
    uint64_t address; /* page of the request, or interrupt index */
    uint16_t requester;
    uint8_t reason;
    bool write;
};

struct vs_iommu {
    struct vs_iommu_config cfg;
    uint16_t account;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_dma_mem_port dma;
    struct vs_message_port irq;
    struct vs_settab iotlb, context, pwc[5];
    bool large[4];           /* by level: the IOTLB has had entries of that size */
    struct vs_settab iec[2]; /* the halves of cached IRTEs, always of the same indices */
    struct vs_slots walkers;
    uint64_t *walking; /* by walker: the IOTLB's key that its last walk filled */
    uint64_t root;     /* root table; 0 = none */
    uint64_t irt;      /* interrupt remapping table */
    uint32_t irt_entries;
    uint64_t queue, queue_head,
        queue_tail;   /* invalidation queue of one 4 KiB page: 256 descriptors */
    bool queue_error; /* IQE: a descriptor that the unit does not know stands at the head */
    struct vs_iommu_fault fault[VS_IOMMU_FAULTS];
    uint32_t n_faults;
    bool fault_overflow;
    bool silent; /* of the request in hand: its context wants no record */
    uint64_t count[VS_CNT_iommu_N];
};

void vs_iommu_check(const struct vs_iommu_config *cfg, struct vs_errors *errors);
enum vs_status vs_iommu_init(struct vs_iommu *i, const struct vs_iommu_config *cfg,
                             struct vs_ledger *ledger, struct vs_phys *phys,
                             const struct vs_mem_port *mem, const struct vs_dma_mem_port *dma,
                             const struct vs_message_port *irq, uint64_t seed);
void vs_iommu_free(struct vs_iommu *i);

/* Registers: tables in host-physical memory (zeroed pages given by the caller). */
void vs_iommu_set_tables(struct vs_iommu *i, vs_hpa root, vs_hpa irt, uint32_t irt_entries,
                         vs_hpa queue);
/* Fills a context entry (software's part, untimed): domain and second-level root; pass-through when
 * second_level is 0. context_table: a zeroed page used when the bus has none yet. */
void vs_iommu_attach(struct vs_iommu *i, uint16_t requester, uint16_t domain, vs_hpa second_level,
                     vs_hpa context_table);
/* Fills an IRTE: a vector for an APIC id, or (descriptor not 0) posted; the whole source is
 * verified. */
void vs_iommu_route(struct vs_iommu *i, uint32_t index, uint16_t requester, uint32_t apic_id,
                    uint8_t vector, vs_hpa descriptor);
/* Address and data of a remappable MSI for an index. */
void vs_iommu_msi(uint32_t index, uint64_t *address, uint32_t *data);

/* Ports towards devices. A blocked request of up to 60 KiB moves no byte; a longer one is cut into
 * spans of 16 pages. */
struct vs_dma_port vs_iommu_dma_port(struct vs_iommu *i);
struct vs_msi_port vs_iommu_msi_port(struct vs_iommu *i);

/* Queued invalidation: software appends descriptors (untimed; false: the ring of 256 holds 255, and
 * those are there), hardware executes up to the tail under op iommu.invalidate. A wait descriptor
 * writes its status when all before it are done. A descriptor of another type stops the queue
 * (queue_error) until software has put it right and cleared the error. */
#define VS_IOMMU_LEAVES 64u /* of an order: no entry above a leaf has changed (IH) */
bool vs_iommu_queue(struct vs_iommu *i, uint64_t low, uint64_t high);
void vs_iommu_queue_iotlb_page(struct vs_iommu *i, uint16_t domain, vs_iova at, unsigned order);
void vs_iommu_queue_iotlb_domain(struct vs_iommu *i, uint16_t domain);
void vs_iommu_queue_global(struct vs_iommu *i);
void vs_iommu_queue_iec(struct vs_iommu *i, uint32_t index, unsigned order);
void vs_iommu_queue_wait(struct vs_iommu *i, vs_hpa status, uint32_t value);
void vs_iommu_execute(struct vs_iommu *i, struct vs_txn *t);
/* The descriptor at the head is another one now, and the error is gone. */
void vs_iommu_queue_mend(struct vs_iommu *i, uint64_t low, uint64_t high);

#endif
