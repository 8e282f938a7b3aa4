/* SPDX-License-Identifier: Apache-2.0 */
/* rig: takes a folder or a tar of photographs, gives samples rendered one by one. One thread. It
 * measures nothing. */
#include "tests/bench/rig.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void spec_fill(struct spec *spec, int task, uint32_t size)
{
    *spec = (struct spec){.dataset = "bench", .seed = 1, .batch = RIG_BATCH};
    spec->n_views = task == TASK_A ? 2 : 1;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        struct view_spec *law = &spec->views[v];
        *law = (struct view_spec){
            .size = size, .scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = 0.5};
        law->blur.kernel = 1;
        if (task == TASK_B)
            continue;
        law->jitter.p = 0.8;
        law->jitter.brightness = law->jitter.contrast = law->jitter.saturation = 0.4;
        law->jitter.hue = 0.1;
        law->grayscale = 0.2;
        law->blur.p = 0.5;
        law->blur.sigma[0] = 0.1;
        law->blur.sigma[1] = 2;
        law->blur.kernel = size / 10 | 1; /* a tenth of the view, odd: 23 of 224, 7 of 64 */
    }
}

int rig_render(struct rig *rig, int task, uint32_t i, uint32_t epoch, bool recorded)
{
    const struct spec *spec = &rig->specs[task];
    const uint32_t sample = i % rig->photos.n, position = i % RIG_BATCH;
    static struct item item;
    item = (struct item){.sample = sample, .label = -1, .coding = ITEM_FILE};
    snprintf(item.path, sizeof item.path, "%s", rig->photos.list[sample].path);
    struct render_task where = {.item = &item, .spec = spec, .epoch = epoch, .recorded = recorded};
    const struct slot_layout *layout = &rig->layout[task];
    for (uint32_t v = 0; v < spec->n_views; v++) {
        where.out[v] = rig->pixels + layout->view[v] + position * layout->image[v];
        where.omega[v] = &rig->omega[task][v * RIG_BATCH + position];
    }
    enum wire_fault fault;
    const int rc = render_sample(rig->render, &where, &fault);
    rig->photos.list[sample].w = where.omega[0]->source_w;
    rig->photos.list[sample].h = where.omega[0]->source_h;
    return rc;
}

int rig_open(struct rig *rig, const struct rig_config *config)
{
    *rig = (struct rig){.prefix = config->prefix, .passes = config->passes, .cores = config->cores};
    size_t bytes = 0;
    for (int t = 0; t < TASKS; t++) {
        spec_fill(&rig->specs[t], t, config->size);
        const int rc = spec_check(&rig->specs[t]);
        if (rc < 0)
            return rc;
        slot_layout(&rig->specs[t], RIG_BATCH, &rig->layout[t]);
        bytes = rig->layout[t].bytes > bytes ? rig->layout[t].bytes : bytes;
    }
    rig->pixels = malloc(bytes);
    if (!rig->pixels)
        return err_set(-ENOMEM, "no memory for a batch");
    const int rc = photos_open(config->path, config->files_most, &rig->photos);
    return rc < 0 ? rc : render_new(&rig->render);
}

void rig_close(struct rig *rig)
{
    render_free(rig->render);
    photos_close(&rig->photos);
    free(rig->pixels);
}
