/* SPDX-License-Identifier: MIT */
#include "compare_page.h"

#include "compared.h"
#include "out.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>virtsim: documents, literature, simulation</title>\n<style>\n"
    "body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 100em; padding: 0 1em; }\n"
    "table { border-collapse: collapse; width: 100%; margin: 0.5em 0 2em; }\n"
    "th, td { border-bottom: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left; "
    "vertical-align: top; }\n"
    "thead th { background: #eee; position: sticky; top: 0; }\n"
    "td.n { text-align: right; white-space: nowrap; }\n"
    "td.why { max-width: 40em; }\n small { color: #555; }\n"
    /* Okabe and Ito's colours: told apart by the colour-blind, and the word stands beside */
    ".v { border-left: 0.5em solid #999; white-space: nowrap; }\n"
    ".agrees { border-color: #009E73; }\n.outside { border-color: #D55E00; }\n"
    ".calibrated { border-color: #0072B2; }\n.structure { border-color: #56B4E9; }\n"
    "</style>\n</head>\n<body>\n";

/* Writes a cell with a number and its unit. */
static void number(FILE *f, double value, const char *unit)
{
    fputs("<td class=\"n\">", f);
    if (!isnan(value)) {
        fprintf(f, "%.4g ", value);
        out_markup(f, unit);
    }
    fputs("</td>", f);
}

/* The colour at the edge: agreement with a number, none, or that it says nothing. */
static const char *mark(const char *verdict)
{
    bool agrees = !strcmp(verdict, "within 10 %") || !strcmp(verdict, "in range");
    bool named = !strcmp(verdict, "outside") || !strcmp(verdict, "calibrated") ||
                 !strcmp(verdict, "structure");
    return agrees ? "agrees" : named ? verdict : "";
}

/* Writes the row of a claim. */
static void row(FILE *f, const struct compared *c)
{
    fputs("<tr><td>", f);
    out_markup(f, c->subject);
    fputs(": ", f);
    out_markup(f, c->metric);
    fputs("<br><small>", f);
    out_markup(f, c->claim);
    if (*c->condition) {
        fputs("; ", f);
        out_markup(f, c->condition);
    }
    fputs("</small></td><td class=\"n\">", f);
    out_markup(f, c->documents);
    fputc(' ', f);
    out_markup(f, c->unit);
    fputs(c->contradicted ? "<br><small>contradicted</small></td><td>" : "</td><td>", f);
    out_markup(f, c->literature);
    fputs("</td>", f);
    number(f, c->value, c->unit);
    number(f, c->naive, c->unit);
    fprintf(f, "<td class=\"v %s\">", mark(c->verdict));
    out_markup(f, c->verdict);
    fputs("</td><td class=\"n\">", f);
    if (!isnan(c->assumed)) {
        fprintf(f, "%.0f %%", 100 * c->assumed);
    }
    fputs("</td><td class=\"why\">", f);
    out_markup(f, c->reason);
    fputs("</td></tr>\n", f);
}

/* How often a prediction is nearer to the documents' number than the guess is. */
struct beaten {
    int nearer, of;
};

/* Counts predictions that are nearer than the naive guess. */
static void count(struct beaten *b, const struct compared *c)
{
    if (!isnan(c->naive) && !isnan(c->value) && c->middle != 0 && !strcmp(c->basis, "predicted")) {
        b->of++;
        b->nearer += fabs(c->value - c->middle) < fabs(c->naive - c->middle);
    }
}

/* Ends a table with how often the naive guess was beaten. */
static void close_table(FILE *f, const struct beaten *b)
{
    fputs("</tbody></table>\n", f);
    if (b->of) {
        fprintf(f,
                "<p>Nearer to the documents than the naive guess: %d of %d predictions that "
                "have one.</p>\n",
                b->nearer, b->of);
    }
}

/* Writes a table for each domain. */
static void tables(FILE *f, struct vs_db *db, const char *domain)
{
    char now[80] = "";
    struct compared c;
    struct beaten beaten = {0, 0};
    sqlite3_stmt *st = compared_query(db, domain, true);
    while (compared_row(db, st, &c)) {
        if (strcmp(now, c.domain) != 0) {
            if (*now) {
                close_table(f, &beaten);
            }
            beaten = (struct beaten){0, 0};
            snprintf(now, sizeof now, "%s", c.domain);
            fputs("<h2>", f);
            out_markup(f, now);
            fputs("</h2>\n<table><thead><tr><th>claim</th><th>documents</th><th>literature</th>"
                  "<th>simulation</th><th>naive guess</th><th>verdict</th><th>assumed</th>"
                  "<th>why</th></tr></thead><tbody>\n",
                  f);
        }
        row(f, &c);
        count(&beaten, &c);
    }
    sqlite3_finalize(st);
    if (*now) {
        close_table(f, &beaten);
    }
}

int compare_page(struct vs_db *db, const char *path, const char *domain)
{
    struct whole w;
    int wrong = whole_begin(&w, path);
    if (wrong) {
        return wrong;
    }
    fputs(head, w.file);
    fputs("<h1>Documents, literature, simulation</h1>\n"
          "<p>Every claim of the two documents. What was an input of the machine that ran is "
          "<b>calibrated</b>, a count or a direction that the mechanism implies is "
          "<b>structure</b>: neither agrees with a number. A prediction of which more than half "
          "rests on assumed numbers is <b>illustrative</b> and does not count. "
          "The <b>naive guess</b> is that virtualization changes nothing: the same quantity of "
          "the run's baseline alone. <b>Why</b> says what a number rests on, which mechanism "
          "makes it differ, or why nothing is compared.</p>\n",
          w.file);
    tables(w.file, db, domain);
    fputs("</body>\n</html>\n", w.file);
    return whole_end(&w);
}
