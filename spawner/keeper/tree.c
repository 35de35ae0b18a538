/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-tree: how processes end
 *
 * The keeper is the subreaper of all its descendants: a process that loses its parent becomes a child of the
 * keeper at that moment. So the rest of a dead leader's tree need not be searched for in all of /proc. It is
 * among the keeper's own children, which the kernel lists in one file. Those children that are no leaders are
 * the orphans, few or none. When an orphan is killed, its own children become children of the keeper. Its
 * death brings SIGCHLD, and with it the next look. This goes on until two looks in a row find no process of
 * the tree, or one look finds no orphan at all.
 *
 * The group of an orphan is found by the first of these that says it: the mark in its limits (marks.h); the
 * marker in its environment; its session, if that is the session of a leader which is not reaped yet; the
 * record that was made of it when its group was told to stop and it was still in the tree. If none says it,
 * its age helps: it can only be of a group that was there when it began. A descendant of a member is a member
 * too, whatever marks it has lost. So before a process is killed, all its descendants are stopped and listed,
 * and then they are killed with it.
 *
 * One look serves all leaders that are dead at the time, so a thousand deaths at once need no more looks than
 * one. A leader stays a zombie until its tree is gone, so that its number, which is also that of the session
 * and the process group, is not reused meanwhile. Orphans are reaped without a report.
 *
 * When a leader ends by itself, its tree is killed at once. When it was asked to stop, the rest of its tree,
 * which was asked too, has what is left of the grace.
 *
 * A process has no environment to read for a moment while it ends, after it has lost its memory and before it
 * has closed its files. The same holds in the midst of exec, between its old memory and its new one. Its
 * arguments cannot be read then either, by which it differs from a process that has removed its own
 * environment. Such a process is "away". If nothing else is known of it, the report of the exit waits for it
 * briefly, since the report means that the whole tree is gone and its sockets and locks are free.
 *
 * Every look kills the orphans of groups that have ended. If the group of an orphan could not be found, one
 * more look follows. The group is not found at all if the orphan has a session of its own, a fresh
 * environment, a fresh limit and no parent, and a group that is older than the orphan lives. Such an orphan
 * is named in the log and ends with the last older group, or with the node.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawner/keeper/keeper.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/process-tree.h"

#define CHILDREN_MAX   (4 * KEEPER_SLOTS)
#define RESCAN_NS      (50 * 1000000ull)
#define AWAY_LIMIT_NS  (200 * 1000000ull)
#define AWAY_RESCAN_NS (5 * 1000000ull)
/* deaths are noticed by SIGCHLD; this is for processes whose end brings none */
#define GRACE_RESCAN_NS (1000 * 1000000ull)
#define REMEMBERED_MAX  4096
#define REPORTED_MAX    64

static struct children {
	pid_t pids[CHILDREN_MAX];
	unsigned n;
	bool more;    /* there are more children than fit */
	bool orphans; /* one of the children is no leader */
	bool unknown; /* the group of one of the children could not be found */
	/*
	 * the group of a child could not be found, and the child is away: it is ending, or in the midst of
	 * exec
	 */
	bool away;
	pid_t parent;
	/*
	 * the kernel's list of children, kept open since opening it costs more than reading it; 0 = not
	 * opened yet
	 */
	int fd;
} children;

static void children_add(pid_t pid)
{
	if (children.n < CHILDREN_MAX)
		children.pids[children.n++] = pid;
	else
		children.more = true;
}

static ssize_t process_read(pid_t pid, const char *file, char *text, size_t size_bytes)
{
	char path[48];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, size_bytes - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n;
}

static bool process_is_away(pid_t pid)
{
	char text[2];

	return process_read(pid, "cmdline", text, sizeof(text)) == 0;
}

/* For a kernel without CONFIG_PROC_CHILDREN: looks up the parent of every process. */
static bool children_visit(pid_t pid, void *data)
{
	struct process_stat stat;

	if (process_stat_read(pid, &stat) && stat.parent == children.parent)
		children_add(pid);
	return true;
}

static bool children_open(const struct keeper *keeper)
{
	char path[64];

	if (children.fd <= 0) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)keeper->pid);
		children.fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return children.fd > 0;
}

/*
 * Reads the whole list before the first child is reaped: from a list that shrinks while it is read, some
 * children would be missing.
 */
static void children_read(const struct keeper *keeper)
{
	char text[16384];
	pid_t pid = 0;
	off_t at = 0;
	ssize_t n, i;

	children.n = 0;
	children.more = false;
	children.parent = keeper->pid;
	if (!children_open(keeper)) {
		proc_each_process(children_visit, NULL);
		return;
	}
	for (; (n = pread(children.fd, text, sizeof(text), at)) > 0; at += n)
		for (i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
			} else if (pid > 0) {
				children_add(pid);
				pid = 0;
			}
		}
}

unsigned keeper_count_children(const struct keeper *keeper)
{
	children_read(keeper);
	return children.n;
}

static bool orphan_is_reaped(pid_t pid, bool *ret_killed)
{
	siginfo_t info = {0};
	bool reaped = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == pid;

	*ret_killed = info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGKILL;
	return reaped;
}

/* ---- the group of an orphan ---- */

/* The processes of groups that were told to stop, if they are not in their leader's session. A ring. */
static struct remembered {
	pid_t pid;
	uint64_t start_ticks, group_id;
} remembered[REMEMBERED_MAX];
static unsigned n_remembered;

static void remember(const struct process_tree *members, const struct keeper_entry *entry)
{
	struct process_stat stat;
	unsigned i;

	for (i = 0; i < members->n; i++) {
		pid_t pid = members->members[i].pid;

		if (getsid(pid) != entry->pid && process_stat_read(pid, &stat))
			remembered[n_remembered++ % REMEMBERED_MAX] =
				(struct remembered){pid, stat.start_ticks, entry->group_id};
	}
}

static uint64_t remembered_group(pid_t pid)
{
	struct process_stat stat;
	unsigned i;

	for (i = 0; i < REMEMBERED_MAX && i < n_remembered; i++)
		if (remembered[i].pid == pid)
			return process_stat_read(pid, &stat) && stat.start_ticks == remembered[i].start_ticks
				       ? remembered[i].group_id
				       : 0;
	return 0;
}

/* The latest group id whose low bits are @low. */
static uint64_t group_of_low(const struct keeper *keeper, uint32_t low)
{
	uint64_t last = keeper->table.next_group_id - 1, id = last - last % SWEEP_GROUP_LOW + low;

	return id <= last ? id : id < SWEEP_GROUP_LOW ? 0 : id - SWEEP_GROUP_LOW;
}

/*
 * Reads the marker of an orphan. If there was none although the process has its memory, the marker is read
 * once more, since the process may have finished an exec in between.
 */
static bool orphan_marker(
	const struct keeper *keeper, pid_t pid, struct sweep_marker *ret_marker, bool *ret_away)
{
	bool found = sweep_marker_read(pid, ret_marker) == 1;

	*ret_away = !found && process_is_away(pid);
	if (!found && !*ret_away)
		found = sweep_marker_read(pid, ret_marker) == 1;
	return found && ret_marker->node_id == keeper->node_id;
}

/* The group of an orphan; 0 = not known. */
static uint64_t orphan_group(struct keeper *keeper, pid_t pid, bool *ret_away)
{
	struct keeper_entry *entry;
	struct sweep_marker marker;
	uint32_t low;

	*ret_away = false;
	if (sweep_limit_read(pid, keeper->node_id, &low))
		return group_of_low(keeper, low);
	if (orphan_marker(keeper, pid, &marker, ret_away))
		return marker.group_id;
	entry = keeper_table_by_pid(&keeper->table, getsid(pid));
	return entry ? entry->group_id : remembered_group(pid);
}

static bool entry_has_grace(const struct keeper_entry *entry)
{
	return entry->dying && entry->grace_ns;
}

/* ---- the end of a tree ---- */

static struct process_tree tree; /* the processes that are signalled next */

static void denied_note(struct keeper_entry *entry, pid_t pid)
{
	entry->denied_pid = pid;
	if (!process_uid_read(pid, &entry->denied_uid))
		entry->denied_uid = (uid_t)-1;
}

/*
 * Whom of the tree the kernel does not let us kill. Roots only: what hung on one that was killed is an orphan
 * at the next look, so a root then.
 */
static void tree_denied(struct keeper *keeper)
{
	unsigned i;
	bool away;

	for (i = 0; i < tree.n; i++) {
		pid_t pid = tree.members[i].pid;
		struct keeper_entry *entry;

		if (!tree.members[i].denied || tree.members[i].parent ||
			keeper_table_by_pid(&keeper->table, pid))
			continue;
		entry = keeper_table_by_group(&keeper->table, orphan_group(keeper, pid, &away));
		if (entry && entry->dying) {
			entry->n_denied++;
			denied_note(entry, pid);
		}
	}
}

static void tree_kill(struct keeper *keeper)
{
	if (!tree.n)
		return;
	process_tree_descend(&tree, true);
	process_tree_signal(&tree, SIGKILL, 0);
	tree_denied(keeper);
	process_tree_clear(&tree);
}

/* Puts the roots of a group into the tree: its leader, if the leader lives, and its orphans. */
static void tree_of(struct keeper *keeper, const struct keeper_entry *entry)
{
	unsigned i;
	bool away;

	process_tree_clear(&tree);
	if (!entry->dying)
		process_tree_add_root(&tree, entry->pid);
	children_read(keeper);
	for (i = 0; i < children.n; i++) {
		pid_t pid = children.pids[i];

		if (pid != keeper->supervisor_pid && !keeper_table_by_pid(&keeper->table, pid) &&
			orphan_group(keeper, pid, &away) == entry->group_id)
			process_tree_add_root(&tree, pid);
	}
}

/*
 * Signals the leader's process group, or the leader alone if it has not called setsid() yet. The pid cannot
 * be reused, since the leader is not reaped yet. If a signal that should end it does not, it may be in the
 * hands of a debugger; leaders_late() looks.
 */
static void leader_signal(struct keeper *keeper, struct keeper_entry *entry, int signo)
{
	if (kill(-entry->pid, signo) < 0)
		kill(entry->pid, signo);
	if ((signo != SIGTERM && signo != SIGKILL) || entry->held_ns)
		return;
	entry->held_ns = keeper_now_ns() + KEEPER_HELD_NS;
	keeper->late_due = true;
	if (!keeper->rescan_ns || keeper->rescan_ns > entry->held_ns)
		keeper->rescan_ns = entry->held_ns;
}

/*
 * A leader that runs as another user than we do is not killed: neither by us nor by anybody who asks us. It
 * may end all the same, so whoever waits is told after a moment.
 */
static void leader_kill(struct keeper *keeper, struct keeper_entry *entry)
{
	leader_signal(keeper, entry, SIGKILL);
	if (kill(entry->pid, SIGKILL) == 0 || errno != EPERM)
		return;
	denied_note(entry, entry->pid);
	entry->denied_told = false;
	entry->denied_ns = keeper_now_ns() + KEEPER_DENIED_NS;
	keeper->late_due = true;
	keeper->rescan_ns = keeper_now_ns();
}

/* A debugger holds the leader, and SIGKILL ends it only when the debugger has heard of it. */
static void leader_held(const struct keeper_entry *entry)
{
	pid_t tracer = entry->dying ? 0 : process_tracer(entry->pid);
	char name[PROCESS_NAME_SIZE];

	if (tracer <= 0)
		return;
	process_name_read(tracer, name);
	keeper_log(
		"%s does not end: %d is traced by %d (%s)", entry->name, (int)entry->pid, (int)tracer, name);
}

/* Whether a time of an entry is over. If not, the keeper looks again then. */
static bool late_is_due(struct keeper *keeper, uint64_t due_ns)
{
	if (!due_ns)
		return false;
	if (keeper_now_ns() >= due_ns)
		return true;
	keeper->late_due = true;
	if (!keeper->rescan_ns || keeper->rescan_ns > due_ns)
		keeper->rescan_ns = due_ns;
	return false;
}

/* Tells of the leaders that have lived on for long enough. */
static void leaders_late(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	if (!keeper->late_due)
		return;
	keeper->late_due = false;
	while ((entry = keeper_table_each(&keeper->table, &at))) {
		if (late_is_due(keeper, entry->held_ns)) {
			entry->held_ns = 0;
			leader_held(entry);
		}
		if (late_is_due(keeper, entry->denied_ns)) {
			entry->denied_ns = 0;
			entry->denied_told = true;
			keeper_table_touch(&keeper->table, entry);
		}
	}
}

/* From now on each look kills every process of the tree that it finds. */
static void grace_end(struct keeper_entry *entry)
{
	entry->grace_ns = 0;
	entry->killed_ns = keeper_now_ns();
	kill(-entry->pid, SIGKILL);
}

void keeper_kill_all(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	while ((entry = keeper_table_each(&keeper->table, &at)))
		if (keeper_entry_has_process(entry)) {
			entry->grace_ns = 0;
			leader_kill(keeper, entry);
		}
}

void keeper_kill_tree(struct keeper *keeper, struct keeper_entry *entry)
{
	if (entry->dying) {
		if (entry->grace_ns) {
			grace_end(entry);
			keeper->rescan_ns = keeper_now_ns();
		}
		return;
	}
	entry->grace_ns = 0;
	tree_of(keeper, entry);
	tree_kill(keeper);
	leader_kill(keeper, entry);
}

void keeper_signal(struct keeper *keeper, const struct keeper_signal *request)
{
	struct keeper_entry *entry = keeper_table_by_cookie(&keeper->table, request->cookie);

	if (!entry || !keeper_entry_has_process(entry))
		return;
	if (!(request->flags & KEEPER_SIGNAL_TREE)) {
		kill(entry->pid, request->signo);
		return;
	}
	tree_of(keeper, entry);
	process_tree_descend(&tree, false);
	leader_signal(keeper, entry, request->signo);
	process_tree_signal(&tree, request->signo, entry->pid);
	if (request->flags & KEEPER_SIGNAL_STOP) {
		remember(&tree, entry);
		/* a stopped process receives the signal only when it goes on */
		leader_signal(keeper, entry, SIGCONT);
		process_tree_signal(&tree, SIGCONT, entry->pid);
		if (!entry->dying)
			entry->grace_ns = keeper_now_ns() + request->grace_ms * 1000000ull;
	}
	process_tree_clear(&tree);
}

/* ---- looks ---- */

static void orphan_report(pid_t pid)
{
	static struct remembered reported[REPORTED_MAX];
	static unsigned n_reported;
	struct process_stat stat;
	char name[64] = "";
	unsigned i;

	if (!process_stat_read(pid, &stat))
		return;
	for (i = 0; i < REPORTED_MAX; i++)
		if (reported[i].pid == pid && reported[i].start_ticks == stat.start_ticks)
			return;
	reported[n_reported++ % REPORTED_MAX] =
		(struct remembered){.pid = pid, .start_ticks = stat.start_ticks};
	process_read(pid, "comm", name, sizeof(name));
	name[strcspn(name, "\n")] = 0;
	keeper_log(
		"process %d (%s) has lost its parent and carries nothing that says of which group it is: it goes on "
		"until no older group is left, or the node ends",
		(int)pid, name);
}

/*
 * Decides about an orphan of which only the age is known. Its group was there when it began. If a group that
 * old lives, the orphan may be of that group and is left alone. If processes from outside of the node can
 * become children of the keeper (!only_ours), the age says nothing, and the orphan is left alone too.
 */
static void orphan_guess(struct keeper *keeper, pid_t pid, bool away)
{
	bool alive = !keeper->only_ours, grace = false;
	struct keeper_entry *entry;
	struct process_stat stat;
	unsigned at = 0;

	if (!process_stat_read(pid, &stat))
		return;
	while ((entry = keeper_table_each(&keeper->table, &at)))
		if (keeper_entry_has_process(entry) && !(entry->spawn_flags & KEEPER_SPAWN_DAEMON) &&
			entry->start_ticks <= stat.start_ticks) {
			alive = alive || !entry->dying;
			grace = grace || entry_has_grace(entry);
		}
	if (alive) {
		children.unknown = true;
		children.away |= away;
		if (!away)
			orphan_report(pid);
		return;
	}
	for (at = 0; (entry = keeper_table_each(&keeper->table, &at));)
		if (entry->dying && entry->start_ticks <= stat.start_ticks)
			entry->n_busy++;
	if (!grace)
		process_tree_add_root(&tree, pid);
}

static void orphan_look(struct keeper *keeper, pid_t pid)
{
	struct keeper_entry *entry = keeper_table_by_pid(&keeper->table, getsid(pid));
	uint64_t group_id;
	bool away, killed;

	if (orphan_is_reaped(pid, &killed)) {
		if (killed && entry && entry->dying &&
			!entry->grace_ns) /* the orphan was killed with its leader's process group */
			entry->flags |= KEEPER_SLOT_TREE_ENDED;
		return;
	}
	keeper->n_left++;
	if (keeper->phase == KEEPER_STOPS) {
		if (kill(pid, SIGKILL) < 0 && errno == EPERM)
			keeper->n_left_denied++;
		return;
	}
	group_id = orphan_group(keeper, pid, &away);
	if (!group_id) {
		orphan_guess(keeper, pid, away);
		return;
	}
	entry = keeper_table_by_group(&keeper->table, group_id);
	if (entry && entry->dying) {
		entry->n_busy++;
		if (!entry->grace_ns)
			entry->flags |= KEEPER_SLOT_TREE_ENDED;
	}
	if (!entry || keeper_entry_is_final(entry) || (entry->dying && !entry->grace_ns))
		process_tree_add_root(&tree, pid);
}

static void orphans_look(struct keeper *keeper)
{
	unsigned i;

	children_read(keeper);
	children.orphans = false;
	children.unknown = false;
	children.away = false;
	keeper->n_left = 0;
	keeper->n_left_denied = 0;
	process_tree_clear(&tree);
	for (i = 0; i < children.n; i++) {
		pid_t pid = children.pids[i];

		if (pid != keeper->supervisor_pid && !keeper_table_by_pid(&keeper->table, pid)) {
			children.orphans = true;
			orphan_look(keeper, pid);
		}
	}
	tree_kill(keeper);
	if (children.more)
		keeper->rescan_ns = keeper_now_ns() + RESCAN_NS;
}

/* Marks a leader as dead. @info is the kernel's report. */
static void leader_died(struct keeper *keeper, struct keeper_entry *entry, const siginfo_t *info)
{
	keeper_exec_heard(keeper, entry);
	entry->dying = true;
	entry->code = info->si_code;
	entry->status = info->si_status;
	entry->flags = info->si_code == CLD_DUMPED ? KEEPER_SLOT_CORE : 0;
	entry->exited_ns = keeper_now_ns();
	entry->denied_pid = 0;
	entry->denied_ns = entry->held_ns = 0;
	keeper->n_dying++;
	if (!entry->grace_ns)
		grace_end(entry);
}

static void leader_look(struct keeper *keeper, struct keeper_entry *entry)
{
	siginfo_t info = {0};

	if (!entry->dying && keeper_entry_has_process(entry) &&
		waitid(P_PID, (id_t)entry->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
		leader_died(keeper, entry, &info);
}

static uint64_t timeval_us(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void leader_reap(struct keeper *keeper, struct keeper_entry *entry)
{
	struct rusage usage = {0};
	int status;

	while (wait4(entry->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	entry->rusage = (struct keeper_rusage){.utime_us = timeval_us(usage.ru_utime),
		.stime_us = timeval_us(usage.ru_stime),
		.maxrss_kib = (uint64_t)usage.ru_maxrss,
		.minflt = (uint64_t)usage.ru_minflt,
		.majflt = (uint64_t)usage.ru_majflt,
		.inblock = (uint64_t)usage.ru_inblock,
		.oublock = (uint64_t)usage.ru_oublock,
		.nvcsw = (uint64_t)usage.ru_nvcsw,
		.nivcsw = (uint64_t)usage.ru_nivcsw};
	keeper_table_reaped(&keeper->table, entry);
	keeper->n_dying--;
	entry->stage = entry->error ? KEEPER_FAILED : KEEPER_EXITED;
	entry->dying = false;
	keeper_table_touch(&keeper->table, entry);
}

static void leaders_reap(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;
	uint64_t now_ns = keeper_now_ns();

	while ((entry = keeper_table_each(&keeper->table, &at))) {
		bool left = entry->n_busy || children.more;
		bool denied = entry->n_busy && entry->n_busy == entry->n_denied && !children.more;
		uint64_t rescan_ns = 0;

		if (!entry->dying)
			continue;
		if (entry->grace_ns && left)
			rescan_ns = now_ns + GRACE_RESCAN_NS;
		else if (entry->grace_ns && children.away && now_ns - entry->exited_ns < AWAY_LIMIT_NS)
			rescan_ns = now_ns + AWAY_RESCAN_NS;
		else if (!entry->grace_ns &&
			 now_ns - entry->killed_ns < (denied                 ? KEEPER_DENIED_NS
							     : left          ? KEEPER_TREE_LIMIT_NS
							     : children.away ? AWAY_LIMIT_NS
									     : 0))
			rescan_ns = now_ns + (children.away ? AWAY_RESCAN_NS : RESCAN_NS);
		if (rescan_ns) {
			if (entry->grace_ns && rescan_ns > entry->grace_ns)
				rescan_ns = entry->grace_ns;
			if (!keeper->rescan_ns || keeper->rescan_ns > rescan_ns)
				keeper->rescan_ns = rescan_ns;
			continue;
		}
		if (left) {
			entry->flags |= KEEPER_SLOT_TREE_LEFT;
			if (!denied)
				keeper_log(
					"group %llu (%s): something of its process tree cannot be killed, it is "
					"given up",
					(unsigned long long)entry->group_id, entry->name);
		}
		if (!denied)
			entry->denied_pid = 0;
		leader_reap(keeper, entry);
	}
}

/*
 * The first dead child in the kernel's list, or 0. The child is not reaped, so the next call finds it again.
 */
static pid_t zombie_peek(siginfo_t *ret_info)
{
	ret_info->si_pid = 0;
	return waitid(P_ALL, 0, ret_info, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : ret_info->si_pid;
}

static void supervisor_look(struct keeper *keeper)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)keeper->supervisor_pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid) {
		keeper->supervisor_is_dead = true;
		keeper->dead_code = info.si_code;
		keeper->dead_status = info.si_status;
	}
}

/* Ends the trees of all leaders that are dying. */
static void trees_end(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	while ((entry = keeper_table_each(&keeper->table, &at))) {
		entry->n_busy = 0;
		entry->n_denied = 0;
		if (entry_has_grace(entry) && keeper_now_ns() >= entry->grace_ns)
			grace_end(entry);
	}
	/*
	 * If the first look finds no orphan, dead or alive, no process is there whose children could be
	 * hidden, and one look suffices.
	 */
	orphans_look(keeper);
	if (children.orphans)
		orphans_look(keeper);
	if (children.unknown)
		keeper->rescan_ns = keeper_now_ns() + RESCAN_NS;
	leaders_reap(keeper);
}

/*
 * In most cases one leader has died, and the kernel names it. If another one is dead after that, there may be
 * many, so all leaders are checked. A later death brings another SIGCHLD.
 */
void keeper_reap(struct keeper *keeper, bool look)
{
	struct keeper_entry *entry;
	bool first = true;
	siginfo_t info;
	pid_t pid;

	keeper->rescan_ns = 0;
	while ((pid = zombie_peek(&info)) > 0) {
		unsigned at = 0;

		if (pid == keeper->supervisor_pid) {
			supervisor_look(keeper);
			continue;
		}
		entry = keeper_table_by_pid(&keeper->table, pid);
		if (!entry) {
			bool killed;

			orphan_is_reaped(pid, &killed);
			continue;
		}
		look = false;
		if (first && !keeper->n_dying) {
			first = false;
			leader_died(keeper, entry, &info);
			trees_end(keeper);
			continue;
		}
		while ((entry = keeper_table_each(&keeper->table, &at)))
			leader_look(keeper, entry);
		trees_end(keeper);
		break;
	}
	if (look || keeper->phase == KEEPER_STOPS)
		orphans_look(keeper);
	leaders_late(keeper);
}
