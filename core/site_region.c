/* SPDX-License-Identifier: MIT */
/*
 * Which region an address is of: one that a program has mapped, or, where nobody says what is
 * mapped (a trace), the touched pages that lie near each other. Of the latter there are no more
 * than a few thousand: then those that are nearest to each other join.
 */
#include "site_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define GAP (1u << 20) /* grown regions nearer than that are one */
#define REGIONS 4096u  /* grown ones, at most */
#define PAGE (UINT64_C(1) << VS_SITE_PAGE_SHIFT)

void vs__regions_init(struct vs__regions *r)
{
    *r = (struct vs__regions){.gap = GAP};
}

void vs__regions_free(struct vs__regions *r)
{
    free(r->region);
    free(r->bounds);
}

/* Room for one more of `bytes` each in a list of n. */
static void *room(void *list, size_t n, size_t *cap, size_t bytes)
{
    if (n < *cap) {
        return list;
    }
    *cap = *cap ? 2u * *cap : 64u;
    void *more = realloc(list, *cap * bytes);
    assert(more);
    return more;
}

/* Notes where a region lies now under its number. */
static void note(struct vs__regions *r, size_t i)
{
    const struct vs__region *k = &r->region[i];
    r->bounds[k->number].at = k->at;
    r->bounds[k->number].end = k->end;
}

/* The first one that ends behind the address. */
static size_t find(const struct vs__regions *r, uint64_t space, uint64_t address)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t mid = (low + high) / 2u;
        const struct vs__region *m = &r->region[mid];
        bool before = m->space < space || (m->space == space && m->end <= address);
        low = before ? mid + 1u : low;
        high = before ? high : mid;
    }
    return low;
}

/* Inserts a region at its place in the order of addresses. */
static void insert(struct vs__regions *r, size_t i, uint64_t space, uint64_t at, uint64_t end,
                   bool grown)
{
    r->region = room(r->region, r->n, &r->cap, sizeof *r->region);
    r->bounds = room(r->bounds, r->n_bounds, &r->cap_bounds, sizeof *r->bounds);
    memmove(&r->region[i + 1u], &r->region[i], (r->n++ - i) * sizeof *r->region);
    r->region[i] = (struct vs__region){space, at, end, r->n_bounds++, grown};
    note(r, i);
}

/* Takes a region out of the order. */
static void take_out(struct vs__regions *r, size_t i)
{
    memmove(&r->region[i], &r->region[i + 1u], (--r->n - i) * sizeof *r->region);
}

/* Both are grown, of one space, and near. */
static bool near(const struct vs__regions *r, size_t i)
{
    const struct vs__region *a = &r->region[i], *b = &r->region[i + 1u];
    return i + 1u < r->n && a->grown && b->grown && a->space == b->space && b->at - a->end < r->gap;
}

/* The second of two becomes part of the first. */
static void join(struct vs_sites *s, struct vs__regions *r, size_t i)
{
    struct vs__region *a = &r->region[i], b = r->region[i + 1u];
    a->end = b.end;
    note(r, i);
    take_out(r, i + 1u);
    vs__held_join(&s->held[VS_SITE_REGION], a->space, b.number, a->number);
    s->generation++;
}

/* Joins regions that lie near each other. */
static void join_all(struct vs_sites *s, struct vs__regions *r)
{
    for (size_t i = 0; i + 1u < r->n;) {
        if (near(r, i)) {
            join(s, r, i);
        } else {
            i++;
        }
    }
}

uint64_t vs__region_of(struct vs_sites *s, struct vs__regions *r, uint64_t space, uint64_t address)
{
    uint64_t page = address & ~(PAGE - 1u), end = page + PAGE < page ? UINT64_MAX : page + PAGE;
    size_t i = find(r, space, address);
    if (i < r->n && r->region[i].space == space && r->region[i].at <= address) {
        return r->region[i].number;
    }
    struct vs__region *before = i ? &r->region[i - 1u] : NULL,
                      *behind = i < r->n ? &r->region[i] : NULL;
    bool fits_before = before && before->space == space && before->grown &&
                       page - before->end < r->gap && page >= before->end,
         fits_behind = behind && behind->space == space && behind->grown && behind->at >= end &&
                       behind->at - end < r->gap;
    if (behind && behind->space == space &&
        behind->at < end) { /* a mapped one begins in the page */
        end = behind->at;
    }
    if (fits_before) {
        before->end = end;
        note(r, i - 1u);
        if (near(r, i - 1u)) {
            join(s, r, i - 1u);
        }
        return r->region[i - 1u].number;
    }
    if (fits_behind) {
        behind->at = page;
        note(r, i);
        return behind->number;
    }
    insert(r, i, space, before && before->space == space && before->end > page ? before->end : page,
           end, true);
    uint64_t number = r->region[i].number;
    while (r->n > REGIONS && r->gap < UINT64_MAX / 2u) {
        r->gap *= 2u;
        join_all(s, r);
    }
    i = find(r, space, address);
    return r->n > i ? r->region[i].number : number;
}

void vs__region_fix(struct vs__regions *r, uint64_t space, uint64_t at, uint64_t end)
{
    size_t i = find(r, space, at);
    if (i < r->n && r->region[i].space == space && r->region[i].at == at &&
        r->region[i].end == end && !r->region[i].grown) {
        return; /* mapped again */
    }
    while (i < r->n && r->region[i].space == space && r->region[i].at < end) {
        take_out(r, i);
    }
    insert(r, i, space, at, end, false);
}

void vs__region_bounds(const struct vs__regions *r, uint64_t number, uint64_t *at, uint64_t *end)
{
    *at = r->bounds[number].at;
    *end = r->bounds[number].end;
}
