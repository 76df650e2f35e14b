/* SPDX-License-Identifier: MIT */
/*
 * Sampled spans as a time line that viewers draw: Chrome's trace events, speedscope's profiles.
 * What nests is drawn nested. What merely overlaps (accesses in the window) goes into another lane
 * of the same actor.
 */
#define _GNU_SOURCE
#include "top.h"

#include "stored.h"
#include "virtsim/version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A span, or one of its charges. */
struct box {
    const char *name; /* of the list of names */
    unsigned actor, lane;
    uint64_t at, end;
    bool charge;
    int64_t ordinal; /* of a span, among those of its kind */
};
struct drawing {
    char **name;
    size_t n_names;
    struct box *box;
    size_t n, cap;
};

/* A name kept once, with its number. */
static const char *named(struct drawing *d, const char *name, unsigned *number)
{
    size_t i = 0;
    while (i < d->n_names && strcmp(d->name[i], name) != 0) {
        i++;
    }
    if (i == d->n_names) {
        char **grown = realloc(d->name, (i + 1u) * sizeof *grown);
        d->name = grown ? grown : d->name;
        if (!grown || !(grown[i] = strdup(name))) {
            return NULL;
        }
        d->n_names++;
    }
    *number = (unsigned)i;
    return d->name[i];
}

/* Appends a box. */
static bool add(struct drawing *d, struct box b)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2u * d->cap : 1024u;
        struct box *grown = realloc(d->box, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        d->box = grown;
        d->cap = cap;
    }
    d->box[d->n++] = b;
    return true;
}

/* By actor; earlier first, of those that begin together the longer one, spans before charges. */
static int in_order(const void *a, const void *b)
{
    const struct box *x = a, *y = b;
    if (x->actor != y->actor) {
        return x->actor < y->actor ? -1 : 1;
    }
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    if (x->end != y->end) {
        return x->end > y->end ? -1 : 1;
    }
    return x->charge - y->charge;
}

#define LANES 64u
#define DEEP 32u

/* The first lane in which the span nests; false: there is no such lane left. */
static bool take_lane(struct box *b, uint64_t open[LANES][DEEP], unsigned depth[LANES])
{
    for (unsigned lane = 0; lane < LANES; lane++) {
        unsigned *n = &depth[lane];
        while (*n && open[lane][*n - 1u] <= b->at) {
            --*n;
        }
        if (*n < DEEP && (!*n || open[lane][*n - 1u] >= b->end)) {
            open[lane][(*n)++] = b->end;
            b->lane = lane;
            return true;
        }
    }
    return false;
}

/* Gives each box a lane in which nothing overlaps but what lies within it. */
static void lanes(struct drawing *d)
{
    uint64_t(*open)[DEEP] = calloc(LANES, sizeof *open);
    unsigned depth[LANES] = {0};
    size_t kept = 0;
    for (size_t i = 0; open && i < d->n; i++) {
        if (i && d->box[i].actor != d->box[kept ? kept - 1u : 0].actor) {
            memset(depth, 0, sizeof depth);
        }
        if (take_lane(&d->box[i], open, depth)) {
            d->box[kept++] = d->box[i];
        }
    }
    d->n = open ? kept : 0;
    free(open);
}

/* A span by what the database calls it. */
static int by_key(const void *a, const void *b)
{
    const struct box *x = *(const struct box *const *)a, *y = *(const struct box *const *)b;
    int name = strcmp(x->name, y->name);
    return x->actor != y->actor      ? (x->actor < y->actor ? -1 : 1)
           : name                    ? name
           : x->ordinal < y->ordinal ? -1
                                     : x->ordinal > y->ordinal;
}

/* A span inside it in the same lane has this charge, too: there it is drawn. One that only overlaps
 * it is of an access that runs beside: the span itself says more. */
static bool inside(const struct box *of, const struct box *end, const struct box *charge)
{
    for (const struct box *b = of + 1; b < end && b->actor == of->actor && b->at < of->end; b++) {
        if (b->lane == of->lane && b->at < charge->end && b->end > charge->at) {
            return true;
        }
    }
    return false;
}

/* The charges of the first n boxes, which are spans. */
static bool add_charges(struct drawing *d, struct vs_db *db, int64_t run, size_t n)
{
    struct drawing charges = {.n = 0};
    const struct box **key = calloc(n, sizeof *key);
    sqlite3_stmt *st = stored_query(
        db,
        "SELECT actor, start_ps, start_ps + ps, account, op, ordinal FROM charge WHERE run = ? "
        "AND ps > 0 ORDER BY actor, op, ordinal, seq",
        run, 0);
    bool ok = st && key;
    for (size_t i = 0; ok && i < n; i++) {
        key[i] = &d->box[i];
    }
    if (ok) {
        qsort(key, n, sizeof *key, by_key);
    }
    while (ok && vs_db_row(db, st)) {
        struct box of = {.ordinal = sqlite3_column_int64(st, 5)}, c = {.charge = true};
        unsigned number;
        ok = named(d, stored_text(st, 0), &of.actor) &&
             (of.name = named(d, stored_text(st, 4), &number)) &&
             (c.name = named(d, stored_text(st, 3), &number));
        const struct box *wanted = &of,
                         **found = ok ? bsearch(&wanted, key, n, sizeof *key, by_key) : NULL;
        if (!found) {
            continue; /* its span is not drawn: there was no lane for it */
        }
        c.actor = of.actor;
        c.lane = (*found)->lane;
        c.at = (uint64_t)sqlite3_column_int64(st, 1);
        c.end = (uint64_t)sqlite3_column_int64(st, 2);
        ok = inside(*found, d->box + n, &c) || add(&charges, c);
    }
    sqlite3_finalize(st);
    free(key);
    for (size_t i = 0; ok && i < charges.n; i++) {
        ok = add(d, charges.box[i]);
    }
    free(charges.box);
    return ok;
}

/* Loads the remembered instances of a run as boxes. */
static bool load(struct drawing *d, struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = stored_query(db,
                                    "SELECT actor, op, start_ps, start_ps + total_ps, ordinal FROM "
                                    "span WHERE run = ? AND total_ps "
                                    "> 0 ORDER BY actor, start_ps, total_ps DESC, op, ordinal",
                                    run, 0);
    bool ok = st != NULL;
    while (ok && vs_db_row(db, st)) {
        struct box b = {.at = (uint64_t)sqlite3_column_int64(st, 2),
                        .end = (uint64_t)sqlite3_column_int64(st, 3),
                        .ordinal = sqlite3_column_int64(st, 4)};
        unsigned number;
        ok = named(d, stored_text(st, 0), &b.actor) &&
             (b.name = named(d, stored_text(st, 1), &number)) && add(d, b);
    }
    sqlite3_finalize(st);
    if (ok && d->n) {
        qsort(d->box, d->n, sizeof *d->box, in_order);
        lanes(d);
        ok = add_charges(d, db, run, d->n);
        qsort(d->box, d->n, sizeof *d->box, in_order);
    }
    return ok;
}

/* Frees what was loaded. */
static void clear(struct drawing *d)
{
    for (size_t i = 0; i < d->n_names; i++) {
        free(d->name[i]);
    }
    free(d->name);
    free(d->box);
}

/* ps as a decimal number of ns, or of us. */
static const char *decimal(uint64_t ps, unsigned digits, char text[40])
{
    uint64_t unit = digits == 3u ? 1000u : 1000000u;
    snprintf(text, 40, "%" PRIu64 ".%0*" PRIu64, ps / unit, (int)digits, ps % unit);
    return text;
}

/* Prints the boxes in the format of Chrome's trace viewer. */
static void print_chrome(const struct drawing *d, FILE *f)
{
    char at[40], took[40];
    const char *comma = "";
    unsigned actor = UINT32_MAX, lane = 0;
    fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n", f);
    for (size_t i = 0; i < d->n; i++) {
        const struct box *b = &d->box[i];
        if (b->actor != actor) {
            actor = b->actor;
            fprintf(
                f,
                "%s{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": %u, \"args\": {\"name\": "
                "\"%s\"}}",
                comma, actor, d->name[actor]);
            comma = ",\n";
        }
        lane = b->lane;
        fprintf(f,
                "%s{\"ph\": \"X\", \"name\": \"%s\", \"cat\": \"%s\", \"pid\": %u, \"tid\": %u, "
                "\"ts\": %s, \"dur\": %s}",
                comma, b->name, b->charge ? "charge" : "operation", b->actor, lane,
                decimal(b->at, 6, at), decimal(b->end - b->at, 6, took));
    }
    fputs("\n]}\n", f);
}

/* The events of one lane: what is open is closed before the next begins. */
static void print_lane(const struct drawing *d, unsigned actor, unsigned lane, FILE *f)
{
    const struct box *open[2u * DEEP];
    unsigned n = 0;
    char at[40];
    const char *comma = "";
    for (size_t i = 0; i <= d->n; i++) {
        const struct box *b = i < d->n ? &d->box[i] : NULL;
        if (b && (b->actor != actor || b->lane != lane)) {
            continue;
        }
        while (n && (!b || open[n - 1u]->end <= b->at)) {
            unsigned number;
            n--;
            (void)named((struct drawing *)(uintptr_t)d, open[n]->name, &number);
            fprintf(f, "%s{\"type\": \"C\", \"frame\": %u, \"at\": %s}", comma, number,
                    decimal(open[n]->end, 3, at));
            comma = ", ";
        }
        if (b && n < 2u * DEEP) {
            unsigned number;
            (void)named((struct drawing *)(uintptr_t)d, b->name, &number);
            fprintf(f, "%s{\"type\": \"O\", \"frame\": %u, \"at\": %s}", comma, number,
                    decimal(b->at, 3, at));
            comma = ", ";
            open[n++] = b;
        }
    }
}

/* Prints the boxes in speedscope's format. */
static void print_speedscope(const struct drawing *d, const char *title, FILE *f)
{
    const char *comma = "";
    char at[40], end[40];
    fputs("{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n\"shared\": "
          "{\"frames\": [",
          f);
    for (size_t i = 0; i < d->n_names; i++) {
        fprintf(f, "%s{\"name\": \"%s\"}", i ? ", " : "", d->name[i]);
    }
    fprintf(f, "]},\n\"name\": \"%s\", \"exporter\": \"virtsim %s\", \"profiles\": [\n", title,
            VS_VERSION);
    for (size_t actor = 0; actor < d->n_names; actor++) {
        for (unsigned lane = 0; lane < LANES; lane++) {
            uint64_t first = UINT64_MAX, last = 0;
            for (size_t i = 0; i < d->n; i++) {
                const struct box *b = &d->box[i];
                if (b->actor == actor && b->lane == lane) {
                    first = b->at < first ? b->at : first;
                    last = b->end > last ? b->end : last;
                }
            }
            if (!last) {
                continue;
            }
            fprintf(f,
                    "%s{\"type\": \"evented\", \"name\": \"%s%s%.0u\", \"unit\": \"nanoseconds\", "
                    "\"startValue\": %s, \"endValue\": %s, \"events\": [",
                    comma, d->name[actor], lane ? " lane " : "", lane, decimal(first, 3, at),
                    decimal(last, 3, end));
            print_lane(d, (unsigned)actor, lane, f);
            fputs("]}", f);
            comma = ",\n";
        }
    }
    fputs("\n]}\n", f);
}

enum vs_status top_export_spans(struct top *t, struct vs_db *db, bool chrome, FILE *f)
{
    struct drawing d = {.n = 0};
    char title[64];
    enum vs_status st = VS_OK;
    snprintf(title, sizeof title, "run %" PRId64, t->run);
    if (!load(&d, db, t->run)) {
        vs_error(&t->errors, "%s", vs_db_unread(db) ? vs_db_error(db) : "no memory is left");
        st = VS_E_IO;
    } else if (!d.n) {
        vs_error(&t->errors,
                 "run %" PRId64
                 " has no spans; run it again with --spans=N, which keeps the first N "
                 "of each operation and N later ones",
                 t->run);
        st = VS_E_INPUT;
    } else if (chrome) {
        print_chrome(&d, f);
    } else {
        print_speedscope(&d, title, f);
    }
    clear(&d);
    return st;
}
