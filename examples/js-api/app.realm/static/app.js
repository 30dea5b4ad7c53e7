// Draws while you type. Without it the form opens the drawn code as an image.
const form = document.querySelector("form");
const image = document.querySelector(".preview img");
const note = document.querySelector(".preview p");
const download = document.querySelector("[data-download]");
const PAUSE_MS = 150;

let pause;
let asked = 0;

function wish() {
  const fields = new URLSearchParams(new FormData(form));
  for (const name of ["dark", "light"]) fields.set(name, fields.get(name).slice(1));
  return fields;
}

async function draw() {
  const turn = ++asked;
  const fields = wish();
  const [shape, picture] = await Promise.all([fetch(`/api/qr?${fields}`), fetch(`/qr.svg?${fields}`)]);
  const answer = await shape.json();
  if (turn !== asked) return; // typed on meanwhile
  if (!shape.ok || !picture.ok) {
    note.textContent = answer.message ?? "That cannot be drawn.";
    return;
  }
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await picture.blob());
  const dots = answer.size - 2 * Number(fields.get("margin") ?? 2);
  note.textContent = `${dots} × ${dots} squares, version ${answer.version}`;
  download.href = `/qr.svg?${fields}&download`;
  download.hidden = false;
}

form.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => draw().catch(() => (note.textContent = "No answer just now.")), PAUSE_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  draw().catch(() => (note.textContent = "No answer just now."));
});
if (!form.text.value) form.text.value = location.origin;
draw().catch(() => (note.textContent = "No answer just now."));
