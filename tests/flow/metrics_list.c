/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_list: prints the table of metrics as docs/monitoring.md has it. */
#include "common/err.h"
#include "loaderd/monitor/exposition.h"

#include <stdio.h>

int main(void)
{
    static char list[32768];
    if (exposition_list(list, sizeof list) < 0) {
        fprintf(stderr, "%s\n", err_text());
        return EXIT_INTERNAL;
    }
    return fputs(list, stdout) < 0 || fflush(stdout) ? EXIT_INTERNAL : EXIT_OK;
}
