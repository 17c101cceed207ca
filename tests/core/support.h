/* What the tests of src share: cmocka with its headers, a scratch folder, fixture lines, files. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "err.h"
#include "mask.h"

#include <stdio.h>
#include <string.h>

#define FIXTURES VB_TEST_DIR "/core/fixtures"

/* Fails the test with the error's message. */
#define ok(call)                                                                                             \
    do {                                                                                                     \
        vb_err ok_err = {0};                                                                                 \
        if (ok_status((call), &ok_err, #call))                                                               \
            fail();                                                                                          \
    } while (0)
int ok_status(vb_status st, const vb_err *err, const char *what);

/* The message must hold every one of the strings (NULL ends them). */
void assert_says(const vb_err *err, ...);

/* Makes a folder under TMPDIR (or /tmp); remove_tree deletes it with all in it. */
void make_scratch(char path[256]);
void remove_tree(const char *path);
void make_folder(const char *root, const char *relative); /* with its parents */
void write_file(const char *path, const void *data, size_t n);
void copy_file(const char *to, const char *from);
unsigned char *read_file(const char *path, size_t *n); /* malloc'ed */

/* Calls each for every line that is no comment; asserts that there were some. */
void for_lines(const char *path, void (*each)(char *line));

void sha256_is(const void *data, size_t n, const char *expected);
void mask_of_text(vb_mask *m, int h, int w, const char *rle); /* inits m */
/* m from rows of '.' and other characters, each w long, in one string. */
void mask_of_picture(vb_mask *m, int h, int w, const char *picture);

#endif
