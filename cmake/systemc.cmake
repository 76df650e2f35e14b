# SPDX-License-Identifier: MIT
# SystemC's kernel is a module that sim/kernel/kernel.c opens when a machine asks for it (sim.kernel = systemc); the
# program's run paths find it. It is all the C++ there is.
enable_language(CXX)
find_package(SystemCLanguage CONFIG QUIET)
if(NOT TARGET SystemC::systemc)
    pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
    add_library(SystemC::systemc ALIAS PkgConfig::SYSTEMC)
endif()
add_library(virtsim-systemc MODULE sim/kernel/systemc.cpp sim/kernel/agenda.c)
target_include_directories(virtsim-systemc PRIVATE ${SRC}/sim ${SRC}/model)
target_link_libraries(virtsim-systemc PRIVATE SystemC::systemc vs_flags)
if(VIRTSIM_SANITIZE) # the program is linked as C: it holds no checks of C++ types
    target_compile_options(virtsim-systemc PRIVATE
        $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>
        $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fno-sanitize=function>)
endif()
set_target_properties(virtsim-systemc PROPERTIES PREFIX "" INSTALL_RPATH ""
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/modules)
install(TARGETS virtsim-systemc LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/virtsim)
add_dependencies(vs_sim virtsim-systemc)
