/* SPDX-License-Identifier: MIT */
/* The path with AVX2, taken when the host has it: functions carry the target, not the build. */
#include "memory/path.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2")))

/* Compares eight ways with a tag at once. */
static inline TARGET uint32_t match8(const uint32_t *set, __m256i key)
{
    __m256i v = _mm256_or_si256(_mm256_load_si256((const __m256i *)(const void *)set),
                                _mm256_set1_epi32(VS_LINE_FLAGS));
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(v, key)));
}

/* Eight and sixteen ways, the common shapes, without a loop. */
static inline TARGET uint32_t match_avx2(const uint32_t *set, uint32_t stride, uint32_t tag)
{
    const __m256i key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS));
    uint32_t found = match8(set, key);
    if (stride > 8u) {
        found |= match8(set + 8, key) << 8;
        for (uint32_t j = 16; j < stride; j += 8u) {
            found |= match8(set + j, key) << j;
        }
    }
    return found;
}

/* What moves into eight ways from below; the lowest eight stay inside their own line of the host's
 * memory: the one before would be a miss. */
static inline TARGET __m256i from_below(const uint32_t *set, uint32_t j)
{
    if (j == 0) {
        return _mm256_permutevar8x32_epi32(_mm256_load_si256((const __m256i *)(const void *)set),
                                           _mm256_setr_epi32(0, 0, 1, 2, 3, 4, 5, 6));
    }
    return _mm256_loadu_si256((const __m256i *)(const void *)(set + j - 1));
}

/* From the top vector down. */
static inline TARGET void age_avx2(uint32_t *set, uint32_t w)
{
    uint32_t j = w & ~7u;
    __m256i *at = (__m256i *)(void *)(set + j);
    __m256i moves = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(w - j + 1u)),
                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_store_si256(at, _mm256_blendv_epi8(_mm256_load_si256(at), from_below(set, j), moves));
    while (j) {
        j -= 8u;
        _mm256_store_si256((__m256i *)(void *)(set + j), from_below(set, j));
    }
}

/* All ways: when they fill their vectors nothing has to stay. */
static inline TARGET void age_all_avx2(uint32_t *set, uint32_t last, uint32_t stride)
{
    if (last + 1u != stride) {
        age_avx2(set, last);
        return;
    }
    for (uint32_t j = stride - 8u; j; j -= 8u) {
        _mm256_store_si256((__m256i *)(void *)(set + j), from_below(set, j));
    }
    _mm256_store_si256((__m256i *)(void *)set, from_below(set, 0));
}

/* The first w of eight ways take what comes from below. */
static inline TARGET __m256i moved(__m256i ways, __m256i up, int w)
{
    __m256i moves =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(w), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_blendv_epi8(ways, up, moves);
}

/* Hit and miss are the same instructions, since which it is cannot be predicted. */
static vs_inlined TARGET bool touch_avx2(uint32_t *set, uint32_t ways, uint32_t stride,
                                         uint32_t tag, uint32_t flags, uint32_t *old)
{
    uint32_t found = match_avx2(set, stride, tag);
    uint32_t w = (uint32_t)__builtin_ctz(found | 1u << (ways - 1u)), there = set[w];
    uint32_t front = (found ? there : tag) | flags;
    *old = there;
    if (stride > 16u) {
        age_avx2(set, w);
        set[0] = front;
        return found;
    }
    __m256i *at = (__m256i *)(void *)set;
    __m256i up = _mm256_blend_epi32(from_below(set, 0), _mm256_set1_epi32((int)front), 1);
    if (stride > 8u) {
        __m256i high = moved(_mm256_load_si256(at + 1), from_below(set, 8), (int)w - 7);
        _mm256_store_si256(at + 1, high);
    }
    _mm256_store_si256(at, moved(_mm256_load_si256(at), up, (int)w + 1));
    return found;
}

#define PATH(name) name##_avx2
#define TOUCH touch_avx2
#define MATCH match_avx2
#define AGE age_avx2
#define AGE_ALL age_all_avx2
#include "memory/path.inc"
#else
typedef int vs__memory_path_avx2_absent;
#endif
