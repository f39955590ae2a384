#pragma once
/* What every group of scenarios includes. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/world/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* LIMPET_SIM_TEST: a pattern of the tests to run; LIMPET_SIM_LOG: with the log of all parts. */
#define SCENARIOS(tests)                                                                           \
    (cmocka_set_test_filter(getenv("LIMPET_SIM_TEST")),                                            \
     cmocka_run_group_tests(tests, cast_setup, cast_teardown))
