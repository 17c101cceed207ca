/* Command lines by table: one row per option parses, prints its help and writes its record.
 * getopt_long underneath. In option names '_' and '-' are the same. */
#ifndef VB_CLI_H
#define VB_CLI_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes of every command. RESUMABLE: a signal stopped it and the same command goes on from there (a batch system
 * may be told to start it again on this code). */
enum { VB_EXIT_OK = 0, VB_EXIT_SOME_FAILED = 1, VB_EXIT_USAGE = 2, VB_EXIT_FAILED = 3, VB_EXIT_RESUMABLE = 99 };

typedef enum {
    VB_OPT_TEXT, /* const char *: borrowed from argv */
    VB_OPT_INT,  /* int, min..max */
    VB_OPT_U64,  /* uint64_t */
    VB_OPT_FLAG, /* bool: given means true; no argument */
    VB_OPT_CALL  /* set() parses it, get() gives its record; several on one field are allowed */
} vb_opt_type;

typedef struct {
    const char *name;    /* canonical, with hyphens, without the leading two */
    const char *aliases; /* more names, separated by spaces; one letter is a short option; NULL */
    const char *arg;     /* what help calls the argument; "[=X]": may be left out (set gets NULL); NULL for flags */
    const char *help;    /* one line or more, without the default */
    vb_opt_type type;
    size_t offset;       /* of the field in the caller's struct */
    int min, max;        /* VB_OPT_INT */
    vb_status (*set)(void *options, const char *value, vb_err *err);
    json_t *(*get)(const void *options); /* NULL result: left out of the record */
    bool fixed; /* part of what a record means: a results folder keeps to one value */
} vb_opt;

/* Rows of a table over struct T. */
#define VB_ROW_TEXT(T, field, name_, aliases_, arg_, help_) \
    {.name = name_, .aliases = aliases_, .arg = arg_, .help = help_, .type = VB_OPT_TEXT, .offset = offsetof(T, field)}
#define VB_ROW_INT(T, field, min_, max_, name_, aliases_, arg_, help_, ...)                                             \
    {.name = name_, .aliases = aliases_, .arg = arg_, .help = help_, .type = VB_OPT_INT, .offset = offsetof(T, field), \
     .min = min_, .max = max_, __VA_ARGS__}
#define VB_ROW_U64(T, field, name_, aliases_, arg_, help_) \
    {.name = name_, .aliases = aliases_, .arg = arg_, .help = help_, .type = VB_OPT_U64, .offset = offsetof(T, field)}
#define VB_ROW_FLAG(T, field, name_, aliases_, help_) \
    {.name = name_, .aliases = aliases_, .help = help_, .type = VB_OPT_FLAG, .offset = offsetof(T, field)}
#define VB_ROW_CALL(set_, get_, name_, aliases_, arg_, help_, ...) \
    {.name = name_, .aliases = aliases_, .arg = arg_, .help = help_, .type = VB_OPT_CALL, .set = set_, .get = get_, __VA_ARGS__}

/* Parses argv[1..argc). Operands (what is no option) are moved to the end, *first_operand is the first one's index.
 * VB_EARG names the option and the fault. */
vb_status vb_cli_parse(const vb_opt *opts, size_t n, void *options, int argc, char **argv, int *first_operand, vb_err *err);

/* "usage" is the line after "usage: savbench "; the table follows. */
void vb_cli_help(FILE *to, const char *usage, const char *about, const vb_opt *opts, size_t n);
bool vb_cli_wants_help(int argc, char **argv); /* --help or -h among the options */

/* A JSON array, for rows' get. NULL: out of memory, or a word is no UTF-8. */
json_t *vb_cli_words(const char *const *words, int n);
/* The record: a JSON object of every option by canonical name. */
vb_status vb_cli_record(json_t **out, const vb_opt *opts, size_t n, const void *options, vb_err *err);

/* Prints "savbench COMMAND: message" to stderr and returns the exit code for the error's kind. */
int vb_cli_fail(const char *command, const vb_err *err);

/* A comma-separated list, item by item: returns the next item copied into buf, or NULL at the end.
 * *cursor starts at the list. Empty and overlong items come back as "". */
const char *vb_cli_item(const char **cursor, char *buf, size_t n);

vb_status vb_cli_int(int *out, const char *what, const char *s, int min, int max, vb_err *err);

#endif
