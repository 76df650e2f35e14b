/* SPDX-License-Identifier: MIT */
/*
 * Operations and their names. Those of ops.def are everybody's and have enumerators. Exits belong
 * to an architecture, whose folder registers them from its own list; two architectures may have an
 * exit of the same name (exit.cpuid), which is then one operation.
 *
 * Other names stand for one operation or several: the neutral name of what left the guest
 * (exit.hypercall), what Linux's KVM calls the exit in its traces (MSR_WRITE, npf, HVC64), and the
 * part of a name before a cause (exit.npf for exit.npf.mmio and exit.npf.fault).
 */
#ifndef VIRTSIM_OP_H
#define VIRTSIM_OP_H

#include "virtsim/trap.h"

#define VS_OP_SAME 24u /* operations that one name stands for, at most */

/* One exit of an architecture. */
struct vs_op_desc {
    const char *name, *text;
    const char *kvm; /* KVM's own names of it, a '|' between each, or NULL */
    enum vs_trap_kind trap;
};

/* Registers an architecture's list, under its component's name; op[i] becomes the operation of
 * list[i]. Again: the same ones. */
void vs_ops_register(const char *world, const struct vs_op_desc *list, size_t n, enum vs_op *op);
/* The neutral trap an exit or a handler is about; VS_TRAP_N: of other operations. */
enum vs_trap_kind vs_op_trap(enum vs_op op);
/* Of an architecture's exits, op[i] with code[i]: that of this trap, and of this code where the
 * trap has several; -1: it has none. */
int vs_ops_of_trap(const enum vs_op *op, const uint32_t *code, size_t n, enum vs_trap_kind trap,
                   uint64_t wanted);
/* How many operations of an architecture (NULL: of any) the name, its own or another, stands for;
 * 0: none. vs_op_parse gives the first. */
size_t vs_op_resolve(const char *name, const char *world, enum vs_op out[VS_OP_SAME]);

/* Every other name and what it stands for, in the order of their registration. */
struct vs_op_alias {
    const char *alias;
    enum vs_op op;
};
const struct vs_op_alias *vs_op_aliases(size_t *n);

const char *vs_trap_name(enum vs_trap_kind kind);
/* The neutral name of its exits, which stands for what each architecture has of it:
 * "exit.msr.read". */
const char *vs_trap_exits(enum vs_trap_kind kind);
/* The operation of its handler. */
static inline enum vs_op vs_trap_handler(enum vs_trap_kind kind)
{
    return (enum vs_op)(VS_OP_HANDLER_EXCEPTION + (unsigned)kind);
}

#endif
