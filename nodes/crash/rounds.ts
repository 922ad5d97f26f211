/** One round: two requests, or one for encrypted queries, what the plan does to the nodes meanwhile, and every promise checked afterwards. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { uuidOf } from "../../exchange/requests/record.ts";
import type { Query } from "../../policies/model/query.ts";
import { isRestartable } from "../computations/requester.ts";
import type { RequestView } from "../http/routes/requests/schemas.ts";
import { INFLIGHT_FOLDER } from "../store/inflight.ts";
import { call, insist, RefusedError, until } from "./client.ts";
import * as data from "./data.ts";
import { createLedgerWatch } from "./ledger-watch.ts";
import type { CrashNetwork } from "./network.ts";
import { NO_ORDERS } from "./node-messages.ts";
import type { RoundPlan } from "./plan.ts";
import { createQueries } from "./queries.ts";
import { seededRandom } from "./random.ts";
import { readSentLog } from "./sent-log.ts";
import { createSentRules } from "./sent-rules.ts";
import { memberOf, strike } from "./strike.ts";

export interface RoundReport {
  /** State of the request, with its reasons. */
  readonly end: string;
  /** Strikes whose moment came. */
  readonly struck: number;
  /** Broken promises. */
  readonly problems: readonly string[];
}

export interface Rounds {
  run(plan: RoundPlan): Promise<RoundReport>;
  /** After the last round: what only then can be asked. Returns broken promises. */
  finish(): Promise<readonly string[]>;
  /** Records on the ledger. */
  records(): number;
  unmaskings(): number;
}

interface Result {
  readonly outcome: {
    readonly document?: {
      readonly contributors: readonly string[];
      readonly cells: readonly {
        readonly group: Readonly<Record<string, string>>;
        readonly measure: string;
        readonly value: string | null;
        readonly standardError?: string;
      }[];
    };
  };
}

/** A node that is struck meanwhile answers nothing any more. */
const STATE_WAIT_MS = 5_000;
/** What a crash may lead to. Anything else is a fault. */
const REASONS: readonly RegExp[] = [/^too-few-/, /^expired$/, /^release-deadline$/, /^store-rolled-back$/, /^no-cell$/];
const isUnknownYet = (error: unknown): boolean => !(error instanceof RefusedError) || error.status >= 404;

export function createRounds(
  network: CrashNetwork,
  options: { readonly seed: number; readonly limitMs: number },
): Rounds {
  const { addresses } = network;
  const { limitMs, seed } = options;
  const tables = new Map(data.PROVIDERS.map((member) => [member as string, data.tableOf(member)]));
  const ledger = createLedgerWatch(addresses);
  const rules = createSentRules();
  const read = new Map<string, number>();
  /** Requests whose submission a client was told is recorded; not compared with the ledgers yet. */
  const acknowledged: string[] = [];
  /** Figures with noise as they were released, by request. */
  const noised = new Map<string, string>();
  /** Computations of the round before and of this one. */
  let ended: ReadonlySet<string> = new Set();
  let computations = new Set<string>();
  let longRounds = 0;
  const queries = createQueries(network, ledger, limitMs);
  const at = (member: string) => addresses.get(member)!;

  function queryOf({ round, mode }: RoundPlan): Query {
    if (mode !== "long") return data.queryOf(round, mode === "counted" ? mode : "registry");
    // Over the same cells history would refuse the next set.
    return longRounds < data.MAX_LONG_ROUNDS ? data.longQueryOf(longRounds++) : data.queryOf(round, "counted");
  }

  async function run(plan: RoundPlan): Promise<RoundReport> {
    const provider = seededRandom(Math.imul(seed, 31) + plan.round).pick(data.PROVIDERS);
    const queried = plan.mode === "queried" ? uuidOf({ seed, round: plan.round }) : undefined;
    // Before anything is done to anybody: the strikes are about queries.
    if (queried !== undefined) await queries.agree(queried, provider);
    const over = new AbortController();
    // Two roles may be one node: it is struck once at a time.
    const victims = new Map(plan.strikes.map((one) => [memberOf(one.role, provider), one]));
    const strikes = Promise.all(
      [...victims.values()].map((one) => strike(network, one, { provider, over: over.signal, slow: plan.slow })),
    );
    strikes.catch(() => undefined);
    if (plan.slow !== undefined && !plan.strikes.some(({ role }) => role === plan.slow?.role)) {
      network.order(memberOf(plan.slow.role, provider), { ...NO_ORDERS, slowMs: plan.slow.ms });
    }
    const problems: string[] = [];
    const broken = (error: unknown) => void problems.push((error as Error).message);
    const asked = queried === undefined ? requests(plan, problems) : answersTo(queried);
    const end = await asked.catch((error) => {
      broken(error);
      return "no defined end";
    });
    over.abort();
    const struck = await strikes.catch((error): boolean[] => {
      broken(error);
      return [];
    });
    // A moment that came when the round was over all but for this.
    const late = await network.calm();
    problems.push(...(await settled().catch((error) => [(error as Error).message])), ...network.ownDeaths);
    if (queried !== undefined) {
      const checked = await queries.check(queried, provider, tables.get(provider)!).catch((error) => [String(error)]);
      problems.push(...checked);
    }
    return { end, struck: struck.filter(Boolean).length + late.length, problems };
  }

  async function answersTo(request: string): Promise<string> {
    await queries.exhaust(request);
    computations.add(request);
    return "answered";
  }

  // ---- the requests

  async function requests(plan: RoundPlan, problems: string[]): Promise<string> {
    const query = queryOf(plan);
    const asked = uuidOf({ seed, round: plan.round });
    const refused = uuidOf({ seed, round: plan.round, refused: true });
    const named = plan.mode === "noised" ? data.noisedId : undefined;
    await Promise.all([
      submit(asked, { ...data.draftOf(asked, query, undefined, named), method: plan.method }),
      submit(refused, data.draftOf(refused, query, "enforcement")),
    ]);
    const other = await endOf(refused);
    if (other.state !== "cancelled" || other.reasons?.join() !== "no-agreement") {
      problems.push(`the request that all refuse ended as ${other.state} ${other.reasons?.join()}`);
    }
    const view = await endOf(asked);
    if (view.state === "released") {
      problems.push(...(await (plan.mode === "noised" ? checkNoised(view, query) : checkResult(view, query))));
      return "released";
    }
    const reasons = view.reasons ?? [];
    const odd = reasons.filter((reason) => !REASONS.some((known) => known.test(reason)));
    if (reasons.length === 0 || odd.length > 0) problems.push(`the request is ${view.state}: ${reasons.join()}`);
    return `${view.state} (${reasons.join()})`;
  }

  async function submit(id: string, draft: unknown): Promise<void> {
    const post = () => call<{ recorded: boolean }>(at(data.REQUESTER), "POST", "/requests", draft);
    if ((await insist(post, limitMs)).recorded) acknowledged.push(id);
  }

  async function endOf(id: string): Promise<RequestView> {
    const end = performance.now() + limitMs;
    let before: string | undefined;
    for (;;) {
      const wait = before === undefined ? "" : `?unless=${before}&waitMs=${STATE_WAIT_MS}`;
      const get = () => call<RequestView>(at(data.REQUESTER), "GET", `/requests/${id}${wait}`);
      const view = await insist(get, limitMs, isUnknownYet);
      before = view.state;
      if (isEnd(view)) {
        for (const { computation } of view.failures) computations.add(computation);
        if (view.computation !== undefined) computations.add(view.computation);
        return view;
      }
      if (performance.now() > end) {
        throw new Error(`request ${id} is ${view.state} ${view.reasons?.join() ?? ""} after ${limitMs} ms`);
      }
    }
  }

  async function checkResult({ id, computation = "" }: RequestView, query: Query) {
    const get = () => call<Result>(at(data.REQUESTER), "GET", `/requests/${id}/result`);
    const { document } = (await insist(get, limitMs, isUnknownYet)).outcome;
    if (document === undefined) return [`released request ${id} has no result document`];
    await ledger.readAt(data.REQUESTER);
    const survivors = ledger.survivors(computation);
    if (document.contributors.join() !== survivors.join()) {
      return [`contributors ${document.contributors.join()}, on the ledger ${survivors.join()}`];
    }
    const plain = data.plainTotals(query, survivors, tables);
    const totals = document.cells.filter(({ measure }) => measure === "total");
    if (totals.length !== plain.size) return [`released ${totals.length} totals, there are ${plain.size}`];
    return totals.flatMap(({ group, value }) => {
      const wanted = plain.get(data.groupText(group));
      if (value === null || value === wanted) return [];
      return [`released ${value}, the independent figure is ${wanted} over ${survivors.join()}`];
    });
  }

  /** A figure with noise: near the plain one by its error, not it, and the same whenever it is asked for. */
  async function checkNoised({ id }: RequestView, query: Query): Promise<readonly string[]> {
    const { value, standardError } = await noisedFigure(id);
    const [plain] = data.plainTotals(query, data.PROVIDERS, tables).values();
    const [figure, error] = [Number(value), Number(standardError)];
    if (!(error > 0) || value === plain || !(Math.abs(figure - Number(plain)) < 10 * error)) {
      return [`released ${value} ± ${standardError} where the plain figure is ${plain}`];
    }
    noised.set(id, `${value} ± ${standardError}`);
    return [];
  }

  async function noisedFigure(id: string) {
    const get = () => call<Result>(at(data.REQUESTER), "GET", `/requests/${id}/result`);
    return (await insist(get, limitMs, isUnknownYet)).outcome.document!.cells[0]!;
  }

  /** Every noise was paid for once, and no figure was released with another one. */
  async function checkBudget(): Promise<string[]> {
    if (noised.size === 0) return [];
    const problems: string[] = [];
    for (const member of data.PROVIDERS) {
      const path = `/assets/${data.noisedId(member)}/privacy`;
      const { accounts } = await call<{ accounts: { spent: number }[] }>(at(member), "GET", path);
      const spent = accounts.map((one) => one.spent).join();
      if (spent !== String(ledger.noiseCost())) {
        problems.push(`${member}'s account has spent ${spent}, the openings cost ${ledger.noiseCost()}`);
      }
    }
    for (const [id, before] of noised) {
      const { value, standardError } = await noisedFigure(id);
      if (`${value} ± ${standardError}` !== before) problems.push(`request ${id} was ${before} and is ${value}`);
    }
    return problems;
  }

  // ---- after them

  async function settled(): Promise<string[]> {
    const problems = await ledger.compare(limitMs);
    for (const id of acknowledged.splice(0)) {
      if (!ledger.hasRequest(id)) problems.push(`request ${id} was acknowledged and is on no ledger`);
    }
    for (const member of data.PROVIDERS) {
      const { messages, next } = readSentLog(network.sentLog(member), read.get(member) ?? 0);
      read.set(member, next);
      problems.push(...rules.take(member, messages));
    }
    // Those of this round may still have last words to say.
    await until(secretsLeft, limitMs);
    problems.push(...(await checkBudget()));
    [ended, computations] = [computations, new Set()];
    return problems;
  }

  /** At the end of a computation everyone has unlinked its secrets. */
  async function secretsLeft(): Promise<string | undefined> {
    for (const member of addresses.keys()) {
      const names = await readdir(join(network.folder(member), INFLIGHT_FOLDER)).catch(() => []);
      const left = names.find((name) => [...ended].some((computation) => name.startsWith(computation)));
      if (left !== undefined) return `${member} still has the in-flight file ${left}`;
    }
    return undefined;
  }

  return Object.freeze({
    run,
    finish: () => settled().catch((error) => [(error as Error).message]),
    records: ledger.height,
    unmaskings: rules.unmaskings,
  });
}

function isEnd({ state, reasons = [], failures }: RequestView): boolean {
  if (state === "released" || state === "withheld" || state === "cancelled") return true;
  return state === "failed" && !isRestartable({ name: "failed", reason: reasons[0] ?? "", failures } as never);
}
