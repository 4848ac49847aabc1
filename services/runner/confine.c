/* The system call filter of tasks: see confine.h. A list of what is taken away rather than of what is left: libraries
 * (libcurl, libpq, the C library) change what they use from version to version, and a sync must not fail for that. */
#include "services/runner/confine.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "conf/log.h"

#define PROGRAM_MAX 1024 /* instructions; it has about 200 */

/* LeakSanitizer looks at its own process from a second one, by ptrace. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_SANITIZER true
#else
#define HAS_LEAK_SANITIZER false
#endif

static const char *const refused[] = {
    /* other programs and processes */
    "execve", "execveat", "fork", "vfork", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_getfd", "setns", "unshare",
    /* other file systems and roots */
    "mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "pivot_root", "chroot", "swapon", "swapoff", "quotactl", "acct", "open_by_handle_at", "name_to_handle_at", "mknod",
    "mknodat", "fanotify_init",
    /* the machine */
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "settimeofday",
    "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "stime", "sethostname",
    "setdomainname", "syslog", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "vhangup", "nfsservctl",
    "lookup_dcookie", "_sysctl", "uselib", "ustat", "sysfs",
    /* where kernels were broken before, and no task goes */
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "personality", "move_pages", "migrate_pages", "mbind", "set_mempolicy"};

/* The finished program for the kernel, made once: making it takes memory that each runner would have for itself. */
static struct sock_filter instructions[PROGRAM_MAX];
static struct sock_fprog program = {.filter = instructions};

static int refuse(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
}

/* A clone that is not a thread is a process. clone3 has its flags in memory, where no filter sees them: without it the
 * C library uses clone. */
static int refuse_processes(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int fill(scmp_filter_ctx filter)
{
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    if (rc == 0) rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a search, not a list */
    for (size_t i = 0; rc == 0 && i < sizeof refused / sizeof *refused; i++) rc = refuse(filter, refused[i]);
    if (rc == 0 && !HAS_LEAK_SANITIZER) rc = refuse(filter, "ptrace");
    if (rc == 0 && !HAS_LEAK_SANITIZER) rc = refuse_processes(filter);
    return rc;
}

/* libseccomp writes the program to a file. */
static int export(scmp_filter_ctx filter)
{
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    int rc = seccomp_export_bpf(filter, fd);
    ssize_t size = rc == 0 ? pread(fd, instructions, sizeof instructions, 0) : 0;
    close(fd);
    if (rc != 0) return rc;
    if (size <= 0 || size == sizeof instructions) return -E2BIG;
    program.len = (unsigned short)((size_t)size / sizeof *instructions);
    return 0;
}

/* The kernel looks for the filter where there is none (EFAULT), if it takes any. */
static bool is_possible(void)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != 0 && errno == EFAULT;
}

void confine_prepare(void)
{
    if (!is_possible()) {
        log_warning("no system call filter around tasks: the kernel or the container does not allow one (%s)",
                    strerror(errno));
        return;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc = filter ? fill(filter) : -ENOMEM;
    if (rc == 0) rc = export(filter);
    if (filter) seccomp_release(filter);
    malloc_trim(0); /* the runners would carry along what is free */
    if (rc != 0) log_warning("no system call filter around tasks: %s", strerror(-rc));
}

void confine_enter(void)
{
    if (program.len > 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        log_warning("no system call filter around this task's process: %s", strerror(errno));
}
