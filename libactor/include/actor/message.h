/* SPDX-License-Identifier: Apache-2.0 */
/* actor/message.h — what is in a message, and how it is written and read (a part of actor/actor.h) */
#ifndef ACTOR_MESSAGE_H
#define ACTOR_MESSAGE_H

#include <actor/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Format strings, as in jansson and sd-bus. Packing takes values, unpacking takes pointers to them:
 *
 *   i    int
 *   I    int64_t
 *   u    unsigned
 *   U    uint64_t
 *   b    bool (int when packing)
 *   f    double
 *   n    nil
 *   s    const char *, NUL-terminated; unpacked: a copy that lives as long as the message
 *   s#   const char *, size_t; unpacked: points into the message
 *   y#   const void *, size_t (bin); unpacked: points into the message
 *   r    actor_ref
 *   o    const struct msgpack_object * (msgpack-c); unpacked: lives as long as the message
 *   m    const void *, size_t: one ready-made msgpack value, copied as it is; unpacked: points into the
 *        message
 *   [ ]  an array of what stands between
 *   { }  a map: alternating `s` keys and values. Unpacking takes literal keys as arguments, in any order;
 *        unknown keys are skipped; a missing key is -ENOENT unless a ? stands behind its value:
 *        "{s:I,s:s?}"
 *   ?    (unpacking) behind a value, at the end of arrays too: it may be missing, or nil. What its pointers
 *        point to is then left as it was.
 *   *    (unpacking) at the end: further elements are allowed
 *
 * Spaces, commas and colons are for the eye. A NULL `s` is packed as nil, but nil is not unpacked into `s`
 * (write s?); neither is a str with a NUL byte in it (write s#).
 *
 * A message's arguments: the format's values are the elements of the array ("Is" → [1, "x"]). A result is
 * exactly one value ("" → nil).
 */

ACTOR_EXPORT const char *actor_msg_method(const actor_msg *msg); /* "" for a reply */
ACTOR_EXPORT actor_ref actor_msg_sender(const actor_msg *msg);
/* The raw msgpack: args (an array), or the result. */
ACTOR_EXPORT const void *actor_msg_body(const actor_msg *msg, size_t *ret_size_bytes);
/*
 * 0, -EPROTO (type or count differs; nothing written is meaningful), -ERANGE, -ENOENT, -EREMOTEIO for an
 * error reply.
 */
ACTOR_EXPORT int actor_msg_unpack(const actor_msg *msg, const char *format, ...);
ACTOR_EXPORT int actor_msg_vunpack(const actor_msg *msg, const char *format, va_list args);
/* The body as msgpack-c's object; lives as long as the message. NULL when out of memory. */
struct msgpack_object;
ACTOR_EXPORT const struct msgpack_object *actor_msg_object(const actor_msg *msg);
/* Name of the error this reply carries, or NULL; its text for people. */
ACTOR_EXPORT const char *actor_msg_error(const actor_msg *msg);
ACTOR_EXPORT const char *actor_msg_error_text(const actor_msg *msg);
ACTOR_EXPORT actor_msg *actor_msg_free(actor_msg *msg); /* NULL is fine; returns NULL */

/*
 * A body written by hand, for the _msg forms: with a format, or through msgpack-c's packer
 * (msgpack_packer_init(&pk, msg, actor_msg_write)). One value: an array of arguments ("[Is]"), or a result.
 * Reading it back, too, is as for a result: one value. An array of a length known only at run time is the
 * packer's business.
 */
ACTOR_EXPORT int actor_msg_new(actor_msg **ret);
ACTOR_EXPORT int actor_msg_pack(actor_msg *msg, const char *format, ...); /* appends the values, bare */
ACTOR_EXPORT int actor_msg_vpack(actor_msg *msg, const char *format, va_list args);
ACTOR_EXPORT int actor_msg_write(void *msg, const char *data, size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
