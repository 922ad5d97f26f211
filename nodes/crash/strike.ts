/** One blow to one node, at its moment, and the way back. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backupNode, restoreNode } from "../runtime/backup.ts";
import { systemEffects } from "../runtime/effects.ts";
import { until } from "./client.ts";
import * as data from "./data.ts";
import type { CrashNetwork } from "./network.ts";
import { NO_ORDERS, type Trap } from "./node-messages.ts";
import type { Blow, RoundPlan, Strike } from "./plan.ts";
import type { Role } from "./steps.ts";

const BACK_MS = 60_000;

/** `provider` is the one that plays the provider in this round. */
export function memberOf(role: Role, provider: string): string {
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

/** Resolves when the victim is well again, or with false at the end of the round if its moment has not come. */
export async function strike(
  network: CrashNetwork,
  { role, when, blow }: Strike,
  { provider, over, slow }: { readonly provider: string; readonly over: AbortSignal; readonly slow: RoundPlan["slow"] },
): Promise<boolean> {
  const victim = memberOf(role, provider);
  const isOver = new Promise<false>((resolve) => over.addEventListener("abort", () => resolve(false)));
  if (when.kind === "time") {
    if ((await Promise.race([sleep(when.ms, true), isOver])) === false) return false;
  } else {
    const by = when.kind === "write" ? victim : memberOf(when.by, role === "cosigner" ? data.COSIGNER : provider);
    const act: Trap["act"] = kills(blow) ? { kill: by === victim ? 0 : network.pid(victim) } : "tell";
    const slowMs = slow !== undefined && memberOf(slow.role, provider) === by ? slow.ms : 0;
    const dead = network.gone(victim);
    const sprung = network.order(by, { ...NO_ORDERS, slowMs, traps: [{ when, act }] });
    const came = Promise.race([dead, sprung]).then(() => true as const);
    if (!(await Promise.race([came, isOver]))) return false;
  }
  await deal(network, victim, blow);
  return true;
}

const kills = ({ kind }: Blow): boolean => kind === "kill" || kind === "restore";

async function deal(network: CrashNetwork, victim: string, blow: Blow): Promise<void> {
  switch (blow.kind) {
    case "kill":
      await killed(network, victim);
      await sleep(blow.downMs);
      return await network.start(victim);
    case "restore":
      await killed(network, victim);
      await restored(network.folder(victim));
      return await network.start(victim);
    case "stall": {
      const pid = network.pid(victim);
      if (pid === 0) return;
      process.kill(pid, "SIGSTOP");
      await sleep(blow.ms);
      if (!blow.thenKill) return void process.kill(pid, "SIGCONT");
      await killed(network, victim);
      return await network.start(victim);
    }
    case "fill":
      return await filled(network, victim, blow);
  }
}

async function killed(network: CrashNetwork, victim: string): Promise<void> {
  network.kill(victim);
  await network.gone(victim);
}

/** What a crash has left can be backed up, and what comes back from there is a node. */
async function restored(folder: string): Promise<void> {
  const copies = await mkdtemp(join(tmpdir(), "sealane-crash-backup-"));
  const source = join(copies, "backup");
  await backupNode({ dir: folder, target: source, now: systemEffects.now() });
  await rm(folder, { recursive: true });
  await restoreNode({ source, dir: folder });
  await rm(copies, { recursive: true });
}

/** While its disk is full a node may refuse; when there is room again it works again, without anybody's help. */
async function filled(network: CrashNetwork, victim: string, blow: Extract<Blow, { kind: "fill" }>): Promise<void> {
  const disk = network.disk(victim);
  if (disk === undefined) network.order(victim, { ...NO_ORDERS, isFull: true });
  else await disk.fill(blow.leaveBytes);
  await sleep(blow.ms);
  if (disk === undefined) network.order(victim, NO_ORDERS);
  else await disk.free();
  const base = network.addresses.get(victim)!.base;
  await until(async () => {
    const answer = await fetch(`${base}/health`, { signal: AbortSignal.timeout(5_000) });
    const { status, reasons } = (await answer.json()) as { status: string; reasons: readonly string[] };
    return status === "stopped" || reasons.includes("disk-full")
      ? `${victim} is ${status} after its disk was full: ${reasons.join(", ")}`
      : undefined;
  }, BACK_MS);
}
