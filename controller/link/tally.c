#include "controller/link/tally.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdio.h>
#include <stdlib.h>

/* Beats that differ in a row before something is asked: a report and a beat may cross. */
#define PATIENCE 2
#define ASK_MIN_NS (15 * NS_PER_S)
#define ASK_MAX_NS (3600 * NS_PER_S)

struct heard {
    char boot[65];
    uint64_t seq;
    bool gone;
};

struct tally {
    char boot[65], nonce[33]; /* "": no birth yet, every boot is taken */
    struct map *pods;         /* uid -> struct heard */
    unsigned differing;       /* beats in a row */
    unsigned asked;           /* times in a row */
    int64_t ask_at;
    bool agreeing, settled;
    int64_t agreed_at; /* while it is agreeing: since when */
};

struct tally *tally_new(void)
{
    struct tally *tally = xcalloc(1, sizeof(*tally));
    tally->pods = map_new();
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    map_free(tally->pods, free);
    free(tally);
}

void tally_begin(struct tally *tally, const struct birth *birth)
{
    if (str_eq(tally->boot, birth->boot) && str_eq(tally->nonce, birth->nonce))
        return;
    /* What came before the first birth that we hear belongs to it if its boot does. */
    bool first = tally->boot[0] == '\0';
    const char *uid;
    void *p;
    for (size_t i = 0; map_next(tally->pods, &i, &uid, &p);) {
        const struct heard *heard = p;
        if (!first || !str_eq(heard->boot, birth->boot))
            free(map_del(tally->pods, uid));
    }
    snprintf(tally->boot, sizeof(tally->boot), "%s", birth->boot);
    snprintf(tally->nonce, sizeof(tally->nonce), "%s", birth->nonce);
    tally->differing = tally->asked = 0;
    tally->ask_at = 0;
    tally->agreeing = tally->settled = false;
}

/* Room for one more pod. A late double of one that is over and forgotten does no harm: its pod is
 * not there. */
static bool has_room(struct tally *tally)
{
    const char *uid;
    void *p;
    if (map_len(tally->pods) < TALLY_MAX || WEAKENED(TALLY_BOUND))
        return true;
    for (size_t i = 0; map_next(tally->pods, &i, &uid, &p);)
        if (((const struct heard *)p)->gone)
            free(map_del(tally->pods, uid));
    return map_len(tally->pods) < TALLY_MAX;
}

bool tally_report(struct tally *tally, const struct report *report)
{
    const char *uid = value_str(value_path(report->pod, "metadata", "uid", NULL));
    struct heard *heard = map_get(tally->pods, uid);
    if (tally->boot[0] && !str_eq(tally->boot, report->boot))
        return false;
    if (heard && str_eq(heard->boot, report->boot) && report->seq <= heard->seq &&
        !WEAKENED(TALLY_OLDER))
        return false;
    if (!heard && !has_room(tally))
        return false;
    if (!heard) {
        heard = xcalloc(1, sizeof(*heard));
        (void)map_put(tally->pods, uid, heard);
    }
    memcpy(heard->boot, report->boot, sizeof(heard->boot));
    heard->seq = report->seq;
    heard->gone = report->gone;
    return true;
}

bool tally_has(const struct tally *tally, const char *uid)
{
    const struct heard *heard = map_get(tally->pods, uid);
    return heard && !heard->gone;
}

static bool agrees(const struct tally *tally, const uint8_t hash[8])
{
    uint8_t own[8] = {0};
    const char *uid;
    void *p;
    for (size_t i = 0; map_next(tally->pods, &i, &uid, &p);) {
        const struct heard *heard = p;
        if (!heard->gone)
            report_hash_add(own, uid, heard->seq, false);
    }
    return memcmp(own, hash, sizeof(own)) == 0 || WEAKENED(TALLY_HASH);
}

static enum tally_verdict agreed(struct tally *tally, int64_t now)
{
    tally->differing = tally->asked = 0;
    tally->ask_at = 0;
    if (!tally->agreeing)
        tally->agreed_at = now;
    tally->agreeing = true;
    if (tally->settled || (now - tally->agreed_at < TALLY_SETTLE_NS && !WEAKENED(TALLY_SETTLE)))
        return TALLY_AGREES;
    tally->settled = true;
    return TALLY_SETTLED;
}

enum tally_verdict tally_beat(struct tally *tally, const uint8_t hash[8], int64_t now)
{
    if (agrees(tally, hash))
        return agreed(tally, now);
    tally->agreeing = false;
    if (++tally->differing < PATIENCE || now < tally->ask_at)
        return TALLY_AGREES;
    int64_t wait = ASK_MIN_NS;
    for (unsigned i = 1; i < tally->asked && wait < ASK_MAX_NS; i++)
        wait *= 2;
    tally->ask_at = now + (wait < ASK_MAX_NS ? wait : ASK_MAX_NS);
    return tally->asked++ % 2 == 0 ? TALLY_REREAD : TALLY_RESYNC;
}
