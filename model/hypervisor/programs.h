/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H
#define VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H

#include "hypervisor/hypervisor.h"

/* Encodings: SDM 3D appendix B. */
enum vs__hv_field {
    VS_HV_GUEST_INTERRUPT_STATUS = 0x0810,
    VS_HV_PML_INDEX = 0x0812,
    VS_HV_GUEST_PHYSICAL = 0x2400,
    VS_HV_PROC_CONTROLS = 0x4002,
    VS_HV_ENTRY_INTR_INFO = 0x4016,
    VS_HV_ENTRY_ERROR_CODE = 0x4018,
    VS_HV_EXIT_REASON = 0x4402,
    VS_HV_EXIT_INTR_INFO = 0x4404,
    VS_HV_IDT_VECTORING = 0x4408,
    VS_HV_EXIT_LENGTH = 0x440c,
    VS_HV_CS_AR = 0x4816,
    VS_HV_PREEMPTION_TIMER = 0x482e,
    VS_HV_INTERRUPTIBILITY = 0x4824,
    VS_HV_QUALIFICATION = 0x6400,
    VS_HV_GUEST_CR0 = 0x6800,
    VS_HV_GUEST_CR3 = 0x6802,
    VS_HV_GUEST_RSP = 0x681c,
    VS_HV_GUEST_RIP = 0x681e,
    VS_HV_GUEST_RFLAGS = 0x6820
};

/* Field encodings, ended by 0: read before the reason's program, written after it. */
extern const uint32_t vs__hv_common_read[];
void vs__hv_fields(enum vs_op op, const uint32_t **read, const uint32_t **write);

#endif
