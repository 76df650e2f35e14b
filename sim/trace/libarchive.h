/* SPDX-License-Identifier: MIT */
/*
 * libarchive's functions, from the library that is opened when the first file needs it: with all
 * that it is linked with, loading it takes longer than most commands.
 */
#ifndef VS_SIM_TRACE_LIBARCHIVE_H
#define VS_SIM_TRACE_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#define VS_LIBARCHIVE(F)                                                                           \
    F(archive_set_error)                                                                           \
    F(archive_error_string)                                                                        \
    F(archive_read_new)                                                                            \
    F(archive_read_open)                                                                           \
    F(archive_read_free)                                                                           \
    F(archive_read_data_block)                                                                     \
    F(archive_read_next_header)                                                                    \
    F(archive_entry_pathname)                                                                      \
    F(archive_entry_filetype)                                                                      \
    F(archive_entry_is_encrypted)                                                                  \
    F(archive_read_support_format_zip_streamable)                                                  \
    F(archive_read_support_format_tar)                                                             \
    F(archive_read_support_format_raw)                                                             \
    F(archive_read_support_filter_bzip2)                                                           \
    F(archive_read_support_filter_lz4)                                                             \
    F(archive_read_support_filter_lzip)                                                            \
    F(archive_read_support_filter_compress)

struct vs_libarchive {
#define VS_FUNCTION(name) __typeof__(name) *name;
    VS_LIBARCHIVE(VS_FUNCTION)
#undef VS_FUNCTION
};

/* NULL: it cannot be loaded, `why` says what is missing. */
const struct vs_libarchive *vs__libarchive(char *why, size_t bytes);

#endif
