/* Golden lists of seeded weights; see weight_list.h. */
#include "weight_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void read_shape(vb_tensor_spec *spec, char *text)
{
    char *save = NULL;

    if (!strcmp(text, "scalar"))
        return;
    for (char *d = strtok_r(text, "x", &save); d; d = strtok_r(NULL, "x", &save)) {
        assert_true(spec->ndim < VB_TENSOR_DIMS);
        spec->shape[spec->ndim++] = strtoll(d, NULL, 10);
    }
}

bool weight_list_read(weight_list *out, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[512], key[256], dtype[16], shape[64];
    unsigned long long checksum;
    size_t room = 2048;

    memset(out, 0, sizeof *out);
    if (!f)
        return false;
    out->specs = calloc(room, sizeof *out->specs);
    out->checksums = calloc(room, sizeof *out->checksums);
    assert_true(out->specs && out->checksums);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%255s %15s %63s %llx", key, dtype, shape, &checksum), 4);
        assert_true(out->n < room);
        vb_tensor_spec *spec = &out->specs[out->n];

        spec->key = strdup(key);
        spec->integer = !strcmp(dtype, "int64");
        read_shape(spec, shape);
        out->checksums[out->n++] = checksum;
    }
    fclose(f);
    return true;
}

void weight_list_free(weight_list *w)
{
    for (size_t i = 0; i < w->n; i++)
        free((void *)(uintptr_t)w->specs[i].key);
    free(w->specs);
    free(w->checksums);
}
