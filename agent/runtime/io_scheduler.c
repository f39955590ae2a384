#include "agent/runtime/io_scheduler.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool weighs(const char *dir, const char *disk)
{
    char text[256] = "";
    autofree char *path = xasprintf("%s/%s/queue/scheduler", dir, disk);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    return strstr(text, "[bfq]") || strstr(text, "[cfq]");
}

bool io_scheduler_weighs(const char *dir)
{
    const struct dirent *entry;
    bool found = false;
    DIR *disks = opendir(dir);
    while (disks && !found && (entry = readdir(disks)))
        found = entry->d_name[0] != '.' && weighs(dir, entry->d_name);
    if (disks)
        closedir(disks);
    return found;
}
