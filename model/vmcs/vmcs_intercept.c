/* SPDX-License-Identifier: MIT */
/* Which events leave the guest, and what the exit-information fields will say about them. */
#include "vmcs/vmcs_impl.h"

/* One 64-bit word of a bitmap page; a lookup is a real memory reference. */
static bool bitmap_bit(struct vs_vmx *x, struct vs_txn *t, uint64_t page, uint32_t bit)
{
    x->count[VS_CNT_vmcs_bitmap_lookups]++;
    return vs__vmx_word(x, t, page + UINT64_C(8) * (bit / 64)) >> (bit % 64) & 1;
}

/* The page holds four bitmaps of 8192 bits: reads of low and high MSRs, writes of low and high. */
static bool msr_exits(struct vs_vmx *x, struct vs_txn *t, uint32_t index, bool write)
{
    if (!(VS_GET(x, PROC_CONTROLS) & VS_PROC_MSR_BITMAPS)) {
        return true;
    }
    bool low = index <= 0x1fff, high = index >= 0xc0000000 && index <= 0xc0001fff;
    if (!low && !high) {
        return true;
    }
    uint32_t bit = (index & 0x1fff) + (high ? 8192u : 0u) + (write ? 16384u : 0u);
    return bitmap_bit(x, t, VS_GET(x, MSR_BITMAP), bit);
}

/* A VMREAD or VMWRITE (of the field e->value) that the guest's shadow VMCS answers: under VMCS
 * shadowing, for an encoding of 15 bits whose bit of the instruction's bitmap is clear (26.1.3). */
static bool shadowed(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_event *e)
{
    bool read = e->number == VS_EXIT_VMREAD;
    if ((!read && e->number != VS_EXIT_VMWRITE) || !(vs_vmx_proc2(x) & VS_PROC2_SHADOWING) ||
        e->value >> 15) {
        return false;
    }
    uint64_t page = read ? VS_GET(x, VMREAD_BITMAP) : VS_GET(x, VMWRITE_BITMAP);
    return !bitmap_bit(x, t, page, (uint32_t)e->value);
}

/* Any port of the access with its bit set, or an access around the end of the port space. */
static bool io_exits(struct vs_vmx *x, struct vs_txn *t, uint32_t port, uint32_t size)
{
    uint64_t proc = VS_GET(x, PROC_CONTROLS);
    if (!(proc & VS_PROC_IO_BITMAPS)) {
        return proc & VS_PROC_UNCONDITIONAL_IO;
    }
    if (port + size > 0x10000) {
        return true;
    }
    for (uint32_t p = port; p < port + size; p++) {
        uint64_t page = p < 0x8000 ? VS_GET(x, IO_BITMAP_A) : VS_GET(x, IO_BITMAP_B);
        if (bitmap_bit(x, t, page, p & 0x7fff)) {
            return true;
        }
    }
    return false;
}

/* A CR0 or CR4 write exits when a bit the host owns would differ from what the guest reads there.
 */
static bool cr_write_exits(const struct vs_vmx *x, uint32_t cr, uint64_t value)
{
    uint64_t proc = VS_GET(x, PROC_CONTROLS);
    switch (cr) {
    case 0:
        return ((value ^ VS_GET(x, CR0_SHADOW)) & VS_GET(x, CR0_MASK)) != 0;
    case 4:
        return ((value ^ VS_GET(x, CR4_SHADOW)) & VS_GET(x, CR4_MASK)) != 0;
    case 3:
        if (!(proc & VS_PROC_CR3_LOAD)) {
            return false;
        }
        for (uint64_t i = 0; i < VS_GET(x, CR3_TARGET_COUNT) && i < 4; i++) {
            if (vs_vmx_get(x, VS_VMCS_AT_CR3_TARGET_0 + (unsigned)i) == value) {
                return false;
            }
        }
        return true;
    case 8:
        return proc & VS_PROC_CR8_LOAD;
    default:
        return false;
    }
}

/* The second PAUSE of a loop that has spun longer than PLE_Window, each within PLE_Gap of the one
 * before. Outside privilege level 0 the counters stand. */
static bool pause_exits(struct vs_vmx *x, const struct vs_vmx_event *e)
{
    if (VS_GET(x, PROC_CONTROLS) & VS_PROC_PAUSE) {
        return true;
    }
    if (!(vs_vmx_proc2(x) & VS_PROC2_PAUSE_LOOP) || e->cpl) {
        return false;
    }
    bool same_loop = x->pause_last && e->value - x->pause_last <= VS_GET(x, PLE_GAP);
    x->pause_last = e->value;
    if (!same_loop) {
        x->pause_first = e->value;
        return false;
    }
    if (e->value - x->pause_first <= VS_GET(x, PLE_WINDOW)) {
        return false;
    }
    x->pause_last = 0; /* the next one starts a new loop */
    return true;
}

/* #PF is decided by its error code: mask and match swap the meaning of bit 14 when they differ. */
static bool exception_exits(const struct vs_vmx *x, const struct vs_vmx_event *e)
{
    bool bit = VS_GET(x, EXCEPTION_BITMAP) >> (e->number & 31) & 1;
    if (e->number == 14) {
        bool match = (e->error_code & VS_GET(x, PF_ERROR_MASK)) == VS_GET(x, PF_ERROR_MATCH);
        return match ? bit : !bit;
    }
    return bit;
}

/* The type of an exception: #BP and #OF come from instructions. */
static uint32_t exception_type(uint32_t vector)
{
    return vector == 3 || vector == 4 ? VS_INTR_SOFTWARE_EXCEPTION : VS_INTR_EXCEPTION;
}

/* RFLAGS.IF, no blocking by STI or MOV SS. */
static bool interruptible(const struct vs_vmx *x)
{
    return VS_LIVE(x, GUEST_RFLAGS) >> 9 & 1 &&
           !(VS_LIVE(x, GUEST_INTERRUPTIBILITY) & (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS));
}

#define RFLAGS_IF UINT64_C(0x200)

void vs_vmx_guest_if(struct vs_vmx *x, bool on)
{
    if (on && !(VS_LIVE(x, GUEST_RFLAGS) & RFLAGS_IF)) {
        VS_LIVE(x, GUEST_INTERRUPTIBILITY) |= VS_BLOCKED_STI;
    } else if (!on) { /* an entry with that and RFLAGS.IF clear would fail */
        vs_vmx_unblock(x);
    }
    VS_LIVE(x, GUEST_RFLAGS) = (VS_LIVE(x, GUEST_RFLAGS) & ~RFLAGS_IF) | (on ? RFLAGS_IF : 0);
}

void vs_vmx_unblock(struct vs_vmx *x)
{
    VS_LIVE(x, GUEST_INTERRUPTIBILITY) &= ~(uint64_t)VS_BLOCKED_STI;
}

void vs_vmx_guest_iret(struct vs_vmx *x)
{
    VS_LIVE(x, GUEST_INTERRUPTIBILITY) &= ~(uint64_t)VS_BLOCKED_NMI;
}

void vs_vmx_guest_tpr(struct vs_vmx *x, uint8_t tpr)
{
    vs_hpa at = {VS_GET(x, VIRTUAL_APIC_ADDRESS) + VS_VAPIC_TPR};
    if (VS_GET(x, PROC_CONTROLS) & VS_PROC_TPR_SHADOW) {
        vs_phys_write64(x->wire.phys, at, tpr);
    }
}

/* Gives the exit a qualification. */
static bool qualify(struct vs_vmx_exit_info *i, uint64_t q)
{
    i->has_qualification = true;
    i->qualification = q;
    return true;
}

/* Decides whether an external interrupt leaves the guest. */
static bool external_interrupt(const struct vs_vmx *x, const struct vs_vmx_event *e,
                               struct vs_vmx_exit_info *i)
{
    uint64_t pin = VS_GET(x, PIN_CONTROLS);
    if (!(pin & VS_PIN_EXTERNAL_INTERRUPT)) {
        return false;
    }
    if (pin & VS_PIN_POSTED_INTERRUPTS && e->number == VS_GET(x, POSTED_INTERRUPT_VECTOR)) {
        i->posted = true;
        return false;
    }
    if (VS_GET(x, EXIT_CONTROLS) & VS_EXIT_ACKNOWLEDGE) {
        i->interruption = VS_INTR_VALID | VS_INTR_EXTERNAL << 8 | (e->number & VS_INTR_VECTOR);
    }
    return true;
}

/* Decides whether an access to a control register leaves the guest. */
static bool cr_access(const struct vs_vmx *x, const struct vs_vmx_event *e,
                      struct vs_vmx_exit_info *i)
{
    uint64_t proc = VS_GET(x, PROC_CONTROLS);
    if (e->kind == VS_EV_CLTS) {
        bool ts = VS_GET(x, CR0_MASK) >> 3 & 1 && VS_GET(x, CR0_SHADOW) >> 3 & 1;
        return ts && qualify(i, 2u << 4);
    }
    bool from = e->kind == VS_EV_MOV_FROM_CR;
    bool exits = from ? (e->number == 3 && proc & VS_PROC_CR3_STORE) ||
                            (e->number == 8 && proc & VS_PROC_CR8_STORE)
                      : cr_write_exits(x, e->number, e->value);
    return exits && qualify(i, e->number | (from ? 1u << 4 : 0u) | (uint64_t)e->gpr << 8);
}

/* VM functions that the hypervisor lets its guest execute: 0, EPTP switching, to an entry of the
 * list that the field of the VMCS could have (26.5.6). Mappings of the EPTP before stay, and are
 * found again by its tag; without VPID, combined mappings of VPID 0 go, of all PCIDs and EPTPs
 * (26.5.6.3). */
static bool function_done(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_event *e)
{
    uint64_t function = e->value & 0xffffffff, entry = e->value >> 32;
    if (function || !(VS_GET(x, VM_FUNCTION_CONTROLS) & 1) || entry >= VS_EPTP_LIST) {
        return false;
    }
    uint64_t eptp = vs__vmx_word(x, t, VS_GET(x, EPTP_LIST_ADDRESS) + 8u * entry);
    if (!vs__vmx_eptp_valid(x, eptp)) {
        return false;
    }
    VS_PUT(x, EPT_POINTER, eptp);
    if (t && !(vs_vmx_proc2(x) & VS_PROC2_VPID) && x->wire.tlb.flush) {
        x->wire.tlb.flush(x->wire.tlb.ctx, t, VS_FLUSH_VPID, 0, 0, 0, (vs_gva){0});
    }
    return true;
}

/* Decides whether an event leaves the guest, by the controls. */
static bool decide(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_event *e,
                   struct vs_vmx_exit_info *i)
{
    uint64_t pin = VS_GET(x, PIN_CONTROLS), proc = VS_GET(x, PROC_CONTROLS),
             proc2 = vs_vmx_proc2(x);
    switch (e->kind) {
    case VS_EV_CPUID:
        return i->reason = VS_EXIT_CPUID, true;
    case VS_EV_GETSEC:
        return i->reason = VS_EXIT_GETSEC, true;
    case VS_EV_INVD:
        return i->reason = VS_EXIT_INVD, true;
    case VS_EV_XSETBV:
        return i->reason = VS_EXIT_XSETBV, true;
    case VS_EV_VMCALL:
        return i->reason = VS_EXIT_VMCALL, true;
    case VS_EV_TRIPLE_FAULT:
        return i->reason = VS_EXIT_TRIPLE_FAULT, true;
    case VS_EV_VMX_INSTRUCTION:
        return i->reason = e->number, !shadowed(x, t, e);
    case VS_EV_HLT:
        return i->reason = VS_EXIT_HLT, proc & VS_PROC_HLT;
    case VS_EV_INVLPG:
        i->reason = VS_EXIT_INVLPG;
        return proc & VS_PROC_INVLPG && qualify(i, e->address);
    case VS_EV_INVPCID:
        return i->reason = VS_EXIT_INVPCID, proc2 & VS_PROC2_INVPCID && proc & VS_PROC_INVLPG;
    case VS_EV_RDPMC:
        return i->reason = VS_EXIT_RDPMC, proc & VS_PROC_RDPMC;
    case VS_EV_RDTSC:
        return i->reason = VS_EXIT_RDTSC, proc & VS_PROC_RDTSC;
    case VS_EV_RDTSCP: /* without the control it is an invalid opcode, which is the guest's business
                        */
        return i->reason = VS_EXIT_RDTSCP, proc2 & VS_PROC2_RDTSCP && proc & VS_PROC_RDTSC;
    case VS_EV_MWAIT:
        return i->reason = VS_EXIT_MWAIT, proc & VS_PROC_MWAIT;
    case VS_EV_MONITOR:
        return i->reason = VS_EXIT_MONITOR, proc & VS_PROC_MONITOR;
    case VS_EV_PAUSE:
        return i->reason = VS_EXIT_PAUSE, pause_exits(x, e);
    case VS_EV_WBINVD:
        return i->reason = VS_EXIT_WBINVD, proc2 & VS_PROC2_WBINVD;
    case VS_EV_RDRAND:
        return i->reason = VS_EXIT_RDRAND, proc2 & VS_PROC2_RDRAND;
    case VS_EV_RDSEED:
        return i->reason = VS_EXIT_RDSEED, proc2 & VS_PROC2_RDSEED;
    case VS_EV_DESCRIPTOR_TABLE:
        return i->reason = e->number, proc2 & VS_PROC2_DESCRIPTOR_TABLE;
    case VS_EV_MOV_DR:
        i->reason = VS_EXIT_DR_ACCESS;
        return proc & VS_PROC_MOV_DR &&
               qualify(i, e->number | (e->in ? 1u << 4 : 0u) | (uint64_t)e->gpr << 8);
    case VS_EV_MOV_TO_CR:
    case VS_EV_MOV_FROM_CR:
    case VS_EV_CLTS:
        return i->reason = VS_EXIT_CR_ACCESS, cr_access(x, e, i);
    case VS_EV_RDMSR:
        return i->reason = VS_EXIT_RDMSR, msr_exits(x, t, e->number, false);
    case VS_EV_WRMSR:
        return i->reason = VS_EXIT_WRMSR, msr_exits(x, t, e->number, true);
    case VS_EV_IO:
        i->reason = VS_EXIT_IO_INSTRUCTION;
        return io_exits(x, t, e->number, e->size) &&
               qualify(i, ((e->size - 1u) & 7u) | (e->in ? 8u : 0u) | (e->string ? 16u : 0u) |
                              (e->rep ? 32u : 0u) | (e->immediate ? 64u : 0u) |
                              (uint64_t)(e->number & 0xffff) << 16);
    case VS_EV_EPT_VIOLATION:
        i->reason = VS_EXIT_EPT_VIOLATION;
        i->has_physical = true;
        i->has_linear = e->qualification >> 7 & 1;
        return proc2 & VS_PROC2_EPT && qualify(i, e->qualification);
    case VS_EV_EPT_MISCONFIG:
        i->reason = VS_EXIT_EPT_MISCONFIG;
        i->has_physical = true;
        return proc2 & VS_PROC2_EPT;
    case VS_EV_EXTERNAL_INTERRUPT:
        return i->reason = VS_EXIT_EXTERNAL_INTERRUPT, external_interrupt(x, e, i);
    case VS_EV_INIT: /* whatever the controls are (26.2) */
        return i->reason = VS_EXIT_INIT_SIGNAL, true;
    case VS_EV_SIPI: /* in another activity state it is discarded */
        i->reason = VS_EXIT_SIPI;
        return VS_LIVE(x, GUEST_ACTIVITY) == VS_ACTIVITY_WAIT_SIPI && qualify(i, e->number & 0xff);
    case VS_EV_NMI:
        i->reason = VS_EXIT_EXCEPTION_NMI;
        i->interruption = VS_INTR_VALID | VS_INTR_NMI << 8 | 2;
        return pin & VS_PIN_NMI;
    case VS_EV_EXCEPTION:
        i->reason = VS_EXIT_EXCEPTION_NMI;
        i->interruption = VS_INTR_VALID | exception_type(e->number) << 8 |
                          (e->number & VS_INTR_VECTOR) | (e->has_error ? VS_INTR_ERROR_CODE : 0);
        i->interruption_error = e->has_error ? e->error_code : 0;
        return exception_exits(x, e) && (e->number != 14 || qualify(i, e->address));
    case VS_EV_INTERRUPT_WINDOW:
        return i->reason = VS_EXIT_INTERRUPT_WINDOW,
               proc & VS_PROC_INTERRUPT_WINDOW && interruptible(x);
    case VS_EV_NMI_WINDOW:
        return i->reason = VS_EXIT_NMI_WINDOW,
               proc & VS_PROC_NMI_WINDOW &&
                   !(VS_LIVE(x, GUEST_INTERRUPTIBILITY) & (VS_BLOCKED_NMI | VS_BLOCKED_MOV_SS));
    case VS_EV_PREEMPTION_TIMER:
        return i->reason = VS_EXIT_PREEMPTION_TIMER, pin & VS_PIN_PREEMPTION_TIMER;
    case VS_EV_TPR_THRESHOLD: /* 30.1.2: TPR virtualization */
        return i->reason = VS_EXIT_TPR_BELOW_THRESHOLD,
               proc & VS_PROC_TPR_SHADOW && !(proc2 & VS_PROC2_INTERRUPT_DELIVERY) &&
                   VS_GET(x, TPR_THRESHOLD) > vs__vmx_vtpr(x) >> 4;
    case VS_EV_APIC_ACCESS:
        i->reason = VS_EXIT_APIC_ACCESS;
        return proc2 & VS_PROC2_APIC_ACCESSES && qualify(i, e->qualification);
    case VS_EV_APIC_WRITE:
        i->reason = VS_EXIT_APIC_WRITE;
        return proc2 & (VS_PROC2_APIC_REGISTERS | VS_PROC2_INTERRUPT_DELIVERY) &&
               qualify(i, e->number & 0xfff);
    case VS_EV_EOI:
        i->reason = VS_EXIT_VIRTUALIZED_EOI;
        return proc2 & VS_PROC2_INTERRUPT_DELIVERY &&
               vs_vmx_get(x, VS_VMCS_AT_EOI_EXIT_BITMAP_0 + (e->number >> 6 & 3)) >>
                       (e->number & 63) &
                   1 &&
               qualify(i, e->number & 0xff);
    case VS_EV_PML_FULL:
        return i->reason = VS_EXIT_PML_FULL, proc2 & VS_PROC2_PML && qualify(i, 0);
    case VS_EV_VMFUNC: /* without the control it is an invalid opcode */
        return i->reason = VS_EXIT_VMFUNC, proc2 & VS_PROC2_VMFUNC && !function_done(x, t, e);
    case VS_EV_XSAVES:
        return i->reason = e->number,
               proc2 & VS_PROC2_XSAVES && e->value & VS_GET(x, XSS_EXITING_BITMAP);
    case VS_EV_PCONFIG:
        return i->reason = VS_EXIT_PCONFIG,
               proc2 & VS_PROC2_PCONFIG &&
                   (e->value > 62 || VS_GET(x, PCONFIG_EXITING_BITMAP) >> e->value & 1);
    case VS_EV_BUS_LOCK:
        return i->reason = VS_EXIT_BUS_LOCK, proc2 & VS_PROC2_BUS_LOCK;
    }
    return false;
}

/* Events that the activity state blocks, so that they cause no exit, whatever the controls (27.7.2,
 * 27.7.5, 27.7.6). */
static bool blocked_by_activity(const struct vs_vmx *x, enum vs_vmx_kind kind)
{
    uint64_t activity = VS_LIVE(x, GUEST_ACTIVITY);
    bool window = kind == VS_EV_INTERRUPT_WINDOW || kind == VS_EV_NMI_WINDOW,
         external = kind == VS_EV_EXTERNAL_INTERRUPT;
    return activity == VS_ACTIVITY_WAIT_SIPI
               ? external || window || kind == VS_EV_NMI || kind == VS_EV_INIT
               : activity == VS_ACTIVITY_SHUTDOWN && (external || kind == VS_EV_INTERRUPT_WINDOW);
}

bool vs_vmx_intercept(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_event *e,
                      struct vs_vmx_exit_info *info)
{
    memset(info, 0, sizeof *info);
    if (!x->in_guest) {
        return false;
    }
    info->length = e->length;
    info->guest_linear = e->address;
    info->guest_physical = e->guest_physical;
    info->vectoring = e->vectoring;
    info->vectoring_error = e->vectoring_error;
    bool exits = !blocked_by_activity(x, e->kind) && decide(x, t, e, info);
    vs__vmx_information(e, info);
    if (!exits) {
        x->count[VS_CNT_vmcs_bypassed]++;
    }
    return exits;
}

uint64_t vs_vmx_guest_cr(const struct vs_vmx *x, unsigned cr)
{
    if (cr == 3) {
        return VS_LIVE(x, GUEST_CR3);
    }
    uint64_t mask = cr ? VS_GET(x, CR4_MASK) : VS_GET(x, CR0_MASK);
    uint64_t shadow = cr ? VS_GET(x, CR4_SHADOW) : VS_GET(x, CR0_SHADOW);
    uint64_t real = cr ? VS_LIVE(x, GUEST_CR4) : VS_LIVE(x, GUEST_CR0);
    return (shadow & mask) | (real & ~mask);
}

/* Bits 111:48 of the product, in halves: ISO C has no 128-bit integer. */
static uint64_t scale_tsc(uint64_t tsc, uint64_t multiplier)
{
    uint64_t a = tsc >> 32, b = tsc & 0xffffffff, c = multiplier >> 32, d = multiplier & 0xffffffff;
    uint64_t low = b * d, middle = a * d + (low >> 32);
    uint64_t cross = b * c + (middle & 0xffffffff);
    uint64_t high = a * c + (middle >> 32) + (cross >> 32); /* bits 127:64 */
    uint64_t rest = cross << 32 | (low & 0xffffffff);       /* bits 63:0 */
    return high << 16 | rest >> 48;
}

uint64_t vs_vmx_guest_tsc(const struct vs_vmx *x, uint64_t host_tsc)
{
    if (!(VS_GET(x, PROC_CONTROLS) & VS_PROC_TSC_OFFSETTING)) {
        return host_tsc; /* whatever the secondary controls say (SDM 3C 25.3, RDTSC) */
    }
    if (vs_vmx_proc2(x) & VS_VMX_BIT(25)) { /* 64.48 fixed point */
        host_tsc = scale_tsc(host_tsc, VS_GET(x, TSC_MULTIPLIER));
    }
    return host_tsc + VS_GET(x, TSC_OFFSET);
}
