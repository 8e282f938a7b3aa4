/* SPDX-License-Identifier: Apache-2.0 */
/* odd_images: a few hundred odd and hostile files, each decoded in a process of its own under a
 * limit of time and memory: none may crash it, all end in a picture or a typed fault, and what must
 * decode does, at the size and turn that Pillow tells. Needs odd.tar and odd_manifest.tsv of the
 * real images; skipped without. */
#include "tests/unit/picture.h"
#include "tests/unit/real_data.h"
#include "tests/unit/test.h"

#include "common/file.h"
#include "loaderd/decode/decode.h"

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SECONDS_MAX = 20,
    RSS_MAX_KB = 640 << 10, /* the largest picture allowed, turned, and the libraries */
    FIELDS = 12,
    FILES_MIN = 300,
};

extern char **environ;

enum expect { TYPED, AS_PILLOW, REFUSED, FAULT };

/* By the manifest's category; the first row that begins like it. AS_PILLOW: where Pillow decoded,
 * so must we; where it did not, a picture or any typed fault. */
static const struct {
    const char *category;
    enum expect expect;
    enum wire_fault fault;
} rules[] = {
    {"jpeg_12bit", FAULT, FAULT_UNSUPPORTED},
    {"jpeg_2comp", TYPED, 0},
    {"jpeg_arith", TYPED, 0},
    {"jpeg_bad", TYPED, 0},
    {"jpeg_crash", TYPED, 0},
    {"jpeg_cve", TYPED, 0},
    {"jpeg_extreme_aspect", TYPED, 0},
    {"jpeg_lossless", FAULT, FAULT_UNSUPPORTED},
    {"jpeg_truncread", FAULT, FAULT_TRUNCATED},
    {"jpeg", AS_PILLOW, 0},
    {"png_apng", FAULT, FAULT_UNSUPPORTED},
    {"png_bad", TYPED, 0},
    {"png", AS_PILLOW, 0},
    {"webp_anim", FAULT, FAULT_UNSUPPORTED},
    {"webp_bad", TYPED, 0},
    {"webp", AS_PILLOW, 0},
    {"gif", FAULT, FAULT_UNSUPPORTED},
    {"tiff", FAULT, FAULT_UNSUPPORTED},
    {"bmp", FAULT, FAULT_UNSUPPORTED},
    {"pnm", FAULT, FAULT_UNSUPPORTED},
    {"empty", FAULT, FAULT_NOT_IMAGE},
    {"not_an_image", FAULT, FAULT_NOT_IMAGE},
    {"bomb", REFUSED, 0},
    {"wrong_ext", TYPED, 0},
};

/* Files of which we say something else than their row, and why. */
static const struct {
    const char *file;
    enum wire_fault fault;
} exceptions[] = {
    /* Pillow fills in what is missing; we do not. */
    {"jpeg_cmyk__jpeg-decoder__5482a54657765056f1a94116a8dbffe7_dbe6a9.jpg", FAULT_TRUNCATED},
    {"jpeg_progressive__jpeg-decoder__partial_progressive_e121e6.jpg", FAULT_TRUNCATED},
    {"jpeg_progressive_gray__jpeg-decoder__progressive-missing-dc_eebb0b.jpg", FAULT_TRUNCATED},
    {"png__image-png__x_interlaced_chck_6b0ede.png", FAULT_TRUNCATED}, /* a wrong checksum */
    /* Animations, filed under something else. */
    {"png__Pillow__mode_16bit_1210e3.png", FAULT_UNSUPPORTED},
    {"png_trns__wuffs__muybridge_f86422.png", FAULT_UNSUPPORTED},
    /* Pictures under a wrong name, and one of a kind that is not decoded. */
    {"wrong_ext__jpeg-decoder__jpg-size-6x6_415c2d.jpg", FAULT_NONE},
    {"wrong_ext__fuzzing-corpus__vuln-images-hal_5fd195.jpeg", FAULT_UNSUPPORTED},
    {"bomb__sharp__65536-uint32-limit_e86f60.png", FAULT_TOO_LARGE},
    {"bomb__fuzzing-corpus__oom_dos_7f464f.jpg", FAULT_TOO_LARGE},
};

/* What a child tells its parent. */
struct answer {
    int rc;
    enum wire_fault fault;
    uint32_t w, h, sum;
    char text[160];
};

struct entry {
    const char *file, *category, *orientation, *pillow;
};

static char folder[64];
static const char *data;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/augstream-odd-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char tar[4096];
    assert_true(snprintf(tar, sizeof tar, "%s/odd.tar", data) < (int)sizeof tar);
    char *const argv[] = {"tar", "-xf", tar, "-C", folder, NULL};
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, "tar", NULL, NULL, argv, environ), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return decode_open();
}

static void decode_in_child(const char *path, int out)
{
    alarm(SECONDS_MAX);
    struct answer answer = {0};
    struct image image = {0};
    char *bytes;
    size_t len;
    if (file_read(path, DECODE_FILE_MAX, &bytes, &len) != 0)
        _exit(1);
    /* Exactly as long as the file, so that a sanitizer sees any read past its end. */
    uint8_t *exact = malloc(len + !len);
    if (!exact)
        _exit(1);
    memcpy(exact, bytes, len);
    answer.rc = picture_decode(exact, len, &image, &answer.fault);
    if (answer.rc == 0) {
        answer.w = image.w;
        answer.h = image.h;
        for (size_t i = 0; i < 3 * (size_t)image.w * image.h; i++)
            answer.sum += image.rgb[i]; /* every pixel is there to be read */
    } else {
        snprintf(answer.text, sizeof answer.text, "%s", err_text());
    }
    _exit(write(out, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

/* False, having said why, where the child died or took too much. */
static bool ask(const struct entry *entry, struct answer *ret)
{
    char path[512];
    snprintf(path, sizeof path, "%s/odd/%s", folder, entry->file);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        decode_in_child(path, ends[1]);
    close(ends[1]);
    const ssize_t n = read(ends[0], ret, sizeof *ret);
    close(ends[0]);
    int status;
    struct rusage usage;
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    if (status != 0 || n != (ssize_t)sizeof *ret) {
        print_message("%s: the decoder died, status %#x\n", entry->file, status);
        return false;
    }
    if (usage.ru_maxrss > RSS_MAX_KB) {
        print_message("%s: took %ld KB\n", entry->file, usage.ru_maxrss);
        return false;
    }
    return true;
}

static bool same_size(const struct entry *entry, const struct answer *answer)
{
    /* ok|JPEG|RGB|width|height, as stored */
    uint32_t w, h;
    if (sscanf(entry->pillow, "ok|%*[^|]|%*[^|]|%u|%u", &w, &h) != 2)
        return false;
    const int orientation = entry->orientation[0] - '0';
    const bool turned = orientation >= 5 && orientation <= 8;
    return answer->w == (turned ? h : w) && answer->h == (turned ? w : h);
}

static bool as_expected(const struct entry *entry, const struct answer *answer)
{
    const bool typed = answer->rc == 0
                           ? answer->fault == FAULT_NONE
                           : answer->rc == -EBADMSG && answer->text[0] &&
                                 answer->fault > FAULT_NONE && answer->fault < FAULT_CRASH;
    if (!typed)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++)
        if (strcmp(exceptions[i].file, entry->file) == 0)
            return answer->fault == exceptions[i].fault;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strncmp(rules[i].category, entry->category, strlen(rules[i].category)) != 0)
            continue;
        if (rules[i].expect == FAULT)
            return answer->fault == rules[i].fault;
        if (rules[i].expect == REFUSED)
            return answer->rc < 0;
        if (rules[i].expect == AS_PILLOW && strncmp(entry->pillow, "ok|", 3) == 0)
            return answer->rc == 0 && same_size(entry, answer);
        return true;
    }
    return false; /* a category without a rule */
}

/* Splits one line of the manifest in place. */
static struct entry entry_of(char *line)
{
    const char *fields[FIELDS] = {0};
    size_t n = 0;
    for (char *rest = line; rest && n < FIELDS; n++)
        fields[n] = strsep(&rest, "\t");
    assert_true(n >= 9);
    return (struct entry){fields[0], fields[1], fields[6], fields[8]};
}

static void test_every_file(void **state)
{
    (void)state;
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/odd_manifest.tsv", data) < (int)sizeof path);
    size_t len;
    auto_free char *manifest = NULL;
    assert_int_equal(file_read(path, 1 << 20, &manifest, &len), 0);
    char *rest = manifest;
    strsep(&rest, "\n"); /* the header */
    unsigned files = 0, wrong = 0, pictures = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line; files++) {
        const struct entry entry = entry_of(line);
        struct answer answer;
        const bool good = ask(&entry, &answer) && as_expected(&entry, &answer);
        wrong += !good;
        pictures += good && answer.rc == 0;
        print_message("%s %s: fault %d %ux%u %s (Pillow: %s)\n", good ? "    " : "BAD ", entry.file,
                      answer.fault, answer.w, answer.h, answer.text, entry.pillow);
    }
    print_message("%u files, %u pictures, %u not as expected\n", files, pictures, wrong);
    assert_true(files >= FILES_MIN);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    data = real_data_folder();
    if (!real_data("odd.tar") || !real_data("odd_manifest.tsv"))
        return REAL_DATA_SKIP;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_file)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
