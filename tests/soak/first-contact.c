/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures how long the first call to a stranger takes, and what it costs when many strangers meet one at
 * once. It has a broker of its own (ACTOR_BROKER: the program), and uses the public API only, so that it can
 * measure older builds as well.
 *
 * usage: first-contact [CONTACTS [GROUPS]]
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"

#define PATIENCE_MS 60000

static char dir[] = "/tmp/actor-first-contact-XXXXXX";
static pid_t broker_pid, target_pid;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void end_process(pid_t pid)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void clean_up(void)
{
	end_process(target_pid);
	end_process(broker_pid);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list args;

	printf("not ok - ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	clean_up();
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- the target, which all meet ---- */

static int target_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;

	return actor_msg_unpack(msg, "I", &n) < 0 ? -EINVAL : actor_reply(from, "I", n);
}

static const struct actor_method target_methods[] = {{.name = "echo", .on_call = target_echo}, {0}};
static const struct actor_behavior target_behavior = {.name = "target", .methods = target_methods};

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid;
}

static actor_client *client_new(enum actor_join_mode mode)
{
	struct actor_group_options options = {
		.name = "stranger", .runtime_dir = dir, .mode = mode, .connect_timeout_ms = PATIENCE_MS};
	int64_t end_ns = now_ns() + PATIENCE_MS * INT64_C(1000000);
	actor_client *client = NULL;
	int r;

	while ((r = actor_client_new(&client, &options)) == -ENOTCONN && now_ns() < end_ns)
		usleep(1000);
	if (r < 0)
		fprintf(stderr, "# no client: %s\n", strerror(-r));
	return client;
}

static bool find_target(actor_client *client, actor_ref *ret)
{
	int64_t end_ns = now_ns() + PATIENCE_MS * INT64_C(1000000);
	int r;

	while ((r = actor_client_whereis(client, "target", ret)) == -ESRCH && now_ns() < end_ns)
		usleep(1000);
	return r == 0;
}

/* How long the call takes. Negative: it failed. */
static int64_t call_ns(actor_client *client, actor_ref target, int64_t n)
{
	int64_t start_ns = now_ns(), answer = -1;
	actor_msg *reply = NULL;
	int r;

	r = actor_client_call(client, actor_to(target), "echo", PATIENCE_MS, &reply, "I", n);
	if (r == 0)
		r = actor_msg_unpack(reply, "I", &answer);
	actor_msg_free(reply);
	if (r < 0 || answer != n) {
		fprintf(stderr, "# call %lld: %s\n", (long long)n, r < 0 ? strerror(-r) : "another's answer");
		return -1;
	}
	return now_ns() - start_ns;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, int64_t *times, int n)
{
	int middle = n / 2, nearly_last = (int)((int64_t)n * 99 / 100);

	qsort(times, (size_t)n, sizeof(*times), compare);
	printf("# %s: median %.1f µs, 99th %.1f µs, longest %.1f µs (%d)\n", what,
		(double)times[middle] / 1e3, (double)times[nearly_last] / 1e3, (double)times[n - 1] / 1e3, n);
}

static int fds_of(pid_t pid)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int fds_settle(pid_t pid, int wanted)
{
	for (int tries = 0; tries < PATIENCE_MS / 10 && fds_of(pid) != wanted; tries++)
		usleep(10000);
	return fds_of(pid);
}

/* @n strangers, each a group of its own, call one after the other. */
static void first_calls(int n)
{
	int64_t *first = calloc((size_t)n, sizeof(*first)), *second = calloc((size_t)n, sizeof(*second));
	int before = fds_of(target_pid);

	if (!first || !second)
		fail("out of memory");
	for (int i = 0; i < n; i++) {
		actor_client *client = client_new(ACTOR_JOIN_DIRECT);
		actor_ref target;

		if (!client || !find_target(client, &target))
			fail("stranger %d does not find the target", i);
		first[i] = call_ns(client, target, i);
		second[i] = call_ns(client, target, i);
		if (first[i] < 0 || second[i] < 0)
			fail("stranger %d was not answered", i);
		actor_client_free(client);
	}
	report("first call to a stranger", first, n);
	report("second call", second, n);
	free(first);
	free(second);
	if (fds_settle(target_pid, before) != before)
		fail("the target had %d descriptors, and has %d now", before, fds_of(target_pid));
	printf("ok 1 - %d first calls, one after the other\n", n);
}

/*
 * Runs in a process of its own. It tells the parent that it is ready, waits for the signal, makes its first
 * call, and tells the parent how long that took, or -1.
 */
static int meet(int i, int go_fd, int told_fd, int stay_fd)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref target;
	int64_t took_ns = client && find_target(client, &target) ? 0 : -1;
	char byte;

	if (write(told_fd, &took_ns, sizeof(took_ns)) < 0 || read(go_fd, &byte, 1) < 0)
		return 1;
	if (took_ns == 0)
		took_ns = call_ns(client, target, i);
	if (write(told_fd, &took_ns, sizeof(took_ns)) < 0)
		return 1;
	if (read(stay_fd, &byte, 1) < 0) /* no process ends before the last one has its answer */
		return 1;
	actor_client_free(client);
	return 0;
}

static int64_t told(int fd)
{
	int64_t ns;

	return read(fd, &ns, sizeof(ns)) == sizeof(ns) ? ns : -1;
}

static void all_at_once(int n)
{
	int64_t *times = calloc((size_t)n, sizeof(*times)), start_ns, end_ns;
	pid_t *pids = calloc((size_t)n, sizeof(*pids));
	int go[2], tell[2], stay[2], before, linked, n_failed = 0;
	char *bytes = calloc(1, (size_t)n);

	if (!times || !pids || !bytes || pipe(go) < 0 || pipe(tell) < 0 || pipe(stay) < 0)
		fail("cannot begin: %s", strerror(errno));
	before = fds_of(target_pid);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			char text[4][16];

			close(go[1]);
			close(stay[1]);
			snprintf(text[0], 16, "%d", i);
			snprintf(text[1], 16, "%d", go[0]);
			snprintf(text[2], 16, "%d", tell[1]);
			snprintf(text[3], 16, "%d", stay[0]);
			execl("/proc/self/exe", "first-contact", "meet", text[0], text[1], text[2], text[3],
				NULL);
			_exit(127);
		}
	}
	/* With this end closed, reading ends when all children have ended. */
	close(tell[1]);
	for (int i = 0; i < n; i++)
		n_failed += told(tell[0]) < 0;
	if (n_failed)
		fail("%d of %d groups did not come into being", n_failed, n);
	start_ns = now_ns();
	if (write(go[1], bytes, (size_t)n) != n)
		fail("cannot give the signal");
	for (int i = 0; i < n; i++) {
		times[i] = told(tell[0]);
		n_failed += times[i] < 0;
	}
	end_ns = now_ns();
	linked = fds_of(target_pid);
	close(go[1]);
	close(stay[1]);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	if (n_failed)
		fail("%d of %d groups were not answered", n_failed, n);
	report("first call of each, all at once", times, n);
	printf("# %d groups met one in %.1f ms; its descriptors: %d, then %d, at the end %d\n", n,
		(double)(end_ns - start_ns) / 1e6, before, linked, fds_settle(target_pid, before));
	if (fds_of(target_pid) != before)
		fail("the target had %d descriptors, and has %d now", before, fds_of(target_pid));
	free(times);
	free(pids);
	free(bytes);
	printf("ok 2 - %d groups that all meet one\n", n);
}

int main(int argc, char **argv)
{
	int n_contacts = argc > 1 ? atoi(argv[1]) : 50, n_groups = argc > 2 ? atoi(argv[2]) : 50;
	const char *broker = getenv("ACTOR_BROKER");
	actor_client *client;
	actor_ref target;

	if (argc > 1 && !strcmp(argv[1], "target"))
		return actor_main(&target_behavior, NULL, "target");
	if (argc == 6 && !strcmp(argv[1], "meet")) {
		snprintf(dir, sizeof(dir), "%s", getenv("ACTOR_RUNTIME_DIR"));
		return meet(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	}
	/* A child would write again what is buffered here. */
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!broker || n_contacts < 1 || n_groups < 1 || n_groups > 10000) {
		fprintf(stderr, "usage: ACTOR_BROKER=…/actor-broker first-contact [CONTACTS [GROUPS]]\n");
		return 2;
	}
	printf("1..2\n");
	if (!mkdtemp(dir))
		fail("%s: %s", dir, strerror(errno));
	setenv("ACTOR_RUNTIME_DIR", dir, 1);
	broker_pid = start((const char *const[]){broker, "--runtime-dir", dir, "--node-id", "77", "--key-hex",
		"000102030405060708090a0b0c0d0e0f", "--group", "1", NULL});
	client = client_new(ACTOR_JOIN_BROKER);
	target_pid = start((const char *const[]){"/proc/self/exe", "target", NULL});
	if (!client || !find_target(client, &target))
		fail("there is no target");
	actor_client_free(client);
	first_calls(n_contacts);
	all_at_once(n_groups);
	clean_up();
	return 0;
}
