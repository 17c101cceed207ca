/* Linked into every program of a coverage build: counts are written at _exit too, by which tests end processes that they broke, and
 * where a rank ends its job by MPI_Abort. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void __gcov_dump(void);

void _exit(int status)
{
    __gcov_dump();
    syscall(SYS_exit_group, status);
    __builtin_unreachable();
}

int PMPI_Abort(void *job, int status) __attribute__((weak)); /* an Open MPI communicator is a pointer */
int MPI_Abort(void *job, int status);
int MPI_Abort(void *job, int status)
{
    const pid_t pid = fork(); /* the counts, by another process: where memory is made to fail, writing them may crash */

    if (pid == 0)
        _exit(0);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return PMPI_Abort ? PMPI_Abort(job, status) : 1;
}
