/* SPDX-License-Identifier: Apache-2.0 */
/* plant_disease: PlantVillage's colour pictures (Hughes and Salathe 2015), a folder for each plant
 * and disease. It has no splits, and few-shot tasks want none: all is one. */
#include "tools/evaluate/manifest/manifest.h"

int plant_disease_make(struct manifest *m)
{
    static const char whole[] = "raw/color"; /* where the whole repository is ROOT */
    return manifest_class_folders(m, manifest_has(m, whole) ? whole : "color", "all", NULL);
}
