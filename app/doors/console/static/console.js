// Comfort only: every page works without it.
"use strict";

// Find: hides what does not match, in the index and beside it.
const find = document.querySelector("#find");
if (find) {
  find.parentElement.hidden = false;
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const each of document.querySelectorAll(".index li, article.operation")) {
      each.hidden = !each.textContent.toLowerCase().includes(wanted);
    }
  });
}

// A form says that it is sent, and is not sent twice.
const posts = "form[method=post]";
document.addEventListener("submit", (event) => {
  if (!event.target.matches(posts)) return;
  if (event.target.getAttribute("aria-busy") === "true") event.preventDefault();
  event.target.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll(posts)) form.removeAttribute("aria-busy");
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form.call, form.act");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    form.requestSubmit(form.querySelector("button"));
  }
});

// Commands are copied by a button.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll("pre.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    });
    block.after(button);
  }
}
