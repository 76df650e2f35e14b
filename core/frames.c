/* SPDX-License-Identifier: MIT */
#include "virtsim/frames.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SHIFT VS_PAGE_2M_SHIFT
#define FRAMES_A_CHUNK 512u
#define CHUNKS_A_GIB 512u

enum vs_status vs_frames_init(struct vs_frames *f, uint64_t base, uint64_t bytes,
                              enum vs_frames_order order, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    if ((base | bytes) & 4095u || bytes == 0 || base + bytes < base) {
        return VS_E_CONFIG;
    }
    f->base = base;
    f->end = base + bytes;
    f->order = order;
    f->seed = seed;
    f->first_chunk = base >> CHUNK_SHIFT;
    f->n_chunks = ((f->end + (1ull << CHUNK_SHIFT) - 1u) >> CHUNK_SHIFT) - f->first_chunk;
    uint64_t share = order != VS_FRAMES_CONTIGUOUS ? f->n_chunks / 8u : 1u;
    f->data.max = share > VS_FRAMES_WINDOW ? VS_FRAMES_WINDOW : share ? (uint32_t)share : 1u;
    f->tables.max = 1u;
    f->colors = VS_FRAMES_COLORS;
    f->positions = (f->first_chunk % CHUNKS_A_GIB + f->n_chunks + CHUNKS_A_GIB - 1u) /
                   CHUNKS_A_GIB * CHUNKS_A_GIB;
    vs_perm_init(&f->units, f->positions / CHUNKS_A_GIB, seed);
    vs_perm_init(&f->in_unit, CHUNKS_A_GIB, ~seed);
    f->taken = calloc((f->n_chunks + 63u) / 64u, sizeof *f->taken);
    return f->taken ? VS_OK : VS_E_NOMEM;
}

void vs_frames_free(struct vs_frames *f)
{
    free(f->taken);
    for (unsigned i = 0; i < VS_FRAMES_SIZES; i++) {
        free(f->freed[i]);
    }
    memset(f, 0, sizeof *f);
}

/* Says whether a chunk of 2 MiB belongs to somebody. */
static bool chunk_taken(const struct vs_frames *f, uint64_t c)
{
    return f->taken[c / 64u] >> (c % 64u) & 1u;
}
/* Takes a chunk of 2 MiB. */
static void chunk_take(struct vs_frames *f, uint64_t c)
{
    f->taken[c / 64u] |= 1ull << (c % 64u);
}
/* Chunks at the edges may be partly outside: good for 4K frames only. */
static bool chunk_whole(const struct vs_frames *f, uint64_t c)
{
    uint64_t at = (f->first_chunk + c) << CHUNK_SHIFT;
    return at >= f->base && at + (1ull << CHUNK_SHIFT) <= f->end;
}
/* Says whether a chunk is one of those that fragmentation has left no large page in. */
static bool chunk_broken(const struct vs_frames *f, uint64_t c)
{
    uint64_t h = (c + 1u) * 0x9e3779b97f4a7c15u ^ f->seed * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 31) * 0x94d049bb133111ebu;
    return (h >> 33) % 100u < f->fragmented;
}

void vs_frames_fragment(struct vs_frames *f, uint32_t percent)
{
    f->fragmented = percent;
}

enum vs_status vs_frames_color(struct vs_frames *f, uint32_t colors)
{
    if (!colors || colors > VS_FRAMES_MAX_COLORS || (colors & (colors - 1u))) {
        return VS_E_CONFIG;
    }
    f->colors = colors;
    return VS_OK;
}

/* Random: aligned GiB units in random order, chunks in random order inside each, so that whole
 * units stay free for a long time. False for a position outside the region. */
static bool chunk_at_position(const struct vs_frames *f, uint64_t i, uint64_t *c)
{
    if (f->order != VS_FRAMES_CONTIGUOUS) {
        i = vs_perm_at(&f->units, i / CHUNKS_A_GIB) * CHUNKS_A_GIB +
            vs_perm_at(&f->in_unit, i % CHUNKS_A_GIB);
    }
    i += f->first_chunk / CHUNKS_A_GIB * CHUNKS_A_GIB;
    *c = i - f->first_chunk;
    return i >= f->first_chunk && *c < f->n_chunks;
}

/* Collects the next free chunks, from which small frames are given. */
static bool refill(struct vs_frames *f, struct vs_frames_small *w)
{
    w->n = 0;
    w->next = 0;
    while (w->n < w->max && f->next_small < f->positions) {
        uint64_t c;
        if (chunk_at_position(f, f->next_small++, &c) && !chunk_taken(f, c)) {
            chunk_take(f, c);
            w->window[w->n++] = (uint32_t)c;
        }
    }
    uint64_t alike = f->order == VS_FRAMES_COLORED ? f->colors : 1u;
    vs_perm_init(&w->order, (uint64_t)w->n * FRAMES_A_CHUNK / alike,
                 f->seed ^ (f->next_small * 0x9e3779b97f4a7c15u));
    return w->n != 0;
}

/* Gives the next small frame of a collection, refilled when it is used up. */
static bool alloc_small(struct vs_frames *f, struct vs_frames_small *w, uint64_t *out)
{
    for (;;) {
        if (w->next == (uint64_t)w->n * FRAMES_A_CHUNK && !refill(f, w)) {
            return false;
        }
        uint64_t i = w->next++;
        if (f->order == VS_FRAMES_RANDOM) {
            i = vs_perm_at(&w->order, i);
        } else if (f->order == VS_FRAMES_COLORED) {
            /* one permutation of the rows, turned by another step for each color */
            uint64_t color = i % f->colors,
                     row = vs_perm_at(&w->order, i / f->colors) + color * 7919u;
            i = row % w->order.n * f->colors + color;
        }
        uint64_t at = ((f->first_chunk + w->window[i / FRAMES_A_CHUNK]) << CHUNK_SHIFT) +
                      (i % FRAMES_A_CHUNK << VS_PAGE_4K_SHIFT);
        if (at >= f->base && at < f->end) {
            *out = at;
            return true;
        }
    }
}

/* Gives a frame of 4 KiB; tables and data lie apart as long as there is room. */
static bool alloc_4k(struct vs_frames *f, bool table, uint64_t *out)
{
    return alloc_small(f, table ? &f->tables : &f->data, out) ||
           alloc_small(f, table ? &f->data : &f->tables, out);
}

/* whole: as a large page, not to be cut into small ones. */
static bool alloc_2m(struct vs_frames *f, bool whole, uint64_t *out)
{
    /* random: from the far end of the order, so that large and small frames do not chase each other
     */
    while (f->next_large < f->positions) {
        uint64_t i = f->next_large++, c;
        bool inside =
            chunk_at_position(f, f->order != VS_FRAMES_CONTIGUOUS ? f->positions - 1u - i : i, &c);
        if (inside && !chunk_taken(f, c) && chunk_whole(f, c) && (!whole || !chunk_broken(f, c))) {
            chunk_take(f, c);
            *out = (f->first_chunk + c) << CHUNK_SHIFT;
            return true;
        }
    }
    return false;
}

bool vs_frames_alloc_chunk(struct vs_frames *f, uint64_t *out)
{
    bool ok = alloc_2m(f, false, out);
    while (!ok && f->next_small < f->positions) { /* those that were no large pages */
        uint64_t c;
        ok = chunk_at_position(f, f->next_small++, &c) && !chunk_taken(f, c) && chunk_whole(f, c);
        if (ok) {
            chunk_take(f, c);
            *out = (f->first_chunk + c) << CHUNK_SHIFT;
        }
    }
    f->used_bytes += ok ? 1ull << CHUNK_SHIFT : 0;
    return ok;
}

/* Larger than a chunk: aligned units in random order, or the first that is free. */
static bool alloc_unit(struct vs_frames *f, unsigned shift, uint64_t *out)
{
    uint64_t chunks = 1ull << (shift - CHUNK_SHIFT),
             first = (f->first_chunk + chunks - 1u) / chunks,
             last = (f->end >> CHUNK_SHIFT) / chunks;
    if (last <= first) {
        return false;
    }
    struct vs_perm units;
    vs_perm_init(&units, last - first, f->seed);
    for (uint64_t i = 0; i < last - first; i++) {
        uint64_t unit = first + (f->order != VS_FRAMES_CONTIGUOUS ? vs_perm_at(&units, i) : i);
        uint64_t c = unit * chunks - f->first_chunk;
        bool usable = (unit << shift) >= f->base;
        for (uint64_t k = 0; usable && k < chunks; k++) {
            usable = !chunk_taken(f, c + k) && !chunk_broken(f, c + k);
        }
        if (usable) {
            for (uint64_t k = 0; k < chunks; k++) {
                chunk_take(f, c + k);
            }
            *out = unit << shift;
            return true;
        }
    }
    return false;
}

/* Gives a frame of any size: one that was freed first, then a new one. */
static bool give(struct vs_frames *f, unsigned page_shift, bool table, uint64_t *out)
{
    unsigned k = page_shift - VS_PAGE_4K_SHIFT;
    bool ok = false;
    if (k < VS_FRAMES_SIZES && f->n_freed[k]) {
        *out = f->freed[k][--f->n_freed[k]];
        ok = true;
    } else {
        ok = page_shift == VS_PAGE_4K_SHIFT   ? alloc_4k(f, table, out)
             : page_shift == VS_PAGE_2M_SHIFT ? alloc_2m(f, true, out)
             : page_shift > VS_PAGE_2M_SHIFT  ? alloc_unit(f, page_shift, out)
                                              : false;
    }
    if (ok) {
        f->used_bytes += 1ull << page_shift;
    }
    return ok;
}

bool vs_frames_alloc(struct vs_frames *f, unsigned page_shift, uint64_t *out)
{
    return give(f, page_shift, false, out);
}

bool vs_frames_alloc_table(struct vs_frames *f, uint64_t *out)
{
    return give(f, VS_PAGE_4K_SHIFT, true, out);
}

void vs_frames_free_one(struct vs_frames *f, unsigned page_shift, uint64_t at)
{
    unsigned k = page_shift - VS_PAGE_4K_SHIFT;
    if (k >= VS_FRAMES_SIZES) {
        return;
    }
    f->used_bytes -= 1ull << page_shift;
    if (f->n_freed[k] == f->cap_freed[k]) {
        size_t cap = f->cap_freed[k] ? f->cap_freed[k] * 2u : 64u;
        uint64_t *grown = realloc(f->freed[k], cap * sizeof *grown);
        if (!grown) {
            return; /* the frame is lost to the model, nothing else */
        }
        f->freed[k] = grown;
        f->cap_freed[k] = cap;
    }
    f->freed[k][f->n_freed[k]++] = at;
}
