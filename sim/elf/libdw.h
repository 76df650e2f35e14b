/* SPDX-License-Identifier: MIT */
/*
 * libdw's and libelf's functions, from the library that is opened when the first program is asked
 * for: with all that it is linked with, loading it takes longer than most commands.
 */
#ifndef VS_SIM_ELF_LIBDW_H
#define VS_SIM_ELF_LIBDW_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>

#define VS_LIBDW(F)                                                                                \
    F(dwfl_begin)                                                                                  \
    F(dwfl_end)                                                                                    \
    F(dwfl_errmsg)                                                                                 \
    F(dwfl_report_elf)                                                                             \
    F(dwfl_report_end)                                                                             \
    F(dwfl_build_id_find_elf)                                                                      \
    F(dwfl_standard_find_debuginfo)                                                                \
    F(dwfl_offline_section_address)                                                                \
    F(dwfl_module_getelf)                                                                          \
    F(dwfl_module_getdwarf)                                                                        \
    F(dwfl_module_getsymtab)                                                                       \
    F(dwfl_module_getsym_info)                                                                     \
    F(dwfl_module_nextcu)                                                                          \
    F(dwarf_getsrclines)                                                                           \
    F(dwarf_onesrcline)                                                                            \
    F(dwarf_lineaddr)                                                                              \
    F(dwarf_lineno)                                                                                \
    F(dwarf_linesrc)                                                                               \
    F(dwarf_lineendsequence)                                                                       \
    F(gelf_getehdr)                                                                                \
    F(gelf_getphdr)                                                                                \
    F(elf_getphdrnum)

struct vs_libdw {
#define VS_FUNCTION(name) __typeof__(name) *name;
    VS_LIBDW(VS_FUNCTION)
#undef VS_FUNCTION
};

/* NULL: it cannot be loaded, `why` says what is missing. */
const struct vs_libdw *vs__libdw(char *why, size_t bytes);

#endif
