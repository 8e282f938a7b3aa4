/* SPDX-License-Identifier: Apache-2.0 */
/* native_tree: a set's own layout as a table of files; each of them taken away, and some of them
 * changed. */
#ifndef AUGSTREAM_TESTS_NATIVE_TREE_H
#define AUGSTREAM_TESTS_NATIVE_TREE_H

#include "manifest_bed.h"

struct native_file {
    const char *path;
    const char *text; /* NULL: an image */
};

static inline void native_plant(const struct garden *garden, const struct native_file *files,
                                size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (files[i].text)
            bed_text(garden, files[i].path, files[i].text);
        else
            bed_image(garden, files[i].path);
}

/* Without any one file the set is refused, and that file named. */
static inline void native_each_missing(const struct garden *garden, const char *set,
                                       const struct native_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(unlink(garden_path(garden, files[i].path)), 0);
        bed_refused(garden, set, -ENOENT, files[i].path);
        native_plant(garden, &files[i], 1);
    }
    bed_made(garden, set, NULL);
}

/* One file is another: refused, in these words. */
struct native_fault {
    const char *path, *text, *says;
};

static inline void native_faults(const struct garden *garden, const char *set,
                                 const struct native_file *files, size_t n_files,
                                 const struct native_fault *faults, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bed_text(garden, faults[i].path, faults[i].text);
        bed_refused(garden, set, -EBADMSG, faults[i].says);
        native_plant(garden, files, n_files);
    }
    bed_made(garden, set, NULL);
}

#endif
