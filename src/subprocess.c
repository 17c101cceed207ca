/* A child process behind a pipe. */
#include "subprocess.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <unistd.h>

extern char **environ;

int vb_spawn_reading(pid_t *pid, int *from, const char *const *args)
{
    posix_spawn_file_actions_t files;
    int out[2], rc;

    if (pipe(out))
        return errno;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, out[0]);
    rc = posix_spawnp(pid, args[0], &files, NULL, (char *const *)(uintptr_t)args, environ);
    posix_spawn_file_actions_destroy(&files);
    close(out[1]);
    if (rc)
        close(out[0]);
    else
        *from = out[0];
    return rc;
}
