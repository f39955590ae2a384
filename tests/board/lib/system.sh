#!/bin/sh
# In a guest (tools/guest --root, lib/system-root): runs the system test TEST as it is, in its short form. An emulated
# processor takes longer: whatever the test waits for may take PATIENCE times as long as it allows.
export LIMPET_BUILD=/srv/limpet/bin LIMPET_SRC=/srv/limpet PATIENCE="${PATIENCE:-4}" NO_COLOR=1
export TEST_TMP="/srv/tmp/$TEST"
mkdir -p "$TEST_TMP"
cp /srv/busybox.tar "$TEST_TMP/"
cd "$TEST_TMP" || exit
echo "# began at $(cut -d' ' -f1 /proc/uptime) s"
bash "$LIMPET_SRC/tests/system/$TEST/run.sh"
code=$?
echo "# over at $(cut -d' ' -f1 /proc/uptime) s"
exit $code
