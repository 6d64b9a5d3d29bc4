// What the other modules share: words in the reader's language, times, requests for parts of a page.

export const words = JSON.parse(document.body.dataset.words);
export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A word of the page with {places} filled in. */
export const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** While a request is under way, and for a moment after the item has changed, nothing is decided. */
export const gate = {
  busy: false,
  changed: -1000,
  get open() {
    return !this.busy && performance.now() - this.changed >= 300;
  },
};

const dates = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/** Times of the server, which are UTC, in the reader's own zone. */
export function localise(root) {
  for (const time of all("time[datetime]", root)) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.title = time.textContent;
      time.textContent = dates.format(at);
    }
  }
}

/** Replace what stands in `place` by what the server sent for it. */
export function put(place, html) {
  place.innerHTML = html;
  localise(place);
}

/** What stands in <main> of an address: { ok, html, url, title }. Rejects where there is no connection. */
export async function fetchMain(url, options = {}) {
  const answer = await fetch(url, { ...options, headers: { "X-Fragment": "1", Accept: "text/html" } });
  const title = answer.headers.get("X-Title");
  return {
    ok: answer.ok,
    url: answer.url,
    html: isPage(answer.headers.get("Content-Type")) ? await answer.text() : "",
    title: title ? decodeURIComponent(title) : document.title,
  };
}

export const isPage = (type) => (type ?? "").startsWith("text/html");

/** Headline and advice of a problem that the server sent as a part of a page. */
export function problemOf(html) {
  const sent = new DOMParser().parseFromString(html, "text/html");
  const headline = one("[data-problem-page] h1", sent)?.textContent;
  const advice = one("[data-problem-page] .lead", sent)?.textContent;
  return { headline: headline ?? words.defect, advice: advice ?? words.defectMore };
}

/** A short message at the bottom, until the next one. */
export function toast(text) {
  const said = document.createElement("p");
  said.className = "toast";
  said.textContent = text;
  one("#toasts").replaceChildren(said);
}
