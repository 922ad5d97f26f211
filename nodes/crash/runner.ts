/** Rounds over networks side by side, and what came of them. */
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { siblingPath } from "../boot/sibling.ts";
import { call } from "./client.ts";
import { SEQUENCER } from "./data.ts";
import { type CrashNetwork, foundCrashNetwork } from "./network.ts";
import { type Only, planRound, type RoundPlan, type Strike } from "./plan.ts";
import { createRounds } from "./rounds.ts";

export interface RunOptions {
  readonly rounds: number;
  /** How many play side by side: while the nodes of one wait, those of another work. */
  readonly networks: number;
  readonly seed: number;
  readonly only?: Only;
  /** Parent of the networks' folders; removed unless a promise was broken. */
  readonly dir: string;
  readonly stepMs: number;
  readonly releaseMs: number;
  /** A request must have ended, and everything be settled, within this. */
  readonly limitMs: number;
  readonly note: (text: string) => void;
  /** No further round begins once it is aborted. */
  readonly signal?: AbortSignal;
}

export interface RunReport {
  readonly seed: number;
  readonly rounds: number;
  readonly networks: number;
  readonly passed: number;
  /** Strikes that were dealt; `missed`: whose moment did not come in their round. */
  readonly strikes: number;
  readonly missed: number;
  /** How the requests ended. */
  readonly ends: Readonly<Record<string, number>>;
  readonly records: number;
  readonly unmaskings: number;
  /** Whether full disks were mounted ones; else the node's process played them. */
  readonly disks: "mounted" | "played";
  readonly roundP50Ms: number;
  readonly roundP95Ms: number;
  readonly ms: number;
  /** The first broken promise; no `plan` where the audit at the end found it, or the suite itself failed. */
  readonly broken?: { readonly plan?: RoundPlan; readonly problems: readonly string[] };
}

export async function runCrashes(options: RunOptions): Promise<RunReport> {
  const { rounds: wanted, seed, note } = options;
  const startedAt = performance.now();
  const tally = { next: 0, passed: 0, strikes: 0, planned: 0, records: 0, unmaskings: 0, areDisksMounted: true };
  const times: number[] = [];
  const ends: Record<string, number> = {};
  let broken: RunReport["broken"];
  const goesOn = () => tally.next < wanted && broken === undefined && options.signal?.aborted !== true;

  /** Plays the next round that is left, until there is none, over a network of its own. */
  async function play(dir: string): Promise<void> {
    const { only } = options;
    const network = await foundCrashNetwork({
      ...options,
      dir,
      onStep: note,
      isNoised: only === "noise",
      isQueried: only === "queries",
    });
    const rounds = createRounds(network, options);
    let own: RunReport["broken"];
    try {
      while (goesOn()) {
        const plan = planRound(seed, tally.next++, options.only);
        const began = performance.now();
        const { end, struck, problems } = await rounds.run(plan);
        times.push(Math.round(performance.now() - began));
        tally.strikes += struck;
        tally.planned += plan.strikes.length;
        ends[end] = (ends[end] ?? 0) + 1;
        if (problems.length > 0) {
          own = { plan, problems };
          broken ??= own;
        } else {
          tally.passed += 1;
        }
        note(`${plan.round} ${planText(plan)}: ${end}${struck === 0 ? ", not struck" : ""}, ${times.at(-1)} ms`);
      }
      own ??= brokenBy(await rounds.finish());
    } catch (error) {
      own = thrownBy(error);
      broken ??= own;
    }
    const trust = await call(network.addresses.get(SEQUENCER)!, "GET", "/trust").catch(() => undefined);
    await network.close();
    own ??= brokenBy([...(await audited(network, trust)), ...network.ownDeaths]);
    tally.records += rounds.records();
    tally.unmaskings += rounds.unmaskings();
    tally.areDisksMounted &&= network.disk(SEQUENCER) !== undefined;
    if (own === undefined) await network.discard();
    else broken ??= own;
  }

  const networks = Array.from({ length: Math.min(options.networks, wanted) }, (_, at) => `network-${at + 1}`);
  // What ends one ends the others after their present rounds; every one is stopped.
  const ended = (error: unknown): void => {
    broken ??= thrownBy(error);
  };
  await Promise.all(networks.map((name) => play(join(options.dir, name)).catch(ended)));
  if (broken === undefined) await rm(options.dir, { recursive: true, force: true });
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))] ?? 0;
  return {
    seed,
    rounds: wanted,
    networks: networks.length,
    passed: tally.passed,
    strikes: tally.strikes,
    missed: tally.planned - tally.strikes,
    ends,
    records: tally.records,
    unmaskings: tally.unmaskings,
    disks: tally.areDisksMounted ? "mounted" : "played",
    roundP50Ms: at(0.5),
    roundP95Ms: at(0.95),
    ms: Math.round(performance.now() - startedAt),
    ...(broken === undefined ? {} : { broken }),
  };
}

const thrownBy = (error: unknown): { readonly problems: readonly string[] } => ({
  problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
});

const brokenBy = (problems: readonly string[]): RunReport["broken"] =>
  problems.length === 0 ? undefined : { problems };

export const planText = ({ strikes, mode, method, slow }: RoundPlan): string =>
  [
    ...strikes.map(strikeText),
    ...(slow === undefined ? [] : [`slow ${slow.role} ${slow.ms} ms`]),
    mode,
    ...(method === "bfv" ? ["bfv"] : []),
  ].join(" + ");

function strikeText({ role, when, blow }: Strike): string {
  return `${role} ${blowText(blow)} ${whenText(when)}`;
}

function blowText(blow: Strike["blow"]): string {
  switch (blow.kind) {
    case "kill":
      return blow.downMs === 0 ? "killed" : `killed for ${blow.downMs} ms`;
    case "restore":
      return "killed and restored";
    case "stall":
      return `stalled ${blow.ms} ms${blow.thenKill ? " and killed" : ""}`;
    case "fill":
      return `full ${blow.ms} ms but for ${blow.leaveBytes} bytes`;
  }
}

function whenText(when: Strike["when"]): string {
  if (when.kind === "time") return `after ${when.ms} ms`;
  if (when.kind === "write") return `${when.moment} its ${when.store === "ledger" ? "ledger's " : ""}write ${when.nth}`;
  const delay = when.delayMs === 0 ? "" : ` + ${when.delayMs} ms`;
  return `${when.moment} ${when.step}${when.nth === 1 ? "" : ` #${when.nth}`}${delay}`;
}

/** `sealane audit ledger` over every stopped node's own copy: one network, one history, every record re-executed. */
async function audited(network: CrashNetwork, trust: unknown): Promise<string[]> {
  if (trust === undefined) return ["the operator gave no trust file"];
  const file = join(network.dir, "trust.json");
  await writeFile(file, JSON.stringify(trust));
  const cli = siblingPath(import.meta.url, "../cli/main");
  const problems: string[] = [];
  const roots = new Map<string, string>();
  for (const member of network.addresses.keys()) {
    const words = [cli, "audit", "ledger", "--trust", file, "--dir", network.folder(member), "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, words).catch((error: { stdout?: string }) => ({
      stdout: error.stdout ?? "",
    }));
    const report = JSON.parse(stdout === "" ? "{}" : stdout) as { verdict?: string; root?: string; entries?: number };
    if (report.verdict !== "verified") problems.push(`the audit of ${member}'s ledger: ${stdout || "no report"}`);
    roots.set(`${report.entries} ${report.root}`, member);
  }
  if (roots.size > 1)
    problems.push(`stopped nodes end at ${[...roots].map(([root, member]) => `${member} ${root}`).join("; ")}`);
  return problems;
}
