/* Errors: one code, one message, set where the fault is seen.
 *
 * Every fallible function returns vb_status and takes the caller's vb_err last.
 * The message names the object and the remedy; a caller that passes the error on
 * leaves it alone. A NULL err is allowed: the code is still returned. */
#ifndef VB_ERR_H
#define VB_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    VB_OK = 0,
    VB_EARG = -1,    /* what the user asked for cannot be */
    VB_ESHAPE = -2,  /* sizes that do not fit each other */
    VB_EIO = -3,     /* the operating system refused: errno is in the message */
    VB_ENOMEM = -4,  /* host or device memory */
    VB_EFORMAT = -5, /* a file or message is not what it claims to be */
    VB_EMODEL = -6,  /* the model layer failed */
    VB_ECUDA = -7,
    VB_EMPI = -8,
    VB_ESTORE = -9 /* HDF5 or SQLite */
} vb_status;

typedef struct {
    vb_status code;
    char msg[512];
} vb_err;

/* Sets *err (when not NULL) and returns code. */
vb_status vb_fail(vb_err *err, vb_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "EARG", "EIO", ...: the short name stored with a failed trial. */
const char *vb_status_name(vb_status code);

#ifdef __cplusplus
}
#endif
#endif
