/* SPDX-License-Identifier: MIT */
/* sweep: points made of varied knobs, inputs, machines and seeds: checked, run, stored and printed.
 */
#define _GNU_SOURCE
#include "cmd.h"

#include "sweep/stored.h"
#include "sweep_args.h"
#include "sweep_cluster.h"
#include "sweep_table.h"

#include "paper.h"
#include "virtsim/ending.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTED 50u /* points that --skip-impossible names before it counts */

/* Shows how many points are done. */
static void show_progress(void *ctx, size_t done, size_t all, double seconds)
{
    char what[100];
    snprintf(what, sizeof what, "points%s", ctx ? (const char *)ctx : "");
    progress_of(done, all, what, seconds);
}

/* The command that goes on with this sweep. */
static void print_how_to_go_on(const struct sweep_args *a)
{
    fprintf(stderr,
            "the same command goes on with the others, or 'virtsim sweep --resume=%s --db %s'\n",
            a->s.name, a->r.db);
}

/* A signal came: what there is, and how to go on. */
static void say_stopped(const struct sweep_args *a, struct vs_db *db)
{
    char err[5200];
    struct vs_db *own = NULL; /* while points are checked none is open */
    if (!db && access(a->r.db, F_OK) == 0 && !vs_db_open(a->r.db, false, &own, err, sizeof err)) {
        db = own;
    }
    size_t n = db && vs_db_handle(db) ? vs_stored_count(db, a->s.name) : 0;
    vs_db_close(own);
    progress_clear();
    fprintf(stderr, "virtsim: stopped: %zu of %zu points are stored in %s; ", n,
            a->plan.end - a->plan.begin, a->r.db);
    print_how_to_go_on(a);
}

/* Impossible points are refused, or named and left out. */
static enum vs_status judge(struct sweep_args *a)
{
    struct vs_plan *p = &a->plan;
    size_t listed = 0;
    if (!p->n_impossible) {
        return VS_OK;
    }
    /* a part of many may hold none that is possible */
    if (!a->skip_impossible || (p->n_impossible == p->end - p->begin && !a->parts)) {
        vs_plan_refuse(p, &a->r.errors);
        return VS_E_INPUT;
    }
    progress_clear();
    for (size_t i = p->begin; i < p->end && listed < LISTED; i++) {
        if (vs_plan_at(p, i)->state == VS_POINT_IMPOSSIBLE) {
            fprintf(stderr, "virtsim: impossible, skipped: %s\n", vs_plan_label(p, i));
            listed++;
        }
    }
    for (size_t i = 0; i < p->n_faults && i < LISTED; i++) {
        fprintf(stderr, "virtsim: why %s%s: %s\n", vs_plan_label(p, p->fault[i].first),
                p->fault[i].points > 1 ? " and others" : "", p->fault[i].text);
    }
    fprintf(stderr, "virtsim: %zu of %zu points are impossible%s\n", p->n_impossible,
            p->end - p->begin, p->n_impossible > listed ? "; --dry-run lists them all" : "");
    return VS_OK;
}

/* What was known before the first run. */
static void say_known(const struct sweep_args *a)
{
    const struct vs_plan *p = &a->plan;
    if (p->n_other) {
        fprintf(stderr,
                "virtsim: note: %zu points are stored, but were made by another version (%s): they "
                "are run again by %s\n",
                p->n_other, p->other, vs_build());
    }
}

/* Runs the points that aren't in the database yet. */
static enum vs_status run_new(struct sweep_args *a, struct vs_db *db)
{
    struct vs_plan *p = &a->plan;
    char *stored = vs_stored_manifest(db, a->s.name);
    char *text = vs_manifest_text(&a->s, a->skip_impossible, true);
    enum vs_status st = text ? VS_OK : VS_E_NOMEM;
    if (!st && stored && strcmp(stored, text) != 0) {
        vs_error(&a->r.errors, "--name %s: %s has another sweep of this name; give another --name",
                 a->s.name, a->r.db);
        st = VS_E_INPUT;
    }
    if (!st) {
        say_known(a);
        if (!a->r.quiet) {
            progress_of(0, p->n_new, "points", 0);
        }
        st = vs_stored_run(p, a->pool, db, stored ? NULL : text, a->r.quiet ? NULL : show_progress,
                           NULL, &a->r.errors);
    }
    free(stored);
    free(text);
    return st;
}

/* Says how many points were run, found and impossible. */
static void print_summary(const struct sweep_args *a, size_t rows)
{
    const struct vs_plan *p = &a->plan;
    char before[64] = "", meanwhile[80] = "", impossible[64] = "";
    if (p->n_stored) {
        snprintf(before, sizeof before, "; %zu were there before", p->n_stored);
    }
    if (p->n_meanwhile) {
        snprintf(meanwhile, sizeof meanwhile, "; %zu stored by another sweep meanwhile",
                 p->n_meanwhile);
    }
    if (p->n_impossible) {
        snprintf(impossible, sizeof impossible, "; %zu are impossible", p->n_impossible);
    }
    puts("");
    paper_printf("%zu of %zu points stored in %s%s%s%s; sweep %s", rows, p->end - p->begin, a->r.db,
                 before, meanwhile, impossible, a->s.name);
}

/* Runs, stores and prints; started: simulated time began. */
static enum vs_status carry_out(struct sweep_args *a, struct vs_db *db, bool *started)
{
    enum vs_status st = vs_stored_find(&a->plan, db, &a->r.errors);
    *started = !st;
    if (!st && a->resume && !a->plan.n_stored) {
        vs_error(&a->r.errors,
                 "--resume: %s has no point of this sweep to go on from; leave it out "
                 "to begin",
                 a->r.db);
        st = VS_E_INPUT;
    }
    if (st == VS_E_INPUT) {
        *started = false;
        return st;
    }
    st = st ? st : run_new(a, db);
    if (vs_ending_came()) {
        say_stopped(a, db);
        return st ? st : VS_E_RUN;
    }
    if (st == VS_E_BOUNDS || st == VS_E_INPUT) { /* no point: what run says of each of them */
        *started = false;
        return st;
    }
    size_t rows = sweep_table(db, &a->plan, a->level, &a->metrics.metrics, a->r.format);
    if (a->r.format == OUT_TABLE) {
        print_summary(a, rows);
    }
    enum vs_status read = vs_db_unread(db);
    if (read && !st) {
        vs_error(&a->r.errors, "%s", vs_db_error(db));
    }
    return st ? st : read;
}

/* All points have one fault in common, so that it is the request's: no table says more. */
static bool all_the_same(const struct vs_plan *p)
{
    return p->n_faults == 1 && p->fault[0].points == p->end - p->begin && p->fault[0].points > 1;
}

/* The points and what would become of each; the database is read when there is one. */
static enum vs_status dry_run(struct sweep_args *a)
{
    char err[5200];
    struct vs_db *db = NULL;
    enum vs_status st = VS_OK;
    if (access(a->r.db, F_OK) == 0) {
        st = vs_db_open(a->r.db, false, &db, err, sizeof err);
        if (st) {
            vs_error(&a->r.errors, "%s", err);
        }
        st = st ? st : vs_stored_find(&a->plan, db, &a->r.errors);
    }
    vs_db_close(db);
    if (!st && all_the_same(&a->plan)) {
        vs_plan_refuse(&a->plan, &a->r.errors);
        return VS_E_INPUT;
    }
    if (!st) {
        sweep_points(&a->plan, a->r.format);
        if (a->r.format == OUT_TABLE) {
            puts("");
            paper_printf("%zu points: %zu to be run, %zu stored, %zu impossible",
                         a->plan.end - a->plan.begin, a->plan.n_new, a->plan.n_stored,
                         a->plan.n_impossible);
        }
        st = judge(a);
    }
    return st;
}

/* Ends a sweep: closes its workers and its database, and gives the exit status. */
static int finish(struct sweep_args *a, struct vs_db *db, enum vs_status st, bool started)
{
    if (a->pool && vs_ending_came()) {
        vs_db_close(db);
        vs_pool_close(a->pool); /* where the signal takes effect */
        return EXIT_RUNTIME;
    }
    vs_pool_close(a->pool);
    int status = report(&a->r.errors, st, started);
    vs_db_close(db);
    vs_plan_free(&a->plan);
    vs_sweep_free(&a->s);
    for (unsigned i = 0; i < a->n_manifests; i++) {
        vs_manifest_free(a->manifest[i]);
    }
    request_free(&a->r);
    return status;
}

/* Every point is looked at before the first one runs. */
static enum vs_status check(struct sweep_args *a)
{
    size_t n = a->s.points, k = a->parts ? a->parts : 1, i = a->parts ? a->part : 1;
    /* at most ten million each: the product fits */
    size_t begin = n * (i - 1) / k, end = n * i / k;
    struct vs_pool_work work = {&a->s, vs_sweep_point, a->jobs};
    enum vs_status st = vs_plan_make(&a->plan, &a->s, begin, end, &a->r.errors);
    a->pool = st ? NULL : vs_pool_open(&work, &a->r.errors);
    st = st ? st : a->pool ? VS_OK : VS_E_NOMEM;
    st = st ? st
            : vs_plan_check(&a->plan, a->pool, a->r.quiet ? NULL : show_progress, " checked",
                            &a->r.errors);
    if (st && vs_ending_came()) {
        say_stopped(a, NULL);
    }
    return st;
}

/* The folder of a sweep on a cluster, named from the root: tasks run elsewhere. */
static enum vs_status on_cluster(struct sweep_args *a, bool *started)
{
    char *text = vs_manifest_text(&a->s, a->skip_impossible, true), *folder = NULL, *db_path = NULL;
    const char *named = a->slurm ? a->slurm : a->gather;
    char *cwd = getcwd(NULL, 0);
    bool good = text && cwd &&
                asprintf(&folder, "%s%s%s", *named == '/' ? "" : cwd, *named == '/' ? "" : "/",
                         named) >= 0 &&
                asprintf(&db_path, "%s%s%s", *a->r.db == '/' ? "" : cwd, *a->r.db == '/' ? "" : "/",
                         a->r.db) >= 0;
    struct cluster c = {folder, text, db_path, a->slurm_options, a->group, a->jobs, a->partial};
    struct vs_db *db = NULL;
    enum vs_status st = good ? VS_OK : VS_E_NOMEM;
    if (!st && a->slurm) {
        st = cluster_look(&c, &a->r.errors);
        st = st ? st : check(a);
        st = st ? st : judge(a);
        st = st ? st : cluster_submit(&c, &a->s, &a->r.errors);
    } else if (!st) {
        st = request_open(&a->r, st, true, &db);
        st = st ? st : cluster_gather(&c, &a->s, db, &a->r.errors);
        if (!st || st == VS_E_RUN) {
            size_t n = vs_db_handle(db) ? vs_stored_count(db, a->s.name) : 0;
            printf("%zu of %zu points of sweep %s are in %s\n", n, a->s.points, a->s.name, a->r.db);
        }
    }
    *started = st == VS_E_RUN || st == VS_E_IO;
    vs_db_close(db);
    free(text);
    free(cwd);
    free(folder);
    free(db_path);
    return st;
}

int cmd_sweep(int argc, char **argv)
{
    static struct sweep_args a = {.jobs = 1, .level = 0.95};
    struct vs_db *db = NULL;
    bool started = false;
    request_init(&a.r, argc, argv);
    parse(&sweep_argp, argc, argv, &a);
    enum vs_status st = sweep_settle(&a);
    if (!st && a.print_manifest) {
        char *text = vs_manifest_text(&a.s, a.skip_impossible, false);
        fputs(text ? text : "", stdout);
        free(text);
        return finish(&a, NULL, text ? VS_OK : VS_E_NOMEM, false);
    }
    if (!st && (a.slurm || a.gather)) {
        st = on_cluster(&a, &started);
        return finish(&a, NULL, st, started);
    }
    st = st ? st : check(&a);
    if (vs_ending_came()) {
        return finish(&a, NULL, VS_E_RUN, false);
    }
    if (a.r.dry_run) {
        return finish(&a, NULL, st ? st : dry_run(&a), false);
    }
    st = st ? st : judge(&a);
    st = request_open(&a.r, st, true, &db);
    st = st ? st : carry_out(&a, db, &started);
    return finish(&a, db, st, started);
}
