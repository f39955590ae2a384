#include "agent/fetch/filter.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define AUDIT_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_HERE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define AUDIT_HERE AUDIT_ARCH_ARM
#elif defined(__i386__)
#define AUDIT_HERE AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define AUDIT_HERE AUDIT_ARCH_RISCV64
#endif

/* Ways to other programs, other processes, mounts, namespaces, devices and the rarely used parts of
 * the kernel where its bugs are found. */
static const uint32_t refused[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_userfaultfd,
    SYS_quotactl,
    SYS_acct,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_personality,
    SYS_kcmp,
    SYS_vhangup,
    SYS_fanotify_init,
    SYS_memfd_create,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_setuid,
    SYS_setgid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_capset,
#ifdef SYS_clock_settime /* musl names those of 32 bits otherwise */
    SYS_clock_settime,
    SYS_settimeofday,
#endif
#ifdef SYS_clock_settime32
    SYS_clock_settime32,
    SYS_settimeofday_time32,
#endif
#ifdef SYS_clock_settime64
    SYS_clock_settime64,
#endif
#ifdef SYS_mknod
    SYS_mknod,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_open_tree
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_fspick,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

static const uint32_t refused_offline[] = {
    SYS_socket,     SYS_connect, SYS_bind, SYS_listen,
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
};

#define FILTER_MAX 256

static size_t refuse(struct sock_filter *at, const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        at[2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, list[i], 0, 1);
        at[2 * i + 1] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & 0xffff));
    }
    return 2 * count;
}

int filter_calls(bool net, struct err *err)
{
#ifdef AUDIT_HERE
    struct sock_filter code[FILTER_MAX] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_HERE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t len = 4;
#ifdef __x86_64__ /* the x32 calls are numbered apart */
    code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
#endif
    _Static_assert(6 + 2 * (ARRAY_LEN(refused) + ARRAY_LEN(refused_offline)) < FILTER_MAX, "room");
    len += refuse(code + len, refused, ARRAY_LEN(refused));
    if (!net)
        len += refuse(code + len, refused_offline, ARRAY_LEN(refused_offline));
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)len, .filter = code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "cannot set the system call filter");
#else
    (void)net;
    (void)err;
#endif
    return 0;
}

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* Every right of Landlock's first version. */
#define LANDLOCK_ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int allow_reading(int rules, const char *path, struct err *err)
{
    autoclose int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0; /* not on this system */
    const struct landlock_path_beneath_attr rule = {
        .allowed_access =
            LANDLOCK_ACCESS_FS_READ_FILE | (S_ISDIR(st.st_mode) ? LANDLOCK_ACCESS_FS_READ_DIR : 0U),
        .parent_fd = fd,
    };
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) < 0)
        return err_errno(err, errno, "cannot confine files to %s", path);
    return 0;
}

int filter_files(struct err *err)
{
    static const char *const readable[] = {"/etc",
                                           "/usr",
                                           "/lib",
                                           "/lib64",
                                           "/dev/urandom",
                                           "/run/systemd/resolve",
                                           "/run/NetworkManager",
                                           "/run/resolvconf"};
    const struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ALL};
    autoclose int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);
    if (rules < 0)
        return 0; /* a kernel without it, or one where it is switched off */
    for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
        int rc = allow_reading(rules, readable[i], err);
        if (rc < 0)
            return rc;
    }
    if (syscall(SYS_landlock_restrict_self, rules, 0U) < 0)
        return err_errno(err, errno, "cannot confine files");
    return 0;
}
