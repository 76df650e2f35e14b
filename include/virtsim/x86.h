/* SPDX-License-Identifier: MIT */
/* Instructions of x86 by their names: vs_trap.x86, vs_request.a of VS_REQ_INSTRUCTION. */
#ifndef VIRTSIM_X86_H
#define VIRTSIM_X86_H

#include <stdbool.h>
#include <stdint.h>

enum vs_x86 {
    VS_X86_NONE,
#define VS_X86(e, name, trap, length, own, text) VS_X86_##e,
#include "virtsim/x86.def"
#undef VS_X86
    VS_X86_N
};

/* SGDT, SIDT, SLDT, STR: they store what a register of the system says, at any privilege unless
 * CR4.UMIP is set; SMSW, the fifth, reads CR0. */
static inline bool vs_x86_stores_table(uint32_t x86)
{
    return x86 == VS_X86_SGDT || x86 == VS_X86_SIDT || x86 == VS_X86_SLDT || x86 == VS_X86_STR;
}

/* All five: they only show the state of a virtual processor. */
static inline bool vs_x86_shows(uint32_t x86)
{
    return vs_x86_stores_table(x86) || x86 == VS_X86_SMSW;
}

#endif
