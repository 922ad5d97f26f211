/** Rounds over one network: a request, a kill or two, the way back, and every promise checked afterwards. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { uuidOf } from "../../exchange/requests/record.ts";
import { isRestartable } from "../computations/requester.ts";
import type { RequestView } from "../http/routes/requests/schemas.ts";
import { INFLIGHT_FOLDER } from "../store/inflight.ts";
import { call, insist, RefusedError, until } from "./client.ts";
import * as data from "./data.ts";
import { createLedgerWatch } from "./ledger-watch.ts";
import { type CrashNetwork, foundCrashNetwork } from "./network.ts";
import type { Trap } from "./node-messages.ts";
import { planRound, type RoundPlan, type Strike } from "./plan.ts";
import { type Random, seededRandom } from "./random.ts";
import { readSentLog } from "./sent-log.ts";
import { createSentRules } from "./sent-rules.ts";
import type { Role } from "./steps.ts";

export interface RunOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Folder of the nodes; the caller removes it. */
  readonly dir: string;
  readonly stepMs: number;
  readonly releaseMs: number;
  /** A request must have ended, and everything be settled, within this. */
  readonly limitMs: number;
  readonly note: (text: string) => void;
}

export interface RunReport {
  readonly seed: number;
  readonly rounds: number;
  readonly passed: number;
  /** Processes killed; `missed`: strikes whose moment did not come. */
  readonly kills: number;
  readonly missed: number;
  /** How the requests ended. */
  readonly ends: Readonly<Record<string, number>>;
  readonly records: number;
  readonly unmaskings: number;
  readonly roundP50Ms: number;
  readonly roundP95Ms: number;
  readonly ms: number;
  readonly failure?: { readonly plan: RoundPlan; readonly problems: readonly string[] };
}

interface Result {
  readonly outcome: {
    readonly kind: string;
    readonly document?: { contributors: readonly string[]; cells: readonly { value: string | null }[] };
  };
}

const STATE_POLL_MS = 60;

export async function runCrashes(options: RunOptions): Promise<RunReport> {
  const { rounds, seed, note } = options;
  const startedAt = performance.now();
  const network = await foundCrashNetwork({ ...options, onStep: note });
  const times: number[] = [];
  const ends: Record<string, number> = {};
  const suite = createSuite(network, options);
  let kills = 0;
  let missed = 0;
  let failure: RunReport["failure"];
  try {
    for (let round = 0; round < rounds && failure === undefined; round++) {
      const plan = planRound(seed, round);
      const began = performance.now();
      const done = await suite.round(plan);
      const ms = performance.now() - began;
      times.push(ms);
      kills += done.kills;
      missed += plan.strikes.length - done.kills;
      ends[done.end] = (ends[done.end] ?? 0) + 1;
      if (done.problems.length > 0) failure = { plan, problems: done.problems };
      note(
        `${round} ${strikesText(plan)} ${plan.mode}: ${done.end}${done.kills === 0 ? ", not reached" : ""} ${Math.round(ms)} ms [${done.marks.join(", ")}]`,
      );
    }
  } finally {
    await network.close();
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.floor(share * (times.length - 1))] ?? 0);
  return {
    seed,
    rounds,
    passed: times.length - (failure === undefined ? 0 : 1),
    kills,
    missed,
    ends,
    records: suite.records(),
    unmaskings: suite.unmaskings(),
    roundP50Ms: at(0.5),
    roundP95Ms: at(0.95),
    ms: Math.round(performance.now() - startedAt),
    ...(failure === undefined ? {} : { failure }),
  };
}

export const strikesText = ({ strikes }: RoundPlan): string =>
  strikes
    .map(({ role, when, downMs }) => {
      const down = downMs === 0 ? "" : `, ${downMs} ms away`;
      if (when.kind === "time") return `${role} after ${when.ms} ms${down}`;
      if (when.kind === "write") return `${role} ${when.moment} its write ${when.nth}${down}`;
      return `${role} ${when.moment} ${when.step}${when.nth === 1 ? "" : ` #${when.nth}`}${down}`;
    })
    .join(" + ");

function createSuite(network: CrashNetwork, options: RunOptions) {
  const { addresses } = network;
  const { limitMs, seed } = options;
  const tables = new Map(data.PROVIDERS.map((member) => [member as string, data.tableOf(member)]));
  const ledger = createLedgerWatch(addresses);
  const rules = createSentRules();
  const read = new Map<string, number>();
  /** Requests whose submission a client was told is recorded. */
  const acknowledged: string[] = [];
  const computations = new Set<string>();
  const at = (member: string) => addresses.get(member)!;
  let marks: string[] = [];
  let began = 0;
  const mark = (name: string): void => void marks.push(`${name} ${Math.round(performance.now() - began)}`);

  // ---- the round

  async function round(
    plan: RoundPlan,
  ): Promise<{ end: string; kills: number; problems: string[]; marks: readonly string[] }> {
    const random = seededRandom(Math.imul(seed, 31) + plan.round);
    marks = [];
    began = performance.now();
    const problems: string[] = [];
    const query = data.queryOf(plan.round, plan.mode);
    const asked = uuidOf({ seed, round: plan.round });
    const refused = uuidOf({ seed, round: plan.round, refused: true });
    const over = new AbortController();
    const strikes = plan.strikes.map((strike) => strikeOnce(strike, random, over.signal));
    let end = "none";
    let kills = 0;
    try {
      await Promise.all([
        submit(asked, data.draftOf(asked, query)),
        submit(refused, data.draftOf(refused, query, "enforcement")),
      ]);
      mark("submitted");
      const view = await endOf(asked);
      mark("ended");
      end = view.state;
      if (view.state === "released") problems.push(...(await checkResult(view, query)));
      else if ((view.reasons ?? []).length === 0) problems.push(`request ended as ${view.state} without a reason`);
      if (view.state !== "released") end += ` (${view.reasons?.join(", ")})`;
      mark("checked");
      const other = await endOf(refused);
      mark("refused");
      if (other.state !== "cancelled" || !other.reasons?.includes("no-agreement")) {
        problems.push(`the refused request ended as ${other.state} ${other.reasons?.join(", ")}`);
      }
    } catch (error) {
      problems.push(`no defined end: ${(error as Error).message}`);
    }
    over.abort();
    kills = (await Promise.all(strikes)).filter(Boolean).length;
    try {
      problems.push(...(await settled()));
    } catch (error) {
      problems.push((error as Error).message);
    }
    mark("settled");
    return { end, kills, problems: [...problems, ...network.ownDeaths], marks };
  }

  /** Arms, waits until the victim is dead, and brings it back. False when its moment did not come in this round. */
  async function strikeOnce({ role, when, downMs }: Strike, random: Random, over: AbortSignal): Promise<boolean> {
    const provider = random.pick(data.PROVIDERS);
    const victim = memberOf(role, provider);
    const dead = network.gone(victim).then(() => true);
    const done = new Promise<boolean>((resolve) => over.addEventListener("abort", () => resolve(false)));
    if (when.kind === "time") {
      await Promise.race([sleep(when.ms), done]);
      network.kill(victim);
    } else {
      const by = when.kind === "write" ? victim : memberOf(when.by, role === "cosigner" ? data.COSIGNER : provider);
      const trap: Trap = { when, kill: by === victim ? 0 : network.pid(victim) };
      network.arm(by, [trap]);
      if (!(await Promise.race([dead, done]))) {
        network.arm(by, []);
        return false;
      }
    }
    await dead;
    mark("dead");
    await sleep(downMs);
    await network.start(victim);
    mark("back");
    return true;
  }

  async function submit(id: string, draft: unknown): Promise<void> {
    const { recorded } = await insist(
      () => call<{ recorded: boolean }>(at(data.REQUESTER), "POST", "/requests", draft),
      limitMs,
    );
    if (recorded) acknowledged.push(id);
  }

  async function endOf(id: string): Promise<RequestView> {
    const end = performance.now() + limitMs;
    let last = "nothing";
    for (;;) {
      const view = await insist(
        () => call<RequestView>(at(data.REQUESTER), "GET", `/requests/${id}`),
        limitMs,
        // Not known yet: its submission is still to be recorded.
        (error) => !(error instanceof RefusedError) || error.status >= 404,
      );
      if (isEnd(view)) {
        for (const { computation } of view.failures) computations.add(computation);
        if (view.computation !== undefined) computations.add(view.computation);
        return view;
      }
      last = `${view.state} ${view.reasons?.join(", ") ?? ""}`;
      if (performance.now() > end) throw new Error(`request ${id} is ${last} after ${limitMs} ms`);
      await sleep(STATE_POLL_MS);
    }
  }

  async function checkResult({ id, computation = "" }: RequestView, query: ReturnType<typeof data.queryOf>) {
    const { outcome } = await insist(
      () => call<Result>(at(data.REQUESTER), "GET", `/requests/${id}/result`),
      limitMs,
      (error) => !(error instanceof RefusedError) || error.status >= 404,
    );
    const { document } = outcome;
    if (document === undefined) return [`released request ${id} has no result document`];
    await ledger.compare(limitMs);
    const survivors = ledger.survivors(computation);
    if (document.contributors.join() !== survivors.join()) {
      return [`contributors ${document.contributors.join()}, on the ledger ${survivors.join()}`];
    }
    const plain = data.plainFigure(query, survivors, tables);
    const [cell] = document.cells;
    if (cell?.value === null || cell?.value === plain) return [];
    return [`released ${cell?.value}, the independent figure is ${plain} over ${survivors.join()}`];
  }

  // ---- after it

  async function settled(): Promise<string[]> {
    const problems = await ledger.compare(limitMs);
    for (const id of acknowledged.splice(0)) {
      if (!ledger.hasRequest(id)) problems.push(`request ${id} was acknowledged and is on no ledger`);
    }
    for (const member of data.PROVIDERS) {
      const path = network.sentLog(member);
      const { messages, next } = readSentLog(path, read.get(member) ?? 0);
      read.set(member, next);
      problems.push(...rules.take(member, messages));
    }
    await until(secretsLeft, limitMs);
    return problems;
  }

  /** At the end of a computation everyone has unlinked its secrets. */
  async function secretsLeft(): Promise<string | undefined> {
    for (const member of addresses.keys()) {
      const names = await readdir(join(network.folder(member), INFLIGHT_FOLDER)).catch(() => []);
      const left = names.find((name) => [...computations].some((computation) => name.startsWith(computation)));
      if (left !== undefined) return `${member} still has the in-flight file ${left}`;
    }
    computations.clear();
    return undefined;
  }

  return { round, records: ledger.height, unmaskings: rules.unmaskings };
}

function memberOf(role: Role, provider: string): string {
  switch (role) {
    case "requester":
      return data.REQUESTER;
    case "provider":
      return provider;
    case "coordinator":
      return data.COORDINATOR;
    case "receiver":
      return data.RECEIVER;
    case "sequencer":
      return data.SEQUENCER;
    case "cosigner":
      return data.COSIGNER;
  }
}

function isEnd({ state, reasons = [], failures }: RequestView): boolean {
  if (state === "released" || state === "withheld" || state === "cancelled") return true;
  return state === "failed" && !isRestartable({ name: "failed", reason: reasons[0] ?? "", failures } as never);
}
