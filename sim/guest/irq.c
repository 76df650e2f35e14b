/* SPDX-License-Identifier: MIT */
/* The guest kernel's handler of an interrupt. */
#include "guest/guest.h"

#define VS_DEF_NAME os
#define VS_DEF_FILE "guest/os.def"
#include "virtsim/def_tables.h"

/* The guest's handler of one interrupt, with its end of interrupt. */
void guest_irq_handle(struct vs_vcpu *v, uint8_t vector)
{
    v->os_count[VS_CNT_os_interrupts]++;
    v->handled++;
    vs_txn_settle(&v->txn);
    vs_ps exception = {v->p->times.exception * v->hw->clock.period_ps};
    vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_exception), exception);
    struct guest_work w = {.vector = vector};
    (void)guest_run(v, GUEST_INTERRUPT, &w);
}
