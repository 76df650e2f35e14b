/* SPDX-License-Identifier: MIT */
/* The path with AVX-512, taken when the host has it: a set of up to sixteen ways is one register,
 * and hit and miss are the same instructions, since which it is cannot be predicted. */
#include "memory/path.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi,bmi2")))

/* What becomes the most recent way; *w is where it was, or the last way. */
static inline TARGET uint32_t front_avx512(const uint32_t *set, uint32_t hits, uint32_t ways,
                                           uint32_t tag, uint32_t *w, uint32_t *old)
{
    *w = (uint32_t)__builtin_ctz(hits | 1u << (ways - 1u));
    *old = set[*w];
    return hits ? *old : tag;
}

/* The ways from the seventeenth on of a set with as many. */
static inline TARGET __m512i above_16(const uint32_t *set, uint32_t stride)
{
    return _mm512_maskz_loadu_epi32((__mmask16)((1u << (stride - 16u)) - 1u), set + 16);
}
static inline TARGET uint32_t match_32(__m512i low, __m512i high, __m512i key)
{
    return _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(low, 2), key) |
           (uint32_t)_mm512_cmpeq_epi32_mask(_mm512_srli_epi32(high, 2), key) << 16;
}

static inline __attribute__((always_inline)) TARGET bool touch_avx512(uint32_t *set, uint32_t ways,
                                                                      uint32_t stride, uint32_t tag,
                                                                      uint32_t flags, uint32_t *old)
{
    uint32_t w, hits, key = tag >> 2;
    if (stride == 8u) {
        __m256i v = _mm256_load_si256((const __m256i *)(const void *)set);
        hits = _mm256_cmpeq_epi32_mask(_mm256_srli_epi32(v, 2), _mm256_set1_epi32((int)key));
        uint32_t front = front_avx512(set, hits, ways, tag, &w, old) | flags;
        __m256i up = _mm256_alignr_epi32(v, _mm256_set1_epi32((int)front), 7);
        v = _mm256_mask_mov_epi32(v, (__mmask8)((2u << w) - 1u), up);
        _mm256_store_si256((__m256i *)(void *)set, v);
        return hits;
    }
    __m512i v = _mm512_loadu_si512(set), k = _mm512_set1_epi32((int)key);
    if (stride == 16u) {
        hits = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(v, 2), k);
        uint32_t front = front_avx512(set, hits, ways, tag, &w, old) | flags;
        __m512i up = _mm512_alignr_epi32(v, _mm512_set1_epi32((int)front), 15);
        _mm512_storeu_si512(set, _mm512_mask_mov_epi32(v, (__mmask16)((2u << w) - 1u), up));
        return hits;
    }
    __m512i high = above_16(set, stride);
    hits = match_32(v, high, k);
    uint32_t front = front_avx512(set, hits, ways, tag, &w, old) | flags,
             moves = (uint32_t)((2ull << w) - 1u);
    __m512i up = _mm512_alignr_epi32(v, _mm512_set1_epi32((int)front), 15);
    _mm512_storeu_si512(set, _mm512_mask_mov_epi32(v, (__mmask16)moves, up));
    _mm512_mask_storeu_epi32(set + 16, (__mmask16)(moves >> 16), _mm512_alignr_epi32(high, v, 15));
    return hits;
}

static inline __attribute__((always_inline)) TARGET bool
enter_avx512(uint32_t *set, uint32_t ways, uint32_t stride, uint32_t tag, uint32_t flags)
{
    uint32_t old;
    const int key = (int)(tag >> 2);
    if (vs_unlikely(set[ways - 1u] & VS_LINE_DIRTY)) {
        return false;
    }
    if (stride == 8u) {
        __m256i v = _mm256_load_si256((const __m256i *)(const void *)set);
        if (_mm256_cmpeq_epi32_mask(_mm256_srli_epi32(v, 2), _mm256_set1_epi32(key))) {
            return false;
        }
        __m256i up = _mm256_alignr_epi32(v, _mm256_set1_epi32((int)(tag | flags)), 7);
        _mm256_mask_store_epi32(set, (__mmask8)((2u << (ways - 1u)) - 1u), up);
        return true;
    }
    __m512i v = _mm512_loadu_si512(set), k = _mm512_set1_epi32(key);
    if (stride == 16u) {
        if (_mm512_cmpeq_epi32_mask(_mm512_srli_epi32(v, 2), k)) {
            return false;
        }
        __m512i up = _mm512_alignr_epi32(v, _mm512_set1_epi32((int)(tag | flags)), 15);
        _mm512_storeu_si512(set,
                            _mm512_mask_mov_epi32(v, (__mmask16)((2u << (ways - 1u)) - 1u), up));
        return true;
    }
    return !match_32(v, above_16(set, stride), k) &&
           !touch_avx512(set, ways, stride, tag, flags, &old);
}

#define PATH(name) name##_avx512
#define TOUCH touch_avx512
#define ENTER enter_avx512
#include "memory/path.inc"
#else
typedef int vs__memory_path_avx512_absent;
#endif
