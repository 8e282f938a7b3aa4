/* SPDX-License-Identifier: Apache-2.0 */
/* contrast: the cases of what the contrastive and clustering methods need. Logits are as cosines of
 * unit rows are, in +-scale; gradients are taken into memory of their own and, but on a timing bed,
 * once more in the place of the values. */
#include "cases.h"

#include <string.h>

/* A few roundings of 2^-24 each; a sum of some thousand terms of one sign in float. */
static const double rounding = 1e-6, summed = 1e-5;

static const float temperature = 0.2f, weight = 0.5f;

static struct tensor random_rows(struct bed *bed, int32_t n, int32_t c, float scale)
{
    struct tensor shape = {.n = n, .h = 1, .w = 1, .c = c};
    return bed_tensor(bed, bed_random(bed, tensor_count(&shape), -scale, scale), shape);
}

static struct tensor rubbish(struct bed *bed, int32_t n, int32_t c)
{
    struct tensor shape = {.n = n, .h = 1, .w = 1, .c = c};
    return bed_tensor(bed, bed_random(bed, tensor_count(&shape), 7, 9), shape);
}

void case_units(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor shape = {.n = s->n, .h = 1, .w = 1, .c = s->c};
    size_t count = tensor_count(&shape);
    float *host = bed_random(bed, count, -1, 1);
    if (s->n > 1)
        memset(host, 0, (size_t)s->c * sizeof(*host)); /* a row without a direction */
    struct tensor x = bed_tensor(bed, host, shape), y = rubbish(bed, s->n, s->c);
    struct tensor dy = random_rows(bed, s->n, s->c, s->n > 1 ? 1e-12f : 1);
    struct tensor dx = rubbish(bed, s->n, s->c), dot = rubbish(bed, s->n, 1);
    struct tensor sum = random_rows(bed, s->n, s->c, 1);
    float *copy = bed_floats(bed, bed_random(bed, count, 7, 9), count);

    bed_slot_must(o->l2_normalize(o, &x, &y), "l2_normalize");
    BED_RUN(bed, "l2_normalize_backward", o->l2_normalize_backward(o, &x, &y, &dy, &dx));
    struct tensor zero = tensor_rows(&dx, 0, 1);
    bed_keep_tensor(bed, "l2_normalize_backward of a row of zeros", &zero, rounding);
    if (s->n > 1) {
        struct tensor rest = tensor_rows(&dx, 1, s->n - 1);
        bed_keep_tensor(bed, "l2_normalize_backward", &rest, summed);
        bed_terms(bed, 1e-12); /* in one dimension nothing is left */
    }
    BED_RUN(bed, "row_dot", o->row_dot(o, &x, &sum, &dot));
    bed_keep_tensor(bed, "row_dot", &dot, summed);
    bed_terms(bed, 1);
    BED_RUN(bed, "row_add", o->row_add(o, &dot, &x, &sum));
    bed_keep_tensor(bed, "row_add", &sum, rounding);
    BED_RUN(bed, "copy", o->copy(o, x.data, copy, count));
    bed_keep(bed, "copy", copy, count, 0);
    if (bed->title)
        return;
    bed_slot_must(o->l2_normalize_backward(o, &x, &y, &dy, &dy), "l2_normalize_backward");
    bed_keep_tensor(bed, "l2_normalize_backward in dy's memory", &dy, summed);
}

void case_info_nce(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor positive = random_rows(bed, s->n, 1, s->scale);
    struct tensor negative = random_rows(bed, s->n, s->c, s->scale);
    struct tensor dpositive = rubbish(bed, s->n, 1), dnegative = rubbish(bed, s->n, s->c);
    float *loss = bed_floats(bed, NULL, 1);
    BED_RUN(bed, "loss_info_nce",
            o->loss_info_nce(o, &positive, &negative, temperature, weight, &dpositive, &dnegative,
                             loss));
    bed_keep(bed, "loss_info_nce", loss, 1, summed);
    bed_keep_tensor(bed, "loss_info_nce: dpositive", &dpositive, summed);
    bed_keep_tensor(bed, "loss_info_nce: dnegative", &dnegative, summed);
    if (bed->title)
        return;
    bed_slot_must(
        o->loss_info_nce(o, &positive, &negative, temperature, weight, &positive, &negative, loss),
        "loss_info_nce");
    bed_keep_tensor(bed, "loss_info_nce: dpositive in place", &positive, summed);
    bed_keep_tensor(bed, "loss_info_nce: dnegative in place", &negative, summed);
}

void case_nt_xent(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor x = random_rows(bed, s->n, s->n, s->scale), dx = rubbish(bed, s->n, s->n);
    float *loss = bed_floats(bed, NULL, 1);
    BED_RUN(bed, "loss_nt_xent", o->loss_nt_xent(o, &x, temperature, weight, &dx, loss));
    bed_keep(bed, "loss_nt_xent", loss, 1, summed);
    bed_terms(bed, 1); /* of two rows each is the other's only one: log 1 */
    bed_keep_tensor(bed, "loss_nt_xent: ds", &dx, summed);
    if (bed->title)
        return;
    bed_slot_must(o->loss_nt_xent(o, &x, temperature, weight, &x, loss), "loss_nt_xent");
    bed_keep_tensor(bed, "loss_nt_xent: ds in place", &x, summed);
}

void case_soft_targets(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor p = random_rows(bed, s->n, s->c, s->scale), dp = rubbish(bed, s->n, s->c);
    struct tensor q = {.n = s->n, .h = 1, .w = 1, .c = s->c};
    q = bed_tensor(bed, bed_random(bed, tensor_count(&q), 0, 1), q);
    float *loss = bed_floats(bed, NULL, 1);
    BED_RUN(bed, "loss_soft_targets",
            o->loss_soft_targets(o, &p, &q, temperature, weight, &dp, loss));
    bed_keep(bed, "loss_soft_targets", loss, 1, summed);
    bed_terms(bed, 1);
    bed_keep_tensor(bed, "loss_soft_targets: dp", &dp, summed);
    bed_terms(bed, 1);
    if (bed->title)
        return;
    bed_slot_must(o->loss_soft_targets(o, &p, &q, temperature, weight, &p, loss),
                  "loss_soft_targets");
    bed_keep_tensor(bed, "loss_soft_targets: dp in place", &p, summed);
    bed_terms(bed, 1);
}

void case_sinkhorn(struct bed *bed, const struct op_case *s)
{
    struct ops *o = bed->ops;
    struct tensor scores = random_rows(bed, s->n, s->c, s->scale), q = rubbish(bed, s->n, s->c);
    BED_RUN(bed, "sinkhorn", o->sinkhorn(o, &scores, .05f, 3, &q));
    bed_keep_tensor(bed, "sinkhorn", &q, summed);
    if (bed->title)
        return;
    bed_slot_must(o->sinkhorn(o, &scores, .05f, 0, &q), "sinkhorn");
    bed_keep_tensor(bed, "sinkhorn, no iteration", &q, summed);
}
