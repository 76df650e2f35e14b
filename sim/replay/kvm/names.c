/* SPDX-License-Identifier: MIT */
#include "replay/kvm/names.h"

#include <stddef.h>
#include <strings.h>

#define VS_TRAP_NONE VS_TRAP_N

static const struct vs_kvm_reason reasons[] = {
#define VS_KVM_EXIT(vendor, number, name, other, trap, x86)                                        \
    {VS_KVM_##vendor, number, name, other, VS_TRAP_##trap, VS_X86_##x86},
#include "replay/kvm/reasons.def"
#undef VS_KVM_EXIT
};
#define N (sizeof reasons / sizeof reasons[0])

const struct vs_kvm_reason *vs_kvm_by_name(enum vs_kvm_vendor vendor, const char *name)
{
    for (size_t i = 0; i < N; i++) {
        const struct vs_kvm_reason *r = &reasons[i];
        if (r->vendor == vendor && (!strcasecmp(r->name, name) || !strcasecmp(r->other, name))) {
            return r;
        }
    }
    return NULL;
}

const struct vs_kvm_reason *vs_kvm_by_number(enum vs_kvm_vendor vendor, uint64_t number)
{
    for (size_t i = 0; i < N; i++) {
        if (reasons[i].vendor == vendor && reasons[i].number == number) {
            return &reasons[i];
        }
    }
    return NULL;
}

unsigned vs_kvm_vendors_of(const char *name)
{
    unsigned found = 0;
    for (unsigned v = 0; v < VS_KVM_VENDORS; v++) {
        found |= vs_kvm_by_name((enum vs_kvm_vendor)v, name) ? 1u << v : 0;
    }
    return found;
}
