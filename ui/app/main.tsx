/** The page: signs in by the link it was opened with, then shows the view that the address names. */
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { fetchAhead } from "./later.tsx";
import { link, startLive } from "./live.ts";
import { sentence } from "./parts.tsx";
import { placeAt } from "./places.tsx";
import { decoded, path, startRouter } from "./router.ts";
import { notice, session, signInByLink, takeLink } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign_in.tsx";

/** Whether a link is being opened. */
const opening = signal(false);

function View() {
  const place = placeAt(path.value);
  const name = path.value.split("/")[2];
  return place.one && name ? place.one(decoded(name)) : place.list();
}

function Page() {
  return session.value
    ? (
      <Shell>
        <View />
      </Shell>
    )
    : opening.value
    ? <p class="opening" role="status">Signing in …</p>
    : <SignIn />;
}

startRouter();
startLive();
effect(() => {
  if (link.value.live) void fetchAhead();
});
async function open(): Promise<void> {
  const link = takeLink();
  if (link === undefined) return;
  opening.value = true;
  // Making keys and signing is work: the page is painted first.
  await new Promise((resolve) => setTimeout(resolve));
  try {
    await signInByLink(link);
  } catch (error) {
    notice.value = sentence(error);
  }
  opening.value = false;
}
addEventListener("hashchange", () => void open());
void open();
render(<Page />, document.getElementById("app")!);
