/* SPDX-License-Identifier: Apache-2.0 */
/* verb: the exit codes that every verb ends with. */
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"

int evaluate_fail(int rc)
{
    log_error("%s", err_text());
    return err_exit(rc);
}

int evaluate_parsed(int rc)
{
    if (rc == USAGE_TOLD)
        return EXIT_OK;
    log_error("%s", err_text());
    return EXIT_USAGE;
}
