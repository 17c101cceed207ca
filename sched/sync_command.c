/* What hosts lack; see sync_command.h.
 *
 * rsync compares and copies: file by file, by content, over the user's own ssh. This program chooses the files: those of the
 * split's videos, its list, and the checkpoints of the models. */
#include "sync_command.h"

#include "cli.h"
#include "host_network.h"
#include "hosts.h"
#include "listing.h"
#include "models.h"
#include "options.h"
#include "subprocess.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN = 5, MAX_WEIGHTS = 32 };

typedef struct {
    vb_options run; /* the first member: its rows are run's */
    const char *rsh;
    bool apply;
} arguments;

static const vb_opt more[] = {
    VB_ROW_FLAG(arguments, apply, "apply", NULL, "copy what is lacking (default: only say it)"),
    VB_ROW_TEXT(arguments, rsh, "rsh", NULL, "COMMAND", "remote shell for rsync (default ssh)"),
};
enum { N_MORE = sizeof more / sizeof *more };

/* What is the same for all hosts. Paths are absolute: they are the same on every host. */
typedef struct {
    const arguments *a;
    char root[PATH_MAX], list[32]; /* the dataset ("": /), and the names of its files within it */
    int n_weights;
    char weights[MAX_WEIGHTS][PATH_MAX];
} things;

/* The path by which run opens it on a host: from the folder that mpirun starts in, through links, which are not resolved: a
 * host may have others, or none. But --mkpath cannot pass "." and "..", and ".." is that of the folder where a link leads. */
static vb_status make_absolute(char out[PATH_MAX], const char *path, vb_err *err)
{
    char *here = *path == '/' ? strdup("") : get_current_dir_name(); /* $PWD where that is this folder, as mpirun takes it */
    char given[2 * PATH_MAX], upper[PATH_MAX], *save = NULL;
    size_t n = 0;

    if (!here)
        return vb_fail(err, VB_EIO, "'%.200s': the working folder: %s", path, strerror(errno));
    snprintf(given, sizeof given, "%s/%s", here, path);
    free(here);
    *out = '\0';
    for (const char *part = strtok_r(given, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        if (!strcmp(part, "."))
            continue;
        if (n + 1 + strlen(part) >= PATH_MAX)
            return vb_fail(err, VB_EARG, "'%.200s...': the path is too long", path);
        n += (size_t)sprintf(out + n, "/%s", part);
        if (strcmp(part, "..") != 0)
            continue;
        if (!realpath(out, upper))
            return vb_fail(err, VB_EIO, "'%.200s': %s", out, strerror(errno));
        n = (size_t)sprintf(out, "%s", upper[1] ? upper : "");
    }
    return VB_OK;
}

static vb_status find_weights(things *t, vb_err *err)
{
    const vb_options *o = &t->a->run;
    const vb_model_info *m[VB_MODEL_MAX];
    char item[64], path[PATH_MAX];

    for (const char *cur = o->models; vb_cli_item(&cur, item, sizeof item);) {
        vb_prompt_kind kind;
        bool own;
        int n;

        if (vb_model_expand(m, &n, &own, &kind, item, err))
            return VB_EARG;
        for (int i = 0; i < n; i++) {
            bool known = false;

            if (vb_options_checkpoint(path, sizeof path, o, m[i]->name, err))
                return VB_EARG;
            if (!*path || !strncmp(path, "seed:", 5) || t->n_weights == MAX_WEIGHTS)
                continue;
            if (make_absolute(t->weights[t->n_weights], path, err))
                return VB_EARG;
            for (int k = 0; k < t->n_weights; k++)
                known = known || !strcmp(t->weights[k], t->weights[t->n_weights]);
            t->n_weights += !known;
        }
    }
    return VB_OK;
}

/* The dataset's files as rsync's --files-from wants them: folders of videos, and every split list. */
static vb_status write_list(things *t, const vb_dataset *d, vb_err *err)
{
    size_t root = strlen(d->root);
    vb_listing names;
    FILE *f;
    int fd;

    strcpy(t->list, "/tmp/savbench-sync-XXXXXX");
    if ((fd = mkstemp(t->list)) < 0 || !(f = fdopen(fd, "w"))) {
        if (fd >= 0)
            close(fd);
        return vb_fail(err, VB_EIO, "'%s': %s", t->list, strerror(errno));
    }
    for (int i = 0; i < d->n_videos; i++)
        fprintf(f, "%s/%s\n%s/%s\n", d->frames_dir + root + 1, d->names[i], d->masks_dir + root + 1, d->names[i]);
    if (vb_listing_read(&names, d->root, NULL) == VB_OK) {
        for (size_t i = 0; i < names.n; i++) {
            size_t n = strlen(names.names[i]);

            if (n > 4 && !strcmp(names.names[i] + n - 4, ".txt"))
                fprintf(f, "%s\n", names.names[i]);
        }
        vb_listing_deinit(&names);
    }
    return fclose(f) ? vb_fail(err, VB_EIO, "'%s': %s", t->list, strerror(errno)) : VB_OK;
}

/* Runs rsync and reads what it would do or does: *lacking counts, the first few are named. */
static vb_status run_rsync(int *lacking, const char *host, const char *const *args, vb_err *err)
{
    char line[PATH_MAX + 64];
    int out, rc, status = 0;
    FILE *from;
    pid_t pid;

    if ((rc = vb_spawn_reading(&pid, &out, args)))
        return vb_fail(err, VB_EIO, "rsync cannot be started: %s; install it (Debian, Ubuntu: apt-get install rsync)", strerror(rc));
    if (!(from = fdopen(out, "r"))) {
        close(out);
        return vb_fail(err, VB_ENOMEM, "reading from rsync: %s", strerror(errno));
    }
    /* "<f+++++++++ NAME": a file that is new there or differs */
    while (fgets(line, sizeof line, from))
        if (line[0] == '<' && line[1] == 'f') {
            line[strcspn(line, "\n")] = '\0';
            if (++*lacking <= SHOWN)
                printf("  %s: %s (%s)\n", host, strchr(line, ' ') + 1, line[2] == '+' ? "not there" : "differs");
        }
    fclose(from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return vb_fail(err, VB_EIO, "%s: rsync ended with code %d (its words are above): can `ssh %s` be used without a password, and is rsync there?",
                       host, WIFEXITED(status) ? WEXITSTATUS(status) : -1, host);
    return VB_OK;
}

static int common_arguments(const char **args, const things *t)
{
    int n = 0;

    args[n++] = "rsync";
    args[n++] = "--checksum"; /* sizes and dates say little about a copy that was cut off */
    args[n++] = "--copy-links"; /* else rsync passes over them, without an error */
    args[n++] = "--times";
    args[n++] = "--itemize-changes";
    args[n++] = "--mkpath";
    if (!t->a->apply)
        args[n++] = "--dry-run";
    args[n++] = "-e";
    args[n++] = t->a->rsh ? t->a->rsh : "ssh";
    return n;
}

static vb_status sync_host(int *lacking, const things *t, const char *host, vb_err *err)
{
    char from[PATH_MAX + 2], to[PATH_MAX + 260], list[64];
    const char *args[24];
    int n = common_arguments(args, t);
    vb_status st;

    snprintf(list, sizeof list, "--files-from=%s", t->list);
    snprintf(from, sizeof from, "%s/", t->root);
    snprintf(to, sizeof to, "%s:%s/", host, t->root);
    args[n++] = "--recursive";
    args[n++] = list;
    args[n++] = from;
    args[n++] = to;
    args[n] = NULL;
    if ((st = run_rsync(lacking, host, args, err)))
        return st;
    for (int i = 0; i < t->n_weights && st == VB_OK; i++) {
        n = common_arguments(args, t);
        snprintf(to, sizeof to, "%s:%s", host, t->weights[i]);
        args[n++] = t->weights[i];
        args[n++] = to;
        args[n] = NULL;
        st = run_rsync(lacking, host, args, err);
    }
    return st;
}

static int sync_all(const things *t, const vb_hosts *h)
{
    int code = VB_EXIT_OK;

    for (int i = 0; i < h->n; i++) {
        const char *host = h->list[i].name;
        vb_err err;
        int lacking = 0;

        if (vb_host_is_own(host)) { /* by whatever name: a copy onto itself would replace its links */
            printf("%s: this machine\n", host);
            continue;
        }
        fflush(stdout);
        if (sync_host(&lacking, t, host, &err)) {
            fprintf(stderr, "savbench sync: %s\n", err.msg);
            code = VB_EXIT_FAILED;
            continue;
        }
        if (!lacking)
            printf("%s: has everything\n", host);
        else
            printf("%s: %d file%s %s\n", host, lacking, lacking == 1 ? "" : "s", t->a->apply ? "copied" : "lacking; --apply copies them");
        if (lacking && !t->a->apply && code == VB_EXIT_OK)
            code = VB_EXIT_SOME_FAILED;
    }
    return code;
}

int vb_sync_main(int argc, char **argv)
{
    arguments a = {.apply = false};
    things t = {.a = &a};
    vb_hosts hosts = {0};
    vb_dataset *d = NULL;
    vb_err err = {0};
    int code = VB_EXIT_FAILED;

    if (vb_cli_wants_help(argc, argv)) {
        vb_options_help_with(stdout, "sync --hostfile FILE --split-dir DIR [--models LIST] [--apply]",
                             "Compares the split's videos and the models' checkpoints on every host with those here, by content, over ssh and\n"
                             "rsync, at the same paths; --apply copies. Exit code 1: something is lacking. What is a link here is the file or folder\n"
                             "that it leads to; on a host a file that is a link counts as lacking, and --apply puts the file in its place. Options are\n"
                             "run's; those that choose hosts, dataset and weights matter:",
                             more, N_MORE);
        return VB_EXIT_OK;
    }
    if (vb_options_parse_loose(&a.run, more, N_MORE, argc, argv, &err))
        return vb_cli_fail("sync", &err);
    if (!a.run.hostfile || !a.run.split_dir) {
        vb_fail(&err, VB_EARG, "--hostfile FILE and --split-dir DIR say which hosts and what data");
        return vb_cli_fail("sync", &err);
    }
    if (vb_hosts_read(&hosts, a.run.hostfile, &err) ||
        vb_dataset_open(&d, a.run.split_dir, a.run.split_name, &a.run.limits, &err) || find_weights(&t, &err) ||
        make_absolute(t.root, d->root, &err))
        goto out;
    if (write_list(&t, d, &err) == VB_OK)
        code = sync_all(&t, &hosts);
out:
    if (*t.list)
        unlink(t.list);
    vb_dataset_free(d);
    vb_hosts_deinit(&hosts);
    return err.code ? vb_cli_fail("sync", &err) : code;
}
