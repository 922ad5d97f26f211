import { expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import type { AgreementDelivery } from "../../exchange/requests/agreement-record.ts";
import type { Context } from "./context.ts";
import { relayAgreement } from "./relay.ts";

const REQUEST = "1b36f79e-40cf-88ce-8c28-7bc08bd120e2";

/** The operator's part of a context: its replica has one request of the ministry. */
function operator() {
  const kept = new Map<string, unknown>();
  const onLedger = { request: REQUEST, requester: "ministry", assets: ["alpha:panel", "beta:panel"] };
  const ctx = {
    services: { ledger: { get: async (key: string) => (key === keys.request(REQUEST) ? onLedger : undefined) } },
    stores: {
      relayedAgreements: {
        get: async (id: string) => kept.get(id),
        put: async (id: string, value: unknown) => void kept.set(id, value),
      },
    },
  } as unknown as Context;
  const deliver = (from: string, asset: string, { provider = from, assignee = "ministry", request = REQUEST } = {}) =>
    relayAgreement(ctx, from, request, {
      asset: { id: asset, provider },
      message: { agreement: { assignee } },
    } as AgreementDelivery);
  return { kept, deliver };
}

test("an agreement waits at the operator for the requester to fetch it", async () => {
  const { kept, deliver } = operator();
  await expect(deliver("alpha", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  expect([...kept.keys()]).toEqual([`${REQUEST}/alpha:panel`]);
});

test("nobody takes the place of another provider's agreement, whatever the delivery says of itself", async () => {
  const { kept, deliver } = operator();
  await expect(deliver("alpha", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  const before = structuredClone(kept);
  await expect(deliver("mallory", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_FORBIDDEN" });
  expect(kept).toEqual(before);
});

test("only what the ledger's request names is kept, for its requester", async () => {
  const { kept, deliver } = operator();
  const other = "00000000-0000-4000-8000-000000000000";
  for (const attempt of [
    deliver("mallory", "mallory:panel"),
    deliver("alpha", "alpha:panel", { assignee: "mallory" }),
    deliver("alpha", "alpha:panel", { request: other }),
  ]) {
    await expect(attempt).rejects.toMatchObject({ code: "ERR_REQUEST_FORBIDDEN" });
  }
  expect(kept.size).toBe(0);
});
