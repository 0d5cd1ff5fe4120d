// Signing in at a directory of another project: OpenLDAP's slapd (Debian: `apt install slapd`, or its path in SLAPD), which a
// test starts on a free port of this machine with data of its own.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";

import { ok, rest, start, stop } from "./merlon.js";

const slapd = process.env.SLAPD ?? "/usr/sbin/slapd";
if (!existsSync(slapd)) throw new Error("no slapd: set SLAPD, or start clients/run.sh");
const root = resolve(slapd, "../../..");
const BASE = "dc=example,dc=com";

const PEOPLE = `dn: ${BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: uid=ada,${BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
givenName: Ada
mail: ada@example.com
employeeNumber: 1815
userPassword: correct-horse

dn: uid=100%,${BASE}
objectClass: inetOrgPerson
uid: 100%
cn: ( * ) \\
sn: of it
telephoneNumber: +41 79 123 45 67
employeeNumber: 4
userPassword: 50% of a: space

dn: uid=twin1,${BASE}
objectClass: inetOrgPerson
uid: twin1
cn: Twin
sn: Twin
employeeNumber: 2
mail: twins@example.com
userPassword: same

dn: uid=twin2,${BASE}
objectClass: inetOrgPerson
uid: twin2
cn: Twin
sn: Twin
employeeNumber: 3
mail: twins@example.com
userPassword: same

dn: uid=nameless,${BASE}
objectClass: inetOrgPerson
uid: nameless
cn: Nameless
sn: Nameless
userPassword: nobody

dn: cn=service,${BASE}
objectClass: device
objectClass: simpleSecurityObject
cn: service
userPassword: also
`;

let merlon, directory, plain, tls, work, authority;

before(async () => {
  merlon = await start();
  work = await mkdtemp(join(tmpdir(), "merlon-ldap-"));
  await mkdir(join(work, "data"));
  const certificate = ["-keyout", join(work, "key.pem"), "-out", join(work, "certificate.pem")];
  const names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...key, "-subj", "/CN=directory", "-days", "2", ...names, ...certificate], { stdio: "ignore" });
  authority = (await readFile(join(work, "certificate.pem"))).toString("base64");
  const schema = (name) => `include ${join(root, "etc/ldap/schema", `${name}.schema`)}`;
  const configuration = join(work, "slapd.conf");
  await writeFile(configuration, `${["core", "cosine", "inetorgperson"].map(schema).join("\n")}
modulepath ${join(root, "usr/lib/ldap")}
moduleload back_mdb
pidfile ${join(work, "pid")}
TLSCertificateFile ${join(work, "certificate.pem")}
TLSCertificateKeyFile ${join(work, "key.pem")}
database mdb
suffix "${BASE}"
rootdn "cn=admin,${BASE}"
rootpw "the secret"
directory ${join(work, "data")}
`);
  await writeFile(join(work, "people.ldif"), PEOPLE);
  execFileSync(slapd, ["-T", "add", "-f", configuration, "-l", join(work, "people.ldif")]);
  const [one, other] = [await freePort(), await freePort()];
  [plain, tls] = [`ldap://127.0.0.1:${one}`, `ldaps://127.0.0.1:${other}`];
  directory = spawn(slapd, ["-d", "0", "-f", configuration, "-h", `${plain} ${tls}`], { stdio: "inherit" });
  await listening(one);
});

after(async () => {
  await stop(merlon);
  directory?.kill();
  if (work) await rm(work, { recursive: true, force: true });
});

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function listening(port) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    const there = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(socket.destroy() !== null)).on("error", () => resolve(false));
    });
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("slapd does not listen");
}

async function added(settings = {}) {
  const request = {
    name: "Directory", servers: [plain], baseDn: BASE, bindDn: `cn=admin,${BASE}`, bindPassword: "the secret", userBase: "dn",
    userObjectClasses: ["inetOrgPerson"], userFilters: ["uid", "mail"], timeout: "5s",
    attributes: { idAttribute: "employeeNumber", firstNameAttribute: "GIVENNAME", emailAttribute: "mail", preferredUsernameAttribute: "uid" },
    ...settings,
  };
  return (await ok(merlon, "POST", "/admin/v1/idps/ldap", request)).id;
}

const signIn = (idp, username, password) =>
  rest(merlon, "POST", "/resources/v3alpha/idp_intents", { idpId: idp, ldap: { username, password } });

async function outcome(answer) {
  assert.equal(answer.status, 200, answer.text);
  const { idpIntentId, idpIntentToken } = answer.json.idpIntent;
  return ok(merlon, "POST", `/v3alpha/idp_intents/${idpIntentId}`, { idpIntentToken });
}

function refused(answer, status, id) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.json.message, new RegExp(`\\(${id}\\)$`));
}

const WRONG = "MERLON-x9Fk2TqJ";

test("a person signs in by either name, and the outcome is told once", async () => {
  const idp = await added();
  for (const name of ["ada", "ada@example.com", "ADA"]) {
    const answer = await signIn(idp, name, "correct-horse");
    const { idpInformation, userId } = await outcome(answer);
    assert.equal(userId, undefined);
    assert.deepEqual([idpInformation.idpId, idpInformation.userId, idpInformation.userName], [idp, "1815", "ada"]);
    assert.deepEqual(idpInformation.ldap.attributes.mail, ["ada@example.com"]);
    assert.equal(idpInformation.rawInformation.first_name, "Ada");
    assert.ok(!JSON.stringify(idpInformation).includes("correct-horse"));
    const { idpIntentId, idpIntentToken } = answer.json.idpIntent;
    refused(await rest(merlon, "POST", `/v3alpha/idp_intents/${idpIntentId}`, { idpIntentToken }), 400, "IDP-nme4gszsvx");
  }
});

test("names and passwords may have anything in them, and mean themselves", async () => {
  const idp = await added({ userFilters: ["userid", "cn", "telephoneNumber"] });
  for (const name of ["100%", "( * ) \\", "+41 79 123 45 67"]) {
    const { idpInformation } = await outcome(await signIn(idp, name, "50% of a: space"));
    assert.equal(idpInformation.userId, "4");
  }
  // The directory finds this one as well, which would be as many names as there are places for spaces.
  refused(await signIn(idp, "+4179 1234567", "50% of a: space"), 400, WRONG);
});

test("a user who has the account is named", async () => {
  const idp = await added();
  const me = (await ok(merlon, "GET", "/auth/v1/users/me")).user.id;
  await ok(merlon, "POST", `/resources/v3alpha/users/${me}/idps`, { idpId: idp, userId: "1815", userName: "ada" });
  const answer = await signIn(idp, "ada", "correct-horse");
  assert.equal(answer.json.idpIntent.userId, me);
});

test("nobody gets in with another password, another name, or a filter", async () => {
  const idp = await added();
  for (const [name, password] of [
    ["ada", "wrong"],
    ["nobody", "correct-horse"],
    ["*", "correct-horse"],
    ["a*", "correct-horse"],
    ["ada)(uid=*", "correct-horse"],
    ["twins@example.com", "same"],
    ["service", "also"],
  ]) {
    refused(await signIn(idp, name, password), 400, WRONG);
  }
  const empty = await signIn(idp, "ada", "");
  assert.equal(empty.status, 400);
  refused(await signIn(idp, "nameless", "nobody"), 400, "MERLON-z8Mr4CwB");
});

test("after fifty wrong passwords the name rests, whatever is entered", async () => {
  const idp = await added();
  for (let n = 0; n < 10; n += 1) await outcome(await signIn(idp, "ada", "correct-horse"));
  const tries = await Promise.all(Array.from({ length: 60 }, (_, n) => signIn(idp, n % 2 ? "ada" : "ADA", "wrong")));
  const limited = tries.filter((answer) => answer.status === 429);
  assert.equal(limited.length, 10);
  for (const answer of tries) refused(answer, answer.status === 429 ? 429 : 400, answer.status === 429 ? "MERLON-w8Gb5JtD" : WRONG);
  refused(await signIn(idp, "ada", "correct-horse"), 429, "MERLON-w8Gb5JtD");
  await outcome(await signIn(idp, "ada@example.com", "correct-horse"));
});

test("what is encrypted is trusted by the authorities that are configured", async () => {
  const rootCa = authority;
  for (const settings of [{ servers: [tls], rootCa }, { startTls: true, rootCa }, { servers: ["ldap://127.0.0.1:1", tls], rootCa }]) {
    await outcome(await signIn(await added(settings), "ada", "correct-horse"));
  }
  const otherHost = tls.replace("127.0.0.1", "localhost");
  for (const settings of [{ servers: [tls] }, { startTls: true }, { servers: [otherHost], rootCa }]) {
    refused(await signIn(await added(settings), "ada", "correct-horse"), 503, "MERLON-p3Xr8WnC");
  }
});

test("a directory that does not know this server, or is not there, is named as the cause", async () => {
  refused(await signIn(await added({ bindPassword: "another" }), "ada", "correct-horse"), 400, "MERLON-y3Hc7PvS");
  refused(await signIn(await added({ servers: ["ldap://127.0.0.1:1"] }), "ada", "correct-horse"), 503, "MERLON-p3Xr8WnC");
});

test("people may bind by an attribute", async () => {
  // Not a name that OpenLDAP binds with, so that it shows that the attribute is used.
  refused(await signIn(await added({ userBase: "mail" }), "ada", "correct-horse"), 400, WRONG);
});
