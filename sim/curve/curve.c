/* SPDX-License-Identifier: MIT */
#include "curve/curve.h"

#include "sweep/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINE 64u      /* ways up to which a picture has every size; then 1/32 more at a time */
#define RUNS_MOST 20u /* sizes of a curve that is made of runs: powers of two */

/* What is made: the structure as it is configured, and the rows so far. */
struct making {
    const struct vs_curve_request *q;
    struct vs_curve *out;
    uint64_t entries, ways, line, most_entries, most_ways;
    size_t cap;
    size_t first_run; /* rows from here on that the pool makes */
    struct vs_db *db; /* of single runs, in memory */
};

const struct vs_watched *vs_curve_structure(const char *name, struct vs_errors *errors)
{
    size_t n;
    const struct vs_watched *all = vs_watch_structures(&n);
    const char *names[64];
    char hint[VS_SUGGEST];
    for (size_t i = 0; i < n; i++) {
        names[i] = all[i].name;
        if (!strcmp(name, all[i].name)) {
            return &all[i];
        }
    }
    vs_error(errors, "--structure %s: there is no such structure; %s", name,
             vs_suggest(name, names, n, NULL, hint, sizeof hint));
    return NULL;
}

void vs_curve_free(struct vs_curve *c)
{
    free(c->row);
    c->row = NULL;
    c->n = 0;
}

/* Appends a row to the curve. */
static bool add(struct making *m, struct vs_curve_row row)
{
    if (m->out->n == m->cap) {
        size_t cap = m->cap ? 2u * m->cap : 256u;
        struct vs_curve_row *grown = realloc(m->out->row, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        m->out->row = grown;
        m->cap = cap;
    }
    m->out->row[m->out->n++] = row;
    return true;
}

/* ---- single runs ---- */

/* The settings of one size. */
static bool point(void *ctx, size_t i, struct vs_point *p)
{
    const struct making *m = ctx;
    const struct vs_curve_row *row = &m->out->row[m->first_run + i];
    const struct vs_watched *w = m->q->what;
    size_t n = m->q->session->n_sets, half = sizeof p->text / 2u;
    if (n + 2u > VS_POINT_SETS) {
        return false;
    }
    p->request = *m->q->session;
    p->request.elf = NULL;
    for (size_t k = 0; k < n; k++) {
        p->sets[k] = p->request.sets[k];
        p->set_by[k] = p->request.set_by && p->request.set_by[k] ? p->request.set_by[k] : "--set";
    }
    snprintf(p->text, half, "%s.%s=%" PRIu64, w->name, w->bytes ? "size" : "entries",
             row->sets * row->ways * m->line);
    snprintf(p->text + half, half, "%s.ways=%" PRIu64, w->name, row->sets == 1u ? 0 : row->ways);
    p->sets[n] = p->text;
    p->sets[n + 1u] = p->text + half;
    p->set_by[n] = p->set_by[n + 1u] = "curve";
    p->request.sets = p->sets;
    p->request.set_by = p->set_by;
    p->request.n_sets = n + 2u;
    p->request.further = p->further;
    for (size_t k = 0; k < p->request.n_further && k < VS_POINT_FURTHER; k++) {
        p->further[k] = m->q->session->further[k];
    }
    snprintf(p->label, sizeof p->label, "%.1900s", p->text);
    return true;
}

/* "'a','b'" of a list of words, for SQL. */
static void quoted(const char *list, char *out, size_t bytes)
{
    size_t at = 0;
    for (const char *word = list; *word && at + 1 < bytes;) {
        size_t n = strcspn(word, " ");
        at += (size_t)snprintf(out + at, bytes - at, "%s'%.*s'", at ? "," : "", (int)n, word);
        word += n + (word[n] == ' ');
    }
}

/* Adds up, from the database, counters of a run whose names are listed. */
static double counted(struct making *m, const char *list, int64_t run)
{
    char names[600] = "", sql[800];
    double v = 0;
    bool any;
    quoted(list, names, sizeof names);
    snprintf(sql, sizeof sql, "SELECT total(value) FROM counter WHERE run = :run AND name IN (%s)",
             names);
    return vs_db_number(m->db, sql, run, 0, &v, &any) ? -1 : v;
}

/* Rows from first_run on become single runs. */
static enum vs_status run_rows(struct making *m, struct vs_errors *errors)
{
    char err[5200];
    size_t n = m->out->n - m->first_run;
    int64_t first = 0;
    enum vs_status st = vs_db_open(":memory:", true, &m->db, err, sizeof err);
    if (st) {
        vs_error(errors, "%s", err);
        return st;
    }
    struct vs_pool_work work = {m, point, m->q->jobs};
    struct vs_pool_order order = {.n = n};
    struct vs_pool *pool = vs_pool_open(&work, errors);
    st = pool ? vs_pool_store(pool, &order, m->db, &first, errors) : VS_E_NOMEM;
    vs_pool_close(pool);
    for (size_t i = 0; !st && i < n; i++) {
        struct vs_curve_row *row = &m->out->row[m->first_run + i];
        double hits = counted(m, m->q->what->hits, first + (int64_t)i),
               misses = counted(m, m->q->what->misses, first + (int64_t)i);
        if (hits < 0 || misses < 0) {
            vs_error(errors, "%s", vs_db_error(m->db));
            st = VS_E_IO;
        }
        row->hits = (uint64_t)hits;
        row->misses = (uint64_t)misses;
        row->run = true;
    }
    vs_db_close(m->db);
    m->db = NULL;
    return st;
}

/* ---- one pass ---- */

struct sum {
    const char *list;
    uint64_t value;
};

/* Adds a counter if the list names it. */
static void sum_counter(void *ctx, const char *actor, const struct vs_counter_desc *c,
                        uint64_t value)
{
    struct sum *s = ctx;
    size_t n = strlen(c->path);
    (void)actor;
    for (const char *at = s->list; (at = strstr(at, c->path)); at += n) {
        if ((at == s->list || at[-1] == ' ') && (!at[n] || at[n] == ' ')) {
            s->value += value;
            return;
        }
    }
}

/* Adds up counters of a session whose names are listed. */
static uint64_t total(struct vs_session *s, const char *list)
{
    struct sum sum = {list, 0};
    vs_ledger_each_counter(vs_session_ledger(s), sum_counter, &sum);
    return sum.value;
}

/* The size behind this one that a picture needs. */
static uint64_t next_size(const struct making *m, uint64_t ways)
{
    return m->q->every || ways < FINE ? ways + 1u : ways + ways / 32u;
}

/* The rows of one number of sets: those where misses change. found: hits when it held everything,
 * with those of tables beside it (other page sizes), which are the same at every size. */
static bool rows_of(struct making *m, uint64_t sets, const uint64_t *depth, size_t n,
                    uint64_t found, uint64_t lookups)
{
    uint64_t hits = found, most = m->most_entries / sets, last = UINT64_MAX, upto = 0;
    bool ok = true;
    for (size_t d = 0; d < n; d++) {
        hits -= depth[d];
    }
    most = most < m->most_ways || sets == 1u ? most : m->most_ways;
    while (n > 1u && !depth[n - 1u]) {
        n--; /* nothing was found as deep as that */
    }
    for (uint64_t ways = 1; ok && ways <= most; ways = next_size(m, ways)) {
        for (; upto < ways && upto + 1u < n; upto++) {
            hits += depth[upto + 1u];
        }
        if (hits != last) {
            ok = add(m, (struct vs_curve_row){sets, ways, hits, lookups - hits, false});
        }
        last = hits;
        if (upto + 1u >= n) {
            break;
        }
    }
    return ok;
}

/* Runs once and watches one structure with all sets and ways of interest at the same time. */
static enum vs_status one_pass(struct making *m, struct vs_errors *errors)
{
    const struct vs_curve_request *q = m->q;
    struct vs_session_request r = *q->session;
    struct vs_watch_wanted wanted = {.what = q->what, .n = q->n_sets};
    struct vs_session *s = NULL;
    memcpy(wanted.sets, q->sets, sizeof wanted.sets);
    r.options.watch = &wanted;
    enum vs_status st = vs_session_prepare(&r, &s, errors);
    st = st ? st : vs_session_run(s, errors);
    uint64_t found = st ? 0 : total(s, q->what->hits);
    uint64_t lookups = st ? 0 : found + total(s, q->what->misses);
    for (size_t i = 0; !st && i < q->n_sets; i++) {
        size_t n;
        uint64_t *depth = vs_session_depths(s, i, &n);
        st = rows_of(m, q->sets[i], depth, n, found, lookups) ? VS_OK : VS_E_NOMEM;
        free(depth);
    }
    vs_session_close(s);
    return st;
}

/* ---- the two against each other ---- */

/* What the one pass says of a size: the last row that is not larger. */
static const struct vs_curve_row *row_of(const struct vs_curve *c, size_t n, uint64_t sets,
                                         uint64_t ways)
{
    const struct vs_curve_row *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (c->row[i].sets == sets && c->row[i].ways <= ways) {
            found = &c->row[i];
        }
    }
    return found;
}

/* The sizes that are checked: the smallest, as it is configured, and between them and the largest.
 * Returns how many rows are the one pass's. */
static size_t add_checks(struct making *m)
{
    const struct vs_curve_request *q = m->q;
    size_t n = m->out->n;
    for (size_t i = 0; i < q->n_sets; i++) {
        size_t first = n, last = 0, of;
        for (size_t k = 0; k < n; k++) {
            if (m->out->row[k].sets == q->sets[i]) {
                first = k < first ? k : first;
                last = k;
            }
        }
        of = last - first + 1u;
        for (unsigned k = 0; first < n && k < q->checks && k < of; k++) {
            size_t at = q->checks > 1u ? first + k * (of - 1u) / (q->checks - 1u) : first + of / 2u;
            if (!add(m, (struct vs_curve_row){q->sets[i], m->out->row[at].ways, 0, 0, true})) {
                return 0;
            }
        }
    }
    return n;
}

/* Single runs of a few sizes: agree[i] is false where one of the i-th number of sets does not. Only
 * rows of the one pass are left, of numbers of sets that agree. */
static enum vs_status check(struct making *m, bool agree[VS_WATCH_SETS], struct vs_errors *errors)
{
    const struct vs_curve_request *q = m->q;
    struct vs_curve *c = m->out;
    size_t n = add_checks(m), kept = 0;
    enum vs_status st = VS_OK;
    for (size_t i = 0; i < q->n_sets; i++) {
        agree[i] = true;
    }
    m->first_run = n;
    if (c->n > n) {
        st = run_rows(m, errors);
    }
    for (size_t i = n; !st && i < c->n; i++) {
        const struct vs_curve_row *run = &c->row[i], *pass = row_of(c, n, run->sets, run->ways);
        bool same = pass && pass->hits == run->hits && pass->misses == run->misses;
        for (size_t k = 0; k < q->n_sets; k++) {
            agree[k] = agree[k] && (same || q->sets[k] != run->sets);
        }
        c->checked += same;
        if (!same && !*c->why) {
            snprintf(c->why, sizeof c->why,
                     "%s: a single run with %" PRIu64 " x %" PRIu64 " entries hits %" PRIu64
                     " times and misses %" PRIu64 ", one pass says %" PRIu64 " and %" PRIu64,
                     q->what->late ? "not all its lookups count where they are made"
                                   : "what it is asked for depends on its size",
                     run->sets, run->ways, run->hits, run->misses, pass ? pass->hits : 0,
                     pass ? pass->misses : 0);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < q->n_sets; k++) {
            if (agree[k] && q->sets[k] == c->row[i].sets) {
                c->row[kept++] = c->row[i];
                break;
            }
        }
    }
    c->n = kept;
    return st;
}

/* Rows of single runs for a number of sets: powers of two, and as it is configured. */
static bool add_runs(struct making *m, uint64_t sets)
{
    uint64_t own = m->entries % sets ? 0 : m->entries / sets,
             most = sets == 1u ? m->most_entries : m->most_ways;
    bool ok = true;
    for (unsigned k = 0; ok && k < RUNS_MOST; k++) {
        uint64_t ways = 1ull << k, before = k ? ways / 2u : 0;
        if (own > before && own < ways) {
            ok = add(m, (struct vs_curve_row){sets, own, 0, 0, true});
        }
        if (ways > most || ways * sets > m->most_entries || (own && ways > 16u * own)) {
            break;
        }
        ok = ok && add(m, (struct vs_curve_row){sets, ways, 0, 0, true});
    }
    return ok;
}

/* Orders a curve's rows by sets, large first, then by ways. */
static int by_size(const void *a, const void *b)
{
    const struct vs_curve_row *x = a, *y = b;
    if (x->sets != y->sets) {
        return x->sets > y->sets ? -1 : 1;
    }
    return x->ways < y->ways ? -1 : x->ways > y->ways;
}

/* The points of those that do not agree are runs. */
static enum vs_status by_runs(struct making *m, const bool agree[VS_WATCH_SETS],
                              struct vs_errors *errors)
{
    m->first_run = m->out->n;
    for (size_t i = 0; i < m->q->n_sets; i++) {
        if (!agree[i] && !add_runs(m, m->q->sets[i])) {
            return VS_E_NOMEM;
        }
    }
    enum vs_status st = m->out->n > m->first_run ? run_rows(m, errors) : VS_OK;
    if (!st && m->out->n) {
        qsort(m->out->row, m->out->n, sizeof *m->out->row, by_size);
    }
    return st;
}

/* ---- the request ---- */

/* Knob NAME.property of the request's machine; NULL: there is none. */
static const struct vs_knob *knob(const struct vs_session *s, const char *name,
                                  const char *property)
{
    char path[128];
    snprintf(path, sizeof path, "%s.%s", name, property);
    return vs_knobs_find(vs_session_knobs(s), path);
}

/* The structure as the machine has it. */
static enum vs_status configured(struct making *m, struct vs_curve_request *q, bool *lru,
                                 struct vs_errors *errors)
{
    struct vs_session *s = NULL;
    const struct vs_watched *w = q->what;
    enum vs_status st = vs_session_describe(q->session, &s, errors);
    if (st) {
        return st;
    }
    const struct vs_knob *size = knob(s, w->name, w->bytes ? "size" : "entries"),
                         *ways = knob(s, w->name, "ways"), *policy = knob(s, w->name, "policy"),
                         *line = vs_knobs_find(vs_session_knobs(s), "memory.line");
    m->line = w->bytes ? line->value : 1u;
    m->entries = size->value / m->line;
    m->ways = ways->value ? ways->value : m->entries;
    m->most_entries = size->desc->max / m->line;
    m->most_ways = ways->desc->max;
    *lru = policy->value == VS_POLICY_LRU;
    const struct vs_knob *moved = w->moved ? vs_knobs_find(vs_session_knobs(s), w->moved) : NULL;
    char text[64];
    if (moved && moved->value) {
        vs_error(errors,
                 "%s: this machine has those pages in %s (%s=%s); --structure %s is its curve",
                 w->name, w->where, w->moved, vs_knob_text(moved, text, sizeof text), w->where);
        st = VS_E_INPUT;
    } else if (!m->entries) {
        vs_error(errors, "%s: this machine has none; --set %s=N gives it one", w->name,
                 size->desc->path);
        st = VS_E_INPUT;
    } else if (!q->n_sets) {
        q->sets[q->n_sets++] = m->entries / m->ways;
        if (q->sets[0] != 1u) {
            q->sets[q->n_sets++] = 1u;
        }
    }
    if (!*lru) {
        snprintf(m->out->why, sizeof m->out->why, "%s.policy is %s, not lru", w->name,
                 vs_knob_text(policy, text, sizeof text));
    }
    vs_session_close(s);
    return st;
}

enum vs_status vs_curve_make(const struct vs_curve_request *asked, struct vs_curve *out,
                             struct vs_errors *errors)
{
    struct vs_curve_request q = *asked;
    struct making m = {.q = &q, .out = out};
    bool lru = false, agree[VS_WATCH_SETS] = {false};
    *out = (struct vs_curve){.what = q.what};
    enum vs_status st = configured(&m, &q, &lru, errors);
    out->line = m.line;
    q.checks = q.what->late && !q.checks ? 1u : q.checks;
    if (!st && lru) {
        st = one_pass(&m, errors);
        st = st ? st : check(&m, agree, errors);
    }
    st = st ? st : by_runs(&m, agree, errors);
    if (st) {
        vs_curve_free(out);
    }
    return st;
}
