import { describe, expect, test } from "vitest";
import type { AgreementState } from "../../../../chaincode/rules/records.ts";
import { NEGOTIATION_STATES } from "../../../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../../../exchange/negotiation/negotiation.ts";
import type { RequestLife } from "../../../../exchange/requests/life.ts";
import { standing, standingOnRecords } from "./agreements.ts";

const life = (name: string, outcome = "permit") =>
  ({ name, id: "r", assets: { "alpha:panel": { outcome, reasons: [] } } }) as unknown as RequestLife;
const at = (change: object) => ({
  life: life("submitted"),
  asset: "alpha:panel",
  isConcluded: false,
  isExpired: false,
  ...change,
});

describe.each(NEGOTIATION_STATES)("an agreement whose negotiation is %s", (state) => {
  test.each([
    ["is recorded and its request was cancelled", { isConcluded: true, life: life("cancelled") }, "request-cancelled"],
    ["is not recorded and its request was cancelled", { life: life("cancelled") }, "request-cancelled"],
    ["is not recorded and its request failed", { life: life("failed") }, "request-failed"],
    ["gave way to a refusal", { life: life("agreed", "refuse") }, "asset-refused"],
    ["gave way to a refusal of a running request", { life: life("opened", "refuse") }, "asset-refused"],
    ["missed its request, which was released", { life: life("released") }, "request-ended"],
    ["missed its request, which was withheld", { life: life("withheld") }, "request-ended"],
    ["is over by its own date", { isExpired: true }, "agreement-expired"],
  ])("has ended when it %s", (_when, change, reason) => {
    expect(standing(state, at(change))).toEqual({ state: "ENDED", reason });
  });

  test.each([
    ["can still be recorded", {}],
    ["is recorded and its request runs", { isConcluded: true, life: life("opened") }],
    ["served its request", { isConcluded: true, life: life("released") }],
    ["belongs to a request that this node's replica has not met", { life: undefined }],
  ])("is listed as it is when it %s", (_when, change) => {
    expect(standing(state, at(change))).toEqual({ state });
  });
});

describe("an agreement on records", () => {
  const document = (state: string, code?: string) =>
    ({ state, ...(code === undefined ? {} : { termination: { by: "provider", code } }) }) as unknown as Negotiation;
  const recorded = { state: "finalized" } as AgreementState;
  const revoked = { state: "revoked", reason: "changed" } as AgreementState;

  test.each([
    ["is revoked on the ledger", document("FINALIZED"), { onLedger: revoked }, "REVOKED", "changed"],
    [
      "is on the ledger, and its date is over",
      document("FINALIZED"),
      { onLedger: recorded, isExpired: true },
      "ENDED",
      "agreement-expired",
    ],
    [
      "is on the ledger before its last message is here",
      document("VERIFIED"),
      { onLedger: recorded },
      "FINALIZED",
      undefined,
    ],
    ["is on the ledger and its negotiation is forgotten", undefined, { onLedger: recorded }, "FINALIZED", undefined],
    ["is on its way", document("VERIFIED"), {}, "VERIFIED", undefined],
    ["was broken off", document("TERMINATED", "asset-refused"), {}, "TERMINATED", "asset-refused"],
    [
      "was broken off with words that are no code",
      document("TERMINATED", "No! Not this."),
      {},
      "TERMINATED",
      undefined,
    ],
    ["never came to the ledger and its negotiation is forgotten", undefined, {}, "ENDED", "agreement-not-recorded"],
  ])("that %s is shown so", (_when, negotiation, change, state, reason) => {
    const shown = standingOnRecords(negotiation, { onLedger: undefined, isExpired: false, ...change });
    expect(shown).toEqual(reason === undefined ? { state } : { state, reason });
  });
});
