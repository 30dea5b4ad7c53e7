/* DEFLATE (RFC 1951). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Unpacks into `out` until it is full or the stream ends; returns how many bytes came out before the end or an error. */
size_t inflate(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);
