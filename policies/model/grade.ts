/** Grades of what is derived: the highest of all inputs on each axis (GB/T 43697-2024: the higher one counts). */
import type { Asset, Field, Grade } from "./asset.ts";

const LEGAL: readonly Grade["legal"][] = ["core", "important", "general"];
const LEVELS: readonly Grade["level"][] = ["L4", "L3", "L2", "L1"];

const highest = (grades: readonly Grade[]): Grade => ({
  legal: LEGAL.find((legal) => grades.some((grade) => grade.legal === legal)) ?? "core",
  level: LEVELS.find((level) => grades.some((grade) => grade.level === level)) ?? "L4",
});

/** Of figures that are computed from these fields; of no field, that of the asset. */
export const derivedGrade = (asset: Pick<Asset, "grade">, fields: readonly Field[]): Grade =>
  highest(fields.length === 0 ? [asset.grade] : fields.map(({ grade }) => grade ?? asset.grade));

/** Of whole records: never lower than the asset's. */
export const recordGrade = (asset: Pick<Asset, "grade">, fields: readonly Field[]): Grade =>
  highest([asset.grade, derivedGrade(asset, fields)]);

/** Core and important data, and level L4: computed over after a person has agreed, and never released as records. */
export const isGraded = ({ legal, level }: Grade): boolean => legal !== "general" || level === "L4";
