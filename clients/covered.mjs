// covered.mjs BEFORE AFTER CLIENT SERVICE...: whether CLIENT made every call of these services, by the server's own
// description and by its metrics before and after the client ran. A call counts when it was answered as it is meant to be,
// in a wire form that clients with a generated contract speak.
import { readFileSync } from "node:fs";

/** Calls that cannot succeed here count by this answer: what a person does at a provider is told in clients/idp. */
const REFUSED = {
  GetIdentityProviderIntent: "permission_denied",
  RetrieveIdentityProviderIntent: "permission_denied",
};

/** How often each method was answered with each code, HTTP/JSON apart. */
function answers(file) {
  const counts = new Map();
  const line = /^merlon_rpc_requests_total\{method="\/([^"]+)",wire="([^"]+)",code="([^"]+)"\} (\d+)$/gm;
  for (const [, method, wire, code, count] of readFileSync(file, "utf8").matchAll(line)) {
    const key = `${method} ${code}`;
    if (wire !== "rest") counts.set(key, (counts.get(key) ?? 0) + Number(count));
  }
  return counts;
}

/** `Service/Method` of every call that the server describes. */
async function described() {
  const { paths } = await (await fetch(`${process.env.MERLON_URL}/openapi/v3.json`)).json();
  return Object.values(paths)
    .flatMap((verbs) => Object.values(verbs))
    .flatMap(({ operationId }) => (operationId ? [operationId.replace(/\.(?=[^.]*$)/, "/")] : []));
}

const [before, after, client, ...services] = process.argv.slice(2);
const [earlier, later] = [answers(before), answers(after)];
const methods = (await described()).filter((method) => services.includes(method.split("/")[0]));
const untouched = services.filter((service) => !methods.some((method) => method.startsWith(`${service}/`)));
const missing = methods.filter((method) => {
  const key = `${method} ${REFUSED[method.split("/")[1]] ?? "ok"}`;
  return (later.get(key) ?? 0) === (earlier.get(key) ?? 0);
});
for (const service of untouched) console.error(`${service}: the server describes no such service`);
for (const method of missing) console.error(`${method}: ${client} does not make this call`);
console.log(`${client}: ${methods.length - missing.length} of ${methods.length} calls made`);
process.exitCode = missing.length || untouched.length ? 1 : 0;
