/* SPDX-License-Identifier: MIT */
/*
 * Expands VS_DEF_FILE for component VS_DEF_NAME into its descriptor vs_<c>_desc. Included once, in
 * one .c file of the component, after its header. A component without knobs, accounts or counters
 * still gets a (never counted) last element, so that no table has zero size.
 */
#include "virtsim/def.h"
#define VS_DEF_STR2(a) #a
#define VS_DEF_STR(a) VS_DEF_STR2(a)
#define VS_DEF_CFG struct VS_DEF_P3(vs_, VS_DEF_NAME, _config)

#define VS_NUM(field, path, def, min, max, unit, grade, source, text)                              \
    {path,                                                                                         \
     VS_KNOB_NUM,                                                                                  \
     def,                                                                                          \
     min,                                                                                          \
     max,                                                                                          \
     unit,                                                                                         \
     NULL,                                                                                         \
     VS_GRADE_##grade,                                                                             \
     source,                                                                                       \
     text,                                                                                         \
     offsetof(VS_DEF_CFG, field)},
#define VS_FLAG(field, path, def, grade, source, text)                                             \
    {path,                                                                                         \
     VS_KNOB_FLAG,                                                                                 \
     def,                                                                                          \
     0,                                                                                            \
     1,                                                                                            \
     "flag",                                                                                       \
     NULL,                                                                                         \
     VS_GRADE_##grade,                                                                             \
     source,                                                                                       \
     text,                                                                                         \
     offsetof(VS_DEF_CFG, field)},
#define VS_CHOICE(field, path, def, choices, grade, source, text)                                  \
    {path,                                                                                         \
     VS_KNOB_CHOICE,                                                                               \
     def,                                                                                          \
     0,                                                                                            \
     255,                                                                                          \
     "choice",                                                                                     \
     choices,                                                                                      \
     VS_GRADE_##grade,                                                                             \
     source,                                                                                       \
     text,                                                                                         \
     offsetof(VS_DEF_CFG, field)},
#define VS_LAT(field, path, acc, accpath, def, min, max, grade, source, text)                      \
    {path,                                                                                         \
     VS_KNOB_CYCLES,                                                                               \
     def,                                                                                          \
     min,                                                                                          \
     max,                                                                                          \
     "cycles",                                                                                     \
     NULL,                                                                                         \
     VS_GRADE_##grade,                                                                             \
     source,                                                                                       \
     text,                                                                                         \
     offsetof(VS_DEF_CFG, field)},
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text)                   \
    {path,                                                                                         \
     VS_KNOB_PS,                                                                                   \
     def,                                                                                          \
     min,                                                                                          \
     max,                                                                                          \
     "ps",                                                                                         \
     NULL,                                                                                         \
     VS_GRADE_##grade,                                                                             \
     source,                                                                                       \
     text,                                                                                         \
     offsetof(VS_DEF_CFG, field)},
#define VS_ACCOUNT(acc, accpath, priced, text)
#define VS_WAIT(acc, accpath, text)
#define VS_COUNT(counter, path, unit, text)
static const struct vs_knob_desc VS_DEF_P3(vs_, VS_DEF_NAME, _knob_table)[] = {
#include VS_DEF_FILE
    {NULL, VS_KNOB_NUM, 0, 0, 0, NULL, NULL, VS_GRADE_assumed, NULL, NULL, 0}};
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
    {accpath, path, false, text},
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text)                   \
    {accpath, path, false, text},
#define VS_ACCOUNT(acc, accpath, priced, text) {accpath, priced, false, text},
#define VS_WAIT(acc, accpath, text) {accpath, "", true, text},
#define VS_COUNT(counter, path, unit, text)
static const struct vs_account_desc VS_DEF_P3(vs_, VS_DEF_NAME, _account_table)[] = {
#include VS_DEF_FILE
    {NULL, NULL, false, NULL}};
#undef VS_LAT
#undef VS_LAT_PS
#undef VS_ACCOUNT
#undef VS_WAIT
#undef VS_COUNT

#define VS_LAT(field, path, acc, accpath, def, min, max, grade, source, text)
#define VS_LAT_PS(field, path, acc, accpath, def, min, max, grade, source, text)
#define VS_ACCOUNT(acc, accpath, priced, text)
#define VS_WAIT(acc, accpath, text)
#define VS_COUNT(counter, path, unit, text) {path, unit, text},
static const struct vs_counter_desc VS_DEF_P3(vs_, VS_DEF_NAME, _counter_table)[] = {
#include VS_DEF_FILE
    {NULL, NULL, NULL}};
#undef VS_NUM
#undef VS_FLAG
#undef VS_CHOICE
#undef VS_LAT
#undef VS_LAT_PS
#undef VS_ACCOUNT
#undef VS_WAIT
#undef VS_COUNT

const struct vs_component_desc VS_DEF_P3(vs_, VS_DEF_NAME, _desc) = {
    VS_DEF_STR(VS_DEF_NAME),
    VS_DEF_P3(vs_, VS_DEF_NAME, _knob_table),
    sizeof VS_DEF_P3(vs_, VS_DEF_NAME, _knob_table) / sizeof(struct vs_knob_desc) - 1u,
    VS_DEF_P3(vs_, VS_DEF_NAME, _account_table),
    sizeof VS_DEF_P3(vs_, VS_DEF_NAME, _account_table) / sizeof(struct vs_account_desc) - 1u,
    VS_DEF_P3(vs_, VS_DEF_NAME, _counter_table),
    sizeof VS_DEF_P3(vs_, VS_DEF_NAME, _counter_table) / sizeof(struct vs_counter_desc) - 1u,
    sizeof(VS_DEF_CFG),
};
#undef VS_DEF_CFG
#undef VS_DEF_NAME
#undef VS_DEF_FILE
