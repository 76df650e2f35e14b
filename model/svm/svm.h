/* SPDX-License-Identifier: MIT */
/*
 * AMD's world switch: the VMCB in simulated memory, its intercept vectors, VMRUN and #VMEXIT, and
 * the VMSAVE, VMLOAD, STGI and CLGI that a hypervisor runs around them.
 *
 * What is real here: layout and encodings of the VMCB (AMD APM volume 2, appendix B and C), the
 * vectors' decision, and every line that the switch reads or writes, through the core's caches.
 * The hypervisor's handlers have no instructions to read the VMCB: vs_svm_port loads and stores.
 *
 * Time: every function takes the transaction it serves; NULL means untimed. Nothing can fail.
 */
#ifndef VIRTSIM_SVM_H
#define VIRTSIM_SVM_H

#include "virtsim/phys.h"
#include "virtsim/port.h"

#define VS_DEF_NAME svm
#define VS_DEF_FILE "svm/svm.def"
#include "virtsim/def_types.h"

/* Exit codes, AMD APM volume 2, appendix C. Below 0xa0 the code is the bit of the vectors, which
 * begin at offset 0: accesses to CR0-15 and DR0-15, exceptions, instructions. */
enum vs_svm_code {
    VS_SVM_READ_CR0 = 0x000,
    VS_SVM_WRITE_CR0 = 0x010,
    VS_SVM_EXCEPTION = 0x040, /* + vector */
    VS_SVM_INTR = 0x060,
    VS_SVM_NMI = 0x061,
    VS_SVM_VINTR = 0x064,
    VS_SVM_RDTSC = 0x06e,
    VS_SVM_CPUID = 0x072,
    VS_SVM_PAUSE = 0x077,
    VS_SVM_HLT = 0x078,
    VS_SVM_INVLPG = 0x079,
    VS_SVM_IOIO = 0x07b,
    VS_SVM_MSR = 0x07c,
    VS_SVM_SHUTDOWN = 0x07f,
    VS_SVM_VMMCALL = 0x081,
    VS_SVM_WBINVD = 0x089,
    VS_SVM_XSETBV = 0x08d,
    VS_SVM_NPF = 0x400
};

/* Byte offsets in the VMCB, AMD APM volume 2, appendix B. */
enum {
    VS_VMCB_INTERCEPTS = 0x000, /* 160 bits: codes 0 to 0x9f */
    VS_VMCB_IOPM = 0x040,
    VS_VMCB_MSRPM = 0x048,
    VS_VMCB_ASID = 0x058, /* 32 bits, then TLB_CONTROL */
    VS_VMCB_TLB_CONTROL = 0x05c,
    VS_VMCB_INT_STATE = 0x068,
    VS_VMCB_EXITCODE = 0x070,
    VS_VMCB_EXITINFO1 = 0x078,
    VS_VMCB_EXITINFO2 = 0x080,
    VS_VMCB_EXITINTINFO = 0x088,
    VS_VMCB_NESTED = 0x090, /* bit 0: nested paging */
    VS_VMCB_EVENTINJ = 0x0a8,
    VS_VMCB_NCR3 = 0x0b0,
    VS_VMCB_NRIP = 0x0c8,
    VS_VMCB_CONTROL_BYTES = 0x100, /* of the control area that are in use */
    VS_VMCB_STATE = 0x400,
    VS_VMCB_RFLAGS = 0x570,
    VS_VMCB_RIP = 0x578,
    VS_VMCB_RSP = 0x5d8,
    VS_VMCB_CR3 = 0x550,
    VS_VMCB_STATE_END = 0x680
};

struct vs_svm_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_tlb_port tlb; /* flush may be NULL */
    uint16_t guest_actor;
    /* asked for where nested paging needs no such exit; without it they are intercepted anyway */
    bool invlpg, cr3_load, cr3_store;
};

struct vs_svm {
    struct vs_svm_config config;
    struct vs_svm_wiring wire;
    struct vs_vmcs_port values; /* where fields keep their values; see vs_svm_port */
    uint64_t count[VS_CNT_svm_N];
    uint16_t base;
    vs_hpa vmcb, host_area, msrpm, iopm;
    uint16_t asid;
    bool flush; /* the next VMRUN drops the ASID, whatever svm.tlb_control says */
};

void vs_svm_init(struct vs_svm *s, const struct vs_svm_config *config,
                 const struct vs_svm_wiring *wiring);
/* Writes the VMCB as KVM's init_vmcb does: vectors as the knobs say, maps, ASID; ncr3 is the root
 * of nested paging, 0: none, and the hypervisor intercepts what its shadow tables live on (page
 * faults, INVLPG, accesses to CR3). Pages are 4 KiB-aligned. */
void vs_svm_setup(struct vs_svm *s, vs_hpa vmcb, vs_hpa host_area, vs_hpa msrpm, vs_hpa iopm,
                  uint16_t asid, uint64_t ncr3);
/* Does the VMCB ask for this exit? `number` = MSR or port, whose map's word is then consulted. */
bool vs_svm_intercepts(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint32_t number);
/* #VMEXIT, then what the hypervisor runs at once: VMSAVE of the guest's part, VMLOAD of its own,
 * STGI. */
void vs_svm_exit(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint64_t info1, uint64_t info2);
/* TLB_CONTROL = 3 for the next VMRUN, as KVM's svm_flush_tlb_asid has it. */
void vs_svm_flush_asid(struct vs_svm *s, struct vs_txn *t);
/* CLGI, VMLOAD of the guest's part, VMRUN. The guest's actor runs afterwards. */
void vs_svm_enter(struct vs_svm *s, struct vs_txn *t);
/* Fields by the encoding that hypervisors use here (VMX's): the time is that of a load or store of
 * the VMCB's line where such a field exists, the value is `values`'s. */
struct vs_vmcs_port vs_svm_port(struct vs_svm *s, const struct vs_vmcs_port *values);

#endif
