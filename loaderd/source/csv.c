/* SPDX-License-Identifier: Apache-2.0 */
/* csv: takes a stream of bytes, gives records of fields, each a string of its own. The caller owns
 * the stream and the struct, which holds one record; nothing is allocated. One thread. It does not
 * know what the fields mean, and trims nothing. */
#include "loaderd/source/csv.h"

#include "common/err.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void csv_begin(struct csv *csv, FILE *in, const char *name)
{
    csv->in = in;
    csv->name = name;
    csv->line = 0;
    csv->next_line = 1;
    csv->n = csv->len = 0;
    /* The first bytes may be a mark, and what is none must not be lost. */
    csv->held_at = 0;
    csv->n_held = fread(csv->held, 1, sizeof csv->held, in);
    if (csv->n_held == sizeof csv->held && memcmp(csv->held, "\xef\xbb\xbf", 3) == 0)
        csv->n_held = 0;
}

static int next_byte(struct csv *csv)
{
    return csv->held_at < csv->n_held ? csv->held[csv->held_at++] : getc_unlocked(csv->in);
}

static int fail(const struct csv *csv, int code, const char *what)
{
    return err_set(code, "%s:%llu: %s", csv->name, (unsigned long long)csv->next_line, what);
}

/* The next byte, a CRLF as one LF; EOF; or an error, below EOF. */
static int take(struct csv *csv)
{
    int c = next_byte(csv);
    if (c == '\r') {
        c = next_byte(csv);
        if (c != '\n')
            return fail(csv, -EBADMSG, "a carriage return without a line feed");
    }
    if (c == 0)
        return fail(csv, -EBADMSG, "a NUL byte: not text");
    if (c == EOF && ferror(csv->in))
        return err_set(errno ? -errno : -EIO, "%s: %s", csv->name, strerror(errno ? errno : EIO));
    return c;
}

static bool is_error(int c)
{
    return c < 0 && c != EOF;
}

static int keep(struct csv *csv, char c)
{
    if (csv->len >= sizeof csv->bytes)
        return fail(csv, -E2BIG, "a record of more than 65536 bytes");
    csv->bytes[csv->len++] = c;
    return 0;
}

/* What is between the quotes. Gives the byte behind the closing one, or an error. */
static int quoted(struct csv *csv)
{
    const uint64_t opened = csv->next_line;
    for (;;) {
        int c = take(csv);
        if (is_error(c))
            return c;
        if (c == EOF)
            return err_set(-EBADMSG, "%s:%llu: a quote that is never closed", csv->name,
                           (unsigned long long)opened);
        if (c == '"') {
            c = take(csv);
            if (c != '"')
                return c;
        }
        if (c == '\n')
            csv->next_line++;
        int r = keep(csv, (char)c);
        if (r < 0)
            return r;
    }
}

/* One field, of which c is the first byte. Gives the byte that ends it, or an error. */
static int field(struct csv *csv, int c)
{
    if (csv->n >= CSV_FIELDS_MAX)
        return fail(csv, -E2BIG, "more than 256 fields");
    csv->field[csv->n++] = csv->bytes + csv->len;
    if (c == '"') {
        c = quoted(csv);
        if (c >= 0 && c != ',' && c != '\n')
            return fail(csv, -EBADMSG, "more behind a field's closing quote");
    }
    while (c >= 0 && c != ',' && c != '\n') {
        if (c == '"')
            return fail(csv, -EBADMSG, "a quote within a field that does not begin with one");
        int r = keep(csv, (char)c);
        if (r < 0)
            return r;
        c = take(csv);
    }
    int r = is_error(c) ? c : keep(csv, 0);
    return r < 0 ? r : c;
}

/* The first byte of a record, past empty lines; or EOF, or an error. */
static int first_byte(struct csv *csv)
{
    int c = take(csv);
    for (; c == '\n'; c = take(csv))
        csv->next_line++;
    return c;
}

int csv_next(struct csv *csv)
{
    csv->n = csv->len = 0;
    errno = 0;
    int c = first_byte(csv);
    csv->line = csv->next_line;
    if (c == EOF)
        return 0;
    for (;;) {
        if (is_error(c))
            return c;
        c = field(csv, c);
        if (is_error(c))
            return c;
        if (c != ',')
            break;
        c = take(csv);
        if (c == EOF) /* a comma at the very end: an empty field behind it */
            c = '\n';
    }
    csv->next_line += c == '\n';
    return 1;
}
