/* SPDX-License-Identifier: MIT */
#include "replay/kvm/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHUNK (UINT64_C(1) << 21)
#define PAGE UINT64_C(4096)
#define BASE (UINT64_C(1) << 44) /* where its memory lies in the guest's addresses */

/* A table of 64-bit keys, each with a number. */
struct table {
    struct cell {
        uint64_t key; /* + 1; 0: empty */
        uint32_t value;
    } * cell;
    size_t n, room; /* room: a power of two */
};

struct vs_kvm_source {
    const struct vs_kvm_thread *thread;
    uint64_t *page;        /* of each fault: its address here; 0: of others */
    uint32_t chunks, seen; /* of guest memory; of those, mapped so far */
    size_t at;
    enum { GUEST, MAP, EXIT } step;
};

/* The cell of the key, empty if it is not there. */
static struct cell *find(const struct table *t, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(h >> 20) & (t->room - 1u);
    while (t->cell[i].key && t->cell[i].key != key + 1u) {
        i = (i + 1u) & (t->room - 1u);
    }
    return &t->cell[i];
}

/* Room for one more key; false: no memory. */
static bool grow(struct table *t)
{
    if (2u * (t->n + 1u) < t->room) {
        return true;
    }
    struct table more = {NULL, t->n, t->room ? 2u * t->room : 256u};
    more.cell = calloc(more.room, sizeof *more.cell);
    if (!more.cell) {
        return false;
    }
    for (size_t i = 0; i < t->room; i++) {
        if (t->cell[i].key) {
            *find(&more, t->cell[i].key - 1u) = t->cell[i];
        }
    }
    free(t->cell);
    *t = more;
    return true;
}

/* The key's number, which is `first` when it comes first; NULL: no memory. */
static uint32_t *number_of(struct table *t, uint64_t key, uint32_t first)
{
    if (!grow(t)) {
        return NULL;
    }
    struct cell *c = find(t, key);
    if (!c->key) {
        *c = (struct cell){key + 1u, first};
        t->n++;
    }
    return &c->value;
}

/* A fault of memory, not of a device. */
static bool touches(const struct vs_kvm_exit *e)
{
    return e->trap == VS_TRAP_STAGE2_FAULT && !e->device;
}

/* Where each fault's page is: the same place in 2 MiB of their own for each 2 MiB and each time
 * that its page had been there before. */
static bool place(struct vs_kvm_source *s)
{
    struct table times = {0}, chunk = {0};
    uint64_t unknown = 0;
    bool ok = true;
    for (size_t i = 0; i < s->thread->n && ok; i++) {
        const struct vs_kvm_exit *e = &s->thread->exit[i];
        if (!touches(e)) {
            continue;
        }
        /* without an address: a new page, behind all others */
        uint64_t at =
            e->address != VS_KVM_UNKNOWN ? e->address : (UINT64_C(1) << 52) + PAGE * unknown++;
        uint32_t *before = number_of(&times, at / PAGE, 0);
        uint32_t *index = before ? number_of(&chunk, at / CHUNK << 20 | *before, s->chunks) : NULL;
        ok = index != NULL;
        if (ok) {
            s->chunks += *index == s->chunks;
            ++*before;
            s->page[i] = BASE + *index * CHUNK + at % CHUNK;
        }
    }
    free(times.cell);
    free(chunk.cell);
    return ok;
}

struct vs_kvm_source *vs_kvm_source_create(const struct vs_kvm_thread *thread)
{
    struct vs_kvm_source *s = calloc(1, sizeof *s);
    if (s) {
        s->thread = thread;
        s->page = calloc(thread->n ? thread->n : 1u, sizeof *s->page);
    }
    if (!s || !s->page || !place(s)) {
        vs_kvm_source_destroy(s);
        return NULL;
    }
    return s;
}

uint64_t vs_kvm_source_memory(const struct vs_kvm_source *s)
{
    return s->chunks * CHUNK;
}

void vs_kvm_source_destroy(struct vs_kvm_source *s)
{
    if (s) {
        free(s->page);
        free(s);
    }
}

/* The 2 MiB of this page; the guest has mapped them, its host has not. */
static void ask_map(uint64_t page, struct vs_request *out)
{
    out->kind = VS_REQ_MAP;
    out->address = page & ~(CHUNK - 1u);
    out->bytes = CHUNK;
    out->fixed = true;
    out->backing = VS_BACKING_HOST_TOUCH;
    out->page_shift = 21;
}

/* The guest touches it: the second dimension has no translation yet. */
static void ask_touch(const struct vs_kvm_exit *e, uint64_t page, struct vs_request *out)
{
    out->kind = VS_REQ_ACCESS;
    out->address = page & ~UINT64_C(7);
    out->bytes = 8;
    out->op = e->fetch ? VS_REQ_FETCH : e->write ? VS_REQ_STORE : VS_REQ_LOAD;
}

/* Which of the exits that have this trap it is. */
static uint64_t form(const struct vs_kvm_exit *e)
{
    const struct vs_kvm_reason *r = e->reason;
    if (e->trap == VS_TRAP_INVALIDATE && r->vendor != VS_KVM_ARM) {
        bool page = !strcasecmp(r->name, "invlpg"), tagged = !strcasecmp(r->name, "invlpga");
        return page ? VS_TRAP_PAGE : tagged ? VS_TRAP_PAGE_OF_TAG : VS_TRAP_CONTEXT;
    }
    bool firmware = e->trap == VS_TRAP_HYPERCALL && !strncmp(r->name, "SMC", 3);
    bool wide = e->trap == VS_TRAP_FLOATING_POINT && !strcmp(r->name, "SVE");
    return firmware ? VS_REQ_EXIT_FIRMWARE : wide ? VS_REQ_EXIT_WIDE : 0;
}

/* The exit as its trap. */
static void ask_exit(const struct vs_kvm_exit *e, struct vs_request *out)
{
    out->kind = VS_REQ_EXIT;
    out->a = e->trap | (e->write ? VS_REQ_EXIT_WRITE : 0u) | (e->fetch ? VS_REQ_EXIT_FETCH : 0u) |
             (e->device ? VS_REQ_EXIT_DEVICE : 0u) | (e->user ? VS_REQ_EXIT_USER : 0u) |
             (e->injects ? VS_REQ_EXIT_INJECTS : 0u) | (e->signals ? VS_REQ_EXIT_SIGNALS : 0u) |
             form(e) << VS_REQ_EXIT_FORM | (uint64_t)e->x86 << VS_REQ_EXIT_X86;
    out->b = e->what;
    out->bytes = e->size;
    out->address = e->address != VS_KVM_UNKNOWN ? e->address : 0;
    if (e->trap == VS_TRAP_MMIO) {
        out->bytes = 4;
    } else if (e->trap == VS_TRAP_HALT) {
        out->kind = VS_REQ_SLEEP;
        out->ps = e->handler_ps != VS_KVM_UNKNOWN ? e->handler_ps : 0;
    }
}

/* What comes next; an exit that virtsim has no trap of is passed over. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct vs_kvm_source *s = ctx;
    (void)reply;
    memset(out, 0, sizeof *out);
    while (s->at < s->thread->n) {
        const struct vs_kvm_exit *e = &s->thread->exit[s->at];
        uint64_t page = s->page[s->at];
        if (s->step == GUEST) {
            s->step = MAP;
            if (e->guest_ps != VS_KVM_UNKNOWN && e->guest_ps) {
                out->kind = VS_REQ_ELAPSE;
                out->ps = e->guest_ps;
                return;
            }
        }
        if (s->step == MAP) {
            s->step = EXIT;
            if (page && (page - BASE) / CHUNK == s->seen) {
                s->seen++;
                ask_map(page, out);
                return;
            }
        }
        s->step = GUEST;
        s->at++;
        if (page) {
            ask_touch(e, page, out);
            return;
        }
        if (e->trap < VS_TRAP_N) {
            ask_exit(e, out);
            return;
        }
    }
    out->kind = VS_REQ_END;
}

/* It never fails. */
static const char *error(void *ctx)
{
    (void)ctx;
    return "";
}

/* Destroyed by its owner. */
static void close_nothing(void *ctx)
{
    (void)ctx;
}

void vs_kvm_source(struct vs_kvm_source *s, struct vs_guest_source *out)
{
    *out = (struct vs_guest_source){s, next, error, close_nothing, NULL};
}

const char *vs_kvm_exit_name(const struct vs_kvm_exit *e, char *out, size_t bytes)
{
    if (e->reason) {
        return e->reason->name;
    }
    if (e->name) {
        return e->name;
    }
    snprintf(out, bytes, "0x%" PRIx64, e->number);
    return out;
}
