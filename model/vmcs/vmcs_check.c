/* SPDX-License-Identifier: MIT */
/*
 * What a VM entry checks before it loads anything: control fields (VMfail error 7) and the
 * host-state area (error 8), in the manual's order (SDM vol. 3, checks on VMX controls and
 * host-state area). vs_vmcs_check finds the same mistakes in a machine's knobs before a run.
 */
#include "vmcs/vmcs_impl.h"

/* A word of controls against its capability MSR: low half must be 1, high half may be 1. */
static bool allowed(uint64_t word, uint64_t cap)
{
    return (~word & cap & 0xffffffff) == 0 && (word & ~(cap >> 32)) == 0;
}

/* Says whether a list of MSRs is aligned and within the address width. */
static bool list_valid(const struct vs_vmx *x, uint64_t count, uint64_t at)
{
    return count == 0 ||
           ((at & 15) == 0 && vs_vmx_physical(x, at) && vs_vmx_physical(x, at + 16 * count - 1));
}

/* Vectors of hardware exceptions that push an error code (#DF #TS #NP #SS #GP #PF #AC). */
static bool pushes_error(uint64_t vector)
{
    return vector < 32 && (0x27d00u >> vector & 1);
}

/* The threshold is not above what the guest's TPR is, unless something exits for that. Of all rules
 * the one that reads what the guest writes: an entry makes it even where nobody wrote a field. */
bool vs__vmx_threshold_holds(const struct vs_vmx *x)
{
    uint64_t threshold = VS_GET(x, TPR_THRESHOLD), shadow = VS_PROC_TPR_SHADOW;
    return !threshold || !(VS_GET(x, PROC_CONTROLS) & shadow) ||
           vs_vmx_proc2(x) & (VS_PROC2_INTERRUPT_DELIVERY | VS_PROC2_APIC_ACCESSES) ||
           threshold <= vs__vmx_vtpr(x) >> 4;
}

/* Checks the event to be injected. */
static struct vs_vmx_verdict check_injection(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    uint64_t info = VS_GET(x, ENTRY_INTERRUPTION_INFO);
    if (!(info & VS_INTR_VALID)) {
        return v;
    }
    uint64_t vector = info & VS_INTR_VECTOR, type = VS_INTR_TYPE(info);
    uint64_t length = VS_GET(x, ENTRY_INSTRUCTION_LENGTH);
    bool monitor_trap = (x->config.cap_proc >> 32 & VS_PROC_MONITOR_TRAP) != 0;
    bool unrestricted = (vs_vmx_proc2(x) & VS_PROC2_UNRESTRICTED) != 0;
    bool protected_mode = !unrestricted || VS_GET(x, GUEST_CR0) & 1;
    VS_RULE(v, type != VS_INTR_RESERVED && (type != VS_INTR_OTHER || monitor_trap));
    VS_RULE(v, type != VS_INTR_NMI || vector == 2);
    VS_RULE(v, type != VS_INTR_EXCEPTION || vector <= 31);
    VS_RULE(v, type != VS_INTR_OTHER || vector == 0);
    bool deliver = type == VS_INTR_EXCEPTION && pushes_error(vector) && protected_mode;
    VS_RULE(v, !!(info & VS_INTR_ERROR_CODE) == deliver);
    VS_RULE(v, (info & 0x7ffff000) == 0);
    VS_RULE(v, !deliver || VS_GET(x, ENTRY_ERROR_CODE) >> 16 == 0);
    if (type == VS_INTR_SOFTWARE || type == VS_INTR_PRIVILEGED ||
        type == VS_INTR_SOFTWARE_EXCEPTION) {
        VS_RULE(v, length <= 15 && (length > 0 || x->config.cap_misc & VS_MISC_ZERO_LENGTH));
    }
    return v;
}

/* Checks rules between secondary controls. */
static struct vs_vmx_verdict check_secondary(const struct vs_vmx *x, struct vs_vmx_verdict v,
                                             uint64_t pin, uint64_t proc2)
{
    bool delivery = (proc2 & VS_PROC2_INTERRUPT_DELIVERY) != 0, ept = (proc2 & VS_PROC2_EPT) != 0;
    VS_RULE(v, !(proc2 & VS_PROC2_APIC_ACCESSES) || vs_vmx_page(x, VS_GET(x, APIC_ACCESS_ADDRESS)));
    VS_RULE(v, !(proc2 & VS_PROC2_X2APIC) || !(proc2 & VS_PROC2_APIC_ACCESSES));
    VS_RULE(v, !delivery || pin & VS_PIN_EXTERNAL_INTERRUPT);
    if (pin & VS_PIN_POSTED_INTERRUPTS) {
        uint64_t descriptor = VS_GET(x, POSTED_INTERRUPT_DESCRIPTOR);
        VS_RULE(v, delivery);
        VS_RULE(v, VS_GET(x, EXIT_CONTROLS) & VS_EXIT_ACKNOWLEDGE);
        VS_RULE(v, VS_GET(x, POSTED_INTERRUPT_VECTOR) <= 255);
        VS_RULE(v, (descriptor & 63) == 0 && vs_vmx_physical(x, descriptor));
    }
    VS_RULE(v, !(proc2 & VS_PROC2_VPID) || VS_GET(x, VPID) != 0);
    VS_RULE(v, !ept || vs__vmx_eptp_valid(x, VS_GET(x, EPT_POINTER)));
    VS_RULE(v, !(proc2 & VS_PROC2_PML) || (ept && vs_vmx_page(x, VS_GET(x, PML_ADDRESS))));
    VS_RULE(v, !(proc2 & VS_PROC2_UNRESTRICTED) || ept);
    VS_RULE(v, !(proc2 & VS_PROC2_MODE_BASED_EXECUTE) || ept);
    VS_RULE(v,
            !(proc2 & VS_PROC2_SUB_PAGE) || (ept && vs_vmx_page(x, VS_GET(x, SPP_TABLE_POINTER))));
    VS_RULE(v, !(proc2 & VS_PROC2_PT_GUEST_PHYSICAL) || ept);
    if (proc2 & VS_PROC2_PT_GUEST_PHYSICAL) {
        VS_RULE(v, VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_LOAD_RTIT);
        VS_RULE(v, VS_GET(x, EXIT_CONTROLS) & VS_EXIT_CLEAR_RTIT);
    }
    if (proc2 & VS_PROC2_VMFUNC) {
        uint64_t functions = VS_GET(x, VM_FUNCTION_CONTROLS);
        VS_RULE(v, (functions & ~x->config.cap_vmfunc) == 0);
        VS_RULE(v, !(functions & 1) || (ept && vs_vmx_page(x, VS_GET(x, EPTP_LIST_ADDRESS))));
    }
    if (proc2 & VS_PROC2_SHADOWING) {
        VS_RULE(v, vs_vmx_page(x, VS_GET(x, VMREAD_BITMAP)));
        VS_RULE(v, vs_vmx_page(x, VS_GET(x, VMWRITE_BITMAP)));
    }
    VS_RULE(v, !(proc2 & VS_PROC2_VE) || vs_vmx_page(x, VS_GET(x, VE_INFORMATION_ADDRESS)));
    return v;
}

/* What tertiary controls need: hypervisor-managed translation, paging-write and guest-paging
 * verification need EPT, and IPI virtualization its table of descriptors. */
static struct vs_vmx_verdict check_tertiary(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    uint64_t proc3 = vs_vmx_proc3(x), table = VS_GET(x, PID_POINTER_TABLE),
             hlat = VS_GET(x, HLAT_POINTER);
    bool ept = (vs_vmx_proc2(x) & VS_PROC2_EPT) != 0;
    VS_RULE(v, !(proc3 & (VS_PROC3_HLAT | VS_PROC3_PAGING_WRITE | VS_PROC3_VERIFY_PAGING)) || ept);
    VS_RULE(v, !(proc3 & VS_PROC3_HLAT) || (!(hlat & 0xfe7) && vs_vmx_physical(x, hlat)));
    VS_RULE(v, !(proc3 & VS_PROC3_IPI) ||
                   (!(table & 7) && vs_vmx_physical(x, table) &&
                    vs_vmx_physical(x, table + 8 * VS_GET(x, LAST_PID_POINTER_INDEX))));
    return v;
}

struct vs_vmx_verdict vs__vmx_check_controls(const struct vs_vmx *x)
{
    struct vs_vmx_verdict v = {0, 0, NULL};
    const struct vs_vmcs_config *c = &x->config;
    uint64_t pin = VS_GET(x, PIN_CONTROLS), proc = VS_GET(x, PROC_CONTROLS),
             proc2 = vs_vmx_proc2(x);
    uint64_t exit = VS_GET(x, EXIT_CONTROLS), entry = VS_GET(x, ENTRY_CONTROLS);
    VS_RULE(v, allowed(pin, c->cap_pin));
    VS_RULE(v, allowed(proc, c->cap_proc));
    VS_RULE(v, !(proc & VS_PROC_SECONDARY) || allowed(proc2, c->cap_proc2));
    VS_RULE(v, !(proc & VS_PROC_TERTIARY) || (VS_GET(x, TERTIARY_CONTROLS) & ~c->cap_proc3) == 0);
    VS_RULE(v, VS_GET(x, CR3_TARGET_COUNT) <= (c->cap_misc >> 16 & 0x1ff));
    if (proc & VS_PROC_IO_BITMAPS) {
        VS_RULE(v, vs_vmx_page(x, VS_GET(x, IO_BITMAP_A)));
        VS_RULE(v, vs_vmx_page(x, VS_GET(x, IO_BITMAP_B)));
    }
    VS_RULE(v, !(proc & VS_PROC_MSR_BITMAPS) || vs_vmx_page(x, VS_GET(x, MSR_BITMAP)));
    if (proc & VS_PROC_TPR_SHADOW) {
        VS_RULE(v, vs_vmx_page(x, VS_GET(x, VIRTUAL_APIC_ADDRESS)));
        VS_RULE(v, proc2 & VS_PROC2_INTERRUPT_DELIVERY || VS_GET(x, TPR_THRESHOLD) <= 15);
        VS_RULE(v, vs__vmx_threshold_holds(x));
    } else {
        VS_RULE(v, !(proc2 &
                     (VS_PROC2_X2APIC | VS_PROC2_APIC_REGISTERS | VS_PROC2_INTERRUPT_DELIVERY)));
        VS_RULE(v, !(vs_vmx_proc3(x) & VS_PROC3_IPI));
    }
    VS_RULE(v, pin & VS_PIN_NMI || !(pin & VS_PIN_VIRTUAL_NMIS));
    VS_RULE(v, pin & VS_PIN_VIRTUAL_NMIS || !(proc & VS_PROC_NMI_WINDOW));
    v = check_secondary(x, v, pin, proc2);
    v = v.failed || !vs_vmx_proc3(x) ? v : check_tertiary(x, v);
    if (v.failed) {
        return v;
    }
    VS_RULE(v, allowed(exit, c->cap_exit));
    VS_RULE(v, pin & VS_PIN_PREEMPTION_TIMER || !(exit & VS_EXIT_SAVE_TIMER));
    VS_RULE(v, list_valid(x, VS_GET(x, EXIT_MSR_STORE_COUNT), VS_GET(x, EXIT_MSR_STORE_ADDRESS)));
    VS_RULE(v, list_valid(x, VS_GET(x, EXIT_MSR_LOAD_COUNT), VS_GET(x, EXIT_MSR_LOAD_ADDRESS)));
    VS_RULE(v, allowed(entry, c->cap_entry));
    VS_RULE(v, !(entry & (VS_ENTRY_SMM | VS_ENTRY_DUAL_MONITOR)));
    VS_RULE(v, list_valid(x, VS_GET(x, ENTRY_MSR_LOAD_COUNT), VS_GET(x, ENTRY_MSR_LOAD_ADDRESS)));
    return check_injection(x, v);
}

/* Every byte of a PAT names a memory type: UC, WC, WT, WP, WB, UC-. */
bool vs__vmx_pat_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t type = pat >> (8 * i) & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

/* IA32_S_CET: bits 9:6 are reserved, SUPPRESS and TRACKER not set together; what it and the table
 * of shadow stacks name is canonical. */
bool vs__vmx_cet_valid(uint64_t s_cet, uint64_t table)
{
    return (s_cet & 0x3c0) == 0 && (s_cet >> 10 & 3) != 3 && vs_vmx_canonical(s_cet & ~0xfffull) &&
           vs_vmx_canonical(table);
}

struct vs_vmx_verdict vs__vmx_check_host(const struct vs_vmx *x)
{
    struct vs_vmx_verdict v = {0, 0, NULL};
    const struct vs_vmcs_config *c = &x->config;
    uint64_t exit = VS_GET(x, EXIT_CONTROLS), entry = VS_GET(x, ENTRY_CONTROLS);
    uint64_t cr0 = VS_GET(x, HOST_CR0), cr4 = VS_GET(x, HOST_CR4);
    bool host64 = (exit & VS_EXIT_HOST_64) != 0;
    VS_RULE(v, (~cr0 & c->cap_cr0_fixed0) == 0 && (cr0 & ~c->cap_cr0_fixed1) == 0);
    VS_RULE(v, (~cr4 & c->cap_cr4_fixed0) == 0 && (cr4 & ~c->cap_cr4_fixed1) == 0);
    VS_RULE(v, !(cr4 & VS_VMX_BIT(23)) || cr0 & VS_VMX_BIT(16)); /* CET needs write protection */
    VS_RULE(v, vs_vmx_physical(x, VS_GET(x, HOST_CR3)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_SYSENTER_ESP)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_SYSENTER_EIP)));
    VS_RULE(v, !(exit & VS_EXIT_LOAD_PERF) ||
                   !(VS_GET(x, HOST_PERF_GLOBAL_CTRL) & ~VS_PERF_GLOBAL_CTRL));
    VS_RULE(v, !(exit & VS_EXIT_LOAD_PAT) || vs__vmx_pat_valid(VS_GET(x, HOST_PAT)));
    VS_RULE(v, !(exit & VS_EXIT_LOAD_PKRS) || VS_GET(x, HOST_PKRS) >> 32 == 0);
    VS_RULE(v, !(exit & VS_EXIT_LOAD_CET) ||
                   vs__vmx_cet_valid(VS_GET(x, HOST_S_CET), VS_GET(x, HOST_SSP_TABLE)));
    VS_RULE(v, !(exit & VS_EXIT_LOAD_CET) ||
                   (vs_vmx_canonical(VS_GET(x, HOST_SSP)) && !(VS_GET(x, HOST_SSP) & 3)));
    if (exit & VS_EXIT_LOAD_EFER) {
        uint64_t efer = VS_GET(x, HOST_EFER);
        VS_RULE(v, (efer & ~UINT64_C(0xd01)) == 0); /* SCE, LME, LMA, NXE */
        VS_RULE(v, (efer >> 10 & 1) == host64 && (efer >> 8 & 1) == host64);
    }
    static const unsigned selectors[7] = {VS_VMCS_AT_HOST_ES_SELECTOR, VS_VMCS_AT_HOST_CS_SELECTOR,
                                          VS_VMCS_AT_HOST_SS_SELECTOR, VS_VMCS_AT_HOST_DS_SELECTOR,
                                          VS_VMCS_AT_HOST_FS_SELECTOR, VS_VMCS_AT_HOST_GS_SELECTOR,
                                          VS_VMCS_AT_HOST_TR_SELECTOR};
    for (unsigned i = 0; i < 7; i++) {
        VS_RULE(v, (vs_vmx_get(x, selectors[i]) & 7) == 0); /* no RPL, no LDT */
    }
    VS_RULE(v, VS_GET(x, HOST_CS_SELECTOR) != 0);
    VS_RULE(v, VS_GET(x, HOST_TR_SELECTOR) != 0);
    VS_RULE(v, host64 || VS_GET(x, HOST_SS_SELECTOR) != 0);
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_FS_BASE)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_GS_BASE)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_GDTR_BASE)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_IDTR_BASE)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_TR_BASE)));
    /* The processor modelled runs its host in 64-bit mode, so the two controls must fit that. */
    VS_RULE(v, host64);
    VS_RULE(v, host64 || !(entry & VS_ENTRY_GUEST_64));
    VS_RULE(v, cr4 & VS_VMX_BIT(5)); /* PAE */
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, HOST_RIP)));
    return v;
}

/* Control words as the knobs ask for them, and which bits the processor refuses. */
struct words {
    uint64_t pin, proc, proc2, exit, entry;
};

/* The control words that the configuration asks for. */
static struct words wanted(const struct vs_vmcs_config *c)
{
    struct words w = {0, 0, 0, 0, 0};
    uint64_t PIN = 0, PROC = 0, PROC2 = 0, EXIT = 0, ENTRY = 0;
#define VS_VMCS_CONTROL(name, word, bit, on, text) word |= c->control_##name ? VS_VMX_BIT(bit) : 0;
#include "vmcs/vmcs_controls.def"
#undef VS_VMCS_CONTROL
    w.pin = PIN, w.proc = PROC, w.proc2 = PROC2, w.exit = EXIT, w.entry = ENTRY;
    return w;
}

/* The number of the one bit that is set. */
static unsigned bit_number(uint64_t bit)
{
    unsigned n = 0;
    while (bit >> n > 1) {
        n++;
    }
    return n;
}

void vs_vmcs_check(const struct vs_vmcs_config *c, struct vs_errors *errors)
{
    struct words w = wanted(c);
    const struct {
        const char *name, *word;
        uint64_t bit, value, cap;
    } controls[] = {
#define CAP_PIN "pin"
#define CAP_PROC "proc"
#define CAP_PROC2 "proc2"
#define CAP_EXIT "exit"
#define CAP_ENTRY "entry"
#define PIN w.pin, c->cap_pin
#define PROC w.proc, c->cap_proc
#define PROC2 w.proc2, c->cap_proc2
#define EXIT w.exit, c->cap_exit
#define ENTRY w.entry, c->cap_entry
#define VS_VMCS_CONTROL(name, word, bit, on, text) {#name, CAP_##word, VS_VMX_BIT(bit), word},
#include "vmcs/vmcs_controls.def"
#undef VS_VMCS_CONTROL
#undef PIN
#undef PROC
#undef PROC2
#undef EXIT
#undef ENTRY
    };
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        if (controls[i].value & controls[i].bit && !(controls[i].cap >> 32 & controls[i].bit)) {
            vs_error(
                errors,
                "vmcs.control.%s = 1 needs bit %u of vmcs.cap.%s = 0x%llx, which this processor "
                "does not have",
                controls[i].name, 32u + (unsigned)bit_number(controls[i].bit), controls[i].word,
                (unsigned long long)controls[i].cap);
        }
    }
    const struct {
        bool broken;
        const char *what;
    } rules[] = {
        {c->control_posted_interrupts &&
             !(c->control_virtual_interrupt_delivery && c->control_acknowledge_interrupt_on_exit),
         "posted_interrupts needs virtual_interrupt_delivery and acknowledge_interrupt_on_exit"},
        {c->control_virtual_interrupt_delivery &&
             !(c->control_external_interrupt_exiting && c->control_tpr_shadow),
         "virtual_interrupt_delivery needs external_interrupt_exiting and tpr_shadow"},
        {(c->control_apic_register_virtualization || c->control_virtualize_x2apic) &&
             !c->control_tpr_shadow,
         "apic_register_virtualization and virtualize_x2apic need tpr_shadow"},
        {c->control_virtualize_x2apic && c->control_virtualize_apic_accesses,
         "virtualize_x2apic and virtualize_apic_accesses exclude each other"},
        {(c->control_unrestricted_guest || c->control_pml || c->control_mode_based_execute) &&
             !c->control_ept,
         "unrestricted_guest, pml and mode_based_execute need ept"},
        {c->vm_functions & ~c->cap_vmfunc,
         "vmcs.vm_functions = 1 needs bit 0 of vmcs.cap.vmfunc (EPTP switching)"},
        {c->control_vm_functions && c->vm_functions && !c->control_ept,
         "vm_functions with EPTP switching needs ept"},
        {c->control_virtual_nmis && !c->control_nmi_exiting, "virtual_nmis needs nmi_exiting"},
        {c->control_save_preemption_timer && !c->control_preemption_timer,
         "save_preemption_timer needs preemption_timer"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].broken) {
            vs_error(errors, "vmcs.control: %s", rules[i].what);
        }
    }
}
