/* SPDX-License-Identifier: MIT */
/*
 * One vCPU of a machine: it runs a program, piece by piece, on its core, and leaves its guest where
 * its processor says so; and what the vCPUs of a machine share. The parts that other rooms own lie
 * here for now, grouped by owner. What is done with a vCPU: vcpu.h.
 */
#ifndef VIRTSIM_SIM_CPU_VCPU_STATE_H
#define VIRTSIM_SIM_CPU_VCPU_STATE_H

#include "kernel/kernel.h"
#include "fiber.h"
#include "options.h"
#include "port.h"
#include "thread.h"
#include "trail.h"

#include "virtsim/request.h"

#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "ept/ept.h"
#include "ept/slat.h"
#include "ept/space.h"
#include "hypervisor/hypervisor.h"
#include "memory/memory.h"
#include "shadow/shadow.h"
#include "virtsim/frames.h"
#include "virtsim/rng.h"
#include "virtsim/sim.h"
#include "virtsim/trap.h"
#include "virtsim/port/irq.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

#define VS_DEF_NAME vcpu
#define VS_DEF_FILE "cpu/vcpu.def"
#include "virtsim/def_types.h"

#define VS_DEF_NAME os
#define VS_DEF_FILE "guest/os.def"
#include "virtsim/def_types.h"

#define VS_DEF_NAME machine
#define VS_DEF_FILE "machine/machine.def"
#include "virtsim/def_types.h"

#define VS_DEF_NAME host
#define VS_DEF_FILE "host/memory/host.def"
#include "virtsim/def_types.h"

/* hypervisor.technique */
enum {
    VS_TECHNIQUE_HARDWARE,
    VS_TECHNIQUE_TRAP_AND_EMULATE,
    VS_TECHNIQUE_TCG,
    VS_TECHNIQUE_BINARY_TRANSLATION
};

enum { VS__IPI, VS__HYPERCALL, VS__BROADCAST, VS__NONE }; /* guest.shootdown */

#define VS__KERNEL_PROGRAMS 32u

#define VS__SLICE_PS 1000000000u /* a vCPU alone comes up for air every simulated millisecond */

#define VS__PROCESSES 64u
#define VS__AREAS 256u      /* older ones are forgotten: small pages */
#define VS__ARRIVALS 512u   /* interrupts on their way to one vCPU */
#define VS__VCPUS 64u       /* a workload has no more, nor have programs.h's inputs */
#define VS__SHOTS VS__VCPUS /* flushes that wait for one vCPU: each has one under way */

/* Sparse memory (virtsim/phys.h) has lost a write. */
#define VS__NO_PROCESS_MEMORY                                                                      \
    "this process gets no more memory for what the simulated machine has written (ulimit -v)"

struct vs_platform;
struct vs_net;
struct vs_nested; /* cpu/nested.h */
struct vs_nested_memory;

/* Where things lie in an address space (guest/mm/layout.c). */
struct vs_layout {
    uint64_t first, end; /* regions of programs that choose no address; end of all of them */
    /* the guest's kernel: text and data, what drivers share with devices, its map of its memory */
    uint64_t code, data, drivers, drivers_end, direct, direct_end;
    uint64_t host_direct; /* the host's map of its own, in its own address space */
};

/* An interrupt message; sent_ps 0 = none. */
struct vs_arrival {
    uint64_t sent_ps, at_ps;
    uint64_t ahead_ps;   /* how far the receiver had run ahead of its arrival (sim.quantum) */
    uint64_t through_ps; /* of its way, what delivery without the hypervisor adds (the ITS) */
    uint8_t vector;
    bool in_descriptor; /* the sender has posted the vector: the message only notifies */
    uint8_t signal;     /* delivery mode of an APIC's message that is no interrupt; 0: it is one */
    bool told;          /* a hypervisor in the guest has sent its own processor a message for it */
    bool of_device;     /* a physical interrupt, which the host takes where devices post nothing */
};

/* [at, end) of an address space: where a program wanted its region. */
struct vs_place {
    uint64_t at, end;
    unsigned process;
};

/* The address spaces of one vCPU, or of several that share them. */
struct vs_mm {
    unsigned sharers;
    struct vs_space *process; /* by number; the one a vCPU works on is in its `space` meanwhile */
    unsigned n_processes;
    struct { /* regions that get their frames at first touch, for guest.page_size = thp */
        uint64_t at, bytes;
        unsigned process;
        bool cut;   /* some of it was unmapped: others may lie there */
        bool small; /* asked for small pages: no transparent large ones */
    } area[VS__AREAS];
    unsigned n_areas;
    struct vs_place *place; /* in order, apart from each other */
    size_t n_places, room;
    uint64_t drivers_next; /* where the next area that a driver shares with its device may lie */
    uint32_t generation[VS__PROCESSES]; /* shootdowns of each so far */
};

/* What a vCPU is to drop for another. */
struct vs_shot {
    uint64_t at, end; /* at == end: everything of the address space */
    unsigned stride;  /* log2 of the pages */
    unsigned process;
    unsigned from; /* ipi: the vCPU that waits for it */
};

/* A flush that a guest asks its hypervisor for: of which vCPUs, by number. */
struct vs_flush_call {
    uint64_t to;
    struct vs_shot shot;
};
#define VS__CALL_FLUSH 3u /* HvCallFlushVirtualAddressList: vs_trap.number of that hypercall */

/* What of a core is a thread's own, where several share the core. */
struct vs_core_own {
    struct vs_cpu_thread cpu;
    uint64_t memory[2][VS_CNT_memory_N];
    struct vs_ept_thread ept;
};

/* A processor: the core with its TLBs and caches, its host's address space and timer. */
struct vs_hwthread {
    struct vs_platform *p;
    unsigned number;
    unsigned agent; /* of the kernel, sim/kernel */
    struct vs_clock clock;
    struct vs_cpu cpu;
    struct vs_memory_core core;
    struct vs_ept ept;
    struct vs_ept_context host_context;
    struct vs_space host_space; /* the host's own */
    uint64_t tick_ps;           /* when the host's own timer comes next */
    struct vs_vcpu *vcpu; /* that it has to itself; NULL: several threads share it (sched.c) */
    struct vs_thread *thread[2u * VS__VCPUS];
    unsigned n_threads;
    /* sched.c: what has it now, and had it last; since when, until when while others are ready;
     * when the scheduler wants to run next; it takes the processor away in the present exit */
    struct vs_thread *on, *last;
    uint64_t since_ps, slice_end_ps, event_ps;
    bool preempts;
    struct vs_txn txn; /* its own time line */
    uint16_t line, idle_line;
};

/* One vCPU, its fields by their owner. A flag's comment says who sets it and, behind the semicolon,
 * who clears it. */
struct vs_vcpu {
    struct vs_platform *p;
    struct vs_hwthread *hw; /* the processor that it runs on */

    /* ---- the thread: what it waits for, and how far it may run ---- */
    struct vs_txn txn;
    uint16_t line;             /* of its time in the ledger */
    uint64_t horizon, safe_ps; /* to here now; where the last step would have ended at quantum 0 */
    bool busy; /* the request has more pieces: sim/request at its first piece; at its last */
    struct vs_thread thread; /* what it waits for */
    struct vs_trail *trail;  /* what it is about; NULL: nobody follows it */
    struct vs_core_own *own; /* where several threads share the processor, else NULL */
    /* and the host's kernel is preemptible: what its steps run on, else NULL; the present one */
    struct vs_fiber *fiber;
    struct vs_step_asked {
        uint64_t now_ps, horizon_ps, next_ps; /* next: when it wants to run again */
    } asked;
    unsigned awaited;  /* vCPUs that are to acknowledge its own shootdown, or to leave */
    uint64_t acked_ps; /* the last acknowledgement */
    /* in a row that left its guest no time: the host's ticks, irq.c; its slices, sched_vcpu.c */
    unsigned late_ticks, late_slices;

    /* ---- the vCPU: the virtual machine's state of it ---- */
    struct vs_vm *vm;   /* NULL: bare metal */
    struct vs_vm *view; /* whose second dimension translates: vm's, or the view of it that the guest
                           has switched to (host/memory/view.c) */
    unsigned index, machine; /* machine: number of its vm */
    uint16_t guest, host, irq_actor;
    struct vs_world_port world; /* of its processor's architecture (machine/world.h) */
    struct vs_state_port state;
    void *world_ctx;
    /* its instructions are translated by software; NULL: its processor executes them */
    const struct vs_translator_port *translator;
    void *translator_ctx;
    bool free_touches; /* as before_walk of the core, of a walk by software: begin_trace; the next
                          request */
    struct vs_ept_context guest_context;
    uint64_t cr4; /* PGE and PCIDE of the guest (or native system), among others */
    uint64_t count[VS_CNT_vcpu_N], os_count[VS_CNT_os_N];
    bool debug_loaded; /* its debug registers are in the core's: request/x86.c; the next exit */
    bool masked;       /* RFLAGS.IF is clear: vcpu_mask sets and clears it */
    bool shadowed;     /* STI blocks the next boundary: vcpu_mask; vcpu_unshadow */
    bool held;         /* its global interrupt flag is clear: CLGI; STGI (vcpu_hold) */
    /* a timer the guest armed: TIMER and the driver's RECV; when it expires */
    bool timer_armed;
    uint64_t timer_ps, deadline; /* deadline: the same as its register holds it */
    struct vs_msrs msrs;         /* that the guest's program reads and writes (msr.c) */
    uint64_t tsc_adjust;         /* IA32_TSC_ADJUST: what writes of the TSC have added to it */
    uint8_t tpr;                 /* the task priority, as the controller has it, too */

    /* ---- its queue of interrupts: on their way, ordered by arrival; and pending, by vector ----
     */
    struct vs_irq_port irq; /* its interrupt controller (machine/irqchip.h) */
    void *irq_ctx;
    struct vs_arrival arrival[VS__ARRIVALS], flight[256];
    unsigned n_arrivals;
    uint8_t
        physical;  /* a device's, which stops the guest: arrivals.c; irq.c, or whoever wakes it */
    bool notified; /* the descriptor is to be read: the notification's arrival; whoever reads it */
    bool fresh;  /* the host does not know what is pending: an arrival; the exit or entry that tells
                  */
    bool window; /* the host has asked for the window: irq.c, blocked; window */
    uint8_t threshold; /* class that the TPR has to fall below for the guest to be left; 0: none */
    bool listed;       /* the processor holds what is pending: irq.c, blocked; window */
    uint8_t entry_vector; /* that the last entry carried after a halt, not yet delivered */
    /* non-maskable interrupts (nmi.c): how many wait; the host does not know of the last one: its
     * arrival; the next exit. The last entry carries one; the host has asked for the window; from
     * a delivery to its handler's IRET; the processor holds another one, to deliver itself */
    uint8_t nmis;
    bool nmi_fresh, nmi_entry, nmi_window, nmi_blocked, nmi_held;
    /* a message of start-up has come, and is not served (startup.c) */
    bool init_due, sipi_due;
    bool off; /* PSCI has turned it off: power.c, or an INIT: startup.c; whoever turns it on, at its
                 waking */
    uint64_t on_ps;  /* when that reaches it; VS_NEVER: not yet */
    bool halted_due; /* what ends its halt was pending before: vcpu_sleep; vcpu_halt_awake */
    /* the VMX-preemption timer: the last entry loaded a deadline; which, and when it stops */
    bool timer_loaded;
    uint64_t expires_ps, expires_for_ps;

    /* ---- the program that runs in it (sim/request) ---- */
    struct vs_guest_source source;
    struct vs_request request;
    struct vs_reply reply;
    struct vs_cpu_bulk bulk;
    size_t record;
    struct vs_rng rng;
    bool begun;    /* the present request has had its first piece: run.c sets and clears it */
    bool in_bulk;  /* its bulk is under way: the pattern's first piece; its last */
    bool ended;    /* the program has ended: its END, or the end of the region of interest */
    bool failed;   /* the run cannot go on: vcpu_fail; nobody clears it */
    bool emulated; /* the last access was carried out without the core: vcpu_fault; the next one */
    uint32_t rehearsed;    /* requests of a rehearsal so far */
    struct vs_fault_seen { /* the last fault, and how often it was the same one */
        uint64_t request, at, gva, gpa, why;
        unsigned n;
    } faulted;
    /* of a replay (turns.c): the turn came before it was waited for: set and cleared there; how
     * many wait here; 1 + where it is counted itself */
    bool has_turn;
    uint64_t turn_ps, gathered;
    unsigned gathers;

    /* ---- the guest kernel's data of this CPU (sim/guest) ---- */
    struct vs_space space; /* the guest program's (or native process's) */
    struct vs_mm *mm, own_mm;
    unsigned process_now;
    uint32_t seen[VS__PROCESSES]; /* of mm->generation: what is newer has not been dropped here */
    struct vs_shot shot[VS__SHOTS];
    unsigned n_shots;
    bool all_shots;            /* there was no room for them: vcpu_shot_put; who drops everything */
    struct vs_flush_call call; /* the shootdown by hypercall sets it for that call's handler */
    bool kernel; /* the guest's kernel accesses memory: guest/access.c, around each access */
    struct {
        bool known;
        uint64_t root, edits, vm_edits;
    } frame; /* the page of interrupts' frames was writable, in these tables as they were */
    uint8_t delivering; /* the processor pushes this interrupt's frame: guest/irq.c, around that */
    bool in_interrupt;  /* no delivery until the guest's handler ends: trap.c, around the handler */
    uint64_t handled;   /* interrupts that the guest has handled */
    struct vs_software software; /* the kernel's programs, on this processor */
    struct guest_work *work;     /* what the present one is about: guest/programs.c, around each */

    /* ---- its host's data of it (sim/host) ---- */
    struct vs_hypervisor hv;
    struct vs_nested *nested; /* the hypervisor in its guest; NULL: there is none */
    struct vs_shadow shadow;  /* paging.mode = shadow */
    uint64_t host_ps;         /* when the host wants to stop this vCPU next; VS_NEVER */
    uint64_t kick_ps;         /* when the hypervisor's interrupt for a flush comes; VS_NEVER */
    unsigned kicker[2u * VS__VCPUS], n_kickers; /* who waits for that, and for what of it */
    struct vs_flushes {                         /* of all vCPUs, made and not waited for yet */
        struct vs_flush_made {
            uint64_t at_ps, to; /* to: a bit for each vCPU that ran its guest */
        } * made;
        unsigned n, room, next, awaited; /* next: the one that is waited for */
        uint64_t acked_ps, shift_ps;     /* shift: what those before it have taken */
        bool left_guest;                 /* to wait; else it was in an exit */
    } flushes;
    bool flush_named; /* hypercalls named what is to go (shot[]): host/flush.c; the next entry */
    bool flush_due;   /* all of it goes before the next entry: remote.c; that entry */
    bool kicked; /* its translations have to go: another one's dirty log; its own when served */
};

enum { VS_DEVICE_RECORDED, VS_DEVICE_VHOST, VS_DEVICE_VF };  /* replay.device */
enum { VS_DIRTY_OFF, VS_DIRTY_PML, VS_DIRTY_WRITE_PROTECT }; /* host.dirty_log.method */

/* The host's memory management of one virtual machine. */
struct vs_host {
    struct vs_vm *vm;
    uint16_t domain; /* its id, where the hypervisor has domains */
    /* maps its memory for the devices that it has been given; NULL: it has none */
    bool (*assigned)(void *to, uint64_t gpa, uint64_t hpa, unsigned shift);
    void *assigned_to;
    struct vs_shadow_mmu shadow; /* paging.mode = shadow: its vCPUs' */
    /* the dirty log: one bit a page in host memory, and the copy that is handed out */
    bool logging;
    uint64_t *bitmap, *copy; /* 2M frames of each */
    uint64_t words, harvested, last_round;
    /* accesses that somebody outside has seen (host_memory_protect) */
    uint64_t seen, qualification, guest_physical;
    struct vs_vm *view; /* of its memory, by entry of the list that the guest chooses from; [0] is
                           its own, and has nothing here. NULL: there are none */
    unsigned n_views;
    uint8_t ran[VS__VCPUS]; /* 1 + the vCPU that ran last, by processor; 0: none yet */
    uint64_t count[VS_CNT_host_N];
};

#define VS_EVENTFDS 16u

/* An address whose writes the hypervisor turns into an event: KVM_IOEVENTFD. */
struct vs_eventfd {
    uint64_t at, value;
    bool port, any; /* a port's, else a device register's; whatever is written */
    bool wildcard;  /* of any length: on VMX known before the instruction is decoded */
};

struct vs_platform {
    struct vs_run_options options;
    struct vs_eventfd eventfd[VS_EVENTFDS];
    unsigned n_eventfds;
    struct vs_guest_port guest; /* what vCPUs start in higher rooms (cpu/port.h) */
    struct vs_host_port host;
    struct vs_program_port program;
    struct vs_ledger *ledger;
    struct vs_kernel *kernel;
    const struct vs_program_set *programs[VS_ROLES]; /* and the values of their knobs */
    uint64_t *program_values[VS_ROLES];
    uint16_t kernel_program[VS__KERNEL_PROGRAMS]; /* of the guest's: those that sim/guest starts */
    struct vs_phys *phys;
    struct vs_frames node_frames[4]; /* of host memory, by node */
    struct vs_frames *frames;        /* of the vCPUs' own node */
    unsigned nodes;
    struct vs_vm *vm;                /* one for all vCPUs, or several (guest.vms) */
    struct vs_nested_memory *nested; /* of a hypervisor in the guest; NULL: there is none */
    struct vs_host *machines;        /* the host's memory management of each */
    uint16_t device_domain;          /* the id of the domain that has the devices */
    unsigned n_vms;
    struct vs_memory memory;
    struct vs_sim_config sim;
    struct vs_ept_config ept;
    struct vs_radix_format guest_format, upper_format, second_format; /* upper: Arm's TTBR1 */
    struct vs_layout layout;
    struct vs_vcpu_config times;
    struct vs_os_config os;
    struct vs_machine_config built;
    struct vs_sched_config sched;
    struct vs_host_config host_cfg;
    uint16_t vcpu_account, sim_account, sched_account;
    bool pml, shadow; /* page-modification log; paging.mode = shadow */
    bool svm, el2;    /* the world switch is AMD's, Arm's */
    bool virtualized;
    const struct vs_world_kind *kind; /* of the processors (machine/world.h); its configuration */
    void *kind_config;
    const struct vs_irqchip_kind *irqchip; /* interrupt controllers (machine/irqchip.h) */
    void *irqchip_config;
    bool xapic; /* the APIC's registers are a page */
    bool avic;  /* AMD's AVIC virtualizes the APIC; devices' interrupts are the host's */
    bool sve;   /* Arm's processors have SVE */
    uint64_t system_register; /* cycles of one that a hypervisor accesses (Arm) */
    /* what it offers: translations are tagged; pending interrupts are delivered by the processor
     * itself (virtual-interrupt delivery), and posted to a running guest; registers
     * of the APIC's page are virtualized; a timer of its own stops the guest, which counts in
     * 2^timer_shift cycles, or another processor keeps that, which posts; INVPCID; a flush takes
     * effect at once, not at the next entry; TLBI for one's own core reach all */
    bool vpid, vid, posted, apic_registers, preempts, posts_timer, invpcid, flushes_at_once,
        force_broadcast;
    unsigned timer_shift;
    bool hosted_tlb; /* the hypervisor itself drops what INVLPG and MOV to CR3 drop: shadow paging,
                        a TLB in software */
    bool deprivileged;    /* the guest's kernel runs outside of ring 0: CLI and STI may leave it */
    bool vm_functions;    /* of which vmcs.vm_functions says what it may do */
    bool eptp_switching;  /* that is one of them */
    uint8_t level_vector; /* whose end the hypervisor has to hear of; 0: none */
    struct vs_hwthread *hwthread;
    unsigned n_hwthreads;     /* of which those without a thread are not made (p NULL) */
    unsigned *pin, n_pins;    /* the processor of each vCPU */
    struct vs_worker *worker; /* sched.workers of them */
    unsigned n_workers;
    struct vs_vcpu *vcpu;
    unsigned n_vcpus;
    struct vs_net *net;
    /* region of interest */
    bool roi_pending;
    uint64_t warmup_left, roi_ps, end_ps, accesses, ticks;
    uint64_t recorded; /* bytes at the bottom of (guest-)physical memory: a recording's own */
    uint64_t sim_count[VS_CNT_sim_N];
    struct vs_mark_sample mark[VS_MARKS]; /* in the order of their first time */
    size_t n_marks;
    struct vs_epoch_sample *epochs;
    size_t n_epochs, cap_epochs;
    uint64_t epoch, epoch_end_ps, epochs_sampled, *epoch_last;
    size_t n_epoch_last;
    struct machine_watch *watch; /* of each vCPU; NULL: nothing is watched */
    enum vs_status status;       /* what kind of error */
    char error[1400];
};

/* What the vCPU translates with is as new as its address space. */
static inline void vcpu_space_seen(struct vs_vcpu *v)
{
    v->seen[v->process_now] = v->mm->generation[v->process_now];
}

/* One more flush waits for the vCPU; without room for it, that of everything. */
static inline void vcpu_shot_put(struct vs_vcpu *o, struct vs_shot shot, unsigned room)
{
    if (o->n_shots == room) {
        o->all_shots = true;
    } else {
        o->shot[o->n_shots++] = shot;
    }
}

/* Memory, not a device's space, is at this (guest-)physical address. */
static inline bool vcpu_memory(const struct vs_vcpu *v, uint64_t pa)
{
    return v->p->virtualized ? vs_vm_is_memory(v->vm, pa) : pa < vs_phys_size(v->p->phys);
}

/* An address space that others share is a vCPU's own only for as long as it works on it. */
static inline void vcpu_space_take(struct vs_vcpu *v)
{
    if (v->mm->sharers > 1u) {
        v->space = v->mm->process[v->process_now];
    }
}
/* Keeps the current process's address space where others can find it. */
static inline void vcpu_space_put(struct vs_vcpu *v)
{
    if (v->mm->sharers > 1u) {
        v->mm->process[v->process_now] = v->space;
    }
}

/* Its guest is Arm's; x86's else. */
static inline bool vcpu_arm(const struct vs_vcpu *v)
{
    return v->p->guest_format.kind == VS_RADIX_STAGE1;
}

/* log2 of a page of regions that say nothing else, and of a transparent large one: Linux's PMD. */
static inline unsigned vcpu_page_shift(const struct vs_vcpu *v)
{
    uint64_t size = v->p->ept.guest_page;
    return size == VS_EPT_THP ? v->space.format.granule : vs_ept_page_shift(size);
}
/* The size of the guest's large pages, as a shift. */
static inline unsigned vcpu_large_shift(const struct vs_vcpu *v)
{
    return vs_radix_level_shift(&v->space.format, 2);
}

#endif
