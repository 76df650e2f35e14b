/* SPDX-License-Identifier: MIT */
/*
 * A recorded guest's own page tables, at their own guest-physical addresses, and mappings that its
 * records prove and the tables no longer hold. Both cost no simulated time: the recording does not
 * tell what the guest's kernel did for them, and its stores, where recorded, are replayed anyway.
 */
#include "guest/guest.h"

#define PAGE 4096u

/* The recorded machine's memory at this address has a page of the host. */
static bool back(struct vs_vcpu *v, uint64_t pa)
{
    struct vs_platform *p = v->p;
    return !p->virtualized || (vs_vm_is_memory(v->vm, pa) && vs_vm_back(v->vm, pa) == VS_OK);
}

/* Where in host memory that page is. */
static uint64_t behind(const struct vs_vcpu *v, uint64_t pa)
{
    uint64_t hpa = pa;
    if (v->p->virtualized) {
        (void)vs_vm_locate(v->vm, pa, &hpa);
    }
    return hpa;
}

void guest_mm_recorded_tables(struct vs_vcpu *v, const struct vs_recorded_tables *t)
{
    struct vs_platform *p = v->p;
    struct vs_space s = v->space;
    char why[400];
    /* the privilege level of an access is not recorded: the kernel's are among them */
    v->hw->ept.supervisor = v->shadow.supervisor = VS_RIGHT_READ;
    if (!v->hw->cpu.cfg.translation) {
        return;
    }
    if (p->guest_format.kind != VS_RADIX_X86 || p->guest_format.levels != 4) {
        vcpu_fail(v, "the recorded page tables are x86-64's of four levels; this machine's "
                     "guests have others (paging.mode, guest.levels)");
        return;
    }
    uint64_t warm = p->virtualized && p->built.host_prefault ? t->memory : 0;
    for (uint64_t pa = 0; pa < warm; pa += 1ull << v->vm->host_shift) {
        (void)back(v, pa); /* what is missing then will fault */
    }
    for (size_t i = 0; i < t->n; i++) {
        vs_hpa at;
        if (!p->virtualized && t->table[i].at >= vs_phys_size(p->phys)) {
            vcpu_fail(v, "a recorded table at physical 0x%llx: beyond host.memory = %llu bytes",
                      (unsigned long long)t->table[i].at,
                      (unsigned long long)vs_phys_size(p->phys));
            return;
        }
        if (!back(v, t->table[i].at)) {
            vcpu_fail(v, "a recorded table at guest-physical 0x%llx: %s",
                      (unsigned long long)t->table[i].at, guest_mm_exhausted(v, why, sizeof why));
            return;
        }
        at.v = behind(v, t->table[i].at);
        vs_phys_write(p->phys, at, t->table[i].bytes, PAGE);
    }
    if (!vs_space_adopt(&s, t->root & ~(uint64_t)(PAGE - 1u)) || guest_mm_share_kernel(v, &s)) {
        vcpu_fail(v,
                  "the recorded tables leave no room at 0x%llx to 0x%llx for the kernel of the "
                  "replay, where Linux leaves addresses to hypervisors; or guest.memory or "
                  "host.memory is exhausted",
                  (unsigned long long)p->layout.code, (unsigned long long)p->layout.drivers_end);
        return;
    }
    v->space = s;
    guest_mm_load_cr3(v, 0);
}

void guest_mm_recorded_place(struct vs_vcpu *v, uint64_t gva, uint64_t pa)
{
    struct vs_platform *p = v->p;
    struct vs_space *s = &v->space;
    unsigned shift;
    uint64_t tables;
    gva &= ~(uint64_t)(PAGE - 1u);
    pa &= ~(uint64_t)(PAGE - 1u);
    if (!v->hw->cpu.cfg.translation || !guest_mm_spares(v, gva, PAGE, "a recorded mapping")) {
        return;
    }
    bool memory = pa < p->recorded;
    if (!memory && !(pa >= (p->virtualized ? v->vm->bytes : vs_phys_size(p->phys)) ||
                     (pa >> 30 == 3))) { /* devices lie below 4 GiB */
        vcpu_fail(v,
                  "the recording's physical address 0x%llx lies above the 0x%llx bytes kept "
                  "for it; set replay.memory",
                  (unsigned long long)pa, (unsigned long long)p->recorded);
        return;
    }
    guest_mm_edit_begin(v, &tables);
    while (vs_space_split(s, gva) == VS_OK) {
    }
    uint64_t before = vs_space_drop(s, gva, &shift);
    bool keep = before && p->os.replay_mapping;
    if (keep) {
        pa = before & s->format.address;
    }
    if (vs_space_map_at(s, gva, pa, s->format.granule, true) ||
        (memory && p->built.host_prefault && !back(v, pa))) {
        char why[400];
        vcpu_fail(v, "a recorded mapping of 0x%llx: %s", (unsigned long long)gva,
                  guest_mm_exhausted(v, why, sizeof why));
        return;
    }
    v->os_count[VS_CNT_os_placed] += !keep;
    if (p->shadow) { /* which lives from stores it sees and from INVLPG */
        guest_mm_edit_entry(v, gva, tables);
        guest_tlb_invlpg(v, gva);
    } else if (before && !keep) {
        vs_gva at = {gva};
        vs_txn_settle(&v->txn);
        vs_ept_invlpg(&v->hw->ept, NULL, at);
    }
}
