// Signing in at an OpenID provider of another project, which a test starts on this machine: from the page that Merlon
// gives to the outcome that it tells, with the browser played by fetch and a jar of cookies.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Provider } from "oidc-provider";

import { ok, rest, start, stop } from "./merlon.js";

const CLIENT = { client_id: "merlon", client_secret: "a secret/with:signs%+&=" };
const DONE = "http://localhost:1/done?keep=1";
const FAILED = "http://localhost:1/failed";

let merlon, issuer, listener;

before(async () => {
  merlon = await start();
  listener = createServer();
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${listener.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [`${merlon.origin}/idps/callback`], scope: "openid profile email" }],
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: "Ada L.", preferred_username: `${sub}-name`, email: `${sub}@example.com` }),
    }),
    interactions: { url: (_, interaction) => `/signs-in/${interaction.uid}` },
    cookies: { keys: ["only for this test"] },
  });
  // The person: signs in and agrees, or gives up.
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith("/signs-in/")) return next();
    const details = await provider.interactionDetails(ctx.req, ctx.res);
    const result = ctx.headers["x-gives-up"]
      ? { error: "access_denied", error_description: "not today" }
      : details.prompt.name === "login"
        ? { login: { accountId: ctx.headers["x-person"] } }
        : { consent: { grantId: await agree(provider, details) } };
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
    ctx.respond = false;
  });
  listener.on("request", provider.callback());
});

after(async () => {
  await stop(merlon);
  listener?.closeAllConnections();
  listener?.close();
});

async function agree(provider, { params, session }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid profile email");
  return grant.save();
}

/** Follows a page through the provider until it sends the person back to Merlon; gives that address. */
async function signIn(page, headers) {
  const jar = new Map();
  let next = page;
  for (let step = 0; step < 12; step += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(next, { redirect: "manual", headers: { ...headers, cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(";")[0].split(/=(.*)/s);
      jar.set(name, value);
    }
    const location = answer.headers.get("location");
    assert.ok(location, `${answer.status} ${next}: ${await answer.text()}`);
    next = new URL(location, next).href;
    if (next.startsWith(`${merlon.origin}/idps/callback`)) return next;
  }
  throw new Error("the provider never sends the person back");
}

/** What Merlon says to the person who comes back. */
async function comesBack(address) {
  const answer = await fetch(address.replace(merlon.origin, merlon.url), { redirect: "manual" });
  const location = answer.headers.get("location");
  return { status: answer.status, to: location && new URL(location) };
}

async function added(settings = {}) {
  const request = { name: "Elsewhere", issuer, clientId: CLIENT.client_id, clientSecret: CLIENT.client_secret, ...settings };
  return (await ok(merlon, "POST", "/admin/v1/idps/generic_oidc", request)).id;
}

async function page(idp) {
  const request = { idpId: idp, urls: { successUrl: DONE, failureUrl: FAILED } };
  return (await ok(merlon, "POST", "/resources/v3alpha/idp_intents", request)).authUrl;
}

for (const isIdTokenMapping of [false, true]) {
  test(`a person signs in, data from ${isIdTokenMapping ? "the ID token" : "the userinfo endpoint"}`, async () => {
    const idp = await added({ isIdTokenMapping });
    const back = await comesBack(await signIn(await page(idp), { "x-person": "ada" }));
    assert.equal(back.status, 303);
    assert.ok(back.to.href.startsWith("http://localhost:1/done?keep=1&"), back.to.href);
    const { id, token, user } = Object.fromEntries(back.to.searchParams);
    assert.equal(user, undefined);
    const told = await ok(merlon, "GET", `/resources/v3alpha/idp_intents/${id}?idpIntentToken=${token}`);
    const { idpInformation } = told;
    assert.equal(idpInformation.idpId, idp);
    assert.equal(idpInformation.userId, "ada");
    if (!isIdTokenMapping) {
      assert.equal(idpInformation.userName, "ada-name");
      assert.equal(idpInformation.rawInformation.email, "ada@example.com");
    }
    assert.equal(idpInformation.oauth.idToken.split(".").length, 3);
    const again = await rest(merlon, "GET", `/resources/v3alpha/idp_intents/${id}?idpIntentToken=${token}`);
    assert.equal(again.status, 400, again.text);
    assert.match(again.json.message, /IDP-nme4gszsvx/);
  });
}

test("the access token of the outcome is one of the provider", async () => {
  const back = await comesBack(await signIn(await page(await added()), { "x-person": "bea" }));
  const { id, token } = Object.fromEntries(back.to.searchParams);
  const told = await ok(merlon, "POST", `/v3alpha/idp_intents/${id}`, { idpIntentToken: token });
  const bearer = `Bearer ${told.idpInformation.oauth.accessToken}`;
  const me = await fetch(`${issuer}/me`, { headers: { authorization: bearer } });
  assert.equal((await me.json()).sub, "bea");
});

test("the same over generic OAuth 2", async () => {
  const request = {
    name: "Elsewhere", clientId: CLIENT.client_id, clientSecret: CLIENT.client_secret, idAttribute: "sub",
    authorizationEndpoint: `${issuer}/auth`, tokenEndpoint: `${issuer}/token`, userEndpoint: `${issuer}/me`,
    scopes: ["openid", "email"],
  };
  const idp = (await ok(merlon, "POST", "/admin/v1/idps/oauth", request)).id;
  const back = await comesBack(await signIn(await page(idp), { "x-person": "eve" }));
  const { id, token } = Object.fromEntries(back.to.searchParams);
  const told = await ok(merlon, "POST", `/v3alpha/idp_intents/${id}`, { idpIntentToken: token });
  assert.equal(told.idpInformation.userId, "eve");
});

test("a user who has the account is named", async () => {
  const idp = await added();
  const { user } = await ok(merlon, "GET", "/auth/v1/users/me");
  const me = user.id;
  await ok(merlon, "POST", `/resources/v3alpha/users/${me}/idps`, { idpId: idp, userId: "ida", userName: "ida" });
  const back = await comesBack(await signIn(await page(idp), { "x-person": "ida" }));
  assert.equal(back.to.searchParams.get("user"), me);
});

test("a person who gives up is sent to the failure URL", async () => {
  const back = await comesBack(await signIn(await page(await added()), { "x-gives-up": "yes" }));
  assert.equal(back.status, 303);
  assert.ok(back.to.href.startsWith(`${FAILED}?`), back.to.href);
  assert.equal(back.to.searchParams.get("error"), "access_denied");
  assert.equal(back.to.searchParams.get("token"), null);
});

test("an address that was used, and one of another flow, lead nowhere", async () => {
  const idp = await added();
  const first = await signIn(await page(idp), { "x-person": "ada" });
  const second = await signIn(await page(idp), { "x-person": "bea" });
  // The code of one flow with the state of another: the provider does not take the verifier.
  const mixed = new URL(first);
  mixed.searchParams.set("state", new URL(second).searchParams.get("state"));
  const stolen = await comesBack(mixed.href);
  assert.ok(stolen.to.href.startsWith(`${FAILED}?`), stolen.to.href);
  assert.equal((await comesBack(second)).status, 400, "its state was used up");
  assert.equal((await comesBack(first)).status, 303);
  assert.equal((await comesBack(first)).status, 400);
});

test("a wrong secret is refused by the provider", async () => {
  const idp = await added({ clientSecret: "another" });
  const back = await comesBack(await signIn(await page(idp), { "x-person": "ada" }));
  assert.ok(back.to.href.startsWith(`${FAILED}?`), back.to.href);
});
