/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include "home.h"
#include "lua/workload.h"
#include "metric/metric.h"
#include "machine/platform.h"
#include "recording/recording.h"
#include "replay/kvm/kvm.h"
#include "replay/replay.h"
#include "replay/system.h"
#include "request/request.h"
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

/* A path's last part. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The metrics that the workload states are there. */
static enum vs_status check_metrics(const struct vs_workload *w, const char *path,
                                    struct vs_errors *errors)
{
    struct vs_workload_info info = vs_workload_info(w);
    static struct vs_metrics found;
    enum vs_status worst = VS_OK;
    char by[4200];
    snprintf(by, sizeof by, "%s:%d: metrics:", path, info.metrics_line);
    found.n = 0;
    for (const char *at = info.metrics; *at;) {
        char text[VS_METRIC_TEXT];
        size_t n = strcspn(at, " ");
        snprintf(text, sizeof text, "%.*s", (int)n, at);
        enum vs_status st = vs_metrics_add(&found, text, by, errors);
        worst = worst ? worst : st;
        at += n + (at[n] == ' ');
    }
    return worst ? VS_E_INPUT : VS_OK;
}

enum vs_status vs_programs_open_workload(struct vs_programs *p, const struct vs_session_request *r,
                                         struct vs_knobs *knobs, struct vs_errors *errors)
{
    char near[4500] = "";
    vs_home_path(r->input, p->path, sizeof p->path);
    if (access(p->path, F_OK) && errno == ENOENT) {
        vs_error(errors, "unknown workload '%s'; %s", r->input,
                 vs_home_suggest(r->input, "'virtsim list workloads' names the shipped ones", near,
                                 sizeof near));
        return VS_E_INPUT;
    }
    enum vs_status st =
        vs_workload_load(p->path, knobs, r->sets, r->n_sets, r->options.seed, &p->workload, errors);
    st = st ? st : check_metrics(p->workload, p->path, errors);
    if (!st) {
        join(p->name, sizeof p->name, vs_workload_info(p->workload).name);
        p->n_vcpus = vs_workload_info(p->workload).n_vcpus;
        for (unsigned i = 0; i < p->n_vcpus; i++) {
            p->shares[i] = (uint8_t)vs_workload_shares(p->workload, i);
        }
    }
    return st;
}

/* The recorded page tables, and what else a trace of a whole system says of the machine. */
static enum vs_status open_tables(struct vs_program *one, struct vs_session_request *r,
                                  unsigned processors, struct vs_errors *errors)
{
    char err[1200];
    r->options.recorded++;
    if (!r->tables) {
        return VS_OK;
    }
    if (processors > 1u) {
        vs_error(
            errors,
            "--tables: %s was recorded on %u processors, each with page tables of its own, and "
            "a snapshot holds those of one; leave --tables out: pages are mapped as recorded",
            one->input, processors);
        return VS_E_INPUT;
    }
    one->tables = vs_tables_open(r->tables, err, sizeof err);
    if (!one->tables) {
        vs_error(errors, "%s", err);
        return VS_E_INPUT;
    }
    r->options.recorded_memory = one->tables->memory;
    return VS_OK;
}

/* A lane of its own for each processor that what is replayed of a recorded guest has. */
static enum vs_status open_processors(struct vs_program *one, struct vs_session_request *r,
                                      const char *path, struct vs_errors *errors)
{
    struct vs_replay_census census = {{0}, {0}};
    bool once = !strcmp(path, "-"); /* only one processor's is read then */
    enum vs_status st = once ? VS_OK : vs_replay_count(path, r->trace_format, &r->parts, &census);
    unsigned processor[VS_REPLAY_LANES] = {0}, n = 0;
    for (unsigned i = 0; i < VS_REPLAY_LANES; i++) {
        if (census.replayed[i]) {
            processor[n++] = i;
        }
    }
    n = n ? n : 1u; /* what is wrong then, its replay says */
    st = st ? st : open_tables(one, r, n, errors);
    for (unsigned i = 0; i < n && !st; i++) {
        if (n > 1u && !census.measured[processor[i]]) {
            vs_error(errors,
                     "%s: processor %u has no record in the part that is measured, %" PRIu64
                     " in the warm-up before it; choose another part with --skip, --warmup and "
                     "--limit",
                     one->input, processor[i], census.replayed[processor[i]]);
            return VS_E_INPUT;
        }
        struct vs_system *system = vs_system_create(one->tables);
        if (!system) {
            return VS_E_NOMEM;
        }
        vs_replay_lane(one->replay, processor[i], system);
    }
    return st;
}

/* Opens an input as a trace of memory accesses. */
static enum vs_status open_trace(struct vs_programs *p, struct vs_session_request *r,
                                 const char *input, struct vs_errors *errors)
{
    struct vs_program *one = &p->each[p->n++];
    char err[1200];
    one->input = input;
    one->trace = vs_trace_open(p->path, r->trace_format, err, sizeof err);
    if (!one->trace) {
        vs_error(errors, "%s", err);
        return VS_E_INPUT;
    }
    one->replay = vs_replay_create(one->trace, input, &r->parts);
    if (!one->replay) {
        return VS_E_NOMEM;
    }
    enum vs_status st = VS_OK;
    if (vs_trace_info(one->trace).system) {
        st = open_processors(one, r, p->path, errors);
    } else {
        vs_replay_lane(one->replay, 0, NULL);
    }
    p->n_vcpus += vs_replay_lanes(one->replay);
    return st;
}

/* A number in the text of a recording, 0 if it is not there. */
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

/* Opens an input as a recording, which takes no option that cuts it. */
static enum vs_status open_recording(struct vs_programs *p, struct vs_session_request *r,
                                     const char *input, struct vs_errors *errors)
{
    struct vs_program *one = &p->each[p->n++];
    char err[1200];
    one->input = input;
    if (r->parts.skip.n || r->parts.limit.n || r->tables) {
        vs_error(errors,
                 "--skip, --limit and --tables: %s is a recording of a run, which is "
                 "replayed as a whole",
                 input);
        return VS_E_INPUT;
    }
    if (r->parts.warmup.instructions || r->threads || r->shares) {
        vs_error(errors,
                 "%s: %s is a recording of a run: its warm-up counts accesses, and which of its "
                 "vCPUs share an address space it says itself",
                 r->parts.warmup.instructions ? "--warmup in instructions"
                 : r->threads                 ? "--threads"
                                              : "--shares",
                 input);
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

/* Says whether the format asked for is that of recordings. */
static bool is_vst(const char *format)
{
    return format && !strcmp(format, "vst");
}

/* Opens one input as what it is by its content. */
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
        return open_recording(p, r, input, errors);
    }
    if (is_vst(r->trace_format)) {
        vs_error(errors,
                 "--trace-format vst: %s is not a recording of a run; those are plain files that "
                 "begin with VST1",
                 input);
        return VS_E_INPUT;
    }
    bool exits = r->trace_format && !strcmp(r->trace_format, "kvm");
    if (exits || (!r->trace_format && vs_kvm_is(p->path))) {
        return vs_programs_open_exits(p, r, input, errors);
    }
    return open_trace(p, r, input, errors);
}

enum vs_status vs_programs_open_traces(struct vs_programs *p, struct vs_session_request *r,
                                       struct vs_errors *errors)
{
    r->parts.warmup.n = r->options.warmup; /* what was asked for, whatever a recording says */
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
    if (!st && r->trace_format && !any_trace && any_recording && !is_vst(r->trace_format)) {
        vs_error(errors, "--trace-format %s: %s is a recording of a run, vst", r->trace_format,
                 r->input);
        st = VS_E_INPUT;
    }
    if (!st && r->parts.warmup.n && any_trace && any_recording) {
        vs_error(errors, "--warmup: counts records of a trace, but accesses of a recording; the "
                         "request has both");
        st = VS_E_INPUT;
    }
    if (!st && any_system && (r->threads || r->shares)) {
        vs_error(errors,
                 "%s: a recording of a whole guest brings its own address spaces; only "
                 "programs' traces are threads of one process",
                 r->threads ? "--threads" : "--shares");
        st = VS_E_INPUT;
    }
    if (!any_recording) {
        r->options.warmup = 0; /* the sources mark it */
    }
    return st ? st : vs_programs_share(p, r, errors);
}

/* How many vCPUs an input has. */
static unsigned vcpus(const struct vs_program *one)
{
    if (one->exits) {
        return one->exits->n;
    }
    return one->recording ? vs_recording_vcpus(one->recording) : vs_replay_lanes(one->replay);
}

enum vs_status vs_programs_machines(struct vs_programs *p, unsigned together)
{
    unsigned k = 0, next = 0, of_workload;
    p->machine = calloc(p->n_vcpus ? p->n_vcpus : 1u, sizeof *p->machine);
    if (!p->machine) {
        return VS_E_NOMEM;
    }
    for (unsigned i = 0; i < p->n; i++) {
        const struct vs_recording *rec = p->each[i].recording;
        unsigned n = vcpus(&p->each[i]), first = next;
        if (rec) {
            vs_recording_machines(rec, &p->machine[k]);
        }
        for (; n; n--, k++) {
            p->machine[k] += first;
            next = p->machine[k] < next ? next : p->machine[k] + 1u;
        }
    }
    of_workload = k;
    for (; k < p->n_vcpus; k++) {
        p->machine[k] = next + (k - of_workload) / together;
    }
    return VS_OK;
}

enum vs_status vs_programs_measured(const struct vs_programs *p, const struct vs_platform *platform,
                                    struct vs_errors *errors)
{
    enum vs_status st = VS_OK;
    for (unsigned i = 0, k = 0; i < p->n && p->n > 1u; i++) {
        uint64_t ps = 0;
        for (unsigned n = vcpus(&p->each[i]); n; n--) {
            ps += vs_platform_measured_ps(platform, k++);
        }
        if (!ps) {
            vs_error(errors,
                     "%s: none of it is measured: it ended before the region of interest began, at "
                     "%.3f us; replay it alone, or with others that begin theirs earlier",
                     p->each[i].input, (double)vs_platform_roi_ps(platform) * 1e-6);
            st = VS_E_RUN;
        }
    }
    return st;
}

enum vs_status vs_programs_fit(const struct vs_programs *p, const struct vs_platform *platform,
                               struct vs_errors *errors)
{
    enum vs_status st = VS_OK;
    char why[400];
    for (unsigned i = 0; i < p->n; i++) {
        struct vs_recording *rec = p->each[i].recording;
        for (unsigned code = 0; rec && code < vs_recording_codes(); code++) {
            if (vs_recording_asks(rec, (enum vs_req)code) &&
                vs_platform_lacks(platform, (enum vs_req)code, why, sizeof why)) {
                vs_error(errors, "%s: its programs ask for what this machine lacks: %s",
                         vs_recording_name(rec), why);
                st = VS_E_CONFIG;
            }
        }
    }
    return st;
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
        unsigned first = k;
        struct vs_replay *replay = p->each[i].replay;
        if (replay) {
            vs_replay_together(replay, p->n, 0);
            for (unsigned lane = 0; lane < vs_replay_lanes(replay); lane++) {
                vs_replay_source(replay, lane, first, &out[k++]);
            }
            continue;
        }
        for (unsigned v = 0; p->each[i].exits && v < p->each[i].exits->n; v++) {
            vs_kvm_source(p->each[i].exits->source[v], &out[k++]);
        }
        for (unsigned v = 0; p->each[i].recording && v < vs_recording_vcpus(p->each[i].recording);
             v++) {
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
        snprintf(hash, hash_bytes, "xxh64:%016" PRIx64, vs_workload_info(p->workload).hash);
    }
    for (unsigned i = 0; i < p->n; i++) {
        uint64_t h;
        if (p->each[i].recording) {
            h = vs_recording_hash(p->each[i].recording);
            join(format, format_bytes, "vst");
        } else if (p->each[i].exits) {
            h = p->each[i].exits->exits.hash;
            join(format, format_bytes, "kvm");
        } else {
            struct vs_trace_info info = vs_trace_info(p->each[i].trace);
            h = info.xxh64;
            join(format, format_bytes, info.format);
        }
        snprintf(text, sizeof text, "xxh64:%016" PRIx64, h);
        join(hash, hash_bytes, text);
    }
}

void vs_programs_records(const struct vs_programs *p, char *out, size_t bytes)
{
    char text[32];
    *out = 0;
    for (unsigned i = 0; i < p->n; i++) {
        snprintf(text, sizeof text, "%" PRIu64,
                 p->each[i].replay ? vs_replay_measured(p->each[i].replay) : 0);
        if (p->each[i].exits) {
            snprintf(text, sizeof text, "%" PRIu64, p->each[i].exits->exits.exits);
        }
        join(out, bytes, p->each[i].recording ? "-" : text);
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
        vs_kvm_close(one->exits);
    }
    vs_workload_close(p->workload);
    free(p->machine);
    memset(p, 0, sizeof *p);
}
