// @zitadel/client and @zitadel/proto over every transport that the Connect packages have:
// one story, each wire form and HTTP version.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport as webGrpcWeb, createConnectTransport as webConnect } from "@connectrpc/connect-web";
import { NewAuthorizationBearerInterceptor, timestampFromDate } from "@zitadel/client";
import { createServerTransport } from "@zitadel/client/node";
import { createAuthServiceClient } from "@zitadel/client/v1";
import { createUserServiceClient as createUserV2Client } from "@zitadel/client/v2";
import { createUserServiceClient } from "@zitadel/client/v3alpha";
import { createClientTransport } from "@zitadel/client/web";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb.js";
import { AuthFactorState } from "@zitadel/proto/zitadel/user_pb.js";
import { State } from "@zitadel/proto/zitadel/resources/user/v3alpha/user_pb.js";
import { email, message, organization, otherCode, pat, phone, securityKey, tokenOf, totp, url, user } from "./support.js";

const interceptors = (token) => (token ? [NewAuthorizationBearerInterceptor(token)] : []);

/** Name, then a transport for a token. `web` ones use fetch, as in a browser. */
const transports = {
  "gRPC": (token) => createGrpcTransport({ baseUrl: url, interceptors: interceptors(token) }),
  "gRPC, @zitadel/client/node": (token) => createServerTransport(token ?? "", { baseUrl: url }),
  "gRPC-Web, HTTP/1.1": (token) =>
    createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1", interceptors: interceptors(token) }),
  "gRPC-Web, HTTP/2": (token) =>
    createGrpcWebTransport({ baseUrl: url, httpVersion: "2", interceptors: interceptors(token) }),
  "gRPC-Web, fetch": (token) => webGrpcWeb({ baseUrl: url, interceptors: interceptors(token) }),
  "gRPC-Web, @zitadel/client/web": (token) => createClientTransport(token ?? "", { baseUrl: url }),
  "Connect proto, HTTP/1.1": (token) =>
    createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true, interceptors: interceptors(token) }),
  "Connect proto, HTTP/2": (token) =>
    createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: true, interceptors: interceptors(token) }),
  "Connect JSON, HTTP/1.1": (token) =>
    createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false, interceptors: interceptors(token) }),
  "Connect JSON, HTTP/2": (token) =>
    createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: false, interceptors: interceptors(token) }),
  "Connect JSON, fetch": (token) => webConnect({ baseUrl: url, interceptors: interceptors(token) }),
};

/** The call must be refused with this code and, if named, this error id. */
async function refused(call, code, id) {
  const error = await call.then(
    () => assert.fail(`expected ${Code[code]}`),
    (reason) => ConnectError.from(reason),
  );
  assert.equal(error.code, code, `${error.message}`);
  const [detail] = error.findDetails(ErrorDetailSchema);
  assert.ok(detail, `no zitadel.v1.ErrorDetail in ${error.message}`);
  if (id) assert.equal(detail.id, id);
  assert.equal(error.rawMessage, `${detail.message} (${detail.id})`);
  return error;
}

const returned = { case: "returnCode", value: {} };
const sent = { case: "sendCode", value: {} };

async function fresh(client) {
  const organizationId = await organization();
  const created = await client.createUser({
    organization: { property: { case: "orgId", value: organizationId } },
    user: { contact: {}, data: { name: "Gigi" } },
  });
  assert.ok(created.details.id && created.details.created && created.details.changed);
  assert.equal(created.details.owner.id, organizationId);
  return created.details.id;
}

for (const [name, transport] of Object.entries(transports)) {
  test(`${name}: a number becomes a factor`, async () => {
    const client = createUserServiceClient(transport(pat));
    const id = await fresh(client);
    const number = phone();
    const added = await client.addOTPSMSAuthenticator({ id, phone: { number, verification: returned } });
    assert.match(added.verificationCode, /^\d{6}$/);
    const otpSmsId = added.otpSmsId;
    await refused(
      client.verifyOTPSMSRegistration({ id, otpSmsId, code: otherCode(added.verificationCode) }),
      Code.InvalidArgument,
      "CODE-woT0xc",
    );
    const verified = await client.verifyOTPSMSRegistration({ id, otpSmsId, code: added.verificationCode });
    assert.equal(verified.details.id, id);
    const { user } = await client.getUser({ id });
    assert.equal(user.state, State.USER_STATE_ACTIVE);
    assert.deepEqual(user.data, { name: "Gigi" });
    assert.deepEqual(
      user.authenticators.otpSms.map(({ otpSmsId, phone, isVerified }) => ({ otpSmsId, phone, isVerified })),
      [{ otpSmsId, phone: number, isVerified: true }],
    );
    await refused(
      client.addOTPSMSAuthenticator({ id, phone: { number, verification: returned } }),
      Code.AlreadyExists,
      "COMMAND-Ad3g2",
    );
    await client.deleteUser({ id });
    await refused(client.getUser({ id }), Code.NotFound);
  });

  test(`${name}: an app is registered and a name is given`, async () => {
    const client = createUserServiceClient(transport(pat));
    const id = await fresh(client);
    const username = `gigi-${id}`;
    const { usernameId } = await client.addUsername({ id, username: { username, isOrganizationSpecific: true } });
    const { totpId, uri, secret } = await client.startTOTPRegistration({ id });
    const found = await client.searchUsers({
      filters: [{ Filter: { case: "usernameFilter", value: { username: username.toUpperCase() } } }],
    });
    assert.deepEqual([found.details.totalResult, found.result.map((it) => it.details.id)], [1n, [id]]);
    assert.match(uri, new RegExp(`^otpauth://totp/[^:]+:${username}`));
    await refused(client.verifyTOTPRegistration({ id, totpId, code: otherCode(totp(secret)) }), Code.InvalidArgument, "EVENT-8isk2");
    await client.verifyTOTPRegistration({ id, totpId, code: totp(secret) });
    const { authenticators } = (await client.getUser({ id })).user;
    assert.deepEqual(authenticators.usernames.map((it) => [it.usernameId, it.username]), [[usernameId, username]]);
    assert.deepEqual(authenticators.totps.map((it) => [it.totpId, it.isVerified]), [[totpId, true]]);
    await refused(client.verifyTOTPRegistration({ id, totpId, code: totp(secret) }), Code.FailedPrecondition, "COMMAND-qx4ls");
    await client.removeTOTPAuthenticator({ id, totpId });
    await client.removeUsername({ id, usernameId });
    assert.equal((await client.getUser({ id })).user.authenticators, undefined);
  });

  test(`${name}: a key is registered by a link`, async () => {
    const client = createUserServiceClient(transport(pat));
    const id = await fresh(client);
    const { code } = await client.createWebAuthNRegistrationLink({ id, medium: { case: "returnCode", value: {} } });
    const registration = { domain: "localhost", code };
    const { webAuthNId, publicKeyCredentialCreationOptions } = await client.startWebAuthNRegistration({ id, registration });
    await refused(client.startWebAuthNRegistration({ id, registration }), Code.InvalidArgument, "COMMAND-Dhz8i");
    const publicKeyCredential = securityKey(publicKeyCredentialCreationOptions);
    const verify = { publicKeyCredential, webAuthNName: "my key" };
    await client.verifyWebAuthNRegistration({ id, webAuthNId, verify });
    const { authenticators } = (await client.getUser({ id })).user;
    const shown = authenticators.webAuthN.map((it) => [it.webAuthNId, it.name, it.isVerified, it.userVerified]);
    assert.deepEqual(shown, [[webAuthNId, "my key", true, false]]);
    await refused(client.verifyWebAuthNRegistration({ id, webAuthNId, verify }), Code.FailedPrecondition, "MERLON-D8kV3wNq");
    await client.removeWebAuthNAuthenticator({ id, webAuthNId });
    assert.equal((await client.getUser({ id })).user.authenticators, undefined);
  });

  test(`${name}: a code is sent, an unset optional stays unset`, async () => {
    const client = createUserServiceClient(transport(pat));
    const id = await fresh(client);
    const number = phone();
    const answer = await client.setContactPhone({ id, phone: { number, verification: sent } });
    assert.equal(answer.verificationCode, undefined);
    const { code } = await message(number);
    await client.verifyContactPhone({ id, verificationCode: code });
    const { user } = await client.getUser({ id });
    assert.deepEqual([user.contact.phone.number, user.contact.phone.isVerified], [number, true]);
    assert.equal(user.contact.email, undefined);
  });

  test(`${name}: errors keep their class, id and text`, async () => {
    const client = createUserServiceClient(transport(pat));
    const missing = "nobody";
    await refused(client.setContactPhone({ id: missing, phone: { number: phone() } }), Code.NotFound, "COMMAND-b33QAVgel6");
    const id = await fresh(client);
    const invalid = await client.setContactPhone({ id, phone: { number: "" } }).catch(ConnectError.from);
    assert.equal(invalid.code, Code.InvalidArgument);
    assert.match(invalid.rawMessage, /number/i);
    const stranger = createUserServiceClient(transport("garbage"));
    await refused(stranger.getUser({ id }), Code.Unauthenticated, "AUTH-7fs1e");
    const timedOut = await client.getUser({ id }, { timeoutMs: 20_000 });
    assert.ok(timedOut.user, "a generous deadline changes nothing");
  });

  test(`${name}: texts follow Accept-Language`, async () => {
    const client = createUserServiceClient(transport(pat));
    const german = await refused(client.getUser({ id: "nobody" }, { headers: { "accept-language": "de" } }), Code.NotFound);
    const english = await refused(client.getUser({ id: "nobody" }, { headers: { "accept-language": "en" } }), Code.NotFound);
    assert.notEqual(german.rawMessage, english.rawMessage);
  });

  test(`${name}: auth v1 and user v2 see the same user`, async () => {
    const v2 = createUserV2Client(transport(pat));
    const id = await user();
    const expirationDate = timestampFromDate(new Date(Date.now() + 3_600_000));
    const { token, tokenId } = await v2.addPersonalAccessToken({ userId: id, expirationDate });
    assert.ok(token && tokenId);
    const me = createAuthServiceClient(transport(token));
    assert.equal((await me.getMyUser({})).user.id, id);
    const number = phone();
    await createUserServiceClient(transport(pat)).setContactPhone({
      id,
      phone: { number, verification: { case: "isVerified", value: true } },
    });
    const added = await me.addMyAuthFactorOTPSMS({});
    assert.equal(typeof added.details.sequence, "bigint");
    assert.ok(added.details.creationDate && added.details.changeDate && added.details.resourceOwner);
    const factors = await me.listMyAuthFactors({});
    assert.deepEqual(factors.result.map((it) => [it.state, it.type.case]), [[AuthFactorState.READY, "otpSms"]]);
    await refused(me.addMyAuthFactorOTPSMS({}), Code.AlreadyExists, "COMMAND-Ad3g2");
    await me.removeMyAuthFactorOTPSMS({});
    const listed = await v2.listPersonalAccessTokens({
      filters: [{ filter: { case: "userIdFilter", value: { id } } }],
    });
    assert.deepEqual(listed.result.map((it) => [it.id, it.userId]), [[tokenId, id]]);
    await v2.removePersonalAccessToken({ userId: id, tokenId });
    const dead = await me.getMyUser({}).catch(ConnectError.from);
    assert.equal(dead.code, Code.Unauthenticated);
  });
}

test("an e-mail code goes round over gRPC-Web and Connect alike", async () => {
  const grpcWeb = createUserServiceClient(transports["gRPC-Web, fetch"](pat));
  const connect = createUserServiceClient(transports["Connect JSON, fetch"](pat));
  const id = await fresh(grpcWeb);
  const address = email();
  const added = await grpcWeb.addOTPEmailAuthenticator({ id, email: { address, verification: sent } });
  assert.equal(added.verificationCode, undefined);
  const { code } = await message(address);
  await connect.verifyOTPEmailRegistration({ id, otpEmailId: added.otpEmailId, code });
  const { user } = await grpcWeb.getUser({ id });
  assert.deepEqual([user.authenticators.otpEmail[0].address, user.authenticators.otpEmail[0].isVerified], [address, true]);
});

test("a token of one user does not read another", async () => {
  const [mine, other] = [await user(), await user()];
  const client = createUserServiceClient(transports["gRPC"](await tokenOf(mine)));
  assert.equal((await client.getUser({ id: mine })).user.details.id, mine);
  const existing = await refused(client.getUser({ id: other }), Code.NotFound);
  const missing = await refused(client.getUser({ id: "nobody" }), Code.NotFound);
  assert.equal(existing.rawMessage, missing.rawMessage);
});
