import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Role } from "../protocol/vocabulary.ts";
import {
  transferCompletion,
  transferDocument,
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "./compose.ts";
import { TRANSFER_STATES, type TransferMessage } from "./messages.ts";
import { parseTransferMessage } from "./parse-message.ts";
import { type Transfer, transferStep } from "./transfer.ts";

const pids = { providerPid: "p", consumerPid: "c" };
const address = {
  "@type": "DataAddress" as const,
  endpointType: "https://w3id.org/idsa/v4.1/HTTP",
  endpoint: "https://provider.example/data",
};
const acts = {
  request: transferRequest({
    consumerPid: "c",
    agreementId: "urn:uuid:a",
    format: "HttpData-PULL",
    callbackAddress: "https://consumer.example",
  }),
  start: transferStart(pids, address),
  complete: transferCompletion(pids),
  suspend: transferSuspension(pids, { code: "maintenance", reason: ["until noon"] }),
  terminate: transferTermination(pids, { code: "revoked" }),
} satisfies Record<string, TransferMessage>;
type Name = keyof typeof acts;
const names = Object.keys(acts) as Name[];
const roles: Role[] = ["consumer", "provider"];

const run = (...moves: readonly [Role, Name][]): Transfer => {
  let transfer: Transfer | undefined;
  for (const [from, name] of moves) {
    const next = transferStep(transfer, from, acts[name], "p");
    if (!next.ok) throw new Error(`${from} ${name}: ${next.detail}`);
    transfer = next.document;
  }
  if (transfer === undefined) throw new Error("nothing happened");
  return transfer;
};

// Copied from the state machine of DSP 2025-1, written apart from the table it checks.
const SPECIFIED = new Set([
  "START consumer request REQUESTED",
  "REQUESTED provider start STARTED",
  "REQUESTED consumer terminate TERMINATED",
  "REQUESTED provider terminate TERMINATED",
  "STARTED consumer complete COMPLETED",
  "STARTED provider complete COMPLETED",
  "STARTED consumer suspend SUSPENDED",
  "STARTED provider suspend SUSPENDED",
  "STARTED consumer terminate TERMINATED",
  "STARTED provider terminate TERMINATED",
  "SUSPENDED consumer start STARTED",
  "SUSPENDED provider start STARTED",
  "SUSPENDED consumer terminate TERMINATED",
  "SUSPENDED provider terminate TERMINATED",
]);

test("from every state exactly the specified messages lead on", () => {
  const found = new Set<string>();
  const reached = new Map<string, Transfer | undefined>([["START", undefined]]);
  for (const [state, transfer] of reached) {
    for (const from of roles) {
      for (const name of names) {
        const next = transferStep(transfer, from, acts[name], "p");
        if (!next.ok) continue;
        found.add(`${state} ${from} ${name} ${next.document.state}`);
        if (!reached.has(next.document.state)) reached.set(next.document.state, next.document);
      }
    }
  }
  expect(found).toEqual(SPECIFIED);
  expect([...reached.keys()].sort()).toEqual(["START", ...TRANSFER_STATES].sort());
});

test("no sequence of messages leaves the table, and a refused message changes nothing", () => {
  const move = fc.tuple(fc.constantFrom(...roles), fc.constantFrom(...names));
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      let transfer: Transfer | undefined;
      for (const [from, name] of moves) {
        const before = structuredClone(transfer);
        const next = transferStep(transfer, from, acts[name], "p");
        expect(transfer).toEqual(before);
        if (!next.ok) continue;
        expect(SPECIFIED).toContain(`${before?.state ?? "START"} ${from} ${name} ${next.document.state}`);
        transfer = next.document;
      }
    }),
    { numRuns: 300 },
  );
});

describe("a transfer", () => {
  test("has an address while it runs, and keeps none when it is stopped", () => {
    expect(run(["consumer", "request"], ["provider", "start"]).source).toEqual(address);
    const suspended = run(["consumer", "request"], ["provider", "start"], ["provider", "suspend"]);
    expect(suspended.source).toBeUndefined();
    expect(suspended.stopped).toEqual({ by: "provider", code: "maintenance", reason: ["until noon"] });
  });
  test("that its provider has suspended is not set free by its consumer", () => {
    const suspended = run(["consumer", "request"], ["provider", "start"], ["provider", "suspend"]);
    expect(transferStep(suspended, "consumer", acts.start, "")).toMatchObject({
      ok: false,
      code: "transition-not-allowed",
    });
    expect(transferStep(suspended, "provider", acts.start, "")).toMatchObject({ ok: true });
    expect(transferStep(suspended, "consumer", acts.terminate, "")).toMatchObject({ ok: true });
  });
  test("takes no address from a consumer that resumes it", () => {
    const resumed = run(["consumer", "request"], ["provider", "start"], ["consumer", "suspend"], ["consumer", "start"]);
    expect(resumed).toMatchObject({ state: "STARTED", source: undefined, stopped: undefined });
  });
  test("refuses a message with the ids of another one", () => {
    const transfer = run(["consumer", "request"]);
    const other = transferTermination({ ...pids, consumerPid: "x" }, { code: "revoked" });
    expect(transferStep(transfer, "consumer", other, "")).toMatchObject({ ok: false, code: "pid-mismatch" });
  });
});

describe("parsing", () => {
  test("takes every message we compose, and more properties than we know", () => {
    for (const message of Object.values(acts)) {
      expect(parseTransferMessage({ ...message, "@id": "x", extra: [] })).toMatchObject({ ok: true });
    }
    expect(transferDocument(run(["consumer", "request"]))).toMatchObject({ "@type": "TransferProcess", ...pids });
  });
  test.each([
    ["no context", { ...acts.start, "@context": ["https://example.org"] }],
    ["no agreement", { ...acts.request, agreementId: undefined }],
    ["no callback", { ...acts.request, callbackAddress: undefined }],
    ["an address of another type", { ...acts.start, dataAddress: { ...address, "@type": "Address" } }],
    ["an endless list of reasons", { ...acts.terminate, reason: Array(65).fill("x") }],
    ["no object", "TransferStartMessage"],
  ])("refuses %s", (_name, value) => {
    expect(parseTransferMessage(JSON.parse(JSON.stringify(value)))).toMatchObject({ ok: false });
  });
});

describe("what the other side says", () => {
  const property = (name: string, value = "v") => ({ "@type": "EndpointProperty" as const, name, value });
  const told = {
    ...address,
    endpointProperties: [property("authorization"), property("region"), property("authType", "bearer")],
    more: { nested: ["x"] },
  } as typeof address;
  const kept = { ...address, endpointProperties: [property("authorization"), property("authType", "bearer")] };
  const asked = (format: string) =>
    transferStep(undefined, "consumer", { ...acts.request, format, dataAddress: told }, "p");
  const reasons = (reason: unknown[]) => transferSuspension(pids, { code: "later", reason });

  test("of an address is kept as far as it can be used, and not at all where nothing is sent to it", () => {
    expect(asked("HttpData-PUSH")).toMatchObject({ document: { destination: kept } });
    expect(asked("HttpData-PULL")).toMatchObject({ document: { destination: undefined } });
    const started = transferStep(run(["consumer", "request"]), "provider", transferStart(pids, told), "p");
    expect(started.ok && started.document.source).toEqual(kept);
  });

  test("about why it stops is kept to a length", () => {
    const running = run(["consumer", "request"], ["provider", "start"]);
    const step = transferStep(running, "consumer", reasons(["short", "x".repeat(20_000), { also: 1 }]), "p");
    expect(step.ok && step.document.stopped).toEqual({ by: "consumer", code: "later", reason: ["short"] });
  });
});
