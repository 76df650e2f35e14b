/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU does, by the files of this room, and what others may ask of it. What it is:
 * vcpu_state.h.
 */
#ifndef VIRTSIM_SIM_CPU_VCPU_H
#define VIRTSIM_SIM_CPU_VCPU_H

#include "vcpu_state.h"

/* hwthread.c */
/* Agent step of a processor, see kernel.h. */
uint64_t vcpu_step(void *hwthread, uint64_t now_ps, uint64_t horizon_ps);
/* What it does on its own. */
extern const struct vs_pace vcpu_pace;
/* The same of one vCPU that has its processor. */
uint64_t vcpu_run(struct vs_vcpu *v, uint64_t now_ps, uint64_t horizon_ps);

/* trap.c: the guest did something at the present instruction, or something happened to it. True
 * when it was left for that (and entered again). `how` says what the handler does besides its
 * program; NULL: nothing. */
bool vcpu_trap(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how);
/* The same, and where its handler waits (a halt, a flush of other vCPUs) the exit stays open, with
 * a frame on the thread that says for what. */
bool vcpu_trap_wait(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how);
/* That exit ends: the guest is entered. */
void vcpu_release(struct vs_vcpu *v);
/* What is due before an entry, and the entry; false: the processor cannot, and the run has failed.
 */
bool vcpu_enter(struct vs_vcpu *v);

/* trap.c */
/* An access to a device register that nobody modelled, or whose hypervisor does what `how` says;
 * NULL: nothing besides its program. */
void vcpu_mmio(struct vs_vcpu *v, uint64_t address, uint32_t bytes, enum vs_ref ref,
               const struct vs_handling *how);
/* halt.c: executes HLT and sleeps until something is due or the timer fires. */
void vcpu_sleep(struct vs_vcpu *v);
/* The same by another instruction, whatever is due: its exit decides. */
void vcpu_halt_by(struct vs_vcpu *v, const struct vs_trap *trap);
/* Something is due that ends the wait of a vCPU that has nothing to run. */
bool vcpu_wakes(const struct vs_vcpu *v);
/* Where the processors of others are told, the vCPU's thread says that it sleeps, or no more. */
void vcpu_running(struct vs_vcpu *v, bool on);
/* Its thread has no processor at this time: it sleeps in a halt, or another one has it. */
bool vcpu_asleep(const struct vs_vcpu *v, uint64_t now_ps);
/* When a vCPU that has halted has something to do; it does that, and wakes if it is the event. */
uint64_t vcpu_halt_wake_ps(const struct vs_vcpu *v);
void vcpu_halt_awake(struct vs_vcpu *v, uint64_t now_ps);
/* The event has come to one that slept while others could have its processor, and it has that. */
void vcpu_halt_resume(struct vs_vcpu *v, bool from_idle);
/* A halt of a trace of exits: it leaves, sleeps until so long after that, and goes on without an
 * interrupt. False: it does not leave on this machine. */
bool vcpu_sleep_recorded(struct vs_vcpu *v, uint64_t length_ps);
void vcpu_recorded_awake(struct vs_vcpu *v, uint64_t now_ps);

/* power.c: PSCI's CPU_ON, CPU_OFF and CPU_SUSPEND, by SMC or HVC; what CPU_ON returns. */
int64_t vcpu_power_on(struct vs_vcpu *v, uint64_t target, bool firmware);
void vcpu_power_off(struct vs_vcpu *v, bool firmware);
void vcpu_suspend(struct vs_vcpu *v, bool firmware);

/* arrivals.c: an interrupt message to this vCPU, sent at `sent_ps` by any agent; one that only
 * notifies of a vector its sender has posted. */
void vcpu_raise(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps);
/* The same of a hypervisor in the guest, which has sent its own processor a message for it. */
void vcpu_raise_told(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps);
void vcpu_notify(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps);
/* The same of an APIC's message of another delivery mode; told: by a hypervisor in the guest, as
 * above. */
void vcpu_signal(struct vs_vcpu *v, uint8_t mode, uint8_t vector, uint64_t sent_ps, bool told);
/* The same of a device, whose message no processor posts. */
void vcpu_raise_device(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps);
/* When the next one arrives; VS_NEVER: nothing is on its way. */
static inline uint64_t vcpu_arrivals_next(const struct vs_vcpu *v)
{
    return v->n_arrivals ? v->arrival[0].at_ps : VS_NEVER;
}
void vcpu_arrivals_land(struct vs_vcpu *v, uint64_t now_ps);
/* What has arrived by `now_ps` becomes pending. */
static inline void vcpu_arrivals_take(struct vs_vcpu *v, uint64_t now_ps)
{
    if (vs_unlikely(vcpu_arrivals_next(v) <= now_ps)) {
        vcpu_arrivals_land(v, now_ps);
    }
}
/* The guest takes it now. */
void vcpu_arrivals_delivered(struct vs_vcpu *v, uint8_t vector);

/* irq.c: numbers that a guest's kernel, and its host, give to interrupts of their own. */
struct vs_irq_numbers {
    uint8_t timer, shootdown, usual; /* usual: what a program sends that names none */
    uint8_t device, devices;         /* the first of a device, and what the next adds to it */
    uint8_t tick, kick, maintenance; /* the host's own */
    uint8_t notification;            /* that something was posted to a descriptor of its guest's */
};
const struct vs_irq_numbers *vcpu_numbers(const struct vs_vcpu *v);
/* Of the function that this vCPU drives. */
uint8_t vcpu_device_irq(const struct vs_vcpu *v);
/* List registers hold what is pending: software fills them before an entry. */
static inline bool vcpu_listed(const struct vs_vcpu *v)
{
    return v->irq.load != NULL;
}
/* The kernel ends an interrupt at its controller, with the exits that this may have. */
void vcpu_irq_end(struct vs_vcpu *v, uint8_t number);
/* The same write by a hypervisor in the guest, whose controller keeps nothing else: its exit. */
void vcpu_irq_end_exit(struct vs_vcpu *v);
/* It sends one by writing `command` to the controller's register `reg` (0: the usual one), with the
 * same; whom that reaches, the controller says. */
void vcpu_send(struct vs_vcpu *v, uint64_t command, uint8_t number, uint32_t reg);
/* An interrupt that the vCPU's own hypervisor makes pending in an exit, whose entry then carries
 * it: of its timer, or one that it sends to itself. False: nobody injects here. Then `how` is the
 * exit's, and when that is over, _done says how the guest gets it. */
struct vs_own_irq {
    struct vs_handling how;
    bool pending, raised, first;
};
bool vcpu_own_irq(struct vs_vcpu *v, uint8_t number, struct vs_own_irq *own);
void vcpu_own_irq_done(struct vs_vcpu *v, uint8_t number, const struct vs_own_irq *own);
/* The guest writes its task priority by the instruction that `trap` is: whether that exited. */
bool vcpu_write_priority(struct vs_vcpu *v, const struct vs_trap *trap, uint8_t tpr);
/* msr.c: RDMSR and WRMSR of a program. What is a general-protection fault ends its run. */
uint64_t vcpu_rdmsr(struct vs_vcpu *v, uint32_t index);
void vcpu_wrmsr(struct vs_vcpu *v, uint32_t index, uint64_t value);
/* The guest's time-stamp counter. */
uint64_t vcpu_tsc(const struct vs_vcpu *v);
/* CLI and STI. */
void vcpu_mask(struct vs_vcpu *v, bool on);
/* CLGI and STGI, where the guest has a global interrupt flag of its own. */
void vcpu_hold(struct vs_vcpu *v, bool on);
/* The instruction behind STI leaves the guest by this trap: what the host has a window for, and may
 * inject when it has emulated that instruction; 0: nothing. The entry carries it. */
uint8_t vcpu_irq_behind(const struct vs_vcpu *v, const struct vs_trap *trap);
void vcpu_irq_in_shadow(struct vs_vcpu *v);
/* Something is to be done about what is pending. */
bool vcpu_due(const struct vs_vcpu *v);
/* The instruction after STI has executed. */
void vcpu_unshadow(struct vs_vcpu *v);
/* The timer's register is written, with v->timer_ps or 0: whether that exited. */
bool vcpu_timer_write(struct vs_vcpu *v, bool armed, const struct vs_handling *how);
/* Interrupts that are due: exits, injections, posted ones. */
void vcpu_interrupts(struct vs_vcpu *v);
/* Where that is due: the host's own timer ticks, and stops whoever runs in the guest. */
void vcpu_tick(struct vs_vcpu *v, uint64_t now_ps);
/* The host's scheduler interrupts the guest: threads of the processor have woken, or the slice is
 * over. Then the exit stays open until the vCPU has the processor again. */
void vcpu_schedule(struct vs_vcpu *v, uint64_t now_ps);
/* What was posted and notified of becomes pending. */
void vcpu_sync_posted(struct vs_vcpu *v);
/* An interrupt of the host's own stops the guest for this work. */
void vcpu_kick(struct vs_vcpu *v, void (*work)(void *ctx, struct vs_txn *t), void *ctx);
/* The register that sends is written with the command, with the exit that this may have. */
void vcpu_write_command(struct vs_vcpu *v, uint64_t command, uint32_t reg,
                        const struct vs_handling *how);
/* An inter-processor interrupt of the guest, with the exits that its sending may have. */
void vcpu_send_ipi(struct vs_vcpu *v, unsigned to, uint8_t vector);

/* startup.c: a message of a mode that is no interrupt's, written to ICR as `command`. */
void vcpu_send_signal(struct vs_vcpu *v, uint64_t command, uint32_t reg);
/* An INIT or a start-up IPI has arrived. */
void vcpu_startup_arrives(struct vs_vcpu *v, uint8_t mode);
/* An INIT is due at an instruction boundary; it is served, and the vCPU waits for a start-up IPI.
 */
static inline bool vcpu_init_due(const struct vs_vcpu *v)
{
    return v->init_due;
}
void vcpu_init(struct vs_vcpu *v);
/* The hypervisor's part of it, where the vCPU (ctx) has left its guest. */
void vcpu_init_in_exit(void *ctx, struct vs_txn *t);
/* It waits for one, and one may have come by now; it is started by one. */
void vcpu_startup_look(struct vs_vcpu *v, uint64_t now_ps);
/* A start-up IPI comes to a vCPU that halts and does not wait for one. */
bool vcpu_startup_discarded(struct vs_vcpu *v, uint64_t now_ps);
void vcpu_startup_done(struct vs_vcpu *v);

/* nmi.c: whether the vCPU's guest, or its bare metal, can be sent one; else the run is refused. */
bool vcpu_nmi_possible(struct vs_vcpu *v, uint64_t command);
/* One has arrived. */
void vcpu_nmi_arrives(struct vs_vcpu *v);
/* Something is to be done about one at an instruction boundary: the host is to be told, an entry
 * has carried one, or one waits and nothing holds it back. */
static inline bool vcpu_nmi_due(const struct vs_vcpu *v)
{
    bool held = v->nmi_blocked || v->shadowed || v->held;
    return v->nmi_fresh || v->nmi_entry || ((v->nmi_window || v->nmi_held || v->nmis) && !held);
}
/* It is done. */
void vcpu_nmis(struct vs_vcpu *v);
/* The guest can be given one in this exit; what its programs have done about it. */
bool vcpu_nmi_offered(const struct vs_vcpu *v, const struct vs_handling *how);
void vcpu_nmi_handed(struct vs_vcpu *v);
/* The processor delivers the next one itself once it is given it. */
bool vcpu_nmi_virtual(const struct vs_vcpu *v);
/* The host is awake in the exit of a halt, whose entry carries what waits. */
void vcpu_nmi_wakes(struct vs_vcpu *v);
/* Its handler executes IRET. */
void vcpu_nmi_return(struct vs_vcpu *v);

/* timer.c: the vCPU's timer is armed for `ps` from now; 0: disarmed. */
void vcpu_timer_set(struct vs_vcpu *v, uint64_t ps);
/* The same by its register, IA32_TSC_DEADLINE: when the TSC reaches that; 0: disarmed. */
void vcpu_timer_deadline(struct vs_vcpu *v, uint64_t tsc);
uint64_t vcpu_timer_armed_ps(const struct vs_vcpu *v);
/* When it stops the guest; VS_NEVER. */
static inline uint64_t vcpu_timer_due_ps(const struct vs_vcpu *v)
{
    return v->timer_armed ? vcpu_timer_armed_ps(v) : VS_NEVER;
}
/* Where it is due while the guest runs: the guest is stopped, and the interrupt is pending. */
void vcpu_timer_fire(struct vs_vcpu *v, uint64_t now_ps);
/* It is due, and armed no more: its interrupt is pending, for an exit that own->how is of. */
bool vcpu_timer_own(struct vs_vcpu *v, struct vs_own_irq *own);
/* The local APIC's timer of a hypervisor in the guest is due while that runs: its exit, and the
 * interrupt that the entry carries. */
void vcpu_timer_of_hypervisor(struct vs_vcpu *v);
/* It has expired while the vCPU was not in its guest. */
void vcpu_timer_expire(struct vs_vcpu *v, uint64_t now_ps);
/* The processor's own timer is to stop the guest for it. */
bool vcpu_timer_preempts(const struct vs_vcpu *v);
/* What an entry loads into the processor's own timer; when that has begun to count. */
void vcpu_timer_enter(struct vs_vcpu *v);
/* The same by this hypervisor of a deadline, if it is armed; *holds: the timer has one. */
void vcpu_timer_load(struct vs_vcpu *v, struct vs_hypervisor *h, bool armed, bool *holds);
void vcpu_timer_entered(struct vs_vcpu *v);

/* fault.c: what stopped the core; false when the run failed (v->failed). The access is issued again
 * unless it was carried out without the core (v->emulated: a device, a table under shadow paging).
 */
bool vcpu_fault(struct vs_vcpu *v);
/* A page table where no memory is: the run fails. */
enum vs_fault_end vcpu_no_table(struct vs_vcpu *v, uint64_t gva, uint64_t pa);

/* await.c: it waits from now on; the pop of that frame, and the exit's end if it lies in one. */
void vcpu_wait(struct vs_vcpu *v, enum vs_wait_for what, bool in_exit);
void vcpu_waited(struct vs_vcpu *v);
/* Its driver looks at the device again at `until_ps`; what it waits for it books itself
 * (cpu/port.h).
 */
void vcpu_wait_device(struct vs_vcpu *v, uint64_t until_ps);
/* What it waits for is there at `at_ps`. */
void vcpu_device_ready(struct vs_vcpu *v, uint64_t at_ps);
/* When a vCPU that waits has something to do; it does that. */
uint64_t vcpu_wait_wake_ps(const struct vs_vcpu *v);
void vcpu_wait_awake(struct vs_vcpu *v, uint64_t now_ps);
/* Whether the processor runs the vCPU's guest, halted there or not. */
static inline bool vcpu_in_guest(const struct vs_vcpu *v)
{
    return !vs_thread_in_exit(&v->thread) && !vs_thread_waits_for(&v->thread, VS_FOR_PROCESSOR);
}
/* Its clock, whether it has its processor or not. */
static inline uint64_t vcpu_now_ps(const struct vs_vcpu *v)
{
    return v->hw->cpu.txn == &v->txn ? vs_cpu_now_ps(&v->hw->cpu) : v->txn.now_ps;
}
/* What it is about from now on, for whoever follows it; what it goes on with after exits. */
static inline void vcpu_about(struct vs_vcpu *v, enum vs_about what)
{
    if (v->trail) {
        vs_trail_turn(v->trail, what, vcpu_now_ps(v));
    }
}
/* Says what the vCPU is about when nothing else is said. */
static inline void vcpu_about_base(struct vs_vcpu *v, enum vs_about what)
{
    if (v->trail) {
        v->trail->base = what;
        vs_trail_turn(v->trail, what, vcpu_now_ps(v));
    }
}
/* Others go first: it has told them something. */
static inline void vcpu_yield(struct vs_vcpu *v)
{
    v->thread.until_ps = 0;
}
/* `by` acknowledges to vCPU `from`, which waits for it. */
void vcpu_await_answer(struct vs_vcpu *by, unsigned from, uint64_t now_ps);
/* A kick that leaves v at `at_ps`; VS_KICKED_TO_FLUSH: of a flush of all vCPUs. */
#define VS_KICKED_TO_FLUSH 0x100u
_Static_assert(VS__VCPUS <= 64u, "a bit for each vCPU, and its number below VS_KICKED_TO_FLUSH");
void vcpu_kick_at(struct vs_vcpu *v, struct vs_vcpu *to, uint64_t at_ps, unsigned why);
/* flush_wait.c: it has made a flush of all vCPUs, for which those of the mask were running their
 * guest. At the end of its path it waits for them; when that frame has something to do, and does
 * it; one of those has left its guest. */
void vcpu_flush_made(struct vs_vcpu *v, uint64_t at_ps, uint64_t to);
void vcpu_flushes_begin(struct vs_vcpu *v);
uint64_t vcpu_flushes_wake_ps(const struct vs_vcpu *v, const struct vs_wait *w);
void vcpu_flushes_awake(struct vs_vcpu *v, uint64_t now_ps);
void vcpu_flush_answered(struct vs_vcpu *v, uint64_t now_ps);
/* The host of v, in its exit, makes another vCPU leave its guest and will wait for that. */
void vcpu_kick_send(struct vs_vcpu *v, struct vs_txn *t, struct vs_vcpu *to);
/* That interrupt has come (v->kick_ps): the guest is left. */
void vcpu_kick_arrives(struct vs_vcpu *v);
/* It had left its guest before, to halt or to wait: its processor answers at once, and what it was
 * kicked for comes before the next entry. */
void vcpu_kick_outside(struct vs_vcpu *v, uint64_t now_ps);

/* translated.c: what a guest's program or kernel does on its processor, or its translator does for
 * it. As the functions of cpu/cpu.h. */
/* All of its guest is translated. */
static inline bool vcpu_soft(const struct vs_vcpu *v)
{
    return vs_unlikely(v->translator != NULL) && v->translator->access;
}
enum vs_cpu_stop vcpu_access_translated(struct vs_vcpu *v, vs_gva at, uint32_t bytes,
                                        enum vs_ref ref, bool modifies);
/* Accesses memory of the guest, by hardware or by software. */
static inline enum vs_cpu_stop vcpu_access(struct vs_vcpu *v, vs_gva at, uint32_t bytes,
                                           enum vs_ref ref)
{
    return vcpu_soft(v) ? vcpu_access_translated(v, at, bytes, ref, false)
                        : vs_cpu_access(&v->hw->cpu, at, bytes, ref);
}
/* Reads, changes and writes memory of the guest. */
static inline enum vs_cpu_stop vcpu_modify(struct vs_vcpu *v, vs_gva at, uint32_t bytes)
{
    return vcpu_soft(v) ? vcpu_access_translated(v, at, bytes, VS_REF_WRITE, true)
                        : vs_cpu_modify(&v->hw->cpu, at, bytes);
}
enum vs_cpu_stop vcpu_touches(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t step,
                              enum vs_ref ref, uint64_t *done);
enum vs_cpu_stop vcpu_store_string(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t *done);
enum vs_cpu_stop vcpu_bulk_run(struct vs_vcpu *v, struct vs_cpu_bulk *b, vs_ps until);
/* n instructions of a program; placed: they were fetched. */
void vcpu_instructions(struct vs_vcpu *v, uint64_t n, bool placed);
/* The same, booked on an account. */
void vcpu_work(struct vs_vcpu *v, struct vs_txn *t, uint16_t account, uint64_t n);
/* Picoseconds of one of them, at least 1. */
uint64_t vcpu_instruction_ps(const struct vs_vcpu *v);
/* The guest's kernel gets an exception or an interrupt: its delivery. */
void vcpu_exception(struct vs_vcpu *v);

/* invalidate.c: an instruction's time; the same where it did not exit, with the instruction. */
void vcpu_charge(const struct vs_vcpu *v, struct vs_txn *t, unsigned account, uint64_t cycles);
void vcpu_own_time(struct vs_vcpu *v, unsigned account, uint64_t cycles);
/* One TLBI on this core, in its guest's VMID; `shareable`: on all others too. */
struct vs_tlbi_executed {
    struct vs_vcpu *v;
    enum vs_tlbi form;
    bool shareable;
    uint16_t asid;
    uint64_t at;
};
/* Executes it; ctx is that struct. */
void vcpu_execute_tlbi(void *ctx, struct vs_txn *t);
/* The DSB that waits for TLBI. */
void vcpu_dsb(struct vs_vcpu *v, bool shareable);

/* The run cannot go on; the message names the vCPU. */
void vcpu_fail(struct vs_vcpu *v, const char *format, ...) VS_PRINTF(2, 3);
/* The same where the guest asks for more than the machine was given: a wrong request. */
void vcpu_refuse(struct vs_vcpu *v, const char *format, ...) VS_PRINTF(2, 3);

/* The core goes on as its host's or its guest's: actor, caches' counters, translation. */
void vcpu_world(struct vs_vcpu *v, bool host);

#endif
