/* SPDX-License-Identifier: MIT */
/* Other names of exits and handlers (op_aliases.def): neutral ones, and those of other manuals. */
#ifndef VIRTSIM_OP_ALIAS_H
#define VIRTSIM_OP_ALIAS_H

#include "virtsim/ledger.h"

#define VS_OP_ALIASES 2u /* operations that one name stands for, at most */

struct vs_op_alias {
    const char *name, *text; /* without "exit." or "handler." */
    size_t n;
    enum vs_op exit[VS_OP_ALIASES], handler[VS_OP_ALIASES];
};
const struct vs_op_alias *vs_op_aliases(size_t *n);
/* How many operations the name, its own or another, stands for; 0: none. vs_op_parse gives the
 * first. */
size_t vs_op_resolve(const char *name, enum vs_op out[VS_OP_ALIASES]);

#endif
