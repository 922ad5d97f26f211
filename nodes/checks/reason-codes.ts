/**
 * Reason codes that sources can emit, read off their text: what stands in a list of reasons, what is given as the
 * `reason` or `code` of a function or class (whatever it is called: its parameters say so), what a `reason` or the
 * `code` of a problem is set to. Of a choice every branch counts; what is only compared with does not. A code that is
 * put together from parts is found as it is written, so that no text can fit it.
 */

const CODE = /^[a-z][a-z0-9]*(?:-(?:[a-z0-9]+|\$\{\w+\}))*$/;
const LIST = /^(?:export )?const [A-Z_]*(?:REASONS|PROBLEM_CODES|PROBLEMS|OUTPUT_RULES|REFUSALS|_ERRORS)\b[^=]*=\s*/gm;
const FUNCTION = /(?:\bfunction\s+(\w+)|\bconst\s+(\w+)(?::\s*\w+)?\s*=\s*(?:async\s*)?)(?:<[^>(]*>)?\(/g;
const CLASS = /\bclass\s+(\w+)[\s\S]*?\n {2}constructor\(/g;
/** Its commas separate no parameters. */
const GENERIC = /<[^<>();]*>/g;
const PARAMETER = /^(?:readonly\s+)?(code|reason)\b\??\s*(?::\s*([^=]+))?/;
const SET = /\b(?:(?:const|let)\s+(code|reason)\s=|(code|reason)\??:)\s/g;
/** Of an object with a code of its own kind (a purpose, a unit) none of these is said. */
const BESIDE_CODE = /\b(?:field|at|detail|reasons|doubtful)\s*(?=[:,]|$)|kind: "refused"/;

/** Function or class -> which of its arguments is a reason code. */
type Emitters = ReadonlyMap<string, number>;

export function reasonCodes(sources: readonly string[]): ReadonlySet<string> {
  const shared = new Map(sources.flatMap((source) => emittersIn(source).filter(({ isShared }) => isShared)).map(entry));
  return new Set(
    sources.flatMap((source) => {
      const own: Emitters = new Map([...shared, ...emittersIn(source).map(entry)]);
      return [...listed(source), ...given(source, own), ...set(source)];
    }),
  );
}

const entry = ({ name, index }: { readonly name: string; readonly index: number }) => [name, index] as const;

function emittersIn(source: string) {
  return [FUNCTION, CLASS].flatMap((pattern) =>
    [...source.matchAll(pattern)].flatMap((match) => {
      const place = match.index + match[0].length;
      const parameters = partsAt(source.slice(place, place + 2_000).replace(GENERIC, ""), 0);
      const found = parameters.map((one) => PARAMETER.exec(one.trim()));
      const at = (name: string) =>
        found.findIndex((one) => one?.[1] === name && !/^(?:number|boolean|\()/.test(one[2] ?? ""));
      const index = at("reason") < 0 ? at("code") : at("reason");
      const isShared = /export\s+(?:default\s+)?$/.test(source.slice(Math.max(0, match.index - 16), match.index));
      return index < 0 ? [] : [{ name: match[1] ?? match[2] ?? "", index, isShared }];
    }),
  );
}

const listed = (source: string): readonly string[] =>
  [...source.matchAll(LIST)].flatMap(({ index, 0: head }) => {
    const list = source.slice(index + head.length).replace(/^Object\.freeze\(/, "");
    return list.startsWith("[") ? partsAt(list, 1).flatMap(codesIn) : [];
  });

const given = (source: string, emitters: Emitters): readonly string[] =>
  [...source.matchAll(/(?<!function )\b(\w+)\(/g)].flatMap(({ index, 0: head, 1: name = "" }) => {
    const argument = emitters.get(name);
    return argument === undefined ? [] : codesIn(partsAt(source, index + head.length)[argument] ?? "");
  });

const set = (source: string): readonly string[] =>
  [...source.matchAll(SET)].flatMap(({ index, 0: head, 1: constant, 2: property }) => {
    const [value = ""] = partsAt(source, index + head.length);
    const isReason = constant !== undefined || property === "reason" || BESIDE_CODE.test(around(source, index));
    return isReason ? codesIn(value).filter((code) => !code.includes("$")) : [];
  });

/** The object that a place lies in, its inner ones left out. */
function around(source: string, place: number): string {
  let start = place;
  for (let depth = 0; start > 0; start -= 1) {
    const before = source[start - 1] ?? "";
    if (")}]".includes(before)) depth += 1;
    if ("({[".includes(before)) depth -= 1;
    if (depth < 0 || (depth === 0 && before === ";")) break;
  }
  return partsAt(source, start).join(",");
}

/** What commas separate, from a place to where its bracket or its statement ends. */
function partsAt(source: string, from: number): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (let i = from; i < source.length; i += 1) {
    const token = tokenAt(source, i);
    if (")}]".includes(token)) depth -= 1;
    if (depth < 0 || (depth === 0 && token === ";")) break;
    if ("({[".includes(token)) depth += 1;
    if (depth === 0 && token === ",") parts.push("");
    else parts[parts.length - 1] += token.startsWith("//") || token.startsWith("/*") ? " " : token;
    i += token.length - 1;
  }
  return parts;
}

/** A string, a comment, or one character. */
function tokenAt(source: string, place: number): string {
  const token = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[\s\S]/y;
  token.lastIndex = place;
  return token.exec(source)?.[0] ?? "";
}

/** Strings of an expression, but for those inside of brackets, and those that something is compared with. */
function codesIn(expression: string): readonly string[] {
  const codes: string[] = [];
  let [depth, before] = [0, ""];
  for (let i = 0; i < expression.length; i += 1) {
    const token = tokenAt(expression, i);
    if (")}]".includes(token)) depth -= 1;
    if ("({[".includes(token)) depth += 1;
    if (/^["`]/.test(token) && depth === 0 && !/[=!]==?\s*$/.test(before) && CODE.test(token.slice(1, -1))) {
      codes.push(token.slice(1, -1));
    }
    before = `${before.slice(-8)}${token}`;
    i += token.length - 1;
  }
  return codes;
}
