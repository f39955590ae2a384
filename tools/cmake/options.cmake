# What a build can be told, and the compiler flags that every target gets.

option(LIMPET_AGENT "build the node's programs: limpetd, limpet-keeper, limpet-fetch" ON)
option(LIMPET_CONTROLLER "build the gateway's programs and the CLI" ON)
option(LIMPET_TESTS "build the tests" ON)
option(LIMPET_STATIC "link every program statically (board builds)" OFF)
option(LIMPET_WERROR "treat warnings as errors" ON)
set(LIMPET_SANITIZE "" CACHE STRING "sanitizers for every target, e.g. address,undefined")
set(LIMPET_WEAKEN "" CACHE STRING
    "weakenings to compile in (tests/bite/README.md): names between ';'; never in a build that is installed")
set(LIMPET_BOARD_TESTS "" CACHE STRING "folders of tests whose programs a build for guests has too, between ';'")
set(LIMPET_TEST_TIMES 1 CACHE STRING "what the timeouts of tests are multiplied with")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-Os -DNDEBUG")
include(GNUInstallDirs)

add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wvla -Wmissing-prototypes -Wstrict-prototypes
    -Wno-missing-field-initializers -fno-common -ffunction-sections -fdata-sections
    -fstack-protector-strong -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
# Sizes of files have 64 bits everywhere: where the C library has a choice, it is a system of 32.
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 LIMPET_VERSION="${PROJECT_VERSION}")
add_link_options(-Wl,--gc-sections)
if(LIMPET_STATIC)
    # musl makes nothing read-only after the start of a program that is static and at a fixed place: what is set apart for
    # that, up to a page of 16 KiB more, would protect nothing.
    add_link_options(-Wl,-z,norelro)
else()
    add_link_options(-Wl,-z,relro,-z,now)
endif()
if(LIMPET_WERROR)
    add_compile_options(-Werror)
endif()
if(LIMPET_SANITIZE)
    # What sanitizers insert makes gcc's flow analysis see paths that are not there.
    add_compile_options(-fsanitize=${LIMPET_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all -g
                        $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
                        $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    add_link_options(-fsanitize=${LIMPET_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(LIMPET_STATIC)
    add_compile_options(-fno-unwind-tables -fno-asynchronous-unwind-tables) # nothing unwinds
    # They stand where they are linked to: tables of pointers are constants like any other, and are shared.
    add_compile_options(-fno-pie)
    add_link_options(-static -no-pie)
    set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
