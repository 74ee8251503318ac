/* Hashes. All are the same on every machine (bytes are read little-endian). */
#ifndef EDDY_BASE_HASH_H
#define EDDY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 (Aumasson & Bernstein, INDOCRYPT 2012, with the round counts of Rust and Python) under a 128-bit key. For
 * tables whose keys come from outside. About 12 ns for 20 bytes. */
uint64_t eddy_hash_keyed(const uint64_t key[2], const void *bytes, size_t size);

/* Finaliser of MurmurHash3 (Appleby): a bijection of 64 bits that mixes well. For hash(user, day) decisions and arms. */
uint64_t eddy_hash_mix(uint64_t x);

/* 64-bit hash of bytes under a fixed public key: names, subjects, event ids. Stable for ever: it stands in records. */
uint64_t eddy_hash_stable(const void *bytes, size_t size);

#endif
