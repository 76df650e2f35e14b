/* SPDX-License-Identifier: MIT */
/* top: where in its program a stored run's time went. */
#ifndef VIRTSIM_APP_TOP_H
#define VIRTSIM_APP_TOP_H

#include "cmd.h"

enum top_by { TOP_PAGE, TOP_REGION, TOP_IP, TOP_SYMBOL, TOP_LINE };
#define TOP_ELF 16u /* programs and libraries of one run */

struct top {
    const char *db_file;
    int64_t run;
    enum top_by by;
    bool said; /* by was */
    const char *of;
    uint64_t most; /* rows that are printed; 0: not said */
    enum out_format format;
    bool formatted; /* the format was said */
    const char *elf[TOP_ELF];
    size_t n_elf;
    const char *export, *output;
    struct vs_errors errors;
};

/* What one place has of what was asked for. place: "0x...", "none", "other", a symbol's name. The
 * texts are the list's. */
struct top_row {
    char *space, *place;
    int64_t n, ps, lacks_ps;
    int kind; /* 0 a place, 1 none, 2 other: they come last */
};
struct top_rows {
    struct top_row *row;
    size_t n, cap;
};

/* A condition on site.item for what --of names; NULL and a message: nothing is called so. The
 * caller frees it with sqlite3_free. */
char *top_items(const char *of, struct vs_errors *errors);
/* The rows of a kind (page, region, ip), heaviest first. False: the database cannot be read. */
bool top_load(struct vs_db *db, int64_t run, const char *kind, const char *items,
              struct top_rows *rows);
void top_sort(struct top_rows *rows);
void top_free(struct top_rows *rows);

/* The run's program and its libraries, where they were loaded (top_programs.c). */
struct top_programs {
    struct top_program {
        struct vs_elf *elf;
        uint64_t base;
    } program[TOP_ELF];
    size_t n;
};
/* Those of --elf; each is checked against the addresses that the run executed. */
enum vs_status top_programs_open(struct top *t, struct vs_db *db, struct top_programs *out);
void top_programs_close(struct top_programs *p);
/* One of them has a table of lines. */
bool top_programs_lines(const struct top_programs *p);
/* What a place is called: the place itself where no program is known. Texts are the programs' and
 * the place's own; line 0: not known. */
struct top_name {
    const char *symbol, *file, *program;
    unsigned line;
};
struct top_name top_programs_name(const struct top_programs *p, const char *place);
/* Rows of instructions become rows of symbols, or of lines; false: no memory. */
bool top_programs_rows(const struct top_programs *p, enum top_by by, struct top_rows *rows);

/* Writes to f (export_callgrind.c, export_spans.c). kind: page, region or ip. */
enum vs_status top_export_callgrind(struct top *t, struct vs_db *db, const char *kind,
                                    const struct top_programs *programs, FILE *f);
enum vs_status top_export_spans(struct top *t, struct vs_db *db, bool chrome, FILE *f);

#endif
