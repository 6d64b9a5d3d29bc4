// Asking: photos by camera, files, dropping and pasting; sending them; the answer, with the photos from memory.
import { all, isPage, one, problemOf, put, say, words } from "./dom.js";
import { prepared } from "./photos.js";

const MOST = 4;
const SLOW_MS = 300;
const faces = []; // { file, name, preview: address of an upright picture, or null }
let adding = Promise.resolve();
let section, form, answers, request, slow;

export function startAsking() {
  answers = one("[data-answers]");
  section = one("[data-ask]");
  document.addEventListener("submit", giveWord);
  document.addEventListener("click", follow);
  if (!section) return;
  form = one("form", section);
  for (const input of all("input[type=file]", form)) {
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    adding.finally(send); // a photo that is being made ready goes with the others
  });
  one("[data-cancel]", section).addEventListener("click", cancel);
  one("[data-again]", section).addEventListener("click", send);
  one("[data-other]", section).addEventListener("click", () => {
    forget();
    show("idle");
  });
  dropping();
  addEventListener("paste", (event) => {
    if (!takes() || !event.clipboardData.files.length) return;
    event.preventDefault();
    add([...event.clipboardData.files]);
  });
  addEventListener("popstate", (event) => reveal(Boolean(event.state?.answer) && answers.hasChildNodes()));
}

// -- choosing -------------------------------------------------------------------------------------------------------

/** Photos are made ready one after another: they stand in the order in which they came, and are never too many. */
function add(files) {
  adding = adding.finally(() => addNext(files));
}

async function addNext(files) {
  notice("");
  const good = files.filter((file) => !file.type || file.type.startsWith("image/"));
  const bad = files.find((file) => !good.includes(file));
  if (bad) notice(say("noPicture", { name: bad.name }));
  if (faces.length + good.length > MOST) notice(words.most);
  for (const file of good.slice(0, MOST - faces.length)) faces.push(await prepared(file));
  show("idle");
  if (faces.length) one("[data-go]", form).focus();
}

/** Whether photos can be added: not while an answer stands, nor while one is asked for. */
function takes() {
  return !section.hidden && !asking();
}

function asking() {
  return section.classList.contains("asking");
}

function dropping() {
  const over = (on) => (event) => {
    if (!takes()) return;
    event.preventDefault();
    form.classList.toggle("over", on);
  };
  addEventListener("dragover", over(true));
  addEventListener("dragleave", over(false));
  addEventListener("drop", (event) => {
    over(false)(event);
    if (takes()) add([...event.dataTransfer.files]);
  });
}

function draw() {
  const list = one(".chosen", form);
  list.replaceChildren(
    ...faces.map((face, number) => {
      const item = document.createElement("li");
      if (face.preview) {
        const picture = document.createElement("img");
        picture.src = face.preview;
        picture.alt = say("photo", { n: number + 1 });
        item.append(picture);
      } else {
        const gap = document.createElement("span");
        gap.className = "gap";
        gap.textContent = `${face.name}: ${words.noPreview}`;
        item.append(gap);
      }
      const remove = document.createElement("button");
      remove.type = "button";
      remove.setAttribute("aria-label", say("remove", { n: number + 1 }));
      remove.append(one("#keys [data-close] svg").cloneNode(true));
      remove.addEventListener("click", () => {
        faces.splice(number, 1);
        show("idle");
        (one(".chosen button", form) ?? one("input[type=file]", form)).focus();
      });
      item.append(remove);
      return item;
    }),
  );
  one(".faces", form).hidden = !faces.length;
  form.classList.toggle("filled", faces.length > 0);
  form.classList.toggle("full", faces.length >= MOST);
}

function forget() {
  faces.length = 0;
  notice("");
}

function notice(text) {
  const place = one("[data-notice]", section);
  place.textContent = text;
  place.hidden = !text;
}

// -- sending --------------------------------------------------------------------------------------------------------

/** The section in one of its states: idle, asking, problem. */
function show(state) {
  draw();
  section.classList.toggle("asking", state === "asking");
  section.setAttribute("aria-busy", String(state === "asking"));
  one("[data-progress]", section).hidden = state !== "asking";
  one("[data-problem]", section).hidden = state !== "problem";
  all(".chosen button", form).forEach((button) => (button.hidden = state === "asking"));
}

function send() {
  if (!faces.length || asking()) return;
  const body = new FormData();
  for (const face of faces) body.append("photo", face.file, face.name);
  for (const name of ["form", "manufacturer"]) body.append(name, form.elements[name].value);
  const bar = one("progress", section);
  const said = one("[data-said]", section);
  said.textContent = say("sending", { n: 0 });
  bar.value = 0;
  show("asking");
  one("[data-cancel]", section).focus();
  request = new XMLHttpRequest(); // fetch tells nothing of how much is sent
  request.upload.onprogress = (event) => {
    const n = Math.round((100 * event.loaded) / Math.max(1, event.total));
    bar.value = n;
    said.textContent = say("sending", { n });
  };
  request.upload.onload = () => {
    slow = setTimeout(() => {
      bar.removeAttribute("value");
      said.textContent = words.looking;
    }, SLOW_MS);
  };
  request.onload = () => arrived(request);
  request.onerror = () => problem(words.offline, words.offlineMore, true);
  request.open("POST", "/ask");
  request.setRequestHeader("X-Fragment", "1");
  request.setRequestHeader("Accept", "text/html");
  request.send(body);
}

function arrived(done) {
  clearTimeout(slow);
  const html = isPage(done.getResponseHeader("Content-Type")) ? done.responseText : "";
  if (done.status !== 200) {
    const { headline, advice } = problemOf(html);
    problem(headline, advice, done.status >= 500 || [408, 429].includes(done.status));
    return;
  }
  show("idle");
  put(answers, html);
  fill(answers);
  history.pushState({ answer: true }, "", done.getResponseHeader("X-Location") ?? location.pathname);
  document.title = decodeURIComponent(done.getResponseHeader("X-Title") ?? document.title);
  reveal(true);
}

/** Put the reader's photos, which only this browser has, into what the server drew. */
function fill(root) {
  for (const image of all("image[data-photo]", root)) {
    const face = faces[Number(image.dataset.photo)];
    if (face?.preview) {
      image.setAttribute("href", face.preview);
      const note = one(".unkept", image.closest("figure"));
      if (note) note.hidden = true;
    }
  }
}

/** `again`: whether the same photos may be answered next time. */
function problem(headline, advice, again) {
  clearTimeout(slow);
  const place = one("[data-problem]", section);
  one("h2", place).textContent = headline;
  one("p", place).textContent = advice;
  one("[data-again]", place).hidden = !again;
  one("[data-other]", place).className = again ? "plain" : "primary";
  show("problem");
  place.focus();
}

function cancel() {
  request?.abort();
  clearTimeout(slow);
  show("idle");
  notice(words.cancelled);
  one("[data-go]", form).focus();
}

// -- the answer -----------------------------------------------------------------------------------------------------

function reveal(answered) {
  section.hidden = answered;
  answers.hidden = !answered;
  if (answered) {
    scrollTo(0, 0);
    one("[data-head]", answers)?.focus({ preventScroll: true });
  } else if (faces.length) {
    show("idle");
  }
}

function follow(event) {
  const link = event.target.closest("[data-new], [data-another]");
  if (!link) return;
  if (!section) {
    if (link.matches("[data-another]")) location.assign("/");
    return;
  }
  event.preventDefault();
  if (link.matches("[data-new]")) forget();
  history.pushState(null, "", "/");
  show("idle");
  reveal(false);
  one("input[type=file]", form).focus();
}

/** Right, wrong, or which one: sent without leaving the page, so that the photos stay. */
async function giveWord(event) {
  const sent = event.target.closest("[data-answer] form");
  if (!sent) return;
  event.preventDefault();
  const answer = sent.closest("[data-answer]");
  const place = one("[data-verdict]", answer);
  const body = new FormData(sent, event.submitter);
  try {
    const done = await fetch(sent.action, { method: "POST", body, headers: { "X-Fragment": "1", Accept: "text/html" } });
    const html = isPage(done.headers.get("Content-Type")) ? await done.text() : "";
    if (!done.ok) {
      const { headline, advice } = problemOf(html);
      tell(place, `${headline}. ${advice}`);
      return;
    }
    const made = document.createElement("div");
    put(made, html);
    const fresh = one("[data-verdict]", made);
    place.replaceWith(fresh);
    fresh.tabIndex = -1;
    fresh.focus();
  } catch {
    tell(place, words.offline);
  }
}

function tell(place, text) {
  one(".notice", place)?.remove();
  const said = document.createElement("p");
  said.className = "notice warn";
  said.setAttribute("role", "alert");
  said.textContent = text;
  place.append(said);
}
