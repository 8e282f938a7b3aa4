/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_rows, manifest_read, manifest_draw, manifest_write: what a maker adds comes back through
 * loaderd, whatever its names; what loaderd would refuse is refused first, with its place; drawn
 * splits keep to their sizes and to nothing but seed, class and path. */
#include "manifest_bed.h"

#include <math.h>

static struct garden garden;
static struct manifest manifest;

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    bed_image(&garden, "a.jpg");
    bed_image(&garden, "in/b, \"c\".jpg");
    assert_int_equal(mkdir(garden_path(&garden, "folder.jpg"), 0777), 0);
    manifest = (struct manifest){.root = garden.root, .seed = 5};
    return manifest_begin(&manifest);
}

static int tear_down(void **state)
{
    (void)state;
    manifest_done(&manifest);
    garden_done(&garden);
    return 0;
}

static int add(const char *path, const char *label, int32_t number)
{
    return manifest_add(
        &manifest, &(struct manifest_row){.path = path, .label = label, .number = number, "train"});
}

static void test_names(void **state)
{
    (void)state;
    const double box[4] = {0, 3.4, 20, 65535};
    assert_int_equal(add("a.jpg", "Ram C/V, \"big\"", 0), 0);
    assert_int_equal(manifest_add(&manifest, &(struct manifest_row){.path = "in/b, \"c\".jpg",
                                                                    .label = "ant",
                                                                    .split = "te,st",
                                                                    .box = box}),
                     0);
    assert_int_equal(add("a.jpg", NULL, -1), 0);
    for (int relative = 0; relative < 2; relative++) {
        bed_write(&garden, &manifest, relative);
        assert_string_equal(bed_split(&garden, NULL),
                            "a.jpg:0 in/b, \"c\".jpg:1[0,3,20,65535] a.jpg:-1 "
                            "Ram C/V, \"big\",ant,");
        assert_string_equal(bed_split(&garden, "te,st"), "in/b, \"c\".jpg:1[0,3,20,65535] "
                                                         "Ram C/V, \"big\",ant,");
        char *text = NULL;
        size_t len;
        assert_int_equal(file_read(garden_path(&garden, "m.csv"), 4096, &text, &len), 0);
        char want[600];
        snprintf(want, sizeof want,
                 "path,label,split,x,y,w,h\n"
                 "%s%sa.jpg,\"Ram C/V, \"\"big\"\"\",train,,,,\n"
                 "\"%s%sin/b, \"\"c\"\".jpg\",ant,\"te,st\",0,3,20,65535\n"
                 "%s%sa.jpg,,train,,,,\n",
                 relative ? "" : garden.root, relative ? "" : "/", relative ? "" : garden.root,
                 relative ? "" : "/", relative ? "" : garden.root, relative ? "" : "/");
        assert_string_equal(text, want);
        free(text);
    }
}

/* A folder whose own name wants quotes. */
static void test_root(void **state)
{
    (void)state;
    char root[256];
    snprintf(root, sizeof root, "%s", garden_path(&garden, "x, \"y\""));
    struct manifest m = {.root = root};
    bed_image(&garden, "x, \"y\"/i.jpg");
    assert_int_equal(manifest_begin(&m), 0);
    assert_int_equal(
        manifest_add(&m, &(struct manifest_row){.path = "i.jpg", .number = 0, .split = "all"}), 0);
    bed_write(&garden, &m, false);
    assert_string_equal(bed_split(&garden, "all"), "x, \"y\"/i.jpg:0 0,");
    manifest_done(&m);
    m = (struct manifest){.root = garden_path(&garden, "none")};
    assert_int_equal(manifest_begin(&m), -ENOENT);
    manifest_done(&m);
    m = (struct manifest){.root = garden_path(&garden, "a.jpg")};
    assert_int_equal(manifest_begin(&m), -ENOTDIR);
    manifest_done(&m);
}

static void test_refusals(void **state)
{
    (void)state;
    static char long_name[300];
    memset(long_name, 'n', sizeof long_name - 1);
    static const struct {
        const char *path, *label;
        int32_t number;
        int code;
        const char *words;
    } rows[] = {
        {"", "a", 0, -EBADMSG, "no path"},
        {"/etc/passwd", "a", 0, -EBADMSG, "/etc/passwd: leaves the dataset's folder"},
        {"../a.jpg", "a", 0, -EBADMSG, "../a.jpg: leaves the dataset's folder"},
        {"in/../a.jpg", "a", 0, -EBADMSG, "in/../a.jpg: leaves the dataset's folder"},
        {"in/..", "a", 0, -EBADMSG, "in/..: leaves the dataset's folder"},
        {"a\n.jpg", "a", 0, -EBADMSG, "a control character in a path"},
        {"none.jpg", "a", 0, -ENOENT, "none.jpg: No such file or directory"},
        {"folder.jpg", "a", 0, -EBADMSG, "folder.jpg: not a regular file"},
        {"a.jpg", "", 0, -EBADMSG, "class '': 1 to 255 bytes"},
        {"a.jpg", long_name, 0, -EBADMSG, "1 to 255 bytes"},
        {"a.jpg", "a\x7f", 0, -EBADMSG, "none of control"},
        {"a.jpg", "007", 0, -EBADMSG, "class '007': its name is a number"},
        {"a.jpg", "-1", 0, -EBADMSG, "class '-1': its name is a number"},
        {"a.jpg", "2.0", 0, -EBADMSG, "class '2.0': its name is a number"},
        {"a.jpg", NULL, -2, -EBADMSG, "label -2: 0 to 1048575"},
        {"a.jpg", NULL, 1 << 20, -EBADMSG, "label 1048576: 0 to 1048575"},
        {"a.jpg", NULL, 4, -EBADMSG, "classes have names or numbers, not both"},
    };
    assert_int_equal(add("a.jpg", "cat", 0), 0);
    manifest_at(&manifest, "meta/list.txt", 12);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int r = add(rows[i].path, rows[i].label, rows[i].number);
        if (r != rows[i].code || !strstr(err_text(), rows[i].words) ||
            !strstr(err_text(), "/meta/list.txt:12: "))
            fail_msg("%zu: %d, '%s'", i, r, err_text());
    }
    static const double boxes[][4] = {{-1, 0, 5, 5}, {0, NAN, 5, 5}, {0, 0, 65536, 5},
                                      {0, 0, 0, 5},  {0, 0, 5, .4},  {0, 0, INFINITY, 5}};
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        const struct manifest_row row = {"a.jpg", "cat", 0, "train", boxes[i]};
        assert_int_equal(manifest_add(&manifest, &row), -EBADMSG);
        assert_non_null(strstr(err_text(), "meta/list.txt:12: a box"));
    }
    assert_int_equal(manifest.n, 1);
}

/* Lines, and what is no text. */
static void test_lines(void **state)
{
    (void)state;
    struct manifest_lines lines;
    char *line, long_line[5000];
    garden_write(&garden, "l.txt", "one two \r\n\n\t\n  three,,4\nlast");
    assert_int_equal(manifest_lines_open(&lines, &manifest, "l.txt"), 0);
    assert_int_equal(manifest_lines_next(&lines, &line), 1);
    assert_string_equal(line, "one two");
    assert_string_equal(manifest_field(&line, ' '), "one");
    assert_string_equal(manifest_field(&line, ' '), "two");
    assert_null(manifest_field(&line, ' '));
    assert_int_equal(manifest_lines_next(&lines, &line), 1);
    assert_int_equal(manifest.line, 4);
    assert_string_equal(manifest_field(&line, ','), "  three");
    assert_string_equal(manifest_field(&line, ','), "");
    assert_string_equal(manifest_field(&line, ','), "4");
    assert_null(manifest_field(&line, ','));
    assert_int_equal(manifest_lines_next(&lines, &line), 1);
    assert_string_equal(line, "last");
    assert_int_equal(manifest_lines_next(&lines, &line), 0);
    manifest_lines_done(&lines);
    memset(long_line, 'x', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = 0;
    garden_write(&garden, "l.txt", long_line);
    assert_int_equal(manifest_lines_open(&lines, &manifest, "l.txt"), 0);
    assert_int_equal(manifest_lines_next(&lines, &line), -EBADMSG);
    assert_non_null(strstr(err_text(), "/l.txt:1: a line of more than 4095 bytes"));
    manifest_lines_done(&lines);
    FILE *f = fopen(garden_path(&garden, "l.txt"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite("a\nb\0c\n", 1, 6, f), 6);
    fclose(f);
    assert_int_equal(manifest_lines_open(&lines, &manifest, "l.txt"), 0);
    assert_int_equal(manifest_lines_next(&lines, &line), 1);
    assert_int_equal(manifest_lines_next(&lines, &line), -EBADMSG);
    assert_non_null(strstr(err_text(), "/l.txt:2: a NUL byte"));
    manifest_lines_done(&lines);
    assert_int_equal(manifest_lines_open(&lines, &manifest, "in"), -EBADMSG);
    manifest_lines_done(&lines);
    static const char *const bad[] = {"", "x", "1x", "0", "8", "99999999999999999999", " "};
    long value;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(manifest_integer(&manifest, bad[i], "id", (const long[]){1, 7}, &value),
                         -EBADMSG);
    assert_int_equal(manifest_integer(&manifest, "7", "id", (const long[]){1, 7}, &value), 0);
    assert_int_equal(value, 7);
}

/* Classes of these sizes, added from front or from back, drawn from; what became of each as
 * letters. */
enum { SIZES = 4 };
static const int sizes[SIZES] = {10, 11, 12, 17};

static void drawn(bool backwards, int classes, uint64_t seed,
                  const struct manifest_part_drawn *part, char ret[SIZES][20])
{
    struct manifest m = {.root = garden.root, .seed = seed};
    assert_int_equal(manifest_begin(&m), 0);
    for (int k = 0; k < classes * 17; k++) {
        const int at = backwards ? classes * 17 - 1 - k : k;
        char path[48], label[16];
        snprintf(label, sizeof label, "c%d", at / 17);
        snprintf(path, sizeof path, "d/%s/%02d.jpg", label, at % 17);
        if (at % 17 < sizes[at / 17])
            assert_int_equal(
                manifest_add(&m, &(struct manifest_row){path, label, 0, "train", NULL}), 0);
    }
    if (manifest_draw(&m, part) < 0)
        fail_msg("%s", err_text());
    memset(ret, 0, SIZES * sizeof *ret);
    for (size_t i = 0; i < m.n; i++) {
        const char *path = m.text + m.rows[i].path;
        ret[path[3] - '0'][(path[5] - '0') * 10 + path[6] - '0'] =
            m.splits.word[m.rows[i].split][0];
    }
    manifest_done(&m);
}

static int letters(const char *text, char letter)
{
    int n = 0;
    for (; *text; text++)
        n += *text == letter;
    return n;
}

static void test_draw(void **state)
{
    (void)state;
    for (int k = 0; k < SIZES * 17; k++) {
        char path[32];
        snprintf(path, sizeof path, "d/c%d/%02d.jpg", k / 17, k % 17);
        bed_image(&garden, path);
    }
    const struct manifest_part_drawn tenth = {.from = "train", .to = "val", .share = .1};
    char a[SIZES][20], b[SIZES][20];
    /* 50 rows: five. 1, 1.1, 1.2 and 1.7 of each: the last one is rounded up. */
    drawn(false, SIZES, 3, &tenth, a);
    for (int c = 0; c < SIZES; c++) {
        assert_int_equal(strlen(a[c]), sizes[c]);
        assert_int_equal(letters(a[c], 'v'), c == 3 ? 2 : 1);
    }
    drawn(true, SIZES, 3, &tenth, b);
    assert_memory_equal(a, b, sizeof a);
    const struct manifest_part_drawn eight = {.from = "train", .to = "val", .each = 8};
    drawn(false, SIZES, 3, &eight, a);
    for (int c = 0; c < SIZES; c++)
        assert_int_equal(letters(a[c], 'v'), 8);
    drawn(false, 2, 3, &eight, b); /* other classes do not matter */
    assert_memory_equal(a, b, 2 * sizeof *a);
    drawn(false, SIZES, 4, &eight, b);
    assert_memory_not_equal(a, b, sizeof a);
    const struct manifest_part_drawn other = {.from = "train", .to = "wal", .each = 8};
    drawn(false, SIZES, 3, &other, b);
    for (int c = 0; c < SIZES; c++)
        for (char *s = b[c]; *s; s++)
            *s = *s == 'w' ? 'v' : *s;
    assert_memory_not_equal(a, b, sizeof a);
}

/* Each image of a class is as likely as the other to be drawn. */
static void test_draw_is_even(void **state)
{
    (void)state;
    enum { SEEDS = 2000, N = 10 };
    int hits[N] = {0};
    const struct manifest_part_drawn three = {.from = "train", .to = "val", .each = 3};
    for (int k = 0; k < N; k++) {
        char path[32];
        snprintf(path, sizeof path, "d/c0/%02d.jpg", k);
        bed_image(&garden, path);
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char a[SIZES][20];
        drawn(false, 1, seed, &three, a);
        for (int k = 0; k < N; k++)
            hits[k] += a[0][k] == 'v';
    }
    /* 600 of each are expected, with a deviation of sqrt(2000 * .3 * .7) = 20.5: five of them. */
    for (int k = 0; k < N; k++)
        assert_in_range(hits[k], 600 - 103, 600 + 103);
}

static void test_draw_refusals(void **state)
{
    (void)state;
    assert_int_equal(add("a.jpg", "cat", 0), 0);
    assert_int_equal(manifest_draw(&manifest, &(struct manifest_part_drawn){"test", "val", 1, 0}),
                     -ENODATA);
    assert_non_null(strstr(err_text(), "no image is of split 'test'"));
    assert_int_equal(manifest_draw(&manifest, &(struct manifest_part_drawn){"train", "val", 1, 0}),
                     -EBADMSG);
    assert_non_null(strstr(err_text(), "class 'cat' has 1 images of split 'train': 1 are taken"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_draw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_draw_is_even, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_draw_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
