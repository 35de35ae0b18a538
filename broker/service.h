/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of `$broker` (docs/protocol.md §4). */
#pragma once

#include <stdbool.h>

#include "libactor/protocol/wire.h"

struct broker;
struct member;
struct mp_reader;

/* Handles a frame that is for the broker itself. */
void service_frame(struct broker *broker, struct member *member, const struct wire_frame *frame);
/* The same for a frame whose sender has ended while it waited. False: the frame is not for the broker. */
bool service_frame_of_ended(struct broker *broker, const struct wire_frame *frame);

/* ---- for the files of methods: service-args.c ---- */

int service_read_name(struct mp_reader *args, struct wire_str *ret);
int service_read_door(struct mp_reader *args, struct wire_str *ret); /* nil, or an absolute path */
#define SERVICE_LIST_DEFAULT 1000
#define SERVICE_LIST_MAX     16384 /* entries in one answer or one request, which is then under 5 MiB */
/*
 * Reads the arguments [max, after] of a list that is sent in parts. Both are optional: @n says how many are
 * there. Without `after` *ret_after is "".
 */
int service_read_part(struct mp_reader *args, uint32_t n, size_t *ret_max, struct wire_str *ret_after);
/* Keeps @call and handles it again when the recovery is over. If @call cannot be kept, it is refused. */
void service_wait_for_window(struct member *member, const struct wire_frame *call);

/* service-announce.c */
void service_tell_ready(struct member *member); /* tells the supervisor that @member is ready */

/* Each method returns 0 if it has answered or will answer, and -EPROTO if it does not take the arguments. */
/* service-names.c */
int method_register(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_register_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_replace(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_unregister(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_unregister_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_whereis(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_names(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_names_watch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_names_unwatch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
/* service-links.c */
int method_introduce(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_admit(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int cast_door(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
int cast_listening(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
int cast_introduce_failed(
	struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
int cast_link_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
/* service-pg.c */
int method_pg_join(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_leave(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_leave_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_members(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_groups(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_scopes(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_watch(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_unwatch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_pg_pick(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int cast_pg_cast(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
/* @sender NULL: the sender has ended. */
void service_pg_cast(struct broker *broker, struct member *sender, const struct wire_frame *cast);
/*
 * Takes the memberships that @member announces: an array of [scope, name, array of entries]. Memberships of
 * @member that are not announced end. @dry: only checks the format.
 */
int service_pg_announce(struct member *member, struct mp_reader *args, bool dry);
/* service-tap.c */
int method_tap(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_untap(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int cast_tapped(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
/* service-announce.c */
int method_announce(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_announced(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_ready(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
/* service-stats.c */
int method_stats(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_quota(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
int method_metrics(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n);
/* service-groups.c */
int cast_group_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
int cast_groups(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n);
