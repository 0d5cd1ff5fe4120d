// @zitadel/node 2.0.22, the last line of that package with generation 2024-06, on grpc-js. The
// package exports clients for v1 services; its user v3alpha definition is taken from the same
// published files by path, since the package does not export it by name.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createAccessTokenInterceptor, createAuthClient } from "@zitadel/node/api";
import { createChannel, createClientFactory, Metadata, Status } from "nice-grpc";
import { message, organization, otherCode, pat, phone, securityKey, tokenOf, totp, url } from "./support.js";

const file = new URL("./generated/zitadel/user/v3alpha/user_service.js", import.meta.resolve("@zitadel/node/api"));
const { UserServiceDefinition } = await import(file.href);

const channel = createChannel(url);
after(() => channel.close());
const client = (token) =>
  createClientFactory().use(createAccessTokenInterceptor(token)).create(UserServiceDefinition, channel);

const refused = (call, code, text) =>
  assert.rejects(call, (error) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.details, text);
    return true;
  });

async function fresh(api) {
  const created = await api.createUser({ organization: { orgId: await organization() } });
  assert.ok(created.userId && created.details.sequence.gt(0) && created.details.changeDate && created.details.resourceOwner);
  return created.userId;
}

test("generation 2024-06: a number becomes a factor", async () => {
  const api = client(pat);
  const [userId, number] = [await fresh(api), phone()];
  const added = await api.addOTPSMSAuthenticator({ userId, phone: { number, returnCode: {} } });
  const otpSmsId = added.otpSmsId;
  await refused(
    api.verifyOTPSMSRegistration({ userId, otpSmsId, code: otherCode(added.verificationCode) }),
    Status.INVALID_ARGUMENT,
    /\(CODE-woT0xc\)$/,
  );
  await api.verifyOTPSMSRegistration({ userId, otpSmsId, code: added.verificationCode });
  const { user } = await api.getUserByID({ userId });
  assert.deepEqual(user.authenticators.otpSms, [{ otpSmsId, phone: number, isVerified: true }]);
  await api.removeOTPSMSAuthenticator({ userId, otpSmsId });
  await refused(api.removeOTPSMSAuthenticator({ userId, otpSmsId }), Status.NOT_FOUND, /\(COMMAND-Sr3h3\)$/);
});

test("generation 2024-06: a key is registered by a link", async () => {
  const api = client(pat);
  const userId = await fresh(api);
  const { code } = await api.createWebAuthNRegistrationLink({ userId, returnCode: {} });
  const started = await api.startWebAuthNRegistration({ userId, domain: "localhost", code });
  const { webAuthNId } = started;
  const publicKeyCredential = securityKey(started.publicKeyCredentialCreationOptions);
  await api.verifyWebAuthNRegistration({ userId, webAuthNId, publicKeyCredential, webAuthNName: "my key" });
  const { authenticators } = (await api.getUserByID({ userId })).user;
  assert.deepEqual(authenticators.webAuthN, [{ webAuthNId, name: "my key", isVerified: true, userVerified: false }]);
  await api.removeWebAuthNAuthenticator({ userId, webAuthNId });
  await refused(api.removeWebAuthNAuthenticator({ userId, webAuthNId }), Status.NOT_FOUND, /\(COMMAND-DAfb2\)$/);
});

test("generation 2024-06: an app is registered and a name is given", async () => {
  const api = client(pat);
  const userId = await fresh(api);
  const username = `gigi-${userId}`;
  const { usernameId } = await api.addUsername({ userId, username: { username } });
  const found = await api.listUsers({ queries: [{ usernameQuery: { username: username.toUpperCase() } }] });
  assert.deepEqual([Number(found.details.totalResult), found.result.map((it) => it.userId)], [1, [userId]]);
  const { totpId, secret } = await api.startTOTPRegistration({ userId });
  await api.verifyTOTPRegistration({ userId, totpId, code: totp(secret) });
  const { authenticators } = (await api.getUserByID({ userId })).user;
  assert.deepEqual(authenticators.usernames, [{ usernameId, username, isOrganizationSpecific: false }]);
  assert.deepEqual(authenticators.totps.map((it) => [it.totpId, it.isVerified]), [[totpId, true]]);
  await api.removeTOTPAuthenticator({ userId, totpId });
  await api.removeUsername({ userId, usernameId });
  await refused(api.removeUsername({ userId, usernameId }), Status.NOT_FOUND, /\(COMMAND-uEii8L6Awp\)$/);
});

test("generation 2024-06: the phone's code is called emailCode, and only when it is returned", async () => {
  const api = client(pat);
  const [userId, number] = [await fresh(api), phone()];
  const returned = await api.setContactPhone({ userId, phone: { number, returnCode: {} } });
  assert.match(returned.emailCode, /^\d{6}$/);
  const other = phone();
  const sent = await api.setContactPhone({ userId, phone: { number: other } });
  assert.equal(sent.emailCode, undefined);
  await refused(
    api.verifyContactPhone({ userId, verificationCode: returned.emailCode }),
    Status.INVALID_ARGUMENT,
    /\(CODE-woT0xc\)$/,
  );
  const { code } = await message(other);
  await api.verifyContactPhone({ userId, verificationCode: code });
  const { user } = await api.getUserByID({ userId });
  assert.deepEqual(user.contact.phone, { number: other, isVerified: true });
});

test("generation 2024-06: the published auth client with its access token interceptor", async () => {
  const api = client(pat);
  const userId = await fresh(api);
  const me = createAuthClient(url, createAccessTokenInterceptor(await tokenOf(userId)));
  assert.equal((await me.getMyUser({})).user.id, userId);
  await refused(me.addMyAuthFactorOTPSMS({}), Status.FAILED_PRECONDITION, /\(COMMAND-Q54j2\)$/);
  await api.setContactPhone({ userId, phone: { number: phone(), isVerified: true } });
  const added = await me.addMyAuthFactorOTPSMS({});
  assert.ok(added.details.sequence.gt(0) && added.details.creationDate && added.details.resourceOwner);
  const { result } = await me.listMyAuthFactors({});
  assert.equal(result.length, 1);
  assert.ok(result[0].otpSms);
});

test("generation 2024-06: without a token", async () => {
  const api = createClientFactory().create(UserServiceDefinition, channel);
  await refused(api.getUserByID({ userId: "nobody" }), Status.UNAUTHENTICATED, /./);
  const metadata = new Metadata({ authorization: "Bearer garbage" });
  await refused(api.getUserByID({ userId: "nobody" }, { metadata }), Status.UNAUTHENTICATED, /\(AUTH-7fs1e\)$/);
});
