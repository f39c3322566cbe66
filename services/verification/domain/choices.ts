/** Something in one country that a customer may insist on, and what each provider calls it: whoever has no name for it cannot sell it. */
export interface Choice {
  readonly code: string;
  readonly name: string;
  readonly providerCodes: Readonly<Record<string, string>>;
}

/** What a customer insists on. Absent: whatever comes. */
export interface Chosen {
  readonly operator?: Choice;
  readonly areaCode?: Choice;
}

/** Has a provider, by the name of its codes, a name for all that is insisted on? */
export const canChoose = (codes: string, { operator, areaCode }: Chosen): boolean =>
  [operator, areaCode].every((choice) => choice === undefined || codes in choice.providerCodes);
