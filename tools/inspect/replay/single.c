/* SPDX-License-Identifier: Apache-2.0 */
/* single: takes an image file and words, gives the omega that they mean, and views. The caller's
 * thread; owns the renderer. */
#include "tools/inspect/replay/single.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"

#include <errno.h>
#include <stdio.h>

enum { SIZE_USUAL = 224 };

int single_option(struct single_options *o, int key, const char *arg)
{
    int rc = 0;
    switch (key) {
    case 'i':
        o->image = arg;
        break;
    case 'j':
        o->omega = arg;
        break;
    case 'n':
        rc = number_whole("size", arg, 1, OMEGA_VIEW_MAX, &o->size);
        break;
    case 'k':
        rc = number_whole("kernel", arg, 1, OMEGA_KERNEL_MAX, &o->kernel);
        if (!rc && o->kernel % 2 == 0)
            rc = err_set(-EINVAL, "--kernel %s: an odd number is wanted", arg);
        break;
    case 'u':
        o->reduce = true;
        break;
    default:
        return 0;
    }
    return rc ? rc : 1;
}

static int omega_find(const struct single_options *o, struct single *single)
{
    auto_free char *text = NULL;
    struct omega_place place;
    struct omega_given given = {
        .size = (uint32_t)o->size, .usual = SIZE_USUAL, .kernel = (uint32_t)o->kernel};
    int rc = renderer_size(single->renderer, 0, &given.w, &given.h);
    if (!rc)
        rc = omega_text(o->omega ? o->omega : "{}", &text);
    if (rc)
        return rc;
    rc = omega_read(text, &given, &single->omega, &place);
    if (rc)
        return err_set(rc, "--omega: %s", err_text());
    single->size = place.size;
    return 0;
}

int single_open(const struct single_options *o, struct single *ret)
{
    *ret = (struct single){.reduce = o->reduce};
    int rc = renderer_image(o->image, &ret->renderer);
    return rc ? rc : omega_find(o, ret);
}

void single_done(struct single *single)
{
    renderer_close(single->renderer);
    *single = (struct single){0};
}

int single_view(struct single *single, const struct omega *omega, uint8_t *ret)
{
    struct spec spec = {.dataset = "image", .batch = 1, .reduce = single->reduce, .n_views = 1};
    enum wire_fault fault;
    omega_law(omega, single->size, &spec.views[0]);
    return renderer_views(single->renderer, &spec, (const struct omega *const[]){omega},
                          (uint8_t *const[]){ret}, &fault);
}
