# What a container sees. Sourced by run.sh.

pod ns <<X
hostname inside
container a
$(common ns.log 'echo pid \$\$; hostname; id -u; pwd; echo home \$HOME; cat /etc/which; cat /proc/self/status; mount; ls /proc | grep -c "^[0-9]"; ip a; probe fds; touch /written; echo done')
cwd /made/for/it
X
sed -i 's/\\\$/$/g' "$T/pods/ns"
run ns
out=$(output ns.log)
has "the program is PID 1" "$out" '^pid 1$'
has "host name" "$out" '^inside$'
has "working directory is made" "$out" '^/made/for/it$'
has "HOME comes from passwd" "$out" '^home /root$'
has "upper layers win" "$out" '^upper$'
has "default capabilities" "$out" '^CapEff:.00000000a80425fb$'
has "bounding set" "$out" '^CapBnd:.00000000a80425fb$'
has "no inheritable capabilities" "$out" '^CapInh:.0000000000000000$'
has "no ambient capabilities" "$out" '^CapAmb:.0000000000000000$'
has "no signal is ignored, whatever the agent's parent ignored" "$out" '^SigIgn:.0000000000000000$'
has "no signal is blocked" "$out" '^SigBlk:.0000000000000000$'
has "seccomp filter" "$out" '^Seccomp:.2$'
has "loopback is up" "$out" 'lo: <LOOPBACK,UP'
hasnt "no other interface" "$out" '^2: '
has "no descriptor leaks in" "$out" '^leaked 0$'
has "the root is writable" "$out" '^done$'
has "/proc is its own" "$out" '^proc on /proc type proc .*nosuid,nodev,noexec'
has "/sys is read-only" "$out" '^sysfs on /sys type sysfs \(ro'
has "/proc/sys is read-only" "$out" ' on /proc/sys type proc \(ro'
hasnt "the host's paths do not show" "$out" "$T"
is "exit is seen" "$(newest ns | grep -Eo 'last=[^ ]*')" "last=0/0/Completed"
is "the layer is untouched" "$(ls "$T/layer/written" 2>&1 | grep -c 'o such')" "1"
gone ns
has "gone in order" "$(new_output)" '^gone ns expected'
is "nothing of it is left" "$(groups_left)$(ls "$T/run")$(ls "$T/state/ns" | grep -v exits)" ""

pod masks <<X
container a
$(common masks.log 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do test -e $f && echo masked $f $(stat -c %t:%T $f) $(cat $f 2>&1 | head -c 20 | wc -c); done; ls -A /sys/firmware | head -n 1; echo 1 2>&1 >/proc/sysrq-trigger; echo x >/proc/sys/kernel/hostname; for d in null zero full random urandom tty; do stat -c "%n %t:%T %a" /dev/$d; done; readlink /dev/fd; readlink /dev/ptmx; ls /dev; probe device /dev; probe device /tmp; probe device /dev/shm; probe device /vol; probe mount; ls /sys/fs/cgroup; echo 1 >/sys/fs/cgroup/pids/pids.max; echo 1 >/sys/fs/cgroup/pids.max; echo 1 >/sys/fs/cgroup/memory/release_agent; mkdir /sys/fs/cgroup/pids/more /sys/fs/cgroup/more; cat /proc/self/cgroup; cat /ro/file; touch /ro/new; cat /sub; echo into >/vol/out')
bind $T/vol /vol
bind $T/vol /ro ro
bind $T/vol /sub sub=dir/inner
tmpfs /scratch size=1m
X
mkdir -p "$T/vol/dir"; echo volume >"$T/vol/file"; echo subpath >"$T/vol/dir/inner"
run masks
out=$(output masks.log)
hasnt "masked files are an empty /dev/null" "$(echo "$out" | grep '^masked' | grep -v ' 1:3 0$')" .
has "something was masked" "$out" '^masked /proc/'
for node in 'null 1:3 666' 'zero 1:5 666' 'full 1:7 666' 'random 1:8 666' 'urandom 1:9 666' 'tty 5:0 666'; do
    has "/dev/${node%% *}" "$out" "^/dev/$node\$"
done
has "/dev/fd" "$out" '^/proc/self/fd$'
has "/proc/sys cannot be written" "$out" '/proc/sys/kernel/hostname: Read-only'
hasnt "no device of its own making opens" "$out" 'OPENED'
has "devices are refused by the mount" "$out" '^device /tmp Permission denied'
has "mount is refused" "$out" '^mount Operation not permitted'
has "control groups cannot be written" "$out" '/sys/fs/cgroup/.*: Read-only'
has "nor new ones be made" "$out" "mkdir: can't create directory '/sys/fs/cgroup/.*more': Read-only"
has "the cgroup namespace hides the path" "$out" '^(0:|[0-9]+:pids):/$'
hasnt "no host cgroup path" "$out" "$GROUP"
has "volume, read-only" "$out" '^volume$'
has "a read-only volume is" "$out" '/ro/new: Read-only'
has "sub path" "$out" '^subpath$'
is "volume, written" "$(cat "$T/vol/out")" "into"
gone masks

pod users <<X
container byname
$(common u1.log 'id')
user app
container bynumber
$(common u2.log 'id; grep Cap /proc/self/status')
user 1234:50
container extra
$(common u3.log 'id; cat /proc/self/status; umask')
user app:staff
flag no-new-privs
container unknown
$(common u4.log 'id')
user nobody-here
container overflow
$(common u5.log 'id')
user 4294967296
container rooted
$(common u6.log 'id')
flag non-root
backoff 60000 60000 0
X
go users; await 'extra terminated'; await 'rooted waiting restarts=1'
out=$(newest users)
has "user by name, groups of /etc/group" "$(output u1.log)" '^uid=1000\(app\) gid=1000\(app\) groups=.*50\(staff\)'
has "user by number" "$(output u2.log)" '^uid=1234 gid=50\(staff\)'
has "no capability without root" "$(output u2.log)" '^CapEff:.0000000000000000$'
has "user and group by name" "$(output u3.log)" '^uid=1000\(app\) gid=50\(staff\)'
has "no_new_privs" "$(output u3.log)" '^NoNewPrivs:.1$'
has "seccomp with no_new_privs" "$(output u3.log)" '^Seccomp:.2$'
has "umask" "$(output u3.log)" '^0022$'
has "an unknown user says so" "$out" 'unknown waiting .*CreateContainerConfigError.*user nobody-here is not in'
has "an id beyond 31 bits is refused" "$out" 'overflow waiting .*the id is beyond'
has "runAsNonRoot refuses root" "$out" 'rooted waiting .*runAsNonRoot'
gone users

# Programs that open /dev/stdout (nginx, httpd) under a user of their own.
pod stdio <<X
container pipes
$(common sp.log '(: </dev/stdin) && echo in; echo out >/dev/stdout; echo err >/dev/stderr; cat </dev/null >/dev/null && echo null; stat -Lc "%u %g" /dev/stdout; stat -c "null %u %a" /dev/null')
user 1234:50
flag stdin
container closed
$(common sc.log '(: </dev/stdin) && echo in')
user 1234
container terminal
$(common st.log 'echo out >/dev/stdout; echo err >/dev/stderr; echo con >/dev/console; (: </dev/stdin) && echo in')
user 1234
flag tty
container rooted
$(common sr.log 'echo out >/dev/stdout; stat -Lc "%u %g" /dev/stdout')
X
run stdio
out=$(output sp.log | LC_ALL=C sort | tr '\n' ' ') # two pipes are read in any order
is "a user opens the pipes of its stdio" "$out" "1234 0 err in null null 0 666 out "
is "and a stdin that nobody opened" "$(output sc.log)" "in"
is "and a terminal" "$(output st.log | tr -s '\r\n' ' ')" "out err con in " # in however many pieces it came
is "root's stdio stays root's" "$(output sr.log | tr '\n' ' ')" "out 0 0 "
gone stdio
is "the host's /dev/null stays root's" "$(stat -c '%u %a' /dev/null)" "0 666"

pod limits <<X
container cpu
$(common l1.log 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/memory.max')
limit cpu-quota 50000
limit cpu-shares 512
limit memory 67108864
container many
$(common l2.log 'probe forks 100')
limit pids 20
X
run limits
out=$(output l1.log)
has "CPU quota" "$out" '^50000( 100000)?$'
has "CPU shares or weight" "$out" '^(512|20)$'
has "memory limit" "$out" '^67108864$'
has "pids limit" "$(output l2.log)" '^forks 1[0-9]$'
gone limits

pod oom <<X
container a
$(common oom.log 'probe eat 200; echo survived')
limit memory 33554432
X
sed -i 's/probe eat 200; echo survived/exec probe eat 200/' "$T/pods/oom"
run oom
has "OOMKilled" "$(newest oom)" 'last=137/9/OOMKilled'
gone oom

# Files: the limits are the same whatever the driver's are (run.sh), and memory bounds how many there are in all.
pod files <<X
container few
$(common f1.log 'ulimit -n; ulimit -Hn; probe files 100000')
limit memory 16777216
container enough
$(common f2.log 'probe files 100000')
limit memory 268435456
X
run files
is "open files of a process" "$(output f1.log | head -n 2 | tr '\n' ' ')" "$FILES "
hasnt "open files take the pod's memory" "$(output f1.log)" '^files 100000$'
has "and are had where there is enough" "$(output f2.log)" '^files 100000$'
gone files

pod failures <<X
container nofile
layer $T/layer
arg /no/such/program
container nopath
layer $T/layer
arg no-such-program
container noexec
layer $T/layer
arg /etc/passwd
container nointerp
layer $T/layer
arg /bin/script
container nolayer
layer $T/no-such-layer
arg /bin/true
container nosource
layer $T/layer
arg /bin/true
bind $T/no-such-volume /v
container overproc
layer $T/layer
arg /bin/true
bind $T/vol /proc/sys
container exit7
layer $T/layer
arg /bin/sh
arg -c
arg exit 7
X
run failures
out=$(newest failures | tr '|' '\n')
has "no such program" "$out" 'nofile terminated .*last=127/0/ContainerCannotRun .*exec: "/no/such/program": No such file'
has "not in PATH" "$out" 'nopath terminated .*last=127/.*executable file not found in \$PATH'
has "not executable" "$out" 'noexec terminated .*last=126/.*Permission denied'
has "no interpreter" "$out" 'nointerp terminated .*interpreter'
has "no such layer" "$out" 'nolayer terminated .*last=128/0/StartError .*layer 1/1: cannot open'
has "no such volume" "$out" 'nosource terminated .*last=128/0/StartError .*cannot open .*no-such-volume'
has "no volume over /proc" "$out" 'overproc terminated .*StartError .*cannot be mounted over'
has "exit code" "$out" 'exit7 terminated .*last=7/0/Error'
gone failures

# Images that try to lead mounts astray.
for evil in proc dev sys; do
    mkdir -p "$T/evil-$evil/bin" "$T/outside"
    cp "$T/layer/bin/busybox" "$T/evil-$evil/bin/true"
    ln -s "$T/outside" "$T/evil-$evil/$evil"
    pod "evil$evil" <<X
container a
layer $T/evil-$evil
arg /bin/true
X
    run "evil$evil"
    has "an image whose /$evil is a link is refused" "$(newest "evil$evil")" "StartError .*/$evil is not a directory"
    gone "evil$evil"
done
mkdir -p "$T/evil-target/bin" "$T/evil-target/etc"
cp "$T/layer/bin/busybox" "$T/evil-target/bin/busybox"
ln -s busybox "$T/evil-target/bin/sh"
ln -s busybox "$T/evil-target/bin/cat"
ln -s "$T/outside" "$T/evil-target/data"
ln -s /../../../../../../.. "$T/evil-target/up"
pod eviltarget <<X
container a
layer $T/evil-target
arg /bin/sh
arg -c
arg cat /data/file
bind $T/vol /data
log $T/log/eviltarget.log 0 0
cwd /up$T/outside
X
run eviltarget
is "a mount target's link stays inside" "$(output eviltarget.log)" "volume"
is "nothing was made outside" "$(ls -A "$T/outside")" ""
gone eviltarget

# Working folders by descriptors that a starting container may have (CVE-2024-21626): they lead nowhere outside.
mkdir -p "$T/layer/top-of-the-image"
# A path that such a link shows may be made in the container, as deep as it is on the node.
up=/proc/self/cwd/../../../../../../../../../../../../../../../../../../../..
{
    for fd in 3 4 5 6 7 8 9 10 11 12; do
        printf 'container fd%s\n%s\ncwd /proc/self/fd/%s\n' "$fd" "$(common "fd$fd.log" "ls -d $up/top-of-the-image && ls -d ./run ../run ../../run; echo end")" "$fd"
    done
} | pod evilcwd
run evilcwd
out=$(for fd in 3 4 5 6 7 8 9 10 11 12; do output "fd$fd.log"; done)
has "with a descriptor as a working folder a container may run" "$out" '^end$'
is "but none leads out" "$(printf '%s\n' "$out" | grep -v -e '^end$' -e '^/proc/self/cwd/[./]*/top-of-the-image$' -e '^ls: [./]*run: ')" ""
gone evilcwd
rmdir "$T/layer/top-of-the-image"

# A volume in the place of /dev, with links where masks and the terminal are looked for (CVE-2025-31133, -52565).
mkdir -p "$T/evil-devices"
ln -s "$T/outside/null" "$T/evil-devices/null"
ln -s ../proc/sysrq-trigger "$T/evil-devices/console"
echo own >"$T/vol/null"
pod evilnull <<X
container dev
$(common en1.log 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do test -e $f && echo masked $(stat -c %t:%T $f) $(cat $f 2>&1 | wc -c); done; echo end')
bind $T/evil-devices /dev
container null
$(common en2.log 'cat /dev/null; for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do test -e $f && echo masked $(stat -c %t:%T $f) $(cat $f 2>&1 | wc -c); done; echo end')
bind $T/vol/null /dev/null
container terminal
$(common en3.log 'echo >/dev/console; echo end')
bind $T/evil-devices /dev
flag tty
X
run evilnull
out=$(output en1.log; output en2.log)
has "a volume at /dev/null" "$out" '^own$'
has "what is masked is masked" "$out" '^masked 1:3 0$'
hasnt "by the node's own null device, whatever lies over it" "$(echo "$out" | grep '^masked' | grep -v '^masked 1:3 0$')" .
is "no terminal was put where a link led" "$(grep -c 'sysrq-trigger.*devpts' /proc/self/mountinfo)$(ls -A "$T/outside")" 0
gone evilnull

# Files that the node puts into /etc, into images that have none, or links in their place.
mkdir -p "$T/etc-links/bin" "$T/etc-links/etc" "$T/no-etc/bin" "$T/etc-loop/bin" "$T/etc-loop/etc"
for image in etc-links no-etc etc-loop; do
    cp "$T/layer/bin/busybox" "$T/$image/bin/busybox"
    for applet in sh cat ls readlink; do ln -s busybox "$T/$image/bin/$applet"; done
done
ln -s ../run/systemd/resolve/stub-resolv.conf "$T/etc-links/etc/resolv.conf"
ln -s "$T/outside/hosts" "$T/etc-links/etc/hosts"
ln -s ../../../../../../../../..$T/outside/name "$T/etc-links/etc/hostname"
ln -s hosts "$T/etc-loop/etc/hosts"
echo from the node >"$T/vol/etc-file"
for image in etc-links no-etc; do
    pod "$image" <<X
container a
layer $T/$image
arg /bin/sh
arg -c
arg for f in hosts hostname resolv.conf; do cat /etc/\$f; echo x 2>&1 >>/etc/\$f; done; readlink /etc/resolv.conf; ls /run/systemd/resolve
bind $T/vol/etc-file /etc/hosts ro
bind $T/vol/etc-file /etc/hostname ro
bind $T/vol/etc-file /etc/resolv.conf ro
log $T/log/$image.log 0 0
X
    run "$image"
    out=$(output "$image.log")
    is "$image: files of the node are in /etc" "$(printf '%s\n' "$out" | grep -c '^from the node$')" 3
    is "$image: and cannot be written" "$(printf '%s\n' "$out" | grep -c 'Read-only file system')" 3
    gone "$image"
done
has "a link of the image stays one" "$(output etc-links.log)" '^\.\./run/systemd/resolve/stub-resolv\.conf$'
has "the file is made where it leads, inside" "$(output etc-links.log)" '^stub-resolv\.conf$'
is "no link led a mount outside" "$(ls -A "$T/outside")$(grep -F "$T/outside" /proc/self/mountinfo)" ""
is "the file of the node is as it was" "$(cat "$T/vol/etc-file")" "from the node"
pod etcloop <<X
container a
layer $T/etc-loop
arg /bin/true
bind $T/vol/etc-file /etc/hosts ro
X
run etcloop
has "a link to itself is refused, and says so" "$(newest etcloop)" 'StartError .*cannot make the mount point /etc/hosts: (Too many levels|Symbolic link loop)'
gone etcloop

pod priv <<X
container a
$(common priv.log 'probe mount; probe device /tmp; ls /dev | head -n 40; cat /proc/self/status')
flag privileged
X
run priv
out=$(output priv.log)
has "privileged: mounts" "$out" '^mount MOUNTED'
has "privileged: no filter" "$out" '^Seccomp:.0$'
gone priv

pod readonly <<X
container a
$(common ro.log 'touch /new; touch /scratch/new && echo scratch; touch /dev/shm/new && echo shm')
flag read-only
tmpfs /scratch mode=1777
X
run readonly
out=$(output ro.log)
has "read-only root" "$out" '/new: Read-only file system'
has "tmpfs in it" "$out" '^scratch$'
has "/dev/shm in it" "$out" '^shm$'
gone readonly

pod terminal <<X
container a
$(common tty.log 'test -t 0 && echo stdin is a terminal; test -t 1 && echo stdout is a terminal; stat -c "console %t" /dev/console; ls /dev/pts')
flag tty
X
run terminal
out=$(output tty.log)
has "terminal: stdin" "$out" 'stdin is a terminal'
has "terminal: stdout" "$out" 'stdout is a terminal'
has "terminal: /dev/console is a pts" "$out" 'console 88'
gone terminal
