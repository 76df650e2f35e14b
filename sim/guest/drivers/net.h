/* SPDX-License-Identifier: MIT */
/*
 * The I/O side of the platform: link, IOMMU, NIC, the traffic that arrives, and each vCPU's driver
 * of a pair of queues: of a function of its own, or with nic.queues of one that it shares with
 * other vCPUs of its machine.
 */
#ifndef VIRTSIM_SIM_GUEST_DRIVERS_NET_H
#define VIRTSIM_SIM_GUEST_DRIVERS_NET_H

#include "cpu/vcpu.h"

#include "ats/ats.h"
#include "dma_engine/dma_engine.h"
#include "iommu/iommu.h"
#include "pcie/device.h"
#include "pcie/pcie.h"
#include "pcie/way.h"
#include "sriov_nic/sriov_nic.h"

#define VS_DEF_NAME dma
#define VS_DEF_FILE "guest/drivers/dma.def"
#include "virtsim/def_types.h"

#define VS__NET_BUFFER VS_NIC_BUFFER

#define VS__NET_ADMIN_RING 32u /* descriptors of a driver's admin queue: IAVF_AQ_LEN */
/* Two rings in a page, a buffer for each descriptor in a page of its own. */
#define VS__NET_ADMIN_BYTES ((2u * VS__NET_ADMIN_RING + 1u) * VS_NIC_AQ_BUFFER)
#define VS_NIC_STREAM_MOST 1048576u /* bytes of one write of a stream */
#define VS__NET_RING_PAGES 16u      /* of the longest ring, 4096 descriptors of 16 bytes */
/* The order of the choices in dma.mode. */
enum vs_dma_viommu { VS_DMA_NO_VIOMMU, VS_DMA_NESTED, VS_DMA_EMULATED };
enum vs_dma_mode { VS_DMA_AUTO, VS_DMA_STATIC, VS_DMA_STRICT, VS_DMA_LAZY, VS_DMA_PASSTHROUGH };

/* What a driver has mapped: its device address, where it is in the kernel's or the program's
 * memory. */
struct vs_mapping {
    uint64_t iova, at, bytes;
};
/* A growing array of them. */
struct vs_mappings {
    struct vs_mapping *e;
    size_t n, cap;
};
#define VS_DMA_ORDERS                                                                              \
    6u /* sizes of freed addresses that a processor keeps (drivers/iommu/iova.c) */

/* The device addresses of one function's domain, as its kernel gives them out. */
struct vs_dma_domain {
    bool attached;      /* the IOMMU has it: a driver of the function has been made */
    uint64_t root;      /* of the tables that its kernel edits; 0: devices see physical addresses */
    uint64_t root_seen; /* the same as the kernel has it: guest-physical */
    const struct vs_radix_format *format; /* of these tables */
    bool own;                             /* they are a guest's own: the first level, or shadowed */
    uint16_t id;
    /* a guest's own: its queue, how many descriptors it has had and how many of them its host has
     * fetched, and what the last one drops */
    uint64_t queue_seen, queued, fetched;
    struct vs_mapping dropped;
    bool drop_all;
    /* and where that is of a bound process: what of it (enum guest_sva_drop; 0: it is not), the
     * range in `dropped`, whether it is unbound; the guest's PASID table, guest-physical */
    uint32_t pasid;
    unsigned drop;
    bool unbinds;
    uint64_t pasids_seen;
    /* its queue of page requests; the response that is submitted */
    uint64_t requests_seen;
    const struct vs_iommu_page_request *answered;
    unsigned code;
    uint64_t next;                           /* addresses from here on have been given out */
    struct vs_mappings freed[VS_DMA_ORDERS]; /* by log2 of their pages: the last one first */
    struct vs_mappings deferred;             /* unmapped, not invalidated yet */
    uint64_t due_ps;                         /* when a timer does that */
    struct vs_mappings live;                 /* of the program's */
    /* an emulated IOMMU: the root of the host's tables that the device goes by, 0: the guest's or
     * the machine's are walked themselves; and what is mapped there, in order of the device
     * addresses, `at` the guest-physical address with its rights (VS_RIGHT_READ and _WRITE) */
    uint64_t shadow;
    struct vs_mappings shadowed;
};

/* moderation.c: what a driver with adaptive moderation keeps. Zero bytes: nothing has come. */
enum vs_traffic_class { VS_TRAFFIC_LOWEST, VS_TRAFFIC_LOW, VS_TRAFFIC_BULK };
struct vs_moderation {
    enum vs_traffic_class class;
    uint64_t quarters; /* of a microsecond: the adapter's register */
    uint64_t bytes;    /* since the last update */
};
void guest_moderation_begin(struct vs_moderation *m);
/* At the end of a poll; true: *itr_ps is what the adapter is to be told. */
bool guest_moderation_update(struct vs_moderation *m, uint64_t *itr_ps);

/* A vCPU's driver. */
struct vs_driver {
    uint64_t tx_ring, rx_ring, tx_buffers, rx_buffers; /* guest virtual */
    uint64_t tx_base, rx_base;                         /* where the device has its rings */
    uint64_t *tx_at, *rx_at; /* device addresses of their buffers, by descriptor */
    uint32_t tx_tail, tx_clean, rx_next, rx_tail;
    uint64_t got;
    uint64_t stream_left; /* bytes of a stream's present write that are not in the ring yet */
    struct vs_ring_page { /* where a page was found last, and what was edited by then */
        uint64_t page, hpa, edits;
        bool known;
    } found[2][VS__NET_RING_PAGES]; /* of the receive ring, of the transmit ring */
    uint32_t queue;                 /* its pair of queues, of all of the adapter's */
    uint32_t vf;                    /* whose they are */
    bool made;                      /* it has its rings and buffers */
    bool reset;                     /* since then its function was reset: it begins again */
    bool ready, waiting;
    enum vs_dma_mode mode; /* never AUTO, when it is made */
    struct vs_dma_domain *domain;
    uint64_t pinned_at, pinned_end; /* the program's memory that is mapped in it last */
    uint64_t *page;                 /* device addresses of its pages, where they are not in a row */
    struct vs_dma_job job;          /* what the function's engine is about */
    uint64_t granted;               /* groups of page requests that it posted, answered: Success */
    struct vs_moderation moderation;
    struct { /* a request in its mailbox: how far it is, how often it has looked for the answer */
        enum { VS_MAIL_NONE, VS_MAIL_ASKED, VS_MAIL_TAKEN } step;
        unsigned looked;
        uint32_t bits; /* of VFMAILBOX, which a read clears */
    } mail;
    struct { /* admin queues: rings and buffers, as it and as the device sees them; 0: not made */
        uint64_t at, base;
        uint32_t tail, next; /* of what it sends; what it receives next */
        bool open;           /* the device knows of them */
        bool up;             /* the link, as the host has told it */
        uint32_t minor;      /* version of the language that it has said it speaks */
        uint32_t pairs;      /* of queues, as the host has told it; 0: it has not */
        enum { VS_ADMIN_NONE, VS_ADMIN_ASKED, VS_ADMIN_DETECT, VS_ADMIN_RESET } step;
        uint32_t op;      /* that it waits for the answer to */
        uint64_t late_ps; /* it waits no longer than that */
    } admin;
    struct vs_trail trail; /* what the vCPU is about, from the driver's first use on */
};

/* The lock of an invalidation queue: when it is held; when it was taken last, and for how long the
 * time before. */
struct vs_queue_lock {
    struct vs_way held;
    uint64_t taken_ps, last_ps;
};

/* The domain of a virtual machine, and of all functions that it has. */
struct vs_assigned_vm {
    struct vs_net *net;
    uint64_t root; /* second level; 0: it has no function yet */
    /* with dma.assigned_in_time: host pages that hold its pages' structures, the functions that it
     * has, when its memory was mapped */
    uint64_t *page_structs;
    unsigned functions;
    uint64_t mapped_ps;
    struct vs_queue_lock queue_lock; /* of a guest's own IOMMU */
};

/* Processes that are bound to functions, at most: the kernel gives out PASIDs from 1 on, the lowest
 * that is free, and those below 64 are in a directory's first table. */
#define VS_SVA_BINDINGS 63u
struct vs_sva {
    const struct vs_mm *mm; /* NULL: nobody has this PASID */
    unsigned process;
    uint32_t vf;
};

/* The thread of the kernel that takes page requests from the unit's queue, and what it has taken.
 *
 *   raised         the unit has sent the interrupt at `at_ps`; told: the thread has not read the
 *                  tail since, and needs none
 *   the event      it has come, and the thread is on its way
 *   the thread     it has read the tail, and takes what stands there until `at_ps`; a further
 *                  interrupt waits until then
 *   the workers    serve group by group what it took; an interrupt comes first */
struct vs_wanted {
    enum { VS_WANTED_IDLE, VS_WANTED_RAISED, VS_WANTED_EVENT, VS_WANTED_THREAD } state;
    bool told;
    uint64_t at_ps;   /* when the unit interrupts, the thread reads the tail, or is over */
    uint64_t read_ps; /* when it last did */
    uint64_t tail;
    uint64_t handed; /* so many requests are in a guest's own queue */
    bool again;      /* an interrupt waits */
    struct vs_wanted_page {
        struct vs_iommu_page_request r;
        bool whole; /* the last of its group has come */
    } * page;       /* in the order in which they came */
    size_t n, room;
};

#define VS_NET_LINKS 4u /* pcie.links, at most */

struct machine_traffic;

struct vs_net {
    struct vs_platform *p;
    struct vs_assigned_vm *vm; /* the domain of each machine */
    struct vs_iommu iommu;
    struct vs_pcie *link; /* `links` of them */
    unsigned links;
    struct vs_pcie_switch below;    /* the switch that links share whose place it is */
    struct vs_pci_device functions; /* as configuration space has them; none before `found` */
    bool found;
    struct vs_ats ats; /* between link and adapter */
    struct vs_nic nic;
    struct vs_dma_engine engine;
    struct vs_msi_port remapped; /* the IOMMU's, for the NIC's messages */
    struct vs_memory_dma dma, agent;
    unsigned node[VS_NET_LINKS]; /* of each link's root port; the unit's tables are on the first */
    struct vs_iommu_config iommu_config;
    struct vs_pcie_config pcie_config, link_config[VS_NET_LINKS]; /* of all; of each */
    struct vs_nic_config nic_config;
    struct vs_dma_engine_config engine_config;
    struct vs_dma_config dma_config;
    struct vs_ats_config ats_config;
    uint16_t dma_account;
    uint64_t dma_count[VS_CNT_dma_N];
    struct vs_sva sva[VS_SVA_BINDINGS + 1u]; /* by PASID; 0 is that of requests without one */
    unsigned bindings;
    struct vs_wanted wanted;
    struct vs_queue_lock queue_lock;  /* of the invalidation queue */
    struct vs_way unit;               /* when the unit works on what is in it */
    struct vs_txn executing;          /* the unit, as it carries out what is in that queue */
    struct vs_tape executed;          /* the parts of that */
    uint64_t executed_ps;             /* when it has done what it was told last */
    uint64_t queue_page, status_page; /* where the queue and the words that end a wait lie */
    struct vs_driver *driver;         /* per vCPU */
    struct vs_dma_domain *domain;     /* per function */
    bool *reset;                      /* per function: it was, and its drivers begin again */
    uint32_t n_functions;             /* that have vCPUs, or would have if there were so many */
    /* The machine's: what a vCPU's driver needs when its program first sends or receives, tables of
     * the IOMMU, rings and buffers. A machine whose NIC nobody uses has none of it. False, and the
     * run fails, where it is not to be had; `what` the program asked for. */
    bool (*use)(struct vs_vcpu *v, const char *what);
    /* The same for admin queues, at the driver's first use of them, and those of the host's driver.
     */
    bool (*admin)(struct vs_vcpu *v);
    /* Maps a program's memory for the function of its vCPU; job->at or job->page: where. False, and
     * the run fails, where that is not to be had. */
    bool (*pin)(struct vs_vcpu *v, uint64_t at, uint64_t bytes, struct vs_dma_job *job);
    /* Makes the functions' configuration space, as firmware and the host's kernel leave it, when
     * somebody first looks at it; false: the host is out of memory. */
    bool (*find)(struct vs_net *net);
    /* Whether the device's functions may send requests with this prefix, as its configuration space
     * says; the kernel enables PASIDs there with the first binding. */
    bool (*may_prefix)(const struct vs_net *net, uint32_t prefix);
    /* A function's page request that nobody waits for, on t; when the link has taken it. */
    uint64_t (*post_page)(struct vs_net *net, struct vs_txn *t,
                          const struct vs_iommu_page_request *r);
    bool (*enable_pasids)(struct vs_net *net);
    /* A cleared page of a guest's kernel for a table of its own IOMMU, and where one lies
     * (vs_radix_alloc, its ctx the vCPU). */
    bool (*own_table)(void *ctx, uint64_t *value, uint64_t *at);
    uint64_t (*own_at)(void *ctx, uint64_t value);
    /* The host's user space reads what a guest has submitted to an IOMMU of its own
     * (vs_dma_domain.dropped): it brings what the device goes by into line with an emulated one's
     * tables, and asks the kernel to invalidate what a nested one's device has cached. */
    void (*follow_guest)(struct vs_vcpu *v, struct vs_txn *t);
    /* The unit's event: the host's kernel and user space put page requests of a guest's process
     * into the guest's own queue, and the guest is interrupted; false: there is none to hand on. */
    bool (*hand_on)(struct vs_vcpu *v);
    /* A cleared page for a table of the IOMMU (vs_radix_alloc.table, its ctx the machine). */
    bool (*table)(void *ctx, uint64_t *value, uint64_t *at);
    unsigned nic_agent;
    struct machine_interfaces *interfaces; /* nic.path = host: the host's driver; NULL: none */
    /* Of these: whether the thread that serves a vCPU's interface sleeps, and has to be woken by an
     * exit; it is told of frames or buffers. */
    bool (*sleeps)(const struct vs_net *net, unsigned vcpu);
    void (*tell)(struct vs_net *net, unsigned vcpu, uint64_t at_ps);
    struct machine_traffic *traffic;   /* who sends to it: the machine's */
    struct machine_physical *physical; /* the host's driver of the physical function; NULL: none */
    /* The driver of this queue can receive: packets may come. */
    void (*begin)(struct vs_net *net, uint32_t queue, uint64_t now_ps);
    uint64_t tables, last_table; /* of the IOMMU: how many, and where the last one is */
    bool used;                   /* the IOMMU has its tables: a driver has been made */
    struct vs_driver *posting;   /* its function sends such ones now; NULL: none */
    struct vs_vcpu *asking;      /* waits for its function's engine, which is at work; NULL: none */
    bool raised;                 /* a vCPU has been interrupted: the adapter's agent lets it act */
};

/* The link of a virtual function. */
static inline struct vs_pcie *vs_net_link(struct vs_net *net, unsigned vf)
{
    return &net->link[net->links > 1u ? vf % net->links : 0];
}

#endif
