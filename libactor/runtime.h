/*
 * The inside of a group: what its modules share. Nothing here leaves the library.
 *
 * The way of one message, in the order of the files:
 *   send.c       actor_cast → where does the target live?
 *   mailbox.c    in this group: into its mailbox, the actor becomes runnable
 *   peer.c       elsewhere: onto the link to its group (the broker introduces the two the first time)
 *   transport.c  bytes
 *   inbound.c    a frame from a link → mailbox, pending call, monitor
 *   loop/loop.c  the loop: runnable actors, links, timers
 *   actor.c      the handler
 *
 * Everything belongs to the loop's thread. The two exceptions are marked atomic.
 */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "actor/actor.h"
#include "libactor/protocol/cause.h"
#include "libactor/message/msg.h"
#include "libactor/node/service.h"
#include "libactor/loop/stack.h"
#include "libactor/protocol/token.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"
#include "libactor/util/throttle.h"
#include "libactor/protocol/wire.h"

#define NEVER_NS INT64_MAX
#define MS_NS INT64_C(1000000)

#define CALL_TIMEOUT_DEFAULT_MS 5000
#define SEND_BLOCK_MAX_MS 5000
#define SEND_BLOCK_MAX INT64_C(0) /* as a deadline: SEND_BLOCK_MAX_MS from when one has to wait, so that the clock is read only then */
#define MAILBOX_DEFAULT_MESSAGES 4096u
#define MAILBOX_DEFAULT_BYTES (1u << 20)
#define DEATH_DECISION_MS 1000
#define BYE_MS 1000
#define FLUSH_MS 5000
#define CLIENT_LINK_MS 2000 /* docs/protocol.md: how long a link waits for who said hello */

struct actor;
struct peer;
struct call;

/* ---- timers (timer.c) ---- */

struct timer {
	struct heap_node node;
	void (*fire)(struct timer *timer);
};

/* Room for a timer is reserved with timer_init, so that arming cannot fail. */
int timer_init(actor_group *group, struct timer *timer, void (*fire)(struct timer *timer));
void timer_deinit(actor_group *group, struct timer *timer);
void timer_arm(actor_group *group, struct timer *timer, int64_t deadline_ns); /* NEVER_NS: disarms */
void timer_disarm(actor_group *group, struct timer *timer);
int64_t timers_next_ns(const actor_group *group);
void timers_fire(actor_group *group);
/* now + ms without overflow; negative ms: never */
int64_t deadline_after_ms(int64_t now_ns, int64_t ms);

/* ---- actors ---- */

enum actor_status {
	ACTOR_STARTING, /* in init */
	ACTOR_RUNNING,
	ACTOR_ENDING,   /* nothing is delivered any more */
};

struct mailbox {
	struct list messages; /* actor_msg.link */
	uint32_t n_messages;
	uint32_t n_bytes;
	uint32_t max_messages;
	uint32_t max_bytes;
	struct list blocked; /* struct actor.blocked_link: local senders that wait for room */
	struct list paused;  /* struct pause: peers that were told to hold back */
};

struct actor {
	actor_group *group;
	const struct actor_behavior *behavior;
	void *state;
	actor_ref ref;
	enum actor_status status;
	bool internal; /* does not keep the group running (a client's mailbox) */

	struct list run_link; /* in group->runnable */
	struct mailbox mailbox;
	const char *method;   /* being handled; for crash reports */

	/* waiting: see loop/loop.c */
	struct stack *stack;     /* kept while parked, else NULL */
	size_t stack_bytes;      /* what its handlers need; 0: any stack will do */
	bool woken;
	int wake_result;
	struct timer wake_timer;
	struct call *waiting_call;    /* unanswered yet */
	struct actor_from *answering; /* the call that is being handled */
	struct list blocked_link; /* in a mailbox's or a pause's list of senders */

	bool cancelled; /* every wait ends with -ECANCELED */
	bool killed;
	bool stopping;
	bool ended_self; /* the reason is set: end after the running handler */
	bool told_wrong_kind; /* that a cast came for a method that is a call */
	struct actor_cause cause;

	struct list monitors; /* struct monitor.watcher_link: what it watches */
	struct list watchers; /* struct watcher.target_link: who watches it */
	struct list froms;    /* kept addresses, unanswered */
	struct list timers;   /* struct send_timer.link */
	struct list names;    /* struct own_name.link */
	struct list fds;      /* struct fd_watch.link */
	struct spawn_wait *spawn_wait; /* who waits for its init */
	const void *init_arg;
};

/* actor.c */
int actor_describe(const struct actor *self, struct actor_from *from); /* describe.c: answers `$describe` */
int actor_check_behavior(const struct actor_behavior *behavior, size_t behavior_bytes); /* as it came over the API: 0, -EINVAL, -E2BIG */
int actor_new(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal, struct actor **ret);
struct actor *actor_find(actor_group *group, uint64_t serial); /* NULL: dead */
void actor_run(struct actor *self);                            /* handles what waits for it; on the loop's stack */
void actor_request_stop(struct actor *self, const char *reason);
void actor_request_kill(struct actor *self);
void actor_discard(struct actor *self); /* without running any of its code: the group is being freed */
void actors_stop_all(actor_group *group, const char *reason);
struct spawn_wait {
	struct actor *parent; /* parked, or NULL: the group's caller waits */
	bool done;
	int result;
};

/* ---- loop/loop.c ---- */

void scheduler_make_runnable(struct actor *self);
/* Parks the running actor. Returns what scheduler_wake() was given, -ETIMEDOUT at the deadline, -ECANCELED, -ENOMEM (no stack). */
int scheduler_park(struct actor *self, int64_t deadline_ns);
void scheduler_wake(struct actor *self, int result); /* no effect when it is not parked or woken already */
/* From outside: runs the loop until done(arg), or the deadline (-ETIMEDOUT). -EDEADLK inside a handler. */
int scheduler_pump(actor_group *group, bool (*done)(void *arg), void *arg, int64_t deadline_ns);
/* Handles what is there, without waiting. */
void scheduler_poll(actor_group *group);
int scheduler_init(actor_group *group);
void scheduler_deinit(actor_group *group);

/* ---- mailbox.c ---- */

void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior);
bool mailbox_is_full(const struct mailbox *mailbox);
void mailbox_push(struct actor *to, actor_msg *take); /* never refuses: limits are the sender's business */
actor_msg *mailbox_pop(struct actor *self);
void mailbox_drop_all(struct actor *self, const char *reason); /* queued calls are answered `down` */
/* The target once it has room (a local sender waits). 0, -ECANCELED, -ESRCH (it ended), -EAGAIN (nobody to park); when it has none until
 * @deadline_ns -ETIMEDOUT, or with SEND_BLOCK_MAX, which is for casts, -EBUSY. */
int mailbox_wait_room(actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret);
/* Tells the peer to hold back messages for @to, once. Returns what it has sent to the full mailbox since. */
uint64_t mailbox_pause_peer(struct actor *to, struct peer *peer, size_t received_bytes);
void mailbox_forget_peer(actor_group *group, struct peer *peer);
void mailbox_release(struct actor *self); /* wakes all blocked, resumes all paused: it ends */

/* ---- calls (call.c) ---- */

struct call {
	uint64_t id;
	actor_group *group;
	struct actor *caller;  /* who gets -ECANCELED at its end; NULL: the runtime itself */
	actor_ref callee;      /* only its group, in its name, may answer. Nobody: asked by name, so the daemon at the end of the only link */
	struct list peer_link; /* struct peer.calls */
	struct timer timer;
	/* Exactly once. reply is NULL unless error is 0 or -EREMOTEIO, and then taken. */
	void (*done)(struct call *call, int error, actor_msg *reply);
	void *arg;
};

/* Does not wait and does not ask whether there is room: send_ready() does that before the arguments are packed.
 * @to: a ref, or (one-link modes) a name for the daemon at the other end to resolve. */
int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns);
void call_cancel(struct call *call); /* done() does not run; a late answer goes nowhere */
void call_finish(struct call *call, int error, actor_msg *take_reply);
/* Would this call to an actor of ours never end, because its caller is waited for? */
bool call_closes_circle(struct actor *to, const struct wire_frame *frame);
/* It cannot be answered any more, though somebody tried. */
void call_fail(actor_group *group, uint64_t id, int error);
/* Does @peer speak for whom the call was made to? An id that is not open is a late reply, and anybody's. */
bool call_may_be_answered(actor_group *group, uint64_t id, const struct peer *peer, actor_ref from);
/* An answer came. Unknown ids are late replies. */
void call_answered(actor_group *group, uint64_t id, actor_msg *take_reply);
int call_error_number(const char *error_name);
/* Answers a call that is not (or cannot be) handled. */
void call_refuse(actor_group *group, actor_ref caller, uint64_t way, actor_ref callee, uint64_t id, const char *error, const char *text);
/* Parks @self (or pumps, outside a handler) until the answer is there. */
int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method, const void *args,
	size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg);

struct actor_from { /* in a handler a pointer to it is what the program has; of a kept one it has a number (call.c) */
	actor_group *group;
	struct actor *callee; /* answers in its name, whoever does; its end answers what it kept */
	actor_ref to;
	uint64_t id;
	uint64_t way; /* back: peer_way() */
	const actor_msg *msg; /* the call; NULL: a kept one */
	bool answered;
	uint64_t kept_id;
	struct list link; /* kept ones: actor.froms */
};

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg);
void from_refuse(struct actor_from *from, const char *error, const char *text);
void froms_end(struct actor *callee, const char *reason);

/* ---- monitors (monitor.c) ---- */

struct monitor { /* ours: a local actor watches something */
	uint64_t id;
	struct actor *watcher;
	actor_ref who;
	struct list watcher_link; /* actor.monitors */
	struct list target_link;  /* remote target: peer.monitors */
	bool cause_known;         /* a process whose exit is told, held until its link has ended */
	struct actor_cause cause;
};

struct watcher { /* somebody watches a local actor */
	actor_ref who; /* the watcher */
	uint64_t id;
	struct list target_link; /* actor.watchers */
	struct list peer_link;   /* peer.watchers, when the watcher is elsewhere */
	struct peer *peer;       /* and that peer */
};

void monitor_fire(actor_group *group, struct monitor *monitor, const struct actor_cause *cause); /* frees it */
void monitor_remove(actor_group *group, struct monitor *monitor);
int watcher_add(actor_group *group, actor_ref target, actor_ref who, uint64_t id, struct peer *peer);
void watcher_remove(actor_group *group, actor_ref target, actor_ref who, uint64_t id);
void watchers_fire(struct actor *target, const struct actor_cause *cause);
void watcher_free(struct watcher *watcher);
/* A down frame over @peer. */
void watcher_tell_by(struct peer *peer, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause);
/* To a watcher who asked somebody else, and not by a link of ours. @introduce: make a direct link for it if there is none, rather than go by the broker. */
void watcher_tell(actor_group *group, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause, bool introduce);
/* Without telling anyone. */
void monitor_forget(actor_group *group, struct monitor *monitor);
/* A monitor made before its process had an id learns it. */
void monitor_settle(actor_group *group, struct monitor *monitor, actor_ref who);
int monitor_new(struct actor *watcher, actor_ref who, struct monitor **ret);
/* Does @peer know of @who's end: is it its group, the broker, or for a process the spawner? An id that is not open is anybody's. */
bool monitor_may_be_told(actor_group *group, uint64_t id, const struct peer *peer, actor_ref who);
/* A down frame came. */
void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause);

/* ---- names (name.c) ---- */

struct own_name {
	struct list link;
	uint32_t length;
	char name[];
};

void names_init(actor_group *group);
void names_deinit(actor_group *group);
/* Gives the names of an ending actor back and waits for the broker's word if there is one. */
void names_release(struct actor *self);
int name_register(actor_group *group, struct actor *self, const char *name);
int name_resolve(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret); /* parks or pumps */
bool name_cached(actor_group *group, const char *name, actor_ref *ret);
void name_changed(actor_group *group, struct wire_str name, actor_ref ref); /* nobody: gone */
void names_forget_all(actor_group *group);
void names_lost(actor_group *group, struct wire_str name); /* one of ours is another's now */
void names_forget_group(actor_group *group, uint64_t group_id);
void names_forget_ref(actor_group *group, actor_ref ref);
void names_refresh(actor_group *group); /* the broker is a new one */

/* ---- other groups (peer.c) ---- */

enum peer_state {
	PEER_INTRODUCING, /* the broker was asked; frames wait in pending */
	PEER_LINKING,     /* a link exists and is not up yet; frames wait in pending (the uplink's: in the link) */
	PEER_LINKED,
	PEER_ROUTED,      /* has one link only: the broker routes */
	PEER_ENDED,       /* the link ended or the exit was told: waiting for the other, at most 1 s */
};

struct peer {
	struct hash_node node; /* group->peers, by id */
	actor_group *group;
	uint64_t id;
	enum peer_state state;
	bool is_uplink; /* the daemon this group said hello to */
	bool is_client; /* came by our own rendezvous */
	bool over;      /* forgotten: nothing of it is left but this memory, until the turn has ended */
	bool asked;     /* an `introduce` of it is unanswered */
	bool expected;  /* at our door, by the broker's word: `expect` says whom the kernel must have seen */
	struct transport_peer expect;
	uint64_t told_at; /* uplink.n_connects when the broker told us of the link */
	bool listens;   /* at our end, rather than dials */
	uint32_t n_tries; /* introductions that failed in a row */
	uint64_t intro_id; /* of the link, or of the try to have one */
	struct list over_link; /* group->peers_over */
	struct link *link;
	struct buf pending;     /* frames, until the link is up; a peer with one link only needs none */
	struct buf aside;       /* frames it sent that wait until it has read its answers (inbound.c) */
	size_t aside_at;        /* where they begin */
	bool takes_aside;       /* they are being handled */
	struct list dirty_link; /* group->dirty: has frames to flush */
	struct list calls;      /* struct call.peer_link */
	struct list monitors;   /* struct monitor.target_link */
	struct list watchers;   /* struct watcher.peer_link */
	uint32_t n_watchers;
	struct list handovers;  /* struct handover.link (service.c) */
	struct list pauses;     /* struct pause.peer_link: told by us, the last first */
	struct list paused_refs;/* struct paused_ref: told to us */
	uint32_t n_paused_refs;
	struct list paused_senders; /* actors parked by "pause *" */
	bool paused_all;
	uint64_t unyielded_bytes; /* flushed since a sender last let the loop read */
	bool draining;            /* a flush waits for the link's word that the kernel has everything */
	bool link_ended, exit_told, said_bye, got_bye;
	bool refused_end; /* it asked that our service actor ends: logged once */
	struct actor_cause cause;
	struct timer timer; /* INTRODUCING: the next try; later the decision about its death */
	char name[256];
};

struct peer *peer_find(actor_group *group, uint64_t group_id);
/* Anybody may call himself so; only of a supervised group (bit 63 of its id is clear) it is the name in the token that admitted it. */
bool peer_is_spawner(const struct peer *peer);
/* Where frames for that group go; starts an introduction if need be. NULL: out of memory. */
struct peer *peer_route(actor_group *group, uint64_t group_id, bool introduce);
/* Answers go back the way that was asked by: 0 the direct link with the asker's group, else the n-th link to the broker. */
uint64_t peer_way(const struct peer *peer);
struct peer *peer_back(actor_group *group, uint64_t group_id, uint64_t way); /* NULL: it has ended, and what would go there is dropped */
struct buf *peer_out(struct peer *peer);   /* append one frame, then peer_wrote() */
void peer_wrote(struct peer *peer);
void peers_flush(actor_group *group);
void peer_link_up(struct peer *peer);
void peer_link_down(struct peer *peer, int error);
void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause);
/* @role: listen, dial (the place made for this link) or join (its door). */
void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id, struct wire_str path,
	struct transport_peer expect, struct wire_str name);
/* It will come by our door. NULL: out of memory. */
struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id, struct transport_peer expect, struct wire_str name);
void peer_admit(struct peer *peer, uint64_t knock_id); /* it came; its link is up */
/* The directory of a socket of ours, and g/ above it, as far as they are not there. */
void peer_make_directory(const char *socket_path);
void peer_introduction_failed(actor_group *group, uint64_t intro_id, uint64_t group_id);
void peers_ask_again(actor_group *group); /* the broker is a new one: who has no link yet and needs one */
void peer_cut(struct peer *peer, const char *why); /* ends the link; our side. The peer may be over then */
struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state);
void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error);
void peer_forget(struct peer *peer); /* it is over: unlinked now, freed by peers_free_over(); once is enough */
void peers_free_over(actor_group *group); /* where nobody holds one: between the turns of the loop */
/* Sender side of pause/resume: 0 go on; else as mailbox_wait_room. */
int peer_wait_unpaused(struct peer **peerp, actor_ref to, struct actor *sender, int64_t deadline_ns);
void peer_drained(struct peer *peer);
void peer_pause_received(struct peer *peer, const actor_ref *ref);
void peer_resume_received(struct peer *peer, const actor_ref *ref);

/* ---- flush.c ---- */
void flushes_turn(actor_group *group); /* once a turn: wakes whose flush is done */

/* ---- our door (knocks.c) ---- */

void door_open_own(actor_group *group); /* once our id is known; without one others are still introduced, but slower */
void door_close_own(actor_group *group);
void door_put_path(const actor_group *group, struct buf *out); /* a str, or nil */
void door_asked(actor_group *group); /* by the broker: where is it? */
void knock_received(actor_group *group, const struct transport_event *event);
void knocks_expected(struct peer *peer); /* who came before the broker's word lets itself be let in */
bool knocks_take_all(actor_group *group); /* all who have come so far. False: there may be more */

/* ---- inbound.c ---- */

void inbound_frames(struct peer *peer, const uint8_t *data, size_t size_bytes);
void inbound_link_ends(struct peer *peer); /* what was put aside is handled before its end */
void inbound_transport(actor_group *group); /* takes some of the waiting transport events */
bool transport_is_idle(const actor_group *group);

/* ---- uplink.c ---- */

enum uplink_state { UPLINK_NONE, UPLINK_HELLO, UPLINK_LINKING, UPLINK_UP, UPLINK_WAITING };

struct uplink {
	enum uplink_state state;
	struct request *request;
	struct peer *peer;    /* the daemon; set from hello's answer on */
	actor_ref service;    /* its service actor */
	struct timer timer;
	int64_t backoff_ms;
	bool ever_up;
	bool gone; /* for good: nobody knows us any more */
	bool restarted; /* the broker is a new one: it knows only what it is told again */
	bool announced;
	uint64_t n_connects;
	int last_error;
	unsigned n_in_use; /* times that the first hello was refused since another has our token */
	int64_t started_ns;
	int64_t lost_ns; /* since when it is not there */
	struct list requests; /* struct uplink_request: unanswered; asked again when a link comes up */
};

/* Something asked of the broker by the runtime itself; idempotent, so it is asked again after a lost link. */
struct uplink_request {
	struct list link;
	actor_group *group;
	struct call call;
	bool in_flight;
	struct timer timer;
	struct buf args;
	char method[24];
	/* Exactly once, then freed. error 0 or -EREMOTEIO: reply is borrowed. -ETIMEDOUT, -ENOTCONN */
	void (*done)(struct uplink_request *request, int error, actor_msg *reply);
	void *arg;
};

int uplink_init(actor_group *group);
void uplink_start(actor_group *group);
void uplink_stop(actor_group *group);
void uplink_turn(actor_group *group); /* once a turn: announces after the link came up */
void uplink_answer(actor_group *group, const struct transport_event *event);
void uplink_link_up(actor_group *group);
bool uplink_is_hopeless(const actor_group *group); /* the first connection will not come about */
void uplink_tell_ready(actor_group *group);
void uplink_link_down(actor_group *group, int error);
/* take_args: an args array. */
int uplink_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct uplink_request *request, int error, actor_msg *reply), void *arg);
/* What the broker must know even if it is away now: a call, made again until it is answered. So it may come late, and twice. */
void uplink_tell_surely(actor_group *group, const char *method, const char *format, ...);
/* Same, and waits (parks @self or pumps). -EEXIST for in_use, else as actor_call. */
int uplink_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args, int64_t timeout_ms, actor_msg **ret_msg);

/* ---- service.c: for a service group ---- */
void service_client_gone(actor_group *group, uint64_t client);
void handovers_linked(struct peer *peer);  /* its link is up */
void handovers_drained(struct peer *peer); /* and the kernel has what was written */
void handovers_pong(struct peer *peer, uint64_t ping);
void handovers_route(struct peer *peer, struct peer *uplink); /* what it was to be sent goes by the broker */
void handovers_fail(struct peer *peer);

/* ---- rendezvous.c: our own, for a service group ---- */
int rendezvous_start(actor_group *group);
void rendezvous_hello(actor_group *group, const struct transport_event *event);

/* ---- fd.c ---- */
struct fd_watch;
void fd_watch_ready(struct fd_watch *watch, uint32_t events);
void fd_watch_handled(actor_group *group, uint64_t id); /* its message has been handled: look again */
void fd_watches_end(struct actor *self);

/* ---- send.c ---- */
/* Waits until @to may be sent to. 0, -EBUSY or -ETIMEDOUT (as mailbox_wait_room), -ECANCELED, -EAGAIN (nobody to park), -ESRCH, -ENOTCONN.
 * After it, send at once. */
int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns);
/* What it means that peer_route() or the uplink has no peer for @to. */
int send_no_route(const actor_group *group, const struct wire_dest *to);
int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes);
/* A name becomes a ref (DIRECT mode), or stays a name for the daemon at the end of the only link. */
int send_dest(actor_group *group, struct actor *self, actor_dest to, int64_t deadline_ns, struct wire_dest *ret);
int send_dest_of_name(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret);
int group_read_options(struct actor_group_options *ret, const struct actor_group_options *given, size_t given_bytes);
int group_spawn(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal, actor_ref *ret);
int64_t send_deadline_ns(int64_t timeout_ms);
int64_t send_left_ms(int64_t deadline_ns); /* ACTOR_FOREVER for NEVER_NS */
int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, const char *format, va_list args);
int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, actor_msg **take_args);
int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **ret_msg, const char *format, va_list args);
int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **take_args, actor_msg **ret_msg);
void send_timers_end(struct actor *self);

/* ---- process.c ---- */
/*
 * A call to $spawner. A supervisor that is away is started again in a moment, so a request is sent again until the time-out, also one of
 * which it is not known whether it was heard: asking twice must do no harm. As actor_call_name(), but never -ESRCH or -ECONNRESET: -ENOTCONN.
 */
int spawner_ask(struct actor *self, const char *method, int64_t timeout_ms, actor_msg **ret_msg, const char *format, ...);

/* ---- crash.c ---- */
void crash_report_start(actor_group *group); /* for programs whose process is the group's own (actor_main) */
void crash_report_stop(void);

/* ---- the group (group.c) ---- */

struct actor_group {
	uint64_t node;
	uint64_t id;
	enum actor_join_mode mode;
	char name[256];
	char runtime_dir[4096];
	struct throttle complaints;
	uid_t runtime_uid;
	int64_t connect_timeout_ms;
	uint8_t token[TOKEN_MAX_BYTES];
	size_t token_bytes;
	void (*log)(const char *line, void *arg);
	void *log_arg;

	/* scheduler */
	int epoll_fd, wake_fd, timer_fd;
	bool embedded;
	atomic_bool stop_requested;
	bool stop_begun;
	int64_t now_ns;
	struct list runnable;
	struct stack_pool stacks;
	struct context caller;
	struct context *entered_from;
	struct stack *stack;    /* we are on it; NULL: on the caller's */
	struct stack *retiring; /* abandoned by the actor just resumed */
	struct actor *current;
	bool in_loop;
	bool poll_only;
	bool (*until)(void *arg);
	void *until_arg;
	int64_t until_ns;
	int pump_result;

	struct heap timers;
	size_t n_timers;
	struct slots actors;
	size_t n_alive; /* not internal */
	struct slots calls;
	struct slots monitors;
	struct slots send_timers;
	struct slots fd_watches;

	struct transport *transport;
	struct hash peers;
	struct list peers_over; /* struct peer.over_link */
	struct door *door;      /* NULL: none */
	uint64_t door_id;       /* our id when it was made */
	struct list knocks;     /* struct knock.link (knocks.c) */
	uint64_t n_knocks_asked;
	struct hash pauses; /* struct pause.node (mailbox.c): what we told peers to hold back */
	struct list dirty;
	struct list flushes; /* struct flush.link: parked actors */
	struct uplink uplink;
	bool told_ready, supervised;

	struct hash name_cache;
	struct hash name_owners;

	struct buf scratch; /* a body being packed; never across a wait */
	struct buf discard; /* frames to peers that are gone */
	bool closing;
	struct actor_cause first_failure; /* of a handler, for the program's last words */

	/* service groups */
	bool is_service;
	uint8_t key[TOKEN_KEY_BYTES];
	char broker_up_method[64], broker_down_method[64], client_gone_method[64], handed_over_method[64];
	uint64_t last_ping;
	struct server *server;
	uint32_t next_client, n_clients;

	struct { uint64_t casts_dropped, calls_expired, replies_late, links_cut; } stats;
};

void group_log(actor_group *group, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Of what a peer did. @who: a group id, a pid, or what else names it; who does it again and again is not written of each time. */
void group_complain(actor_group *group, uint64_t who, const char *format, ...) __attribute__((format(printf, 3, 4)));
int group_path(const actor_group *group, char *ret, size_t size, const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline actor_ref group_ref(const actor_group *group, uint64_t serial)
{
	return (actor_ref){group->node, group->id, serial};
}
/* Not in a handler's own time: refresh group->now_ns. */
static inline int64_t group_now(actor_group *group)
{
	return group->now_ns = clock_now_ns();
}
