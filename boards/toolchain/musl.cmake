# Included by <arch>-musl.cmake with LIMPET_ARCH set: compiles against what `tools/deps <arch>` built.
get_filename_component(limpet_top ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
if(NOT LIMPET_DEPS)
    execute_process(COMMAND ${limpet_top}/tools/deps --path ${LIMPET_ARCH}
                    OUTPUT_VARIABLE LIMPET_DEPS OUTPUT_STRIP_TRAILING_WHITESPACE
                    RESULT_VARIABLE limpet_deps_missing)
    if(limpet_deps_missing)
        message(FATAL_ERROR "the static libraries for ${LIMPET_ARCH} are missing: tools/deps ${LIMPET_ARCH}")
    endif()
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LIMPET_DEPS)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${LIMPET_DEPS}/bin/musl-gcc)
find_program(CMAKE_AR ${LIMPET_TRIPLET}-ar REQUIRED)
find_program(CMAKE_RANLIB ${LIMPET_TRIPLET}-ranlib REQUIRED)
find_program(CMAKE_STRIP ${LIMPET_TRIPLET}-strip REQUIRED)
set(CMAKE_FIND_ROOT_PATH ${LIMPET_DEPS})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
