/** The page: signs in by the link it was opened with, then shows the view that the address names. */
import { render } from "preact";
import { startLive } from "./live.ts";
import { sentence } from "./parts.tsx";
import { placeAt } from "./places.tsx";
import { decoded, path, startRouter } from "./router.ts";
import { notice, session, signInByLink } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign_in.tsx";

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
    : <SignIn />;
}

startRouter();
startLive();
const open = () => signInByLink().catch((error) => void (notice.value = sentence(error)));
addEventListener("hashchange", () => void open());
await open();
render(<Page />, document.getElementById("app")!);
