/* SPDX-License-Identifier: MIT */
/* Inside of the books by place: site.c (what is booked), site_held.c (places of one kind),
 * site_region.c (which region an address is of). */
#ifndef VIRTSIM_CORE_SITE_IMPL_H
#define VIRTSIM_CORE_SITE_IMPL_H

#include "ledger_impl.h"

/* What is kept of a place: an operation or an account of an actor. */
#define VS__ITEM(actor, what, account)                                                             \
    ((uint32_t)(actor) << 16 | ((account) ? 0x8000u : 0u) | (uint32_t)(what))
#define VS__ITEM_ACTOR(item) ((uint16_t)((item) >> 16))
#define VS__ITEM_WHAT(item) ((uint16_t)((item)&0x7fffu))
#define VS__ITEM_ACCOUNT(item) (((item)&0x8000u) != 0)
struct vs__item {
    uint32_t what;
    uint64_t n, ps;
};

/* at: a page's or an instruction's address, a region's number, VS_SITE_NONE. */
struct vs__place {
    uint64_t space, at;
    uint64_t weight; /* all its times together: what is heavy stays */
    struct vs__item *item;
    uint32_t n, cap;
};

/* Places of one kind, found by a hash of (space, at). */
struct vs__held {
    struct vs__place *place;
    uint32_t n, cap;
    uint32_t *slot; /* 1 + its number; 0: free */
    uint64_t mask;
    struct vs__place other; /* those that were put together */
    struct vs__place lacks; /* what a place can lack of each item at most: it may have been there */
};
enum vs_status vs__held_init(struct vs__held *h, uint32_t limit);
void vs__held_free(struct vs__held *h);
void vs__held_clear(struct vs__held *h);
/* The number of a place, made when it is new. Numbers hold until the next prune. */
uint32_t vs__held_at(struct vs__held *h, uint64_t space, uint64_t at);
void vs__held_add(struct vs__held *h, uint32_t place, uint32_t item, uint64_t n, uint64_t ps);
/* The `keep` heaviest stay, the rest is `other`. */
void vs__held_prune(struct vs__held *h, uint32_t keep);
/* All that `from` has is `to`'s from now on. */
void vs__held_join(struct vs__held *h, uint64_t space, uint64_t from, uint64_t to);
const struct vs__item *vs__item_of(const struct vs__place *p, uint32_t what);

/* A region of an address space; grown: from pages that were touched, it may grow on. */
struct vs__region {
    uint64_t space, at, end, number;
    bool grown;
};
struct vs__regions {
    struct vs__region *region; /* by space and address, apart from each other */
    size_t n, cap;
    struct {
        uint64_t at, end;
    } * bounds; /* by number: of those, too, whose place others have taken */
    size_t n_bounds, cap_bounds;
    uint64_t gap; /* grown ones that are nearer to each other join */
};
void vs__regions_init(struct vs__regions *r);
void vs__regions_free(struct vs__regions *r);
/* The number of the region that an address is of. */
uint64_t vs__region_of(struct vs_sites *s, struct vs__regions *r, uint64_t space, uint64_t address);
void vs__region_fix(struct vs__regions *r, uint64_t space, uint64_t at, uint64_t end);
void vs__region_bounds(const struct vs__regions *r, uint64_t number, uint64_t *at, uint64_t *end);

struct vs_sites {
    uint32_t limit;
    size_t n_accounts;
    uint16_t account[VS_SITE_ACCOUNTS];
    struct vs__held held[VS_SITE_KINDS];
    struct vs__regions regions;
    struct vs_site **line;
    size_t n_lines;
    uint64_t generation; /* goes up when numbers of places have changed */
};

#endif
