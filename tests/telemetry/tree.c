/* A board's tree of files; see tree.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tree.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tree_set(const char *root, const char *path, const char *content)
{
    char full[512];
    FILE *f;

    snprintf(full, sizeof full, "%s/%s", root, path);
    if (!content) {
        assert_int_equal(remove(full), 0);
        return;
    }
    for (char *c = strchr(full + strlen(root) + 1, '/'); c; c = strchr(c + 1, '/')) {
        *c = '\0';
        mkdir(full, 0755);
        *c = '/';
    }
    if (!strcmp(content, "(unreadable)")) {
        assert_int_equal(mkdir(full, 0755), 0);
        return;
    }
    assert_non_null(f = fopen(full, "w"));
    for (const char *c = content; *c; c++)
        if (c[0] == '\\' && c[1] == 'n') {
            fputc('\n', f);
            c++;
        } else
            fputc(*c, f);
    fputc('\n', f);
    fclose(f);
}

/* The next "path = content" of boards/NAME.tree, cut apart in line; NULL at its end. */
static char *next_file(char line[512], FILE *f)
{
    char *equals;

    if (!fgets(line, 512, f))
        return NULL;
    assert_non_null(equals = strstr(line, " = "));
    *equals = '\0';
    equals[3 + strcspn(equals + 3, "\n")] = '\0';
    return equals + 3;
}

static FILE *open_board(const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, VB_TEST_DIR "/telemetry/boards/%s.tree", name);
    assert_non_null(f = fopen(path, "r"));
    return f;
}

void tree_make(char root[256], const char *name)
{
    char line[512];
    const char *tmp = getenv("TMPDIR"), *content;
    FILE *f = open_board(name);

    snprintf(root, 256, "%s/savbench-board-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(root));
    while ((content = next_file(line, f)))
        tree_set(root, line, content);
    fclose(f);
}

int tree_files(tree_file *files, int most, const char *name)
{
    char line[512];
    const char *content;
    FILE *f = open_board(name);
    int n = 0;

    while ((content = next_file(line, f))) {
        assert_true(n < most && strlen(line) < sizeof files->path && strlen(content) < sizeof files->content);
        strcpy(files[n].path, line);
        strcpy(files[n++].content, content);
    }
    fclose(f);
    return n;
}

static int remove_one(const char *path, const struct stat *info, int what, struct FTW *walk)
{
    (void)info, (void)what, (void)walk;
    return remove(path);
}

void tree_remove(const char *root) { nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
