/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: takes paths and recipes, feeds a digest. One thread; reads no file's content. */
#include "tools/evaluate/report/stamp.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add_file(struct digest *d, const char *path, const struct stat *st)
{
    digest_add_str(d, path);
    digest_add_u64(d, (uint64_t)st->st_size);
    digest_add_u64(d, (uint64_t)st->st_mtim.tv_sec);
    digest_add_u64(d, (uint64_t)st->st_mtim.tv_nsec);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void close_tree(FTS **tree)
{
    if (*tree)
        fts_close(*tree);
}

static int add_tree(struct digest *d, const char *path)
{
    char root[PATH_MAX];
    if (snprintf(root, sizeof root, "%s", path) >= (int)sizeof root)
        return err_set(-ENAMETOOLONG, "%s: the name is too long", path);
    auto_with(close_tree) FTS *tree =
        fts_open((char *[]){root, NULL}, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!tree)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    errno = 0;
    for (FTSENT *at; (at = fts_read(tree)); errno = 0) {
        if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR || at->fts_info == FTS_NS)
            return err_set(-at->fts_errno, "%s: %s", at->fts_path, strerror(at->fts_errno));
        if (at->fts_info == FTS_F)
            add_file(d, at->fts_path, at->fts_statp);
        else if (at->fts_info != FTS_DP)
            digest_add_str(d, at->fts_path);
    }
    return errno ? err_set(-errno, "%s: %s", path, strerror(errno)) : 0;
}

int stamp_place(struct digest *d, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    digest_add_str(d, name);
    if (snprintf(path, sizeof path, "%s", name) >= (int)sizeof path)
        return err_set(-ENAMETOOLONG, "%s: the name is too long", name);
    if (stat(path, &st) < 0) {
        char *split = strrchr(path, ':');
        if (!split)
            return 0;
        *split = '/'; /* a folder in it, or else a name that its format knows */
        if (stat(path, &st) < 0) {
            *split = 0;
            if (stat(path, &st) < 0)
                return 0;
        }
    }
    if (S_ISDIR(st.st_mode))
        return add_tree(d, path);
    add_file(d, path, &st);
    return 0;
}

int stamp_recipe(struct digest *d, const struct recipe *recipe)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return err_set(-errno, "recipe: %s", strerror(errno));
    int rc = conf_dump(&recipe_table, recipe, out);
    if (fclose(out) != 0 && !rc)
        rc = err_set(-ENOMEM, "recipe: out of memory");
    if (!rc)
        digest_add_str(d, text);
    free(text);
    if (!rc && recipe->data.classes[0])
        rc = stamp_place(d, recipe->data.classes);
    return rc;
}
