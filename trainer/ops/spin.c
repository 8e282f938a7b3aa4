/* SPDX-License-Identifier: Apache-2.0 */
#include "trainer/ops/spin.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Rounds of libgomp's loop. A ResNet-18 step (48 pixels, 2 threads, Xeon with AVX-512) took, for
 * libgomp's own 300000, 10000, 4000, 1000 and 100 rounds: 27.6, 27.7, 28.3, 30.8 and 40.6 ms on an
 * idle machine; with eight other programs on the two cores 700, 200, 130, 110 and 110 ms. */
static const char rounds[] = "4000";

void spin_limit(char **argv)
{
#ifdef HAVE_ONEDNN
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    /* by its name and not as /proc/self/exe, which would be what ps shows */
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0 || setenv("GOMP_SPINCOUNT", rounds, 1) < 0)
        return;
    program[n] = '\0';
    execv(program, argv);
#else
    (void)argv;
    (void)rounds;
#endif
}
