/* SPDX-License-Identifier: MIT */
/*
 * What KVM does with the VMCBs of a guest hypervisor: VMCB01 runs it, VMCB12 is the one that it
 * keeps for its own guest, in its own memory, VMCB02 runs that guest (port/nested.h). The fields
 * that move, in their order: nested_fields.def.
 *
 * A guest hypervisor reads and writes VMCB12 by loads and stores, which nobody intercepts. What may
 * leave it are its instructions: VMRUN always; VMSAVE, VMLOAD and STGI behind an exit, CLGI and
 * VMLOAD before an entry where the processor does not virtualize them. Addresses in VMCB12 are
 * host-physical, since KVM has mapped those pages of its guest.
 */
#ifndef VIRTSIM_SVM_NESTED_H
#define VIRTSIM_SVM_NESTED_H

#include "svm/svm.h"
#include "virtsim/port/nested.h"

#define VS_DEF_NAME svm_nested
#define VS_DEF_FILE "svm/nested.def"
#include "virtsim/def_types.h"

/* Where a VMCB and its maps lie, as for vs_svm_setup, and the root of its nested paging. */
struct vs_svm_nested_pages {
    vs_hpa vmcb, host_area, msrpm, iopm;
    uint64_t ncr3;
};

struct vs_svm_nested {
    struct vs_svm_nested_config config;
    struct vs_svm *s;
    uint64_t vmcb01, vmcb12, vmcb02; /* host-physical addresses */
    uint64_t msrpm02;                /* of VMCB02: what either asks for */
    struct vs_svm_loaded on12;       /* VMCB12's control area as a processor would load it */
    const char *failed;              /* the rule that VMCB12 broke at its last entry; NULL: none */
    bool interrupted;                /* the next exit that is handed on is of its own interrupt */
    bool nmi_masked;                 /* vs_svm's, of whoever does not run: L1, or L2 */
    bool known;                      /* VMCB12 has been entered before: its clean bits count */
    uint16_t base;                   /* of the accounts */
    uint64_t count[VS_CNT_svm_nested_N];
};

/* The three VMCBs, untimed, with n->config; they share one ASID. Afterwards VMCB02 is current, and
 * its guest runs; false: the processor refuses, and n->failed or s->invalid says why. */
bool vs_svm_nested_setup(struct vs_svm_nested *n, struct vs_svm *s, uint16_t host_actor,
                         const struct vs_svm_nested_pages *p01,
                         const struct vs_svm_nested_pages *p12,
                         const struct vs_svm_nested_pages *p02, uint16_t asid, uint64_t cr3);
struct vs_nested_port vs_svm_nested_port(struct vs_svm_nested *n);

#endif
