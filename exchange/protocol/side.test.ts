import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  transferCompletion,
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../transfers/compose.ts";
import type { TransferMessage } from "../transfers/messages.ts";
import { isTransferOver, type Transfer, transferMoves } from "../transfers/transfer.ts";
import { acknowledged, newSide, type Side, sends, takes, withdrawn } from "./side.ts";
import { otherRole, type Role } from "./vocabulary.ts";

const PIDS = { providerPid: "p", consumerPid: "c" };
const CAUSE = { code: "enough" };
const messages = {
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
type Name = keyof typeof messages;
const NAMES = Object.keys(messages) as Name[];

/** Two sides and what is on the wire between them: requests that may be lost, answers that may be lost or late. */
function createWire() {
  const sides: Record<Role, Side<Transfer, TransferMessage>> = {
    consumer: newSide("consumer"),
    provider: newSide("provider"),
  };
  /** The sender's latest message and how often it was sent anew: an answer to an older one is not looked at. */
  const sent: Record<Role, { name: Name; number: number } | undefined> = { consumer: undefined, provider: undefined };
  const answers: { readonly to: Role; readonly number: number; readonly ok: boolean }[] = [];
  let number = 0;

  return {
    sides,
    wants(from: Role, name: Name) {
      const result = sends(transferMoves, sides[from], messages[name]);
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
      const result = takes(transferMoves, sides[to], messages[message.name], String(message.number), "p");
      if (result.ok) sides[to] = result.side;
      const isFinal = !result.ok && result.code !== "crossed";
      if (result.ok || isFinal) answers.push({ to: from, number: message.number, ok: result.ok });
    },
    hears(which: number) {
      const answer = answers.splice(which % Math.max(1, answers.length), 1)[0];
      if (answer === undefined) return;
      const side = sides[answer.to];
      if (side.sending === undefined || sent[answer.to]?.number !== answer.number) return;
      const next = answer.ok ? acknowledged(transferMoves, side, "p") : undefined;
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

const role = fc.constantFrom<Role>("consumer", "provider");
const event = fc.oneof(
  fc.record({ kind: fc.constant("wants" as const), from: role, name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant("arrives" as const), from: role }),
  fc.record({ kind: fc.constantFrom("hears" as const, "isLost" as const), which: fc.nat(3) }),
);

describe("two sides over a network that loses, repeats and crosses messages", () => {
  test("end in the same state once everything has arrived", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const wire = createWire();
        wire.wants("consumer", "request");
        for (const one of events) {
          if (one.kind === "wants") wire.wants(one.from, one.name);
          else if (one.kind === "arrives") wire.arrives(one.from);
          else wire[one.kind](one.which);
        }
        wire.settles();
        const { consumer, provider } = wire.sides;
        expect(consumer.sending).toBeUndefined();
        expect(provider.sending).toBeUndefined();
        expect(consumer.document).toEqual(provider.document);
      }),
      { numRuns: 2000 },
    );
  });

  test("keep a final state for ever", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const wire = createWire();
        wire.wants("consumer", "request");
        const final: Partial<Record<Role, string>> = {};
        for (const one of events) {
          if (one.kind === "wants") wire.wants(one.from, one.name);
          else if (one.kind === "arrives") wire.arrives(one.from);
          else wire[one.kind](one.which);
          for (const each of ["consumer", "provider"] as const) {
            const state = wire.sides[each].document?.state;
            if (final[each] !== undefined) expect(state).toBe(final[each]);
            else if (state !== undefined && isTransferOver(state)) final[each] = state;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("messages that cross", () => {
  const started = () => {
    const wire = createWire();
    wire.wants("consumer", "request");
    wire.settles();
    wire.wants("provider", "start");
    wire.settles();
    return wire;
  };

  test("a start before the answer to the request proves that the request was taken", () => {
    const wire = createWire();
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
  const wire = createWire();
  wire.wants("consumer", "request");
  wire.settles();
  const asked = takes(transferMoves, wire.sides.provider, messages.request, "1", "p");
  expect(asked).toMatchObject({ ok: true, repeated: true });
  wire.wants("provider", "start");
  wire.settles();
  expect(takes(transferMoves, wire.sides.provider, messages.request, "1", "p")).toMatchObject({ ok: false });
});
