/* The text of a batch script; see slurm_script.h.
 *
 * The shell waits for the job in the background, because a trap runs only between commands: USR1 ahead of the limit (and
 * TERM) is passed on, running trials end and are recorded, and exit code 99 asks for the same job again. */
#include "slurm_script.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static vb_status plain(const char *option, const char *word, vb_err *err)
{
    for (const char *c = word; c && *c; c++)
        if (!isgraph((unsigned char)*c) || strchr("\"'`\\$;<>", *c))
            return vb_fail(err, VB_EARG, "--%s '%.64s': letters, digits and plain signs are possible in a line for Slurm", option, word);
    return VB_OK;
}

vb_status vb_slurm_check(const vb_slurm *s, vb_err *err)
{
    const struct {
        const char *name, *word;
    } words[] = {{"gpu-type", s->gpu_type}, {"mem", s->mem},   {"time", s->time},
                 {"partition", s->partition}, {"account", s->account}, {"qos", s->qos},
                 {"constraint", s->constraint}, {"job-name", s->job_name}, {"log", s->log}};
    vb_status st;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((st = plain(words[i].name, words[i].word, err)))
            return st;
    for (int i = 0; i < s->n_sbatch; i++)
        if (strpbrk(s->sbatch[i], "\n\r"))
            return vb_fail(err, VB_EARG, "--sbatch: one line each");
    if (s->run.hostfile || s->run.workers)
        return vb_fail(err, VB_EARG, "--hostfile and --workers: the hosts come from Slurm; --nodes and --gpus-per-node say how many");
    if (s->n_slices && s->run.n_slices)
        return vb_fail(err, VB_EARG, "--slice: --array gives each task its own");
    if (s->n_slices && s->nodes > 1)
        return vb_fail(err, VB_EARG, "--array: each task is one node; leave --nodes out");
    if (s->slice_limit && !s->n_slices)
        return vb_fail(err, VB_EARG, "--array-limit: there is no array; --array N makes one");
    if (s->gpu_type && s->gpus_per_node == 0)
        return vb_fail(err, VB_EARG, "--gpu-type %.64s: --gpus-per-node 0 asks for no GPU", s->gpu_type);
    if (s->test_only && !s->submit)
        return vb_fail(err, VB_EARG, "--test-only: Slurm checks what is submitted; give --submit --test-only, which starts nothing");
    if (!s->no_requeue && s->signal_lead_s < s->run.grace_s + 60)
        return vb_fail(err, VB_EARG, "--signal-lead %d: at least --grace (%d) and a minute are needed to end trials and MPI", s->signal_lead_s,
                       s->run.grace_s);
    return VB_OK;
}

/* 'word' for a POSIX shell; left bare where nothing in it needs quotes. */
static void put_quoted(FILE *to, const char *word)
{
    if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=+@%^-") == strlen(word)) {
        fputs(word, to);
        return;
    }
    fputc('\'', to);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", to);
        else
            fputc(*word, to);
    fputc('\'', to);
}

static void put_option(FILE *to, const char *name, const char *value)
{
    fprintf(to, " \\\n    --%s", name);
    if (value) {
        fputc('=', to);
        put_quoted(to, value);
    }
}

static void put_value(FILE *to, const char *name, const json_t *v)
{
    char number[32];

    if (json_is_true(v))
        put_option(to, name, NULL);
    else if (json_is_string(v))
        put_option(to, name, json_string_value(v));
    else if (json_is_integer(v)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        put_option(to, name, number);
    }
    for (size_t i = 0; i < json_array_size(v); i++)
        put_value(to, name, json_array_get(v, i));
}

/* run's options that differ from their defaults, by canonical name; out_dir and state_dir are the script's variables. */
static vb_status put_run_options(FILE *to, const vb_slurm *s, vb_err *err)
{
    char *none[] = {"run", NULL}, *now = NULL, *before = NULL;
    vb_options defaults;
    json_t *a = NULL, *b = NULL, *v;
    const char *name;
    vb_status st;

    if ((st = vb_options_parse_loose(&defaults, NULL, 0, 1, none, err)) || (st = vb_options_json(&now, &s->run, err)) ||
        (st = vb_options_json(&before, &defaults, err)))
        goto out;
    a = json_loads(now, 0, NULL);
    b = json_loads(before, 0, NULL);
    if (!a || !b) {
        st = vb_fail(err, VB_ENOMEM, "the script's options");
        goto out;
    }
    json_object_foreach(a, name, v) {
        if (strcmp(name, "out-dir") && strcmp(name, "state-dir") && strcmp(name, "retry-failed") && !json_equal(v, json_object_get(b, name)))
            put_value(to, name, v);
    }
    fputs(" \\\n    --out-dir=\"$out\"", to);
    if (s->run.retry_failed)
        fputs(" \\\n    $retry", to);
    if (s->run.state_dir)
        fputs(" \\\n    --state-dir=\"$state\"", to);
    if (s->n_slices)
        fprintf(to, " \\\n    --slice=\"$SLURM_ARRAY_TASK_ID/%d\"", s->n_slices);
out:
    json_decref(a);
    json_decref(b);
    free(now);
    free(before);
    return st;
}

static void put_line(FILE *to, const char *option, const char *value)
{
    if (value)
        fprintf(to, "#SBATCH --%s=%s\n", option, value);
}

static void put_head(FILE *to, const vb_slurm *s)
{
    fputs("#!/bin/bash\n", to);
    put_line(to, "job-name", s->job_name);
    put_line(to, "partition", s->partition);
    put_line(to, "account", s->account);
    put_line(to, "qos", s->qos);
    put_line(to, "constraint", s->constraint);
    fprintf(to, "#SBATCH --nodes=%d\n", s->nodes);
    if (s->gpus_per_node)
        fprintf(to, "#SBATCH --gres=gpu:%s%s%d\n", s->gpu_type ? s->gpu_type : "", s->gpu_type ? ":" : "", s->gpus_per_node);
    /* One task per worker; the coordinator needs no core of its own. */
    fprintf(to, "#SBATCH --ntasks-per-node=%d\n", s->gpus_per_node ? s->gpus_per_node : 1);
    if (s->cpus_per_gpu)
        fprintf(to, "#SBATCH --cpus-per-task=%d\n", s->cpus_per_gpu);
    put_line(to, "mem", s->mem);
    put_line(to, "time", s->time);
    if (s->n_slices) {
        fprintf(to, "#SBATCH --array=1-%d", s->n_slices);
        fprintf(to, s->slice_limit ? "%%%d\n" : "\n", s->slice_limit);
    }
    put_line(to, "output", s->log ? s->log : s->n_slices ? "savbench-%A_%a.log" : "savbench-%j.log");
    fputs("#SBATCH --open-mode=append\n", to);
    if (s->no_requeue)
        fputs("#SBATCH --no-requeue\n", to);
    else
        fprintf(to, "#SBATCH --requeue\n#SBATCH --signal=B:USR1@%d\n", s->signal_lead_s);
    for (int i = 0; i < s->n_sbatch; i++)
        fprintf(to, "#SBATCH %s\n", s->sbatch[i]);
}

/* The live database on the node's own disk does not outlive the allocation: OUT's copy of it is what the next one starts
 * from, and shards that are newer are adopted. */
static void put_state(FILE *to, const vb_slurm *s)
{
    if (!s->run.state_dir)
        return;
    fputs("state=", to);
    put_quoted(to, s->run.state_dir);
    fprintf(to, "%s\nmkdir -p \"$state\" || exit 3\n"
                "if [ \"$out/summary.db\" -nt \"$state/summary.db\" ]; then # another node went on from here\n"
                "    rm -f \"$state\"/summary.db-*\n"
                "    cp \"$out/summary.db\" \"$state/summary.db\" || exit 3\n"
                "fi\n",
            s->n_slices ? "/slice-$SLURM_ARRAY_TASK_ID" : "");
}

/* Where the program is, after what the site says. */
static void put_program(FILE *to, const vb_slurm *s)
{
    if (s->site) {
        fputs(strchr(s->site, '/') ? ". " : ". ./", to); /* sh looks for a bare name in PATH alone */
        put_quoted(to, s->site);
        fputs(" || exit 3\n", to);
    }
    fputs("savbench=${SAVBENCH:-", to);
    put_quoted(to, s->program);
    fputs("}\n", to);
}

/* Without slashes at its end. */
static void put_out_dir(FILE *to, const vb_slurm *s)
{
    size_t n = strlen(s->run.out_dir);
    char *trimmed;

    while (n > 1 && s->run.out_dir[n - 1] == '/')
        n--;
    trimmed = strndup(s->run.out_dir, n);
    put_quoted(to, trimmed ? trimmed : s->run.out_dir);
    free(trimmed);
}

static void put_merge(FILE *to, const vb_slurm *s)
{
    fputs("\"$savbench\" merge ", to);
    put_out_dir(to, s);
    fputc(' ', to);
    put_out_dir(to, s);
    fputs("-slices/*\n", to);
}

static vb_status put_job(FILE *to, const vb_slurm *s, vb_err *err)
{
    int workers = s->nodes * (s->gpus_per_node ? s->gpus_per_node : 1);
    vb_status st;

    if (s->launcher == VB_LAUNCH_SRUN)
        /* Rank 0 coordinates: cyclic gives it to the first node, beside that node's workers. */
        fprintf(to, "srun --mpi=pmix --ntasks=%d --ntasks-per-node=%d --overcommit --distribution=cyclic --cpu-bind=none --kill-on-bad-exit=0 \\\n    ",
                workers + 1, s->gpus_per_node + (s->gpus_per_node ? 1 : 2));
    fputs("\"$savbench\" run", to);
    if ((st = put_run_options(to, s, err)))
        return st;
    if (s->launcher == VB_LAUNCH_MPIRUN)
        fprintf(to, " \\\n    --workers=%d", workers);
    fputs(" &\n", to);
    return VB_OK;
}

static const char wait_for_it[] =
    "job=$!\n"
    "trap 'signalled=1; kill -USR1 \"$job\" 2>/dev/null' USR1\n"
    "trap 'signalled=1; kill -TERM \"$job\" 2>/dev/null' TERM INT\n"
    "signalled=1\n"
    "while [ -n \"$signalled\" ]; do # a trapped signal ends the wait, not the job\n"
    "    signalled=\n"
    "    wait \"$job\"\n"
    "    code=$?\n"
    "done\n";

static const char requeue[] =
    "if [ \"$code\" -eq 99 ]; then # stopped in order, trials are left: the same job again goes on from here\n"
    "    case $(scontrol show config 2>/dev/null | sed -n 's/^RequeueExit *= *//p') in\n"
    "        *99*) ;; # Slurm does it itself\n"
    "        *) scontrol requeue \"${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}\" ;;\n"
    "    esac\n"
    "fi\n";

vb_status vb_slurm_merge_text(char **text, const vb_slurm *s, vb_err *err)
{
    size_t n = 0;
    FILE *to = open_memstream(text, &n);

    if (to) {
        put_program(to, s);
        put_merge(to, s);
    }
    if (!to || ferror(to) | fclose(to)) /* closed whichever it is */
        return vb_fail(err, VB_ENOMEM, "merge command");
    return VB_OK;
}

vb_status vb_slurm_write(FILE *to, const vb_slurm *s, vb_err *err)
{
    vb_status st;

    put_head(to, s);
    fputs("\n# Written by `savbench slurm`. sbatch runs it in the folder where it is submitted.\nset -u\n", to);
    put_program(to, s);
    fputs("out=", to);
    put_out_dir(to, s);
    fputs(s->n_slices ? "-slices/$SLURM_ARRAY_TASK_ID\n" : "\n", to);
    put_state(to, s);
    if (s->run.retry_failed)
        fputs("retry=--retry-failed # not again what failed in an earlier part of this very job\n"
              "[ \"${SLURM_RESTART_COUNT:-0}\" -eq 0 ] || retry=\n", to);
    fputc('\n', to);
    if ((st = put_job(to, s, err)))
        return st;
    fputs(wait_for_it, to);
    if (s->run.state_dir)
        fputs("\"$savbench\" finalize --state-dir \"$state\" \"$out\" # leaves a copy of the database in the results folder\n", to);
    if (!s->no_requeue)
        fputs(requeue, to);
    fputs("exit \"$code\"\n", to);
    if (s->n_slices) {
        fputs("\n# When all tasks are done: ", to);
        put_merge(to, s);
    }
    return ferror(to) ? vb_fail(err, VB_EIO, "the script cannot be written") : VB_OK;
}
