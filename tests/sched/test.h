/* What every cmocka test of this layer includes. */
#ifndef VB_SCHED_TEST_H
#define VB_SCHED_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
