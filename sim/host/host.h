/* SPDX-License-Identifier: MIT */
/* The hypervisor: what it does at exits, its memory, its shadow tables, the translations it drops.
 * It knows no guest's kernel. */
#ifndef VIRTSIM_SIM_HOST_HOST_H
#define VIRTSIM_SIM_HOST_HOST_H

#include "cpu/vcpu.h"

/* exit/work.c, see cpu/port.h */
bool host_work_of(struct vs_host_work *w, struct vs_handling *how);

/* nested/reflect.c, see cpu/port.h: an exit of a guest hypervisor's guest. */
bool host_nested_exit(struct vs_vcpu *v, const struct vs_exit *exit, struct vs_hv_exit *what);
/* nested/halt.c, see cpu/port.h: its guest halts, and what ends that. */
void host_nested_halts(struct vs_vcpu *v);
uint64_t host_nested_wake_ps(const struct vs_vcpu *v);
void host_nested_awake(struct vs_vcpu *v, uint64_t now_ps);
void host_nested_wakes(struct vs_vcpu *v, uint64_t now_ps);
bool host_nested_woken(struct vs_vcpu *v);
/* It has its own local APIC's timer count down its guest's deadline, or nothing. */
void host_nested_deadline(struct vs_vcpu *v, bool on);
/* reflect.c: the guest hypervisor is entered by its own hypervisor, for an exit of its guest that
 * `what` says, as a trap of that kind; and handles it, up to its entry or its wait. */
bool host_nested_hand(struct vs_vcpu *v, enum vs_trap_kind kind, struct vs_hv_exit *what);
/* It executes an instruction that may leave it. */
void host_nested_execute(struct vs_vcpu *v, const struct vs_nested_step *step);
/* It enters its guest. */
void host_nested_enter(struct vs_vcpu *v);
/* nested/startup.c, see cpu/port.h: it resets its guest, or starts it. */
void host_nested_startup(struct vs_vcpu *v, bool start);
/* What a guest hypervisor's programs read and write of its guest's state, by instructions of it. */
struct vs_state_port host_nested_state(struct vs_vcpu *v);

/* flush.c */
/* The hypervisor, on this core and outside of the guest: INVVPID of one address or of the guest's
 * VPID, on AMD INVLPGA or a flush of its ASID. */
void host_flush_linear(struct vs_vcpu *v, struct vs_txn *t, bool page, vs_gva at);

/* The same of what its machine's second dimension gave: INVEPT type 1; on Arm TLBI VMALLS12E1IS,
 * which every core hears; on AMD a flush. t NULL: at no time. */
void host_flush_physical(struct vs_vcpu *v, struct vs_txn *t);

/* The handler of a guest's INVLPGA; of its hypercall that flushes: its targets, those that run
 * their guest by an interrupt each. */
void host_emulate_invlpga(void *ctx, struct vs_txn *t);
void host_flush_others(void *ctx, struct vs_txn *t);
/* What is flushed before the guest is entered: what hypercalls named, and remote.c's. */
void host_flush_before_entry(struct vs_vcpu *v);

/* Every other vCPU of the machine drops its guest's translations before it runs the guest again;
 * those that run it are made to leave it, and waited for when the path of `v` ends, which is in its
 * exit. t NULL: at no time. */
void host_flush_remote(struct vs_vcpu *v, struct vs_txn *t);

/* sched/comes_back.c, see cpu/port.h */
void host_sched_comes_back(struct vs_vcpu *v);

/* memory/host.c, the host's pages behind a machine's memory: what the knobs ask for has to exist.
 */
void host_memory_check(const struct vs_platform *p, struct vs_errors *errors);
/* The memory management of one virtual machine. */
enum vs_status host_memory_make(struct vs_platform *p, unsigned vm);
/* Devices of the machine see its memory from now on, by `map`: each page that it has, and each that
 * it gets; false: no memory is left for that, as map returns false. */
bool host_memory_assign(struct vs_host *h,
                        bool (*map)(void *to, uint64_t gpa, uint64_t hpa, unsigned shift),
                        void *to);
/* Gives back what it holds. */
void host_memory_free(struct vs_host *h);

/* teardown.c: the tables of its second dimension, and the pages behind them, are given back, in
 * the time of this vCPU, which has left its guest for good. */
void host_memory_teardown(struct vs_vcpu *v, struct vs_txn *t);

/* tcg.c: what a translator does for instructions that drop translations, besides their helper's
 * program. */
bool host_tcg_work(struct vs_host_work *w, struct vs_handling *how);

/* shadow.c. The shadow tables of one vCPU whose guest begins with this CR3. */
enum vs_status host_shadow_make(struct vs_vcpu *v, const struct vs_shadow_config *c, uint64_t cr3,
                                struct vs_errors *errors);
/* Under shadow paging, see cpu/port.h: the exit of a page fault. */
enum vs_fault_end host_shadow_fault(struct vs_vcpu *v, struct vs_translation *f);
/* Under shadow paging: what the hypervisor does for other traps besides their programs. */
bool host_shadow_work(struct vs_host_work *w, struct vs_handling *how);

/* dirty.c: the dirty log. */
enum vs_status host_dirty_make(struct vs_host *h, struct vs_platform *p);
void host_dirty_start(struct vs_vcpu *v);
/* The processor's log is read; ctx is a struct vs_log_reading. */
void host_dirty_flush(void *ctx, struct vs_txn *t);
/* host_ps has come: a round, or another vCPU's. */
void host_dirty_due(struct vs_vcpu *v, uint64_t now_ps);
/* A page was written or may be: its bit, at no time. */
void host_dirty_set(struct vs_host *h, uint64_t gpa);
/* A round now; how many pages were written since the one before. The first one begins the log. */
uint64_t host_dirty_round(struct vs_vcpu *v);
/* The page may be written from now on: it is marked, in time when t is not NULL. */
void host_dirty_mark(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa);
/* No vCPU of the machine translates with what it has cached: timed on this one, which is in its
 * host; the others are kicked. */
void host_dirty_drop(struct vs_vcpu *v, struct vs_txn *t);

/* memory/host.c, see cpu/port.h */
bool host_memory_withheld(struct vs_host_work *w, struct vs_handling *how);
/* The page around gpa of the machine, or of a view of it, has the smallest size; false: host memory
 * is exhausted. */
bool host_memory_split(struct vs_vcpu *v, struct vs_txn *t, struct vs_vm *vm, uint64_t gpa);
/* Pages of a guest's program, [at, at + bytes) in pieces of `page`, which is a power of two. The
 * host does not read the guest's tables: gpa says where one lies in guest-physical memory; false:
 * its tables map nothing there. */
struct vs_host_pages {
    uint64_t at, bytes, page;
    bool (*gpa)(const struct vs_vcpu *v, uint64_t at, uint64_t *gpa);
};
/* Why rights cannot be taken on this machine; NULL: they can. */
const char *host_memory_lacks(const struct vs_platform *p);
/* Somebody outside takes rights to these pages, or gives them back: in the machine's own second
 * dimension and wherever views have the page, or in one view (not 0). */
void host_memory_protect(struct vs_vcpu *v, const struct vs_host_pages *of, uint64_t rights,
                         unsigned view);

/* view.c: why the guest can have no views of its memory on this machine; NULL: it can. */
const char *host_view_lacks(const struct vs_platform *p);
/* Another view of the machine's memory is made, which the guest may switch to; its number. */
uint64_t host_view_make(struct vs_vcpu *v);
/* In one of them these pages lie where those from `to` on lie in the machine. */
void host_view_map(struct vs_vcpu *v, const struct vs_host_pages *of, unsigned view, uint64_t to);
/* There is one of this number (not 0); else the run is refused. */
bool host_view_known(struct vs_vcpu *v, uint64_t view);
/* It gets the machine's page at `from` for its own at gpa, which it does not have; the machine gets
 * it first, if need be. False: host memory is exhausted. */
bool host_view_copy(struct vs_vcpu *v, struct vs_txn *t, struct vs_vm *view, uint64_t gpa,
                    uint64_t from);
/* What views have of a page of the machine, whose rights have changed, changes too. */
void host_view_follow(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa, uint64_t rights);
/* See cpu/port.h. */
void host_view_switched(struct vs_vcpu *v);
/* The host touches its memory through its kernel's map, in the handler's time. */
void host_touch(struct vs_vcpu *v, struct vs_txn *t, uint64_t hpa, enum vs_ref ref);
/* The memory management of the virtual machine that this vCPU belongs to. */
struct vs_host *host_memory_of(const struct vs_vcpu *v);

#endif
