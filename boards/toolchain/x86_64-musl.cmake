# Static x86_64 programs: cmake -DCMAKE_TOOLCHAIN_FILE=boards/toolchain/x86_64-musl.cmake -DLIMPET_STATIC=ON
#   -DLIMPET_CONTROLLER=OFF -DLIMPET_TESTS=OFF (tools/cross x86_64 does it).
set(LIMPET_ARCH x86_64)
set(LIMPET_TRIPLET x86_64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
