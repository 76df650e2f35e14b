/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cmd.h"

#include "elf/elf.h"
#include "lua/effect.h"
#include "virtsim/leftover.h"
#include "virtsim/site.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEDS_MAX 1000000u
#define SEED_MAX (INT64_MAX - SEEDS_MAX) /* the database's integers have a sign */
#define SPANS_MAX 100000u

enum {
    KEY_SEEDS = 256,
    KEY_WARMUP,
    KEY_SPANS,
    KEY_DB,
    KEY_FORMAT,
    KEY_DRY,
    KEY_EPOCH,
    KEY_SKIP,
    KEY_LIMIT,
    KEY_THREADS,
    KEY_SHARES,
    KEY_TABLES,
    KEY_RECORD,
    KEY_TRACE_FORMAT,
    KEY_SEED,
    KEY_QUIET,
    KEY_WHERE,
    KEY_ELF,
    KEY_NO_STORE
};

static struct argp_option options[] = {
    {"machine", 'm', "NAME|FILE", 0, "machine description (default skylake_sp_kvm)", 0},
    {"set", 's', "PATH=VALUE", 0, "set a knob; may be repeated", 0},
    {"seed", KEY_SEED, "N", 0, "seed of everything random (default 1)", 0},
    {"seeds", KEY_SEEDS, "N", 0, "run N seeds, report the spread", 0},
    {"warmup", KEY_WARMUP, "N[i]", 0,
     "accesses (trace records, Ni: a trace's instructions) before the region of interest", 0},
    {"spans", KEY_SPANS, "N", 0, "keep the first N of each operation and a sample of N later ones",
     0},
    {"where", KEY_WHERE, "N", OPTION_ARG_OPTIONAL,
     "keep costs by page, region and instruction, at most N of each (default 16384): virtsim top",
     0},
    {"elf", KEY_ELF, "FILE[@0xBASE]", 0,
     "the traced program, for symbols and lines of top; means --where, too; may be repeated", 0},
    {"epoch", KEY_EPOCH, "TIME", 0, "counters over simulated time, e.g. 100us", 0},
    {"db", KEY_DB, "FILE", 0, "results database (default $VIRTSIM_DB, else " DEFAULT_DB ")", 0},
    {"no-store", KEY_NO_STORE, NULL, 0, "print only, store nothing", 0},
    {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
    {"dry-run", KEY_DRY, NULL, 0,
     "print the effective configuration and who set it; simulate nothing", 0},
    {"trace-format", KEY_TRACE_FORMAT, "F", 0, "format of the trace (default: detected)", 0},
    {"record", KEY_RECORD, "FILE.vst", 0, "write the run's stimuli to a file, to be replayed", 0},
    {"tables", KEY_TABLES, "FILE", 0,
     "page tables of the recorded guest, for a trace with physical addresses", 0},
    {"skip", KEY_SKIP, "N[i]", 0,
     "leave out the first N records of each trace and finish the instruction; Ni: N instructions",
     0},
    {"limit", KEY_LIMIT, "N[i]", 0,
     "stop each trace after N records, its instruction finished; Ni: after N instructions", 0},
    {"threads", KEY_THREADS, NULL, 0, "the traces are threads of one process: one address space",
     0},
    {"shares", KEY_SHARES, "A=B[,...]", 0,
     "vCPU A's trace works in the address space of vCPU B's, as a thread of its process", 0},
    {"quiet", KEY_QUIET, NULL, 0, "no progress", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

/* The database that nobody named is not there yet: whoever runs this should know where it is. */
static bool announce;

const char *usual_db(void)
{
    const char *named = getenv("VIRTSIM_DB");
    return named && *named ? named : DEFAULT_DB;
}

void request_init(struct request *r, int argc, char **argv)
{
    memset(r, 0, sizeof *r);
    for (struct argp_option *o = options; o->name; o++) {
        /* still known: it is refused with what it belongs to */
        o->flags |= help_offers(argv[0], o->name) ? 0 : OPTION_HIDDEN;
    }
    r->session.options.seed = 1;
    r->session.sets = r->sets;
    r->session.further = r->further;
    r->session.point = "";
    r->session.jobs = 1;
    r->seeds = 1;
    r->db = usual_db();
    /* provenance: the command line as typed, with blanks between words */
    size_t bytes = 16;
    for (int i = 0; i < argc; i++) {
        bytes += strlen(argv[i]) + 1;
    }
    char *line = malloc(bytes);
    if (line) {
        char *at = stpcpy(line, "virtsim");
        for (int i = 0; i < argc; i++) {
            *at++ = ' ';
            at = stpcpy(at, argv[i]);
        }
    }
    r->session.argv = line;
}

/* Says where the database is that request_open was to make, once it is there. */
static void tell_where(void)
{
    struct stat there;
    char folder[4096];
    if (announce && !stat(DEFAULT_DB, &there) && getcwd(folder, sizeof folder)) {
        fprintf(stderr,
                "virtsim: made " DEFAULT_DB " in %s; --db FILE or VIRTSIM_DB names another place\n",
                folder);
    }
    announce = false;
}

void request_free(struct request *r)
{
    tell_where();
    free((void *)(uintptr_t)r->session.argv);
    free(r->elf);
    vs_errors_free(&r->errors);
}

/* Reads an option's whole number within its bounds. */
static void number(struct argp_state *state, struct request *r, const char *option, const char *arg,
                   uint64_t least, uint64_t most, uint64_t *out)
{
    (void)state;
    if (!vs_parse_number(arg, out) || *out < least || *out > most) {
        vs_error(&r->errors, "--%s %s: a whole number from %" PRIu64 " to %" PRIu64 " is needed",
                 option, arg, least, most);
        *out = least;
    }
}

/* "N", or "Ni": instructions of a trace. */
static void amount(struct request *r, const char *option, const char *arg, uint64_t least,
                   struct vs_amount *out)
{
    char text[64];
    size_t n = strlen(arg);
    uint64_t whole;
    *out = (struct vs_amount){0};
    if (n > 1 && n < sizeof text && arg[n - 1] == 'i' && !vs_parse_number(arg, &whole)) {
        out->instructions = true;
        snprintf(text, sizeof text, "%.*s", (int)(n - 1), arg);
    }
    if (!vs_parse_number(out->instructions ? text : arg, &out->n) || out->n < least ||
        out->n > INT64_MAX) {
        vs_error(&r->errors,
                 "--%s %s: a whole number from %" PRIu64 " to %" PRIu64 " is needed, such as 100 "
                 "(records) or 100i (instructions of a trace)",
                 option, arg, least, (uint64_t)INT64_MAX);
        out->n = least;
    }
}

/* A program that was traced: it is one, and its full name is kept for whoever asks where time went.
 */
static void elf(struct request *r, const char *arg)
{
    const char *base = strrchr(arg, '@');
    base = base && !strncmp(base, "@0x", 3) ? base : arg + strlen(arg);
    char *file = strndup(arg, (size_t)(base - arg)), *full = file ? realpath(file, NULL) : NULL;
    struct vs_elf *e = file ? vs_elf_open(file, &r->errors) : NULL;
    size_t before = r->elf ? strlen(r->elf) + 1u : 0, more = full ? strlen(full) : 0;
    char *list = e && full ? realloc(r->elf, before + more + strlen(base) + 1u) : NULL;
    if (list) {
        sprintf(list + before, "%s%s", full, base);
        if (before) {
            list[before - 1u] = '\n';
        }
        r->session.elf = r->elf = list;
    }
    vs_elf_close(e);
    free(full);
    free(file);
}

/* Reads a time with its unit as picoseconds. */
static uint64_t parse_time(struct request *r, const char *arg)
{
    char *end;
    double v = strtod(arg, &end);
    double scale = !strcmp(end, "ps")   ? 1
                   : !strcmp(end, "ns") ? 1e3
                   : !strcmp(end, "us") ? 1e6
                   : !strcmp(end, "ms") ? 1e9
                                        : 0;
    if (end == arg || !(v * scale >= 1e3 && v * scale <= 3.6e15)) {
        vs_error(&r->errors,
                 "--epoch %s: a time such as 100us or 1ms is needed, from 1ns to one hour", arg);
        return 0;
    }
    return (uint64_t)(v * scale);
}

/* Reads an option that several commands share. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct request *r = state->input;
    struct vs_session_request *s = &r->session;
    uint64_t n = 0;
    switch (key) {
    case 'm':
        s->machine = arg;
        return 0;
    case 's':
        if (s->n_sets < REQUEST_SETS) {
            r->sets[s->n_sets++] = arg;
        } else {
            vs_error(&r->errors, "--set: at most %d", REQUEST_SETS);
        }
        return 0;
    case KEY_SEED:
        number(state, r, "seed", arg, 0, SEED_MAX, &s->options.seed);
        s->seeded = true;
        return 0;
    case KEY_SEEDS:
        number(state, r, "seeds", arg, 1, SEEDS_MAX, &n);
        r->seeds = (unsigned)n;
        s->seeded = s->seeded || n > 1;
        return 0;
    case KEY_WARMUP:
        amount(r, "warmup", arg, 0, &s->parts.warmup);
        s->options.warmup = s->parts.warmup.n;
        return 0;
    case KEY_SPANS:
        number(state, r, "spans", arg, 0, SPANS_MAX, &n);
        s->options.spans = (uint32_t)n;
        return 0;
    case KEY_WHERE:
        n = VS_SITE_LIMIT;
        if (arg) {
            number(state, r, "where", arg, 1, VS_SITE_LIMIT_MAX, &n);
        }
        s->options.sites = (uint32_t)n;
        return 0;
    case KEY_ELF:
        elf(r, arg);
        s->options.sites = s->options.sites ? s->options.sites : VS_SITE_LIMIT;
        return 0;
    case KEY_EPOCH:
        s->options.epoch_ps = parse_time(r, arg);
        return 0;
    case KEY_DB:
        r->db = arg;
        if (!*arg || !strcmp(arg, ":memory:")) {
            vs_error(&r->errors,
                     "--db '%s': the name of a file is needed; --no-store stores nothing", arg);
        }
        return 0;
    case KEY_NO_STORE:
        r->no_store = true;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &r->format)) {
            vs_error(&r->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case KEY_DRY:
        r->dry_run = true;
        return 0;
    case KEY_TRACE_FORMAT:
        s->trace_format = arg;
        return 0;
    case KEY_RECORD:
        s->record = arg;
        return 0;
    case KEY_TABLES:
        s->tables = arg;
        return 0;
    case KEY_SKIP:
        amount(r, "skip", arg, 0, &s->parts.skip);
        return 0;
    case KEY_LIMIT:
        amount(r, "limit", arg, 1, &s->parts.limit);
        return 0;
    case KEY_THREADS:
        s->threads = true;
        return 0;
    case KEY_SHARES:
        s->shares = arg;
        return 0;
    case KEY_QUIET:
        r->quiet = true;
        progress_quiet();
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp request_argp = {options, option, NULL, NULL, NULL, NULL, NULL};

/* "virtsim db check": the command that is running. */
static char running[2][64];

void message_command(int argc, char **argv)
{
    snprintf(running[0], sizeof running[0], "'virtsim %s'", argc > 1 ? argv[1] : "");
    snprintf(running[1], sizeof running[1], "'virtsim %s %s'", argc > 1 ? argv[1] : "",
             argc > 2 ? argv[2] : "");
}

void message(const char *text)
{
    size_t n = strlen(text);
    for (int i = 0; i < 2; i++) {
        /* advice that ends a message and is to do what was just done */
        const char *advice = strstr(text, running[i]);
        if (advice && advice >= text + 2 && !strncmp(advice - 2, "; ", 2)) {
            n = (size_t)(advice - 2 - text);
        }
    }
    fprintf(stderr, "virtsim: %.*s\n", (int)n, text);
}

int report(struct vs_errors *errors, enum vs_status status, bool started)
{
    progress_clear();
    for (size_t i = 0; i < errors->n; i++) {
        message(errors->text[i]);
    }
    if (!errors->n && status) {
        fprintf(stderr, "virtsim: %s\n", vs_status_text(status));
    }
    vs_errors_free(errors);
    return !status ? EXIT_DONE : started ? EXIT_RUNTIME : EXIT_REQUEST;
}

/* Warns of a knob that was set and has no effect. */
static void warn_idle(void *ctx, const struct vs_knob *knob, const char *why)
{
    char value[64];
    (void)ctx;
    progress_clear();
    fprintf(stderr, "virtsim: warning: %s: %s=%s has no effect on this machine: %s\n", knob->set_by,
            knob->desc->path, vs_knob_text(knob, value, sizeof value), why);
}

void request_warn_idle(const struct vs_session *s)
{
    vs_effect_each_idle(vs_session_knobs(s), warn_idle, NULL);
}

/* Prints a remark of the simulation. */
static void say_remark(void *ctx, const char *text)
{
    (void)ctx;
    progress_clear();
    fprintf(stderr, "virtsim: note: %s\n", text);
}

void request_remarks(const struct vs_session *s)
{
    vs_session_remarks(s, say_remark, NULL);
}

void request_trace_options(struct request *r)
{
    const struct vs_session_request *s = &r->session;
    if (!s->is_trace && (s->parts.skip.n || s->parts.limit.n || s->trace_format || s->tables ||
                         s->threads || s->shares)) {
        vs_error(&r->errors,
                 "--skip, --limit, --threads, --shares, --trace-format and --tables belong to "
                 "replay of a trace; %s is a workload",
                 s->input ? s->input : "this");
    }
    if (!s->is_trace && s->parts.warmup.instructions) {
        vs_error(&r->errors,
                 "--warmup %" PRIu64 "i: instructions are counted in traces; a workload's warm-up "
                 "counts accesses, --warmup %" PRIu64,
                 s->parts.warmup.n, s->parts.warmup.n);
    }
}

enum vs_status request_open(struct request *r, enum vs_status so_far, bool create,
                            struct vs_db **db)
{
    char err[5200];
    enum vs_status st = VS_OK;
    if (!so_far) {
        struct stat there;
        announce = create && !r->no_store && !strcmp(r->db, DEFAULT_DB) && stat(r->db, &there) != 0;
        st = r->no_store ? vs_db_open(":memory:", create, db, err, sizeof err)
             : create    ? vs_db_open_later(r->db, db, err, sizeof err)
                         : vs_db_open(r->db, false, db, err, sizeof err);
    } else if (!r->no_store && *r->db && create) {
        st = vs_db_look(r->db, err, sizeof err);
    }
    if (st) {
        vs_error(&r->errors, "%s", err);
    }
    return so_far ? so_far : st;
}

int unread(struct vs_db *db, int status)
{
    if (!vs_db_unread(db)) {
        return status;
    }
    message(vs_db_error(db));
    return EXIT_RUNTIME;
}

/* Runs in a signal handler. */
void last_resort(const char *line, size_t bytes, bool started)
{
    static const char clear[] = "\r\033[K", who[] = "virtsim: ";
    ssize_t w = progress_shown() ? write(STDERR_FILENO, clear, sizeof clear - 1) : 0;
    w = write(STDERR_FILENO, who, sizeof who - 1);
    w = write(STDERR_FILENO, line, bytes);
    (void)w; /* there is nobody left to tell */
    vs_leftover_remove();
    _exit(started ? EXIT_RUNTIME : EXIT_REQUEST);
}
