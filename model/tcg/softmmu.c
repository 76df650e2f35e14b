/* SPDX-License-Identifier: MIT */
/* An access of the guest: the check in front of it, the victims, the walk of the guest's tables by
 * software, stores to pages that code was translated from. */
#include "tcg/tcg.h"

#include "virtsim/knob.h"

#define PAGE (1ull << VS_TCG_PAGE_SHIFT)
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RESERVED 8u
#define PF_FETCH 16u

static const uint32_t right_of[] = {[VS_REF_READ] = VS_RIGHT_READ,
                                    [VS_REF_WRITE] = VS_RIGHT_WRITE,
                                    [VS_REF_FETCH] = VS_RIGHT_EXECUTE};

/* What a walk is about, and what it has found. */
struct walk {
    uint64_t gva;
    enum vs_ref ref;
    struct vs_translation *fault;
    uint64_t gpa, rights;
    unsigned shift; /* log2 of the guest's page */
    bool dirty;     /* the leaf's flag is set */
};

/* The guest gets a page fault. */
static bool page_fault(const struct walk *w, bool present, bool reserved)
{
    w->fault->fault = VS_FAULT_PAGE;
    w->fault->error_code = (present ? PF_PRESENT : 0u) | (reserved ? PF_RESERVED : 0u) | PF_USER |
                           (w->ref == VS_REF_WRITE ? PF_WRITE : 0u) |
                           (w->ref == VS_REF_FETCH ? PF_FETCH : 0u);
    return false;
}

/* What the walk leads to is no memory: a device's, or a table's that nobody can read. */
static bool no_memory(const struct walk *w, uint64_t gpa, bool table)
{
    w->fault->fault = VS_FAULT_EPT_MISCONFIG;
    w->fault->gpa.v = gpa;
    w->fault->table = table;
    w->fault->rights = right_of[w->ref];
    return false;
}

/* An access of the translator's own, through the process's address space. */
static void touch(struct vs_tcg *c, struct vs_txn *t, uint64_t hva, enum vs_ref ref)
{
    c->wire.core.touch(c->wire.core.ctx, t, (vs_gva){hva}, ref);
}

/* An entry's flags are set, as the processor it emulates sets them. */
static void flag(struct vs_tcg *c, struct vs_txn *t, uint64_t hva, uint64_t hpa, uint64_t entry,
                 uint64_t flags)
{
    if ((entry & flags) != flags) {
        touch(c, t, hva, VS_REF_WRITE);
        vs_phys_write64(c->wire.phys, (vs_hpa){hpa}, entry | flags);
    }
}

/* Entry by entry: mmu_translate of QEMU's target/i386. */
static bool walk(struct vs_tcg *c, struct vs_txn *t, struct walk *w)
{
    struct vs_tcg_tables g;
    c->wire.tables(c->wire.ctx, &g);
    const struct vs_radix_format *f = g.format;
    uint64_t table = g.root, rights = VS_RIGHTS, hva, hpa;
    if (!vs_radix_reaches(f, w->gva)) {
        w->fault->fault = VS_FAULT_GENERAL_PROTECTION;
        return false;
    }
    for (unsigned level = f->levels; level; level--) {
        const uint64_t at = table + vs_radix_offset(f, level, w->gva);
        if (!c->wire.memory(c->wire.ctx, at)) {
            return no_memory(w, at, true);
        }
        if (!c->wire.ram(c->wire.ctx, t, at, &hva, &hpa)) {
            c->exhausted = true;
            return false;
        }
        c->count[VS_CNT_tcg_walked]++;
        c->wire.rounds(c->wire.ctx, t, VS_TCG_WALK, 1);
        touch(c, t, hva, VS_REF_READ);
        const uint64_t entry = vs_phys_read64(c->wire.phys, (vs_hpa){hpa});
        if (!(entry & f->present)) {
            return page_fault(w, false, false);
        }
        const bool leaf = vs_radix_is_leaf(f, level, entry);
        if (entry & vs_radix_reserved(f, level, leaf, g.physical_bits)) {
            return page_fault(w, true, true);
        }
        rights &= vs_radix_rights(f, leaf, entry) | g.supervisor;
        if (!leaf) {
            flag(c, t, hva, hpa, entry, f->accessed);
            table = entry & f->address;
            continue;
        }
        if (!(rights & right_of[w->ref]) || !(rights & VS_RIGHT_READ)) {
            return page_fault(w, true, false);
        }
        w->dirty = w->ref == VS_REF_WRITE || entry & f->dirty;
        flag(c, t, hva, hpa, entry, f->accessed | (w->dirty ? f->dirty : 0));
        w->shift = vs_radix_level_shift(f, level);
        const uint64_t mask = (1ull << w->shift) - 1u;
        w->gpa = (entry & f->address & ~mask) | (w->gva & mask);
        w->rights = rights;
        return true;
    }
    return page_fault(w, false, false); /* a format without levels */
}

/* Where an entry of the software TLB lies; the process has got memory for all of the table. */
static vs_hpa entry_at(const struct vs_tcg *c, unsigned kind, uint64_t index)
{
    const uint64_t offset = index * VS_TCG_ENTRY_BYTES;
    return (vs_hpa){c->table_page[kind][offset >> VS_TCG_PAGE_SHIFT] + (offset & (PAGE - 1u))};
}

/* The inline check, whose last load and whose addend are the entry's. */
static void check(struct vs_tcg *c, struct vs_txn *t, uint64_t gva, unsigned kind)
{
    const struct vs_tcg_tlb *tlb = &c->tlb[kind];
    vs__tcg_work(c, t, VS_ACC_tcg_access, c->config.access);
    vs_mem_touches_on(&c->wire.mem, t, entry_at(c, kind, vs_tcg_tlb_index(tlb, gva)),
                      VS_TCG_ENTRY_BYTES, VS_REF_READ,
                      (uint16_t)(c->base + VS_ACC_tcg_access_lines));
}

/* The walk, and the entry that it makes. */
static const struct vs_tcg_entry *fill(struct vs_tcg *c, struct vs_txn *t, uint64_t gva,
                                       enum vs_ref ref, unsigned kind, struct vs_translation *fault)
{
    struct walk w = {.gva = gva, .ref = ref, .fault = fault};
    const struct vs_tcg_entry *e = NULL;
    if (c->wire.before_walk) {
        c->wire.before_walk(c->wire.ctx, gva);
    }
    *fault = (struct vs_translation){.gva = {gva}};
    c->count[VS_CNT_tcg_fills]++;
    vs_txn_settle(t);
    vs_open(t, vs__tcg_op(VS_TCG_FILL_OP));
    c->wire.path(c->wire.ctx, t, VS_TCG_SLOW);
    if (walk(c, t, &w) && (c->wire.memory(c->wire.ctx, w.gpa) || no_memory(&w, w.gpa, false))) {
        const uint32_t may = (uint32_t)(w.dirty ? w.rights : w.rights & ~(uint64_t)VS_RIGHT_WRITE);
        c->wire.path(c->wire.ctx, t, VS_TCG_FILL);
        e = vs_tcg_tlb_put(&c->tlb[kind], gva, w.gpa, may, w.shift);
        vs_mem_touches_on(&c->wire.mem, t, entry_at(c, kind, vs_tcg_tlb_index(&c->tlb[kind], gva)),
                          VS_TCG_ENTRY_BYTES, VS_REF_WRITE,
                          (uint16_t)(c->base + VS_ACC_tcg_access_lines));
    }
    vs_close(t);
    return e;
}

bool vs_tcg_translate(struct vs_tcg *c, struct vs_txn *t, uint64_t gva, uint32_t bytes,
                      enum vs_ref ref, bool kernel, struct vs_tcg_place *out,
                      struct vs_translation *fault)
{
    const unsigned kind = !kernel;
    struct vs_tcg_tlb *tlb = &c->tlb[kind];
    const struct vs_tcg_entry *e = vs_tcg_tlb_find(tlb, gva, right_of[ref]);
    uint64_t hpa;
    if (ref != VS_REF_FETCH) {
        check(c, t, gva, kind);
    }
    if (e) {
        c->count[VS_CNT_tcg_hits] += ref != VS_REF_FETCH;
    } else {
        e = vs_tcg_tlb_victim(tlb, gva, right_of[ref]);
        if (e) {
            c->count[VS_CNT_tcg_victim_hits]++;
            c->wire.path(c->wire.ctx, t, VS_TCG_SLOW);
        } else {
            e = fill(c, t, gva, ref, kind, fault);
        }
    }
    if (!e) {
        return false;
    }
    out->gpa = e->gpa | (gva & (PAGE - 1u));
    if (!c->wire.ram(c->wire.ctx, t, out->gpa, &out->hva, &hpa)) {
        c->exhausted = true;
        return false;
    }
    if (ref == VS_REF_WRITE) {
        c->wire.written(c->wire.ctx, t, out->gpa, bytes);
    }
    return true;
}

/* Lines that a flush writes: of so many bytes from the start of some pages. */
static void write_lines(struct vs_tcg *c, struct vs_txn *t, const uint64_t *page, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes; done += PAGE) {
        vs_mem_touches_on(&c->wire.mem, t, (vs_hpa){page[done >> VS_TCG_PAGE_SHIFT]},
                          bytes - done < PAGE ? bytes - done : PAGE, VS_REF_WRITE,
                          (uint16_t)(c->base + VS_ACC_tcg_flush_lines));
    }
}

/* The process gets memory for a table that has grown; false: there is none. */
static bool grow(struct vs_tcg *c, unsigned kind)
{
    const uint64_t bytes = (uint64_t)VS_TCG_ENTRY_BYTES << c->tlb[kind].bits,
                   pages = (bytes + PAGE - 1u) >> VS_TCG_PAGE_SHIFT;
    while (c->table_pages[kind] < pages) {
        if (!c->wire.frame(c->wire.ctx, &c->table_page[kind][c->table_pages[kind]])) {
            c->exhausted = true;
            return false;
        }
        c->table_pages[kind]++;
    }
    return true;
}

/* One table is emptied, and its size follows its use. */
static void flush_table(struct vs_tcg *c, struct vs_txn *t, unsigned kind)
{
    struct vs_tcg_tlb *tlb = &c->tlb[kind];
    c->wire.path(c->wire.ctx, t, VS_TCG_FLUSH);
    const int change = vs_tcg_tlb_flush(tlb, vs_now(t).v);
    c->count[VS_CNT_tcg_flushes]++;
    c->count[VS_CNT_tcg_grown] += change > 0;
    c->count[VS_CNT_tcg_shrunk] += change < 0;
    if (grow(c, kind)) {
        write_lines(c, t, c->table_page[kind], (uint64_t)VS_TCG_ENTRY_BYTES << tlb->bits);
    }
}

void vs_tcg_flush(struct vs_tcg *c, struct vs_txn *t)
{
    vs_txn_settle(t);
    vs_open(t, vs__tcg_op(VS_TCG_FLUSH_OP));
    for (unsigned kind = 0; kind < 2u; kind++) {
        if (c->tlb[kind].dirty) {
            flush_table(c, t, kind);
        } else {
            c->count[VS_CNT_tcg_elided]++;
        }
    }
    c->wire.forget(c->wire.ctx, t);
    vs_close(t);
}

void vs_tcg_flush_page(struct vs_tcg *c, struct vs_txn *t, uint64_t gva)
{
    vs_txn_settle(t);
    vs_open(t, vs__tcg_op(VS_TCG_FLUSH_OP));
    c->count[VS_CNT_tcg_page_flushes]++;
    c->wire.path(c->wire.ctx, t, VS_TCG_FLUSH_PAGE);
    for (unsigned kind = 0; kind < 2u; kind++) {
        if (!vs_tcg_tlb_flush_page(&c->tlb[kind], gva)) {
            flush_table(c, t, kind);
        }
    }
    c->wire.forget_page(c->wire.ctx, t, gva - PAGE); /* a block may reach into the next page */
    c->wire.forget_page(c->wire.ctx, t, gva);
    vs_close(t);
}

bool vs__tcg_memory(struct vs_tcg *c)
{
    return grow(c, 0) && grow(c, 1) && c->wire.frame(c->wire.ctx, &c->state_page);
}
