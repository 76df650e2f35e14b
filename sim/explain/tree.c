/* SPDX-License-Identifier: MIT */
#include "explain/tree.h"

#include "explain/grade.h"

#include "machine/platform.h"
#include "virtsim/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10u /* operations nest less deeply; guards against one that nests in itself */

/* Appends an empty node to the tree. */
static struct vs_tree_node *append(struct vs_tree *t)
{
    struct vs_tree_node *grown = realloc(t->node, (t->n_nodes + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    t->node = grown;
    memset(&grown[t->n_nodes], 0, sizeof *grown);
    return &grown[t->n_nodes++];
}

const struct vs_account_desc *vs__account(const char *path)
{
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i]->n_accounts; j++) {
            if (!strcmp(c[i]->accounts[j].path, path)) {
                return &c[i]->accounts[j];
            }
        }
    }
    return NULL;
}

/* What prices an account, as its declaration says. Steps of a machine's own programs are declared
 * in its files only: hypervisor.<program>.<step>. */
void vs_explain_prices(const char *account, char *out, size_t bytes)
{
    const struct vs_account_desc *a = vs__account(account);
    if (!a && !strncmp(account, "hypervisor.", 11)) {
        snprintf(out, bytes, "%.90s.instructions,%.90s.cycles,cpu.ipc,cpu.clock.mhz", account,
                 account);
        return;
    }
    snprintf(out, bytes, "%s", a ? a->priced_by : "");
}

struct item {
    char actor[64], name[96], kind[16];
    double n, ps;
};

/* Parts and children of (actor, op), largest first. */
static size_t items(struct vs_db *db, int64_t run, const char *actor, const char *op,
                    struct item **out)
{
    static const char sql[] = "SELECT '', account, kind, n, total_ps FROM part WHERE run = ?1 AND "
                              "actor = ?2 AND op = ?3 AND total_ps > 0"
                              " UNION ALL SELECT child_actor, child, 'child', n, total_ps FROM "
                              "child WHERE run = ?1 AND actor = ?2 AND op = ?3 AND total_ps > 0"
                              " ORDER BY 5 DESC, 2";
    sqlite3_stmt *st = vs_db_query(db, sql);
    size_t n = 0;
    *out = NULL;
    if (!st) {
        return 0;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, actor, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, op, -1, SQLITE_STATIC);
    while (vs_db_row(db, st)) {
        struct item *grown = realloc(*out, (n + 1) * sizeof *grown);
        if (!grown) {
            break;
        }
        *out = grown;
        struct item *i = &grown[n++];
        snprintf(i->actor, sizeof i->actor, "%s", (const char *)sqlite3_column_text(st, 0));
        snprintf(i->name, sizeof i->name, "%s", (const char *)sqlite3_column_text(st, 1));
        snprintf(i->kind, sizeof i->kind, "%s", (const char *)sqlite3_column_text(st, 2));
        i->n = sqlite3_column_double(st, 3);
        i->ps = sqlite3_column_double(st, 4);
    }
    sqlite3_finalize(st);
    return n;
}

/* The total time and number of an operation in a run. */
static double op_total(struct vs_db *db, int64_t run, const char *actor, const char *op, int64_t *n)
{
    double total = 0;
    *n = 0;
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT n, total_ps FROM op WHERE run = ? AND actor = ? AND op = ?");
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, actor, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, op, -1, SQLITE_STATIC);
        if (vs_db_row(db, st)) {
            *n = sqlite3_column_int64(st, 0);
            total = sqlite3_column_double(st, 1);
        }
    }
    sqlite3_finalize(st);
    return total;
}

/* scale turns the (actor, op)'s booked totals into what one root operation holds of them. */
static void descend(struct vs_db *db, int64_t run, const char *actor, const char *op, double scale,
                    unsigned depth, struct vs_tree *t)
{
    struct item *list;
    size_t n = items(db, run, actor, op, &list);
    for (size_t i = 0; list && i < n; i++) {
        struct vs_tree_node *node = append(t);
        if (!node) {
            break;
        }
        bool child = !strcmp(list[i].kind, "child");
        node->depth = depth;
        node->is_op = child;
        node->exposed = !strcmp(list[i].kind, "exposed");
        node->ps = list[i].ps * scale;
        node->n = list[i].n * scale;
        if (!child) {
            snprintf(node->name, sizeof node->name, "%s", list[i].name);
            vs_explain_prices(node->name, node->priced_by, sizeof node->priced_by);
            continue;
        }
        if (strcmp(list[i].actor, actor) != 0) {
            snprintf(node->name, sizeof node->name, "%.40s %.50s", list[i].actor, list[i].name);
        } else {
            snprintf(node->name, sizeof node->name, "%s", list[i].name);
        }
        int64_t child_n;
        double total = op_total(db, run, list[i].actor, list[i].name, &child_n);
        if (depth < DEPTH_MAX && total > 0) {
            descend(db, run, list[i].actor, list[i].name, scale * list[i].ps / total, depth + 1, t);
        }
    }
    free(list);
}

/* Leaves the parts whose account begins so, and makes their sum the total. */
static void only(struct vs_tree *t, const char *account)
{
    size_t kept = 0;
    t->total_ps = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (!t->node[i].is_op && !strncmp(t->node[i].name, account, strlen(account))) {
            t->total_ps += t->node[i].ps;
            t->node[kept++] = t->node[i];
        }
    }
    t->n_nodes = kept;
}

enum vs_status vs_tree_build(struct vs_db *db, int64_t run, const char *actor, const char *op,
                             struct vs_tree *out)
{
    return vs_tree_build_parts(db, run, actor, op, "", out);
}

enum vs_status vs_tree_build_parts(struct vs_db *db, int64_t run, const char *actor, const char *op,
                                   const char *account, struct vs_tree *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->op, sizeof out->op, "%s", op);
    /* of time lines that of the vCPU which was busiest: an idle one's may last longer */
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT actor FROM op o WHERE run = ?1 AND op = ?2 AND n > 0 AND (?3 IS NULL OR actor "
            "= ?3) ORDER BY actor LIKE 'vcpu%' AND op = 'timeline' DESC, total_ps - CASE op WHEN "
            "'timeline' THEN (SELECT total(v.total_ps) FROM vcpu_time v WHERE v.run = ?1 AND v.vcpu"
            " = o.actor AND v.account IN ('os.idle', 'host.parked')) ELSE 0 END DESC, actor LIMIT "
            "1");
    if (!st) {
        return VS_E_IO;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, op, -1, SQLITE_STATIC);
    if (actor) {
        sqlite3_bind_text(st, 3, actor, -1, SQLITE_STATIC);
    }
    bool found = vs_db_row(db, st);
    if (found) {
        snprintf(out->actor, sizeof out->actor, "%s", (const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    if (!found) {
        return vs_db_unread(db) ? VS_E_IO : VS_E_UNKNOWN;
    }
    double total = op_total(db, run, out->actor, op, &out->n);
    out->total_ps = total / (double)out->n;
    descend(db, run, out->actor, op, 1.0 / (double)out->n, 1, out);
    if (*account) {
        only(out, account);
    }
    vs__tree_grade(db, run, out);
    out->assumed_share = out->total_ps > 0 ? out->assumed_share / out->total_ps : 0;
    out->input_share = out->total_ps > 0 ? out->input_share / out->total_ps : 0;
    return VS_OK;
}

void vs_tree_free(struct vs_tree *t)
{
    free(t->node);
    t->node = NULL;
    t->n_nodes = 0;
}
