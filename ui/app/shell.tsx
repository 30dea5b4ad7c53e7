/** The frame of all views: where one can go, who one is, whether what is shown is current. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { shortId } from "../../mod.ts";
import { Confirm } from "./actions.tsx";
import { span } from "./format.ts";
import { link, nodes, now, realm } from "./live.ts";
import { toast } from "./parts.tsx";
import { path } from "./router.ts";
import { session, signOut } from "./session.ts";
import { Mark } from "./sign_in.tsx";

const PLACES = [["/", "Overview"], ["/nodes", "Nodes"], ["/apps", "Apps"], ["/audit", "Audit"], [
  "/keys",
  "Keys",
]];

/** See the module's text. */
export function Shell({ children }: { children: ComponentChildren }) {
  const here = (to: string) => to === "/" ? path.value === "/" : path.value.startsWith(to);
  const self = nodes.value?.find((n) => n.self);
  const { live, since } = link.value;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    const place = PLACES.find(([to]) => here(to))?.[1] ?? "Realm";
    document.title = `${decodeURIComponent(path.value.split("/")[2] ?? "") || place} · Realm`;
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path.value]);
  const problems = realm.value?.problems.length ?? 0;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(e) => (e.preventDefault(), e.stopPropagation(), main.current?.focus())}
      >
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="/">
          <Mark /> Realm
        </a>
        <nav aria-label="Views">
          {PLACES.map(([to, name]) => (
            <a key={to} href={to} aria-current={here(to) ? "page" : undefined}>
              {name}
              {to === "/" && problems > 0 && <b class="count">{problems}</b>}
            </a>
          ))}
        </nav>
        <span class="who">
          <span class={`state ${live ? "good" : "bad"}`} role="status">
            <i aria-hidden="true" />
            {live ? "live" : "reconnecting"}
          </span>
          <span class="muted wide" title={session.value?.key}>
            {session.value?.role} · at {self?.name.slice(0, 24) ?? "…"}
          </span>
          <button
            type="button"
            class="quiet"
            onClick={() => signOut("You are signed out; the key is forgotten.")}
          >
            Sign out
          </button>
        </span>
      </header>
      {!live && (
        <p class="stale" role="alert">
          No connection to this node for{" "}
          {span(now.value - since)}: what you see is from then. Trying again by itself.
        </p>
      )}
      <main id="main" ref={main} tabIndex={-1} class={live ? "" : "old"}>{children}</main>
      <footer class="foot muted">
        {realm.value && (
          <>
            realm <code title={realm.value.realm}>{shortId(realm.value.realm)}</code> · version{" "}
            {realm.value.version} · {realm.value.records} records
          </>
        )}
      </footer>
      {toast.value && <p class={`toast ${toast.value.bad ? "bad" : ""}`} role="status">{toast.value.text}</p>}
      <Confirm />
    </>
  );
}
