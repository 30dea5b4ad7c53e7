/** Single values as they travel: names, digests, ids, tags. What people write has forms of its own (`written_values.ts`). */
import * as v from "valibot";
import { isDigest, isNodeId } from "./identity.ts";

/** A SHA-256 in hex. */
export const DigestSchema = v.pipe(v.string(), v.check(isDigest, "a SHA-256 in lower-case hex"));
/** A node id. */
export const NodeIdSchema = v.pipe(v.string(), v.check(isNodeId, "a node id (12D3KooW…)"));
/** A name of an app, job, volume: usable as a DNS label. */
export const NameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "lower-case letters, digits and '-', at most 63"),
);
/** A node tag, `word` or `key=value`. */
export const TagSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/, "a tag: word or key=value"),
);
/** A node's tags. */
export const TagsSchema = v.pipe(v.array(TagSchema), v.maxLength(64));
/** Which nodes: tags that they have, or `!tag` for those that they have not. */
export const SelectorSchema = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.regex(/^!?[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/, "a tag, or !tag to exclude"),
    ),
  ),
  v.maxLength(64),
);
