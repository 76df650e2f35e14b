/* SPDX-License-Identifier: MIT */
/*
 * What a hypervisor's programs (virtsim/program.h) run in: the exit they handle, the vCPU's state,
 * the page that is missing. Their memory time is that of the caches and TLBs they share with the
 * guest, so that a cold handler costs more than a warm one.
 *
 * The machine leaves the guest (port/world.h), calls vs_hv_handle under the host's actor and enters
 * the guest again. Errors: VS_HV_FAIL when host memory is exhausted.
 */
#ifndef VIRTSIM_HYPERVISOR_H
#define VIRTSIM_HYPERVISOR_H

#include "virtsim/fact.h"
#include "virtsim/op.h"
#include "virtsim/program.h"
#include "virtsim/port/core.h"
#include "virtsim/port/nested.h"
#include "virtsim/port/slat.h"
#include "virtsim/port/state.h"

#define VS_DEF_NAME hypervisor
#define VS_DEF_FILE "hypervisor/hypervisor.def"
#include "virtsim/def_types.h"

/* Host virtual layout, mapped by the platform: kernel and user program, then all of memory. */
#define VS_HV_CODE 0x100000000u
#define VS_HV_DATA 0x110000000u
#define VS_HV_USER_CODE 0x120000000u
#define VS_HV_USER_DATA 0x130000000u
#define VS_HV_AREA_BYTES 0x1000000u  /* of each of the four */
#define VS_HV_DIRECT 0x400000000000u /* host-physical 0 */

enum vs_hv_result {
    VS_HV_RESUME,  /* enter the guest */
    VS_HV_HALT,    /* the guest halted: its vCPU sleeps */
    VS_HV_FAIL,    /* host memory is exhausted */
    VS_HV_NOTHING, /* it has no program for this trap */
};

/* Programs that the machine starts itself: VS_HV_ENTRY(enumerator, "name"). */
#define VS_HV_ENTRIES(X)                                                                           \
    X(BACK, "back_for_shadow")                                                                     \
    X(EMULATE, "emulate")                                                                          \
    X(INJECT, "inject")                                                                            \
    X(INJECT_NMI, "inject_nmi")                                                                    \
    X(LIST, "list_register")                                                                       \
    X(RESET, "vcpu_reset")                                                                         \
    X(START, "vcpu_start")                                                                         \
    X(HOST_INTERRUPT, "host_interrupt")                                                            \
    X(SWITCH, "vcpu_switch")                                                                       \
    X(WORKER, "worker")                                                                            \
    X(HOST_RECEIVE, "host_receive")                                                                \
    X(HOST_SEND, "host_send")                                                                      \
    X(HOST_MAILBOX, "host_mailbox")                                                                \
    X(HOST_VIRTCHNL, "host_virtchnl")                                                              \
    X(HOST_POLL, "host_poll")                                                                      \
    X(HOST_BRIDGE, "host_bridge")                                                                  \
    X(HOST_PUT, "host_put")                                                                        \
    X(HOST_SIGNAL, "host_signal")                                                                  \
    X(HOST_GET, "host_get")                                                                        \
    X(KICK, "kick")                                                                                \
    X(VFIO_OPEN, "vfio_open")                                                                      \
    X(VFIO_FAULT, "vfio_fault")                                                                    \
    X(VFIO_CLOSE, "vfio_close")                                                                    \
    X(VIOMMU_IOCTL, "viommu_ioctl")                                                                \
    X(PAGE_REQUEST, "page_request")                                                                \
    X(VIOMMU_FAULT, "viommu_fault")                                                                \
    X(FAST_FAULT, "fast_fault")                                                                    \
    X(FLUSH_TARGET, "flush_target")                                                                \
    X(FLUSH_REQUEST, "flush_request")                                                              \
    X(LOG_ROUND, "log_round")                                                                      \
    X(SHADOW_FAULT, "shadow_fault")                                                                \
    X(SHADOW_WRITE, "shadow_write")                                                                \
    X(TCG_DISPATCH, "dispatch")                                                                    \
    X(TCG_LOOKUP, "lookup")                                                                        \
    X(TCG_FIND, "find")                                                                            \
    X(TCG_CHAIN, "chain")                                                                          \
    X(TCG_TRANSLATE, "translate")                                                                  \
    X(TCG_SLOW, "slow_path")                                                                       \
    X(TCG_FILL, "fill")                                                                            \
    X(TCG_FLUSH, "flush_table")                                                                    \
    X(TCG_FLUSH_PAGE, "flush_page")                                                                \
    X(TCG_CODE_WRITE, "code_write")                                                                \
    X(TCG_DROP, "drop_block")                                                                      \
    X(TCG_EMPTY, "empty_cache")                                                                    \
    X(TCG_RAISE, "raise")                                                                          \
    VS_HV_LOOPS(X)                                                                                 \
    VS_HV_STRETCHES(X)
/* Of these, those that are the body of a loop of C's, which starts them by the number of rounds:
 * they have `run` steps only. */
#define VS_HV_LOOPS(X)                                                                             \
    X(LOG_ENTRY, "log_entry")                                                                      \
    X(LOG_WORD, "log_word")                                                                        \
    X(LOG_PAGE, "log_page")                                                                        \
    X(LOG_SPLIT, "log_split")                                                                      \
    X(FREE_TABLE, "vm_free_table")                                                                 \
    X(FREE_PAGE, "vm_free_page")                                                                   \
    X(VFIO_BATCH, "vfio_batch")                                                                    \
    X(VFIO_WALK, "vfio_walk")                                                                      \
    X(VFIO_PAGE, "vfio_page")                                                                      \
    X(VFIO_RUN, "vfio_run")                                                                        \
    X(VFIO_ENTRY, "vfio_entry")                                                                    \
    X(VFIO_LOOKUP, "vfio_lookup")                                                                  \
    X(VFIO_CLEAR, "vfio_clear")                                                                    \
    X(VFIO_UNPIN, "vfio_unpin")                                                                    \
    X(VIOMMU_SUBMIT, "viommu_submit")                                                              \
    X(VIOMMU_DESCRIPTOR, "viommu_descriptor")                                                      \
    X(VIOMMU_ENTRY, "viommu_entry")                                                                \
    X(PROTECT, "protect")                                                                          \
    X(SHADOW_SYNC, "shadow_sync")                                                                  \
    X(SHADOW_WALK, "shadow_walk")                                                                  \
    X(SHADOW_PAGE, "shadow_page")                                                                  \
    X(SHADOW_ENTRY, "shadow_entry")                                                                \
    X(SHADOW_ZAP, "shadow_zap")                                                                    \
    X(SHADOW_ROOT, "shadow_root")                                                                  \
    X(TCG_ONE, "translate_instruction")                                                            \
    X(TCG_WALK, "walk_entry")
/* And those that are one step of so many cycles, since an event may come in the middle of them. */
#define VS_HV_STRETCHES(X)                                                                         \
    X(BLOCK, "block")                                                                              \
    X(WAKE, "wake")
enum vs_hv_entry {
#define VS_HV_ENTRY(e, name) VS_HV_ENTRY_##e,
    VS_HV_ENTRIES(VS_HV_ENTRY)
#undef VS_HV_ENTRY
        VS_HV_ENTRY_N
};

struct vs_hv_exit {
    uint64_t guest_physical;
    bool port;             /* of an access to a device: `io` is a port, not an address */
    uint64_t io;           /* where the device is; UINT64_MAX: nowhere */
    uint8_t inject;        /* vector that is pending for the guest; 0 = none (vs_hv_inject) */
    bool more;             /* others are pending besides it: the next window is theirs */
    bool nmi, more_nmis;   /* a non-maskable interrupt is pending for the guest; and another one */
    bool virtual_nmi;      /* the processor delivers the first of them itself */
    bool virtual_delivery; /* the processor delivers it: no injection */
    bool device;           /* the access was to a device: emulated as after a misconfiguration */
    bool fast;             /* the short way: a fault of a page that is there, an end of interrupt */
    bool eventfd;          /* the access signals an event of the host's kernel */
    bool undecoded;        /* the exit does not say which operands the instruction has */
    bool user;             /* somebody in user space is asked, whatever the reason */
    bool nested;           /* it is the exit of a guest hypervisor's guest: of this trap */
    uint8_t handed;        /* it is the guest hypervisor's without being one (vs_handling) */
    bool woken;            /* and came while the vCPU slept: the guest had been left before */
    const struct vs_trap *trap;
    const struct vs_exit *exit;
    /* the processor logs pages: what has been logged is read first, at every exit; may be NULL */
    void (*log)(void *ctx, struct vs_txn *t);
    void *log_ctx;
    /* what this hypervisor does besides the reason's program; may be NULL */
    void (*work)(void *ctx, struct vs_txn *t);
    void *ctx;
    struct vs_program_stop stop; /* asked behind each step, and never has it stop; NULL: nobody */
};

/* What a processor is affected by, as far as hypervisors do something about it. */
struct vs_hv_affected {
    bool l1tf, mds, spectre_v2, retbleed, bhb;
    bool amd; /* whose remedy for the last one is another one */
    /* Empties the core's first-level data cache. */
    void (*flush_l1d)(void *ctx, struct vs_txn *t);
    void *ctx;
};

/* Gives domains their ids in the order in which they are made; all zero: none was made yet. */
struct vs_domains {
    uint16_t made;
};
uint16_t vs_domain_make(struct vs_domains *d);

struct vs_hypervisor {
    struct vs_hypervisor_config cfg;
    uint16_t account;
    uint64_t block_ps, wake_ps; /* the programs block and wake, and their accounts */
    uint16_t block_account, wake_account;
    void (*kick)(void *ctx, struct vs_txn *t); /* what the message `kick` does, while it is sent */
    void *kick_ctx;
    struct vs_software software;
    struct vs_program_place at;    /* of a worker's piece that was stopped */
    uint16_t entry[VS_HV_ENTRY_N]; /* programs; VS_PROGRAM_NONE: it has none */
    struct vs_core_port core;
    struct vs_state_port state;
    struct vs_slat_port slat;
    const struct vs_nested_port *nested; /* of its guest hypervisor; NULL: its guest has none */
    uint64_t direct_at;                  /* where host-physical 0 is mapped: VS_HV_DIRECT */
    uint64_t data_at;                    /* vCPU index decides which data it touches */
    uint64_t poll_ps;                    /* how long the next halt will be polled */
    struct vs_hv_affected affected;
    bool l1d_due; /* something ran on the core since L1D was last emptied that a guest must not see
                   */
    uint64_t first_spin; /* the window of pause-loop exiting before it grew; 0: it has not yet */
    /* of the present exit: what it is about, what was read of the state */
    const struct vs_hv_exit *exit;
    enum vs_trap_kind trap;
    uint64_t value[VS_STATE_N];
    bool threw;                            /* the guest gets an invalid-opcode exception */
    bool been_in_user, injected, windowed; /* windowed: it asked for a window */
    bool nmi_injected, nmi_windowed;       /* the same of a non-maskable interrupt */
    bool nmi_held;                         /* the processor was given one to deliver */
    vs_gpa page;                           /* to be mapped, and the frame that it got */
    unsigned shift, group_shift; /* log2 of its size, and of that of the one that faulted */
    vs_hpa frame;
    struct {
        uint16_t devices, own, now; /* now: whose vCPU the processor runs */
    } domain;                       /* ids, where it has domains (vs_hv_domains) */
    uint64_t count[VS_CNT_hypervisor_N];
};

void vs_hv_check(const struct vs_hypervisor_config *cfg, const struct vs_program_set *set,
                 const uint64_t *values, struct vs_errors *errors);
/* `values` are those of the set's knobs. */
enum vs_status vs_hv_init(struct vs_hypervisor *h, const struct vs_hypervisor_config *cfg,
                          const struct vs_program_set *set, const uint64_t *values,
                          struct vs_ledger *ledger, struct vs_clock clock, unsigned vcpu,
                          const struct vs_core_port *core, const struct vs_state_port *state,
                          const struct vs_slat_port *slat);
void vs_hv_free(struct vs_hypervisor *h);
/* The ids of the domain that has the devices and of the guest's own. */
void vs_hv_domains(struct vs_hypervisor *h, uint16_t devices, uint16_t own);
/* Those of a machine's first guest; none of a hypervisor whose programs leave no domain. */
void vs_hv_facts(const struct vs_program_set *set, const struct vs_facts *to);
/* What the processor is affected by; without this: by nothing. */
void vs_hv_affect(struct vs_hypervisor *h, const struct vs_hv_affected *by);
/* Runs the handler of a trap that left the guest; its operation is opened and closed here. */
enum vs_hv_result vs_hv_handle(struct vs_hypervisor *h, struct vs_txn *t, enum vs_trap_kind trap,
                               const struct vs_hv_exit *exit);
/* Hands an external interrupt to the next entry, or to the processor, which delivers it when it can
 * (`virtual_delivery`). False when the guest cannot take it now (RFLAGS.IF clear, or held back by
 * the instruction before): a window is asked for, and the exit for it is where it goes in. */
bool vs_hv_inject(struct vs_hypervisor *h, struct vs_txn *t, uint8_t vector, bool virtual_delivery);
/* The same for a non-maskable interrupt, which goes in unless the handler of another one, or the
 * present instruction, holds it back; a second one behind it waits for its window (`more`). Where
 * the processor delivers them itself it is given the first one (`held`). */
void vs_hv_inject_nmi(struct vs_hypervisor *h, struct vs_txn *t, bool more, bool held);
/* The same for an exception with an error code, which always goes in. */
void vs_hv_inject_exception(struct vs_hypervisor *h, struct vs_txn *t, uint8_t vector,
                            uint32_t error);
/* Writes the timer that stops the guest, in its own ticks. */
void vs_hv_preemption_timer(struct vs_hypervisor *h, struct vs_txn *t, uint64_t ticks);
/* Writes the class of priority below which the guest is left when its TPR falls there; 0: none. */
void vs_hv_threshold(struct vs_hypervisor *h, struct vs_txn *t, uint64_t priority);
/* Reads and writes the index of the log of written pages. */
uint64_t vs_hv_log_index(struct vs_hypervisor *h, struct vs_txn *t);
void vs_hv_log_reset(struct vs_hypervisor *h, struct vs_txn *t, uint64_t index);
/* Writes the CR3 that the processor runs the guest with. */
void vs_hv_guest_cr3(struct vs_hypervisor *h, struct vs_txn *t, uint64_t cr3);
/* Gives guest-physical `at` a host page and clears it, as a second-dimension fault does; false:
 * host memory is exhausted. */
bool vs_hv_back(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at);
/* The same as the kernel does it when it pins memory for a device. */
bool vs_hv_fault_in(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at);
/* Runs one of the programs that the machine starts; of a loop: its code is fetched, then it goes
 * round n times. One that the hypervisor does not have takes no time. */
void vs_hv_run(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry entry);
/* The same in a thread of the host's kernel, which handles no exit. */
void vs_hv_kernel(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry entry);
void vs_hv_code(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry loop);
void vs_hv_rounds(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry loop, uint64_t n);
/* Sends another processor the interrupt that makes it leave its guest: `kick` is the effect. */
void vs_hv_kick(struct vs_hypervisor *h, struct vs_txn *t,
                void (*kick)(void *ctx, struct vs_txn *t), void *ctx);
/* What the present exit is about turns out to be a device: the access is emulated. */
void vs_hv_device(struct vs_hypervisor *h, struct vs_txn *t);
/* A physical interrupt while the vCPU's thread is in the host: its handler runs as that of an
 * external-interrupt exit does, but no guest is left for it. */
void vs_hv_host_interrupt(struct vs_hypervisor *h, struct vs_txn *t);
/* The host's scheduler gives the processor to this vCPU's (or worker's) thread, which another one
 * had; a worker does one piece of its work, false: up to where `stop` (NULL: nobody) stopped it. */
void vs_hv_switch(struct vs_hypervisor *h, struct vs_txn *t);
bool vs_hv_work_item(struct vs_hypervisor *h, struct vs_txn *t, const struct vs_program_stop *stop);
/* What is at this port or address belongs to the board: an interrupt controller, a timer, legacy
 * devices, configuration space. Registers of PCI functions are elsewhere. */
bool vs_hv_of_board(bool port, uint64_t io);
/* Halts where others may have the processor meanwhile: the thread goes to sleep, after it has
 * polled so long; and it runs again, which took `halt` since it halted. From idle: it had to be
 * woken, too.
 */
void vs_hv_block(struct vs_hypervisor *h, struct vs_txn *t, vs_ps polled);
void vs_hv_woken(struct vs_hypervisor *h, struct vs_txn *t, vs_ps halt, bool from_idle);
/* A halt whose event came while it was polled for. */
void vs_hv_polled(struct vs_hypervisor *h, vs_ps halt);
/* A vCPU that halted at `since` has an event at `event`; the caller's clock stands at the later of
 * the two. Either the host was still polling, or the thread had gone to sleep: the rest of that,
 * and being woken, are charged. The polling time of the next halt follows KVM's rule. */
void vs_hv_wake(struct vs_hypervisor *h, struct vs_txn *t, vs_ps since, vs_ps event);

#endif
