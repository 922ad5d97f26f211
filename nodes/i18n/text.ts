/** Everything a person reads. Keys are typed; `{name}` in a text is replaced by a parameter of that name. */
import en from "./en.json" with { type: "json" };
import zhCN from "./zh-CN.json" with { type: "json" };

export type TextKey = keyof typeof en;
export type TextParameters = Readonly<Record<string, string | number>>;

export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

const TEXTS: Readonly<Record<Language, Readonly<Record<string, string>>>> = { en, "zh-CN": zhCN };

export interface Texts {
  readonly language: Language;
  /** A placeholder without a parameter stays visible, so that a missing one is noticed. */
  text(key: TextKey, parameters?: TextParameters): string;
  /** Text of a key made from data; undefined where there is none. */
  find(key: string, parameters?: TextParameters): string | undefined;
  /** Text of an error code (ERR_AREA_WHAT); undefined for codes this version does not know. */
  error(code: string, parameters?: TextParameters): string | undefined;
  knownReason(code: string, parameters?: TextParameters): string | undefined;
  /** Text of a reason code of a rule, contract or computation; the code itself where there is none, or not all it needs. */
  reason(code: string, parameters?: TextParameters): string;
  /** The same with the code behind it, for a person who will look it up or hand it on. */
  codedReason(code: string, parameters?: TextParameters): string;
  /** Several sayings on one line. */
  list(sayings: readonly string[]): string;
  /** The title in this language, else in any. */
  title(title: { readonly en?: string | undefined; readonly "zh-CN"?: string | undefined }): string;
}

export function createTexts(language: Language): Texts {
  const table = TEXTS[language];
  const find = (key: string, parameters: TextParameters = {}): string | undefined => {
    const text = Object.hasOwn(table, key) ? table[key] : undefined;
    return text?.replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
  };
  const known = (code: string, parameters?: TextParameters) => find(`reason.${code}`, parameters);
  const whole = (code: string, parameters?: TextParameters) => {
    const said = known(code, parameters);
    return said === undefined || /\{\w+\}/.test(said) ? undefined : said;
  };
  return Object.freeze({
    language,
    find,
    text: (key: TextKey, parameters?: TextParameters) => find(key, parameters) ?? key,
    error: (code: string, parameters?: TextParameters) => find(`error.${code}`, parameters),
    knownReason: known,
    reason: (code: string, parameters?: TextParameters) => whole(code, parameters) ?? code,
    codedReason(code: string, parameters?: TextParameters) {
      const said = whole(code, parameters);
      return said === undefined ? code : `${said} [${code}]`;
    },
    list: (sayings: readonly string[]) => sayings.join(language === "zh-CN" ? "；" : "; "),
    title: (title: { readonly en?: string | undefined; readonly "zh-CN"?: string | undefined }) =>
      title[language] ?? title.en ?? title["zh-CN"] ?? "",
  });
}

/** `--lang` first, then SEALANE_LANG, LC_ALL, LC_MESSAGES and LANG; English for every other locale. */
export function chooseLanguage(
  wanted: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Language {
  const given = wanted !== undefined && /^(en|zh)/i.test(wanted) ? wanted : undefined;
  const locale = given ?? env.SEALANE_LANG ?? env.LC_ALL ?? env.LC_MESSAGES ?? env.LANG ?? "";
  return /^zh/i.test(locale) ? "zh-CN" : "en";
}
