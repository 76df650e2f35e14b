/* SPDX-License-Identifier: MIT */
/* The table with AVX-512: a set of the common shapes is one or two registers. */
#include "settab_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512vl,avx2,bmi,bmi2")))

AVX512 static inline __attribute__((always_inline)) uint32_t scan(const uint64_t *tag,
                                                                  uint32_t ways, uint64_t key)
{
    __m512i k = _mm512_set1_epi64((long long)key);
    for (uint32_t first = 0; first < ways; first += 32u) {
        uint32_t hit = 0, n = ways - first < 32u ? ways - first : 32u;
#pragma GCC unroll 4
        for (uint32_t w = 0; w < n; w += 8u) {
            __mmask8 there = (__mmask8)_bzhi_u32(0xffu, n - w);
            __m512i v = _mm512_maskz_loadu_epi64(there, tag + first + w);
            hit |= (uint32_t)_mm512_mask_cmpeq_epi64_mask(there, v, k) << w;
        }
        if (hit) {
            return first + (uint32_t)__builtin_ctz(hit);
        }
    }
    return ways;
}

AVX512 static uint32_t scan_avx512(const uint64_t *tag, uint32_t ways, uint64_t key)
{
    return scan(tag, ways, key);
}

/* A walk cache of page-directory entries often has 32: no loop is left of those. */
AVX512 static uint64_t *find_listed_avx512(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t w = s->ways == 32u ? scan(tag, 32u, key) : scan(tag, s->ways, key);
    if (w == s->ways) {
        return NULL;
    }
    vs__settab_newest(s, w);
    return s->payload + w;
}

/* LRU of 4, 8, 12 or 16 ways with AVX-512: ways 0 .. w-1 of `first` and `rest` eight words move up,
 * `front` becomes way 0. */
AVX512 static inline __attribute__((always_inline)) void
front_avx512(uint64_t *at, uint64_t front, uint32_t w, const uint32_t ways)
{
    __m512i f = _mm512_set1_epi64((long long)front);
    uint32_t moves = (2u << w) - 1u;
    if (ways == 4u) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)at);
        v = _mm256_mask_alignr_epi64(v, (__mmask8)moves, v, _mm512_castsi512_si256(f), 3);
        _mm256_storeu_si256((__m256i *)(void *)at, v);
        return;
    }
    __m512i low = _mm512_loadu_si512(at);
    _mm512_storeu_si512(at, _mm512_mask_alignr_epi64(low, (__mmask8)moves, low, f, 7));
    if (ways == 12u) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(at + 8)),
                before = _mm512_extracti64x4_epi64(low, 1);
        v = _mm256_mask_alignr_epi64(v, (__mmask8)(moves >> 8), v, before, 3);
        _mm256_storeu_si256((__m256i *)(void *)(at + 8), v);
    } else if (ways == 16u) {
        __m512i v = _mm512_loadu_si512(at + 8);
        v = _mm512_mask_alignr_epi64(v, (__mmask8)(moves >> 8), v, low, 7);
        _mm512_storeu_si512(at + 8, v);
    }
}

AVX512 static inline __attribute__((always_inline)) uint64_t *
find_shape(const struct vs_settab *s, uint64_t *tag, uint64_t key, const uint32_t ways)
{
    uint32_t hit;
    if (ways == 4u) {
        hit = _mm256_cmpeq_epi64_mask(_mm256_loadu_si256((const __m256i *)(const void *)tag),
                                      _mm256_set1_epi64x((long long)key));
    } else {
        __m512i k = _mm512_set1_epi64((long long)key);
        hit = _mm512_cmpeq_epi64_mask(_mm512_loadu_si512(tag), k);
        if (ways > 8u) {
            __m512i v = _mm512_maskz_loadu_epi64((__mmask8)((1u << (ways - 8u)) - 1u), tag + 8);
            hit |=
                (uint32_t)_mm512_mask_cmpeq_epi64_mask((__mmask8)((1u << (ways - 8u)) - 1u), v, k)
                << 8;
        }
    }
    if (!hit) {
        return NULL;
    }
    uint32_t w = (uint32_t)__builtin_ctz(hit);
    uint64_t *payload = s->payload + (tag - s->tag);
    front_avx512(tag, key, w, ways);
    front_avx512(payload, payload[w], w, ways);
    return payload;
}

AVX512 static inline __attribute__((always_inline)) void
put_shape(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload, const uint32_t ways)
{
    s->used += tag[ways - 1u] == VS_SETTAB_EMPTY;
    front_avx512(s->payload + (tag - s->tag), payload, ways - 1u, ways);
    front_avx512(tag, key, ways - 1u, ways);
}

#define SHAPE(ways)                                                                                \
    AVX512 static uint64_t *find_##ways##_avx512(struct vs_settab *s, uint64_t *tag, uint64_t key) \
    {                                                                                              \
        return find_shape(s, tag, key, ways);                                                      \
    }                                                                                              \
    AVX512 static void put_##ways##_avx512(struct vs_settab *s, uint64_t *tag, uint64_t key,       \
                                           uint64_t payload)                                       \
    {                                                                                              \
        put_shape(s, tag, key, payload, ways);                                                     \
    }
SHAPE(4)
SHAPE(8)
SHAPE(12)
SHAPE(16)

bool vs__settab_avx512(struct vs_settab *s)
{
    if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("bmi2")) {
        return false;
    }
    s->scan = scan_avx512;
    if (s->policy != VS_POLICY_LRU) {
        return true;
    }
    if (s->listed) {
        s->find = find_listed_avx512;
        return true;
    }
    switch (s->ways) {
    case 4:
        s->find = find_4_avx512;
        s->put = put_4_avx512;
        break;
    case 8:
        s->find = find_8_avx512;
        s->put = put_8_avx512;
        break;
    case 12:
        s->find = find_12_avx512;
        s->put = put_12_avx512;
        break;
    case 16:
        s->find = find_16_avx512;
        s->put = put_16_avx512;
        break;
    default:
        break;
    }
    return true;
}
#else
bool vs__settab_avx512(struct vs_settab *s)
{
    (void)s;
    return false;
}
#endif
