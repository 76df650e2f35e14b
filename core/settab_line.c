/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise */
#include "virtsim/linetab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#define LINETAB_ALIGN 64u
#define HUGE_PAGE (2u << 20)

/* Zeroed, for linetab_return. Sets of a large cache are visited at random: huge pages keep the
 * host's TLB out of it, and pages that are never visited are never cleared. */
static void *linetab_memory(size_t bytes, size_t *mapped)
{
    *mapped = 0;
    if (bytes < HUGE_PAGE / 2u) {
        return calloc(1, bytes);
    }
    size_t whole = (bytes + HUGE_PAGE - 1u) / HUGE_PAGE * HUGE_PAGE, more = whole + HUGE_PAGE;
    char *got = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) {
        return NULL;
    }
    /* what lies before and behind the aligned part is given back */
    size_t before = (HUGE_PAGE - ((uintptr_t)got & (HUGE_PAGE - 1u))) & (HUGE_PAGE - 1u);
    if (before) {
        (void)munmap(got, before);
    }
    (void)munmap(got + before + whole, more - before - whole);
    (void)madvise(got + before, whole, MADV_HUGEPAGE);
    *mapped = whole;
    return got + before;
}

/* Gives back what linetab_memory gave. */
static void linetab_return(void *at, size_t mapped)
{
    if (mapped) {
        (void)munmap(at, mapped);
    } else {
        free(at);
    }
}

enum vs_status vs_linetab_init(struct vs_linetab *c, uint32_t entries, uint32_t ways)
{
    memset(c, 0, sizeof *c);
    if (ways == 0 || ways > VS_LINETAB_MAX_WAYS || entries == 0 || entries % ways) {
        return VS_E_CONFIG;
    }
    c->ways = ways;
    c->stride = (ways + 7u) & ~7u;
    c->by_sets = vs_divider_of(entries / ways);
    size_t bytes = c->by_sets.n * c->stride * sizeof *c->tag;
    c->base = linetab_memory(bytes + LINETAB_ALIGN, &c->mapped);
    if (!c->base) {
        return VS_E_NOMEM;
    }
    uintptr_t at = ((uintptr_t)c->base + LINETAB_ALIGN - 1u) & ~(uintptr_t)(LINETAB_ALIGN - 1u);
    c->tag = (uint32_t *)at;
    uint32_t v = 0;
    while (!vs_linetab_use(c, vs_linetab_variant[v])) {
        v++;
    }
    return VS_OK;
}

void vs_linetab_free(struct vs_linetab *c)
{
    linetab_return(c->base, c->mapped);
    memset(c, 0, sizeof *c);
}

void vs_linetab_clear(struct vs_linetab *c)
{
    memset(c->tag, 0, c->by_sets.n * c->stride * sizeof *c->tag);
}

/* The place of a tag in its set; NULL: it is not there. What a set is padded with is no tag. */
static inline uint32_t *find_tag(uint32_t *set, uint32_t stride, uint32_t tag)
{
#if defined(__x86_64__) /* which has SSE2 */
    const __m128i flags = _mm_set1_epi32(VS_LINE_FLAGS),
                  key = _mm_set1_epi32((int)(tag | VS_LINE_FLAGS));
    const uint32_t *end = set + stride; /* whole groups of eight, at least one */
    do {
        const __m128i *at = (const __m128i *)(const void *)set;
        __m128i low = _mm_cmpeq_epi32(_mm_or_si128(_mm_load_si128(at), flags), key),
                high = _mm_cmpeq_epi32(_mm_or_si128(_mm_load_si128(at + 1), flags), key);
        uint32_t hit = (uint32_t)_mm_movemask_epi8(_mm_packs_epi32(low, high));
        if (hit) {
            return set + (uint32_t)__builtin_ctz(hit) / 2u;
        }
        set += 8;
    } while (set != end);
#else
    for (uint32_t w = 0; w < stride; w++) {
        if ((set[w] | VS_LINE_FLAGS) == (tag | VS_LINE_FLAGS)) {
            return set + w;
        }
    }
#endif
    return NULL;
}

uint32_t *vs_linetab_peek(const struct vs_linetab *c, uint64_t line)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set);
    return find_tag(c->tag + set * c->stride, c->stride, tag);
}

bool vs_linetab_take_out(const struct vs_linetab *c, uint32_t *first, uint32_t *t)
{
    uint32_t *end = first + c->ways - 1u;
    for (; t < end; t++) {
        t[0] = t[1];
    }
    *end = 0;
    return true;
}

bool vs_linetab_drop(struct vs_linetab *c, uint64_t line, bool *dirty)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set), *first = c->tag + set * c->stride,
             *t = find_tag(first, c->stride, tag);
    if (!t) {
        return false;
    }
    *dirty = *dirty || (*t & VS_LINE_DIRTY);
    return vs_linetab_take_out(c, first, t);
}
