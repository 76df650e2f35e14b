/* SPDX-License-Identifier: MIT */
/* Cells, shared by the formats of out.c and the tables of layout.c. */
#ifndef VIRTSIM_APP_OUT_IMPL_H
#define VIRTSIM_APP_OUT_IMPL_H

#include "out.h"

struct cell {
    char *text;
    double number;
    bool is_number, exact;
    int64_t integer;
};

struct out {
    enum out_format format;
    const char *const *columns;
    size_t n_columns;
    struct cell *cell;
    size_t n, cap;
    const char *people; /* columns of a table, "a b c"; NULL: all */
    const char *rest;   /* what a table says of those that it leaves out */
};

/* A table that fits the paper's width. */
void layout_table(const struct out *o, FILE *f);

#endif
