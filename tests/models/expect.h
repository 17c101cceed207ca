/* What tests of the model layer expect of a call: that it succeeds, or is refused as a user should see it. */
#ifndef VB_EXPECT_H
#define VB_EXPECT_H

#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static vb_err err; /* of the last call */

static inline void ok(vb_status st)
{
    if (st != VB_OK)
        fail_msg("%s: %s", vb_status_name(st), err.msg);
}

/* Refused with this code, and the message names what matters to the user. */
static inline void refused(vb_status st, vb_status code, const char *named)
{
    if (st != code || !strstr(err.msg, named))
        fail_msg("want %s naming '%s', got %s: %s", vb_status_name(code), named, vb_status_name(st), err.msg);
}

#endif
