/* SPDX-License-Identifier: Apache-2.0 */
/* board: TensorBoard's event file, scalars only. The protobuf wire format is written by hand (five
 * fields), so that a run folder needs no library to be drawn. Owner: train. One thread.
 *   record = u64 length, u32 masked crc of the length, Event, u32 masked crc of the Event
 *   Event  = 1 wall_time, 2 step, 3 file_version | 5 Summary{1 Value{1 tag, 2 simple_value}}
 *            | 7 SessionLog{1 status} */
#ifndef AUGSTREAM_TRAINER_BOARD_H
#define AUGSTREAM_TRAINER_BOARD_H

#include <stddef.h>
#include <stdint.h>

enum {
    BOARD_TAG_MAX = 96,     /* bytes with the NUL; longer is -EINVAL */
    BOARD_SCALARS_MAX = 48, /* of one step; more is -EINVAL */
};

struct board_scalar {
    const char *tag;
    float value;
};

struct board;

/* Makes folder/events.out.tfevents.<time>.<host>.<pid>.<n>, a name that no other file has. wall_s:
 * seconds since 1970. */
int board_open(const char *folder, double wall_s, struct board **ret);

/* A run goes on from here: TensorBoard drops what earlier files say about this step and later. */
int board_restart(struct board *board, double wall_s, int64_t step);

/* Adds one Event with n scalars. Allocates nothing; the bytes reach the file at once. */
int board_scalars(struct board *board, double wall_s, int64_t step,
                  const struct board_scalar *scalars, size_t n);

void board_close(struct board *board); /* NULL is fine */

#endif
