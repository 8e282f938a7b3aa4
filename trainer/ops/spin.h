/* SPDX-License-Identifier: Apache-2.0 */
/* spin: how long OpenMP's threads spin while they wait for one another. GNU's OpenMP lets them spin
 * for milliseconds before they sleep. On a core that has other work, and an embedded loader is
 * such work, the spinning one takes the time of the very thread that it waits for. */
#ifndef AUGSTREAM_TRAINER_OPS_SPIN_H
#define AUGSTREAM_TRAINER_OPS_SPIN_H

/* To be called first in main. OpenMP reads its settings before main begins, so this sets
 * GOMP_SPINCOUNT and starts the program anew, with the same arguments and the same process id.
 * Does nothing where the environment has OMP_WAIT_POLICY or GOMP_SPINCOUNT already, where there is
 * no OpenMP, and where starting anew fails. */
void spin_limit(char **argv);

#endif
