# limpet_fuzz(NAME DEPS <libraries> [EXTERNAL <targets>]): fuzz.c of this folder against its corpus/. Without
# more it is a program that replays the corpus (label fuzz). Fuzzing itself wants clang:
#     CC=clang cmake -B build-fuzz -DLIMPET_FUZZ=ON -DLIMPET_SANITIZE=address,undefined,fuzzer-no-link
#     build-fuzz/tests/fuzz/json/fuzz_json -max_total_time=60 /tmp/found tests/fuzz/json/corpus
include_guard()
option(LIMPET_FUZZ "link the fuzz targets with libFuzzer (clang)" OFF)
set(LIMPET_FUZZ_REPLAY ${CMAKE_CURRENT_LIST_DIR}/replay.c)

function(limpet_fuzz name)
    cmake_parse_arguments(arg "" "" "DEPS;EXTERNAL" ${ARGN})
    add_executable(${name} fuzz.c)
    target_link_libraries(${name} PRIVATE common_base ${arg_DEPS} ${arg_EXTERNAL})
    if(LIMPET_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        set(flags -runs=0)
    else()
        target_sources(${name} PRIVATE ${LIMPET_FUZZ_REPLAY})
    endif()
    add_test(NAME ${name} COMMAND ${name} ${flags} ${CMAKE_CURRENT_SOURCE_DIR}/corpus)
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
