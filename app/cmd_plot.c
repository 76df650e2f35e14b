/* SPDX-License-Identifier: MIT */
/*
 * plot: figures for papers. The request is checked here; what is drawn, and of which rows, is the
 * Python module's that notebooks use too (notebooks/virtsim_db.py).
 */
#define _GNU_SOURCE
#include "cmd.h"

#include "home.h"
#include "whole.h"

#include <cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KEY_DB = 256,
    KEY_WIDTH,
    KEY_HEIGHT,
    KEY_TITLE,
    KEY_XLABEL,
    KEY_YLABEL,
    KEY_LOG,
    KEY_SQL,
    KEY_CSV,
    KEY_OF,
    KEY_BY,
    KEY_METRIC,
    KEY_X,
    KEY_Y,
    KEY_SERIES,
    KEY_SWEEP,
    KEY_SHARE,
    KEY_DOMAIN,
    KEY_ALL,
    KEY_END
};

/* What each kind takes of the options that say which rows are drawn, and what it shows. */
static const struct {
    const char *name;
    int takes[6]; /* up to a zero */
} kinds[] = {
    {"breakdown", {KEY_OF, KEY_BY, 0}},
    {"time", {KEY_BY, KEY_SHARE, KEY_SWEEP, 0}},
    {"sweep", {KEY_X, KEY_SERIES, KEY_METRIC, KEY_SWEEP, 0}},
    {"heatmap", {KEY_X, KEY_Y, KEY_METRIC, KEY_SWEEP, 0}},
    {"latency", {KEY_OF, 0}},
    {"curve", {0}},
    {"compare", {KEY_DOMAIN, KEY_ALL, 0}},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is written:", 1},
    {"output", 'o', "FILE", 0, "the figure: .svg, .pdf (fonts embedded) or .png; needed", 1},
    {"width", KEY_WIDTH, "single|double", 0,
     "one column of a paper (3.33 inches) or two (7 inches), default single", 1},
    {"height", KEY_HEIGHT, "INCHES", 0, "default: what the rows need", 1},
    {"title", KEY_TITLE, "TEXT", 0, "above the figure", 1},
    {"xlabel", KEY_XLABEL, "TEXT", 0, "instead of the axis' own label", 1},
    {"ylabel", KEY_YLABEL, "TEXT", 0, "instead of the axis' own label", 1},
    {"log", KEY_LOG, "x|y|xy", 0, "logarithmic axes (sweep, latency)", 1},
    {NULL, 0, NULL, 0, "What is drawn:", 2},
    {"db", KEY_DB, "FILE", 0, "results database (default $VIRTSIM_DB, else " DEFAULT_DB ")", 2},
    {"sql", KEY_SQL, "SELECT", 0, "rows of a query of your own instead; any kind", 2},
    {"csv", KEY_CSV, "FILE", 0,
     "rows of a file with such columns, or of what 'virtsim curve --format csv' prints", 2},
    {"of", KEY_OF, "OP", 0, "breakdown, latency: operations, e.g. exit.cpuid or 'exit.*'", 2},
    {"by", KEY_BY, "WHAT", 0,
     "breakdown: phase, account or component; time: component, account or operation", 2},
    {"metric", KEY_METRIC, "M", 0, "sweep, heatmap: e.g. op:walk.mean, counter:ept.walks", 2},
    {"x", KEY_X, "KNOB", 0, "sweep, heatmap: along the first axis", 2},
    {"y", KEY_Y, "KNOB", 0, "heatmap: along the second axis", 2},
    {"series", KEY_SERIES, "KNOB", 0, "sweep: a line for each of its values", 2},
    {"sweep", KEY_SWEEP, "NAME", 0, "time, sweep, heatmap: the points of a sweep by its name", 2},
    {"share", KEY_SHARE, NULL, 0, "time: per cent instead of milliseconds", 2},
    {"domain", KEY_DOMAIN, "D", 0, "compare: exit, translation, ... only", 2},
    {"all", KEY_ALL, NULL, 0, "compare: calibrated and structure rows, too", 2},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const char doc[] =
    "Draws a figure of stored runs with matplotlib. KIND is one of\n"
    "  breakdown  stacked bars: one operation's time by phase, run beside run\n"
    "  time       stacked bars: where the vCPUs' time went, point by point\n"
    "  sweep      lines over a knob; over seeds the mean and its 95 % interval\n"
    "  heatmap    one metric over two knobs\n"
    "  latency    how many operations took at most how long\n"
    "  curve      lines that fall with a size: misses of a structure\n"
    "  compare    simulation over documents, claim by claim\n"
    "RUN is a number or A-B; without one: the newest run, or the newest sweep's points. "
    "Several figures with a + between them are the lettered panels of one."
    "\v"
    "Columns that --sql needs: breakdown, time: bar, part, value; sweep: x, y (series, low, high); "
    "heatmap: x, y, value; curve: x, y (series); latency: ns, n (series); compare: label, value, "
    "low, high (group, "
    "verdict).\n\n"
    "Examples:\n"
    "  virtsim plot breakdown 1 2 --of exit.cpuid -o exit.pdf\n"
    "  virtsim plot sweep --x ept.nested_tlb.entries --metric op:walk.mean -o walk.svg\n"
    "  virtsim plot heatmap --x ept.nested_tlb.entries --y ept.guest_pwc.l2.entries -o map.pdf\n"
    "  virtsim plot sweep --sql 'SELECT seed AS x, end_ps / 1e9 AS y FROM run' -o end.svg\n"
    "  virtsim plot curve --csv curve.csv -o curve.pdf\n"
    "  virtsim plot breakdown 1 --of 'exit.*' + latency 1 --of walk --width double -o page.pdf\n";

struct plot_args {
    const char *db, *output, *width;
    double height;
    bool stored; /* a panel needs the database */
    struct errors_of_kind {
        const char *kind;
        uint64_t used; /* options that were given, by key - KEY_DB */
    } now;
    cJSON *panels, *panel;
    struct vs_errors errors;
};

/* Text of an option, kept under its own long name. */
static void keep(struct plot_args *a, int key, const char *value)
{
    for (const struct argp_option *o = options; o->name || o->doc; o++) {
        if (o->key == key && o->name) {
            cJSON_AddStringToObject(a->panel, o->name, value);
        }
    }
}

/* "3" or "3-9" into the panel's list of runs. */
static void add_runs(struct plot_args *a, const char *text)
{
    char first[64];
    uint64_t from, to;
    size_t len = strcspn(text, "-");
    snprintf(first, sizeof first, "%.*s", len < 60 ? (int)len : 60, text);
    bool ok = vs_parse_number(first, &from) && from > 0;
    to = from;
    ok = ok && (!text[len] || vs_parse_number(text + len + 1, &to));
    if (!ok || to < from || to - from >= 100000 || to > 1ull << 53) {
        vs_error(&a->errors, "'%s': a run number, or A-B for several, is needed", text);
        return;
    }
    cJSON *runs = cJSON_GetObjectItem(a->panel, "runs");
    runs = runs ? runs : cJSON_AddArrayToObject(a->panel, "runs");
    for (uint64_t run = from; run <= to; run++) {
        cJSON_AddItemToArray(runs, cJSON_CreateNumber((double)run));
    }
}

/* Takes the kind of figure by name. */
static void set_kind(struct plot_args *a, const char *name)
{
    const char *names[KINDS];
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].name;
        if (!strcmp(name, names[i])) {
            a->now.kind = name;
            cJSON_AddStringToObject(a->panel, "kind", name);
            return;
        }
    }
    char hint[300];
    a->now.kind = "";
    vs_error(&a->errors, "'%s': no such kind of figure; %s", name,
             vs_suggest(name, names, KINDS, "'virtsim plot --help' lists them", hint, sizeof hint));
}

/* Reads an option of plot. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct plot_args *a = state->input;
    char *end = NULL;
    switch (key) {
    case 'o':
        a->output = arg;
        return 0;
    case KEY_DB:
        a->db = arg;
        return 0;
    case KEY_WIDTH:
        if (strcmp(arg, "single") != 0 && strcmp(arg, "double") != 0) {
            vs_error(&a->errors, "--width %s: single or double is needed", arg);
        }
        a->width = arg;
        return 0;
    case KEY_HEIGHT:
        a->height = strtod(arg, &end);
        if (*end || !(a->height >= 0.5 && a->height <= 20)) {
            vs_error(&a->errors, "--height %s: inches, 0.5 to 20, are needed", arg);
        }
        return 0;
    case KEY_LOG:
        if (strcmp(arg, "x") != 0 && strcmp(arg, "y") != 0 && strcmp(arg, "xy") != 0) {
            vs_error(&a->errors, "--log %s: x, y or xy is needed", arg);
        }
        keep(a, key, arg);
        return 0;
    case KEY_SHARE:
    case KEY_ALL:
        a->now.used |= 1ull << (key - KEY_DB);
        cJSON_AddTrueToObject(a->panel, key == KEY_SHARE ? "share" : "all");
        return 0;
    case ARGP_KEY_ARG:
        if (!a->now.kind) {
            set_kind(a, arg);
        } else {
            add_runs(a, arg);
        }
        return 0;
    default:
        if (key < KEY_TITLE || key >= KEY_END) {
            return ARGP_ERR_UNKNOWN;
        }
        a->now.used |= 1ull << (key - KEY_DB);
        keep(a, key, arg);
        return 0;
    }
}

/* Options that the panel's kind does not take, and those that a query leaves nothing to do. */
static void check_panel(struct plot_args *a)
{
    const char *kind = a->now.kind;
    if (!kind) {
        vs_error(&a->errors, "a kind of figure is needed, e.g. virtsim plot sweep -o walk.svg; "
                             "'virtsim plot --help' lists them");
        return;
    }
    const char *own = NULL; /* the option that says which rows */
    if ((a->now.used >> (KEY_CSV - KEY_DB)) & 1) {
        own = "csv";
    } else {
        a->stored = true;
    }
    if ((a->now.used >> (KEY_SQL - KEY_DB)) & 1) {
        if (own) {
            vs_error(&a->errors, "--sql does not go with --csv");
        }
        own = "sql";
    }
    for (const struct argp_option *o = options; o->name || o->doc; o++) {
        bool rows = o->key >= KEY_OF && o->key < KEY_END, takes = false;
        if (!rows || !*kind || !((a->now.used >> (o->key - KEY_DB)) & 1)) {
            continue;
        }
        for (size_t i = 0; i < KINDS; i++) {
            for (const int *k = kinds[i].takes; *k; k++) {
                takes = takes || (*k == o->key && !strcmp(kind, kinds[i].name));
            }
        }
        if (!takes || own) {
            vs_error(&a->errors, "--%s does not go with %s%s", o->name, own ? "--" : "",
                     own ? own : kind);
        }
    }
    if (cJSON_GetObjectItem(a->panel, "runs") && cJSON_GetObjectItem(a->panel, "sweep")) {
        vs_error(&a->errors, "--sweep: says which runs; no run numbers go with it");
    }
    if (own && cJSON_GetObjectItem(a->panel, "runs")) {
        vs_error(&a->errors, "--%s: says which rows; no run numbers go with it", own);
    }
}

/* Whether the figure can be written, as far as one sees before there is one. */
static void check_output(struct plot_args *a)
{
    const char *dot = a->output ? strrchr(a->output, '.') : NULL;
    if (!a->output) {
        vs_error(&a->errors, "-o FILE.svg, FILE.pdf or FILE.png is needed");
        return;
    }
    if (!dot || (strcasecmp(dot, ".svg") != 0 && strcasecmp(dot, ".pdf") != 0 &&
                 strcasecmp(dot, ".png") != 0)) {
        vs_error(&a->errors, "-o %s: a name that ends in .svg, .pdf or .png is needed", a->output);
        return;
    }
    int wrong = whole_possible(a->output);
    if (wrong) {
        vs_error(&a->errors, "-o %s: %s", a->output, strerror(wrong));
    }
}

/* Panels of the command line, divided by "+". */
static void read_panels(struct plot_args *a, int argc, char **argv)
{
    static const struct argp p = {options, option, "KIND [RUN...]", doc, NULL, NULL, NULL};
    char **words = calloc((size_t)argc + 1, sizeof *words);
    for (int i = 1; words && i <= argc; i++) {
        int n = 1;
        words[0] = argv[0];
        for (; i < argc && strcmp(argv[i], "+") != 0; i++) {
            words[n++] = argv[i];
        }
        words[n] = NULL;
        memset(&a->now, 0, sizeof a->now);
        a->panel = cJSON_CreateObject();
        cJSON_AddItemToArray(a->panels, a->panel);
        parse(&p, n, words, a);
        check_panel(a);
    }
    free(words);
}

/* Whether this interpreter has what the module draws with. */
static bool can_draw(const char *python)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) {
            _exit(1);
        }
        execlp(python, python, "-c",
               "import sys, importlib.util as u\n"
               "sys.exit(not all(u.find_spec(m) for m in ('matplotlib', 'pandas')))",
               (char *)NULL);
        _exit(1);
    }
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* The first interpreter that can; NULL: none. */
static const char *find_python(void)
{
    const char *asked = getenv("VIRTSIM_PYTHON");
    const char *const candidates[] = {asked && *asked ? asked : "python3",
                                      asked && *asked ? NULL : "/usr/bin/python3", NULL};
    for (size_t i = 0; candidates[i]; i++) {
        if (can_draw(candidates[i])) {
            return candidates[i];
        }
    }
    return NULL;
}

/* Becomes the interpreter; returns only when that fails. */
static void start(struct plot_args *a)
{
    char module[4096], self[4096];
    vs_home_path("notebooks/virtsim_plot.py", module, sizeof module);
    if (access(module, R_OK)) {
        vs_error(&a->errors, "%s: %s; VIRTSIM_HOME names the folder of the program's files", module,
                 strerror(errno));
        return;
    }
    const char *python = find_python();
    if (!python) {
        vs_error(&a->errors, "plot draws with python3, matplotlib and pandas, which are not here: "
                             "apt-get install python3-matplotlib python3-pandas");
        return;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) { /* the module asks this program to bring an old database up to date */
        self[n] = '\0';
        setenv("VIRTSIM", self, 1);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "db", a->db);
    cJSON_AddStringToObject(request, "output", a->output);
    cJSON_AddStringToObject(request, "width", a->width);
    if (a->height > 0) {
        cJSON_AddNumberToObject(request, "height", a->height);
    }
    cJSON_AddItemReferenceToObject(request, "panels", a->panels);
    char *text = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    if (text) {
        fflush(NULL);
        execlp(python, python, "-B", module, text, (char *)NULL);
    }
    vs_error(&a->errors, "%s: %s", python, strerror(errno));
    free(text);
}

int cmd_plot(int argc, char **argv)
{
    struct plot_args a = {.db = usual_db(), .width = "single", .panels = cJSON_CreateArray()};
    char err[5200];
    read_panels(&a, argc, argv);
    check_output(&a);
    struct vs_db *db = NULL;
    if (a.stored && vs_db_open(a.db, false, &db, err, sizeof err)) {
        vs_error(&a.errors, "%s", err);
    }
    vs_db_close(db);
    if (!a.errors.n) {
        start(&a);
    }
    cJSON_Delete(a.panels);
    return report(&a.errors, VS_E_INPUT, false);
}
