# Static armhf programs: cmake -DCMAKE_TOOLCHAIN_FILE=boards/toolchain/armhf-musl.cmake -DLIMPET_STATIC=ON
#   -DLIMPET_CONTROLLER=OFF -DLIMPET_TESTS=OFF (tools/cross armhf does it).
set(LIMPET_ARCH armhf)
set(LIMPET_TRIPLET arm-linux-gnueabihf)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
