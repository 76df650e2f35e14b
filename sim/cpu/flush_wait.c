/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a flush of every vCPU of the machine (host/memory/remote.c), KVM's
 * kvm_flush_remote_tlbs with KVM_REQUEST_WAIT. Its initiator stands in the middle of a path of its
 * kernel or host, which cannot be put off: the path runs to its end first, and then the vCPU waits,
 * a frame of its thread, for each flush that the path made, in their order. What the path did
 * behind a flush happens that much later: a flush's interrupts leave at the moment it was made plus
 * what the flushes before it were waited for, and in the end the vCPU's clock goes on by all of it.
 * So each wait is as long as if the path had stopped there. What others have it flush meanwhile, it
 * flushes in an exit of its own before its guest goes on.
 */
#include "sched.h"

#include <stdlib.h>

#define FIRST 8u /* flushes of a path that there is room for at first */

void vcpu_flush_made(struct vs_vcpu *v, uint64_t at_ps, uint64_t to)
{
    struct vs_flushes *f = &v->flushes;
    if (f->n == f->room) {
        unsigned room = f->room ? 2u * f->room : FIRST;
        struct vs_flush_made *grown = realloc(f->made, room * sizeof *grown);
        if (!grown) {
            vcpu_fail(v, "out of memory");
            return;
        }
        f->made = grown;
        f->room = room;
    }
    f->made[f->n++] = (struct vs_flush_made){at_ps, to};
}

/* The interrupts of the present flush are sent; those that have left their guest meanwhile need
 * none. False: nobody is waited for. */
static bool send(struct vs_vcpu *v)
{
    struct vs_flushes *f = &v->flushes;
    const struct vs_flush_made *made = &f->made[f->next];
    f->acked_ps = made->at_ps + f->shift_ps;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        struct vs_vcpu *o = &v->p->vcpu[i];
        if (made->to >> i & 1u && vcpu_in_guest(o) && !o->ended) {
            f->awaited++;
            vcpu_kick_at(v, o, f->acked_ps, VS_KICKED_TO_FLUSH);
        }
    }
    return f->awaited != 0;
}

/* The present flush is over, and those behind it that nobody is waited for. */
static void next(struct vs_vcpu *v)
{
    struct vs_flushes *f = &v->flushes;
    do {
        uint64_t shift = f->acked_ps - f->made[f->next].at_ps;
        f->shift_ps = shift > f->shift_ps ? shift : f->shift_ps;
    } while (++f->next < f->n && !send(v));
}

void vcpu_flushes_begin(struct vs_vcpu *v)
{
    struct vs_flushes *f = &v->flushes;
    vs_txn_settle(&v->txn);
    f->left_guest = vcpu_in_guest(v);
    if (f->left_guest) {
        vcpu_world(v, true);
    }
    vs_open(&v->txn, VS_OP_REMOTE_FLUSH);
    vcpu_wait(v, VS_FOR_FLUSH, true); /* whoever looks finds it outside of its guest */
    f->next = 0;
    f->shift_ps = 0;
    if (!send(v)) {
        next(v);
    }
}

uint64_t vcpu_flushes_wake_ps(const struct vs_vcpu *v, const struct vs_wait *w)
{
    const struct vs_flushes *f = &v->flushes;
    uint64_t at = f->awaited ? VS_NEVER : f->next < f->n ? 0 : w->since_ps + f->shift_ps;
    return v->kick_ps < at ? v->kick_ps : at;
}

void vcpu_flushes_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_flushes *f = &v->flushes;
    uint64_t end = vs_thread_wait(&v->thread)->since_ps + f->shift_ps;
    if (v->kick_ps <= now_ps) {
        vcpu_kick_outside(v, v->kick_ps);
        return;
    }
    if (f->next < f->n) {
        next(v);
        return;
    }
    vs_ps until = {end};
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_kick_wait), until);
    f->n = 0;
    (void)vs_thread_pop(&v->thread);
    vs_close(&v->txn);
    if (f->left_guest) {
        vcpu_world(v, false);
        bool named = v->flush_named && (v->n_shots || v->all_shots);
        if (v->flush_due || named) { /* others asked, and kicked nobody here */
            vcpu_kick(v, NULL, NULL);
        }
    }
}

void vcpu_flush_answered(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_flushes *f = &v->flushes;
    f->acked_ps = now_ps > f->acked_ps ? now_ps : f->acked_ps;
    if (!--f->awaited) {
        vs_kernel_wake(v->p->kernel, v->hw->agent, f->acked_ps);
    }
}
