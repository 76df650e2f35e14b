/* SPDX-License-Identifier: MIT */
/* explain: the cost tree of one operation, with bars and the evidence of each part. */
#define _GNU_SOURCE
#include "cmd.h"

#include "explain/tree.h"
#include "svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAR 24

struct explain {
    struct request r;
    const char *op, *workload, *against, *actor, *svg;
    int64_t run;
};

/* One machine's answer. */
struct answer {
    struct vs_tree tree;
    char machine[64];
    double period_ps; /* of its core clock */
};

enum { KEY_AGAINST = 512, KEY_WORKLOAD, KEY_RUN, KEY_ACTOR, KEY_SVG };

static error_t option(int key, char *arg, struct argp_state *state)
{
    struct explain *e = state->input;
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
    case KEY_ACTOR:
        e->actor = arg;
        return 0;
    case KEY_SVG:
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
            vs_error(&e->r.errors, "'%s': one operation at a time", arg);
        }
        e->op = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state,
                   "an operation is needed, e.g. exit.cpuid; 'virtsim list operations' names them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void bar(char *out, double share)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int n = (int)lround((share > 1 ? 1 : share) * BAR * 8);
    *out = '\0';
    for (; n >= 8; n -= 8) {
        out = stpcpy(out, "█");
    }
    stpcpy(out, eighth[n > 0 ? n : 0]);
}

#define HIDDEN 0.0005 /* share of the total below which a part has no line */

static bool shown(const struct vs_tree *t, size_t at)
{
    return t->total_ps > 0 && t->node[at].ps >= HIDDEN * t->total_ps;
}

/* "├─ " and "│  " before a node: whether a later one of the same depth is printed before a
 * shallower one. */
static void branches(const struct vs_tree *t, size_t at, char *out)
{
    for (unsigned d = 1; d <= t->node[at].depth; d++) {
        bool more = false;
        for (size_t i = at + 1; i < t->n_nodes && t->node[i].depth >= d && !more; i++) {
            more = t->node[i].depth == d && shown(t, i);
        }
        out = stpcpy(out, d == t->node[at].depth ? (more ? "├─ " : "└─ ") : (more ? "│  " : "   "));
    }
}

static void print_tree(const struct vs_tree *t, double period_ps, const char *machine)
{
    printf("%s of %s on %s: %.2f ns, %.0f cycles, mean of %" PRId64 "\n", t->op, t->actor, machine,
           t->total_ps / 1e3, t->total_ps / period_ps, t->n);
    printf("%10s %9s %7s  %-10s %-*s  %s\n", "ns", "cycles", "%", "evidence", BAR, "", "part");
    unsigned hidden = 0;
    double hidden_ps = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct vs_tree_node *n = &t->node[i];
        double share = t->total_ps > 0 ? n->ps / t->total_ps : 0;
        if (!shown(t, i)) {
            hidden += !n->is_op;
            hidden_ps += n->is_op ? 0 : n->ps;
            continue;
        }
        char b[BAR * 4 + 8], tree[256];
        bar(b, share);
        branches(t, i, tree);
        int cells = 0;
        for (const char *c = b; *c; c++) {
            cells += ((unsigned char)*c & 0xc0) != 0x80;
        }
        printf("%10.2f %9.1f %6.1f%%  %-10s %s%*s  %s%s%s", n->ps / 1e3, n->ps / period_ps,
               100 * share, n->graded ? vs_evidence_name(n->grade) : "", b, BAR - cells, "", tree,
               n->name, n->exposed ? " (exposed)" : "");
        if (n->n < 0.9995 || n->n > 1.0005) {
            printf("  x %.*f", n->n < 10 ? 2 : 0, n->n);
        }
        putchar('\n');
    }
    if (hidden) {
        printf("%10.2f %9.1f %6.1f%%  in %u smaller part%s\n", hidden_ps / 1e3,
               hidden_ps / period_ps, 100 * hidden_ps / t->total_ps, hidden, hidden > 1 ? "s" : "");
    }
    printf("%.0f %% of it rests on assumed numbers%s\n", 100 * t->assumed_share,
           t->assumed_share > 0.5 ? ": illustrative, not a prediction" : "");
}

static void print_rows(const struct answer *a, size_t answers, enum out_format format)
{
    static const char *const columns[] = {"machine", "depth",  "item",  "kind",     "n",
                                          "ns",      "cycles", "share", "evidence", "priced_by"};
    struct out *o = out_begin(format, columns, 10);
    for (; answers--; a++) {
        const struct vs_tree *t = &a->tree;
        for (size_t i = 0; i <= t->n_nodes; i++) {
            const struct vs_tree_node root = {.is_op = true, .ps = t->total_ps, .n = 1};
            const struct vs_tree_node *n = i ? &t->node[i - 1] : &root;
            out_text(o, a->machine);
            out_int(o, n->depth);
            out_text(o, i ? n->name : t->op);
            out_text(o, n->is_op ? "op" : n->exposed ? "exposed" : "work");
            out_real(o, n->n, 3);
            out_real(o, n->ps / 1e3, 3);
            out_real(o, n->ps / a->period_ps, 1);
            out_real(o, t->total_ps > 0 ? n->ps / t->total_ps : 0, 4);
            out_text(o, n->graded ? vs_evidence_name(n->grade) : "");
            out_text(o, n->priced_by);
        }
    }
    out_end(o, stdout);
}

/* The operation did not happen: say what did, or why it could not. */
static void absent(struct explain *e, struct vs_db *db, int64_t run, const char *machine)
{
    char ops[600] = "";
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(vs_db_handle(db),
                           "SELECT group_concat(op, ', ') FROM (SELECT DISTINCT op FROM op WHERE "
                           "run = ? AND n > 0 AND op <> 'timeline' ORDER BY op)",
                           -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, run);
        if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0)) {
            snprintf(ops, sizeof ops, "%s", (const char *)sqlite3_column_text(st, 0));
        }
    }
    sqlite3_finalize(st);
    bool exits = !strncmp(e->op, "exit.", 5) || !strncmp(e->op, "handler.", 8);
    vs_error(&e->r.errors, "%s%s%s did not happen in run %" PRId64 " on %s; what did: %s%s", e->op,
             e->actor ? " of " : "", e->actor ? e->actor : "", run, machine, *ops ? ops : "nothing",
             exits ? "; vmcs.control.* decide what exits" : "");
}

/* The machine a stored run was made on; false: there is no such run. */
static bool stored_machine(struct vs_db *db, int64_t run, char *out, size_t bytes)
{
    sqlite3_stmt *st = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(vs_db_handle(db), "SELECT machine FROM run WHERE run = ?", -1, &st,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, run);
        found = sqlite3_step(st) == SQLITE_ROW;
        if (found) {
            snprintf(out, bytes, "%s", (const char *)sqlite3_column_text(st, 0));
        }
    }
    sqlite3_finalize(st);
    return found;
}

/* Fills *a from a stored run or a new one; an exit status. */
static int one_machine(struct explain *e, struct vs_db *db, const char *machine, struct answer *a)
{
    int64_t run = e->run;
    if (run) {
        if (!stored_machine(db, run, a->machine, sizeof a->machine)) {
            vs_error(&e->r.errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows them",
                     e->r.db, run);
            return report(&e->r.errors, VS_E_INPUT, false);
        }
    } else {
        e->r.session.machine = machine;
        struct vs_session *s = NULL;
        enum vs_status st = vs_session_prepare(&e->r.session, &s, &e->r.errors);
        if (st) {
            return report(&e->r.errors, st, false);
        }
        snprintf(a->machine, sizeof a->machine, "%s", vs_session_machine(s)->name);
        st = vs_session_run(s, &e->r.errors);
        progress_clear();
        st = st ? st : vs_session_store(s, db, &run, &e->r.errors);
        vs_session_close(s);
        if (st) {
            return report(&e->r.errors, st, true);
        }
    }
    if (vs_tree_build(db, run, e->actor, e->op, &a->tree)) {
        absent(e, db, run, a->machine);
        return report(&e->r.errors, VS_E_RUN, true);
    }
    double mhz = 0;
    bool any;
    vs_db_number(db, "SELECT value FROM knob WHERE run = :run AND path = 'cpu.clock.mhz'", run, 0,
                 &mhz, &any);
    a->period_ps = any && mhz > 0 ? 1e6 / mhz : 1000;
    return EXIT_DONE;
}

/* The recipe's settings go first, so that the user's own --set wins. */
static void use(struct request *r, const struct vs_explain_recipe *recipe)
{
    size_t n = 0, most = sizeof recipe->set / sizeof recipe->set[0];
    while (n < most && recipe->set[n] && r->session.n_sets + n < REQUEST_SETS) {
        n++;
    }
    memmove(&r->sets[n], &r->sets[0], r->session.n_sets * sizeof r->sets[0]);
    memcpy(&r->sets[0], recipe->set, n * sizeof r->sets[0]);
    r->session.n_sets += n;
}

/* What the numbers below were measured on. */
static void print_origin(const struct explain *e)
{
    if (e->run) {
        printf("stored run %" PRId64 "\n", e->run);
        return;
    }
    printf("measured with %s", e->r.session.input);
    for (size_t i = 0; i < e->r.session.n_sets; i++) {
        printf(" --set %s", e->r.sets[i]);
    }
    putchar('\n');
}

static int answer(struct explain *e, struct vs_db *db)
{
    struct answer a[SVG_PANELS] = {{.period_ps = 0}};
    size_t n = 1;
    int status = one_machine(e, db, e->r.session.machine, &a[0]);
    if (!status && e->against) {
        status = one_machine(e, db, e->against, &a[n++]);
    }
    if (!status && e->r.format == OUT_TABLE) {
        print_origin(e);
        for (size_t i = 0; i < n; i++) {
            fputs(i ? "\n" : "", stdout);
            print_tree(&a[i].tree, a[i].period_ps, a[i].machine);
        }
    } else if (!status) {
        print_rows(a, n, e->r.format);
    }
    if (!status && e->svg) {
        struct svg_panel panel[SVG_PANELS];
        for (size_t i = 0; i < n; i++) {
            panel[i] = (struct svg_panel){&a[i].tree, a[i].machine, a[i].period_ps};
        }
        int failed = svg_write(e->svg, panel, n);
        if (failed) {
            vs_error(&e->r.errors, "--svg %s: %s", e->svg, strerror(failed));
            status = report(&e->r.errors, VS_E_IO, true);
        }
    }
    for (size_t i = 0; i < n; i++) {
        vs_tree_free(&a[i].tree);
    }
    return status;
}

int cmd_explain(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"against", KEY_AGAINST, "MACHINE", 0, "the same on a second machine", 0},
        {"workload", KEY_WORKLOAD, "FILE", 0,
         "workload that exercises it (default: the one made for it)", 0},
        {"run", KEY_RUN, "RUN", 0, "of a stored run instead of a new one", 0},
        {"svg", KEY_SVG, "FILE", 0, "also draw it into this file", 0},
        {"actor", KEY_ACTOR, "NAME", 0, "whose operation (default: who spends most in it)", 0},
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
    enum vs_op op;
    const struct vs_explain_recipe *recipe = vs_explain_recipe(e.op);
    if (!vs_op_parse(e.op, &op)) {
        const char *names[VS_OP_N];
        for (int i = 0; i < VS_OP_N; i++) {
            names[i] = vs_op_name((enum vs_op)i);
        }
        const char *near = vs_nearest(e.op, names, VS_OP_N);
        vs_error(&e.r.errors,
                 near ? "unknown operation '%s'; did you mean '%s'?"
                      : "unknown operation '%s'; 'virtsim list operations' names them",
                 e.op, near);
    } else if (!e.workload && !recipe && !e.run) {
        vs_error(&e.r.errors, "%s: no workload is made for it; give one with --workload", e.op);
    }
    if (e.run && (e.against || e.workload || e.r.session.machine || e.r.session.n_sets)) {
        vs_error(&e.r.errors, "--run takes a stored run as it is: --machine, --against, "
                              "--workload and --set do not go with it");
    }
    if (e.r.errors.n) {
        int refused = report(&e.r.errors, VS_E_INPUT, false);
        request_free(&e.r);
        return refused;
    }
    e.r.session.input = e.workload ? e.workload : recipe ? recipe->workload : NULL;
    if (!e.workload && recipe && !e.run) {
        use(&e.r, recipe);
    }
    if (!e.r.quiet) {
        e.r.session.options.progress = progress_callback;
    }
    char err[5200];
    struct vs_db *db = NULL;
    int status;
    if (vs_db_open(e.r.no_store ? ":memory:" : e.r.db, !e.run, &db, err, sizeof err)) {
        vs_error(&e.r.errors, "%s", err);
        status = report(&e.r.errors, VS_E_INPUT, false);
    } else {
        status = answer(&e, db);
        vs_db_close(db);
    }
    request_free(&e.r);
    return status;
}
