/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn_backward: the gradients. With z = dy behind the ReLU and h = (x - mean) * invstd, over a
 * group's pixels:
 *   dbeta = sum z, dgamma = sum z h, dx = gamma invstd (z - dbeta/pixels - h dgamma/pixels).
 * Each group is a batch of its own; gamma and beta are shared, so theirs add up. Takes what forward
 * saved; does not look at y. Threads, owner: see cpu_bn.h. */
#include "trainer/ops/cpu_bn.h"

static inline __attribute__((always_inline)) vec gradient_at(const struct bn_job *job, size_t i,
                                                             bool relu)
{
    vec z = vec_load(job->dy + i);
    return relu ? mask_apply(job->mask + i / 8, z) : z;
}

static inline __attribute__((always_inline)) void run_sums(const struct bn_job *job,
                                                           const struct bn_span *s, size_t row,
                                                           size_t rows, size_t lane, bool relu,
                                                           vec *ret_z, vec *ret_zx)
{
    const struct bn *bn = job->bn;
    vec mean = vec_load(job->saved_mean + s->at + lane);
    vec z_sum[BN_SUMS] = {{0}}, zx_sum[BN_SUMS] = {{0}};
    for (size_t n = row; n < row + rows; n++) {
        size_t i = bn_place(bn, s, n) + lane, end = i + bn->pixels * CPU_BLOCK;
        for (; i + BN_SUMS * CPU_BLOCK <= end; i += BN_SUMS * CPU_BLOCK)
            for (size_t k = 0; k < BN_SUMS; k++) {
                vec z = gradient_at(job, i + k * CPU_BLOCK, relu);
                z_sum[k] += z;
                zx_sum[k] += z * (vec_load(job->x + i + k * CPU_BLOCK) - mean);
            }
        for (; i < end; i += CPU_BLOCK) {
            vec z = gradient_at(job, i, relu);
            z_sum[0] += z;
            zx_sum[0] += z * (vec_load(job->x + i) - mean);
        }
    }
    *ret_z = (z_sum[0] + z_sum[1]) + (z_sum[2] + z_sum[3]);
    *ret_zx = (zx_sum[0] + zx_sum[1]) + (zx_sum[2] + zx_sum[3]);
}

static void gradient_sums(const struct bn_job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    struct bn_span s = bn_span_of(bn, item, part);
    struct bn_part all = {0};
    for (size_t row = 0; row < s.rows; row += bn_run_rows(bn)) {
        size_t rows = s.rows - row < bn_run_rows(bn) ? s.rows - row : bn_run_rows(bn);
        for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
            vec z, zx;
            if (bn->s.relu)
                run_sums(job, &s, row, rows, lane, true, &z, &zx);
            else
                run_sums(job, &s, row, rows, lane, false, &z, &zx);
            for (size_t k = 0; k < LANES; k++) {
                all.a[lane + k] += (double)z[k];
                all.b[lane + k] += (double)zx[k];
            }
        }
    }
    bn->part[item * bn->parts + part] = all;
}

/* dx = scale * (z - even - (x - mean) * slope) */
struct slope {
    float scale[CPU_BLOCK], even[CPU_BLOCK], slope[CPU_BLOCK];
};

static inline __attribute__((always_inline)) void gradient_row(const struct bn_job *job,
                                                               const struct bn_span *s, size_t row,
                                                               const struct slope *g, bool relu,
                                                               bool add)
{
    size_t at = bn_place(job->bn, s, row), values = job->bn->pixels * CPU_BLOCK;
    for (size_t lane = 0; lane < CPU_BLOCK; lane += LANES) {
        vec mean = vec_load(job->saved_mean + s->at + lane), scale = vec_load(g->scale + lane);
        vec even = vec_load(g->even + lane), slope = vec_load(g->slope + lane);
        for (size_t i = at + lane; i < at + values; i += CPU_BLOCK) {
            vec z = gradient_at(job, i, relu);
            if (add)
                vec_store(job->dadd + i, z);
            vec_store(job->dx + i, scale * (z - even - (vec_load(job->x + i) - mean) * slope));
        }
    }
}

static void gradient(const struct bn_job *job, size_t item, size_t part)
{
    const struct bn *bn = job->bn;
    const struct bn_part *parts = bn->part + item * bn->parts;
    struct bn_part all = parts[0];
    for (size_t i = 1; i < bn->parts; i++)
        for (size_t k = 0; k < CPU_BLOCK; k++) {
            all.a[k] += parts[i].a[k];
            all.b[k] += parts[i].b[k];
        }
    struct bn_span s = bn_span_of(bn, item, part);
    double count = (double)(bn->rows * bn->pixels);
    struct slope g;
    for (size_t k = 0; k < CPU_BLOCK; k++) {
        double invstd = (double)job->saved_invstd[s.at + k];
        double gamma = job->p->gamma ? (double)job->p->gamma[s.block * CPU_BLOCK + k] : 1;
        all.b[k] *= invstd; /* now the sum of z h */
        g.scale[k] = (float)(gamma * invstd);
        g.even[k] = (float)(all.a[k] / count);
        g.slope[k] = (float)(invstd * all.b[k] / count);
    }
    for (size_t row = 0; row < s.rows; row++) {
        if (bn->s.relu)
            job->dadd ? gradient_row(job, &s, row, &g, true, true)
                      : gradient_row(job, &s, row, &g, true, false);
        else
            job->dadd ? gradient_row(job, &s, row, &g, false, true)
                      : gradient_row(job, &s, row, &g, false, false);
    }
    if (part == 0) {
        memcpy(bn->sum_z + s.at, all.a, sizeof(all.a));
        memcpy(bn->sum_zh + s.at, all.b, sizeof(all.b));
    }
}

int SIMD(cpu_bn_backward)(struct bn *bn, const struct tensor *x, const struct tensor *dy,
                          const struct bn_param *p, const struct bn_saved *saved, struct tensor *dx,
                          struct tensor *dadd, float *dgamma, float *dbeta)
{
    struct bn_job job = {.bn = bn,
                         .x = x->data,
                         .dy = dy->data,
                         .p = p,
                         .saved_mean = saved->mean,
                         .saved_invstd = saved->invstd,
                         .mask = saved->mask,
                         .dx = dx->data,
                         .dadd = dadd ? dadd->data : NULL};
    SIMD(cpu_bn_walk)(&job, gradient_sums, gradient);

    size_t c = (size_t)bn->s.c;
    for (size_t k = 0; k < c && (dgamma || dbeta); k++) {
        double z = 0, zh = 0;
        for (size_t g = 0; g < (size_t)bn->s.groups; g++) {
            z += bn->sum_z[g * c + k];
            zh += bn->sum_zh[g * c + k];
        }
        if (dgamma)
            dgamma[k] = (float)zh;
        if (dbeta)
            dbeta[k] = (float)z;
    }
    return 0;
}
