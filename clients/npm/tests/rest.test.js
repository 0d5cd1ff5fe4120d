// Plain fetch: the five documented calls field by field over HTTP/JSON, the JSON rules that
// clients without a generated message rely on, and one Connect call without any library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { email, message, ok, organization, otherCode, phone, rest, timestamp, tokenOf, url, user } from "./support.js";

/** Checks an error answer: HTTP status, gRPC code, and the domain error repeated in the message. */
function refused(answer, status, code, id) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json.code, code);
  const [detail] = answer.json.details;
  assert.equal(detail["@type"], "type.googleapis.com/zitadel.v1.ErrorDetail");
  if (id) assert.equal(detail.id, id);
  assert.equal(answer.json.message, `${detail.message} (${detail.id})`);
}

/** Details of generation 2024-06: a 64-bit number is a string. */
function details2024(details, owner) {
  assert.deepEqual(Object.keys(details).sort(), ["changeDate", "resourceOwner", "sequence"]);
  assert.match(details.sequence, /^[1-9]\d*$/);
  assert.match(details.changeDate, timestamp);
  assert.equal(details.resourceOwner, owner);
}

test("PUT /v3alpha/users/{id}/phone", async () => {
  const [id, owner, number] = [await user(), await organization(), phone()];
  const path = `/v3alpha/users/${id}/phone`;
  const answer = await ok("PUT", path, { phone: { number, returnCode: {} } });
  assert.deepEqual(Object.keys(answer).sort(), ["details", "emailCode"]);
  details2024(answer.details, owner);
  assert.match(answer.emailCode, /^\d{6}$/);
  const sent = phone();
  assert.deepEqual(Object.keys(await ok("PUT", path, { phone: { number: sent, sendCode: {} } })), ["details"]);
  const { code } = await message(sent);
  const verified = await ok("POST", `${path}/verify`, { verificationCode: code });
  assert.deepEqual(Object.keys(verified), ["details"]);
  const read = await ok("GET", `/v3alpha/users/${id}`);
  assert.deepEqual(read.user.contact.phone, { number: sent, isVerified: true });
  assert.equal(read.user.state, "USER_STATE_ACTIVE");
  refused(await rest("PUT", "/v3alpha/users/nobody/phone", { phone: { number } }), 404, 5, "COMMAND-b33QAVgel6");
});

test("POST /v3alpha/users/{id}/otp_sms", async () => {
  const [id, owner, number] = [await user(), await organization(), phone()];
  const path = `/v3alpha/users/${id}/otp_sms`;
  const answer = await ok("POST", path, { phone: { number, return_code: {} } });
  assert.deepEqual(Object.keys(answer).sort(), ["details", "otpSmsId", "verificationCode"]);
  details2024(answer.details, owner);
  const read = await ok("GET", `/v3alpha/users/${id}`);
  assert.deepEqual(read.user.authenticators, { otpSms: [{ otpSmsId: answer.otpSmsId, phone: number }] });
  const verify = `${path}/${answer.otpSmsId}/verify`;
  refused(await rest("POST", verify, { code: otherCode(answer.verificationCode) }), 400, 3, "CODE-woT0xc");
  await ok("POST", verify, { code: answer.verificationCode });
  refused(await rest("POST", path, { phone: { number } }), 409, 6, "COMMAND-Ad3g2");
  const removed = await ok("DELETE", `${path}/${answer.otpSmsId}`);
  details2024(removed.details, owner);
  refused(await rest("DELETE", `${path}/${answer.otpSmsId}`), 404, 5, "COMMAND-Sr3h3");
});

test("POST /v3alpha/users/{id}/otp_email", async () => {
  const [id, owner, address] = [await user(), await organization(), email()];
  const path = `/v3alpha/users/${id}/otp_email`;
  const urlTemplate = `${url}/verify?code={{.Code}}`;
  const answer = await ok("POST", path, { email: { address, sendCode: { urlTemplate } } });
  assert.deepEqual(Object.keys(answer).sort(), ["details", "otpEmailId"]);
  details2024(answer.details, owner);
  const { code, text, kind, channel, createdAt, id: messageId } = await message(address);
  assert.ok(text.includes(`${url}/verify?code=${code}`) && kind && messageId);
  assert.equal(channel, "CHANNEL_EMAIL");
  assert.match(createdAt, timestamp);
  await ok("POST", `${path}/${answer.otpEmailId}/verify`, { code });
  refused(await rest("POST", path, { email: { address } }), 409, 6, "COMMAND-MKL2s");
});

test("POST /resources/v3alpha/users/{id}/otp_sms/{otp_sms_id}/_verify takes a bare string", async () => {
  const [id, owner] = [await user(), await organization()];
  const path = `/resources/v3alpha/users/${id}/otp_sms`;
  const spellings = [(code) => JSON.stringify(code), (code) => ({ code }), (code) => ({ verificationCode: code })];
  for (const spell of spellings) {
    const added = await ok("POST", path, { number: phone(), returnCode: {} });
    assert.deepEqual(Object.keys(added).sort(), ["details", "otpSmsId", "verificationCode"]);
    const answer = await ok("POST", `${path}/${added.otpSmsId}/_verify`, spell(added.verificationCode));
    assert.deepEqual(Object.keys(answer), ["details"]);
    assert.deepEqual(Object.keys(answer.details).sort(), ["changed", "created", "id", "owner"]);
    assert.equal(answer.details.id, id);
    assert.match(answer.details.changed, timestamp);
    assert.deepEqual(answer.details.owner, { type: "OWNER_TYPE_ORG", id: owner });
  }
  const read = await ok("GET", `/resources/v3alpha/users/${id}`);
  assert.equal(read.user.authenticators.otpSms.length, 3);
  assert.ok(read.user.authenticators.otpSms.every((it) => it.isVerified === true));
});

test("POST /auth/v1/users/me/auth_factors/otp_sms", async () => {
  const [id, owner] = [await user(), await organization()];
  const token = await tokenOf(id);
  const path = "/auth/v1/users/me/auth_factors/otp_sms";
  refused(await rest("POST", path, {}, { token }), 400, 9, "COMMAND-Q54j2");
  await ok("PUT", `/resources/v3alpha/users/${id}/phone`, { number: phone(), isVerified: true });
  const { details, ...rest_ } = await ok("POST", path, {}, { token });
  assert.deepEqual(rest_, {});
  assert.deepEqual(Object.keys(details).sort(), ["changeDate", "creationDate", "resourceOwner", "sequence"]);
  assert.match(details.sequence, /^[1-9]\d*$/);
  assert.equal(details.resourceOwner, owner);
  const factors = await ok("POST", "/auth/v1/users/me/auth_factors/_search", undefined, { token });
  assert.deepEqual(factors, { result: [{ state: "AUTH_FACTOR_STATE_READY", otpSms: {} }] });
  refused(await rest("POST", path, undefined, { token }), 409, 6, "COMMAND-Ad3g2");
  await ok("DELETE", path, undefined, { token });
  assert.deepEqual(await ok("POST", "/auth/v1/users/me/auth_factors/_search", {}, { token }), {});
});

test("creating answers 201, takes the organisation from the query in either case, and leaves defaults out", async () => {
  const org = await organization();
  for (const query of [`organization.orgId=${org}`, `organization.org_id=${org}`]) {
    const body = { contact: { phone: { number: phone(), is_verified: true } }, nobodyKnowsThis: 1 };
    const created = await ok("POST", `/resources/v3alpha/users?${query}`, body, { status: 201 });
    assert.deepEqual(Object.keys(created), ["details"]);
    const { user: read } = await ok("GET", `/resources/v3alpha/users/${created.details.id}`);
    assert.equal(read.details.created, created.details.created);
    assert.equal(read.contact.email, undefined);
    assert.equal(read.authenticators?.otpSms, undefined);
  }
  const missing = await rest("POST", "/resources/v3alpha/users", {});
  assert.deepEqual([missing.status, missing.json.code], [400, 3]);
  assert.match(missing.json.message, /organization/i);
});

test("states over REST, both spellings", async () => {
  const id = await user();
  await ok("POST", `/resources/v3alpha/users/${id}/_lock`);
  assert.equal((await ok("GET", `/v3alpha/users/${id}`)).user.state, "USER_STATE_LOCKED");
  await ok("POST", `/v3alpha/users/${id}/unlock`, "{}");
  await ok("POST", `/v3alpha/users/${id}/deactivate`);
  refused(await rest("POST", `/resources/v3alpha/users/${id}/_deactivate`), 400, 9);
  await ok("POST", `/resources/v3alpha/users/${id}/_activate`);
  await ok("DELETE", `/v3alpha/users/${id}`);
  refused(await rest("GET", `/resources/v3alpha/users/${id}`), 404, 5);
});

test("without a token, with a bad one, for an unknown path, with another verb", async () => {
  const id = await user();
  const none = await rest("GET", `/v3alpha/users/${id}`, undefined, { token: "" });
  assert.deepEqual([none.status, none.json.code], [401, 16]);
  assert.ok(none.headers.get("www-authenticate"));
  refused(await rest("GET", `/v3alpha/users/${id}`, undefined, { token: "garbage" }), 401, 16, "AUTH-7fs1e");
  const unknown = await rest("GET", "/v3alpha/nothing/here");
  assert.deepEqual([unknown.status, unknown.json.code], [404, 5]);
  const verb = await rest("PATCH", `/v3alpha/users/${id}/phone`, {});
  assert.deepEqual([verb.status, verb.json.code], [405, 12]);
});

test("bad bodies answer 400 and change nothing", async () => {
  const id = await user();
  const path = `/v3alpha/users/${id}/phone`;
  const bodies = [
    '{"phone":', "[]", '"text"', '{"phone":{"number":7}}', '{"phone":{"number":"+41791234567","isVerified":"yes"}}',
    '{"phone":{"number":"+41791234567","sendCode":{},"returnCode":{}}}', "{}", '{"phone":{}}',
    '{"phone":{"number":"+41791234567","isVerified":false}}', `{"phone":${"[".repeat(2000)}`, "\u0000",
  ];
  for (const body of bodies) {
    const answer = await rest("PUT", path, body);
    assert.deepEqual([answer.status, answer.json?.code], [400, 3], `${body.slice(0, 60)}: ${answer.text}`);
  }
  const { user: read } = await ok("GET", `/v3alpha/users/${id}`);
  assert.equal(read.contact?.phone, undefined);
});

test("a second send too soon answers 429 with Retry-After", async () => {
  const [id, number] = [await user(), phone()];
  await ok("PUT", `/resources/v3alpha/users/${id}/phone`, { number });
  const answer = await rest("POST", `/resources/v3alpha/users/${id}/phone/_resend`, { sendCode: {} });
  refused(answer, 429, 8);
  const seconds = Number(answer.headers.get("retry-after"));
  assert.ok(seconds >= 1 && seconds <= 30, `${seconds}`);
  const info = answer.json.details.find((it) => it["@type"] === "type.googleapis.com/google.rpc.RetryInfo");
  assert.match(info.retryDelay, /^\d+(\.\d+)?s$/);
});

test("one Connect call by hand", async () => {
  const [id, number] = [await user(), phone()];
  const call = (name, body, headers = {}) =>
    rest("POST", `/zitadel.resources.user.v3alpha.ZITADELUsers/${name}`, body, {
      headers: { "connect-protocol-version": "1", ...headers },
    });
  const added = await call("AddOTPSMSAuthenticator", { id, phone: { number, returnCode: {} } });
  assert.equal(added.status, 200, added.text);
  assert.match(added.headers.get("content-type"), /^application\/json/);
  assert.deepEqual(Object.keys(added.json).sort(), ["details", "otpSmsId", "verificationCode"]);
  const wrong = await call("VerifyOTPSMSRegistration", {
    id,
    otpSmsId: added.json.otpSmsId,
    code: otherCode(added.json.verificationCode),
  });
  assert.equal(wrong.status, 400);
  assert.equal(wrong.json.code, "invalid_argument");
  assert.match(wrong.json.message, /\(CODE-woT0xc\)$/);
  const [detail] = wrong.json.details;
  assert.equal(detail.type, "zitadel.v1.ErrorDetail");
  assert.ok(Buffer.from(detail.value, "base64").toString("latin1").includes("CODE-woT0xc"));
  assert.ok(!detail.value.includes("="), "Connect details are unpadded");
  const right = await call("VerifyOTPSMSRegistration", {
    id,
    otpSmsId: added.json.otpSmsId,
    code: added.json.verificationCode,
  });
  assert.equal(right.status, 200, right.text);
});

test("health and descriptions answer without a token", async () => {
  assert.deepEqual(await ok("GET", "/auth/v1/healthz", undefined, { token: "" }), {});
  for (const path of ["/debug/healthz", "/debug/ready"]) {
    assert.equal((await rest("GET", path, undefined, { token: "" })).status, 200, path);
  }
  const api = await ok("GET", "/openapi/v3.json", undefined, { token: "" });
  assert.match(api.openapi, /^3\./);
  assert.ok(api.paths["/v3alpha/users/{user_id}/otp_sms"] ?? api.paths["/v3alpha/users/{userId}/otp_sms"]);
});
