/* SPDX-License-Identifier: MIT */
/* What the guest program asks of memory management: regions, first touch, protection, address-space
 * reloads. */
#include "guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCID_BITS 0xfffu
#define INVLPG_LENGTH 3u
#define CR_LENGTH 3u /* bytes of MOV to CR */
/* CR4 (SDM 3A 2.5) of a guest: PSE, PAE, MCE, OSFXSR, OSXMMEXCPT, and what knobs say */
#define CR4_INITIAL 0x670u
#define CR4_PGE (1ull << 7)
#define CR4_PCIDE (1ull << 17)
#define TTBR0_EL1 VS_SYSREG(3u, 0u, 2u, 0u, 0u)
#define KEEP (1ull << 63) /* MOV to CR3: do not invalidate */

/* A hypervisor's virtual areas and the direct map of its memory, in 1 GiB pages. */
static enum vs_status map_hypervisor(const struct vs_platform *p, struct vs_space *s,
                                     uint64_t memory)
{
    static const uint64_t area[] = {VS_HV_CODE, VS_HV_DATA, VS_HV_USER_CODE, VS_HV_USER_DATA};
    enum vs_status st = VS_OK;
    for (unsigned i = 0; i < 4 && !st; i++) {
        /* the kernel's text and data in large pages, user programs in small ones */
        unsigned shift = vs_radix_fit(&s->format, i < 2 ? 21 : 12);
        uint64_t user = p->built.technique == VS_TECHNIQUE_TCG ? VS_PROGRAM_USER : 0x10000u,
                 bytes = i < 2 ? VS_HV_AREA_BYTES : user;
        for (uint64_t at = 0; at < bytes && !st; at += 1ull << shift) {
            st = vs_space_touch(s, area[i] + at, shift, true, s->vm != NULL);
        }
    }
    uint64_t start = p->layout.host_direct;
    unsigned direct = vs_radix_fit(vs_space_format(s, start), 30);
    for (uint64_t at = 0; at < memory && !st; at += 1ull << direct) {
        st = vs_space_map_at(s, start + at, at, direct, true);
    }
    return st;
}

/* With a root of the upper half where the kernel's map of memory needs one. */
static enum vs_status make_space(const struct vs_platform *p, struct vs_space *s, struct vs_vm *vm,
                                 struct vs_frames *tables, uint64_t direct)
{
    enum vs_status st = vs_space_init_format(s, &p->guest_format, p->phys, vm, tables);
    vs_space_upper(s, &p->upper_format);
    s->first_gva = s->next_gva = p->layout.first;
    return st || !s->upper.levels || !(direct >> 63) ? st : vs_space_upper_root(s);
}

enum vs_status guest_mm_make_host(struct vs_hwthread *hw)
{
    struct vs_platform *p = hw->p;
    struct vs_space *s = &hw->host_space;
    enum vs_status st = make_space(p, s, NULL, p->frames, p->layout.host_direct);
    st = st ? st : map_hypervisor(p, s, vs_phys_size(p->phys));
    hw->host_context = (struct vs_ept_context){0, 0, s->cr3, 0, s->upper_cr3};
    return st;
}

enum vs_status guest_mm_make_hypervisor(const struct vs_platform *p, struct vs_space *s,
                                        struct vs_vm *vm)
{
    enum vs_status st = make_space(p, s, vm, vm->host, p->layout.host_direct);
    return st ? st : map_hypervisor(p, s, vm->bytes);
}

/* An address space that no other vCPU has made. */
static enum vs_status make_own(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    enum vs_status st =
        make_space(p, &v->space, v->vm, &p->node_frames[p->ept.guest_table_node], p->layout.direct);
    vs_space_place(&v->space, &p->node_frames[p->ept.data_node]);
    st = st ? st : guest_mm_map_kernel(v);
    v->mm->process = malloc(VS__PROCESSES * sizeof *v->mm->process); /* made one by one */
    if (!v->mm->process) {
        return VS_E_NOMEM;
    }
    v->mm->n_processes = 1;
    v->mm->process[0] = v->space;
    return st;
}

enum vs_status guest_mm_make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    enum vs_status st = v->mm == &v->own_mm ? make_own(v) : VS_OK;
    v->mm->sharers++;
    v->space = v->mm == &v->own_mm ? v->space : v->mm->process[0];
    v->cr4 = CR4_INITIAL | (p->ept.global_pages ? CR4_PGE : 0) | (p->os.pcid ? CR4_PCIDE : 0);
    if (st) {
        vs_error(errors,
                 "vCPU %u: host.memory or guest.memory is too small for its tables and kernel",
                 v->index);
        return st;
    }
    bool vpid = p->virtualized && p->vpid;
    /* a VPID or ASID is a vCPU's, a VMID the machine's */
    unsigned number = p->el2 ? v->machine : v->index;
    v->guest_context = (struct vs_ept_context){vpid ? (uint16_t)(number + 1u) : 0, 0, v->space.cr3,
                                               p->virtualized && !p->shadow ? v->vm->ept_root : 0,
                                               v->space.upper_cr3};
    return VS_OK;
}

/* Ends the run: why the space could not be changed. Always false. */
static bool out_of_memory(struct vs_vcpu *v, enum vs_status st, const char *what, uint64_t bytes)
{
    char why[400];
    if (st == VS_E_CONFIG) {
        vcpu_fail(v, "%s: the range overlaps pages of another size or is misaligned", what);
    } else {
        vcpu_refuse(v, "%s of %llu bytes: %s", what, (unsigned long long)bytes,
                    guest_mm_exhausted(v, why, sizeof why));
    }
    return false;
}

/* One page of a region; its size, 0 when the run failed. */
static uint64_t map_page(struct vs_vcpu *v, const struct vs_request *r, uint64_t at, unsigned shift,
                         bool large)
{
    bool populate = r->backing == VS_BACKING_POPULATE;
    bool back = (populate || r->backing == VS_BACKING_EAGER) && v->p->built.host_prefault;
    enum vs_status st = VS_E_NOMEM;
    uint64_t tables;
    guest_mm_edit_begin(v, &tables);
    v->space.global = r->a != 0;
    if (large) {
        st = vs_space_touch(&v->space, at, vcpu_large_shift(v), true, back);
        v->os_count[st ? VS_CNT_os_thp_fallbacks : VS_CNT_os_thp_pages]++;
        shift = st ? shift : vcpu_large_shift(v);
    }
    st = st ? vs_space_touch(&v->space, at, shift, true, back) : st;
    v->space.global = false;
    if (st) {
        out_of_memory(v, st, "map", r->bytes);
        return 0;
    }
    if (populate) {
        guest_mm_edit_entry(v, at, tables);
        guest_mm_edit_clear(v, at, 1ull << shift);
    }
    return 1ull << shift;
}

bool guest_mm_large(const struct vs_vcpu *v, uint64_t gva)
{
    uint64_t large = 1ull << vcpu_large_shift(v), block = gva & ~(large - 1u),
             path[VS_RADIX_LEVELS + 1u];
    if (v->p->ept.guest_page != VS_EPT_THP || vs_space_path(&v->space, gva, path) < 2) {
        return false; /* small pages are there already */
    }
    for (unsigned i = 0; i < v->mm->n_areas && i < VS__AREAS; i++) {
        if (!v->mm->area[i].small && v->mm->area[i].process == v->process_now &&
            block >= v->mm->area[i].at &&
            block + large <= v->mm->area[i].at + v->mm->area[i].bytes) {
            return true;
        }
    }
    return false;
}

/* Whether the machine's tables map pages of this size. */
static bool has_pages(struct vs_vcpu *v, unsigned shift)
{
    const struct vs_radix_format *f = &v->space.format;
    char sizes[64] = "";
    if (vs_radix_fit(f, shift) == shift) {
        return true;
    }
    for (unsigned level = 1; level <= f->max_leaf && level <= f->levels; level++) {
        size_t n = strlen(sizes);
        unsigned s = vs_radix_level_shift(f, level), k = s / 10u;
        snprintf(sizes + n, sizeof sizes - n, "%s%u%c", n ? ", " : "", 1u << s % 10u, " KMG"[k]);
    }
    vcpu_refuse(v, "map: pages of %llu KiB: this machine's tables have pages of %s",
                1ull << (shift - 10u), sizes);
    return false;
}

/* Whether a region lies where programs' addresses are. */
static bool has_room(struct vs_vcpu *v, uint64_t at, uint64_t bytes)
{
    const struct vs_layout *l = &v->p->layout;
    if (at >= l->end || bytes > l->end - at) {
        vcpu_refuse(v,
                    "map of %llu bytes at 0x%llx: programs' addresses end at 0x%llx here "
                    "(guest.levels, guest.t0sz)",
                    (unsigned long long)bytes, (unsigned long long)at, (unsigned long long)l->end);
        return false;
    }
    return true;
}

/* Some of it belongs to another region of this address space, or to the kernel. */
static bool taken(const struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t page)
{
    for (unsigned i = 0; i < v->mm->n_areas && i < VS__AREAS; i++) {
        if (!v->mm->area[i].cut && v->mm->area[i].process == v->process_now &&
            at < v->mm->area[i].at + v->mm->area[i].bytes && v->mm->area[i].at < at + bytes) {
            return true;
        }
    }
    for (uint64_t end = at + bytes, gpa, hpa; at < end; at += page) {
        if (vs_space_locate(&v->space, at, &gpa, &hpa)) {
            return true;
        }
    }
    return false;
}

/* Where a region goes; false when its fixed place is impossible. */
static bool place(struct vs_vcpu *v, const struct vs_request *r, unsigned shift, unsigned align,
                  uint64_t *at)
{
    uint64_t page = 1ull << shift;
    if (!r->fixed) {
        do {
            *at = vs_space_reserve(&v->space, 0, r->bytes, align);
        } while (v->mm->n_places && taken(v, *at, r->bytes, page));
        return true;
    }
    *at = r->address;
    if (!*at || *at % page) {
        vcpu_fail(v, "map at 0x%llx: must be a multiple of the page's size, %llu, and not 0",
                  (unsigned long long)*at, (unsigned long long)page);
    } else if (taken(v, *at, r->bytes, page)) {
        vcpu_fail(v, "map of %llu bytes at 0x%llx: overlaps what is mapped there",
                  (unsigned long long)r->bytes, (unsigned long long)*at);
    } else if (!guest_mm_place_add(v->mm, v->process_now, *at,
                                   *at + ((r->bytes + page - 1) & ~(page - 1)))) {
        vcpu_fail(v, "map at 0x%llx: %s", (unsigned long long)*at, vs_status_text(VS_E_NOMEM));
    }
    return !v->failed;
}

uint64_t guest_mm_map(struct vs_vcpu *v, const struct vs_request *r)
{
    unsigned shift = r->page_shift ? r->page_shift : vcpu_page_shift(v);
    if (!has_pages(v, shift)) {
        return 0;
    }
    uint64_t limit = v->p->virtualized ? v->vm->bytes : vs_phys_size(v->p->phys);
    if (r->bytes > limit) {
        vcpu_refuse(v, "map of %llu bytes: larger than %s = %llu", (unsigned long long)r->bytes,
                    v->p->virtualized ? "guest.memory" : "host.memory", (unsigned long long)limit);
        return 0;
    }
    if (r->backing == VS_BACKING_TOUCH && shift != vcpu_page_shift(v)) {
        vcpu_refuse(v,
                    "map with backing = \"touch\": first touches give the machine's pages, of "
                    "%llu bytes (guest.page_size), not of %llu; leave page out, or take another "
                    "backing",
                    1ull << vcpu_page_shift(v), 1ull << shift);
        return 0;
    }
    bool thp = !r->page_shift && v->p->ept.guest_page == VS_EPT_THP;
    uint64_t block = 1ull << vcpu_large_shift(v);
    bool blocks = thp && r->bytes >= block; /* some may be inside */
    uint64_t at;
    if (!place(v, r, shift, blocks ? vcpu_large_shift(v) : shift, &at) ||
        !has_room(v, at, r->bytes)) {
        return 0;
    }
    if (r->backing == VS_BACKING_TOUCH) {
        v->mm->area[v->mm->n_areas % VS__AREAS].at = at;
        v->mm->area[v->mm->n_areas % VS__AREAS].bytes = r->bytes;
        v->mm->area[v->mm->n_areas % VS__AREAS].cut = false;
        v->mm->area[v->mm->n_areas % VS__AREAS].small = r->page_shift != 0;
        v->mm->area[v->mm->n_areas++ % VS__AREAS].process = v->process_now;
        return at;
    }
    for (uint64_t done = 0; done < r->bytes;) {
        bool large = blocks && (at + done) % block == 0 && r->bytes - done >= block;
        uint64_t made = map_page(v, r, at + done, shift, large);
        if (!made) {
            return 0;
        }
        done += made;
    }
    return at;
}

/* The large page around `at` is split when the range holds only a part of it (transparent ones are;
 * explicit ones go as a whole). */
static void split(struct vs_vcpu *v, uint64_t at, uint64_t end)
{
    uint64_t path[VS_RADIX_LEVELS + 1u], gpa, hpa, tables, large = 1ull << vcpu_large_shift(v);
    if (v->p->ept.guest_page != VS_EPT_THP ||
        (!vs_space_locate(&v->space, at, &gpa, &hpa) && !vs_space_held(&v->space, at)) ||
        vs_space_path(&v->space, at, path) != 2 || (at % large == 0 && end - at >= large)) {
        return;
    }
    guest_mm_edit_begin(v, &tables);
    if (vs_space_split(&v->space, at)) {
        vcpu_fail(v, "splitting a large page: guest.memory or host.memory is exhausted");
        return;
    }
    v->os_count[VS_CNT_os_thp_splits]++;
    guest_mm_edit_entry(v, at, tables);
    if (vcpu_arm(v)) {
        guest_tlb_tlbi(v, VS_TLBI_VALE1, guest_tlb_shareable(v), v->guest_context.pcid, at);
        vcpu_dsb(v, guest_tlb_shareable(v));
    } else {
        guest_tlb_invlpg(v, at);
    }
}

/* Linux: beyond a ceiling all translations are flushed, by a reload of CR3. */
static bool few_pages(const struct vs_vcpu *v, uint64_t bytes)
{
    return bytes >> v->space.format.granule <= v->p->os.flush_ceiling;
}

/* Entries that were changed, from the first to the end of the last; the smallest page. */
struct range {
    uint64_t at, end;
    unsigned shift;
};

/* One more entry was changed; x86 kernels drop its page at once where `each`. */
static void changed(struct vs_vcpu *v, struct range *r, uint64_t at, unsigned shift, bool each)
{
    uint64_t page = at >> shift << shift, end = page + (1ull << shift);
    r->at = page < r->at ? page : r->at;
    r->end = end > r->end ? end : r->end;
    r->shift = shift < r->shift ? shift : r->shift;
    if (each && !vcpu_arm(v)) {
        guest_tlb_invlpg(v, at);
    }
}

/* What is left to do here (x86 has dropped each page as it was changed), then the other vCPUs. */
static void flush(struct vs_vcpu *v, const struct range *r, bool each)
{
    if (r->at >= r->end || v->failed) {
        return;
    }
    uint64_t end = each ? r->end : r->at; /* nothing: all of the address space */
    if (vcpu_arm(v)) {
        guest_tlb_tlbi_range(v, r->at, end, r->shift);
    } else if (!each) {
        guest_mm_load_cr3(v, 0);
    }
    guest_sva_changed(v, r->at, end); /* Linux: after the others; here that may be waited for */
    guest_tlb_shootdown(v, r->at, end, r->shift);
}

/* Takes the pages of a range away, or gives them other rights; what is not mapped stays so. */
static void change(struct vs_vcpu *v, uint64_t at, uint64_t bytes, const uint64_t *rights)
{
    bool each = few_pages(v, bytes);
    struct range gone = {UINT64_MAX, 0, 63};
    if (!guest_mm_spares(v, at, bytes, rights ? "protect" : "unmap")) {
        return;
    }
    for (uint64_t end = at + bytes; at < end;) {
        unsigned shift = v->space.format.granule;
        uint64_t tables, path[VS_RADIX_LEVELS + 1u];
        split(v, at, end);
        guest_mm_edit_begin(v, &tables);
        if (rights ? vs_space_protect(&v->space, at, *rights, &shift)
                   : vs_space_unmap(&v->space, at, &shift)) {
            guest_mm_edit_entry(v, at, tables);
            changed(v, &gone, at, shift, each);
        } else { /* on to where the next entry begins: a range may be all of the address space */
            const struct vs_radix_format *f = vs_space_format(&v->space, at);
            shift = vs_radix_level_shift(f, vs_space_path(&v->space, at, path));
        }
        at = ((at >> shift) + 1) << shift;
    }
    flush(v, &gone, each);
}

void guest_mm_unmap(struct vs_vcpu *v, uint64_t at, uint64_t bytes)
{
    for (unsigned i = 0; i < v->mm->n_areas && i < VS__AREAS; i++) {
        v->mm->area[i].cut = v->mm->area[i].cut || (v->mm->area[i].process == v->process_now &&
                                                    at < v->mm->area[i].at + v->mm->area[i].bytes &&
                                                    v->mm->area[i].at < at + bytes);
    }
    change(v, at, bytes, NULL);
}

void guest_mm_protect(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t rights)
{
    if (!vs_radix_can(&v->space.format, rights)) {
        vcpu_refuse(v,
                    "protect of 0x%llx as \"x\": x86 page tables let programs read what "
                    "they may execute (\"rx\"); protection keys are not modelled",
                    (unsigned long long)at);
        return;
    }
    change(v, at, bytes, &rights);
}

/* The exit of an instruction. */
static bool exits(struct vs_vcpu *v, const struct vs_trap *e)
{
    return v->p->virtualized && vcpu_trap(v, e, NULL);
}

void guest_tlb_invlpg(struct vs_vcpu *v, uint64_t at)
{
    struct vs_platform *p = v->p;
    vs_gva g = {at};
    struct vs_trap e = {
        .kind = VS_TRAP_INVALIDATE, .scope = VS_TRAP_PAGE, .gva = g, .length = INVLPG_LENGTH};
    bool left = exits(v, &e);
    if (p->hosted_tlb) {
        return; /* the hypervisor drops it */
    }
    if (!left) {
        vs_ps cost = {p->times.invlpg * v->hw->clock.period_ps};
        if (!p->recorded) { /* where it is among the recorded instructions */
            vs_cpu_instructions(&v->hw->cpu, 1);
        }
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(p->vcpu_account + VS_ACC_vcpu_invlpg), cost);
    }
    vs_txn_settle(&v->txn);
    vs_ept_invlpg(&v->hw->ept, &v->txn, g);
}

void guest_mm_upper(struct vs_vcpu *v)
{
    if (v->guest_context.upper != v->space.upper_cr3) {
        v->guest_context.upper = v->space.upper_cr3;
        vs_txn_settle(&v->txn);
        vs_ept_context(&v->hw->ept, &v->guest_context);
    }
}

/* The value of CR3 for the current address space. */
static uint64_t cr3_of(const struct vs_vcpu *v)
{
    return v->space.cr3 | v->guest_context.pcid;
}

/* What a reload or a switch costs besides are the entries it drops; a write of TTBR0 drops none. */
static void mov_cr3(struct vs_vcpu *v, uint64_t value)
{
    uint16_t pcid = v->cr4 & CR4_PCIDE || vcpu_arm(v) ? (uint16_t)(value & PCID_BITS) : 0;
    vs_txn_settle(&v->txn);
    if (vcpu_soft(v)) { /* the processor does not know of the guest's tables */
        return;
    }
    v->guest_context.pcid = pcid;
    if (v->p->shadow) { /* the hypervisor has set the shadow's root and dropped what goes */
        vs_ept_context(&v->hw->ept, &v->guest_context);
        return;
    }
    v->guest_context.cr3 = v->space.cr3;
    v->guest_context.upper = v->space.upper_cr3;
    vs_ept_context(&v->hw->ept, &v->guest_context);
    vs_ept_mov_cr3(&v->hw->ept, &v->txn, pcid, vcpu_arm(v) || (value & KEEP) != 0);
}

void guest_mm_load_cr3(struct vs_vcpu *v, uint64_t value)
{
    struct vs_platform *p = v->p;
    value = value ? (value & (KEEP | PCID_BITS)) | v->space.cr3 : cr3_of(v);
    struct vs_trap e = {.kind = VS_TRAP_CONTROL_REGISTER,
                        .number = vcpu_arm(v) ? TTBR0_EL1 : 3u,
                        .write = true,
                        .value = value,
                        .length = CR_LENGTH};
    if (!exits(v, &e)) {
        vs_ps cost = {p->times.mov_cr * v->hw->clock.period_ps};
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(p->vcpu_account + VS_ACC_vcpu_mov_cr), cost);
    }
    mov_cr3(v, value);
}

/* ---- address spaces ---- */

uint64_t guest_mm_process(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    if (v->mm->n_processes == VS__PROCESSES) {
        vcpu_fail(v, "a vCPU has at most %u address spaces", VS__PROCESSES);
        return 0;
    }
    struct vs_space *s = &v->mm->process[v->mm->n_processes];
    enum vs_status st =
        make_space(p, s, v->space.vm, &p->node_frames[p->ept.guest_table_node], p->layout.direct);
    if (!st && s->upper.levels) { /* Arm: the kernel's half is one */
        st = vs_space_upper_root(&v->space);
        vs_space_share_upper(s, &v->space);
        guest_mm_upper(v);
    }
    vs_space_place(s, &p->node_frames[p->ept.data_node]);
    if (st || guest_mm_share_kernel(v, s)) {
        vcpu_fail(v, "a new address space: guest.memory or host.memory is exhausted");
    }
    return v->mm->n_processes++;
}

void guest_mm_switch(struct vs_vcpu *v, uint64_t to, enum vs_req_switch how)
{
    bool pcid = (v->cr4 & CR4_PCIDE) != 0,
         keep = how == VS_SWITCH_MACHINE ? pcid : how == VS_SWITCH_KEEP;
    if (to >= v->mm->n_processes) {
        vcpu_fail(v, "a switch to address space %llu; there are %u", (unsigned long long)to,
                  v->mm->n_processes);
        return;
    }
    if (keep && !pcid) {
        vcpu_fail(v, "a switch that keeps translations needs guest.pcid = 1: without PCIDs MOV "
                     "to CR3 drops them");
        return;
    }
    v->mm->process[v->process_now] = v->space;
    v->process_now = (unsigned)to;
    v->space = v->mm->process[to];
    keep = !guest_tlb_shootdown_stale(v, (unsigned)to) && keep;
    struct guest_work w = {.root = (keep ? KEEP : 0) | (pcid ? to : 0) | v->space.cr3};
    (void)guest_run(v, GUEST_SWITCH_SPACE, &w);
    if (vcpu_arm(v) && !keep) {
        guest_tlb_tlbi(v, VS_TLBI_ASIDE1, guest_tlb_shareable(v), v->guest_context.pcid, 0);
        vcpu_dsb(v, guest_tlb_shareable(v));
    }
}

bool guest_mm_gpa(const struct vs_vcpu *v, uint64_t at, uint64_t *gpa)
{
    return vs_space_find(&v->space, at, gpa);
}
