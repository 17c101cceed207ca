/* The one clock: monotonic milliseconds, for every duration that is reported; and the date for provenance. */
#ifndef VB_TIMING_H
#define VB_TIMING_H

#ifdef __cplusplus
extern "C" {
#endif

double vb_now_ms(void);
void vb_utc_now(char out[32]); /* "2026-05-04T12:01:07Z" */

#ifdef __cplusplus
}
#endif
#endif
