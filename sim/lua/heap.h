/* SPDX-License-Identifier: MIT */
/*
 * Memory whose addresses repeat. Lua hashes tables, functions and other objects that are keys by
 * the lower half of their address, and when a table grows depends on its hash: with the addresses
 * of malloc the length of a table with holes, and what the collector has found by then, would
 * differ from run to run. Here the same calls give the same lower halves in every process.
 */
#ifndef VIRTSIM_SIM_LUA_HEAP_H
#define VIRTSIM_SIM_LUA_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VS_HEAP_BINS 256u

struct vs_heap_block;
struct vs_heap {
    char *base, *end; /* what is mapped; base is a multiple of 4 GiB */
    struct vs_heap_block *last;
    struct vs_heap_block *bin[VS_HEAP_BINS]; /* free blocks by size */
    uint64_t filled[VS_HEAP_BINS / 64u];     /* bins that are not empty */
};

/* Maps the first piece; false when there is no room for it. */
bool vs_heap_open(struct vs_heap *h);
void vs_heap_close(struct vs_heap *h);
/* As realloc, but for 0 bytes, which frees; NULL when memory is short, never when p shrinks. */
void *vs_heap_move(struct vs_heap *h, void *p, size_t bytes);

#endif
