/* SPDX-License-Identifier: Apache-2.0 */
/* What crosses the border between supervisor and keeper: specs, records, markers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/shared/client.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/runtime-dir.h"
#include "tests/fact.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const char *const argv_full[] = {"prog", "-x", "", "last one", NULL};
static const char *const env_full[] = {"PATH=/bin", "EMPTY=", NULL};
static const gid_t groups_full[] = {1, 20, 300};
static const struct keeper_rlimit rlimits_full[] = {{.resource = RLIMIT_CORE, .soft = 0, .hard = 5},
	{.resource = RLIMIT_NOFILE, .soft = 64, .hard = ~0ull}};

static const struct keeper_spec spec_full = {.program = "/bin/prog",
	.argv = argv_full,
	.env = env_full,
	.cwd = "/tmp",
	.cgroup = "/sys/fs/cgroup/x",
	.input = "/tmp/in",
	.flags = _KEEPER_SPEC_FLAGS,
	.umask = 027,
	.uid = 4,
	.gid = 5,
	.groups = groups_full,
	.n_groups = 3,
	.rlimits = rlimits_full,
	.n_rlimits = 2,
	.extra_fd_targets = {3, 255},
	.n_extra_fds = 2};

/* The bytes of a good spec, aligned to 8, which the tests spoil. */
static _Alignas(8) unsigned char bytes[4096];
static size_t n_bytes;

static int setup(void **state)
{
	int fd;

	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(keeper_spec_seal(&spec_full, &fd), 0);
	n_bytes = (size_t)pread(fd, bytes, sizeof(bytes), 0);
	assert_true(n_bytes > sizeof(struct keeper_spec_file));
	return close(fd);
}

static struct keeper_spec_file *file(void)
{
	return (struct keeper_spec_file *)(void *)bytes;
}

static int check(void)
{
	struct keeper_spec_view view;

	return keeper_spec_check(bytes, n_bytes, &view);
}

static void test_a_spec_survives_the_journey(void **state)
{
	struct keeper_spec_view view;
	int fd, i;

	assert_int_equal(keeper_spec_seal(&spec_full, &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	assert_int_equal(keeper_spec_map(fd, &view), 0);
	close(fd);
	assert_string_equal(view.program, "/bin/prog");
	assert_string_equal(view.cwd, "/tmp");
	assert_string_equal(view.cgroup, "/sys/fs/cgroup/x");
	assert_string_equal(view.input, "/tmp/in");
	assert_int_equal(view.file->n_argv, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(view.base + view.argv[i], argv_full[i]);
	assert_int_equal(view.file->n_env, 2);
	assert_string_equal(view.base + view.env[0], "PATH=/bin");
	assert_string_equal(view.base + view.env[1], "EMPTY=");
	assert_int_equal(view.file->flags, _KEEPER_SPEC_FLAGS);
	assert_int_equal(view.file->umask, 027);
	assert_int_equal(view.file->uid, 4);
	assert_int_equal(view.file->gid, 5);
	assert_int_equal(view.file->n_groups, 3);
	assert_int_equal(view.groups[2], 300);
	assert_int_equal(view.file->n_rlimits, 2);
	assert_int_equal(view.rlimits[1].soft, 64);
	assert_true(view.rlimits[1].hard == ~0ull);
	assert_int_equal(view.file->n_extra_fds, 2);
	assert_int_equal(view.file->extra_fd_targets[1], 255);
	keeper_spec_unmap(&view);
	keeper_spec_unmap(&view); /* the second time has no effect */
}

static void test_the_smallest_spec_has_defaults(void **state)
{
	static const char *const argv[] = {"true", NULL};
	struct keeper_spec spec = {.argv = argv};
	struct keeper_spec_view view;
	int fd;

	assert_int_equal(keeper_spec_seal(&spec, &fd), 0);
	assert_int_equal(keeper_spec_map(fd, &view), 0);
	close(fd);
	assert_string_equal(view.program, "true");
	assert_string_equal(view.cwd, "/");
	assert_null(view.cgroup);
	assert_null(view.input);
	assert_int_equal(view.file->n_env, 0);
	keeper_spec_unmap(&view);
}

static void test_what_cannot_be_meant_is_not_sealed(void **state)
{
	static const char *const none[] = {NULL};
	struct keeper_spec spec;
	char *big = malloc(KEEPER_SPEC_MAX_BYTES + 1);
	const char *const big_argv[] = {"x", big, NULL};
	int fd;

	spec = spec_full;
	spec.argv = none;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -EINVAL);
	spec = spec_full;
	spec.n_rlimits = KEEPER_SPEC_MAX_RLIMITS + 1;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -EINVAL);
	spec = spec_full;
	spec.n_extra_fds = KEEPER_EXTRA_FDS_MAX + 1;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -EINVAL);
	spec = spec_full;
	spec.extra_fd_targets[0] = 2;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -EINVAL);
	spec = spec_full;
	spec.flags = 1u << 31;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -EINVAL);
	memset(big, 'a', KEEPER_SPEC_MAX_BYTES);
	big[KEEPER_SPEC_MAX_BYTES] = 0;
	spec = spec_full;
	spec.argv = big_argv;
	assert_int_equal(keeper_spec_seal(&spec, &fd), -E2BIG);
	free(big);
}

static void test_every_truncation_is_refused(void **state)
{
	struct keeper_spec_view view;
	size_t n;

	for (n = 0; n < n_bytes; n++) {
		/* The block is of exactly that size, so ASan sees a read beyond it. */
		unsigned char *copy = malloc(n + 1);

		memcpy(copy, bytes, n);
		assert_int_equal(keeper_spec_check(copy, n, &view), -EINVAL);
		free(copy);
	}
}

static void test_every_truncation_that_admits_it_is_refused_or_sound(void **state)
{
	struct keeper_spec_view view;
	uint32_t n, i;

	for (n = sizeof(struct keeper_spec_file); n < n_bytes; n++) {
		unsigned char *copy = malloc(n);

		memcpy(copy, bytes, n);
		copy[n - 1] = 0;
		((struct keeper_spec_file *)(void *)copy)->size_bytes = n;
		if (keeper_spec_check(copy, n, &view) == 0)
			for (i = 0; i < view.file->n_argv; i++)
				assert_true(strlen(view.base + view.argv[i]) < n);
		free(copy);
	}
}

static void test_every_header_field_out_of_range_is_refused(void **state)
{
	static const uint32_t bad[] = {0xffffffffu, 0x7fffffffu, 0x80000000u};
	size_t field, i;

	/*
	 * All fields before `uid` have bad values. uid and gid may be anything; umask and targets have other
	 * ranges.
	 */
	for (field = 0; field < offsetof(struct keeper_spec_file, uid) / 4; field++)
		for (i = 0; i < 3; i++) {
			uint32_t *word = (uint32_t *)(void *)bytes + field, kept = *word;

			if (kept == bad[i])
				continue;
			*word = bad[i];
			if (field == offsetof(struct keeper_spec_file, flags) / 4 &&
				!(bad[i] & ~_KEEPER_SPEC_FLAGS))
				assert_int_equal(check(), 0);
			else
				assert_int_equal(check(), -EINVAL);
			*word = kept;
		}
	assert_int_equal(check(), 0);
}

static void test_each_table_and_text_is_checked(void **state)
{
	uint32_t *argv_table = (uint32_t *)(void *)(bytes + file()->argv_offset);
	uint32_t *env_table = (uint32_t *)(void *)(bytes + file()->env_offset);
	struct keeper_rlimit *limits = (struct keeper_rlimit *)(void *)(bytes + file()->rlimits_offset);
	uint32_t kept;

#define SPOILT(place, value)                                                                                 \
	do {                                                                                                 \
		__typeof__(place) was = (place);                                                             \
		(place) = (value);                                                                           \
		assert_int_equal(check(), -EINVAL);                                                          \
		(place) = was;                                                                               \
		assert_int_equal(check(), 0);                                                                \
	} while (0)

	SPOILT(argv_table[1], (uint32_t)n_bytes);
	SPOILT(argv_table[3], 0); /* points into the header */
	SPOILT(env_table[0], 0xfffffff0u);
	SPOILT(file()->argv_offset, file()->argv_offset + 1); /* the offset is not aligned */
	SPOILT(file()->rlimits_offset, file()->rlimits_offset + 4);
	SPOILT(file()->n_argv, 0);
	SPOILT(file()->n_argv, (uint32_t)n_bytes);
	SPOILT(file()->n_env, 0x40000000u);                     /* times 4 is 0 in 32 bits */
	SPOILT(file()->program_offset, (uint32_t)n_bytes - 1);  /* the empty text */
	SPOILT(file()->cwd_offset, file()->program_offset + 1); /* the path is not absolute */
	SPOILT(file()->cgroup_offset, file()->program_offset + 1);
	SPOILT(file()->input_offset, file()->program_offset + 1);
	SPOILT(file()->umask, 01000);
	SPOILT(file()->extra_fd_targets[0], 2);
	SPOILT(file()->extra_fd_targets[0], 256);
	SPOILT(file()->extra_fd_targets[0], 255); /* two descriptors have the same target */
	SPOILT(limits[0].resource, RLIM_NLIMITS);
	SPOILT(limits[0].soft, 6);       /* above the hard limit */
	SPOILT(bytes[n_bytes - 1], 'x'); /* the last text has no end */
	kept = file()->size_bytes;
	SPOILT(file()->size_bytes, kept + 1);
}

/* Flips one bit at a time. The spec is refused, or each text that it promises can be read. */
static void test_no_single_bit_makes_it_unsafe(void **state)
{
	struct keeper_spec_view view;
	unsigned char *copy = malloc(n_bytes);
	size_t at, total = 0;
	int bit;
	uint32_t i;

	for (at = 0; at < n_bytes; at++)
		for (bit = 0; bit < 8; bit++) {
			memcpy(copy, bytes, n_bytes);
			copy[at] ^= (unsigned char)(1 << bit);
			if (keeper_spec_check(copy, n_bytes, &view) < 0)
				continue;
			for (i = 0; i < view.file->n_argv; i++)
				total += strlen(view.base + view.argv[i]);
			for (i = 0; i < view.file->n_env; i++)
				total += strlen(view.base + view.env[i]);
			for (i = 0; i < view.file->n_groups; i++)
				total += view.groups[i] & 1;
			total += strlen(view.program) + strlen(view.cwd);
		}
	assert_true(total > 0);
	free(copy);
}

static int memfd_of(unsigned seals, size_t size_bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size_bytes), size_bytes);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_a_memfd_without_every_seal_is_refused(void **state)
{
	static const unsigned seals[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE};
	struct keeper_spec_view view;
	unsigned mask, i, set;
	int fd;

	for (mask = 0; mask < 16; mask++) {
		for (i = 0, set = 0; i < 4; i++)
			set |= mask & 1u << i ? seals[i] : 0;
		fd = memfd_of(set, n_bytes);
		assert_int_equal(keeper_spec_map(fd, &view), mask == 15 ? 0 : -EPERM);
		if (mask == 15)
			keeper_spec_unmap(&view);
		close(fd);
	}
}

static void test_what_is_no_memfd_is_refused(void **state)
{
	struct keeper_spec_view view;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), ends[2];

	assert_int_equal(keeper_spec_map(fd, &view), -EPERM);
	close(fd);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(keeper_spec_map(ends[0], &view), -EPERM);
	close(ends[0]);
	close(ends[1]);
	fd = memfd_of(ALL_SEALS, 0);
	assert_int_equal(keeper_spec_map(fd, &view), -EINVAL);
	close(fd);
}

/* ---- records ---- */

static void test_a_record_and_its_fds_cross_the_socket(void **state)
{
	union keeper_record sent, got;
	int ends[2], fds[KEEPER_RECORD_FDS_MAX], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t n_fds = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), -EAGAIN);
	keeper_record_init(&sent, KEEPER_SPAWN);
	sent.spawn.cookie = 5;
	sent.spawn.group_id = 6;
	sent.spawn.n_extra_fds = 1;
	strcpy(sent.spawn.name, "name");
	assert_int_equal(keeper_send(ends[0], &sent, (int[]){null, null}, 2), 0);
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), 1);
	assert_int_equal(n_fds, 2);
	assert_memory_equal(&got.spawn, &sent.spawn, sizeof(sent.spawn));
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	close(ends[0]);
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), 0);
	assert_int_equal(keeper_send(ends[1], &sent, (int[]){null, null}, 2), -EPIPE);
	close(ends[1]);
	close(null);
}

static void test_last_words_of_one_that_died_with_something_unread_are_heard(void **state)
{
	union keeper_record record, got;
	int ends[2], fds[KEEPER_RECORD_FDS_MAX];
	size_t n_fds;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	keeper_record_init(&record, KEEPER_SYNCED);
	assert_int_equal(keeper_send(ends[1], &record, NULL, 0), 0);
	keeper_record_init(&record, KEEPER_READY);
	assert_int_equal(keeper_send(ends[0], &record, NULL, 0), 0);
	close(ends[0]);
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), 1);
	assert_int_equal(got.header.type, KEEPER_READY);
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), 0);
	close(ends[1]);
}

static void test_a_refused_record_leaks_no_fd(void **state)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))]; /* the descriptors are zeroes: stdin, twice */
	} control = {.header = {.cmsg_len = CMSG_LEN(2 * sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS}};
	union keeper_record record, got;
	struct iovec iov = {.iov_base = &record, .iov_len = sizeof(record.ack)};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int ends[2], fds[KEEPER_RECORD_FDS_MAX], before, after;
	size_t n_fds;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	before = dup(ends[0]);
	close(before);
	keeper_record_init(&record, KEEPER_ACK); /* an ack carries no descriptors */
	assert_int_equal(sendmsg(ends[0], &message, 0), sizeof(record.ack));
	assert_int_equal(keeper_recv(ends[1], &got, fds, &n_fds), -EPROTO);
	after = dup(ends[0]);
	close(after);
	assert_int_equal(before, after);
	close(ends[0]);
	close(ends[1]);
}

static int record_check(union keeper_record *record, size_t n_fds)
{
	return keeper_record_check(record, record->header.size_bytes, n_fds);
}

static void test_every_malformed_record_is_refused(void **state)
{
	static const uint16_t types[] = {KEEPER_SIGNAL, KEEPER_KILL_TREE, KEEPER_ACK, KEEPER_RESERVE,
		KEEPER_STATE, KEEPER_PROGRAM, KEEPER_READY, KEEPER_STOP, KEEPER_HELLO, KEEPER_SLOT,
		KEEPER_SYNCED, KEEPER_RESERVED, KEEPER_REFUSED, KEEPER_TERMINATE, KEEPER_DOWN, KEEPER_PING,
		KEEPER_PONG};
	union keeper_record record;
	size_t i, n;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		keeper_record_init(&record, types[i]);
		for (n = 0; n <= sizeof(record); n++)
			if (n != record.header.size_bytes)
				assert_int_equal(
					keeper_record_check(&record, n, types[i] == KEEPER_STATE), -EPROTO);
		record.signal.signo = types[i] == KEEPER_SIGNAL ? 9 : record.signal.signo;
		assert_int_equal(record_check(&record, 4), -EPROTO);
	}
	keeper_record_init(&record, KEEPER_READY);
	assert_int_equal(record_check(&record, 0), 0);
	record.header.version++;
	assert_int_equal(record_check(&record, 0), -EPROTO);
	keeper_record_init(&record, KEEPER_READY);
	record.header.magic++;
	assert_int_equal(record_check(&record, 0), -EPROTO);
	for (n = 0; n < 65536; n += 7) {
		keeper_record_init(&record, KEEPER_READY);
		record.header.type = (uint16_t)n;
		if (n != KEEPER_READY && n != KEEPER_SYNCED && n != KEEPER_DOWN && n != KEEPER_PING &&
			n != KEEPER_PONG)
			assert_int_equal(record_check(&record, 0), -EPROTO);
	}

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.signo = 15;
	record.signal.grace_ms = 1; /* a grace without a stop */
	assert_int_equal(record_check(&record, 0), -EPROTO);
	record.signal.flags = KEEPER_SIGNAL_STOP; /* a stop of the leader alone */
	assert_int_equal(record_check(&record, 0), -EPROTO);
	record.signal.flags = KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP;
	assert_int_equal(record_check(&record, 0), 0);
	keeper_record_init(&record, KEEPER_SIGNAL);
	assert_int_equal(record_check(&record, 0), -EPROTO); /* signal 0 */
	record.signal.signo = 65;
	assert_int_equal(record_check(&record, 0), -EPROTO);
	record.signal.signo = 15;
	assert_int_equal(record_check(&record, 0), 0);
	keeper_record_init(&record, KEEPER_RESERVE);
	record.reserve.n = KEEPER_RESERVE_MAX + 1;
	assert_int_equal(record_check(&record, 0), -EPROTO);
	keeper_record_init(&record, KEEPER_STOP);
	memset(record.stop.reason, 'x', sizeof(record.stop.reason));
	assert_int_equal(record_check(&record, 0), -EPROTO);
	keeper_record_init(&record, KEEPER_PROGRAM);
	memset(record.program.path, '/', sizeof(record.program.path));
	assert_int_equal(record_check(&record, 0), -EPROTO);
}

static void test_a_spawn_that_makes_no_sense_is_refused(void **state)
{
	union keeper_record good, record;

	keeper_record_init(&good, KEEPER_SPAWN);
	good.spawn.cookie = 1;
	good.spawn.group_id = 1;
	assert_int_equal(record_check(&good, 1), 0);
	assert_int_equal(record_check(&good, 0), -EPROTO); /* the descriptor of the spec is missing */
	assert_int_equal(record_check(&good, 2), -EPROTO); /* there is one descriptor too many */
	record = good;
	record.spawn.cookie = 0;
	assert_int_equal(record_check(&record, 1), -EPROTO);
	record = good;
	record.spawn.group_id = 0;
	assert_int_equal(record_check(&record, 1), -EPROTO);
	record = good;
	record.spawn.flags = 4;
	assert_int_equal(record_check(&record, 1), -EPROTO);
	record = good;
	record.spawn.stdout_io = KEEPER_IO_STDOUT;
	assert_int_equal(record_check(&record, 1), -EPROTO);
	record = good;
	record.spawn.stderr_io = _KEEPER_IO_N;
	assert_int_equal(record_check(&record, 1), -EPROTO);
	record = good;
	record.spawn.flags = KEEPER_SPAWN_NOTIFY;
	assert_int_equal(record_check(&record, 1), -EPROTO); /* notify_fd is 0 */
	record.spawn.notify_fd = 3;
	assert_int_equal(record_check(&record, 1), 0);
	record = good;
	memset(record.spawn.name, 'n', sizeof(record.spawn.name));
	assert_int_equal(record_check(&record, 1), -EPROTO);
}

/* ---- markers and the runtime directory ---- */

static void test_a_marker_is_read_back(void **state)
{
	struct sweep_marker marker = {.node_id = 0x0123456789abcdefull, .group_id = 18446744073709551615ull},
			    got;
	char text[SWEEP_MARKER_SIZE];

	sweep_marker_format(text, &marker);
	assert_string_equal(text, "ACTOR_GROUP=0123456789abcdef.18446744073709551615");
	assert_true(sweep_marker_parse(text + 12, &got));
	assert_true(got.node_id == marker.node_id && got.group_id == marker.group_id);
	assert_false(sweep_marker_parse("", &got));
	assert_false(sweep_marker_parse("0123456789abcdef", &got));
	assert_false(sweep_marker_parse("0123456789abcdef.", &got));
	assert_false(sweep_marker_parse("0123456789abcdeg.1", &got));
	assert_false(sweep_marker_parse("0123456789abcde.11", &got));
	assert_false(sweep_marker_parse("0123456789abcdef.1x", &got));
	assert_false(sweep_marker_parse("0123456789abcdef.18446744073709551616", &got));
}

static int scan(const char *text, size_t size_bytes, struct sweep_marker *ret_marker)
{
	int fd = memfd_create("environ", MFD_CLOEXEC), r;

	assert_int_equal(write(fd, text, size_bytes), size_bytes);
	lseek(fd, 0, SEEK_SET);
	r = sweep_environ_scan(fd, ret_marker);
	close(fd);
	return r;
}

static void test_a_marker_is_found_anywhere_in_an_environment(void **state)
{
	static const char variable[] = "ACTOR_GROUP=00000000000000aa.7";
	struct sweep_marker marker;
	char *text = calloc(1, 20000);
	size_t before;

	for (before = 0; before < 9000; before += before < 4000 || before > 4200 ? 501 : 1) {
		/*
		 * Another variable of any length is before the marker, so that it straddles the reader's
		 * buffers everywhere.
		 */
		memset(text, 'e', before);
		if (before)
			text[before - 1] = 0;
		memcpy(text + before, variable, sizeof(variable));
		memset(&marker, 0, sizeof(marker));
		assert_int_equal(scan(text, before + sizeof(variable), &marker), 1);
		assert_int_equal(marker.node_id, 0xaa);
		assert_int_equal(marker.group_id, 7);
	}
	free(text);
}

static void test_what_only_looks_like_a_marker_is_none(void **state)
{
	static const char inside[] =
		"X=ACTOR_GROUP=00000000000000aa.7\0XACTOR_GROUP=00000000000000aa.7\0ACTOR_GROUPS=1";
	static const char cut[] = {'A', 'C', 'T', 'O', 'R', '_', 'G', 'R', 'O', 'U', 'P', '=', '0'};
	static const char bad[] = "ACTOR_GROUP=zz";
	struct sweep_marker marker;

	assert_int_equal(scan(inside, sizeof(inside), &marker), 0);
	assert_int_equal(scan(cut, sizeof(cut), &marker), 0);
	assert_int_equal(scan(bad, sizeof(bad), &marker), 0);
	assert_int_equal(scan("", 0, &marker), 0);
}

static void test_the_runtime_directory_follows_the_rule(void **state)
{
	char path[RUNTIME_DIR_PATH_SIZE], expected[64];
	char *long_path = malloc(5000);

	unsetenv("ACTOR_RUNTIME_DIR");
	unsetenv("XDG_RUNTIME_DIR");
	snprintf(expected, sizeof(expected), "/run/user/%u", (unsigned)geteuid());
	if (geteuid() == 0)
		strcpy(expected, "/run/actor");
	else if (access(expected, F_OK) == 0)
		strcat(expected, "/actor");
	else
		snprintf(expected, sizeof(expected), "/tmp/actor-%u", (unsigned)geteuid());
	assert_int_equal(runtime_dir_resolve(NULL, path), 0);
	assert_string_equal(path, expected);
	setenv("XDG_RUNTIME_DIR", "/xdg", 1);
	assert_int_equal(runtime_dir_resolve(NULL, path), 0);
	assert_string_equal(path, "/xdg/actor");
	setenv("ACTOR_RUNTIME_DIR", "/mine", 1);
	assert_int_equal(runtime_dir_resolve(NULL, path), 0);
	assert_string_equal(path, "/mine");
	assert_int_equal(runtime_dir_resolve("/said", path), 0);
	assert_string_equal(path, "/said");
	memset(long_path, 'x', 4999);
	long_path[4999] = 0;
	assert_int_equal(runtime_dir_resolve(long_path, path), -ENAMETOOLONG);
	free(long_path);
}

static void socket_make(int dir_fd, const char *name)
{
	assert_int_equal(mknodat(dir_fd, name, S_IFSOCK | 0600, 0), 0);
}

static void file_make(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool is_there(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct runtime {
	char root[32], path[RUNTIME_DIR_PATH_SIZE], why[RUNTIME_DIR_WHY_SIZE];
	int dir_fd, lock_fd;
	bool made;
};

static void runtime_open(struct runtime *runtime)
{
	strcpy(runtime->root, "/tmp/test-runtime-XXXXXX");
	assert_non_null(mkdtemp(runtime->root));
	snprintf(runtime->path, sizeof(runtime->path), "%s/run", runtime->root);
	assert_int_equal(runtime_dir_open(runtime->path, &runtime->dir_fd, &runtime->made, runtime->why), 0);
	assert_true(runtime->made);
	runtime->lock_fd = -1;
}

static void runtime_close(struct runtime *runtime)
{
	if (runtime->lock_fd >= 0)
		close(runtime->lock_fd);
	close(runtime->dir_fd);
	assert_int_equal(rmdir(runtime->root), 0);
}

static void runtime_own(struct runtime *runtime, bool made)
{
	struct runtime_dir_owner owner = {.pid = 77, .node_id = 0xabcdef, .made = made}, got;

	assert_int_equal(runtime_dir_lock(runtime->dir_fd, &runtime->lock_fd, &got), 0);
	assert_int_equal(got.pid, 0);
	assert_int_equal(runtime_dir_own(runtime->lock_fd, &owner), 0);
}

static void test_a_locked_runtime_directory_says_who_has_it(void **state)
{
	struct runtime_dir_owner got;
	struct runtime runtime;
	int again, lock_fd;

	runtime_open(&runtime);
	runtime_own(&runtime, true);
	again = open(runtime.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(runtime_dir_lock(again, &lock_fd, &got), -EBUSY);
	assert_int_equal(got.pid, 77);
	assert_int_equal(got.node_id, 0xabcdef);
	assert_true(got.made);
	assert_int_equal(unlinkat(runtime.dir_fd, "lock", 0), 0); /* a cleaner of old files does this */
	assert_int_equal(runtime_dir_lock(again, &lock_fd, &got), -EBUSY);
	assert_int_equal(got.pid, 0);
	close(again);
	assert_int_equal(rmdir(runtime.path), 0);
	runtime_close(&runtime);
}

static void test_a_node_leaves_nothing_of_its_own_in_its_directory(void **state)
{
	struct runtime runtime;

	runtime_open(&runtime);
	runtime_own(&runtime, true);
	socket_make(runtime.dir_fd, "broker.ipc");
	socket_make(runtime.dir_fd, "spawner.ipc");
	socket_make(runtime.dir_fd, "spawner.ipc~"); /* left by a node that died before it renamed the file */
	assert_int_equal(mkdirat(runtime.dir_fd, "b", 0711), 0);
	socket_make(runtime.dir_fd, "b/2.1.ipc");
	assert_int_equal(mkdirat(runtime.dir_fd, "g", 0700), 0);
	assert_int_equal(mkdirat(runtime.dir_fd, "g/4", 0700), 0);
	socket_make(runtime.dir_fd, "g/4/5.1.ipc");
	assert_int_equal(runtime_dir_clear(runtime.dir_fd), 0);
	assert_true(is_there(runtime.dir_fd, "lock"));
	assert_false(is_there(runtime.dir_fd, "g"));
	assert_false(is_there(runtime.dir_fd, "broker.ipc"));
	assert_int_equal(runtime_dir_leave(runtime.dir_fd, runtime.path, 0xabcdef), 0);
	assert_int_equal(access(runtime.path, F_OK), -1);
	runtime_close(&runtime);
}

static void test_a_directory_that_was_given_stays_at_the_end(void **state)
{
	struct runtime runtime;

	runtime_open(&runtime);
	runtime_own(&runtime, false);
	/* This node id is not the owner's. */
	assert_int_equal(runtime_dir_leave(runtime.dir_fd, runtime.path, 0xabcdee), -ESTALE);
	assert_true(is_there(runtime.dir_fd, "lock"));
	assert_int_equal(runtime_dir_leave(runtime.dir_fd, runtime.path, 0xabcdef), 0);
	assert_false(is_there(runtime.dir_fd, "lock"));
	assert_int_equal(rmdir(runtime.path), 0);
	runtime_close(&runtime);
}

static void test_what_no_node_made_is_never_removed(void **state)
{
	static const char *const others[] = {"notes", "g/notes", "g/4/notes", "g/4/link", "b/notes",
		"g/sub/deep/notes", "g/4/sub/notes", "h.ipc", "linked"};
	struct runtime runtime;
	char outside[64];
	size_t i;

	runtime_open(&runtime);
	runtime_own(&runtime, true);
	snprintf(outside, sizeof(outside), "%s/outside", runtime.root);
	assert_int_equal(mkdir(outside, 0700), 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(
			mkdirat(runtime.dir_fd,
				(const char *const[]){"g", "g/4", "b", "g/sub", "g/sub/deep", "g/4/sub"}[i],
				0700),
			0);
	file_make(AT_FDCWD, (snprintf(runtime.why, sizeof(runtime.why), "%s/secret", outside), runtime.why),
		"s");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strstr(others[i], "link"))
			assert_int_equal(symlinkat(outside, runtime.dir_fd, others[i]), 0);
		else
			file_make(runtime.dir_fd, others[i], "mine");
	socket_make(runtime.dir_fd, "g/4/5.1.ipc");
	file_make(runtime.dir_fd, "broker.ipc", "no socket");
	assert_int_equal(symlinkat(outside, runtime.dir_fd, "g/5"), 0);

	assert_int_equal(runtime_dir_clear(runtime.dir_fd), -ENOTEMPTY);
	assert_int_equal(runtime_dir_leave(runtime.dir_fd, runtime.path, 0xabcdef), -ENOTEMPTY);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(is_there(runtime.dir_fd, others[i]));
		assert_int_equal(unlinkat(runtime.dir_fd, others[i], 0), 0);
	}
	assert_false(is_there(runtime.dir_fd, "g/4/5.1.ipc"));
	assert_true(is_there(runtime.dir_fd, "broker.ipc"));
	/* Stays, so that the next node may use the directory. */
	assert_true(is_there(runtime.dir_fd, "lock"));
	assert_int_equal(runtime_dir_check(runtime.dir_fd, runtime.path, runtime.why), 0);
	snprintf(runtime.why, sizeof(runtime.why), "%s/secret", outside);
	assert_int_equal(unlink(runtime.why), 0);
	assert_int_equal(rmdir(outside), 0);
	for (i = 0; i < 9; i++)
		assert_int_equal(unlinkat(runtime.dir_fd,
					 (const char *const[]){"broker.ipc", "lock", "g/5", "g/4/sub", "g/4",
						 "g/sub/deep", "g/sub", "g", "b"}[i],
					 i < 3 ? 0 : AT_REMOVEDIR),
			0);
	assert_int_equal(rmdir(runtime.path), 0);
	runtime_close(&runtime);
}

static void test_a_directory_with_what_no_node_made_is_refused(void **state)
{
	static const struct {
		const char *name, *text;
		int result;
	} cases[] = {
		{"notes", "mine", -ENOTEMPTY},
		{"lock", "mine", -ENOTEMPTY},
		{"lock", "77\n", -ENOTEMPTY},
		{"lock", "77\n0000000000abcdef\n", 0}, /* an older node wrote such a file */
		{"lock", "77\n0000000000abcdef\nmade\n", 0},
		{"lock", "", 0}, /* the node has not written to the file yet */
		{"broker.ipc", "mine", -ENOTEMPTY},
	};
	struct runtime runtime;
	size_t i;

	runtime_open(&runtime);
	assert_int_equal(runtime_dir_check(runtime.dir_fd, runtime.path, runtime.why), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_make(runtime.dir_fd, cases[i].name, cases[i].text);
		assert_int_equal(
			runtime_dir_check(runtime.dir_fd, runtime.path, runtime.why), cases[i].result);
		if (cases[i].result)
			assert_non_null(strstr(runtime.why, cases[i].name));
		assert_int_equal(unlinkat(runtime.dir_fd, cases[i].name, 0), 0);
	}
	/*
	 * All that is left is the node's: a cleaner removed the lock file, as it removes files, and left the
	 * sockets.
	 */
	socket_make(runtime.dir_fd, "broker.ipc");
	assert_int_equal(mkdirat(runtime.dir_fd, "g", 0700), 0);
	assert_int_equal(runtime_dir_check(runtime.dir_fd, runtime.path, runtime.why), 0);
	file_make(runtime.dir_fd, "lock", "");
	file_make(runtime.dir_fd, "notes", "mine");
	assert_int_equal(runtime_dir_check(runtime.dir_fd, runtime.path, runtime.why), -ENOTEMPTY);
	assert_int_equal(unlinkat(runtime.dir_fd, "notes", 0), 0);
	assert_int_equal(unlinkat(runtime.dir_fd, "lock", 0), 0);
	assert_int_equal(runtime_dir_clear(runtime.dir_fd), 0);
	assert_int_equal(rmdir(runtime.path), 0);
	runtime_close(&runtime);
}

/* Two nodes that start at once: the second one must not own what the first one has made. */
static void test_who_makes_a_runtime_directory_has_its_lock(void **state)
{
	char path[RUNTIME_DIR_PATH_SIZE], why[RUNTIME_DIR_WHY_SIZE];
	struct runtime_dir_owner got;
	struct runtime runtime;
	int dir_fd, lock_fd;
	bool made;

	runtime_open(&runtime);
	strcpy(path, runtime.path);
	assert_int_equal(runtime_dir_open(path, &dir_fd, &made, why), 0);
	assert_false(made);
	assert_int_equal(runtime_dir_lock(dir_fd, &lock_fd, &got), -EBUSY);
	runtime_own(&runtime, true);
	assert_int_equal(runtime_dir_lock(dir_fd, &lock_fd, &got), -EBUSY);
	assert_true(got.made);
	close(dir_fd);
	assert_int_equal(runtime_dir_leave(runtime.dir_fd, runtime.path, 0xabcdef), 0);
	runtime_close(&runtime);
}

/* A node that is killed between making its directory beside and renaming it leaves an empty one. */
static void test_what_a_killed_node_left_beside_its_directory_is_removed(void **state)
{
	/* The last three have the form of our names: others may use one, one is about to be renamed. */
	static const char *const stay[] = {"run.new-abc12", "run.new-abc1234", "run.new-ab-123",
		"run.old-abc123", "other.new-abc123", "xrun.new-abc123", "run.new-public", "run.new-locked",
		"run.new-filled"};
	static const char *const go[] = {"run.new-abc123", "run.new-XyZ09a"};
	char target[] = "/tmp/test-runtime-XXXXXX";
	struct runtime runtime;
	int root_fd, locked_fd;
	size_t i;

	runtime_open(&runtime);
	root_fd = open(runtime.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root_fd >= 0);
	for (i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_int_equal(mkdirat(root_fd, stay[i], 0700), 0);
	for (i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		assert_int_equal(mkdirat(root_fd, go[i], 0700), 0);
	assert_int_equal(fchmodat(root_fd, "run.new-public", 0755, 0), 0);
	locked_fd = openat(root_fd, "run.new-locked", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(locked_fd, LOCK_EX | LOCK_NB), 0);
	file_make(root_fd, "run.new-filled/notes", "mine");
	file_make(root_fd, "run.new-afile1", "");
	assert_non_null(mkdtemp(target));
	assert_int_equal(symlinkat(target, root_fd, "run.new-alink1"), 0);

	runtime_dir_clear_beside(runtime.path);
	for (i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		assert_false(is_there(root_fd, go[i]));
	for (i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_true(is_there(root_fd, stay[i]));
	assert_true(is_there(root_fd, "run.new-afile1"));
	assert_true(is_there(root_fd, "run.new-alink1"));
	assert_true(is_there(AT_FDCWD, target));
	close(locked_fd);

	assert_int_equal(unlinkat(root_fd, "run.new-filled/notes", 0), 0);
	assert_int_equal(unlinkat(root_fd, "run.new-afile1", 0), 0);
	assert_int_equal(unlinkat(root_fd, "run.new-alink1", 0), 0);
	assert_int_equal(rmdir(target), 0);
	for (i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_int_equal(unlinkat(root_fd, stay[i], AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(runtime.path), 0);
	close(root_fd);
	runtime_close(&runtime);
}

static void test_a_full_file_system_is_told_from_one_without_inodes(void **state)
{
	char why[RUNTIME_DIR_WHY_SIZE];

	runtime_dir_no_room(EACCES, "/tmp/x", "--runtime-dir", why);
	assert_string_equal(why, strerror(EACCES));
	runtime_dir_no_room(ENOSPC, "/tmp/not/there", "--runtime-dir", why); /* it has inodes */
	assert_string_equal(why,
		"no space is left on the device; remove files from the file system of /tmp (see df), or choose another "
		"place with --runtime-dir");
	runtime_dir_no_room(EDQUOT, "/tmp/not/there", "--log-dir", why);
	assert_non_null(strstr(why, "quota"));
}

static void test_a_runtime_directory_is_private_and_no_symlink(void **state)
{
	char root[] = "/tmp/test-runtime-XXXXXX", path[RUNTIME_DIR_PATH_SIZE], why[RUNTIME_DIR_WHY_SIZE];
	int dir_fd;
	bool made;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/run", root);
	assert_int_equal(symlink(root, path), 0);
	assert_true(runtime_dir_open(path, &dir_fd, &made, why) < 0);
	assert_non_null(strstr(why, "symlink"));
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(runtime_dir_open(path, &dir_fd, &made, why), -EPERM);
	assert_non_null(strstr(why, "0755"));
	rmdir(path);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_spec_survives_the_journey, setup),
		cmocka_unit_test(test_the_smallest_spec_has_defaults),
		cmocka_unit_test(test_what_cannot_be_meant_is_not_sealed),
		cmocka_unit_test_setup(test_every_truncation_is_refused, setup),
		cmocka_unit_test_setup(test_every_truncation_that_admits_it_is_refused_or_sound, setup),
		cmocka_unit_test_setup(test_every_header_field_out_of_range_is_refused, setup),
		cmocka_unit_test_setup(test_each_table_and_text_is_checked, setup),
		cmocka_unit_test_setup(test_no_single_bit_makes_it_unsafe, setup),
		cmocka_unit_test_setup(test_a_memfd_without_every_seal_is_refused, setup),
		cmocka_unit_test_setup(test_what_is_no_memfd_is_refused, setup),
		cmocka_unit_test(test_a_record_and_its_fds_cross_the_socket),
		cmocka_unit_test(test_last_words_of_one_that_died_with_something_unread_are_heard),
		cmocka_unit_test(test_a_refused_record_leaks_no_fd),
		cmocka_unit_test(test_every_malformed_record_is_refused),
		cmocka_unit_test(test_a_spawn_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_a_marker_is_read_back),
		cmocka_unit_test(test_a_marker_is_found_anywhere_in_an_environment),
		cmocka_unit_test(test_what_only_looks_like_a_marker_is_none),
		cmocka_unit_test(test_the_runtime_directory_follows_the_rule),
		cmocka_unit_test(test_a_locked_runtime_directory_says_who_has_it),
		cmocka_unit_test(test_a_node_leaves_nothing_of_its_own_in_its_directory),
		cmocka_unit_test(test_a_directory_that_was_given_stays_at_the_end),
		cmocka_unit_test(test_what_no_node_made_is_never_removed),
		cmocka_unit_test(test_a_directory_with_what_no_node_made_is_refused),
		cmocka_unit_test(test_who_makes_a_runtime_directory_has_its_lock),
		cmocka_unit_test(test_what_a_killed_node_left_beside_its_directory_is_removed),
		cmocka_unit_test(test_a_full_file_system_is_told_from_one_without_inodes),
		cmocka_unit_test(test_a_runtime_directory_is_private_and_no_symlink),
	};

	return run_facts(tests);
}
