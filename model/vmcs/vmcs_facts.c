/* SPDX-License-Identifier: MIT */
/* What VMX has, counted in its tables and tried on its own checks. */
#include "vmcs/vmcs_impl.h"
#include "vmcs/vmcs_world.h"

#include <string.h>

#define OF "VMX"

/* Bits of a field of that width; a natural one has those of 64-bit mode. */
static uint64_t bits(uint8_t width)
{
    return width == VS_VMCS_16 ? 16 : width == VS_VMCS_32 ? 32 : 64;
}

/* The groups of data that SDM 3C, 24.3 names: the three kinds of control fields share one area of
 * the encodings, and are told apart by the words that their names begin with. */
enum data_group { GUEST, HOST, EXECUTION_CONTROL, EXIT_CONTROL, ENTRY_CONTROL, INFORMATION };

/* The group of the data area that a field belongs to. */
static enum data_group group_of(const struct vs_vmcs_field *f)
{
    switch ((enum vs_vmcs_area)f->area) {
    case VS_VMCS_GUEST:
        return GUEST;
    case VS_VMCS_HOST:
        return HOST;
    case VS_VMCS_INFO:
        return INFORMATION;
    case VS_VMCS_CONTROL:
    default:
        return !strncmp(f->name, "EXIT_", 5)    ? EXIT_CONTROL
               : !strncmp(f->name, "ENTRY_", 6) ? ENTRY_CONTROL
                                                : EXECUTION_CONTROL;
    }
}

/* Fields of the table, by group. */
static void fields(const struct vs_facts *to)
{
    static const char *const names[] = {
        [GUEST] = "vmx.vmcs.fields.guest_state",
        [HOST] = "vmx.vmcs.fields.host_state",
        [EXECUTION_CONTROL] = "vmx.vmcs.fields.execution_control",
        [EXIT_CONTROL] = "vmx.vmcs.fields.exit_control",
        [ENTRY_CONTROL] = "vmx.vmcs.fields.entry_control",
        [INFORMATION] = "vmx.vmcs.fields.exit_information",
    };
    enum { GROUPS = sizeof names / sizeof *names };
    uint64_t n[GROUPS] = {0}, groups = 0;
    for (size_t i = 0; i < VS_VMCS_FIELDS; i++) {
        n[group_of(&vs_vmcs_fields[i])]++;
    }
    for (size_t g = 0; g < GROUPS; g++) {
        groups += n[g] > 0;
        vs_fact(to, OF, names[g], n[g], "fields", "model/vmcs/vmcs_fields.def; SDM 3D, appendix B");
    }
    vs_fact(to, OF, "vmx.vmcs.fields", VS_VMCS_FIELDS, "fields",
            "model/vmcs/vmcs_fields.def; SDM 3D, appendix B");
    vs_fact(to, OF, "vmx.vmcs.groups", groups, "groups",
            "groups of model/vmcs/vmcs_fields.def that have fields; SDM 3C 24.3 names as many");
    vs_fact(to, OF, "vmx.exit_reason.bits", bits(vs_vmcs_fields[VS_VMCS_AT_EXIT_REASON].width),
            "bits", "width of EXIT_REASON in model/vmcs/vmcs_fields.def; SDM 3C 24.9.1");
}

/* Basic exit reasons: with an operation, and those that cannot occur here. */
static void reasons(const struct vs_facts *to)
{
    static const uint16_t with[] = {
#define VS_VMX_REASON(e, number, name, trap, kvm, control, text, q, information) number,
#include "vmcs/reasons.def"
    };
    static const uint16_t without[] = {
#define VS_VMX_UNREACHED(number, text, control, why) number,
#include "vmcs/reasons.def"
    };
    uint64_t n = sizeof with / sizeof *with, other = sizeof without / sizeof *without;
    vs_fact(to, OF, "vmx.basic_exit_reasons", n + other, "reasons",
            "model/vmcs/reasons.def; SDM 3D, appendix C");
    vs_fact(to, OF, "vmx.basic_exit_reasons.reached", n, "reasons",
            "those of model/vmcs/reasons.def that have an operation");
}

/* The alignment that VMPTRLD asks for: the smallest address that its check of a region takes. */
static uint64_t alignment(void)
{
    struct vs_vmx x = {.config.cap_physical_bits = 52};
    uint64_t a = 1;
    while (!vs_vmx_page(&x, a)) {
        a <<= 1;
    }
    return a;
}

void vs_vmx_facts(const struct vs_facts *to)
{
    static const char instructions[] = ""
#define VS_VMX_INSTRUCTION(name, event, number) "+"
#define VS_VMX_CALL(name) "+"
#include "vmcs/instructions.def"
        ;
    vs_fact(to, OF, "vmx.instructions", sizeof instructions - 1, "instructions",
            "model/vmcs/instructions.def; SDM 3C, chapter 31");
    fields(to);
    vs_fact(to, OF, "vmx.vmcs.alignment", alignment(), "bytes",
            "smallest address that VMPTRLD's check takes (model/vmcs/vmcs_impl.h); SDM 3C 24.1");
    vs_fact(to, OF, "vmx.vmcs.bytes", VS_REGION_DATA + 8u * VS_VMCS_FIELDS, "bytes",
            "layout of model/vmcs/vmcs_impl.h, 8 bytes a field; SDM 3C 24.2: the format is the "
            "processor's own");
    reasons(to);
    vs_fact(to, OF, "vmx.eptp_list.entries", VS_EPTP_LIST, "entries",
            "model/vmcs/vmcs_arch.h; SDM 3C 25.5.6.3");
}
