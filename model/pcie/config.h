/* SPDX-License-Identifier: MIT */
/*
 * A function's configuration space, as software sees every device: a type 0 header, base address
 * registers, the PCI Express capability with function level reset, MSI-X with its table and pending
 * bits, SR-IOV, translation services, PASIDs and page requests. What is behind the registers is the
 * device's (port/function.h).
 *
 * Encodings: PCI Local Bus Specification 3.0, 6.1, 6.2.5 and 6.8.2; PCI Express Base Specification
 * 3.0, 7.5 to 7.8 and 6.6.2 (reset), 4.0, 10.5.1 (ATS), 10.5.2 (PRI), 7.8.8 (PASID); Single Root
 * I/O Virtualization 1.1, 2.1 and 3.3; Linux include/uapi/linux/pci_regs.h has the same numbers.
 */
#ifndef VIRTSIM_PCIE_CONFIG_H
#define VIRTSIM_PCIE_CONFIG_H

#include "virtsim/port/function.h"
#include "virtsim/status.h"

#include <stdbool.h>

#define VS_PCI_SPACE 0x200u      /* bytes that hold something; the rest of the 4 KiB reads as 0 */
#define VS_PCI_CONFIG 0x1000u    /* of a function */
#define VS_PCI_VECTORS 2048u     /* of MSI-X, at most */
#define VS_PCI_NOBODY UINT64_MAX /* what a read is answered that nobody completes, of any size */

/* Where the capabilities are. */
#define VS_PCI_EXPRESS 0x40u
#define VS_PCI_MSIX 0x80u
#define VS_PCI_SRIOV 0x100u
#define VS_PCI_ATS 0x140u    /* behind SR-IOV; a function without that has it at VS_PCI_ATS_VF */
#define VS_PCI_ATS_VF 0x100u /* extended capabilities begin there */
#define VS_PCI_ATS_CONTROL 6u
#define VS_PCI_ATS_ENABLE 0x8000u
#define VS_PCI_PASID_CONTROL 6u
#define VS_PCI_PASID_ENABLE 1u
#define VS_PCI_PASID_EXECUTE 2u /* supported, and enabled */
#define VS_PCI_PASID_PRIVILEGED 4u
#define VS_PCI_PRI_CONTROL 4u
#define VS_PCI_PRI_ENABLE 1u
#define VS_PCI_PRI_RESET 2u
#define VS_PCI_PRI_STATUS 6u
#define VS_PCI_PRI_FAILURE 1u    /* RF: a response said so */
#define VS_PCI_PRI_UNEXPECTED 2u /* UPRGI: a response to no request that is under way */
#define VS_PCI_PRI_CAPACITY 8u
#define VS_PCI_PRI_ALLOCATION 12u

struct vs_msix_entry {
    uint64_t address;
    uint32_t data, control;
};

struct vs_pci_function {
    struct vs_pci_identity id;
    uint16_t requester;
    uint8_t space[VS_PCI_SPACE], writable[VS_PCI_SPACE];
    struct vs_msix_entry *msix;
    uint64_t *pending; /* a bit for each vector */
    uint64_t ready_ps; /* a reset is over then: until then nobody answers */
    struct vs_function_port device;
    /* A vector that was pending and may be sent now; NULL: nobody wants it. */
    void (*send)(void *ctx, const struct vs_pci_function *f, uint32_t vector, vs_ps at);
    void *send_ctx;
    /* Translation services have been switched off, or on; NULL: nobody wants to know. */
    void (*services)(void *ctx, const struct vs_pci_function *f);
};

#define VS_PCI_BAR_NAME 256u /* characters of a register's name, who stated it included */
#define VS_PCI_VF_LEAST                                                                            \
    4096u /* bytes: virtual functions' memory is apart by pages (SR-IOV 2.1.1.1) */
/* What a base address register is called in errors. */
const char *vs_pci_bar_name(const struct vs_pci_bar *bar, unsigned i, bool vf,
                            char name[VS_PCI_BAR_NAME]);
/* Adds what no function can be: sizes that are no powers of two, a table outside of its register's
 * memory, more virtual functions than the requester ids of eight buses. */
void vs_pci_check(const struct vs_pci_identity *id, struct vs_errors *errors);
enum vs_status vs_pci_init(struct vs_pci_function *f, const struct vs_pci_identity *id,
                           uint16_t requester, const struct vs_function_port *device);
void vs_pci_free(struct vs_pci_function *f);

/* Configuration requests of 1, 2 or 4 bytes, naturally aligned. A read that nobody answers is all
 * ones. A write changes what may be written. Returns false, and has changed nothing, when software
 * asks for more virtual functions than TotalVFs. */
uint64_t vs_pci_read(const struct vs_pci_function *f, unsigned offset, unsigned bytes, vs_ps at);
bool vs_pci_write(struct vs_pci_function *f, unsigned offset, unsigned bytes, uint64_t value,
                  vs_ps at, uint64_t reset_ps);

/* A function level reset, which takes reset_ps: what was set is gone, what was under way too. */
void vs_pci_reset(struct vs_pci_function *f, vs_ps at, uint64_t reset_ps);

/* Whether the function answers at its memory, and where a register's memory is and how much. A
 * virtual function's is where its physical function `pf` has placed the index-th one's. */
bool vs_pci_memory(const struct vs_pci_function *f, const struct vs_pci_function *pf);
bool vs_pci_window(const struct vs_pci_function *f, const struct vs_pci_function *pf,
                   uint32_t index, unsigned bar, uint64_t *at, uint64_t *bytes);
/* Whether the function may send requests: Bus Master Enable. */
bool vs_pci_master(const struct vs_pci_function *f);
/* Where the ATS capability is, 0: there is none; whether its enable bit is set. */
unsigned vs_pci_ats_at(const struct vs_pci_function *f);
bool vs_pci_ats(const struct vs_pci_function *f);
/* Where the PASID and the page request capability of a physical function are, 0: there is none. */
unsigned vs_pci_pasid_at(const struct vs_pci_function *pf);
unsigned vs_pci_pri_at(const struct vs_pci_function *pf);
/* Whether the device's functions may send a request with this prefix (6.20.1 and 7.8.8): PASID
 * Enable, a PASID below 1 << Max PASID Width, and what it asks for besides is enabled. */
bool vs_pci_may_prefix(const struct vs_pci_function *pf, uint32_t prefix);
/* The physical function's page request interface has got a response to no request that is under way
 * (UPRGI), or Response Failure (RF): its status says so (10.5.2.3). */
void vs_pci_page_response(struct vs_pci_function *pf, bool unexpected, bool failed);
/* NumVFs, once VF Enable is set; else 0. */
uint32_t vs_pci_vfs(const struct vs_pci_function *pf);

/* Accesses to a register's memory: the MSI-X table and its pending bits, else the device's. */
uint64_t vs_pci_bar_read(const struct vs_pci_function *f, unsigned bar, uint64_t offset,
                         unsigned bytes, vs_ps at);
void vs_pci_bar_write(struct vs_pci_function *f, unsigned bar, uint64_t offset, unsigned bytes,
                      uint64_t value, vs_ps at);

/* The device has an interrupt for a vector: whether its message goes out now. A masked one is kept
 * as a pending bit, and sent when it is unmasked; with MSI-X disabled it is lost. */
bool vs_msix_fire(struct vs_pci_function *f, uint32_t vector);
bool vs_msix_pending(const struct vs_pci_function *f, uint32_t vector);

#endif
