# One static library per folder. A folder's headers are reached as "<path from the root>/x.h" and only
# by targets that list the folder in DEPS: each folder has a directory of its own on the include path,
# holding one symbolic link to it, so that an include that is not listed fails to build.

# limpet_library(NAME DEPS <libraries of ours> EXTERNAL <third-party targets> [SOURCES ...])
# NAME is the folder's path from the root with '_' for '/', e.g. common_bus. Without SOURCES every .c
# file of the folder except main.c belongs to it. common_base is always a dependency.
function(limpet_library name)
    file(RELATIVE_PATH rel ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    string(REPLACE "/" "_" expected "${rel}")
    if(NOT name STREQUAL expected)
        message(FATAL_ERROR "${rel}: the library must be called ${expected}, not ${name}")
    endif()
    limpet_folder(${name} ${ARGN})
endfunction()

# limpet_test_library(NAME ...): the same for a folder below tests/, under a name of its choice. Only tests
# may list it in DEPS.
function(limpet_test_library name)
    file(RELATIVE_PATH rel ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    if(NOT rel MATCHES "^tests/")
        message(FATAL_ERROR "${rel}: a test library stands below tests/")
    endif()
    limpet_folder(${name} ${ARGN})
endfunction()

# What both have in common: the static library of the current folder.
function(limpet_folder name)
    cmake_parse_arguments(arg "" "" "DEPS;EXTERNAL;SOURCES" ${ARGN})
    file(RELATIVE_PATH rel ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    if(NOT arg_SOURCES)
        file(GLOB arg_SOURCES CONFIGURE_DEPENDS *.c)
        list(FILTER arg_SOURCES EXCLUDE REGEX "/main\\.c$")
    endif()
    get_filename_component(parent ${rel} DIRECTORY)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/include/${name}/${parent})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include/${name}/${rel} SYMBOLIC)
    if(NOT arg_SOURCES) # a folder of headers only
        file(WRITE ${PROJECT_BINARY_DIR}/empty/${name}.c "typedef int ${name}_empty;\n")
        set(arg_SOURCES ${PROJECT_BINARY_DIR}/empty/${name}.c)
    endif()
    add_library(${name} STATIC ${arg_SOURCES})
    limpet_weaken(${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_BINARY_DIR}/include/${name})
    if(NOT name STREQUAL "common_base")
        list(PREPEND arg_DEPS common_base)
    endif()
    # PRIVATE: linking follows, include paths do not.
    target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_EXTERNAL})
endfunction()

# limpet_program(NAME SOURCES <files> DEPS <libraries> [EXTERNAL <targets>] [DIR <install dir>]):
# built as <build folder>/bin/NAME.
function(limpet_program name)
    cmake_parse_arguments(arg "" "DIR" "SOURCES;DEPS;EXTERNAL" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    limpet_weaken(${arg_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    target_link_libraries(${name} PRIVATE common_base ${arg_DEPS} ${arg_EXTERNAL})
    if(NOT arg_DIR)
        set(arg_DIR ${CMAKE_INSTALL_BINDIR})
    endif()
    install(TARGETS ${name} DESTINATION ${arg_DIR})
endfunction()

# The files that a compiler needs to build against musl instead of its own C library, where it can (gcc and Debian's
# musl-tools). A cross build is against musl as it is; sanitizers want their own C library.
find_file(LIMPET_MUSL_SPECS musl-gcc.specs PATHS /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl NO_DEFAULT_PATH)
if(LIMPET_MUSL_SPECS AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT LIMPET_STATIC AND NOT LIMPET_SANITIZE)
    # The kernel's headers stand beside those of the C library.
    set(limpet_musl -specs=${LIMPET_MUSL_SPECS} "SHELL:-idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}"
                    "SHELL:-idirafter /usr/include")
else()
    set(limpet_musl "")
endif()

# limpet_small_program(NAME SOURCES <files> ARCHIVES <libraries of ours> DIR <install dir>): static, and against
# musl if that can be had: a start costs a tenth of glibc's, and half the memory. ARCHIVES are all that it is linked
# with; for musl they are compiled once more.
function(limpet_small_program name)
    cmake_parse_arguments(arg "" "DIR" "SOURCES;ARCHIVES" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    limpet_weaken(${arg_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    foreach(archive IN LISTS arg_ARCHIVES)
        set(linked ${archive})
        if(limpet_musl)
            set(linked ${archive}_musl)
            limpet_musl_twin(${archive})
        endif()
        target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:${archive},INTERFACE_INCLUDE_DIRECTORIES>)
        target_link_libraries(${name} PRIVATE $<TARGET_FILE:${linked}>)
        add_dependencies(${name} ${linked})
        set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:${linked}>)
    endforeach()
    target_compile_options(${name} PRIVATE ${limpet_musl})
    target_link_options(${name} PRIVATE ${limpet_musl})
    if(NOT LIMPET_SANITIZE)
        target_link_options(${name} PRIVATE -static)
    endif()
    install(TARGETS ${name} DESTINATION ${arg_DIR})
endfunction()

# The same library against musl.
function(limpet_musl_twin name)
    if(TARGET ${name}_musl)
        return()
    endif()
    get_target_property(sources ${name} SOURCES)
    get_target_property(folder ${name} SOURCE_DIR)
    list(TRANSFORM sources PREPEND ${folder}/ REGEX "^[^/]")
    add_library(${name}_musl STATIC EXCLUDE_FROM_ALL ${sources})
    limpet_weaken(${sources})
    target_include_directories(${name}_musl PRIVATE $<TARGET_PROPERTY:${name},INCLUDE_DIRECTORIES>)
    target_compile_options(${name}_musl PRIVATE ${limpet_musl})
endfunction()

# limpet_external(NAME LIBS <names> HEADER <header>): an interface target `ext::NAME` for a third-party
# library, found by name so that board builds can point CMAKE_PREFIX_PATH at static archives. An archive does
# not say what it needs itself; for those that need others, a line here does.
set(limpet_static_curl mbedtls mbedx509 mbedcrypto z)
set(limpet_static_archive z zstd)
function(limpet_external name)
    cmake_parse_arguments(arg "" "HEADER" "LIBS" ${ARGN})
    if(TARGET ext::${name})
        return()
    endif()
    add_library(ext::${name} INTERFACE IMPORTED GLOBAL)
    find_path(EXT_${name}_INCLUDE ${arg_HEADER} REQUIRED)
    target_include_directories(ext::${name} SYSTEM INTERFACE ${EXT_${name}_INCLUDE})
    if(LIMPET_STATIC)
        list(APPEND arg_LIBS ${limpet_static_${name}})
    endif()
    foreach(lib IN LISTS arg_LIBS)
        find_library(EXT_${name}_${lib} ${lib} REQUIRED)
        target_link_libraries(ext::${name} INTERFACE ${EXT_${name}_${lib}})
    endforeach()
endfunction()

# limpet_test(NAME SOURCES <files> DEPS <libraries> [EXTERNAL <targets>] [LABEL unit|sim|fuzz|system]
#             [TIMEOUT <seconds>]):
# a cmocka program, registered with ctest under its label; exit code 77 skips it whole. tools/test --long sets
# LIMPET_LONG=1 in its environment and multiplies its timeout. Those labelled system run as root on the
# release build, one at a time.
function(limpet_test name)
    cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;DEPS;EXTERNAL" ${ARGN})
    if(NOT arg_LABEL)
        set(arg_LABEL unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE common_base ${arg_DEPS} ${arg_EXTERNAL} ext::cmocka)
    limpet_weaken(${arg_SOURCES})
    add_test(NAME ${name} COMMAND ${name})
    math(EXPR timeout "${arg_TIMEOUT} * ${LIMPET_TEST_TIMES}")
    set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${timeout} SKIP_RETURN_CODE 77)
endfunction()

# limpet_weaken(SOURCES...): those that use a name of LIMPET_WEAKEN get its definition, so that only they are
# compiled again when tools/test --bite goes from one weakening to the next.
function(limpet_weaken)
    foreach(name IN LISTS LIMPET_WEAKEN)
        foreach(source IN LISTS ARGN)
            get_filename_component(source ${source} ABSOLUTE)
            file(STRINGS ${source} uses REGEX "WEAKENED\\(${name}\\)")
            if(uses)
                set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS LIMPET_WEAKEN_${name})
                set_property(GLOBAL APPEND PROPERTY limpet_weakened ${name})
            endif()
        endforeach()
    endforeach()
endfunction()

# A name that weakens nothing would make its test look toothless.
function(limpet_weaken_check)
    get_property(weakened GLOBAL PROPERTY limpet_weakened)
    foreach(name IN LISTS LIMPET_WEAKEN)
        if(NOT name IN_LIST weakened)
            message(FATAL_ERROR "LIMPET_WEAKEN: no .c file of this build has WEAKENED(${name})")
        endif()
    endforeach()
endfunction()
cmake_language(DEFER DIRECTORY ${PROJECT_SOURCE_DIR} CALL limpet_weaken_check)
