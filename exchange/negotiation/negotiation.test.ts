import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DSP_CONTEXT } from "../protocol/vocabulary.ts";
import { agreementMessage, eventMessage, firstRequest, negotiationDocument, verificationMessage } from "./compose.ts";
import { type Agreement, type MessageOffer, NEGOTIATION_STATES, type NegotiationMessage } from "./messages.ts";
import { type Negotiation, type NegotiationRole, type Step, step } from "./negotiation.ts";
import { parseMessage } from "./parse-message.ts";

const offer: MessageOffer = {
  "@id": "offer-1",
  "@type": "Offer",
  target: "ibm:panel",
  permission: [{ action: "use" }],
};
const agreement: Agreement = {
  "@id": "urn:uuid:e8dc8655-44c2-46ef-b701-4cffdc2faa44",
  "@type": "Agreement",
  target: "ibm:panel",
  assigner: "ibm",
  assignee: "government",
  timestamp: "2026-11-22T09:00:00Z",
  permission: [{ action: "use" }],
};
const pids = { providerPid: "urn:uuid:p", consumerPid: "urn:uuid:c" };
const C = "consumer";
const P = "provider";

const context = [DSP_CONTEXT];
const counterRequest = (about: typeof pids, counter: MessageOffer): NegotiationMessage => ({
  "@context": context,
  "@type": "ContractRequestMessage",
  ...about,
  offer: counter,
});
const counterOffer = (about: typeof pids, counter: MessageOffer): NegotiationMessage => ({
  "@context": context,
  "@type": "ContractOfferMessage",
  ...about,
  offer: counter,
});

const acts = {
  request: firstRequest(pids.consumerPid, offer, "https://government.example/callback"),
  "counter-request": counterRequest(pids, offer),
  offer: {
    "@context": context,
    "@type": "ContractOfferMessage",
    providerPid: pids.providerPid,
    offer,
    callbackAddress: "https://ibm.example/callback",
  },
  "counter-offer": counterOffer(pids, offer),
  accept: eventMessage(pids, "ACCEPTED"),
  agree: agreementMessage(pids, agreement),
  verify: verificationMessage(pids),
  finalize: eventMessage(pids, "FINALIZED"),
  terminate: {
    "@context": context,
    "@type": "ContractNegotiationTerminationMessage",
    ...pids,
    code: "withdrawn",
    reason: ["no longer needed"],
  },
} satisfies Record<string, NegotiationMessage>;
type Name = keyof typeof acts;

const apply = (negotiation: Negotiation | undefined, from: NegotiationRole, name: Name): Step =>
  step(negotiation, from, acts[name], name === "request" ? pids.providerPid : pids.consumerPid);
const run = (...moves: readonly [NegotiationRole, Name][]): Negotiation => {
  let negotiation: Negotiation | undefined;
  for (const [from, name] of moves) {
    const next = apply(negotiation, from, name);
    if (!next.ok) throw new Error(`${from} ${name}: ${next.code} ${next.detail}`);
    negotiation = next.document;
  }
  if (negotiation === undefined) throw new Error("nothing happened");
  return negotiation;
};

describe("a negotiation", () => {
  test("goes from request over agreement and verification to FINALIZED", () => {
    const done = run([C, "request"], [P, "agree"], [C, "verify"], [P, "finalize"]);
    expect(done).toMatchObject({ ...pids, state: "FINALIZED", agreement, offeredBy: "consumer" });
    expect(done.callbackAddress).toBe("https://government.example/callback");
  });
  test("goes from an offer over counter-offers and acceptance to FINALIZED", () => {
    const moves: [NegotiationRole, Name][] = [
      [P, "offer"],
      [C, "counter-request"],
      [P, "counter-offer"],
      [C, "accept"],
      [P, "agree"],
      [C, "verify"],
      [P, "finalize"],
    ];
    expect(run(...moves).state).toBe("FINALIZED");
  });
  test("names who ended it", () => {
    expect(run([C, "request"], [P, "terminate"])).toMatchObject({
      state: "TERMINATED",
      termination: { by: "provider", code: "withdrawn" },
    });
  });
});

// Copied from the state machine of DSP 2025-1, written apart from the table it checks.
const SPECIFIED = new Set([
  "START consumer request REQUESTED",
  "START provider offer OFFERED",
  "REQUESTED provider counter-offer OFFERED",
  "REQUESTED provider agree AGREED",
  "REQUESTED consumer terminate TERMINATED",
  "REQUESTED provider terminate TERMINATED",
  "OFFERED consumer counter-request REQUESTED",
  "OFFERED consumer accept ACCEPTED",
  "OFFERED consumer terminate TERMINATED",
  "OFFERED provider terminate TERMINATED",
  "ACCEPTED provider agree AGREED",
  "ACCEPTED provider terminate TERMINATED",
  "AGREED consumer verify VERIFIED",
  "AGREED consumer terminate TERMINATED",
  "VERIFIED provider finalize FINALIZED",
  "VERIFIED provider terminate TERMINATED",
]);

const names = Object.keys(acts) as Name[];
const roles: NegotiationRole[] = [C, P];

test("from every state exactly the specified messages lead on", () => {
  const found = new Set<string>();
  const reached = new Map<string, Negotiation | undefined>([["START", undefined]]);
  for (const [state, negotiation] of reached) {
    for (const from of roles) {
      for (const name of names) {
        const next = apply(negotiation, from, name);
        if (!next.ok) continue;
        found.add(`${state} ${from} ${name} ${next.document.state}`);
        if (!reached.has(next.document.state)) reached.set(next.document.state, next.document);
      }
    }
  }
  expect(found).toEqual(SPECIFIED);
  expect([...reached.keys()].sort()).toEqual(["START", ...NEGOTIATION_STATES].sort());
});

test("no sequence of messages leaves the table, and a refused message changes nothing", () => {
  const move = fc.tuple(fc.constantFrom(...roles), fc.constantFrom(...names));
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      let negotiation: Negotiation | undefined;
      for (const [from, name] of moves) {
        const before = structuredClone(negotiation);
        const next = apply(negotiation, from, name);
        expect(negotiation).toEqual(before);
        if (!next.ok) continue;
        expect(SPECIFIED).toContain(`${before?.state ?? "START"} ${from} ${name} ${next.document.state}`);
        if (next.document.state === "FINALIZED") expect(next.document.agreement).toBeDefined();
        negotiation = next.document;
      }
    }),
    { numRuns: 300 },
  );
});

describe("a message is refused", () => {
  const requested = run([C, "request"]);
  test("with process ids of another negotiation", () => {
    const message = agreementMessage({ ...pids, consumerPid: "other" }, agreement);
    expect(step(requested, P, message, "")).toMatchObject({ ok: false, code: "pid-mismatch" });
    const first = step(requested, P, acts.offer, "");
    expect(first).toMatchObject({ ok: false, code: "pid-mismatch" });
  });
  test("about another asset", () => {
    const other = { ...offer, target: "ge:panel" };
    expect(step(requested, P, counterOffer(pids, other), "")).toMatchObject({ ok: false, code: "target-mismatch" });
    const message = agreementMessage(pids, { ...agreement, target: "ge:panel" });
    expect(step(requested, P, message, "")).toMatchObject({ ok: false, code: "target-mismatch" });
  });
  test("first without an address for the answer", () => {
    expect(step(undefined, C, acts["counter-request"], "")).toMatchObject({ ok: false, code: "callback-missing" });
  });
});

describe("parseMessage", () => {
  test("takes every message we compose", () => {
    for (const message of Object.values(acts)) expect(parseMessage(message)).toEqual({ ok: true, message });
  });
  test("takes properties it does not know, and messages of the specification's own examples", () => {
    const example = {
      "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
      "@type": "ContractRequestMessage",
      consumerPid: "urn:uuid:32541fe6-c580-409e-85a8-8a9a32fbe833",
      offer: {
        "@type": "Offer",
        "@id": "urn:uuid:2828282:3dd1add8-4d2d-569e-d634-8394a8836a89",
        target: "urn:uuid:3dd1add8-4d2d-569e-d634-8394a8836a88",
        permission: [
          { action: "use", constraint: [{ leftOperand: "dateTime", operator: "lteq", rightOperand: "2027" }] },
        ],
      },
      callbackAddress: "https://example.com/callback",
      "x:more": true,
    };
    expect(parseMessage(example).ok).toBe(true);
  });
  const bad: [string, unknown][] = [
    ["nothing", null],
    ["an unknown type", { ...acts.verify, "@type": "Hello" }],
    ["no type", { ...acts.verify, "@type": undefined }],
    ["a foreign context", { ...acts.verify, "@context": ["https://example.com"] }],
    ["no process id", { ...acts.verify, consumerPid: undefined }],
    ["both callback and provider id", { ...acts.request, providerPid: "x" }],
    ["neither callback nor provider id", { ...acts.request, callbackAddress: undefined }],
    ["an offer without a target", { ...acts.request, offer: { ...offer, target: undefined } }],
    ["an offer without rules", { ...acts.request, offer: { ...offer, permission: undefined } }],
    ["an offer with an empty list of rules", { ...acts.request, offer: { ...offer, permission: [] } }],
    ["an agreement without a time", { ...acts.agree, agreement: { ...agreement, timestamp: undefined } }],
    [
      "an agreement at a time that does not exist",
      { ...acts.agree, agreement: { ...agreement, timestamp: "2026-13-01T00:00:00Z" } },
    ],
    ["an unknown event", { ...acts.accept, eventType: "AGREED" }],
    [
      "an unknown operator",
      {
        ...acts.request,
        offer: {
          ...offer,
          permission: [{ action: "use", constraint: [{ leftOperand: "a", operator: "about", rightOperand: "b" }] }],
        },
      },
    ],
  ];
  test.each(bad)("refuses %s and says where", (_name, value) => {
    const parsed = parseMessage(JSON.parse(JSON.stringify(value)));
    expect(parsed.ok).toBe(false);
    expect(parsed.ok || parsed.problems.length).toBeGreaterThan(0);
  });
  test("refuses a type that an endpoint does not take", () => {
    expect(parseMessage(acts.agree, ["ContractRequestMessage"]).ok).toBe(false);
  });
  test("never throws", () => {
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(acts) as Name[])), fc.anything(), fc.string(), (name, value, key) => {
        const message = { ...acts[name], [key]: value, offer: value };
        expect(typeof parseMessage(message).ok).toBe("boolean");
        expect(parseMessage(value).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

test("states are said as documents", () => {
  const negotiation = run([C, "request"]);
  expect(negotiationDocument(negotiation)).toMatchObject({
    "@type": "ContractNegotiation",
    ...pids,
    state: "REQUESTED",
  });
  expect(NEGOTIATION_STATES).toHaveLength(7);
});
