/* SPDX-License-Identifier: MIT */
/* Places of one kind and what they have; the lightest are put together when there are too many. */
#include "site_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum vs_status vs__held_init(struct vs__held *h, uint32_t limit)
{
    uint64_t slots = 64;
    while (slots < 8u * (uint64_t)limit) {
        slots *= 2u;
    }
    h->mask = slots - 1u;
    h->slot = calloc(slots, sizeof *h->slot);
    h->other = (struct vs__place){.space = VS_SITE_NONE, .at = VS_SITE_NONE};
    return h->slot ? VS_OK : VS_E_NOMEM;
}

/* Empties a place. */
static void clear(struct vs__place *p)
{
    free(p->item);
    p->item = NULL;
    p->n = p->cap = 0;
    p->weight = 0;
}

void vs__held_clear(struct vs__held *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        clear(&h->place[i]);
    }
    h->n = 0;
    clear(&h->other);
    clear(&h->lacks);
    memset(h->slot, 0, (h->mask + 1u) * sizeof *h->slot);
}

void vs__held_free(struct vs__held *h)
{
    if (h->slot) {
        vs__held_clear(h);
    }
    free(h->slot);
    free(h->place);
}

/* The slot of the hash at which the search for a place begins. */
static uint64_t first_slot(const struct vs__held *h, uint64_t space, uint64_t at)
{
    uint64_t x = (at ^ space * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
    return (x ^ x >> 32) & h->mask;
}

/* Its slot, or the free one where it would be. */
static uint64_t find(const struct vs__held *h, uint64_t space, uint64_t at)
{
    uint64_t i = first_slot(h, space, at);
    for (; h->slot[i]; i = (i + 1u) & h->mask) {
        const struct vs__place *p = &h->place[h->slot[i] - 1u];
        if (p->at == at && p->space == space) {
            break;
        }
    }
    return i;
}

uint32_t vs__held_at(struct vs__held *h, uint64_t space, uint64_t at)
{
    uint64_t i = find(h, space, at);
    if (h->slot[i]) {
        return h->slot[i] - 1u;
    }
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? 2u * h->cap : 256u;
        struct vs__place *grown = realloc(h->place, cap * sizeof *grown);
        assert(grown);
        h->place = grown;
        h->cap = cap;
    }
    h->place[h->n] = (struct vs__place){.space = space, .at = at};
    h->slot[i] = ++h->n;
    return h->n - 1u;
}

const struct vs__item *vs__item_of(const struct vs__place *p, uint32_t what)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->item[i].what == what) {
            return &p->item[i];
        }
    }
    return NULL;
}

/* The operation of a place, made when it isn't there. */
static struct vs__item *item(struct vs__place *p, uint32_t what)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->item[i].what == what) {
            return &p->item[i];
        }
    }
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? 2u * p->cap : 4u;
        struct vs__item *grown = realloc(p->item, cap * sizeof *grown);
        assert(grown);
        p->item = grown;
        p->cap = cap;
    }
    p->item[p->n] = (struct vs__item){.what = what};
    return &p->item[p->n++];
}

void vs__held_add(struct vs__held *h, uint32_t place, uint32_t what, uint64_t n, uint64_t ps)
{
    struct vs__place *p = &h->place[place];
    struct vs__item *i = item(p, what);
    i->n += n;
    i->ps += ps;
    p->weight += ps;
}

/* What one place has goes to another, and is gone there. */
static void move(struct vs__place *from, struct vs__place *to)
{
    for (uint32_t i = 0; i < from->n; i++) {
        struct vs__item *k = item(to, from->item[i].what);
        k->n += from->item[i].n;
        k->ps += from->item[i].ps;
    }
    to->weight += from->weight;
    clear(from);
}

/* Heaviest first; what nobody has been in comes last; what is nowhere always stays. */
static int by_weight(const void *a, const void *b)
{
    const struct vs__place *x = a, *y = b;
    bool nx = x->at == VS_SITE_NONE, ny = y->at == VS_SITE_NONE;
    if (nx != ny) {
        return nx ? -1 : 1;
    }
    if (x->weight != y->weight) {
        return x->weight > y->weight ? -1 : 1;
    }
    if (x->space != y->space) {
        return x->space < y->space ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Makes the hash again from the places that are held. */
static void rebuild(struct vs__held *h)
{
    memset(h->slot, 0, (h->mask + 1u) * sizeof *h->slot);
    for (uint32_t k = 0; k < h->n; k++) {
        uint64_t i = first_slot(h, h->place[k].space, h->place[k].at);
        while (h->slot[i]) {
            i = (i + 1u) & h->mask;
        }
        h->slot[i] = k + 1u;
    }
}

void vs__held_prune(struct vs__held *h, uint32_t keep)
{
    struct vs__place most = {.n = 0}; /* of each item, what one of those that go has at most */
    if (h->n <= keep) {
        return;
    }
    qsort(h->place, h->n, sizeof *h->place, by_weight);
    for (uint32_t k = keep; k < h->n; k++) {
        struct vs__place *p = &h->place[k];
        for (uint32_t i = 0; i < p->n; i++) {
            struct vs__item *m = item(&most, p->item[i].what);
            m->ps = p->item[i].ps > m->ps ? p->item[i].ps : m->ps;
            m->n = p->item[i].n > m->n ? p->item[i].n : m->n;
        }
        move(p, &h->other);
    }
    move(&most, &h->lacks);
    h->n = keep;
    rebuild(h);
}

void vs__held_join(struct vs__held *h, uint64_t space, uint64_t from, uint64_t to)
{
    uint32_t a = h->slot[find(h, space, from)];
    if (a) {
        uint32_t b = vs__held_at(h, space, to);
        move(&h->place[a - 1u], &h->place[b]); /* the empty one goes with the next prune */
    }
}
