/* SPDX-License-Identifier: MIT */
/* Inside of the component: how its files reach fields, controls and accounts. */
#ifndef VIRTSIM_VMCS_IMPL_H
#define VIRTSIM_VMCS_IMPL_H

#include "virtsim/port/state.h"
#include "virtsim/trap.h"
#include "vmcs/vmcs.h"

#define VS_VAPIC_TPR 0x80u /* on the virtual-APIC page */
#define VS_REGION_STATE 8u /* launch state (low half) and flags (high half) */
#define VS_REGION_DATA 16u
#define VS_LAUNCHED UINT64_C(1)
#define VS_DIRTY (UINT64_C(1) << 32)   /* the next entry pays its checks */
#define VS_WRITTEN (UINT64_C(1) << 33) /* a field was written: the next entry must look again */
#define VS_REGION_LINES ((VS_REGION_DATA + 8u * VS_VMCS_FIELDS + 63u) / 64u)

#define VS_REGION_FIELDS (8u * VS_VMCS_FIELDS) /* bytes from VS_REGION_DATA on */

/* vs_vmx.has */
#define VS_FIELD_EXISTS 1u
#define VS_FIELD_MAJOR 2u /* a write makes the next entry check everything */

/* The address of a field in a region. */
static inline vs_hpa vs_vmx_at(uint64_t region, unsigned position)
{
    vs_hpa at = {region + VS_REGION_DATA + UINT64_C(8) * position};
    return at;
}
/* A field of the current VMCS by position, untimed. */
static inline uint64_t vs_vmx_get(const struct vs_vmx *x, unsigned position)
{
    return vs_phys_read64(x->wire.phys, vs_vmx_at(x->current, position));
}
/* Writes a field of the current VMCS without time. */
static inline void vs_vmx_put(struct vs_vmx *x, unsigned position, uint64_t value)
{
    vs_phys_write64(x->wire.phys, vs_vmx_at(x->current, position), value);
}
#define VS_GET(x, name) vs_vmx_get(x, VS_VMCS_AT_##name)
#define VS_PUT(x, name, value) vs_vmx_put(x, VS_VMCS_AT_##name, value)
#define VS_LIVE(x, name) ((x)->live[VS_VMCS_AT_##name])

/* The launch state of a region. */
static inline uint64_t vs_vmx_state(const struct vs_vmx *x, uint64_t region)
{
    return vs_phys_read64(x->wire.phys, (vs_hpa){region + VS_REGION_STATE});
}
/* Sets the launch state of a region. */
static inline void vs_vmx_set_state(struct vs_vmx *x, uint64_t region, uint64_t state)
{
    vs_phys_write64(x->wire.phys, (vs_hpa){region + VS_REGION_STATE}, state);
}

/* The secondary controls are all zero unless the primary controls activate them. */
static inline uint64_t vs_vmx_proc2(const struct vs_vmx *x)
{
    return VS_GET(x, PROC_CONTROLS) & VS_PROC_SECONDARY ? VS_GET(x, PROC2_CONTROLS) : 0;
}

/* So are the tertiary controls. */
static inline uint64_t vs_vmx_proc3(const struct vs_vmx *x)
{
    return VS_GET(x, PROC_CONTROLS) & VS_PROC_TERTIARY ? VS_GET(x, TERTIARY_CONTROLS) : 0;
}
/* The task priority on the virtual-APIC page. */
static inline uint8_t vs__vmx_vtpr(const struct vs_vmx *x)
{
    vs_hpa at = {VS_GET(x, VIRTUAL_APIC_ADDRESS) + VS_VAPIC_TPR};
    return (uint8_t)vs_phys_read64(x->wire.phys, at);
}

/* Says whether an address is canonical with four levels. */
static inline bool vs_vmx_canonical(uint64_t a)
{
    uint64_t top = a >> 47;
    return top == 0 || top == 0x1ffff;
}
/* Bits 63:48 are the same, which is less than canonical: what an entry asks of RIP and SSP, whose
 * bit 47 is looked at when the guest uses them (SDM 3C 27.3.1.4). */
static inline bool vs_vmx_fits(uint64_t a)
{
    return a >> 48 == 0 || a >> 48 == 0xffff;
}
/* Says whether an address is within the physical address width. */
static inline bool vs_vmx_physical(const struct vs_vmx *x, uint64_t a)
{
    return a >> x->config.cap_physical_bits == 0;
}
/* Says whether an address is a page within the physical address width. */
static inline bool vs_vmx_page(const struct vs_vmx *x, uint64_t a)
{
    return (a & 0xfff) == 0 && vs_vmx_physical(x, a);
}

/* n things of `cycles` each on one account; nothing when there is nothing or no clock. */
static inline void vs_vmx_charge(struct vs_vmx *x, struct vs_txn *t, unsigned account, uint64_t n,
                                 uint64_t cycles)
{
    if (t && n) {
        vs_charge_n(t, (uint16_t)(x->base + account), n,
                    vs_clock_ps(x->wire.clock, (vs_cycles){n * cycles}));
    }
}

enum vs_vmx_result vs__vmx_fail(struct vs_vmx *x, uint32_t error);
bool vs__vmx_is_shadow(const struct vs_vmx *x, uint64_t region); /* bit 31 of its first word */
/* What the exit says of the instruction's operands (vmcs_information.c). */
void vs__vmx_information(const struct vs_vmx_event *e, struct vs_vmx_exit_info *info);
bool vs__vmx_eptp_valid(const struct vs_vmx *x, uint64_t eptp);
/* vs_vmx_read and vs_vmx_write for who knows the position already. */
enum vs_vmx_result vs__vmx_read_at(struct vs_vmx *x, struct vs_txn *t, unsigned position,
                                   uint64_t *value);
enum vs_vmx_result vs__vmx_write_at(struct vs_vmx *x, struct vs_txn *t, unsigned position,
                                    uint64_t value);
int vs__vmcs_position(uint32_t encoding); /* -1: no such field, whatever the processor */
bool vs__vmcs_exists(const struct vs_vmx *x, unsigned position);

/* Checks of an entry. Each returns how many it made before the first that failed; *ok says which.
 */
struct vs_vmx_verdict {
    uint64_t made;
    uint64_t qualification; /* of a guest-state failure */
    const char *failed;     /* the rule that failed; NULL = all hold */
};
struct vs_vmx_verdict vs__vmx_check_controls(const struct vs_vmx *x);
struct vs_vmx_verdict vs__vmx_check_host(const struct vs_vmx *x);
struct vs_vmx_verdict vs__vmx_check_guest(const struct vs_vmx *x);
bool vs__vmx_threshold_holds(const struct vs_vmx *x);
bool vs__vmx_pat_valid(uint64_t pat);
bool vs__vmx_cet_valid(uint64_t s_cet, uint64_t table);

/* RIP fits the mode that the entry leaves the guest in; of the guest's checks the only one that
 * reads RIP. */
static inline bool vs__vmx_rip_valid(const struct vs_vmx *x)
{
    uint64_t rip = VS_GET(x, GUEST_RIP);
    bool guest64 = (VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) != 0;
    bool long_code = guest64 && VS_GET(x, GUEST_CS_RIGHTS) & VS_AR_L;
    return long_code ? vs_vmx_fits(rip) : rip >> 32 == 0;
}
/* The checks have passed. Would they pass again, every field that they read being what it was, RIP
 * aside? False: somebody has to look. */
void vs__vmx_checks_passed(struct vs_vmx *x);
bool vs__vmx_checks_hold(struct vs_vmx *x);

/* Moves what the controls say that this direction moves, charges that, and says how many fields. */
uint64_t vs__vmx_move(struct vs_vmx *x, struct vs_txn *t, enum vs_vmx_way way);

#define VS_RULE(v, holds)                                                                          \
    do {                                                                                           \
        (v).made++;                                                                                \
        if (!(holds)) {                                                                            \
            (v).failed = #holds;                                                                   \
            return v;                                                                              \
        }                                                                                          \
    } while (0)

/* A word of memory as the processor, or its hypervisor, reads it: a reference that takes time where
 * there is a transaction and a memory to refer to. */
static inline uint64_t vs__vmx_word(const struct vs_vmx *x, struct vs_txn *t, uint64_t at)
{
    const struct vs_mem_port *m = &x->wire.mem;
    vs_hpa a = {at};
    return t && m->load ? m->load(m->ctx, t, a) : vs_phys_read64(x->wire.phys, a);
}

/* The same, written. */
static inline void vs__vmx_put_word(const struct vs_vmx *x, struct vs_txn *t, uint64_t at,
                                    uint64_t value)
{
    const struct vs_mem_port *m = &x->wire.mem;
    vs_hpa a = {at};
    if (t && m->store) {
        m->store(m->ctx, t, a, value);
    } else {
        vs_phys_write64(x->wire.phys, a, value);
    }
}

/* VMX's event of a trap; false: VMX does not have it. */
bool vs__vmx_event_of(const struct vs_trap *t, struct vs_vmx_event *e);
/* Fields as the state port has them (vmcs_world.c): the position, what a handler wants to know of a
 * value, and what becomes of `old` when it writes. */
unsigned vs__vmx_state_at(enum vs_state what);
uint64_t vs__vmx_state_meaning(enum vs_state what, uint64_t v);
uint64_t vs__vmx_state_value(enum vs_state what, uint64_t old, uint64_t value);

/* vs_world_port.lists, one register a call (vmcs_lists.c). */
bool vs__vmx_lists(void *ctx, struct vs_txn *t, const struct vs_trap *trap);

/* What an exit says: exit reason, qualification, addresses, event, length of the instruction. */
struct vs_exit;
struct vs_note;
unsigned vs__vmx_says(void *ctx, const struct vs_exit *exit, struct vs_note *out);

#endif
