/* SPDX-License-Identifier: MIT */
/*
 * Memory for SQLite, which asks for thousands of small blocks to read a schema and gives them back
 * when the database is closed: lists of free blocks by size take a tenth of what malloc does for
 * it. Blocks are cut from chunks that stay until the process ends; large ones are malloc's. One
 * thread.
 */
#include "db_impl.h"

#include <stdlib.h>
#include <string.h>

#define STEP 16u          /* sizes are multiples of it */
#define LARGEST 1024u     /* of the blocks in lists */
#define CHUNK (64u << 10) /* cut into blocks */

/* Before each block, or its place in a list while it is free. */
union head {
    size_t bytes; /* of the block */
    union head *next;
    uint64_t align[2];
};

static union head *free_blocks[LARGEST / STEP + 1u];
static char *chunk; /* the one that is being cut */
static size_t chunk_left;

/* What a block of so many bytes takes without its head. */
static int round_up(int bytes)
{
    return (bytes + (int)STEP - 1) & -(int)STEP;
}

/* A block's head. */
static union head *head_of(void *block)
{
    return (union head *)block - 1;
}

/* Bytes of a block. */
static int size_of(void *block)
{
    return block ? (int)head_of(block)->bytes : 0;
}

/* A new block, from the chunk or from malloc; NULL: no memory. */
static union head *cut(size_t bytes)
{
    size_t whole = bytes + sizeof(union head);
    if (bytes > LARGEST) {
        return malloc(whole);
    }
    if (whole > chunk_left) {
        char *more = malloc(CHUNK);
        if (!more) {
            return NULL;
        }
        chunk = more; /* what was left of the last one is lost: less than a block */
        chunk_left = CHUNK;
    }
    union head *h = (union head *)(void *)chunk;
    chunk += whole;
    chunk_left -= whole;
    return h;
}

/* A block, one that was given back if there is one of its size. */
static void *get(int wanted)
{
    size_t bytes = (size_t)round_up(wanted);
    union head **list = bytes <= LARGEST ? &free_blocks[bytes / STEP] : NULL, *h;
    if (list && *list) {
        h = *list;
        *list = h->next;
    } else if (!(h = cut(bytes))) {
        return NULL;
    }
    h->bytes = bytes;
    return h + 1;
}

/* Takes a block back. */
static void give(void *block)
{
    if (!block) {
        return;
    }
    union head *h = head_of(block);
    size_t bytes = h->bytes;
    if (bytes > LARGEST) {
        free(h);
    } else {
        h->next = free_blocks[bytes / STEP];
        free_blocks[bytes / STEP] = h;
    }
}

/* The block with room for so many bytes, itself or another one with its content. */
static void *resize(void *block, int wanted)
{
    int had = size_of(block);
    if (had >= wanted && had <= (int)LARGEST) {
        return block;
    }
    void *other = get(wanted);
    if (other) {
        memcpy(other, block, (size_t)(had < wanted ? had : wanted));
        give(block);
    }
    return other;
}

/* Nothing is to be made ready. */
static int init(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

/* Nothing is given back. */
static void shutdown(void *unused)
{
    (void)unused;
}

const sqlite3_mem_methods vs__db_memory = {.xMalloc = get,
                                           .xFree = give,
                                           .xRealloc = resize,
                                           .xSize = size_of,
                                           .xRoundup = round_up,
                                           .xInit = init,
                                           .xShutdown = shutdown};
