// One-finger keys. What they do stands in the help (#keys), which the server makes from one table; it is read from there.
import { all, gate, one, say, toast, words } from "./dom.js";
import * as viewer from "./viewer.js";

const STORED = "simsearch-keys";
const help = one("#keys");
let chosen = { on: true, keys: {} }; // action -> key that the reader wants instead
let waiting = null; // row whose new key is awaited

export function startKeys() {
  try {
    chosen = { ...chosen, ...JSON.parse(localStorage.getItem(STORED) ?? "{}") };
  } catch {
    // what is stored is damaged, or storing is not allowed: the keys are as the help says
  }
  const on = one("#keys-on");
  on.checked = chosen.on;
  on.addEventListener("change", () => {
    store({ on: on.checked });
    toast(on.checked ? words.on : words.off);
  });
  one("[data-remap-none]", help).addEventListener("click", () => store({ keys: {} }));
  for (const button of all("[data-remap]", help)) {
    button.addEventListener("click", () => {
      waiting = button.closest("tr");
      toast(words.press);
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest('[data-open="keys"]')) help.showModal();
    if (event.target.closest("#keys [data-close]")) help.close();
  });
  document.addEventListener("keydown", pressed);
  drawKeys();
}

function store(change) {
  chosen = { ...chosen, ...change };
  try {
    localStorage.setItem(STORED, JSON.stringify(chosen));
  } catch {
    // not allowed here: it holds until the page is left
  }
  drawKeys();
}

/** The help shows the keys in force. */
function drawKeys() {
  for (const row of all("tr[data-action]", help)) {
    const own = chosen.keys[row.dataset.action];
    const first = one("kbd", row);
    first.dataset.plain ??= first.textContent;
    first.textContent = own ? own.toUpperCase() : first.dataset.plain;
  }
}

function keysOf(row) {
  const own = chosen.keys[row.dataset.action];
  const plain = row.dataset.keys.split(" ");
  return own ? [own, ...plain.slice(1)] : plain;
}

function rowOf(name) {
  return all("tr[data-action]", help).find((row) => {
    const keys = keysOf(row);
    return keys.includes(name) || (keys.includes("1-9") && /^[1-9]$/.test(name));
  });
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (waiting) return remap(event, name);
  const row = rowOf(name);
  const action = row?.dataset.action;
  if (viewer.isOpen()) {
    const pressing = event.target.matches("button") && (name === "Enter" || name === " ");
    if (!pressing && viewer.key(name, action)) event.preventDefault();
    return;
  }
  if (!row || document.querySelector("dialog[open]") || typing(event, name)) return;
  if (!chosen.on && name.length === 1) return;
  if (event.repeat || ("decides" in row.dataset && !gate.open)) {
    if ("decides" in row.dataset) event.preventDefault();
    return;
  }
  if (act(action, name)) event.preventDefault();
}

/** Whether the key belongs to the field or the control that has the focus. */
function typing(event, name) {
  const at = event.target;
  if (at.matches("input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]")) return name !== "Escape";
  if (at.matches("input[type=range]")) return name.startsWith("Arrow");
  return (name === "Enter" || name === " ") && at.matches("a, button, summary, input, label");
}

function remap(event, name) {
  event.preventDefault();
  const row = waiting;
  waiting = null;
  if (name === "Escape") return;
  const other = rowOf(name);
  if (name.length !== 1 || (other && other !== row)) {
    toast(say("taken", { key: name.toUpperCase() }));
    return;
  }
  store({ keys: { ...chosen.keys, [row.dataset.action]: name } });
  one("#toasts").replaceChildren();
}

/** Do it; false where there is nothing here that it could be done with. */
function act(action, name) {
  if (action === "help") {
    help.showModal();
    return true;
  }
  if (action === "back") return back();
  if (action === "card") return press(one(`[data-card="${name}"]`));
  if (action === "enlarge") return press(one("[data-enlarge]", one(".item, [data-answer]") ?? document));
  if (action === "left" || action === "right") return turn(action === "right" ? 1 : -1);
  return press(all(`[data-key="${action}"]`).find((element) => element.getClientRects().length));
}

function press(element) {
  if (!element) return false;
  const details = element.matches("[data-card]") ? one("details", element) : null;
  if (details) details.open = !details.open; // a card of an answer is opened; only a button in it decides
  else if (element.matches("input")) element.focus();
  else element.click();
  return true;
}

function turn(by) {
  const pictures = all(".item [data-enlarge], [data-answer] [data-enlarge]").filter((b) => b.getClientRects().length);
  if (!pictures.length) return false;
  const at = pictures.indexOf(document.activeElement);
  pictures[at < 0 ? (by > 0 ? 0 : pictures.length - 1) : (at + by + pictures.length) % pictures.length].focus();
  return true;
}

function back() {
  if (document.activeElement?.matches("input, select")) {
    document.activeElement.blur();
    return true;
  }
  return press(one(".stage:not([data-mode=side])") ? one('[data-mode-button="side"]') : null);
}
