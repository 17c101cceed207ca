/* `savbench verify`: the command, and its repair; see verify.h. */
#include "verify.h"

#include "cli.h"
#include "store_impl.h"

#include <stdlib.h>
#include <string.h>

/* Rows that say what their shard does not go; recovery takes their shards up anew. A row that refers to nothing goes too. */
static vb_status drop_rows(vb_store *s, const vb_verdict_on *found, vb_err *err)
{
    vb_status st = vb_store_begin(s, err);

    if (st)
        return st;
    for (size_t i = 0; i < found->n_rows && st == VB_OK; i++)
        st = vb_db_run(s->db, err, "DELETE FROM trial WHERE trial_id = ?1 AND status = 'done'", "i", found->rows[i]);
    if (st == VB_OK)
        st = vb_db_run(s->db, err,
                       "DELETE FROM trial WHERE status = 'done' AND trial_id NOT IN (SELECT trial_id FROM trial"
                       " JOIN video USING (video_id) JOIN variant USING (variant_id) JOIN device USING (device_id)"
                       " JOIN device_class USING (device_class_id) JOIN host USING (host_id)"
                       " JOIN provenance USING (provenance_id))", "");
    if (st == VB_OK)
        st = vb_db_run(s->db, err, "UPDATE store SET derived_key = NULL", "");
    return vb_store_end(s, st, err);
}

vb_status vb_repair(const vb_verdict_on *found, const char *out_dir, FILE *to, vb_err *err)
{
    vb_store *s = NULL;
    vb_recovery r = {0};
    vb_status st = vb_store_open(&s, out_dir, NULL, err);

    if (st == VB_OK && (st = drop_rows(s, found, err)) == VB_OK)
        st = vb_store_recover(s, &r, err);
    vb_store_close(s);
    if (st)
        return st;
    fprintf(to, "repair: %zu rows taken back, %lld shards adopted, %lld trials to run again, %lld files removed\n",
            found->n_rows, (long long)r.adopted, (long long)r.redone, (long long)(r.refused + r.temporaries));
    return vb_finalize(out_dir, NULL, err);
}

typedef struct {
    bool repair;
} arguments;

static vb_status verify_once(int64_t *differences, vb_verdict_on *v, const char *out_dir, vb_err *err)
{
    vb_status st;

    vb_verify_deinit(v);
    if ((st = vb_verify(v, out_dir, stdout, err)))
        return st;
    printf("%s: %lld trials, %lld with the shard that was committed, %lld differences\n", out_dir, (long long)v->trials,
           (long long)v->shards, (long long)v->differences);
    *differences = v->differences;
    return VB_OK;
}

int vb_verify_main(int argc, char **argv)
{
    static const vb_opt opts[] = {VB_ROW_FLAG(arguments, repair, "repair", NULL, "do what recovery does, make rows that differ anew from their shards, finalize, and verify again")};
    static const char usage[] = "verify [--repair] OUT";
    arguments a = {0};
    vb_verdict_on v = {0};
    vb_err err = {VB_OK, ""};
    int64_t differences = 0;
    int first = argc;
    vb_status st;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, usage, "Hashes every shard, makes every number of summary.db and results.h5 anew from them, and prints\n"
                    "what differs. Exit code 0: nothing does; 1: something does.", opts, 1);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(opts, 1, &a, argc, argv, &first, &err))
        return vb_cli_fail("verify", &err);
    if (argc - first != 1) {
        vb_fail(&err, VB_EARG, "usage: savbench %s", usage);
        return vb_cli_fail("verify", &err);
    }
    st = verify_once(&differences, &v, argv[first], &err);
    if (st == VB_OK && differences && a.repair && (st = vb_repair(&v, argv[first], stdout, &err)) == VB_OK)
        st = verify_once(&differences, &v, argv[first], &err);
    vb_verify_deinit(&v);
    if (st)
        return vb_cli_fail("verify", &err);
    return differences ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
}
