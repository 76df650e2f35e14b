/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "virtsim/phys.h"

#include <stdlib.h>
#include <sys/mman.h>

struct vs_phys *vs_phys_create(uint64_t bytes)
{
    struct vs_phys *p = calloc(1, sizeof *p);
    if (!p || bytes == 0 || bytes > 1ull << 46) {
        free(p);
        return NULL;
    }
    p->bytes = (bytes + 4095u) & ~(uint64_t)4095u;
    void *at = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        free(p);
        return NULL;
    }
    p->at = at;
    return p;
}

void vs_phys_destroy(struct vs_phys *p)
{
    if (p) {
        munmap(p->at, p->bytes);
        free(p);
    }
}

/* How many of `bytes` at `at` are memory. */
static size_t phys_inside(const struct vs_phys *p, vs_hpa at, size_t bytes)
{
    if (at.v >= p->bytes) {
        return 0;
    }
    return p->bytes - at.v < bytes ? (size_t)(p->bytes - at.v) : bytes;
}

void vs_phys_read(const struct vs_phys *p, vs_hpa at, void *buf, size_t bytes)
{
    size_t n = phys_inside(p, at, bytes);
    if (n) {
        memcpy(buf, p->at + at.v, n);
    }
    if (n < bytes) {
        memset((unsigned char *)buf + n, 0, bytes - n);
    }
}

void vs_phys_write(struct vs_phys *p, vs_hpa at, const void *buf, size_t bytes)
{
    size_t n = phys_inside(p, at, bytes);
    if (n) {
        memcpy(p->at + at.v, buf, n);
    }
}
