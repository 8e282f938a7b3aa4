/* SPDX-License-Identifier: Apache-2.0 */
/* file: a file is seen whole or not at all, whatever ends the writing. */
#include "test.h"

#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "test_file.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int entries(void)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n = -2; /* . and .. */
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void assert_content(const char *expected)
{
    auto_free char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read(path, 100, &text, &len), 0);
    assert_int_equal(len, strlen(expected));
    assert_string_equal(text, expected);
}

static void write_text(const char *text)
{
    struct file_write w;
    assert_int_equal(file_write_begin(&w, path), 0);
    assert_true(fputs(text, w.out) >= 0);
    assert_int_equal(file_write_commit(&w), 0);
    file_write_abort(&w); /* harmless now */
}

static void test_writable(void **state)
{
    (void)state;
    assert_int_equal(file_writable(path), 0);
    assert_int_equal(entries(), 0); /* nothing is left */
    write_text("one");
    assert_int_equal(file_writable(path), 0);
    assert_content("one");
    assert_int_equal(file_writable(folder), -EISDIR);
    assert_int_equal(file_writable("/nosuch/folder/file"), -ENOENT);
}

static void test_commit_replaces_whole(void **state)
{
    (void)state;
    write_text("one");
    assert_content("one");
    struct file_write w;
    assert_int_equal(file_write_begin(&w, path), 0);
    fputs("two, longer", w.out);
    fflush(w.out);
    assert_content("one"); /* until the commit */
    assert_int_equal(file_write_commit(&w), 0);
    assert_content("two, longer");
    assert_int_equal(entries(), 1);
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
}

static void test_abort_leaves_nothing(void **state)
{
    (void)state;
    struct file_write w = {0};
    file_write_abort(&w);
    assert_int_equal(file_write_begin(&w, path), 0);
    fputs("half", w.out);
    assert_int_equal(entries(), 1);
    file_write_abort(&w);
    file_write_abort(&w);
    assert_int_equal(entries(), 0);
}

/* A disk that is full: no byte may be written, which the stream notices at the flush. */
static void test_failed_commit_leaves_old(void **state)
{
    (void)state;
    write_text("old");
    struct rlimit saved, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    none = saved;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    struct file_write w;
    assert_int_equal(file_write_begin(&w, path), 0);
    fputs("new", w.out);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int code = file_write_commit(&w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
    assert_int_equal(code, -EFBIG);
    assert_non_null(strstr(err_text(), path));
    assert_content("old");
    assert_int_equal(entries(), 1);
}

static void test_two_writers(void **state)
{
    (void)state;
    struct file_write a, b;
    assert_int_equal(file_write_begin(&a, path), 0);
    assert_int_equal(file_write_begin(&b, path), 0);
    fputs("a", a.out);
    fputs("b", b.out);
    assert_int_equal(file_write_commit(&a), 0);
    assert_content("a");
    assert_int_equal(file_write_commit(&b), 0);
    assert_content("b");
}

static void test_begin_fails(void **state)
{
    (void)state;
    struct file_write w;
    assert_int_equal(file_write_begin(&w, "no/such/folder/x"), -ENOENT);
    assert_non_null(strstr(err_text(), "no/such/folder/x"));
    file_write_abort(&w);
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(file_write_begin(&w, longer), -ENAMETOOLONG);
}

/* A rename would put a file in the place of a pipe or of /dev/null, and root may do that. */
static void test_only_files_are_replaced(void **state)
{
    (void)state;
    struct file_write w;
    assert_int_equal(file_write_begin(&w, folder), -EISDIR);
    assert_non_null(strstr(err_text(), folder));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_write_begin(&w, path), -EBADMSG);
    assert_non_null(strstr(err_text(), path));
    file_write_abort(&w);
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(entries(), 1);
}

/* /dev/stdout is a link: what it leads to is written, the link stays. */
static void test_a_link_stays(void **state)
{
    (void)state;
    char link[128];
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("a", link), 0);
    struct file_write w;
    assert_int_equal(file_write_begin(&w, link), -ENOENT); /* leads nowhere */
    assert_non_null(strstr(err_text(), link));
    write_text("old");
    assert_int_equal(file_write_begin(&w, link), 0);
    fputs("new", w.out);
    assert_int_equal(file_write_commit(&w), 0);
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_content("new");
    assert_int_equal(entries(), 2);
    assert_int_equal(unlink(link), 0);
}

static void test_read_bounds(void **state)
{
    (void)state;
    auto_free char *text = NULL;
    size_t len = 7;
    assert_int_equal(file_read(path, 100, &text, &len), -ENOENT);
    write_text("12345");
    assert_int_equal(file_read(path, 4, &text, &len), -E2BIG);
    assert_null(text);
    assert_int_equal(len, 7);
    assert_int_equal(file_read(path, 5, &text, &len), 0);
    assert_int_equal(len, 5);
    assert_int_equal(text[5], 0);
    free(text);
    text = NULL;
    assert_int_equal(file_read("/dev/zero", 10000, &text, &len), -E2BIG); /* has no size */
    assert_int_equal(file_read("/proc/self/maps", 1 << 20, &text, &len), 0);
    assert_true(len > 0);
    free(text);
    text = NULL;
    assert_int_equal(file_read(folder, 100, &text, &len), -EISDIR);
    char fifo[sizeof folder + 8];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read_regular(fifo, 100, &text, &len), -EBADMSG); /* and does not wait */
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(file_read_regular(folder, 100, &text, &len), -EBADMSG);
    assert_int_equal(file_read_regular(path, 4, &text, &len), -EBADMSG);
    assert_null(text);
    assert_int_equal(file_read_regular(path, 5, &text, &len), 0);
}

static void test_mkdirs(void **state)
{
    (void)state;
    char deep[128], file[128], middle[128];
    snprintf(deep, sizeof deep, "%s/x/y//z/", folder);
    assert_int_equal(file_mkdirs(deep), 0);
    assert_int_equal(file_mkdirs(deep), 0);
    assert_int_equal(access(deep, F_OK), 0);
    write_text("a file");
    assert_int_equal(file_mkdirs(path), -ENOTDIR);
    snprintf(file, sizeof file, "%s/b", path);
    assert_int_equal(file_mkdirs(file), -ENOTDIR);
    assert_int_equal(file_mkdirs(""), -ENAMETOOLONG);
    assert_int_equal(rmdir(deep), 0);
    snprintf(middle, sizeof middle, "%s/x/y", folder);
    assert_int_equal(rmdir(middle), 0);
    snprintf(middle, sizeof middle, "%s/x", folder);
    assert_int_equal(rmdir(middle), 0);
}

/* What dead writers left goes, and nothing else that is called nearly so. */
static void test_sweep(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a",        "a.tmp",      "a.tmp.1",   "a.tmp.1.",     "a.tmp.1.2.3",      "a.tmp.12x.4",
        ".tmp.1.2", "a.tmp.-1.2", "a.tmp.1.2", "a.b.tmp.77.0", "a.tmp.1.2.tmp.3.4"};
    const size_t stay = 8;
    char file[128];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        FILE *f = fopen(file, "w");
        assert_non_null(f);
        fclose(f);
    }
    assert_int_equal(file_sweep(folder), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        if ((access(file, F_OK) == 0) != (i < stay))
            fail_msg("%s", names[i]);
        unlink(file);
    }
    struct file_write w; /* as a writer that is killed leaves it */
    assert_int_equal(file_write_begin(&w, path), 0);
    assert_int_equal(file_sweep(folder), 0);
    assert_int_equal(entries(), 0);
    file_write_abort(&w);
    snprintf(file, sizeof file, "%s/none", folder);
    assert_int_equal(file_sweep(file), -ENOENT);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_writable),
        IN_FOLDER(test_commit_replaces_whole),
        IN_FOLDER(test_abort_leaves_nothing),
        IN_FOLDER(test_failed_commit_leaves_old),
        IN_FOLDER(test_two_writers),
        IN_FOLDER(test_begin_fails),
        IN_FOLDER(test_only_files_are_replaced),
        IN_FOLDER(test_a_link_stays),
        IN_FOLDER(test_read_bounds),
        IN_FOLDER(test_mkdirs),
        IN_FOLDER(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
