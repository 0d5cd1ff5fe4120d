// What the tests share beside the clients themselves: the server under test, fresh test data,
// plain REST calls and the inbox. Every test brings its own user, number and address.
import assert from "node:assert/strict";
import { createHash, createHmac, generateKeyPairSync, randomBytes, randomInt, randomUUID } from "node:crypto";

function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}, or start clients/run.sh`);
  return value.trim();
}

export const url = variable("MERLON_URL").replace(/\/$/, "");
export const pat = variable("MERLON_PAT");

/** A Swiss mobile number in E.164. */
export const phone = () => `+417${randomInt(6, 10)}${String(randomInt(10_000_000)).padStart(7, "0")}`;

/** An address of a domain that is reserved for examples. */
export const email = () => `gigi-${randomUUID()}@example.com`;

/** A code of the same length that is not `code`. */
export const otherCode = (code) => code.slice(0, -1) + (code.endsWith("2") ? "3" : "2");

/** One REST call; gives status, headers and the parsed body. A string body goes out as it is. */
export async function rest(method, path, body, { token = pat, headers = {} } = {}) {
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, headers: answer.headers, json, text };
}

/** A REST call that must succeed with this status; gives its body. */
export async function ok(method, path, body, options = {}) {
  const answer = await rest(method, path, body, options);
  assert.equal(answer.status, options.status ?? 200, `${method} ${path}: ${answer.text}`);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  return answer.json;
}

/** The organisation of the automation user. */
export async function organization() {
  return (await ok("GET", "/auth/v1/users/me")).user.details.resourceOwner;
}

/** A fresh user without contact data. */
export async function user() {
  const path = `/resources/v3alpha/users?organization.orgId=${await organization()}`;
  return (await ok("POST", path, {}, { status: 201 })).details.id;
}

/** A personal access token of that user. */
export async function tokenOf(id) {
  const answer = await ok("POST", `/v2/users/${id}/pats`, { expirationDate: "2099-01-01T00:00:00Z" });
  assert.ok(answer.token && answer.tokenId && answer.creationDate);
  return answer.token;
}

/** The newest message the inbox holds for a recipient, waiting for it for some seconds. */
export async function message(recipient) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    const path = `/merlon/v1/inbox/messages?recipient=${encodeURIComponent(recipient)}`;
    const { messages } = await ok("GET", path);
    if (messages?.length) {
      assert.equal(messages[0].recipient, recipient);
      return messages[0];
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no message arrived within ten seconds");
}

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second. */
export const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/;

/** What an authenticator app shows for a base32 secret now (RFC 6238: SHA-1, six digits, thirty seconds). */
export function totp(secret) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const word = hash.readUInt32BE(hash.at(-1) & 0xf) & 0x7fffffff;
  return String(word % 1_000_000).padStart(6, "0");
}

/** What a browser on a page of localhost answers to creation options, with a fresh key and without attestation. */
export function securityKey({ publicKey }) {
  const { x, y } = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
  const [id, length] = [randomBytes(32), Buffer.from([0, 32])];
  const domain = createHash("sha256").update(publicKey.rp.id).digest();
  const key = ["a5010203262001215820", x, "225820", y].map((part) => Buffer.from(part, part.length === 43 ? "base64url" : "hex"));
  const data = Buffer.concat([domain, Buffer.from("4100000000", "hex"), Buffer.alloc(16), length, id, ...key]);
  const object = Buffer.concat([Buffer.from("a363666d74646e6f6e656761747453746d74a068617574684461746158", "hex"), Buffer.from([data.length]), data]);
  const clientData = { type: "webauthn.create", challenge: publicKey.challenge, origin: "http://localhost:8080" };
  return {
    id: id.toString("base64url"),
    rawId: id.toString("base64url"),
    type: "public-key",
    response: { clientDataJSON: Buffer.from(JSON.stringify(clientData)).toString("base64url"), attestationObject: object.toString("base64url") },
    clientExtensionResults: {},
  };
}

/** One of the generated files that @zitadel/node publishes but does not export by name. */
export const published = (file) => import(new URL(`./generated/zitadel/${file}.js`, import.meta.resolve("@zitadel/node/api")).href);

/** A provider that speaks OAuth 2, as admin v1 takes it. Nobody answers there. */
export const oauthProvider = {
  name: "Elsewhere",
  clientId: "merlon",
  clientSecret: "secret",
  authorizationEndpoint: "https://id.example.com/authorize",
  tokenEndpoint: "https://id.example.com/token",
  userEndpoint: "https://id.example.com/me",
  scopes: [],
  idAttribute: "id",
};
