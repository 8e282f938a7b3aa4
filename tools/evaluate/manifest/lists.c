/* SPDX-License-Identifier: Apache-2.0 */
/* lists: the sets whose splits are text files of image names, the class being the image's folder or
 * the front of its name: Food-101 (Bossard et al. 2014), MIT Indoor 67 (Quattoni and Torralba
 * 2009), Oxford-IIIT Pets (Parkhi et al. 2012). A row each of what differs. Their authors give a
 * training and a test list; the validation split is drawn from the former, of the size that the
 * paper's table of datasets has. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

struct lists {
    const char *train, *test; /* the files */
    const char *folder;       /* of the images */
    const char *ending;       /* what the lists leave out */
    char behind;              /* what stands behind the class in an image's name */
    double val;               /* the share of train that becomes val */
    bool columns;             /* a line is more than a name; else names may have blanks */
};

/* One image: "class/name", or "class_number" and behind blanks what the names tell already. */
static int add_line(struct manifest *m, const struct lists *lists, char *line, const char *split)
{
    char path[MANIFEST_LINE_MAX + 64], label[MANIFEST_LINE_MAX];
    if (lists->columns)
        line[strcspn(line, " \t")] = 0;
    const char *end = strrchr(line, lists->behind);
    if (!end || end == line || !end[1])
        return manifest_fail(m, -EBADMSG, "'%.60s': a class, '%c' and a name", line, lists->behind);
    snprintf(label, sizeof label, "%.*s", (int)(end - line), line);
    if (strchr(label, '/'))
        return manifest_fail(m, -EBADMSG, "'%.60s': one folder deep", line);
    snprintf(path, sizeof path, "%s/%s%s", lists->folder, line, lists->ending);
    return manifest_add(m, &(struct manifest_row){.path = path, .label = label, .split = split});
}

static int add_list(struct manifest *m, const struct lists *lists, const char *file,
                    const char *split)
{
    auto_with(manifest_lines_done) struct manifest_lines lines;
    char *line;
    int r = manifest_lines_open(&lines, m, file);
    while (r >= 0 && (r = manifest_lines_next(&lines, &line)) == 1)
        if (line[0] != '#')
            r = add_line(m, lists, line, split);
    return r;
}

static int make(struct manifest *m, const struct lists *lists)
{
    int r = add_list(m, lists, lists->train, "train");
    if (r == 0)
        r = manifest_draw(
            m, &(struct manifest_part_drawn){.from = "train", .to = "val", .share = lists->val});
    return r < 0 ? r : add_list(m, lists, lists->test, "test");
}

int food101_make(struct manifest *m)
{
    return make(m, &(struct lists){"meta/train.txt", "meta/test.txt", "images", ".jpg", '/', .1});
}

int mit67_make(struct manifest *m)
{
    return make(m, &(struct lists){"TrainImages.txt", "TestImages.txt", "Images", "", '/', .125});
}

int pets_make(struct manifest *m)
{
    return make(m, &(struct lists){"annotations/trainval.txt", "annotations/test.txt", "images",
                                   ".jpg", '_', 740. / 3680, true});
}
