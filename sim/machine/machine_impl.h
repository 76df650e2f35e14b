/* SPDX-License-Identifier: MIT */
/* The wiring of a machine: what its files share. */
#ifndef VIRTSIM_SIM_MACHINE_MACHINE_IMPL_H
#define VIRTSIM_SIM_MACHINE_MACHINE_IMPL_H

#include "guest/drivers/net.h"
#include "guest/guest.h"
#include "host/host.h"
#include "machine/platform.h"

/* What the components that platform.c and vcpu.c make are configured with. */
struct machine_configs {
    struct vs_cpu_config cpu;
    struct vs_memory_config memory;
    struct vs_hypervisor_config hypervisor;
    struct vs_shadow_config shadow;
};

/* platform.c: the virtual machine of a vCPU, from 0. */
unsigned machine_vm_of(const struct vs_platform *p, unsigned vcpu);

/* vcpu.c: makes a vCPU with its core, translations and controllers, and its agent in the kernel. */
enum vs_status machine_vcpu_make(struct vs_platform *p, unsigned index,
                                 const struct machine_configs *c, struct vs_errors *errors);

/* vcpu.c: translations of a vCPU's core, as its architecture drops them. */
struct vs_tlb_port vs__platform_tlb(struct vs_vcpu *v);

/* processor.c: its workers; all of them, and their lines' end. */
enum vs_status machine_workers_make(struct vs_platform *p, const struct vs_cpu_config *c,
                                    const struct vs_hypervisor_config *h, struct vs_errors *errors);
/* A vCPU gets its processor; and is a thread of it, when it is made. */
enum vs_status machine_vcpu_place(struct vs_vcpu *v, const struct vs_cpu_config *c,
                                  struct vs_errors *errors);
enum vs_status machine_thread_make(struct vs_vcpu *v);
/* What is under way on shared processors is booked, and their lines end. */
void machine_processors_settle(struct vs_platform *p);
void machine_processors_end(struct vs_platform *p);
void machine_processors_free(struct vs_platform *p);

/* pinning.c: makes room for the processors, and says which each vCPU runs on. */
enum vs_status machine_pins(struct vs_platform *p, const struct vs_knobs *knobs, unsigned n_vcpus,
                            struct vs_errors *errors);
bool machine_shared(const struct vs_platform *p, unsigned processor);

/* epoch.c */
void machine_epochs(struct vs_platform *p, uint64_t now_ps);
void machine_epochs_restart(struct vs_platform *p);
void machine_epochs_end(struct vs_platform *p);

/* platform.c, epoch.c: the region of interest begins now; the guest has named this moment. */
void machine_roi(struct vs_platform *p, struct vs_vcpu *v);
void machine_mark(struct vs_vcpu *v, const char *name);

/* run.c */
void machine_vcpu_ended(struct vs_vcpu *v);

/* net.c: loads and checks; net stays NULL when nic.present = 0. */
enum vs_status machine_net_make(struct vs_platform *p, const struct vs_knobs *knobs,
                                struct vs_errors *errors);
void machine_net_end(struct vs_platform *p);
/* assign.c: the function of a vCPU's number becomes its machine's, with a driver's rings and
 * buffers; false: memory is short. */
bool machine_net_assign(struct vs_vcpu *v);
/* The domain of a vCPU's machine is made; each page that the machine has and each that it gets is
 * mapped for all its devices at its guest-physical address; and none any more. */
bool machine_net_domain(struct vs_net *net, struct vs_vcpu *v);
/* Memory of the host is mapped for devices in tables of the IOMMU's second level, in pages that it
 * has; false: host memory is exhausted. */
bool machine_net_map(struct vs_net *net, uint64_t root, uint64_t iova, uint64_t hpa, unsigned shift,
                     uint64_t rights);
bool machine_net_follow(struct vs_net *net, struct vs_vcpu *v);
void machine_net_unfollow(struct vs_net *net, struct vs_vcpu *v);
/* vfio.c: with dma.assigned_in_time a function is given to a vCPU's machine, and taken back when
 * its program is over; false: the run has failed. What that needs. */
bool machine_vfio_assign(struct vs_vcpu *v);
void machine_vfio_unassign(struct vs_vcpu *v);
void machine_vfio_check(const struct vs_platform *p, const struct vs_net *net,
                        struct vs_errors *errors);
/* page_requests.c: vs_ats_link.request_page; what that needs. */
enum vs_page_response machine_page_request(void *ctx, struct vs_txn *t,
                                           const struct vs_page_group *g);
/* vs_net.post_page, vs_net.hand_on */
void machine_page_requests_make(struct vs_net *net);
/* services.c: a response to page requests has come to the device. */
void machine_page_response(void *ctx, struct vs_txn *t, uint16_t requester, uint16_t group,
                           unsigned code);
void machine_page_requests_check(const struct vs_platform *p, const struct vs_net *net,
                                 struct vs_errors *errors);
/* viommu.c: an IOMMU of a guest's own, emulated by user space, which shadows its tables in those
 * that the device goes by or hands its invalidations on. vs_net.follow_guest; a page of the guest's
 * tables is shadowed before time starts, false: host memory is exhausted; the function is taken
 * back; what that needs. */
void machine_viommu_follow(struct vs_vcpu *v, struct vs_txn *t);
bool machine_viommu_begin(struct vs_vcpu *v, const struct vs_mapping *one, uint64_t rights);
void machine_viommu_end(struct vs_vcpu *v, struct vs_txn *t);
void machine_viommu_check(const struct vs_platform *p, const struct vs_net *net,
                          struct vs_errors *errors);
/* pci.c: a function is reset, and has no driver any more. */
void machine_pci_silence(struct vs_net *net, uint32_t vf, vs_ps at);
void machine_net_unassign(struct vs_driver *d);
/* The IOMMU puts a device's interrupt into a descriptor; AVIC's backing pages it does not know. */
static inline bool machine_net_posts(const struct vs_platform *p)
{
    return p->posted && !p->avic;
}
/* pci.c: vs_net.find; and where it has been found: a driver enables its function, whether a
 * function may be used now (else why not), and masks of vectors stand between it and the link. */
bool machine_pci_find(struct vs_net *net);
/* What a machine states of its functions' memory is memory that they can have. */
void machine_pci_check(struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors);
void machine_pci_start(struct vs_net *net, uint32_t vf);
bool machine_pci_ready(const struct vs_net *net, uint32_t vf, uint64_t at_ps, const char **why);
void machine_pci_mask(struct vs_net *net, struct vs_upstream_port *link);
/* The device's TLB goes by the enable bit of each function's ATS capability. */
void machine_pci_services(struct vs_net *net);
/* A response to page requests goes into the status of their interface: one to no request that is
 * under way, or Response Failure. */
void machine_pci_responded(struct vs_net *net, bool unexpected, bool failed);
/* vs_net.may_prefix, vs_net.enable_pasids */
void machine_pci_pasids(struct vs_net *net);
/* links.c: what the knobs say of the adapter's links; their making, in front of the IOMMU; what the
 * adapter talks to; the link of a requester, from whose node memory and the remapping unit are seen
 * from then on. */
void machine_links_load(struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors);
enum vs_status machine_links_make(struct vs_net *net, const struct vs_msi_port *msi);
void machine_links_free(struct vs_net *net);
struct vs_upstream_port machine_links_upstream(struct vs_net *net);
struct vs_pcie *machine_link_use(struct vs_net *net, uint16_t requester);
/* services.c: the adapter's link becomes one with a device TLB, where ats.enabled says so. */
enum vs_status machine_services_make(struct vs_net *net, struct vs_upstream_port *link);
void machine_services_check(const struct vs_net *net, struct vs_errors *errors);
/* assign.c: a driver whose function was reset begins again. */
void machine_net_restart(struct vs_vcpu *v);
/* vs_net.pin */
bool machine_net_pin(struct vs_vcpu *v, uint64_t at, uint64_t bytes, struct vs_dma_job *job);
void machine_net_free(struct vs_platform *p);

/* nested.c: a hypervisor in the guest, where the machine has one; what it needs; its memory and
 * that of its guest, when the machines have theirs; its end. */
void machine_nested_check(const struct vs_platform *p, const struct machine_configs *c,
                          unsigned n_vcpus, struct vs_errors *errors);
enum vs_status machine_nested_memory(struct vs_platform *p, struct vs_errors *errors);
enum vs_status machine_nested_make(struct vs_vcpu *v, const struct machine_configs *c,
                                   const struct vs_core_port *core);
void machine_nested_memory_free(struct vs_platform *p);
void machine_nested_free(struct vs_vcpu *v);

/* traffic.c: the sender at the other end of the wire; a queue can receive from now on
 * (vs_net.begin); its next packet, which is due; when the next one is, VS_NIC_NEVER. */
enum vs_status machine_traffic_make(struct vs_net *net);
void machine_traffic_free(struct vs_net *net);
void machine_traffic_begin(struct vs_net *net, uint32_t number, uint64_t now_ps);
void machine_traffic_send(struct vs_net *net, uint64_t now_ps);
uint64_t machine_traffic_next(const struct vs_net *net);

/* physical.c: the host's driver of the physical function, where nic.physical says that it has one:
 * what it needs; its making; the adapter has interrupted it. assign.c: its requests and messages
 * pass the IOMMU; false: memory is short. */
void machine_physical_check(const struct vs_net *net, struct vs_errors *errors);
enum vs_status machine_physical_make(struct vs_net *net);
void machine_physical_free(struct vs_net *net);
void machine_physical_interrupt(struct vs_net *net, uint8_t vector, uint64_t at_ps);
bool machine_net_assign_host(struct vs_net *net);
/* interface.c: the host's driver of guests' interfaces, where nic.path says so: what it needs; its
 * making; the adapter has interrupted it. */
void machine_interfaces_check(const struct vs_net *net, struct vs_errors *errors);
enum vs_status machine_interfaces_make(struct vs_net *net);
void machine_interfaces_free(struct vs_net *net);
void machine_interfaces_interrupt(struct vs_net *net, uint8_t vector, uint64_t at_ps);
/* assign.c: rings and buffers of a vCPU's interface, in its machine's memory; false: memory is
 * short. */
bool machine_interface_assign(struct vs_vcpu *v);
/* assign.c: the memory of a driver's admin queues; false: there is not so much. */
bool machine_net_admin_memory(struct vs_vcpu *v);
#define MACHINE_HOST_POOLS 0x42u /* and from there on those of pools */
#define MACHINE_HOST_APIC 254u   /* whom the physical function's messages are for: no vCPU */
#define MACHINE_HOST_QUEUE 0x40u /* their vectors, of the host's: no guest sees them */
#define MACHINE_HOST_MAIL 0x41u
/* mailbox.c: its part of the mailboxes of virtual functions; NULL: the host is out of memory. It
 * looks at all of them, and answers. */
struct machine_mail;
struct vs_worker;
struct machine_mail *machine_mail_make(struct vs_net *net, struct vs_worker *worker);
void machine_mail_free(struct machine_mail *m);
void machine_mail_task(struct machine_mail *m);

/* virtchnl.c: its part of admin queues; NULL as above. Its own queues are made when a virtual
 * function's driver begins; false: the host has no memory for them. It answers what has come into
 * them; when it is to be called again, 0: when there is more. */
struct machine_virtchnl;
struct machine_virtchnl *machine_virtchnl_make(struct vs_net *net, struct vs_worker *worker);
void machine_virtchnl_free(struct machine_virtchnl *m);
bool machine_virtchnl_begin(struct machine_virtchnl *m);
uint64_t machine_virtchnl_task(struct machine_virtchnl *m);

/* affected.c: the vCPU's hypervisor learns what its processor is affected by. */
void machine_affect(struct vs_vcpu *v, const struct vs_cpu_config *cpu);

#endif
