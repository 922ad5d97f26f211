/** A term of a policy document as it lies in a bundle: others' bytes, whatever form they have. */

/** The right operand of a term of the permission to use; undefined where there is none. */
export function termOf(policy: unknown, term: string): unknown {
  const [use] = lookIn(policy, "permission").filter((one) => valueAt(one, "action") === "use");
  const constraint = lookIn(use, "constraint").find((one) => valueAt(one, "leftOperand") === term);
  return valueAt(constraint, "rightOperand");
}

export const valueAt = (of: unknown, key: string): unknown =>
  typeof of === "object" && of !== null ? (of as Record<string, unknown>)[key] : undefined;
export const listed = <T>(value: unknown): readonly T[] => (Array.isArray(value) ? value : []);
const lookIn = (of: unknown, key: string): readonly unknown[] => listed(valueAt(of, key));
