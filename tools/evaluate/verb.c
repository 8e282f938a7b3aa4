/* SPDX-License-Identifier: Apache-2.0 */
/* verb: what every verb ends with. */
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"

int evaluate_fail(int rc)
{
    log_error("%s", err_text());
    return err_exit(rc);
}
