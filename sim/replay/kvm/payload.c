/* SPDX-License-Identifier: MIT */
#include "replay/kvm/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NMI_TYPE 2u /* of interruption information: SDM 3C, table 25-18 */

/* The number behind `key`, which begins a word; false: it is not there. base 16 reads it without
 * 0x, too, except behind '=': raw fields are decimal or have it. */
static bool field(const char *text, const char *key, int base, uint64_t *out)
{
    size_t n = strlen(key);
    for (const char *p = text; (p = strstr(p, key)); p += n) {
        if (p > text && !strchr(" ,\t(>", p[-1])) {
            continue;
        }
        const char *at = p + n;
        bool raw = *at == '=';
        at += raw || *at == ':';
        while (*at == ' ') {
            at++;
        }
        char *end;
        uint64_t v = strtoull(at, &end, raw ? 0 : base);
        if (end > at) {
            *out = v;
            return true;
        }
    }
    return false;
}

int64_t vs_kvm_payload_vcpu(const char *payload)
{
    uint64_t v;
    bool there = field(payload, "vcpu_id", 0, &v) || field(payload, "vcpu", 10, &v) ||
                 field(payload, "VCPU", 10, &v);
    return there && v < INT32_MAX ? (int64_t)v : -1;
}

/* "IRQ: HSR_EC: 0x0000 (UNKNOWN), PC: ...": the kind of exception, and of a trap its class. */
static bool arm_exit(const char *payload, const char *class, struct vs_kvm_said *out)
{
    const char *colon = strchr(payload, ':');
    const char *open = strchr(class, '('), *close = open ? strchr(open, ')') : NULL;
    size_t kind = colon && colon < class ? (size_t)(colon - payload) : 0;
    while (kind && payload[kind - 1] == ' ') {
        kind--;
    }
    out->vendors = 1u << VS_KVM_ARM;
    if (!kind || (kind == 4 && !strncmp(payload, "TRAP", 4))) {
        out->number = strtoull(class + 3, NULL, 16);
        if (open && close && (size_t)(close - open) < sizeof out->name) {
            snprintf(out->name, sizeof out->name, "%.*s", (int)(close - open - 1), open + 1);
        }
        return open || out->number;
    }
    snprintf(out->name, sizeof out->name, "%.*s", (int)(kind < 60 ? kind : 60), payload);
    return true;
}

/* Raw fields of an Arm host: what __guest_enter returned, KVM's ARM_EXCEPTION_*, and the class. */
static bool arm_raw(uint64_t class, const char *payload, struct vs_kvm_said *out)
{
    static const char *const kinds[] = {"IRQ", "SERROR", NULL, "ILLEGAL"};
    uint64_t kind = 2;
    (void)field(payload, "ret", 0, &kind);
    out->vendors = 1u << VS_KVM_ARM;
    if (kind < 4u && kinds[kind]) {
        snprintf(out->name, sizeof out->name, "%s", kinds[kind]);
    } else {
        out->number = class;
    }
    return true;
}

/* "reason NAME[ FAILED_VMENTRY] rip 0x...", "reason UNKNOWN (140) rip", "reason 0x8c rip". */
static bool x86_named(const char *reason, struct vs_kvm_said *out)
{
    const char *name = reason + strlen("reason ");
    const char *end = strstr(name, " rip ");
    size_t n = end ? (size_t)(end - name) : strlen(name);
    while (n && name[n - 1] == ' ') {
        n--;
    }
    if (!n || n >= sizeof out->name) {
        return false;
    }
    memcpy(out->name, name, n);
    out->name[n] = 0;
    char *flag = strstr(out->name, " FAILED_VMENTRY");
    if (flag) {
        out->failed = true;
        *flag = 0;
    }
    char *number_end;
    if (!strncmp(out->name, "UNKNOWN (", 9)) {
        out->number = strtoull(out->name + 9, NULL, 0);
        out->name[0] = 0;
    } else if (out->name[0] >= '0' && out->name[0] <= '9') {
        out->number = strtoull(out->name, &number_end, 0);
        out->name[0] = 0;
        if (*number_end) {
            return false;
        }
    }
    unsigned x86 = 1u << VS_KVM_INTEL | 1u << VS_KVM_AMD;
    out->vendors = out->name[0] ? vs_kvm_vendors_of(out->name) & x86 : x86;
    out->vendors = out->vendors ? out->vendors : x86; /* newer than the table */
    return true;
}

bool vs_kvm_payload_exit(const char *payload, struct vs_kvm_said *out, bool *riscv)
{
    *out = (struct vs_kvm_said){.number = VS_KVM_UNKNOWN, .vcpu = vs_kvm_payload_vcpu(payload)};
    uint64_t isa = 0, class = 0;
    const char *at = strstr(payload, "EC: 0x");
    if (strstr(payload, "SCAUSE:")) {
        *riscv = true;
        return false;
    }
    if (at) {
        return arm_exit(payload, at, out);
    }
    if (field(payload, "esr_ec", 0, &class)) {
        return arm_raw(class, payload, out);
    }
    if (field(payload, "exit_reason", 0, &out->number)) {
        out->vendors = field(payload, "isa", 10, &isa) && isa >= 1 && isa <= 2
                           ? 1u << (isa - 1u)
                           : 1u << VS_KVM_INTEL | 1u << VS_KVM_AMD;
        if (out->vendors == 1u << VS_KVM_INTEL) {
            out->failed = out->number >> 31 & 1u;
            out->number &= 0xffffu;
        }
    } else {
        const char *reason = strstr(payload, "reason ");
        if (!reason || !x86_named(reason, out)) {
            return false;
        }
    }
    (void)field(payload, "intr_info", 16, &out->intr_info);
    if (!field(payload, "info1", 16, &out->info1)) {
        const char *info = strstr(payload, " info ");
        char *end = NULL;
        if (info) {
            out->info1 = strtoull(info + 6, &end, 16);
            out->info2 = strtoull(end, NULL, 16);
        }
    } else {
        (void)field(payload, "info2", 16, &out->info2);
    }
    return true;
}

/* SDM 3C, table 28-5, and APM 2, 15.10.2: port, size and direction. */
static void port_operands(struct vs_kvm_exit *e, uint64_t info, bool amd)
{
    e->what = (uint32_t)(info >> 16 & 0xffffu);
    e->known = info != 0;
    e->write = amd ? !(info & 1u) : !(info >> 3 & 1u);
    e->size = amd ? (uint32_t)(info >> 4 & 7u) : (uint32_t)(info & 7u) + 1u;
    if (e->size != 1u && e->size != 2u && e->size != 4u) {
        e->size = 1u;
    }
}

void vs_kvm_payload_operands(struct vs_kvm_exit *e, const struct vs_kvm_said *said)
{
    const struct vs_kvm_reason *r = e->reason;
    if (!r) {
        return;
    }
    bool amd = r->vendor == VS_KVM_AMD;
    switch (e->trap) {
    case VS_TRAP_PIO:
        port_operands(e, said->info1, amd);
        break;
    case VS_TRAP_MSR_READ:
        if (amd && said->info1 & 1u) {
            e->trap = VS_TRAP_MSR_WRITE;
        }
        break;
    case VS_TRAP_INTERRUPT:
    case VS_TRAP_EXCEPTION:
        e->what = r->number >= 0x40u && r->number < 0x60u && amd
                      ? r->number - 0x40u
                      : (uint32_t)(said->intr_info & 0xffu);
        e->known = (amd && e->trap == VS_TRAP_EXCEPTION) || said->intr_info >> 31 & 1u;
        if (!amd && e->trap == VS_TRAP_EXCEPTION && e->known &&
            (said->intr_info >> 8 & 7u) == NMI_TYPE) {
            e->trap = VS_TRAP_NMI;
        }
        break;
    case VS_TRAP_CONTROL_REGISTER:
        e->what = amd ? r->number & 0xfu : (uint32_t)(said->info1 & 0xfu);
        e->what = amd && r->number >= 0x20u ? 0 : e->what; /* CR0_SEL_WRITE */
        e->write = amd ? r->number >= 0x10u : (said->info1 >> 4 & 3u) != 1u;
        e->known = true;
        break;
    case VS_TRAP_DEBUG_REGISTER: /* SDM 3C, table 28-4: the register, and bit 4: from it */
        e->what = amd ? r->number & 7u : (uint32_t)(said->info1 & 7u);
        e->write = amd ? r->number >= 0x30u : !(said->info1 >> 4 & 1u);
        e->x86 = e->write ? VS_X86_MOV_TO_DR : VS_X86_MOV_FROM_DR;
        e->known = true;
        break;
    case VS_TRAP_STAGE2_FAULT:
        if (amd) {
            e->address = said->info2;
            e->write = said->info1 >> 1 & 1u;
            e->fetch = said->info1 >> 4 & 1u;
            e->device = said->info1 >> 3 & 1u; /* a reserved bit: how KVM marks devices */
            e->trap = e->device ? VS_TRAP_MMIO : e->trap;
        } else if (r->vendor == VS_KVM_INTEL) {
            e->write = said->info1 >> 1 & 1u;
            e->fetch = said->info1 >> 2 & 1u;
        } else {
            e->fetch = r->number == 0x20u;
        }
        break;
    default:
        break;
    }
}

/* kvm_sys_access: "PC: %lx NAME (op0,op1,crn,crm,op2) read|write". */
static void arm_register(struct vs_kvm_exit *e, const char *payload)
{
    static const char *const raw[] = {"Op0", "Op1", "CRn", "CRm", "Op2"};
    const char *open = strchr(payload, '(');
    unsigned op0, op1, crn, crm, op2;
    uint64_t part[5], write = 0;
    bool fields = true;
    for (unsigned i = 0; i < 5u; i++) {
        fields = fields && field(payload, raw[i], 0, &part[i]) && part[i] < 16u;
    }
    if (fields) {
        op0 = (unsigned)part[0], op1 = (unsigned)part[1], crn = (unsigned)part[2];
        crm = (unsigned)part[3], op2 = (unsigned)part[4];
        (void)field(payload, "is_write", 0, &write);
    } else if (open && sscanf(open, "(%u,%u,%u,%u,%u)", &op0, &op1, &crn, &crm, &op2) == 5) {
        write = strstr(open, "write") != NULL;
    } else {
        return;
    }
    e->what = VS_SYSREG(op0, op1, crn, crm, op2);
    e->known = true;
    e->write = write;
    e->trap = e->write ? VS_TRAP_MSR_WRITE : VS_TRAP_MSR_READ;
    if (op0 == 1u && crn == 8u) {
        e->trap = VS_TRAP_INVALIDATE;
    } else if (!e->write && op0 == 3u && op1 == 0 && crn == 0) {
        e->trap = VS_TRAP_CPU_ID; /* Arm ARM: the space of the identification registers */
    }
}

/* An access to a device: kvm_mmio's "mmio write len 4 gpa 0x... val", or raw fields. */
static void device_access(struct vs_kvm_exit *e, const char *payload)
{
    uint64_t v;
    if (e->trap != VS_TRAP_STAGE2_FAULT && e->trap != VS_TRAP_MMIO) {
        return;
    }
    e->device = true;
    e->write = strstr(payload, "write") != NULL || strstr(payload, "type=2") != NULL;
    if (field(payload, "gpa", 0, &v)) {
        e->address = v;
    }
    if (field(payload, "len", 0, &v) && v <= 8) {
        e->size = (uint32_t)v;
    }
    if (e->reason->vendor != VS_KVM_INTEL) {
        e->trap = VS_TRAP_MMIO; /* Intel's first access to it violates, and is one like others */
    }
}

void vs_kvm_payload_companion(struct vs_kvm_exit *e, const char *event, const char *payload)
{
    uint64_t v;
    if (!e->reason) {
        return;
    }
    if (!strcmp(event, "kvm_userspace_exit")) {
        e->user = true;
    } else if (!strcmp(event, "kvm_inj_virq")) {
        e->injects = true;
    } else if (!strcmp(event, "kvm_mmio")) {
        device_access(e, payload);
    } else if (!strcmp(event, "kvm_fast_mmio") && e->trap == VS_TRAP_MMIO) {
        e->device = e->write = e->signals = true; /* handle_ept_misconfig, KVM_FAST_MMIO_BUS */
        if (field(payload, "gpa", 16, &v)) {
            e->address = v;
        }
    } else if (!strcmp(event, "kvm_page_fault") && e->trap == VS_TRAP_STAGE2_FAULT) {
        if (field(payload, "fault_address", 0, &v) || field(payload, "address", 16, &v)) {
            e->address = v;
        }
    } else if (!strcmp(event, "kvm_guest_fault") && e->trap == VS_TRAP_STAGE2_FAULT) {
        uint64_t syndrome = 0, at = 0;
        (void)field(payload, "hsr", 16, &syndrome);
        (void)field(payload, "hxfar", 16, &at);
        if (field(payload, "ipa", 16, &v)) {
            e->address = v | (at & 0xfffu);
        }
        e->write = syndrome >> 6 & 1u; /* ISS.WnR of a data abort */
    } else if (!strcmp(event, "kvm_msr") &&
               (e->trap == VS_TRAP_MSR_READ || e->trap == VS_TRAP_MSR_WRITE)) {
        const char *p = strstr(payload, "msr_");
        p = p ? strchr(p, ' ') : NULL;
        if (p || field(payload, "ecx", 0, &v)) {
            e->what = (uint32_t)(p ? strtoul(p, NULL, 16) : v);
            e->known = true;
        }
    } else if (!strcmp(event, "kvm_cpuid") && e->trap == VS_TRAP_CPU_ID) {
        if (field(payload, "func", 16, &v) || field(payload, "function", 0, &v)) {
            e->what = (uint32_t)v;
            e->known = true;
        }
    } else if (!strcmp(event, "kvm_hypercall") || !strcmp(event, "kvm_hvc_arm64")) {
        if (e->trap == VS_TRAP_HYPERCALL &&
            (field(payload, "nr", 0, &v) || field(payload, "r0", 16, &v))) {
            e->what = (uint32_t)v;
            e->known = true;
        }
    } else if (!strcmp(event, "kvm_sys_access") && e->reason->vendor == VS_KVM_ARM) {
        arm_register(e, payload);
    } else if (!strcmp(event, "kvm_wfx_arm64") && e->trap == VS_TRAP_HALT) {
        bool event =
            field(payload, "is_wfe", 0, &v) ? v : strstr(payload, "wfe") || strstr(payload, "WFE");
        e->trap = event ? VS_TRAP_PAUSE : VS_TRAP_HALT;
    }
}
