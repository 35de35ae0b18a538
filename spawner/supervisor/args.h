/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of `$spawner`, for its table of methods, and the functions by which they read their arguments.
 */
#pragma once

#include "libactor/protocol/mp.h"
#include "spawner/supervisor/supervisor.h"

struct args {
	struct mp_reader r;
	uint32_t n;
};

/* args.c */
int args_bool(struct args *args, bool fallback, bool *ret);
int args_name(struct args *args, char ret[256]);
struct args args_of(const actor_msg *msg);
int args_ref(struct args *args, actor_ref *ret);
int args_timeout(struct args *args, uint64_t *ret);
int args_uint(struct args *args, uint64_t *ret);
int args_wait(struct args *args, const char *const *words, const enum node_wait *waits, size_t n,
	enum node_wait *io_wait);
int bad_args(actor_from *from, const char *wanted);
actor_from *keep(struct supervisor *supervisor, actor_from *from);
struct supervisor *supervisor_of(actor *self);

/* verbs.c, input.c */
int on_demonitor(actor *self, const actor_msg *msg, actor_from *from);
int on_demonitor_cast(actor *self, const actor_msg *msg);
int on_down_verb(actor *self, const actor_msg *msg, actor_from *from);
int on_input(actor *self, const actor_msg *msg, actor_from *from);
int on_kill(actor *self, const actor_msg *msg, actor_from *from);
int on_monitor(actor *self, const actor_msg *msg, actor_from *from);
int on_restart(actor *self, const actor_msg *msg, actor_from *from);
int on_set(actor *self, const actor_msg *msg, actor_from *from);
int on_rm(actor *self, const actor_msg *msg, actor_from *from);
int on_spawn(actor *self, const actor_msg *msg, actor_from *from);
int on_start(actor *self, const actor_msg *msg, actor_from *from);
int on_stop(actor *self, const actor_msg *msg, actor_from *from);
int on_wait(actor *self, const actor_msg *msg, actor_from *from);

/* looks.c */
int on_explain(actor *self, const actor_msg *msg, actor_from *from);
int on_logs(actor *self, const actor_msg *msg, actor_from *from);
int on_ls(actor *self, const actor_msg *msg, actor_from *from);
int on_status(actor *self, const actor_msg *msg, actor_from *from);

/* events.c */
int on_broker_down(actor *self, const actor_msg *msg);
int on_broker_late(actor *self, const actor_msg *msg);
int on_broker_lives(actor *self, const actor_msg *msg);
int on_broker_look(actor *self, const actor_msg *msg);
int on_broker_up(actor *self, const actor_msg *msg);
int on_client_gone(actor *self, const actor_msg *msg);
int on_group_gone(actor *self, const actor_msg *msg);
int on_group_hello(actor *self, const actor_msg *msg);
int on_group_ready(actor *self, const actor_msg *msg);
int on_handed_over(actor *self, const actor_msg *msg);
int on_io(actor *self, const actor_msg *msg);
int on_owner_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause);
int on_dirs(actor *self, const actor_msg *msg);
int on_tell_again(actor *self, const actor_msg *msg);
int on_timer(actor *self, const actor_msg *msg);
int on_turn(actor *self, const actor_msg *msg);
int on_watch_owner(actor *self, const actor_msg *msg);
