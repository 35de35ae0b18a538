/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-client: records on the socket, and the memfd with a spec
 *
 * Everything that comes from outside is checked here once: records by one table, specs by one function. So
 * neither end needs to check anything again.
 */
#include "spawner/shared/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPEC_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ---- records ---- */

static const struct keeper_format {
	size_t size_bytes;
	size_t min_fds, max_fds;
} keeper_formats[] = {
	[KEEPER_SPAWN] = {sizeof(struct keeper_spawn), 1, KEEPER_RECORD_FDS_MAX},
	[KEEPER_SIGNAL] = {sizeof(struct keeper_signal), 0, 0},
	[KEEPER_KILL_TREE] = {sizeof(struct keeper_kill_tree), 0, 0},
	[KEEPER_CLOSE_INPUT] = {sizeof(struct keeper_close_input), 0, 0},
	[KEEPER_ACK] = {sizeof(struct keeper_ack), 0, 0},
	[KEEPER_RESERVE] = {sizeof(struct keeper_reserve), 0, 0},
	[KEEPER_STATE] = {sizeof(struct keeper_state), 1, 1},
	[KEEPER_PROGRAM] = {sizeof(struct keeper_program), 0, 0},
	[KEEPER_READY] = {sizeof(struct keeper_ready), 0, 0},
	[KEEPER_STOP] = {sizeof(struct keeper_stop), 0, 0},
	[KEEPER_DOWN] = {sizeof(struct keeper_plain), 0, 0},
	[KEEPER_PONG] = {sizeof(struct keeper_plain), 0, 0},
	[KEEPER_HELLO] = {sizeof(struct keeper_hello), 0, 1},
	[KEEPER_SLOT] = {sizeof(struct keeper_slot), 0, 4},
	[KEEPER_SYNCED] = {sizeof(struct keeper_synced), 0, 0},
	[KEEPER_RESERVED] = {sizeof(struct keeper_reserved), 0, 0},
	[KEEPER_REFUSED] = {sizeof(struct keeper_refused), 0, 0},
	[KEEPER_TERMINATE] = {sizeof(struct keeper_terminate), 0, 0},
	[KEEPER_PING] = {sizeof(struct keeper_plain), 0, 0},
};

#define KEEPER_FORMATS_N (sizeof(keeper_formats) / sizeof(keeper_formats[0]))

static const char *const keeper_steps[_KEEPER_STEP_N] = {
	[KEEPER_STEP_NONE] = "none",
	[KEEPER_STEP_FORK] = "fork",
	[KEEPER_STEP_SPEC] = "spec",
	[KEEPER_STEP_SESSION] = "session",
	[KEEPER_STEP_STDIO] = "stdio",
	[KEEPER_STEP_FDS] = "fds",
	[KEEPER_STEP_CGROUP] = "cgroup",
	[KEEPER_STEP_RLIMIT] = "rlimit",
	[KEEPER_STEP_USER] = "user",
	[KEEPER_STEP_CWD] = "cwd",
	[KEEPER_STEP_EXEC] = "exec",
	[KEEPER_STEP_NICE] = "nice",
	[KEEPER_STEP_OOM] = "oom_score_adj",
};

const char *keeper_step_name(int step)
{
	return step >= 0 && step < _KEEPER_STEP_N ? keeper_steps[step] : "unknown";
}

void keeper_record_init(union keeper_record *record, enum keeper_type type)
{
	memset(record, 0, sizeof(*record));
	record->header = (struct keeper_header){.magic = KEEPER_MAGIC,
		.version = KEEPER_VERSION,
		.type = (uint16_t)type,
		.size_bytes = (uint32_t)keeper_formats[type].size_bytes};
}

static bool text_ends(const char *text, size_t size_bytes)
{
	return memchr(text, 0, size_bytes) != NULL;
}

static bool signal_flags_are_sound(const struct keeper_signal *signal)
{
	return signal->flags <= KEEPER_SIGNAL_TREE
		       ? !signal->grace_ms
		       : signal->flags == (KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP);
}

static bool spawn_is_sound(const struct keeper_spawn *spawn, size_t n_fds)
{
	bool notify = spawn->flags & KEEPER_SPAWN_NOTIFY;

	return spawn->cookie && spawn->group_id && !(spawn->flags & ~_KEEPER_SPAWN_FLAGS) &&
	       spawn->stdin_io < _KEEPER_INPUT_N && spawn->stdout_io < KEEPER_IO_STDOUT &&
	       spawn->stderr_io < _KEEPER_IO_N && n_fds == 1u + spawn->n_extra_fds &&
	       text_ends(spawn->name, sizeof(spawn->name)) &&
	       (!notify || (spawn->notify_fd >= 3 && spawn->notify_fd <= KEEPER_CHILD_FD_MAX));
}

int keeper_record_check(const union keeper_record *record, size_t size_bytes, size_t n_fds)
{
	const struct keeper_header *header = &record->header;
	bool sound = true;

	if (size_bytes < sizeof(*header) || header->magic != KEEPER_MAGIC ||
		header->version != KEEPER_VERSION || header->size_bytes != size_bytes ||
		header->type >= KEEPER_FORMATS_N || size_bytes != keeper_formats[header->type].size_bytes ||
		n_fds < keeper_formats[header->type].min_fds || n_fds > keeper_formats[header->type].max_fds)
		return -EPROTO;

	switch (header->type) {
	case KEEPER_SPAWN:
		sound = spawn_is_sound(&record->spawn, n_fds);
		break;
	case KEEPER_SIGNAL:
		sound = record->signal.signo > 0 && record->signal.signo <= 64 &&
			signal_flags_are_sound(&record->signal);
		break;
	case KEEPER_RESERVE:
		sound = record->reserve.n >= 1 && record->reserve.n <= KEEPER_RESERVE_MAX;
		break;
	case KEEPER_PROGRAM:
		sound = record->program.path[0] == '/' &&
			text_ends(record->program.path, sizeof(record->program.path));
		break;
	case KEEPER_STOP:
		sound = text_ends(record->stop.reason, sizeof(record->stop.reason)) &&
			record->stop.exit_code >= 0 && record->stop.exit_code <= 255;
		break;
	case KEEPER_HELLO:
		sound = n_fds == (record->hello.flags & KEEPER_HELLO_STATE ? 1 : 0);
		break;
	case KEEPER_SLOT:
		sound = record->slot.stage > KEEPER_FREE && record->slot.stage <= KEEPER_EXITED &&
			record->slot.step >= 0 && record->slot.step < _KEEPER_STEP_N &&
			record->slot.fd_mask < 16 &&
			n_fds == (size_t)__builtin_popcount(record->slot.fd_mask) &&
			text_ends(record->slot.name, sizeof(record->slot.name));
		break;
	}
	return sound ? 0 : -EPROTO;
}

int keeper_send(int fd, const union keeper_record *record, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * KEEPER_RECORD_FDS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)record, .iov_len = record->header.size_bytes};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int r;

	r = keeper_record_check(record, record->header.size_bytes, n_fds);
	if (r < 0)
		return r;
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	while (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == ECONNRESET)
			return -EPIPE;
		return errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS ? -EAGAIN : -errno;
	}
	return 0;
}

int keeper_recv(int fd, union keeper_record *ret_record, int fds[KEEPER_RECORD_FDS_MAX], size_t *ret_n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * KEEPER_RECORD_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = ret_record, .iov_len = sizeof(*ret_record)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	size_t n_fds = 0;
	ssize_t n;
	int r;

	/*
	 * A process that dies with something unread resets the connection. The kernel reports the reset once,
	 * before it gives out what the dead process had sent. Those records must still be read.
	 */
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;

	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		size_t i, count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count && n_fds < KEEPER_RECORD_FDS_MAX; i++)
			memcpy(&fds[n_fds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	if (!n && !n_fds)
		return 0;
	/* Descriptors for which this process had no number left are closed by the kernel. */
	r = message.msg_flags & MSG_CTRUNC  ? -EMFILE
	    : message.msg_flags & MSG_TRUNC ? -EPROTO
					    : keeper_record_check(ret_record, (size_t)n, n_fds);
	if (r < 0) {
		while (n_fds > 0)
			close(fds[--n_fds]);
		return r;
	}
	*ret_n_fds = n_fds;
	return 1;
}

/* ---- writing a spec ---- */

/*
 * The same function lays out a spec in two passes: the first pass has no destination and only counts, the
 * second writes through a mapping. So sizes and offsets cannot disagree.
 */
struct spec_writer {
	char *base; /* NULL while counting */
	uint64_t used_bytes;
};

static uint32_t spec_put(struct spec_writer *w, const void *data, size_t size_bytes, size_t align)
{
	uint64_t at = (w->used_bytes + align - 1) & ~(uint64_t)(align - 1);

	if (w->base && size_bytes > 0)
		memcpy(w->base + at, data, size_bytes);
	w->used_bytes = at + size_bytes;
	return (uint32_t)at;
}

static uint32_t spec_put_text(struct spec_writer *w, const char *text)
{
	return spec_put(w, text, strlen(text) + 1, 1);
}

/* Puts a table of n offsets, then the strings at these offsets. */
static uint32_t spec_put_texts(struct spec_writer *w, const char *const *texts, size_t n)
{
	uint64_t table = (w->used_bytes + 3) & ~(uint64_t)3;
	size_t i;

	w->used_bytes = table + n * sizeof(uint32_t);
	for (i = 0; i < n; i++) {
		uint32_t at = spec_put_text(w, texts[i]);

		if (w->base)
			memcpy(w->base + table + i * sizeof(at), &at, sizeof(at));
	}
	return (uint32_t)table;
}

static void spec_layout(struct spec_writer *w, const struct keeper_spec *spec, size_t n_argv, size_t n_env)
{
	struct keeper_spec_file file = {.magic = KEEPER_SPEC_MAGIC,
		.version = KEEPER_SPEC_VERSION,
		.flags = spec->flags,
		.n_argv = (uint32_t)n_argv,
		.n_env = (uint32_t)n_env,
		.n_groups = (uint32_t)spec->n_groups,
		.n_rlimits = (uint32_t)spec->n_rlimits,
		.n_extra_fds = (uint32_t)spec->n_extra_fds,
		.uid = spec->uid,
		.gid = spec->gid,
		.umask = spec->umask,
		.nice = spec->nice,
		.oom_score_adj = spec->oom_score_adj};
	size_t i;

	for (i = 0; i < spec->n_extra_fds; i++)
		file.extra_fd_targets[i] = (uint32_t)spec->extra_fd_targets[i];
	w->used_bytes = sizeof(file);
	file.rlimits_offset = spec_put(w, spec->rlimits, spec->n_rlimits * sizeof(*spec->rlimits), 8);
	file.groups_offset = spec_put(w, spec->groups, spec->n_groups * sizeof(*spec->groups), 4);
	file.argv_offset = spec_put_texts(w, spec->argv, n_argv);
	file.env_offset = spec_put_texts(w, spec->env, n_env);
	file.program_offset = spec_put_text(w, spec->program ? spec->program : spec->argv[0]);
	file.cgroup_offset = spec->cgroup ? spec_put_text(w, spec->cgroup) : 0;
	file.input_offset = spec->input ? spec_put_text(w, spec->input) : 0;
	file.cwd_offset = spec_put_text(w, spec->cwd ? spec->cwd : "/");
	file.size_bytes = (uint32_t)w->used_bytes;
	if (w->base)
		memcpy(w->base, &file, sizeof(file));
}

static size_t texts_count(const char *const *texts)
{
	size_t n = 0;

	while (texts && texts[n])
		n++;
	return n;
}

int keeper_spec_seal(const struct keeper_spec *spec, int *ret_fd)
{
	size_t n_argv = texts_count(spec->argv), n_env = texts_count(spec->env), i;
	struct spec_writer writer = {0};
	int fd, r;

	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are copied as they are");

	if (!n_argv || spec->n_groups > KEEPER_SPEC_MAX_GROUPS || spec->n_rlimits > KEEPER_SPEC_MAX_RLIMITS ||
		spec->n_extra_fds > KEEPER_EXTRA_FDS_MAX || spec->flags & ~_KEEPER_SPEC_FLAGS)
		return -EINVAL;
	for (i = 0; i < spec->n_extra_fds; i++)
		if (spec->extra_fd_targets[i] < 3 || spec->extra_fd_targets[i] > KEEPER_CHILD_FD_MAX)
			return -EINVAL;

	spec_layout(&writer, spec, n_argv, n_env);
	if (writer.used_bytes > KEEPER_SPEC_MAX_BYTES)
		return -E2BIG;

	fd = memfd_create("actor-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)writer.used_bytes) < 0) {
		r = -errno;
		goto fail;
	}
	writer.base = mmap(NULL, writer.used_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (writer.base == MAP_FAILED) {
		r = -errno;
		goto fail;
	}
	spec_layout(&writer, spec, n_argv, n_env);
	munmap(writer.base, writer.used_bytes);
	if (fcntl(fd, F_ADD_SEALS, SPEC_SEALS) < 0) {
		r = -errno;
		goto fail;
	}
	*ret_fd = fd;
	return 0;
fail:
	close(fd);
	return r;
}

/* ---- reading a spec ---- */

static bool spec_has(uint64_t size_bytes, uint32_t offset, uint32_t n, uint32_t item_bytes, uint32_t align)
{
	return offset >= sizeof(struct keeper_spec_file) && offset % align == 0 &&
	       offset + (uint64_t)n * item_bytes <= size_bytes;
}

static bool spec_has_texts(const char *base, uint64_t size_bytes, uint32_t offset, uint32_t n)
{
	const uint32_t *table = (const uint32_t *)(const void *)(base + offset);
	uint32_t i;

	if (!spec_has(size_bytes, offset, n, sizeof(*table), sizeof(*table)))
		return false;
	for (i = 0; i < n; i++)
		if (!spec_has(size_bytes, table[i], 1, 1, 1))
			return false;
	return true;
}

int keeper_spec_check(const void *base, size_t size_bytes, struct keeper_spec_view *ret_view)
{
	const struct keeper_spec_file *file = base;
	const char *bytes = base;
	const struct keeper_rlimit *rlimits;
	uint32_t i, j;

	if (size_bytes <= sizeof(*file) || size_bytes > KEEPER_SPEC_MAX_BYTES || bytes[size_bytes - 1])
		return -EINVAL;
	if (file->magic != KEEPER_SPEC_MAGIC || file->version != KEEPER_SPEC_VERSION ||
		file->size_bytes != size_bytes || file->flags & ~_KEEPER_SPEC_FLAGS)
		return -EINVAL;
	if (!file->n_argv || file->n_groups > KEEPER_SPEC_MAX_GROUPS ||
		file->n_rlimits > KEEPER_SPEC_MAX_RLIMITS || file->n_extra_fds > KEEPER_EXTRA_FDS_MAX ||
		file->umask > 0777 || file->nice < -20 || file->nice > 19 || file->oom_score_adj < -1000 ||
		file->oom_score_adj > 1000)
		return -EINVAL;
	if (!spec_has_texts(bytes, size_bytes, file->argv_offset, file->n_argv) ||
		!spec_has_texts(bytes, size_bytes, file->env_offset, file->n_env) ||
		!spec_has(size_bytes, file->groups_offset, file->n_groups, sizeof(uint32_t), 4) ||
		!spec_has(size_bytes, file->rlimits_offset, file->n_rlimits, sizeof(*rlimits), 8) ||
		!spec_has(size_bytes, file->program_offset, 1, 1, 1) ||
		!spec_has(size_bytes, file->cwd_offset, 1, 1, 1) ||
		(file->cgroup_offset && !spec_has(size_bytes, file->cgroup_offset, 1, 1, 1)) ||
		(file->input_offset && !spec_has(size_bytes, file->input_offset, 1, 1, 1)))
		return -EINVAL;
	if (!bytes[file->program_offset] || bytes[file->cwd_offset] != '/' ||
		(file->cgroup_offset && bytes[file->cgroup_offset] != '/') ||
		(file->input_offset && bytes[file->input_offset] != '/'))
		return -EINVAL;

	rlimits = (const struct keeper_rlimit *)(const void *)(bytes + file->rlimits_offset);
	for (i = 0; i < file->n_rlimits; i++)
		if (rlimits[i].resource >= RLIM_NLIMITS || rlimits[i].soft > rlimits[i].hard)
			return -EINVAL;
	for (i = 0; i < file->n_extra_fds; i++) {
		if (file->extra_fd_targets[i] < 3 || file->extra_fd_targets[i] > KEEPER_CHILD_FD_MAX)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (file->extra_fd_targets[i] == file->extra_fd_targets[j])
				return -EINVAL;
	}

	*ret_view = (struct keeper_spec_view){.file = file,
		.base = bytes,
		.program = bytes + file->program_offset,
		.cwd = bytes + file->cwd_offset,
		.cgroup = file->cgroup_offset ? bytes + file->cgroup_offset : NULL,
		.input = file->input_offset ? bytes + file->input_offset : NULL,
		.argv = (const uint32_t *)(const void *)(bytes + file->argv_offset),
		.env = (const uint32_t *)(const void *)(bytes + file->env_offset),
		.groups = (const uint32_t *)(const void *)(bytes + file->groups_offset),
		.rlimits = rlimits};
	return 0;
}

int keeper_spec_map(int fd, struct keeper_spec_view *ret_view)
{
	struct stat st;
	void *base;
	int seals, r;

	/*
	 * If the memfd were not sealed, the writer could change it after the check, or truncate it (SIGBUS).
	 */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SPEC_SEALS) != SPEC_SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > (off_t)KEEPER_SPEC_MAX_BYTES)
		return -EINVAL;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	r = keeper_spec_check(base, (size_t)st.st_size, ret_view);
	if (r < 0)
		munmap(base, (size_t)st.st_size);
	return r;
}

void keeper_spec_unmap(struct keeper_spec_view *view)
{
	if (view->base)
		munmap((void *)view->base, view->file->size_bytes);
	*view = (struct keeper_spec_view){0};
}
