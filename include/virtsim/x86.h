/* SPDX-License-Identifier: MIT */
/* Instructions of x86 by their names: vs_trap.x86, vs_request.a of VS_REQ_INSTRUCTION. */
#ifndef VIRTSIM_X86_H
#define VIRTSIM_X86_H

enum vs_x86 {
    VS_X86_NONE,
#define VS_X86(e, name, trap, length, own, text) VS_X86_##e,
#include "virtsim/x86.def"
#undef VS_X86
    VS_X86_N
};

#endif
