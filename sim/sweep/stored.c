/* SPDX-License-Identifier: MIT */
#include "sweep/stored.h"

#include "virtsim/ending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES (VS_SWEEP_NAME + 48u)

/* A run of the database that is a point. */
struct found {
    char identity[VS_IDENTITY_TEXT];
    int64_t run;
    bool same; /* made by this build */
};

struct founds {
    struct found *at;
    size_t n, room;
    int64_t seen; /* runs up to here have been looked at */
};

/* This build's first, then the older ones. */
static int by_identity(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    int order = strcmp(a->identity, b->identity);
    return order                ? order
           : a->same != b->same ? (a->same ? -1 : 1)
                                : (a->run > b->run) - (a->run < b->run);
}

/* Adds the points of runs beyond `seen`; `other`: a build that is not this one, when there is. */
static enum vs_status look(struct vs_db *db, struct founds *f, char *other, size_t bytes)
{
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT p.run, p.value, coalesce(b.value, '') FROM run r CROSS JOIN provenance p ON "
            "p.run = r.run AND p.key = '" VS_IDENTITY_KEY "' LEFT JOIN provenance b ON b.run = "
            "r.run AND b.key = '" VS_BUILD_KEY "' WHERE r.run > ? ORDER BY r.run");
    enum vs_status status = VS_OK;
    if (st) {
        sqlite3_bind_int64(st, 1, f->seen);
    }
    while (!status && vs_db_row(db, st)) {
        if (f->n == f->room) {
            size_t room = f->room ? 2 * f->room : 64;
            struct found *grown = realloc(f->at, room * sizeof *grown);
            if (!grown) {
                status = VS_E_NOMEM;
                break;
            }
            f->at = grown;
            f->room = room;
        }
        struct found *one = &f->at[f->n++];
        const char *build = (const char *)sqlite3_column_text(st, 2);
        *one = (struct found){.run = sqlite3_column_int64(st, 0)};
        snprintf(one->identity, sizeof one->identity, "%s", sqlite3_column_text(st, 1));
        one->same = build && !strcmp(build, vs_build());
        if (!one->same && other && build) {
            snprintf(other, bytes, "%s", build);
        }
        f->seen = one->run;
    }
    sqlite3_finalize(st);
    return status ? status : vs_db_unread(db);
}

/* Finds a stored run by its identity, or NULL. */
static const struct found *find(const struct founds *f, const char *identity)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(f->at[middle].identity, identity) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->n && !strcmp(f->at[low].identity, identity) ? &f->at[low] : NULL;
}

enum vs_status vs_stored_find(struct vs_plan *p, struct vs_db *db, struct vs_errors *errors)
{
    struct founds all = {NULL, 0, 0, 0};
    char text[VS_IDENTITY_TEXT];
    enum vs_status st = look(db, &all, p->other, sizeof p->other);
    if (st) {
        vs_error(errors, "%s", st == VS_E_NOMEM ? "out of memory" : vs_db_error(db));
        free(all.at);
        return st;
    }
    if (all.n) {
        qsort(all.at, all.n, sizeof *all.at, by_identity);
    }
    for (size_t i = p->begin; i < p->end; i++) {
        struct vs_planned *one = vs_plan_at(p, i);
        const struct found *f =
            one->state == VS_POINT_NEW ? find(&all, vs_identity_text(one->identity, text)) : NULL;
        if (f && f->same) {
            one->state = VS_POINT_STORED;
            one->run = f->run;
            p->n_stored++;
            p->n_new--;
        } else if (f) {
            p->n_other++;
        }
    }
    p->seen = all.seen;
    free(all.at);
    for (size_t i = p->begin; i < p->end; i++) {
        struct vs_planned *one = vs_plan_at(p, i);
        one->run = one->state == VS_POINT_TWIN ? vs_plan_at(p, one->twin)->run : one->run;
    }
    return VS_OK;
}

char *vs_stored_manifest(struct vs_db *db, const char *name)
{
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT value FROM provenance WHERE key = 'manifest.' || ? LIMIT 1");
    char *text = NULL;
    if (st) {
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    }
    if (vs_db_row(db, st)) {
        const char *value = (const char *)sqlite3_column_text(st, 0);
        size_t bytes = value ? strlen(value) + 1 : 0;
        text = bytes ? malloc(bytes) : NULL;
        if (text) {
            memcpy(text, value, bytes);
        }
    }
    sqlite3_finalize(st);
    return text;
}

size_t vs_stored_names(struct vs_db *db, char *out, size_t bytes)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT DISTINCT substr(key, 10) FROM provenance WHERE key "
                                       "LIKE 'manifest.%' ORDER BY 1");
    size_t n = 0, at = 0;
    for (*out = '\0'; vs_db_row(db, st); n++) {
        if (at < bytes) {
            at += (size_t)snprintf(out + at, bytes - at, "%s%s", n ? ", " : "",
                                   sqlite3_column_text(st, 0));
        }
    }
    sqlite3_finalize(st);
    return n;
}

/* What the notes of a sweep's points are written with. */
struct notes {
    struct vs_plan *plan;
    struct vs_db *db;
    sqlite3_stmt *insert, *member;
    const char *manifest; /* NULL: it is stored */
    struct founds since;  /* runs that others have stored meanwhile */
};

/* A row of the run's provenance. */
static enum vs_status note(struct notes *n, int64_t run, const char *key, const char *value)
{
    sqlite3 *sql = vs_db_handle(n->db);
    static const char text[] = "INSERT OR IGNORE INTO provenance VALUES (?, ?, ?)";
    if (!n->insert && sqlite3_prepare_v2(sql, text, -1, &n->insert, NULL) != SQLITE_OK) {
        return vs_db_failed(n->db, "cannot store the run");
    }
    sqlite3_bind_int64(n->insert, 1, run);
    sqlite3_bind_text(n->insert, 2, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(n->insert, 3, value, -1, SQLITE_STATIC);
    bool good = sqlite3_step(n->insert) == SQLITE_DONE;
    enum vs_status st = good ? VS_OK : vs_db_failed(n->db, "cannot store the run");
    sqlite3_reset(n->insert);
    return st;
}

/* The sweep's manifest, noted at the first run of it that is stored. Somebody else may have stored
 * one of this name since this sweep looked. */
static enum vs_status note_manifest(struct notes *n, int64_t run)
{
    const char *name = n->plan->sweep->name, *mine = n->manifest;
    char key[KEY_BYTES], why[KEY_BYTES + 120], *theirs = vs_stored_manifest(n->db, name);
    enum vs_status st = VS_OK;
    n->manifest = NULL;
    if (!theirs) {
        snprintf(key, sizeof key, "manifest.%s", name);
        st = note(n, run, key, mine);
    } else if (strcmp(theirs, mine) != 0) {
        snprintf(why, sizeof why,
                 "--name %s: another sweep of this name was stored meanwhile; give another --name",
                 name);
        st = vs_db_conflict(n->db, why);
    }
    free(theirs);
    return st;
}

/* The statement of a point's row: SQLite writes its JSON. A derived knob's value is null: the run's
 * row of `knob` has it. */
static enum vs_status prepare_member(struct notes *n)
{
    const struct vs_sweep *s = n->plan->sweep;
    sqlite3 *sql = vs_db_handle(n->db);
    sqlite3_str *text = sqlite3_str_new(sql);
    const char *comma = "";
    sqlite3_str_appendall(text, "INSERT OR IGNORE INTO provenance VALUES (?1, ?2, "
                                "json_object('vary', json_object(");
    for (unsigned a = 0; a < s->n_axes; a++, comma = ", ") {
        sqlite3_str_appendf(text, "%s%Q, ?%u", comma, s->axis[a].path, a + 3u);
    }
    for (unsigned i = 0; i < s->n_lets; i++, comma = ", ") {
        sqlite3_str_appendf(text, "%s%Q, NULL", comma, s->let[i].path);
    }
    sqlite3_str_appendall(text, ")))");
    char *whole = sqlite3_str_finish(text);
    bool good = whole && sqlite3_prepare_v2(sql, whole, -1, &n->member, NULL) == SQLITE_OK;
    sqlite3_free(whole);
    return good ? VS_OK : vs_db_failed(n->db, "cannot store the run");
}

/* The point of the plan is this run. */
static enum vs_status note_member(struct notes *n, size_t point, int64_t run)
{
    const struct vs_sweep *s = n->plan->sweep;
    char key[KEY_BYTES];
    enum vs_status st = n->member ? VS_OK : prepare_member(n);
    if (st) {
        return st;
    }
    snprintf(key, sizeof key, "sweep.%s/%zu", s->name, point + 1);
    sqlite3_bind_int64(n->member, 1, run);
    sqlite3_bind_text(n->member, 2, key, -1, SQLITE_STATIC);
    for (unsigned a = 0; a < s->n_axes; a++) {
        sqlite3_bind_text(n->member, (int)a + 3, vs_sweep_value(s, point, a), -1, SQLITE_STATIC);
    }
    if (sqlite3_step(n->member) != SQLITE_DONE) {
        st = vs_db_failed(n->db, "cannot store the run");
    }
    sqlite3_reset(n->member);
    return !st && n->manifest ? note_manifest(n, run) : st;
}

/* Notes that a point's run has been stored: its identity, its build and its place in the sweep. */
static enum vs_status stored(void *ctx, size_t point, int64_t run)
{
    struct notes *n = ctx;
    struct vs_planned *one = vs_plan_at(n->plan, point);
    char text[VS_IDENTITY_TEXT];
    one->run = run;
    n->since.seen = run > n->since.seen ? run : n->since.seen;
    enum vs_status st = note(n, run, VS_IDENTITY_KEY, vs_identity_text(one->identity, text));
    st = st ? st : note(n, run, VS_BUILD_KEY, vs_build());
    return st ? st : note_member(n, point, run);
}

/* Somebody else may have stored the same point since vs_stored_find looked. The transaction that is
 * open keeps others from storing it before this sweep has. */
static enum vs_status there(void *ctx, size_t point, bool *is)
{
    struct notes *n = ctx;
    char text[VS_IDENTITY_TEXT];
    struct vs_planned *one = vs_plan_at(n->plan, point);
    enum vs_status st = look(n->db, &n->since, NULL, 0);
    vs_identity_text(one->identity, text);
    *is = false;
    for (size_t i = 0; !st && i < n->since.n; i++) {
        if (n->since.at[i].same && !strcmp(n->since.at[i].identity, text)) {
            one->run = n->since.at[i].run;
            n->plan->n_meanwhile++;
            *is = true;
            return note_member(n, point, one->run);
        }
    }
    return st;
}

/* Points that were there before, and those that are the same as another one. */
static enum vs_status note_others(struct notes *n, enum vs_point_state which)
{
    struct vs_plan *p = n->plan;
    size_t any = 0;
    for (size_t i = p->begin; i < p->end; i++) {
        any += vs_plan_at(p, i)->state == which;
    }
    if (!any) {
        return VS_OK;
    }
    enum vs_status st = vs_db_begin(n->db);
    for (size_t i = p->begin; !st && i < p->end; i++) {
        struct vs_planned *one = vs_plan_at(p, i);
        if (one->state == which) {
            one->run = one->run ? one->run : vs_plan_at(p, one->twin)->run;
            st = one->run ? note_member(n, i, one->run) : VS_OK;
        }
    }
    return vs_db_end(n->db, st);
}

enum vs_status vs_stored_run(struct vs_plan *p, struct vs_pool *pool, struct vs_db *db,
                             const char *manifest,
                             void (*progress)(void *ctx, size_t done, size_t all, double seconds),
                             void *ctx, struct vs_errors *errors)
{
    struct notes n = {.plan = p, .db = db, .manifest = manifest, .since = {.seen = p->seen}};
    int64_t first = 0;
    size_t k = 0, *points = calloc(p->n_new ? p->n_new : 1, sizeof *points);
    if (!points) {
        vs_error(errors, "out of memory for %zu points", p->n_new);
        return VS_E_NOMEM;
    }
    for (size_t i = p->begin; i < p->end; i++) {
        if (vs_plan_at(p, i)->state == VS_POINT_NEW) {
            points[k++] = i;
        }
    }
    struct vs_pool_order order = {.n = k,
                                  .progress = progress,
                                  .progress_ctx = ctx,
                                  .points = points,
                                  .stored = stored,
                                  .there = there,
                                  .ctx = &n};
    enum vs_status st = note_others(&n, VS_POINT_STORED), others;
    if (st) {
        vs_error(errors, "%s", vs_db_error(db));
    }
    st = st ? st : vs_pool_store(pool, &order, db, &first, errors);
    if (!vs_ending_came() && (!st || st == VS_E_RUN)) {
        others = note_others(&n, VS_POINT_TWIN);
        if (others) {
            vs_error(errors, "%s", vs_db_error(db));
            st = others;
        }
    }
    sqlite3_finalize(n.insert);
    sqlite3_finalize(n.member);
    free(n.since.at);
    free(points);
    return st;
}

size_t vs_stored_count(struct vs_db *db, const char *name)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT count(*) FROM provenance WHERE substr(key, 1, ?2) = "
                                       "?1");
    char key[KEY_BYTES];
    int n = snprintf(key, sizeof key, "sweep.%s/", name);
    if (st) {
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 2, n);
    }
    size_t count = vs_db_row(db, st) ? (size_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return count;
}
