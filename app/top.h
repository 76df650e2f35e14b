/* SPDX-License-Identifier: MIT */
/* top: where in its program a stored run's time went. */
#ifndef VIRTSIM_APP_TOP_H
#define VIRTSIM_APP_TOP_H

#include "cmd.h"

enum top_by { TOP_PAGE, TOP_REGION, TOP_IP, TOP_SYMBOL, TOP_LINE };

struct top {
    const char *db_file;
    int64_t run;
    enum top_by by;
    const char *of;
    uint64_t most; /* rows that are printed; 0: not said */
    enum out_format format;
    const char *elf, *load_base, *export, *output;
    struct vs_errors errors;
};

/* What one place has of what was asked for. place: "0x...", "none", "other"; label: what it is
 * called. Both are the list's. */
struct top_row {
    char *space, *place, *label;
    int64_t n, ps, lacks_ps;
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
/* One more, its texts copied; false: no memory. */
bool top_add(struct top_rows *rows, const struct top_row *row);
void top_sort(struct top_rows *rows);
void top_free(struct top_rows *rows);

#endif
