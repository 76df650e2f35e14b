/* SPDX-License-Identifier: MIT */
/* The configuration space: what it holds, what of it can be written, and what a write does. */
#include "pcie/config.h"

#include "virtsim/port/pasid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VENDOR 0x00u
#define DEVICE 0x02u
#define COMMAND 0x04u
#define STATUS 0x06u
#define CLASS 0x08u
#define BAR0 0x10u
#define CAPABILITIES 0x34u
#define COMMAND_MEMORY 0x2u
#define COMMAND_MASTER 0x4u
#define STATUS_LIST 0x10u
#define BAR_WIDE 0x4u
#define BAR_PREFETCH 0x8u
#define BAR_FLAGS 0xfu
#define CAP_EXPRESS 0x10u
#define CAP_MSIX 0x11u
#define EXT_SRIOV 0x10u
#define EXT_ATS 0x0fu
#define EXT_PRI 0x13u
#define EXT_PASID 0x1bu
/* PCI Express capability */
#define EXPRESS_DEVCAP (VS_PCI_EXPRESS + 0x04u)
#define EXPRESS_DEVCTL (VS_PCI_EXPRESS + 0x08u)
#define EXPRESS_LNKCAP (VS_PCI_EXPRESS + 0x0cu)
#define EXPRESS_LNKSTA (VS_PCI_EXPRESS + 0x12u)
#define DEVCAP_FLR (1u << 28)
#define DEVCTL_FLR (1u << 15)
/* MSI-X capability */
#define MSIX_CONTROL (VS_PCI_MSIX + 2u)
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_ENTRY 16u
/* SR-IOV capability */
#define SRIOV_CONTROL (VS_PCI_SRIOV + 0x08u)
#define SRIOV_INITIAL (VS_PCI_SRIOV + 0x0cu)
#define SRIOV_TOTAL (VS_PCI_SRIOV + 0x0eu)
#define SRIOV_NUM (VS_PCI_SRIOV + 0x10u)
#define SRIOV_FIRST (VS_PCI_SRIOV + 0x14u)
#define SRIOV_STRIDE (VS_PCI_SRIOV + 0x16u)
#define SRIOV_DEVICE (VS_PCI_SRIOV + 0x1au)
#define SRIOV_PAGES (VS_PCI_SRIOV + 0x1cu)
#define SRIOV_PAGE (VS_PCI_SRIOV + 0x20u)
#define SRIOV_BAR (VS_PCI_SRIOV + 0x24u)
#define SRIOV_ENABLE 1u
#define SRIOV_MEMORY 8u

/* ATS capability: the queue depth of 0 means 32; translation requests need not be page-aligned */
#define ATS_UNIT 0x1fu /* smallest translation unit, of the physical function */
/* page request capability */
#define PRI_STOPPED 0x100u
#define PRI_PASID 0x8000u /* PRG Response PASID Required */

/* Reads a register of configuration space. */
static uint64_t get(const uint8_t *space, unsigned offset, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, space + offset, bytes); /* little-endian, as the host is and the bus too */
    return v;
}

/* Writes a register of configuration space. */
static void put(uint8_t *space, unsigned offset, unsigned bytes, uint64_t v)
{
    memcpy(space + offset, &v, bytes);
}

/* ---- what a function has ---- */

const char *vs_pci_bar_name(const struct vs_pci_bar *bar, unsigned i, bool vf,
                            char name[VS_PCI_BAR_NAME])
{
    snprintf(name, VS_PCI_BAR_NAME, "%s%sBAR %u of the %s function", bar->stated ? bar->stated : "",
             bar->stated ? ": " : "", i, vf ? "virtual" : "physical");
    return name;
}

/* Those of a physical function, or of its virtual ones. */
static void check_bars(const struct vs_pci_bar *bar, bool vf, struct vs_errors *errors)
{
    uint64_t least = vf ? VS_PCI_VF_LEAST : 16;
    char name[VS_PCI_BAR_NAME];
    for (unsigned i = 0; i < VS_PCI_BARS; i++) {
        uint64_t b = bar[i].bytes;
        if (b && (b & (b - 1u) || b < least || (!bar[i].wide && b > 1u << 31))) {
            vs_error(errors,
                     "%s, %llu bytes: its memory is a power of two, %llu bytes at least, and "
                     "2 GiB at most in 32 bits",
                     vs_pci_bar_name(&bar[i], i, vf, name), (unsigned long long)b,
                     (unsigned long long)least);
        }
        if (b && bar[i].wide && (i + 1u == VS_PCI_BARS || bar[i + 1u].bytes)) {
            vs_error(errors, "%s has 64 bits and needs the next one, which is another's",
                     vs_pci_bar_name(&bar[i], i, vf, name));
        }
    }
}

void vs_pci_check(const struct vs_pci_identity *id, struct vs_errors *errors)
{
    const struct vs_pci_sriov *s = &id->sriov;
    check_bars(id->bar, false, errors);
    check_bars(s->bar, true, errors);
    const struct vs_pci_bar *bar = id->msix_bar < VS_PCI_BARS ? &id->bar[id->msix_bar] : NULL;
    uint64_t room = bar ? bar->bytes : 0;
    uint64_t table = id->table + (uint64_t)id->vectors * MSIX_ENTRY,
             bits = id->pending + (id->vectors + 63u) / 64u * 8u;
    bool apart = table <= id->pending || bits <= id->table;
    if (id->vectors && (table > room || bits > room || !apart)) {
        vs_error(errors,
                 "%s%sMSI-X: %u vectors with a table at 0x%x and pending bits at 0x%x do not fit "
                 "into the %llu bytes of BAR %u",
                 bar && bar->stated ? bar->stated : "", bar && bar->stated ? ": " : "", id->vectors,
                 id->table, id->pending, (unsigned long long)room, id->msix_bar);
    }
    if (s->initial > s->total) {
        vs_error(errors, "SR-IOV: InitialVFs = %u, but TotalVFs = %u", s->initial, s->total);
    }
}

/* Lays out BARs, whose writable bits say their size. */
static void lay_bars(struct vs_pci_function *f, unsigned at, const struct vs_pci_bar *bar)
{
    for (unsigned i = 0; i < VS_PCI_BARS; i++) {
        if (bar[i].bytes) {
            unsigned bytes = bar[i].wide ? 8 : 4;
            put(f->space, at + 4u * i, 4,
                (bar[i].wide ? BAR_WIDE : 0) | (bar[i].prefetch ? BAR_PREFETCH : 0));
            put(f->writable, at + 4u * i, bytes, ~(bar[i].bytes - 1u));
        }
    }
}

/* log2 of bytes / 128, as device control has sizes */
static uint64_t size_code(uint32_t bytes)
{
    uint64_t code = 0;
    while (128u << code < bytes) {
        code++;
    }
    return code;
}

/* Lays out the PCI Express capability. */
static void lay_express(struct vs_pci_function *f)
{
    const struct vs_pci_identity *id = &f->id;
    uint64_t link = id->generation | id->width << 4;
    put(f->space, VS_PCI_EXPRESS, 1, CAP_EXPRESS);
    put(f->space, VS_PCI_EXPRESS + 2u, 2, 2); /* version 2, an endpoint */
    put(f->space, EXPRESS_DEVCAP, 4, size_code(id->mps) | DEVCAP_FLR);
    put(f->space, EXPRESS_DEVCTL, 2, size_code(id->mps) << 5 | size_code(id->mrrs) << 12);
    put(f->space, EXPRESS_LNKCAP, 4, link);
    put(f->space, EXPRESS_LNKSTA, 2, link);
}

/* Lays out the MSI-X capability, its table and its pending bits. */
static void lay_msix(struct vs_pci_function *f)
{
    const struct vs_pci_identity *id = &f->id;
    put(f->space, VS_PCI_EXPRESS + 1u, 1, VS_PCI_MSIX);
    put(f->space, VS_PCI_MSIX, 1, CAP_MSIX);
    put(f->space, MSIX_CONTROL, 2, id->vectors - 1u);
    put(f->writable, MSIX_CONTROL, 2, MSIX_ENABLE | MSIX_MASK_ALL);
    put(f->space, VS_PCI_MSIX + 4u, 4, id->table | id->msix_bar);
    put(f->space, VS_PCI_MSIX + 8u, 4, id->pending | id->msix_bar);
    for (uint32_t i = 0; i < id->vectors; i++) {
        f->msix[i] = (struct vs_msix_entry){0, 0, 1}; /* masked */
    }
    memset(f->pending, 0, (id->vectors + 63u) / 64u * 8u);
}

/* Lays out the SR-IOV capability. */
static void lay_sriov(struct vs_pci_function *f)
{
    const struct vs_pci_sriov *s = &f->id.sriov;
    put(f->space, VS_PCI_SRIOV, 4, /* version 1, and the next one */
        EXT_SRIOV | 1u << 16);
    put(f->space, SRIOV_INITIAL, 2, s->initial);
    put(f->space, SRIOV_TOTAL, 2, s->total);
    put(f->space, SRIOV_FIRST, 2, s->first);
    put(f->space, SRIOV_STRIDE, 2, s->stride);
    put(f->space, SRIOV_DEVICE, 2, s->device);
    put(f->space, SRIOV_PAGES, 4, 1); /* 4 KiB */
    put(f->space, SRIOV_PAGE, 4, 1);
    put(f->writable, SRIOV_CONTROL, 2, SRIOV_ENABLE | SRIOV_MEMORY);
    put(f->writable, SRIOV_NUM, 2, 0xffff);
    lay_bars(f, SRIOV_BAR, s->bar);
}

unsigned vs_pci_ats_at(const struct vs_pci_function *f)
{
    return !f->id.ats ? 0 : f->id.sriov.total ? VS_PCI_ATS : VS_PCI_ATS_VF;
}

bool vs_pci_ats(const struct vs_pci_function *f)
{
    unsigned at = vs_pci_ats_at(f);
    return at && get(f->space, at + VS_PCI_ATS_CONTROL, 2) & VS_PCI_ATS_ENABLE;
}

/* Where an extended capability behind the first ones is: each of them has 16 bytes. */
static unsigned behind(const struct vs_pci_function *f, unsigned others)
{
    return (f->id.sriov.total ? VS_PCI_ATS : VS_PCI_ATS_VF) + 16u * others;
}

unsigned vs_pci_pri_at(const struct vs_pci_function *pf)
{
    return pf->id.page_requests ? behind(pf, pf->id.ats) : 0;
}

unsigned vs_pci_pasid_at(const struct vs_pci_function *pf)
{
    return pf->id.pasid_width ? behind(pf, pf->id.ats + (pf->id.page_requests ? 1u : 0)) : 0;
}

bool vs_pci_may_prefix(const struct vs_pci_function *pf, uint32_t prefix)
{
    unsigned at = vs_pci_pasid_at(pf);
    uint64_t on = at ? get(pf->space, at + VS_PCI_PASID_CONTROL, 2) : 0;
    return on & VS_PCI_PASID_ENABLE && !((prefix & VS_PASID_MASK) >> pf->id.pasid_width) &&
           (on & VS_PCI_PASID_EXECUTE || !(prefix & VS_PASID_EXECUTE)) &&
           (on & VS_PCI_PASID_PRIVILEGED || !(prefix & VS_PASID_PRIVILEGED));
}

/* Begins an extended capability of version 1, and enters it behind the one before it. */
static void chain(struct vs_pci_function *f, unsigned at, unsigned id)
{
    unsigned last = VS_PCI_SRIOV;
    put(f->space, at, 4, id | 1u << 16);
    while (last != at && get(f->space, last, 4) >> 20) {
        last = (unsigned)(get(f->space, last, 4) >> 20);
    }
    if (last != at) {
        put(f->space, last, 4, get(f->space, last, 4) | at << 20);
    }
}

/* Lays out the page request capability: responses carry the PASID of their request. */
static void lay_pri(struct vs_pci_function *f)
{
    unsigned at = vs_pci_pri_at(f);
    chain(f, at, EXT_PRI);
    put(f->space, at + VS_PCI_PRI_STATUS, 2, PRI_STOPPED | (f->id.pasid_width ? PRI_PASID : 0));
    put(f->space, at + VS_PCI_PRI_CAPACITY, 4, f->id.page_requests);
    put(f->writable, at + VS_PCI_PRI_CONTROL, 2, VS_PCI_PRI_ENABLE | VS_PCI_PRI_RESET);
    put(f->writable, at + VS_PCI_PRI_ALLOCATION, 4, UINT32_MAX);
}

/* Lays out the PASID capability. */
static void lay_pasid(struct vs_pci_function *f)
{
    unsigned at = vs_pci_pasid_at(f);
    uint64_t more = (f->id.pasid_execute ? VS_PCI_PASID_EXECUTE : 0) |
                    (f->id.pasid_privileged ? VS_PCI_PASID_PRIVILEGED : 0);
    chain(f, at, EXT_PASID);
    put(f->space, at + 4u, 2, more | (uint64_t)f->id.pasid_width << 8);
    put(f->writable, at + VS_PCI_PASID_CONTROL, 2, VS_PCI_PASID_ENABLE | more);
}

/* What a write of the page request registers does besides: a reset or being enabled clears what
 * went wrong, status bits are cleared by writing 1. */
static void write_pri(struct vs_pci_function *f, unsigned offset, unsigned bytes, uint64_t value)
{
    unsigned at = vs_pci_pri_at(f), status = at + VS_PCI_PRI_STATUS;
    uint64_t control = at ? get(f->space, at + VS_PCI_PRI_CONTROL, 2) : 0, now;
    if (!at || offset + bytes <= at || offset >= at + 16u) {
        return;
    }
    now = get(f->space, status, 2);
    if (offset <= status && offset + bytes > status) {
        now &= ~(value >> 8u * (status - offset) & (VS_PCI_PRI_FAILURE | VS_PCI_PRI_UNEXPECTED));
    }
    if (control & VS_PCI_PRI_RESET) { /* reads as 0 */
        now &= ~(uint64_t)(VS_PCI_PRI_FAILURE | VS_PCI_PRI_UNEXPECTED);
        put(f->space, at + VS_PCI_PRI_CONTROL, 2, control & ~(uint64_t)VS_PCI_PRI_RESET);
    }
    now = control & VS_PCI_PRI_ENABLE ? now & ~(uint64_t)PRI_STOPPED : now | PRI_STOPPED;
    put(f->space, status, 2, now);
}

void vs_pci_page_response(struct vs_pci_function *pf, bool unexpected, bool failed)
{
    unsigned at = vs_pci_pri_at(pf);
    if (at) {
        put(pf->space, at + VS_PCI_PRI_STATUS, 2,
            get(pf->space, at + VS_PCI_PRI_STATUS, 2) | (unexpected ? VS_PCI_PRI_UNEXPECTED : 0) |
                (failed ? VS_PCI_PRI_FAILURE : 0));
    }
}

/* Lays out the ATS capability. */
static void lay_ats(struct vs_pci_function *f)
{
    unsigned at = vs_pci_ats_at(f);
    chain(f, at, EXT_ATS);
    put(f->writable, at + VS_PCI_ATS_CONTROL, 2,
        VS_PCI_ATS_ENABLE | (f->id.virtual_function ? 0 : ATS_UNIT));
}

/* Everything as a reset leaves it. */
static void lay(struct vs_pci_function *f)
{
    const struct vs_pci_identity *id = &f->id;
    memset(f->space, 0, sizeof f->space);
    memset(f->writable, 0, sizeof f->writable);
    /* a virtual function says all ones, software knows it from its physical function's capability
     */
    put(f->space, VENDOR, 2, id->virtual_function ? 0xffffu : id->vendor);
    put(f->space, DEVICE, 2, id->virtual_function ? 0xffffu : id->device);
    put(f->space, CLASS, 4, (uint64_t)id->class_code << 8);
    put(f->space, STATUS, 2, STATUS_LIST);
    put(f->space, CAPABILITIES, 1, VS_PCI_EXPRESS);
    put(f->writable, COMMAND, 2, COMMAND_MASTER | (id->virtual_function ? 0 : COMMAND_MEMORY));
    if (!id->virtual_function) {
        lay_bars(f, BAR0, id->bar);
    }
    lay_express(f);
    if (id->vectors) {
        lay_msix(f);
    }
    if (id->sriov.total) {
        lay_sriov(f);
    }
    if (id->ats) {
        lay_ats(f);
    }
    if (id->page_requests) {
        lay_pri(f);
    }
    if (id->pasid_width) {
        lay_pasid(f);
    }
}

enum vs_status vs_pci_init(struct vs_pci_function *f, const struct vs_pci_identity *id,
                           uint16_t requester, const struct vs_function_port *device)
{
    memset(f, 0, sizeof *f);
    f->id = *id;
    f->requester = requester;
    f->device = *device;
    if (id->vectors) {
        f->msix = calloc(id->vectors, sizeof *f->msix);
        f->pending = calloc((id->vectors + 63u) / 64u, sizeof *f->pending);
        if (!f->msix || !f->pending) {
            return VS_E_NOMEM;
        }
    }
    lay(f);
    return VS_OK;
}

void vs_pci_free(struct vs_pci_function *f)
{
    free(f->msix);
    free(f->pending);
}

/* ---- requests ---- */

uint64_t vs_pci_read(const struct vs_pci_function *f, unsigned offset, unsigned bytes, vs_ps at)
{
    uint64_t ones = VS_PCI_NOBODY >> (64u - 8u * bytes);
    if (at.v < f->ready_ps) {
        return ones; /* it asks to be asked again; the root port tells software so */
    }
    return offset + bytes <= VS_PCI_SPACE ? get(f->space, offset, bytes) : 0;
}

void vs_pci_reset(struct vs_pci_function *f, vs_ps at, uint64_t reset_ps)
{
    lay(f);
    f->ready_ps = at.v + reset_ps;
    if (f->device.reset) {
        f->device.reset(f->device.ctx, at);
    }
}

static void send_pending(struct vs_pci_function *f, vs_ps at);

bool vs_pci_write(struct vs_pci_function *f, unsigned offset, unsigned bytes, uint64_t value,
                  vs_ps at, uint64_t reset_ps)
{
    if (offset + bytes > VS_PCI_SPACE || at.v < f->ready_ps) {
        return true;
    }
    if (offset <= EXPRESS_DEVCTL && offset + bytes >= EXPRESS_DEVCTL + 2u &&
        value >> 8u * (EXPRESS_DEVCTL - offset) & DEVCTL_FLR) {
        vs_pci_reset(f, at, reset_ps);
        return true;
    }
    uint64_t old = get(f->space, offset, bytes), may = get(f->writable, offset, bytes),
             now = (old & ~may) | (value & may);
    uint8_t was[VS_PCI_SPACE];
    bool services = vs_pci_ats(f);
    memcpy(was, f->space, sizeof was);
    put(f->space, offset, bytes, now);
    if (f->id.sriov.total) {
        uint64_t vfs = get(f->space, SRIOV_NUM, 2);
        bool on = get(was, SRIOV_CONTROL, 2) & SRIOV_ENABLE;
        if (vfs > f->id.sriov.total || (on && vfs != get(was, SRIOV_NUM, 2))) {
            memcpy(f->space, was, sizeof was);
            return vfs <= f->id.sriov.total; /* while they are enabled, their number stays */
        }
    }
    write_pri(f, offset, bytes, value);
    if (f->services && services != vs_pci_ats(f)) {
        f->services(f->send_ctx, f);
    }
    send_pending(f, at);
    return true;
}

bool vs_pci_master(const struct vs_pci_function *f)
{
    return get(f->space, COMMAND, 2) & COMMAND_MASTER;
}

uint32_t vs_pci_vfs(const struct vs_pci_function *pf)
{
    bool on = pf->id.sriov.total && get(pf->space, SRIOV_CONTROL, 2) & SRIOV_ENABLE;
    return on ? (uint32_t)get(pf->space, SRIOV_NUM, 2) : 0;
}

bool vs_pci_memory(const struct vs_pci_function *f, const struct vs_pci_function *pf)
{
    return f->id.virtual_function
               ? vs_pci_vfs(pf) && get(pf->space, SRIOV_CONTROL, 2) & SRIOV_MEMORY
               : (get(f->space, COMMAND, 2) & COMMAND_MEMORY) != 0;
}

bool vs_pci_window(const struct vs_pci_function *f, const struct vs_pci_function *pf,
                   uint32_t index, unsigned bar, uint64_t *at, uint64_t *bytes)
{
    const struct vs_pci_bar *b = f->id.virtual_function ? pf->id.sriov.bar : f->id.bar;
    if (bar >= VS_PCI_BARS || !b[bar].bytes) {
        return false;
    }
    const uint8_t *reg = f->id.virtual_function ? pf->space + SRIOV_BAR : f->space + BAR0;
    *bytes = b[bar].bytes;
    *at = get(reg, 4u * bar, b[bar].wide ? 8 : 4) & ~(uint64_t)BAR_FLAGS;
    *at += f->id.virtual_function ? index * *bytes : 0;
    return true;
}

/* ---- MSI-X ---- */

/* Says whether a vector is masked. */
static bool masked(const struct vs_pci_function *f, uint32_t vector)
{
    return get(f->space, MSIX_CONTROL, 2) & MSIX_MASK_ALL || f->msix[vector].control & 1u;
}

bool vs_msix_fire(struct vs_pci_function *f, uint32_t vector)
{
    if (vector >= f->id.vectors || !(get(f->space, MSIX_CONTROL, 2) & MSIX_ENABLE)) {
        return false;
    }
    if (masked(f, vector)) {
        f->pending[vector / 64u] |= 1ull << vector % 64u;
        return false;
    }
    return true;
}

bool vs_msix_pending(const struct vs_pci_function *f, uint32_t vector)
{
    return f->pending[vector / 64u] >> vector % 64u & 1u;
}

/* What has been kept and is no longer masked goes out. */
static void send_pending(struct vs_pci_function *f, vs_ps at)
{
    bool on = f->id.vectors && get(f->space, MSIX_CONTROL, 2) & MSIX_ENABLE;
    for (uint32_t w = 0; on && w < (f->id.vectors + 63u) / 64u; w++) {
        for (uint32_t v = 64u * w; f->pending[w] && v < 64u * (w + 1u); v++) {
            if (v < f->id.vectors && vs_msix_pending(f, v) && !masked(f, v)) {
                f->pending[w] &= ~(1ull << v % 64u);
                if (f->send) {
                    f->send(f->send_ctx, f, v, at);
                }
            }
        }
    }
}

/* Which entry of the table an offset is in; false: it is not the table's. */
static bool in_table(const struct vs_pci_function *f, unsigned bar, uint64_t offset, uint32_t *v)
{
    uint64_t in = offset - f->id.table;
    *v = (uint32_t)(in / MSIX_ENTRY);
    return f->id.vectors && bar == f->id.msix_bar && offset >= f->id.table &&
           in < (uint64_t)f->id.vectors * MSIX_ENTRY;
}

/* Says whether an access reaches the pending bits. */
static bool in_pending(const struct vs_pci_function *f, unsigned bar, uint64_t offset)
{
    return f->id.vectors && bar == f->id.msix_bar && offset >= f->id.pending &&
           offset - f->id.pending < (f->id.vectors + 63u) / 64u * 8u;
}

uint64_t vs_pci_bar_read(const struct vs_pci_function *f, unsigned bar, uint64_t offset,
                         unsigned bytes, vs_ps at)
{
    uint64_t ones = VS_PCI_NOBODY >> (64u - 8u * bytes);
    uint32_t v;
    if (at.v < f->ready_ps) {
        return ones;
    }
    if (in_table(f, bar, offset, &v)) {
        return get((const uint8_t *)&f->msix[v], offset % MSIX_ENTRY, bytes);
    }
    if (in_pending(f, bar, offset)) {
        return get((const uint8_t *)f->pending, (unsigned)(offset - f->id.pending), bytes);
    }
    return f->device.bar_read ? f->device.bar_read(f->device.ctx, bar, offset, bytes, at) & ones
                              : 0;
}

void vs_pci_bar_write(struct vs_pci_function *f, unsigned bar, uint64_t offset, unsigned bytes,
                      uint64_t value, vs_ps at)
{
    uint32_t v;
    if (at.v < f->ready_ps || in_pending(f, bar, offset)) {
        return; /* pending bits are the function's */
    }
    if (in_table(f, bar, offset, &v)) {
        put((uint8_t *)&f->msix[v], offset % MSIX_ENTRY, bytes, value);
        f->msix[v].address &= ~3ull; /* whole dwords */
        f->msix[v].control &= 1u;
        send_pending(f, at);
    } else if (f->device.bar_write) {
        f->device.bar_write(f->device.ctx, bar, offset, bytes, value, at);
    }
}
