/* The profile is a table; libseccomp turns it into a filter. A call that is not named here fails
 * with EPERM, clone3 with ENOSYS, so that C libraries fall back to clone, whose flags a filter can
 * see. */
#include "agent/runtime/seccomp.h"

#include "agent/runtime/bpf.h"
#include "agent/runtime/caps.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NEW_NAMESPACES UINT32_C(0x7e020000) /* every CLONE_NEW flag */

static const char *const allowed[] = {
    "_llseek",
    "_newselect",
    "accept",
    "accept4",
    "access",
    "adjtimex",
    "alarm",
    "arch_prctl",
    "arm_fadvise64_64",
    "arm_sync_file_range",
    "bind",
    "breakpoint",
    "brk",
    "cacheflush",
    "cachestat",
    "capget",
    "capset",
    "chdir",
    "chmod",
    "chown",
    "chown32",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "close",
    "close_range",
    "connect",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fanotify_mark",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchown32",
    "fchownat",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fork",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "futex",
    "futex_requeue",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "futimesat",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "getegid32",
    "geteuid",
    "geteuid32",
    "getgid",
    "getgid32",
    "getgroups",
    "getgroups32",
    "getitimer",
    "getpeername",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresgid32",
    "getresuid",
    "getresuid32",
    "getrlimit",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "getuid32",
    "getxattr",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "ioctl",
    "ioprio_get",
    "ioprio_set",
    "ipc",
    "kill",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "lchown",
    "lchown32",
    "lgetxattr",
    "link",
    "linkat",
    "listen",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lstat",
    "lstat64",
    "madvise",
    "map_shadow_stack",
    "membarrier",
    "memfd_create",
    "memfd_secret",
    "mincore",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mmap2",
    "modify_ldt",
    "mprotect",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedreceive_time64",
    "mq_timedsend",
    "mq_timedsend_time64",
    "mq_unlink",
    "mremap",
    "mseal",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "name_to_handle_at",
    "nanosleep",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "pipe",
    "pipe2",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "poll",
    "ppoll",
    "ppoll_time64",
    "prctl",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit64",
    "process_mrelease",
    "pselect6",
    "pselect6_time64",
    "ptrace",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmmsg_time64",
    "recvmsg",
    "remap_file_pages",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "restart_syscall",
    "riscv_flush_icache",
    "rmdir",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "select",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "semtimedop_time64",
    "send",
    "sendfile",
    "sendfile64",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "set_tls",
    "setfsgid",
    "setfsgid32",
    "setfsuid",
    "setfsuid32",
    "setgid",
    "setgid32",
    "setgroups",
    "setgroups32",
    "setitimer",
    "setpgid",
    "setpriority",
    "setregid",
    "setregid32",
    "setresgid",
    "setresgid32",
    "setresuid",
    "setresuid32",
    "setreuid",
    "setreuid32",
    "setrlimit",
    "setsid",
    "setsockopt",
    "setuid",
    "setuid32",
    "setxattr",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "sigprocmask",
    "sigreturn",
    "socketcall",
    "socketpair",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statx",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "sync_file_range2",
    "syncfs",
    "sysinfo",
    "tee",
    "tgkill",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_gettime64",
    "timer_settime",
    "timer_settime64",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_gettime64",
    "timerfd_settime",
    "timerfd_settime64",
    "times",
    "tkill",
    "truncate",
    "truncate64",
    "ugetrlimit",
    "umask",
    "uname",
    "unlink",
    "unlinkat",
    "uretprobe",
    "utime",
    "utimensat",
    "utimensat_time64",
    "utimes",
    "vfork",
    "vmsplice",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
};

static const struct {
    unsigned cap;
    const char *name;
} gated[] = {
    {CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    {CAP_SYS_ADMIN, "bpf"},
    {CAP_SYS_ADMIN, "clone"},
    {CAP_SYS_ADMIN, "clone3"},
    {CAP_SYS_ADMIN, "fanotify_init"},
    {CAP_SYS_ADMIN, "fsconfig"},
    {CAP_SYS_ADMIN, "fsmount"},
    {CAP_SYS_ADMIN, "fsopen"},
    {CAP_SYS_ADMIN, "fspick"},
    {CAP_SYS_ADMIN, "lookup_dcookie"},
    {CAP_SYS_ADMIN, "mount"},
    {CAP_SYS_ADMIN, "mount_setattr"},
    {CAP_SYS_ADMIN, "move_mount"},
    {CAP_SYS_ADMIN, "open_tree"},
    {CAP_SYS_ADMIN, "perf_event_open"},
    {CAP_SYS_ADMIN, "quotactl"},
    {CAP_SYS_ADMIN, "quotactl_fd"},
    {CAP_SYS_ADMIN, "setdomainname"},
    {CAP_SYS_ADMIN, "sethostname"},
    {CAP_SYS_ADMIN, "setns"},
    {CAP_SYS_ADMIN, "syslog"},
    {CAP_SYS_ADMIN, "umount"},
    {CAP_SYS_ADMIN, "umount2"},
    {CAP_SYS_ADMIN, "unshare"},
    {CAP_SYS_ADMIN, "listmount"},
    {CAP_SYS_ADMIN, "statmount"},
    {CAP_SYS_BOOT, "reboot"},
    {CAP_SYS_CHROOT, "chroot"},
    {CAP_SYS_MODULE, "delete_module"},
    {CAP_SYS_MODULE, "finit_module"},
    {CAP_SYS_MODULE, "init_module"},
    {CAP_SYS_PACCT, "acct"},
    {CAP_SYS_PTRACE, "kcmp"},
    {CAP_SYS_PTRACE, "pidfd_getfd"},
    {CAP_SYS_PTRACE, "process_madvise"},
    {CAP_SYS_PTRACE, "process_vm_readv"},
    {CAP_SYS_PTRACE, "process_vm_writev"},
    {CAP_SYS_RAWIO, "ioperm"},
    {CAP_SYS_RAWIO, "iopl"},
    {CAP_SYS_TIME, "clock_settime"},
    {CAP_SYS_TIME, "clock_settime64"},
    {CAP_SYS_TIME, "settimeofday"},
    {CAP_SYS_TIME, "stime"},
    {CAP_SYS_TTY_CONFIG, "vhangup"},
    {CAP_SYS_NICE, "get_mempolicy"},
    {CAP_SYS_NICE, "mbind"},
    {CAP_SYS_NICE, "set_mempolicy"},
    {CAP_SYS_NICE, "set_mempolicy_home_node"},
    {CAP_SYSLOG, "syslog"},
    {CAP_BPF, "bpf"},
    {CAP_PERFMON, "perf_event_open"},
};

/* personality(2): the values that programs use to learn theirs or to be 32-bit. */
static const uint32_t personalities[] = {0x0, 0x0008, 0x20000, 0x20008, 0xffffffff};

/* Calls that i386 has both for themselves and behind socketcall and ipc: libseccomp gives the
 * latter. */
static const struct {
    const char *name;
    int number;
} i386_direct[] = {
    {"socketpair", 360},  {"bind", 361},       {"connect", 362},    {"listen", 363},
    {"accept4", 364},     {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367},
    {"getpeername", 368}, {"sendto", 369},     {"sendmsg", 370},    {"recvfrom", 371},
    {"recvmsg", 372},     {"shutdown", 373},   {"semget", 393},     {"semctl", 394},
    {"shmget", 395},      {"shmctl", 396},     {"shmat", 397},      {"shmdt", 398},
    {"msgget", 399},      {"msgsnd", 400},     {"msgrcv", 401},     {"msgctl", 402},
    {"socket", 359},
};

/* What a machine runs: its own programs and the 32-bit ones of its family. */
static const struct family {
    uint32_t native;
    uint32_t runs[2];
} families[] = {{SCMP_ARCH_X86_64, {SCMP_ARCH_X86_64, SCMP_ARCH_X86}},
                {SCMP_ARCH_X86, {SCMP_ARCH_X86}},
                {SCMP_ARCH_AARCH64, {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}},
                {SCMP_ARCH_ARM, {SCMP_ARCH_ARM}}};

/* The number of a call; negative: this architecture does not have it. */
static int number_of(uint32_t arch, const char *name)
{
    for (size_t i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_LEN(i386_direct); i++)
        if (str_eq(i386_direct[i].name, name))
            return i386_direct[i].number;
    return seccomp_syscall_resolve_name_arch(arch, name);
}

static void allow(struct bpf_arch *set, uint32_t arch, const char *name)
{
    bpf_rule(set, number_of(arch, name), (struct bpf_action){.kind = BPF_ALLOW});
}

/* Calls of which only some arguments pass. */
static void add_conditional(struct bpf_arch *set, uint32_t arch, uint64_t caps)
{
    bpf_rule(set, number_of(arch, "personality"),
             (struct bpf_action){.kind = BPF_ALLOW_ARG0_IN,
                                 .values = personalities,
                                 .count = ARRAY_LEN(personalities)});
    /* AF_VSOCK would reach the host of a virtual machine, past every network policy. */
    bpf_rule(set, number_of(arch, "socket"),
             (struct bpf_action){.kind = BPF_DENY_ARG0_IS, .mask = AF_VSOCK});
    if (caps & UINT64_C(1) << CAP_SYS_ADMIN)
        return;
    bpf_rule(set, number_of(arch, "clone"),
             (struct bpf_action){.kind = BPF_DENY_ARG0_BITS, .mask = NEW_NAMESPACES});
    bpf_rule(set, number_of(arch, "clone3"),
             (struct bpf_action){.kind = BPF_ERRNO, .mask = ENOSYS});
}

static void add_rules(struct bpf_arch *set, uint32_t arch, uint64_t caps)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        allow(set, arch, allowed[i]);
    for (size_t i = 0; i < ARRAY_LEN(gated); i++)
        if (caps & UINT64_C(1) << gated[i].cap)
            allow(set, arch, gated[i].name);
    add_conditional(set, arch, caps);
}

static const struct family *find_family(void)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (families[i].native == seccomp_arch_native())
            return &families[i];
    return NULL;
}

int seccomp_profile(uint64_t caps, void **ret, size_t *ret_len, struct err *err)
{
    const struct family *family = find_family();
    struct bpf_arch sets[2];
    size_t count = 0;
    if (seccomp_api_get() == 0)
        return err_set(err, -ENOSYS, "this kernel has no seccomp");
    if (!family)
        return err_set(err, -ENOSYS, "no seccomp profile for this architecture");
    for (; count < 2 && family->runs[count]; count++) {
        /* libseccomp's names of architectures are the kernel's. */
        bpf_arch_init(&sets[count], family->runs[count]);
        add_rules(&sets[count], family->runs[count], caps);
    }
    int r = bpf_compile(sets, count, EPERM, ret, ret_len);
    for (size_t i = 0; i < count; i++)
        bpf_arch_done(&sets[i]);
    return r < 0 ? err_errno(err, -r, "cannot compile the seccomp filter") : 0;
}

int seccomp_default(void **ret, size_t *ret_len, struct err *err)
{
    return seccomp_profile(caps_default(), ret, ret_len, err);
}
