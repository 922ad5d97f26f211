/** From one record of a process to the next, and where its messages go: everything that needs neither disk nor network. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { joined } from "../../exchange/protocol/paths.ts";
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import { acknowledged, sends, takes, withdrawn } from "../../exchange/protocol/side.ts";
import { type Cause, otherRole, type Role } from "../../exchange/protocol/vocabulary.ts";
import { DataspaceError } from "./dataspace-error.ts";
import type { ProcessRecord } from "./process-record.ts";

const KEPT_STEPS = 32;

export function createSteps<D extends ProcessDocument, M extends { readonly "@type": string }>(
  protocol: Protocol<D, M>,
  now: () => string,
) {
  type Record = ProcessRecord<D, M>;
  const { moves, paths, collection } = protocol;

  const isOver = ({ side }: Record): boolean =>
    side.sending === undefined && (side.document === undefined || protocol.isOver(side.document));

  function stepped({ history = [] }: Record, by: Role, message: M, state: string): NonNullable<Record["history"]> {
    const step = { at: now(), by, message: message["@type"], digest: digestOf(message), state };
    return [...history.slice(1 - KEPT_STEPS), step];
  }

  /** What this side calls itself over, where it was this side that said so. */
  function endedHere({ role, document }: Record["side"]): readonly string[] {
    const end = document === undefined ? undefined : protocol.endOf(document);
    return end?.by === role ? [`ended by its ${role}: ${end.code ?? "no code"}`] : [];
  }

  const theirPid = ({ side }: Record, document: D): string =>
    side.role === "consumer" ? document.providerPid : document.consumerPid;

  return Object.freeze({
    isOver,

    /** With a message on its way. Throws where the table has no such move. */
    sending(record: Record, message: M): Record {
      const { side } = record;
      const result = sends(moves, side, message);
      const step = moves.step(side.document, side.role, message, "unknown");
      if (!result.ok || !step.ok) {
        const { code, detail } = result.ok ? (step as Extract<typeof step, { ok: false }>) : result;
        throw new DataspaceError("ERR_DATASPACE_REFUSED", { code, reasons: [detail] });
      }
      const since = now();
      const history = stepped(record, side.role, message, step.document.state);
      return { ...record, side: result.side, history, delivery: { since, tries: 0, due: since } };
    },

    /** With a message of the other side; undefined: a repetition, which changes nothing. Throws what it is refused with. */
    taking(record: Record, message: M): { readonly document: D; readonly record: Record | undefined } {
      const { peer, pid, address, first, side } = record;
      const result = takes(moves, side, message, digestOf(message), pid);
      if (!result.ok) {
        const code = result.code === "crossed" ? "ERR_DATASPACE_CROSSED" : "ERR_DATASPACE_REFUSED";
        const said = { code: result.code, reasons: [result.detail, ...endedHere(side)] };
        throw new DataspaceError(code, said, side.document);
      }
      const { document } = result.side;
      if (result.repeated) return { document, record: undefined };
      const history = stepped(record, otherRole(side.role), message, document.state);
      const moved = { pid, peer, address, side: result.side, history, ...(first === undefined ? {} : { first }) };
      return { document, record: moved };
    },

    /** After an acknowledgement. Undefined where a process begins and the answer does not say what the other side calls it. */
    confirmed({ refusal: _, ...record }: Record, answer: unknown): Record | undefined {
      const { side } = record;
      const told = protocol.stateOf(answer);
      const pid = side.role === "consumer" ? told?.providerPid : told?.consumerPid;
      if (side.document === undefined && pid === undefined) return undefined;
      const result = acknowledged(moves, side, pid ?? "");
      return result.ok ? { ...record, side: result.side } : undefined;
    },

    /** Over for this side with this very document. */
    ended: ({ delivery: _, ...record }: Record, document: D): Record => ({
      ...record,
      side: { ...withdrawn(record.side), document },
    }),

    /** Over for this side, which cannot tell the other one: with the end that it has wanted to tell, else with this cause. */
    declared({ delivery: _, ...record }: Record, cause: Cause): Record {
      const { role, document, sending } = record.side;
      const side = withdrawn(record.side);
      if (document === undefined) return { ...record, side };
      const said = sending === undefined ? undefined : moves.step(document, role, sending, "unknown");
      if (said?.ok === true && protocol.endOf(said.document) !== undefined) {
        return { ...record, side: { ...side, document: said.document } };
      }
      return { ...record, side: { ...side, document: protocol.ended(document, role, cause) } };
    },

    urlOf(record: Record, message: M): string {
      const { address, side } = record;
      const type: M["@type"] = message["@type"];
      if (side.document === undefined) return joined(address, collection, paths.first[type] ?? "");
      return joined(address, collection, encodeURIComponent(theirPid(record, side.document)), paths.later[type] ?? "");
    },

    /** Where the other side tells the state; undefined before it has said what it calls the process. */
    stateUrlOf: (record: Record): string | undefined =>
      record.side.document === undefined
        ? undefined
        : joined(record.address, collection, encodeURIComponent(theirPid(record, record.side.document))),

    /** Is this the state that `message` leads to? */
    isAfter(record: Record, message: M, told: unknown): boolean {
      const after = moves.step(record.side.document, record.side.role, message, "unknown");
      return after.ok && protocol.stateOf(told)?.state === after.document.state;
    },

    /** Does the other side say that nothing can follow any more? */
    isOverThere({ side: { document } }: Record, told: unknown): boolean {
      const state = protocol.stateOf(told)?.state;
      return document !== undefined && state !== undefined && protocol.isOver({ ...document, state });
    },
  });
}
