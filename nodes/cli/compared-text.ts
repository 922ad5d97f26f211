/** The values that a rule compared, for a person. */
import type { Compared } from "../../policies/model/verdict.ts";
import type { Texts } from "../i18n/text.ts";

/** In brackets; nothing where nothing was compared. Names that this version does not know stand as they are. */
export function comparedText(compared: Compared, texts: Texts): string {
  const { text, find, language } = texts;
  const [open, between, close] = language === "zh-CN" ? ["（", "；", "）"] : [" (", "; ", ")"];
  const said = Object.entries(compared)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) =>
      text("compared.one", { name: find(`compared.${name}`) ?? name, value: valueText(value, texts) }),
    );
  return said.length === 0 ? "" : `${open}${said.join(between)}${close}`;
}

function valueText(value: Compared[string], { text, language }: Texts): string {
  if (typeof value === "boolean") return text(value ? "cli.yes" : "cli.no");
  return Array.isArray(value) ? value.join(language === "zh-CN" ? "、" : ", ") : String(value);
}
