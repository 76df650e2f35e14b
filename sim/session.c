/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "home.h"
#include "lua/workload.h"
#include "replay/replay.h"
#include "replay/system.h"
#include "trace/tables.h"
#include "trace/trace.h"
#include "virtsim/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct vs_session {
    struct vs_session_request request;
    struct vs_knobs *knobs;
    struct vs_machine_info machine;
    struct vs_workload *workload;
    struct vs_replay *replay;
    struct vs_trace *trace; /* owned by replay once that exists */
    struct vs_recorded_tables *tables;
    struct vs_platform *platform;
    char name[256], path[4096], hash[40];
    double wall_s, cpu_s;
    char started[32];
};

static void base_name(const char *path, char *out, size_t bytes)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, bytes, "%s", slash ? slash + 1 : path);
}

static enum vs_status apply_sets(struct vs_session *s, struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    enum vs_status worst = VS_OK;
    for (size_t i = 0; i < r->n_sets; i++) {
        const char *eq = strchr(r->sets[i], '=');
        const char *by = r->set_by && r->set_by[i] ? r->set_by[i] : "--set";
        if (!eq || eq == r->sets[i] || !eq[1]) {
            vs_error(errors, "%s: '%s' is not PATH=VALUE", by, r->sets[i]);
            worst = VS_E_INPUT;
            continue;
        }
        char path[256];
        snprintf(path, sizeof path, "%.*s", (int)(eq - r->sets[i]), r->sets[i]);
        struct vs_origin who = {VS_RANK_CLI, by, "the request", VS_GRADE_assumed};
        enum vs_status one = vs_knobs_set(s->knobs, path, eq + 1, &who, errors);
        worst = one ? one : worst;
    }
    return worst;
}

/* What a trace of a whole system needs besides, and no other may have. */
static enum vs_status open_system(struct vs_session *s, bool system, struct vs_system **out,
                                  struct vs_errors *errors)
{
    char err[1200];
    *out = NULL;
    if (!system && s->request.tables) {
        vs_error(errors,
                 "--tables: %s has no physical addresses; only a trace of a whole system "
                 "(format qmt) can be replayed over recorded page tables",
                 s->request.input);
        return VS_E_INPUT;
    }
    if (s->request.tables) {
        s->tables = vs_tables_open(s->request.tables, err, sizeof err);
        if (!s->tables) {
            vs_error(errors, "%s", err);
            return VS_E_INPUT;
        }
        s->request.options.recorded_memory = s->tables->memory;
    }
    s->request.options.recorded = system;
    *out = system ? vs_system_create(s->tables) : NULL;
    return !system || *out ? VS_OK : VS_E_NOMEM;
}

static enum vs_status open_input(struct vs_session *s, struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    vs_home_path(r->input, s->path, sizeof s->path);
    if (!r->is_trace) {
        enum vs_status st =
            vs_workload_load(s->path, s->knobs, r->options.seed, &s->workload, errors);
        if (!st) {
            snprintf(s->name, sizeof s->name, "%s", vs_workload_info(s->workload).name);
            snprintf(s->hash, sizeof s->hash, "fnv1a:%016" PRIx64,
                     vs_workload_info(s->workload).hash);
        }
        return st;
    }
    char err[1200];
    s->trace = vs_trace_open(s->path, r->trace_format, err, sizeof err);
    if (!s->trace) {
        vs_error(errors, "%s", err);
        return VS_E_INPUT;
    }
    base_name(r->input, s->name, sizeof s->name);
    struct vs_system *system;
    enum vs_status st = open_system(s, vs_trace_info(s->trace).system, &system, errors);
    if (st) {
        return st;
    }
    s->replay = vs_replay_create(s->trace, s->path, r->skip, r->limit, r->options.warmup, system);
    return s->replay ? VS_OK : VS_E_NOMEM;
}

enum vs_status vs_session_prepare(const struct vs_session_request *r, struct vs_session **out,
                                  struct vs_errors *errors)
{
    struct vs_session *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) {
        return VS_E_NOMEM;
    }
    s->request = *r;
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    s->knobs = vs_knobs_create(components, n);
    enum vs_status st = s->knobs ? VS_OK : VS_E_NOMEM, one;
    /* all mistakes of a request are reported together: go on after each */
    if (!st) {
        st = vs_machine_load(vs_home(), r->machine ? r->machine : "skylake_sp_kvm", s->knobs,
                             &s->machine, errors);
        one = open_input(s, errors);
        st = st ? st : one;
        /* an unreadable workload has declared nothing: its parameters would all look unknown */
        one = one ? VS_OK : apply_sets(s, errors);
        st = st ? st : one;
    }
    if (!st) {
        struct vs_run_options options = s->request.options;
        if (s->replay) {
            options.warmup = 0; /* the source marks it, by records */
        }
        unsigned vcpus = s->workload ? vs_workload_info(s->workload).n_vcpus : 1;
        st = vs_platform_create(s->knobs, &options, vcpus, &s->platform, errors);
    }
    if (st) {
        vs_session_close(s);
        return st;
    }
    struct vs_guest_source source;
    if (s->replay) {
        vs_replay_source(s->replay, &source);
        vs_platform_guest(s->platform, 0, &source);
    } else {
        vs_workload_values(s->workload, s->knobs);
        for (unsigned i = 0; vs_workload_source(s->workload, i, &source); i++) {
            vs_platform_guest(s->platform, i, &source);
        }
    }
    *out = s;
    return VS_OK;
}

const struct vs_knobs *vs_session_knobs(const struct vs_session *s)
{
    return s->knobs;
}

const struct vs_machine_info *vs_session_machine(const struct vs_session *s)
{
    return &s->machine;
}

const char *vs_session_workload(const struct vs_session *s)
{
    return s->name;
}

struct vs_ledger *vs_session_ledger(struct vs_session *s)
{
    return vs_platform_ledger(s->platform);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum vs_status vs_session_run(struct vs_session *s, struct vs_errors *errors)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(s->started, sizeof s->started, "%Y-%m-%dT%H:%M:%SZ", &tm);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    enum vs_status st = vs_platform_run(s->platform, errors);
    s->wall_s = seconds(CLOCK_MONOTONIC) - wall;
    s->cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    char why[300];
    if (!st && vs_ledger_unbalanced(vs_platform_ledger(s->platform), why, sizeof why)) {
        vs_error(errors, "internal: the books do not balance: %s; nothing was stored", why);
        st = VS_E_RUN;
    }
    return st;
}

static const char *text_of(char *out, size_t bytes, const char *format, double v)
{
    snprintf(out, bytes, format, v);
    return out;
}

enum vs_status vs_session_store(struct vs_session *s, struct vs_db *db, int64_t *run,
                                struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    const char *format = "";
    if (s->trace) {
        struct vs_trace_info info = vs_trace_info(s->trace);
        format = info.format;
        snprintf(s->hash, sizeof s->hash, "xxh64:%016" PRIx64, info.xxh64);
    }
    size_t n_epochs;
    const struct vs_epoch_sample *samples = vs_platform_epochs(s->platform, &n_epochs);
    struct vs_epoch_row *epochs = calloc(n_epochs ? n_epochs : 1, sizeof *epochs);
    for (size_t i = 0; epochs && i < n_epochs; i++) {
        epochs[i] = (struct vs_epoch_row){samples[i].epoch, samples[i].end_ps, samples[i].value,
                                          samples[i].actor, samples[i].counter};
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char host[256] = "", wall[32], cpu[32], peak[32], jobs[32];
    gethostname(host, sizeof host - 1);
    const struct vs_provenance provenance[] = {
        {"version", VS_VERSION},
        {"commit", VS_COMMIT},
        {"dirty", VS_DIRTY ? "1" : "0"},
        {"argv", r->argv ? r->argv : ""},
        {"input", r->input},
        {"host", host},
        {"started", s->started},
        {"wall_s", text_of(wall, sizeof wall, "%.3f", s->wall_s)},
        {"cpu_s", text_of(cpu, sizeof cpu, "%.3f", s->cpu_s)},
        {"peak_kib", text_of(peak, sizeof peak, "%.0f", (double)usage.ru_maxrss)},
        {"jobs", text_of(jobs, sizeof jobs, "%.0f", (double)r->jobs)},
    };
    struct vs_run_record record = {
        .info = {.command = r->is_trace ? "replay" : "run",
                 .workload = s->name,
                 .input_hash = s->hash,
                 .trace_format = format,
                 .machine = s->machine.name,
                 .point = r->point ? r->point : "",
                 .seed = r->options.seed,
                 .roi_ps = vs_platform_roi_ps(s->platform),
                 .end_ps = vs_platform_end_ps(s->platform)},
        .knobs = s->knobs,
        .ledger = vs_platform_ledger(s->platform),
        .provenance = provenance,
        .n_provenance = sizeof provenance / sizeof provenance[0],
        .epochs = epochs,
        .n_epochs = epochs ? n_epochs : 0,
    };
    enum vs_status st = vs_db_store(db, &record, run);
    if (st) {
        vs_error(errors, "%s", vs_db_error(db));
    }
    free(epochs);
    return st;
}

void vs_session_close(struct vs_session *s)
{
    if (!s) {
        return;
    }
    vs_platform_destroy(s->platform);
    if (!s->replay) {
        vs_trace_close(s->trace);
    }
    vs_replay_destroy(s->replay);
    vs_tables_close(s->tables);
    vs_workload_close(s->workload);
    vs_knobs_destroy(s->knobs);
    free(s);
}
