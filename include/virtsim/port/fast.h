/* SPDX-License-Identifier: MIT */
/*
 * The second port of mmu and memory, for speed alone: no result depends on whether it is there.
 * Hints change no modelled state; gathered references are made in the order in which they were
 * noted.
 */
#ifndef VIRTSIM_PORT_FAST_H
#define VIRTSIM_PORT_FAST_H

#include "virtsim/port/line.h"
#include "virtsim/port/mmu.h"

#include <assert.h>

/* References of one core to lines, noted first and looked up together later, in their order: what
 * a walk reads does not depend on which cache has it, only its time does. */
#define VS_GATHER 480u
#define VS_GATHER_WALK 160u /* references of one access, those that set flags included, at most */
#define VS_GATHER_OWN 32u   /* accesses */
struct vs_gather {
    uint8_t own_ref; /* enum vs_ref of the accesses */
    uint32_t n, n_own;
    uint64_t ref[VS_GATHER];     /* VS_NOTED */
    uint16_t own[VS_GATHER_OWN]; /* which of ref[] are the accesses themselves, not their walks' */
    /* after gathered(): which level answered, the last place is for the caches; and how many of the
     * walks' references each of them did */
    uint8_t level[VS_GATHER + 1u];
    uint64_t walked[VS_LINE_LEVELS];
};
/* A line, its place in the run it belongs to, and whether it is written. */
#define VS_NOTED_WRITE 2u
#define VS_NOTED(line, at, flags) ((line) << 11 | (uint64_t)(at) << 2 | (flags))
#define VS_NOTED_LINE(x) ((x) >> 11)
#define VS_NOTED_AT(x) ((x) >> 2 & 511u)
/* Notes a line for the accesses that are done together. */
static inline void vs_gather_note(struct vs_gather *g, uint64_t line, bool write)
{
    assert(g->n < VS_GATHER); /* whoever gathers leaves room for VS_GATHER_WALK */
    g->ref[g->n] = VS_NOTED(line, g->n, write ? VS_NOTED_WRITE : 0u);
    g->n++;
}

/* Hints for the host, and walks that note their references instead of making them: the mmu's. */
#define VS_EXPECTED 3u
struct vs_fast_mmu {
    void *ctx;
    /* Hints, all or none NULL. A walk's entries are found one through the other, so there are three
     * steps, some accesses apart. announce: these guest-virtual addresses will be translated soon.
     * foretell: this one will be sooner. expect: which host-physical addresses its walk and its
     * access will probably touch; returns how many of hpa[] it filled. */
    void (*announce)(void *ctx, const uint64_t *gva, uint32_t n);
    void (*foretell)(void *ctx, vs_gva at);
    uint32_t (*expect)(void *ctx, vs_gva at, uint64_t hpa[VS_EXPECTED]);
    /* A walk without an operation of its own, which notes its references instead of making them;
     * NULL: none. plain: whether walks can be made so now. walk_plain: books the probe in the
     * innermost operation and what the walk takes beside memory in `walk`; returns the clock
     * between the two. At most VS_GATHER_WALK references and worst_ps of other charges. */
    bool (*plain)(void *ctx);
    uint64_t (*walk_plain)(void *ctx, struct vs_txn *t, struct vs_op_acc *walk,
                           struct vs_gather *lines, vs_gva at, enum vs_ref ref,
                           struct vs_translation *out);
    uint64_t worst_ps;
};

/* The same of the memory, for the lines of one core's data. */
struct vs_fast_lines {
    void *ctx;
    void (*prefetch)(void *ctx, uint64_t line); /* a hint; NULL: none */
    /* Where this core notes its references and its walker's, from gather on, which returns NULL
     * when they have to come one by one; gathered makes them. Both NULL: they always do. */
    struct vs_gather *(*gather)(void *ctx, enum vs_ref own);
    void (*gathered)(void *ctx);
};

struct vs_fast_port {
    struct vs_fast_mmu mmu;
    struct vs_fast_lines lines;
};

#endif
