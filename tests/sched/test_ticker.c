/* Ticker and pulse: the line that a person watches: what is in it, cut to the terminal, and none where there is no terminal; and what the
 * supervisor makes of the file that tells of progress. */
#include "test.h"

#include "heartbeat.h"
#include "ticker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written to stderr in between. */
typedef struct {
    int kept, pipe[2];
    char text[2048];
} capture;

static void begin(capture *c)
{
    fflush(stderr);
    c->kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(c->pipe), 0);
    assert_true(c->kept >= 0 && dup2(c->pipe[1], STDERR_FILENO) >= 0);
}

static const char *end(capture *c)
{
    ssize_t n;

    fflush(stderr);
    assert_true(dup2(c->kept, STDERR_FILENO) >= 0);
    close(c->kept);
    close(c->pipe[1]);
    n = read(c->pipe[0], c->text, sizeof c->text - 1);
    close(c->pipe[0]);
    c->text[n > 0 ? n : 0] = 0;
    return c->text;
}

static const vb_variant variant = {.setup = {.model = "stub", .prompt = VB_PROMPT_BOX, .image_size = 256}, .dtype = VB_FLOAT16};
static const vb_ticker_worker workers[] = {
    {.rank = 1, .host = "a", .device = "", .video = "v1", .variant = &variant, .frame_idx = 6, .n_frames = 60},
    {.rank = 2, .host = "b", .device = ""}, /* idle */
    {.rank = 3, .host = "c", .device = "", .video = "v3", .variant = &variant, .frame_idx = -1},
};

static void tick(capture *c, vb_ticker *t, int64_t done, int64_t failed)
{
    begin(c);
    vb_ticker_tick(t, done, failed, 3 * 3600 + 62, workers, 3);
    end(c);
}

static void on_a_terminal(void **state)
{
    vb_logger log;
    vb_ticker t;
    capture c;

    (void)state;
    vb_logger_init(&log, 0, false);
    setenv("SAVBENCH_COLUMNS", "200", 1);
    begin(&c);
    vb_ticker_init(&t, &log, 90, 10);
    end(&c);
    assert_int_equal(t.columns, 200);
    assert_false(vb_ticker_due(&t));
    tick(&c, &t, 10, 0); /* nothing done in this run yet: no speed to tell */
    assert_string_equal(c.text, "\r\033[K10/90 trials | r1 v1 stub float16 7/60 | r3 v3 stub float16");
    tick(&c, &t, 30, 2);
    assert_non_null(strstr(c.text, "\r\033[K32/90 trials, 2 failed, "));
    assert_non_null(strstr(c.text, "/min, ETA 3:01:02 | r1 v1"));
    begin(&c);
    vb_ticker_clear(&t);
    vb_ticker_clear(&t); /* nothing stands there any more */
    assert_string_equal(end(&c), "\r\033[K");

    setenv("SAVBENCH_COLUMNS", "20", 1);
    begin(&c);
    vb_ticker_init(&t, &log, 90, 10);
    end(&c);
    tick(&c, &t, 10, 0);
    assert_string_equal(c.text, "\r\033[K10/90 trials | r1 v"); /* one column less, or the line would wrap */
}

/* A log gets whole lines, and seldom; what SAVBENCH_COLUMNS says has to be a width. */
static void in_a_log(void **state)
{
    vb_logger log;
    vb_ticker t;
    capture c;

    (void)state;
    vb_logger_init(&log, 0, false);
    setenv("SAVBENCH_COLUMNS", "wide", 1);
    begin(&c);
    vb_ticker_init(&t, &log, 90, 10);
    end(&c);
    assert_int_equal(t.columns, 0);
    tick(&c, &t, 10, 0);
    assert_non_null(strstr(c.text, "r0 info: 10/90 trials | r1 v1 stub float16 7/60 | r3 v3 stub float16\n"));
    assert_false(t.shown);
    t.next_ms = 0;
    assert_true(vb_ticker_due(&t));
    log.quiet = true;
    assert_false(vb_ticker_due(&t));
}

/* A terminal is as wide as it says, and 80 columns where it says nothing. */
static void on_a_terminal_of_its_own(void **state)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), inside, kept;
    struct winsize size = {.ws_col = 50};
    vb_logger log;
    vb_ticker t;

    (void)state;
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    assert_true((inside = open(ptsname(terminal), O_RDWR | O_NOCTTY)) >= 0);
    vb_logger_init(&log, 0, false);
    for (int i = 0; i < 2; i++) {
        kept = dup(STDERR_FILENO);
        dup2(inside, STDERR_FILENO);
        vb_ticker_init(&t, &log, 90, 10);
        dup2(kept, STDERR_FILENO);
        close(kept);
        assert_int_equal(t.columns, i ? 50 : 80);
        assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    }
    close(inside);
    close(terminal);
}

static vb_pulse_state look(vb_pulse *p)
{
    p->looked_ms = -2000; /* as if a second had passed */
    return vb_pulse_look(p);
}

/* Times lie in the past by hand: nothing here waits. */
static void a_job_that_falls_silent_or_ends_is_noticed(void **state)
{
    char folder[] = "/tmp/vb_pulse_XXXXXX", path[64];
    vb_pulse p = {.out_dir = folder};
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/.tmp-progress.json", folder);
    assert_int_equal(look(&p), VB_PULSE_OK); /* not there yet */
    assert_false(p.seen);
    for (int running = 0; running < 2; running++) {
        assert_non_null(f = fopen(path, "w"));
        fprintf(f, "{\"state\":\"%s\"}", running ? "running" : "finalizing");
        fclose(f);
        assert_int_equal(look(&p), VB_PULSE_OK);
        assert_true(p.seen);
        p.changed_ms -= 1000.0 * VB_SILENT_S + 1000;
        p.age_s = -1e9; /* not written since */
        assert_int_equal(look(&p), running ? VB_PULSE_SILENT : VB_PULSE_OK);
        assert_int_equal(vb_pulse_look(&p), VB_PULSE_OK); /* too soon: not looked at */
    }
    unlink(path);
    assert_int_equal(look(&p), VB_PULSE_OK); /* the coordinator has taken it away: the job has a moment to end */
    p.gone_ms -= 1000.0 * VB_ENDED_S + 1000;
    assert_int_equal(look(&p), VB_PULSE_ENDED);
    assert_int_equal(mkdir(path, 0777), 0); /* what cannot be read says nothing */
    assert_int_equal(look(&p), VB_PULSE_OK);
    rmdir(path);
    rmdir(folder);
    assert_int_equal(look(&p), VB_PULSE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_terminal),
        cmocka_unit_test(in_a_log),
        cmocka_unit_test(on_a_terminal_of_its_own),
        cmocka_unit_test(a_job_that_falls_silent_or_ends_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
