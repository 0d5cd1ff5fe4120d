// @zitadel/client and @zitadel/proto over every transport that the Connect packages have:
// one story, each wire form and HTTP version.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { timestampFromDate } from "@zitadel/client";
import { createAuthServiceClient } from "@zitadel/client/v1";
import { createUserServiceClient as createUserV2Client } from "@zitadel/client/v2";
import { createUserServiceClient } from "@zitadel/client/v3alpha";
import { AuthFactorState } from "@zitadel/proto/zitadel/user_pb.js";
import { State } from "@zitadel/proto/zitadel/resources/user/v3alpha/user_pb.js";
import { email, message, otherCode, pat, phone, securityKey, tokenOf, totp, user } from "./support.js";
import { fresh, refused, returned, sent, transports } from "./transports.js";

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
