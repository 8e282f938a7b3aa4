/* SPDX-License-Identifier: Apache-2.0 */
/* embed_folder: the folder of an embedded loader's sockets, for the life of one process, however it
 * ends. Its owner holds a lock on it, which the kernel lets go when the owner dies: so those that
 * nobody holds are left over, also where processes do not see each other's numbers. Any thread. */
#ifndef AUGSTREAM_TRAINER_EMBED_FOLDER_H
#define AUGSTREAM_TRAINER_EMBED_FOLDER_H

enum { EMBED_FOLDER_PATH_MAX = 107 /* of a Unix socket, so of a folder of some */ };

struct embed_folder {
    char path[EMBED_FOLDER_PATH_MAX]; /* "": none */
    int fd;                           /* the lock's; -1: none */
};

/* A new one, of our own alone, below base; before that, removes those there that belong to us and
 * to no living process. -ENAMETOOLONG: base leaves no room for a socket's name. */
int embed_folder_make(const char *base, struct embed_folder *ret);

/* With what is in it; fine when there is none. */
void embed_folder_remove(struct embed_folder *folder);

#endif
