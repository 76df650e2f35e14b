/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "explain_print.h"

#include "paper.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAR 14
#define WIDTH 80
#define NAME 40       /* columns of a part */
#define FOLD 0.01     /* share of the total below which an exit's parts are put together */
#define HIDDEN 0.0005 /* share of the total below which a part of a tree has no line */

/* A bar of `cells` cells for the whole, in eighths of a cell; padded with blanks. */
static void bar(char *out, double share, int cells)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int n = (int)lround((share > 1 ? 1 : share) * cells * 8);
    const int whole = n;
    *out = '\0';
    if (!paper_unicode()) {
        for (int i = 0, full = (n + 4) / 8; i < cells; i++) {
            out = stpcpy(out, i < full ? "#" : " ");
        }
        return;
    }
    for (; n >= 8; n -= 8) {
        out = stpcpy(out, "█");
    }
    out = stpcpy(out, eighth[n > 0 ? n : 0]);
    for (int used = (whole + 7) / 8; used < cells; used++) {
        out = stpcpy(out, " ");
    }
}

/* Says whether a node is large enough for a line. */
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

/* The grade of a part; in brackets where it is that of the sum of a group. */
static const char *grade(bool graded, enum vs_evidence g, const char *group, char out[24])
{
    snprintf(out, 24, *group ? "(%s)" : "%s", graded ? vs_evidence_name(g) : "");
    return out;
}

/* Prints a text in lines of at most WIDTH columns, each behind `indent` blanks. */
static void wrapped(const char *text, int indent)
{
    while (*text) {
        int room = WIDTH - indent, n = (int)strlen(text);
        if (n > room) {
            for (n = room; n > 0 && text[n] != ' '; n--) {
            }
            n = n ? n : room;
        }
        printf("%*s%.*s\n", indent, "", n, text);
        text += n;
        text += strspn(text, " ");
    }
}

/* What the total rests on; `who`: of which machine, "" where there is one. */
static void closing(const struct vs_tree *t, const char *who)
{
    bool group = false;
    for (size_t i = 0; i < t->n_nodes; i++) {
        group = group || *t->node[i].group;
    }
    if (group && !*who) {
        puts("(grade): of a sum that was measured; how it splits into these parts is assumed");
    }
    char line[200];
    if (t->input_share > 0.5) {
        snprintf(line, sizeof line,
                 "%sinput: this machine states these sums itself (%.0f %% of it); nothing is "
                 "predicted",
                 who, 100 * t->input_share);
    } else {
        snprintf(line, sizeof line, "%s%.0f %% of it rests on assumed numbers%s", who,
                 100 * t->assumed_share,
                 t->assumed_share > 0.5 ? ": illustrative, not a prediction" : "");
    }
    wrapped(line, 0);
}

/* A part's name behind its branches, in as many lines as it takes. */
static void part(const char *tree, const char *name, size_t before)
{
    const char *next = name;
    size_t branch = paper_columns(tree), width = paper_width();
    size_t room = width > before + branch + 12u ? width - before - branch : 12u;
    for (bool first = true; first || *next; first = false) {
        const char *line = next;
        size_t n = paper_fold(line, room, &next);
        printf("%*s%s%.*s\n", first ? 0 : (int)(before + branch), "", first ? paper_text(tree) : "",
               (int)n, line);
    }
}

void explain_print_tree(const struct answer *a)
{
    const struct vs_tree *t = &a->tree;
    const double period_ps = a->period_ps;
    const char *machine = a->machine;
    paper_printf("%s of %s on %s: %.2f ns, %.0f cycles, mean of %" PRId64, t->op, t->actor, machine,
                 t->total_ps / 1e3, t->total_ps / period_ps, t->n);
    printf("%9s %8s %6s %-12s %-*s %s\n", "ns", "cycles", "%", "evidence", BAR, "", "part");
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
        bar(b, share, BAR);
        branches(t, i, tree);
        char graded[24];
        char times[40] = "", name[600];
        if (n->n < 0.9995 || n->n > 1.0005) {
            snprintf(times, sizeof times, " x %.*f", n->n < 10 ? 2 : 0, n->n);
        }
        snprintf(name, sizeof name, "%s%s%s", n->name, n->exposed ? " (exposed)" : "", times);
        int before = printf("%9.2f %8.1f %5.1f%% %-12s ", n->ps / 1e3, n->ps / period_ps,
                            100 * share, grade(n->graded, n->grade, n->group, graded));
        printf("%s ", b);
        part(tree, name, (size_t)before + BAR + 1u);
    }
    if (hidden) {
        printf("%9.2f %8.1f %5.1f%% in %u smaller part%s\n", hidden_ps / 1e3, hidden_ps / period_ps,
               100 * hidden_ps / t->total_ps, hidden, hidden > 1 ? "s" : "");
    }
    closing(t, "");
}

/* Prints what is explained, on which machine and how long it takes. */
static void heading(const struct answer *a)
{
    char line[256];
    snprintf(line, sizeof line, "%s of %s on %s: %.2f ns, %.0f cycles, %s %" PRId64 "%s",
             a->tree.op, a->tree.actor, a->machine, a->tree.total_ps / 1e3,
             a->tree.total_ps / a->period_ps, a->cold ? "the first of" : "mean of", a->tree.n,
             a->cold ? " (cold)" : "");
    wrapped(line, 0);
}

void answer_says(struct answer *a, struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT name, value, meaning FROM note WHERE run = ? AND actor = ? AND op = ? AND "
            "ordinal = (SELECT min(ordinal) FROM note WHERE run = ?1 AND actor = ?2 AND op = ?3) "
            "ORDER BY seq");
    size_t n = 0;
    if (!st) {
        return;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, a->tree.actor, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, a->tree.op, -1, SQLITE_STATIC);
    while (vs_db_row(db, st) && n < sizeof a->says) {
        const char *meaning = (const char *)sqlite3_column_text(st, 2);
        int more = snprintf(a->says + n, sizeof a->says - n, "%s%s %s%s%s%s", n ? "; " : "",
                            sqlite3_column_text(st, 0), sqlite3_column_text(st, 1),
                            *meaning ? " (" : "", meaning, *meaning ? ")" : "");
        n += more > 0 ? (size_t)more : 0;
    }
    sqlite3_finalize(st);
}

/* What the exit says in the architecture's fields, under its heading. */
static void says(const struct answer *a)
{
    char line[1100];
    if (*a->says) {
        snprintf(line, sizeof line, "The first one that was kept says: %s", a->says);
        wrapped(line, 0);
    }
}

/* Said under a table where the order of time is not known. */
static void untimed(const struct answer *a)
{
    if (!a->phases.timed) {
        wrapped("The run kept no spans (--spans 4): memory references stand under \"other\", and "
                "parts in order of size.",
                0);
    }
}

void explain_print_phases(const struct answer *a, bool sentences)
{
    const struct vs_phases *p = &a->phases;
    heading(a);
    says(a);
    printf("%9s %8s %6s %-*s %s\n", "ns", "cycles", "%", BAR, "", "phase, part");
    for (size_t i = 0; i < p->n; i++) {
        const struct vs_phase_row *r = &p->row[i];
        double total = a->tree.total_ps > 0 ? a->tree.total_ps : 1;
        char b[BAR * 4 + 8], graded[24], times[24] = "";
        if (!i || r->phase != p->row[i - 1].phase) {
            double ps = p->ps[r->phase];
            bar(b, ps / total, BAR);
            printf("%9.2f %8.1f %5.1f%% %s %s\n", ps / 1e3, ps / a->period_ps, 100 * ps / total, b,
                   vs_phase_name(r->phase));
        }
        if (r->n > 1.0005) {
            snprintf(times, sizeof times, r->n < 10 ? "x %.3g" : "x %.0f", r->n);
        }
        char name[128];
        snprintf(name, sizeof name, "%s%s", r->account, r->exposed ? " (exposed)" : "");
        size_t length = strlen(name);
        if (!sentences && length + strlen(times) + 2 <= NAME) { /* else there is no room for it */
            snprintf(name + length, sizeof name - length, "  %s", times);
        }
        printf("%9.2f %8.1f %5.1f%%  %-*s %12s\n", r->ps / 1e3, r->ps / a->period_ps,
               100 * r->ps / total, NAME, name, grade(r->graded, r->grade, r->group, graded));
        if (sentences && *r->text) {
            char line[600];
            snprintf(line, sizeof line, "%s%s%s", times, *times ? ": " : "", r->text);
            wrapped(line, 28);
        }
    }
    untimed(a);
    closing(&a->tree, "");
}

/* One side of a row of two machines: 39 columns. */
static void side(const struct vs_phase_row *r)
{
    if (r) {
        printf("%9.2f %-29.29s", r->ps / 1e3, r->account);
    } else {
        printf("%39s", "");
    }
}

/* The nth row of a phase; NULL when there are fewer. */
static const struct vs_phase_row *nth(const struct vs_phases *p, enum vs_phase phase, size_t n)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->row[i].phase == phase && !n--) {
            return &p->row[i];
        }
    }
    return NULL;
}

void explain_print_both(const struct answer a[2], bool parts)
{
    char b[BAR * 4 + 8];
    for (int m = 0; m < 2; m++) {
        heading(&a[m]);
    }
    double longest = fmax(fmax(a[0].tree.total_ps, a[1].tree.total_ps), 1);
    printf("\n%-15s %-31.31s %-31.31s\n", "phase", a[0].machine, a[1].machine);
    for (int p = 0; p < VS_PHASE_N; p++) {
        const double ps[2] = {a[0].phases.ps[p], a[1].phases.ps[p]};
        if (ps[0] <= 0 && ps[1] <= 0) {
            continue;
        }
        printf("%-15s", vs_phase_name((enum vs_phase)p));
        for (int m = 0; m < 2; m++) {
            bar(b, ps[m] / longest, BAR);
            printf(" %9.2f %5.1f%% %s", ps[m] / 1e3, 100 * ps[m] / fmax(a[m].tree.total_ps, 1), b);
        }
        putchar('\n');
        for (size_t i = 0; parts; i++) {
            const struct vs_phase_row *x = nth(&a[0].phases, (enum vs_phase)p, i),
                                      *y = nth(&a[1].phases, (enum vs_phase)p, i);
            if (!x && !y) {
                break;
            }
            side(x);
            fputs(" ", stdout);
            side(y);
            putchar('\n');
        }
    }
    for (int m = 0; m < 2; m++) {
        char who[80];
        snprintf(who, sizeof who, "%s: ", a[m].machine);
        untimed(&a[m]);
        closing(&a[m].tree, who);
    }
}

/* Phases and their parts as rows of depth 1 and 2, of kinds `phase` and `phase_part`. */
static void phase_rows(struct out *o, const struct answer *a)
{
    const struct vs_phases *p = &a->phases;
    for (size_t i = 0; i < p->n; i++) {
        const struct vs_phase_row *r = &p->row[i];
        for (int part = i && r->phase == p->row[i - 1].phase; part < 2; part++) {
            double ps = part ? r->ps : p->ps[r->phase];
            out_text(o, a->machine);
            out_int(o, part + 1);
            out_text(o, part ? r->account : vs_phase_name(r->phase));
            out_text(o, part ? "phase_part" : "phase");
            out_real(o, part ? r->n : 1, 3);
            out_real(o, ps / 1e3, 3);
            out_real(o, ps / a->period_ps, 1);
            out_real(o, a->tree.total_ps > 0 ? ps / a->tree.total_ps : 0, 4);
            out_text(o, part && r->graded ? vs_evidence_name(r->grade) : "");
            out_text(o, "");
            out_text(o, part ? r->group : "");
        }
    }
}

void explain_print_rows(const struct answer *a, size_t answers, bool by_phase,
                        enum out_format format)
{
    static const char *const columns[] = {"machine", "depth", "item",     "kind",      "n",    "ns",
                                          "cycles",  "share", "evidence", "priced_by", "group"};
    struct out *o = out_begin(format, columns, 11);
    for (; answers--; a++) {
        const struct vs_tree *t = &a->tree;
        bool phases = by_phase && a->phased;
        for (size_t i = 0; i <= (phases ? 0 : t->n_nodes); i++) {
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
            out_text(o, n->group);
        }
        if (phases) {
            phase_rows(o, a);
        }
    }
    out_end(o, stdout);
}

/* A row of the picture. */
static struct vs_tree_node *draw(struct vs_tree *t, unsigned depth, const char *name, double ps)
{
    struct vs_tree_node *grown = realloc(t->node, (t->n_nodes + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    t->node = grown;
    struct vs_tree_node *n = &grown[t->n_nodes++];
    memset(n, 0, sizeof *n);
    n->depth = depth;
    n->is_op = depth == 1;
    n->ps = ps;
    n->n = 1;
    snprintf(n->name, sizeof n->name, "%s", name);
    return n;
}

enum vs_status answer_phases(struct answer *a, struct vs_db *db, int64_t run, bool by_size)
{
    enum vs_status st = vs_phases_build(db, run, &a->tree, &a->phases);
    if (st) {
        return st;
    }
    a->phased = true;
    if (by_size) {
        vs_phases_by_size(&a->phases);
    }
    vs_phases_fold(&a->phases, FOLD);
    a->picture = a->tree;
    a->picture.node = NULL;
    a->picture.n_nodes = 0;
    for (size_t i = 0; i < a->phases.n; i++) {
        const struct vs_phase_row *r = &a->phases.row[i];
        if (!i || r->phase != a->phases.row[i - 1].phase) {
            struct vs_tree_node *head =
                draw(&a->picture, 1, vs_phase_name(r->phase), a->phases.ps[r->phase]);
            if (!head) {
                return VS_E_NOMEM;
            }
        }
        struct vs_tree_node *n = draw(&a->picture, 2, r->account, r->ps);
        if (!n) {
            return VS_E_NOMEM;
        }
        n->n = r->n;
        n->graded = r->graded;
        n->grade = r->grade;
        n->exposed = r->exposed;
    }
    return VS_OK;
}

void answer_free(struct answer *a)
{
    if (a->phased) {
        vs_tree_free(&a->picture);
        vs_phases_free(&a->phases);
    }
    vs_tree_free(&a->tree);
}
