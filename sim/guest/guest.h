/* SPDX-License-Identifier: MIT */
/* The guest's kernel: its memory, the translations it drops, its interrupts, its drivers. It
 * reaches its processor through sim/cpu and knows no hypervisor. */
#ifndef VIRTSIM_SIM_GUEST_GUEST_H
#define VIRTSIM_SIM_GUEST_GUEST_H

#include "cpu/vcpu.h"

/* space.c: the guest program's memory. Addresses are the program's own. */
uint64_t vs__space_map(struct vs_vcpu *v, const struct vs_request *r);
void vs__space_unmap(struct vs_vcpu *v, uint64_t at, uint64_t bytes);
/* places.c: remembers a region's place (false: no memory); whether one holds the address. */
bool vs__place_add(struct vs_mm *mm, unsigned process, uint64_t at, uint64_t end);
bool vs__place_has(const struct vs_mm *mm, unsigned process, uint64_t at);
void vs__space_protect(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t rights);
/* A large page may serve gva when it is touched for the first time. */
/* Which memory is exhausted, why, and what to set; returns out. */
const char *vs__space_exhausted(const struct vs_vcpu *v, char *out, size_t bytes);
bool vs__space_large(const struct vs_vcpu *v, uint64_t gva);
/* The instruction, with its exit where there is one. */
void vs__space_invlpg(struct vs_vcpu *v, uint64_t at);
uint64_t vs__space_cr3(const struct vs_vcpu *v);
/* Arm: the upper half may have got its root just now. */
void vs__space_upper(struct vs_vcpu *v);
/* The layout for the formats of a configuration; an error where it does not fit. */
void vs__space_layout(struct vs_platform *p, struct vs_errors *errors);
/* Another address space of this vCPU, with the same kernel in it; its number. */
uint64_t vs__space_process(struct vs_vcpu *v);
/* MOV to CR3 with the exit it may have; value: flags of a CR3, or 0 for the present ones. */
void vs__space_load_cr3(struct vs_vcpu *v, uint64_t value);
void vs__space_switch(struct vs_vcpu *v, uint64_t to, enum vs_req_switch how);
/* The platform's tables and frames of one vCPU; VS_E_NOMEM when memory is too small. */
enum vs_status vs__space_make(struct vs_vcpu *v, struct vs_errors *errors);

/* mm/fault.c, see cpu/port.h */
enum vs_fault_end guest_mm_fault(struct vs_vcpu *v, const struct vs_translation *f);
void guest_mm_touch_free(void *ctx, vs_gva at);
/* irq.c, see cpu/port.h */
void guest_irq_handle(struct vs_vcpu *v, uint8_t vector);

/* invalidate.c: the instructions of a guest (or native system), with the exits they may have. */
void vs__vcpu_invpcid(struct vs_vcpu *v);
void vs__vcpu_invlpga(struct vs_vcpu *v);
void vs__vcpu_tlbi_request(struct vs_vcpu *v);
void vs__vcpu_invalidate_page(struct vs_vcpu *v, uint64_t at);
void vs__vcpu_write_cr(struct vs_vcpu *v);
/* One TLBI of a guest, in its VMID; `shareable`: of every core. The DSB that waits for TLBI. */
void vs__vcpu_tlbi(struct vs_vcpu *v, enum vs_tlbi form, bool shareable, uint16_t asid,
                   uint64_t at);
/* As Linux does: everything written, then TLBI of each address of the range (at == end: of the
 * ASID), then wait. */
void vs__vcpu_tlbi_range(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride);
/* Whether the machine's Arm kernels use broadcast forms, or their local ones become that. */
bool vs__vcpu_shareable(const struct vs_vcpu *v);
/* shootdown.c: several vCPUs of one address space. */
bool vs__shootdown_check(const struct vs_platform *p, unsigned n_vcpus, struct vs_errors *errors);
/* Takes [at, end) away from the others; everything when they are equal. `v` may have to wait. */
void vs__shootdown(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride);
/* The handler of the interrupt that asks for it. */
#define VS__SHOOTDOWN_VECTOR 0xfbu /* Linux's CALL_FUNCTION_VECTOR */
void vs__shootdown_serve(struct vs_vcpu *v);
/* A switch to this address space may not keep translations: others have changed it meanwhile. */
bool vs__shootdown_stale(struct vs_vcpu *v, unsigned process);
/* It has no more translations that could matter. */
void vs__shootdown_ended(struct vs_vcpu *v);

/* A new page is cleared through the kernel's map. */
void vs__edit_clear(struct vs_vcpu *v, uint64_t gva, uint64_t bytes);
/* What the kernel stores to give gva the entry that it has now; tables made since `begin` are
 * cleared and entered too. */
void vs__edit_begin(const struct vs_vcpu *v, uint64_t *tables);
void vs__edit_entry(struct vs_vcpu *v, uint64_t gva, uint64_t tables_before);

/* recorded.c: tables and mappings that a recording brings. */
void vs__recorded_tables(struct vs_vcpu *v, const struct vs_recorded_tables *t);
void vs__recorded_place(struct vs_vcpu *v, uint64_t gva, uint64_t pa);
/* Another address space gets the kernel that the present one has. */
enum vs_status vs__space_share_kernel(struct vs_vcpu *v, struct vs_space *to);

/* driver.c: packets through a virtual function. NULL net: the machine has no NIC. */
/* Refuses a request to send or receive where there is no NIC. */
void vs__net_asked(struct vs_vcpu *v);
void vs__net_send(struct vs_vcpu *v);
void vs__net_receive(struct vs_vcpu *v);

/* False, and the run fails, when a range of the vCPU's present address space holds a driver's rings
 * or buffers: its device uses them, so they stay as they are. */
bool vs__net_spares(struct vs_vcpu *v, uint64_t at, uint64_t bytes);

#endif
