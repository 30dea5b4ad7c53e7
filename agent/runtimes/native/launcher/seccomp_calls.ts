/** Numbers of system calls that the seccomp filter names, by architecture (asm/unistd.h). */

/** Calls of one architecture. */
export interface CallTable {
  /** AUDIT_ARCH of linux/audit.h. */
  readonly arch: number;
  readonly socket: number;
  readonly socketpair: number;
  readonly clone: number;
  readonly clone3: number;
  readonly ioctl: number;
  /** Answered with "not permitted". */
  readonly denied: Readonly<Record<string, number>>;
}

/** The same on all architectures since Linux 5.1. */
const LATER = {
  pidfd_getfd: 438,
  process_madvise: 440,
  mount_setattr: 442,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
} as const;

/** x86-64. */
const AMD64: CallTable = {
  arch: 0xc000003e,
  socket: 41,
  socketpair: 53,
  clone: 56,
  clone3: 435,
  ioctl: 16,
  denied: {
    ...LATER,
    ptrace: 101,
    process_vm_readv: 310,
    process_vm_writev: 311,
    kcmp: 312,
    mount: 165,
    umount2: 166,
    pivot_root: 155,
    chroot: 161,
    unshare: 272,
    setns: 308,
    swapon: 167,
    swapoff: 168,
    reboot: 169,
    sethostname: 170,
    setdomainname: 171,
    iopl: 172,
    ioperm: 173,
    init_module: 175,
    delete_module: 176,
    finit_module: 313,
    quotactl: 179,
    acct: 163,
    settimeofday: 164,
    clock_settime: 227,
    clock_adjtime: 305,
    adjtimex: 159,
    kexec_load: 246,
    kexec_file_load: 320,
    bpf: 321,
    perf_event_open: 298,
    userfaultfd: 323,
    add_key: 248,
    request_key: 249,
    keyctl: 250,
    open_by_handle_at: 304,
    name_to_handle_at: 303,
    fanotify_init: 300,
    lookup_dcookie: 212,
    vhangup: 153,
    syslog: 103,
    mbind: 237,
    move_pages: 279,
    migrate_pages: 256,
    set_mempolicy: 238,
    modify_ldt: 154,
    uselib: 134,
    ustat: 136,
    sysfs: 139,
    nfsservctl: 180,
    _sysctl: 156,
  },
};

/** AArch64. */
const ARM64: CallTable = {
  arch: 0xc00000b7,
  socket: 198,
  socketpair: 199,
  clone: 220,
  clone3: 435,
  ioctl: 29,
  denied: {
    ...LATER,
    ptrace: 117,
    process_vm_readv: 270,
    process_vm_writev: 271,
    kcmp: 272,
    mount: 40,
    umount2: 39,
    pivot_root: 41,
    chroot: 51,
    unshare: 97,
    setns: 268,
    swapon: 224,
    swapoff: 225,
    reboot: 142,
    sethostname: 161,
    setdomainname: 162,
    init_module: 105,
    delete_module: 106,
    finit_module: 273,
    quotactl: 60,
    acct: 89,
    settimeofday: 170,
    clock_settime: 112,
    clock_adjtime: 266,
    adjtimex: 171,
    kexec_load: 104,
    kexec_file_load: 294,
    bpf: 280,
    perf_event_open: 241,
    userfaultfd: 282,
    add_key: 217,
    request_key: 218,
    keyctl: 219,
    open_by_handle_at: 265,
    name_to_handle_at: 264,
    fanotify_init: 262,
    lookup_dcookie: 18,
    vhangup: 58,
    syslog: 116,
    mbind: 235,
    move_pages: 239,
    migrate_pages: 238,
    set_mempolicy: 237,
  },
};

/** Tables by Deno's name of the architecture. */
export const callTables: Readonly<Record<typeof Deno.build.arch, CallTable>> = {
  x86_64: AMD64,
  aarch64: ARM64,
};
