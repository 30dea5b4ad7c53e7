/** Answers that the gateway gives itself: short text for people, never anything about the realm's inside. */

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  404: "Not found",
  405: "Method not allowed",
  413: "Request too large",
  414: "Address too long",
  421: "Misdirected request",
  431: "Header fields too large",
  500: "Internal error",
  501: "Not implemented",
  502: "Bad gateway",
  503: "Not available right now",
  504: "Timed out",
};

/** A plain-text problem: `title`, then one sentence. Never cached. */
export function problem(
  status: number,
  detail: string,
  extra: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${status} ${TITLES[status] ?? "Error"}\n\n${detail}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...extra,
    },
  });
}
