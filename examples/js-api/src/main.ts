/** The component's entry: StarlingMonkey calls the `fetch` event for every request. */
import { app } from "./app.ts";

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Response | Promise<Response>): void;
}

addEventListener("fetch", (event) => {
  const { request, respondWith } = event as FetchEvent;
  respondWith.call(event, app.fetch(request));
});
