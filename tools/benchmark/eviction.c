/* Which keys should leave RAM? Replays traces through eviction policies that each may keep the same number of records,
   and counts the reads that miss and the dirty records that had to be written. For `tools/bench eviction`.

   Usage: eviction KEYS WARM REQUESTS    (requests before counting begins, and counted ones)
   Output: a line for each trace, size of the cache and policy: trace size policy reads misses writes requests

   A record is a number. A read of a record that is not in RAM is a miss and brings it in; a write brings it in or
   changes it there, reads nothing and leaves it dirty; a dirty record that is evicted is written. Reads of a scan are
   replayed, but not counted. All randomness has fixed seeds. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE = 1u << 31, SCAN = 1u << 30, KEY = SCAN - 1 };

static uint64_t state;
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
static uint64_t draw(void) { return mix(state += 0x9e3779b97f4a7c15u); }
static uint32_t below(uint32_t bound) { return (uint32_t)(((__uint128_t)draw() * bound) >> 64); }
static double unit(void) { return (double)(draw() >> 11) * 0x1p-53; }

static void *memory(size_t count, size_t size) {
    void *block = calloc(count ? count : 1, size);
    if (!block) exit((perror("eviction"), 1));
    return block;
}

/* ---- traces ---- */

struct zipf { double count, zeta, alpha, eta, second; };
static struct zipf zipf(uint32_t count, double theta) {
    struct zipf z = {.count = count, .alpha = 1 / (1 - theta), .second = 1 + pow(0.5, theta)};
    for (uint32_t rank = 1; rank <= count; rank++) z.zeta += pow(rank, -theta);
    z.eta = (1 - pow(2.0 / count, 1 - theta)) / (1 - z.second / z.zeta);
    return z;
}
/* Gray et al., SIGMOD 1994, as in YCSB. Rank 0 is the most popular. */
static uint32_t rank(const struct zipf *z) {
    double u = unit(), uz = u * z->zeta;
    if (uz < 1) return 0;
    if (uz < z->second) return 1;
    double at = z->count * pow(z->eta * u - z->eta + 1, z->alpha);
    return at < z->count - 1 ? (uint32_t)at : (uint32_t)z->count - 1;
}

static uint32_t *trace, universe;
static size_t length, room, counted_from;
static void add(uint32_t request) {
    if (length == room) {
        trace = realloc(trace, (room = room ? room * 2 : 1 << 20) * sizeof *trace);
        if (!trace) exit((perror("eviction"), 1));
    }
    trace[length++] = request;
    if ((request & KEY) >= universe) universe = (request & KEY) + 1;
}

static const char *const traces[] = {"zipf 0.99", "zipf 0.8", "zipf 0.99 with scans", "zipf 0.99, drifting",
                                     "loop, 1.1 of the cache", "half new keys", "latest"};
enum { ZIPF99, ZIPF80, SCANS, DRIFT, LOOP, WONDERS, LATEST, TRACES };

/* 5 % of the requests write, where not said otherwise. A scan reads every key once, four of them between any two other
   requests, and begins every two rounds of requests over the number of keys. Drift: every 100 requests one of the
   hottest tenth and any other swap their popularity. Half new keys: they are written and never asked for again. Latest:
   5 % write a new key, reads prefer new ones by zipf 0.99. */
static void make(int kind, uint32_t keys, uint32_t cache, size_t warm, size_t requests) {
    struct zipf z = zipf(keys, kind == ZIPF80 ? 0.8 : 0.99);
    uint32_t *order = memory(keys, sizeof *order), scan = keys, new = keys, loop = cache + cache / 10;
    state = 42 + (uint64_t)kind;
    length = universe = 0;
    for (uint32_t at = 0; at < keys; at++) {
        uint32_t other = below(at + 1);
        order[at] = order[other];
        order[other] = at;
    }
    for (size_t number = 0; number < warm + requests; number++) {
        if (number == warm) counted_from = length;
        uint32_t share = below(100);
        if (kind == LOOP) {
            add((uint32_t)(number % loop) | (share < 5 ? WRITE : 0));
        } else if (kind == WONDERS) {
            add(share < 50 ? new++ | WRITE : order[rank(&z)]);
        } else if (kind == LATEST) {
            add(share < 5 ? new++ | WRITE : new - 1 - rank(&z));
        } else {
            add(order[rank(&z)] | (share < 5 ? WRITE : 0));
        }
        if (kind == DRIFT && number % 100 == 0) {
            uint32_t one = below(keys / 10), other = below(keys), key = order[one];
            order[one] = order[other];
            order[other] = key;
        }
        if (kind == SCANS && number % (2 * (size_t)keys) == keys) scan = 0;
        for (int step = 0; kind == SCANS && step < 4 && scan < keys; step++) add(scan++ | SCAN);
    }
    free(order);
}

/* ---- what policies share: lists of resident records, one number of them ---- */

static uint32_t capacity, resident;
static uint8_t *in, *dirty, *touches;  /* by record; `in` numbers the list it is in, 0: not in RAM */
static uint32_t *older, *newer;
static uint64_t writes, now;

enum { NONE = UINT32_MAX };
struct list { uint32_t head, tail, count; uint8_t number; };
static struct list lists[4];

static void push(int number, uint32_t key) {
    struct list *list = &lists[number];
    in[key] = (uint8_t)number;
    newer[key] = NONE;
    older[key] = list->head;
    if (list->head != NONE) newer[list->head] = key; else list->tail = key;
    list->head = key;
    list->count++;
}
static void take(uint32_t key) {
    struct list *list = &lists[in[key]];
    if (newer[key] != NONE) older[newer[key]] = older[key]; else list->head = older[key];
    if (older[key] != NONE) newer[older[key]] = newer[key]; else list->tail = newer[key];
    list->count--;
    in[key] = 0;
}
static void evicted(uint32_t key) {
    writes += dirty[key];
    dirty[key] = 0;
    resident--;
}

/* ---- the policies: a record comes in (room is made first), is touched; each keeps `in` ---- */

static void lru_touch(uint32_t key) {
    take(key);
    push(1, key);
}
static void lru_insert(uint32_t key) {
    if (resident == capacity) {
        uint32_t victim = lists[1].tail;
        take(victim);
        evicted(victim);
    }
    push(1, key);
}

/* One bit, a new record begins without. */
static void bit_touch(uint32_t key) { touches[key] = 1; }
static void clock_insert(uint32_t key) {
    while (resident == capacity) {
        uint32_t victim = lists[1].tail;
        take(victim);
        if (touches[victim]) push(1, victim), touches[victim] = 0;
        else evicted(victim);
    }
    touches[key] = 0;
    push(1, key);
}

/* SIEVE (Zhang et al., NSDI 2024): as CLOCK, but who stays keeps its place, and new ones come in at the head. */
static uint32_t sieve_hand;
static void sieve_insert(uint32_t key) {
    if (resident == capacity) {
        uint32_t at = sieve_hand == NONE ? lists[1].tail : sieve_hand;
        while (touches[at]) {
            touches[at] = 0;
            at = newer[at] == NONE ? lists[1].tail : newer[at];
        }
        sieve_hand = newer[at];
        take(at);
        evicted(at);
    }
    touches[key] = 0;
    push(1, key);
}

/* S3-FIFO (Yang et al., SOSP 2023): 1 small (a tenth), 2 main, 3 ghost (as many as main). */
static void count_touch(uint32_t key) { if (touches[key] < 3) touches[key]++; }
static void s3_evict_main(void) {
    for (;;) {
        uint32_t key = lists[2].tail;
        take(key);
        if (!touches[key]) return evicted(key);
        touches[key]--;
        push(2, key);
    }
}
static void s3_evict_small(void) {
    while (lists[1].count) {
        uint32_t key = lists[1].tail;
        take(key);
        if (touches[key] > 1) {
            touches[key] = 0;
            push(2, key);
            if (lists[2].count > capacity - capacity / 10) return s3_evict_main();
        } else {
            evicted(key);
            push(3, key);
            if (lists[3].count > capacity - capacity / 10) take(lists[3].tail);
            return;
        }
    }
}
static void s3_insert(uint32_t key) {
    int is_ghost = in[key] == 3;
    if (is_ghost) take(key);
    while (resident == capacity) {
        if (lists[1].count >= capacity / 10) s3_evict_small(); else s3_evict_main();
    }
    touches[key] = 0;
    push(is_ghost ? 2 : 1, key);
}

/* Redis: five samples into a pool of 16 of the best seen, of which the best goes. LRU's clock is exact here (Redis: a
   second); LFU's counter grows by chance (factor 10, from 5), and loses one a minute of 3 million requests. */
static uint32_t *members, *place;
static uint64_t *used;
static struct { uint64_t score; uint32_t key; } pool[16];
static int pooled, by_count;
enum { MINUTE = 3000000 };

static uint8_t count_now(uint32_t key) {
    uint64_t minutes = now / MINUTE - used[key];
    return minutes >= touches[key] ? 0 : (uint8_t)(touches[key] - minutes);
}
static uint64_t score(uint32_t key) { return by_count ? 255u - count_now(key) : now - used[key]; }

static void redis_touch(uint32_t key) {
    if (by_count) {
        uint8_t count = count_now(key);
        double base = count > 5 ? count - 5 : 0;
        if (count < 255 && unit() < 1 / (base * 10 + 1)) count++;
        touches[key] = count;
    }
    used[key] = by_count ? now / MINUTE : now;
}
static void redis_sample(void) {
    for (int sample = 0; sample < 5; sample++) {
        uint32_t key = members[below(resident)];
        uint64_t own = score(key);
        int at = 0, known = 0;
        for (int other = 0; other < pooled; other++) known |= pool[other].key == key;
        if (known || (pooled == 16 && own <= pool[0].score)) continue;
        if (pooled == 16) memmove(pool, pool + 1, (size_t)--pooled * sizeof *pool);
        while (at < pooled && pool[at].score < own) at++;
        memmove(pool + at + 1, pool + at, (size_t)(pooled++ - at) * sizeof *pool);
        pool[at].key = key;
        pool[at].score = own;
    }
}
static void redis_insert(uint32_t key) {
    while (resident == capacity) {
        redis_sample();
        uint32_t victim = pool[--pooled].key;
        if (!in[victim]) continue;
        uint32_t last = members[resident - 1];
        members[place[last] = place[victim]] = last;
        in[victim] = 0;
        evicted(victim);
    }
    members[place[key] = resident] = key;
    in[key] = 1;
    touches[key] = 5;
    used[key] = by_count ? now / MINUTE : now;
}

/* Firn: tables in the order of hashes, each with a hand that goes on from where it was. Above the high watermark the
   tables take turns, a visit of 64 records or until four (or an even share) have left, down to the low one, which is
   18/19 of it. Two generations (Sources/Keyspace/Generations): newcomers (`in` is 1) and proven records (2). With
   `has_ghost` S3-FIFO's ghost (3) remembers newcomers that have left. With `has_one` all are proven at once: CLOCK with
   two bits. The server has 2048 tables; here they are fewer, so that each has hundreds of records, as there. */
enum { SHARDS = 128, SLOTS = 64 };
static struct shard { uint32_t *keys, count, room; uint64_t hand; double newcomers; } shards[SHARDS];
static uint32_t next_shard;
static int has_one, has_ghost;

static uint64_t tag(uint32_t key) { return mix(key + 0x5eedull); }
static uint32_t find(const struct shard *shard, uint64_t wanted) {
    uint32_t from = 0, to = shard->count;
    while (from < to) {
        uint32_t middle = (from + to) / 2;
        if (tag(shard->keys[middle]) < wanted) from = middle + 1; else to = middle;
    }
    return from;
}
static void firn_drop(struct shard *shard, uint32_t at) {
    uint32_t key = shard->keys[at];
    memmove(shard->keys + at, shard->keys + at + 1, (--shard->count - at) * sizeof *shard->keys);
    int was_newcomer = in[key] == 1;
    in[key] = 0;
    evicted(key);
    if (!has_ghost || !was_newcomer) return;
    push(3, key);
    if (lists[3].count > capacity - capacity / 10) take(lists[3].tail);
}
static void firn_visit(uint32_t wanted) {
    struct shard *shard = &shards[next_shard++ % SHARDS];
    uint32_t at = find(shard, shard->hand), slots = shard->count < SLOTS ? shard->count : SLOTS;
    uint32_t freed = 0, met = 0, newcomers = 0;
    int takes_newcomers = shard->newcomers >= 0.1 && !has_one;
    while (met < slots && freed < wanted && shard->count) {
        if (at >= shard->count) at = 0;
        uint32_t key = shard->keys[at];
        met++;
        newcomers += in[key] == 1;
        if ((in[key] == 1) != takes_newcomers) {
            at++;
        } else if (touches[key]) {
            if (in[key] == 1) in[key] = 2; else touches[key]--;
            at++;
        } else {
            firn_drop(shard, at);
            freed++;
        }
    }
    double weight = met / 4.0 / SLOTS, all = (double)met / (shard->count + 1);
    if (all > weight) weight = all < 1 ? all : 1;
    if (met) shard->newcomers += ((double)newcomers / met - shard->newcomers) * weight;
    shard->hand = at < shard->count ? tag(shard->keys[at]) : 0;
}
static void firn_insert(uint32_t key) {
    int is_ghost = in[key] == 3;
    if (is_ghost) take(key);
    uint32_t low = resident == capacity ? (uint32_t)((uint64_t)capacity * 18 / 19) : capacity;
    while (resident > low) {
        uint32_t excess = resident - low, share = excess / SHARDS > 4 ? excess / SHARDS : 4;
        firn_visit(share < excess ? share : excess);
    }
    struct shard *shard = &shards[mix(tag(key)) % SHARDS];
    if (shard->count == shard->room) {
        shard->keys = realloc(shard->keys, (shard->room = shard->room ? shard->room * 2 : 16) * sizeof(uint32_t));
        if (!shard->keys) exit((perror("eviction"), 1));
    }
    uint32_t at = find(shard, tag(key));
    memmove(shard->keys + at + 1, shard->keys + at, (shard->count++ - at) * sizeof *shard->keys);
    shard->keys[at] = key;
    in[key] = has_one || is_ghost ? 2 : 1;
    touches[key] = 0;
}

static const struct policy {
    const char *name;
    void (*insert)(uint32_t), (*touch)(uint32_t);
    int variant;
} policies[] = {
    {"LRU", lru_insert, lru_touch, 0},         {"Redis LRU", redis_insert, redis_touch, 0},
    {"Redis LFU", redis_insert, redis_touch, 1}, {"CLOCK", clock_insert, bit_touch, 0},
    {"Firn", firn_insert, count_touch, 0},     {"one generation", firn_insert, count_touch, 1},
    {"S3-FIFO", s3_insert, count_touch, 0},    {"SIEVE", sieve_insert, bit_touch, 0},
    {"Firn with ghost", firn_insert, count_touch, 2},
};

static void replay(const char *name, const char *size, const struct policy *policy) {
    uint64_t reads = 0, misses = 0, requests = 0;
    memset(in, 0, universe);
    memset(dirty, 0, universe);
    memset(touches, 0, universe);
    for (int number = 0; number < 4; number++) lists[number] = (struct list){.head = NONE, .tail = NONE};
    for (int number = 0; number < SHARDS; number++) {
        shards[number].count = 0;
        shards[number].hand = 0;
        shards[number].newcomers = 1;
    }
    sieve_hand = NONE;
    pooled = 0;
    by_count = has_one = policy->variant == 1;
    has_ghost = policy->variant == 2;
    resident = next_shard = 0;
    writes = now = 0;
    state = 7;
    for (size_t at = 0; at < length; at++) {
        uint32_t key = trace[at] & KEY;
        int hit = in[key] && in[key] != 3;
        if (at == counted_from) writes = 0;
        now++;
        if (hit) {
            policy->touch(key);
        } else {
            policy->insert(key);
            resident++;
        }
        dirty[key] |= (trace[at] & WRITE) != 0;
        if (at < counted_from || trace[at] & SCAN) continue;
        requests++;
        if (trace[at] & WRITE) continue;
        reads++;
        misses += !hit;
    }
    printf("%s\t%s\t%s\t%llu\t%llu\t%llu\t%llu\n", name, size, policy->name, (unsigned long long)reads,
           (unsigned long long)misses, (unsigned long long)writes, (unsigned long long)requests);
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 4) return fputs("usage: eviction KEYS WARM REQUESTS\n", stderr), 2;
    uint32_t keys = (uint32_t)atoll(arguments[1]);
    size_t warm = (size_t)atoll(arguments[2]), requests = (size_t)atoll(arguments[3]);
    for (int kind = 0; kind < TRACES; kind++) {
        for (int part = 0; part < 2; part++) {
            capacity = keys / (part ? 3 : 10);
            make(kind, keys, capacity, warm, requests);
            in = memory(universe, 1), dirty = memory(universe, 1), touches = memory(universe, 1);
            older = memory(universe, 4), newer = memory(universe, 4), members = memory(capacity + 1, 4);
            place = memory(universe, 4), used = memory(universe, 8);
            for (size_t at = 0; at < sizeof policies / sizeof *policies; at++)
                replay(traces[kind], part ? "1/3" : "1/10", &policies[at]);
            free(in), free(dirty), free(touches), free(older), free(newer), free(members), free(place), free(used);
        }
    }
    return 0;
}
