/* SPDX-License-Identifier: MIT */
#include "explain/grade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A knob that prices a part of the tree, and what its value is worth here. */
struct price {
    char path[96];
    enum vs_evidence grade;
    char group[48]; /* whose sum gave it that grade; "": its own */
    bool known;     /* the run has the knob */
    bool input;     /* its value is a claim of the documents, which the machine was made to show */
};

struct prices {
    struct price *at;
    size_t n;
};

/* Finds the price of a path among those noted, or NULL. */
static struct price *find(const struct prices *p, const char *path, size_t length)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!strncmp(p->at[i].path, path, length) && !p->at[i].path[length]) {
            return &p->at[i];
        }
    }
    return NULL;
}

/* Calls visit for each path of a comma list. */
static void each(const char *list, void (*visit)(void *ctx, const char *path, size_t length),
                 void *ctx)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n) {
            visit(ctx, list, n);
        }
        list += n + (list[n] == ',');
    }
}

/* Notes a path once. */
static void note(void *ctx, const char *path, size_t length)
{
    struct prices *p = ctx;
    if (find(p, path, length) || length >= sizeof p->at->path) {
        return;
    }
    struct price *grown = realloc(p->at, (p->n + 1) * sizeof *grown);
    if (grown) {
        p->at = grown;
        grown[p->n] = (struct price){.known = false};
        memcpy(grown[p->n++].path, path, length);
    }
}

/* Every knob's own grade, as the run has it. */
static void own_grades(struct vs_db *db, int64_t run, struct prices *p)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT evidence, source GLOB 'V51, v51.*' OR source GLOB "
                                       "'HVA, hva.*' FROM knob WHERE run = ? AND path = ?");
    for (size_t i = 0; st && i < p->n; i++) {
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, p->at[i].path, -1, SQLITE_STATIC);
        p->at[i].known =
            vs_db_row(db, st) &&
            vs_evidence_parse((const char *)sqlite3_column_text(st, 0), &p->at[i].grade);
        p->at[i].input = p->at[i].known && sqlite3_column_int(st, 1);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
}

/* The knobs of a group one by one, in the order of groups; `zero` ones cost nothing, wherever. */
struct member {
    char group[48], path[96];
    enum vs_evidence grade;
    bool zero;
};

/* Reads the members of a run's groups of evidence, which the caller frees. */
static size_t members(struct vs_db *db, int64_t run, struct member **out)
{
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT g.name, g.path, g.evidence, k.value IN ('0', 'off') FROM evidence_group g JOIN "
            "knob k ON k.run = g.run AND k.path = g.path WHERE g.run = ? ORDER BY g.name, g.path");
    size_t n = 0;
    *out = NULL;
    if (st) {
        sqlite3_bind_int64(st, 1, run);
    }
    while (vs_db_row(db, st)) {
        struct member *grown = realloc(*out, (n + 1) * sizeof *grown), *m = grown + n;
        if (!grown) {
            break;
        }
        *out = grown;
        snprintf(m->group, sizeof m->group, "%s", (const char *)sqlite3_column_text(st, 0));
        snprintf(m->path, sizeof m->path, "%s", (const char *)sqlite3_column_text(st, 1));
        m->zero = sqlite3_column_int(st, 3) != 0;
        n += vs_evidence_parse((const char *)sqlite3_column_text(st, 2), &m->grade);
    }
    sqlite3_finalize(st);
    return n;
}

/* Lifts the knobs of each group that is here as a whole to the grade of its sum. */
static void lift(const struct member *m, size_t n, struct prices *p)
{
    for (size_t from = 0, to; from < n; from = to) {
        bool whole = true;
        for (to = from; to < n && !strcmp(m[to].group, m[from].group); to++) {
            whole = whole && (m[to].zero || find(p, m[to].path, strlen(m[to].path)));
        }
        for (size_t i = from; whole && i < to; i++) {
            struct price *price = find(p, m[i].path, strlen(m[i].path));
            if (price && vs_evidence_weaker(price->grade, m[i].grade) > 0) {
                price->grade = m[i].grade;
                memcpy(price->group, m[i].group, sizeof price->group);
            }
        }
    }
}

struct weighed {
    const struct prices *prices;
    struct vs_tree_node *node;
    bool input;
};

/* Adds the price of a path under its grade of evidence. */
static void weigh(void *ctx, const char *path, size_t length)
{
    struct weighed *w = ctx;
    const struct price *p = find(w->prices, path, length);
    if (!p || !p->known) {
        return;
    }
    int weaker = w->node->graded ? vs_evidence_weaker(p->grade, w->node->grade) : 1;
    if (weaker > 0 || (!weaker && *p->group)) {
        w->node->grade = p->grade;
        memcpy(w->node->group, p->group, sizeof w->node->group);
    }
    w->node->graded = true;
    w->input = w->input || p->input;
}

void vs__tree_grade(struct vs_db *db, int64_t run, struct vs_tree *t)
{
    struct prices p = {NULL, 0};
    struct member *m;
    for (size_t i = 0; i < t->n_nodes; i++) {
        each(t->node[i].priced_by, note, &p);
    }
    own_grades(db, run, &p);
    size_t n = members(db, run, &m);
    lift(m, n, &p);
    for (size_t i = 0; i < t->n_nodes; i++) {
        struct weighed w = {&p, &t->node[i], false};
        each(t->node[i].priced_by, weigh, &w);
        t->input_share += w.input ? t->node[i].ps : 0;
        if (t->node[i].graded && t->node[i].grade == VS_GRADE_assumed) {
            t->assumed_share += t->node[i].ps;
        }
    }
    free(m);
    free(p.at);
}
