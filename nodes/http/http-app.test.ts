import { type AddressInfo, connect } from "node:net";
import pino from "pino";
import { Type } from "typebox";
import { afterEach, expect, test } from "vitest";
import { closed } from "../../chaincode/rules/vocabulary.ts";
import { LedgerError } from "../../ledger/port.ts";
import { createHttpApp, type HttpApp } from "./http-app.ts";
import { problems } from "./schemas.ts";

const logger = pino({ level: "silent" });
let app: HttpApp;
afterEach(() => app.close());

const build = (requestTimeoutMs = 5_000): HttpApp => {
  app = createHttpApp({ logger, maxBodyBytes: () => 100, requestTimeoutMs });
  app.post("/echo", { schema: { body: closed({ value: Type.Integer() }) } }, async (request) => request.body);
  app.get("/row", { schema: { response: { 200: closed({ shown: Type.String() }), ...problems } } }, async () => {
    return { shown: "yes", secret: "no" } as never;
  });
  app.get("/broken", { schema: { response: { 200: closed({ shown: Type.String() }) } } }, async () => ({}) as never);
  app.get("/defect", async () => {
    throw new Error("the password is 1234");
  });
  app.get("/rejected", async () => {
    const rejection = { code: "ERR_CONTRACT_EXISTS", field: "asset", index: 0 };
    throw new LedgerError("ERR_LEDGER_REJECTED", "asset: exists", { rejection });
  });
  return app;
};

test.each([
  ["no JSON", "{", 400, "ERR_HTTP_INVALID"],
  ["a prototype", '{"__proto__":{},"value":1}', 400, "ERR_HTTP_INVALID"],
  ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22]), 400, "ERR_HTTP_INVALID"],
  ["too many bytes", JSON.stringify({ value: "x".repeat(200) }), 413, "ERR_HTTP_TOO_LARGE"],
  ["a wrong type", '{"value":"1"}', 400, "ERR_HTTP_INVALID"],
  ["an unknown field", '{"value":1,"other":2}', 400, "ERR_HTTP_INVALID"],
  ["nothing", "", 400, "ERR_HTTP_INVALID"],
])("a body of %s is a problem document", async (_name, payload, status, code) => {
  const answer = await build().inject({
    method: "POST",
    url: "/echo",
    headers: { "content-type": "application/json" },
    payload,
  });
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ status, code });
});

test("another media type and an unknown path are problem documents", async () => {
  const text = { method: "POST", url: "/echo", headers: { "content-type": "text/plain" }, payload: "x" } as const;
  expect((await build().inject(text)).json()).toMatchObject({ status: 415, code: "ERR_HTTP_MEDIA_TYPE" });
  expect((await app.inject("/nothing")).json()).toMatchObject({ status: 404, code: "ERR_HTTP_NOT_FOUND" });
  expect((await app.inject("/%zz")).json()).toMatchObject({ status: 400, code: "ERR_HTTP_INVALID" });
});

test("only declared fields leave the node", async () => {
  expect((await build().inject("/row")).json()).toEqual({ shown: "yes" });
});

test("a 5xx says nothing about its cause", async () => {
  for (const url of ["/defect", "/broken"]) {
    const answer = await build().inject(url);
    expect(answer.json()).toEqual({
      type: "about:blank",
      title: "Internal error",
      status: 500,
      code: "ERR_HTTP_INTERNAL",
    });
    await app.close();
  }
});

test("a rejection by the contract names its code and field", async () => {
  expect((await build().inject("/rejected")).json()).toMatchObject({
    status: 409,
    code: "ERR_LEDGER_REJECTED",
    errors: [{ field: "asset", code: "ERR_CONTRACT_EXISTS" }],
  });
});

test("a sender that trickles its header is cut off", async () => {
  await build(200).listen({ host: "127.0.0.1", port: 0 });
  const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("close", () => resolve(text));
  });
  expect(answer).toMatch(/408/);
});

test("a wrong method on a known path says which ones there are", async () => {
  const answer = await build().inject({ method: "DELETE", url: "/echo?x=1" });
  expect(answer.json()).toMatchObject({ status: 405, code: "ERR_HTTP_METHOD" });
  expect(answer.headers.allow).toBe("POST");
  expect((await app.inject({ method: "PUT", url: "/row" })).headers.allow).toBe("GET, HEAD");
});

test.each([
  ["a request line that is none", "GET\r\n\r\n", 400, "ERR_HTTP_INVALID"],
  [
    "two lengths",
    "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
    400,
    "ERR_HTTP_INVALID",
  ],
  [
    "headers beyond the parser's limit",
    `GET /row HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(40_000)}\r\n\r\n`,
    431,
    "ERR_HTTP_HEADERS",
  ],
])("%s is answered by a problem document", async (_name, raw, status, code) => {
  await build().listen({ host: "127.0.0.1", port: 0 });
  const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  socket.end(raw);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  const [head = "", body = ""] = Buffer.concat(parts).toString().split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*content-type: application/problem\\+json`));
  expect(JSON.parse(body)).toMatchObject({ status, code });
});

test("a path parameter beyond any id is a problem document", async () => {
  build().get("/things/:id", async () => ({}));
  expect((await app.inject(`/things/${"0".repeat(300)}`)).json()).toMatchObject({
    status: 400,
    code: "ERR_HTTP_INVALID",
  });
});

const SPELLINGS: readonly (readonly [url: string, status: number])[] = [
  ["/count/7?on=true", 200],
  ["/count/0", 200],
  ...["true", "1.0", "1e3", "0x10", "+7", "07", "-0", "", " 7", "99999999999999999999", "7?on=1", "7?on=TRUE"].map(
    (text) => [`/count/${text}`, 400] as const,
  ),
];
test.each(SPELLINGS)("numbers and truth values in an address have one spelling: %s", async (url, status) => {
  const schema = { params: closed({ n: Type.Integer() }), querystring: closed({ on: Type.Optional(Type.Boolean()) }) };
  build().get("/count/:n", { schema }, async ({ params, query }) => ({ ...params, ...query }));
  expect((await app.inject(url)).statusCode).toBe(status);
});

test("a method that needs a body type elsewhere is a wrong method here", async () => {
  expect((await build().inject({ method: "QUERY" as "GET", url: "/row" })).statusCode).toBe(405);
});
