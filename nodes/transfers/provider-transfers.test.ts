/** What a provider says to a request for a transfer, before any state exists. */
import { expect, test } from "vitest";
import { transferRequest } from "../../exchange/transfers/compose.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createProviderTransfers } from "./provider-transfers.ts";

const AGREEMENT = "00000000-0000-4000-8000-000000000001";
const REQUEST = "00000000-0000-4000-8000-000000000002";
const ask = async (
  format: string,
  peer: string,
  onLedger: object | undefined,
  kept?: { readonly takesCalls: boolean },
) => {
  const agreements = memoryRecords<KeptAgreement>();
  if (kept !== undefined) await agreements.put(AGREEMENT, { role: "provider", peer } as KeptAgreement);
  return await createProviderTransfers({
    ledger: { get: async (key: string) => (key.startsWith("agreement/") ? onLedger : undefined) } as never,
    agreements,
    takesCalls: kept?.takesCalls ?? true,
    permission: async () => ({ ok: false, reason: "asked-the-policy" }),
    address: () => ({ "@type": "DataAddress", endpointType: "unused" }),
    endpointOf: async () => undefined,
    pushed: memoryRecords(),
    sendSoon: () => undefined,
  }).admits(
    peer,
    transferRequest({
      consumerPid: "c",
      agreementId: `urn:uuid:${AGREEMENT}`,
      format,
      callbackAddress: "https://beta.example/dsp/2025-1",
    }),
  );
};
const computed = (change: object = {}) => ({
  state: "finalized",
  provider: "alpha",
  agreement: { agreement: AGREEMENT, request: REQUEST, consumer: "beta" },
  ...change,
});

test.each([
  ["of a computation", "computation-follows", "beta", computed()],
  ["of a computation, revoked", "agreement-revoked", "beta", computed({ state: "revoked" })],
  ["on records", "data-request-missing", "beta", computed({ agreement: { agreement: AGREEMENT, consumer: "beta" } })],
  ["of another participant", "agreement-unknown", "mallory", computed()],
  ["that nobody has", "agreement-unknown", "beta", undefined],
])("secure aggregation under an agreement %s: %s", async (_what, code, peer, onLedger) => {
  expect(await ask("Sealane-SecureAggregation", peer, onLedger)).toMatchObject({ code });
});

test("secure aggregation goes on with the data request that its answer names", async () => {
  expect((await ask("Sealane-SecureAggregation", "beta", computed()))?.detail).toContain(REQUEST);
});

test("records are not transferred under an agreement on a computation", async () => {
  expect(await ask("HttpData-PULL", "beta", computed())).toMatchObject({ code: "agreement-unknown" });
});

test.each(["HttpData-PULL", "HttpData-PUSH"])(
  "a provider that takes no calls refuses %s at once, and says why",
  async (format) => {
    expect(await ask(format, "beta", undefined, { takesCalls: false })).toMatchObject({
      code: "provider-without-endpoint",
    });
    expect(await ask(format, "beta", undefined, { takesCalls: true })).toMatchObject({ code: "asked-the-policy" });
  },
);
