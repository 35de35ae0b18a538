/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs: shows the output of a process. Between lines actorctl sleeps: inotify reports when the file grows and
 * when another file takes its place.
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/logs/reader.h"
#include "tools/commands/commands.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define LOGS_LINES      100
#define LOGS_RECHECK_MS 1000 /* how often to look at file systems without inotify */

static int logs_find(struct ctl *ctl, const char *name, char **ret_path)
{
	struct session *session;
	const char *path;
	json_t *answer = NULL;
	int status;

	status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);
	if (status)
		return status;
	status = session_ask_spawner(session, "read the log of", name, "logs", json_pack("[s]", name),
		ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), &answer);
	session_close(session);
	if (status)
		return status;
	path = json_string_value(json_object_get(answer, "path"));
	*ret_path = path ? strdup(path) : NULL;
	json_decref(answer);
	return *ret_path ? 0 : ctl_fail(ctl, CTL_FAILED, "no_log", NULL, "'%s' has no log", name);
}

/*
 * Watches the file, for its growth, and its directory, for a file that replaces it. Adding a watch that
 * exists has no effect.
 */
static void logs_watch(int inotify_fd, const char *path, bool stamped)
{
	char *copy = strdup(path);

	inotify_add_watch(inotify_fd, path, IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
	if (copy)
		inotify_add_watch(inotify_fd, dirname(copy),
			/* stamps are written to another file of the directory */
			IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | (stamped ? IN_MODIFY : 0));
	free(copy);
}

/* Reports that the log cannot be read. What somebody put in its place is no log, as for the writer. */
static int logs_fail(const struct ctl *ctl, int error, const char *path)
{
	struct stat st;

	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return ctl_fail_errno(ctl, error, NULL, "cannot read %s", path);
	return ctl_fail(ctl, CTL_FAILED, "no_log", "remove it, and the next line makes the log anew",
		"cannot read %s: it is %s, not a log", path, stamp_no_log(st.st_mode));
}

static int logs_follow(struct ctl *ctl, struct log_reader *log)
{
	struct pollfd fds[3] = {{.events = POLLIN}, {.events = POLLIN}, {.fd = STDOUT_FILENO, .events = 0}};
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[0].fd = signalfd(-1, &set, SFD_CLOEXEC);
	fds[1].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (;;) {
		if (fds[1].fd >= 0)
			logs_watch(fds[1].fd, log->path, log->stamped);
		r = log_reader_catch_up(log, stdout);
		if (r || fflush(stdout))
			break;
		if (poll(fds, 3, LOGS_RECHECK_MS) < 0 && errno != EINTR)
			break;
		if (fds[0].revents || fds[2].revents)
			break; /* actorctl is to end, or nobody reads its output any more */
		while (fds[1].revents && read(fds[1].fd, events, sizeof(events)) > 0)
			;
	}
	close(fds[0].fd);
	close(fds[1].fd);
	return r ? logs_fail(ctl, -r, log->path) : CTL_OK;
}

static int logs_run(struct ctl *ctl, const struct args *args)
{
	const char *lines = args_value(args, "lines");
	unsigned long long n = LOGS_LINES;
	struct log_reader log;
	char *path = NULL, *end;
	int status, r;

	if (lines) {
		errno = 0;
		n = strtoull(lines, &end, 10);
		if (lines[0] < '0' || lines[0] > '9' || *end || errno)
			return ctl_fail(ctl, CTL_USAGE, "usage", NULL, "'%s' is no number of lines", lines);
	}
	if (args_has(args, "stamps") && args_has(args, "no-stamps"))
		return ctl_fail(ctl, CTL_USAGE, "usage", NULL, "--stamps and --no-stamps exclude each other");
	status = logs_find(ctl, args->values[0], &path);
	if (status)
		return status;
	r = log_reader_open(&log, path);
	if (r) {
		status = logs_fail(ctl, -r, path);
	} else {
		if (log.fd < 0 && !args_has(args, "follow"))
			ctl_note(ctl, "there is no %s: it was removed, or could not be written", path);
		log.stamped =
			args_has(args, "stamps") || (!args_has(args, "no-stamps") && isatty(STDOUT_FILENO));
		r = log_reader_tail(&log, n, stdout);
		if (r && !ferror(stdout))
			status = logs_fail(ctl, -r, path);
		else if (!r && args_has(args, "follow"))
			status = logs_follow(ctl, &log);
		log_reader_close(&log);
	}
	free(path);
	return status;
}

static const struct option_spec logs_options[] = {
	{'f', "follow", OPTION_FLAG, NULL, "go on with what comes; Ctrl-C ends it"},
	{'n', "lines", OPTION_VALUE, "N", "how many of the last lines (default 100)"},
	{0, "stamps", OPTION_FLAG, NULL,
		"say of each line when it was read and of which life it is (as on a terminal)"},
	{0, "no-stamps", OPTION_FLAG, NULL, "the bytes as they were written (as into a pipe or file)"},
	{0},
};

const struct command command_logs = {
	.name = "logs",
	.synopsis = "[-f] [-n N] [--stamps | --no-stamps] NAME",
	.summary = "show what a process wrote",
	.examples = "  actorctl logs web\n"
		    "  actorctl logs -f -n 20 web\n",
	.details =
		"stdout and stderr of the process, over its restarts. On a terminal each line has the time it was read, the number\n"
		"of the life that wrote it, and | for stdout, ! for stderr, + for the rest of a line too long for one file; lines\n"
		"with --- say where a life began and how it ended. The log is text in any mode; --json is for errors only.\n",
	.options = logs_options,
	.args_min = 1,
	.args_max = 1,
	.run = logs_run,
};
