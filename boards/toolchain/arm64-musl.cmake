# Static arm64 programs: cmake -DCMAKE_TOOLCHAIN_FILE=boards/toolchain/arm64-musl.cmake -DLIMPET_STATIC=ON
#   -DLIMPET_CONTROLLER=OFF -DLIMPET_TESTS=OFF (tools/cross arm64 does it).
set(LIMPET_ARCH arm64)
set(LIMPET_TRIPLET aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
# Pages of 4 and of 16 KiB (Raspberry Pi 5), which is what boards have. For 64 KiB, the linker's default, what is read-only
# after the start is aligned by zeros of that many bytes.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-z,max-page-size=16384")
