/* SPDX-License-Identifier: Apache-2.0 */
/* tar_walk: takes an open file, gives its entries. Reads a window of a few KiB around each header,
 * so that images are passed over and small files come along with their headers. libarchive could
 * read more kinds of archives, but does not tell where an entry's bytes begin. */
#include "loaderd/source/tar_walk.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The header's fields (POSIX.1-1988, ustar); all are text. */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char user[32], group[32], major[8], minor[8], prefix[155];
    char pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

static int fail(const struct tar_walk *w, uint64_t at, int code, const char *what)
{
    return err_set(code, "%s: offset %" PRIu64 ": %s", w->path, at, what);
}

void tar_begin(struct tar_walk *w, int fd, const char *path, uint64_t bytes)
{
    *w = (struct tar_walk){.path = path, .fd = fd, .bytes = bytes};
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* no reading ahead: images lie between headers */
}

static int read_at(const struct tar_walk *w, uint64_t offset, uint8_t *ret, size_t n)
{
    for (size_t have = 0; have < n;) {
        const ssize_t got = pread(w->fd, ret + have, n - have, (off_t)(offset + have));
        if (got == 0)
            return fail(w, offset, -EBADMSG, "became shorter while it was read");
        if (got < 0 && errno != EINTR)
            return err_set(-errno, "%s: %s", w->path, strerror(errno));
        have += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int tar_read(struct tar_walk *w, uint64_t offset, void *ret, size_t n)
{
    if (offset > w->bytes || n > w->bytes - offset)
        return fail(w, offset, -EBADMSG, "ends here: it is truncated");
    if (n > sizeof w->window)
        return read_at(w, offset, ret, n);
    if (offset < w->window_at || offset + n > w->window_at + w->window_len) {
        const uint64_t left = w->bytes - offset;
        const size_t want = left < sizeof w->window ? (size_t)left : sizeof w->window;
        w->window_len = 0;
        int r = read_at(w, offset, w->window, want);
        if (r < 0)
            return r;
        w->window_at = offset;
        w->window_len = want;
    }
    memcpy(ret, w->window + (offset - w->window_at), n);
    return 0;
}

/* --- numbers and names --- */

/* Octal digits between spaces, up to a NUL or the field's end; or, with the top bit set, a
 * big-endian number. -1 where it is neither, or more than a file can hold. */
static int64_t number(const char *field, size_t len)
{
    uint64_t n = 0;
    const uint8_t *b = (const uint8_t *)field;
    if (b[0] & 0x80) {
        for (size_t i = 0; i < len; i++) {
            const uint8_t byte = i == 0 ? b[0] & 0x7f : b[i];
            if (n > INT64_MAX >> 8)
                return -1;
            n = n << 8 | byte;
        }
        return (int64_t)n;
    }
    size_t i = 0;
    while (i < len && b[i] == ' ')
        i++;
    for (; i < len && b[i] >= '0' && b[i] <= '7'; i++)
        n = n << 3 | (uint64_t)(b[i] - '0'); /* 12 digits are 36 bits */
    for (; i < len; i++)
        if (b[i] != ' ' && b[i] != 0)
            return -1;
    return (int64_t)n;
}

static bool checksum_fits(const struct header *h)
{
    const uint8_t *b = (const uint8_t *)h;
    const size_t from = offsetof(struct header, checksum), to = from + sizeof h->checksum;
    int64_t sum = (int64_t)(sizeof h->checksum * ' ');
    for (size_t i = 0; i < sizeof *h; i++)
        sum += i < from || i >= to ? b[i] : 0;
    return number(h->checksum, sizeof h->checksum) == sum;
}

static bool is_zero(const void *block)
{
    static const uint8_t zero[TAR_BLOCK];
    return memcmp(block, zero, TAR_BLOCK) == 0;
}

/* The name in the header itself. */
static void header_name(const struct header *h, char ret[TAR_NAME_MAX])
{
    size_t at = 0;
    if (memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0]) {
        at = strnlen(h->prefix, sizeof h->prefix);
        memcpy(ret, h->prefix, at);
        ret[at++] = '/';
    }
    const size_t len = strnlen(h->name, sizeof h->name);
    memcpy(ret + at, h->name, len);
    ret[at + len] = 0;
}

/* --- records that come before an entry --- */

static int set_name(struct tar_walk *w, uint64_t at, const char *name, size_t len)
{
    if (len == 0 || len >= sizeof w->name)
        return fail(w, at, -EBADMSG, "a name that is empty or has more than 4095 bytes");
    if (memchr(name, 0, len))
        return fail(w, at, -EBADMSG, "a name with a byte 0");
    memcpy(w->name, name, len);
    w->name[len] = 0;
    w->has_name = true;
    return 0;
}

static int set_size(struct tar_walk *w, uint64_t at, const char *value, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9' || n > (INT64_MAX - 9) / 10)
            return fail(w, at, -EBADMSG, "a size that is no number");
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    if (len == 0)
        return fail(w, at, -EBADMSG, "a size that is no number");
    w->size = n;
    w->has_size = true;
    return 0;
}

/* One record, `key=value`, without its length and end. */
static int pax_record(struct tar_walk *w, uint64_t at, bool global, const char *key, size_t len)
{
    const char *equals = memchr(key, '=', len);
    if (!equals)
        return fail(w, at, -EBADMSG, "a pax record without '='");
    const size_t key_len = (size_t)(equals - key), value_len = len - key_len - 1;
    const bool path = key_len == 4 && memcmp(key, "path", 4) == 0;
    const bool size = key_len == 4 && memcmp(key, "size", 4) == 0;
    if (key_len >= 11 && memcmp(key, "GNU.sparse.", 11) == 0)
        return fail(w, at, -EOPNOTSUPP, "a sparse file, whose bytes are not in one piece");
    if (global && (path || size))
        return fail(w, at, -EOPNOTSUPP, "one name or size for all entries");
    return path   ? set_name(w, at, equals + 1, value_len)
           : size ? set_size(w, at, equals + 1, value_len)
                  : 0;
}

/* "LENGTH KEY=VALUE\n" ...; LENGTH counts all of it. */
static int pax_records(struct tar_walk *w, uint64_t at, bool global, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = 0, digits = 0;
        while (i + digits < len && digits < 8 && text[i + digits] >= '0' && text[i + digits] <= '9')
            n = n * 10 + (size_t)(text[i + digits++] - '0');
        if (digits == 0 || n > len - i || n < digits + 2 || text[i + digits] != ' ' ||
            text[i + n - 1] != '\n')
            return fail(w, at, -EBADMSG, "pax records that are none");
        int r = pax_record(w, at, global, text + i + digits + 1, n - digits - 2);
        if (r < 0)
            return r;
        i += n;
    }
    return 0;
}

/* The bytes behind a header that speak of the next entry. */
static int meta(struct tar_walk *w, uint64_t at, char type, uint64_t size)
{
    if (size > (type == 'L' ? (uint64_t)TAR_NAME_MAX : (uint64_t)TAR_PAX_MAX))
        return fail(w, at, -EBADMSG, "a header that is too large");
    char *text auto_free = malloc((size_t)size + 1);
    if (!text)
        return fail(w, at, -ENOMEM, "no memory for a header");
    int r = tar_read(w, at + TAR_BLOCK, text, (size_t)size);
    if (r < 0)
        return r;
    text[size] = 0;
    return type == 'L' ? set_name(w, at, text, strnlen(text, (size_t)size))
                       : pax_records(w, at, type == 'g', text, (size_t)size);
}

/* --- the walk --- */

/* Behind the end there may be zeros, as a tape's blocks want them, and nothing else: archives that
 * were put together with cat would lose all but the first. */
static int check_end(struct tar_walk *w)
{
    uint8_t block[TAR_BLOCK];
    for (uint64_t at = w->next; w->bytes - at >= TAR_BLOCK; at += TAR_BLOCK) {
        int r = tar_read(w, at, block, sizeof block);
        if (r < 0)
            return r;
        if (!is_zero(block))
            return fail(w, at, -EBADMSG, "bytes behind the archive's end");
    }
    return 0;
}

static int check_first(const struct tar_walk *w, const uint8_t *b)
{
    static const struct {
        const char *magic, *what;
        size_t len;
    } compressed[] = {
        {"\x1f\x8b", "compressed (gzip): unpack it to a tar first", 2},
        {"BZh", "compressed (bzip2): unpack it to a tar first", 3},
        {"\xfd"
         "7zXZ",
         "compressed (xz): unpack it to a tar first", 5},
        {"\x28\xb5\x2f\xfd", "compressed (zstd): unpack it to a tar first", 4},
        {"\x04\x22\x4d\x18", "compressed (lz4): unpack it to a tar first", 4},
        {"PK", "a zip archive", 2},
    };
    for (size_t i = 0; w->next == 0 && i < ARRAY_LEN(compressed); i++)
        if (memcmp(b, compressed[i].magic, compressed[i].len) == 0)
            return fail(w, 0, -EOPNOTSUPP, compressed[i].what);
    return fail(w, w->next, -EBADMSG, "not a tar header (its checksum differs)");
}

/* The next header: 1, or 0 at the end. */
static int next_header(struct tar_walk *w, struct header *ret, uint64_t *ret_size)
{
    if (w->bytes - w->next < TAR_BLOCK)
        return fail(w, w->next, -EBADMSG, "ends without the mark of an end: it is truncated");
    int r = tar_read(w, w->next, ret, sizeof *ret);
    if (r < 0)
        return r;
    if (is_zero(ret))
        return check_end(w);
    if (!checksum_fits(ret))
        return check_first(w, (const uint8_t *)ret);
    const int64_t size = number(ret->size, sizeof ret->size);
    if (size < 0)
        return fail(w, w->next, -EBADMSG, "a size that is no number");
    *ret_size = (uint64_t)size;
    return 1;
}

static int kind_of(const struct tar_walk *w, const struct header *h, const char *name,
                   enum tar_kind *ret)
{
    switch (h->type) {
    case '0':
    case 0:
    case '7':
        *ret = name[0] && name[strlen(name) - 1] == '/' ? TAR_FOLDER : TAR_FILE;
        return 0;
    case '1':
    case '2':
        *ret = TAR_LINK;
        return 0;
    case '5':
        *ret = TAR_FOLDER;
        return 0;
    case '3':
    case '4':
    case '6':
    case 'V':
        *ret = TAR_OTHER;
        return 0;
    case 'S':
        return fail(w, w->next, -EOPNOTSUPP, "a sparse file, whose bytes are not in one piece");
    case 'M':
        return fail(w, w->next, -EOPNOTSUPP, "a file that began in another volume");
    default:
        return fail(w, w->next, -EOPNOTSUPP, "an entry of a kind that is not read");
    }
}

/* Whether `size` bytes, rounded up to blocks, are there behind the header; if so the next header's
 * offset. */
static int step(struct tar_walk *w, uint64_t size, uint64_t *ret_next)
{
    const uint64_t left = w->bytes - w->next - TAR_BLOCK;
    if (size > left)
        return fail(w, w->next, -EBADMSG, "an entry that goes beyond the file: it is truncated");
    const uint64_t pad = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    *ret_next = w->next + TAR_BLOCK + size + (pad < left - size ? pad : left - size);
    return 0;
}

int tar_next(struct tar_walk *w, struct tar_entry *ret)
{
    w->has_name = w->has_size = false;
    for (;;) {
        struct header h;
        uint64_t size = 0, next = 0;
        int r = next_header(w, &h, &size);
        if (r <= 0)
            return r;
        const bool about_next = h.type == 'x' || h.type == 'g' || h.type == 'L' || h.type == 'K';
        if (about_next) {
            r = step(w, size, &next);
            if (r == 0 && h.type != 'K') /* a link's target: nothing that is read here */
                r = meta(w, w->next, h.type, size);
            if (r < 0)
                return r;
            w->next = next;
            continue;
        }
        if (!w->has_name)
            header_name(&h, w->name);
        enum tar_kind kind;
        r = kind_of(w, &h, w->name, &kind);
        if (r < 0)
            return r;
        /* Only files have bytes; what others say of a size means something else. */
        size = kind != TAR_FILE ? 0 : w->has_size ? w->size : size;
        r = step(w, size, &next);
        if (r < 0)
            return r;
        *ret = (struct tar_entry){.kind = kind,
                                  .name = w->name,
                                  .header = w->next,
                                  .offset = w->next + TAR_BLOCK,
                                  .size = size};
        w->next = next;
        return 1;
    }
}
