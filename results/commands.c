/* The commands that read an output folder, and finalize: their options by table, then one call; see report.h. */
#include "cli.h"
#include "emit.h"
#include "report.h"
#include "store.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *format, *out, *state_dir;
} arguments;

#define FORMAT VB_ROW_TEXT(arguments, format, "format", NULL, "FORMAT", "table, csv or json")

/* Parses; *operands gets the first operand, *n how many. -1: go on; else the exit code. */
static int begin(const char *command, const char *usage, const char *about, const vb_opt *opts, size_t n_opts, int argc,
                 char **argv, int least, int most, arguments *a, char ***operands, vb_report_format *format)
{
    int first = argc;
    vb_err err = {VB_OK, ""};

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, usage, about, opts, n_opts);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(opts, n_opts, a, argc, argv, &first, &err) || (a->format && vb_report_format_parse(format, a->format, &err)))
        return vb_cli_fail(command, &err);
    if (argc - first < least || argc - first > most) {
        vb_fail(&err, VB_EARG, "usage: savbench %s", usage);
        return vb_cli_fail(command, &err);
    }
    *operands = argv + first;
    return -1;
}

int vb_report_main(int argc, char **argv)
{
    static const vb_opt opts[] = {FORMAT};
    vb_report_format format = VB_REPORT_TABLE;
    arguments a = {0};
    char **operand = NULL;
    vb_err err = {VB_OK, ""};
    int code = begin("report", "report [OPTIONS] OUT", "The dtypes of each model beside float32, paired, by kind of device.", opts, 1,
                     argc, argv, 1, 1, &a, &operand, &format);

    if (code >= 0)
        return code;
    return vb_report_dtypes(operand[0], format, stdout, &err) ? vb_cli_fail("report", &err) : VB_EXIT_OK;
}

int vb_query_main(int argc, char **argv)
{
    static const vb_opt opts[] = {FORMAT};
    vb_report_format format = VB_REPORT_TABLE;
    arguments a = {0};
    char **operand = NULL;
    vb_err err = {VB_OK, ""};
    int code = begin("query", "query [OPTIONS] OUT SQL", "The rows of one SELECT on summary.db; nothing but reading is allowed.", opts, 1,
                     argc, argv, 2, 2, &a, &operand, &format);

    if (code >= 0)
        return code;
    return vb_report_query(operand[0], operand[1], format, stdout, &err) ? vb_cli_fail("query", &err) : VB_EXIT_OK;
}

int vb_export_main(int argc, char **argv)
{
    static const vb_opt opts[] = {FORMAT, VB_ROW_TEXT(arguments, out, "out", NULL, "FILE", "write there instead of to the terminal")};
    vb_report_format format = VB_REPORT_CSV;
    arguments a = {0};
    char **operand = NULL;
    vb_err err = {VB_OK, ""};
    int code = begin("export", "export [OPTIONS] OUT [VIEW]", "A whole view or table of summary.db as CSV (or --format json, table);\n"
                     "without VIEW, their names.", opts, 2, argc, argv, 1, 2, &a, &operand, &format);

    if (code >= 0)
        return code;
    /* argv ends with NULL: no VIEW */
    return vb_report_export(operand[0], operand[1], format, a.out, &err) ? vb_cli_fail("export", &err) : VB_EXIT_OK;
}

int vb_finalize_main(int argc, char **argv)
{
    static const vb_opt opts[] = {
        VB_ROW_TEXT(arguments, state_dir, "state-dir", NULL, "DIR", "where the run kept summary.db, if it cannot be found")};
    vb_report_format unused = VB_REPORT_TABLE;
    arguments a = {0};
    char **operand = NULL;
    vb_err err = {VB_OK, ""};
    int code = begin("finalize", "finalize [OPTIONS] OUT", "Makes results.h5 and the derived tables of summary.db from the records.",
                     opts, 1, argc, argv, 1, 1, &a, &operand, &unused);

    if (code >= 0)
        return code;
    return vb_finalize(operand[0], a.state_dir, &err) ? vb_cli_fail("finalize", &err) : VB_EXIT_OK;
}
