/** What a consumer ends by itself where its provider says nothing any more. */
import { expect, test } from "vitest";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { ReleaseAgreement } from "../../exchange/transfers/release-agreement.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createConsumerTransfers } from "./consumer-transfers.ts";
import { PROVIDER_ENDS_MS } from "./release-clock.ts";

const VALID_UNTIL = "2026-12-31T00:00:00.000Z";
const AGREEMENT = {
  "@id": "urn:uuid:00000000-0000-4000-8000-000000000001",
  ...{ assigner: "alpha", assignee: "beta", target: "alpha:panel" },
  ...{ "sealane:assetVersion": 1, "sealane:policy": { digest: "p" }, "sealane:validUntil": VALID_UNTIL },
} as unknown as ReleaseAgreement;
const RECORDED = {
  ...{ consumer: "beta", asset: "alpha:panel", assetVersion: 1, policy: { digest: "p" } },
  ...{ digest: digestOf(AGREEMENT), validUntil: VALID_UNTIL },
};

async function word(state: Transfer["state"], onLedger: string | undefined, msAfter: number) {
  const next = createConsumerTransfers({
    ledger: {
      get: async () => onLedger && { provider: "alpha", agreement: RECORDED, state: onLedger },
    } as never,
    now: () => new Date(Date.parse(VALID_UNTIL) + msAfter).toISOString(),
    agreement: async (id) => (id === AGREEMENT["@id"] ? AGREEMENT : undefined),
  });
  const document = { providerPid: "p", consumerPid: "c", state, agreementId: AGREEMENT["@id"] } as Transfer;
  const said = await next({}, document);
  return said?.["@type"] === "TransferTerminationMessage" ? said.code : said;
}

const OPEN = ["REQUESTED", "STARTED", "SUSPENDED"] as const;

test.each(OPEN)("ends in %s with the revocation that its own ledger has", async (state) => {
  expect(await word(state, "revoked", -1)).toBe("agreement-revoked");
});

test.each(OPEN)("ends in %s when its agreement has run out and its provider has not said so in time", async (state) => {
  expect(await word(state, "finalized", PROVIDER_ENDS_MS)).toBeUndefined();
  expect(await word(state, "finalized", PROVIDER_ENDS_MS + 1)).toBe("agreement-expired");
});

test("goes on while its agreement stands, also where a replica that is behind does not have it yet", async () => {
  for (const onLedger of ["finalized", undefined]) expect(await word("STARTED", onLedger, 0)).toBeUndefined();
});

test("says nothing about what is over", async () => {
  for (const state of ["COMPLETED", "TERMINATED"] as const) expect(await word(state, "revoked", 0)).toBeUndefined();
});
