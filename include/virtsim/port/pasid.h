/* SPDX-License-Identifier: MIT */
/*
 * The PASID TLP prefix (PCI Express Base Specification 4.0, 2.2.10.2 and 6.20.2): four bytes before
 * the header of a request, which say in whose address space it is. A transaction carries them as
 * they are on the link (vs_txn.prefix), byte 0 on top; 0: there is no prefix.
 *
 *   31:24  0x91: an end-to-end prefix of type 0001b
 *   21     Privileged Mode Requested
 *   20     Execute Requested
 *   19:0   the PASID
 *
 * The same places are in a public exerciser of root ports (sjalloq/bsa-pcie-exerciser, its PASID
 * prefix injector). What may have one is listed in 10.1.3: memory requests with untranslated
 * addresses, translation requests, page requests, invalidation requests, responses to page
 * requests. So completions have none, nor do translated requests, which only later revisions let a
 * context allow it (VT-d specification 5.10, EPTR; not modelled).
 */
#ifndef VIRTSIM_PORT_PASID_H
#define VIRTSIM_PORT_PASID_H

#include <stdbool.h>
#include <stdint.h>

#define VS_PASID_BITS 20u
#define VS_PASID_MASK ((1u << VS_PASID_BITS) - 1u)
#define VS_PASID_PREFIX 0x91000000u
#define VS_PASID_PRIVILEGED (1u << 21)
#define VS_PASID_EXECUTE (1u << 20)

/* The prefix of a request in a process's address space. */
static inline uint32_t vs_pasid_prefix(uint32_t pasid, bool privileged, bool execute)
{
    return VS_PASID_PREFIX | (pasid & VS_PASID_MASK) | (privileged ? VS_PASID_PRIVILEGED : 0) |
           (execute ? VS_PASID_EXECUTE : 0);
}

/* Its bytes on the link: 4, or 0 where there is none; the uppermost bits of byte 0 are 100b. */
static inline uint32_t vs_pasid_bytes(uint32_t prefix)
{
    return prefix >> 29;
}

#endif
