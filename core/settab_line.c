/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise */
#include "virtsim/linetab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <immintrin.h>
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

uint32_t *vs_linetab_peek(const struct vs_linetab *c, uint64_t line)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set), *first = c->tag + set * c->stride;
    for (uint32_t w = 0; w < c->ways; w++) {
        if ((first[w] | VS_LINE_FLAGS) == (tag | VS_LINE_FLAGS)) {
            return first + w;
        }
    }
    return NULL;
}

bool vs_linetab_drop(struct vs_linetab *c, uint64_t line, bool *dirty)
{
    uint32_t *t = vs_linetab_peek(c, line);
    *dirty = t && (*t & VS_LINE_DIRTY);
    if (!t) {
        return false;
    }
    uint64_t set;
    (void)vs_linetab_tag(c, line, &set);
    uint32_t *end = c->tag + set * c->stride + c->ways - 1u;
    for (; t < end; t++) {
        t[0] = t[1];
    }
    *end = 0;
    return true;
}

/* ---- a run of hits ---- */

/* The lines of a run lie in sets side by side and, until the sets are through, under one tag: what
 * is left of a lookup is to find the tag and to move it to the front. */

static uint32_t hits_plain(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t flags)
{
    for (uint32_t i = 0; i < n; i++, set += stride) {
        uint32_t w = 0;
        while (w < stride && (set[w] | VS_LINE_FLAGS) != (tag | VS_LINE_FLAGS)) {
            w++;
        }
        if (w == stride) {
            return i;
        }
        uint32_t found = set[w] | flags;
        for (; w; w--) {
            set[w] = set[w - 1u];
        }
        set[0] = found;
    }
    return n;
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi")))

/* The orders of eight ways after a hit on way 0, 1, ..., 7. */
static const uint32_t order[8][8] __attribute__((aligned(32))) = {
    {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 2, 3, 4, 5, 6, 7}, {2, 0, 1, 3, 4, 5, 6, 7},
    {3, 0, 1, 2, 4, 5, 6, 7}, {4, 0, 1, 2, 3, 5, 6, 7}, {5, 0, 1, 2, 3, 4, 6, 7},
    {6, 0, 1, 2, 3, 4, 5, 7}, {7, 0, 1, 2, 3, 4, 5, 6}};

/* Eight ways: one compare finds the way, one permutation moves it to the front. The mask has four
 * bits a way, so that its first bit times eight is where the way's order stands. */
AVX2 static inline __attribute__((always_inline)) uint32_t hits8_of(uint32_t *set, uint32_t tag,
                                                                    uint32_t n, uint32_t flags)
{
    const __m256i any = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS)),
                  front = _mm256_setr_epi32((int)flags, 0, 0, 0, 0, 0, 0, 0);
    const uint32_t *first = set, *end = set + 8u * (size_t)n;
    for (; set != end; set += 8) {
        __m256i *at = (__m256i *)(void *)set, ways = _mm256_load_si256(at);
        uint32_t found =
            (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_or_si256(ways, any), key));
        if (!found) {
            break;
        }
        const char *to = (const char *)order + 8u * (uint64_t)_tzcnt_u32(found);
        ways =
            _mm256_permutevar8x32_epi32(ways, _mm256_load_si256((const __m256i *)(const void *)to));
        _mm256_store_si256(at, flags ? _mm256_or_si256(ways, front) : ways);
    }
    return (uint32_t)(set - first) / 8u;
}

AVX2 static uint32_t hits8_avx2(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                                uint32_t flags)
{
    (void)stride;
    return flags ? hits8_of(set, tag, n, flags) : hits8_of(set, tag, n, 0);
}

/* More ways: eight at a time. */
AVX2 static uint32_t hits_avx2(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                               uint32_t flags)
{
    const __m256i any = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS));
    for (uint32_t i = 0; i < n; i++, set += stride) {
        uint32_t found = 0, first = 0;
        for (; first < stride && !found; first += 8u) {
            __m256i ways = _mm256_load_si256((const __m256i *)(const void *)(set + first));
            found = (uint32_t)_mm256_movemask_ps(
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_or_si256(ways, any), key)));
        }
        if (!found) {
            return i;
        }
        uint32_t w = first - 8u + (uint32_t)__builtin_ctz(found), moved = set[w] | flags;
        for (uint32_t j = w & ~7u;; j -= 8u) { /* ways 0 .. w-1 age by one, from the top down */
            const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            __m256i *at = (__m256i *)(void *)(set + j), ways = _mm256_load_si256(at);
            __m256i up = _mm256_permutevar8x32_epi32(
                ways, _mm256_load_si256((const __m256i *)(const void *)order[7]));
            up = j ? _mm256_loadu_si256((const __m256i *)(const void *)(set + j - 1u)) : up;
            __m256i ages = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(w - j + 1u)), lane);
            _mm256_store_si256(at, _mm256_blendv_epi8(ways, up, ages));
            if (j == 0) {
                break;
            }
        }
        set[0] = moved;
    }
    return n;
}
#endif

const char *const vs_linetab_variant[VS_LINETAB_VARIANTS] = {"avx2", "plain"};

bool vs_linetab_use(struct vs_linetab *c, const char *variant)
{
    c->hits = hits_plain;
#if defined(__x86_64__)
    if (!strcmp(variant, "avx2") && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("bmi")) {
        c->hits = c->stride == 8u ? hits8_avx2 : hits_avx2;
        return true;
    }
#endif
    return !strcmp(variant, "plain");
}

uint32_t vs__linetab_hits_on(struct vs_linetab *c, uint64_t line, uint32_t n, uint32_t flags)
{
    uint64_t set;
    (void)vs_linetab_tag(c, line, &set);
    uint32_t first = (uint32_t)(c->by_sets.n - set);
    uint32_t got = vs_linetab_hits(c, line, first, flags);
    return got < first ? got : got + vs_linetab_hits(c, line + got, n - got, flags);
}
