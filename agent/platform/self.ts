/** How this program starts itself again: from source, as a bundle behind a launcher, or as a compiled executable. */

/** A command line that runs this same program; append the arguments. */
export interface SelfCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** Deno flags that a child of the source run needs. */
const FLAGS = ["run", "--no-prompt", "--quiet"] as const;

/**
 * Own command line. `permissions` are Deno's permission flags for the child (default: all); a compiled executable has
 * baked-in ones and ignores them, so that a child must give up what it does not need by itself.
 */
export function selfCommand(permissions: readonly string[] = ["-A"]): SelfCommand {
  if (Deno.build.standalone) return { command: Deno.execPath(), args: [] };
  return { command: Deno.execPath(), args: [...FLAGS, ...permissions, new URL(Deno.mainModule).pathname] };
}
