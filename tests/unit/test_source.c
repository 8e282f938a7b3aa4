/* SPDX-License-Identifier: Apache-2.0 */
/* source: a format is found by its name, and an unknown one is named in the error. */
#include "test.h"

#include "loaderd/source/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_formats(void **state)
{
    (void)state;
    char root[] = "/tmp/augstream-source-XXXXXX";
    char file[64];
    assert_non_null(mkdtemp(root));
    snprintf(file, sizeof file, "%s/a.png", root);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fclose(f);
    struct source *source = NULL;
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = root}, &source),
                     0);
    assert_string_equal(source->format->name, "folder");
    assert_int_equal(source->samples, 1);
    source_free(source);
    source_free(NULL);
    unlink(file);
    rmdir(root);
}

static void test_unknown_format(void **state)
{
    (void)state;
    struct source *source = NULL;
    assert_int_equal(
        source_open(&(struct source_spec){.format = "papyrus", .path = "/nowhere"}, &source),
        -EINVAL);
    assert_non_null(strstr(err_text(), "papyrus"));
    assert_non_null(strstr(err_text(), "/nowhere"));
    assert_null(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_unknown_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
