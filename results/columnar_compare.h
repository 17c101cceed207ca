/* Two results.h5 against each other, by content: another HDF5 library may lay out the same content otherwise. */
#ifndef VB_COLUMNAR_COMPARE_H
#define VB_COLUMNAR_COMPARE_H

#include "err.h"

/* what: "" where every dataset of made is in told with the same type, size and bytes, and the reverse; else the name of
 * the first that is not. told must be what finalize wrote (vb_columnar_hash), so that not being able to read it is an error
 * and no difference. */
vb_status vb_columnar_compare(char what[160], const char *told, const char *made, vb_err *err);

#endif
