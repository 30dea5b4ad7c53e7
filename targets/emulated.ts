/**
 * A machine of another architecture on this one: commands run in a user namespace of their own, whose kernel hands
 * programs for arm64 to QEMU and whose `uname` says so. Nothing is changed outside of it. Needs Debian's
 * {@link EMULATOR_PACKAGES} and Linux 6.7, which has such handlers for each namespace.
 */

/** What has to be installed. */
export const EMULATOR_PACKAGES =
  "qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross libstdc++6-arm64-cross";

const QEMU = `#!/bin/sh
exec qemu-aarch64-static -L /usr/aarch64-linux-gnu "$@"
`;
const UNAME = `#!/bin/sh
case "$*" in
-m) echo aarch64 ;;
-s) echo Linux ;;
*) exit 1 ;;
esac
`;
const RUN = String.raw`#!/bin/sh
exec unshare -Urm --map-root-user --propagation private sh -ec '
here=$1; shift
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
elf="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
printf %s ":arm64:M::$elf:$mask:$here/qemu:" >/proc/sys/fs/binfmt_misc/register
mount --bind "$here/uname" "$(command -v uname)"
exec "$@"' arm64 "$(dirname "$0")" "$@"
`;

/** Writes what it takes into `directory`; the command that runs others as on arm64. Throws where that is not possible. */
export async function emulateArm64(directory: string): Promise<string> {
  await Deno.mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries({ qemu: QEMU, uname: UNAME, arm64: RUN })) {
    await Deno.writeTextFile(`${directory}/${name}`, text, { mode: 0o755 });
  }
  const command = `${directory}/arm64`;
  const ask = "uname -m && command -v qemu-aarch64-static && ls /usr/aarch64-linux-gnu/lib/libc.so.6";
  const tried = await new Deno.Command(command, { args: ["sh", "-c", ask] }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!tried.success || !text(tried.stdout).startsWith("aarch64\n")) {
    throw new Error(
      `arm64 cannot be emulated here: ${
        text(tried.stderr).trim()
      }; install ${EMULATOR_PACKAGES} (Linux from 6.7)`,
    );
  }
  return command;
}
