#include "agent/pod/tokens.h"

#include "agent/pod/backoff.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX (INT64_C(1) << 32)

struct entry {
    char *ns, *pod, *uid, *audience; /* audience NULL: the API's own */
    int64_t seconds;
    char *text;         /* NULL: there has been none yet */
    int64_t expires_at; /* boot ns */
    int64_t due_at;     /* boot ns: when it is asked for next */
    int64_t needed_at;  /* boot ns: somebody waits for it since; 0: nobody */
    uint64_t ticket;    /* of the question that is under way; 0: none */
    struct backoff backoff;
    char *refusal; /* NULL: not refused */
};

enum contact { UNKNOWN, THERE, AWAY };

struct tokens {
    struct tokens_spec spec;
    struct map *entries; /* key_of() -> struct entry */
    struct loop_timer *timer;
    tokens_ask_fn *ask;
    void *ask_ctx;
    enum contact contact;
    uint64_t last_ticket;
    size_t under_way;
};

static const struct backoff_policy backoff = {2 * NS_PER_S, 300 * NS_PER_S};

/* ---- entries ---- */

static char *key_of(const struct tokens_question *q)
{
    return xasprintf("%s/%lld/%s", q->uid, (long long)q->seconds, q->audience ? q->audience : "");
}

static void drop_text(struct entry *entry)
{
    if (entry->text)
        crypto_wipe(entry->text, strlen(entry->text));
    free(entry->text);
    entry->text = NULL;
}

static void entry_free(void *p)
{
    struct entry *entry = p;
    drop_text(entry);
    free(entry->refusal);
    free(entry->ns);
    free(entry->pod);
    free(entry->uid);
    free(entry->audience);
    free(entry);
}

static size_t count_of(const struct tokens *tokens, const char *uid)
{
    size_t count = 0;
    void *p;
    for (size_t i = 0; map_next(tokens->entries, &i, NULL, &p);)
        count += str_eq(((struct entry *)p)->uid, uid);
    return count;
}

/* NULL: the pod has too many. */
static struct entry *get_entry(struct tokens *tokens, const struct tokens_question *q)
{
    autofree char *key = key_of(q);
    struct entry *entry = map_get(tokens->entries, key);
    if (entry || count_of(tokens, q->uid) >= TOKENS_PER_POD)
        return entry;
    entry = xcalloc(1, sizeof(*entry));
    entry->ns = xstrdup(q->ns);
    entry->pod = xstrdup(q->pod);
    entry->uid = xstrdup(q->uid);
    entry->audience = q->audience ? xstrdup(q->audience) : NULL;
    entry->seconds = q->seconds;
    (void)map_put(tokens->entries, key, entry);
    return entry;
}

static int64_t now_of(const struct tokens *tokens)
{
    return loop_now(tokens->spec.loop);
}

static bool holds(const struct tokens *tokens, const struct entry *entry)
{
    return entry->text && (now_of(tokens) < entry->expires_at || WEAKENED(TOKENS_EXPIRED));
}

static int64_t jitter(const struct tokens *tokens, int64_t below)
{
    int64_t most = below < TOKENS_JITTER_NS ? below : TOKENS_JITTER_NS;
    return most > 0 ? (int64_t)rng_below(tokens->spec.rng, (uint64_t)most) : 0;
}

/* ---- asking ---- */

static void failed(struct tokens *tokens, struct entry *entry)
{
    int64_t wait = backoff_failed(&entry->backoff, &backoff);
    entry->due_at = now_of(tokens) + wait + jitter(tokens, wait / 4);
}

static void ask_for(struct tokens *tokens, struct entry *entry)
{
    const struct tokens_question question = {entry->ns, entry->pod, entry->uid, entry->audience,
                                             entry->seconds};
    struct err err = {0};
    if (tokens->ask(tokens->ask_ctx, &question, ++tokens->last_ticket, &err) < 0) {
        failed(tokens, entry);
        return;
    }
    entry->ticket = tokens->last_ticket;
    tokens->under_way++;
}

/* Asks for what is due, and comes back for what will be. */
static void pump(void *ctx)
{
    struct tokens *tokens = ctx;
    int64_t next = INT64_MAX, now = now_of(tokens);
    void *p;
    loop_timer_stop(tokens->timer);
    if (tokens->contact != THERE || !tokens->ask)
        return;
    for (size_t i = 0; map_next(tokens->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        if (entry->ticket)
            continue;
        if (entry->due_at <= now) {
            if (tokens->under_way >= TOKENS_UNDER_WAY)
                continue; /* an answer brings us back */
            ask_for(tokens, entry);
        }
        if (!entry->ticket && entry->due_at < next)
            next = entry->due_at;
    }
    if (next < INT64_MAX)
        loop_timer_at(tokens->timer, next);
}

/* From the loop, so that nobody is asked or told from inside of a call. */
static void pump_soon(struct tokens *tokens)
{
    loop_timer_after(tokens->timer, 0);
}

void tokens_serve(struct tokens *tokens, tokens_ask_fn *ask, void *ctx)
{
    tokens->ask = ask;
    tokens->ask_ctx = ctx;
    pump_soon(tokens);
}

/* What was missed meanwhile is asked for now: what pods wait for at once, the rest within a while,
 * so that a fleet that comes back together does not ask together. */
static void make_up(struct tokens *tokens)
{
    int64_t now = now_of(tokens);
    void *p;
    for (size_t i = 0; map_next(tokens->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        entry->needed_at = 0; /* with contact it is worth another wait */
        bool late = entry->backoff.failures > 0 || entry->due_at <= now;
        if (entry->ticket || !late)
            continue;
        backoff_reset(&entry->backoff);
        entry->due_at = holds(tokens, entry) ? now + jitter(tokens, TOKENS_JITTER_NS) : now;
    }
}

void tokens_contact(struct tokens *tokens, bool there)
{
    enum contact before = tokens->contact;
    tokens->contact = there ? THERE : AWAY;
    if (there && before != THERE)
        make_up(tokens);
    if (before != tokens->contact)
        pump_soon(tokens);
    void *p;
    for (size_t i = 0; !there && before != AWAY && map_next(tokens->entries, &i, NULL, &p);)
        if (((struct entry *)p)->needed_at)
            tokens->spec.changed(tokens->spec.ctx, ((struct entry *)p)->uid);
}

/* ---- answers ---- */

static void take_text(struct tokens *tokens, struct entry *entry,
                      const struct tokens_answer *answer)
{
    int64_t now = now_of(tokens);
    int64_t percent =
        tokens->spec.renew_percent ? tokens->spec.renew_percent : TOKENS_RENEW_PERCENT;
    int64_t renew = answer->seconds * NS_PER_S / 100 * percent;
    if (renew > TOKENS_AGE_NS)
        renew = TOKENS_AGE_NS;
    if (renew < NS_PER_S)
        renew = NS_PER_S;
    drop_text(entry);
    entry->text = xstrdup(answer->text);
    entry->expires_at = now + answer->seconds * NS_PER_S;
    entry->due_at = now + renew - jitter(tokens, renew / 20);
    entry->needed_at = 0;
    free(entry->refusal);
    entry->refusal = NULL;
    backoff_reset(&entry->backoff);
    tokens->spec.changed(tokens->spec.ctx, entry->uid);
}

/* That nobody answers is no refusal, nor that too much is asked for now. */
static bool is_refusal(int code)
{
    return code >= 400 && code < 500 && code != 429;
}

static void take_failure(struct tokens *tokens, struct entry *entry,
                         const struct tokens_answer *answer)
{
    const char *why = answer->message ? answer->message : "";
    failed(tokens, entry);
    if (!is_refusal(answer->code))
        return;
    if (!str_eq(entry->refusal, why)) {
        free(entry->refusal);
        entry->refusal = xstrdup(why);
        tokens->spec.refused(tokens->spec.ctx, entry->uid, entry->refusal);
    }
    if (entry->needed_at)
        tokens->spec.changed(tokens->spec.ctx, entry->uid);
}

void tokens_answer(struct tokens *tokens, uint64_t ticket, const struct tokens_answer *answer)
{
    bool sane = !answer->code && !str_empty(answer->text) && answer->seconds > 0 &&
                answer->seconds <= SECONDS_MAX;
    void *p;
    for (size_t i = 0; map_next(tokens->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        if (entry->ticket != ticket || !ticket)
            continue;
        entry->ticket = 0;
        tokens->under_way--;
        if (sane)
            take_text(tokens, entry, answer);
        else
            take_failure(tokens, entry, answer);
        pump_soon(tokens);
        return;
    }
}

/* ---- who needs them ---- */

/* A pod waits for all of its tokens together. */
static int64_t needed_since(const struct tokens *tokens, const char *uid)
{
    int64_t since = INT64_MAX;
    void *p;
    for (size_t i = 0; map_next(tokens->entries, &i, NULL, &p);) {
        const struct entry *entry = p;
        if (entry->needed_at && entry->needed_at < since && str_eq(entry->uid, uid))
            since = entry->needed_at;
    }
    return since;
}

/* Whether it is worth a wait: an answer may come any moment. */
static bool may_come(struct tokens *tokens, struct entry *entry)
{
    int64_t now = now_of(tokens);
    int64_t longest = tokens->contact == THERE ? TOKENS_WAIT_NS : TOKENS_HOPE_NS;
    if (!entry->needed_at)
        entry->needed_at = now;
    if (!tokens->ask || entry->refusal || (tokens->contact == AWAY && !WEAKENED(TOKENS_AWAY)))
        return false;
    return now - needed_since(tokens, entry->uid) < longest;
}

int tokens_get(struct tokens *tokens, const struct tokens_question *question, const char **ret_text,
               struct err *err)
{
    struct entry *entry = get_entry(tokens, question);
    if (!entry)
        return err_set(err, -ENOENT, "more than %d tokens for one pod", TOKENS_PER_POD);
    if (holds(tokens, entry)) {
        *ret_text = entry->text;
        return 0;
    }
    drop_text(entry);
    if (!entry->ticket)
        pump_soon(tokens);
    if (may_come(tokens, entry))
        return err_set(err, -EAGAIN, "the token of its service account is on its way");
    if (entry->refusal)
        return err_set(err, -ENOENT, "failed to fetch token: %s", entry->refusal);
    return err_set(err, -ENOENT, "failed to fetch token: the gateway does not answer");
}

void tokens_forget(struct tokens *tokens, const char *uid)
{
    const char *key;
    void *p;
    for (size_t i = 0; map_next(tokens->entries, &i, &key, &p);) {
        struct entry *entry = p;
        if (!str_eq(entry->uid, uid))
            continue;
        if (entry->ticket)
            tokens->under_way--;
        (void)map_del(tokens->entries, key);
        entry_free(entry);
    }
    pump_soon(tokens);
}

struct tokens *tokens_new(const struct tokens_spec *spec)
{
    struct tokens *tokens = xcalloc(1, sizeof(*tokens));
    tokens->spec = *spec;
    tokens->entries = map_new();
    tokens->timer = loop_timer_new(spec->loop, pump, tokens);
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    map_free(tokens->entries, entry_free);
    loop_timer_free(tokens->timer);
    free(tokens);
}
