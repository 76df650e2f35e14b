/* SPDX-License-Identifier: MIT */
#include "session_impl.h"

#include "home.h"
#include "lua/watch.h"
#include "lua/workload.h"
#include "metric/metric.h"
#include "recording/recording.h"
#include "request/request.h"
#include "virtsim/host_clock.h"
#include "virtsim/version.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A line of the recording's text. */
static void note(struct vs_session *s, const char *key, const char *value)
{
    size_t n = strlen(s->text);
    int k = snprintf(s->text + n, sizeof s->text - n, "%s=%s\n", key, value);
    if (k < 0 || (size_t)k >= sizeof s->text - n) {
        s->text[n] = 0;
        s->text_full = true;
    }
    for (char *c = s->text + n; *c && c[1]; c++) {
        *c = *c == '\n' ? '?' : *c; /* a line is a line */
    }
}

/* How many of the vCPUs, in order, are each virtual machine's. */
static void note_machines(struct vs_session *s)
{
    unsigned n = s->programs.n_vcpus;
    char number[32];
    for (unsigned first = 0, i = 1; i <= n; i++) {
        if (i == n ||
            vs_platform_machine(s->platform, i) != vs_platform_machine(s->platform, first)) {
            snprintf(number, sizeof number, "%u", i - first);
            note(s, "vm", number);
            first = i;
        }
    }
}

/* Sets one knob from PATH=VALUE. */
static enum vs_status set(struct vs_session *s, const char *what, const char *by,
                          struct vs_errors *errors)
{
    const char *eq = strchr(what, '=');
    if (!eq || eq == what || !eq[1]) {
        vs_error(errors, "%s: '%s' is not PATH=VALUE", by, what);
        return VS_E_INPUT;
    }
    char path[256];
    snprintf(path, sizeof path, "%.*s", (int)(eq - what), what);
    struct vs_origin who = {VS_RANK_CLI, by, "the request", VS_GRADE_assumed};
    note(s, "set", what);
    return vs_knobs_set(s->knobs, path, eq + 1, &who, errors);
}

/* Knobs as they were set for the run that was recorded, on its machine. */
static enum vs_status apply_recorded(struct vs_session *s, struct vs_errors *errors)
{
    const struct vs_recording *rec = vs_programs_recording(&s->programs);
    enum vs_status worst = VS_OK;
    char what[512];
    for (unsigned i = 0; vs_recording_text(rec, "set", i, what, sizeof what); i++) {
        enum vs_status one =
            strncmp(what, "workload.", 9) != 0 ? set(s, what, "recording", errors) : VS_OK;
        worst = one ? one : worst;
    }
    return worst;
}

/* What the workload sets of the machine, for a recording, which replays without that. */
static void note_defaults(struct vs_session *s)
{
    char value[128], what[256];
    for (size_t i = 0; i < vs_knobs_count(s->knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(s->knobs, i);
        if (k->rank == VS_RANK_WORKLOAD) {
            snprintf(what, sizeof what, "%s=%s", k->desc->path,
                     vs_knob_text(k, value, sizeof value));
            note(s, "set", what);
        }
    }
}

/* Sets all knobs that the request names, and reports every one that fails. */
static enum vs_status apply_sets(struct vs_session *s, struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    enum vs_status worst = VS_OK;
    for (size_t i = 0; i < r->n_sets; i++) {
        const char *by = r->set_by && r->set_by[i] ? r->set_by[i] : "--set";
        enum vs_status one = set(s, r->sets[i], by, errors);
        worst = one ? one : worst;
    }
    return worst;
}

/* Machines that were loaded before. */
struct kept_machine {
    char *name;
    struct vs_knobs *knobs;
    struct vs_machine_info info;
    struct kept_machine *next;
};
static struct kept_machine *kept_machines;
static bool keep_machines;

void vs_session_keep_machines(void)
{
    keep_machines = true;
}

/* Whoever cannot be kept is read again. */
static void keep_machine(const struct vs_session *s, const char *name)
{
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    struct kept_machine *k = calloc(1, sizeof *k);
    if (k) {
        k->name = strdup(name);
        k->knobs = vs_knobs_create(components, n);
    }
    if (!k || !k->name || !k->knobs || vs_knobs_copy(k->knobs, s->knobs)) {
        if (k) {
            free(k->name);
            vs_knobs_destroy(k->knobs);
        }
        free(k);
        return;
    }
    k->info = s->machine;
    k->next = kept_machines;
    kept_machines = k;
}

/* Loads a machine, once in a process. */
static enum vs_status load_machine(struct vs_session *s, const char *name, struct vs_errors *errors)
{
    for (const struct kept_machine *k = kept_machines; k; k = k->next) {
        if (!strcmp(k->name, name)) {
            s->machine = k->info;
            return vs_knobs_copy(s->knobs, k->knobs);
        }
    }
    enum vs_status st = vs_home_machine(name, s->knobs, &s->machine, errors);
    if (!st && keep_machines) {
        keep_machine(s, name);
    }
    return st;
}

/* A trace of exits brings the guest memory that its pages take, unless the request says how much.
 */
static enum vs_status room_for_exits(struct vs_session *s, struct vs_errors *errors)
{
    uint64_t needed = vs_programs_memory(&s->programs);
    const struct vs_knob *k = vs_knobs_find(s->knobs, "guest.memory");
    char text[32];
    if (!k || k->value >= needed || (k->set_by && !strcmp(k->set_by, "--set"))) {
        return VS_OK;
    }
    snprintf(text, sizeof text, "%" PRIu64, needed);
    struct vs_origin who = {VS_RANK_CLI, "trace", "2 MiB around each page that was recorded",
                            VS_GRADE_derived};
    return vs_knobs_set(s->knobs, "guest.memory", text, &who, errors);
}

/* Machine, knobs and inputs; all mistakes of a request are reported together: on after each. */
static enum vs_status configure(struct vs_session *s, struct vs_errors *errors)
{
    struct vs_session_request *r = &s->request;
    enum vs_status input = VS_OK, st, one;
    char machine[4096];
    bool recorded = false;
    vs_watch_request();
    if (r->is_trace) {
        input = vs_programs_open_traces(&s->programs, r, errors);
        const struct vs_recording *rec = vs_programs_recording(&s->programs);
        recorded =
            !r->machine && rec && vs_recording_text(rec, "machine", 0, machine, sizeof machine);
    }
    const char *name = r->machine ? r->machine : recorded ? machine : VS_HOME_MACHINE;
    note(s, "machine", name);
    st = load_machine(s, name, errors);
    const struct vs_knob *processor = vs_knobs_find(s->knobs, "cpu.vendor");
    uint64_t vendor = processor ? processor->value : 0; /* that the machine file states */
    if (!r->is_trace) {
        input = vs_programs_open_workload(&s->programs, r, s->knobs, errors);
    }
    for (unsigned i = 0; !input && vs_pin_knob(i) && i < s->programs.n_vcpus; i++) {
        input = vs_knobs_add(s->knobs, vs_pin_knob(i));
    }
    note_defaults(s);
    one = recorded && !input ? apply_recorded(s, errors) : VS_OK;
    st = st ? st : one;
    /* an unreadable input has declared nothing: its parameters would all look unknown */
    one = input ? input : apply_sets(s, errors);
    if (!st && !input && !one) {
        st = room_for_exits(s, errors);
        st = st ? st : vs_programs_exits_fit(&s->programs, s->knobs, name, errors);
    }
    bool go_on = !st && !input && r->options.rehearse;
    s->wrong = go_on ? one : VS_OK;
    st = st || go_on ? st : one;
    if (!input && !st && r->derive) {
        st = r->derive(r->derive_ctx, s->knobs, errors); /* without them nothing follows */
    }
    /* nor does a parameter outlive its workload: such knobs are not looked at again */
    one = input ? VS_OK : vs_worlds_settle(s->knobs, vendor, errors);
    return st ? st : one;
}

/* Gives every vCPU the program that it runs. */
static enum vs_status give_sources(struct vs_session *s, struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    unsigned n = s->programs.n_vcpus;
    struct vs_guest_source *source = calloc(n, sizeof *source);
    char number[32];
    if (!source) {
        return VS_E_NOMEM;
    }
    if (r->record) {
        note(s, "program", "virtsim " VS_VERSION);
        note(s, "workload", s->programs.name);
        snprintf(number, sizeof number, "%" PRIu64, r->options.warmup);
        note(s, "warmup", number);
        snprintf(number, sizeof number, "%u", r->options.recorded);
        note(s, "recorded", number);
        snprintf(number, sizeof number, "%" PRIu64, r->options.recorded_memory);
        note(s, "recorded_memory", number);
        note_machines(s);
        for (unsigned i = 0; i < n && i < VS_RUN_VCPUS; i++) {
            if (s->programs.shares[i]) {
                snprintf(number, sizeof number, "%u %u", i, s->programs.shares[i] - 1u);
                note(s, "shares", number);
            }
        }
        if (s->text_full) {
            vs_error(errors, "--record %s: the request sets more than the %zu bytes for it hold",
                     r->record, sizeof s->text);
            free(source);
            return VS_E_INPUT;
        }
        s->recorder = vs_recorder_create(r->record, n, r->options.seed, s->text, errors);
    }
    bool ok = !r->record || s->recorder;
    if (ok) {
        vs_programs_sources(&s->programs, s->knobs, source);
    }
    for (unsigned i = 0; ok && i < n; i++) {
        if (s->recorder) {
            vs_recorder_wrap(s->recorder, i, &source[i]);
        }
        vs_platform_guest(s->platform, i, &source[i]);
    }
    free(source);
    return ok ? VS_OK : VS_E_IO;
}

enum vs_status vs_session_describe(const struct vs_session_request *r, struct vs_session **out,
                                   struct vs_errors *errors)
{
    struct vs_session *s = malloc(sizeof *s);
    *out = NULL;
    if (!s) {
        return VS_E_NOMEM;
    }
    memset(s, 0, offsetof(struct vs_session, machine)); /* the rest is large, and hardly used */
    s->machine.name[0] = s->text[0] = '\0';
    s->machine.n_stated = s->machine.n_groups = 0;
    s->request = *r;
    size_t n;
    vs_operations(); /* what this program was built without is known from here on */
    const struct vs_component_desc *const *components = vs_components(&n);
    s->knobs = vs_knobs_create(components, n);
    enum vs_status st = s->knobs ? configure(s, errors) : VS_E_NOMEM;
    if (st) {
        vs_session_close(s);
        return st;
    }
    *out = s;
    return VS_OK;
}

enum vs_status vs_session_prepare(const struct vs_session_request *r, struct vs_session **out,
                                  struct vs_errors *errors)
{
    struct vs_session *s;
    enum vs_status st = vs_session_describe(r, &s, errors);
    *out = NULL;
    st = st ? st
            : vs_programs_machines(&s->programs,
                                   (unsigned)vs_knobs_find(s->knobs, "guest.vcpus")->value);
    if (!st) {
        s->request.options.machine = s->programs.machine;
        memcpy(s->request.options.shares, s->programs.shares, sizeof s->programs.shares);
        st = vs_platform_create(s->knobs, &s->request.options, s->programs.n_vcpus, &s->platform,
                                errors);
    }
    st = s && s->wrong ? s->wrong : st;
    st = st ? st : vs_programs_fit(&s->programs, s->platform, errors);
    st = st ? st : give_sources(s, errors);
    if (st) {
        vs_session_close(s);
        return st;
    }
    *out = s;
    return VS_OK;
}

void vs_session_remarks(const struct vs_session *s, void (*say)(void *ctx, const char *text),
                        void *ctx)
{
    vs_programs_remarks(&s->programs, say, ctx);
}

const struct vs_knobs *vs_session_knobs(const struct vs_session *s)
{
    return s->knobs;
}

const struct vs_machine_info *vs_session_machine(const struct vs_session *s)
{
    return &s->machine;
}

uint64_t vs_session_seed(const struct vs_session *s)
{
    return s->request.options.seed;
}

const char *vs_session_workload(const struct vs_session *s)
{
    return s->programs.name;
}

void vs_session_input_hash(const struct vs_session *s, char *out, size_t bytes)
{
    char format[VS_SESSION_TEXT];
    vs_programs_describe(&s->programs, out, bytes, format, sizeof format);
}

struct vs_ledger *vs_session_ledger(struct vs_session *s)
{
    return vs_platform_ledger(s->platform);
}

enum vs_status vs_session_run(struct vs_session *s, struct vs_errors *errors)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(s->started, sizeof s->started, "%Y-%m-%dT%H:%M:%SZ", &tm);
    double wall = vs_host_seconds(), cpu = vs_host_processor_seconds();
    enum vs_status st = vs_platform_run(s->platform, errors);
    s->wall_s = vs_host_seconds() - wall;
    s->cpu_s = vs_host_processor_seconds() - cpu;
    st = st ? st : vs_programs_measured(&s->programs, s->platform, errors);
    char why[300];
    if (!st && vs_ledger_unbalanced(vs_platform_ledger(s->platform), why, sizeof why)) {
        vs_error(errors, "internal: the books do not balance: %s; nothing was stored", why);
        st = VS_E_RUN;
    }
    if (!st && s->recorder) {
        st = vs_recorder_finish(s->recorder, errors);
    }
    return st;
}

/* A number as text. */
static const char *text_of(char *out, size_t bytes, const char *format, double v)
{
    snprintf(out, bytes, format, v);
    return out;
}

/* Where a run's record goes: into a database, or into bytes. */
struct destination {
    struct vs_db *db;
    int64_t *run;
    struct vs_bytes *bytes;
};

/* Stores a record in a database, or packs it for the process that has one. */
static enum vs_status deliver(const struct destination *to, const struct vs_run_record *record,
                              struct vs_errors *errors)
{
    enum vs_status st =
        to->db ? vs_db_store(to->db, record, to->run) : vs_db_pack(record, to->bytes);
    if (st) {
        vs_error(errors, "%s", to->db ? vs_db_error(to->db) : "not enough memory for the results");
    }
    return st;
}

/* Makes the run's record, and stores or packs it. */
static enum vs_status hand_over(struct vs_session *s, const struct destination *to,
                                struct vs_errors *errors)
{
    const struct vs_session_request *r = &s->request;
    char hash[VS_SESSION_TEXT], format[VS_SESSION_TEXT];
    struct vs_run_option options[VS_SESSION_OPTIONS];
    _Static_assert(VS_SESSION_TEXT >= VS_PROGRAMS_MAX * 24u, "an input hash for each program");
    vs_programs_describe(&s->programs, hash, sizeof hash, format, sizeof format);
    size_t n_epochs;
    const struct vs_epoch_sample *samples = vs_platform_epochs(s->platform, &n_epochs);
    struct vs_epoch_row *epochs = calloc(n_epochs ? n_epochs : 1, sizeof *epochs);
    if (!epochs) {
        vs_error(errors, "not enough memory to store %zu rows of epochs; nothing was stored",
                 n_epochs);
        return VS_E_NOMEM;
    }
    for (size_t i = 0; i < n_epochs; i++) {
        epochs[i] = (struct vs_epoch_row){samples[i].epoch, samples[i].end_ps, samples[i].value,
                                          samples[i].actor, samples[i].counter};
    }
    size_t n_marks;
    const struct vs_mark_sample *mark = vs_platform_marks(s->platform, &n_marks);
    struct vs_mark_row marks[VS_MARKS];
    for (size_t i = 0; i < n_marks; i++) {
        marks[i] = (struct vs_mark_row){mark[i].name, mark[i].first_ps, mark[i].n, mark[i].actor};
    }
    size_t n_exits = 0;
    struct vs_exit_row *exits = vs_programs_exits(&s->programs, &n_exits);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    char host[256] = "", wall[32], cpu[32], peak[32], jobs[32];
    gethostname(host, sizeof host - 1);
    char records[VS_SESSION_TEXT]; /* of each trace; "" for a workload */
    vs_programs_records(&s->programs, records, sizeof records);
    const char *metrics =
        s->programs.workload ? vs_workload_info(s->programs.workload).metrics : "";
    struct vs_provenance provenance[14] = {
        {"version", VS_VERSION},
        {"commit", VS_COMMIT},
        {"dirty", VS_DIRTY ? "1" : "0"},
        {"argv", r->argv ? r->argv : ""},
        {"input", r->input},
        {"records", records},
        {"host", host},
        {"started", s->started},
        {"wall_s", text_of(wall, sizeof wall, "%.3f", s->wall_s)},
        {"cpu_s", text_of(cpu, sizeof cpu, "%.3f", s->cpu_s)},
        {"peak_kib", text_of(peak, sizeof peak, "%.0f", (double)usage.ru_maxrss)},
        {"jobs", text_of(jobs, sizeof jobs, "%.0f", (double)r->jobs)},
    };
    size_t n_provenance = 12; /* and what there is only sometimes */
    if (*metrics) {
        provenance[n_provenance++] = (struct vs_provenance){VS_METRIC_KEY, metrics};
    }
    if (r->elf) {
        provenance[n_provenance++] = (struct vs_provenance){"elf", r->elf};
    }
    struct vs_fact facts[VS_FACTS];
    struct vs_run_record record = {
        .info = {.command = r->is_trace ? "replay" : "run",
                 .workload = s->programs.name,
                 .input_hash = hash,
                 .trace_format = format,
                 .machine = s->machine.name,
                 .point = r->point ? r->point : "",
                 .seed = r->options.seed,
                 .roi_ps = vs_platform_roi_ps(s->platform),
                 .end_ps = vs_platform_end_ps(s->platform)},
        .options = options,
        .n_options = vs_session_options(s, options),
        .knobs = s->knobs,
        .groups = s->machine.group,
        .n_groups = s->machine.n_groups,
        .facts = facts,
        .n_facts = vs_facts_of_machine(s->knobs, facts),
        .ledger = vs_platform_ledger(s->platform),
        .provenance = provenance,
        .n_provenance = n_provenance,
        .epochs = epochs,
        .n_epochs = n_epochs,
        .marks = marks,
        .n_marks = n_marks,
        .exits = exits,
        .n_exits = n_exits,
    };
    enum vs_status st = exits || !n_exits ? deliver(to, &record, errors) : VS_E_NOMEM;
    free(exits);
    free(epochs);
    return st;
}

enum vs_status vs_session_store(struct vs_session *s, struct vs_db *db, int64_t *run,
                                struct vs_errors *errors)
{
    return hand_over(s, &(struct destination){.db = db, .run = run}, errors);
}

enum vs_status vs_session_pack(struct vs_session *s, struct vs_bytes *out, struct vs_errors *errors)
{
    return hand_over(s, &(struct destination){.bytes = out}, errors);
}

uint64_t *vs_session_depths(struct vs_session *s, size_t i, size_t *n)
{
    return vs_platform_depths(s->platform, i, n);
}

void vs_session_close(struct vs_session *s)
{
    if (!s) {
        return;
    }
    vs_platform_destroy(s->platform);
    vs_recorder_free(s->recorder);
    vs_programs_close(&s->programs);
    vs_knobs_destroy(s->knobs);
    free(s);
}
