/* SPDX-License-Identifier: MIT */
/*
 * Receive-side scaling: the Toeplitz hash of a packet's addresses and ports, and the table that
 * says which queue gets it. Key and hash are those of Microsoft's specification ("Verifying the RSS
 * Hash Calculation"), which the data sheet of the 82599 repeats in 7.1.2.8.
 */
#include "nic_impl.h"

static const uint8_t key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/* For each bit of the input that is set, the 32 bits of the key that begin at its place. */
static uint32_t toeplitz(const uint8_t *input, unsigned bytes)
{
    uint32_t hash = 0, window = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 |
                                (uint32_t)key[2] << 8 | key[3];
    for (unsigned i = 0; i < bytes; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            hash ^= input[i] & 0x80u >> bit ? window : 0;
            window = window << 1 | (uint32_t)(key[i + 4u] >> (7u - bit) & 1u);
        }
    }
    return hash;
}

/* A number as it is on the wire, the highest byte first. */
static void put(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8u * (bytes - 1u - i));
    }
}

uint32_t vs_nic_hash(const struct vs_nic_flow *flow)
{
    uint8_t input[12];
    put(input, flow->from, 4);
    put(input + 4, flow->to, 4);
    put(input + 8, flow->from_port, 2);
    put(input + 10, flow->to_port, 2);
    /* without ports, as of a fragment, the addresses alone */
    return toeplitz(input, flow->from_port || flow->to_port ? sizeof input : 8u);
}

void vs_nic_spread(struct vs_nic *n, uint32_t vf, uint32_t queues)
{
    for (uint32_t i = 0; i < VS_NIC_RSS_TABLE; i++) {
        n->fn[vf].table[i] = (uint8_t)(i % queues);
    }
}
