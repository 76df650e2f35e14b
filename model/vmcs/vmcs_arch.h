/* SPDX-License-Identifier: MIT */
/*
 * Architectural constants of VMX: fields, control bits, exit reasons, instruction errors.
 * Sources: SDM vol. 3 (chapters on VMCS, VM entries and exits, appendices A-C) as restated in
 * Linux arch/x86/include/{asm,uapi/asm}/vmx.h, asm/vmxfeatures.h and Bochs cpu/vmx.h.
 */
#ifndef VIRTSIM_VMCS_ARCH_H
#define VIRTSIM_VMCS_ARCH_H

#include "virtsim/units.h"

/* Encodings: VS_VMCS_GUEST_CR3 = 0x6802. */
enum vs_vmcs_encoding {
#define VS_VMCS_FIELD(name, encoding, width, area, exists, group, text) VS_VMCS_##name = encoding,
#include "vmcs/vmcs_fields.def"
#undef VS_VMCS_FIELD
};

/* Positions in the table, in a region and in vs_vmx.live: VS_VMCS_AT_GUEST_CR3. */
enum vs_vmcs_position {
#define VS_VMCS_FIELD(name, encoding, width, area, exists, group, text) VS_VMCS_AT_##name,
#include "vmcs/vmcs_fields.def"
#undef VS_VMCS_FIELD
    VS_VMCS_FIELDS
};

enum vs_vmcs_width { VS_VMCS_16 = 0, VS_VMCS_64 = 1, VS_VMCS_32 = 2, VS_VMCS_NATURAL = 3 };
enum vs_vmcs_area { VS_VMCS_CONTROL = 0, VS_VMCS_INFO = 1, VS_VMCS_GUEST = 2, VS_VMCS_HOST = 3 };

/* What decides whether a transition moves a field. */
enum vs_vmcs_group {
    VS_VMCS_G_CONTROL,
    VS_VMCS_G_INJECT,
    VS_VMCS_G_INFO,
    VS_VMCS_G_SEGMENT,
    VS_VMCS_G_DESCRIPTOR,
    VS_VMCS_G_CONTROL_REGISTER,
    VS_VMCS_G_FLOW,
    VS_VMCS_G_STATE,
    VS_VMCS_G_SYSENTER,
    VS_VMCS_G_DEBUG,
    VS_VMCS_G_PAT,
    VS_VMCS_G_EFER,
    VS_VMCS_G_PERF,
    VS_VMCS_G_BNDCFGS,
    VS_VMCS_G_RTIT,
    VS_VMCS_G_PKRS,
    VS_VMCS_G_CET,
    VS_VMCS_G_PDPTE,
    VS_VMCS_G_TIMER,
    VS_VMCS_G_APIC,
    VS_VMCS_G_PML,
    VS_VMCS_G_LINK,
    VS_VMCS_G_SMBASE,
    VS_VMCS_GROUPS
};

/* Which word of capabilities says that a field exists (low byte: the bit). */
enum vs_vmcs_exists {
    VS_VMCS_X_ALWAYS = 0,
    VS_VMCS_X_NEVER = 0x100,
    VS_VMCS_X_PIN = 0x200,
    VS_VMCS_X_PROC = 0x300,
    VS_VMCS_X_PROC2 = 0x400,
    VS_VMCS_X_PROC3 = 0x500,
    VS_VMCS_X_EXIT = 0x600,
    VS_VMCS_X_ENTRY = 0x700
};

struct vs_vmcs_field {
    const char *name;
    const char *text;
    uint16_t encoding;
    uint16_t exists;
    uint8_t width, area, group;
};
extern const struct vs_vmcs_field vs_vmcs_fields[VS_VMCS_FIELDS];

#define VS_VMX_BIT(n) (UINT64_C(1) << (n))

/* Pin-based controls. */
#define VS_PIN_EXTERNAL_INTERRUPT VS_VMX_BIT(0)
#define VS_PIN_NMI VS_VMX_BIT(3)
#define VS_PIN_VIRTUAL_NMIS VS_VMX_BIT(5)
#define VS_PIN_PREEMPTION_TIMER VS_VMX_BIT(6)
#define VS_PIN_POSTED_INTERRUPTS VS_VMX_BIT(7)
/* Primary processor-based controls. */
#define VS_PROC_INTERRUPT_WINDOW VS_VMX_BIT(2)
#define VS_PROC_TSC_OFFSETTING VS_VMX_BIT(3)
#define VS_PROC_HLT VS_VMX_BIT(7)
#define VS_PROC_INVLPG VS_VMX_BIT(9)
#define VS_PROC_MWAIT VS_VMX_BIT(10)
#define VS_PROC_RDPMC VS_VMX_BIT(11)
#define VS_PROC_RDTSC VS_VMX_BIT(12)
#define VS_PROC_CR3_LOAD VS_VMX_BIT(15)
#define VS_PROC_CR3_STORE VS_VMX_BIT(16)
#define VS_PROC_TERTIARY VS_VMX_BIT(17)
#define VS_PROC_CR8_LOAD VS_VMX_BIT(19)
#define VS_PROC_CR8_STORE VS_VMX_BIT(20)
#define VS_PROC_TPR_SHADOW VS_VMX_BIT(21)
#define VS_PROC_NMI_WINDOW VS_VMX_BIT(22)
#define VS_PROC_MOV_DR VS_VMX_BIT(23)
#define VS_PROC_UNCONDITIONAL_IO VS_VMX_BIT(24)
#define VS_PROC_IO_BITMAPS VS_VMX_BIT(25)
#define VS_PROC_MONITOR_TRAP VS_VMX_BIT(27)
#define VS_PROC_MSR_BITMAPS VS_VMX_BIT(28)
#define VS_PROC_MONITOR VS_VMX_BIT(29)
#define VS_PROC_PAUSE VS_VMX_BIT(30)
#define VS_PROC_SECONDARY VS_VMX_BIT(31)
/* Secondary processor-based controls. */
#define VS_PROC2_APIC_ACCESSES VS_VMX_BIT(0)
#define VS_PROC2_EPT VS_VMX_BIT(1)
#define VS_PROC2_DESCRIPTOR_TABLE VS_VMX_BIT(2)
#define VS_PROC2_RDTSCP VS_VMX_BIT(3)
#define VS_PROC2_X2APIC VS_VMX_BIT(4)
#define VS_PROC2_VPID VS_VMX_BIT(5)
#define VS_PROC2_WBINVD VS_VMX_BIT(6)
#define VS_PROC2_UNRESTRICTED VS_VMX_BIT(7)
#define VS_PROC2_APIC_REGISTERS VS_VMX_BIT(8)
#define VS_PROC2_INTERRUPT_DELIVERY VS_VMX_BIT(9)
#define VS_PROC2_PAUSE_LOOP VS_VMX_BIT(10)
#define VS_PROC2_RDRAND VS_VMX_BIT(11)
#define VS_PROC2_INVPCID VS_VMX_BIT(12)
#define VS_PROC2_VMFUNC VS_VMX_BIT(13)
#define VS_PROC2_SHADOWING VS_VMX_BIT(14)
#define VS_PROC2_RDSEED VS_VMX_BIT(16)
#define VS_PROC2_PML VS_VMX_BIT(17)
#define VS_PROC2_VE VS_VMX_BIT(18)
#define VS_PROC2_XSAVES VS_VMX_BIT(20)
#define VS_PROC2_MODE_BASED_EXECUTE VS_VMX_BIT(22)
#define VS_PROC2_ENCLS VS_VMX_BIT(15)
#define VS_PROC2_SUB_PAGE VS_VMX_BIT(23)
#define VS_PROC2_PT_GUEST_PHYSICAL VS_VMX_BIT(24)
#define VS_PROC2_USER_WAIT VS_VMX_BIT(26)
#define VS_PROC2_PCONFIG VS_VMX_BIT(27)
#define VS_PROC2_ENCLV VS_VMX_BIT(28)
#define VS_PROC2_BUS_LOCK VS_VMX_BIT(30)
#define VS_PROC2_NOTIFY VS_VMX_BIT(31)
/* Tertiary processor-based controls. */
#define VS_PROC3_LOADIWKEY VS_VMX_BIT(0)
#define VS_PROC3_HLAT VS_VMX_BIT(1)
#define VS_PROC3_PAGING_WRITE VS_VMX_BIT(2)
#define VS_PROC3_VERIFY_PAGING VS_VMX_BIT(3)
#define VS_PROC3_IPI VS_VMX_BIT(4)
/* VM-exit controls. */
#define VS_EXIT_SAVE_DEBUG VS_VMX_BIT(2)
#define VS_EXIT_HOST_64 VS_VMX_BIT(9)
#define VS_EXIT_LOAD_PERF VS_VMX_BIT(12)
#define VS_EXIT_ACKNOWLEDGE VS_VMX_BIT(15)
#define VS_EXIT_SAVE_PAT VS_VMX_BIT(18)
#define VS_EXIT_LOAD_PAT VS_VMX_BIT(19)
#define VS_EXIT_SAVE_EFER VS_VMX_BIT(20)
#define VS_EXIT_LOAD_EFER VS_VMX_BIT(21)
#define VS_EXIT_SAVE_TIMER VS_VMX_BIT(22)
#define VS_EXIT_CLEAR_BNDCFGS VS_VMX_BIT(23)
#define VS_EXIT_CLEAR_RTIT VS_VMX_BIT(25)
#define VS_EXIT_LOAD_CET VS_VMX_BIT(28)
#define VS_EXIT_LOAD_PKRS VS_VMX_BIT(29)
#define VS_EXIT_SAVE_PERF VS_VMX_BIT(30)
/* VM-entry controls. */
#define VS_ENTRY_LOAD_DEBUG VS_VMX_BIT(2)
#define VS_ENTRY_GUEST_64 VS_VMX_BIT(9)
#define VS_ENTRY_SMM VS_VMX_BIT(10)
#define VS_ENTRY_DUAL_MONITOR VS_VMX_BIT(11)
#define VS_ENTRY_LOAD_PERF VS_VMX_BIT(13)
#define VS_ENTRY_LOAD_PAT VS_VMX_BIT(14)
#define VS_ENTRY_LOAD_EFER VS_VMX_BIT(15)
#define VS_ENTRY_LOAD_BNDCFGS VS_VMX_BIT(16)
#define VS_ENTRY_LOAD_RTIT VS_VMX_BIT(18)
#define VS_ENTRY_LOAD_CET VS_VMX_BIT(20)
#define VS_ENTRY_LOAD_PKRS VS_VMX_BIT(22)

/* Bits of IA32_PERF_GLOBAL_CTRL that are not reserved where Hyper-Threading is on, as the parts
 * here were measured: four general counters of each thread, three fixed ones (SDM 3B 20.2.2). */
#define VS_PERF_GLOBAL_CTRL UINT64_C(0x70000000f)

/* IA32_VMX_MISC. */
#define VS_MISC_HLT VS_VMX_BIT(6)
#define VS_MISC_SHUTDOWN VS_VMX_BIT(7)
#define VS_MISC_WAIT_SIPI VS_VMX_BIT(8)
#define VS_MISC_WRITE_ANY VS_VMX_BIT(29)
#define VS_MISC_ZERO_LENGTH VS_VMX_BIT(30)

/* Interruption information (VM entry, VM exit, IDT vectoring). */
#define VS_INTR_VECTOR 0xffu
#define VS_INTR_TYPE(info) (((info) >> 8) & 7u)
#define VS_INTR_ERROR_CODE (1u << 11)
#define VS_INTR_VALID (1u << 31)
enum vs_intr_type {
    VS_INTR_EXTERNAL = 0,
    VS_INTR_RESERVED = 1,
    VS_INTR_NMI = 2,
    VS_INTR_EXCEPTION = 3,
    VS_INTR_SOFTWARE = 4,
    VS_INTR_PRIVILEGED = 5,
    VS_INTR_SOFTWARE_EXCEPTION = 6,
    VS_INTR_OTHER = 7
};

/* Access rights of a segment as the VMCS holds them. */
#define VS_AR_TYPE 0xfu
#define VS_AR_S (1u << 4)
#define VS_AR_DPL(ar) (((ar) >> 5) & 3u)
#define VS_AR_P (1u << 7)
#define VS_AR_L (1u << 13)
#define VS_AR_DB (1u << 14)
#define VS_AR_G (1u << 15)
#define VS_AR_UNUSABLE (1u << 16)
#define VS_AR_RESERVED 0xfffe0f00u

/* Guest interruptibility state, SDM 3C table 25-3. */
enum vs_vmx_blocking {
    VS_BLOCKED_STI = 1,
    VS_BLOCKED_MOV_SS = 2,
    VS_BLOCKED_SMI = 4,
    VS_BLOCKED_NMI = 8,
    VS_BLOCKED_ENCLAVE = 16
};

enum vs_vmx_activity {
    VS_ACTIVITY_ACTIVE,
    VS_ACTIVITY_HLT,
    VS_ACTIVITY_SHUTDOWN,
    VS_ACTIVITY_WAIT_SIPI
};

/* Basic exit reasons. */
enum vs_vmx_reason {
    VS_EXIT_EXCEPTION_NMI = 0,
    VS_EXIT_EXTERNAL_INTERRUPT = 1,
    VS_EXIT_TRIPLE_FAULT = 2,
    VS_EXIT_INIT_SIGNAL = 3,
    VS_EXIT_SIPI = 4,
    VS_EXIT_INTERRUPT_WINDOW = 7,
    VS_EXIT_NMI_WINDOW = 8,
    VS_EXIT_TASK_SWITCH = 9,
    VS_EXIT_CPUID = 10,
    VS_EXIT_GETSEC = 11,
    VS_EXIT_HLT = 12,
    VS_EXIT_INVD = 13,
    VS_EXIT_INVLPG = 14,
    VS_EXIT_RDPMC = 15,
    VS_EXIT_RDTSC = 16,
    VS_EXIT_VMCALL = 18,
    VS_EXIT_VMCLEAR = 19,
    VS_EXIT_VMLAUNCH = 20,
    VS_EXIT_VMPTRLD = 21,
    VS_EXIT_VMPTRST = 22,
    VS_EXIT_VMREAD = 23,
    VS_EXIT_VMRESUME = 24,
    VS_EXIT_VMWRITE = 25,
    VS_EXIT_VMXOFF = 26,
    VS_EXIT_VMXON = 27,
    VS_EXIT_CR_ACCESS = 28,
    VS_EXIT_DR_ACCESS = 29,
    VS_EXIT_IO_INSTRUCTION = 30,
    VS_EXIT_RDMSR = 31,
    VS_EXIT_WRMSR = 32,
    VS_EXIT_INVALID_GUEST_STATE = 33,
    VS_EXIT_MSR_LOADING = 34,
    VS_EXIT_MWAIT = 36,
    VS_EXIT_MONITOR_TRAP = 37,
    VS_EXIT_MONITOR = 39,
    VS_EXIT_PAUSE = 40,
    VS_EXIT_TPR_BELOW_THRESHOLD = 43,
    VS_EXIT_APIC_ACCESS = 44,
    VS_EXIT_VIRTUALIZED_EOI = 45,
    VS_EXIT_GDTR_IDTR = 46,
    VS_EXIT_LDTR_TR = 47,
    VS_EXIT_EPT_VIOLATION = 48,
    VS_EXIT_EPT_MISCONFIG = 49,
    VS_EXIT_INVEPT = 50,
    VS_EXIT_RDTSCP = 51,
    VS_EXIT_PREEMPTION_TIMER = 52,
    VS_EXIT_INVVPID = 53,
    VS_EXIT_WBINVD = 54,
    VS_EXIT_XSETBV = 55,
    VS_EXIT_APIC_WRITE = 56,
    VS_EXIT_RDRAND = 57,
    VS_EXIT_INVPCID = 58,
    VS_EXIT_VMFUNC = 59,
    VS_EXIT_RDSEED = 61,
    VS_EXIT_PML_FULL = 62,
    VS_EXIT_XSAVES = 63,
    VS_EXIT_XRSTORS = 64,
    VS_EXIT_PCONFIG = 65,
    VS_EXIT_BUS_LOCK = 74
};
#define VS_EPTP_LIST 512u /* entries */
#define VS_EXIT_ENTRY_FAILURE (1u << 31)

/* VM-instruction error numbers. */
enum vs_vmx_error {
    VS_VMXERR_VMCALL_IN_ROOT = 1,
    VS_VMXERR_VMCLEAR_ADDRESS = 2,
    VS_VMXERR_VMCLEAR_VMXON = 3,
    VS_VMXERR_VMLAUNCH_NOT_CLEAR = 4,
    VS_VMXERR_VMRESUME_NOT_LAUNCHED = 5,
    VS_VMXERR_ENTRY_CONTROLS = 7,
    VS_VMXERR_ENTRY_HOST = 8,
    VS_VMXERR_VMPTRLD_ADDRESS = 9,
    VS_VMXERR_VMPTRLD_VMXON = 10,
    VS_VMXERR_VMPTRLD_REVISION = 11,
    VS_VMXERR_UNSUPPORTED_FIELD = 12,
    VS_VMXERR_READ_ONLY_FIELD = 13,
    VS_VMXERR_VMXON_IN_ROOT = 15,
    VS_VMXERR_ENTRY_MOV_SS = 26,
    VS_VMXERR_INVEPT_INVVPID = 28
};

/* VMX-abort indicators. */
enum vs_vmx_abort {
    VS_ABORT_SAVE_MSR = 1,
    VS_ABORT_HOST_PDPTE = 2,
    VS_ABORT_VMCS = 3,
    VS_ABORT_LOAD_MSR = 4
};

#endif
