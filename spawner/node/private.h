/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the node share. In the list below each file uses only the files above it. bytes.c uses
 * those up to children.c. node.c and commands.c use all.
 */
#pragma once

#include "spawner/node/parts.h"

/* ---- actions.c ---- */

/* Aborts when memory runs out (see node.h). */
void *node_alloc(size_t size_bytes);
/* An argv of only a program, which a spec can own. */
const char *const *node_argv_of(const char *program);
struct node_action *node_early(struct node *node, enum node_action_kind kind);
struct node_action *node_late(struct node *node, enum node_action_kind kind);
__attribute__((format(printf, 2, 3))) void node_log(struct node *node, const char *format, ...);

/* ---- tables.c ---- */

/* @pid 0: not known, and @name is not used. */
void node_recent_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, int32_t pid, const char *name);
/* @child has changed. Its row will be written, and its waiters will be checked. */
void node_touch(struct node *node, struct child *child);
void node_set_group(struct node *node, struct child *child, uint64_t group);

/* ---- clients.c ---- */

/* Finds or makes a client. NULL: the client is gone, and nothing may be made for it any more. */
struct client *node_client_get(struct node *node, uint64_t group);
/* Frees @client if it has nothing left. To be called when something of it was removed. */
void node_client_settle(struct node *node, struct client *client);
void node_owner_set(struct node *node, struct child *child, actor_ref owner);
struct client *node_client_find(const struct node *node, uint64_t group);
void node_client_free(struct node *node, struct client *client);
struct client *node_client_new(struct node *node, uint64_t group);

/* ---- watches.c ---- */

/* May @watcher make one more watch? NULL: yes; else the reason why not. */
const char *node_watch_refusal(const struct node *node, actor_ref watcher);
/* Does nothing if there is such a watch already, or if the watcher is gone. */
void node_watch_add(struct node *node, struct child *child, actor_ref watcher, uint64_t id);
struct watch *node_watch_find(const struct node *node, actor_ref watcher, uint64_t id);
void node_watch_free(struct node *node, struct watch *watch);
/* @child has ended. Each of its watches becomes a notice, and the broker is owed the ending. */
void node_child_ended(struct node *node, struct child *child, const struct actor_cause *cause);
/* Adds a notice for a watcher of a group that is not there. */
void node_notice_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, actor_ref watcher, uint64_t id);
void node_clients_forget(struct node *node);
/* These two are for loading. -EPROTO: the row is wrong. */
int node_notice_load(struct node *node, uint64_t number, actor_ref watcher, uint64_t id, uint64_t group);
void node_ending_load(struct node *node, uint64_t group, const struct actor_cause *cause, uint64_t owed);
void node_client_tell(struct node *node, struct client *client);
void node_ending_settle(struct node *node, struct ending *ending);

/* ---- requests.c ---- */

/* Does nothing if the child has no cookie, or if its cookie is known already. */
void node_request_new(struct node *node, struct child *child);
/* @child is about to be freed. @spent: its cookie is remembered. */
void node_request_end(struct node *node, struct child *child, bool spent);
void node_request_load_spent(struct node *node, uint64_t cookie);
void node_requests_forget(struct node *node);
struct request *node_request_find(const struct node *node, uint64_t cookie);

/* ---- waiters.c ---- */

/* Ends the waiters of @client, which is gone. */
void node_waiters_of_gone(struct node *node, struct client *client);
void node_settle(struct node *node, struct child *child, uint64_t now_ns);
void node_waiters_expire(struct node *node, uint64_t now_ns);
/* The child is about to be forgotten. */
void node_waiters_end(struct node *node, struct child *child, uint64_t now_ns);
void node_downers_answer(struct node *node);
void node_answer_child(struct node *node, void *from, const struct child *child, uint64_t now_ns);
void node_answer_nil(struct node *node, void *from);
__attribute__((format(printf, 4, 5))) void node_answer_refuse(
	struct node *node, void *from, const char *error, const char *format, ...);
void node_wait_for(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns);
void node_waiter_add(struct node *node, struct waiter *waiter, struct list *where);
bool node_waiter_charge(struct node *node, void *from, struct client **ret);
void node_waiter_free(struct node *node, struct waiter *waiter);
bool node_waiter_new(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns);
void node_waiters_drop(struct node *node, struct list *waiters);

/* ---- children.c ---- */

/* Makes a child and puts it into the tables. It has no engine yet. Takes @name and @take_spec. */
struct child *node_child_new(
	struct node *node, uint64_t number, char *name, struct child_spec *take_spec, bool daemon);
/* Gives @child to its engine. 0, or the engine's error. */
int node_child_engage(struct node *node, struct child *child);
/* Gives @child another spec. What runs goes on as it was started. */
void node_child_change(struct node *node, struct child *child, struct child_spec *take_spec);
/* Frees a child that was loaded and not given to its engine. */
void node_child_unload(struct node *node, struct child *child);
/* Forgets @child, which must be down. Callers that still wait for it are answered. */
void node_child_forget(struct node *node, struct child *child);
void node_child_free(struct node *node, struct child *child);
/* The program of @child runs. If its spec says so, it is ready when it has been up for a while. */
void node_await_steady(struct node *node, struct child *child);

/* ---- drain.c ---- */

/* Carries out the engines' actions until there is none, then answers the callers whose wait is over. */
void node_drain(struct node *node, uint64_t now_ns);
void node_stop_child(struct node *node, struct child *child, uint64_t now_ns);
void node_request_groups(struct node *node);
void node_start_instance(struct node *node, struct child *child);

/* ---- ends.c ---- */

/* To be called when everything is loaded. Finds what must still be told, and drops clients that are gone. */
void node_clients_start(struct node *node, uint64_t now_ns);
/*
 * To be called when the keeper's table is known. Drops clients whose groups ended while there was no
 * supervisor.
 */
void node_clients_synced(struct node *node, uint64_t now_ns);
void node_child_synced(struct node *node, struct child *child, uint64_t now_ns);
void node_child_give_up(struct node *node, struct child *child, uint64_t now_ns);
void node_record_end(struct node *node, struct child *child, const struct actor_cause *cause,
	const struct keeper_rusage *rusage, uint64_t at_ns);
