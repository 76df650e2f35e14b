/* SPDX-License-Identifier: MIT */
/* What the VMCB asks for: vectors and permission maps as KVM writes them, and how the processor
 * decides by them. */
#include "svm/svm_impl.h"

#include "virtsim/x2apic.h"

#define ALL_ONES 0xffu
#define RANGE_BYTES 0x800u /* of the MSR map: two bits an MSR, 0x2000 MSRs a range (APM 15.11) */
#define RANGE_MSRS 0x2000u
#define PORTS 0x10000u

/* ---- as the hypervisor has them ---- */

/* Sets or clears the intercept of an exit code. */
static void set(uint8_t vector[VS_SVM_VECTOR_BYTES], uint32_t code, bool on)
{
    uint8_t bit = (uint8_t)(1u << code % 8u);
    vector[code / 8u] = (uint8_t)(on ? vector[code / 8u] | bit : vector[code / 8u] & ~bit);
}

/* Where an MSR's two bits are: number of the first; false: in no range, and it always exits. */
static bool msr_bit(uint32_t msr, uint32_t *bit)
{
    static const uint32_t first[] = {0, 0xc0000000u, 0xc0010000u};
    for (uint32_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        if (msr >= first[i] && msr - first[i] < RANGE_MSRS) {
            *bit = i * RANGE_BYTES * 8u + (msr - first[i]) * 2u;
            return true;
        }
    }
    return false;
}

/* With x2AVIC KVM's avic_set_x2apic_msr_interception passes the APIC's registers, but its timer's
 * entry and SELF IPI. */
static void pass_x2apic(uint8_t *map)
{
    static const uint8_t passed[] = {VS_APIC_ID,
                                     VS_APIC_VERSION,
                                     VS_APIC_TPR,
                                     VS_APIC_APR,
                                     VS_APIC_PPR,
                                     VS_APIC_EOI,
                                     VS_APIC_RRR,
                                     VS_APIC_LDR,
                                     VS_APIC_DFR,
                                     VS_APIC_SVR,
                                     VS_APIC_ISR,
                                     VS_APIC_TMR,
                                     VS_APIC_IRR,
                                     VS_APIC_ESR,
                                     VS_APIC_ICR,
                                     VS_APIC_ICR_HIGH,
                                     VS_APIC_LVT_TIMER + 1u,
                                     VS_APIC_LVT_TIMER + 2u,
                                     VS_APIC_LVT_TIMER + 3u,
                                     VS_APIC_LVT_TIMER + 4u,
                                     VS_APIC_LVT_ERROR,
                                     VS_APIC_INITIAL_COUNT,
                                     VS_APIC_CURRENT_COUNT,
                                     VS_APIC_DIVIDE};
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        uint32_t bit = 0;
        (void)msr_bit(VS_X2APIC_MSR(passed[i]), &bit);
        map[bit / 8u] &= (uint8_t) ~(3u << bit % 8u);
    }
}

/* KVM's svm_recalc_msr_intercepts, of a guest with the CPUID of an AMD processor: STAR, LSTAR,
 * CSTAR and SFMASK; FS, GS and kernel GS base; SYSENTER; SPEC_CTRL as after the guest's first write
 * of it (svm_set_msr); PRED_CMD, which can only be written. All else exits. */
static void write_maps(struct vs_svm *s)
{
    enum { READ = 1u, WRITE = 2u, BOTH = READ | WRITE };
    static const struct {
        uint32_t msr, access;
    } passed[] = {{0xc0000081u, BOTH}, {0xc0000082u, BOTH}, {0xc0000083u, BOTH},
                  {0xc0000084u, BOTH}, {0xc0000100u, BOTH}, {0xc0000101u, BOTH},
                  {0xc0000102u, BOTH}, {0x174u, BOTH},      {0x175u, BOTH},
                  {0x176u, BOTH},      {0x48u, BOTH},       {0x49u, WRITE}};
    uint8_t map[0x2000];
    memset(map, ALL_ONES, sizeof map);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        uint32_t bit = 0;
        (void)msr_bit(passed[i].msr, &bit);
        map[bit / 8u] &= (uint8_t) ~(passed[i].access << bit % 8u);
    }
    if (s->config.avic && s->config.x2avic) {
        pass_x2apic(map);
    }
    vs_phys_write(s->wire.phys, s->msrpm, map, sizeof map);
    memset(map, ALL_ONES, sizeof map);
    for (uint64_t page = 0; page < 3; page++) {
        vs_phys_write(s->wire.phys, vs_svm_at(s->iopm, page * 0x1000u), map, 0x1000u);
    }
}

/* Writes the intercepts that KVM asks for, and the permission maps. */
void vs__svm_write_intercepts(struct vs_svm *s, bool nested)
{
    /* KVM's init_vmcb; CR8 is what svm_update_cr8_intercept leaves it: V_TPR holds it, and nothing
     * that is pending is held back by it. */
    static const uint32_t always[] = {VS_SVM_READ_CR0 + 4,
                                      VS_SVM_WRITE_CR0 + 4,
                                      VS_SVM_EXCEPTION + 1,
                                      VS_SVM_EXCEPTION + 6,
                                      VS_SVM_EXCEPTION + 17,
                                      VS_SVM_EXCEPTION + 18,
                                      VS_SVM_INTR,
                                      VS_SVM_NMI,
                                      VS_SVM_SMI,
                                      VS_SVM_CR0_SEL_WRITE,
                                      VS_SVM_RDPMC,
                                      VS_SVM_RSM,
                                      VS_SVM_INVD,
                                      VS_SVM_INVLPGA,
                                      VS_SVM_TASK_SWITCH,
                                      VS_SVM_SHUTDOWN,
                                      VS_SVM_SKINIT,
                                      VS_SVM_WBINVD,
                                      VS_SVM_MONITOR,
                                      VS_SVM_MWAIT,
                                      VS_SVM_XSETBV,
                                      VS_SVM_RDPRU};
    const struct vs_svm_config *c = &s->config;
    const struct {
        uint32_t code;
        bool on;
    } chosen[] = {{VS_SVM_VMRUN, c->intercept_vmrun},
                  {VS_SVM_CPUID, c->intercept_cpuid},
                  {VS_SVM_HLT, c->intercept_hlt},
                  {VS_SVM_IOIO, c->intercept_io},
                  {VS_SVM_MSR, c->intercept_msr},
                  {VS_SVM_VMMCALL, c->intercept_vmmcall},
                  {VS_SVM_RDTSC, c->intercept_rdtsc},
                  {VS_SVM_RDTSCP, c->intercept_rdtsc},
                  {VS_SVM_PAUSE, c->intercept_pause && c->pause_filter}, /* else pause_in_guest */
                  {VS_SVM_STGI, !c->vgif},
                  {VS_SVM_CLGI, !c->vgif},
                  {VS_SVM_VMLOAD, !vs__svm_virtual_vmload(s, nested)},
                  {VS_SVM_VMSAVE, !vs__svm_virtual_vmload(s, nested)},
                  {VS_SVM_INVLPG, !nested || c->intercept_invlpg},
                  {VS_SVM_INVPCID, !nested},
                  {VS_SVM_EXCEPTION + 14, !nested}, /* #PF */
                  {VS_SVM_READ_CR0, !nested},       /* the guest's CR0 is the processor's: */
                  {VS_SVM_WRITE_CR0, !nested},      /* svm_set_cr0 leaves the selective one */
                  {VS_SVM_READ_CR0 + 3, !nested},
                  {VS_SVM_WRITE_CR0 + 3, !nested || c->intercept_cr3_write}};
    uint8_t vector[VS_SVM_VECTOR_BYTES] = {0};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        set(vector, always[i], true);
    }
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        set(vector, chosen[i].code, chosen[i].on);
    }
    for (uint32_t code = VS_SVM_IDTR_READ; code <= VS_SVM_TR_WRITE; code++) {
        set(vector, code, c->intercept_tables);
    }
    for (uint32_t i = 0; i < 8u; i++) { /* set_dr_intercepts, until the guest uses one */
        set(vector, VS_SVM_READ_DR0 + i, true);
        set(vector, VS_SVM_WRITE_DR0 + i, true);
    }
    vs_phys_write(s->wire.phys, vs_svm_at(s->vmcb, VS_VMCB_INTERCEPTS), vector, sizeof vector);
    write_maps(s);
}

void vs__svm_intercept(struct vs_svm *s, uint32_t code, bool on)
{
    uint8_t vector[VS_SVM_VECTOR_BYTES];
    vs_hpa at = vs_svm_at(s->vmcb, VS_VMCB_INTERCEPTS);
    vs_phys_read(s->wire.phys, at, vector, sizeof vector);
    set(vector, code, on);
    vs_phys_write(s->wire.phys, at, vector, sizeof vector);
    vs_svm_dirty(s, VS_SVM_CLEAN_INTERCEPTS);
}

/* KVM's svm_set_vintr and svm_clear_vintr. */
void vs__svm_ask_window(struct vs_svm *s, bool on)
{
    vs__svm_intercept(s, VS_SVM_VINTR, on);
    vs_svm_dirty(s, VS_SVM_CLEAN_TPR);
    uint64_t control = vs_svm_get(s, VS_VMCB_INT_CTL) & ~VS_SVM_V_IRQ;
    vs_svm_put(s, VS_VMCB_INT_CTL, control | (on ? VS_SVM_V_IRQ : 0));
}

/* ---- as the processor decides ---- */

/* The processor decides by what VMRUN has loaded, whatever the VMCB holds by now. */
static bool bit_of(const struct vs_svm *s, uint32_t code)
{
    return s->on.vector[code / 8u] >> code % 8u & 1u;
}

bool vs_svm_intercepts(struct vs_svm *s, uint32_t code)
{
    bool asked =
        code == VS_SVM_NPF ? s->on.nested & 1u : code < VS_SVM_VECTOR_BYTES * 8u && bit_of(s, code);
    s->count[VS_CNT_svm_not_intercepted] += !asked;
    return asked;
}

/* The word of a map that has this bit; `n` bits from it on, any of them set. */
static bool looked_up(struct vs_svm *s, struct vs_txn *t, vs_hpa map, uint32_t bit, uint32_t n)
{
    bool found = false;
    s->count[VS_CNT_svm_map_lookups]++;
    if (t) {
        s->wire.mem.touch(s->wire.mem.ctx, t, vs_svm_at(map, bit / 64u * 8u), VS_REF_READ);
    }
    for (uint32_t b = bit; b < bit + n; b++) {
        uint64_t word = vs_phys_read64(s->wire.phys, vs_svm_at(map, b / 64u * 8u));
        found = found || (word >> b % 64u & 1u);
    }
    s->count[VS_CNT_svm_not_intercepted] += !found;
    return found;
}

bool vs_svm_intercepts_msr(struct vs_svm *s, struct vs_txn *t, uint32_t msr, bool write)
{
    uint32_t bit;
    if (!vs_svm_intercepts(s, VS_SVM_MSR)) {
        return false;
    }
    return !msr_bit(msr, &bit) || looked_up(s, t, (vs_hpa){s->on.msrpm}, bit + write, 1);
}

bool vs_svm_intercepts_io(struct vs_svm *s, struct vs_txn *t, uint32_t port, uint32_t size)
{
    return vs_svm_intercepts(s, VS_SVM_IOIO) &&
           looked_up(s, t, (vs_hpa){s->on.iopm}, port % PORTS, size ? size : 1u);
}

/* APM volume 2, 15.14.4 and table 15-7: each PAUSE counts down, and the one that would bring the
 * count below zero exits; one that comes later than the threshold after the one before it only
 * loads the count anew. A count of 0, or a processor without the filter, lets each exit. */
bool vs_svm_intercepts_pause(struct vs_svm *s, uint64_t tsc)
{
    uint64_t count = s->config.pause_filter ? s->on.pause_count : 0,
             threshold = s->on.pause_threshold;
    if (!vs_svm_intercepts(s, VS_SVM_PAUSE)) {
        return false;
    }
    bool apart = threshold && tsc - s->pause_last > threshold;
    s->pause_last = tsc;
    if (!count || (!apart && !s->pause_left)) {
        s->pause_left = count;
        return true;
    }
    s->pause_left = apart ? count : s->pause_left - 1u;
    s->count[VS_CNT_svm_not_intercepted]++;
    return false;
}

bool vs_svm_window(const struct vs_svm *s)
{
    return vs_svm_gif(s) && bit_of(s, VS_SVM_VINTR) && s->int_ctl & VS_SVM_V_IRQ &&
           s->rflags & VS_SVM_RFLAGS_IF && !(s->int_state & VS_SVM_INTERRUPT_SHADOW);
}

void vs_svm_mask(struct vs_svm *s, bool masked)
{
    if (!masked && !(s->rflags & VS_SVM_RFLAGS_IF)) {
        s->int_state |= VS_SVM_INTERRUPT_SHADOW;
    } else if (masked) {
        vs_svm_unshadow(s);
    }
    s->rflags = (s->rflags & ~VS_SVM_RFLAGS_IF) | (masked ? 0 : VS_SVM_RFLAGS_IF);
}

void vs_svm_unshadow(struct vs_svm *s)
{
    s->int_state &= ~VS_SVM_INTERRUPT_SHADOW;
}
