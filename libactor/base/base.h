/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a group, shared by all rooms above. Only the loop's thread uses it, except for the one field
 * that is marked atomic.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "actor/actor.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/token.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/slab.h"
#include "libactor/util/slots.h"
#include "libactor/util/throttle.h"

struct actor;
struct bell;
struct dead_letters;
struct guest_hooks;
struct guests;
struct helpers;
struct peer;
struct peer_hooks;
struct process_monitors;

/* ---- the link to the daemon (node/uplink.c): what other files need of it ---- */

enum uplink_state { UPLINK_NONE, UPLINK_HELLO, UPLINK_LINKING, UPLINK_UP, UPLINK_WAITING };

/* Words that the broker must get, and that were not sent yet for want of memory (actor/broker.c). */
#define UNTOLD_MAX 8
struct untold {
	char method[24];
	uint64_t numbers[3];
	unsigned n_numbers;
	char text[64]; /* the last argument; "": there is none */
};

struct uplink {
	enum uplink_state state;
	struct request *request;
	struct peer *peer; /* the peer of the daemon; set from hello's answer on */
	actor_ref service; /* the daemon's service actor */
	struct timer timer;
	int64_t backoff_ms;
	bool ever_up;
	uint8_t resume[TOKEN_MAX_BYTES]; /* from the answer to hello: our token once the link is up */
	size_t resume_bytes;
	bool gone;      /* ended for good: no daemon knows us any more */
	bool restarted; /* the broker is a new one: it knows only what we tell it again */
	bool announced;
	uint64_t n_connects;
	int last_error;
	unsigned n_in_use; /* how often the first hello was refused because another process has our token */
	int64_t started_ns;
	int64_t lost_ns; /* since when the link is lost */
	struct list
		requests;    /* struct broker_request: unanswered; each is asked again when a link comes up */
	struct list waiting; /* struct task.blocked_link: senders that wait until the daemon is back */
	struct untold untold[UNTOLD_MAX]; /* in order */
	unsigned n_untold;
	bool unsent; /* there was no memory to send some of `requests` */
	struct timer untold_timer;
};

/* ---- the group ---- */

struct actor_group {
	/* who we are: group.c, node/uplink.c */
	uint64_t node;
	uint64_t id;
	enum actor_join_mode mode;
	char name[256];
	char runtime_dir[4096];
	uid_t runtime_uid;
	int64_t connect_timeout_ms;
	uint8_t token[TOKEN_MAX_BYTES];
	size_t token_bytes;
	bool supervised;
	bool is_worker; /* of a pool: ENV_POOL_WORKER */
	bool told_ready;
	bool closing;
	bool names_alone; /* there is no broker: the group has names of its own (testkit.c) */
	struct throttle complaints;
	void (*log)(const char *line, void *arg);
	void *log_arg;

	struct loop loop;
	atomic_bool stop_requested;
	bool stop_begun;

	/* actor/ */
	struct slots actors;
	void (*forget)(struct actor *self); /* frees what an actor that ends_in_order holds */
	size_t n_alive;                     /* without internal actors */
	/* mailbox.c: serial of the actor whose mailbox got room, which woke the running actor; 0: none */
	uint64_t room_of;
	struct slots calls;
	struct slots requests; /* call-request.h */
	struct list sys_asked; /* sys.h: actor_msg.link */
	struct hash stashes;   /* struct stash by the serial of its actor */
	struct hash histories; /* struct history by the serial of its actor */
	size_t histories_bytes;
	struct slots streams; /* struct inflow (inflow.h) */
	struct hash inflows;  /* the same by the serial of their owner */
	struct hash served;   /* struct actor_from (served.h) */
	struct served_early *served_early;
	struct slots monitors;
	struct list downs_held;   /* told.c: struct monitor.target_link */
	struct hash links;        /* links.c: struct monitor.pair of the monitors that are links */
	struct slots send_timers; /* timers.c: struct alarm */
	struct slab timer_cells;
	struct bell *bell;                 /* wakes the loop for other threads; NULL: not needed so far */
	struct list inlets, inlets_held;   /* struct actor_inlet.link, held_link (inlet.c) */
	struct helpers *helpers;           /* threads (offload.c); NULL: not needed so far */
	size_t helpers_max;                /* 0: the default */
	struct dead_letters *dead_letters; /* dead-letters.c; NULL: no actor observes them */
	struct slots fd_watches;
	struct hash own_names;    /* own-names.c: struct own_name by name */
	struct list name_moves;   /* struct name_move.link */
	struct list name_watches; /* name-watch.c: struct name_watch.by_group */
	struct slots name_watch_ids;
	struct hash own_pgs, own_seats; /* membership.c: the memberships of our actors */
	uint64_t last_membership;
	struct hash pg_copies;    /* pg.c: struct pg_copy by scope and name */
	struct hash pg_processes; /* struct pg_process by group id */
	struct hash pg_members;   /* struct copy_member by ref */
	struct hash pg_watched;   /* struct pg_watched (pg-tell.h) */
	struct slots pg_monitor_ids;
	bool pg_asked;       /* the broker has been asked, at some time, to tell of process groups */
	struct hash pg_gone; /* struct gone by ref (pg-gone.c) */
	struct list pg_gone_new, pg_gone_asked;
	struct hash pg_loads; /* struct pg_load by ref (pg-pick.c) */
	uint64_t n_picked;
	uint64_t n_spans;                      /* tracing.c */
	struct list behaviors;                 /* struct behavior_copy.link (behavior.c) */
	struct guests *guests;                 /* guests.c; NULL: others can spawn nothing here */
	const struct guest_hooks *guest_hooks; /* NULL: there can be no guests */
	size_t guests_max;
	struct buf scratch;               /* a body that is being packed; never kept across a wait */
	struct actor_cause first_failure; /* of a handler; the program reports it at its end */

	/* peer/ */
	struct transport *transport;
	const struct peer_hooks *peer_hooks;
	struct hash peers;
	struct peer *last_peer; /* whom peer_find() found last; NULL: nobody */
	struct list peers_over; /* struct peer.over_link */
	struct list dirty;      /* struct peer.dirty_link */
	struct hash pauses;     /* struct pause.node (pressure.c): the pauses that we told peers */
	struct hash name_cache;
	struct hash name_owners;
	struct hash dead_groups; /* dead-groups.c: struct dead_group by id */
	struct list dead_by_age;
	struct buf discard; /* takes the frames to peers that are gone */

	/* node/ */
	struct taps *taps; /* taps.c; NULL: nobody wants to see our messages */
	struct uplink uplink;
	struct door *door;  /* NULL: none */
	uint64_t door_id;   /* our id when the door was made */
	struct list knocks; /* struct knock.link (door.h) */
	uint64_t n_knocks_asked;
	struct list flushes; /* struct flush.link (flush.c): parked actors */
	struct process_monitors *process_monitors;

	/* service groups: service.c, node/service.c, node/rendezvous.c */
	bool is_service;
	uint8_t key[TOKEN_KEY_BYTES];
	char broker_up_method[64], broker_down_method[64], client_gone_method[64], handed_over_method[64];
	uint64_t last_ping;
	struct server *server;
	uint32_t next_client, n_clients;

	struct {
		uint64_t casts_dropped, calls_expired, replies_late, links_cut;
	} stats;
};

void group_log(actor_group *group, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * Logs what a peer did. @who: a number that names the peer, such as a group id or a pid. Repeated lines about
 * one peer are throttled.
 */
void group_complain(actor_group *group, uint64_t who, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Makes the directory of a socket of ours, and g/ above it, if they are missing. */
void socket_make_directory(const char *socket_path);
int group_path(const actor_group *group, char *ret, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static inline actor_ref group_ref(const actor_group *group, uint64_t serial)
{
	return (actor_ref){group->node, group->id, serial};
}
/* Returns NULL when the actor is dead. */
static inline struct actor *actor_find(actor_group *group, uint64_t serial)
{
	return slots_get(&group->actors, serial);
}
