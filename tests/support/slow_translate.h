/* SPDX-License-Identifier: MIT */
/*
 * A second translation, slow and plain, for comparing with the fast ones. It has no caches: it
 * walks the tables in memory, both dimensions, and computes what the architecture says: address,
 * fault, exit qualification, error code, accessed and dirty flags.
 *
 * A real TLB may answer from the past, so the tests must not call a stale answer wrong while it is
 * allowed. Software's writes to tables go through slow_write, which remembers the value an entry
 * had; invalidations go through slow_forget. A walk then has several allowed answers: for every
 * entry the present value and each past one that no invalidation since then has covered.
 *
 * Nothing here uses core/radix or a model: the formats are decoded a second time.
 */
#ifndef VIRTSIM_TESTS_SLOW_TRANSLATE_H
#define VIRTSIM_TESTS_SLOW_TRANSLATE_H

#include "virtsim/phys.h"
#include "virtsim/port/mmu.h"

enum slow_kind { SLOW_X86, SLOW_EPT, SLOW_NPT, SLOW_ARM_S1, SLOW_ARM_S2 };
struct slow_format {
    enum slow_kind kind;
    unsigned levels;        /* of tables between root and page */
    unsigned granule;       /* log2 of a table's bytes: 12, 14, 16 */
    unsigned input_bits;    /* of the address translated */
    unsigned physical_bits; /* MAXPHYADDR: higher bits of an entry are reserved */
    bool accessed_dirty;    /* EPT, Arm: hardware keeps the flags; x86 always does */
    bool execute_only;      /* EPT: allowed */
    bool amd;               /* x86: as AMD reads it */
};

/* What the processor translates with. eptp (root of the second dimension) 0: none. */
struct slow_context {
    uint16_t vpid, pcid;
    uint64_t cr3, eptp;
};

struct slow_outcome {
    enum vs_fault fault;
    uint64_t hpa, gpa, qualification;
    uint32_t error_code;
    unsigned shift;
    bool stale;  /* needs a value of the past */
    bool global; /* of a page that other PCIDs of the VPID may use, too */
};
/* Bits of an entry that the walker sets, and those it clears (Arm's read-only bit of a clean page).
 */
struct slow_flag {
    uint64_t at, mask, clear;
};

#define SLOW_OUTCOMES 512u
#define SLOW_FLAGS 4096u
struct slow_answer {
    struct slow_outcome outcome[SLOW_OUTCOMES];
    unsigned n;
    bool overflow; /* too many pasts to tell */
    bool stale;    /* some path used one */
    struct slow_flag permitted[SLOW_FLAGS], required[64];
    struct slow_flag path[64];        /* scratch */
    unsigned n_permitted, n_required; /* required: by the path through present values */
};

enum slow_scope {
    SLOW_ALL,            /* every linear and combined mapping */
    SLOW_VPID,           /* of one VPID */
    SLOW_VPID_NONGLOBAL, /* but the global ones */
    SLOW_PCID,           /* of one PCID but the global ones: MOV to CR3 */
    SLOW_ADDRESS,        /* INVVPID type 0: every PCID of the VPID, one page */
    SLOW_INVLPG,         /* one page of one PCID, global ones of every PCID */
    SLOW_PCID_ADDRESS,   /* one page of one PCID, but global ones: INVPCID type 0 */
    SLOW_PAGE_FAULT,     /* what a page fault drops: its page */
    SLOW_VIOLATION,      /* what an EPT violation drops: gpa for this linear address */
    SLOW_ASID,           /* AMD: of one ASID (`vpid`), guest-physical ones too */
    SLOW_INVEPT          /* guest-physical and combined mappings of one EPTP; 0: of all */
};

struct slow_event {
    enum slow_scope scope;
    uint16_t vpid, pcid;
    uint64_t eptp, gva, gpa, time;
};
struct slow_version {
    uint64_t at, value, until;
    unsigned next; /* of the same bucket, 0 = last */
};

#define SLOW_BUCKETS 1024u
#define SLOW_VERSIONS 512u
struct slow {
    struct vs_phys *phys;
    struct slow_format guest, nested;
    uint64_t time;
    struct slow_version version[SLOW_VERSIONS];
    unsigned n_versions, bucket[SLOW_BUCKETS];
    struct slow_event event[SLOW_VERSIONS];
    unsigned n_events;
};

void slow_init(struct slow *s, struct vs_phys *phys, struct slow_format guest,
               struct slow_format nested);
/* Software writes an entry. */
void slow_write(struct slow *s, uint64_t at, uint64_t value);
/* A root register is given another value. */
void slow_root(struct slow *s, const struct slow_context *c, uint64_t old);
void slow_forget(struct slow *s, enum slow_scope scope, uint16_t vpid, uint16_t pcid, uint64_t eptp,
                 uint64_t gva, uint64_t gpa);
/* Everything was invalidated: no past is left. */
void slow_settle(struct slow *s);
bool slow_full(const struct slow *s);
void slow_translate(struct slow *s, const struct slow_context *c, uint64_t gva, enum vs_ref ref,
                    struct slow_answer *a);

/* One entry, decoded. */
struct slow_entry {
    bool present, bad, leaf, global;
    bool r, w, x;        /* what it allows to programs in user mode */
    bool accessed_fault; /* software keeps the flag, and it is clear */
    uint64_t next;       /* table or page */
    uint64_t a, d;       /* flags: set in the entry when used, when written through; 0 = none */
    uint64_t d_clear;    /* the other way round: cleared when written through */
};
struct slow_entry slow_decode(const struct slow_format *f, unsigned level, uint64_t value);
unsigned slow_shift(const struct slow_format *f, unsigned level);

#endif
