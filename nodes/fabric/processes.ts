/**
 * Processes that outlive the command that started them. Each is remembered by its pid and by when it started, so that a
 * pid that the system gave to something else is never taken for ours.
 */
import { execFile, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { overwriteFile } from "../store/atomic-file.ts";
import { FabricNetworkError } from "./fabric-error.ts";
import { tailOf, withoutColours } from "./run-program.ts";

export interface ProcessPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Its output is added here. */
  readonly log: string;
  /** Its record. */
  readonly record: string;
  /** A process that lives with another edition is ended and started anew. */
  readonly edition: string;
}

interface ProcessRecord {
  readonly pid: number;
  /** When the system says that it started. */
  readonly started: string;
  readonly edition: string;
}

const POLL_MS = 50;
const GRACE_MS = 10_000;
const TAIL_BYTES = 16_384;

/** Pid of the process of this record, while it lives. */
export async function livePid(record: string): Promise<number | undefined> {
  const known = await readRecord(record);
  return known !== undefined && (await startOf(known.pid)) === known.started ? known.pid : undefined;
}

/** Lives in the wanted edition. */
export async function isCurrent({ record, edition }: ProcessPlan): Promise<boolean> {
  return (await livePid(record)) !== undefined && (await readRecord(record))?.edition === edition;
}

/** Starts it. An earlier one of this record must have ended. */
export async function startProcess(plan: ProcessPlan): Promise<void> {
  mkdirSync(dirname(plan.log), { recursive: true, mode: 0o700 });
  const log = openSync(plan.log, "a", 0o600);
  try {
    const child = spawn(plan.command, plan.args, {
      cwd: plan.cwd,
      env: plan.env,
      detached: true,
      stdio: ["ignore", log, log],
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once("spawn", () => resolve(child.pid ?? 0));
      child.once("error", (cause) =>
        reject(new FabricNetworkError("ERR_FABRIC_PROCESS", `${plan.name}: ${cause.message}`, { cause })),
      );
    });
    child.unref();
    const started = await startOf(pid);
    if (started === undefined) throw await endedError(plan);
    const record: ProcessRecord = { pid, started, edition: plan.edition };
    await overwriteFile(plan.record, `${JSON.stringify(record)}\n`);
  } finally {
    closeSync(log);
  }
}

/** Waits until `isUp` holds. Throws FabricNetworkError with the log's last lines when the process ends before, or in time. */
export async function waitUntilUp(
  plan: ProcessPlan,
  isUp: () => Promise<boolean>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + options.timeoutMs;
  while (!(await isUp())) {
    options.signal.throwIfAborted();
    if ((await livePid(plan.record)) === undefined) throw await endedError(plan);
    if (performance.now() > until) {
      const tail = await logTail(plan.log);
      throw new FabricNetworkError(
        "ERR_FABRIC_PROCESS",
        `${plan.name}: not up after ${options.timeoutMs} ms; ${plan.log} ends with\n${tail}`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Asks the process to end, and ends it when it does not. Nothing happens to a process that is not ours. */
export async function endProcess(record: string, graceMs = GRACE_MS): Promise<boolean> {
  const pid = await livePid(record);
  if (pid !== undefined) {
    signalTo(pid, "SIGTERM");
    const until = performance.now() + graceMs;
    while ((await livePid(record)) !== undefined) {
      if (performance.now() > until) signalTo(pid, "SIGKILL");
      await sleep(POLL_MS);
    }
  }
  await rm(record, { force: true });
  return pid !== undefined;
}

/** The last lines of a log. */
export async function logTail(path: string): Promise<string> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size === 0) return "(nothing)";
  const file = await open(path);
  try {
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from);
    const text = withoutColours(buffer.subarray(0, bytesRead).toString("utf8"));
    // What Go says when it gives up stands before the stacks of its threads.
    const stacks = text.search(/\n\s*goroutine \d+ \[/);
    return tailOf(stacks === -1 ? text : text.slice(0, stacks));
  } finally {
    await file.close();
  }
}

async function endedError(plan: ProcessPlan): Promise<FabricNetworkError> {
  const tail = await logTail(plan.log);
  return new FabricNetworkError("ERR_FABRIC_PROCESS", `${plan.name}: ended; ${plan.log} ends with\n${tail}`);
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function readRecord(path: string): Promise<ProcessRecord | undefined> {
  try {
    const { pid, started, edition } = JSON.parse(await readFile(path, "utf8")) as Partial<ProcessRecord>;
    if (pid === undefined || !Number.isInteger(pid) || pid < 2 || typeof started !== "string") return undefined;
    return { pid, started, edition: String(edition) };
  } catch {
    return undefined;
  }
}

/** What tells this process from another one that had or will have its pid; undefined when it has ended. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return startByPs(pid);
  try {
    const [boot, line] = await Promise.all([
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      readFile(`/proc/${pid}/stat`, "utf8"),
    ]);
    // proc(5): the name in parentheses may hold anything; state is field 3, start time field 22.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : `${boot.trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

async function startByPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
