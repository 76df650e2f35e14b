/* SPDX-License-Identifier: MIT */
#include "pcie/tlp.h"

uint64_t vs_tlp_count(enum vs_tlp_kind kind, uint64_t at, uint64_t bytes,
                      const struct vs_tlp_limits *limits, uint64_t *payload)
{
    struct vs_tlps t = vs_tlps_of(kind, at, bytes);
    struct vs_tlp tlp;
    uint64_t n = 0, sum = 0;
    while (vs_tlp_next(&t, limits, &tlp)) {
        n++;
        sum += tlp.payload;
    }
    if (payload) {
        *payload = sum;
    }
    return n;
}
