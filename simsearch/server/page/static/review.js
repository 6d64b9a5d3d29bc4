// The review: items change in place, decisions are sent at once, pictures are compared in four ways.
import { all, calm, fetchMain, gate, one, problemOf, put, say, toast, words } from "./dom.js";

const BLINK_MS = 700;
const WIDE = matchMedia("(min-width: 64rem)");
const marked = new Map(); // key of an item -> its words
let blinking;

export function startReview() {
  if (!one("[data-review]")) return;
  document.addEventListener("click", clicked);
  document.addEventListener("submit", submitted);
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-slide]")) slide(event.target);
  });
  addEventListener("popstate", () => go(location.href, { push: false }));
  settle();
}

/** What has to be done whenever an item was put in. */
function settle() {
  clearInterval(blinking);
  const list = one("[data-list]");
  if (list) list.open = WIDE.matches;
  one('.list [aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  drawMarks();
  gate.changed = performance.now();
}

function clicked(event) {
  const mode = event.target.closest("[data-mode-button]");
  if (mode) return compare(mode.dataset.modeButton);
  if (event.target.closest("[data-mark]")) return mark();
  const bulk = event.target.closest("[data-bulk]");
  if (bulk) return one("#bulk").showModal();
  if (event.target.closest("#bulk [data-close]")) return one("#bulk").close();
  const all_ = event.target.closest("#bulk [data-say]");
  if (all_) return decideMarked(all_.dataset.say);
  const link = event.target.closest('a[href^="/review?"], a[href="/review"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !link.closest("main")) return undefined;
  event.preventDefault();
  return go(link.href);
}

function submitted(event) {
  const form = event.target;
  if (!form.closest("[data-review]")) return;
  event.preventDefault();
  if (form.method === "get") {
    go(`/review?${new URLSearchParams(new FormData(form))}`);
    return;
  }
  if (!gate.open) return; // the item under the finger has just changed, or a word is on its way
  go(form.action, { body: new FormData(form, event.submitter) });
}

/** Load an address into the page, or send a form and load what follows. */
async function go(url, { push = true, body = null } = {}) {
  if (gate.busy) return;
  gate.busy = true;
  const main = one("main");
  main.setAttribute("aria-busy", "true");
  try {
    const got = await fetchMain(url, body ? { method: "POST", body } : {});
    if (!got.ok) {
      const { headline, advice } = problemOf(got.html);
      toast(`${headline}. ${advice}`);
      return;
    }
    put(main, got.html);
    document.title = got.title;
    if (push) history.pushState(null, "", got.url);
    settle();
    const head = one(".item .head") ?? one("[data-head]");
    head?.setAttribute("tabindex", "-1");
    head?.focus({ preventScroll: true });
    one(".desk")?.scrollIntoView({ block: "nearest" });
    if (!WIDE.matches) scrollTo(0, 0);
  } catch {
    toast(words.offline);
  } finally {
    gate.busy = false;
    main.removeAttribute("aria-busy");
  }
}

// -- comparing ------------------------------------------------------------------------------------------------------

function compare(mode) {
  const stage = one("[data-stage]");
  if (!stage) return;
  const again = stage.dataset.mode === mode;
  if (again && mode === "blink" && calm.matches) {
    flip(stage); // without motion each press shows the other picture
    return;
  }
  const now = again ? "side" : mode;
  clearInterval(blinking);
  stage.dataset.mode = now;
  for (const button of all("[data-mode-button]")) {
    button.setAttribute("aria-pressed", String(button.dataset.modeButton === now));
  }
  const stack = one("[data-stack]", stage);
  stack.hidden = now === "side";
  if (now === "side") return;
  one(".ground", stack).src ||= stack.dataset.ground;
  one(".top", stack).src ||= stack.dataset.top;
  one(".layers", stack).classList.remove("flipped");
  name(stage);
  if (now === "slider") slide(one("[data-slide]", stack));
  if (now === "blink" && !calm.matches) blinking = setInterval(() => flip(stage), BLINK_MS);
}

function flip(stage) {
  one(".layers", stage).classList.toggle("flipped");
  name(stage);
}

/** Says which picture is seen, without being read aloud at every turn. */
function name(stage) {
  const second = one(".layers", stage).classList.contains("flipped");
  const captions = all(".pane figcaption", stage).map((caption) => caption.textContent);
  const mode = stage.dataset.mode;
  one("[data-which]", stage).textContent = mode === "blink" ? captions[second ? 1 : 0] : captions.join("  |  ");
}

function slide(range) {
  one(".layers", range.closest("[data-stack]")).style.setProperty("--at", `${range.value}%`);
}

// -- several together ----------------------------------------------------------------------------------------------

/** Mark the present item, which is in view, or take the mark away. */
function mark() {
  const item = one(".item[data-key-of^=p]");
  if (!item) return;
  const key = item.dataset.keyOf;
  if (!marked.delete(key)) marked.set(key, lineOf(key));
  drawMarks();
}

/** What the queue says of an item, on one line. */
function lineOf(key) {
  const link = one(`.list [data-to="${key}"]`);
  return link ? [...link.children].map((part) => part.textContent.trim()).join(" · ") : key;
}

function drawMarks() {
  const key = one(".item")?.dataset.keyOf;
  for (const button of all("[data-mark]")) button.setAttribute("aria-pressed", String(marked.has(key)));
  for (const link of all(".list [data-to]")) link.classList.toggle("marked", marked.has(link.dataset.to));
  for (const button of all("[data-bulk]")) {
    button.hidden = marked.size < 2;
    button.textContent = say("marked", { n: marked.size });
  }
  one("#bulk-list")?.replaceChildren(
    ...[...marked.values()].map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }),
  );
}

async function decideMarked(word) {
  one("#bulk").close();
  const url = new URL(location.href);
  for (const key of [...marked.keys()]) {
    const body = new FormData();
    const values = { kind: url.searchParams.get("kind") ?? "", q: "", item: key, say: word, scope: "skus" };
    for (const [field, value] of Object.entries(values)) body.append(field, value);
    gate.changed = -1000;
    await go("/review/say", { body });
    marked.delete(key);
  }
  drawMarks();
}
