/*
 * The canonical ABI of wasi:http, written by hand. How a call looks (component-model, CanonicalABI.md):
 *   - a resource handle, bool, enum and everything up to 32 bits is an i32; u64 an i64; a string or list is pointer and length;
 *   - a result that does not fit one value is written to memory whose address is the last argument (`ret`), with the layout
 *     of a C struct: a case number first, then the payload at its alignment;
 *   - memory that the host fills (strings, lists) comes from `cabi_realloc`, and is ours to free.
 * A child resource (stream, headers) has to be dropped before the resource it came from.
 */
#include "wasi_http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef int32_t handle;

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define TYPES "wasi:http/types@0.2.3"
#define STREAMS "wasi:io/streams@0.2.3"
#define POLL "wasi:io/poll@0.2.3"
#define ERROR "wasi:io/error@0.2.3"

/* ret: case 0-9 of the variant `method`; case 9 is other(string) */
IMPORT(TYPES, "[method]incoming-request.method") void request_method(handle self, void *ret);
/* ret: option<string> */
IMPORT(TYPES, "[method]incoming-request.path-with-query") void request_path(handle self, void *ret);
IMPORT(TYPES, "[method]incoming-request.authority") void request_authority(handle self, void *ret);
IMPORT(TYPES, "[method]incoming-request.headers") handle request_headers(handle self);
/* ret: result<own<incoming-body>> */
IMPORT(TYPES, "[method]incoming-request.consume") void request_consume(handle self, void *ret);
IMPORT(TYPES, "[resource-drop]incoming-request") void request_drop(handle self);
/* ret: result<own<input-stream>> */
IMPORT(TYPES, "[method]incoming-body.stream") void incoming_body_stream(handle self, void *ret);
IMPORT(TYPES, "[resource-drop]incoming-body") void incoming_body_drop(handle self);

IMPORT(TYPES, "[constructor]fields") handle fields_new(void);
/* ret: list<list<u8>> */
IMPORT(TYPES, "[method]fields.get") void fields_get(handle self, const char *name, size_t len, void *ret);
/* ret: result<_, header-error> */
IMPORT(TYPES, "[method]fields.append")
void fields_append(handle self, const char *name, size_t nlen, const char *value, size_t vlen, void *ret);
IMPORT(TYPES, "[resource-drop]fields") void fields_drop(handle self);

IMPORT(TYPES, "[constructor]outgoing-response") handle response_new(handle headers);
IMPORT(TYPES, "[method]outgoing-response.set-status-code") int32_t response_set_status(handle self, int32_t status);
/* ret: result<own<outgoing-body>> */
IMPORT(TYPES, "[method]outgoing-response.body") void response_body(handle self, void *ret);
/* ret: result<own<output-stream>> */
IMPORT(TYPES, "[method]outgoing-body.write") void outgoing_body_write(handle self, void *ret);
/* ret: result<_, error-code> */
IMPORT(TYPES, "[static]outgoing-body.finish")
void outgoing_body_finish(handle self, int32_t has_trailers, handle trailers, void *ret);
IMPORT(TYPES, "[resource-drop]outgoing-body") void outgoing_body_drop(handle self);
/* The second parameter is result<own<outgoing-response>, error-code> flattened: the case, then the widest payload. */
IMPORT(TYPES, "[static]response-outparam.set")
void outparam_set(handle self, int32_t is_error, int32_t response_or_code, int32_t a, int64_t b, int32_t c, int32_t d,
                  int32_t e, int32_t f);

/* ret: result<list<u8>, stream-error> */
IMPORT(STREAMS, "[method]input-stream.blocking-read") void input_blocking_read(handle self, uint64_t len, void *ret);
IMPORT(STREAMS, "[resource-drop]input-stream") void input_drop(handle self);
/* ret: result<u64, stream-error>, payload at offset 8 */
IMPORT(STREAMS, "[method]output-stream.check-write") void output_check_write(handle self, void *ret);
/* ret: result<_, stream-error> */
IMPORT(STREAMS, "[method]output-stream.write") void output_write(handle self, const void *data, size_t len, void *ret);
IMPORT(STREAMS, "[method]output-stream.blocking-flush") void output_blocking_flush(handle self, void *ret);
IMPORT(STREAMS, "[method]output-stream.subscribe") handle output_subscribe(handle self);
IMPORT(STREAMS, "[resource-drop]output-stream") void output_drop(handle self);
IMPORT(POLL, "[method]pollable.block") void pollable_block(handle self);
IMPORT(POLL, "[resource-drop]pollable") void pollable_drop(handle self);
IMPORT(ERROR, "[resource-drop]error") void error_drop(handle self);

/* Where the host puts its results: large enough and aligned for the widest of the types above (error-code). */
typedef union {
  uint8_t bytes[64];
  uint32_t words[16];
  uint64_t longs[8];
} result_area;

enum {
  HANDLE_NONE = -1,
  OUT_CAPACITY = 16 * 1024, /* a page of HTML in one piece; a piece costs one call to the host */
  FORMAT_CAPACITY = 4 * 1024,
  KEPT_HEADERS = 16, /* header values handed out per request */
};

struct http_exchange {
  handle request, outparam;
  http_text method, path_with_query, authority;
  bool has_path, has_authority;
  void *kept[KEPT_HEADERS]; /* header values handed to the application */
  size_t kept_count;

  handle incoming_body, input;
  bool input_done;
  bool input_failed;

  unsigned status;
  handle headers; /* of the response, until the head is sent */
  handle outgoing_body, output;
  bool head_sent;
  bool output_failed;
  bool discard;        /* HEAD: the body is counted, not sent */
  size_t discarded;
  size_t out_len;
  char out[OUT_CAPACITY];
};

/* Called by the host to place strings and lists; the adapter of preview 1 calls it too, for memory that it keeps. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size;
  if (size == 0) return (void *)align;
  void *memory = align <= 16 ? realloc(old, size) : old ? NULL : aligned_alloc(align, (size + align - 1) / align * align);
  if (!memory) __builtin_trap();
  return memory;
}

static http_text taken_text(const uint32_t *words) {
  return (http_text){.data = (const char *)words[0], .len = words[1]};
}

static void free_text(http_text text) {
  if (text.len) free((void *)text.data);
}

/* --- the request ------------------------------------------------------------------------------------------------------- */

http_text http_method(http_exchange *x) {
  static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (!x->method.data) {
    result_area ret;
    request_method(x->request, &ret);
    unsigned which = ret.bytes[0];
    if (which < sizeof names / sizeof *names) {
      x->method = (http_text){names[which], strlen(names[which])};
    } else {
      x->method = taken_text(&ret.words[1]);
      if (x->kept_count < KEPT_HEADERS && x->method.len) x->kept[x->kept_count++] = (void *)x->method.data;
    }
  }
  return x->method;
}

static http_text path_with_query(http_exchange *x) {
  if (!x->has_path) {
    result_area ret;
    request_path(x->request, &ret);
    x->has_path = true;
    if (ret.bytes[0]) x->path_with_query = taken_text(&ret.words[1]);
  }
  return x->path_with_query;
}

http_text http_path(http_exchange *x) {
  http_text whole = path_with_query(x);
  if (!whole.len) return (http_text){"/", 1};
  const char *mark = memchr(whole.data, '?', whole.len);
  if (mark) whole.len = (size_t)(mark - whole.data);
  return whole;
}

http_text http_query(http_exchange *x) {
  http_text whole = path_with_query(x);
  const char *mark = whole.len ? memchr(whole.data, '?', whole.len) : NULL;
  if (!mark) return (http_text){NULL, 0};
  return (http_text){mark + 1, whole.len - (size_t)(mark + 1 - whole.data)};
}

http_text http_authority(http_exchange *x) {
  if (!x->has_authority) {
    result_area ret;
    request_authority(x->request, &ret);
    x->has_authority = true;
    if (ret.bytes[0]) x->authority = taken_text(&ret.words[1]);
  }
  return x->authority;
}

bool http_header(http_exchange *x, const char *name, http_text *value) {
  if (x->kept_count == KEPT_HEADERS) return false;
  result_area ret;
  handle headers = request_headers(x->request);
  fields_get(headers, name, strlen(name), &ret);
  fields_drop(headers);
  uint32_t *list = (uint32_t *)ret.words[0];
  size_t count = ret.words[1];
  for (size_t i = 0; i < count; i++) {
    http_text item = taken_text(&list[2 * i]);
    if (i == 0) {
      *value = item;
      if (item.len) x->kept[x->kept_count++] = (void *)item.data;
    } else {
      free_text(item);
    }
  }
  if (count) free(list);
  return count > 0;
}

ptrdiff_t http_read(http_exchange *x, void *buffer, size_t capacity) {
  result_area ret;
  if (x->input_failed) return -1;
  if (x->input_done || capacity == 0) return 0;
  if (x->input == HANDLE_NONE) {
    x->input_failed = true;
    request_consume(x->request, &ret);
    if (ret.bytes[0]) return -1;
    x->incoming_body = (handle)ret.words[1];
    incoming_body_stream(x->incoming_body, &ret);
    if (ret.bytes[0]) return -1;
    x->input = (handle)ret.words[1];
    x->input_failed = false;
  }
  for (;;) {
    input_blocking_read(x->input, capacity, &ret);
    if (ret.bytes[0]) {
      enum { LAST_OPERATION_FAILED = 0, CLOSED = 1 };
      if (ret.bytes[4] == CLOSED) {
        x->input_done = true;
        return 0;
      }
      error_drop((handle)ret.words[2]);
      x->input_failed = true;
      return -1;
    }
    http_text data = taken_text(&ret.words[1]);
    if (!data.len) continue; /* a wake-up without data is allowed */
    if (data.len > capacity) __builtin_trap();
    memcpy(buffer, data.data, data.len);
    free_text(data);
    return (ptrdiff_t)data.len;
  }
}

ptrdiff_t http_read_all(http_exchange *x, void *buffer, size_t capacity) {
  size_t len = 0;
  for (;;) {
    char probe;
    bool full = len == capacity;
    ptrdiff_t got = http_read(x, full ? &probe : (char *)buffer + len, full ? 1 : capacity - len);
    if (got < 0) return -1;
    if (got == 0) return (ptrdiff_t)len;
    if (full) return -2;
    len += (size_t)got;
  }
}

/* --- the response ------------------------------------------------------------------------------------------------------ */

void http_status(http_exchange *x, unsigned status) { x->status = status; }

bool http_add_header(http_exchange *x, const char *name, const char *value) {
  if (x->head_sent) return false;
  result_area ret;
  fields_append(x->headers, name, strlen(name), value, strlen(value), &ret);
  return ret.bytes[0] == 0;
}

static void send_head(http_exchange *x) {
  result_area ret;
  if (!x->status) x->status = 500;
  handle response = response_new(x->headers); /* takes the headers */
  x->head_sent = true;
  x->headers = HANDLE_NONE;
  if (response_set_status(response, (int32_t)x->status)) __builtin_trap(); /* not a status code: a defect of the caller */
  response_body(response, &ret);
  if (ret.bytes[0]) __builtin_trap();
  x->outgoing_body = (handle)ret.words[1];
  outparam_set(x->outparam, 0, response, 0, 0, 0, 0, 0, 0); /* takes both */
  outgoing_body_write(x->outgoing_body, &ret);
  if (ret.bytes[0]) __builtin_trap();
  x->output = (handle)ret.words[1];
}

static bool stream_ok(http_exchange *x, const result_area *ret, unsigned payload) {
  if (!ret->bytes[0]) return true;
  if (ret->bytes[payload] == 0) error_drop((handle)ret->words[payload / 4 + 1]);
  x->output_failed = true;
  return false;
}

/* Hands the buffer to the host as fast as it takes it. */
static void drain(http_exchange *x) {
  result_area ret;
  if (!x->head_sent) send_head(x);
  size_t at = 0;
  while (at < x->out_len && !x->output_failed) {
    output_check_write(x->output, &ret);
    if (!stream_ok(x, &ret, 8)) break;
    uint64_t permit = ret.longs[1];
    if (permit == 0) {
      handle ready = output_subscribe(x->output);
      pollable_block(ready);
      pollable_drop(ready);
      continue;
    }
    size_t piece = x->out_len - at;
    if (piece > permit) piece = (size_t)permit;
    output_write(x->output, x->out + at, piece, &ret);
    if (!stream_ok(x, &ret, 4)) break;
    at += piece;
  }
  x->out_len = 0;
}

void http_write(http_exchange *x, const void *data, size_t len) {
  const char *from = data;
  if (x->discard) {
    x->discarded += len;
    return;
  }
  while (len && !x->output_failed) {
    if (x->out_len == OUT_CAPACITY) drain(x);
    size_t room = OUT_CAPACITY - x->out_len;
    size_t piece = len < room ? len : room;
    memcpy(x->out + x->out_len, from, piece);
    x->out_len += piece;
    from += piece;
    len -= piece;
  }
}

void http_write_text(http_exchange *x, const char *text) { http_write(x, text, strlen(text)); }

void http_writef(http_exchange *x, const char *format, ...) {
  char text[FORMAT_CAPACITY];
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (len < 0 || (size_t)len >= sizeof text) __builtin_trap();
  http_write(x, text, (size_t)len);
}

bool http_flush(http_exchange *x) {
  result_area ret;
  drain(x);
  if (x->output_failed) return false;
  output_blocking_flush(x->output, &ret);
  return stream_ok(x, &ret, 4);
}

/* Sends what is left, ends the body, and gives everything back to the host, children first. */
static void finish(http_exchange *x) {
  result_area ret;
  if (!x->head_sent && x->status != 204 && x->status != 304) {
    char length[24];
    snprintf(length, sizeof length, "%zu", x->discard ? x->discarded : x->out_len);
    http_add_header(x, "content-length", length);
  }
  http_flush(x);
  output_drop(x->output);
  if (x->output_failed) {
    outgoing_body_drop(x->outgoing_body); /* without finish: the client must not take a torn body for a whole one */
  } else {
    outgoing_body_finish(x->outgoing_body, 0, 0, &ret);
  }
  if (x->input != HANDLE_NONE) input_drop(x->input);
  if (x->incoming_body != HANDLE_NONE) incoming_body_drop(x->incoming_body);
  request_drop(x->request);
  free_text(x->path_with_query);
  free_text(x->authority);
  while (x->kept_count) free(x->kept[--x->kept_count]);
}

__attribute__((export_name("wasi:http/incoming-handler@0.2.3#handle"))) void handle_export(handle request, handle outparam) {
  static http_exchange x; /* an instance answers one request at a time */
  memset(&x, 0, offsetof(http_exchange, out));
  x.request = request;
  x.outparam = outparam;
  x.incoming_body = x.input = x.outgoing_body = x.output = HANDLE_NONE;
  x.headers = fields_new();
  x.discard = http_is(http_method(&x), "HEAD");
  http_handle(&x);
  finish(&x);
}
