/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/supervisor/state.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/util/siphash.h"

#define STATE_MAGIC      0x54535341u /* "ASST" */
#define STATE_VERSION    1u
#define STATE_HEAD_BYTES 4096u /* a page of its own, which is written once */
#define CHUNK_MAGIC      0x4b4e4843u
#define CHUNK_SNAPSHOT   1u

struct state_head {
	uint32_t magic;
	uint32_t version;
	uint64_t area_bytes;
};

struct chunk {
	uint32_t magic;
	uint32_t flags;
	uint64_t seq;
	uint64_t size_bytes; /* bytes of the data that follows, which is padded to a multiple of 8 */
	uint64_t checksum;   /* checksum of the fields above and the data */
};

static const uint8_t checksum_key[16] = "actor-supervisor";

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static uint64_t chunk_checksum(const struct chunk *chunk, const void *data)
{
	uint64_t parts[4] = {chunk->magic | (uint64_t)chunk->flags << 32, chunk->seq, chunk->size_bytes,
		siphash64(data, chunk->size_bytes, checksum_key)};

	return siphash64(parts, sizeof(parts), checksum_key);
}

static uint8_t *area_base(const struct state *state, unsigned area)
{
	return state->base + STATE_HEAD_BYTES + area * state->area_bytes;
}

/* The size of the chunk at @at with its head and padding, if the chunk is whole; else 0. */
static size_t chunk_check(const uint8_t *at, const uint8_t *end, struct chunk *ret)
{
	size_t room = (size_t)(end - at);

	if (room < sizeof(*ret))
		return 0;
	memcpy(ret, at, sizeof(*ret));
	if (ret->magic != CHUNK_MAGIC || ret->size_bytes > room - sizeof(*ret))
		return 0;
	if (padded(ret->size_bytes) > room - sizeof(*ret))
		return 0;
	if (chunk_checksum(ret, at + sizeof(*ret)) != ret->checksum)
		return 0;
	return sizeof(*ret) + padded(ret->size_bytes);
}

struct area_extent {
	uint64_t first_seq, last_seq; /* 0: the area has no whole snapshot */
	size_t used_bytes;
};

static struct area_extent area_scan(const struct state *state, unsigned area)
{
	const uint8_t *base = area_base(state, area), *end = base + state->area_bytes;
	struct area_extent extent = {0};

	for (;;) {
		struct chunk chunk;
		size_t size = chunk_check(base + extent.used_bytes, end, &chunk);
		bool first = !extent.used_bytes;

		if (!size || !chunk.seq || first != ((chunk.flags & CHUNK_SNAPSHOT) != 0))
			return extent;
		if (!first && chunk.seq != extent.last_seq + 1)
			return extent; /* this chunk is left over from an earlier use of the area */
		if (first)
			extent.first_seq = chunk.seq;
		extent.last_seq = chunk.seq;
		extent.used_bytes += size;
	}
}

static int state_map(struct state *state, int fd, size_t area_bytes)
{
	void *base = mmap(NULL, STATE_HEAD_BYTES + 2 * area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	state->base = base;
	state->area_bytes = area_bytes;
	state->fd = fd;
	return 0;
}

int state_open(struct state *ret, int fd)
{
	struct state state = STATE_INIT;
	struct state_head head;
	struct stat st;
	int err = -EPROTO;

	if (fstat(fd, &st) < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		goto fail;
	if (head.magic != STATE_MAGIC || head.version != STATE_VERSION || head.area_bytes % 4096 ||
		head.area_bytes < STATE_AREA_MIN_BYTES || head.area_bytes > STATE_AREA_MAX_BYTES ||
		(uint64_t)st.st_size != STATE_HEAD_BYTES + 2 * head.area_bytes)
		goto fail;
	err = state_map(&state, fd, head.area_bytes);
	if (err)
		goto fail;
	*ret = state;
	return 0;
fail:
	close(fd);
	return err;
}

void state_deinit(struct state *state)
{
	if (state->base)
		munmap(state->base, STATE_HEAD_BYTES + 2 * state->area_bytes);
	if (state->fd >= 0)
		close(state->fd);
	*state = (struct state)STATE_INIT;
}

bool state_read(struct state *state, unsigned n, struct state_reader *ret)
{
	struct area_extent extents[2] = {area_scan(state, 0), area_scan(state, 1)};
	unsigned newest = extents[1].last_seq > extents[0].last_seq, area = n ? !newest : newest;

	if (!extents[area].last_seq)
		return false;
	/*
	 * Commits go on from the greatest number in both areas, even if the caller could not use the newer
	 * area.
	 */
	state->seq = extents[newest].last_seq;
	state->area = area;
	state->used_bytes = 0;
	*ret = (struct state_reader){
		.at = area_base(state, area),
		.end = area_base(state, area) + extents[area].used_bytes,
	};
	return true;
}

bool state_next(struct state_reader *reader, const uint8_t **ret, size_t *ret_size_bytes)
{
	struct chunk chunk;

	if (reader->at == reader->end)
		return false;
	memcpy(&chunk, reader->at, sizeof(chunk));
	*ret = reader->at + sizeof(chunk);
	*ret_size_bytes = chunk.size_bytes;
	reader->at += sizeof(chunk) + padded(chunk.size_bytes);
	return true;
}

bool state_fits(const struct state *state, size_t size_bytes)
{
	return state->base && state->used_bytes && size_bytes <= state->area_bytes &&
	       sizeof(struct chunk) + padded(size_bytes) <= state->area_bytes - state->used_bytes;
}

/* Writes a chunk. Its head is written last: until then the bytes are no chunk. */
__attribute__((nonnull(1))) static void chunk_write(
	uint8_t *at, uint64_t seq, uint32_t flags, const void *data, size_t size_bytes)
{
	struct chunk chunk = {.magic = CHUNK_MAGIC, .flags = flags, .seq = seq, .size_bytes = size_bytes};

	chunk.checksum = chunk_checksum(&chunk, data);
	memset(at, 0, sizeof(chunk));
	atomic_signal_fence(memory_order_seq_cst);
	if (size_bytes)
		memcpy(at + sizeof(chunk), data, size_bytes);
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(at, &chunk, sizeof(chunk));
}

void state_append(struct state *state, const void *data, size_t size_bytes)
{
	assert(state_fits(state, size_bytes));
	chunk_write(area_base(state, state->area) + state->used_bytes, ++state->seq, 0, data, size_bytes);
	state->used_bytes += sizeof(struct chunk) + padded(size_bytes);
}

static int state_grow(struct state *state, size_t area_bytes)
{
	struct state_head head = {.magic = STATE_MAGIC, .version = STATE_VERSION, .area_bytes = area_bytes};
	struct state grown = STATE_INIT;
	int fd, err;

	fd = memfd_create("actor-supervisor-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)(STATE_HEAD_BYTES + 2 * area_bytes)) < 0 ||
		pwrite(fd, &head, sizeof(head), 0) != sizeof(head)) {
		err = -errno;
		close(fd);
		return err ? err : -EIO;
	}
	err = state_map(&grown, fd, area_bytes);
	if (err) {
		close(fd);
		return err;
	}
	grown.seq = state->seq;
	grown.area = 1; /* so that the snapshot goes into area 0 */
	state_deinit(state);
	*state = grown;
	return 0;
}

int state_snapshot(struct state *state, const void *data, size_t size_bytes)
{
	size_t area_bytes = state->base ? state->area_bytes : STATE_AREA_MIN_BYTES;
	bool grow = !state->base;
	int err;

	if (size_bytes > STATE_AREA_MAX_BYTES / 4)
		return -EFBIG;
	/*
	 * At least half of an area is for changes. So between two snapshots there are at least as many bytes
	 * of changes as a snapshot has.
	 */
	while (area_bytes / 2 < sizeof(struct chunk) + padded(size_bytes)) {
		area_bytes *= 2;
		grow = true;
	}
	if (grow) {
		err = state_grow(state,
			area_bytes * 2 <= STATE_AREA_MAX_BYTES && state->base ? area_bytes * 2 : area_bytes);
		if (err)
			return err;
	}
	assert(state->base);
	state->area = !state->area;
	chunk_write(area_base(state, state->area), ++state->seq, CHUNK_SNAPSHOT, data, size_bytes);
	state->used_bytes = sizeof(struct chunk) + padded(size_bytes);
	return grow;
}
