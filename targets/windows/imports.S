/*
 * The beginning of the stub's code, and its import table. The first line of the code says what the file is, as the second
 * line of the shell prelude does. The table is written out, so that no import library is needed.
 */
#include "config.h"

.text
.ascii MARK "\n\0"
.balign 16

.macro library name
.section .idata$2,"dw"
.rva lookup_\name
.long 0, 0
.rva name_\name
.rva address_\name
.section .idata$7,"dw"
name_\name:
.asciz "\name\().dll"
.section .idata$4,"dw"
lookup_\name:
.section .idata$5,"dw"
.balign 8
address_\name:
.endm

.macro import function
.section .idata$6,"dw"
.balign 2
hint_\function:
.short 0
.asciz "\function"
.section .idata$4,"dw"
.rva hint_\function
.long 0
.section .idata$5,"dw"
.globl __imp_\function
__imp_\function:
.rva hint_\function
.long 0
.endm

.macro imported
.section .idata$4,"dw"
.quad 0
.section .idata$5,"dw"
.quad 0
.endm

library kernel32
import AssignProcessToJobObject
import CloseHandle
import CreateDirectoryW
import CreateFileMappingW
import CreateFileW
import CreateJobObjectW
import CreateProcessW
import DeleteFileW
import ExitProcess
import FindClose
import FindFirstFileW
import FindNextFileW
import FlushFileBuffers
import GetCommandLineW
import GetConsoleMode
import GetCurrentProcessId
import GetEnvironmentVariableW
import GetExitCodeProcess
import GetFileAttributesW
import GetFileSizeEx
import GetFinalPathNameByHandleW
import GetFullPathNameW
import GetLastError
import GetModuleFileNameW
import GetProcAddress
import GetProcessHeap
import GetStartupInfoW
import GetStdHandle
import GetSystemTimeAsFileTime
import HeapAlloc
import LoadLibraryExW
import LocalFree
import MapViewOfFile
import MoveFileExW
import RemoveDirectoryW
import ResumeThread
import SetConsoleCtrlHandler
import SetEnvironmentVariableW
import SetHandleInformation
import SetInformationJobObject
import Sleep
import TerminateProcess
import UnmapViewOfFile
import VirtualAlloc
import VirtualFree
import WaitForSingleObject
import WideCharToMultiByte
import WriteConsoleW
import WriteFile
imported

.section .idata$3,"dw"
.long 0, 0, 0, 0, 0
