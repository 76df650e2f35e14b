/* SPDX-License-Identifier: MIT */
/*
 * Frames of 4K, 2M and 1G out of [base, base + bytes). Contiguous: ascending. Random: the order a
 * long-running system gives out, a seeded permutation without a table, so that a guest of any size
 * costs one bit per 2 MiB. Colored: random, but successive frames follow each other in the low bits
 * of the frame number, so that caches whose ways are no larger than all colors are filled evenly.
 * Where frames lie decides every physically indexed cache's result.
 *
 * 2M chunks are the unit of bookkeeping: a chunk is cut into 4K frames or given out whole. Random
 * 4K frames are drawn from a window of up to 512 chunks, so that large frames remain available.
 * Frames of page tables come from chunks of their own, one after another, as kernels keep what
 * cannot be moved apart (Linux: pageblocks of migratetype unmovable, mm/page_alloc.c); when either
 * kind runs out it takes from the other.
 */
#ifndef VIRTSIM_FRAMES_H
#define VIRTSIM_FRAMES_H

#include "virtsim/perm.h"
#include "virtsim/status.h"

/* The order of the choices in guest.frames and host.frames. */
enum vs_frames_order { VS_FRAMES_CONTIGUOUS, VS_FRAMES_RANDOM, VS_FRAMES_COLORED };

#define VS_FRAMES_WINDOW 512u
#define VS_FRAMES_COLORS 64u      /* unless vs_frames_color says otherwise */
#define VS_FRAMES_MAX_COLORS 512u /* a chunk holds each color */
#define VS_FRAMES_SIZES 19u       /* 4K to 1G */

/* 4K frames that are given out of a few chunks. */
struct vs_frames_small {
    uint32_t window[VS_FRAMES_WINDOW]; /* the chunks, less first_chunk */
    uint32_t n, max;
    uint64_t next; /* frames given out of the window */
    struct vs_perm order;
};

struct vs_frames {
    uint64_t base, end;
    uint64_t first_chunk, n_chunks; /* in units of 2 MiB */
    uint64_t *taken;                /* one bit a chunk */
    enum vs_frames_order order;
    struct vs_perm units, in_unit;   /* random: GiB units, and chunks inside one */
    uint64_t positions;              /* in the order in which chunks are given out */
    uint64_t next_small, next_large; /* from both ends of that order */
    struct vs_frames_small data, tables;
    uint32_t colors;
    uint64_t seed;
    uint32_t fragmented;              /* percent of chunks that are never given out whole */
    uint64_t *freed[VS_FRAMES_SIZES]; /* stacks of returned frames, by log2 of the size - 12 */
    size_t n_freed[VS_FRAMES_SIZES], cap_freed[VS_FRAMES_SIZES];
    uint64_t used_bytes;
};

/* base and bytes are multiples of 4096; VS_E_CONFIG otherwise. */
enum vs_status vs_frames_init(struct vs_frames *f, uint64_t base, uint64_t bytes,
                              enum vs_frames_order order, uint64_t seed);
void vs_frames_free(struct vs_frames *f);
/* So many percent of the 2M chunks, chosen by the seed, hold something that cannot be moved: they
 * serve small frames only. */
void vs_frames_fragment(struct vs_frames *f, uint32_t percent);
/* Colors of VS_FRAMES_COLORED, before the first frame is given out: a power of two of at most
 * VS_FRAMES_MAX_COLORS; VS_E_CONFIG otherwise. */
enum vs_status vs_frames_color(struct vs_frames *f, uint32_t colors);
/* One frame of 1 << page_shift bytes (12 to 30), aligned to its size; false when none is left. One
 * of 13 to 20 (Arm's) is what was returned before: new ones are cut from chunks. */
bool vs_frames_alloc(struct vs_frames *f, unsigned page_shift, uint64_t *out);
/* A 2M chunk to be cut into such frames, fragmented or not. */
bool vs_frames_alloc_chunk(struct vs_frames *f, uint64_t *out);
/* One frame of 4K for a page table. */
bool vs_frames_alloc_table(struct vs_frames *f, uint64_t *out);
/* Returns a frame; the next allocation of this size takes the last one returned. */
void vs_frames_free_one(struct vs_frames *f, unsigned page_shift, uint64_t at);

#endif
