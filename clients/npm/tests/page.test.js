// The table of calls in docs/v3alpha-user-api.md names what the server's own description names: every call, its verb and its path.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ok } from "./support.js";

/** Service, then method, then verb and path, from rows of the page. */
function calls(text) {
  const services = {};
  let heads = [];
  for (const line of text.split("\n").filter((line) => line.startsWith("|"))) {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""));
    if (/^zitadel\./.test(cells[0])) heads = [cells[0], cells[2]];
    else if (heads.length && cells.length === 4 && !cells[0].startsWith("-")) {
      const [name, path, older, olderPath] = cells;
      (services[heads[0]] ??= {})[name] = path;
      (services[heads[1]] ??= {})[older === "the same" ? name : older] = olderPath;
    }
  }
  return services;
}

test("the page of the v3alpha user API lists every call of both generations", async () => {
  const page = calls(readFileSync(new URL("../../../docs/v3alpha-user-api.md", import.meta.url), "utf8"));
  assert.deepEqual(Object.values(page).map((methods) => Object.keys(methods).length), [36, 36, 7, 7]);
  const { paths } = await ok("GET", "/openapi/v3.json", undefined, { token: "" });
  const served = {};
  for (const [path, verbs] of Object.entries(paths)) {
    for (const [verb, { operationId }] of Object.entries(verbs)) {
      const [, service, method] = /^(.*)\.(.*)$/.exec(operationId ?? ".");
      if (service in page) (served[service] ??= {})[method] = `${verb.toUpperCase()} ${path}`;
    }
  }
  assert.deepEqual(page, served);
});
