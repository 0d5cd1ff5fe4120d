// The npm package grpc-web, both formats, on the XMLHttpRequest of jsdom, which sends Origin,
// asks with a CORS preflight and hides what the answer does not expose, as a browser does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import {
  AddOTPSMSAuthenticatorRequestSchema,
  AddOTPSMSAuthenticatorResponseSchema,
  GetUserRequestSchema,
  GetUserResponseSchema,
  VerifyOTPSMSRegistrationRequestSchema,
  VerifyOTPSMSRegistrationResponseSchema,
} from "@zitadel/proto/zitadel/resources/user/v3alpha/user_service_pb.js";
import { JSDOM } from "jsdom";
import { otherCode, pat, phone, url, user } from "./support.js";

const origin = "http://app.example.com";
const dom = new JSDOM("", { url: `${origin}/` });
globalThis.self = dom.window;
globalThis.window = dom.window;
globalThis.XMLHttpRequest = dom.window.XMLHttpRequest;
const { default: grpcWeb } = await import("grpc-web");

const service = "zitadel.resources.user.v3alpha.ZITADELUsers";

function caller(format, token) {
  const base = new grpcWeb.GrpcWebClientBase({ format });
  return (name, request, response, fields) => {
    const path = `/${service}/${name}`;
    const method = new grpcWeb.MethodDescriptor(
      path,
      grpcWeb.MethodType.UNARY,
      Object,
      Object,
      (value) => toBinary(request, value),
      (bytes) => fromBinary(response, bytes),
    );
    return base.unaryCall(url + path, create(request, fields), { authorization: `Bearer ${token}` }, method);
  };
}

for (const format of ["text", "binary"]) {
  test(`grpc-web in a page, format ${format}: a number becomes a factor`, async () => {
    const call = caller(format, pat);
    const [id, number] = [await user(), phone()];
    const added = await call("AddOTPSMSAuthenticator", AddOTPSMSAuthenticatorRequestSchema, AddOTPSMSAuthenticatorResponseSchema, {
      id,
      phone: { number, verification: { case: "returnCode", value: {} } },
    });
    const verify = (code) =>
      call("VerifyOTPSMSRegistration", VerifyOTPSMSRegistrationRequestSchema, VerifyOTPSMSRegistrationResponseSchema, {
        id,
        otpSmsId: added.otpSmsId,
        code,
      });
    await assert.rejects(verify(otherCode(added.verificationCode)), (error) => {
      assert.equal(error.code, grpcWeb.StatusCode.INVALID_ARGUMENT, error.message);
      assert.match(error.message, /\(CODE-woT0xc\)$/);
      assert.ok(error.metadata["grpc-status-details-bin"], "the details are readable by the page");
      return true;
    });
    await verify(added.verificationCode);
    const { user: read } = await call("GetUser", GetUserRequestSchema, GetUserResponseSchema, { id });
    assert.deepEqual(read.authenticators.otpSms.map((it) => [it.phone, it.isVerified]), [[number, true]]);
  });

  test(`grpc-web in a page, format ${format}: a bad token`, async () => {
    const call = caller(format, "garbage");
    await assert.rejects(call("GetUser", GetUserRequestSchema, GetUserResponseSchema, { id: "nobody" }), (error) => {
      assert.equal(error.code, grpcWeb.StatusCode.UNAUTHENTICATED, error.message);
      return true;
    });
  });
}

test("a preflight allows what the browser clients send and exposes what they read", async () => {
  const asked = [
    "authorization", "content-type", "x-grpc-web", "x-user-agent", "grpc-timeout", "connect-protocol-version",
    "connect-timeout-ms", "x-zitadel-orgid", "accept-language",
  ];
  const answer = await fetch(`${url}/${service}/GetUser`, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": asked.join(","),
    },
  });
  assert.ok(answer.ok, `${answer.status}`);
  assert.ok(["*", origin].includes(answer.headers.get("access-control-allow-origin")));
  const list = (name) => (answer.headers.get(name) ?? "").toLowerCase().split(/\s*,\s*/);
  assert.ok(list("access-control-allow-methods").includes("post"));
  for (const name of asked) assert.ok(list("access-control-allow-headers").includes(name), name);
});

test("an answer to another origin exposes the status headers", async () => {
  const answer = await fetch(`${url}/resources/v3alpha/users/nobody`, {
    headers: { origin, authorization: `Bearer ${pat}` },
  });
  assert.equal(answer.status, 404);
  const exposed = (answer.headers.get("access-control-expose-headers") ?? "").toLowerCase().split(/\s*,\s*/);
  for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin"]) assert.ok(exposed.includes(name), name);
});
