// hello-site {{version}}: asks which version answers now, and how fast. The page is whole without it.
const pill = document.querySelector("[data-answer]");
const shown = "{{version}}";

async function ask() {
  const started = performance.now();
  try {
    const response = await fetch("/version.json", { cache: "no-store" });
    const { version } = await response.json();
    const elapsed = Math.max(1, Math.round(performance.now() - started));
    pill.textContent = version === shown
      ? `answered in ${elapsed} ms`
      : `version ${version} is out: reload to see it`;
  } catch {
    pill.textContent = "no answer just now, asking again";
  }
}

if (pill) {
  ask();
  setInterval(() => document.hidden || ask(), 5000);
}
