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

/* Positions [from, to) that checks read: all but exit information and RIP. */
static const struct {
    unsigned from, to;
} read_by_checks[] = {{0, VS_VMCS_AT_GUEST_PHYSICAL_ADDRESS},
                      {VS_VMCS_AT_VMCS_LINK_POINTER, VS_VMCS_AT_INSTRUCTION_ERROR},
                      {VS_VMCS_AT_GUEST_ES_LIMIT, VS_VMCS_AT_EXIT_QUALIFICATION},
                      {VS_VMCS_AT_GUEST_CR0, VS_VMCS_AT_GUEST_RIP},
                      {VS_VMCS_AT_GUEST_RIP + 1, VS_VMCS_FIELDS}};

void vs__vmx_checks_passed(struct vs_vmx *x)
{
    x->checked_region = x->current;
    vs_phys_read(x->wire.phys, vs_vmx_at(x->current, 0), x->checked, sizeof x->checked);
}

bool vs__vmx_checks_hold(const struct vs_vmx *x)
{
    const unsigned char *region =
        vs_phys_at(x->wire.phys, vs_vmx_at(x->current, 0), sizeof x->checked);
    if (!region || x->checked_region != x->current) {
        return false;
    }
    for (size_t i = 0; i < sizeof read_by_checks / sizeof *read_by_checks; i++) {
        unsigned from = read_by_checks[i].from, to = read_by_checks[i].to;
        if (memcmp(region + from * sizeof(uint64_t), x->checked + from,
                   (to - from) * sizeof(uint64_t)) != 0) {
            return false;
        }
    }
    return vs__vmx_rip_valid(x);
}
