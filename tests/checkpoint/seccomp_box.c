/* The box; see seccomp_box.h. A list of what is forbidden, since what the C library and the sanitizers read by differs. */
#include "seccomp_box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* box_run then says that there is none */
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define LOW(i) LOAD(args[i])
#define HIGH(i) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args[i]) + 4))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define PASS BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF(value, then, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), then, other)
#define IF_ANY(bits, then, other) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), then, other)
#define FORBID(nr) IF(nr, 0, 1), KILL
#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)

/* program: the address of the one path that may be executed. */
static bool close_box(const void *program)
{
    const uint64_t at = (uintptr_t)program;
    struct sock_filter filter[] = {
        LOAD(arch), IF(ARCH, 1, 0), KILL,
        LOAD(nr),
        FORBID(SYS_clone), FORBID(SYS_clone3), FORBID(SYS_execveat), FORBID(SYS_socket), FORBID(SYS_connect), FORBID(SYS_bind),
        FORBID(SYS_sendto), FORBID(SYS_ptrace), FORBID(SYS_process_vm_writev), FORBID(SYS_kill), FORBID(SYS_tkill),
        FORBID(SYS_unlinkat), FORBID(SYS_renameat), FORBID(SYS_renameat2), FORBID(SYS_mkdirat), FORBID(SYS_mknodat),
        FORBID(SYS_linkat), FORBID(SYS_symlinkat), FORBID(SYS_truncate), FORBID(SYS_ftruncate), FORBID(SYS_fchmod),
        FORBID(SYS_fchmodat), FORBID(SYS_fchown), FORBID(SYS_fchownat), FORBID(SYS_utimensat), FORBID(SYS_setxattr), FORBID(SYS_mount),
        FORBID(SYS_chroot), FORBID(SYS_setuid), FORBID(SYS_memfd_create),
#ifdef SYS_openat2
        FORBID(SYS_openat2),
#endif
#ifdef SYS_open /* the calls that newer architectures do without */
        FORBID(SYS_fork), FORBID(SYS_vfork), FORBID(SYS_creat), FORBID(SYS_unlink), FORBID(SYS_rename), FORBID(SYS_mkdir),
        FORBID(SYS_rmdir), FORBID(SYS_mknod), FORBID(SYS_link), FORBID(SYS_symlink), FORBID(SYS_chmod), FORBID(SYS_chown),
        IF(SYS_open, 0, 4), LOW(1), IF_ANY(WRITES, 0, 1), KILL, PASS,
#endif
        IF(SYS_openat, 0, 4), LOW(2), IF_ANY(WRITES, 0, 1), KILL, PASS,
        IF(SYS_execve, 0, 6), LOW(0), IF(at, 0, 3), HIGH(0), IF(at >> 32, 0, 1), PASS, KILL,
        PASS,
    };
    struct sock_fprog program_of_filter = {.len = sizeof filter / sizeof *filter, .filter = filter};

    return ARCH && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program_of_filter) == 0;
}

enum { NO_BOX = 250, NO_PROGRAM = 251 };

static bool run(box_end *end, char *const argv[], void (*act)(void))
{
    int ends[2], status = 0;
    size_t n = 0;
    ssize_t got;
    pid_t pid;
    /* LeakSanitizer looks for leaks from a process of its own. */
    char *quiet[] = {"ASAN_OPTIONS=detect_leaks=0", "LC_ALL=C", NULL};

    if (pipe(ends))
        abort();
    fflush(NULL);
    if ((pid = fork()) < 0)
        abort();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR);

        dup2(nothing, 0);
        dup2(nothing, 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        close(nothing);
        if (!close_box(argv ? argv[0] : NULL))
            _exit(NO_BOX);
        if (act)
            act();
        else
            execve(argv[0], argv, quiet);
        _exit(argv ? NO_PROGRAM : 0);
    }
    close(ends[1]);
    while (n < sizeof end->said - 1 && (got = read(ends[0], end->said + n, sizeof end->said - 1 - n)) > 0)
        n += (size_t)got;
    end->said[n] = '\0';
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    end->killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    end->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return end->code != NO_BOX;
}

bool box_run(box_end *end, char *const argv[]) { return run(end, argv, NULL); }
bool box_call(box_end *end, void (*act)(void)) { return run(end, NULL, act); }
