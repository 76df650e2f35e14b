/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "stored.h"

#include <inttypes.h>

enum { KEY_DB = 256, KEY_FORMAT };
const struct argp_option stored_options[] = {
    {"db", KEY_DB, "FILE", 0, "results database (default $VIRTSIM_DB, else " DEFAULT_DB ")", 0},
    {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_child stored_children[] = {{&metric_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};

error_t stored_option(int key, char *arg, struct argp_state *state)
{
    struct stored *s = state->input;
    uint64_t v;
    switch (key) {
    case ARGP_KEY_INIT:
        s->metrics.errors = &s->errors;
        state->child_inputs[0] = &s->metrics;
        return 0;
    case KEY_DB:
        s->db = arg;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &s->format)) {
            vs_error(&s->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (s->n >= s->want || !vs_parse_number(arg, &v) || !v || v > INT64_MAX) {
            vs_error(&s->errors, "'%s': %d run number%s needed; 'virtsim list runs' shows them",
                     arg, s->want, s->want > 1 ? "s are" : " is");
        } else {
            s->run[s->n++] = (int64_t)v;
        }
        return 0;
    case ARGP_KEY_END:
        if (s->n < s->want && !s->errors.n) {
            vs_error(&s->errors, "%d run number%s needed; 'virtsim list runs' shows them", s->want,
                     s->want > 1 ? "s are" : " is");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

sqlite3_stmt *stored_query(struct vs_db *db, const char *sql, int64_t a, int64_t b)
{
    sqlite3_stmt *st = vs_db_query(db, sql);
    for (int i = 1; st && i <= sqlite3_bind_parameter_count(st); i++) {
        sqlite3_bind_int64(st, i, i == 1 ? a : b);
    }
    return st;
}

const char *stored_text(sqlite3_stmt *st, int i)
{
    const unsigned char *s = sqlite3_column_text(st, i);
    return s ? (const char *)s : "";
}

/* Refuses runs that the database doesn't have. */
static enum vs_status known(struct stored *s, struct vs_db *db)
{
    for (int i = 0; i < s->n; i++) {
        double found = 0;
        bool any;
        if (vs_db_number(db, "SELECT count(*) FROM run WHERE run = :run", s->run[i], 0, &found,
                         &any)) {
            vs_error(&s->errors, "%s", vs_db_error(db));
            return VS_E_IO;
        }
        if (found < 1) {
            double newest = 0;
            (void)vs_db_number(db, "SELECT max(run) FROM run", 0, 0, &newest, &any);
            vs_error(&s->errors,
                     "%s: no run %" PRId64 "; the newest is %.0f; 'virtsim list runs' shows them",
                     s->db, s->run[i], newest);
        }
    }
    return s->errors.n ? VS_E_INPUT : VS_OK;
}

int stored_open(struct stored *s, int argc, char **argv, const struct argp *a, struct vs_db **db)
{
    s->db = usual_db();
    parse(a, argc, argv, s);
    char err[5200];
    *db = NULL;
    if (!s->errors.n && vs_db_open(s->db, false, db, err, sizeof err)) {
        vs_error(&s->errors, "%s", err);
    }
    enum vs_status st = s->errors.n ? VS_E_INPUT : known(s, *db);
    if (st) {
        int status = report(&s->errors, st, st == VS_E_IO);
        vs_db_close(*db);
        return status;
    }
    return EXIT_DONE;
}
