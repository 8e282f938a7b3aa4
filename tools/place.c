/* SPDX-License-Identifier: Apache-2.0 */
/* place: takes PATH[:SPLIT], gives path, split and the format that lies there. Looks at names only;
 * whether the files hold what they are called, the loader finds out. */
#include "tools/place.h"

#include "common/auto.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *ending, *format;
} files[] = {{".csv", "manifest"}, {".tar", "tar"}};

/* A folder that holds one of these is no class folder. */
static const struct {
    const char *file, *format;
} folders[] = {
    {"data_batch_1.bin", "cifar10"}, {"test_batch.bin", "cifar10"}, {"train.bin", "cifar100"},
    {"test.bin", "cifar100"},        {"train_X.bin", "stl10"},      {"test_X.bin", "stl10"},
    {"unlabeled_X.bin", "stl10"},
};

static bool ends_in(const char *text, const char *ending)
{
    const size_t len = strlen(text), end = strlen(ending);
    return len > end && strcmp(text + len - end, ending) == 0;
}

/* What a folder holds, by the names in it: NULL where it cannot be read. */
static const char *folder_format(const char *path)
{
    auto_closedir DIR *dir = opendir(path);
    if (!dir)
        return NULL;
    const char *found = "folder";
    for (const struct dirent *e; (e = readdir(dir));) {
        for (size_t i = 0; i < ARRAY_LEN(folders); i++)
            if (strcmp(e->d_name, folders[i].file) == 0)
                return folders[i].format;
        if (ends_in(e->d_name, ".tar"))
            found = "tar";
    }
    return found;
}

static const char *format_of(const struct place *place)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (ends_in(place->path, files[i].ending))
            return files[i].format;
    const char *format = folder_format(place->path);
    char below[CONF_STR_MAX + NAME_MAX];
    if (!format || strcmp(format, "folder") != 0 || !place->split[0])
        return format;
    /* shards have a folder for each split */
    snprintf(below, sizeof below, "%s/%s", place->path, place->split);
    const char *part = folder_format(below);
    return part && strcmp(part, "tar") == 0 ? part : format;
}

int place_find(const char *name, const char *format, const char *option, struct place *ret)
{
    const char *colon = strrchr(name, ':');
    struct stat st;
    const bool whole = stat(name, &st) == 0 || !colon || colon == name;
    const size_t len = whole ? strlen(name) : (size_t)(colon - name);
    if (len >= sizeof ret->path)
        return err_set(-ENAMETOOLONG, "%.64s...: a path of %zu bytes, at most %zu", name, len,
                       sizeof ret->path - 1);
    snprintf(ret->path, sizeof ret->path, "%.*s", (int)len, name);
    ret->split = whole ? "" : colon + 1;
    ret->format = format ? format : format_of(ret);
    if (ret->format)
        return 0;
    if (stat(ret->path, &st) < 0)
        return err_set(-ENOENT, "%s: no such dataset: %s", ret->path, strerror(errno));
    return err_set(-EINVAL,
                   "%s: is no folder, no manifest (.csv) and no tar; tell its format by %s",
                   ret->path, option);
}
