/* SPDX-License-Identifier: MIT */
/*
 * What KVM does with the VMCSs of a guest hypervisor: VMCS01 runs it, VMCS12 is the one that it
 * keeps for its own guest, VMCS02 runs that guest (port/nested.h). The fields that move, in their
 * order: nested_fields.def.
 *
 * VMCS12 is a page in the memory of the host's hypervisor, as KVM's cached_vmcs12, in the format of
 * a region: no processor loads it. Addresses of pages in it are host-physical, since KVM has mapped
 * those pages of its guest. A field whose value is the same is not written to the controls
 * (controls_shadow); all others of a list are.
 */
#ifndef VIRTSIM_VMCS_NESTED_H
#define VIRTSIM_VMCS_NESTED_H

#include "virtsim/port/nested.h"
#include "vmcs/vmcs.h"

#define VS_DEF_NAME nested
#define VS_DEF_FILE "vmcs/nested.def"
#include "virtsim/def_types.h"

struct vs_vmx_nested {
    struct vs_nested_config config;
    struct vs_vmx *x;
    uint64_t vmcs01, vmcs12, vmcs02; /* host-physical addresses */
    uint64_t shadow;                 /* VMCS of VMCS01's link pointer */
    bool shadows;                    /* it is used */
    uint16_t base;                   /* of the accounts */
    uint64_t count[VS_CNT_nested_N];
    bool dirty;     /* VMCS12: a field that is not shadowed was written; merge */
    uint32_t error; /* VM-instruction error of the last entry of the guest hypervisor; 0: none */
    const char *failed; /* and the rule */
    /* what the next exit that is handed on says, where the processor made none; 0: it did */
    uint32_t becomes, becomes_interruption;
};

/* Pages of the host's hypervisor for them. */
struct vs_vmx_nested_pages {
    uint64_t vmcs02, shadow, vmread_bitmap, vmwrite_bitmap;
    uint64_t eptp02; /* of VMCS02: the shadow of what VMCS12's names */
};

/* The three VMCSs, untimed, with n->config: setups as for vs_vmx_setup_default, those of 01 and 12
 * by their own `vmcs`. Afterwards VMCS02 is current and has been launched: its guest runs. */
enum vs_vmx_result vs_vmx_nested_setup(struct vs_vmx_nested *n, struct vs_vmx *x,
                                       const struct vs_vmx_setup *s01,
                                       const struct vs_vmx_setup *s12,
                                       const struct vs_vmx_nested_pages *pages, uint16_t vpid02);
struct vs_nested_port vs_vmx_nested_port(struct vs_vmx_nested *n);

#endif
