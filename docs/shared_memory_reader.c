/* Read what edge_runtime writes to shared memory (sink `shared_memory`; the layout is in outputs.md).
 *
 *     cc -O2 -std=c11 -o ring docs/shared_memory_reader.c && ./ring edge-highway-front
 *
 * Copy what you need: ring_open, ring_latest, ring_alive, ring_close. A record is whole or not given: its sequence
 * number must be the same even one before and after the copy, and its CRC must fit the copy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the ring is little-endian"
#endif

enum { RING_VERSION = 1, RING_OPEN = 1, FLAG_TRUNCATED = 1, FLAG_FAILED = 2 };
static const int64_t RING_DEAD_NS = 500000000;

struct header {
    char magic[8]; /* "EDGERING" */
    uint32_t version, header_bytes, slot_bytes, slots, capacity, classes, stages, state, writer_pid, reserved;
    uint64_t epoch, heartbeat_ns, head;
    char pipeline[64];
    char unused[56]; /* then the names of classes and stages, 64 bytes each */
};
struct box {
    float x0, y0, x1, y1, confidence;
    int32_t class_id, track_id, label; /* track_id and label: -1 for none */
    uint32_t stage;
};
struct record {
    uint64_t sequence;
    uint32_t crc32, length;
    uint64_t number, frame_id;
    int64_t t_capture_ns, t_published_ns, t_stream_ns; /* CLOCK_MONOTONIC; t_stream_ns INT64_MIN for none */
    float latency_ms, ego_speed_mps;                   /* NaN where the speed is not known */
    uint32_t width, height, flags, stages, boxes, found;
    char camera[64], point[64];
    struct box box[];
};
_Static_assert(sizeof(struct header) == 192 && sizeof(struct box) == 36, "layout of a ring");
_Static_assert(offsetof(struct record, number) == 16 && offsetof(struct record, box) == 216, "layout of a record");

struct ring {
    const struct header *header;
    size_t size;
    ino_t inode;
    uint64_t last;        /* number of the record that ring_latest gave last */
    struct record *copy;  /* of slot_bytes */
};

static uint32_t crc32_of(const void *data, size_t length) { /* as zlib's */
    static uint32_t table[256];
    if (!table[1])
        for (uint32_t n = 0; n < 256; n++) {
            uint32_t value = n;
            for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
            table[n] = value;
        }
    uint32_t crc = 0xFFFFFFFFu;
    for (const uint8_t *byte = data; length--; byte++) crc = crc >> 8 ^ table[(crc ^ *byte) & 255];
    return ~crc;
}

static void ring_close(struct ring *ring) {
    if (ring->header) munmap((void *)ring->header, ring->size);
    free(ring->copy);
    memset(ring, 0, sizeof *ring);
}

/* 1: open; 0: there is no such ring (yet); -1: what lies there is no ring of this version. */
static int ring_open(struct ring *ring, const char *name) {
    char path[256];
    struct stat found;
    memset(ring, 0, sizeof *ring);
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return errno == ENOENT ? 0 : -1;
    void *memory = MAP_FAILED;
    if (fstat(file, &found) == 0 && found.st_size >= (off_t)sizeof(struct header))
        memory = mmap(NULL, found.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return -1;
    *ring = (struct ring){.header = memory, .size = found.st_size, .inode = found.st_ino};
    const struct header *header = memory;
    if (memcmp(header->magic, "EDGERING", 8) || header->version != RING_VERSION || header->slots < 1 ||
        header->slot_bytes < sizeof(struct record) ||
        header->header_bytes + (uint64_t)header->slots * header->slot_bytes != (uint64_t)found.st_size ||
        !(ring->copy = malloc(header->slot_bytes))) {
        ring_close(ring);
        return -1;
    }
    return 1;
}

/* The newest record, NULL when it was given before; valid until the next call. */
static const struct record *ring_latest(struct ring *ring) {
    const struct header *header = ring->header;
    for (int attempt = 0; attempt < 100; attempt++) {
        uint64_t number = __atomic_load_n(&header->head, __ATOMIC_ACQUIRE);
        if (number <= ring->last) return NULL;
        const struct record *slot = (const void *)((const char *)header + header->header_bytes +
                                                   number % header->slots * header->slot_bytes);
        if (__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) != 2 * number) continue;
        size_t length = slot->length;
        if (length < sizeof(struct record) - 16 || length > header->slot_bytes - 16) continue;
        memcpy(ring->copy, slot, 16 + length);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) != 2 * number) continue;
        const struct record *copy = ring->copy;
        if (copy->number != number || length != sizeof(struct record) - 16 + copy->boxes * sizeof(struct box) ||
            copy->crc32 != crc32_of(&copy->number, length))
            continue;
        ring->last = number;
        return copy;
    }
    return NULL;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Whether a writer is at work. When it is not, look for a new ring: ring_close, ring_open. */
static int ring_alive(const struct ring *ring) {
    int64_t beaten_ns = __atomic_load_n(&ring->header->heartbeat_ns, __ATOMIC_RELAXED);
    return __atomic_load_n(&ring->header->state, __ATOMIC_RELAXED) == RING_OPEN && now_ns() - beaten_ns <= RING_DEAD_NS;
}

static const char *class_name(const struct ring *ring, int32_t class_id) {
    return (const char *)(ring->header + 1) + 64 * class_id;
}

/* ring NAME [RECORDS]: print each new record, and when the writer goes and comes. */
int main(int count, char **words) {
    if (count < 2) return fprintf(stderr, "usage: %s NAME [RECORDS]\n", words[0]), 2;
    long left = count > 2 ? atol(words[2]) : -1;
    struct ring ring = {0};
    int alive = 0;
    while (left) {
        if (!ring.header && ring_open(&ring, words[1]) < 0) return fprintf(stderr, "%s is no ring\n", words[1]), 1;
        const struct record *record = ring.header ? ring_latest(&ring) : NULL;
        if (record) {
            printf("record %llu frame %llu camera %s age_ms %.2f boxes %u", (unsigned long long)record->number,
                   (unsigned long long)record->frame_id, record->camera, (now_ns() - record->t_capture_ns) / 1e6,
                   record->boxes);
            for (uint32_t n = 0; n < record->boxes; n++) {
                const struct box *box = &record->box[n];
                printf(" | %s %.3f track %d at %.1f %.1f %.1f %.1f", class_name(&ring, box->class_id), box->confidence,
                       box->track_id, box->x0, box->y0, box->x1, box->y1);
            }
            printf("\n");
            left -= left > 0;
            continue;
        }
        if (alive != (ring.header && ring_alive(&ring))) printf(alive ? "the writer is gone\n" : "a writer is at work\n");
        alive = ring.header && ring_alive(&ring);
        fflush(stdout);
        if (ring.header && !alive) { /* its successor takes this ring over, or makes another one */
            struct ring other;
            if (ring_open(&other, words[1]) == 1 && other.inode != ring.inode) {
                ring_close(&ring);
                ring = other;
            } else {
                ring_close(&other);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    ring_close(&ring);
    return 0;
}
