/* SPDX-License-Identifier: MIT */
/*
 * One simulated machine: vCPUs, their translation and hypervisor, shared memory, IOMMU, link, NIC,
 * wired by knobs. SystemC runs the agents side by side; this header is its C face.
 *
 * Life of a run: vs_platform_create (configuration checked, all mistakes in *errors), add a guest
 * source per vCPU, vs_platform_run, then the ledger holds the books; vs_platform_destroy.
 * One platform at a time per process (the SystemC kernel is global); runs in series are allowed.
 */
#ifndef VIRTSIM_SIM_MACHINE_H
#define VIRTSIM_SIM_MACHINE_H

#include "cpu/options.h"
#include "virtsim/fact.h"
#include "virtsim/knob.h"
#include "virtsim/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_platform;

/* Every component's descriptor, in the order of their tables in documentation. */
const struct vs_component_desc *const *vs_components(size_t *n);

/* Names of exits belong to architectures: registers those of every one of this program. Done by
 * vs_platform_create; whoever asks for names before calls it first. Again: nothing. */
void vs_operations(void);
/* Takes the knobs of other architectures than the machine's out of the store. One that somebody set
 * is an error, which names what is like it; `vendor`: of the machine file, whose own settings go
 * silently where cpu.vendor was set to another. */
enum vs_status vs_worlds_settle(struct vs_knobs *knobs, uint64_t vendor, struct vs_errors *errors);
/* The component of what a machine virtualizes with, by hypervisor.technique and cpu.vendor
 * ("vmcs"), whether it was left out or not. */
const char *vs_world_name(uint64_t technique, uint64_t vendor);

/* What every virtualization architecture and interrupt controller of this program has, in its
 * default configuration; what a machine has, its processors' architecture first. Each component
 * counts its own. They return how many there are. */
#define VS_FACTS 96u
size_t vs_facts_of_architectures(struct vs_fact out[VS_FACTS]);
size_t vs_facts_of_machine(const struct vs_knobs *knobs, struct vs_fact out[VS_FACTS]);

/* The knob that pins a vCPU, `vcpu.<i>.cpu`; NULL: no run has so many. A store gets those of its
 * run's vCPUs (vs_knobs_add). */
const struct vs_knob_desc *vs_pin_knob(unsigned vcpu);
enum vs_status vs_platform_create(const struct vs_knobs *knobs,
                                  const struct vs_run_options *options, unsigned n_vcpus,
                                  struct vs_platform **out, struct vs_errors *errors);
/* Runs to the end of all guests. VS_E_RUN with one message in *errors when a guest or the machine
 * failed, VS_E_BOUNDS when a guest asked for what the machine does not have. */
enum vs_status vs_platform_run(struct vs_platform *p, struct vs_errors *errors);
struct vs_ledger *vs_platform_ledger(struct vs_platform *p);
/* Virtual machine of a vCPU, from 0; on bare metal what it would be. */
unsigned vs_platform_machine(const struct vs_platform *p, unsigned vcpu);
uint64_t vs_platform_roi_ps(const struct vs_platform *p);
/* After the run: how much of the vCPU's time is in the region of interest. */
uint64_t vs_platform_measured_ps(const struct vs_platform *p, unsigned vcpu);
uint64_t vs_platform_end_ps(const struct vs_platform *p);

const struct vs_mark_sample *vs_platform_marks(const struct vs_platform *p, size_t *n);
const struct vs_epoch_sample *vs_platform_epochs(const struct vs_platform *p, size_t *n);
/* After a run that watched a structure: hits at depth 0, 1, ... of the i-th number of sets, of all
 * vCPUs; the caller frees it. */
uint64_t *vs_platform_depths(struct vs_platform *p, size_t i, size_t *n);
void vs_platform_destroy(struct vs_platform *p);

#ifdef __cplusplus
}
#endif

#endif
