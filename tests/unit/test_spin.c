/* SPDX-License-Identifier: Apache-2.0 */
/* test_spin: a program that calls spin_limit has GOMP_SPINCOUNT, and lost nothing on the way; one
 * whose user chose for himself is left alone. This program is both the test and that program:
 * called with arguments it says what it has. */
#include "test.h"

#include "trainer/ops/spin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[4096];

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

/* What the program says, started with NAME=VALUE beside nothing of OpenMP's. */
static void ask(const char *name, const char *value, char *says, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        unsetenv("OMP_WAIT_POLICY");
        unsetenv("GOMP_SPINCOUNT");
        if (name)
            setenv(name, value, 1);
        execl(self, "a name", "one", "two words", "", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n + 1 < size && (got = read(ends[0], says + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    says[n] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char *pid = strstr(says, " pid ");
    assert_non_null(pid);
    assert_int_equal(strtol(pid + 5, NULL, 10), child);
    *pid = '\0';
}

static void test_limited(void **state)
{
    (void)state;
    char says[256];
    ask(NULL, NULL, says, sizeof says);
    assert_string_equal(says, "a name|one|two words|| spins 4000 policy none");
}

static void test_own_choice(void **state)
{
    (void)state;
    char says[256];
    ask("GOMP_SPINCOUNT", "7", says, sizeof says);
    assert_string_equal(says, "a name|one|two words|| spins 7 policy none");
    ask("OMP_WAIT_POLICY", "passive", says, sizeof says);
    assert_string_equal(says, "a name|one|two words|| spins none policy passive");
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        spin_limit(argv);
        for (int i = 0; i < argc; i++)
            printf("%s|", argv[i]);
        printf(" spins %s policy %s pid %d\n", or_none(getenv("GOMP_SPINCOUNT")),
               or_none(getenv("OMP_WAIT_POLICY")), (int)getpid());
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_own_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
