/* SPDX-License-Identifier: MIT */
/* Which shipped workload, with which settings, makes an operation happen: what `explain` runs. */
#include "explain/tree.h"

#include "virtsim/op.h"

#include <string.h>

/* An operation that the loop of exit_microbench exercises, as these settings have it. */
#define LOOP(op, ...)                                                                              \
    {                                                                                              \
        op, "workloads/exit_microbench.lua",                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* What KVM lets the guest do by itself exits only when its control is set; settings of other
 * architectures than the machine's are left out. */
static const struct vs_explain_recipe table[] = {
    {"timeline", "workloads/exit_mix.lua", {NULL}},
    {"access.load", "workloads/gups.lua", {NULL}},
    {"access.store", "workloads/gups.lua", {"workload.op=store"}},
    {"access.fetch", "workloads/exit_mix.lua", {NULL}},
    {"walk", "workloads/pointer_chase.lua", {NULL}},
    {"invalidate", "workloads/exit_microbench.lua", {"workload.reason=invlpg"}},
    {"page_fault", "workloads/page_touch.lua", {"workload.backing=touch"}},
    {"shadow.fault",
     "workloads/page_table_edit.lua",
     {"paging.mode=shadow", "workload.edit=remap", "workload.count=20000"}},
    {"shadow.sync",
     "workloads/page_table_edit.lua",
     {"paging.mode=shadow", "workload.edit=remap", "workload.count=20000"}},
    {"shadow.write",
     "workloads/page_table_edit.lua",
     {"paging.mode=shadow", "shadow.sync=trap", "workload.count=20000"}},
    {"exit.exception",
     "workloads/page_touch.lua",
     {"paging.mode=shadow", "workload.backing=touch"}},
    {"exit.interrupt_window",
     "workloads/interrupts.lua",
     {"workload.how=masked", "vmcs.control.posted_interrupts=0",
      "vmcs.control.virtual_interrupt_delivery=0"}},
    {"exit.priority",
     "workloads/interrupts.lua",
     {"workload.how=priority", "vmcs.control.posted_interrupts=0",
      "vmcs.control.virtual_interrupt_delivery=0"}},
    {"exit.timer", "workloads/interrupts.lua", {"workload.how=timer"}},
    {"exit.apic_access",
     "workloads/interrupts.lua",
     {"interrupt.apic=xapic", "vmcs.control.posted_interrupts=0",
      "vmcs.control.virtual_interrupt_delivery=0", "vmcs.control.apic_register_virtualization=0"}},
    {"exit.apic_write", "workloads/interrupts.lua", {"interrupt.apic=xapic"}},
    {"exit.ipi",
     "workloads/ipi_pingpong.lua",
     {"workload.think=2000000", "workload.count=20", "svm.avic=1", "svm.cap.x2avic=1"}},
    {"exit.avic_noaccel.write", NULL, {NULL}},
    {"exit.avic_noaccel.fault", NULL, {NULL}},
    LOOP("exit.cpu_id", "workload.reason=cpuid"),
    LOOP("exit.halt", "workload.reason=hlt"),
    LOOP("exit.timestamp", "workload.reason=rdtsc", "vmcs.control.rdtsc_exiting=1",
         "svm.intercept.rdtsc=1"),
    LOOP("exit.msr.read", "workload.reason=rdmsr"),
    LOOP("exit.msr.write", "workload.reason=wrmsr"),
    LOOP("exit.pio", "workload.reason=io_out"),
    LOOP("exit.hypercall", "workload.reason=vmcall"),
    LOOP("exit.control_register", "workload.reason=cr3", "vmcs.control.cr3_load_exiting=1",
         "svm.intercept.cr3_write=1"),
    LOOP("exit.invalidate", "workload.reason=invlpg", "vmcs.control.invlpg_exiting=1",
         "svm.intercept.invlpg=1", "el2.trap.tlbi=1"),
    LOOP("exit.pause", "workload.reason=pause", "vmcs.control.pause_exiting=1",
         "svm.pause_filter.count=0"),
    {"exit.stage2_fault", "workloads/page_touch.lua", {NULL}},
    LOOP("exit.mmio", "workload.reason=mmio_write"),
    {"exit.interrupt",
     "workloads/exit_mix.lua",
     {"vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0"}},
    /* of one architecture: what else than its neutral name's exercises it; NULL: nothing does
     */
    {"exit.invpcid", NULL, {NULL}},
    {"exit.invlpga", NULL, {NULL}},
    LOOP("exit.undefined", "workload.reason=vmread"),
    LOOP("exit.debug_register", "workload.reason=mov_dr", "workload.warmup=0"),
    LOOP("exit.counter", "workload.reason=rdpmc"),
    LOOP("exit.caches", "workload.reason=wbinvd"),
    LOOP("exit.monitor", "workload.reason=mwait"),
    LOOP("exit.descriptor_table", "workload.reason=lgdt",
         "vmcs.control.descriptor_table_exiting=1"),
    LOOP("exit.xsetbv", "workload.reason=xsetbv"),
    {"exit.supervisor_state", NULL, {NULL}},
    LOOP("exit.nmi", "workload.reason=nmi"),
    {"exit.shutdown", NULL, {NULL}},
    {"exit.bus_lock", NULL, {NULL}},
    LOOP("exit.apic_eoi", "workload.reason=eoi", "hypervisor.level_vector=240"),
    LOOP("exit.vmclear", "workload.reason=vmclear"),
    LOOP("exit.vmlaunch", "workload.reason=vmlaunch"),
    LOOP("exit.vmptrld", "workload.reason=vmptrld"),
    LOOP("exit.vmptrst", "workload.reason=vmptrst"),
    LOOP("exit.vmresume", "workload.reason=vmresume"),
    LOOP("exit.vmwrite", "workload.reason=vmwrite"),
    LOOP("exit.vmxoff", "workload.reason=vmxoff"),
    LOOP("exit.vmxon", "workload.reason=vmxon"),
    LOOP("exit.invept", "workload.reason=invept"),
    LOOP("exit.invvpid", "workload.reason=invvpid"),
    LOOP("exit.invd", "workload.reason=invd"),
    LOOP("exit.monitor", "workload.reason=monitor"),
    LOOP("exit.rdrand", "workload.reason=rdrand", "vmcs.control.rdrand_exiting=1"),
    LOOP("exit.rdseed", "workload.reason=rdseed", "vmcs.control.rdseed_exiting=1"),
    LOOP("exit.vmfunc", "workload.reason=vmfunc", "vmcs.control.vm_functions=1"),
    LOOP("exit.rdtscp", "workload.reason=rdtscp", "vmcs.control.rdtsc_exiting=1"),
    LOOP("exit.ldtr_tr", "workload.reason=ltr", "vmcs.control.descriptor_table_exiting=1"),
    LOOP("exit.cr_read", "workload.reason=mov_from_cr4"),
    LOOP("exit.dr_read", "workload.reason=mov_from_dr", "workload.warmup=0"),
    LOOP("exit.idtr_read", "workload.reason=sidt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.gdtr_read", "workload.reason=sgdt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.ldtr_read", "workload.reason=sldt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.tr_read", "workload.reason=str", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.idtr_write", "workload.reason=lidt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.gdtr_write", "workload.reason=lgdt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.ldtr_write", "workload.reason=lldt", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.tr_write", "workload.reason=ltr", "svm.intercept.descriptor_tables=1"),
    LOOP("exit.vmrun", "workload.reason=vmrun"),
    LOOP("exit.vmload", "workload.reason=vmload", "svm.cap.virtual_vmload=0"),
    LOOP("exit.vmsave", "workload.reason=vmsave", "svm.cap.virtual_vmload=0"),
    LOOP("exit.stgi", "workload.reason=stgi", "svm.cap.vgif=0"),
    LOOP("exit.clgi", "workload.reason=clgi", "svm.cap.vgif=0"),
    LOOP("exit.skinit", "workload.reason=skinit"),
    LOOP("exit.rdpru", "workload.reason=rdpru"),
    {"vm.create", "workloads/vm_life.lua", {"vmcs.created_in_time=1"}},
    {"vm.destroy", "workloads/vm_life.lua", {"vmcs.destroyed_in_time=1"}},
    LOOP("exit.fp_asimd", "workload.reason=simd"),
    {"exit.sve", NULL, {NULL}},
    LOOP("exit.wfx.wfe", "workload.reason=wfe", "el2.trap.wfe=1"),
    LOOP("exit.smc64", "workload.reason=smc"),
    LOOP("exit.eret", "workload.reason=hvc", "hypervisor.nesting=1", "el2.cap.nv=1"),
    LOOP("exit.eret.level", "workload.reason=hvc", "hypervisor.nesting=1", "el2.cap.nv=1",
         "el2.nested.vhe=0"),
    LOOP("exit.hvc64.level", "workload.reason=hvc", "hypervisor.nesting=1", "el2.cap.nv=1",
         "el2.nested.vhe=0"),
    LOOP("exit.sys64.el2_read", "workload.reason=hvc", "hypervisor.nesting=1", "el2.cap.nv=1"),
    LOOP("exit.sys64.el2_write", "workload.reason=hvc", "hypervisor.nesting=1", "el2.cap.nv=1"),
    LOOP("exit.sys64.id", "workload.reason=mrs_id"),
    LOOP("exit.sys64.read", "workload.reason=mrs"),
    LOOP("exit.sys64.write", "workload.reason=ipi"),
    {"exit.sys64.vm",
     "workloads/page_table_edit.lua",
     {"workload.edit=switch", "workload.count=20000", "el2.trap.vm=1"}},
    {"exit.instruction_abort.fault", NULL, {NULL}},
    LOOP("exit.flags", "workload.reason=cli_sti"),
    LOOP("exit.gp.cpuid", "workload.reason=cpuid", "deprivileged.cpuid_faulting=1"),
    LOOP("exit.gp.rdtsc", "workload.reason=rdtsc", "deprivileged.time_stamp_disable=1"),
    LOOP("exit.ud.invalid", "workload.reason=ud2"),
    LOOP("helper.exception", "workload.reason=ud2"),
    {"tcg.fill", "workloads/gups.lua", {"workload.footprint=16MiB", "workload.count=5000"}},
    {"translator.lookup", "workloads/page_touch.lua", {"workload.backing=touch"}},
    {"translator.translate", "workloads/page_touch.lua", {"workload.backing=touch"}},
    LOOP("tcg.flush", "workload.reason=cr3"),
    {"translator.code_write", "workloads/code_paths.lua", {"workload.kind=rewrite"}},
    {"packet.rx", "workloads/udp_echo.lua", {NULL}},
    {"packet.tx", "workloads/udp_echo.lua", {NULL}},
    {"vm.assign",
     "workloads/vm_life.lua",
     {"dma.assigned_in_time=1", "workload.packets=3", "guest.memory=64MiB"}},
    {"vm.unassign",
     "workloads/vm_life.lua",
     {"dma.assigned_in_time=1", "workload.packets=3", "guest.memory=64MiB"}},
    {"vfio.map",
     "workloads/vm_life.lua",
     {"dma.assigned_in_time=1", "workload.packets=3", "guest.memory=64MiB"}},
    {"vfio.unmap",
     "workloads/vm_life.lua",
     {"dma.assigned_in_time=1", "workload.packets=3", "guest.memory=64MiB"}},
    {"dma.read", "workloads/udp_echo.lua", {NULL}},
    {"dma.write", "workloads/udp_echo.lua", {NULL}},
    {"iommu.translate", "workloads/udp_echo.lua", {NULL}},
    {"mmio.write", "workloads/udp_echo.lua", {NULL}},
    {"msi", "workloads/udp_echo.lua", {NULL}},
    {"irq", "workloads/udp_echo.lua", {NULL}},
    {"irq.delivery", "workloads/ipi_pingpong.lua", {NULL}},
    {"steal", "workloads/overcommit.lua", {"host.cpus=1"}},
    {"thread.switch", "workloads/overcommit.lua", {"host.cpus=1", "workload.sleep=300"}},
    {"thread.run", "workloads/overcommit.lua", {"host.cpus=1"}},
};

const struct vs_explain_recipe *vs_explain_recipe(enum vs_op op)
{
    const struct vs_explain_recipe *found = NULL;
    enum vs_trap_kind trap = vs_op_trap(op);
    const char *neutral = trap != VS_TRAP_N ? vs_trap_exits(trap) : vs_op_name(op);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool own = !strcmp(table[i].op, vs_op_name(op));
        if (own || !strcmp(table[i].op, neutral)) {
            found = own || !found ? &table[i] : found;
        }
    }
    return found && found->workload ? found : NULL;
}

bool vs_explain_sets(const char *set, const char *world)
{
    static const char *const architecture[] = {"vmcs", "svm", "el2", "deprivileged", "tcg", "bt"};
    for (size_t i = 0; i < sizeof architecture / sizeof architecture[0]; i++) {
        size_t n = strlen(architecture[i]);
        if (!strncmp(set, architecture[i], n) && set[n] == '.') {
            return !world || !strcmp(world, architecture[i]);
        }
    }
    return true;
}
