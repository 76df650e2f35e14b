/* SPDX-License-Identifier: MIT */
/* What request/requests.def cannot say of the methods that are instructions. */
#include "workload_cpu.h"

#include "virtsim/trap.h"

#include <stdlib.h>
#include <string.h>

void vs__port(lua_State *L, struct vs_request *r)
{
    if (r->bytes == 3) {
        luaL_error(L, "a port's size is 1, 2 or 4");
    }
}

void vs__control_register(lua_State *L, struct vs_request *r)
{
    if (r->a != 0 && r->a != 3 && r->a != 4 && r->a != 8) {
        luaL_error(L, "control registers that can be written are 0, 3, 4 and 8");
    }
}

/* ---- x86's by their names ---- */

void vs__instruction(lua_State *L, struct vs_request *r)
{
    static const char *const names[] = {
#define VS_X86(e, name, trap, length, own, text) name,
#include "virtsim/x86.def"
#undef VS_X86
    };
    const char *name = luaL_checkstring(L, 2);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(name, names[i])) {
            r->a = 1 + i;
            r->b = lua_isnoneornil(L, 3) ? 0 : vs__cpu_bits(L, 3, "operand");
            return;
        }
    }
    luaL_Buffer all;
    luaL_buffinit(L, &all);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        luaL_addstring(&all, i ? ", " : "");
        luaL_addstring(&all, names[i]);
    }
    luaL_pushresult(&all);
    luaL_error(L, "instruction: unknown name '%s'; one of %s", name, lua_tostring(L, -1));
}

/* ---- Arm's system registers ---- */

enum access { RW, RO, WO };

/* By their names, as the Arm ARM (DDI 0487), D17, encodes them at EL1. */
static const struct {
    const char *name;
    uint32_t number;
    enum access access;
} registers[] = {
    {"MIDR_EL1", VS_SYSREG(3u, 0u, 0u, 0u, 0u), RO},
    {"MPIDR_EL1", VS_SYSREG(3u, 0u, 0u, 0u, 5u), RO},
    {"REVIDR_EL1", VS_SYSREG(3u, 0u, 0u, 0u, 6u), RO},
    {"ID_AA64PFR0_EL1", VS_SYSREG(3u, 0u, 0u, 4u, 0u), RO},
    {"ID_AA64PFR1_EL1", VS_SYSREG(3u, 0u, 0u, 4u, 1u), RO},
    {"ID_AA64DFR0_EL1", VS_SYSREG(3u, 0u, 0u, 5u, 0u), RO},
    {"ID_AA64DFR1_EL1", VS_SYSREG(3u, 0u, 0u, 5u, 1u), RO},
    {"ID_AA64ISAR0_EL1", VS_SYSREG(3u, 0u, 0u, 6u, 0u), RO},
    {"ID_AA64ISAR1_EL1", VS_SYSREG(3u, 0u, 0u, 6u, 1u), RO},
    {"ID_AA64ISAR2_EL1", VS_SYSREG(3u, 0u, 0u, 6u, 2u), RO},
    {"ID_AA64MMFR0_EL1", VS_SYSREG(3u, 0u, 0u, 7u, 0u), RO},
    {"ID_AA64MMFR1_EL1", VS_SYSREG(3u, 0u, 0u, 7u, 1u), RO},
    {"ID_AA64MMFR2_EL1", VS_SYSREG(3u, 0u, 0u, 7u, 2u), RO},
    {"SCTLR_EL1", VS_SYSREG(3u, 0u, 1u, 0u, 0u), RW},
    {"ACTLR_EL1", VS_SYSREG(3u, 0u, 1u, 0u, 1u), RW},
    {"CPACR_EL1", VS_SYSREG(3u, 0u, 1u, 0u, 2u), RW},
    {"TTBR0_EL1", VS_SYSREG(3u, 0u, 2u, 0u, 0u), RW},
    {"TTBR1_EL1", VS_SYSREG(3u, 0u, 2u, 0u, 1u), RW},
    {"TCR_EL1", VS_SYSREG(3u, 0u, 2u, 0u, 2u), RW},
    {"AFSR0_EL1", VS_SYSREG(3u, 0u, 5u, 1u, 0u), RW},
    {"AFSR1_EL1", VS_SYSREG(3u, 0u, 5u, 1u, 1u), RW},
    {"ESR_EL1", VS_SYSREG(3u, 0u, 5u, 2u, 0u), RW},
    {"FAR_EL1", VS_SYSREG(3u, 0u, 6u, 0u, 0u), RW},
    {"PAR_EL1", VS_SYSREG(3u, 0u, 7u, 4u, 0u), RW},
    {"MAIR_EL1", VS_SYSREG(3u, 0u, 10u, 2u, 0u), RW},
    {"AMAIR_EL1", VS_SYSREG(3u, 0u, 10u, 3u, 0u), RW},
    {"VBAR_EL1", VS_SYSREG(3u, 0u, 12u, 0u, 0u), RW},
    {"ICC_SGI1R_EL1", VS_SYSREG(3u, 0u, 12u, 11u, 5u), WO},
    {"CONTEXTIDR_EL1", VS_SYSREG(3u, 0u, 13u, 0u, 1u), RW},
    {"TPIDR_EL1", VS_SYSREG(3u, 0u, 13u, 0u, 4u), RW},
    {"CNTKCTL_EL1", VS_SYSREG(3u, 0u, 14u, 1u, 0u), RW},
    {"CTR_EL0", VS_SYSREG(3u, 3u, 0u, 0u, 1u), RO},
    {"PMCR_EL0", VS_SYSREG(3u, 3u, 9u, 12u, 0u), RW},
    {"PMCCNTR_EL0", VS_SYSREG(3u, 3u, 9u, 13u, 0u), RW},
    {"TPIDR_EL0", VS_SYSREG(3u, 3u, 13u, 0u, 2u), RW},
    {"CNTFRQ_EL0", VS_SYSREG(3u, 3u, 14u, 0u, 0u), RO},
    {"CNTPCT_EL0", VS_SYSREG(3u, 3u, 14u, 0u, 1u), RO},
    {"CNTVCT_EL0", VS_SYSREG(3u, 3u, 14u, 0u, 2u), RO},
    {"CNTP_TVAL_EL0", VS_SYSREG(3u, 3u, 14u, 2u, 0u), RW},
    {"CNTP_CTL_EL0", VS_SYSREG(3u, 3u, 14u, 2u, 1u), RW},
    {"CNTP_CVAL_EL0", VS_SYSREG(3u, 3u, 14u, 2u, 2u), RW},
    {"CNTV_TVAL_EL0", VS_SYSREG(3u, 3u, 14u, 3u, 0u), RW},
    {"CNTV_CTL_EL0", VS_SYSREG(3u, 3u, 14u, 3u, 1u), RW},
    {"CNTV_CVAL_EL0", VS_SYSREG(3u, 3u, 14u, 3u, 2u), RW},
};
enum { REGISTERS = sizeof registers / sizeof registers[0] };

/* S3_<op1>_C<CRn>_C<CRm>_<op2>, as assemblers take it; op1 4 to 6 are higher levels'. */
static bool generic_name(const char *s, uint32_t *number)
{
    static const char *const before[] = {"S3_", "_C", "_C", "_"};
    static const unsigned most[] = {7, 15, 15, 7};
    unsigned part[4];
    for (unsigned i = 0; i < 4; i++) {
        size_t n = strlen(before[i]);
        if (strncmp(s, before[i], n) != 0 || s[n] < '0' || s[n] > '9') {
            return false;
        }
        char *end;
        unsigned long value = strtoul(s + n, &end, 10);
        if (value > most[i]) {
            return false;
        }
        part[i] = (unsigned)value;
        s = end;
    }
    *number = VS_SYSREG(3u, part[0], part[1], part[2], part[3]);
    return !*s && (part[0] < 4 || part[0] > 6);
}

/* The register that argument 2 names, into r->a. */
static void system_register(lua_State *L, struct vs_request *r, const char *method, bool write)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    uint32_t number = 0;
    bool known = generic_name(name, &number), id = known && (number >> 12 & 0x7fu) == 0;
    enum access access = id ? RO : RW; /* CRn 0 of EL1 identifies */
    for (int i = 0; i < REGISTERS; i++) {
        if (!strcmp(registers[i].name, name) || (known && registers[i].number == number)) {
            known = true;
            number = registers[i].number;
            access = registers[i].access;
            break;
        }
    }
    if (!known) {
        luaL_error(
            L,
            "%s: no system register of EL1 named '%s'; write \"ID_AA64MMFR0_EL1\", or any by "
            "its encoding: \"S3_0_C0_C7_0\" (S3, op1, CRn, CRm, op2)",
            method, name);
    }
    if (access == (write ? RO : WO)) {
        luaL_error(L, "%s: %s can only be %s", method, name, write ? "read" : "written");
    }
    r->a = number;
}

void vs__mrs(lua_State *L, struct vs_request *r)
{
    system_register(L, r, "mrs", false);
}

void vs__msr(lua_State *L, struct vs_request *r)
{
    system_register(L, r, "msr", true);
    r->b = lua_isnoneornil(L, 3) ? 0 : vs__cpu_bits(L, 3, "value");
}

/* ---- translations ---- */

void vs__invpcid(lua_State *L, struct vs_request *r)
{
    if (r->a == 0 && lua_getfield(L, 2, "address") == LUA_TNIL) {
        luaL_error(L, "invpcid: type 0 needs an address");
    }
}

void vs__tlbi(lua_State *L, struct vs_request *r)
{
    /* the order of enum vs_req_tlbi; by address, ASID */
    static const struct {
        const char *name;
        bool address, asid;
    } forms[] = {{"vae1", true, true},     {"vale1", true, true},     {"vaae1", true, false},
                 {"vaale1", true, false},  {"aside1", false, true},   {"vmalle1", false, false},
                 {"ipas2e1", true, false}, {"ipas2le1", true, false}, {"vmalls12e1", false, false},
                 {"alle1", false, false}};
    static const char *const names[] = {
        "vae1",     "vale1",      "vaae1",     "vaale1",     "aside1",       "vmalle1", "ipas2e1",
        "ipas2le1", "vmalls12e1", "alle1",     "vae1is",     "vale1is",      "vaae1is", "vaale1is",
        "aside1is", "vmalle1is",  "ipas2e1is", "ipas2le1is", "vmalls12e1is", "alle1is", NULL};
    const int n = sizeof forms / sizeof forms[0];
    static const char *const fields[] = {"asid", "address", "offset", NULL};
    int form = vs__cpu_option(L, 2, "the form of TLBI", names);
    lua_remove(L, 2);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    vs__cpu_arguments(L, "tlbi", fields);
    r->a = (uint64_t)(form % n) | (form >= n ? VS_REQ_TLBI_IS : 0u);
    r->b = vs__cpu_field(L, "asid", 0);
    vs__cpu_address_field(L, r);
    bool address = lua_getfield(L, 2, "address") != LUA_TNIL,
         asid = lua_getfield(L, 2, "asid") != LUA_TNIL;
    if (address != forms[form % n].address || (asid && !forms[form % n].asid) || r->b > 0xffff) {
        luaL_error(L, "tlbi: %s takes %s%s", forms[form % n].name,
                   forms[form % n].address ? "an address" : "no address",
                   forms[form % n].asid ? ", and an asid of 0..65535" : ", and no asid");
    }
}
