// What is pleasant but not needed: sending without a reload, hearts in place, new cards as they come, times in words.
const wall = document.querySelector(".cards");
const form = document.querySelector("form.write");
const POLL_MS = 5000;
const given = new Set(JSON.parse(localStorage.getItem("hearts") ?? "[]"));

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

function timeInWords(date) {
  const seconds = (date - Date.now()) / 1000;
  if (seconds < -30 * 86_400) return date.toLocaleDateString("en", { dateStyle: "medium" });
  const unit = UNITS.find(([, size]) => -seconds >= size);
  return unit ? words.format(Math.round(seconds / unit[1]), unit[0]) : "just now";
}

function dress() {
  for (const time of wall.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    time.title = date.toLocaleString("en");
    time.textContent = timeInWords(date);
  }
  for (const card of wall.querySelectorAll(".card")) {
    card.querySelector(".like").classList.toggle("given", given.has(card.id));
  }
}

async function refresh() {
  if (!wall?.hasAttribute("data-live")) return;
  const response = await fetch("/cards");
  if (!response.ok) return;
  const html = await response.text();
  if (html === refresh.shown) return dress();
  refresh.shown = html;
  const known = new Set([...wall.querySelectorAll(".card")].map((card) => card.id));
  wall.innerHTML = html; // made and escaped by the server, as the page itself is
  const fresh = [...wall.querySelectorAll(".card")].filter((card) => !known.has(card.id));
  if (known.size) { for (const card of fresh) card.classList.add("new"); }
  dress();
  const { total } = await (await fetch("/api/entries?limit=1")).json();
  document.querySelector(".count").innerHTML = `<b>${Number(total)}</b> ${
    total === 1 ? "card" : "cards"
  } on the wall`;
}

async function send(event) {
  event.preventDefault();
  const button = form.querySelector(":scope > button");
  const problem = form.querySelector(".problem");
  button.disabled = true;
  problem.textContent = "";
  try {
    const response = await fetch("/api/entries", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    form.message.value = "";
    count();
    await refresh();
    document.getElementById(`c${answer.id}`)?.scrollIntoView({ block: "nearest" });
  } catch (cause) {
    problem.textContent = cause instanceof TypeError
      ? "No answer just now. Your words are still here."
      : cause.message;
  } finally {
    button.disabled = false;
  }
}

async function like(event) {
  const target = event.target.closest("form");
  if (!target) return;
  event.preventDefault();
  const card = target.closest(".card");
  if (given.has(card.id)) return;
  const response = await fetch(target.action, { method: "POST" });
  if (!response.ok) return;
  const { hearts } = await response.json();
  card.querySelector(".like span").textContent = hearts;
  given.add(card.id);
  localStorage.setItem("hearts", JSON.stringify([...given].slice(-500)));
  dress();
}

function count() {
  const left = form.message.maxLength - form.message.value.length;
  form.querySelector(".left").textContent = left <= 100 ? `${left} letters left` : "";
}

if (wall) {
  dress();
  wall.addEventListener("submit", like);
  setInterval(() => document.hidden || refresh().catch(() => {}), POLL_MS);
}
if (form?.message) {
  form.addEventListener("submit", send);
  form.addEventListener("input", count);
}
