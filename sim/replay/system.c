/* SPDX-License-Identifier: MIT */
#include "replay/system.h"

#include "trace/tables.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12u
#define FIRST_PAGES 4096u
#define NOWHERE UINT64_MAX

/* What is known of a virtual page. */
struct page {
    uint64_t key;      /* its number + 1; 0 = free */
    uint64_t recorded; /* page in the recorded tables, NOWHERE */
    uint64_t now;      /* page in the simulated ones */
    bool writable;
};

struct vs_system {
    const struct vs_recorded_tables *tables;
    struct page *page; /* open addressing, a power of two of them, at most half full */
    size_t n, cap;
    uint64_t walks[2 * VS_WALK_N];
    bool begun;
    struct vs_trace_rec event; /* its accesses are done; itself comes next */
    bool pending;
};

struct vs_system *vs_system_create(const struct vs_recorded_tables *tables)
{
    struct vs_system *s = calloc(1, sizeof *s);
    struct page *page = calloc(FIRST_PAGES, sizeof *page);
    if (!s || !page) {
        free(s);
        free(page);
        return NULL;
    }
    s->tables = tables;
    s->page = page;
    s->cap = FIRST_PAGES;
    return s;
}

void vs_system_destroy(struct vs_system *s)
{
    if (s) {
        free(s->page);
        free(s);
    }
}

/* The slot of a page in the hash, or where it would go. */
static struct page *slot(struct page *page, size_t cap, uint64_t key)
{
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (cap - 1u);
    while (page[at].key && page[at].key != key) {
        at = (at + 1u) & (cap - 1u);
    }
    return &page[at];
}

/* Makes the hash twice as large. */
static bool grow(struct vs_system *s)
{
    struct page *bigger = calloc(s->cap * 2u, sizeof *bigger);
    if (!bigger) {
        return false;
    }
    for (size_t i = 0; i < s->cap; i++) {
        if (s->page[i].key) {
            *slot(bigger, s->cap * 2u, s->page[i].key) = s->page[i];
        }
    }
    free(s->page);
    s->page = bigger;
    s->cap *= 2u;
    return true;
}

/* NULL: no memory is left. */
static struct page *page_of(struct vs_system *s, uint64_t gva)
{
    uint64_t key = (gva >> PAGE_SHIFT) + 1u, pa;
    struct page *p = slot(s->page, s->cap, key);
    if (p->key) {
        return p;
    }
    if (2u * (s->n + 1u) > s->cap) {
        if (!grow(s)) {
            return NULL;
        }
        p = slot(s->page, s->cap, key);
    }
    s->n++;
    *p = (struct page){key, NOWHERE, NOWHERE, true};
    if (s->tables && vs_tables_walk(s->tables, gva, &pa, &p->writable)) {
        p->recorded = p->now = pa >> PAGE_SHIFT;
    }
    return p;
}

/* True when the record's page has to be placed first. */
static bool place(struct vs_system *s, const struct vs_trace_rec *r, struct vs_request *out)
{
    uint64_t want = r->physical >> PAGE_SHIFT;
    struct page *p = page_of(s, r->addr);
    if (!p) {
        out->kind = VS_REQ_ERROR;
        return true;
    }
    if (p->now == want && (p->writable || r->kind == VS_TRACE_LOAD)) {
        return false;
    }
    p->now = want;
    p->writable = true;
    out->kind = VS_REQ_PLACE;
    out->address = r->addr;
    out->a = r->physical;
    return true;
}

/* Counts whether a recorded address agrees with the recorded tables. */
static void count(struct vs_system *s, const struct vs_trace_rec *r)
{
    const struct page *p = page_of(s, r->addr);
    if (s->tables && p) {
        bool user = !(r->addr >> 63);
        enum vs_recorded_walk what = p->recorded == NOWHERE                     ? VS_WALK_ABSENT
                                     : p->recorded == r->physical >> PAGE_SHIFT ? VS_WALK_MATCH
                                                                                : VS_WALK_DIFFER;
        s->walks[user * VS_WALK_N + what]++;
    }
}

/* Makes the request of an event that was read. */
static void event(struct vs_system *s, struct vs_request *out)
{
    s->pending = false;
    switch (s->event.kind) {
    case VS_TRACE_MOV_CR3:
        out->kind = VS_REQ_CR_WRITE; /* the value is not recorded: the tables stay */
        out->a = 3;
        break;
    case VS_TRACE_INVLPG:
        out->kind = VS_REQ_INVLPG; /* of which page is not recorded: of one that nothing maps */
        break;
    case VS_TRACE_MARK:
        out->kind = VS_REQ_MARK;
        memcpy(out->name, "recorded", 8);
        break;
    default: /* a device register */
        out->kind = VS_REQ_MMIO;
        out->address = s->event.addr;
        out->op = s->event.kind == VS_TRACE_STORE ? VS_REQ_STORE : VS_REQ_LOAD;
        break;
    }
}

bool vs_system_pending(const struct vs_system *s)
{
    return s->pending || (!s->begun && s->tables);
}

size_t vs_system_next(struct vs_system *s, struct vs_trace_rec *rec, size_t n,
                      struct vs_request *out)
{
    if (!s->begun && s->tables) {
        s->begun = true;
        out->kind = VS_REQ_TABLES;
        out->tables = s->tables;
        return 0;
    }
    if (s->pending) {
        event(s, out);
        return 0;
    }
    memset(s->walks, 0, sizeof s->walks);
    for (size_t i = 0; i < n; i++) {
        struct vs_trace_rec *r = &rec[i];
        bool known = (r->flags & VS_TRACE_PHYSICAL) != 0, device = (r->flags & VS_TRACE_MMIO) != 0;
        if (known && place(s, r, out)) {
            if (!i) {
                return 0;
            }
            /* what comes before it is carried out first; the page is looked at again then */
            page_of(s, r->addr)->now = NOWHERE;
            memset(out, 0, sizeof *out);
            n = i;
            break;
        }
        if (known && !device) {
            count(s, r);
        }
        if (device || r->kind >= VS_TRACE_MOV_CR3) {
            s->event = *r;
            s->pending = true;
            r->kind = VS_TRACE_INSTRUCTIONS; /* its gap */
            n = i + 1u;
            break;
        }
    }
    out->kind = VS_REQ_TRACE;
    out->records = rec;
    out->n_records = n;
    out->walks = s->walks;
    return n;
}
