// Chromium without a window, spoken to over its debugging pipe: one JSON message after another, ended by a zero byte.
import { spawn } from "node:child_process";

/** Starts the browser with a page whose authenticator is virtual; `close` ends it. */
export async function open(program, home) {
  const flags = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe", `--user-data-dir=${home}`];
  // The sandbox of Chromium does not work for root, as which tests run in containers.
  if (process.getuid?.() === 0) flags.push("--no-sandbox");
  const browser = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [to, from] = [browser.stdio[3], browser.stdio[4]];
  const waiting = new Map();
  const broken = [];
  let [last, rest] = [0, ""];
  from.setEncoding("utf8").on("data", (chunk) => {
    const parts = (rest + chunk).split("\0");
    rest = parts.pop();
    for (const part of parts) {
      const { id, result, error, method, params } = JSON.parse(part);
      if (id) waiting.get(id)?.[error ? 1 : 0](error ? new Error(error.message) : result);
      else if (method === "Runtime.exceptionThrown" || (method === "Log.entryAdded" && params.entry.source === "security")) broken.push(JSON.stringify(params));
    }
  });
  browser.on("exit", () => {
    for (const [, fail] of waiting.values()) fail(new Error("the browser ended"));
  });
  const call = (method, params = {}, sessionId = undefined) =>
    new Promise((done, fail) => {
      waiting.set(++last, [done, fail]);
      to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    });
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => call(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log", "Network", "WebAuthn"]) await page(`${domain}.enable`);
  return {
    page,
    /** What a script of the page answers. */
    async run(expression) {
      const { result, exceptionDetails } = await page("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    /** Scripts that failed, and what the policy of the page forbade. */
    broken,
    close() {
      browser.kill("SIGKILL");
      return new Promise((done) => (browser.exitCode === null && browser.signalCode === null ? browser.once("exit", done) : done()));
    },
  };
}
