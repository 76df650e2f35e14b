/* SPDX-License-Identifier: MIT */
#include "replay/kvm/kvm.h"

#include "virtsim/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASONS 512u /* of one vCPU; reasons.def has fewer, and numbers without names are few */

/* Opens a trace of KVM's events, and reads it to its end. */
enum vs_status vs_kvm_open(const char *path, struct vs_kvm **out, char *err, size_t err_bytes)
{
    struct vs_kvm *k = calloc(1, sizeof *k);
    *out = NULL;
    if (!k) {
        snprintf(err, err_bytes, "%s: not enough memory", path);
        return VS_E_NOMEM;
    }
    enum vs_status st = vs_kvm_read(path, &k->exits, err, err_bytes);
    size_t n = k->exits.n_threads ? k->exits.n_threads : 1u;
    k->source = st ? NULL : calloc(n, sizeof *k->source);
    k->thread = st ? NULL : calloc(n, sizeof *k->thread);
    st = st || (k->source && k->thread) ? st : VS_E_NOMEM;
    for (size_t i = 0; i < k->exits.n_threads && !st; i++) {
        if (k->exits.thread[i].n) {
            k->thread[k->n] = (unsigned)i;
            k->source[k->n] = vs_kvm_source_create(&k->exits.thread[i]);
            st = k->source[k->n] ? VS_OK : VS_E_NOMEM;
            k->n += !st;
        }
    }
    if (st == VS_E_NOMEM) {
        snprintf(err, err_bytes, "%s: not enough memory for its exits", path);
    }
    if (st) {
        vs_kvm_close(k);
        return st;
    }
    *out = k;
    return VS_OK;
}

void vs_kvm_close(struct vs_kvm *k)
{
    if (k) {
        for (unsigned i = 0; k->source && i < k->n; i++) {
            vs_kvm_source_destroy(k->source[i]);
        }
        free(k->source);
        free(k->thread);
        vs_kvm_free(&k->exits);
        free(k);
    }
}

uint64_t vs_kvm_memory(const struct vs_kvm *k)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < k->n; i++) {
        uint64_t one = vs_kvm_source_memory(k->source[i]);
        most = one > most ? one : most;
    }
    return most;
}

const char *vs_kvm_op(const struct vs_kvm_exit *e)
{
    static const char *const world[] = {"vmcs", "svm", "el2"};
    enum vs_op op[VS_OP_SAME];
    size_t n = e->reason ? vs_op_resolve(e->reason->name, world[e->reason->vendor], op) : 0;
    if (!e->reason || e->trap == VS_TRAP_N) {
        return "";
    }
    for (size_t i = 0; i < n; i++) {
        if (vs_op_trap(op[i]) == (enum vs_trap_kind)e->trap) {
            return vs_op_name(op[i]);
        }
    }
    if (n == 1u &&
        !strncmp(
            vs_op_name(op[0]), "exit.",
            5)) { /* a trap that the reason does not have alone: an NMI, VMREAD of a hypervisor */
        return vs_op_name(op[0]);
    }
    /* reasons that KVM names and no operation does */
    char name[64];
    snprintf(name, sizeof name, "exit.%s", vs_trap_name((enum vs_trap_kind)e->trap));
    n = vs_op_resolve(name, world[e->reason->vendor], op);
    bool firmware = n > 1u && !strncmp(e->reason->name, "SMC", 3);
    return n ? vs_op_name(op[firmware ? 1 : 0]) : "";
}

/* Those that take the most time first, then the most frequent. */
static int by_time(const void *a, const void *b)
{
    const struct vs_kvm_row *x = a, *y = b;
    if (x->source != y->source) {
        return (x->source > y->source) - (x->source < y->source);
    }
    if (x->total_ps != y->total_ps) {
        return (x->total_ps < y->total_ps) - (x->total_ps > y->total_ps);
    }
    return (x->n < y->n) - (x->n > y->n);
}

/* The same reason, and the same trap of it. */
static bool same(const struct vs_kvm_exit *a, const struct vs_kvm_exit *b)
{
    return a->reason == b->reason && a->trap == b->trap &&
           (a->reason || (a->number == b->number && a->name == b->name));
}

/* One exit is added to its thread's rows. */
static void add(struct vs_kvm_row *rows, size_t *n, size_t first, const struct vs_kvm_row *one)
{
    size_t i = first;
    while (i < *n && !same(rows[i].exit, one->exit)) {
        i++;
    }
    if (i == *n) {
        if (i - first == REASONS) {
            i--; /* the rest of the numbers that nobody names */
        } else {
            rows[(*n)++] = *one;
            rows[i].min_ps = UINT64_MAX;
        }
    }
    uint64_t ps = one->exit->handler_ps;
    rows[i].n++;
    if (ps != VS_KVM_UNKNOWN) {
        rows[i].pairs++;
        rows[i].total_ps += ps;
        rows[i].min_ps = ps < rows[i].min_ps ? ps : rows[i].min_ps;
        rows[i].max_ps = ps > rows[i].max_ps ? ps : rows[i].max_ps;
    }
}

struct vs_kvm_row *vs_kvm_rows(const struct vs_kvm *k, size_t *n)
{
    struct vs_kvm_row *rows = calloc((size_t)k->n * REASONS + 1u, sizeof *rows);
    *n = 0;
    for (unsigned s = 0; s < k->n && rows; s++) {
        const struct vs_kvm_thread *t = &k->exits.thread[k->thread[s]];
        size_t first = *n;
        for (size_t i = 0; i < t->n; i++) {
            struct vs_kvm_row one = {
                .source = s, .thread = t->id, .vcpu = t->vcpu, .exit = &t->exit[i]};
            add(rows, n, first, &one);
        }
    }
    for (size_t i = 0; i < *n; i++) {
        rows[i].min_ps = rows[i].pairs ? rows[i].min_ps : 0;
    }
    if (rows) {
        qsort(rows, *n, sizeof *rows, by_time);
    }
    return rows;
}

/* A remark on what was met so often, first at a line. */
static void remark(const char *path, uint64_t n, uint64_t line, const char *what,
                   void (*say)(void *ctx, const char *text), void *ctx)
{
    char text[1400];
    if (n) {
        snprintf(text, sizeof text, "%s: %" PRIu64 " %s, the first at line %" PRIu64, path, n, what,
                 line);
        say(ctx, text);
    }
}

void vs_kvm_remarks(const struct vs_kvm *k, const char *path,
                    void (*say)(void *ctx, const char *text), void *ctx)
{
    const struct vs_kvm_exits *e = &k->exits;
    char text[1400];
    uint64_t apart = 0, unnamed = 0, alone = 0;
    for (size_t i = 0; i < e->n_threads; i++) {
        apart += e->thread[i].lost;
        for (size_t x = 0; x < e->thread[i].n; x++) {
            unnamed += !*vs_kvm_op(&e->thread[i].exit[x]);
            alone += e->thread[i].exit[x].handler_ps == VS_KVM_UNKNOWN;
        }
    }
    remark(path, e->losses, e->first_loss, "marks of lost events", say, ctx);
    remark(path, e->foreign, e->first_foreign, "lines that are no events, left out", say, ctx);
    remark(path, e->unknown, e->first_unknown, "exits that cannot be read, left out", say, ctx);
    if (e->cut) {
        snprintf(text, sizeof text,
                 "%s: cut off at line %" PRIu64 ": what stands before that is replayed", path,
                 e->lines);
        say(ctx, text);
    }
    if (e->ticks) {
        snprintf(text, sizeof text,
                 "%s: its times are ticks of a counter, not seconds: exits are counted and "
                 "simulated, without times of the trace; record with the clock \"mono\"",
                 path);
        say(ctx, text);
    }
    if (alone && !e->ticks) {
        snprintf(text, sizeof text,
                 "%s: %" PRIu64 " of %" PRIu64 " exits have no measured time: no entry follows%s",
                 path, alone, e->exits, apart ? ", or events were lost before it" : "");
        say(ctx, text);
    }
    if (unnamed) {
        snprintf(text, sizeof text,
                 "%s: %" PRIu64 " of %" PRIu64
                 " exits are of reasons that are not simulated: counted and measured only",
                 path, unnamed, e->exits);
        say(ctx, text);
    }
}
