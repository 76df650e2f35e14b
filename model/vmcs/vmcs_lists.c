/* SPDX-License-Identifier: MIT */
/*
 * What a hypervisor puts into the MSR lists of a vCPU whose guest begins to use registers that no
 * control moves: one area is stored to by exits and loaded from by entries, in the order of the
 * indices; another one holds what an exit loads for the host. As Xen has it: vmx_add_msr
 * (xen/arch/x86/hvm/vmx/vmcs.c), called by vmx_msr_write_intercept (vmx.c) for the last branches
 * and by core2_vpmu_alloc_resource (cpu/vpmu_intel.c) for counters.
 */
#include "vmcs/vmcs_impl.h"

#include "virtsim/trap.h"

enum { USE_COUNTERS = 2 }; /* of vmcs.msr_list.use: none, branches, counters */
enum { DEBUGCTL = 0x1d9, GLOBAL_CTRL = 0x38f };
#define DEBUGCTL_LBR 1u
#define ENTRY 16u /* bytes of one in a list */

/* Registers of the last branches, by index: nh_lbr and sk_lbr of Xen. `each`: one for each pair of
 * records; `info`: only where each record has an information register. */
static const struct branches {
    uint32_t first, n;
    bool each, info;
} branches[] = {
    {0x1c8, 2, false, false}, /* MSR_LBR_SELECT, MSR_LASTBRANCH_TOS */
    {0x1dd, 2, false, false}, /* MSR_LER_FROM_LIP, MSR_LER_TO_LIP */
    {0x680, 0, true, false},  /* MSR_LASTBRANCH_n_FROM_IP */
    {0x6c0, 0, true, false},  /* MSR_LASTBRANCH_n_TO_IP */
    {0xdc0, 0, true, true},   /* MSR_LBR_INFO_n */
};

/* Registers of performance counters, which Xen's vpmu answers for: first and last. */
static const uint32_t counters[][2] = {{0xc1, 0xc8},   {0x186, 0x18d}, {0x309, 0x30b},
                                       {0x38d, 0x390}, {0x3f1, 0x3f1}, {0x600, 0x600}};

/* One index past the `i`th register of the last branches of this part; 0: it has fewer. */
static uint32_t branch(const struct vs_vmx *x, uint32_t i)
{
    uint32_t pairs = (uint32_t)x->config.branch_records;
    for (size_t k = 0; pairs && k < sizeof branches / sizeof branches[0]; k++) {
        const struct branches *b = &branches[k];
        uint32_t n = b->info && pairs < 32 ? 0 : b->each ? pairs : b->n;
        if (i < n) {
            return b->first + i + 1;
        }
        i -= n;
    }
    return 0;
}

/* The guest touches a counter. */
static bool counts(uint32_t msr)
{
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        if (msr >= counters[i][0] && msr <= counters[i][1]) {
            return true;
        }
    }
    return false;
}

/* Puts an entry where its index belongs in a list of n, those behind it move up. */
static void insert(struct vs_vmx *x, struct vs_txn *t, uint64_t list, uint64_t n, uint32_t msr)
{
    uint64_t at = n;
    for (; at; at--) {
        uint64_t before = vs__vmx_word(x, t, list + (at - 1) * ENTRY);
        if (before < msr) {
            break;
        }
        vs__vmx_put_word(x, t, list + at * ENTRY, before);
        vs__vmx_put_word(x, t, list + at * ENTRY + 8,
                         vs__vmx_word(x, t, list + (at - 1) * ENTRY + 8));
    }
    vs__vmx_put_word(x, t, list + at * ENTRY, msr);
    vs__vmx_put_word(x, t, list + at * ENTRY + 8, 0);
}

/* A register that exits store for the guest and entries load. */
static void add_guest(struct vs_vmx *x, struct vs_txn *t, uint32_t msr)
{
    uint64_t list = VS_GET(x, EXIT_MSR_STORE_ADDRESS), n = VS_GET(x, EXIT_MSR_STORE_COUNT);
    if (!n) { /* one area for both */
        vs__vmx_write_at(x, t, VS_VMCS_AT_EXIT_MSR_STORE_ADDRESS, list);
        vs__vmx_write_at(x, t, VS_VMCS_AT_ENTRY_MSR_LOAD_ADDRESS, list);
    }
    insert(x, t, list, n, msr);
    vs__vmx_write_at(x, t, VS_VMCS_AT_EXIT_MSR_STORE_COUNT, n + 1);
    vs__vmx_write_at(x, t, VS_VMCS_AT_ENTRY_MSR_LOAD_COUNT, n + 1);
}

/* A register that exits load for the host: 0. */
static void add_host(struct vs_vmx *x, struct vs_txn *t, uint32_t msr)
{
    uint64_t n = VS_GET(x, EXIT_MSR_LOAD_COUNT);
    insert(x, t, VS_GET(x, EXIT_MSR_LOAD_ADDRESS), n, msr);
    vs__vmx_write_at(x, t, VS_VMCS_AT_EXIT_MSR_LOAD_COUNT, n + 1);
}

/* From now on the guest reads and writes a low MSR without an exit (vmx_clear_msr_intercept). */
static void pass(struct vs_vmx *x, struct vs_txn *t, uint32_t msr)
{
    for (unsigned half = 0; half < 2; half++) { /* reads, writes */
        uint64_t at = VS_GET(x, MSR_BITMAP) + half * 2048u + msr / 64u * 8u;
        vs__vmx_put_word(x, t, at, vs__vmx_word(x, t, at) & ~(UINT64_C(1) << msr % 64u));
    }
}

bool vs__vmx_lists(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_vmx *x = ctx;
    uint32_t next = 0;
    bool starts =
        trap->kind == VS_TRAP_MSR_WRITE && trap->number == DEBUGCTL && trap->value & DEBUGCTL_LBR;
    if (starts) {
        next = branch(x, x->branches_listed);
    } else if (x->config.list_use == USE_COUNTERS && counts(trap->number) && !x->counters_listed) {
        next = GLOBAL_CTRL + 1;
    }
    if (!next || !t) {
        return next != 0;
    }
    if (starts) {
        x->branches_listed++;
        pass(x, t, next - 1);
    } else {
        x->counters_listed = true;
        add_host(x, t, next - 1);
    }
    add_guest(x, t, next - 1);
    return true;
}
