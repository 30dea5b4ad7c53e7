/** The page: signs in by the link it was opened with, then shows the view that the address names. */
import { render } from "preact";
import { startLive } from "./live.ts";
import { sentence } from "./parts.tsx";
import { path, startRouter } from "./router.ts";
import { notice, session, signInByLink } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign_in.tsx";
import { App, Apps } from "./views/apps.tsx";
import { Audit } from "./views/audit.tsx";
import { Keys } from "./views/keys.tsx";
import { Node, Nodes } from "./views/nodes.tsx";
import { Overview } from "./views/overview.tsx";

function named(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function View() {
  const [, place, name] = path.value.split("/");
  if (place === "nodes") return name ? <Node key={name} name={named(name)} /> : <Nodes />;
  if (place === "apps") return name ? <App key={name} name={named(name)} /> : <Apps />;
  if (place === "audit") return <Audit />;
  if (place === "keys") return <Keys />;
  return <Overview />;
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
