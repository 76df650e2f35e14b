/* SPDX-License-Identifier: MIT */
/* The path without vector instructions: hosts other than x86-64, and the reference of the others.
 */
#include "memory/path.h"

/* Compares all ways with a tag. */
static inline uint32_t match_plain(const uint32_t *set, uint32_t stride, uint32_t tag)
{
    uint32_t found = 0;
    for (uint32_t w = 0; w < stride; w++) {
        found |= (uint32_t)((set[w] | VS_LINE_FLAGS) == (tag | VS_LINE_FLAGS)) << w;
    }
    return found;
}

/* Moves the ways before w up by one. */
static inline void age_plain(uint32_t *set, uint32_t w)
{
    for (; w; w--) {
        set[w] = set[w - 1u];
    }
}

#define PATH(name) name##_plain
#define TARGET
#define MATCH match_plain
#define AGE age_plain
#define AGE_ALL(set, w, stride) age_plain(set, w)
#include "memory/path.inc"
