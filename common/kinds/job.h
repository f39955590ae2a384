#pragma once
/* What Jobs and the templates of CronJobs share. */

#include "common/schema/table.h"

extern const struct schema_type type_job_spec; /* job_spec.c */
