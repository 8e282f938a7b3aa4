/* SPDX-License-Identifier: Apache-2.0 */
/* embed_folder: what those who were killed have left is cleared away, and nothing else: not what is
 * held, what is another's, or what only looks like ours. */
#include "test.h"

#include "trainer/embed_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64];

static int setup(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/test_embed_folder.XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(base);
}

static void put_file(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void put_socket(const char *folder)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%.100s/s", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    close(fd);
}

/* A process that makes a folder with files in it, says which, and waits to be killed. */
static pid_t owner(char path[EMBED_FOLDER_PATH_MAX])
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct embed_folder folder;
        if (embed_folder_make(base, &folder) < 0)
            _exit(1);
        put_file(folder.path, "loaderd.yaml");
        put_socket(folder.path);
        if (write(fds[1], folder.path, sizeof folder.path) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], path, EMBED_FOLDER_PATH_MAX), EMBED_FOLDER_PATH_MAX);
    close(fds[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_made(void **state)
{
    (void)state;
    struct embed_folder folder;
    struct stat st;
    assert_int_equal(embed_folder_make(base, &folder), 0);
    assert_int_equal(stat(folder.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    put_file(folder.path, "loaderd.yaml");
    put_socket(folder.path);
    char path[EMBED_FOLDER_PATH_MAX];
    memcpy(path, folder.path, sizeof path);
    embed_folder_remove(&folder);
    assert_int_equal(access(path, F_OK), -1);
    embed_folder_remove(&folder);
}

static void test_left_over(void **state)
{
    (void)state;
    char dead[EMBED_FOLDER_PATH_MAX], living[EMBED_FOLDER_PATH_MAX];
    pid_t killed = owner(dead), alive = owner(living);
    struct embed_folder folder;
    assert_int_equal(embed_folder_make(base, &folder), 0);
    assert_int_equal(access(dead, F_OK), 0); /* its owner lives */
    embed_folder_remove(&folder);
    end(killed);
    assert_int_equal(access(dead, F_OK), 0);
    assert_int_equal(embed_folder_make(base, &folder), 0);
    assert_int_equal(access(dead, F_OK), -1);
    char file[256];
    snprintf(file, sizeof file, "%s/loaderd.yaml", living);
    assert_int_equal(access(file, F_OK), 0);
    embed_folder_remove(&folder);
    end(alive);
    assert_int_equal(embed_folder_make(base, &folder), 0);
    assert_int_equal(access(living, F_OK), -1);
    embed_folder_remove(&folder);
}

/* None of these is one of ours that was left. */
static void test_others(void **state)
{
    (void)state;
    static const char *const names[] = {"augstream-loader-", "augstream-loader-abcdefg",
                                        "augstream-loader", "augstream-XXXXXX", "loader-abcdef"};
    char path[256], target[256];
    struct embed_folder folder;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", base, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        put_file(path, "file");
    }
    /* a link to a folder of ours; a file; a folder with a folder in it */
    snprintf(target, sizeof target, "%s/%s", base, names[0]);
    snprintf(path, sizeof path, "%s/augstream-loader-linked", base);
    assert_int_equal(symlink(target, path), 0);
    put_file(base, "augstream-loader-a_file");
    snprintf(path, sizeof path, "%s/augstream-loader-folder/inner", base);
    *strrchr(path, '/') = 0;
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/augstream-loader-folder/inner", base);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(path, "file");
    assert_int_equal(embed_folder_make(base, &folder), 0);
    embed_folder_remove(&folder);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/file", base, names[i]);
        assert_int_equal(unlink(path), 0);
        *strrchr(path, '/') = 0;
        assert_int_equal(rmdir(path), 0);
    }
    static const char *const rest[] = {"augstream-loader-linked", "augstream-loader-a_file",
                                       "augstream-loader-folder/inner/file"};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", base, rest[i]);
        assert_int_equal(unlink(path), 0);
    }
    for (int i = 0; i < 2; i++) {
        *strrchr(path, '/') = 0;
        assert_int_equal(rmdir(path), 0);
    }
}

/* root may look into everybody's, and leaves them alone. */
static void test_owner(void **state)
{
    (void)state;
    char path[256];
    struct embed_folder folder;
    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof path, "%s/augstream-loader-other1", base);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(embed_folder_make(base, &folder), 0);
    embed_folder_remove(&folder);
    assert_int_equal(rmdir(path), 0);
}

static void test_too_long(void **state)
{
    (void)state;
    char path[256] = "/tmp/";
    struct embed_folder folder;
    memset(path + 5, 'x', 120);
    assert_int_equal(embed_folder_make(path, &folder), -ENAMETOOLONG);
    assert_int_equal(embed_folder_make("/tmp/no/such/folder", &folder), -ENOENT);
}

int main(void)
{
#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {FOLDER_TEST(test_made), FOLDER_TEST(test_left_over),
                                       FOLDER_TEST(test_others), FOLDER_TEST(test_owner),
                                       cmocka_unit_test(test_too_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
