/** Encrypted queries of one round, and what must hold of them whoever died: as many answers as agreed, each one once. */
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { PlainTable } from "../../exchange/statistics/plain.ts";
import type { AnsweredQuery } from "../../ledger/audit/query-statements.ts";
import type { RequestView } from "../http/routes/requests/schemas.ts";
import { call, insist, RefusedError, until } from "./client.ts";
import * as data from "./data.ts";
import type { LedgerWatch } from "./ledger-watch.ts";
import type { CrashNetwork } from "./network.ts";
import { readSentLog } from "./sent-log.ts";
import { createSentRules } from "./sent-rules.ts";

interface Answered {
  readonly number: number;
  readonly figures: readonly { readonly id: string; readonly value: string | null }[];
  readonly answer: AnsweredQuery;
}

const PAUSE_MS = 100;

export function createQueries(network: CrashNetwork, ledger: LedgerWatch, limitMs: number) {
  const requester = network.addresses.get(data.REQUESTER)!;
  const rules = createSentRules();
  let read = 0;

  async function list(id: string): Promise<readonly Answered[]> {
    const get = () => call<{ queries: readonly Answered[] }>(requester, "GET", `/requests/${id}/queries`);
    return (await insist(get, limitMs)).queries;
  }

  return Object.freeze({
    async agree(id: string, provider: string): Promise<void> {
      await insist(() => call(requester, "POST", "/requests", data.queriedDraftOf(id, provider)), limitMs);
      await until(async () => {
        const { state, reasons = [] } = await call<RequestView>(requester, "GET", `/requests/${id}`);
        return state === "agreed" ? undefined : `request ${id} is ${state}: ${reasons.join()}`;
      }, limitMs);
    },

    /** Asks for one figure after another, through every death, until what was agreed on is used up. */
    async exhaust(id: string): Promise<void> {
      const body = { figures: [{ id: "a", terms: [{ group: { year: data.YEAR }, measure: "total", weight: "1" }] }] };
      const end = performance.now() + limitMs;
      for (;;) {
        const refused = await call(requester, "POST", `/requests/${id}/queries`, body).then(
          () => undefined,
          (error: unknown) => error,
        );
        const { length } = await list(id);
        if (length > data.ANSWERS) return;
        if (length === data.ANSWERS && refused instanceof RefusedError) return;
        if (performance.now() > end) throw new Error(`${length} of ${data.ANSWERS} answers in time: ${refused}`);
        if (refused !== undefined) await sleep(PAUSE_MS);
      }
    },

    /** When the round is over and all replicas are compared. Returns broken promises. */
    async check(id: string, provider: string, table: PlainTable): Promise<readonly string[]> {
      const problems: string[] = [];
      const all = await list(id);
      const numbers = all.map(({ number }) => number).join();
      if (numbers !== Array.from({ length: data.ANSWERS }, (_, at) => at + 1).join()) {
        problems.push(`encrypted queries of ${id} were answered as ${numbers}`);
      }
      const { query } = data.queriedDraftOf(id, provider);
      const wanted = data.plainTotals(query, [provider], new Map([[provider, table]]));
      const figure = wanted.get(data.groupText({ year: data.YEAR }));
      for (const { number, figures } of all) {
        const values = figures.map(({ value }) => value).join();
        if (values !== figure) problems.push(`answer ${number} of ${id} says ${values}, the figure is ${figure}`);
      }
      const agreement = all[0]?.answer.statement.agreement ?? "";
      const recorded = ledger.answers(agreement);
      const figures = recorded.reduce((sum, one) => sum + one.figures, 0);
      if (figures > data.ANSWERS) problems.push(`${figures} figures of ${agreement} are on the ledger`);
      const kept = all.map(({ answer }) => digestOf(answer)).join();
      if (recorded.map(({ answer }) => answer).join() !== kept) {
        problems.push(`the ledger has other answers of ${agreement} than the requester`);
      }
      const { messages, next } = readSentLog(network.sentLog(data.REQUESTER), read);
      read = next;
      const ofQueries = messages.filter(({ type }) => /^(?:query|answer)-/.test(type));
      problems.push(...rules.take(data.REQUESTER, ofQueries));
      for (const { computation, type, digest } of ofQueries) {
        const heard = /^answer-(\d+)$/.exec(type)?.[1];
        if (heard === undefined) continue;
        const one = ledger.answers(computation).find(({ number }) => number === Number(heard));
        if (one?.answer !== digest) problems.push(`answer ${heard} of ${computation} left, and is not on the ledger`);
      }
      if (!ofQueries.some(({ type }) => type.startsWith("answer-"))) problems.push(`no answer to ${id} was heard`);
      return problems;
    },
  });
}
