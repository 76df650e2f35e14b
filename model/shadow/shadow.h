/* SPDX-License-Identifier: MIT */
/*
 * Shadow paging: the processor walks tables that the hypervisor builds, on faults, from those of
 * the guest; pages that hold guest tables are write-protected, so that a store to one is seen.
 * Nothing here has a price of its own: it is work of programs that run on the core through its
 * port, loads and stores of real tables included.
 *
 * The tables are the machine's (struct vs_shadow_mmu): its vCPUs share them, as KVM's do. A vCPU
 * (struct vs_shadow) has its roots, its core, and what it does is counted there. One works at a
 * time; while it flushes, which is the last thing it does, others may.
 *
 * Tables are real, in vs_phys. A txn of NULL means: functional, untimed (set-up, tests).
 * The structure follows KVM's (arch/x86/kvm/mmu): shadow pages found by guest frame and level,
 * reverse maps, a list by age. Vocabulary: README.md.
 */
#ifndef VIRTSIM_SHADOW_H
#define VIRTSIM_SHADOW_H

#include "virtsim/frames.h"
#include "virtsim/port/core.h"
#include "virtsim/radix.h"

#define VS_DEF_NAME shadow
#define VS_DEF_FILE "shadow/shadow.def"
#include "virtsim/def_types.h"

#define VS_SHADOW_ROOTS 64u
#define VS_SHADOW_LEVELS 6u /* 1 to 5 */

enum vs_shadow_result {
    VS_SHADOW_RETRY,    /* the shadow maps it now: issue the access again */
    VS_SHADOW_INJECT,   /* the guest's own tables do not permit it: its page fault */
    VS_SHADOW_EMULATED, /* a store to a guest's table, carried out by the hypervisor */
    VS_SHADOW_DEVICE,   /* the guest maps what is not its memory: to be emulated */
    VS_SHADOW_FULL      /* host memory is exhausted */
};

/* Which translations of guests go. */
enum vs_shadow_flush {
    VS_SHADOW_FLUSH_PAGE,   /* this vCPU's of one page, in every PCID */
    VS_SHADOW_FLUSH_VCPU,   /* all of this vCPU's */
    VS_SHADOW_FLUSH_MACHINE /* and the other vCPUs': rights were taken from shadow entries */
};

/* Work whose length the hypervisor around it knows. */
enum vs_shadow_path {
    VS_SHADOW_PATH_FAULT, /* a page fault, the walk and the entries apart */
    VS_SHADOW_PATH_WRITE, /* a store to a guest's table is emulated */
    VS_SHADOW_PATH_SYNC,  /* an entry is compared */
    VS_SHADOW_PATH_WALK,  /* an entry of a walk by software */
    VS_SHADOW_PATH_PAGE,  /* a table is made, its clearing apart */
    VS_SHADOW_PATH_ENTRY, /* an entry is set */
    VS_SHADOW_PATH_ZAP,   /* an entry is cleared, or loses its right to write */
    VS_SHADOW_PATH_ROOT   /* MOV to CR3, what it brings back in line apart */
};

/* What it needs of the hypervisor around it, for one vCPU. */
struct vs_shadow_port {
    void *ctx;
    /* Host page that holds guest-physical `gpa`; when it has none and `back` is set it gets one.
     * False: not memory, or not backed. */
    bool (*host)(void *ctx, struct vs_txn *t, uint64_t gpa, bool back, uint64_t *hpa,
                 unsigned *page_shift);
    void (*flush)(void *ctx, struct vs_txn *t, enum vs_shadow_flush what, vs_gva at);
    /* In time: a path from its beginning to its end; of a loop its code alone, whose rounds follow,
     * n at a time. */
    void (*path)(void *ctx, struct vs_txn *t, enum vs_shadow_path path, bool loop);
    void (*rounds)(void *ctx, struct vs_txn *t, enum vs_shadow_path path, uint64_t n);
};

/* Where host-physical 0 lies in the hypervisor's address space. */
struct vs_shadow_layout {
    uint64_t direct;
};

/* Indices are one more than the page's or node's number; 0 = none. */
struct vs_shadow_page {
    uint64_t frame; /* host-physical; kept when the page is free */
    uint64_t gfn;   /* guest frame it shadows; direct: first frame it maps */
    uint32_t next_same, older, newer, parents;
    uint32_t writes; /* trapped since the last fault through it */
    uint32_t roots;  /* of vCPUs, present or kept, that it is */
    uint16_t used;   /* present entries */
    uint8_t level;
    bool live, direct, unsync, listed;
};

struct vs_shadow_mmu {
    struct vs_shadow_config cfg;
    struct vs_radix_format format;
    uint64_t reserved[2][VS_SHADOW_LEVELS];
    struct vs_phys *phys;
    struct vs_frames *frames;
    struct vs_shadow_layout at;
    uint64_t guest_frames;
    struct vs_shadow_page *page;
    uint32_t n_pages, n_free, *free;
    uint64_t *header; /* frames of the pages' headers, 32 in each */
    uint32_t oldest, newest;
    /* by guest frame: pages that shadow it; reverse maps of leaves by level; tables in it */
    uint32_t *same, *rmap[4], *tables[4];
    /* by node = page x 512 + entry */
    uint32_t *next, *of; /* list; guest frame (leaf) or child */
    uint32_t *unsynced, n_unsynced;
};

struct vs_shadow {
    struct vs_shadow_mmu *m;
    struct vs_core_port core;
    struct vs_shadow_port port;
    uint64_t supervisor; /* as in struct vs_ept */
    struct {
        uint64_t cr3;
        uint32_t page;
    } root[VS_SHADOW_ROOTS]; /* most recent first */
    uint32_t n_roots;
    bool flush; /* before this operation ends */
    uint64_t count[VS_CNT_shadow_N];
};

void vs_shadow_check(const struct vs_shadow_config *cfg, struct vs_errors *errors);
/* format is the guest's (x86). VS_E_NOMEM when host or simulator memory is too small. */
enum vs_status vs_shadow_mmu_init(struct vs_shadow_mmu *m, const struct vs_shadow_config *cfg,
                                  const struct vs_radix_format *format, unsigned physical_bits,
                                  struct vs_phys *phys, struct vs_frames *frames,
                                  uint64_t guest_bytes, const struct vs_shadow_layout *at);
void vs_shadow_mmu_free(struct vs_shadow_mmu *m);
/* One vCPU of the machine; vs_shadow_cr3 gives it its first root. */
void vs_shadow_init(struct vs_shadow *s, struct vs_shadow_mmu *m, const struct vs_core_port *core,
                    const struct vs_shadow_port *port);

/* What the processor's CR3 points to: host-physical root of the present shadow. */
uint64_t vs_shadow_root(const struct vs_shadow *s);
/* A page fault of the guest. error: as the processor reports it; for VS_SHADOW_INJECT *error
 * becomes what the guest is to see. */
enum vs_shadow_result vs_shadow_fault(struct vs_shadow *s, struct vs_txn *t, uint64_t gva,
                                      uint32_t *error);
/* MOV to CR3; keep: bit 63 was set. Otherwise all of the vCPU's translations go, whatever their
 * PCID: INVVPID and its like know none. False: host memory is exhausted. */
bool vs_shadow_cr3(struct vs_shadow *s, struct vs_txn *t, uint64_t cr3, bool keep);
void vs_shadow_invlpg(struct vs_shadow *s, struct vs_txn *t, vs_gva at);
/* An invalidation of more than a page or the present PCID (INVPCID, CR4, a hypercall): what any
 * root of the vCPU leads to is brought in line, and its translations go. */
void vs_shadow_invalidate(struct vs_shadow *s, struct vs_txn *t);

#endif
