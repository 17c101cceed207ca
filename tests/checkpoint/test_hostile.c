/* Files of weights made to do harm, opened by `savbench inspect` in a box that kills whatever starts or changes anything: each is
 * refused with words, nothing is tried, and the box is shown to hold. */
#include "hostile.h"
#include "seccomp_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[256], file_path[300], touched[300];

static void put_file(const bytes *b)
{
    FILE *f = fopen(file_path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(b->p, 1, b->n, f), b->n);
    assert_int_equal(fclose(f), 0);
}

static void inspect(box_end *end)
{
    char *argv[] = {VB_SAVBENCH, "inspect", file_path, NULL};

    box_run(end, argv);
}

static void start_a_program(void) { execl("/bin/true", "/bin/true", (char *)NULL); }
static void start_a_process(void)
{
    if (fork() == 0)
        _exit(0);
}
static void run_a_command(void)
{
    if (system("true"))
        _exit(1);
}
static void reach_for_a_network(void) { (void)socket(AF_INET, SOCK_STREAM, 0); }
static void make_a_file(void) { (void)open(touched, O_WRONLY | O_CREAT, 0600); }
static void remove_a_file(void) { unlink(file_path); }
static void read_a_file(void)
{
    char c;
    int fd = open(file_path, O_RDONLY);

    if (fd < 0 || read(fd, &c, 1) != 1)
        _exit(1);
}

static void the_box_holds(void **state)
{
    static void (*const acts[])(void) = {start_a_program, start_a_process, run_a_command, reach_for_a_network, make_a_file, remove_a_file};
    box_end end;
    const bytes b = {.p = (uint8_t *)(uintptr_t)"x", .n = 1};

    (void)state;
    put_file(&b);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (!box_call(&end, acts[i]))
            skip();
        if (!end.killed)
            fail_msg("act %zu went through", i);
    }
    box_call(&end, read_a_file);
    assert_false(end.killed);
    assert_int_equal(end.code, 0);
}

/* A sound file is read in the box: what is refused there is not refused for the box's sake. */
static void a_sound_file_is_read_in_it(void **state)
{
    bytes pickle = {.n = 0}, file;
    box_end end;

    (void)state;
    pickle_begin(&pickle);
    put_str(&pickle, "}");
    pickle_text(&pickle, "w");
    pickle_tensor(&pickle, "FloatStorage", "0", 1, 0, (int64_t[]){1}, (int64_t[]){1}, 1);
    put_str(&pickle, "s.");
    torch_file(&file, &pickle, "1234", 4);
    put_file(&file);
    free(pickle.p);
    free(file.p);
    inspect(&end);
    if (end.killed || end.code != 0)
        fail_msg("inspect of a sound file: code %d, %s", end.code, end.said);
}

static void hostile_files_run_nothing(void **state)
{
    const int n = hostile_count();
    uint32_t *seen = calloc((size_t)n, sizeof *seen);
    int refused = 0;

    (void)state;
    assert_non_null(seen);
    for (int i = 0; i < n; i++) {
        bytes b;
        box_end end;
        char what[160];

        hostile_make(&b, what, i, touched);
        seen[i] = crc32_of(b.p, b.n);
        for (int k = 0; k < i; k++)
            if (seen[k] == seen[i])
                fail_msg("%s is the same file as number %d", what, k);
        put_file(&b);
        free(b.p);
        inspect(&end);
        if (end.killed)
            fail_msg("%s: tried what a reader must not; it said: %s", what, end.said);
        if (end.code != 3 || !strstr(end.said, "savbench inspect: checkpoint '"))
            fail_msg("%s: code %d, not a refusal in words: %s", what, end.code, end.said);
        for (const char *s = end.said; *s; s++)
            if ((unsigned char)*s < 0x20 && *s != '\n')
                fail_msg("%s: a control character reaches the terminal", what);
        refused++;
    }
    assert_int_equal(access(touched, F_OK), -1);
    assert_true(refused >= 200);
    print_message("%d hostile files, %d refused, none tried anything\n", n, refused);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_box_holds),
        cmocka_unit_test(a_sound_file_is_read_in_it),
        cmocka_unit_test(hostile_files_run_nothing),
    };
    const char *base = getenv("TMPDIR");
    int failed;
    box_end end;

    if (!box_call(&end, read_a_file)) {
        fputs("no seccomp filters here\n", stderr);
        return 77;
    }
    snprintf(folder, sizeof folder, "%s/savbench-hostile-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(file_path, sizeof file_path, "%s/weights.pt", folder);
    snprintf(touched, sizeof touched, "%s/touched", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file_path);
    unlink(touched);
    rmdir(folder);
    return failed;
}
