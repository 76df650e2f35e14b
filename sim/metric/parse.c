/* SPDX-License-Identifier: MIT */
/* Metrics as people write them. */
#include "metric/metric.h"

#include "machine/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum vs_metric_stat stat;
    bool of_op, of_part;
    const char *unit;
} stats[] = {
    {"mean", VS_STAT_MEAN, true, true, "ns"},       {"p50", VS_STAT_P50, true, false, "ns"},
    {"p90", VS_STAT_P90, true, false, "ns"},        {"p99", VS_STAT_P99, true, false, "ns"},
    {"n", VS_STAT_N, true, true, "count"},          {"total", VS_STAT_TOTAL, true, true, "ns"},
    {"share", VS_STAT_SHARE, false, true, "ratio"},
};
#define STATS (sizeof stats / sizeof *stats)

static const char forms[] =
    "op:NAME[.mean|p50|p90|p99|n|total], part:OP/ACCOUNT[.mean|n|total|share], counter:NAME or "
    "ratio:A/B, each but the last with @ACTOR at its end if wanted";

/* What a metric is read with: the words of messages, and where they go. */
struct reader {
    const char *by, *text;
    struct vs_errors *errors;
};

/* The names that a suggestion chooses from. */
struct names {
    const char **name;
    size_t n, cap;
};

/* Adds a name to those a wrong one is compared with. */
static void push(struct names *l, const char *name)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        const char **grown = realloc(l->name, cap * sizeof *grown);
        if (!grown) {
            return;
        }
        l->name = grown;
        l->cap = cap;
    }
    l->name[l->n++] = name;
}

/* Adds the names and aliases of all operations. */
static void push_operations(struct names *l)
{
    size_t n;
    const struct vs_op_alias *a = vs_op_aliases(&n);
    for (size_t i = 0; i < vs_op_count(); i++) {
        push(l, vs_op_name((enum vs_op)i));
    }
    for (size_t i = 0; i < n; i++) {
        push(l, a[i].alias);
    }
}

/* Accounts, or counters, of all components; the unit of the counter `wanted`. */
static const char *push_declared(struct names *l, bool counters, const char *wanted)
{
    const char *unit = NULL;
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < (counters ? c[i]->n_counters : c[i]->n_accounts); j++) {
            const char *path = counters ? c[i]->counters[j].path : c[i]->accounts[j].path;
            push(l, path);
            if (!strcmp(path, wanted)) {
                unit = counters ? c[i]->counters[j].unit : "";
            }
        }
    }
    return unit;
}

/* Reports a name that isn't there, with the nearest one. */
static enum vs_status unknown(const struct reader *r, const char *what, const char *name,
                              struct names *l, const char *otherwise)
{
    char hint[VS_SUGGEST];
    vs_error(r->errors, "%s %s: unknown %s '%s'; %s", r->by, r->text, what, name,
             vs_suggest(name, l->name, l->n, otherwise, hint, sizeof hint));
    return VS_E_UNKNOWN;
}

/* Whose operations count when nobody says. */
static void usual_actor(struct vs_metric_term *t, const char *actor)
{
    const char *op = t->n_ops ? vs_op_name(t->op[0]) : "";
    const char *all = "*";
    if (*actor) {
        all = !strcmp(actor, "guest")  ? "vcpu*/guest"
              : !strcmp(actor, "host") ? "vcpu*/host"
                                       : actor;
    } else if (!strncmp(op, "access.", 7) || !strcmp(op, "walk")) {
        all = "vcpu*/guest";
    } else if (!strcmp(op, "timeline")) {
        all = "vcpu*";
        t->lines = true;
    }
    snprintf(t->actor, sizeof t->actor, "%s", all);
}

/* "NAME.STAT": takes a statistic off the name's end; the name itself when it has none. */
static void take_stat(char *name, bool part, enum vs_metric_stat *stat, const char **unit)
{
    char *dot = strrchr(name, '.');
    *stat = VS_STAT_MEAN;
    *unit = "ns";
    for (size_t i = 0; dot && i < STATS; i++) {
        if (!strcmp(dot + 1, stats[i].name) && (part ? stats[i].of_part : stats[i].of_op)) {
            *stat = stats[i].stat;
            *unit = stats[i].unit;
            *dot = '\0';
            return;
        }
    }
}

/* Reads the name of an operation, which may be an alias of several. */
static enum vs_status read_operation(const struct reader *r, const char *name,
                                     struct vs_metric_term *t)
{
    t->n_ops = vs_op_resolve(name, NULL, t->op);
    if (t->n_ops) {
        return VS_OK;
    }
    const char *dot = strrchr(name, '.');
    char before[VS_METRIC_NAME];
    snprintf(before, sizeof before, "%.*s", dot ? (int)(dot - name) : 0, name);
    enum vs_op op[VS_OP_SAME];
    if (dot && vs_op_resolve(before, NULL, op)) {
        vs_error(r->errors, "%s %s: of %s there is no '%s', but %s", r->by, r->text, before,
                 dot + 1,
                 t->kind == VS_METRIC_PART ? "mean, n, total and share of its parts"
                                           : "mean, p50, p90, p99, n and total");
        return VS_E_UNKNOWN;
    }
    struct names l = {NULL, 0, 0};
    push_operations(&l);
    enum vs_status st =
        unknown(r, "operation", name, &l, "'virtsim list operations' names them all");
    free(l.name);
    return st;
}

/* Reads part:OP/ACCOUNT. */
static enum vs_status read_part(const struct reader *r, char *name, struct vs_metric_term *t)
{
    char *slash = strchr(name, '/');
    if (!slash || slash == name || !slash[1]) {
        vs_error(r->errors, "%s %s: part:OP/ACCOUNT is needed, such as part:walk/memory.l2_hit",
                 r->by, r->text);
        return VS_E_INPUT;
    }
    *slash = '\0';
    snprintf(t->within, sizeof t->within, "%s", slash + 1);
    enum vs_status st = read_operation(r, name, t);
    enum vs_op op[VS_OP_SAME];
    struct names l = {NULL, 0, 0};
    bool known = push_declared(&l, false, t->within) || vs_op_resolve(t->within, NULL, op);
    if (!known) {
        push_operations(&l);
        st = unknown(r, "account", t->within, &l, "'virtsim list accounts' names them all");
    }
    free(l.name);
    return st;
}

/* Counters that are made of other names: of moments the guest names, and of open operations. */
static const char *made_counter(const char *name)
{
    return !strncmp(name, "mark.", 5)       ? "ps"
           : !strncmp(name, "marks.", 6)    ? "times"
           : !strncmp(name, "open_ops.", 9) ? "operations"
                                            : NULL;
}

/* Reads the name of a counter. */
static enum vs_status read_counter(const struct reader *r, const char *name,
                                   struct vs_metric_term *t)
{
    struct names l = {NULL, 0, 0};
    const char *unit = push_declared(&l, true, name);
    unit = unit ? unit : made_counter(name);
    enum vs_status st = VS_OK;
    if (unit) {
        snprintf(t->unit, sizeof t->unit, "%s", unit);
    } else {
        st = unknown(r, "counter", name, &l, "'virtsim list counters' names them all");
    }
    free(l.name);
    return st;
}

/* A name without what it is: says what it would be. */
static enum vs_status say_forms(const struct reader *r, const char *text)
{
    enum vs_op op[VS_OP_SAME];
    struct names l = {NULL, 0, 0};
    char name[VS_METRIC_TEXT];
    enum vs_metric_stat stat;
    const char *unit, *kind = NULL;
    snprintf(name, sizeof name, "%s", text);
    take_stat(name, false, &stat, &unit);
    if (vs_op_resolve(name, NULL, op)) {
        kind = "op";
    } else if (push_declared(&l, true, text)) {
        kind = "counter";
    }
    free(l.name);
    if (kind) {
        vs_error(r->errors, "%s %s: did you mean '%s:%s'?", r->by, r->text, kind, text);
    } else {
        vs_error(r->errors, "%s %s: %s is needed", r->by, r->text, forms);
    }
    return VS_E_INPUT;
}

/* The term in full, as the view `metric` names it. */
static void write_out(const char *kind, const char *name, const struct vs_metric_term *t,
                      const char *actor, char *out, size_t bytes)
{
    const char *stat = "";
    for (size_t i = 0; i < STATS && t->kind != VS_METRIC_COUNTER; i++) {
        stat = stats[i].stat == t->stat ? stats[i].name : stat;
    }
    snprintf(out, bytes, "%s:%s%s%s%s%s%s%s", kind, name, *t->within ? "/" : "", t->within,
             *stat ? "." : "", stat, *actor ? "@" : "", actor);
}

/* One metric that is no ratio; its text in full in `full`. */
static enum vs_status read_term(const struct reader *r, const char *text, struct vs_metric_term *t,
                                char *full, size_t bytes)
{
    static const char *const kinds[] = {"op", "part", "counter"};
    const char *colon = strchr(text, ':');
    size_t kind = 0, length = colon ? (size_t)(colon - text) : 0;
    while (kind < 3 && (strlen(kinds[kind]) != length || strncmp(text, kinds[kind], length) != 0)) {
        kind++;
    }
    memset(t, 0, sizeof *t);
    if (kind == 3 || !colon[1] || strpbrk(text, " \t\n\"'")) {
        return say_forms(r, text);
    }
    char name[VS_METRIC_TEXT], actor[VS_METRIC_NAME] = "";
    snprintf(name, sizeof name, "%s", colon + 1);
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        snprintf(actor, sizeof actor, "%s", at + 1);
        if (!*actor || strlen(at + 1) >= sizeof actor) {
            vs_error(r->errors,
                     "%s %s: @ is followed by an actor, such as @guest, @vcpu0/host or "
                     "@'nic*'",
                     r->by, r->text);
            return VS_E_INPUT;
        }
    }
    t->kind = (enum vs_metric_kind)kind;
    if (strlen(name) >= sizeof t->name) {
        return say_forms(r, text);
    }
    const char *unit = "";
    enum vs_op op[VS_OP_SAME];
    if (t->kind != VS_METRIC_COUNTER) {
        /* an operation's own name may end like a statistic */
        bool whole = t->kind == VS_METRIC_OP && vs_op_resolve(name, NULL, op);
        if (whole) {
            unit = "ns";
        } else {
            take_stat(name, t->kind == VS_METRIC_PART, &t->stat, &unit);
        }
        snprintf(t->unit, sizeof t->unit, "%s", unit);
    }
    enum vs_status st = t->kind == VS_METRIC_OP     ? read_operation(r, name, t)
                        : t->kind == VS_METRIC_PART ? read_part(r, name, t)
                                                    : read_counter(r, name, t);
    snprintf(t->name, sizeof t->name, "%s", name);
    usual_actor(t, actor);
    write_out(kinds[kind], name, t, actor, full, bytes);
    return st;
}

/* Where the second metric of "A/B" begins: a slash may stand in a name, too. */
static const char *second(const char *text)
{
    static const char *const begins[] = {"/op:", "/part:", "/counter:"};
    const char *first = NULL;
    for (size_t i = 0; i < 3; i++) {
        const char *at = strstr(text, begins[i]);
        first = at && (!first || at < first) ? at : first;
    }
    return first;
}

/* Reads ratio:A/B of two metrics. */
static enum vs_status read_ratio(const struct reader *r, const char *text, struct vs_metric *m)
{
    const char *slash = second(text);
    char a[VS_METRIC_TEXT], full[2][VS_METRIC_TEXT / 2] = {"", ""};
    if (!slash || strlen(text) >= sizeof a) {
        vs_error(r->errors,
                 "%s %s: ratio:A/B of two metrics is needed, such as "
                 "ratio:op:walk.n/op:access.load.n",
                 r->by, r->text);
        return VS_E_INPUT;
    }
    snprintf(a, sizeof a, "%.*s", (int)(slash - text), text);
    m->ratio = true;
    enum vs_status st = read_term(r, a, &m->term[0], full[0], sizeof full[0]);
    enum vs_status other = read_term(r, slash + 1, &m->term[1], full[1], sizeof full[1]);
    st = st ? st : other;
    snprintf(m->text, sizeof m->text, "ratio:%.*s/%.*s", (int)sizeof full[0] - 6, full[0],
             (int)sizeof full[1] - 6, full[1]);
    if (!strcmp(m->term[0].unit, m->term[1].unit)) {
        snprintf(m->unit, sizeof m->unit, "ratio");
    } else {
        snprintf(m->unit, sizeof m->unit, "%s/%s", m->term[0].unit, m->term[1].unit);
    }
    return st;
}

enum vs_status vs_metrics_add(struct vs_metrics *m, const char *text, const char *by,
                              struct vs_errors *errors)
{
    struct reader r = {by, text, errors};
    if (m->n == VS_METRICS) {
        vs_error(errors, "%s %s: at most %u metrics", by, text, VS_METRICS);
        return VS_E_INPUT;
    }
    struct vs_metric *one = &m->list[m->n];
    memset(one, 0, sizeof *one);
    enum vs_status st;
    if (!strncmp(text, "ratio:", 6)) {
        st = read_ratio(&r, text + 6, one);
    } else {
        st = read_term(&r, text, &one->term[0], one->text, sizeof one->text);
        memcpy(one->unit, one->term[0].unit, sizeof one->term[0].unit);
    }
    for (size_t i = 0; !st && i < m->n; i++) {
        if (!strcmp(m->list[i].text, one->text)) {
            return VS_OK; /* asked for twice, shown once */
        }
    }
    m->n += !st;
    return st;
}

const char *vs_metric_column(const struct vs_metric *m, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s [%s]", m->text, m->unit);
    return out;
}
