/* SPDX-License-Identifier: MIT */
/* sweep: points made of varied knobs, inputs, machines and seeds. More lines than most: what a
 * request says, and what becomes of it, in one file. */
#define _GNU_SOURCE
#include "cmd.h"

#include "sweep/manifest.h"
#include "sweep/stored.h"
#include "sweep_cluster.h"
#include "sweep_table.h"

#include "paper.h"
#include "virtsim/ending.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTED 50u /* points that --skip-impossible names before it counts */

struct sweep_args {
    struct request r;
    struct vs_sweep s;
    struct vs_plan plan;
    struct vs_manifest *manifest[8]; /* that were read: their strings are in use */
    unsigned n_manifests, jobs;
    const char *resume; /* NULL: not asked for; "": whatever there is */
    bool skip_impossible, print_manifest;
    double level;
    size_t part, parts; /* 1..parts; 0: all */
    const char *slurm, *gather, *slurm_options;
    uint64_t group;
    bool partial;
    struct vs_pool *pool;
    struct metric_args metrics;
};

enum {
    KEY_ZIP = 1024,
    KEY_LET,
    KEY_RANDOM,
    KEY_SKIP_IMPOSSIBLE,
    KEY_MANIFEST,
    KEY_PRINT_MANIFEST,
    KEY_NAME,
    KEY_RESUME,
    KEY_INDEX,
    KEY_CONFIDENCE,
    KEY_SLURM,
    KEY_SLURM_OPTIONS,
    KEY_GROUP,
    KEY_GATHER,
    KEY_PARTIAL
};

static const struct argp_option options[] = {
    {"vary", 'v', "PATH=V1,V2,...", 0,
     "values of a knob, or machine=A,B, input=A,B, seed=1,2; an element may be a range, "
     "FIRST:LAST:xFACTOR or FIRST:LAST:+STEP; several: every combination",
     0},
    {"zip", KEY_ZIP, "PATH,PATH", 0, "these axes go together, value by value", 0},
    {"let", KEY_LET, "PATH=EXPR", 0,
     "a knob that follows from others, in Lua: ept.l2_tlb.ways='ept.l2_tlb.entries // 64'", 0},
    {"random", KEY_RANDOM, "N[:SEED]", 0,
     "a sample of N of the combinations, chosen by SEED (default: --seed)", 0},
    {"skip-impossible", KEY_SKIP_IMPOSSIBLE, NULL, 0,
     "list combinations that cannot be and run the others", 0},
    {"confidence", KEY_CONFIDENCE, "PERCENT", 0,
     "of the interval that is printed for several seeds (default 95)", 0},
    {"manifest", KEY_MANIFEST, "FILE.lua", 0, "a sweep that is written down", 0},
    {"print-manifest", KEY_PRINT_MANIFEST, NULL, 0, "write this sweep down; run nothing", 0},
    {"name", KEY_NAME, "NAME", 0, "of the sweep in the database", 0},
    {"resume", KEY_RESUME, "NAME", OPTION_ARG_OPTIONAL,
     "go on with a sweep of the database, as it stands there", 0},
    {"index", KEY_INDEX, "I/N", 0, "only the I-th of N parts of the points, for one task of many",
     0},
    {"slurm", KEY_SLURM, "DIR", 0,
     "submit the sweep as a Slurm job array, with everything of it in this folder; again: what is "
     "not done",
     0},
    {"group", KEY_GROUP, "N", 0, "points a task of --slurm (default 100)", 0},
    {"slurm-options", KEY_SLURM_OPTIONS, "TEXT", 0, "more for sbatch, e.g. '--partition=x'", 0},
    {"gather", KEY_GATHER, "DIR", 0, "merge the shards of --slurm into the database", 0},
    {"partial", KEY_PARTIAL, NULL, 0, "with --gather: all there is, also behind what is not done",
     0},
    {"output", 'o', "FILE", 0, "the same as --db", 0},
    {"jobs", 'j', "N", 0, "worker processes (default 1)", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

/* What an option says, whether it comes from the command line (from = "") or from a manifest. */
static error_t apply(struct sweep_args *a, int key, char *arg, const char *from)
{
    struct vs_errors *e = &a->r.errors;
    uint64_t v = 0, w = 0;
    char *colon;
    switch (key) {
    case 'v':
        vs_sweep_axis(&a->s, arg, from, e);
        return 0;
    case KEY_ZIP:
        vs_sweep_zip(&a->s, arg, e);
        return 0;
    case KEY_LET:
        vs_sweep_let(&a->s, arg, from, e);
        return 0;
    case KEY_RANDOM:
        colon = strchr(arg, ':');
        a->s.random_seeded = colon != NULL;
        if (colon) {
            *colon = '\0';
        }
        if (!vs_parse_number(arg, &v) || !v || v > VS_SWEEP_POINTS ||
            (colon && (!vs_parse_number(colon + 1, &w) || w > INT64_MAX))) {
            vs_error(e, "--random %s%s%s: N or N:SEED is needed, N from 1 to %u", arg,
                     colon ? ":" : "", colon ? colon + 1 : "", VS_SWEEP_POINTS);
        }
        a->s.random = v;
        a->s.random_seed = w;
        return 0;
    case KEY_SKIP_IMPOSSIBLE:
        a->skip_impossible = true;
        return 0;
    case KEY_NAME:
        if (!*arg || strlen(arg) > VS_SWEEP_NAME ||
            strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
                strlen(arg)) {
            vs_error(e,
                     "--name '%s': 1 to %u letters, digits, dots, dashes and underscores are "
                     "needed",
                     arg, VS_SWEEP_NAME);
        } else {
            snprintf(a->s.name, sizeof a->s.name, "%s", arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_input(struct sweep_args *a, const char *input)
{
    struct request *r = &a->r;
    if (!r->session.input) {
        r->session.input = input;
    } else if (!vs_sweep_is_trace(r->session.input) || !vs_sweep_is_trace(input)) {
        vs_error(&r->errors,
                 "'%s': one workload at a time, '%s' is given already; --vary input=A,B runs "
                 "several",
                 input, r->session.input);
    } else if (r->session.n_further < REQUEST_FURTHER) {
        r->further[r->session.n_further++] = input;
    } else {
        vs_error(&r->errors, "'%s': at most %d traces are replayed together", input,
                 REQUEST_FURTHER + 1);
    }
}

/* The key of a long option. */
static int key_of(const struct argp_option *o, const char *name)
{
    for (; o->name; o++) {
        if (!strcmp(o->name, name)) {
            return o->key;
        }
    }
    return 0;
}

/* Mistakes from `before` on are the manifest's: they say where. */
static void name_place(struct vs_errors *e, size_t before, const char *from)
{
    for (size_t i = before; i < e->n; i++) {
        char *text = NULL;
        if (asprintf(&text, "%s: %s", from, e->text[i]) >= 0) {
            free(e->text[i]);
            e->text[i] = text;
        }
    }
}

/* One call of a manifest. */
static void visit(void *ctx, const char *word, const char *text, const char *from)
{
    struct sweep_args *a = ctx;
    size_t before = a->r.errors.n;
    char *arg = (char *)(uintptr_t)text; /* the manifest's own copy */
    int key = key_of(options, word);
    if (!strcmp(word, "input")) {
        add_input(a, text);
    } else if (!key || apply(a, key, arg, from) == ARGP_ERR_UNKNOWN) {
        struct argp_state state = {.input = &a->r};
        request_argp.parser(key_of(request_argp.options, word), arg, &state);
    }
    name_place(&a->r.errors, before, from);
}

static void read_manifest(struct sweep_args *a, const char *path, const char *text)
{
    if (a->n_manifests == sizeof a->manifest / sizeof *a->manifest) {
        vs_error(&a->r.errors, "--manifest %s: too many", path);
        return;
    }
    struct vs_manifest *m = vs_manifest_read(path, text, visit, a, &a->r.errors);
    if (m) {
        a->manifest[a->n_manifests++] = m;
    }
}

static void parse_part(struct sweep_args *a, const char *arg)
{
    uint64_t i = 0, n = 0;
    char first[32];
    const char *slash = strchr(arg, '/');
    snprintf(first, sizeof first, "%.*s", slash ? (int)(slash - arg) : 0, arg);
    if (!slash || !vs_parse_number(first, &i) || !vs_parse_number(slash + 1, &n) || !i || i > n ||
        n > VS_SWEEP_POINTS) {
        vs_error(&a->r.errors, "--index %s: I/N is needed, part I of N, I from 1 to N", arg);
        return;
    }
    a->part = i;
    a->parts = n;
}

static error_t option(int key, char *arg, struct argp_state *state)
{
    struct sweep_args *a = state->input;
    uint64_t v;
    char *end;
    switch (key) {
    case ARGP_KEY_INIT:
        a->metrics.errors = &a->r.errors;
        state->child_inputs[0] = &a->r;
        state->child_inputs[1] = &a->metrics;
        return 0;
    case 'j':
        if (!vs_parse_number(arg, &v) || !v || v > 1024) {
            vs_error(&a->r.errors, "-j %s: a number of worker processes, 1..1024, is needed", arg);
        } else {
            a->jobs = (unsigned)v;
        }
        return 0;
    case 'o':
        a->r.db = arg;
        return 0;
    case KEY_MANIFEST:
        read_manifest(a, arg, NULL);
        return 0;
    case KEY_PRINT_MANIFEST:
        a->print_manifest = true;
        return 0;
    case KEY_RESUME:
        a->resume = arg ? arg : "";
        return 0;
    case KEY_INDEX:
        parse_part(a, arg);
        return 0;
    case KEY_SLURM:
        a->slurm = arg;
        return 0;
    case KEY_SLURM_OPTIONS:
        a->slurm_options = arg;
        return 0;
    case KEY_GATHER:
        a->gather = arg;
        return 0;
    case KEY_PARTIAL:
        a->partial = true;
        return 0;
    case KEY_GROUP:
        if (!vs_parse_number(arg, &a->group) || !a->group || a->group > VS_SWEEP_POINTS) {
            vs_error(&a->r.errors, "--group %s: a number of points, 1..%u, is needed", arg,
                     VS_SWEEP_POINTS);
        }
        return 0;
    case KEY_CONFIDENCE:
        a->level = strtod(arg, &end) / 100;
        if (end == arg || *end || !(a->level > 0 && a->level < 1)) {
            vs_error(&a->r.errors, "--confidence %s: per cent between 0 and 100 are needed", arg);
            a->level = 0.95;
        }
        return 0;
    case ARGP_KEY_ARG:
        add_input(a, arg);
        return 0;
    default:
        return apply(a, key, arg, "");
    }
}

static void show_progress(void *ctx, size_t done, size_t all, double seconds)
{
    char what[100];
    snprintf(what, sizeof what, "points%s", ctx ? (const char *)ctx : "");
    progress_of(done, all, what, seconds);
}

/* The command that goes on with this sweep. */
static void print_how_to_go_on(const struct sweep_args *a)
{
    fprintf(stderr,
            "the same command goes on with the others, or 'virtsim sweep --resume=%s --db %s'\n",
            a->s.name, a->r.db);
}

/* A signal came: what there is, and how to go on. */
static void say_stopped(const struct sweep_args *a, struct vs_db *db)
{
    char err[5200];
    struct vs_db *own = NULL; /* while points are checked none is open */
    if (!db && access(a->r.db, F_OK) == 0 && !vs_db_open(a->r.db, false, &own, err, sizeof err)) {
        db = own;
    }
    size_t n = db && vs_db_handle(db) ? vs_stored_count(db, a->s.name) : 0;
    vs_db_close(own);
    progress_clear();
    fprintf(stderr, "virtsim: stopped: %zu of %zu points are stored in %s; ", n,
            a->plan.end - a->plan.begin, a->r.db);
    print_how_to_go_on(a);
}

/* --resume without a command line: the sweep as the database has it. */
static void resume_stored(struct sweep_args *a)
{
    char err[5200], names[2000] = "";
    struct vs_db *db = NULL;
    if (vs_db_open(a->r.db, false, &db, err, sizeof err)) {
        vs_error(&a->r.errors, "%s", err);
        return;
    }
    size_t n = vs_stored_names(db, names, sizeof names);
    const char *name = *a->resume ? a->resume : names;
    if (!n) {
        vs_error(&a->r.errors, "--resume: %s has no sweep to go on with", a->r.db);
    } else if (!*a->resume && n > 1) {
        vs_error(&a->r.errors, "--resume: %s has several sweeps, --resume=NAME takes one: %s",
                 a->r.db, names);
    } else {
        char *text = vs_stored_manifest(db, name);
        if (text) {
            char from[VS_SWEEP_NAME + 40];
            snprintf(from, sizeof from, "sweep %s of the database", name);
            read_manifest(a, from, text);
        } else {
            vs_error(&a->r.errors, "--resume=%s: %s has no such sweep; it has %s", name, a->r.db,
                     names);
        }
        free(text);
    }
    vs_db_close(db);
}

/* Each input is judged by what it is: options of traces belong to traces. */
static void check_inputs(struct sweep_args *a)
{
    struct vs_session_request *r = &a->r.session;
    r->is_trace = r->input && vs_sweep_is_trace(r->input);
    if (r->input) {
        request_trace_options(&a->r);
    }
    for (unsigned i = 0; i < a->s.n_axes; i++) {
        struct vs_axis *x = &a->s.axis[i];
        for (size_t k = 0; !r->input && !strcmp(x->path, "input") && k < x->n; k++) {
            r->input = x->value[k];
            r->is_trace = vs_sweep_is_trace(r->input);
            request_trace_options(&a->r);
            r->input = NULL;
        }
    }
}

/* Everything the request says, settled: how many points there are. */
static enum vs_status settle(struct sweep_args *a)
{
    struct request *r = &a->r;
    bool varied = false;
    if (a->resume && !r->session.input && !a->s.n_axes) {
        resume_stored(a);
    }
    for (unsigned i = 0; i < a->s.n_axes; i++) {
        varied = varied || !strcmp(a->s.axis[i].path, "input");
    }
    if (!r->session.input && !varied && !r->errors.n) {
        vs_error(&r->errors, "a workload or trace is needed, e.g. workloads/gups.lua");
    }
    check_inputs(a);
    if (r->no_store || r->session.record) {
        vs_error(&r->errors, "--no-store and --record do not go with sweep");
    }
    if (r->session.input && !strcmp(r->session.input, "-")) {
        vs_error(&r->errors, "a sweep reads its trace at every point; standard input can be read "
                             "only once");
    }
    a->s.base = r->session;
    a->s.seeds = r->seeds;
    a->s.random_seed = a->s.random_seeded ? a->s.random_seed : r->session.options.seed;
    enum vs_status st = vs_sweep_settle(&a->s, &r->errors);
    st = r->errors.n && !st ? VS_E_INPUT : st;
    if (!st && !*a->s.name) {
        vs_manifest_name(&a->s, a->s.name);
    }
    return st;
}

/* Impossible points are refused, or named and left out. */
static enum vs_status judge(struct sweep_args *a)
{
    struct vs_plan *p = &a->plan;
    size_t listed = 0;
    if (!p->n_impossible) {
        return VS_OK;
    }
    /* a part of many may hold none that is possible */
    if (!a->skip_impossible || (p->n_impossible == p->end - p->begin && !a->parts)) {
        vs_plan_refuse(p, &a->r.errors);
        return VS_E_INPUT;
    }
    progress_clear();
    for (size_t i = p->begin; i < p->end && listed < LISTED; i++) {
        if (vs_plan_at(p, i)->state == VS_POINT_IMPOSSIBLE) {
            fprintf(stderr, "virtsim: impossible, skipped: %s\n", vs_plan_label(p, i));
            listed++;
        }
    }
    for (size_t i = 0; i < p->n_faults && i < LISTED; i++) {
        fprintf(stderr, "virtsim: why %s%s: %s\n", vs_plan_label(p, p->fault[i].first),
                p->fault[i].points > 1 ? " and others" : "", p->fault[i].text);
    }
    fprintf(stderr, "virtsim: %zu of %zu points are impossible%s\n", p->n_impossible,
            p->end - p->begin, p->n_impossible > listed ? "; --dry-run lists them all" : "");
    return VS_OK;
}

/* What was known before the first run. */
static void say_known(const struct sweep_args *a)
{
    const struct vs_plan *p = &a->plan;
    if (p->n_other) {
        fprintf(stderr,
                "virtsim: note: %zu points are stored, but were made by another version (%s): they "
                "are run again by %s\n",
                p->n_other, p->other, vs_build());
    }
}

static enum vs_status run_new(struct sweep_args *a, struct vs_db *db)
{
    struct vs_plan *p = &a->plan;
    char *stored = vs_stored_manifest(db, a->s.name);
    char *text = vs_manifest_text(&a->s, a->skip_impossible, true);
    enum vs_status st = text ? VS_OK : VS_E_NOMEM;
    if (!st && stored && strcmp(stored, text) != 0) {
        vs_error(&a->r.errors, "--name %s: %s has another sweep of this name; give another --name",
                 a->s.name, a->r.db);
        st = VS_E_INPUT;
    }
    if (!st) {
        say_known(a);
        if (!a->r.quiet) {
            progress_of(0, p->n_new, "points", 0);
        }
        st = vs_stored_run(p, a->pool, db, stored ? NULL : text, a->r.quiet ? NULL : show_progress,
                           NULL, &a->r.errors);
    }
    free(stored);
    free(text);
    return st;
}

static void print_summary(const struct sweep_args *a, size_t rows)
{
    const struct vs_plan *p = &a->plan;
    char before[64] = "", meanwhile[80] = "", impossible[64] = "";
    if (p->n_stored) {
        snprintf(before, sizeof before, "; %zu were there before", p->n_stored);
    }
    if (p->n_meanwhile) {
        snprintf(meanwhile, sizeof meanwhile, "; %zu stored by another sweep meanwhile",
                 p->n_meanwhile);
    }
    if (p->n_impossible) {
        snprintf(impossible, sizeof impossible, "; %zu are impossible", p->n_impossible);
    }
    puts("");
    paper_printf("%zu of %zu points stored in %s%s%s%s; sweep %s", rows, p->end - p->begin, a->r.db,
                 before, meanwhile, impossible, a->s.name);
}

/* Runs, stores and prints; started: simulated time began. */
static enum vs_status carry_out(struct sweep_args *a, struct vs_db *db, bool *started)
{
    enum vs_status st = vs_stored_find(&a->plan, db, &a->r.errors);
    *started = !st;
    if (!st && a->resume && !a->plan.n_stored) {
        vs_error(&a->r.errors,
                 "--resume: %s has no point of this sweep to go on from; leave it out "
                 "to begin",
                 a->r.db);
        st = VS_E_INPUT;
    }
    if (st == VS_E_INPUT) {
        *started = false;
        return st;
    }
    st = st ? st : run_new(a, db);
    if (vs_ending_came()) {
        say_stopped(a, db);
        return st ? st : VS_E_RUN;
    }
    if (st == VS_E_BOUNDS || st == VS_E_INPUT) { /* no point: what run says of each of them */
        *started = false;
        return st;
    }
    size_t rows = sweep_table(db, &a->plan, a->level, &a->metrics.metrics, a->r.format);
    if (a->r.format == OUT_TABLE) {
        print_summary(a, rows);
    }
    enum vs_status read = vs_db_unread(db);
    if (read && !st) {
        vs_error(&a->r.errors, "%s", vs_db_error(db));
    }
    return st ? st : read;
}

/* All points have one fault in common, so that it is the request's: no table says more. */
static bool all_the_same(const struct vs_plan *p)
{
    return p->n_faults == 1 && p->fault[0].points == p->end - p->begin && p->fault[0].points > 1;
}

/* The points and what would become of each; the database is read when there is one. */
static enum vs_status dry_run(struct sweep_args *a)
{
    char err[5200];
    struct vs_db *db = NULL;
    enum vs_status st = VS_OK;
    if (access(a->r.db, F_OK) == 0) {
        st = vs_db_open(a->r.db, false, &db, err, sizeof err);
        if (st) {
            vs_error(&a->r.errors, "%s", err);
        }
        st = st ? st : vs_stored_find(&a->plan, db, &a->r.errors);
    }
    vs_db_close(db);
    if (!st && all_the_same(&a->plan)) {
        vs_plan_refuse(&a->plan, &a->r.errors);
        return VS_E_INPUT;
    }
    if (!st) {
        sweep_points(&a->plan, a->r.format);
        if (a->r.format == OUT_TABLE) {
            puts("");
            paper_printf("%zu points: %zu to be run, %zu stored, %zu impossible",
                         a->plan.end - a->plan.begin, a->plan.n_new, a->plan.n_stored,
                         a->plan.n_impossible);
        }
        st = judge(a);
    }
    return st;
}

static int finish(struct sweep_args *a, struct vs_db *db, enum vs_status st, bool started)
{
    if (a->pool && vs_ending_came()) {
        vs_db_close(db);
        vs_pool_close(a->pool); /* where the signal takes effect */
        return EXIT_RUNTIME;
    }
    vs_pool_close(a->pool);
    int status = report(&a->r.errors, st, started);
    vs_db_close(db);
    vs_plan_free(&a->plan);
    vs_sweep_free(&a->s);
    for (unsigned i = 0; i < a->n_manifests; i++) {
        vs_manifest_free(a->manifest[i]);
    }
    request_free(&a->r);
    return status;
}

/* Every point is looked at before the first one runs. */
static enum vs_status check(struct sweep_args *a)
{
    size_t n = a->s.points, k = a->parts ? a->parts : 1, i = a->parts ? a->part : 1;
    /* at most ten million each: the product fits */
    size_t begin = n * (i - 1) / k, end = n * i / k;
    struct vs_pool_work work = {&a->s, vs_sweep_point, a->jobs};
    enum vs_status st = vs_plan_make(&a->plan, &a->s, begin, end, &a->r.errors);
    a->pool = st ? NULL : vs_pool_open(&work, &a->r.errors);
    st = st ? st : a->pool ? VS_OK : VS_E_NOMEM;
    st = st ? st
            : vs_plan_check(&a->plan, a->pool, a->r.quiet ? NULL : show_progress, " checked",
                            &a->r.errors);
    if (st && vs_ending_came()) {
        say_stopped(a, NULL);
    }
    return st;
}

/* The folder of a sweep on a cluster, named from the root: tasks run elsewhere. */
static enum vs_status on_cluster(struct sweep_args *a, bool *started)
{
    char *text = vs_manifest_text(&a->s, a->skip_impossible, true), *folder = NULL, *db_path = NULL;
    const char *named = a->slurm ? a->slurm : a->gather;
    char *cwd = getcwd(NULL, 0);
    bool good = text && cwd &&
                asprintf(&folder, "%s%s%s", *named == '/' ? "" : cwd, *named == '/' ? "" : "/",
                         named) >= 0 &&
                asprintf(&db_path, "%s%s%s", *a->r.db == '/' ? "" : cwd, *a->r.db == '/' ? "" : "/",
                         a->r.db) >= 0;
    struct cluster c = {folder, text, db_path, a->slurm_options, a->group, a->jobs, a->partial};
    struct vs_db *db = NULL;
    enum vs_status st = good ? VS_OK : VS_E_NOMEM;
    if (!st && a->slurm) {
        st = cluster_look(&c, &a->r.errors);
        st = st ? st : check(a);
        st = st ? st : judge(a);
        st = st ? st : cluster_submit(&c, &a->s, &a->r.errors);
    } else if (!st) {
        st = request_open(&a->r, st, true, &db);
        st = st ? st : cluster_gather(&c, &a->s, db, &a->r.errors);
        if (!st || st == VS_E_RUN) {
            size_t n = vs_db_handle(db) ? vs_stored_count(db, a->s.name) : 0;
            printf("%zu of %zu points of sweep %s are in %s\n", n, a->s.points, a->s.name, a->r.db);
        }
    }
    *started = st == VS_E_RUN || st == VS_E_IO;
    vs_db_close(db);
    free(text);
    free(cwd);
    free(folder);
    free(db_path);
    return st;
}

int cmd_sweep(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&request_argp, 0, NULL, 0}, {&metric_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp p = {options,
                                  option,
                                  "[WORKLOAD.lua|TRACE...]",
                                  "Runs combinations of varied knobs, inputs, machines and seeds "
                                  "into one database; what is there already is not run again.",
                                  children,
                                  NULL,
                                  NULL};
    static struct sweep_args a = {.jobs = 1, .level = 0.95};
    struct vs_db *db = NULL;
    bool started = false;
    request_init(&a.r, argc, argv);
    parse(&p, argc, argv, &a);
    enum vs_status st = settle(&a);
    if (!st && a.print_manifest) {
        char *text = vs_manifest_text(&a.s, a.skip_impossible, false);
        fputs(text ? text : "", stdout);
        free(text);
        return finish(&a, NULL, text ? VS_OK : VS_E_NOMEM, false);
    }
    if (!st && (a.slurm || a.gather)) {
        st = on_cluster(&a, &started);
        return finish(&a, NULL, st, started);
    }
    st = st ? st : check(&a);
    if (vs_ending_came()) {
        return finish(&a, NULL, VS_E_RUN, false);
    }
    if (a.r.dry_run) {
        return finish(&a, NULL, st ? st : dry_run(&a), false);
    }
    st = st ? st : judge(&a);
    st = request_open(&a.r, st, true, &db);
    st = st ? st : carry_out(&a, db, &started);
    return finish(&a, db, st, started);
}
