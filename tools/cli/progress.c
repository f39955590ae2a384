#include "tools/cli/progress.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/utf8.h"
#include "tools/cli/text.h"

#include <stdio.h>
#include <sys/ioctl.h>

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.terminal = text_colours(stderr),
                                  .since_boot_ns = clock_boot(clock_system())};
    buf_init(&progress->shown, 0);
}

/* What is over in a moment needs no line. */
static bool is_early(const struct progress *progress)
{
    return clock_boot(clock_system()) - progress->since_boot_ns < NS_PER_S;
}

static size_t columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void draw(struct progress *progress)
{
    static const char turn[] = "|/-\\";
    int64_t seconds = (clock_boot(clock_system()) - progress->since_boot_ns) / NS_PER_S;
    size_t room = columns() - 12, len = progress->shown.len;
    fprintf(stderr, "\r\033[K%c %.*s%s%s (%llds)%s", turn[progress->turns++ % 4],
            (int)(len > room ? utf8_cut(buf_str(&progress->shown), room) : len),
            buf_str(&progress->shown), len > room ? "..." : "", text_colour(TEXT_DIM),
            (long long)seconds, text_colour(TEXT_PLAIN));
    fflush(stderr);
}

void progress_say(struct progress *progress, const char *text)
{
    cleanup(buf_done) struct buf clean;
    buf_init(&clean, 0);
    (void)buf_add(&clean, text, strcspn(text, "\n"));
    text_clean(&clean, 0);
    bool changed = !str_eq(buf_str(&clean), buf_str(&progress->shown));
    if (changed) {
        buf_drop(&progress->shown, progress->shown.len);
        (void)buf_addstr(&progress->shown, buf_str(&clean));
    }
    progress->due |= changed;
    progress_tick(progress);
}

void progress_tick(struct progress *progress)
{
    if (progress->shown.len == 0 || is_early(progress))
        return;
    if (progress->terminal)
        draw(progress);
    else if (progress->due)
        fprintf(stderr, "%s\n", buf_str(&progress->shown));
    progress->due = false;
}

void progress_clear(struct progress *progress)
{
    if (progress->terminal && progress->shown.len > 0)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

void progress_done(struct progress *progress)
{
    progress_clear(progress);
    buf_done(&progress->shown);
}
