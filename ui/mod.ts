/**
 * The dashboard as the agent serves it: one page, one script, one style sheet, and what the script fetches later, all
 * from memory. The page itself is `app/`; it talks to the API of the node that served it and to nothing else. This door
 * knows no realm and no session.
 */
import { nouns } from "./app/nouns.ts";

export { buildAssets, firstVisitBytes, sourceAssets } from "./build.ts";

/** The dashboard's files: path below `/` → text. */
export type Assets = Readonly<Record<string, string>>;

/** Paths that are views of the page; deep links work since each of them is answered with the page. */
const VIEW = new RegExp(`^/(?:(?:${nouns.join("|")})(?:/[^/]{1,512}){0,2})?$`);
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};
/** Nothing inline, nothing evaluated, nothing from elsewhere; strings cannot become markup (Trusted Types). */
export const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/**
 * Answers the dashboard's paths, `undefined` for all others. `load` is called at the first request that needs it; when
 * it fails it is asked again by the next one.
 */
export function createDashboard(
  load: () => Promise<Assets>,
): (request: Request) => Promise<Response | undefined> {
  let assets: Promise<Assets> | undefined;
  return async (request) => {
    const path = new URL(request.url).pathname;
    const view = VIEW.test(path);
    if ((!view && !path.startsWith("/assets/")) || !["GET", "HEAD"].includes(request.method)) {
      return undefined;
    }
    assets ??= load();
    let files: Assets;
    try {
      files = await assets;
    } catch (error) {
      assets = undefined;
      return new Response(
        `The dashboard cannot be built: ${
          error instanceof Error ? error.message : error
        }\nThe command line works without it: realm status\n`,
        {
          status: 503,
          headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
        },
      );
    }
    const name = view ? "index.html" : path.slice(1);
    const text = Object.hasOwn(files, name) ? files[name] : undefined;
    if (text === undefined) return undefined;
    return new Response(request.method === "HEAD" ? null : text, {
      headers: {
        "content-type": TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
        // Names of assets hold a hash of their content, the page has always the same name.
        "cache-control": view ? "no-cache" : "private, max-age=31536000, immutable",
        "content-security-policy": PAGE_POLICY,
      },
    });
  };
}
