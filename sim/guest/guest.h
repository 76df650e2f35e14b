/* SPDX-License-Identifier: MIT */
/* The guest's kernel: its memory, the translations it drops, its interrupts, its drivers. It
 * reaches its processor through sim/cpu and knows no hypervisor. */
#ifndef VIRTSIM_SIM_GUEST_GUEST_H
#define VIRTSIM_SIM_GUEST_GUEST_H

#include "guest/drivers/net.h"

/* Programs of the kernel that C starts: GUEST_PROGRAM(enumerator, "name"). */
#define GUEST_PROGRAMS(X)                                                                          \
    X(PAGE_FAULT, "page_fault")                                                                    \
    X(ZERO_PAGE, "zero_page")                                                                      \
    X(TABLE_EDIT, "table_edit")                                                                    \
    X(SWITCH_SPACE, "switch_space")                                                                \
    X(INTERRUPT, "interrupt")                                                                      \
    X(NMI, "nmi")                                                                                  \
    X(IDLE, "idle")                                                                                \
    X(FLUSH_BY_INTERRUPT, "flush_by_interrupt")                                                    \
    X(FLUSH_BY_HYPERCALL, "flush_by_hypercall")                                                    \
    X(TRANSMIT, "transmit")                                                                        \
    X(TRANSMIT_SEGMENT, "transmit_segment")                                                        \
    X(RECEIVE, "receive")                                                                          \
    X(MODERATE, "moderate")                                                                        \
    X(POLL, "poll_descriptor")                                                                     \
    X(REFILL, "refill_descriptor")                                                                 \
    X(DOORBELL, "doorbell")                                                                        \
    X(CLEAN, "clean_descriptor")                                                                   \
    X(DMA_MAP, "dma_map")                                                                          \
    X(DMA_UNMAP, "dma_unmap")                                                                      \
    X(FLUSH_DEFERRED, "flush_deferred")                                                            \
    X(SVA_BIND, "user_bind")                                                                       \
    X(SVA_UNBIND, "user_unbind")                                                                   \
    X(SVA_CHANGED, "user_changed")                                                                 \
    X(WANTED_EVENT, "wanted_event")                                                                \
    X(WANTED_THREAD, "wanted_thread")                                                              \
    X(WANTED_REQUEST, "wanted_request")                                                            \
    X(WANTED_GROUP, "wanted_group")                                                                \
    X(WANTED_PAGE, "wanted_page")                                                                  \
    X(WANTED_DRAIN, "wanted_drain")                                                                \
    X(FLUSH_DEVICE, "flush_device")
enum guest_program {
#define GUEST_PROGRAM(e, name) GUEST_##e,
    GUEST_PROGRAMS(GUEST_PROGRAM)
#undef GUEST_PROGRAM
        GUEST_PROGRAM_N
};
_Static_assert(GUEST_PROGRAM_N <= VS__KERNEL_PROGRAMS, "no room for what they are");

/* What a program of the kernel is about: who starts it fills in what its steps ask for. */
struct guest_work {
    uint64_t gva; /* of a fault, of an entry that changes */
    unsigned shift;
    uint64_t page, bytes; /* that is cleared */
    uint64_t tables;      /* how many there were before */
    bool back;
    enum vs_status status; /* of the frame */
    uint64_t path[VS_RADIX_LEVELS + 1u], table, entry;
    unsigned leaf, made;
    uint64_t root;              /* that is loaded, with its flags */
    uint8_t vector;             /* of an interrupt */
    const struct vs_shot *shot; /* what is to be dropped; by whom */
    unsigned target;
    struct vs_driver *driver;
    bool sends;                    /* else it receives */
    uint64_t ring, buffer, length; /* of a piece of the packet, and what its descriptor says */
    uint64_t told, told_length;
    uint64_t left;                      /* bytes that are still to be sent */
    uint32_t flags;                     /* of the frame's first descriptor */
    const struct vs_nic_header *header; /* that the frame begins with; NULL: the usual one */
    uint32_t slot, first;               /* first: of the frame */
    bool done, more;   /* the device has done the descriptor; the packet goes on in the next one */
    uint32_t segments; /* of a large packet, as its descriptors say (nic.lro); 0: it is not one */
    vs_ps known;       /* when the device has its doorbell */
    /* of a mapping for a device: what, of whom; how far it is */
    struct vs_mapping map;
    uint64_t rights, mapped;
    bool unmaps, fresh; /* fresh: its address came out of the tree */
    unsigned queued;    /* descriptors of a submission */
    /* what of a bound process a submission drops, by its PASID; 0: nothing */
    uint32_t pasid;
    uint16_t requester;
    enum guest_sva_drop {
        GUEST_DROP_ENTRY = 1,
        GUEST_DROP_IOTLB = 2,
        GUEST_DROP_DEVICE = 4,
        GUEST_DROP_FENCE = 8,  /* nothing: what follows is the unit's draining of page requests */
        GUEST_DROP_ANSWER = 16 /* nothing: the response to a group of page requests */
    } drop;
    bool drains;
    bool device; /* the fault is one of a device: the kernel clears the page by its map of memory */
    const struct vs_iommu_page_request *asked; /* the last of the group that is answered */
    enum vs_page_response code;
};

/* programs.c: what the kernel's programs have to be; what makes one vCPU's; one is run, false: it
 * ended where memory is short. */
void guest_programs_check(struct vs_platform *p, struct vs_errors *errors);
enum vs_status guest_programs_make(struct vs_vcpu *v);
bool guest_run(struct vs_vcpu *v, enum guest_program which, struct guest_work *w);

/* space.c: the guest program's memory. Addresses are the program's own. */
uint64_t guest_mm_map(struct vs_vcpu *v, const struct vs_request *r);
void guest_mm_unmap(struct vs_vcpu *v, uint64_t at, uint64_t bytes);
/* mm/places.c: remembers a region's place; false: no memory. */
bool guest_mm_place_add(struct vs_mm *mm, unsigned process, uint64_t at, uint64_t end);
/* A region of the process holds the address. */
bool guest_mm_place_has(const struct vs_mm *mm, unsigned process, uint64_t at);
/* The pages of [at, at + bytes) get these rights, with the shootdown that this needs. */
void guest_mm_protect(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t rights);
/* A large page may serve gva when it is touched for the first time. */
/* Which memory is exhausted, why, and what to set; returns out. */
const char *guest_mm_exhausted(const struct vs_vcpu *v, char *out, size_t bytes);
/* A first touch of the address may get a transparent large page. */
bool guest_mm_large(const struct vs_vcpu *v, uint64_t gva);
/* The instruction, with its exit where there is one. */
void guest_tlb_invlpg(struct vs_vcpu *v, uint64_t at);
/* Arm: the upper half may have got its root just now. */
void guest_mm_upper(struct vs_vcpu *v);
/* layout.c. The layout for the formats of a configuration; an error where it does not fit. */
void guest_mm_layout(struct vs_platform *p, struct vs_errors *errors);
/* None of these bytes is the guest's kernel's; else the run fails, which names `what` was to be
 * done there. */
bool guest_mm_spares(struct vs_vcpu *v, uint64_t at, uint64_t bytes, const char *what);
/* The kernel's text and data in a new address space; the same frames in another one, VS_E_CONFIG
 * where that one has something else there. */
enum vs_status guest_mm_map_kernel(struct vs_vcpu *v);
enum vs_status guest_mm_share_kernel(struct vs_vcpu *v, struct vs_space *to);
/* Addresses for an area that a driver shares with its device, in pages of 1 << shift; 0: there are
 * no more. Nothing is mapped. */
uint64_t guest_mm_driver(struct vs_vcpu *v, uint64_t bytes, unsigned shift);
/* Another address space of this vCPU, with the same kernel in it; its number. */
uint64_t guest_mm_process(struct vs_vcpu *v);
/* MOV to CR3, or MSR TTBR0_EL1, with the exit it may have; value: flags of a CR3, or 0 for the
 * present ones. */
void guest_mm_load_cr3(struct vs_vcpu *v, uint64_t value);
void guest_mm_switch(struct vs_vcpu *v, uint64_t to, enum vs_req_switch how);
/* The address space of a processor's host. */
enum vs_status guest_mm_make_host(struct vs_hwthread *hw);
/* The same of a hypervisor in a guest, whose memory is `vm`: its pages are backed. */
enum vs_status guest_mm_make_hypervisor(const struct vs_platform *p, struct vs_space *s,
                                        struct vs_vm *vm);
/* The platform's tables and frames of one vCPU; VS_E_NOMEM when memory is too small. */
enum vs_status guest_mm_make(struct vs_vcpu *v, struct vs_errors *errors);

/* mm/fault.c: the page that faulted gets its frame; false: there is none, or none is needed any
 * more. See cpu/port.h. */
bool guest_mm_give_frame(struct vs_vcpu *v, struct guest_work *w);
enum vs_fault_end guest_mm_fault(struct vs_vcpu *v, const struct vs_translation *f);
/* A device lacks a page of the present process: it gets a frame, where the process may do that. */
enum vs_page_response guest_mm_wanted(struct vs_vcpu *v, uint64_t gva, bool write);
void guest_mm_touch_free(void *ctx, vs_gva at);
/* Where the vCPU's present address space has `at` in (guest-)physical memory; false: nowhere. */
bool guest_mm_gpa(const struct vs_vcpu *v, uint64_t at, uint64_t *gpa);
/* irq.c, see cpu/port.h */
void guest_irq_handle(struct vs_vcpu *v, uint8_t vector);
/* The same for a non-maskable one, with its IRET. */
void guest_irq_nmi(struct vs_vcpu *v);

/* tlb/x86.c, tlb/arm.c: instructions of a guest (or native system), with the exits they may have.
 * INVPCID as the request says: of one address, of one PCID, of all with or without global ones. */
void guest_tlb_invpcid(struct vs_vcpu *v);
/* Why this machine has no INVPCID, or no INVLPGA; NULL: it has. */
const char *guest_tlb_lacks(const struct vs_platform *p, bool invpcid);
/* INVLPGA, which always exits: the guest's ASIDs are its own, its translations all under one (KVM's
 * invlpga_interception). */
void guest_tlb_invlpga(struct vs_vcpu *v);
/* One TLBI as the request says, and the DSB behind it. */
void guest_tlb_tlbi_request(struct vs_vcpu *v);
/* One page of the present address space, here, by the instruction that the architecture has. */
void guest_tlb_invalidate_page(struct vs_vcpu *v, uint64_t at);
/* MOV to a control register: refused, left to the hypervisor, or carried out, with its flush. */
void guest_mm_write_cr(struct vs_vcpu *v);
/* One TLBI of a guest, in its VMID; `shareable`: of every core. The DSB that waits for TLBI. */
void guest_tlb_tlbi(struct vs_vcpu *v, enum vs_tlbi form, bool shareable, uint16_t asid,
                    uint64_t at);
/* As Linux does: everything written, then TLBI of each address of the range (at == end: of the
 * ASID), then wait. */
void guest_tlb_tlbi_range(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride);
/* Whether the machine's Arm kernels use broadcast forms, or their local ones become that. */
bool guest_tlb_shareable(const struct vs_vcpu *v);
/* tlb/shootdown.c: several vCPUs of one address space. False: guest.shootdown names a way that this
 * machine does not have. */
bool guest_tlb_shootdown_check(const struct vs_platform *p, unsigned n_vcpus,
                               struct vs_errors *errors);
/* Takes [at, end) away from the others; everything when they are equal. `v` may have to wait. */
void guest_tlb_shootdown(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride);
/* Parts of those programs: the next target, the next request; one is queued, dropped, answered. */
bool guest_tlb_next_target(struct vs_vcpu *v, struct guest_work *w, uint64_t *k);
bool guest_tlb_next_shot(struct vs_vcpu *v, struct guest_work *w, uint64_t *k);
void guest_tlb_queue(struct vs_vcpu *v, const struct guest_work *w);
void guest_tlb_drop(struct vs_vcpu *v, const struct guest_work *w);
/* The hypercall itself. */
void guest_tlb_call(struct vs_vcpu *v);
void guest_tlb_acknowledge(struct vs_vcpu *v, const struct guest_work *w);
/* A switch to this address space may not keep translations: others have changed it meanwhile. */
bool guest_tlb_shootdown_stale(struct vs_vcpu *v, unsigned process);
/* It has no more translations that could matter. */
void guest_tlb_shootdown_ended(struct vs_vcpu *v);

/* A new page is cleared through the kernel's map. */
void guest_mm_edit_clear(struct vs_vcpu *v, uint64_t gva, uint64_t bytes);
/* Notes how many tables there are, before a page is mapped whose entries the kernel stores in time.
 */
void guest_mm_edit_begin(const struct vs_vcpu *v, uint64_t *tables);
/* The kernel's map of its memory: the address of this guest-physical one. */
uint64_t guest_mm_direct(struct vs_vcpu *v, uint64_t pa);
/* What the kernel stores to give gva the entry that it has now; tables made since `begin` are
 * cleared and entered too. */
void guest_mm_edit_entry(struct vs_vcpu *v, uint64_t gva, uint64_t tables_before);
/* The same as the present program's work (w->gva, w->tables): its entry, and the next table. */
void guest_mm_edit_plan(struct vs_vcpu *v, struct guest_work *w);
bool guest_mm_edit_next(struct vs_vcpu *v, struct guest_work *w, uint64_t k);

/* recorded.c: tables and mappings that a recording brings. */
void guest_mm_recorded_tables(struct vs_vcpu *v, const struct vs_recorded_tables *t);
/* A recorded guest maps this page there. */
void guest_mm_recorded_place(struct vs_vcpu *v, uint64_t gva, uint64_t pa);

/* Parts of the driver's programs: its descriptor, the packet's next piece, the doorbell. */
bool guest_vf_next(struct vs_vcpu *v, struct guest_work *w);
void guest_vf_descriptor(struct vs_vcpu *v, struct guest_work *w, enum vs_ref ref);
/* The transmit ring was full until then: what the adapter's engine did meanwhile is booked. */
void guest_vf_waited(struct vs_vcpu *v, uint64_t until_ps);
void guest_vf_prepare(struct vs_vcpu *v, const struct guest_work *w);
void guest_vf_take(struct vs_vcpu *v, const struct guest_work *w);
void guest_vf_ring(struct vs_vcpu *v, struct guest_work *w);
/* interface.c: the same for an interface that the host serves; its host is told of receive buffers,
 * or of frames. */
void guest_interface_ring(struct vs_vcpu *v, struct guest_work *w);
void guest_interface_buffers(struct vs_vcpu *v, struct vs_driver *d);
void guest_interface_frames(struct vs_vcpu *v, struct vs_driver *d);

/* drivers/dma.c: the DMA API. Whether the vCPU's driver maps buffer by buffer; the predicates of
 * programs about the buffer at hand. */
bool guest_dma_maps(const struct vs_vcpu *v);
bool guest_dma_unmapped(struct vs_vcpu *v, const struct guest_work *w);
bool guest_dma_unmaps(struct vs_vcpu *v, const struct guest_work *w);
bool guest_dma_strict(const struct vs_vcpu *v);
bool guest_dma_caching(const struct vs_vcpu *v);
bool guest_dma_full(const struct vs_vcpu *v);
/* The actions of programs: see their words (steps.def). */
void guest_dma_begin(struct vs_vcpu *v, struct guest_work *w, bool unmap);
void guest_dma_end(struct vs_vcpu *v, struct guest_work *w);
void guest_dma_take_address(struct vs_vcpu *v, struct guest_work *w);
void guest_dma_give_back(struct vs_vcpu *v, const struct guest_work *w);
void guest_dma_defer(struct vs_vcpu *v, const struct guest_work *w);
void guest_dma_begin_flush(struct vs_vcpu *v, struct guest_work *w);
void guest_dma_lock(struct vs_vcpu *v);
void guest_dma_ring(struct vs_vcpu *v);
void guest_dma_unlock(struct vs_vcpu *v);
void guest_dma_await(struct vs_vcpu *v);
void guest_dma_end_flush(struct vs_vcpu *v);
/* Their cursors. */
bool guest_dma_next_page(struct vs_vcpu *v, struct guest_work *w);
bool guest_dma_next_table(struct guest_work *w, uint64_t k);
bool guest_dma_next_descriptor(struct vs_vcpu *v, struct guest_work *w);
bool guest_dma_next_deferred(struct vs_vcpu *v);
/* What has waited too long is invalidated now: the timer's work, at the driver's next turn. */
void guest_dma_timer(struct vs_vcpu *v);
/* The host has the unit drop what it keeps of this mapping, or (NULL) of all of the domain of the
 * vCPU's function, and waits. */
void guest_dma_drop(struct vs_vcpu *v, struct vs_txn *t, const struct vs_mapping *map);
/* The host has the unit carry out what it has queued, and does not wait; when that is done. */
uint64_t guest_dma_submit(struct vs_vcpu *v, struct vs_txn *t);
/* log2 of the largest page of the IOMMU for what is at `at` and follows it within `end`, mapped at
 * this device address: frames in a row, as software that maps for a device finds out. */
unsigned guest_dma_fitting(struct vs_vcpu *v, uint64_t iova, uint64_t at, uint64_t end);
/* A program's memory is mapped for its device, which finds it at the address that is returned; and
 * is taken away again, false: nothing is mapped there. The driver is made. */
uint64_t guest_dma_map(struct vs_vcpu *v, const struct vs_mapping *what, uint64_t rights);
bool guest_dma_unmap(struct vs_vcpu *v, uint64_t at);
/* What a driver's mappings hold of the simulator's memory. */
void guest_dma_free(struct vs_dma_domain *d);
/* Room for one more mapping; false, and the run fails: no memory of the simulator's. */
bool guest_dma_room(struct vs_vcpu *v, struct vs_mappings *m);
/* Adds one at the end; false as above. */
bool guest_dma_push(struct vs_vcpu *v, struct vs_mappings *m, const struct vs_mapping *one);

/* drivers/sva.c: shared virtual addressing. The present process is bound to the vCPU's function:
 * its PASID, 0 and the run fails; it is unbound, false: it is not bound there. Pages of the vCPU's
 * present process have changed, all of them when at == end. The next descriptor of a submission. */
uint32_t guest_sva_bind(struct vs_vcpu *v);
bool guest_sva_unbind(struct vs_vcpu *v, uint32_t pasid);
void guest_sva_changed(struct vs_vcpu *v, uint64_t at, uint64_t end);
bool guest_sva_next_descriptor(struct vs_vcpu *v, struct guest_work *w);
/* The host carries out what a guest has submitted of a bound process (vs_dma_domain.drop): its
 * entry becomes a nested one, or goes; what is cached goes. The descriptors are queued. */
void guest_sva_carry_out(struct vs_vcpu *v);
/* The wait that ends a submission, whose status the vCPU polls; drains: which the unit completes
 * when all page requests that have come are in its queue. */
void guest_dma_queue_wait(struct vs_vcpu *v, bool drains);
/* drivers/wanted.c: pages of bound processes that their device lacks. What the kernel has to do
 * before `until_ps`, on the processor of the vCPU, is done; a page request that comes to the unit
 * at t's time is taken: what the unit answers itself, where that is what it does. */
void guest_wanted_until(struct vs_vcpu *v, uint64_t until_ps);
enum vs_iommu_taken guest_wanted_take(struct vs_vcpu *v, struct vs_txn *t,
                                      const struct vs_iommu_page_request *r,
                                      enum vs_page_response *answer);
/* All that is asked for is served, and nothing is left to do. */
static inline void guest_wanted_serve(struct vs_vcpu *v)
{
    guest_wanted_until(v, UINT64_MAX);
}
/* What the kernel's thread refuses itself; in a guest its host's. */
bool guest_wanted_bad(const struct vs_vcpu *v, const struct vs_iommu_page_request *r);
/* A process is unbound: what its device has asked for is over, in software and in the unit. */
void guest_wanted_drain(struct vs_vcpu *v, struct guest_work *w);

/* driver.c: packets through a virtual function. NULL net: the machine has no NIC. */
/* Refuses a request to send or receive where there is no NIC. */
void guest_vf_asked(struct vs_vcpu *v);
/* A program sends a packet: its descriptor, and the doorbell; it waits while the ring is full. */
void guest_vf_send(struct vs_vcpu *v);
/* The same with an address and a VLAN, or a stream in segments (VS_REQ_TRANSMIT). */
void guest_vf_transmit(struct vs_vcpu *v);
/* mailbox.c: its driver asks the physical function's for something, and waits for the answer; it
 * has waited so long. */
void guest_vf_mailbox(struct vs_vcpu *v);
void guest_vf_mailbox_waited(struct vs_vcpu *v, uint64_t until_ps);
/* asks.c. Where somebody hears what the vCPU's driver asks by what its function has, or not, which
 * then `lacks` it; NULL: nobody does, the run fails and says why. */
struct vs_net *guest_vf_heard(struct vs_vcpu *v, const char *what, bool has, const char *lacks);
/* The request is over, and returns that. */
void guest_vf_answered(struct vs_vcpu *v, uint64_t how);
/* A register of the vCPU's function, over the link: read and waited for; written, posted. */
uint32_t guest_vf_get(struct vs_vcpu *v, uint64_t offset);
void guest_vf_put(struct vs_vcpu *v, uint64_t offset, uint32_t value);
/* virtchnl.c: the same as guest_vf_mailbox over admin queues. */
void guest_vf_virtchnl(struct vs_vcpu *v);
/* A program waits for packets: it sleeps until an interrupt or its time-out, then collects them. */
void guest_vf_receive(struct vs_vcpu *v);

/* access.c: one access of the guest's kernel, faults and all. */
bool guest_touch(struct vs_vcpu *v, uint64_t at, enum vs_ref ref);
/* The kernel clears a page or a table by one string store; it may take EPT violations. */
void guest_clear(struct vs_vcpu *v, uint64_t at, uint64_t bytes);
/* Each line of these bytes. */
void guest_touches(struct vs_vcpu *v, uint64_t at, uint64_t bytes, enum vs_ref ref);

#endif
