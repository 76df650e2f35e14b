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

#include "guest.h"
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

#define VS_RUN_VCPUS 1024u /* that can say whose address spaces they share */

struct vs_run_options {
    uint64_t seed;
    uint64_t
        warmup; /* accesses before the region of interest begins; 0 = none (or the guest's mark) */
    uint32_t spans;
    uint64_t epoch_ps; /* 0 = no counters over time */
    bool rehearse;     /* a guest ends with its first request that takes long, or after a thousand:
                          what it asks of the machine until there is found wrong */
    /* inputs that bring physical addresses; memory of the machine they were recorded on, 0 unknown
     */
    unsigned recorded;
    uint64_t recorded_memory;
    /* under guest.vms=each the virtual machine of each vCPU: 0, 1, ... without a gap; NULL: one
     * each
     */
    const unsigned *machine;
    /* by vCPU: 1 + the lower-numbered vCPU whose address spaces it shares; 0 = its own */
    uint8_t shares[VS_RUN_VCPUS];
    /* called now and then with simulated time and operations done; NULL = quiet. Non-zero return
     * stops the run. */
    int (*progress)(void *ctx, uint64_t now_ps, uint64_t accesses);
    void *progress_ctx;
};

enum vs_status vs_platform_create(const struct vs_knobs *knobs,
                                  const struct vs_run_options *options, unsigned n_vcpus,
                                  struct vs_platform **out, struct vs_errors *errors);
/* vCPU `index` runs this source; the platform closes it. */
void vs_platform_guest(struct vs_platform *p, unsigned index, const struct vs_guest_source *source);
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

struct vs_epoch_sample {
    uint64_t epoch, end_ps, value;
    uint16_t actor;
    const struct vs_counter_desc *counter;
};
/* What the guests' marks named, "roi" aside: first time and how often. */
#define VS_MARKS 256u
struct vs_mark_sample {
    char name[32];
    uint64_t first_ps, n;
    uint16_t actor;
};
const struct vs_mark_sample *vs_platform_marks(const struct vs_platform *p, size_t *n);
const struct vs_epoch_sample *vs_platform_epochs(const struct vs_platform *p, size_t *n);
void vs_platform_destroy(struct vs_platform *p);

#ifdef __cplusplus
}
#endif

#endif
