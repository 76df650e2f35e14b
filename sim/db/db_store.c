/* SPDX-License-Identifier: MIT */
/* Writes one finished run: every row in one transaction, every return code looked at. */
#include "db_impl.h"

#include "virtsim/ending.h"
#include "virtsim/site.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tables of a run, with what their columns hold, as vs_rows says: i = an integer, s = a text
 * that stays until the run is stored, c = a text that is copied. The first column is the run's
 * number, but for `run`, whose row gives the run its number, and for what is declared, where it is
 * the dictionary's. A row that does not fit takes the transaction
 * back, which is what it comes to anyway: SQLite keeps no second journal to undo a statement. */
enum table {
    RUN,
    PROVENANCE,
    OPTION,
    DECLARED,
    DICTIONARY,
    KNOB,
    GROUP,
    EPOCH,
    OP,
    PART,
    CHILD,
    COUNTER,
    HISTOGRAM,
    SPAN,
    CHARGE,
    NOTE,
    SITE,
    RECORDED_EXIT,
    FACT
};
static const struct {
    const char *sql, *format, *then;
} tables[] = {
    [RUN] = {"INSERT INTO run VALUES ((SELECT coalesce(max(run), 0) + 1 FROM run), ?, ?, ?, ?, ?, "
             "?, ?, ?, ?)",
             "sssssiiis", NULL},
    [PROVENANCE] = {"INSERT OR ROLLBACK INTO provenance", "iss", NULL},
    [OPTION] = {"INSERT OR ROLLBACK INTO run_option", "iss", NULL},
    [DECLARED] = {"INSERT OR ROLLBACK INTO knob_declared", "iscsss", NULL},
    [DICTIONARY] = {"INSERT OR ROLLBACK INTO run_dictionary", "ii", NULL},
    [KNOB] = {"INSERT OR ROLLBACK INTO knob_own", "iscssss", NULL},
    [GROUP] = {"INSERT OR IGNORE INTO evidence_group", "issss", NULL},
    [EPOCH] = {"INSERT OR ROLLBACK INTO epoch", "iiissi", NULL},
    [OP] = {"INSERT OR ROLLBACK INTO op", "issiiiiiii", NULL},
    [PART] = {"INSERT OR ROLLBACK INTO part", "issssii", NULL},
    [CHILD] = {"INSERT OR ROLLBACK INTO child", "issssii", NULL},
    [COUNTER] = {"INSERT OR ROLLBACK INTO counter", "iscis", NULL},
    [HISTOGRAM] = {"INSERT OR ROLLBACK INTO histogram", "issii", NULL},
    [SPAN] = {"INSERT OR ROLLBACK INTO span", "issiii", NULL},
    [CHARGE] = {"INSERT OR ROLLBACK INTO charge", "issiisii", NULL},
    [NOTE] = {"INSERT OR ROLLBACK INTO note", "issiiscc", NULL},
    /* a region that was mapped twice is one */
    [SITE] = {"INSERT OR ROLLBACK INTO site", "isccssiii",
              "ON CONFLICT DO UPDATE SET n = n + excluded.n, total_ps = total_ps + "
              "excluded.total_ps"},
    [RECORDED_EXIT] = {"INSERT OR ROLLBACK INTO recorded_exit", "isiissiiiii", NULL},
    [FACT] = {"INSERT OR ROLLBACK INTO fact", "isisss", NULL},
};
_Static_assert(sizeof tables / sizeof tables[0] == VS_DB_RUN_TABLES, "a statement for each");

/* Among packed rows: a dictionary's number, how many bytes its rows take, and they. */
#define PACKED_DICTIONARY VS_DB_RUN_TABLES

/* Rows go into the database, or as bytes to whoever puts them there later. */
struct writer {
    struct vs_db *db;       /* NULL: into bytes */
    struct vs_bytes *bytes; /* NULL: into the database */
    const struct vs_ledger *ledger;
    int64_t run;
    enum vs_status status; /* the first failure; later rows are not tried */
};

/* Appends to the bytes. */
static void put(struct writer *w, const void *data, size_t n)
{
    struct vs_bytes *b = w->bytes;
    if (!w->status && b->n + n > b->room) {
        size_t room = 2 * (b->n + n) + 4096;
        unsigned char *grown = realloc(b->at, room);
        if (!grown) {
            w->status = VS_E_NOMEM;
            return;
        }
        b->at = grown;
        b->room = room;
    }
    if (!w->status) {
        memcpy(b->at + b->n, data, n);
        b->n += n;
    }
}

/* A row as bytes: the table, then 8 bytes for an integer, and a text with its zero. */
static void pack(struct writer *w, enum table table, const union vs_row_field *fields)
{
    unsigned char which = (unsigned char)table;
    put(w, &which, 1);
    for (size_t i = 0; tables[table].format[i]; i++) {
        if (tables[table].format[i] == 'i') {
            put(w, &fields[i].number, sizeof fields[i].number);
        } else {
            put(w, fields[i].text, strlen(fields[i].text) + 1);
        }
    }
}

/* The run's own row, at once: it gives the run its number. */
static enum vs_status store_number(struct writer *w, const union vs_row_field *fields)
{
    sqlite3_stmt **st = &w->db->insert_run;
    const char *format = tables[RUN].format;
    int rc = *st ? SQLITE_OK
                 : sqlite3_prepare_v3(w->db->sql, tables[RUN].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      st, NULL);
    for (int i = 0; format[i] && rc == SQLITE_OK; i++) {
        rc = format[i] == 's' ? sqlite3_bind_text(*st, i + 1, fields[i].text, -1, SQLITE_STATIC)
                              : sqlite3_bind_int64(*st, i + 1, fields[i].number);
    }
    bool stored = rc == SQLITE_OK && sqlite3_step(*st) == SQLITE_DONE;
    enum vs_status s = stored ? VS_OK : vs__db_fail(w->db, "cannot store the run");
    sqlite3_reset(*st);
    w->run = sqlite3_last_insert_rowid(w->db->sql);
    return s;
}

/* After a failure: a signal that came meanwhile is why. */
static void note(struct writer *w, enum vs_status status)
{
    if (!w->status && vs_ending_came()) {
        snprintf(w->db->error, sizeof w->db->error, "%s: ended by a signal", w->db->path);
        status = VS_E_RUN;
    }
    w->status = w->status ? w->status : status;
}

/* A row on its way into its table. */
static void add(struct writer *w, enum table table, const union vs_row_field *fields)
{
    struct vs_rows *r = &w->db->rows[table];
    if (w->status) {
        return;
    }
    r->into = tables[table].sql;
    r->format = tables[table].format;
    r->then = tables[table].then;
    note(w, table == RUN ? store_number(w, fields) : vs__rows_add(w->db, r, fields));
}

/* What is on its way is stored. */
static void flush(struct writer *w)
{
    for (size_t t = 0; t < VS_DB_RUN_TABLES && !w->status; t++) {
        note(w, vs__rows_store(w->db, &w->db->rows[t]));
    }
}

/* One row: its columns in order. */
static void insert(struct writer *w, enum table table, ...)
{
    union vs_row_field fields[VS_ROWS_COLUMNS] = {{.number = 0}};
    va_list ap;
    va_start(ap, table);
    for (size_t i = 0; tables[table].format[i]; i++) {
        if (tables[table].format[i] == 'i') {
            fields[i].number = va_arg(ap, int64_t);
        } else {
            fields[i].text = va_arg(ap, const char *);
        }
    }
    va_end(ap);
    if (w->bytes) {
        pack(w, table, fields);
    } else {
        add(w, table, fields);
    }
}

/* Stores the filled buckets of an operation's latencies. */
static void store_histogram(struct writer *w, const char *actor, const char *op,
                            const struct vs_hist *h)
{
    for (uint32_t o = 0; o < sizeof h->octave / sizeof h->octave[0]; o++) {
        for (uint32_t s = 0; h->octave[o] && s < VS_HIST_SUB; s++) {
            if (h->octave[o][s]) {
                insert(w, HISTOGRAM, w->run, actor, op,
                       (int64_t)vs_hist_low((o << VS_HIST_SUB_SHIFT) + s),
                       (int64_t)h->octave[o][s]);
            }
        }
    }
}

/* Stores what an operation's time consists of, one row an account. */
static void store_parts(struct writer *w, const char *actor, const char *op,
                        const struct vs_part *parts, const char *kind)
{
    for (size_t i = 0, n = vs_ledger_n_accounts(w->ledger); i < n; i++) {
        if (parts[i].n || parts[i].ps) {
            insert(w, PART, w->run, actor, op, vs_ledger_account(w->ledger, (uint16_t)i)->path,
                   kind, (int64_t)parts[i].n, (int64_t)parts[i].ps);
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

/* Stores an operation of an actor: its statistics, parts and latencies. */
static void store_acc(void *ctx, const struct vs_op_acc *a)
{
    struct writer *w = ctx;
    const char *actor = vs_ledger_actor_name(w->ledger, a->actor),
               *op = vs_op_name((enum vs_op)a->op);
    insert(w, OP, w->run, actor, op, (int64_t)a->n, (int64_t)a->total_ps,
           (int64_t)(a->n ? a->min_ps : 0), (int64_t)a->max_ps, quantile(a, 500), quantile(a, 900),
           quantile(a, 990));
    store_parts(w, actor, op, a->work, "work");
    store_parts(w, actor, op, a->exposed, "exposed");
    for (uint32_t i = 0; i < a->n_child; i++) {
        insert(w, CHILD, w->run, actor, op, vs_ledger_actor_name(w->ledger, a->child[i].op->actor),
               vs_op_name((enum vs_op)a->child[i].op->op), (int64_t)a->child[i].n,
               (int64_t)a->child[i].ps);
    }
    store_histogram(w, actor, op, a->hist);
    if (a->open_ops) {
        char name[80];
        snprintf(name, sizeof name, "open_ops.%s", op);
        insert(w, COUNTER, w->run, actor, name, (int64_t)a->open_ops, "operations");
    }
}

/* Stores one counter. */
static void store_counter(void *ctx, const char *actor, const struct vs_counter_desc *c,
                          uint64_t value)
{
    struct writer *w = ctx;
    insert(w, COUNTER, w->run, actor, c->path, (int64_t)value, c->unit);
}

/* Stores one remembered instance of an operation, with its parts. */
static void store_span(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    struct writer *w = ctx;
    const char *actor = vs_ledger_actor_name(w->ledger, a->actor),
               *op = vs_op_name((enum vs_op)a->op);
    insert(w, SPAN, w->run, actor, op, (int64_t)s->ordinal, (int64_t)s->start_ps,
           (int64_t)s->total_ps);
    for (size_t i = 0; i < s->tape.n; i++) {
        insert(w, CHARGE, w->run, actor, op, (int64_t)s->ordinal, (int64_t)i,
               vs_ledger_account(w->ledger, s->tape.e[i].account)->path,
               (int64_t)s->tape.e[i].start_ps, (int64_t)s->tape.e[i].ps);
    }
    for (uint32_t i = 0; i < s->n_notes; i++) {
        char value[24];
        snprintf(value, sizeof value, "0x%" PRIx64, s->note[i].value);
        insert(w, NOTE, w->run, actor, op, (int64_t)s->ordinal, (int64_t)i, s->note[i].name, value,
               s->note[i].text);
    }
}

/* "vcpu0", "vcpu0/process1", "". */
static void space_text(uint64_t space, char *out, size_t bytes)
{
    unsigned vcpu = (unsigned)(space >> VS_SITE_PROCESS_BITS),
             process = (unsigned)(space & ((1u << VS_SITE_PROCESS_BITS) - 1u));
    if (space == VS_SITE_NONE) {
        *out = 0;
    } else if (process) {
        snprintf(out, bytes, "vcpu%u/process%u", vcpu, process);
    } else {
        snprintf(out, bytes, "vcpu%u", vcpu);
    }
}

/* Stores what a place of the program cost. */
static void store_site(void *ctx, const struct vs_site_row *r)
{
    struct writer *w = ctx;
    char space[48], place[48];
    space_text(r->space, space, sizeof space);
    if (r->other) {
        snprintf(place, sizeof place, "other");
    } else if (r->at == VS_SITE_NONE) {
        snprintf(place, sizeof place, "none");
    } else if (r->kind == VS_SITE_REGION) {
        snprintf(place, sizeof place, "0x%016" PRIx64 "-0x%016" PRIx64, r->at, r->end);
    } else {
        snprintf(place, sizeof place, "0x%016" PRIx64, r->at);
    }
    insert(w, SITE, w->run, vs_site_kind_name(r->kind), space, place,
           vs_ledger_actor_name(w->ledger, r->actor),
           r->account ? vs_ledger_account(w->ledger, r->what)->path
                      : vs_op_name((enum vs_op)r->what),
           (int64_t)r->n, (int64_t)r->ps, (int64_t)r->lacks_ps);
}

/* Counters mark.NAME and marks.NAME of the vCPU's line: a name may end in anything. */
static void store_mark(struct writer *w, const struct vs_mark_row *m)
{
    const char *actor = vs_ledger_actor_name(w->ledger, m->actor_index);
    char name[80];
    snprintf(name, sizeof name, "mark.%s", m->name);
    insert(w, COUNTER, w->run, actor, name, (int64_t)m->first_ps, "ps");
    snprintf(name, sizeof name, "marks.%s", m->name);
    insert(w, COUNTER, w->run, actor, name, (int64_t)m->n, "times");
}

/* Fills the row of a knob: value, unit, source, evidence and who set it. */
void vs_db_knob(const struct vs_knob *knob, struct vs_knob_row *row)
{
    row->path = knob->desc->path;
    row->value = vs_knob_text(knob, row->text, sizeof row->text);
    row->unit = knob->desc->unit;
    row->source = knob->source ? knob->source : knob->desc->source;
    row->evidence = vs_evidence_name(knob->grade);
    row->set_by = knob->set_by ? knob->set_by : "default";
}

/* Stores what the program declares of these knobs. */
static void store_declared(struct writer *w, const struct vs_knobs *knobs, int64_t dictionary)
{
    for (size_t k = 0; k < vs_knobs_count(knobs); k++) {
        const struct vs_knob *knob = vs_knobs_at(knobs, k);
        const struct vs_knob plain = {
            .desc = knob->desc, .value = knob->desc->def, .grade = knob->desc->grade};
        struct vs_knob_row row;
        if (!knob->added) {
            vs_db_knob(&plain, &row);
            insert(w, DECLARED, dictionary, row.path, row.value, row.unit, row.source,
                   row.evidence);
        }
    }
}

/* Packs a dictionary into each run: whoever stores them may leave any of them out. The points of a
 * sweep have one, as a rule, which is made once. */
static void pack_dictionary(struct writer *w, const struct vs_knobs *knobs, int64_t dictionary)
{
    static struct vs_bytes rows;
    static int64_t rows_of;
    const unsigned char which = PACKED_DICTIONARY;
    if (rows_of != dictionary) {
        struct writer once = {.bytes = &rows};
        rows.n = 0;
        store_declared(&once, knobs, dictionary);
        rows_of = once.status ? 0 : dictionary;
        w->status = w->status ? w->status : once.status;
    }
    put(w, &which, 1);
    put(w, &dictionary, sizeof dictionary);
    put(w, &rows.n, sizeof rows.n);
    put(w, rows.at, rows.n);
}

/* Stores the run's knobs: those that are as they are declared are in the dictionary. */
static void store_knobs(struct writer *w, const struct vs_knobs *knobs)
{
    int64_t dictionary = vs__db_dictionary(knobs);
    if (w->bytes) {
        pack_dictionary(w, knobs, dictionary);
    } else if (!w->status && !vs__db_has_dictionary(w->db, dictionary)) {
        store_declared(w, knobs, dictionary);
    }
    insert(w, DICTIONARY, w->run, dictionary);
    for (size_t k = 0; k < vs_knobs_count(knobs); k++) {
        const struct vs_knob *knob = vs_knobs_at(knobs, k);
        struct vs_knob_row row;
        if (!vs__db_as_declared(knob)) {
            vs_db_knob(knob, &row);
            insert(w, KNOB, w->run, row.path, row.value, row.unit, row.source, row.evidence,
                   row.set_by);
        }
    }
}

/* The groups of knobs whose sum a source fixes, where no knob was set to something else. */
static void store_groups(struct writer *w, const struct vs_run_record *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct vs_group *g = &r->groups[i];
        for (size_t m = 0; m < g->n && vs_group_holds(g, r->knobs); m++) {
            insert(w, GROUP, w->run, g->name, g->member[m].path, g->source,
                   vs_evidence_name(g->grade));
        }
    }
}

/* Stores a run's own row, its provenance, options and knobs. */
static void store_run(struct writer *w, const struct vs_run_record *r)
{
    const struct vs_run_info *i = &r->info;
    insert(w, RUN, i->command, i->workload, i->input_hash, i->trace_format, i->machine,
           (int64_t)i->seed, (int64_t)i->roi_ps, (int64_t)i->end_ps, i->point);
    for (size_t k = 0; k < r->n_provenance; k++) {
        insert(w, PROVENANCE, w->run, r->provenance[k].key, r->provenance[k].value);
    }
    for (size_t k = 0; k < r->n_options; k++) {
        insert(w, OPTION, w->run, r->options[k].option, r->options[k].value);
    }
    store_knobs(w, r->knobs);
    store_groups(w, r);
    for (size_t k = 0; k < r->n_facts; k++) {
        const struct vs_fact *f = &r->facts[k];
        insert(w, FACT, w->run, f->name, (int64_t)f->value, f->unit, f->of, f->source);
    }
    for (size_t k = 0; k < r->n_epochs; k++) {
        const struct vs_epoch_row *e = &r->epochs[k];
        insert(w, EPOCH, w->run, (int64_t)e->epoch, (int64_t)e->end_ps,
               vs_ledger_actor_name(r->ledger, e->actor_index), e->counter->path,
               (int64_t)e->value);
    }
}

/* Stores everything a run leaves. */
static void store_all(struct writer *w, const struct vs_run_record *r)
{
    w->ledger = r->ledger;
    store_run(w, r);
    vs_ledger_each(r->ledger, store_acc, w);
    vs_ledger_each_counter(r->ledger, store_counter, w);
    vs_ledger_each_span(r->ledger, store_span, w);
    vs_ledger_each_site(r->ledger, store_site, w);
    for (size_t i = 0; i < r->n_marks; i++) {
        store_mark(w, &r->marks[i]);
    }
    for (size_t i = 0; i < r->n_exits; i++) {
        const struct vs_exit_row *e = &r->exits[i];
        insert(w, RECORDED_EXIT, w->run, e->actor, e->thread, e->vcpu, e->reason, e->op,
               (int64_t)e->n, (int64_t)e->pairs, (int64_t)e->total_ps, (int64_t)e->min_ps,
               (int64_t)e->max_ps);
    }
}

enum vs_status vs_db_pack(const struct vs_run_record *r, struct vs_bytes *out)
{
    struct writer w = {.bytes = out};
    store_all(&w, r);
    return w.status;
}

/* At a packed dictionary: behind its head where its rows are to be stored, else behind them. */
static void skip_dictionary(struct writer *w, const unsigned char **at)
{
    int64_t dictionary;
    size_t bytes;
    memcpy(&dictionary, *at + 1, sizeof dictionary);
    memcpy(&bytes, *at + 1 + sizeof dictionary, sizeof bytes);
    *at += 1 + sizeof dictionary + sizeof bytes;
    *at += vs__db_has_dictionary(w->db, dictionary) ? bytes : 0;
}

/* One packed row into its table, under this run's number; false at the end. */
static bool unpack_row(struct writer *w, const unsigned char **at, const unsigned char *end)
{
    if (!w->status && *at != end && **at == PACKED_DICTIONARY) {
        skip_dictionary(w, at);
    }
    if (w->status || *at == end || **at >= VS_DB_RUN_TABLES) {
        return false;
    }
    enum table table = (enum table) * (*at)++;
    union vs_row_field fields[VS_ROWS_COLUMNS] = {{.number = 0}};
    for (size_t i = 0; tables[table].format[i]; i++) {
        if (tables[table].format[i] == 'i') {
            memcpy(&fields[i].number, *at, sizeof fields[i].number);
            *at += sizeof fields[i].number;
        } else {
            fields[i].text = (const char *)*at;
            *at += strlen(fields[i].text) + 1;
        }
    }
    if (table != RUN && table != DECLARED) {
        fields[0].number = w->run;
    }
    add(w, table, fields);
    return !w->status;
}

enum vs_status vs_db_unpack(struct vs_db *db, const struct vs_bytes *b, int64_t *run)
{
    struct writer w = {.db = db};
    const unsigned char *at = b->at, *end = b->at + b->n;
    while (unpack_row(&w, &at, end)) {
    }
    flush(&w);
    *run = w.run;
    return w.status;
}

enum vs_status vs_db_begin(struct vs_db *db)
{
    vs_ending_hold(NULL); /* a signal meanwhile takes the runs back */
    enum vs_status s = vs__db_make(db);
    /* Every row names the run that the same transaction makes, and its grades and kinds are the
     * program's own names: neither need be looked up for each. */
    s = s ? s : vs_db_exec(db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON");
    return s ? s : vs_db_exec(db, "BEGIN IMMEDIATE");
}

enum vs_status vs_db_end(struct vs_db *db, enum vs_status so_far)
{
    enum vs_status s = so_far;
    for (size_t t = 0; t < VS_DB_RUN_TABLES; t++) {
        vs__rows_drop(&db->rows[t]); /* there are some after a failure only */
    }
    if (!s && sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        s = vs__db_fail(db, "cannot store the run");
    }
    if (s && db->sql) {
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    }
    if (!s) {
        vs__db_keep(db);
    } else {
        db->dictionary = 0; /* it may have gone with the rest */
    }
    if (db->sql) {
        sqlite3_exec(db->sql, "PRAGMA foreign_keys = ON; PRAGMA ignore_check_constraints = OFF",
                     NULL, NULL, NULL);
    }
    vs_ending_release();
    return s;
}

enum vs_status vs_db_declare(struct vs_db *db, const struct vs_knobs *knobs)
{
    struct writer w = {.db = db, .status = vs_db_begin(db)};
    int64_t dictionary = vs__db_dictionary(knobs);
    if (!w.status && !vs__db_has_dictionary(db, dictionary)) {
        store_declared(&w, knobs, dictionary);
        flush(&w);
    }
    return vs_db_end(db, w.status);
}

/* Stores a run in one transaction, and returns its number. */
enum vs_status vs_db_store(struct vs_db *db, const struct vs_run_record *r, int64_t *run)
{
    struct writer w = {.db = db, .status = vs_db_begin(db)};
    if (!w.status) {
        store_all(&w, r);
        flush(&w);
    }
    enum vs_status st = vs_db_end(db, w.status);
    if (!st) {
        *run = w.run;
    }
    return st;
}
