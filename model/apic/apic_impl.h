/* SPDX-License-Identifier: MIT */
/* Inside of the component. */
#ifndef VIRTSIM_APIC_IMPL_H
#define VIRTSIM_APIC_IMPL_H

#include "apic/apic.h"

/* By register (MSR less 800H): NULL, or why it is a general-protection fault. A write that has an
 * effect outside of the APIC (ICR, SELF IPI), or a time of its own (EOI), is checked only. */
const char *vs_apic_read(struct vs_apic *a, uint32_t reg, uint64_t *value);
const char *vs_apic_write(struct vs_apic *a, uint32_t reg, uint64_t value);
/* An ICR of processor `from` is for `cpu`, in x2APIC mode: shorthand, broadcast, physical or
 * logical destination (SDM 3A 11.6.2, 11.12.10). */
bool vs_apic_reaches(uint64_t command, unsigned from, unsigned cpu);

#endif
