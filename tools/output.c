/* SPDX-License-Identifier: Apache-2.0 */
/* output: takes an exit code, gives one that tells whether standard output was written. One thread;
 * owns the handlers of SIGPIPE and SIGXFSZ. */
#include "tools/output.h"

#include "common/err.h"
#include "common/log.h"

#include <signal.h>
#include <stdio.h>

static void on_failure(int signal)
{
    (void)signal;
}

void output_begin(void)
{
    /* Caught, for what is ignored stays so in the programs that are started. */
    struct sigaction action = {.sa_handler = on_failure, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

int output_end(int code)
{
    const int flushed = fflush(stdout);
    if (code != EXIT_OK || (flushed == 0 && !ferror(stdout)))
        return code;
    log_error("standard output: cannot write all that was to be said");
    return EXIT_INTERNAL;
}
