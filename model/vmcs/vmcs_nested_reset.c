/* SPDX-License-Identifier: MIT */
/* What a guest hypervisor does to VMCS12 when an INIT resets its guest, and when a start-up IPI
 * starts it: a VMREAD or VMWRITE a field, each an exit unless the shadow VMCS has the field. A
 * program goes on where it was, so that only what an INIT does to interrupts is a new value. */
#include "vmcs/vmcs_nested_impl.h"

#include "virtsim/x86.h"

#define RFLAGS_IF (UINT64_C(1) << 9)

static const struct access {
    uint16_t position;
    bool write;
} reset[] =
    {
#define VS_NESTED_RESET(field) {VS_VMCS_AT_##field, true},
#include "vmcs/nested_fields.def"
},
  start[] = {
#define VS_NESTED_START(field, write) {VS_VMCS_AT_##field, write},
#include "vmcs/nested_fields.def"
};

bool vs__nested_resets(void *ctx, struct vs_txn *t, bool starts, unsigned i,
                       struct vs_nested_step *out)
{
    const struct vs_vmx_nested *n = ctx;
    const struct access *list = starts ? start : reset;
    unsigned count = starts ? sizeof start / sizeof *start : sizeof reset / sizeof *reset;
    (void)t;
    for (unsigned at = 0; at < count; at++) {
        if (vs__nested_has(n, list[at].position) && !i--) {
            bool write = list[at].write;
            out->trap = (struct vs_trap){.kind = write ? VS_TRAP_STATE_WRITE : VS_TRAP_STATE_READ,
                                         .x86 = write ? VS_X86_VMWRITE : VS_X86_VMREAD,
                                         .value = vs_vmcs_fields[list[at].position].encoding,
                                         .length = 3};
            out->quick = false;
            return true;
        }
    }
    return false;
}

/* The field that the instruction names. */
static unsigned named(const struct vs_trap *trap)
{
    unsigned position = 0;
    while (vs_vmcs_fields[position].encoding != trap->value) {
        position++;
    }
    return position;
}

/* What an INIT leaves of a field (SDM 3A table 9-1). */
static uint64_t after(unsigned position, uint64_t old)
{
    switch (position) {
    case VS_VMCS_AT_GUEST_RFLAGS:
        return old & ~RFLAGS_IF;
    case VS_VMCS_AT_GUEST_INTERRUPTIBILITY:
    case VS_VMCS_AT_ENTRY_INTERRUPTION_INFO:
        return 0;
    default:
        return old;
    }
}

void vs__nested_carry_out(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_vmx_nested *n = ctx;
    const bool write = trap->kind == VS_TRAP_STATE_WRITE;
    const unsigned position = named(trap);
    uint64_t lines = 0;
    n->count[VS_CNT_nested_state_exits]++;
    vs__nested_line(&lines, position);
    vs__nested_touch(n, t, lines, write ? VS_REF_WRITE : VS_REF_READ);
    if (write) {
        vs__nested_put12(n, position, after(position, vs__nested_get12(n, position)));
        n->dirty = n->dirty || !vs__nested_shadows(position);
    }
}

void vs__nested_executes(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_vmx_nested *n = ctx;
    const unsigned position = named(trap);
    uint64_t raw = after(position, vs_phys_read64(n->x->wire.phys, vs_vmx_at(n->shadow, position)));
    (void)vs_vmx_shadowed(n->x, t, trap->kind == VS_TRAP_STATE_WRITE, (uint32_t)trap->value, &raw);
    n->count[VS_CNT_nested_shadowed]++;
}
