/* Log lines; see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void vb_logger_init(vb_logger *log, int rank, bool quiet)
{
    memset(log, 0, sizeof *log);
    if (gethostname(log->host, sizeof log->host - 1))
        strcpy(log->host, "localhost");
    log->host[strcspn(log->host, ".")] = '\0';
    log->rank = rank;
    log->quiet = quiet;
}

void vb_log(const vb_logger *log, vb_log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warn", "info"};
    char line[2048], clock[16] = "--:--:--";
    size_t used, start;
    time_t now = time(NULL);
    struct tm tm;
    va_list ap;
    int n;

    if (level == VB_LOG_INFO && log->quiet)
        return;
    if (localtime_r(&now, &tm))
        strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    if (log->rank >= 0)
        n = snprintf(line, sizeof line, "%s %s r%d %s: ", clock, log->host, log->rank, names[level]);
    else
        n = snprintf(line, sizeof line, "%s %s %s: ", clock, log->host, names[level]);
    start = used = (size_t)n;
    va_start(ap, fmt);
    n = vsnprintf(line + used, sizeof line - used - 1, fmt, ap);
    va_end(ap);
    if (n > 0)
        used += (size_t)n < sizeof line - used - 1 ? (size_t)n : sizeof line - used - 2;
    for (size_t i = start; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[used++] = '\n';
    for (size_t done = 0; done < used;) {
        ssize_t w = write(STDERR_FILENO, line + done, used - done);

        if (w <= 0)
            return; /* stderr is gone: nowhere to say so */
        done += (size_t)w;
    }
}
