/* SPDX-License-Identifier: MIT */
/* Blocks with their size and that of the one before; free ones are merged and kept by size. */
#define _GNU_SOURCE /* MAP_FIXED_NOREPLACE */ // NOLINT(bugprone-reserved-identifier)
#include "heap.h"

#include <string.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0 /* the address is a wish then; what comes is looked at */
#endif
#define PIECE (1u << 20) /* mapped at once */
#define WINDOW (UINT64_C(1) << 32)
#define LEAST 32u
#define FREE 1u

struct vs_heap_block {
    size_t before; /* bytes of the block before, 0: the first */
    size_t size;   /* bytes with this header, a multiple of 16; FREE in the lowest bit */
    struct vs_heap_block *next, *previous; /* of its bin, while free */
};
#define HEADER offsetof(struct vs_heap_block, next)

/* A block's bytes without the mark that says whether it is free. */
static size_t size_of(const struct vs_heap_block *b)
{
    return b->size & ~(size_t)FREE;
}

/* Eight bins for each power of two. */
static unsigned bin_of(size_t size)
{
    unsigned top = 63u - (unsigned)__builtin_clzll(size);
    return (top - 5u) * 8u + ((unsigned)(size >> (top - 3u)) & 7u);
}

/* The block behind, or NULL. */
static struct vs_heap_block *after(const struct vs_heap *h, struct vs_heap_block *b)
{
    char *at = (char *)b + size_of(b);
    return at < h->end ? (struct vs_heap_block *)(void *)at : NULL;
}

/* Sets a block's size, and what the one behind knows of it. */
static void resize(struct vs_heap *h, struct vs_heap_block *b, size_t size)
{
    b->size = size;
    struct vs_heap_block *n = after(h, b);
    if (n) {
        n->before = size;
    } else {
        h->last = b;
    }
}

/* Puts a block into the list of free ones of its size. */
static void put(struct vs_heap *h, struct vs_heap_block *b)
{
    unsigned i = bin_of(size_of(b));
    b->size |= FREE;
    b->previous = NULL;
    b->next = h->bin[i];
    if (b->next) {
        b->next->previous = b;
    }
    h->bin[i] = b;
    h->filled[i / 64u] |= UINT64_C(1) << (i % 64u);
}

/* Takes a block out of its list of free ones. */
static void take(struct vs_heap *h, struct vs_heap_block *b)
{
    unsigned i = bin_of(size_of(b));
    if (b->next) {
        b->next->previous = b->previous;
    }
    if (b->previous) {
        b->previous->next = b->next;
    } else {
        h->bin[i] = b->next;
        if (!b->next) {
            h->filled[i / 64u] &= ~(UINT64_C(1) << (i % 64u));
        }
    }
    b->size &= ~(size_t)FREE;
}

/* Merges a block that is in use with free neighbours, and frees it. */
static void give(struct vs_heap *h, struct vs_heap_block *b)
{
    struct vs_heap_block *n = after(h, b);
    size_t size = size_of(b);
    if (n && (n->size & FREE)) {
        take(h, n);
        size += size_of(n);
    }
    if (b->before) {
        struct vs_heap_block *p = (struct vs_heap_block *)(void *)((char *)b - b->before);
        if (p->size & FREE) {
            take(h, p);
            size += size_of(p);
            b = p;
        }
    }
    resize(h, b, size);
    put(h, b);
}

/* Cuts a block in use to `size`, if what remains makes a block. */
static void cut(struct vs_heap *h, struct vs_heap_block *b, size_t size)
{
    size_t rest = size_of(b) - size;
    if (rest < LEAST) {
        return;
    }
    struct vs_heap_block *r = (struct vs_heap_block *)(void *)((char *)b + size);
    b->size = size;
    r->before = size;
    resize(h, r, rest);
    give(h, r);
}

/* Maps more behind the end, as one free block. */
static bool grow(struct vs_heap *h, size_t size)
{
    size_t bytes = (size + PIECE - 1) / PIECE * PIECE;
    if (bytes > WINDOW - (size_t)(h->end - h->base)) {
        return false;
    }
    void *got = mmap(h->end, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != h->end) {
        if (got != MAP_FAILED) {
            munmap(got, bytes);
        }
        return false;
    }
    struct vs_heap_block *b = got, *before = h->last;
    h->end += bytes;
    b->before = before ? size_of(before) : 0;
    resize(h, b, bytes);
    give(h, b);
    return true;
}

/* A bin whose blocks all have `size`; VS_HEAP_BINS: none. */
static unsigned fitting(const struct vs_heap *h, size_t size)
{
    unsigned top = 63u - (unsigned)__builtin_clzll(size),
             i = bin_of(size + ((size_t)1 << (top - 3u)) - 1);
    for (unsigned word = i / 64u; word < VS_HEAP_BINS / 64u; word++) {
        uint64_t filled = h->filled[word];
        if (word == i / 64u) {
            filled &= UINT64_MAX << (i % 64u);
        }
        if (filled) {
            return word * 64u + (unsigned)__builtin_ctzll(filled);
        }
    }
    return VS_HEAP_BINS;
}

/* Finds a free block of at least that size, and asks the system for more when there is none. */
static void *get(struct vs_heap *h, size_t size)
{
    unsigned i = fitting(h, size);
    if (i == VS_HEAP_BINS) {
        /* rounded up, so that what is mapped is in a bin that fits */
        if (!grow(h, size + size / 8u)) {
            return NULL;
        }
        i = fitting(h, size);
    }
    struct vs_heap_block *b = h->bin[i];
    take(h, b);
    cut(h, b, size);
    return (char *)b + HEADER;
}

bool vs_heap_open(struct vs_heap *h)
{
    /* below what Linux gives to others, above what sanitizers keep; the others where a program has
     * fewer addresses */
    static const uint64_t from[] = {UINT64_C(0x200000000000), UINT64_C(0x10000000000),
                                    UINT64_C(0x1000000000)};
    memset(h, 0, sizeof *h);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 32; k++) {
            h->base = h->end = (char *)(uintptr_t)(from[i] + k * WINDOW);
            if (grow(h, PIECE)) {
                return true;
            }
        }
    }
    h->base = h->end = NULL;
    return false;
}

void vs_heap_close(struct vs_heap *h)
{
    if (h->end > h->base) {
        munmap(h->base, (size_t)(h->end - h->base));
    }
    h->base = h->end = NULL;
}

void *vs_heap_move(struct vs_heap *h, void *p, size_t bytes)
{
    struct vs_heap_block *b = p ? (struct vs_heap_block *)(void *)((char *)p - HEADER) : NULL;
    if (!bytes) {
        if (b) {
            give(h, b);
        }
        return NULL;
    }
    if (bytes > WINDOW / 2) {
        return NULL;
    }
    size_t size = (bytes + HEADER + 15u) & ~(size_t)15u;
    size = size < LEAST ? LEAST : size;
    if (!b) {
        return get(h, size);
    }
    struct vs_heap_block *n = after(h, b);
    if (size > size_of(b) && n && (n->size & FREE) && size <= size_of(b) + size_of(n)) {
        take(h, n);
        resize(h, b, size_of(b) + size_of(n));
    }
    if (size <= size_of(b)) {
        cut(h, b, size);
        return p;
    }
    void *q = get(h, size);
    if (q) {
        memcpy(q, p, size_of(b) - HEADER);
        give(h, b);
    }
    return q;
}
