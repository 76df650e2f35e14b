/* SPDX-License-Identifier: MIT */
/* A run to the end of all programs, and what is wrong where it has none. */
#include "guest/drivers/net.h"
#include "machine_impl.h"
#include "world.h"

#include "virtsim/site.h"

#include <stdio.h>

/* vCPUs whose program has not ended. Counted where it is asked, so that it cannot drift. */
static unsigned running(const struct vs_platform *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        n += !p->vcpu[i].ended;
    }
    return n;
}

/* No other vCPU of its machine runs any more. */
static bool last_of_machine(const struct vs_vcpu *v)
{
    bool last = true;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        const struct vs_vcpu *o = &v->p->vcpu[i];
        last = last && (o == v || o->vm != v->vm || o->ended);
    }
    return last;
}

void machine_vcpu_ended(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    machine_vfio_unassign(v);
    if (p->kind && p->kind->destroy && !v->failed) {
        p->kind->destroy(v, last_of_machine(v));
    }
    uint64_t now = vs_now(&v->txn).v;
    p->end_ps = now > p->end_ps ? now : p->end_ps;
    v->ended = true;
    guest_tlb_shootdown_ended(v);
    vcpu_kick_outside(v, now);
    if (!running(p) || v->failed) {
        vs_kernel_stop(p->kernel);
    }
}

/* Each line ends where its clock stands; the counter says so independently of the books. */
static void close_lines(struct vs_platform *p)
{
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *v = &p->vcpu[i];
        uint64_t start = v->txn.frame[0].start_ps;
        uint64_t now = vs_now(&v->txn).v;
        v->count[VS_CNT_vcpu_line] = now - start;
        vs_txn_end(&v->txn);
        p->end_ps = now > p->end_ps ? now : p->end_ps;
    }
}

/* Whether `o` has still to acknowledge something to `v`: a flush of its own, or leaving its guest.
 */
static bool owes(const struct vs_vcpu *o, const struct vs_vcpu *v)
{
    bool owed = false;
    for (unsigned i = 0; i < o->n_shots && !o->flush_named; i++) {
        owed = owed || o->shot[i].from == v->index;
    }
    for (unsigned i = 0; i < o->n_kickers; i++) {
        owed = owed || o->kicker[i] % VS_KICKED_TO_FLUSH == v->index;
    }
    return owed && o != v;
}

/* What one vCPU waits for, in words. */
static void waits_for(const struct vs_vcpu *v, char *out, size_t bytes)
{
    const struct vs_platform *p = v->p;
    int n = snprintf(out, bytes, "vCPU %u%s waits for", v->index,
                     v->masked ? ", its interrupts disabled," : "");
    const struct vs_wait *w = vs_thread_own_wait(&v->thread);
    bool asks =
        w && (w->what == VS_FOR_ANSWERS || w->what == VS_FOR_LEAVING || w->what == VS_FOR_FLUSH);
    unsigned others = 0;
    for (unsigned i = 0; i < p->n_vcpus && asks && n < (int)bytes; i++) {
        if (owes(&p->vcpu[i], v)) {
            n += snprintf(out + n, bytes - (size_t)n, "%s vCPU %u", others++ ? "," : "", i);
        }
    }
    if (n < (int)bytes) {
        snprintf(out + n, bytes - (size_t)n, "%s",
                 others                        ? " to drop translations"
                 : asks                        ? " acknowledgements"
                 : v->off && vcpu_arm(v)       ? " another one to turn it on (cpu:cpu_on)"
                 : v->off                      ? " a start-up IPI of another one (ICR, mode 6)"
                 : w && w->what == VS_FOR_TURN ? " its turn in the order of the records"
                                               : " an interrupt or a packet");
    }
}

/* Nobody has anything to do, and not all programs have ended: who waits for whom. */
static void endless(const struct vs_platform *p, struct vs_errors *errors)
{
    char all[1000] = "", one[200];
    size_t n = 0;
    for (unsigned i = 0; i < p->n_vcpus && n < sizeof all - sizeof one; i++) {
        if (!p->vcpu[i].ended) {
            waits_for(&p->vcpu[i], one, sizeof one);
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? "; " : "", one);
        }
    }
    vs_error(errors,
             "%u of %u vCPUs wait for something that never comes, and the run has no end: %s",
             running(p), p->n_vcpus, all);
}

enum vs_status vs_platform_run(struct vs_platform *p, struct vs_errors *errors)
{
    char error[300];
    if (!vs_kernel_run(p->kernel, error, sizeof error)) {
        vs_error(errors, "%s", error);
        return VS_E_RUN;
    }
    if (*p->error) {
        vs_error(errors, "%s", p->error);
        return p->status ? p->status : VS_E_RUN;
    }
    if (running(p)) {
        endless(p, errors);
        return VS_E_RUN;
    }
    if (p->options.rehearse) {
        return VS_OK;
    }
    if (p->roi_pending) {
        vs_error(errors,
                 "the guest ended within --warmup: %llu accesses were still to come; nothing is "
                 "left to measure",
                 (unsigned long long)p->warmup_left);
        return VS_E_RUN;
    }
    machine_epochs_end(p);
    if (*p->error) { /* no room for the last one */
        vs_error(errors, "%s", p->error);
        return p->status ? p->status : VS_E_RUN;
    }
    close_lines(p);
    machine_processors_end(p);
    machine_net_end(p);
    vs_sites_end(p->ledger);
    return VS_OK;
}
