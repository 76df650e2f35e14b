/* SPDX-License-Identifier: MIT */
/*
 * A program's ELF file: what its addresses are called, by symbol and by line of its source. Of a
 * program that may lie anywhere (PIE, a shared library) the file says addresses from 0 on; where it
 * was loaded is given, or found from the addresses that were executed.
 */
#ifndef VIRTSIM_SIM_ELF_H
#define VIRTSIM_SIM_ELF_H

#include "virtsim/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_elf;

/* NULL and a message: it is no ELF file of a program, or cannot be read. */
struct vs_elf *vs_elf_open(const char *path, struct vs_errors *errors);
void vs_elf_close(struct vs_elf *e);
const char *vs_elf_path(const struct vs_elf *e);
/* It has a table of lines (DWARF, its own or in a separate file of debugging information). */
bool vs_elf_has_lines(const struct vs_elf *e);
/* Its code may be loaded anywhere. */
bool vs_elf_moves(const struct vs_elf *e);
/* Its code lies at base + [*at, *end). */
void vs_elf_text(const struct vs_elf *e, uint64_t *at, uint64_t *end);

/* Where it was loaded, by the executed addresses (sorted): where most of its functions begin at
 * one. False: no place is better than all others. */
bool vs_elf_find_base(const struct vs_elf *e, const uint64_t *executed, size_t n, uint64_t *base);
/* How many of the functions that were executed were so from their first instruction on. */
struct vs_elf_match {
    size_t addresses; /* that lie in its code */
    size_t functions, entered;
};
struct vs_elf_match vs_elf_matches(const struct vs_elf *e, uint64_t base, const uint64_t *executed,
                                   size_t n);

/* The function that an address (less base) lies in; NULL: none. */
const char *vs_elf_symbol(const struct vs_elf *e, uint64_t at);
/* The line of source; false: none is known. */
bool vs_elf_line(const struct vs_elf *e, uint64_t at, const char **file, unsigned *line);

#endif
