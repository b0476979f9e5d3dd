// Keeps what is shown as it is now, without a reload: every page works without this.
"use strict";

const EVERY = 2000; // milliseconds, where no events tell when to look
const SELDOM = 10000; // in case that they do, for whatever they do not tell
const LEAST = 400; // between two looks, however many events there are

const stale = document.querySelector("[data-stale]");
const region = () => document.querySelector("#job[data-live], #list[data-live]");
let stream = null;
let timer = 0;
let looked = 0;
let busy = false;
let again = false; // an event came while it looked

// Makes `old` like `fresh`, and leaves alone what is alike already: focus, selection, scrolling and
// what somebody has opened or typed stay.
function follow(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "aria-busy") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.nodeName === "TEXTAREA") return;
  const tail = old.hasAttribute("data-tail") && old.scrollTop + old.clientHeight >= old.scrollHeight - 4;
  followAll(old, fresh);
  if (tail) old.scrollTop = old.scrollHeight;
}

function followAll(old, fresh) {
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const found = match(place, wanted);
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    while (place !== found) place = drop(place);
    if (found.nodeType === Node.ELEMENT_NODE) follow(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
    place = found.nextSibling;
  }
  while (place) place = drop(place);
}

// By id where there is one; else only the very next, if it is of the same kind.
function match(place, wanted) {
  if (wanted.id) {
    for (let each = place; each; each = each.nextSibling) if (each.id === wanted.id) return each;
    return null;
  }
  return place && !place.id && place.nodeName === wanted.nodeName ? place : null;
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

async function look() {
  busy = true;
  again = false;
  looked = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const each of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(each.id);
      if (now) follow(each, now);
    }
    document.title = fresh.title;
    say("");
  } catch {
    say("The service does not answer; what is shown may be old. Trying again…");
  }
  busy = false;
  plan(again);
}

function say(text) {
  if (stale && stale.textContent !== text) stale.textContent = text;
}

// The next look. One that is due sooner takes the place of one that was planned.
function plan(soon = false) {
  clearTimeout(timer);
  if (document.hidden || !region()) return;
  if (region().dataset.live === "over") return hush();
  const streams = stream && stream.readyState === EventSource.OPEN;
  const wait = soon ? LEAST - (Date.now() - looked) : streams ? SELDOM : EVERY;
  if (busy) again = again || soon;
  else timer = setTimeout(look, Math.max(0, wait));
}

// Events are hints to look, no more: what is shown comes from one place.
function listen() {
  const address = region()?.dataset.live === "events" && region().dataset.events;
  if (!address || stream || !window.EventSource) return;
  stream = new EventSource(address);
  for (const name of ["status", "progress", "log", "end"]) {
    stream.addEventListener(name, () => plan(true));
  }
}

function hush() {
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.hidden) return hush();
  listen();
  plan(true);
});
window.addEventListener("pagehide", hush); // else it stays open while the page is kept for going back
window.addEventListener("pageshow", () => (listen(), plan()));

const log = document.querySelector("[data-tail]");
if (log) log.scrollTop = log.scrollHeight;

for (const form of document.querySelectorAll("[data-at-once]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}
