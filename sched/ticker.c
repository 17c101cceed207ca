/* Progress of a run; see ticker.h. */
#include "ticker.h"

#include "cli.h"
#include "timing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TERMINAL_MS = 250, LOG_MS = 10000, MAX_COLUMNS = 400 };

void vb_ticker_init(vb_ticker *t, const vb_logger *log, int64_t total, int64_t at_start)
{
    const char *told = getenv("SAVBENCH_COLUMNS");
    struct winsize size;

    memset(t, 0, sizeof *t);
    t->log = log;
    t->total = total;
    t->at_start = at_start;
    t->started_ms = vb_now_ms();
    if (isatty(STDERR_FILENO))
        t->columns = !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
    else if (told && vb_cli_int(&t->columns, "SAVBENCH_COLUMNS", told, 20, MAX_COLUMNS, NULL))
        t->columns = 0;
    t->next_ms = t->started_ms + (t->columns ? TERMINAL_MS : LOG_MS);
}

static int append(char *buf, size_t n, int used, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int append(char *buf, size_t n, int used, const char *fmt, ...)
{
    va_list ap;
    int k;

    if ((size_t)used >= n - 1)
        return used;
    va_start(ap, fmt);
    k = vsnprintf(buf + used, n - (size_t)used, fmt, ap);
    va_end(ap);
    return k < 0 ? used : (size_t)(used + k) < n ? used + k : (int)n - 1;
}

bool vb_ticker_due(const vb_ticker *t)
{
    return !t->log->quiet && vb_now_ms() >= t->next_ms;
}

void vb_ticker_tick(vb_ticker *t, int64_t done, int64_t failed, double left_s, const vb_ticker_worker *w, int n)
{
    char line[MAX_COLUMNS + 1] = "";
    double now = vb_now_ms(), minutes = (now - t->started_ms) / 60000;
    int64_t fresh = done + failed - t->at_start;
    int used = 0;

    t->next_ms = now + (t->columns ? TERMINAL_MS : LOG_MS);
    used = append(line, sizeof line, used, "%lld/%lld trials", (long long)(done + failed), (long long)t->total);
    if (failed)
        used = append(line, sizeof line, used, ", %lld failed", (long long)failed);
    if (fresh > 0) {
        long s = (long)left_s;

        used = append(line, sizeof line, used, ", %.1f/min, ETA %ld:%02ld:%02ld", (double)fresh / minutes, s / 3600,
                      s / 60 % 60, s % 60);
    }
    for (int i = 0; i < n; i++)
        if (w[i].video) {
            used = append(line, sizeof line, used, " | r%d %s %s %s", w[i].rank, w[i].video, w[i].variant->setup.model,
                          vb_dtype_name(w[i].variant->dtype));
            if (w[i].frame_idx >= 0)
                used = append(line, sizeof line, used, " %d/%d", w[i].frame_idx + 1, w[i].n_frames);
        }
    if (!t->columns) {
        vb_log(t->log, VB_LOG_INFO, "%s", line);
        return;
    }
    if (used >= t->columns)
        line[t->columns - 1] = '\0';
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
    t->shown = true;
}

void vb_ticker_clear(vb_ticker *t)
{
    if (!t->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    t->shown = false;
}
