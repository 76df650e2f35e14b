/* SPDX-License-Identifier: MIT */
/* VMCB, VMRUN and #VMEXIT. */
#include "svm/svm_impl.h"

#include "virtsim/x86.h"

#define VS_DEF_NAME svm
#define VS_DEF_FILE "svm/svm.def"
#include "virtsim/def_tables.h"

#define LINE 64u
#define GUEST_CR0 0x80050033u /* Linux: PG, AM, WP, NE, ET, MP, PE */
/* Fields of the state-save area that VMRUN and #VMEXIT move (APM volume 2, 15.5.1, 15.6): ES, CS,
 * SS, DS of 4 each, GDTR and IDTR of 2, CPL, RFLAGS, RIP, RSP, RAX, CR2, DR6, DR7. */
enum { MOVED = 16 + 4 + 8, MOVED_CR = 4, HOST = 12, RECORDED = 6 };
enum { LBR = 5 }; /* DebugCtl and the last branch and exception, from and to (15.23) */
enum { THIS_ASID = 1, ALL = 2 }; /* of svm.tlb_control */
enum { HOST_BYTES = 0x400 };

/* A processor's SVM without a current VMCB. */
void vs_svm_init(struct vs_svm *s, const struct vs_svm_config *config,
                 const struct vs_svm_wiring *wiring)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->wire = *wiring;
    s->base = vs_ledger_accounts(wiring->ledger, &vs_svm_desc);
    s->on.vmcb = UINT64_MAX;
}

/* TLB_CONTROL: 0 nothing, 1 everything, 3 this ASID, 7 its non-global entries */
static void tlb_control(struct vs_svm *s, uint64_t what)
{
    static const uint64_t control[] = {0, 3, 1, 7};
    vs_svm_put(s, VS_VMCB_ASID, s->asid | control[what] << 32);
}

/* What VMRUN loads by group: fields of the control area and of the state-save area, control
 * registers, and lines of the VMCB, one bit each from 0 on. The last row is what no bit of VMCB
 * clean stands for. */
static const struct {
    uint8_t control, state, cr;
    uint32_t lines;
} groups[VS_SVM_GROUPS + 1] = {
    [VS_SVM_CLEAN_INTERCEPTS] = {.control = 8, .lines = 1u << 0 | 1u << 1},
    [VS_SVM_CLEAN_MAPS] = {.control = 2, .lines = 1u << 1},
    [VS_SVM_CLEAN_ASID] = {.control = 1, .lines = 1u << 1},
    [VS_SVM_CLEAN_TPR] = {.control = 1, .lines = 1u << 1},
    [VS_SVM_CLEAN_NP] = {.control = 3, .lines = 1u << 2 | 1u << 25},
    [VS_SVM_CLEAN_CR] = {.cr = MOVED_CR, .lines = 1u << 19 | 1u << 21},
    [VS_SVM_CLEAN_DR] = {.state = 2, .lines = 1u << 21},
    [VS_SVM_CLEAN_DT] = {.state = 4, .lines = 1u << 17 | 1u << 18},
    [VS_SVM_CLEAN_SEG] = {.state = 17, .lines = 1u << 16 | 1u << 19},
    [VS_SVM_CLEAN_CR2] = {.state = 1, .lines = 1u << 25},
    [VS_SVM_CLEAN_LBR] = {.state = LBR, .lines = 1u << 25 | 1u << 26},
    [VS_SVM_CLEAN_AVIC] = {.control = 4, .lines = 1u << 2 | 1u << 3},
    [VS_SVM_GROUPS] = {.control = 9, .state = 4, .lines = 7u << 1 | 1u << 21 | 1u << 23},
};

/* VMCB clean as VMRUN takes it: nothing is clean of a VMCB that the processor has no copy of. */
static uint32_t clean_of(const struct vs_svm *s)
{
    bool copy = s->config.vmcb_clean && s->on.vmcb == s->vmcb.v;
    return copy ? (uint32_t)vs_svm_get(s, VS_VMCB_CLEAN) & VS_SVM_ALL_CLEAN : 0;
}

void vs_svm_dirty(struct vs_svm *s, enum vs_svm_group group)
{
    vs_svm_put(s, VS_VMCB_CLEAN, vs_svm_get(s, VS_VMCB_CLEAN) & ~(UINT64_C(1) << group));
}

/* The control area, as far as it is not clean, into the processor. */
static void load_control(struct vs_svm *s, uint32_t clean)
{
    struct vs_svm_loaded *on = &s->on;
    if (vs_svm_loads(clean, VS_SVM_CLEAN_INTERCEPTS)) {
        vs_phys_read(s->wire.phys, vs_svm_at(s->vmcb, VS_VMCB_INTERCEPTS), on->vector,
                     sizeof on->vector);
        on->tsc_offset = vs_svm_get(s, VS_VMCB_TSC_OFFSET);
        on->pause_count = vs_svm_get16(s, VS_VMCB_PAUSE_COUNT);
        on->pause_threshold = vs_svm_get16(s, VS_VMCB_PAUSE_THRESHOLD);
    }
    if (vs_svm_loads(clean, VS_SVM_CLEAN_MAPS)) { /* the low bits are ignored */
        on->iopm = vs_svm_get(s, VS_VMCB_IOPM) & ~UINT64_C(0xfff);
        on->msrpm = vs_svm_get(s, VS_VMCB_MSRPM) & ~UINT64_C(0xfff);
    }
    if (vs_svm_loads(clean, VS_SVM_CLEAN_ASID)) {
        on->asid = (uint16_t)vs_svm_get(s, VS_VMCB_ASID);
    }
    if (vs_svm_loads(clean, VS_SVM_CLEAN_NP)) {
        on->nested = vs_svm_get(s, VS_VMCB_NESTED);
    }
    if (vs_svm_loads(clean, VS_SVM_CLEAN_AVIC)) {
        on->physical = vs_svm_get(s, VS_VMCB_AVIC_PHYSICAL);
    }
    on->virt_ext = vs_svm_get(s, VS_VMCB_VIRT_EXT); /* no bit of VMCB clean stands for it */
    on->vmcb = s->vmcb.v;
}

/* A segment register of the VMCB: base, then limit, attributes and selector in one word. */
static void segment(struct vs_svm *s, uint64_t offset, uint64_t base, uint64_t limit,
                    uint64_t attributes, uint64_t selector)
{
    vs_svm_put(s, offset, selector | attributes << 16 | limit << 32);
    vs_svm_put(s, offset + 8u, base);
}

/* The state of a guest that has booted: Linux in 64-bit mode. */
static void guest_state(struct vs_svm *s)
{
    segment(s, VS_VMCB_ES, 0, 0, 0, 0);
    segment(s, VS_VMCB_CS, 0, 0xffffffffu, 0xa9b, 0x10);
    segment(s, VS_VMCB_SS, 0, 0xffffffffu, 0xc93, 0x18);
    segment(s, VS_VMCB_DS, 0, 0, 0, 0);
    segment(s, VS_VMCB_GDTR, UINT64_C(0xfffffe0000001000), 0x7f, 0, 0);
    segment(s, VS_VMCB_IDTR, UINT64_C(0xfffffe0000000000), 0xfff, 0, 0);
    segment(s, VS_VMCB_TR, UINT64_C(0xfffffe0000003000), 0x4087, 0x08b, 0x40);
    vs_svm_put(s, VS_VMCB_EFER, 0x1d01); /* SVME, NXE, LMA, LME, SCE */
    vs_svm_put(s, VS_VMCB_CR4, 0x6f0);
    vs_svm_put(s, VS_VMCB_CR0, GUEST_CR0);
    vs_svm_put(s, VS_VMCB_DR6, 0xffff0ff0u);
    vs_svm_put(s, VS_VMCB_DR7, 0x400);
    vs_svm_put(s, VS_VMCB_RFLAGS, 2u | VS_SVM_RFLAGS_IF); /* bit 1 is always set */
    vs_svm_put(s, VS_VMCB_G_PAT, UINT64_C(0x0007040600070406));
}

void vs_svm_setup(struct vs_svm *s, vs_hpa vmcb, vs_hpa host_area, vs_hpa msrpm, vs_hpa iopm,
                  uint16_t asid, uint64_t ncr3)
{
    const struct vs_svm_config *c = &s->config;
    s->vmcb = vmcb;
    s->host_area = host_area;
    s->msrpm = msrpm;
    s->iopm = iopm;
    s->asid = asid;
    vs__svm_write_intercepts(s, ncr3 != 0);
    vs_svm_put(s, VS_VMCB_PAUSE_THRESHOLD & ~7ull, c->pause_threshold << 32 | c->pause_count << 48);
    vs_svm_put(s, VS_VMCB_IOPM, iopm.v);
    vs_svm_put(s, VS_VMCB_MSRPM, msrpm.v);
    tlb_control(s, c->tlb_control);
    vs_svm_put(s, VS_VMCB_INT_CTL,
               VS_SVM_V_INTR_MASKING | (c->vgif ? VS_SVM_V_GIF_ENABLE | VS_SVM_V_GIF : 0) |
                   (c->vnmi ? VS_SVM_V_NMI_ENABLE : 0));
    vs_svm_put(s, VS_VMCB_NESTED, ncr3 != 0);
    vs_svm_put(s, VS_VMCB_NCR3, ncr3);
    vs_svm_put(s, VS_VMCB_VIRT_EXT,
               (c->lbr ? VS_SVM_LBR_ENABLE : 0) |
                   (vs__svm_virtual_vmload(s, ncr3 != 0) ? VS_SVM_VLS_ENABLE : 0));
    guest_state(s);
    vs_svm_put(s, VS_VMCB_CLEAN, 0); /* vmcb_mark_all_dirty */
    s->gif = true;
    load_control(s, 0); /* as the first VMRUN will */
}

/* Charges n times the same work to an account. */
static void work(struct vs_svm *s, struct vs_txn *t, unsigned account, uint64_t n, uint64_t cycles)
{
    vs_ps d = {cycles * s->wire.clock.period_ps};
    if (n) {
        vs_charge_n(t, (uint16_t)(s->base + account), n, d);
    }
}

/* Accesses the lines of part of a structure, on the account of whoever moves it. */
static void lines(struct vs_svm *s, struct vs_txn *t, unsigned account, vs_hpa base, uint64_t from,
                  uint64_t to, enum vs_ref ref)
{
    vs_mem_touches_on(&s->wire.mem, t, vs_svm_at(base, from), to - from, ref,
                      (uint16_t)(s->base + account));
}

/* What the exit leaves in the VMCB; the event that the entry injected does not come again. */
static void record(struct vs_svm *s, uint32_t code, uint64_t info1, uint64_t info2, uint8_t length)
{
    vs_svm_put(s, VS_VMCB_EXITCODE, code);
    vs_svm_put(s, VS_VMCB_EXITINFO1, info1);
    vs_svm_put(s, VS_VMCB_EXITINFO2, info2);
    vs_svm_put(s, VS_VMCB_EXITINTINFO, s->interrupted); /* APM volume 2, 15.7.2 */
    s->interrupted = 0;
    vs_svm_put(s, VS_VMCB_NRIP, length ? vs_svm_get(s, VS_VMCB_RIP) + length : 0);
    vs_svm_put(s, VS_VMCB_EVENTINJ, 0);
    vs_svm_put(s, VS_VMCB_RFLAGS, s->rflags);
    vs_svm_put(s, VS_VMCB_INT_STATE, s->int_state);
    vs_svm_put(s, VS_VMCB_INT_CTL, s->int_ctl);
}

void vs_svm_exit(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint64_t info1, uint64_t info2,
                 uint8_t length)
{
    const struct vs_svm_config *c = &s->config;
    const uint64_t lbr = c->lbr ? LBR : 0;
    const uint64_t end = lbr ? VS_VMCB_LBR_END : VS_VMCB_STATE_END;
    s->count[VS_CNT_svm_exits]++;
    s->in_guest = s->gif = false; /* #VMEXIT clears it, the STGI below sets it */
    record(s, code, info1, info2, length);
    vs_svm_put(s, VS_VMCB_CLEAN, VS_SVM_ALL_CLEAN & ~VS_SVM_ALWAYS_DIRTY); /* vmcb_mark_all_clean */
    s->gif = true;
    if (!t) {
        return;
    }
    work(s, t, VS_ACC_svm_unexplained, 1, c->unexplained);
    const uint64_t saved = MOVED + MOVED_CR + lbr;
    work(s, t, VS_ACC_svm_exit_save, saved, saved * c->field_save);
    lines(s, t, VS_ACC_svm_exit_save_lines, s->vmcb, VS_VMCB_STATE, end, VS_REF_WRITE);
    work(s, t, VS_ACC_svm_exit_info, RECORDED, RECORDED * c->field_save);
    lines(s, t, VS_ACC_svm_exit_info_lines, s->vmcb, VS_VMCB_EXITCODE / LINE * LINE,
          VS_VMCB_CONTROL_BYTES, VS_REF_WRITE);
    work(s, t, VS_ACC_svm_exit_load, HOST + lbr,
         (HOST - MOVED_CR + lbr) * c->field_load + MOVED_CR * c->field_load_cr);
    lines(s, t, VS_ACC_svm_exit_load_lines, s->host_area, 0, HOST_BYTES, VS_REF_READ);
    work(s, t, VS_ACC_svm_vmload, 2, 2 * c->vmload);
    work(s, t, VS_ACC_svm_gif, 1, c->gif);
}

void vs_svm_flush_asid(struct vs_svm *s, struct vs_txn *t)
{
    s->flush = true;
    tlb_control(s, s->config.tlb_control == ALL ? ALL : THIS_ASID);
    if (t) {
        s->wire.mem.touch(s->wire.mem.ctx, t, vs_svm_at(s->vmcb, VS_VMCB_TLB_CONTROL),
                          VS_REF_WRITE);
    }
}

/* What TLB_CONTROL says; the hypervisor clears what it asked for once. */
static void flush(struct vs_svm *s, struct vs_txn *t)
{
    static const enum vs_flush drops[] = {VS_FLUSH_ASID, VS_FLUSH_ASID, VS_FLUSH_ASIDS,
                                          VS_FLUSH_ASID_NONGLOBAL};
    uint64_t what = s->config.tlb_control;
    what = s->flush && what != ALL ? THIS_ASID : what;
    if (!what) {
        return;
    }
    s->count[VS_CNT_svm_flushes]++;
    work(s, t, VS_ACC_svm_entry_tlb, 1, s->config.tlb_flush);
    if (s->wire.tlb.flush) {
        (void)s->wire.tlb.flush(s->wire.tlb.ctx, t, drops[what], s->on.asid, 0, 0, (vs_gva){0});
    }
    if (s->flush) {
        s->flush = false;
        tlb_control(s, s->config.tlb_control);
    }
}

/* A group that this VMCB uses: those of LBR virtualization and of AVIC only where they are on. */
static bool uses(const struct vs_svm *s, unsigned group)
{
    return group == VS_SVM_CLEAN_LBR    ? s->on.virt_ext & VS_SVM_LBR_ENABLE
           : group == VS_SVM_CLEAN_AVIC ? s->int_ctl & VS_SVM_AVIC_ENABLE
                                        : true;
}

/* Lines of the VMCB, one bit each. */
static void touch_lines(struct vs_svm *s, struct vs_txn *t, unsigned account, uint32_t which)
{
    for (uint64_t line = 0; which >> line; line++) {
        if (which >> line & 1u) {
            lines(s, t, account, s->vmcb, line * LINE, (line + 1u) * LINE, VS_REF_READ);
        }
    }
}

/* What VMRUN reads of the VMCB: of each group whose bit of VMCB clean is clear, and what has none.
 */
static void load_vmcb(struct vs_svm *s, struct vs_txn *t, uint32_t clean)
{
    const struct vs_svm_config *c = &s->config;
    const uint32_t control_lines = 0xffffu;
    uint64_t control = 0, state = 0, cr = 0;
    uint32_t which = 0;
    for (unsigned g = 0; g <= VS_SVM_GROUPS; g++) {
        if (!uses(s, g)) {
            continue;
        }
        if (g == VS_SVM_GROUPS || vs_svm_loads(clean, (enum vs_svm_group)g)) {
            control += groups[g].control;
            state += groups[g].state;
            cr += groups[g].cr;
            which |= groups[g].lines;
        } else {
            s->count[VS_CNT_svm_clean]++;
        }
    }
    work(s, t, VS_ACC_svm_entry_control, control, control * c->field_load);
    touch_lines(s, t, VS_ACC_svm_entry_control_lines, which & control_lines);
    work(s, t, VS_ACC_svm_entry_load, state + cr, state * c->field_load + cr * c->field_load_cr);
    touch_lines(s, t, VS_ACC_svm_entry_load_lines, which & ~control_lines);
}

bool vs_svm_enter(struct vs_svm *s, struct vs_txn *t)
{
    const struct vs_svm_config *c = &s->config;
    uint32_t clean = clean_of(s);
    uint64_t lbr = c->lbr ? LBR : 0;
    if (!vs__svm_page(s, s->vmcb.v)) {
        s->invalid = NULL; /* #GP: the VMCB is not looked at, nor written */
        return false;
    }
    s->invalid = vs_svm_check(s);
    if (s->invalid) {
        s->count[VS_CNT_svm_invalid]++;
        vs_svm_put(s, VS_VMCB_EXITCODE, VS_SVM_INVALID);
        return false;
    }
    s->count[VS_CNT_svm_entries]++;
    s->in_guest = s->gif = true; /* CLGI clears it, VMRUN sets it when the guest's state is in */
    load_control(s, clean);
    s->rflags = vs_svm_get(s, VS_VMCB_RFLAGS);
    s->int_state = vs_svm_get(s, VS_VMCB_INT_STATE);
    s->int_ctl =
        vs_svm_loads(clean, VS_SVM_CLEAN_TPR) ? vs_svm_get(s, VS_VMCB_INT_CTL) : s->int_ctl;
    vs__svm_nmi_enters(s);
    s->pause_left = s->on.pause_count;
    if (!t) {
        return true;
    }
    work(s, t, VS_ACC_svm_gif, 1, c->gif);
    work(s, t, VS_ACC_svm_vmload, 1, c->vmload);
    work(s, t, VS_ACC_svm_entry_save, HOST + lbr, (HOST + lbr) * c->field_save);
    lines(s, t, VS_ACC_svm_entry_save_lines, s->host_area, 0, HOST_BYTES, VS_REF_WRITE);
    load_vmcb(s, t, clean);
    vs__svm_avic_evaluate(s, t);
    flush(s, t);
    work(s, t, VS_ACC_svm_entry_fetch, 1, c->entry_fetch);
    vs_txn_actor(t, s->wire.guest_actor);
    return true;
}

bool vs_svm_gif(const struct vs_svm *s)
{
    return s->int_ctl & VS_SVM_V_GIF_ENABLE ? (s->int_ctl & VS_SVM_V_GIF) != 0 : s->gif;
}

bool vs_svm_execute(struct vs_svm *s, struct vs_txn *t, uint8_t x86)
{
    bool flag = x86 == VS_X86_STGI || x86 == VS_X86_CLGI,
         moves = x86 == VS_X86_VMLOAD || x86 == VS_X86_VMSAVE;
    if (flag && s->int_ctl & VS_SVM_V_GIF_ENABLE) {
        s->int_ctl = (s->int_ctl & ~VS_SVM_V_GIF) | (x86 == VS_X86_STGI ? VS_SVM_V_GIF : 0);
        work(s, t, VS_ACC_svm_gif, 1, s->config.gif);
    } else if (moves && s->on.virt_ext & VS_SVM_VLS_ENABLE) {
        work(s, t, VS_ACC_svm_vmload, 1, s->config.vmload);
    } else {
        return false;
    }
    s->count[VS_CNT_svm_executed]++;
    return true;
}
