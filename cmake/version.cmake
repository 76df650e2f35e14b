# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.25)
# Run at every build: writes OUT (virtsim/version.h) from VERSION and the commit of SRC. The file
# is only touched when its content changes. A tree without git is "unknown", not an error.
set(commit unknown)
set(dirty 0)
if(EXISTS ${SRC}/.git)
    find_program(GIT git)
    if(GIT)
        # safe.directory: a container often builds a tree that belongs to another user.
        set(git ${GIT} -c safe.directory=* -C ${SRC})
        execute_process(COMMAND ${git} rev-parse --short=12 HEAD OUTPUT_VARIABLE out
            RESULT_VARIABLE rc ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
        if(rc EQUAL 0 AND out)
            set(commit ${out})
            execute_process(COMMAND ${git} --no-optional-locks status --porcelain
                --untracked-files=no OUTPUT_VARIABLE out ERROR_QUIET)
            if(out)
                set(dirty 1)
            endif()
        endif()
    endif()
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT "/* Generated at build by cmake/version.cmake. */
#ifndef VIRTSIM_VERSION_H
#define VIRTSIM_VERSION_H
#define VS_VERSION \"@VERSION@\"
#define VS_COMMIT \"@commit@\"
#define VS_DIRTY @dirty@
#endif
")
