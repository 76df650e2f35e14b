# SPDX-License-Identifier: MIT
# Tests, benches and fuzz targets, found by name:
#   core/test_*.c, model/<c>/test_*.c   the library of that folder and core, nothing else
#   tests/core/, tests/models/test_*.c  core alone; all models together without the simulator
#   sim/<room>/test_*.c, tests/**/test_*.c   everything
#       the test files of one folder are one program, build/tests/<folder>
#   tests/**/*.sh                       run with VIRTSIM, VIRTSIM_HOME
# A test that ends with 77 is one that was skipped.
#   bench/*.c -> build/bench/<name>, fuzz/fuzz_*.c -> build/fuzz/<name>
# tests/support/*.c is linked into tests and benches (oracles, fakes).
enable_testing()

if(TARGET vs_core)
    vs_sources(support tests/support/*.c)
    list(FILTER support EXCLUDE REGEX "/room\\.c$")
    if(support)
        add_library(vs_testing STATIC ${support})
        target_include_directories(vs_testing PUBLIC ${SRC}/tests/support ${SRC}/tests)
        target_link_libraries(vs_testing PUBLIC vs_core vs_flags)
    endif()
endif()

# vs_test_room(room libs...): one program of the test files ${files} of a folder. Each file is a test of its own for
# ctest (-R), the room is its label (-L). A file keeps its main: the program calls those that are named on its
# command line, or all of them.
function(vs_test_room room)
    string(MAKE_C_IDENTIFIER test_${room} target)
    set(declared "")
    set(listed "")
    set(labels "")
    foreach(file IN LISTS files)
        file(RELATIVE_PATH label ${SRC} ${file})
        string(REGEX REPLACE "\\.c$" "" label ${label})
        string(REPLACE "/" "." label ${label})
        string(MAKE_C_IDENTIFIER main_${label} entry)
        set_source_files_properties(${file} PROPERTIES COMPILE_DEFINITIONS main=${entry})
        string(APPEND declared "int ${entry}(void);\n")
        string(APPEND listed "    {\"${label}\", ${entry}},\n")
        list(APPEND labels ${label})
    endforeach()
    string(CONCAT text "/* Made by cmake/tests.cmake: the test files of ${room}. */\n"
        "#include \"room.h\"\n\n${declared}\n"
        "const struct vs_test_file vs_test_files[] = {\n${listed}    {0, 0},\n};\n")
    file(GENERATE OUTPUT ${GEN}/${target}.c CONTENT "${text}")
    add_executable(${target} ${GEN}/${target}.c ${SRC}/tests/support/room.c ${files})
    target_include_directories(${target} PRIVATE ${SRC}/model ${SRC}/sim ${SRC}/core ${SRC}
        ${SRC}/tests/support)
    target_compile_definitions(${target} PRIVATE VS_SOURCE_DIR="${SRC}"
        VS_SHARED_DIR="${SRC}/../shared" VS_BUILD_DIR="${CMAKE_CURRENT_BINARY_DIR}")
    target_link_libraries(${target} PRIVATE ${ARGN} vs_flags PkgConfig::CMOCKA)
    target_link_options(${target} PRIVATE ${VS_PARTS_LINK})
    # What is tested runs as it is shipped; the tests themselves compile in half the time so.
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
    if(TARGET vs_testing)
        target_link_libraries(${target} PRIVATE vs_testing)
    endif()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${room}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/tests)
    foreach(label IN LISTS labels)
        add_test(NAME ${label} COMMAND ${SRC}/tests/support/seconds ${label} $<TARGET_FILE:${target}> ${label})
        # a file whose cases all skipped themselves ended well, but nothing passed
        set_tests_properties(${label} PROPERTIES TIMEOUT 300 LABELS "unit;${room}"
            SKIP_RETURN_CODE 77 SKIP_REGULAR_EXPRESSION
            "PASSED  \\] 0 test\\(s\\)\\..* SKIPPED TEST\\(S\\)[ \n]*$")
    endforeach()
endfunction()

# vs_test_folders(libs...): a room for each folder of ${files}
function(vs_test_folders)
    set(all ${files})
    set(folders "")
    foreach(file IN LISTS all)
        get_filename_component(folder ${file} DIRECTORY)
        list(APPEND folders ${folder})
    endforeach()
    list(REMOVE_DUPLICATES folders)
    foreach(folder IN LISTS folders)
        set(files ${all})
        list(FILTER files INCLUDE REGEX "^${folder}/[^/]*$")
        file(RELATIVE_PATH room ${SRC} ${folder})
        string(REPLACE "/" "." room ${room})
        vs_test_room(${room} ${ARGN})
    endforeach()
endfunction()

if(VIRTSIM_TESTS AND TARGET vs_core)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

    file(GLOB_RECURSE files CONFIGURE_DEPENDS core/test_*.c tests/core/test_*.c)
    vs_test_folders(vs_core)
    foreach(lib IN LISTS VS_MODELS)
        string(REGEX REPLACE "^vs_" "" c ${lib})
        file(GLOB_RECURSE files CONFIGURE_DEPENDS model/${c}/test_*.c)
        vs_test_folders(${lib} vs_core)
    endforeach()
    file(GLOB_RECURSE files CONFIGURE_DEPENDS tests/models/test_*.c)
    vs_test_folders(${VS_MODELS} vs_core)

    if(NOT VIRTSIM_MODELS_ONLY)
        # A test of a room needs that room only, so that it builds while others are being rebuilt.
        foreach(room trace db lua)
            if(TARGET vs_${room})
                file(GLOB_RECURSE files CONFIGURE_DEPENDS sim/${room}/test_*.c)
                vs_test_folders(vs_${room} vs_core)
            endif()
        endforeach()
        if(TARGET vs_sim)
            file(GLOB_RECURSE files CONFIGURE_DEPENDS sim/test_*.c tests/test_*.c)
            list(FILTER files EXCLUDE REGEX "/sim/(trace|db|lua)/|/tests/(core|models|support)/")
            vs_test_folders(vs_sim)
        endif()
        set(env "VIRTSIM=${CMAKE_CURRENT_BINARY_DIR}/virtsim" "VIRTSIM_HOME=${SRC}"
            "VIRTSIM_BUILD=${CMAKE_CURRENT_BINARY_DIR}")
        # The leak checker's own thread sometimes crashes at the end of a program that has opened the
        # SystemC module; leaks are the unit tests' to find.
        if(VIRTSIM_SANITIZE)
            list(APPEND env "ASAN_OPTIONS=detect_leaks=0:abort_on_error=0")
        endif()
        if(NOT DEFINED ENV{VIRTSIM_SHARED})
            list(APPEND env "VIRTSIM_SHARED=${SRC}/../shared")
        endif()
        # Which of the program's tests the sanitizers see as well: chosen by the code that each adds to the digests' runs,
        # which they see too, for its processor time (blocks of code that a build with -fsanitize-coverage=trace-pc
        # enters; the cheapest set that leaves out few of them), and the files that are damaged.
        set(sanitized refusals vendor containers compare upgrade borrows show arm_instructions vms requests damage)
        # Those that take longest begin first, so that no core waits for one of them at the end.
        set(long plot docs figures knob_bounds sweep_stops recording instructions explain arm_addresses tables
            shared_processors curve digests signals same_answers database where record_trace lua_repeats notebook lab
            programs tcg pcie_bench program_addresses staircase printed_time_adds_up where_things_are sweep)
        file(GLOB_RECURSE files CONFIGURE_DEPENDS tests/*.sh)
        list(FILTER files EXCLUDE REGEX "/tests/(.*/)?(support|lib)/|/tests/(.*/)?lib[^/]*\\.sh$")
        foreach(f IN LISTS files)
            file(RELATIVE_PATH rel ${SRC} ${f})
            string(REGEX REPLACE "\\.sh$" "" label ${rel})
            string(REPLACE "/" "." label ${label})
            set(kind cli)
            string(REGEX REPLACE "^.*\\.test_" "" name ${label})
            if(label MATCHES notebook)
                set(kind notebook)
            elseif(name IN_LIST sanitized)
                list(APPEND kind sanitized)
            endif()
            add_test(NAME ${label} COMMAND ${SRC}/tests/support/seconds ${label} bash ${f})
            if(name IN_LIST long)
                set_tests_properties(${label} PROPERTIES COST 100)
            endif()
            set_tests_properties(${label} PROPERTIES ENVIRONMENT "${env}" TIMEOUT 600
                SKIP_RETURN_CODE 77 LABELS "${kind}"
                WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
        endforeach()
    endif()
endif()

if(TARGET vs_sim)
    file(GLOB files CONFIGURE_DEPENDS bench/*.c)
    foreach(f IN LISTS files)
        get_filename_component(name ${f} NAME_WE)
        add_executable(bench_${name} ${f})
        target_include_directories(bench_${name} PRIVATE ${SRC}/model ${SRC}/sim ${SRC})
        target_compile_definitions(bench_${name} PRIVATE VS_SOURCE_DIR="${SRC}")
        target_link_libraries(bench_${name} PRIVATE vs_sim vs_flags)
        target_link_options(bench_${name} PRIVATE ${VS_WHOLE_LINK})
        if(TARGET vs_testing)
            target_link_libraries(bench_${name} PRIVATE vs_testing)
        endif()
        set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
    endforeach()
endif()

if(VIRTSIM_FUZZ AND TARGET vs_core)
    file(GLOB files CONFIGURE_DEPENDS fuzz/fuzz_*.c)
    foreach(f IN LISTS files)
        get_filename_component(name ${f} NAME_WE)
        # fuzz_trace_lackey.c needs sim/trace only, fuzz_lua.c sim/lua, ...
        string(REGEX REPLACE "^fuzz_([a-z0-9]+).*" "vs_\\1" room ${name})
        if(NOT TARGET ${room})
            set(room ${VS_ALL})
        endif()
        add_executable(${name} ${f})
        target_include_directories(${name} PRIVATE ${SRC}/model ${SRC}/sim ${SRC})
        target_link_libraries(${name} PRIVATE ${room} vs_core vs_flags)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz)
    endforeach()
endif()
