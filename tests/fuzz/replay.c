/* Gives every file of the folders named as arguments to the fuzz target: whole, and cut short at up
 * to 64 places. Copies have no byte to spare, so that a sanitizer sees what is read beyond the end.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 4 << 20, CUTS = 64 };

static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int replay_file(const char *folder, const char *name, uint8_t *data)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    size_t size = fread(data, 1, FILE_MAX, file);
    fclose(file);
    run(data, size);
    size_t step = size / CUTS + 1;
    for (size_t cut = 0; cut < size; cut += step)
        run(data, cut);
    return 0;
}

/* Files replayed, or -1. */
static int replay_folder(const char *folder, uint8_t *data)
{
    int count = 0;
    DIR *dir = opendir(folder);
    if (!dir) {
        perror(folder);
        return -1;
    }
    for (const struct dirent *entry; count >= 0 && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            count = replay_file(folder, entry->d_name, data) < 0 ? -1 : count + 1;
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    uint8_t *data = malloc(FILE_MAX);
    if (!data)
        abort();
    for (int i = 1; i < argc && total >= 0; i++) {
        int count = replay_folder(argv[i], data);
        total = count < 0 ? -1 : total + count;
    }
    free(data);
    printf("%d files replayed\n", total);
    return total > 0 ? 0 : 1;
}
