/* SPDX-License-Identifier: MIT */
/*
 * AMD's world switch: the VMCB in simulated memory, its intercept vectors and permission maps,
 * VMRUN and #VMEXIT, and the VMSAVE, VMLOAD, STGI and CLGI that a hypervisor runs around them.
 *
 * What is real here: layout, encodings and values of the VMCB (AMD APM volume 2, appendices B and
 * C), the decision by vectors, maps, virtual interrupt and PAUSE filter, and every line that the
 * switch reads or writes, through the core's caches. A hypervisor's handlers have no instructions
 * to read the VMCB: svm_world.h's state port loads and stores it.
 *
 * Time: every function takes the transaction it serves; NULL means untimed.
 */
#ifndef VIRTSIM_SVM_H
#define VIRTSIM_SVM_H

#include "virtsim/phys.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/tlb.h"

#define VS_DEF_NAME svm
#define VS_DEF_FILE "svm/svm.def"
#include "virtsim/def_types.h"

/* Exit codes that have an operation (codes.def), and those that only the vectors ask for. Below
 * 0xc0 the code is the bit of the vectors, which begin at offset 0. */
enum vs_svm_code {
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information) VS_SVM_##e = code,
#include "svm/codes.def"
    VS_SVM_READ_CR0 = 0x000,
    VS_SVM_WRITE_CR0 = 0x010,
    VS_SVM_READ_DR0 = 0x020,
    VS_SVM_WRITE_DR0 = 0x030,
    VS_SVM_EXCEPTION = 0x040,
    VS_SVM_SMI = 0x062,
    VS_SVM_CR0_SEL_WRITE = 0x065,
    VS_SVM_RSM = 0x073,
    VS_SVM_MSR = 0x07c,
    VS_SVM_TASK_SWITCH = 0x07d,
    VS_SVM_NPF = 0x400,
    VS_SVM_AVIC_INCOMPLETE_IPI = 0x401,
    VS_SVM_AVIC_NOACCEL = 0x402
};

/* Byte offsets in the VMCB, AMD APM volume 2, appendix B. */
enum {
    VS_VMCB_INTERCEPTS = 0x000, /* 192 bits: codes 0 to 0xbf */
    VS_VMCB_PAUSE_THRESHOLD = 0x03c,
    VS_VMCB_PAUSE_COUNT = 0x03e,
    VS_VMCB_IOPM = 0x040,
    VS_VMCB_MSRPM = 0x048,
    VS_VMCB_TSC_OFFSET = 0x050,
    VS_VMCB_ASID = 0x058, /* 32 bits, then TLB_CONTROL */
    VS_VMCB_TLB_CONTROL = 0x05c,
    VS_VMCB_INT_CTL = 0x060, /* V_TPR, V_IRQ, V_INTR_MASKING, V_INTR_VECTOR */
    VS_VMCB_INT_STATE = 0x068,
    VS_VMCB_EXITCODE = 0x070,
    VS_VMCB_EXITINFO1 = 0x078,
    VS_VMCB_EXITINFO2 = 0x080,
    VS_VMCB_EXITINTINFO = 0x088,
    VS_VMCB_NESTED = 0x090, /* bit 0: nested paging */
    VS_VMCB_AVIC_BAR = 0x098,
    VS_VMCB_EVENTINJ = 0x0a8,
    VS_VMCB_NCR3 = 0x0b0,
    VS_VMCB_VIRT_EXT = 0x0b8, /* bit 0: LBR virtualization */
    VS_VMCB_CLEAN = 0x0c0,
    VS_VMCB_NRIP = 0x0c8,
    VS_VMCB_AVIC_BACKING = 0x0e0,
    VS_VMCB_AVIC_LOGICAL = 0x0f0,
    VS_VMCB_AVIC_PHYSICAL = 0x0f8, /* and in its low bits the last index of that table */
    VS_VMCB_CONTROL_BYTES = 0x100, /* of the control area that are in use */
    VS_VMCB_STATE = 0x400,
    VS_VMCB_ES = 0x400, /* each segment: selector, attributes, limit, base */
    VS_VMCB_CS = 0x410,
    VS_VMCB_SS = 0x420,
    VS_VMCB_DS = 0x430,
    VS_VMCB_FS = 0x440,
    VS_VMCB_GS = 0x450,
    VS_VMCB_GDTR = 0x460,
    VS_VMCB_LDTR = 0x470,
    VS_VMCB_IDTR = 0x480,
    VS_VMCB_TR = 0x490,
    VS_VMCB_CPL = 0x4cb, /* one byte */
    VS_VMCB_EFER = 0x4d0,
    VS_VMCB_CR4 = 0x548,
    VS_VMCB_CR3 = 0x550,
    VS_VMCB_CR0 = 0x558,
    VS_VMCB_DR7 = 0x560,
    VS_VMCB_DR6 = 0x568,
    VS_VMCB_RFLAGS = 0x570,
    VS_VMCB_RIP = 0x578,
    VS_VMCB_RSP = 0x5d8,
    VS_VMCB_RAX = 0x5f8,
    VS_VMCB_STAR = 0x600, /* then LSTAR, CSTAR, SFMASK */
    VS_VMCB_KERNEL_GS = 0x620,
    VS_VMCB_SYSENTER = 0x628, /* CS, ESP, EIP */
    VS_VMCB_CR2 = 0x640,
    VS_VMCB_G_PAT = 0x668,
    VS_VMCB_DBGCTL = 0x670, /* then BR_FROM, BR_TO, LASTEXCPFROM, LASTEXCPTO */
    VS_VMCB_STATE_END = 0x680,
    VS_VMCB_LBR_END = 0x698
};

/* Bits of VMCB clean (APM volume 2, figure 15-4): groups that VMRUN may take from the processor's
 * copy. What no bit stands for is loaded always: TLB_CONTROL, interrupt shadow, EVENTINJ, RFLAGS,
 * RIP, RSP, RAX. */
enum vs_svm_group {
    VS_SVM_CLEAN_INTERCEPTS,
    VS_SVM_CLEAN_MAPS,
    VS_SVM_CLEAN_ASID,
    VS_SVM_CLEAN_TPR,
    VS_SVM_CLEAN_NP,
    VS_SVM_CLEAN_CR,
    VS_SVM_CLEAN_DR,
    VS_SVM_CLEAN_DT,
    VS_SVM_CLEAN_SEG,
    VS_SVM_CLEAN_CR2,
    VS_SVM_CLEAN_LBR,
    VS_SVM_CLEAN_AVIC,
    VS_SVM_GROUPS
};
#define VS_SVM_ALL_CLEAN ((1u << VS_SVM_GROUPS) - 1u)
/* What KVM writes before each VMRUN (VMCB_ALWAYS_DIRTY_MASK). */
#define VS_SVM_ALWAYS_DIRTY (1u << VS_SVM_CLEAN_TPR | 1u << VS_SVM_CLEAN_CR2)
#define VS_SVM_INVALID UINT64_MAX /* EXITCODE of a VMRUN whose VMCB fails a check */

/* EXITINFO1 of IN and OUT, APM volume 2, figure 15-2; of MOV to and from a control register, table
 * 15-2; bits of CR0 that the selective intercept lets pass. */
#define VS_SVM_IOIO_IN UINT64_C(1)
#define VS_SVM_IOIO_STR (UINT64_C(1) << 2)
#define VS_SVM_IOIO_REP (UINT64_C(1) << 3)
#define VS_SVM_IOIO_SIZE 4 /* SZ8, SZ16, SZ32: the size in bytes from here on */
#define VS_SVM_IOIO_A64 (UINT64_C(1) << 9)
#define VS_SVM_IOIO_DS (UINT64_C(3) << 10)
#define VS_SVM_IOIO_PORT 16
#define VS_SVM_CR_MOV (UINT64_C(1) << 63)
#define VS_SVM_CR0_MP (UINT64_C(1) << 1)
#define VS_SVM_CR0_TS (UINT64_C(1) << 3)

#define VS_SVM_V_TPR 0xffull
#define VS_SVM_V_IRQ (1ull << 8)
#define VS_SVM_V_GIF (1ull << 9)
#define VS_SVM_V_NMI_PENDING (1ull << 11)
#define VS_SVM_V_NMI_BLOCKING (1ull << 12)
#define VS_SVM_V_INTR_MASKING (1ull << 24)
#define VS_SVM_V_GIF_ENABLE (1ull << 25)
#define VS_SVM_V_NMI_ENABLE (1ull << 26)
#define VS_SVM_X2AVIC_ENABLE (1ull << 30)
#define VS_SVM_AVIC_ENABLE (1ull << 31)
#define VS_SVM_LBR_ENABLE 1ull /* of VS_VMCB_VIRT_EXT */
#define VS_SVM_VLS_ENABLE (1ull << 1)
#define VS_SVM_INTERRUPT_SHADOW 1ull /* of VS_VMCB_INT_STATE */
#define VS_SVM_RFLAGS_TF (1ull << 8)
#define VS_SVM_RFLAGS_IF (1ull << 9)

/* EVENTINJ and EXITINTINFO, APM volume 2, 15.20: vector, type, error code in the upper half. */
#define VS_SVM_EVENT_NMI (2u << 8)
#define VS_SVM_EVENT_EXCEPTION (3u << 8)
#define VS_SVM_EVENT_TYPE (7u << 8)
#define VS_SVM_EVENT_ERROR (1u << 11)
#define VS_SVM_EVENT_VALID (1u << 31)

struct vs_svm_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_tlb_port tlb; /* flush may be NULL */
    uint16_t guest_actor;
    unsigned physical_bits; /* of addresses; 0: 48 */
};

/* The processor's copy of what VMRUN has loaded of the control area. */
struct vs_svm_loaded {
    uint64_t vmcb; /* whose; UINT64_MAX: nobody's yet */
    uint64_t msrpm, iopm, tsc_offset, nested, physical, virt_ext;
    uint16_t pause_count, pause_threshold;
    uint16_t asid;
    uint8_t vector[24];
};

/* What AVIC works on: the vCPU's backing page, its machine's two tables, its number in them and the
 * last one there is; x2apic: its guest uses MSRs. Without AVIC all 0. */
struct vs_svm_avic {
    vs_hpa backing, physical, logical;
    unsigned id, last;
    bool x2apic;
};

struct vs_svm {
    struct vs_svm_config config;
    struct vs_svm_wiring wire;
    uint64_t count[VS_CNT_svm_N];
    uint16_t base;
    vs_hpa vmcb, host_area, msrpm, iopm;
    uint16_t asid;
    struct vs_svm_loaded on;
    struct vs_svm_avic avic;
    const char *invalid; /* the rule that the last VMRUN broke; NULL: none */
    bool in_guest;
    bool gif; /* global interrupt flag: STGI, VMRUN; CLGI, #VMEXIT. Clear it holds interrupts */
    bool nmi_masked; /* KVM's own: from the injection of an NMI to the IRET of its handler */
    bool flush;      /* the next VMRUN drops the ASID, whatever svm.tlb_control says */
    /* what the processor has of the guest while it runs; the VMCB has it between */
    uint64_t rflags, int_state, int_ctl;
    /* PAUSE filter: what is left of the count; when the last one was */
    uint64_t pause_left, pause_last;
    uint32_t interrupted; /* the event whose delivery the exit interrupts, as EXITINTINFO */
};

void vs_svm_init(struct vs_svm *s, const struct vs_svm_config *config,
                 const struct vs_svm_wiring *wiring);
/* Writes VMCB and maps as KVM's init_vmcb does: vectors as the knobs say, ASID; ncr3 is the root of
 * nested paging, 0: none, and the hypervisor intercepts what its shadow tables live on (page
 * faults, INVLPG, INVPCID, accesses to CR3). Pages are 4 KiB-aligned: two of MSR map, three of I/O
 * map. */
void vs_svm_setup(struct vs_svm *s, vs_hpa vmcb, vs_hpa host_area, vs_hpa msrpm, vs_hpa iopm,
                  uint16_t asid, uint64_t ncr3);

/* AVIC is on (after vs_svm_setup): its pointers are in the VMCB, its entry in the table is valid.
 */
void vs_svm_avic_setup(struct vs_svm *s, const struct vs_svm_avic *pages);
/* KVM's avic_vcpu_load and avic_vcpu_put: IsRunning of its entry. Nothing without AVIC. */
void vs_svm_avic_running(struct vs_svm *s, struct vs_txn *t, bool on);

/* Does the VMCB ask for the exit of this code? */
bool vs_svm_intercepts(struct vs_svm *s, uint32_t code);
/* An access to an MSR, to `size` ports: the vector, then the map, whose word is read. */
bool vs_svm_intercepts_msr(struct vs_svm *s, struct vs_txn *t, uint32_t msr, bool write);
bool vs_svm_intercepts_io(struct vs_svm *s, struct vs_txn *t, uint32_t port, uint32_t size);
/* A PAUSE at this time-stamp counter, through the filter. */
bool vs_svm_intercepts_pause(struct vs_svm *s, uint64_t tsc);
/* A virtual interrupt is requested, intercepted, and the guest can take it. */
bool vs_svm_window(const struct vs_svm *s);
/* The guest executes CLI or STI; STI's shadow lasts until the instruction after it has executed. */
void vs_svm_mask(struct vs_svm *s, bool masked);
void vs_svm_unshadow(struct vs_svm *s);
/* The global interrupt flag that holds the guest's virtual interrupts: its own where that is
 * virtualized, else the processor's, which VMRUN sets. Physical interrupts are held by the
 * processor's alone, which is set while a guest runs. */
bool vs_svm_gif(const struct vs_svm *s);
/* The guest executes an instruction of SVM (VS_X86_*) that is not intercepted. False: it has no
 * virtualized form here, and is an invalid opcode. */
bool vs_svm_execute(struct vs_svm *s, struct vs_txn *t, uint8_t x86);

/* Virtual NMIs: the guest takes the pending one, if neither its flag, nor the handler of another
 * one, nor the present instruction holds it back; IRET of a handler has executed. */
bool vs_svm_nmi_takes(struct vs_svm *s);
void vs_svm_nmi_returns(struct vs_svm *s);

/* #VMEXIT, then what the hypervisor runs at once: VMSAVE of the guest's part, VMLOAD of its own,
 * STGI. `length`: of the instruction, whose successor nRIP says; 0: none. */
void vs_svm_exit(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint64_t info1, uint64_t info2,
                 uint8_t length);
/* TLB_CONTROL = 3 for the next VMRUN, as KVM's svm_flush_tlb_asid has it. */
void vs_svm_flush_asid(struct vs_svm *s, struct vs_txn *t);
/* The hypervisor has changed what this group holds: its bit of VMCB clean goes. */
void vs_svm_dirty(struct vs_svm *s, enum vs_svm_group group);
/* The first rule of APM volume 2, 15.5.1 and 15.20, that the VMCB breaks; NULL: none. */
const char *vs_svm_check(const struct vs_svm *s);
/* CLGI, VMLOAD of the guest's part, VMRUN. The guest's actor runs afterwards. False:
 * VMEXIT_INVALID, and s->invalid says which rule the VMCB breaks; or #GP, where its address
 * is not that of a page. */
bool vs_svm_enter(struct vs_svm *s, struct vs_txn *t);

#endif
