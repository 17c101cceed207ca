/* Errors: formatting only; see err.h. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

vb_status vb_fail(vb_err *err, vb_status code, const char *fmt, ...)
{
    if (err) {
        va_list ap;

        err->code = code;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        /* Names of files, keys and hosts are in it, which may be hostile to a terminal. */
        for (char *c = err->msg; *c; c++)
            if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
                *c = '?';
    }
    return code;
}

const char *vb_status_name(vb_status code)
{
    static const char *const names[] = {"OK",      "EARG",   "ESHAPE", "EIO",  "ENOMEM",
                                        "EFORMAT", "EMODEL", "ECUDA",  "EMPI", "ESTORE"};
    unsigned i = (unsigned)-(int)code;

    return i < sizeof names / sizeof *names ? names[i] : "EUNKNOWN";
}
