/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "virtsim/phys.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096u
#define RESERVE (8u << 20) /* what the rest of the process has to say that memory is exhausted */
#define GIB_SHIFT 30u
#define TABLE_SHIFT 21u
#define PAGE_SHIFT 12u

/* One mapping for all of memory, or NULL: this process may not have so much address space. A limit
 * leaves most of it to everything else. */
static unsigned char *reserve(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) ||
        (limit.rlim_cur != RLIM_INFINITY && bytes > (uint64_t)limit.rlim_cur / 4u)) {
        return NULL;
    }
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A physical memory of so many bytes, sparse or not; NULL if it cannot be. */
static struct vs_phys *create(uint64_t bytes, bool sparse)
{
    struct vs_phys *p = calloc(1, sizeof *p);
    if (!p || bytes == 0 || bytes > 1ull << 46) {
        free(p);
        return NULL;
    }
    p->bytes = (bytes + PAGE - 1u) & ~(uint64_t)(PAGE - 1u);
    p->at = sparse ? NULL : reserve(p->bytes);
    if (p->at) {
        p->flat = p->bytes - 7u;
        return p;
    }
    p->gib = calloc((p->bytes >> GIB_SHIFT) + 1u, sizeof *p->gib);
    p->reserve = malloc(RESERVE);
    if (!p->gib || !p->reserve) {
        free(p->gib);
        free(p->reserve);
        free(p);
        return NULL;
    }
    return p;
}

struct vs_phys *vs_phys_create(uint64_t bytes)
{
    return create(bytes, false);
}

struct vs_phys *vs_phys_create_sparse(uint64_t bytes)
{
    return create(bytes, true);
}

/* A table of pages with its pages, which may be missing. */
static void free_pages(struct vs_phys_table *t)
{
    for (unsigned i = 0; t && i < VS_PHYS_SLOTS; i++) {
        free(t->slot[i]);
    }
    free(t);
}

void vs_phys_destroy(struct vs_phys *p)
{
    if (!p) {
        return;
    }
    if (p->at) {
        munmap(p->at, p->bytes);
    }
    for (uint64_t g = 0; p->gib && g <= p->bytes >> GIB_SHIFT; g++) {
        for (unsigned i = 0; p->gib[g] && i < VS_PHYS_SLOTS; i++) {
            free_pages(p->gib[g]->slot[i]);
        }
        free(p->gib[g]);
    }
    free(p->gib);
    free(p->reserve);
    free(p);
}

/* ---- sparse memory ---- */

/* The slot of a level of the tree that an address goes through. */
static unsigned slot_of(uint64_t at, unsigned shift)
{
    return (unsigned)(at >> shift) & (VS_PHYS_SLOTS - 1u);
}

/* The page that holds an address below the end; NULL: it was never written. */
static unsigned char *page_of(const struct vs_phys *p, uint64_t at)
{
    const struct vs_phys_table *t = p->gib[at >> GIB_SHIFT];
    t = t ? t->slot[slot_of(at, TABLE_SHIFT)] : NULL;
    return t ? t->slot[slot_of(at, PAGE_SHIFT)] : NULL;
}

/* *slot, made of zeros when it is missing; NULL: no memory is left. What comes back of the reserve
 * is for others. */
static void *made(const struct vs_phys *p, void **slot, size_t bytes)
{
    if (!*slot && !p->exhausted) {
        *slot = calloc(1, bytes);
    }
    return *slot;
}

/* The page that holds an address below the end, made when it is missing. */
static unsigned char *page_to_write(struct vs_phys *p, uint64_t at)
{
    void *top = p->gib[at >> GIB_SHIFT];
    struct vs_phys_table *gib = made(p, &top, sizeof *gib);
    p->gib[at >> GIB_SHIFT] = gib;
    struct vs_phys_table *pages =
        gib ? made(p, &gib->slot[slot_of(at, TABLE_SHIFT)], sizeof *pages) : NULL;
    unsigned char *page = pages ? made(p, &pages->slot[slot_of(at, PAGE_SHIFT)], PAGE) : NULL;
    if (!page) {
        p->exhausted = true;
        free(p->reserve);
        p->reserve = NULL;
    }
    return page;
}

/* How many of `bytes` at `at` are memory. */
static size_t inside(const struct vs_phys *p, uint64_t at, size_t bytes)
{
    if (at >= p->bytes) {
        return 0;
    }
    return p->bytes - at < bytes ? (size_t)(p->bytes - at) : bytes;
}

/* How many of `bytes` at `at` lie in its page. */
static size_t in_page(uint64_t at, size_t bytes)
{
    size_t rest = PAGE - (size_t)(at & (PAGE - 1u));
    return rest < bytes ? rest : bytes;
}

uint64_t vs__phys_read64_apart(const struct vs_phys *p, vs_hpa at)
{
    uint64_t v = 0;
    if (p->gib && vs_phys_holds(p, at)) { /* none of an access across the end is carried out */
        vs_phys_read(p, at, &v, sizeof v);
    }
    return v;
}

void vs__phys_write64_apart(struct vs_phys *p, vs_hpa at, uint64_t value)
{
    if (p->gib && vs_phys_holds(p, at)) {
        vs_phys_write(p, at, &value, sizeof value);
    }
}

void vs_phys_read(const struct vs_phys *p, vs_hpa at, void *buf, size_t bytes)
{
    unsigned char *to = buf;
    size_t n = inside(p, at.v, bytes), done = 0;
    if (p->at && n) {
        memcpy(to, p->at + at.v, n);
        done = n;
    }
    for (size_t k; done < n; done += k) {
        const unsigned char *page = page_of(p, at.v + done);
        k = in_page(at.v + done, n - done);
        if (page) {
            memcpy(to + done, page + ((at.v + done) & (PAGE - 1u)), k);
        } else {
            memset(to + done, 0, k);
        }
    }
    if (n < bytes) {
        memset(to + n, 0, bytes - n);
    }
}

void vs_phys_write(struct vs_phys *p, vs_hpa at, const void *buf, size_t bytes)
{
    const unsigned char *from = buf;
    size_t n = inside(p, at.v, bytes), done = 0;
    if (p->at && n) {
        memcpy(p->at + at.v, from, n);
        done = n;
    }
    for (size_t k; done < n; done += k) {
        unsigned char *page = page_to_write(p, at.v + done);
        k = in_page(at.v + done, n - done);
        if (page) {
            memcpy(page + ((at.v + done) & (PAGE - 1u)), from + done, k);
        }
    }
}
