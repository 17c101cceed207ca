/* Fuzz target: a command line, a word per line: options with their lists, then each word as whatever else is typed by hand or read
 * from a host file. The record of options that were taken must be taken as its own. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "checkpoint.h"
#include "hosts.h"
#include "models.h"
#include "options.h"
#include "prompt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WORDS = 64 };

static void as_options(int argc, char **argv)
{
    vb_options o;
    vb_err err = {.msg = ""};
    char path[64], *record;

    if (!fuzz_took(vb_options_parse_with(&o, NULL, 0, argc, argv, &err), &err))
        return;
    fuzz_hold(o.n_dtypes > 0 && o.n_banks > 0 && o.n_modes > 0, "every axis has a value");
    for (int i = 0; i < o.n_setups; i++) {
        fuzz_hold(vb_model_info_find(o.setups[i].model) != NULL, "every setup's model is in the table");
        fuzz_took(vb_options_checkpoint(path, sizeof path, &o, o.setups[i].model, &err), &err);
    }
    if (fuzz_took(vb_options_json(&record, &o, &err), &err)) /* words that are no UTF-8 have no record */
        fuzz_hold(vb_options_same_fixed(&o, record, &err) == VB_OK, "options agree with their own record");
    free(record);
}

static void as_word(const char *word)
{
    const vb_model_info *models[VB_MODEL_MAX];
    vb_prompt_kind kind;
    vb_prompt prompt;
    vb_variant v, again;
    vb_err err = {.msg = ""};
    char tag[VB_TAG_MAX];
    uint64_t seed;
    bool flag;
    int n;

    if (fuzz_took(vb_model_expand(models, &n, &flag, &kind, word, &err), &err))
        fuzz_hold(n > 0 && n <= VB_MODEL_MAX, "a word that is taken names models");
    if (fuzz_took(vb_variant_parse_tag(&v, word, &err), &err)) {
        vb_variant_tag(tag, &v);
        fuzz_hold(vb_variant_parse_tag(&again, tag, &err) == VB_OK && vb_setup_equal(&v.setup, &again.setup), "a tag is read as written");
    }
    if (!strstr(word, "mask") && fuzz_took(vb_prompt_parse(&prompt, word, &err), &err)) /* a mask would open a file */
        vb_prompt_deinit(&prompt);
    fuzz_took(vb_seed_parse(&flag, &seed, word, &err), &err);
    fuzz_hold(!vb_name_ok(word) || (!strchr(word, '/') && word[0] != '.' && strlen(word) < VB_NAME_MAX), "a name is one plain part of a path");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *argv[MAX_WORDS + 2] = {"run"}, path[32], *save = NULL;
    vb_hosts hosts = {0};
    vb_err err = {.msg = ""};
    int argc = 1, fd = as_path(path, data, size);

    if (fuzz_took(vb_hosts_read(&hosts, path, &err), &err))
        for (int i = 0; i < hosts.n; i++)
            fuzz_hold(hosts.list[i].name[0] && (hosts.list[i].slots > 0 || (i == 0 && hosts.n > 1)), "a host has a name and slots; the first one may coordinate alone");
    vb_hosts_deinit(&hosts);
    close(fd);
    for (char *w = strtok_r(text, "\n", &save); w && argc <= MAX_WORDS; w = strtok_r(NULL, "\n", &save)) {
        as_word(w);
        argv[argc++] = w;
    }
    as_options(argc, argv);
    free(text);
    return 0;
}
