/** Sees every peer message of a node: counts bytes and looks for private values of anybody. */
import { createLeakDetector, type Leak, type PrivateValue } from "../computations/leak-detector.ts";
import type { ObservedMessage } from "../peer/client.ts";

export interface Traffic {
  readonly messages: number;
  readonly bytes: number;
  /** Messages that held a private value. */
  readonly leaks: number;
  /** A few of them, for the report. */
  readonly examples: readonly (Leak & { readonly message: string })[];
}

export interface WireTap {
  readonly see: (member: string, message: ObservedMessage) => void;
  readonly traffic: () => Traffic;
  /** Private values that are searched for. */
  readonly values: number;
}

const EXAMPLES = 5;

export function createWireTap(values: readonly PrivateValue[]): WireTap {
  const detector = createLeakDetector(values);
  let [messages, bytes, leaks] = [0, 0, 0];
  const examples: Traffic["examples"][number][] = [];
  return Object.freeze({
    values: detector.values,
    see(member: string, { direction, method, path, body }: ObservedMessage) {
      messages += 1;
      bytes += body.length;
      if (body.length === 0) return;
      const found = detector.inspect(decoded(body));
      if (found.length === 0) return;
      leaks += 1;
      const message = `${member} ${direction} ${method} ${path}`;
      for (const leak of found) if (examples.length < EXAMPLES) examples.push({ ...leak, message });
    },
    traffic: () => ({ messages, bytes, leaks, examples: [...examples] }),
  });
}

const isText = new TextDecoder("utf-8", { fatal: true });

function decoded(body: Uint8Array): unknown {
  try {
    return JSON.parse(isText.decode(body));
  } catch {
    return body;
  }
}
