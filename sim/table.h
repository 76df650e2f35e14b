/* SPDX-License-Identifier: MIT */
/* A CSV file with a header line, wholly in memory; cells by column name. */
#ifndef VIRTSIM_SIM_TABLE_H
#define VIRTSIM_SIM_TABLE_H

#include "virtsim/status.h"

struct vs_table {
    char **cell; /* n_rows x n_columns, after the header */
    char **column;
    size_t n_columns, n_rows;
};

enum vs_status vs_table_read(const char *path, struct vs_table *out, struct vs_errors *errors);
/* "" for a column that is not there. */
const char *vs_table_cell(const struct vs_table *t, size_t row, const char *column);
void vs_table_free(struct vs_table *t);

#endif
