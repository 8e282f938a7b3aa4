/* SPDX-License-Identifier: Apache-2.0 */
/* mat: takes a MATLAB file and the name of a variable, gives its elements. matio reads
 * (mat_read.c), and it trusts files: it fills what a cut one lacks with whatever is there, so the
 * file's outer elements are walked first, which must fill it to its last byte; and damage makes it
 * crash or search without end, so it runs in a child with limits, whose answer is bounded before
 * use. One thread; a struct mat owns the answer. */
#include "tools/evaluate/manifest/mat.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/manifest/mat_read.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers take address space by the terabyte, which RLIMIT_AS would refuse. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum {
    HEADER_BYTES = 128,
    TAG_BYTES = 8,
    MI_MATRIX = 14,
    MI_COMPRESSED = 15,
    CPU_S = 20, /* the largest of the published lists takes well under one */
    ANSWER_BYTES_MAX = 256 << 20,
    CHILD_BYTES_MAX = 2047 << 20,
};

struct element {
    uint32_t kind; /* enum mat_kind */
    double number;
    const char *text;
};

struct mat {
    struct manifest *m;
    char *answer;
    size_t bytes;
    const char *fields; /* [n_fields][MAT_NAME_BYTES], in answer */
    uint32_t n_fields;
    size_t n, columns;
    struct element *elements; /* [n][columns] */
    char path[MANIFEST_PATH_MAX], name[MAT_NAME_BYTES];
};

static uint32_t word(const uint8_t *bytes, bool big)
{
    return big ? (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                     bytes[3]
               : (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
                     bytes[0];
}

/* The outer elements lie one behind the other, up to the file's last byte. */
static int check_whole(const struct manifest *m, int fd)
{
    struct stat st;
    uint8_t head[HEADER_BYTES];
    if (fstat(fd, &st) != 0)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > MAT_BYTES_MAX)
        return manifest_fail(m, -EBADMSG, "no regular file of at most %d bytes", MAT_BYTES_MAX);
    if (pread(fd, head, sizeof head, 0) != HEADER_BYTES)
        return manifest_fail(m, -EBADMSG, "no MAT file of level 5: shorter than its header");
    const bool big = head[126] == 'M' && head[127] == 'I';
    if ((!big && (head[126] != 'I' || head[127] != 'M')) || memcmp(head, "MATLAB 5.0", 10) != 0)
        return manifest_fail(m, -EBADMSG, "no MAT file of level 5");
    for (off_t at = HEADER_BYTES; at < st.st_size;) {
        uint8_t tag[TAG_BYTES];
        if (pread(fd, tag, sizeof tag, at) != TAG_BYTES)
            return manifest_fail(m, -EBADMSG, "cut: it ends within the tag at byte %lld",
                                 (long long)at);
        const uint32_t type = word(tag, big), bytes = word(tag + 4, big);
        if (type != MI_MATRIX && type != MI_COMPRESSED)
            return manifest_fail(m, -EBADMSG, "at byte %lld: an element of type %u", (long long)at,
                                 type);
        at += TAG_BYTES + (off_t)bytes;
        if (at > st.st_size)
            return manifest_fail(m, -EBADMSG, "cut: %lld bytes, of at least %lld",
                                 (long long)st.st_size, (long long)at);
    }
    return 0;
}

/* In the child. It ends by _exit whatever came: what it said, up to the end mark, tells. */
static void answer_and_end(const char *path, const char *variable, int fd)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ANSWER_BYTES_MAX, ANSWER_BYTES_MAX});
#ifndef SANITIZED
    setrlimit(RLIMIT_AS, &(struct rlimit){CHILD_BYTES_MAX, CHILD_BYTES_MAX});
#endif
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO); /* what allocators say of a damaged heap */
    FILE *answer = fdopen(fd, "w");
    if (answer) {
        mat_read(path, variable, answer);
        fflush(answer);
    }
    _exit(127);
}

static int read_answer(struct mat *mat, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size > ANSWER_BYTES_MAX)
        return manifest_fail(mat->m, -EBADMSG, "variable %s: too large", mat->name);
    mat->bytes = (size_t)st.st_size;
    mat->answer = calloc(1, mat->bytes + 1);
    if (!mat->answer)
        return err_set(-ENOMEM, "%s: no memory to read it", mat->path);
    for (size_t at = 0; at < mat->bytes;) {
        const ssize_t n = pread(fd, mat->answer + at, mat->bytes - at, (off_t)at);
        if (n <= 0)
            return err_set(n < 0 ? -errno : -EIO, "%s: the answer cannot be read", mat->path);
        at += (size_t)n;
    }
    return 0;
}

static int ask(struct mat *mat)
{
    char full[2 * MANIFEST_PATH_MAX];
    int status = 0;
    snprintf(full, sizeof full, "%s/%s", mat->m->base, mat->path);
    auto_close int fd = memfd_create("mat", MFD_CLOEXEC);
    const pid_t child = fd < 0 ? -1 : fork();
    if (child < 0)
        return err_set(-errno, "%s: no process to read it: %s", mat->path, strerror(errno));
    if (child == 0)
        answer_and_end(full, mat->name, fd);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(-errno, "%s: its reader is lost: %s", mat->path, strerror(errno));
    if (WIFSIGNALED(status))
        return manifest_fail(mat->m, -EBADMSG,
                             "variable %s: damaged: its reader ended by signal %d", mat->name,
                             WTERMSIG(status));
    return read_answer(mat, fd);
}

/* The next bytes of the answer, or NULL at its end. */
static const char *take(const struct mat *mat, size_t *at, size_t bytes)
{
    const char *from = mat->answer + *at;
    if (bytes > mat->bytes - *at)
        return NULL;
    *at += bytes;
    return from;
}

static bool take_element(const struct mat *mat, size_t *at, struct element *ret)
{
    struct mat_value value;
    const char *bytes = take(mat, at, sizeof value);
    if (!bytes)
        return false;
    memcpy(&value, bytes, sizeof value);
    const char *text = take(mat, at, value.bytes);
    if (!text || value.kind > MAT_TEXT || value.bytes > MAT_TEXT_MAX ||
        (value.bytes == 0) != (value.kind != MAT_TEXT) ||
        (value.bytes > 0 && text[value.bytes - 1] != 0))
        return false;
    *ret = (struct element){value.kind, value.number, text};
    return true;
}

/* The answer into elements. A child whose memory was damaged may have said anything. */
static int understand(struct mat *mat)
{
    struct mat_head head;
    size_t at = 0;
    const char *bytes = take(mat, &at, sizeof head);
    if (bytes)
        memcpy(&head, bytes, sizeof head);
    if (bytes && head.error == 1)
        return manifest_fail(mat->m, -EBADMSG, "%s", mat->answer + at);
    bool whole = bytes && head.n <= MAT_ELEMENTS_MAX && head.fields <= MAT_FIELDS_MAX;
    if (whole) {
        mat->n = head.n;
        mat->n_fields = head.fields;
        mat->columns = head.fields ? head.fields : 1;
        mat->fields = take(mat, &at, (size_t)head.fields * MAT_NAME_BYTES);
        /* Each has at least a struct mat_value in what was said. */
        whole = mat->fields && mat->n * mat->columns <= mat->bytes / sizeof(struct mat_value);
    }
    if (whole) {
        mat->elements = calloc(mat->n * mat->columns + 1, sizeof *mat->elements);
        if (!mat->elements)
            return err_set(-ENOMEM, "%s: no memory to read it", mat->path);
        for (size_t i = 0; whole && i < mat->n * mat->columns; i++)
            whole = take_element(mat, &at, &mat->elements[i]);
    }
    const char *end = whole ? take(mat, &at, sizeof(uint64_t)) : NULL;
    if (!end || memcmp(end, &(uint64_t){MAT_END}, sizeof(uint64_t)) != 0)
        return manifest_fail(mat->m, -EBADMSG, "variable %s: damaged", mat->name);
    return 0;
}

int mat_open(struct manifest *m, const char *path, const char *variable, struct mat **ret)
{
    manifest_at(m, path, 0);
    auto_close int fd = openat(m->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    auto_with(mat_freep) struct mat *mat = calloc(1, sizeof *mat);
    if (!mat)
        return err_set(-ENOMEM, "%s: no memory to read it", path);
    mat->m = m;
    snprintf(mat->path, sizeof mat->path, "%s", path);
    snprintf(mat->name, sizeof mat->name, "%s", variable);
    int r = check_whole(m, fd);
    if (r == 0)
        r = ask(mat);
    if (r == 0)
        r = understand(mat);
    if (r == 0)
        *ret = take_ptr(&mat);
    return r;
}

void mat_free(struct mat *mat)
{
    if (!mat)
        return;
    free(mat->answer);
    free(mat->elements);
    free(mat);
}

void mat_freep(struct mat **mat)
{
    mat_free(*mat);
}

size_t mat_count(const struct mat *mat)
{
    return mat->n;
}

static int fail(const struct mat *mat, size_t i, const char *field, const char *what)
{
    manifest_at(mat->m, mat->path, 0);
    return manifest_fail(mat->m, -EBADMSG, "variable %s, element %zu%s%s: %s", mat->name, i + 1,
                         field ? ", field " : "", field ? field : "", what);
}

/* Element i, or the field of struct i; nothing where there is none such. */
static const struct element *part(const struct mat *mat, size_t i, const char *field)
{
    static const struct element nothing = {.kind = MAT_NOTHING};
    if (i >= mat->n || (field == NULL) != (mat->n_fields == 0))
        return &nothing;
    const struct element *row = mat->elements + i * mat->columns;
    if (!field)
        return row;
    for (uint32_t f = 0; f < mat->n_fields; f++)
        if (strncmp(mat->fields + (size_t)f * MAT_NAME_BYTES, field, MAT_NAME_BYTES) == 0)
            return row + f;
    return &nothing;
}

int mat_integer(const struct mat *mat, size_t i, const char *field, const long bounds[2], long *ret)
{
    const struct element *e = part(mat, i, field);
    const double value = e->number;
    if (e->kind != MAT_NUMBER)
        return fail(mat, i, field, "not a number");
    if (!(value >= (double)bounds[0] && value <= (double)bounds[1]) || value != floor(value)) {
        char what[96];
        snprintf(what, sizeof what, "%g: a whole number, %ld to %ld", value, bounds[0], bounds[1]);
        return fail(mat, i, field, what);
    }
    *ret = (long)value;
    return 0;
}

int mat_text(const struct mat *mat, size_t i, const char *field, char ret[MAT_TEXT_MAX])
{
    const struct element *e = part(mat, i, field);
    if (e->kind != MAT_TEXT || !*e->text)
        return fail(mat, i, field, "not a string of 1 to 1023 bytes of ASCII");
    snprintf(ret, MAT_TEXT_MAX, "%s", e->text);
    return 0;
}
