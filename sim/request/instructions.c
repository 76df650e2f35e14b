/* SPDX-License-Identifier: MIT */
/* Requests that are one instruction, which may leave the guest; interrupts, timers, packets. */
#include "handlers.h"

#include "guest/guest.h"

#include <stdio.h>
#include <string.h>

/* The program is over. */
void request_end(struct vs_vcpu *v)
{
    v->ended = true;
}

/* Offers the trap to the processor; what does not exit costs the instruction's own time. */
static void privileged(struct vs_vcpu *v, const struct vs_trap *trap, unsigned account,
                       uint64_t cycles)
{
    if (!v->p->virtualized || !vcpu_trap(v, trap, NULL)) {
        vcpu_own_time(v, account, cycles);
    }
}

/* CPUID, or a read of an identification register. */
void request_cpuid(struct vs_vcpu *v)
{
    privileged(v, &(struct vs_trap){.kind = VS_TRAP_CPU_ID, .length = 2}, VS_ACC_vcpu_cpuid,
               v->request.a ? v->p->times.cpuid : v->p->times.cpuid_0);
}

/* PAUSE of a spinning program, which may leave the guest. */
void request_pause(struct vs_vcpu *v)
{
    uint64_t cycle = vs_cpu_now_ps(&v->hw->cpu) / v->hw->clock.period_ps;
    privileged(v, &(struct vs_trap){.kind = VS_TRAP_PAUSE, .value = cycle, .length = 2},
               VS_ACC_vcpu_pause, v->p->times.pause);
}

/* The clock is read. */
void request_rdtsc(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_TIMESTAMP, .length = 2};
    if (!v->p->virtualized || !vcpu_trap(v, &trap, NULL)) {
        vcpu_own_time(v, VS_ACC_vcpu_rdtsc, v->p->times.rdtsc);
    }
    v->reply.value = vcpu_tsc(v);
}

/* A model-specific register is read. */
void request_rdmsr(struct vs_vcpu *v)
{
    v->reply.value = vcpu_rdmsr(v, (uint32_t)v->request.a);
}

/* A model-specific register is written. */
void request_wrmsr(struct vs_vcpu *v)
{
    vcpu_wrmsr(v, (uint32_t)v->request.a, v->request.b);
}

/* ---- Arm's ---- */

/* A system register is read; of which kind it is, EL2 sees by its number. */
void request_mrs(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_MSR_READ, .number = (uint32_t)v->request.a, .length = 4};
    privileged(v, &trap, VS_ACC_vcpu_mrs, v->p->times.mrs);
}

/* A system register is written. */
void request_msr(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_MSR_WRITE,
                           .number = (uint32_t)v->request.a,
                           .value = v->request.b,
                           .length = 4};
    privileged(v, &trap, VS_ACC_vcpu_msr, v->p->times.msr);
}

/* A call to the firmware, which a hypervisor may take. */
void request_smc(struct vs_vcpu *v)
{
    struct vs_trap trap = {
        .kind = VS_TRAP_HYPERCALL, .value = v->request.a, .firmware = true, .length = 4};
    privileged(v, &trap, VS_ACC_vcpu_smc, v->p->times.smc);
}

/* Waits for an event that has not come yet. */
void request_wfe(struct vs_vcpu *v)
{
    privileged(v, &(struct vs_trap){.kind = VS_TRAP_PAUSE, .event = true, .length = 4},
               VS_ACC_vcpu_wfe, v->p->times.wfe);
}

/* Another vCPU is turned on. */
void request_cpu_on(struct vs_vcpu *v)
{
    v->reply.value = (uint64_t)vcpu_power_on(v, v->request.a, v->request.b != 0);
}

/* The vCPU is off until another one turns it on. */
void request_cpu_off(struct vs_vcpu *v)
{
    v->busy = false;
    vcpu_power_off(v, v->request.b != 0);
}

/* The vCPU waits for an interrupt, by a call to the firmware. */
void request_cpu_suspend(struct vs_vcpu *v)
{
    v->busy = false;
    vcpu_suspend(v, v->request.b != 0);
}

/* Instructions with registers that a hypervisor gives its guest when they are used. */
void request_simd(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_FLOATING_POINT, .wide = v->request.a != 0, .length = 0};
    if (v->p->virtualized && trap.wide && !v->p->sve) {
        vcpu_refuse(v, "cpu:simd: the processors have no SVE: el2.cap.sve = 0");
        return;
    }
    if (v->p->virtualized) {
        vs_txn_settle(&v->txn);
        (void)vcpu_trap(v, &trap, NULL);
    }
    vs_cpu_instructions(&v->hw->cpu, v->request.count);
}

/* ---- ports, hypercalls, devices ---- */

/* One access to a port. */
static void port_io(struct vs_vcpu *v, bool write)
{
    struct vs_trap trap = {.kind = VS_TRAP_PIO,
                           .number = (uint32_t)v->request.a,
                           .size = (uint32_t)v->request.bytes,
                           .value = write ? v->request.b : 0,
                           .write = write,
                           .immediate = v->request.a < 256,
                           .length = 2};
    privileged(v, &trap, VS_ACC_vcpu_port_io, v->p->times.port_io);
}

/* IN from a port. */
void request_inp(struct vs_vcpu *v)
{
    port_io(v, false);
}

/* OUT to a port. */
void request_outp(struct vs_vcpu *v)
{
    port_io(v, true);
}

/* Without a hypervisor the instruction is undefined: #UD, and the kernel's handler skips it. */
void request_hypercall(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_HYPERCALL,
                           .length = vcpu_arm(v) ? 4 : 3,
                           .immediate_value = (uint16_t)v->request.b};
    privileged(v, &trap, VS_ACC_vcpu_exception, v->p->times.exception);
}

/* MOV to a control register. */
void request_write_cr(struct vs_vcpu *v)
{
    guest_mm_write_cr(v);
}

/* An access to a device register. */
void request_mmio(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    bool modify = r->op == VS_REQ_MODIFY, two = modify && vcpu_arm(v);
    enum vs_ref last = modify || r->op == VS_REQ_STORE ? VS_REF_WRITE
                       : r->op == VS_REQ_FETCH         ? VS_REF_FETCH
                                                       : VS_REF_READ;
    if (two) { /* a load and a store: what an atomic instruction's abort says nobody can emulate */
        vcpu_mmio(v, r->address, (uint32_t)r->bytes, VS_REF_READ, NULL);
    }
    if (!v->failed) {
        vcpu_mmio(v, r->address, (uint32_t)r->bytes, last, NULL);
    }
}

/* User space tells the hypervisor that writes to an address are an event; before the guest needs
 * it, so that it takes no time here. */
void request_ioeventfd(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_request *r = &v->request;
    enum { WILDCARD = 1, PORT }; /* as requests.def has them */
    if (!p->virtualized) {
        return;
    }
    if (!vs_program_set_asks(v->hv.software.set, VS_WHEN_EVENTFD)) {
        vcpu_refuse(v,
                    "cpu:ioeventfd: %s has no step for an event in place of an access to a device "
                    "(when = \"eventfd\"): its devices are user space's or its own",
                    v->hv.software.set->desc->file);
        return;
    }
    if (p->n_eventfds == VS_EVENTFDS) {
        vcpu_refuse(v, "cpu:ioeventfd: a machine has at most %u of them here", VS_EVENTFDS);
        return;
    }
    p->eventfd[p->n_eventfds++] = (struct vs_eventfd){.at = r->address,
                                                      .value = r->b,
                                                      .any = r->b == UINT64_MAX,
                                                      .port = (unsigned)r->op == PORT,
                                                      .wildcard = (unsigned)r->op == WILDCARD};
}

/* ---- translations ---- */

/* One page of the present address space is dropped here. */
void request_invlpg(struct vs_vcpu *v)
{
    guest_tlb_invalidate_page(v, v->request.address);
}

/* INVPCID. */
void request_invpcid(struct vs_vcpu *v)
{
    guest_tlb_invpcid(v);
}

/* INVLPGA. */
void request_invlpga(struct vs_vcpu *v)
{
    guest_tlb_invlpga(v);
}

/* TLBI, with the DSB behind it. */
void request_tlbi(struct vs_vcpu *v)
{
    guest_tlb_tlbi_request(v);
}

/* ---- interrupts and time ---- */

/* Interrupts are masked. */
void request_cli(struct vs_vcpu *v)
{
    vcpu_mask(v, true);
}

/* Interrupts are let in again, after the next instruction. */
void request_sti(struct vs_vcpu *v)
{
    vcpu_mask(v, false);
}

/* The timer is armed. */
void request_timer(struct vs_vcpu *v)
{
    vcpu_timer_set(v, v->request.ps);
}

/* What the controller calls the interrupt that a program sends: a vector; on Arm an SGI. */
static bool ipi_number(struct vs_vcpu *v, uint64_t asked, uint8_t *number)
{
    const bool arm = vcpu_arm(v);
    *number = asked == VS_REQ_IPI_USUAL ? vcpu_numbers(v)->usual : (uint8_t)asked;
    if (arm && *number > 15u) {
        vcpu_refuse(v,
                    "cpu:ipi: %llu is a vector, which x86 has; this machine's guests are Arm's and "
                    "send SGIs, 0 to 15: give one of them, or none for the usual one",
                    (unsigned long long)asked);
    } else if (!arm && *number < 16u) {
        vcpu_refuse(v,
                    "cpu:ipi: %llu is one of Arm's SGIs, or a vector that an APIC ignores; this "
                    "machine's guests are x86 and send vectors, 16 to 255: give one of them, or "
                    "none for the usual one",
                    (unsigned long long)asked);
    }
    return !v->failed;
}

/* An interrupt to another vCPU of the same machine. */
void request_ipi(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t to = v->request.a;
    if (to >= p->n_vcpus) {
        vcpu_fail(v, "an IPI to vCPU %llu; there are %u", (unsigned long long)to, p->n_vcpus);
        return;
    }
    if (v->vm != p->vcpu[to].vm) {
        vcpu_fail(v, "an IPI to vCPU %llu, which is another virtual machine (guest.vms)",
                  (unsigned long long)to);
        return;
    }
    uint8_t number;
    if (ipi_number(v, v->request.b, &number)) {
        vcpu_send_ipi(v, (unsigned)to, number);
    }
}

/* The program halts until something is due. */
void request_hlt(struct vs_vcpu *v)
{
    v->busy = false;
    if (!vcpu_wakes(v)) {
        vcpu_sleep(v);
    }
}

/* Nothing to run until the timer fires: HLT, as often as something else ends it. */
void request_wait(struct vs_vcpu *v)
{
    if (!v->begun) {
        v->timer_ps = vs_cpu_now_ps(&v->hw->cpu) + v->request.ps;
        v->timer_armed = true;
        if (v->p->virtualized) {
            struct vs_handling how = {.fast = vcpu_timer_preempts(v)};
            (void)vcpu_timer_write(v, true, &how);
        }
    } else if (!v->timer_armed) { /* its interrupt has come and been handled */
        v->busy = false;
        return;
    }
    if (!v->failed && !vcpu_wakes(v)) {
        vcpu_sleep(v);
    }
}

/* ---- packets ---- */

/* A packet is sent. */
void request_transmit(struct vs_vcpu *v)
{
    guest_vf_transmit(v);
}

/* The driver asks the physical function's by the mailbox. */
void request_mailbox(struct vs_vcpu *v)
{
    guest_vf_mailbox(v);
}

/* The driver asks it by its admin queue. */
void request_virtchnl(struct vs_vcpu *v)
{
    guest_vf_virtchnl(v);
}

/* Sends a packet through the vCPU's virtual function. */
void request_send(struct vs_vcpu *v)
{
    guest_vf_send(v);
}

/* Packets are waited for. */
void request_recv(struct vs_vcpu *v)
{
    guest_vf_receive(v);
}

/* ---- the run around the program ---- */

/* A mark: its time goes into the database, or the region of interest begins there. */
void request_mark(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    if (strcmp(v->request.name, "roi") != 0) {
        machine_mark(v, v->request.name);
        return;
    }
    if (p->options.warmup) {
        vcpu_refuse(v,
                    "--warmup %llu: the guest says itself where its region of interest "
                    "begins (mark \"roi\"); leave --warmup out",
                    (unsigned long long)p->options.warmup);
        return;
    }
    machine_roi(p, v);
}
