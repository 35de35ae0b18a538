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
 * Format strings, as in jansson and sd-bus. Packing takes values, unpacking takes pointers to variables:
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
 *   m    const void *, size_t: one ready-made msgpack value, copied unchanged; unpacked: points into the
 *        message
 *   [ ]  an array of the values between the brackets
 *   { }  a map: alternating `s` keys and values. Unpacking takes literal keys as arguments, in any order.
 *        Unknown keys are skipped. A missing key is -ENOENT unless a ? follows its value: "{s:I,s:s?}"
 *   ?    (unpacking) after a value, also at the end of an array: the value may be missing or nil. The
 *        variables of such a value are then left unchanged.
 *   *    (unpacking) at the end of an array: further elements are allowed
 *
 * Spaces, commas and colons are ignored; they help the reader. A NULL `s` is packed as nil. Unpacking into
 * `s` accepts neither nil (write s?) nor a str with a NUL byte in it (write s#).
 *
 * For the arguments of a message, the values of the format are the elements of the array ("Is" → [1, "x"]).
 * For a result, the format has exactly one value ("" → nil).
 */

ACTOR_EXPORT const char *actor_msg_method(const actor_msg *msg); /* "" for a reply */
ACTOR_EXPORT actor_ref actor_msg_sender(const actor_msg *msg);
/* The raw msgpack: the arguments (an array), or the result. */
ACTOR_EXPORT const void *actor_msg_body(const actor_msg *msg, size_t *ret_size_bytes);
/*
 * Returns 0; -EPROTO when a type or the count differs; -ERANGE; -ENOENT; -EREMOTEIO for an error reply. After
 * a failure the variables that were written mean nothing.
 */
ACTOR_EXPORT int actor_msg_unpack(const actor_msg *msg, const char *format, ...);
ACTOR_EXPORT int actor_msg_vunpack(const actor_msg *msg, const char *format, va_list args);
/* The body as msgpack-c's object, which lives as long as the message. NULL when out of memory. */
struct msgpack_object;
ACTOR_EXPORT const struct msgpack_object *actor_msg_object(const actor_msg *msg);
/* The name of the error that this reply carries, or NULL; and the text of that error, for people. */
ACTOR_EXPORT const char *actor_msg_error(const actor_msg *msg);
ACTOR_EXPORT const char *actor_msg_error_text(const actor_msg *msg);
ACTOR_EXPORT actor_msg *actor_msg_free(actor_msg *msg); /* NULL is allowed; returns NULL */

/*
 * A body written by hand, for the functions that end in _msg: with a format, or through msgpack-c's packer
 * (msgpack_packer_init(&pk, msg, actor_msg_write)). The body is one value: an array of arguments ("[Is]"), or
 * a result. A program also reads such a body back as one value, like a result. An array whose length is known
 * only at run time needs msgpack-c's packer.
 */
ACTOR_EXPORT int actor_msg_new(actor_msg **ret);
ACTOR_EXPORT int actor_msg_pack(
	actor_msg *msg, const char *format, ...); /* appends the values without an array around them */
ACTOR_EXPORT int actor_msg_vpack(actor_msg *msg, const char *format, va_list args);
ACTOR_EXPORT int actor_msg_write(void *msg, const char *data, size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
