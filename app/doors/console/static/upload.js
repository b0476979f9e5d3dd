// A file is sent as soon as it is chosen, and its id written into the form: without this, people
// write the id themselves.
"use strict";

const TRIES = 4;
const SET_BY_BROWSERS = /^(content-length|host)$/i;

for (const pick of document.querySelectorAll("[data-upload]")) {
  const [chooser, bar, told] = ["input", "progress", "[role=status]"].map((each) => pick.querySelector(each));
  const field = document.getElementById(pick.dataset.for);
  pick.hidden = false;
  pick.nextElementSibling.hidden = true; // says how it goes without this
  chooser.addEventListener("change", () => take([...chooser.files], { pick, field, chooser, bar, told }));
}

// One after another: a home's line is full with one.
async function take(files, { pick, field, chooser, bar, told }) {
  if (!files.length) return;
  const form = field.form;
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const many = field.nodeName === "TEXTAREA";
  let before = 0;
  form.dataset.sending = Number(form.dataset.sending || 0) + 1;
  chooser.disabled = true;
  pick.classList.remove("wrong");
  bar.hidden = false;
  try {
    for (const file of files) {
      const show = (sent) => {
        bar.value = Math.min(1, (before + sent) / total);
        told.textContent = `Sending ${file.name}: ${Math.floor(bar.value * 100)} %`;
      };
      show(0);
      const id = await send(file, pick.dataset.upload, show);
      field.value = many ? `${field.value.trimEnd()}\n${id}`.trimStart() : id;
      before += file.size;
    }
    told.textContent = files.length > 1 ? `${files.length} files are there.` : `${files[0].name} is there.`;
  } catch (error) {
    pick.classList.add("wrong");
    told.textContent = error.message;
    delete form.dataset.then;
  }
  bar.hidden = true;
  chooser.disabled = false;
  chooser.value = "";
  form.dataset.sending -= 1;
  if (form.dataset.then && !Number(form.dataset.sending)) {
    delete form.dataset.then;
    form.requestSubmit();
  }
}

// A form that is sent too early goes by itself, once all its files are there.
document.addEventListener("submit", (event) => {
  if (!Number(event.target.dataset.sending)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  event.target.dataset.then = "send";
  for (const told of event.target.querySelectorAll(".pick:has(progress:not([hidden])) [role=status]")) {
    told.textContent += " It is called as soon as that is there.";
  }
}, true);

async function send(file, address, show) {
  const wish = { name: file.name, size: file.size, ...(/^[\w.+-]+\/[\w.+-]+$/.test(file.type) && { type: file.type }) };
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  }).catch(() => { throw new Error("The service does not answer: try again."); });
  const ticket = await answer.json();
  if (!answer.ok) throw new Error(ticket.detail || ticket.title);
  const { url, method, headers, parts } = ticket.upload;
  const pieces = parts || [{ url, start: 0, size: file.size, headers }];
  for (const piece of pieces) {
    const bytes = file.slice(piece.start, piece.start + piece.size);
    await tried(() => put(method, piece, bytes, (sent) => show(piece.start + sent)));
  }
  return ticket.id;
}

async function tried(once) {
  for (let n = 1; ; n += 1) {
    try {
      return await once();
    } catch (error) {
      if (!error.again || n === TRIES) throw error;
      await new Promise((done) => setTimeout(done, 500 * 2 ** n));
    }
  }
}

// Not fetch, which does not tell how much has gone.
function put(method, { url, headers = {} }, bytes, show) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const failed = (text, again) => fail(Object.assign(new Error(text), { again }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      if (!SET_BY_BROWSERS.test(name)) request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", (event) => show(event.loaded));
    request.addEventListener("error", () => failed("The connection broke: choose the file again.", true));
    request.addEventListener("load", () => {
      if (request.status < 300) return done();
      let text = `It was not taken (${request.status}).`;
      try { text = JSON.parse(request.responseText).detail || text; } catch { /* a store's own words */ }
      failed(text, request.status >= 500 || request.status === 429);
    });
    request.send(bytes);
  });
}
