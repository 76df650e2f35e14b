/* SPDX-License-Identifier: MIT */
/*
 * VMX of one logical processor: the VMCS, its instructions, what makes the guest exit, and what a
 * VM exit and a VM entry cost.
 *
 * Who calls. The machine uses it behind the ports of vmcs_world.h; what is underneath:
 *
 *   if (vs_vmx_intercept(x, t, &event, &info)) {
 *       vs_txn_actor(t, host);
 *       vs_open(t, vs_vmx_exit_op(info.reason));
 *       vs_vmx_exit(x, t, &info);               way out: unexplained, record, save, load, TLB
 *       ... handler ...
 *       vs_vmx_enter(x, t, VS_VMX_RESUME);      way in: check, load, inject, TLB; guest actor
 *       vs_close(t);
 *   }
 *
 * Time. Every function takes the transaction it serves; NULL means untimed (setup, tests).
 * Latencies are cycles of the core's clock. Lists, bitmaps and an uncached VMCS are read and
 * written through the memory port, so that their cost depends on where their lines are.
 *
 * State. A VMCS is a 4 KiB-aligned region in host-physical memory: bytes 0-3 revision id (bit 31:
 * shadow VMCS), 4-7 abort indicator, 8-11 launch state, 12-15 flags, then 8 bytes a field in the
 * table's order (the data area's layout is implementation-specific in the SDM, too). The
 * processor's guest registers that transitions move are in `live`, at the field's position.
 *
 * Errors: vs_vmx_result says how an instruction ended; on VS_VMX_FAIL_VALID the number is in the
 * field VS_VMCS_INSTRUCTION_ERROR. Wrong machines are found by vs_vmcs_check, before a run.
 */
#ifndef VIRTSIM_VMCS_H
#define VIRTSIM_VMCS_H

#include "virtsim/phys.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/tlb.h"
#include "vmcs/vmcs_arch.h"

#define VS_DEF_NAME vmcs
#define VS_DEF_FILE "vmcs/vmcs.def"
#include "virtsim/def_types.h"

#define VS_VMX_NO_VMCS UINT64_MAX
#define VS_VMX_MSRS 128u /* MSRs that lists may move; others read 0 */

/* How a VMX instruction ended. UD: not in VMX operation, or executed in the guest. */
enum vs_vmx_result {
    VS_VMX_OK,
    VS_VMX_FAIL_INVALID,
    VS_VMX_FAIL_VALID,
    VS_VMX_ENTRY_FAILED, /* exit reason 33 or 34 with bit 31: the host runs, fields are recorded */
    VS_VMX_ABORT, /* VMX abort: the processor is in shutdown, the indicator is in the region */
    VS_VMX_UD
};

enum vs_vmx_entry { VS_VMX_LAUNCH, VS_VMX_RESUME };

/* What the guest did or what happened to it. */
enum vs_vmx_kind {
    VS_EV_CPUID,
    VS_EV_GETSEC,
    VS_EV_INVD,
    VS_EV_XSETBV,
    VS_EV_VMCALL,
    VS_EV_TRIPLE_FAULT,
    VS_EV_VMX_INSTRUCTION, /* number = its basic exit reason (19-27, 50, 53), value = the field */
    VS_EV_HLT,
    VS_EV_INVLPG, /* address */
    VS_EV_INVPCID,
    VS_EV_RDPMC,
    VS_EV_RDTSC,
    VS_EV_RDTSCP,
    VS_EV_MWAIT,
    VS_EV_MONITOR,
    VS_EV_PAUSE, /* value = time-stamp counter, cpl */
    VS_EV_WBINVD,
    VS_EV_RDRAND,
    VS_EV_RDSEED,
    VS_EV_DESCRIPTOR_TABLE, /* number = 46 or 47 */
    VS_EV_MOV_DR,           /* number = DR, in */
    VS_EV_MOV_TO_CR,
    VS_EV_MOV_FROM_CR, /* number = 0, 3, 4, 8; value; gpr */
    VS_EV_CLTS,
    VS_EV_RDMSR,
    VS_EV_WRMSR, /* number = ECX */
    VS_EV_IO,    /* number = port, size 1, 2, 4; in, string, rep, immediate */
    VS_EV_EPT_VIOLATION,
    VS_EV_EPT_MISCONFIG,      /* qualification, guest_physical, address (linear) */
    VS_EV_EXTERNAL_INTERRUPT, /* number = vector */
    VS_EV_NMI,
    VS_EV_INIT,
    VS_EV_SIPI,      /* number = vector */
    VS_EV_EXCEPTION, /* number = vector, error_code, has_error, address (of #PF) */
    VS_EV_INTERRUPT_WINDOW,
    VS_EV_NMI_WINDOW,
    VS_EV_PREEMPTION_TIMER,
    VS_EV_TPR_THRESHOLD,
    VS_EV_APIC_ACCESS, /* qualification */
    VS_EV_APIC_WRITE,  /* number = page offset */
    VS_EV_EOI,         /* number = vector just ended with virtual-interrupt delivery */
    VS_EV_PML_FULL,
    VS_EV_VMFUNC, /* value = EAX, ECX in bits 63:32 */
    VS_EV_XSAVES, /* number = 63 or 64, value = the components that are asked for and in IA32_XSS */
    VS_EV_PCONFIG, /* value = EAX */
    VS_EV_BUS_LOCK
};

struct vs_vmx_event {
    enum vs_vmx_kind kind;
    uint32_t number;
    uint32_t size;
    uint64_t value;
    uint64_t address;
    uint64_t guest_physical;
    uint64_t qualification;
    uint32_t error_code;
    uint8_t length; /* of the instruction, bytes; 0 when no instruction caused it */
    uint8_t gpr;    /* 0 = RAX ... 15 = R15 */
    uint8_t cpl;
    bool in, string, rep, immediate, has_error;
    uint8_t
        identity; /* of the instructions of reasons 46 and 47: SGDT 0 ... LIDT 3, SLDT ... LTR */
    uint32_t vectoring; /* event whose delivery was interrupted, interruption format; 0 = none */
    uint32_t vectoring_error;
};

/* What the exit-information fields will say. */
struct vs_vmx_exit_info {
    uint32_t reason; /* basic exit reason */
    uint64_t qualification;
    uint64_t guest_linear, guest_physical;
    uint32_t interruption, interruption_error;
    uint32_t vectoring, vectoring_error;
    uint32_t length;
    uint32_t information; /* of the instruction */
    bool has_qualification, has_linear, has_physical, has_information;
    bool posted; /* not an exit: the notification vector, the guest's posted interrupts are due */
};

/* Names of the parts the processor is wired to. mem and tlb functions may be NULL (nothing there).
 */
struct vs_vmx_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_tlb_port tlb;
    uint16_t guest_actor, host_actor;
};

/* Classes of fields as the accounts group them. */
enum vs_vmx_class {
    VS_VMX_CLASS_SEGMENTS,
    VS_VMX_CLASS_DESCRIPTORS,
    VS_VMX_CLASS_CONTROL_REGISTERS,
    VS_VMX_CLASS_FLOW,
    VS_VMX_CLASS_MSRS,
    VS_VMX_CLASS_VIRTUAL,
    VS_VMX_CLASS_NONE,
    VS_VMX_CLASSES
};

/* What one direction moves while the controls are what they are: runs of fields side by side. */
enum vs_vmx_way { VS_VMX_SAVE_GUEST, VS_VMX_LOAD_HOST, VS_VMX_LOAD_GUEST, VS_VMX_WAYS };
struct vs_vmx_run {
    uint16_t first, n; /* positions */
};
#define VS_VMX_RUNS 64u
#define VS_VMX_WORDS 5u /* of controls */
struct vs_vmx_move {
    uint64_t words[VS_VMX_WORDS]; /* the controls that it was planned for */
    bool pae;                     /* PDPTEs are among them */
    uint32_t n_runs, fields;      /* 0 fields: not planned yet */
    uint32_t n[VS_VMX_CLASSES];   /* fields of each class */
    struct vs_vmx_run run[VS_VMX_RUNS];
    uint16_t n_four, n_one, four[VS_VMX_RUNS], one[VS_VMX_RUNS]; /* bytes to copy from */
    struct vs_charge_plan charge[VS_VMX_CLASSES + 1u];           /* what moving them costs */
    uint32_t n_charges;
};

struct vs_vmx {
    struct vs_vmcs_config config;
    struct vs_vmx_wiring wire;
    uint64_t count[VS_CNT_vmcs_N]; /* registered for the host actor */
    uint16_t base;                 /* of the accounts */
    uint64_t vmread_ps, vmwrite_ps;
    bool on, in_guest, aborted;
    bool views;  /* its EPTP list has other entries than the first: vs_world_port.view */
    bool mov_ss; /* the host has executed MOV SS or POP SS just before: who does, sets and clears it
                  */
    uint64_t vmxon, current; /* physical addresses; VS_VMX_NO_VMCS */
    uint16_t guest_at[VS_VMCS_FIELDS],
        host_at[VS_VMCS_FIELDS]; /* positions of each area's fields */
    unsigned n_guest, n_host;
    uint8_t has[VS_VMCS_FIELDS];          /* VS_FIELD_* by position: what this processor has */
    struct vs_vmx_move move[VS_VMX_WAYS]; /* as planned for the controls of the last transition */
    uint64_t checked_region;              /* whose fields `checked` are; VS_VMX_NO_VMCS: none */
    uint64_t checked[VS_VMCS_FIELDS];     /* as the last entry that checked them has found them */
    uint64_t live[VS_VMCS_FIELDS]; /* guest registers by position of their guest field; after an
                                      exit the host's registers by position of their host field */
    struct {
        uint32_t index;
        uint64_t value;
    } msr[VS_VMX_MSRS];
    uint32_t n_msr;
    uint32_t branches_listed;         /* registers of the last branches that its lists have */
    bool counters_listed;             /* and IA32_PERF_GLOBAL_CTRL */
    uint64_t timer_ps;                /* when the VMX-preemption timer began to count */
    uint64_t pause_first, pause_last; /* pause-loop detection, time-stamp counter */
    uint64_t checks_controls, checks_host, checks_guest; /* made by the last entry that passed */
    enum vs_vmx_result last;                             /* of the world port's leave and enter */
    uint32_t injected; /* interruption information delivered by the last entry; 0 = none */
};

/* Cross-knob rules: controls that this processor lacks or that need one another. */
void vs_vmcs_check(const struct vs_vmcs_config *config, struct vs_errors *errors);
/* Registers accounts and counters; the processor starts outside VMX operation. */
enum vs_status vs_vmx_init(struct vs_vmx *x, const struct vs_vmcs_config *config,
                           const struct vs_vmx_wiring *wiring);

/* Instructions of VMX root operation. Regions must hold the revision id (vs_vmx_format). */
void vs_vmx_format(struct vs_vmx *x, vs_hpa region);
enum vs_vmx_result vs_vmx_on(struct vs_vmx *x, struct vs_txn *t, vs_hpa region);
enum vs_vmx_result vs_vmx_off(struct vs_vmx *x, struct vs_txn *t);
enum vs_vmx_result vs_vmx_clear(struct vs_vmx *x, struct vs_txn *t, vs_hpa region);
enum vs_vmx_result vs_vmx_ptrld(struct vs_vmx *x, struct vs_txn *t, vs_hpa region);
enum vs_vmx_result vs_vmx_ptrst(struct vs_vmx *x, struct vs_txn *t, vs_hpa *region);
enum vs_vmx_result vs_vmx_read(struct vs_vmx *x, struct vs_txn *t, uint32_t field, uint64_t *value);
enum vs_vmx_result vs_vmx_write(struct vs_vmx *x, struct vs_txn *t, uint32_t field, uint64_t value);
/* A guest's own VMREAD (*value is the answer) or VMWRITE that vs_vmx_intercept let pass, since the
 * bitmaps of VMCS shadowing do: it works on the VMCS that the link pointer names. */
enum vs_vmx_result vs_vmx_shadowed(struct vs_vmx *x, struct vs_txn *t, bool write, uint32_t field,
                                   uint64_t *value);
/* type 1 = one EPTP's context, 2 = all. */
enum vs_vmx_result vs_vmx_invept(struct vs_vmx *x, struct vs_txn *t, uint64_t type, uint64_t eptp);
/* type 0 = one address, 1 = one VPID, 2 = all, 3 = one VPID but its global mappings. */
enum vs_vmx_result vs_vmx_invvpid(struct vs_vmx *x, struct vs_txn *t, uint64_t type, uint16_t vpid,
                                  vs_gva at);

/* Does this event leave the guest? Fills *info when it does; bitmaps are read through memory. When
 * it does not: info->posted tells the notification vector of posted-interrupt processing. */
bool vs_vmx_intercept(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_event *event,
                      struct vs_vmx_exit_info *info);
/* The way out. VS_VMX_ABORT when an MSR list could not be carried out. */
enum vs_vmx_result vs_vmx_exit(struct vs_vmx *x, struct vs_txn *t,
                               const struct vs_vmx_exit_info *info);
/* VMLAUNCH or VMRESUME: the way in. On VS_VMX_OK the guest runs under its actor. */
enum vs_vmx_result vs_vmx_enter(struct vs_vmx *x, struct vs_txn *t, enum vs_vmx_entry how);
/* The operation of a basic exit reason (reasons.def, vs_vmx_register); VS_OP_N: none. */
enum vs_op vs_vmx_exit_op(uint32_t reason);

/* What the guest sees without an exit. */
uint64_t vs_vmx_guest_cr(const struct vs_vmx *x,
                         unsigned cr); /* 0, 3, 4: through mask and shadow */
uint64_t vs_vmx_guest_tsc(const struct vs_vmx *x, uint64_t host_tsc);
/* When the VMX-preemption timer stops the guest that was entered last: UINT64_MAX where it does not
 * count. */
vs_ps vs_vmx_timer_stops(const struct vs_vmx *x);
/* The guest executes STI or CLI; STI blocks until the instruction after it has executed. */
void vs_vmx_guest_if(struct vs_vmx *x, bool on);
void vs_vmx_unblock(struct vs_vmx *x);
/* The guest executes IRET, which ends what blocks NMIs. */
void vs_vmx_guest_iret(struct vs_vmx *x);
/* The guest's TPR is virtualized: it is VTPR, on the virtual-APIC page, under TPR shadow. */
void vs_vmx_guest_tpr(struct vs_vmx *x, uint8_t tpr);
/* An MSR that the lists move. Setting a 129th is VS_E_BOUNDS. */
enum vs_status vs_vmx_msr_set(struct vs_vmx *x, uint32_t index, uint64_t value);
uint64_t vs_vmx_msr(const struct vs_vmx *x, uint32_t index);

/* A complete VMCS for a 64-bit guest, controls as the knobs vmcs.control.* say. Addresses of pages
 * that no control uses may be 0. Lists hold 16 bytes an entry: index in bits 31:0, then the value.
 */
struct vs_vmx_setup {
    vs_hpa vmxon, vmcs;
    vs_hpa msr_bitmap, io_bitmap_a, io_bitmap_b, virtual_apic, apic_access, posted_descriptor, pml;
    vs_hpa exit_store, exit_load, entry_load;
    uint32_t exit_stores, exit_loads, entry_loads;
    uint64_t eptp;
    vs_hpa eptp_list;
    uint64_t eoi_exits[4]; /* vectors whose end exits */
    uint32_t exceptions;   /* that exit besides those KVM always asks for */
    uint16_t vpid;
    uint8_t posted_vector;
    uint64_t host_cr3, host_rip, host_rsp;
    uint64_t guest_cr3, guest_rip, guest_rsp;
};
/* VMXON if needed, VMCLEAR, VMPTRLD, then every field, untimed. */
enum vs_vmx_result vs_vmx_setup_default(struct vs_vmx *x, const struct vs_vmx_setup *s);
/* The same once more in time, up to the first entry: VMXON, VMCLEAR, VMPTRLD, a VMWRITE of each
 * field that is not 0, VMLAUNCH. The regions are those of the setup before. */
enum vs_vmx_result vs_vmx_build(struct vs_vmx *x, struct vs_txn *t, vs_hpa vmxon, vs_hpa vmcs);
/* What is left of it when its guest has been left for the last time: VMCLEAR, VMXOFF. */
enum vs_vmx_result vs_vmx_end(struct vs_vmx *x, struct vs_txn *t);
/* The operations vm.create and vm.destroy (vs_vmx_register). */
enum vs_op vs_vmx_create_op(void);
enum vs_op vs_vmx_destroy_op(void);

#endif
