import pino from "pino";
import { expect, test } from "vitest";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { errorDocument } from "../../exchange/protocol/error-document.ts";
import { unknownProcess } from "../dataspace/dataspace-error.ts";
import { addProcessRoutes } from "../http/dataspace/process-routes.ts";
import { createHttpApp } from "../http/http-app.ts";
import { addFeatureRoutes } from "./feature-routes.ts";

test("what features serve to other members is answered with 503 and a time until they have started", async () => {
  let isStarted = false;
  const asked: string[] = [];
  const unknown = async (peer: string) => {
    asked.push(peer);
    throw unknownProcess();
  };
  const limits = { maxBodyBytes: () => 1 << 20, requestTimeoutMs: 30_000 };
  const app = createHttpApp({ logger: pino({ level: "silent" }), ...limits });
  app.get("/peer/v1/ledger", async () => ({ height: 1 }));
  const plain = { peerRoutes: (scoped: typeof app) => void scoped.get("/peer/v1/work", async () => ({ done: true })) };
  const processes = { takeFirst: unknown, take: unknown, show: unknown };
  const negotiations = {
    peerRoutes: (scoped: typeof app) =>
      void scoped.register(async (inner) => addProcessRoutes(inner as typeof app, negotiationProtocol, processes)),
  };
  addFeatureRoutes(app, [plain, negotiations], () => isStarted);
  const get = async (url: string) => {
    const answer = await app.inject(url);
    return { status: answer.statusCode, again: answer.headers["retry-after"], body: answer.json() };
  };

  const starting = { code: "ERR_HTTP_STARTING" };
  expect(await get("/peer/v1/work")).toMatchObject({ status: 503, again: "1", body: starting });
  const reasons = ["the node is starting; try again"];
  const said = errorDocument("ContractNegotiationError", { ...starting, reasons });
  expect(await get("/negotiations/one")).toEqual({ status: 503, again: "1", body: said });
  expect(asked).toEqual([]);
  // What a start may need of others is served meanwhile.
  expect(await get("/peer/v1/ledger")).toMatchObject({ status: 200 });

  isStarted = true;
  expect(await get("/peer/v1/work")).toEqual({ status: 200, again: undefined, body: { done: true } });
  expect(await get("/negotiations/one")).toMatchObject({ status: 404, again: undefined });
  await app.close();
});
