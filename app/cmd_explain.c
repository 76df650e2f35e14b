/* SPDX-License-Identifier: MIT */
/* explain: the cost tree of one operation, with bars and the evidence of each part. */
#define _GNU_SOURCE
#include "cmd.h"

#include "explain/tree.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAR 24

struct explain {
    struct request r;
    const char *op, *workload, *against, *actor;
    int64_t run;
};

enum { KEY_AGAINST = 512, KEY_WORKLOAD, KEY_RUN, KEY_ACTOR };

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

/* "├─ " and "│  " before a node: whether a later one of the same depth follows before a shallower
 * one. */
static void branches(const struct vs_tree *t, size_t at, char *out)
{
    for (unsigned d = 1; d <= t->node[at].depth; d++) {
        bool more = false;
        for (size_t i = at + 1; i < t->n_nodes && t->node[i].depth >= d && !more; i++) {
            more = t->node[i].depth == d;
        }
        out = stpcpy(out, d == t->node[at].depth ? (more ? "├─ " : "└─ ") : (more ? "│  " : "   "));
    }
}

static void print_tree(const struct vs_tree *t, double period_ps, const char *machine)
{
    printf("%s of %s on %s: %.2f ns, %.0f cycles, mean of %" PRId64 "\n", t->op, t->actor, machine,
           t->total_ps / 1e3, t->total_ps / period_ps, t->n);
    printf("%10s %9s %7s  %-10s %-*s  %s\n", "ns", "cycles", "%", "evidence", BAR, "", "part");
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct vs_tree_node *n = &t->node[i];
        double share = t->total_ps > 0 ? n->ps / t->total_ps : 0;
        if (share < 0.0005) {
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
    printf("%.0f %% of it rests on assumed numbers%s\n", 100 * t->assumed_share,
           t->assumed_share > 0.5 ? ": illustrative, not a prediction" : "");
}

static void print_rows(const struct vs_tree *t, double period_ps, enum out_format format,
                       const char *machine)
{
    static const char *const columns[] = {"machine", "depth",  "item",  "kind",     "n",
                                          "ns",      "cycles", "share", "evidence", "priced_by"};
    struct out *o = out_begin(format, columns, 10);
    for (size_t i = 0; i <= t->n_nodes; i++) {
        const struct vs_tree_node root = {.is_op = true, .ps = t->total_ps, .n = 1};
        const struct vs_tree_node *n = i ? &t->node[i - 1] : &root;
        out_text(o, machine);
        out_int(o, n->depth);
        out_text(o, i ? n->name : t->op);
        out_text(o, n->is_op ? "op" : n->exposed ? "exposed" : "work");
        out_real(o, n->n, 3);
        out_real(o, n->ps / 1e3, 3);
        out_real(o, n->ps / period_ps, 1);
        out_real(o, t->total_ps > 0 ? n->ps / t->total_ps : 0, 4);
        out_text(o, n->graded ? vs_evidence_name(n->grade) : "");
        out_text(o, n->priced_by);
    }
    out_end(o, stdout);
}

static int one_machine(struct explain *e, struct vs_db *db, const char *machine)
{
    int64_t run = e->run;
    char name[64];
    snprintf(name, sizeof name, "%s", machine ? machine : "skylake_sp_kvm");
    if (!run) {
        e->r.session.machine = machine;
        struct vs_session *s = NULL;
        enum vs_status st = vs_session_prepare(&e->r.session, &s, &e->r.errors);
        if (st) {
            return report(&e->r.errors, st, false);
        }
        snprintf(name, sizeof name, "%s", vs_session_machine(s)->name);
        st = vs_session_run(s, &e->r.errors);
        progress_clear();
        st = st ? st : vs_session_store(s, db, &run, &e->r.errors);
        vs_session_close(s);
        if (st) {
            return report(&e->r.errors, st, true);
        }
    }
    struct vs_tree t;
    if (vs_tree_build(db, run, e->actor, e->op, &t)) {
        vs_error(&e->r.errors, "%s did not happen in run %" PRId64 " (%s on %s)%s", e->op, run,
                 e->r.session.input ? e->r.session.input : "stored", name,
                 strncmp(e->op, "exit.", 5) ? ""
                                            : "; on this machine nothing of this workload exits "
                                              "for that reason: see vmcs.control.*");
        return report(&e->r.errors, VS_E_RUN, true);
    }
    double mhz = 0;
    bool any;
    vs_db_number(db, "SELECT value FROM knob WHERE run = :run AND path = 'cpu.clock.mhz'", run, 0,
                 &mhz, &any);
    double period = any && mhz > 0 ? 1e6 / mhz : 1000;
    if (e->r.format == OUT_TABLE) {
        print_tree(&t, period, name);
    } else {
        print_rows(&t, period, e->r.format, name);
    }
    vs_tree_free(&t);
    return EXIT_DONE;
}

int cmd_explain(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"against", KEY_AGAINST, "MACHINE", 0, "the same on a second machine", 0},
        {"workload", KEY_WORKLOAD, "FILE", 0,
         "workload that exercises it (default: the one made for it)", 0},
        {"run", KEY_RUN, "RUN", 0, "of a stored run instead of a new one", 0},
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
    if (e.r.errors.n) {
        int refused = report(&e.r.errors, VS_E_INPUT, false);
        request_free(&e.r);
        return refused;
    }
    e.r.session.input = e.workload ? e.workload : recipe ? recipe->workload : NULL;
    if (!e.workload && recipe && recipe->set && e.r.session.n_sets < REQUEST_SETS) {
        /* first, so that the user's own --set wins */
        memmove(&e.r.sets[1], &e.r.sets[0], e.r.session.n_sets * sizeof e.r.sets[0]);
        e.r.sets[0] = recipe->set;
        e.r.session.n_sets++;
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
        status = one_machine(&e, db, e.r.session.machine);
        if (!status && e.against) {
            putchar('\n');
            status = one_machine(&e, db, e.against);
        }
        vs_db_close(db);
    }
    request_free(&e.r);
    return status;
}
