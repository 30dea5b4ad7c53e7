/** Entry of a launcher's process: `entry.ts LIBC`. */
import { launch } from "./launch.ts";

launch(Deno.args[0]);
