/* Command lines by table; see cli.h. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 160, FIRST_LONG = 256 };

vb_status vb_cli_int(int *out, const char *what, const char *s, int min, int max, vb_err *err)
{
    char *end;
    long v;

    errno = 0;
    v = strtol(s, &end, 10);
    if (end == s || *end || errno || v < min || v > max)
        return vb_fail(err, VB_EARG, "%s: '%.64s' is not a whole number from %d to %d", what, s, min, max);
    *out = (int)v;
    return VB_OK;
}

const char *vb_cli_item(const char **cursor, char *buf, size_t n)
{
    const char *s = *cursor, *end;
    size_t len;

    if (!s)
        return NULL;
    end = strchr(s, ',');
    *cursor = end ? end + 1 : NULL;
    len = end ? (size_t)(end - s) : strlen(s);
    while (len && isspace((unsigned char)*s))
        s++, len--;
    while (len && isspace((unsigned char)s[len - 1]))
        len--;
    if (len >= n)
        len = 0;
    memcpy(buf, s, len);
    buf[len] = '\0';
    return buf;
}

static vb_status apply(const vb_opt *o, void *options, const char *value, vb_err *err)
{
    char *field = (char *)options + o->offset;
    char what[80], *end;

    snprintf(what, sizeof what, "--%s", o->name);
    switch (o->type) {
    case VB_OPT_TEXT:
        *(const char **)field = value;
        return VB_OK;
    case VB_OPT_INT:
        return vb_cli_int((int *)field, what, value, o->min, o->max, err);
    case VB_OPT_U64:
        errno = 0;
        *(uint64_t *)field = strtoull(value, &end, 10);
        if (end == value || *end || errno || strchr(value, '-'))
            return vb_fail(err, VB_EARG, "%s: '%.64s' is not a whole number from 0 to 2^64-1", what, value);
        return VB_OK;
    case VB_OPT_FLAG:
        *(bool *)field = true;
        return VB_OK;
    case VB_OPT_CALL:
        return o->set(options, value, err);
    }
    return VB_OK;
}

/* "--split_dir=X" -> "--split-dir=X", in place. */
static void hyphenate(char *arg)
{
    if (arg[0] != '-' || arg[1] != '-')
        return;
    for (char *p = arg + 2; *p && *p != '='; p++)
        if (*p == '_')
            *p = '-';
}

/* "[=HOW]" names an argument that may be left out. */
static int argument(const vb_opt *o)
{
    if (!o->arg)
        return no_argument;
    return !strncmp(o->arg, "[=", 2) ? optional_argument : required_argument;
}

vb_status vb_cli_parse(const vb_opt *opts, size_t n, void *options, int argc, char **argv, int *first_operand, vb_err *err)
{
    struct option longs[MAX_NAMES + 1] = {{0}};
    char names[MAX_NAMES][40], shorts[64] = ":";
    int of[MAX_NAMES], short_of[128], count = 0, c, at = 0;
    size_t ns = 1;

    memset(short_of, -1, sizeof short_of);
    for (size_t i = 0; i < n; i++) {
        char all[200], *save = NULL;

        snprintf(all, sizeof all, "%s %s", opts[i].name, opts[i].aliases ? opts[i].aliases : "");
        for (char *w = strtok_r(all, " ", &save); w && count < MAX_NAMES; w = strtok_r(NULL, " ", &save)) {
            if (!w[1]) {
                short_of[(unsigned char)w[0] & 127] = (int)i;
                shorts[ns++] = w[0];
                for (int k = argument(&opts[i]); k > 0; k--) /* ":" required, "::" optional */
                    shorts[ns++] = ':';
                continue;
            }
            snprintf(names[count], sizeof names[count], "%s", w);
            longs[count] = (struct option){names[count], argument(&opts[i]), NULL, FIRST_LONG + count};
            of[count++] = (int)i;
        }
    }
    shorts[ns] = '\0';
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        hyphenate(argv[i]);
    optind = 0; /* GNU: start afresh, also after an earlier parse in this process */
    opterr = 0;
    while (at = optind ? optind : 1, (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int i = c >= FIRST_LONG ? of[c - FIRST_LONG] : c > 0 && c < 128 ? short_of[c] : -1;

        if (c == ':')
            return vb_fail(err, VB_EARG, "%s needs an argument; see --help", argv[optind - 1]);
        if (c == '?' || i < 0)
            return vb_fail(err, VB_EARG, "unknown or ambiguous option '%.64s'; see --help", argv[at < argc ? at : argc - 1]);
        if (apply(&opts[i], options, optarg, err))
            return err ? err->code : VB_EARG;
    }
    *first_operand = optind;
    return VB_OK;
}

bool vb_cli_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

void vb_cli_help(FILE *to, const char *usage, const char *about, const vb_opt *opts, size_t n)
{
    fprintf(to, "usage: savbench %s\n\n%s\n", usage, about);
    if (n)
        fputs("\nOptions:\n", to);
    for (size_t i = 0; i < n; i++) {
        char head[96];
        const char *line = opts[i].help;

        snprintf(head, sizeof head, "--%s%s%s", opts[i].name, argument(&opts[i]) == required_argument ? " " : "", opts[i].arg ? opts[i].arg : "");
        fprintf(to, strlen(head) > 27 ? "  %s\n%30s" : "  %-28s", head, "");
        for (const char *nl; (nl = strchr(line, '\n')); line = nl + 1)
            fprintf(to, "%.*s\n%30s", (int)(nl - line), line, "");
        fputs(line, to);
        if (opts[i].aliases) {
            char all[120], *save = NULL;

            fputs(" (also", to);
            snprintf(all, sizeof all, "%s", opts[i].aliases);
            for (char *w = strtok_r(all, " ", &save); w; w = strtok_r(NULL, " ", &save))
                fprintf(to, " %s%s", w[1] ? "--" : "-", w);
            fputc(')', to);
        }
        fputc('\n', to);
    }
}

json_t *vb_cli_words(const char *const *words, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        if (json_array_append_new(list, json_string(words[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

vb_status vb_cli_record(json_t **out, const vb_opt *opts, size_t n, const void *options, vb_err *err)
{
    json_t *all = *out = json_object();

    if (!all)
        return vb_fail(err, VB_ENOMEM, "the record of options");
    for (size_t i = 0; i < n; i++) {
        const char *field = (const char *)options + opts[i].offset;
        json_t *v = NULL;

        switch (opts[i].type) {
        case VB_OPT_TEXT:
            v = *(const char *const *)field ? json_string(*(const char *const *)field) : json_null();
            break;
        case VB_OPT_INT:
            v = json_integer(*(const int *)field);
            break;
        case VB_OPT_U64:
            v = json_integer((json_int_t)*(const uint64_t *)field);
            break;
        case VB_OPT_FLAG:
            v = json_boolean(*(const bool *)field);
            break;
        case VB_OPT_CALL:
            if (!opts[i].get)
                continue;
            v = opts[i].get(options);
            break;
        }
        if (json_object_set_new(all, opts[i].name, v)) { /* fails without a value too */
            json_decref(all);
            *out = NULL;
            return vb_fail(err, VB_ENOMEM, "--%s cannot be recorded: out of memory, or its value is no UTF-8", opts[i].name);
        }
    }
    return VB_OK;
}

int vb_cli_fail(const char *command, const vb_err *err)
{
    fprintf(stderr, "savbench %s: %s\n", command, err->msg);
    return err->code == VB_EARG ? VB_EXIT_USAGE : VB_EXIT_FAILED;
}
