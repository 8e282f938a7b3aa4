/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_sets: the table of datasets whose own layout is understood. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"

#include <string.h>

#define TOP_1 "top-1"
#define PER_CLASS "mean-per-class"

static const char fc100_wants[] = "train.bin, test.bin, fine_label_names.txt (CIFAR-100's)";
static const char fc100_declare[] = "format: cifar100, split: train+test, classes: FILE";

const struct manifest_set manifest_sets[] = {
    {"flowers102",
     "Oxford 102 Flowers",
     PER_CLASS,
     "imagelabels.mat, setid.mat, jpg/image_NNNNN.jpg",
     flowers102_make,
     102,
     false,
     {{"train", 1020}, {"val", 1020}, {"test", 6149}}},
    {"aircraft",
     "FGVC Aircraft",
     PER_CLASS,
     "data/images_variant_{train,val,test}.txt, data/variants.txt, data/images_box.txt, "
     "data/images/",
     aircraft_make,
     100,
     false,
     {{"train", 3334}, {"val", 3333}, {"test", 3333}}},
    {"cifar10",
     "CIFAR-10",
     TOP_1,
     "data_batch_{1..5}.bin, test_batch.bin, batches.meta.txt",
     cifar10_make,
     10,
     false,
     {{"train", 50000}, {"test", 10000}}},
    {"cifar100",
     "CIFAR-100",
     TOP_1,
     "train.bin, test.bin, fine_label_names.txt",
     cifar100_make,
     100,
     false,
     {{"train", 50000}, {"test", 10000}}},
    {"cub200",
     "CUB-200-2011",
     "box, few-shot",
     "images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt, classes.txt, "
     "images/",
     cub200_make,
     200,
     false,
     {{"train", 4795}, {"val", 1199}, {"test", 5794}}},
    {"dtd",
     "Describable Textures",
     TOP_1,
     "labels/{train,val,test}1.txt, images/CLASS/",
     dtd_make,
     47,
     false,
     {{"train", 1880}, {"val", 1880}, {"test", 1880}}},
    {"fc100-test",
     "FC100, the classes that episodes are drawn from",
     "few-shot",
     fc100_wants,
     fc100_test_make,
     20,
     false,
     {{"train+test", 12000}},
     fc100_declare},
    {"fc100-train",
     "FC100, the classes to train on",
     "few-shot",
     fc100_wants,
     fc100_train_make,
     60,
     false,
     {{"train+test", 36000}},
     fc100_declare},
    {"fc100-val",
     "FC100, the classes to choose by",
     "few-shot",
     fc100_wants,
     fc100_val_make,
     20,
     false,
     {{"train+test", 12000}},
     fc100_declare},
    {"folders",
     "class folders of any kind",
     TOP_1,
     "{train,test}/CLASS/, and val/CLASS/ or none",
     folders_make,
     0,
     false,
     {{0}}},
    {"stl10",
     "STL10",
     TOP_1,
     "{train,test}_{X,y}.bin, class_names.txt",
     stl10_make,
     10,
     false,
     {{"train", 5000}, {"test", 8000}}},
    {"sun397",
     "SUN397",
     TOP_1,
     "ClassName.txt, Training_01.txt, Testing_01.txt (or these in Partitions/), LETTER/CLASS/",
     sun397_make,
     397,
     false,
     {{"train", 15880}, {"val", 3970}, {"test", 19850}}},
};
const size_t manifest_sets_n = ARRAY_LEN(manifest_sets);

const struct manifest_set *manifest_set_find(const char *name)
{
    for (size_t i = 0; i < manifest_sets_n; i++)
        if (strcmp(manifest_sets[i].name, name) == 0)
            return &manifest_sets[i];
    return NULL;
}
