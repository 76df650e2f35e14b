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
#include "virtsim/knob.h"
#include "virtsim/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_platform;

/* Every component's descriptor, in the order of their tables in documentation. */
const struct vs_component_desc *const *vs_components(size_t *n);

/* False: the models have this operation, but no run raises it. */
bool vs_platform_raises(enum vs_op op);

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
void vs_platform_destroy(struct vs_platform *p);

#ifdef __cplusplus
}
#endif

#endif
