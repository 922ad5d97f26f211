import { describe, expect, test } from "vitest";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { LedgerError, type SignedTransaction } from "../../ledger/port.ts";
import { request as filed } from "../../policies/_fixture.ts";
import { approveRequest, decideRequest, explanationKey, type ProviderPorts } from "./decide-request.ts";
import type { Explanation, RecordStore, RequestDocument } from "./ports.ts";
import { type SubmitPorts, submitRequest } from "./submit.ts";

function storeOf<V>(entries: Readonly<Record<string, V>> = {}): RecordStore<V> {
  const kept = new Map(Object.entries(entries));
  return {
    get: async (id) => kept.get(id),
    put: async (id, value) => void kept.set(id, structuredClone(value)),
    delete: async (id) => void kept.delete(id),
    entries: async function* () {
      yield* kept;
    },
  };
}

const ledgerTo = (submitted: SignedTransaction[]) => ({
  submit: async (some: readonly SignedTransaction[]) => {
    submitted.push(...some);
    return [{}];
  },
});

const identity = signingIdentity(filed.requester, "intl", new Uint8Array(32).fill(1));
const stranger = signingIdentity("stranger", "intl", new Uint8Array(32).fill(2));
const { requester: _requester, createdAt: _createdAt, ...draft } = filed;

function filing(document: RequestDocument["document"]) {
  const submitted: SignedTransaction[] = [];
  const ports = {
    network: "network",
    identity,
    ledger: ledgerTo(submitted),
    now: () => "2026-11-22T09:30:00Z",
    random: (bytes: number) => new Uint8Array(bytes),
    stores: { documents: storeOf({ [filed.id]: { document, salt: "A".repeat(43) } }), lives: storeOf() },
  } as unknown as SubmitPorts;
  return { submitted, ports };
}

test.each([
  ["ERR_LEDGER_UNREACHABLE", true],
  ["ERR_LEDGER_NO_QUORUM", true],
  ["ERR_LEDGER_QUOTA", true],
  ["ERR_LEDGER_FULL", false],
  ["ERR_LEDGER_REJECTED", false],
] as const)("a request is told to be kept where the outbox keeps it: %s", async (code, isKept) => {
  const { ports } = filing(signStatement(identity, "data-request", filed));
  const ledger = { submit: () => Promise.reject(new LedgerError(code, "not now")) } as never;
  const answer = submitRequest({ ...ports, ledger }, draft);
  if (isKept) expect(await answer).toEqual({ id: filed.id, recorded: false });
  else await expect(answer).rejects.toMatchObject({ code });
});

describe("a draft with the id of a request that was filed", () => {
  const own = signStatement(identity, "data-request", filed);

  test("is answered when it is the same one", async () => {
    const { submitted, ports } = filing(own);
    expect(await submitRequest(ports, draft)).toEqual({ id: filed.id, recorded: true });
    expect(submitted).toHaveLength(1);
  });

  test.each([
    ["asks something else", { territory: "XX" }],
    ["has a field that no request has", { note: "x" }],
  ])("is refused when it %s", async (_what, change) => {
    const { submitted, ports } = filing(own);
    const answer = submitRequest(ports, { ...draft, ...change } as never);
    await expect(answer).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
    expect(submitted).toEqual([]);
  });

  test("is refused when another member filed that", async () => {
    const { submitted, ports } = filing(signStatement(stranger, "data-request", filed));
    await expect(submitRequest(ports, draft)).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
    expect(submitted).toEqual([]);
  });
});

test("a steward's refusal after an approval that is on its way to the ledger is told so, not recorded as approval", async () => {
  const asset = "alpha:panel";
  const submitted: SignedTransaction[] = [];
  const made = { asset, outcome: "permit", salt: "A".repeat(43), reasons: [], policyDigest: "", policyVersion: 1 };
  const life = { name: "submitted", id: filed.id, assets: { [asset]: { outcome: "wait", reasons: [] } } };
  const ports = {
    network: "network",
    identity: { ...identity, member: "alpha" },
    ledger: ledgerTo(submitted),
    stores: {
      lives: storeOf({ [filed.id]: { life, position: 1 } }),
      explanations: storeOf({ [explanationKey(filed.id, asset, "steward")]: made as unknown as Explanation }),
    },
  } as unknown as ProviderPorts;
  const say = (outcome: "approved" | "refused", reason?: string) =>
    approveRequest(ports, filed.id, asset, {
      outcome,
      by: "alpha/steward",
      ...(reason === undefined ? {} : { reason }),
    });
  await expect(say("refused")).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID", problems: [{ field: "reason" }] });
  await expect(say("refused", "late")).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
  expect(submitted).toEqual([]);
  expect(await say("approved")).toMatchObject({ outcome: "permit" });
  expect(submitted).toHaveLength(1);
});

test("a decision that the policy has overtaken is made again under the one in force", async () => {
  const asset = "alpha:panel";
  const key = explanationKey(filed.id, asset, "first");
  const made = { asset, outcome: "permit", salt: "A".repeat(43), reasons: [], policyDigest: "old", policyVersion: 1 };
  const explanations = storeOf({ [key]: made as unknown as Explanation });
  const recorded: unknown[] = [];
  const ports = {
    network: "network",
    identity: { ...identity, member: "alpha" },
    ledger: {
      submit: async ([{ statement }]: readonly [SignedTransaction]) => {
        const { policyDigest } = statement.body as { policyDigest: string };
        if (policyDigest === "new") {
          recorded.push(statement.body);
          return [{}];
        }
        const rejection = { code: "ERR_CONTRACT_POLICY" as const, field: "policyVersion", index: 0 };
        throw new LedgerError("ERR_LEDGER_REJECTED", "policyVersion: the active policy is version 2", { rejection });
      },
    },
    now: () => "2026-11-22T09:30:00Z",
    random: (bytes: number) => new Uint8Array(bytes),
    stores: { explanations },
    directory: { asset: async () => ({ policyDigest: "new", policyVersion: 2 }) },
    ownAsset: async () => undefined,
  } as unknown as ProviderPorts;
  await expect(decideRequest(ports, filed.id, asset)).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  expect(await explanations.get(key)).toBeUndefined();
  expect(await decideRequest(ports, filed.id, asset)).toMatchObject({ policyVersion: 2 });
  expect(recorded).toMatchObject([{ policyVersion: 2, outcome: "refuse" }]);
});
