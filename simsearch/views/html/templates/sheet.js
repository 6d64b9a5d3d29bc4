"use strict";
// Keys and decisions of a sheet. What is decided stays in this browser until it is saved as a file, which the command
// that the page names reads.
const cards = [...document.querySelectorAll("article")];
const words = JSON.parse((document.querySelector("#count") || {dataset: {words: '{"name": "simsearch", "keys": {}, "rows": ""}'}}).dataset.words);
let decided = {};
try { decided = JSON.parse(localStorage.getItem(words.name)) || {}; } catch { decided = {}; }
let at = -1;

const keyOf = row => row.dataset.key;

function paint() {
  for (const row of document.querySelectorAll("tr[data-key]")) {
    const said = decided[keyOf(row)] || row.dataset.said || "";
    row.querySelector(".said").textContent = said;
    row.classList.toggle("confirmed", said !== "" && said !== "dismissed");
    row.classList.toggle("dismissed", said === "dismissed");
  }
  const count = Object.keys(decided).length;
  const counter = document.querySelector("#count");
  if (counter) counter.textContent = count + " " + words.rows + (count === 1 ? "" : "s") + " decided";
  try { localStorage.setItem(words.name, JSON.stringify(decided)); } catch { /* a browser that keeps nothing */ }
}

function say(rows, said) {
  for (const row of rows) {
    if (said) decided[keyOf(row)] = said; else delete decided[keyOf(row)];
  }
  paint();
}

function go(to) {
  if (!cards.length) return;
  if (cards[at]) cards[at].classList.remove("current");
  at = Math.max(0, Math.min(cards.length - 1, to));
  cards[at].classList.add("current");
  cards[at].scrollIntoView({block: "start"});
}

function save() {
  const lines = Object.entries(decided).map(([key, said]) => JSON.stringify({...JSON.parse(key), said}) + "\n");
  const link = document.createElement("a");
  link.href = "data:application/x-ndjson;charset=utf-8," + encodeURIComponent(lines.join(""));
  link.download = "decisions.jsonl";
  link.click();
}

const rowsHere = () => cards[at] ? [...cards[at].querySelectorAll("tr[data-key]")] : [];
const keys = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  u: () => say(rowsHere(), ""),
  s: save,
  n: () => { const next = document.querySelector("a[rel=next]"); if (next) next.click(); },
  p: () => { const previous = document.querySelector("a[rel=prev]"); if (previous) previous.click(); },
};

for (const [key, said] of Object.entries(words.keys)) keys[key] = () => { say(rowsHere(), said); go(at + 1); };

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});
document.addEventListener("click", event => {
  const button = event.target.closest("button[data-say]");
  if (button) {
    at = cards.indexOf(button.closest("article"));
    const row = button.closest("tr");
    say([row], decided[keyOf(row)] === button.dataset.say ? "" : button.dataset.say);
  }
  if (event.target.closest("#save")) save();
});
paint();
