/* SPDX-License-Identifier: MIT */
/* What the files about VMCS12 share. */
#ifndef VIRTSIM_VMCS_NESTED_IMPL_H
#define VIRTSIM_VMCS_NESTED_IMPL_H

#include "vmcs/vmcs_impl.h"
#include "vmcs/vmcs_nested.h"

/* A field of VMCS12, untimed. */
static inline uint64_t vs__nested_get12(const struct vs_vmx_nested *n, unsigned position)
{
    return vs_phys_read64(n->x->wire.phys, vs_vmx_at(n->vmcs12, position));
}
/* Writes a field of VMCS12 without time. */
static inline void vs__nested_put12(struct vs_vmx_nested *n, unsigned position, uint64_t value)
{
    vs_phys_write64(n->x->wire.phys, vs_vmx_at(n->vmcs12, position), value);
}

/* The lines of VMCS12 in which the fields of a pass over it lie: bit = line. */
static inline void vs__nested_line(uint64_t *lines, unsigned position)
{
    *lines |= UINT64_C(1) << (VS_REGION_DATA + 8u * position) / 64u;
}
_Static_assert(VS_REGION_LINES <= 64u, "a bit for each line");
/* They are read, or written. */
void vs__nested_touch(const struct vs_vmx_nested *n, struct vs_txn *t, uint64_t lines,
                      enum vs_ref ref);

/* Says whether the part has a field. */
static inline bool vs__nested_has(const struct vs_vmx_nested *n, unsigned position)
{
    return n->x->has[position] & VS_FIELD_EXISTS;
}

/* vmcs_nested.c. VMCS12 is dirty once a field is written that a guest hypervisor could not write
 * without an exit under VMCS shadowing (handle_vmwrite). */
bool vs__nested_shadows(unsigned position);

/* vmcs_nested_reset.c, see port/nested.h: INIT and start-up IPI of the guest hypervisor's guest. */
bool vs__nested_resets(void *ctx, struct vs_txn *t, bool starts, unsigned i,
                       struct vs_nested_step *out);
void vs__nested_carry_out(void *ctx, struct vs_txn *t, const struct vs_trap *trap);
void vs__nested_executes(void *ctx, struct vs_txn *t, const struct vs_trap *trap);

/* vmcs_nested_shadow.c. With VMCS01 current: its controls, the bitmaps, the shadow's region. */
void vs__nested_shadow_setup(struct vs_vmx_nested *n, const struct vs_vmx_nested_pages *pages);
void vs__nested_publish(void *ctx, struct vs_txn *t);
void vs__nested_collect(void *ctx, struct vs_txn *t);
void vs__nested_shadowed(void *ctx, struct vs_txn *t, enum vs_state what, bool write,
                         uint64_t *value);

#endif
