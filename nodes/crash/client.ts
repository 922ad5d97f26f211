/** A client that goes on asking while the node it asks is down: what it has been answered is what it may rely on. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Address {
  readonly base: string;
  readonly token: string;
}

const CALL_MS = 60_000;
const PAUSE_MS = 100;

/** The node answered, and not with a success. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function call<T>(
  { base, token }: Address,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    signal: AbortSignal.timeout(CALL_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as T;
  throw new RefusedError(answer.status, `${method} ${path}: ${answer.status} ${text}`);
}

const isPassing = (error: unknown): boolean =>
  !(error instanceof RefusedError) || error.status >= 500 || error.status === 429;

/** Repeats while the node cannot be reached or says "later". Throws the last error after `limitMs`. */
export async function insist<T>(attempt: () => Promise<T>, limitMs: number, isWorthIt = isPassing): Promise<T> {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isWorthIt(error) || performance.now() > until) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

/** Polls until `judge` is satisfied; throws what it said last. */
export async function until(judge: () => Promise<string | undefined>, limitMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    const wrong = await judge().catch((error: unknown) => String(error));
    if (wrong === undefined) return;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${wrong}`);
    await sleep(PAUSE_MS);
  }
}
