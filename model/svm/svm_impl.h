/* SPDX-License-Identifier: MIT */
/* Inside of the component: how its files reach the VMCB. */
#ifndef VIRTSIM_SVM_IMPL_H
#define VIRTSIM_SVM_IMPL_H

#include "svm/svm.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

#include <string.h>

#define VS_SVM_VECTOR_BYTES 24u

/* The address at an offset of a structure. */
static inline vs_hpa vs_svm_at(vs_hpa base, uint64_t offset)
{
    return (vs_hpa){base.v + offset};
}
/* Reads a word of the current VMCB without time. */
static inline uint64_t vs_svm_get(const struct vs_svm *s, uint64_t offset)
{
    return vs_phys_read64(s->wire.phys, vs_svm_at(s->vmcb, offset));
}
/* Writes a word of the current VMCB without time. */
static inline void vs_svm_put(struct vs_svm *s, uint64_t offset, uint64_t value)
{
    vs_phys_write64(s->wire.phys, vs_svm_at(s->vmcb, offset), value);
}

/* PauseFilterThreshold and PauseFilterCount, which have 16 bits. */
static inline uint16_t vs_svm_get16(const struct vs_svm *s, uint64_t offset)
{
    uint16_t value;
    vs_phys_read(s->wire.phys, vs_svm_at(s->vmcb, offset), &value, sizeof value);
    return value;
}
/* Of a group VMRUN has to load: its bit is clear, or the processor has no copy to take. */
static inline bool vs_svm_loads(uint32_t clean, enum vs_svm_group group)
{
    return !(clean >> group & 1u);
}

/* VMLOAD and VMSAVE are virtualized only under nested paging: APM volume 2, 15.33.1. */
static inline bool vs__svm_virtual_vmload(const struct vs_svm *s, bool nested)
{
    return nested && s->config.vls;
}

/* The operand of VMRUN: a page of 4 KiB in physical memory; anything else is #GP (APM volume 3). */
static inline bool vs__svm_page(const struct vs_svm *s, uint64_t rax)
{
    unsigned bits = s->wire.physical_bits ? s->wire.physical_bits : 48u;
    return !(rax & 0xfffu) && !(rax >> bits);
}

void vs__svm_write_intercepts(struct vs_svm *s, bool nested);
/* What an exit says: EXITCODE, EXITINFO1 and 2 where the code has them, EXITINTINFO, nRIP. */
unsigned vs__svm_says(void *ctx, const struct vs_exit *exit, struct vs_note *out);
/* The intercept of a code, below 0xc0, in the VMCB. */
void vs__svm_intercept(struct vs_svm *s, uint32_t code, bool on);
/* The hypervisor has asked, or now asks, that the end of what holds an NMI back leaves the guest:
 * by the intercept of IRET, then by a single step. */
bool vs__svm_nmi_window(const struct vs_svm *s);
void vs__svm_ask_nmi_window(struct vs_svm *s, bool on);
/* KVM's svm_get_nmi_mask: the handler of an NMI runs, as the VMCB or KVM itself has it. */
bool vs__svm_nmi_masked(const struct vs_svm *s);
/* The entry injects one, which blocks the ones that the processor holds. */
void vs__svm_nmi_enters(struct vs_svm *s);
/* svm_world.c: by the control area that is loaded, the guest leaves for this trap; its state as
 * handlers read and write it. */
bool vs__svm_leaves(struct vs_svm *s, struct vs_txn *t, const struct vs_trap *trap,
                    uint64_t own[VS_EXIT_WORDS]);
bool vs__svm_read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value);
bool vs__svm_write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value);
/* V_IRQ and its intercept, which together are the interrupt window. */
void vs__svm_ask_window(struct vs_svm *s, bool on);

/* svm_avic.c: AVIC virtualizes the guest's APIC, as MSRs (x2AVIC) or as a page. */
bool vs__svm_avic_on(const struct vs_svm *s, bool x2apic);
/* An access to a register: 0, the processor does it all; or the code of the exit, with EXITINFO1
 * and 2. */
uint32_t vs__svm_avic_access(struct vs_svm *s, struct vs_txn *t, uint32_t reg, bool write,
                             uint64_t value, uint64_t info[2]);
/* By EXITINFO1 of AVIC_NOACCEL: the write is done, the exit is a trap. */
bool vs__svm_avic_is_done(uint64_t info1);
/* VMRUN looks for what is pending in the backing page. */
void vs__svm_avic_evaluate(struct vs_svm *s, struct vs_txn *t);

#endif
