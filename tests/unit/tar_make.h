/* SPDX-License-Identifier: Apache-2.0 */
/* tar_make: writes tar archives into memory, header by header, for tests of what reads them. */
#ifndef AUGSTREAM_TESTS_TAR_MAKE_H
#define AUGSTREAM_TESTS_TAR_MAKE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TAR_MAKE_MAX = 1 << 20 };

struct tar_make {
    uint8_t bytes[TAR_MAKE_MAX];
    size_t len;
};

/* The sum over a header whose fields are set. */
static inline void tar_make_sign(uint8_t *header)
{
    uint32_t sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum & 0777777);
}

/* A header and its bytes, filled up to a block; where it begins. */
static inline size_t tar_make_add(struct tar_make *tar, char type, const char *name,
                                  const void *bytes, size_t len)
{
    const size_t at = tar->len;
    uint8_t *h = tar->bytes + at;
    memset(h, 0, 512);
    memcpy(h, name, strnlen(name, 100));
    snprintf((char *)h + 100, 8, "0000644");
    snprintf((char *)h + 124, 12, "%011o", (unsigned)(len & 07777777));
    snprintf((char *)h + 136, 12, "%011o", 0u);
    h[156] = (uint8_t)type;
    memcpy(h + 257, "ustar\00000", 8);
    tar_make_sign(h);
    if (len)
        memcpy(h + 512, bytes, len);
    memset(h + 512 + len, 0, (512 - len % 512) % 512);
    tar->len += 512 + (len + 511) / 512 * 512;
    return at;
}

static inline void tar_make_text(struct tar_make *tar, const char *name, const char *text)
{
    tar_make_add(tar, '0', name, text, strlen(text));
}

/* A pax record before the next entry. */
static inline void tar_make_pax(struct tar_make *tar, char type, const char *key, const char *value)
{
    char record[512];
    int len = (int)(strlen(key) + strlen(value)) + 3, total = len;
    do {
        len = total;
        total = snprintf(record, sizeof record, "%d %s=%s\n", len, key, value);
    } while (total != len);
    tar_make_add(tar, type, "PaxHeader", record, (size_t)total);
}

static inline void tar_make_end(struct tar_make *tar)
{
    memset(tar->bytes + tar->len, 0, 1024);
    tar->len += 1024;
}

#endif
