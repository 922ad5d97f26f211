/** The coordinator of one join of sums: a process of its own that matches two files and signs, so that its memory is seen alone. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { signStatement } from "../../crypto/suites/signed.ts";
import { testMember } from "../../ledger/conformance/fixture.ts";
import type { MatchFiles } from "../joins/match-files.ts";
import { runMatch } from "../joins/match-task.ts";

export interface MatchReport {
  readonly ms: number;
  /** Of the whole process. */
  readonly peakMiB: number;
  /** Longest stretch in which its loop did nothing else. */
  readonly loopMs: number;
  readonly rows: number;
}

const files = JSON.parse(process.argv[2]!) as MatchFiles;
const { identity } = testMember("coordinator");
const loop = monitorEventLoopDelay({ resolution: 1 });
await sleep(100);
loop.enable();
const began = performance.now();
const groups = await runMatch(files, new AbortController().signal);
signStatement(identity, "join", { groups });
const ms = performance.now() - began;
await sleep(20);
loop.disable();
const rows = groups.reduce((all, { rows: text }) => all + Math.floor((text.length * 3) / 16), 0);
const peakMiB = process.resourceUsage().maxRSS / 1024;
process.send!({ ms, peakMiB, loopMs: loop.max / 1e6, rows } satisfies MatchReport, () => process.disconnect());
