/*
 * The beginning of Realm's portable file for Windows; behind it in the file lie the program and its runtime. The first
 * start unpacks both into a cache directory, as the shell prelude does elsewhere (../prelude.sh).
 */
#include "config.h"
#include "system.h"
#include "unpack.h"

static HANDLE child;

/* Ctrl-C is the runtime's to answer. When the console closes or the user leaves, Windows ends who returns from here. */
static BOOL wait_for_child(DWORD event) {
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT && child) WaitForSingleObject(child, INFINITE);
  return true;
}

static const WCHAR *cache_directory(void) {
  const WCHAR *given = environment(u"REALM_CACHE_DIR"), *local = environment(u"LOCALAPPDATA"), *home = environment(u"USERPROFILE");
  if (given) return absolute(given);
  if (local) return text(absolute(local), u"\\realm-cache", NULL);
  if (home) return text(absolute(home), u"\\AppData\\Local\\realm-cache", NULL);
  die(u"there is no place for the cache, since neither LOCALAPPDATA nor USERPROFILE is set; set REALM_CACHE_DIR to a directory of yours");
}

/* What follows the program's name on the command line, as it was given: the runtime takes it apart by the same rules. */
static const WCHAR *arguments(void) {
  const WCHAR *at = GetCommandLineW();
  for (bool quoted = false; *at && (quoted || (*at != u' ' && *at != u'\t')); at++) {
    if (*at == u'"') quoted = !quoted;
  }
  return at;
}

/* A job that ends the runtime with this process, however that ends. What the runtime starts is its own affair. */
static HANDLE job(void) {
  HANDLE made = CreateJobObjectW(NULL, NULL);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
  limits.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
  if (made) SetInformationJobObject(made, JobObjectExtendedLimitInformation, &limits, sizeof limits);
  return made;
}

static _Noreturn void cannot_start(const WCHAR *program, DWORD error) {
  if (error == ERROR_FILENAME_EXCED_RANGE) {
    die(u"the arguments are longer than Windows allows (32,767 characters); give fewer");
  }
  die(text(u"the runtime ", program, u" cannot be executed (does a policy or a virus scanner forbid it? Windows says error ",
           number(error), u"); allow it, or set REALM_CACHE_DIR to a directory that allows it", NULL));
}

/* Runs the program with these arguments and this process's streams; resolves with its exit code. */
static DWORD run(const Places *places) {
  WCHAR *line = text(u"\"", places->program, u"\" " FLAGS u" \"", places->module, u"\"", arguments(), NULL);
  if (length_of(line) > 32766) cannot_start(places->program, ERROR_FILENAME_EXCED_RANGE);
  STARTUPINFOEXW given = {0};
  STARTUPINFOW *start = &given.StartupInfo;
  GetStartupInfoW(start);
  start->cb = sizeof given;
  start->dwFlags = (start->dwFlags & STARTF_USESHOWWINDOW) | STARTF_USESTDHANDLES;
  HANDLE *streams[] = {&start->hStdInput, &start->hStdOutput, &start->hStdError};
  for (unsigned i = 0; i < 3; i++) {
    *streams[i] = GetStdHandle(STD_INPUT_HANDLE - i);
    SetHandleInformation(*streams[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  }
  // In the job from its first moment: a stub that is killed right after leaves nothing.
  static uint64_t attributes[32];
  size_t size = sizeof attributes;
  HANDLE tie = job();
  given.lpAttributeList = attributes;
  SetConsoleCtrlHandler(wait_for_child, true);
  PROCESS_INFORMATION made;
  if (!tie || !InitializeProcThreadAttributeList(attributes, 1, 0, &size) ||
      !UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &tie, sizeof tie, NULL, NULL) ||
      !CreateProcessW(places->program, line, NULL, NULL, true, EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &given, &made)) {
    cannot_start(places->program, GetLastError());
  }
  child = made.hProcess;
  WaitForSingleObject(child, INFINITE);
  DWORD code = 126;
  GetExitCodeProcess(child, &code);
  return code;
}

void start(void) {
  Places places;
  places.self = own_file();
  places.cache = cache_directory();
  places.runtime = text(places.cache, u"\\runtime-" RUNTIME_ID, NULL);
  places.app = text(places.cache, u"\\app-" APP_ID, NULL);
  places.program = text(places.runtime, u"\\realm.exe", NULL);
  places.module = text(places.app, u"\\" MAIN, NULL);
  if (!exists(places.program) || !exists(places.module)) unpack(&places);
  static const WCHAR *const fixed[][2] = {ENVIRONMENT};
  for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++) SetEnvironmentVariableW(fixed[i][0], fixed[i][1]);
  SetEnvironmentVariableW(u"REALM_EXE", places.self);
  SetEnvironmentVariableW(u"DENO_DIR", text(places.cache, u"\\deno", NULL));
  ExitProcess(run(&places));
}
