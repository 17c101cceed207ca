/* See support.h. */
#include "support.h"

#include "hash.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int ok_status(vb_status st, const vb_err *err, const char *what)
{
    if (st)
        print_error("%s: %s: %s\n", what, vb_status_name(st), err->msg);
    return st;
}

void assert_says(const vb_err *err, ...)
{
    va_list ap;
    const char *s;

    va_start(ap, err);
    while ((s = va_arg(ap, const char *)))
        if (!strstr(err->msg, s)) {
            va_end(ap);
            fail_msg("'%s' is not in '%s'", s, err->msg);
        }
    va_end(ap);
}

void make_scratch(char path[256])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(path, 256, "%s/savbench-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s;
    (void)type;
    (void)ftw;
    return remove(path);
}

void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

void make_folder(const char *root, const char *relative)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s/", root, relative);
    for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0777);
        *p = '/';
    }
}

void write_file(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

unsigned char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    unsigned char *data;
    struct stat s;

    if (!f)
        fail_msg("cannot open %s", path);
    assert_int_equal(fstat(fileno(f), &s), 0);
    data = malloc((size_t)s.st_size + 1);
    assert_non_null(data);
    *n = fread(data, 1, (size_t)s.st_size, f);
    assert_int_equal(*n, s.st_size);
    fclose(f);
    return data;
}

void copy_file(const char *to, const char *from)
{
    size_t n;
    unsigned char *data = read_file(from, &n);

    write_file(to, data, n);
    free(data);
}

void for_lines(const char *path, void (*each)(char *line))
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    int lines = 0;

    if (!f)
        fail_msg("cannot open %s", path);
    while (getline(&line, &capacity, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        each(line);
        lines++;
    }
    assert_true(lines > 0);
    free(line);
    fclose(f);
}

void sha256_is(const void *data, size_t n, const char *expected)
{
    char hex[65];

    ok(vb_sha256(hex, data, n, &ok_err));
    assert_string_equal(hex, expected);
}

void mask_of_text(vb_mask *m, int h, int w, const char *rle)
{
    ok(vb_mask_init(m, h, w, &ok_err));
    ok(vb_mask_from_rle(m, rle, &ok_err));
}

void mask_of_picture(vb_mask *m, int h, int w, const char *picture)
{
    ok(vb_mask_init(m, h, w, &ok_err));
    assert_int_equal(strlen(picture), h * w);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            if (picture[y * w + x] != '.')
                m->bits[(size_t)y * m->stride + (size_t)x / 64] |= UINT64_C(1) << (x % 64);
}
