/* SPDX-License-Identifier: Apache-2.0 */
/* slot: takes a spec and a number of samples, gives offsets. Pure arithmetic, any thread. */
#include "loaderd/batch/slot.h"

static size_t aligned(size_t offset)
{
    return (offset + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
}

uint32_t slot_frame_images(size_t image_bytes)
{
    _Static_assert((size_t)OMEGA_VIEW_MAX * OMEGA_VIEW_MAX * 3 <= WIRE_FRAME_MAX,
                   "one image of the largest view fits in a frame");
    return (uint32_t)(WIRE_FRAME_MAX / image_bytes);
}

void slot_layout(const struct spec *spec, uint32_t n, struct slot_layout *ret)
{
    *ret = (struct slot_layout){0};
    size_t at = 0;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        size_t side = spec->views[v].size;
        ret->view[v] = at;
        ret->image[v] = side * side * 3;
        at = aligned(at + n * ret->image[v]);
        uint32_t images = slot_frame_images(ret->image[v]);
        ret->frames += (n + images - 1) / images;
    }
    ret->omega = at;
    const size_t images = (size_t)spec->n_views * n;
    ret->check = aligned(at + images * sizeof(struct omega));
    ret->bytes = ret->check + images * sizeof(uint32_t);
}
