/* SPDX-License-Identifier: MIT */
#include "pcie/device.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMAND 0x04u
#define COMMAND_MEMORY_MASTER 0x6u
#define BAR0 0x10u
#define SRIOV_CONTROL (VS_PCI_SRIOV + 0x08u)
#define SRIOV_NUM (VS_PCI_SRIOV + 0x10u)
#define SRIOV_BAR (VS_PCI_SRIOV + 0x24u)
#define SRIOV_ENABLE_MEMORY 9u

enum vs_status vs_pci_device_init(
    struct vs_pci_device *d, const struct vs_pci_identity *physical,
    const struct vs_pci_identity *virtual_function, uint16_t requester, uint64_t reset_ps,
    void (*port)(void *ctx, uint32_t function, struct vs_function_port *out), void *ctx)
{
    const struct vs_pci_sriov *s = &physical->sriov;
    *d = (struct vs_pci_device){NULL, 1u + s->total, reset_ps};
    d->fn = calloc(d->n, sizeof *d->fn);
    enum vs_status status = d->fn ? VS_OK : VS_E_NOMEM;
    for (uint32_t i = 0; !status && i < d->n; i++) {
        struct vs_function_port device = {0};
        port(ctx, i, &device);
        status = vs_pci_init(
            &d->fn[i], i ? virtual_function : physical,
            (uint16_t)(i ? requester + s->first + (i - 1u) * s->stride : requester), &device);
    }
    return status;
}

void vs_pci_device_free(struct vs_pci_device *d)
{
    for (uint32_t i = 0; d->fn && i < d->n; i++) {
        vs_pci_free(&d->fn[i]);
    }
    free(d->fn);
}

/* ---- where registers have their memory ---- */

/* A stretch of addresses that registers of one kind claim: those of all virtual functions lie in a
 * row. */
struct claim {
    uint64_t at, end;
    unsigned bar;
    bool vf;
};

#define CLAIMS (2u * VS_PCI_BARS)

/* The i-th of all registers: the physical function's, then those of its virtual ones. */
static const struct vs_pci_bar *bar_of(const struct vs_pci_identity *physical, unsigned i)
{
    return i < VS_PCI_BARS ? &physical->bar[i] : &physical->sriov.bar[i - VS_PCI_BARS];
}

/* The i-th of all registers, where `at` has it. */
static struct claim claim_of(const struct vs_pci_identity *physical, const struct vs_pci_places *at,
                             unsigned i)
{
    bool vf = i >= VS_PCI_BARS;
    uint64_t first = vf ? at->vf[i - VS_PCI_BARS] : at->pf[i],
             times = vf ? physical->sriov.total : 1u;
    return (struct claim){first, first + bar_of(physical, i)->bytes * times, i % VS_PCI_BARS, vf};
}

/* Whether two stretches have an address in common. */
static bool meet(const struct claim *a, const struct claim *b)
{
    return a->at < b->end && b->at < a->end;
}

struct vs_pci_places vs_pci_layout(const struct vs_pci_identity *physical,
                                   const struct vs_pci_places *stated, uint64_t base)
{
    struct vs_pci_places out = *stated;
    for (unsigned i = 0; i < CLAIMS; i++) {
        uint64_t bytes = bar_of(physical, i)->bytes,
                 *at = i < VS_PCI_BARS ? &out.pf[i] : &out.vf[i - VS_PCI_BARS];
        if (!bytes || *at) {
            continue;
        }
        *at = (base + bytes - 1u) & ~(bytes - 1u);
        for (unsigned k = 0; k < CLAIMS; k++) { /* behind a stated one, then all are asked again */
            struct claim own = claim_of(physical, &out, i), other = claim_of(physical, &out, k);
            if (k != i && other.at && meet(&own, &other)) {
                *at = (other.end + bytes - 1u) & ~(bytes - 1u);
                k = UINT32_MAX;
            }
        }
        base = claim_of(physical, &out, i).end;
    }
    return out;
}

void vs_pci_places_check(const struct vs_pci_identity *physical, const struct vs_pci_places *stated,
                         uint64_t base, struct vs_errors *errors)
{
    static const struct vs_pci_places none;
    struct vs_pci_places free = vs_pci_layout(physical, &none, base);
    for (unsigned i = 0; i < CLAIMS; i++) {
        struct claim own = claim_of(physical, stated, i);
        uint64_t bytes = bar_of(physical, i)->bytes;
        char name[VS_PCI_BAR_NAME], first[VS_PCI_BAR_NAME];
        if (!own.at) {
            continue;
        }
        (void)vs_pci_bar_name(bar_of(physical, i), own.bar, own.vf, name);
        unsigned long long at = own.at, would = claim_of(physical, &free, i).at;
        if (!bytes) {
            vs_error(errors, "%s at 0x%llx has no memory: state its bytes, too", name, at);
            continue;
        }
        if (own.at < base) {
            vs_error(errors,
                     "%s at 0x%llx: addresses below 0x%llx are memory's; firmware would take "
                     "0x%llx",
                     name, at, (unsigned long long)base, would);
        } else if (own.at & (bytes - 1u)) {
            vs_error(errors, "%s at 0x%llx: it lies at a multiple of its size, 0x%llx, as 0x%llx",
                     name, at, (unsigned long long)bytes,
                     (unsigned long long)(own.at & ~(bytes - 1u)));
        }
        for (unsigned k = 0; k < i; k++) {
            struct claim other = claim_of(physical, stated, k);
            if (other.at && meet(&own, &other)) {
                vs_error(errors,
                         "%s would claim 0x%llx to 0x%llx and overlaps %s, which claims 0x%llx to "
                         "0x%llx: behind that there is room from 0x%llx on",
                         name, at, (unsigned long long)own.end - 1u,
                         vs_pci_bar_name(bar_of(physical, k), other.bar, other.vf, first),
                         (unsigned long long)other.at, (unsigned long long)other.end - 1u,
                         (unsigned long long)((other.end + bytes - 1u) & ~(bytes - 1u)));
            }
        }
    }
}

/* Software writes one register. */
static void place(struct vs_pci_function *pf, unsigned offset, const struct vs_pci_bar *bar,
                  uint64_t at)
{
    static const vs_ps never = {UINT64_MAX}; /* before any reset */
    if (!bar->bytes) {
        return;
    }
    (void)vs_pci_write(pf, offset, 4, at & UINT32_MAX, never, 0);
    if (bar->wide) {
        (void)vs_pci_write(pf, offset + 4u, 4, at >> 32, never, 0);
    }
}

void vs_pci_device_place(struct vs_pci_device *d, const struct vs_pci_places *at, uint32_t vfs)
{
    static const vs_ps never = {UINT64_MAX};
    struct vs_pci_function *pf = &d->fn[0];
    for (unsigned i = 0; i < VS_PCI_BARS; i++) {
        place(pf, BAR0 + 4u * i, &pf->id.bar[i], at->pf[i]);
        place(pf, SRIOV_BAR + 4u * i, &pf->id.sriov.bar[i], at->vf[i]);
    }
    (void)vs_pci_write(pf, COMMAND, 2, COMMAND_MEMORY_MASTER, never, 0);
    if (vfs) {
        (void)vs_pci_write(pf, SRIOV_NUM, 2, vfs, never, 0);
        (void)vs_pci_write(pf, SRIOV_CONTROL, 2, SRIOV_ENABLE_MEMORY, never, 0);
    }
    for (uint32_t i = 1; i <= vfs && i < d->n; i++) {
        (void)vs_pci_write(&d->fn[i], COMMAND, 2, COMMAND_MEMORY_MASTER, never, 0);
    }
}

bool vs_pci_device_enabled(const struct vs_pci_device *d, uint32_t function)
{
    return function < d->n && (!function || function <= vs_pci_vfs(&d->fn[0]));
}

uint64_t vs_pci_device_read(const struct vs_pci_device *d, uint32_t function, unsigned offset,
                            unsigned bytes, vs_ps at)
{
    return vs_pci_device_enabled(d, function) ? vs_pci_read(&d->fn[function], offset, bytes, at)
                                              : VS_PCI_NOBODY >> (64u - 8u * bytes);
}

/* Lists the addresses that a device's functions claim. */
static unsigned claims(const struct vs_pci_device *d, struct claim out[CLAIMS])
{
    unsigned n = 0;
    for (unsigned vf = 0; vf < 2 && vf < d->n; vf++) {
        uint64_t times = vf ? vs_pci_vfs(&d->fn[0]) : 1, at, bytes;
        for (unsigned bar = 0; bar < VS_PCI_BARS; bar++) {
            if (times && vs_pci_memory(&d->fn[vf], &d->fn[0]) &&
                vs_pci_window(&d->fn[vf], &d->fn[0], 0, bar, &at, &bytes)) {
                out[n++] = (struct claim){at, at + times * bytes, bar, vf != 0};
            }
        }
    }
    return n;
}

/* Two registers that claim the same address; false: none do. */
static bool overlap(const struct vs_pci_device *d, char *why, size_t room)
{
    struct claim c[CLAIMS];
    unsigned n = claims(d, c);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (meet(&c[i], &c[k])) {
                snprintf(why, room,
                         "BAR %u of the %s function would claim 0x%llx, which BAR %u of the %s "
                         "function has",
                         c[i].bar, c[i].vf ? "virtual" : "physical",
                         (unsigned long long)(c[i].at > c[k].at ? c[i].at : c[k].at), c[k].bar,
                         c[k].vf ? "virtual" : "physical");
                return true;
            }
        }
    }
    return false;
}

/* A physical function whose virtual ones are disabled, or which is reset, has none: they begin as a
 * reset leaves them. */
static void renew(struct vs_pci_device *d, uint32_t before, vs_ps at)
{
    for (uint32_t i = vs_pci_vfs(&d->fn[0]) + 1u; i <= before && i < d->n; i++) {
        vs_pci_reset(&d->fn[i], at, 0);
    }
}

const char *vs_pci_device_write(struct vs_pci_device *d, uint32_t function, unsigned offset,
                                unsigned bytes, uint64_t value, vs_ps at, char *why, size_t room)
{
    if (!vs_pci_device_enabled(d, function)) {
        return NULL;
    }
    struct vs_pci_function *f = &d->fn[function];
    uint32_t before = vs_pci_vfs(&d->fn[0]);
    uint64_t old = vs_pci_read(f, offset, bytes, at);
    if (!vs_pci_write(f, offset, bytes, value, at, d->reset_ps)) {
        snprintf(why, room, "NumVFs = %llu, but TotalVFs = %u",
                 (unsigned long long)(value & 0xffffu), f->id.sriov.total);
        return why;
    }
    if (overlap(d, why, room)) {
        (void)vs_pci_write(f, offset, bytes, old, at, d->reset_ps);
        return why;
    }
    renew(d, before, at);
    return NULL;
}

bool vs_pci_device_claims(const struct vs_pci_device *d, uint64_t address, uint32_t *function,
                          unsigned *bar, uint64_t *offset)
{
    struct claim c[CLAIMS];
    unsigned n = claims(d, c);
    for (unsigned i = 0; i < n; i++) {
        if (address >= c[i].at && address < c[i].end) {
            uint64_t bytes = (c[i].vf ? d->fn[0].id.sriov.bar : d->fn[0].id.bar)[c[i].bar].bytes;
            *function = c[i].vf ? 1u + (uint32_t)((address - c[i].at) / bytes) : 0;
            *bar = c[i].bar;
            *offset = (address - c[i].at) % bytes;
            return true;
        }
    }
    return false;
}
