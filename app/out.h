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
void out_int(struct out *o, int64_t v);
/* `digits` after the point in tables; full precision for programs. NaN prints as an empty cell. */
void out_real(struct out *o, double v, int digits);
/* A number that a row of this kind does not have. */
void out_none(struct out *o);
/* Tables for people have these columns only, in this order ("a b c"), unless there is one row;
 * `rest` says where the others are. */
void out_people(struct out *o, const char *columns, const char *rest);
/* The names of the rows, their first column, valid until rows are taken out; how many there are. */
size_t out_names(const struct out *o, const char **name, size_t n);
/* Keeps the rows that all the words find: as a part of the name in the first column, else as the
 * beginning of one, else inside the name, else in any text. Returns how many. */
size_t out_filter(struct out *o, const char *const *words, size_t n);
void out_end(struct out *o, FILE *f); /* prints and frees */

/* Writes a text with the special characters of XML and HTML replaced. */
void out_markup(FILE *f, const char *text);
/* 1234567 ps -> "1.235 us": for trees and summaries, not for columns. */
const char *out_time(uint64_t ps, char *text, size_t bytes);

#endif
