/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: CRC-32C (Castagnoli), as iSCSI (RFC 3720 B.4), TensorBoard and our pixel frames use. */
#ifndef AUGSTREAM_COMMON_CRC32C_H
#define AUGSTREAM_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc of the bytes so far (0 to begin) extended by len bytes: crc32c(crc32c(0,a),b) = crc of ab.
 * Uses the CPU's instruction where it has one; the table version is the oracle. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t len);

/* What len bytes behind others make of these's checksum, len fixed: for many blocks of one length
 * whose checksums are known and whose bytes need not be read again. */
struct crc32c_shift {
    uint32_t of_nibble[8][16]; /* of each four bits, the lowest first */
};
void crc32c_shift_init(struct crc32c_shift *ret, size_t len);

/* crc32c(0, ab) of a = crc32c(0, a) and b = crc32c(0, b), where b's bytes are the shift's. */
uint32_t crc32c_combine(const struct crc32c_shift *shift, uint32_t a, uint32_t b);

#endif
