/** What a member may never do, whatever happens to its process: judged over everything it ever sent. Pure. */
import type { SentMessage } from "./sent-log.ts";

export interface SentRules {
  /** Takes in what a member sent and returns what was wrong with it. */
  take(member: string, messages: readonly SentMessage[]): string[];
  /** Unmask messages seen so far. */
  unmaskings(): number;
}

export function createSentRules(): SentRules {
  const digests = new Map<string, string>();
  const opened = new Map<string, string>();
  let unmaskings = 0;

  function once(known: Map<string, string>, key: string, value: string): boolean {
    const before = known.get(key);
    if (before === undefined) known.set(key, value);
    return before === undefined || before === value;
  }

  return Object.freeze({
    take(member: string, messages: readonly SentMessage[]) {
      const problems: string[] = [];
      for (const { computation, type, digest, shares = [] } of messages) {
        if (!once(digests, `${member}/${computation}/${type}`, digest)) {
          problems.push(`${member} sent ${type} of ${computation} with other bytes`);
        }
        if (shares.length > 0) unmaskings += 1;
        for (const { dealer, kind, share } of shares) {
          if (once(opened, `${member}/${computation}/${type}/${dealer}`, `${kind}:${share}`)) continue;
          problems.push(`${member} answered the share of ${dealer} twice in ${type} of ${computation}`);
        }
      }
      return problems;
    },
    unmaskings: () => unmaskings,
  });
}
