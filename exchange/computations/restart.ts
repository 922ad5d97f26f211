/** Whom a restart goes without. */

/** Share of the first cohort that may be gone in all restarts together. */
const MOST_GONE = 20;

/**
 * Members that C named as absent, failure by failure, as long as they are at most a twentieth of the first cohort. C's
 * word is not proof: it could name honest members until those that collude with it are a third of who is left
 * (docs/decisions/106). A longer list is left aside, and everyone is asked again.
 */
export function goneWithout(
  cohort: number,
  failures: readonly { readonly absent?: readonly string[] }[],
): ReadonlySet<string> {
  let gone: ReadonlySet<string> = new Set();
  for (const { absent = [] } of failures) {
    const more = new Set([...gone, ...absent]);
    if (more.size <= Math.floor(cohort / MOST_GONE)) gone = more;
  }
  return gone;
}
