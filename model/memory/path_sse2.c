/* SPDX-License-Identifier: MIT */
/* The path with SSE2, which every x86-64 has. */
#include "memory/path.h"

#if defined(__x86_64__)
#include <immintrin.h>

static inline uint32_t match_sse2(const uint32_t *set, uint32_t stride, uint32_t tag)
{
    const __m128i flags = _mm_set1_epi32(VS_LINE_FLAGS),
                  key = _mm_set1_epi32((int)(tag | VS_LINE_FLAGS));
    uint32_t found = 0;
    for (uint32_t j = 0; j < stride; j += 4u) {
        __m128i v = _mm_or_si128(_mm_load_si128((const __m128i *)(const void *)(set + j)), flags);
        found |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(v, key))) << j;
    }
    return found;
}

/* What moves into four ways from below; the lowest four stay inside their own line of the host's
 * memory: the one before would be a miss. */
static inline __m128i from_below(const uint32_t *set, uint32_t j)
{
    if (j == 0) {
        return _mm_slli_si128(_mm_load_si128((const __m128i *)(const void *)set), 4);
    }
    return _mm_loadu_si128((const __m128i *)(const void *)(set + j - 1));
}

/* From the top vector down. */
static inline void age_sse2(uint32_t *set, uint32_t w)
{
    uint32_t j = w & ~3u;
    __m128i *at = (__m128i *)(void *)(set + j);
    __m128i moves = _mm_cmpgt_epi32(_mm_set1_epi32((int)(w - j + 1u)), _mm_setr_epi32(0, 1, 2, 3));
    _mm_store_si128(at, _mm_or_si128(_mm_and_si128(moves, from_below(set, j)),
                                     _mm_andnot_si128(moves, _mm_load_si128(at))));
    while (j) {
        j -= 4u;
        _mm_store_si128((__m128i *)(void *)(set + j), from_below(set, j));
    }
}

#define PATH(name) name##_sse2
#define TARGET
#define MATCH match_sse2
#define AGE age_sse2
#define AGE_ALL(set, w, stride) age_sse2(set, w)
#include "memory/path.inc"
#else
typedef int vs__memory_path_sse2_absent;
#endif
