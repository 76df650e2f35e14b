/* SPDX-License-Identifier: MIT */
/* list programs: what the shipped hypervisors and guest kernels do, step by step. */
#include "cmd.h"

#include "machine/software.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The steps of one set's programs, with the numbers that its file gives them. */
static void rows(struct out *o, const struct vs_program_set *s)
{
    uint64_t *values = calloc(1, s->component.config_bytes + 1);
    if (!values) {
        return;
    }
    vs_defaults(&s->component, values);
    for (size_t i = 0; i < s->desc->n; i++) {
        const struct vs_program *p = &s->program[i];
        for (size_t k = 0; k < p->desc->n; k++) {
            const struct vs_step_desc *d = p->step[k].desc;
            char text[400];
            vs_step_text(s, &p->step[k], values, text, sizeof text);
            out_text(o, s->desc->name);
            out_text(o, p->desc->name);
            out_text(o, p->desc->at);
            out_text(o, p->desc->of);
            out_text(o, d->name);
            out_text(o, text);
            out_text(o, d->grade ? d->grade : "");
            out_text(o, d->source ? d->source : "");
        }
    }
    free(values);
}

struct out *list_programs(enum out_format format, const char *software, struct vs_errors *errors)
{
    static const char *const columns[] = {"software", "program", "at",       "from",
                                          "step",     "does",    "evidence", "source"};
    const char *names[64];
    size_t n = 0;
    bool found = false;
    struct out *o = out_begin(format, columns, 8);
    for (const struct vs_program_set_desc *d = vs_software_tables; d->name && n < 64; d++) {
        names[n++] = d->name;
        if (!software || !strcmp(software, d->name)) {
            found = true;
            rows(o, vs_software(d->role, d->name));
        }
    }
    if (!found) {
        char hint[VS_SUGGEST], all[512];
        int at = snprintf(all, sizeof all, "there are");
        for (size_t i = 0; i < n && at > 0 && (size_t)at < sizeof all; i++) {
            at += snprintf(all + at, sizeof all - (size_t)at, "%s %s", i ? "," : "", names[i]);
        }
        vs_error(errors, "list programs %s: no shipped hypervisor or kernel; %s", software,
                 vs_suggest(software, names, n, all, hint, sizeof hint));
    }
    return o;
}
