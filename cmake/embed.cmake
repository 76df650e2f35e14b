# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
# Writes OUT, a C file that defines `const char NAME[]` with the bytes of IN and a zero.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)"
    "\\1\n" bytes "${bytes}")
get_filename_component(file ${IN} NAME)
file(WRITE ${OUT} "/* Generated at build from ${file}. */
extern const char ${NAME}[];
const char ${NAME}[] = {
${bytes}0};
")
