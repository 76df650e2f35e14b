/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sweep_table.h"

#include "paper.h"

#include <inttypes.h>
#include <stdio.h>

/* The run of a point of the sweep. */
static int64_t run_of(void *ctx, size_t i)
{
    const struct vs_plan *p = ctx;
    return vs_plan_at(p, p->begin + i)->run;
}

/* The settings of a point of the sweep. */
static const char *label_of(void *ctx, size_t i)
{
    const struct vs_plan *p = ctx;
    return vs_plan_label(p, p->begin + i);
}

size_t sweep_table(struct vs_db *db, struct vs_plan *p, double level,
                   const struct vs_metrics *metrics, enum out_format format)
{
    unsigned seeds = p->sweep->seeds;
    /* a part that begins in the middle of a combination shows single runs */
    bool whole = p->begin % seeds == 0 && p->end % seeds == 0;
    struct points_list list = {.n = p->end - p->begin,
                               .run = run_of,
                               .label = label_of,
                               .ctx = p,
                               .seeds = whole ? seeds : 1,
                               .level = level};
    size_t rows = (size_t)points_print_list(db, &list, metrics, format);
    if (format == OUT_TABLE && list.seeds > 1) {
        puts("");
        paper_printf(
            "means over %u seeds; sd: deviation of the sample; ci%g: the mean lies within so "
            "much of it at a confidence of %g %% (Student's t)",
            seeds, level * 100, level * 100);
    }
    return rows;
}

/* Says in words whether a point is stored, new or impossible. */
static const char *state_of(const struct vs_plan *p, size_t i, char *out, size_t bytes)
{
    const struct vs_planned *one = vs_plan_at(p, i);
    switch (one->state) {
    case VS_POINT_STORED:
        snprintf(out, bytes, "stored as run %" PRId64, one->run);
        return out;
    case VS_POINT_TWIN:
        snprintf(out, bytes, "the same as point %zu", one->twin + 1);
        return out;
    case VS_POINT_IMPOSSIBLE:
        return "impossible";
    default:
        return "to be run";
    }
}

void sweep_points(const struct vs_plan *p, enum out_format format)
{
    const struct vs_sweep *s = p->sweep;
    const char *columns[VS_SWEEP_AXES + 3] = {"point"};
    char text[80];
    unsigned n = 1;
    for (unsigned a = 0; a < s->n_axes; a++) {
        columns[n++] = s->axis[a].path;
    }
    if (s->seeds > 1) {
        columns[n++] = "seed";
    }
    columns[n++] = "state";
    struct out *o = out_begin(format, columns, n);
    for (size_t i = p->begin; i < p->end; i++) {
        out_int(o, (int64_t)i + 1);
        for (unsigned a = 0; a < s->n_axes; a++) {
            out_text(o, vs_sweep_value(s, i, a));
        }
        if (s->seeds > 1) {
            out_int(o, (int64_t)vs_sweep_seed(s, i));
        }
        out_text(o, state_of(p, i, text, sizeof text));
    }
    out_end(o, stdout);
}
