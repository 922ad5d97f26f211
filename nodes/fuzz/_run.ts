/** Runs properties with one seed and collects what they found, each with what is needed to see it again. */
import fc from "fast-check";

export interface Plan {
  readonly cases: number;
  readonly seed: number;
}

export interface Figures {
  readonly what: string;
  readonly cases: number;
  /** Empty: every promise held. */
  readonly failures: readonly string[];
}

const SHRINK_MS = 15_000;

/** Shrinks a failure for a few seconds; `what` and the seed repeat it. */
export async function checkProperty<T>(
  what: string,
  { cases, seed }: Plan,
  input: fc.Arbitrary<T>,
  holds: (input: T) => void | Promise<void>,
): Promise<Figures> {
  let tried = 0;
  let firstFailedAt: number | undefined;
  const property = fc.asyncProperty(input, async (value) => {
    tried += 1;
    try {
      await holds(value);
    } catch (error) {
      firstFailedAt ??= Date.now();
      // Passing ends the shrinking where it is.
      if (Date.now() - firstFailedAt > SHRINK_MS) return;
      throw error;
    }
  });
  const result = await fc.check(property, { numRuns: cases, seed });
  if (!result.failed) return { what, cases: tried, failures: [] };
  const [smallest] = result.counterexample ?? [];
  const cause =
    result.errorInstance instanceof Error ? (result.errorInstance.stack ?? "") : String(result.errorInstance);
  const shown = shorten(smallest);
  return { what, cases: tried, failures: [`${what}: --seed ${seed}, smallest input ${shown}\n${cause}`] };
}

function shorten(value: unknown): string {
  const text = fc.stringify(value);
  return text.length > 3_000 ? `${text.slice(0, 3_000)}… (${text.length} characters)` : text;
}

/** Seeds differ between properties, so that they do not all draw the same values. */
export const seedOf = (seed: number, what: string): number => {
  let hash = seed | 0;
  for (const character of what) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) | 0;
  return hash;
};
