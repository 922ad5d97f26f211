import { expect, test } from "vitest";
import { draft } from "../../policies/_fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { offerOf } from "./agreement.ts";
import { firstRequest } from "./compose.ts";
import { dataRequestOf, isOfferFor, openOffer, withDataRequest, withoutDataRequest } from "./data-request.ts";
import { parseMessage } from "./parse-message.ts";

const policy = policyOf(draft);
const reference = {
  "@id": "https://ministry.example/dsp/2025-1/requests/1b36f79e-40cf-88ce-8c28-7bc08bd120e2",
  request: "1b36f79e-40cf-88ce-8c28-7bc08bd120e2",
  digest: `${"B".repeat(42)}A`,
};
const offer = withDataRequest(offerOf(policy), reference);

test("an offer names its data request, and is the policy's own offer but for that", () => {
  expect(dataRequestOf(offer)).toEqual(reference);
  expect(withoutDataRequest(offer)).toEqual(offerOf(policy));
  expect(isOfferFor(offer, policy, reference)).toBe(true);
  expect(dataRequestOf(offerOf(policy))).toBeUndefined();
  expect(dataRequestOf(openOffer("ibm:panel", reference))).toEqual(reference);
});

test("such an offer is a valid one of the protocol", () => {
  expect(parseMessage(JSON.parse(JSON.stringify(firstRequest("c", offer, "https://a.example")))).ok).toBe(true);
  const open = openOffer("ibm:panel", reference);
  expect(parseMessage(JSON.parse(JSON.stringify(firstRequest("c", open, "https://a.example")))).ok).toBe(true);
});

const [use, ...others] = offer.permission!;
const ours = use!.constraint!.at(-1)! as { leftOperand: string };
const changed = (constraint: object) => ({
  ...offer,
  permission: [{ ...use!, constraint: [...use!.constraint!.slice(0, -1), constraint] }, ...others],
});
test.each([
  ["named twice", { ...offer, permission: [{ ...use!, constraint: [...use!.constraint!, ours] }, ...others] }],
  ["with another operator", changed({ ...ours, operator: "neq" })],
  ["with more than it may say", changed({ ...ours, rightOperand: { ...reference, more: 1 } })],
  ["without a digest", changed({ ...ours, rightOperand: { "@id": reference["@id"], request: reference.request } })],
  ["of another action", { ...offer, permission: [{ ...use!, action: "distribute" }, ...others] }],
])("a data request %s is none", (_what, spoilt) => {
  expect(dataRequestOf(spoilt as typeof offer)).toBeUndefined();
});

test("an offer with any other term is not the policy's", () => {
  const first = { ...(use!.constraint![0] as object), rightOperand: ["anything"] };
  const wider = { ...offer, permission: [{ ...use!, constraint: [first, ...use!.constraint!.slice(1)] }, ...others] };
  expect(isOfferFor(wider as typeof offer, policy, reference)).toBe(false);
  const other = { ...reference, digest: `${"C".repeat(42)}A` };
  expect(isOfferFor(withDataRequest(offerOf(policy), other), policy, reference)).toBe(false);
});
