/**
 * A network whose coordinator and sequencer, receiver and requester can lie: each stands behind a front. Every attack
 * takes a year of its own, because over the same cells history would rightly refuse the next set.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { vi } from "vitest";
import { readComputationStep } from "../../chaincode/rules/keys.ts";
import type { Message } from "../../crypto/secagg/messages.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import type { Party } from "../../exchange/requests/ports.ts";
import {
  createNetwork,
  type Network,
  type Options,
  PATIENCE_MS,
  PROVIDERS,
  type RequestState,
} from "../computations/_network.ts";
import { computationInPath } from "../computations/gauges.ts";
import type { TestnetMember } from "../testnet/local-member.ts";
import { answerOf, type Call, contentOf } from "./_calls.ts";
import { createFront, type Front, type Transport } from "./_front.ts";

export { PATIENCE_MS, PROVIDERS } from "../computations/_network.ts";

export const ENDS = ["released", "withheld", "failed", "cancelled"] as const;

const POLL_MS = 500;
const YEARS = Array.from({ length: 30 }, (_, index) => String(1990 + index));
const ROWS: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = Object.fromEntries(
  PROVIDERS.map((member, index) => [
    member,
    YEARS.map((year, at) => [year, `${3001 + 211 * index + 17 * at}.${index}`, `${51 + 37 * index + 3 * at}.${index}`]),
  ]),
);

export const FRONTED = ["operator", "bureau", "ministry"] as const;

export interface Attacked extends AsyncDisposable {
  readonly network: Network;
  readonly fronts: Readonly<Record<(typeof FRONTED)[number], Front>>;
}

export async function attackedNetwork(options: Partial<Options> = {}, transport?: Transport): Promise<Attacked> {
  const fronts = Object.fromEntries(
    FRONTED.map((member) => [member, createFront(transport)]),
  ) as unknown as Attacked["fronts"];
  const others: TestnetMember[] = [
    { id: "operator", kind: "industry" },
    { id: "ministry", kind: "government" },
    { id: "bureau", kind: "government" },
    { id: "treasury", kind: "government" },
  ];
  const network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    opensByItself: false,
    rows: ROWS,
    members: [...others, ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" } }))],
    fronts: Object.fromEntries(FRONTED.map((member) => [member, fronts[member].open])),
    ...options,
  });
  return { network, fronts, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

// ---- requests

/** A field that is not always present: counted mode, both phases. */
export const taxOf = (year: string) => ({ query: queryOf("tax-paid", year) });
/** A field that is always present: registry mode, phase 2 only. */
export const outputOf = (year: string) => ({ query: queryOf("output-value", year) });

const queryOf = (element: string, year: string) => ({
  measures: [{ id: "figure", statistic: { kind: "sum", element } }],
  groupBy: [],
  filters: [{ element: "year", operator: "eq", values: [year] }],
});

/** One member's figure in tenths. */
export const tenthsOf = (column: "output" | "tax", member: string, year: string): number => {
  const row = ROWS[member]!.find(([one]) => one === year)!;
  return Math.round(10 * Number(row[column === "output" ? 1 : 2]));
};
export const sumOf = (column: "output" | "tax", year: string, members: readonly string[] = PROVIDERS): string =>
  String(members.reduce((sum, member) => sum + tenthsOf(column, member, year), 0) / 10);

export interface Asked {
  readonly request: string;
  readonly computation: string;
}

export const firstRunOf = (request: string): Asked => ({ request, computation: computationIdOf(request, 0) });

/** Files a request and waits until everyone has agreed; nothing is opened yet. */
export async function asked(network: Network, draft: object): Promise<Asked> {
  const request = await network.submit(draft);
  await network.state(request, ["agreed"]);
  return firstRunOf(request);
}

export const opened = (network: Network, { request }: Asked) =>
  network.call("ministry", "POST", `/api/v1/requests/${request}/open`);

export const ended = (network: Network, { request }: Asked): Promise<RequestState> => network.state(request, ENDS);

/** Ends what would otherwise wait for somebody until a deadline. */
export const cancelled = (network: Network, { request }: Asked) =>
  network.call("ministry", "POST", `/api/v1/requests/${request}/cancel`, { reason: "filed-in-error" });

export async function figureOf(network: Network, { request }: Asked): Promise<string | null | undefined> {
  const { outcome } = await network.call<{
    outcome: { document: { cells: readonly { value: string | null }[] } };
  }>("ministry", "GET", `/api/v1/requests/${request}/result`);
  return outcome.document.cells[0]?.value;
}

/** To record on the ledger in a member's name, as its node would. */
export function partyOf(network: Network, member: string): Party {
  const { network: name, identity, ledger, now, random } = network.net.node(member).services;
  return { network: name, identity, ledger, now, random };
}

export interface SeenFault {
  readonly member: string;
  readonly reason: string;
}
export const faultsOf = async (network: Network, by: string, { computation }: Asked): Promise<readonly SeenFault[]> =>
  (await network.call<{ faults: readonly SeenFault[] }>(by, "GET", `/api/v1/computations/${computation}`)).faults;

/** Resolves when this node's replica has the closing record; its members. */
export const closedSet = (network: Network, { computation }: Asked, phase: 1 | 2, at = "alpha") =>
  vi.waitFor(
    async () => {
      const step = await readComputationStep(network.net.node(at).services.ledger, computation, `close-${phase}`);
      if (step === undefined) throw new Error(`phase ${phase} is not closed`);
      return step.members;
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );

// ---- lies of the coordinator

interface Page {
  readonly epoch: string;
  readonly next: number;
  readonly messages: readonly Message[];
}

/** What C tells one member, message by message. The members that came back for more after they had been lied to. */
export function speaksFor(
  front: Front,
  { computation }: Asked,
  rewrite: (message: Message, to: string) => readonly unknown[],
): ReadonlySet<string> {
  const deceived = new Set<string>();
  const cameBack = new Set<string>();
  front.lie(async ({ from, method, path }, next) => {
    if (!isAskingC({ method, path }, computation)) return await next();
    if (deceived.has(from)) cameBack.add(from);
    const answer = await next();
    if (answer.status !== 200) return answer;
    const page = contentOf<Page>(answer);
    const messages = page.messages.flatMap((message) => {
      const said = rewrite(message, from);
      if (said.length !== 1 || said[0] !== message) deceived.add(from);
      return said;
    });
    return answerOf({ ...page, messages });
  });
  return cameBack;
}

/** Says this to each member once, as soon as it is known, although C itself has nothing to say; who came back for more after it. */
export function tells(
  front: Front,
  { computation }: Asked,
  messages: (to: string) => Promise<readonly unknown[]>,
): ReadonlySet<string> {
  const told = new Set<string>();
  const cameBack = new Set<string>();
  front.lie(async ({ from, method, path }, next) => {
    const url = new URL(path, "https://localhost");
    if (!isAskingC({ method, path }, computation)) return await next();
    if (told.has(from)) {
      cameBack.add(from);
      return await next();
    }
    // What C has to say itself comes first.
    const isDue = messages(from).then(() => sleep(POLL_MS, undefined, { ref: false }));
    const answer = await Promise.race([next(), isDue]);
    if (answer !== undefined) return answer;
    told.add(from);
    const [epoch, after] = [url.searchParams.get("epoch"), Number(url.searchParams.get("after"))];
    return answerOf({ epoch, next: after, messages: await messages(from) });
  });
  return cameBack;
}

const isMessages = (path: string): boolean => path.split("?")[0]!.endsWith("/messages");

/** Does the answer to this call hold what C has to say? */
const isAskingC = ({ method, path }: Pick<Call, "method" | "path">, computation: string): boolean =>
  computationInPath(path) === computation &&
  ((method === "GET" && path.includes("/mailbox?")) || (method === "POST" && path.includes("/messages?")));

/** The protocol message that a call to C carries about this computation. */
export function spokenIn({ method, path, body }: Call, { computation }: Asked): Message | undefined {
  if (method !== "POST" || computationInPath(path) !== computation || !isMessages(path)) return undefined;
  return contentOf<Message>({ body });
}

/** Types that C got from each member about this computation, in order. */
export function heard(front: Front, about: Asked): ReadonlyMap<string, readonly string[]> {
  const types = new Map<string, string[]>();
  front.lie(async (call, next) => {
    const message = spokenIn(call, about);
    if (message !== undefined) types.set(call.from, [...(types.get(call.from) ?? []), message.type]);
    return await next();
  });
  return types;
}
