/* limpet restore: the work is limpet-controller's, which is on the gateway; settling is the API's.
 */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRAM "limpet-controller"
#define PATH "/apis/limpet.io/v1/restore"

struct restore_options {
    const char *passphrase_file, *config;
    bool force, settle, kept;
};

static void print_kept(const struct value *state)
{
    const struct value *kept = value_get(state, "kept");
    for (size_t i = 0; i < value_len(kept); i++) {
        const struct value *pod = value_at(kept, i);
        cleanup(buf_done) struct buf line;
        buf_init(&line, 0);
        (void)buf_addf(&line, "%s/%s on %s", value_get_str(pod, "namespace"),
                       value_get_str(pod, "name"), value_get_str(pod, "node"));
        text_clean(&line, 0);
        puts(buf_str(&line));
    }
}

/* just_tell: what nodes keep. */
static int settle(struct cli *cli, bool just_tell)
{
    cleanup(value_free) struct value *before = NULL, *after = NULL;
    if (!cli_connect(cli) || cli_get_ok(cli, PATH, &before) < 0)
        return EXIT_FAILED;
    if (!value_bool(value_get(before, "adopt"), false)) {
        puts("There is nothing to settle.");
        return EXIT_DONE;
    }
    print_kept(before);
    if (just_tell)
        return EXIT_DONE;
    const struct client_request request = {.method = "POST", .path = PATH};
    if (cli_call_ok(cli, &request, &after) < 0)
        return EXIT_FAILED;
    puts("Settled: what nodes kept and the gateway does not know goes now.");
    return EXIT_DONE;
}

/* Beside this program, as it is installed and as it is built; else from PATH. */
static void run_controller(char **args)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len > 0) {
        self[len] = '\0';
        char *slash = strrchr(self, '/');
        *slash = '\0';
        autofree char *beside = xasprintf("%s/" PROGRAM, self);
        autofree char *above = xasprintf("%s/../sbin/" PROGRAM, self);
        execv(beside, args);
        execv(above, args);
    }
    execvp(PROGRAM, args);
}

static int run_restore(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct restore_options *o = options;
    if ((o->settle || o->kept) && count == 0)
        return settle(cli, o->kept);
    if (o->settle || o->kept || count != 1)
        return cli_usage(&verb_restore, "say of which one file, or --kept or --settle");
    char *args[12] = {(char *)PROGRAM};
    size_t n = 1;
    if (o->config) {
        args[n++] = (char *)"--config";
        args[n++] = (char *)o->config;
    }
    args[n++] = (char *)"restore";
    if (o->passphrase_file) {
        args[n++] = (char *)"--passphrase-file";
        args[n++] = (char *)o->passphrase_file;
    }
    if (o->force)
        args[n++] = (char *)"--force";
    args[n++] = (char *)"--";
    args[n++] = words[0];
    fflush(stdout);
    run_controller(args);
    return cli_fail("a backup is restored on the gateway itself; " PROGRAM " is not here: %m");
}

const struct verb verb_restore = {
    .name = "restore",
    .usage = "FILE [--force] | --kept | --settle",
    .summary = "on a gateway that does not run: make a backup its state; --settle afterwards",
    .details =
        "The whole backup is checked before anything is touched, and a gateway that is there is not "
        "replaced\nunless --force moves it aside. Then start limpet-controller. Nodes go on with "
        "what they have: pods\nthat were made or changed after the backup are kept. From anywhere, "
        "'limpet restore --kept' names\nthose that the gateway does not know. Apply what is missing, "
        "then say 'limpet restore --settle': what\nyou did not apply goes.\n",
    .options =
        (const struct arg_option[]){
            {"passphrase-file", 0, ARG_STRING, offsetof(struct restore_options, passphrase_file),
             "FILE", "its first line is the passphrase", NULL},
            {"config", 0, ARG_STRING, offsetof(struct restore_options, config), "FILE",
             "the gateway's configuration (made of the backup's if it is missing)", NULL},
            {"force", 0, ARG_FLAG, offsetof(struct restore_options, force), NULL,
             "move aside the gateway that is there", NULL},
            {"kept", 0, ARG_FLAG, offsetof(struct restore_options, kept), NULL,
             "show the pods that nodes keep and the gateway does not know", NULL},
            {"settle", 0, ARG_FLAG, offsetof(struct restore_options, settle), NULL,
             "end what a restore began: nodes keep nothing more", NULL},
            {0},
        },
    .size = sizeof(struct restore_options),
    .run = run_restore,
};
