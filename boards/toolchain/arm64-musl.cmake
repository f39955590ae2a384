# Static arm64 programs: cmake -DCMAKE_TOOLCHAIN_FILE=boards/toolchain/arm64-musl.cmake -DLIMPET_STATIC=ON
#   -DLIMPET_CONTROLLER=OFF -DLIMPET_TESTS=OFF (tools/cross arm64 does it).
set(LIMPET_ARCH arm64)
set(LIMPET_TRIPLET aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
