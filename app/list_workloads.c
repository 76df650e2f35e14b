/* SPDX-License-Identifier: MIT */
/* list workloads, list parameters: what the shipped scripts do and what they can be told. */
#define _GNU_SOURCE
#include "cmd.h"

#include "home.h"
#include "lua/workload.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A script of the folder of workloads, its parameters as knobs. */
struct script {
    const char *file;
    const struct vs_workload *workload;
    const struct vs_knobs *knobs;
};

/* Orders a folder's entries by name. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Shows every script that can be loaded; of the others the errors say why not. */
static void each(struct out *o, void (*print)(struct out *o, const struct script *s),
                 struct vs_errors *errors)
{
    char folder[4096], path[4600];
    snprintf(folder, sizeof folder, "%s/workloads", vs_home());
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(entry[i]->d_name, '.');
        struct vs_knobs *k = vs_knobs_create(NULL, 0);
        struct vs_workload *w = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (dot && !strcmp(dot, ".lua") && !vs_workload_load(path, k, NULL, 0, 1, &w, errors)) {
            struct script s = {entry[i]->d_name, w, k};
            print(o, &s);
        }
        vs_workload_close(w);
        vs_knobs_destroy(k);
        free(entry[i]);
    }
    free(entry);
}

/* One row: how many vCPUs a workload has, its parameters and what it does. */
static void print_workload(struct out *o, const struct script *s)
{
    char path[4600], parameters[1024] = "";
    size_t at = 0;
    for (size_t j = 0; j < vs_knobs_count(s->knobs) && at < sizeof parameters; j++) {
        const struct vs_knob *knob = vs_knobs_at(s->knobs, j);
        char text[64];
        at += (size_t)snprintf(parameters + at, sizeof parameters - at, "%s%s=%s", j ? " " : "",
                               knob->desc->path + strlen("workload."),
                               vs_knob_text(knob, text, sizeof text));
    }
    snprintf(path, sizeof path, "workloads/%s", s->file);
    out_text(o, path);
    out_int(o, vs_workload_info(s->workload).n_vcpus);
    out_text(o, parameters);
    out_text(o, vs_workload_info(s->workload).text);
}

/* One row for each parameter of a workload. */
static void print_parameters(struct out *o, const struct script *s)
{
    for (size_t j = 0; j < vs_knobs_count(s->knobs); j++) {
        const struct vs_knob *knob = vs_knobs_at(s->knobs, j);
        const struct vs_knob_desc *d = knob->desc;
        char text[64];
        out_text(o, vs_workload_info(s->workload).name);
        out_text(o, d->path);
        out_text(o, vs_knob_text(knob, text, sizeof text));
        snprintf(text, sizeof text, "%" PRIu64 "..%" PRIu64, d->min, d->max);
        if (d->max == UINT64_MAX || d->max == INT64_MAX) {
            snprintf(text, sizeof text, ">= %" PRIu64, d->min);
        }
        out_text(o, d->choices ? d->choices : text);
        out_text(o, d->unit);
        out_text(o, d->text);
    }
}

struct out *list_workloads(enum out_format format, struct vs_errors *errors)
{
    static const char *const columns[] = {"workload", "vcpus", "parameters", "description"};
    struct out *o = out_begin(format, columns, 4);
    each(o, print_workload, errors);
    return o;
}

struct out *list_parameters(enum out_format format, struct vs_errors *errors)
{
    static const char *const columns[] = {"workload", "parameter", "default",
                                          "bounds",   "unit",      "meaning"};
    struct out *o = out_begin(format, columns, 6);
    each(o, print_parameters, errors);
    return o;
}
