/* SPDX-License-Identifier: MIT */
#include "compared.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

sqlite3_stmt *compared_query(struct vs_db *db, const char *domain, bool all)
{
    static const char sql[] =
        "SELECT c.claim_id, domain, subject, metric, condition, coalesce(x.unit, c.unit), low, "
        "high, "
        "relation, value, coalesce(basis, ''), coalesce(verdict, CASE WHEN why <> '' THEN "
        "'not compared' ELSE 'not run' END), coalesce(reason, nullif(why, ''), "
        "'the run that answers it is not in this database'), contradicts <> '', x.run, "
        "assumed_share, naive, coalesce((SELECT group_concat(l.id || ': ' || CASE WHEN l.low = "
        "l.high OR l.high IS NULL THEN printf('%.6g', l.low) ELSE printf('%.6g..%.6g', l.low, "
        "l.high) END || ' ' || l.unit || ' (' || l.platform || ', ' || l.metric || ')', '; ') FROM "
        "literature l WHERE instr(' ' || a.literature, ' ' || l.id || ' ')), '') FROM claim c JOIN "
        "temp.aside a ON a.claim_id = c.claim_id LEFT JOIN comparison x ON x.claim_id = c.claim_id "
        "AND "
        "x.run = (SELECT max(run) FROM comparison y WHERE y.claim_id = x.claim_id) WHERE (?1 IS "
        "NULL OR domain = ?1) AND (?2 OR x.run IS NOT NULL) ORDER BY domain, c.claim_id";
    sqlite3_stmt *st = vs_db_query(db, sql);
    if (st) {
        sqlite3_bind_text(st, 1, domain, -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 2, all);
    }
    return st;
}

/* A column's text, empty for NULL. */
static const char *text(sqlite3_stmt *st, int column)
{
    const unsigned char *s = sqlite3_column_text(st, column);
    return s ? (const char *)s : "";
}

/* A column's number, NAN for NULL. */
static double real(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

/* The documents' numbers as they are read: a range, a bound, a number. */
static void range_text(double low, double high, const char *relation, char *out, size_t bytes)
{
    const char *sign = !strcmp(relation, "le")       ? "<= "
                       : !strcmp(relation, "ge")     ? ">= "
                       : !strcmp(relation, "approx") ? "~"
                                                     : "";
    if (isnan(low) && isnan(high)) {
        snprintf(out, bytes, "stated");
    } else if (!isnan(low) && !isnan(high) && low != high) {
        snprintf(out, bytes, "%g..%g", low, high);
    } else {
        snprintf(out, bytes, "%s%g", sign, isnan(low) ? high : low);
    }
}

bool compared_row(struct vs_db *db, sqlite3_stmt *st, struct compared *c)
{
    if (!vs_db_row(db, st)) {
        return false;
    }
    double low = real(st, 6), high = real(st, 7);
    *c = (struct compared){.claim = text(st, 0),
                           .domain = text(st, 1),
                           .subject = text(st, 2),
                           .metric = text(st, 3),
                           .condition = text(st, 4),
                           .unit = text(st, 5),
                           .value = real(st, 9),
                           .basis = text(st, 10),
                           .verdict = text(st, 11),
                           .reason = text(st, 12),
                           .contradicted = sqlite3_column_int(st, 13) != 0,
                           .run = sqlite3_column_int64(st, 14),
                           .assumed = real(st, 15),
                           .naive = real(st, 16),
                           .literature = text(st, 17)};
    /* beside a range's middle, or beside the one bound there is */
    c->middle = isnan(low) ? (isnan(high) ? 0 : high) : isnan(high) ? low : (low + high) / 2;
    range_text(low, high, text(st, 8), c->documents, sizeof c->documents);
    return true;
}
