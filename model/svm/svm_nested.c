/* SPDX-License-Identifier: MIT */
/* The fields that move between VMCB01, VMCB12 and VMCB02, and whose an exit is. */
#include "svm/svm_nested.h"
#include "svm/svm_impl.h"

#include "virtsim/x86.h"

#include <stdio.h>

#define VS_DEF_NAME svm_nested
#define VS_DEF_FILE "svm/nested.def"
#include "virtsim/def_tables.h"

#define LINE 64u
#define VMCB_LINES 27u /* up to VS_VMCB_LBR_END */
#define MSRPM_BYTES 0x2000u
#define EXCEPTIONS 32u
#define MACHINE_CHECK 18u

/* ---- memory ---- */

/* Reads a word of any VMCB without time. */
static uint64_t get(const struct vs_svm_nested *n, uint64_t vmcb, uint64_t offset)
{
    return vs_phys_read64(n->s->wire.phys, (vs_hpa){vmcb + offset});
}

/* Writes a word of any VMCB without time. */
static void put(const struct vs_svm_nested *n, uint64_t vmcb, uint64_t offset, uint64_t value)
{
    vs_phys_write64(n->s->wire.phys, (vs_hpa){vmcb + offset}, value);
}

/* Lines of the three VMCBs that a list touches, one bit each. */
struct lines {
    uint32_t read01, read02, read12, write01, write02, write12;
};

/* Marks the lines that a field lies in. */
static void mark(uint32_t *lines, uint64_t offset, uint64_t bytes)
{
    for (uint64_t line = offset / LINE; line <= (offset + bytes - 1u) / LINE; line++) {
        *lines |= 1u << line;
    }
}

/* Accesses the marked lines of a VMCB. */
static void touch(const struct vs_svm_nested *n, struct vs_txn *t, uint64_t vmcb, uint32_t lines,
                  enum vs_ref ref, unsigned account)
{
    for (unsigned i = 0; t && i < VMCB_LINES; i++) {
        if (lines >> i & 1u) {
            vs_mem_touches_on(&n->s->wire.mem, t, (vs_hpa){vmcb + LINE * i}, LINE, ref,
                              (uint16_t)(n->base + account));
        }
    }
}

/* Accesses the marked lines of all three VMCBs. */
static void touch_all(const struct vs_svm_nested *n, struct vs_txn *t, const struct lines *l)
{
    touch(n, t, n->vmcb12, l->read12, VS_REF_READ, VS_ACC_svm_nested_lines12);
    touch(n, t, n->vmcb02, l->read02, VS_REF_READ, VS_ACC_svm_nested_lines02);
    touch(n, t, n->vmcb01, l->read01, VS_REF_READ, VS_ACC_svm_nested_lines01);
    touch(n, t, n->vmcb12, l->write12, VS_REF_WRITE, VS_ACC_svm_nested_lines12);
    touch(n, t, n->vmcb02, l->write02, VS_REF_WRITE, VS_ACC_svm_nested_lines02);
    touch(n, t, n->vmcb01, l->write01, VS_REF_WRITE, VS_ACC_svm_nested_lines01);
}

/* One field of one VMCB becomes that of another. */
static void copy(const struct vs_svm_nested *n, uint64_t from, uint64_t to, uint64_t offset,
                 uint64_t bytes)
{
    uint8_t field[32];
    vs_phys_read(n->s->wire.phys, (vs_hpa){from + offset}, field, bytes);
    vs_phys_write(n->s->wire.phys, (vs_hpa){to + offset}, field, bytes);
}

/* svm_switch_vmcb. That the handler of an NMI runs is known to the hypervisor that injected it: of
 * VMCB01's guest, or of the guest's guest. */
static void use(struct vs_svm_nested *n, uint64_t vmcb)
{
    if ((vmcb == n->vmcb01) != (n->s->vmcb.v == n->vmcb01)) {
        bool masked = n->s->nmi_masked;
        n->s->nmi_masked = n->nmi_masked;
        n->nmi_masked = masked;
    }
    n->s->vmcb.v = vmcb;
}

/* nested_vnmi_enabled: the guest hypervisor has the processor hold its guest's NMIs. */
static bool virtual_nmis(const struct vs_svm_nested *n)
{
    return n->s->config.vnmi && get(n, n->vmcb12, VS_VMCB_INT_CTL) & VS_SVM_V_NMI_ENABLE;
}

/* ---- an exit that is handed on: nested_svm_vmexit ---- */

/* Copies a field from VMCB02 to VMCB12. */
static void save_field(struct vs_svm_nested *n, struct lines *l, uint64_t offset, uint64_t bytes)
{
    copy(n, n->vmcb02, n->vmcb12, offset, bytes);
    mark(&l->read02, offset, bytes);
    mark(&l->write12, offset, bytes);
    n->count[VS_CNT_svm_nested_saved]++;
}

/* Copies what the guest's guest left from VMCB02 to VMCB12. */
static void save(void *ctx, struct vs_txn *t)
{
    struct vs_svm_nested *n = ctx;
    struct lines l = {0};
    n->count[VS_CNT_svm_nested_reflected]++;
#define VS_SVM_NESTED_SAVE(offset, bytes) save_field(n, &l, offset, bytes);
#include "svm/nested_fields.def"
    if (n->interrupted) { /* svm_check_nested_events: an exit of no processor's */
        put(n, n->vmcb12, VS_VMCB_EXITCODE, VS_SVM_INTR);
        put(n, n->vmcb12, VS_VMCB_EXITINFO1, 0);
        put(n, n->vmcb12, VS_VMCB_EXITINFO2, 0);
        n->interrupted = false;
    }
    /* of interrupt control what the processor writes: nested_sync_control_from_vmcb02 */
    uint64_t own = get(n, n->vmcb12, VS_VMCB_INT_CTL),
             mask = VS_SVM_V_TPR | VS_SVM_V_IRQ |
                    (own & VS_SVM_V_GIF_ENABLE ? VS_SVM_V_GIF : UINT64_C(0)) |
                    (virtual_nmis(n) ? VS_SVM_V_NMI_PENDING | VS_SVM_V_NMI_BLOCKING : UINT64_C(0));
    put(n, n->vmcb12, VS_VMCB_INT_CTL, (own & ~mask) | (get(n, n->vmcb02, VS_VMCB_INT_CTL) & mask));
    n->count[VS_CNT_svm_nested_saved]++;
    touch_all(n, t, &l);
}

/* #VMEXIT(INTR) has no vector: the guest hypervisor takes the interrupt when it lets them in. What
 * says an exception is that of the processor's exit. */
static void becomes(void *ctx, enum vs_trap_kind trap, uint8_t vector)
{
    struct vs_svm_nested *n = ctx;
    (void)vector; /* its own local APIC's timer is an interrupt, too */
    n->interrupted = trap == VS_TRAP_INTERRUPT || trap == VS_TRAP_TIMER;
    n->count[VS_CNT_svm_nested_events]++;
}

/* VMCB01 is current again, with the state that the guest hypervisor had at its VMRUN; #VMEXIT
 * clears its global interrupt flag. Both share an ASID: nested_svm_transition_tlb_flush. */
static void leave(void *ctx, struct vs_txn *t)
{
    struct vs_svm_nested *n = ctx;
    struct lines l = {0};
    use(n, n->vmcb01);
    uint64_t control = get(n, n->vmcb01, VS_VMCB_INT_CTL);
    if (control & VS_SVM_V_GIF_ENABLE) { /* svm_set_gif */
        put(n, n->vmcb01, VS_VMCB_INT_CTL, control & ~VS_SVM_V_GIF);
        vs_svm_dirty(n->s, VS_SVM_CLEAN_TPR);
        mark(&l.write01, VS_VMCB_INT_CTL, 8);
    }
    put(n, n->vmcb01, VS_VMCB_EXITINTINFO, 0);
    mark(&l.write01, VS_VMCB_EXITINTINFO, 8);
    mark(&l.read01, VS_VMCB_EFER, 8);
    mark(&l.write01, VS_VMCB_CR4, VS_VMCB_RIP + 8u - VS_VMCB_CR4); /* CR4 to RIP */
    mark(&l.write01, VS_VMCB_RSP, VS_VMCB_RAX + 8u - VS_VMCB_RSP);
    vs_svm_dirty(n->s, VS_SVM_CLEAN_CR); /* svm_set_cr0 */
    vs_svm_dirty(n->s, VS_SVM_CLEAN_DR); /* kvm_update_dr7 */
    vs_svm_dirty(n->s, VS_SVM_CLEAN_NP); /* svm_load_mmu_pgd */
    put(n, n->vmcb12, VS_VMCB_CLEAN, /* what the guest hypervisor does then: vmcb_mark_all_clean */
        VS_SVM_ALL_CLEAN & ~VS_SVM_ALWAYS_DIRTY);
    touch_all(n, t, &l);
    vs_svm_flush_asid(n->s, t);
}

/* ---- an entry of the guest hypervisor: nested_svm_vmrun ---- */

/* nested_vmcb_check_save, nested_vmcb_check_controls: the processor's rules, on VMCB12. */
static bool check(void *ctx, struct vs_txn *t)
{
    struct vs_svm_nested *n = ctx;
    struct lines l = {0};
    const uint64_t flush = get(n, n->vmcb12, VS_VMCB_ASID) >> 32 & 0xffu;
    mark(&l.read12, 0, VS_VMCB_CONTROL_BYTES); /* nested_copy_vmcb_control_to_cache */
    mark(&l.read12, VS_VMCB_EFER, 8);
    mark(&l.read12, VS_VMCB_CR4, VS_VMCB_DR6 + 8u - VS_VMCB_CR4);
    touch_all(n, t, &l);
    uint64_t own = n->s->vmcb.v;
    use(n, n->vmcb12);
    n->failed = vs_svm_check(n->s);
    if (!n->failed && flush > 1u) { /* nested_svm_check_tlb_ctl */
        n->failed = "TLB_CONTROL drops neither nothing nor everything, and KVM does not offer "
                    "FLUSHBYASID to a guest hypervisor";
    }
    use(n, own);
    return !n->failed;
}

/* recalc_intercepts: what either of them asks for. */
static void merge_intercepts(struct vs_svm_nested *n, struct lines *l)
{
    uint8_t of01[VS_SVM_VECTOR_BYTES], of12[VS_SVM_VECTOR_BYTES];
    struct vs_phys *phys = n->s->wire.phys;
    const bool masking = get(n, n->vmcb12, VS_VMCB_INT_CTL) & VS_SVM_V_INTR_MASKING;
    vs_phys_read(phys, (vs_hpa){n->vmcb01}, of01, sizeof of01);
    vs_phys_read(phys, (vs_hpa){n->vmcb12}, of12, sizeof of12);
    for (size_t i = 0; i < sizeof of01; i++) {
        of01[i] |= of12[i];
    }
    vs_phys_write(phys, (vs_hpa){n->vmcb02}, of01, sizeof of01);
    mark(&l->read01, VS_VMCB_INTERCEPTS, sizeof of01);
    mark(&l->write02, VS_VMCB_INTERCEPTS, sizeof of01);
    const struct {
        uint32_t code;
        bool only12; /* VMCB01's wish does not count */
    } own[] = {{VS_SVM_READ_CR0 + 8u, masking},
               {VS_SVM_WRITE_CR0 + 8u, masking},
               {VS_SVM_VINTR, masking},
               {VS_SVM_VMMCALL, true}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].only12) {
            vs__svm_intercept(n->s, own[i].code, of12[own[i].code / 8u] >> own[i].code % 8u & 1u);
        }
    }
    if (!(get(n, n->vmcb02, VS_VMCB_VIRT_EXT) & VS_SVM_VLS_ENABLE)) {
        vs__svm_intercept(n->s, VS_SVM_VMLOAD, true);
        vs__svm_intercept(n->s, VS_SVM_VMSAVE, true);
    }
    vs_svm_dirty(n->s, VS_SVM_CLEAN_INTERCEPTS);
    n->count[VS_CNT_svm_nested_merged] += VS_SVM_VECTOR_BYTES / 4u;
}

/* nested_svm_vmrun_msrpm: words of 32 bits in which the host's map has a bit that is clear. */
static void merge_maps(struct vs_svm_nested *n, struct vs_txn *t)
{
    const uint64_t map01 = get(n, n->vmcb01, VS_VMCB_MSRPM), map12 = n->on12.msrpm;
    if (!(n->on12.vector[VS_SVM_MSR / 8u] >> VS_SVM_MSR % 8u & 1u)) {
        return;
    }
    for (uint64_t at = 0; at < MSRPM_BYTES; at += 4u) {
        uint32_t of01, of12;
        vs_phys_read(n->s->wire.phys, (vs_hpa){map01 + at}, &of01, sizeof of01);
        if (of01 == UINT32_MAX) {
            continue;
        }
        vs_phys_read(n->s->wire.phys, (vs_hpa){map12 + at}, &of12, sizeof of12);
        of01 |= of12;
        vs_phys_write(n->s->wire.phys, (vs_hpa){n->msrpm02 + at}, &of01, sizeof of01);
        n->count[VS_CNT_svm_nested_joined]++;
        const uint64_t map[] = {map01, map12, n->msrpm02};
        for (unsigned i = 0; t && i < 3; i++) {
            vs_mem_touches_on(&n->s->wire.mem, t, (vs_hpa){map[i] + at}, 4,
                              i == 2 ? VS_REF_WRITE : VS_REF_READ,
                              (uint16_t)(n->base + VS_ACC_svm_nested_maps));
        }
    }
    put(n, n->vmcb02, VS_VMCB_MSRPM, n->msrpm02);
}

/* VMCB12's control area, as KVM keeps a copy of it for as long as its guest runs. */
static void keep_control(struct vs_svm_nested *n)
{
    struct vs_svm_loaded *on = &n->on12;
    vs_phys_read(n->s->wire.phys, (vs_hpa){n->vmcb12}, on->vector, sizeof on->vector);
    on->msrpm = get(n, n->vmcb12, VS_VMCB_MSRPM) & ~UINT64_C(0xfff);
    on->iopm = get(n, n->vmcb12, VS_VMCB_IOPM) & ~UINT64_C(0xfff);
    on->tsc_offset = get(n, n->vmcb12, VS_VMCB_TSC_OFFSET);
    on->nested = get(n, n->vmcb12, VS_VMCB_NESTED);
    on->virt_ext = get(n, n->vmcb12, VS_VMCB_VIRT_EXT);
    uint64_t pause = get(n, n->vmcb12, VS_VMCB_PAUSE_THRESHOLD & ~UINT64_C(7));
    on->pause_threshold = (uint16_t)(pause >> 32);
    on->pause_count = (uint16_t)(pause >> 48);
}

/* Says whether the guest hypervisor intercepts an exit code. */
static bool asks12(const struct vs_svm_nested *n, uint32_t code)
{
    return n->on12.vector[code / 8u] >> code % 8u & 1u;
}

/* nested_vmcb02_prepare_control, with VMCB02 current. */
static void prepare_control(struct vs_svm_nested *n, struct lines *l)
{
    const uint64_t c12 = get(n, n->vmcb12, VS_VMCB_INT_CTL),
                   c01 = get(n, n->vmcb01, VS_VMCB_INT_CTL);
    uint64_t from12 = VS_SVM_V_TPR | VS_SVM_V_IRQ, from01 = VS_SVM_V_INTR_MASKING,
             flag = VS_SVM_V_GIF | VS_SVM_V_GIF_ENABLE;
    bool own_flag = n->s->config.vgif && c12 & VS_SVM_V_GIF_ENABLE;
    from12 |= own_flag ? flag : 0;
    from01 |= own_flag ? 0 : flag;
    from12 |= virtual_nmis(n) ? VS_SVM_V_NMI_ENABLE | VS_SVM_V_NMI_PENDING | VS_SVM_V_NMI_BLOCKING
                              : UINT64_C(0);
    uint64_t control = (c12 & from12) | (c01 & from01);
    if (!own_flag && control & VS_SVM_V_GIF_ENABLE) { /* svm_set_gif: the entry sets it */
        control |= VS_SVM_V_GIF;
    }
    put(n, n->vmcb02, VS_VMCB_INT_CTL, control);
    put(n, n->vmcb02, VS_VMCB_TSC_OFFSET,
        get(n, n->vmcb01, VS_VMCB_TSC_OFFSET) + n->on12.tsc_offset);
    bool moves = n->s->config.vls && n->on12.nested & 1u && n->on12.virt_ext & VS_SVM_VLS_ENABLE;
    put(n, n->vmcb02, VS_VMCB_VIRT_EXT, moves ? VS_SVM_VLS_ENABLE : 0);
    uint64_t pause = VS_VMCB_PAUSE_THRESHOLD & ~UINT64_C(7);
    put(n, n->vmcb02, pause, asks12(n, VS_SVM_PAUSE) ? 0 : get(n, n->vmcb01, pause));
    n->count[VS_CNT_svm_nested_merged] += 5u;
#define CONTROL(offset, bytes, from, read)                                                         \
    copy(n, from, n->vmcb02, offset, bytes);                                                       \
    mark(&l->read, offset, bytes);                                                                 \
    mark(&l->write02, offset, bytes);                                                              \
    n->count[VS_CNT_svm_nested_merged]++;
#define VS_SVM_NESTED_CONTROL(offset, bytes) CONTROL(offset, bytes, n->vmcb12, read12)
#define VS_SVM_NESTED_HOST(offset, bytes) CONTROL(offset, bytes, n->vmcb01, read01)
#include "svm/nested_fields.def"
#undef CONTROL
    merge_intercepts(n, l);
}

/* nested_vmcb02_prepare_save: groups that VMCB12 says are clean are in VMCB02 since the last time.
 */
static void prepare_state(struct vs_svm_nested *n, struct lines *l)
{
    const uint32_t clean =
        n->known ? (uint32_t)get(n, n->vmcb12, VS_VMCB_CLEAN) & VS_SVM_ALL_CLEAN : 0;
    static const enum vs_svm_group groups[] = {VS_SVM_CLEAN_SEG, VS_SVM_CLEAN_DT, VS_SVM_CLEAN_DR};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (vs_svm_loads(clean, groups[i])) {
            vs_svm_dirty(n->s, groups[i]);
        } else {
            n->count[VS_CNT_svm_nested_clean]++;
        }
    }
#define STATE(offset, bytes)                                                                       \
    copy(n, n->vmcb12, n->vmcb02, offset, bytes);                                                  \
    mark(&l->read12, offset, bytes);                                                               \
    mark(&l->write02, offset, bytes);                                                              \
    n->count[VS_CNT_svm_nested_merged]++;
#define VS_SVM_NESTED_GROUP(group, offset, bytes)                                                  \
    if (vs_svm_loads(clean, group)) {                                                              \
        STATE(offset, bytes)                                                                       \
    }
#define VS_SVM_NESTED_STATE(offset, bytes) STATE(offset, bytes)
#include "svm/nested_fields.def"
#undef STATE
    n->known = true;
    vs_svm_dirty(n->s, VS_SVM_CLEAN_CR);
    vs_svm_dirty(n->s, VS_SVM_CLEAN_NP);
}

/* Makes VMCB02 of what VMCB12 asks for and what the host asks for. */
static void merge(void *ctx, struct vs_txn *t)
{
    struct vs_svm_nested *n = ctx;
    struct lines l = {0};
    n->count[VS_CNT_svm_nested_entries]++;
    keep_control(n);
    use(n, n->vmcb02);
    prepare_control(n, &l);
    prepare_state(n, &l);
    touch_all(n, t, &l);
    merge_maps(n, t);
    vs_svm_flush_asid(n->s, t);
}

/* Says why the guest hypervisor's VMRUN failed. */
static void why(void *ctx, char *out, size_t bytes)
{
    const struct vs_svm_nested *n = ctx;
    snprintf(out, bytes, "the guest hypervisor's VMRUN: VMEXIT_INVALID, of VMCB12 %s",
             n->failed ? n->failed : "no rule is broken");
}

/* ---- whose an exit is ---- */

/* nested_svm_exit_special: exits that the host keeps for itself, whatever VMCB12 says; of nested
 * page faults the caller knows. */
static bool host_keeps(const struct vs_svm_nested *n, const struct vs_exit *exit)
{
    uint64_t code = exit->own[0];
    if (code >= VS_SVM_EXCEPTION && code < VS_SVM_EXCEPTION + EXCEPTIONS) {
        return get(n, n->vmcb01, VS_VMCB_INTERCEPTS + 8u) >> (code - VS_SVM_EXCEPTION) & 1u;
    }
    return code == VS_SVM_INTR || code == VS_SVM_NMI || code == VS_SVM_NPF;
}

/* Exceptions that both intercept are the host's first, which queues them again; then they leave the
 * guest's guest without a processor's exit (db_interception, nested_svm_inject_exception_vmexit). A
 * machine check is the host's alone. */
static bool queues(void *ctx, const struct vs_exit *exit)
{
    const struct vs_svm_nested *n = ctx;
    uint64_t code = exit->own[0];
    return code >= VS_SVM_EXCEPTION && code < VS_SVM_EXCEPTION + EXCEPTIONS &&
           code != VS_SVM_EXCEPTION + MACHINE_CHECK && host_keeps(n, exit) &&
           asks12(n, (uint32_t)code);
}

/* nested_svm_intercept: the guest hypervisor wants what would exit if VMCB12 ran its guest. */
static bool wants(void *ctx, struct vs_txn *t, const struct vs_trap *trap,
                  const struct vs_exit *exit)
{
    struct vs_svm_nested *n = ctx;
    struct vs_svm *s = n->s;
    n->count[VS_CNT_svm_nested_exits] += t != NULL;
    if (host_keeps(n, exit)) {
        return false;
    }
    uint64_t own[VS_EXIT_WORDS] = {0}, left = s->pause_left, last = s->pause_last,
             passed = s->count[VS_CNT_svm_not_intercepted],
             lookups = s->count[VS_CNT_svm_map_lookups];
    struct vs_svm_loaded on = s->on;
    s->on = n->on12;
    bool is = vs__svm_leaves(s, t, trap, own);
    s->on = on;
    s->pause_left = left;
    s->pause_last = last;
    s->count[VS_CNT_svm_not_intercepted] = passed;
    if (!t) {
        s->count[VS_CNT_svm_map_lookups] = lookups;
    }
    return is;
}

/* ---- what the guest hypervisor executes ---- */

/* The instruction by which the guest hypervisor enters its guest. */
static struct vs_trap entry_trap(void *ctx)
{
    (void)ctx;
    return (struct vs_trap){.kind = VS_TRAP_NESTED_ENTRY, .x86 = VS_X86_VMRUN, .length = 3};
}

/* __svm_vcpu_run of the guest hypervisor: VMSAVE of its guest's part, VMLOAD of its own and STGI
 * behind the exit; CLGI and VMLOAD of its guest's part before VMRUN. */
static bool around(void *ctx, bool entry, unsigned i, struct vs_nested_step *out)
{
    static const uint8_t behind[] = {VS_X86_VMSAVE, VS_X86_VMLOAD, VS_X86_STGI},
                         before[] = {VS_X86_CLGI, VS_X86_VMLOAD};
    const uint8_t *list = entry ? before : behind;
    unsigned count = entry ? sizeof before : sizeof behind;
    (void)ctx;
    if (i >= count) {
        return false;
    }
    bool flag = list[i] == VS_X86_STGI || list[i] == VS_X86_CLGI;
    *out =
        (struct vs_nested_step){.trap = {.kind = flag ? VS_TRAP_NESTED_FLAG : VS_TRAP_NESTED_STATE,
                                         .x86 = list[i],
                                         .length = 3}};
    return true;
}

/* vmload_vmsave_interception copies between VMCB01 and VMCB12; svm_set_gif keeps the flag. */
static void carry_out(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_svm_nested *n = ctx;
    struct lines l = {0};
    bool load = trap->x86 == VS_X86_VMLOAD;
    n->count[VS_CNT_svm_nested_carried_out]++;
    if (!load && trap->x86 != VS_X86_VMSAVE) {
        return;
    }
#define VS_SVM_NESTED_MOVED(offset, bytes)                                                         \
    copy(n, load ? n->vmcb12 : n->vmcb01, load ? n->vmcb01 : n->vmcb12, offset, bytes);            \
    mark(load ? &l.read12 : &l.read01, offset, bytes);                                             \
    mark(load ? &l.write01 : &l.write12, offset, bytes);
#include "svm/nested_fields.def"
    touch_all(n, t, &l);
}

/* A load or store of the guest hypervisor's to VMCB12. */
static void access(void *ctx, struct vs_txn *t, enum vs_state what, bool write, uint64_t *value)
{
    struct vs_svm_nested *n = ctx;
    uint64_t own = n->s->vmcb.v, fields = n->s->count[VS_CNT_svm_fields];
    n->count[VS_CNT_svm_nested_accesses] += t != NULL;
    use(n, n->vmcb12);
    if (write) {
        (void)vs__svm_write_state(n->s, t, what, *value);
    } else {
        (void)vs__svm_read_state(n->s, t, what, value);
    }
    use(n, own);
    n->s->count[VS_CNT_svm_fields] = fields; /* those are the host's handlers' */
}

/* svm_vcpu_reset stores to all of VMCB12, and a start-up IPI to its CS: nothing of that exits. A
 * program goes on where it was, so that only what an INIT does to events is a new value. */
static bool resets(void *ctx, struct vs_txn *t, bool start, unsigned i, struct vs_nested_step *out)
{
    struct vs_svm_nested *n = ctx;
    struct vs_svm *s = n->s;
    struct lines l = {0};
    uint64_t own = s->vmcb.v;
    (void)i, (void)out;
    use(n, n->vmcb12);
    if (start) { /* kvm_vcpu_deliver_sipi_vector */
        mark(&l.read12, VS_VMCB_CS, 16);
        mark(&l.write12, VS_VMCB_CS, 16);
        vs_svm_dirty(s, VS_SVM_CLEAN_SEG);
    } else {
#define VS_SVM_NESTED_RESET(offset, bytes) mark(&l.write12, offset, bytes);
#include "svm/nested_fields.def"
        vs__svm_ask_window(s, false);
        vs__svm_ask_nmi_window(s, false);
        put(n, n->vmcb12, VS_VMCB_INT_CTL,
            get(n, n->vmcb12, VS_VMCB_INT_CTL) &
                ~(uint64_t)(VS_SVM_V_NMI_PENDING | VS_SVM_V_NMI_BLOCKING));
        put(n, n->vmcb12, VS_VMCB_EVENTINJ, 0);
        put(n, n->vmcb12, VS_VMCB_INT_STATE, 0);
        put(n, n->vmcb12, VS_VMCB_RFLAGS,
            get(n, n->vmcb12, VS_VMCB_RFLAGS) & ~(uint64_t)VS_SVM_RFLAGS_IF);
        put(n, n->vmcb12, VS_VMCB_CLEAN, 0); /* vmcb_mark_all_dirty */
        s->nmi_masked = false;
    }
    use(n, own);
    touch_all(n, t, &l);
    return false;
}

struct vs_nested_port vs_svm_nested_port(struct vs_svm_nested *n)
{
    return (struct vs_nested_port){.ctx = n,
                                   .wants = wants,
                                   .queues = queues,
                                   .save = save,
                                   .becomes = becomes,
                                   .keeps_pending = true,
                                   .leave = leave,
                                   .check = check,
                                   .merge = merge,
                                   .why = why,
                                   .entry_trap = entry_trap,
                                   .around = around,
                                   .resets = resets,
                                   .carry_out = carry_out,
                                   .emulate = access,
                                   .shadowed = access};
}

/* ---- making them ---- */

/* Prepares one VMCB. */
static void setup(struct vs_svm *s, const struct vs_svm_nested_pages *p, uint16_t asid)
{
    vs_svm_setup(s, p->vmcb, p->host_area, p->msrpm, p->iopm, asid, p->ncr3);
}

bool vs_svm_nested_setup(struct vs_svm_nested *n, struct vs_svm *s, uint16_t host_actor,
                         const struct vs_svm_nested_pages *p01,
                         const struct vs_svm_nested_pages *p12,
                         const struct vs_svm_nested_pages *p02, uint16_t asid, uint64_t cr3)
{
    const uint64_t asks_io = s->config.intercept_io, asks_hlt = s->config.intercept_hlt;
    n->s = s;
    n->vmcb01 = p01->vmcb.v;
    n->vmcb12 = p12->vmcb.v;
    n->vmcb02 = p02->vmcb.v;
    n->msrpm02 = p02->msrpm.v;
    n->base = vs_ledger_accounts(s->wire.ledger, &vs_svm_nested_desc);
    vs_ledger_counters(s->wire.ledger, host_actor, &vs_svm_nested_desc, n->count);
    s->config.intercept_io = n->config.io && asks_io;
    s->config.intercept_hlt = n->config.hlt && asks_hlt;
    setup(s, p12, asid);
    put(n, n->vmcb12, VS_VMCB_CR3, cr3);
    s->config.intercept_io = asks_io;
    s->config.intercept_hlt = asks_hlt;
    setup(s, p01, asid);
    setup(s, p02, asid);
    put(n, n->vmcb02, VS_VMCB_NCR3, p02->ncr3);
    bool good = check(n, NULL);
    if (good) {
        merge(n, NULL);
        good = vs_svm_enter(s, NULL);
    }
    memset(n->count, 0, sizeof n->count);
    memset(s->count, 0, sizeof s->count);
    return good;
}
