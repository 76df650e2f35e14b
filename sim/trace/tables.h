/* SPDX-License-Identifier: MIT */
/*
 * A guest's page tables as recorded: "PTS1", u32 n, u64 root, u64 bytes of memory, then n times
 * {u64 guest-physical address, 4096 bytes}; little-endian, plain or compressed like traces.
 */
#ifndef VS_SIM_TRACE_TABLES_H
#define VS_SIM_TRACE_TABLES_H

#include "virtsim/request.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL: err says what is wrong and where. */
struct vs_recorded_tables *vs_tables_open(const char *path, char *err, size_t err_size);
/* The same from memory, for tests and fuzzing. */
struct vs_recorded_tables *vs_tables_open_memory(const void *data, size_t size, char *err,
                                                 size_t err_size);
/* Walks them by software: false when nothing is mapped there. */
bool vs_tables_walk(const struct vs_recorded_tables *t, uint64_t gva, uint64_t *pa, bool *writable);
void vs_tables_close(struct vs_recorded_tables *t); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
