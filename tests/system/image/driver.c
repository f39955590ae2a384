/* images.h for a shell script: image-driver ROOT FETCH VERB...
 *   ensure POLICY REF...   all at once; a line each: "ok REF DIGEST LAYER:LAYER..." (uppermost
 * first, as overlayfs wants them) or "REASON message" cancel MS REF          cancels a pull after
 * so long prune [REF...]         removes what is unused, while those are held insecure registries
 * are taken from INSECURE, separated by spaces; the node's registries from the file REGISTRIES, the
 * pull secret from the file SECRET (JSON). */

#include "agent/image/credentials.h"
#include "agent/image/images.h"
#include "agent/image/image_store.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/disk.h"

#include <stdio.h>
#include <stdlib.h>

#define REFS_MAX 64

struct driver {
    struct loop *loop;
    struct images *images;
    const char *root;
    int waiting;
    bool failed, prune;
    struct image_request *request;
    struct wanted *last;            /* what the request is for */
    struct credentials credentials; /* of the Secret in the file that SECRET names */
    struct image *held[REFS_MAX];
    int held_count;
};

struct wanted {
    struct driver *driver;
    const char *reference;
};

static void print_image(const char *reference, const struct image *image)
{
    size_t count = 0;
    while (image->layers[count])
        count++;
    printf("ok %s %s ", reference, image->digest);
    for (size_t i = count; i-- > 0;)
        printf("%s%s", image->layers[i], i ? ":" : "");
    puts("");
}

static int nothing_in_use(void *ctx, struct map *layers, struct err *err)
{
    (void)ctx;
    (void)layers;
    (void)err;
    return 0;
}

/* What is held here is in use by the hold alone. */
static void prune(struct driver *d)
{
    struct err err = {0};
    struct image_store *store = NULL;
    struct image_store_wanted wanted = {map_new(), nothing_in_use, d};
    struct image_store_freed freed = {0};
    if (image_store_open(d->root, &store, &err) < 0 ||
        image_store_remove_unused(store, &wanted, &freed, &err) < 0) {
        puts(err.msg);
        d->failed = true;
    }
    map_free(wanted.references, NULL);
    map_free(freed.images, NULL);
    image_store_free(store);
}

static void finish(struct driver *d)
{
    if (d->prune)
        prune(d);
    for (int i = 0; i < d->held_count; i++)
        d->images->release(d->images, d->held[i]);
    loop_stop(d->loop, d->failed);
}

static void done(void *ctx, int code, struct image *image, const char *reason, const char *message)
{
    struct wanted *w = ctx;
    struct driver *d = w->driver;
    if (code == 0) {
        print_image(w->reference, image);
        d->held[d->held_count++] = image;
    } else {
        printf("%s %s\n", reason, message);
        d->failed = true;
    }
    free(w);
    if (--d->waiting == 0)
        finish(d);
}

static void want(struct driver *d, const char *reference, enum image_pull_policy policy)
{
    struct wanted *w = xcalloc(1, sizeof(*w));
    struct err err = {0};
    w->driver = d;
    w->reference = reference;
    d->last = w;
    d->waiting++;
    const struct image_wish wish = {.reference = reference,
                                    .policy = policy,
                                    .credentials = &d->credentials,
                                    .done = done,
                                    .ctx = w};
    if (d->images->ensure(d->images, &wish, &d->request, &err) == 0)
        return;
    printf("InvalidImageName %s\n", err.msg);
    free(w);
    d->waiting--;
    d->failed = true;
}

static void cancel(void *ctx)
{
    struct driver *d = ctx;
    d->images->cancel(d->images, d->request);
    free(d->last);
    puts("cancelled");
    loop_stop(d->loop, 0);
}

static enum image_pull_policy policy_of(const char *name)
{
    return str_eq(name, "Always")  ? IMAGE_PULL_ALWAYS
           : str_eq(name, "Never") ? IMAGE_PULL_NEVER
                                   : IMAGE_PULL_IF_NOT_PRESENT;
}

static int run(struct driver *d, int argc, char **argv)
{
    const char *verb = argv[3];
    if (str_eq(verb, "cancel") && argc == 6) {
        struct loop_timer *timer = loop_timer_new(d->loop, cancel, d);
        loop_timer_after(timer, atoll(argv[4]) * NS_PER_MS);
        want(d, argv[5], IMAGE_PULL_ALWAYS);
        return loop_run(d->loop);
    }
    bool ensure = str_eq(verb, "ensure");
    d->prune = str_eq(verb, "prune");
    for (int i = ensure ? 5 : 4; i < argc && i < REFS_MAX; i++)
        want(d, argv[i], ensure ? policy_of(argv[4]) : IMAGE_PULL_NEVER);
    if (d->waiting > 0)
        return loop_run(d->loop);
    if (d->prune)
        prune(d);
    return d->failed;
}

static int read_secret(struct driver *d, struct err *err)
{
    const char *file = getenv("SECRET");
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *secret = NULL;
    if (str_empty(file))
        return 0;
    int rc = disk_posix()->read(disk_posix(), file, 1 << 20, &text, err);
    if (rc == 0)
        rc = json_parse(buf_str(&text), text.len, &secret, err);
    return rc < 0 ? rc : credentials_add_secret(&d->credentials, secret, err);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct err err = {0};
    struct driver d = {.root = argv[1]};
    char *insecure[8] = {NULL};
    const char *list = getenv("INSECURE");
    char *copy = xstrdup(list ? list : "");
    int count = 0;
    for (char *s = strtok(copy, " "); s && count < 7; s = strtok(NULL, " "))
        insecure[count++] = s;
    const char *rate = getenv("RATE"); /* bytes a second */
    const struct images_spec spec = {.root = argv[1],
                                     .fetch_path = argv[2],
                                     .insecure_registries = (const char *const *)insecure,
                                     .ca_dir = getenv("CA_DIR"),
                                     .registries_file = getenv("REGISTRIES"),
                                     .rate = rate ? atoll(rate) : 0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    int code = read_secret(&d, &err);
    if (code == 0)
        code = loop_new(clock_system(), &d.loop, &err);
    if (code == 0)
        code = images_new(d.loop, &spec, &d.images, &err);
    if (code < 0) {
        fprintf(stderr, "image-driver: %s\n", err.msg);
        return 1;
    }
    code = run(&d, argc, argv);
    d.images->free(d.images);
    loop_free(d.loop);
    credentials_done(&d.credentials);
    free(copy);
    return code != 0;
}
