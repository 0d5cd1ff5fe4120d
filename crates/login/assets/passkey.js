// Registers a passkey: what the link carries starts a registration, the browser asks the authenticator, its answer completes it.
"use strict";

const form = document.getElementById("form");
const go = document.getElementById("go");
const said = document.getElementById("said");
const link = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
let started;

function say(what, kind = "") {
  said.textContent = said.dataset[what] ?? said.dataset.failed;
  said.className = `said ${kind}`;
  said.hidden = false;
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const { problem } = await answer.json().catch(() => ({}));
  throw Object.assign(new Error("refused"), { problem: problem ?? "failed" });
}

// The link works once: a registration that it started is kept for another try.
async function begin() {
  if (started) return started;
  started = await post("/ui/webauthn/start", { user: link.user, id: link.id, code: link.code });
  history.replaceState(null, "", location.pathname);
  return started;
}

async function touch({ publicKey }) {
  const known = (publicKey.excludeCredentials ?? []).map((it) => ({ ...it, id: bytes(it.id) }));
  const user = { ...publicKey.user, id: bytes(publicKey.user.id) };
  const options = { ...publicKey, challenge: bytes(publicKey.challenge), user, excludeCredentials: known };
  const made = await navigator.credentials.create({ publicKey: options });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
      transports: made.response.getTransports?.() ?? [],
    },
  };
}

async function register() {
  say("wait");
  const { factor, options } = await begin();
  const credential = await touch(options);
  await post("/ui/webauthn/finish", { user: link.user, factor, name: form.elements.name.value, credential });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  go.disabled = true;
  try {
    await register();
    form.hidden = true;
    say("done", "good");
  } catch (error) {
    // Whoever closes the dialog, waits too long or has the key already hears so from the browser by these names.
    const known = { NotAllowedError: "canceled", InvalidStateError: "taken", SecurityError: "unable", NotSupportedError: "unable" };
    const problem = error.problem ?? known[error.name] ?? "failed";
    say(problem, "bad");
    form.hidden = ["link", "late", "full"].includes(problem);
    go.textContent = go.dataset.again;
  } finally {
    go.disabled = false;
  }
});

if (!window.PublicKeyCredential) say("unable", "bad");
else if (!link.user || !link.id || !link.code) say("link", "bad");
else form.hidden = false;
