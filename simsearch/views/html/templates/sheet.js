"use strict";
// Keys and decisions of a sheet. What is decided stays in this browser until it is saved as a file, which the command
// that the page names reads.
const cards = [...document.querySelectorAll("article")];
const words = JSON.parse((document.querySelector("#count") || {dataset: {words: '{"name": "simsearch", "keys": {}, "rows": ""}'}}).dataset.words);
let decided = {};
try { decided = JSON.parse(localStorage.getItem(words.name)) || {}; } catch { decided = {}; }
let at = -1;

const rowsOf = card => [...card.querySelectorAll("tr[data-key]")];
// A large card shows some of its rows; what is said of the card is said of all.
const keysOf = card => [...rowsOf(card).map(row => row.dataset.key), ...JSON.parse(card.dataset.rest || "[]")];

function paint(rows) {
  for (const row of rows) {
    const said = decided[row.dataset.key] || row.dataset.said || "";
    row.querySelector(".said").textContent = said;
    row.classList.toggle("confirmed", said !== "" && said !== "dismissed");
    row.classList.toggle("dismissed", said === "dismissed");
  }
}

function keep() {
  let kept = true;
  try { localStorage.setItem(words.name, JSON.stringify(decided)); } catch { kept = false; }
  const count = Object.keys(decided).length;
  const counter = document.querySelector("#count");
  if (!counter) return;
  counter.textContent = count + " " + words.rows + (count === 1 ? "" : "s") + " decided" +
    (kept ? "" : ". This browser keeps no more of them: save the file before you turn the page");
  counter.classList.toggle("against", !kept);
}

function say(keys, said, card) {
  for (const key of keys) {
    if (said) decided[key] = said; else delete decided[key];
  }
  paint(rowsOf(card));
  keep();
}

function choose(number) {
  if (cards[at]) cards[at].classList.remove("current");
  at = number;
  cards[at].classList.add("current");
}

function go(to) {
  if (!cards.length) return;
  choose(Math.max(0, Math.min(cards.length - 1, to)));
  cards[at].scrollIntoView({block: "start"});
}

const inView = card => {
  const {top, bottom} = card.getBoundingClientRect();
  return bottom > 40 && top < innerHeight - 40;
};

// A key is never about a card that is out of sight: after scrolling, the first press chooses the card that is seen.
function here() {
  if (cards[at] && inView(cards[at])) return cards[at];
  const seen = cards.findIndex(inView);
  if (seen >= 0) choose(seen);
  return null;
}

function sayHere(said) {
  const card = here();
  if (!card) return;
  say(keysOf(card), said, card);
  if (said) go(at + 1);
}

function save() {
  const lines = Object.entries(decided).map(([key, said]) => JSON.stringify({...JSON.parse(key), said}) + "\n");
  const link = document.createElement("a");
  // No data URI: browsers cut those off that are as long as thousands of decisions.
  link.href = URL.createObjectURL(new Blob(lines, {type: "application/x-ndjson"}));
  link.download = "decisions.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const keys = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  u: () => sayHere(""),
  s: save,
  n: () => { const next = document.querySelector("a[rel=next]"); if (next) next.click(); },
  p: () => { const previous = document.querySelector("a[rel=prev]"); if (previous) previous.click(); },
};

for (const [key, said] of Object.entries(words.keys)) keys[key] = () => sayHere(said);

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});
document.addEventListener("click", event => {
  const card = event.target.closest("article"), button = event.target.closest("button[data-say]");
  if (card) choose(cards.indexOf(card));
  if (button) {
    const key = button.closest("tr").dataset.key;
    say([key], decided[key] === button.dataset.say ? "" : button.dataset.say, card);
  }
  if (event.target.closest("#save")) save();
});
paint(document.querySelectorAll("tr[data-key]"));
keep();
