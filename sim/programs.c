/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include "home.h"
#include "lua/workload.h"
#include "recording/recording.h"
#include "replay/replay.h"
#include "replay/system.h"
#include "trace/tables.h"
#include "trace/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "a" or "a+b". */
static void join(char *out, size_t bytes, const char *what)
{
    size_t n = strlen(out);
    snprintf(out + n, bytes - n, "%s%s", n ? "+" : "", what);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum vs_status vs_programs_open_workload(struct vs_programs *p, const struct vs_session_request *r,
                                         struct vs_knobs *knobs, struct vs_errors *errors)
{
    char near[4500] = "";
    vs_home_path(r->input, p->path, sizeof p->path);
    if (access(p->path, F_OK) && errno == ENOENT) {
        bool found = vs_home_nearest(r->input, near, sizeof near);
        vs_error(errors,
                 found ? "unknown workload '%s'; did you mean '%s'?"
                       : "unknown workload '%s'; 'virtsim list workloads' names the shipped ones",
                 r->input, near);
        return VS_E_INPUT;
    }
    enum vs_status st = vs_workload_load(p->path, knobs, r->options.seed, &p->workload, errors);
    if (!st) {
        join(p->name, sizeof p->name, vs_workload_info(p->workload).name);
        p->n_vcpus = vs_workload_info(p->workload).n_vcpus;
        for (unsigned i = 0; i < p->n_vcpus; i++) {
            p->shares[i] = (uint8_t)vs_workload_shares(p->workload, i);
        }
    }
    return st;
}

/* What a trace of a whole system needs besides. */
static enum vs_status open_system(struct vs_program *one, struct vs_session_request *r,
                                  struct vs_system **out, struct vs_errors *errors)
{
    char err[1200];
    *out = NULL;
    if (!vs_trace_info(one->trace).system) {
        return VS_OK;
    }
    if (r->tables) {
        one->tables = vs_tables_open(r->tables, err, sizeof err);
        if (!one->tables) {
            vs_error(errors, "%s", err);
            return VS_E_INPUT;
        }
        r->options.recorded_memory = one->tables->memory;
    }
    r->options.recorded++;
    *out = vs_system_create(one->tables);
    return *out ? VS_OK : VS_E_NOMEM;
}

static enum vs_status open_trace(struct vs_programs *p, struct vs_session_request *r,
                                 const char *input, struct vs_errors *errors)
{
    struct vs_program *one = &p->each[p->n++];
    struct vs_system *system;
    char err[1200];
    one->trace = vs_trace_open(p->path, r->trace_format, err, sizeof err);
    if (!one->trace) {
        vs_error(errors, "%s", err);
        return VS_E_INPUT;
    }
    enum vs_status st = open_system(one, r, &system, errors);
    if (st) {
        return st;
    }
    one->replay = vs_replay_create(one->trace, input, r->skip, r->limit, p->warmup, system);
    p->n_vcpus++;
    return one->replay ? VS_OK : VS_E_NOMEM;
}

static uint64_t number(const struct vs_recording *rec, const char *key)
{
    char text[32];
    return vs_recording_text(rec, key, 0, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

/* Lines "shares=1 0": vCPU 1 of the recording works in the address spaces of its vCPU 0. */
static void open_shares(struct vs_programs *p, const struct vs_recording *rec)
{
    char text[32];
    unsigned n = vs_recording_vcpus(rec);
    for (unsigned i = 0; vs_recording_text(rec, "shares", i, text, sizeof text); i++) {
        char *end;
        unsigned long who = strtoul(text, &end, 10), with = strtoul(end, NULL, 10);
        if (who < n && with < who && p->n_vcpus + who < VS_RUN_VCPUS && p->n_vcpus + with < 255u) {
            p->shares[p->n_vcpus + who] = (uint8_t)(p->n_vcpus + with + 1u);
        }
    }
}

static enum vs_status open_recording(struct vs_programs *p, struct vs_session_request *r,
                                     struct vs_errors *errors)
{
    struct vs_program *one = &p->each[p->n++];
    char err[1200];
    if (r->skip || r->limit || r->tables) {
        vs_error(errors,
                 "--skip, --limit and --tables: %s is a recording of a run, which is "
                 "replayed as a whole",
                 p->path);
        return VS_E_INPUT;
    }
    one->recording = vs_recording_open(p->path, err, sizeof err);
    if (!one->recording) {
        vs_error(errors, "%s", err);
        return VS_E_INPUT;
    }
    open_shares(p, one->recording);
    p->n_vcpus += vs_recording_vcpus(one->recording);
    if (!r->seeded) {
        r->options.seed = vs_recording_seed(one->recording);
    }
    if (!r->options.warmup) {
        r->options.warmup = number(one->recording, "warmup");
    }
    r->options.recorded += (unsigned)number(one->recording, "recorded");
    uint64_t memory = number(one->recording, "recorded_memory");
    if (memory > r->options.recorded_memory) {
        r->options.recorded_memory = memory;
    }
    return VS_OK;
}

static bool is_vst(const char *format)
{
    return format && !strcmp(format, "vst");
}

static enum vs_status open_one(struct vs_programs *p, struct vs_session_request *r,
                               const char *input, struct vs_errors *errors)
{
    if (p->n == VS_PROGRAMS_MAX) {
        vs_error(errors, "%s: at most %u traces are replayed together", input, VS_PROGRAMS_MAX);
        return VS_E_INPUT;
    }
    vs_home_path(input, p->path, sizeof p->path);
    join(p->name, sizeof p->name, base_name(input));
    if (vs_recording_is(p->path)) {
        return open_recording(p, r, errors);
    }
    if (is_vst(r->trace_format)) {
        vs_error(errors,
                 "--trace-format vst: %s is not a recording of a run; those are plain files that "
                 "begin with VST1",
                 input);
        return VS_E_INPUT;
    }
    return open_trace(p, r, input, errors);
}

enum vs_status vs_programs_open_traces(struct vs_programs *p, struct vs_session_request *r,
                                       struct vs_errors *errors)
{
    p->warmup = r->options.warmup; /* what was asked for, whatever a recording says */
    enum vs_status st = open_one(p, r, r->input, errors), one;
    for (size_t i = 0; i < r->n_further; i++) {
        one = open_one(p, r, r->further[i], errors);
        st = st ? st : one;
    }
    bool any_trace = false, any_recording = false, any_system = false;
    for (unsigned i = 0; i < p->n; i++) {
        any_trace = any_trace || p->each[i].trace;
        any_recording = any_recording || p->each[i].recording;
        any_system = any_system || (p->each[i].trace && vs_trace_info(p->each[i].trace).system);
    }
    if (!st && r->tables && !any_system) {
        vs_error(errors,
                 "--tables: %s has no physical addresses; only a trace of a whole system (format "
                 "qmt) can be replayed over recorded page tables",
                 r->input);
        st = VS_E_INPUT;
    }
    if (!st && r->trace_format && !any_trace && !is_vst(r->trace_format)) {
        vs_error(errors, "--trace-format %s: %s is a recording of a run, vst", r->trace_format,
                 r->input);
        st = VS_E_INPUT;
    }
    if (!st && p->warmup && any_trace && any_recording) {
        vs_error(errors, "--warmup: counts records of a trace, but accesses of a recording; the "
                         "request has both");
        st = VS_E_INPUT;
    }
    if (!any_recording) {
        r->options.warmup = 0; /* the sources mark it, by records */
    }
    return st;
}

enum vs_status vs_programs_machines(struct vs_programs *p)
{
    unsigned k = 0, next = 0;
    p->machine = calloc(p->n_vcpus ? p->n_vcpus : 1u, sizeof *p->machine);
    if (!p->machine) {
        return VS_E_NOMEM;
    }
    for (unsigned i = 0; i < p->n; i++) {
        const struct vs_recording *rec = p->each[i].recording;
        unsigned n = rec ? vs_recording_vcpus(rec) : 1u, first = next;
        if (rec) {
            vs_recording_machines(rec, &p->machine[k]);
        }
        for (; n; n--, k++) {
            p->machine[k] += first;
            next = p->machine[k] < next ? next : p->machine[k] + 1u;
        }
    }
    for (; k < p->n_vcpus; k++) {
        p->machine[k] = next++;
    }
    return VS_OK;
}

const struct vs_recording *vs_programs_recording(const struct vs_programs *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->each[i].recording) {
            return p->each[i].recording;
        }
    }
    return NULL;
}

void vs_programs_sources(struct vs_programs *p, const struct vs_knobs *knobs,
                         struct vs_guest_source *out)
{
    unsigned k = 0;
    if (p->workload) {
        vs_workload_values(p->workload, knobs);
        while (vs_workload_source(p->workload, k, &out[k])) {
            k++;
        }
    }
    for (unsigned i = 0; i < p->n; i++) {
        if (p->each[i].replay) {
            vs_replay_source(p->each[i].replay, &out[k++]);
            continue;
        }
        unsigned first = k;
        for (unsigned v = 0; v < vs_recording_vcpus(p->each[i].recording); v++) {
            vs_recording_source(p->each[i].recording, v, first, &out[k++]);
        }
    }
}

void vs_programs_describe(const struct vs_programs *p, char *hash, size_t hash_bytes, char *format,
                          size_t format_bytes)
{
    char text[40];
    *hash = *format = 0;
    if (p->workload) {
        snprintf(hash, hash_bytes, "fnv1a:%016" PRIx64, vs_workload_info(p->workload).hash);
    }
    for (unsigned i = 0; i < p->n; i++) {
        uint64_t h;
        if (p->each[i].recording) {
            h = vs_recording_hash(p->each[i].recording);
            join(format, format_bytes, "vst");
        } else {
            struct vs_trace_info info = vs_trace_info(p->each[i].trace);
            h = info.xxh64;
            join(format, format_bytes, info.format);
        }
        snprintf(text, sizeof text, "xxh64:%016" PRIx64, h);
        join(hash, hash_bytes, text);
    }
}

void vs_programs_close(struct vs_programs *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct vs_program *one = &p->each[i];
        if (!one->replay) {
            vs_trace_close(one->trace);
        }
        vs_replay_destroy(one->replay);
        vs_tables_close(one->tables);
        vs_recording_close(one->recording);
    }
    vs_workload_close(p->workload);
    free(p->machine);
    memset(p, 0, sizeof *p);
}
