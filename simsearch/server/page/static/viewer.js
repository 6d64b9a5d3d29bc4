// Enlarged pictures, side by side, that move together.
import { all, one } from "./dom.js";

const MOST = 16;
const view = { scale: 1, x: 0.5, y: 0.5, solo: -1 };
let dialog, panes, opener;

export function startViewer() {
  dialog = one("#viewer");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-enlarge]");
    if (button) open(button);
    if (event.target.closest("#viewer [data-close]")) dialog.close();
    const by = event.target.closest("[data-zoom-by]");
    if (by) zoom(Number(by.dataset.zoomBy), 0.5, 0.5);
    const layers = event.target.closest("[data-layers]");
    if (layers) {
      const off = one(".panes", dialog).classList.toggle("no-marks");
      layers.setAttribute("aria-pressed", String(!off));
    }
  });
  dialog.addEventListener("close", () => {
    one(".panes", dialog).replaceChildren();
    opener?.focus();
  });
  moving(one(".panes", dialog));
}

export const isOpen = () => dialog?.open;
export const close = () => dialog.close();

function open(button) {
  opener = button;
  panes = parts(button).map(pane);
  one(".panes", dialog).replaceChildren(...panes.map(({ svg }) => svg));
  Object.assign(view, { scale: 1, x: 0.5, y: 0.5, solo: -1 });
  draw();
  dialog.showModal();
}

/** The pictures that belong together: both of a comparison, or the asked photo beside a product. */
function parts(button) {
  const compared = button.closest("[data-compare]");
  if (compared) return all(".part", compared).filter((part) => part.getClientRects().length);
  const own = one("img, .part", button);
  const asked = button.closest(".case") ? one(".shots img", button.closest(".case")) : null;
  return asked && asked !== own ? [asked, own] : [own];
}

function pane(part) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  let box;
  if (part instanceof HTMLImageElement) {
    box = [0, 0, part.naturalWidth || 1, part.naturalHeight || 1];
    const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
    image.setAttribute("width", box[2]);
    image.setAttribute("height", box[3]);
    image.setAttribute("href", part.currentSrc || part.src);
    svg.append(image);
  } else {
    box = part.getAttribute("viewBox").split(" ").map(Number);
    svg.append(...[...part.childNodes].map((node) => node.cloneNode(true)));
  }
  for (const image of all("image", svg)) larger(image);
  svg.setAttribute("role", "img");
  const named = part.closest("svg[aria-label]") ?? part.closest("[aria-label]");
  svg.setAttribute("aria-label", part.alt || named?.getAttribute("aria-label") || "");
  return { svg, box };
}

/** The catalog has its pictures larger, too. */
function larger(image) {
  const href = image.getAttribute("href") ?? "";
  if (href.includes("size=640")) image.setAttribute("href", href.replace("size=640", "size=1600"));
}

function draw() {
  const least = 0.5 / view.scale;
  view.x = Math.min(1 - least, Math.max(least, view.x));
  view.y = Math.min(1 - least, Math.max(least, view.y));
  panes.forEach(({ svg, box: [x, y, width, height] }, number) => {
    const [w, h] = [width / view.scale, height / view.scale];
    svg.setAttribute("viewBox", `${x + view.x * width - w / 2} ${y + view.y * height - h / 2} ${w} ${h}`);
    svg.toggleAttribute("hidden", view.solo >= 0 && view.solo !== number);
  });
}

/** Enlarge by a factor, keeping the point at shares (x, y) of the pane where it is. */
function zoom(by, x, y) {
  const before = view.scale;
  view.scale = Math.min(MOST, Math.max(1, before * by));
  const moved = 1 / before - 1 / view.scale;
  view.x += (x - 0.5) * moved;
  view.y += (y - 0.5) * moved;
  draw();
}

function moving(area) {
  const down = new Map();
  let distance = 0;
  const spread = () => {
    const [a, b] = [...down.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  const share = (event) => {
    const box = (event.target.closest("svg") ?? area).getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  area.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...share(event));
  }, { passive: false });
  area.addEventListener("dblclick", (event) => zoom(view.scale > 1.5 ? 1 / MOST : 2.5, ...share(event)));
  area.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (down.size === 2) distance = spread();
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    const last = down.get(event.pointerId);
    if (!last) return;
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (down.size === 2) {
      const now = spread();
      zoom(now / Math.max(1, distance), 0.5, 0.5);
      distance = now;
      return;
    }
    const box = panes[0].svg.getBoundingClientRect();
    view.x -= (event.clientX - last.x) / box.width / view.scale;
    view.y -= (event.clientY - last.y) / box.height / view.scale;
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, (event) => down.delete(event.pointerId));
}

/** Keys while it is open. Returns whether the key meant something. */
export function key(name, action) {
  if (name === "+" || name === "=") zoom(1.5, 0.5, 0.5);
  else if (name === "-") zoom(1 / 1.5, 0.5, 0.5);
  else if (name === "0") zoom(1 / MOST, 0.5, 0.5);
  else if (action === "enlarge" || action === "back") dialog.close();
  else if ((action === "left" || action === "right") && view.scale === 1) turn(action === "right" ? 1 : -1);
  else if (name.startsWith("Arrow")) move(name);
  else return false;
  return true;
}

/** Both pictures, then the first alone, then the second. */
function turn(by) {
  const states = panes.length + 1;
  view.solo = ((view.solo + 1 + by + states) % states) - 1;
  draw();
}

function move(name) {
  const step = 0.15 / view.scale;
  view.x += { ArrowLeft: -step, ArrowRight: step }[name] ?? 0;
  view.y += { ArrowUp: -step, ArrowDown: step }[name] ?? 0;
  draw();
}
