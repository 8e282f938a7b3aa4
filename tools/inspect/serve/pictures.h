/* SPDX-License-Identifier: Apache-2.0 */
/* pictures: of a batch that is shown: its source images and its views, rendered again when somebody
 * asks and not before, as PNG files in memory. The last ones are kept, PICTURES_BYTES of them. One
 * thread. */
#ifndef AUGSTREAM_TOOLS_SERVE_PICTURES_H
#define AUGSTREAM_TOOLS_SERVE_PICTURES_H

#include "tools/inspect/replay/renderer.h"
#include "tools/inspect/serve/shown.h"

enum {
    PICTURES_SOURCE_SIDE = 512, /* of a source, pixels, at most; and of a small one */
    PICTURES_SMALL_SIDE = 128,
    PICTURES_SETS = 4, /* datasets whose images are open at once */
    PICTURES_KEPT = 192,
    PICTURES_BYTES = 48 << 20,
};

struct pictures;

/* How a view's pixels compare with the checksum that the loader told. */
enum pictures_check { PICTURES_NOT_TOLD, PICTURES_SAME, PICTURES_DIFFER };

struct picture {
    const void *bytes; /* a PNG file; a loan until the next call */
    size_t len;
    enum pictures_check check; /* of a view */
};

/* options: a loan, or NULL: there are none, and every request fails with that. */
int pictures_new(const struct source_options *options, struct pictures **ret);
void pictures_free(struct pictures *pictures); /* fine with NULL */

/* Whether pictures can be had of that batch: 0; -ENODATA: nobody has told where the images are;
 * -EBADMSG where they are others, and whatever opening them says. */
int pictures_can(struct pictures *pictures, const struct shown *shown);

/* The upright source of a sample; a view of it. As pictures_can, or the image's fault. */
int pictures_source(struct pictures *pictures, const struct shown *shown,
                    const struct shown_sample *sample, bool small, struct picture *ret);
int pictures_view(struct pictures *pictures, const struct shown *shown,
                  const struct shown_sample *sample, uint32_t view, struct picture *ret);

/* A sample's name within its dataset, and its label's; "" where that is not known. */
void pictures_names(struct pictures *pictures, const struct shown *shown,
                    const struct shown_sample *sample, char *ret_name, size_t cap, char *ret_class,
                    size_t class_cap);

#endif
