/* SPDX-License-Identifier: MIT */
/*
 * What an entry need not check again. Nearly every handler writes RIP and little else that changes,
 * so most entries would check some hundred fields that have just been checked. The values with
 * which the last entry passed are kept; where every field that a check reads still has its value,
 * the checks end as they did, and only those that read RIP are made.
 *
 * Values are compared rather than writes noted: it does not matter who wrote a field, the host by
 * VMWRITE, an exit that saved a register, or somebody who knows where the region is.
 */
#include "vmcs/vmcs_impl.h"

/* Takes over positions [from, to), which no check reads. */
static inline void take(struct vs_vmx *x, const unsigned char *region, unsigned from, unsigned to)
{
    memcpy(x->checked + from, region + from * sizeof(uint64_t), (to - from) * sizeof(uint64_t));
}

void vs__vmx_checks_passed(struct vs_vmx *x)
{
    x->checked_region = x->current;
    vs_phys_read(x->wire.phys, vs_vmx_at(x->current, 0), x->checked, sizeof x->checked);
}

bool vs__vmx_checks_hold(struct vs_vmx *x)
{
    const unsigned char *region =
        vs_phys_at(x->wire.phys, vs_vmx_at(x->current, 0), sizeof x->checked);
    if (!region || x->checked_region != x->current) {
        return false;
    }
    /* exit information and RIP are what they are: all others are compared at once */
    take(x, region, VS_VMCS_AT_GUEST_PHYSICAL_ADDRESS, VS_VMCS_AT_VMCS_LINK_POINTER);
    take(x, region, VS_VMCS_AT_INSTRUCTION_ERROR, VS_VMCS_AT_GUEST_ES_LIMIT);
    take(x, region, VS_VMCS_AT_EXIT_QUALIFICATION, VS_VMCS_AT_GUEST_CR0);
    take(x, region, VS_VMCS_AT_GUEST_RIP, VS_VMCS_AT_GUEST_RIP + 1);
    if (memcmp(region, x->checked, sizeof x->checked) != 0) {
        return false;
    }
    return vs__vmx_rip_valid(x);
}
