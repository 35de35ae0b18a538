/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node in one thread and in virtual time: the broker's core, a stand-in for the supervisor and groups of
 * actors, all with the real libactor, over a transport in memory. One seed decides whose turn comes next, who
 * dies where, and what the actors do, so a run is repeated exactly by its seed.
 *
 *   sim.c         the seed's numbers, the events of the run, and its end when something is wrong
 *   process.c     simulated processes: a coroutine each, virtual time, death and SIGSTOP
 *   net.c, transport.c, rendezvous.c   transport.h between simulated processes
 *   broker.c      the shell of the broker's core
 *   supervisor.c  the supervisor's stand-in
 *   group.c, load.c, calls.c   what the groups are, and what their actors do
 *   truth*.c      what is true, and what the actors may be told: the invariants
 *   world.c       births, deaths and quiet: what happens to the node
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ucontext.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

#define SIM_NODE     UINT64_C(7)
#define MS           INT64_C(1000000)
#define SECOND       INT64_C(1000000000)
#define SIM_BEGIN_NS (1000 * SECOND)
#define BACK_NS      (10 * SECOND) /* this long after a broker's death all groups that live are back */
#define SIM_NEVER    (INT64_MAX / 2)

/* ---- the run ---- */

struct sim {
	uint64_t seed, random, step, hash, n_events;
	int64_t now_ns;
	char dir[64]; /* the runtime directory, in which only the lock file and empty directories exist */
	uint8_t key[16];
	bool shows_wire;
	bool quiet; /* the load has ended, and what is under way comes to its end */
	bool audit; /* the actors are to say what they see */
	uint64_t n_calls, n_casts, n_downs, n_kills, n_brokers, n_supervisors, n_pg_events, n_quiets,
		n_messages;
};
extern struct sim sim;

void sim_start(uint64_t seed); /* makes the runtime directory */
void sim_remove_dir(void);
uint32_t sim_random(uint32_t n); /* from 0 to n - 1 */
static inline bool sim_chance(uint32_t one_in)
{
	return sim_random(one_in) == 0;
}
void sim_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes to stderr only: this is no event of the run. */
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the run because an invariant is broken: says which, the seed, the step and the last events. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- processes ---- */

enum process_kind { PROCESS_BROKER, PROCESS_SUPERVISOR, PROCESS_SUPERVISED, PROCESS_CLIENT, PROCESS_SINGLE };

struct process {
	struct list link; /* in `processes` */
	enum process_kind kind;
	pid_t pid;
	uint64_t group; /* 0: not known yet */
	char name[32];
	actor_group *actors; /* NULL: it has none yet, or is the broker */
	bool up;             /* the process has joined the node */
	bool ending;         /* the process is ending in order */
	bool dead;           /* whatever it does now reaches nobody */
	bool over;           /* its coroutine has returned */
	int fuse;            /* the process dies after so many operations of the kernel; 0: never */
	int64_t born_ns, died_ns;
	int64_t stopped_until_ns;
	int64_t last_stopped_ns; /* when its last stop ended */
	int64_t wake_ns;         /* the process waits until then, or until something comes */
	int64_t ghost_ns;        /* when dead: the time of its own in which it frees what it has */
	unsigned ghost_waits;
	struct transport *transport;
	void (*main)(struct process *process);
	void *stack;
	ucontext_t context;
	const void *stack_bottom; /* the stack on which the coroutine was left; ASan must be told it */
	size_t stack_bytes;
	void *fake_stack;
};

extern struct list processes;
struct process *process_new(enum process_kind kind, uint64_t group, void (*main)(struct process *process));
struct process *process_current(void); /* NULL: the scheduler runs */
bool process_is_dead(void);            /* whether the current process is */
pid_t process_real_pid(void);          /* the pid of this program */
int process_real_rmdir(const char *path);
void process_wait(int64_t until_ns); /* ends early when something comes */
void process_stop(struct process *process, int64_t for_ns);
void process_kill(struct process *process);
/* Called before each operation of the kernel. False: the current process is dead, or dies by this one. */
bool process_may(void);
void processes_clean(void); /* runs the dead to their ends, and frees them */
/* Runs one process that has something to do. If none has, time passes until one will have. */
void processes_step(void);
unsigned processes_count(bool (*is)(const struct process *process));
/* Any of those that @is holds for; NULL: none. */
struct process *process_pick(bool (*is)(const struct process *process));
static inline bool process_lives(const struct process *process)
{
	return !process->dead && !process->over;
}

/* ---- the transport's other side ---- */

int64_t net_due_ns(const struct process *process); /* the time at which its transport has an event for it */
void net_process_died(struct process *process);
void net_remove_dead(const char *directory); /* removes the socket files under it at which nobody listens */
bool net_listens(const char *path);
/* Calls @fn for each door at which somebody listens. */
void net_each_door(void (*fn)(const char *path, void *arg), void *arg);

/* ---- the daemons ---- */

void broker_main(struct process *process);
void supervisor_main(struct process *process);
/* @process has died. The supervisor hears of it after a while. */
void supervisor_exit_seen(struct process *process);
void supervisor_forget(void); /* frees what the keeper kept, at the end of the run */
struct broker_stats;
bool broker_books(struct broker_stats *ret); /* the counts of the broker that lives; false: there is none */
void broker_say_members(void);               /* writes all members, before the run fails */

extern struct process *broker_process, *supervisor_process;
extern uint64_t broker_epoch;  /* how many brokers have died */
extern int64_t broker_died_ns; /* when the last one died */

/* ---- the load ---- */

#define NAMES_N 6
#define PGS_N   4

void load_main(struct process *process); /* the program of a group */

/* ---- the truth ---- */

struct sim_actor {
	struct list link;
	actor_ref ref;           /* serial 0: the process */
	struct process *process; /* NULL: it is gone */
	bool single;             /* its process has one link only */
	bool may_end;            /* something was done that may end the actor, or the actor has ended */
	bool killed;             /* the actor was killed with its process, so what it had not sent is lost */
	int64_t may_end_ns;
	int64_t awake_ns; /* when the last stop of its process ended */
	uint64_t audits;
};

struct sim_actor *truth_born(struct process *process, actor_ref ref);
struct sim_actor *truth_actor(actor_ref ref); /* NULL: there has never been one */
void truth_may_end(struct sim_actor *who);
void truth_process_ends(struct process *process, bool killed);
/* A process or an actor that lives, or has died lately; NULL: none. */
struct sim_actor *truth_pick(void);
/*
 * @who or @other has a single link, and the broker that carried its words has died since @epoch; or it died
 * so shortly before that the new broker cannot know of the group yet. A new broker is not told which groups
 * with a single link live.
 */
bool truth_way_broke(const struct sim_actor *who, const struct sim_actor *other, uint64_t epoch);
int64_t truth_awake_ns(const struct sim_actor *who); /* when the last stop of its process ended */
/* @who lives for certain. */
static inline bool truth_lives(const struct sim_actor *who)
{
	return who && !who->may_end;
}

struct sim_call {
	uint64_t id, epoch;
	int64_t begun_ns, timeout_ms;
	struct sim_actor *caller;
	actor_ref target; /* nobody: the call is by name, or to a process group */
	int name;         /* -1: the call is not by name */
};
void truth_call_begins(struct sim_call *call);
void truth_call_handled(uint64_t id);
/* @answer and @by are those of a call that returned 0. */
void truth_call_ended(const struct sim_call *call, int r, uint64_t answer, actor_ref by);

uint64_t truth_cast_next(struct sim_actor *from, actor_ref to); /* the number that the cast will have */
void truth_cast_sent(struct sim_actor *from, actor_ref to);     /* the cast returned 0 */
void truth_cast_came(actor_ref from, struct sim_actor *to, uint64_t number);

void truth_monitors(struct sim_actor *watcher, uint64_t monitor, actor_ref who);
void truth_demonitored(struct sim_actor *watcher, uint64_t monitor, bool was_there);
void truth_down(struct sim_actor *watcher, uint64_t monitor, actor_ref who, const char *reason);
bool truth_was_told_of_end(const struct sim_actor *watcher, actor_ref who);
uint64_t truth_pick_monitor(const struct sim_actor *watcher); /* 0: none */

void truth_registering(struct sim_actor *who, unsigned name);
void truth_registered(struct sim_actor *who, unsigned name, int r);
void truth_unregistering(struct sim_actor *who, unsigned name);
void truth_unregistered(struct sim_actor *who, unsigned name);
bool truth_owns(const struct sim_actor *who, unsigned name);
void truth_found(struct sim_actor *asker, unsigned name, int r, actor_ref ref, int64_t begun_ns);
/* A call to the name since then may have met nobody, or an actor that has ended. */
bool truth_name_may_fail(unsigned name, int64_t begun_ns);
unsigned truth_count_names(void);

uint64_t truth_many_begins(struct sim_actor *from, unsigned pg);
void truth_many_sent(uint64_t id, int r);
void truth_many_came(uint64_t id, struct sim_actor *to);
bool truth_pg_may_be_empty(unsigned pg, int64_t begun_ns);
void truth_joined(struct sim_actor *who, unsigned pg);
void truth_leaving(struct sim_actor *who, unsigned pg);
void truth_pg_monitors(struct sim_actor *watcher, uint64_t monitor, unsigned pg);
void truth_pg_event(struct sim_actor *watcher, uint64_t monitor, const struct actor_pg_event *event);
unsigned truth_count_members(void);
/* In the quiet, what @asker sees must be what is true. */
void truth_audit_members(struct sim_actor *asker, unsigned pg, const actor_ref *refs, int n);
void truth_audit_name(struct sim_actor *asker, unsigned name, int r, actor_ref ref);

/* In the quiet, an actor that may have ended and has not counts as living again. */
void truth_settle(void);
void truth_check_quiet(void); /* checks what must hold when nothing is under way */
void truth_check_pgs(void);
void truth_check_emptied(void); /* the broker must be empty when all groups have ended */
void truth_forget(void);        /* forgets the dead, after the quiet */
void truth_forget_calls(void);
void truth_forget_names(const struct sim_actor *who);
void truth_forget_pgs(const struct sim_actor *who);
