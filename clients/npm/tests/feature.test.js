// @zitadel/client: the features of the instance over every transport, and a server of the test's own whose v3alpha API is
// switched off, for the server under test has to go on answering the other tests.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { createAuthServiceClient } from "@zitadel/client/v1";
import { createFeatureServiceClient } from "@zitadel/client/v2";
import { createUserSchemaServiceClient, createUserServiceClient } from "@zitadel/client/v3alpha";
import { Source } from "@zitadel/proto/zitadel/feature/v2/feature_pb.js";
import { pat } from "./support.js";
import { refused, transports } from "./transports.js";

let own;

before(async () => {
  assert.ok(process.env.MERLON_BIN, "set MERLON_BIN, or start clients/run.sh");
  const folder = await mkdtemp(join(tmpdir(), "merlon-feature-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MERLON_")));
  const args = ["start", "--data", join(folder, "data"), "--listen", "127.0.0.1:0"];
  const child = spawn(process.env.MERLON_BIN, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  own = { child, folder };
  own.url = await new Promise((resolve, reject) => {
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
      const ready = /^ready (http:\/\/\S+)$/m.exec(out);
      if (ready) resolve(ready[1]);
    });
    child.on("exit", (code) => reject(new Error(`merlon ended with ${code}: ${out}`)));
  });
  own.pat = (await readFile(join(folder, "data", "automation.pat"), "utf8")).trim();
});

after(async () => {
  if (!own) return;
  const ended = new Promise((resolve) => own.child.on("exit", resolve));
  own.child.kill();
  await ended;
  await rm(own.folder, { recursive: true, force: true });
});

const flag = ({ userSchema }) => userSchema && [userSchema.enabled, userSchema.source];

for (const [name, transport] of Object.entries(transports)) {
  test(`${name}: a feature is set, read and reset`, async () => {
    const client = createFeatureServiceClient(transport(pat));
    const { details } = await client.setInstanceFeatures({ userSchema: true });
    assert.ok(details.sequence > 0n && details.creationDate && details.changeDate && details.resourceOwner);
    const set = await client.getInstanceFeatures({});
    assert.deepEqual([flag(set), set.details], [[true, Source.INSTANCE], details]);
    const reset = await client.resetInstanceFeatures({});
    assert.equal(reset.details.sequence, details.sequence + 1n);
    assert.equal(flag(await client.getInstanceFeatures({})), undefined);
    assert.deepEqual(flag(await client.getInstanceFeatures({ inheritance: true })), [true, Source.SYSTEM]);
    await refused(client.setInstanceFeatures({}), Code.InvalidArgument, "COMMAND-Vigh1");
    const error = await refused(
      client.setInstanceFeatures({ userSchema: false, loginV2: { required: true } }),
      Code.InvalidArgument,
      "MERLON-B5wX8rTc",
    );
    assert.match(error.rawMessage, /^login_v2 cannot be switched here/);
    assert.equal(flag(await client.getInstanceFeatures({})), undefined);
  });

  test(`${name}: the v3alpha API is switched off and on`, async () => {
    const there = transport(own.pat, own.url);
    const features = createFeatureServiceClient(there);
    const [users, schemas, auth] = [createUserServiceClient(there), createUserSchemaServiceClient(there), createAuthServiceClient(there)];
    const { user } = await auth.getMyUser({});
    await features.setInstanceFeatures({ userSchema: false });
    await refused(users.getUser({ id: user.id }), Code.FailedPrecondition, "TODO");
    await refused(schemas.searchUserSchemas({}), Code.FailedPrecondition, "SCHEMA-SFjk3");
    assert.equal((await auth.getMyUser({})).user.id, user.id);
    assert.deepEqual(flag(await features.getInstanceFeatures({})), [false, Source.INSTANCE]);
    await features.setInstanceFeatures({ userSchema: true });
    assert.equal((await users.getUser({ id: user.id })).user.details.id, user.id);
    assert.ok((await schemas.searchUserSchemas({})).details);
    await features.resetInstanceFeatures({});
    await users.getUser({ id: user.id });
  });
}
