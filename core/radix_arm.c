/* SPDX-License-Identifier: MIT */
/*
 * VMSAv8-64. Stage 1: bits 7:6 AP[2:1], 10 AF, 11 nG, 51 DBM, 52 contiguous, 53 PXN, 54 UXN; table
 * entries restrict what is below: 62:61 APTable, 60 UXNTable. Stage 2: 7:6 S2AP, 54:53 XN. Bit 1
 * tells a table (and a page) from a block, bit 0 a valid entry.
 */
#include "virtsim/radix.h"

/* The name of a granule. */
static const char *granule_name(unsigned granule)
{
    return granule == 12 ? "4K" : granule == 14 ? "16K" : "64K";
}

void vs_radix_arm(struct vs_radix_format *f, unsigned stage, unsigned granule, unsigned t0sz,
                  unsigned sl0, struct vs_errors *errors)
{
    if (granule != 12 && granule != 14 && granule != 16) {
        vs_error(errors, "a granule of %u bytes: Arm has 4K, 16K and 64K", 1u << granule);
        return;
    }
    if (t0sz < 16 || t0sz > 39) {
        vs_error(errors, "T0SZ = %u: 16 (48-bit addresses) to 39 (25 bits) exist", t0sz);
        return;
    }
    unsigned stride = granule - 3u, input = 64u - t0sz;
    unsigned levels = (input - granule + stride - 1u) / stride;
    if (stage == 2) {
        /* 4K: SL0 0, 1, 2 start at Arm's level 2, 1, 0; 16K and 64K at 3, 2, 1 */
        levels = granule == 12 ? sl0 + 2u : sl0 + 1u;
        if (sl0 > 2) {
            vs_error(errors, "SL0 = %u with the %s granule: 0 to 2 exist", sl0,
                     granule_name(granule));
            return;
        }
        unsigned below = granule + (levels - 1u) * stride; /* bits the lower levels resolve */
        if (input < below + 1u || input > below + stride + 4u) {
            unsigned most = below + stride + 4u < 48u ? below + stride + 4u : 48u;
            vs_error(errors,
                     "SL0 = %u and the %s granule start at Arm's level %u, which translates "
                     "addresses of %u to %u bits (up to 16 root tables in a row); T0SZ = %u asks "
                     "for %u bits",
                     sl0, granule_name(granule), 4u - levels, below + 1u > 25u ? below + 1u : 25u,
                     most, t0sz, input);
            return;
        }
    }
    *f = (struct vs_radix_format){
        .present = 1,
        .leaf = 2,
        .leaf_value = 0,
        .page = 3,
        .accessed = 1u << 10,
        .address = ((1ull << 48) - 1u) & ~((1ull << granule) - 1u),
        .table_flags = 3,
        .levels = levels,
        .max_leaf = granule == 12 ? 3 : 2, /* without 52-bit addresses */
        .granule = granule,
        .stride = stride,
        .input_bits = input,
        .kind = stage == 2 ? VS_RADIX_STAGE2 : VS_RADIX_STAGE1,
    };
}

void vs_radix_arm_start(const struct vs_radix_format *f, unsigned physical_bits,
                        struct vs_errors *errors)
{
    /* SL0 = 2: Arm's level 0 of the 4K granule, level 1 of the others */
    unsigned levels = f->granule == 12 ? 4u : 3u, need = f->granule == 14 ? 42u : 44u;
    if (f->levels == levels && physical_bits < need) {
        vs_error(errors,
                 "SL0 = 2 with the %s granule starts at Arm's level %u, which needs physical "
                 "addresses of at least %u bits; ept.physical_bits = %u",
                 granule_name(f->granule), 4u - levels, need, physical_bits);
    }
}

uint64_t vs_radix_arm_rights(const struct vs_radix_format *f, bool leaf, uint64_t entry)
{
    if (f->kind == VS_RADIX_STAGE2) {
        /* XN 0x = EL0 may execute, 1x = may not: 00 both, 01 EL0 only, 10 none, 11 EL1 only */
        return leaf ? (entry >> 6 & 3u) | (entry >> 51 & 1u) << 1 | (~entry >> 54 & 1u) << 2
                    : VS_RIGHTS;
    }
    if (leaf) {
        bool writable = !(entry >> 7 & 1u) || (entry >> 51 & 1u); /* AP[2], or clean with DBM */
        return (entry >> 6 & 1u) | (writable ? VS_RIGHT_WRITE : 0) | (~entry >> 54 & 1u) << 2;
    }
    return (~entry >> 61 & 1u) | (~entry >> 62 & 1u) << 1 | (~entry >> 60 & 1u) << 2;
}
