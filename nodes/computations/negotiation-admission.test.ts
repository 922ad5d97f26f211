import { beforeEach, expect, test } from "vitest";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { openOffer } from "../../exchange/negotiation/data-request.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { consumerPidOf } from "../../exchange/requests/agreement-record.ts";
import type { RequestLife } from "../../exchange/requests/life.ts";
import type { LifeRecord } from "../../exchange/requests/ports.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { type AdmissionPorts, admits, makesRoom } from "./negotiation-admission.ts";
import { createNegotiationIndex, type NegotiationRecord } from "./negotiation-index.ts";

const REQUEST = "5d1f0f0e-9f0e-4f0e-8d3c-6a2a0f0c0001";
const ABOUT = { request: REQUEST, asset: "beta:panel" };
const DIGEST = "A".repeat(43);
const never = async () => undefined;

let lives: ReturnType<typeof memoryRecords<LifeRecord>>;
let engine: Processes<Negotiation, NegotiationMessage>;
let index: ReturnType<typeof createNegotiationIndex>;
let ports: AdmissionPorts;
/** Does the ledger have what every negotiation here is about? */
let stands: boolean;
const life = (fields: object) =>
  lives.put(REQUEST, {
    position: 1,
    life: {
      ...{ name: "submitted", id: REQUEST, digest: DIGEST, requester: "alpha", assets: { [ABOUT.asset]: {} } },
      ...fields,
    } as unknown as RequestLife,
  });

/** A provider with the engine; it has nothing to say of its own accord. */
beforeEach(async () => {
  lives = memoryRecords();
  await life({});
  index = createNegotiationIndex(memoryRecords());
  stands = false;
  ports = {
    ...{ self: "beta", stores: { lives }, index, find: (pid) => engine.find(pid) },
    beside: async () => ({ code: "data-request-wanted", detail: "none" }),
  };
  engine = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records: memoryRecords(),
    open: memoryRecords(),
    now: () => "2026-11-22T12:00:00.000Z",
    post: async () => ({ kind: "passing", code: "nobody", doubtful: false }),
    ask: never,
    admits: (peer, message, pid) => admits(ports, peer, message, pid),
    begins: (_peer, message) => makesRoom({ ...ports, end: engine.end }, message),
    stands: async ({ side: { document } }) => (stands && document ? { ...document, state: "FINALIZED" } : undefined),
    next: never,
    onMoved(record: NegotiationRecord) {
      if (isNegotiationOver(record.side.document!.state)) index.isOver(record, ABOUT);
      else index.isRunning(record, ABOUT);
    },
    onError: () => undefined,
  });
});

const messageOf = (pid: string, about: { readonly asset?: string; readonly digest?: string } = {}) => {
  const reference = { "@id": "https://alpha.example/r", request: REQUEST, digest: about.digest ?? DIGEST };
  return firstRequest(pid, openOffer(about.asset ?? ABOUT.asset, reference), "https://alpha.example/dsp/2025-1/");
};
const asked = (pid: string, about = {}, peer = "alpha") =>
  engine.takeFirst(peer, messageOf(pid, about), "ContractRequestMessage");
const attempt = (number: number) => consumerPidOf(REQUEST, ABOUT.asset, number);
const said = (code: string) => ({ code: "ERR_DATASPACE_REFUSED", said: { code } });

test("a requester begins a negotiation on what its request on the ledger names", async () => {
  expect(await asked("one")).toMatchObject({ state: "REQUESTED", consumerPid: "one" });
});

test.each([
  ["somebody else's request", "data-request-mismatch", {}, {}, "gamma"],
  ["another digest than the ledger's", "data-request-mismatch", {}, { digest: `${"B".repeat(42)}A` }, "alpha"],
  ["an asset that it does not name", "asset-not-in-request", {}, { asset: "beta:other" }, "alpha"],
  [
    "another provider's asset",
    "asset-not-in-request",
    { assets: { "gamma:panel": {} } },
    { asset: "gamma:panel" },
    "alpha",
  ],
  ["a request that is over", "request-over", { name: "cancelled" }, {}, "alpha"],
] as const)("%s is refused by name", async (_name, code, fields, about, peer) => {
  await life(fields);
  await expect(asked("one", about, peer)).rejects.toMatchObject(said(code));
});

test("a request that is not on the ledger here is asked about again", async () => {
  await lives.delete(REQUEST);
  await expect(asked("one")).rejects.toMatchObject({ code: "ERR_DATASPACE_NOT_YET" });
});

test("a second negotiation on the same asset for the same request is refused while one runs, and names it", async () => {
  const { providerPid } = await asked("one");
  await expect(asked("two")).rejects.toMatchObject({
    said: { code: "negotiation-running", reasons: [expect.stringContaining("consumerPid one")] },
  });
  expect(await asked("one")).toMatchObject({ providerPid, state: "REQUESTED" });
  await engine.end(providerPid, { code: "enough" });
  expect(await asked("two")).toMatchObject({ state: "REQUESTED" });
});

test("the requester's next attempt takes the place of the one before, which ends here and says why", async () => {
  const first = await asked(attempt(0));
  const second = await asked(attempt(2));
  expect(second.state).toBe("REQUESTED");
  expect(await engine.show("alpha", first.providerPid)).toMatchObject({
    state: "TERMINATED",
    termination: { by: "provider", code: "superseded", reason: [`by ${attempt(2)}`] },
  });
  expect(index.running("provider", ABOUT)).toBe(second.providerPid);
});

test("being asked whether an attempt may begin ends nothing: only its beginning does", async () => {
  const first = await asked(attempt(0));
  expect(await admits(ports, "alpha", messageOf(attempt(1)), "pid")).toBeUndefined();
  expect(await engine.show("alpha", first.providerPid)).toMatchObject({ state: "REQUESTED" });
});

test("an attempt whose agreement the ledger has is not superseded: it is over as agreed on", async () => {
  const first = await asked(attempt(0));
  stands = true;
  expect((await asked(attempt(1))).state).toBe("REQUESTED");
  expect(await engine.show("alpha", first.providerPid)).toMatchObject({ state: "FINALIZED", termination: undefined });
});

test("an earlier attempt that comes late does not", async () => {
  await asked(attempt(2));
  await expect(asked(attempt(1))).rejects.toMatchObject(said("negotiation-running"));
});
