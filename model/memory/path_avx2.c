/* SPDX-License-Identifier: MIT */
/* The path with AVX2, taken when the host has it: functions carry the target, not the build. */
#include "memory/path.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2")))

static inline TARGET uint32_t match_avx2(const uint32_t *set, uint32_t stride, uint32_t tag)
{
    const __m256i flags = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS));
    uint32_t found = 0;
    for (uint32_t j = 0; j < stride; j += 8u) {
        __m256i v =
            _mm256_or_si256(_mm256_load_si256((const __m256i *)(const void *)(set + j)), flags);
        found |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(v, key))) << j;
    }
    return found;
}

/* From the top vector down; way -1 is read (there is room before the first set), then overwritten.
 */
static inline TARGET void age_avx2(uint32_t *set, uint32_t w)
{
    uint32_t j = w & ~7u;
    __m256i *at = (__m256i *)(void *)(set + j);
    __m256i old = _mm256_load_si256(at),
            up = _mm256_loadu_si256((const __m256i *)(const void *)(set + j - 1));
    __m256i moves = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(w - j + 1u)),
                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_store_si256(at, _mm256_blendv_epi8(old, up, moves));
    while (j) {
        j -= 8u;
        at = (__m256i *)(void *)(set + j);
        _mm256_store_si256(at, _mm256_loadu_si256((const __m256i *)(const void *)(set + j - 1)));
    }
}

#define PATH(name) name##_avx2
#define MATCH match_avx2
#define AGE age_avx2
#include "memory/path.inc"
#else
typedef int vs__memory_path_avx2_absent;
#endif
