/** Which negotiation is about which asset of which request: those that are not over, and the latest one of each. */
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import { agreementKey } from "../../exchange/requests/agreement-record.ts";
import { type Subject, subjectOf } from "../../exchange/requests/negotiated.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { RecordStore } from "../store/records.ts";

export type NegotiationRecord = ProcessRecord<Negotiation, NegotiationMessage>;

interface Open extends Subject {
  readonly pid: string;
}

export interface NegotiationIndex {
  /** What a negotiation is about. Undefined: about no data request. */
  subjectOf(record: NegotiationRecord): Subject | undefined;
  /** The same, also of a first message that was never taken. */
  aboutOf(record: NegotiationRecord): Promise<Subject | undefined>;
  /** Pid of the one that is not over. */
  running(role: Role, about: Subject): string | undefined;
  /** Pids of those about this request that are not over. */
  runningOn(request: string): readonly string[];
  isRunning(record: NegotiationRecord, about: Subject): void;
  isOver(record: NegotiationRecord, about: Subject): void;
  /** Of all, also those that are over. */
  latest(role: Role, about: Subject): Promise<string | undefined>;
  /** This one is the latest. */
  note(role: Role, about: Subject, pid: string): Promise<void>;
  /** Nothing is known of it any more. */
  forget(record: NegotiationRecord): Promise<void>;
}

export const indexKey = (role: Role, { request, asset }: Subject): string => `${role}/${agreementKey(request, asset)}`;

/** `latest`: pids by key. */
export function createNegotiationIndex(latest: RecordStore<string>): NegotiationIndex {
  const open = new Map<string, Open>();

  const of = ({ pid, side }: NegotiationRecord): Subject | undefined => {
    const offer = side.document?.offer ?? (side.sending !== undefined && "offer" in side.sending && side.sending.offer);
    // Of a first message that was never taken nothing is left to say what it was about.
    return offer ? subjectOf({ offer }) : [...open.values()].find((one) => one.pid === pid);
  };

  async function aboutOf(record: NegotiationRecord): Promise<Subject | undefined> {
    const about = of(record);
    if (about !== undefined || record.side.document !== undefined) return about;
    const prefix = `${record.side.role}/`;
    for await (const [key, pid] of latest.entries(prefix)) {
      if (pid !== record.pid) continue;
      const [request = "", asset = ""] = key.slice(prefix.length).split("/");
      return { request, asset };
    }
    return undefined;
  }

  return Object.freeze({
    subjectOf: of,
    aboutOf,
    running: (role: Role, about: Subject) => open.get(indexKey(role, about))?.pid,
    runningOn: (request: string) => [...open.values()].filter((one) => one.request === request).map(({ pid }) => pid),
    isRunning({ pid, side }: NegotiationRecord, { request, asset }: Subject) {
      open.set(indexKey(side.role, { request, asset }), { pid, request, asset });
    },
    isOver({ pid, side }: NegotiationRecord, about: Subject) {
      const key = indexKey(side.role, about);
      if (open.get(key)?.pid === pid) open.delete(key);
    },
    latest: (role: Role, about: Subject) => latest.get(indexKey(role, about)),
    async note(role: Role, about: Subject, pid: string) {
      const key = indexKey(role, about);
      if ((await latest.get(key)) !== pid) await latest.put(key, pid);
    },
    async forget(record: NegotiationRecord) {
      const about = await aboutOf(record);
      const key = about === undefined ? undefined : indexKey(record.side.role, about);
      if (key !== undefined && (await latest.get(key)) === record.pid) await latest.delete(key);
    },
  } satisfies NegotiationIndex);
}
