/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: columns in any order, labels numbered over all rows, splits, boxes, paths of every
 * kind; and each way in which a file can be wrong is told with its line. */
#include "garden.h"

#include "loaderd/source/source.h"

#include <errno.h>

static struct garden garden;
static char outside[128]; /* an image that is elsewhere */

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    assert_int_equal(mkdir(garden_path(&garden, "set"), 0777), 0);
    assert_int_equal(mkdir(garden_path(&garden, "set/in"), 0777), 0);
    garden_write(&garden, "set/a.png", "1");
    garden_write(&garden, "set/b.png", "22");
    garden_write(&garden, "set/in/c, d.jpg", "333");
    garden_write(&garden, "set/\"q\".jpg", "4444");
    garden_write(&garden, "set/#e.jpg", "55555");
    garden_write(&garden, "far.png", "666666");
    snprintf(outside, sizeof outside, "%s", garden_path(&garden, "far.png"));
    assert_int_equal(mkfifo(garden_path(&garden, "set/fifo.png"), 0600), 0);
    assert_int_equal(symlink("a.png", garden_path(&garden, "set/link.png")), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void write_manifest(const char *text, size_t len)
{
    FILE *f = fopen(garden_path(&garden, "set/m.csv"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static int open_split(const char *text, size_t len, const char *split, struct source **ret)
{
    write_manifest(text, len);
    const struct source_spec spec = {
        .format = "manifest", .path = garden_path(&garden, "set/m.csv"), .split = split};
    return source_open(&spec, ret);
}

/* What a manifest says, as one string: each sample's path below the set and its label, then the
 * classes. */
static const char *told(const char *text, const char *split)
{
    static char out[1024];
    struct source *source = NULL;
    if (open_split(text, strlen(text), split, &source) < 0)
        fail_msg("%s: %s", text, err_text());
    size_t at = 0;
    uint64_t unlabelled = 0;
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        source->item(source, i, &item);
        unlabelled += item.label < 0;
        assert_int_equal(item.sample, i);
        assert_int_equal(item.coding, ITEM_FILE);
        assert_int_equal(item.offset, 0);
        assert_int_equal(item.length, 0);
        const size_t root = strlen(garden.root);
        assert_memory_equal(item.path, garden.root, root);
        assert_int_equal(access(item.path, R_OK), 0);
        at +=
            (size_t)snprintf(out + at, sizeof out - at, "%s:%d ", item.path + root + 1, item.label);
    }
    for (uint32_t i = 0; i < source->classes; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, "%s,", source->class_name(source, i));
    assert_int_equal(source->unlabelled, unlabelled);
    source_free(source);
    return out;
}

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *split, *samples;
    } rows[] = {
        {"path\na.png\nb.png\n", NULL, "set/a.png:-1 set/b.png:-1 "},
        {"label,path\n2,b.png\n0,a.png\n", "", "set/b.png:2 set/a.png:0 0,1,2,"},
        {"note,path,label\nx,b.png,cat\n,a.png,ant\n", NULL, "set/b.png:1 set/a.png:0 ant,cat,"},
        /* a label of one split is a class in all */
        {"path,label,split\na.png,zoo,train\nb.png,ant,test\n", "train", "set/a.png:1 ant,zoo,"},
        {"path,label,split\na.png,zoo,train\nb.png,ant,test\n", "test", "set/b.png:0 ant,zoo,"},
        {"path,label,split\na.png,7,train\nb.png,1,test\n", "test", "set/b.png:1 0,1,2,3,4,5,6,7,"},
        {"path,label,split\na.png,zoo,train\nb.png,ant,test\n", NULL,
         "set/a.png:1 set/b.png:0 ant,zoo,"},
        /* none, said in three ways */
        {"path,label\na.png,\nb.png,-1\n", NULL, "set/a.png:-1 set/b.png:-1 "},
        {"path,label\na.png,\nb.png,x\n", NULL, "set/a.png:-1 set/b.png:0 x,"},
        {"path,label\na.png,-1\nb.png,1\n", NULL, "set/a.png:-1 set/b.png:1 0,1,"},
        /* numbers are numbers */
        {"path,label\na.png,007\nb.png,10\n", NULL,
         "set/a.png:7 set/b.png:10 0,1,2,3,4,5,6,7,8,9,10,"},
        /* quoting, line ends, a mark at the start, empty lines, an unfinished last one */
        {"\xef\xbb\xbfpath,label\r\n\r\n\"in/c, d.jpg\",\"A \"\"b\"\"\"\r\n\"\"\"q\"\".jpg\",Z",
         NULL, "set/in/c, d.jpg:0 set/\"q\".jpg:1 A \"b\",Z,"},
        {"path\n#e.jpg\n", NULL, "set/#e.jpg:-1 "},
        /* the same image twice; links; a folder above */
        {"path,label\na.png,0\na.png,1\n", NULL, "set/a.png:0 set/a.png:1 0,1,"},
        {"path\nlink.png\n", NULL, "set/link.png:-1 "},
        {"path\n../far.png\n./in/../a.png\n", NULL, "set/../far.png:-1 set/./in/../a.png:-1 "},
        {" path , label\t\na.png,2.0 m\n", NULL, "set/a.png:0 2.0 m,"},
        {"path,caption\na.png,\"two\nlines\"\n", NULL, "set/a.png:-1 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(told(rows[i].text, rows[i].split), rows[i].samples);
    char text[256];
    snprintf(text, sizeof text, "path\n%s\n", outside);
    assert_string_equal(told(text, NULL), "far.png:-1 ");
}

static void test_boxes(void **state)
{
    (void)state;
    static const char text[] =
        "h,path,y,x,w\n40,a.png,20,10,30\n,b.png,,,\n1.5,a.png,0.4,65535,1\n";
    static const int32_t boxes[3][4] = {{10, 20, 30, 40}, {0}, {65535, 0, 1, 2}};
    struct source *source;
    assert_int_equal(open_split(text, sizeof text - 1, NULL, &source), 0);
    for (uint32_t i = 0; i < 3; i++) {
        int32_t box[4];
        assert_int_equal(source->box(source, i, box), i == 1 ? -ENODATA : 0);
        if (i != 1)
            assert_memory_equal(box, boxes[i], sizeof box);
    }
    source_free(source);
}

static void test_breaches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *split;
        int code, line; /* line 0: none to name */
        const char *message;
    } rows[] = {
#define TEXT(s) s, sizeof s - 1
        {TEXT(""), NULL, -EBADMSG, 0, "empty"},
        {TEXT("\n\n"), NULL, -EBADMSG, 0, "empty"},
        {TEXT("\nfile,label\n"), NULL, -EBADMSG, 2, "'path'"},
        {TEXT("path,path\na.png,b.png\n"), NULL, -EBADMSG, 1, "two columns"},
        {TEXT("path,x,y,w\na.png,1,1,1\n"), NULL, -EBADMSG, 1, "all four"},
        {TEXT("path,label\n"), NULL, -ENODATA, 0, "no samples"},
        {TEXT("path,label\n\na.png\n"), NULL, -EBADMSG, 3, "1 fields, and 2"},
        {TEXT("path\na.png,\n"), NULL, -EBADMSG, 2, "2 fields, and 1"},
        {TEXT("path\na.png\n\"b.png\n"), NULL, -EBADMSG, 3, "never closed"},
        {TEXT("path\na.p\0ng\n"), NULL, -EBADMSG, 2, "NUL"},
        {TEXT("path\n\"a\n.png\"\n"), NULL, -EBADMSG, 2, "control character (0x0a)"},
        {TEXT("path\na\x1b[31m.png\n"), NULL, -EBADMSG, 2, "control character (0x1b)"},
        {TEXT("path,label\na.png,b\x7f\n"), NULL, -EBADMSG, 2, "control character (0x7f)"},
        {TEXT("path,label\na.png,x\n,y\n"), NULL, -EBADMSG, 3, "no path"},
        {TEXT("path\na.png\nmissing.png\n"), NULL, -ENOENT, 3, "missing.png"},
        {TEXT("path\na.png/b.png\n"), NULL, -ENOTDIR, 2, "a.png/b.png"},
        {TEXT("path\nin\n"), NULL, -EBADMSG, 2, "in: not a regular file"},
        {TEXT("path\nfifo.png\n"), NULL, -EBADMSG, 2, "fifo.png: not a regular file"},
        {TEXT("path,label\na.png,1\nb.png,cat\n"), NULL, -EBADMSG, 3,
         "line 2 has a number and line 3 a name"},
        {TEXT("path,label\na.png,0.0\nb.png,10.0\n"), NULL, -EBADMSG, 2, "whole numbers"},
        {TEXT("path,label\na.png,0\nb.png,-2\n"), NULL, -EBADMSG, 3, "whole numbers"},
        {TEXT("path,label\na.png,1\nb.png, 2\n"), NULL, -EBADMSG, 3, "all or none"},
        {TEXT("path,label\na.png,0\nb.png,65536\na.png,2\n"), NULL, -EBADMSG, 3,
         "label 65536, of 3 rows"},
        {TEXT("path,label\na.png,1048576\n"), NULL, -EBADMSG, 2, "at most 1048575"},
        {TEXT("path,label\na.png,99999999999999999999999\n"), NULL, -EBADMSG, 2, "at most"},
        {TEXT("path\na.png\n"), "train", -EINVAL, 1, "no column is called 'split'"},
        {TEXT("path,split\na.png,test\n"), "train", -EINVAL, 0, "no row is of split 'train'"},
        {TEXT("path,x,y,w,h\na.png,1,1,1,\n"), NULL, -EBADMSG, 2, "all four"},
        {TEXT("path,x,y,w,h\na.png,1,1,1,0\n"), NULL, -EBADMSG, 2, "a box of 1x0"},
        {TEXT("path,x,y,w,h\na.png,-1,1,1,1\n"), NULL, -EBADMSG, 2, "x '-1'"},
        {TEXT("path,x,y,w,h\na.png,1,nan,1,1\n"), NULL, -EBADMSG, 2, "y 'nan'"},
        {TEXT("path,x,y,w,h\na.png,1,1,1e3,1\n"), NULL, -EBADMSG, 2, "w '1e3'"},
        {TEXT("path,x,y,w,h\na.png,1,1,1,.\n"), NULL, -EBADMSG, 2, "h '.'"},
        {TEXT("path,x,y,w,h\na.png,1,1,1,1.2.3\n"), NULL, -EBADMSG, 2, "h '1.2.3'"},
        {TEXT("path,x,y,w,h\na.png,65536,1,1,1\n"), NULL, -EBADMSG, 2, "x '65536'"},
        {TEXT("path,x,y,w,h\na.png,1,1,1,99999999999999999999\n"), NULL, -EBADMSG, 2, "h '9"},
#undef TEXT
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct source *source = NULL;
        const int r = open_split(rows[i].text, rows[i].len, rows[i].split, &source);
        char place[256];
        snprintf(place, sizeof place,
                 rows[i].line ? "%s:%d: " : "%s: ", garden_path(&garden, "set/m.csv"),
                 rows[i].line);
        if (rows[i].code == -ENODATA) /* not the manifest's own message */
            place[0] = 0;
        if (r != rows[i].code || strncmp(err_text(), place, strlen(place)) != 0 ||
            !strstr(err_text(), rows[i].message))
            fail_msg("row %zu: %d '%s' is not %d '%s...%s'", i, r, err_text(), rows[i].code, place,
                     rows[i].message);
        assert_null(source);
    }
}

/* The most that a field may be, and one byte more. */
static void test_bounds(void **state)
{
    (void)state;
    struct source *source;
    char text[4096], name[ITEM_PATH_MAX + 16];
    for (int more = 0; more < 2; more++) {
        memset(name, 'n', sizeof name);
        name[255 + more] = 0;
        const int len = snprintf(text, sizeof text, "path,label\na.png,%s\n", name);
        const int r = open_split(text, (size_t)len, NULL, &source);
        assert_int_equal(r, more ? -EBADMSG : 0);
        if (r == 0)
            source_free(source);
    }
    for (int more = 0; more < 2; more++) { /* ./././a.png */
        const size_t below =
            ITEM_PATH_MAX - 1 - strlen(garden_path(&garden, "set")) - 1 + (size_t)more;
        size_t at = 0;
        while (below - at > strlen("a.png") + 1) {
            memcpy(name + at, "./", 2);
            at += 2;
        }
        snprintf(name + at, sizeof name - at, "%sa.png", below - at > strlen("a.png") ? "/" : "");
        if (name[at] == '/' && at == 0)
            continue;
        assert_int_equal(strlen(name), below);
        const int len = snprintf(text, sizeof text, "path\n%s\n", name);
        const int r = open_split(text, (size_t)len, NULL, &source);
        assert_int_equal(r, more ? -ENAMETOOLONG : 0);
        if (r == 0)
            source_free(source);
    }
}

static void test_not_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
    } rows[] = {{"set", -EISDIR}, {"set/fifo.png", -EINVAL}, {"set/none.csv", -ENOENT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct source *source = NULL;
        const struct source_spec spec = {.format = "manifest",
                                         .path = garden_path(&garden, rows[i].name)};
        assert_int_equal(source_open(&spec, &source), rows[i].code);
        assert_non_null(strstr(err_text(), rows[i].name));
    }
}

static void fingerprint_of(const char *text, uint8_t ret[DIGEST_BYTES])
{
    struct source *source = NULL;
    assert_int_equal(open_split(text, strlen(text), NULL, &source), 0);
    memcpy(ret, source->fingerprint, DIGEST_BYTES);
    source_free(source);
}

/* Names, sizes, labels and their order are in it; how the file writes them is not. */
static void test_fingerprint(void **state)
{
    (void)state;
    static const char *const same[] = {"path,label\na.png,0\nb.png,1\n",
                                       "label,path\r\n\"0\",a.png\r\n1,\"b.png\"",
                                       "\xef\xbb\xbfpath,label,more\na.png,0,\n\nb.png,1,x\n"};
    static const char *const others[] = {
        "path,label\nb.png,1\na.png,0\n", "path,label\na.png,1\nb.png,0\n",
        "path,label\na.png,0\nlink.png,1\n", "path\na.png\nb.png\n"};
    uint8_t first[DIGEST_BYTES], other[DIGEST_BYTES];
    fingerprint_of(same[0], first);
    for (size_t i = 1; i < ARRAY_LEN(same); i++) {
        fingerprint_of(same[i], other);
        assert_memory_equal(first, other, DIGEST_BYTES);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        fingerprint_of(others[i], other);
        assert_memory_not_equal(first, other, DIGEST_BYTES);
    }
    garden_write(&garden, "set/b.png", "longer");
    fingerprint_of(same[0], other);
    assert_memory_not_equal(first, other, DIGEST_BYTES);
    garden_write(&garden, "set/b.png", "22");
}

/* Beyond 65536 classes there must be rows for them; up to there a set may lack most of its own. */
static void test_many_classes(void **state)
{
    (void)state;
    struct source *source;
    static const char few[] = "path,label\na.png,65535\n";
    assert_int_equal(open_split(few, sizeof few - 1, NULL, &source), 0);
    assert_int_equal(source->classes, 65536);
    assert_string_equal(source->class_name(source, 65535), "65535");
    source_free(source);
    enum { ROWS = 65540, ROW = 16 };
    auto_free char *text = malloc(ROWS * ROW + 64);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, 64, "path,label\n");
    for (int i = 0; i < ROWS; i++)
        at += (size_t)snprintf(text + at, ROW, "a.png,%d\n", i);
    assert_int_equal(open_split(text, at, NULL, &source), 0);
    assert_int_equal(source->classes, ROWS);
    source_free(source);
}

/* As the process sees it: no folder in front of the name. */
static void test_beside_us(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    write_manifest("path\na.png\n", 11);
    assert_int_equal(chdir(garden_path(&garden, "set")), 0);
    struct source *source = NULL;
    const int r =
        source_open(&(struct source_spec){.format = "manifest", .path = "m.csv"}, &source);
    assert_int_equal(r, 0);
    struct item item;
    source->item(source, 0, &item);
    assert_int_equal(access(item.path, R_OK), 0);
    source_free(source);
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_breaches),   cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_not_a_file), cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_beside_us),  cmocka_unit_test(test_many_classes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
