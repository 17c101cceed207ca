/* Log lines on stderr: "12:01:07 nano3 r2 warn: message". One write per line, so that ranks do not mix theirs.
 * Control characters are replaced: names and messages may come from files. */
#ifndef VB_LOG_H
#define VB_LOG_H

#include <stdbool.h>

typedef enum { VB_LOG_ERROR, VB_LOG_WARN, VB_LOG_INFO } vb_log_level;

typedef struct {
    char host[64];
    int rank;   /* -1: no rank (the supervisor): left out of the line */
    bool quiet; /* info lines are dropped */
} vb_logger;

void vb_logger_init(vb_logger *log, int rank, bool quiet);
void vb_log(const vb_logger *log, vb_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
