/* Checkpoints of a model's size without a model, and what may come in their place.
 *
 *   make_weights LIST OUT [-KEY] [+KEY] [KEY=N]...   a safetensors file of the tensors of a golden list (tests/golden/weights),
 *       float16 and all zero; without KEY, with one more KEY of one element, with N in place of KEY's shape. The zeros are
 *       a hole in the file.
 *   make_weights hostile OUT FILE   an archive as torch.save writes it, whose pickle would run `touch FILE` */
#include "torch_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "make_weights: %s\n", what);
        exit(1);
    }
}

static void write_file(const char *path, const bytes *b, size_t n_hole)
{
    FILE *f = fopen(path, "wb");

    need(f && fwrite(b->p, 1, b->n, f) == b->n && fflush(f) == 0 && ftruncate(fileno(f), (off_t)(b->n + n_hole)) == 0 && fclose(f) == 0, path);
}

static void hostile(const char *path, const char *touched)
{
    char command[512];
    bytes pickle = {0}, out = {0};

    snprintf(command, sizeof command, "touch %s", touched);
    pickle_begin(&pickle);
    pickle_global(&pickle, "posix", "system");
    pickle_text(&pickle, command);
    put_str(&pickle, "\x85R."); /* TUPLE1, REDUCE, STOP */
    torch_file(&out, &pickle, "", 0);
    write_file(path, &out, 0);
    free(pickle.p);
    free(out.p);
}

/* One entry of the header; *at moves past its data. */
static void add(bytes *header, const char *key, const char *dtype, size_t width, const char *shape, size_t *at)
{
    char copy[64], text[512], *save = NULL;
    size_t n = width, used;

    snprintf(text, sizeof text, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->n > 9 ? "," : "", key, dtype);
    put_str(header, text);
    snprintf(copy, sizeof copy, "%s", shape);
    used = 0;
    for (char *d = strcmp(shape, "scalar") ? strtok_r(copy, "x", &save) : NULL; d; d = strtok_r(NULL, "x", &save)) {
        snprintf(text, sizeof text, "%s%s", used++ ? "," : "", d);
        put_str(header, text);
        n *= strtoul(d, NULL, 10);
    }
    snprintf(text, sizeof text, "],\"data_offsets\":[%zu,%zu]}", *at, *at + n);
    put_str(header, text);
    *at += n;
}

/* The change that the arguments ask for a key: "-", its new shape, or NULL. */
static const char *change_of(const char *key, int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        size_t n = strcspn(argv[i], "=");

        if (argv[i][0] == '-' && !strcmp(argv[i] + 1, key))
            return "-";
        if (argv[i][n] && strlen(key) == n && !strncmp(argv[i], key, n))
            return argv[i] + n + 1;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    bytes file = {0};
    size_t data = 0;
    int changed = 0;

    need(argc >= 3, "LIST OUT [-KEY] [+KEY] [KEY=N], or hostile OUT FILE");
    if (!strcmp(argv[1], "hostile")) {
        need(argc == 4, "hostile OUT FILE");
        hostile(argv[2], argv[3]);
        return 0;
    }
    put_le(&file, 0, 8);
    put_str(&file, "{");
    /* integers in bytes, behind the floats: so that every tensor is aligned without gaps */
    for (int integers = 0; integers < 2; integers++) {
        char line[512], key[256], dtype[16], shape[64];
        FILE *f = fopen(argv[1], "r");

        need(f != NULL, argv[1]);
        while (fgets(line, sizeof line, f)) {
            const char *change;

            if (line[0] == '#' || sscanf(line, "%255s %15s %63s", key, dtype, shape) != 3 || (strcmp(dtype, "int64") == 0) != integers)
                continue;
            change = change_of(key, argc, argv);
            changed += change != NULL;
            if (!change || *change != '-')
                add(&file, key, integers ? "U8" : "F16", integers ? 1 : 2, change ? change : shape, &data);
        }
        fclose(f);
        for (int i = 3; i < argc && !integers; i++)
            if (argv[i][0] == '+') {
                add(&file, argv[i] + 1, "F16", 2, "1", &data);
                changed++;
            }
    }
    need(changed == argc - 3, "a KEY that is not in the list");
    put_str(&file, "}");
    while (file.n % 8)
        put_str(&file, " ");
    for (int i = 0; i < 8; i++)
        file.p[i] = (uint8_t)((file.n - 8) >> 8 * i);
    write_file(argv[2], &file, data);
    free(file.p);
    return 0;
}
