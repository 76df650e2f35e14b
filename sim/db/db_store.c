/* SPDX-License-Identifier: MIT */
/* Writes one finished run: every row in one transaction, every return code looked at. */
#include "db_impl.h"

#include "virtsim/ending.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct writer {
    struct vs_db *db;
    const struct vs_ledger *ledger;
    sqlite3_stmt *op, *part, *child, *counter, *histogram, *span, *charge;
    int64_t run;
    enum vs_status status; /* the first failure; later rows are not tried */
};

static sqlite3_stmt *prepare(struct writer *w, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (!w->status && sqlite3_prepare_v2(w->db->sql, sql, -1, &st, NULL) != SQLITE_OK) {
        w->status = vs__db_fail(w->db, "cannot prepare");
    }
    return st;
}

/* Binds by format: i = int64_t, s = const char *; then inserts the row. */
static void insert(struct writer *w, sqlite3_stmt *st, const char *format, ...)
{
    if (!w->status && vs_ending_came()) {
        snprintf(w->db->error, sizeof w->db->error, "%s: ended by a signal", w->db->path);
        w->status = VS_E_RUN;
    }
    if (w->status || !st) {
        return;
    }
    va_list ap;
    va_start(ap, format);
    int rc = SQLITE_OK;
    for (int i = 0; format[i] && rc == SQLITE_OK; i++) {
        if (format[i] == 's') {
            /* not copied: the row is written before this function returns */
            rc = sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else {
            rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
        }
    }
    va_end(ap);
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE) {
        w->status = vs__db_fail(w->db, "cannot store the run");
    }
    sqlite3_reset(st);
}

static void store_histogram(struct writer *w, const char *actor, const char *op,
                            const struct vs_hist *h)
{
    for (uint32_t o = 0; o < sizeof h->octave / sizeof h->octave[0]; o++) {
        for (uint32_t s = 0; h->octave[o] && s < VS_HIST_SUB; s++) {
            if (h->octave[o][s]) {
                insert(w, w->histogram, "issii", w->run, actor, op,
                       (int64_t)vs_hist_low((o << VS_HIST_SUB_SHIFT) + s),
                       (int64_t)h->octave[o][s]);
            }
        }
    }
}

static void store_parts(struct writer *w, const char *actor, const char *op,
                        const struct vs_part *parts, const char *kind)
{
    for (size_t i = 0; i < vs_ledger_n_accounts(w->ledger); i++) {
        if (parts[i].n || parts[i].ps) {
            insert(w, w->part, "issssii", w->run, actor, op,
                   vs_ledger_account(w->ledger, (uint16_t)i)->path, kind, (int64_t)parts[i].n,
                   (int64_t)parts[i].ps);
        }
    }
}

/* A bucket's middle may lie outside what was seen; a quantile does not. */
static int64_t quantile(const struct vs_op_acc *a, uint32_t per_mille)
{
    uint64_t q = vs_hist_quantile(a->hist, per_mille);
    q = q > a->max_ps ? a->max_ps : q;
    return (int64_t)(a->n && q < a->min_ps ? a->min_ps : q);
}

static void store_acc(void *ctx, const struct vs_op_acc *a)
{
    struct writer *w = ctx;
    const char *actor = vs_ledger_actor_name(w->ledger, a->actor),
               *op = vs_op_name((enum vs_op)a->op);
    insert(w, w->op, "issiiiiiii", w->run, actor, op, (int64_t)a->n, (int64_t)a->total_ps,
           (int64_t)(a->n ? a->min_ps : 0), (int64_t)a->max_ps, quantile(a, 500), quantile(a, 900),
           quantile(a, 990));
    store_parts(w, actor, op, a->work, "work");
    store_parts(w, actor, op, a->exposed, "exposed");
    for (uint32_t i = 0; i < a->n_child; i++) {
        insert(w, w->child, "issssii", w->run, actor, op,
               vs_ledger_actor_name(w->ledger, a->child[i].op->actor),
               vs_op_name((enum vs_op)a->child[i].op->op), (int64_t)a->child[i].n,
               (int64_t)a->child[i].ps);
    }
    store_histogram(w, actor, op, a->hist);
    if (a->open_ops) {
        char name[80];
        snprintf(name, sizeof name, "open_ops.%s", op);
        insert(w, w->counter, "issis", w->run, actor, name, (int64_t)a->open_ops, "operations");
    }
}

static void store_counter(void *ctx, const char *actor, const struct vs_counter_desc *c,
                          uint64_t value)
{
    struct writer *w = ctx;
    insert(w, w->counter, "issis", w->run, actor, c->path, (int64_t)value, c->unit);
}

static void store_span(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    struct writer *w = ctx;
    const char *actor = vs_ledger_actor_name(w->ledger, a->actor),
               *op = vs_op_name((enum vs_op)a->op);
    insert(w, w->span, "issiii", w->run, actor, op, (int64_t)s->ordinal, (int64_t)s->start_ps,
           (int64_t)s->total_ps);
    for (size_t i = 0; i < s->tape.n; i++) {
        insert(w, w->charge, "issiisii", w->run, actor, op, (int64_t)s->ordinal, (int64_t)i,
               vs_ledger_account(w->ledger, s->tape.e[i].account)->path,
               (int64_t)s->tape.e[i].start_ps, (int64_t)s->tape.e[i].ps);
    }
}

/* Counters mark.NAME and marks.NAME of the vCPU's line: a name may end in anything. */
static void store_mark(struct writer *w, const struct vs_mark_row *m)
{
    const char *actor = vs_ledger_actor_name(w->ledger, m->actor_index);
    char name[80];
    snprintf(name, sizeof name, "mark.%s", m->name);
    insert(w, w->counter, "issis", w->run, actor, name, (int64_t)m->first_ps, "ps");
    snprintf(name, sizeof name, "marks.%s", m->name);
    insert(w, w->counter, "issis", w->run, actor, name, (int64_t)m->n, "times");
}

void vs_db_knob(const struct vs_knob *knob, struct vs_knob_row *row)
{
    row->path = knob->desc->path;
    row->value = vs_knob_text(knob, row->text, sizeof row->text);
    row->unit = knob->desc->unit;
    row->source = knob->source ? knob->source : knob->desc->source;
    row->evidence = vs_evidence_name(knob->grade);
    row->set_by = knob->set_by ? knob->set_by : "default";
}

/* The groups of knobs whose sum a source fixes, where no knob was set to something else. */
static void store_groups(struct writer *w, const struct vs_run_record *r)
{
    if (!r->n_groups) {
        return;
    }
    sqlite3_stmt *st = prepare(w, "INSERT OR IGNORE INTO evidence_group VALUES (?, ?, ?, ?, ?)");
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct vs_group *g = &r->groups[i];
        for (size_t m = 0; m < g->n && vs_group_holds(g, r->knobs); m++) {
            insert(w, st, "issss", w->run, g->name, g->member[m].path, g->source,
                   vs_evidence_name(g->grade));
        }
    }
    sqlite3_finalize(st);
}

static void store_run(struct writer *w, const struct vs_run_record *r)
{
    const struct vs_run_info *i = &r->info;
    sqlite3_stmt *st = prepare(w, "INSERT INTO run VALUES ((SELECT coalesce(max(run), 0) + 1 FROM "
                                  "run), ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert(w, st, "sssssiiis", i->command, i->workload, i->input_hash, i->trace_format, i->machine,
           (int64_t)i->seed, (int64_t)i->roi_ps, (int64_t)i->end_ps, i->point);
    sqlite3_finalize(st);
    w->run = sqlite3_last_insert_rowid(w->db->sql);
    st = prepare(w, "INSERT INTO provenance VALUES (?, ?, ?)");
    for (size_t k = 0; k < r->n_provenance; k++) {
        insert(w, st, "iss", w->run, r->provenance[k].key, r->provenance[k].value);
    }
    sqlite3_finalize(st);
    st = prepare(w, "INSERT INTO run_option VALUES (?, ?, ?)");
    for (size_t k = 0; k < r->n_options; k++) {
        insert(w, st, "iss", w->run, r->options[k].option, r->options[k].value);
    }
    sqlite3_finalize(st);
    st = prepare(w, "INSERT INTO knob VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (size_t k = 0; k < vs_knobs_count(r->knobs); k++) {
        struct vs_knob_row row;
        vs_db_knob(vs_knobs_at(r->knobs, k), &row);
        insert(w, st, "issssss", w->run, row.path, row.value, row.unit, row.source, row.evidence,
               row.set_by);
    }
    sqlite3_finalize(st);
    store_groups(w, r);
    st = prepare(w, "INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?)");
    for (size_t k = 0; k < r->n_epochs; k++) {
        const struct vs_epoch_row *e = &r->epochs[k];
        insert(w, st, "iiissi", w->run, (int64_t)e->epoch, (int64_t)e->end_ps,
               vs_ledger_actor_name(r->ledger, e->actor_index), e->counter->path,
               (int64_t)e->value);
    }
    sqlite3_finalize(st);
}

static enum vs_status store(struct vs_db *db, const struct vs_run_record *r, int64_t *run)
{
    struct writer w = {.db = db, .ledger = r->ledger};
    w.status = vs__db_make(db);
    /* Every row names the run that the same transaction makes: it need not be looked up for each.
     */
    w.status = w.status ? w.status : vs_db_exec(db, "PRAGMA foreign_keys = OFF");
    w.status = w.status ? w.status : vs_db_exec(db, "BEGIN IMMEDIATE");
    if (w.status) {
        return w.status;
    }
    w.op = prepare(&w, "INSERT INTO op VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    w.part = prepare(&w, "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)");
    w.child = prepare(&w, "INSERT INTO child VALUES (?, ?, ?, ?, ?, ?, ?)");
    w.counter = prepare(&w, "INSERT INTO counter VALUES (?, ?, ?, ?, ?)");
    w.histogram = prepare(&w, "INSERT INTO histogram VALUES (?, ?, ?, ?, ?)");
    w.span = prepare(&w, "INSERT INTO span VALUES (?, ?, ?, ?, ?, ?)");
    w.charge = prepare(&w, "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    if (!w.status) {
        store_run(&w, r);
        vs_ledger_each(r->ledger, store_acc, &w);
        vs_ledger_each_counter(r->ledger, store_counter, &w);
        vs_ledger_each_span(r->ledger, store_span, &w);
        for (size_t i = 0; i < r->n_marks; i++) {
            store_mark(&w, &r->marks[i]);
        }
    }
    sqlite3_stmt *all[] = {w.op, w.part, w.child, w.counter, w.histogram, w.span, w.charge};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(all[i]);
    }
    if (!w.status && sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        w.status = vs__db_fail(db, "cannot store the run");
    }
    if (w.status) {
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
        return w.status;
    }
    *run = w.run;
    vs__db_keep(db);
    return VS_OK;
}

enum vs_status vs_db_store(struct vs_db *db, const struct vs_run_record *r, int64_t *run)
{
    vs_ending_hold(NULL); /* a signal meanwhile takes the run back */
    enum vs_status st = store(db, r, run);
    if (db->sql) {
        sqlite3_exec(db->sql, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
    }
    vs_ending_release();
    return st;
}
