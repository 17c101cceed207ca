/* Files of weights made to do harm: each is another one. For tests. */
#ifndef VB_HOSTILE_H
#define VB_HOSTILE_H

#include "torch_writer.h"

/* A pickle's way to a call, times what is called; then archives and headers that lie. touched: the file that commands would make. */
int hostile_count(void);
/* *file is the caller's; what says what it is. */
void hostile_make(bytes *file, char what[160], int i, const char *touched);

#endif
