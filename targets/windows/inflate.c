/*
 * DEFLATE (RFC 1951), for input and output that lie in memory whole. Damaged input ends it early and reads or writes
 * nothing outside; whoever calls compares digests.
 */
#include "inflate.h"
#include <stdbool.h>

enum { LONGEST = 15, LITERALS = 288, DISTANCES = 32, END_OF_BLOCK = 256 };

typedef struct {
  const uint8_t *at, *end;
  /* Bits that were read and not yet used, lowest first. Behind the end come zeros, and `missing` counts their bytes. */
  uint64_t bits;
  unsigned count, missing;
} Input;

/* By the next `longest` bits: symbol << 4 | length of its code; 0 where no code begins so. */
typedef struct {
  unsigned longest;
  uint16_t entries[1 << LONGEST];
} Code;

static Code literals, distances;

static void fill(Input *in, unsigned count) {
  while (in->count < count) {
    uint64_t byte = 0;
    if (in->at < in->end) byte = *in->at++;
    else in->missing++;
    in->bits |= byte << in->count;
    in->count += 8;
  }
}

static unsigned take(Input *in, unsigned count) {
  fill(in, count);
  unsigned value = in->bits & ((1u << count) - 1);
  in->bits >>= count;
  in->count -= count;
  return value;
}

/* Whether more was taken than there is. */
static bool overrun(const Input *in) {
  return in->missing > in->count / 8;
}

static int symbol(Input *in, const Code *code) {
  fill(in, LONGEST);
  unsigned entry = code->entries[in->bits & ((1u << code->longest) - 1)];
  if (entry == 0) return -1;
  take(in, entry & 15);
  return entry >> 4;
}

/* The canonical code of the given lengths; false when there are more codes than such lengths can have. */
static bool define(Code *code, const uint8_t *lengths, unsigned symbols) {
  unsigned first[LONGEST + 2] = {0}, next = 0;
  for (unsigned s = 0; s < symbols; s++) first[lengths[s] + 1]++;
  first[1] = 0;
  code->longest = 1;
  for (unsigned length = 1; length <= LONGEST; length++) {
    unsigned many = first[length + 1];
    next <<= 1;
    first[length] = next;
    next += many;
    if (next > 1u << length) return false;
    if (many) code->longest = length;
  }
  for (unsigned i = 0; i < 1u << code->longest; i++) code->entries[i] = 0;
  for (unsigned s = 0; s < symbols; s++) {
    unsigned length = lengths[s], word = 0;
    if (length == 0) continue;
    unsigned value = first[length]++;
    for (unsigned bit = 0; bit < length; bit++) word |= (value >> bit & 1) << (length - 1 - bit);
    for (; word < 1u << code->longest; word += 1u << length) code->entries[word] = s << 4 | length;
  }
  return true;
}

static void fixed_codes(void) {
  uint8_t lengths[LITERALS];
  for (unsigned s = 0; s < LITERALS; s++) lengths[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
  define(&literals, lengths, LITERALS);
  for (unsigned s = 0; s < DISTANCES; s++) lengths[s] = 5;
  define(&distances, lengths, DISTANCES);
}

static bool dynamic_codes(Input *in) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[LITERALS + DISTANCES] = {0};
  unsigned many = take(in, 5) + 257, far = take(in, 5) + 1, given = take(in, 4) + 4, at = 0;
  if (many > 286 || far > 30) return false;
  for (unsigned i = 0; i < given; i++) lengths[order[i]] = take(in, 3);
  if (!define(&literals, lengths, 19)) return false;
  for (unsigned i = 0; i < 19; i++) lengths[i] = 0;
  while (at < many + far) {
    int s = symbol(in, &literals);
    if (s < 0 || overrun(in)) return false;
    if (s < 16) {
      lengths[at++] = s;
      continue;
    }
    if (s == 16 && at == 0) return false;
    uint8_t length = s == 16 ? lengths[at - 1] : 0;
    unsigned times = s == 16 ? 3 + take(in, 2) : s == 17 ? 3 + take(in, 3) : 11 + take(in, 7);
    if (at + times > many + far) return false;
    while (times--) lengths[at++] = length;
  }
  return define(&literals, lengths, many) && define(&distances, lengths + many, far);
}

/* A block of symbols; false when it ends otherwise than by its own end. */
static bool codes(Input *in, uint8_t *out, size_t out_size, size_t *made) {
  static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                           31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const uint8_t length_bits[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static const uint16_t far_base[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  size_t at = *made;
  bool ended = false;
  while (at < out_size) {
    int s = symbol(in, &literals);
    if (s < 0 || overrun(in)) break;
    if (s < END_OF_BLOCK) {
      out[at++] = s;
      continue;
    }
    if (s == END_OF_BLOCK) {
      ended = true;
      break;
    }
    if (s > 285) break;
    unsigned length = length_base[s - 257] + take(in, length_bits[s - 257]);
    int d = symbol(in, &distances);
    if (d < 0 || d > 29) break;
    size_t far = far_base[d] + take(in, d < 2 ? 0 : d / 2 - 1);
    if (far > at || overrun(in)) break;
    for (; length && at < out_size; length--, at++) out[at] = out[at - far];
  }
  *made = at;
  return ended;
}

static bool stored(Input *in, uint8_t *out, size_t out_size, size_t *made) {
  take(in, in->count % 8);
  unsigned length = take(in, 16), inverse = take(in, 16);
  if ((length ^ inverse) != 0xffff) return false;
  for (; length && *made < out_size; length--) {
    uint8_t byte = take(in, 8);
    if (overrun(in)) return false;
    out[(*made)++] = byte;
  }
  return length == 0;
}

size_t inflate(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) {
  Input input = {in, in + in_size, 0, 0, 0};
  size_t made = 0;
  for (bool last = false, good = true; !last && good && made < out_size;) {
    last = take(&input, 1);
    switch (take(&input, 2)) {
      case 0:
        good = stored(&input, out, out_size, &made);
        break;
      case 1:
        fixed_codes();
        good = codes(&input, out, out_size, &made);
        break;
      case 2:
        good = dynamic_codes(&input) && codes(&input, out, out_size, &made);
        break;
      default:
        good = false;
    }
  }
  return made;
}
