// @zitadel/node 2.0.22, the last line of that package with generation 2024-06, on grpc-js. The
// package exports clients for v1 services; its user v3alpha definitions are taken from the same
// published files by path (support.js), since the package does not export them by name.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { createAccessTokenInterceptor, createAdminClient, createAuthClient } from "@zitadel/node/api";
import { createChannel, createClientFactory, Metadata, Status } from "nice-grpc";
import { email, message, oauthProvider, organization, otherCode, pat, phone, published, securityKey, tokenOf, totp, url } from "./support.js";

const { UserServiceDefinition } = await published("user/v3alpha/user_service");
const { State } = await published("user/v3alpha/user");
const { UserSchemaServiceDefinition } = await published("user/schema/v3alpha/user_schema_service");
const { AuthenticatorType, State: SchemaState } = await published("user/schema/v3alpha/user_schema");
const { TextQueryMethod } = await published("object/v2/object");
const { TextQueryMethod: TextQueryMethodV1 } = await published("object");

const channel = createChannel(url);
after(() => channel.close());
const client = (token, definition = UserServiceDefinition) =>
  createClientFactory().use(createAccessTokenInterceptor(token)).create(definition, channel);

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

test("generation 2024-06: a user through its life", async () => {
  const api = client(pat);
  const userId = await fresh(api);
  const read = async () => (await api.getUserByID({ userId })).user;

  const [address, number] = [email(), phone()];
  await api.setContactEmail({ userId, email: { address, returnCode: {} } });
  const mailed = await api.resendContactEmailCode({ userId, returnCode: {} });
  await api.verifyContactEmail({ userId, verificationCode: mailed.verificationCode });
  await api.setContactPhone({ userId, phone: { number, returnCode: {} } });
  const texted = await api.resendContactPhoneCode({ userId, returnCode: {} });
  await api.verifyContactPhone({ userId, verificationCode: texted.verificationCode });
  await api.updateUser({ userId, data: { name: "Gigi Giraffe", height: 5.5 } });
  const { contact, data } = await read();
  assert.deepEqual(contact, { email: { address, isVerified: true }, phone: { number, isVerified: true } });
  assert.deepEqual(data, { name: "Gigi Giraffe", height: 5.5 });

  const { otpEmailId, verificationCode } = await api.addOTPEmailAuthenticator({ userId, email: { address, returnCode: {} } });
  await api.verifyOTPEmailRegistration({ userId, otpEmailId, code: verificationCode });
  assert.deepEqual((await read()).authenticators.otpEmail, [{ otpEmailId, address, isVerified: true }]);
  await api.removeOTPEmailAuthenticator({ userId, otpEmailId });

  for (const [call, state] of [
    ["deactivateUser", State.USER_STATE_INACTIVE],
    ["reactivateUser", State.USER_STATE_ACTIVE],
    ["lockUser", State.USER_STATE_LOCKED],
    ["unlockUser", State.USER_STATE_ACTIVE],
  ]) {
    await api[call]({ userId });
    assert.equal((await read()).state, state, call);
    await refused(api[call]({ userId }), Status.FAILED_PRECONDITION, /./);
  }
  await api.deleteUser({ userId });
  await refused(read(), Status.NOT_FOUND, /\(QUERY-Dfbg2\)$/);
});

test("generation 2024-06: a schema and its users", async () => {
  const schemas = client(pat, UserSchemaServiceDefinition);
  const api = client(pat);
  const type = `client-${randomUUID()}`;
  const schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
  const possibleAuthenticators = [AuthenticatorType.AUTHENTICATOR_TYPE_USERNAME];
  const { id } = await schemas.createUserSchema({ type, schema, possibleAuthenticators });
  const read = async () => (await schemas.getUserSchemaByID({ id })).schema;
  const first = await read();
  assert.deepEqual([first.type, first.schema, first.revision, first.possibleAuthenticators], [type, schema, 1, possibleAuthenticators]);

  const orgId = await organization();
  const follower = (data) => api.createUser({ organization: { orgId }, schemaId: id, data });
  await refused(follower({ name: 7 }), Status.FAILED_PRECONDITION, /\(COMMAND-SlKXqLSeL6\)$/);
  const { userId } = await follower({ name: "Gigi" });
  const { user } = await api.getUserByID({ userId });
  assert.deepEqual([user.schema.id, user.schema.type, user.data], [id, type, { name: "Gigi" }]);

  await schemas.updateUserSchema({ id, type: `${type}-b` });
  await schemas.deactivateUserSchema({ id });
  const found = await schemas.listUserSchemas({ queries: [{ typeQuery: { type: `${type}-B`, method: TextQueryMethod.TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE } }] });
  assert.deepEqual(found.result.map((it) => [it.id, it.state, it.revision]), [[id, SchemaState.STATE_INACTIVE, 1]]);
  await schemas.reactivateUserSchema({ id });
  assert.equal((await read()).state, SchemaState.STATE_ACTIVE);
  await refused(schemas.deleteUserSchema({ id }), Status.FAILED_PRECONDITION, /\(MERLON-n8Ge5UxJ\)$/);
  await api.deleteUser({ userId });
  await schemas.deleteUserSchema({ id });
  await refused(read(), Status.NOT_FOUND, /./);
});

test("generation 2024-06: an account elsewhere is linked, with the published admin client", async () => {
  const admin = createAdminClient(url, createAccessTokenInterceptor(pat));
  const api = client(pat);
  const { id: idpId } = await admin.addGenericOAuthProvider(oauthProvider);
  await admin.updateGenericOAuthProvider({ ...oauthProvider, id: idpId, name: "Somewhere else", clientSecret: "" });
  const { idp } = await admin.getProviderByID({ id: idpId });
  assert.deepEqual([idp.name, idp.config.oauth.tokenEndpoint], ["Somewhere else", "https://id.example.com/token"]);

  const [userId, account] = [await fresh(api), randomUUID()];
  await api.addIDPAuthenticator({ userId, idpAuthenticator: { idpId, userId: account, userName: "gigi" } });
  const { authenticators } = (await api.getUserByID({ userId })).user;
  assert.deepEqual(authenticators.identityProviders, [{ idpId, idpName: "Somewhere else", userId: account, username: "gigi" }]);
  await api.removeIDPAuthenticator({ userId, idpId });
  await refused(api.removeIDPAuthenticator({ userId, idpId }), Status.NOT_FOUND, /\(COMMAND-1M9xR\)$/);

  const urls = { successUrl: "http://localhost:1/done", failureUrl: "http://localhost:1/failed" };
  const { authUrl } = await api.startIdentityProviderIntent({ idpId, urls });
  assert.match(authUrl, /^https:\/\/id\.example\.com\/authorize\?/);
  const unknown = { idpIntentId: "1", idpIntentToken: "no token" };
  await refused(api.retrieveIdentityProviderIntent(unknown), Status.PERMISSION_DENIED, /\(MERLON-n9Gs4KvD\)$/);
  await admin.deleteProvider({ id: idpId });
  await refused(admin.getProviderByID({ id: idpId }), Status.NOT_FOUND, /./);
});

test("generation 2024-06: a directory is kept, with the published admin client", async () => {
  const admin = createAdminClient(url, createAccessTokenInterceptor(pat));
  const directory = {
    name: "Directory",
    servers: ["ldaps://ldap.example.com:636"],
    baseDn: "dc=example,dc=com",
    bindDn: "cn=merlon,dc=example,dc=com",
    bindPassword: "secret",
    userBase: "ou=people",
    userObjectClasses: ["inetOrgPerson"],
    userFilters: ["uid"],
    attributes: { idAttribute: "entryUUID" },
  };
  const { id } = await admin.addLDAPProvider(directory);
  await admin.updateLDAPProvider({ ...directory, id, name: "Telephone book", bindPassword: "" });
  const listed = await admin.listProviders({ queries: [{ idpNameQuery: { name: "telephone", method: TextQueryMethodV1.TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE } }] });
  const found = listed.result.find((it) => it.id === id);
  assert.deepEqual([found.name, found.config.ldap.servers, found.config.ldap.userBase], ["Telephone book", directory.servers, "ou=people"]);
  await admin.deleteProvider({ id });
});
