/* SPDX-License-Identifier: MIT */
/*
 * Host-physical memory that holds real bytes: page tables, VMCS regions, descriptor rings,
 * payloads. Untouched memory reads 0. Little-endian, as the machines modelled are. Accesses beyond
 * the end read 0 and write nothing: what lies there is not memory. Untimed; timed access goes
 * through vs_mem_port.
 *
 * Where this process has address space for all of it, memory is one mapping that the host backs
 * when it is first written. Where it has not (ulimit -v, strict overcommit), memory is pages of
 * 4 KiB that are made when they are first written. Results are the same, accesses are slower.
 */
#ifndef VIRTSIM_PHYS_H
#define VIRTSIM_PHYS_H

#include "virtsim/units.h"

#include <string.h>

#define VS_PHYS_SLOTS 512u /* entries of a table of sparse memory, and pages of one of 2 MiB */

struct vs_phys_table {
    void *slot[VS_PHYS_SLOTS];
};

struct vs_phys {
    uint64_t bytes;
    uint64_t flat;              /* where 8 bytes may begin in the mapping; 0: there is none */
    unsigned char *at;          /* the mapping */
    struct vs_phys_table **gib; /* sparse memory: a table of tables of pages for each GiB */
    void *reserve;              /* of sparse memory: given back when a write is lost */
    bool exhausted;             /* a write was lost: this process got no more memory for it */
};

/* NULL when this process has no memory for the bookkeeping, or bytes is 0 or beyond 2^46. bytes is
 * rounded up to a multiple of 4096. */
struct vs_phys *vs_phys_create(uint64_t bytes);
/* The same memory, always of pages made when they are written. */
struct vs_phys *vs_phys_create_sparse(uint64_t bytes);
void vs_phys_destroy(struct vs_phys *p);

/* The size in bytes. */
static inline uint64_t vs_phys_size(const struct vs_phys *p)
{
    return p->bytes;
}
/* Whether there is memory for 8 bytes at `at`. */
static inline bool vs_phys_holds(const struct vs_phys *p, vs_hpa at)
{
    return at.v <= p->bytes - 8u;
}
/* What is not in one mapping: sparse memory, and addresses beyond the end. */
uint64_t vs__phys_read64_apart(const struct vs_phys *p, vs_hpa at);
void vs__phys_write64_apart(struct vs_phys *p, vs_hpa at, uint64_t value);

/* Reads an aligned word. */
static inline uint64_t vs_phys_read64(const struct vs_phys *p, vs_hpa at)
{
    uint64_t v;
    if (vs_unlikely(at.v >= p->flat)) {
        return vs__phys_read64_apart(p, at);
    }
    memcpy(&v, p->at + at.v, sizeof v);
    return v;
}
/* Writes an aligned word. */
static inline void vs_phys_write64(struct vs_phys *p, vs_hpa at, uint64_t value)
{
    if (vs_unlikely(at.v >= p->flat)) {
        vs__phys_write64_apart(p, at, value);
        return;
    }
    memcpy(p->at + at.v, &value, sizeof value);
}
/* Where `bytes` at `at` are in this process; NULL: in no one place, or not all of them memory. */
static inline unsigned char *vs_phys_at(const struct vs_phys *p, vs_hpa at, size_t bytes)
{
    return p->at && at.v < p->bytes && bytes <= p->bytes - at.v ? p->at + at.v : NULL;
}
/* Hints to the host that a word is about to be read. */
static inline void vs_phys_prefetch(const struct vs_phys *p, vs_hpa at)
{
    /* a bad address only wastes the hint */
    vs_prefetch((const void *)((uintptr_t)p->at + (uintptr_t)at.v));
}
void vs_phys_read(const struct vs_phys *p, vs_hpa at, void *buf, size_t bytes);
void vs_phys_write(struct vs_phys *p, vs_hpa at, const void *buf, size_t bytes);

#endif
