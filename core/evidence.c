/* SPDX-License-Identifier: MIT */
#include "virtsim/evidence.h"

#include <string.h>

static const char *const grade_name[] = {"measured", "derived", "documented", "assumed"};

/* The name of a grade of evidence. */
const char *vs_evidence_name(enum vs_evidence g)
{
    return grade_name[g];
}

/* Finds a grade of evidence by its name. */
bool vs_evidence_parse(const char *text, enum vs_evidence *out)
{
    for (size_t i = 0; i < sizeof grade_name / sizeof grade_name[0]; i++) {
        if (!strcmp(text, grade_name[i])) {
            *out = (enum vs_evidence)i;
            return true;
        }
    }
    return false;
}

void vs_group_fix(struct vs_group *g, const struct vs_knobs *knobs)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct vs_knob *k = vs_knobs_find(knobs, g->member[i].path);
        g->member[i].value = k ? k->value : 0;
    }
}

bool vs_group_holds(const struct vs_group *g, const struct vs_knobs *knobs)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct vs_knob *k = vs_knobs_find(knobs, g->member[i].path);
        if (!k || k->value != g->member[i].value) {
            return false;
        }
    }
    return g->n > 0;
}

int vs_evidence_weaker(enum vs_evidence a, enum vs_evidence b)
{
    static const int order[] = {[VS_GRADE_measured] = 0,
                                [VS_GRADE_documented] = 1,
                                [VS_GRADE_derived] = 2,
                                [VS_GRADE_assumed] = 3};
    return order[a] - order[b];
}
