// What the tests of @zitadel/client share: every transport that the Connect packages have, and readers of refusals.
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport as webGrpcWeb, createConnectTransport as webConnect } from "@connectrpc/connect-web";
import { NewAuthorizationBearerInterceptor } from "@zitadel/client";
import { createServerTransport } from "@zitadel/client/node";
import { createClientTransport } from "@zitadel/client/web";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb.js";
import { organization, url } from "./support.js";

const interceptors = (token) => (token ? [NewAuthorizationBearerInterceptor(token)] : []);

/** Name, then a transport for a token, to another server than the one under test if named. `web` ones use fetch, as in a browser. */
export const transports = {
  "gRPC": (token, baseUrl = url) => createGrpcTransport({ baseUrl, interceptors: interceptors(token) }),
  "gRPC, @zitadel/client/node": (token, baseUrl = url) => createServerTransport(token ?? "", { baseUrl }),
  "gRPC-Web, HTTP/1.1": (token, baseUrl = url) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors: interceptors(token) }),
  "gRPC-Web, HTTP/2": (token, baseUrl = url) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", interceptors: interceptors(token) }),
  "gRPC-Web, fetch": (token, baseUrl = url) => webGrpcWeb({ baseUrl, interceptors: interceptors(token) }),
  "gRPC-Web, @zitadel/client/web": (token, baseUrl = url) => createClientTransport(token ?? "", { baseUrl }),
  "Connect proto, HTTP/1.1": (token, baseUrl = url) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true, interceptors: interceptors(token) }),
  "Connect proto, HTTP/2": (token, baseUrl = url) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true, interceptors: interceptors(token) }),
  "Connect JSON, HTTP/1.1": (token, baseUrl = url) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false, interceptors: interceptors(token) }),
  "Connect JSON, HTTP/2": (token, baseUrl = url) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false, interceptors: interceptors(token) }),
  "Connect JSON, fetch": (token, baseUrl = url) => webConnect({ baseUrl, interceptors: interceptors(token) }),
};

/** The call must be refused with this code and, if named, this error id. */
export async function refused(call, code, id) {
  const error = await call.then(
    () => assert.fail(`expected ${Code[code]}`),
    (reason) => ConnectError.from(reason),
  );
  assert.equal(error.code, code, `${error.message}`);
  const [detail] = error.findDetails(ErrorDetailSchema);
  assert.ok(detail, `no zitadel.v1.ErrorDetail in ${error.message}`);
  if (id) assert.equal(detail.id, id);
  assert.equal(error.rawMessage, `${detail.message} (${detail.id})`);
  return error;
}

export const returned = { case: "returnCode", value: {} };
export const sent = { case: "sendCode", value: {} };

/** A new user with a name in its data. */
export async function fresh(client) {
  const organizationId = await organization();
  const created = await client.createUser({
    organization: { property: { case: "orgId", value: organizationId } },
    user: { contact: {}, data: { name: "Gigi" } },
  });
  assert.ok(created.details.id && created.details.created && created.details.changed);
  assert.equal(created.details.owner.id, organizationId);
  return created.details.id;
}
