/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: a source under the name that loaderd.yaml gives it, and what is known of its bad
 * samples. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_DATASET_H
#define AUGSTREAM_LOADERD_DATASET_H

#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <stdbool.h>

struct dataset {
    char name[WIRE_NAME_MAX];
    struct source *source;
    uint8_t key[DIGEST_BYTES]; /* of name and fingerprint: lists that agree may be of other files */
    const char **class_names;  /* [source->classes], the source's; NULL: none to be told to peers */
    uint8_t *faults;           /* [samples] enum wire_fault, FAULT_NONE = not known to be bad */
    uint64_t bad[FAULT_KINDS]; /* samples found bad, each counted once, by its first fault */
};

/* dataset must be zeroed. Errors as source_open; -EINVAL for a name that the wire cannot carry. */
int dataset_open(struct dataset *dataset, const char *name, const struct source_spec *spec);
void dataset_done(struct dataset *dataset); /* fine on a zeroed struct */

/* Notes a bad sample; true when it was not known before. */
bool dataset_mark(struct dataset *dataset, uint32_t sample, enum wire_fault fault);

/* Why a sample need not be tried again, or FAULT_NONE. Only what is true of the file whatever is
 * asked of it: what came before must not be seen in a batch. Damage may lie outside another crop,
 * another crop may need less memory and unreadable bytes may be read another day, so these are
 * noted, and still tried. A file on which workers ended (the decoder died, or took too much
 * processor time) is not: each try costs a worker. */
enum wire_fault dataset_fault(const struct dataset *dataset, uint32_t sample);

#endif
