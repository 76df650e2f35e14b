/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d in legacy and scalable mode: root, context and PASID tables, first- and second-level
 * tables, IOTLB, context and PASID cache, paging-structure caches, queued invalidation, fault
 * recording, interrupt remapping and posting.
 * All tables are real, in host-physical memory, and are read through a timed port.
 *
 * Formats: VT-d specification 3.x: root entry 9.1, context entry 9.3, second-stage entries 9.8,
 * remapped and posted IRTE 9.10 and 9.11, invalidation descriptors 6.5.2, remappable MSI 5.1.2.
 * Scalable mode: 3.4.3, 9.1 to 9.7 and 6.5.2 (Linux drivers/iommu/intel/pasid.h, iommu.h).
 * Fault reasons as in 7.1.3 (Linux drivers/iommu/intel/dmar.c lists the same).
 */
#ifndef VIRTSIM_IOMMU_H
#define VIRTSIM_IOMMU_H

#include "virtsim/phys.h"
#include "virtsim/port/ats.h"
#include "virtsim/port/dma.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/msi.h"
#include "virtsim/port/pasid.h"
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
    VS_IOMMU_NO_SERVICES = 0xd,   /* a translation request of a device that may not make any */
    VS_IOMMU_LEGACY_PASID = 0x31, /* a request with PASID in legacy mode */
    VS_IOMMU_LEGACY_PAGES = 0x32, /* a page request there */
    VS_IOMMU_IRTE_INDEX = 0x21,
    VS_IOMMU_IRTE_NOT_PRESENT = 0x22,
    VS_IOMMU_IRTE_RESERVED = 0x24,
    VS_IOMMU_COMPATIBILITY = 0x25,
    VS_IOMMU_IRTE_SOURCE = 0x26,
    /* scalable mode */
    VS_IOMMU_SM_ROOT_NOT_PRESENT = 0x39,
    VS_IOMMU_SM_ROOT_RESERVED = 0x3a,
    VS_IOMMU_SM_CONTEXT_ACCESS = 0x40,
    VS_IOMMU_SM_CONTEXT_NOT_PRESENT = 0x41,
    VS_IOMMU_SM_CONTEXT_RESERVED = 0x42,
    VS_IOMMU_SM_CONTEXT_INVALID = 0x43, /* PRE without DTE, RID_PASID beyond the directory */
    VS_IOMMU_SM_NO_SERVICES = 0x44,
    VS_IOMMU_SM_NO_PASIDS = 0x45,    /* a request with PASID, and PASIDE is clear */
    VS_IOMMU_SM_PASID_BEYOND = 0x46, /* it is larger than the directory */
    VS_IOMMU_SM_NO_PAGES = 0x47,     /* a page request, and PRE is clear */
    VS_IOMMU_SM_RID_PASID = 0x48,    /* a request with the PASID of requests without one */
    VS_IOMMU_SM_DIRECTORY_ACCESS = 0x50,
    VS_IOMMU_SM_DIRECTORY_NOT_PRESENT = 0x51,
    VS_IOMMU_SM_DIRECTORY_RESERVED = 0x52,
    VS_IOMMU_SM_PASID_ACCESS = 0x58,
    VS_IOMMU_SM_PASID_NOT_PRESENT = 0x59,
    VS_IOMMU_SM_PASID_RESERVED = 0x5a,
    VS_IOMMU_SM_PASID_INVALID = 0x5b,
    VS_IOMMU_SM_EXECUTE = 0x5c,      /* a request that would execute, and ERE is clear */
    VS_IOMMU_SM_SUPERVISOR = 0x5d,   /* a supervisor's, and SRE is clear */
    VS_IOMMU_SM_FIRST_ACCESS = 0x70, /* a first-level table lies outside of memory */
    VS_IOMMU_SM_FIRST_NOT_PRESENT = 0x71,
    VS_IOMMU_SM_FIRST_RESERVED = 0x72,
    VS_IOMMU_SM_FIRST_ROOT_ACCESS = 0x73,
    VS_IOMMU_SM_NESTED_BEYOND = 0x74,    /* a first-level entry names what no second level has */
    VS_IOMMU_SM_NESTED_ROOT_READ = 0x75, /* the second level forbids reading its root table, */
    VS_IOMMU_SM_NESTED_READ = 0x76,      /* another table, */
    VS_IOMMU_SM_NESTED_WRITE = 0x77,     /* or setting accessed and dirty bits in one */
    VS_IOMMU_SM_SECOND_ACCESS = 0x78,
    VS_IOMMU_SM_SECOND_NOT_PRESENT = 0x79,
    VS_IOMMU_SM_SECOND_RESERVED = 0x7a,
    VS_IOMMU_SM_SECOND_POINTER = 0x7b,
    VS_IOMMU_SM_NOT_CANONICAL = 0x80,
    VS_IOMMU_SM_USER = 0x81,        /* a page of the supervisor's */
    VS_IOMMU_SM_NO_EXECUTE = 0x82,  /* a page that may not be executed (XD) */
    VS_IOMMU_SM_HOST_BEYOND = 0x83, /* an address that nothing translates, of no memory */
    VS_IOMMU_SM_BEYOND = 0x84,      /* one that the second level does not reach */
    VS_IOMMU_SM_NO_WRITE = 0x85,
    VS_IOMMU_SM_NO_READ = 0x86
};

/* PASID Granular Translation Type */
enum vs_iommu_type {
    VS_IOMMU_FIRST = 1,
    VS_IOMMU_SECOND = 2,
    VS_IOMMU_NESTED = 3,
    VS_IOMMU_PASS = 4
};
#define VS_IOMMU_NO_PASID UINT32_MAX /* a request without PASID */
#define VS_IOMMU_TAGS 4096u

/* What the IOTLB's entries of scalable mode are tagged by: a domain, or a PASID of it. */
struct vs_iommu_tag {
    uint32_t pasid;
    uint16_t domain;
    bool first, nested;
};

struct vs_iommu_fault {
    uint64_t address; /* page of the request, or interrupt index */
    uint16_t requester;
    uint8_t reason;
    bool write;
    bool present, privileged, execute; /* PP, PRIV, EXE: of the request's prefix */
    uint32_t pasid;                    /* of the request; VS_IOMMU_NO_PASID */
};

struct vs_iommu {
    struct vs_iommu_config cfg;
    uint16_t account;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_dma_mem_port dma;
    struct vs_message_port irq;
    struct vs_invalidate_port devices; /* where their translations are invalidated; NULL: nowhere */
    struct vs_settab iotlb, context, pwc[5];
    bool large[4];             /* by level: the IOTLB has had entries of that size */
    struct vs_settab pasid[2]; /* scalable mode: both halves of a PASID's entry, of the same keys */
    struct vs_iommu_tag *tag;  /* scalable mode */
    uint32_t n_tags;
    struct vs_settab iec[2]; /* the halves of cached IRTEs, always of the same indices */
    struct vs_slots walkers;
    uint64_t *walking; /* by walker: the IOTLB's key that its last walk filled */
    uint64_t root;     /* root table; 0 = none */
    uint64_t irt;      /* interrupt remapping table */
    uint32_t irt_entries;
    uint64_t queue, queue_head,
        queue_tail; /* invalidation queue of one 4 KiB page: 256 descriptors */
    uint64_t pages, pages_head, pages_tail; /* queue of page requests, and its registers; 0: none */
    uint64_t pages_entries;
    bool pages_pending; /* PPR: one was written since software last looked */
    bool pages_lost; /* PRO: one found it full; none is written until software has cleared that */
    struct vs_iommu_responded {
        uint16_t requester, group;
        uint8_t code;
        uint32_t prefix; /* 0: without PASID */
        uint64_t at_ps;
    } responded;      /* the last response that it sent */
    bool timeout;     /* ITE: a device has not completed an invalidation */
    bool queue_error; /* IQE: a descriptor that the unit does not know stands at the head */
    struct vs_iommu_fault fault[VS_IOMMU_FAULTS];
    uint32_t n_faults;
    bool fault_overflow;
    /* of the request in hand: its context wants no record; its prefix */
    bool silent;
    bool quiet;        /* a translation request: what is not allowed is an answer, no fault */
    unsigned withheld; /* why, of the last request that was quietly refused */
    uint32_t asked;
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
/* The same in scalable mode, for a PASID, 0 being that of requests without one. table: three zeroed
 * pages, for a context table, a directory and a PASID table, of which what is missing is taken. */
struct vs_iommu_pasid {
    enum vs_iommu_type type;
    uint16_t domain;
    vs_hpa first, second;     /* roots; nested: `first` is guest-physical */
    bool supervisor, execute; /* SRE, ERE: requests of these kinds are taken */
};
/* Where software finds a PASID's entry, behind a directory that is there; its first word is what
 * makes it present. */
vs_hpa vs_iommu_entry_of_pasid(const struct vs_iommu *i, uint16_t requester, uint32_t pasid);
/* An entry in memory, wherever software has its table; one that is not present. */
void vs_iommu_write_entry(struct vs_phys *phys, vs_hpa at, const struct vs_iommu_pasid *what);
void vs_iommu_clear_entry(struct vs_phys *phys, vs_hpa at);
void vs_iommu_attach_pasid(struct vs_iommu *i, uint16_t requester, uint32_t pasid,
                           const struct vs_iommu_pasid *what, const vs_hpa table[3]);
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

/* One translation of a request with a PASID (VS_IOMMU_NO_PASID: without), as the ports make those
 * whose transaction has its prefix; false: blocked. */
bool vs_iommu_translate(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint32_t pasid,
                        vs_iova at, bool write, vs_hpa *out);

/* ats.c: translation services. Software allows them to a requester, in the entry that
 * vs_iommu_attach or vs_iommu_attach_pasid has made; the ports of the root port's; where devices
 * are reached. */
void vs_iommu_allow_services(struct vs_iommu *i, uint16_t requester);
struct vs_translate_port vs_iommu_translate_port(struct vs_iommu *i);
struct vs_dma_port vs_iommu_translated_port(struct vs_iommu *i);
void vs_iommu_devices(struct vs_iommu *i, const struct vs_invalidate_port *devices);
/* page_request.c, scalable mode: software gives the queue of page requests 1 << order pages in a
 * row and allows them to a requester that may use translation services. */
struct vs_iommu_page_request {
    uint64_t address; /* of the page */
    uint16_t requester, group;
    bool read, write;
    bool last;       /* of its group; with neither right: a stop marker */
    uint32_t prefix; /* 0: without PASID */
};
void vs_iommu_page_queue(struct vs_iommu *i, vs_hpa queue, unsigned order);
void vs_iommu_allow_page_requests(struct vs_iommu *i, uint16_t requester);
/* A page request of a device (7.4.1): it is in the queue now, with an event when software has none
 * before it to look at; or the unit answers it itself, `answer`; or drops it, as what is not the
 * last of its group is not answered. */
enum vs_iommu_taken {
    VS_IOMMU_QUEUED,
    VS_IOMMU_QUEUED_EVENT,
    VS_IOMMU_ANSWERED,
    VS_IOMMU_ANSWERED_EVENT,
    VS_IOMMU_DROPPED,
    VS_IOMMU_DROPPED_EVENT
};
enum vs_iommu_taken vs_iommu_request_page(struct vs_iommu *i, struct vs_txn *t,
                                          const struct vs_iommu_page_request *r,
                                          enum vs_page_response *answer);
/* The unit's interrupt goes with that. */
static inline bool vs_iommu_page_event(enum vs_iommu_taken taken)
{
    return (unsigned)taken & 1u;
}
/* Software's handler of the event: it clears PPR and reads the tail; reads the requests between the
 * head and that, each by its number, and where one stands; and writes the head, which makes room.
 * PRO it clears when nothing has come meanwhile; true: it was set. It answers by a descriptor of
 * the invalidation queue. */
uint64_t vs_iommu_page_requests(struct vs_iommu *i);
vs_hpa vs_iommu_read_request(const struct vs_iommu *i, uint64_t number,
                             struct vs_iommu_page_request *out);
bool vs_iommu_page_requests_done(struct vs_iommu *i, uint64_t head);
void vs_iommu_queue_response(struct vs_iommu *i, const struct vs_iommu_page_request *r,
                             enum vs_page_response code);
/* A device's own translations of 1 << order pages are invalidated. */
void vs_iommu_queue_device(struct vs_iommu *i, uint16_t requester, vs_iova at, unsigned order);

/* The same of a PASID in scalable mode (6.5.2.6); order with VS_INVALIDATE_GLOBAL: of every PASID.
 */
void vs_iommu_queue_device_pasid(struct vs_iommu *i, uint16_t requester, uint32_t pasid, vs_iova at,
                                 unsigned order);

/* Queued invalidation: software appends descriptors (untimed; false: the ring of 256, of 128
 * in scalable mode, holds one less, and those are there), hardware executes up to the tail under op
 * iommu.invalidate. A wait descriptor writes its status when all before it are done. A descriptor
 * of another type stops the queue (queue_error) until software has put it right and cleared the
 * error. */
#define VS_IOMMU_LEAVES 64u /* of an order: no entry above a leaf has changed (IH) */
bool vs_iommu_queue(struct vs_iommu *i, uint64_t low, uint64_t high);
void vs_iommu_queue_iotlb_page(struct vs_iommu *i, uint16_t domain, vs_iova at, unsigned order);
void vs_iommu_queue_iotlb_domain(struct vs_iommu *i, uint16_t domain);
void vs_iommu_queue_global(struct vs_iommu *i);
void vs_iommu_queue_iec(struct vs_iommu *i, uint32_t index, unsigned order);
/* Scalable mode: entries of the PASID cache (pasid VS_IOMMU_NO_PASID: all of the domain), and first
 * and nested translations of a PASID (order VS_IOMMU_ALL_PAGES: of any address). */
#define VS_IOMMU_ALL_PAGES UINT32_MAX
void vs_iommu_queue_pasid(struct vs_iommu *i, uint16_t domain, uint32_t pasid);
void vs_iommu_queue_piotlb(struct vs_iommu *i, uint16_t domain, uint32_t pasid, vs_iova at,
                           unsigned order);
/* Bytes of a descriptor. */
static inline unsigned vs_iommu_descriptor_bytes(const struct vs_iommu *i)
{
    return i->cfg.mode ? 32u : 16u;
}
void vs_iommu_queue_wait(struct vs_iommu *i, vs_hpa status, uint32_t value);
/* The same, and what devices have asked for before they completed an invalidation ahead of it is in
 * the queue of page requests then (PD, 7.7); one whose status nobody reads: what follows is
 * executed when it is completed (FN). */
void vs_iommu_queue_drain(struct vs_iommu *i, vs_hpa status, uint32_t value);
void vs_iommu_queue_fence(struct vs_iommu *i);
void vs_iommu_execute(struct vs_iommu *i, struct vs_txn *t);
/* The descriptor at the head is another one now, and the error is gone. */
void vs_iommu_queue_mend(struct vs_iommu *i, uint64_t low, uint64_t high);

#endif
