import { describe, expect, test } from "vitest";
import { NEGOTIATION_STATES } from "../../../../exchange/negotiation/messages.ts";
import type { RequestLife } from "../../../../exchange/requests/life.ts";
import { standing } from "./agreements.ts";

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
