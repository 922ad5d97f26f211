/** One network of real processes that can be killed and brought back. A spare process waits warm, so that coming back is quick. */
import { type ChildProcess, fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { siblingPath } from "../boot/sibling.ts";
import { systemEffects } from "../runtime/effects.ts";
import { initNode } from "../runtime/init-node.ts";
import { foundNetwork } from "../runtime/network/found.ts";
import { joinNetwork } from "../runtime/network/join.ts";
import { localMember } from "../testnet/local-member.ts";
import { type Address, call, insist, RefusedError } from "./client.ts";
import {
  ANSWERS,
  MEMBERS,
  noisedCsv,
  noisedRegistrationOf,
  PROVIDERS,
  registrationOf,
  SEQUENCER,
  tableOf,
} from "./data.ts";
import { type Disk, mountDisk } from "./disks.ts";
import { type FromNode, NO_ORDERS, type Orders, type ToNode } from "./node-messages.ts";

export interface CrashNetwork {
  readonly dir: string;
  readonly addresses: ReadonlyMap<string, Address>;
  folder(member: string): string;
  /** What its protocol messages are logged in. */
  sentLog(member: string): string;
  /** 0 while it is down. */
  pid(member: string): number;
  /** Earlier orders are gone. Resolves when a trap that tells is sprung. */
  order(member: string, orders: Orders): Promise<void>;
  /** Ends all orders. Resolves when nothing of them is left to happen, and whoever they still killed is back: their names. */
  calm(): Promise<readonly string[]>;
  /** Undefined where none could be mounted. */
  disk(member: string): Disk | undefined;
  kill(member: string): void;
  /** Resolves when it is down. */
  gone(member: string): Promise<void>;
  start(member: string): Promise<void>;
  /** Processes that ended otherwise than by SIGKILL or SIGTERM, with what they said. */
  readonly ownDeaths: readonly string[];
  /** Stops every process; the folders stay. */
  close(): Promise<void>;
  /** Removes the folders; after `close`. */
  discard(): Promise<void>;
}

export interface NetworkOptions {
  /** Parent of the node folders. */
  readonly dir: string;
  readonly stepMs: number;
  readonly releaseMs: number;
  readonly onStep: (text: string) => void;
  /** Whether providers hold a table whose sums want noise, too. */
  readonly isNoised?: boolean;
  /** Whether they answer encrypted queries, and so take calls. */
  readonly isQueried?: boolean;
}

interface Running {
  readonly child: ChildProcess;
  readonly exit: Promise<void>;
}

const READY_MS = 120_000;

export async function foundCrashNetwork({
  dir,
  stepMs,
  releaseMs,
  onStep,
  isNoised = false,
  isQueried = false,
}: NetworkOptions): Promise<CrashNetwork> {
  await mkdir(dir, { recursive: true });
  const log = openSync(join(dir, "nodes.log"), "a");
  const host = ownLoopback();
  const running = new Map<string, Running>();
  const addresses = new Map<string, Address>();
  const sprung = new Map<string, () => void>();
  const ordered = new Map<string, () => void>();
  const ownDeaths: string[] = [];
  const disks = new Map<string, Disk>();
  // Inside its disk, because what is mounted cannot be replaced.
  const folder = (member: string) => join(dir, member, "node");
  const sentLog = (member: string) => join(dir, `${member}.sent.ndjson`);

  // Loading the program is most of what a restart costs.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "compiled") };
  const warm = (): ChildProcess =>
    fork(siblingPath(import.meta.url, "./node-process"), [], { stdio: ["ignore", log, log, "ipc"], env });
  let spare = warm();

  async function start(member: string): Promise<void> {
    const child = spare;
    spare = warm();
    const exit = once(child, "exit").then(([code, signal]) => {
      if (running.get(member)?.child === child) running.delete(member);
      if (signal !== "SIGKILL" && code !== 0) ownDeaths.push(`${member} ended by itself (${code ?? signal})`);
    });
    running.set(member, { child, exit });
    const ready = new Promise<void>((resolve, reject) => {
      child.on("message", (message: FromNode) => {
        if (message.kind === "ready") resolve();
        else if (message.kind === "sprung") sprung.get(member)?.();
        else if (message.kind === "ordered") ordered.get(member)?.();
        else if (message.kind === "failed") reject(new Error(`${member} does not start: ${message.error}`));
      });
      setTimeout(() => reject(new Error(`${member} does not start within ${READY_MS} ms`)), READY_MS).unref();
    });
    ready.catch(() => undefined);
    child.send({ kind: "start", dir: folder(member), sent: sentLog(member) } satisfies ToNode, unlessDead);
    // A node that is killed while it starts is down again: no fault of its own.
    await Promise.race([ready, exit]);
  }

  async function end(member: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const one = running.get(member);
    if (one === undefined) return;
    one.child.kill(signal);
    const timer = setTimeout(() => one.child.kill("SIGKILL"), 20_000);
    await one.exit;
    clearTimeout(timer);
  }

  async function obeyed(member: string): Promise<void> {
    const one = running.get(member);
    if (one?.child.connected !== true) return await one?.exit;
    const { promise, resolve } = Promise.withResolvers<void>();
    ordered.set(member, resolve);
    one.child.send({ kind: "orders", orders: NO_ORDERS } satisfies ToNode, unlessDead);
    await Promise.race([promise, one.exit]);
  }

  async function calm(): Promise<readonly string[]> {
    const members = [...addresses.keys()];
    // Twice: one that has answered may be killed by another one that has not yet.
    for (const _ of ["ordered", "still there"]) await Promise.all(members.map(obeyed));
    const down = members.filter((member) => !running.has(member));
    await Promise.all(down.map(start));
    return down;
  }

  async function close(): Promise<void> {
    spare.kill("SIGKILL");
    await Promise.all([...running.keys()].filter((id) => id !== SEQUENCER).map((id) => end(id, "SIGTERM")));
    await end(SEQUENCER, "SIGTERM");
  }

  async function discard(): Promise<void> {
    for (const disk of disks.values()) await disk.unmount();
    await rm(dir, { recursive: true, force: true });
  }

  async function init(): Promise<void> {
    for (const member of MEMBERS) {
      const disk = await mountDisk(join(dir, member.id));
      if (disk !== undefined) disks.set(member.id, disk);
      const local = JSON.stringify(
        (await localMember(isQueried ? { ...member, reachable: true } : member, false)).config,
      ).replaceAll("127.0.0.1", host);
      const config = {
        ...(JSON.parse(local) as Record<string, unknown>),
        computations: { stepMs, releaseMs, opensByItself: true },
        accessLog: { anchorEntries: 200, anchorIntervalMs: 20_000 },
        log: { level: "info" },
      };
      await initNode({ dir: folder(member.id), config, effects: systemEffects });
      const { api } = JSON.parse(await readFile(join(folder(member.id), "sealane.json"), "utf8")) as {
        api: { host: string; port: number };
      };
      const token = (await readFile(join(folder(member.id), "token"), "utf8")).trim();
      addresses.set(member.id, { base: `http://${api.host}:${api.port}`, token });
    }
    await foundNetwork({
      dir: folder(SEQUENCER),
      network: "crash",
      title: { en: "Crash suite" },
      industry: "C",
      attributes: {},
      effects: systemEffects,
    });
    await start(SEQUENCER);
    onStep(`${SEQUENCER} founded`);
    for (const { id } of MEMBERS.filter((member) => member.id !== SEQUENCER)) await enter(id);
    for (const member of PROVIDERS) {
      const path = join(dir, `${member}.csv`);
      const { csv } = tableOf(member);
      await writeFile(path, csv);
      await register(member, registrationOf(member, path, isQueried ? ANSWERS : undefined));
      if (isNoised) {
        const other = join(dir, `${member}-noised.csv`);
        await writeFile(other, noisedCsv(csv));
        await register(member, noisedRegistrationOf(member, other));
      }
      onStep(`${member} registered`);
    }
  }

  const register = (member: string, registration: object) =>
    insist(() => call(addresses.get(member)!, "POST", "/assets", registration), READY_MS).catch(unlessRegistered);

  async function enter(id: string): Promise<void> {
    const operator = addresses.get(SEQUENCER)!;
    const invite = () => call(operator, "POST", "/invitations", { expiresInHours: 1, note: id });
    const invitation = await insist(invite, READY_MS);
    let admission: Promise<unknown> | undefined;
    await joinNetwork({
      dir: folder(id),
      invitation,
      effects: systemEffects,
      waitMs: READY_MS,
      pollMs: 50,
      onState: (state) => {
        if (state === "waiting") admission ??= call(operator, "POST", `/members/${id}/admit`, {});
      },
    });
    await admission;
    await start(id);
    onStep(`${id} joined`);
  }

  try {
    await init();
  } catch (error) {
    await close();
    await discard();
    throw error;
  }
  return Object.freeze({
    dir,
    addresses,
    folder,
    sentLog,
    pid: (member: string) => running.get(member)?.child.pid ?? 0,
    order(member: string, orders: Orders) {
      const child = running.get(member)?.child;
      return new Promise<void>((resolve) => {
        if (child?.connected !== true) return;
        sprung.set(member, resolve);
        child.send({ kind: "orders", orders } satisfies ToNode, unlessDead);
      });
    },
    calm,
    disk: (member: string) => disks.get(member),
    kill: (member: string) => void running.get(member)?.child.kill("SIGKILL"),
    gone: async (member: string) => await running.get(member)?.exit,
    start,
    ownDeaths,
    close,
    discard,
  });
}

/** A process that was killed this moment hears nothing; its exit says so. */
const unlessDead = (): void => undefined;

/** The answer to the first try came too late. */
function unlessRegistered(error: unknown): void {
  if (!(error instanceof RefusedError) || error.status !== 409) throw error;
}

/** While a node is down nobody else takes its ports: where a machine has more loopback addresses, one of its own. */
const ownLoopback = (): string =>
  process.platform === "linux" ? `127.${[64, 0, 1].map((from) => randomInt(from, 255)).join(".")}` : "127.0.0.1";
