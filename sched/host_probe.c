/* Asking hosts; see host_probe.h. */
#include "host_probe.h"

#include "host_network.h"
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORDS = 32, STEP_MS = 20 };

/* The agent's words, then host and command. text is cut up. */
static void make_words(char *words[MOST_WORDS + 3], char *text, const char *host)
{
    int n = 0;
    char *save = NULL;

    for (char *w = strtok_r(text, " \t", &save); w && n < MOST_WORDS; w = strtok_r(NULL, " \t", &save))
        words[n++] = w;
    words[n++] = (char *)(uintptr_t)host;
    words[n++] = (char *)(uintptr_t)"true";
    words[n] = NULL;
}

/* In a process of its own, which answers for this machine, and looks names up: in an outage each may take seconds. */
static pid_t ask(const char *agent, const char *host)
{
    char text[1024], *words[MOST_WORDS + 3];
    pid_t pid;
    sigset_t none;
    int nowhere;

    snprintf(text, sizeof text, "%s", agent);
    make_words(words, text, host);
    if ((pid = fork()))
        return pid;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (vb_host_is_own(host))
        _exit(0);
    if ((nowhere = open("/dev/null", O_RDWR)) >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    execvp(words[0], words);
    _exit(127);
}

static void wait_for_answers(pid_t *pids, bool *answers, int n, double until_ms)
{
    int left = 0;

    for (int i = 0; i < n; i++)
        left += pids[i] > 0;
    while (left && vb_now_ms() < until_ms) {
        for (int i = 0; i < n; i++) {
            int status;

            if (pids[i] <= 0 || waitpid(pids[i], &status, WNOHANG) != pids[i])
                continue;
            answers[i] = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            pids[i] = 0;
            left--;
        }
        if (left)
            nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    for (int i = 0; i < n; i++)
        if (pids[i] > 0) {
            kill(-pids[i], SIGKILL);
            kill(pids[i], SIGKILL);
            while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
                ;
        }
}

vb_status vb_hosts_probe(vb_hosts *h, char *lost, size_t n, int timeout_ms, vb_err *err)
{
    const char *agent = getenv("OMPI_MCA_plm_rsh_agent");
    pid_t *pids = calloc((size_t)h->n + 1, sizeof *pids);
    bool *answers = calloc((size_t)h->n + 1, sizeof *answers);
    int kept = 0;

    lost[0] = '\0';
    if (!pids || !answers) {
        free(pids);
        free(answers);
        return vb_fail(err, VB_ENOMEM, "probe of %d hosts", h->n);
    }
    if (!agent || !*agent)
        agent = "ssh -x -o BatchMode=yes -o ConnectTimeout=5";
    for (int i = 0; i < h->n; i++)
        pids[i] = ask(agent, h->list[i].name);
    wait_for_answers(pids, answers, h->n, vb_now_ms() + timeout_ms);
    for (int i = 0; i < h->n; i++) {
        size_t used = strlen(lost);

        if (answers[i])
            h->list[kept++] = h->list[i];
        else
            snprintf(lost + used, n - used, "%s%s", used ? ", " : "", h->list[i].name);
    }
    h->n = kept;
    free(pids);
    free(answers);
    return VB_OK;
}
