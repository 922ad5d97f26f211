import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  agreementMessage,
  counterRequest,
  eventMessage,
  firstRequest,
  negotiationTermination,
  offerMessage,
  verificationMessage,
} from "../negotiation/compose.ts";
import type { NegotiationMessage } from "../negotiation/messages.ts";
import { isNegotiationOver, type Negotiation, negotiationMoves } from "../negotiation/negotiation.ts";
import {
  transferCompletion,
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../transfers/compose.ts";
import type { TransferMessage } from "../transfers/messages.ts";
import { isTransferOver, type Transfer, transferMoves } from "../transfers/transfer.ts";
import { acknowledged, type Moves, newSide, type Side, sends, takes, withdrawn } from "./side.ts";
import { otherRole, type Role } from "./vocabulary.ts";

const PIDS = { providerPid: "p", consumerPid: "c" };
const CAUSE = { code: "enough" };
const transferMessages = {
  request: transferRequest({
    consumerPid: "c",
    agreementId: "a",
    format: "HttpData-PULL",
    callbackAddress: "https://consumer.example",
  }),
  start: transferStart(PIDS),
  suspend: transferSuspension(PIDS, CAUSE),
  complete: transferCompletion(PIDS),
  terminate: transferTermination(PIDS, CAUSE),
} satisfies Record<string, TransferMessage>;

const terms = { target: "p:panel", permission: [{ action: "use" }] };
const offer = { "@id": "offer", "@type": "Offer" as const, ...terms };
const parties = { assigner: "p", assignee: "c", timestamp: "2026-11-22T12:00:00Z" };
const negotiationMessages = {
  request: firstRequest("c", offer, "https://consumer.example"),
  counter: counterRequest(PIDS, offer),
  offer: offerMessage(PIDS, offer),
  accept: eventMessage(PIDS, "ACCEPTED"),
  agree: agreementMessage(PIDS, { "@id": "a", "@type": "Agreement", ...terms, ...parties }),
  verify: verificationMessage(PIDS),
  finalize: eventMessage(PIDS, "FINALIZED"),
  terminate: negotiationTermination(PIDS, CAUSE),
} satisfies Record<string, NegotiationMessage>;

/** Two sides and what is on the wire between them: requests that may be lost, answers that may be lost or late. */
function createWire<D, M, N extends string>(moves: Moves<D, M>, messages: Readonly<Record<N, M>>) {
  const sides: Record<Role, Side<D, M>> = { consumer: newSide("consumer"), provider: newSide("provider") };
  /** The sender's latest message and how often it was sent anew: an answer to an older one is not looked at. */
  const sent: Record<Role, { name: N; number: number } | undefined> = { consumer: undefined, provider: undefined };
  const answers: { readonly to: Role; readonly number: number; readonly ok: boolean }[] = [];
  let number = 0;

  return {
    sides,
    wants(from: Role, name: N) {
      const result = sends(moves, sides[from], messages[name]);
      if (!result.ok) return;
      sides[from] = result.side;
      number += 1;
      sent[from] = { name, number };
    },
    /** What is on its way from this side arrives (again); the answer waits until it is heard or lost. */
    arrives(from: Role) {
      const message = sent[from];
      if (sides[from].sending === undefined || message === undefined) return;
      const to = otherRole(from);
      // The same words have the same digest, whenever they are said.
      const result = takes(moves, sides[to], messages[message.name], message.name, "p");
      if (result.ok) sides[to] = result.side;
      const isFinal = !result.ok && result.code !== "crossed";
      if (result.ok || isFinal) answers.push({ to: from, number: message.number, ok: result.ok });
    },
    hears(which: number) {
      const answer = answers.splice(which % Math.max(1, answers.length), 1)[0];
      if (answer === undefined) return;
      const side = sides[answer.to];
      if (side.sending === undefined || sent[answer.to]?.number !== answer.number) return;
      const next = answer.ok ? acknowledged(moves, side, "p") : undefined;
      if (answer.ok && !next?.ok) throw new Error("an acknowledged message has no place in the table");
      sides[answer.to] = next?.ok ? next.side : withdrawn(side);
    },
    isLost(which: number) {
      answers.splice(which % Math.max(1, answers.length), 1);
    },
    settles() {
      for (let round = 0; round < 8; round++) {
        for (const from of ["consumer", "provider"] as const) this.arrives(from);
        while (answers.length > 0) this.hears(0);
      }
    },
  };
}

const transfers = () =>
  createWire<Transfer, TransferMessage, keyof typeof transferMessages>(transferMoves, transferMessages);
const negotiations = () =>
  createWire<Negotiation, NegotiationMessage, keyof typeof negotiationMessages>(negotiationMoves, negotiationMessages);

const role = fc.constantFrom<Role>("consumer", "provider");
/** What both sides must have in the end; an offer that an end has overtaken may be known to its author alone. */
const settled = ({ providerPid, consumerPid, state, termination, agreement }: Negotiation) => ({
  ...{ providerPid, consumerPid, state, termination },
  ...(state === "TERMINATED" ? {} : { agreement }),
});

/** Of each protocol: a wire, the names of its messages, and which states are final. */
const PROTOCOLS = {
  transfer: {
    open: transfers,
    names: Object.keys(transferMessages),
    isOver: isTransferOver,
    settled: (one: Transfer) => one,
  },
  negotiation: { open: negotiations, names: Object.keys(negotiationMessages), isOver: isNegotiationOver, settled },
};

describe.each(Object.entries(PROTOCOLS))(
  "two sides of a %s over a network that loses, repeats and crosses",
  (_name, of) => {
    type Wire = ReturnType<typeof transfers>;
    const event = fc.oneof(
      fc.record({ kind: fc.constant("wants" as const), from: role, name: fc.constantFrom(...of.names) }),
      fc.record({ kind: fc.constant("arrives" as const), from: role }),
      fc.record({ kind: fc.constantFrom("hears" as const, "isLost" as const), which: fc.nat(3) }),
    );
    const happens = (wire: Wire, one: typeof event extends fc.Arbitrary<infer E> ? E : never): void => {
      if (one.kind === "wants") wire.wants(one.from, one.name as never);
      else if (one.kind === "arrives") wire.arrives(one.from);
      else wire[one.kind](one.which);
    };

    test("end in the same state once everything has arrived", () => {
      fc.assert(
        fc.property(fc.array(event, { maxLength: 60 }), (events) => {
          const wire = of.open() as Wire;
          wire.wants("consumer", "request");
          for (const one of events) happens(wire, one);
          wire.settles();
          const { consumer, provider } = wire.sides;
          expect(consumer.sending).toBeUndefined();
          expect(provider.sending).toBeUndefined();
          const both = [consumer.document, provider.document].map((one) => of.settled(one as never));
          expect(both[0]).toEqual(both[1]);
        }),
        { numRuns: 2000 },
      );
    });

    test("keep a final state for ever", () => {
      fc.assert(
        fc.property(fc.array(event, { maxLength: 60 }), (events) => {
          const wire = of.open() as Wire;
          wire.wants("consumer", "request");
          const final: Partial<Record<Role, string>> = {};
          for (const one of events) {
            happens(wire, one);
            for (const each of ["consumer", "provider"] as const) {
              const state = wire.sides[each].document?.state;
              if (final[each] !== undefined) expect(state).toBe(final[each]);
              else if (state !== undefined && of.isOver(state as never)) final[each] = state;
            }
          }
        }),
        { numRuns: 500 },
      );
    });
  },
);

describe("messages that cross", () => {
  const started = () => {
    const wire = transfers();
    wire.wants("consumer", "request");
    wire.settles();
    wire.wants("provider", "start");
    wire.settles();
    return wire;
  };

  test("a start before the answer to the request proves that the request was taken", () => {
    const wire = transfers();
    wire.wants("consumer", "request");
    wire.arrives("consumer");
    wire.wants("provider", "start");
    wire.arrives("provider");
    expect(wire.sides.consumer).toMatchObject({ document: { state: "STARTED", providerPid: "p" }, sending: undefined });
  });
  test("termination counts before completion, on both sides", () => {
    const wire = started();
    wire.wants("consumer", "complete");
    wire.wants("provider", "terminate");
    wire.arrives("consumer");
    expect(wire.sides.provider.document?.state).toBe("STARTED");
    wire.settles();
    for (const side of Object.values(wire.sides)) {
      expect(side.document).toMatchObject({ state: "TERMINATED", stopped: { by: "provider", code: "enough" } });
    }
  });
  test("a suspension in the same words as the one before, while the start between them is on its way, is a new one", () => {
    const wire = started();
    wire.wants("consumer", "suspend");
    wire.settles();
    wire.wants("provider", "start");
    wire.arrives("provider");
    wire.wants("consumer", "suspend");
    wire.arrives("consumer");
    // It may be the first one, come again: the next try will tell.
    expect(wire.sides.provider).toMatchObject({ document: { state: "SUSPENDED" }, sending: expect.anything() });
    wire.settles();
    for (const side of Object.values(wire.sides)) {
      expect(side).toMatchObject({ document: { state: "SUSPENDED" }, sending: undefined });
    }
  });
  test("a suspension that comes again while the start after it is on its way ends nothing", () => {
    const wire = started();
    wire.wants("consumer", "suspend");
    wire.arrives("consumer");
    wire.wants("provider", "start");
    wire.arrives("consumer");
    wire.settles();
    for (const side of Object.values(wire.sides)) {
      expect(side).toMatchObject({ document: { state: "STARTED" }, sending: undefined });
    }
  });
  test("an agreement before the answer to the request, and FINALIZED before that to the verification, prove them", () => {
    const wire = negotiations();
    wire.wants("consumer", "request");
    wire.arrives("consumer");
    wire.wants("provider", "agree");
    wire.arrives("provider");
    expect(wire.sides.consumer).toMatchObject({ document: { state: "AGREED" }, sending: undefined });
    wire.settles();
    wire.wants("consumer", "verify");
    wire.arrives("consumer");
    wire.wants("provider", "finalize");
    wire.arrives("provider");
    expect(wire.sides.consumer).toMatchObject({ document: { state: "FINALIZED" }, sending: undefined });
  });
  test("a consumer's termination counts before the provider's agreement, on both sides", () => {
    const wire = negotiations();
    wire.wants("consumer", "request");
    wire.settles();
    wire.wants("provider", "agree");
    wire.wants("consumer", "terminate");
    wire.arrives("provider");
    expect(wire.sides.consumer.document?.state).toBe("REQUESTED");
    wire.settles();
    for (const side of Object.values(wire.sides)) {
      expect(side.document).toMatchObject({ state: "TERMINATED", termination: { by: "consumer", code: "enough" } });
    }
  });
  test("of two terminations the provider's cause is the one both sides keep", () => {
    const wire = started();
    wire.wants("consumer", "terminate");
    wire.wants("provider", "terminate");
    wire.arrives("consumer");
    wire.arrives("provider");
    wire.settles();
    for (const side of Object.values(wire.sides)) expect(side.document?.stopped?.by).toBe("provider");
  });
});

test("the same message again is answered again, until something else has happened", () => {
  const wire = transfers();
  wire.wants("consumer", "request");
  wire.settles();
  const asked = takes(transferMoves, wire.sides.provider, transferMessages.request, "request", "p");
  expect(asked).toMatchObject({ ok: true, repeated: true });
  wire.wants("provider", "start");
  wire.settles();
  expect(takes(transferMoves, wire.sides.provider, transferMessages.request, "request", "p")).toMatchObject({
    ok: false,
  });
});
