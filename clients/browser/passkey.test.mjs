// The link of a mail opens the page of the server, and the browser's virtual authenticator registers a passkey there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open } from "./chromium.mjs";

const { MERLON_URL: url, MERLON_PAT: pat, CHROMIUM_BIN, CHROMIUM_HOME } = process.env;
let browser;
before(async () => (browser = await open(CHROMIUM_BIN, CHROMIUM_HOME)));
after(() => browser.close());

async function call(method, path, body) {
  const headers = { authorization: `Bearer ${pat}`, "accept-language": "en" };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

/** Sends a fresh user a link, and answers the user with the link as the mail has it. */
async function invited(name) {
  const { user } = await call("GET", "/auth/v1/users/me");
  const address = `${name}@example.com`;
  const contact = { email: { address, isVerified: true } };
  await call("POST", `/resources/v3alpha/users?organization.orgId=${user.details.resourceOwner}`, { userId: name, contact });
  await call("POST", `/resources/v3alpha/users/${name}/webauthn/registration_link`, {});
  const mail = await call("GET", `/merlon/v1/inbox/messages/_wait?recipient=${encodeURIComponent(address)}`);
  const [link] = JSON.stringify(mail).match(/http:\/\/localhost:\d+\/ui\/webauthn#[^\s"\\]+/);
  return { id: name, link };
}

const keys = async (id) => (await call("GET", `/resources/v3alpha/users/${id}`)).user.authenticators?.webAuthN ?? [];

async function authenticator(options) {
  const { authenticatorId } = await browser.page("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options },
  });
  return authenticatorId;
}

/** Opens a page anew, without what the one before it left, and waits until its script ran. */
async function visit(link) {
  await browser.page("Page.navigate", { url: "about:blank" });
  await browser.page("Page.navigate", { url: link });
  await until(`document.readyState === "complete" && !!document.getElementById("said")`);
}

async function until(expression) {
  for (const start = Date.now(); Date.now() - start < 20_000; ) {
    if (await browser.run(expression)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const said = await browser.run(`document.body.innerText`);
  assert.fail(`never so: ${expression}; the page says: ${said}; ${browser.broken}`);
}

const press = () => browser.run(`document.getElementById("go").click()`);
const says = (what) => until(`document.getElementById("said").textContent === document.getElementById("said").dataset.${what}`);

test("a mail's link registers a passkey, once", async () => {
  const gigi = await invited("gigi");
  const device = await authenticator({});
  await visit(gigi.link);
  await browser.run(`document.getElementById("name").value = "Gigi's phone"`);
  await press();
  await says("done");
  const [key, ...others] = await keys("gigi");
  assert.deepEqual(others, []);
  assert.deepEqual([key.name, key.isVerified, key.userVerified], ["Gigi's phone", true, true]);
  const { credentials } = await browser.page("WebAuthn.getCredentials", { authenticatorId: device });
  assert.deepEqual(credentials.map((it) => [it.rpId, it.isResidentCredential]), [["localhost", true]]);
  assert.equal(await browser.run("location.hash"), "", "the code is gone from the address");
  await visit(gigi.link);
  await press();
  await says("link");
  assert.equal((await keys("gigi")).length, 1);
  await browser.page("WebAuthn.removeVirtualAuthenticator", { authenticatorId: device });
});

test("a key that is known leaves the link's registration for another one", async () => {
  const bea = await invited("bea");
  const device = await authenticator({});
  await visit(bea.link);
  await press();
  await says("done");
  const { code } = await call("POST", "/resources/v3alpha/users/bea/webauthn/registration_link", { returnCode: {} });
  await visit(`${url}/ui/webauthn#${new URLSearchParams({ user: bea.id, id: code.id, code: code.code })}`);
  await press();
  await says("taken");
  assert.deepEqual((await keys("bea")).map((it) => it.isVerified ?? false), [true, false]);
  await browser.page("WebAuthn.removeVirtualAuthenticator", { authenticatorId: device });
  const options = { protocol: "u2f", transport: "usb", hasResidentKey: false, hasUserVerification: false, isUserVerified: false };
  const other = await authenticator(options);
  await press();
  await says("done");
  assert.deepEqual((await keys("bea")).map((it) => [it.isVerified, it.userVerified ?? false]), [[true, true], [true, false]]);
  await browser.page("WebAuthn.removeVirtualAuthenticator", { authenticatorId: other });
});

test("a page without a link says so, in the language of the browser, and nothing breaks the policy", async () => {
  await visit(`${url}/ui/webauthn`);
  await says("link");
  assert.equal(await browser.run(`document.getElementById("form").hidden`), true);
  const userAgent = await browser.run("navigator.userAgent");
  await browser.page("Network.setUserAgentOverride", { userAgent, acceptLanguage: "de-CH,de" });
  await visit(`${url}/ui/webauthn`);
  assert.equal(await browser.run("document.documentElement.lang"), "de");
  assert.deepEqual(browser.broken, []);
});
