/* The libtorch that this process has loaded, as its wheel says it. A program fits the one libtorch that it was compiled against: after
 * another wheel is installed in its place it may still start. */
#ifndef VB_LIBTORCH_THERE_H
#define VB_LIBTORCH_THERE_H

#include <stdbool.h>
#include <stddef.h>

/* version: "2.13.0+cpu", out of version.py; folder: the wheel's `torch`. false: no libtorch is loaded, or it has no version.py. */
bool vb_libtorch_there(char *version, size_t n, char *folder, size_t n_folder);
/* The same release, whatever stands behind "+". */
bool vb_libtorch_same(const char *compiled, const char *there);

#endif
