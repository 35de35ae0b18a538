/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 (Aumasson, Bernstein 2012): 64 bits for hash tables whose keys come from peers, 128 bits for
 * tokens.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t siphash64(const void *data, size_t size_bytes, const uint8_t key[16]);
void siphash128(const void *data, size_t size_bytes, const uint8_t key[16], uint8_t ret[16]);
