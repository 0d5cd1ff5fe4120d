// @zitadel/client: the calls that the stories of connect.test.js do not make, over every transport, each read back.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { createAdminServiceClient } from "@zitadel/client/v1";
import { createUserSchemaServiceClient, createUserServiceClient } from "@zitadel/client/v3alpha";
import { TextFilterMethod } from "@zitadel/proto/zitadel/resources/object/v3alpha/object_pb.js";
import { State } from "@zitadel/proto/zitadel/resources/user/v3alpha/user_pb.js";
import { AuthenticatorType, State as SchemaState } from "@zitadel/proto/zitadel/resources/userschema/v3alpha/user_schema_pb.js";
import { email, oauthProvider, organization, pat, phone } from "./support.js";
import { fresh, refused, returned, transports } from "./transports.js";

for (const [name, transport] of Object.entries(transports)) {
  test(`${name}: a user through its life`, async () => {
    const client = createUserServiceClient(transport(pat));
    const id = await fresh(client);
    const read = async () => (await client.getUser({ id })).user;

    const [address, number] = [email(), phone()];
    await client.setContactEmail({ id, email: { address, verification: returned } });
    const mailed = await client.resendContactEmailCode({ id, verification: returned });
    await client.verifyContactEmail({ id, verificationCode: mailed.verificationCode });
    await client.setContactPhone({ id, phone: { number, verification: returned } });
    const texted = await client.resendContactPhoneCode({ id, verification: returned });
    await client.verifyContactPhone({ id, verificationCode: texted.verificationCode });
    await client.patchUser({ id, user: { data: { name: "Gigi Giraffe", height: 5.5 } } });
    const { contact, data } = await read();
    assert.deepEqual([contact.email.address, contact.email.isVerified], [address, true]);
    assert.deepEqual([contact.phone.number, contact.phone.isVerified], [number, true]);
    assert.deepEqual(data, { name: "Gigi Giraffe", height: 5.5 });

    const { otpSmsId } = await client.addOTPSMSAuthenticator({ id, phone: { number, verification: { case: "isVerified", value: true } } });
    const { otpEmailId, verificationCode } = await client.addOTPEmailAuthenticator({ id, email: { address, verification: returned } });
    await client.verifyOTPEmailRegistration({ id, otpEmailId, code: verificationCode });
    const { authenticators } = await read();
    assert.deepEqual(authenticators.otpSms.map((it) => it.isVerified), [true]);
    assert.deepEqual(authenticators.otpEmail.map((it) => [it.otpEmailId, it.isVerified]), [[otpEmailId, true]]);
    await client.removeOTPSMSAuthenticator({ id, otpSmsId });
    await client.removeOTPEmailAuthenticator({ id, otpEmailId });
    assert.equal((await read()).authenticators, undefined);

    for (const [call, state] of [
      ["deactivateUser", State.USER_STATE_INACTIVE],
      ["activateUser", State.USER_STATE_ACTIVE],
      ["lockUser", State.USER_STATE_LOCKED],
      ["unlockUser", State.USER_STATE_ACTIVE],
    ]) {
      await client[call]({ id });
      assert.equal((await read()).state, state, call);
      await refused(client[call]({ id }), Code.FailedPrecondition);
    }
  });

  test(`${name}: a schema and its users`, async () => {
    const schemas = createUserSchemaServiceClient(transport(pat));
    const client = createUserServiceClient(transport(pat));
    const type = `client-${randomUUID()}`;
    const schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
    const possibleAuthenticators = [AuthenticatorType.USERNAME, AuthenticatorType.TOTP];
    const created = await schemas.createUserSchema({ userSchema: { type, dataType: { case: "schema", value: schema }, possibleAuthenticators } });
    const { id } = created.details;
    const read = async () => (await schemas.getUserSchema({ id })).userSchema;
    const first = await read();
    assert.deepEqual([first.config.type, first.config.dataType.value, first.revision], [type, schema, 1]);
    assert.deepEqual(first.config.possibleAuthenticators, possibleAuthenticators);

    const organizationId = await organization();
    const follower = (data) =>
      client.createUser({ organization: { property: { case: "orgId", value: organizationId } }, user: { schemaId: id, data } });
    await refused(follower({ name: 7 }), Code.FailedPrecondition, "COMMAND-SlKXqLSeL6");
    const user = await follower({ name: "Gigi" });
    const shown = (await client.getUser({ id: user.details.id })).user;
    assert.deepEqual([shown.schema.id, shown.schema.type, shown.schema.revision, shown.data], [id, type, 1, { name: "Gigi" }]);

    const wider = { type: "object", properties: { name: { type: "string" }, nick: { type: "string" } } };
    await schemas.patchUserSchema({ id, userSchema: { dataType: { case: "schema", value: wider } } });
    assert.deepEqual([(await read()).revision, (await read()).config.dataType.value], [2, wider]);
    await schemas.deactivateUserSchema({ id });
    await refused(follower({ name: "Gigi" }), Code.FailedPrecondition, "MERLON-h6Ww2TnA");
    const filter = { Filter: { case: "typeFilter", value: { type: type.slice(0, -1), method: TextFilterMethod.STARTS_WITH } } };
    const found = await schemas.searchUserSchemas({ filters: [filter] });
    assert.deepEqual(found.result.map((it) => [it.details.id, it.state]), [[id, SchemaState.INACTIVE]]);
    await schemas.reactivateUserSchema({ id });
    assert.equal((await read()).state, SchemaState.ACTIVE);
    await refused(schemas.deleteUserSchema({ id }), Code.FailedPrecondition, "MERLON-n8Ge5UxJ");
    await client.deleteUser({ id: user.details.id });
    await schemas.deleteUserSchema({ id });
    await refused(schemas.getUserSchema({ id }), Code.NotFound);
  });

  test(`${name}: an account elsewhere is linked`, async () => {
    const admin = createAdminServiceClient(transport(pat));
    const client = createUserServiceClient(transport(pat));
    const provider = { name: "Elsewhere", issuer: "https://id.example.com", clientId: "merlon", clientSecret: "secret", scopes: ["openid"] };
    const { id: idpId } = await admin.addGenericOIDCProvider(provider);
    await admin.updateGenericOIDCProvider({ ...provider, id: idpId, name: "Somewhere else", clientSecret: "" });
    const { idp } = await admin.getProviderByID({ id: idpId });
    assert.deepEqual([idp.name, idp.config.config.value.issuer], ["Somewhere else", "https://id.example.com"]);
    const listed = await admin.listProviders({ queries: [{ query: { case: "idpIdQuery", value: { id: idpId } } }] });
    assert.deepEqual(listed.result.map((it) => it.id), [idpId]);

    const [id, other, userId] = [await fresh(client), await fresh(client), randomUUID()];
    const authenticator = { idpId, userId, userName: "gigi" };
    await client.addIDPAuthenticator({ id, authenticator });
    const { identityProviders } = (await client.getUser({ id })).user.authenticators;
    assert.deepEqual(identityProviders.map((it) => [it.idpId, it.idpName, it.userId, it.username]), [[idpId, "Somewhere else", userId, "gigi"]]);
    await refused(client.addIDPAuthenticator({ id: other, authenticator }), Code.AlreadyExists, "V3-DKcYh");
    await client.removeIDPAuthenticator({ id, idpId });
    await refused(client.removeIDPAuthenticator({ id, idpId }), Code.NotFound, "COMMAND-1M9xR");
    await admin.deleteProvider({ id: idpId });
    await refused(admin.getProviderByID({ id: idpId }), Code.NotFound);
  });

  test(`${name}: a sign-in elsewhere begins at the provider`, async () => {
    const admin = createAdminServiceClient(transport(pat));
    const client = createUserServiceClient(transport(pat));
    const { id: idpId } = await admin.addGenericOAuthProvider(oauthProvider);
    const urls = { successUrl: "http://localhost:1/done", failureUrl: "http://localhost:1/failed" };
    const { nextStep } = await client.startIdentityProviderIntent({ idpId, content: { case: "urls", value: urls } });
    assert.equal(nextStep.case, "authUrl");
    assert.match(nextStep.value, /^https:\/\/id\.example\.com\/authorize\?/);
    const foreign = { ...urls, successUrl: "https://example.net/done" };
    await refused(client.startIdentityProviderIntent({ idpId, content: { case: "urls", value: foreign } }), Code.InvalidArgument, "MERLON-s5Jv9HdK");
    const unknown = { idpIntentId: "1", idpIntentToken: "no token" };
    await refused(client.getIdentityProviderIntent(unknown), Code.PermissionDenied, "MERLON-n9Gs4KvD");
    await admin.deleteProvider({ id: idpId });
  });
}
