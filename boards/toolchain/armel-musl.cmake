# Static armel programs: cmake -DCMAKE_TOOLCHAIN_FILE=boards/toolchain/armel-musl.cmake -DLIMPET_STATIC=ON
#   -DLIMPET_CONTROLLER=OFF -DLIMPET_TESTS=OFF (tools/cross armel does it).
set(LIMPET_ARCH armel)
set(LIMPET_TRIPLET arm-linux-gnueabi)
set(CMAKE_SYSTEM_PROCESSOR armv6l)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
