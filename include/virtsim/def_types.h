/* SPDX-License-Identifier: MIT */
/*
 * Expands VS_DEF_FILE for component VS_DEF_NAME into its config struct and enumerations:
 *   #define VS_DEF_NAME ept
 *   #define VS_DEF_FILE "ept/ept.def"
 *   #include "virtsim/def_types.h"
 * No include guard: meant to be included once per component header. Undefines both macros.
 */
#include "virtsim/def.h"
#define VS_DEF_P2(a, b) a##b
#define VS_DEF_P(a, b) VS_DEF_P2(a, b)
#define VS_DEF_P3(a, b, c) VS_DEF_P(VS_DEF_P(a, b), c)

#define VS_NUM(field, path, def, min, max, unit, grade, source, text) uint64_t field;
#define VS_FLAG(field, path, def, grade, source, text) uint64_t field;
#define VS_CHOICE(field, path, def, choices, grade, source, text) uint64_t field;
#define VS_LAT(field, path, acc, accpath, def, min, max, grade, source, text) uint64_t field;
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text) uint64_t field;
#define VS_ACCOUNT(acc, accpath, priced, text)
#define VS_WAIT(acc, accpath, text)
#define VS_COUNT(counter, path, unit, text)
struct VS_DEF_P3(vs_, VS_DEF_NAME, _config) {
#include VS_DEF_FILE
};
#undef VS_NUM
#undef VS_FLAG
#undef VS_CHOICE
#undef VS_LAT
#undef VS_LAT_PS
#undef VS_ACCOUNT
#undef VS_WAIT
#undef VS_COUNT

#define VS_NUM(field, path, def, min, max, unit, grade, source, text)
#define VS_FLAG(field, path, def, grade, source, text)
#define VS_CHOICE(field, path, def, choices, grade, source, text)
#define VS_LAT(field, path, acc, accpath, def, min, max, grade, source, text)                      \
    VS_DEF_P3(VS_DEF_P(VS_ACC_, VS_DEF_NAME), _, acc),
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text)                   \
    VS_DEF_P3(VS_DEF_P(VS_ACC_, VS_DEF_NAME), _, acc),
#define VS_ACCOUNT(acc, accpath, priced, text) VS_DEF_P3(VS_DEF_P(VS_ACC_, VS_DEF_NAME), _, acc),
#define VS_WAIT(acc, accpath, text) VS_DEF_P3(VS_DEF_P(VS_ACC_, VS_DEF_NAME), _, acc),
#define VS_COUNT(counter, path, unit, text)
enum VS_DEF_P3(vs_, VS_DEF_NAME, _account) {
#include VS_DEF_FILE
    VS_DEF_P3(VS_ACC_, VS_DEF_NAME, _N)
};
#undef VS_LAT
#undef VS_LAT_PS
#undef VS_ACCOUNT
#undef VS_WAIT
#undef VS_COUNT

#define VS_LAT(field, path, acc, accpath, def, min, max, grade, source, text)
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text)
#define VS_ACCOUNT(acc, accpath, priced, text)
#define VS_WAIT(acc, accpath, text)
#define VS_COUNT(counter, path, unit, text) VS_DEF_P3(VS_DEF_P(VS_CNT_, VS_DEF_NAME), _, counter),
enum VS_DEF_P3(vs_, VS_DEF_NAME, _counter) {
#include VS_DEF_FILE
    VS_DEF_P3(VS_CNT_, VS_DEF_NAME, _N)
};
#undef VS_NUM
#undef VS_FLAG
#undef VS_CHOICE
#undef VS_LAT
#undef VS_LAT_PS
#undef VS_ACCOUNT
#undef VS_WAIT
#undef VS_COUNT

extern const struct vs_component_desc VS_DEF_P3(vs_, VS_DEF_NAME, _desc);
#undef VS_DEF_NAME
#undef VS_DEF_FILE
