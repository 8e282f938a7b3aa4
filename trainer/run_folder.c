/* SPDX-License-Identifier: Apache-2.0 */
/* run_folder: takes a recipe, gives paths. A run is in a folder once a checkpoint or metrics are:
 * what was made before that (a start that failed) may be made again. Writes recipe.yaml only, and
 * clears away what was never finished. One thread; the struct owns the descriptor whose lock keeps
 * other runs out until it is closed, also by a process that is killed. */
#include "trainer/run_folder.h"

#include "common/err.h"
#include "common/file.h"
#include "trainer/ckpt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int run_folder_init(struct run_folder *f, const struct recipe *recipe, const char *path)
{
    f->lock_fd = -1;
    f->alone = false;
    int n = path ? snprintf(f->path, sizeof f->path, "%s", path)
                 : snprintf(f->path, sizeof f->path, "%s/%s", recipe->run.dir, recipe->run.name);
    if (n <= 0 || (size_t)n >= sizeof f->path)
        return err_set(-EINVAL, "run folder: a path of 1 to %d bytes is needed", RUN_PATH_MAX - 1);
    snprintf(f->recipe, sizeof f->recipe, "%s/recipe.yaml", f->path);
    snprintf(f->metrics, sizeof f->metrics, "%s/metrics.jsonl", f->path);
    snprintf(f->backbone, sizeof f->backbone, "%s/backbone.safetensors", f->path);
    snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints", f->path);
    snprintf(f->omega, sizeof f->omega, "%s/omega", f->path);
    return 0;
}

void run_folder_done(struct run_folder *f)
{
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    f->lock_fd = -1;
}

/* A lock on the folder itself: no file of it is left. Where a file system has no such locks (some
 * of a network), a run is not kept from working. */
static int hold(struct run_folder *f)
{
    f->lock_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock_fd < 0)
        return err_set(-errno, "%s: cannot open: %s", f->path, strerror(errno));
    f->alone = flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0;
    if (f->alone || errno != EWOULDBLOCK)
        return 0;
    run_folder_done(f);
    return err_set(-EINVAL, "%s: another run is at work in there", f->path);
}

int run_folder_check(struct run_folder *f, bool resume, uint64_t *ret_step)
{
    uint64_t step = 0;
    int rc = resume ? hold(f) : 0;
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = ckpt_latest(f->checkpoints, &step);
    if (resume && rc == -ENOENT)
        return err_set(rc, "%s: --resume, but no checkpoint is there", f->path);
    if (!resume && (rc == 0 || access(f->metrics, F_OK) == 0))
        return err_set(-EINVAL,
                       "%s: a run is in there; --resume goes on with it, another run.name "
                       "begins a new one",
                       f->path);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    *ret_step = step;
    return 0;
}

/* Of two runs that begin at once, one comes first; the other then finds it, or what it made. */
static int come_first(struct run_folder *f)
{
    uint64_t step;
    int rc = hold(f);
    return rc < 0 ? rc : run_folder_check(f, false, &step);
}

int run_folder_make(struct run_folder *f, const char *text)
{
    int rc = file_mkdirs(f->checkpoints);
    struct file_write w = {0};
    if (rc == 0 && f->lock_fd < 0)
        rc = come_first(f);
    if (rc == 0 && f->alone)
        rc = file_sweep(f->path);
    if (rc == 0 && f->alone)
        rc = file_sweep(f->checkpoints);
    if (rc == 0)
        rc = file_write_begin(&w, f->recipe);
    if (rc < 0)
        return rc;
    if (fputs(text, w.out) < 0) {
        rc = err_set(-EIO, "%s: cannot write: %s", f->recipe, strerror(errno));
        file_write_abort(&w);
        return rc;
    }
    return file_write_commit(&w);
}
