/* SPDX-License-Identifier: MIT */
/* What one event of KVM's says, in the kernel's words, trace-cmd's or as raw fields. */
#ifndef VIRTSIM_SIM_REPLAY_KVM_PAYLOAD_H
#define VIRTSIM_SIM_REPLAY_KVM_PAYLOAD_H

#include "replay/kvm/exits.h"

/* A kvm_exit. */
struct vs_kvm_said {
    char name[64];    /* "": only the number is known */
    uint64_t number;  /* VS_KVM_UNKNOWN: only the name is */
    unsigned vendors; /* whose it can be, a bit each */
    int64_t vcpu;     /* -1: not said */
    uint64_t info1, info2, intr_info;
    bool failed; /* the entry had failed */
};

/* False: no exit that could be read. *riscv: it is one of RISC-V's. */
bool vs_kvm_payload_exit(const char *payload, struct vs_kvm_said *out, bool *riscv);
/* The vCPU that any event names; -1: none. */
int64_t vs_kvm_payload_vcpu(const char *payload);
/* What the exit's own fields say of the trap. */
void vs_kvm_payload_operands(struct vs_kvm_exit *e, const struct vs_kvm_said *said);
/* What an event between exit and entry adds. */
void vs_kvm_payload_companion(struct vs_kvm_exit *e, const char *event, const char *payload);

#endif
