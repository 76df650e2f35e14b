/* SPDX-License-Identifier: MIT */
/*
 * Where in the program time goes: beside its books by operation a ledger can keep the same amounts
 * by page, by region and by instruction. Whoever runs a program says where its line is; what is
 * booked until it says so again belongs there. Sums over the places of one kind equal the books,
 * operation by operation; nothing that is simulated depends on it.
 *
 * Memory is bounded. Of each kind 2 * limit places are held at most; then the heaviest half stays
 * and the others are put together as `other`, whose rows say how much a place can lack by that.
 */
#ifndef VIRTSIM_SITE_H
#define VIRTSIM_SITE_H

#include "virtsim/ledger.h"

#define VS_SITE_NONE UINT64_MAX /* no address, no instruction, no address space */
#define VS_SITE_PAGE_SHIFT 12u  /* pages are those of 4 KiB, whatever maps them */
#define VS_SITE_LIMIT 16384u    /* places of each kind that are kept when nobody says more */
#define VS_SITE_LIMIT_MAX (1u << 24)
#define VS_SITE_ACCOUNTS 8u /* accounts that are kept by place, too */

/* An address space's number: of the vCPU that it is made for, and of the process. */
#define VS_SITE_PROCESS_BITS 16u

enum vs_site_kind { VS_SITE_PAGE, VS_SITE_REGION, VS_SITE_IP, VS_SITE_KINDS };
const char *vs_site_kind_name(enum vs_site_kind kind);

/* A place of a program: the address that it works on, and the instruction that does. */
struct vs_site_at {
    uint64_t space, address, ip;
};

/* Where one line of the ledger is. */
struct vs_site {
    struct vs_site_at at;
    uint64_t since_ps;      /* the line's time is booked until here */
    struct vs_op_acc *line; /* its time line */
    struct vs_sites *sites;
    uint32_t place[VS_SITE_KINDS]; /* of `at`, when they were looked up last */
    uint64_t looked_up;            /* when that was: the generation of places */
    bool known;
};

/* Begins to keep places of this ledger; accounts: those whose work is kept, too. Before the first
 * operation. */
enum vs_status vs_ledger_sites(struct vs_ledger *l, uint32_t limit, const uint16_t *accounts,
                               size_t n);
/* The time line t moves about in a program from now on (t->site). */
enum vs_status vs_site_begin(struct vs_txn *t);
/* The line's time until now_ps belongs to where it has been. */
void vs_site_time(struct vs_site *s, uint64_t now_ps);
/* It is there from now_ps on. What has been counted has been priced before. */
void vs_site_move(struct vs_site *s, const struct vs_site_at *to, uint64_t now_ps);
/* [at, at + bytes) of an address space is one region from now on. Without a word of it pages that
 * are near each other are one. */
void vs_site_region(struct vs_site *s, uint64_t space, uint64_t at, uint64_t bytes);

/* The books of `acc` have grown: what is new belongs to where t is. */
void vs__site_book(struct vs_site *s, struct vs_op_acc *acc);

/* The run is over: what nobody said the place of belongs nowhere. */
void vs_sites_end(struct vs_ledger *l);
/* One amount of one place. */
struct vs_site_row {
    enum vs_site_kind kind;
    bool other;       /* of the places that were put together */
    uint64_t space;   /* VS_SITE_NONE: nobody's */
    uint64_t at, end; /* at VS_SITE_NONE: no address; end: of a region */
    uint16_t actor, what;
    bool account; /* what: an account, else an operation */
    uint64_t n, ps;
    uint64_t lacks_ps; /* of other: what a place can lack of it at most */
};
typedef void vs_site_visitor(void *ctx, const struct vs_site_row *row);
/* After vs_sites_end; nothing when no places are kept. */
void vs_ledger_each_site(const struct vs_ledger *l, vs_site_visitor *visit, void *ctx);

#endif
