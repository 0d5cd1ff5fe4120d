// Passwords through @zitadel/client and @zitadel/node: set, proven with the current one, reset by a code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { createUserServiceClient } from "@zitadel/client/v3alpha";
import { createAccessTokenInterceptor } from "@zitadel/node/api";
import { createChannel, createClientFactory, Status } from "nice-grpc";
import { otherCode, pat, published, tokenOf, url, user } from "./support.js";
import { refused, returned, transports } from "./transports.js";

const [first, second, third] = ["giraffes eat acacia leaves", "elephants would rather not", "zebras have no opinion here"];

for (const name of ["gRPC", "gRPC-Web, fetch", "Connect JSON, fetch"]) {
  test(`${name}: a password is set, changed and reset`, async () => {
    const id = await user();
    const api = createUserServiceClient(transports[name](pat));
    const own = createUserServiceClient(transports[name](await tokenOf(id)));
    const password = (value) => ({ case: "password", value });
    const proof = (kind, value) => ({ case: kind, value });
    await api.setPassword({ id, newPassword: { type: password(first) } });
    assert.ok((await api.getUser({ id })).user.authenticators.password.lastChanged);
    const wrong = { type: password(second), verification: proof("currentPassword", third) };
    await refused(own.setPassword({ id, newPassword: wrong }), Code.InvalidArgument, "COMMAND-3M0fs");
    await own.setPassword({ id, newPassword: { type: password(second), verification: proof("currentPassword", first) } });
    const { verificationCode } = await api.requestPasswordReset({ id, medium: returned });
    const guess = { type: password(third), verification: proof("verificationCode", otherCode(verificationCode)) };
    await refused(own.setPassword({ id, newPassword: guess }), Code.InvalidArgument, "CODE-woT0xc");
    await own.setPassword({ id, newPassword: { type: password(third), verification: proof("verificationCode", verificationCode) } });
  });
}

test("generation 2024-06: a password is set, changed and reset", async () => {
  const { UserServiceDefinition } = await published("user/v3alpha/user_service");
  const channel = createChannel(url);
  const client = (token) => createClientFactory().use(createAccessTokenInterceptor(token)).create(UserServiceDefinition, channel);
  const userId = await user();
  const [api, own] = [client(pat), client(await tokenOf(userId))];
  try {
    await api.setPassword({ userId, newPassword: { password: first } });
    await assert.rejects(own.setPassword({ userId, newPassword: { password: second }, currentPassword: third }), (error) => {
      assert.equal(error.code, Status.INVALID_ARGUMENT, error.message);
      assert.match(error.details, /\(COMMAND-3M0fs\)$/);
      return true;
    });
    await own.setPassword({ userId, newPassword: { password: second }, currentPassword: first });
    const { verificationCode } = await api.requestPasswordReset({ userId, returnCode: {} });
    await own.setPassword({ userId, newPassword: { password: third }, verificationCode });
    assert.ok((await api.getUserByID({ userId })).user.authenticators.password.lastChanged);
  } finally {
    channel.close();
  }
});
