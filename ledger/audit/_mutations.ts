/** Every small change to a JSON value: each leaf changed, each field dropped, each list shortened, swapped or repeated. */

export interface Mutation {
  /** JSON pointer of what changed. */
  readonly where: string;
  readonly kind: "change" | "drop" | "add" | "swap" | "truncate" | "repeat";
  /** Changes the value in place. */
  apply(): void;
  undo(): void;
}

/** A copy in which nothing is shared, so that a mutation changes one place only. */
export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

type Container = Record<string, unknown> | unknown[];

/** In the order of the document. Apply one, look, undo it, take the next. */
export function* mutationsOf(value: unknown, where = ""): Generator<Mutation> {
  if (value === null || typeof value !== "object") return;
  const container = value as Record<string, unknown>;
  for (const key of Object.keys(container)) {
    const here = `${where}/${key}`;
    const before = container[key];
    if (before === null || typeof before !== "object") {
      yield replacing(container, key, { where: here, kind: "change" }, changed(before));
    }
    if (!Array.isArray(value)) yield dropping(container, key, here);
    yield* mutationsOf(before, here);
  }
  if (Array.isArray(value)) yield* listMutations(value, where);
  else yield adding(container, where);
}

/** Pointer with list positions left out: the place in the schema. */
export const shapeOf = (where: string): string => where.replaceAll(/\/\d+(?=\/|$)/g, "/*");

function* listMutations(list: unknown[], where: string): Generator<Mutation> {
  if (list.length === 0) return;
  const original = [...list];
  const restore = () => {
    list.splice(0, list.length, ...original);
  };
  const mutation = (kind: Mutation["kind"], apply: () => void): Mutation => ({ where, kind, apply, undo: restore });
  yield mutation("truncate", () => list.pop());
  yield mutation("repeat", () => list.push(structuredClone(original.at(-1))));
  const at = original.findIndex((item, i) => i > 0 && JSON.stringify(item) !== JSON.stringify(original[i - 1]));
  if (at > 0) yield mutation("swap", () => list.splice(at - 1, 2, original[at], original[at - 1]));
}

function replacing(
  container: Container,
  key: string,
  what: Pick<Mutation, "where" | "kind">,
  value: unknown,
): Mutation {
  const target = container as Record<string, unknown>;
  const before = target[key];
  return {
    ...what,
    apply: () => {
      target[key] = value;
    },
    undo: () => {
      target[key] = before;
    },
  };
}

function dropping(container: Record<string, unknown>, key: string, where: string): Mutation {
  const before = container[key];
  return {
    where,
    kind: "drop",
    apply: () => {
      delete container[key];
    },
    undo: () => {
      container[key] = before;
    },
  };
}

function adding(container: Record<string, unknown>, where: string): Mutation {
  return {
    where,
    kind: "add",
    apply: () => {
      container["unexpected"] = 1;
    },
    undo: () => {
      delete container["unexpected"];
    },
  };
}

function changed(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (value === null) return "0";
  return changedText(value as string);
}

/** Another letter or digit near the middle, of the same class, so that patterns tend to hold. */
function changedText(text: string): string {
  const middle = Math.floor(text.length / 2);
  const order = [...text].map((_, at) => at).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  const at = order.find((i) => /[A-Za-z0-9]/.test(text[i] ?? ""));
  if (at === undefined) return `${text}a`;
  const old = text[at] ?? "";
  const other = /\d/.test(old)
    ? old === "1"
      ? "2"
      : "1"
    : /[A-Z]/.test(old)
      ? old === "A"
        ? "B"
        : "A"
      : old === "a"
        ? "b"
        : "a";
  return text.slice(0, at) + other + text.slice(at + 1);
}
