/* SPDX-License-Identifier: Apache-2.0 */
/* mat: numbers of each type, cells and structs that matio wrote, packed or not, come back; a file
 * that is cut anywhere, of another kind or of other types is an error that names it. */
#include "manifest_bed.h"

#include "tools/evaluate/manifest/mat.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct garden garden;
static struct manifest manifest;

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    manifest = (struct manifest){.root = garden.root};
    return manifest_begin(&manifest);
}

static int tear_down(void **state)
{
    (void)state;
    manifest_done(&manifest);
    garden_done(&garden);
    return 0;
}

/* Two structs with two fields, as the lists of the published sets have them. */
static matvar_t *two_structs(void)
{
    static const char *const fields[] = {"class", "fname", NULL}, *const names[] = {"00001.jpg",
                                                                                    "b.jpg"};
    static const double class[] = {14, 3};
    size_t dims[2] = {1, 2};
    matvar_t *v = Mat_VarCreateStruct2("annotations", 2, dims, fields);
    for (size_t i = 0; i < 2; i++) {
        Mat_VarSetStructFieldByName(v, "class", i, mat_make_double(NULL, &class[i], 1));
        Mat_VarSetStructFieldByName(v, "fname", i, mat_make_text(names[i]));
    }
    return v;
}

static void write_all(bool packed)
{
    static const char *const cells[] = {"AM General", "Audi"};
    struct mat_make make = mat_make_begin(garden_path(&garden, "a.mat"), packed);
    mat_make_put(&make, mat_make_u8("bytes", (const uint8_t[]){77, 255, 1}, 3));
    mat_make_put(&make, mat_make_u16("words", (const uint16_t[]){8189, 1}, 2));
    mat_make_put(&make, mat_make_double("doubles", (const double[]){4, 2.5, -1}, 3));
    mat_make_put(&make, mat_make_cell("class_names", cells, 2));
    mat_make_put(&make, two_structs());
    mat_make_end(&make);
}

static const long any[2] = {-1000, 100000};

/* Everything of the file as a string; a variable that is an error, as its message. */
static const char *told(void)
{
    static char out[4096];
    static const char *const numbers[] = {"bytes", "words", "doubles"};
    size_t at = 0;
    long value;
    char text[MAT_TEXT_MAX];
    for (size_t v = 0; v < 5; v++) {
        auto_with(mat_freep) struct mat *mat = NULL;
        const char *name = v < 3 ? numbers[v] : v == 3 ? "class_names" : "annotations";
        int r = mat_open(&manifest, "a.mat", name, &mat);
        if (r < 0)
            return r == -EBADMSG ? err_text() : "another code";
        for (size_t i = 0; i < mat_count(mat); i++) {
            if (v < 3)
                r = mat_integer(mat, i, NULL, any, &value);
            else
                r = mat_text(mat, i, v == 3 ? NULL : "fname", text);
            if (r == 0 && v == 4)
                r = mat_integer(mat, i, "class", any, &value);
            if (r < 0)
                snprintf(text, sizeof text, "(%s)", err_text() + strlen(garden.root) + 1);
            if (v < 3 && r == 0)
                snprintf(text, sizeof text, "%ld", value);
            at += (size_t)snprintf(out + at, sizeof out - at, "%s ", text);
            if (v == 4)
                at += (size_t)snprintf(out + at, sizeof out - at, "%ld ", value);
        }
    }
    return out;
}

static void test_values(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        write_all(packed);
        assert_string_equal(
            told(), "77 255 1 8189 1 4 (a.mat: variable doubles, element 2: 2.5: a whole number, "
                    "-1000 to 100000) -1 AM General Audi 00001.jpg 14 b.jpg 3 ");
    }
}

static void test_cut(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        write_all(packed);
        struct stat st;
        assert_int_equal(stat(garden_path(&garden, "a.mat"), &st), 0);
        for (off_t len = st.st_size - 1; len >= 0; len--) {
            assert_int_equal(truncate(garden_path(&garden, "a.mat"), len), 0);
            const char *said = told();
            if (strncmp(said, garden.root, strlen(garden.root)) != 0 ||
                (!strstr(said, "cut: ") && !strstr(said, "no MAT file") &&
                 !strstr(said, "no variable is called ")))
                fail_msg("at %lld bytes: %s", (long long)len, said);
        }
    }
}

static int integer(const char *variable, size_t i, const char *field, const long bounds[2])
{
    auto_with(mat_freep) struct mat *mat = NULL;
    long value;
    int r = mat_open(&manifest, "a.mat", variable, &mat);
    return r < 0 ? r : mat_integer(mat, i, field, bounds, &value);
}

static int text(const char *variable, size_t i, const char *field)
{
    auto_with(mat_freep) struct mat *mat = NULL;
    char value[MAT_TEXT_MAX];
    int r = mat_open(&manifest, "a.mat", variable, &mat);
    return r < 0 ? r : mat_text(mat, i, field, value);
}

#define refused(call, words)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, -EBADMSG);                                                          \
        if (!strstr(err_text(), words))                                                            \
            fail_msg("'%s' instead of '%s'", err_text(), words);                                   \
    } while (0)

static void test_types(void **state)
{
    (void)state;
    write_all(true);
    const long below_9[2] = {1, 8};
    refused(integer("words", 0, NULL, below_9),
            "a.mat: variable words, element 1: 8189: a whole number, 1 to 8");
    refused(integer("words", 2, NULL, any), "variable words, element 3: not a number");
    refused(integer("class_names", 0, NULL, any), "class_names, element 1: not a number");
    refused(integer("annotations", 0, NULL, any), "annotations, element 1: not a number");
    refused(integer("annotations", 1, "fname", any), "element 2, field fname: not a number");
    refused(integer("annotations", 1, "bbox", any), "element 2, field bbox: not a number");
    refused(integer("annotations", 2, "class", any), "element 3, field class: not a number");
    refused(integer("words", 0, "class", any), "element 1, field class: not a number");
    refused(integer("labels", 0, NULL, any), "a.mat: no variable is called labels");
    refused(text("annotations", 0, "class"), "element 1, field class: not a string");
    refused(text("words", 0, NULL), "words, element 1: not a string");
    refused(text("class_names", 2, NULL), "class_names, element 3: not a string");
    const double nothing = 0;
    struct mat_make make = mat_make_begin(garden_path(&garden, "a.mat"), false);
    mat_make_put(&make, mat_make_cell("c", (const char *const[]){""}, 1));
    mat_make_put(&make, mat_make_double("none", &nothing, 0));
    mat_make_put(&make, mat_make_double("nan", &(double){NAN}, 1));
    mat_make_end(&make);
    refused(text("c", 0, NULL), "variable c, element 1: ");
    refused(integer("nan", 0, NULL, any), "variable nan, element 1: nan: a whole number");
    refused(integer("none", 0, NULL, any), "variable none, element 1: not a number");
}

static void test_files(void **state)
{
    (void)state;
    struct mat *mat = NULL;
    assert_int_equal(mat_open(&manifest, "none.mat", "labels", &mat), -ENOENT);
    assert_non_null(strstr(err_text(), "/none.mat: No such file or directory"));
    garden_write(&garden, "a.mat", "plain text, and shorter than a header");
    refused(integer("labels", 0, NULL, any), "a.mat: no MAT file of level 5");
    char page[300];
    memset(page, 'x', sizeof page - 1);
    page[sizeof page - 1] = 0;
    garden_write(&garden, "a.mat", page);
    refused(integer("labels", 0, NULL, any), "a.mat: no MAT file of level 5");
    write_all(false);
    FILE *f = fopen(garden_path(&garden, "a.mat"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 128, SEEK_SET), 0);
    assert_int_equal(putc(9, f), 9);
    fclose(f);
    refused(integer("bytes", 0, NULL, any), "at byte 128: an element of type 9");
    assert_int_equal(remove(garden_path(&garden, "a.mat")), 0);
    assert_int_equal(mkfifo(garden_path(&garden, "a.mat"), 0600), 0);
    refused(integer("bytes", 0, NULL, any), "no regular file");
}

/* More bytes of field names than the file has: matio reads behind its memory, in its own process.
 */
static void test_damage(void **state)
{
    (void)state;
    static const uint8_t tag[] = {5, 0, 4, 0}; /* int32, four bytes in the tag itself */
    write_all(false);
    char *bytes = NULL;
    size_t len;
    assert_int_equal(file_read(garden_path(&garden, "a.mat"), 1 << 20, &bytes, &len), 0);
    char *at = memmem(bytes, len, tag, sizeof tag);
    assert_non_null(at);
    for (int k = 13; k < 16; k++) { /* of the next element's size, in its tag */
        at[k] ^= (char)0x80;
        FILE *f = fopen(garden_path(&garden, "a.mat"), "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
        at[k] ^= (char)0x80;
        refused(integer("annotations", 0, "class", any), "/a.mat: variable annotations");
        assert_int_equal(integer("bytes", 0, NULL, any), 0);
    }
    free(bytes);
}

/* A reader that is killed, here by a limit that it cannot raise, is the file's error. */
static void test_death(void **state)
{
    (void)state;
    write_all(true);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){8, 8});
        const int r = integer("bytes", 0, NULL, any);
        _exit(r == -EBADMSG && strstr(err_text(), "/a.mat: variable bytes: damaged: its reader "
                                                  "ended by signal 25")
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_death, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
