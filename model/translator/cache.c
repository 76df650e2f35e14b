/* SPDX-License-Identifier: MIT */
/* The blocks of the translation cache, by where they begin and by the page they were made of. */
#include "translator/translator.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 32768u /* CODE_GEN_HTABLE_BITS */

/* The bucket of a value. */
static uint32_t bucket_of(uint64_t value)
{
    return (uint32_t)(value * 0x9e3779b97f4a7c15u >> 49);
}

/* The chain of a page's blocks, and of other pages of the same bucket. */
static uint32_t page_bucket(uint64_t gpa)
{
    return bucket_of(gpa >> VS_TRANSLATOR_PAGE_SHIFT);
}

/* The bucket of a block. */
static uint32_t pc_bucket(uint64_t pc, uint64_t gpa)
{
    return bucket_of(pc ^ gpa << 20);
}

/* Says whether two addresses are in the same page. */
static bool same_page(uint64_t a, uint64_t b)
{
    return a >> VS_TRANSLATOR_PAGE_SHIFT == b >> VS_TRANSLATOR_PAGE_SHIFT;
}

enum vs_status vs_translator_cache_init(struct vs_translator_cache *c)
{
    *c = (struct vs_translator_cache){.serial = 1};
    c->bucket = malloc(BUCKETS * sizeof *c->bucket);
    c->page = malloc(BUCKETS * sizeof *c->page);
    if (!c->bucket || !c->page) {
        return VS_E_NOMEM;
    }
    vs_translator_cache_empty(c);
    return VS_OK;
}

void vs_translator_cache_free(struct vs_translator_cache *c)
{
    free(c->bucket);
    free(c->page);
    free(c->block);
    *c = (struct vs_translator_cache){0};
}

void vs_translator_cache_empty(struct vs_translator_cache *c)
{
    memset(c->bucket, 0xff, BUCKETS * sizeof *c->bucket);
    memset(c->page, 0xff, BUCKETS * sizeof *c->page);
    c->n = 0;
    c->used = 0;
}

uint32_t vs_translator_cache_find(const struct vs_translator_cache *c, uint64_t pc, uint64_t gpa)
{
    uint32_t i = c->bucket[pc_bucket(pc, gpa)];
    while (i != VS_TRANSLATOR_NONE && (c->block[i].pc != pc || c->block[i].gpa != gpa)) {
        i = c->block[i].next;
    }
    return i;
}

uint32_t vs_translator_cache_add(struct vs_translator_cache *c, uint64_t pc, uint64_t gpa,
                                 uint64_t bytes)
{
    if (c->n == c->room) {
        const uint32_t room = c->room ? c->room * 2u : 1024u;
        struct vs_translator_block *block = realloc(c->block, room * sizeof *block);
        if (!block) {
            return VS_TRANSLATOR_NONE;
        }
        c->block = block;
        c->room = room;
    }
    const uint32_t at = c->n++, bucket = pc_bucket(pc, gpa), page = page_bucket(gpa);
    c->block[at] = (struct vs_translator_block){.pc = pc,
                                                .gpa = gpa,
                                                .code = c->used,
                                                .serial = c->serial++,
                                                .next = c->bucket[bucket],
                                                .next_in_page = c->page[page]};
    c->bucket[bucket] = c->page[page] = at;
    c->used += bytes;
    return at;
}

bool vs_translator_cache_has_page(const struct vs_translator_cache *c, uint64_t gpa)
{
    uint32_t i = c->page[page_bucket(gpa)];
    while (i != VS_TRANSLATOR_NONE && !same_page(c->block[i].gpa, gpa)) {
        i = c->block[i].next_in_page;
    }
    return i != VS_TRANSLATOR_NONE;
}

/* A block is no longer found where it begins. */
static void unlink_block(struct vs_translator_cache *c, uint32_t at)
{
    uint32_t *link = &c->bucket[pc_bucket(c->block[at].pc, c->block[at].gpa)];
    while (*link != at) {
        link = &c->block[*link].next;
    }
    *link = c->block[at].next;
    c->block[at].serial = 0;
}

uint64_t vs_translator_cache_drop(struct vs_translator_cache *c, uint64_t gpa, uint64_t bytes)
{
    uint64_t n = 0;
    uint32_t *link = &c->page[page_bucket(gpa)];
    while (*link != VS_TRANSLATOR_NONE) {
        const uint32_t at = *link;
        struct vs_translator_block *b = &c->block[at];
        if (same_page(b->gpa, gpa) && b->gpa < gpa + bytes && gpa < b->gpa + b->bytes) {
            *link = b->next_in_page;
            unlink_block(c, at);
            n++;
        } else {
            link = &b->next_in_page;
        }
    }
    return n;
}
