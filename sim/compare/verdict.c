/* SPDX-License-Identifier: MIT */
#include "compare/verdict.h"

#include "explain/tree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT 1e-9 /* of what is counted, whatever the order of its divisions */

bool vs_basis_parse(const char *text, enum vs_basis *out)
{
    static const char *const names[] = {[VS_BASIS_predicted] = "predicted",
                                        [VS_BASIS_calibrated] = "calibrated",
                                        [VS_BASIS_structure] = "structure"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(text, names[i])) {
            *out = (enum vs_basis)i;
            return true;
        }
    }
    return false;
}

const char *vs_verdict(const struct vs_judged *j)
{
    if (!j->found || (!j->has_low && !j->has_high)) {
        return "no number";
    }
    if (j->basis == VS_BASIS_calibrated) {
        return "calibrated";
    }
    bool structure = j->basis == VS_BASIS_structure; /* no price moves it */
    if (!structure && j->assumed > 0.5) {
        return "illustrative";
    }
    double low = j->has_low ? j->low : j->high, high = j->has_high ? j->high : j->low;
    if (!strcmp(j->relation, "le") || !strcmp(j->relation, "ge")) {
        bool holds = !strcmp(j->relation, "le") ? j->value <= high : j->value >= low;
        return !holds ? "outside" : structure ? "structure" : "in range";
    }
    double middle = (low + high) / 2;
    /* a count or an identity holds or does not: near it is another structure */
    bool near = fabs(j->value - middle) <= (structure ? EXACT : 0.1) * fabs(middle);
    /* 10 % of a narrow range's middle would reach far beyond its ends */
    bool in = j->value >= low && j->value <= high;
    if (low < high ? !in : !near) {
        return "outside";
    }
    return structure ? "structure" : near ? "within 10 %" : "in range";
}

/* The time of a line in which its vCPU waits, whether the host's core sleeps, idles or polls
 * meanwhile: it lasts until something happens, whatever anything costs, and would only dilute the
 * assumed part of what does cost. */
static double waiting(const struct vs_tree *t)
{
    double ps = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct vs_tree_node *n = &t->node[i];
        if (!n->is_op && (!strcmp(n->name, "os.idle") || !strcmp(n->name, "host.parked") ||
                          !strcmp(n->name, "host.polling"))) {
            ps += n->ps;
        }
    }
    return ps;
}

double vs_assumed_share(struct vs_db *db, int64_t run, const char *ops)
{
    double assumed = 0, total = 0;
    /* the blanks of the list match as a pattern's ends */
    static const char sql[] =
        "WITH RECURSIVE w(word, rest) AS (SELECT NULL, trim(?2) || ' ' UNION ALL SELECT "
        "substr(rest, 1, instr(rest, ' ') - 1), ltrim(substr(rest, instr(rest, ' '))) FROM w WHERE "
        "instr(rest, ' ') > 1) SELECT DISTINCT op, substr(word || '/', instr(word || '/', '/') + "
        "1) "
        "FROM op JOIN w ON op LIKE substr(word, 1, instr(word || '/', '/') - 1) WHERE run = ?1 AND "
        "n > 0";
    sqlite3_stmt *st = vs_db_query(db, sql);
    if (!st) {
        return 0;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, ops, -1, SQLITE_STATIC);
    while (vs_db_row(db, st)) {
        struct vs_tree tree;
        char account[96];
        snprintf(account, sizeof account, "%s", (const char *)sqlite3_column_text(st, 1));
        account[strcspn(account, "/")] = '\0';
        if (!vs_tree_build_parts(db, run, NULL, (const char *)sqlite3_column_text(st, 0), account,
                                 &tree)) {
            double n = (double)tree.n;
            assumed += n * tree.assumed_share * tree.total_ps;
            total += n * (tree.total_ps - waiting(&tree));
            vs_tree_free(&tree);
        }
    }
    sqlite3_finalize(st);
    return total > 0 ? assumed / total : 0;
}
