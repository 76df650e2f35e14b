/* SPDX-License-Identifier: MIT */
#include "explain/phase.h"

#include "explain/grade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vs_phase_name(enum vs_phase p)
{
    static const char *const name[VS_PHASE_N] = {
        [VS_PHASE_EXIT] = "exit microcode",
        [VS_PHASE_SAVE] = "save guest",
        [VS_PHASE_LOAD_HOST] = "load host",
        [VS_PHASE_STUB] = "stub",
        [VS_PHASE_MITIGATIONS] = "mitigations",
        [VS_PHASE_COMMON] = "common path in",
        [VS_PHASE_DISPATCH] = "dispatch",
        [VS_PHASE_REASON] = "the reason",
        [VS_PHASE_USER] = "user space",
        [VS_PHASE_POLL] = "halt polling",
        [VS_PHASE_SLEEP] = "sleep",
        [VS_PHASE_WAKE] = "wake-up",
        [VS_PHASE_OUT] = "path out",
        [VS_PHASE_CHECKS] = "entry checks",
        [VS_PHASE_LOAD_GUEST] = "load guest",
        [VS_PHASE_ENTRY] = "entry microcode",
        [VS_PHASE_OTHER] = "other",
    };
    return name[p];
}

/* What an account says about the phase it is charged in. The first prefix that fits counts. */
static const struct known {
    const char *prefix;
    enum vs_phase phase;
    bool lines; /* memory references charged right behind it are its own */
} known[] = {
    {"vmcs.unexplained", VS_PHASE_EXIT, false},
    {"vmcs.exit.acknowledge", VS_PHASE_EXIT, false},
    {"vmcs.exit.load_host", VS_PHASE_LOAD_HOST, false},
    {"vmcs.exit.msr_load", VS_PHASE_LOAD_HOST, true},
    {"vmcs.exit.tlb", VS_PHASE_LOAD_HOST, false},
    {"vmcs.exit.resume", VS_PHASE_LOAD_HOST, false},
    {"vmcs.exit", VS_PHASE_SAVE, true},
    {"vmcs.entry.check", VS_PHASE_CHECKS, false},
    {"vmcs.entry.load_guest", VS_PHASE_LOAD_GUEST, true},
    {"vmcs.entry.msr_load", VS_PHASE_LOAD_GUEST, true},
    {"vmcs.entry", VS_PHASE_ENTRY, true},
    {"svm.unexplained", VS_PHASE_EXIT, false},
    {"svm.exit.load_host", VS_PHASE_LOAD_HOST, true},
    {"svm.exit", VS_PHASE_SAVE, true},
    {"svm.entry.check", VS_PHASE_CHECKS, false},
    {"svm.entry.save_host", VS_PHASE_LOAD_GUEST, true},
    {"svm.entry.load_control", VS_PHASE_LOAD_GUEST, true},
    {"svm.entry.load_guest", VS_PHASE_LOAD_GUEST, true},
    {"svm.entry", VS_PHASE_ENTRY, true},
    {"el2.exit.exception", VS_PHASE_EXIT, false},
    {"el2.exit.load_host", VS_PHASE_LOAD_HOST, true},
    {"el2.exit.eret_to_host", VS_PHASE_LOAD_HOST, true},
    {"el2.entry.hvc", VS_PHASE_ENTRY, false},
    {"el2.exit.system_registers", VS_PHASE_SAVE, false},
    {"el2.exit", VS_PHASE_SAVE, true},
    {"el2.entry.eret", VS_PHASE_ENTRY, false},
    {"el2.entry", VS_PHASE_LOAD_GUEST, true},
    {"el2.nested", VS_PHASE_REASON, true},
    {"deprivileged.exit.fault", VS_PHASE_EXIT, false},
    {"deprivileged.exit.frame", VS_PHASE_EXIT, true},
    {"deprivileged.exit.segments", VS_PHASE_LOAD_HOST, false},
    {"deprivileged.exit", VS_PHASE_SAVE, true},
    {"deprivileged.entry.iret", VS_PHASE_ENTRY, false},
    {"deprivileged.entry.frame", VS_PHASE_ENTRY, true},
    {"deprivileged.entry", VS_PHASE_LOAD_GUEST, true},
    {"tcg.helper", VS_PHASE_STUB, false},
    {"bt.callout", VS_PHASE_STUB, false},
    {"tcg.flush", VS_PHASE_REASON, false},
    {"hypervisor.rsb_fill", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.bhb", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.spec_ctrl", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.path_in.untrain", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.path_in.ibpb", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.path_out.verw", VS_PHASE_MITIGATIONS, false},
    {"memory.l1d_flush", VS_PHASE_MITIGATIONS, false},
    {"gic.save", VS_PHASE_SAVE, false},
    {"gic.load", VS_PHASE_LOAD_GUEST, false},
    {"hypervisor.mitigations", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.path_out.l1d_flush", VS_PHASE_MITIGATIONS, false},
    {"hypervisor.stub", VS_PHASE_STUB, false},
    {"hypervisor.path_in.dispatch", VS_PHASE_DISPATCH, false},
    {"hypervisor.path_in", VS_PHASE_COMMON, false},
    {"hypervisor.path_out", VS_PHASE_OUT, false},
    {"hypervisor.user_space", VS_PHASE_USER, false},
    {"hypervisor.device_model", VS_PHASE_USER, false},
    {"hypervisor.dom0", VS_PHASE_USER, false},
    {"hypervisor.block", VS_PHASE_SLEEP, false},
    {"hypervisor.wake", VS_PHASE_WAKE, false},
    {"hypervisor", VS_PHASE_REASON, false},
    {"cpu.instruction", VS_PHASE_REASON, false},
    {"host.parked", VS_PHASE_SLEEP, false},
    {"host.polling", VS_PHASE_POLL, false},
    {"os.idle", VS_PHASE_SLEEP, false},
};

/* The phase that is known of an account or of what it lies below, or NULL. */
static const struct known *find_known(const char *account)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i].prefix);
        if (!strncmp(account, known[i].prefix, n) && (!account[n] || account[n] == '.')) {
            return &known[i];
        }
    }
    return NULL;
}

/* Says whether a text starts with a prefix. */
static bool starts(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

/* One charge of a span: what it was charged to, and where it turned out to belong. */
struct charge {
    char account[96];
    double ps;
    enum vs_phase phase;
};

struct tape {
    struct charge *at;
    size_t n;
};

/* Gives the charges of one exit, in the order of time, their phases. Behind the transition the
 * references of a step come before what it executes: they wait for it. */
static void settle(const struct tape *t, size_t from, bool interrupt)
{
    if (from == t->n) {
        return; /* nothing was charged yet */
    }
    struct charge *c = t->at + from;
    size_t n = t->n - from;
    enum vs_phase last = VS_PHASE_OTHER;
    size_t waiting = 0; /* charges before this one, whose step is still to come */
    bool lines = false, handled = false;
    for (size_t i = 0; i < n; i++) {
        const struct known *k = find_known(c[i].account);
        bool switches = starts(c[i].account, "svm.instruction.");
        if (k) {
            c[i].phase = k->phase;
            bool step = starts(c[i].account, "hypervisor.") || starts(c[i].account, "cpu.");
            if (step) {
                handled = true;
                /* the host's interrupt that ends a sleep is handled inside the exit that slept */
                if (!interrupt && starts(c[i].account, "hypervisor.interrupt.")) {
                    c[i].phase = VS_PHASE_WAKE;
                }
            }
            for (; waiting; waiting--) {
                c[i - waiting].phase = step ? c[i].phase : handled ? last : c[i].phase;
            }
            lines = k->lines;
            last = c[i].phase;
        } else if (switches) {
            c[i].phase = handled ? VS_PHASE_LOAD_GUEST : VS_PHASE_LOAD_HOST;
            for (; waiting; waiting--) {
                c[i - waiting].phase = handled ? last : c[i].phase;
            }
            lines = false;
            last = c[i].phase;
        } else if (lines) {
            c[i].phase = last;
        } else {
            waiting++;
        }
    }
    for (; waiting; waiting--) {
        c[n - waiting].phase = last;
    }
}

/* All sampled charges of the operation, span by span. */
static void read_tape(struct vs_db *db, int64_t run, const struct vs_tree *t, struct tape *tape)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT ordinal, account, ps FROM charge WHERE run = ? AND "
                                       "actor = ? AND op = ? ORDER BY ordinal, seq");
    int64_t ordinal = -1;
    size_t from = 0, room = 0;
    bool interrupt = strstr(t->op, "interrupt") || strstr(t->op, "intr") || strstr(t->op, "irq");
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, t->actor, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, t->op, -1, SQLITE_STATIC);
    }
    while (vs_db_row(db, st)) {
        if (sqlite3_column_int64(st, 0) != ordinal) {
            settle(tape, from, interrupt);
            from = tape->n;
            ordinal = sqlite3_column_int64(st, 0);
        }
        if (tape->n == room) {
            struct charge *grown = realloc(tape->at, (2 * room + 256) * sizeof *grown);
            if (!grown) {
                break;
            }
            tape->at = grown;
            room = 2 * room + 256;
        }
        struct charge *c = &tape->at[tape->n++];
        snprintf(c->account, sizeof c->account, "%s", (const char *)sqlite3_column_text(st, 1));
        c->ps = sqlite3_column_double(st, 2);
        c->phase = VS_PHASE_OTHER;
    }
    settle(tape, from, interrupt);
    sqlite3_finalize(st);
}

/* The row of an account in a phase, made when it isn't there. */
static struct vs_phase_row *row(struct vs_phases *p, enum vs_phase phase, const char *account)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->row[i].phase == phase && !strcmp(p->row[i].account, account)) {
            return &p->row[i];
        }
    }
    struct vs_phase_row *grown = realloc(p->row, (p->n + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    p->row = grown;
    struct vs_phase_row *r = &grown[p->n++];
    memset(r, 0, sizeof *r);
    r->phase = phase;
    snprintf(r->account, sizeof r->account, "%s", account);
    const struct vs_account_desc *d = vs__account(account);
    r->text = d ? d->text : "";
    return r;
}

/* Share of the sampled time of an account that lies in each phase; false: it was not sampled. */
static bool shares(const struct tape *t, const char *account, double share[VS_PHASE_N])
{
    double all = 0;
    memset(share, 0, VS_PHASE_N * sizeof *share);
    for (size_t i = 0; i < t->n; i++) {
        if (!strcmp(t->at[i].account, account)) {
            share[t->at[i].phase] += t->at[i].ps;
            all += t->at[i].ps;
        }
    }
    for (int p = 0; p < VS_PHASE_N; p++) {
        share[p] = all > 0 ? share[p] / all : 0;
    }
    return all > 0;
}

/* Adds a part of the tree to its phases. */
static enum vs_status add(struct vs_phases *out, const struct tape *tape, bool is_exit,
                          const struct vs_tree_node *n)
{
    double share[VS_PHASE_N];
    if (!is_exit || !shares(tape, n->name, share)) {
        const struct known *k = is_exit ? find_known(n->name) : NULL;
        memset(share, 0, sizeof share);
        share[k ? k->phase : VS_PHASE_OTHER] = 1;
    }
    for (int p = 0; p < VS_PHASE_N; p++) {
        struct vs_phase_row *r = share[p] > 0 ? row(out, (enum vs_phase)p, n->name) : NULL;
        if (share[p] > 0 && !r) {
            return VS_E_NOMEM;
        }
        if (r) {
            r->ps += n->ps * share[p];
            r->n += n->n * share[p];
            r->exposed = n->exposed;
            r->graded = n->graded;
            r->grade = n->grade;
            memcpy(r->group, n->group, sizeof r->group);
            out->ps[p] += n->ps * share[p];
        }
    }
    return VS_OK;
}

/* When an account is first charged in a phase; one that no span has comes last. */
static size_t first_charge(const struct tape *t, const struct vs_phase_row *r)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->at[i].phase == r->phase && !strcmp(t->at[i].account, r->account)) {
            return i;
        }
    }
    return t->n;
}

/* Says whether a row is printed before another: by phase, then in time, else by size. */
static bool before(const struct tape *t, const struct vs_phase_row *a, const struct vs_phase_row *b)
{
    if (a->phase != b->phase) {
        return a->phase < b->phase;
    }
    size_t x = t ? first_charge(t, a) : 0, y = t ? first_charge(t, b) : 0;
    return x != y ? x < y : a->ps > b->ps;
}

/* By phase, then by time (tape) or size (NULL); there are few rows. */
static void sort(struct vs_phases *p, const struct tape *t)
{
    for (size_t i = 1; i < p->n; i++) {
        struct vs_phase_row r = p->row[i];
        size_t at = i;
        for (; at && before(t, &r, &p->row[at - 1]); at--) {
            p->row[at] = p->row[at - 1];
        }
        p->row[at] = r;
    }
}

enum vs_status vs_phases_build(struct vs_db *db, int64_t run, const struct vs_tree *t,
                               struct vs_phases *out)
{
    struct tape tape = {NULL, 0};
    enum vs_status st = VS_OK;
    bool is_exit = starts(t->op, "exit.");
    memset(out, 0, sizeof *out);
    read_tape(db, run, t, &tape);
    out->timed = tape.n > 0;
    for (size_t i = 0; i < t->n_nodes && !st; i++) {
        if (!t->node[i].is_op) {
            st = add(out, &tape, is_exit, &t->node[i]);
        }
    }
    sort(out, &tape);
    free(tape.at);
    if (st) {
        vs_phases_free(out);
    }
    return st;
}

void vs_phases_free(struct vs_phases *p)
{
    free(p->row);
    p->row = NULL;
    p->n = 0;
}

void vs_phases_by_size(struct vs_phases *p)
{
    sort(p, NULL);
}

void vs_phases_fold(struct vs_phases *p, double share)
{
    double total = 0;
    for (int i = 0; i < VS_PHASE_N; i++) {
        total += p->ps[i];
    }
    size_t kept = 0;
    for (size_t from = 0, to; from < p->n; from = to) {
        struct vs_phase_row small = {.phase = p->row[from].phase, .text = ""}, only = small;
        unsigned n = 0;
        for (to = from; to < p->n && p->row[to].phase == small.phase; to++) {
            const struct vs_phase_row r = p->row[to];
            if (r.ps >= share * total) {
                p->row[kept++] = r;
                continue;
            }
            small.ps += r.ps;
            if (r.graded && (!small.graded || vs_evidence_weaker(r.grade, small.grade) > 0)) {
                small.grade = r.grade;
                small.graded = true;
                memcpy(small.group, r.group, sizeof small.group);
            }
            only = r;
            n++;
        }
        if (n == 1 && only.ps > 0) {
            p->row[kept++] = only; /* to name it takes no more room than to hide it */
        } else if (small.ps > 0) {
            snprintf(small.account, sizeof small.account, "%u smaller parts", n);
            p->row[kept++] = small;
        }
    }
    p->n = kept;
}
