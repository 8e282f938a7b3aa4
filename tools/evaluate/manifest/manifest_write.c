/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_write: takes the rows of a manifest, gives CSV as RFC 4180 has it and loaderd's format
 * `manifest` reads it. Lines end with LF. The box's columns are there where any row has one. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/err.h"

#include <errno.h>
#include <string.h>

/* Control characters have been refused when the row was added, so no field has a line end; a field
 * that begins with a blank or ends with one keeps it, quoted or not. */
static void put_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '"')
            putc_unlocked('"', out);
        putc_unlocked(*text, out);
    }
}

static void put_path(const struct manifest *m, bool relative, const char *path, FILE *out)
{
    const bool quote = strpbrk(path, ",\"") || (!relative && strpbrk(m->base, ",\""));
    if (quote)
        putc_unlocked('"', out);
    if (!relative) {
        put_text(m->base, out);
        if (m->base[1]) /* the root of all files ends with its slash already */
            putc_unlocked('/', out);
    }
    put_text(path, out);
    if (quote)
        putc_unlocked('"', out);
}

static void put_field(const char *text, FILE *out)
{
    const bool quote = strpbrk(text, ",\"") != NULL;
    fputs(quote ? ",\"" : ",", out);
    put_text(text, out);
    if (quote)
        putc_unlocked('"', out);
}

static int flushed(FILE *out)
{
    errno = 0;
    if (fflush(out) != 0 || ferror(out))
        return err_set(errno ? -errno : -EIO, "the manifest cannot be written: %s",
                       strerror(errno ? errno : EIO));
    return 0;
}

int manifest_write_classes(const struct manifest *m, FILE *out)
{
    for (size_t i = 0; i < m->labels.n; i++)
        fprintf(out, "%s\n", m->labels.word[i]);
    return flushed(out);
}

int manifest_write(const struct manifest *m, bool relative, FILE *out)
{
    bool boxed = false;
    for (size_t i = 0; i < m->n; i++)
        boxed |= m->rows[i].boxed;
    fputs(boxed ? "path,label,split,x,y,w,h\n" : "path,label,split\n", out);
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_kept *row = &m->rows[i];
        put_path(m, relative, m->text + row->path, out);
        put_field(row->label == UINT32_MAX ? "" : m->labels.word[row->label], out);
        put_field(m->splits.word[row->split], out);
        if (row->boxed)
            fprintf(out, ",%d,%d,%d,%d", row->box[0], row->box[1], row->box[2], row->box[3]);
        else if (boxed)
            fputs(",,,,", out);
        putc_unlocked('\n', out);
    }
    return flushed(out);
}
