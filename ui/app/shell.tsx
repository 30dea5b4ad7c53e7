/** The frame of all views: where one can go, who one is, whether what is shown is current. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { shortId } from "../../mod.ts";
import { Confirm } from "./confirm.tsx";
import { counted, span } from "./format.ts";
import { Icon, Mark } from "./icons.tsx";
import { link, nodes, now, realm } from "./live.ts";
import { Palette, seeking } from "./palette.tsx";
import { toast } from "./parts.tsx";
import { addressOf, type Place, placeAt, places } from "./places.tsx";
import { decoded, path } from "./router.ts";
import { session, signOut } from "./session.ts";

const GROUPS = [...new Set(places.map((p) => p.group))];
/** ⌘ on Apple's keyboards, Ctrl elsewhere. */
const KEY = /Mac|iP/.test(navigator.userAgent) ? "⌘ K" : "Ctrl K";
/** Whether the navigation is unfolded where there is no room for it. */
const unfolded = signal(false);

const Entry = ({ place }: { place: Place }) => {
  const problems = place.noun === "" ? realm.value?.problems.length ?? 0 : 0;
  return (
    <li>
      <a href={addressOf(place)} aria-current={placeAt(path.value) === place ? "page" : undefined}>
        <Icon is={place.icon} />
        {place.name}
        {problems > 0 && (
          <b class="count">
            {problems}
            <span class="unseen">{problems === 1 ? " problem" : " problems"}</span>
          </b>
        )}
      </a>
    </li>
  );
};

const Brand = () => (
  <a class="brand" href="/">
    <Mark /> Realm
  </a>
);

function Side() {
  return (
    <nav id="views" aria-label="Views" class={`side ${unfolded.value ? "open" : ""}`}>
      <Brand />
      {GROUPS.map((group) => (
        <div key={group}>
          {group && <h2>{group}</h2>}
          <ul>{places.filter((p) => p.group === group).map((p) => <Entry key={p.noun} place={p} />)}</ul>
        </div>
      ))}
    </nav>
  );
}

function Top() {
  const self = nodes.value?.find((n) => n.self), { live, since } = link.value;
  return (
    <header class="top">
      <button
        type="button"
        class="bare menu"
        aria-label="Views"
        aria-expanded={unfolded.value}
        aria-controls="views"
        onClick={() => unfolded.value = !unfolded.value}
      >
        <Icon is={unfolded.value ? "close" : "menu"} />
      </button>
      <Brand />
      <button
        type="button"
        class="seek"
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => seeking.value = true}
      >
        <Icon is="search" />
        <span>Go to or do anything</span>
        <kbd aria-hidden="true">{KEY}</kbd>
      </button>
      <span class="who">
        <span class={`state ${live ? "good" : since === 0 ? "calm" : "bad"}`} role="status">
          <i aria-hidden="true" />
          {live ? "live" : since === 0 ? "connecting" : "reconnecting"}
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
  );
}

/** See the module's text. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { live, since } = link.value, old = !live && since > 0;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    const name = decoded(path.value.split("/")[2] ?? "").slice(0, 80);
    document.title = `${name || placeAt(path.value).name} · Realm`;
    unfolded.value = false;
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path.value]);
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(e) => (e.preventDefault(), e.stopPropagation(), main.current?.focus())}
      >
        Skip to content
      </a>
      <Top />
      <Side />
      {old && (
        <p class="stale" role="alert">
          No connection to this node for{" "}
          {span(now.value - since)}: what you see is from then. Trying again by itself.
        </p>
      )}
      {!old && realm.value?.catching_up && (
        <p class="stale" role="status">
          This node has just started and still hears from the others what it missed: there may be more than is
          shown.
        </p>
      )}
      <main id="main" ref={main} tabIndex={-1} class={old ? "old" : ""}>{children}</main>
      <footer class="foot muted">
        {realm.value && (
          <>
            realm <code title={realm.value.realm}>{shortId(realm.value.realm)}</code> · version{" "}
            {realm.value.version} · {counted(realm.value.records, "record")}
          </>
        )}
      </footer>
      {toast.value && <p class={`toast ${toast.value.bad ? "bad" : ""}`} role="status">{toast.value.text}</p>}
      <Palette />
      <Confirm />
    </div>
  );
}
