#!/bin/sh
# guest: --arch arm64 --cgroup v2 --memory 192 --add $LIMPET_SRC/tests/system/runtime=/src/tests/system/runtime
# guest-long: --arch arm64 --cgroup v1 --memory 192 --add $LIMPET_SRC/tests/system/runtime=/src/tests/system/runtime
# guest-long: --arch arm64 --cgroup hybrid --memory 192 --add $LIMPET_SRC/tests/system/runtime=/src/tests/system/runtime
# guest-long: --arch x86_64 --cgroup v2 --memory 192 --add $LIMPET_SRC/tests/system/runtime=/src/tests/system/runtime
# timeout: 400
# The containers' system test (tests/system/runtime) on a board: cgroup v2, musl, ARM.
export LIMPET_BUILD=/usr/bin LIMPET_SRC=/src TEST_TMP=/tmp/runtime BUSYBOX=/bin/busybox EMULATED=1
mkdir -p $TEST_TMP
# As an agent does it: the kernel's own bound of open files is a tenth of what little memory there is.
echo 9223372036854775807 >/proc/sys/fs/file-max
exec sh /src/tests/system/runtime/run.sh
