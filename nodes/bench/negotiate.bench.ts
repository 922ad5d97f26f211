/**
 * Contract negotiations by the Dataspace Protocol from REQUESTED to FINALIZED between two processes over TLS: four
 * messages each, every one with a token of its own, every state on disk on both sides before it is acknowledged.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siblingPath } from "../boot/sibling.ts";
import { defineBench, percentile } from "./bench.ts";
import type { FromParty, PartyUsage, ToParty } from "./negotiate-party.ts";

const SIZES = {
  negotiations: { full: 3_000, tiny: 6 },
  /** That run at the same time. */
  atonce: { full: 32, tiny: 2 },
};

export const negotiateBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { negotiations, atonce } = sizes;
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-negotiate-"));
  const parties = await Promise.all(["consumer", "provider"].map((member) => openParty(folder, member)));
  const [consumer, provider] = parties as [Party, Party];
  try {
    consumer.tell({ meet: { member: "provider", ...provider.place } });
    provider.tell({ meet: { member: "consumer", ...consumer.place } });
    const run = async (count: number, atOnce: number) => {
      consumer.tell({ begin: { count, atOnce } });
      return (await consumer.hear("samples")).samples;
    };
    await run(Math.ceil(negotiations / 10), atonce);
    const before = await Promise.all(parties.map((party) => party.usage()));
    const started = performance.now();
    const samples = await run(negotiations, atonce);
    const seconds = (performance.now() - started) / 1000;
    const after = await Promise.all(parties.map((party) => party.usage()));
    const alone = await run(Math.ceil(negotiations / 30), 1);
    note(`${negotiations} negotiations, ${atonce} at once, then some one after another`);
    const each = (of: (usage: PartyUsage) => number) =>
      after.map((usage, at) => (of(usage) - of(before[at]!)) / negotiations) as [number, number];
    const parts = (["consumer", "provider"] as const).flatMap((name, at) => [
      { metric: `${name}: processor time`, value: each(({ cpuMs }) => cpuMs)[at]!, unit: "ms each" },
      { metric: `${name}: writes`, value: each(({ writes }) => writes)[at]!, unit: "each" },
      { metric: `${name}: waits for its disk`, value: each(({ writeMs }) => writeMs)[at]!, unit: "ms each" },
      { metric: `${name}: messages sent`, value: each(({ calls }) => calls)[at]!, unit: "each" },
      { metric: `${name}: waits for the other side`, value: each(({ callMs }) => callMs)[at]!, unit: "ms each" },
    ]);
    return {
      parameters: { negotiations, atonce },
      results: [
        {
          metric: "negotiationsPerSecond",
          value: samples.length / seconds,
          unit: "to FINALIZED on both sides",
          target: { atLeast: 100 },
        },
        { metric: "p50Ms", value: percentile(samples, 0.5), unit: "ms" },
        { metric: "p99Ms", value: percentile(samples, 0.99), unit: "ms" },
        { metric: "aloneP50Ms", value: percentile(alone, 0.5), unit: "ms, one at a time" },
        { metric: "aloneP99Ms", value: percentile(alone, 0.99), unit: "ms, one at a time" },
        ...parts,
        { metric: "peakMiB", value: Math.max(...after.map(({ peakBytes }) => peakBytes)) / 2 ** 20, unit: "MiB" },
      ],
    };
  } finally {
    await Promise.all(parties.map((party) => party.close()));
    await rm(folder, { recursive: true, force: true });
  }
});

interface Party {
  readonly place: { readonly port: number; readonly pin: string };
  tell(message: ToParty): void;
  hear<K extends string>(what: K): Promise<Extract<FromParty, Readonly<Record<K, unknown>>>>;
  usage(): Promise<PartyUsage>;
  close(): Promise<void>;
}

async function openParty(folder: string, member: string): Promise<Party> {
  const own = join(folder, member);
  await mkdir(own);
  const child: ChildProcess = fork(siblingPath(import.meta.url, "./negotiate-party"), [own, member], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`bench: the ${member} ended with code ${String(code)}`);
  });
  ended.catch(() => undefined);
  async function hear<K extends string>(what: K) {
    const [message] = (await Promise.race([once(child, "message"), ended])) as [FromParty];
    if (!(what in message)) throw new TypeError(`${member}: wanted ${what}, got ${Object.keys(message).join()}`);
    return message as Extract<FromParty, Readonly<Record<K, unknown>>>;
  }
  const tell = (message: ToParty) => void child.send(message);
  const { ready } = await hear("ready");
  return {
    ...{ place: ready, tell, hear },
    async usage() {
      const answer = hear("usage");
      tell("usage");
      return (await answer).usage;
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}
