/* SPDX-License-Identifier: Apache-2.0 */
/* tensors_bed: small files of tensors in a scratch folder, and what is printed of them. */
#ifndef AUGSTREAM_TESTS_TENSORS_BED_H
#define AUGSTREAM_TESTS_TENSORS_BED_H

#include "test.h"

#include "tools/inspect/tensors/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char bed_folder[] = "/tmp/augstream-tensors-XXXXXX";
static char bed_path[2][64]; /* two files */

static inline int bed_new(void **state)
{
    (void)state;
    if (!mkdtemp(bed_folder))
        return -1;
    for (int i = 0; i < 2; i++)
        snprintf(bed_path[i], sizeof bed_path[0], "%s/%c.safetensors", bed_folder, 'a' + i);
    return 0;
}

static inline int bed_done(void **state)
{
    (void)state;
    unlink(bed_path[0]);
    unlink(bed_path[1]);
    return rmdir(bed_folder);
}

/* One F32 tensor of a row, all its numbers `value` but for the last, which is `last`. */
struct bed_tensor {
    const char *name;
    int64_t shape[2];
    float value, last;
};

/* metas: key, value, ..., NULL. */
static inline void bed_write(int file, const struct bed_tensor *tensors, size_t n,
                             const char *const *metas, bool seal)
{
    struct safetensors_out *out;
    float *data[16] = {NULL};
    assert_true(n <= ARRAY_LEN(data));
    assert_int_equal(safetensors_out_new(&out), 0);
    for (size_t i = 0; i < n; i++) {
        const size_t count = (size_t)(tensors[i].shape[0] * tensors[i].shape[1]);
        data[i] = calloc(count + 1, sizeof **data);
        assert_non_null(data[i]);
        for (size_t k = 0; k < count; k++)
            data[i][k] = k + 1 < count ? tensors[i].value : tensors[i].last;
        assert_int_equal(
            safetensors_add(out, tensors[i].name, ST_F32, 2, tensors[i].shape, data[i]), 0);
    }
    for (; metas && *metas; metas += 2)
        assert_int_equal(safetensors_meta(out, metas[0], metas[1]), 0);
    if (seal)
        assert_int_equal(safetensors_seal(out), 0);
    assert_int_equal(safetensors_write(out, bed_path[file]), 0);
    safetensors_out_free(out);
    for (size_t i = 0; i < n; i++)
        free(data[i]);
}

/* Inverts the file's last byte. */
static inline void bed_damage(int file)
{
    FILE *f = fopen(bed_path[file], "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    const int c = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    assert_true(fputc(c ^ 0xff, f) != EOF);
    assert_int_equal(fclose(f), 0);
}

static inline void bed_open(int file, const char *name, struct weights *ret)
{
    *ret = (struct weights){0};
    if (weights_open(ret, bed_path[file], name) < 0)
        fail_msg("%s", err_text());
}

/* Every line of a page fits. */
static inline void bed_assert_narrow(const char *page)
{
    for (const char *end; (end = strchr(page, '\n')); page = end + 1)
        if (end - page > 100)
            fail_msg("%d columns: %.*s", (int)(end - page), (int)(end - page), page);
}

static inline void bed_assert_has(const char *page, const char *words)
{
    if (!strstr(page, words))
        fail_msg("no '%s' in:\n%s", words, page);
}

#endif
