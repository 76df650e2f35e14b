/* SPDX-License-Identifier: MIT */
/* explain: the cost tree of one operation, with bars and the evidence of each part. */
#define _GNU_SOURCE
#include "cmd.h"

#include "explain_print.h"
#include "home.h"
#include "lua/machine.h"
#include "machine/platform.h"
#include "renames.h"
#include "svg.h"
#include "virtsim/op.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SPANS 4u /* kept of an exit that is explained */

struct explain {
    struct request r;
    const char *op, *workload, *against, *actor, *svg;
    enum vs_op ops[2][VS_OP_SAME]; /* what `op` stands for on each machine */
    size_t n_of[2], n_ops;         /* the longer of the two */
    const char *world[2];          /* component of its architecture; NULL: not known */
    const char *own[REQUEST_SETS]; /* the user's --set */
    size_t n_own;
    int64_t run, made[2];     /* by machine: the run of --workload */
    const char *machine;      /* the first one */
    struct vs_session *ready; /* the only run, prepared */
    bool happened;
    bool by, by_size, tree, cold, brief;
};

enum {
    KEY_AGAINST = 512,
    KEY_WORKLOAD,
    KEY_RUN,
    KEY_ACTOR,
    KEY_SVG,
    KEY_BY,
    KEY_TREE,
    KEY_COLD,
    KEY_BRIEF
};

/* Reads an option of explain. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct explain *e = state->input;
    struct stat there;
    uint64_t v;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &e->r;
        return 0;
    case KEY_AGAINST:
        e->against = arg;
        return 0;
    case KEY_WORKLOAD:
        e->workload = arg;
        return 0;
    case KEY_BY:
        e->by = true;
        e->by_size = !strcmp(arg, "size");
        if (!e->by_size && strcmp(arg, "time") != 0) {
            vs_error(&e->r.errors, "--by %s: time or size is needed", arg);
        }
        return 0;
    case KEY_TREE:
        e->tree = true;
        return 0;
    case KEY_COLD:
        e->cold = true;
        return 0;
    case KEY_BRIEF:
        e->brief = true;
        return 0;
    case KEY_ACTOR:
        e->actor = arg;
        return 0;
    case KEY_SVG:
        if (!*arg || (!stat(arg, &there) && S_ISDIR(there.st_mode))) {
            vs_error(&e->r.errors, "--svg '%s': the name of a file is needed", arg);
        }
        e->svg = arg;
        return 0;
    case KEY_RUN:
        if (!vs_parse_number(arg, &v) || !v) {
            vs_error(&e->r.errors,
                     "--run %s: a run number is needed; 'virtsim list runs' shows them", arg);
        }
        e->run = (int64_t)v;
        return 0;
    case ARGP_KEY_ARG:
        if (e->op) {
            vs_error(&e->r.errors, "'%s': one operation at a time, '%s' is given already", arg,
                     e->op);
        }
        e->op = e->op ? e->op : arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state,
                   "an operation is needed, e.g. exit.cpuid; 'virtsim list operations' names them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The operation did not happen: say what did, or why it could not. */
static void absent(struct explain *e, struct vs_db *db, int64_t run, const char *machine)
{
    char ops[600] = "";
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT group_concat(op, ', ') FROM (SELECT DISTINCT op FROM op WHERE run "
                        "= ? AND n > 0 AND op <> 'timeline' ORDER BY op)");
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        if (vs_db_row(db, st) && sqlite3_column_text(st, 0)) {
            snprintf(ops, sizeof ops, "%s", (const char *)sqlite3_column_text(st, 0));
        }
    }
    sqlite3_finalize(st);
    const char *hint = "";
    if (!strncmp(e->op, "exit.", 5) || !strncmp(e->op, "handler.", 8)) {
        double native = 0;
        bool any;
        vs_db_number(db,
                     "SELECT value = 'native' FROM knob WHERE run = :run AND path = 'paging.mode'",
                     run, 0, &native, &any);
        hint = native > 0 ? "; it is bare metal (paging.mode = native), where nothing exits: "
                            "--machine skylake_sp_kvm has a hypervisor"
                          : "; its architecture's controls decide what exits: vmcs.control.*, "
                            "svm.intercept.* or el2.trap.*";
    }
    vs_error(&e->r.errors, "%s%s%s did not happen in run %" PRId64 " on %s; what did: %s%s", e->op,
             e->actor ? " of " : "", e->actor ? e->actor : "", run, machine, *ops ? ops : "nothing",
             hint);
}

/* The machine a stored run was made on; false: there is no such run. */
static bool stored_machine(struct vs_db *db, int64_t run, char *out, size_t bytes)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT machine FROM run WHERE run = ?");
    bool found = false;
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        found = vs_db_row(db, st);
        if (found) {
            snprintf(out, bytes, "%s", (const char *)sqlite3_column_text(st, 0));
        }
    }
    sqlite3_finalize(st);
    return found;
}

/* A new run on this machine; an exit status. */
static int make_run(struct explain *e, struct vs_db *db, const char *machine, int64_t *run)
{
    struct vs_session *s = e->ready;
    enum vs_status st = VS_OK;
    e->ready = NULL;
    e->r.session.machine = machine;
    if (!s) {
        st = vs_session_prepare(&e->r.session, &s, &e->r.errors);
    }
    if (st) {
        return report(&e->r.errors, st, false);
    }
    request_warn_idle(s);
    st = vs_session_run(s, &e->r.errors);
    bool refused = st == VS_E_BOUNDS;
    progress_clear();
    st = st ? st : vs_session_store(s, db, run, &e->r.errors);
    vs_session_close(s);
    return st ? report(&e->r.errors, st, !refused) : EXIT_DONE;
}

/* Fills *a from a stored run or a new one; an exit status. *a has no tree when this operation did
 * not happen, but another of the same name may. */
static int one_machine(struct explain *e, struct vs_db *db, size_t which, size_t nth,
                       struct answer *a)
{
    enum vs_op op = e->ops[which][nth];
    bool last = nth + 1u == e->n_ops;
    int64_t run = e->run ? e->run : e->made[which];
    if (!run) {
        int status = make_run(e, db, which ? e->against : e->machine, &run);
        if (status) {
            return status;
        }
        e->made[which] = e->workload ? run : 0;
    }
    if (!stored_machine(db, run, a->machine, sizeof a->machine)) {
        if (vs_db_unread(db)) {
            return unread(db, EXIT_RUNTIME);
        }
        vs_error(&e->r.errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows them", e->r.db,
                 run);
        return report(&e->r.errors, VS_E_INPUT, false);
    }
    enum vs_status st = vs_tree_build(db, run, e->actor, vs_op_name(op), &a->tree);
    if (st && vs_db_unread(db)) {
        return unread(db, EXIT_RUNTIME);
    }
    if (st && (e->n_ops == 1 || (last && !e->happened))) {
        absent(e, db, run, a->machine);
        return report(&e->r.errors, VS_E_RUN, true);
    }
    e->happened = e->happened || !st;
    double mhz = 0;
    bool any;
    vs_db_number(db, "SELECT value FROM knob WHERE run = :run AND path = 'cpu.clock.mhz'", run, 0,
                 &mhz, &any);
    a->period_ps = any && mhz > 0 ? 1e6 / mhz : 1000;
    a->cold = e->cold;
    if (!st) {
        answer_says(a, db, run);
    }
    if (!st && !e->tree && !strncmp(a->tree.op, "exit.", 5) &&
        answer_phases(a, db, run, e->by_size)) {
        vs_error(&e->r.errors, "not enough memory for the phases of %s", a->tree.op);
        return report(&e->r.errors, VS_E_NOMEM, true);
    }
    return unread(db, EXIT_DONE);
}

/* The recipe's settings go first, so that the user's own --set wins. */
static void use(struct explain *e, const struct vs_explain_recipe *recipe, size_t which)
{
    struct request *r = &e->r;
    size_t n = 0, most = sizeof recipe->set / sizeof recipe->set[0];
    for (size_t i = 0; i < most && recipe->set[i] && e->n_own + n < REQUEST_SETS; i++) {
        if (vs_explain_sets(recipe->set[i], e->world[which])) {
            r->sets[n++] = recipe->set[i];
        }
    }
    for (size_t i = 0; e->cold && i < 2 && e->n_own + n < REQUEST_SETS; i++) {
        static const char *const first[] = {"workload.count=1", "workload.warmup=0"};
        r->sets[n++] = first[i];
    }
    memcpy(&r->sets[n], e->own, e->n_own * sizeof e->own[0]);
    r->session.n_sets = n + e->n_own;
    r->session.input = recipe->workload;
}

/* What is wrong with one of its runs; what the others have said already is not said again. */
static enum vs_status look_at_run(struct explain *e, const char *machine)
{
    struct vs_errors found = {NULL, 0}, *all = &e->r.errors;
    vs_session_close(e->ready); /* one at a time: there is one kernel */
    e->ready = NULL;
    e->r.session.machine = machine;
    enum vs_status st = vs_session_prepare(&e->r.session, &e->ready, &found);
    for (size_t i = 0; i < found.n; i++) {
        size_t k = 0;
        while (k < all->n && strcmp(all->text[k], found.text[i]) != 0) {
            k++;
        }
        if (k == all->n) {
            vs_error(all, "%s", found.text[i]);
        }
    }
    vs_errors_free(&found);
    return st;
}

/* All runs that will be made, before the first of them. */
static enum vs_status look_at_runs(struct explain *e)
{
    size_t ops = e->workload ? 1 : e->n_ops, looked = 0;
    enum vs_status worst = VS_OK;
    for (size_t i = 0; i < ops; i++) {
        for (size_t m = 0; m < (e->against ? 2u : 1u); m++) {
            const struct vs_explain_recipe *recipe =
                e->workload || i >= e->n_of[m] ? NULL : vs_explain_recipe(e->ops[m][i]);
            if (recipe) {
                use(e, recipe, m);
            }
            if (recipe || e->workload) {
                enum vs_status st = look_at_run(e, m ? e->against : e->machine);
                worst = st ? st : worst;
                looked++;
            }
        }
    }
    if (looked > 1) {
        vs_session_close(e->ready);
        e->ready = NULL;
    }
    return worst;
}

/* What the numbers below were measured on. */
static void print_origin(const struct explain *e)
{
    if (e->run) {
        printf("stored run %" PRId64 "\n", e->run);
        return;
    }
    size_t column = (size_t)printf("measured with %s", e->r.session.input);
    for (size_t i = 0; i < e->r.session.n_sets; i++) {
        size_t n = strlen(e->r.sets[i]) + 7;
        bool fits = column + n < 80;
        column =
            (fits ? column : 0) + (size_t)printf(fits ? " --set %s" : "\n  --set %s", e->r.sets[i]);
    }
    putchar('\n');
}

/* Prints the answers, two machines side by side where both have phases. */
static void print_answers(const struct explain *e, const struct answer *a, size_t n)
{
    if (n == 2 && a[0].phased && a[1].phased) {
        explain_print_both(a, !e->brief);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        fputs(i ? "\n" : "", stdout);
        if (a[i].phased) {
            explain_print_phases(&a[i], !e->brief);
        } else {
            explain_print_tree(&a[i]);
        }
    }
}

/* Draws the answers as an SVG. */
static int draw(struct explain *e, const struct answer *a, size_t n)
{
    struct svg_panel panel[SVG_PANELS];
    for (size_t i = 0; i < n; i++) {
        panel[i] = (struct svg_panel){a[i].phased ? &a[i].picture : &a[i].tree, a[i].machine,
                                      a[i].period_ps};
    }
    int failed = svg_write(e->svg, panel, n);
    if (failed) {
        vs_error(&e->r.errors, "--svg %s: %s", e->svg, strerror(failed));
        return report(&e->r.errors, VS_E_IO, true);
    }
    return EXIT_DONE;
}

/* Each operation that the name stands for, on each machine. */
static int answer(struct explain *e, struct vs_db *db)
{
    struct answer a[SVG_PANELS] = {{.period_ps = 0}};
    size_t n = 0;
    int status = EXIT_DONE;
    for (size_t i = 0; !status && i < e->n_ops; i++) {
        size_t first = n;
        for (size_t m = 0; !status && m < (e->against ? 2u : 1u); m++) {
            const struct vs_explain_recipe *recipe =
                e->workload || e->run || i >= e->n_of[m] ? NULL : vs_explain_recipe(e->ops[m][i]);
            if (recipe) {
                use(e, recipe, m);
            }
            if (i < e->n_of[m]) {
                status = one_machine(e, db, m, i, &a[n]);
                n += !status && a[n].tree.n;
            }
        }
        if (!status && e->r.format == OUT_TABLE && n > first) {
            fputs(first ? "\n" : "", stdout);
            print_origin(e);
            print_answers(e, &a[first], n - first);
        }
    }
    if (!status && e->r.format != OUT_TABLE) {
        explain_print_rows(a, n, e->by, e->r.format);
    }
    status = !status && e->svg ? draw(e, a, n) : status;
    for (size_t i = 0; i < n; i++) {
        answer_free(&a[i]);
    }
    return status;
}

/* Options of a request that say nothing about what is explained. */
static void check_request(struct explain *e)
{
    struct request *r = &e->r;
    const struct vs_session_request *s = &r->session;
    if (r->seeds > 1 || r->dry_run) {
        vs_error(&r->errors, "--seeds and --dry-run do not go with explain; --seed chooses a seed");
    }
    if (e->cold && (e->run || e->workload)) {
        vs_error(&r->errors,
                 "--cold: the first exit is made by a run of explain's own; leave out %s",
                 e->run ? "--run" : "--workload");
    }
    if (e->run &&
        (e->against || e->workload || s->machine || s->n_sets || s->seeded || s->options.warmup ||
         s->options.spans || s->options.epoch_ps || s->record || s->parts.skip.n ||
         s->parts.limit.n || s->threads || s->shares || s->trace_format || s->tables)) {
        vs_error(&r->errors,
                 "--run takes a stored run as it is: --machine, --against, --workload, --set and "
                 "what else belongs to a new run do not go with it");
    } else if (!e->run) {
        request_trace_options(r);
    }
    if (s->record && (e->against || e->n_ops > 1)) {
        vs_error(&r->errors, "--record: records one run; there are several here");
    }
    if (e->workload && !strcmp(e->workload, "-") && e->against) {
        vs_error(&r->errors, "--against: standard input can be read only once");
    }
}

/* The architecture of a machine's processors; NULL where the machine cannot be read, which is said
 * when it is to run. */
static const char *world_of(const char *machine)
{
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    struct vs_errors errors = {NULL, 0};
    struct vs_machine_info info;
    struct vs_knobs *k = vs_knobs_create(components, n);
    const char *world = NULL;
    if (k && !vs_home_machine(machine ? machine : VS_HOME_MACHINE, k, &info, &errors)) {
        world = vs_world_name(vs_knobs_find(k, "hypervisor.technique")->value,
                              vs_knobs_find(k, "cpu.vendor")->value);
    }
    vs_errors_free(&errors);
    vs_knobs_destroy(k);
    return world;
}

/* Reports an operation that there is not, with the nearest one. */
static void unknown_operation(struct explain *e)
{
    size_t n, all = vs_op_count();
    const struct vs_op_alias *a = vs_op_aliases(&n);
    const char **names = calloc(all + n, sizeof *names);
    for (size_t i = 0; names && i < all; i++) {
        names[i] = vs_op_name((enum vs_op)i);
    }
    for (size_t i = 0; names && i < n; i++) {
        names[all + i] = a[i].alias;
    }
    char hint[VS_SUGGEST];
    vs_error(&e->r.errors, "unknown operation '%s'; %s", e->op,
             vs_suggest(e->op, names, names ? all + n : 0, "'virtsim list operations' names them",
                        hint, sizeof hint));
    free(names);
}

/* A handler needs an exit that it handles: whether this architecture (NULL: any) has one. */
static bool handled(enum vs_op op, const char *world)
{
    enum vs_op exits[VS_OP_SAME];
    enum vs_trap_kind trap = vs_op_trap(op);
    return trap == VS_TRAP_N || !world || vs_op_resolve(vs_trap_exits(trap), world, exits) != 0;
}

/* What the operation's name stands for on the machines, and that something is made for it. */
static void check_operation(struct explain *e)
{
    enum vs_op any[VS_OP_SAME];
    size_t known = vs_op_resolve(e->op, NULL, any);
    const char *now = known ? NULL : vs_renamed_operation(e->op);
    if (now) {
        e->op = now;
        known = vs_op_resolve(now, NULL, any);
    }
    if (!known) {
        unknown_operation(e);
        return;
    }
    for (size_t m = 0; m < (e->against ? 2u : 1u); m++) {
        const char *machine = m ? e->against : e->r.session.machine;
        e->world[m] = e->run ? NULL : world_of(machine);
        e->n_of[m] = vs_op_resolve(e->op, e->world[m], e->ops[m]);
        e->n_ops = e->n_of[m] > e->n_ops ? e->n_of[m] : e->n_ops;
        if (!e->n_of[m] || !handled(e->ops[m][0], e->world[m])) {
            enum vs_trap_kind trap = vs_op_trap(any[0]);
            vs_error(&e->r.errors,
                     "%s: the processors of %s have no such exit; %s stands for what each "
                     "architecture has of it",
                     e->op, machine ? machine : VS_HOME_MACHINE, vs_trap_exits(trap));
        }
        for (size_t i = 0; i < e->n_of[m]; i++) {
            if (!e->workload && !e->run && !vs_explain_recipe(e->ops[m][i])) {
                vs_error(&e->r.errors, "%s: no workload is made for it; give one with --workload",
                         vs_op_name(e->ops[m][i]));
            }
        }
    }
}

int cmd_explain(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"against", KEY_AGAINST, "MACHINE", 0, "the same on a second machine", 0},
        {"workload", KEY_WORKLOAD, "FILE", 0,
         "workload that exercises it (default: the one made for it)", 0},
        {"run", KEY_RUN, "RUN", 0, "of a stored run instead of a new one", 0},
        {"by", KEY_BY, "time|size", 0,
         "order of what an exit spends: of time (default), or largest first; with csv and json: "
         "rows of phases instead of the tree's",
         0},
        {"brief", KEY_BRIEF, NULL, 0, "an exit's parts without the sentence that explains each", 0},
        {"tree", KEY_TREE, NULL, 0, "an exit as a tree of operations instead of phases", 0},
        {"cold", KEY_COLD, NULL, 0, "the first exit, before anything of it is in a cache or TLB",
         0},
        {"svg", KEY_SVG, "FILE", 0, "also draw it into this file", 0},
        {"actor", KEY_ACTOR, "NAME", 0,
         "whose operation (default: who spends most in it; of time lines, the busiest vCPU)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp_child children[] = {{&request_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp a = {
        options,  option, "OPERATION", "Prints where the time of one operation goes, as a tree.",
        children, NULL,   NULL};
    struct explain e = {.op = NULL};
    request_init(&e.r, argc, argv);
    parse(&a, argc, argv, &e);
    if (!e.op) {
        return EXIT_REQUEST; /* argp has said so */
    }
    const char *dot = e.workload ? strrchr(e.workload, '.') : NULL;
    e.r.session.input = e.workload;
    e.r.session.is_trace = e.workload && (!dot || strcmp(dot, ".lua") != 0);
    check_operation(&e);
    check_request(&e);
    /* an exit's phases are told by the charges of some of its kind */
    if (!e.r.session.options.spans && e.n_ops && !strncmp(vs_op_name(e.ops[0][0]), "exit.", 5)) {
        e.r.session.options.spans = SPANS;
    }
    e.machine = e.r.session.machine;
    e.n_own = e.r.session.n_sets;
    memcpy(e.own, e.r.sets, e.n_own * sizeof e.own[0]);
    if (!e.r.quiet) {
        e.r.session.options.progress = progress_callback;
    }
    bool once = e.workload && !strcmp(e.workload, "-") && e.against; /* cannot be read twice */
    struct vs_db *db = NULL;
    enum vs_status st = e.run || once ? VS_OK : look_at_runs(&e);
    st = e.r.errors.n && !st ? VS_E_INPUT : st;
    st = request_open(&e.r, st, !e.run, &db);
    int status = st ? report(&e.r.errors, st, false) : answer(&e, db);
    vs_session_close(e.ready);
    vs_db_close(db);
    request_free(&e.r);
    return status;
}
