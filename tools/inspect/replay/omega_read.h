/* SPDX-License-Identifier: Apache-2.0 */
/* omega_read: a line of JSON as omega_json writes it (docs/protocol.md) -> the record, to the bit;
 * and, for hands that write one, as little of it as they want to say. */
#ifndef AUGSTREAM_TOOLS_INSPECT_OMEGA_READ_H
#define AUGSTREAM_TOOLS_INSPECT_OMEGA_READ_H

#include "common/omega.h"

enum { OMEGA_TEXT_MAX = 64 << 10 /* bytes of a file with one record */ };

/* What is known beside the text. */
struct omega_given {
    uint32_t w, h;   /* of the source; 0: the text must tell it, else it must agree */
    uint32_t size;   /* of the view, whatever the text says; 0: as it says */
    uint32_t usual;  /* the size where neither tells one; 0: then there is none */
    uint32_t kernel; /* of a blur that tells none; 0: odd, about a tenth of size */
};

/* A key that is missing leaves the view as it is: no crop (the whole source), no flip, factors of
 * 1; epoch, batch, sample and view 0, no label. jitter, blur and solarize are applied where
 * anything of them is said, unless "applied" is said as well. "blur.sigma": 1 at the top is the
 * same as "blur": {"sigma": 1}. ret has passed omega_check, ret_place->size is 1..OMEGA_VIEW_MAX.
 * -EBADMSG for no JSON object, an unknown key (the nearest is named), a value that is not of its
 * kind or out of bounds, a source of another size. */
int omega_read(const char *json, const struct omega_given *given, struct omega *ret,
               struct omega_place *ret_place);

/* The text of a command line: @FILE is that file's, anything else is itself. The caller frees. */
int omega_text(const char *arg, char **ret);

/* A law of views of `size` pixels that this record can come from. It passes view_spec_check, but
 * for a blur whose kernel is too wide for the size. */
void omega_law(const struct omega *omega, uint32_t size, struct view_spec *ret);

#endif
