/* SPDX-License-Identifier: MIT */
/*
 * What people read: how wide it may be, how wide a text is there, which characters it can show, and
 * the pager it goes through. Programs read CSV and JSON, which none of this touches.
 */
#ifndef VIRTSIM_APP_PAPER_H
#define VIRTSIM_APP_PAPER_H

#include "virtsim/units.h"

#include <stdbool.h>
#include <stddef.h>

/* Columns of the terminal on stdout, of COLUMNS when that is set; 80 of a file or a pipe. */
size_t paper_width(void);
/* The locale shows Unicode; without it, bars and lines are ASCII. */
bool paper_unicode(void);
/* Columns that UTF-8 text takes. */
size_t paper_columns(const char *text);
/* How many bytes of the text go into a line of so many columns, cut at a blank where there is one,
 * else behind punctuation, else anywhere; *next begins the rest. */
size_t paper_fold(const char *text, size_t columns, const char **next);
/* Prints a sentence: folded at blanks on a terminal or where COLUMNS is set, and one line in a file
 * or a pipe, where it is searched for. */
void paper_line(const char *text);
void paper_printf(const char *format, ...) VS_PRINTF(1, 2);
/* The text in what the locale shows: itself, or ASCII in a buffer that the next call reuses. */
const char *paper_text(const char *text);
/* What begins and ends a heading on a terminal: "" where NO_COLOR is set or there is none. */
const char *paper_bold(bool on);
/* From here on stdout goes through the pager, as git does it: only on a terminal; $VIRTSIM_PAGER,
 * else $PAGER, else less, which ends by itself when all fits. */
void paper_page(void);
/* Waits until the reader has left the pager; stdout is closed. */
void paper_end(void);

#endif
