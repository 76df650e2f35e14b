/* SPDX-License-Identifier: MIT */
/* curve: the misses of a structure at every size. */
#define _GNU_SOURCE
#include "cmd.h"
#include "curve/curve.h"
#include "sweep/sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_STRUCTURE = 1000, KEY_SETS, KEY_EVERY, KEY_CHECK };

static const struct argp_option options[] = {
    {"structure", KEY_STRUCTURE, "NAME", 0,
     "ept.l2_tlb, ept.nested_tlb, ept.guest_pwc.l2, memory.l2, ...", -2},
    {"sets", KEY_SETS, "N[,N...]", 0,
     "numbers of sets; 1: fully associative (default: as the machine has it, and 1)", -2},
    {"every", KEY_EVERY, NULL, 0, "each size at which misses change, not only what a picture needs",
     -2},
    {"check", KEY_CHECK, "N", 0,
     "single runs that the one pass is compared with, for each number of sets (default 3)", -2},
    {"jobs", 'j', "N", 0, "worker processes of single runs (default 2)", -2},
    {NULL, 0, NULL, 0, NULL, 0},
};

struct curve_args {
    struct request r;
    struct vs_curve_request q;
    const char *structure;
};

/* Reads the list of numbers of sets. */
static void parse_sets(struct curve_args *a, const char *arg)
{
    char one[32];
    for (const char *at = arg; *at;) {
        size_t n = strcspn(at, ",");
        uint64_t v = 0;
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        if (!vs_parse_number(one, &v) || !v || v > 1u << 26 || a->q.n_sets == VS_WATCH_SETS) {
            vs_error(&a->r.errors, "--sets %s: up to %u numbers from 1 are needed, such as 1,128",
                     arg, VS_WATCH_SETS);
            return;
        }
        a->q.sets[a->q.n_sets++] = v;
        at += n + (at[n] == ',');
    }
}

/* Reads an option of curve. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct curve_args *a = state->input;
    uint64_t n;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->r;
        return 0;
    case KEY_STRUCTURE:
        a->structure = arg;
        return 0;
    case KEY_SETS:
        parse_sets(a, arg);
        return 0;
    case KEY_EVERY:
        a->q.every = true;
        return 0;
    case KEY_CHECK:
    case 'j':
        if (!vs_parse_number(arg, &n) || n > 1000 || (key == 'j' && !n)) {
            vs_error(&a->r.errors, "--%s %s: a whole number up to 1000 is needed",
                     key == 'j' ? "jobs" : "check", arg);
        } else if (key == 'j') {
            a->q.jobs = (unsigned)n;
        } else {
            a->q.checks = (unsigned)n;
        }
        return 0;
    case ARGP_KEY_ARG:
        if (a->r.session.input) {
            vs_error(&a->r.errors, "'%s': one trace or workload at a time", arg);
        }
        a->r.session.input = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a trace or a workload is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Prints a curve's rows. */
static void print(const struct vs_curve *c, enum out_format format)
{
    static const char *const columns[] = {"structure", "sets",   "ways",       "entries", "bytes",
                                          "hits",      "misses", "miss_ratio", "method"};
    struct out *o = out_begin(format, columns, 9);
    for (size_t i = 0; i < c->n; i++) {
        const struct vs_curve_row *r = &c->row[i];
        uint64_t all = r->hits + r->misses;
        out_text(o, c->what->name);
        out_int(o, (int64_t)r->sets);
        out_int(o, (int64_t)r->ways);
        out_int(o, (int64_t)(r->sets * r->ways));
        if (c->what->bytes) {
            out_int(o, (int64_t)(r->sets * r->ways * c->line));
        } else {
            out_none(o);
        }
        out_int(o, (int64_t)r->hits);
        out_int(o, (int64_t)r->misses);
        out_real(o, all ? (double)r->misses / (double)all : 0, 6);
        out_text(o, r->run ? "run" : "one pass");
    }
    out_end(o, stdout);
}

/* Says how the curve was made and what it doesn't hold for. */
static void say(const struct vs_curve *c, bool table)
{
    FILE *f = table ? stdout : stderr;
    if (table) {
        fputs("\n", f);
    }
    if (*c->why) {
        fprintf(f, "%sthe points whose method is 'run' are a run each: %s\n",
                table ? "" : "virtsim: ", c->why);
    }
    if (table && c->checked) {
        printf("one pass, the same as %u single run%s; misses stay the same up to the next row\n",
               c->checked, c->checked > 1u ? "s" : "");
    }
}

/* The run as the machine is configured, and the curve's points with it; its number, 0: none. */
static enum vs_status store(struct curve_args *a, const struct vs_curve *c, struct vs_db *db,
                            int64_t *run)
{
    struct vs_session *s = NULL;
    struct vs_curve_point *point = calloc(c->n ? c->n : 1u, sizeof *point);
    enum vs_status st = point ? vs_session_prepare(&a->r.session, &s, &a->r.errors) : VS_E_NOMEM;
    st = st ? st : vs_session_run(s, &a->r.errors);
    st = st ? st : vs_session_store(s, db, run, &a->r.errors);
    for (size_t i = 0; !st && i < c->n; i++) {
        const struct vs_curve_row *r = &c->row[i];
        point[i] = (struct vs_curve_point){
            c->what->name, r->run ? "run" : "one pass", r->sets, r->ways, r->hits, r->misses};
    }
    if (!st && (st = vs_db_curve(db, *run, point, c->n))) {
        vs_error(&a->r.errors, "%s", vs_db_error(db));
    }
    vs_session_close(s);
    free(point);
    return st;
}

/* Refuses options that a curve has no use for. */
static void unfit(struct request *r)
{
    const char *what = r->seeds > 1        ? "--seeds"
                       : r->dry_run        ? "--dry-run"
                       : r->session.record ? "--record"
                       : !strcmp(r->session.input ? r->session.input : "", "-") ? "standard input"
                                                                                : NULL;
    if (what) {
        vs_error(&r->errors, "%s does not go with curve, which runs its input several times", what);
    }
}

int cmd_curve(int argc, char **argv)
{
    static const struct argp_child children[] = {{&request_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp a = {options,
                                  option,
                                  "TRACE|WORKLOAD",
                                  "The misses of a structure at every size, by one pass where that "
                                  "is exact.",
                                  children,
                                  NULL,
                                  NULL};
    struct curve_args c = {.q = {.checks = 3, .jobs = 2}};
    struct vs_curve curve = {.n = 0};
    struct vs_db *db = NULL;
    int64_t run = 0;
    request_init(&c.r, argc, argv);
    parse(&a, argc, argv, &c);
    if (!c.structure) {
        vs_error(&c.r.errors, "--structure NAME is needed, such as ept.l2_tlb or memory.l2");
    } else {
        c.q.what = vs_curve_structure(c.structure, &c.r.errors);
    }
    c.r.session.is_trace = c.r.session.input && vs_sweep_is_trace(c.r.session.input);
    request_trace_options(&c.r);
    unfit(&c.r);
    c.q.session = &c.r.session;
    enum vs_status st = request_open(&c.r, c.r.errors.n ? VS_E_INPUT : VS_OK, true, &db);
    st = st ? st : vs_curve_make(&c.q, &curve, &c.r.errors);
    bool started = st == VS_E_RUN || st == VS_E_IO;
    if (!st) {
        started = true;
        st = c.r.no_store ? VS_OK : store(&c, &curve, db, &run);
    }
    if (!st) {
        bool table = c.r.format == OUT_TABLE;
        print(&curve, c.r.format);
        say(&curve, table);
        if (table && run) {
            printf("stored with run %" PRId64 " in %s, table curve\n", run, c.r.db);
        }
    }
    int status = report(&c.r.errors, st, started);
    vs_curve_free(&curve);
    vs_db_close(db);
    request_free(&c.r);
    return status;
}
