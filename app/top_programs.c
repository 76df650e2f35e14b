/* SPDX-License-Identifier: MIT */
/* The programs whose instructions a run had: what an address is called in them. */
#define _GNU_SOURCE
#include "top.h"

#include "elf/elf.h"
#include "stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The executed addresses of a run, sorted. */
struct executed {
    uint64_t *at;
    size_t n, cap;
};

/* Reads the addresses that a run executed. */
static bool load(struct vs_db *db, int64_t run, struct executed *x)
{
    sqlite3_stmt *st = stored_query(
        db,
        "SELECT DISTINCT place FROM site WHERE run = ? AND kind = 'ip' AND place LIKE '0x%' "
        "ORDER BY place",
        run, 0);
    bool ok = st != NULL;
    while (ok && vs_db_row(db, st)) {
        if (x->n == x->cap) {
            size_t cap = x->cap ? 2u * x->cap : 1024u;
            uint64_t *grown = realloc(x->at, cap * sizeof *grown);
            ok = grown != NULL;
            x->at = ok ? grown : x->at;
            x->cap = ok ? cap : x->cap;
        }
        if (ok) {
            x->at[x->n++] = strtoull(stored_text(st, 0), NULL, 16);
        }
    }
    sqlite3_finalize(st);
    return ok;
}

/* "FILE@0xBASE": the base is cut off; false: it is no address. */
static bool cut_base(char *file, uint64_t *base, bool *given)
{
    char *at = strrchr(file, '@'), *end;
    *given = at && at[1] == '0' && (at[2] | 0x20) == 'x';
    if (!*given) {
        return true;
    }
    *base = strtoull(at + 1, &end, 16);
    *at = 0;
    return !*end && end > at + 3;
}

/* Does the program fit to what was executed? Says what is wrong with it. */
static void check(const struct top_program *p, const struct executed *x, int64_t run,
                  struct vs_errors *errors)
{
    struct vs_elf_match m = vs_elf_matches(p->elf, p->base, x->at, x->n);
    uint64_t at, end;
    vs_elf_text(p->elf, &at, &end);
    if (!m.addresses) {
        vs_error(errors,
                 "--elf %s: is not the program of run %" PRId64 ": none of the %zu instructions it "
                 "executed (0x%" PRIx64 " to 0x%" PRIx64 ") lies in its code (0x%" PRIx64
                 " to 0x%" PRIx64 ")%s",
                 vs_elf_path(p->elf), run, x->n, x->at[0], x->at[x->n - 1u], p->base + at,
                 p->base + end,
                 vs_elf_moves(p->elf) ? "; FILE@0xBASE says where it was loaded" : "");
    } else if (m.functions >= 4u && 4u * m.entered < m.functions) {
        vs_error(errors,
                 "--elf %s: is not the program of run %" PRId64
                 ", or another version of it: of %zu "
                 "functions that its executed addresses lie in, %zu begin at one",
                 vs_elf_path(p->elf), run, m.functions, m.entered);
    }
}

/* Finds where a program that can be moved was loaded, and says so. */
static void find_base(struct top_program *p, const struct executed *x, int64_t run,
                      struct vs_errors *errors)
{
    if (!vs_elf_moves(p->elf)) {
        return;
    }
    if (!vs_elf_find_base(p->elf, x->at, x->n, &p->base)) {
        vs_error(errors,
                 "--elf %s: may be loaded anywhere, and where is not seen from the instructions of "
                 "run %" PRId64 " (is it its program?): give --elf %s@0xBASE",
                 vs_elf_path(p->elf), run, vs_elf_path(p->elf));
        return;
    }
    struct vs_elf_match m = vs_elf_matches(p->elf, p->base, x->at, x->n);
    fprintf(stderr,
            "virtsim: %s: loaded at 0x%" PRIx64 ", where %zu of %zu executed functions begin\n",
            vs_elf_path(p->elf), p->base, m.entered, m.functions);
}

/* Opens one program, at the address that follows its name or else where it fits. */
static void open_one(struct top_programs *all, const char *file, const struct executed *x,
                     int64_t run, struct vs_errors *errors)
{
    struct top_program *p = &all->program[all->n];
    bool given;
    char *path = strdup(file);
    p->base = 0;
    if (!path || !cut_base(path, &p->base, &given)) {
        vs_error(errors, "--elf %s: FILE or FILE@0xBASE, the address it was loaded at, is needed",
                 file);
        free(path);
        return;
    }
    p->elf = vs_elf_open(path, errors);
    free(path);
    if (!p->elf) {
        return;
    }
    all->n++;
    size_t before = errors->n;
    if (!given) {
        find_base(p, x, run, errors);
    }
    if (errors->n == before) {
        check(p, x, run, errors);
    }
}

enum vs_status top_programs_open(struct top *t, struct vs_db *db, struct top_programs *out)
{
    struct executed x = {.n = 0};
    if (!load(db, t->run, &x)) {
        vs_error(&t->errors, "%s", vs_db_unread(db) ? vs_db_error(db) : "no memory is left");
        free(x.at);
        return VS_E_IO;
    }
    bool pages = x.n > 4u;
    for (size_t i = 0; i < x.n; i++) {
        pages = pages && !(x.at[i] & 4095u);
    }
    if (!x.n || pages) {
        vs_error(&t->errors,
                 "run %" PRId64 "%s: symbols and lines need a trace of instructions (lackey, "
                 "drmemtrace, ChampSim, din); --by region and --by page work",
                 t->run,
                 pages ? "'s trace tells only the pages of its instructions"
                       : " has no addresses of instructions");
    }
    for (size_t i = 0; x.n && !pages && i < t->n_elf; i++) {
        open_one(out, t->elf[i], &x, t->run, &t->errors);
    }
    free(x.at);
    return t->errors.n ? VS_E_INPUT : VS_OK;
}

void top_programs_close(struct top_programs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        vs_elf_close(p->program[i].elf);
    }
}

struct top_name top_programs_name(const struct top_programs *all, const char *place)
{
    struct top_name n = {.symbol = place, .file = "???", .program = ""};
    uint64_t address = strtoull(place, NULL, 16), at, end;
    for (size_t i = 0; place[0] == '0' && i < all->n; i++) {
        const struct top_program *p = &all->program[i];
        vs_elf_text(p->elf, &at, &end);
        if (address - p->base < at || address - p->base >= end) {
            continue;
        }
        const char *symbol = vs_elf_symbol(p->elf, address - p->base);
        n.program = vs_elf_path(p->elf);
        n.symbol = symbol ? symbol : "no symbol";
        (void)vs_elf_line(p->elf, address - p->base, &n.file, &n.line);
        return n;
    }
    if (all->n && place[0] == '0') {
        n.symbol = "elsewhere"; /* a library, the kernel */
    }
    return n;
}

bool top_programs_lines(const struct top_programs *all)
{
    bool any = false;
    for (size_t i = 0; i < all->n; i++) {
        any = any || vs_elf_has_lines(all->program[i].elf);
    }
    return any;
}

/* Orders places by kind, space and name. */
static int by_name(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;
    int space = strcmp(x->space, y->space);
    return x->kind != y->kind ? x->kind - y->kind : space ? space : strcmp(x->place, y->place);
}

/* Neighbours of one name are one row. */
static void join(struct top_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->n; i++) {
        struct top_row *r = &rows->row[i], *last = kept ? &rows->row[kept - 1u] : NULL;
        if (last && !by_name(last, r)) {
            last->n += r->n;
            last->ps += r->ps;
            free(r->space);
            free(r->place);
        } else {
            rows->row[kept++] = *r;
        }
    }
    rows->n = kept;
}

bool top_programs_rows(const struct top_programs *p, enum top_by by, struct top_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct top_row *r = &rows->row[i];
        struct top_name name = top_programs_name(p, r->place);
        char *text = by == TOP_LINE && name.line ? sqlite3_mprintf("%s:%u", name.file, name.line)
                                                 : sqlite3_mprintf("%s", name.symbol);
        char *copy = text ? strdup(text) : NULL;
        sqlite3_free(text);
        if (!copy) {
            return false;
        }
        free(r->place);
        r->place = copy;
    }
    if (rows->n) {
        qsort(rows->row, rows->n, sizeof *rows->row, by_name);
    }
    join(rows);
    top_sort(rows);
    return true;
}
