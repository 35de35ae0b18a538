/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send-input: writes to the stdin of a process. The supervisor says where the pipe is, and actorctl writes
 * into it, so only actorctl waits for a process that does not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define INPUT_BYTES 65536

static int input_ask(struct ctl *ctl, const char *name, bool eof, json_t **ret)
{
	struct session *session;
	int status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);

	if (status)
		return status;
	status = session_ask_spawner(session, eof ? "close the stdin of" : "send input to", name, "input",
		json_pack("[sb]", name, eof), ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), ret);
	session_close(session);
	return status;
}

/* The pipe's inode says that the number still means that pipe. */
static int input_open(struct ctl *ctl, const char *name, const json_t *answer)
{
	const char *path = json_string_value(json_object_get(answer, "path"));
	uint64_t inode = json_to_uint(json_object_get(answer, "inode"));
	struct stat st;
	int fd;

	fd = path ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
	if (fd < 0) {
		ctl_fail_errno(ctl, errno, "run actorctl as the user of the node, and beside it",
			"cannot open the stdin of '%s'", name);
		return -1;
	}
	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode) || st.st_ino != inode) {
		close(fd);
		ctl_fail(ctl, CTL_FAILED, "ended", "try again", "the stdin of '%s' has just been replaced",
			name);
		return -1;
	}
	return fd;
}

static int input_failed(struct ctl *ctl, const char *name, int error, uint64_t n_bytes)
{
	char after[DURATION_TEXT_MAX];

	if (error == ETIMEDOUT)
		return ctl_fail(ctl, CTL_TIMEOUT, "timeout", "it goes on reading what it got",
			"'%s' has not read for %s, %" PRIu64 " bytes were written", name,
			duration_format(ctl->timeout_ms, after), n_bytes);
	if (error == EPIPE)
		return ctl_fail(ctl, CTL_FAILED, "ended", NULL,
			"'%s' has ended or closed its stdin, %" PRIu64 " bytes were written", name, n_bytes);
	return ctl_fail_errno(ctl, error, NULL, "cannot send input to '%s'", name);
}

/* 0 or a positive errno. --timeout is how long the process may read nothing. */
static int input_write(const struct ctl *ctl, int fd, const char *data, size_t size, uint64_t *io_bytes)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_NO_TIMEOUT);

	while (size) {
		struct pollfd look = {.fd = fd, .events = POLLOUT};
		ssize_t n = write(fd, data, size);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
			*io_bytes += (uint64_t)n;
		} else if (errno == EAGAIN) {
			if (!poll(&look, 1, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms))
				return ETIMEDOUT;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static int input_copy(struct ctl *ctl, const char *name, int fd, uint64_t *io_bytes)
{
	static char bytes[INPUT_BYTES];
	int error;
	ssize_t n;

	for (;;) {
		n = read(STDIN_FILENO, bytes, sizeof(bytes));
		if (!n)
			return CTL_OK;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ctl_fail_errno(ctl, errno, NULL, "cannot read the input");
		error = input_write(ctl, fd, bytes, (size_t)n, io_bytes);
		if (error)
			return input_failed(ctl, name, error, *io_bytes);
	}
}

static int input_run(struct ctl *ctl, const struct args *args)
{
	const char *name = args->values[0];
	json_t *answer = NULL;
	uint64_t n_bytes = 0;
	int status, fd;

	signal(SIGPIPE, SIG_IGN);
	status = input_ask(ctl, name, false, &answer);
	if (status)
		return status;
	fd = input_open(ctl, name, answer);
	json_decref(answer);
	if (fd < 0)
		return CTL_FAILED;
	status = input_copy(ctl, name, fd, &n_bytes);
	close(fd);
	if (!status && args_has(args, "eof")) {
		answer = NULL;
		status = input_ask(ctl, name, true, &answer);
		json_decref(answer);
	}
	if (!status && ctl->json) {
		answer = json_pack("{sssI}", "name", name, "bytes", (json_int_t)n_bytes);
		output_json(ctl, answer);
		json_decref(answer);
	}
	return status;
}

static const struct option_spec input_options[] = {
	{0, "eof", OPTION_FLAG, NULL, "close its stdin after that, until its next start"},
	{0},
};

const struct command command_send_input = {
	.name = "send-input",
	.synopsis = "[--eof] NAME",
	.summary = "write to the stdin of a process",
	.examples = "  echo reload | actorctl send-input console\n"
		    "  actorctl send-input --eof sorter <lines.txt\n",
	.details =
		"What actorctl reads from its own stdin, up to its end, goes to the stdin of a process that was spawned with\n"
		"--stdin pipe. If the process does not read, only actorctl waits; with --timeout not longer than that.\n",
	.options = input_options,
	.args_min = 1,
	.args_max = 1,
	.run = input_run,
};
