/* SPDX-License-Identifier: MIT */
/*
 * Host-physical memory that holds real bytes: page tables, VMCS regions, descriptor rings,
 * payloads. Sparse: the host gives a page when it is first written; untouched memory reads 0.
 * Little-endian, as the machines modelled are. Accesses beyond the end read 0 and write nothing:
 * what lies there is not memory. Untimed; timed access goes through vs_mem_port.
 */
#ifndef VIRTSIM_PHYS_H
#define VIRTSIM_PHYS_H

#include "virtsim/units.h"

#include <string.h>

struct vs_phys {
    uint64_t bytes;
    unsigned char *at; /* reserved address space, backed on first write */
};

/* NULL when the host refuses the address space. bytes is rounded up to a multiple of 4096. */
struct vs_phys *vs_phys_create(uint64_t bytes);
void vs_phys_destroy(struct vs_phys *p);

static inline uint64_t vs_phys_size(const struct vs_phys *p)
{
    return p->bytes;
}
/* Whether there is memory for 8 bytes at `at`. */
static inline bool vs_phys_holds(const struct vs_phys *p, vs_hpa at)
{
    return at.v <= p->bytes - 8u;
}
static inline uint64_t vs_phys_read64(const struct vs_phys *p, vs_hpa at)
{
    uint64_t v = 0;
    if (vs_likely(at.v <= p->bytes - 8u)) {
        memcpy(&v, p->at + at.v, sizeof v);
    }
    return v;
}
static inline void vs_phys_write64(struct vs_phys *p, vs_hpa at, uint64_t value)
{
    if (vs_likely(at.v <= p->bytes - 8u)) {
        memcpy(p->at + at.v, &value, sizeof value);
    }
}
static inline void vs_phys_prefetch(const struct vs_phys *p, vs_hpa at)
{
    vs_prefetch(p->at + at.v); /* a bad address only wastes the hint */
}
void vs_phys_read(const struct vs_phys *p, vs_hpa at, void *buf, size_t bytes);
void vs_phys_write(struct vs_phys *p, vs_hpa at, const void *buf, size_t bytes);

#endif
