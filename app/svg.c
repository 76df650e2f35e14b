/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include "out.h"
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 940.0
#define ROW 21.0
#define INDENT 14.0
#define LETTER 6.5      /* generous width of a letter at the labels' size */
#define VALUES 130.0    /* room for the two columns of numbers */
#define SMALL 0.01      /* leaves below this share of the total share one row */
#define INVISIBLE 5e-4  /* rows below it are left out; their time stays in the scale */
#define KINDS 5         /* four grades and waits */
#define WAIT VS_GRADE_N /* no knob prices it */

enum { VS_GRADE_N = KINDS - 1 };

/* From firm to weak in the legend; assumed is hatched, so that it shows without colour too. */
static const struct {
    int kind;
    const char *name, *fill, *edge;
} looks[KINDS] = {
    {VS_GRADE_measured, "measured", "#1f5f99", "#1f5f99"},
    {VS_GRADE_documented, "documented", "#3a9a8a", "#3a9a8a"},
    {VS_GRADE_derived, "derived", "#e3a53a", "#e3a53a"},
    {VS_GRADE_assumed, "assumed", "url(#assumed)", "#b04a32"},
    {WAIT, "waits", "#b9bec5", "#b9bec5"},
};

struct row {
    char name[160];
    unsigned depth;
    bool is_op;
    int kind;
    double start_ps, ps;
};

/* The kind of a node: its grade of evidence, or a wait. */
static int kind_of(const struct vs_tree_node *n)
{
    return n->graded ? (int)n->grade : WAIT;
}

/* The colours of a kind. */
static size_t look(int kind)
{
    size_t i = 0;
    while (i + 1 < KINDS && looks[i].kind != kind) {
        i++;
    }
    return i;
}

/* The rows of one tree, small leaves of one parent and grade together at the place of the first. */
static size_t rows_of(const struct vs_tree *t, struct row *out)
{
    size_t n = 0;
    double at = 0;
    bool *taken = calloc(t->n_nodes + 1, sizeof *taken);
    for (size_t i = 0; taken && i < t->n_nodes; i++) {
        const struct vs_tree_node *node = &t->node[i];
        if (taken[i]) {
            continue;
        }
        struct row *r = &out[n++];
        *r = (struct row){.depth = node->depth,
                          .is_op = node->is_op,
                          .kind = kind_of(node),
                          .start_ps = at,
                          .ps = node->ps};
        snprintf(r->name, sizeof r->name, "%s", node->name);
        if (node->is_op) {
            continue;
        }
        unsigned merged = 1;
        for (size_t j = i + 1; j < t->n_nodes && t->node[j].depth >= node->depth; j++) {
            const struct vs_tree_node *other = &t->node[j];
            if (node->ps < SMALL * t->total_ps && other->depth == node->depth && !other->is_op &&
                kind_of(other) == r->kind) {
                taken[j] = true;
                r->ps += other->ps;
                merged++;
            }
        }
        if (merged > 1) {
            snprintf(r->name, sizeof r->name, "%u smaller parts", merged);
        }
        at += r->ps;
        n -= r->ps < INVISIBLE * t->total_ps;
    }
    free(taken);
    return n;
}

/* 1, 2 or 5 times a power of ten: at most eight divisions of the scale. */
static double step_of(double scale_ns)
{
    double step = 1e-3;
    for (int i = 0; step * 8 < scale_ns && i < 60; i++) {
        step *= i % 3 == 1 ? 2.5 : 2;
    }
    return step;
}

/* Draws the time axis. */
static void draw_axis(FILE *f, double left, double per_ns, double scale_ns, double top, double down)
{
    double step = step_of(scale_ns);
    for (int i = 0; i * step <= scale_ns * 1.0001; i++) {
        double v = i * step, x = left + v * per_ns;
        fprintf(f,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#dfe3e8\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"q\">%g</text>\n",
                x, top, x, down, x, down + 13, v);
    }
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"q\">ns</text>\n", left + scale_ns * per_ns + 20,
            down + 13);
}

/* Draws the bar of a node with its name and share. */
static void draw_row(FILE *f, const struct row *r, double left, double per_ns, double y,
                     double total_ps)
{
    double x = left + r->start_ps / 1e3 * per_ns, w = r->ps / 1e3 * per_ns;
    size_t k = look(r->kind);
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\"%s>", 14 + INDENT * (r->depth - 1), y + 14,
            r->is_op ? " class=\"b\"" : "");
    out_markup(f, r->name);
    fputs("</text>", f);
    if (r->is_op) { /* a brace over the parts that follow */
        fprintf(f,
                "<path d=\"M%.1f %.1fv-5h%.1fv5\" fill=\"none\" stroke=\"#4a5058\" "
                "stroke-width=\"1.4\"/>",
                x + 0.5, y + 15, w > 1 ? w - 1 : 1);
    } else {
        fprintf(f,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"13\" fill=\"%s\" "
                "stroke=\"%s\" stroke-width=\"0.8\"/>",
                x, y + 4, w > 0.8 ? w : 0.8, looks[k].fill, looks[k].edge);
    }
    fprintf(f,
            "<text x=\"%.1f\" y=\"%.1f\" class=\"n%s\">%.1f</text>"
            "<text x=\"%.1f\" y=\"%.1f\" class=\"n%s\">%.1f %%</text>\n",
            WIDTH - 72, y + 14, r->is_op ? " b" : "", r->ps / 1e3, WIDTH - 14, y + 14,
            r->is_op ? " b" : "", 100 * r->ps / total_ps);
}

/* Draws what the colours mean, with their shares. */
static double draw_legend(FILE *f, const struct vs_tree *t, double y)
{
    double sum[KINDS] = {0}, x = 14;
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (!t->node[i].is_op) {
            sum[look(kind_of(&t->node[i]))] += t->node[i].ps;
        }
    }
    for (size_t k = 0; k < KINDS; k++) {
        if (sum[k] <= 0) {
            continue;
        }
        fprintf(f,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"22\" height=\"12\" fill=\"%s\" stroke=\"%s\"/>"
                "<text x=\"%.1f\" y=\"%.1f\">%s %.0f %%</text>\n",
                x, y, looks[k].fill, looks[k].edge, x + 28, y + 10.5, looks[k].name,
                100 * sum[k] / t->total_ps);
        x += 165;
    }
    if (t->assumed_share > 0.5) {
        fprintf(f,
                "<text x=\"14\" y=\"%.1f\" class=\"w\">More than half rests on assumed numbers: "
                "illustrative, not a prediction.</text>\n",
                y + 30);
        y += 20;
    }
    return y + 12;
}

/* Draws one machine's picture. */
static double draw_panel(FILE *f, const struct svg_panel *p, const struct row *rows, size_t n,
                         double left, double per_ns, double scale_ns, double y)
{
    const struct vs_tree *t = p->tree;
    fprintf(f, "<text x=\"14\" y=\"%.1f\" class=\"t\">", y + 16);
    out_markup(f, t->op);
    fputs(" on ", f);
    out_markup(f, p->machine);
    fprintf(f,
            "</text><text x=\"%.1f\" y=\"%.1f\" class=\"t\" text-anchor=\"end\">%.1f ns, %.0f "
            "cycles</text>\n",
            WIDTH - 14, y + 16, t->total_ps / 1e3, t->total_ps / p->period_ps);
    y += 28;
    double down = y + ROW * (double)n + 3;
    draw_axis(f, left, per_ns, scale_ns, y, down);
    for (size_t i = 0; i < n; i++) {
        draw_row(f, &rows[i], left, per_ns, y + ROW * (double)i, t->total_ps);
    }
    return draw_legend(f, t, down + 24);
}

int svg_write(const char *path, const struct svg_panel *panel, size_t n)
{
    struct row *rows[SVG_PANELS] = {NULL};
    size_t count[SVG_PANELS] = {0};
    double scale_ps = 1, label = 0, height = 20;
    int failed = 0;
    for (size_t i = 0; i < n && !failed; i++) {
        const struct vs_tree *t = panel[i].tree;
        rows[i] = malloc((t->n_nodes + 1) * sizeof *rows[i]);
        count[i] = rows[i] ? rows_of(t, rows[i]) : 0;
        failed = rows[i] ? 0 : ENOMEM;
        scale_ps = t->total_ps > scale_ps ? t->total_ps : scale_ps;
        height += ROW * (double)count[i] + 90 + (t->assumed_share > 0.5 ? 20 : 0);
        for (size_t k = 0; k < count[i]; k++) {
            double w =
                INDENT * (rows[i][k].depth - 1) + LETTER * (double)(strlen(rows[i][k].name) + 2);
            label = w > label ? w : label;
        }
    }
    struct whole whole = {NULL, NULL, NULL};
    failed = failed ? failed : whole_begin(&whole, path);
    if (!failed) {
        FILE *f = whole.file;
        double left = 14 + (label < 420 ? label : 420);
        double per_ns = (WIDTH - VALUES - left) / (scale_ps / 1e3), y = 8;
        fprintf(f,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
                "width=\"%.0f\" height=\"%.0f\">\n"
                "<style>text{font:12px 'DejaVu Sans',Verdana,sans-serif;fill:#1c2126}"
                ".b{font-weight:bold}.t{font-size:15px;font-weight:bold}.q{font-size:10px;"
                "fill:#6a727c}.n{text-anchor:end}.w{fill:#b04a32}</style>\n"
                "<defs><pattern id=\"assumed\" width=\"5\" height=\"5\" "
                "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
                "<rect width=\"5\" height=\"5\" fill=\"#fbeae5\"/>"
                "<rect width=\"1.8\" height=\"5\" fill=\"#c9664d\"/></pattern></defs>\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                WIDTH, height, WIDTH, height);
        for (size_t i = 0; i < n; i++) {
            y = draw_panel(f, &panel[i], rows[i], count[i], left, per_ns, scale_ps / 1e3, y) + 22;
        }
        fputs("</svg>\n", f);
        failed = whole_end(&whole);
    }
    for (size_t i = 0; i < n; i++) {
        free(rows[i]);
    }
    return failed;
}
