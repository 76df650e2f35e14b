/* SPDX-License-Identifier: MIT */
/*
 * What there is to translate: a machine's guest-physical memory with its EPT (struct vs_vm) and
 * address spaces with their page tables (struct vs_space). All tables are real, in vs_phys; making
 * them is functional and untimed: what a guest's or a hypervisor's code pays for it is its
 * handler's business. On bare metal there is no vs_vm: a space's frames are host frames.
 *
 * Errors: VS_E_NOMEM when guest or host memory is exhausted, VS_E_CONFIG for a range that is mapped
 * already or misaligned, VS_E_BOUNDS for an address that the format does not reach, or one whose
 * tables (somebody else's) lie where no memory is.
 */
#ifndef VIRTSIM_EPT_SPACE_H
#define VIRTSIM_EPT_SPACE_H

#include "virtsim/frames.h"
#include "virtsim/phys.h"
#include "virtsim/radix.h"

/* Frames of sizes that struct vs_frames does not have (Arm's): cut in order out of larger ones, and
 * not put together again; what is returned is given out again as it is. By log2 - 12. */
struct vs_cut {
    uint64_t next[20], end[20];
};

/* One virtual machine's memory. */
struct vs_vm {
    struct vs_radix_format format; /* of the second dimension */
    struct vs_cut cut;             /* of host frames */
    struct vs_phys *phys;
    struct vs_frames *host;                       /* of its pages; shared by all machines */
    struct vs_frames *host_tables, *guest_tables; /* of EPT tables; behind the guest's tables */
    struct vs_cut table_cut, guest_table_cut;     /* EPT's, behind the guest's */
    struct vs_cut apart_cut;                      /* guest-physical, for the guest's */
    struct vs_frames guest;                       /* frames of guest-physical memory */
    uint64_t ept_root;                            /* host-physical */
    uint64_t edits;                               /* of its leaves, as of struct vs_space */
    uint64_t bytes;                               /* guest-physical memory is [0, bytes) */
    unsigned host_shift;     /* page size of EPT mappings; with huge_shift: the smallest */
    unsigned huge_shift;     /* 0: none (vs_vm_thp) */
    uint32_t fragmented;     /* percent of its aligned huge blocks that find no frame */
    uint64_t seed;           /* decides which */
    uint64_t tables, backed; /* EPT tables made; EPT leaves made */
    /* Told of each leaf that is made and where it leads; alone: a huge one was wanted. False: it
     * needs memory for that which there is not. NULL: nobody is told. */
    bool (*mapped)(void *ctx, uint64_t gpa, uint64_t hpa, unsigned shift, bool alone);
    void *ctx;
    /* Its tables are the shadow of two others': a page lies where `outer` has the page that `inner`
     * names; both have pages of the same size as it. NULL: they are its own. */
    struct vs_vm *inner, *outer;
};

/* One address space. */
struct vs_space {
    struct vs_phys *phys;
    struct vs_radix_format format;
    struct vs_cut cut;
    struct vs_vm *vm;               /* NULL = bare metal */
    struct vs_frames *frames;       /* guest's, or host's on bare metal */
    struct vs_frames *table_frames; /* of its tables, on bare metal */
    struct vs_cut table_cut;
    uint64_t cr3;                   /* guest-physical (or physical) root */
    uint64_t root;                  /* the same, host-physical */
    struct vs_radix_format upper;   /* Arm: of addresses with bit 55 set, TTBR1's; levels 0: none */
    uint64_t upper_cr3, upper_root; /* 0: no walks there (EPD1) */
    uint64_t first_gva, next_gva;   /* where regions begin, where the next one goes */
    uint64_t pages, tables;         /* leaves made, tables made */
    uint64_t edits;                 /* of leaves: where something lies may be another since */
    bool adopted; /* absent entries may hold what somebody else's kernel put there */
    bool global;  /* leaves made from now on are global */
};

enum vs_status vs_vm_init(struct vs_vm *vm, struct vs_phys *phys, struct vs_frames *host,
                          uint64_t bytes, unsigned host_shift, enum vs_frames_order guest_order,
                          uint64_t seed);
/* The same with another format than EPT of four levels. */
enum vs_status vs_vm_init_format(struct vs_vm *vm, const struct vs_radix_format *format,
                                 struct vs_phys *phys, struct vs_frames *host, uint64_t bytes,
                                 unsigned host_shift, enum vs_frames_order guest_order,
                                 uint64_t seed);
/* Made with the frames of EPT tables; pages and the guest's tables come from these from now on. The
 * guest's tables lie in 2M areas of their own, which no large host page mixes with data. */
void vs_vm_place(struct vs_vm *vm, struct vs_frames *data, struct vs_frames *guest_tables);
/* Before the first frame is given out: those of [0, bytes) are not. */
enum vs_status vs_vm_keep(struct vs_vm *vm, uint64_t bytes, enum vs_frames_order guest_order,
                          uint64_t seed);
/* A view of a machine's memory: tables of its own, which nothing is in yet. What it maps lies in
 * pages of the machine. */
enum vs_status vs_vm_view(struct vs_vm *view, const struct vs_vm *of);
void vs_vm_free(struct vs_vm *vm);
/* Transparent huge pages: from now on an aligned block of the format's second page size (2M; 32M
 * and 512M with Arm's larger tables) that lies in guest memory and of which nothing is backed gets
 * one frame, where a contiguous one is free; else its pages get theirs one by one. For `fragmented`
 * percent of the blocks, chosen by the seed, none is. */
void vs_vm_thp(struct vs_vm *vm, uint32_t fragmented, uint64_t seed);
/* Backs the host page around gpa; nothing happens when it is backed already. */
enum vs_status vs_vm_back(struct vs_vm *vm, uint64_t gpa);
bool vs_vm_is_memory(const struct vs_vm *vm, uint64_t gpa);
/* Makes accesses to the page around gpa, which is no memory, misconfigurations (EPT), as KVM does
 * for devices: writable and executable, but not readable. */
enum vs_status vs_vm_device(struct vs_vm *vm, uint64_t gpa);
/* Host-physical address behind a guest-physical one; false when it is not backed. */
bool vs_vm_locate(const struct vs_vm *vm, uint64_t gpa, uint64_t *hpa);
/* The same, and log2 of the host page that holds it. */
bool vs_vm_leaf(const struct vs_vm *vm, uint64_t gpa, uint64_t *hpa, unsigned *shift);

/* vm NULL: bare metal, frames from `host`. */
enum vs_status vs_space_init(struct vs_space *s, struct vs_phys *phys, struct vs_vm *vm,
                             struct vs_frames *host);
/* The same with another format than x86-64 of four levels. */
enum vs_status vs_space_init_format(struct vs_space *s, const struct vs_radix_format *format,
                                    struct vs_phys *phys, struct vs_vm *vm, struct vs_frames *host);
/* Arm: addresses above the hole, which a root of its own translates (TTBR1). It is made when
 * something is first mapped there, or comes from another space, whose kernel is then shared. */
void vs_space_upper(struct vs_space *s, const struct vs_radix_format *format);
enum vs_status vs_space_upper_root(struct vs_space *s);
void vs_space_share_upper(struct vs_space *s, const struct vs_space *from);
/* The format of the half that gva is in. */
const struct vs_radix_format *vs_space_format(const struct vs_space *s, uint64_t gva);
/* Whether the space's format can translate an address at all. */
bool vs_space_reaches(const struct vs_space *s, uint64_t gva);
/* Bare metal: made with the frames of its tables; pages come from these from now on. */
void vs_space_place(struct vs_space *s, struct vs_frames *data);
/* Reserves a range of `bytes` (rounded up to pages) for a region; at 0 chooses. */
uint64_t vs_space_reserve(struct vs_space *s, uint64_t at, uint64_t bytes, unsigned page_shift);
/* Maps the page around gva to a new frame; `back` also backs it in the EPT. */
enum vs_status vs_space_touch(struct vs_space *s, uint64_t gva, unsigned page_shift, bool writable,
                              bool back);
/* Maps gva to this (guest-)physical address: devices, identity. */
enum vs_status vs_space_map_at(struct vs_space *s, uint64_t gva, uint64_t pa, unsigned page_shift,
                               bool writable);
/* Removes the leaf of gva; its frame is nobody's business. Returns the entry, 0: nothing was
 * mapped.
 */
uint64_t vs_space_drop(struct vs_space *s, uint64_t gva, unsigned *page_shift);
/* The tables below this root, made by somebody else, are the space's from now on. */
bool vs_space_adopt(struct vs_space *s, uint64_t cr3);
/* Removes the leaf of gva and returns its frame; false when nothing was mapped. */
bool vs_space_unmap(struct vs_space *s, uint64_t gva, unsigned *page_shift);
/* What programs may do with the page (VS_RIGHT_*, as vs_radix_can allows); none: any access faults
 * as if nothing were there, but its frame stays. False when nothing was mapped. */
bool vs_space_protect(struct vs_space *s, uint64_t gva, uint64_t rights, unsigned *page_shift);
/* The page is one whose rights were all taken. */
bool vs_space_held(const struct vs_space *s, uint64_t gva);
/* Splits the large page around gva into pages of the next smaller size with the same rights. */
enum vs_status vs_space_split(struct vs_space *s, uint64_t gva);
/* Where the entries that translate gva lie, by level; returns the level of the leaf, or of the
 * entry that is absent (one that lies where no memory is reads as 0). gva is one that it reaches.
 */
unsigned vs_space_path(const struct vs_space *s, uint64_t gva, uint64_t at[VS_RADIX_LEVELS + 1u]);
/* The level of the first entry on the way to gva with a bit set that is reserved, 0: none. */
unsigned vs_space_malformed(const struct vs_space *s, uint64_t gva, unsigned physical_bits);
/* (Guest-)physical address behind gva, backed or not; false when not mapped. */
bool vs_space_find(const struct vs_space *s, uint64_t gva, uint64_t *gpa);
/* (Guest-)physical and host-physical address behind gva; false when not mapped (not backed). */
bool vs_space_locate(const struct vs_space *s, uint64_t gva, uint64_t *gpa, uint64_t *hpa);

#endif
