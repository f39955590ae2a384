#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 300
# Volumes as containers see them: files of ConfigMaps, Secrets and of the pod itself, which follow while the pod runs and
# change all at once; emptyDir and hostPath; subPath, propagation, read-only below.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# log_of POD: its log, when its script has come to its end.
log_of() {
    within 20 "pod $1 runs" matches '^end$' lp logs "$1" >&2
    lp logs "$1"
}
# config_map NAME JSON: with that data.
config_map() {
    jq -n --arg name "$1" --argjson data "$2" '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: $name}, data: $data}' |
        apply >/dev/null
}
# refused POD WHAT PATTERN: it does not run, and that is why.
refused() { within 15 "$2" matches "$3" lp why "pod/$1"; }

# What is seen of one volume, in a line; told whenever it differs from what was told last. Both files are read by the one
# folder that ..data leads to, so that a mixture is one of the writer's.
watching='last=x; while :; do
    set=$(cd -P /v/..data && cat a && echo && cat b) 2>/dev/null || continue # it went meanwhile
    now=$(echo $set $(cat /v/new 2>/dev/null) $(ls /v | tr "\n" ,))
    if [ "$now" != "$last" ]; then echo "saw: $now"; last=$now; fi; sleep 0.02; done'
saw() { lp logs follow main | sed -n 's/^saw: //p' | tail -n 1; }

follows() {
    local before i
    config_map app '{"a": "1", "b": "1"}'
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: old}\n' | apply >/dev/null
    pod follow "$watching" | jq '.metadata.labels = {tier: "x"}
        | .spec.volumes = [{name: "v", configMap: {name: "app"}}, {name: "p", projected: {defaultMode: 292, sources: [
            {secret: {name: "key"}}, {downwardAPI: {items: [{path: "pod/labels", fieldRef: {fieldPath: "metadata.labels"}}]}}]}}]
        | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]
        | .spec.containers += [.spec.containers[0] * {name: "other", volumeMounts: [{name: "p", mountPath: "/p"},
            {name: "v", mountPath: "/only", subPath: "a"}],
            env: [{name: "A", valueFrom: {configMapKeyRef: {name: "app", key: "a"}}}],
            command: ["sh", "-c", "while :; do echo \"now: $A $(cat /only /p/token /p/pod/labels | tr \"\\n\" \" \")\"; sleep 0.2; done"]}]' |
        apply >/dev/null
    within 20 "a pod with its files runs" running follow
    within 10 "it sees its ConfigMap" equals '1 1 a,b,' saw
    within 10 "a projected volume: a Secret and its labels" matches '^now: 1 1 *old *tier="x"' lp logs follow other
    before=$(fingerprint a follow)
    config_map app '{"a": "2", "b": "2", "new": "n"}'
    within 15 "a ConfigMap that changes is seen by the pod that runs" equals '2 2 n a,b,new,' saw
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: fresh}\n' | apply >/dev/null
    within 15 "so is a Secret; neither environment nor subPath follow" matches '^now: 1 1 *fresh *tier="x"' lp logs follow other
    lp get pod follow -o json | jq '.metadata.labels.tier = "y" | del(.status, .metadata.resourceVersion)' | apply >/dev/null
    within 15 "so are the pod's labels" matches '^now: 1 1 *fresh *tier="y"' lp logs follow other
    for ((i = 3; i <= 12; i++)); do config_map app "{\"a\": \"$i\", \"b\": \"$i\"}"; done
    within 15 "what comes last is seen, what is gone is gone" equals '12 12 a,b,' saw
    is "never a part of the old with a part of the new" \
        "$(lp logs follow main | sed -n 's/^saw: //p' | awk '$1 != $2' | head -n 3)" ""
    node_kill a
    config_map app '{"a": "20", "b": "20"}'
    node_start a
    within 20 "what changed while the agent was dead is seen when it is back" equals '20 20 a,b,' saw
    lp delete configmap app >/dev/null
    within 15 "a ConfigMap that is deleted takes nothing away, and that is told" \
        matches 'MountVolume.SetUp failed for volume "v" : configmap "app" not found' lp describe pod follow
    is "its files stay" "$(saw)" '20 20 a,b,'
    is "nothing was started anew" "$(fingerprint a follow)" "$before"
    lp delete pod/follow secret/key >/dev/null
}

files() {
    local log
    config_map app '{"a.conf": "one"}'
    pod files 'ls -la /v /p; cat /v/x/y; echo; stat -Lc "%a %n" /v/x/y /p/name; cat /p/name /p/cpu /p/ann; echo
            for f in /v/z /p/name; do { echo x >$f; } 2>&1; done; echo end; exec sleep 1000' |
        jq '.metadata.annotations = {note: "a \"b\""} | .spec.containers[0].resources = {requests: {cpu: "100m"}, limits: {cpu: "1500m"}}
            | .spec.volumes = [{name: "v", configMap: {name: "app", items: [{key: "a.conf", path: "x/y", mode: 256}]}},
                {name: "p", downwardAPI: {items: [{path: "name", fieldRef: {fieldPath: "metadata.name"}},
                {path: "cpu", resourceFieldRef: {containerName: "main", resource: "limits.cpu", divisor: "1m"}},
                {path: "ann", fieldRef: {fieldPath: "metadata.annotations"}}]}}]
            | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}, {name: "p", mountPath: "/p"}]' | apply >/dev/null
    log=$(log_of files)
    has "laid out as Kubernetes does" "$log" ' \.\.data -> \.\.20[0-9][0-9]_[0-9_]*\.[0-9]+$'
    has "a link for each name" "$log" ' x -> \.\.data/x$'
    has "items, with a mode" "$log" '^400 /v/x/y$'
    has "downwardAPI: name, limit, annotations" "$log" '^files1500note="a \\"b\\""'
    is "nobody writes there" "$(grep -c 'Read-only file system' <<<"$log")" 2
    for key in '{"..data": "x"}' '{"a/b": "x"}'; do
        has "a key of the volume's own is refused: $key" "$(config_map bad "$key" 2>&1)" 'data'
    done
    pod clash | jq '.spec.volumes = [{name: "v", projected: {sources: [
            {configMap: {name: "app", items: [{key: "a.conf", path: "a"}]}},
            {downwardAPI: {items: [{path: "a/b", fieldRef: {fieldPath: "metadata.name"}}]}}]}}]' | apply >/dev/null
    refused clash "paths that clash are the reason" 'conflicting paths: a is a file'
    lp delete pod/files pod/clash configmap/app >/dev/null
}

# Keys of bytes; what is optional and comes later; modes.
optional() {
    local log
    jq -n '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "bytes"}, data: {text: "t"}, binaryData: {bytes: "AP8KAA=="}},
        {apiVersion: "v1", kind: "Secret", metadata: {name: "coded"}, data: {key: "/wBr"}} | tojson' -r |
        while read -r object; do apply <<<"$object" >/dev/null; done
    pod optional 'od -An -tx1 /b/bytes /s/key; stat -Lc "mode %a %n" /b/text /b/bytes; ls /later /all/later; echo end
            until [ -e /later/x ] && [ -e /all/later/x ]; do sleep 0.1; done; echo "came: $(cat /later/x /all/later/x)"; exec sleep 1000' |
        jq '.spec.volumes = [{name: "b", configMap: {name: "bytes", defaultMode: 416, items: [{key: "text", path: "text"},
                {key: "bytes", path: "bytes", mode: 511}, {key: "none", path: "none"}], optional: true}},
                {name: "s", secret: {secretName: "coded"}}, {name: "later", configMap: {name: "later", optional: true}},
                {name: "all", projected: {sources: [{configMap: {name: "bytes"}}, {secret: {name: "coded", items: [{key: "key", path: "secret/key"}]}},
                    {configMap: {name: "later", optional: true, items: [{key: "x", path: "later/x"}]}}]}}]
            | .spec.containers[0].volumeMounts = [.spec.volumes[] | {name, mountPath: "/\(.name)"}]' | apply >/dev/null
    log=$(log_of optional)
    has "binaryData and a Secret's bytes" "$(tr -d '\n' <<<"$log")" '^ 00 ff 0a 00 ?ff 00 6b'
    has "defaultMode" "$log" '^mode 640 /b/text$'
    has "... and a key's own" "$log" '^mode 777 /b/bytes$'
    hasnt "what is optional and not there keeps nothing waiting" "$log" '^(x|none)$'
    config_map later '{"x": "now"}'
    within 15 "and is there when it comes" matches '^came: nownow$' lp logs optional
    lp delete pod/optional configmap/bytes configmap/later secret/coded >/dev/null
    pod misses | jq '.spec.volumes = [{name: "v", secret: {secretName: "none"}}]' | apply >/dev/null
    refused misses "one that is not optional is the reason" 'MountVolume.SetUp failed for volume "v" : secret "none" not found'
    lp delete pod/misses >/dev/null
}

empty_dirs() {
    local log
    pod empty 'df -m /mem /half | awk "{ print \$2, \$6 }"; { dd if=/dev/zero of=/mem/x bs=1M count=9; } 2>&1
            stat -c "%a %n" /mem /disk; echo end; exec sleep 1000' |
        jq '.spec.volumes = [{name: "mem", emptyDir: {medium: "Memory", sizeLimit: "4Mi"}}, {name: "disk", emptyDir: {}},
                {name: "half", emptyDir: {medium: "Memory"}}]
            | .spec.containers[0].resources = {limits: {memory: "16Mi"}}
            | .spec.containers[0].volumeMounts = [{name: "mem", mountPath: "/mem"}, {name: "disk", mountPath: "/disk"},
                {name: "half", mountPath: "/half"}]' | apply >/dev/null
    log=$(log_of empty)
    has "emptyDir Memory: its sizeLimit" "$log" '^4 /mem$'
    has "emptyDir Memory: its pod's limit" "$log" '^16 /half$'
    has "no more goes in" "$log" 'No space left'
    is "anybody writes there" "$(grep -Ec '^777 /(mem|disk)$' <<<"$log")" 2
    pod huge | jq '.spec.volumes = [{name: "h", emptyDir: {medium: "HugePages"}}]' | apply >/dev/null
    refused huge "huge pages that nobody asks for are refused with the reason" 'must ask for huge pages of one size'
    lp delete pod/empty pod/huge >/dev/null
}

# host_case TYPE PATH PATTERN: a pod with that hostPath is refused.
host_case() {
    pod host | jq --arg type "$1" --arg path "$2" '.spec.volumes = [{name: "h", hostPath: {path: $path, type: $type}}]' | apply >/dev/null
    refused host "hostPath $1 of something else" "$3"
    lp delete pod/host >/dev/null
    within 10 "it goes" gone host >/dev/null
}

host_paths() {
    local log dir=$STAND/host
    mkdir -p "$dir/d"
    echo content >"$dir/f"
    mkfifo "$dir/fifo"
    mknod "$dir/block" b 7 250 # of nobody
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/s"
    pod paths 'cat /f; for p in /d /new /f /newf /s /null /block /any; do stat -c "%F %n" $p; done; echo end; exec sleep 1000' |
        jq --arg d "$dir" '[["d", "Directory", "d"], ["new", "DirectoryOrCreate", "new/deep"], ["f", "File", "f"],
                ["newf", "FileOrCreate", "newf"], ["s", "Socket", "s"], ["block", "BlockDevice", "block"],
                ["any", "", "any"]] as $list
            | .spec.volumes = [$list[] | {name: .[0], hostPath: {type: .[1], path: "\($d)/\(.[2])"}}]
                + [{name: "null", hostPath: {type: "CharDevice", path: "/dev/null"}}]
            | .spec.containers[0].volumeMounts = [.spec.volumes[] | {name, mountPath: "/\(.name)"}]' | apply >/dev/null
    log=$(log_of paths)
    has "hostPath File" "$log" '^content$'
    is "hostPath Directory, DirectoryOrCreate, none" "$(grep -Ec '^directory /(d|new|any)$' <<<"$log")" 3
    is "hostPath File, FileOrCreate" "$(grep -Ec '^regular (empty )?file /(f|newf)$' <<<"$log")" 2
    has "hostPath Socket" "$log" '^socket /s$'
    has "hostPath CharDevice" "$log" '^character special file /null$'
    has "hostPath BlockDevice" "$log" '^block special file /block$'
    lp delete pod/paths >/dev/null
    host_case Directory "$dir/f" "hostPath type check failed: $dir/f is not a directory"
    host_case File "$dir/none" "hostPath type check failed: $dir/none is not a file"
    host_case FileOrCreate "$dir/fifo" "hostPath type check failed: $dir/fifo is not a file"
    host_case BlockDevice /dev/null "hostPath type check failed: /dev/null is not a block device"
    host_case CharDevice "$dir/f" "hostPath type check failed: $dir/f is not a character device"
    host_case Socket "$dir/f" "hostPath type check failed: $dir/f is not a socket file"
}

sub_paths() {
    local log
    pod sub 'echo 1 >/one/made; ls /all/web; ls -d /all/logs/sub; stat -c "%a %g" /all/web; echo end; exec sleep 1000' |
        jq '.spec.securityContext = {fsGroup: 2000} | .spec.volumes = [{name: "v", emptyDir: {}}]
            | .spec.containers[0].env = [{name: "POD", valueFrom: {fieldRef: {fieldPath: "metadata.name"}}}]
            | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/all"}, {name: "v", mountPath: "/one", subPath: "web"},
                {name: "v", mountPath: "/log", subPathExpr: "logs/$(POD)"}]' | apply >/dev/null
    log=$(log_of sub)
    has "a subPath that is missing is made" "$log" '^made$'
    has "with the mode of its volume" "$log" '^2777 2000$'
    has "subPathExpr takes variables" "$log" '^/all/logs/sub$'
    pod unknown | jq '.spec.volumes = [{name: "v", emptyDir: {}}]
        | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v", subPathExpr: "$(NONE)"}]' | apply >/dev/null
    refused unknown "a variable that is not there is the reason" 'missing value for "NONE"'
    lp delete pod/sub pod/unknown >/dev/null
}

# A container that writes into its volume leads the next one's subPath nowhere.
escapes() {
    local log
    echo secret >"$STAND/secret"
    chmod 644 "$STAND/secret"
    pod climb "ln -s $STAND /v/abs; ln -s ../../../../../../../.. /v/up; ln -s /proc/1/root /v/magic; echo end; exec sleep 1000" |
        jq --arg d "$STAND/shared" '.spec.volumes = [{name: "v", hostPath: {path: $d}}]
            | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]' | apply >/dev/null
    log_of climb >/dev/null
    pod lured 'ls -a /abs /up /magic; echo end; exec sleep 1000' |
        jq --arg d "$STAND/shared" '.spec.volumes = [{name: "v", hostPath: {path: $d}}]
            | .spec.containers[0].volumeMounts = [("abs", "up", "magic") | {name: "v", mountPath: "/\(.)", subPath: .}]' | apply >/dev/null
    log=$(log_of lured)
    hasnt "links of a volume do not lead a subPath out of it" "$log" '^(secret|etc|gw)$'
    lp delete pod/climb pod/lured >/dev/null
}

propagation() {
    local log dir=$STAND/mounts
    mkdir -p "$dir"
    mount -t tmpfs limpet-test "$dir"
    mount --make-private "$dir"
    mkdir -p "$dir/below" "$dir/later" "$dir/back"
    mount -t tmpfs limpet-test "$dir/below"
    pod below 'for d in top if on; do { echo x >/$d/f; } 2>&1; { echo x >/$d/below/f && echo "written below $d"; } 2>&1; done
            echo end; exec sleep 1000' |
        jq --arg d "$dir" '.spec.volumes = [{name: "h", hostPath: {path: $d}}]
            | .spec.containers[0].volumeMounts = [{name: "h", mountPath: "/top", readOnly: true},
                {name: "h", mountPath: "/if", readOnly: true, recursiveReadOnly: "IfPossible"},
                {name: "h", mountPath: "/on", readOnly: true, recursiveReadOnly: "Enabled"}]' | apply >/dev/null
    log=$(log_of below)
    is "readOnly is for the top, recursiveReadOnly for all below" \
        "$(grep -c 'Read-only file system' <<<"$log") $(grep 'written below' <<<"$log")" '5 written below top'
    is "and the status says so" "$(lp get pod below -o json | jq -c '[.status.containerStatuses[0].volumeMounts[] |
        select(.name == "h") | .recursiveReadOnly]')" '["Disabled","Enabled","Enabled"]'
    lp delete pod/below >/dev/null
    pod alone | jq --arg d "$dir" '.spec.volumes = [{name: "h", hostPath: {path: $d}}]
            | .spec.containers[0].volumeMounts = [{name: "h", mountPath: "/h", mountPropagation: "HostToContainer"}]' | apply >/dev/null
    refused alone "a mount of the host that is not shared is the reason" 'is mounted on .* but it is not a shared or slave mount'
    lp delete pod/alone >/dev/null
    mount --make-shared "$dir"
    tied 1 "$dir"
    tied 2 "$dir"
    umount -l "$dir/below" "$dir"
}

# tied CONTAINERS DIR: what is mounted on one side is seen on the other.
tied() {
    local dir=$2
    pod tied 'mount -t tmpfs x /both/back 2>/dev/null && touch /both/back/from-container
            until [ -e /to/later/from-host ]; do sleep 0.1; done; echo "seen $(ls /none/later | wc -l)"; echo end; exec sleep 1000' |
        jq --arg d "$dir" --arg count "$1" '.spec.volumes = [{name: "h", hostPath: {path: $d}}]
            | .spec.containers[0].securityContext = {privileged: true}
            | .spec.containers[0].volumeMounts = [{name: "h", mountPath: "/none"},
                {name: "h", mountPath: "/to", mountPropagation: "HostToContainer"},
                {name: "h", mountPath: "/both", mountPropagation: "Bidirectional"}]
            | if $count == "2" then .spec.containers += [{name: "side", image: "busybox:latest",
                imagePullPolicy: "IfNotPresent", command: ["sleep", "1000"]}] else . end' | apply >/dev/null
    within 20 "a pod that is tied to the host's mounts runs" running tied
    within 10 "Bidirectional: what the container mounts is on the host" test -e "$dir/back/from-container"
    mount -t tmpfs limpet-test "$dir/later"
    touch "$dir/later/from-host"
    within 10 "HostToContainer: what the host mounts is in the container" matches '^end$' lp logs tied main
    has "None: it is not" "$(lp logs tied main)" '^seen 0$'
    hasnt "the pod's own shared memory is not on the host" "$(cat /proc/self/mountinfo)" "$STAND/.*/shm "
    lp delete pod/tied >/dev/null
    within 10 "it goes" gone tied
    umount -l "$dir/back" "$dir/later"
}

stand_up main a
follows
files
optional
empty_dirs
host_paths
sub_paths
escapes
propagation
conclude
