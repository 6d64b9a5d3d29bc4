"use strict";
// Keys and decisions of the sheet. What is decided stays in this browser until it is saved as a file, which
// `simsearch duplicates import` reads.
const cards = [...document.querySelectorAll("article")];
const kept = "simsearch-duplicates";
let decided = {};
try { decided = JSON.parse(localStorage.getItem(kept)) || {}; } catch { decided = {}; }
let at = -1;

const pairOf = row => JSON.stringify(["a", "b"].map(side => [row.dataset["sku" + side], row.dataset["sha" + side]]).sort());

function paint() {
  for (const row of document.querySelectorAll("tr[data-skua]")) {
    const said = decided[pairOf(row)] || row.dataset.said || "";
    row.querySelector(".said").textContent = said;
    row.classList.toggle("confirmed", said === "confirmed");
    row.classList.toggle("dismissed", said === "dismissed");
  }
  const count = Object.keys(decided).length;
  document.querySelector("#count").textContent = count + (count === 1 ? " pair decided" : " pairs decided");
  try { localStorage.setItem(kept, JSON.stringify(decided)); } catch { /* a browser that keeps nothing */ }
}

function say(rows, said) {
  for (const row of rows) {
    if (said) decided[pairOf(row)] = said; else delete decided[pairOf(row)];
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
  const lines = Object.entries(decided).map(([pair, said]) => {
    const [a, b] = JSON.parse(pair).map(([sku, sha256]) => ({sku, sha256: sha256 || null}));
    return JSON.stringify({a, b, said}) + "\n";
  });
  const link = document.createElement("a");
  link.href = "data:application/x-ndjson;charset=utf-8," + encodeURIComponent(lines.join(""));
  link.download = "decisions.jsonl";
  link.click();
}

const rowsHere = () => cards[at] ? [...cards[at].querySelectorAll("tr[data-skua]")] : [];
const keys = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  c: () => { say(rowsHere(), "confirmed"); go(at + 1); },
  d: () => { say(rowsHere(), "dismissed"); go(at + 1); },
  u: () => say(rowsHere(), ""),
  s: save,
  n: () => { const next = document.querySelector("a[rel=next]"); if (next) next.click(); },
  p: () => { const previous = document.querySelector("a[rel=prev]"); if (previous) previous.click(); },
};

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
    say([row], decided[pairOf(row)] === button.dataset.say ? "" : button.dataset.say);
  }
  if (event.target.closest("#save")) save();
});
paint();
