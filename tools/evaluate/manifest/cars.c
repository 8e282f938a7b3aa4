/* SPDX-License-Identifier: Apache-2.0 */
/* cars: Stanford Cars (Krause et al. 2013). An array of structs for each of training and test: file
 * name, class from 1 on, and the box's corners in pixels from 1 on, both inside. Names of classes
 * are a cell. The validation split is drawn from the training images: 1144 of the 8144. */
#include "tools/evaluate/manifest/mat.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

enum { CLASSES = 196 };

struct cars {
    struct manifest *m;
    struct mat *names;
};

/* x, y, w, h of corners that are both inside. Some say 0 where they mean the first pixel. */
static int box_of(const struct mat *annos, size_t i, double ret[4])
{
    static const char *const fields[] = {"bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"};
    long corner[4];
    for (int k = 0; k < 4; k++) {
        const long low = k < 2 || corner[k - 2] < 1 ? k / 2 : corner[k - 2];
        int r = mat_integer(annos, i, fields[k], (const long[]){low, MANIFEST_BOX_MAX}, &corner[k]);
        if (r < 0)
            return r;
        corner[k] = corner[k] < 1 ? 1 : corner[k];
    }
    for (int k = 0; k < 2; k++) {
        ret[k] = (double)(corner[k] - 1);
        ret[k + 2] = (double)(corner[k + 2] - corner[k] + 1);
    }
    return 0;
}

static int add_image(const struct cars *cars, const struct mat *annos, size_t i,
                     const char *const where[2])
{
    char name[MAT_TEXT_MAX], label[MAT_TEXT_MAX], path[MAT_TEXT_MAX + 64];
    long class = 0;
    double box[4];
    int r = mat_text(annos, i, "fname", name);
    if (r == 0)
        r = mat_integer(annos, i, "class", (const long[]){1, (long)mat_count(cars->names)}, &class);
    if (r == 0)
        r = box_of(annos, i, box);
    if (r == 0)
        r = mat_text(cars->names, (size_t) class - 1, NULL, label);
    snprintf(path, sizeof path, "%s/%s", where[0], name);
    return r < 0 ? r
                 : manifest_add(cars->m, &(struct manifest_row){
                                             .path = path,
                                             .label = label,
                                             .split = where[1],
                                             .box = box,
                                         });
}

/* where: the images' folder, the split. */
static int add_list(const struct cars *cars, const char *file, const char *const where[2])
{
    auto_with(mat_freep) struct mat *annos = NULL;
    int r = mat_open(cars->m, file, "annotations", &annos);
    for (size_t i = 0; r == 0 && i < mat_count(annos); i++)
        r = add_image(cars, annos, i, where);
    return r;
}

int cars_make(struct manifest *m)
{
    /* The labels of the test images came later than the devkit, and are put in either place. */
    static const char later[] = "devkit/cars_test_annos_withlabels.mat";
    auto_with(mat_freep) struct mat *names = NULL;
    int r = mat_open(m, "devkit/cars_meta.mat", "class_names", &names);
    if (r < 0)
        return r;
    if (mat_count(names) > CLASSES)
        return manifest_fail(m, -EBADMSG, "%zu class names, and there are %d", mat_count(names),
                             CLASSES);
    const struct cars cars = {m, names};
    r = add_list(&cars, "devkit/cars_train_annos.mat",
                 (const char *const[]){"cars_train", "train"});
    if (r == 0)
        r = manifest_draw(
            m, &(struct manifest_part_drawn){.from = "train", .to = "val", .share = 1144. / 8144});
    if (r == 0)
        r = add_list(&cars, manifest_has(m, later) ? later : strchr(later, '/') + 1,
                     (const char *const[]){"cars_test", "test"});
    return r;
}
