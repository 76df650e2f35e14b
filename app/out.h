/* SPDX-License-Identifier: MIT */
/*
 * Rows for people and programs: aligned tables, JSON (an array of objects) or CSV (RFC 4180), with
 * the same stable columns. Cells are added left to right; rows print at the end.
 */
#ifndef VIRTSIM_APP_OUT_H
#define VIRTSIM_APP_OUT_H

#include "virtsim/units.h"

#include <stdio.h>

enum out_format { OUT_TABLE, OUT_JSON, OUT_CSV, OUT_MARKDOWN };

struct out;

bool out_parse(const char *text, enum out_format *format); /* table | json | csv | md */
struct out *out_begin(enum out_format format, const char *const *columns, size_t n);
void out_text(struct out *o, const char *cell);
/* The same, but tables for people show `most` columns of it at most; programs get all of it. */
void out_short(struct out *o, const char *cell, size_t most);
void out_int(struct out *o, int64_t v);
/* `digits` after the point in tables; full precision for programs. NaN prints as an empty cell. */
void out_real(struct out *o, double v, int digits);
/* A number that a row of this kind does not have. */
void out_none(struct out *o);
void out_end(struct out *o, FILE *f); /* prints and frees */

/* 1234567 ps -> "1.235 us": for trees and summaries, not for columns. */
const char *out_time(uint64_t ps, char *text, size_t bytes);

#endif
