/**
 * Texts: every key is in every language with the same placeholders and in use; every code that can reach a person has
 * a text: the ERR_ literals of the sources, and the reason codes that they emit (reason-codes.ts).
 */
import type { Check, Finding } from "./finding.ts";
import { reasonCodes } from "./reason-codes.ts";
import { isTest, isTypeScript, readText, repositoryFiles } from "./source-files.ts";

export type Dictionary = Readonly<Record<string, string>>;

const ERROR_CODE = /"(ERR_[A-Z0-9_]*[A-Z0-9])"/g;
/** `text(`state.${name}`)`: all keys under "state." are in use. */
const FAMILY = /`([a-z][A-Za-z-]*(?:\.[A-Za-z-]+)*\.)\$\{/g;

export interface TranslationInput {
  /** File name -> keys and texts; the first one is the reference. */
  readonly languages: Readonly<Record<string, Dictionary>>;
  /** Texts of all sources that run at a user's. */
  readonly sources: readonly string[];
}

export function translationFindings({ languages, sources }: TranslationInput): readonly Finding[] {
  const [reference = "", ...others] = Object.keys(languages);
  const base = languages[reference] ?? {};
  const findings: Finding[] = others.flatMap((name) => compare(reference, base, name, languages[name] ?? {}));

  const code = sources.join("\n");
  const matches = (pattern: RegExp) => [...code.matchAll(pattern)].map((match) => match[1] ?? "");
  const mentions = (text: string) => code.includes(`"${text}"`);
  const families = matches(FAMILY);
  const errors = new Set(matches(ERROR_CODE));
  for (const error of errors) {
    if (!(`error.${error}` in base)) findings.push({ where: reference, what: `no text for error code ${error}` });
  }
  for (const reason of reasonCodes(sources)) {
    if (!(`reason.${reason}` in base)) findings.push({ where: reference, what: `no text for reason code ${reason}` });
  }
  for (const key of Object.keys(base)) {
    const known = /^(?:error|advice|reason)\.(.+)$/.exec(key)?.[1];
    const used = known === undefined ? mentions(key) || families.some((f) => key.startsWith(f)) : mentions(known);
    if (!used) findings.push({ where: reference, what: `nothing uses the key ${key}` });
  }
  return findings;
}

function compare(reference: string, base: Dictionary, name: string, other: Dictionary): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [key, text] of Object.entries(base)) {
    const translated = other[key];
    if (translated === undefined) findings.push({ where: name, what: `${key} is missing` });
    else if (translated.trim() === "" || text.trim() === "") findings.push({ where: name, what: `${key} is empty` });
    else if (placeholders(text) !== placeholders(translated)) {
      findings.push({
        where: name,
        what: `${key}: placeholders ${placeholders(translated)}, wanted ${placeholders(text)}`,
      });
    }
  }
  for (const key of Object.keys(other)) {
    if (!(key in base)) findings.push({ where: name, what: `${key} is not in ${reference}` });
  }
  return findings;
}

const placeholders = (text: string): string => `{${[...new Set(text.match(/(?<=\{)\w+(?=\})/g))].sort().join(",")}}`;

export const translations: Check = async (root) => {
  const load = async (path: string): Promise<Dictionary> => JSON.parse(await readText(root, path));
  const paths = (await repositoryFiles(root)).filter(
    (path) => isTypeScript(path) && !isTest(path) && !path.startsWith("nodes/checks/"),
  );
  const [en, zh] = ["nodes/i18n/en.json", "nodes/i18n/zh-CN.json"] as const;
  const languages = { [en]: await load(en), [zh]: await load(zh) };
  const sources = await Promise.all(paths.map((path) => readText(root, path)));
  return {
    findings: translationFindings({ languages, sources }),
    summary: `${Object.keys(languages[en] ?? {}).length} texts in 2 languages`,
  };
};
