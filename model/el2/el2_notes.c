/* SPDX-License-Identifier: MIT */
#include "el2/el2_notes.h"
#include "el2/el2.h"

#include <stdio.h>
#include <string.h>

/* Fault status, Arm ARM D17.2.37: a kind of fault, and the level where it was found. */
static void abort_text(char *text, uint32_t iss, bool fetch)
{
    static const char *const kind[] = {"address size", "translation", "access flag", "permission"};
    uint32_t status = iss & VS_ISS_DFSC;
    int n = snprintf(text, VS_NOTE_TEXT, "%s fault, level %u, %s%s", kind[status >> 2 & 3u],
                     status & 3u,
                     fetch              ? "fetch"
                     : iss & VS_ISS_WNR ? "write"
                                        : "read",
                     iss & VS_ISS_S1PTW ? ", of a guest's table" : "");
    if (iss & VS_ISS_ISV && n > 0 && (size_t)n < VS_NOTE_TEXT) {
        snprintf(text + n, VS_NOTE_TEXT - (size_t)n, ", %u bytes, X%u",
                 1u << (iss >> VS_ISS_SAS & 3u), iss >> VS_ISS_SRT & 31u);
    } else if (!fetch && n > 0 && (size_t)n < VS_NOTE_TEXT) {
        snprintf(text + n, VS_NOTE_TEXT - (size_t)n, ", ISV 0");
    }
}

/* MRS, MSR and SYS: the register as the assembler's generic name has it. */
static void register_text(char *text, uint32_t iss)
{
    snprintf(text, VS_NOTE_TEXT, "%s S%u_%u_C%u_C%u_%u, X%u", iss & 1u ? "MRS" : "MSR",
             iss >> 20 & 3u, iss >> 14 & 7u, iss >> 10 & 15u, iss >> 1 & 15u, iss >> 17 & 7u,
             iss >> 5 & 31u);
}

unsigned vs__el2_says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    const struct vs_el2 *e = ctx;
    struct vs_el2_syndrome s;
    memcpy(&s, exit->own, sizeof s);
    if (s.class == VS_EL2_IRQ) {
        return 0;
    }
    char *text = out[0].text;
    out[0] = (struct vs_note){
        .name = "ESR_EL2",
        .value = vs_phys_read64(e->wire.phys, (vs_hpa){e->vcpu.v + VS_EL2_AT_ESR})};
    switch (s.class) {
    case VS_EL2_WFX:
        snprintf(text, VS_NOTE_TEXT, s.iss & 1u ? "WFE" : "WFI");
        return 1;
    case VS_EL2_HVC64:
    case VS_EL2_SMC64:
        snprintf(text, VS_NOTE_TEXT, "%s #%u", s.class == VS_EL2_HVC64 ? "HVC" : "SMC",
                 s.iss & 0xffffu);
        return 1;
    case VS_EL2_FP_ASIMD:
    case VS_EL2_SVE:
        snprintf(text, VS_NOTE_TEXT, "first use of %s registers",
                 s.class == VS_EL2_SVE ? "SVE" : "floating-point or SIMD");
        return 1;
    case VS_EL2_SYS64:
        register_text(text, s.iss);
        return 1;
    case VS_EL2_ERET:
        snprintf(text, VS_NOTE_TEXT, "ERET at virtual EL2");
        return 1;
    default:
        break;
    }
    abort_text(text, s.iss, s.class == VS_EL2_IABT_LOW);
    out[1] =
        (struct vs_note){.name = "FAR_EL2",
                         .value = vs_phys_read64(e->wire.phys, (vs_hpa){e->vcpu.v + VS_EL2_AT_FAR}),
                         .text = "virtual address"};
    out[2] = (struct vs_note){
        .name = "HPFAR_EL2",
        .value = vs_phys_read64(e->wire.phys, (vs_hpa){e->vcpu.v + VS_EL2_AT_HPFAR})};
    snprintf(out[2].text, VS_NOTE_TEXT, "page 0x%llx of guest-physical addresses",
             (unsigned long long)(out[2].value >> 4));
    return 3;
}
