/* SPDX-License-Identifier: MIT */
/* Exits by the names that KVM and the tools that read its traces give them: reasons.def. */
#ifndef VIRTSIM_SIM_REPLAY_KVM_NAMES_H
#define VIRTSIM_SIM_REPLAY_KVM_NAMES_H

#include "virtsim/trap.h"
#include "virtsim/x86.h"

enum vs_kvm_vendor { VS_KVM_INTEL, VS_KVM_AMD, VS_KVM_ARM, VS_KVM_VENDORS };

struct vs_kvm_reason {
    enum vs_kvm_vendor vendor;
    uint32_t number;
    const char *name, *other; /* KVM's; trace-cmd's or an older one, "": the same */
    int trap;                 /* enum vs_trap_kind; VS_TRAP_N: virtsim has none */
    uint8_t x86;              /* enum vs_x86: the instruction, where its trap has several */
};

/* By name, whatever the case of its letters; NULL: none of that vendor. */
const struct vs_kvm_reason *vs_kvm_by_name(enum vs_kvm_vendor vendor, const char *name);
const struct vs_kvm_reason *vs_kvm_by_number(enum vs_kvm_vendor vendor, uint64_t number);
/* Which vendors' exits have that name: a bit each. */
unsigned vs_kvm_vendors_of(const char *name);

#endif
