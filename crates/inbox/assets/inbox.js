// Adds to a page that works without it: copying, local times, and new messages as they are captured.
"use strict";

const list = document.getElementById("messages");
const live = document.getElementById("live");
const MOST_SHOWN = 500;
let unseen = 0;

function dress(root) {
  for (const button of root.querySelectorAll("button.copy")) button.hidden = false;
  for (const time of root.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    const today = moment.toDateString() === new Date().toDateString();
    time.textContent = today ? moment.toLocaleTimeString() : moment.toLocaleString();
  }
}

async function copy(button) {
  const source = button.dataset.copyOf && document.getElementById(button.dataset.copyOf);
  const text = source ? source.textContent : button.dataset.copy;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyBySelecting(text);
  }
  if (!done) getSelection().selectAllChildren(source || button.previousElementSibling);
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  button.classList.toggle("done", done);
  setTimeout(() => {
    button.textContent = "Copy";
    button.classList.remove("done");
  }, 1600);
}

// Pages that were not loaded over TLS or from this machine have no clipboard of their own.
function copyBySelecting(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

function show(html) {
  const news = document.createElement("template");
  news.innerHTML = html;
  const known = new Set(Array.from(list.children, (item) => item.dataset.id));
  const items = Array.from(news.content.querySelectorAll("li.message")).filter((item) => !known.has(item.dataset.id));
  if (items.length === 0) return;
  list.dataset.after = items[0].dataset.id;
  for (const item of items) item.classList.add("fresh");
  dress(news.content);
  list.prepend(...items);
  while (list.children.length > MOST_SHOWN) list.lastElementChild.remove();
  document.getElementById("empty")?.remove();
  if (document.hidden) {
    unseen += items.length;
    document.title = document.title.replace(/^(\(\d+\) )?/, `(${unseen}) `);
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function follow() {
  for (;;) {
    let wait = 0;
    try {
      const answer = await fetch(`${list.dataset.news}&after=${encodeURIComponent(list.dataset.after)}`);
      if (answer.status === 401) return location.reload();
      if (answer.status === 200) show(await answer.text());
      const healthy = answer.ok;
      state(healthy);
      wait = healthy ? 50 : 3000;
    } catch {
      state(false);
      wait = 2000;
    }
    await pause(wait);
  }
}

function state(healthy) {
  live.hidden = false;
  live.textContent = healthy ? "Live" : "Reconnecting";
  live.classList.toggle("lost", !healthy);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = document.title.replace(/^\(\d+\) /, "");
});

dress(document);
if (list?.dataset.news) {
  state(true);
  follow();
}
