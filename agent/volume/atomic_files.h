#pragma once
/* Writes the files of a volume so that who reads them sees all of the old or all of the new, never
 * a part: as a kubelet's atomic writer lays them out.
 *
 *     ..2026_11_30_10_00_00.123456789/   the files
 *     ..data -> ..2026_11_30_10_00_00.123456789
 *     app.conf -> ..data/app.conf        a link for each name at the top
 *
 * One rename of ..data brings a new set. Links of new names are made before it (they lead nowhere
 * until then), those of names that are gone are removed after it: a crash at any point leaves one
 * set whole, and the next call removes what the crash left. */

#include "agent/volume/file_set.h"
#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* Makes the volume at dir_fd (a directory that only we write to) hold these files; what else is in
 * it is removed. Files that are to be kept are resolved. fs_group: the group that reads them, -1
 * none; label: of SELinux, that what is new has before it can be seen, NULL none. now_wall_ns names
 * the new folder. Returns 1 if the set was written, 0 if nothing differed (then nothing is),
 * -EAGAIN if a file that must be kept is not there. */
nodiscard int atomic_files_write(int dir_fd, struct file_set *set, int64_t fs_group,
                                 const char *label, int64_t now_wall_ns, struct err *err);
