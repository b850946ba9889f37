// Pages work without this. It keeps a second click from sending a form again, copies links,
// and shows what goes on by itself anew while it does.
"use strict";
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.submitter && event.submitter.formTarget) return; // into a frame, and the form stays
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
  const button = event.submitter;
  if (button) button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});
document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  navigator.clipboard.writeText(button.dataset.copy).then(() => { button.textContent = "Copied"; });
});

// A part of a page that says how often it changes is fetched again until it says so no more.
const follow = (part) => {
  if (!part || !part.dataset.live) return;
  window.setTimeout(async () => {
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) { window.location.reload(); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const places = ["header.top + .test", "footer", "#" + part.id];
      if (!fresh.querySelector("#" + part.id + "[data-live]")) places.push("#said");
      places.forEach((place) => {
        const [old, next] = [document.querySelector(place), fresh.querySelector(place)];
        if (old && next) old.replaceWith(document.adoptNode(next));
      });
      follow(document.getElementById(part.id));
    } catch { follow(part); }
  }, Number(part.dataset.live));
};
document.querySelectorAll("[data-live]").forEach(follow);

// What is written is looked at while it is written; without this, by a button.
document.querySelectorAll("form[data-check]").forEach((form) => {
  let wait = 0, asked = 0;
  form.addEventListener("input", (event) => {
    window.clearTimeout(wait);
    const isText = event.target.name === "text";
    wait = window.setTimeout(async () => {
      const number = ++asked;
      const body = new URLSearchParams(new FormData(form));
      body.set("use", isText ? "text" : "form");
      const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
      if (!answer || !answer.ok || answer.redirected || number !== asked) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("findings").replaceWith(document.adoptNode(fresh.getElementById("findings")));
      if (!isText) { form.elements.text.value = fresh.getElementById("text").value; return; }
      fresh.querySelectorAll("#fields input, #fields select").forEach((field) => {
        if (field.value) form.elements[field.name].value = field.value;
      });
    }, 400);
  });
});

// A file that was looked at stays chosen: the form is sent from here, and what came of it is put in place.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-progress]");
  if (!form) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const show = (text, places) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    places.forEach((place) => {
      const [old, next] = [document.querySelector(place), fresh.querySelector(place)];
      if (old && next) old.replaceWith(document.adoptNode(next));
    });
    return fresh;
  };
  const look = window.setInterval(async () => {
    const answer = await fetch(form.dataset.progress).catch(() => null);
    if (answer && answer.ok && look) show(await answer.text(), ["#result"]);
  }, 1500);
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    window.clearInterval(look);
    if (!answer.ok) throw new Error(answer.statusText); // refused on the way to us: too large
    const fresh = show(await answer.text(), ["#said", "#result", "#mapping"]);
    const next = fresh.querySelector("form[data-progress]");
    if (!next) { window.location.assign(answer.url); return; }
    form.dataset.progress = next.dataset.progress;
    form.elements._once.value = next.elements._once.value;
    window.history.replaceState(null, "", answer.url);
    document.getElementById("result").focus();
  } catch {
    window.clearInterval(look);
    document.getElementById("said").textContent = "The file could not be sent. Files of more than 5 MB are imported in parts.";
  }
  delete form.dataset.sent;
  if (event.submitter) event.submitter.removeAttribute("aria-busy");
});
