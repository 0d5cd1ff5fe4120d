// A Merlon of the test's own, which may reach providers on this machine.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = process.env.MERLON_BIN;
if (!program) throw new Error("set MERLON_BIN, or start clients/run.sh");

/** Starts a server on a free port. */
export async function start() {
  const data = await mkdtemp(join(tmpdir(), "merlon-idp-"));
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("MERLON_"));
  const env = { ...Object.fromEntries(environment), MERLON_IDP__ALLOW_PRIVATE: "yes" };
  const args = ["start", "--data", join(data, "data"), "--listen", "127.0.0.1:0"];
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
      const ready = /^ready (http:\/\/\S+)$/m.exec(out);
      if (ready) resolve(ready[1]);
    });
    child.on("exit", (code) => reject(new Error(`merlon ended with ${code}: ${out}`)));
  });
  const pat = (await readFile(join(data, "data", "automation.pat"), "utf8")).trim();
  // People are told to come back to a name of this machine, not to its address.
  const origin = url.replace("127.0.0.1", "localhost");
  return { child, data, url, origin, pat };
}

/** Stops it and removes what it kept. */
export async function stop(merlon) {
  if (!merlon) return;
  const ended = new Promise((resolve) => merlon.child.on("exit", resolve));
  merlon.child.kill();
  await ended;
  await rm(merlon.data, { recursive: true, force: true });
}

/** One REST call as the administrator. */
export async function rest(merlon, method, path, body) {
  const headers = { authorization: `Bearer ${merlon.pat}`, "content-type": "application/json" };
  const answer = await fetch(merlon.url + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text) };
}

/** A call that must succeed; gives its body. */
export async function ok(merlon, method, path, body) {
  const answer = await rest(merlon, method, path, body);
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
  return answer.json;
}
