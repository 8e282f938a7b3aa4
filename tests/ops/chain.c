/* SPDX-License-Identifier: Apache-2.0 */
/* chain: a small residual network, forward and backward, whose tensors go from slot to slot without
 * import or export in between: the order of elements must be a matter of the shape alone.
 *     x -> conv 7x7/2 -> bn -> max pool -> s -> conv 3x3 -> bn (+ s) -> average -> y
 * Without ReLU: rounding that turns one over would be no fault, yet show. */
#include "cases.h"

/* Ref in float with one sum after the other is off by 3e-5 in dw: batch norm leaves dy without a
 * mean while max pooling gives x one, so the terms of dw cancel. Elements in a wrong order are off
 * by 1. A case has three rows or more a group: the average's gradient is the same for all pixels of
 * a row, and batch norm takes away what a group shares. */
static const double chained = 1e-4;

struct link {
    struct conv *conv;
    struct bn *bn;
    size_t weights;
    float *w, *dw, *dgamma, *dbeta;
    struct bn_param p;
    struct bn_saved saved;
    struct tensor mid, out, dout; /* behind conv, behind bn; dout becomes dmid in place */
};

static struct tensor blank(struct bed *bed, int32_t n, int32_t h, int32_t w, int32_t c)
{
    return bed_tensor(bed, NULL,
                      (struct tensor){.n = n, .h = h, .w = w, .c = c, .dtype = bed->dtype});
}

static struct tensor blank_rows(struct bed *bed, int32_t n, int32_t c)
{
    return bed_tensor(bed, NULL, (struct tensor){.n = n, .h = 1, .w = 1, .c = c});
}

static void link_init(struct bed *bed, struct link *l, const struct conv_shape *s, bool add)
{
    struct ops *o = bed->ops;
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    size_t c = (size_t)s->c_out;
    struct bn_shape norm = {s->n, ho, wo, s->c_out, .groups = 2, .add = add, .dtype = bed->dtype};

    bed_slot_must(o->conv_new(o, s, &l->conv), "conv_new");
    bed_slot_must(o->bn_new(o, &norm, &l->bn), "bn_new");
    l->weights = c * (size_t)s->c_in * (size_t)s->kernel * (size_t)s->kernel;
    l->w = bed_floats(bed, NULL, l->weights);
    l->dw = bed_floats(bed, NULL, l->weights);
    bed_slot_must(o->conv_weight_load(l->conv, bed_random(bed, l->weights, -1, 1), l->w),
                  "conv_weight_load");
    l->p.gamma = bed_floats(bed, bed_random(bed, c, .5f, 1.5f), c);
    l->p.beta = bed_floats(bed, bed_random(bed, c, -1, 1), c);
    l->p.running_mean = bed_floats(bed, NULL, c);
    l->p.running_var = bed_floats(bed, NULL, c);
    l->saved.mean = bed_floats(bed, NULL, 2 * c);
    l->saved.invstd = bed_floats(bed, NULL, 2 * c);
    l->saved.mask = bed_bytes(bed, bn_mask_bytes(&norm));
    l->dgamma = bed_floats(bed, NULL, c);
    l->dbeta = bed_floats(bed, NULL, c);
    l->mid = blank(bed, s->n, ho, wo, s->c_out);
    l->out = blank(bed, s->n, ho, wo, s->c_out);
    l->dout = blank(bed, s->n, ho, wo, s->c_out);
}

static void link_forward(struct bed *bed, struct link *l, const struct tensor *x,
                         const struct tensor *add)
{
    struct ops *o = bed->ops;
    bed_slot_must(o->conv_forward(l->conv, x, l->w, &l->mid), "conv_forward");
    bed_slot_must(o->bn_forward(l->bn, &l->mid, add, &l->p, &l->saved, &l->out), "bn_forward");
}

static void link_backward(struct bed *bed, struct link *l, const struct tensor *x,
                          struct tensor *dadd)
{
    struct ops *o = bed->ops;
    bed_slot_must(o->bn_backward(l->bn, &l->mid, &l->dout, &l->p, &l->saved, &l->dout, dadd,
                                 l->dgamma, l->dbeta),
                  "bn_backward");
    bed_slot_must(o->conv_backward_weight(l->conv, x, &l->dout, l->dw), "conv_backward_weight");
}

static void link_keep(struct bed *bed, struct link *l)
{
    float *host = bed_host(bed, l->weights);
    bed_slot_must(bed->ops->conv_weight_store(l->conv, l->dw, host), "conv_weight_store");
    bed_keep_host(bed, "chain: dw", host, l->weights, chained);
    bed_keep(bed, "chain: dgamma", l->dgamma, (size_t)l->out.c, chained);
    bed_keep(bed, "chain: dbeta", l->dbeta, (size_t)l->out.c, chained);
    bed->ops->conv_free(l->conv);
    bed->ops->bn_free(l->bn);
}

void case_chain(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct link stem = {0}, block = {0};
    struct maxpool *pool = NULL;
    struct conv_shape first = {s->n, s->h, s->w, 3, s->c, 7, 2, 3, .dtype = bed->dtype};
    link_init(bed, &stem, &first, false);
    const struct tensor *out = &stem.out;
    struct maxpool_shape window = {s->n, out->h, out->w, s->c, 3, 2, 1, bed->dtype};
    bed_slot_must(o->maxpool_new(o, &window, &pool), "maxpool_new");
    int32_t h = (out->h - 1) / 2 + 1, w = (out->w - 1) / 2 + 1;
    struct conv_shape next = {
        s->n, h, w, s->c, s->c, 3, 1, 1, .need_dx = true, .dtype = bed->dtype};
    link_init(bed, &block, &next, true);

    struct tensor x = blank(bed, s->n, s->h, s->w, 3);
    struct tensor skip = blank(bed, s->n, h, w, s->c), dskip = blank(bed, s->n, h, w, s->c);
    struct tensor y = blank_rows(bed, s->n, s->c), dy = blank_rows(bed, s->n, s->c);
    float *host = bed_random(bed, tensor_count(&x), -1, 1);
    bed_slot_must(o->tensor_import(o, host, &x), "tensor_import");
    host = bed_random(bed, tensor_count(&dy), -1, 1);
    bed_slot_must(o->upload(o, dy.data, host, tensor_count(&dy) * sizeof(float)), "upload");

    link_forward(bed, &stem, &x, NULL);
    bed_slot_must(o->maxpool_forward(pool, &stem.out, &skip), "maxpool_forward");
    link_forward(bed, &block, &skip, &skip);
    bed_slot_must(o->avgpool_forward(o, &block.out, &y), "avgpool_forward");
    bed_keep_tensor(bed, "chain: y", &y, chained);

    bed_slot_must(o->avgpool_backward(o, &dy, &block.dout), "avgpool_backward");
    link_backward(bed, &block, &skip, &dskip);
    bed_slot_must(o->conv_backward_data(block.conv, &block.dout, block.w, &dskip, true),
                  "conv_backward_data");
    bed_slot_must(o->maxpool_backward(pool, &dskip, &stem.dout), "maxpool_backward");
    link_backward(bed, &stem, &x, NULL);
    link_keep(bed, &block);
    link_keep(bed, &stem);
    o->maxpool_free(pool);
}
