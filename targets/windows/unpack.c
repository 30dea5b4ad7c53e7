#include "unpack.h"
#include "config.h"
#include "inflate.h"
#include "system.h"

enum { HOUR_OLD = 60 * 60, TRIES = 200, TRY_MS = 50, PIECE = 1 << 20, HEADER = 512, INTERRUPTED = 130 };

#define ROOM u"; set REALM_CACHE_DIR to a directory with 120 MB free"

static const WCHAR *fresh;
static volatile bool interrupted;

static BOOL interrupt(DWORD event) {
  (void)event;
  interrupted = true;
  return true;
}

static void remove_tree(const WCHAR *path) {
  WIN32_FIND_DATAW found;
  HANDLE search = FindFirstFileW(text(path, u"\\*", NULL), &found);
  if (search != INVALID_HANDLE_VALUE) {
    do {
      const WCHAR *name = found.cFileName;
      if (name[0] == u'.' && (name[1] == 0 || (name[1] == u'.' && name[2] == 0))) continue;
      const WCHAR *inside = text(path, u"\\", name, NULL);
      if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) DeleteFileW(inside);
      else if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) RemoveDirectoryW(inside);
      else remove_tree(inside);
    } while (FindNextFileW(search, &found));
    FindClose(search);
  }
  RemoveDirectoryW(path);
}

static void clear(void) {
  if (fresh) remove_tree(fresh);
}

static void check_interrupt(void) {
  if (!interrupted) return;
  clear();
  ExitProcess(INTERRUPTED);
}

/* Left over by starts that were killed. */
static void clear_old(const WCHAR *cache) {
  WIN32_FIND_DATAW found;
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  HANDLE search = FindFirstFileW(text(cache, u"\\new.*", NULL), &found);
  if (search == INVALID_HANDLE_VALUE) return;
  do {
    uint64_t made = (uint64_t)found.ftLastWriteTime.high << 32 | found.ftLastWriteTime.low;
    uint64_t time = (uint64_t)now.high << 32 | now.low;
    bool old = time > made && (time - made) / 10000000 > HOUR_OLD;
    if (old && found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) remove_tree(text(cache, u"\\", found.cFileName, NULL));
  } while (FindNextFileW(search, &found));
  FindClose(search);
}

static _Noreturn void cannot_write(const WCHAR *cache) {
  DWORD error = GetLastError();
  die(text(u"cannot write to the cache ", cache, u" (is the disk full or read-only? Windows says error ", number(error), u")", ROOM, NULL));
}

static void make_directories(WCHAR *path) {
  for (WCHAR *at = path; *at; at++) {
    if (*at != u'\\' || at == path) continue;
    *at = 0;
    CreateDirectoryW(path, NULL);
    *at = u'\\';
  }
  CreateDirectoryW(path, NULL);
}

static void write_file(const WCHAR *cache, const WCHAR *path, const uint8_t *bytes, size_t size) {
  HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) cannot_write(cache);
  while (size > 0) {
    DWORD written = 0, piece = size < PIECE ? (DWORD)size : PIECE;
    check_interrupt();
    if (!WriteFile(file, bytes, piece, &written, NULL) || written == 0) {
      DWORD error = GetLastError();
      CloseHandle(file);
      die(text(u"cannot write to the cache ", cache, u" (is the disk full? Windows says error ", number(error), u")", ROOM, NULL));
    }
    bytes += written;
    size -= written;
  }
  FlushFileBuffers(file);
  CloseHandle(file);
}

/* A directory appears whole or not at all. Two first starts at once: the later one finds the other's, which is equal. */
static void place(const WCHAR *cache, const WCHAR *from, const WCHAR *to) {
  DWORD error = 0;
  // A virus scanner may hold a new file open for a moment.
  for (unsigned i = 0; i < TRIES; i++) {
    if (exists(to) || MoveFileExW(from, to, 0)) return;
    error = GetLastError();
    if (error != ERROR_ACCESS_DENIED && error != ERROR_SHARING_VIOLATION && error != ERROR_ALREADY_EXISTS) break;
    check_interrupt();
    Sleep(TRY_MS);
  }
  if (exists(to)) return;
  die(text(u"cannot write to the cache ", cache, u" (Windows says error ", number(error), u"); set REALM_CACHE_DIR to another directory", NULL));
}

/* bcrypt.dll of the system, loaded when it is needed: warm starts do without. */
static bool has_digest(const uint8_t *bytes, size_t size, const char *digest) {
  int (*open)(void **, const WCHAR *, const WCHAR *, DWORD);
  int (*hash)(void *, const void *, DWORD, const void *, DWORD, uint8_t *, DWORD);
  void *library = LoadLibraryExW(u"bcrypt.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32), *algorithm;
  open = library ? GetProcAddress(library, "BCryptOpenAlgorithmProvider") : NULL;
  hash = library ? GetProcAddress(library, "BCryptHash") : NULL;
  uint8_t made[32];
  if (!open || !hash || open(&algorithm, u"SHA256", NULL, 0) != 0 ||
      hash(algorithm, NULL, 0, bytes, (DWORD)size, made, sizeof made) != 0) {
    die(u"this Windows cannot compute SHA-256 (bcrypt.dll); Windows 10 or later is needed");
  }
  for (unsigned i = 0; i < sizeof made * 2; i++) {
    if (digest[i] != "0123456789abcdef"[i % 2 ? made[i / 2] & 15 : made[i / 2] >> 4]) return false;
  }
  return true;
}

/* What begins `skip` bytes into a packed part and is `size` long, verified. */
static const uint8_t *part(const uint8_t *packed, size_t packed_size, size_t skip, size_t size, const char *digest) {
  uint8_t *out = VirtualAlloc(NULL, skip + size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  if (!out) die(u"there is not enough memory for the first start, which needs 150 MB; end other programs and start again");
  if (inflate(packed, packed_size, out, skip + size) < skip + size || !has_digest(out + skip, size, digest)) {
    die(u"this file is damaged; download it again");
  }
  check_interrupt();
  return out + skip;
}

static size_t octal(const uint8_t *digits) {
  size_t value = 0;
  while (*digits >= '0' && *digits <= '7') value = value * 8 + (*digits++ - '0');
  return value;
}

/* Writes the files of a tar (ustar, made by the build and verified) under a directory. */
static void write_tar(const WCHAR *cache, const WCHAR *directory, const uint8_t *tar, size_t size) {
  for (size_t at = 0; at + HEADER <= size && tar[at];) {
    size_t length = octal(tar + at + 124);
    WCHAR name[102] = u"\\", *folder = NULL;
    for (unsigned i = 0; i < 100 && tar[at + i]; i++) {
      name[i + 1] = tar[at + i] == '/' ? u'\\' : tar[at + i];
      if (name[i + 1] == u'\\') folder = name + i + 1;
    }
    if (folder) {
      *folder = 0;
      make_directories(text(directory, name, NULL));
      *folder = u'\\';
    }
    write_file(cache, text(directory, name, NULL), tar + at + HEADER, length);
    at += HEADER + (length + HEADER - 1) / HEADER * HEADER;
  }
}

/* This file in memory. */
static const uint8_t *whole(const WCHAR *self) {
  HANDLE file = CreateFileW(self, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
  int64_t size = 0;
  if (file == INVALID_HANDLE_VALUE || !GetFileSizeEx(file, &size)) {
    die(text(u"cannot read ", self, u" (Windows says error ", number(GetLastError()), u"), which it needs for its first start", NULL));
  }
  // A signature may follow.
  if (size < TOTAL) die(u"this file is damaged or incomplete; download it again");
  HANDLE mapping = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
  const uint8_t *bytes = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0) : NULL;
  if (!bytes) die(u"there is not enough memory for the first start, which needs 150 MB; end other programs and start again");
  return bytes;
}

static const WCHAR *fresh_directory(const WCHAR *cache) {
  for (DWORD i = 0; i < TRIES; i++) {
    const WCHAR *path = text(cache, u"\\new.", number(GetCurrentProcessId()), u"-", number(i), NULL);
    if (CreateDirectoryW(path, NULL)) return path;
    if (GetLastError() != ERROR_ALREADY_EXISTS) break;
  }
  cannot_write(cache);
}

void unpack(const Places *places) {
  const WCHAR *cache = places->cache;
  make_directories(text(cache, NULL));
  DWORD attributes = GetFileAttributesW(cache);
  if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY)) {
    die(text(u"cannot use ", cache, u" as cache, since it cannot be made; set REALM_CACHE_DIR to a directory of yours", NULL));
  }
  clear_old(cache);
  const uint8_t *bytes = whole(places->self);
  SetConsoleCtrlHandler(interrupt, true);
  fresh = fresh_directory(cache);
  before_end = clear;
  if (!exists(places->program)) {
    const uint8_t *runtime = part(bytes + RUNTIME_AT, RUNTIME_PACKED, RUNTIME_SKIP, RUNTIME_SIZE, RUNTIME_SHA);
    const WCHAR *made = text(fresh, u"\\runtime", NULL);
    CreateDirectoryW(made, NULL);
    write_file(cache, text(made, u"\\realm.exe", NULL), runtime, RUNTIME_SIZE);
    place(cache, made, places->runtime);
  }
  if (!exists(places->module)) {
    const uint8_t *tar = part(bytes + APP_AT, APP_PACKED, 0, APP_SIZE, APP_SHA);
    const WCHAR *made = text(fresh, u"\\app", NULL);
    CreateDirectoryW(made, NULL);
    write_tar(cache, made, tar, APP_SIZE);
    place(cache, made, places->app);
  }
  clear();
  before_end = NULL;
  SetConsoleCtrlHandler(interrupt, false);
  check_interrupt();
}
