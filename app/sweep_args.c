/* SPDX-License-Identifier: MIT */
/* What a sweep's command line, its manifest, or the database it goes on with says. */
#define _GNU_SOURCE
#include "sweep_args.h"

#include "sweep/stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* Adds an input; several must be traces. */
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

/* Reads a manifest. */
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

/* Reads I/N of --part. */
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

/* Reads an option of sweep. */
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

enum vs_status sweep_settle(struct sweep_args *a)
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

static const struct argp_child children[] = {
    {&request_argp, 0, NULL, 0}, {&metric_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};

const struct argp sweep_argp = {options,
                                option,
                                "[WORKLOAD.lua|TRACE...]",
                                "Runs combinations of varied knobs, inputs, machines and seeds "
                                "into one database; what is there already is not run again.",
                                children,
                                NULL,
                                NULL};
