/* SPDX-License-Identifier: MIT */
/* The guest kernel's handler of an interrupt. */
#include "guest/guest.h"

#define VS_DEF_NAME os
#define VS_DEF_FILE "guest/os.def"
#include "virtsim/def_tables.h"

#define NMI_VECTOR 2u
#define FRAME 0x10e00u /* of the kernel's data, in the page that the handler uses */

/* The hypervisor lets the guest write there, or there is no such page. Found by the tables once,
 * until one of them is edited. */
static bool writable(struct vs_vcpu *v, uint64_t at)
{
    const struct vs_space *s = &v->space;
    uint64_t gpa;
    struct vs_slat_leaf leaf;
    if (v->frame.known && v->frame.root == s->root && v->frame.edits == s->edits &&
        v->frame.vm_edits == v->vm->edits) {
        return true;
    }
    v->frame.known = !guest_mm_gpa(v, at, &gpa) || !vs_slat_find(v->vm, gpa, &leaf) ||
                     vs_radix_rights(&v->p->second_format, true, leaf.entry) & VS_RIGHT_WRITE;
    v->frame.root = s->root;
    v->frame.edits = s->edits;
    v->frame.vm_edits = v->vm->edits;
    return v->frame.known;
}

/* The processor pushes the frame on the kernel's stack, and reads the gate: what that takes is in
 * the exception's own time. Where the hypervisor has withheld the page since the last time, as it
 * does to log what is written, the delivery is interrupted by a violation, and begins again. */
static void push_frame(struct vs_vcpu *v, uint8_t vector)
{
    uint64_t at = v->p->layout.data + FRAME;
    if (!v->p->virtualized || vcpu_arm(v) || writable(v, at)) {
        return;
    }
    v->delivering = vector;
    (void)guest_touch(v, at, VS_REF_WRITE);
    v->delivering = 0;
}

/* The kernel's program for what was delivered, behind the frame that the processor pushes. */
static void handle(struct vs_vcpu *v, uint8_t vector, enum guest_program which)
{
    v->os_count[VS_CNT_os_interrupts]++;
    v->handled++;
    vs_txn_settle(&v->txn);
    push_frame(v, vector);
    vcpu_exception(v);
    struct guest_work w = {.vector = vector};
    (void)guest_run(v, which, &w);
}

/* The guest's handler of one interrupt, with its end of interrupt. */
void guest_irq_handle(struct vs_vcpu *v, uint8_t vector)
{
    handle(v, vector, GUEST_INTERRUPT);
}

void guest_irq_nmi(struct vs_vcpu *v)
{
    handle(v, NMI_VECTOR, GUEST_NMI);
}
