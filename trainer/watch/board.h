/* SPDX-License-Identifier: Apache-2.0 */
/* board: TensorBoard's event file: scalars, histograms, pictures. The protobuf wire format is
 * written by hand (a handful of fields), so that a run folder needs no library to be drawn. Owner:
 * journal. One thread.
 *   record = u64 length, u32 masked crc of the length, Event, u32 masked crc of the Event
 *   Event  = 1 wall_time, 2 step, 3 file_version | 5 Summary{1 Value} | 7 SessionLog{1 status}
 *   Value  = 1 tag, 2 simple_value
 *            | 4 Image{1 height, 2 width, 3 colorspace, 4 encoded}
 *            | 5 Histogram{1 min, 2 max, 3 num, 4 sum, 5 sum_squares, 6 limits, 7 counts} */
#ifndef AUGSTREAM_TRAINER_WATCH_BOARD_H
#define AUGSTREAM_TRAINER_WATCH_BOARD_H

#include "trainer/watch/histogram.h"

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

/* Adds one Event with a histogram; of one without numbers, nothing. Allocates nothing. */
int board_histogram(struct board *board, double wall_s, int64_t step, const char *tag,
                    const struct histogram *histogram);

struct board_picture {
    const char *tag;
    uint32_t w, h;
    const void *png; /* encoded, RGB */
    size_t len;
};
/* Adds one Event with a picture. */
int board_picture(struct board *board, double wall_s, int64_t step,
                  const struct board_picture *picture);

void board_close(struct board *board); /* NULL is fine */

#endif
